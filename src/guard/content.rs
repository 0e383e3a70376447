//! What must not be said. [`check`] judges words alone: it needs who speaks to whom and the compiled lexicons, no store,
//! no clock and no async, so it can be used on its own. [`super::review`] uses it for every part of a draft.
//!
//! Each part is folded once; detectors mark numbers and names in it; the lexicons say which entries' words stand in it,
//! in any reading; what applies and is not excused becomes a finding. A second opinion, where there is one, may raise a
//! doubt where no rule speaks; it never blocks.

use std::ops::Range;

use super::{Desk, classifier, detect};
use crate::domain::Verdict;
use crate::policy::fold::{Folded, Oddities, fold, fold_html};
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
    /// Byte ranges that came from data of others, such as the debtor's name.
    pub variables: &'t [Range<usize>],
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

/// A trained model that may raise a doubt about words no rule knows.
pub trait SecondOpinion: Sync {
    /// How likely the text is prohibited.
    fn score(&self, input: &Input<'_>) -> Score;
}

/// What a second opinion may rest on.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The folded words, parts joined by line breaks, without HTML.
    pub text: &'a str,
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
    /// The likeliest kind of prohibited content.
    pub category: Option<Category>,
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
    /// It rests on words that somebody else supplied.
    pub in_variable: bool,
}

/// What the rules saw, whether or not it led to a finding; what a classifier may use.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// Entries whose words stand and whose conditions hold, excused ones too.
    pub entries: Vec<u32>,
    /// Those of them that were excused.
    pub excused: Vec<u32>,
    /// Word groups that occur in any reading.
    pub groups: Vec<u16>,
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

/// At most so many hits of one entry in one part are reported; the words are the same.
const HITS_SHOWN: usize = 5;

/// Judges the words of a message.
pub fn check(cx: &ContentContext, parts: &[Part<'_>], rules: &ContentRules<'_>) -> ContentReview {
    let folded: Vec<Folded> = parts.iter().map(folded).collect();
    let pages: Vec<Page<'_>> = parts
        .iter()
        .zip(&folded)
        .map(|(part, folded)| Page { part: *part, folded })
        .collect();
    judge(cx, &pages, rules)
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
    let mut review = ContentReview {
        verdict: Verdict::Cleared,
        findings: Vec::new(),
        signals: Signals::default(),
    };
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
        of_entries(cx, page, &found, rules, &mut review);
        review.signals.take(&found);
    }
    review.signals.tidy();
    doubt(cx, pages, rules, &mut review);
    review.findings.sort_by_key(|f| std::cmp::Reverse(f.verdict));
    review.verdict = review
        .findings
        .iter()
        .map(|f| f.verdict)
        .max()
        .unwrap_or(Verdict::Cleared);
    review
}

impl Signals {
    fn take(&mut self, found: &Found) {
        self.groups.extend(&found.groups);
        self.disguised += found.disguised;
        self.oddities.add(found.oddities);
    }

    fn tidy(&mut self) {
        for list in [&mut self.entries, &mut self.excused] {
            list.sort_unstable();
            list.dedup();
        }
        self.groups.sort_unstable();
        self.groups.dedup();
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
        in_variable: false,
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
        let in_variable = page
            .part
            .variables
            .iter()
            .any(|v| v.start <= span.start && span.end <= v.end);
        review.findings.push(ContentFinding {
            category: entry.category,
            head: entry.rule.head.clone(),
            verdict: verdict_of(entry, hit, in_variable),
            part: page.part.name,
            span,
            entry: Some(hit.entry),
            in_variable,
        });
    }
}

/// Doubtful words that were disguised on purpose are no doubt. Words that somebody else supplied, and words that are
/// there by their sound only, are looked at by a person.
fn verdict_of(entry: &Entry, hit: &Hit, in_variable: bool) -> Verdict {
    match entry.outcome {
        _ if in_variable || hit.by_sound => Verdict::Review,
        Outcome::Blocked => Verdict::Blocked,
        Outcome::Review if hit.disguised => Verdict::Blocked,
        Outcome::Review | Outcome::Held => Verdict::Review,
    }
}

/// Asks the classifier, where there is one and nothing was found.
fn doubt(cx: &ContentContext, pages: &[Page<'_>], rules: &ContentRules<'_>, review: &mut ContentReview) {
    let Some(classifier) = rules.classifier else {
        return;
    };
    if !review.findings.is_empty() {
        return;
    }
    let joined;
    let text = match pages {
        [one] => one.folded.text(),
        _ => {
            let plain = pages.iter().filter(|p| !p.part.html).map(|p| p.folded.text());
            joined = plain.collect::<Vec<_>>().join("\n");
            &joined
        }
    };
    let score = classifier.score(&Input {
        text,
        cx,
        signals: &review.signals,
        lexicons: rules.lexicons,
    });
    if !score.raises_review {
        return;
    }
    let Some(first) = pages.first() else { return };
    let category = score.category.unwrap_or(Category::Deception);
    review.findings.push(ContentFinding {
        category,
        head: Head {
            id: format!("content.classifier.{category}").into(),
            ..core_rule("content.classifier").clone()
        },
        verdict: Verdict::Review,
        part: first.part.name,
        span: 0..first.part.text.len(),
        entry: None,
        in_variable: false,
    });
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
        classifier: Some(classifier::shipped()),
    };
    let review = judge(&cx, &pages, &rules);
    for (i, entry) in policy.lexicons().entries().iter().enumerate() {
        if applied.entries[i] && !review.findings.iter().any(|f| f.entry == Some(i)) {
            desk.pass(&entry.rule.head);
        }
    }
    for id in [
        "content.hidden_characters",
        "payee.unregistered",
        "content.classifier",
    ] {
        if !review.findings.iter().any(|f| f.head.id.starts_with(id)) {
            desk.pass(core_rule(id));
        }
    }
    for finding in review.findings {
        let place = applied.citation(finding.category).map(|rule| &rule.head);
        let head = cited(&finding.head, place.filter(|_| finding.entry.is_some()));
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
