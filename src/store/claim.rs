//! Claiming: take what is due for a while, and read everything the guard may know about it.

use std::collections::{BTreeSet, HashMap};

use chrono::TimeDelta;
use uuid::Uuid;

use super::db::{Tx, q, statements};
use super::people::{self, AccountRow};
use super::seals::{Keys, open_text, shared_key};
use super::types::{Ts, id_list, word, word_opt};
use super::{Store, StoreError};
use crate::domain::{
    AccountId, AddressId, Attempt, AttemptId, Consent, ConsentId, ContactPointId, Moment, PersonId,
    PortfolioId, Role, Situation, StandingWish, Suppression, SuppressionId, SuppressionScope, Touch, WishId,
};
use crate::evidence::SealKind;

/// How far back touches are read: the longest window of any cap, with a margin for time zones.
pub(super) const HISTORY_DAYS: i64 = 63;

pub(super) mod sql {
    super::statements! {
        CLAIM = {
            sqlite: "UPDATE attempt SET claimed_by = $1, claimed_until = $2 WHERE id IN (SELECT id FROM attempt WHERE state IN ('planned', 'held') AND due_at <= $3 AND (claimed_until IS NULL OR claimed_until <= $3) AND NOT EXISTS (SELECT 1 FROM queue_suspension q WHERE q.lifted_at IS NULL AND q.until > $3 AND (q.channel IS NULL OR q.channel = attempt.channel) AND (q.portfolio_id IS NULL OR q.portfolio_id = (SELECT a.portfolio_id FROM account a WHERE a.id = attempt.account_id))) ORDER BY due_at, id LIMIT $4) RETURNING id",
            // An array is made once; a list after IN may be read anew for each row and claim more than the limit.
            postgres: "UPDATE attempt SET claimed_by = $1, claimed_until = $2 WHERE id = ANY (ARRAY(SELECT id FROM attempt WHERE state IN ('planned', 'held') AND due_at <= $3 AND (claimed_until IS NULL OR claimed_until <= $3) AND NOT EXISTS (SELECT 1 FROM queue_suspension q WHERE q.lifted_at IS NULL AND q.until > $3 AND (q.channel IS NULL OR q.channel = attempt.channel) AND (q.portfolio_id IS NULL OR q.portfolio_id = (SELECT a.portfolio_id FROM account a WHERE a.id = attempt.account_id))) ORDER BY due_at, id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED)) RETURNING id",
        };
        ATTEMPTS = {
            sqlite: "SELECT id, account_id, recipient_id, contact_point_id, channel, purpose, origin, stage, step, template, own_subject, own_text, due_at, expires_at, approved_by, state, last_record FROM attempt WHERE id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY due_at, id",
            postgres: "SELECT id, account_id, recipient_id, contact_point_id, channel, purpose, origin, stage, step, template, own_subject, own_text, due_at, expires_at, approved_by, state, last_record FROM attempt WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) ORDER BY due_at, id",
        };
        RELATIONS = {
            sqlite: "SELECT account_id, person_id, role FROM relation WHERE account_id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT account_id, person_id, role FROM relation WHERE account_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        SUPPRESSIONS = {
            sqlite: "SELECT id, person_id, account_id, address_id, channel, reason, since, until FROM suppression WHERE lifted_at IS NULL AND person_id IN (SELECT unhex(value) FROM json_each($1)) UNION SELECT id, person_id, account_id, address_id, channel, reason, since, until FROM suppression WHERE lifted_at IS NULL AND account_id IN (SELECT unhex(value) FROM json_each($2)) UNION SELECT id, person_id, account_id, address_id, channel, reason, since, until FROM suppression WHERE lifted_at IS NULL AND address_id IN (SELECT unhex(value) FROM json_each($3))",
            postgres: "SELECT id, person_id, account_id, address_id, channel, reason, since, until FROM suppression WHERE lifted_at IS NULL AND (person_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) OR account_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($2 AS JSONB)) AS UUID))) OR address_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($3 AS JSONB)) AS UUID))))",
        };
        CONSENTS = {
            sqlite: "SELECT id, person_id, scope, channel, given_at, until FROM consent WHERE revoked_at IS NULL AND person_id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT id, person_id, scope, channel, given_at, until FROM consent WHERE revoked_at IS NULL AND person_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        WISHES = {
            sqlite: "SELECT id, person_id, wish, channel, since, until FROM wish WHERE withdrawn_at IS NULL AND person_id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY since, id",
            postgres: "SELECT id, person_id, wish, channel, since, until FROM wish WHERE withdrawn_at IS NULL AND person_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) ORDER BY since, id",
        };
        TOUCHES = {
            sqlite: "SELECT id, person_id, account_id, address_id, channel, kind, collection, at FROM touch WHERE at >= $4 AND person_id IN (SELECT unhex(value) FROM json_each($1)) UNION SELECT id, person_id, account_id, address_id, channel, kind, collection, at FROM touch WHERE at >= $4 AND account_id IN (SELECT unhex(value) FROM json_each($2)) UNION SELECT id, person_id, account_id, address_id, channel, kind, collection, at FROM touch WHERE at >= $4 AND address_id IN (SELECT unhex(value) FROM json_each($3))",
            postgres: "SELECT id, person_id, account_id, address_id, channel, kind, collection, at FROM touch WHERE at >= $4 AND person_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) UNION SELECT id, person_id, account_id, address_id, channel, kind, collection, at FROM touch WHERE at >= $4 AND account_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($2 AS JSONB)) AS UUID))) UNION SELECT id, person_id, account_id, address_id, channel, kind, collection, at FROM touch WHERE at >= $4 AND address_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($3 AS JSONB)) AS UUID)))",
        };
        // Whether anything ever went to this person about this debt; older than the history window too.
        TOUCHED = {
            sqlite: "SELECT DISTINCT person_id, account_id FROM touch WHERE account_id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT DISTINCT person_id, account_id FROM touch WHERE account_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        RELEASE = {
            sqlite: "UPDATE attempt SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by = $2 AND id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "UPDATE attempt SET claimed_by = NULL, claimed_until = NULL WHERE id = ANY (ARRAY(SELECT id FROM attempt WHERE claimed_by = $2 AND id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) ORDER BY id FOR NO KEY UPDATE))",
        };
        NEXT_DUE = "SELECT MIN(due_at) FROM attempt WHERE state IN ('planned', 'held')";
    }
}

/// A claimed attempt with everything the guard may know, and what the store needs to record what becomes of it.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// What the guard judges.
    pub situation: Situation,
    /// The attempt's last entry in the log.
    pub last_record: Option<crate::domain::RecordId>,
    /// Version of the registry that the situation was read from.
    pub registry_version: i64,
}

#[derive(sqlx::FromRow)]
struct AttemptRow {
    id: Uuid,
    account_id: Uuid,
    recipient_id: Uuid,
    contact_point_id: Uuid,
    channel: String,
    purpose: String,
    origin: String,
    stage: String,
    step: String,
    template: Option<String>,
    own_subject: Option<String>,
    own_text: Option<String>,
    due_at: Ts,
    expires_at: Ts,
    approved_by: Option<String>,
    state: String,
    last_record: Option<Uuid>,
}

impl AttemptRow {
    /// The row that queueing would write.
    fn unqueued(a: &super::NewAttempt, id: Uuid) -> AttemptRow {
        AttemptRow {
            id,
            account_id: a.account.0,
            recipient_id: a.recipient.0,
            contact_point_id: a.contact_point.0,
            channel: a.channel.as_str().to_owned(),
            purpose: a.purpose.as_str().to_owned(),
            origin: a.origin.as_str().to_owned(),
            stage: a.stage.clone(),
            step: a.step.clone(),
            template: a.template.clone(),
            own_subject: a.own_subject.clone(),
            own_text: a.own_text.clone(),
            due_at: Ts(a.due_at),
            expires_at: Ts(a.expires_at),
            approved_by: None,
            state: crate::domain::AttemptState::Planned.as_str().to_owned(),
            last_record: None,
        }
    }

    /// Puts the words of a collector's own message in place of what is sealed.
    fn open_own(&mut self, keys: &Keys, debtor: Uuid) -> Result<(), StoreError> {
        let place = self.contact_point_id;
        let concerned = (self.recipient_id, debtor);
        let key = |kind| shared_key(keys, concerned, kind, place);
        for (kind, text) in [
            (SealKind::OwnSubject, &mut self.own_subject),
            (SealKind::OwnText, &mut self.own_text),
        ] {
            if let Some(sealed) = text {
                *sealed = open_text(key(kind), sealed, "message of a collector")?;
            }
        }
        Ok(())
    }

    fn into_attempt(self) -> Result<Attempt, StoreError> {
        Ok(Attempt {
            id: AttemptId(self.id),
            account: AccountId(self.account_id),
            recipient: PersonId(self.recipient_id),
            contact_point: ContactPointId(self.contact_point_id),
            channel: word(&self.channel, "channel")?,
            purpose: word(&self.purpose, "purpose")?,
            origin: word(&self.origin, "origin")?,
            stage: self.stage,
            step: self.step,
            template: self.template,
            own_subject: self.own_subject,
            own_text: self.own_text,
            due_at: self.due_at.0,
            expires_at: self.expires_at.0,
            approved: self.approved_by.is_some(),
            state: word(&self.state, "attempt state")?,
        })
    }
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct SuppressionRow {
    id: Uuid,
    person_id: Option<Uuid>,
    account_id: Option<Uuid>,
    address_id: Option<Uuid>,
    channel: Option<String>,
    reason: String,
    since: Ts,
    until: Option<Ts>,
}

impl SuppressionRow {
    pub(super) fn into_suppression(self) -> Result<Suppression, StoreError> {
        let scope = match (self.address_id, self.account_id, self.person_id) {
            (Some(address), _, _) => SuppressionScope::Address(AddressId(address)),
            (None, Some(account), _) => SuppressionScope::Account(AccountId(account)),
            (None, None, Some(person)) => SuppressionScope::Person(PersonId(person)),
            _ => return Err(StoreError::Corrupt { what: "suppression" }),
        };
        Ok(Suppression {
            id: SuppressionId(self.id),
            scope,
            channel: word_opt(self.channel.as_deref(), "channel")?,
            reason: word(&self.reason, "suppression reason")?,
            since: self.since.0,
            until: self.until.map(|t| t.0),
        })
    }
}

#[derive(sqlx::FromRow)]
struct ConsentRow {
    id: Uuid,
    person_id: Uuid,
    scope: String,
    channel: Option<String>,
    given_at: Ts,
    until: Option<Ts>,
}

#[derive(sqlx::FromRow)]
struct WishRow {
    id: Uuid,
    person_id: Uuid,
    wish: String,
    channel: Option<String>,
    since: Ts,
    until: Option<Ts>,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct TouchRow {
    #[allow(
        dead_code,
        reason = "makes UNION keep equal touches of different attempts apart"
    )]
    id: Uuid,
    person_id: Uuid,
    account_id: Uuid,
    address_id: Option<Uuid>,
    channel: String,
    kind: String,
    collection: bool,
    at: Ts,
}

impl TouchRow {
    pub(super) fn into_touch(self) -> Result<Touch, StoreError> {
        Ok(Touch {
            at: self.at.0,
            person: PersonId(self.person_id),
            account: AccountId(self.account_id),
            address: self.address_id.map(AddressId),
            channel: word(&self.channel, "channel")?,
            kind: word(&self.kind, "kind of touch")?,
            collection: self.collection,
        })
    }
}

/// Touches of the given people, debts and addresses since a moment.
pub(super) async fn touches(
    tx: &mut Tx,
    people: String,
    accounts: String,
    addresses: String,
    since: Moment,
) -> Result<Vec<Touch>, StoreError> {
    q!(tx, sql::TOUCHES, [people, accounts, addresses, Ts(since)] => all TouchRow)?
        .into_iter()
        .map(TouchRow::into_touch)
        .collect()
}

impl Store {
    /// Takes up to `limit` attempts that are due at `now` for `lease`, and reads their situations. Another worker
    /// cannot take them until the lease has passed. Durable when it returns.
    pub async fn claim(
        &self,
        worker: Uuid,
        now: Moment,
        lease: TimeDelta,
        limit: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let ids: Vec<Uuid> = self
            .write(move |tx| {
                Box::pin(async move {
                    // After an older copy was put back nobody knows what went out since.
                    if super::restoration::stands(tx).await? {
                        return Ok(Vec::new());
                    }
                    let rows = q!(tx, sql::CLAIM, [worker, Ts(now + lease), Ts(now), limit] => all (Uuid,))?;
                    Ok(rows.into_iter().map(|(id,)| id).collect())
                })
            })
            .await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.situations(ids, now).await
    }

    /// Gives claimed attempts back unjudged.
    pub async fn release(&self, worker: Uuid, attempts: &[AttemptId]) -> Result<(), StoreError> {
        let ids = id_list(attempts.iter().map(|a| a.0));
        self.write(move |tx| {
            Box::pin(async move {
                q!(tx, sql::RELEASE, [ids, worker] => rows)?;
                Ok(())
            })
        })
        .await
    }

    /// When the next waiting attempt is due.
    pub async fn next_due(&self) -> Result<Option<Moment>, StoreError> {
        let mut tx = self.db.read().await?;
        let (at,) = q!(&mut tx, sql::NEXT_DUE, [] => one (Option<Ts>,))?;
        Ok(at.map(|t| t.0))
    }

    /// The situation of one attempt as it is now, for explaining and for a first verdict.
    pub async fn situation(&self, attempt: AttemptId, now: Moment) -> Result<Claimed, StoreError> {
        let missing = || StoreError::Missing {
            what: "attempt",
            name: attempt.to_string(),
        };
        self.situations(vec![attempt.0], now)
            .await?
            .pop()
            .ok_or_else(missing)
    }

    /// The situation in which an attempt would stand if it were queued; nothing is written.
    pub async fn situation_of(
        &self,
        attempt: &super::NewAttempt,
        now: Moment,
    ) -> Result<Situation, StoreError> {
        let mut tx = self.db.read().await?;
        let registry = self.registry_in(&mut tx).await?;
        let row = AttemptRow::unqueued(attempt, self.clock.fresh());
        let mut rows = vec![row];
        let facts = Facts::read(&mut tx, &rows, now).await?;
        let row = rows.pop().ok_or(StoreError::Corrupt { what: "attempt" })?;
        facts.situation(row, &registry)
    }

    /// Reads the situations of attempts, in the order in which they are due, on one snapshot.
    pub(super) async fn situations(&self, ids: Vec<Uuid>, now: Moment) -> Result<Vec<Claimed>, StoreError> {
        let mut tx = self.db.read().await?;
        let registry = self.registry_in(&mut tx).await?;
        let mut attempts = q!(&mut tx, sql::ATTEMPTS, [id_list(ids)] => all AttemptRow)?;
        let facts = Facts::read(&mut tx, &attempts, now).await?;
        let own = |a: &&mut AttemptRow| a.own_text.is_some() || a.own_subject.is_some();
        let concerned = |a: &AttemptRow| {
            [
                Some(a.recipient_id),
                facts.accounts.get(&a.account_id).map(|a| a.debtor.0),
            ]
        };
        let typed = attempts.iter_mut().filter(own);
        let people: Vec<Uuid> = typed.flat_map(|a| concerned(a)).flatten().collect();
        let keys = tx.keys_of(people).await?;
        for attempt in attempts.iter_mut().filter(own) {
            let debtor = facts.accounts.get(&attempt.account_id).map(|a| a.debtor.0);
            attempt.open_own(&keys, debtor.unwrap_or_default())?;
        }
        let mut claimed = Vec::with_capacity(attempts.len());
        for row in attempts {
            let last_record = row.last_record.map(Into::into);
            let situation = facts.situation(row, &registry)?;
            claimed.push(Claimed {
                situation,
                last_record,
                registry_version: registry.version,
            });
        }
        Ok(claimed)
    }
}

/// Everything that was read for a group of attempts, by id.
struct Facts {
    accounts: HashMap<Uuid, crate::domain::Account>,
    people: HashMap<Uuid, crate::domain::Person>,
    points: HashMap<Uuid, crate::domain::ContactPoint>,
    roles: HashMap<(Uuid, Uuid), Role>,
    suppressions: Vec<Suppression>,
    consents: HashMap<PersonId, Vec<Consent>>,
    wishes: HashMap<PersonId, Vec<StandingWish>>,
    by_person: HashMap<PersonId, Vec<Touch>>,
    by_account: HashMap<AccountId, Vec<Touch>>,
    by_address: HashMap<AddressId, Vec<Touch>>,
    touched: BTreeSet<(Uuid, Uuid)>,
}

impl Facts {
    async fn read(tx: &mut Tx, attempts: &[AttemptRow], now: Moment) -> Result<Facts, StoreError> {
        let accounts: Vec<AccountRow> =
            people::accounts(tx, distinct(attempts.iter().map(|a| a.account_id))).await?;
        let person_ids = distinct(
            attempts
                .iter()
                .map(|a| a.recipient_id)
                .chain(accounts.iter().map(|a| a.debtor_id)),
        );
        let (people, points) = people::known(tx, person_ids.iter().copied(), now).await?;
        let wanted: BTreeSet<Uuid> = attempts.iter().map(|a| a.contact_point_id).collect();
        let points: HashMap<Uuid, _> = points
            .into_values()
            .flatten()
            .filter(|p| wanted.contains(&p.id.0))
            .map(|p| (p.id.0, p))
            .collect();
        let account_list = id_list(accounts.iter().map(|a| a.id));
        let person_list = id_list(person_ids.iter().copied());
        let address_list = id_list(distinct(points.values().map(|c| c.address_id.0)));

        let mut roles = HashMap::new();
        for (account, person, role) in
            q!(&mut *tx, sql::RELATIONS, [account_list.clone()] => all (Uuid, Uuid, String))?
        {
            roles.insert((account, person), word(&role, "role")?);
        }
        let suppressions = suppressions(
            tx,
            person_list.clone(),
            account_list.clone(),
            address_list.clone(),
        )
        .await?;
        let mut consents: HashMap<PersonId, Vec<Consent>> = HashMap::new();
        for r in q!(&mut *tx, sql::CONSENTS, [person_list.clone()] => all ConsentRow)? {
            consents.entry(PersonId(r.person_id)).or_default().push(Consent {
                id: ConsentId(r.id),
                person: PersonId(r.person_id),
                scope: word(&r.scope, "consent scope")?,
                channel: word_opt(r.channel.as_deref(), "channel")?,
                given_at: r.given_at.0,
                until: r.until.map(|t| t.0),
                revoked_at: None,
            });
        }
        let wishes = wishes(tx, person_list.clone()).await?;
        let since = now - TimeDelta::days(HISTORY_DAYS);
        let history = touches(tx, person_list, account_list.clone(), address_list, since).await?;
        let touched = q!(&mut *tx, sql::TOUCHED, [account_list] => all (Uuid, Uuid))?;

        let mut by_person: HashMap<_, Vec<_>> = HashMap::new();
        let mut by_account: HashMap<_, Vec<_>> = HashMap::new();
        let mut by_address: HashMap<_, Vec<_>> = HashMap::new();
        for touch in history {
            by_person.entry(touch.person).or_default().push(touch);
            by_account.entry(touch.account).or_default().push(touch);
            if let Some(address) = touch.address {
                by_address.entry(address).or_default().push(touch);
            }
        }
        Ok(Facts {
            accounts: accounts
                .into_iter()
                .map(|r| Ok((r.id, r.into_account()?)))
                .collect::<Result<_, StoreError>>()?,
            people,
            points,
            roles,
            suppressions,
            consents,
            wishes,
            by_person,
            by_account,
            by_address,
            touched: touched.into_iter().collect(),
        })
    }

    fn situation(&self, row: AttemptRow, registry: &super::Registry) -> Result<Situation, StoreError> {
        let broken = |what| move || StoreError::Corrupt { what };
        let account = self
            .accounts
            .get(&row.account_id)
            .ok_or_else(broken("account of an attempt"))?
            .clone();
        let debtor = self
            .people
            .get(&account.debtor.0)
            .ok_or_else(broken("debtor of an account"))?
            .clone();
        let recipient = self
            .people
            .get(&row.recipient_id)
            .ok_or_else(broken("recipient of an attempt"))?
            .clone();
        let contact_point = self
            .points
            .get(&row.contact_point_id)
            .ok_or_else(broken("contact point of an attempt"))?
            .clone();
        let desk = registry
            .desks
            .get(&PortfolioId(account.portfolio.0))
            .ok_or_else(broken("portfolio of an account"))?;
        let role = if recipient.id == debtor.id {
            Role::Debtor
        } else {
            // Somebody of whom nothing is known is a third party.
            self.roles
                .get(&(account.id.0, recipient.id.0))
                .copied()
                .unwrap_or(Role::ContactReference)
        };
        let address = contact_point.address_id;
        let suppressions = self
            .suppressions
            .iter()
            .filter(|s| match s.scope {
                SuppressionScope::Person(p) => p == recipient.id || p == debtor.id,
                SuppressionScope::Account(a) => a == account.id,
                SuppressionScope::Address(a) => a == address,
            })
            .cloned()
            .collect();
        let first_contact = !self.touched.contains(&(recipient.id.0, account.id.0));
        Ok(Situation {
            history: self.history(recipient.id, account.id, address),
            consents: self.consents.get(&recipient.id).cloned().unwrap_or_default(),
            wishes: self.wishes.get(&recipient.id).cloned().unwrap_or_default(),
            attempt: row.into_attempt()?,
            portfolio: desk.portfolio.clone(),
            creditor: desk.creditor.clone(),
            sender: desk.sender.clone(),
            payees: desk.payees.clone(),
            account,
            debtor,
            recipient,
            role,
            contact_point,
            suppressions,
            first_contact,
        })
    }

    /// Each touch once, though it may concern the person, the debt and the address.
    fn history(&self, person: PersonId, account: AccountId, address: AddressId) -> Vec<Touch> {
        let of = |list: Option<&Vec<Touch>>| list.cloned().unwrap_or_default();
        let mut history = of(self.by_person.get(&person));
        history.extend(
            of(self.by_account.get(&account))
                .into_iter()
                .filter(|t| t.person != person),
        );
        history.extend(
            of(self.by_address.get(&address))
                .into_iter()
                .filter(|t| t.person != person && t.account != account),
        );
        history
    }
}

/// What people asked for, oldest first.
pub(super) async fn wishes(
    tx: &mut Tx,
    people: String,
) -> Result<HashMap<PersonId, Vec<StandingWish>>, StoreError> {
    let mut wishes: HashMap<PersonId, Vec<StandingWish>> = HashMap::new();
    for r in q!(&mut *tx, sql::WISHES, [people] => all WishRow)? {
        let wish = r.wish.parse();
        wishes
            .entry(PersonId(r.person_id))
            .or_default()
            .push(StandingWish {
                id: WishId(r.id),
                person: PersonId(r.person_id),
                wish: wish.map_err(|_| StoreError::Corrupt { what: "a wish" })?,
                channel: word_opt(r.channel.as_deref(), "channel")?,
                since: r.since.0,
                until: r.until.map(|t| t.0),
            });
    }
    Ok(wishes)
}

pub(super) async fn suppressions(
    tx: &mut Tx,
    people: String,
    accounts: String,
    addresses: String,
) -> Result<Vec<Suppression>, StoreError> {
    q!(tx, sql::SUPPRESSIONS, [people, accounts, addresses] => all SuppressionRow)?
        .into_iter()
        .map(SuppressionRow::into_suppression)
        .collect()
}

fn distinct(ids: impl IntoIterator<Item = Uuid>) -> Vec<Uuid> {
    ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
