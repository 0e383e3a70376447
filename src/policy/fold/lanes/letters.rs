//! Letters put back together: Latin spelled out, pushed apart, cut in two or in leetspeak, and Chinese characters taken
//! apart. Read again only where something that a lexicon has could come out of it.

use std::ops::Range;

use super::Known;
use super::leet::{Right, leet, repeats, resolved};
use crate::policy::fold::tables::{USUAL, english, joined, may_join};
use crate::policy::fold::{Folded, Oddities, is_han};

/// A second reading as text.
pub(crate) struct Variant {
    /// The characters so read.
    pub(crate) chars: Vec<char>,
    /// Folded bytes behind each character.
    map: Vec<(u32, u32)>,
    /// This character is not as written.
    changed: Vec<bool>,
    /// A separator was taken out before this character, so a word may begin or end here.
    seam: Vec<bool>,
    /// What differs does so by its sound.
    pub(crate) by_sound: bool,
}

impl Variant {
    /// The folded bytes behind a range of characters of this reading.
    pub(crate) fn folded(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.map.get(range.start).map_or(0, |m| m.0 as usize);
        let end = self
            .map
            .get(range.end.wrapping_sub(1))
            .map_or(start, |m| m.1 as usize);
        start..end.max(start)
    }

    /// Whether anything in the range is not as written.
    pub(crate) fn differs(&self, range: &Range<usize>) -> bool {
        self.changed[range.clone()].contains(&true) || self.seam[range.start + 1..range.end].contains(&true)
    }

    /// How many characters are not as written.
    pub(crate) fn changes(&self) -> usize {
        self.changed.iter().filter(|c| **c).count()
    }

    /// Whether a Latin word may begin or end at this character although letters stand on both sides.
    pub(crate) fn may_part(&self, at: usize) -> bool {
        self.seam.get(at).copied().unwrap_or(true)
    }

    /// For each character how far the next one is that differs; words cannot begin farther away than they are long.
    pub(crate) fn near(&self, reach: usize) -> Vec<bool> {
        let mut out = vec![false; self.chars.len()];
        let mut left = 0;
        for at in (0..self.chars.len()).rev() {
            if self.changed[at] || self.seam[at] {
                left = reach;
            }
            out[at] = left > 0;
            left = left.saturating_sub(1);
        }
        out
    }

    fn push(&mut self, c: char, from: Range<usize>, changed: bool) {
        self.chars.push(c);
        self.map.push((from.start as u32, from.end as u32));
        self.changed.push(changed);
        self.seam.push(false);
    }
}

/// The second readings of a text: none for most, two where a digit may be either of two letters, and one where English
/// words are written as they sound.
pub(crate) fn variants(folded: &Folded, known: &dyn Known, oddities: &mut Oddities) -> Vec<Variant> {
    let mut out = put_together(folded, known, oddities);
    out.extend(respelled(folded, known, oddities));
    out
}

fn put_together(folded: &Folded, known: &dyn Known, oddities: &mut Oddities) -> Vec<Variant> {
    if !worth_reading_again(folded, known) {
        return Vec::new();
    }
    let mut first = Reader::new(folded, known, false);
    first.read();
    if !first.found_any {
        return Vec::new();
    }
    oddities.add(first.oddities);
    let mut out = Vec::with_capacity(2);
    if first.ambiguous {
        let mut second = Reader::new(folded, known, true);
        second.read();
        out.push(second.out);
    }
    out.push(first.out);
    out
}

/// So many strange words of a text are listened to; more are no English.
const MOST_HEARD: usize = 500;

/// English words that are none, and sound like words of the lexicons.
fn respelled(folded: &Folded, known: &dyn Known, oddities: &mut Oddities) -> Option<Variant> {
    let chars = folded.chars();
    let mut changes: Vec<(Range<usize>, &[char])> = Vec::new();
    let mut tries = 0;
    let mut at = 0;
    while at < chars.len() {
        if is_han(chars[at]) {
            return None;
        }
        let length = chars[at..].iter().take_while(|c| c.is_ascii_lowercase()).count();
        let word = &chars[at..at + length];
        let apart = |i: usize| {
            chars
                .get(i)
                .is_none_or(|c| matches!(c, ' ' | '\n' | ',' | '!' | '?' | '.' | ';' | '-'))
        };
        if (3..=20).contains(&length)
            && apart(at + length)
            && (at == 0 || apart(at - 1))
            && !(length <= 6 && english(word))
            && !known.latin(word)
            && tries < MOST_HEARD
            && {
                tries += 1;
                true
            }
            && let Some(heard) = known.respelled(word)
        {
            changes.push((at..at + length, heard));
        }
        at += length.max(1);
    }
    if changes.is_empty() {
        return None;
    }
    oddities.add(Oddities::HOMOPHONE);
    let mut reader = Reader::new(folded, known, false);
    reader.out.by_sound = true;
    let mut at = 0;
    for (range, heard) in changes {
        (at..range.start).for_each(|i| reader.keep(i));
        let span = reader.span(range.start).start..reader.span(range.end - 1).end;
        heard.iter().for_each(|c| reader.out.push(*c, span.clone(), true));
        at = range.end;
    }
    (at..chars.len()).for_each(|i| reader.keep(i));
    Some(reader.out)
}

/// A quick look: something that one of the readings could change, and a word of the lexicons that could come of it.
fn worth_reading_again(folded: &Folded, known: &dyn Known) -> bool {
    let chars = folded.chars();
    let c = |i: usize| chars.get(i).copied().unwrap_or('\n');
    let mut i = 0;
    while i < chars.len() {
        if is_han(chars[i]) {
            if odd_han(chars, i) {
                return true;
            }
            i += 1;
            continue;
        }
        if !begins_token(chars, i) {
            i += 1;
            continue;
        }
        let end = token_end(chars, i);
        let plain = chars[i..end]
            .iter()
            .take_while(|c| c.is_ascii_lowercase())
            .count();
        if plain == end - i {
            // One letter alone, and another after a sign: spelled out.
            if plain == 1 && !c(i + 1).is_ascii_alphanumeric() && single_letter(chars, i + 2) {
                return true;
            }
            if repeats(&chars[i..end]) || pieces(chars, i, end, known).is_some() {
                return true;
            }
        } else if (end - i <= 40 || c(i + 1).is_ascii_punctuation()) && odd_token(&chars[i..end], known) {
            return true;
        }
        i = end;
    }
    false
}

fn odd_han(chars: &[char], i: usize) -> bool {
    let c = |i: usize| chars.get(i).copied().unwrap_or('\n');
    let (a, b) = (c(i), c(i + 1));
    is_han(b) && (a == b && c(i + 2) == a || may_join(a) && !USUAL.pair(a, b) && joined(a, b).is_some())
}

fn single_letter(chars: &[char], i: usize) -> bool {
    let letter = |i: usize| chars.get(i).is_some_and(char::is_ascii_alphanumeric);
    letter(i) && !letter(i + 1)
}

fn begins_token(chars: &[char], i: usize) -> bool {
    let opens = chars[i].is_ascii_alphanumeric() || matches!(chars[i], '@' | '$' | '!' | '|' | '+' | '€');
    opens && !i.checked_sub(1).is_some_and(|b| chars[b].is_ascii_alphanumeric())
}

/// A letter or digit that nothing of the kind stands before, or a sign for a letter in front of one.
fn begins_word(chars: &[char], i: usize) -> bool {
    let sign = matches!(chars[i], '$' | '+' | '@' | '|');
    let letter = |c: &char| c.is_ascii_alphanumeric();
    (letter(&chars[i]) || sign && chars.get(i + 1).is_some_and(letter))
        && !i.checked_sub(1).is_some_and(|b| letter(&chars[b]))
}

fn is_part(c: char) -> bool {
    !c.is_whitespace()
        && !is_han(c)
        && !matches!(c, ',' | '。' | '(' | ')' | '【' | '】' | '"' | '“' | '”' | ':')
}

/// What is longer is no word, and no row of letters that are one; it is read in pieces, so that time stays linear.
const LONGEST: usize = 128;

/// Where a Latin word ends with what is written inside it: before a blank, a Han character or the end. A full stop or
/// exclamation mark at its end belongs to the sentence.
fn token_end(chars: &[char], start: usize) -> usize {
    let mut end = start
        + chars[start..]
            .iter()
            .take(LONGEST)
            .take_while(|c| is_part(**c))
            .count();
    while end > start && !chars[end - 1].is_alphanumeric() && !matches!(chars[end - 1], '$' | '@' | '+' | '|')
    {
        end -= 1;
    }
    end.max(start + 1)
}

/// Whether a word with digits or signs in it could stand for a word of the lexicons.
fn odd_token(token: &[char], known: &dyn Known) -> bool {
    let signs = token.iter().filter(|c| !c.is_alphanumeric()).count();
    if repeats(token) || token.len() >= 5 && signs * 2 + 1 >= token.len() || resolved(token, known).is_some()
    {
        return true;
    }
    let letters = token.iter().filter(|c| c.is_ascii_lowercase()).count();
    if letters == 0 {
        return false;
    }
    let mut word: Vec<char> = Vec::with_capacity(token.len());
    [false, true].iter().any(|second| {
        // With its signs left out, with its signs read as letters, and piece by piece.
        let read = |c: char| leet(c, *second).map_or(c, |(to, _)| to);
        [true, false].iter().any(|signs| {
            word.clear();
            for c in token {
                match *c {
                    c if c.is_ascii_lowercase() => word.push(c),
                    c if c.is_ascii_digit() || *signs => match read(c) {
                        c if c.is_ascii_lowercase() => word.push(c),
                        _ => {}
                    },
                    _ => {}
                }
            }
            known.latin(&word)
        }) || token
            .split(|c| matches!(c, '-' | '/' | '.' | '\'' | '_' | '*'))
            .filter(|p| p.iter().any(char::is_ascii_digit) && p.iter().any(char::is_ascii_lowercase))
            .any(|piece| {
                word.clear();
                word.extend(piece.iter().map(|c| read(*c)));
                known.latin(&word)
            })
    })
}

/// `ar rest`, `kil l`: where the second piece ends, if a word of the lexicons comes of the two and one of them is no word.
fn pieces(chars: &[char], start: usize, end: usize, known: &dyn Known) -> Option<usize> {
    if end - start > 7 || chars.get(end) != Some(&' ') {
        return None;
    }
    let length = chars[end + 1..]
        .iter()
        .take(8)
        .take_while(|c| c.is_ascii_lowercase())
        .count();
    let close = end + 1 + length;
    if !(1..=7).contains(&length) || chars.get(close).is_some_and(char::is_ascii_alphanumeric) {
        return None;
    }
    let broken = |w: &[char]| w.len() <= 6 && !english(w);
    if !(broken(&chars[start..end]) || broken(&chars[end + 1..close])) {
        return None;
    }
    let mut whole = ['\n'; 14];
    whole[..end - start].copy_from_slice(&chars[start..end]);
    whole[end - start..end - start + length].copy_from_slice(&chars[end + 1..close]);
    let whole = &whole[..end - start + length];
    (whole.len() >= 4 && known.latin(whole)).then_some(close)
}

struct Reader<'t> {
    folded: &'t Folded,
    chars: &'t [char],
    known: &'t dyn Known,
    /// Of two possible readings the second.
    second: bool,
    out: Variant,
    found_any: bool,
    ambiguous: bool,
    /// Pieces that are being joined, one inside the other.
    joins: u8,
    oddities: Oddities,
}

const JOINS: u8 = 8;

impl<'t> Reader<'t> {
    fn new(folded: &'t Folded, known: &'t dyn Known, second: bool) -> Reader<'t> {
        let chars = folded.chars();
        let room = chars.len();
        Reader {
            folded,
            chars,
            known,
            second,
            out: Variant {
                chars: Vec::with_capacity(room),
                map: Vec::with_capacity(room),
                changed: Vec::with_capacity(room),
                seam: Vec::with_capacity(room),
                by_sound: false,
            },
            found_any: false,
            ambiguous: false,
            joins: 0,
            oddities: Oddities::default(),
        }
    }

    fn c(&self, i: usize) -> char {
        self.chars.get(i).copied().unwrap_or('\n')
    }

    fn span(&self, i: usize) -> Range<usize> {
        let at = self.folded.starts()[i] as usize;
        at..at + self.chars[i].len_utf8()
    }

    fn keep(&mut self, i: usize) {
        let (c, span) = (self.c(i), self.span(i));
        self.out.push(c, span, false);
    }

    fn change(&mut self, to: char, span: Range<usize>, why: Oddities) {
        self.found_any = true;
        self.oddities.add(why);
        self.out.push(to, span, true);
    }

    /// The next character is joined to the last over a separator that is left out.
    fn seam_at_end(&mut self, from: usize) {
        if let Some(seam) = self.out.seam.get_mut(from) {
            *seam = true;
        }
    }

    fn read(&mut self) {
        let mut i = 0;
        while i < self.chars.len() {
            let c = self.c(i);
            i = if is_han(c) {
                self.han(i)
            } else if begins_word(self.chars, i) {
                self.spelled(i).unwrap_or_else(|| self.token(i))
            } else {
                self.keep(i);
                i + 1
            };
        }
    }

    fn han(&mut self, i: usize) -> usize {
        let (a, b) = (self.c(i), self.c(i + 1));
        if a == b && self.c(i + 2) == a {
            let mut end = i + 3;
            while self.c(end) == a {
                end += 1;
            }
            let span = self.span(i).start..self.span(end - 1).end;
            self.change(a, span, Oddities::SEPARATED);
            return end;
        }
        if is_han(b)
            && let Some(c) = joined(a, b)
            && !USUAL.pair(a, b)
        {
            let span = self.span(i).start..self.span(i + 1).end;
            self.change(c, span, Oddities::SPLIT);
            return i + 2;
        }
        self.keep(i);
        i + 1
    }

    /// `b r e a k` or `p.o.l.i.c.e`: single letters with the same kind of separator between them.
    fn spelled(&mut self, start: usize) -> Option<usize> {
        let single = |i: usize| self.c(i).is_ascii_alphanumeric() && !self.c(i + 1).is_ascii_alphanumeric();
        let sign = |i: usize| {
            let c = self.c(i);
            !c.is_alphanumeric() && !is_han(c) && !matches!(c, '\n' | ',' | '。')
        };
        if !single(start) || !sign(start + 1) {
            return None;
        }
        let blank = self.c(start + 1) == ' ';
        let mut at = vec![start];
        let mut i = start;
        loop {
            let mut next = i + 1;
            while next - i <= 3 && sign(next) && (self.c(next) == ' ') == blank {
                next += 1;
            }
            if next == i + 1 || !single(next) || at.len() == LONGEST {
                break;
            }
            at.push(next);
            i = next;
        }
        let letters = at.iter().filter(|i| self.c(**i).is_ascii_lowercase()).count();
        if letters < 3 || letters * 2 < at.len() {
            return None;
        }
        for (n, i) in at.iter().enumerate() {
            let from = self.out.chars.len();
            if n > 0 {
                let gap = self.span(*i - 1).start;
                if blank && self.folded.is_wide_blank(gap) {
                    self.out.push(' ', gap..gap + 1, false);
                }
            }
            let (c, span) = (self.leet(self.c(*i)).unwrap_or(self.c(*i)), self.span(*i));
            self.change(c, span, Oddities::SPELLED_OUT);
            self.seam_at_end(from);
        }
        let end = i + 1;
        // What follows may belong to the last word or not.
        self.out.push(' ', self.span(i), false);
        let last = self.out.chars.len() - 1;
        self.seam_at_end(last);
        if self.c(end) == ' ' {
            Some(end + 1)
        } else {
            Some(end)
        }
    }

    fn leet(&mut self, c: char) -> Option<char> {
        let (to, either) = leet(c, self.second)?;
        self.ambiguous |= either;
        Some(to)
    }

    /// A Latin word with what is written inside it, up to a blank, a Han character or the end.
    fn token(&mut self, start: usize) -> usize {
        let end = token_end(self.chars, start);
        if let Some(right) = resolved(&self.chars[start..end], self.known) {
            self.put_right(start, &right);
            return end;
        }
        let is_leet = self.is_leet(start, end);
        let mut i = start;
        while i < end {
            let c = self.c(i);
            let repeats = (i..end).take_while(|j| self.c(*j) == c).count();
            if c.is_ascii_lowercase() && repeats >= 3 {
                self.ambiguous = true;
                let span = self.span(i).start..self.span(i + repeats - 1).end;
                self.change(c, span.clone(), Oddities::SPELLED_OUT);
                if self.second {
                    self.change(c, span, Oddities::SPELLED_OUT);
                }
                i += repeats;
                continue;
            }
            let inside = i > start && i + 1 < end;
            let letters =
                self.c(i.wrapping_sub(1)).is_ascii_alphanumeric() && self.c(i + 1).is_ascii_alphanumeric();
            let mapped = if is_leet { self.leet(c) } else { None };
            if let Some(to) = mapped {
                let span = self.span(i);
                self.change(to, span, Oddities::LEET);
            } else if inside && letters && !c.is_alphanumeric() && c != '\'' {
                self.found_any = true;
                let from = self.out.chars.len();
                i += 1;
                let (c, span) = (self.c(i), self.span(i));
                let to = if is_leet { self.leet(c).unwrap_or(c) } else { c };
                self.out.push(to, span, to != c);
                self.seam_at_end(from);
            } else {
                self.keep(i);
            }
            i += 1;
        }
        self.join_pieces(start, end)
    }

    /// Writes a word of which every character is known.
    fn put_right(&mut self, start: usize, right: &[Right]) {
        let mut at = start;
        let mut span = self.span(start);
        for (c, length) in right {
            if *length > 0 {
                span = self.span(at).start..self.span(at + length - 1).end;
                at += length;
            }
            if *length == 1 && self.c(at - 1) == *c {
                self.out.push(*c, span.clone(), false);
            } else {
                self.change(*c, span.clone(), Oddities::LEET);
            }
        }
    }

    /// Whether the digits of a word stand for letters: not in `11am`, `b2024` or a long reference.
    fn is_leet(&self, start: usize, end: usize) -> bool {
        let all = || (start..end).map(|i| self.c(i));
        let letters = all().filter(char::is_ascii_lowercase).count();
        let digits = all().filter(char::is_ascii_digit).count();
        let signs = all()
            .filter(|c| matches!(c, '@' | '$' | '!' | '|' | '+' | '€'))
            .count();
        if letters == 0 || digits + signs == 0 || end - start > 24 {
            return false;
        }
        let leading = all().take_while(char::is_ascii_digit).count();
        let trailing = (start..end)
            .rev()
            .take_while(|i| self.c(*i).is_ascii_digit())
            .count();
        let number_with_unit = leading >= 2 && leading == digits && signs == 0;
        let reference = trailing >= 3 && trailing == digits && signs == 0;
        !number_with_unit && !reference && digits + signs <= letters + 1
    }

    /// `ar rest`, `kil l`: leaves out the blank between two pieces of one word.
    fn join_pieces(&mut self, start: usize, end: usize) -> usize {
        // Of a row of pieces no more than a few are one word.
        if self.joins == JOINS {
            return end;
        }
        let plain = self.chars[start..end].iter().all(char::is_ascii_lowercase);
        if !plain || pieces(self.chars, start, end, self.known).is_none() {
            return end;
        }
        self.found_any = true;
        self.joins += 1;
        let from = self.out.chars.len();
        let next = self.spelled(end + 1).unwrap_or_else(|| self.token(end + 1));
        self.seam_at_end(from);
        self.joins -= 1;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fold::fold;

    /// Knows the words of the cases.
    struct Some;

    impl Known for Some {
        fn latin(&self, word: &[char]) -> bool {
            let words = [
                "police", "dept", "break", "your", "leg", "will", "regret", "this", "idiot", "stupid",
                "moron", "arrest", "killer", "asshole", "loser", "kill", "you",
            ];
            words.contains(&&*word.iter().collect::<String>())
        }

        fn respelled(&self, _: &[char]) -> Option<&[char]> {
            None
        }
    }

    #[test]
    fn latin_is_put_back_together() {
        let check = |text: &str, expected: &str| {
            let folded = fold(text);
            let all = variants(&folded, &Some, &mut Oddities::default());
            let found: Vec<String> = all
                .iter()
                .map(|v| v.chars.iter().collect::<String>().trim().to_owned())
                .collect();
            assert!(found.iter().any(|f| f == expected), "{text}: {found:?}");
        };
        check("p.o.l.i.c.e d.e.p.t.", "police dept .");
        check("b r e a k  y o u r  l e g", "break your leg");
        check("u w1ll r3gr3t th1s", "u will regret this");
        check("you id1ot", "you idiot");
        check("stup1d m0r0n", "stupid moron");
        check("we will ar rest you", "we will arrest you");
        check("ki11er", "killer");
        check("a$$hole", "asshole");
        check("石皮了门", "破了门");
        check("loooser", "loser");
        check("k-i-l-l you", "kill you");
        check("your arre5+", "your arrest");
        check("we ki||", "we kill");
        check("+h1s p0l!ce", "this police");
        check("aaarrreeesttt", "arrest");
    }

    #[test]
    fn plain_text_has_one_reading() {
        let check = |text: &str| {
            let folded = fold(text);
            assert!(
                variants(&folded, &Some, &mut Oddities::default()).is_empty(),
                "{text}"
            );
        };
        check("please pay before the 5 of may");
        check("您好,请于8月5日前还款1200元,谢谢。");
    }
}
