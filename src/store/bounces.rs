//! Mail that came back: counted once, matched to its attempt, and given effect in the same transaction.
//!
//! A bounce moves its attempt forward. A hard one ends the use of its address, a soft one only with others, a complaint
//! ends e-mail to its address. What only a Message-ID ties to the attempt does so only if it names the address too.

use chrono::TimeDelta;
use uuid::Uuid;

use super::arrivals::take_in;
use super::db::{Tx, q, statements};
use super::events::{lock_concerned, take};
use super::to_ledger::Opened;
use super::types::{Ts, word, word_opt};
use super::{NewEvent, Occurrence, Receipt, ReceiptStatus, Store, StoreError};
use crate::clock::Clock;
use crate::domain::{
    Address, AttemptId, AttemptState, BounceCause, Channel, MatchedBy, Moment, ReturnKind, SuppressionReason,
};

pub(super) mod sql {
    super::statements! {
        KNOWN = "SELECT kind, suppressed FROM returned_mail WHERE digest = $1";
        ABOUT = "SELECT t.state, t.channel, t.provider, p.name, a.reference, c.id, c.address_id, d.kind, d.country FROM attempt t JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id JOIN contact_point c ON c.id = t.contact_point_id JOIN address d ON d.id = c.address_id WHERE t.id = $1";
        PUT = "INSERT INTO returned_mail (id, digest, kind, status, cause, attempt_id, address_id, matched_by, bytes, received_at, suppressed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (digest) DO NOTHING";
        // Each attempt counts once, however often its failure is told.
        SOFT = "SELECT COUNT(DISTINCT attempt_id) FROM returned_mail WHERE kind = 'soft' AND address_id = $1 AND received_at >= $2 AND attempt_id IS NOT NULL";
        SUPPRESSES = "UPDATE returned_mail SET suppressed = $1 WHERE id = $2";
        STANDS = "SELECT COUNT(*) FROM suppression WHERE address_id = $1 AND reason = $2 AND lifted_at IS NULL AND (until IS NULL OR until > $3)";
        LIST = "SELECT id, kind, status, cause, attempt_id, matched_by, bytes, received_at, suppressed FROM returned_mail WHERE (CAST($1 AS TEXT) IS NULL OR kind = $1) ORDER BY received_at DESC, id DESC LIMIT $2";
    }
}

/// A message that came back, as it was read. Its addresses and bytes are personal data.
#[derive(Clone)]
pub struct ReturnedMail {
    /// SHA-256 of the whole message; the same one counts once.
    pub digest: [u8; 32],
    /// What is kept of it.
    pub raw: Vec<u8>,
    /// How long it was.
    pub bytes: u64,
    /// What it is.
    pub kind: ReturnKind,
    /// The code of a bounce (RFC 3463).
    pub status: Option<String>,
    /// Why it came back.
    pub cause: Option<BounceCause>,
    /// The attempt that it names, and how.
    pub about: Option<(AttemptId, MatchedBy)>,
    /// Addresses that it names, in lower case.
    pub named: Vec<String>,
}

impl std::fmt::Debug for ReturnedMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReturnedMail({}, {} bytes)", self.kind, self.bytes)
    }
}

/// When failures that may pass end the use of an address all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftLimit {
    /// So many messages that failed,
    pub messages: u32,
    /// within so many days.
    pub days: u32,
}

/// What became of a message that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptMail {
    /// The same bytes came before.
    Seen {
        /// Whether e-mail to its address ended then.
        suppressed: bool,
    },
    /// Kept.
    Kept {
        /// The attempt it is about, where it is one of ours that was sent by e-mail.
        attempt: Option<AttemptId>,
        /// Whether that attempt moved.
        moved: bool,
        /// Whether e-mail to its address ends, or had ended before, for this reason.
        suppressed: bool,
        /// The address it had gone to; personal data.
        address: Option<Address>,
    },
    /// Its attempt is being sent at this moment; nothing was written, and it is to be offered again.
    TooEarly,
}

/// A message that came back, for the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedRow {
    /// Which one.
    pub id: Uuid,
    /// What it is.
    pub kind: ReturnKind,
    /// The code of a bounce.
    pub status: Option<String>,
    /// Why it came back.
    pub cause: Option<BounceCause>,
    /// The attempt it is about.
    pub attempt: Option<AttemptId>,
    /// How that was found.
    pub matched_by: Option<MatchedBy>,
    /// How long it was.
    pub bytes: u64,
    /// When it came.
    pub at: Moment,
    /// Whether e-mail to its address ended.
    pub suppressed: bool,
}

/// The attempt that a message is about.
struct Concerned {
    attempt: AttemptId,
    state: AttemptState,
    provider: Option<String>,
    portfolio: String,
    reference: String,
    address_id: Uuid,
    /// `None` once it was erased.
    address: Option<Address>,
    /// Whether the message may end the use of the address.
    sure: bool,
}

impl Store {
    /// Whether these bytes came back before. A message that is not kept yet may be kept by somebody else meanwhile.
    pub async fn is_returned(&self, digest: &[u8; 32]) -> Result<Option<ReturnKind>, StoreError> {
        let mut tx = self.db.read().await?;
        let digest = tx.seals().digest("returned_mail", digest)?;
        let kind = q!(&mut tx, sql::KNOWN, [digest] => opt (String, bool))?;
        kind.map(|(k, _)| word(&k, "kind of returned mail")).transpose()
    }

    /// Keeps a message that came back, with everything that follows from it. Durable with evidence when it returns.
    pub async fn returned_mail(&self, mail: ReturnedMail, limit: SoftLimit) -> Result<KeptMail, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| Box::pin(async move { keep(tx, &*clock, &mail, limit).await }))
            .await
    }

    /// What came back, the latest first; of one kind, or of all.
    pub async fn returned_mails(
        &self,
        kind: Option<ReturnKind>,
        limit: u32,
    ) -> Result<Vec<ReturnedRow>, StoreError> {
        let mut tx = self.db.read().await?;
        let kind = kind.map(ReturnKind::as_str);
        let rows = q!(&mut tx, sql::LIST, [kind, i64::from(limit)] => all Row)?;
        rows.into_iter().map(Row::shown).collect()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    kind: String,
    status: Option<String>,
    cause: Option<String>,
    attempt_id: Option<Uuid>,
    matched_by: Option<String>,
    bytes: i64,
    received_at: Ts,
    suppressed: bool,
}

impl Row {
    fn shown(self) -> Result<ReturnedRow, StoreError> {
        Ok(ReturnedRow {
            id: self.id,
            kind: word(&self.kind, "kind of returned mail")?,
            status: self.status,
            cause: word_opt(self.cause.as_deref(), "cause of a bounce")?,
            attempt: self.attempt_id.map(AttemptId),
            matched_by: word_opt(self.matched_by.as_deref(), "way of matching")?,
            bytes: u64::try_from(self.bytes).unwrap_or(0),
            at: self.received_at.0,
            suppressed: self.suppressed,
        })
    }
}

async fn keep(
    tx: &mut Tx,
    clock: &dyn Clock,
    mail: &ReturnedMail,
    limit: SoftLimit,
) -> Result<KeptMail, StoreError> {
    let digest = tx.seals().digest("returned_mail", &mail.digest)?;
    if let Some((_, suppressed)) = q!(&mut *tx, sql::KNOWN, [&digest] => opt (String, bool))? {
        return Ok(KeptMail::Seen { suppressed });
    }
    let concerned = concerned(tx, mail).await?;
    if concerned
        .as_ref()
        .is_some_and(|c| c.state == AttemptState::Reserved)
    {
        return Ok(KeptMail::TooEarly);
    }
    // What may end the use of an address waits for everybody whom that concerns, in the order that reserving uses.
    let ending = concerned.as_ref().and_then(|c| ending(c, mail, clock.now()));
    if let Some(event) = &ending {
        lock_concerned(tx, std::slice::from_ref(event)).await?;
    }
    let (id, now) = (clock.fresh(), clock.now());
    let (attempt, address) = (
        concerned.as_ref().map(|c| c.attempt.0),
        concerned.as_ref().filter(|c| c.sure).map(|c| c.address_id),
    );
    let by = mail
        .about
        .filter(|_| attempt.is_some())
        .map(|(_, by)| by.as_str());
    let (status, cause) = (mail.status.as_deref(), mail.cause.map(BounceCause::as_str));
    let bytes = i64::try_from(mail.bytes).unwrap_or(i64::MAX);
    let fresh = q!(&mut *tx, sql::PUT, [id, &digest, mail.kind.as_str(), status, cause, attempt, address, by, bytes,
        Ts(now), false] => rows)?;
    if fresh == 0 {
        // Somebody else keeps it at this moment; what follows from it is theirs.
        return Err(StoreError::Contended);
    }
    let moved = receipt(tx, clock, mail, concerned.as_ref()).await?;
    let mut suppressed = false;
    if let (Some(event), Some(c)) = (ending, &concerned) {
        suppressed = mail.kind != ReturnKind::Soft || is_enough(tx, c.address_id, limit, now).await?;
        if suppressed {
            q!(&mut *tx, sql::SUPPRESSES, [true, id] => rows)?;
            let Occurrence::Suppressed { reason, .. } = &event.what else {
                return Err(StoreError::Corrupt { what: "event" });
            };
            let standing = q!(&mut *tx, sql::STANDS, [c.address_id, reason.as_str(), Ts(now)] => one (i64,))?;
            if standing.0 == 0 {
                take(tx, clock, event, None).await?;
            }
        }
    }
    Ok(KeptMail::Kept {
        attempt: attempt.map(AttemptId),
        moved,
        suppressed,
        address: concerned.and_then(|c| c.address),
    })
}

/// The attempt that a message names, if it went out by e-mail, or is going out.
async fn concerned(tx: &mut Tx, mail: &ReturnedMail) -> Result<Option<Concerned>, StoreError> {
    let Some((attempt, by)) = mail.about else {
        return Ok(None);
    };
    type Found = (
        String,
        String,
        Option<String>,
        String,
        String,
        Uuid,
        Uuid,
        String,
        Option<String>,
    );
    let found = q!(&mut *tx, sql::ABOUT, [attempt.0] => opt Found)?;
    let Some((state, channel, provider, portfolio, reference, point, address_id, kind, country)) = found
    else {
        return Ok(None);
    };
    let state: AttemptState = word(&state, "attempt state")?;
    if !state.counts() || channel != Channel::Email.as_str() {
        return Ok(None);
    }
    let opened = Opened::read(tx, std::iter::empty(), std::iter::once(point)).await?;
    let address = opened.address_of((Some(kind), Some(point), country))?;
    let ours = address.as_ref().map(Address::normal);
    let names_it = ours.is_some_and(|ours| mail.named.contains(&ours));
    Ok(Some(Concerned {
        attempt,
        state,
        provider,
        portfolio,
        reference,
        address_id,
        address,
        sure: by == MatchedBy::ReturnPath || names_it,
    }))
}

/// The end of the use of an address, where this message may bring it.
fn ending(c: &Concerned, mail: &ReturnedMail, now: Moment) -> Option<NewEvent> {
    let reason = match mail.kind {
        ReturnKind::Hard | ReturnKind::Soft if c.sure => SuppressionReason::Unreachable,
        // Whoever can name our message and complains has had it; stopping harms nobody.
        ReturnKind::Complaint => SuppressionReason::OptOut,
        _ => return None,
    };
    Some(NewEvent {
        digest: None,
        portfolio: Some(c.portfolio.clone()),
        reference: Some(c.reference.clone()),
        debtor_ref: None,
        related: None,
        at: now,
        currency: None,
        what: Occurrence::Suppressed {
            reason,
            channel: Some(Channel::Email),
            address: Some(c.address.clone()?),
            until: None,
        },
    })
}

/// Keeps what came as the later word of whoever carried the message; says whether the attempt moved.
async fn receipt(
    tx: &mut Tx,
    clock: &dyn Clock,
    mail: &ReturnedMail,
    concerned: Option<&Concerned>,
) -> Result<bool, StoreError> {
    let sure = concerned.is_some_and(|c| c.sure);
    let status = match mail.kind {
        ReturnKind::Hard | ReturnKind::Soft => ReceiptStatus::Undelivered,
        ReturnKind::Delivered if sure => ReceiptStatus::Delivered,
        ReturnKind::Complaint | ReturnKind::Delayed | ReturnKind::Delivered | ReturnKind::Unreadable => {
            ReceiptStatus::Underway
        }
        ReturnKind::AutoReply | ReturnKind::Reply | ReturnKind::Loop | ReturnKind::Junk => return Ok(false),
    };
    let provider = concerned.and_then(|c| c.provider.clone());
    let receipt = Receipt {
        provider: provider.unwrap_or_else(|| "mail".to_owned()),
        event: hex::encode(mail.digest),
        references: Vec::new(),
        attempt: concerned.map(|c| c.attempt),
        status,
        recipient: None,
        raw: mail.raw.clone(),
    };
    Ok(take_in(tx, clock, &receipt).await?.is_some())
}

/// Whether as many messages failed within the time as the settings name.
async fn is_enough(tx: &mut Tx, address: Uuid, limit: SoftLimit, now: Moment) -> Result<bool, StoreError> {
    let since = now - TimeDelta::days(limit.days.into());
    let failed = q!(&mut *tx, sql::SOFT, [address, Ts(since)] => one (i64,))?;
    Ok(failed.0 >= i64::from(limit.messages))
}
