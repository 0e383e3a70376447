//! `dunwell policy diff`: two packs, two versions of one, or two sets, read like a change to a contract.

use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::Lang;
use super::out::{Answer, Out};
use super::policy_versions::files;
use super::session::Session;
use super::words::word;
use crate::policy::diff::{Change, ChangeKind, Effect, FieldChange, diff};

/// The two sides.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Before: `active`, `files`, a set by the beginning of its digest, a pack, a pack of one of these (`cn@active`), or
    /// a folder
    before: String,
    /// After, in the same forms
    after: String,
}

/// One side: its files, and whether it is a single pack.
struct Side {
    files: Vec<(String, String)>,
    pack: bool,
}

pub(super) async fn run(session: &Session, args: &DiffArgs) -> anyhow::Result<Answer> {
    let (before, after) = (
        side(session, &args.before).await?,
        side(session, &args.after).await?,
    );
    if before.pack != after.pack {
        bail!(
            "one side is a single pack, the other a whole set\nname the pack of the set too, e.g. `cn@active`"
        );
    }
    let changes = diff(&before.files, &after.files, !before.pack)?;
    let mut text = String::new();
    for change in &changes {
        text += &shown(&session.out, change);
    }
    text += &summary(session.out.lang, &changes);
    let json = json!({
        "before": args.before,
        "after": args.after,
        "changes": changes.iter().map(json_of).collect::<Vec<_>>(),
        "summary": counts(&changes).into_iter().map(|(e, n)| (e.as_str(), n)).collect::<std::collections::BTreeMap<_, _>>(),
    });
    Ok(Answer::new(text, json))
}

/// What somebody typed as a side.
async fn side(session: &Session, typed: &str) -> anyhow::Result<Side> {
    let folder = Path::new(typed);
    if folder.is_dir() {
        return of_folder(session, folder);
    }
    if let Some((pack, of)) = typed.split_once('@') {
        return only(whole(session, of).await?, pack);
    }
    let of_files = files(&session.config()?, None)?;
    if of_files
        .iter()
        .any(|(path, _)| *path == format!("{typed}/policy.toml"))
    {
        return only(of_files, typed);
    }
    let files = whole(session, typed).await?;
    Ok(Side { files, pack: false })
}

/// A whole set.
async fn whole(session: &Session, typed: &str) -> anyhow::Result<Vec<(String, String)>> {
    if typed == "files" {
        return files(&session.config()?, None);
    }
    let store = session.store().await?;
    let set = match typed {
        "active" => store
            .set_in_force(store.clock().now())
            .await?
            .context("no set is in force")?,
        typed => store.find_set(typed).await.with_context(|| {
            format!("`{typed}` is neither a pack, a published set, a folder, `files` nor `active`")
        })?,
    };
    Ok(store.set_files(set).await?)
}

fn only(files: Vec<(String, String)>, pack: &str) -> anyhow::Result<Side> {
    let head = format!("{pack}/");
    let files: Vec<_> = files
        .into_iter()
        .filter(|(path, _)| path.starts_with(&head))
        .collect();
    if files.is_empty() {
        bail!("there is no pack `{pack}` on that side");
    }
    Ok(Side { files, pack: true })
}

/// A folder of packs, or the folder of one pack.
fn of_folder(session: &Session, folder: &Path) -> anyhow::Result<Side> {
    let all = files(&session.config()?, Some(&folder.to_path_buf()))?;
    if !all.iter().any(|(path, _)| path == "policy.toml") {
        return Ok(Side {
            files: all,
            pack: false,
        });
    }
    let name = folder
        .file_name()
        .map_or_else(|| "pack".into(), |n| n.to_string_lossy());
    let files = all
        .into_iter()
        .map(|(path, text)| (format!("{name}/{path}"), text));
    Ok(Side {
        files: files.collect(),
        pack: true,
    })
}

fn shown(out: &Out, c: &Change) -> String {
    let lang = out.lang;
    let kind = match c.kind {
        ChangeKind::Added => lang.pick("新增", "added"),
        ChangeKind::Removed => lang.pick("删除", "removed"),
        ChangeKind::Changed => lang.pick("修改", "changed"),
    };
    let mut text = format!(
        "{} {} ({}) {kind}: {}\n",
        c.file,
        c.id,
        c.table,
        effect(out, c.effect)
    );
    let says = match lang {
        Lang::Zh => &c.zh,
        Lang::En => &c.en,
    };
    if let Some(says) = says {
        text += &format!("  {says}\n");
    }
    if let Some(source) = &c.source {
        let weight: Vec<String> = [&c.level, &c.sureness]
            .into_iter()
            .flatten()
            .map(|w| word(lang, w))
            .collect();
        text += &format!("  {} {source}", lang.pick("依据:", "source:"));
        text += &match weight.is_empty() {
            true => "\n".to_owned(),
            false => format!(" ({})\n", weight.join(", ")),
        };
    }
    if c.house_default {
        text += match c.kind {
            ChangeKind::Added => lang.pick(
                "  此前该规则包没有此类规则,由默认规则代替;现在默认规则让位\n",
                "  the pack had no rule of this kind and the house default stood in; now it gives way\n",
            ),
            _ => lang.pick(
                "  此后该规则包没有此类规则,由默认规则代替\n",
                "  the pack has no rule of this kind any more; the house default stands in\n",
            ),
        };
    }
    // What came or went is told by its sentence and source above.
    let told = ["zh", "en", "basis", "why", "level", "sureness"];
    for f in &c.fields {
        if c.kind == ChangeKind::Changed || !told.contains(&f.field.as_str()) {
            text += &line(out, c.kind, f);
        }
    }
    text + "\n"
}

/// One field: before and after on lines of their own where they are long.
fn line(out: &Out, kind: ChangeKind, f: &FieldChange) -> String {
    let lang = out.lang;
    let none = lang.pick("(无)", "(nothing)");
    let (before, after) = (
        f.before.as_deref().unwrap_or(none),
        f.after.as_deref().unwrap_or(none),
    );
    match kind {
        ChangeKind::Added => format!("  + {}: {after}\n", f.field),
        ChangeKind::Removed => format!("  - {}: {before}\n", f.field),
        ChangeKind::Changed => format!(
            "  {}: {}\n    {} {before}\n    {} {after}\n",
            f.field,
            effect(out, f.effect),
            lang.pick("改前:", "before:"),
            lang.pick("改后:", "after: "),
        ),
    }
}

fn effect(out: &Out, effect: Effect) -> String {
    let (zh, en) = name(effect);
    let colour = match effect {
        Effect::Looser => 31,
        Effect::Stricter => 32,
        Effect::Wording => return out.lang.pick(zh, en).to_owned(),
        Effect::Both | Effect::Unclear => 33,
    };
    out.paint(colour, out.lang.pick(zh, en))
}

fn name(effect: Effect) -> (&'static str, &'static str) {
    match effect {
        Effect::Wording => ("仅文字", "only wording"),
        Effect::Stricter => ("更严", "stricter"),
        Effect::Looser => ("更宽", "looser"),
        Effect::Both => ("有严有宽", "stricter and looser"),
        Effect::Unclear => ("影响须人工判断", "a person must judge the effect"),
    }
}

fn counts(changes: &[Change]) -> Vec<(Effect, usize)> {
    let of = |e: Effect| changes.iter().filter(|c| c.effect == e).count();
    Effect::ALL
        .iter()
        .map(|e| (*e, of(*e)))
        .filter(|(_, n)| *n > 0)
        .collect()
}

fn summary(lang: Lang, changes: &[Change]) -> String {
    if changes.is_empty() {
        return lang.pick("没有差别\n", "no difference\n").to_owned();
    }
    let each: Vec<String> = counts(changes)
        .into_iter()
        .map(|(e, n)| format!("{} {n}", lang.pick(name(e).0, name(e).1)))
        .collect();
    lang.pick(
        format!("共 {} 处改动:{}\n", changes.len(), each.join(",")),
        format!("{} changes: {}\n", changes.len(), each.join(", ")),
    )
}

fn json_of(c: &Change) -> Value {
    let field = |f: &FieldChange| json!({"field": f.field, "before": f.before, "after": f.after, "effect": f.effect.as_str()});
    json!({
        "file": c.file, "table": c.table, "rule": c.id, "change": c.kind.as_str(), "effect": c.effect.as_str(),
        "effect_zh": name(c.effect).0, "effect_en": name(c.effect).1, "source": c.source,
        "level": c.level, "sureness": c.sureness, "zh": c.zh, "en": c.en,
        "house_default": c.house_default, "fields": c.fields.iter().map(field).collect::<Vec<_>>(),
    })
}
