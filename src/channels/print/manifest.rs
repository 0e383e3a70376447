//! The manifest of a batch, once for programs (JSON) and once for tables (CSV).

use serde::{Deserialize, Serialize};

/// The names of the columns, which an answer of the shop may repeat.
pub(super) const COLUMNS: &[&str] = &[
    "batch",
    "place",
    "attempt",
    "file",
    "first_page",
    "pages",
    "sheets_simplex",
    "sheets_duplex",
    "paper",
    "form",
    "sha256",
    "country",
    "line_1",
    "line_2",
    "line_3",
    "line_4",
    "line_5",
    "line_6",
    "line_7",
];

/// A batch.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) batch: String,
    /// `simplex` or `duplex`, as the letters are to be printed.
    pub(super) sides: String,
    pub(super) letters: Vec<Line>,
}

/// One letter of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) place: u32,
    pub(super) attempt: String,
    /// The file it stands in.
    pub(super) file: String,
    /// On which page of that file it begins.
    pub(super) first_page: u32,
    pub(super) pages: u32,
    pub(super) sheets_simplex: u32,
    pub(super) sheets_duplex: u32,
    pub(super) paper: String,
    pub(super) form: String,
    /// Of that file.
    pub(super) sha256: String,
    pub(super) country: String,
    /// The address with the name, as it stands in the window.
    pub(super) address: Vec<String>,
}

impl Manifest {
    /// For programs.
    pub(super) fn json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("a manifest is JSON");
        text.push(b'\n');
        text
    }

    /// For tables; UTF-8 with the mark that tells spreadsheets so.
    pub(super) fn csv(&self) -> Vec<u8> {
        let mut out = csv::Writer::from_writer(b"\xEF\xBB\xBF".to_vec());
        let mut write = |row: Vec<String>| out.write_record(row).expect("memory does not fail");
        write(COLUMNS.iter().map(|c| (*c).to_owned()).collect());
        for l in &self.letters {
            let mut row: Vec<String> = vec![
                self.batch.clone(),
                l.place.to_string(),
                l.attempt.clone(),
                l.file.clone(),
                l.first_page.to_string(),
                l.pages.to_string(),
                l.sheets_simplex.to_string(),
                l.sheets_duplex.to_string(),
                l.paper.clone(),
                l.form.clone(),
                l.sha256.clone(),
                l.country.clone(),
            ];
            row.extend((0..7).map(|n| l.address.get(n).map_or_else(String::new, |line| harmless(line))));
            write(row);
        }
        out.into_inner().expect("memory does not fail")
    }
}

/// A text that no spreadsheet takes for a formula: what would be one gets an apostrophe before it.
pub(super) fn harmless(text: &str) -> String {
    let risky = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠');
    match text.trim_start().starts_with(risky) || text.starts_with(['\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_a_formula() {
        let check = |text: &str, expected: &str| assert_eq!(harmless(text), expected);
        check(
            "=HYPERLINK(\"http://x.example\")",
            "'=HYPERLINK(\"http://x.example\")",
        );
        check(" +1", "' +1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("＝1", "'＝1");
        check("-", "'-");
        check("Beispielweg 7", "Beispielweg 7");
        check("", "");
    }

    #[test]
    fn both_forms_say_the_same() {
        let line = Line {
            place: 1,
            attempt: "0190".into(),
            file: "00001-0190.pdf".into(),
            first_page: 1,
            pages: 3,
            sheets_simplex: 3,
            sheets_duplex: 2,
            paper: "a4".into(),
            form: "din-5008-b".into(),
            sha256: "ab".into(),
            country: "DE".into(),
            address: vec!["=Erika, \"E\"".into(), "Weg 1".into()],
        };
        let manifest = Manifest {
            batch: "20260407-00001".into(),
            sides: "duplex".into(),
            letters: vec![line],
        };
        let csv = manifest.csv();
        let mut reader = csv::Reader::from_reader(&csv[3..]);
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(
            (&row[5], &row[12], &row[13], &row[18]),
            ("3", "'=Erika, \"E\"", "Weg 1", "")
        );
        let json: serde_json::Value = serde_json::from_slice(&manifest.json()).unwrap();
        assert_eq!(json["letters"][0]["address"][0], "=Erika, \"E\"");
    }
}
