//! `dunwell access` and `dunwell auditor`: who may look from outside, and what they then see. All of it only reads, and
//! everything that is shown is an entry of the log.

use std::path::PathBuf;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use clap::{Args, Subcommand};
use serde_json::json;

use super::explain::{ExplainArgs, explain};
use super::out::{Answer, table};
use super::session::Session;
use crate::store::{Grant, NewGrant, Store};

/// Permissions to look.
#[derive(Debug, Subcommand)]
pub(super) enum AccessCommand {
    /// Lets somebody from outside look for a time; the token is shown once
    #[command(
        after_help = "Examples:\n  dunwell access grant --auditor 'Bureau, case 17' --purpose inspection --for 14d --by zhao\n  dunwell access grant --auditor kpmg --purpose audit --for 48h --portfolio consumer --by zhao"
    )]
    Grant {
        /// Who may look
        #[arg(long)]
        auditor: String,
        /// What for
        #[arg(long)]
        purpose: String,
        /// For how long: hours `48h` or days `14d`, at most 92 days
        #[arg(long = "for", value_name = "TIME")]
        lasts: String,
        /// Only at this portfolio
        #[arg(long)]
        portfolio: Option<String>,
        /// Who gives it
        #[arg(long)]
        by: String,
    },
    /// Permissions, newest first
    #[command(after_help = "Examples:\n  dunwell access list")]
    List,
    /// Takes a permission back
    #[command(
        after_help = "Examples:\n  dunwell access revoke 019cad74-34c0-7000-802b-a8bb24ebf850 --by zhao"
    )]
    Revoke {
        /// The permission
        #[arg(value_name = "ID")]
        id: String,
        /// Who takes it back
        #[arg(long)]
        by: String,
    },
}

/// What somebody from outside can see.
#[derive(Debug, Args)]
pub(super) struct AuditorArgs {
    /// A file that holds the token and nothing else; without it the environment variable DUNWELL_AUDITOR_TOKEN
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    #[command(subcommand)]
    command: AuditorCommand,
}

#[derive(Debug, Subcommand)]
enum AuditorCommand {
    /// Messages, newest first, without their words
    #[command(after_help = "Examples:\n  dunwell auditor messages --limit 200 --token-file token.txt")]
    Messages {
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// The whole story of one message, with its words
    #[command(after_help = "Examples:\n  dunwell auditor message 3f2a9c10 --token-file token.txt")]
    Message {
        /// Id of the message, or four or more digits of its beginning or end
        #[arg(value_name = "ATTEMPT")]
        id: String,
    },
    /// One account and everything that happened to it
    #[command(after_help = "Examples:\n  dunwell auditor account 0000200001 --token-file token.txt")]
    Account {
        /// The creditor's own number of the account
        #[arg(value_name = "REF")]
        reference: String,
        /// Its portfolio, where several have this number
        #[arg(long)]
        portfolio: Option<String>,
    },
    /// The newest entries of the log
    #[command(after_help = "Examples:\n  dunwell auditor log --limit 500 --json --token-file token.txt")]
    Log {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
}

fn duration(text: &str) -> anyhow::Result<TimeDelta> {
    let expected = || format!("`{text}`: expected hours such as `48h` or days such as `14d`");
    let hours = text.strip_suffix('h').map(|n| (n, 1));
    let days = || text.strip_suffix('d').map(|n| (n, 24));
    let (number, hours) = hours.or_else(days).with_context(expected)?;
    let number: i64 = number
        .parse()
        .ok()
        .filter(|n| (1..=2208).contains(n))
        .with_context(expected)?;
    Ok(TimeDelta::hours(number * hours))
}

pub(super) async fn run(session: &Session, command: AccessCommand) -> anyhow::Result<Answer> {
    let (store, lang) = (session.store().await?, session.out.lang);
    match command {
        AccessCommand::Grant {
            auditor,
            purpose,
            lasts,
            portfolio,
            by,
        } => {
            if let Some(name) = &portfolio {
                super::session::desk(&*store.registry().await?, name)?;
            }
            let wanted = NewGrant {
                auditor,
                purpose,
                portfolio,
                lasts: duration(&lasts)?,
            };
            let (grant, token) = store.grant_access(wanted, &by).await?;
            let text = lang.pick(
                format!(
                    "已授权 {} 查阅至 {}(编号 {})\n令牌(仅显示一次):{token}",
                    grant.auditor, grant.until, grant.id
                ),
                format!(
                    "{} may look until {} (permission {})\ntoken, shown this once: {token}",
                    grant.auditor, grant.until, grant.id
                ),
            );
            let json = json!({"grant": grant.id.to_string(), "until": grant.until.to_text(), "token": token});
            Ok(Answer::new(text, json))
        }
        AccessCommand::List => {
            let now = store.clock().now();
            let all = store.grants().await?;
            let stands = |g: &Grant| match (g.holds(now), g.revoked_at) {
                (true, _) => lang.pick("有效", "holds"),
                (false, Some(_)) => lang.pick("已收回", "taken back"),
                (false, None) => lang.pick("已到期", "ended"),
            };
            let rows = all.iter().map(|g| {
                vec![
                    g.id.to_string(),
                    g.auditor.clone(),
                    g.purpose.clone(),
                    g.portfolio.clone().unwrap_or_else(|| "*".into()),
                    g.until.to_text(),
                    stands(g).to_owned(),
                ]
            });
            let head = lang.pick(
                ["编号", "查阅人", "目的", "组合", "至", "状态"],
                ["permission", "who", "what for", "portfolio", "until", "stands"],
            );
            let json: Vec<_> = all
                .iter()
                .map(|g| {
                    json!({"grant": g.id.to_string(), "auditor": g.auditor, "purpose": g.purpose, "portfolio": g.portfolio,
                        "by": g.granted_by, "at": g.granted_at.to_text(), "until": g.until.to_text(), "holds": g.holds(now)})
                })
                .collect();
            Ok(Answer::new(table(&head, 99, rows), json!(json)))
        }
        AccessCommand::Revoke { id, by } => {
            let id = uuid::Uuid::parse_str(&id)
                .context("expected the id of a permission, as `access list` shows it")?;
            store.revoke_access(id, &by).await?;
            Ok(Answer::new(
                lang.pick("已收回", "taken back"),
                json!({"grant": id.to_string()}),
            ))
        }
    }
}

fn token(args: &AuditorArgs) -> anyhow::Result<String> {
    let text = match &args.token_file {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?
        }
        None => std::env::var("DUNWELL_AUDITOR_TOKEN")
            .context("give the token by `--token-file` or DUNWELL_AUDITOR_TOKEN")?,
    };
    Ok(text.trim().to_owned())
}

/// Whether the permission reaches this portfolio.
fn within(grant: &Grant, portfolio: &str) -> anyhow::Result<()> {
    match &grant.portfolio {
        Some(only) if only != portfolio => {
            bail!("this permission to look is for the portfolio `{only}` alone")
        }
        _ => Ok(()),
    }
}

pub(super) async fn auditor(session: &Session, args: &AuditorArgs) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let grant = store.access(&token(args)?).await?;
    let actor = format!("auditor {} ({})", grant.auditor, grant.id);
    match &args.command {
        AuditorCommand::Messages { limit } => {
            store.record_read(&actor, "messages", None, None).await?;
            messages(session, &store, &grant, *limit).await
        }
        AuditorCommand::Message { id } => {
            let id = store.find_attempt(id).await?;
            within(&grant, &store.story(id).await?.attempt.portfolio)?;
            // Recorded before it is shown; the command itself records nothing more.
            store.record_read(&actor, "message", Some(id), None).await?;
            explain(session, &ExplainArgs::recorded(id)).await
        }
        AuditorCommand::Account { reference, portfolio } => {
            let portfolio = portfolio.clone().or_else(|| grant.portfolio.clone());
            let id = store.account_id(portfolio.as_deref(), reference).await?;
            let registry = store.registry().await?;
            let account = store.due_account(id).await?.account;
            let desk = registry.desks.get(&account.portfolio);
            within(&grant, desk.map_or("", |d| d.portfolio.name.as_str()))?;
            store.record_read(&actor, "account", None, Some(id)).await?;
            super::account::show(session, &store, id).await
        }
        AuditorCommand::Log { limit } => {
            if let Some(only) = &grant.portfolio {
                bail!("this permission to look is for the portfolio `{only}` alone; the log tells of all");
            }
            store.record_read(&actor, "log", None, None).await?;
            super::evidence::list(session, *limit).await
        }
    }
}

async fn messages(session: &Session, store: &Store, grant: &Grant, limit: i64) -> anyhow::Result<Answer> {
    let all = store.attempts(None, grant.portfolio.as_deref(), limit).await?;
    let lang = session.out.lang;
    let rows = all.iter().map(|a| {
        vec![
            a.id.to_string(),
            a.portfolio.clone(),
            a.reference.clone(),
            a.channel.clone(),
            a.state.as_str().to_owned(),
            a.reserved_at.unwrap_or(a.due_at).to_text(),
        ]
    });
    let head = lang.pick(
        ["编号", "组合", "账户", "渠道", "状态", "时间"],
        ["message", "portfolio", "account", "channel", "state", "when"],
    );
    let json: Vec<_> = all
        .iter()
        .map(|a| {
            json!({"id": a.id.to_string(), "portfolio": a.portfolio, "account": a.reference, "channel": a.channel,
                "state": a.state.as_str(), "due_at": a.due_at.to_text(), "reason": a.reason})
        })
        .collect();
    Ok(Answer::new(table(&head, 99, rows), json!(json)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_hours_or_days() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(duration(text).ok().map(|d| d.num_hours()), expected, "{text}");
        };
        check("48h", Some(48));
        check("14d", Some(336));
        check("0h", None);
        check("-1d", None);
        check("14", None);
        check("14天", None);
        check("", None);
        check("99999999999d", None);
    }
}
