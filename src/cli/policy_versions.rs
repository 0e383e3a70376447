//! `dunwell policy publish`, `activate`, `approve`, `withdraw`, `active`, `history`: policies come into force at a moment, by two
//! people.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::message::moment;
use super::out::{Answer, Code, Out, table};
use super::session::Session;
use crate::config::{Config, policies, templates};
use crate::dispatch::{SetFault, check_set};
use crate::domain::Moment;
use crate::store::{Activation, PolicySetRow, SetDigest, Store};

/// What to publish.
#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// The folder of all packs, ladders and holidays; without it that of the settings, else what the program ships
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Who publishes, for the evidence
    #[arg(long)]
    by: String,
    /// Why, for whoever approves
    #[arg(long)]
    remark: Option<String>,
}

/// What shall come into force.
#[derive(Debug, Args)]
pub(super) struct ActivateArgs {
    /// The set, by four or more digits of its beginning
    set: String,
    /// From when: an instant with offset, or local time in the zone of the portfolios; without it as soon as approved
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Who asks, for the evidence
    #[arg(long)]
    by: String,
}

/// What is approved.
#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    /// The set, by four or more digits of its beginning
    set: String,
    /// Who approves; somebody else than who asked
    #[arg(long)]
    by: String,
}

/// What is taken back.
#[derive(Debug, Args)]
pub(super) struct WithdrawArgs {
    /// The set, by four or more digits of its beginning
    set: String,
    /// Who takes the request back, for the evidence
    #[arg(long)]
    by: String,
}

/// The files of a folder of policies, or those that the settings point to.
pub(super) fn files(config: &Config, folder: Option<&PathBuf>) -> anyhow::Result<Vec<(String, String)>> {
    let mut config = config.clone();
    if let Some(folder) = folder {
        config.policies_dir = Some(folder.clone());
    }
    Ok(policies(&config)?)
}

/// Writes the files of the settings, or those that the program ships, into a folder of one's own.
pub(super) fn write(session: &Session, folder: &Path) -> anyhow::Result<Answer> {
    let files = files(&session.config()?, None)?;
    let taken = |path: &Path| std::fs::read_dir(path).is_ok_and(|mut inside| inside.next().is_some());
    if folder.is_file() || taken(folder) {
        bail!(
            "`{}` is there already\nname a folder that is not",
            folder.display()
        );
    }
    for (path, text) in &files {
        let file = folder.join(path);
        let within = file.parent().unwrap_or(folder);
        std::fs::create_dir_all(within).with_context(|| format!("`{}`", within.display()))?;
        std::fs::write(&file, text).with_context(|| format!("`{}`", file.display()))?;
    }
    let (n, shown) = (files.len(), folder.display());
    let text = session.out.lang.pick(
        format!("已写入 {n} 个文件到 {shown}\n下一步:在 dunwell.toml 中设置 policies_dir = \"{shown}\"\n"),
        format!("wrote {n} files into {shown}\nnext: say policies_dir = \"{shown}\" in dunwell.toml\n"),
    );
    Ok(Answer::new(
        text,
        json!({"folder": shown.to_string(), "files": n}),
    ))
}

/// A set with faults: all of them, and nothing was taken.
pub(super) fn refused(out: &Out, faults: &[SetFault]) -> Answer {
    let mut text = out
        .lang
        .pick(
            "规则集有错误,未发布,原有版本继续有效\n",
            "the set has faults; nothing was published and what is in force stays\n",
        )
        .to_owned();
    for fault in faults {
        let sentence = out.lang.pick(&fault.zh, &fault.en);
        text += &format!("{} {}\n", out.paint(31, "fail"), fault.said(sentence));
    }
    let json = faults
        .iter()
        .map(|f| json!({"file": f.file, "line": f.line, "rule": f.rule, "zh": f.zh, "en": f.en}));
    let json = json!({"published": false, "faults": json.collect::<Vec<_>>()});
    Answer::new(text, json).ending(Code::Violation)
}

pub(super) async fn publish(session: &Session, args: &PublishArgs) -> anyhow::Result<Answer> {
    let config = session.config()?;
    let files = files(&config, args.folder.as_ref())?;
    let set = match check_set(&templates(&config)?, &files) {
        Ok((_, set)) => set,
        Err(faults) => return Ok(refused(&session.out, &faults)),
    };
    let (store, packs) = (session.store().await?, set.packs.clone());
    let (digest, new) = store.publish_set(set, &args.by, args.remark.as_deref()).await?;
    let (lang, short) = (session.out.lang, digest.short());
    let n = packs.keys().filter(|name| *name != crate::policy::CORE).count();
    let text = match new {
        true => lang.pick(
            format!("已发布规则集 {short}({n} 个规则包)\n下一步:dunwell policy activate {short} --at 时间 --by 姓名\n"),
            format!("published set {short} ({n} packs)\nnext: dunwell policy activate {short} --at TIME --by NAME\n"),
        ),
        false => lang.pick(
            format!("规则集 {short} 早已发布,没有变化\n"),
            format!("set {short} was published before; nothing changed\n"),
        ),
    };
    let json = json!({"published": true, "new": new, "set": digest.to_string(), "packs": packs});
    Ok(Answer::new(text, json))
}

pub(super) async fn activate(session: &Session, args: &ActivateArgs) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let set = store.find_set(&args.set).await?;
    if let Some(answer) = unfit(session, &store, set).await? {
        return Ok(answer);
    }
    let at = match &args.at {
        Some(text) => Some(moment(text, zone(&store, text).await?)?),
        None => None,
    };
    let activation = store.activate_set(set, at, &args.by).await?;
    let (lang, short) = (session.out.lang, set.short());
    let from = shown(&store, activation.effective_at).await?;
    let text = lang.pick(
        format!("规则集 {short} 申请自 {from} 起生效,须由另一人批准:\ndunwell policy approve {short} --by 姓名\n"),
        format!("set {short} is to be in force from {from}; somebody else must approve it:\ndunwell policy approve {short} --by NAME\n"),
    );
    Ok(Answer::new(text, json_of(&activation)))
}

pub(super) async fn approve(session: &Session, args: &ApproveArgs) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let set = store.find_set(&args.set).await?;
    if let Some(answer) = unfit(session, &store, set).await? {
        return Ok(answer);
    }
    let activation = store.approve_set(set, &args.by).await?;
    let from = activation.in_force_at.unwrap_or(activation.effective_at);
    let (from, short) = (shown(&store, from).await?, set.short());
    let text = session.out.lang.pick(
        format!("规则集 {short} 已批准,自 {from} 起生效\n"),
        format!("set {short} is approved and in force from {from}\n"),
    );
    Ok(Answer::new(text, json_of(&activation)))
}

pub(super) async fn withdraw(session: &Session, args: &WithdrawArgs) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let set = store.find_set(&args.set).await?;
    let activation = store.withdraw_activation(set, &args.by).await?;
    let short = set.short();
    let text = session.out.lang.pick(
        format!("规则集 {short} 的生效申请已撤回,现行规则不变\n"),
        format!("the request for set {short} was taken back; what is in force stays\n"),
    );
    Ok(Answer::new(text, json_of(&activation)))
}

/// A published set that this program cannot use as a whole, with these templates.
async fn unfit(session: &Session, store: &Store, set: SetDigest) -> anyhow::Result<Option<Answer>> {
    let files = store.set_files(set).await?;
    let words = templates(&session.config()?)?;
    Ok(check_set(&words, &files)
        .err()
        .map(|faults| refused(&session.out, &faults)))
}

/// The zone that a local time is read in: that of the portfolios, where all have the same.
async fn zone(store: &Store, text: &str) -> anyhow::Result<chrono_tz::Tz> {
    if Moment::parse(text).is_ok() {
        return Ok(chrono_tz::Tz::UTC);
    }
    common_zone(store).await?.with_context(|| {
        format!("`{text}`: the portfolios have no zone in common\nwrite the offset too, e.g. `2026-07-01T00:00:00+08:00`")
    })
}

async fn common_zone(store: &Store) -> anyhow::Result<Option<chrono_tz::Tz>> {
    let registry = store.registry().await?;
    let mut zones = registry.desks.values().map(|d| d.portfolio.zone);
    let first = zones.next();
    Ok(first.filter(|first| zones.all(|z| z == *first)))
}

async fn shown(store: &Store, at: Moment) -> anyhow::Result<String> {
    Ok(at.local_text(common_zone(store).await?.unwrap_or(chrono_tz::Tz::UTC)))
}

fn json_of(a: &Activation) -> Value {
    json!({
        "activation": a.id.to_string(),
        "set": a.set.to_string(),
        "effective_at": a.effective_at.to_text(),
        "asked_by": a.asked_by,
        "asked_at": a.asked_at.to_text(),
        "approved_by": a.approved.as_ref().map(|(by, _)| by),
        "approved_at": a.approved.as_ref().map(|(_, at)| at.to_text()),
        "in_force_at": a.in_force_at.map(Moment::to_text),
        "founding": a.founding,
        "withdrawn_by": a.withdrawn.as_ref().map(|(by, _)| by),
        "withdrawn_at": a.withdrawn.as_ref().map(|(_, at)| at.to_text()),
    })
}

pub(super) async fn active(session: &Session) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let now = store.clock().now();
    let lang = session.out.lang;
    let (set, activations, sets) = (
        store.set_in_force(now).await?,
        store.activations().await?,
        store.policy_sets().await?,
    );
    let Some(set) = set else {
        let text = lang.pick(
            "没有生效的规则集;首次运行 `dunwell serve` 会使现有文件生效\n",
            "no set is in force; the first `dunwell serve` brings the files into force\n",
        );
        return Ok(Answer::new(text, json!({"set": null, "packs": {}})).ending(Code::Error));
    };
    let since = in_force(&activations, now).and_then(|a| a.in_force_at);
    let packs = sets.iter().find(|s| s.digest == set).map(|s| &s.packs);
    let mut text = match since {
        Some(since) => {
            let since = shown(&store, since).await?;
            lang.pick(
                format!("规则集 {},自 {since} 起生效\n", set.short()),
                format!("set {}, in force since {since}\n", set.short()),
            )
        }
        None => format!("{}\n", set.short()),
    };
    let rows = packs.into_iter().flatten();
    let head = lang.pick(["规则包", "版本"], ["pack", "version"]);
    text += &table(
        &head,
        99,
        rows.map(|(name, version)| vec![name.clone(), version.clone()]),
    );
    let coming = activations
        .iter()
        .filter(|a| a.in_force_at.is_some_and(|at| at > now));
    let mut next = Vec::new();
    for a in coming {
        let from = shown(&store, a.in_force_at.unwrap_or(a.effective_at)).await?;
        text += &lang.pick(
            format!("将生效:{} 自 {from}\n", a.set.short()),
            format!("to come: {} from {from}\n", a.set.short()),
        );
        next.push(json_of(a));
    }
    let json =
        json!({"set": set.to_string(), "since": since.map(Moment::to_text), "packs": packs, "to_come": next});
    Ok(Answer::new(text, json))
}

/// The activation in force at a moment: the latest that has come, of equal ones the one with the greatest id.
fn in_force(all: &[Activation], at: Moment) -> Option<&Activation> {
    let come = all
        .iter()
        .filter(|a| a.in_force_at.is_some_and(|from| from <= at));
    come.max_by_key(|a| (a.in_force_at, a.id))
}

pub(super) async fn history(session: &Session) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let (now, lang) = (store.clock().now(), session.out.lang);
    let (sets, activations) = (store.policy_sets().await?, store.activations().await?);
    let current = in_force(&activations, now).map(|a| a.id);
    let mut rows = Vec::new();
    for set in &sets {
        let at = shown(&store, set.published_at).await?;
        let what = lang.pick("发布", "published");
        let remark = set.remark.clone().unwrap_or_default();
        rows.push((
            set.published_at,
            vec![
                at,
                set.digest.short(),
                what.to_owned(),
                set.published_by.clone(),
                remark,
            ],
        ));
    }
    for a in &activations {
        let at = shown(&store, a.asked_at).await?;
        rows.push((
            a.asked_at,
            vec![
                at,
                a.set.short(),
                state(session, a, current, now).to_owned(),
                people(a),
                beginning(&store, lang, a).await?,
            ],
        ));
    }
    rows.sort_by_key(|(at, _)| *at);
    let head = lang.pick(
        ["时间", "规则集", "事项", "经办", "说明"],
        ["when", "set", "what", "who", "particulars"],
    );
    let text = table(&head, 99, rows.into_iter().map(|(_, row)| row));
    let json = json!({
        "sets": sets.iter().map(set_json).collect::<Vec<_>>(),
        "activations": activations.iter().map(json_of).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}

async fn beginning(store: &Store, lang: super::Lang, a: &Activation) -> anyhow::Result<String> {
    let from = shown(store, a.in_force_at.unwrap_or(a.effective_at)).await?;
    Ok(match a.founding {
        true => lang.pick(
            format!("首个规则集,自 {from}"),
            format!("founding set, from {from}"),
        ),
        false => lang.pick(format!("自 {from}"), format!("from {from}")),
    })
}

fn people(a: &Activation) -> String {
    match &a.approved {
        Some((by, _)) => format!("{} + {by}", a.asked_by),
        None => match &a.withdrawn {
            Some((by, _)) => format!("{} - {by}", a.asked_by),
            None => a.asked_by.clone(),
        },
    }
}

fn state(session: &Session, a: &Activation, current: Option<uuid::Uuid>, now: Moment) -> &'static str {
    let lang = session.out.lang;
    match a.in_force_at {
        None if a.withdrawn.is_some() => lang.pick("已撤回", "taken back"),
        None => lang.pick("待批准", "waits for approval"),
        Some(from) if from > now => lang.pick("将生效", "to come"),
        Some(_) if Some(a.id) == current => lang.pick("生效中", "in force"),
        Some(_) => lang.pick("曾生效", "was in force"),
    }
}

fn set_json(s: &PolicySetRow) -> Value {
    json!({"set": s.digest.to_string(), "policy": s.policy, "packs": s.packs, "published_by": s.published_by,
        "published_at": s.published_at.to_text(), "remark": s.remark})
}
