//! `dunwell export`: accounts and events out, in files that `dunwell import` reads back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::out::Answer;
use super::session::Session;
use crate::domain::{AccountId, AccountState, ContactPoint, ZoneSource};
use crate::ledger::{
    AccountRow, EventKind, EventRow, RelatedPerson, write_accounts_csv, write_accounts_jsonl,
    write_events_csv, write_events_jsonl,
};
use crate::store::{DueAccount, Store};

/// What can be taken out.
#[derive(Debug, Subcommand)]
pub(super) enum ExportCommand {
    /// Accounts with debtors, contact points and related people, as they stand; closed ones are left out
    #[command(
        after_help = "Examples:\n  dunwell export accounts --output accounts.csv\n  dunwell export accounts --before-events --format jsonl --output accounts.jsonl"
    )]
    Accounts {
        #[command(flatten)]
        file: FileArgs,
        /// Balances and disputes as they were before the events that `export events` gives: importing both into another
        /// database leads to today
        #[arg(long)]
        before_events: bool,
    },
    /// What happened: payments, promises, disputes, reasons to stop, calls, consents, wishes
    #[command(
        after_help = "Examples:\n  dunwell export events --output events.csv\n  dunwell export events --format jsonl | head"
    )]
    Events {
        #[command(flatten)]
        file: FileArgs,
    },
}

/// How and where.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// How rows are written
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Where to; without it standard output. A file that is there is not overwritten
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

pub(super) async fn run(session: &Session, command: ExportCommand) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    match command {
        ExportCommand::Accounts { file, before_events } => {
            let mut rows = accounts(&store).await?;
            if before_events {
                rewind(&mut rows, &store.ledger_events().await?);
            }
            let text = match file.format {
                Format::Csv => write_accounts_csv(&rows)?,
                Format::Jsonl => write_accounts_jsonl(&rows)?,
            };
            give(session, &store, ("accounts", rows.len()), &file, text).await
        }
        ExportCommand::Events { file } => {
            let rows = store.ledger_events().await?;
            let text = match file.format {
                Format::Csv => write_events_csv(&rows),
                Format::Jsonl => write_events_jsonl(&rows),
            };
            give(session, &store, ("events", rows.len()), &file, text).await
        }
    }
}

async fn give(
    session: &Session,
    store: &Store,
    (what, rows): (&'static str, usize),
    file: &FileArgs,
    text: String,
) -> anyhow::Result<Answer> {
    store
        .record_export(what, rows as u64, &super::session::system_user())
        .await?;
    let json = json!({"export": what, "rows": rows,
        "output": file.output.as_ref().map(|f| f.display().to_string())});
    let Some(path) = &file.output else {
        return Ok(Answer::new(text, json));
    };
    write_new(path, &text)?;
    let said = session.out.lang.pick(
        format!("{rows} 行已写入 {}", path.display()),
        format!("{rows} rows written to {}", path.display()),
    );
    Ok(Answer::new(said, json))
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut file =
        std::fs::File::create_new(path).with_context(|| format!("`{}` cannot be written", path.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("`{}` cannot be written", path.display()))
}

/// Every account that is not closed, as a ledger row.
async fn accounts(store: &Store) -> anyhow::Result<Vec<AccountRow>> {
    let registry = store.registry().await?;
    let now = store.clock().now();
    let (mut rows, mut after) = (Vec::new(), AccountId(uuid::Uuid::nil()));
    loop {
        let page = store.accounts_page(after, 500).await?;
        let Some(last) = page.last() else { return Ok(rows) };
        after = last.account.id;
        let debtors: Vec<_> = page.iter().map(|d| d.debtor.id).collect();
        let references = store.person_references(&debtors).await?;
        let ids: Vec<_> = page.iter().map(|d| d.account.id).collect();
        let mut related = store.related(&ids).await?;
        for due in page
            .into_iter()
            .filter(|d| d.account.state != AccountState::Closed)
        {
            let desk = registry
                .desks
                .get(&due.account.portfolio)
                .context("an account has no portfolio")?;
            let people = related.remove(&due.account.id).unwrap_or_default().into_iter();
            let people = people.map(|(role, person, points)| RelatedPerson {
                role,
                name: person.name,
                contacts: contacts(points),
            });
            let debtor_ref = references.get(&due.debtor.id).cloned().unwrap_or_default();
            let today = now.date_in(desk.portfolio.zone);
            let place = (desk.portfolio.name.clone(), debtor_ref, rows.len() as u64 + 2);
            rows.push(row(due, place, people.collect(), today));
        }
    }
}

fn contacts(points: Vec<ContactPoint>) -> Vec<(crate::domain::Address, crate::domain::ContactUse)> {
    points.into_iter().map(|p| (p.address, p.usage)).collect()
}

fn row(
    due: DueAccount,
    (portfolio, debtor_ref, line): (String, String, u64),
    related: Vec<RelatedPerson>,
    today: chrono::NaiveDate,
) -> AccountRow {
    let (a, d) = (due.account, due.debtor);
    let stated = d.zones.source == ZoneSource::Stated;
    // A ledger says of a settled debt since when; we know that it is by today.
    let settled = a.state == AccountState::Settled && a.balance_minor > 0;
    AccountRow {
        row: line,
        digest: [0; 32],
        portfolio: Some(portfolio),
        debtor_ref,
        debtor: d.kind,
        name: d.name,
        locale: d.locale,
        country: d.country,
        region: d.region,
        postal_code: d.postal_code,
        zone: d.zones.candidates.first().copied().filter(|_| stated),
        zone_until: d.zone_until.filter(|_| stated),
        contacts: contacts(due.contact_points),
        related,
        reference: a.reference,
        claim: a.claim,
        currency: a.currency,
        amount_minor: a.amount_minor,
        balance_minor: a.balance_minor.max(0),
        issued_on: a.issued_on,
        due_on: a.due_on,
        instalments: a.instalments,
        confirmed: a.confirmed,
        observation: a.observation,
        disputed: a.disputed,
        settled_on: settled.then_some(today),
        preferred_channel: a.preferred,
    }
}

/// Takes the effect of events off the accounts.
fn rewind(rows: &mut [AccountRow], events: &[EventRow]) {
    let mut paid: HashMap<(&str, &str), i64> = HashMap::new();
    let mut disputed: std::collections::HashSet<(&str, &str)> = std::collections::HashSet::new();
    for event in events {
        let (Some(portfolio), Some(reference)) = (&event.account.portfolio, &event.account.reference) else {
            continue;
        };
        let key = (portfolio.as_str(), reference.as_str());
        match &event.kind {
            EventKind::Payment { amount, .. } => *paid.entry(key).or_default() += amount.minor,
            EventKind::DisputeOpened { .. } => {
                disputed.insert(key);
            }
            _ => {}
        }
    }
    for row in rows {
        let portfolio = row.portfolio.clone().unwrap_or_default();
        let key = (portfolio.as_str(), row.reference.as_str());
        if let Some(paid) = paid.get(&key) {
            row.balance_minor += paid;
            row.settled_on = None;
        }
        row.disputed &= !disputed.contains(&key);
    }
}
