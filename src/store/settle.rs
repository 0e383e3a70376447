//! What became of a reservation: the provider's answer, its later word, and what nobody knows.

use std::collections::HashMap;

use chrono::TimeDelta;
use uuid::Uuid;

use super::bulk::{Id, bulk, row};
use super::db::{q, statements};
use super::types::{Ts, id_list, word};
use super::{Store, StoreError};
use crate::domain::{AttemptId, AttemptState, Moment, RecordId};
use crate::evidence::Kind;

pub(super) mod sql {
    super::statements! {
        STATES = {
            sqlite: "SELECT id, state, last_record FROM attempt WHERE id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT id, state, last_record FROM attempt WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) ORDER BY id FOR NO KEY UPDATE",
        };
        SETTLE = bulk super::SettleRow => "UPDATE attempt SET state = r.state, settled_at = COALESCE(attempt.settled_at, r.settled_at), provider = COALESCE(r.provider, attempt.provider), provider_ref = COALESCE(r.provider_ref, attempt.provider_ref), reason = COALESCE(r.reason, attempt.reason), last_record = r.last_record FROM {batch} AS r WHERE attempt.id = r.id";
        FREE_PLACES = {
            sqlite: "DELETE FROM touch WHERE id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "DELETE FROM touch WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        // A letter in the open batch is not lost: it lies here.
        LOST = "SELECT id FROM attempt WHERE state = 'reserved' AND reserved_at <= $1 AND NOT EXISTS (SELECT 1 FROM print_letter l WHERE l.attempt_id = attempt.id AND l.state IN ('waiting', 'closing')) ORDER BY reserved_at LIMIT $2";
        // A new attempt for the same step; the old one keeps its place in the story. Each is tried again once.
        RETRY = "INSERT INTO attempt (id, step_key, account_id, recipient_id, contact_point_id, channel, purpose, origin, asked_by, stage, step, template, own_subject, own_text, due_at, expires_at, state, requested_at, tries, last_record, run) SELECT $1, $2, account_id, recipient_id, contact_point_id, channel, purpose, origin, asked_by, stage, step, template, own_subject, own_text, $3, expires_at, 'planned', $4, tries + 1, $5, run FROM attempt WHERE id = $6 AND tries < 4 AND expires_at > $3 ON CONFLICT (step_key) DO NOTHING";
    }
}

/// What became of one reservation.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which attempt.
    pub attempt: AttemptId,
    /// `accepted`, `not_sent` or `unknown`; a later word may say `delivered` or `undelivered`.
    pub state: AttemptState,
    /// The carrier.
    pub provider: Option<String>,
    /// The provider's own ids: none, one, or one for each part of the message.
    pub references: Vec<String>,
    /// Whether these ids stand for the whole message; of a part alone nothing follows for the rest.
    pub whole: bool,
    /// What the carrier said, without personal data.
    pub reason: Option<String>,
    /// Only with proof that nothing went out: when the same step may be tried anew, as an attempt of its own.
    pub retry_at: Option<Moment>,
    /// The commitment to what the provider sent, in hex, where this follows from its later word.
    pub raw: Option<String>,
}

impl Settlement {
    /// Only that it now stands there.
    pub fn new(attempt: AttemptId, state: AttemptState) -> Settlement {
        Settlement {
            attempt,
            state,
            provider: None,
            references: Vec::new(),
            whole: true,
            reason: None,
            retry_at: None,
            raw: None,
        }
    }

    /// Without zero characters: what a provider says may hold anything, and no database keeps those in text.
    fn printable(self) -> Settlement {
        let clean = |text: Option<String>| text.map(|t| t.replace('\0', ""));
        Settlement {
            provider: clean(self.provider),
            references: self.references.into_iter().map(|r| r.replace('\0', "")).collect(),
            reason: clean(self.reason),
            ..self
        }
    }
}

row! {
    struct SettleRow {
        id: Id,
        state: &'static str,
        settled_at: Ts,
        provider: Option<String>,
        provider_ref: Option<String>,
        reason: Option<String>,
        last_record: Id,
    }
}

impl Store {
    /// Records what became of reservations. A place in the caps is freed only by proof that nothing went out. Returns
    /// how many were settled; those that stood elsewhere already are left as they are. Durable when it returns.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<usize, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let named: Vec<_> = settlements
                    .iter()
                    .filter(|s| !s.references.is_empty())
                    .filter_map(|s| {
                        let s = s.clone().printable();
                        Some(super::arrivals::Taken {
                            attempt: s.attempt,
                            provider: s.provider?,
                            references: s.references,
                            whole: s.whole,
                        })
                    })
                    .collect();
                let settled = settle_in(tx, &*clock, settlements, Kind::ProviderOutcome).await?;
                super::arrivals::after_settling(tx, &*clock, named).await?;
                Ok(settled)
            })
        })
        .await
    }

    /// Reservations older than `age` that were never settled: the process died between sending and settling, or
    /// before sending. Nobody knows, so they become *unknown*, keep their place, and wait for a person.
    pub async fn give_up_on_lost(&self, age: TimeDelta) -> Result<usize, StoreError> {
        let clock = self.clock.clone();
        let mut total = 0;
        loop {
            let clock = clock.clone();
            let settled = self
                .write(move |tx| {
                    Box::pin(async move {
                        let lost = q!(&mut *tx, sql::LOST, [Ts(clock.now() - age), 500i64] => all (Uuid,))?;
                        let settlements = lost.into_iter().map(|(id,)| Settlement {
                            reason: Some("interrupted between reserving and settling".into()),
                            ..Settlement::new(AttemptId(id), AttemptState::Unknown)
                        });
                        settle_in(tx, &*clock, settlements.collect(), Kind::ProviderOutcome).await
                    })
                })
                .await?;
            total += settled;
            if settled == 0 {
                return Ok(total);
            }
        }
    }
}

pub(super) async fn settle_in(
    tx: &mut super::db::Tx,
    clock: &dyn crate::clock::Clock,
    settlements: Vec<Settlement>,
    kind: Kind,
) -> Result<usize, StoreError> {
    if settlements.is_empty() {
        return Ok(0);
    }
    let now = clock.now();
    let ids = id_list(settlements.iter().map(|s| s.attempt.0));
    let mut standing: HashMap<Uuid, (String, Option<Uuid>)> =
        q!(&mut *tx, sql::STATES, [ids] => all (Uuid, String, Option<Uuid>))?
            .into_iter()
            .map(|(id, state, last)| (id, (state, last)))
            .collect();
    let (mut settled, mut freed, mut entries, mut retries) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for s in settlements {
        let Some((state, last)) = standing.get(&s.attempt.0) else {
            continue;
        };
        let (from, last) = (word::<AttemptState>(state, "attempt state")?, *last);
        // Only what has taken its place has an outcome.
        if !from.counts() || from.step(s.state).is_err() {
            continue;
        }
        // Once for each attempt: what follows in the same batch finds it gone.
        standing.remove(&s.attempt.0);
        let s = s.printable();
        let entry = super::log::entry(clock, kind, now)
            .of_attempt(s.attempt, last.map(RecordId::from))
            .with("state", s.state.as_str())
            .with_some("provider", s.provider.clone())
            .with_some("provider_ref", s.references.first().cloned())
            .with_some("reason", s.reason.clone())
            .with_some("raw", s.raw.clone())
            .seal();
        if s.state == AttemptState::NotSent {
            freed.push(s.attempt.0);
            retries.extend(s.retry_at.map(|at| (s.attempt, at)));
        }
        settled.push(SettleRow {
            id: Id(s.attempt.0),
            state: s.state.as_str(),
            settled_at: Ts(now),
            provider: s.provider,
            provider_ref: s.references.into_iter().next(),
            reason: s.reason,
            last_record: Id(entry.record.0),
        });
        entries.push(entry);
    }
    if settled.is_empty() {
        return Ok(0);
    }
    bulk(tx, &sql::SETTLE, &settled).await?;
    if !freed.is_empty() {
        q!(&mut *tx, sql::FREE_PLACES, [id_list(freed)] => rows)?;
    }
    super::log::append(tx, &entries).await?;
    for (attempt, at) in retries {
        retry(tx, clock, attempt, at).await?;
    }
    Ok(settled.len())
}

/// Queues the same step anew. The key follows from the old attempt's id, so one attempt is tried again at most once.
async fn retry(
    tx: &mut super::db::Tx,
    clock: &dyn crate::clock::Clock,
    old: AttemptId,
    at: Moment,
) -> Result<(), StoreError> {
    let (id, now) = (clock.fresh(), clock.now());
    let entry = super::log::entry(clock, Kind::AttemptRequested, now)
        .of_attempt(AttemptId(id), None)
        .with("state", AttemptState::Planned.as_str())
        .with("retry_of", old.to_string())
        .with("due_at", at.to_text())
        .seal();
    let key = old.0.as_bytes().to_vec();
    let queued = q!(&mut *tx, sql::RETRY, [id, key, Ts(at), Ts(now), entry.record.0, old.0] => rows)?;
    if queued == 1 {
        super::log::append(tx, &[entry]).await
    } else {
        Ok(())
    }
}
