//! What comes back: kept whatever it says, matched however late or early it is, and merged into one state that only moves
//! forward.

use dunwell::channels::{Arrived, Outcome};
use dunwell::dispatch::take_arrival;
use dunwell::domain::{AttemptId, AttemptState};
use dunwell::store::{Inbound, Receipt, ReceiptStatus, Settlement, Shredding};

use super::on_every_database;
use super::world::{World, settlement};
use crate::support::TestDatabase;

use AttemptState::{Accepted, Delivered, Undelivered, Unknown};
use ReceiptStatus as Says;

on_every_database!(
    a_receipt_before_the_settling_waits_for_it,
    a_message_of_parts_is_delivered_when_all_of_it_is,
    nothing_moves_backwards,
    a_word_about_somebody_elses_message_does_not_count,
    our_own_id_is_enough,
    of_a_half_message_nothing_follows,
    a_late_answer_settles_what_was_unknown,
    an_opting_out_word_takes_effect_before_it_counts_as_kept,
    long_replies_are_put_together,
    what_came_back_stands_under_seal,
    strangers_who_become_known_keep_what_they_said,
    what_was_changed_by_hand_is_found,
);

fn receipt(event: &str, references: &[&str], status: ReceiptStatus) -> Receipt {
    Receipt {
        provider: "carrier".into(),
        event: event.into(),
        references: references.iter().map(|r| (*r).to_owned()).collect(),
        attempt: None,
        status,
        recipient: None,
        raw: format!("{event} as it came").into_bytes(),
    }
}

async fn taken(world: &World, references: &[&str]) -> AttemptId {
    let attempt = world.reserved("0001").await;
    let settlement = Settlement {
        references: references.iter().map(|r| (*r).to_owned()).collect(),
        ..settlement(attempt, Accepted, "")
    };
    world.store.settle(vec![settlement]).await.unwrap();
    attempt
}

/// The number that messages about the debt go to.
async fn number_of(world: &World) -> String {
    let timeline = world.store.timeline(world.id("0001").await).await.unwrap();
    timeline.contact_points[0].address.normal()
}

async fn says(world: &World, event: &str, references: &[&str], status: ReceiptStatus) -> Option<AttemptId> {
    world
        .store
        .receipt(receipt(event, references, status))
        .await
        .unwrap()
}

async fn a_receipt_before_the_settling_waits_for_it(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = world.reserved("0001").await;
    assert_eq!(
        says(&world, "e-1", &["6699", "1A2B"], Says::Delivered).await,
        None
    );
    assert_eq!(says(&world, "e-2", &["stranger"], Says::Delivered).await, None);
    assert_eq!(world.settle(attempt, Accepted, "1A2B").await, 1);
    assert_eq!(world.state(attempt).await, Delivered);
    assert_eq!(
        world.store.raw_receipts(attempt).await.unwrap(),
        [b"e-1 as it came".to_vec()]
    );
    assert_eq!(
        world.raw.count("SELECT COUNT(*) FROM receipt_aside").await,
        1,
        "the stranger waits"
    );
    // Where two transactions missed each other, the next round finds them.
    let late = world.reserved("0001").await;
    world.settle(late, Accepted, "77").await;
    world.raw.run("INSERT INTO receipt (provider, event, status, received_at) SELECT 'carrier', 'e-9', 'delivered', received_at FROM receipt WHERE attempt_id IS NOT NULL").await.unwrap();
    world
        .raw
        .run("INSERT INTO receipt_aside (provider, spelling, event) VALUES ('carrier', '77', 'e-9')")
        .await
        .unwrap();
    assert_eq!(world.store.match_aside().await.unwrap(), 1);
    assert_eq!(world.state(late).await, Delivered);
    assert_eq!(world.store.match_aside().await.unwrap(), 0);
    world.verified().await;
}

async fn a_message_of_parts_is_delivered_when_all_of_it_is(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = taken(&world, &["p1", "p2", "p3"]).await;
    assert_eq!(says(&world, "e-1", &["p2"], Says::Delivered).await, None);
    assert_eq!(says(&world, "e-2", &["p1"], Says::Underway).await, None);
    assert_eq!(says(&world, "e-3", &["p1"], Says::Delivered).await, None);
    assert_eq!(world.state(attempt).await, Accepted);
    assert_eq!(says(&world, "e-4", &["p3"], Says::Delivered).await, Some(attempt));
    assert_eq!(world.state(attempt).await, Delivered);
    let failed = taken(&world, &["q1", "q2"]).await;
    says(&world, "e-5", &["q1"], Says::Delivered).await;
    assert_eq!(
        says(&world, "e-6", &["q2"], Says::Undelivered).await,
        Some(failed)
    );
    assert_eq!(world.state(failed).await, Undelivered);
    world.verified().await;
}

async fn nothing_moves_backwards(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = taken(&world, &["m"]).await;
    for (n, (status, state)) in [
        (Says::Underway, Accepted),
        (Says::Undelivered, Undelivered),
        (Says::Underway, Undelivered),
        (Says::Delivered, Delivered),
        (Says::Undelivered, Delivered),
        (Says::Underway, Delivered),
        (Says::Delivered, Delivered),
    ]
    .into_iter()
    .enumerate()
    {
        says(&world, &format!("e-{n}"), &["m"], status).await;
        assert_eq!(world.state(attempt).await, state, "{n}");
    }
    assert_eq!(
        world.store.raw_receipts(attempt).await.unwrap().len(),
        7,
        "all are kept"
    );
    world.verified().await;
}

async fn a_word_about_somebody_elses_message_does_not_count(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = taken(&world, &["10"]).await;
    let number = number_of(&world).await;
    let about = |event: &str, recipient: &str| Receipt {
        recipient: Some(recipient.to_owned()),
        ..receipt(event, &["10", "A"], Says::Delivered)
    };
    let stranger = world.store.receipt(about("e-1", "8613800000999")).await.unwrap();
    assert_eq!((stranger, world.state(attempt).await), (None, Accepted));
    let ours = world
        .store
        .receipt(about("e-2", number.trim_start_matches('+')))
        .await
        .unwrap();
    assert_eq!(ours, Some(attempt));
    world.verified().await;
}

async fn our_own_id_is_enough(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = world.reserved("0001").await;
    world
        .store
        .settle(vec![Settlement::new(attempt, Unknown)])
        .await
        .unwrap();
    let ours = |event: &str, provider: &str| Receipt {
        provider: provider.into(),
        attempt: Some(attempt),
        ..receipt(event, &["theirs"], Says::Delivered)
    };
    assert_eq!(
        world.store.receipt(ours("e-1", "carrier")).await.unwrap(),
        Some(attempt)
    );
    assert_eq!(world.state(attempt).await, Delivered);
    let other = taken(&world, &["x"]).await;
    let stranger = Receipt {
        attempt: Some(other),
        ..ours("e-2", "another")
    };
    assert_eq!(
        world.store.receipt(stranger).await.unwrap(),
        None,
        "another carrier had it"
    );
    world.verified().await;
}

async fn of_a_half_message_nothing_follows(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = world.reserved("0001").await;
    let half = Settlement {
        whole: false,
        ..settlement(attempt, Unknown, "h1")
    };
    world.store.settle(vec![half]).await.unwrap();
    assert_eq!(says(&world, "e-1", &["h1"], Says::Delivered).await, None);
    assert_eq!(world.state(attempt).await, Unknown);
    world.verified().await;
}

async fn a_late_answer_settles_what_was_unknown(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = world.reserved("0001").await;
    world
        .store
        .settle(vec![Settlement::new(attempt, Unknown)])
        .await
        .unwrap();
    let outcome = Outcome::accepted("carrier", Some("late".to_owned()));
    take_arrival(&world.store, Arrived::Late { attempt, outcome })
        .await
        .unwrap();
    assert_eq!(world.state(attempt).await, Accepted);
    assert_eq!(
        says(&world, "e-1", &["late"], Says::Delivered).await,
        Some(attempt)
    );
    world.verified().await;
}

fn reply(from: &str, text: &str, event: Option<&str>, part: Option<(u16, u8, u8)>) -> Inbound {
    Inbound {
        provider: "carrier".into(),
        event: event.map(str::to_owned),
        from: from.to_owned(),
        to: "10690000".into(),
        text: text.to_owned(),
        part,
    }
}

async fn an_opting_out_word_takes_effect_before_it_counts_as_kept(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    taken(&world, &["m"]).await;
    let waiting = world.queue("0001", 1).await[0];
    let number = number_of(&world).await;
    let from = number.trim_start_matches('+');
    let take = async |message| {
        take_arrival(&world.store, Arrived::Message(message))
            .await
            .unwrap()
    };
    take(reply(from, "请问什么时候到期？", Some("i-1"), None)).await;
    take(reply(from, "请问什么时候到期？", Some("i-1"), None)).await;
    let open = world.store.open_inbound(10).await.unwrap();
    assert_eq!(open.len(), 1, "the same one twice is one");
    assert_eq!(world.state(waiting).await, AttemptState::Planned);
    take(reply(from, "退订。", Some("i-2"), None)).await;
    assert_eq!(world.state(waiting).await, AttemptState::Withdrawn);
    assert_eq!(
        world
            .raw
            .count("SELECT COUNT(*) FROM suppression WHERE reason = 'opt_out' AND address_id IS NOT NULL")
            .await,
        1
    );
    assert_eq!(
        world.store.open_inbound(10).await.unwrap().len(),
        1,
        "what is understood does not wait"
    );
    world.store.inbound_handled(open[0].id, "mei").await.unwrap();
    assert!(world.store.inbound_handled(open[0].id, "mei").await.is_err());
    assert!(world.store.open_inbound(10).await.unwrap().is_empty());
    world.verified().await;
}

async fn long_replies_are_put_together(database: TestDatabase) {
    let world = World::new(database).await;
    let take = async |text: &str, part| {
        let message = reply("8613800000199", text, None, part);
        assert!(world.store.take_inbound(message, None).await.unwrap());
    };
    take("second", Some((7, 2, 2))).await;
    take("first ", Some((7, 1, 2))).await;
    take("half", Some((8, 1, 2))).await;
    take("alone\0", None).await;
    let mut open: Vec<_> = world.store.open_inbound(10).await.unwrap();
    open.sort_by(|a, b| a.text.cmp(&b.text));
    let shown: Vec<_> = open.iter().map(|m| (m.text.as_str(), m.missing)).collect();
    assert_eq!(shown, [("alone", 0), ("first second", 0), ("half", 1)]);
}

/// What came stands nowhere in the clear, in text or in hex.
async fn nowhere(world: &World, words: &[&str]) {
    for table in ["receipt", "receipt_aside", "inbound"] {
        let all = super::seal::everything_of(world, table).await.to_lowercase();
        for word in words {
            assert!(!all.contains(&word.to_lowercase()), "`{word}` stands in {table}");
            assert!(
                !all.contains(&hex::encode(word)),
                "`{word}` stands in {table}, in hex"
            );
        }
    }
}

async fn what_came_back_stands_under_seal(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = taken(&world, &["m"]).await;
    let number = number_of(&world).await;
    let digits = number.trim_start_matches('+').to_owned();
    let about = |event: &str, reference: &str| Receipt {
        recipient: Some(digits.clone()),
        raw: [format!("{digits} canary-raw ").as_bytes(), &[0xff, 0xfe]].concat(),
        ..receipt(event, &[reference], Says::Delivered)
    };
    world.store.receipt(about("canary-event", "m")).await.unwrap();
    world
        .store
        .receipt(about("canary-aside", "not-yet"))
        .await
        .unwrap();
    let said = reply(&digits, "canary-words", Some("canary-inbound"), None);
    assert!(world.store.take_inbound(said.clone(), None).await.unwrap());
    assert!(!world.store.take_inbound(said, None).await.unwrap(), "once");
    let secret = [digits.as_str(), "canary"];
    nowhere(&world, &secret).await;
    let open = world.store.open_inbound(10).await.unwrap();
    assert_eq!(
        (open[0].from.as_str(), open[0].text.as_str()),
        (digits.as_str(), "canary-words")
    );
    // Each receipt of an attempt has an entry that commits to it, also one that moves nothing.
    world.store.receipt(about("canary-again", "m")).await.unwrap();
    let raws = world.store.raw_receipts(attempt).await.unwrap();
    assert_eq!(raws.len(), 2);
    assert!(
        raws.iter().all(|raw| raw.ends_with(&[0xff, 0xfe])),
        "as they came"
    );
    let story = world.store.story(attempt).await.unwrap();
    let committed: Vec<_> = story
        .entries
        .iter()
        .filter(|(kind, _, _)| kind == "receipt.received")
        .collect();
    assert_eq!(committed.len(), 2);
    for (_, _, bytes) in committed {
        let fields: serde_json::Value = serde_json::from_str(bytes).unwrap();
        let record = fields["record"].as_str().unwrap().parse().unwrap();
        let sealed = world.store.sealed_receipt(record).await.unwrap().unwrap();
        assert_eq!(
            Some(hex::encode(sealed.commitment.unwrap().0).as_str()),
            fields["raw"].as_str()
        );
        assert!(sealed.opened.is_none(), "what is no text is not shown as one");
    }
    world.verified().await;
    let who = world.store.person_by_reference("P-0001").await.unwrap();
    let told = world.store.erase(who, "zhao", "request").await.unwrap();
    assert_eq!(told.arrivals, 4, "two receipts, one aside, one message");
    assert!(world.store.raw_receipts(attempt).await.unwrap().is_empty());
    assert!(world.store.open_inbound(10).await.unwrap().is_empty());
    assert_eq!(
        world
            .raw
            .count("SELECT COUNT(*) FROM receipt WHERE raw IS NOT NULL")
            .await,
        0
    );
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM receipt_aside").await, 0);
    world.verified().await;
}

async fn strangers_who_become_known_keep_what_they_said(database: TestDatabase) {
    let world = World::new(database).await;
    let number = "13800004712";
    let take = async |from: &str, text: &str| {
        let said = reply(from, text, None, None);
        assert!(world.store.take_inbound(said, None).await.unwrap());
    };
    take(&format!("86{number}"), "who are you").await;
    take("nobody@example.com", "wrong address").await;
    let strangers = || {
        world
            .raw
            .count("SELECT COUNT(*) FROM inbound i JOIN stranger s ON s.id = i.keeper")
    };
    assert_eq!(strangers().await, 2);
    assert_eq!(
        world.raw.count("SELECT COUNT(*) FROM stranger").await,
        1,
        "one key for a day"
    );
    world.account("0001").phone(number).import().await;
    world.store.match_aside().await.unwrap();
    assert_eq!(strangers().await, 1);
    let open = world.store.open_inbound(10).await.unwrap();
    assert_eq!(open.len(), 2, "both can still be read");
    let who = world.store.person_by_reference("P-0001").await.unwrap();
    let entries = world.store.latest_entries(50).await.unwrap();
    let matched = entries.iter().find(|e| e.kind == "reply.matched").unwrap();
    assert!(matched.bytes.contains(&who.to_string()));
    assert!(
        world
            .store
            .sealed_reply(matched.record.0)
            .await
            .unwrap()
            .is_some()
    );
    world.verified().await;
    // The strangers of that day are forgotten when their time is over; whoever is known stays.
    let day = world.now().utc().date_naive();
    assert!(world.store.stale_strangers(day).await.unwrap().is_empty());
    let stale = world
        .store
        .stale_strangers(day + chrono::Days::new(1))
        .await
        .unwrap();
    assert_eq!((stale.len(), stale[0].things), (1, 1));
    let why = Shredding {
        class: "strangers",
        rule: "house/retention.strangers".into(),
        basis: "house rule".into(),
        policy: "a set".into(),
    };
    let gone = world
        .store
        .shred_strangers(vec![stale[0].id], "zhao", why)
        .await
        .unwrap();
    assert_eq!(gone, 1);
    let open = world.store.open_inbound(10).await.unwrap();
    assert_eq!(
        open.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(),
        ["who are you"]
    );
    assert!(
        world
            .store
            .stale_strangers(day + chrono::Days::new(1))
            .await
            .unwrap()
            .is_empty()
    );
    world.verified().await;
}

async fn what_was_changed_by_hand_is_found(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    taken(&world, &["m"]).await;
    says(&world, "e-1", &["m"], Says::Delivered).await;
    let said = reply(&number_of(&world).await, "wait a week", None, None);
    world.store.take_inbound(said, None).await.unwrap();
    world.verified().await;
    let zeros = match world.raw.is_sqlite() {
        true => "zeroblob(80)",
        false => "decode(repeat('00', 80), 'hex')",
    };
    for text in [
        format!("UPDATE receipt SET raw = {zeros}"),
        format!("UPDATE inbound SET sealed = {zeros}"),
    ] {
        world.raw.run(Box::leak(text.into_boxed_str())).await.unwrap();
    }
    let found = world.store.verify_log().await.unwrap().faults;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|f| f.kind.as_str() == "content"), "{found:?}");
}
