//! `dunwell evidence`: the log read back and checked; heads, proofs and tiles for outsiders; the keys that sign.

mod bundle;
mod export;
mod give;
mod key;
mod resolve;
mod verify;

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::out::{Answer, Out, table};
use super::session::Session;
use crate::evidence::{SignedCheckpoint, VerifierKey};
use crate::notary::Notary;

pub(super) use key::make as make_key;

/// What can be done with the log.
#[derive(Debug, Subcommand)]
pub(super) enum EvidenceCommand {
    /// Reads the whole log: every hash, spelling, link and commitment, the tree and its signed heads; or checks one bundle
    #[command(
        after_help = "Examples:\n  dunwell evidence verify\n  dunwell evidence verify bundle --policy trusted.policy --roots tsa.pem --log tiles\n  dunwell evidence verify --key 'dunwell/3f2a+1c0ffee0+AXJ...' --checkpoint last-year.txt\n\nExit codes: 0 no fault, else the number of the first kind of fault; docs/evidence.md lists them."
    )]
    Verify(verify::VerifyArgs),
    /// Writes the whole answer to a question as a folder that can be checked without us
    #[command(
        after_help = "Examples:\n  dunwell evidence export --attempt 3f2a9c10 --out bundle\n  dunwell evidence export --complaint 2026-117 --account 0000200001 --from 2026-04-01 --until 2026-04-30 --out answer\n  dunwell evidence export --person 4711 --without-keys --out sealed\n\nThe same log, question and head give the same bytes."
    )]
    Export(export::ExportArgs),
    /// Checks one proof file against the bytes of its entry, without a database
    #[command(
        after_help = "Examples:\n  dunwell evidence verify-proof 42.tlog-proof --entry 42.json --policy trusted.policy\n  dunwell evidence verify-proof 42.tlog-proof --entry 42.json --key 'dunwell/3f2a+1c0ffee0+AXJ...'"
    )]
    VerifyProof(verify::VerifyProofArgs),
    /// Shows the newest entries
    #[command(after_help = "Examples:\n  dunwell evidence list --limit 50\n  dunwell evidence list --json")]
    List {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    /// Signs the log as it stands and gives out the head, with the cosignatures it has
    #[command(
        after_help = "Examples:\n  dunwell evidence checkpoint\n  dunwell evidence checkpoint --out today.txt --anchor\n  dunwell evidence checkpoint --out c.txt --token c.tst"
    )]
    Checkpoint(give::CheckpointArgs),
    /// Gives out one entry and the proof that it is in the log
    #[command(
        after_help = "Examples:\n  dunwell evidence proof 42\n  dunwell evidence proof 019cad74-34c0-7000-802b-a8bb24ebf850 --out proofs"
    )]
    Proof(give::ProofArgs),
    /// Gives out the whole log as static files (C2SP tlog-tiles); a folder that is there is brought up to date
    #[command(after_help = "Examples:\n  dunwell evidence tiles --out public/log")]
    Tiles(give::TilesArgs),
    /// An officer has dealt with a log that an older copy was put back of: what waited is withdrawn, because it may have gone out
    /// since, and sending may go on
    #[command(
        after_help = "Examples:\n  dunwell evidence restore-resolve --by zhao\n\nEverything that is due today is marked as done, so that nothing that went out after the copy was made goes out again. Caps do not know\nwhat went out in between: wait out the longest one, or record it as calls and events."
    )]
    RestoreResolve {
        /// Who decided
        #[arg(long)]
        by: String,
    },
    /// The keys that sign the log
    #[command(subcommand)]
    Key(key::KeyCommand),
}

pub(super) async fn run(session: &Session, command: EvidenceCommand) -> anyhow::Result<Answer> {
    match command {
        EvidenceCommand::Verify(args) => match args.bundle.as_deref() {
            Some(folder) => bundle::verify(&session.out, folder, &args),
            None => verify::verify(session, &args).await,
        },
        EvidenceCommand::Export(args) => export::export(session, &args).await,
        EvidenceCommand::VerifyProof(args) => verify::verify_proof(&session.out, &args),
        EvidenceCommand::List { limit } => list(session, limit).await,
        EvidenceCommand::Checkpoint(args) => give::checkpoint(session, &args).await,
        EvidenceCommand::Proof(args) => give::proof(session, &args).await,
        EvidenceCommand::Tiles(args) => give::tiles(session, &args).await,
        EvidenceCommand::RestoreResolve { by } => resolve::resolve(session, &by).await,
        EvidenceCommand::Key(command) => key::run(session, command).await,
    }
}

pub(super) async fn list(session: &Session, limit: i64) -> anyhow::Result<Answer> {
    let entries = session.store().await?.latest_entries(limit).await?;
    let waits = session.out.lang.pick("待编号", "waits");
    let rows = entries.iter().map(|e| {
        vec![
            e.position.map_or_else(|| waits.to_owned(), |p| p.to_string()),
            e.at.to_text(),
            e.kind.clone(),
            e.attempt.map_or_else(|| "-".to_owned(), |a| a.to_string()),
        ]
    });
    let head = session.out.lang.pick(
        ["序号", "时间", "记录", "消息"],
        ["index", "at", "entry", "message"],
    );
    let json = entries.iter().map(|e| {
        let bytes: Value = serde_json::from_str(&e.bytes).unwrap_or(Value::Null);
        json!({"index": e.position, "leaf": e.leaf, "entry": bytes})
    });
    Ok(Answer::new(table(&head, 99, rows), Value::Array(json.collect())))
}

/// The notary of the settings' store.
async fn notary(session: &Session) -> anyhow::Result<(crate::store::Store, Notary)> {
    let config = session.config()?;
    let store = session.store().await?;
    let post = crate::dispatch::post(&config, session.out.lang.pick(true, false))?;
    let notary = Notary::new(store.clone(), config.evidence)?.with_post(post);
    Ok((store, notary))
}

pub(super) fn read_key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text).map_err(|e| e.to_string())
}

fn read_head(path: &PathBuf) -> anyhow::Result<SignedCheckpoint> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    SignedCheckpoint::parse(&text).with_context(|| format!("`{}`", path.display()))
}

/// Text that goes to a file, or is the answer itself.
fn given(out: &Out, path: Option<&PathBuf>, text: String, json: Value) -> anyhow::Result<Answer> {
    match path {
        None => Ok(Answer::new(text, json)),
        Some(path) => {
            std::fs::write(path, &text).with_context(|| format!("`{}` cannot be written", path.display()))?;
            let said = out.lang.pick(
                format!("已写入 {}", path.display()),
                format!("wrote {}", path.display()),
            );
            Ok(Answer::new(said, json))
        }
    }
}
