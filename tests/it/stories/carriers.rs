//! What a carrier answers, and what follows: retries only with proof, silence is final, a carrier in trouble is left
//! alone.

use chrono::TimeDelta;
use dunwell::domain::AttemptState::{Accepted, Held, NotSent, Planned, Unknown};
use dunwell::domain::{Address, PhoneNumber};

use super::world::{Answer, World};
use crate::support::databases;

#[tokio::test]
async fn a_deferred_message_is_tried_again_later_as_a_new_attempt() {
    for database in databases() {
        let world = World::new(database).await;
        world.account("A-1").overdue(2).import().await;
        world.outbox.will(&[Answer::Defer]);
        world.until("2026-04-14T23:59").await;
        let sent = world.sent();
        assert_eq!(world.sent_at(), ["2026-04-07T15:30", "2026-04-07T15:45"]);
        assert_ne!(sent[0].attempt, sent[1].attempt);
        assert_eq!(world.states("A-1").await, [NotSent, Accepted]);
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn a_retry_keeps_to_the_hours() {
    for database in databases() {
        let world = World::new(database).await;
        world.account("A-1").overdue(2).import().await;
        world.at("21:40", "Asia/Shanghai");
        world.outbox.will(&[Answer::Defer]);
        world.plan().await;
        world.until("2026-04-08T23:59").await;
        assert_eq!(world.sent_at(), ["2026-04-07T21:40", "2026-04-08T08:00"]);
    }
}

#[tokio::test]
async fn a_refused_message_is_not_tried_again() {
    for database in databases() {
        let world = World::new(database).await;
        world.account("A-1").overdue(2).import().await;
        world.outbox.will(&[Answer::Refuse]);
        world.until("2026-04-14T23:59").await;
        assert_eq!(world.sent_at(), ["2026-04-07T15:30"]);
        assert_eq!(world.states("A-1").await, [NotSent]);
    }
}

#[tokio::test]
async fn silence_is_never_tried_again_and_keeps_its_place() {
    for answer in [Answer::Silence, Answer::Panic] {
        for database in databases() {
            let world = World::new(database).await;
            let story = world.account("A-1").overdue(2).debtor("P-1");
            story.phone("13800000123").import().await;
            world.outbox.will(&[answer]);
            world.until("2026-04-07T16:00").await;
            assert_eq!(world.states("A-1").await, [Unknown]);
            // Another debt of the same person finds the place of the day taken.
            let story = world.account("A-2").overdue(2).debtor("P-1");
            story.phone("13800000123").import().await;
            world.plan().await;
            world.dispatch().await;
            assert_eq!(world.states("A-2").await, [Held]);
            world.until("2026-04-14T23:59").await;
            assert_eq!(world.states("A-1").await, [Unknown]);
            let first = world.sent()[0].attempt;
            assert_eq!(world.sent().iter().filter(|s| s.attempt == first).count(), 1);
            assert_eq!(world.sent().len(), 2, "{:?}", world.sent_at());
            world.log_is_sound().await;
        }
    }
}

#[tokio::test]
async fn a_carrier_in_trouble_is_left_alone_and_nothing_is_reserved() {
    for database in databases() {
        let world = World::new(database).await;
        for n in 0..5 {
            let story = world.account(&format!("A-{n}")).overdue(2);
            story.phone(&format!("1380000030{n}")).import().await;
        }
        world.outbox.will(&[Answer::Silence; 5]);
        world.until("2026-04-07T15:30").await;
        assert_eq!(world.sent().len(), 5);
        let story = world.account("B-1").overdue(2);
        story.phone("13800000310").import().await;
        world.plan().await;
        let report = world.dispatch().await;
        assert_eq!((report.claimed, report.given_back), (1, 1));
        assert_eq!(world.states("B-1").await, [Planned]);
        assert!(world.attempts("B-1").await[0].reserved_at.is_none());
        // After the rest one goes to see whether the provider is back.
        world.later(TimeDelta::minutes(1));
        world.dispatch().await;
        assert_eq!(world.states("B-1").await, [Accepted]);
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn in_the_test_mode_only_listed_recipients_get_messages() {
    for database in databases() {
        let world = World::new(database).await;
        world
            .account("A-1")
            .overdue(2)
            .debtor("P-1")
            .phone("13800000123")
            .import()
            .await;
        world
            .account("A-2")
            .overdue(2)
            .debtor("P-2")
            .phone("13800000124")
            .import()
            .await;
        let listed = Address::Phone(PhoneNumber::parse("13800000124", "CN").unwrap());
        world.store.enter_test_mode(&[listed], "pavel").await.unwrap();
        world.until("2026-04-07T16:00").await;
        assert_eq!(world.sent().len(), 1);
        assert_eq!(world.held("A-1").await, ["channel.test_mode"]);
        assert_eq!(world.states("A-2").await, [Accepted]);
        // A restart changes nothing; only the command ends it.
        let world = world.restart().await;
        world.until("2026-04-07T20:30").await;
        assert_eq!(world.states("A-1").await, [Held]);
        assert!(world.store.leave_test_mode("pavel").await.unwrap());
        world.until("2026-04-08T20:00").await;
        assert_eq!(world.states("A-1").await, [Accepted]);
        world.log_is_sound().await;
    }
}
