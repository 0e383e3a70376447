//! What the retention schedule asks of the store: when something last happened about a debt, and what a run did.

use chrono::NaiveDate;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::db::{Tx, q, statements};
use super::types::{Ts, id_list};
use super::{Store, StoreError};
use crate::domain::{AccountId, Moment, PersonId};
use crate::evidence::{Kind, Value, to_canonical};
use crate::policy::RecordClass;

pub(super) mod sql {
    super::statements! {
        // Debts, or people, of whom there is something of a class; what waits or is being sent is left alone.
        LEFT_CONTENT = {
            sqlite: "SELECT DISTINCT t.account_id FROM content c JOIN attempt t ON t.id = c.attempt_id WHERE t.state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND t.account_id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY t.account_id",
            postgres: "SELECT DISTINCT t.account_id FROM content c JOIN attempt t ON t.id = c.attempt_id WHERE t.state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND t.account_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)) ORDER BY t.account_id",
        };
        LEFT_DECISIONS = {
            sqlite: "SELECT DISTINCT t.account_id FROM decision c JOIN attempt t ON t.id = c.attempt_id WHERE t.state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND t.account_id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY t.account_id",
            postgres: "SELECT DISTINCT t.account_id FROM decision c JOIN attempt t ON t.id = c.attempt_id WHERE t.state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND t.account_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)) ORDER BY t.account_id",
        };
        LEFT_RECEIPTS = {
            sqlite: "SELECT DISTINCT t.account_id FROM receipt c JOIN attempt t ON t.id = c.attempt_id WHERE c.raw IS NOT NULL AND t.account_id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY t.account_id",
            postgres: "SELECT DISTINCT t.account_id FROM receipt c JOIN attempt t ON t.id = c.attempt_id WHERE c.raw IS NOT NULL AND t.account_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)) ORDER BY t.account_id",
        };
        LEFT_REPLIES = {
            sqlite: "SELECT DISTINCT keeper FROM inbound WHERE sealed IS NOT NULL AND keeper IN (SELECT unhex(value) FROM json_each($1)) ORDER BY keeper",
            postgres: "SELECT DISTINCT keeper FROM inbound WHERE sealed IS NOT NULL AND keeper IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)) ORDER BY keeper",
        };
        LEFT_ADDRESSES = {
            sqlite: "SELECT DISTINCT person_id FROM contact_point WHERE sealed <> '' AND person_id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY person_id",
            postgres: "SELECT DISTINCT person_id FROM contact_point WHERE sealed <> '' AND person_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)) ORDER BY person_id",
        };
        SHRED_CONTENT = {
            sqlite: "DELETE FROM content WHERE attempt_id IN (SELECT t.id FROM attempt t WHERE t.state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND t.account_id IN (SELECT unhex(value) FROM json_each($1)))",
            postgres: "DELETE FROM content WHERE attempt_id IN (SELECT t.id FROM attempt t WHERE t.state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND t.account_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        SHRED_WORDS = {
            sqlite: "UPDATE attempt SET own_subject = NULL, own_text = CASE WHEN own_text IS NULL THEN NULL ELSE 'erased' END, findings = NULL WHERE state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND account_id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "UPDATE attempt SET own_subject = NULL, own_text = CASE WHEN own_text IS NULL THEN NULL ELSE 'erased' END, findings = NULL WHERE state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND account_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))",
        };
        SHRED_DECISIONS = {
            sqlite: "DELETE FROM decision WHERE attempt_id IN (SELECT t.id FROM attempt t WHERE t.state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND t.account_id IN (SELECT unhex(value) FROM json_each($1)))",
            postgres: "DELETE FROM decision WHERE attempt_id IN (SELECT t.id FROM attempt t WHERE t.state NOT IN ('planned', 'held', 'in_review', 'blocked', 'reserved') AND t.account_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        SHRED_RECEIPTS = {
            sqlite: "UPDATE receipt SET raw = NULL WHERE raw IS NOT NULL AND attempt_id IN (SELECT t.id FROM attempt t WHERE t.account_id IN (SELECT unhex(value) FROM json_each($1)))",
            postgres: "UPDATE receipt SET raw = NULL WHERE raw IS NOT NULL AND attempt_id IN (SELECT t.id FROM attempt t WHERE t.account_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        SHRED_REPLIES = {
            sqlite: "UPDATE inbound SET sealed = NULL, sender = 'erased', handled_by = CASE WHEN handled_at IS NULL THEN 'retention' ELSE handled_by END, handled_at = COALESCE(handled_at, $2) WHERE sealed IS NOT NULL AND keeper IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "UPDATE inbound SET sealed = NULL, sender = 'erased', handled_by = CASE WHEN handled_at IS NULL THEN 'retention' ELSE handled_by END, handled_at = COALESCE(handled_at, $2) WHERE sealed IS NOT NULL AND keeper IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))",
        };
        OBJECT = "INSERT INTO trace (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
        ACTIVITY = {
            sqlite: "SELECT a.id, (SELECT MAX(t.at) FROM touch t WHERE t.account_id = a.id) AS touched, (SELECT MAX(c.at) FROM call_record c WHERE c.account_id = a.id) AS called, (SELECT MAX(COALESCE(t.settled_at, t.requested_at)) FROM attempt t WHERE t.account_id = a.id) AS tried, (SELECT b.at FROM import_batch b WHERE b.id = a.batch_id) AS brought, (SELECT MAX(y.paid_on) FROM payment y WHERE y.account_id = a.id) AS paid FROM account a WHERE a.id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT a.id, (SELECT MAX(t.at) FROM touch t WHERE t.account_id = a.id) AS touched, (SELECT MAX(c.at) FROM call_record c WHERE c.account_id = a.id) AS called, (SELECT MAX(COALESCE(t.settled_at, t.requested_at)) FROM attempt t WHERE t.account_id = a.id) AS tried, (SELECT b.at FROM import_batch b WHERE b.id = a.batch_id) AS brought, (SELECT MAX(y.paid_on) FROM payment y WHERE y.account_id = a.id) AS paid FROM account a WHERE a.id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))",
        };
    }
}

/// Debts, or people, whose records are shredded at once.
const SHRED_PAGE: usize = 1000;

async fn shred_page(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    (class, of): (RecordClass, &[Uuid]),
    (by, why): (&str, &Shredding),
) -> Result<u64, StoreError> {
    let list = id_list(of.iter().copied());
    let gone = match class {
        RecordClass::Content => {
            q!(&mut *tx, sql::SHRED_WORDS, [&list] => rows)?;
            q!(&mut *tx, sql::SHRED_CONTENT, [&list] => rows)?
        }
        RecordClass::Decisions => q!(&mut *tx, sql::SHRED_DECISIONS, [&list] => rows)?,
        RecordClass::Receipts => q!(&mut *tx, sql::SHRED_RECEIPTS, [&list] => rows)?,
        RecordClass::Replies => q!(&mut *tx, sql::SHRED_REPLIES, [&list, Ts(clock.now())] => rows)?,
        RecordClass::Addresses => {
            let mut gone = 0;
            for person in of {
                gone += super::erase::clear_addresses(tx, *person).await?;
            }
            gone
        }
        _ => return Ok(0),
    };
    let listed = of.iter().map(|id| Value::from(id.to_string())).collect();
    let entry = why.entry(tx, clock, by, Value::List(listed)).await?;
    super::log::append(tx, &[entry]).await?;
    Ok(gone)
}

/// When something last happened about a debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// The debt.
    pub account: AccountId,
    /// The latest contact, call, attempt, import or payment; `None`: nothing is known.
    pub last: Option<Moment>,
}

/// A person whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuePerson {
    /// Who.
    pub person: PersonId,
    /// Since when nothing asks for keeping.
    pub since: Moment,
    /// The rule that asked for it longest: pack and id.
    pub rule: String,
    /// Its law and clause.
    pub basis: String,
}

/// Why records of one class are shredded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shredding {
    /// The class of records.
    pub class: &'static str,
    /// The rule whose time is over: pack and id.
    pub rule: String,
    /// Its law and clause, or that it is the house's own.
    pub basis: String,
    /// Name of the set of policies that said so.
    pub policy: String,
}

impl Shredding {
    /// The entry that tells of it. What was shredded, random ids, stands in an object that it names.
    pub(super) async fn entry(
        &self,
        tx: &mut Tx,
        clock: &dyn crate::clock::Clock,
        by: &str,
        of: Value,
    ) -> Result<crate::evidence::Sealed, StoreError> {
        let things = match &of {
            Value::List(all) => i64::try_from(all.len()).unwrap_or(i64::MAX),
            _ => 1,
        };
        let list = to_canonical(&Value::from([("class", self.class.into()), ("of", of)]));
        let digest = Sha256::digest(list.as_bytes()).to_vec();
        q!(&mut *tx, sql::OBJECT, [&digest, &list] => rows)?;
        Ok(super::log::entry(clock, Kind::RetentionShredded, clock.now())
            .with("actor", by)
            .with("class", self.class)
            .with("rule", self.rule.as_str())
            .with("basis", self.basis.as_str())
            .with("policy", self.policy.as_str())
            .with("count", things)
            .with("trace", hex::encode(digest))
            .seal())
    }
}

/// What a run of the schedule is recorded as.
#[derive(Debug, Clone, Default)]
pub struct RetentionTold {
    /// People erased.
    pub erased: u64,
    /// People whose time had come, but whom a legal hold or a message under way kept.
    pub kept: u64,
    /// Records that were shredded while the person stays known.
    pub shredded: u64,
    /// Name of the set of policies that said how long.
    pub policy: String,
}

impl Store {
    /// When something last happened about these debts.
    pub async fn activity(&self, accounts: &[AccountId]) -> Result<Vec<Activity>, StoreError> {
        type Row = (
            Uuid,
            Option<Ts>,
            Option<Ts>,
            Option<Ts>,
            Option<Ts>,
            Option<NaiveDate>,
        );
        let mut tx = self.db.read().await?;
        let list = id_list(accounts.iter().map(|a| a.0));
        let rows = q!(&mut tx, sql::ACTIVITY, [list] => all Row)?;
        let activity = |(id, touched, called, tried, brought, paid): Row| {
            // The end of the day of a payment, wherever that was.
            let paid = paid.map(|day| {
                Moment::new(
                    (day + chrono::Days::new(2))
                        .and_time(chrono::NaiveTime::MIN)
                        .and_utc(),
                )
            });
            let moments = [touched, called, tried, brought]
                .into_iter()
                .flatten()
                .map(|t| t.0);
            Activity {
                account: AccountId(id),
                last: moments.chain(paid).max(),
            }
        };
        Ok(rows.into_iter().map(activity).collect())
    }

    /// Of these debts, or people, those of whom there are records of a class.
    pub async fn left_of(&self, class: RecordClass, of: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        let statement = match class {
            RecordClass::Content => sql::LEFT_CONTENT,
            RecordClass::Decisions => sql::LEFT_DECISIONS,
            RecordClass::Receipts => sql::LEFT_RECEIPTS,
            RecordClass::Replies => sql::LEFT_REPLIES,
            RecordClass::Addresses => sql::LEFT_ADDRESSES,
            _ => return Ok(Vec::new()),
        };
        let mut tx = self.db.read().await?;
        let mut left = Vec::new();
        for page in of.chunks(SHRED_PAGE) {
            let found = q!(&mut tx, statement, [id_list(page.iter().copied())] => all (Uuid,))?;
            left.extend(found.into_iter().map(|(id,)| id));
        }
        Ok(left)
    }

    /// Shreds the records of a class of these debts, or people, while everything else about them stays; the entries tell
    /// why and of what. Gone from the database and its write-ahead log when it returns; a copy in a backup can be opened
    /// until the person is erased.
    ///
    /// # Errors
    /// The database failed; what was shredded before that stays shredded, with its entry.
    pub async fn shred_class(
        &self,
        class: RecordClass,
        of: Vec<Uuid>,
        by: &str,
        why: Shredding,
    ) -> Result<u64, StoreError> {
        let mut gone = 0;
        for page in of.chunks(SHRED_PAGE) {
            let (clock, by, why, page) = (self.clock.clone(), by.to_owned(), why.clone(), page.to_vec());
            gone += self
                .write(move |tx| {
                    Box::pin(async move { shred_page(tx, &*clock, (class, &page), (&by, &why)).await })
                })
                .await?;
        }
        self.after_erasing(&mut super::Erased::default()).await?;
        Ok(gone)
    }

    /// Records a run of the retention schedule.
    pub async fn record_retention(&self, by: &str, told: &RetentionTold) -> Result<(), StoreError> {
        let (clock, by, told) = (self.clock.clone(), by.to_owned(), told.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let n = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
                let entry = super::log::entry(&*clock, Kind::RetentionRun, clock.now())
                    .with("actor", by)
                    .with("erased", n(told.erased))
                    .with("kept", n(told.kept))
                    .with("shredded", n(told.shredded))
                    .with("policy", told.policy);
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }
}
