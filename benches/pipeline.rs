//! How fast the durable path is: import, plan, and due → judged → reserved → sent → settled with evidence.
//!
//! Prints a table and writes JSON; asserts nothing about time, because machines differ. Every figure that waits for
//! the disk stands beside the machine's own sync rate from the same run. Run by `make bench`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate, TimeDelta};
use dunwell::channels::{Carriers, Null, Terms};
use dunwell::clock::{Clock, VirtualClock};
use dunwell::config::{Config, policies, templates};
use dunwell::dispatch::{BatchReport, Dispatcher, Rulebook};
use dunwell::domain::{
    Channel, Creditor, CreditorId, EmailAddress, Moment, Payee, PayeeId, PhoneNumber, PostalAddress, Sender,
    SenderId, SenderKind,
};
use dunwell::ledger::{AccountReader, Line, Mapping};
use dunwell::planner::plan;
use dunwell::scheduler::Scheduler;
use dunwell::store::{
    BatchKind, ImportCounts, NewAccount, SealKeys, SetUp, SetUpPayee, SetUpPortfolio, Store,
};

const NOW: &str = "2026-06-03T15:40:00+08:00";

#[derive(Default)]
struct Figures {
    rows: Vec<(String, f64, &'static str)>,
}

impl Figures {
    fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let name = name.into();
        println!("{name:<58} {value:>12.1} {unit}");
        self.rows.push((name, value, unit));
    }

    fn json(&self) -> String {
        let mut out = String::from("[\n");
        for (i, (name, value, unit)) in self.rows.iter().enumerate() {
            let comma = if i + 1 < self.rows.len() { "," } else { "" };
            let _ = writeln!(
                out,
                "  {{\"figure\": \"{name}\", \"value\": {value:.1}, \"unit\": \"{unit}\"}}{comma}"
            );
        }
        out + "]\n"
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(default)
}

fn main() {
    // `cargo test` runs benches without `--bench`; there is nothing to test here.
    if !std::env::args().any(|a| a == "--bench") {
        println!("pipeline: run by `make bench`");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut figures = Figures::default();
    let folder = tempfile::tempdir().expect("a temporary folder");
    figures.add(
        "disk: 4 KiB write + fdatasync",
        syncs_per_second(folder.path()),
        "/s",
    );
    pure_planning(&mut figures);
    runtime.block_on(async {
        let sqlite = format!("sqlite://{}", folder.path().join("bench.sqlite").display());
        database("sqlite", &sqlite, &mut figures).await;
        match std::env::var("DUNWELL_TEST_POSTGRES") {
            Ok(url) => {
                database("postgres", &url, &mut figures).await;
            }
            Err(_) => println!("SKIPPED: PostgreSQL half, `DUNWELL_TEST_POSTGRES` is not set"),
        }
        let big = format!("sqlite://{}", folder.path().join("million.sqlite").display());
        million(&big, &mut figures).await;
    });
    figures.add(
        "disk: 4 KiB write + fdatasync, at the end",
        syncs_per_second(folder.path()),
        "/s",
    );
    if let Ok(file) = std::env::var("DUNWELL_BENCH_JSON") {
        std::fs::write(&file, figures.json()).expect("the result file");
        println!("written to {file}");
    }
}

fn syncs_per_second(folder: &Path) -> f64 {
    let mut file = std::fs::File::create(folder.join("probe")).expect("a probe file");
    let (block, begin) = ([7u8; 4096], Instant::now());
    let mut n = 0u32;
    while begin.elapsed() < Duration::from_millis(700) {
        file.write_all(&block).expect("a write");
        file.sync_data().expect("a sync");
        n += 1;
    }
    f64::from(n) / begin.elapsed().as_secs_f64()
}

/// A ledger of `n` mainland companies; `due` tells when each is due.
fn ledger(n: usize, due: impl Fn(usize) -> NaiveDate) -> String {
    let mut csv = String::from(
        "portfolio,reference,debtor_ref,debtor_kind,name,country,claim,currency,amount,due_on,phone,email\n",
    );
    for i in 0..n {
        let _ = writeln!(
            csv,
            "bench,{i:010},C{i:08},legal,样本贸易有限公司{i},CN,trade_receivable,CNY,{}.50,{},138{i:08},c{i}@example.com",
            1000 + i % 90_000,
            due(i)
        );
    }
    csv
}

fn set_up() -> SetUp {
    let phone = PhoneNumber::parse("+8613800000001", "CN").expect("a number");
    let creditor = Creditor {
        id: CreditorId(uuid::Uuid::nil()),
        name: "样本制造有限公司".into(),
        country: "CN".into(),
        is_bank: false,
    };
    let sender = Sender {
        id: SenderId(uuid::Uuid::nil()),
        kind: SenderKind::Creditor,
        name: "样本制造有限公司".into(),
        signature: "样本制造".into(),
        licence: None,
        phone: Some(phone),
        email: Some(EmailAddress::parse("ar@example.com").expect("an address")),
        postal: Some(PostalAddress::parse("样本路 1 号|200000 上海", "CN").expect("an address")),
        staffed: Some("周一至周五 9:00-18:00".into()),
        opt_out_word: "T".into(),
        mandate: None,
    };
    let payee = Payee {
        id: PayeeId(uuid::Uuid::nil()),
        holder: "样本制造有限公司".into(),
        bank: "样本银行营业部".into(),
        number: "6222000011112222333".into(),
        confirmed: true,
    };
    let portfolio = SetUpPortfolio {
        name: "bench".into(),
        creditor: creditor.name.clone(),
        sender: sender.name.clone(),
        ladder: "traffic-light".into(),
        packs: vec!["cn".into()],
        zone: chrono_tz::Asia::Shanghai,
        payees: vec![SetUpPayee {
            payee,
            proposed_by: "a".into(),
            confirmed_by: Some("b".into()),
        }],
        cron: None,
    };
    SetUp {
        creditors: vec![creditor],
        senders: vec![sender],
        portfolios: vec![portfolio],
    }
}

/// Parses a ledger and does nothing with it.
fn parse(csv: &str) -> f64 {
    let (mapping, begin) = (Mapping::default(), Instant::now());
    let reader = AccountReader::new("bench.csv", csv.as_bytes(), &mapping).expect("a ledger");
    let rows = reader.filter(|(_, line)| matches!(line, Line::Row(..))).count();
    rows as f64 / begin.elapsed().as_secs_f64()
}

/// Parses and takes in a ledger; returns the rows a second of the whole path.
async fn import(store: &Store, csv: &str) -> f64 {
    let mapping = Mapping::default();
    let begin = Instant::now();
    let batch = store
        .begin_import(BatchKind::Accounts, "bench.csv", [0; 32])
        .await
        .expect("a batch");
    let reader = AccountReader::new("bench.csv", csv.as_bytes(), &mapping).expect("a ledger");
    let (send, mut receive) = tokio::sync::mpsc::channel::<Vec<NewAccount>>(4);
    let as_of = NaiveDate::from_ymd_opt(2026, 6, 3).expect("a date");
    let mut total = 0u64;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut page = Vec::with_capacity(2000);
            for (_, line) in reader {
                if let Line::Row(row, _) = line {
                    page.push(NewAccount::from_ledger(*row, None, as_of));
                }
                if page.len() == 2000 {
                    send.blocking_send(std::mem::take(&mut page)).expect("a reader");
                }
            }
            send.blocking_send(page).expect("a reader");
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                while let Some(page) = receive.recv().await {
                    total += page.len() as u64;
                    store.import_accounts(batch, page).await.expect("an import");
                }
            });
        });
    });
    let counts = ImportCounts {
        created: total,
        ..ImportCounts::default()
    };
    store
        .end_import(batch, counts)
        .await
        .expect("the end of an import");
    total as f64 / begin.elapsed().as_secs_f64()
}

fn rulebook() -> Arc<Rulebook> {
    let config = Config::defaults();
    let (templates, policies) = (
        templates(&config).expect("templates"),
        policies(&config).expect("policies"),
    );
    Arc::new(Rulebook::parse(&templates, &policies).expect("a rulebook"))
}

fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::new(Moment::parse(NOW).expect("a moment"), 7))
}

async fn database(name: &str, url: &str, figures: &mut Figures) {
    let clock = clock();
    let store = Store::open(url, clock.clone(), SealKeys::known())
        .await
        .expect("a store");
    store.set_up(set_up(), "bench").await.expect("a set-up");
    let rows = number("DUNWELL_BENCH_IMPORT", 100_000);
    let due = clock.now().date_in(chrono_tz::Asia::Shanghai) - Days::new(2);
    let n = number("DUNWELL_BENCH_ATTEMPTS", 20_000);
    let far = due + Days::new(200);
    let csv = ledger(rows, |i| if i < n { due } else { far });
    if name == "sqlite" {
        figures.add("ledger alone: parsed and checked", parse(&csv), "rows/s");
    }
    figures.add(
        format!("{name}: import of {rows} accounts"),
        import(&store, &csv).await,
        "rows/s",
    );

    let rulebook = rulebook();
    let scheduler = Scheduler::new(store.clone(), rulebook.clone());
    let registry = store.registry().await.expect("a registry");
    let desk = registry.by_name("bench").expect("the portfolio");
    let begin = Instant::now();
    let report = scheduler.run_portfolio(desk, clock.now()).await.expect("a plan");
    let seconds = begin.elapsed().as_secs_f64();
    figures.add(
        format!(
            "{name}: plan and queue, first look at {rows}, {} queued",
            report.queued
        ),
        seconds,
        "s",
    );

    let carriers = Carriers::new()
        .with(Arc::new(Null::new(Channel::Sms)), Terms::default())
        .with(Arc::new(Null::new(Channel::Email)), Terms::default());
    let batch = number("DUNWELL_BENCH_BATCH", 250);
    let workers = number("DUNWELL_BENCH_WORKERS", 3);
    let dispatcher = Dispatcher::new(store.clone(), rulebook, Arc::new(carriers), batch);
    let before = store.commits().await;
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..workers {
        let worker = dispatcher.sibling();
        tasks.spawn(async move { worker.run_until_idle().await.expect("a batch") });
    }
    let mut total = BatchReport::default();
    while let Some(report) = tasks.join_next().await {
        total.add(report.expect("a worker"));
    }
    let seconds = begin.elapsed().as_secs_f64();
    let sent: u64 = total.sent.values().sum();
    let after = store.commits().await;
    figures.add(
        format!("{name}: due to settled, {sent} sent, {workers} workers, batch {batch}"),
        sent as f64 / seconds,
        "attempts/s",
    );
    let thousand = sent as f64 / 1000.0;
    figures.add(
        format!("{name}: commits"),
        (after.commits - before.commits) as f64 / thousand,
        "per 1000 attempts",
    );
    if let (Some(a), Some(b)) = (after.syncs, before.syncs) {
        figures.add(
            format!("{name}: WAL syncs of the server"),
            (a - b) as f64 / thousand,
            "per 1000 attempts",
        );
    }
    if sent != n as u64 {
        println!("NOT ALL SENT: {total:?}");
    }
    let begin = Instant::now();
    let check = store.verify_log().await.expect("a log");
    figures.add(
        format!("{name}: log verified"),
        check.entries as f64 / begin.elapsed().as_secs_f64(),
        "entries/s",
    );
    assert!(check.faults.is_empty(), "{:?}", check.faults.first());
    store.close().await;
}

/// A million accounts of which one in twenty is due today.
async fn million(url: &str, figures: &mut Figures) {
    let clock = clock();
    let store = Store::open(url, clock.clone(), SealKeys::known())
        .await
        .expect("a store");
    store.set_up(set_up(), "bench").await.expect("a set-up");
    let n = number("DUNWELL_BENCH_MILLION", 1_000_000);
    let today = clock.now().date_in(chrono_tz::Asia::Shanghai);
    // One in twenty reaches day 2 past due tomorrow; the others are not on the ladder for a long time.
    let csv = ledger(n, |i| {
        if i % 20 == 0 {
            today - Days::new(1)
        } else {
            today + Days::new(200)
        }
    });
    figures.add(
        format!("sqlite: import of {n} accounts"),
        import(&store, &csv).await,
        "rows/s",
    );
    let scheduler = Scheduler::new(store.clone(), rulebook());
    let registry = store.registry().await.expect("a registry");
    let desk = registry.by_name("bench").expect("the portfolio");
    let begin = Instant::now();
    scheduler.run_portfolio(desk, clock.now()).await.expect("a plan");
    figures.add(
        format!("sqlite: first look at {n} accounts"),
        begin.elapsed().as_secs_f64(),
        "s",
    );
    clock.set(clock.now() + TimeDelta::days(1));
    let begin = Instant::now();
    let report = scheduler.run_portfolio(desk, clock.now()).await.expect("a plan");
    let seconds = begin.elapsed().as_secs_f64();
    figures.add(
        format!(
            "sqlite: plan {n}, {} due, {} queued durably",
            report.looked_at, report.queued
        ),
        seconds,
        "s",
    );
    store.close().await;
}

/// The planner alone, on a million accounts in memory of which one in twenty is due.
fn pure_planning(figures: &mut Figures) {
    use dunwell::domain::{Account, AccountId, AccountState, ClaimKind, Currency, PersonId, PortfolioId};
    let today = NaiveDate::from_ymd_opt(2026, 6, 3).expect("a date");
    let rulebook = rulebook();
    let ladder = &rulebook.ladders["traffic-light"];
    let accounts: Vec<Account> = (0..1_000_000u128)
        .map(|i| Account {
            id: AccountId(uuid::Uuid::from_u128(i)),
            portfolio: PortfolioId(uuid::Uuid::nil()),
            debtor: PersonId(uuid::Uuid::from_u128(i)),
            reference: String::new(),
            claim: ClaimKind::TradeReceivable,
            currency: Currency::CNY,
            amount_minor: 100,
            balance_minor: 100,
            issued_on: None,
            due_on: if i % 20 == 0 {
                today - Days::new(2)
            } else {
                today + Days::new(200)
            },
            instalments: None,
            confirmed: false,
            observation: false,
            legal_action_approved: false,
            preferred: None,
            state: AccountState::Open,
            disputed: false,
            promised_until: None,
            revision: 1,
        })
        .collect();
    let begin = Instant::now();
    let due: usize = accounts.iter().map(|a| plan(ladder, a, today).steps.len()).sum();
    figures.add(
        format!("planner alone: 1000000 accounts, {due} due"),
        begin.elapsed().as_secs_f64(),
        "s",
    );
}
