//! Queueing: the same step is queued once, however often and by however many it is asked for.

use dunwell::domain::AttemptState;
use dunwell::store::{NewAttempt, NewTask, PlanStep};
use tokio::task::JoinSet;

use super::on_every_database;
use super::world::{World, date};
use crate::support::TestDatabase;

on_every_database!(
    the_same_step_is_queued_once,
    eight_planners_queue_each_step_once,
    a_step_for_an_account_that_changed_is_looked_at_again,
);

async fn the_same_step_is_queued_once(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let one = world.attempt("0001").await;
    let twice = vec![one.clone(), one.clone()];
    let first = world.store.queue(twice, vec![], vec![]).await.unwrap();
    assert_eq!(first.len(), 1);
    assert!(
        world
            .store
            .queue(vec![one.clone()], vec![], vec![])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.state(first[0]).await, AttemptState::Planned);
    let task = NewTask {
        step_key: world.step_key(),
        account: one.account,
        kind: "call".into(),
        stage: "yellow".into(),
        step: "second".into(),
        due_on: date("2026-04-08"),
    };
    for _ in 0..2 {
        world
            .store
            .queue(vec![], vec![task.clone()], vec![])
            .await
            .unwrap();
    }
    assert_eq!(
        world.store.counts().await.unwrap().tasks,
        [("call".to_owned(), 1)]
    );
    world.verified().await;
}

async fn eight_planners_queue_each_step_once(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let one = world.attempt("0001").await;
    let mut all: Vec<_> = (0..50)
        .map(|_| NewAttempt {
            step_key: world.step_key(),
            ..one.clone()
        })
        .collect();
    let mut planners = JoinSet::new();
    for n in 0..8 {
        all.rotate_left(n);
        let (store, all) = (world.store.clone(), all.clone());
        planners.spawn(async move { store.queue(all, vec![], vec![]).await.unwrap().len() });
    }
    assert_eq!(planners.join_all().await.iter().sum::<usize>(), 50);
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM attempt").await, 50);
    world.verified().await;
}

async fn a_step_for_an_account_that_changed_is_looked_at_again(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let account = world.read("0001").await;
    let step = |revision| PlanStep {
        account: account.id,
        revision,
        next_on: Some(date("2026-06-01")),
    };
    let due = async || {
        let nil = dunwell::domain::AccountId(uuid::Uuid::nil());
        let due = world.store.due_accounts(
            account.portfolio,
            date("2026-04-07"),
            (date("1900-01-01"), nil),
            10,
        );
        due.await.unwrap().0.len()
    };
    assert_eq!(due().await, 1);
    world
        .store
        .queue(vec![], vec![], vec![step(account.revision - 1)])
        .await
        .unwrap();
    assert_eq!(due().await, 1, "seen by a planner that knew less");
    world
        .store
        .queue(vec![], vec![], vec![step(account.revision)])
        .await
        .unwrap();
    assert_eq!(due().await, 0);
}
