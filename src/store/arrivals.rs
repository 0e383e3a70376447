//! What comes back: the later word of providers, each kept as it came and merged into one state that only moves forward,
//! and messages of people. A receipt whose message is not known yet waits aside and is matched later. What came is
//! sealed in `arrivals_sealed.rs`.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::bulk::{Id, bulk, row};
use super::db::{Tx, q, statements};
use super::people::address_hash;
use super::settle::{Settlement, settle_in};
use super::to_ledger::Opened;
use super::types::{Ts, word};
use super::{Store, StoreError, arrivals_sealed as back};
use crate::clock::Clock;
use crate::domain::{AttemptId, AttemptState, Moment};
use crate::evidence::Kind;

pub(super) mod sql {
    super::statements! {
        RECEIPT = "INSERT INTO receipt (provider, event, attempt_id, status, received_at, id) VALUES ($1, $2, NULL, $3, $4, $5) ON CONFLICT (provider, event) DO NOTHING";
        SETTLE_RECEIPT = "UPDATE receipt SET attempt_id = $1, id = $2, raw = $3, stranger = NULL, recipient = NULL WHERE provider = $4 AND event = $5";
        LAY_ASIDE = "UPDATE receipt SET raw = $1, stranger = $2, recipient = $3 WHERE provider = $4 AND event = $5";
        // The newest first: centres use their numbers again.
        NAMED = {
            sqlite: "SELECT attempt_id, reference FROM provider_part WHERE provider = $1 AND reference IN (SELECT value FROM json_each($2)) UNION SELECT id, provider_ref FROM attempt WHERE provider = $1 AND provider_ref IN (SELECT value FROM json_each($2)) ORDER BY 1 DESC",
            postgres: "SELECT attempt_id, reference FROM provider_part WHERE provider = $1 AND reference IN (SELECT jsonb_array_elements_text(CAST($2 AS JSONB))) UNION SELECT id, provider_ref FROM attempt WHERE provider = $1 AND provider_ref IN (SELECT jsonb_array_elements_text(CAST($2 AS JSONB))) ORDER BY 1 DESC",
        };
        OURS = "SELECT provider FROM attempt WHERE id = $1 AND reserved_at IS NOT NULL";
        HAD = "SELECT provider, provider_ref FROM attempt WHERE id = $1";
        KNOWN = "SELECT COUNT(*) FROM receipt WHERE provider = $1 AND event = $2";
        ADDRESS = "SELECT d.kind, c.id, d.country FROM attempt t JOIN contact_point c ON c.id = t.contact_point_id JOIN address d ON d.id = c.address_id WHERE t.id = $1";
        STANDS = {
            sqlite: "SELECT state FROM attempt WHERE id = $1",
            postgres: "SELECT state FROM attempt WHERE id = $1 FOR NO KEY UPDATE",
        };
        PUT_ASIDE = "INSERT INTO receipt_aside (provider, spelling, event, recipient) VALUES ($1, $2, $3, $4) ON CONFLICT (provider, spelling, event) DO NOTHING";
        NO_LONGER_ASIDE = "DELETE FROM receipt_aside WHERE provider = $1 AND event = $2";
        ASIDE = {
            sqlite: "SELECT a.provider, a.event, a.spelling, a.recipient, r.status, r.id, r.raw, r.stranger FROM receipt_aside a JOIN receipt r ON r.provider = a.provider AND r.event = a.event WHERE a.provider = $1 AND a.spelling IN (SELECT value FROM json_each($2)) ORDER BY r.received_at",
            postgres: "SELECT a.provider, a.event, a.spelling, a.recipient, r.status, r.id, r.raw, r.stranger FROM receipt_aside a JOIN receipt r ON r.provider = a.provider AND r.event = a.event WHERE a.provider = $1 AND a.spelling IN (SELECT jsonb_array_elements_text(CAST($2 AS JSONB))) ORDER BY r.received_at",
        };
        ASIDE_AND_KNOWN = "SELECT a.provider, a.event, a.spelling, a.recipient, r.status, r.id, r.raw, r.stranger FROM receipt_aside a JOIN receipt r ON r.provider = a.provider AND r.event = a.event WHERE EXISTS (SELECT 1 FROM attempt t WHERE t.provider = a.provider AND t.provider_ref = a.spelling) OR EXISTS (SELECT 1 FROM provider_part p WHERE p.provider = a.provider AND p.reference = a.spelling) ORDER BY r.received_at LIMIT $1";
        PARTS = bulk super::PartRow => "INSERT INTO provider_part (provider, reference, attempt_id, status) SELECT provider, reference, attempt_id, status FROM {batch} AS r WHERE TRUE ON CONFLICT (provider, reference) DO UPDATE SET attempt_id = excluded.attempt_id, status = excluded.status";
        PARTS_OF = "SELECT reference, status FROM provider_part WHERE attempt_id = $1 ORDER BY reference";
        PART_STANDS = "UPDATE provider_part SET status = $1 WHERE provider = $2 AND reference = $3";
        INBOUND = "INSERT INTO inbound (id, provider, event, sender, recipient, words, part_reference, part, parts, understood, received_at, handled_at, handled_by, keeper, sealed, record) VALUES ($1, $2, $3, $4, '', '', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (provider, event) DO NOTHING";
        OPEN_INBOUND = "SELECT id, provider, sender, keeper, sealed, part_reference, part, parts, received_at FROM inbound WHERE handled_at IS NULL ORDER BY received_at, part, id LIMIT $1";
        HANDLED = "UPDATE inbound SET handled_at = $1, handled_by = $2 WHERE id = $3 AND handled_at IS NULL";
        // Whom the number belongs to, and the debts that messages to it were about; the latest first.
        ABOUT = "SELECT p.name, a.reference, s.opt_out_word, MAX(t.requested_at) AS latest FROM address d JOIN contact_point c ON c.address_id = d.id JOIN attempt t ON t.contact_point_id = c.id JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id JOIN sender s ON s.id = p.sender_id WHERE d.kind = 'phone' AND d.normal = $1 GROUP BY p.name, a.reference, s.opt_out_word ORDER BY latest DESC LIMIT 20";
    }
}

/// What a provider says later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptStatus {
    /// On its way: the provider has it.
    Underway,
    /// Failed for good.
    Undelivered,
    /// Arrived.
    Delivered,
}

impl ReceiptStatus {
    /// The fixed word, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            ReceiptStatus::Underway => "underway",
            ReceiptStatus::Undelivered => "undelivered",
            ReceiptStatus::Delivered => "delivered",
        }
    }

    fn stored(text: &str) -> Result<ReceiptStatus, StoreError> {
        match text {
            "underway" => Ok(ReceiptStatus::Underway),
            "undelivered" => Ok(ReceiptStatus::Undelivered),
            "delivered" => Ok(ReceiptStatus::Delivered),
            _ => Err(StoreError::Corrupt { what: "receipt" }),
        }
    }
}

/// A provider's later word.
#[derive(Clone)]
pub struct Receipt {
    /// Who says it.
    pub provider: String,
    /// The provider's id of this word; the same word twice changes nothing.
    pub event: String,
    /// The provider's id of the message, as it may have been written when the message was handed over, likeliest first.
    pub references: Vec<String>,
    /// Our own id of the message, where the provider gives it back.
    pub attempt: Option<AttemptId>,
    /// What it says.
    pub status: ReceiptStatus,
    /// To whom the message went, where the provider says so: a word about somebody else's message does not count.
    pub recipient: Option<String>,
    /// What came, as it came.
    pub raw: Vec<u8>,
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Receipt({}, {}, {} bytes)",
            self.provider,
            self.status.as_str(),
            self.raw.len()
        )
    }
}

/// A message of somebody.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Over which carrier.
    pub provider: String,
    /// The provider's id of it; `None`: it gives none, and each counts.
    pub event: Option<String>,
    /// Whose number.
    pub from: String,
    /// Our number.
    pub to: String,
    /// What it says.
    pub text: String,
    /// Which part of a longer one: reference, part, number of parts.
    pub part: Option<(u16, u8, u8)>,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbound({}, {} bytes)", self.provider, self.text.len())
    }
}

/// A message that waits for a person.
#[derive(Debug, Clone)]
pub struct OpenInbound {
    /// Its id.
    pub id: Uuid,
    /// Over which carrier.
    pub provider: String,
    /// Whose number; personal data.
    pub from: String,
    /// What it says, its parts put together; personal data.
    pub text: String,
    /// How many parts are missing.
    pub missing: u8,
    /// When it came.
    pub at: Moment,
}

/// A debt that messages to a number were about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Portfolio.
    pub portfolio: String,
    /// The creditor's reference.
    pub reference: String,
    /// The word that opts out of this sender's texts.
    pub opt_out_word: String,
}

row! {
    pub(super) struct PartRow {
        pub(super) provider: String,
        pub(super) reference: String,
        pub(super) attempt_id: Id,
        pub(super) status: &'static str,
    }
}

/// Digits alone; a receipt may write `+86138...`, `0086138...` or `138...`.
fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether a number in a receipt can be the one that was written to: one ends with the other, but for a zero that
/// stands for the country.
fn same_number(said: &str, ours: &str) -> bool {
    let (said, ours) = (digits(said), digits(ours));
    let said = said.trim_start_matches('0');
    said.len() >= 6 && (ours.ends_with(said) || said.ends_with(&ours))
}

fn json_list(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("texts are JSON")
}

impl Store {
    /// Takes in a provider's later word. Kept as it came, whatever it says; the same word twice changes nothing, and a
    /// word about a message that is not known yet waits for it. Returns the attempt it moved. Durable when it returns.
    pub async fn receipt(&self, receipt: Receipt) -> Result<Option<AttemptId>, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| Box::pin(async move { take_in(tx, &*clock, &receipt).await }))
            .await
    }

    /// Matches receipts that wait aside with messages that are known by now, since on PostgreSQL two transactions can
    /// miss each other, and messages of strangers with people. Returns how many attempts moved.
    pub async fn match_aside(&self) -> Result<usize, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let found = q!(&mut *tx, sql::ASIDE_AND_KNOWN, [500i64] => all AsideRow)?;
                let moved = matched(tx, &*clock, found).await?;
                back::match_replies(tx, &*clock).await?;
                Ok(moved)
            })
        })
        .await
    }

    /// Keeps a message of somebody; `understood` is what was made of it, and settles it. Returns whether it is new.
    /// Durable when it returns.
    pub async fn take_inbound(
        &self,
        message: Inbound,
        understood: Option<&'static str>,
    ) -> Result<bool, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let (id, now) = (clock.fresh(), clock.now());
                let event = message.event.clone().unwrap_or_else(|| id.to_string());
                let event = tx.seals().hash("inbound.event", &event)?;
                let (reference, part, parts) = match message.part {
                    Some((r, p, n)) => (Some(i64::from(r)), Some(i64::from(p)), Some(i64::from(n))),
                    None => (None, None, None),
                };
                let handled = understood.map(|_| Ts(now));
                let by = understood.map(|_| "dunwell");
                let reply = back::seal_reply(tx, &*clock, (id, now), &message).await?;
                let rows = q!(&mut *tx, sql::INBOUND, [id, &message.provider, event, reply.sender, reference, part, parts,
                    understood, Ts(now), handled, by, reply.keeper, reply.sealed, reply.entry.record.0] => rows)?;
                if rows == 1 {
                    super::log::append(tx, &[reply.entry]).await?;
                }
                Ok(rows == 1)
            })
        })
        .await
    }

    /// Messages that wait for a person, oldest first; parts of one are put together.
    pub async fn open_inbound(&self, limit: i64) -> Result<Vec<OpenInbound>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::OPEN_INBOUND, [limit] => all InboundRow)?;
        let sealed: Vec<_> = rows.iter().map(|r| (r.id, r.keeper, r.sealed.clone())).collect();
        let mut opened = back::open_replies(&mut tx, &sealed).await?;
        let mut together: BTreeMap<(String, String, i64, i64), usize> = BTreeMap::new();
        let mut open: Vec<OpenInbound> = Vec::new();
        for r in rows {
            let Some(said) = opened.remove(&r.id) else {
                continue;
            };
            let key = r.part_reference.zip(r.parts);
            let key = key.map(|(reference, parts)| (r.provider.clone(), r.sender.clone(), reference, parts));
            if let Some(at) = key.as_ref().and_then(|k| together.get(k)) {
                open[*at].text.push_str(&said.text);
                open[*at].missing = open[*at].missing.saturating_sub(1);
                continue;
            }
            if let Some(key) = key {
                together.insert(key, open.len());
            }
            let missing = u8::try_from(r.parts.unwrap_or(1) - 1).unwrap_or(0);
            open.push(OpenInbound {
                id: r.id,
                provider: r.provider,
                from: said.from,
                text: said.text,
                missing,
                at: r.received_at.0,
            });
        }
        Ok(open)
    }

    /// A person has dealt with a message.
    ///
    /// # Errors
    /// `Missing` where no such message waits.
    pub async fn inbound_handled(&self, id: Uuid, by: &str) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                match q!(&mut *tx, sql::HANDLED, [Ts(clock.now()), by, id] => rows)? {
                    0 => Err(StoreError::Missing {
                        what: "waiting message",
                        name: id.to_string(),
                    }),
                    _ => Ok(()),
                }
            })
        })
        .await
    }

    /// The debts that messages to this number (E.164) were about, the latest first.
    pub async fn about_number(&self, e164: &str) -> Result<Vec<About>, StoreError> {
        let mut tx = self.db.read().await?;
        let hashed = address_hash(tx.seals(), "phone", e164)?;
        let rows = q!(&mut tx, sql::ABOUT, [hashed] => all (String, String, String, Ts))?;
        let about = |(portfolio, reference, opt_out_word, _)| About {
            portfolio,
            reference,
            opt_out_word,
        };
        Ok(rows.into_iter().map(about).collect())
    }
}

#[derive(sqlx::FromRow)]
struct InboundRow {
    id: Uuid,
    provider: String,
    sender: String,
    keeper: Option<Uuid>,
    sealed: Option<Vec<u8>>,
    part_reference: Option<i64>,
    #[allow(dead_code, reason = "the rows come sorted by it")]
    part: Option<i64>,
    parts: Option<i64>,
    received_at: Ts,
}

#[derive(sqlx::FromRow)]
pub(super) struct AsideRow {
    provider: String,
    event: String,
    spelling: String,
    recipient: Option<String>,
    status: String,
    id: Option<Uuid>,
    raw: Option<Vec<u8>>,
    stranger: Option<Uuid>,
}

/// One word about one part, or the whole, of a message.
struct Word<'a> {
    provider: &'a str,
    reference: &'a str,
    status: ReceiptStatus,
    /// What the log commits to, in hex.
    raw: Option<String>,
}

pub(super) async fn take_in(
    tx: &mut Tx,
    clock: &dyn Clock,
    receipt: &Receipt,
) -> Result<Option<AttemptId>, StoreError> {
    let salted = [&clock.salt()[..], &receipt.raw].concat();
    let (id, now, provider) = (clock.fresh(), clock.now(), &receipt.provider);
    let event = tx.seals().hash("receipt.event", &receipt.event)?;
    let fresh = q!(&mut *tx, sql::RECEIPT, [provider, &event, receipt.status.as_str(), Ts(now), id] => rows)?;
    if fresh == 0 {
        return Ok(None);
    }
    let references: Vec<String> = receipt.references.iter().map(|r| r.replace('\0', "")).collect();
    let list = json_list(&references);
    let mut found = q!(&mut *tx, sql::NAMED, [provider, list] => all (Uuid, String))?;
    // The likeliest way of writing the id first; the order within is kept.
    found.sort_by_key(|(_, named)| references.iter().position(|r| r == named));
    // Our own id is sure, unless another carrier had that message.
    if let Some(AttemptId(id)) = receipt.attempt
        && let Some((had_it,)) = q!(&mut *tx, sql::OURS, [id] => opt (Option<String>,))?
        && had_it.is_none_or(|name| name == *provider)
    {
        let reference = references.first().cloned().unwrap_or_default();
        found.insert(0, (id, reference));
    }
    for (attempt, reference) in found {
        if !addressed(tx, attempt, receipt.recipient.as_deref()).await? {
            continue;
        }
        let word = Word {
            provider,
            reference: &reference,
            status: receipt.status,
            raw: Some(back::committed(&salted)),
        };
        let kept = (id, event.as_str(), Some(salted.as_slice()));
        return settle_word(tx, clock, AttemptId(attempt), kept, word).await;
    }
    let recipient = receipt.recipient.as_deref().map(|r| r.replace('\0', ""));
    let stranger = back::strangers(tx, clock, now).await?;
    let (raw, sealed) = back::seal_aside(tx, (stranger, id), &salted, recipient.as_deref()).await?;
    let hash = recipient
        .as_deref()
        .map(|to| back::said_hash(tx.seals(), to))
        .transpose()?;
    q!(&mut *tx, sql::LAY_ASIDE, [raw, stranger, hash, provider, &event] => rows)?;
    let recipient = sealed;
    for spelling in &references {
        q!(&mut *tx, sql::PUT_ASIDE, [provider, spelling, &event, recipient.as_deref()] => rows)?;
    }
    Ok(None)
}

/// Puts a receipt under the keys of its attempt, merges its word, and notes the entry that commits to it.
async fn settle_word(
    tx: &mut Tx,
    clock: &dyn Clock,
    attempt: AttemptId,
    (id, event, salted): (Uuid, &str, Option<&[u8]>),
    word: Word<'_>,
) -> Result<Option<AttemptId>, StoreError> {
    let raw = match salted {
        Some(salted) => back::seal_receipt(tx, attempt.0, id, salted).await?,
        None => None,
    };
    q!(&mut *tx, sql::SETTLE_RECEIPT, [attempt.0, id, raw, word.provider, event] => rows)?;
    let (provider, status, raw) = (word.provider, word.status.as_str(), word.raw.clone());
    let moved = apply(tx, clock, attempt, word).await?;
    if moved.is_none() {
        back::note_word(tx, clock, attempt, (provider, status, raw.as_deref())).await?;
    }
    back::note_entry(tx, attempt, id).await?;
    Ok(moved)
}

/// Whether a receipt that names a recipient can be about this attempt.
async fn addressed(tx: &mut Tx, attempt: Uuid, recipient: Option<&str>) -> Result<bool, StoreError> {
    let Some(said) = recipient else { return Ok(true) };
    let found = q!(&mut *tx, sql::ADDRESS, [attempt] => opt (String, Uuid, Option<String>))?;
    let Some((kind, point, country)) = found else {
        return Ok(false);
    };
    let opened = Opened::read(tx, std::iter::empty(), std::iter::once(point)).await?;
    let ours = opened.address_of((Some(kind), Some(point), country))?;
    Ok(ours.is_some_and(|ours| same_number(said, &ours.normal())))
}

/// Merges one word into the state of its message, which only moves forward: what was delivered stays delivered.
async fn apply(
    tx: &mut Tx,
    clock: &dyn Clock,
    attempt: AttemptId,
    word_of: Word<'_>,
) -> Result<Option<AttemptId>, StoreError> {
    let Some((state,)) = q!(&mut *tx, sql::STANDS, [attempt.0] => opt (String,))? else {
        return Ok(None);
    };
    let from: AttemptState = word(&state, "attempt state")?;
    let mut parts = q!(&mut *tx, sql::PARTS_OF, [attempt.0] => all (String, String))?;
    if let Some((_, stands)) = parts.iter_mut().find(|(named, _)| named == word_of.reference) {
        let rank = |status: &str| {
            ["accepted", "undelivered", "delivered"]
                .iter()
                .position(|s| *s == status)
        };
        if rank(word_of.status.as_str()) > rank(stands) {
            *stands = word_of.status.as_str().to_owned();
            q!(&mut *tx, sql::PART_STANDS, [word_of.status.as_str(), word_of.provider, word_of.reference] => rows)?;
        }
    }
    let to = merged(&parts, word_of.status);
    // Of a message that went in part the rest stays unknown, whatever becomes of the part.
    if from == AttemptState::Delivered || (from == AttemptState::Unknown && !parts.is_empty()) {
        return Ok(None);
    }
    let settlement = Settlement {
        raw: word_of.raw,
        ..Settlement::new(attempt, to)
    };
    let moved = settle_in(tx, clock, vec![settlement], Kind::ReceiptReceived).await?;
    Ok((moved == 1).then_some(attempt))
}

/// Where the whole message stands: delivered when every part is, undelivered as soon as one part is for good.
fn merged(parts: &[(String, String)], said: ReceiptStatus) -> AttemptState {
    let whole = match said {
        ReceiptStatus::Delivered => AttemptState::Delivered,
        ReceiptStatus::Undelivered => AttemptState::Undelivered,
        ReceiptStatus::Underway => AttemptState::Accepted,
    };
    if parts.is_empty() {
        whole
    } else if parts.iter().any(|(_, status)| status == "undelivered") {
        AttemptState::Undelivered
    } else if parts.iter().all(|(_, status)| status == "delivered") {
        AttemptState::Delivered
    } else {
        AttemptState::Accepted
    }
}

/// Applies what waited aside; each word once, under the first spelling that fits.
async fn matched(tx: &mut Tx, clock: &dyn Clock, found: Vec<AsideRow>) -> Result<usize, StoreError> {
    let (mut done, mut moved) = (BTreeSet::new(), 0);
    for row in found {
        if done.contains(&(row.provider.clone(), row.event.clone())) {
            continue;
        }
        let list = json_list(std::slice::from_ref(&row.spelling));
        let under = (row.stranger, row.id);
        let (salted, recipient) =
            back::open_aside(tx, under, row.raw.as_deref(), row.recipient.as_deref()).await?;
        for (attempt, reference) in q!(&mut *tx, sql::NAMED, [&row.provider, list] => all (Uuid, String))? {
            if !addressed(tx, attempt, recipient.as_deref()).await? {
                continue;
            }
            q!(&mut *tx, sql::NO_LONGER_ASIDE, [&row.provider, &row.event] => rows)?;
            let word = Word {
                provider: &row.provider,
                reference: &reference,
                status: ReceiptStatus::stored(&row.status)?,
                raw: salted.as_deref().map(back::committed),
            };
            let kept = (
                row.id.unwrap_or_else(|| clock.fresh()),
                row.event.as_str(),
                salted.as_deref(),
            );
            let found = settle_word(tx, clock, AttemptId(attempt), kept, word).await?;
            moved += usize::from(found.is_some());
            done.insert((row.provider.clone(), row.event.clone()));
            break;
        }
    }
    Ok(moved)
}

/// What a provider took, under its names.
pub(super) struct Taken {
    pub(super) attempt: AttemptId,
    pub(super) provider: String,
    pub(super) references: Vec<String>,
    pub(super) whole: bool,
}

/// After reservations were settled: notes the names of parts, and applies receipts that came before.
pub(super) async fn after_settling(
    tx: &mut Tx,
    clock: &dyn Clock,
    named: Vec<Taken>,
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    let mut by_provider: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for taken in named {
        by_provider
            .entry(taken.provider.clone())
            .or_default()
            .extend(taken.references.iter().cloned());
        // One name of a whole message stands with the attempt itself.
        if taken.references.len() > 1 || !taken.whole {
            rows.extend(taken.references.into_iter().map(|reference| PartRow {
                provider: taken.provider.clone(),
                reference,
                attempt_id: Id(taken.attempt.0),
                status: "accepted",
            }));
        }
    }
    if !rows.is_empty() {
        bulk(tx, &sql::PARTS, &rows).await?;
    }
    for (provider, references) in by_provider {
        let found = q!(&mut *tx, sql::ASIDE, [provider, json_list(&references)] => all AsideRow)?;
        matched(tx, clock, found).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_recognised_however_it_is_written() {
        let check =
            |said: &str, ours: &str, expected| assert_eq!(same_number(said, ours), expected, "{said}");
        check("8613800000101", "+8613800000101", true);
        check("13800000101", "+8613800000101", true);
        check("008613800000101", "+8613800000101", true);
        check("+86 138 0000 0101", "+8613800000101", true);
        check("13800000102", "+8613800000101", false);
        check("02079460101", "+442079460101", true);
        check("1", "+8613800000101", false);
        check("", "+8613800000101", false);
    }

    #[test]
    fn a_message_of_parts_stands_where_its_parts_stand() {
        use AttemptState::*;
        let check = |parts: &[&str], said, expected| {
            let parts: Vec<_> = parts.iter().map(|s| (String::new(), (*s).to_owned())).collect();
            assert_eq!(merged(&parts, said), expected, "{parts:?}");
        };
        check(&[], ReceiptStatus::Delivered, Delivered);
        check(&[], ReceiptStatus::Underway, Accepted);
        check(&["delivered", "accepted"], ReceiptStatus::Delivered, Accepted);
        check(&["delivered", "delivered"], ReceiptStatus::Delivered, Delivered);
        check(
            &["delivered", "undelivered"],
            ReceiptStatus::Delivered,
            Undelivered,
        );
    }
}
