//! The queue as operators see it: what comes next, what stands still and until when, what nobody knows the end of, and
//! the test mode, which stands in the database so that no settings file can end it.

use chrono::TimeDelta;
use uuid::Uuid;

use super::db::{q, statements};
use super::types::{Ts, word, word_opt};
use super::{Store, StoreError};
use crate::domain::{Address, AttemptId, AttemptState, Channel, Moment};
use crate::evidence::{Entry, Kind};

pub(super) mod sql {
    super::statements! {
        TOP = "SELECT t.id, p.name AS portfolio, a.reference, t.channel, t.stage, t.state, t.due_at, t.expires_at, t.reason FROM attempt t JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id WHERE t.state IN ('planned', 'held') AND (CAST($1 AS TEXT) IS NULL OR t.channel = $1) ORDER BY t.due_at, t.id LIMIT $2";
        COUNTS = "SELECT channel, state, COUNT(*), MIN(due_at) FROM attempt WHERE state IN ('planned', 'held', 'in_review', 'blocked', 'reserved', 'unknown') GROUP BY channel, state ORDER BY channel, state";
        SUSPEND = "INSERT INTO queue_suspension (id, channel, portfolio_id, since, until, reason, asked_by) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        PORTFOLIO = "SELECT id FROM portfolio WHERE name = $1";
        SUSPENSIONS = "SELECT q.id, q.channel, p.name AS portfolio, q.since, q.until, q.reason, q.asked_by FROM queue_suspension q LEFT JOIN portfolio p ON p.id = q.portfolio_id WHERE q.lifted_at IS NULL AND q.until > $1 ORDER BY q.since, q.id";
        RESUME = "UPDATE queue_suspension SET lifted_at = $1, lifted_by = $2 WHERE lifted_at IS NULL AND until > $1 AND (channel = $3 OR CAST($3 AS TEXT) IS NULL) AND (portfolio_id = (SELECT id FROM portfolio WHERE name = $4) OR CAST($4 AS TEXT) IS NULL)";
        // A provider is asked about what it may have; an attempt whose turn to be asked has not come is left out.
        UNKNOWN = "SELECT t.id, t.channel, t.provider, t.provider_ref, t.reserved_at, d.kind, d.normal, d.country, COALESCE(l.tries, 0) AS tries FROM attempt t JOIN contact_point c ON c.id = t.contact_point_id JOIN address d ON d.id = c.address_id LEFT JOIN look_up l ON l.attempt_id = t.id WHERE t.state = 'unknown' AND t.channel = $1 AND t.settled_at <= $2 AND (l.next_at IS NULL OR l.next_at <= $3) AND COALESCE(l.tries, 0) < 12 ORDER BY t.settled_at LIMIT $4";
        PARTS = "SELECT reference FROM provider_part WHERE attempt_id = $1 ORDER BY reference";
        LOOKED = "INSERT INTO look_up (attempt_id, tries, next_at) VALUES ($1, 1, $2) ON CONFLICT (attempt_id) DO UPDATE SET tries = look_up.tries + 1, next_at = excluded.next_at";
        TEST_MODE = "SELECT since, asked_by FROM test_mode WHERE one = 1";
        TEST_RECIPIENTS = "SELECT normal FROM test_recipient ORDER BY normal";
        ENTER_TEST = "INSERT INTO test_mode (one, since, asked_by) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING";
        LEAVE_TEST = "DELETE FROM test_mode WHERE one = 1";
        ADD_RECIPIENT = "INSERT INTO test_recipient (normal, added_at, added_by) VALUES ($1, $2, $3) ON CONFLICT (normal) DO NOTHING";
        DROP_RECIPIENTS = "DELETE FROM test_recipient WHERE normal IS NOT NULL";
    }
}

/// What waits, as the top of the queue shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// Which attempt.
    pub id: AttemptId,
    /// Portfolio.
    pub portfolio: String,
    /// The creditor's reference.
    pub reference: String,
    /// How.
    pub channel: Channel,
    /// The rung of the ladder.
    pub stage: String,
    /// Planned or held.
    pub state: AttemptState,
    /// Not before.
    pub due_at: Moment,
    /// Not after.
    pub expires_at: Moment,
    /// Why it is held.
    pub reason: Option<String>,
}

/// A wish to let a queue stand still.
#[derive(Debug, Clone)]
pub struct Suspension {
    /// Only this channel.
    pub channel: Option<Channel>,
    /// Only this portfolio.
    pub portfolio: Option<String>,
    /// Until when; it ends by itself.
    pub until: Moment,
    /// Why.
    pub reason: String,
    /// Who wants it.
    pub by: String,
}

/// A queue that stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspensionRow {
    /// Only this channel.
    pub channel: Option<Channel>,
    /// Only this portfolio.
    pub portfolio: Option<String>,
    /// Since when.
    pub since: Moment,
    /// Until when.
    pub until: Moment,
    /// Why.
    pub reason: String,
    /// Who wanted it.
    pub by: String,
}

/// An attempt of which nobody knows whether it went out, and whose provider may be asked now.
#[derive(Debug, Clone)]
pub struct UnknownAttempt {
    /// Which one.
    pub id: AttemptId,
    /// The carrier that had it, where that is known.
    pub provider: Option<String>,
    /// The provider's names for what it took.
    pub references: Vec<String>,
    /// Whether these names stand for the whole message.
    pub whole: bool,
    /// To whom; personal data.
    pub to: Address,
    /// When it was reserved.
    pub at: Moment,
    /// How often the provider was asked already.
    pub tries: u32,
}

/// Messages go to these addresses only.
#[derive(Clone, PartialEq, Eq)]
pub struct TestMode {
    /// Since when.
    pub since: Moment,
    /// Who wanted it.
    pub by: String,
    /// The addresses in their normal form; personal data.
    pub recipients: Vec<String>,
}

impl std::fmt::Debug for TestMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestMode({} recipients)", self.recipients.len())
    }
}

impl TestMode {
    /// Whether a message may go there.
    pub fn allows(&self, address: &Address) -> bool {
        self.recipients.contains(&address.normal())
    }
}

#[derive(sqlx::FromRow)]
struct TopRow {
    id: Uuid,
    portfolio: String,
    reference: String,
    channel: String,
    stage: String,
    state: String,
    due_at: Ts,
    expires_at: Ts,
    reason: Option<String>,
}

#[derive(sqlx::FromRow)]
struct StandsStill {
    #[allow(dead_code, reason = "sorts the rows")]
    id: Uuid,
    channel: Option<String>,
    portfolio: Option<String>,
    since: Ts,
    until: Ts,
    reason: String,
    asked_by: String,
}

#[derive(sqlx::FromRow)]
struct UnknownRow {
    id: Uuid,
    #[allow(dead_code, reason = "the caller asked for it")]
    channel: String,
    provider: Option<String>,
    provider_ref: Option<String>,
    reserved_at: Ts,
    kind: String,
    normal: String,
    country: Option<String>,
    tries: i64,
}

/// What an entry of the log says about the state of the whole system.
fn system(clock: &dyn crate::clock::Clock, state: &str, by: &str) -> Entry {
    Entry::new(Kind::SystemState, clock.fresh().into(), clock.now())
        .with("state", state)
        .with("actor", by)
}

impl Store {
    /// What comes next, of one channel or of all.
    pub async fn queue_top(&self, channel: Option<Channel>, limit: i64) -> Result<Vec<QueueRow>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::TOP, [channel.map(Channel::as_str), limit] => all TopRow)?;
        rows.into_iter()
            .map(|r| {
                Ok(QueueRow {
                    id: AttemptId(r.id),
                    portfolio: r.portfolio,
                    reference: r.reference,
                    channel: word(&r.channel, "channel")?,
                    stage: r.stage,
                    state: word(&r.state, "attempt state")?,
                    due_at: r.due_at.0,
                    expires_at: r.expires_at.0,
                    reason: r.reason,
                })
            })
            .collect()
    }

    /// How many attempts stand where, by channel, with the earliest due time.
    pub async fn queue_counts(&self) -> Result<Vec<(Channel, AttemptState, i64, Moment)>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::COUNTS, [] => all (String, String, i64, Ts))?;
        rows.into_iter()
            .map(|(channel, state, n, due)| {
                Ok((
                    word(&channel, "channel")?,
                    word(&state, "attempt state")?,
                    n,
                    due.0,
                ))
            })
            .collect()
    }

    /// Lets a queue stand still. Durable, with an entry in the log, when it returns; workers heed it with their next
    /// batch, and what they have claimed already still goes.
    ///
    /// # Errors
    /// `Refused` for an end that is not in the future or more than 90 days away; `Missing` for an unknown portfolio.
    pub async fn suspend_queue(&self, wish: Suspension) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let now = clock.now();
                if wish.until <= now || wish.until > now + TimeDelta::days(90) {
                    return Err(StoreError::Refused(
                        "a queue stands still until a moment within the next 90 days".to_owned(),
                    ));
                }
                let portfolio = match &wish.portfolio {
                    None => None,
                    Some(name) => Some(q!(&mut *tx, sql::PORTFOLIO, [name] => opt (Uuid,))?.ok_or_else(|| {
                        StoreError::Missing {
                            what: "portfolio",
                            name: name.clone(),
                        }
                    })?.0),
                };
                let channel = wish.channel.map(Channel::as_str);
                q!(&mut *tx, sql::SUSPEND, [clock.fresh(), channel, portfolio, Ts(now), Ts(wish.until), &wish.reason, &wish.by] => rows)?;
                let entry = system(&*clock, "queue.suspended", &wish.by)
                    .with("until", wish.until.to_text())
                    .with_some("channel", channel.map(str::to_owned))
                    .with_some("portfolio", portfolio.map(|p| p.to_string()));
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }

    /// Queues that stand still now.
    pub async fn suspensions(&self) -> Result<Vec<SuspensionRow>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::SUSPENSIONS, [Ts(self.clock.now())] => all StandsStill)?;
        rows.into_iter()
            .map(|r| {
                Ok(SuspensionRow {
                    channel: word_opt(r.channel.as_deref(), "channel")?,
                    portfolio: r.portfolio,
                    since: r.since.0,
                    until: r.until.0,
                    reason: r.reason,
                    by: r.asked_by,
                })
            })
            .collect()
    }

    /// Lets queues go on: those of this channel and portfolio, or all. Returns how many stood still.
    pub async fn resume_queue(
        &self,
        channel: Option<Channel>,
        portfolio: Option<String>,
        by: &str,
    ) -> Result<u64, StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let channel = channel.map(Channel::as_str);
                let lifted = q!(&mut *tx, sql::RESUME, [Ts(clock.now()), &by, channel, portfolio] => rows)?;
                if lifted > 0 {
                    let entry = system(&*clock, "queue.resumed", &by)
                        .with_some("channel", channel.map(str::to_owned));
                    super::log::append(tx, &[entry.seal()]).await?;
                }
                Ok(lifted)
            })
        })
        .await
    }

    /// Attempts of a channel whose end nobody knows since `settled_before`, and whose provider may be asked now.
    pub async fn unknown_attempts(
        &self,
        channel: Channel,
        settled_before: Moment,
        limit: i64,
    ) -> Result<Vec<UnknownAttempt>, StoreError> {
        let mut tx = self.db.read().await?;
        let now = Ts(self.clock.now());
        let rows =
            q!(&mut tx, sql::UNKNOWN, [channel.as_str(), Ts(settled_before), now, limit] => all UnknownRow)?;
        let mut found = Vec::with_capacity(rows.len());
        for r in rows {
            let parts = q!(&mut tx, sql::PARTS, [r.id] => all (String,))?;
            let whole = parts.is_empty();
            let references = match whole {
                true => r.provider_ref.into_iter().collect(),
                false => parts.into_iter().map(|(reference,)| reference).collect(),
            };
            found.push(UnknownAttempt {
                id: AttemptId(r.id),
                provider: r.provider,
                references,
                whole,
                to: super::people::address(&r.kind, &r.normal, r.country.as_deref())?,
                at: r.reserved_at.0,
                tries: u32::try_from(r.tries).unwrap_or(0),
            });
        }
        Ok(found)
    }

    /// A provider was asked about an attempt and its word settled nothing; it is asked again at `next_at`.
    pub async fn looked_up(&self, attempt: AttemptId, next_at: Moment) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                q!(&mut *tx, sql::LOOKED, [attempt.0, Ts(next_at)] => rows)?;
                Ok(())
            })
        })
        .await
    }

    /// The test mode, if it is on.
    pub async fn test_mode(&self) -> Result<Option<TestMode>, StoreError> {
        let mut tx = self.db.read().await?;
        let Some((since, by)) = q!(&mut tx, sql::TEST_MODE, [] => opt (Ts, String))? else {
            return Ok(None);
        };
        let recipients = q!(&mut tx, sql::TEST_RECIPIENTS, [] => all (String,))?;
        Ok(Some(TestMode {
            since: since.0,
            by,
            recipients: recipients.into_iter().map(|(normal,)| normal).collect(),
        }))
    }

    /// Turns the test mode on, or adds to its recipients. Durable, with an entry in the log, when it returns.
    pub async fn enter_test_mode(&self, allowed: &[Address], by: &str) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        let allowed: Vec<String> = allowed.iter().map(Address::normal).collect();
        self.write(move |tx| {
            Box::pin(async move {
                let now = Ts(clock.now());
                q!(&mut *tx, sql::ENTER_TEST, [now, &by] => rows)?;
                for normal in &allowed {
                    q!(&mut *tx, sql::ADD_RECIPIENT, [normal, now, &by] => rows)?;
                }
                let count = i64::try_from(allowed.len()).unwrap_or(i64::MAX);
                let entry = system(&*clock, "test_mode.on", &by).with("recipients_added", count);
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }

    /// Ends the test mode: from now on messages go to everybody they may go to. Durable, with an entry in the log, when
    /// it returns; `false` where it was not on.
    pub async fn leave_test_mode(&self, by: &str) -> Result<bool, StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                if q!(&mut *tx, sql::LEAVE_TEST, [] => rows)? == 0 {
                    return Ok(false);
                }
                q!(&mut *tx, sql::DROP_RECIPIENTS, [] => rows)?;
                let entry = system(&*clock, "test_mode.off", &by);
                super::log::append(tx, &[entry.seal()]).await?;
                Ok(true)
            })
        })
        .await
    }
}
