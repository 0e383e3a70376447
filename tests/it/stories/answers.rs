//! People answer, in their own words, and what they say changes what happens next.

use dunwell::channels::Arrived;
use dunwell::dispatch::{ReplyDecision, decide_reply, take_arrival};
use dunwell::store::Inbound;

use super::world::{World, email};
use crate::support::databases;

async fn answers(world: &World, from: &str, text: &str) {
    let message = Inbound {
        provider: "carrier".into(),
        event: None,
        from: from.to_owned(),
        to: "10690000".into(),
        text: text.to_owned(),
        part: None,
    };
    take_arrival(&world.store, Arrived::Message(message))
        .await
        .unwrap();
}

#[tokio::test]
async fn who_writes_no_more_texts_gets_none() {
    for text in ["退订", "td", "别再发了!!", "STOP", "please stop texting me"] {
        for database in databases() {
            let world = World::new(database).await;
            world
                .account("A-1")
                .overdue(2)
                .phone("13800000123")
                .import()
                .await;
            world.until("2026-04-07T23:59").await;
            assert_eq!(world.sent().len(), 1);
            answers(&world, "8613800000123", text).await;
            world.until("2026-04-30T23:59").await;
            assert_eq!(world.sent().len(), 1, "{text}: {:?}", world.sent_at());
            world.log_is_sound().await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_is_sure_of_holds_until_somebody_has_read_it() {
    for database in databases() {
        let world = World::new(database).await;
        world
            .account("A-1")
            .overdue(2)
            .phone("13800000123")
            .import()
            .await;
        answers(&world, "+86 138 0000 0123", "烦死了").await;
        world.until("2026-04-08T23:59").await;
        assert_eq!(world.sent().len(), 0, "{:?}", world.sent_at());
        assert_eq!(world.held("A-1").await, ["status.open_reply"]);
        let waiting = world.store.waiting_replies().await.unwrap();
        decide_reply(&world.store, waiting[0].id, ReplyDecision::Nothing, "mei")
            .await
            .unwrap();
        world.until("2026-04-09T23:59").await;
        assert_eq!(world.sent().len(), 1, "{:?}", world.states("A-1").await);
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn an_answer_by_mail_counts_like_one_by_text() {
    for database in databases() {
        let world = World::new(database).await;
        let story = world.account("A-1").overdue(2).phone("13800000123");
        story.also(email("li@example.com")).import().await;
        answers(&world, "li@example.com", "我已经委托律师处理,请与我的律师联系。").await;
        world.until("2026-04-30T23:59").await;
        assert_eq!(world.sent().len(), 0, "{:?}", world.sent_at());
    }
}
