//! `dunwell evidence`: the log read back, and checked from its first entry to its last.

use clap::Subcommand;
use serde_json::{Value, json};

use super::out::{Answer, Code, table};
use super::session::Session;

/// What can be done with the log.
#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    /// Reads the whole log: every hash, spelling, link and commitment, and that the messages stand where it says
    #[command(after_help = "Examples:\n  dunwell evidence verify\n  dunwell evidence verify --json")]
    Verify,
    /// Shows the newest entries
    #[command(after_help = "Examples:\n  dunwell evidence list --limit 50\n  dunwell evidence list --json")]
    List {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
}

pub(super) async fn run(session: &Session, command: EvidenceCommand) -> anyhow::Result<Answer> {
    match command {
        EvidenceCommand::Verify => verify(session).await,
        EvidenceCommand::List { limit } => list(session, limit).await,
    }
}

async fn verify(session: &Session) -> anyhow::Result<Answer> {
    let check = session.store().await?.verify_log().await?;
    let (lang, faults) = (session.out.lang, check.faults.len());
    let mut text = lang.pick(
        format!(
            "{} 条记录,{} 份内容与承诺相符,{faults} 处错误\n",
            check.entries, check.contents
        ),
        format!(
            "{} entries, {} contents compared with their commitments, {faults} faults\n",
            check.entries, check.contents
        ),
    );
    for (kind, n) in &check.kinds {
        text += &format!("{n:>8}  {kind}\n");
    }
    for f in &check.faults {
        text += &format!(
            "{} #{} {}: {}\n",
            session.out.paint(31, "fail"),
            f.position,
            f.record,
            f.what
        );
    }
    let json_faults = check
        .faults
        .iter()
        .map(|f| json!({"position": f.position, "record": f.record, "what": f.what}));
    let json = json!({"entries": check.entries, "contents": check.contents, "kinds": check.kinds,
        "faults": json_faults.collect::<Vec<_>>()});
    let code = if faults > 0 { Code::Error } else { Code::Done };
    Ok(Answer::new(text, json).ending(code))
}

async fn list(session: &Session, limit: i64) -> anyhow::Result<Answer> {
    let entries = session.store().await?.latest_entries(limit).await?;
    let rows = entries.iter().map(|e| {
        vec![
            e.position.to_string(),
            e.at.to_text(),
            e.kind.clone(),
            e.attempt.map_or_else(|| "-".to_owned(), |a| a.to_string()),
        ]
    });
    let head = session.out.lang.pick(
        ["序号", "时间", "记录", "消息"],
        ["place", "at", "entry", "message"],
    );
    let json = entries.iter().map(|e| {
        let bytes: Value = serde_json::from_str(&e.bytes).unwrap_or(Value::Null);
        json!({"position": e.position, "leaf": e.leaf, "entry": bytes})
    });
    Ok(Answer::new(table(&head, 99, rows), Value::Array(json.collect())))
}
