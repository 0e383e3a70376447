//! What the retention schedule asks of the store: when something last happened about a debt, and what a run did.

use chrono::NaiveDate;
use uuid::Uuid;

use super::db::{q, statements};
use super::types::{Ts, id_list};
use super::{Store, StoreError};
use crate::domain::{AccountId, Moment, PersonId};
use crate::evidence::Kind;

pub(super) mod sql {
    super::statements! {
        ACTIVITY = {
            sqlite: "SELECT a.id, (SELECT MAX(t.at) FROM touch t WHERE t.account_id = a.id) AS touched, (SELECT MAX(c.at) FROM call_record c WHERE c.account_id = a.id) AS called, (SELECT MAX(COALESCE(t.settled_at, t.requested_at)) FROM attempt t WHERE t.account_id = a.id) AS tried, (SELECT b.at FROM import_batch b WHERE b.id = a.batch_id) AS brought, (SELECT MAX(y.paid_on) FROM payment y WHERE y.account_id = a.id) AS paid FROM account a WHERE a.id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT a.id, (SELECT MAX(t.at) FROM touch t WHERE t.account_id = a.id) AS touched, (SELECT MAX(c.at) FROM call_record c WHERE c.account_id = a.id) AS called, (SELECT MAX(COALESCE(t.settled_at, t.requested_at)) FROM attempt t WHERE t.account_id = a.id) AS tried, (SELECT b.at FROM import_batch b WHERE b.id = a.batch_id) AS brought, (SELECT MAX(y.paid_on) FROM payment y WHERE y.account_id = a.id) AS paid FROM account a WHERE a.id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
    }
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

/// What a run of the schedule is recorded as.
#[derive(Debug, Clone, Default)]
pub struct RetentionTold {
    /// People erased.
    pub erased: u64,
    /// People whose time had come, but whom a legal hold or a message under way kept.
    pub kept: u64,
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
                    .with("policy", told.policy);
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }
}
