//! Creditors, senders, portfolios, payees and campaigns.

use dunwell::domain::{Payee, PayeeId};
use dunwell::store::{SetUpPayee, StoreError};
use uuid::Uuid;

use super::on_every_database;
use super::world::{PORTFOLIO, World, moment, set_up};
use crate::support::TestDatabase;

on_every_database!(
    what_is_set_up_reads_back,
    a_payee_needs_a_second_person,
    a_changed_payee_is_confirmed_anew,
    of_two_schedulers_one_runs_a_campaign,
);

fn payee(bank: &str, confirmed_by: Option<&str>) -> SetUpPayee {
    SetUpPayee {
        payee: Payee {
            id: PayeeId(Uuid::nil()),
            holder: "Linden Trading".into(),
            bank: bank.into(),
            number: "6222020000000000000".into(),
            confirmed: false,
        },
        proposed_by: "olga".into(),
        confirmed_by: confirmed_by.map(str::to_owned),
    }
}

async fn propose(world: &World, payee: SetUpPayee) -> Result<(), StoreError> {
    let mut again = set_up();
    again.portfolios[0].payees.push(payee);
    world.store.set_up(again, "olga").await
}

async fn the_payee(world: &World) -> Payee {
    let registry = world.store.registry().await.unwrap();
    registry.by_name(PORTFOLIO).unwrap().payees[0].clone()
}

async fn what_is_set_up_reads_back(database: TestDatabase) {
    let world = World::empty(database).await;
    let before = world.store.registry().await.unwrap();
    assert!(before.desks.is_empty());
    world.store.set_up(set_up(), "olga").await.unwrap();
    let first = world.store.registry().await.unwrap();
    let desk = first.by_name(PORTFOLIO).unwrap();
    assert!(first.version > before.version);
    let expected = set_up();
    assert_eq!(desk.creditor.name, expected.creditors[0].name);
    assert_eq!(desk.portfolio.packs, ["test"]);
    assert_eq!(desk.portfolio.zone, chrono_tz::Asia::Shanghai);
    let mut sender = (*desk.sender).clone();
    sender.id = expected.senders[0].id;
    assert_eq!(sender, expected.senders[0]);
    // The same file again keeps every id and the campaign's next run.
    let campaign = world.store.campaigns().await.unwrap().remove(0);
    let next = moment("2026-04-08T09:00:00+08:00");
    assert!(world.store.move_next_run(&campaign, next, None).await.unwrap());
    world.store.set_up(set_up(), "olga").await.unwrap();
    let second = world.store.registry().await.unwrap();
    assert!(second.version > first.version);
    assert_eq!(second.by_name(PORTFOLIO).unwrap().portfolio, desk.portfolio);
    let again = world.store.campaigns().await.unwrap();
    assert_eq!((again.len(), again[0].next_run_at), (1, Some(next)));
    world.verified().await;
}

async fn a_payee_needs_a_second_person(database: TestDatabase) {
    let world = World::new(database).await;
    assert!(matches!(
        propose(&world, payee("First Bank", Some("olga"))).await,
        Err(StoreError::Refused(_))
    ));
    propose(&world, payee("First Bank", None)).await.unwrap();
    let proposed = the_payee(&world).await;
    assert!(!proposed.confirmed);
    let by_the_same = world.store.confirm_payee(proposed.id, "olga").await;
    assert!(matches!(by_the_same, Err(StoreError::Refused(_))));
    assert!(!the_payee(&world).await.confirmed);
    world.store.confirm_payee(proposed.id, "pavel").await.unwrap();
    assert!(the_payee(&world).await.confirmed);
    let twice = world.store.confirm_payee(proposed.id, "quinn").await;
    assert!(matches!(twice, Err(StoreError::Refused(_))));
    world.verified().await;
}

async fn a_changed_payee_is_confirmed_anew(database: TestDatabase) {
    let world = World::new(database).await;
    propose(&world, payee("First Bank", None)).await.unwrap();
    let id = the_payee(&world).await.id;
    world.store.confirm_payee(id, "pavel").await.unwrap();
    propose(&world, payee("First Bank", None)).await.unwrap();
    assert!(
        the_payee(&world).await.confirmed,
        "the same file takes nothing back"
    );
    propose(&world, payee("Second Bank", None)).await.unwrap();
    let changed = the_payee(&world).await;
    assert!(!changed.confirmed && changed.id == id && changed.bank == "Second Bank");
}

async fn of_two_schedulers_one_runs_a_campaign(database: TestDatabase) {
    let world = World::new(database).await;
    let seen = world.store.campaigns().await.unwrap().remove(0);
    let (next, later) = (moment("2026-04-08T01:00:00Z"), moment("2026-04-09T01:00:00Z"));
    assert!(world.store.move_next_run(&seen, next, None).await.unwrap());
    assert!(!world.store.move_next_run(&seen, next, None).await.unwrap());
    let seen = world.store.campaigns().await.unwrap().remove(0);
    assert!(world.store.move_next_run(&seen, later, Some(next)).await.unwrap());
    assert!(!world.store.move_next_run(&seen, later, Some(next)).await.unwrap());
    world.store.set_campaign_active(seen.id, false).await.unwrap();
    let paused = world.store.campaigns().await.unwrap().remove(0);
    assert!(!paused.active && paused.last_run_at == Some(next));
    assert!(!world.store.move_next_run(&paused, later, None).await.unwrap());
}
