//! What people answer takes effect once, for everybody concerned, together with its evidence; what is unsure holds until a
//! person decides.

use dunwell::channels::Arrived;
use dunwell::dispatch::{ReplyDecision as Decided, decide_reply, take_arrival};
use dunwell::domain::AttemptState::{Planned, Withdrawn};
use dunwell::replies::Meaning;
use dunwell::store::Inbound;
use uuid::Uuid;

use super::on_every_database;
use super::world::World;
use crate::support::TestDatabase;

on_every_database!(
    an_opting_out_reaches_every_user_of_the_number_and_every_number_of_the_debtor,
    the_same_answer_twice_has_its_effect_once,
    an_unsure_answer_holds_every_debt_until_somebody_decides,
    a_decision_has_the_effect_of_its_meaning,
    a_dispute_a_hardship_and_a_lawyer_stop_what_waits,
    a_promise_with_day_and_amount_pauses_the_ladder,
    a_payment_that_is_claimed_is_looked_for,
    a_long_answer_is_understood_when_all_of_it_is_there,
    courtesy_is_nobodys_work_and_a_stranger_is,
);

const NUMBER: &str = "8613800000123";

async fn answers(world: &World, event: &str, text: &str) {
    answers_in_parts(world, event, text, None).await;
}

async fn answers_in_parts(world: &World, event: &str, text: &str, part: Option<(u16, u8, u8)>) {
    let message = Inbound {
        provider: "carrier".into(),
        event: Some(event.to_owned()),
        from: NUMBER.to_owned(),
        to: "10690000".into(),
        text: text.to_owned(),
        part,
    };
    take_arrival(&world.store, Arrived::Message(message))
        .await
        .unwrap();
}

/// Two debtors who share a number; the second owes twice.
async fn shared(database: TestDatabase) -> World {
    let world = World::new(database).await;
    world
        .account("0001")
        .debtor("P-1")
        .phone("13800000123")
        .owes(500_000)
        .import()
        .await;
    world
        .account("0002")
        .debtor("P-2")
        .phone("13800000123")
        .owes(300_000)
        .import()
        .await;
    world
        .account("0003")
        .debtor("P-2")
        .phone("13800000123")
        .owes(100_000)
        .import()
        .await;
    world
}

async fn count(world: &World, what: &str) -> i64 {
    world.raw.count(&format!("SELECT COUNT(*) FROM {what}")).await
}

async fn held(world: &World) -> i64 {
    count(
        world,
        "suppression WHERE reason = 'open_reply' AND lifted_at IS NULL",
    )
    .await
}

async fn only_waiting(world: &World) -> Uuid {
    let all = world.store.waiting_replies().await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].id
}

async fn an_opting_out_reaches_every_user_of_the_number_and_every_number_of_the_debtor(
    database: TestDatabase,
) {
    let world = shared(database).await;
    let first = world.queue("0001", 1).await[0];
    let second = world.queue("0003", 1).await[0];
    answers(&world, "i-1", "请不要再发短信了,谢谢!").await;
    for attempt in [first, second] {
        assert_eq!(world.state(attempt).await, Withdrawn);
    }
    assert_eq!(
        count(
            &world,
            "suppression WHERE reason = 'opt_out' AND address_id IS NOT NULL"
        )
        .await,
        1
    );
    assert_eq!(
        count(
            &world,
            "suppression WHERE reason = 'opt_out' AND channel = 'sms' AND person_id IS NOT NULL"
        )
        .await,
        2
    );
    assert!(
        world.store.open_inbound(10).await.unwrap().is_empty(),
        "nobody has to look at it"
    );
    world.verified().await;
}

async fn the_same_answer_twice_has_its_effect_once(database: TestDatabase) {
    let world = World::new(database).await;
    world
        .account("0001")
        .phone("13800000123")
        .owes(500_000)
        .import()
        .await;
    for _ in 0..3 {
        answers(&world, "i-1", "明天还2000元").await;
    }
    assert_eq!(count(&world, "promise").await, 1);
    assert_eq!(count(&world, "inbound").await, 1);
    world.verified().await;
}

async fn an_unsure_answer_holds_every_debt_until_somebody_decides(database: TestDatabase) {
    let world = shared(database).await;
    let waiting = world.queue("0002", 1).await[0];
    answers(&world, "i-1", "烦死了").await;
    assert_eq!(
        world.state(waiting).await,
        Planned,
        "held by the guard, not withdrawn"
    );
    assert_eq!(held(&world).await, 3);
    let id = only_waiting(&world).await;
    assert_eq!(world.store.open_inbound(10).await.unwrap()[0].id, id);
    decide_reply(&world.store, id, Decided::Nothing, "mei")
        .await
        .unwrap();
    assert_eq!(held(&world).await, 0);
    assert!(world.store.waiting_replies().await.unwrap().is_empty());
    assert!(world.store.open_inbound(10).await.unwrap().is_empty());
    assert_eq!(world.state(waiting).await, Planned);
    world.verified().await;
}

async fn a_decision_has_the_effect_of_its_meaning(database: TestDatabase) {
    let world = shared(database).await;
    let waiting = world.queue("0002", 1).await[0];
    answers(&world, "i-1", "烦死了").await;
    let id = only_waiting(&world).await;
    let promise = Decided::Means(Meaning::Promise);
    assert!(
        decide_reply(&world.store, id, promise, "mei").await.is_err(),
        "without day and amount"
    );
    assert_eq!(held(&world).await, 3, "nothing changed");
    decide_reply(&world.store, id, Decided::Means(Meaning::OptOut), "mei")
        .await
        .unwrap();
    assert_eq!(world.state(waiting).await, Withdrawn);
    assert_eq!(held(&world).await, 0);
    assert_eq!(
        count(
            &world,
            "reply WHERE decided_as = 'opt_out' AND decided_by = 'mei'"
        )
        .await,
        1
    );
    world.verified().await;
}

async fn a_dispute_a_hardship_and_a_lawyer_stop_what_waits(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").phone("13800000123").import().await;
    let waiting = world.queue("0001", 1).await[0];
    answers(&world, "i-1", "这笔钱不是我借的,金额也不对").await;
    assert_eq!(world.state(waiting).await, Withdrawn);
    assert!(world.read("0001").await.disputed);
    answers(&world, "i-2", "我失业了,现在没钱还").await;
    answers(&world, "i-3", "请联系我的律师").await;
    for reason in ["hardship", "counsel"] {
        assert_eq!(
            count(&world, &format!("suppression WHERE reason = '{reason}'")).await,
            1,
            "{reason}"
        );
    }
    world.verified().await;
}

async fn a_promise_with_day_and_amount_pauses_the_ladder(database: TestDatabase) {
    let world = shared(database).await;
    answers(&world, "i-1", "明天还2000元").await;
    assert_eq!(
        count(&world, "promise").await,
        0,
        "of three debts nobody knows which is meant"
    );
    assert_eq!(held(&world).await, 3);
    world.verified().await;
}

async fn a_payment_that_is_claimed_is_looked_for(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").phone("13800000123").import().await;
    answers(&world, "i-1", "昨天已经还清了").await;
    assert_eq!(count(&world, "task WHERE kind = 'verify_payment'").await, 1);
    assert_eq!(held(&world).await, 1);
    only_waiting(&world).await;
    world.verified().await;
}

async fn a_long_answer_is_understood_when_all_of_it_is_there(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").phone("13800000123").import().await;
    let waiting = world.queue("0001", 1).await[0];
    answers_in_parts(&world, "i-2", "给我发短信了", Some((7, 2, 2))).await;
    assert_eq!(world.state(waiting).await, Planned);
    answers_in_parts(&world, "i-1", "我说过很多次,请不要再", Some((7, 1, 2))).await;
    assert_eq!(world.state(waiting).await, Withdrawn);
    assert!(world.store.open_inbound(10).await.unwrap().is_empty());
    world.verified().await;
}

async fn courtesy_is_nobodys_work_and_a_stranger_is(database: TestDatabase) {
    let world = World::new(database).await;
    answers(&world, "i-1", "请不要再发短信").await;
    assert_eq!(
        world.store.open_inbound(10).await.unwrap().len(),
        1,
        "nobody knows whose number it is"
    );
    world.account("0001").phone("13800000123").import().await;
    answers(&world, "i-2", "好的,谢谢").await;
    assert_eq!(world.store.open_inbound(10).await.unwrap().len(), 1);
    assert_eq!(held(&world).await, 0);
    world.verified().await;
}
