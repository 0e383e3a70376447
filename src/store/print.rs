//! Letters on their way to a print shop: the open batch, from which a letter can be taken back with proof, batches that
//! were handed over, and the shop's word about each letter.
//!
//! A letter in the open batch is still *reserved*: it counts in every cap and nothing of it has left. It is *accepted*
//! when its batch lies where the shop takes it, and *not sent* when it was taken out before.

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use super::arrivals::{Receipt, ReceiptStatus, Taken, after_settling, take_in};
use super::bulk::{Id, bulk, row};
use super::db::{Tx, q, statements};
use super::settle::{Settlement, settle_in};
use super::to_ledger::Opened;
use super::types::{Ts, id_list};
use super::{Store, StoreError};
use crate::clock::Clock;
use crate::domain::{Address, AttemptId, AttemptState, Moment};
use crate::evidence::Kind;

/// The carrier whose letters lie here.
pub const PRINT: &str = "print";

/// For so long after a provider took a letter it is asked to stop it when something comes in between.
const STOPPABLE: TimeDelta = TimeDelta::days(3);

pub(super) mod sql {
    super::statements! {
        // Whatever lies in the open batch is taken out. What is on its way there, or lies with a provider since lately, is marked.
        STOP_ACCOUNTS = {
            sqlite: "INSERT INTO print_letter (attempt_id, state, since, reason) SELECT t.id, 'stopped', $1, $2 FROM attempt t WHERE t.channel = 'letter' AND (t.state = 'reserved' OR (t.state = 'accepted' AND t.settled_at > $3 AND t.provider NOT IN ('print', 'sandbox', 'null'))) AND (CAST($4 AS TEXT) IS NULL OR t.channel = $4) AND t.account_id IN (SELECT unhex(value) FROM json_each($5)) ON CONFLICT (attempt_id) DO UPDATE SET state = 'recalled', reason = excluded.reason WHERE print_letter.state = 'waiting' RETURNING attempt_id, state",
            postgres: "INSERT INTO print_letter (attempt_id, state, since, reason) SELECT t.id, 'stopped', $1, $2 FROM attempt t WHERE t.channel = 'letter' AND (t.state = 'reserved' OR (t.state = 'accepted' AND t.settled_at > $3 AND t.provider NOT IN ('print', 'sandbox', 'null'))) AND (CAST($4 AS TEXT) IS NULL OR t.channel = $4) AND t.account_id IN (SELECT CAST(jsonb_array_elements_text(CAST($5 AS JSONB)) AS UUID)) ON CONFLICT (attempt_id) DO UPDATE SET state = 'recalled', reason = excluded.reason WHERE print_letter.state = 'waiting' RETURNING attempt_id, state",
        };
        // Letters to these people, and letters about what they owe.
        STOP_PEOPLE = {
            sqlite: "INSERT INTO print_letter (attempt_id, state, since, reason) SELECT t.id, 'stopped', $1, $2 FROM attempt t JOIN account a ON a.id = t.account_id WHERE t.channel = 'letter' AND (t.state = 'reserved' OR (t.state = 'accepted' AND t.settled_at > $3 AND t.provider NOT IN ('print', 'sandbox', 'null'))) AND (CAST($4 AS TEXT) IS NULL OR t.channel = $4) AND (t.recipient_id IN (SELECT unhex(value) FROM json_each($5)) OR a.debtor_id IN (SELECT unhex(value) FROM json_each($5))) ON CONFLICT (attempt_id) DO UPDATE SET state = 'recalled', reason = excluded.reason WHERE print_letter.state = 'waiting' RETURNING attempt_id, state",
            postgres: "INSERT INTO print_letter (attempt_id, state, since, reason) SELECT t.id, 'stopped', $1, $2 FROM attempt t JOIN account a ON a.id = t.account_id WHERE t.channel = 'letter' AND (t.state = 'reserved' OR (t.state = 'accepted' AND t.settled_at > $3 AND t.provider NOT IN ('print', 'sandbox', 'null'))) AND (CAST($4 AS TEXT) IS NULL OR t.channel = $4) AND (t.recipient_id IN (SELECT CAST(jsonb_array_elements_text(CAST($5 AS JSONB)) AS UUID)) OR a.debtor_id IN (SELECT CAST(jsonb_array_elements_text(CAST($5 AS JSONB)) AS UUID))) ON CONFLICT (attempt_id) DO UPDATE SET state = 'recalled', reason = excluded.reason WHERE print_letter.state = 'waiting' RETURNING attempt_id, state",
        };
        STOP_ADDRESS = "INSERT INTO print_letter (attempt_id, state, since, reason) SELECT t.id, 'stopped', $1, $2 FROM attempt t JOIN contact_point c ON c.id = t.contact_point_id WHERE t.channel = 'letter' AND (t.state = 'reserved' OR (t.state = 'accepted' AND t.settled_at > $3 AND t.provider NOT IN ('print', 'sandbox', 'null'))) AND (CAST($4 AS TEXT) IS NULL OR t.channel = $4) AND c.address_id = $5 ON CONFLICT (attempt_id) DO UPDATE SET state = 'recalled', reason = excluded.reason WHERE print_letter.state = 'waiting' RETURNING attempt_id, state";
        TAKE_OUT = "UPDATE print_letter SET state = 'recalled', reason = $1 WHERE attempt_id = $2 AND state = 'waiting'";
        // Nothing is put back over what came in between.
        GATHER = "INSERT INTO print_letter (attempt_id, state, since, pages, sha256, paper, words) SELECT id, 'waiting', $1, $2, $3, $4, $5 FROM attempt WHERE id = $6 AND state = 'reserved' ON CONFLICT (attempt_id) DO NOTHING";
        STANDS = "SELECT state, reason FROM print_letter WHERE attempt_id = $1";
        STOP_DONE = "UPDATE print_letter SET state = 'recalled' WHERE attempt_id = $1 AND state = 'stopped'";
        WAITING = {
            sqlite: "SELECT attempt_id, pages FROM print_letter WHERE state = 'waiting' AND since <= $1 ORDER BY paper, pages, attempt_id",
            postgres: "SELECT attempt_id, pages FROM print_letter WHERE state = 'waiting' AND since <= $1 ORDER BY paper, pages, attempt_id FOR UPDATE",
        };
        NUMBER = "SELECT COALESCE(MAX(number), 0) + 1 FROM print_batch";
        BEGIN = "INSERT INTO print_batch (id, number, name, state, closed_at, closed_by, handed_at, letters, pages, sheets) VALUES ($1, $2, $3, 'closing', $4, $5, NULL, $6, $7, $8)";
        TAKE = bulk super::TakeRow => "UPDATE print_letter SET state = 'closing', batch_id = r.batch_id, place = r.place FROM {batch} AS r WHERE print_letter.attempt_id = r.attempt_id AND print_letter.state = 'waiting'";
        BATCHES = "SELECT id, number, name, state, closed_at, closed_by, handed_at, letters, pages, sheets FROM print_batch ORDER BY number DESC LIMIT $1";
        HANDED = "UPDATE print_batch SET state = 'handed', handed_at = $1, letters = letters - $2, pages = pages - $3 WHERE id = $4 AND state = 'closing'";
        // In a batch of one file that file's digest stands for each of its letters.
        LETTERS_HANDED = "UPDATE print_letter SET state = 'handed', sha256 = COALESCE($1, sha256) WHERE batch_id = $2 AND state = 'closing'";
        DROP = "UPDATE print_letter SET state = 'dropped', reason = $1 WHERE attempt_id = $2 AND state = 'closing'";
        LETTERS = "SELECT l.attempt_id, p.name AS portfolio, a.reference, l.state, l.since, l.pages, l.sha256, l.paper, l.words, b.name AS batch, l.place, l.reason, l.said, l.said_on FROM print_letter l JOIN attempt t ON t.id = l.attempt_id JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id LEFT JOIN print_batch b ON b.id = l.batch_id WHERE l.state = 'waiting' ORDER BY l.since, l.attempt_id";
        OF_BATCH = "SELECT l.attempt_id, p.name AS portfolio, a.reference, l.state, l.since, l.pages, l.sha256, l.paper, l.words, b.name AS batch, l.place, l.reason, l.said, l.said_on FROM print_letter l JOIN attempt t ON t.id = l.attempt_id JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id JOIN print_batch b ON b.id = l.batch_id WHERE b.name = $1 ORDER BY l.place";
        ONE = "SELECT l.attempt_id, p.name AS portfolio, a.reference, l.state, l.since, l.pages, l.sha256, l.paper, l.words, b.name AS batch, l.place, l.reason, l.said, l.said_on FROM print_letter l JOIN attempt t ON t.id = l.attempt_id JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id LEFT JOIN print_batch b ON b.id = l.batch_id WHERE l.attempt_id = $1";
        SAID = "UPDATE print_letter SET said = $1, said_on = $2 WHERE attempt_id = $3";
        WHOSE = "SELECT p.name, a.reference, c.id, d.kind, d.country FROM attempt t JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id JOIN contact_point c ON c.id = t.contact_point_id JOIN address d ON d.id = c.address_id WHERE t.id = $1";
        // Letters that lie with a provider and should not go any more.
        STOPPED = "SELECT l.attempt_id, t.provider, t.provider_ref, l.reason FROM print_letter l JOIN attempt t ON t.id = l.attempt_id WHERE l.state = 'stopped' AND t.state = 'accepted' ORDER BY l.since LIMIT $1";
        // What was never gathered can be forgotten once its attempt has ended otherwise.
        VOID = "UPDATE print_letter SET state = 'lost' WHERE state IN ('waiting', 'closing', 'stopped')";
    }
}

/// A letter that was typeset for the open batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Pages.
    pub pages: u32,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// `a4` or `us-letter`.
    pub paper: String,
    /// SHA-256 of the words it was typeset from, in hex.
    pub words: String,
}

/// A letter for the print shop. Nothing personal stands here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintLetter {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Portfolio.
    pub portfolio: String,
    /// The creditor's reference.
    pub reference: String,
    /// `stopped`, `waiting`, `recalled`, `closing`, `handed`, `dropped` or `lost`.
    pub state: String,
    /// Since when it lies here.
    pub since: Moment,
    /// Pages.
    pub pages: u32,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// `a4` or `us-letter`.
    pub paper: String,
    /// SHA-256 of the words it was typeset from, in hex.
    pub words: String,
    /// The batch it belongs to.
    pub batch: Option<String>,
    /// Its place there, from 1.
    pub place: Option<u32>,
    /// Why it was taken out.
    pub reason: Option<String>,
    /// The shop's latest word.
    pub said: Option<String>,
    /// Of which day.
    pub said_on: Option<String>,
}

/// A batch that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintBatch {
    /// Which one.
    pub id: Uuid,
    /// Counted from 1.
    pub number: u32,
    /// What the folder or the archive is called.
    pub name: String,
    /// Whether it lies where the shop takes it; else handing it over has begun.
    pub handed: bool,
    /// When no letter could be taken out any more.
    pub closed_at: Moment,
    /// Who closed it.
    pub closed_by: String,
    /// When it lay there.
    pub handed_at: Option<Moment>,
    /// Letters.
    pub letters: u32,
    /// Pages.
    pub pages: u32,
    /// Sheets of paper.
    pub sheets: u32,
}

/// How a batch is closed.
#[derive(Debug, Clone)]
pub struct Closing {
    /// Letters that lie here since this moment or longer.
    pub until: Moment,
    /// Both sides of a sheet are printed.
    pub duplex: bool,
    /// Who closes it.
    pub by: String,
    /// The day that the name tells.
    pub day: NaiveDate,
}

/// What became of the wish to take a letter back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// It was taken out of the open batch: nothing went out.
    TakenOut,
    /// It belongs to a batch that was closed.
    TooLate {
        /// Its batch.
        batch: String,
    },
    /// A provider has it; only the provider can stop it.
    WithProvider {
        /// Who.
        provider: String,
        /// The provider's name for it.
        reference: Option<String>,
    },
    /// It stands elsewhere.
    Elsewhere(AttemptState),
}

/// A letter that a provider has and that should not go any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedLetter {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Who has it.
    pub provider: String,
    /// The provider's name for it.
    pub reference: Option<String>,
    /// Why.
    pub reason: String,
}

/// What a print shop says about one letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopWord {
    /// Which attempt.
    pub attempt: AttemptId,
    /// `printed`, `mailed`, `delivered`, `spoiled` or `undeliverable`.
    pub word: &'static str,
    /// Of which day.
    pub on: Option<NaiveDate>,
    /// What it means for the state.
    pub status: ReceiptStatus,
    /// What was read, as it was read.
    pub raw: Vec<u8>,
}

/// An address at which the post found nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadAddress {
    /// Portfolio.
    pub portfolio: String,
    /// The creditor's reference.
    pub reference: String,
    /// The address; personal data.
    pub address: Address,
}

impl std::fmt::Debug for DeadAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeadAddress({})", self.portfolio)
    }
}

row! {
    pub(super) struct TakeRow {
        pub(super) attempt_id: Id,
        pub(super) batch_id: Id,
        pub(super) place: i64,
    }
}

#[derive(sqlx::FromRow)]
struct LetterRow {
    attempt_id: Uuid,
    portfolio: String,
    reference: String,
    state: String,
    since: Ts,
    pages: Option<i64>,
    sha256: Option<String>,
    paper: Option<String>,
    words: Option<String>,
    batch: Option<String>,
    place: Option<i64>,
    reason: Option<String>,
    said: Option<String>,
    said_on: Option<String>,
}

#[derive(sqlx::FromRow)]
struct BatchRow {
    id: Uuid,
    number: i64,
    name: String,
    state: String,
    closed_at: Ts,
    closed_by: String,
    handed_at: Option<Ts>,
    letters: i64,
    pages: i64,
    sheets: i64,
}

fn small(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(0)
}

impl From<LetterRow> for PrintLetter {
    fn from(r: LetterRow) -> PrintLetter {
        PrintLetter {
            attempt: AttemptId(r.attempt_id),
            portfolio: r.portfolio,
            reference: r.reference,
            state: r.state,
            since: r.since.0,
            pages: r.pages.map_or(0, small),
            sha256: r.sha256.unwrap_or_default(),
            paper: r.paper.unwrap_or_default(),
            words: r.words.unwrap_or_default(),
            batch: r.batch,
            place: r.place.map(small),
            reason: r.reason,
            said: r.said,
            said_on: r.said_on,
        }
    }
}

impl From<BatchRow> for PrintBatch {
    fn from(r: BatchRow) -> PrintBatch {
        PrintBatch {
            id: r.id,
            number: small(r.number),
            name: r.name,
            handed: r.state == "handed",
            closed_at: r.closed_at.0,
            closed_by: r.closed_by,
            handed_at: r.handed_at.map(|at| at.0),
            letters: small(r.letters),
            pages: small(r.pages),
            sheets: small(r.sheets),
        }
    }
}

/// What is recorded of a letter that was taken out of the open batch: the batch never left the house with it.
fn taken_out(attempt: AttemptId, why: &str) -> Settlement {
    Settlement {
        provider: Some(PRINT.to_owned()),
        reason: Some(format!(
            "withheld: taken out of the open batch before it was handed over ({why})"
        )),
        ..Settlement::new(attempt, AttemptState::NotSent)
    }
}

/// Whom a stop concerns.
pub(super) enum Whose<'a> {
    /// Everything about these debts.
    Accounts(&'a [Uuid]),
    /// Everything to this person, and about what this person owes.
    Person(Uuid),
    /// Everything to this address.
    Address(Uuid),
}

/// Takes out of the open batch what may no longer go, with the reason, and marks what is on its way there or lies with a
/// provider. Part of the event's own transaction. Returns how many were taken out.
pub(super) async fn stop(
    tx: &mut Tx,
    clock: &dyn Clock,
    (whose, channel): (Whose<'_>, Option<&str>),
    reason: &str,
) -> Result<u64, StoreError> {
    let now = clock.now();
    let (at, lately) = (Ts(now), Ts(now - STOPPABLE));
    let found = match whose {
        Whose::Accounts(ids) => {
            let list = id_list(ids.iter().copied());
            q!(&mut *tx, sql::STOP_ACCOUNTS, [at, reason, lately, channel, list] => all (Uuid, String))?
        }
        Whose::Person(id) => {
            q!(&mut *tx, sql::STOP_PEOPLE, [at, reason, lately, channel, id_list([id])] => all (Uuid, String))?
        }
        Whose::Address(id) => {
            q!(&mut *tx, sql::STOP_ADDRESS, [at, reason, lately, channel, id] => all (Uuid, String))?
        }
    };
    let recalled: Vec<Settlement> = found
        .into_iter()
        .filter(|(_, state)| state == "recalled")
        .map(|(id, _)| taken_out(AttemptId(id), reason))
        .collect();
    let count = recalled.len() as u64;
    settle_in(tx, clock, recalled, Kind::ProviderOutcome).await?;
    Ok(count)
}

/// Nothing in a database that was put back may go to a print shop: it may have been there before.
pub(super) async fn void(tx: &mut Tx) -> Result<(), StoreError> {
    q!(&mut *tx, sql::VOID, [] => rows)?;
    Ok(())
}

impl Store {
    /// Puts typeset letters into the open batch. What was stopped meanwhile ends as not sent. Returns the attempts that lie
    /// in the batch now. Durable when it returns.
    pub async fn gather(&self, letters: Vec<Gathered>) -> Result<Vec<AttemptId>, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let (mut lying, mut stopped) = (Vec::new(), Vec::new());
                for l in &letters {
                    let id = l.attempt.0;
                    q!(&mut *tx, sql::GATHER, [Ts(clock.now()), i64::from(l.pages), &l.sha256, &l.paper, &l.words, id] => rows)?;
                    match q!(&mut *tx, sql::STANDS, [id] => opt (String, Option<String>))? {
                        Some((state, _)) if state == "waiting" => lying.push(l.attempt),
                        Some((state, why)) if state == "stopped" => {
                            q!(&mut *tx, sql::STOP_DONE, [id] => rows)?;
                            stopped.push(taken_out(l.attempt, why.as_deref().unwrap_or("stopped")));
                        }
                        _ => {}
                    }
                }
                settle_in(tx, &*clock, stopped, Kind::ProviderOutcome).await?;
                Ok(lying)
            })
        })
        .await
    }

    /// Takes one letter out of the open batch, with proof that nothing went out. Durable when it returns.
    ///
    /// # Errors
    /// There is no such attempt.
    pub async fn recall_letter(&self, attempt: AttemptId, by: &str, why: &str) -> Result<Recall, StoreError> {
        let (clock, reason) = (self.clock.clone(), format!("recalled by {by}: {why}"));
        let state = self.story(attempt).await?.attempt.state;
        self.write(move |tx| {
            Box::pin(async move {
                if q!(&mut *tx, sql::TAKE_OUT, [&reason, attempt.0] => rows)? == 1 {
                    let settlement = taken_out(attempt, &reason);
                    settle_in(tx, &*clock, vec![settlement], Kind::ReviewAction).await?;
                    return Ok(Recall::TakenOut);
                }
                let found = q!(&mut *tx, sql::ONE, [attempt.0] => opt LetterRow)?;
                if let Some(batch) = found.and_then(|l| l.batch) {
                    return Ok(Recall::TooLate { batch });
                }
                let had = q!(&mut *tx, super::arrivals::sql::HAD, [attempt.0] => opt (Option<String>, Option<String>))?;
                Ok(match had {
                    Some((Some(provider), reference)) if state == AttemptState::Accepted => {
                        Recall::WithProvider { provider, reference }
                    }
                    _ => Recall::Elsewhere(state),
                })
            })
        })
        .await
    }

    /// What lies in the open batch, oldest first.
    pub async fn open_batch(&self) -> Result<Vec<PrintLetter>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::LETTERS, [] => all LetterRow)?;
        Ok(rows.into_iter().map(PrintLetter::from).collect())
    }

    /// The latest batches, newest first.
    pub async fn print_batches(&self, limit: i64) -> Result<Vec<PrintBatch>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::BATCHES, [limit] => all BatchRow)?;
        Ok(rows.into_iter().map(PrintBatch::from).collect())
    }

    /// The letters of a batch, in its order.
    pub async fn letters_of_batch(&self, name: &str) -> Result<Vec<PrintLetter>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::OF_BATCH, [name] => all LetterRow)?;
        Ok(rows.into_iter().map(PrintLetter::from).collect())
    }

    /// How a letter stands with the print shop.
    pub async fn print_letter(&self, attempt: AttemptId) -> Result<Option<PrintLetter>, StoreError> {
        let mut tx = self.db.read().await?;
        Ok(q!(&mut tx, sql::ONE, [attempt.0] => opt LetterRow)?.map(PrintLetter::from))
    }

    /// Closes the open batch: from now on none of its letters can be taken back. `None` where nothing lies in it. The
    /// batch is not handed over yet. Durable when it returns.
    pub async fn close_batch(&self, closing: Closing) -> Result<Option<PrintBatch>, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                // Of several programs that close at the same time one does.
                q!(&mut *tx, super::import::sql::ONE_AT_A_TIME, [] => one (i64,))?;
                let found = q!(&mut *tx, sql::WAITING, [Ts(closing.until)] => all (Uuid, i64))?;
                if found.is_empty() {
                    return Ok(None);
                }
                let (number,) = q!(&mut *tx, sql::NUMBER, [] => one (i64,))?;
                let (id, now) = (clock.fresh(), clock.now());
                let name = format!("{}-{number:05}", closing.day.format("%Y%m%d"));
                let pages: i64 = found.iter().map(|(_, pages)| pages).sum();
                let sheets = |pages: i64| if closing.duplex { (pages + 1) / 2 } else { pages };
                let all: i64 = found.iter().map(|(_, pages)| sheets(*pages)).sum();
                let letters = i64::try_from(found.len()).unwrap_or(i64::MAX);
                q!(&mut *tx, sql::BEGIN, [id, number, &name, Ts(now), &closing.by, letters, pages, all] => rows)?;
                let rows: Vec<TakeRow> = (1..)
                    .zip(&found)
                    .map(|(place, (attempt, _))| TakeRow {
                        attempt_id: Id(*attempt),
                        batch_id: Id(id),
                        place,
                    })
                    .collect();
                bulk(tx, &sql::TAKE, &rows).await?;
                Ok(Some(PrintBatch {
                    id,
                    number: small(number),
                    name,
                    handed: false,
                    closed_at: now,
                    closed_by: closing.by.clone(),
                    handed_at: None,
                    letters: small(letters),
                    pages: small(pages),
                    sheets: small(all),
                }))
            })
        })
        .await
    }

    /// The batch lies where the print shop takes it: its letters are accepted. `written` is the
    /// digest of its one file, where it has one, and those that are not in it, with the reason; nothing of them went out, and their steps are queued anew. Durable when it returns; once.
    pub async fn batch_handed(
        &self,
        batch: &PrintBatch,
        written: (Option<String>, Vec<(AttemptId, String)>),
        retry_at: Moment,
    ) -> Result<(), StoreError> {
        let (merged, dropped) = written;
        let clock = self.clock.clone();
        let (id, name) = (batch.id, batch.name.clone());
        let letters = self.letters_of_batch(&name).await?;
        self.write(move |tx| {
            Box::pin(async move {
                let is_out = |l: &&PrintLetter| dropped.iter().any(|(d, _)| *d == l.attempt);
                let gone: i64 = letters.iter().filter(is_out).map(|l| i64::from(l.pages)).sum();
                let count = i64::try_from(dropped.len()).unwrap_or(i64::MAX);
                if q!(&mut *tx, sql::HANDED, [Ts(clock.now()), count, gone, id] => rows)? == 0 {
                    return Ok(());
                }
                let mut settlements = Vec::with_capacity(letters.len());
                for (attempt, why) in &dropped {
                    q!(&mut *tx, sql::DROP, [why, attempt.0] => rows)?;
                    settlements.push(Settlement {
                        provider: Some(PRINT.to_owned()),
                        reason: Some(format!("unwritable: {why}")),
                        retry_at: Some(retry_at),
                        ..Settlement::new(*attempt, AttemptState::NotSent)
                    });
                }
                q!(&mut *tx, sql::LETTERS_HANDED, [merged.as_deref(), id] => rows)?;
                let named: Vec<Taken> = letters
                    .iter()
                    .filter(|l| l.state == "closing" && !is_out(l))
                    .map(|l| Taken {
                        attempt: l.attempt,
                        provider: PRINT.to_owned(),
                        references: vec![format!("{name}/{:05}", l.place.unwrap_or(0))],
                        whole: true,
                    })
                    .collect();
                settlements.extend(named.iter().map(|t| Settlement {
                    provider: Some(t.provider.clone()),
                    references: t.references.clone(),
                    ..Settlement::new(t.attempt, AttemptState::Accepted)
                }));
                settle_in(tx, &*clock, settlements, Kind::ProviderOutcome).await?;
                after_settling(tx, &*clock, named).await
            })
        })
        .await
    }

    /// Takes in what a print shop says about its letters, each word once. Returns which of them were new, in order, and the
    /// addresses at which the post found nobody. Durable when it returns.
    pub async fn shop_said(&self, words: Vec<ShopWord>) -> Result<(Vec<bool>, Vec<DeadAddress>), StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let (mut fresh, mut dead) = (Vec::with_capacity(words.len()), Vec::new());
                for said in &words {
                    let on = said.on.map(|d| d.to_string());
                    let event = format!("{}/{}/{}", said.attempt, said.word, on.as_deref().unwrap_or(""));
                    let hashed = tx.seals().hash("receipt.event", &event)?;
                    let (known,) = q!(&mut *tx, super::arrivals::sql::KNOWN, [PRINT, &hashed] => one (i64,))?;
                    fresh.push(known == 0);
                    if known > 0 {
                        continue;
                    }
                    let receipt = Receipt {
                        provider: PRINT.to_owned(),
                        event,
                        references: Vec::new(),
                        attempt: Some(said.attempt),
                        status: said.status,
                        recipient: None,
                        raw: said.raw.clone(),
                    };
                    take_in(tx, &*clock, &receipt).await?;
                    q!(&mut *tx, sql::SAID, [said.word, on, said.attempt.0] => rows)?;
                    if said.word == "undeliverable" {
                        dead.extend(whose(tx, said.attempt).await?);
                    }
                }
                Ok((fresh, dead))
            })
        })
        .await
    }

    /// Where the message of an attempt goes; personal data.
    pub async fn address_of(&self, attempt: AttemptId) -> Result<Option<Address>, StoreError> {
        let mut tx = self.db.read().await?;
        Ok(whose(&mut tx, attempt).await?.map(|found| found.address))
    }

    /// Letters that lie with a provider and should not go any more.
    pub async fn stopped_letters(&self, limit: i64) -> Result<Vec<StoppedLetter>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows =
            q!(&mut tx, sql::STOPPED, [limit] => all (Uuid, Option<String>, Option<String>, Option<String>))?;
        let letter = |(id, provider, reference, reason): (Uuid, Option<String>, _, Option<String>)| {
            Some(StoppedLetter {
                attempt: AttemptId(id),
                provider: provider?,
                reference,
                reason: reason.unwrap_or_default(),
            })
        };
        Ok(rows.into_iter().filter_map(letter).collect())
    }

    /// The provider answered the wish to stop a letter: `true`: it did, and the letter does not go out; its place in the
    /// caps stays taken. Durable when it returns.
    pub async fn stop_answered(
        &self,
        letter: &StoppedLetter,
        stopped: bool,
        by: &str,
    ) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        let (attempt, provider, why) = (letter.attempt, letter.provider.clone(), letter.reason.clone());
        self.write(move |tx| {
            Box::pin(async move {
                q!(&mut *tx, sql::STOP_DONE, [attempt.0] => rows)?;
                if stopped {
                    let settlement = Settlement {
                        provider: Some(provider),
                        reason: Some(format!(
                            "stopped by the provider before it was mailed ({why}; {by})"
                        )),
                        ..Settlement::new(attempt, AttemptState::Undelivered)
                    };
                    settle_in(tx, &*clock, vec![settlement], Kind::ProviderOutcome).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// Where a letter went.
async fn whose(tx: &mut Tx, attempt: AttemptId) -> Result<Option<DeadAddress>, StoreError> {
    let found = q!(&mut *tx, sql::WHOSE, [attempt.0] => opt (String, String, Uuid, String, Option<String>))?;
    let Some((portfolio, reference, point, kind, country)) = found else {
        return Ok(None);
    };
    let opened = Opened::read(tx, std::iter::empty(), std::iter::once(point)).await?;
    let address = opened.address_of((Some(kind), Some(point), country))?;
    Ok(address.map(|address| DeadAddress {
        portfolio,
        reference,
        address,
    }))
}
