//! Many small writes at once: each is durable when it returns, and one that fails takes no other with it.

use dunwell::domain::AccountId;
use dunwell::store::{NewAttempt, SealKeys, Store};
use tokio::task::JoinSet;

use super::on_every_database;
use super::world::World;
use crate::support::TestDatabase;

on_every_database!(
    two_hundred_writes_at_once_are_durable,
    one_failing_step_takes_no_other_with_it,
    two_programs_write_at_the_same_time,
);

async fn two_hundred_writes_at_once_are_durable(database: TestDatabase) {
    let mut world = World::new(database).await;
    world.account("0001").import().await;
    let one = world.attempt("0001").await;
    let mut all = JoinSet::new();
    for _ in 0..200 {
        let (store, step_key) = (world.store.clone(), world.step_key());
        let attempt = NewAttempt {
            step_key,
            ..one.clone()
        };
        all.spawn(async move { store.queue(vec![attempt], vec![], vec![]).await.unwrap() });
    }
    let mut written = all.join_all().await.concat();
    assert_eq!(
        world.raw.count("SELECT COUNT(*) FROM attempt").await,
        200,
        "seen by others already"
    );
    world.reopen().await;
    let mut kept: Vec<_> = world.store.attempts(None, None, 1000).await.unwrap();
    kept.sort_by_key(|a| a.id);
    written.sort();
    assert_eq!(kept.iter().map(|a| a.id).collect::<Vec<_>>(), written);
    world.verified().await;
}

async fn one_failing_step_takes_no_other_with_it(database: TestDatabase) {
    let mut world = World::new(database).await;
    world.account("0001").import().await;
    let one = world.attempt("0001").await;
    let mut all = JoinSet::new();
    for n in 0..200 {
        let (store, step_key) = (world.store.clone(), world.step_key());
        let mut attempts = vec![NewAttempt {
            step_key,
            ..one.clone()
        }];
        let fails = n % 7 == 3;
        if fails {
            // About a debt that is not there; the good one beside it falls with it.
            let (step_key, account) = (world.step_key(), AccountId(world.worker()));
            attempts.push(NewAttempt {
                step_key,
                account,
                ..one.clone()
            });
        }
        all.spawn(async move {
            let queued = store.queue(attempts, vec![], vec![]).await;
            assert_eq!(queued.is_err(), fails, "{queued:?}");
            queued.is_ok()
        });
    }
    let written = all.join_all().await.into_iter().filter(|ok| *ok).count();
    world.reopen().await;
    assert_eq!(
        world.store.attempts(None, None, 1000).await.unwrap().len(),
        written
    );
    world.verified().await;
}

async fn two_programs_write_at_the_same_time(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let one = world.attempt("0001").await;
    let url = &world.database.database_url;
    let other = Store::open(url, world.clock.clone(), SealKeys::known())
        .await
        .unwrap();
    let mut all = JoinSet::new();
    for n in 0..100 {
        let store = if n % 2 == 0 { &world.store } else { &other }.clone();
        let attempt = NewAttempt {
            step_key: world.step_key(),
            ..one.clone()
        };
        all.spawn(async move { store.queue(vec![attempt], vec![], vec![]).await.unwrap() });
    }
    assert_eq!(all.join_all().await.concat().len(), 100);
    assert_eq!(other.attempts(None, None, 1000).await.unwrap().len(), 100);
    world.verified().await;
    other.close().await;
}
