//! Sealing receipts and messages that versions before kept in the clear: once, together with what `seal_old.rs` seals.

use uuid::Uuid;

use super::arrivals_sealed::{said_hash, seal_aside, seal_receipt, seal_reply, strangers};
use super::db::{Tx, q, statements};
use super::types::Ts;
use super::{Inbound, StoreError};
use crate::clock::Clock;

/// Rows that are read at once.
const PAGE: i64 = 1000;

pub(super) mod sql {
    super::statements! {
        RECEIPTS = "SELECT provider, event, attempt_id, raw, received_at FROM receipt WHERE id IS NULL ORDER BY provider, event LIMIT $1";
        PUT_RECEIPT = "UPDATE receipt SET id = $1, event = $2, raw = $3, stranger = $4, recipient = $5 WHERE provider = $6 AND event = $7";
        RECIPIENT = "SELECT MIN(recipient) AS recipient FROM receipt_aside WHERE provider = $1 AND event = $2";
        PUT_ASIDE = "UPDATE receipt_aside SET event = $1, recipient = $2 WHERE provider = $3 AND event = $4";
        REPLIES = "SELECT id, provider, event, sender, recipient, words, part_reference, part, parts, received_at FROM inbound WHERE sealed IS NULL AND keeper IS NULL ORDER BY id LIMIT $1";
        PUT_REPLY = "UPDATE inbound SET event = $1, sender = $2, recipient = '', words = '', keeper = $3, sealed = $4, record = $5 WHERE id = $6";
    }
}

/// Seals them all; says how many there were.
pub(super) async fn seal(tx: &mut Tx, clock: &dyn Clock) -> Result<usize, StoreError> {
    Ok(receipts(tx, clock).await? + replies(tx, clock).await?)
}

/// Until now salt ‖ bytes, which is what goes under the seal.
async fn receipts(tx: &mut Tx, clock: &dyn Clock) -> Result<usize, StoreError> {
    type Row = (String, String, Option<Uuid>, Option<Vec<u8>>, Ts);
    let mut count = 0;
    loop {
        let page = q!(&mut *tx, sql::RECEIPTS, [PAGE] => all Row)?;
        if page.is_empty() {
            return Ok(count);
        }
        count += page.len();
        for (provider, event, attempt, raw, at) in page {
            let id = clock.fresh();
            let hashed = tx.seals().hash("receipt.event", &event)?;
            let (mut stranger, mut named, mut sealed) = (None, None, None);
            match (attempt, raw) {
                (Some(attempt), Some(raw)) => sealed = seal_receipt(tx, attempt, id, &raw).await?,
                (Some(_), None) => {}
                (None, raw) => {
                    let under = strangers(tx, clock, at.0).await?;
                    let (recipient,) =
                        q!(&mut *tx, sql::RECIPIENT, [&provider, &event] => one (Option<String>,))?;
                    let salted = raw.unwrap_or_default();
                    let (raw, to) = seal_aside(tx, (under, id), &salted, recipient.as_deref()).await?;
                    q!(&mut *tx, sql::PUT_ASIDE, [&hashed, to, &provider, &event] => rows)?;
                    named = recipient.map(|to| said_hash(tx.seals(), &to)).transpose()?;
                    sealed = raw.filter(|_| !salted.is_empty());
                    stranger = Some(under);
                }
            }
            q!(&mut *tx, sql::PUT_RECEIPT, [id, hashed, sealed, stranger, named, provider, event] => rows)?;
        }
    }
}

#[derive(sqlx::FromRow)]
struct OldReply {
    id: Uuid,
    provider: String,
    event: String,
    sender: String,
    recipient: String,
    words: String,
    part_reference: Option<i64>,
    part: Option<i64>,
    parts: Option<i64>,
    received_at: Ts,
}

/// The log commits to them from now on.
async fn replies(tx: &mut Tx, clock: &dyn Clock) -> Result<usize, StoreError> {
    let mut count = 0;
    loop {
        let page = q!(&mut *tx, sql::REPLIES, [PAGE] => all OldReply)?;
        if page.is_empty() {
            return Ok(count);
        }
        count += page.len();
        for old in page {
            let part = old.part_reference.zip(old.part).zip(old.parts);
            let part = part.and_then(|((reference, part), parts)| {
                Some((
                    u16::try_from(reference).ok()?,
                    u8::try_from(part).ok()?,
                    u8::try_from(parts).ok()?,
                ))
            });
            let event = tx.seals().hash("inbound.event", &old.event)?;
            let message = Inbound {
                provider: old.provider,
                event: None,
                from: old.sender,
                to: old.recipient,
                text: old.words,
                part,
            };
            let reply = seal_reply(tx, clock, (old.id, old.received_at.0), &message).await?;
            let record = reply.entry.record.0;
            q!(&mut *tx, sql::PUT_REPLY, [event, reply.sender, reply.keeper, reply.sealed, record, old.id] => rows)?;
            super::log::append(tx, &[reply.entry]).await?;
        }
    }
}
