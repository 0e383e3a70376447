//! What comes back, taken in: later words of providers, late answers, and messages of people. Whoever brought it hears
//! that it is kept only after it is durable.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};

use super::worker::settlement;
use crate::channels::{Arrival, Arrived};
use crate::domain::{Address, PhoneNumber, SuppressionReason};
use crate::store::{About, Inbound, NewEvent, Occurrence, Store, StoreError};

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
        Arrived::Message(message) => heed(store, message).await?,
    }
    Ok(())
}

/// Keeps a message of somebody. A word that opts out, alone, takes effect before it counts as kept; everything else
/// waits for a person.
async fn heed(store: &Store, message: Inbound) -> Result<(), StoreError> {
    let number = PhoneNumber::of_carrier(&message.from);
    let about = match &number {
        Some(number) if message.part.is_none() => store.about_number(number.e164()).await?,
        _ => Vec::new(),
    };
    let opts_out = |about: &&About| is_opt_out(&message.text, &about.opt_out_word);
    let mut understood = None;
    if let (Some(number), Some(found)) = (number, about.iter().find(opts_out)) {
        let event = NewEvent {
            digest: None,
            portfolio: Some(found.portfolio.clone()),
            reference: Some(found.reference.clone()),
            debtor_ref: None,
            related: None,
            at: store.clock().now(),
            currency: None,
            what: Occurrence::Suppressed {
                reason: SuppressionReason::OptOut,
                channel: None,
                address: Some(Address::Phone(number)),
                until: None,
            },
        };
        store.record_events(vec![event], None).await?;
        understood = Some("opt_out");
    }
    store.take_inbound(message, understood).await?;
    Ok(())
}

/// Words that end a conversation everywhere, beside the sender's own.
const OPT_OUT: &[&str] = &["stop", "stopall", "unsubscribe", "退订", "t", "td", "取消订阅"];

/// Whether a text is the opting-out word and nothing else, whatever its case, width and punctuation.
fn is_opt_out(text: &str, word: &str) -> bool {
    let folded = |text: &str| -> String {
        let half = |c: char| match c {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
            _ => c,
        };
        text.chars()
            .map(half)
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    let said = folded(text);
    !said.is_empty() && (said == folded(word) || OPT_OUT.contains(&said.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_opts_out_is_recognised_alone() {
        let check = |text: &str, expected| assert_eq!(is_opt_out(text, "R"), expected, "{text}");
        check("R", true);
        check(" r. ", true);
        check("【R】", true);
        check("ＴＤ", true);
        check("退订！", true);
        check("Stop", true);
        check("stop calling at night, call at noon", false);
        check("请问退订后还要付款吗", false);
        check("", false);
        check("??", false);
    }

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
