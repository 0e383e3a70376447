//! The evidence log: appended in the transaction of each step. On SQLite an entry has its place at once, because there
//! is one writer; on PostgreSQL it waits in an outbox until the sequencer (`tree.rs`) gives it one.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::bulk::{Bytes, Id, bulk, row};
use super::db::{Tx, q, statements};
use super::types::Ts;
use super::{Store, StoreError};
use crate::domain::{Moment, RecordId};
use crate::evidence::{Entry, Kind, Sealed, Value};

pub(super) mod sql {
    super::statements! {
        // SQLite gives a row the place after the largest; the first entry takes place 0 itself.
        APPEND = bulk super::AppendRow<'static> => "INSERT INTO evidence (record, kind, attempt_id, at, leaf, bytes) SELECT record, kind, attempt_id, at, leaf, bytes FROM {batch} AS r ORDER BY r.n";
        BEGIN = "INSERT INTO evidence (position, record, kind, attempt_id, at, leaf, bytes) VALUES (0, $1, $2, NULL, $3, $4, $5)";
        QUEUE = bulk super::AppendRow<'static> => "INSERT INTO evidence_outbox (record, kind, attempt_id, at, leaf, bytes) SELECT record, kind, attempt_id, at, leaf, bytes FROM {batch} AS r ORDER BY r.n";
        NEWEST = "SELECT x.at FROM (SELECT at, 1 AS waiting FROM (SELECT at FROM evidence_outbox ORDER BY place DESC LIMIT 1) AS w UNION ALL SELECT at, 0 AS waiting FROM (SELECT at FROM evidence ORDER BY position DESC LIMIT 1) AS e) AS x ORDER BY x.waiting DESC LIMIT 1";
        LATEST = "SELECT x.position, x.record, x.kind, x.attempt_id, x.at, x.leaf, x.bytes FROM (SELECT 1 AS waiting, place AS sorting, CAST(NULL AS BIGINT) AS position, record, kind, attempt_id, at, leaf, bytes FROM (SELECT * FROM evidence_outbox ORDER BY place DESC LIMIT $1) AS w UNION ALL SELECT 0 AS waiting, position AS sorting, position, record, kind, attempt_id, at, leaf, bytes FROM (SELECT * FROM evidence ORDER BY position DESC LIMIT $1) AS e) AS x ORDER BY x.waiting DESC, x.sorting DESC LIMIT $1";
        PUBLISH = "INSERT INTO published (digest, kind, name, at) VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING";
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
    let statement = if tx.is_postgres() {
        &sql::QUEUE
    } else {
        &sql::APPEND
    };
    bulk(tx, statement, &batch).await?;
    Ok(())
}

/// When the newest entry was made; none on a fresh database.
async fn newest(tx: &mut Tx) -> Result<Option<Moment>, StoreError> {
    Ok(q!(tx, sql::NEWEST, [] => opt (Ts,))?.map(|(at,)| at.0))
}

/// One entry as lists show it.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Index in the log; none while it waits for one.
    pub position: Option<i64>,
    /// Its id.
    pub record: RecordId,
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

impl Store {
    /// Begins the log on a fresh database; on any other, tells the clock of the newest entry, so that a clock that has
    /// stepped back since is noticed.
    pub(super) async fn begin_log(&self) -> Result<(), StoreError> {
        let mut tx = self.db.read().await?;
        if let Some(at) = newest(&mut tx).await? {
            self.clock.witness(at);
            return Ok(());
        }
        drop(tx);
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                // Of several programs that open a fresh database one begins the log.
                q!(tx, super::import::sql::ONE_AT_A_TIME, [] => one (i64,))?;
                if newest(tx).await?.is_some() {
                    return Ok(());
                }
                let entry = Entry::new(Kind::LogGenesis, clock.fresh().into(), clock.now())
                    .with("software", concat!("dunwell ", env!("CARGO_PKG_VERSION")))
                    .with("zones", chrono_tz::IANA_TZDB_VERSION)
                    .seal();
                if tx.is_postgres() {
                    return append(tx, &[entry]).await;
                }
                let (record, leaf) = (entry.record.0, entry.leaf.to_vec());
                q!(tx, sql::BEGIN, [record, entry.kind.as_str(), Ts(entry.at), leaf, &entry.bytes] => rows)?;
                Ok(())
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

    /// Appends entries that belong to no other step. Durable when it returns.
    pub async fn append_entries(&self, entries: Vec<Sealed>) -> Result<(), StoreError> {
        self.write(move |tx| Box::pin(async move { append(tx, &entries).await }))
            .await
    }

    /// The newest entries, newest first.
    pub async fn latest_entries(&self, limit: i64) -> Result<Vec<LogEntry>, StoreError> {
        type Row = (Option<i64>, Uuid, String, Option<Uuid>, Ts, Vec<u8>, String);
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::LATEST, [limit] => all Row)?;
        let entry = |(position, record, kind, attempt, at, leaf, bytes): Row| LogEntry {
            position,
            record: RecordId(record),
            kind,
            attempt: attempt.map(crate::domain::AttemptId),
            at: at.0,
            leaf: hex::encode(leaf),
            bytes,
        };
        Ok(found.into_iter().map(entry).collect())
    }
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
