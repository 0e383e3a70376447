//! What becomes of a reservation: settled once, and its place is freed only by proof that nothing went out.

use chrono::TimeDelta;
use dunwell::domain::{AttemptId, AttemptState};
use dunwell::store::{OfficerAction, Receipt, ReceiptStatus, Recorded, Settlement};
use tokio::task::JoinSet;

use super::on_every_database;
use super::world::{World, capped, settlement};
use crate::support::TestDatabase;

use AttemptState::{Accepted, Delivered, NotSent, Undelivered, Unknown};

on_every_database!(
    only_proof_frees_a_place,
    nothing_is_settled_twice,
    of_many_who_settle_one_wins,
    receipts_count_once,
    the_lost_become_unknown_and_wait_for_a_person,
    what_a_provider_says_is_kept_as_far_as_it_can_be,
);

async fn only_proof_frees_a_place(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    for (state, touches) in [(NotSent, 0), (Unknown, 1), (Accepted, 2)] {
        let attempt = world.reserved("0001").await;
        assert_eq!(world.settle(attempt, state, "ref").await, 1);
        assert_eq!(world.state(attempt).await, state);
        assert_eq!(world.touches().await, touches, "{state}");
    }
    world.queue("0001", 1).await;
    let full = world.dispatch(&capped("person", 2)).await;
    assert!(matches!(full[0].recorded, Recorded::Held));
    world.verified().await;
}

async fn nothing_is_settled_twice(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = world.reserved("0001").await;
    let both = vec![
        settlement(attempt, Accepted, "a"),
        settlement(attempt, NotSent, "a"),
    ];
    assert_eq!(world.store.settle(both).await.unwrap(), 1);
    for state in [Accepted, NotSent, Unknown] {
        assert_eq!(world.settle(attempt, state, "b").await, 0, "{state}");
    }
    assert_eq!(world.state(attempt).await, Accepted);
    assert_eq!(world.touches().await, 1);
    // What waits, and what nobody knows, cannot be settled either.
    let waiting = world.queue("0001", 1).await[0];
    assert_eq!(world.settle(waiting, Accepted, "c").await, 0);
    assert_eq!(world.settle(AttemptId(world.worker()), Accepted, "d").await, 0);
    world.verified().await;
}

async fn of_many_who_settle_one_wins(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    for _ in 0..10 {
        let attempt = world.reserved("0001").await;
        let mut all = JoinSet::new();
        for state in [Accepted, NotSent, Unknown, Accepted, NotSent, Unknown] {
            let store = world.store.clone();
            all.spawn(async move { store.settle(vec![settlement(attempt, state, "r")]).await.unwrap() });
        }
        let settled: usize = all.join_all().await.iter().sum();
        // Unknown may still become what somebody else knew.
        assert!((1..=2).contains(&settled), "{settled}");
        assert_ne!(world.state(attempt).await, AttemptState::Reserved);
    }
    world.verified().await;
}

async fn receipts_count_once(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = world.reserved("0001").await;
    world.settle(attempt, Accepted, "m-1").await;
    let says = async |provider: &str, event: &str, reference: &str, status| {
        let receipt = Receipt {
            provider: provider.into(),
            event: event.into(),
            references: vec![reference.into()],
            attempt: None,
            status,
            recipient: None,
            raw: Vec::new(),
        };
        world.store.receipt(receipt).await.unwrap()
    };
    use ReceiptStatus as Says;
    assert_eq!(
        says("carrier", "e-0", "m-9", Says::Delivered).await,
        None,
        "not ours"
    );
    assert_eq!(
        says("other", "e-1", "m-1", Says::Delivered).await,
        None,
        "another carrier's"
    );
    assert_eq!(world.state(attempt).await, Accepted);
    assert_eq!(
        says("carrier", "e-1", "m-1", Says::Delivered).await,
        Some(attempt)
    );
    assert_eq!(
        says("carrier", "e-1", "m-1", Says::Undelivered).await,
        None,
        "the same word"
    );
    assert_eq!(
        says("carrier", "e-2", "m-1", Says::Delivered).await,
        None,
        "it stands there"
    );
    assert_eq!(world.state(attempt).await, Delivered);
    assert_eq!(
        says("carrier", "e-3", "m-1", Says::Undelivered).await,
        None,
        "what arrived has arrived"
    );
    assert_eq!(world.state(attempt).await, Delivered);
    let failed = world.reserved("0001").await;
    world.settle(failed, Accepted, "m-2").await;
    assert_eq!(
        says("carrier", "e-4", "m-2", Says::Undelivered).await,
        Some(failed)
    );
    assert_eq!(world.state(failed).await, Undelivered);
    assert_eq!(
        world.touches().await,
        2,
        "what failed was an attempt all the same"
    );
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM receipt").await, 6);
    world.verified().await;
}

async fn the_lost_become_unknown_and_wait_for_a_person(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let lost = [world.reserved("0001").await, world.reserved("0001").await];
    let settled = world.reserved("0001").await;
    world.settle(settled, Accepted, "m-1").await;
    world.clock.advance(TimeDelta::minutes(10));
    let young = world.reserved("0001").await;
    let age = TimeDelta::minutes(10);
    assert_eq!(world.store.give_up_on_lost(age).await.unwrap(), 2);
    assert_eq!(world.store.give_up_on_lost(age).await.unwrap(), 0);
    for attempt in lost {
        assert_eq!(world.state(attempt).await, Unknown);
    }
    assert_eq!(world.state(young).await, AttemptState::Reserved);
    assert_eq!(world.touches().await, 4, "each keeps its place");
    let decide = async |attempt, action| world.store.officer(attempt, action, "pavel").await;
    decide(lost[0], OfficerAction::ConfirmSent).await.unwrap();
    decide(lost[1], OfficerAction::ConfirmNotSent).await.unwrap();
    assert!(decide(lost[1], OfficerAction::ConfirmSent).await.is_err());
    assert_eq!(world.state(lost[0]).await, Accepted);
    assert_eq!(world.state(lost[1]).await, NotSent);
    assert_eq!(world.touches().await, 3);
    // More than one page of them.
    world.queue("0001", 1100).await;
    for _ in 0..2 {
        world.dispatch(&super::world::permissive()).await;
    }
    world.clock.advance(TimeDelta::minutes(10));
    assert_eq!(world.store.give_up_on_lost(age).await.unwrap(), 1101);
    world.verified().await;
}

async fn what_a_provider_says_is_kept_as_far_as_it_can_be(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let odd = [
        "zero \0 character",
        "quote ' \" back\\slash",
        "\u{1}\u{7f}\u{fffd} 催 😀",
        "",
    ];
    for reason in odd {
        let attempt = world.reserved("0001").await;
        let settlement = Settlement {
            reason: Some(reason.into()),
            ..settlement(attempt, Accepted, reason)
        };
        assert_eq!(
            world.store.settle(vec![settlement]).await.unwrap(),
            1,
            "{reason:?}"
        );
        let kept = world.reason(attempt).await.unwrap();
        assert_eq!(kept, reason.replace('\0', ""));
    }
    world.verified().await;
}
