//! To whom and how: shared numbers, lenient treatment, agreed channels, guarantors and third parties, names.

use dunwell::domain::{AttemptState, Channel, Role};

use super::world::{World, email, postal};
use crate::support::databases;

#[tokio::test]
async fn one_person_with_two_debts_is_written_to_once_a_day() {
    for database in databases() {
        let world = World::new(database).await;
        for reference in ["A-1", "A-2"] {
            let story = world.account(reference).overdue(2).debtor("P-1");
            story.phone("13800000123").import().await;
        }
        world.until("2026-04-07T23:59").await;
        assert_eq!(world.sent().len(), 1);
        world.until("2026-04-08T23:59").await;
        let days: Vec<_> = world.sent_at().iter().map(|at| at[..10].to_owned()).collect();
        assert_eq!(days, ["2026-04-07", "2026-04-08"]);
        world.log_is_sound().await;
    }
}

/// Caps belong to people and debts: two who share a line each get their own reminder, and neither gets the other's.
#[tokio::test]
async fn a_shared_number_gets_what_each_of_its_users_is_due_and_no_more() {
    for database in databases() {
        let world = World::new(database).await;
        for reference in ["A-1", "A-2"] {
            let story = world.account(reference).overdue(2);
            story.shared_phone("13800000123").import().await;
        }
        world.until("2026-04-14T23:59").await;
        let sent = world.sent();
        assert_eq!(sent.len(), 2, "{:?}", world.sent_at());
        assert!(sent.iter().all(|s| s.to == "+8613800000123"));
        assert_ne!(sent[0].words, sent[1].words);
        // A number that is nobody's is nobody's for both.
        world.opts_out("A-1", Channel::Sms).await;
        world.until("2026-04-30T00:00").await;
        let later = &world.sent()[2..];
        assert!(later.iter().all(|s| s.words.contains("A-2")), "{later:?}");
    }
}

#[tokio::test]
async fn a_good_payer_in_trouble_gets_the_lenient_words() {
    for database in databases() {
        let world = World::new(database).await;
        world.account("A-1").overdue(2).observed().import().await;
        world.until("2026-04-07T23:59").await;
        let rows = world.attempts("A-1").await;
        assert_eq!(rows[0].template.as_deref(), Some("observation-reminder"));
        assert!(world.sent()[0].words.contains("欢迎来电"));
    }
}

#[tokio::test]
async fn the_agreed_channel_is_used() {
    for database in databases() {
        let world = World::new(database).await;
        let story = world.account("A-1").overdue(2).prefers(Channel::Letter);
        let story = story.also(email("a@example.com"));
        story
            .also(postal("上海市样例区虚构路 1 号|200000", "CN"))
            .import()
            .await;
        world.until("2026-04-07T23:59").await;
        let sent = world.sent();
        assert_eq!(sent.len(), 1, "{:?}", world.blocked("A-1").await);
        assert_eq!(sent[0].channel, Channel::Letter);
    }
}

#[tokio::test]
async fn a_guarantor_may_be_reminded_and_a_third_party_may_not() {
    for database in databases() {
        let world = World::new(database).await;
        let story = world
            .account("A-1")
            .overdue(40)
            .related(Role::Guarantor, "13800000201");
        story
            .related(Role::ContactReference, "13800000202")
            .import()
            .await;
        world.at("10:00", "Asia/Shanghai");
        world.remind_other("A-1", Role::Guarantor).await;
        world.remind_other("A-1", Role::ContactReference).await;
        world.dispatch().await;
        let to: Vec<_> = world.sent().into_iter().map(|s| s.to).collect();
        assert_eq!(to, ["+8613800000201"], "{:?}", world.blocked("A-1").await);
        assert!(world.blocked("A-1").await.contains(&"recipient.roles".to_owned()));
    }
}

#[tokio::test]
async fn a_name_is_a_name_and_no_template() {
    for database in databases() {
        let world = World::new(database).await;
        let name = "{{ account_reference }} {% if x %} & <b>";
        let story = world.account("A-1").overdue(2).named(name);
        story.email("a@example.com").import().await;
        world.until("2026-04-07T23:59").await;
        let sent = world.sent();
        assert_eq!(sent.len(), 1, "{:?}", world.blocked("A-1").await);
        assert!(sent[0].words.contains(name), "{}", sent[0].words);
        assert!(
            sent[0].words.contains("&amp; &lt;b&gt;"),
            "the page shows it and does not obey it"
        );
    }
}

#[tokio::test]
async fn what_is_disputed_in_the_ledger_is_never_asked_for() {
    for database in databases() {
        let world = World::new(database).await;
        world.account("A-1").overdue(2).disputed().import().await;
        world.until("2026-06-30T00:00").await;
        assert_eq!(world.states("A-1").await, Vec::<AttemptState>::new());
        assert!(world.sent().is_empty());
    }
}
