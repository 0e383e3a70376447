//! The words that stand in a text, in every reading of it, on the bytes of the folded text.

use super::{Found, Lexicons, Word, WordId, WordMark, whole_words};
use crate::policy::fold::lanes::{self, Source, Syllable, Variant};
use crate::policy::fold::{Folded, is_han};

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dress {
    /// As it is.
    Plain,
    /// Only a second reading shows it, one that nobody writes by mistake.
    OnPurpose,
    /// Only its sound shows it, which may be chance.
    BySound,
}

/// A word in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Token {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) word: u32,
    /// How it is written.
    pub(super) dress: Dress,
}

impl Lexicons {
    /// Every word of every reading, in order, without those that are part of a name.
    pub(super) fn tokens(&self, folded: &Folded, marks: &[WordMark], found: &mut Found) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(64);
        let text = folded.text();
        for mark in marks {
            tokens.push(Token {
                start: mark.span.start as u32,
                end: mark.span.end as u32,
                word: mark.what as u32,
                dress: Dress::Plain,
            });
        }
        self.as_written(text, &mut tokens);
        for variant in lanes::variants(folded, &mut found.oddities) {
            self.put_together(&variant, &mut tokens);
        }
        if let Some(sounds) = lanes::sounds(folded, &mut found.oddities) {
            self.by_sound(&sounds, &mut tokens);
        }
        tokens.sort_unstable();
        tokens.dedup_by(|b, a| (a.start, a.end, a.word) == (b.start, b.end, b.word));
        self.without_names(text, &mut tokens);
        found.disguised = tokens.iter().filter(|t| t.dress != Dress::Plain).count() as u32;
        tokens
    }

    fn as_written(&self, text: &str, tokens: &mut Vec<Token>) {
        let Some(automaton) = &self.automaton else { return };
        for m in automaton.find_overlapping_iter(text) {
            let span = m.start()..m.end();
            for id in self.spellings.of(m.value()) {
                let open = id.is(WordId::OPEN);
                if id.is(WordId::TIGHT) || !whole_words(text, &span, open) {
                    continue;
                }
                tokens.push(Token {
                    start: span.start as u32,
                    end: if open {
                        word_end(text, span.end)
                    } else {
                        span.end as u32
                    },
                    word: id.id(),
                    dress: if id.is(WordId::SHORTENED) {
                        Dress::OnPurpose
                    } else {
                        Dress::Plain
                    },
                });
            }
        }
    }

    fn put_together(&self, variant: &Variant, tokens: &mut Vec<Token>) {
        let Some(automaton) = &self.automaton else { return };
        let bytes = variant.text.as_bytes();
        let letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
        for m in automaton.find_overlapping_iter(&variant.text) {
            let span = m.start()..m.end();
            if !variant.differs(&span) {
                continue;
            }
            let begins = span.start == 0
                || !letter(span.start - 1)
                || !letter(span.start)
                || variant.may_part(span.start);
            let closes = !letter(span.end) || !letter(span.end - 1) || variant.may_part(span.end);
            for id in self.spellings.of(m.value()) {
                if begins && (closes || id.is(WordId::OPEN)) && !id.is(WordId::SHORTENED) {
                    let span = variant.folded(&span);
                    tokens.push(Token {
                        start: span.start as u32,
                        end: span.end as u32,
                        word: id.id(),
                        dress: Dress::OnPurpose,
                    });
                }
            }
        }
    }

    fn by_sound(&self, sounds: &lanes::Sounds, tokens: &mut Vec<Token>) {
        let Some(automaton) = &self.sounds else { return };
        for m in automaton.find_overlapping_iter(&sounds.text) {
            let syllables = sounds.range(&(m.start()..m.end()));
            for id in self.soundings.of(m.value()) {
                if !meant(&self.words[id.id() as usize], syllables) {
                    continue;
                }
                let span = lanes::span_of(syllables);
                let latin = syllables.iter().all(|s| s.source == Source::Latin);
                tokens.push(Token {
                    start: span.start as u32,
                    end: span.end as u32,
                    word: id.id(),
                    dress: if latin { Dress::OnPurpose } else { Dress::BySound },
                });
            }
        }
    }

    /// Leaves out words inside longer names, inside titles, and before what makes them a name.
    fn without_names(&self, text: &str, tokens: &mut Vec<Token>) {
        let is_name = |t: &Token| {
            let word = &self.words[t.word as usize];
            word.chars.is_empty() && (1..=3).contains(&t.word)
                || self.names.is_some_and(|n| word.groups.contains(&n))
        };
        let mut covers: Vec<(u32, u32)> = tokens
            .iter()
            .filter(|t| is_name(t))
            .map(|t| (t.start, t.end))
            .collect();
        covers.extend(titles(text));
        let follows = self.followed_by_suffix(text, tokens);
        if covers.is_empty() && follows.is_empty() {
            return;
        }
        covers.sort_unstable();
        let mut next = 0;
        let mut reach = (0u32, 0u32);
        let mut at = 0;
        tokens.retain(|t| {
            while next < covers.len() && covers[next].0 <= t.start {
                if covers[next].1 > reach.1 {
                    reach = covers[next];
                }
                next += 1;
            }
            let inside = t.end <= reach.1 && (reach.0 < t.start || t.end < reach.1) && !is_name(t);
            let named = follows.binary_search(&at).is_ok();
            at += 1;
            !inside && !named
        });
    }

    /// Places in `tokens` of words that may be part of a name and are followed by what ends one.
    fn followed_by_suffix(&self, text: &str, tokens: &[Token]) -> Vec<usize> {
        let Some(suffix) = self.name_suffix else {
            return Vec::new();
        };
        let begins: Vec<u32> = tokens
            .iter()
            .filter(|t| self.words[t.word as usize].groups.contains(&suffix))
            .map(|t| t.start)
            .collect();
        if begins.is_empty() {
            return Vec::new();
        }
        let follows = |t: &Token| {
            let from = begins.partition_point(|b| *b < t.end);
            let near = begins.get(from).filter(|b| **b - t.end <= 14)?;
            let between = &text[t.end as usize..*near as usize];
            let closed = between
                .chars()
                .all(|c| is_han(c) || matches!(c, ' ' | '”' | '"' | '’' | '\'' | '》' | '」' | '-'));
            (closed && super::judge::units(between) <= 2).then_some(())
        };
        let named = |(i, t): (usize, &Token)| {
            let word = &self.words[t.word as usize];
            (word.in_names && follows(t).is_some()).then_some(i)
        };
        tokens.iter().enumerate().filter_map(named).collect()
    }
}

/// Where an open Latin word ends.
fn word_end(text: &str, end: usize) -> u32 {
    let rest = text.as_bytes()[end..]
        .iter()
        .take(24)
        .take_while(|b| b.is_ascii_alphabetic())
        .count();
    (end + rest) as u32
}

/// Titles of works: `《...》`.
fn titles(text: &str) -> impl Iterator<Item = (u32, u32)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find('《')?;
        let close = text[start..].char_indices().take(48).find(|(_, c)| *c == '》');
        match close {
            Some((length, _)) => {
                from = start + length;
                Some((start as u32, (start + length) as u32))
            }
            None => {
                from = start + '《'.len_utf8();
                Some((start as u32, start as u32))
            }
        }
    })
}

/// Whether syllables that sound like a word are meant as that word, rather than being other words by chance.
fn meant(word: &Word, syllables: &[Syllable]) -> bool {
    let (mut same, mut odd, mut usual, mut latin, mut digits) = (0, 0, 0, 0, 0);
    for (c, s) in word.chars.iter().zip(syllables) {
        match s.source {
            Source::Break => return false,
            Source::Latin => latin += 1,
            Source::Digit => digits += 1,
            _ if s.written == *c => same += 1,
            Source::Odd => odd += 1,
            Source::Usual => usual += 1,
        }
    }
    if word.tight || word.shortened || word.chars.len() != syllables.len() || same == syllables.len() {
        return false;
    }
    if latin == syllables.len() {
        return true;
    }
    if syllables.len() == 1 {
        return false;
    }
    let hidden = odd + latin + digits;
    let known = same + latin > 0 || syllables.len() >= 3;
    hidden > 0 && known && (usual == 0 || syllables.len() >= 3 && usual == 1)
}
