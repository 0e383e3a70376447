//! The evidence log: appended in the transaction of each step, read back for verification.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::bulk::{Bytes, Id, bulk, row};
use super::db::{Tx, q, statements};
use super::types::Ts;
use super::{Store, StoreError};
use crate::domain::{Moment, RecordId};
use crate::evidence::{Entry, Fault, Kind, Sealed, Stored, Value, commit, verify_entry};

pub(super) mod sql {
    super::statements! {
        APPEND = bulk super::AppendRow<'static> => "INSERT INTO evidence (record, kind, attempt_id, at, leaf, bytes) SELECT record, kind, attempt_id, at, leaf, bytes FROM {batch} AS r ORDER BY r.n";
        NEWEST = "SELECT at FROM evidence ORDER BY position DESC LIMIT 1";
        ANY = "SELECT COUNT(*) FROM (SELECT 1 FROM evidence LIMIT 1) AS first";
        PAGE = "SELECT position, record, kind, attempt_id, leaf, bytes FROM evidence WHERE position > $1 ORDER BY position LIMIT $2";
        LATEST = "SELECT position, kind, attempt_id, at, leaf, bytes FROM evidence ORDER BY position DESC LIMIT $1";
        CONTENT = "SELECT salt, body, facts FROM content WHERE attempt_id = $1";
        PUBLISH = "INSERT INTO published (digest, kind, name, at) VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING";
        ATTEMPT_STATES = "SELECT id, state FROM attempt WHERE id > $1 ORDER BY id LIMIT $2";
    }
}

row! {
    struct AppendRow<'a> {
        record: Id,
        kind: &'a str,
        attempt_id: Option<Id>,
        at: Ts,
        leaf: Bytes,
        bytes: &'a str,
    }
}

/// Appends entries in order. Durable with the transaction they belong to.
pub(super) async fn append(tx: &mut Tx, entries: &[Sealed]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let batch: Vec<_> = entries
        .iter()
        .map(|e| AppendRow {
            record: Id(e.record.0),
            kind: e.kind.as_str(),
            attempt_id: e.attempt.map(|a| Id(a.0)),
            at: Ts(e.at),
            leaf: Bytes(e.leaf.to_vec()),
            bytes: &e.bytes,
        })
        .collect();
    bulk(tx, &sql::APPEND, &batch).await?;
    Ok(())
}

/// Whether the log holds anything.
async fn any(tx: &mut Tx) -> Result<bool, StoreError> {
    let (any,): (i64,) = q!(tx, sql::ANY, [] => one (i64,))?;
    Ok(any > 0)
}

#[derive(sqlx::FromRow)]
struct StoredRow {
    position: i64,
    record: Uuid,
    kind: String,
    attempt_id: Option<Uuid>,
    leaf: Vec<u8>,
    bytes: String,
}

#[derive(sqlx::FromRow)]
struct ContentRow {
    salt: Vec<u8>,
    body: String,
    facts: String,
}

/// One entry as lists show it.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Place in the log.
    pub position: i64,
    /// Kind.
    pub kind: String,
    /// The attempt it belongs to, if any.
    pub attempt: Option<crate::domain::AttemptId>,
    /// When.
    pub at: Moment,
    /// Leaf hash in hex.
    pub leaf: String,
    /// The bytes.
    pub bytes: String,
}

/// One thing that is wrong with the log.
#[derive(Debug, Clone)]
pub struct LogFault {
    /// Place in the log; 0 for what is missing from it.
    pub position: i64,
    /// Id of the entry or attempt.
    pub record: String,
    /// What is wrong.
    pub what: String,
}

/// The result of reading the whole log.
#[derive(Debug, Clone, Default)]
pub struct LogCheck {
    /// Entries read.
    pub entries: u64,
    /// Entries by kind.
    pub kinds: std::collections::BTreeMap<String, u64>,
    /// Contents that were compared with their commitments.
    pub contents: u64,
    /// What is wrong.
    pub faults: Vec<LogFault>,
}

/// What the log says of one attempt while it is read from the beginning.
#[derive(Default)]
struct Seen {
    last: Option<String>,
    intended: bool,
    state: &'static str,
    kept: Option<Kept>,
    /// Decisions with what they committed to as their facts.
    facts: Vec<(Uuid, String)>,
}

/// The newest commitments of an attempt, and where they stand.
struct Kept {
    position: i64,
    content: String,
    facts: Option<String>,
}

impl Store {
    /// Begins the log on a fresh database; on any other, tells the clock of the newest entry, so that a clock that has
    /// stepped back since is noticed.
    pub(super) async fn begin_log(&self) -> Result<(), StoreError> {
        let mut tx = self.db.read().await?;
        if let Some((at,)) = q!(&mut tx, sql::NEWEST, [] => opt (Ts,))? {
            self.clock.witness(at.0);
            return Ok(());
        }
        drop(tx);
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                if any(tx).await? {
                    return Ok(());
                }
                // Of several programs that open a fresh database one begins the log.
                q!(tx, super::import::sql::ONE_AT_A_TIME, [] => one (i64,))?;
                if any(tx).await? {
                    return Ok(());
                }
                let entry = Entry::new(Kind::LogGenesis, clock.fresh().into(), clock.now())
                    .with("software", concat!("dunwell ", env!("CARGO_PKG_VERSION")))
                    .with("zones", chrono_tz::IANA_TZDB_VERSION);
                append(tx, &[entry.seal()]).await
            })
        })
        .await
    }

    /// Records the start or stop of the program.
    pub async fn record_system_state(
        &self,
        state: &'static str,
        config_digest: String,
    ) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let entry = Entry::new(Kind::SystemState, clock.fresh().into(), clock.now())
                    .with("state", state)
                    .with("software", concat!("dunwell ", env!("CARGO_PKG_VERSION")))
                    .with("config", config_digest);
                append(tx, &[entry.seal()]).await
            })
        })
        .await
    }

    /// Records which versions of policies, ladders or templates are in use; each digest once.
    pub async fn publish(&self, kind: Kind, documents: Vec<(String, [u8; 32])>) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                for (name, digest) in documents {
                    let now = clock.now();
                    let fresh =
                        q!(tx, sql::PUBLISH, [digest.to_vec(), kind.as_str(), &name, Ts(now)] => rows)?;
                    if fresh == 1 {
                        let entry = Entry::new(kind, clock.fresh().into(), now)
                            .with("name", name)
                            .with("sha256", hex::encode(digest));
                        append(tx, &[entry.seal()]).await?;
                    }
                }
                Ok(())
            })
        })
        .await
    }

    /// The newest entries, newest first.
    pub async fn latest_entries(&self, limit: i64) -> Result<Vec<LogEntry>, StoreError> {
        type Row = (i64, String, Option<Uuid>, Ts, Vec<u8>, String);
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::LATEST, [limit] => all Row)?;
        let entry = |(position, kind, attempt, at, leaf, bytes): Row| LogEntry {
            position,
            kind,
            attempt: attempt.map(crate::domain::AttemptId),
            at: at.0,
            leaf: hex::encode(leaf),
            bytes,
        };
        Ok(found.into_iter().map(entry).collect())
    }

    /// Reads the whole log from the beginning: every hash, spelling, column and link, every commitment whose content
    /// is still there, that nothing went out without an earlier intent, and that the attempts stand where the log
    /// says.
    pub async fn verify_log(&self) -> Result<LogCheck, StoreError> {
        let mut check = LogCheck::default();
        let mut seen: HashMap<String, Seen> = HashMap::new();
        let mut after = 0i64;
        let mut tx = self.db.read().await?;
        loop {
            let page = q!(&mut tx, sql::PAGE, [after, 1000i64] => all StoredRow)?;
            let Some(last) = page.last() else { break };
            after = last.position;
            for row in page {
                verify_row(row, &mut seen, &mut check);
            }
        }
        compare_states(&mut tx, seen, &mut check).await?;
        Ok(check)
    }
}

fn verify_row(row: StoredRow, seen: &mut HashMap<String, Seen>, check: &mut LogCheck) {
    let stored = Stored {
        position: row.position,
        record: row.record.hyphenated().to_string(),
        kind: row.kind,
        attempt: row.attempt_id.map(|a| a.hyphenated().to_string()),
        leaf: row.leaf,
        bytes: row.bytes,
    };
    check.entries += 1;
    *check.kinds.entry(stored.kind.clone()).or_default() += 1;
    let mut fault = |what: String| {
        check.faults.push(LogFault {
            position: stored.position,
            record: stored.record.clone(),
            what,
        });
    };
    let last = stored
        .attempt
        .as_ref()
        .and_then(|a| seen.get(a))
        .and_then(|s| s.last.clone());
    let verified = verify_entry(&stored, last.as_deref());
    let Some(attempt) = &stored.attempt else {
        if let Err(e) = verified {
            fault(e.to_string());
        }
        return;
    };
    let state = seen.entry(attempt.clone()).or_default();
    state.last = Some(stored.record.clone());
    let fields = match verified {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return,
        Err(e) => {
            fault(match e {
                Fault::Chain => format!("{e}: an entry of this attempt is missing or out of place"),
                other => other.to_string(),
            });
            return;
        }
    };
    let text = |key: &str| match fields.get(key) {
        Some(Value::Text(t)) => Some(t.as_str()),
        _ => None,
    };
    if stored.kind == Kind::AttemptIntent.as_str() {
        state.intended = true;
    }
    if stored.kind == Kind::ProviderOutcome.as_str() && !state.intended {
        fault("an outcome without an earlier intent".into());
    }
    if let (true, Some(facts)) = (super::kept::may_commit(&stored.kind), text("situation")) {
        state.facts.push((row.record, facts.to_owned()));
    }
    if let Some(named) = text("state") {
        state.state = super::views::state_word(named);
    }
    if let Some(content) = text("content") {
        state.kept = Some(Kept {
            position: stored.position,
            content: content.to_owned(),
            facts: text("facts").map(str::to_owned),
        });
    }
}

/// Compares what is kept of an attempt with its newest commitments; what was erased is not there to compare.
async fn compare_content(
    tx: &mut Tx,
    attempt: Uuid,
    seen: &Seen,
    check: &mut LogCheck,
) -> Result<(), StoreError> {
    let Some(newest) = &seen.kept else { return Ok(()) };
    let Some(kept) = q!(tx, sql::CONTENT, [attempt] => opt ContentRow)? else {
        return Ok(());
    };
    check.contents += 1;
    let fits = <[u8; 32]>::try_from(kept.salt).is_ok_and(|salt| {
        let same = |text: &str, named: &str| hex::encode(commit(&salt, text.as_bytes()).0) == named;
        same(&kept.body, &newest.content) && newest.facts.as_ref().is_none_or(|f| same(&kept.facts, f))
    });
    if !fits {
        check.faults.push(LogFault {
            position: newest.position,
            record: attempt.hyphenated().to_string(),
            what: "the kept content or facts are not the ones committed to".into(),
        });
    }
    Ok(())
}

async fn compare_states(
    tx: &mut Tx,
    mut seen: HashMap<String, Seen>,
    check: &mut LogCheck,
) -> Result<(), StoreError> {
    let mut after = Uuid::nil();
    loop {
        let page = q!(tx, sql::ATTEMPT_STATES, [after, 1000i64] => all (Uuid, String))?;
        let Some((last, _)) = page.last() else { break };
        let range = (after, *last);
        after = *last;
        let mut facts = HashMap::new();
        for (id, state) in page {
            let name = id.hyphenated().to_string();
            let mut logged = seen.remove(&name).unwrap_or_default();
            facts.extend(std::mem::take(&mut logged.facts));
            compare_content(tx, id, &logged, check).await?;
            let logged = if logged.state.is_empty() {
                "nothing"
            } else {
                logged.state
            };
            if logged != state {
                let what = format!("the attempt stands at `{state}`, the log says `{logged}`");
                check.faults.push(LogFault {
                    position: 0,
                    record: name,
                    what,
                });
            }
        }
        let (compared, wrong) = super::kept::compare(tx, range, &facts).await?;
        check.contents += compared;
        check.faults.extend(wrong.into_iter().map(|record| LogFault {
            position: 0,
            record: record.hyphenated().to_string(),
            what: "the kept facts of this decision are not the ones committed to".into(),
        }));
    }
    for name in seen.into_keys() {
        check.faults.push(LogFault {
            position: 0,
            record: name,
            what: "the log tells of an attempt that is not there".into(),
        });
    }
    Ok(())
}

/// A fresh entry.
pub(super) fn entry(clock: &dyn crate::clock::Clock, kind: Kind, at: Moment) -> Entry {
    Entry::new(kind, clock.fresh().into(), at)
}

/// An entry with fields that a caller above has gathered.
pub(super) fn entry_with(kind: Kind, record: RecordId, at: Moment, fields: BTreeMap<String, Value>) -> Entry {
    fields
        .into_iter()
        .fold(Entry::new(kind, record, at), |entry, (key, value)| {
            entry.with(&key, value)
        })
}
