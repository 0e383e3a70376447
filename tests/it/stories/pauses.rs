//! What happens between queueing and sending: opt-outs, payments, disputes and promises.

use chrono::Days;
use dunwell::domain::{AttemptState, Channel, SuppressionReason};
use dunwell::store::{EventOutcome, Occurrence};

use super::world::World;
use crate::support::databases;

/// An account whose first reminder waits for the afternoon.
async fn queued(world: &World, reference: &str) {
    world.account(reference).overdue(2).import().await;
    world.until("2026-04-07T12:00").await;
    assert_eq!(world.states(reference).await, [AttemptState::Planned]);
}

async fn stops(what: impl AsyncFn(&World) -> EventOutcome, reason: &str) {
    for database in databases() {
        let world = World::new(database).await;
        queued(&world, "A-1").await;
        assert_eq!(what(&world).await, EventOutcome::Taken { withdrawn: 1 });
        assert_eq!(world.states("A-1").await, [AttemptState::Withdrawn]);
        assert_eq!(world.attempts("A-1").await[0].reason.as_deref(), Some(reason));
        world.until("2026-09-30T00:00").await;
        assert!(world.sent().is_empty(), "{reason}: {:?}", world.sent_at());
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn an_opt_out_withdraws_what_is_queued() {
    stops(async |w| w.opts_out("A-1", Channel::Sms).await, "opt_out").await;
}

#[tokio::test]
async fn a_payment_ends_it() {
    stops(async |w| w.pays("A-1", 100_000).await, "paid").await;
}

#[tokio::test]
async fn whoever_asks_for_peace_is_left_in_peace() {
    let what = |reason| Occurrence::Suppressed {
        reason,
        channel: None,
        address: None,
        until: None,
    };
    for reason in [SuppressionReason::CeaseCommunication, SuppressionReason::Death] {
        stops(async |w| w.happens("A-1", what(reason)).await, reason.as_str()).await;
    }
}

#[tokio::test]
async fn a_part_payment_changes_the_amount_that_is_asked_for() {
    for database in databases() {
        let world = World::new(database).await;
        queued(&world, "A-1").await;
        world.pays("A-1", 40_000).await;
        world.until("2026-04-08T23:59").await;
        let sent = world.sent();
        assert_eq!(sent.len(), 1, "{:?}", world.attempts("A-1").await);
        assert!(
            sent[0].words.contains("600.00") && !sent[0].words.contains("1,000.00"),
            "{}",
            sent[0].words
        );
    }
}

#[tokio::test]
async fn a_dispute_pauses_until_it_is_resolved() {
    for database in databases() {
        let world = World::new(database).await;
        queued(&world, "A-1").await;
        let reason = "quantity".to_owned();
        world.happens("A-1", Occurrence::DisputeOpened { reason }).await;
        world.until("2026-04-14T12:00").await;
        assert!(world.sent().is_empty());
        world.happens("A-1", Occurrence::DisputeResolved).await;
        world.until("2026-04-16T00:00").await;
        // The first step is stale by then; the ladder goes on with the one that is due.
        let rows = world.attempts("A-1").await;
        assert_eq!(world.sent_at(), ["2026-04-15T15:30"], "{rows:?}");
        assert_eq!(rows.last().unwrap().step, "second-reminder");
    }
}

#[tokio::test]
async fn a_promise_pauses_and_when_it_breaks_one_message_says_so() {
    for database in databases() {
        let world = World::new(database).await;
        queued(&world, "A-1").await;
        let due_on = world.today() + Days::new(3);
        let promise = Occurrence::Promise {
            amount_minor: 100_000,
            due_on,
        };
        world.happens("A-1", promise).await;
        world.until("2026-04-10T23:59").await;
        assert!(world.sent().is_empty(), "it was promised until Friday");
        // The campaign runs on working days only: on Monday it finds the promise broken.
        let walked = world.until("2026-04-14T00:00").await;
        assert_eq!(walked.plan.promises_broken, 1);
        assert_eq!(world.sent_at(), ["2026-04-13T15:30"]);
        let last = world.attempts("A-1").await.pop().unwrap();
        assert_eq!(last.template.as_deref(), Some("promise-broken"));
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn a_promise_that_is_kept_is_the_end_of_it() {
    for database in databases() {
        let world = World::new(database).await;
        queued(&world, "A-1").await;
        let due_on = world.today() + Days::new(3);
        let promise = Occurrence::Promise {
            amount_minor: 100_000,
            due_on,
        };
        world.happens("A-1", promise).await;
        world.until("2026-04-09T12:00").await;
        world.pays("A-1", 100_000).await;
        let walked = world.until("2026-09-30T00:00").await;
        assert_eq!(walked.plan.promises_broken, 0);
        assert!(world.sent().is_empty());
    }
}
