//! What comes back, taken in: later words of providers, late answers, and messages of people. Whoever brought it hears
//! that it is kept only after it is durable.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};

use super::worker::settlement;
use crate::channels::{Arrival, Arrived};
use crate::store::{Store, StoreError};

/// So many arrivals are taken in at the same time; on SQLite they share a commit.
const AT_ONCE: usize = 64;

/// Takes in what arrives until it is told to stop or nobody brings anything any more.
pub async fn receive(
    store: Store,
    mut arrivals: mpsc::Receiver<Arrival>,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let next = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => break,
            next = arrivals.recv() => next,
        };
        let Some(Arrival { what, kept }) = next else { break };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let store = store.clone();
        tokio::spawn(async move {
            let taken = take_arrival(&store, what).await;
            if let Err(e) = &taken {
                tracing::error!(error = %e, "what a provider sent could not be kept; it is to send it again");
            }
            let _ = kept.send(taken.is_ok());
            drop(place);
        });
    }
    // What is under way is finished.
    let _ = places
        .acquire_many(u32::try_from(AT_ONCE).unwrap_or(u32::MAX))
        .await;
}

/// Takes in one arrival. Durable when it returns.
pub async fn take_arrival(store: &Store, what: Arrived) -> Result<(), StoreError> {
    match what {
        Arrived::Receipt(receipt) => {
            store.receipt(receipt).await?;
        }
        Arrived::Late { attempt, outcome } => {
            let now = store.clock().now();
            store.settle(vec![settlement(attempt, outcome, now)]).await?;
        }
        Arrived::Message(message) => super::replies::heed(store, message).await?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::domain::PhoneNumber;

    #[test]
    fn a_sender_is_known_however_the_centre_writes_it() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                PhoneNumber::of_carrier(text).as_ref().map(PhoneNumber::e164),
                expected,
                "{text}"
            );
        };
        check("8613800000101", Some("+8613800000101"));
        check("+8613800000101", Some("+8613800000101"));
        check("008613800000101", Some("+8613800000101"));
        check("13800000101", Some("+8613800000101"));
        check("10086", None);
        check("BANK", None);
    }
}
