//! Reserving: a cap of three gives three, however many ask at the same time.

use dunwell::domain::{AttemptId, AttemptState, Moment};
use dunwell::policy::PolicySet;
use dunwell::store::{Action, Claimed, Decided, Recorded};
use std::sync::Arc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::on_every_database;
use super::world::{World, capped, decision, judge, permissive};
use crate::support::TestDatabase;

on_every_database!(
    three_of_sixty_four_for_one_person,
    three_of_sixty_four_for_one_debt_of_two_people,
    three_of_sixty_four_at_one_address_of_two_people,
    three_of_sixty_four_in_one_batch,
    a_cap_spans_people_debts_and_days_as_it_says,
    one_attempt_twice_in_a_batch_is_reserved_once,
    everything_else_is_recorded_too,
);

fn reserved(decided: &[Decided]) -> Vec<AttemptId> {
    let of = |d: &Decided| matches!(d.recorded, Recorded::Reserved(_)).then_some(d.attempt);
    decided.iter().filter_map(of).collect()
}

/// One worker for each attempt, all at the same time: claim one, judge it, and ask for the place.
async fn all_at_once(world: &World, policy: &Arc<PolicySet>, workers: usize) -> Vec<Decided> {
    let mut running = JoinSet::new();
    let together = Arc::new(tokio::sync::Barrier::new(workers));
    for _ in 0..workers {
        let (store, worker, now) = (world.store.clone(), world.worker(), world.now());
        let (policy, together) = (policy.clone(), together.clone());
        running.spawn(async move {
            let lease = chrono::TimeDelta::minutes(5);
            let claimed = store.claim(worker, now, lease, 1).await.unwrap();
            let decisions: Vec<_> = claimed.iter().map(|c| judge(c, &policy, now)).collect();
            assert!(
                matches!(decisions[0].action, Action::Reserve(_)),
                "judged before anybody reserves"
            );
            together.wait().await;
            store.decide(worker, decisions).await.unwrap()
        });
    }
    running.join_all().await.concat()
}

/// Rounds of sixty-four attempts under a cap of three, each on a day of its own.
async fn rounds(world: &World, key: &str, rounds: usize, queue: impl AsyncFn()) {
    let policy = Arc::new(capped(key, 3));
    for round in 0..rounds {
        queue().await;
        let decided = all_at_once(world, &policy, 64).await;
        assert_eq!(decided.len(), 64);
        assert_eq!(reserved(&decided).len(), 3, "round {round}");
        let stale = decided
            .iter()
            .filter(|d| matches!(d.recorded, Recorded::Stale))
            .count();
        assert_eq!(stale, 61, "round {round}");
        // The rest is judged again, held until there is room, and makes way for the next round.
        let again = world.dispatch(&policy).await;
        assert_eq!(
            again
                .iter()
                .filter(|d| matches!(d.recorded, Recorded::Held))
                .count(),
            61
        );
        assert_eq!(world.touches().await, 3 * (round as i64 + 1));
        world
            .raw
            .run("UPDATE attempt SET state = 'withdrawn' WHERE state = 'held'")
            .await
            .unwrap();
        world.clock.advance(chrono::TimeDelta::days(1));
    }
}

async fn three_of_sixty_four_for_one_person(database: TestDatabase) {
    let world = World::new(database).await;
    world
        .account("0001")
        .debtor("P1")
        .phone("13800000011")
        .import()
        .await;
    world
        .account("0002")
        .debtor("P1")
        .phone("13800000011")
        .import()
        .await;
    rounds(&world, "person", 20, async || {
        world.queue("0001", 32).await;
        world.queue("0002", 32).await;
    })
    .await;
}

async fn three_of_sixty_four_for_one_debt_of_two_people(database: TestDatabase) {
    let world = World::new(database).await;
    world
        .account("0001")
        .guarantor("G1", "13900000011")
        .import()
        .await;
    rounds(&world, "debt", 8, async || {
        world.queue("0001", 32).await;
        let guarantor = world.attempt_by("0001", "G1").await;
        world.queue_like(guarantor, 32).await;
    })
    .await;
}

async fn three_of_sixty_four_at_one_address_of_two_people(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").phone("13800000011").import().await;
    world.account("0002").phone("13800000011").import().await;
    rounds(&world, "address", 8, async || {
        world.queue("0001", 32).await;
        world.queue("0002", 32).await;
    })
    .await;
}

async fn judged(world: &World, worker: Uuid, policy: &PolicySet, now: Moment) -> Vec<Decided> {
    let claimed = world.claim(worker, 1000).await;
    let decisions = claimed.iter().map(|c| judge(c, policy, now)).collect();
    world.store.decide(worker, decisions).await.unwrap()
}

async fn three_of_sixty_four_in_one_batch(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world.queue("0001", 64).await;
    let decided = judged(&world, world.worker(), &capped("person", 3), world.now()).await;
    assert_eq!(reserved(&decided).len(), 3);
    assert_eq!(world.touches().await, 3);
    world.verified().await;
}

async fn a_cap_spans_people_debts_and_days_as_it_says(database: TestDatabase) {
    let world = World::new(database).await;
    world
        .account("0001")
        .debtor("P1")
        .phone("13800000011")
        .import()
        .await;
    world
        .account("0002")
        .debtor("P1")
        .phone("13800000011")
        .import()
        .await;
    world
        .account("0003")
        .debtor("P2")
        .phone("13800000011")
        .import()
        .await;
    for (key, expected) in [("person", 2), ("debt", 3), ("address", 1)] {
        for reference in ["0001", "0002", "0003"] {
            world.queue(reference, 2).await;
        }
        let decided = world.dispatch(&capped(key, 1)).await;
        assert_eq!(reserved(&decided).len(), expected, "{key}");
        world.dispatch(&capped(key, 1)).await;
        world
            .raw
            .run("UPDATE attempt SET state = 'withdrawn' WHERE state = 'held'")
            .await
            .unwrap();
        world.clock.advance(chrono::TimeDelta::days(1));
    }
}

async fn one_attempt_twice_in_a_batch_is_reserved_once(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world.queue("0001", 1).await;
    let worker = world.worker();
    let claimed = world.claim(worker, 1).await;
    let one = || judge(&claimed[0], &permissive(), world.now());
    let decided = world.store.decide(worker, vec![one(), one()]).await.unwrap();
    assert!(matches!(decided[0].recorded, Recorded::Reserved(_)));
    assert!(matches!(decided[1].recorded, Recorded::Lost));
    assert_eq!(world.touches().await, 1);
    world.verified().await;
}

async fn everything_else_is_recorded_too(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let worker = world.worker();
    let decide = async |claimed: &Claimed, action| {
        let decision = decision(claimed, action);
        world.store.decide(worker, vec![decision]).await.unwrap();
        world.state(claimed.situation.attempt.id).await
    };
    world.queue("0001", 4).await;
    let claimed = world.claim(worker, 4).await;
    let until = world.now() + chrono::TimeDelta::hours(2);
    assert_eq!(
        decide(&claimed[0], Action::Hold { until }).await,
        AttemptState::Held
    );
    assert_eq!(decide(&claimed[1], Action::Review).await, AttemptState::InReview);
    assert_eq!(decide(&claimed[2], Action::Block).await, AttemptState::Blocked);
    let withdraw = Action::Withdraw;
    assert_eq!(decide(&claimed[3], withdraw).await, AttemptState::Withdrawn);
    assert_eq!(world.touches().await, 0);
    assert!(world.claim(worker, 4).await.is_empty());
    assert_eq!(world.store.next_due().await.unwrap(), Some(until));
    world.clock.set(until);
    assert_eq!(reserved(&world.dispatch(&permissive()).await).len(), 1);
    // What was approved is judged again.
    use dunwell::store::{OfficerAction, StoreError};
    let (in_review, blocked) = (claimed[1].situation.attempt.id, claimed[2].situation.attempt.id);
    world
        .store
        .officer(in_review, OfficerAction::Approve, "pavel")
        .await
        .unwrap();
    assert_eq!(reserved(&world.dispatch(&permissive()).await), [in_review]);
    let twice = world
        .store
        .officer(in_review, OfficerAction::Approve, "pavel")
        .await;
    assert!(matches!(twice, Err(StoreError::Refused(_))));
    world
        .store
        .officer(blocked, OfficerAction::Reject, "pavel")
        .await
        .unwrap();
    assert_eq!(world.state(blocked).await, AttemptState::Withdrawn);
    world.verified().await;
}
