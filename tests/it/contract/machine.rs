//! Any sequence of steps: no attempt moves where the domain forbids it, and the places that are taken are exactly
//! those of attempts that count.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use dunwell::domain::{AttemptId, AttemptState};
use dunwell::store::{Action, OfficerAction, Receipt, ReceiptStatus};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::on_every_database;
use super::world::{World, capped, decision, judge, paid};
use crate::support::TestDatabase;

on_every_database!(every_sequence_of_steps_keeps_the_books);

/// One step; numbers choose among the attempts there are.
#[derive(Debug, Clone)]
enum Step {
    Queue,
    Judge,
    Hold,
    Review,
    Block,
    Withdraw,
    Settle(usize, AttemptState),
    Receipt(usize, ReceiptStatus),
    Officer(usize, OfficerAction),
    GiveUp,
    Pay,
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let state = proptest::sample::select(AttemptState::ALL);
    let status = proptest::sample::select(&[ReceiptStatus::Delivered, ReceiptStatus::Undelivered][..]);
    use OfficerAction::*;
    let action = proptest::sample::select(&[Approve, Reject, ConfirmSent, ConfirmNotSent][..]);
    prop_oneof![
        4 => Just(Step::Queue),
        4 => Just(Step::Judge),
        1 => Just(Step::Hold),
        1 => Just(Step::Review),
        1 => Just(Step::Block),
        1 => Just(Step::Withdraw),
        5 => (0..8usize, state).prop_map(|(n, state)| Step::Settle(n, state)),
        2 => (0..8usize, status).prop_map(|(n, status)| Step::Receipt(n, status)),
        3 => (0..8usize, action).prop_map(|(n, action)| Step::Officer(n, action)),
        1 => Just(Step::GiveUp),
        1 => Just(Step::Pay),
        2 => Just(Step::Wait),
    ]
}

async fn take(world: &World, reference: &str, attempts: &mut Vec<AttemptId>, step: Step) {
    let pick = |n: usize| attempts.get(n % attempts.len().max(1)).copied();
    let stop = async |action| {
        let worker = world.worker();
        let claimed = world.claim(worker, 1).await;
        let decisions: Vec<_> = claimed.first().map(|c| decision(c, action)).into_iter().collect();
        world.store.decide(worker, decisions).await.unwrap();
    };
    match step {
        Step::Queue => attempts.extend(world.queue(reference, 1).await),
        Step::Judge => {
            let worker = world.worker();
            let claimed = world.claim(worker, 2).await;
            let policy = capped("debt", 3);
            let decisions = claimed.iter().map(|c| judge(c, &policy, world.now())).collect();
            world.store.decide(worker, decisions).await.unwrap();
        }
        Step::Hold => {
            let until = world.now() + TimeDelta::minutes(3);
            stop(Action::Hold { until }).await;
        }
        Step::Review => stop(Action::Review).await,
        Step::Block => stop(Action::Block).await,
        Step::Withdraw => stop(Action::Withdraw).await,
        Step::Settle(n, state) => {
            if let Some(attempt) = pick(n) {
                world.settle(attempt, state, &attempt.to_string()).await;
            }
        }
        Step::Receipt(n, status) => {
            if let Some(attempt) = pick(n) {
                let receipt = Receipt {
                    provider: "carrier".into(),
                    event: world.worker().to_string(),
                    references: vec![attempt.to_string()],
                    attempt: None,
                    status,
                    recipient: None,
                    raw: Vec::new(),
                };
                world.store.receipt(receipt).await.unwrap();
            }
        }
        Step::Officer(n, action) => {
            if let Some(attempt) = pick(n) {
                // Refused where it makes no sense; the books say the rest.
                _ = world.store.officer(attempt, action, "pavel").await;
            }
        }
        Step::GiveUp => _ = world.store.give_up_on_lost(TimeDelta::minutes(8)).await.unwrap(),
        Step::Pay => {
            _ = world
                .happens(reference, paid(&world.worker().to_string(), 20_000))
                .await
        }
        Step::Wait => world.clock.advance(TimeDelta::minutes(5)),
    }
}

async fn stands(world: &World, attempts: &[AttemptId]) -> BTreeMap<AttemptId, AttemptState> {
    let rows = world.store.attempts(None, None, 100_000).await.unwrap();
    let ours = rows.into_iter().filter(|r| attempts.contains(&r.id));
    ours.map(|r| (r.id, r.state)).collect()
}

async fn play(world: &World, case: usize, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let reference = format!("{case:04}");
    world.account(&reference).import().await;
    let mut attempts = Vec::new();
    let mut before = BTreeMap::new();
    for step in steps {
        take(world, &reference, &mut attempts, step.clone()).await;
        let after = stands(world, &attempts).await;
        for (attempt, state) in &after {
            let from = before.get(attempt).copied().unwrap_or(AttemptState::Planned);
            // A receipt that came before takes effect with the settling.
            let both = || {
                matches!(step, Step::Settle(..))
                    && from.next().iter().any(|between| between.step(*state).is_ok())
            };
            prop_assert!(
                from == *state || from.step(*state).is_ok() || both(),
                "{step:?}: {from} to {state}"
            );
        }
        let count = |of: fn(&AttemptState) -> bool| after.values().filter(|s| of(s)).count();
        let taken = "SELECT COUNT(*) FROM touch t JOIN account a ON a.id = t.account_id WHERE a.reference = ";
        let taken = world.raw.count(&format!("{taken}'{reference}'")).await;
        prop_assert_eq!(
            usize::try_from(taken).unwrap(),
            count(|s| s.counts()),
            "{:?}",
            step
        );
        prop_assert!(taken <= 3, "the cap");
        before = after;
    }
    let check = world.store.verify_log().await.unwrap();
    prop_assert!(check.faults.is_empty(), "{:?}", check.faults);
    Ok(())
}

async fn every_sequence_of_steps_keeps_the_books(database: TestDatabase) {
    let world = World::new(database).await;
    let here = tokio::runtime::Handle::current();
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let played = std::cell::Cell::new(0);
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&vec(step(), 1..40), |steps| {
            played.set(played.get() + 1);
            here.block_on(async {
                // What other cases left behind is out of the way.
                world
                    .raw
                    .run("UPDATE attempt SET due_at = expires_at WHERE state IN ('planned', 'held')")
                    .await
                    .unwrap();
                play(&world, played.get(), steps).await
            })
        })
    });
    if let Err(e) = outcome {
        panic!("{e}");
    }
}
