//! One automaton over the literals of all lexicons. Phrases are hits; literals of patterns only wake their
//! expression, so that most messages run no expression at all.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::lexicon::{Entry, Surroundings};

/// A place in the folded text where an entry's words stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Which entry, in the order handed in.
    pub entry: usize,
    /// Folded bytes.
    pub span: Range<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Phrase(u32),
    Pattern(u32, u32),
}

/// The compiled literals of many entries.
#[derive(Debug)]
pub struct Matcher {
    automaton: AhoCorasick,
    targets: Vec<Vec<Target>>,
}

impl Matcher {
    /// Compiles the literals of `entries`.
    pub fn new(entries: &[&Entry]) -> Matcher {
        let mut literals: Vec<&str> = Vec::new();
        let mut targets: Vec<Vec<Target>> = Vec::new();
        let mut seen = std::collections::HashMap::new();
        let mut add = |literal: &'_ str, target| {
            let index = *seen.entry(literal.to_owned()).or_insert_with(|| {
                targets.push(Vec::new());
                targets.len() - 1
            });
            targets[index].push(target);
            index
        };
        for (e, entry) in entries.iter().enumerate() {
            for phrase in &entry.phrases {
                if add(phrase, Target::Phrase(e as u32)) == literals.len() {
                    literals.push(phrase);
                }
            }
            for (p, pattern) in entry.patterns.iter().enumerate() {
                for need in &pattern.needs {
                    if add(need, Target::Pattern(e as u32, p as u32)) == literals.len() {
                        literals.push(need);
                    }
                }
            }
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&literals)
            .expect("invariant: the literals of reviewed packs fit an automaton");
        Matcher { automaton, targets }
    }

    /// Every place where words of an entry stand, surroundings not yet considered.
    pub fn hits(&self, text: &str, entries: &[&Entry]) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut awake: Vec<(u32, u32)> = Vec::new();
        for m in self.automaton.find_overlapping_iter(text) {
            for target in &self.targets[m.pattern().as_usize()] {
                match *target {
                    Target::Phrase(e) if whole_words(text, &m.range()) => hits.push(Hit {
                        entry: e as usize,
                        span: m.range(),
                    }),
                    Target::Phrase(_) => {}
                    Target::Pattern(e, p) => awake.push((e, p)),
                }
            }
        }
        awake.sort_unstable();
        awake.dedup();
        for (e, p) in awake {
            let regex = &entries[e as usize].patterns[p as usize].regex;
            hits.extend(
                regex
                    .find_iter(text)
                    .filter(|m| whole_words(text, &m.range()))
                    .map(|m| Hit {
                        entry: e as usize,
                        span: m.range(),
                    }),
            );
        }
        hits
    }
}

/// A Latin word is only hit as a whole: `die` is not in `diet`.
fn whole_words(text: &str, span: &Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let word = |at: Option<usize>| {
        at.and_then(|i| bytes.get(i))
            .is_some_and(u8::is_ascii_alphanumeric)
    };
    let joined_before = word(Some(span.start)) && word(span.start.checked_sub(1));
    let joined_after = word(span.end.checked_sub(1)) && word(Some(span.end));
    !joined_before && !joined_after
}

impl Surroundings {
    /// Whether these surroundings make the hit harmless.
    pub fn excuse(&self, text: &str, span: &Range<usize>) -> bool {
        let start = self.reach_back(&text[..span.start]);
        // A negation may run into the hit: `不代收` into `收现金`.
        let before = &text[start..span.end];
        let negates = |w: &String| {
            let mut found = before.match_indices(w.as_str());
            found.any(|(at, w)| start + at < span.start && whole_words(before, &(at..at + w.len())))
        };
        let after = self.reach_on(&text[span.end..]);
        self.before.iter().any(negates)
            || self.after.iter().any(|w| has_word(after, w))
            || self
                .follows
                .iter()
                .any(|w| text[span.end..].starts_with(w.as_str()))
            || self.covering.iter().any(|w| covers(text, w, span))
    }

    fn ends_reach(&self, c: char) -> bool {
        matches!(c, '。' | '!' | '?' | '\n' | ';') || (self.clause && matches!(c, ',' | ':'))
    }

    fn reach_back(&self, before: &str) -> usize {
        let mut start = before.len();
        for (at, c) in before.char_indices().rev().take(self.within) {
            let full_stop = c == '.' && before[at + 1..].starts_with([' ', '\n']);
            if self.ends_reach(c) || full_stop {
                break;
            }
            start = at;
        }
        start
    }

    fn reach_on<'t>(&self, after: &'t str) -> &'t str {
        let mut end = 0;
        for (at, c) in after.char_indices().take(self.within) {
            let full_stop = c == '.' && after[at + 1..].starts_with([' ', '\n']);
            if self.ends_reach(c) || full_stop {
                break;
            }
            end = at + c.len_utf8();
        }
        &after[..end]
    }
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word)
        .any(|(at, w)| whole_words(text, &(at..at + w.len())))
}

fn covers(text: &str, word: &str, span: &Range<usize>) -> bool {
    text.match_indices(word)
        .any(|(at, w)| at <= span.start && span.end <= at + w.len())
}
