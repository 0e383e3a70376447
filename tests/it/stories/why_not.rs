//! Why an account got a message in a run, or none: one outcome each, and the sums.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use dunwell::domain::{AttemptState, RunOutcome, SuppressionReason};
use dunwell::store::{Occurrence, RunCount, RunRow};

use super::world::World;
use crate::contract::world::Raw;
use crate::support::databases;

/// Runs the portfolio of trade receivables once and gives its number.
async fn run(world: &World) -> i64 {
    let registry = world.store.registry().await.unwrap();
    let desk = registry.by_name("trade").unwrap();
    world
        .scheduler
        .run_portfolio(desk, world.now())
        .await
        .unwrap()
        .run
        .unwrap()
}

async fn counts(world: &World, run: i64) -> BTreeMap<String, i64> {
    let (head, counts, _) = world.store.run(run).await.unwrap();
    let all: i64 = counts.iter().map(|c| c.accounts).sum();
    assert_eq!(head.accounts, Some(all), "the sums add up");
    let portfolio =
        "SELECT COUNT(*) FROM account a JOIN portfolio p ON p.id = a.portfolio_id WHERE p.name = 'trade'";
    let raw = Raw::open(&world.database).await;
    assert_eq!(raw.count(portfolio).await, all, "every account has an outcome");
    let name = |c: &RunCount| format!("{} {}", c.outcome, c.detail).trim_end().to_owned();
    counts.iter().map(|c| (name(c), c.accounts)).collect()
}

fn expected(list: &[(&str, i64)]) -> BTreeMap<String, i64> {
    list.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

/// The outcome of each account of a run, which must be exactly one.
async fn each(world: &World, run: i64) -> BTreeMap<String, String> {
    let rows: Vec<RunRow> = world.store.run_accounts(run, None, 1000).await.unwrap();
    let all: BTreeMap<String, String> = rows
        .iter()
        .map(|r| {
            (
                r.reference.clone(),
                format!("{} {}", r.outcome, r.detail).trim_end().to_owned(),
            )
        })
        .collect();
    assert_eq!(all.len(), rows.len(), "{rows:?}");
    all
}

async fn crowd(world: &World) {
    let number = |n: i64| format!("138000007{n:02}");
    world.account("due").overdue(2).phone(&number(1)).import().await;
    world
        .account("early")
        .overdue(-90)
        .phone(&number(2))
        .import()
        .await;
    world
        .account("old")
        .overdue(4000)
        .phone(&number(3))
        .import()
        .await;
    world
        .account("disputed")
        .overdue(2)
        .phone(&number(4))
        .disputed()
        .import()
        .await;
    world
        .account("promised")
        .overdue(2)
        .phone(&number(5))
        .import()
        .await;
    world.account("paid").overdue(2).phone(&number(6)).import().await;
    world.account("peace").overdue(2).phone(&number(7)).import().await;
    let promise = Occurrence::Promise {
        amount_minor: 100_000,
        due_on: world.today() + TimeDelta::days(20),
    };
    world.happens("promised", promise).await;
    world.pays("paid", 100_000).await;
    let peace = Occurrence::Suppressed {
        reason: SuppressionReason::CeaseCommunication,
        channel: None,
        address: None,
        until: None,
    };
    world.happens("peace", peace).await;
    let mut silent = world.account("silent").overdue(2);
    silent.new.debtor.contacts.clear();
    silent.import().await;
}

#[tokio::test]
async fn every_account_of_a_run_has_one_outcome_and_the_sums_add_up() {
    for database in databases() {
        let world = World::new(database).await;
        crowd(&world).await;
        let first = run(&world).await;
        let of_first = each(&world, first).await;
        for (reference, outcome) in [
            ("disputed", "disputed"),
            ("promised", "promised"),
            ("paid", "settled"),
            ("peace", "suppressed cease_communication"),
            ("early", "not_due"),
        ] {
            assert_eq!(of_first[reference], outcome);
        }
        assert!(of_first["due"].starts_with("planned sms "), "{of_first:?}");
        assert!(of_first["silent"].starts_with("unreachable "), "{of_first:?}");
        assert_eq!(of_first.len(), 8);
        let sums = counts(&world, first).await;
        assert_eq!(sums.values().sum::<i64>(), 8);

        // Nothing is due again and nothing changes for most: only changes are written.
        let raw = Raw::open(&world.database).await;
        let rows = async || raw.count("SELECT COUNT(*) FROM account_outcome").await;
        let second = run(&world).await;
        let of_second = each(&world, second).await;
        assert!(of_second["due"].starts_with("queued"), "{of_second:?}");
        let written = rows().await;
        let third = run(&world).await;
        assert_eq!(
            rows().await,
            written,
            "a run that finds everything as it was writes no outcome"
        );
        assert_eq!(each(&world, third).await, of_second);
        assert_eq!(counts(&world, second).await, counts(&world, third).await);
        // What earlier runs said stays as it was.
        assert_eq!(each(&world, first).await, of_first);
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn what_became_of_the_messages_of_a_run_is_told_until_now() {
    for database in databases() {
        let world = World::new(database).await;
        crowd(&world).await;
        let run = run(&world).await;
        let fates = async || {
            let (_, _, fates) = world.store.run(run).await.unwrap();
            let each = fates.into_iter().map(|f| {
                (
                    format!("{} {}", f.state, f.reason).trim_end().to_owned(),
                    f.accounts,
                )
            });
            each.collect::<BTreeMap<_, _>>()
        };
        let planned = fates().await.values().sum::<i64>();
        assert_eq!(fates().await, expected(&[("planned", planned)]));
        world.pays("due", 100_000).await;
        let now = fates().await;
        assert_eq!(now["withdrawn paid"], 1, "{now:?}");
        assert_eq!(now.values().sum::<i64>(), planned);
        let only = |reason: &'static str| world.store.run_accounts(run, Some(reason), 10);
        let paid = only("paid").await.unwrap();
        let [paid] = &paid[..] else { panic!("{paid:?}") };
        assert_eq!(
            (paid.reference.as_str(), paid.outcome),
            ("due", RunOutcome::Planned)
        );
        assert!(
            paid.message
                .as_ref()
                .is_some_and(|(_, state, _)| *state == AttemptState::Withdrawn)
        );
        assert_eq!(only("disputed").await.unwrap().len(), 1);
        assert_eq!(only("cease_communication").await.unwrap()[0].reference, "peace");
        assert!(only("no such thing").await.unwrap().is_empty());
        assert!(world.store.run(99).await.is_err());
    }
}

#[tokio::test]
async fn what_waits_from_before_says_which_rule_holds_or_blocks_it() {
    for database in databases() {
        let world = World::new(database).await;
        for n in 1..=2 {
            let story = world.account(&format!("A-{n}")).overdue(40).debtor("P-1");
            story.phone("13800000701").import().await;
        }
        world.at("16:00", "Asia/Shanghai");
        world.collector_writes("A-1", "再不还钱就让你好看").await;
        world.dispatch().await;
        assert_eq!(world.states("A-1").await, [AttemptState::Blocked]);
        let rule = world.attempts("A-1").await[0].reason.clone().unwrap();
        // Whatever its ladder had for A-1 is queued; after that it waits for the officer.
        run(&world).await;
        world.until("2026-04-07T23:00").await;
        let next = run(&world).await;
        let now = each(&world, next).await;
        assert_eq!(now["A-1"], format!("blocked {rule}"), "{now:?}");
        counts(&world, next).await;
    }
}
