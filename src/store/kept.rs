//! The facts that decisions rest on, kept beside the log under a salt, and read back to make a decision again.

use uuid::Uuid;

use super::bulk::{Bytes, Id, row};
use super::db::{Tx, q, statements};
use super::seals::shared_key;
use super::types::Ts;
use super::versions::SetDigest;
use super::{Store, StoreError};
use crate::domain::{AttemptId, Moment};
use crate::evidence::{Commitment, SealKind, Value, commit, parse_canonical};

pub(super) mod sql {
    super::statements! {
        KEEP = bulk super::DecisionRow => "INSERT INTO decision (attempt_id, record, sealed, facts) SELECT attempt_id, record, TRUE, facts FROM {batch} AS r";
        DECIDED = "SELECT x.record, x.at, x.bytes FROM (SELECT 0 AS waiting, position AS sorting, record, kind, at, bytes FROM evidence WHERE attempt_id = $1 UNION ALL SELECT 1 AS waiting, place AS sorting, record, kind, at, bytes FROM evidence_outbox WHERE attempt_id = $1) AS x WHERE x.kind IN ('attempt.decided', 'attempt.cancelled', 'attempt.intent') ORDER BY x.waiting, x.sorting";
        FACTS = "SELECT facts FROM decision WHERE attempt_id = $1 AND record = $2";
        CONCERNED = "SELECT t.recipient_id, a.debtor_id FROM attempt t JOIN account a ON a.id = t.account_id WHERE t.id = $1";
        PAGE = "SELECT d.attempt_id, d.record, t.recipient_id, a.debtor_id, d.facts FROM decision d JOIN attempt t ON t.id = d.attempt_id JOIN account a ON a.id = t.account_id WHERE (d.attempt_id, d.record) > ($1, $2) ORDER BY d.attempt_id, d.record LIMIT $3";
    }
}

/// What a decision rests on, to be kept with it.
#[derive(Debug, Clone)]
pub struct Basis {
    /// The situation, canonical JSON; personal data.
    pub facts: String,
    /// The desk that the situation names by its digest; shared by many decisions.
    pub desk: std::sync::Arc<str>,
    /// The set of policies; checked once more when the decision is recorded. `None`: of no published set.
    pub set: Option<SetDigest>,
}

row! {
    pub(super) struct DecisionRow {
        pub(super) attempt_id: Id,
        pub(super) record: Id,
        pub(super) facts: Bytes,
    }
}

/// One decision as the log tells it, with what was kept to make it again.
#[derive(Debug, Clone)]
pub struct KeptDecision {
    /// About which attempt.
    pub attempt: AttemptId,
    /// Its entry in the log.
    pub record: Uuid,
    /// When it was recorded.
    pub at: Moment,
    /// The fields of its entry.
    pub fields: std::collections::BTreeMap<String, Value>,
    /// The facts, where they are still kept and are the ones committed to.
    pub facts: Facts,
    /// What the log committed to as the words that were judged.
    words: Option<String>,
    salt: Vec<u8>,
    /// The rules that were evaluated, canonical JSON.
    pub trace: Option<String>,
}

/// How the facts of a decision stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// As they were.
    Kept(String),
    /// Erased, or never kept.
    Gone,
    /// Not the ones the log committed to.
    Changed,
}

impl KeptDecision {
    /// A text field of the entry.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.fields.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether these are the words that were judged, canonical JSON as they are kept; `None` where that cannot be told.
    pub fn fits_words(&self, body: &str) -> Option<bool> {
        let named = self.words.as_ref()?;
        (!self.salt.is_empty()).then(|| fits(&self.salt, body, named))
    }
}

fn committed(fields: &std::collections::BTreeMap<String, Value>, key: &str) -> Option<String> {
    match fields.get(key) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

fn fits(salt: &[u8], bytes: &str, named: &str) -> bool {
    let Ok(salt) = <&[u8; 32]>::try_from(salt) else {
        return false;
    };
    let Commitment(hash) = commit(salt, bytes.as_bytes());
    hex::encode(hash) == named
}

/// The object that a field of an entry names by its hash.
async fn object(
    tx: &mut Tx,
    fields: &std::collections::BTreeMap<String, Value>,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let Some(digest) = committed(fields, name).and_then(|t| hex::decode(t).ok()) else {
        return Ok(None);
    };
    let found = q!(&mut *tx, super::views::sql::TRACE, [digest] => opt (String,))?;
    Ok(found.map(|(text,)| text))
}

impl Store {
    /// Every decision about an attempt, oldest first: the guard's, and withdrawals because it was too old.
    pub async fn decisions(&self, attempt: AttemptId) -> Result<Vec<KeptDecision>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::DECIDED, [attempt.0] => all (Uuid, Ts, String))?;
        let concerned = q!(&mut tx, sql::CONCERNED, [attempt.0] => opt (Uuid, Uuid))?.unwrap_or_default();
        let keys = tx.keys_of([concerned.0, concerned.1]).await?;
        let mut decisions: Vec<KeptDecision> = Vec::new();
        for (record, at, bytes) in rows {
            let Ok(Value::Object(mut fields)) = parse_canonical(&bytes) else {
                return Err(StoreError::Corrupt { what: "log entry" });
            };
            // The words of what was cleared are committed to by the intent that follows.
            if fields.contains_key("caps") {
                if let Some(cleared) = decisions.last_mut() {
                    cleared.words = committed(&fields, "content");
                }
                continue;
            }
            // Payments, opt-outs and the like withdraw without a decision.
            if !fields.contains_key("engine") && !fields.contains_key("context") {
                continue;
            }
            let kept = q!(&mut tx, sql::FACTS, [attempt.0, record] => opt (Vec<u8>,))?;
            let key = shared_key(&keys, concerned, SealKind::Situation, record);
            let (facts, salt) = match (kept, key) {
                (Some((sealed,)), Some(key)) => match key.open_committed(&sealed) {
                    Ok(o) if Some(hex::encode(o.commitment().0)) == committed(&fields, "situation") => {
                        (Facts::Kept(o.bytes), o.salt.to_vec())
                    }
                    _ => (Facts::Changed, Vec::new()),
                },
                _ => (Facts::Gone, Vec::new()),
            };
            let trace = object(&mut tx, &fields, "trace").await?;
            // What many decisions share, and what was too long for the entry, stands beside the log, by its hash.
            if let Some(text) = object(&mut tx, &fields, "context").await? {
                let Ok(Value::Object(shared)) = parse_canonical(&text) else {
                    return Err(StoreError::Corrupt {
                        what: "object of the log",
                    });
                };
                fields.remove("context");
                fields.extend(shared);
            }
            for (name, long) in [("findings", "findings"), ("zones_sha256", "zones")] {
                let Some(text) = object(&mut tx, &fields, name).await? else {
                    continue;
                };
                let value = parse_canonical(&text).map_err(|_| StoreError::Corrupt {
                    what: "object of the log",
                })?;
                fields.remove(name);
                fields.insert(long.into(), value);
            }
            decisions.push(KeptDecision {
                attempt,
                record,
                at: at.0,
                facts,
                salt,
                words: committed(&fields, "content").or_else(|| committed(&fields, "words")),
                trace,
                fields,
            });
        }
        Ok(decisions)
    }
}
