//! What the planner reads and what it queues.

use chrono::NaiveDate;
use uuid::Uuid;

use super::bulk::{Bytes, Id, bulk, bulk_all, row};
use super::db::{q, statements};
use super::people::{self, AccountRow};
use super::seals::{Keys, Seals, shared_key};
use super::types::{Ts, id_list};
use super::{Store, StoreError};
use crate::domain::{
    Account, AccountId, AttemptId, AttemptState, Channel, ContactPoint, ContactPointId, Moment, Origin,
    Person, PersonId, PortfolioId, Purpose, Suppression,
};
use crate::evidence::{Kind, SealKind};

pub(super) mod sql {
    super::statements! {
        DUE = "SELECT id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, legal_action_approved, preferred, state, disputed, promised_until, revision, next_step_on FROM account WHERE state = 'open' AND portfolio_id = $1 AND next_step_on <= $2 AND (next_step_on, id) > ($3, $4) ORDER BY next_step_on, id LIMIT $5";
        ALL_ACCOUNTS = "SELECT id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, legal_action_approved, preferred, state, disputed, promised_until, revision FROM account WHERE id > $1 AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = account.debtor_id) ORDER BY id LIMIT $2";
        QUEUE = bulk super::QueueRow<'static> => "INSERT INTO attempt (id, step_key, account_id, recipient_id, contact_point_id, channel, purpose, origin, asked_by, stage, step, template, own_subject, own_text, due_at, expires_at, state, requested_at, last_record, run) SELECT id, step_key, account_id, recipient_id, contact_point_id, channel, purpose, origin, asked_by, stage, step, template, own_subject, own_text, due_at, expires_at, 'planned', requested_at, last_record, run FROM {batch} AS r WHERE TRUE ORDER BY step_key ON CONFLICT (step_key) DO NOTHING RETURNING id";
        TASK = bulk super::TaskRow<'static> => "INSERT INTO task (id, account_id, step_key, kind, stage, step, due_on) SELECT id, account_id, step_key, kind, stage, step, due_on FROM {batch} AS r WHERE TRUE ORDER BY step_key ON CONFLICT (step_key) DO NOTHING";
        NEXT_STEPS = bulk super::NextRow => "UPDATE account SET next_step_on = r.next_on FROM {batch} AS r WHERE account.id = r.id AND account.revision = r.revision";
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

row! {
    struct QueueRow<'a> {
        id: Id,
        step_key: Bytes,
        account_id: Id,
        recipient_id: Id,
        contact_point_id: Id,
        channel: &'static str,
        purpose: &'static str,
        origin: &'static str,
        asked_by: &'a str,
        stage: &'a str,
        step: &'a str,
        template: Option<&'a str>,
        own_subject: Option<String>,
        own_text: Option<String>,
        due_at: Ts,
        expires_at: Ts,
        requested_at: Ts,
        last_record: Id,
        run: Option<i64>,
    }
}

row! {
    struct TaskRow<'a> {
        id: Id,
        account_id: Id,
        step_key: Bytes,
        kind: &'a str,
        stage: &'a str,
        step: &'a str,
        due_on: NaiveDate,
    }
}

row! {
    struct NextRow {
        id: Id,
        next_on: Option<NaiveDate>,
        revision: i64,
    }
}

/// An account and the day on which it was to be looked at.
#[derive(sqlx::FromRow)]
struct LookRow {
    #[sqlx(flatten)]
    account: AccountRow,
    next_step_on: NaiveDate,
}

impl Store {
    /// Open accounts of a portfolio on which something may be due on `today`, a page at a time. `after` is where the page
    /// before ended: the day on which its last account was to be looked at, and its id.
    pub async fn due_accounts(
        &self,
        portfolio: PortfolioId,
        today: NaiveDate,
        after: (NaiveDate, AccountId),
        limit: i64,
    ) -> Result<(Vec<DueAccount>, Option<NaiveDate>), StoreError> {
        let mut tx = self.db.read().await?;
        let (day, id) = after;
        let rows = q!(&mut tx, sql::DUE, [portfolio.0, today, day, id.0, limit] => all LookRow)?;
        let last = rows.last().map(|r| r.next_step_on);
        let accounts = rows.into_iter().map(|r| r.account).collect();
        Ok((with_contacts(&mut tx, accounts, self.clock.now()).await?, last))
    }

    /// Every account, a page at a time by id; for counting and simulation.
    pub async fn accounts_page(&self, after: AccountId, limit: i64) -> Result<Vec<DueAccount>, StoreError> {
        let mut tx = self.db.read().await?;
        let accounts = q!(&mut tx, sql::ALL_ACCOUNTS, [after.0, limit] => all AccountRow)?;
        with_contacts(&mut tx, accounts, self.clock.now()).await
    }

    /// One account with the debtor's contact points.
    pub async fn due_account(&self, account: AccountId) -> Result<DueAccount, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = people::accounts(&mut tx, [account.0]).await?;
        let missing = || StoreError::Missing {
            what: "account",
            name: account.to_string(),
        };
        with_contacts(&mut tx, rows, self.clock.now())
            .await?
            .pop()
            .ok_or_else(missing)
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
        self.queue_in_run(None, attempts, tasks, steps).await
    }

    /// As [`Store::queue`], for a run of a campaign.
    pub async fn queue_in_run(
        &self,
        run: Option<i64>,
        attempts: Vec<NewAttempt>,
        tasks: Vec<NewTask>,
        steps: Vec<PlanStep>,
    ) -> Result<Vec<AttemptId>, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let ids = insert_attempts(tx, &*clock, run, &attempts).await?;
                if !tasks.is_empty() {
                    let batch: Vec<_> = tasks
                        .iter()
                        .map(|t| TaskRow {
                            id: Id(clock.fresh()),
                            account_id: Id(t.account.0),
                            step_key: Bytes(t.step_key.to_vec()),
                            kind: &t.kind,
                            stage: &t.stage,
                            step: &t.step,
                            due_on: t.due_on,
                        })
                        .collect();
                    bulk(tx, &sql::TASK, &batch).await?;
                }
                if !steps.is_empty() {
                    super::decide::lock_accounts(tx, steps.iter().map(|s| s.account.0)).await?;
                    let batch: Vec<_> = steps
                        .iter()
                        .map(|s| NextRow {
                            id: Id(s.account.0),
                            next_on: s.next_on,
                            revision: s.revision,
                        })
                        .collect();
                    bulk(tx, &sql::NEXT_STEPS, &batch).await?;
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
    run: Option<i64>,
    attempts: &[NewAttempt],
) -> Result<Vec<AttemptId>, StoreError> {
    if attempts.is_empty() {
        return Ok(Vec::new());
    }
    let zero = |a: &NewAttempt| {
        [&a.own_subject, &a.own_text]
            .into_iter()
            .flatten()
            .any(|t| t.contains('\0'))
    };
    if attempts.iter().any(zero) {
        // No database keeps it in text, and each would lose it in another way.
        return Err(StoreError::Refused("the text holds a zero character".into()));
    }
    let own = OwnWords::of(tx, attempts).await?;
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
            id: Id(id),
            step_key: Bytes(a.step_key.to_vec()),
            account_id: Id(a.account.0),
            recipient_id: Id(a.recipient.0),
            contact_point_id: Id(a.contact_point.0),
            channel: a.channel.as_str(),
            purpose: a.purpose.as_str(),
            origin: a.origin.as_str(),
            asked_by: &a.asked_by,
            stage: &a.stage,
            step: &a.step,
            template: a.template.as_deref(),
            own_subject: own.seal(a, SealKind::OwnSubject, a.own_subject.as_deref())?,
            own_text: own.seal(a, SealKind::OwnText, a.own_text.as_deref())?,
            due_at: Ts(a.due_at),
            expires_at: Ts(a.expires_at),
            requested_at: Ts(now),
            last_record: Id(entry.record.0),
            run,
        });
        entries.insert(id, entry);
    }
    let mut queued: Vec<Uuid> = bulk_all::<_, (Uuid,)>(tx, &sql::QUEUE, &batch)
        .await?
        .into_iter()
        .map(|(id,)| id)
        .collect();
    queued.sort_unstable();
    let fresh: Vec<_> = queued.iter().filter_map(|id| entries.remove(id)).collect();
    super::log::append(tx, &fresh).await?;
    Ok(queued.into_iter().map(AttemptId).collect())
}

/// What collectors typed themselves, sealed for those whom it concerns.
struct OwnWords {
    seals: std::sync::Arc<Seals>,
    keys: Keys,
    debtors: std::collections::HashMap<Uuid, Uuid>,
}

impl OwnWords {
    async fn of(tx: &mut super::db::Tx, attempts: &[NewAttempt]) -> Result<OwnWords, StoreError> {
        let typed = || {
            let own = |a: &&NewAttempt| a.own_text.is_some() || a.own_subject.is_some();
            attempts.iter().filter(own)
        };
        let mut debtors = std::collections::HashMap::new();
        if typed().next().is_some() {
            for row in people::accounts(tx, typed().map(|a| a.account.0)).await? {
                debtors.insert(row.id, row.debtor_id);
            }
        }
        let concerned = typed().map(|a| a.recipient.0).chain(debtors.values().copied());
        Ok(OwnWords {
            keys: tx.keys_of(concerned.collect::<Vec<_>>()).await?,
            seals: tx.seals().clone(),
            debtors,
        })
    }

    /// Bound to the contact point, which a retry of the step keeps.
    fn seal(&self, a: &NewAttempt, kind: SealKind, text: Option<&str>) -> Result<Option<String>, StoreError> {
        let Some(text) = text else { return Ok(None) };
        let debtor = self.debtors.get(&a.account.0).copied().unwrap_or_default();
        let key = shared_key(&self.keys, (a.recipient.0, debtor), kind, a.contact_point.0);
        let key = key.ok_or_else(|| StoreError::Refused("whoever this is about was erased".into()))?;
        Ok(Some(key.seal_text(self.seals.nonce(), text)))
    }
}

async fn with_contacts(
    tx: &mut super::db::Tx,
    accounts: Vec<AccountRow>,
    now: Moment,
) -> Result<Vec<DueAccount>, StoreError> {
    let debtors: std::collections::BTreeSet<Uuid> = accounts.iter().map(|a| a.debtor_id).collect();
    let (people, points) = people::known(tx, debtors.iter().copied(), now).await?;
    let suppressions = super::claim::suppressions(
        tx,
        id_list(debtors.iter().copied()),
        id_list(accounts.iter().map(|a| a.id)),
        id_list(points.values().flatten().map(|p| p.address_id.0)),
    )
    .await?;
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
