//! Sealing what versions before sealing wrote in the clear: once, in one transaction, when the database is opened.

use uuid::Uuid;

use super::bulk::{Bytes, Id, bulk, row};
use super::db::{Tx, q, statements};
use super::seals::{Keys, own_key, put_keys, shared_key};
use super::{Store, StoreError};
use crate::evidence::SealKind;

/// Rows that are read at once.
const PAGE: i64 = 1000;

pub(super) mod sql {
    super::statements! {
        STATE = {
            sqlite: "SELECT done, arrivals FROM seal_state WHERE one = 1",
            postgres: "SELECT done, arrivals FROM seal_state WHERE one = 1 FOR UPDATE",
        };
        DONE = "UPDATE seal_state SET done = TRUE, arrivals = TRUE WHERE one = 1";
        PEOPLE = "SELECT id, ref, name, postal_code FROM person WHERE id > $1 ORDER BY id LIMIT $2";
        PUT_PEOPLE = bulk super::OldPerson => "UPDATE person SET ref = r.hashed, ref_sealed = r.ref_sealed, name = r.name, postal_code = r.postal_code FROM {batch} AS r WHERE person.id = r.id";
        POINTS = "SELECT c.id, c.person_id, a.normal FROM contact_point c JOIN address a ON a.id = c.address_id WHERE c.id > $1 ORDER BY c.id LIMIT $2";
        PUT_POINTS = bulk super::OldText => "UPDATE contact_point SET sealed = r.text FROM {batch} AS r WHERE contact_point.id = r.id";
        ADDRESSES = "SELECT id, kind, normal FROM address WHERE id > $1 ORDER BY id LIMIT $2";
        PUT_ADDRESSES = bulk super::OldText => "UPDATE address SET normal = r.text FROM {batch} AS r WHERE address.id = r.id";
        PAYMENTS = "SELECT y.id, a.debtor_id, y.reference FROM payment y JOIN account a ON a.id = y.account_id WHERE y.id > $1 ORDER BY y.id LIMIT $2";
        PUT_PAYMENTS = bulk super::OldPayment => "UPDATE payment SET reference = r.hashed, sealed = r.text FROM {batch} AS r WHERE payment.id = r.id";
        DISPUTES = "SELECT d.id, a.debtor_id, d.reason FROM dispute d JOIN account a ON a.id = d.account_id WHERE d.id > $1 AND d.reason <> 'ledger' ORDER BY d.id LIMIT $2";
        PUT_DISPUTES = bulk super::OldText => "UPDATE dispute SET reason = r.text FROM {batch} AS r WHERE dispute.id = r.id";
        ATTEMPTS = "SELECT t.id, t.recipient_id, a.debtor_id, t.contact_point_id, t.own_subject, t.own_text, t.findings FROM attempt t JOIN account a ON a.id = t.account_id WHERE t.id > $1 AND (t.own_text IS NOT NULL OR t.own_subject IS NOT NULL OR t.findings IS NOT NULL) ORDER BY t.id LIMIT $2";
        PUT_ATTEMPTS = bulk super::OldAttempt => "UPDATE attempt SET own_subject = r.own_subject, own_text = r.own_text, findings = r.findings FROM {batch} AS r WHERE attempt.id = r.id";
        CONTENTS = "SELECT c.attempt_id, t.recipient_id, a.debtor_id, c.body, c.facts FROM content c JOIN attempt t ON t.id = c.attempt_id JOIN account a ON a.id = t.account_id WHERE c.attempt_id > $1 AND NOT c.sealed ORDER BY c.attempt_id LIMIT $2";
        PUT_CONTENTS = bulk super::OldContent => "UPDATE content SET sealed = TRUE, body = r.body, facts = r.facts FROM {batch} AS r WHERE content.attempt_id = r.id";
        DECISIONS = "SELECT d.record, t.recipient_id, a.debtor_id, d.facts FROM decision d JOIN attempt t ON t.id = d.attempt_id JOIN account a ON a.id = t.account_id WHERE d.record > $1 AND NOT d.sealed ORDER BY d.record LIMIT $2";
        PUT_DECISIONS = bulk super::OldDecision => "UPDATE decision SET sealed = TRUE, facts = r.facts FROM {batch} AS r WHERE decision.record = r.id";
        ROWS = "SELECT id, row_digest FROM account WHERE id > $1 AND row_digest IS NOT NULL ORDER BY id LIMIT $2";
        PUT_ROWS = bulk super::OldDigest => "UPDATE account SET row_digest = r.digest FROM {batch} AS r WHERE account.id = r.id";
        EVENTS = "SELECT digest FROM event_seen";
        PUT_EVENTS = bulk super::OldEvent => "UPDATE event_seen SET digest = r.fresh FROM {batch} AS r WHERE event_seen.digest = r.before";
    }
}

row! {
    struct OldPerson {
        id: Id,
        hashed: String,
        ref_sealed: String,
        name: String,
        postal_code: Option<String>,
    }
}

row! {
    struct OldText {
        id: Id,
        text: String,
    }
}

row! {
    struct OldPayment {
        id: Id,
        hashed: String,
        text: String,
    }
}

row! {
    struct OldAttempt {
        id: Id,
        own_subject: Option<String>,
        own_text: Option<String>,
        findings: Option<String>,
    }
}

row! {
    struct OldContent {
        id: Id,
        body: Bytes,
        facts: Bytes,
    }
}

row! {
    struct OldDecision {
        id: Id,
        facts: Bytes,
    }
}

row! {
    struct OldDigest {
        id: Id,
        digest: Bytes,
    }
}

row! {
    struct OldEvent {
        before: Bytes,
        fresh: Bytes,
    }
}

impl Store {
    /// Seals what stands in the clear, if that was not done before; then what the file still holds of it is wiped.
    pub(super) async fn seal_what_is_old(&self) -> Result<(), StoreError> {
        let mut tx = self.db.read().await?;
        let (done,) = q!(&mut tx, super::backup::sql::SEALED_BEFORE, [] => one (bool,))?;
        drop(tx);
        if done {
            return Ok(());
        }
        let clock = self.clock.clone();
        let sealed = self
            .write(move |tx| Box::pin(async move { seal_all(tx, &*clock).await }))
            .await?;
        match sealed {
            0 => Ok(()),
            _ => self.wipe_free_space().await,
        }
    }
}

/// Seals what has not been sealed; says how much there was.
async fn seal_all(tx: &mut Tx, clock: &dyn crate::clock::Clock) -> Result<usize, StoreError> {
    let (done, arrivals) = q!(&mut *tx, sql::STATE, [] => one (bool, bool))?;
    let mut sealed = 0;
    if !done {
        sealed = people(tx).await?;
        if sealed > 0 {
            points(tx).await?;
            money(tx).await?;
            attempts(tx).await?;
            kept(tx).await?;
            digests(tx).await?;
        }
    }
    if !arrivals {
        sealed += super::seal_old_arrivals::seal(tx, clock).await?;
    }
    q!(&mut *tx, sql::DONE, [] => rows)?;
    Ok(sealed)
}

async fn people(tx: &mut Tx) -> Result<usize, StoreError> {
    let (mut after, mut count) = (Uuid::nil(), 0);
    let seals = tx.seals().clone();
    let known = seals.keys()?;
    loop {
        type Row = (Uuid, String, String, Option<String>);
        let page = q!(&mut *tx, sql::PEOPLE, [after, PAGE] => all Row)?;
        let Some(last) = page.last() else { return Ok(count) };
        after = last.0;
        count += page.len();
        let (mut keys, mut fresh, mut rows) = (Keys::new(), Vec::new(), Vec::new());
        for (id, reference, name, postal_code) in &page {
            let (key, row) = seals.make(*id)?;
            keys.insert(*id, key);
            fresh.push(row);
            let seal = |kind, text: &str| {
                own_key(&keys, *id, kind, *id)
                    .map(|key| key.seal_text(seals.nonce(), text))
                    .unwrap_or_default()
            };
            rows.push(OldPerson {
                id: Id(*id),
                hashed: super::import::person_hash(&known, reference),
                ref_sealed: seal(SealKind::PersonReference, reference),
                name: seal(SealKind::Name, name),
                postal_code: postal_code.as_deref().map(|c| seal(SealKind::PostalCode, c)),
            });
        }
        put_keys(tx, &fresh).await?;
        bulk(tx, &sql::PUT_PEOPLE, &rows).await?;
    }
}

/// Contact points first, while the addresses still say what they are.
async fn points(tx: &mut Tx) -> Result<(), StoreError> {
    let seals = tx.seals().clone();
    let mut after = Uuid::nil();
    loop {
        let page = q!(&mut *tx, sql::POINTS, [after, PAGE] => all (Uuid, Uuid, String))?;
        let Some(last) = page.last() else { break };
        after = last.0;
        let keys = tx.keys_of(page.iter().map(|p| p.1).collect::<Vec<_>>()).await?;
        let sealed = page.iter().filter_map(|(id, person, normal)| {
            let key = own_key(&keys, *person, SealKind::Address, *id)?;
            Some(OldText {
                id: Id(*id),
                text: key.seal_text(seals.nonce(), normal),
            })
        });
        let rows: Vec<_> = sealed.collect();
        bulk(tx, &sql::PUT_POINTS, &rows).await?;
    }
    let mut after = Uuid::nil();
    loop {
        let page = q!(&mut *tx, sql::ADDRESSES, [after, PAGE] => all (Uuid, String, String))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.0;
        let mut rows = Vec::with_capacity(page.len());
        for (id, kind, normal) in &page {
            rows.push(OldText {
                id: Id(*id),
                text: super::people::address_hash(&seals, kind, normal)?,
            });
        }
        bulk(tx, &sql::PUT_ADDRESSES, &rows).await?;
    }
}

async fn money(tx: &mut Tx) -> Result<(), StoreError> {
    let seals = tx.seals().clone();
    let mut after = Uuid::nil();
    loop {
        let page = q!(&mut *tx, sql::PAYMENTS, [after, PAGE] => all (Uuid, Uuid, String))?;
        let Some(last) = page.last() else { break };
        after = last.0;
        let keys = tx.keys_of(page.iter().map(|p| p.1).collect::<Vec<_>>()).await?;
        let mut rows = Vec::with_capacity(page.len());
        for (id, debtor, reference) in &page {
            let key = own_key(&keys, *debtor, SealKind::Payment, *id);
            rows.push(OldPayment {
                id: Id(*id),
                hashed: seals.hash("payment", reference)?,
                text: key
                    .map(|k| k.seal_text(seals.nonce(), reference))
                    .unwrap_or_default(),
            });
        }
        bulk(tx, &sql::PUT_PAYMENTS, &rows).await?;
    }
    let mut after = Uuid::nil();
    loop {
        let page = q!(&mut *tx, sql::DISPUTES, [after, PAGE] => all (Uuid, Uuid, String))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.0;
        let keys = tx.keys_of(page.iter().map(|p| p.1).collect::<Vec<_>>()).await?;
        let sealed = page.iter().filter_map(|(id, debtor, reason)| {
            let key = own_key(&keys, *debtor, SealKind::Dispute, *id)?;
            Some(OldText {
                id: Id(*id),
                text: key.seal_text(seals.nonce(), reason),
            })
        });
        let rows: Vec<_> = sealed.collect();
        bulk(tx, &sql::PUT_DISPUTES, &rows).await?;
    }
}

async fn attempts(tx: &mut Tx) -> Result<(), StoreError> {
    type Row = (
        Uuid,
        Uuid,
        Uuid,
        Uuid,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    let seals = tx.seals().clone();
    let mut after = Uuid::nil();
    loop {
        let page = q!(&mut *tx, sql::ATTEMPTS, [after, PAGE] => all Row)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.0;
        let concerned: Vec<Uuid> = page.iter().flat_map(|row| [row.1, row.2]).collect();
        let keys = tx.keys_of(concerned).await?;
        let mut rows = Vec::with_capacity(page.len());
        for (id, recipient, debtor, point, subject, text, findings) in &page {
            let seal = |kind, record, text: &Option<String>| {
                let key = shared_key(&keys, (*recipient, *debtor), kind, record)?;
                Some(key.seal_text(seals.nonce(), text.as_deref()?))
            };
            rows.push(OldAttempt {
                id: Id(*id),
                own_subject: seal(SealKind::OwnSubject, *point, subject),
                own_text: seal(SealKind::OwnText, *point, text),
                findings: seal(SealKind::Findings, *id, findings),
            });
        }
        bulk(tx, &sql::PUT_ATTEMPTS, &rows).await?;
    }
}

/// Words and facts: until now salt ‖ bytes, which is what goes under the seal.
async fn kept(tx: &mut Tx) -> Result<(), StoreError> {
    let seals = tx.seals().clone();
    let mut after = Uuid::nil();
    loop {
        type Row = (Uuid, Uuid, Uuid, Vec<u8>, Vec<u8>);
        let page = q!(&mut *tx, sql::CONTENTS, [after, PAGE] => all Row)?;
        let Some(last) = page.last() else { break };
        after = last.0;
        let concerned: Vec<Uuid> = page.iter().flat_map(|row| [row.1, row.2]).collect();
        let keys = tx.keys_of(concerned).await?;
        let sealed = page.iter().filter_map(|(id, recipient, debtor, body, facts)| {
            let seal = |kind, plain: &[u8]| {
                let key = shared_key(&keys, (*recipient, *debtor), kind, *id)?;
                Some(Bytes(key.seal(seals.nonce(), plain)))
            };
            Some(OldContent {
                id: Id(*id),
                body: seal(SealKind::Body, body)?,
                facts: seal(SealKind::Facts, facts)?,
            })
        });
        let rows: Vec<_> = sealed.collect();
        bulk(tx, &sql::PUT_CONTENTS, &rows).await?;
    }
    let mut after = Uuid::nil();
    loop {
        let page = q!(&mut *tx, sql::DECISIONS, [after, PAGE] => all (Uuid, Uuid, Uuid, Vec<u8>))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.0;
        let concerned: Vec<Uuid> = page.iter().flat_map(|row| [row.1, row.2]).collect();
        let keys = tx.keys_of(concerned).await?;
        let sealed = page.iter().filter_map(|(record, recipient, debtor, facts)| {
            let key = shared_key(&keys, (*recipient, *debtor), SealKind::Situation, *record)?;
            Some(OldDecision {
                id: Id(*record),
                facts: Bytes(key.seal(seals.nonce(), facts)),
            })
        });
        let rows: Vec<_> = sealed.collect();
        bulk(tx, &sql::PUT_DECISIONS, &rows).await?;
    }
}

/// Fingerprints of source rows: a bare one could be guessed from what else is known of an account.
async fn digests(tx: &mut Tx) -> Result<(), StoreError> {
    let seals = tx.seals().clone();
    let mut after = Uuid::nil();
    loop {
        let page = q!(&mut *tx, sql::ROWS, [after, PAGE] => all (Uuid, Vec<u8>))?;
        let Some(last) = page.last() else { break };
        after = last.0;
        let mut rows = Vec::with_capacity(page.len());
        for (id, digest) in &page {
            rows.push(OldDigest {
                id: Id(*id),
                digest: Bytes(seals.digest("row", digest)?),
            });
        }
        bulk(tx, &sql::PUT_ROWS, &rows).await?;
    }
    let mut rows = Vec::new();
    for (digest,) in q!(&mut *tx, sql::EVENTS, [] => all (Vec<u8>,))? {
        let fresh = Bytes(seals.digest("event", &digest)?);
        rows.push(OldEvent {
            before: Bytes(digest),
            fresh,
        });
    }
    bulk(tx, &sql::PUT_EVENTS, &rows).await?;
    Ok(())
}
