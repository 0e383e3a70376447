//! What must not be said. [`check`] judges words alone: it needs who speaks to whom and the compiled lexicons, no store,
//! no clock and no async, so it can be used on its own. [`super::review`] uses it for every part of a draft.
//!
//! Each part is folded once; detectors mark numbers and names in it; the lexicons say which entries' words stand in it,
//! in any reading; what applies and is not excused becomes a finding. A second opinion, where there is one, may raise a
//! doubt where no rule speaks; it never blocks.

use std::cell::RefCell;
use std::ops::Range;

use super::{Desk, classifier, detect};
use crate::domain::Verdict;
use crate::policy::fold::{Folded, Oddities, fold, fold_html, fold_into};
use crate::policy::{
    Applied, Builtin, Category, ContentContext, Entry, Found, Head, Hit, Lexicons, Outcome, PolicySet,
    core_rule,
};

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

/// A trained model that may raise a doubt about words no rule knows, and confirm a doubt that a rule has.
pub trait SecondOpinion: Sync {
    /// How likely the text is prohibited.
    fn score(&self, input: &Input<'_>) -> Score;
    /// Fills in of which kind, and why; asked only where it matters.
    fn explain(&self, input: &Input<'_>, score: &mut Score);
}

/// What a second opinion may rest on.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The folded words, parts joined by line breaks, without HTML; disguised words as the lexicons write them.
    pub text: &'a str,
    /// The same with every word as it was written; the places of word groups are bytes of it.
    pub written: &'a str,
    /// Who speaks to whom.
    pub cx: &'a ContentContext,
    /// What the rules saw.
    pub signals: &'a Signals,
    /// The lexicons, for the names of groups and entries.
    pub lexicons: &'a Lexicons,
}

/// A second opinion.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// From 0, certainly proper, to 1, certainly prohibited.
    pub probability: f32,
    /// Whether that is enough for a person to look at it.
    pub raises_review: bool,
    /// Whether that is enough to confirm what a rule doubts.
    pub sure: bool,
    /// The likeliest kind of prohibited content.
    pub category: Option<Category>,
    /// Kinds of which it is sure enough to confirm what a rule doubts.
    pub sure_of: Vec<Category>,
    /// What counted most, strongest first, with its weight.
    pub strongest: Vec<(String, f32)>,
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

/// The words of all parts for a second opinion; the page of an e-mail says the same again and is left out.
#[derive(Default)]
struct Joined {
    /// Only where there is more than one part.
    written: String,
    /// Only where something was disguised.
    mended: Option<String>,
}

impl Joined {
    fn add(&mut self, page: &Page<'_>, several: bool, found: Found, signals: &mut Signals) {
        signals.disguised += found.disguised;
        signals.oddities.add(found.oddities);
        if page.part.html {
            return;
        }
        if !several {
            signals.placed = found.placed;
            self.mended = found.mended;
            return;
        }
        if found.mended.is_some() && self.mended.is_none() {
            self.mended = Some(self.written.clone());
        }
        if let Some(mended) = &mut self.mended {
            mended.push_str(found.mended.as_deref().unwrap_or(page.folded.text()));
            mended.push('\n');
        }
        let base = self.written.len() as u32;
        signals
            .placed
            .extend(found.placed.iter().map(|(at, group)| (base + at, *group)));
        self.written.push_str(page.folded.text());
        self.written.push('\n');
    }
}

impl Signals {
    fn tidy(&mut self) {
        for list in [&mut self.entries, &mut self.excused] {
            list.sort_unstable();
            list.dedup();
        }
    }
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
    }
}

fn of_entries(
    cx: &ContentContext,
    page: &Page<'_>,
    found: &Found,
    rules: &ContentRules<'_>,
    review: &mut ContentReview,
) {
    let entries = rules.lexicons.entries();
    let mut supplied = Supplied::default();
    let mut shown = 0;
    let mut last = usize::MAX;
    for hit in &found.hits {
        let entry = &entries[hit.entry];
        let speaks = rules
            .speaks
            .map_or_else(|| entry.when.holds_for(cx), |speaks| speaks[hit.entry]);
        if !speaks {
            continue;
        }
        review.signals.entries.push(hit.entry as u32);
        if hit.excused {
            review.signals.excused.push(hit.entry as u32);
            continue;
        }
        if last != hit.entry {
            (last, shown) = (hit.entry, 0);
        }
        shown += 1;
        // The page of an e-mail says the same words again.
        let repeated = page.part.html
            && review
                .findings
                .iter()
                .any(|f| f.entry == Some(hit.entry) && f.part != page.part.name);
        if shown > HITS_SHOWN || repeated {
            continue;
        }
        let span = page.folded.original(hit.span.clone());
        let variable = supplied.blame(page, hit, &span, rules);
        if variable.is_some() && hit.by_sound {
            // A name or a reference that happens to sound like a word says nothing.
            continue;
        }
        review.findings.push(ContentFinding {
            category: entry.category,
            head: entry.rule.head.clone(),
            verdict: verdict_of(entry, hit, variable.is_some(), found.disguised),
            part: page.part.name,
            span,
            entry: Some(hit.entry),
            variable,
            confirmed: false,
            by_sound: hit.by_sound,
        });
    }
}

fn touches(variable: &Variable, span: &Range<usize>) -> bool {
    variable.span.start < span.end && span.start < variable.span.end
}

/// What a part says without the words that others supplied, asked for only where a finding touches them.
#[derive(Default)]
struct Supplied {
    without: Option<Vec<usize>>,
}

impl Supplied {
    /// The variable that a hit rests on: it touches one, and the same entry is not hit without all of them.
    fn blame(
        &mut self,
        page: &Page<'_>,
        hit: &Hit,
        span: &Range<usize>,
        rules: &ContentRules<'_>,
    ) -> Option<(&'static str, &'static str)> {
        let variable = page.part.variables.iter().find(|v| touches(v, span))?;
        let without = self.without.get_or_insert_with(|| {
            let mut text = page.part.text.to_owned();
            for v in page.part.variables {
                if text.get(v.span.clone()).is_some() {
                    text.replace_range(v.span.clone(), &"x".repeat(v.span.len()));
                }
            }
            let part = Part {
                text: &text,
                ..page.part
            };
            let found = rules.lexicons.find(&folded(&part), &[]);
            found
                .hits
                .iter()
                .filter(|h| !h.excused)
                .map(|h| h.entry)
                .collect()
        });
        (!without.contains(&hit.entry)).then_some(variable.name)
    }
}

/// So many words of one message do not sound like words of the lexicons by chance.
const BY_CHANCE: u32 = 2;

/// Doubtful words that were disguised on purpose are no doubt. Words that somebody else supplied, and words that are
/// there by their sound only, are looked at by a person.
fn verdict_of(entry: &Entry, hit: &Hit, in_variable: bool, disguised: u32) -> Verdict {
    let by_chance = hit.by_sound && disguised <= BY_CHANCE;
    match entry.outcome {
        _ if in_variable || by_chance => Verdict::Review,
        Outcome::Blocked => Verdict::Blocked,
        Outcome::Review if hit.disguised || hit.by_sound => Verdict::Blocked,
        Outcome::Review | Outcome::Held => Verdict::Review,
    }
}

/// A second opinion below this disagrees: with so small a chance of being prohibited, a doubt that rests on words alone
/// is dropped.
const DISMISSED: f32 = 0.03;

/// A second opinion below this does not share what blocks on words alone: a person looks at it.
const NOT_SHARED: f32 = 0.05;

/// A second opinion below this takes words that are there by their sound only for chance.
const CHANCE: f32 = 0.5;

/// Lets a second opinion that disagrees take findings that rest on words alone one step down: a doubt is dropped, a block
/// becomes a doubt. It never clears what a rule blocks. Numbers, accounts and the data of others are no matter of opinion.
fn step_down(findings: &mut Vec<ContentFinding>, probability: f32) {
    let opinion = |f: &ContentFinding| {
        let of_words = !matches!(
            f.category,
            Category::PrivateAccountPayment | Category::SensitiveData
        );
        f.entry.is_some() && of_words && f.variable.is_none()
    };
    if probability < DISMISSED {
        let stays = |f: &ContentFinding| f.verdict == Verdict::Blocked || !opinion(f);
        findings.retain(stays);
    }
    if probability < CHANCE {
        findings.retain(|f| !(f.by_sound && opinion(f)));
    }
    if probability < NOT_SHARED {
        for finding in findings.iter_mut().filter(|f| opinion(f)) {
            finding.verdict = Verdict::Review;
        }
    }
}

/// Asks the classifier, where there is one. It raises a doubt where no rule speaks, makes a block of a doubt that a rule
/// has where it is sure of the same kind, and takes what rests on words alone one step down where it disagrees.
fn doubt(
    cx: &ContentContext,
    pages: &[Page<'_>],
    words: Joined,
    rules: &ContentRules<'_>,
    review: &mut ContentReview,
) {
    let Some(classifier) = rules.classifier else {
        return;
    };
    let only = match pages {
        [one] => Some(one.folded.text()),
        _ => None,
    };
    let written = only.unwrap_or(&words.written);
    let input = Input {
        text: words.mended.as_deref().unwrap_or(written),
        written,
        cx,
        signals: &review.signals,
        lexicons: rules.lexicons,
    };
    let mut score = classifier.score(&input);
    if !review.findings.is_empty() {
        step_down(&mut review.findings, score.probability);
    }
    if review.findings.iter().any(|f| f.verdict == Verdict::Blocked) {
        return;
    }
    let raised_alone = review.findings.is_empty() && score.raises_review;
    if !raised_alone && (review.findings.is_empty() || !score.sure) {
        return;
    }
    classifier.explain(&input, &mut score);
    if raised_alone && score.category == Some(Category::PrivateAccountPayment) && only_registered(&input) {
        return;
    }
    if raised_alone {
        review.findings.extend(raised(pages, &score));
    }
    for finding in &mut review.findings {
        let of_words = finding.entry.is_some() && score.sure_of.contains(&finding.category);
        let disguised = &*finding.head.id == DISGUISED && score.raises_review;
        if (of_words || disguised) && finding.variable.is_none() && finding.verdict == Verdict::Review {
            finding.verdict = Verdict::Blocked;
            finding.confirmed = true;
        }
    }
    if review.findings.iter().any(|f| f.entry.is_none() || f.confirmed) {
        review.opinion = Some(score);
    }
}

/// Whether money is led to a registered account and nowhere else: what is left is no matter of opinion.
fn only_registered(input: &Input<'_>) -> bool {
    use crate::policy::Builtin;
    let marked = |what: Builtin| {
        let placed = &input.signals.placed;
        placed.iter().any(|(_, group)| *group == what as u16)
    };
    let elsewhere = [
        Builtin::Account,
        Builtin::Wallet,
        Builtin::Handle,
        Builtin::Card,
        Builtin::ShortLink,
    ];
    marked(Builtin::Authorised) && !elsewhere.into_iter().any(marked)
}

/// The doubt of a classifier alone.
fn raised(pages: &[Page<'_>], score: &Score) -> Option<ContentFinding> {
    let first = pages.first()?;
    let category = score.category.unwrap_or(Category::Deception);
    Some(ContentFinding {
        category,
        head: Head {
            id: format!("content.classifier.{category}").into(),
            ..core_rule("content.classifier").clone()
        },
        verdict: Verdict::Review,
        part: first.part.name,
        span: 0..first.part.text.len(),
        entry: None,
        variable: None,
        confirmed: false,
        by_sound: false,
    })
}

/// Judges the words of every part of a draft and reports each entry that was asked, found or not.
pub(super) fn report(desk: &mut Desk<'_>, policy: &PolicySet, applied: &Applied<'_>) {
    let cx = ContentContext::of(desk.s);
    let pages: Vec<Page<'_>> = desk
        .parts
        .iter()
        .map(|p| Page {
            part: Part {
                name: p.name,
                text: &p.text,
                html: p.name == "html",
                variables: &p.variables,
            },
            folded: &p.folded,
        })
        .collect();
    let rules = ContentRules {
        lexicons: policy.lexicons(),
        speaks: Some(&applied.entries),
        // A template was read by people before it came into use, and rules judge it with every message; a model that has
        // learnt short messages would doubt long letters. It is asked about the words of collectors.
        classifier: desk
            .s
            .attempt
            .own_text
            .as_ref()
            .map(|_| classifier::shipped() as &dyn SecondOpinion),
    };
    let mut review = judge(&cx, &pages, &rules);
    if rules.classifier.is_none() {
        // Nobody disguises words in a template: there, what only sounds like a word is chance.
        review.findings.retain(|f| !f.by_sound);
    }
    for (i, entry) in policy.lexicons().entries().iter().enumerate() {
        if applied.entries[i] && !review.findings.iter().any(|f| f.entry == Some(i)) {
            desk.pass(&entry.rule.head);
        }
    }
    for id in [
        "content.hidden_characters",
        DISGUISED,
        "payee.unregistered",
        "content.classifier",
    ] {
        if !review.findings.iter().any(|f| f.head.id.starts_with(id)) {
            desk.pass(core_rule(id));
        }
    }
    for finding in review.findings {
        let place = applied.citation(finding.category).map(|rule| &rule.head);
        let mut head = cited(&finding.head, place.filter(|_| finding.entry.is_some()));
        if let Some((zh, en)) = finding.variable {
            head.zh = format!("{}(词语出自{zh},不是模板)", head.zh);
            head.en = format!("{} (the words come from {en}, not from the template)", head.en);
        }
        desk.report(&head, finding.verdict, Some((finding.part, finding.span)));
    }
}

/// The finding's sentence with the citation of the place, where a pack of the place has a stronger one.
pub fn cited(own: &Head, place: Option<&Head>) -> Head {
    match place {
        Some(rule) if rule.level < own.level => Head {
            pack: rule.pack.clone(),
            version: rule.version.clone(),
            level: rule.level,
            sureness: rule.sureness,
            basis: rule.basis.clone(),
            ..own.clone()
        },
        _ => own.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::SenderKind;
    use crate::policy::{Pack, PackFiles};

    static LEXICONS: LazyLock<Lexicons> = LazyLock::new(|| {
        let pack = Pack::parse(&PackFiles {
            name: "house-safe-default",
            policy: include_str!("../../policies/house-safe-default/policy.toml"),
            lexicon: include_str!("../../policies/house-safe-default/lexicon.toml"),
            cases: "",
        });
        Lexicons::compile(&[&pack.unwrap_or_else(|e| panic!("{e}")).lexicon])
    });

    fn agency() -> ContentContext {
        ContentContext::new(SenderKind::Agency, "甲咨询", "乙银行", true)
    }

    fn judged(cx: &ContentContext, text: &str) -> ContentReview {
        let rules = ContentRules {
            lexicons: &LEXICONS,
            speaks: None,
            classifier: None,
        };
        check(cx, &[Part::plain("text", text)], &rules)
    }

    #[test]
    fn what_is_offered_instead_passes() {
        for entry in LEXICONS.entries() {
            let Some(instead) = &entry.rule.head.instead else {
                continue;
            };
            for text in instead.split(" / ") {
                let found = judged(&agency(), text);
                assert_eq!(found.verdict, Verdict::Cleared, "{text}: {:?}", found.findings);
            }
        }
    }

    #[test]
    fn the_same_words_depend_on_who_speaks_and_who_reads() {
        let check = |cx: &ContentContext, text: &str, expected: Verdict| {
            let found = judged(cx, text);
            assert_eq!(found.verdict, expected, "{text}: {:?}", found.findings);
        };
        let mut bank = ContentContext::new(SenderKind::Creditor, "乙银行", "乙银行", true);
        check(&agency(), "本行已停用您的卡片。", Verdict::Blocked);
        check(&bank, "本行已停用您的卡片。", Verdict::Cleared);
        check(&bank, "您的贷款已逾期,请尽快还款。", Verdict::Cleared);
        bank.audience = crate::policy::Audience::ThirdParty;
        check(&bank, "您的贷款已逾期,请尽快还款。", Verdict::Blocked);
        bank.audience = crate::policy::Audience::Guarantor;
        check(&bank, "您的贷款已逾期,请尽快还款。", Verdict::Cleared);
        let account = "请付至账号3100 0765-4321 0987 654。";
        check(&bank, account, Verdict::Blocked);
        bank.pay_to(vec![crate::policy::PayeeNumber {
            holder: "乙银行股份有限公司".to_owned(),
            bank: "乙银行".to_owned(),
            number: "3100076543210987654".to_owned(),
        }]);
        check(&bank, account, Verdict::Cleared);
    }

    #[test]
    fn data_of_others_is_not_blamed_on_the_template() {
        let check = |text: &str, name: &str, expected: Verdict, blamed: bool| {
            let start = text.find(name).unwrap();
            let variables = [Variable {
                name: ("债务人姓名", "the debtor's name"),
                span: start..start + name.len(),
            }];
            let part = Part {
                variables: &variables,
                ..Part::plain("text", text)
            };
            let rules = ContentRules {
                lexicons: &LEXICONS,
                speaks: None,
                classifier: None,
            };
            let found = super::check(&agency(), &[part], &rules);
            assert_eq!(found.verdict, expected, "{text}: {:?}", found.findings);
            assert!(
                found.findings.iter().all(|f| f.variable.is_some() == blamed),
                "{text}"
            );
        };
        check(
            "尊敬的打断你的腿,请按期还款。",
            "打断你的腿",
            Verdict::Review,
            true,
        );
        check("王小明,打断你的腿。", "王小明", Verdict::Blocked, false);
        check("打断王小明的腿。", "王小明", Verdict::Blocked, false);
        check("王小明,请按期还款。", "王小明", Verdict::Cleared, false);
    }

    /// Is sure of one category, whatever the words.
    struct Sure(Category);

    impl SecondOpinion for Sure {
        fn score(&self, _: &Input<'_>) -> Score {
            Score {
                probability: 0.9,
                raises_review: true,
                sure: true,
                category: None,
                sure_of: Vec::new(),
                strongest: Vec::new(),
            }
        }

        fn explain(&self, _: &Input<'_>, score: &mut Score) {
            score.category = Some(self.0);
            score.sure_of = vec![self.0];
        }
    }

    #[test]
    fn a_second_opinion_confirms_a_doubt_and_never_blocks_alone() {
        let pack = Pack::parse(&PackFiles {
            name: "extra",
            policy: "pack = \"extra\"\ntitle = { zh = \"外\", en = \"extra\" }\n",
            lexicon: "[[entry]]\nid = \"content.abuse.extra\"\ncategory = \"abuse\"\nverdict = \"review\"\nlevel = \"house\"\nsureness = \"verified\"\nbasis = \"house rule\"\nwhy = \"test\"\nzh = \"外\"\nen = \"extra\"\nphrases = [\"蓝色柠檬\"]\n",
            cases: "",
        });
        let lexicons = Lexicons::compile(&[&pack.unwrap_or_else(|e| panic!("{e}")).lexicon]);
        let check = |text: &str, category: Category, expected: Verdict| {
            let opinion = Sure(category);
            let rules = ContentRules {
                lexicons: &lexicons,
                speaks: None,
                classifier: Some(&opinion),
            };
            let found = super::check(&agency(), &[Part::plain("text", text)], &rules);
            assert_eq!(found.verdict, expected, "{text}: {:?}", found.findings);
        };
        check("您是蓝色柠檬。", Category::Abuse, Verdict::Blocked);
        check("您是蓝色柠檬。", Category::UnauthorizedFee, Verdict::Review);
        check("请按期还款。", Category::Abuse, Verdict::Review);
    }

    #[test]
    fn what_is_disguised_as_a_whole_is_read_by_a_person() {
        let check = |text: &str, expected: bool| {
            let found = judged(&agency(), text);
            let named = found.findings.iter().any(|f| &*f.head.id == DISGUISED);
            assert_eq!(named, expected, "{text}: {:?}", found.findings);
        };
        check("您.好.请.于.八.月.十.五.日.前.还.款.谢.谢", true);
        check("nin hao qing yu ba yue shi wu ri qian huan kuan xie xie", true);
        check(
            "对 账 通 知\n您好,本期账单已出,请于8月15日前核对,如有疑问请与我们联系,谢谢。",
            false,
        );
    }

    #[test]
    fn long_and_strange_texts_are_judged_in_time() {
        let check = |text: String| {
            let start = text.len();
            let found = judged(&agency(), &text);
            assert!(found.findings.iter().all(|f| f.span.end <= start));
        };
        check("打断你的腿,".repeat(20_000));
        check("不会".repeat(150_000));
        check(format!("e{}", "\u{0301}".repeat(100_000)));
        check("\u{202E}".repeat(50_000));
        check("a b ".repeat(100_000));
        check("6 ".repeat(200_000));
        check("法(fa)".repeat(50_000));
        check("《".repeat(100_000));
        check("!".repeat(200_000));
        check(format!("a {}", "6 ".repeat(200_000)));
        check("zqk vrt ".repeat(40_000));
        check("发院》《友卡".repeat(20_000));
        check("a.".repeat(200_000));
        check("k1ll".repeat(60_000));
        check("nide".repeat(60_000));
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer_on_its_own_characters(text in ".{0,200}", han in "[\u{4e00}-\u{4fff}a-z0-9 .*]{0,80}") {
            for text in [text, han] {
                for finding in judged(&agency(), &text).findings {
                    prop_assert!(text.get(finding.span.clone()).is_some());
                }
            }
        }
    }
}
