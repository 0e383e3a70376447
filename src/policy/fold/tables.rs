//! Tables behind the fold, built once from the text files beside this one: what each character becomes, how Chinese
//! characters are read, which of them usually stand together, and which two parts make a third.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::{is_han, is_invisible, is_mark};

/// What one character of the Basic Multilingual Plane becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Becomes {
    /// Another character.
    Char(char),
    /// Nothing: an accent, a style.
    Mark,
    /// Nothing, and nobody sees it.
    Invisible,
    /// A blank.
    Blank,
    /// A line break.
    Line,
    /// Several characters, a digit of another script, or a picture: ask [`slow`].
    Slow,
}

const MARK: u32 = 0x11_0000;
const INVISIBLE: u32 = 0x11_0001;
const BLANK: u32 = 0x11_0002;
const LINE: u32 = 0x11_0003;
const SLOW: u32 = 0x11_0004;

static BMP: LazyLock<Vec<u32>> = LazyLock::new(|| (0..0x1_0000).map(entry).collect());

fn entry(code: u32) -> u32 {
    let Some(c) = char::from_u32(code) else {
        return MARK;
    };
    if matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}') {
        return LINE;
    }
    if is_invisible(c) {
        return INVISIBLE;
    }
    if is_mark(c) {
        return MARK;
    }
    if c.is_whitespace() {
        return BLANK;
    }
    if EMOJI.contains_key(&c) {
        return SLOW;
    }
    if is_han(c) {
        let plain = c.nfkd().next().unwrap_or(c);
        return u32::from(simplified(plain));
    }
    let folded: Vec<char> = letters(c).collect();
    match folded[..] {
        [] => MARK,
        [one] if one.is_whitespace() => BLANK,
        [one] => u32::from(one),
        _ => SLOW,
    }
}

/// What a character of the Basic Multilingual Plane becomes.
pub(super) fn becomes(c: char) -> Becomes {
    match BMP.get(c as usize).copied() {
        None | Some(SLOW) => Becomes::Slow,
        Some(MARK) => Becomes::Mark,
        Some(INVISIBLE) => Becomes::Invisible,
        Some(BLANK) => Becomes::Blank,
        Some(LINE) => Becomes::Line,
        Some(code) => char::from_u32(code).map_or(Becomes::Mark, Becomes::Char),
    }
}

/// The letters that a character stands for: compatibility forms taken apart, accents dropped, lower case, look-alikes
/// and digits of other scripts replaced.
pub(super) fn letters(c: char) -> impl Iterator<Item = char> {
    let boxed = boxed_letter(c);
    boxed
        .unwrap_or(c)
        .nfkd()
        .filter(|d| !is_mark(*d))
        .flat_map(char::to_lowercase)
        .filter(|d| !is_mark(*d))
        .map(|d| if is_han(d) { simplified(d) } else { d })
        .map(|d| LOOKALIKES.get(&d).copied().or_else(|| digit(d)).unwrap_or(d))
        .collect::<Vec<char>>()
        .into_iter()
}

/// The word that a picture stands for: among Chinese characters, and among Latin letters.
pub(super) fn picture(c: char) -> Option<&'static (&'static str, &'static str)> {
    EMOJI.get(&c)
}

/// Letters in boxes and circles that no compatibility form takes apart, and the letters of flags.
fn boxed_letter(c: char) -> Option<char> {
    let letter = |base: u32| char::from_u32(u32::from('a') + (c as u32 - base));
    match c {
        '\u{1F130}'..='\u{1F149}' => letter(0x1F130),
        '\u{1F150}'..='\u{1F169}' => letter(0x1F150),
        '\u{1F170}'..='\u{1F189}' => letter(0x1F170),
        '\u{1F1E6}'..='\u{1F1FF}' => letter(0x1F1E6),
        '\u{2776}'..='\u{277E}' => char::from_u32(u32::from('1') + (c as u32 - 0x2776)),
        '\u{2780}'..='\u{2788}' => char::from_u32(u32::from('1') + (c as u32 - 0x2780)),
        '\u{278A}'..='\u{2792}' => char::from_u32(u32::from('1') + (c as u32 - 0x278A)),
        _ => None,
    }
}

/// First characters of the decimal digits of other scripts (Unicode category Nd).
const ZEROS: &[u32] = &[
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0,
    0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xAA50, 0xABF0,
];

fn digit(c: char) -> Option<char> {
    let code = c as u32;
    let zero = ZEROS.iter().find(|z| (**z..**z + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

static EMOJI: LazyLock<HashMap<char, (&'static str, &'static str)>> = LazyLock::new(|| {
    let lines = include_str!("emoji.txt").lines().filter(|l| !l.starts_with('#'));
    let mut table = HashMap::new();
    for line in lines {
        let mut fields = line.splitn(3, ' ');
        if let (Some(picture), Some(zh), Some(en)) = (fields.next(), fields.next(), fields.next())
            && let Some(first) = picture.chars().next()
        {
            // Of a family or a profession the first figure decides.
            table.entry(first).or_insert((zh, en));
        }
    }
    table
});

static LOOKALIKES: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    for line in include_str!("lookalikes.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
    {
        let mut chars = line.chars();
        while let (Some(from), Some(to)) = (chars.next(), chars.next()) {
            table.insert(from, to);
        }
    }
    table
});

/// The simplified form of a character, where it has one.
pub(super) fn simplified(c: char) -> char {
    match (c as usize).checked_sub(0x4E00).and_then(|i| SIMPLIFIED.get(i)) {
        Some(s) => *s,
        None => c,
    }
}

/// Two writings of one word that are both in use, the rarer first.
const VARIANTS: &str = "帳账帐账賬账妳你祢你牠它衹只隻只";

/// Traditional to simplified, indexed from U+4E00. The pairs are those of OpenCC (Apache-2.0), first choice each.
static SIMPLIFIED: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut table: Vec<char> = ('\u{4E00}'..='\u{9FFF}').collect();
    for line in include_str!("traditional.txt").lines().chain([VARIANTS]) {
        let mut chars = line.chars();
        while let (Some(from), Some(to)) = (chars.next(), chars.next()) {
            if let Some(slot) = table.get_mut((from as usize).wrapping_sub(0x4E00)) {
                *slot = to;
            }
        }
    }
    table
});

/// Readings of Chinese characters without tones, and the reverse.
pub(super) struct Readings {
    first: Vec<u16>,
    more: HashMap<char, Vec<u16>>,
    by_name: HashMap<&'static str, u16>,
    /// The same by letters, in a table of its own with free places; 0 for none.
    by_letters: Vec<(u32, u16)>,
    initials: Vec<u8>,
}

/// A syllable is carried as one character of a small alphabet of its own, which only the automaton of sounds reads.
const SYLLABLES: u32 = 0x0100;

pub(super) static READINGS: LazyLock<Readings> = LazyLock::new(|| {
    let mut readings = Readings {
        first: vec![0; 0x5200],
        more: HashMap::new(),
        by_name: HashMap::new(),
        by_letters: vec![(0, 0); 2048],
        initials: vec![0; 0x5200],
    };
    let mut ids: HashMap<String, u16> = HashMap::new();
    for line in include_str!("pinyin.txt").lines().filter(|l| !l.starts_with('#')) {
        let mut fields = line.split(' ');
        let (Some(name), Some(first), Some(more)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let next = ids.len() as u16 + 1;
        let id = *ids.entry(blurred(name)).or_insert(next);
        readings.by_name.insert(name, id);
        let letters: Vec<char> = name.chars().collect();
        let key = packed(&letters);
        let mut at = place(key);
        while readings.by_letters[at].0 != 0 {
            at = (at + 1) % readings.by_letters.len();
        }
        readings.by_letters[at] = (key, id);
        for c in first.chars().filter(|c| *c != '-') {
            if let Some(slot) = readings.first.get_mut((c as usize).wrapping_sub(0x4E00)) {
                *slot = id;
            }
            if let Some(slot) = readings.initials.get_mut((c as usize).wrapping_sub(0x4E00)) {
                *slot = name.as_bytes()[0];
            }
        }
        for c in more.chars().filter(|c| *c != '-') {
            readings.more.entry(c).or_default().push(id);
        }
    }
    readings
});

/// Up to six small letters as one number, never 0.
fn packed(letters: &[char]) -> u32 {
    letters
        .iter()
        .fold(0, |so_far, c| so_far << 5 | (*c as u32 - 'a' as u32 + 1) & 31)
}

fn place(key: u32) -> usize {
    (key.wrapping_mul(0x9E37_79B1) >> 21) as usize
}

/// Sounds that many speakers do not part, and writers swap on purpose: `zh` and `z`, `ch` and `c`, `sh` and `s`.
fn blurred(syllable: &str) -> String {
    let mut s = syllable.to_owned();
    for (from, to) in [("zh", "z"), ("ch", "c"), ("sh", "s")] {
        if let Some(rest) = s.strip_prefix(from) {
            s = format!("{to}{rest}");
        }
    }
    s
}

impl Readings {
    /// The first reading of a character, as one stand-in character.
    pub(super) fn of(&self, c: char) -> Option<char> {
        let id = *self.first.get((c as usize).checked_sub(0x4E00)?)?;
        (id != 0).then(|| stand_in(id))
    }

    /// Every reading of a character, the first one first.
    pub(super) fn all(&self, c: char) -> impl Iterator<Item = char> {
        let more = self.more.get(&c).map_or(&[][..], Vec::as_slice);
        self.of(c)
            .into_iter()
            .chain(more.iter().take(2).map(|id| stand_in(*id)))
    }

    /// The stand-in of a syllable of small Latin letters.
    pub(super) fn spelled(&self, letters: &[char]) -> Option<char> {
        if letters.len() > 6 {
            return None;
        }
        let key = packed(letters);
        let mut at = place(key);
        loop {
            match self.by_letters[at] {
                (0, _) => return None,
                (found, id) if found == key => return Some(stand_in(id)),
                _ => at = (at + 1) % self.by_letters.len(),
            }
        }
    }

    /// The stand-in of a syllable written in Latin letters.
    pub(super) fn named(&self, syllable: &str) -> Option<char> {
        self.by_name.get(syllable).map(|id| stand_in(*id))
    }
}

/// The first letter of a character's reading.
pub(super) fn initial(c: char) -> Option<char> {
    let letter = *READINGS.initials.get((c as usize).checked_sub(0x4E00)?)?;
    (letter != 0).then(|| char::from(letter))
}

fn stand_in(id: u16) -> char {
    char::from_u32(SYLLABLES + u32::from(id)).unwrap_or(' ')
}

/// Pairs of characters that stand together in words in common use, as a filter that forgets nothing and sometimes
/// remembers too much (about one pair in forty).
pub(super) struct Usual(Vec<u64>);

pub(super) static USUAL: LazyLock<Usual> = LazyLock::new(|| {
    let mut usual = Usual(vec![0; USUAL_BITS / 64]);
    for line in include_str!("usual.txt").lines().filter(|l| !l.starts_with('#')) {
        let mut chars = line.chars();
        let Some(first) = chars.next() else { continue };
        for second in chars {
            for bit in bits(first, second) {
                usual.0[bit / 64] |= 1 << (bit % 64);
            }
        }
    }
    usual
});

const USUAL_BITS: usize = 1 << 20;

fn bits(a: char, b: char) -> [usize; 2] {
    let key = (u64::from(a as u32) << 21) | u64::from(b as u32);
    let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    [
        (mixed >> 44) as usize % USUAL_BITS,
        (mixed >> 20) as usize % USUAL_BITS,
    ]
}

impl Usual {
    /// Whether the two characters usually stand together.
    pub(super) fn pair(&self, a: char, b: char) -> bool {
        bits(a, b)
            .iter()
            .all(|bit| self.0[bit / 64] & (1 << (bit % 64)) != 0)
    }
}

/// Characters that stand alone in any sentence, whatever is beside them.
const ALONE: &str = "的了是我你您他她它在和与或及也都就还将会要请于不未已被把给从到向对为有无个这那此本该之其以可能由后前内日月年元期款吧吗呢啊先再又只很太最更每各某第共约让使叫去来上下中里外并且但若如则因所等时点分号位名人万千百十一二三四五六七八九零两几";

/// What is known of a character of the Basic Multilingual Plane at one look.
static TRAITS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut traits = vec![0; 0x1_0000];
    let mut set = |c: char, trait_of: u8| {
        if let Some(slot) = traits.get_mut(c as usize) {
            *slot |= trait_of;
        }
    };
    ALONE.chars().for_each(|c| set(c, IS_ALONE));
    SPLITS.keys().for_each(|(left, _)| set(*left, IS_LEFT));
    traits
});

const IS_ALONE: u8 = 1;
const IS_LEFT: u8 = 2;

fn has_trait(c: char, asked: u8) -> bool {
    TRAITS.get(c as usize).is_some_and(|t| t & asked != 0)
}

/// Whether a character needs no neighbour.
pub(super) fn stands_alone(c: char) -> bool {
    has_trait(c, IS_ALONE)
}

static SPLITS: LazyLock<HashMap<(char, char), char>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    for line in include_str!("splits.txt").lines().filter(|l| !l.starts_with('#')) {
        let mut chars = line.chars();
        while let (Some(a), Some(b), Some(c)) = (chars.next(), chars.next(), chars.next()) {
            table.insert((simplified(a), simplified(b)), simplified(c));
            if let Some((_, full)) = RADICALS.iter().find(|(r, _)| *r == a) {
                table.entry((*full, simplified(b))).or_insert(simplified(c));
            }
        }
    }
    table
});

/// Radicals and the full characters that writers put in their place.
const RADICALS: &[(char, char)] = &[
    ('讠', '言'),
    ('钅', '金'),
    ('亻', '人'),
    ('氵', '水'),
    ('扌', '手'),
    ('纟', '丝'),
    ('饣', '食'),
    ('犭', '犬'),
    ('忄', '心'),
    ('衤', '衣'),
    ('礻', '示'),
    ('刂', '刀'),
];

/// Whether a character can be the left part of a taken-apart one; a cheap first question.
pub(super) fn may_join(a: char) -> bool {
    has_trait(a, IS_LEFT)
}

/// The character that two parts beside each other make.
pub(super) fn joined(a: char, b: char) -> Option<char> {
    SPLITS.get(&(a, b)).copied()
}

/// Short English words as a filter; about one other word in a thousand passes too.
static ENGLISH: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let lines = include_str!("english.txt")
        .lines()
        .filter(|l| !l.starts_with('#'));
    let mut filter = vec![0u64; ENGLISH_BITS / 64];
    for word in lines.flat_map(|l| l.split(' ')).chain(["a", "i"]) {
        for bit in word_bits(word.chars()) {
            filter[bit / 64] |= 1 << (bit % 64);
        }
    }
    filter
});

const ENGLISH_BITS: usize = 1 << 18;

/// FNV-1a over the bytes, cut into two.
fn word_bits(word: impl Iterator<Item = char>) -> [usize; 2] {
    let mix = |hash: u64, c: char| (hash ^ u64::from(c)).wrapping_mul(0x0100_0000_01B3);
    let hash = word.fold(0xCBF2_9CE4_8422_2325, mix);
    [
        (hash >> 40) as usize % ENGLISH_BITS,
        (hash >> 8) as usize % ENGLISH_BITS,
    ]
}

/// Whether a short Latin word is English in common use.
pub(super) fn english(word: &[char]) -> bool {
    word_bits(word.iter().copied())
        .iter()
        .all(|bit| ENGLISH[bit / 64] & (1 << (bit % 64)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_become_what_readers_see() {
        let check = |c: char, expected: &str| assert_eq!(letters(c).collect::<String>(), expected, "{c}");
        check('Ａ', "a");
        check('ﬁ', "fi");
        check('é', "e");
        check('а', "a");
        check('٣', "3");
        check('🅿', "p");
        check('帳', "账");
        assert_eq!(becomes('，'), Becomes::Char(','));
        assert_eq!(becomes('\u{200B}'), Becomes::Invisible);
    }

    #[test]
    fn characters_are_read_and_known() {
        assert_eq!(READINGS.of('法'), READINGS.named("fa"));
        assert!(READINGS.all('还').any(|r| Some(r) == READINGS.named("huan")));
        assert_eq!(READINGS.named("zhang"), READINGS.named("zang"));
        assert!(USUAL.pair('法', '院'));
        assert_eq!(joined('车', '专'), Some('转'));
        assert_eq!(joined('氵', '去'), Some('法'));
        assert!(english(&['p', 'a', 'y']) && !english(&['a', 'r']));
    }
}
