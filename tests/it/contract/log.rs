//! The tree over the log: places without gaps whoever writes, heads that are signed once and never contradict, proofs.

use dunwell::evidence::{
    Checkpoint, Frontier, KeyUse, Kind, NoteSigner, Policy, leaf_hash, verify_consistency, verify_inclusion,
};
use dunwell::store::{Anchor, AnchorKind, EntryName, Outside, SealKeys, Store, StoreError};

use super::on_every_database;
use super::world::World;
use crate::support::TestDatabase;

on_every_database!(
    places_have_no_gaps_whoever_writes,
    proofs_hold_for_every_entry_and_head,
    heads_are_signed_once_and_only_over_what_was_signed_before,
    an_insider_is_found_as_far_as_somebody_outside_kept_something,
    keys_are_entries_and_retired_ones_sign_nothing,
    what_outsiders_say_is_kept_and_checked,
);

fn key(seed: u8) -> NoteSigner {
    NoteSigner::from_seed("log.example/one", KeyUse::Text, &[seed; 32]).unwrap()
}

/// Some entries, by their number.
async fn entries(store: &Store, from: u64, n: u64) {
    for i in from..from + n {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&i.to_be_bytes());
        let document = vec![(format!("document {i}"), digest)];
        store.publish(Kind::PolicyPublished, document).await.unwrap();
    }
}

async fn places_have_no_gaps_whoever_writes(database: TestDatabase) {
    let world = World::new(database).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..6u64 {
        let store = Store::open(
            &world.database.database_url,
            world.clock.clone(),
            SealKeys::known(),
        )
        .await
        .unwrap();
        writers.spawn(async move { entries(&store, writer * 1000, 60).await });
    }
    // Several sequencers at once, as on several machines.
    for _ in 0..3 {
        let store = Store::open(
            &world.database.database_url,
            world.clock.clone(),
            SealKeys::known(),
        )
        .await
        .unwrap();
        writers.spawn(async move {
            for _ in 0..20 {
                match store.grow_log().await {
                    Ok(_) | Err(StoreError::Contended) => {}
                    Err(e) => panic!("{e}"),
                }
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    world.verified().await;
    let (size, root) = world.store.grow_log().await.unwrap();
    let places = world
        .raw
        .count("SELECT COUNT(DISTINCT position) FROM evidence")
        .await;
    assert_eq!(places, i64::try_from(size).unwrap());
    assert_eq!(
        world.raw.count("SELECT MAX(position) FROM evidence").await,
        places - 1
    );
    assert_eq!(world.raw.count("SELECT MIN(position) FROM evidence").await, 0);
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM evidence_outbox").await, 0);
    let check = world.store.verify_log().await.unwrap();
    assert_eq!((check.size(), check.root()), (size, root));
    assert!(size > 360);
}

async fn proofs_hold_for_every_entry_and_head(database: TestDatabase) {
    let world = World::new(database).await;
    entries(&world.store, 0, 300).await;
    let (size, root) = world.store.grow_log().await.unwrap();
    let mut tree = world.store.tree().await.unwrap();
    let all = tree.entries(0, size).await.unwrap();
    assert_eq!(all.len() as u64, size);
    let mut roots = vec![tree.root_at(0).await.unwrap().unwrap()];
    let mut frontier = Frontier::default();
    for bytes in &all {
        frontier.push(leaf_hash(bytes.as_bytes()));
        roots.push(frontier.root());
    }
    assert_eq!(root, frontier.root());
    for (index, bytes) in all.iter().enumerate().step_by(7) {
        let index = index as u64;
        for at in [index + 1, size] {
            let proven = tree.prove(EntryName::Index(index), at).await.unwrap().unwrap();
            assert_eq!(&proven.bytes, bytes);
            let root = &roots[at as usize];
            verify_inclusion(&leaf_hash(bytes.as_bytes()), index, at, &proven.path, root).unwrap();
        }
        assert!(
            tree.prove(EntryName::Index(index), index)
                .await
                .unwrap()
                .is_none()
        );
        let path = tree.consistency(index, size).await.unwrap().unwrap();
        verify_consistency((index, &roots[index as usize]), (size, &root), &path).unwrap();
    }
    assert!(tree.prove(EntryName::Index(size), size).await.unwrap().is_none());
    assert!(tree.root_at(size + 1).await.unwrap().is_none());
    let newest = world.store.latest_entries(1).await.unwrap().remove(0);
    let named = tree
        .prove(EntryName::Record(newest.record), size)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (named.index, Some(named.index as i64)),
        (size - 1, newest.position)
    );
}

async fn heads_are_signed_once_and_only_over_what_was_signed_before(database: TestDatabase) {
    let world = World::new(database).await;
    let store = &world.store;
    store.register_key(key(1).verifier(), None).await.unwrap();
    entries(store, 0, 5).await;
    assert!(store.log_is_pending().await.unwrap());
    store.grow_log().await.unwrap();
    let first = store.sign_head(vec![key(1)]).await.unwrap();
    assert!(!store.log_is_pending().await.unwrap());
    assert_eq!(store.sign_head(vec![key(1)]).await.unwrap(), first);
    entries(store, 5, 400).await;
    store.grow_log().await.unwrap();
    let second = store.sign_head(vec![key(1)]).await.unwrap();
    let (old, new) = (&first.signed.checkpoint, &second.signed.checkpoint);
    let path = store
        .tree()
        .await
        .unwrap()
        .consistency(old.size, new.size)
        .await
        .unwrap()
        .unwrap();
    verify_consistency((old.size, &old.root), (new.size, &new.root), &path).unwrap();
    Policy::of_logs(vec![key(1).verifier().clone()])
        .check(&second.signed)
        .unwrap();
    assert_eq!(store.head_at(old.size).await.unwrap().unwrap(), first);
    world.verified().await;
    // The log is put back to an older copy; nothing is signed.
    without_guards(&world).await;
    let cut = [
        format!("DELETE FROM evidence WHERE position >= {}", new.size - 10),
        "UPDATE evidence_tree SET size = 0, edge = edge WHERE one = 1".to_owned(),
    ];
    for sql in &cut {
        world.raw.run(sql).await.unwrap();
    }
    let edge = if world.raw.is_sqlite() { "x''" } else { "''" };
    world
        .raw
        .run(&format!("UPDATE evidence_tree SET edge = {edge}"))
        .await
        .unwrap();
    world.raw.run("DELETE FROM evidence_tile").await.unwrap();
    store.grow_log().await.unwrap();
    let refused = store.sign_head(vec![key(1)]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Inconsistent(_)), "{refused}");
    let check = store.verify_log().await.unwrap();
    assert_eq!(check.faults[0].kind.as_str(), "shorter", "{:?}", check.faults);
    // It grows past the old size with other entries; still nothing is signed.
    entries(store, 5000, 20).await;
    store.grow_log().await.unwrap();
    let refused = store.sign_head(vec![key(1)]).await.unwrap_err();
    assert!(refused.to_string().contains("no longer begins"), "{refused}");
    let check = store.verify_log().await.unwrap();
    assert!(
        check.faults.iter().any(|f| f.kind.as_str() == "head"),
        "{:?}",
        check.faults
    );
}

/// Opens everything for writing, as only somebody with the database's own password can.
async fn without_guards(world: &World) {
    for table in [
        "evidence",
        "evidence_tile",
        "evidence_head",
        "evidence_anchor",
        "trace",
    ] {
        if world.raw.is_sqlite() {
            for what in ["update", "delete"] {
                let sql = format!("DROP TRIGGER {table}_no_{what}");
                world.raw.run(&sql).await.unwrap();
            }
        } else {
            world
                .raw
                .run(&format!("ALTER TABLE {table} DISABLE TRIGGER USER"))
                .await
                .unwrap();
        }
    }
}

/// What an insider with the database and the key can do: change an entry and make everything over it anew.
async fn rewritten(world: &World, index: u64) {
    let marker = format!(
        "UPDATE evidence SET bytes = replace(bytes, 'document', 'documemt') WHERE position = {index}"
    );
    assert_eq!(world.raw.run(&marker).await.unwrap(), 1);
    let bytes = world
        .raw
        .words(&format!("SELECT bytes FROM evidence WHERE position = {index}"))
        .await
        .remove(0);
    let leaf = hex::encode(leaf_hash(bytes.as_bytes()));
    let blob = |hex: &str| {
        if world.raw.is_sqlite() {
            format!("x'{hex}'")
        } else {
            format!("decode('{hex}', 'hex')")
        }
    };
    let sql = format!(
        "UPDATE evidence SET leaf = {} WHERE position = {index}",
        blob(&leaf)
    );
    world.raw.run(&sql).await.unwrap();
    for sql in [
        "DELETE FROM evidence_tile",
        "DELETE FROM evidence_anchor",
        "DELETE FROM evidence_head",
    ] {
        world.raw.run(sql).await.unwrap();
    }
    world
        .raw
        .run(&format!("UPDATE evidence_tree SET size = 0, edge = {}", blob("")))
        .await
        .unwrap();
    world.store.grow_log().await.unwrap();
    world.store.sign_head(vec![key(1)]).await.unwrap();
}

async fn an_insider_is_found_as_far_as_somebody_outside_kept_something(database: TestDatabase) {
    let world = World::new(database).await;
    let store = &world.store;
    store.register_key(key(1).verifier(), None).await.unwrap();
    entries(store, 0, 280).await;
    store.grow_log().await.unwrap();
    let kept = store.sign_head(vec![key(1)]).await.unwrap().signed;
    entries(store, 1000, 30).await;
    store.grow_log().await.unwrap();
    store.sign_head(vec![key(1)]).await.unwrap();
    without_guards(&world).await;
    let outside = Outside {
        keys: vec![key(1).verifier().clone()],
        heads: vec![kept.clone()],
        policy: None,
    };
    let clean = store.verify_log_against(&outside).await.unwrap();
    world.sound(&clean);
    // After the head that was kept: nobody can tell. Before it: the head tells.
    rewritten(&world, kept.checkpoint.size + 5).await;
    world.sound(&store.verify_log_against(&outside).await.unwrap());
    rewritten(&world, 100).await;
    world.sound(&store.verify_log().await.unwrap());
    let found = store.verify_log_against(&outside).await.unwrap();
    let kinds: Vec<_> = found.faults.iter().map(|f| f.kind.as_str()).collect();
    assert_eq!(kinds, ["outside"], "{:?}", found.faults);
    // Another key than the one that is trusted.
    let stranger = Outside {
        keys: vec![key(9).verifier().clone()],
        ..Outside::default()
    };
    let found = store.verify_log_against(&stranger).await.unwrap();
    assert_eq!(found.faults[0].kind.as_str(), "key");
    // A head kept outside that another key signed.
    let forged = Outside {
        heads: vec![kept.checkpoint.sign(&[key(9)]).unwrap()],
        ..Outside::default()
    };
    let found = store.verify_log_against(&forged).await.unwrap();
    assert!(
        found.faults.iter().any(|f| f.kind.as_str() == "signature"),
        "{:?}",
        found.faults
    );
}

async fn keys_are_entries_and_retired_ones_sign_nothing(database: TestDatabase) {
    let world = World::new(database).await;
    let store = &world.store;
    assert!(store.register_key(key(1).verifier(), None).await.unwrap());
    assert!(!store.register_key(key(1).verifier(), None).await.unwrap());
    store.grow_log().await.unwrap();
    store.sign_head(vec![key(1)]).await.unwrap();
    assert!(
        store
            .register_key(key(2).verifier(), Some("irina"))
            .await
            .unwrap()
    );
    store.grow_log().await.unwrap();
    store.sign_head(vec![key(2), key(1)]).await.unwrap();
    assert!(store.retire_key(key(1).verifier(), Some("irina")).await.unwrap());
    assert!(!store.retire_key(key(1).verifier(), Some("irina")).await.unwrap());
    store.grow_log().await.unwrap();
    store.sign_head(vec![key(2), key(1)]).await.unwrap();
    world.verified().await;
    let keys = store.log_keys().await.unwrap();
    let retired: Vec<bool> = keys.iter().map(|k| k.retired_at.is_some()).collect();
    assert_eq!((keys.len(), retired.iter().filter(|r| **r).count()), (2, 1));
    entries(store, 0, 3).await;
    store.grow_log().await.unwrap();
    store.sign_head(vec![key(1)]).await.unwrap();
    let check = store.verify_log().await.unwrap();
    assert_eq!(check.faults[0].kind.as_str(), "signature", "{:?}", check.faults);
    let named = check.kinds.get("key.rotated").copied();
    assert_eq!(named, Some(3));
}

async fn what_outsiders_say_is_kept_and_checked(database: TestDatabase) {
    let world = World::new(database).await;
    let store = &world.store;
    store.register_key(key(1).verifier(), None).await.unwrap();
    store.grow_log().await.unwrap();
    let head = store.sign_head(vec![key(1)]).await.unwrap();
    let witness = NoteSigner::from_seed("witness.example/w", KeyUse::Cosignature, &[3; 32]).unwrap();
    let anchor = |kind, body: String| Anchor {
        size: head.signed.checkpoint.size,
        kind,
        name: "witness.example/w".into(),
        at: head.at,
        body: body.into_bytes(),
    };
    let line = |text: &str| format!("{}\n", witness.sign(text, 1_770_000_000));
    store
        .add_anchor(anchor(AnchorKind::Witness, line(head.signed.note.text())))
        .await
        .unwrap();
    let policy = format!("witness w {}\nquorum none\n", witness.verifier());
    let outside = Outside {
        policy: Some(Policy::parse(&policy).unwrap()),
        ..Outside::default()
    };
    world.sound(&store.verify_log_against(&outside).await.unwrap());
    let newest = store
        .newest_anchor(AnchorKind::Witness, Some("witness.example/w"))
        .await
        .unwrap();
    assert_eq!(newest.unwrap().size, head.signed.checkpoint.size);
    assert!(
        store
            .newest_anchor(AnchorKind::Timestamp, None)
            .await
            .unwrap()
            .is_none()
    );
    let other = Checkpoint {
        origin: "log.example/one".into(),
        size: 1,
        root: [0; 32],
    };
    store
        .add_anchor(anchor(AnchorKind::Witness, line(&other.text())))
        .await
        .unwrap();
    store
        .add_anchor(anchor(AnchorKind::Timestamp, "no token".into()))
        .await
        .unwrap();
    store
        .add_anchor(anchor(
            AnchorKind::Place,
            other.sign(&[key(1)]).unwrap().to_string(),
        ))
        .await
        .unwrap();
    let check = store.verify_log_against(&outside).await.unwrap();
    let kinds: Vec<_> = check.faults.iter().map(|f| f.kind.as_str()).collect();
    assert_eq!(kinds, ["anchor"; 3], "{:?}", check.faults);
    // Time stamps and copies are entries of their own; cosignatures are not.
    assert_eq!(check.kinds.get("anchor.added").copied(), Some(2));
}
