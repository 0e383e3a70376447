//! What nobody knew becomes known: providers that can be looked up are asked, never before their settle time. What
//! stays unknown waits for a person.

use chrono::TimeDelta;

use crate::channels::{Asked, Capability, Carriers, Found, Lookup};
use crate::domain::{AttemptId, AttemptState, Channel, Moment};
use crate::store::{PRINT, Settlement, Store, StoreError, UnknownAttempt};

/// When a step is tried anew after a provider proved that it never had the message.
const RETRY: TimeDelta = TimeDelta::minutes(15);

/// What a round of asking did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Receipts that waited aside and found their message.
    pub matched: usize,
    /// Attempts whose end is known now.
    pub settled: usize,
    /// Attempts that stay unknown for now.
    pub unclear: usize,
}

/// Asks about every attempt whose turn has come, and matches receipts that wait aside.
pub async fn reconcile(store: &Store, carriers: &Carriers) -> Result<Reconciled, StoreError> {
    let mut done = Reconciled {
        matched: store.match_aside().await?,
        ..Reconciled::default()
    };
    for channel in [Channel::Sms, Channel::Email, Channel::Letter] {
        let all: Vec<Capability> = carriers.capabilities(channel).cloned().collect();
        if all.iter().all(|c| c.lookup == Lookup::None) {
            continue;
        }
        let now = store.clock().now();
        // INVARIANT: nobody is asked before the longest settle time of all who may have had it.
        let settle = all.iter().map(|c| c.settle_seconds).max().unwrap_or(0);
        let before = now - TimeDelta::seconds(settle.into());
        for unknown in store.unknown_attempts(channel, before, 100).await? {
            match ask((store, carriers), &all, (channel, &unknown), now).await? {
                Some(settlement) => done.settled += store.settle(vec![settlement]).await?,
                None => {
                    let pause = TimeDelta::minutes(5 << unknown.tries.min(7));
                    store.looked_up(unknown.id, now + pause).await?;
                    done.unclear += 1;
                }
            }
        }
    }
    Ok(done)
}

/// Asks everybody who may have had the message. That nobody had it follows only from the word of all of them, each of
/// whom knows our own id.
async fn ask(
    (store, carriers): (&Store, &Carriers),
    all: &[Capability],
    (channel, unknown): (Channel, &UnknownAttempt),
    now: Moment,
) -> Result<Option<Settlement>, StoreError> {
    let asked = Asked {
        attempt: unknown.id,
        references: unknown.references.clone(),
        whole: unknown.whole,
        to: unknown.to.clone(),
        at: unknown.at,
        now,
    };
    let may_have_had_it = |c: &&Capability| unknown.provider.as_deref().is_none_or(|name| name == c.name);
    let mut absent = true;
    let mut anybody = false;
    for capability in all.iter().filter(may_have_had_it) {
        anybody = true;
        let can = match capability.lookup {
            Lookup::None => false,
            Lookup::ByOurId => true,
            Lookup::ByTheirs => !unknown.references.is_empty(),
        };
        let found = match can {
            // What lies in which batch is known here.
            true if capability.name == PRINT => in_batch(store, unknown.id).await?,
            true => carriers.look_up(channel, capability.name, &asked).await,
            false => Found::Unclear,
        };
        let settled = |state, reference: Option<String>| Settlement {
            provider: Some(capability.name.to_owned()),
            references: reference.into_iter().collect(),
            reason: Some("found by asking the provider".to_owned()),
            ..Settlement::new(unknown.id, state)
        };
        match found {
            Found::Accepted { reference } => return Ok(Some(settled(AttemptState::Accepted, reference))),
            Found::Delivered => return Ok(Some(settled(AttemptState::Delivered, None))),
            Found::Undelivered => return Ok(Some(settled(AttemptState::Undelivered, None))),
            Found::Absent => absent &= capability.lookup == Lookup::ByOurId,
            Found::Unclear => absent = false,
        }
    }
    let nobody = absent && anybody && unknown.references.is_empty();
    Ok(nobody.then(|| Settlement {
        reason: Some("refused: the provider was asked and never had it".to_owned()),
        retry_at: Some(now + RETRY),
        ..Settlement::new(unknown.id, AttemptState::NotSent)
    }))
}

/// What became of a letter for the print shop: one that never came to lie in a batch never left.
async fn in_batch(store: &Store, attempt: AttemptId) -> Result<Found, StoreError> {
    let letter = store.print_letter(attempt).await?;
    Ok(match letter.as_ref().map(|l| l.state.as_str()) {
        None | Some("stopped") => Found::Absent,
        Some("handed") => Found::Accepted {
            reference: letter.and_then(|l| Some(format!("{}/{:05}", l.batch?, l.place?))),
        },
        Some(_) => Found::Unclear,
    })
}
