//! Where money may go and which words may be used: payees, collectors' own words, facts that are missing.

use dunwell::domain::AttemptState;

use super::world::{World, sample_portfolios};
use crate::support::databases;

const REGISTERED: &str = "6222000011112222333";

#[tokio::test]
async fn a_payee_that_nobody_confirmed_is_never_named() {
    for database in databases() {
        let mut set_up = sample_portfolios();
        for payee in set_up.portfolios.iter_mut().flat_map(|p| &mut p.payees) {
            payee.confirmed_by = None;
        }
        let world = World::with(database, set_up).await;
        world
            .account("A-1")
            .overdue(2)
            .email("a@example.com")
            .import()
            .await;
        world.account("A-2").overdue(2).import().await;
        world.until("2026-04-07T23:59").await;
        assert_eq!(world.states("A-1").await, [AttemptState::Blocked]);
        assert_eq!(world.blocked("A-1").await, ["template.missing_variable"]);
        // The text names no account and goes.
        assert_eq!(world.sent().len(), 1);
        assert!(!world.sent()[0].words.contains(REGISTERED));
        // Nor does a collector get round it.
        let words = format!("云帆样本制造有限公司提示：请付款至{REGISTERED}。有异议请致电+8613800000900。");
        world.at("10:00", "Asia/Shanghai");
        world.collector_writes("A-2", &words).await;
        world.dispatch().await;
        assert!(
            world
                .blocked("A-2")
                .await
                .contains(&"payee.unregistered".to_owned())
        );
    }
}

#[tokio::test]
async fn a_confirmed_payee_is_named_with_its_holder() {
    for database in databases() {
        let world = World::new(database).await;
        world
            .account("A-1")
            .overdue(2)
            .email("a@example.com")
            .import()
            .await;
        world.until("2026-04-07T23:59").await;
        let sent = world.sent();
        assert_eq!(sent.len(), 1, "{:?}", world.blocked("A-1").await);
        let digits: String = sent[0].words.chars().filter(char::is_ascii_digit).collect();
        assert!(digits.contains(REGISTERED), "{}", sent[0].words);
        assert!(sent[0].words.contains("云帆样本制造有限公司"));
    }
}

#[tokio::test]
async fn a_collectors_own_words_are_judged_like_everything_else() {
    for database in databases() {
        let world = World::new(database).await;
        world.account("A-1").overdue(2).import().await;
        world.at("10:00", "Asia/Shanghai");
        let clean =
            "云帆样本制造有限公司提示：您的账款尚未付清，方便时请来电商定付款安排，电话+8613800000900。";
        let foreign = format!("{clean}也可付款至 6217 0000 9999 8888 777。");
        let threat = format!("{clean}再不还款就派人上门,让你全家不得安宁,等着坐牢吧。");
        let a = world.collector_writes("A-1", &foreign).await;
        let b = world.collector_writes("A-1", &threat).await;
        world.dispatch().await;
        assert!(world.sent().is_empty(), "{:?}", world.sent());
        for (attempt, rule) in [(a, "payee.unregistered"), (b, "content.")] {
            let row = world.store.story(attempt).await.unwrap().attempt;
            assert_eq!(row.state, AttemptState::Blocked, "{rule}");
            let findings = row.findings.unwrap();
            assert!(findings.contains(rule), "{findings}");
        }
        world.collector_writes("A-1", clean).await;
        world.dispatch().await;
        world.dispatch().await;
        assert_eq!(world.sent().len(), 1, "{:?}", world.blocked("A-1").await);
        assert!(world.sent()[0].words.contains("方便时请来电"));
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn a_fact_that_is_missing_stops_the_message() {
    for database in databases() {
        let mut set_up = sample_portfolios();
        set_up.senders.iter_mut().for_each(|s| s.phone = None);
        let world = World::with(database, set_up).await;
        world.account("A-1").overdue(2).import().await;
        world.until("2026-04-07T23:59").await;
        assert!(world.sent().is_empty());
        assert_eq!(world.blocked("A-1").await, ["template.missing_variable"]);
        let row = world.attempts("A-1").await.remove(0);
        assert!(
            row.findings.unwrap().contains("contact_phone"),
            "it says which one is missing"
        );
        assert_eq!(world.store.counts().await.unwrap().attempts.len(), 1);
    }
}
