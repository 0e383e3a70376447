//! Two years of a foreign ledger in virtual time, and an oracle that reads nothing but what the carriers were handed.
//!
//! The ledger is no part of this repository: where it is not there, these tests say so and pass.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::{America, Tz};
use dunwell::clock::VirtualClock;
use dunwell::config::{self, Config};
use dunwell::dispatch::{Dispatcher, Rulebook};
use dunwell::domain::*;
use dunwell::ledger::{AccountRow, Mapping, read_accounts};
use dunwell::scheduler::{Scheduler, Walk, WalkReport};
use dunwell::store::*;
use uuid::Uuid;

use crate::contract::world::Raw;
use crate::stories::world::{Outbox, Sent, email, postal, recorders};
use crate::support::databases;

const ROWS: usize = 2466;

/// Where the debtors are, and the zone in which their days are told.
const PLACES: [(&str, Tz); 4] = [
    ("NY", America::New_York),
    ("IL", America::Chicago),
    ("CO", America::Denver),
    ("CA", America::Los_Angeles),
];

fn ledger() -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/invoices-2012-2013.csv");
    let path = std::env::var_os("DUNWELL_TEST_LEDGER").map_or(path, PathBuf::from);
    let bytes = std::fs::read(path).ok();
    if bytes.is_none() {
        use std::io::Write;
        // Straight to the stream, because the harness swallows what a passing test prints.
        let said = b"SKIPPED: the replay of a foreign ledger: invoices-2012-2013.csv is not there\n";
        std::io::stderr().write_all(said).unwrap();
    }
    bytes
}

fn rows(bytes: &[u8]) -> Vec<AccountRow> {
    let toml = include_str!("../../samples/mappings/invoices-2012-2013.toml");
    let mapping = Mapping::parse("samples/mappings/invoices-2012-2013.toml", toml).unwrap();
    let reading = read_accounts("invoices-2012-2013.csv", bytes, &mapping);
    assert_eq!((reading.rejects.len(), reading.repeated.len()), (0, 0));
    assert_eq!((reading.rows.len(), reading.total), (ROWS, ROWS as u64));
    reading.rows
}

/// One line of the file, read without any code of ours.
struct Line {
    reference: String,
    customer: String,
    due_on: NaiveDate,
    disputed: bool,
    settled_on: NaiveDate,
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    let day = |text: &str| NaiveDate::parse_from_str(text, "%m/%d/%Y").unwrap();
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            Line {
                reference: cells[3].into(),
                customer: cells[1].into(),
                due_on: day(cells[5]),
                disputed: cells[7] == "Yes",
                settled_on: day(cells[8]),
            }
        })
        .collect()
}

fn on(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn midnight(day: NaiveDate) -> Moment {
    let local = America::New_York.from_local_datetime(&day.and_time(NaiveTime::MIN));
    Moment::new(local.unwrap().to_utc())
}

/// The shipped rules, with a calendar that knows the years of the ledger.
fn rulebook() -> Arc<Rulebook> {
    let settings = Config::defaults();
    let mut policies = config::policies(&settings).unwrap();
    let calendar = policies
        .iter_mut()
        .find(|(path, _)| path == "holidays/us.toml")
        .unwrap();
    calendar.1 = "region = \"US\"\nzh = \"美国\"\nen = \"United States\"\nyears = [2011, 2012, 2013, 2014]\n\
        sources = [\"a year without holidays\"]\n"
        .to_owned();
    Arc::new(Rulebook::parse(&config::templates(&settings).unwrap(), &policies).unwrap())
}

fn set_up() -> SetUp {
    SetUp {
        creditors: vec![Creditor {
            id: CreditorId(Uuid::nil()),
            name: "Alder Example Supplies".into(),
            country: "US".into(),
            is_bank: false,
        }],
        senders: vec![Sender {
            id: SenderId(Uuid::nil()),
            kind: SenderKind::Creditor,
            name: "Alder Example Supplies".into(),
            signature: "Alder".into(),
            licence: None,
            phone: Some(PhoneNumber::parse("+12125550123", "US").unwrap()),
            email: Some(EmailAddress::parse("desk@example.com").unwrap()),
            postal: Some(PostalAddress::parse("1 Example Road|New York, NY 10001", "US").unwrap()),
            staffed: Some("Monday to Friday 9:00-17:00".into()),
            opt_out_word: "STOP".into(),
            mandate: None,
        }],
        portfolios: vec![SetUpPortfolio {
            name: "invoices".into(),
            creditor: "Alder Example Supplies".into(),
            sender: "Alder Example Supplies".into(),
            ladder: "traffic-light".into(),
            packs: vec![],
            zone: America::New_York,
            payees: vec![SetUpPayee {
                payee: Payee {
                    id: PayeeId(Uuid::nil()),
                    holder: "Alder Example Supplies".into(),
                    bank: "Sample Bank, New York".into(),
                    number: "000123456789".into(),
                    confirmed: true,
                },
                proposed_by: "avery".into(),
                confirmed_by: Some("robin".into()),
            }],
            cron: Some("0 9 * * 1-5".into()),
        }],
    }
}

/// The place of a customer; the same one for all of its invoices.
fn place(customer: &str) -> (&'static str, Tz) {
    let sum: usize = customer.bytes().map(usize::from).sum();
    PLACES[sum % PLACES.len()]
}

/// The accounts of the ledger as of a day, with invented ways to reach the debtors.
fn accounts(rows: Vec<AccountRow>, lines: &[Line], as_of: NaiveDate) -> Vec<NewAccount> {
    let with_contacts = |(row, line): (AccountRow, &Line)| {
        let mut account = NewAccount::from_ledger(row, None, as_of);
        let name = line.customer.to_lowercase();
        account.debtor.region = Some(place(&line.customer).0.into());
        account.debtor.contacts = vec![
            email(&format!("{name}@example.com")),
            postal(&format!("{name} Sample Street|Sampletown 00000"), "US"),
        ];
        account
    };
    rows.into_iter().zip(lines).map(with_contacts).collect()
}

async fn import(store: &Store, accounts: Vec<NewAccount>) {
    let batch = store
        .begin_import(BatchKind::Accounts, "invoices-2012-2013.csv", [7; 32])
        .await
        .unwrap();
    let outcomes = store.import_accounts(batch, accounts).await.unwrap();
    assert!(outcomes.iter().all(|o| *o == RowOutcome::Created));
    let counts = ImportCounts {
        created: outcomes.len() as u64,
        ..ImportCounts::default()
    };
    store.end_import(batch, counts).await.unwrap();
}

#[tokio::test]
async fn the_ledger_is_taken_in_whole_as_it_stood_on_a_day() {
    let Some(bytes) = ledger() else { return };
    let (rows, lines, as_of) = (rows(&bytes), lines(&bytes), on("2013-01-31"));
    assert_eq!(lines.len(), ROWS);
    for (row, line) in rows.iter().zip(&lines) {
        assert_eq!(row.reference, line.reference, "leading zeros are kept");
    }
    assert!(
        lines.iter().any(|l| l.reference.starts_with('0')),
        "there are leading zeros to keep"
    );
    let database = databases().remove(0);
    let clock = Arc::new(VirtualClock::new(midnight(as_of), 3));
    let store = Store::open(&database.database_url, clock, SealKeys::known())
        .await
        .unwrap();
    store.set_up(set_up(), "olga").await.unwrap();
    import(&store, accounts(rows, &lines, as_of)).await;

    let raw = Raw::open(&database).await;
    let references = raw
        .words("SELECT reference FROM account ORDER BY reference")
        .await;
    let mut expected: Vec<String> = lines.iter().map(|l| l.reference.clone()).collect();
    expected.sort();
    assert_eq!(references, expected);
    let count = |of: fn(&Line) -> bool| lines.iter().filter(|l| of(l)).count() as i64;
    let settled = count(|l| l.settled_on <= on("2013-01-31"));
    let disputed = count(|l| l.disputed);
    assert!(settled > 500 && disputed > 500);
    let found = |condition: &'static str| {
        let (raw, sql) = (&raw, format!("SELECT COUNT(*) FROM account WHERE {condition}"));
        async move { raw.count(&sql).await }
    };
    assert_eq!(found("state = 'settled'").await, settled);
    assert_eq!(found("state = 'open'").await, ROWS as i64 - settled);
    assert_eq!(found("disputed").await, disputed);
    assert!(store.verify_log().await.unwrap().faults.is_empty());
}

/// What two years brought.
struct Replayed {
    report: WalkReport,
    sent: Vec<Sent>,
    attempts: Vec<AttemptRow>,
    lines: Vec<Line>,
}

async fn two_years(bytes: &[u8]) -> Replayed {
    let (rows, lines) = (rows(bytes), lines(bytes));
    let (start, end) = (on("2012-01-01"), on("2014-01-31"));
    let database = databases().remove(0);
    let clock = Arc::new(VirtualClock::new(midnight(start), 5));
    let store = Store::open(&database.database_url, clock.clone(), SealKeys::known())
        .await
        .unwrap();
    store.set_up(set_up(), "olga").await.unwrap();
    let events = lines.iter().zip(&rows).map(|(line, row)| NewEvent {
        currency: None,
        digest: None,
        portfolio: Some("invoices".into()),
        reference: Some(line.reference.clone()),
        debtor_ref: None,
        related: None,
        at: midnight(line.settled_on),
        what: Occurrence::Payment {
            reference: format!("paid {}", line.reference),
            amount_minor: row.amount_minor,
            paid_on: line.settled_on,
        },
    });
    let events = events.collect();
    import(&store, accounts(rows, &lines, start)).await;

    let (outbox, rulebook) = (Outbox::new(), rulebook());
    let scheduler = Scheduler::new(store.clone(), rulebook.clone());
    let carriers = Arc::new(recorders(&outbox));
    let dispatcher = Dispatcher::new(store.clone(), rulebook, carriers, 500);
    let report = Walk::new(scheduler, dispatcher, clock, events)
        .to(midnight(end))
        .await
        .unwrap();
    let attempts = store.attempts(None, None, 1_000_000).await.unwrap();
    let check = store.verify_log().await.unwrap();
    assert!(check.faults.is_empty(), "{:?}", check.faults);
    Replayed {
        report,
        sent: outbox.all(),
        attempts,
        lines,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_years_of_reminders_keep_every_promise() {
    let Some(bytes) = ledger() else { return };
    let replayed = two_years(&bytes).await;
    adds_up(&replayed);
    let steps: HashMap<AttemptId, &AttemptRow> = replayed.attempts.iter().map(|a| (a.id, a)).collect();
    let lines: HashMap<&str, &Line> = replayed.lines.iter().map(|l| (l.reference.as_str(), l)).collect();
    let mut done = BTreeSet::new();
    let mut days = BTreeSet::new();
    let mut of_debt: BTreeMap<&str, Vec<Moment>> = BTreeMap::new();
    let mut stages = BTreeMap::new();
    for sent in &replayed.sent {
        let step = steps[&sent.attempt];
        let line = lines[step.reference.as_str()];
        let who = &line.reference;
        assert!(!line.disputed, "{who}: disputed");
        let today = sent.at.date_in(America::New_York);
        assert!(today < line.settled_on, "{who}: contacted on {today}, settled");
        assert!(today >= line.due_on - TimeDelta::days(30), "{who}: too early");
        assert!(
            done.insert((who, &step.stage, &step.step)),
            "{who}: {} twice",
            step.step
        );
        let there = place(&line.customer).1;
        assert!(
            days.insert((&line.customer, sent.at.date_in(there))),
            "{}: twice on one day",
            line.customer
        );
        assert!(sent.words.contains(who.as_str()), "{who} is not named");
        in_hours(sent, there);
        of_debt.entry(who).or_default().push(sent.at);
        *stages.entry((step.stage.clone(), sent.channel)).or_insert(0) += 1;
    }
    for (debt, mut times) in of_debt {
        times.sort();
        for window in times.windows(8) {
            assert!(window[7] - window[0] >= TimeDelta::days(7), "{debt}");
        }
    }
    // Enough happened for all this to mean something.
    for key in [
        ("green", Channel::Email),
        ("green", Channel::Letter),
        ("yellow", Channel::Email),
        ("yellow", Channel::Letter),
    ] {
        let n = stages.get(&(key.0.to_owned(), key.1)).copied().unwrap_or(0);
        assert!(n > 0, "{key:?}: {stages:?}");
    }
}

/// Texts and e-mails keep to the house hours of the debtor's place; letters are read when they are read.
fn in_hours(sent: &Sent, there: Tz) {
    if sent.channel == Channel::Letter {
        return;
    }
    let local = sent.at.utc().with_timezone(&there);
    let text = local.format("%a %H:%M").to_string();
    let (day, time) = text.split_once(' ').unwrap();
    let closes = match day {
        "Sun" => "00:00",
        "Sat" => "18:00",
        _ => "19:00",
    };
    assert!("08:00" <= time && time < closes, "{text}");
}

fn adds_up(replayed: &Replayed) {
    let Replayed {
        report,
        sent,
        attempts,
        ..
    } = replayed;
    assert_eq!(report.events, ROWS as u64);
    assert_eq!(report.events_without_account, 0);
    assert_eq!(report.plan.queued, attempts.len() as u64);
    assert_eq!(report.dispatch.sent.values().sum::<u64>(), sent.len() as u64);
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for attempt in attempts {
        *states.entry(attempt.state.as_str()).or_default() += 1;
    }
    assert_eq!(states.get("accepted"), Some(&sent.len()), "{states:?}");
    let ends = ["accepted", "withdrawn", "blocked", "planned", "held"];
    assert!(states.keys().all(|s| ends.contains(s)), "{states:?}");
    let withdrawn = report.withdrawn_by_events + report.dispatch.withdrawn.values().sum::<u64>();
    assert_eq!(states.get("withdrawn").copied().unwrap_or(0) as u64, withdrawn);
    assert!(
        report.dispatch.blocked.is_empty(),
        "{:?}",
        report.dispatch.blocked
    );
    assert!(sent.len() > 1000, "{states:?}");
}
