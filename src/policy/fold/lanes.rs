//! Second readings of folded text, each with a map back to it: Latin letters put back together and out of leetspeak,
//! Chinese characters put back together from their parts, and Chinese by its sound. Each lane exists only where the text
//! looks odd enough for it, and each byte knows whether it differs from the text as written. Called by the matcher.

use std::ops::Range;

use super::tables::{READINGS, USUAL, english, joined, stands_alone};
use super::{Folded, Oddities, is_han};

/// A second reading as text.
pub(crate) struct Variant {
    /// The words so read.
    pub(crate) text: String,
    map: Vec<(u32, u32)>,
    /// This byte is not as written.
    changed: Vec<bool>,
    /// A separator was taken out before this byte, so a word may begin or end here.
    seam: Vec<bool>,
}

impl Variant {
    /// The folded bytes behind a range of this reading.
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

    /// Whether a Latin word may begin or end at this byte although letters stand on both sides.
    pub(crate) fn may_part(&self, at: usize) -> bool {
        self.seam.get(at).copied().unwrap_or(true)
    }

    fn push(&mut self, c: char, from: Range<usize>, changed: bool) {
        self.text.push(c);
        self.map
            .resize(self.text.len(), (from.start as u32, from.end as u32));
        self.changed.resize(self.text.len(), changed);
        self.seam.resize(self.text.len(), false);
    }
}

/// The second readings of a text: none for most, two where a digit may be either of two letters.
pub(crate) fn variants(folded: &Folded, oddities: &mut Oddities) -> Vec<Variant> {
    let text = folded.text();
    if !worth_reading_again(folded) {
        return Vec::new();
    }
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut first = Reader::new(folded, &chars, false);
    first.read();
    if !first.found_any {
        return Vec::new();
    }
    oddities.add(first.oddities);
    let mut out = Vec::with_capacity(2);
    if first.ambiguous {
        let mut second = Reader::new(folded, &chars, true);
        second.read();
        out.push(second.out);
    }
    out.push(first.out);
    out
}

/// A quick look: something that one of the readings could change.
fn worth_reading_again(folded: &Folded) -> bool {
    let bytes = folded.text().as_bytes();
    let mut before = b' ';
    let mut letters = 0usize;
    let mut short_words = 0usize;
    for (i, b) in bytes.iter().enumerate() {
        let b = *b;
        if b.is_ascii_lowercase() {
            letters += 1;
            if before.is_ascii_digit()
                || matches!(before, b'@' | b'$' | b'|')
                || i >= 2 && bytes[i - 2] == b && before == b
            {
                return true;
            }
        } else {
            if (1..=6).contains(&letters) {
                let word = &folded.text()[i - letters..i];
                // Only a word in pieces is worth the trouble: two beside each other, one of them no word.
                if !english(word) && b != b'\n' {
                    return true;
                }
                short_words += 1;
            }
            if letters > 0
                && (b.is_ascii_digit() || b.is_ascii_punctuation())
                && bytes.get(i + 1).is_some_and(u8::is_ascii_lowercase)
            {
                return true;
            }
            letters = 0;
        }
        before = b;
    }
    (1..=6).contains(&letters) && short_words > 0 && !english(&folded.text()[bytes.len() - letters..])
        || splits_or_repeats(folded.text())
}

fn splits_or_repeats(text: &str) -> bool {
    let mut two = [' '; 2];
    for c in text.chars() {
        if is_han(c) {
            if two[1] == c && two[0] == c {
                return true;
            }
            if is_han(two[1]) && !USUAL.pair(two[1], c) && joined(two[1], c).is_some() {
                return true;
            }
        }
        two = [two[1], c];
    }
    false
}

struct Reader<'t> {
    folded: &'t Folded,
    chars: &'t [(usize, char)],
    /// Of two possible readings the second.
    second: bool,
    out: Variant,
    found_any: bool,
    ambiguous: bool,
    oddities: Oddities,
}

impl<'t> Reader<'t> {
    fn new(folded: &'t Folded, chars: &'t [(usize, char)], second: bool) -> Reader<'t> {
        let room = folded.text().len();
        Reader {
            folded,
            chars,
            second,
            out: Variant {
                text: String::with_capacity(room),
                map: Vec::with_capacity(room),
                changed: Vec::with_capacity(room),
                seam: Vec::with_capacity(room),
            },
            found_any: false,
            ambiguous: false,
            oddities: Oddities::default(),
        }
    }

    fn c(&self, i: usize) -> char {
        self.chars.get(i).map_or('\n', |(_, c)| *c)
    }

    fn span(&self, i: usize) -> Range<usize> {
        let (at, c) = self.chars[i];
        at..at + c.len_utf8()
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
            } else if c.is_ascii_alphanumeric() && !self.c(i.wrapping_sub(1)).is_ascii_alphanumeric() {
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
            if next == i + 1 || !single(next) {
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
            let from = self.out.text.len();
            if n > 0 {
                let gap = self.chars[*i - 1].0;
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
        let last = self.out.text.len() - 1;
        self.seam_at_end(last);
        if self.c(end) == ' ' {
            Some(end + 1)
        } else {
            Some(end)
        }
    }

    fn leet(&mut self, c: char) -> Option<char> {
        let second = self.second;
        let mut either = |a, b| {
            self.ambiguous = true;
            if second { b } else { a }
        };
        Some(match c {
            '0' => 'o',
            '1' | '!' => either('i', 'l'),
            '|' => 'l',
            '3' | '€' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '6' => 'g',
            '7' | '+' => 't',
            '8' => 'b',
            '9' => 'g',
            '2' => 'z',
            _ => return None,
        })
    }

    /// A Latin word with what is written inside it, up to a blank, a Han character or the end.
    fn token(&mut self, start: usize) -> usize {
        let part = |c: char| {
            !c.is_whitespace()
                && !is_han(c)
                && !matches!(c, ',' | '。' | '(' | ')' | '【' | '】' | '"' | '“' | '”' | ':')
        };
        let mut end = start;
        while part(self.c(end)) {
            end += 1;
        }
        // A full stop or exclamation mark at the end belongs to the sentence.
        while end > start && !self.c(end - 1).is_alphanumeric() && !matches!(self.c(end - 1), '$' | '@') {
            end -= 1;
        }
        let end = end.max(start + 1);
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
                let from = self.out.text.len();
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

    /// `ar rest`, `kil l`: leaves out the blank after a word where one of the two pieces is no word.
    fn join_pieces(&mut self, start: usize, end: usize) -> usize {
        let word = |from: usize| -> String {
            (from..from + 8)
                .map(|i| self.c(i))
                .take_while(char::is_ascii_lowercase)
                .collect()
        };
        let before = word(start);
        if self.c(end) != ' ' || before.len() != end - start || before.len() > 7 {
            return end;
        }
        let after = word(end + 1);
        let ends_well = !self.c(end + 1 + after.len()).is_ascii_alphanumeric();
        let broken = |w: &str| w.len() <= 6 && !english(w);
        if after.is_empty() || after.len() > 7 || !ends_well || !(broken(&before) || broken(&after)) {
            return end;
        }
        self.found_any = true;
        let from = self.out.text.len();
        let next = self.spelled(end + 1).unwrap_or_else(|| self.token(end + 1));
        self.seam_at_end(from);
        next
    }
}

/// What one syllable of a reading by sound is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A Han character that fits its neighbours.
    Usual,
    /// A Han character that usually does not stand beside its neighbours.
    Odd,
    /// Latin letters.
    Latin,
    /// A digit.
    Digit,
    /// No syllable.
    Break,
}

/// One syllable, with the folded bytes it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Syllable {
    /// The character as written, where it is one.
    pub(crate) written: char,
    /// What it is made of.
    pub(crate) source: Source,
    start: u32,
    end: u32,
    /// Which byte of the stand-in text it begins at.
    at: u32,
}

/// Text by its sound, one stand-in character for each syllable.
pub(crate) struct Sounds {
    /// Stand-ins.
    pub(crate) text: String,
    /// The syllables, in order.
    pub(crate) syllables: Vec<Syllable>,
}

impl Sounds {
    /// The syllables of a byte range of the stand-in text.
    pub(crate) fn range(&self, bytes: &Range<usize>) -> &[Syllable] {
        let from = self.syllables.partition_point(|s| (s.at as usize) < bytes.start);
        let to = self.syllables.partition_point(|s| (s.at as usize) < bytes.end);
        &self.syllables[from..to]
    }

    fn push(&mut self, sound: char, written: char, source: Source, span: Range<usize>) {
        let at = self.text.len() as u32;
        self.text.push(sound);
        self.syllables.push(Syllable {
            written,
            source,
            start: span.start as u32,
            end: span.end as u32,
            at,
        });
    }

    fn part(&mut self, at: usize) {
        if self.syllables.last().is_none_or(|s| s.source != Source::Break) {
            self.push(' ', ' ', Source::Break, at..at);
        }
    }
}

/// The folded bytes of consecutive syllables.
pub(crate) fn span_of(syllables: &[Syllable]) -> Range<usize> {
    let start = syllables.first().map_or(0, |s| s.start as usize);
    start..syllables.last().map_or(start, |s| s.end as usize)
}

/// How far around an odd place the text is read by its sound.
const AROUND: usize = 4;

/// The text by its sound, where there is Latin that reads as pinyin, a digit among Han characters, or Han characters
/// that do not fit together. `None` for most texts.
pub(crate) fn sounds(folded: &Folded, oddities: &mut Oddities) -> Option<Sounds> {
    let text = folded.text();
    let mut odd = odd_places(text);
    let runs = pinyin_runs(text);
    if odd.is_empty() && runs.is_empty() {
        return None;
    }
    if !runs.is_empty() {
        oddities.add(Oddities::PINYIN);
    }
    if !odd.is_empty() {
        oddities.add(Oddities::HOMOPHONE);
    }
    odd.extend(runs.iter().map(|r| r.start as u32));
    odd.extend(runs.iter().map(|r| r.end as u32));
    odd.sort_unstable();
    Some(stream(text, &odd, &runs))
}

fn stream(text: &str, odd: &[u32], runs: &[Range<usize>]) -> Sounds {
    let mut out = Sounds {
        text: String::with_capacity(64),
        syllables: Vec::with_capacity(32),
    };
    let mut runs = runs.iter().peekable();
    let mut skip_to = 0;
    let mut places = 0;
    for (at, c) in text.char_indices() {
        if at < skip_to {
            continue;
        }
        if let Some(run) = runs.next_if(|r| r.start == at) {
            spell(&text[run.clone()], at, &mut out);
            skip_to = run.end;
            continue;
        }
        let reach = AROUND * 3 + 3;
        while odd.get(places).is_some_and(|o| *o as usize + reach < at) {
            places += 1;
        }
        let near = odd.get(places).is_some_and(|o| (*o as usize) <= at + reach);
        if !near {
            out.part(at);
        } else if is_han(c) {
            match READINGS.of(c) {
                Some(sound) => {
                    let source = if odd.binary_search(&(at as u32)).is_ok() {
                        Source::Odd
                    } else {
                        Source::Usual
                    };
                    out.push(sound, c, source, at..at + c.len_utf8());
                }
                None => out.part(at),
            }
        } else if c.is_ascii_digit() && odd.binary_search(&(at as u32)).is_ok() {
            let sound = digit_name(c).and_then(|n| READINGS.named(n));
            out.push(sound.unwrap_or(' '), c, Source::Digit, at..at + 1);
        } else if c != ' ' {
            out.part(at);
        }
    }
    out
}

fn digit_name(c: char) -> Option<&'static str> {
    let names = ["ling", "yi", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu"];
    names.get(c.to_digit(10)? as usize).copied()
}

/// Folded bytes of Han characters that do not fit their neighbours, and of single digits among Han characters.
fn odd_places(text: &str) -> Vec<u32> {
    let mut out = Vec::new();
    let mut window = [(0usize, '\n'); 2];
    let mut before_fits = true;
    for (at, c) in text.char_indices().chain([(text.len(), '\n')]) {
        let (mid_at, mid) = window[1];
        let left = window[0].1;
        if is_han(mid) {
            let fits_next = is_han(c) && USUAL.pair(mid, c);
            if !before_fits && !fits_next && !stands_alone(mid) {
                out.push(mid_at as u32);
            }
            before_fits = fits_next;
        } else {
            if mid.is_ascii_digit() && is_han(left) && is_han(c) && left != '第' && !counted(c) {
                out.push(mid_at as u32);
            }
            before_fits = false;
        }
        window = [window[1], (at, c)];
    }
    out
}

/// Characters that are counted, so that a digit before them is a number.
fn counted(c: char) -> bool {
    "天日月年期元个次笔份折号周小时点分楼万千百位条张套项类档级倍成单户口栋室层岁人名家部台辆件块角代"
        .contains(c)
}

/// Ranges of Latin letters and blanks that read as pinyin: at least three syllables, or fewer beside Han characters,
/// and not English.
fn pinyin_runs(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let has_han = bytes.iter().any(|b| (0xE4..=0xE9).contains(b));
    if !has_han && mostly_english(text) {
        return out;
    }
    let mut at = 0;
    let mut run: Option<Run> = None;
    while at < bytes.len() {
        if !bytes[at].is_ascii_lowercase() {
            if bytes[at] != b' ' {
                close(run.take(), text, &mut out);
            }
            at += 1;
            continue;
        }
        let mut end = at;
        while end < bytes.len() && bytes[end].is_ascii_lowercase() {
            end += 1;
        }
        let mut next = end;
        // Tones written as digits.
        while bytes.get(next).is_some_and(|b| matches!(b, b'1'..=b'5')) && next < end + 1 {
            next += 1;
        }
        let beside_digit =
            bytes.get(next).is_some_and(u8::is_ascii_digit) || at > 0 && bytes[at - 1].is_ascii_digit();
        let parts = if end - at <= 40 && !beside_digit {
            syllables(&text[at..end])
        } else {
            None
        };
        match parts {
            Some(parts) => {
                let word = &text[at..end];
                let run = run.get_or_insert(Run {
                    range: at..end,
                    count: 0,
                    foreign: 0,
                    english: 0,
                });
                run.range.end = next;
                run.count += parts.len();
                if end - at <= 6 && english(word) {
                    run.english += 1
                } else {
                    run.foreign += 1
                }
            }
            None => close(run.take(), text, &mut out),
        }
        at = next.max(end);
    }
    close(run, text, &mut out);
    if !has_han {
        // English words read as pinyin by chance; a text in pinyin is in pinyin throughout.
        let letters = text.bytes().filter(u8::is_ascii_lowercase).count();
        let read: usize = out.iter().map(Range::len).sum();
        if read * 2 < letters {
            out.clear();
        }
    }
    out
}

/// Whether most words of a text without Han characters are short English words.
fn mostly_english(text: &str) -> bool {
    let words = || {
        text.split(|c: char| !c.is_ascii_lowercase())
            .filter(|w| !w.is_empty())
    };
    let known = words().filter(|w| w.len() <= 6 && english(w)).count();
    known * 2 > words().count()
}

struct Run {
    range: Range<usize>,
    count: usize,
    foreign: usize,
    english: usize,
}

fn close(run: Option<Run>, text: &str, out: &mut Vec<Range<usize>>) {
    let Some(run) = run else { return };
    let beside_han = text[..run.range.start].chars().next_back().is_some_and(is_han)
        || text[run.range.end..].chars().next().is_some_and(is_han);
    let enough = run.count >= 3 || beside_han && run.range.len() >= 2;
    if enough && run.foreign > 0 && run.foreign >= run.english / 2 {
        out.push(run.range);
    }
}

/// A word as pinyin syllables, the longest first; `None` where it is none.
fn syllables(word: &str) -> Option<Vec<Range<usize>>> {
    let mut best: Vec<Option<usize>> = vec![None; word.len() + 1];
    best[word.len()] = Some(word.len());
    for at in (0..word.len()).rev() {
        let longest = (at + 1..=word.len().min(at + 6)).rev();
        for end in longest {
            if best[end].is_some() && READINGS.named(&word[at..end]).is_some() {
                best[at] = Some(end);
                break;
            }
        }
    }
    let mut out = Vec::new();
    let mut at = 0;
    while at < word.len() {
        let end = best[at]?;
        out.push(at..end);
        at = end;
    }
    Some(out)
}

fn spell(run: &str, base: usize, out: &mut Sounds) {
    let mut at = 0;
    for word in run.split([' ', '1', '2', '3', '4', '5']) {
        for part in syllables(word).unwrap_or_default() {
            if let Some(sound) = READINGS.named(&word[part.clone()]) {
                let span = base + at + part.start..base + at + part.end;
                out.push(sound, ' ', Source::Latin, span);
            }
        }
        at += word.len() + 1;
    }
}

/// How a word of the lexicon may sound: one stand-in text for each combination of readings, at most eight.
pub(crate) fn spoken(word: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    for c in word.chars() {
        let sounds: Vec<char> = READINGS.all(c).collect();
        if sounds.is_empty() {
            return Vec::new();
        }
        let take = if out.len() * sounds.len() > 8 {
            1
        } else {
            sounds.len()
        };
        out = out
            .iter()
            .flat_map(|so_far| {
                sounds.iter().take(take).map(move |s| {
                    let mut longer = so_far.clone();
                    longer.push(*s);
                    longer
                })
            })
            .collect();
    }
    out.sort();
    out.dedup();
    out
}

/// The Latin letter that a Chinese character may be shortened to: the first of its reading.
pub(crate) fn initial(c: char) -> Option<char> {
    super::tables::initial(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fold::fold;

    #[test]
    fn latin_is_put_back_together() {
        let check = |text: &str, expected: &str| {
            let folded = fold(text);
            let all = variants(&folded, &mut Oddities::default());
            let found: Vec<&str> = all.iter().map(|v| v.text.trim()).collect();
            assert!(found.contains(&expected), "{text}: {found:?}");
        };
        check("p.o.l.i.c.e d.e.p.t.", "police dept .");
        check("b r e a k  y o u r  l e g", "break your leg");
        check("u w1ll r3gr3t th1s", "u will regret this");
        check("you id1ot", "you idiot");
        check("stup1d m0r0n", "stupid moron");
        check("we will ar rest you", "we willarrest you");
        check("ki11er", "killer");
        check("a$$hole", "asshole");
        check("石皮了门", "破了门");
        check("loooser", "loser");
        check("k-i-l-l you", "kill you");
    }

    #[test]
    fn plain_text_has_one_reading() {
        let check = |text: &str| {
            let folded = fold(text);
            assert!(variants(&folded, &mut Oddities::default()).is_empty(), "{text}");
        };
        check("please pay before the 5 of may");
        check("您好,请于8月5日前还款1200元,谢谢。");
    }

    #[test]
    fn text_is_read_by_its_sound() {
        let check = |text: &str, expected: bool| {
            let folded = fold(text);
            assert_eq!(
                sounds(&folded, &mut Oddities::default()).is_some(),
                expected,
                "{text}"
            );
        };
        check("ni de shou", true);
        check("nideshou", true);
        check("发院的人", true);
        check("please call us today", false);
        check("we can pay on monday", false);
        check("请您尽快还款,谢谢。", false);
        assert_eq!(spoken("还钱").len(), 3);
    }
}
