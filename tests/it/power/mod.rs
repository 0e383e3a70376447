//! Power cuts and kills. A service runs as a process of its own, and what a sink outside heard from it is compared with
//! what its database holds after it was cut off: nothing that was acknowledged is gone, the log is whole, and nobody was
//! contacted without an intent that was durable before.
//!
//! A kill leaves what the process wrote in the hands of the system, so it does not test syncs. Power cuts do: the real
//! writes and syncs of a run are recorded by `strace`, and disks are built that a cut could leave at any point of it.

mod disk;
mod kills;
mod service;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use dunwell::domain::AttemptState;
use dunwell::evidence::{SignedCheckpoint, VerifierKey};
use dunwell::store::{Outside, SealKeys, Store};

use self::disk::{Chance, Image, after_cut};
use self::service::Start;
use self::trace::Event;
use super::support::{TestDatabase, require_or_skip};

/// What a service had told before it was cut off.
#[derive(Debug, Default, Clone)]
struct Told {
    /// Attempts and addresses of contacts, in order.
    contacts: Vec<(String, String)>,
    settled: BTreeSet<String>,
    heads: Vec<SignedCheckpoint>,
}

impl Told {
    fn line(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["contact", attempt, to] => self.contacts.push((attempt.to_owned(), to.to_owned())),
            ["settled", attempt] => _ = self.settled.insert(attempt.to_owned()),
            ["head", note] => {
                let note = String::from_utf8(hex::decode(note).unwrap()).unwrap();
                self.heads.push(SignedCheckpoint::parse(&note).unwrap());
            }
            // What the test harness of the child says.
            _ => {}
        }
    }
}

/// Fails unless the database keeps every promise that was told. Gives the number of its entries.
async fn keeps_its_word(store: &Store, told: &Told) -> u64 {
    let outside = Outside {
        keys: vec![VerifierKey::clone(service::key().verifier())],
        heads: told.heads.iter().rev().take(3).cloned().collect(),
        policy: None,
    };
    let audit = store.verify_log_against(&outside).await.unwrap();
    assert!(audit.faults.is_empty(), "{:?}", audit.faults);
    let entries = store.latest_entries(i64::MAX).await.unwrap();
    let intents: BTreeSet<String> = entries
        .iter()
        .filter(|e| e.kind == "attempt.intent")
        .map(|e| e.attempt.unwrap().to_string())
        .collect();
    for (attempt, _) in &told.contacts {
        assert!(
            intents.contains(attempt),
            "{attempt} was sent without a durable intent"
        );
    }
    let states: BTreeMap<String, AttemptState> = store
        .attempts(None, None, i64::MAX)
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.id.to_string(), row.state))
        .collect();
    for attempt in &told.settled {
        assert_eq!(states[attempt], AttemptState::Accepted, "{attempt} was settled");
    }
    audit.entries
}

/// After the cut another process goes on: what may have gone out is never sent again.
async fn goes_on_without_repeating(database: TestDatabase, told: &Told, number: u64) {
    let world = service::next_life(database, 31, number).await;
    world
        .store
        .give_up_on_lost(chrono::TimeDelta::minutes(30))
        .await
        .unwrap();
    world.dispatch().await;
    let before: BTreeSet<&String> = told.contacts.iter().map(|(_, to)| to).collect();
    let again: Vec<_> = world
        .sent()
        .into_iter()
        .filter(|sent| before.contains(&sent.to))
        .collect();
    assert!(again.is_empty(), "sent again: {again:?}");
    world.log_is_sound().await;
    world.store.close().await;
}

/// The files of a database before the run, and everything that happened in it.
struct Recorded {
    folder: String,
    base: Image,
    events: Vec<Event>,
}

fn image_of(folder: &Path) -> Image {
    let files = folder.read_dir().unwrap().map(|f| f.unwrap().path());
    let database = files.filter(|path| path.to_string_lossy().contains("dunwell.sqlite"));
    database
        .filter(|path| !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect()
}

/// Records a run that sends to so many accounts; none where there is no `strace`, or it may not be used.
async fn recorded(accounts: usize) -> Option<Recorded> {
    let traces = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .output();
    if !traces.is_ok_and(|done| done.status.success()) {
        require_or_skip("power cuts: `strace` is missing or may not be used");
        return None;
    }
    let place = tempfile::tempdir().unwrap();
    // As the system names it, since the trace does so too.
    let folder = place.path().canonicalize().unwrap();
    let database = service::prepared(TestDatabase::in_folder(&folder), &folder, accounts).await;
    let base = image_of(&folder);
    let trace = folder.join("trace");
    let calls = "trace=openat,open,pwrite64,write,lseek,fsync,fdatasync,ftruncate,unlink";
    let strace = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-y",
        "-s",
        "1000000",
        "-e",
        calls,
        "-e",
        "signal=none",
        "-o",
    ];
    let below: Vec<&str> = strace.into_iter().chain([trace.to_str().unwrap()]).collect();
    let start = Start {
        database_url: &database.database_url,
        folder: &folder,
        minutes: 0,
        number: 1,
        answered: false,
    };
    let mut child = service::command(&start, &below).spawn().unwrap();
    let mut told = String::new();
    child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(
        child.wait().unwrap().success() && told.contains("\ndone\n"),
        "{told}"
    );
    let events = trace::read(&std::fs::read(&trace).unwrap());
    Some(Recorded {
        folder: folder.to_str().unwrap().to_owned(),
        base,
        events,
    })
}

/// What a series of cuts found.
#[derive(Debug, Default)]
struct Cuts {
    cuts: usize,
    contacts: usize,
    heads: usize,
    /// Cuts at which writes that nobody had acknowledged were in the air.
    lives: usize,
}

async fn cuts(recorded: &Recorded, number: usize, seed: u64) -> Cuts {
    let begin = recorded
        .events
        .iter()
        .position(|e| *e == Event::Told("ready".into()))
        .unwrap();
    // Right after something was told is where most can be lost.
    let told: Vec<usize> = (begin..recorded.events.len())
        .filter(|n| matches!(recorded.events[*n], Event::Told(_)))
        .collect();
    let mut found = Cuts::default();
    for n in 0..number {
        let mut chance = Chance(seed + n as u64);
        let cut = match n % 3 {
            0 => told[chance.below(told.len() as u64) as usize] + 1,
            _ => begin + chance.below((recorded.events.len() - begin) as u64) as usize + 1,
        };
        let place = tempfile::tempdir().unwrap();
        for (path, bytes) in after_cut(
            &recorded.base,
            &recorded.events,
            cut,
            &recorded.folder,
            &mut chance,
        ) {
            let name = Path::new(&path).file_name().unwrap();
            std::fs::write(place.path().join(name), bytes).unwrap();
        }
        let mut before = Told::default();
        for event in &recorded.events[..cut] {
            if let Event::Told(line) = event {
                before.line(line);
            }
        }
        let database = TestDatabase::in_folder(place.path());
        let opened = Store::open(&database.database_url, service::clock(1, 2), SealKeys::known()).await;
        let store = opened.unwrap_or_else(|e| panic!("cut {n} at event {cut}, seed {seed}: {e}"));
        keeps_its_word(&store, &before).await;
        store.close().await;
        found.cuts += 1;
        found.contacts += before.contacts.len();
        found.heads += before.heads.len();
        if n % 20 == 0 {
            goes_on_without_repeating(database, &before, 3 + n as u64).await;
            found.lives += 1;
        }
    }
    found
}

#[tokio::test]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let Some(recorded) = recorded(40).await else {
        return;
    };
    let syncs = recorded
        .events
        .iter()
        .filter(|e| matches!(e, Event::Synced { .. }))
        .count();
    assert!(syncs > 30, "{syncs} syncs");
    let found = cuts(&recorded, 100, 1).await;
    assert!(found.contacts > 500 && found.heads > 100, "{found:?}");
}

/// The check can fail: a disk that kept nothing since the last sync but one, as a program would leave that does not sync.
#[tokio::test]
async fn a_lost_sync_would_be_noticed() {
    let Some(mut recorded) = recorded(12).await else {
        return;
    };
    let log = format!("{}/dunwell.sqlite-wal", recorded.folder);
    recorded
        .events
        .retain(|e| !matches!(e, Event::Synced { path, .. } if *path == log));
    let caught = tokio::spawn(async move { cuts(&recorded, 30, 1).await });
    assert!(
        caught.await.is_err_and(|e| e.is_panic()),
        "a log that is never synced must lose something"
    );
}

#[tokio::test]
#[ignore = "a long run: make soak-power"]
async fn a_thousand_power_cuts() {
    let number = std::env::var("DUNWELL_CUTS").map_or(1_000, |n| n.parse().unwrap());
    let begun = Instant::now();
    let Some(recorded) = recorded(200).await else {
        return;
    };
    let (mut writes, mut bytes, mut syncs) = (0usize, 0usize, 0usize);
    for event in &recorded.events {
        match event {
            Event::Write { bytes: b, .. } => (writes, bytes) = (writes + 1, bytes + b.len()),
            Event::Synced { .. } => syncs += 1,
            _ => {}
        }
    }
    let recording = begun.elapsed().as_secs_f64();
    let found = cuts(&recorded, number, 1_000).await;
    println!(
        "run: 200 accounts, {writes} writes, {bytes} bytes, {syncs} syncs, recorded in {recording:.0} s\n\
         {} power cuts, {} of them with a second life: nothing acknowledged was lost; before the cuts {} contacts and {} \
         signed heads had been told; {:.0} s",
        found.cuts,
        found.lives,
        found.contacts,
        found.heads,
        begun.elapsed().as_secs_f64()
    );
}
