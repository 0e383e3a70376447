//! A log that is shorter than, or other than, what was signed or seen: an older copy was put back, or somebody cut it
//! off. From then on nothing is claimed and nothing reserved, until an officer has resolved it.

use uuid::Uuid;

use super::db::{Tx, q, statements};
use super::review::withdraw;
use super::types::Ts;
use super::{Store, StoreError};
use crate::domain::Moment;
use crate::evidence::Kind;

pub(super) mod sql {
    super::statements! {
        OPEN = "SELECT id, detected_at, why, entries, expected FROM restoration WHERE resolved_at IS NULL ORDER BY detected_at LIMIT 1";
        NOTE = "INSERT INTO restoration (id, detected_at, why, entries, expected, resolved_at, resolved_by) VALUES ($1, $2, $3, $4, $5, NULL, NULL)";
        RESOLVE = "UPDATE restoration SET resolved_at = $1, resolved_by = $2 WHERE resolved_at IS NULL";
        EVERYTHING_WAITING = {
            sqlite: "SELECT id, state, last_record FROM attempt WHERE state IN ('planned', 'held', 'in_review', 'blocked')",
            postgres: "SELECT id, state, last_record FROM attempt WHERE state IN ('planned', 'held', 'in_review', 'blocked') ORDER BY id FOR NO KEY UPDATE",
        };
        STALE_SCHEDULES = "UPDATE campaign SET next_run_at = NULL";
    }
}

/// A restored log that nobody has resolved.
#[derive(Debug, Clone)]
pub struct Restoration {
    /// When it was noticed.
    pub detected_at: Moment,
    /// How.
    pub why: String,
    /// Entries in the log then.
    pub entries: u64,
    /// Entries that were signed or seen before.
    pub expected: u64,
}

type Row = (Uuid, Ts, String, i64, i64);

/// Whether sending is stopped.
pub(super) async fn stands(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(q!(&mut *tx, sql::OPEN, [] => opt Row)?.is_some())
}

impl Store {
    /// The restored log that stops all sending, if there is one.
    pub async fn restoration(&self) -> Result<Option<Restoration>, StoreError> {
        let mut tx = self.db.read().await?;
        let n = |n: i64| u64::try_from(n).unwrap_or(0);
        Ok(
            q!(&mut tx, sql::OPEN, [] => opt Row)?.map(|(_, at, why, entries, expected)| Restoration {
                detected_at: at.0,
                why,
                entries: n(entries),
                expected: n(expected),
            }),
        )
    }

    /// Notes that the log is not what was signed or seen before; once, until it is resolved. From then on nothing is
    /// claimed or reserved. Gives whether this was news.
    pub async fn note_restoration(&self, why: &str, expected: u64) -> Result<bool, StoreError> {
        let (clock, why) = (self.clock.clone(), why.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                if stands(tx).await? {
                    return Ok(false);
                }
                super::print::void(tx).await?;
                let (entries,) = q!(&mut *tx, super::backup::sql::ENTRIES, [] => one (i64,))?;
                let (now, expected) = (clock.now(), i64::try_from(expected).unwrap_or(i64::MAX));
                q!(&mut *tx, sql::NOTE, [clock.fresh(), Ts(now), &why, entries, expected] => rows)?;
                let entry = super::log::entry(&*clock, Kind::RestoreDetected, now)
                    .with("why", why)
                    .with("entries", entries)
                    .with("expected", expected);
                super::log::append(tx, &[entry.seal()]).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Withdraws everything that waits, because it may have gone out before the copy was put back, and lets every
    /// campaign find its next time anew. Returns how many were withdrawn.
    pub async fn expire_waiting(&self, reason: &'static str) -> Result<u64, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                q!(&mut *tx, sql::STALE_SCHEDULES, [] => rows)?;
                let waiting = q!(&mut *tx, sql::EVERYTHING_WAITING, [] => all (Uuid, String, Option<Uuid>))?;
                withdraw(tx, &*clock, waiting, reason).await
            })
        })
        .await
    }

    /// An officer has dealt with a restored log: sending may go on.
    ///
    /// # Errors
    /// Nothing was detected.
    pub async fn resolve_restoration(
        &self,
        by: &str,
        lost: Option<String>,
        withdrawn: u64,
    ) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let now = clock.now();
                if q!(&mut *tx, sql::RESOLVE, [Ts(now), &by] => rows)? == 0 {
                    return Err(StoreError::Refused("no restored log waits to be resolved".into()));
                }
                let entry = super::log::entry(&*clock, Kind::RestoreResolved, now)
                    .with("actor", by)
                    .with("withdrawn", i64::try_from(withdrawn).unwrap_or(i64::MAX))
                    .with_some("head_given_up", lost);
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }
}
