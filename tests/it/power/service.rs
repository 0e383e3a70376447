//! A sending service as a process of its own, for tests that cut it off. It runs on the database that the environment
//! names, at a time that stands still, and tells on its standard output what has happened outside the database: `contact`
//! before a carrier answers, `settled` after a batch was settled, `head` after a head was signed. A line is one write, so
//! what was told stays told when the process dies: this is the ledger of the sink.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use dunwell::channels::{
    BoxFuture, Capability, Carrier, Carriers, Idempotency, Lookup, Outcome, Parcel, Terms,
};
use dunwell::clock::VirtualClock;
use dunwell::config::Config;
use dunwell::dispatch::Dispatcher;
use dunwell::domain::{Channel, Moment};
use dunwell::evidence::{KeyUse, NoteSigner};
use dunwell::notary::{Beat as NotaryBeat, Notary};
use dunwell::scheduler::{Beat, Scheduler, serve};
use dunwell::store::{BatchKind, ImportCounts, SealKeys, Store};

use crate::stories::world::{Outbox, World, shipped_rulebook};
use crate::support::TestDatabase;

/// How a service is started: which database, how long after the beginning, which one it is of many.
pub(super) struct Start<'a> {
    pub(super) database_url: &'a str,
    pub(super) folder: &'a Path,
    pub(super) minutes: i64,
    pub(super) number: u64,
    /// Whether each contact waits for a line on the standard input before the carrier answers.
    pub(super) answered: bool,
}

/// A Tuesday afternoon in Shanghai, when reminders may go out.
pub(super) fn clock(minutes: i64, number: u64) -> Arc<VirtualClock> {
    let begin = Moment::parse("2026-04-07T16:00:00+08:00").unwrap();
    Arc::new(VirtualClock::new(
        begin + TimeDelta::minutes(minutes),
        1000 + number,
    ))
}

/// The key of the log in these tests.
pub(super) fn key() -> NoteSigner {
    NoteSigner::from_seed("dunwell/cut-off", KeyUse::Text, &[3; 32]).unwrap()
}

/// A database with accounts whose reminders are due and queued.
pub(super) async fn prepared(database: TestDatabase, folder: &Path, accounts: usize) -> TestDatabase {
    let world = World::new(database).await;
    world.at("09:30", "Asia/Shanghai");
    let all: Vec<_> = (0..accounts).map(|n| account(&world, n)).collect();
    for page in all.chunks(500) {
        let file = dunwell::evidence::leaf_hash(page[0].reference.as_bytes());
        let batch = world
            .store
            .begin_import(BatchKind::Accounts, "ledger.csv", file)
            .await;
        let batch = batch.unwrap();
        world.store.import_accounts(batch, page.to_vec()).await.unwrap();
        let counts = ImportCounts {
            created: page.len() as u64,
            ..ImportCounts::default()
        };
        world.store.end_import(batch, counts).await.unwrap();
    }
    world.plan().await;
    world.store.register_key(key().verifier(), None).await.unwrap();
    dunwell::notary::KeyFile::new(&folder.join("log.key"))
        .create(&key())
        .unwrap();
    world.store.close().await;
    world.database
}

fn account(world: &World, n: usize) -> dunwell::store::NewAccount {
    let story = world
        .account(&format!("A-{n}"))
        .overdue(2)
        .debtor(&format!("P-{n}"));
    let mut new = story.phone(&format!("1380{n:07}")).new;
    new.digest = dunwell::evidence::leaf_hash(new.reference.as_bytes());
    new
}

/// The command that starts it: this test binary again, with one test.
pub(super) fn command(start: &Start<'_>, below: &[&str]) -> Command {
    let own = std::env::current_exe().unwrap();
    let mut command = match below.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(own);
            command
        }
        None => Command::new(own),
    };
    let test = "power::service::a_service_that_others_cut_off";
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    let Start {
        database_url,
        folder,
        minutes,
        number,
        answered,
    } = start;
    let told = format!(
        "{minutes} {number} {answered} {} {database_url}",
        folder.display()
    );
    command.env("DUNWELL_CUT_OFF", told);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by other tests, as a process of its own"]
async fn a_service_that_others_cut_off() {
    let Ok(told) = std::env::var("DUNWELL_CUT_OFF") else {
        return;
    };
    let words: Vec<&str> = told.splitn(5, ' ').collect();
    let clock = clock(words[0].parse().unwrap(), words[1].parse().unwrap());
    let (answered, folder) = (words[2] == "true", PathBuf::from(words[3]));
    let store = Store::open(words[4], clock, SealKeys::known()).await.unwrap();
    if answered {
        serving(store, &folder).await
    } else {
        stepping(store).await
    }
}

/// The loops of `dunwell serve`, until somebody kills it.
async fn serving(store: Store, folder: &Path) {
    let mut settings = Config::defaults().evidence;
    settings.key_file = folder.join("log.key");
    let notary = Notary::new(store.clone(), settings).unwrap();
    let beat = NotaryBeat {
        sign: Duration::from_millis(5),
        ..NotaryBeat::default()
    };
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(dunwell::notary::run(notary, beat, stopped));
    let rules = shipped_rulebook();
    let scheduler = Scheduler::new(store.clone(), rules.clone());
    let dispatcher = Dispatcher::new(store, rules, Arc::new(Teller::carriers(true).0), 3);
    let beat = Beat {
        tick: Duration::from_secs(60),
        idle: Duration::from_millis(5),
        workers: 2,
    };
    let (_inbox, arrivals) = tokio::sync::mpsc::channel(1);
    tell("ready");
    serve(scheduler, dispatcher, arrivals, beat, std::future::pending())
        .await
        .unwrap();
}

/// Two workers and a signer side by side until everything is sent, and every step is told once it has returned.
async fn stepping(store: Store) {
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (carriers, handed) = Teller::carriers(false);
        let worker = Dispatcher::new(store.clone(), shipped_rulebook(), Arc::new(carriers), 2);
        workers.spawn(async move {
            while worker.run_batch().await.unwrap().claimed > 0 {
                let settled: Vec<String> = std::mem::take(&mut *handed.lock().unwrap());
                settled.iter().for_each(|id| tell(&format!("settled {id}")));
            }
        });
    }
    tell("ready");
    let signer = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(Duration::from_millis(10));
            loop {
                beat.tick().await;
                match store.grow_log().await {
                    Ok(_) | Err(dunwell::store::StoreError::Contended) => {}
                    Err(e) => panic!("{e}"),
                }
                let head = store.sign_head(vec![key()]).await.unwrap();
                tell(&format!("head {}", hex::encode(head.signed.to_string())));
            }
        })
    };
    while workers.join_next().await.is_some() {}
    signer.abort();
    tell("done");
}

/// One line in one write: it is told or it is not.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// A carrier that tells each contact, and answers when it was answered to.
struct Teller {
    channel: Channel,
    answered: bool,
    handed: Arc<Mutex<Vec<String>>>,
}

impl Teller {
    fn carriers(answered: bool) -> (Carriers, Arc<Mutex<Vec<String>>>) {
        let handed: Arc<Mutex<Vec<String>>> = Arc::default();
        let all = [Channel::Sms, Channel::Email, Channel::Letter].into_iter();
        let carriers = all.fold(Carriers::new(), |all, channel| {
            let teller = Teller {
                channel,
                answered,
                handed: handed.clone(),
            };
            all.with(Arc::new(teller), Terms::default())
        });
        (carriers, handed)
    }
}

impl Carrier for Teller {
    fn capability(&self) -> Capability {
        Capability {
            name: "teller",
            channel: self.channel,
            idempotency: Idempotency::None,
            lookup: Lookup::None,
            latest_accept_seconds: 3600,
            settle_seconds: 0,
            receipts: false,
            not_sent_answers: &[],
            refuses: &[],
        }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        // Contacts of all workers one after the other: each is told and answered before the next.
        static ONE: Mutex<()> = Mutex::new(());
        let (attempt, to, answered) = (parcel.attempt().to_string(), parcel.to.normal(), self.answered);
        Box::pin(async move {
            let line = format!("contact {attempt} {to}");
            let asked = tokio::task::spawn_blocking(move || {
                let _turn = ONE.lock().unwrap();
                tell(&line);
                let mut answer = String::new();
                !answered || std::io::stdin().lock().read_line(&mut answer).unwrap() > 0
            });
            assert!(asked.await.unwrap(), "nobody listens any more");
            self.handed.lock().unwrap().push(attempt.clone());
            Outcome::accepted("teller", Some(attempt))
        })
    }
}

/// The next life on a database that was cut off, later: a world whose carriers only note.
pub(super) async fn next_life(database: TestDatabase, minutes: i64, number: u64) -> World {
    World::resume(database, clock(minutes, number), Outbox::new()).await
}
