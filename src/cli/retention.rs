//! `dunwell retention`: who is kept by which rule, and erasing those whose time has come.

use clap::Subcommand;
use serde_json::json;

use super::out::{Answer, Code, table};
use super::session::Session;
use crate::dispatch::{Schedule, schedule};
use crate::store::RetentionTold;

/// The schedule of keeping and erasing.
#[derive(Debug, Subcommand)]
pub(super) enum RetentionCommand {
    /// How many people are kept by which rule, and whose time has come
    #[command(after_help = "Examples:\n  dunwell retention report\n  dunwell retention report --json")]
    Report,
    /// Erases everybody whose time has come; the log tells who and by which rule
    #[command(
        after_help = "Examples:\n  dunwell retention run --dry-run --by zhao\n  dunwell retention run --by zhao\n\nExit codes: 0 done, 4 somebody whose time had come could not be erased, or a backup could not be reached."
    )]
    Run {
        /// Who asked for it
        #[arg(long)]
        by: String,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) async fn run(session: &Session, command: RetentionCommand) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let under = session.in_force(&store).await?;
    let now = store.clock().now();
    let found = schedule(&store, &under, now).await?;
    let (by, dry_run) = match command {
        RetentionCommand::Report => return Ok(report(session, &found, false)),
        RetentionCommand::Run { by, dry_run } => (by, dry_run),
    };
    if dry_run {
        return Ok(report(session, &found, true));
    }
    let mut told = RetentionTold {
        policy: under
            .set
            .map_or_else(|| under.rulebook.policy.digest().to_owned(), |s| s.to_string()),
        ..RetentionTold::default()
    };
    let people = found.due.iter().map(|due| {
        let basis = format!(
            "retention ended {}: {} ({})",
            due.since.utc().date_naive(),
            due.rule,
            due.basis
        );
        (due.person, basis)
    });
    let (mut all, erased, kept) = store.erase_people(people.collect(), &by).await?;
    told.erased = erased;
    told.kept = kept.len() as u64;
    for (person, why) in kept {
        session
            .out
            .remark(&format!("{person}:{why}"), &format!("{person}: {why}"));
    }
    store.record_retention(&by, &told).await?;
    store.close().await;
    all.unreachable.sort();
    all.unreachable.dedup();
    let mut text = session.out.lang.pick(
        format!(
            "已按期限删除 {} 人({} 条消息的内容),{} 人未能删除\n",
            told.erased, all.messages, told.kept
        ),
        format!(
            "{} people erased as the schedule says (the words of {} messages), {} could not be\n",
            told.erased, all.messages, told.kept
        ),
    );
    for folder in &all.unreachable {
        text += &session.out.lang.pick(
            format!("注意:备份 {folder} 无法访问\n"),
            format!("mind: the backup {folder} cannot be reached\n"),
        );
    }
    let code = if told.kept == 0 && all.unreachable.is_empty() {
        Code::Done
    } else {
        Code::Partial
    };
    let json = json!({"erased": told.erased, "kept": told.kept, "messages": all.messages, "unreachable": all.unreachable});
    Ok(Answer::new(text, json).ending(code))
}

fn report(session: &Session, found: &Schedule, each: bool) -> Answer {
    let lang = session.out.lang;
    let line = |zh: &str, en: &str, basis: &str, n: u64| {
        vec![lang.pick(zh, en).to_owned(), basis.to_owned(), n.to_string()]
    };
    let mut rows = vec![
        line("可删除", "time has come", "", found.due.len() as u64),
        line("仍有欠款", "something is owed", "", found.open),
        line("法律保全", "legal hold", "", found.held),
    ];
    for (rule, (basis, n)) in &found.kept {
        let (zh, en) = match rule.as_str() {
            "-" => ("无规则规定期限", "no rule says how long"),
            rule => (rule, rule),
        };
        rows.push(line(zh, en, basis, *n));
    }
    let head = lang.pick(["原因", "依据", "人数"], ["why", "basis", "people"]);
    let mut text = table(&head, 2, rows);
    if each {
        for due in &found.due {
            text += &format!(
                "{} {} {} ({})\n",
                due.person,
                due.since.utc().date_naive(),
                due.rule,
                due.basis
            );
        }
    }
    let due: Vec<_> = found
        .due
        .iter()
        .map(|d| json!({"person": d.person.to_string(), "since": d.since.to_text(), "rule": d.rule, "basis": d.basis}))
        .collect();
    let kept: Vec<_> = found
        .kept
        .iter()
        .map(|(rule, (basis, n))| json!({"rule": rule, "basis": basis, "people": n}))
        .collect();
    Answer::new(
        text,
        json!({"due": due, "open": found.open, "held": found.held, "kept": kept}),
    )
}
