//! What a person decides about an attempt that was stopped, is in doubt, or still waits.

use uuid::Uuid;

use super::bulk::{Id, bulk};
use super::db::{Tx, q, statements};
use super::decide::MoveRow;
use super::print;
use super::settle::{Settlement, settle_in};
use super::types::{Ts, id_list, word};
use super::{Store, StoreError};
use crate::domain::{AttemptId, AttemptState, RecordId};
use crate::evidence::Kind;

pub(super) mod sql {
    super::statements! {
        APPROVE = "UPDATE attempt SET approved_by = $1 WHERE id = $2";
        STANDS = {
            sqlite: "SELECT state, last_record FROM attempt WHERE id = $1",
            postgres: "SELECT state, last_record FROM attempt WHERE id = $1 FOR NO KEY UPDATE",
        };
        // What may no longer go: waiting or under review, about this debt.
        WAITING_OF_ACCOUNTS = {
            sqlite: "SELECT id, state, last_record FROM attempt WHERE state IN ('planned', 'held', 'in_review', 'blocked') AND account_id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT id, state, last_record FROM attempt WHERE state IN ('planned', 'held', 'in_review', 'blocked') AND account_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) ORDER BY id FOR NO KEY UPDATE",
        };
    }
}

/// What an officer does with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfficerAction {
    /// In review: goes out unless something else stands against it when it is judged again; the doubt is settled.
    Approve,
    /// Stays stopped for good.
    Reject,
    /// Unknown: the provider or the recipient said that it arrived.
    ConfirmSent,
    /// Unknown: the provider proved that nothing went out.
    ConfirmNotSent,
}

impl Store {
    /// Records an officer's decision. Durable with evidence when it returns.
    ///
    /// # Errors
    /// `Refused` where the attempt does not stand where the action makes sense.
    pub async fn officer(
        &self,
        attempt: AttemptId,
        action: OfficerAction,
        by: &str,
    ) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let found = q!(&mut *tx, sql::STANDS, [attempt.0] => opt (String, Option<Uuid>))?;
                let (state, last) = found.ok_or_else(|| StoreError::Missing {
                    what: "attempt",
                    name: attempt.to_string(),
                })?;
                let from: AttemptState = word(&state, "attempt state")?;
                let to = match action {
                    OfficerAction::Approve if from == AttemptState::InReview => AttemptState::Planned,
                    OfficerAction::Reject
                        if matches!(from, AttemptState::InReview | AttemptState::Blocked) =>
                    {
                        AttemptState::Withdrawn
                    }
                    OfficerAction::ConfirmSent if from == AttemptState::Unknown => AttemptState::Accepted,
                    OfficerAction::ConfirmNotSent if from == AttemptState::Unknown => AttemptState::NotSent,
                    _ => {
                        return Err(StoreError::Refused(format!(
                            "an attempt that is `{from}` does not allow this"
                        )));
                    }
                };
                if from == AttemptState::Unknown {
                    let settlement = Settlement {
                        reason: Some(format!("decided by {by}")),
                        ..Settlement::new(attempt, to)
                    };
                    settle_in(tx, &*clock, vec![settlement], Kind::ReviewAction).await?;
                    return Ok(());
                }
                if action == OfficerAction::Approve {
                    q!(&mut *tx, sql::APPROVE, [&by, attempt.0] => rows)?;
                }
                let entry = super::log::entry(&*clock, Kind::ReviewAction, clock.now())
                    .of_attempt(attempt, last.map(RecordId::from))
                    .with("state", to.as_str())
                    .with("actor", by.as_str())
                    .seal();
                let row = MoveRow {
                    id: Id(attempt.0),
                    state: to.as_str(),
                    due_at: Some(Ts(clock.now())),
                    reserved_at: None,
                    reason: Some(format!("decided by {by}")),
                    findings: None,
                    last_record: Some(Id(entry.record.0)),
                };
                bulk(tx, &super::decide::sql::MOVE, &[row]).await?;
                super::log::append(tx, &[entry]).await
            })
        })
        .await
    }
}

/// Withdraws everything about these debts that still waits, with the reason. Part of the event's own transaction.
pub(super) async fn withdraw_waiting(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    accounts: &[Uuid],
    channel: Option<&str>,
    reason: &str,
) -> Result<u64, StoreError> {
    let list = id_list(accounts.iter().copied());
    let waiting = match channel {
        None => q!(&mut *tx, sql::WAITING_OF_ACCOUNTS, [list] => all (Uuid, String, Option<Uuid>))?,
        Some(channel) => {
            q!(&mut *tx, super::events::sql::WAITING_ON_CHANNEL, [list, channel] => all (Uuid, String, Option<Uuid>))?
        }
    };
    let taken_out = print::stop(tx, clock, (print::Whose::Accounts(accounts), channel), reason).await?;
    Ok(taken_out + withdraw(tx, clock, waiting, reason).await?)
}

/// Withdraws the given attempts, with the reason.
pub(super) async fn withdraw(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    waiting: Vec<(Uuid, String, Option<Uuid>)>,
    reason: &str,
) -> Result<u64, StoreError> {
    let (mut moves, mut entries) = (Vec::new(), Vec::new());
    for (id, state, last) in waiting {
        let from: AttemptState = word(&state, "attempt state")?;
        if from.step(AttemptState::Withdrawn).is_err() {
            continue;
        }
        let entry = super::log::entry(clock, Kind::AttemptCancelled, clock.now())
            .of_attempt(AttemptId(id), last.map(RecordId::from))
            .with("state", AttemptState::Withdrawn.as_str())
            .with("reason", reason)
            .seal();
        moves.push(MoveRow {
            id: Id(id),
            state: AttemptState::Withdrawn.as_str(),
            due_at: None,
            reserved_at: None,
            reason: Some(reason.to_owned()),
            findings: None,
            last_record: Some(Id(entry.record.0)),
        });
        entries.push(entry);
    }
    if moves.is_empty() {
        return Ok(0);
    }
    bulk(tx, &super::decide::sql::MOVE, &moves).await?;
    super::log::append(tx, &entries).await?;
    Ok(moves.len() as u64)
}
