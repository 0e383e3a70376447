//! What the planner reads and what it queues.

use chrono::NaiveDate;
use serde::Serialize;
use uuid::Uuid;

use super::db::{q, statements};
use super::people::{self, AccountRow};
use super::types::{Ts, hex_id, id_list, rows};
use super::{Store, StoreError};
use crate::domain::{
    Account, AccountId, AttemptId, AttemptState, Channel, ContactPoint, ContactPointId, Moment, Origin,
    Person, PersonId, PortfolioId, Purpose, Suppression,
};
use crate::evidence::Kind;

pub(super) mod sql {
    super::statements! {
        DUE = "SELECT id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, legal_action_approved, preferred, state, disputed, promised_until, revision FROM account WHERE state = 'open' AND portfolio_id = $1 AND next_step_on <= $2 AND id > $3 ORDER BY id LIMIT $4";
        ALL_ACCOUNTS = "SELECT id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, legal_action_approved, preferred, state, disputed, promised_until, revision FROM account WHERE id > $1 ORDER BY id LIMIT $2";
        QUEUE = {
            sqlite: "INSERT INTO attempt (id, step_key, account_id, recipient_id, contact_point_id, channel, purpose, origin, asked_by, stage, step, template, own_subject, own_text, due_at, expires_at, state, requested_at, last_record) SELECT unhex(value->>'id'), unhex(value->>'step_key'), unhex(value->>'account_id'), unhex(value->>'recipient_id'), unhex(value->>'contact_point_id'), value->>'channel', value->>'purpose', value->>'origin', value->>'asked_by', value->>'stage', value->>'step', value->>'template', value->>'own_subject', value->>'own_text', value->>'due_at', value->>'expires_at', 'planned', value->>'requested_at', unhex(value->>'last_record') FROM json_each($1) WHERE TRUE ON CONFLICT (step_key) DO NOTHING RETURNING id",
            postgres: "INSERT INTO attempt (id, step_key, account_id, recipient_id, contact_point_id, channel, purpose, origin, asked_by, stage, step, template, own_subject, own_text, due_at, expires_at, state, requested_at, last_record) SELECT id, decode(step_key, 'hex'), account_id, recipient_id, contact_point_id, channel, purpose, origin, asked_by, stage, step, template, own_subject, own_text, due_at, expires_at, 'planned', requested_at, last_record FROM jsonb_to_recordset(CAST($1 AS JSONB)) AS r (id UUID, step_key TEXT, account_id UUID, recipient_id UUID, contact_point_id UUID, channel TEXT, purpose TEXT, origin TEXT, asked_by TEXT, stage TEXT, step TEXT, template TEXT, own_subject TEXT, own_text TEXT, due_at TIMESTAMPTZ, expires_at TIMESTAMPTZ, requested_at TIMESTAMPTZ, last_record UUID) ORDER BY step_key ON CONFLICT (step_key) DO NOTHING RETURNING id",
        };
        TASK = {
            sqlite: "INSERT INTO task (id, account_id, step_key, kind, stage, step, due_on) SELECT unhex(value->>'id'), unhex(value->>'account_id'), unhex(value->>'step_key'), value->>'kind', value->>'stage', value->>'step', value->>'due_on' FROM json_each($1) WHERE TRUE ON CONFLICT (step_key) DO NOTHING",
            postgres: "INSERT INTO task (id, account_id, step_key, kind, stage, step, due_on) SELECT id, account_id, decode(step_key, 'hex'), kind, stage, step, due_on FROM jsonb_to_recordset(CAST($1 AS JSONB)) AS r (id UUID, account_id UUID, step_key TEXT, kind TEXT, stage TEXT, step TEXT, due_on DATE) ORDER BY step_key ON CONFLICT (step_key) DO NOTHING",
        };
        NEXT_STEPS = {
            sqlite: "UPDATE account SET next_step_on = r.next_on FROM (SELECT unhex(value->>'id') AS id, value->>'next_on' AS next_on, value->>'revision' AS revision FROM json_each($1)) AS r WHERE account.id = r.id AND account.revision = r.revision",
            postgres: "UPDATE account SET next_step_on = r.next_on FROM jsonb_to_recordset(CAST($1 AS JSONB)) AS r (id UUID, next_on DATE, revision BIGINT) WHERE account.id = r.id AND account.revision = r.revision",
        };
        ACCOUNT_COUNT = "SELECT COUNT(*) FROM account";
    }
}

/// An account that the planner looks at, with the debtor's contact points.
#[derive(Debug, Clone)]
pub struct DueAccount {
    /// The debt.
    pub account: Account,
    /// Who owes.
    pub debtor: Person,
    /// How the debtor can be reached.
    pub contact_points: Vec<ContactPoint>,
    /// Standing suppressions of the debtor, the debt and these addresses.
    pub suppressions: Vec<Suppression>,
}

/// An attempt to queue.
#[derive(Debug, Clone)]
pub struct NewAttempt {
    /// The same debt, cycle, stage, step and occurrence give the same key: nothing is queued twice.
    pub step_key: [u8; 16],
    /// About which debt.
    pub account: AccountId,
    /// To whom.
    pub recipient: PersonId,
    /// Where.
    pub contact_point: ContactPointId,
    /// How.
    pub channel: Channel,
    /// What for.
    pub purpose: Purpose,
    /// Who asked: campaign, collector or program.
    pub origin: Origin,
    /// Name of the campaign, collector or program.
    pub asked_by: String,
    /// Rung of the ladder; empty for one-off messages.
    pub stage: String,
    /// Step of the rung.
    pub step: String,
    /// Template, or
    pub template: Option<String>,
    /// the collector's own subject and
    pub own_subject: Option<String>,
    /// own words.
    pub own_text: Option<String>,
    /// Not before.
    pub due_at: Moment,
    /// Not after.
    pub expires_at: Moment,
}

/// A human task to note.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// As for attempts.
    pub step_key: [u8; 16],
    /// About which debt.
    pub account: AccountId,
    /// `call`, `legal_assessment`, `stop_new_business` ...
    pub kind: String,
    /// Rung.
    pub stage: String,
    /// Step.
    pub step: String,
    /// When it should be done.
    pub due_on: NaiveDate,
}

/// When the planner must look at an account again.
#[derive(Debug, Clone, Copy)]
pub struct PlanStep {
    /// Which account.
    pub account: AccountId,
    /// The revision the planner saw; an account that changed meanwhile is looked at again.
    pub revision: i64,
    /// The next day on which something falls due; `None`: never.
    pub next_on: Option<NaiveDate>,
}

#[derive(Serialize)]
struct QueueRow<'a> {
    id: String,
    step_key: String,
    account_id: String,
    recipient_id: String,
    contact_point_id: String,
    channel: &'static str,
    purpose: &'static str,
    origin: &'static str,
    asked_by: &'a str,
    stage: &'a str,
    step: &'a str,
    template: Option<&'a str>,
    own_subject: Option<&'a str>,
    own_text: Option<&'a str>,
    due_at: Ts,
    expires_at: Ts,
    requested_at: Ts,
    last_record: String,
}

#[derive(Serialize)]
struct TaskRow<'a> {
    id: String,
    account_id: String,
    step_key: String,
    kind: &'a str,
    stage: &'a str,
    step: &'a str,
    due_on: NaiveDate,
}

#[derive(Serialize)]
struct NextRow {
    id: String,
    next_on: Option<NaiveDate>,
    revision: i64,
}

impl Store {
    /// Open accounts of a portfolio on which something may be due on `today`, a page at a time by id.
    pub async fn due_accounts(
        &self,
        portfolio: PortfolioId,
        today: NaiveDate,
        after: AccountId,
        limit: i64,
    ) -> Result<Vec<DueAccount>, StoreError> {
        let mut tx = self.db.read().await?;
        let accounts = q!(&mut tx, sql::DUE, [portfolio.0, today, after.0, limit] => all AccountRow)?;
        with_contacts(&mut tx, accounts).await
    }

    /// Every account, a page at a time by id; for counting and simulation.
    pub async fn accounts_page(&self, after: AccountId, limit: i64) -> Result<Vec<DueAccount>, StoreError> {
        let mut tx = self.db.read().await?;
        let accounts = q!(&mut tx, sql::ALL_ACCOUNTS, [after.0, limit] => all AccountRow)?;
        with_contacts(&mut tx, accounts).await
    }

    /// One account with the debtor's contact points.
    pub async fn due_account(&self, account: AccountId) -> Result<DueAccount, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = people::accounts(&mut tx, [account.0]).await?;
        let missing = || StoreError::Missing {
            what: "account",
            name: account.to_string(),
        };
        with_contacts(&mut tx, rows).await?.pop().ok_or_else(missing)
    }

    /// How many accounts there are.
    pub async fn account_count(&self) -> Result<i64, StoreError> {
        let mut tx = self.db.read().await?;
        Ok(q!(&mut tx, sql::ACCOUNT_COUNT, [] => one (i64,))?.0)
    }

    /// Queues attempts and tasks and moves the accounts' next look, in one transaction with evidence. What is queued
    /// already stays as it is. Returns the ids of the attempts that are new.
    pub async fn queue(
        &self,
        attempts: Vec<NewAttempt>,
        tasks: Vec<NewTask>,
        steps: Vec<PlanStep>,
    ) -> Result<Vec<AttemptId>, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let ids = insert_attempts(tx, &*clock, &attempts).await?;
                if !tasks.is_empty() {
                    let batch: Vec<_> = tasks
                        .iter()
                        .map(|t| TaskRow {
                            id: hex_id(clock.fresh()),
                            account_id: hex_id(t.account.0),
                            step_key: hex::encode(t.step_key),
                            kind: &t.kind,
                            stage: &t.stage,
                            step: &t.step,
                            due_on: t.due_on,
                        })
                        .collect();
                    q!(&mut *tx, sql::TASK, [rows(&batch)] => rows)?;
                }
                if !steps.is_empty() {
                    super::decide::lock_accounts(tx, steps.iter().map(|s| s.account.0)).await?;
                    let batch: Vec<_> = steps
                        .iter()
                        .map(|s| NextRow {
                            id: hex_id(s.account.0),
                            next_on: s.next_on,
                            revision: s.revision,
                        })
                        .collect();
                    q!(&mut *tx, sql::NEXT_STEPS, [rows(&batch)] => rows)?;
                }
                Ok(ids)
            })
        })
        .await
    }
}

async fn insert_attempts(
    tx: &mut super::db::Tx,
    clock: &dyn crate::clock::Clock,
    attempts: &[NewAttempt],
) -> Result<Vec<AttemptId>, StoreError> {
    if attempts.is_empty() {
        return Ok(Vec::new());
    }
    let now = clock.now();
    let mut entries = std::collections::HashMap::with_capacity(attempts.len());
    let mut batch = Vec::with_capacity(attempts.len());
    for a in attempts {
        let id = clock.fresh();
        let entry = super::log::entry(clock, Kind::AttemptRequested, now)
            .of_attempt(AttemptId(id), None)
            .with("state", AttemptState::Planned.as_str())
            .with("origin", a.origin.as_str())
            .with("actor", a.asked_by.as_str())
            .with("debt", a.account.to_string())
            .with("person", a.recipient.to_string())
            .with("channel", a.channel.as_str())
            .with("purpose", a.purpose.as_str())
            .with("stage", a.stage.as_str())
            .with("step", a.step.as_str())
            .with_some("template", a.template.as_deref())
            .with("due_at", a.due_at.to_text())
            .with("expires_at", a.expires_at.to_text())
            .seal();
        batch.push(QueueRow {
            id: hex_id(id),
            step_key: hex::encode(a.step_key),
            account_id: hex_id(a.account.0),
            recipient_id: hex_id(a.recipient.0),
            contact_point_id: hex_id(a.contact_point.0),
            channel: a.channel.as_str(),
            purpose: a.purpose.as_str(),
            origin: a.origin.as_str(),
            asked_by: &a.asked_by,
            stage: &a.stage,
            step: &a.step,
            template: a.template.as_deref(),
            own_subject: a.own_subject.as_deref(),
            own_text: a.own_text.as_deref(),
            due_at: Ts(a.due_at),
            expires_at: Ts(a.expires_at),
            requested_at: Ts(now),
            last_record: hex_id(entry.record.0),
        });
        entries.insert(id, entry);
    }
    let mut queued: Vec<Uuid> = q!(&mut *tx, sql::QUEUE, [rows(&batch)] => all (Uuid,))?
        .into_iter()
        .map(|(id,)| id)
        .collect();
    queued.sort_unstable();
    let fresh: Vec<_> = queued.iter().filter_map(|id| entries.remove(id)).collect();
    super::log::append(tx, &fresh).await?;
    Ok(queued.into_iter().map(AttemptId).collect())
}

async fn with_contacts(
    tx: &mut super::db::Tx,
    accounts: Vec<AccountRow>,
) -> Result<Vec<DueAccount>, StoreError> {
    use std::collections::HashMap;
    let debtors: std::collections::BTreeSet<Uuid> = accounts.iter().map(|a| a.debtor_id).collect();
    let mut people = HashMap::new();
    for row in people::people(tx, debtors.iter().copied()).await? {
        people.insert(row.id, row.into_person()?);
    }
    let rows = people::contact_points_of(tx, debtors.iter().copied()).await?;
    let suppressions = super::claim::suppressions(
        tx,
        id_list(debtors.iter().copied()),
        id_list(accounts.iter().map(|a| a.id)),
        id_list(rows.iter().map(|r| r.address_id)),
    )
    .await?;
    let mut points: HashMap<Uuid, Vec<ContactPoint>> = HashMap::new();
    for row in rows {
        let owner = people.get(&row.person_id).ok_or(StoreError::Corrupt {
            what: "contact point",
        })?;
        points
            .entry(row.person_id)
            .or_default()
            .push(row.into_contact_point(owner)?);
    }
    accounts
        .into_iter()
        .map(|row| {
            let account = row.into_account()?;
            let debtor = people
                .get(&account.debtor.0)
                .ok_or(StoreError::Corrupt {
                    what: "debtor of an account",
                })?
                .clone();
            let contact_points = points.get(&debtor.id.0).cloned().unwrap_or_default();
            use crate::domain::SuppressionScope as Scope;
            let concerns = |s: &&Suppression| match s.scope {
                Scope::Person(p) => p == debtor.id,
                Scope::Account(a) => a == account.id,
                Scope::Address(a) => contact_points.iter().any(|c| c.address_id == a),
            };
            let suppressions = suppressions.iter().filter(concerns).cloned().collect();
            Ok(DueAccount {
                account,
                debtor,
                contact_points,
                suppressions,
            })
        })
        .collect()
}
