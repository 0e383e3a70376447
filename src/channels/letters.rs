//! Letters as PDF/A-2b: the words are data, the layout is a Typst source, and nothing else can be read.
//!
//! The same letter and date give the same bytes in every process: the font is built in, the present moment, files,
//! packages and the network are out of reach. A character without a glyph, and every warning, is an error: no letter
//! with a blank box leaves. Errors name places in the layout, never the words of the letter.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{Datelike, NaiveDate};
use sha2::{Digest, Sha256};
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Dict, Duration, Label, Smart, Str, Value};
use typst::introspection::Introspector;
use typst::syntax::{FileId, Source};
use typst::text::{Font, FontBook};
use typst::utils::{LazyHash, PicoStr};
use typst::{Library, LibraryExt, World, WorldExt};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use crate::domain::Letter;

/// The one family a layout may name: all of GB 2312, Big5 and the unified ideographs of Unicode 1.
pub const FONT_FAMILY: &str = "Noto Sans S Chinese";

static FONT: &[u8] = include_bytes!("../../templates/fonts/NotoSansSC-Regular.otf");

/// After so many letters the typesetter forgets what the last two such rounds did not use; else it would grow for ever.
const ROUND: usize = 16;

/// Why a letter cannot be typeset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// The words hold a character that the font does not have.
    #[error("the letter holds a character that the font does not cover")]
    Uncovered,
    /// The address is longer than the window of the envelope is large, or the letterhead than its place.
    #[error("{0}")]
    Unfit(String),
    /// The layout is wrong.
    #[error("the layout is wrong in line {line}: {message}")]
    Layout {
        /// Line of the layout, from 1; 0 where no line can be named.
        line: usize,
        /// What the typesetter says, without anything quoted from the letter.
        message: String,
    },
}

/// A letter on paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typeset {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// Its pages.
    pub pages: u32,
}

/// Several letters in one PDF, which holds the font once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypesetMany {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// The first page of each letter, from 1, and how many it has.
    pub letters: Vec<(u32, u32)>,
    /// Pages of the whole, blank backs of sheets among them.
    pub pages: u32,
}

/// Typesets `letter`; `date` is the document's date and what the layout sees as today.
pub fn typeset(letter: &Letter, date: NaiveDate) -> Result<Vec<u8>, LetterError> {
    Ok(typeset_paged(letter, date)?.pdf)
}

/// The same, with the number of pages.
pub fn typeset_paged(letter: &Letter, date: NaiveDate) -> Result<Typeset, LetterError> {
    let (pdf, document) = run(&letter.layout, &words_of(letter).to_string(), date)?;
    Ok(Typeset {
        pdf,
        pages: count(document.pages().len()),
    })
}

/// Typesets letters of one layout into one PDF, each on a page of its own; with `odd` on the front of a sheet, for printing
/// on both sides. `words` are those of `letter_json`.
///
/// # Errors
/// Also where the layout does not take a list of letters.
pub fn typeset_many(
    layout: &str,
    words: Vec<serde_json::Value>,
    odd: bool,
    date: NaiveDate,
) -> Result<TypesetMany, LetterError> {
    let number = words.len();
    let all = words.into_iter().map(|mut one| {
        one["odd"] = odd.into();
        one
    });
    let words = serde_json::Value::Array(all.collect()).to_string();
    let (pdf, document) = run(layout, &words, date)?;
    let page_of = |name: &str, n: usize| {
        let label = Label::new(PicoStr::intern(&format!("{name}-{n}")))?;
        let found = document.introspector().query_label(label).ok()?.location()?;
        let page = document.introspector().page(found)?;
        u32::try_from(page.get()).ok()
    };
    let place = |n| Some((page_of("start", n)?, page_of("end", n)?));
    let places: Option<Vec<(u32, u32)>> = (0..number).map(place).collect();
    let Some(places) = places else {
        return Err(LetterError::Layout {
            line: 0,
            message: "the layout does not say where each letter begins and ends".to_owned(),
        });
    };
    Ok(TypesetMany {
        pdf,
        letters: places
            .into_iter()
            .map(|(first, last)| (first, (last + 1).saturating_sub(first)))
            .collect(),
        pages: count(document.pages().len()),
    })
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Typesets any layout that reads its words, JSON, from `sys.inputs.letter`.
pub fn typeset_words(layout: &str, words: &str, date: NaiveDate) -> Result<Vec<u8>, LetterError> {
    Ok(run(layout, words, date)?.0)
}

fn run(layout: &str, words: &str, date: NaiveDate) -> Result<(Vec<u8>, PagedDocument), LetterError> {
    let world = Desk::new(layout, words, date);
    let compiled = typst::compile::<PagedDocument>(&world);
    let document = compiled
        .output
        .map_err(|errors| world.error(words, errors.first()))?;
    if !compiled.warnings.is_empty() {
        return Err(world.error(words, compiled.warnings.first()));
    }
    let options = options(words, layout, date);
    let pdf = typst_pdf::pdf(&document, &options).map_err(|errors| {
        let uncovered = errors
            .iter()
            .any(|e| e.message.contains("could not be displayed"));
        if uncovered {
            LetterError::Uncovered
        } else {
            world.error(words, errors.first())
        }
    });
    static TYPESET: AtomicUsize = AtomicUsize::new(0);
    if TYPESET.fetch_add(1, Ordering::Relaxed) % ROUND == ROUND - 1 {
        typst::comemo::evict(2);
    }
    Ok((pdf?, document))
}

/// The fields of the letter as the layout reads them: `json(bytes(sys.inputs.letter))`.
pub fn words_of(letter: &Letter) -> serde_json::Value {
    let payment = letter.payment.as_ref().map(|slip| {
        serde_json::json!({
            "title": slip.title,
            "lines": slip.lines,
            "code": slip.code.as_deref().and_then(code),
            "code_label": slip.code_label,
        })
    });
    serde_json::json!({
        "recipient": letter.recipient,
        "letterhead": letter.letterhead,
        "date": letter.date,
        "reference": letter.reference,
        "subject": letter.subject,
        "paragraphs": letter.paragraphs,
        "table": letter.table.iter().map(|row| row.iter().map(|c| soft(c)).collect()).collect::<Vec<Vec<_>>>(),
        "columns": columns(&letter.table),
        "longest": {"recipient": longest(&letter.recipient), "letterhead": longest(&letter.letterhead)},
        "after_table": letter.after_table,
        "closing": letter.closing,
        "signature": letter.signature,
        "payment": payment,
        "return_slip": letter.return_slip,
        "page_words": letter.page_words,
        "form": letter.form.as_str(),
        "lang": letter.lang,
    })
}

/// About how wide a text is, in its own size: an ideograph is as wide as high, a letter or digit a little more than half.
fn ems(text: &str) -> f64 {
    text.chars()
        .map(|c| if c < '\u{2e80}' { 0.57 } else { 1.0 })
        .sum()
}

fn longest(lines: &[String]) -> f64 {
    lines.iter().map(|line| ems(line)).fold(0.0, f64::max)
}

/// A word that is longer than a column may break anywhere.
fn soft(cell: &str) -> String {
    let word = |w: &str| match w.chars().count() > 18 && w.is_ascii() {
        true => w.chars().map(String::from).collect::<Vec<_>>().join("\u{200b}"),
        false => w.to_owned(),
    };
    cell.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// How wide each column wants to be, in ems, and whether it holds amounts and stands to the right. Counted here, because
/// the typesetter would take as long for it as for the whole letter.
fn columns(table: &[Vec<String>]) -> Vec<serde_json::Value> {
    let Some((head, rows)) = table.split_first() else {
        return Vec::new();
    };
    let one = |n: usize| {
        let cells = || rows.iter().filter_map(|row| row.get(n));
        let width = table
            .iter()
            .filter_map(|row| row.get(n))
            .map(|c| ems(c))
            .fold(0.0, f64::max);
        let right = cells().all(|c| c == "-" || is_amount(c)) && cells().any(|c| c != "-");
        serde_json::json!({"width": width, "right": right})
    };
    (0..head.len()).map(one).collect()
}

/// `EUR 1,234.50`, `人民币 1,234.50 元`, `¥1,280.00`, `12`; no date, no reference.
fn is_amount(cell: &str) -> bool {
    let Some(first) = cell.find(|c: char| c.is_ascii_digit()) else {
        return false;
    };
    let (before, rest) = cell.split_at(first);
    let end = rest.rfind(|c: char| c.is_ascii_digit()).map_or(0, |n| n + 1);
    let (number, after) = rest.split_at(end);
    before.chars().count() <= 12
        && !before
            .trim_end_matches('-')
            .ends_with(|c: char| c.is_ascii_punctuation())
        && number.chars().all(|c| c.is_ascii_digit() || ",. ".contains(c))
        && after.trim_start().chars().count() <= 3
        && !after.contains(['年', '月', '日', '/', '-'])
}

/// A QR code (ISO/IEC 18004) with error correction M as one path of an SVG picture, with the four blank modules around it
/// that readers need; none where the words do not fit version 13 (EPC069-12).
fn code(words: &str) -> Option<String> {
    use qrcode::{Color, EcLevel, QrCode, Version};
    use std::fmt::Write as _;
    let code = QrCode::with_error_correction_level(words, EcLevel::M).ok()?;
    if !matches!(code.version(), Version::Normal(n) if n <= 13) {
        return None;
    }
    let width = code.width();
    let mut path = String::new();
    for (n, _) in code
        .to_colors()
        .iter()
        .enumerate()
        .filter(|(_, colour)| **colour == Color::Dark)
    {
        let (x, y) = (n % width + 4, n / width + 4);
        let _ = write!(path, "M{x} {y}h1v1h-1z");
    }
    let side = width + 8;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\"><path d=\"{path}\"/></svg>"
    ))
}

fn options(words: &str, layout: &str, date: NaiveDate) -> PdfOptions {
    let mut hash = Sha256::new();
    hash.update(words);
    hash.update(layout);
    let midnight = datetime(date).map(Timestamp::new_utc);
    PdfOptions {
        ident: Smart::Custom(hex::encode(hash.finalize())),
        creator: Smart::Custom(Some("Dunwell".to_owned())),
        timestamp: midnight,
        standards: PdfStandards::new(&[PdfStandard::A_2b]).expect("PDF/A-2b alone is a valid choice"),
        ..PdfOptions::default()
    }
}

fn datetime(date: NaiveDate) -> Option<Datetime> {
    let (month, day) = (u8::try_from(date.month()).ok()?, u8::try_from(date.day()).ok()?);
    Datetime::from_ymd_hms(date.year(), month, day, 0, 0, 0)
}

/// Font and book, read once.
fn font() -> &'static (Font, LazyHash<FontBook>) {
    static PARSED: OnceLock<(Font, LazyHash<FontBook>)> = OnceLock::new();
    PARSED.get_or_init(|| {
        let font = Font::new(Bytes::new(FONT), 0).expect("the built-in font is readable");
        let book = LazyHash::new(FontBook::from_fonts([&font]));
        (font, book)
    })
}

/// All that the typesetter can see: one layout, one font, the words, a date.
struct Desk {
    library: LazyHash<Library>,
    layout: Source,
    date: Option<Datetime>,
}

impl Desk {
    fn new(layout: &str, words: &str, date: NaiveDate) -> Desk {
        let mut inputs = Dict::new();
        inputs.insert(Str::from("letter"), Value::Str(Str::from(words)));
        Desk {
            library: LazyHash::new(Library::builder().with_inputs(inputs).build()),
            layout: Source::detached(layout),
            date: datetime(date),
        }
    }

    /// A message of the typesetter may quote the letter, so only words that stand in no field of it are kept.
    fn error(&self, words: &str, found: Option<&SourceDiagnostic>) -> LetterError {
        let Some(found) = found else {
            return LetterError::Layout {
                line: 0,
                message: "the typesetter gives no reason".to_owned(),
            };
        };
        // What the layout itself says when something has no room; it quotes nothing.
        if let Some(said) = found.message.strip_prefix("panicked with: ") {
            let said = said.trim_matches('"');
            if said.contains("does not fit") && self.layout.text().contains(&format!("panic(\"{said}\")")) {
                return LetterError::Unfit(said.to_owned());
            }
        }
        let line = self
            .range(found.span)
            .and_then(|range| self.layout.lines().byte_to_line(range.start))
            .map_or(0, |line| line + 1);
        let (layout, words) = (self.layout.text(), words.to_lowercase());
        let is_ours = |word: &str| {
            let core = word.trim_matches(|c: char| !c.is_alphanumeric());
            let plain = word.is_ascii() && !word.bytes().any(|b| b.is_ascii_digit() || b"\"`".contains(&b));
            plain && (layout.contains(core) || !words.contains(&core.to_lowercase()))
        };
        let kept = found
            .message
            .split_whitespace()
            .map(|word| if is_ours(word) { word } else { "…" });
        LetterError::Layout {
            line,
            message: kept.collect::<Vec<_>>().join(" "),
        }
    }
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &font().1
    }

    fn main(&self) -> FileId {
        self.layout.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.layout.id() {
            Ok(self.layout.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn file(&self, _: FileId) -> FileResult<Bytes> {
        Err(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        (index == 0).then(|| font().0.clone())
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        self.date
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::sample;

    fn on() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 4, 7).unwrap()
    }

    fn with_layout(layout: &str) -> Result<Vec<u8>, LetterError> {
        typeset(
            &Letter {
                layout: layout.to_owned(),
                ..sample::letter_words()
            },
            on(),
        )
    }

    #[test]
    fn the_same_letter_is_the_same_bytes() {
        let first = typeset(&sample::letter_words(), on()).unwrap();
        typst::comemo::evict(0);
        let second = typeset(&sample::letter_words(), on()).unwrap();
        assert!(first == second);
        // Known from an earlier process: a change means that old letters can no longer be reproduced.
        let digest = hex::encode(Sha256::digest(&first));
        assert_eq!(
            digest,
            "0f370d50fb629c867ae11c5264f7a0dacb972c34188c3ad050b883036880de47",
            "{} bytes",
            first.len()
        );
        if let Ok(place) = std::env::var("DUNWELL_KEEP_LETTER") {
            std::fs::write(place, first).unwrap();
        }
    }

    #[test]
    fn amounts_stand_to_the_right() {
        let check = |cell: &str, expected| assert_eq!(is_amount(cell), expected, "{cell}");
        check("EUR 1,234.50", true);
        check("人民币 1,234.50 元", true);
        check("¥1,280.00", true);
        check("-12.00", true);
        check("3", true);
        check("2026年4月8日", false);
        check("8 April 2026", false);
        check("2026-04-08", false);
        check("RA-2026-0042", false);
        check("INV/7", false);
        check("", false);
    }

    #[test]
    fn a_character_without_glyph_is_refused_and_not_repeated() {
        let mut letter = sample::letter_words();
        letter.recipient[0] = "李𓀀先生".to_owned();
        assert_eq!(typeset(&letter, on()), Err(LetterError::Uncovered));
    }

    #[test]
    fn nothing_outside_can_be_read() {
        for layout in [
            "#read(\"/etc/hostname\")",
            "#import \"@preview/tablex:0.0.8\": *",
            "#include \"other.typ\"",
        ] {
            let error = with_layout(layout).unwrap_err();
            assert!(matches!(error, LetterError::Layout { line: 1, .. }), "{error}");
        }
    }

    #[test]
    fn warnings_are_errors() {
        let error = with_layout("#set text(font: \"No Such Family\")\nwords")
            .unwrap_err()
            .to_string();
        assert!(error.contains("unknown font family"), "{error}");
    }

    #[test]
    fn errors_name_the_line_and_nobody() {
        let layout = "#let letter = json(bytes(sys.inputs.letter))\n#panic(\"no street for \" + letter.recipient.at(0))";
        let error = with_layout(layout).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("panicked"), "{error}");
        assert!(!error.contains("李伟"), "{error}");
    }
}
