//! What came back stands under a seal: of the people concerned, or, while nobody is known, under a key that strangers
//! share for a day and that is destroyed when its time is over. Found again by keyed hashes; the log commits to it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use uuid::Uuid;

use super::db::{Tx, q, statements};
use super::people::address_hash;
use super::retention::Shredding;
use super::sealed::{SealedValue, sealed_value};
use super::seals::{Keys, Seals, own_key, put_keys, shared_key};
use super::types::Ts;
use super::{Inbound, Store, StoreError};
use crate::clock::Clock;
use crate::domain::{Address, AttemptId, EmailAddress, Moment, PersonId, PhoneNumber, RecordId};
use crate::evidence::{Kind, RecordKey, SealKind, Value, parse_canonical, to_canonical};

pub(super) mod sql {
    super::statements! {
        STRANGERS = "SELECT id FROM stranger WHERE day = $1";
        NEW_STRANGERS = "INSERT INTO stranger (id, day, shredded_at) VALUES ($1, $2, NULL) ON CONFLICT (day) DO NOTHING";
        // Who was written to at this address last; else whoever has it.
        WHOSE = "SELECT c.person_id, k.account_id FROM address d JOIN contact_point c ON c.address_id = d.id AND c.sealed <> '' LEFT JOIN touch k ON k.id = (SELECT x.id FROM touch x WHERE x.address_id = d.id ORDER BY x.at DESC, x.id DESC LIMIT 1) WHERE d.normal = $1 ORDER BY CASE WHEN k.person_id = c.person_id THEN 0 ELSE 1 END, c.id LIMIT 1";
        // Messages of strangers who are known by now.
        KNOWN_SINCE = "SELECT i.id, i.keeper, i.sealed, i.sender, i.provider FROM inbound i JOIN stranger s ON s.id = i.keeper WHERE i.sealed IS NOT NULL AND EXISTS (SELECT 1 FROM address d JOIN contact_point c ON c.address_id = d.id AND c.sealed <> '' WHERE d.normal = i.sender) ORDER BY i.received_at, i.id LIMIT $1";
        MOVE_REPLY = "UPDATE inbound SET keeper = $1, sealed = $2, record = $3 WHERE id = $4 AND keeper = $5";
        REPLY_OF = "SELECT id, keeper, sealed FROM inbound WHERE record = $1";
        RECEIPT_OF = "SELECT r.id, t.recipient_id, a.debtor_id, r.raw FROM receipt r JOIN attempt t ON t.id = r.attempt_id JOIN account a ON a.id = t.account_id WHERE r.record = $1 AND r.id IS NOT NULL";
        RECEIPTS_OF = "SELECT id, raw FROM receipt WHERE attempt_id = $1 AND id IS NOT NULL ORDER BY received_at, event";
        LAST_RECORD = "SELECT last_record FROM attempt WHERE id = $1";
        NEXT_RECORD = "UPDATE attempt SET last_record = $1 WHERE id = $2";
        RECORDED = "UPDATE receipt SET record = $1 WHERE id = $2";
        // Erasing a person: what came about their messages, what they said, and what strangers are known to have said for them.
        CLEAR_RECEIPTS = "UPDATE receipt SET raw = NULL WHERE raw IS NOT NULL AND attempt_id IN (SELECT t.id FROM attempt t JOIN account a ON a.id = t.account_id WHERE t.recipient_id = $1 OR a.debtor_id = $1)";
        CLEAR_STRANGE = "UPDATE receipt SET raw = NULL, recipient = NULL WHERE recipient IN (SELECT d.normal FROM contact_point c JOIN address d ON d.id = c.address_id WHERE c.person_id = $1)";
        CLEAR_ASIDE = "DELETE FROM receipt_aside WHERE (provider, event) IN (SELECT r.provider, r.event FROM receipt r WHERE r.recipient IN (SELECT d.normal FROM contact_point c JOIN address d ON d.id = c.address_id WHERE c.person_id = $1))";
        CLEAR_REPLIES = "UPDATE inbound SET sealed = NULL, sender = 'erased', handled_by = CASE WHEN handled_at IS NULL THEN 'erased' ELSE handled_by END, handled_at = COALESCE(handled_at, $2) WHERE keeper = $1 OR (keeper IN (SELECT s.id FROM stranger s) AND sender IN (SELECT d.normal FROM contact_point c JOIN address d ON d.id = c.address_id WHERE c.person_id = $1))";
        // Strangers whose time is over.
        STALE = "SELECT s.id, s.day, (SELECT COUNT(*) FROM inbound i WHERE i.keeper = s.id AND i.sealed IS NOT NULL) + (SELECT COUNT(*) FROM receipt r WHERE r.stranger = s.id AND r.raw IS NOT NULL) AS things FROM stranger s WHERE s.day < $1 AND s.shredded_at IS NULL ORDER BY s.day";
        SHREDDED = "UPDATE stranger SET shredded_at = $1 WHERE id = $2";
        SHRED_ASIDE = "DELETE FROM receipt_aside WHERE (provider, event) IN (SELECT r.provider, r.event FROM receipt r WHERE r.stranger = $1)";
        SHRED_RECEIPTS = "UPDATE receipt SET raw = NULL, recipient = NULL WHERE stranger = $1";
        SHRED_REPLIES = "UPDATE inbound SET sealed = NULL, sender = 'erased', handled_by = CASE WHEN handled_at IS NULL THEN 'retention' ELSE handled_by END, handled_at = COALESCE(handled_at, $2) WHERE keeper = $1";
    }
}

/// The id under which the strangers of a day have their key; made with the first of them.
pub(super) async fn strangers(tx: &mut Tx, clock: &dyn Clock, at: Moment) -> Result<Uuid, StoreError> {
    let day = at.utc().date_naive();
    if let Some((id,)) = q!(&mut *tx, sql::STRANGERS, [day] => opt (Uuid,))? {
        return Ok(id);
    }
    tx.hold_masters().await?;
    let (seals, id) = (tx.seals().clone(), clock.fresh());
    if q!(&mut *tx, sql::NEW_STRANGERS, [id, day] => rows)? == 1 {
        put_keys(tx, &[seals.make(id)?.1]).await?;
        return Ok(id);
    }
    let (id,) = q!(&mut *tx, sql::STRANGERS, [day] => one (Uuid,))?;
    Ok(id)
}

/// The keyed hash by which whoever wrote, or was written to, is found: that of an address, where it is one.
pub(super) fn said_hash(seals: &Seals, said: &str) -> Result<String, StoreError> {
    let address = match said.contains('@') {
        true => EmailAddress::parse(said.trim()).ok().map(Address::Email),
        false => PhoneNumber::of_carrier(said).map(Address::Phone),
    };
    match address {
        Some(address) => address_hash(seals, address.kind().as_str(), &address.normal()),
        None => address_hash(seals, "unknown", said),
    }
}

/// The key of what came about a message; `None`: somebody whom it concerns was erased.
fn receipt_key(keys: &Keys, concerned: (Uuid, Uuid), id: Uuid) -> Option<RecordKey> {
    shared_key(keys, concerned, SealKind::Receipt, id)
}

/// Seals what a provider sent about an attempt, salt in front; `None`: whom it concerns was erased.
pub(super) async fn seal_receipt(
    tx: &mut Tx,
    attempt: Uuid,
    id: Uuid,
    salted: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = q!(&mut *tx, super::kept::sql::CONCERNED, [attempt] => opt (Uuid, Uuid))?;
    let Some(concerned) = found else { return Ok(None) };
    let keys = tx.keys_of([concerned.0, concerned.1]).await?;
    let nonce = tx.seals().nonce();
    Ok(receipt_key(&keys, concerned, id).map(|key| key.seal(nonce, salted)))
}

/// What is put aside under a strangers' key, salt in front, and the recipient that it names.
pub(super) async fn seal_aside(
    tx: &mut Tx,
    (stranger, id): (Uuid, Uuid),
    salted: &[u8],
    recipient: Option<&str>,
) -> Result<(Option<Vec<u8>>, Option<String>), StoreError> {
    let (keys, seals) = (tx.keys_of([stranger]).await?, tx.seals().clone());
    let raw = own_key(&keys, stranger, SealKind::Receipt, id).map(|key| key.seal(seals.nonce(), salted));
    let to = own_key(&keys, stranger, SealKind::ReceiptTo, id);
    let to = to
        .zip(recipient)
        .map(|(key, to)| key.seal_text(seals.nonce(), to));
    Ok((raw, to))
}

/// What was put aside, opened: what came with its salt, and the recipient that it names.
pub(super) async fn open_aside(
    tx: &mut Tx,
    (stranger, id): (Option<Uuid>, Option<Uuid>),
    raw: Option<&[u8]>,
    recipient: Option<&str>,
) -> Result<(Option<Vec<u8>>, Option<String>), StoreError> {
    let corrupt = StoreError::Corrupt { what: "receipt" };
    let (Some(stranger), Some(id)) = (stranger, id) else {
        return Ok((None, recipient.map(str::to_owned)));
    };
    let keys = tx.keys_of([stranger]).await?;
    let raw = match (own_key(&keys, stranger, SealKind::Receipt, id), raw) {
        (Some(key), Some(raw)) => Some(key.open(raw).map_err(|_| corrupt)?.to_vec()),
        _ => None,
    };
    let corrupt = StoreError::Corrupt { what: "receipt" };
    let to = match (own_key(&keys, stranger, SealKind::ReceiptTo, id), recipient) {
        (Some(key), Some(to)) => Some(key.open_text(to).map_err(|_| corrupt)?),
        _ => None,
    };
    Ok((raw, to))
}

/// The commitment to something with its salt in front, in hex.
pub(super) fn committed(salted: &[u8]) -> String {
    crate::evidence::digest_hex(salted)
}

/// Writes down a word that moved nothing, so that the log commits to it too.
pub(super) async fn note_word(
    tx: &mut Tx,
    clock: &dyn Clock,
    attempt: AttemptId,
    (provider, status, raw): (&str, &str, Option<&str>),
) -> Result<(), StoreError> {
    let found = q!(&mut *tx, sql::LAST_RECORD, [attempt.0] => opt (Option<Uuid>,))?;
    let Some((last,)) = found else { return Ok(()) };
    let entry = super::log::entry(clock, Kind::ReceiptReceived, clock.now())
        .of_attempt(attempt, last.map(RecordId::from))
        .with("provider", provider)
        .with("status", status)
        .with_some("raw", raw)
        .seal();
    q!(&mut *tx, sql::NEXT_RECORD, [entry.record.0, attempt.0] => rows)?;
    super::log::append(tx, &[entry]).await
}

/// Notes which entry commits to a receipt: the newest of its attempt.
pub(super) async fn note_entry(tx: &mut Tx, attempt: AttemptId, receipt: Uuid) -> Result<(), StoreError> {
    let found = q!(&mut *tx, sql::LAST_RECORD, [attempt.0] => opt (Option<Uuid>,))?;
    if let Some((Some(record),)) = found {
        q!(&mut *tx, sql::RECORDED, [record, receipt] => rows)?;
    }
    Ok(())
}

/// A message of somebody as it is committed to: canonical JSON.
fn reply_text(message: &Inbound) -> String {
    let clean = |text: &str| Value::from(text.replace('\0', ""));
    let mut fields = BTreeMap::from([
        ("from".to_owned(), clean(&message.from)),
        ("text".to_owned(), clean(&message.text)),
        ("to".to_owned(), clean(&message.to)),
    ]);
    if let Some((reference, part, parts)) = message.part {
        let numbers = [i64::from(reference), i64::from(part), i64::from(parts)];
        fields.insert("part".to_owned(), Value::List(numbers.map(Value::from).into()));
    }
    to_canonical(&Value::Object(fields))
}

/// A message on its way into the database.
pub(super) struct SealedReply {
    /// Keyed hash of the sender.
    pub(super) sender: String,
    /// The person, or the strangers, under whose key it lies.
    pub(super) keeper: Uuid,
    /// Salt and message, sealed; nothing if the key is gone already.
    pub(super) sealed: Option<Vec<u8>>,
    /// The entry that commits to it.
    pub(super) entry: crate::evidence::Sealed,
}

/// Seals a message under the key of whoever it is from, as far as that is known.
pub(super) async fn seal_reply(
    tx: &mut Tx,
    clock: &dyn Clock,
    (id, at): (Uuid, Moment),
    message: &Inbound,
) -> Result<SealedReply, StoreError> {
    let seals = tx.seals().clone();
    let sender = said_hash(&seals, &message.from)?;
    let whose = q!(&mut *tx, sql::WHOSE, [&sender] => opt (Uuid, Option<Uuid>))?;
    let keeper = match whose {
        Some((person, _)) => person,
        None => strangers(tx, clock, at).await?,
    };
    let salted = [&clock.salt()[..], reply_text(message).as_bytes()].concat();
    let keys = tx.keys_of([keeper]).await?;
    let key = own_key(&keys, keeper, SealKind::Reply, id);
    let entry = super::log::entry(clock, Kind::ReplyReceived, clock.now())
        .with("provider", message.provider.as_str())
        .with("reply", committed(&salted))
        .with_some("person", whose.map(|(person, _)| PersonId(person).to_string()))
        .with_some("debt", debt(whose));
    Ok(SealedReply {
        sender,
        keeper,
        sealed: key.map(|key| key.seal(seals.nonce(), &salted)),
        entry: entry.seal(),
    })
}

fn debt(whose: Option<(Uuid, Option<Uuid>)>) -> Option<String> {
    whose?.1.map(|debt| crate::domain::AccountId(debt).to_string())
}

/// A message that was opened: from whom, and what it says.
pub(super) struct OpenedReply {
    pub(super) from: String,
    pub(super) text: String,
}

/// A message as it is kept: its id, its keeper, and what is sealed.
pub(super) type KeptReply = (Uuid, Option<Uuid>, Option<Vec<u8>>);

/// Opens messages. What can no longer be opened is left out.
pub(super) async fn open_replies(
    tx: &mut Tx,
    rows: &[KeptReply],
) -> Result<BTreeMap<Uuid, OpenedReply>, StoreError> {
    let corrupt = || StoreError::Corrupt {
        what: "message of somebody",
    };
    let keys = tx.keys_of(rows.iter().filter_map(|row| row.1)).await?;
    let mut opened = BTreeMap::new();
    for (id, keeper, sealed) in rows {
        let key = keeper.and_then(|keeper| own_key(&keys, keeper, SealKind::Reply, *id));
        let (Some(key), Some(sealed)) = (key, sealed) else {
            continue;
        };
        let text = key.open_committed(sealed).map_err(|_| corrupt())?.bytes;
        let Ok(Value::Object(mut fields)) = parse_canonical(&text) else {
            return Err(corrupt());
        };
        let mut field = |name| match fields.remove(name) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(corrupt()),
        };
        let (from, text) = (field("from")?, field("text")?);
        opened.insert(*id, OpenedReply { from, text });
    }
    Ok(opened)
}

/// Messages of strangers who are known by now come under their own keys.
pub(super) async fn match_replies(tx: &mut Tx, clock: &dyn Clock) -> Result<usize, StoreError> {
    type Row = (Uuid, Uuid, Vec<u8>, String, String);
    let found = q!(&mut *tx, sql::KNOWN_SINCE, [500i64] => all Row)?;
    let seals = tx.seals().clone();
    let mut moved = 0;
    for (id, stranger, sealed, sender, provider) in found {
        let Some((person, account)) = q!(&mut *tx, sql::WHOSE, [&sender] => opt (Uuid, Option<Uuid>))? else {
            continue;
        };
        let keys = tx.keys_of([stranger, person]).await?;
        let key = |whose| own_key(&keys, whose, SealKind::Reply, id);
        let (Some(old), Some(new)) = (key(stranger), key(person)) else {
            continue;
        };
        let salted = old.open(&sealed).map_err(|_| StoreError::Corrupt {
            what: "message of somebody",
        })?;
        let entry = super::log::entry(clock, Kind::ReplyMatched, clock.now())
            .with("provider", provider)
            .with("reply", committed(&salted))
            .with("person", PersonId(person).to_string())
            .with_some("debt", debt(Some((person, account))))
            .seal();
        let fresh = new.seal(seals.nonce(), &salted);
        // Another program may have been quicker.
        if q!(&mut *tx, sql::MOVE_REPLY, [person, fresh, entry.record.0, id, stranger] => rows)? == 1 {
            super::log::append(tx, &[entry]).await?;
            moved += 1;
        }
    }
    Ok(moved)
}

/// Removes what came about a person's messages and what the person said; before addresses lose their hashes.
pub(super) async fn clear_arrivals(tx: &mut Tx, person: Uuid, now: Moment) -> Result<u64, StoreError> {
    q!(&mut *tx, sql::CLEAR_ASIDE, [person] => rows)?;
    let receipts = q!(&mut *tx, sql::CLEAR_RECEIPTS, [person] => rows)?
        + q!(&mut *tx, sql::CLEAR_STRANGE, [person] => rows)?;
    let replies = q!(&mut *tx, sql::CLEAR_REPLIES, [person, Ts(now)] => rows)?;
    Ok(receipts + replies)
}

/// What strangers left on one day, when its time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleStrangers {
    /// The id that stands for them.
    pub id: Uuid,
    /// The day on which it came.
    pub day: NaiveDate,
    /// Receipts and messages that are still kept.
    pub things: u64,
}

impl Store {
    /// What providers said about an attempt, as it came, oldest first. Personal data.
    ///
    /// # Errors
    /// Somebody changed what was sealed.
    pub async fn raw_receipts(&self, attempt: AttemptId) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, super::kept::sql::CONCERNED, [attempt.0] => opt (Uuid, Uuid))?;
        let Some(concerned) = found else {
            return Ok(Vec::new());
        };
        let keys = tx.keys_of([concerned.0, concerned.1]).await?;
        let mut opened = Vec::new();
        for (id, raw) in q!(&mut tx, sql::RECEIPTS_OF, [attempt.0] => all (Uuid, Option<Vec<u8>>))? {
            if let (Some(key), Some(raw)) = (receipt_key(&keys, concerned, id), raw) {
                let salted = key
                    .open(&raw)
                    .map_err(|_| StoreError::Corrupt { what: "receipt" })?;
                opened.push(salted.get(32..).unwrap_or_default().to_vec());
            }
        }
        Ok(opened)
    }

    /// What an entry of the log commits to as a receipt, under its seal; `None`: nothing, or it was erased.
    ///
    /// # Errors
    /// Somebody changed what was sealed.
    pub async fn sealed_receipt(&self, record: Uuid) -> Result<Option<SealedValue>, StoreError> {
        type Row = (Uuid, Uuid, Uuid, Option<Vec<u8>>);
        let mut tx = self.db.read().await?;
        let Some((id, recipient, debtor, Some(raw))) = q!(&mut tx, sql::RECEIPT_OF, [record] => opt Row)?
        else {
            return Ok(None);
        };
        let keys = tx.keys_of([recipient, debtor]).await?;
        sealed_value(&keys, (recipient, debtor), (SealKind::Receipt, id), raw).map(Some)
    }

    /// What an entry of the log commits to as a message of somebody, under its seal; `None`: nothing, or it was erased.
    ///
    /// # Errors
    /// Somebody changed what was sealed.
    pub async fn sealed_reply(&self, record: Uuid) -> Result<Option<SealedValue>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::REPLY_OF, [record] => opt (Uuid, Option<Uuid>, Option<Vec<u8>>))?;
        let Some((id, Some(keeper), Some(sealed))) = found else {
            return Ok(None);
        };
        let keys = tx.keys_of([keeper]).await?;
        sealed_value(&keys, (keeper, keeper), (SealKind::Reply, id), sealed).map(Some)
    }

    /// Destroys the keys of strangers and what lies under them: the entry tells why, and how much it was. Reaches backups,
    /// as erasing does. Durable when it returns.
    ///
    /// # Errors
    /// The database failed.
    pub async fn shred_strangers(
        &self,
        stale: Vec<Uuid>,
        by: &str,
        why: Shredding,
    ) -> Result<u64, StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        let gone = self
            .write(move |tx| Box::pin(async move { shred(tx, &*clock, &stale, (&by, &why)).await }))
            .await?;
        self.after_erasing(&mut super::Erased::default()).await?;
        Ok(gone)
    }

    /// Days before `before` whose strangers still have a key.
    pub async fn stale_strangers(&self, before: NaiveDate) -> Result<Vec<StaleStrangers>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::STALE, [before] => all (Uuid, NaiveDate, i64))?;
        let stale = |(id, day, things)| StaleStrangers {
            id,
            day,
            things: u64::try_from(things).unwrap_or(0),
        };
        Ok(found.into_iter().map(stale).collect())
    }
}

async fn shred(
    tx: &mut Tx,
    clock: &dyn Clock,
    stale: &[Uuid],
    (by, why): (&str, &Shredding),
) -> Result<u64, StoreError> {
    let (now, mut gone) = (clock.now(), 0);
    let listed = stale.iter().map(|id| Value::from(id.to_string())).collect();
    let entry = why.entry(tx, clock, by, Value::List(listed)).await?;
    for id in stale {
        let zeros = vec![0u8; crate::evidence::WRAPPED_BYTES];
        q!(&mut *tx, super::erase::sql::OVERWRITE_KEY, [zeros, *id] => rows)?;
        q!(&mut *tx, sql::SHRED_ASIDE, [*id] => rows)?;
        gone += q!(&mut *tx, sql::SHRED_RECEIPTS, [*id] => rows)?;
        gone += q!(&mut *tx, sql::SHRED_REPLIES, [*id, Ts(now)] => rows)?;
        q!(&mut *tx, sql::SHREDDED, [Ts(now), *id] => rows)?;
        // Backups lose the key as they lose those of people.
        q!(&mut *tx, super::erase::sql::NOTE, [*id, Ts(now), by, &why.basis, entry.record.0] => rows)?;
    }
    super::log::append(tx, &[entry]).await?;
    Ok(gone)
}

/// What was kept hashes to, for checking the whole log: `None`, nobody can open it any more; `Some(None)`, it was changed.
pub(super) fn kept_digest(
    keys: &Keys,
    concerned: (Uuid, Uuid),
    (kind, id): (SealKind, Uuid),
    sealed: &[u8],
) -> Option<Option<String>> {
    let key = shared_key(keys, concerned, kind, id)?;
    Some(key.open(sealed).ok().map(|salted| committed(&salted)))
}
