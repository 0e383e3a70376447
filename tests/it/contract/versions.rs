//! Policies in versions: two people, one moment, texts that never change; and the facts that decisions rest on.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use dunwell::store::*;
use uuid::Uuid;

use super::on_every_database;
use super::world::{World, decision, moment};
use crate::support::TestDatabase;

on_every_database!(
    two_people_bring_a_set_into_force,
    of_many_who_found_one_does,
    what_was_published_and_approved_never_changes,
    a_decision_under_a_set_that_is_no_longer_in_force_is_stale,
    the_facts_of_every_decision_are_kept_and_compared,
);

fn set(text: &str) -> NewSet {
    NewSet {
        files: vec![
            ("b/policy.toml".into(), text.into()),
            ("a/policy.toml".into(), "common\r\n".into()),
        ],
        policy: "p".repeat(64),
        packs: BTreeMap::from([("b".to_owned(), "1".to_owned())]),
    }
}

async fn two_people_bring_a_set_into_force(database: TestDatabase) {
    let world = World::new(database).await;
    let (store, at) = (&world.store, |text: &str| moment(text));
    let (one, new) = store
        .publish_set(set("one"), "chen", Some("first"))
        .await
        .unwrap();
    assert!(new);
    assert_eq!(
        store.publish_set(set("one"), "zhao", None).await.unwrap(),
        (one, false)
    );
    let files = store.set_files(one).await.unwrap();
    let expected = [("a/policy.toml", "common\n"), ("b/policy.toml", "one")];
    assert!(
        files.iter().map(|(p, t)| (p.as_str(), t.as_str())).eq(expected),
        "{files:?}"
    );
    assert_eq!(store.find_set(&one.to_string()[..4]).await.unwrap(), one);
    for typed in ["", "ffff0000", "not hex", &one.to_string()[..3]] {
        assert!(store.find_set(typed).await.is_err(), "{typed}");
    }
    assert_eq!(store.set_in_force(world.now()).await.unwrap(), None);

    // One person asks, another approves, and not before its moment.
    let tomorrow = at("2026-04-08T00:00:00+08:00");
    let refused = [
        store
            .activate_set(one, Some(at("2026-04-07T09:59:59+08:00")), "chen")
            .await,
        store
            .activate_set(SetDigest([7; 32]), Some(tomorrow), "chen")
            .await,
        store.activate_set(one, Some(tomorrow), "  ").await,
        store.approve_set(one, "zhao").await,
    ];
    for refused in refused {
        let e = refused.unwrap_err();
        assert!(
            matches!(e, StoreError::Refused(_) | StoreError::Missing { .. }),
            "{e}"
        );
    }
    let before = store.registry_version().await.unwrap();
    store.activate_set(one, Some(tomorrow), "chen").await.unwrap();
    for same in ["chen", " Chen ", "CHEN"] {
        assert!(
            matches!(store.approve_set(one, same).await, Err(StoreError::Refused(_))),
            "{same}"
        );
    }
    assert_eq!(store.set_in_force(tomorrow).await.unwrap(), None);
    assert_eq!(store.registry_version().await.unwrap(), before);
    let approved = store.approve_set(one, "zhao").await.unwrap();
    assert_eq!(approved.in_force_at, Some(tomorrow));
    assert!(
        store.registry_version().await.unwrap() > before,
        "caches must notice"
    );
    assert_eq!(
        store
            .set_in_force(tomorrow - TimeDelta::microseconds(1))
            .await
            .unwrap(),
        None
    );
    assert_eq!(store.set_in_force(tomorrow).await.unwrap(), Some(one));
    assert!(
        store.approve_set(one, "zhao").await.is_err(),
        "nothing waits any more"
    );

    // What is approved late is in force when it was approved, not in the past.
    let (two, _) = store.publish_set(set("two"), "chen", None).await.unwrap();
    store.activate_set(two, None, "chen").await.unwrap();
    world.at("2026-04-07T11:00:00+08:00");
    assert_eq!(
        store.approve_set(two, "zhao").await.unwrap().in_force_at,
        Some(world.now())
    );
    let (_, schedule) = store.policy_schedule().await.unwrap();
    assert_eq!(schedule, [(world.now(), two), (tomorrow, one)]);
    assert_eq!(
        store
            .set_in_force(tomorrow - TimeDelta::seconds(1))
            .await
            .unwrap(),
        Some(two)
    );
    let activations = store.activations().await.unwrap();
    assert!(activations.iter().all(|a| !a.founding && a.approved.is_some()));
    let check = store.verify_log().await.unwrap();
    world.sound(&check);
    let count = |kind: &str| check.kinds.get(kind).copied();
    let kinds = ["policy.published", "policy.activated", "policy.approved"];
    assert_eq!(kinds.map(count), [Some(2); 3]);
}

async fn of_many_who_found_one_does(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    let mut all = tokio::task::JoinSet::new();
    for n in 0..8 {
        let world = world.clone();
        all.spawn(async move {
            loop {
                match world
                    .store
                    .found_policies(set(&format!("set {n}")), "dunwell")
                    .await
                {
                    Ok(founded) => return founded,
                    Err(StoreError::Contended) => {}
                    Err(e) => panic!("{e}"),
                }
            }
        });
    }
    let founded: Vec<Activation> = all.join_all().await.into_iter().flatten().collect();
    let [one] = &founded[..] else {
        panic!("{founded:?}")
    };
    assert!(one.founding && one.approved.is_none());
    assert_eq!(
        world.store.set_in_force(world.now()).await.unwrap(),
        Some(one.set)
    );
    assert_eq!(world.store.policy_sets().await.unwrap().len(), 1);
    assert_eq!(world.store.activations().await.unwrap().len(), 1);
    world.verified().await;
}

async fn what_was_published_and_approved_never_changes(database: TestDatabase) {
    let world = World::new(database).await;
    world.store.found_policies(set("one"), "dunwell").await.unwrap();
    let (two, _) = world.store.publish_set(set("two"), "chen", None).await.unwrap();
    world.store.activate_set(two, None, "chen").await.unwrap();
    let id = world.raw.literal(world.worker());
    let twice = format!(
        "INSERT INTO activation (id, set_digest, effective_at, asked_by, asked_at, in_force_at, founding) SELECT {id}, set_digest, effective_at, asked_by, asked_at, in_force_at, founding FROM activation WHERE founding"
    );
    for refused in [
        "UPDATE document SET bytes = 'x'",
        "DELETE FROM document",
        "UPDATE policy_set SET published_by = 'x'",
        "DELETE FROM policy_set",
        "UPDATE activation SET in_force_at = NULL WHERE in_force_at IS NOT NULL",
        "DELETE FROM activation",
        "UPDATE activation SET approved_by = asked_by WHERE approved_by IS NULL AND in_force_at IS NULL",
        "UPDATE activation SET in_force_at = effective_at WHERE in_force_at IS NULL",
        &twice,
    ] {
        assert!(world.raw.run(refused).await.is_err(), "{refused}");
    }
    assert_eq!(world.store.set_files(two).await.unwrap().len(), 2);
}

fn basis(set: Option<SetDigest>, facts: &str) -> Option<Basis> {
    Some(Basis {
        facts: facts.into(),
        desk: "{\"desk\":1}".into(),
        set,
    })
}

async fn a_decision_under_a_set_that_is_no_longer_in_force_is_stale(database: TestDatabase) {
    let world = World::new(database).await;
    let one = world
        .store
        .found_policies(set("one"), "dunwell")
        .await
        .unwrap()
        .unwrap()
        .set;
    let (two, _) = world.store.publish_set(set("two"), "chen", None).await.unwrap();
    let later = moment("2026-04-07T10:30:00+08:00");
    world.store.activate_set(two, Some(later), "chen").await.unwrap();
    world.store.approve_set(two, "zhao").await.unwrap();
    world.account("0001").import().await;
    let worker = world.worker();
    world.queue("0001", 1).await;
    let claimed = world.claim(worker, 10).await;
    let under = |set| Decision {
        basis: basis(Some(set), "{}"),
        ..decision(&claimed[0], Action::Block)
    };
    // The moment passes between judging and recording.
    world.at("2026-04-07T10:30:00+08:00");
    let stale = world.store.decide(worker, vec![under(one)]).await.unwrap();
    assert!(matches!(stale[0].recorded, Recorded::Stale), "{stale:?}");
    let claimed = world.claim(worker, 10).await;
    assert_eq!(claimed.len(), 1, "it went back into the queue");
    let decided = world.store.decide(worker, vec![under(two)]).await.unwrap();
    assert!(matches!(decided[0].recorded, Recorded::Blocked), "{decided:?}");
    world.verified().await;
}

async fn the_facts_of_every_decision_are_kept_and_compared(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempt = world.queue("0001", 1).await[0];
    let worker = world.worker();
    for (facts, action) in [
        ("{\"first\":1}", Action::Hold { until: world.now() }),
        ("{\"second\":2}", Action::Block),
    ] {
        let claimed = world.claim(worker, 10).await;
        let mut one = Decision {
            basis: basis(None, facts),
            ..decision(&claimed[0], action)
        };
        one.fields.insert("engine".into(), "test".into());
        world.store.decide(worker, vec![one]).await.unwrap();
    }
    let kept = world.store.decisions(attempt).await.unwrap();
    let facts: Vec<&Facts> = kept.iter().map(|d| &d.facts).collect();
    let was = |text: &str| Facts::Kept(text.to_owned());
    assert_eq!(facts, [&was("{\"first\":1}"), &was("{\"second\":2}")]);
    let states: Vec<_> = kept.iter().map(|d| d.text("state").unwrap()).collect();
    assert_eq!(states, ["held", "blocked"]);
    // The words of both are committed to, though only those of the last are kept.
    let words = "{\"text\":\"A reminder.\"}";
    assert!(kept.iter().all(|d| d.fits_words(words) == Some(true)));
    assert!(kept.iter().all(|d| d.fits_words("{}") == Some(false)));
    let check = world.store.verify_log().await.unwrap();
    world.sound(&check);
    assert_eq!(check.contents, 3, "one content, two lists of facts");

    // What was changed is found and named; what was erased is not there to compare.
    let first = world.raw.literal(kept[0].record);
    world
        .raw
        .run(&format!(
            "UPDATE decision SET facts = (SELECT body FROM content LIMIT 1) WHERE record = {first}"
        ))
        .await
        .unwrap();
    let check = world.store.verify_log().await.unwrap();
    let wrong: Vec<&str> = check.faults.iter().map(|f| f.record.as_str()).collect();
    assert_eq!(wrong, [kept[0].record.to_string()]);
    assert_eq!(
        world.store.decisions(attempt).await.unwrap()[0].facts,
        Facts::Changed
    );
    world.raw.run("DELETE FROM decision").await.unwrap();
    world.verified().await;
    assert!(
        world
            .store
            .decisions(attempt)
            .await
            .unwrap()
            .iter()
            .all(|d| d.facts == Facts::Gone)
    );
    let stray = world.raw.literal(Uuid::nil());
    let attempt = world.raw.literal(attempt.0);
    let torn = if world.raw.is_sqlite() { "x'00'" } else { "'\\x00'" };
    let forged = format!(
        "INSERT INTO decision (attempt_id, record, sealed, facts) VALUES ({attempt}, {stray}, TRUE, {torn})"
    );
    world.raw.run(&forged).await.unwrap();
    assert_eq!(
        world.store.verify_log().await.unwrap().faults.len(),
        1,
        "facts of no decision"
    );
}
