//! The words that stand in a text, in every reading of it, on the bytes of the folded text.

use super::{Builtin, Found, Lexicons, Word, WordId, WordMark};
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

/// So many words are put in their places one by one.
const FEW: usize = 64;

/// No word that is read a second time is longer.
const LONGEST: usize = 48;

impl Lexicons {
    /// Every word of every reading, in order, without those that are part of a name.
    pub(super) fn tokens(
        &self,
        folded: &Folded,
        marks: &[WordMark],
        found: &mut Found,
        tokens: &mut Vec<Token>,
    ) {
        tokens.clear();
        self.as_written(folded, tokens);
        let written = tokens.len();
        edges(folded, tokens);
        for mark in marks.iter().filter(|m| m.what != Builtin::Start) {
            tokens.push(Token {
                start: mark.span.start as u32,
                end: mark.span.end as u32,
                word: mark.what as u32,
                dress: Dress::Plain,
            });
        }
        let variants = lanes::variants(folded, &self.latin, &mut found.oddities);
        for variant in &variants {
            self.put_together(variant, tokens);
        }
        let sounds = lanes::sounds(folded, &mut found.oddities);
        if let Some(sounds) = &sounds {
            self.by_sound(sounds, tokens);
            self.by_initials(sounds, tokens);
        }
        found.unreadable = unreadable(folded, &variants, sounds.as_ref());
        // The words as written come in order; the rest are few.
        if tokens.len() > written {
            if tokens.len() - written <= FEW {
                tokens[written..].sort_unstable();
                merge(tokens, written);
            } else {
                tokens.sort_unstable();
            }
            tokens.dedup_by(|b, a| (a.start, a.end, a.word) == (b.start, b.end, b.word));
        }
        as_they_are_written(tokens);
        self.without_names(folded, tokens);
        found.disguised = tokens.iter().filter(|t| t.dress != Dress::Plain).count() as u32;
        if found.disguised > 0 {
            found.mended = Some(self.mended(folded, &variants, tokens));
        }
    }

    fn as_written(&self, folded: &Folded, tokens: &mut Vec<Token>) {
        let (chars, starts) = (folded.chars(), folded.starts());
        let byte = |i: usize| starts.get(i).copied().unwrap_or(folded.text().len() as u32);
        let mut in_word = false;
        for at in 0..chars.len() {
            let latin = chars[at].is_ascii_alphanumeric();
            // `die` is not in `diet`: a Latin word begins where one begins in the text.
            if latin && in_word {
                continue;
            }
            in_word = latin;
            let first = tokens.len();
            self.spellings.each(&chars[at..], |length, id| {
                let end = at + length;
                let open = id.is(WordId::OPEN);
                if id.is(WordId::TIGHT) || !open && goes_on(chars, end) {
                    return;
                }
                let end = if open { word_end(chars, end) } else { end };
                tokens.push(Token {
                    start: byte(at),
                    end: byte(end),
                    word: id.id(),
                    dress: Dress::Plain,
                });
            });
            if tokens.len() > first + 1 {
                tokens[first..].sort_unstable();
            }
        }
    }

    fn put_together(&self, variant: &Variant, tokens: &mut Vec<Token>) {
        let chars = &variant.chars[..];
        let letter = |at: usize| chars.get(at).is_some_and(char::is_ascii_alphanumeric);
        let dress = if variant.by_sound {
            Dress::BySound
        } else {
            Dress::OnPurpose
        };
        let near = variant.near(LONGEST);
        for at in (0..chars.len()).filter(|at| near[*at]) {
            let begins = at == 0 || !letter(at - 1) || !letter(at) || variant.may_part(at);
            if !begins {
                continue;
            }
            self.spellings.each(&chars[at..], |length, id| {
                let span = at..at + length;
                if !variant.differs(&span) {
                    return;
                }
                let closes = !letter(span.end) || !letter(span.end - 1) || variant.may_part(span.end);
                if closes || id.is(WordId::OPEN) {
                    let span = variant.folded(&span);
                    tokens.push(Token {
                        start: span.start as u32,
                        end: span.end as u32,
                        word: id.id(),
                        dress,
                    });
                }
            });
        }
    }

    fn by_sound(&self, sounds: &lanes::Sounds, tokens: &mut Vec<Token>) {
        for at in 0..sounds.chars.len() {
            if matches!(sounds.syllables[at].source, Source::Break | Source::Initial) {
                continue;
            }
            self.soundings.each(&sounds.chars[at..], |length, id| {
                let syllables = &sounds.syllables[at..at + length];
                if let Some(dress) = meant(self.words.letters(id.id()), syllables) {
                    tokens.push(of_syllables(syllables, id, dress));
                }
            });
        }
    }

    /// Words of which some characters are shortened to a Latin letter.
    fn by_initials(&self, sounds: &lanes::Sounds, tokens: &mut Vec<Token>) {
        let is_initial = |s: &Syllable| s.source == Source::Initial;
        if !sounds.syllables.iter().any(is_initial) {
            return;
        }
        for at in 0..sounds.initials.len() {
            let close = (at + 5).min(sounds.initials.len());
            if !sounds.syllables[at..close].iter().any(is_initial) {
                continue;
            }
            self.initials.each(&sounds.initials[at..close], |length, id| {
                let syllables = &sounds.syllables[at..at + length];
                if let Some(dress) = shortened(self.words.letters(id.id()), syllables, sounds, at) {
                    tokens.push(of_syllables(syllables, id, dress));
                }
            });
        }
    }

    /// The text with its disguised words written plainly.
    fn mended(&self, folded: &Folded, variants: &[Variant], tokens: &[Token]) -> String {
        if let Some(whole) = variants.last() {
            return whole.chars.iter().collect();
        }
        let mut out = String::with_capacity(folded.text().len());
        let mut at = 0;
        let mut hidden: Vec<&Token> = tokens.iter().filter(|t| t.dress != Dress::Plain).collect();
        hidden.sort_by_key(|t| (t.start, std::cmp::Reverse(t.end)));
        for token in hidden {
            if token.start as usize >= at {
                out.push_str(&folded.text()[at..token.start as usize]);
                out.extend(self.words.letters(token.word));
                at = token.end as usize;
            }
        }
        out.push_str(&folded.text()[at..]);
        out
    }

    /// Leaves out words inside longer names, inside titles, and before what makes them a name.
    fn without_names(&self, folded: &Folded, tokens: &mut Vec<Token>) {
        let is_name = |t: &Token| {
            (1..=3).contains(&t.word)
                || t.dress != Dress::BySound
                    && self.names.is_some_and(|n| self.words.groups(t.word).contains(&n))
        };
        let mut covers: Vec<(u32, u32)> = tokens
            .iter()
            .filter(|t| is_name(t))
            .map(|t| (t.start, t.end))
            .collect();
        titles(folded, &mut covers);
        let follows = self.followed_by_suffix(folded.text(), tokens);
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
            // Nothing stands at an edge of the text, so it is no part of a name that begins or ends there.
            let inside =
                t.start < t.end && t.end <= reach.1 && (reach.0 < t.start || t.end < reach.1) && !is_name(t);
            let named = follows.binary_search(&at).is_ok();
            // What only sounds like a word and runs into a name is part of the name.
            let before_end = || {
                covers[..covers.partition_point(|c| c.0 < t.end)]
                    .iter()
                    .rev()
                    .take(8)
            };
            let crosses = t.dress == Dress::BySound && before_end().any(|c| t.start < c.1);
            at += 1;
            !inside && !named && !crosses
        });
    }

    /// Places in `tokens` of words that may be part of a name and are followed by what ends one.
    fn followed_by_suffix(&self, text: &str, tokens: &[Token]) -> Vec<usize> {
        let Some(suffix) = self.name_suffix else {
            return Vec::new();
        };
        let begins: Vec<u32> = tokens
            .iter()
            .filter(|t| self.words.groups(t.word).contains(&suffix))
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
            let word: &Word = &self.words.all[t.word as usize];
            (word.in_names && follows(t).is_some()).then_some(i)
        };
        tokens.iter().enumerate().filter_map(named).collect()
    }
}

/// Leaves out what only sounds like a word where a word of the lexicons stands as written: 我司 is not 我是.
fn as_they_are_written(tokens: &mut Vec<Token>) {
    if !tokens.iter().any(|t| t.dress == Dress::BySound) {
        return;
    }
    let two_han = 6;
    let written: Vec<(u32, u32)> = tokens
        .iter()
        .filter(|t| t.dress == Dress::Plain && t.end - t.start >= two_han)
        .map(|t| (t.start, t.end))
        .collect();
    tokens.retain(|t| {
        if t.dress != Dress::BySound {
            return true;
        }
        let until = written.partition_point(|w| w.0 <= t.start);
        !written[..until].iter().rev().take(8).any(|w| t.end <= w.1)
    });
}

/// Whether much of a text is pulled apart, taken apart, in digits for letters or in pinyin: nobody writes a whole message
/// so by mistake. A heading with blanks between its characters, or a word or two in Latin letters, is not much.
fn unreadable(folded: &Folded, variants: &[Variant], sounds: Option<&lanes::Sounds>) -> bool {
    let put_together = variants
        .iter()
        .rev()
        .find(|v| !v.by_sound)
        .map_or(0, Variant::changes);
    let latin = sounds.map_or(0, |s| {
        s.syllables.iter().filter(|s| s.source == Source::Latin).count()
    });
    let odd = folded.joints() as usize + put_together + latin;
    if odd < FEWEST_ODD {
        return false;
    }
    let whole = folded
        .chars()
        .iter()
        .filter(|c| is_han(**c) || c.is_ascii_lowercase())
        .count();
    // A syllable in Latin letters takes three of them.
    let share = folded.joints() as usize + put_together + latin * 3;
    odd >= 12 && share * 5 >= whole || share * 2 >= whole
}

/// Fewer odd characters are not much, however short the text.
const FEWEST_ODD: usize = 6;

/// Makes one row of two, the second a short one.
fn merge(tokens: &mut [Token], second: usize) {
    let mut sorted = second;
    while sorted < tokens.len() {
        let token = tokens[sorted];
        let place = tokens[..sorted].partition_point(|t| *t <= token);
        if sorted - place > 0 {
            tokens.copy_within(place..sorted, place + 1);
            tokens[place] = token;
        }
        sorted += 1;
    }
}

fn of_syllables(syllables: &[Syllable], id: WordId, dress: Dress) -> Token {
    let span = lanes::span_of(syllables);
    Token {
        start: span.start as u32,
        end: span.end as u32,
        word: id.id(),
        dress,
    }
}

/// Where a part and its lines begin, and where it ends; nothing stands there, so words may stand beside it.
fn edges(folded: &Folded, tokens: &mut Vec<Token>) {
    let mut edge = |what: Builtin, at: u32| {
        tokens.push(Token {
            start: at,
            end: at,
            word: what as u32,
            dress: Dress::Plain,
        });
    };
    let (chars, starts) = (folded.chars(), folded.starts());
    let mut new_line = true;
    for (c, at) in chars.iter().zip(starts) {
        if matches!(c, '\n') {
            new_line = true;
        } else if new_line && *c != ' ' {
            edge(Builtin::Line, *at);
            new_line = false;
        }
    }
    let first = chars.iter().position(|c| !matches!(c, ' ' | '\n'));
    edge(Builtin::Start, first.map_or(0, |i| starts[i]));
    let last = chars
        .iter()
        .rposition(|c| !matches!(c, ' ' | '\n' | '.' | '。' | '!' | '】'));
    let end = last.and_then(|i| starts.get(i + 1)).copied();
    edge(Builtin::End, end.unwrap_or(folded.text().len() as u32));
}

/// Whether a Latin word that ends here goes on: `die` in `diet`, `won` in `won't`.
fn goes_on(chars: &[char], end: usize) -> bool {
    let letter = |at: usize| chars.get(at).is_some_and(char::is_ascii_alphanumeric);
    let short = chars.get(end) == Some(&'\'') && chars.get(end + 1) == Some(&'t');
    end > 0 && letter(end - 1) && (short || letter(end))
}

/// Where an open Latin word ends.
fn word_end(chars: &[char], end: usize) -> usize {
    let rest = chars[end..]
        .iter()
        .take(24)
        .take_while(|c| c.is_ascii_alphabetic());
    end + rest.count()
}

/// Titles of works: `《...》`.
fn titles(folded: &Folded, covers: &mut Vec<(u32, u32)>) {
    let (chars, starts) = (folded.chars(), folded.starts());
    let mut at = 0;
    while let Some(open) = chars[at..].iter().position(|c| *c == '《') {
        let open = at + open;
        let close = chars[open..].iter().take(48).position(|c| *c == '》');
        at = open + close.unwrap_or(1);
        if close.is_some() {
            covers.push((starts[open], starts[at]));
        }
    }
}

/// How a word is meant by syllables that sound like it; none where they are other words by chance.
fn meant(word: &[char], syllables: &[Syllable]) -> Option<Dress> {
    let (mut same, mut latin, mut digits, mut lonely, mut odd) = (0, 0, 0, 0, 0);
    for (i, (c, s)) in word.iter().zip(syllables).enumerate() {
        match s.source {
            Source::Break | Source::Initial => return None,
            Source::Latin => latin += 1,
            Source::Digit => digits += 1,
            Source::Han => {
                same += usize::from(s.written == *c);
                lonely += usize::from(s.written != *c && s.lonely);
                odd += usize::from(i > 0 && s.odd_before);
            }
        }
    }
    let length = syllables.len();
    if word.len() != length || same == length {
        return None;
    }
    if latin == length {
        return Some(Dress::OnPurpose);
    }
    if length == 1 || odd + latin + digits == 0 {
        return None;
    }
    // 见附件 holds 附件, so 见附 is no word by its sound; longer rows are not there by chance.
    let changed = |i: usize| syllables[i].written != word[i];
    if length == 2 && (changed(0) && syllables[0].fits_before || changed(1) && syllables[1].fits_after) {
        return None;
    }
    let known = same + latin > 0 || lonely >= 2 || length >= 3 && lonely > 0;
    known.then_some(if latin > 0 && latin + same == length {
        Dress::OnPurpose
    } else {
        Dress::BySound
    })
}

/// How a word is meant where Latin letters stand for some of its characters.
fn shortened(word: &[char], syllables: &[Syllable], sounds: &lanes::Sounds, at: usize) -> Option<Dress> {
    if word.len() != syllables.len() {
        return None;
    }
    let (mut same, mut letters) = (0, 0);
    for (c, s) in word.iter().zip(syllables) {
        match s.source {
            Source::Initial => letters += 1,
            Source::Han if s.written == *c => same += 1,
            _ => return None,
        }
    }
    // A row of letters stands for a word as a whole: `zfb`, not the `fb` in it.
    let beside = |i: Option<usize>| {
        i.and_then(|i| sounds.syllables.get(i))
            .is_some_and(|s| s.source == Source::Initial)
    };
    let torn = |i: usize| sounds.syllables[i].source == Source::Initial;
    if torn(at) && beside(at.checked_sub(1)) || torn(at + word.len() - 1) && beside(Some(at + word.len())) {
        return None;
    }
    match (same, letters) {
        (_, 0) => None,
        (0, 1) => None,
        (0, _) => Some(Dress::BySound),
        _ => Some(Dress::OnPurpose),
    }
}
