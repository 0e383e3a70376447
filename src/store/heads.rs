//! Signed heads of the log, the keys that sign them, and what outsiders said of them.

use uuid::Uuid;

use super::db::{Tx, q, statements};
use super::tree::stored;
use super::types::Ts;
use super::{Store, StoreError};
use crate::clock::Clock;
use crate::domain::Moment;
use crate::evidence::{Checkpoint, Entry, Kind, NoteSigner, SignedCheckpoint, VerifierKey, digest_hex};

pub(super) mod sql {
    super::statements! {
        KEYS = "SELECT verifier, since, retired_at FROM evidence_key ORDER BY since, verifier";
        KEY_IN = "INSERT INTO evidence_key (verifier, record, since) VALUES ($1, $2, $3) ON CONFLICT (verifier) DO NOTHING";
        KEY_OUT = "UPDATE evidence_key SET retired_at = $2 WHERE verifier = $1 AND retired_at IS NULL";
        HEAD_IN = "INSERT INTO evidence_head (size, root, at, note) VALUES ($1, $2, $3, $4) ON CONFLICT (size) DO NOTHING";
        NEWEST_HEAD = "SELECT at, note FROM evidence_head ORDER BY size DESC LIMIT 1";
        HEAD_AT = "SELECT at, note FROM evidence_head WHERE size = $1";
        ANCHOR_IN = "INSERT INTO evidence_anchor (id, size, kind, name, at, body) VALUES ($1, $2, $3, $4, $5, $6)";
        ANCHORS = "SELECT size, kind, name, at, body FROM evidence_anchor WHERE size = $1 ORDER BY kind, name, at";
        NEWEST_ANCHOR = "SELECT size, kind, name, at, body FROM evidence_anchor WHERE kind = $1 AND (CAST($2 AS TEXT) IS NULL OR name = $2) ORDER BY size DESC, at DESC LIMIT 1";
    }
}

/// A key that signs heads of this log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// The key.
    pub key: VerifierKey,
    /// When it became one.
    pub since: Moment,
    /// When it was retired.
    pub retired_at: Option<Moment>,
}

/// A signed head and when it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The head with the log's own signatures.
    pub signed: SignedCheckpoint,
    /// When, by this program's clock.
    pub at: Moment,
}

/// Who vouches for a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorKind {
    /// A witness: its signature lines.
    Witness,
    /// A time-stamp authority: its token.
    Timestamp,
    /// A copy in a place outside: what was written there.
    Place,
    /// A copy mailed to somebody outside: what was attached.
    Mail,
}

impl AnchorKind {
    /// The fixed word.
    pub const fn as_str(self) -> &'static str {
        match self {
            AnchorKind::Witness => "witness",
            AnchorKind::Timestamp => "timestamp",
            AnchorKind::Place => "place",
            AnchorKind::Mail => "mail",
        }
    }
}

/// What an outsider said of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Size of the head.
    pub size: u64,
    /// Who.
    pub kind: AnchorKind,
    /// Name of the witness, authority or place.
    pub name: String,
    /// When it was received.
    pub at: Moment,
    /// Signature lines, a token, or the copy.
    pub body: Vec<u8>,
}

type AnchorRow = (i64, String, String, Ts, Vec<u8>);

fn anchor((size, kind, name, at, body): AnchorRow) -> Result<Anchor, StoreError> {
    let corrupt = StoreError::Corrupt { what: "anchor" };
    Ok(Anchor {
        size: u64::try_from(size).map_err(|_| StoreError::Corrupt { what: "anchor" })?,
        kind: match kind.as_str() {
            "witness" => AnchorKind::Witness,
            "timestamp" => AnchorKind::Timestamp,
            "place" => AnchorKind::Place,
            "mail" => AnchorKind::Mail,
            _ => return Err(corrupt),
        },
        name,
        at: at.0,
        body,
    })
}

fn head((at, note): (Ts, String)) -> Result<Head, StoreError> {
    let signed = SignedCheckpoint::parse(&note).map_err(|_| StoreError::Corrupt { what: "signed head" })?;
    Ok(Head { signed, at: at.0 })
}

async fn newest_head(tx: &mut Tx) -> Result<Option<Head>, StoreError> {
    q!(tx, sql::NEWEST_HEAD, [] => opt (Ts, String))?
        .map(head)
        .transpose()
}

fn key_entry(clock: &dyn Clock, actor: Option<&str>) -> Entry {
    super::log::entry(clock, Kind::KeyRotated, clock.now()).with_some("actor", actor)
}

impl Store {
    /// The keys of the log, the oldest first.
    pub async fn log_keys(&self) -> Result<Vec<LogKey>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::KEYS, [] => all (String, Ts, Option<Ts>))?;
        found
            .into_iter()
            .map(|(key, since, retired)| {
                Ok(LogKey {
                    key: VerifierKey::parse(&key).map_err(|_| StoreError::Corrupt {
                        what: "key of the log",
                    })?,
                    since: since.0,
                    retired_at: retired.map(|r| r.0),
                })
            })
            .collect()
    }

    /// Makes `key` a key of the log, with an entry; one that is known already stays as it is. Says whether it is new.
    pub async fn register_key(&self, key: &VerifierKey, actor: Option<&str>) -> Result<bool, StoreError> {
        let (clock, key) = (self.clock.clone(), key.clone());
        let actor = actor.map(str::to_owned);
        self.write(move |tx| {
            Box::pin(async move {
                let entry = key_entry(&*clock, actor.as_deref())
                    .with("origin", key.name())
                    .with("key", key.to_string())
                    .seal();
                let record = entry.record.0;
                if q!(&mut *tx, sql::KEY_IN, [key.to_string(), record, Ts(entry.at)] => rows)? == 0 {
                    return Ok(false);
                }
                super::log::append(tx, &[entry]).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Retires a key of the log, with an entry. The head over that entry is the last that may rest on it.
    pub async fn retire_key(&self, key: &VerifierKey, actor: Option<&str>) -> Result<bool, StoreError> {
        let (clock, key) = (self.clock.clone(), key.to_string());
        let actor = actor.map(str::to_owned);
        self.write(move |tx| {
            Box::pin(async move {
                let entry = key_entry(&*clock, actor.as_deref())
                    .with("retired", key.as_str())
                    .seal();
                if q!(&mut *tx, sql::KEY_OUT, [&key, Ts(entry.at)] => rows)? == 0 {
                    return Ok(false);
                }
                super::log::append(tx, &[entry]).await?;
                Ok(true)
            })
        })
        .await
    }

    /// The newest signed head.
    pub async fn newest_head(&self) -> Result<Option<Head>, StoreError> {
        newest_head(&mut self.db.read().await?).await
    }

    /// The head that was signed at this size.
    pub async fn head_at(&self, size: u64) -> Result<Option<Head>, StoreError> {
        let mut tx = self.db.read().await?;
        q!(&mut tx, sql::HEAD_AT, [stored(size)?] => opt (Ts, String))?
            .map(head)
            .transpose()
    }

    /// Signs the tree as it stands with all of `keys`, the first of which names the log; durable when it returns. If this
    /// size was signed before, that head is given.
    ///
    /// # Errors
    /// `Inconsistent` if the log no longer begins with the head that was signed last: then nothing is signed.
    pub async fn sign_head(&self, keys: Vec<NoteSigner>) -> Result<Head, StoreError> {
        let mut tree = self.tree().await?;
        let last = self.newest_head().await?;
        // The snapshot may be older than the newest head by now; then that head is new enough.
        if let Some(last) = &last {
            let old = &last.signed.checkpoint;
            if old.size > tree.size() {
                tree = self.tree().await?;
            }
            match tree.root_at(old.size).await? {
                Some(root) if root == old.root => {}
                Some(_) => {
                    return Err(StoreError::Inconsistent(format!(
                        "the log no longer begins with the {} entries that were signed last; nothing is signed\nrun `dunwell evidence verify`",
                        old.size
                    )));
                }
                None => {
                    return Err(StoreError::Inconsistent(format!(
                        "the log has {} entries, and a head of {} was signed: it was cut off or restored from an older copy; nothing is signed",
                        tree.size(),
                        old.size
                    )));
                }
            }
        }
        if let Some(last) = last.filter(|l| l.signed.checkpoint.size == tree.size()) {
            return Ok(last);
        }
        let Some(first) = keys.first() else {
            return Err(StoreError::Refused("there is no key to sign the log with".into()));
        };
        let fresh = Checkpoint {
            origin: first.verifier().name().to_owned(),
            size: tree.size(),
            root: tree.root(),
        };
        let signed = fresh
            .sign(&keys)
            .map_err(|e| StoreError::Refused(e.to_string()))?;
        let head = Head {
            signed,
            at: self.clock.now(),
        };
        self.keep_head(head).await
    }

    async fn keep_head(&self, head: Head) -> Result<Head, StoreError> {
        let size = stored(head.signed.checkpoint.size)?;
        self.write(move |tx| {
            Box::pin(async move {
                let (root, note) = (head.signed.checkpoint.root.to_vec(), head.signed.to_string());
                q!(tx, sql::HEAD_IN, [size, root, Ts(head.at), note] => rows)?;
                Ok(head)
            })
        })
        .await
    }

    /// Keeps what an outsider said of a head. Time stamps and copies get an entry; cosignatures do not, because each new
    /// head is cosigned and would need another.
    pub async fn add_anchor(&self, anchor: Anchor) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        let size = stored(anchor.size)?;
        self.write(move |tx| {
            Box::pin(async move {
                let (id, kind): (Uuid, _) = (clock.fresh(), anchor.kind.as_str());
                let digest = digest_hex(&anchor.body);
                q!(&mut *tx, sql::ANCHOR_IN, [id, size, kind, &anchor.name, Ts(anchor.at), anchor.body] => rows)?;
                if anchor.kind == AnchorKind::Witness {
                    return Ok(());
                }
                let entry = super::log::entry(&*clock, Kind::AnchorAdded, clock.now())
                    .with("what", kind)
                    .with("name", anchor.name)
                    .with("head", size)
                    .with("sha256", digest);
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }

    /// What outsiders said of the head of this size.
    pub async fn anchors(&self, size: u64) -> Result<Vec<Anchor>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::ANCHORS, [stored(size)?] => all AnchorRow)?;
        found.into_iter().map(anchor).collect()
    }

    /// The anchor over the longest log, of a kind and, if named, of one name.
    pub async fn newest_anchor(
        &self,
        kind: AnchorKind,
        name: Option<&str>,
    ) -> Result<Option<Anchor>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::NEWEST_ANCHOR, [kind.as_str(), name] => opt AnchorRow)?;
        found.map(anchor).transpose()
    }
}
