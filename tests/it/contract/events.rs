//! What happens from outside, and everything that follows from it.

use dunwell::domain::*;
use dunwell::ledger::RelatedKey;
use dunwell::store::{EventOutcome, NewEvent, Occurrence};
use tokio::task::JoinSet;

use super::on_every_database;
use super::world::{PORTFOLIO, World, date, digest, moment, paid, phone_address, portfolio, suppressed};
use crate::support::TestDatabase;

on_every_database!(
    payments_reduce_settle_and_reopen,
    the_same_event_counts_once,
    a_promise_pauses_until_it_is_kept_or_broken,
    of_several_promises_the_last_one_counts,
    a_dispute_pauses_until_it_is_resolved,
    suppressions_stop_what_they_cover,
    calls_take_their_place,
    an_event_may_be_about_somebody_beside_the_debtor,
    consents_are_given_and_taken_back,
    wishes_stand_until_they_are_taken_back,
    an_event_finds_its_account_or_says_so,
    payments_at_the_same_time_all_count,
);

async fn next_step(world: &World, reference: &str) -> Vec<String> {
    let sql = format!(
        "SELECT CAST(next_step_on AS TEXT) FROM account WHERE reference = '{reference}' AND next_step_on IS NOT NULL"
    );
    world.raw.words(&sql).await
}

async fn payments_reduce_settle_and_reopen(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").owes(1000).import().await;
    let waiting = world.queue("0001", 2).await;
    let before = world.read("0001").await;
    let part = world.happens("0001", paid("bank-1", 400)).await;
    assert_eq!(part, EventOutcome::Taken { withdrawn: 0 });
    let after = world.read("0001").await;
    assert_eq!((after.balance_minor, after.state), (600, AccountState::Open));
    assert!(after.revision > before.revision);
    let rest = world.happens("0001", paid("bank-2", 600)).await;
    assert_eq!(rest, EventOutcome::Taken { withdrawn: 2 });
    assert_eq!(world.reason(waiting[0]).await.as_deref(), Some("paid"));
    assert_eq!(world.read("0001").await.state, AccountState::Settled);
    assert!(next_step(&world, "0001").await.is_empty());
    world.happens("0001", paid("bank-2-returned", -600)).await;
    let back = world.read("0001").await;
    assert_eq!((back.balance_minor, back.state), (600, AccountState::Open));
    assert_eq!(next_step(&world, "0001").await, ["2026-04-07"]);
    assert_eq!(world.state(waiting[0]).await, AttemptState::Withdrawn);
    world.happens("0001", paid("bank-3", 700)).await;
    let over = world.read("0001").await;
    assert_eq!((over.balance_minor, over.state), (-100, AccountState::Settled));
    world.verified().await;
}

async fn the_same_event_counts_once(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").owes(1000).import().await;
    let foreign = NewEvent {
        currency: Some(dunwell::domain::Currency::parse("JPY").unwrap()),
        ..world.event("0001", paid("bank-0", 100))
    };
    let preview = world
        .store
        .events_preview(std::slice::from_ref(&foreign))
        .await
        .unwrap();
    assert_eq!(preview, [EventOutcome::OtherCurrency]);
    let refused = world.store.record_events(vec![foreign], None).await.unwrap();
    assert_eq!(refused, [EventOutcome::OtherCurrency]);
    assert_eq!(world.read("0001").await.balance_minor, 1000);
    let row = NewEvent {
        digest: Some(digest("row", &1)),
        ..world.event("0001", paid("bank-1", 100))
    };
    let twice = vec![row.clone(), row.clone()];
    let outcomes = world.store.record_events(twice, None).await.unwrap();
    assert_eq!(
        outcomes,
        [EventOutcome::Taken { withdrawn: 0 }, EventOutcome::Seen]
    );
    let mut all = JoinSet::new();
    for n in 0..8 {
        let (store, row) = (world.store.clone(), row.clone());
        let fresh = NewEvent {
            digest: Some(digest("row", &(n % 2 + 2))),
            ..world.event("0001", paid(&format!("bank-{}", n % 2 + 2), 100))
        };
        let mut events = vec![row, fresh];
        events.rotate_left(n % 2);
        all.spawn(async move { store.record_events(events, None).await.unwrap() });
    }
    let taken = all.join_all().await.concat();
    assert_eq!(taken.iter().filter(|o| **o != EventOutcome::Seen).count(), 2);
    // A booking that two files name counts once.
    world.happens("0001", paid("bank-1", 100)).await;
    assert_eq!(world.read("0001").await.balance_minor, 700);
    world.verified().await;
}

fn promise(minor: i64, due_on: &str) -> Occurrence {
    Occurrence::Promise {
        amount_minor: minor,
        due_on: date(due_on),
    }
}

async fn promises(world: &World) -> Vec<String> {
    world.raw.words("SELECT state FROM promise ORDER BY due_on").await
}

async fn a_promise_pauses_until_it_is_kept_or_broken(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").owes(1000).import().await;
    let waiting = world.queue("0001", 1).await;
    let made = world.happens("0001", promise(500, "2026-04-20")).await;
    assert_eq!(made, EventOutcome::Taken { withdrawn: 1 });
    assert_eq!(world.reason(waiting[0]).await.as_deref(), Some("promised"));
    let account = world.read("0001").await;
    assert_eq!(account.promised_until, Some(date("2026-04-20")));
    assert_eq!(next_step(&world, "0001").await, ["2026-04-21"]);
    let breaks = async |today: &str| {
        let broken = world.store.break_promises(account.portfolio, date(today));
        broken.await.unwrap().len()
    };
    assert_eq!(breaks("2026-04-20").await, 0, "its own day is part of it");
    world.at("2026-04-21T09:00:00+08:00");
    assert_eq!(breaks("2026-04-21").await, 1);
    assert_eq!(breaks("2026-04-21").await, 0);
    assert_eq!(promises(&world).await, ["broken"]);
    assert_eq!(world.read("0001").await.promised_until, None);
    assert_eq!(next_step(&world, "0001").await, ["2026-04-21"]);
    world.happens("0001", promise(300, "2026-05-20")).await;
    let pays = async |reference: &str, amount_minor: i64| {
        let payment = Occurrence::Payment {
            reference: reference.into(),
            amount_minor,
            paid_on: date("2026-04-25"),
        };
        world.happens("0001", payment).await;
    };
    pays("bank-1", 100).await;
    assert_eq!(promises(&world).await, ["broken", "open"]);
    pays("bank-2", 200).await;
    assert_eq!(promises(&world).await, ["broken", "kept"]);
    assert_eq!(world.read("0001").await.promised_until, None);
    world.verified().await;
}

async fn of_several_promises_the_last_one_counts(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").owes(1000).import().await;
    world.happens("0001", promise(500, "2026-05-20")).await;
    world.happens("0001", promise(500, "2026-04-20")).await;
    let until = async || world.read("0001").await.promised_until;
    assert_eq!(until().await, Some(date("2026-05-20")));
    let portfolio = world.read("0001").await.portfolio;
    world
        .store
        .break_promises(portfolio, date("2026-04-21"))
        .await
        .unwrap();
    assert_eq!(
        until().await,
        Some(date("2026-05-20")),
        "one is broken, the other stands"
    );
    world.happens("0001", promise(200, "2026-06-20")).await;
    world.happens("0001", paid("bank-1", 1000)).await;
    assert_eq!(promises(&world).await, ["broken", "kept", "kept"]);
    assert!(
        world
            .store
            .break_promises(portfolio, date("2027-01-01"))
            .await
            .unwrap()
            .is_empty()
    );
    world.verified().await;
}

async fn a_dispute_pauses_until_it_is_resolved(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let waiting = world.queue("0001", 1).await;
    let opened = Occurrence::DisputeOpened {
        reason: "quality".into(),
    };
    assert_eq!(
        world.happens("0001", opened).await,
        EventOutcome::Taken { withdrawn: 1 }
    );
    assert_eq!(world.reason(waiting[0]).await.as_deref(), Some("disputed"));
    assert!(world.read("0001").await.disputed);
    world.happens("0001", Occurrence::DisputeResolved).await;
    assert!(!world.read("0001").await.disputed);
    assert_eq!(
        world.state(waiting[0]).await,
        AttemptState::Withdrawn,
        "nothing comes back by itself"
    );
    assert_eq!(
        world
            .raw
            .count("SELECT COUNT(*) FROM dispute WHERE resolved_at IS NULL")
            .await,
        0
    );
    world.verified().await;
}

async fn suppressions_stop_what_they_cover(database: TestDatabase) {
    let world = World::new(database).await;
    // One person with two debts, and another behind the same number.
    world
        .account("0001")
        .debtor("P1")
        .phone("13800000042")
        .import()
        .await;
    world
        .account("0002")
        .debtor("P1")
        .phone("13800000042")
        .import()
        .await;
    world
        .account("0003")
        .debtor("P3")
        .phone("13800000042")
        .import()
        .await;
    let check = async |what: Occurrence, expected: u64, standing: [usize; 3]| {
        for reference in ["0001", "0002", "0003"] {
            world.queue(reference, 1).await;
        }
        let word = what.word();
        let outcome = world.happens("0001", what).await;
        assert_eq!(outcome, EventOutcome::Taken { withdrawn: expected }, "{word}");
        for (reference, standing) in ["0001", "0002", "0003"].iter().zip(standing) {
            world
                .raw
                .run("UPDATE attempt SET state = 'withdrawn' WHERE state = 'planned'")
                .await
                .unwrap();
            world.queue(reference, 1).await;
            let claimed = world.claim(world.worker(), 5).await;
            assert_eq!(claimed.len(), 1);
            assert_eq!(
                claimed[0].situation.suppressions.len(),
                standing,
                "{word} {reference}"
            );
        }
        world
            .raw
            .run("UPDATE attempt SET state = 'withdrawn' WHERE state = 'planned'")
            .await
            .unwrap();
    };
    let of_address = |reason, channel| Occurrence::Suppressed {
        reason,
        channel,
        address: Some(phone_address("13800000042")),
        until: Some(moment("2026-12-31T00:00:00Z")),
    };
    let of_person = |channel| Occurrence::Suppressed {
        reason: SuppressionReason::OptOut,
        channel: Some(channel),
        address: None,
        until: None,
    };
    check(suppressed(SuppressionReason::Complaint), 1, [1, 0, 0]).await;
    check(of_person(Channel::Email), 0, [2, 1, 0]).await;
    check(of_person(Channel::Sms), 2, [3, 2, 0]).await;
    check(
        of_address(SuppressionReason::OptOut, Some(Channel::Call)),
        0,
        [4, 3, 1],
    )
    .await;
    check(of_address(SuppressionReason::WrongParty, None), 3, [5, 4, 2]).await;
    let usable = async || {
        world
            .raw
            .count("SELECT COUNT(*) FROM contact_point WHERE usable")
            .await
    };
    assert_eq!(usable().await, 1, "it may still be the other one's");
    check(of_address(SuppressionReason::Unreachable, None), 3, [6, 5, 3]).await;
    assert_eq!(usable().await, 0);
    check(suppressed(SuppressionReason::Death), 2, [7, 6, 3]).await;
    assert_eq!(
        world
            .raw
            .count("SELECT COUNT(*) FROM person WHERE deceased")
            .await,
        1
    );
}

async fn calls_take_their_place(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").phone("13800000042").import().await;
    let call = async |result, inbound| {
        let number = Some(phone_address("13800000042"));
        world
            .happens(
                "0001",
                Occurrence::Call {
                    result,
                    inbound,
                    number,
                },
            )
            .await;
    };
    call(CallResult::NoAnswer, true).await;
    assert_eq!(world.touches().await, 0, "the debtor called");
    call(CallResult::NoAnswer, false).await;
    call(CallResult::Voicemail, false).await;
    call(CallResult::Conversation, false).await;
    call(CallResult::Conversation, true).await;
    world.queue("0001", 1).await;
    let claimed = world.claim(world.worker(), 1).await;
    let s = &claimed[0].situation;
    let touches: Vec<_> = s.history.iter().map(|t| (t.kind, t.collection)).collect();
    use TouchKind::*;
    let expected = [
        (CallUnanswered, true),
        (CallAnswered, true),
        (Conversation, true),
        (Conversation, false),
    ];
    assert_eq!(touches.len(), 4);
    assert!(expected.iter().all(|e| touches.contains(e)), "{touches:?}");
    let here = |t: &Touch| t.channel == Channel::Call && t.address == Some(s.contact_point.address_id);
    assert!(s.history.iter().all(here));
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM call_record").await, 5);
}

async fn an_event_may_be_about_somebody_beside_the_debtor(database: TestDatabase) {
    let world = World::new(database).await;
    world
        .account("0001")
        .guarantor("G1", "13900000011")
        .import()
        .await;
    let debtors = world.queue("0001", 1).await[0];
    let theirs = world.attempt_by("0001", "G1").await;
    let theirs = world.queue_like(theirs, 1).await[0];
    let about = |role, name: Option<&str>, what| NewEvent {
        related: Some(RelatedKey {
            role,
            name: name.map(|n| PersonName::parse(n).unwrap()),
        }),
        ..world.event("0001", what)
    };
    let cease = || suppressed(SuppressionReason::CeaseCommunication);
    let nobody = [
        about(Role::Executor, None, cease()),
        about(Role::Guarantor, Some("Somebody Else"), cease()),
    ];
    let expected = [EventOutcome::NoPerson; 2];
    assert_eq!(world.store.events_preview(&nobody).await.unwrap(), expected);
    assert_eq!(
        world.store.record_events(nobody.to_vec(), None).await.unwrap(),
        expected
    );
    let call = Occurrence::Call {
        result: CallResult::Conversation,
        inbound: false,
        number: None,
    };
    let events = vec![
        about(Role::Guarantor, None, call),
        about(Role::Guarantor, None, cease()),
    ];
    let outcomes = world.store.record_events(events, None).await.unwrap();
    assert_eq!(outcomes[1], EventOutcome::Taken { withdrawn: 1 });
    assert_eq!(world.state(debtors).await, AttemptState::Planned);
    assert_eq!(world.reason(theirs).await.as_deref(), Some("cease_communication"));
    let told = world.store.ledger_events().await.unwrap();
    assert_eq!(told.len(), 2);
    for row in told {
        assert_eq!(row.related.map(|r| r.role), Some(Role::Guarantor));
    }
    world.verified().await;
}

async fn consents_are_given_and_taken_back(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world.queue("0001", 1).await;
    let attempt = world.claim(world.worker(), 1).await[0].situation.attempt.id;
    let consents = async || {
        let claimed = world.store.situation(attempt, world.now()).await.unwrap();
        claimed.situation.consents
    };
    let given = Occurrence::ConsentGiven {
        scope: ConsentScope::Hours,
        channel: Some(Channel::Sms),
        until: Some(moment("2026-12-31T00:00:00Z")),
    };
    world.happens("0001", given).await;
    let stands = consents().await;
    assert_eq!(stands.len(), 1);
    assert_eq!(stands[0].until, Some(moment("2026-12-31T00:00:00Z")));
    world
        .happens(
            "0001",
            Occurrence::ConsentRevoked {
                scope: ConsentScope::Frequency,
                channel: None,
            },
        )
        .await;
    assert_eq!(consents().await.len(), 1);
    world
        .happens(
            "0001",
            Occurrence::ConsentRevoked {
                scope: ConsentScope::Hours,
                channel: None,
            },
        )
        .await;
    assert!(consents().await.is_empty());
    world.happens("0001", Occurrence::LegalActionApproved).await;
    assert!(world.read("0001").await.legal_action_approved);
}

async fn wishes_stand_until_they_are_taken_back(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world.queue("0001", 1).await;
    let attempt = world.claim(world.worker(), 1).await[0].situation.attempt.id;
    let wishes = async || {
        let claimed = world.store.situation(attempt, world.now()).await.unwrap();
        claimed.situation.wishes
    };
    let asked = |text: &str, channel| Occurrence::Wished {
        wish: text.parse().unwrap(),
        channel,
        until: Some(moment("2026-12-31T00:00:00Z")),
    };
    let revision = world.read("0001").await.revision;
    world
        .happens("0001", asked("not at daily 00:00-10:00", Some(Channel::Call)))
        .await;
    world.happens("0001", asked("only by email", None)).await;
    let stands = wishes().await;
    let words: Vec<String> = stands.iter().map(|w| w.wish.to_string()).collect();
    assert_eq!(words, ["not at daily 00:00-10:00", "only by email"]);
    assert_eq!(stands[0].channel, Some(Channel::Call));
    assert_eq!(stands[1].until, Some(moment("2026-12-31T00:00:00Z")));
    assert_eq!(
        world.read("0001").await.revision,
        revision,
        "a wish is the person's"
    );
    let taken_back = |wish: Option<&str>| Occurrence::WishWithdrawn {
        wish: wish.map(|w| w.parse().unwrap()),
        channel: None,
    };
    world
        .happens("0001", taken_back(Some("not at daily 00:00-10:00")))
        .await;
    assert_eq!(wishes().await.len(), 1);
    world.happens("0001", taken_back(None)).await;
    assert!(wishes().await.is_empty());
}

async fn an_event_finds_its_account_or_says_so(database: TestDatabase) {
    let world = World::new(database).await;
    let mut more = super::world::set_up();
    more.portfolios.push(portfolio("loans"));
    world.store.set_up(more, "olga").await.unwrap();
    world.account("0001").import().await;
    let event = |portfolio: Option<&str>, reference: &str| NewEvent {
        portfolio: portfolio.map(str::to_owned),
        digest: Some(digest("row", &(portfolio, reference))),
        ..world.event(reference, paid("bank-1", 1))
    };
    let record = async |event| world.store.record_events(vec![event], None).await.unwrap()[0];
    let taken = EventOutcome::Taken { withdrawn: 0 };
    assert_eq!(
        record(event(Some("loans"), "0001")).await,
        EventOutcome::NoAccount
    );
    assert_eq!(record(event(None, "0002")).await, EventOutcome::NoAccount);
    assert_eq!(record(event(None, "0001")).await, taken);
    let mut other = world.account("0001").row();
    other.portfolio = "loans".into();
    world.import(vec![other]).await;
    world.account("0002").import().await;
    assert_eq!(
        record(event(None, "0002")).await,
        taken,
        "it came too early before"
    );
    assert_eq!(record(event(Some("loans"), "0001")).await, taken);
    let again = NewEvent {
        digest: None,
        ..event(None, "0001")
    };
    assert_eq!(record(again).await, EventOutcome::NoAccount, "there are two");
    assert!(world.store.account_id(None, "0001").await.is_err());
    assert!(world.store.account_id(Some(PORTFOLIO), "0001").await.is_ok());
}

async fn payments_at_the_same_time_all_count(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").owes(100_000).import().await;
    let mut all = JoinSet::new();
    for n in 0..100 {
        let (store, event) = (
            world.store.clone(),
            world.event("0001", paid(&format!("bank-{n}"), 7)),
        );
        all.spawn(async move { store.record_events(vec![event], None).await.unwrap() });
    }
    assert_eq!(all.join_all().await.len(), 100);
    assert_eq!(world.read("0001").await.balance_minor, 100_000 - 700);
    world.verified().await;
}
