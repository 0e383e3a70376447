//! What was sealed, as it lies there and opened, for bundles and for people who may read it.

use uuid::Uuid;

use super::db::{Tx, q, statements};
use super::seals::{Keys, shared_key};
use super::{Store, StoreError};
use crate::domain::{AccountId, AttemptId, PersonId};
use crate::evidence::{Commitment, Kind, Opened, RecordKey, SealKind};

pub(super) mod sql {
    super::statements! {
        CONTENT = "SELECT body, facts FROM content WHERE attempt_id = $1";
    }
}

/// One value under its seal.
#[derive(Debug, Clone)]
pub struct SealedValue {
    /// Nonce ‖ ciphertext ‖ tag, as it is kept.
    pub sealed: Vec<u8>,
    /// The key that opens this value and nothing else; `None`: whoever it concerns was erased.
    pub key: Option<[u8; 32]>,
    /// What the seal binds beside the value.
    pub aad: String,
    /// What is inside, with the salt of its commitment, where it is text; personal data.
    pub opened: Option<Opened>,
    /// What is inside hashes to this, with its salt; `None`: whoever it concerns was erased.
    pub commitment: Option<Commitment>,
}

/// The words of an attempt and what they were made from.
#[derive(Debug, Clone)]
pub struct SealedContent {
    /// The recipient.
    pub person: PersonId,
    /// The words.
    pub body: SealedValue,
    /// What they were made from.
    pub facts: SealedValue,
}

/// A value as it lies there, opened as far as the keys are there.
pub(super) fn sealed_value(
    keys: &Keys,
    (recipient, debtor): (Uuid, Uuid),
    (kind, record): (SealKind, Uuid),
    sealed: Vec<u8>,
) -> Result<SealedValue, StoreError> {
    let corrupt = StoreError::Corrupt { what: "sealed value" };
    let (mut handed_out, mut opened, mut commitment) = (None, None, None);
    if let Some(key) = shared_key(keys, (recipient, debtor), kind, record) {
        let plain = key.open(&sealed).map_err(|_| corrupt)?;
        commitment = Some(Commitment::to_salted(&plain));
        // What a provider sent need not be text.
        opened = key.open_committed(&sealed).ok();
        handed_out = key.handed_out(&sealed).ok().map(|k| *k);
    }
    Ok(SealedValue {
        aad: RecordKey::aad(PersonId(recipient), kind, record),
        key: handed_out,
        opened,
        commitment,
        sealed,
    })
}

async fn concerned(tx: &mut Tx, attempt: AttemptId) -> Result<(Uuid, Uuid), StoreError> {
    let found = q!(&mut *tx, super::kept::sql::CONCERNED, [attempt.0] => opt (Uuid, Uuid))?;
    found.ok_or_else(|| StoreError::Missing {
        what: "attempt",
        name: attempt.to_string(),
    })
}

impl Store {
    /// The words and facts of an attempt under their seals; `None`: nothing was kept, or it was erased.
    ///
    /// # Errors
    /// There is no such attempt, or somebody changed what was sealed.
    pub async fn sealed_content(&self, attempt: AttemptId) -> Result<Option<SealedContent>, StoreError> {
        let mut tx = self.db.read().await?;
        let people = concerned(&mut tx, attempt).await?;
        let kept = q!(&mut tx, sql::CONTENT, [attempt.0] => opt (Vec<u8>, Vec<u8>))?;
        let Some((body, facts)) = kept else {
            return Ok(None);
        };
        let keys = tx.keys_of([people.0, people.1]).await?;
        Ok(Some(SealedContent {
            person: PersonId(people.0),
            body: sealed_value(&keys, people, (SealKind::Body, attempt.0), body)?,
            facts: sealed_value(&keys, people, (SealKind::Facts, attempt.0), facts)?,
        }))
    }

    /// The facts of one decision under their seal.
    ///
    /// # Errors
    /// There is no such attempt, or somebody changed what was sealed.
    pub async fn sealed_situation(
        &self,
        attempt: AttemptId,
        record: Uuid,
    ) -> Result<Option<SealedValue>, StoreError> {
        let mut tx = self.db.read().await?;
        let people = concerned(&mut tx, attempt).await?;
        let kept = q!(&mut tx, super::kept::sql::FACTS, [attempt.0, record] => opt (Vec<u8>,))?;
        let Some((facts,)) = kept else { return Ok(None) };
        let keys = tx.keys_of([people.0, people.1]).await?;
        sealed_value(&keys, people, (SealKind::Situation, record), facts).map(Some)
    }

    /// Records that somebody was shown sealed text: who, what, and about which attempt or debt. Durable when it returns.
    ///
    /// # Errors
    /// The database failed.
    pub async fn record_read(
        &self,
        actor: &str,
        what: &'static str,
        attempt: Option<AttemptId>,
        account: Option<AccountId>,
    ) -> Result<(), StoreError> {
        let (clock, actor) = (self.clock.clone(), actor.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let entry = super::log::entry(&*clock, Kind::ContentRead, clock.now())
                    .with("actor", actor)
                    .with("what", what)
                    .with_some("of_attempt", attempt.map(|a| a.to_string()))
                    .with_some("debt", account.map(|a| a.to_string()));
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }
}
