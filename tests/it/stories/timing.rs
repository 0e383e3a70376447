//! When a message goes: preferred slots, contact hours of the recipient, unknown places, missed campaigns.

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::{America, Pacific};
use dunwell::domain::{AttemptState, Channel, Moment};

use super::world::{World, email, local};
use crate::support::databases;

#[tokio::test]
async fn a_due_account_gets_one_text_at_the_preferred_time() {
    for database in databases() {
        let world = World::new(database).await;
        world.account("A-1").overdue(2).import().await;
        world.until("2026-04-07T23:59").await;
        assert_eq!(world.sent_at(), ["2026-04-07T15:30"]);
        let sent = &world.sent()[0];
        assert_eq!(sent.channel, Channel::Sms);
        assert!(
            sent.words.contains("A-1") && sent.words.contains("1,000.00"),
            "{}",
            sent.words
        );
        // The campaign of every further morning finds the step done; the next one is due on day ten.
        world.until("2026-04-14T23:59").await;
        assert_eq!(world.sent().len(), 1);
        world.until("2026-04-15T23:59").await;
        assert_eq!(world.sent_at(), ["2026-04-07T15:30", "2026-04-15T15:30"]);
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn shortly_before_quiet_hours_nothing_goes_and_the_morning_after_it_does() {
    for database in databases() {
        let world = World::new(database).await;
        world.account("A-1").overdue(2).import().await;
        world.at("21:55", "Asia/Shanghai");
        assert_eq!(world.plan().await.queued, 1);
        world.dispatch().await;
        assert!(world.sent().is_empty());
        assert_eq!(world.states("A-1").await, [AttemptState::Held]);
        assert!(!world.held("A-1").await.is_empty());
        assert_eq!(local(world.attempts("A-1").await[0].due_at), "2026-04-08T08:00");
        world.until("2026-04-08T07:59").await;
        assert!(world.sent().is_empty());
        world.until("2026-04-08T08:00").await;
        assert_eq!(world.sent_at(), ["2026-04-08T08:00"]);
    }
}

#[tokio::test]
async fn whoever_could_be_anywhere_is_never_written_to() {
    for database in databases() {
        let world = World::new(database).await;
        let story = world.account("A-1").overdue(2).email("a@example.com");
        story.nowhere().import().await;
        world.until("2026-04-07T18:00").await;
        assert_eq!(world.states("A-1").await, [AttemptState::Held]);
        assert!(
            world
                .held("A-1")
                .await
                .contains(&"situation.no_time_zone".to_owned())
        );
        world.until("2026-08-31T00:00").await;
        assert!(world.sent().is_empty());
        for row in world.attempts("A-1").await {
            assert_eq!(row.state, AttemptState::Withdrawn);
            assert_eq!(row.reason.as_deref(), Some("expired"));
        }
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn a_debtor_somewhere_in_america_is_written_to_when_it_is_lawful_in_all_of_it() {
    for database in databases() {
        let world = World::new(database).await;
        for n in 1..=3 {
            let story = world
                .account(&format!("U-{n}"))
                .in_portfolio("global")
                .overdue(n * 3);
            story.email(&format!("u{n}@example.com")).import().await;
        }
        world.until("2026-06-30T00:00").await;
        assert!(world.sent().len() >= 6, "{:?}", world.sent_at());
        let (opens, closes) = (time("08:00"), time("19:00"));
        for sent in world.sent() {
            for zone in [
                America::New_York,
                America::Chicago,
                America::Phoenix,
                America::Los_Angeles,
                America::Anchorage,
                Pacific::Honolulu,
            ] {
                let there = sent.at.utc().with_timezone(&zone).time();
                assert!(opens <= there && there < closes, "{} in {zone}", sent.at);
            }
        }
    }
}

fn time(text: &str) -> NaiveTime {
    NaiveTime::parse_from_str(text, "%H:%M").unwrap()
}

#[tokio::test]
async fn a_campaign_that_was_missed_for_three_days_runs_once() {
    for database in databases() {
        let world = World::new(database).await;
        for n in 0..20 {
            let story = world.account(&format!("A-{n}")).overdue(n);
            story.phone(&format!("1380000{:04}", 100 + n)).import().await;
        }
        world.tick().await;
        // From Tuesday to Friday nobody is there.
        world
            .clock
            .set(Moment::parse("2026-04-10T16:00:00+08:00").unwrap());
        let (planned, _) = world.tick().await;
        assert_eq!(planned.runs, 3, "each of the three campaigns once");
        let sent = world.sent();
        assert!(!sent.is_empty());
        let mut to: Vec<_> = sent.iter().map(|s| s.to.clone()).collect();
        to.sort();
        to.dedup();
        assert_eq!(to.len(), sent.len(), "nobody gets two");
        let (planned, report) = world.tick().await;
        assert_eq!((planned.runs, report.claimed), (0, 0));
        world.later(TimeDelta::minutes(30));
        assert_eq!(world.tick().await.0.runs, 0);
    }
}

#[tokio::test]
async fn what_could_not_go_in_time_is_withdrawn_and_not_sent_late() {
    for database in databases() {
        let world = World::new(database).await;
        world
            .account("A-1")
            .overdue(2)
            .also(email("a@example.com"))
            .import()
            .await;
        world.plan().await;
        // The step is fresh for seven days; nobody dispatches for nine.
        world.later(TimeDelta::days(9));
        let report = world.dispatch().await;
        assert_eq!(report.withdrawn.get("expired"), Some(&1));
        assert!(world.sent().is_empty());
    }
}
