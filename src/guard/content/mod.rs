//! What must not be said. [`check`] judges words alone: it needs who speaks to whom and the compiled lexicons, no store,
//! no clock and no async, so it can be used on its own. [`super::review`] uses it for every part of a draft.
//!
//! Each part is folded once; detectors mark numbers and names in it; the lexicons say which entries' words stand in it,
//! in any reading; what applies and is not excused becomes a finding. A second opinion, where there is one, may raise a
//! doubt where no rule speaks; it never blocks.

mod entries;
mod joined;
mod opinion;
mod report;

use std::cell::RefCell;
use std::ops::Range;

use super::detect;
use crate::domain::Verdict;
use crate::policy::fold::{Folded, Oddities, fold, fold_html, fold_into};
use crate::policy::{Builtin, Category, ContentContext, Head, Lexicons, core_rule};
use entries::of_entries;
use joined::Joined;
use opinion::doubt;
pub use opinion::{Input, Score, SecondOpinion};
pub use report::cited;
pub(super) use report::report;

/// One part of a message.
#[derive(Debug, Clone, Copy)]
pub struct Part<'t> {
    /// Its name: `subject`, `text`, `html`, ...
    pub name: &'static str,
    /// Its words.
    pub text: &'t str,
    /// Whether they are the source of a page.
    pub html: bool,
    /// What came from data of others, such as the debtor's name.
    pub variables: &'t [Variable],
}

/// Words that a template did not bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// What they are, in Chinese and in English, for the person who reads the finding.
    pub name: (&'static str, &'static str),
    /// Bytes of the part.
    pub span: Range<usize>,
}

impl<'t> Part<'t> {
    /// Plain words that nobody else had a hand in.
    pub fn plain(name: &'static str, text: &'t str) -> Part<'t> {
        Part {
            name,
            text,
            html: false,
            variables: &[],
        }
    }
}

/// What words are judged by.
#[derive(Clone, Copy)]
pub struct ContentRules<'r> {
    /// The compiled lexicons.
    pub lexicons: &'r Lexicons,
    /// Whether each entry speaks here; without it every entry whose conditions hold.
    pub speaks: Option<&'r [bool]>,
    /// May raise a doubt; never blocks alone.
    pub classifier: Option<&'r dyn SecondOpinion>,
}

/// One reason, with the words it rests on.
#[derive(Debug, Clone)]
pub struct ContentFinding {
    /// Which kind of prohibited content.
    pub category: Category,
    /// The rule that speaks.
    pub head: Head,
    /// What it alone leads to: `review` or `blocked`.
    pub verdict: Verdict,
    /// The part of the message.
    pub part: &'static str,
    /// Bytes of the part as it was handed in, on character boundaries.
    pub span: Range<usize>,
    /// The entry of the lexicons, where it is one.
    pub entry: Option<usize>,
    /// It rests on words that somebody else supplied: which. Without them it would not be there.
    pub variable: Option<(&'static str, &'static str)>,
    /// A rule doubted, and a classifier was sure of the same kind.
    pub confirmed: bool,
    /// Some of its words are there by their sound only, which may be chance.
    pub by_sound: bool,
    /// Some of its words are numbers, accounts, addresses or links: no matter of opinion.
    pub of_numbers: bool,
}

/// What the rules saw, whether or not it led to a finding; what a classifier may use.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// Entries whose words stand and whose conditions hold, excused ones too.
    pub entries: Vec<u32>,
    /// Those of them that were excused.
    pub excused: Vec<u32>,
    /// Word groups by place, in order: bytes of the folded parts as they are joined for a second opinion.
    pub placed: Vec<(u32, u16)>,
    /// Word hits that only a second reading found.
    pub disguised: u32,
    /// What is unusual about the writing.
    pub oddities: Oddities,
}

/// The answer about words.
#[derive(Debug, Clone)]
pub struct ContentReview {
    /// The strictest of all findings: `cleared`, `review` or `blocked`.
    pub verdict: Verdict,
    /// Every reason, in reading order.
    pub findings: Vec<ContentFinding>,
    /// What the rules saw.
    pub signals: Signals,
    /// What a classifier said, where it raised or confirmed something.
    pub opinion: Option<Score>,
}

impl ContentReview {
    /// The kinds of prohibited content that were found, each once.
    pub fn categories(&self) -> Vec<Category> {
        let mut all: Vec<Category> = self.findings.iter().map(|f| f.category).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The core rule about texts that are disguised as a whole.
const DISGUISED: &str = "content.disguised_writing";

/// At most so many hits of one entry in one part are reported; the words are the same.
const HITS_SHOWN: usize = 5;

thread_local! {
    /// Room of folded parts that were judged, for the next ones.
    static ROOM: RefCell<Vec<Folded>> = const { RefCell::new(Vec::new()) };
}

/// So much room is kept.
const PARTS_KEPT: usize = 8;

/// Longer texts are rare, and their room is given back.
const LONG: usize = 1 << 16;

/// Judges the words of a message.
pub fn check(cx: &ContentContext, parts: &[Part<'_>], rules: &ContentRules<'_>) -> ContentReview {
    let mut room = ROOM.take();
    let mut folded: Vec<Folded> = Vec::with_capacity(parts.len());
    for part in parts {
        let mut one = room.pop().unwrap_or_default();
        fold_into(part.text, part.html, &mut one);
        folded.push(one);
    }
    let pages: Vec<Page<'_>> = parts
        .iter()
        .zip(&folded)
        .map(|(part, folded)| Page { part: *part, folded })
        .collect();
    let review = judge(cx, &pages, rules);
    room.extend(folded.into_iter().filter(|f| f.text().len() < LONG));
    room.truncate(PARTS_KEPT);
    ROOM.set(room);
    review
}

/// A part with its folded words.
#[derive(Clone, Copy)]
pub(super) struct Page<'t> {
    pub(super) part: Part<'t>,
    pub(super) folded: &'t Folded,
}

pub(super) fn folded(part: &Part<'_>) -> Folded {
    if part.html {
        fold_html(part.text)
    } else {
        fold(part.text)
    }
}

/// Judges pages that are folded already.
pub(super) fn judge(cx: &ContentContext, pages: &[Page<'_>], rules: &ContentRules<'_>) -> ContentReview {
    let (mut review, words) = by_rules(cx, pages, rules);
    doubt(cx, pages, words, rules, &mut review);
    review.findings.sort_by_key(|f| std::cmp::Reverse(f.verdict));
    review.verdict = review
        .findings
        .iter()
        .map(|f| f.verdict)
        .max()
        .unwrap_or(Verdict::Cleared);
    review
}

/// What a second opinion would be asked about, for teaching one: the words as it reads them, as they were written, and
/// what the rules saw.
pub fn overheard(
    cx: &ContentContext,
    parts: &[Part<'_>],
    rules: &ContentRules<'_>,
) -> (String, String, Signals) {
    let folded: Vec<Folded> = parts.iter().map(folded).collect();
    let pages: Vec<Page<'_>> = parts
        .iter()
        .zip(&folded)
        .map(|(part, folded)| Page { part: *part, folded })
        .collect();
    let (review, words) = by_rules(cx, &pages, rules);
    let written = match &pages[..] {
        [one] => one.folded.text().to_owned(),
        _ => words.written,
    };
    (
        words.mended.unwrap_or_else(|| written.clone()),
        written,
        review.signals,
    )
}

fn by_rules(cx: &ContentContext, pages: &[Page<'_>], rules: &ContentRules<'_>) -> (ContentReview, Joined) {
    let mut review = ContentReview {
        verdict: Verdict::Cleared,
        findings: Vec::new(),
        signals: Signals::default(),
        opinion: None,
    };
    let mut words = Joined::default();
    if !rules.lexicons.faults().is_empty() {
        review.findings.push(core(
            Category::Deception,
            "content.unreadable_rules",
            "",
            0..0,
            Verdict::Blocked,
        ));
    }
    for page in pages {
        let marks = detect::marks(page.folded, page.part.text, cx);
        let found = rules.lexicons.find(page.folded, &marks);
        let foreign = marks.iter().filter(|m| m.what == Builtin::Account);
        for mark in foreign.take(HITS_SHOWN) {
            let span = page.folded.original(mark.span.clone());
            let repeated = page.part.html
                && review
                    .findings
                    .iter()
                    .any(|f| &*f.head.id == "payee.unregistered");
            if !repeated {
                let found = core(
                    Category::PrivateAccountPayment,
                    "payee.unregistered",
                    page.part.name,
                    span,
                    Verdict::Blocked,
                );
                review.findings.push(found);
            }
        }
        if let Some(span) = page.folded.hidden() {
            let id = "content.hidden_characters";
            review.findings.push(core(
                Category::Deception,
                id,
                page.part.name,
                span,
                Verdict::Blocked,
            ));
        }
        if found.unreadable {
            review.findings.push(core(
                Category::Deception,
                DISGUISED,
                page.part.name,
                0..page.part.text.len(),
                Verdict::Review,
            ));
        }
        of_entries(cx, page, &found, rules, &mut review);
        words.add(page, pages.len() > 1, found, &mut review.signals);
    }
    review.signals.tidy();
    (review, words)
}

fn core(
    category: Category,
    id: &str,
    part: &'static str,
    span: Range<usize>,
    verdict: Verdict,
) -> ContentFinding {
    ContentFinding {
        category,
        head: core_rule(id).clone(),
        verdict,
        part,
        span,
        entry: None,
        variable: None,
        confirmed: false,
        by_sound: false,
        of_numbers: false,
    }
}

#[cfg(test)]
mod tests;
