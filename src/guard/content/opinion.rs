//! How a second opinion and the rules are joined. Rules alone block; a second opinion raises `review` where no rule speaks,
//! makes a block of a rule's doubt that it shares, and takes what rests on words alone one step down where it disagrees.

use super::{ContentFinding, ContentReview, ContentRules, DISGUISED, Joined, Page, Signals};
use crate::domain::Verdict;
use crate::guard::detect;
use crate::policy::{Builtin, Category, ContentContext, Entry, Head, Lexicons, core_rule};

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

/// A second opinion below this disagrees: with so small a chance of being prohibited, a doubt that rests on words alone
/// is dropped.
const DISMISSED: f32 = 0.2;

/// A second opinion below this does not share what blocks on words alone: a person looks at it.
const NOT_SHARED: f32 = 0.05;

/// A second opinion below this finds nothing prohibited at all: what rests on words alone is dropped.
const ABSURD: f32 = 0.01;

/// A second opinion below this takes words that are there by their sound only for chance.
const CHANCE: f32 = 0.5;

/// Lets a second opinion that disagrees take findings that rest on words alone one step down: a doubt is dropped, a block
/// becomes a doubt. What a rule blocks it clears only where it finds next to no chance of harm. Numbers, accounts and the data of others are no matter of opinion.
fn step_down(findings: &mut Vec<ContentFinding>, probability: f32, entries: &[Entry]) {
    let opinion = |f: &ContentFinding| {
        let of_sense = f.entry.is_some_and(|e| !entries[e].firm);
        of_sense && !f.of_numbers && f.variable.is_none()
    };
    if probability < DISMISSED {
        // Two rules that speak of the same words are no accident.
        let first = findings.first().and_then(|f| f.entry);
        let several = findings.iter().any(|f| f.entry != first);
        let kept = |f: &ContentFinding| f.verdict == Verdict::Blocked && (several || probability >= ABSURD);
        findings.retain(|f| kept(f) || !opinion(f));
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
pub(super) fn doubt(
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
        step_down(&mut review.findings, score.probability, rules.lexicons.entries());
    }
    if review.findings.iter().any(|f| f.verdict == Verdict::Blocked) {
        return;
    }
    if review.findings.is_empty() && !score.raises_review && score.probability >= LEANS {
        classifier.explain(&input, &mut score);
        lean(cx, pages, rules, score, review);
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
    review.findings.extend(shared(cx, pages, rules, &score, &[]));
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

/// A second opinion from this on leans towards harm: where a rule of the same kind nearly speaks too, a person looks.
const LEANS: f32 = 0.8;

/// Two weak signs of the same kind are one: a second opinion that leans towards harm, and a rule that nearly speaks.
fn lean(
    cx: &ContentContext,
    pages: &[Page<'_>],
    rules: &ContentRules<'_>,
    mut score: Score,
    review: &mut ContentReview,
) {
    let Some(category) = score.category else { return };
    score.sure_of = vec![category];
    // A denial or a warning was there: what a rule excused is no sign.
    if let Some(finding) = shared(cx, pages, rules, &score, &review.signals.excused) {
        score.sure_of.clear();
        review.findings.push(finding);
        review.opinion = Some(score);
    }
}

/// What a rule nearly says and a second opinion is sure of: all the words of a pattern are in one sentence, only not as it
/// wants them, or excused by what stands around them.
fn shared(
    cx: &ContentContext,
    pages: &[Page<'_>],
    rules: &ContentRules<'_>,
    score: &Score,
    except: &[u32],
) -> Option<ContentFinding> {
    if score.sure_of.is_empty() {
        return None;
    }
    let entries = rules.lexicons.entries();
    let speaks = |i: usize| {
        rules
            .speaks
            .map_or_else(|| entries[i].when.holds_for(cx), |speaks| speaks[i])
    };
    pages.iter().filter(|page| !page.part.html).find_map(|page| {
        let marks = detect::marks(page.folded, page.part.text, cx);
        let near = rules.lexicons.nearly(page.folded, &marks);
        let near = near
            .into_iter()
            .filter(|n| !except.contains(&(n.entry as u32)))
            .find(|n| score.sure_of.contains(&entries[n.entry].category) && speaks(n.entry))?;
        Some(ContentFinding {
            category: entries[near.entry].category,
            head: entries[near.entry].rule.head.clone(),
            verdict: Verdict::Review,
            part: page.part.name,
            span: page.folded.original(near.span),
            entry: Some(near.entry),
            variable: None,
            confirmed: false,
            by_sound: false,
            of_numbers: false,
        })
    })
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
        of_numbers: false,
    })
}
