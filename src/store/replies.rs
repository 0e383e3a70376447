//! What people answer, taken to heart: whom and which debts an answer concerns, what was understood, what follows from it,
//! and what a person decides where it was not sure. Words stay with `arrivals`; here stand meanings.

use chrono::NaiveDate;
use uuid::Uuid;

use super::arrivals_sealed::{open_replies, said_hash};
use super::db::{Tx, q, statements};
use super::events::{NewEvent, lock_concerned, take};
use super::types::{Ts, id_list, word};
use super::{Store, StoreError};
use crate::domain::{AccountId, Channel, Currency, Locale, Moment, PersonId};
use crate::evidence::Kind;

pub(super) mod sql {
    super::statements! {
        ARRIVED = "SELECT id, sender, part_reference, parts FROM inbound WHERE provider = $1 AND event = $2";
        // The parts of one long message; centres use their numbers again, so those of the last day count.
        PARTS = "SELECT id, keeper, sealed, part FROM inbound WHERE provider = $1 AND sender = $2 AND part_reference = $3 AND parts = $4 AND received_at >= $5 AND handled_at IS NULL ORDER BY received_at, part, id";
        ONE = "SELECT id, keeper, sealed FROM inbound WHERE id = $1";
        // Debts of everybody who uses the address, those that messages to it were about first.
        CONCERNED = "SELECT a.id, p.name AS portfolio, a.reference, a.debtor_id, c.person_id, s.opt_out_word, a.currency, a.balance_minor, a.due_on, a.disputed, d.locale, p.zone, (SELECT MAX(t.requested_at) FROM attempt t WHERE t.account_id = a.id AND t.contact_point_id = c.id) AS latest FROM address x JOIN contact_point c ON c.address_id = x.id AND c.sealed <> '' JOIN account a ON a.debtor_id = c.person_id OR EXISTS (SELECT 1 FROM relation r WHERE r.account_id = a.id AND r.person_id = c.person_id) JOIN person d ON d.id = c.person_id JOIN portfolio p ON p.id = a.portfolio_id JOIN sender s ON s.id = p.sender_id WHERE x.normal = $1 AND a.state = 'open' ORDER BY CASE WHEN EXISTS (SELECT 1 FROM attempt t WHERE t.account_id = a.id AND t.contact_point_id = c.id) THEN 0 ELSE 1 END, a.id LIMIT 100";
        REPLY = "INSERT INTO reply (inbound_id, channel, meanings, waits, understood_at, decided_as, decided_by, decided_at) VALUES ($1, $2, $3, $4, $5, NULL, NULL, NULL) ON CONFLICT (inbound_id) DO NOTHING";
        REPLY_ACCOUNT = "INSERT INTO reply_account (inbound_id, account_id, suppression_id) VALUES ($1, $2, $3) ON CONFLICT (inbound_id, account_id) DO UPDATE SET suppression_id = COALESCE(excluded.suppression_id, reply_account.suppression_id)";
        KNOWN_REPLY = "SELECT waits FROM reply WHERE inbound_id = $1";
        HOLDS = "SELECT r.account_id, r.suppression_id, a.debtor_id FROM reply_account r JOIN account a ON a.id = r.account_id WHERE r.inbound_id = $1 ORDER BY r.account_id";
        LIFT = "UPDATE suppression SET lifted_at = $1, lifted_by = $2 WHERE id = $3 AND lifted_at IS NULL";
        BRING_FORWARD = "UPDATE attempt SET due_at = $1 WHERE account_id = $2 AND state = 'held' AND reason = 'status.open_reply'";
        DECIDED = "UPDATE reply SET waits = $1, decided_as = $2, decided_by = $3, decided_at = $4 WHERE inbound_id = $5";
        UNDERSTOOD = "UPDATE inbound SET understood = $1, handled_at = $2, handled_by = $3 WHERE handled_at IS NULL AND (id = $4 OR (provider = $5 AND sender = $6 AND part_reference = $7 AND parts = $8))";
        WAITING = "SELECT r.inbound_id, r.meanings, r.channel, (SELECT COUNT(*) FROM reply_account x JOIN suppression s ON s.id = x.suppression_id WHERE x.inbound_id = r.inbound_id AND s.lifted_at IS NULL) AS held FROM reply r WHERE r.waits ORDER BY r.understood_at, r.inbound_id";
        PLACE = "SELECT provider, sender, part_reference, parts FROM inbound WHERE id = $1";
        TASK = "INSERT INTO task (id, account_id, step_key, kind, stage, step, due_on) VALUES ($1, $2, $3, $4, '', 'reply', $5) ON CONFLICT (step_key) DO NOTHING";
    }
}

/// A whole message of somebody.
#[derive(Clone, PartialEq, Eq)]
pub struct WholeReply {
    /// The message, or the first part that came.
    pub id: Uuid,
    /// Whose address, as it was written; personal data.
    pub from: String,
    /// Its words, parts put together; personal data.
    pub text: String,
}

impl std::fmt::Debug for WholeReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WholeReply({}, {} bytes)", self.id, self.text.len())
    }
}

/// A debt that an answer from an address concerns.
#[derive(Debug, Clone)]
pub struct Concerned {
    /// The debt.
    pub account: AccountId,
    /// Its portfolio.
    pub portfolio: String,
    /// The creditor's reference.
    pub reference: String,
    /// Who owes.
    pub debtor: PersonId,
    /// Who uses the address.
    pub person: PersonId,
    /// The word that opts out of this sender's texts.
    pub opt_out_word: String,
    /// Of the amounts.
    pub currency: Currency,
    /// What is open, in minor units.
    pub balance_minor: i64,
    /// When it was due.
    pub due_on: NaiveDate,
    /// Whether a dispute is open.
    pub disputed: bool,
    /// Language of whoever uses the address.
    pub locale: Locale,
    /// Zone of the portfolio.
    pub zone: chrono_tz::Tz,
    /// Whether messages about it went, or were to go, to this address.
    pub written_to: bool,
}

/// What follows from an answer.
#[derive(Debug, Clone)]
pub struct ReplyEffect {
    /// How it came.
    pub channel: Channel,
    /// What was understood, as JSON without words of the person.
    pub meanings: String,
    /// The meanings in a few words, for lists and the log.
    pub in_short: String,
    /// What takes effect at once.
    pub events: Vec<NewEvent>,
    /// Debts about which nothing goes out until a person has decided.
    pub hold: Vec<AccountId>,
    /// Debts for which somebody is to do something, and what.
    pub tasks: Vec<(AccountId, &'static str)>,
    /// Every debt that is concerned.
    pub concerned: Vec<AccountId>,
    /// Whether a person is to look at it.
    pub waits: bool,
}

/// An answer that waits for a person, and what was understood.
#[derive(Debug, Clone)]
pub struct WaitingReply {
    /// The message.
    pub id: Uuid,
    /// How it came.
    pub channel: Channel,
    /// What was understood, as JSON.
    pub meanings: String,
    /// How many debts it holds.
    pub held: i64,
}

#[derive(sqlx::FromRow)]
struct ConcernedRow {
    id: Uuid,
    portfolio: String,
    reference: String,
    debtor_id: Uuid,
    person_id: Uuid,
    opt_out_word: String,
    currency: String,
    balance_minor: i64,
    due_on: NaiveDate,
    disputed: bool,
    locale: String,
    zone: String,
    latest: Option<Ts>,
}

impl ConcernedRow {
    fn into_concerned(self) -> Result<Concerned, StoreError> {
        let corrupt = |what| StoreError::Corrupt { what };
        Ok(Concerned {
            account: AccountId(self.id),
            portfolio: self.portfolio,
            reference: self.reference,
            debtor: PersonId(self.debtor_id),
            person: PersonId(self.person_id),
            opt_out_word: self.opt_out_word,
            currency: Currency::parse(&self.currency).map_err(|_| corrupt("currency"))?,
            balance_minor: self.balance_minor,
            due_on: self.due_on,
            disputed: self.disputed,
            locale: word(&self.locale, "locale")?,
            zone: self.zone.parse().map_err(|_| corrupt("zone of a portfolio"))?,
            written_to: self.latest.is_some(),
        })
    }
}

type Place = (String, String, Option<i64>, Option<i64>);

impl Store {
    /// The whole of a message that has been kept, by the provider's id of it or of one of its parts; `None` while parts
    /// are missing, or where its words are gone.
    pub async fn whole_reply(&self, provider: &str, event: &str) -> Result<Option<WholeReply>, StoreError> {
        let since = self.clock.now() - chrono::TimeDelta::days(1);
        let mut tx = self.db.read().await?;
        let event = tx.seals().hash("inbound.event", event)?;
        let found =
            q!(&mut tx, sql::ARRIVED, [provider, event] => opt (Uuid, String, Option<i64>, Option<i64>))?;
        let Some((id, sender, reference, parts)) = found else {
            return Ok(None);
        };
        let Some((reference, parts)) = reference.zip(parts) else {
            let rows = q!(&mut tx, sql::ONE, [id] => all (Uuid, Option<Uuid>, Option<Vec<u8>>))?;
            let opened = open_replies(&mut tx, &rows).await?.remove(&id);
            return Ok(opened.map(|o| WholeReply {
                id,
                from: o.from,
                text: o.text,
            }));
        };
        let rows = q!(&mut tx, sql::PARTS, [provider, sender, reference, parts, Ts(since)] => all (Uuid, Option<Uuid>, Option<Vec<u8>>, Option<i64>))?;
        let sealed: Vec<_> = rows.iter().map(|r| (r.0, r.1, r.2.clone())).collect();
        let mut opened = open_replies(&mut tx, &sealed).await?;
        let mut texts = std::collections::BTreeMap::new();
        let mut from = String::new();
        for (id, _, _, part) in &rows {
            if let (Some(said), Some(part)) = (opened.remove(id), part) {
                from = said.from;
                texts.entry(*part).or_insert(said.text);
            }
        }
        let whole = i64::try_from(texts.len()).is_ok_and(|n| n >= parts);
        let text: String = texts.into_values().collect();
        Ok(rows.first().filter(|_| whole).map(|first| WholeReply {
            id: first.0,
            from,
            text,
        }))
    }

    /// Open debts of everybody who uses an address, as it is written in a message; those that messages to it were about
    /// come first.
    pub async fn concerned_by(&self, address: &str) -> Result<Vec<Concerned>, StoreError> {
        let mut tx = self.db.read().await?;
        let hashed = said_hash(tx.seals(), address)?;
        let rows = q!(&mut tx, sql::CONCERNED, [hashed] => all ConcernedRow)?;
        rows.into_iter().map(ConcernedRow::into_concerned).collect()
    }

    /// Whether it was written down already what an answer means.
    pub async fn reply_is_understood(&self, id: Uuid) -> Result<bool, StoreError> {
        let mut tx = self.db.read().await?;
        Ok(q!(&mut tx, sql::KNOWN_REPLY, [id] => opt (bool,))?.is_some())
    }

    /// Writes down what an answer means with everything that follows from it: all of it, or nothing; once. Durable with
    /// evidence when it returns; says whether it was the first time.
    pub async fn reply_understood(&self, id: Uuid, effect: ReplyEffect) -> Result<bool, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let now = clock.now();
                let fresh = q!(&mut *tx, sql::REPLY, [id, effect.channel.as_str(), &effect.meanings, effect.waits, Ts(now)] => rows)?;
                if fresh == 0 {
                    return Ok(false);
                }
                apply(tx, &*clock, (id, now), &effect).await?;
                if !effect.waits {
                    close(tx, id, &effect.in_short, (now, "dunwell")).await?;
                }
                Ok(true)
            })
        })
        .await
    }

    /// Answers that wait for a person, with what was understood.
    pub async fn waiting_replies(&self) -> Result<Vec<WaitingReply>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::WAITING, [] => all (Uuid, String, String, i64))?;
        let waiting = |(id, meanings, channel, held): (Uuid, String, String, i64)| {
            Ok(WaitingReply {
                id,
                channel: word(&channel, "channel")?,
                meanings,
                held,
            })
        };
        rows.into_iter().map(waiting).collect()
    }

    /// The words of one message, whole or a part; `None` where they are gone.
    pub async fn reply_words(&self, id: Uuid) -> Result<Option<WholeReply>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::ONE, [id] => all (Uuid, Option<Uuid>, Option<Vec<u8>>))?;
        let opened = open_replies(&mut tx, &rows).await?.remove(&id);
        Ok(opened.map(|o| WholeReply {
            id,
            from: o.from,
            text: o.text,
        }))
    }

    /// A person has decided what an answer means: the effect takes place, the hold of the first reading ends unless the
    /// effect holds anew, and what was held is judged again. Durable with evidence when it returns.
    ///
    /// # Errors
    /// `Missing` where no such message was taken in.
    pub async fn reply_decided(
        &self,
        id: Uuid,
        decided: &str,
        by: &str,
        effect: ReplyEffect,
    ) -> Result<(), StoreError> {
        let (clock, decided, by) = (self.clock.clone(), decided.to_owned(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let now = clock.now();
                let missing = || StoreError::Missing { what: "message", name: id.to_string() };
                q!(&mut *tx, sql::PLACE, [id] => opt Place)?.ok_or_else(missing)?;
                // Of a message that came before answers were read there is no row yet.
                q!(&mut *tx, sql::REPLY, [id, effect.channel.as_str(), &effect.meanings, effect.waits, Ts(now)] => rows)?;
                lift(tx, &*clock, (id, now), &by).await?;
                apply(tx, &*clock, (id, now), &effect).await?;
                q!(&mut *tx, sql::DECIDED, [false, &decided, &by, Ts(now), id] => rows)?;
                let entry = super::log::entry(&*clock, Kind::ReviewAction, now)
                    .with("reply", id.to_string())
                    .with("decided", decided.as_str())
                    .with("actor", by.as_str());
                super::log::append(tx, &[entry.seal()]).await?;
                close(tx, id, &decided, (now, &by)).await
            })
        })
        .await
    }
}

/// Events, holds, tasks and the entry that ties them to the answer.
async fn apply(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    (id, now): (Uuid, Moment),
    effect: &ReplyEffect,
) -> Result<(), StoreError> {
    lock_concerned(tx, &effect.events).await?;
    if effect.events.is_empty() && tx.is_postgres() {
        super::decide::lock_accounts(tx, effect.hold.iter().map(|a| a.0)).await?;
    }
    let entry = super::log::entry(clock, Kind::AccountEvent, now)
        .with("what", "reply_understood")
        .with("reply", id.to_string())
        .with("meanings", effect.in_short.as_str())
        .with("held", if effect.hold.is_empty() { "no" } else { "yes" });
    super::log::append(tx, &[entry.seal()]).await?;
    for event in effect.events.clone() {
        take(tx, clock, event, None).await?;
    }
    for account in &effect.concerned {
        let held = effect.hold.contains(account);
        let hold = held.then(|| clock.fresh());
        if let Some(hold) = hold {
            q!(&mut *tx, super::events::sql::SUPPRESS, [hold, None::<Uuid>, account.0, None::<Uuid>, None::<String>,
                "open_reply", Ts(now), None::<Ts>] => rows)?;
            q!(&mut *tx, super::events::sql::ACCOUNT_CHANGED, [account.0] => rows)?;
            let entry = super::log::entry(clock, Kind::HoldSet, now)
                .with("what", "open_reply")
                .with("debt", account.to_string())
                .with("reply", id.to_string());
            super::log::append(tx, &[entry.seal()]).await?;
        }
        q!(&mut *tx, sql::REPLY_ACCOUNT, [id, account.0, hold] => rows)?;
    }
    for (account, kind) in &effect.tasks {
        let key = crate::evidence::digest_hex(format!("{id} {kind} {account}").as_bytes());
        let key: Vec<u8> = key.bytes().take(16).collect();
        q!(&mut *tx, sql::TASK, [clock.fresh(), account.0, key, *kind, now.utc().date_naive()] => rows)?;
    }
    Ok(())
}

/// Ends the hold of an answer; what was held is judged again now, and the planner looks again.
async fn lift(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    (id, now): (Uuid, Moment),
    by: &str,
) -> Result<(), StoreError> {
    let holds = q!(&mut *tx, sql::HOLDS, [id] => all (Uuid, Option<Uuid>, Uuid))?;
    if tx.is_postgres() {
        super::decide::lock_people(tx, holds.iter().map(|h| h.2)).await?;
        super::decide::lock_accounts(tx, holds.iter().map(|h| h.0)).await?;
    }
    for (account, hold, debtor) in holds {
        let Some(hold) = hold else { continue };
        if q!(&mut *tx, sql::LIFT, [Ts(now), by, hold] => rows)? == 0 {
            continue;
        }
        q!(&mut *tx, super::events::sql::ACCOUNT_CHANGED, [account] => rows)?;
        q!(&mut *tx, super::events::sql::LOOK_AGAIN, [now.utc().date_naive(), id_list([debtor])] => rows)?;
        q!(&mut *tx, sql::BRING_FORWARD, [Ts(now), account] => rows)?;
        let entry = super::log::entry(clock, Kind::HoldCleared, now)
            .with("what", "open_reply")
            .with("debt", AccountId(account).to_string())
            .with("reply", id.to_string())
            .with("actor", by);
        super::log::append(tx, &[entry.seal()]).await?;
    }
    Ok(())
}

/// A message, with all of its parts, is dealt with.
async fn close(tx: &mut Tx, id: Uuid, understood: &str, (now, by): (Moment, &str)) -> Result<(), StoreError> {
    let found = q!(&mut *tx, sql::PLACE, [id] => opt Place)?;
    let Some((provider, sender, reference, parts)) = found else {
        return Ok(());
    };
    q!(&mut *tx, sql::UNDERSTOOD, [understood, Ts(now), by, id, provider, sender, reference, parts] => rows)?;
    Ok(())
}
