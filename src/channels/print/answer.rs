//! What a print shop says about the letters of its batches: a table (CSV) or JSON, row by row. The manifest with `status`
//! and `on` filled in is such a file. Every row is either read or named with its line; nothing is lost.

use chrono::NaiveDate;
use serde_json::Value;

use super::manifest::COLUMNS;
use crate::domain::AttemptId;
use crate::store::ReceiptStatus;

/// Larger files are refused.
const LARGEST: usize = 64 * 1024 * 1024;

/// The words of a shop, in English and in Chinese: what is kept, and what it means.
const WORDS: &[(&str, &str, &str, ReceiptStatus)] = &[
    ("printed", "已打印", "printed", ReceiptStatus::Underway),
    ("mailed", "已寄出", "mailed", ReceiptStatus::Underway),
    ("delivered", "已签收", "delivered", ReceiptStatus::Delivered),
    ("spoiled", "作废", "spoiled", ReceiptStatus::Undelivered),
    (
        "undeliverable",
        "退回",
        "undeliverable",
        ReceiptStatus::Undelivered,
    ),
];

/// One row that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopRow {
    /// Where it stands, from 1.
    pub line: usize,
    /// Which attempt.
    pub attempt: AttemptId,
    /// The batch it names.
    pub batch: Option<String>,
    /// The digest it names.
    pub sha256: Option<String>,
    /// `printed`, `mailed`, `delivered`, `spoiled` or `undeliverable`.
    pub word: &'static str,
    /// What it means.
    pub status: ReceiptStatus,
    /// Of which day.
    pub on: Option<NaiveDate>,
    /// The row as it came.
    pub raw: Vec<u8>,
}

/// One row that could not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: `{field}`: {found}, expected {expected}")]
pub struct RowFault {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Which field.
    pub field: String,
    /// What stands there, without anything personal.
    pub found: String,
    /// What should.
    pub expected: String,
}

/// A file, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// Rows that could be read.
    pub rows: Vec<ShopRow>,
    /// Rows that could not.
    pub faults: Vec<RowFault>,
}

/// Reads what a shop says: JSON where the file begins with `[` or `{`, a table otherwise.
///
/// # Errors
/// Where the file as a whole cannot be read: not UTF-8, too long, no header, an unknown column. Then no row counts.
pub fn read_answer(file: &str, bytes: &[u8]) -> Result<Answered, RowFault> {
    let whole = |line: usize, field: &str, found: &str, expected: &str| RowFault {
        file: file.to_owned(),
        line,
        field: field.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    if bytes.len() > LARGEST {
        return Err(whole(1, "file", "more than 64 MiB", "less"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count();
        whole(line, "file", "bytes that are no UTF-8", "UTF-8")
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let rows = match text.trim_start().chars().next() {
        Some('[' | '{') => {
            of_json(text).map_err(|(line, found)| whole(line, "file", &found, "a list of rows"))?
        }
        Some(_) => {
            of_table(text).map_err(|(line, field, found, expected)| whole(line, &field, &found, &expected))?
        }
        None => return Err(whole(1, "file", "nothing", "rows")),
    };
    let mut answered = Answered::default();
    for (line, fields, raw) in rows {
        match row(&fields, line, raw) {
            Ok(row) => answered.rows.push(row),
            Err((field, found, expected)) => answered.faults.push(whole(line, field, &found, &expected)),
        }
    }
    Ok(answered)
}

/// Names and values of one row.
type Fields = Vec<(String, String)>;
type Rows = Vec<(usize, Fields, Vec<u8>)>;

const OWN: &[&str] = &["status", "on", "remark"];

fn is_known(name: &str) -> bool {
    COLUMNS.contains(&name) || OWN.contains(&name) || name == "address"
}

fn of_table(text: &str) -> Result<Rows, (usize, String, String, String)> {
    let delimiter = match text.lines().next().unwrap_or("") {
        head if head.contains(';') && !head.contains(',') => b';',
        head if head.contains('\t') && !head.contains(',') => b'\t',
        _ => b',',
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let head = reader.headers().cloned().unwrap_or_default();
    let head: Vec<String> = head.iter().map(str::to_ascii_lowercase).collect();
    if let Some(unknown) = head.iter().find(|name| !is_known(name)) {
        let expected = format!("a column of the manifest, or {}", OWN.join(", "));
        return Err((1, shown(unknown), "an unknown column".into(), expected));
    }
    for needed in ["attempt", "status"] {
        if !head.iter().any(|name| name == needed) {
            return Err((
                1,
                needed.into(),
                "no such column".into(),
                "a column of this name".into(),
            ));
        }
    }
    let mut rows = Vec::new();
    // The reader counts a row from where the one before it ended, blank lines included.
    let (mut line, mut counted) = (1, 0);
    for record in reader.records() {
        let record = record.map_err(|e| {
            let line = e.position().map_or(1, |p| usize::try_from(p.line()).unwrap_or(1));
            (
                line,
                "row".to_owned(),
                "a row that cannot be read".to_owned(),
                "a row of a table".to_owned(),
            )
        })?;
        let begins = record
            .position()
            .map_or(counted, |p| usize::try_from(p.byte()).unwrap_or(counted));
        let rest = text.as_bytes().get(begins..).unwrap_or_default();
        let at = begins + rest.iter().take_while(|b| b"\r\n".contains(b)).count();
        let passed = text.as_bytes().get(counted..at).unwrap_or_default();
        line += passed.iter().filter(|b| **b == b'\n').count();
        counted = at;
        if record.iter().all(str::is_empty) {
            continue;
        }
        let raw = record.iter().collect::<Vec<_>>().join("\u{1f}").into_bytes();
        let fields = head.iter().cloned().zip(record.iter().map(str::to_owned));
        rows.push((line, fields.collect(), raw));
    }
    Ok(rows)
}

fn of_json(text: &str) -> Result<Rows, (usize, String)> {
    let whole: Value =
        serde_json::from_str(text).map_err(|e| (e.line(), "text that is no JSON".to_owned()))?;
    let (items, depth) = match &whole {
        Value::Array(items) => (items, 1),
        Value::Object(fields) => match fields.get("letters") {
            Some(Value::Array(items)) => (items, 2),
            _ => return Err((1, "an object without `letters`".to_owned())),
        },
        _ => return Err((1, "neither a list nor an object".to_owned())),
    };
    let lines = lines_of(text, depth);
    let mut rows = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let line = lines.get(n).copied().unwrap_or(1);
        let scalar = |v: &Value| match v {
            Value::String(text) => text.clone(),
            Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
            other => other.to_string(),
        };
        let fields = item
            .as_object()
            .map(|o| o.iter().map(|(k, v)| (k.clone(), scalar(v))).collect());
        rows.push((line, fields.unwrap_or_default(), item.to_string().into_bytes()));
    }
    Ok(rows)
}

/// The lines on which the items of the list at `depth` begin.
fn lines_of(text: &str, depth: usize) -> Vec<usize> {
    let (mut lines, mut line, mut open, mut quoted, mut escaped) = (Vec::new(), 1, 0usize, false, false);
    for c in text.chars() {
        match c {
            '\n' => line += 1,
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => {
                if open == depth {
                    lines.push(line);
                }
                open += 1;
            }
            '}' | ']' if !quoted => open = open.saturating_sub(1),
            _ => {}
        }
    }
    lines
}

/// A value that a person may see: short, printable.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

fn row(fields: &Fields, line: usize, raw: Vec<u8>) -> Result<ShopRow, (&'static str, String, String)> {
    let of = |name: &str| {
        let found = fields.iter().find(|(k, _)| k == name).map(|(_, v)| v.trim());
        found.filter(|v| !v.is_empty())
    };
    if let Some((name, _)) = fields.iter().find(|(name, _)| !is_known(name)) {
        return Err((
            "row",
            format!("the unknown field `{}`", shown(name)),
            "fields of the manifest".to_owned(),
        ));
    }
    let id =
        of("attempt").ok_or_else(|| ("attempt", "nothing".to_owned(), "the id of a letter".to_owned()))?;
    let attempt = id.parse().map(AttemptId).map_err(|_| {
        (
            "attempt",
            format!("`{}`", shown(id)),
            "the id of a letter, as in the manifest".to_owned(),
        )
    })?;
    let said = of("status").unwrap_or("");
    let word = WORDS
        .iter()
        .find(|(en, zh, ..)| en.eq_ignore_ascii_case(said) || *zh == said);
    let Some((.., word, status)) = word else {
        let all: Vec<&str> = WORDS.iter().map(|(en, ..)| *en).collect();
        let found = if said.is_empty() {
            "nothing".to_owned()
        } else {
            format!("`{}`", shown(said))
        };
        return Err(("status", found, format!("one of {}", all.join(", "))));
    };
    let on = match of("on") {
        None => None,
        Some(text) => Some(
            NaiveDate::parse_from_str(text.get(..10).unwrap_or(text), "%Y-%m-%d").map_err(|_| {
                (
                    "on",
                    format!("`{}`", shown(text)),
                    "a day such as `2026-04-07`".to_owned(),
                )
            })?,
        ),
    };
    Ok(ShopRow {
        line,
        attempt,
        batch: of("batch").map(str::to_owned),
        sha256: of("sha256").map(str::to_ascii_lowercase),
        word,
        status: *status,
        on,
        raw,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01900000-0000-7000-8000-000000000001";

    fn told(text: &str) -> String {
        match read_answer("shop.csv", text.as_bytes()) {
            Err(e) => e.to_string(),
            Ok(all) => {
                let rows = all.rows.iter().map(|r| format!("{}={}", r.line, r.word));
                let faults = all.faults.iter().map(ToString::to_string);
                rows.chain(faults).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn every_row_is_read_or_named() {
        let check = |text: String, expected: &str| assert_eq!(told(&text), expected, "{text}");
        check(
            format!("attempt,status,on\n{ID},mailed,2026-04-08\n{ID},已签收,\n"),
            "2=mailed; 3=delivered",
        );
        check(format!("\u{feff}attempt;status\n\n{ID};Printed\n"), "3=printed");
        check(
            format!("attempt,status,on\nx,mailed,\n{ID},gone,\n{ID},mailed,8.4.2026\n{ID},mailed\n"),
            "5=mailed; shop.csv:2: `attempt`: `x`, expected the id of a letter, as in the manifest; \
             shop.csv:3: `status`: `gone`, expected one of printed, mailed, delivered, spoiled, undeliverable; \
             shop.csv:4: `on`: `8.4.2026`, expected a day such as `2026-04-07`",
        );
        check(
            "attempt\nx\n".into(),
            "shop.csv:1: `status`: no such column, expected a column of this name",
        );
        check(
            format!("attempt,status,colour\n{ID},mailed,red\n"),
            "shop.csv:1: `colour`: an unknown column, expected a column of the manifest, or status, on, remark",
        );
        check(String::new(), "shop.csv:1: `file`: nothing, expected rows");
    }

    #[test]
    fn json_rows_know_their_line() {
        let check = |text: String, expected: &str| assert_eq!(told(&text), expected, "{text}");
        check(
            format!(
                "[\n {{\"attempt\": \"{ID}\", \"status\": \"mailed\"}},\n\n {{\"attempt\": \"[{{\", \"status\": 7}}\n]"
            ),
            "2=mailed; shop.csv:4: `attempt`: `[{`, expected the id of a letter, as in the manifest",
        );
        check(
            format!(
                "{{\"batch\": \"b\",\n\"letters\": [{{\"attempt\": \"{ID}\", \"status\": \"spoiled\"}}]}}"
            ),
            "2=spoiled",
        );
        check(
            "{}".into(),
            "shop.csv:1: `file`: an object without `letters`, expected a list of rows",
        );
        check(
            "[{".into(),
            "shop.csv:1: `file`: text that is no JSON, expected a list of rows",
        );
        check(
            "[7]".into(),
            "shop.csv:1: `attempt`: nothing, expected the id of a letter",
        );
    }

    #[test]
    fn a_manifest_that_comes_back_is_read() {
        let mut head = COLUMNS.join(",");
        head.push_str(",status,on");
        let cells = COLUMNS.iter().map(|c| if *c == "attempt" { ID } else { "" });
        let line = cells.collect::<Vec<_>>().join(",");
        assert_eq!(
            told(&format!("{head}\n{line},mailed,2026-04-08T10:00:00Z\n")),
            "2=mailed"
        );
    }
}
