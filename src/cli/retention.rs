//! `dunwell retention`: which records are kept how long by which rule, and shredding those whose time has come.

use clap::Subcommand;
use serde_json::json;

use super::out::{Answer, Code, table};
use super::session::Session;
use crate::dispatch::{Keeping, Schedule, schedule, shred, strangers_rule};
use crate::policy::RecordClass;
use crate::store::{Erased, RetentionTold};

/// The schedule of keeping and erasing.
#[derive(Debug, Subcommand)]
pub(super) enum RetentionCommand {
    /// Which rule decides about each class of records, how many people are kept by which rule, and whose time has come
    #[command(after_help = "Examples:\n  dunwell retention report\n  dunwell retention report --json")]
    Report,
    /// Shreds the records and erases the people whose time has come; the log tells what, by which rule and which law
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
    let strangers = strangers_rule(&under, now);
    let (by, dry_run) = match command {
        RetentionCommand::Report => return Ok(report(session, &found, strangers.as_ref(), false)),
        RetentionCommand::Run { by, dry_run } => (by, dry_run),
    };
    if dry_run {
        return Ok(report(session, &found, strangers.as_ref(), true));
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
    for due in &found.classes {
        // Whoever was erased just now has nothing left of it.
        let mut due = due.clone();
        if due.class != RecordClass::Strangers {
            due.of = store.left_of(due.class, &due.of).await?;
        }
        if !due.of.is_empty() {
            told.shredded += shred(&store, &due, &by, &told.policy).await?;
        }
    }
    store.record_retention(&by, &told).await?;
    store.close().await;
    all.unreachable.sort();
    all.unreachable.dedup();
    Ok(done(session, &told, &all))
}

fn done(session: &Session, told: &RetentionTold, all: &Erased) -> Answer {
    let mut text = session.out.lang.pick(
        format!(
            "已按期限删除 {} 人({} 条消息的内容),{} 人未能删除;另销毁 {} 条到期记录\n",
            told.erased, all.messages, told.kept, told.shredded
        ),
        format!(
            "{} people erased as the schedule says (the words of {} messages), {} could not be; {} more records shredded\n",
            told.erased, all.messages, told.kept, told.shredded
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
    let json = json!({"erased": told.erased, "kept": told.kept, "shredded": told.shredded, "messages": all.messages, "unreachable": all.unreachable});
    Answer::new(text, json).ending(code)
}

/// A rule as the schedule shows it: its name, how binding and how sure it is, and for how long.
fn rule_of(session: &Session, rule: &Keeping) -> [String; 4] {
    let lang = session.out.lang;
    let how = match rule.law {
        true => rule.sureness.to_string(),
        false => lang.pick("内部规定", "house rule").to_owned(),
    };
    let long = match rule.at_most {
        true => lang.pick(
            format!("至多 {} 个月", rule.months),
            format!("at most {} months", rule.months),
        ),
        false => lang.pick(
            format!("至少 {} 个月", rule.months),
            format!("at least {} months", rule.months),
        ),
    };
    [rule.rule.clone(), rule.basis.clone(), how, long]
}

fn class_name(session: &Session, class: RecordClass) -> String {
    let (zh, en) = match class {
        RecordClass::Account => ("身份与账户", "who and what is owed"),
        RecordClass::Addresses => ("联系方式", "addresses"),
        RecordClass::Content => ("消息内容", "words of messages"),
        RecordClass::Decisions => ("判断依据", "facts of decisions"),
        RecordClass::Receipts => ("回执", "receipts"),
        RecordClass::Replies => ("回复", "answers"),
        RecordClass::Strangers => ("来源不明", "of nobody known"),
        RecordClass::Recordings => ("录音", "recordings"),
        RecordClass::Assessments => ("评估报告", "assessments"),
        RecordClass::NetworkLogs => ("网络日志", "network logs"),
    };
    session.out.lang.pick(zh, en).to_owned()
}

/// The schedule: class by class, which rule decides about how many debts.
fn by_class(session: &Session, found: &Schedule, strangers: Option<&Keeping>) -> (String, serde_json::Value) {
    let lang = session.out.lang;
    let (mut rows, mut json) = (Vec::new(), Vec::new());
    let each = found
        .by_class
        .iter()
        .map(|c| (c.class, &c.rule, Some((c.kept, c.over))));
    for (class, rule, counts) in each.chain(strangers.map(|rule| (RecordClass::Strangers, rule, None))) {
        let mut row = vec![class_name(session, class)];
        row.extend(rule_of(session, rule));
        let (kept, over) = counts.unzip();
        row.extend([kept, over].map(|n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string())));
        rows.push(row);
        json.push(json!({"class": class.as_str(), "rule": rule.rule, "basis": rule.basis, "law": rule.law,
            "sureness": rule.sureness.as_str(), "months": rule.months, "at_most": rule.at_most, "kept": kept, "over": over}));
    }
    let head = lang.pick(
        ["类别", "规则", "依据", "效力", "期限", "保存中", "到期"],
        [
            "records",
            "rule",
            "basis",
            "how sure",
            "how long",
            "debts kept",
            "over",
        ],
    );
    (table(&head, 5, rows), json!(json))
}

fn report(session: &Session, found: &Schedule, strangers: Option<&Keeping>, each: bool) -> Answer {
    let lang = session.out.lang;
    let (mut text, classes) = by_class(session, found, strangers);
    text += "\n";
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
    text += &table(&head, 2, rows);
    for due in &found.classes {
        let (class, n) = (class_name(session, due.class), due.of.len());
        text += &lang.pick(
            format!("到期:{class},{n} 项,{}({})\n", due.rule.rule, due.rule.basis),
            format!("due: {class} of {n}, by {} ({})\n", due.rule.rule, due.rule.basis),
        );
    }
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
    let records: Vec<_> = found
        .classes
        .iter()
        .map(|d| {
            let of: Vec<String> = d.of.iter().map(uuid::Uuid::to_string).collect();
            json!({"class": d.class.as_str(), "rule": d.rule.rule, "basis": d.rule.basis, "of": of})
        })
        .collect();
    Answer::new(
        text,
        json!({"classes": classes, "due": due, "records": records, "open": found.open, "held": found.held, "kept": kept}),
    )
}
