//! Claiming: each attempt has one worker at a time.

use std::collections::HashSet;

use chrono::TimeDelta;
use dunwell::store::Recorded;
use tokio::task::JoinSet;

use super::on_every_database;
use super::world::{World, judge, permissive};
use crate::support::TestDatabase;

on_every_database!(
    six_workers_claim_each_attempt_once,
    a_lease_that_passed_is_taken_over,
    what_is_released_is_claimed_again,
    a_claim_reads_everything_the_guard_may_know,
);

async fn six_workers_claim_each_attempt_once(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let queued = world.queue("0001", 500).await;
    let mut workers = JoinSet::new();
    for _ in 0..6 {
        let (store, worker, now) = (world.store.clone(), world.worker(), world.now());
        workers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = store.claim(worker, now, TimeDelta::minutes(5), 23).await.unwrap();
                assert!(claimed.len() <= 23);
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed.iter().map(|c| c.situation.attempt.id));
            }
        });
    }
    let claimed = workers.join_all().await.concat();
    assert_eq!(claimed.len(), 500);
    assert_eq!(
        claimed.into_iter().collect::<HashSet<_>>(),
        queued.into_iter().collect()
    );
}

async fn a_lease_that_passed_is_taken_over(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world.queue("0001", 1).await;
    let (slow, quick) = (world.worker(), world.worker());
    let claimed = world.claim(slow, 10).await;
    assert_eq!(claimed.len(), 1);
    world
        .clock
        .advance(TimeDelta::minutes(5) - TimeDelta::microseconds(1));
    assert!(world.claim(quick, 10).await.is_empty());
    world.clock.advance(TimeDelta::microseconds(1));
    let taken_over = world.claim(quick, 10).await;
    assert_eq!(taken_over.len(), 1);
    let decide = async |worker, claimed| {
        let decision = judge(claimed, &permissive(), world.now());
        let mut decided = world.store.decide(worker, vec![decision]).await.unwrap();
        decided.remove(0).recorded
    };
    assert!(matches!(decide(slow, &claimed[0]).await, Recorded::Lost));
    assert!(matches!(
        decide(quick, &taken_over[0]).await,
        Recorded::Reserved(_)
    ));
    assert!(matches!(decide(quick, &taken_over[0]).await, Recorded::Lost));
    assert_eq!(world.touches().await, 1);
    world.verified().await;
}

async fn what_is_released_is_claimed_again(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let queued = world.queue("0001", 3).await;
    assert_eq!(world.store.next_due().await.unwrap(), Some(world.now()));
    let (one, other) = (world.worker(), world.worker());
    assert_eq!(world.claim(one, 10).await.len(), 3);
    world.store.release(other, &queued).await.unwrap();
    assert!(
        world.claim(other, 10).await.is_empty(),
        "only the holder releases"
    );
    world.store.release(one, &queued[..2]).await.unwrap();
    assert_eq!(world.claim(other, 10).await.len(), 2);
}

async fn a_claim_reads_everything_the_guard_may_know(database: TestDatabase) {
    let world = World::new(database).await;
    world
        .account("0001")
        .guarantor("G1", "13900000011")
        .import()
        .await;
    assert_eq!(world.store.next_due().await.unwrap(), None);
    world.reserved("0001").await;
    let to_guarantor = world.attempt_by("0001", "G1").await;
    world.queue_like(to_guarantor, 1).await;
    world.queue("0001", 1).await;
    let claimed = world.claim(world.worker(), 10).await;
    assert_eq!(claimed.len(), 2);
    for claimed in claimed {
        let s = claimed.situation;
        let to_debtor = s.recipient.id == s.debtor.id;
        assert_eq!(s.role.as_str(), if to_debtor { "debtor" } else { "guarantor" });
        assert_eq!(s.history.len(), 1, "the touch of the debt counts once");
        assert_eq!(s.first_contact, !to_debtor);
        assert_eq!(s.contact_point.person, s.recipient.id);
        assert!(!s.zones().candidates.is_empty());
        assert!(s.suppressions.is_empty() && s.consents.is_empty());
    }
}
