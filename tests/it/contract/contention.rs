//! Everything at once on the same people: nobody waits in a circle, nothing is lost, and the log still verifies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use dunwell::domain::{AttemptState, CallResult, Channel, SuppressionReason};
use dunwell::policy::PolicySet;
use dunwell::store::*;
use tokio::task::JoinSet;

use super::on_every_database;
use super::world::{World, capped, date, judge, phone_address, settlement};
use crate::support::TestDatabase;

on_every_database!(everything_at_once);

const DEBTS: usize = 8;
const CAP: u32 = 60;

/// A small generator, so that a run can be told apart but needs no randomness.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// What one part of the crowd did: minor units paid, by debt.
type Paid = BTreeMap<String, i64>;

fn reference(n: usize) -> String {
    format!("{n:04}")
}

/// Events in random order about random debts, several in one transaction.
async fn events(world: Arc<World>, mut dice: Dice, until: Instant) -> Paid {
    let mut paid = Paid::new();
    let mut booking = 0;
    while Instant::now() < until {
        let mut batch = Vec::new();
        let mut sums = Vec::new();
        for _ in 0..=dice.roll(4) {
            let of = reference(dice.roll(DEBTS));
            let address = Some(phone_address(&format!("1380000000{}", dice.roll(3))));
            let what = match dice.roll(8) {
                0..=2 => {
                    booking += 1;
                    sums.push((of.clone(), 7));
                    super::world::paid(&format!("{}-{booking}", dice.0), 7)
                }
                3 => Occurrence::Promise {
                    amount_minor: 1_000_000,
                    due_on: date("2026-04-01"),
                },
                4 => Occurrence::DisputeResolved,
                5 => Occurrence::Call {
                    result: CallResult::Busy,
                    inbound: false,
                    number: address,
                },
                // Stands on another channel, so that the messages go on.
                6 => Occurrence::Suppressed {
                    reason: SuppressionReason::OptOut,
                    channel: Some(Channel::Letter),
                    address,
                    until: None,
                },
                _ => Occurrence::Suppressed {
                    reason: SuppressionReason::OptOut,
                    channel: Some(Channel::Letter),
                    address: None,
                    until: None,
                },
            };
            batch.push(world.event(&of, what));
        }
        world.store.record_events(batch, None).await.unwrap();
        for (of, minor) in sums {
            *paid.entry(of).or_default() += minor;
        }
    }
    paid
}

/// Claims, judges, reserves and settles, a few at a time.
async fn dispatches(world: Arc<World>, policy: Arc<PolicySet>, mut dice: Dice, until: Instant) -> Paid {
    while Instant::now() < until {
        let worker = world.worker();
        let claimed = world.claim(worker, 1 + dice.roll(12)).await;
        if dice.roll(5) == 0 {
            let ids: Vec<_> = claimed.iter().map(|c| c.situation.attempt.id).collect();
            world.store.release(worker, &ids).await.unwrap();
            continue;
        }
        let mut decisions: Vec<_> = claimed.iter().map(|c| judge(c, &policy, world.now())).collect();
        if !decisions.is_empty() {
            let n = decisions.len();
            decisions.rotate_left(dice.roll(n));
        }
        let decided = world.store.decide(worker, decisions).await.unwrap();
        let mut settlements = Vec::new();
        for d in decided {
            if matches!(d.recorded, Recorded::Reserved(_)) {
                let state = [AttemptState::Accepted, AttemptState::Unknown][dice.roll(2)];
                settlements.push(settlement(d.attempt, state, "m"));
            }
        }
        world.store.settle(settlements).await.unwrap();
        tokio::task::yield_now().await;
    }
    Paid::new()
}

/// Queues, plans, takes the ledger in again, and looks for broken promises.
async fn plans(world: Arc<World>, mut dice: Dice, until: Instant) -> Paid {
    while Instant::now() < until {
        match dice.roll(4) {
            0 => {
                let portfolio = world.read(&reference(0)).await.portfolio;
                world
                    .store
                    .break_promises(portfolio, date("2026-04-07"))
                    .await
                    .unwrap();
            }
            1 => {
                let mut steps = Vec::new();
                for _ in 0..4 {
                    let account = world.read(&reference(dice.roll(DEBTS))).await;
                    let next_on = Some(date("2026-04-08"));
                    steps.push(PlanStep {
                        account: account.id,
                        revision: account.revision,
                        next_on,
                    });
                }
                steps.dedup_by_key(|s| s.account);
                world.store.queue(vec![], vec![], steps).await.unwrap();
            }
            2 => {
                let rows = (0..3)
                    .map(|_| row(&world, dice.roll(DEBTS), dice.roll(1000)))
                    .collect();
                let batch = world
                    .store
                    .begin_import(BatchKind::Accounts, "again.csv", [0; 32])
                    .await
                    .unwrap();
                world.store.import_accounts(batch, rows).await.unwrap();
            }
            _ => {
                let guarantor = dice.roll(2) == 0;
                let of = reference(dice.roll(DEBTS));
                let one = if guarantor {
                    world.attempt_by(&of, "G1").await
                } else {
                    world.attempt(&of).await
                };
                world.queue_like(one, 1 + dice.roll(10)).await;
            }
        }
    }
    Paid::new()
}

/// A row of the ledger: debts share debtors, debtors share numbers, and all share one guarantor.
fn row(world: &World, n: usize, change: usize) -> NewAccount {
    let mut row = world
        .account(&reference(n))
        .debtor(&format!("P{}", n / 2))
        .phone(&format!("1380000000{}", n % 3))
        .guarantor("G1", "13900000011")
        .row();
    row.digest[0] = u8::try_from(change % 250).unwrap();
    row
}

async fn everything_at_once(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    world
        .import((0..DEBTS).map(|n| row(&world, n, 0)).collect())
        .await;
    let policy = Arc::new(capped("person", CAP));
    let seconds = std::env::var("DUNWELL_STRESS_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(4);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut crowd = JoinSet::new();
    for n in 1..=4 {
        crowd.spawn(events(world.clone(), Dice(n * 7919), until));
        crowd.spawn(dispatches(
            world.clone(),
            policy.clone(),
            Dice(n * 104_729),
            until,
        ));
        crowd.spawn(plans(world.clone(), Dice(n * 1_299_709), until));
    }
    // Any error, a circle of waiting above all, fails the part that met it.
    let done = tokio::time::timeout(Duration::from_secs(seconds + 60), crowd.join_all())
        .await
        .unwrap();
    let paid: i64 = done.iter().flat_map(|paid| paid.values()).sum();
    assert_eq!(
        world
            .raw
            .count("SELECT CAST(SUM(amount_minor) AS BIGINT) FROM payment")
            .await,
        paid
    );
    let over = format!(
        "SELECT COUNT(*) FROM (SELECT person_id FROM touch WHERE kind = 'message' GROUP BY person_id HAVING COUNT(*) > {CAP}) AS over"
    );
    assert_eq!(world.raw.count(&over).await, 0, "no cap was overrun");
    let places = "SELECT COUNT(*) FROM attempt WHERE state IN ('accepted', 'unknown')";
    let messages = "SELECT COUNT(*) FROM touch WHERE kind = 'message'";
    assert_eq!(world.raw.count(places).await, world.raw.count(messages).await);
    world.clock.advance(TimeDelta::days(1));
    world.verified().await;
}
