//! `dunwell demo`: a whole campaign on invented people, with the real engine on a virtual clock, and the check that the
//! numbers add up. What would have gone out lies in the folder and can be opened.

mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{Days, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;

use super::out::{Answer, Code};
use super::portfolios;
use super::session::Session;
use crate::channels::{Carriers, Sandbox, Terms};
use crate::clock::VirtualClock;
use crate::config::{Config, policies, templates};
use crate::dispatch::{Dispatcher, open_rules};
use crate::domain::{Channel, Moment};
use crate::ledger::{Mapping, read_accounts, read_events, sample, write_rejects};
use crate::scheduler::{Scheduler, Walk};
use crate::store::{BatchKind, ImportCounts, NewAccount, NewEvent, RowOutcome, SealFile, Store};

pub use report::DemoReport;

/// What a demo may be asked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dunwell demo\n  dunwell demo --dir /tmp/demo --days 30 --seed 7\n  dunwell demo --json"
)]
pub(super) struct DemoArgs {
    /// The folder to make; a folder that a demo made is made anew
    #[arg(long, default_value = "demo")]
    dir: PathBuf,
    /// Virtual days to walk
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=365))]
    days: u64,
    /// The same seed gives the same numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Accounts to invent
    #[arg(long, default_value_t = 360)]
    accounts: usize,
    /// Say nothing on the way, for programs
    #[arg(long)]
    headless: bool,
}

/// `dunwell demo`.
pub(super) async fn command(session: &Session, args: &DemoArgs) -> anyhow::Result<Answer> {
    let options = DemoOptions {
        dir: args.dir.clone(),
        days: args.days,
        seed: args.seed,
        accounts: args.accounts,
    };
    let out = &session.out;
    let report = run(&options, &session.config()?, |zh, en| {
        if !args.headless {
            out.remark(zh, en);
        }
    })
    .await?;
    let code = if report.adds_up() { Code::Done } else { Code::Error };
    Ok(Answer::new(report.text(out.lang), report.json()).ending(code))
}

/// How a demo runs.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// The folder to make.
    pub dir: PathBuf,
    /// Virtual days to walk.
    pub days: u64,
    /// The same seed gives the same numbers.
    pub seed: u64,
    /// Accounts to generate.
    pub accounts: usize,
}

/// The file that tells a folder which a demo made, and may make anew, from somebody's own.
const MARKER: &str = ".dunwell-demo";

/// The first virtual day; a Monday.
fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 2).expect("a date of the calendar")
}

/// Midnight that opens `day` in the home market.
fn midnight(day: NaiveDate) -> Moment {
    let local = Tz::Asia__Shanghai.from_local_datetime(&day.and_time(NaiveTime::MIN));
    Moment::new(local.earliest().expect("Shanghai has no clock changes").to_utc())
}

/// Runs a demo: sample ledger, import, walk, count. `say` is told what is going on.
pub async fn run(
    options: &DemoOptions,
    config: &Config,
    say: impl Fn(&str, &str),
) -> anyhow::Result<DemoReport> {
    prepare(&options.dir)?;
    let start = midnight(first_day());
    let clock = Arc::new(VirtualClock::new(start, options.seed));
    let store = open(&options.dir, clock.clone()).await?;
    let (rules, _) = open_rules(&store, templates(config)?, &policies(config)?).await?;
    let rulebook = rules.at(start).await?.rulebook.clone();
    let set_up = include_str!("../../../samples/portfolios.toml");
    write(&options.dir, "portfolios.toml", set_up)?;
    store
        .set_up(portfolios::parse("portfolios.toml", set_up, &rulebook)?, "demo")
        .await?;

    say("正在导入样例台账", "importing the sample ledger");
    let ledger = sample::generate(options.seed, options.accounts, first_day());
    let imported = import(&store, &options.dir, &ledger.accounts_csv).await?;
    let events = coming(&options.dir, &ledger, &store).await?;

    say("正在虚拟时钟上运行", "walking through the virtual days");
    let carriers =
        [Channel::Sms, Channel::Email, Channel::Letter]
            .into_iter()
            .fold(Carriers::new(), |all, channel| {
                all.with(
                    Arc::new(Sandbox::new(channel, options.dir.join("outbox"))),
                    Terms::default(),
                )
            });
    let scheduler = Scheduler::new(store.clone(), rules.clone());
    let dispatcher = Dispatcher::new(store.clone(), rules, Arc::new(carriers), 100);
    let mut walk = Walk::new(scheduler.clone(), dispatcher, clock, events);
    let walked = walk.to(midnight(first_day() + Days::new(options.days))).await?;

    say("正在核对证据与数字", "checking the evidence and the numbers");
    let report = report::gather(options, &scheduler, imported, walked).await?;
    store.close().await;
    Ok(report)
}

/// What taking in the sample ledger did.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// Rows of the file.
    pub rows: u64,
    /// Counts of the import.
    pub counts: ImportCounts,
    /// Rows that repeat an earlier one.
    pub repeated: u64,
    /// Refused rows by code.
    pub refused: std::collections::BTreeMap<&'static str, u64>,
}

fn prepare(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        let empty = dir
            .read_dir()
            .with_context(|| format!("`{}` cannot be read", dir.display()))?
            .next()
            .is_none();
        if !empty && !dir.join(MARKER).exists() {
            bail!(
                "`{}` is not empty and was not made by a demo\nname another folder with `--dir`",
                dir.display()
            );
        }
        std::fs::remove_dir_all(dir).with_context(|| format!("`{}` cannot be made anew", dir.display()))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("`{}` cannot be made", dir.display()))?;
    write(
        dir,
        MARKER,
        "made by `dunwell demo`; the next demo makes this folder anew\n",
    )
}

fn write(dir: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    std::fs::write(dir.join(name), text)
        .with_context(|| format!("`{}` cannot be written", dir.join(name).display()))
}

async fn open(dir: &Path, clock: Arc<VirtualClock>) -> anyhow::Result<Store> {
    let file = dir.join("dunwell.sqlite");
    write(
        dir,
        "dunwell.toml",
        "# settings of the demo's folder\ndatabase_url = \"sqlite://dunwell.sqlite\"\n",
    )?;
    Ok(Store::open(
        &format!("sqlite://{}", file.display()),
        clock,
        SealFile::new(&dir.join("seal.key")),
    )
    .await?)
}

async fn import(store: &Store, dir: &Path, csv: &str) -> anyhow::Result<Imported> {
    write(dir, "ledger.csv", csv)?;
    let reading = read_accounts("ledger.csv", csv.as_bytes(), &Mapping::default());
    if !reading.rejects.is_empty() {
        write(
            dir,
            "ledger.csv.rejects.csv",
            &write_rejects(&reading, csv.as_bytes()),
        )?;
    }
    let mut imported = Imported {
        rows: reading.total,
        repeated: reading.repeated.len() as u64,
        ..Imported::default()
    };
    for reject in &reading.rejects {
        *imported.refused.entry(reject.code.as_str()).or_default() += 1;
    }
    imported.counts.rejected = reading.refused();
    let digest = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        csv,
    ));
    let batch = store
        .begin_import(BatchKind::Accounts, "ledger.csv", digest.into())
        .await?;
    let accounts = reading
        .rows
        .into_iter()
        .map(|row| NewAccount::from_ledger(row, None, first_day()))
        .collect();
    for outcome in store.import_accounts(batch, accounts).await? {
        match outcome {
            RowOutcome::Created => imported.counts.created += 1,
            RowOutcome::Changed => imported.counts.changed += 1,
            RowOutcome::Unchanged => imported.counts.unchanged += 1,
            RowOutcome::NoPortfolio | RowOutcome::Erased => imported.counts.rejected += 1,
        }
    }
    store.end_import(batch, imported.counts).await?;
    Ok(imported)
}

/// The events of the sample ledger, through the same reader as everybody's.
async fn coming(dir: &Path, ledger: &sample::SampleLedger, store: &Store) -> anyhow::Result<Vec<NewEvent>> {
    let lines: Vec<&str> = ledger.events.iter().map(|(_, line)| line.as_str()).collect();
    let text = lines.join("\n") + "\n";
    write(dir, "events.jsonl", &text)?;
    let reading = read_events("events.jsonl", text.as_bytes(), &Mapping::default());
    if let Some(reject) = reading.rejects.first() {
        bail!("events.jsonl:{}: {}", reject.row, reject.reason_en);
    }
    let registry = store.registry().await?;
    Ok(reading
        .rows
        .into_iter()
        .map(|row| {
            let desk = row.account.portfolio.as_deref().and_then(|p| registry.by_name(p));
            let zone = desk.map_or(Tz::Asia__Shanghai, |d| d.portfolio.zone);
            NewEvent::from_ledger(row, None, zone)
        })
        .collect())
}
