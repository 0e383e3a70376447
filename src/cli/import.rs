//! `dunwell import`: ledgers in, by the same path whether for real or as a dry run.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono::NaiveDate;
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::out::{Answer, Code, Out, table};
use super::portfolio::read_text;
use super::session::{Session, desk};
use super::words::word;
use crate::domain::{BatchId, Moment};
use crate::ledger::{
    AccountReader, AccountRow, Code as Fault, EventReader, EventRow, Format, Line, Mapping, Reading, Reject,
    When, write_rejects,
};
use crate::store::{
    BatchKind, EventOutcome, ImportCounts, NewAccount, NewEvent, Registry, RowOutcome, Store,
};

/// Rows taken in by one transaction.
const BATCH: usize = 1000;

/// Faults shown one by one; `--verbose` shows all.
const SHOWN: usize = 10;

/// What can be done with ledgers.
#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Takes in accounts with debtors and contact points
    #[command(
        after_help = "Examples:\n  dunwell import accounts ledger.csv --dry-run\n  dunwell import accounts ledger.csv\n  dunwell import accounts invoices.csv --mapping samples/mappings/invoices-2012-2013.toml --as-of 2013-06-30"
    )]
    Accounts {
        #[command(flatten)]
        file: FileArgs,
        /// Today for this ledger: what was settled later is still owed; without it today in the portfolio's zone
        #[arg(long, value_name = "DATE")]
        as_of: Option<NaiveDate>,
    },
    /// Takes in what happened: payments, promises, disputes, opt-outs, calls
    #[command(
        after_help = "Examples:\n  dunwell import events events.jsonl --dry-run\n  dunwell import events events.jsonl"
    )]
    Events {
        #[command(flatten)]
        file: FileArgs,
    },
    /// Shows the latest imports
    #[command(after_help = "Examples:\n  dunwell import list\n  dunwell import list --limit 5 --json")]
    List {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    /// Takes back an import of accounts, as far as nobody was contacted about them
    #[command(after_help = "Examples:\n  dunwell import undo 0198b2c4-0000-7000-8000-000000000001")]
    Undo {
        /// Id of the import, as `dunwell import list` shows it
        batch: BatchId,
    },
}

/// The file to take in.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// CSV or JSON Lines, UTF-8 or GB18030
    file: PathBuf,
    /// Which column is which field; without it the file has our own column names
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Portfolio of rows that name none
    #[arg(long)]
    portfolio: Option<String>,
    /// Show what would happen, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Where to write refused rows; without it beside the file
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

pub(super) async fn run(session: &Session, command: ImportCommand) -> anyhow::Result<Answer> {
    match command {
        ImportCommand::Accounts { file, as_of } => {
            let ledger = Ledger::read(&file)?;
            let mut taking = Taking::begin(session, &ledger, BatchKind::Accounts).await?;
            let reading = taking.accounts(&ledger, as_of).await?;
            taking.end(session, &ledger, &reading).await
        }
        ImportCommand::Events { file } => {
            let ledger = Ledger::read(&file)?;
            let mut taking = Taking::begin(session, &ledger, BatchKind::Events).await?;
            let reading = taking.events(&ledger).await?;
            taking.end(session, &ledger, &reading).await
        }
        ImportCommand::List { limit } => list(session, limit).await,
        ImportCommand::Undo { batch } => undo(session, batch).await,
    }
}

/// A ledger file in memory.
struct Ledger<'a> {
    args: &'a FileArgs,
    name: String,
    bytes: Vec<u8>,
    mapping: Mapping,
}

impl Ledger<'_> {
    fn read(args: &FileArgs) -> anyhow::Result<Ledger<'_>> {
        let path = &args.file;
        let bytes = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        let mapping = match &args.mapping {
            Some(file) => Mapping::parse(&file.display().to_string(), &read_text(file)?)?,
            None => Mapping::default(),
        };
        let name = path
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        Ok(Ledger {
            args,
            name,
            bytes,
            mapping,
        })
    }

    /// A file that cannot be read at all; columns with the same fault are told together.
    fn broken(&self, out: &Out, faults: &[Reject]) -> anyhow::Error {
        let mut columns: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for r in faults {
            let named = columns
                .entry(out.lang.pick(&r.reason_zh, &r.reason_en))
                .or_default();
            if !r.column.is_empty() {
                named.push(format!("`{}`", r.column));
            }
        }
        let file = self.args.file.display();
        let say = |(reason, columns): (&&str, &Vec<String>)| match columns.is_empty() {
            true => format!("{file}: {reason}"),
            false => format!("{file}: {}: {reason}", columns.join(", ")),
        };
        anyhow::anyhow!(columns.iter().map(say).collect::<Vec<_>>().join("\n"))
    }
}

/// What one import has done so far.
struct Taking {
    store: Store,
    registry: std::sync::Arc<Registry>,
    out: Out,
    now: Moment,
    portfolio: Option<String>,
    /// `None`: a dry run.
    batch: Option<BatchId>,
    before: Option<BatchId>,
    total: u64,
    counts: ImportCounts,
    repeated: u64,
    without_contact: u64,
    rejects: Vec<Reject>,
    kinds: BTreeMap<&'static str, u64>,
    bar: ProgressBar,
}

impl Taking {
    async fn begin(session: &Session, ledger: &Ledger<'_>, kind: BatchKind) -> anyhow::Result<Taking> {
        let store = session.store().await?;
        let registry = store.registry().await?;
        let args = ledger.args;
        if let Some(name) = &args.portfolio {
            desk(&registry, name)?;
        }
        let digest: [u8; 32] = Sha256::digest(&ledger.bytes).into();
        let before = store.same_file(kind, digest).await?;
        // A file that cannot be read at all begins no import.
        let unreadable = match kind {
            BatchKind::Accounts => AccountReader::new(&ledger.name, &ledger.bytes, &ledger.mapping).err(),
            BatchKind::Events => EventReader::new(&ledger.name, &ledger.bytes, &ledger.mapping).err(),
        };
        if let Some(faults) = unreadable {
            return Err(ledger.broken(&session.out, &faults));
        }
        let batch = match args.dry_run {
            true => {
                session
                    .out
                    .remark("试运行:没有写入任何内容", "dry run: nothing is written");
                None
            }
            false => Some(store.begin_import(kind, &ledger.name, digest).await?),
        };
        Ok(Taking {
            now: store.clock().now(),
            bar: progress_bar(&session.out, ledger.bytes.len() as u64),
            out: session.out.clone(),
            portfolio: args.portfolio.clone(),
            total: 0,
            counts: ImportCounts::default(),
            repeated: 0,
            without_contact: 0,
            rejects: Vec::new(),
            kinds: BTreeMap::new(),
            store,
            registry,
            batch,
            before,
        })
    }

    /// Sorts one line: a row to take in, or a count.
    fn sort<T>(&mut self, line: Line<T>) -> Option<T> {
        self.total += 1;
        match line {
            Line::Row(row, warning) => {
                self.without_contact += u64::from(warning.is_some());
                return Some(*row);
            }
            Line::Repeated(_) => self.repeated += 1,
            Line::Refused(faults) => {
                self.counts.rejected += 1;
                self.rejects.extend(faults);
            }
        }
        None
    }

    fn refuse(&mut self, reject: Reject) {
        self.counts.rejected += 1;
        self.rejects.push(reject);
    }

    async fn accounts(
        &mut self,
        ledger: &Ledger<'_>,
        as_of: Option<NaiveDate>,
    ) -> anyhow::Result<Reading<AccountRow>> {
        let mut reader = AccountReader::new(&ledger.name, &ledger.bytes, &ledger.mapping)
            .map_err(|faults| ledger.broken(&self.out, &faults))?;
        let mut rows = Vec::with_capacity(BATCH);
        while let Some((_, line)) = reader.next() {
            if let Some(row) = self.sort(line) {
                rows.push(row);
            }
            if rows.len() == BATCH {
                self.bar.set_position(reader.progress().0);
                self.take_accounts(std::mem::take(&mut rows), as_of).await?;
            }
        }
        self.take_accounts(rows, as_of).await?;
        Ok(reader.finish(std::mem::take(&mut self.rejects)))
    }

    async fn take_accounts(&mut self, rows: Vec<AccountRow>, as_of: Option<NaiveDate>) -> anyhow::Result<()> {
        let mut places = Vec::with_capacity(rows.len());
        let mut accounts = Vec::with_capacity(rows.len());
        for row in rows {
            let named = row
                .portfolio
                .as_deref()
                .or(self.portfolio.as_deref())
                .unwrap_or("");
            let zone = self.registry.by_name(named).map_or(Tz::UTC, |d| d.portfolio.zone);
            let today = as_of.unwrap_or_else(|| self.now.date_in(zone));
            places.push((row.row, named.to_owned()));
            accounts.push(NewAccount::from_ledger(row, self.portfolio.as_deref(), today));
        }
        let outcomes = match self.batch {
            Some(batch) => self.store.import_accounts(batch, accounts).await?,
            None => self.store.import_preview(&accounts).await?,
        };
        for (outcome, (row, portfolio)) in outcomes.into_iter().zip(places) {
            match outcome {
                RowOutcome::Created => self.counts.created += 1,
                RowOutcome::Changed => self.counts.changed += 1,
                RowOutcome::Unchanged => self.counts.unchanged += 1,
                RowOutcome::NoPortfolio => {
                    self.refuse(Reject::new(row, "portfolio", &portfolio, Fault::NoPortfolio));
                }
                RowOutcome::Erased => self.refuse(Reject::new(row, "debtor_ref", "", Fault::Erased)),
            }
        }
        Ok(())
    }

    async fn events(&mut self, ledger: &Ledger<'_>) -> anyhow::Result<Reading<EventRow>> {
        let mut reader = EventReader::new(&ledger.name, &ledger.bytes, &ledger.mapping)
            .map_err(|faults| ledger.broken(&self.out, &faults))?;
        let mut rows = Vec::with_capacity(BATCH);
        while let Some((_, line)) = reader.next() {
            if let Some(row) = self.sort(line) {
                rows.push(row);
            }
            if rows.len() == BATCH {
                self.bar.set_position(reader.progress().0);
                self.take_events(std::mem::take(&mut rows)).await?;
            }
        }
        self.take_events(rows).await?;
        Ok(reader.finish(std::mem::take(&mut self.rejects)))
    }

    async fn take_events(&mut self, rows: Vec<EventRow>) -> anyhow::Result<()> {
        let mut places = Vec::with_capacity(rows.len());
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let named = row.account.portfolio.as_deref().or(self.portfolio.as_deref());
            let Some(zone) = self.zone(named, row.at) else {
                self.refuse(Reject::new(
                    row.row,
                    "portfolio",
                    named.unwrap_or(""),
                    Fault::NoPortfolio,
                ));
                continue;
            };
            let about = row
                .account
                .reference
                .as_deref()
                .or(row.account.debtor_ref.as_deref());
            places.push((row.row, about.unwrap_or("").to_owned(), row.kind.as_str()));
            events.push(NewEvent::from_ledger(row, self.portfolio.as_deref(), zone));
        }
        let outcomes = match self.batch {
            Some(batch) => self.store.record_events(events, Some(batch)).await?,
            None => self.store.events_preview(&events).await?,
        };
        for (outcome, (row, about, kind)) in outcomes.into_iter().zip(places) {
            match outcome {
                EventOutcome::Taken { .. } => {
                    self.counts.created += 1;
                    *self.kinds.entry(kind).or_default() += 1;
                }
                EventOutcome::Seen => self.counts.unchanged += 1,
                EventOutcome::OtherCurrency => {
                    self.refuse(Reject::new(row, "currency", "", Fault::OtherCurrency));
                }
                EventOutcome::NoPerson => {
                    self.refuse(Reject::new(row, "role", "", Fault::NoPerson));
                }
                EventOutcome::NoAccount => {
                    self.refuse(Reject::new(row, "reference", &about, Fault::NoAccount));
                }
            }
        }
        Ok(())
    }

    /// The zone in which days of a row are told. Nothing is guessed: a day needs a portfolio, unless all agree.
    fn zone(&self, portfolio: Option<&str>, at: When) -> Option<Tz> {
        if let Some(name) = portfolio {
            return self.registry.by_name(name).map(|d| d.portfolio.zone);
        }
        let mut zones: Vec<Tz> = self.registry.desks.values().map(|d| d.portfolio.zone).collect();
        zones.sort_by_key(|z| z.name());
        zones.dedup();
        match (zones.as_slice(), at) {
            ([only], _) => Some(*only),
            (_, When::At(_)) => Some(Tz::UTC),
            _ => None,
        }
    }

    /// Ends the batch, writes the refused rows and reports.
    async fn end<T>(
        self,
        session: &Session,
        ledger: &Ledger<'_>,
        reading: &Reading<T>,
    ) -> anyhow::Result<Answer> {
        self.bar.finish_and_clear();
        if let Some(batch) = self.batch {
            self.store.end_import(batch, self.counts).await?;
            session.out.remark(
                &format!("批次 {batch};撤销:dunwell import undo {batch}"),
                &format!("batch {batch}; take back with `dunwell import undo {batch}`"),
            );
        }
        let file = (!reading.rejects.is_empty()).then(|| rejects_path(ledger.args, reading.format));
        if let Some(file) = &file {
            if same_file(file, &ledger.args.file) {
                bail!(
                    "refused rows would overwrite `{}`\nname another file with `--rejects`",
                    file.display()
                );
            }
            let text = write_rejects(reading, &ledger.bytes);
            std::fs::write(file, text).with_context(|| format!("`{}` cannot be written", file.display()))?;
        }
        let code = if self.counts.rejected > 0 {
            Code::Partial
        } else {
            Code::Done
        };
        let text = self.text(&ledger.name, &reading.rejects, file.as_deref());
        let json = self.json(&ledger.name, &reading.rejects, file.as_deref());
        Ok(Answer::new(text, json).ending(code))
    }

    fn text(&self, name: &str, rejects: &[Reject], file: Option<&Path>) -> String {
        let lang = self.out.lang;
        let mut out = lang.pick(
            format!("{name}:{} 行\n", self.total),
            format!("{name}: {} rows\n", self.total),
        );
        let counts = [
            ("新增", "new", self.counts.created),
            ("有变化", "changed", self.counts.changed),
            ("无变化", "unchanged", self.counts.unchanged),
            ("重复行", "repeated in the file", self.repeated),
            ("拒绝", "refused", self.counts.rejected),
        ];
        for (zh, en, n) in counts {
            out += &format!("  {n:>8}  {}\n", lang.pick(zh, en));
        }
        for (kind, n) in &self.kinds {
            out += &format!("            {n} {}\n", kind.replace('_', " "));
        }
        if let Some(before) = self.before {
            out += &lang.pick(
                format!("同一文件以前导入过(批次 {before})。\n"),
                format!("the same file was imported before (batch {before})\n"),
            );
        }
        if self.without_contact > 0 {
            let n = self.without_contact;
            out += &lang.pick(
                format!("没有任何联系方式、无法提醒的行:{n}\n"),
                format!("rows without any contact point, which cannot be reminded: {n}\n"),
            );
        }
        if let Some(file) = file {
            out += &lang.pick(
                format!("拒绝的行在 {},更正后可再次导入:\n", file.display()),
                format!(
                    "refused rows are in {}; correct them there and import that file:\n",
                    file.display()
                ),
            );
            out += &self.faults(rejects);
        }
        out
    }

    fn faults(&self, rejects: &[Reject]) -> String {
        let lang = self.out.lang;
        let shown = if self.out.verbose { rejects.len() } else { SHOWN };
        let mut out = String::new();
        for r in rejects.iter().take(shown) {
            let reason = lang.pick(&r.reason_zh, &r.reason_en);
            let (line, column, found) = lang.pick(("第", "列", "内容形如"), ("line", "column", "found"));
            out += &format!(
                "  {line} {}, {column} `{}`, {found} `{}`: {reason}\n",
                r.row, r.column, r.shape
            );
        }
        if rejects.len() > shown {
            let rest = rejects.len() - shown;
            out += &lang.pick(
                format!("  另有 {rest} 处(--verbose 全部显示)\n"),
                format!("  and {rest} more (`--verbose` shows all)\n"),
            );
        }
        out
    }

    fn json(&self, name: &str, rejects: &[Reject], file: Option<&Path>) -> Value {
        let reject = |r: &Reject| {
            json!({"row": r.row, "column": r.column, "shape": r.shape, "code": r.code.as_str(),
                "zh": r.reason_zh, "en": r.reason_en})
        };
        json!({
            "file": name,
            "dry_run": self.batch.is_none(),
            "batch": self.batch.map(|b| b.to_string()),
            "imported_before_as": self.before.map(|b| b.to_string()),
            "rows": self.total,
            "created": self.counts.created,
            "changed": self.counts.changed,
            "unchanged": self.counts.unchanged,
            "repeated": self.repeated,
            "rejected": self.counts.rejected,
            "without_contact_point": self.without_contact,
            "events": self.kinds,
            "rejects_file": file.map(|f| f.display().to_string()),
            "rejects": rejects.iter().map(reject).collect::<Vec<_>>(),
        })
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress_bar(out: &Out, bytes: u64) -> ProgressBar {
    if out.quiet || out.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent}% {bytes}/{total_bytes} {eta}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn rejects_path(args: &FileArgs, format: Format) -> PathBuf {
    let ending = match format {
        Format::Csv => ".rejects.csv",
        Format::JsonLines => ".rejects.jsonl",
    };
    args.rejects.clone().unwrap_or_else(|| {
        let mut name = args.file.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

async fn list(session: &Session, limit: i64) -> anyhow::Result<Answer> {
    let batches = session.store().await?.batches(limit).await?;
    let lang = session.out.lang;
    let rows = batches.iter().map(|b| {
        let n = |n: u64| n.to_string();
        let c = &b.counts;
        vec![
            b.id.to_string(),
            b.at.to_text()[..16].replace('T', " ") + "Z",
            word(lang, &b.kind),
            b.file_name.clone(),
            word(
                lang,
                if b.state == "open" {
                    "interrupted"
                } else {
                    &b.state
                },
            ),
            n(c.created),
            n(c.changed),
            n(c.unchanged),
            n(c.rejected),
        ]
    });
    let head = lang.pick(
        [
            "批次",
            "时间",
            "种类",
            "文件",
            "状态",
            "新增",
            "有变化",
            "无变化",
            "拒绝",
        ],
        [
            "batch",
            "at",
            "kind",
            "file",
            "state",
            "new",
            "changed",
            "unchanged",
            "refused",
        ],
    );
    let json = batches.iter().map(|b| {
        json!({"batch": b.id.to_string(), "at": b.at.to_text(), "kind": b.kind, "file": b.file_name,
            "state": b.state, "created": b.counts.created, "changed": b.counts.changed,
            "unchanged": b.counts.unchanged, "rejected": b.counts.rejected})
    });
    Ok(Answer::new(table(&head, 5, rows), Value::Array(json.collect())))
}

async fn undo(session: &Session, batch: BatchId) -> anyhow::Result<Answer> {
    let undone = session.store().await?.undo_import(batch).await?;
    let (back, kept, withdrawn) = (undone.taken_back, undone.kept.len(), undone.withdrawn);
    let mut text = session.out.lang.pick(
        format!("已撤回 {back} 个账户,取消 {withdrawn} 条排队的消息。\n"),
        format!("took back {back} accounts and withdrew {withdrawn} waiting messages\n"),
    );
    if kept > 0 {
        text += &session.out.lang.pick(
            format!(
                "保留 {kept} 个账户,因为已有联系或事件:{}\n",
                undone.kept.join(" ")
            ),
            format!(
                "kept {kept} accounts that somebody was contacted about or something happened to: {}\n",
                undone.kept.join(" ")
            ),
        );
    }
    let code = if kept > 0 { Code::Partial } else { Code::Done };
    let json =
        json!({"batch": batch.to_string(), "taken_back": back, "kept": undone.kept, "withdrawn": withdrawn});
    Ok(Answer::new(text, json).ending(code))
}
