//! A worker that dies at any point: nothing goes out twice, nothing is forgotten, and what nobody knows is told so.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use chrono::TimeDelta;
use dunwell::domain::AttemptId;
use dunwell::domain::AttemptState::{Accepted, Held, Reserved, Unknown};

use crate::stories::world::{Answer, World};
use crate::support::databases;

/// A reservation that is older than this was lost; `serve` uses the same.
const LOST: TimeDelta = TimeDelta::minutes(30);

/// A future that is given up after so many polls, wherever it stands by then.
struct Cut<F> {
    future: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            // What is to come after the last poll never comes.
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

async fn account(world: &World, reference: &str, debtor: &str, n: usize) {
    let story = world.account(reference).overdue(2).debtor(debtor);
    story.phone(&format!("1380000{n:04}")).import().await;
    world.plan().await;
}

fn parcels(world: &World) -> BTreeMap<AttemptId, usize> {
    let mut all = BTreeMap::new();
    for sent in world.sent() {
        *all.entry(sent.attempt).or_default() += 1;
    }
    all
}

/// Who may have heard of us today hears nothing more today.
async fn keeps_its_place(world: &World, debtor: &str, n: usize) {
    account(world, "LATER", debtor, n).await;
    world.dispatch().await;
    assert_eq!(
        world.states("LATER").await,
        [Held],
        "{:?}",
        world.held("LATER").await
    );
}

#[tokio::test]
async fn a_worker_may_die_anywhere() {
    for database in databases() {
        let mut world = World::new(database).await;
        world.at("16:00", "Asia/Shanghai");
        let mut seen: BTreeSet<(&str, usize)> = BTreeSet::new();
        let (mut n, mut polls, mut rounds) = (0, 0, 0);
        // A round gives each batch up one poll later, until one goes through whole. Where exactly a poll ends is up
        // to the threads of the database, so there are more rounds until a reservation was cut.
        while rounds == 0 || !seen.iter().any(|(state, _)| *state == "reserved") {
            assert!(rounds < 60, "a batch can be cut after it has reserved: {seen:?}");
            (n, polls) = (n + 1, polls + 1);
            let reference = format!("A-{n}");
            account(&world, &reference, &format!("P-{n}"), n).await;
            let worker = world.dispatcher.sibling();
            let batch = Cut {
                future: Box::pin(worker.run_batch()),
                polls,
            };
            if batch.await.is_some_and(|report| report.unwrap().claimed > 0) {
                (polls, rounds) = (0, rounds + 1);
            }
            // The dead one's connections end with it; what was on its way to the database got there or did not.
            drop(worker);
            world = world.restart().await;
            let row = world.attempts(&reference).await.remove(0);
            let handed = parcels(&world).get(&row.id).copied().unwrap_or(0);
            seen.insert((row.state.as_str(), handed));
        }
        assert!(seen.contains(&("planned", 0)), "{seen:?}");
        assert!(seen.contains(&("accepted", 1)), "{seen:?}");
        assert!(!seen.contains(&("planned", 1)), "sent before it was reserved");

        // Half an hour later another process starts.
        world.later(LOST + TimeDelta::minutes(1));
        let world = world.restart().await;
        let before = lost(&world).await;
        assert_eq!(
            world.store.give_up_on_lost(LOST).await.unwrap(),
            before.len(),
            "{}",
            world.database.kind
        );
        assert_eq!(world.store.give_up_on_lost(LOST).await.unwrap(), 0);
        world.dispatch().await;
        let handed = parcels(&world);
        assert!(handed.values().all(|n| *n == 1), "nothing goes out twice");
        for row in world.store.attempts(None, None, 1000).await.unwrap() {
            let once = handed.get(&row.id).copied().unwrap_or(0);
            let fits = match row.state {
                Accepted => once == 1 && !before.contains(&row.id),
                Unknown => before.contains(&row.id),
                _ => false,
            };
            assert!(fits, "{}: {once} parcels, {}", row.reference, row.state);
        }
        let unknown = world.store.attempts(Some(Unknown), None, 1000).await.unwrap();
        let n: usize = unknown[0].reference[2..].parse().unwrap();
        keeps_its_place(&world, &format!("P-{n}"), n).await;
        world.log_is_sound().await;
    }
}

/// What is reserved and was never settled.
async fn lost(world: &World) -> BTreeSet<AttemptId> {
    let rows = world.store.attempts(Some(Reserved), None, 1000).await.unwrap();
    rows.into_iter().map(|r| r.id).collect()
}

#[tokio::test]
async fn claims_of_the_dead_run_out_and_are_taken_over() {
    for database in databases() {
        let world = World::new(database).await;
        world.at("16:00", "Asia/Shanghai");
        account(&world, "A-1", "P-1", 1).await;
        let dead = dunwell::clock::Clock::fresh(&*world.clock);
        let lease = TimeDelta::minutes(20);
        let claimed = world.store.claim(dead, world.now(), lease, 10).await.unwrap();
        assert_eq!(claimed.len(), 1);
        assert_eq!(world.dispatch().await.claimed, 0, "it is somebody else's");
        world.later(lease - TimeDelta::seconds(1));
        assert_eq!(world.dispatch().await.claimed, 0);
        world.later(TimeDelta::seconds(2));
        assert_eq!(world.dispatch().await.claimed, 1);
        assert_eq!(world.states("A-1").await, [Accepted]);
        // The dead one was only slow: what it says now counts for nothing.
        let late = crate::contract::world::decision(&claimed[0], dunwell::store::Action::Block);
        let decided = world.store.decide(dead, vec![late]).await.unwrap();
        assert!(
            matches!(decided[0].recorded, dunwell::store::Recorded::Lost),
            "{decided:?}"
        );
        assert_eq!(world.states("A-1").await, [Accepted]);
        world.log_is_sound().await;
    }
}

/// The whole process ends while the carrier has the parcel: no destructor of a worker has anything to say.
#[test]
fn a_process_may_die_while_it_sends() {
    for database in databases() {
        let before = tokio::runtime::Runtime::new().unwrap();
        let world = before.block_on(async {
            let world = World::new(database).await;
            world.at("16:00", "Asia/Shanghai");
            for n in 1..=3 {
                account(&world, &format!("A-{n}"), &format!("P-{n}"), n).await;
            }
            world.outbox.will(&[Answer::Take, Answer::Hang, Answer::Hang]);
            let worker = world.dispatcher.sibling();
            tokio::spawn(async move { worker.run_batch().await });
            world.outbox.handed(3).await;
            world
        });
        let World {
            database,
            clock,
            outbox,
            ..
        } = world;
        before.shutdown_background();

        let after = tokio::runtime::Runtime::new().unwrap();
        after.block_on(async {
            clock.advance(LOST + TimeDelta::minutes(1));
            let world = World::resume(database, clock, outbox).await;
            // None was settled, also not the one that was taken: the batch is settled as one.
            assert_eq!(world.store.give_up_on_lost(LOST).await.unwrap(), 3);
            world.dispatch().await;
            assert_eq!(world.sent().len(), 3, "nothing goes out twice");
            for n in 1..=3 {
                assert_eq!(world.states(&format!("A-{n}")).await, [Unknown]);
            }
            keeps_its_place(&world, "P-2", 2).await;
            world.log_is_sound().await;
        });
    }
}

/// A worker that wakes up after others gave it up for lost may still say what became of its parcel.
#[tokio::test]
async fn a_late_word_of_a_lost_worker_is_taken_and_nothing_is_sent_again() {
    for database in databases() {
        let world = World::new(database).await;
        world.at("16:00", "Asia/Shanghai");
        account(&world, "A-1", "P-1", 1).await;
        world.outbox.will(&[Answer::Hang]);
        let worker = world.dispatcher.sibling();
        let task = tokio::spawn(async move { worker.run_batch().await.map(|r| r.claimed) });
        world.outbox.handed(1).await;
        world.later(LOST + TimeDelta::minutes(1));
        assert_eq!(world.store.give_up_on_lost(LOST).await.unwrap(), 1);
        world.dispatch().await;
        world.outbox.answer_all();
        task.await.unwrap().unwrap();
        assert_eq!(world.states("A-1").await, [Accepted]);
        world.until("2026-04-14T23:59").await;
        assert_eq!(world.sent().len(), 1);
        world.log_is_sound().await;
    }
}

#[test]
fn a_cut_ends_where_it_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let steps = |polls| Cut {
        future: Box::pin(async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            7
        }),
        polls,
    };
    let ended: Vec<Option<i32>> = (0..5).map(|polls| runtime.block_on(steps(polls))).collect();
    assert_eq!(ended, [None, None, None, Some(7), Some(7)]);
}
