//! From the places where words of the lexicons stand to findings: what applies, what is excused, what is only the data
//! of others.

use std::ops::Range;

use super::{ContentFinding, ContentReview, ContentRules, HITS_SHOWN, Page, Part, Variable, folded};
use crate::domain::Verdict;
use crate::policy::{Builtin, ContentContext, Entry, Found, Hit, Outcome};

pub(super) fn of_entries(
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
            of_numbers: of_numbers(hit, found),
        });
    }
}

/// Whether a detector marked something in the words of a hit that is a number or an address.
fn of_numbers(hit: &Hit, found: &Found) -> bool {
    let numbers = Builtin::Number as u16..=Builtin::Email as u16;
    let from = found
        .placed
        .partition_point(|(at, _)| (*at as usize) < hit.span.start);
    found.placed[from..]
        .iter()
        .take_while(|(at, _)| (*at as usize) < hit.span.end)
        .any(|(_, group)| numbers.contains(group))
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
