//! Kills: the service is ended by SIGKILL at any point, again and again, on one database. Every contact is looked up in the
//! database from outside while the carrier has not answered yet.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Child;
use std::time::Instant;

use dunwell::notary::KeyFile;
use dunwell::store::{SealKeys, Store};

use super::service::{self, Start};
use super::{Chance, Told, goes_on_without_repeating, keeps_its_word};
use crate::support::{TestDatabase, databases};

/// What a series of kills found.
#[derive(Debug, Default)]
struct Kills {
    kills: u64,
    /// Kills while a carrier had the message and had not answered.
    inside: u64,
    entries: u64,
}

/// Whether the intent of an attempt is in the database now, for everybody to see.
async fn intended(store: &Store, attempt: &str) -> bool {
    let newest = store.latest_entries(400).await.unwrap();
    let of_it = |e: &&dunwell::store::LogEntry| e.attempt.is_some_and(|a| a.to_string() == attempt);
    newest.iter().filter(of_it).any(|e| e.kind == "attempt.intent")
}

/// Lets the service make so many contacts, and kills it at the next, before or after the carrier has answered, or while
/// it works on the one after. Gives whether the carrier was kept waiting.
async fn one_life(child: &mut Child, store: &Store, told: &mut Told, chance: &mut Chance) -> bool {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answers = child.stdin.take().unwrap();
    // A batch has three: some lives settle several, some none.
    let (contacts, way) = (chance.below(12), chance.below(3));
    let mut made = 0;
    let mut inside = false;
    while let Some(Ok(line)) = lines.next() {
        if line == "ready" && contacts == 0 && way == 0 {
            break;
        }
        let before = told.contacts.len();
        told.line(&line);
        if told.contacts.len() == before {
            continue;
        }
        let (attempt, _) = &told.contacts[before];
        assert!(
            intended(store, attempt).await,
            "{attempt}: no durable intent when it was sent"
        );
        made += 1;
        inside = made > contacts && way != 2;
        if inside {
            break;
        }
        answers.write_all(b"ok\n").unwrap();
        if made > contacts {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What was told and not read yet was told.
    lines.map_while(Result::ok).for_each(|line| told.line(&line));
    inside
}

async fn kills(database: TestDatabase, number: u64, seed: u64) -> Kills {
    let place = tempfile::tempdir().unwrap();
    let database = service::prepared(database, place.path(), number as usize * 24 + 20).await;
    let (mut told, mut found) = (Told::default(), Kills::default());
    for n in 1..=number {
        let mut chance = Chance(seed + n);
        let clock = service::clock(0, 1_000_000 + n);
        let store = Store::open(&database.database_url, clock, SealKeys::known())
            .await
            .unwrap();
        let url = database.database_url.as_str();
        let start = Start {
            database_url: url,
            folder: place.path(),
            minutes: 0,
            number: n,
            answered: true,
        };
        let mut child = service::command(&start, &[]).spawn().unwrap();
        found.inside += u64::from(one_life(&mut child, &store, &mut told, &mut chance).await);
        found.kills += 1;
        // The head that was signed last stands beside the key.
        told.heads.extend(last_head(place.path()));
        if n % 25 == 0 || n == number {
            found.entries = keeps_its_word(&store, &told).await;
        }
        store.close().await;
    }
    let mut heard: Vec<&String> = told.contacts.iter().map(|(_, to)| to).collect();
    let contacts = heard.len();
    heard.sort();
    heard.dedup();
    assert_eq!(heard.len(), contacts, "nobody heard twice");
    assert!(contacts as u64 >= number / 2, "{contacts} contacts");
    goes_on_without_repeating(database, &told, 2_000_000).await;
    found
}

fn last_head(folder: &Path) -> Option<dunwell::evidence::SignedCheckpoint> {
    KeyFile::new(&folder.join("log.key")).last_signed().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    for database in databases() {
        let found = kills(database, 6, 1).await;
        assert!(
            found.kills == 6 && found.inside > 0 && found.entries > 0,
            "{found:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a long run: make soak-kills"]
async fn a_thousand_kills() {
    let number = std::env::var("DUNWELL_KILLS").map_or(1_000, |n| n.parse().unwrap());
    for database in databases() {
        let (kind, begun) = (database.kind, Instant::now());
        let found = kills(database, number, 10_000).await;
        println!(
            "{kind}: {} kills, {} of them while a carrier had the message: nothing acknowledged was lost, nobody heard \
             twice, every contact had a durable intent before; {} entries; {:.0} s",
            found.kills,
            found.inside,
            found.entries,
            begun.elapsed().as_secs_f64()
        );
    }
}
