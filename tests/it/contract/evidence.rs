//! The log verifies after a whole story, and tampering past the store is found.

use dunwell::domain::{AttemptId, AttemptState, SuppressionReason};
use dunwell::store::{Action, Occurrence, OfficerAction, Receipt, ReceiptStatus};

use super::on_every_database;
use super::world::{World, date, decision, paid, permissive, suppressed};
use crate::support::TestDatabase;

on_every_database!(
    a_whole_story_verifies,
    tampering_is_found,
    what_was_erased_is_no_fault,
    nothing_personal_stands_in_the_log,
);

/// Something of everything.
async fn story(world: &World) {
    world
        .account("0001")
        .guarantor("G1", "13900000011")
        .import()
        .await;
    let (batch, _) = world.import(vec![world.account("0002").row()]).await;
    world.account("0003").import().await;
    let attempt = world.reserved("0001").await;
    world.settle(attempt, AttemptState::Accepted, "m-1").await;
    let receipt = Receipt {
        provider: "carrier".into(),
        event: "e-1".into(),
        references: vec!["m-1".into()],
        attempt: None,
        status: ReceiptStatus::Delivered,
        recipient: None,
        raw: b"as it came".to_vec(),
    };
    world.store.receipt(receipt).await.unwrap();
    let failed = world.reserved("0001").await;
    world.settle(failed, AttemptState::NotSent, "m-2").await;
    let lost = world.reserved("0001").await;
    world.settle(lost, AttemptState::Unknown, "m-3").await;
    world
        .store
        .officer(lost, OfficerAction::ConfirmSent, "pavel")
        .await
        .unwrap();
    let worker = world.worker();
    let until = world.now() + chrono::TimeDelta::hours(1);
    for action in [
        Action::Hold { until },
        Action::Review,
        Action::Block,
        Action::Withdraw,
    ] {
        world.queue("0003", 1).await;
        let claimed = world.claim(worker, 1).await;
        let decision = decision(&claimed[0], action);
        world.store.decide(worker, vec![decision]).await.unwrap();
    }
    world.queue("0002", 1).await;
    world.store.undo_import(batch).await.unwrap();
    let promise = Occurrence::Promise {
        amount_minor: 5,
        due_on: date("2026-04-10"),
    };
    let dispute = Occurrence::DisputeOpened {
        reason: "quality".into(),
    };
    for what in [promise, dispute, Occurrence::DisputeResolved, paid("bank-1", 3)] {
        world.happens("0001", what).await;
    }
    world.happens("0003", suppressed(SuppressionReason::OptOut)).await;
    let portfolio = world.read("0001").await.portfolio;
    world
        .store
        .break_promises(portfolio, date("2026-04-11"))
        .await
        .unwrap();
    world
        .store
        .record_system_state("stopping", "0".repeat(64))
        .await
        .unwrap();
    let pack = vec![("test".to_owned(), [1; 32])];
    for _ in 0..2 {
        let kind = dunwell::evidence::Kind::PolicyPublished;
        world.store.publish(kind, pack.clone()).await.unwrap();
    }
}

async fn a_whole_story_verifies(database: TestDatabase) {
    let mut world = World::new(database).await;
    story(&world).await;
    world.reopen().await;
    world.verified().await;
    let check = world.store.verify_log().await.unwrap();
    world.sound(&check);
    let count = |kind: &str| check.kinds.get(kind).copied().unwrap_or(0);
    let expected = [
        ("log.genesis", 1),
        ("registry.changed", 1),
        ("import.accepted", 6),
        ("import.undone", 1),
        ("attempt.requested", 8),
        ("attempt.intent", 3),
        ("provider.outcome", 3),
        ("receipt.received", 1),
        ("review.action", 1),
        ("optout.received", 1),
        ("hold.set", 1),
        ("hold.cleared", 1),
        ("policy.published", 1),
        ("system.state", 1),
    ];
    for (kind, times) in expected {
        assert_eq!(count(kind), times, "{kind}: {:?}", check.kinds);
    }
    assert_eq!(
        check.contents, 7,
        "three that went out, what was stopped for a person or for good, and the receipt as it came"
    );
    let entries = world.raw.count("SELECT COUNT(*) FROM evidence").await;
    assert_eq!(i64::try_from(check.entries).unwrap(), entries);
    // The story of one attempt reads from the request to the receipt.
    let attempts = world
        .store
        .attempts(Some(AttemptState::Delivered), None, 10)
        .await
        .unwrap();
    let told = world.store.story(attempts[0].id).await.unwrap();
    let kinds: Vec<_> = told.entries.iter().map(|(kind, ..)| kind.as_str()).collect();
    let expected = [
        "attempt.requested",
        "attempt.decided",
        "attempt.intent",
        "provider.outcome",
        "receipt.received",
    ];
    assert_eq!(kinds, expected);
    assert!(told.trace.is_some() && told.body.is_some());
    let account = world.store.timeline(world.id("0001").await).await.unwrap();
    assert!(account.entries.is_sorted_by_key(|e| e.at) && account.entries.len() >= 6);
}

/// Opens the log for writing, as only somebody with the database's own password can.
async fn without_guards(world: &World) {
    let statements: &[&str] = if world.raw.is_sqlite() {
        &[
            "DROP TRIGGER evidence_no_update",
            "DROP TRIGGER evidence_no_delete",
        ]
    } else {
        &["ALTER TABLE evidence DISABLE TRIGGER USER"]
    };
    for sql in statements {
        world.raw.run(sql).await.unwrap();
    }
}

async fn tampering_is_found(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let mut settled = Vec::new();
    for _ in 0..7 {
        let attempt = world.reserved("0001").await;
        world.settle(attempt, AttemptState::Accepted, "m").await;
        settled.push(world.raw.literal(attempt.0));
    }
    let waiting = world.queue("0001", 1).await;
    world.verified().await;
    without_guards(&world).await;
    let mut settled = settled.into_iter();
    let mut tampered = async |what: &str, sql: &str, expected: &str| {
        let attempt = settled.next().unwrap();
        let before = world.store.verify_log().await.unwrap().faults.len();
        let sql = sql.replace("{attempt}", &attempt);
        assert_eq!(world.raw.run(&sql).await.unwrap(), 1, "{what}");
        let faults = world.store.verify_log().await.unwrap().faults;
        let fresh = faults.iter().any(|f| f.what.contains(expected));
        assert!(faults.len() > before && fresh, "{what}: {faults:?}");
    };
    let byte = "UPDATE evidence SET bytes = replace(bytes, 'cleared', 'cleared ') WHERE kind = 'attempt.decided' AND attempt_id = {attempt}";
    tampered("a changed byte", byte, "do not hash").await;
    let kind =
        "UPDATE evidence SET kind = 'hold.set' WHERE kind = 'attempt.intent' AND attempt_id = {attempt}";
    tampered("a changed column", kind, "`kind` differs").await;
    let middle = "DELETE FROM evidence WHERE kind = 'attempt.intent' AND attempt_id = {attempt}";
    tampered("a deleted entry", middle, "missing or out of place").await;
    let last = "DELETE FROM evidence WHERE kind = 'provider.outcome' AND attempt_id = {attempt}";
    tampered("a deleted last entry", last, "the log says `reserved`").await;
    let body = "UPDATE content SET body = facts WHERE attempt_id = {attempt}";
    tampered("changed words", body, "not the ones committed to").await;
    let facts = "UPDATE content SET facts = body WHERE attempt_id = {attempt}";
    tampered("changed facts", facts, "not the ones committed to").await;
    let state = "UPDATE attempt SET state = 'delivered' WHERE id = {attempt}";
    tampered("a changed state", state, "the log says `accepted`").await;
    let gone = format!(
        "DELETE FROM attempt WHERE id = {}",
        world.raw.literal(waiting[0].0)
    );
    world.raw.run(&gone).await.unwrap();
    let faults = world.store.verify_log().await.unwrap().faults;
    assert!(faults.iter().any(|f| f.what.contains("not there")), "{faults:?}");
}

async fn what_was_erased_is_no_fault(database: TestDatabase) {
    let world = World::new(database).await;
    story(&world).await;
    assert!(world.raw.run("DELETE FROM content").await.unwrap() > 0);
    let check = world.store.verify_log().await.unwrap();
    world.sound(&check);
    assert_eq!(check.contents, 1, "the receipt as it came is still there");
}

async fn nothing_personal_stands_in_the_log(database: TestDatabase) {
    let world = World::new(database).await;
    story(&world).await;
    world.verified().await;
    for personal in ["李", "1380000", "+86", "reminder", "P-0001", "0001\""] {
        let sql = format!("SELECT COUNT(*) FROM evidence WHERE bytes LIKE '%{personal}%'");
        assert_eq!(world.raw.count(&sql).await, 0, "{personal}");
    }
    // An attempt is found by what a person types of its id.
    let attempts = world.store.attempts(None, None, 1).await.unwrap();
    let id: AttemptId = attempts[0].id;
    let digits = id.0.simple().to_string();
    let found = world.store.find_attempt(&digits[24..]).await.unwrap();
    assert_eq!(found, id);
    assert!(world.store.find_attempt("zz").await.is_err());
    assert!(world.dispatch(&permissive()).await.is_empty());
}
