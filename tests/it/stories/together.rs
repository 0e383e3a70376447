//! Several workers and several schedulers on one store.

use std::collections::BTreeSet;

use dunwell::dispatch::{DispatchError, Dispatcher};
use dunwell::domain::{AttemptState, Moment};
use dunwell::scheduler::{Scheduler, SchedulerError};
use dunwell::store::StoreError;

use super::world::World;
use crate::support::databases;

const ACCOUNTS: usize = 60;

async fn crowd(world: &World) {
    for n in 0..ACCOUNTS {
        let story = world.account(&format!("A-{n:03}")).overdue(2);
        story.phone(&format!("138000005{n:02}")).import().await;
    }
}

async fn work(dispatcher: Dispatcher) {
    loop {
        match dispatcher.run_batch().await {
            Ok(report) if report.claimed == 0 => return,
            // Somebody else held the same rows; nothing was written.
            Ok(_) | Err(DispatchError::Store(StoreError::Contended)) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

async fn look(scheduler: Scheduler, now: Moment) -> u64 {
    loop {
        match scheduler.tick(now).await {
            Ok(report) => return report.queued,
            Err(SchedulerError::Store(StoreError::Contended)) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_schedulers_and_four_workers_send_each_step_once() {
    for database in databases() {
        let world = World::new(database).await;
        crowd(&world).await;
        world.at("09:00", "Asia/Shanghai");
        let looks = (0..2).map(|_| tokio::spawn(look(world.scheduler.clone(), world.now())));
        let mut queued = 0;
        for look in looks.collect::<Vec<_>>() {
            queued += look.await.unwrap();
        }
        assert_eq!(queued, ACCOUNTS as u64);
        world.at("15:30", "Asia/Shanghai");
        let workers = (0..4).map(|_| {
            let carriers = std::sync::Arc::new(super::world::recorders(&world.outbox));
            tokio::spawn(work(Dispatcher::new(
                world.store.clone(),
                world.rulebook.clone(),
                carriers,
                7,
            )))
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
        let sent = world.sent();
        let attempts: BTreeSet<_> = sent.iter().map(|s| s.attempt).collect();
        let people: BTreeSet<_> = sent.iter().map(|s| s.to.clone()).collect();
        assert_eq!(
            (sent.len(), attempts.len(), people.len()),
            (ACCOUNTS, ACCOUNTS, ACCOUNTS)
        );
        let rows = world.store.attempts(None, None, 1000).await.unwrap();
        assert!(rows.iter().all(|r| r.state == AttemptState::Accepted));
        world.log_is_sound().await;
    }
}
