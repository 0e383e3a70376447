//! The keys that sign the log: made once, shown to those who shall trust it, rotated with an entry in the log.

use std::path::Path;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::json;

use super::{notary, read_key};
use crate::cli::out::{Answer, table};
use crate::cli::session::Session;
use crate::clock::{Clock, SystemClock};
use crate::evidence::{KeyUse, NoteSigner, VerifierKey, is_key_name};
use crate::notary::KeyFile;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KeyCommand {
    /// Makes the key of a new log, into the file that the settings name
    #[command(
        after_help = "Examples:\n  dunwell evidence key new\n  dunwell evidence key new --origin log.example.com/reminders"
    )]
    New {
        /// Name of the log, for good; best an address of your own without `https://`
        #[arg(long, value_name = "NAME")]
        origin: Option<String>,
    },
    /// Shows the public keys: what an outsider needs to check heads and proofs
    #[command(after_help = "Examples:\n  dunwell evidence key show\n  dunwell evidence key show --json")]
    Show,
    /// Makes a new key known to the log and signs with it from now on; the old one goes on signing too until it is retired
    #[command(after_help = "Examples:\n  dunwell evidence key rotate --by irina")]
    Rotate {
        /// Who does it
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// Ends a key: the head over this step is the last one it signs
    #[command(
        after_help = "Examples:\n  dunwell evidence key retire 'dunwell/3f2a+1c0ffee0+AXJ...' --by irina"
    )]
    Retire {
        /// The public key, as `key show` gives it
        #[arg(value_name = "KEY")]
        key: String,
        /// Who does it
        #[arg(long, value_name = "NAME")]
        by: String,
    },
}

/// Makes a key for a log named `origin`; without a name it is the installation's with a random part.
pub(in crate::cli) fn make(
    path: &Path,
    installation: &str,
    origin: Option<&str>,
) -> anyhow::Result<VerifierKey> {
    let clock = SystemClock::new();
    let origin = match origin {
        Some(name) if is_key_name(name) => name.to_owned(),
        Some(name) => bail!("`{name}` cannot be the name of a log: it must have no blanks and no `+`"),
        None => format!("{installation}/{}", hex::encode(&clock.salt()[..8])),
    };
    let signer = NoteSigner::from_seed(&origin, KeyUse::Text, &clock.salt())?;
    KeyFile::new(path).create(&signer)?;
    Ok(signer.verifier().clone())
}

pub(super) async fn run(session: &Session, command: KeyCommand) -> anyhow::Result<Answer> {
    match command {
        KeyCommand::New { origin } => new(session, origin.as_deref()),
        KeyCommand::Show => show(session).await,
        KeyCommand::Rotate { by } => rotate(session, &by).await,
        KeyCommand::Retire { key, by } => {
            let key = read_key(&key).map_err(anyhow::Error::msg)?;
            retire(session, &key, &by).await
        }
    }
}

fn new(session: &Session, origin: Option<&str>) -> anyhow::Result<Answer> {
    let config = session.config()?;
    let path = &config.evidence.key_file;
    let key = make(path, &config.installation, origin)?;
    let text = session.out.lang.pick(
        format!("已写入 {}(仅所有者可读,请另存一份备份,不要与数据库放在一起)\n公钥,请交给需要核验日志的人:\n{key}", path.display()),
        format!("wrote {} (for its owner alone; keep a copy apart from the database)\nthe public key, for those who shall check the log:\n{key}", path.display()),
    );
    Ok(Answer::new(
        text,
        json!({"file": path.display().to_string(), "key": key.to_string()}),
    ))
}

async fn show(session: &Session) -> anyhow::Result<Answer> {
    let (store, notary) = notary(session).await?;
    // The file need not be here: an auditor may look too.
    let in_file: Vec<VerifierKey> = match notary.key_file().read() {
        Ok(keys) => keys.iter().map(|k| k.verifier().clone()).collect(),
        Err(crate::notary::KeyError::File(crate::store::SecretFileError::Missing { .. })) => Vec::new(),
        Err(e) => return Err(e.into()),
    };
    let known = store.log_keys().await?;
    let lang = session.out.lang;
    let mut rows: Vec<Vec<String>> = known
        .iter()
        .map(|k| {
            let until = k.retired_at.map_or_else(|| "-".to_owned(), |m| m.to_text());
            vec![k.key.to_string(), k.since.to_text(), until]
        })
        .collect();
    for key in in_file.iter().filter(|key| !known.iter().any(|k| k.key == **key)) {
        let waits = lang.pick("首次签名时登记", "with its first signature");
        rows.push(vec![key.to_string(), waits.to_owned(), "-".to_owned()]);
    }
    let json = rows
        .iter()
        .map(|r| json!({"key": r[0], "since": r[1], "retired": r[2]}))
        .collect();
    let head = lang.pick(["公钥", "启用", "停用"], ["public key", "since", "retired"]);
    Ok(Answer::new(
        table(&head, 99, rows),
        serde_json::Value::Array(json),
    ))
}

async fn rotate(session: &Session, by: &str) -> anyhow::Result<Answer> {
    let (store, notary) = notary(session).await?;
    let file = notary.key_file();
    let known = store.log_keys().await?;
    let unknown = |key: &VerifierKey| !known.is_empty() && !known.iter().any(|k| k.key == *key);
    // A rotation that died half-way, or a key that was lost: what the file holds is made known instead.
    let fresh: Vec<VerifierKey> = file
        .read()?
        .iter()
        .map(|k| k.verifier().clone())
        .filter(unknown)
        .collect();
    if let Some(first) = fresh.first() {
        for key in fresh.iter().rev() {
            store.register_key(key, Some(by)).await?;
        }
        notary.head().await?;
        let text = session
            .out
            .lang
            .pick(format!("已登记公钥:\n{first}"), format!("made known:\n{first}"));
        return Ok(Answer::new(text, json!({"key": first.to_string()})));
    }
    // The old key signs the log as it stands, so that the new one continues a log that somebody vouched for.
    notary
        .head()
        .await
        .context("the log must be whole and signed before its key changes")?;
    let mut keys = file.read()?;
    let origin = keys[0].verifier().name().to_owned();
    let fresh = NoteSigner::from_seed(&origin, KeyUse::Text, &SystemClock::new().salt())?;
    let public = fresh.verifier().clone();
    keys.insert(0, fresh);
    // The file first: an entry that names a key nobody has would be worse than a key that no entry names.
    file.replace(&keys)?;
    store.register_key(&public, Some(by)).await?;
    notary.head().await?;
    let text = session.out.lang.pick(
        format!("新公钥,请交给需要核验日志的人:\n{public}\n旧密钥继续一并签名,直到 `dunwell evidence key retire`"),
        format!("the new public key, for those who shall check the log:\n{public}\nthe old one signs too until `dunwell evidence key retire`"),
    );
    Ok(Answer::new(text, json!({"key": public.to_string()})))
}

async fn retire(session: &Session, key: &VerifierKey, by: &str) -> anyhow::Result<Answer> {
    let (store, notary) = notary(session).await?;
    let file = notary.key_file();
    let keys = file.read()?;
    let rest: Vec<NoteSigner> = keys.iter().filter(|k| k.verifier() != key).cloned().collect();
    if rest.is_empty() {
        bail!("this is the only key of the log\nrun `dunwell evidence key rotate` first");
    }
    if !store
        .log_keys()
        .await?
        .iter()
        .any(|k| k.key == *key && k.retired_at.is_none())
    {
        bail!("this is no key that the log has in use");
    }
    notary.head().await?;
    store.retire_key(key, Some(by)).await?;
    // Both sign the head over this step, and none after it.
    store.grow_log().await?;
    let head = store.sign_head(keys).await?;
    file.remember(&head.signed)?;
    file.replace(&rest)?;
    let text = session
        .out
        .lang
        .pick(format!("已停用 {key}"), format!("retired {key}"));
    Ok(Answer::new(text, json!({"retired": key.to_string()})))
}
