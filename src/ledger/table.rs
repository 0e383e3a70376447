//! Records of a CSV or JSON Lines text, each with its line and its exact original text.
//!
//! The `csv` crate reads an unclosed quote to the end of the file as one cell; here the damage stays in its line:
//! the record is refused, with the line where the quote began, and reading goes on with the next line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::reject::Code;

/// How a ledger file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated (or otherwise delimited) values with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// By the ending of the name, else by the first character.
    pub(super) fn of(file_name: &str, text: &str) -> Format {
        let name = file_name.to_ascii_lowercase();
        let ends = |ending: &str| name.ends_with(ending);
        if ends(".jsonl") || ends(".ndjson") {
            Format::JsonLines
        } else if ends(".csv") || ends(".tsv") || !text.trim_start().starts_with('{') {
            Format::Csv
        } else {
            Format::JsonLines
        }
    }
}

/// One record: cells in the order of the columns, or what is wrong with it as a whole.
pub(super) struct Record {
    /// First line, counted from 1.
    pub(super) line: u64,
    /// Where its text stands, without the line end.
    pub(super) span: Range<usize>,
    /// The cells, or the fault of the record.
    pub(super) cells: Result<Vec<String>, Code>,
}

/// Walks through the records of a text.
pub(super) struct Table<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) format: Format,
    pub(super) columns: Vec<String>,
    index: HashMap<String, usize>,
    delimiter: u8,
    at: usize,
    line: u64,
}

/// A quoted cell longer than this is an unclosed quote.
const LONGEST_CELL: usize = 64 * 1024;

impl<'a> Table<'a> {
    /// Reads the header line of CSV; `Err` when there is none or a column stands there twice.
    pub(super) fn new(
        text: Cow<'a, str>,
        format: Format,
        delimiter: u8,
    ) -> Result<Table<'a>, (Code, String)> {
        let mut table = Table {
            text,
            format,
            columns: Vec::new(),
            index: HashMap::new(),
            delimiter,
            at: 0,
            line: 1,
        };
        if format == Format::Csv {
            let header = table.next().ok_or((Code::NoHeader, String::new()))?;
            for name in header.cells.map_err(|code| (code, String::new()))? {
                let name = name.trim().to_owned();
                if !name.is_empty() && table.index.insert(name.clone(), table.columns.len()).is_some() {
                    return Err((Code::DuplicateColumn, name));
                }
                table.columns.push(name);
            }
        }
        Ok(table)
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next record that is not an empty line.
    pub(super) fn next(&mut self) -> Option<Record> {
        loop {
            let start = self.at;
            let line = self.line;
            if start >= self.text.len() {
                return None;
            }
            let line_end = end_of_line(&self.text, start);
            if self.text[start..line_end].trim().is_empty() {
                self.go_past(line_end);
                continue;
            }
            let (end, cells) = match self.format {
                Format::Csv => match split(self.text.as_bytes(), start, self.delimiter) {
                    Ok((end, cells)) => (end, Ok(cells)),
                    Err(code) => (line_end, Err(code)),
                },
                Format::JsonLines => (line_end, self.object(start..line_end)),
            };
            self.go_past(end);
            return Some(Record {
                line,
                span: start..end,
                cells,
            });
        }
    }

    fn go_past(&mut self, end: usize) {
        let bytes = self.text.as_bytes();
        let mut next = end;
        if bytes.get(next) == Some(&b'\r') {
            next += 1;
        }
        if bytes.get(next) == Some(&b'\n') {
            next += 1;
        }
        let inside = bytes[self.at..end].iter().filter(|b| **b == b'\n').count() as u64;
        self.line += inside + 1;
        self.at = next;
    }

    fn object(&mut self, span: Range<usize>) -> Result<Vec<String>, Code> {
        let pairs: Pairs = serde_json::from_str(&self.text[span]).map_err(|_| Code::Json)?;
        let mut cells = vec![String::new(); self.columns.len()];
        let mut seen = vec![false; self.columns.len()];
        for (key, value) in pairs.0 {
            let at = *self.index.entry(key).or_insert_with_key(|key| {
                self.columns.push(key.clone());
                cells.push(String::new());
                seen.push(false);
                self.columns.len() - 1
            });
            if std::mem::replace(&mut seen[at], true) {
                return Err(Code::DuplicateColumn);
            }
            cells[at] = match value {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(s) => s,
                serde_json::Value::Bool(b) => b.to_string(),
                serde_json::Value::Number(n) if n.is_i64() || n.is_u64() => n.to_string(),
                serde_json::Value::Number(_) => return Err(Code::JsonNumber),
                _ => return Err(Code::Json),
            };
        }
        Ok(cells)
    }
}

/// The byte after the last of the line that holds `from`, without `\r\n`.
fn end_of_line(text: &str, from: usize) -> usize {
    let end = text[from..].find('\n').map_or(text.len(), |n| from + n);
    if end > from && text.as_bytes()[end - 1] == b'\r' {
        end - 1
    } else {
        end
    }
}

/// Splits one record of CSV that starts at `from`; returns where it ends.
fn split(bytes: &[u8], from: usize, delimiter: u8) -> Result<(usize, Vec<String>), Code> {
    let mut cells = Vec::with_capacity(24);
    let mut at = from;
    loop {
        let (cell, end) = if bytes.get(at) == Some(&b'"') {
            quoted(bytes, at + 1)?
        } else {
            let length = bytes[at..]
                .iter()
                .position(|b| *b == delimiter || *b == b'\n' || *b == b'"');
            let mut end = length.map_or(bytes.len(), |n| at + n);
            if bytes.get(end) == Some(&b'"') {
                return Err(Code::StrayQuote);
            }
            if bytes.get(end).is_none_or(|b| *b == b'\n') && end > at && bytes[end - 1] == b'\r' {
                end -= 1;
            }
            (bytes[at..end].to_vec(), end)
        };
        cells.push(String::from_utf8(cell).map_err(|_| Code::Encoding)?);
        match bytes.get(end) {
            Some(b) if *b == delimiter => at = end + 1,
            None | Some(b'\n') => return Ok((end, cells)),
            Some(b'\r') if bytes.get(end + 1).is_none_or(|b| *b == b'\n') => return Ok((end, cells)),
            _ => return Err(Code::StrayQuote),
        }
    }
}

/// The text of a quoted cell and the byte after its closing quote.
fn quoted(bytes: &[u8], from: usize) -> Result<(Vec<u8>, usize), Code> {
    let mut cell = Vec::new();
    let mut at = from;
    loop {
        let rest = &bytes[at..bytes.len().min(from + LONGEST_CELL)];
        let quote = rest.iter().position(|b| *b == b'"').ok_or(Code::UnclosedQuote)?;
        cell.extend_from_slice(&rest[..quote]);
        at += quote + 1;
        if bytes.get(at) != Some(&b'"') {
            return Ok((cell, at));
        }
        cell.push(b'"');
        at += 1;
    }
}

/// The members of a JSON object in order, repeated keys included.
struct Pairs(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Pairs(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
