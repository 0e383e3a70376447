//! What to write instead: the same words without the clauses that offend, or the wording that a rule of the same kind
//! offers for the purpose. Nothing is offered that does not pass by itself, from this sender to this reader.

use std::ops::Range;

use super::content::{ContentFinding, ContentReview, ContentRules, Part, check};
use crate::domain::Verdict;
use crate::policy::ContentContext;
use crate::policy::fold::is_han;

/// Fewer characters than this are no message.
const SHORTEST: usize = 6;

/// The text of a part without what offends in it, where that is left with a message of its own that passes.
pub fn without_offence(
    cx: &ContentContext,
    part: &Part<'_>,
    review: &ContentReview,
    rules: &ContentRules<'_>,
) -> Option<String> {
    if part.html {
        return None;
    }
    let spans: Vec<&Range<usize>> = review
        .findings
        .iter()
        .filter(|f| f.part == part.name)
        .map(|f| &f.span)
        .collect();
    if spans.is_empty() || spans.len() != review.findings.len() {
        return None;
    }
    let ends: [fn(char) -> bool; 2] = [ends_clause, ends_sentence];
    ends.iter().find_map(|end| {
        let rest = left_over(part.text, &spans, *end);
        let says_something =
            rest.chars().filter(|c| c.is_alphanumeric()).count() >= SHORTEST && !only_signature(&rest);
        let passes = || check(cx, &[Part::plain(part.name, &rest)], rules).verdict == Verdict::Cleared;
        (says_something && passes()).then_some(rest)
    })
}

/// The wording that the rule of a finding offers, or else another rule of its kind, in the language asked for.
pub fn wording(
    cx: &ContentContext,
    finding: &ContentFinding,
    zh: bool,
    rules: &ContentRules<'_>,
) -> Option<String> {
    let same_kind = rules
        .lexicons
        .entries()
        .iter()
        .filter(|e| e.category == finding.category);
    let own = finding.head.instead.iter();
    let offers = own.chain(same_kind.filter_map(|e| e.rule.head.instead.as_ref()));
    let texts = offers.flat_map(|offer| offer.split(" / ")).map(str::trim);
    let fits = |text: &&str| !text.is_empty() && text.chars().any(is_han) == zh;
    let passes = |text: &&str| check(cx, &[Part::plain("text", text)], rules).verdict == Verdict::Cleared;
    texts.filter(fits).find(passes).map(str::to_owned)
}

fn ends_clause(c: char) -> bool {
    ends_sentence(c) || matches!(c, ',' | '，' | '、' | ':' | '：')
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '。' | '！' | '!' | '？' | '?' | '；' | ';' | '\n' | '．')
}

/// The pieces that no span touches.
fn left_over(text: &str, spans: &[&Range<usize>], end: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = 0;
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        let stop = c == '.' && bytes.get(next).is_none_or(|b| *b == b' ');
        let closes = c == '】' || stop || end(c);
        if closes || next == text.len() {
            if !spans.iter().any(|s| s.start < next && start < s.end) {
                out.push_str(&text[start..next]);
            }
            start = next;
        }
    }
    let trimmed = out.trim();
    // A clause that lost what followed ends as a sentence.
    match trimmed.strip_suffix(['，', ',', '、', '：', ':']) {
        Some(rest) if rest.is_ascii() => format!("{rest}."),
        Some(rest) => format!("{rest}。"),
        None => trimmed.to_owned(),
    }
}

/// Whether nothing is left but the name of the sender.
fn only_signature(text: &str) -> bool {
    let rest = match text.strip_prefix('【').and_then(|t| t.split_once('】')) {
        Some((_, rest)) => rest,
        None => text,
    };
    rest.chars().filter(|c| c.is_alphanumeric()).count() < SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_span_touches_is_left() {
        let check = |text: &str, offence: &str, expected: &str| {
            let start = text.find(offence).unwrap();
            let span = start..start + offence.len();
            assert_eq!(left_over(text, &[&span], ends_clause), expected);
        };
        check(
            "您好,请还款1200元,否则打断你的腿。",
            "打断你的腿",
            "您好,请还款1200元。",
        );
        check(
            "Please call us today. We will hurt you.",
            "hurt you",
            "Please call us today.",
        );
    }
}
