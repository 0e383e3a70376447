//! `dunwell template preview`: what would go out to the debtor of an account, as it would arrive, with the verdict beside it.
//! Nothing is queued.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::account::AccountRef;
use super::message::{MessageArgs, ask};
use super::out::{Answer, masked};
use super::session::Session;
use super::verdict;
use super::words::{Lang, word};
use crate::config::Config;
use crate::dispatch::{Judgement, Rulebook, judge};
use crate::domain::{Channel, Draft, Email, Letter, Moment, Situation, Sms};
use crate::render::OWN_WORDS;
use crate::store::Store;

/// What to look at.
#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    #[command(flatten)]
    account: AccountRef,
    /// How it would go: sms, email or letter
    #[arg(long)]
    channel: Channel,
    /// A template of the catalogue; without it the one that the account's ladder comes to
    #[arg(long)]
    template: Option<String>,
    /// Where to write the letter (PDF) or the page of the e-mail (HTML); without it a file among the temporary ones
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Open what was written
    #[arg(long)]
    open: bool,
}

pub(super) async fn preview(session: &Session, args: &PreviewArgs) -> anyhow::Result<Answer> {
    if args.channel == Channel::Call {
        bail!("calls have no template\ngive `--channel sms`, `email` or `letter`");
    }
    let config = session.config()?;
    let store = session.store().await?;
    let rulebook = &session.in_force(&store).await?.rulebook;
    let now = store.clock().now();
    let mut found: Option<(String, Situation, Judgement)> = None;
    for template in candidates(&store, rulebook, args).await? {
        let what = MessageArgs::of_template(args.account.clone(), args.channel, &template);
        let (attempt, _) = ask(&store, rulebook, &what, None, "").await?;
        // At the moment that it is meant for.
        let now = now.max(attempt.due_at);
        let situation = store.situation_of(&attempt, now).await?;
        let judged = judge(rulebook, &situation, now);
        let is_rendered = judged.rendered.is_some();
        if is_rendered || found.is_none() {
            found = Some((template, situation, judged));
        }
        if is_rendered {
            break;
        }
    }
    let (template, situation, judged) =
        found.with_context(|| format!("no template is written for {}", args.channel))?;
    let lang = session.out.lang;
    let shown = match judged.rendered.as_ref().map(|r| &r.draft) {
        None => Shown::default(),
        Some(Draft::Sms(sms)) => of_text(lang, &config, sms),
        Some(Draft::Email(mail)) => of_mail(lang, args, &situation, mail)?,
        Some(Draft::Letter(letter)) => of_letter(lang, args, letter, now)?,
    };
    if let (true, Some(file)) = (args.open, &shown.file) {
        open(file)?;
    }
    let mut text = format!("{template}, {}\n", word(lang, args.channel.as_str()));
    text += &shown.text;
    text.push('\n');
    text += &verdict::text(&session.out, &judged, situation.zones().shown());
    let mut json = verdict::json_of(&judged);
    json["template"] = template.into();
    json["preview"] = shown.json;
    Ok(Answer::new(text, json).ending(verdict::code(&judged)))
}

/// The templates to try: the one that was named, else those of the ladder, the nearest stage first, then all others.
async fn candidates(store: &Store, rulebook: &Rulebook, args: &PreviewArgs) -> anyhow::Result<Vec<String>> {
    if let Some(named) = &args.template {
        return Ok(vec![named.clone()]);
    }
    let (portfolio, reference) = (args.account.portfolio.as_deref(), &args.account.reference);
    let due = store
        .due_account(store.account_id(portfolio, reference).await?)
        .await?;
    let registry = store.registry().await?;
    let desk = registry
        .desks
        .get(&due.account.portfolio)
        .context("the account has no portfolio")?;
    let today = store
        .clock()
        .now()
        .utc()
        .with_timezone(&desk.portfolio.zone)
        .date_naive();
    let past = due.account.days_past_due(today);
    let mut all: Vec<String> = Vec::new();
    if let Some(ladder) = rulebook.ladders.get(&desk.portfolio.ladder) {
        let mut steps: Vec<_> = ladder.stages.iter().flat_map(|s| &s.steps).collect();
        steps.sort_by_key(|step| (step.dpd - past).abs());
        all.extend(steps.into_iter().map(|step| step.template.clone()));
    }
    all.extend(rulebook.catalogue.templates().map(|t| t.id.clone()));
    let mut seen = std::collections::BTreeSet::new();
    let written = |id: &String| {
        let template = rulebook.catalogue.template(id);
        id != OWN_WORDS && template.is_some_and(|t| t.channels.contains(&args.channel))
    };
    all.retain(|id| written(id) && seen.insert(id.clone()));
    Ok(all)
}

/// A preview: for people, for programs, and the file that was written.
#[derive(Default)]
struct Shown {
    text: String,
    json: Value,
    file: Option<PathBuf>,
}

fn of_text(lang: Lang, config: &Config, sms: &Sms) -> Shown {
    let s = sms.segments;
    let (count, currency) = (s.count, &config.price_currency);
    #[allow(clippy::cast_precision_loss, reason = "a text has few segments")]
    let cost = config.segment_price.map(|price| price * count as f64);
    let mut text = format!("{}\n\n", sms.text);
    text += &lang.pick(
        format!("编码 {},{} 个字符,{count} 段\n", s.coding, s.units),
        format!(
            "alphabet {}, {} characters, segments: {count}\n",
            s.coding, s.units
        ),
    );
    text += &match cost {
        Some(cost) => lang.pick(
            format!("费用 {cost:.4} {currency}\n"),
            format!("cost: {cost:.4} {currency}\n"),
        ),
        None => lang.pick(
            "费用不明:请设置 `channels.sms.segment_price`\n".to_owned(),
            "cost unknown: set `channels.sms.segment_price`\n".to_owned(),
        ),
    };
    let json = json!({"text": sms.text, "alphabet": s.coding.as_str(), "characters": s.units, "segments": count,
        "cost": cost, "currency": currency});
    Shown {
        text,
        json,
        file: None,
    }
}

fn of_mail(lang: Lang, args: &PreviewArgs, s: &Situation, mail: &Email) -> anyhow::Result<Shown> {
    let from = s.sender.email.as_ref().map_or("", |e| e.as_str());
    let mut headers = vec![
        ("From", format!("{} <{from}>", s.sender.name)),
        ("To", masked(&s.contact_point.address)),
        ("Subject", mail.subject.clone()),
    ];
    if !from.is_empty() {
        headers.push((
            "List-Unsubscribe",
            format!("<mailto:{from}?subject={}>", s.sender.opt_out_word),
        ));
    }
    let file = place(args, "html");
    write(&file, mail.html.as_bytes())?;
    let mut text: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    text += &format!("\n{}\n", mail.text.trim_end());
    text += &format!("\n{}: {}\n", lang.pick("网页正文", "HTML"), file.display());
    let headers: serde_json::Map<String, Value> = headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let json = json!({"headers": headers, "text": mail.text, "html": file.display().to_string()});
    Ok(Shown {
        text,
        json,
        file: Some(file),
    })
}

#[cfg(feature = "letters")]
fn of_letter(lang: Lang, args: &PreviewArgs, letter: &Letter, now: Moment) -> anyhow::Result<Shown> {
    let typeset = crate::channels::letters::typeset_paged(letter, now.utc().date_naive())?;
    let file = place(args, "pdf");
    write(&file, &typeset.pdf)?;
    let (pages, form, paper) = (typeset.pages, letter.form, letter.form.paper());
    let text = lang.pick(
        format!("{}\n{pages} 页,纸张 {paper},版式 {form}\n", file.display()),
        format!("{}\npages: {pages}, paper {paper}, form {form}\n", file.display()),
    );
    let json =
        json!({"pdf": file.display().to_string(), "pages": pages, "paper": paper, "form": form.as_str()});
    Ok(Shown {
        text,
        json,
        file: Some(file),
    })
}

#[cfg(not(feature = "letters"))]
fn of_letter(_: Lang, _: &PreviewArgs, _: &Letter, _: Moment) -> anyhow::Result<Shown> {
    bail!("this build has no typesetter; build with the feature `letters`")
}

fn place(args: &PreviewArgs, suffix: &str) -> PathBuf {
    let name = || {
        let good = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let account: String = args.account.reference.chars().map(good).collect();
        std::env::temp_dir().join(format!("dunwell-preview-{account}.{suffix}"))
    };
    args.out.clone().unwrap_or_else(name)
}

/// Writes a file that its owner alone may read.
fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file);
    opened
        .and_then(|mut f| f.write_all(bytes))
        .with_context(|| format!("`{}` cannot be written", file.display()))
}

fn open(file: &Path) -> anyhow::Result<()> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    std::process::Command::new(program)
        .arg(file)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .with_context(|| format!("`{program}` cannot be started\nopen {} yourself", file.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_no_path() {
        let args = PreviewArgs {
            account: AccountRef {
                reference: "../../etc/x 7".to_owned(),
                portfolio: None,
            },
            channel: Channel::Letter,
            template: None,
            out: None,
            open: false,
        };
        assert!(place(&args, "pdf").ends_with("dunwell-preview-------etc-x-7.pdf"));
    }
}
