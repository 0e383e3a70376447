//! Chinese by its sound: pinyin among or instead of Chinese characters, single digits, and characters that usually do
//! not stand beside each other, which is what homophones leave behind.

use std::ops::Range;

use crate::policy::fold::tables::{READINGS, USUAL, english, stands_alone};
use crate::policy::fold::{Folded, Oddities, is_han};

/// What one syllable of a reading by sound is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A Han character.
    Han,
    /// Latin letters that are a whole syllable.
    Latin,
    /// One Latin letter that may stand for a syllable.
    Initial,
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
    /// It is a Han character that usually does not follow the one before, and no word ends between the two.
    pub(crate) odd_before: bool,
    /// It is a Han character that fits neither neighbour.
    pub(crate) lonely: bool,
    /// It is a Han character that usually follows the one before.
    pub(crate) fits_before: bool,
    /// The next character usually follows it.
    pub(crate) fits_after: bool,
    start: u32,
    end: u32,
}

/// Text by its sound, one stand-in character for each syllable.
#[derive(Default)]
pub(crate) struct Sounds {
    /// Stand-ins.
    pub(crate) chars: Vec<char>,
    /// For each the first Latin letter of the syllable, or a blank.
    pub(crate) initials: Vec<char>,
    /// The syllables, in order.
    pub(crate) syllables: Vec<Syllable>,
}

impl Sounds {
    fn push(&mut self, sound: char, initial: char, syllable: Syllable) {
        self.chars.push(sound);
        self.initials.push(initial);
        self.syllables.push(syllable);
    }

    fn part(&mut self, at: usize) {
        if self.syllables.last().is_none_or(|s| s.source != Source::Break) {
            self.push(' ', ' ', syllable(' ', Source::Break, at..at));
        }
    }
}

fn syllable(written: char, source: Source, span: Range<usize>) -> Syllable {
    Syllable {
        written,
        source,
        odd_before: false,
        lonely: false,
        fits_before: false,
        fits_after: false,
        start: span.start as u32,
        end: span.end as u32,
    }
}

/// The folded bytes of consecutive syllables.
pub(crate) fn span_of(syllables: &[Syllable]) -> Range<usize> {
    let start = syllables.first().map_or(0, |s| s.start as usize);
    start..syllables.last().map_or(start, |s| s.end as usize)
}

/// How many characters around an odd place the text is read by its sound.
const AROUND: usize = 7;

/// The text by its sound around its odd places: Latin that reads as pinyin, a digit among Han characters, one or a few
/// Latin letters beside Han characters, Han characters that do not fit together. `None` for most texts.
pub(crate) fn sounds(folded: &Folded, oddities: &mut Oddities) -> Option<Sounds> {
    let chars = folded.chars();
    let mut odd = odd_places(chars);
    let latin = latin_runs(chars);
    if odd.is_empty() && latin.runs.is_empty() && latin.shortened.is_empty() {
        return None;
    }
    if !latin.runs.is_empty() {
        oddities.add(Oddities::PINYIN);
    }
    if !odd.is_empty() {
        oddities.add(Oddities::HOMOPHONE);
    }
    for run in latin.runs.iter().chain(&latin.shortened) {
        odd.push(run.start as u32);
        odd.push(run.end as u32);
    }
    odd.sort_unstable();
    Some(stream(folded, &odd, &latin))
}

fn stream(folded: &Folded, odd: &[u32], latin: &Latin) -> Sounds {
    let chars = folded.chars();
    let mut out = Sounds::default();
    let mut runs = latin.runs.iter().peekable();
    let mut shortened = latin.shortened.iter().peekable();
    let mut places = 0;
    let mut at = 0;
    let byte = |i: usize| {
        folded
            .starts()
            .get(i)
            .map_or(folded.text().len(), |s| *s as usize)
    };
    while at < chars.len() {
        if let Some(run) = runs.next_if(|r| r.start == at) {
            spell(&chars[run.clone()], byte(at), &mut out);
            at = run.end;
            continue;
        }
        let c = chars[at];
        let span = byte(at)..byte(at + 1);
        while odd.get(places).is_some_and(|o| *o as usize + AROUND < at) {
            places += 1;
        }
        let near = odd.get(places).is_some_and(|o| *o as usize <= at + AROUND);
        if shortened.peek().is_some_and(|r| r.contains(&at)) {
            out.push(' ', c, syllable(c, Source::Initial, span));
            shortened.next_if(|r| r.end == at + 1);
        } else if !near {
            out.part(span.start);
        } else if is_han(c) {
            match READINGS.of(c) {
                Some(sound) => {
                    let (before, after) = (neighbour(chars, at.wrapping_sub(1)), neighbour(chars, at + 1));
                    let fits = |a: char, b: char| is_han(a) && is_han(b) && USUAL.pair(a, b);
                    let mut own = syllable(c, Source::Han, span);
                    own.odd_before = at > 0 && odd_joint(chars, at - 1);
                    (own.fits_before, own.fits_after) = (fits(before, c), fits(c, after));
                    own.lonely = !own.fits_before && !own.fits_after && !stands_alone(c);
                    out.push(sound, super::initial(c).unwrap_or(' '), own);
                }
                None => out.part(span.start),
            }
        } else if c.is_ascii_digit() && odd.binary_search(&(at as u32)).is_ok() {
            let sound = digit_name(c).and_then(|n| READINGS.named(n));
            out.push(sound.unwrap_or(' '), ' ', syllable(c, Source::Digit, span));
        } else if c != ' ' {
            out.part(span.start);
        }
        at += 1;
    }
    out
}

fn neighbour(chars: &[char], at: usize) -> char {
    chars.get(at).copied().unwrap_or('\n')
}

fn digit_name(c: char) -> Option<&'static str> {
    let names = ["ling", "yi", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu"];
    names.get(c.to_digit(10)? as usize).copied()
}

/// Whether the characters at `at` and after it usually do not stand together, and it is not just that one word ends and
/// another begins there.
fn odd_joint(chars: &[char], at: usize) -> bool {
    let (left, right) = (chars[at], neighbour(chars, at + 1));
    if !is_han(left) || !is_han(right) || USUAL.pair(left, right) {
        return false;
    }
    let before = neighbour(chars, at.wrapping_sub(1));
    let after = neighbour(chars, at + 2);
    let left_fits = stands_alone(left) || is_han(before) && USUAL.pair(before, left);
    // A character that ends its row may stand alone: 校友|卡.
    let right_fits = stands_alone(right) || !is_han(after) || USUAL.pair(right, after);
    !(left_fits && right_fits)
}

/// Han characters after which an odd joint comes, and single digits among Han characters.
fn odd_places(chars: &[char]) -> Vec<u32> {
    let mut out = Vec::new();
    let mut before = false;
    for at in 0..chars.len() {
        let here = is_han(chars[at]);
        if here {
            if before && odd_joint(chars, at - 1) {
                out.push(at as u32);
            }
        } else if before && chars[at].is_ascii_digit() {
            let (left, right) = (chars[at - 1], neighbour(chars, at + 1));
            if is_han(right) && left != '第' && !counted(right) {
                out.push(at as u32);
            }
        }
        before = here;
    }
    out
}

/// Characters that are counted, so that a digit before them is a number.
fn counted(c: char) -> bool {
    "天日月年期元个次笔份折号周小时点分楼万千百位条张套项类档级倍成单户口栋室层岁人名家部台辆件块角代"
        .contains(c)
}

/// Latin among which Chinese may hide.
#[derive(Default)]
struct Latin {
    /// Letters and blanks that read as pinyin: at least three syllables, or fewer beside Han characters, and not English.
    runs: Vec<Range<usize>>,
    /// Up to five letters beside Han characters that are no word: initials.
    shortened: Vec<Range<usize>>,
}

/// Letters that stand in Chinese texts for themselves.
const ITSELF: &[&str] = &[
    "app", "atm", "sms", "vip", "pos", "otp", "pin", "cvv", "id", "ok", "pc", "tv", "qq", "vx", "wx", "no",
    "hr", "it", "ceo", "etc", "ktv", "suv", "usb", "gps", "ems", "sim", "kyc", "aum", "pdf", "url", "http",
    "https", "www", "com", "usd", "rmb", "cny", "hkd", "twd", "nt", "hk", "tw", "uk", "us", "eu", "am", "pm",
    "td", "tel", "fax", "mr", "ms",
];

fn latin_runs(chars: &[char]) -> Latin {
    let mut out = Latin::default();
    let mut has_han = false;
    let mut letters = 0;
    for c in chars {
        has_han |= is_han(*c);
        letters += usize::from(c.is_ascii_lowercase());
    }
    if letters == 0 || !has_han && mostly_english(chars) {
        return out;
    }
    let mut at = 0;
    let mut run: Option<Run> = None;
    while at < chars.len() {
        if !chars[at].is_ascii_lowercase() {
            if chars[at] != ' ' && chars[at] != '\'' {
                close(run.take(), chars, &mut out);
            }
            at += 1;
            continue;
        }
        let length = chars[at..].iter().take_while(|c| c.is_ascii_lowercase()).count();
        let end = at + length;
        // A tone written as a digit.
        let toned = matches!(neighbour(chars, end), '1'..='5') && !neighbour(chars, end + 1).is_ascii_digit();
        let next = end + usize::from(toned);
        let beside_digit =
            !toned && neighbour(chars, next).is_ascii_digit() || at > 0 && chars[at - 1].is_ascii_digit();
        let parts = if beside_digit {
            None
        } else {
            count(&chars[at..end])
        };
        match parts {
            Some(parts) => {
                let run = run.get_or_insert(Run {
                    range: at..end,
                    count: 0,
                    foreign: 0,
                    english: 0,
                });
                run.range.end = next;
                run.count += parts;
                if length <= 6 && english(&chars[at..end]) {
                    run.english += 1
                } else {
                    run.foreign += 1
                }
            }
            None => {
                close(run.take(), chars, &mut out);
                short_run(chars, at..end, &mut out);
            }
        }
        at = next;
    }
    close(run, chars, &mut out);
    if !has_han {
        // English words read as pinyin by chance; a text in pinyin is in pinyin throughout.
        let read: usize = out.runs.iter().map(Range::len).sum();
        if read * 2 < letters {
            out.runs.clear();
        }
        out.shortened.clear();
    }
    out
}

/// Keeps a run of few letters beside a Han character.
fn short_run(chars: &[char], range: Range<usize>, out: &mut Latin) {
    let before = neighbour(chars, range.start.wrapping_sub(1));
    let after = neighbour(chars, range.end);
    let apart =
        |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '/' | '@' | '_' | ':' | '&' | '\'');
    if range.len() > 5 || !apart(before) || !apart(after) || !(is_han(before) || is_han(after)) {
        return;
    }
    let word = &chars[range.clone()];
    let itself = ITSELF.iter().any(|w| w.chars().eq(word.iter().copied()));
    if !itself && (word.len() <= 2 || !english(word)) {
        out.shortened.push(range);
    }
}

/// Whether most words of a text without Han characters are short English words.
fn mostly_english(chars: &[char]) -> bool {
    let (mut known, mut all) = (0, 0);
    for word in chars.split(|c| !c.is_ascii_lowercase()).filter(|w| !w.is_empty()) {
        known += usize::from(word.len() <= 6 && english(word));
        all += 1;
    }
    known * 2 > all
}

struct Run {
    range: Range<usize>,
    count: usize,
    foreign: usize,
    english: usize,
}

fn close(run: Option<Run>, chars: &[char], out: &mut Latin) {
    let Some(run) = run else { return };
    let before = neighbour(chars, run.range.start.wrapping_sub(1));
    let after = neighbour(chars, run.range.end);
    let beside_han = is_han(before) || is_han(after);
    let enough = run.count >= 3 || beside_han && run.range.len() >= 2;
    if enough && run.foreign > 0 && run.foreign >= run.english / 2 {
        out.runs.push(run.range);
    } else if beside_han {
        short_run(chars, run.range, out);
    }
}

/// Longest word that is read as pinyin in one piece.
const LONGEST: usize = 120;

/// Ends of the syllables of a word, the longest first; 0 where the rest is none.
fn split(word: &[char], best: &mut [u8; LONGEST + 1]) -> bool {
    if word.len() > LONGEST {
        return false;
    }
    best[word.len()] = word.len() as u8;
    for at in (0..word.len()).rev() {
        best[at] = 0;
        for end in (at + 1..=word.len().min(at + 6)).rev() {
            if best[end] != 0 && READINGS.spelled(&word[at..end]).is_some() {
                best[at] = end as u8;
                break;
            }
        }
    }
    best[0] != 0
}

/// How many pinyin syllables a word is; `None` where it is none.
fn count(word: &[char]) -> Option<usize> {
    let mut best = [0; LONGEST + 1];
    if !split(word, &mut best) {
        return None;
    }
    let (mut at, mut count) = (0, 0);
    while at < word.len() {
        at = best[at] as usize;
        count += 1;
    }
    Some(count)
}

fn spell(run: &[char], base: usize, out: &mut Sounds) {
    let mut best = [0; LONGEST + 1];
    let mut start = 0;
    for word in run.split(|c| !c.is_ascii_lowercase()) {
        if split(word, &mut best) {
            let mut at = 0;
            while at < word.len() {
                let end = best[at] as usize;
                if let Some(sound) = READINGS.spelled(&word[at..end]) {
                    let span = base + start + at..base + start + end;
                    out.push(sound, word[at], syllable(' ', Source::Latin, span));
                }
                at = end;
            }
        }
        start += word.len() + 1;
    }
}

/// How a word of the lexicon may sound: one stand-in text for each combination of readings, at most eight.
pub(crate) fn spoken(word: &[char]) -> Vec<Vec<char>> {
    let mut out = vec![Vec::with_capacity(word.len())];
    for c in word {
        let sounds: Vec<char> = READINGS.all(*c).collect();
        match &sounds[..] {
            [] => return Vec::new(),
            [one] => out.iter_mut().for_each(|so_far| so_far.push(*one)),
            _ => {
                let take = if out.len() * sounds.len() > 8 {
                    1
                } else {
                    sounds.len()
                };
                let longer = |so_far: &Vec<char>| -> Vec<Vec<char>> {
                    let with = |s: &char| so_far.iter().copied().chain([*s]).collect();
                    sounds[..take].iter().map(with).collect()
                };
                out = out.iter().flat_map(longer).collect();
            }
        }
    }
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fold::fold;

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
        check("加我Z账", true);
        check("打开app还款", false);
        assert_eq!(spoken(&['还', '钱']).len(), 3);
    }
}
