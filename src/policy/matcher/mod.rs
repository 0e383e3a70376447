//! All lexicons compiled together: one automaton over every word for text as written and put back together, one over
//! their sounds, and the patterns made of word groups. No regular expression runs; what is not woken by a word costs
//! nothing. `guard` asks for the places where an entry's words stand, excuses considered.

mod compile;
mod judge;
mod tokens;

use std::ops::Range;

use daachorse::CharwiseDoubleArrayAhoCorasick;

use super::error::PolicyError;
use super::fold::{Folded, Oddities};
use super::lexicon::Entry;

/// Word groups that detectors fill: names of the people involved, numbers, money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Builtin {
    /// The first character of a part, before any word.
    Start = 0,
    /// The creditor's name.
    Creditor,
    /// The sender's own name.
    Sender,
    /// The holder of an account that may be named.
    Holder,
    /// A sum of money.
    Money,
    /// A share: `40%`, `六折`.
    Percent,
    /// Digits.
    Number,
    /// Digits that look like an account and are none that may be named.
    Account,
    /// An account that may be named.
    Authorised,
    /// A whole bank card number with a right check digit.
    Card,
    /// A whole identity number with a right check digit.
    IdNumber,
    /// An address of a wallet.
    Wallet,
    /// A name of letters and digits such as chats and wallets use.
    Handle,
    /// A telephone number.
    Phone,
    /// A link.
    Link,
    /// A link that hides where it leads.
    ShortLink,
    /// An e-mail address.
    Email,
}

impl Builtin {
    /// Their names in patterns, in order.
    pub const NAMES: [&'static str; 17] = [
        "@start",
        "@creditor",
        "@sender",
        "@holder",
        "@money",
        "@percent",
        "@number",
        "@account",
        "@authorised",
        "@card",
        "@id_number",
        "@wallet",
        "@handle",
        "@phone",
        "@link",
        "@short_link",
        "@email",
    ];
}

/// Something that a detector found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordMark {
    /// What it is.
    pub what: Builtin,
    /// Folded bytes.
    pub span: Range<usize>,
}

/// A place in the folded text where an entry's words stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Which entry, in the order handed in.
    pub entry: usize,
    /// Folded bytes.
    pub span: Range<usize>,
    /// Surroundings make it harmless.
    pub excused: bool,
    /// The words were hidden by leetspeak, spelling out, splitting or pinyin.
    pub disguised: bool,
    /// Some of the words are there by their sound only, which may be chance.
    pub by_sound: bool,
}

/// What one text holds.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Entries, excused ones too.
    pub hits: Vec<Hit>,
    /// Word groups that occur, by index.
    pub groups: Vec<u16>,
    /// Word hits that only a second reading found.
    pub disguised: u32,
    /// What is unusual about the writing.
    pub oddities: Oddities,
}

/// One word of the automaton.
#[derive(Debug)]
struct Word {
    chars: Box<[char]>,
    groups: Box<[u16]>,
    /// Entries of which it is a phrase.
    phrases: Box<[u32]>,
    /// The Latin word may go on.
    open: bool,
    /// The blanks of the phrase are left out: only where blanks were left out of the text.
    tight: bool,
    /// One character is shortened to its Latin initial.
    shortened: bool,
    /// It may be part of a name.
    in_names: bool,
}

/// One chain of a compiled pattern.
#[derive(Debug)]
struct Chain {
    part_wide: bool,
    /// Group and room before it.
    steps: Box<[(u16, u8)]>,
}

#[derive(Debug)]
struct Compiled {
    entry: u32,
    chains: Box<[Chain]>,
    /// Whether the part is meant, and the group that must not be there.
    without: Box<[(bool, u16)]>,
    required: Box<[u16]>,
}

#[derive(Debug, Default)]
struct Excuse {
    before: Vec<u16>,
    after: Vec<u16>,
    within: usize,
    clause: bool,
    sentence: Vec<u16>,
    message: Vec<u16>,
}

/// For each value of an automaton the words that have it, laid down one after the other.
#[derive(Debug, Default)]
struct Lists {
    ends: Vec<u32>,
    ids: Vec<WordId>,
}

/// Number of a word, with what must be known before the word itself is looked at.
#[derive(Debug, Clone, Copy)]
struct WordId(u32);

impl WordId {
    const OPEN: u32 = 1 << 31;
    const TIGHT: u32 = 1 << 30;
    const SHORTENED: u32 = 1 << 29;

    fn new(id: usize, word: &Word) -> WordId {
        let flag = |on: bool, bit: u32| if on { bit } else { 0 };
        WordId(
            id as u32
                | flag(word.open, Self::OPEN)
                | flag(word.tight, Self::TIGHT)
                | flag(word.shortened, Self::SHORTENED),
        )
    }

    fn id(self) -> u32 {
        self.0 & (Self::SHORTENED - 1)
    }

    fn is(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

impl Lists {
    fn of(&self, value: u32) -> &[WordId] {
        let at = value as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.ids[start..self.ends[at] as usize]
    }
}

/// All lexicons, compiled.
pub struct Lexicons {
    entries: Vec<Entry>,
    words: Vec<Word>,
    /// For each value of the automaton the words with these letters.
    spellings: Lists,
    automaton: Option<CharwiseDoubleArrayAhoCorasick<u32>>,
    /// For each value of the automaton of sounds the words that sound so.
    soundings: Lists,
    sounds: Option<CharwiseDoubleArrayAhoCorasick<u32>>,
    patterns: Vec<Compiled>,
    /// For each group the patterns that it wakes.
    woken_by: Vec<Vec<u32>>,
    group_names: Vec<String>,
    excuses: Vec<Excuse>,
    /// For each entry its excuses.
    unless: Vec<Vec<u16>>,
    /// The group of names that contain other words, and of what follows a name.
    names: Option<u16>,
    name_suffix: Option<u16>,
    faults: Vec<PolicyError>,
}

impl std::fmt::Debug for Lexicons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Lexicons({} entries, {} words, {} patterns)",
            self.entries.len(),
            self.words.len(),
            self.patterns.len()
        )
    }
}

impl Lexicons {
    /// Every entry, in the order handed in.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Names of the word groups by index: those of detectors begin with `@`, literals of patterns are in quotes.
    pub fn group_names(&self) -> &[String] {
        &self.group_names
    }

    /// Names of groups and surroundings that patterns use and no lexicon has.
    pub fn faults(&self) -> &[PolicyError] {
        &self.faults
    }

    /// Memory of the automata in bytes.
    pub fn heap_bytes(&self) -> usize {
        let of = |a: &Option<CharwiseDoubleArrayAhoCorasick<u32>>| a.as_ref().map_or(0, |a| a.heap_bytes());
        of(&self.automaton) + of(&self.sounds)
    }

    /// The letters of every word as written, for comparison with other matchers.
    pub fn letters(&self) -> impl Iterator<Item = String> {
        let written = self
            .words
            .iter()
            .filter(|w| !w.chars.is_empty() && !w.tight && !w.shortened);
        written.map(|w| w.chars.iter().collect())
    }

    /// Everything that stands in a folded text, with what detectors marked in it.
    pub fn find(&self, folded: &Folded, marks: &[WordMark]) -> Found {
        let mut found = Found {
            oddities: folded.oddities(),
            ..Found::default()
        };
        let tokens = self.tokens(folded, marks, &mut found);
        self.judge(folded.text(), &tokens, &mut found);
        found
    }
}

/// Whether a hit is of whole Latin words: `die` is not in `diet`.
fn whole_words(text: &str, span: &Range<usize>, open: bool) -> bool {
    let bytes = text.as_bytes();
    let word = |at: Option<usize>| {
        at.and_then(|i| bytes.get(i))
            .is_some_and(u8::is_ascii_alphanumeric)
    };
    let joined_before = word(Some(span.start)) && word(span.start.checked_sub(1));
    // `won` is not in `won't`.
    let short = bytes.get(span.end) == Some(&b'\'') && bytes.get(span.end + 1) == Some(&b't');
    let joined_after = !open && word(span.end.checked_sub(1)) && (short || word(Some(span.end)));
    !joined_before && !joined_after
}
