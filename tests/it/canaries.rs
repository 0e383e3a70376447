//! A thousand people who cannot be mistaken for anything else run through everything: import, campaigns, broken carriers,
//! receipts, answers, bundles, backups, trace logs and erasing. Nothing of them may stand in logs, in panics, in errors,
//! in temporary files or in the raw bytes of the database; after erasing nothing at all.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dunwell::channels::Arrived;
use dunwell::config::EvidenceSettings;
use dunwell::dispatch::take_arrival;
use dunwell::domain::*;
use dunwell::evidence::bundle::{About, Scope};
use dunwell::notary::{BundleAsk, Notary};
use dunwell::store::*;
use sha2::{Digest, Sha256};

use crate::cli::Desk;
use crate::contract::world::Raw;
use crate::stories::world::{Answer, World, email, postal, sample_portfolios};
use crate::support::{databases, read_apart};

/// How many people there are; each with a number of its own.
const PEOPLE: usize = 1000;

/// What stands in every word about somebody, in some spelling.
const MARKS: &[&str] = &["kanarqx", "KANARQX", "Kanarqx", "金丝雀"];
/// What stands in the clear while somebody owes, and is gone afterwards.
const DEBT: &str = "qzdebt";
/// How every telephone number begins.
const NUMBERS: &str = "13800000";
/// The numbers of the senders in the sample set-up, which are nobody's secret.
const OURS: [usize; 2] = [900, 901];

/// One person's words.
struct Person {
    n: usize,
}

impl Person {
    fn name(&self) -> String {
        format!("金丝雀{:04}", self.n)
    }

    fn reference(&self) -> String {
        format!("KANARQX-{:04}", self.n)
    }

    fn phone(&self) -> String {
        // There are as many numbers as people: two of them share one with somebody else.
        let n = match OURS.contains(&self.n) {
            true => self.n - 900,
            false => self.n,
        };
        format!("{NUMBERS}{n:03}")
    }

    fn mail(&self) -> String {
        format!("kanarqx{:04}@example.com", self.n)
    }

    fn street(&self) -> String {
        format!("Kanarqx Road {}|Shanghai", self.n)
    }

    fn code(&self) -> String {
        format!("KANARQX{:04}", self.n)
    }

    fn debt(&self) -> String {
        format!("{DEBT}{:04}", self.n)
    }

    fn row(&self, world: &World) -> NewAccount {
        let story = world.account(&self.debt()).debtor(&self.reference());
        let story = story.phone(&self.phone()).named(&self.name());
        let mut new = story
            .also(email(&self.mail()))
            .also(postal(&self.street(), "CN"))
            .overdue(2)
            .new;
        new.debtor.postal_code = Some(self.code());
        new.digest = Sha256::digest(self.debt()).into();
        new
    }

    /// Everything whose bare digest would betray the person.
    fn secrets(&self) -> [String; 7] {
        let e164 = format!("+86{}", self.phone());
        [
            self.name(),
            self.reference(),
            self.phone(),
            e164,
            self.mail(),
            self.street(),
            self.code(),
        ]
    }
}

fn everybody() -> impl Iterator<Item = Person> {
    (0..PEOPLE).map(|n| Person { n })
}

/// Finds marks in bytes, in every form in which bytes travel: plain, hex, base64, UTF-16, in addresses of the web and in
/// JSON.
struct Finder {
    marks: AhoCorasick,
    forms: Vec<String>,
}

impl Finder {
    fn of(words: &[&str]) -> Finder {
        let (mut patterns, mut forms) = (Vec::new(), Vec::new());
        let mut add = |form: String, bytes: Vec<u8>| {
            patterns.push(bytes);
            forms.push(form);
        };
        for word in words {
            add(format!("`{word}`"), word.as_bytes().to_vec());
            add(format!("`{word}` in hex"), hex::encode(word).into_bytes());
            add(format!("`{word}` in HEX"), hex::encode_upper(word).into_bytes());
            let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
            add(format!("`{word}` in UTF-16"), wide);
            for shift in 0..3 {
                let padded = [vec![b' '; shift], word.as_bytes().to_vec()].concat();
                let text = STANDARD.encode(&padded);
                // Only the letters that the neighbours cannot change.
                let start = [0, 2, 3][shift];
                let end = text.trim_end_matches('=').len() - usize::from(padded.len() % 3 != 0);
                add(
                    format!("`{word}` in base64"),
                    text.as_bytes()[start..end].to_vec(),
                );
            }
            if !word.is_ascii() {
                let percent: String = word.bytes().map(|b| format!("%{b:02X}")).collect();
                add(format!("`{word}` in an address"), percent.into_bytes());
                let json: String = word.encode_utf16().map(|u| format!("\\u{u:04x}")).collect();
                add(format!("`{word}` in JSON"), json.into_bytes());
            }
        }
        let marks = AhoCorasick::new(&patterns).unwrap();
        Finder { marks, forms }
    }

    fn nowhere(&self, bytes: &[u8], place: &str) {
        if let Some(found) = self.marks.find(bytes) {
            let around = &bytes[found.start().saturating_sub(120)..(found.end() + 60).min(bytes.len())];
            panic!(
                "{} stands in {place}: …{}…",
                self.forms[found.pattern().as_usize()],
                String::from_utf8_lossy(around)
            );
        }
        // Eleven digits that begin like the numbers, and are no part of a longer word.
        let numbers = AhoCorasick::new([NUMBERS]).unwrap();
        for found in numbers.find_iter(bytes) {
            let tail = &bytes[found.end()..(found.end() + 4).min(bytes.len())];
            let (last, next) = (tail.get(..3), tail.get(3));
            let word = |b: &u8| b.is_ascii_alphanumeric();
            let before = bytes[..found.start()]
                .strip_suffix(b"86")
                .unwrap_or(&bytes[..found.start()]);
            let number = last.and_then(|d| std::str::from_utf8(d).ok()?.parse().ok());
            let whole = number.is_some_and(|n: usize| !OURS.contains(&n));
            let alone = !next.is_some_and(word) && !before.last().is_some_and(word);
            assert!(!(whole && alone), "a telephone number stands in {place}");
        }
    }

    fn not_in(&self, path: &Path) {
        if path.is_dir() {
            for found in path.read_dir().unwrap() {
                self.not_in(&found.unwrap().path());
            }
        } else {
            self.nowhere(&read_apart(path), &path.display().to_string());
        }
    }
}

/// What is logged, at every level, and what is said by panics.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From now on what panics say is heard too.
fn panics() -> Heard {
    let heard = Heard::default();
    let (kept, before) = (heard.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        use std::io::Write;
        let _ = kept.clone().write_all(format!("{info}\n").as_bytes());
        before(info);
    }));
    heard
}

async fn take_in(world: &World) {
    for people in everybody().collect::<Vec<_>>().chunks(250) {
        let file = Sha256::digest(people[0].debt()).into();
        let batch = world
            .store
            .begin_import(BatchKind::Accounts, "ledger.csv", file)
            .await
            .unwrap();
        let rows = people.iter().map(|p| p.row(world)).collect();
        let outcomes = world.store.import_accounts(batch, rows).await.unwrap();
        assert!(outcomes.iter().all(|o| *o == RowOutcome::Created));
    }
}

/// Campaigns, collectors, broken carriers, receipts, answers, payments, disputes.
async fn everything_happens(world: &World) -> Vec<AttemptRow> {
    world.at("15:30", "Asia/Shanghai");
    world.plan().await;
    for n in 0..20 {
        let text = format!("Kanarqx {n}, 请于周五前付款。");
        world.collector_writes(&Person { n }.debt(), &text).await;
    }
    world
        .outbox
        .will(&[Answer::Panic, Answer::Refuse, Answer::Silence, Answer::Defer].repeat(5));
    world.dispatch().await;
    let all = world.store.attempts(None, None, 10_000).await.unwrap();
    let sent: Vec<_> = all
        .iter()
        .filter(|a| a.state == AttemptState::Accepted)
        .cloned()
        .collect();
    assert!(sent.len() * 2 > PEOPLE, "{} were sent", sent.len());
    for attempt in &sent {
        let n = attempt.reference[DEBT.len()..].parse().unwrap();
        comes_back(world, &Person { n }, &attempt.id.to_string()).await;
    }
    for person in everybody().take(50) {
        let debt = person.debt();
        let paid = Occurrence::Payment {
            reference: format!("KANARQX pays {}", person.n),
            amount_minor: 100,
            paid_on: world.today(),
        };
        world.happens(&debt, paid).await;
        let reason = format!("kanarqx says it was {}", person.name());
        world.happens(&debt, Occurrence::DisputeOpened { reason }).await;
    }
    sent
}

/// Receipts that are matched, that wait aside and that are told twice; an answer, and one of nobody known.
async fn comes_back(world: &World, person: &Person, reference: &str) {
    let number = format!("86{}", person.phone());
    let receipt = |event: &str, reference: &str, status| {
        let raw = format!("{event} {number} {} stat:{status:?}", person.name());
        Arrived::Receipt(Receipt {
            provider: "recorder".into(),
            event: raw.clone(),
            references: vec![reference.to_owned()],
            attempt: None,
            status,
            recipient: Some(number.clone()),
            raw: [raw.as_bytes(), &[0xff]].concat(),
        })
    };
    let message = |from: &str, text: String| {
        Arrived::Message(Inbound {
            provider: "recorder".into(),
            event: None,
            from: from.to_owned(),
            to: "10690000".into(),
            text,
            part: None,
        })
    };
    let said = match person.n % 10 {
        0 => "退订".to_owned(),
        _ => format!("我是{}, kanarqx will pay", person.name()),
    };
    for arrived in [
        receipt("a", reference, ReceiptStatus::Underway),
        receipt("b", reference, ReceiptStatus::Delivered),
        receipt("b", reference, ReceiptStatus::Delivered),
        message(&number, said),
    ] {
        take_arrival(&world.store, arrived).await.unwrap();
    }
    if person.n % 10 == 1 {
        let early = receipt("c", &format!("nobody-{}", person.n), ReceiptStatus::Delivered);
        let stranger = message(
            &person.mail().replace("example.com", "example.org"),
            person.name(),
        );
        for arrived in [early, stranger] {
            take_arrival(&world.store, arrived).await.unwrap();
        }
    }
}

fn database_files(world: &World) -> Vec<PathBuf> {
    let path = world.database.database_url.trim_start_matches("sqlite://");
    ["", "-wal", "-shm"]
        .map(|end| PathBuf::from(format!("{path}{end}")))
        .into()
}

/// No column holds the bare digest of anything personal.
async fn no_bare_digests(world: &World) {
    let digests: HashSet<String> = everybody()
        .flat_map(|p| p.secrets())
        .map(|secret| hex::encode(Sha256::digest(secret)))
        .collect();
    let raw = Raw::open(&world.database).await;
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    for table in raw.words(tables).await {
        for column in raw
            .words(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .await
        {
            let shown = format!(
                "SELECT lower(CASE typeof(\"{column}\") WHEN 'blob' THEN hex(\"{column}\") ELSE \"{column}\" END) FROM \"{table}\" WHERE (typeof(\"{column}\") = 'blob' AND length(\"{column}\") = 32) OR (typeof(\"{column}\") = 'text' AND length(\"{column}\") BETWEEN 64 AND 80)"
            );
            for value in raw.words(&shown).await {
                let bare = &value[value.len().saturating_sub(64)..];
                assert!(
                    !digests.contains(bare),
                    "a bare digest stands in {table}.{column}"
                );
            }
        }
    }
}

/// The program itself, with everything logged, in a folder of its own for temporary files.
struct Program {
    desk: Desk,
    url: String,
}

impl Program {
    fn new(world: &World) -> Program {
        let desk = Desk::empty();
        desk.ok(&["init"]);
        std::fs::create_dir(desk.path("tmp")).unwrap();
        SealFile::new(&desk.path("seal.key"))
            .replace(&SealKeys::known())
            .unwrap();
        let url = world.database.database_url.clone();
        Program { desk, url }
    }

    /// What it said on standard output and on the error output.
    fn run(&self, arguments: &[&str]) -> (String, String) {
        let done = self
            .desk
            .command(arguments)
            .env("DUNWELL_DATABASE_URL", &self.url)
            .env("DUNWELL_LOG__LEVEL", "trace")
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "1")
            .env("TMPDIR", self.desk.path("tmp"))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&done.stdout), text(&done.stderr))
    }

    /// Commands that show nobody: neither output may betray anybody. Commands that show somebody may do so on standard
    /// output alone.
    fn tells_nobody(&self, finder: &Finder, attempt: &str) {
        let person = Person { n: 7 };
        let row = "trade,qzdebt9999,KANARQX-9999,natural,金丝雀9999,CN,,,trade_receivable,CNY,1.00,1.00,2026-01-10,2026-04-10,,,,,,kanarqx-no-phone,own,kanarqx@@example.com,own,Kanarqx Road,own,,,,";
        let sample = include_str!("../../samples/ledger.csv");
        let head = sample.lines().next().unwrap();
        let wrong: String = row
            .match_indices(',')
            .map(|(at, _)| format!("{}kanarqx,{}\n", &row[..at], &row[at + 1..]))
            .collect();
        self.desk.write("wrong.csv", &format!("{head}\n{row}\n{wrong}"));
        self.desk.write("wrong.toml", "[smtp]\nhost = 1\n");
        for arguments in [
            &["doctor"][..],
            &["import", "accounts", "wrong.csv"],
            &[
                "person",
                "erase",
                "--ref",
                "KANARQX-none",
                "--by",
                "zhao",
                "--basis",
                "b",
            ],
            &["evidence", "export", "--person", "KANARQX-none", "--out", "none"],
            &["evidence", "verify"],
            &[
                "evidence",
                "export",
                "--person",
                &person.reference(),
                "--out",
                "answer",
            ],
            &["retention", "report"],
            &["--config", "wrong.toml", "doctor"],
        ] {
            let (out, err) = self.run(arguments);
            finder.nowhere(out.as_bytes(), &format!("the output of {arguments:?}"));
            finder.nowhere(err.as_bytes(), &format!("the error output of {arguments:?}"));
        }
        assert!(
            self.desk.path("answer/statement.json").is_file(),
            "a bundle was made"
        );
        for arguments in [
            &["account", "show", &person.debt()][..],
            &["explain", attempt, "--reveal", "--by", "zhao"],
            &["channel", "inbox"],
            &["message", "list"],
            &["export", "accounts"],
        ] {
            let (_, err) = self.run(arguments);
            finder.nowhere(err.as_bytes(), &format!("the error output of {arguments:?}"));
        }
        finder.not_in(&self.desk.path("tmp"));
        std::fs::remove_dir_all(self.desk.path("answer")).unwrap();
    }
}

/// A bundle of one person, made within this process, so that its logs are heard.
async fn bundled(world: &World, desk: &Desk, attempt: &AttemptRow) {
    let mut settings: EvidenceSettings = dunwell::config::Config::defaults().evidence;
    settings.key_file = desk.path("log.key");
    let notary = Notary::new(world.store.clone(), settings).unwrap();
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
        certificate: false,
        actor: None,
    };
    let bundle = notary.bundle(&ask).await.unwrap();
    let receipts = bundle.files.keys().filter(|path| path.ends_with(".raw")).count();
    assert_eq!(receipts, 2, "both receipts are in the bundle");
}

#[tokio::test]
async fn a_thousand_people_leave_no_trace_outside_their_seals() {
    let logged = Heard::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let panicked = panics();
    let finder = Finder::of(MARKS);
    let world = World::with(databases().remove(0), sample_portfolios()).await;
    let program = Program::new(&world);

    take_in(&world).await;
    let sent = everything_happens(&world).await;
    bundled(&world, &program.desk, &sent[0]).await;
    let copy = program.desk.path("copy");
    world.store.backup(&copy, "zhao").await.unwrap();

    finder.nowhere(&logged.bytes(), "the log of the process");
    let said = panicked.bytes();
    assert!(
        String::from_utf8_lossy(&said).contains("of this story breaks down"),
        "a panic was planted"
    );
    finder.nowhere(&said, "what panics said");
    for path in database_files(&world).iter().chain([&copy]) {
        finder.not_in(path);
    }
    no_bare_digests(&world).await;
    program.tells_nobody(&finder, &sent[0].id.to_string());
    world.log_is_sound().await;

    everybody_is_erased(&world).await;
    let after = Finder::of(&[MARKS, &[DEBT]].concat());
    for path in database_files(&world).iter().chain([&copy.join("person.keys")]) {
        after.not_in(path);
    }
    let keys = std::fs::read_to_string(copy.join("person.keys")).unwrap();
    assert_eq!(keys.lines().count(), 1, "no key is left in the backup");
    finder.nowhere(&logged.bytes(), "the log of the process");
    world.log_is_sound().await;
}

/// Erases everybody, and what came from nobody known; no key is left.
async fn everybody_is_erased(world: &World) {
    let raw = Raw::open(&world.database).await;
    let ids = raw.words("SELECT lower(hex(id)) FROM person").await;
    assert_eq!(ids.len(), PEOPLE);
    let people = ids
        .iter()
        .map(|id| (PersonId(id.parse().unwrap()), "request".to_owned()))
        .collect();
    let (erased, count, kept) = world.store.erase_people(people, "zhao").await.unwrap();
    assert_eq!(
        (count, kept.len(), erased.unreachable.len()),
        (PEOPLE as u64, 0, 0)
    );
    // What came from nobody known goes when its time is over.
    let tomorrow = world.today() + chrono::Days::new(2);
    let stale = world.store.stale_strangers(tomorrow).await.unwrap();
    let why = Shredding {
        class: "strangers",
        rule: "house-safe-default/retention.strangers".into(),
        basis: "house rule".into(),
        policy: "test".into(),
    };
    let days = stale.iter().map(|s| s.id).collect();
    world.store.shred_strangers(days, "zhao", why).await.unwrap();

    let living = "SELECT lower(hex(wrapped)) FROM person_key WHERE wrapped <> zeroblob(72)";
    assert!(raw.words(living).await.is_empty(), "no key is left");
}
