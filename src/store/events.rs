//! What happens from outside: payments, promises, disputes, opt-outs and other reasons to stop, calls, consents, wishes.
//!
//! Each takes effect in the transaction that records it: what is queued and may no longer go is withdrawn there, with
//! the reason, and the revisions move, so that nothing that was judged before can still be reserved.

use chrono::{Days, NaiveDate, TimeDelta};
use uuid::Uuid;

use super::bulk::{Id, bulk};
use super::db::{Tx, q, statements};
use super::decide::TouchInsert;
use super::people;
use super::print::{self, Whose};
use super::review::{withdraw, withdraw_waiting};
use super::seals::{ERASED, open_text, own_key};
use super::types::{Ts, id_list};
use super::{Store, StoreError};
use crate::domain::{
    Account, AccountId, AccountState, Address, CallResult, Channel, ConsentScope, Currency, Moment, PersonId,
    SuppressionReason, TouchKind, Wish,
};
use crate::evidence::{Kind, SealKind};
use crate::ledger::RelatedKey;

pub(super) mod sql {
    super::statements! {
        FIND = "SELECT a.id FROM account a JOIN portfolio p ON p.id = a.portfolio_id WHERE p.name = $1 AND a.reference = $2";
        FIND_BY_DEBTOR = "SELECT a.id FROM account a JOIN portfolio p ON p.id = a.portfolio_id JOIN person d ON d.id = a.debtor_id WHERE d.ref = $1 AND (CAST($2 AS TEXT) IS NULL OR p.name = $2) ORDER BY a.id LIMIT 1";
        RELATED = "SELECT r.person_id, p.name FROM relation r JOIN person p ON p.id = r.person_id WHERE r.account_id = $1 AND r.role = $2";
        FIND_ANYWHERE = "SELECT id FROM account WHERE reference = $1 ORDER BY id LIMIT 2";
        SEEN = "INSERT INTO event_seen (digest, account_id, batch_id, kind, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (digest) DO NOTHING";
        KNOWN_EVENT = "SELECT kind FROM event_seen WHERE digest = $1";
        PAY = "INSERT INTO payment (id, account_id, reference, amount_minor, paid_on, sealed) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, reference) DO NOTHING";
        BALANCE = "UPDATE account SET balance_minor = balance_minor - $1, state = CASE WHEN state = 'closed' THEN 'closed' WHEN balance_minor - $1 <= 0 THEN 'settled' ELSE 'open' END, next_step_on = CASE WHEN state = 'closed' OR balance_minor - $1 <= 0 THEN NULL ELSE COALESCE(next_step_on, $2) END, revision = revision + 1 WHERE id = $3";
        PROMISE = "INSERT INTO promise (id, account_id, amount_minor, due_on, state, made_at) VALUES ($1, $2, $3, $4, 'open', $5)";
        // Of several open promises the last one pauses the ladder.
        PROMISED = "UPDATE account SET promised_until = (SELECT MAX(p.due_on) FROM promise p WHERE p.account_id = account.id AND p.state = 'open'), next_step_on = $1, revision = revision + 1 WHERE id = $2 AND state = 'open'";
        // With what was paid since the promise was made.
        OPEN_PROMISES = {
            sqlite: "SELECT p.id, p.amount_minor, CAST(COALESCE((SELECT SUM(y.amount_minor) FROM payment y WHERE y.account_id = p.account_id AND y.paid_on >= substr(p.made_at, 1, 10)), 0) AS INTEGER) AS paid FROM promise p WHERE p.account_id = $1 AND p.state = 'open' ORDER BY p.due_on, p.id",
            postgres: "SELECT p.id, p.amount_minor, CAST(COALESCE((SELECT SUM(y.amount_minor) FROM payment y WHERE y.account_id = p.account_id AND y.paid_on >= CAST(p.made_at AT TIME ZONE 'UTC' AS DATE)), 0) AS BIGINT) AS paid FROM promise p WHERE p.account_id = $1 AND p.state = 'open' ORDER BY p.due_on, p.id",
        };
        END_PROMISE = "UPDATE promise SET state = $1 WHERE id = $2 AND state = 'open'";
        OVERDUE_PROMISES = "SELECT p.id, p.account_id FROM promise p JOIN account a ON a.id = p.account_id WHERE p.state = 'open' AND p.due_on < $1 AND a.portfolio_id = $2 ORDER BY p.id LIMIT $3";
        RESUME = "UPDATE account SET promised_until = (SELECT MAX(p.due_on) FROM promise p WHERE p.account_id = account.id AND p.state = 'open'), next_step_on = $1, revision = revision + 1 WHERE id = $2 AND state = 'open'";
        DISPUTE = "INSERT INTO dispute (id, account_id, reason, opened_at, resolved_at) VALUES ($1, $2, $3, $4, NULL)";
        DISPUTED = "UPDATE account SET disputed = $1, next_step_on = CASE WHEN state = 'open' THEN $2 ELSE next_step_on END, revision = revision + 1 WHERE id = $3";
        RESOLVE = "UPDATE dispute SET resolved_at = $1 WHERE account_id = $2 AND resolved_at IS NULL";
        SUPPRESS = "INSERT INTO suppression (id, person_id, account_id, address_id, channel, reason, since, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        ADDRESS = "SELECT id FROM address WHERE kind = $1 AND normal = $2";
        ADDRESS_USERS = "SELECT DISTINCT person_id FROM contact_point WHERE address_id = $1 ORDER BY person_id";
        UNUSABLE = "UPDATE contact_point SET usable = $1 WHERE address_id = $2 AND (CAST($3 AS TEXT) IS NULL OR person_id = $4)";
        PERSON_CHANGED = {
            sqlite: "UPDATE person SET revision = revision + 1 WHERE id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "UPDATE person SET revision = revision + 1 WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        ACCOUNT_CHANGED = "UPDATE account SET revision = revision + 1 WHERE id = $1";
        // The planner looks again at everything these people owe.
        LOOK_AGAIN = {
            sqlite: "UPDATE account SET next_step_on = $1, revision = revision + 1 WHERE state = 'open' AND debtor_id IN (SELECT unhex(value) FROM json_each($2))",
            postgres: "UPDATE account SET next_step_on = $1, revision = revision + 1 WHERE state = 'open' AND debtor_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($2 AS JSONB)) AS UUID)))",
        };
        OWED = {
            sqlite: "SELECT id FROM account WHERE state = 'open' AND debtor_id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT id FROM account WHERE state = 'open' AND debtor_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        DIED = "UPDATE person SET deceased = $1 WHERE id = $2";
        WAITING_TO_PEOPLE = {
            sqlite: "SELECT t.id, t.state, t.last_record FROM attempt t WHERE t.state IN ('planned', 'held', 'in_review', 'blocked') AND (CAST($2 AS TEXT) IS NULL OR t.channel = $2) AND t.id IN (SELECT r.id FROM attempt r WHERE r.state IN ('planned', 'held', 'in_review', 'blocked') AND r.recipient_id IN (SELECT unhex(value) FROM json_each($1)) UNION SELECT r.id FROM account a JOIN attempt r ON r.account_id = a.id WHERE a.debtor_id IN (SELECT unhex(value) FROM json_each($1)))",
            postgres: "SELECT t.id, t.state, t.last_record FROM attempt t WHERE t.state IN ('planned', 'held', 'in_review', 'blocked') AND (CAST($2 AS TEXT) IS NULL OR t.channel = $2) AND t.id IN (SELECT r.id FROM attempt r WHERE r.state IN ('planned', 'held', 'in_review', 'blocked') AND r.recipient_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) UNION SELECT r.id FROM account a JOIN attempt r ON r.account_id = a.id WHERE a.debtor_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))) ORDER BY t.id FOR NO KEY UPDATE OF t",
        };
        WAITING_AT_ADDRESS = {
            sqlite: "SELECT t.id, t.state, t.last_record FROM attempt t JOIN contact_point c ON c.id = t.contact_point_id WHERE t.state IN ('planned', 'held', 'in_review', 'blocked') AND c.address_id = $1 AND (CAST($2 AS TEXT) IS NULL OR t.channel = $2)",
            postgres: "SELECT t.id, t.state, t.last_record FROM attempt t JOIN contact_point c ON c.id = t.contact_point_id WHERE t.state IN ('planned', 'held', 'in_review', 'blocked') AND c.address_id = $1 AND (CAST($2 AS TEXT) IS NULL OR t.channel = $2) ORDER BY t.id FOR NO KEY UPDATE OF t",
        };
        WAITING_ON_CHANNEL = {
            sqlite: "SELECT id, state, last_record FROM attempt WHERE state IN ('planned', 'held', 'in_review', 'blocked') AND account_id IN (SELECT unhex(value) FROM json_each($1)) AND channel = $2",
            postgres: "SELECT id, state, last_record FROM attempt WHERE state IN ('planned', 'held', 'in_review', 'blocked') AND account_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) AND channel = $2 ORDER BY id FOR NO KEY UPDATE",
        };
        CALL = "INSERT INTO call_record (id, account_id, person_id, address_id, at, result, inbound) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        CONSENT = "INSERT INTO consent (id, person_id, scope, channel, given_at, until) VALUES ($1, $2, $3, $4, $5, $6)";
        REVOKE = "UPDATE consent SET revoked_at = $1 WHERE person_id = $2 AND scope = $3 AND (CAST($4 AS TEXT) IS NULL OR channel = $4) AND revoked_at IS NULL";
        WISH = "INSERT INTO wish (id, person_id, wish, channel, since, until) VALUES ($1, $2, $3, $4, $5, $6)";
        WITHDRAW_WISH = "UPDATE wish SET withdrawn_at = $1 WHERE person_id = $2 AND (CAST($3 AS TEXT) IS NULL OR wish = $3) AND (CAST($4 AS TEXT) IS NULL OR channel = $4) AND withdrawn_at IS NULL";
        APPROVE_LEGAL = "UPDATE account SET legal_action_approved = $1, revision = revision + 1 WHERE id = $2";
    }
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Occurrence {
    /// Money arrived; negative when it was taken back.
    Payment {
        /// Booking reference; makes the same booking count once.
        reference: String,
        /// Minor units of the account's currency.
        amount_minor: i64,
        /// When.
        paid_on: NaiveDate,
    },
    /// A promise to pay.
    Promise {
        /// Minor units.
        amount_minor: i64,
        /// Until when.
        due_on: NaiveDate,
    },
    /// The debtor says the claim is wrong.
    DisputeOpened {
        /// The ledger's own word for the reason.
        reason: String,
    },
    /// The dispute was answered and resolved.
    DisputeResolved,
    /// A standing reason not to contact.
    Suppressed {
        /// Why.
        reason: SuppressionReason,
        /// Only this channel.
        channel: Option<Channel>,
        /// Only this address, whoever uses it.
        address: Option<Address>,
        /// Until when, if it ends by itself.
        until: Option<Moment>,
    },
    /// A call took place.
    Call {
        /// How it ended.
        result: CallResult,
        /// Whether the debtor called.
        inbound: bool,
        /// The number.
        number: Option<Address>,
    },
    /// A consent was given.
    ConsentGiven {
        /// For what.
        scope: ConsentScope,
        /// On which channel.
        channel: Option<Channel>,
        /// Until when.
        until: Option<Moment>,
    },
    /// A consent was taken back.
    ConsentRevoked {
        /// Which.
        scope: ConsentScope,
        /// On which channel; `None` for all.
        channel: Option<Channel>,
    },
    /// Somebody asked for something about times, places or media.
    Wished {
        /// What.
        wish: Wish,
        /// On which channel; `None` for all.
        channel: Option<Channel>,
        /// Until when.
        until: Option<Moment>,
    },
    /// A wish was taken back.
    WishWithdrawn {
        /// Which; `None` for every wish.
        wish: Option<Wish>,
        /// On which channel; `None` for all.
        channel: Option<Channel>,
    },
    /// Legal action was decided and approved.
    LegalActionApproved,
}

impl Occurrence {
    /// The word in the log.
    pub fn word(&self) -> &'static str {
        match self {
            Occurrence::Payment { .. } => "payment",
            Occurrence::Promise { .. } => "promise",
            Occurrence::DisputeOpened { .. } => "dispute_opened",
            Occurrence::DisputeResolved => "dispute_resolved",
            Occurrence::Suppressed { reason, .. } => reason.as_str(),
            Occurrence::Call { .. } => "call",
            Occurrence::ConsentGiven { .. } => "consent_given",
            Occurrence::ConsentRevoked { .. } => "consent_revoked",
            Occurrence::Wished { .. } => "wish",
            Occurrence::WishWithdrawn { .. } => "wish_withdrawn",
            Occurrence::LegalActionApproved => "legal_action_approved",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Occurrence::DisputeOpened { .. } => Kind::HoldSet,
            Occurrence::DisputeResolved => Kind::HoldCleared,
            Occurrence::Suppressed {
                reason: SuppressionReason::OptOut | SuppressionReason::CeaseCommunication,
                ..
            } => Kind::OptOutReceived,
            Occurrence::Suppressed { .. } => Kind::HoldSet,
            _ => Kind::AccountEvent,
        }
    }
}

/// Something that happened to an account.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Fingerprint of the source row; the same one is taken in once. `None`: typed by a person.
    pub digest: Option<[u8; 32]>,
    /// Portfolio name; `None`: the reference must be unique.
    pub portfolio: Option<String>,
    /// The creditor's reference of the account, or
    pub reference: Option<String>,
    /// the creditor's number of the debtor, for what concerns the person.
    pub debtor_ref: Option<String>,
    /// About whom, if not the debtor.
    pub related: Option<RelatedKey>,
    /// When it happened.
    pub at: Moment,
    /// Currency of the amount, where there is one and the source states it; `None`: that of the account.
    pub currency: Option<Currency>,
    /// What.
    pub what: Occurrence,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    /// Took effect; so many waiting attempts were withdrawn.
    Taken {
        /// How many.
        withdrawn: u64,
    },
    /// Was taken in before; nothing changed.
    Seen,
    /// The amount is in another currency than the account; nothing changed.
    OtherCurrency,
    /// Nobody has that role to the account (or several, where no name was given); nothing changed.
    NoPerson,
    /// There is no such account (or more than one, where no portfolio was named).
    NoAccount,
}

impl Store {
    /// Takes in events in order, each with everything that follows from it. Durable with evidence when it returns.
    pub async fn record_events(
        &self,
        events: Vec<NewEvent>,
        batch: Option<crate::domain::BatchId>,
    ) -> Result<Vec<EventOutcome>, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                lock_concerned(tx, &events).await?;
                let mut outcomes = Vec::with_capacity(events.len());
                for event in events {
                    outcomes.push(take(tx, &*clock, event, batch.map(|b| b.0)).await?);
                }
                Ok(outcomes)
            })
        })
        .await
    }

    /// What taking in these events would do, without doing it; how many attempts each would withdraw is not counted.
    pub async fn events_preview(&self, events: &[NewEvent]) -> Result<Vec<EventOutcome>, StoreError> {
        let mut tx = self.db.read().await?;
        let mut outcomes = Vec::with_capacity(events.len());
        for event in events {
            let known = match event.digest {
                Some(digest) => {
                    let digest = tx.seals().digest("event", &digest)?;
                    q!(&mut tx, sql::KNOWN_EVENT, [digest] => opt (String,))?.is_some()
                }
                None => false,
            };
            let Some(id) = find(&mut tx, event).await? else {
                outcomes.push(EventOutcome::NoAccount);
                continue;
            };
            let account = account(&mut tx, id).await?;
            outcomes.push(if known {
                EventOutcome::Seen
            } else if is_foreign(&account, event) {
                EventOutcome::OtherCurrency
            } else if person(&mut tx, &account, event).await?.is_none() {
                EventOutcome::NoPerson
            } else {
                EventOutcome::Taken { withdrawn: 0 }
            });
        }
        Ok(outcomes)
    }

    /// Marks open promises of a portfolio whose date has passed before `today` as broken; their ladders resume.
    /// Returns the accounts.
    pub async fn break_promises(
        &self,
        portfolio: crate::domain::PortfolioId,
        today: NaiveDate,
    ) -> Result<Vec<AccountId>, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let found =
                    q!(&mut *tx, sql::OVERDUE_PROMISES, [today, portfolio.0, 1000i64] => all (Uuid, Uuid))?;
                super::decide::lock_accounts(tx, found.iter().map(|(_, account)| *account)).await?;
                let mut broken = Vec::new();
                for (promise, account) in found {
                    // Kept by a payment that came in between.
                    if q!(&mut *tx, sql::END_PROMISE, ["broken", promise] => rows)? == 0 {
                        continue;
                    }
                    broken.push(AccountId(account));
                    q!(&mut *tx, sql::RESUME, [today, account] => rows)?;
                    let entry = super::log::entry(&*clock, Kind::AccountEvent, clock.now())
                        .with("what", "promise_broken")
                        .with("debt", AccountId(account).to_string());
                    super::log::append(tx, &[entry.seal()]).await?;
                }
                Ok(broken)
            })
        })
        .await
    }
}

/// Takes in one event with everything that follows from it; whom it concerns is locked.
pub(super) async fn take(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    event: NewEvent,
    batch: Option<Uuid>,
) -> Result<EventOutcome, StoreError> {
    let Some(id) = find(tx, &event).await? else {
        return Ok(EventOutcome::NoAccount);
    };
    let account = account(tx, id).await?;
    if is_foreign(&account, &event) {
        return Ok(EventOutcome::OtherCurrency);
    }
    let Some(person) = person(tx, &account, &event).await? else {
        return Ok(EventOutcome::NoPerson);
    };
    if let Some(digest) = event.digest {
        let digest = tx.seals().digest("event", &digest)?;
        let fresh = q!(&mut *tx, sql::SEEN, [digest, id, batch, event.what.word(), Ts(clock.now())] => rows)?;
        if fresh == 0 {
            return Ok(EventOutcome::Seen);
        }
    }
    let entry = super::log::entry(clock, event.what.kind(), clock.now())
        .with("what", event.what.word())
        .with("debt", account.id.to_string())
        .with("person", PersonId(person).to_string())
        .with("happened_at", event.at.to_text());
    super::log::append(tx, &[entry.seal()]).await?;
    let withdrawn = Taking {
        tx,
        clock,
        at: event.at,
        account,
        person,
    }
    .effect(event.what)
    .await?;
    Ok(EventOutcome::Taken { withdrawn })
}

async fn find(tx: &mut Tx, event: &NewEvent) -> Result<Option<Uuid>, StoreError> {
    let seals = tx.seals().clone();
    let found = match (&event.reference, &event.portfolio, &event.debtor_ref) {
        (Some(reference), Some(portfolio), _) => {
            q!(&mut *tx, sql::FIND, [portfolio, reference] => all (Uuid,))?
        }
        (Some(reference), None, _) => q!(&mut *tx, sql::FIND_ANYWHERE, [reference] => all (Uuid,))?,
        (None, portfolio, Some(debtor)) => {
            let debtor = seals.hash("person.ref", debtor)?;
            q!(&mut *tx, sql::FIND_BY_DEBTOR, [debtor, portfolio] => all (Uuid,))?
        }
        (None, _, None) => Vec::new(),
    };
    Ok(match found[..] {
        [(id,)] => Some(id),
        _ => None,
    })
}

async fn account(tx: &mut Tx, id: Uuid) -> Result<Account, StoreError> {
    let row = people::accounts(tx, [id]).await?.pop();
    row.ok_or(StoreError::Corrupt { what: "account" })?.into_account()
}

/// Whom the event is about: the debtor, or the only one with that role (and name).
async fn person(tx: &mut Tx, account: &Account, event: &NewEvent) -> Result<Option<Uuid>, StoreError> {
    let Some(RelatedKey { role, name }) = &event.related else {
        return Ok(Some(account.debtor.0));
    };
    let mut found = q!(&mut *tx, sql::RELATED, [account.id.0, role.as_str()] => all (Uuid, String))?;
    if let Some(name) = name {
        let keys = tx.keys_of(found.iter().map(|(id, _)| *id)).await?;
        let mut named = Vec::new();
        for (id, sealed) in found {
            let known = open_text(own_key(&keys, id, SealKind::Name, id), &sealed, "name")?;
            if name.as_str() == known && keys.contains_key(&id) {
                named.push((id, known));
            }
        }
        found = named;
    }
    Ok(match found[..] {
        [(id, _)] => Some(id),
        _ => None,
    })
}

/// Whether the event's amount is in another currency than the account's; adding the two would be wrong.
fn is_foreign(account: &Account, event: &NewEvent) -> bool {
    event.currency.is_some_and(|c| c != account.currency)
}

/// Locks everybody whom any of the events concerns, once and in the order that reserving uses: people, then debts.
/// The events themselves then take effect in any order and nobody waits in a circle.
pub(super) async fn lock_concerned(tx: &mut Tx, events: &[NewEvent]) -> Result<(), StoreError> {
    if !tx.is_postgres() {
        return Ok(());
    }
    let (mut people, mut accounts) = (Vec::new(), Vec::new());
    for event in events {
        if let Some(id) = find(tx, event).await? {
            accounts.push(id);
            if event.related.is_some() {
                let account = account(tx, id).await?;
                people.extend(person(tx, &account, event).await?);
            }
        }
        if let Occurrence::Suppressed { address: Some(a), .. } = &event.what {
            let hashed = people::address_hash(tx.seals(), a.kind().as_str(), &a.normal())?;
            let known = q!(&mut *tx, sql::ADDRESS, [a.kind().as_str(), hashed] => opt (Uuid,))?;
            if let Some((address,)) = known {
                let users = q!(&mut *tx, sql::ADDRESS_USERS, [address] => all (Uuid,))?;
                people.extend(users.into_iter().map(|(id,)| id));
            }
        }
    }
    let debtors = people::accounts(tx, accounts.iter().copied()).await?;
    people.extend(debtors.iter().map(|a| a.debtor_id));
    super::decide::lock_people(tx, people.iter().copied()).await?;
    let owed = q!(&mut *tx, sql::OWED, [id_list(people)] => all (Uuid,))?;
    accounts.extend(owed.into_iter().map(|(id,)| id));
    super::decide::lock_accounts(tx, accounts).await
}

/// One event taking effect on one locked account.
struct Taking<'a> {
    tx: &'a mut Tx,
    clock: &'a dyn crate::clock::Clock,
    at: Moment,
    account: Account,
    /// Whom it is about: the debtor, or somebody related to the debt.
    person: Uuid,
}

impl Taking<'_> {
    async fn effect(mut self, what: Occurrence) -> Result<u64, StoreError> {
        match what {
            Occurrence::Payment {
                reference,
                amount_minor,
                paid_on,
            } => self.payment(reference, amount_minor, paid_on).await,
            Occurrence::Promise { amount_minor, due_on } => self.promise(amount_minor, due_on).await,
            Occurrence::DisputeOpened { reason } => {
                let dispute = self.clock.fresh();
                let reason = self.sealed(SealKind::Dispute, dispute, &reason).await?;
                q!(&mut *self.tx, sql::DISPUTE, [dispute, self.account.id.0, reason, Ts(self.at)] => rows)?;
                self.disputed(true).await?;
                self.withdraw_account("disputed").await
            }
            Occurrence::DisputeResolved => {
                q!(&mut *self.tx, sql::RESOLVE, [Ts(self.at), self.account.id.0] => rows)?;
                self.disputed(false).await?;
                Ok(0)
            }
            Occurrence::Suppressed {
                reason,
                channel,
                address,
                until,
            } => self.suppress(reason, channel, address, until).await,
            Occurrence::Call {
                result,
                inbound,
                number,
            } => self.call(result, inbound, number).await,
            Occurrence::ConsentGiven {
                scope,
                channel,
                until,
            } => {
                let channel = channel.map(Channel::as_str);
                q!(&mut *self.tx, sql::CONSENT, [self.clock.fresh(), self.person, scope.as_str(), channel,
                    Ts(self.at), until.map(Ts)] => rows)?;
                self.person_changed().await
            }
            Occurrence::ConsentRevoked { scope, channel } => {
                let channel = channel.map(Channel::as_str);
                q!(&mut *self.tx, sql::REVOKE, [Ts(self.at), self.person, scope.as_str(), channel] => rows)?;
                self.person_changed().await
            }
            Occurrence::Wished { wish, channel, until } => {
                let channel = channel.map(Channel::as_str);
                q!(&mut *self.tx, sql::WISH, [self.clock.fresh(), self.person, wish.to_string(), channel,
                    Ts(self.at), until.map(Ts)] => rows)?;
                self.person_changed().await
            }
            Occurrence::WishWithdrawn { wish, channel } => {
                let (wish, channel) = (wish.map(|w| w.to_string()), channel.map(Channel::as_str));
                q!(&mut *self.tx, sql::WITHDRAW_WISH, [Ts(self.at), self.person, wish, channel] => rows)?;
                self.person_changed().await
            }
            Occurrence::LegalActionApproved => {
                q!(&mut *self.tx, sql::APPROVE_LEGAL, [true, self.account.id.0] => rows)?;
                Ok(0)
            }
        }
    }

    async fn payment(
        &mut self,
        reference: String,
        amount: i64,
        paid_on: NaiveDate,
    ) -> Result<u64, StoreError> {
        let id = self.account.id.0;
        let (hashed, payment) = (self.tx.seals().hash("payment", &reference)?, self.clock.fresh());
        let sealed = self.sealed(SealKind::Payment, payment, &reference).await?;
        let fresh = q!(&mut *self.tx, sql::PAY, [payment, id, hashed, amount, paid_on, sealed] => rows)?;
        if fresh == 0 {
            return Ok(0);
        }
        q!(&mut *self.tx, sql::BALANCE, [amount, paid_on, id] => rows)?;
        let settled = self.account.state != AccountState::Closed && self.account.balance_minor - amount <= 0;
        // Several part payments together keep a promise; what keeps an earlier one does not count for the next.
        let mut spent = 0;
        for (promise, promised, paid) in q!(&mut *self.tx, sql::OPEN_PROMISES, [id] => all (Uuid, i64, i64))?
        {
            if settled || paid - spent >= promised {
                q!(&mut *self.tx, sql::END_PROMISE, ["kept", promise] => rows)?;
                q!(&mut *self.tx, sql::RESUME, [paid_on, id] => rows)?;
                spent += promised;
            }
        }
        if settled {
            self.withdraw_account("paid").await
        } else {
            Ok(0)
        }
    }

    /// Seals a text under the key of the debtor.
    async fn sealed(&mut self, kind: SealKind, record: Uuid, text: &str) -> Result<String, StoreError> {
        let debtor = self.account.debtor.0;
        let keys = self.tx.keys_of([debtor]).await?;
        let nonce = self.tx.seals().nonce();
        let key = own_key(&keys, debtor, kind, record);
        // Of somebody who was erased nothing new is kept.
        Ok(key.map_or_else(|| ERASED.to_owned(), |key| key.seal_text(nonce, text)))
    }

    async fn promise(&mut self, amount_minor: i64, due_on: NaiveDate) -> Result<u64, StoreError> {
        let id = self.account.id.0;
        q!(&mut *self.tx, sql::PROMISE, [self.clock.fresh(), id, amount_minor, due_on, Ts(self.at)] => rows)?;
        q!(&mut *self.tx, sql::PROMISED, [due_on + Days::new(1), id] => rows)?;
        self.withdraw_account("promised").await
    }

    async fn disputed(&mut self, disputed: bool) -> Result<(), StoreError> {
        let look_again = self.at.utc().date_naive();
        q!(&mut *self.tx, sql::DISPUTED, [disputed, look_again, self.account.id.0] => rows)?;
        Ok(())
    }

    async fn suppress(
        &mut self,
        reason: SuppressionReason,
        channel: Option<Channel>,
        address: Option<Address>,
        until: Option<Moment>,
    ) -> Result<u64, StoreError> {
        use SuppressionReason as R;
        let person = self.person;
        let address = match &address {
            Some(a) => self.address(a).await?,
            None => None,
        };
        let (by_person, by_account, by_address) = match (address, reason) {
            (Some(address), _) => (None, None, Some(address)),
            (None, R::Hardship | R::Complaint | R::OpenReply) => (None, Some(self.account.id.0), None),
            (None, _) => (Some(person), None, None),
        };
        let word = channel.map(Channel::as_str);
        q!(&mut *self.tx, sql::SUPPRESS, [self.clock.fresh(), by_person, by_account, by_address, word, reason.as_str(),
            Ts(self.at), until.map(Ts)] => rows)?;
        if reason == R::Death {
            q!(&mut *self.tx, sql::DIED, [true, person] => rows)?;
        }
        if let Some(address) = address {
            return self.suppress_address(address, word, reason).await;
        }
        self.person_changed().await?;
        q!(&mut *self.tx, sql::ACCOUNT_CHANGED, [self.account.id.0] => rows)?;
        if reason == R::OpenReply {
            // What waits is held by the guard, not withdrawn: the answer may turn out to mean nothing.
            return Ok(0);
        }
        if by_account.is_some() {
            return withdraw_waiting(self.tx, self.clock, &[self.account.id.0], word, reason.as_str()).await;
        }
        self.look_again(&[person, self.account.debtor.0]).await?;
        let waiting = q!(&mut *self.tx, sql::WAITING_TO_PEOPLE, [id_list([person]), word] => all (Uuid, String, Option<Uuid>))?;
        let whose = (Whose::Person(person), word);
        let taken_out = print::stop(self.tx, self.clock, whose, reason.as_str()).await?;
        Ok(taken_out + withdraw(self.tx, self.clock, waiting, reason.as_str()).await?)
    }

    /// Everybody who uses the address is concerned: whatever waits to go there is withdrawn, and the planner looks
    /// for another way.
    async fn suppress_address(
        &mut self,
        address: Uuid,
        channel: Option<&'static str>,
        reason: SuppressionReason,
    ) -> Result<u64, StoreError> {
        let users: Vec<Uuid> = q!(&mut *self.tx, sql::ADDRESS_USERS, [address] => all (Uuid,))?
            .into_iter()
            .map(|(id,)| id)
            .collect();
        match reason {
            SuppressionReason::Unreachable => {
                q!(&mut *self.tx, sql::UNUSABLE, [false, address, None::<String>, None::<Uuid>] => rows)?;
            }
            SuppressionReason::WrongParty => {
                q!(&mut *self.tx, sql::UNUSABLE, [false, address, Some("this person"), Some(self.person)] => rows)?;
            }
            _ => {}
        }
        q!(&mut *self.tx, sql::PERSON_CHANGED, [id_list(users.iter().copied())] => rows)?;
        self.look_again(&users).await?;
        let waiting = q!(&mut *self.tx, sql::WAITING_AT_ADDRESS, [address, channel] => all (Uuid, String, Option<Uuid>))?;
        let whose = (Whose::Address(address), channel);
        let taken_out = print::stop(self.tx, self.clock, whose, reason.as_str()).await?;
        Ok(taken_out + withdraw(self.tx, self.clock, waiting, reason.as_str()).await?)
    }

    async fn call(
        &mut self,
        result: CallResult,
        inbound: bool,
        number: Option<Address>,
    ) -> Result<u64, StoreError> {
        let address = match &number {
            Some(a) => self.address(a).await?,
            None => None,
        };
        let (id, account, person) = (self.clock.fresh(), self.account.id.0, self.person);
        q!(&mut *self.tx, sql::CALL, [id, account, person, address, Ts(self.at), result.as_str(), inbound] => rows)?;
        let kind = match result {
            CallResult::Conversation => TouchKind::Conversation,
            CallResult::Answered | CallResult::Voicemail | CallResult::WrongParty => TouchKind::CallAnswered,
            CallResult::NoAnswer | CallResult::Busy | CallResult::NotInService => TouchKind::CallUnanswered,
        };
        // What the debtor began takes no place of ours, unless a conversation came of it: some rules pause after one.
        if !inbound || kind == TouchKind::Conversation {
            let touch = TouchInsert {
                id: Id(id),
                person_id: Id(person),
                account_id: Id(account),
                address_id: address.map(Id),
                channel: Channel::Call.as_str(),
                kind: kind.as_str(),
                collection: !inbound,
                at: Ts(self.at),
            };
            bulk(self.tx, &super::decide::sql::TOUCH, &[touch]).await?;
        }
        self.person_changed().await
    }

    async fn address(&mut self, address: &Address) -> Result<Option<Uuid>, StoreError> {
        let kind = address.kind().as_str();
        let hashed = people::address_hash(self.tx.seals(), kind, &address.normal())?;
        let found = q!(&mut *self.tx, sql::ADDRESS, [kind, hashed] => opt (Uuid,))?;
        Ok(found.map(|(id,)| id))
    }

    async fn person_changed(&mut self) -> Result<u64, StoreError> {
        q!(&mut *self.tx, sql::PERSON_CHANGED, [id_list([self.person])] => rows)?;
        Ok(0)
    }

    async fn look_again(&mut self, people: &[Uuid]) -> Result<(), StoreError> {
        let day = (self.at - TimeDelta::days(1)).utc().date_naive();
        q!(&mut *self.tx, sql::LOOK_AGAIN, [day, id_list(people.iter().copied())] => rows)?;
        Ok(())
    }

    async fn withdraw_account(&mut self, reason: &'static str) -> Result<u64, StoreError> {
        withdraw_waiting(self.tx, self.clock, &[self.account.id.0], None, reason).await
    }
}
