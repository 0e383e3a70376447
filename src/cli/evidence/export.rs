//! `evidence export`: the whole answer to a question as a folder, with one command.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::notary;
use crate::cli::message::moment;
use crate::cli::out::Answer;
use crate::cli::session::{Session, desk};
use crate::domain::{Moment, PersonId};
use crate::evidence::bundle::{About, Files, Scope};
use crate::notary::{Bundle, BundleAsk};
use crate::store::Store;

/// What is asked, and where the answer goes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("about").required(true).args(["attempt", "person", "account", "campaign"]))]
pub(in crate::cli) struct ExportArgs {
    /// One message, by its id or four or more digits of it; can be given again
    #[arg(long, value_name = "ATTEMPT")]
    attempt: Vec<String>,
    /// Everything addressed to a person: the creditor's number of the person, or its id; can be given again
    #[arg(long, value_name = "REF")]
    person: Vec<String>,
    /// Everything about a debt: the creditor's number of the account; can be given again
    #[arg(long, value_name = "REF")]
    account: Vec<String>,
    /// Its portfolio, where several have this number
    #[arg(long, requires = "account")]
    portfolio: Option<String>,
    /// Everything that the campaign of a portfolio asked for
    #[arg(long, value_name = "PORTFOLIO")]
    campaign: Option<String>,
    /// Number of the complaint that is answered; stands in the answer
    #[arg(long, value_name = "NUMBER")]
    complaint: Option<String>,
    /// Only what happened from then on: a date, a local time of the portfolio, or an instant with offset
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only what happened before then; a date counts to its end
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Answer with the head of so many entries, to make an earlier bundle again
    #[arg(long, value_name = "ENTRIES")]
    head: Option<u64>,
    /// Language of the certificate; without it that of the messages
    #[arg(long)]
    language: Option<Language>,
    /// Leave the keys of sealed texts out: the proofs hold, and nobody can read personal data in it
    #[arg(long)]
    without_keys: bool,
    /// Typeset no certificate
    #[arg(long)]
    without_certificate: bool,
    /// Who asks for it; stands in the log
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// A language of certificates.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

pub(super) async fn export(session: &Session, args: &ExportArgs) -> anyhow::Result<Answer> {
    is_free(&args.out)?;
    let (store, notary) = notary(session).await?;
    let scope = scope(&store, args).await?;
    let language = args.language.map(|l| match l {
        Language::Zh => "zh".to_owned(),
        Language::En => "en".to_owned(),
    });
    let ask = BundleAsk {
        scope,
        reference: args.complaint.clone(),
        language,
        head: args.head,
        keys: !args.without_keys,
        certificate: !args.without_certificate,
        actor: Some(args.by.clone().unwrap_or_else(crate::cli::session::system_user)),
    };
    let bundle = notary.bundle(&ask).await?;
    write(&args.out, &bundle.files)?;
    Ok(told(session, &args.out, &bundle))
}

/// Nothing else may lie in a bundle.
fn is_free(folder: &Path) -> anyhow::Result<()> {
    match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e).with_context(|| format!("`{}` cannot be read", folder.display())),
        Ok(mut inside) => match inside.next() {
            None => Ok(()),
            Some(_) => bail!(
                "`{}` is not empty; a bundle needs a folder of its own",
                folder.display()
            ),
        },
    }
}

async fn scope(store: &Store, args: &ExportArgs) -> anyhow::Result<Scope> {
    let registry = store.registry().await?;
    let mut zones: Vec<Tz> = registry.sorted().iter().map(|d| d.portfolio.zone).collect();
    zones.dedup();
    let mut ids = Vec::new();
    let about = if !args.attempt.is_empty() {
        for typed in &args.attempt {
            ids.push(store.find_attempt(typed).await?.to_string());
        }
        About::Attempt
    } else if !args.person.is_empty() {
        for typed in &args.person {
            let person = match typed.parse::<PersonId>() {
                Ok(id) => id,
                Err(_) => store.person_by_reference(typed).await?,
            };
            ids.push(person.to_string());
        }
        About::Person
    } else if !args.account.is_empty() {
        for typed in &args.account {
            let account = store.account_id(args.portfolio.as_deref(), typed).await?;
            if let Some(desk) = registry
                .desks
                .get(&store.timeline(account).await?.account.portfolio)
            {
                zones = vec![desk.portfolio.zone];
            }
            ids.push(account.to_string());
        }
        About::Account
    } else {
        let name = args.campaign.as_deref().unwrap_or_default();
        zones = vec![desk(&registry, name)?.portfolio.zone];
        ids.push(format!("campaign {name}"));
        About::Campaign
    };
    // Local times are those of the portfolio; where several differ, of nobody.
    let zone = match zones.as_slice() {
        [one] => *one,
        _ => Tz::UTC,
    };
    ids.sort();
    ids.dedup();
    let time = |text: &Option<String>, end: bool| match text {
        None => Ok(None),
        Some(text) => moment_of(text, zone, end).map(|at| Some(at.to_text())),
    };
    Ok(Scope {
        about,
        ids,
        from: time(&args.from, false)?,
        until: time(&args.until, true)?,
    })
}

/// A time, or the beginning or end of a date.
fn moment_of(text: &str, zone: Tz, end: bool) -> anyhow::Result<Moment> {
    let Ok(date) = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d") else {
        return moment(text, zone);
    };
    let date = if end {
        date.succ_opt().unwrap_or(date)
    } else {
        date
    };
    // Where midnight does not exist the day begins with the next instant that does.
    let mut local = date.and_time(NaiveTime::MIN);
    for _ in 0..24 {
        if let Some(at) = local.and_local_timezone(zone).earliest() {
            return Ok(Moment::new(at.to_utc()));
        }
        local += chrono::TimeDelta::minutes(15);
    }
    bail!("`{text}` is no date in {zone}")
}

/// Writes files that only their owner may read.
fn write(folder: &Path, files: &Files) -> anyhow::Result<()> {
    for (path, bytes) in files {
        let path = folder.join(path);
        let cannot = || format!("`{}` cannot be written", path.display());
        if let Some(parent) = path.parent() {
            make_folder(parent).with_context(cannot)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).with_context(cannot)?;
        std::io::Write::write_all(&mut file, bytes).with_context(cannot)?;
    }
    Ok(())
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn told(session: &Session, folder: &Path, bundle: &Bundle) -> Answer {
    let (s, place) = (&bundle.statement, folder.display());
    let (attempts, entries) = (s.answer.attempts.len(), s.answer.entries.len());
    let text = session.out.lang.pick(
        format!(
            "已写入 {place}:{attempts} 次触达,{entries} 条记录,树头共 {} 条\n清单的 SHA-256(请另行告知接收方):{}\n核验:dunwell evidence verify {place} --policy trusted.policy",
            s.size, bundle.manifest
        ),
        format!(
            "wrote {place}: {attempts} attempts, {entries} entries, under the head of {} entries\nSHA-256 of the manifest (tell the receiver by another way): {}\nto check it: dunwell evidence verify {place} --policy trusted.policy",
            s.size, bundle.manifest
        ),
    );
    let json = json!({"folder": place.to_string(), "origin": s.origin, "size": s.size, "root": s.root,
        "attempts": s.answer.attempts, "entries": s.answer.entries, "manifest": bundle.manifest,
        "language": s.language, "files": bundle.files.keys().collect::<Vec<_>>()});
    Answer::new(text, json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_from_their_beginning_to_their_end() {
        let check = |text: &str, zone: Tz, end: bool, expected: &str| {
            assert_eq!(moment_of(text, zone, end).unwrap().to_text(), expected, "{text}");
        };
        check(
            "2026-04-07",
            Tz::Asia__Shanghai,
            false,
            "2026-04-06T16:00:00.000000Z",
        );
        check(
            "2026-04-07",
            Tz::Asia__Shanghai,
            true,
            "2026-04-07T16:00:00.000000Z",
        );
        check(
            "2026-04-07 12:00",
            Tz::Asia__Shanghai,
            true,
            "2026-04-07T04:00:00.000000Z",
        );
        check(
            "2026-04-07T12:00:00Z",
            Tz::Asia__Shanghai,
            true,
            "2026-04-07T12:00:00.000000Z",
        );
        // A day that begins at one o'clock.
        check(
            "2018-11-04",
            Tz::America__Sao_Paulo,
            false,
            "2018-11-04T03:00:00.000000Z",
        );
        assert!(moment_of("soon", Tz::UTC, false).is_err());
    }
}
