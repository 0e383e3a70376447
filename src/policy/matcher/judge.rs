//! Patterns over the words of a text, and the surroundings that excuse a hit.

use std::cell::OnceCell;
use std::ops::Range;

use super::compile::bit;
use super::tokens::{Dress, Token};
use super::{Chain, Compiled, Excuse, Found, Hit, Lexicons, Scratch};
use crate::policy::fold::is_han;

/// At most so many places of one chain are looked at, and so many tries made for one place.
pub(super) const PLACES: usize = 24;

/// No word that ends an excuse is longer.
const RUNS_IN: usize = 32;

/// What is farther away than so many bytes is another sentence, whatever the marks say.
const SENTENCE: usize = 600;

/// Where a chain stands, and whether a word of it was disguised.
#[derive(Clone)]
struct Place {
    span: Range<usize>,
    dress: Dress,
    /// The words of the chain.
    words: Vec<Range<usize>>,
}

/// The words of one text with what patterns ask about them.
pub(super) struct Page<'t> {
    pub(super) lexicons: &'t Lexicons,
    pub(super) text: &'t str,
    pub(super) tokens: &'t [Token],
    pub(super) sorted: &'t Sorted,
    pub(super) ends: OnceCell<Vec<u32>>,
}

/// The words of a text by group. Only what the last text touched is put back for the next.
#[derive(Default)]
pub(super) struct Sorted {
    /// For each group its range in `places`.
    ranges: Vec<(u32, u32)>,
    /// Places in the list of words, group by group, in reading order.
    places: Vec<u32>,
    /// Groups that occur.
    pub(super) touched: Vec<u16>,
    /// These as bits.
    pub(super) signature: u128,
}

impl Sorted {
    pub(super) fn fill(&mut self, lexicons: &Lexicons, tokens: &[Token]) {
        for group in self.touched.drain(..) {
            self.ranges[group as usize] = (0, 0);
        }
        if self.ranges.len() < lexicons.group_names.len() {
            self.ranges.resize(lexicons.group_names.len(), (0, 0));
        }
        self.signature = 0;
        for group in tokens.iter().flat_map(|t| lexicons.words.groups(t.word)) {
            let range = &mut self.ranges[*group as usize];
            if range.1 == 0 {
                self.touched.push(*group);
                self.signature |= bit(*group);
            }
            range.1 += 1;
        }
        let mut sum = 0;
        for group in &self.touched {
            let range = &mut self.ranges[*group as usize];
            let count = range.1;
            *range = (sum, sum);
            sum += count;
        }
        self.places.clear();
        self.places.resize(sum as usize, 0);
        for (i, token) in tokens.iter().enumerate() {
            for group in lexicons.words.groups(token.word) {
                let end = &mut self.ranges[*group as usize].1;
                self.places[*end as usize] = i as u32;
                *end += 1;
            }
        }
    }
}

impl Lexicons {
    /// Hits of all phrases and patterns.
    pub(super) fn judge(&self, text: &str, scratch: &mut Scratch, found: &mut Found) {
        scratch.sorted.fill(self, &scratch.tokens);
        let tokens = &scratch.tokens[..];
        let sorted = &scratch.sorted;
        let page = Page {
            lexicons: self,
            text,
            tokens,
            sorted,
            ends: OnceCell::new(),
        };
        found.placed.reserve(sorted.places.len());
        for token in tokens {
            let groups = self.words.groups(token.word).iter();
            let named = groups.filter(|g| self.group_marks[**g as usize] != 0);
            found.placed.extend(named.map(|g| (token.start, *g)));
            for entry in self.words.phrases(token.word) {
                let span = token.start as usize..token.end as usize;
                let place = Place {
                    words: vec![span.clone()],
                    span,
                    dress: token.dress,
                };
                page.report(*entry, place, found);
            }
        }
        for group in &sorted.touched {
            let at = *group as usize;
            let start = at
                .checked_sub(1)
                .map_or(0, |before| self.woken_by[before] as usize);
            for pattern in &self.patterns[start..self.woken_by[at] as usize] {
                if pattern.signature & !sorted.signature == 0 {
                    page.pattern(pattern, found);
                }
            }
        }
        found
            .hits
            .sort_by_key(|h| (h.entry, h.span.start, std::cmp::Reverse(h.span.end)));
        found.hits.dedup_by(|b, a| {
            let same = a.entry == b.entry && b.span.start < a.span.end;
            if same {
                a.excused &= b.excused;
                a.disguised |= b.disguised;
                a.by_sound &= b.by_sound;
            }
            same
        });
    }
}

impl Page<'_> {
    /// Places in `tokens` of the words of a group, in reading order.
    pub(super) fn of(&self, group: u16) -> &[u32] {
        let (start, end) = self.sorted.ranges[group as usize];
        &self.sorted.places[start as usize..end as usize]
    }

    pub(super) fn has(&self, group: u16) -> bool {
        let (start, end) = self.sorted.ranges[group as usize];
        start != end
    }

    pub(super) fn is(&self, token: &Token, group: u16) -> bool {
        self.lexicons.words.groups(token.word).contains(&group)
    }

    fn report(&self, entry: u32, place: Place, found: &mut Found) {
        let excuses = &self.lexicons.unless[entry as usize];
        let excused = excuses
            .iter()
            .any(|e| self.excuses(&self.lexicons.excuses[*e as usize], &place));
        found.hits.push(Hit {
            entry: entry as usize,
            span: place.span,
            excused,
            disguised: place.dress == Dress::OnPurpose,
            by_sound: place.dress == Dress::BySound,
        });
    }

    fn pattern(&self, pattern: &Compiled, found: &mut Found) {
        if !pattern.required.iter().all(|g| self.has(*g)) {
            return;
        }
        if pattern
            .without
            .iter()
            .any(|(part_wide, g)| *part_wide && self.has(*g))
        {
            return;
        }
        let mut places = self.places(&pattern.chains[0]);
        for chain in &pattern.chains[1..] {
            let others = self.places(chain);
            if chain.part_wide {
                if others.is_empty() {
                    return;
                }
            } else {
                places.retain(|p| {
                    let sentence = self.sentence(p.span.start);
                    others.iter().any(|o| sentence.contains(&o.span.start))
                });
            }
            let dress = others.iter().map(|o| o.dress).min().unwrap_or(Dress::Plain);
            places.iter_mut().for_each(|p| p.dress = p.dress.max(dress));
        }
        for (_, group) in pattern.without.iter().filter(|(part_wide, _)| !part_wide) {
            places.retain(|p| {
                let sentence = self.sentence(p.span.start);
                !self.within(&sentence).iter().any(|t| self.is(t, *group))
            });
        }
        for place in places {
            self.report(pattern.entry, place, found);
        }
    }

    /// Places where a chain stands.
    fn places(&self, chain: &Chain) -> Vec<Place> {
        let mut out: Vec<Place> = Vec::new();
        let Some((first, _)) = chain.steps.first() else {
            return out;
        };
        for i in self.of(*first) {
            let i = *i as usize;
            let token = &self.tokens[i];
            let mut tries = PLACES;
            let mut words = Vec::new();
            if let Some(dress) = self.go_on(i, &chain.steps[1..], &mut tries, &mut words) {
                words.reverse();
                let end = words.last().map_or(token.end as usize, |w: &Range<usize>| w.end);
                out.push(Place {
                    span: token.start as usize..end,
                    dress,
                    words,
                });
                if out.len() == PLACES {
                    break;
                }
            }
        }
        out
    }

    /// The words of the rest of a chain after the word at `i`, that word included, last word first.
    fn go_on(
        &self,
        i: usize,
        steps: &[(u16, u8)],
        tries: &mut usize,
        words: &mut Vec<Range<usize>>,
    ) -> Option<Dress> {
        let token = &self.tokens[i];
        let own = token.start as usize..token.end as usize;
        let Some(((group, gap), rest)) = steps.split_first() else {
            words.push(own);
            return Some(token.dress);
        };
        let gap = usize::from(*gap);
        // A Latin word takes more room than a Chinese character.
        let farthest = own.end + gap * 14 + 8;
        let places = self.of(*group);
        let from = places.partition_point(|j| self.tokens[*j as usize].start < token.end);
        for j in &places[from..] {
            let j = *j as usize;
            let next = &self.tokens[j];
            if next.start as usize > farthest || *tries == 0 {
                return None;
            }
            let between = &self.text[own.end..next.start as usize];
            if ends_sentence(between) || units(between) > gap {
                return None;
            }
            // What stands directly beside each other is not parted by a comma: `还款,我方` is no `还款我`.
            if gap == 0 && between.contains([',', ':', '、']) {
                return None;
            }
            *tries -= 1;
            if let Some(dress) = self.go_on(j, rest, tries, words) {
                words.push(own);
                return Some(dress.max(token.dress));
            }
        }
        None
    }

    /// Words that begin within a range.
    pub(super) fn within(&self, range: &Range<usize>) -> &[Token] {
        let from = self.tokens.partition_point(|t| (t.start as usize) < range.start);
        let to = self.tokens.partition_point(|t| (t.start as usize) < range.end);
        &self.tokens[from..to]
    }

    /// The sentence that holds a byte.
    pub(super) fn sentence(&self, at: usize) -> Range<usize> {
        let ends = self.ends.get_or_init(|| sentence_ends(self.text));
        let next = ends.partition_point(|e| (*e as usize) <= at);
        let start = next.checked_sub(1).map_or(0, |i| ends[i] as usize);
        let end = ends.get(next).map_or(self.text.len(), |e| *e as usize);
        start.max(at.saturating_sub(SENTENCE))..end.min(at + SENTENCE)
    }

    /// Whether surroundings make a hit harmless.
    fn excuses(&self, excuse: &Excuse, place: &Place) -> bool {
        let hit = &place.span;
        // What only sounds like an excuse is none.
        let heard = |t: &Token| t.dress == Dress::BySound;
        let written = |g: &u16| self.of(*g).iter().any(|i| !heard(&self.tokens[*i as usize]));
        if excuse.message.iter().any(written) {
            return true;
        }
        let one_of = |t: &Token, groups: &[u16]| !heard(t) && groups.iter().any(|g| self.is(t, *g));
        // A word of the excuse that is part of a word of the hit says nothing: `be sorry` is no apology.
        let part_of = |t: &Token, w: &Range<usize>| w.start <= t.start as usize && t.end as usize <= w.end;
        let outside = |t: &&Token| !place.words.iter().any(|w| part_of(t, w));
        let any = |groups: &[u16]| groups.iter().any(|g| self.has(*g));
        if any(&excuse.sentence) {
            let sentence = self.sentence(hit.start);
            if self
                .within(&sentence)
                .iter()
                .filter(outside)
                .any(|t| one_of(t, &excuse.sentence))
            {
                return true;
            }
        }
        if any(&excuse.before) {
            // `we are not a court`: the negation stands inside the hit.
            if self
                .within(hit)
                .iter()
                .filter(outside)
                .any(|t| (t.end as usize) <= hit.end && one_of(t, &excuse.before))
            {
                return true;
            }
            let room = excuse.within * 14 + 16;
            let range = hit.start.saturating_sub(room)..hit.start;
            let near = |t: &&Token| {
                let between = self.text.get(t.end as usize..hit.start).unwrap_or("");
                // A negation may run into the hit: `不代收` into `收现金`.
                one_of(t, &excuse.before)
                    && self.reaches(between, excuse)
                    && !self.broken(t.start as usize..hit.start, excuse)
            };
            if self.within(&range).iter().any(|t| near(&t)) {
                return true;
            }
        }
        if any(&excuse.after) {
            let range = hit.end..hit.end + excuse.within * 14 + 16;
            let near = |t: &&Token| {
                let between = self.text.get(hit.end..t.start as usize).unwrap_or("");
                one_of(t, &excuse.after)
                    && self.reaches(between, excuse)
                    && !self.broken(hit.end..t.start as usize, excuse)
            };
            return self.within(&range).iter().any(|t| near(&t));
        }
        false
    }

    /// Whether a word that ends the reach stands in a range, or runs into it.
    fn broken(&self, range: Range<usize>, excuse: &Excuse) -> bool {
        if !excuse.broken_by.iter().any(|g| self.has(*g)) {
            return false;
        }
        let ends =
            |t: &Token| t.end as usize > range.start && excuse.broken_by.iter().any(|g| self.is(t, *g));
        let wide = range.start.saturating_sub(RUNS_IN)..range.end;
        self.within(&wide).iter().any(ends)
    }

    fn reaches(&self, between: &str, excuse: &Excuse) -> bool {
        let parted = excuse.clause && between.contains([',', ':']);
        !parted && !ends_sentence(between) && units(between) <= excuse.within
    }
}

/// How many Chinese characters and Latin words or numbers there are.
pub(super) fn units(text: &str) -> usize {
    let mut count = 0;
    let mut in_word = false;
    for c in text.chars() {
        let latin = c.is_ascii_alphanumeric() || c == '\'';
        if is_han(c) || latin && !in_word {
            count += 1;
        }
        in_word = latin;
    }
    count
}

/// Whether a sentence ends within a text that lies between two words.
fn ends_sentence(between: &str) -> bool {
    let mut chars = between.chars().peekable();
    while let Some(c) = chars.next() {
        let stop = c == '.' && chars.peek().is_none_or(|n| matches!(n, ' ' | '\n'));
        if stop || matches!(c, '。' | '!' | '?' | '\n' | ';') {
            return true;
        }
    }
    false
}

/// The bytes after each end of a sentence.
fn sentence_ends(text: &str) -> Vec<u32> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    for (i, b) in bytes.iter().enumerate() {
        let end = match b {
            b'!' | b'?' | b'\n' | b';' => true,
            b'.' => bytes.get(i + 1).is_none_or(|n| matches!(n, b' ' | b'\n')),
            // The last byte of the ideographic full stop.
            0x82 => i >= 2 && bytes[i - 1] == 0x80 && bytes[i - 2] == 0xE3,
            _ => false,
        };
        if end {
            out.push(i as u32 + 1);
        }
    }
    out
}
