//! Queues that stand still, the test mode, and providers that are asked about what nobody knows.

use std::sync::Arc;

use chrono::TimeDelta;
use dunwell::channels::{
    Asked, BoxFuture, Capability, Carrier, Carriers, Found, Idempotency, Lookup, Outcome, Parcel, Terms,
};
use dunwell::dispatch::reconcile;
use dunwell::domain::{Address, AttemptState, Channel, PhoneNumber};
use dunwell::store::{Settlement, StoreError, Suspension};

use super::on_every_database;
use super::world::World;
use crate::support::TestDatabase;

on_every_database!(
    a_queue_stands_still_until_its_moment,
    the_test_mode_stands_in_the_database,
    nobody_is_asked_before_the_settle_time,
);

fn wish(world: &World, channel: Option<Channel>, minutes: i64) -> Suspension {
    Suspension {
        channel,
        portfolio: None,
        until: world.now() + TimeDelta::minutes(minutes),
        reason: "audit".into(),
        by: "pavel".into(),
    }
}

async fn a_queue_stands_still_until_its_moment(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world.queue("0001", 3).await;
    let worker = world.worker();
    world
        .store
        .suspend_queue(wish(&world, Some(Channel::Letter), 30))
        .await
        .unwrap();
    world
        .store
        .suspend_queue(wish(&world, Some(Channel::Sms), 30))
        .await
        .unwrap();
    assert!(world.claim(worker, 10).await.is_empty());
    assert_eq!(world.store.suspensions().await.unwrap().len(), 2);
    assert_eq!(
        world.store.queue_top(Some(Channel::Sms), 10).await.unwrap().len(),
        3
    );
    assert_eq!(world.store.queue_counts().await.unwrap()[0].2, 3);
    world.clock.advance(TimeDelta::minutes(31));
    assert_eq!(world.claim(worker, 1).await.len(), 1, "it ends by itself");
    world.store.suspend_queue(wish(&world, None, 30)).await.unwrap();
    assert!(world.claim(worker, 10).await.is_empty());
    assert_eq!(
        world
            .store
            .resume_queue(Some(Channel::Email), None, "mei")
            .await
            .unwrap(),
        0
    );
    assert_eq!(world.store.resume_queue(None, None, "mei").await.unwrap(), 1);
    assert_eq!(world.claim(worker, 10).await.len(), 2);
    for wrong in [wish(&world, None, -1), wish(&world, None, 91 * 1440)] {
        let refused = world.store.suspend_queue(wrong).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))));
    }
    let nowhere = Suspension {
        portfolio: Some("nowhere".into()),
        ..wish(&world, None, 5)
    };
    assert!(matches!(
        world.store.suspend_queue(nowhere).await,
        Err(StoreError::Missing { .. })
    ));
    world.verified().await;
}

async fn the_test_mode_stands_in_the_database(database: TestDatabase) {
    let world = World::new(database).await;
    let phone = |number: &str| Address::Phone(PhoneNumber::parse(number, "CN").unwrap());
    assert_eq!(world.store.test_mode().await.unwrap(), None);
    world.store.enter_test_mode(&[], "pavel").await.unwrap();
    assert!(
        !world
            .store
            .test_mode()
            .await
            .unwrap()
            .unwrap()
            .allows(&phone("13800000101"))
    );
    world
        .store
        .enter_test_mode(&[phone("13800000101")], "mei")
        .await
        .unwrap();
    let trial = world.store.test_mode().await.unwrap().unwrap();
    assert!(trial.allows(&phone("+8613800000101")) && !trial.allows(&phone("13800000102")));
    assert_eq!(trial.by, "pavel");
    assert!(!format!("{trial:?}").contains("138"));
    assert!(world.store.leave_test_mode("mei").await.unwrap());
    assert!(!world.store.leave_test_mode("mei").await.unwrap());
    world.store.enter_test_mode(&[], "pavel").await.unwrap();
    assert!(
        world
            .store
            .test_mode()
            .await
            .unwrap()
            .unwrap()
            .recipients
            .is_empty(),
        "the old list is gone"
    );
    world.verified().await;
}

/// A carrier that knows what it was asked about, by our id.
struct Knows(fn(&Asked) -> Found);

impl Carrier for Knows {
    fn capability(&self) -> Capability {
        Capability {
            name: "carrier",
            channel: Channel::Sms,
            idempotency: Idempotency::None,
            lookup: Lookup::ByOurId,
            latest_accept_seconds: 10,
            settle_seconds: 600,
            receipts: false,
            not_sent_answers: &[],
            refuses: &[],
        }
    }

    fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::ready(Outcome::unknown("never asked to send")))
    }

    fn look_up<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, Found> {
        Box::pin(std::future::ready(self.0(asked)))
    }
}

async fn nobody_is_asked_before_the_settle_time(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let knows = |answer| Carriers::new().with(Arc::new(Knows(answer)), Terms::default());
    let unknown = async || {
        let attempt = world.reserved("0001").await;
        world
            .store
            .settle(vec![Settlement::new(attempt, AttemptState::Unknown)])
            .await
            .unwrap();
        attempt
    };
    let attempt = unknown().await;
    let delivered = knows(|_| Found::Delivered);
    world.clock.advance(TimeDelta::seconds(599));
    let done = reconcile(&world.store, &delivered).await.unwrap();
    assert_eq!(
        (done.settled, world.state(attempt).await),
        (0, AttemptState::Unknown)
    );
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(reconcile(&world.store, &delivered).await.unwrap().settled, 1);
    assert_eq!(world.state(attempt).await, AttemptState::Delivered);

    let lost = unknown().await;
    world.clock.advance(TimeDelta::minutes(10));
    let unclear = reconcile(&world.store, &knows(|_| Found::Unclear)).await.unwrap();
    assert_eq!((unclear.settled, unclear.unclear), (0, 1));
    // Asked again only after a pause.
    assert_eq!(
        reconcile(&world.store, &knows(|_| Found::Absent))
            .await
            .unwrap()
            .settled,
        0
    );
    world.clock.advance(TimeDelta::minutes(5));
    let touches = world.touches().await;
    assert_eq!(
        reconcile(&world.store, &knows(|_| Found::Absent))
            .await
            .unwrap()
            .settled,
        1
    );
    assert_eq!(world.state(lost).await, AttemptState::NotSent);
    assert_eq!(world.touches().await, touches - 1, "its place is free again");

    // A second carrier that cannot be asked may have had it.
    let doubtful = unknown().await;
    world.clock.advance(TimeDelta::minutes(10));
    let two = knows(|_| Found::Absent).then(
        Arc::new(dunwell::channels::Null::new(Channel::Sms)),
        Terms::default(),
    );
    assert_eq!(reconcile(&world.store, &two).await.unwrap().settled, 0);
    assert_eq!(world.state(doubtful).await, AttemptState::Unknown);
    world.verified().await;
}
