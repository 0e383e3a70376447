//! How fast the log is: appending and taking into the tree, proving, verifying; beside another tree and a plain chain.
//!
//! Prints a table; asserts nothing about time. Run by `make bench`.

use std::sync::Arc;
use std::time::Instant;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use dunwell::cli::demo::{DemoOptions, run};
use dunwell::clock::{Clock, SystemClock};
use dunwell::config::Config;
use dunwell::domain::{AttemptState, Moment, RecordId};
use dunwell::evidence::bundle::{About, Scope, Trust, check_bundle};
use dunwell::evidence::{
    Entry, Frontier, KeyUse, Kind, NoteSigner, Policy, Sealed, leaf_hash, verify_inclusion,
};
use dunwell::notary::{BundleAsk, KeyFile, Notary};
use dunwell::store::{EntryName, SealFile, SealKeys, Store};
use sha2::{Digest, Sha256};

fn figure(name: &str, value: f64, unit: &str) {
    println!("{name:<66} {value:>12.1} {unit}");
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(default)
}

/// Entries of the size and shape that sending makes, about 650 bytes each.
fn entries(clock: &dyn Clock, n: usize) -> Vec<Sealed> {
    let digest = "0123456789abcdef".repeat(4);
    (0..n)
        .map(|i| {
            let mut entry = Entry::new(Kind::AccountEvent, RecordId(clock.fresh()), clock.now())
                .with("n", i as i64)
                .with("state", "none");
            for name in [
                "a_commitment",
                "b_commitment",
                "c_commitment",
                "d_commitment",
                "e_commitment",
            ] {
                entry = entry.with(name, digest.as_str());
            }
            entry
                .with("engine", "dunwell")
                .with("text", "x".repeat(60))
                .seal()
        })
        .collect()
}

fn main() {
    // `cargo test` runs benches without `--bench`; there is nothing to test here.
    if !std::env::args().any(|a| a == "--bench") {
        println!("log: run by `make bench`");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    others();
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sqlite = format!("sqlite://{}", folder.path().join("bench.sqlite").display());
        database("sqlite", &sqlite, number("DUNWELL_BENCH_LEAVES", 200_000)).await;
        match std::env::var("DUNWELL_TEST_POSTGRES") {
            Ok(url) => database("postgres", &url, number("DUNWELL_BENCH_LEAVES", 200_000) / 2).await,
            Err(_) => println!("SKIPPED: PostgreSQL half, `DUNWELL_TEST_POSTGRES` is not set"),
        }
        bundles(folder.path()).await;
        let file = format!("sqlite://{}", folder.path().join("million.sqlite").display());
        verify_many(&file, number("DUNWELL_BENCH_VERIFY", 1_000_000)).await;
        let file = format!("sqlite://{}", folder.path().join("big.sqlite").display());
        prove_in_many(&file, number("DUNWELL_BENCH_PROVE", 10_000_000)).await;
    });
}

/// The same leaves in memory: our tree, another crate's, and a chain that proves nothing about one entry.
fn others() {
    let clock = SystemClock::new();
    let all = entries(&clock, 100_000);
    let rate = |name: &str, begin: Instant| {
        figure(name, all.len() as f64 / begin.elapsed().as_secs_f64(), "leaves/s")
    };
    let mean = all.iter().map(|e| e.bytes.len()).sum::<usize>() / all.len();
    figure("mean size of an entry", mean as f64, "bytes");
    let begin = Instant::now();
    let mut ours = Frontier::default();
    all.iter().for_each(|e| ours.push(leaf_hash(e.bytes.as_bytes())));
    rate("in memory: hash and append, this tree", begin);
    let begin = Instant::now();
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    all.iter().for_each(|e| theirs.push(e.bytes.clone().into_bytes()));
    rate("in memory: hash and append, ct-merkle", begin);
    assert_eq!(ours.root().as_slice(), theirs.root().as_bytes().as_slice());
    let begin = Instant::now();
    let mut chain = [0u8; 32];
    for e in &all {
        chain = Sha256::new()
            .chain_update(chain)
            .chain_update(&e.bytes)
            .finalize()
            .into();
    }
    rate("in memory: plain hash chain", begin);
    assert_ne!(chain, [0; 32]);
    let key = NoteSigner::from_seed("bench", KeyUse::Text, &[1; 32]).expect("a key");
    let begin = Instant::now();
    for i in 0..1000u64 {
        let head = dunwell::evidence::Checkpoint {
            origin: "bench".into(),
            size: i,
            root: ours.root(),
        };
        head.sign(std::slice::from_ref(&key)).expect("a head");
    }
    figure("sign a head", begin.elapsed().as_secs_f64() * 1000.0, "µs");
}

/// Appends with several writers whose transactions share a commit, while the tree grows beside them.
async fn database(kind: &str, url: &str, leaves: usize) {
    let clock = Arc::new(SystemClock::new());
    let store = Store::open(url, clock.clone(), SealKeys::known())
        .await
        .expect("a database");
    let key = NoteSigner::from_seed("bench", KeyUse::Text, &[1; 32]).expect("a key");
    store.register_key(key.verifier(), None).await.expect("a key");
    let (writers, batch) = (4, 250);
    let mut prepared: Vec<Vec<Vec<Sealed>>> = Vec::new();
    for _ in 0..writers {
        let all = entries(&*clock, leaves / writers);
        prepared.push(all.chunks(batch).map(<[Sealed]>::to_vec).collect());
    }
    let before = store.grow_log().await.expect("a tree").0;
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for batches in prepared {
        let store = store.clone();
        tasks.spawn(async move {
            for batch in batches {
                store.append_entries(batch).await.expect("durable entries");
            }
        });
    }
    let mut heads = 0;
    let mut running = true;
    while running {
        tokio::select! {
            done = tasks.join_next() => running = done.is_some(),
            () = tokio::time::sleep(std::time::Duration::from_millis(400)) => {
                match store.grow_log().await {
                    Ok(_) | Err(dunwell::store::StoreError::Contended) => {}
                    Err(e) => panic!("{e}"),
                }
                store.sign_head(vec![key.clone()]).await.expect("a head");
                heads += 1;
            }
        }
    }
    let appended = begin.elapsed();
    let after = store.grow_log().await.expect("a tree").0;
    store.sign_head(vec![key]).await.expect("a head");
    let taken = (after - before) as f64;
    figure(
        &format!("{kind}: append, durable, 4 writers, batches of {batch}"),
        taken / appended.as_secs_f64(),
        "leaves/s",
    );
    figure(
        &format!("{kind}: append + places + tree + signed heads"),
        taken / begin.elapsed().as_secs_f64(),
        "leaves/s",
    );
    figure(
        &format!("{kind}: heads signed meanwhile"),
        f64::from(heads + 1),
        "",
    );
    store.close().await;
}

/// Bundles of single messages out of a small log with everything in it, and their check.
async fn bundles(folder: &std::path::Path) {
    let dir = folder.join("demo");
    let options = DemoOptions {
        dir: dir.clone(),
        days: 12,
        seed: 7,
        accounts: number("DUNWELL_BENCH_DEMO", 300),
    };
    run(&options, &Config::defaults(), |_, _| {})
        .await
        .expect("a demo");
    let url = format!("sqlite://{}", dir.join("dunwell.sqlite").display());
    let keys = SealFile::new(&dir.join("seal.key"));
    let store = Store::open(&url, Arc::new(SystemClock::new()), keys)
        .await
        .expect("a database");
    let mut settings = Config::defaults().evidence;
    settings.key_file = dir.join("log.key");
    let key = NoteSigner::from_seed("bench", KeyUse::Text, &[1; 32]).expect("a key");
    KeyFile::new(&settings.key_file).create(&key).expect("a key file");
    let notary = Notary::new(store.clone(), settings).expect("a notary");
    notary.head().await.expect("a head");
    let trust = Trust {
        policy: Policy::of_logs(vec![key.verifier().clone()]),
        roots: Vec::new(),
        manifest: None,
    };
    let sent = store
        .attempts(Some(AttemptState::Accepted), None, 50)
        .await
        .expect("messages");
    for certificate in [false, cfg!(feature = "letters")] {
        let (mut made, mut checked, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for attempt in &sent {
            let ask = BundleAsk {
                scope: Scope {
                    about: About::Attempt,
                    ids: vec![attempt.id.to_string()],
                    from: None,
                    until: None,
                },
                reference: None,
                language: None,
                head: None,
                keys: true,
                certificate,
                actor: None,
            };
            let begin = Instant::now();
            let bundle = notary.bundle(&ask).await.expect("a bundle");
            made.push(begin.elapsed().as_secs_f64() * 1000.0);
            let begin = Instant::now();
            check_bundle(&bundle.files, &trust).expect("a bundle that holds");
            checked.push(begin.elapsed().as_secs_f64() * 1000.0);
            let proof = |path: &str| {
                ["entries/", "checkpoint", "statement", "MANIFEST"]
                    .iter()
                    .any(|p| path.starts_with(p))
            };
            let sizes_of = bundle
                .files
                .iter()
                .filter(|(path, _)| proof(path))
                .map(|(_, bytes)| bytes.len());
            sizes.push(sizes_of.sum::<usize>() as f64);
        }
        let median = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let with = if certificate { "with" } else { "without" };
        figure(
            &format!("bundle of one message {with} certificate, made, median"),
            median(made),
            "ms",
        );
        figure("the same, checked", median(checked), "ms");
        figure("the same, all but its content", median(sizes), "bytes");
    }
    store.close().await;
}

async fn fill(store: &Store, clock: &dyn Clock, leaves: usize) {
    let mut left = leaves;
    while left > 0 {
        let n = left.min(5000);
        store
            .append_entries(entries(clock, n))
            .await
            .expect("durable entries");
        left -= n;
    }
}

async fn verify_many(url: &str, leaves: usize) {
    let clock = Arc::new(SystemClock::new());
    let store = Store::open(url, clock.clone(), SealKeys::known())
        .await
        .expect("a database");
    let key = NoteSigner::from_seed("bench", KeyUse::Text, &[1; 32]).expect("a key");
    store.register_key(key.verifier(), None).await.expect("a key");
    for _ in 0..100 {
        fill(&store, &*clock, leaves / 100).await;
        store.grow_log().await.expect("a tree");
        store.sign_head(vec![key.clone()]).await.expect("a head");
    }
    let begin = Instant::now();
    let check = store.verify_log().await.expect("a log");
    let seconds = begin.elapsed().as_secs_f64();
    assert!(check.faults.is_empty(), "{:?}", check.faults);
    assert_eq!(check.heads_checked, 100);
    figure(
        &format!("sqlite: verify {} entries and 100 heads", check.entries),
        seconds,
        "s",
    );
    store.close().await;
}

/// The tree of a large log: leaf hashes are made up, since proofs need no bytes but those of one entry.
async fn prove_in_many(url: &str, leaves: usize) {
    let clock = Arc::new(SystemClock::new());
    let store = Store::open(url, clock.clone(), SealKeys::known())
        .await
        .expect("a database");
    let at = Moment::parse("2026-04-07T08:00:00Z").expect("a moment");
    let mut left = leaves;
    while left > 0 {
        let n = left.min(20_000);
        let small = (0..n).map(|_| Entry::new(Kind::AccountEvent, RecordId(clock.fresh()), at).seal());
        store
            .append_entries(small.collect())
            .await
            .expect("durable entries");
        left -= n;
    }
    let (size, root) = store.grow_log().await.expect("a tree");
    let mut slowest = 0f64;
    let mut all = Vec::new();
    for i in 0..1000u64 {
        let index = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size;
        let begin = Instant::now();
        let mut tree = store.tree().await.expect("a tree");
        let proven = tree
            .prove(EntryName::Index(index), size)
            .await
            .expect("a proof")
            .expect("an entry");
        verify_inclusion(
            &leaf_hash(proven.bytes.as_bytes()),
            index,
            size,
            &proven.path,
            &root,
        )
        .expect("a proof that holds");
        let took = begin.elapsed().as_secs_f64() * 1000.0;
        slowest = slowest.max(took);
        all.push(took);
    }
    all.sort_by(f64::total_cmp);
    figure(
        &format!("sqlite: prove + verify one of {size} entries, median"),
        all[all.len() / 2],
        "ms",
    );
    figure("sqlite: the same, 99th of 100", all[all.len() * 99 / 100], "ms");
    figure("sqlite: the same, slowest of 1000", slowest, "ms");
    store.close().await;
}
