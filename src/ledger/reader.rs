//! From a file to rows: the iterator that import walks in batches, and the reading of a whole file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

use super::accounts::{AccountPlan, AccountRow};
use super::cells::{Cells, Slot};
use super::events::EventRow;
use super::mapping::{EventSlots, Mapping, Rule};
use super::reject::{Code, Reject, Warning};
use super::table::{Format, Table};
use super::text::{self, Encoding};

/// What one record became.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<T> {
    /// A valid row, perhaps with a warning.
    Row(Box<T>, Option<Warning>),
    /// The same content as an earlier row; this is its line.
    Repeated(u64),
    /// Refused, with every fault.
    Refused(Vec<Reject>),
}

/// A whole file, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<T> {
    /// The valid rows.
    pub rows: Vec<T>,
    /// Every fault of every refused row; several may belong to one row.
    pub rejects: Vec<Reject>,
    /// What a person should know about accepted rows.
    pub warnings: Vec<Warning>,
    /// Lines that repeat an earlier row exactly.
    pub repeated: Vec<u64>,
    /// The columns of the file.
    pub columns: Vec<String>,
    /// The encoding it was read in.
    pub encoding: Encoding,
    /// CSV or JSON Lines.
    pub format: Format,
    /// The delimiter of CSV.
    pub(super) delimiter: u8,
    /// Records seen: rows, repeated and refused ones.
    pub total: u64,
}

impl<T> Reading<T> {
    /// How many rows were refused; the fault of a file as a whole counts as none.
    pub fn refused(&self) -> u64 {
        let mut rows: Vec<u64> = self.rejects.iter().map(|r| r.row).filter(|r| *r > 0).collect();
        rows.sort_unstable();
        rows.dedup();
        rows.len() as u64
    }
}

/// A kind of row that a reader can make.
trait Kind: Sized {
    type Plan;
    fn plan(mapping: &Mapping, find: &mut Find<'_>) -> Option<Self::Plan>;
    fn read(cells: &mut Cells<'_>, plan: &Self::Plan, mapping: &Mapping) -> Option<Self>;
    fn warning(&self) -> Option<Warning>;
    fn digest(&self) -> [u8; 32];
    /// What may stand in a file once, and what all rows of one debtor share.
    fn keys(&self) -> (Option<u64>, Option<(u64, u64)>);
    /// The column that those are in.
    fn column(plan: &Self::Plan, debtor: bool) -> &str;
}

fn hash(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl Kind for AccountRow {
    type Plan = AccountPlan;
    fn plan(mapping: &Mapping, find: &mut Find<'_>) -> Option<AccountPlan> {
        let fields = mapping.account.as_ref()?;
        let mut one = |rule: Option<&Rule>| find.slot(rule);
        Some(AccountPlan {
            account: fields.slots(&mut one),
            contacts: mapping
                .contacts
                .iter()
                .map(|c| c.slots(&mut one))
                .filter(|c| [&c.phone, &c.email, &c.address].into_iter().any(Slot::is_there))
                .collect(),
            related: mapping
                .related
                .iter()
                .map(|r| r.slots(&mut one))
                .filter(|r| [&r.role, &r.name].into_iter().any(Slot::is_there))
                .collect(),
        })
    }
    fn read(cells: &mut Cells<'_>, plan: &AccountPlan, mapping: &Mapping) -> Option<AccountRow> {
        AccountRow::read(cells, plan, mapping)
    }
    fn warning(&self) -> Option<Warning> {
        AccountRow::warning(self)
    }
    fn digest(&self) -> [u8; 32] {
        self.digest
    }
    fn keys(&self) -> (Option<u64>, Option<(u64, u64)>) {
        let debtor = hash((&self.portfolio, &self.debtor_ref));
        (
            Some(hash((&self.portfolio, &self.reference))),
            Some((debtor, hash((self.name.as_str(), self.debtor)))),
        )
    }
    fn column(plan: &AccountPlan, debtor: bool) -> &str {
        if debtor {
            &plan.account.debtor_ref.column
        } else {
            &plan.account.reference.column
        }
    }
}

impl Kind for EventRow {
    type Plan = EventSlots;
    fn plan(mapping: &Mapping, find: &mut Find<'_>) -> Option<EventSlots> {
        Some(mapping.event.as_ref()?.slots(&mut |rule| find.slot(rule)))
    }
    fn read(cells: &mut Cells<'_>, plan: &EventSlots, mapping: &Mapping) -> Option<EventRow> {
        EventRow::read(cells, plan, mapping)
    }
    fn warning(&self) -> Option<Warning> {
        None
    }
    fn digest(&self) -> [u8; 32] {
        self.digest
    }
    fn keys(&self) -> (Option<u64>, Option<(u64, u64)>) {
        (Some(self.booking().map_or_else(|| hash(self.digest), hash)), None)
    }
    fn column(plan: &EventSlots, _debtor: bool) -> &str {
        &plan.payment_reference.column
    }
}

/// Finds the columns of a mapping in the columns of a file.
struct Find<'a> {
    columns: &'a [String],
    used: Vec<bool>,
    missing: Vec<String>,
}

impl Find<'_> {
    fn slot(&mut self, rule: Option<&Rule>) -> Slot {
        let mut slot = Slot {
            column: String::new(),
            index: None,
            rule: rule.cloned(),
        };
        if let Some(from) = rule.and_then(|r| r.from.as_ref()) {
            slot.column = from.clone();
            slot.index = self.columns.iter().position(|c| c == from);
            match slot.index {
                Some(index) => self.used[index] = true,
                None if rule.is_some_and(|r| !r.optional) => self.missing.push(from.clone()),
                None => {}
            }
        }
        slot
    }
}

/// Walks through a file record by record: `AccountReader` and `EventReader`.
#[expect(private_bounds, reason = "there are exactly two kinds of rows")]
pub struct Reader<'a, T: Kind> {
    table: Table<'a>,
    encoding: Encoding,
    mapping: &'a Mapping,
    plan: Option<T::Plan>,
    planned: usize,
    unknown: Vec<String>,
    seen: HashMap<u64, ([u8; 32], u64)>,
    debtors: HashMap<u64, (u64, u64)>,
    kind: PhantomData<T>,
}

/// Reads accounts.
pub type AccountReader<'a> = Reader<'a, AccountRow>;
/// Reads events.
pub type EventReader<'a> = Reader<'a, EventRow>;

#[expect(private_bounds, reason = "there are exactly two kinds of rows")]
impl<'a, T: Kind> Reader<'a, T> {
    /// Opens a file; `Err` says why it cannot be read at all.
    pub fn new(file_name: &str, bytes: &'a [u8], mapping: &'a Mapping) -> Result<Self, Vec<Reject>> {
        let whole = |code, column: &str| vec![Reject::new(0, column, "", code)];
        let (text, encoding) =
            text::decode(bytes, mapping.encoding).map_err(|()| whole(Code::NotText, ""))?;
        let format = Format::of(file_name, &text);
        let table =
            Table::new(text, format, mapping.delimiter).map_err(|(code, column)| whole(code, &column))?;
        if let Some(garbled) = table.columns.iter().find(|c| text::is_garbled(c)) {
            return Err(vec![Reject::new(1, "", garbled, Code::Encoding)]);
        }
        let mut reader = Reader {
            table,
            encoding,
            mapping,
            plan: None,
            planned: 0,
            unknown: Vec::new(),
            seen: HashMap::new(),
            debtors: HashMap::new(),
            kind: PhantomData,
        };
        let missing = reader.make_plan();
        if reader.plan.is_none() {
            return Err(whole(Code::NoMapping, ""));
        }
        if format == Format::Csv {
            let lacking = missing.iter().map(|c| (c, Code::MissingColumn));
            let unknown = reader.unknown.iter().map(|c| (c, Code::UnknownColumn));
            let faults: Vec<Reject> = lacking
                .chain(unknown)
                .map(|(column, code)| Reject::new(0, column, "", code))
                .collect();
            if !faults.is_empty() {
                return Err(faults);
            }
        }
        Ok(reader)
    }

    /// The columns found so far.
    pub fn columns(&self) -> &[String] {
        &self.table.columns
    }

    /// The encoding the file is read in.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Bytes of text read and bytes of text in all, for showing progress.
    pub fn progress(&self) -> (u64, u64) {
        (self.table.position() as u64, self.table.text.len() as u64)
    }

    /// What a whole reading would say of the file, without its rows: for writing refused rows to a file. `rejects` are
    /// those that were gathered on the way, by this reader or by whoever took the rows in.
    pub fn finish(self, rejects: Vec<Reject>) -> Reading<T> {
        Reading {
            rows: Vec::new(),
            rejects,
            warnings: Vec::new(),
            repeated: Vec::new(),
            encoding: self.encoding,
            format: self.table.format,
            delimiter: self.mapping.delimiter,
            total: 0,
            columns: self.table.columns,
        }
    }

    /// Finds the columns anew; returns those that the mapping needs and the file lacks.
    fn make_plan(&mut self) -> Vec<String> {
        let columns = &self.table.columns;
        let mut find = Find {
            columns,
            used: vec![false; columns.len()],
            missing: Vec::new(),
        };
        self.plan = T::plan(self.mapping, &mut find);
        let known = |c: &String| c.is_empty() || c.starts_with("reject_") || self.mapping.ignore.contains(c);
        let unknown = columns
            .iter()
            .zip(&find.used)
            .filter(|(c, used)| !**used && !known(c));
        self.unknown = unknown.map(|(c, _)| c.clone()).collect();
        self.planned = columns.len();
        find.missing
    }

    fn judge(&mut self, line: u64, record: &[String]) -> Line<T> {
        let Some(plan) = &self.plan else {
            return Line::Refused(vec![Reject::new(line, "", "", Code::NoMapping)]);
        };
        let mut cells = Cells {
            line,
            format: self.table.format,
            record,
            faults: Vec::new(),
        };
        if self.table.format == Format::Csv && record.len() != self.table.columns.len() {
            let (found, expected) = (record.len(), self.table.columns.len());
            let fault = Reject::new(line, "", "", Code::FieldCount).with(
                &format!("{found} 个而非 {expected} 个"),
                &format!("{found} instead of {expected}"),
            );
            return Line::Refused(vec![fault]);
        }
        for (column, cell) in self.table.columns.iter().zip(record) {
            if !cell.is_empty() && self.unknown.contains(column) {
                cells
                    .faults
                    .push(Reject::new(line, column, cell, Code::UnknownColumn));
            }
        }
        let row = T::read(&mut cells, plan, self.mapping);
        let Some(row) = row.filter(|_| cells.faults.is_empty()) else {
            return Line::Refused(cells.faults);
        };
        let (key, debtor) = row.keys();
        if let Some(key) = key {
            match self.seen.entry(key) {
                Entry::Occupied(first) if first.get().0 == row.digest() => {
                    return Line::Repeated(first.get().1);
                }
                Entry::Occupied(first) => {
                    return conflict(line, T::column(plan, false), Code::Duplicate, first.get().1);
                }
                Entry::Vacant(free) => {
                    free.insert((row.digest(), line));
                }
            }
        }
        if let Some((debtor, same)) = debtor {
            let first = *self.debtors.entry(debtor).or_insert((same, line));
            if first.0 != same {
                return conflict(line, T::column(plan, true), Code::DebtorConflict, first.1);
            }
        }
        let warning = row.warning();
        Line::Row(Box::new(row), warning)
    }
}

fn conflict<T>(line: u64, column: &str, code: Code, first: u64) -> Line<T> {
    let fault =
        Reject::new(line, column, "", code).with(&format!("见第 {first} 行"), &format!("see line {first}"));
    Line::Refused(vec![fault])
}

impl<T: Kind> Iterator for Reader<'_, T> {
    type Item = (u64, Line<T>);

    fn next(&mut self) -> Option<(u64, Line<T>)> {
        let record = self.table.next()?;
        if self.table.columns.len() != self.planned {
            self.make_plan();
        }
        let line = match record.cells {
            Ok(cells) => self.judge(record.line, &cells),
            Err(code) => {
                let raw = &self.table.text[record.span.clone()];
                Line::Refused(vec![Reject::new(record.line, "", raw, code)])
            }
        };
        Some((record.line, line))
    }
}

/// Reads a whole file of accounts.
pub fn read_accounts(file_name: &str, bytes: &[u8], mapping: &Mapping) -> Reading<AccountRow> {
    read(file_name, bytes, mapping)
}

/// Reads a whole file of events.
pub fn read_events(file_name: &str, bytes: &[u8], mapping: &Mapping) -> Reading<EventRow> {
    read(file_name, bytes, mapping)
}

fn read<T: Kind>(file_name: &str, bytes: &[u8], mapping: &Mapping) -> Reading<T> {
    let mut reading = Reading {
        rows: Vec::new(),
        rejects: Vec::new(),
        warnings: Vec::new(),
        repeated: Vec::new(),
        columns: Vec::new(),
        encoding: mapping.encoding.unwrap_or(Encoding::Utf8),
        format: Format::Csv,
        delimiter: mapping.delimiter,
        total: 0,
    };
    let mut reader = match Reader::<T>::new(file_name, bytes, mapping) {
        Ok(reader) => reader,
        Err(rejects) => {
            reading.rejects = rejects;
            return reading;
        }
    };
    reading.encoding = reader.encoding;
    reading.format = reader.table.format;
    for (line, outcome) in reader.by_ref() {
        reading.total += 1;
        match outcome {
            Line::Row(row, warning) => {
                reading.rows.push(*row);
                reading.warnings.extend(warning);
            }
            Line::Repeated(_) => reading.repeated.push(line),
            Line::Refused(rejects) => reading.rejects.extend(rejects),
        }
    }
    reading.columns = reader.table.columns;
    reading
}
