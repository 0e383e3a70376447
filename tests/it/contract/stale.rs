//! What happens between claiming and reserving wins over what was judged before.

use chrono::TimeDelta;
use dunwell::domain::{AttemptState, CallResult, Channel, SuppressionReason};
use dunwell::store::{Action, Decided, NewAttempt, Occurrence, Recorded};

use super::on_every_database;
use super::world::{World, date, decision, judge, paid, permissive, phone_address, set_up, suppressed};
use crate::support::TestDatabase;

on_every_database!(
    what_stops_contact_withdraws_what_was_claimed,
    what_changes_a_fact_makes_it_stale,
    a_shared_number_that_stops_stops_everybody_behind_it,
    what_happens_to_the_debtor_concerns_the_guarantor,
    a_window_that_closed_and_a_clock_that_jumped_back_give_nothing,
);

/// Claims one attempt, judges it, lets something happen, and then asks for the place.
async fn overtaken(
    world: &World,
    one: NewAttempt,
    happens: impl AsyncFnOnce(),
) -> (Recorded, AttemptState, Option<String>) {
    let attempt = world.queue_like(one, 1).await[0];
    let worker = world.worker();
    let claimed = world.claim(worker, 1).await;
    assert_eq!(claimed[0].situation.attempt.id, attempt);
    let judged = judge(&claimed[0], &permissive(), world.now());
    let before = world.touches().await;
    happens().await;
    let decided = world.store.decide(worker, vec![judged]).await.unwrap();
    let messages = "SELECT COUNT(*) FROM touch WHERE kind = 'message'";
    assert!(world.raw.count(messages).await <= before, "nothing was reserved");
    let recorded = decided.into_iter().next().unwrap().recorded;
    let story = (world.state(attempt).await, world.reason(attempt).await);
    if matches!(recorded, Recorded::Stale) {
        // Given back at once, not only when the lease has passed.
        let again = world.claim(worker, 10).await;
        let withdraw = |c| decision(c, Action::Withdraw);
        let decided = world
            .store
            .decide(worker, again.iter().map(withdraw).collect())
            .await
            .unwrap();
        assert!(matches!(
            decided[..],
            [Decided {
                recorded: Recorded::Withdrawn,
                ..
            }]
        ));
    }
    (recorded, story.0, story.1)
}

async fn what_stops_contact_withdraws_what_was_claimed(database: TestDatabase) {
    let world = World::new(database).await;
    let dispute = Occurrence::DisputeOpened {
        reason: "quality".into(),
    };
    let promise = Occurrence::Promise {
        amount_minor: 10,
        due_on: date("2026-04-20"),
    };
    let only_sms = Occurrence::Suppressed {
        reason: SuppressionReason::OptOut,
        channel: Some(Channel::Sms),
        address: None,
        until: None,
    };
    let stops = [
        (
            suppressed(SuppressionReason::CeaseCommunication),
            "cease_communication",
        ),
        (suppressed(SuppressionReason::Hardship), "hardship"),
        (suppressed(SuppressionReason::Death), "death"),
        (only_sms, "opt_out"),
        (dispute, "disputed"),
        (promise, "promised"),
        (paid("bank-1", 100_000), "paid"),
    ];
    for (n, (what, reason)) in stops.into_iter().enumerate() {
        let reference = format!("{n:04}");
        world.account(&reference).import().await;
        let one = world.attempt(&reference).await;
        let (recorded, state, why) = overtaken(&world, one, async || {
            world.happens(&reference, what).await;
        })
        .await;
        assert!(matches!(recorded, Recorded::Lost), "{reason}");
        assert_eq!((state, why.as_deref()), (AttemptState::Withdrawn, Some(reason)));
    }
    world.verified().await;
}

async fn what_changes_a_fact_makes_it_stale(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let other_channel = || Occurrence::Suppressed {
        reason: SuppressionReason::OptOut,
        channel: Some(Channel::Email),
        address: None,
        until: None,
    };
    let call = || Occurrence::Call {
        result: CallResult::NoAnswer,
        inbound: false,
        number: None,
    };
    let w = &world;
    let events = [
        ("a part was paid", paid("b", 5)),
        ("a call was placed", call()),
        ("another channel was closed", other_channel()),
        ("legal action was approved", Occurrence::LegalActionApproved),
    ];
    for (what, event) in events {
        stale(w, what, async || _ = w.happens("0001", event).await).await;
    }
    stale(w, "the ledger changed", async || {
        _ = w.account("0001").owes(7).import().await
    })
    .await;
    stale(w, "the registry changed", async || {
        w.store.set_up(set_up(), "olga").await.unwrap()
    })
    .await;
    world.verified().await;
}

async fn stale(world: &World, what: &str, happens: impl AsyncFnOnce()) {
    let one = world.attempt("0001").await;
    let (recorded, state, _) = overtaken(world, one, happens).await;
    assert!(matches!(recorded, Recorded::Stale), "{what}");
    assert_eq!(state, AttemptState::Planned, "{what}");
}

async fn a_shared_number_that_stops_stops_everybody_behind_it(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").phone("13800000042").import().await;
    world.account("0002").phone("13800000042").import().await;
    let one = world.attempt("0001").await;
    let (recorded, _, reason) = overtaken(&world, one, async || {
        let what = Occurrence::Suppressed {
            reason: SuppressionReason::WrongParty,
            channel: None,
            address: Some(phone_address("13800000042")),
            until: None,
        };
        world.happens("0002", what).await;
    })
    .await;
    assert!(matches!(recorded, Recorded::Lost));
    assert_eq!(reason.as_deref(), Some("wrong_party"));
    world.queue("0001", 1).await;
    let claimed = world.claim(world.worker(), 1).await;
    assert_eq!(
        claimed[0].situation.suppressions.len(),
        1,
        "it stands on the address"
    );
    world.verified().await;
}

async fn what_happens_to_the_debtor_concerns_the_guarantor(database: TestDatabase) {
    let world = World::new(database).await;
    world
        .account("0001")
        .guarantor("G1", "13900000011")
        .import()
        .await;
    let one = world.attempt_by("0001", "G1").await;
    let (recorded, ..) = overtaken(&world, one.clone(), async || {
        let consent = Occurrence::ConsentRevoked {
            scope: dunwell::domain::ConsentScope::Hours,
            channel: None,
        };
        world.happens("0001", consent).await;
    })
    .await;
    assert!(matches!(recorded, Recorded::Stale));
    let (recorded, _, reason) = overtaken(&world, one, async || {
        world
            .happens("0001", suppressed(SuppressionReason::Insolvency))
            .await;
    })
    .await;
    assert!(matches!(recorded, Recorded::Lost));
    assert_eq!(reason.as_deref(), Some("insolvency"));
}

async fn a_window_that_closed_and_a_clock_that_jumped_back_give_nothing(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let soon = NewAttempt {
        expires_at: world.now() + TimeDelta::minutes(1),
        ..world.attempt("0001").await
    };
    let (recorded, ..) = overtaken(&world, soon, async || world.clock.advance(TimeDelta::minutes(1))).await;
    assert!(matches!(recorded, Recorded::Stale));
    let (one, now) = (world.attempt("0001").await, world.now());
    let back = now - TimeDelta::hours(8);
    let attempt = world.queue_like(one, 1).await[0];
    let worker = world.worker();
    let claimed = world.claim(worker, 1).await;
    let decision = judge(&claimed[0], &permissive(), now);
    world.clock.jump(back);
    let decided = world.store.decide(worker, vec![decision]).await.unwrap();
    assert!(matches!(decided[0].recorded, Recorded::Stale));
    assert_eq!(world.state(attempt).await, AttemptState::Planned);
}
