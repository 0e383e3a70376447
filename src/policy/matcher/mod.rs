//! All lexicons compiled together: one index of every word for text as written and put back together, one of their
//! sounds, and the patterns made of word groups. No regular expression runs; what is not woken by a word costs
//! nothing. `guard` asks for the places where an entry's words stand, excuses considered.

mod compile;
mod index;
mod judge;
mod latin;
mod near;
mod tokens;

use std::cell::RefCell;
use std::ops::Range;

use index::Index;
use judge::Sorted;
use latin::LatinWords;
use tokens::Token;

use super::error::PolicyError;
use super::fold::{Folded, Oddities};
use super::lexicon::Entry;

/// Word groups that detectors fill: names of the people involved, numbers, money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Builtin {
    /// The beginning of a part, before any word.
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
    /// The beginning of each line.
    Line,
    /// The end of a part, after any word.
    End,
}

impl Builtin {
    /// Their names in patterns, in order.
    pub const NAMES: [&'static str; 19] = [
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
        "@line",
        "@end",
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
    /// Word groups by place: the folded byte where a word of it begins, in order.
    pub placed: Vec<(u32, u16)>,
    /// The text with its disguised words as the lexicons write them, where there are any.
    pub mended: Option<String>,
    /// Word hits that only a second reading found.
    pub disguised: u32,
    /// So much of the text is written in a disguise that it cannot be read reliably.
    pub unreadable: bool,
    /// What is unusual about the writing.
    pub oddities: Oddities,
}

/// An entry that stands only nearly: all the words of one of its patterns are in one sentence, not as it wants them, or as
/// it wants them and excused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// Which entry, in the order handed in.
    pub entry: usize,
    /// Folded bytes: the sentence.
    pub span: Range<usize>,
}

/// One word of the lexicons.
#[derive(Debug)]
struct Word {
    /// Where its letters end in [`Words::letters`]; they begin where those of the word before end.
    letters: u32,
    groups: u32,
    phrases: u32,
    /// The Latin word may go on.
    open: bool,
    /// The blanks of the phrase are left out: only where blanks were left out of the text.
    tight: bool,
    /// It may be part of a name.
    in_names: bool,
}

/// Every word, with what belongs to it laid down one after the other.
#[derive(Debug, Default)]
struct Words {
    all: Vec<Word>,
    letters: Vec<char>,
    groups: Vec<u16>,
    /// Entries of which a word is a phrase.
    phrases: Vec<u32>,
}

impl Words {
    fn range(&self, word: u32, end: fn(&Word) -> u32) -> Range<usize> {
        let at = word as usize;
        let start = at.checked_sub(1).map_or(0, |before| end(&self.all[before]));
        start as usize..end(&self.all[at]) as usize
    }

    fn letters(&self, word: u32) -> &[char] {
        &self.letters[self.range(word, |w| w.letters)]
    }

    fn groups(&self, word: u32) -> &[u16] {
        &self.groups[self.range(word, |w| w.groups)]
    }

    fn phrases(&self, word: u32) -> &[u32] {
        &self.phrases[self.range(word, |w| w.phrases)]
    }
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
    /// The required groups as bits; a text that lacks one of them lacks the pattern.
    signature: u128,
}

#[derive(Debug, Default)]
struct Excuse {
    before: Vec<u16>,
    after: Vec<u16>,
    within: usize,
    clause: bool,
    broken_by: Vec<u16>,
    sentence: Vec<u16>,
    message: Vec<u16>,
}

/// Number of a word, with what must be known before the word itself is looked at.
#[derive(Debug, Clone, Copy)]
struct WordId(u32);

impl WordId {
    const OPEN: u32 = 1 << 31;
    const TIGHT: u32 = 1 << 30;

    fn new(id: usize, word: &Word) -> WordId {
        let flag = |on: bool, bit: u32| if on { bit } else { 0 };
        WordId(id as u32 | flag(word.open, Self::OPEN) | flag(word.tight, Self::TIGHT))
    }

    fn id(self) -> u32 {
        self.0 & (Self::TIGHT - 1)
    }

    fn is(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

/// All lexicons, compiled.
pub struct Lexicons {
    entries: Vec<Entry>,
    words: Words,
    /// Words by their letters.
    spellings: Index,
    /// Chinese words by their sounds, and by the first letters of these.
    soundings: Index,
    initials: Index,
    /// The Latin words of the lexicons, whole and by sound.
    latin: LatinWords,
    /// Patterns, those that one group wakes beside each other.
    patterns: Vec<Compiled>,
    /// For each group where the patterns that it wakes end.
    woken_by: Vec<u32>,
    group_names: Vec<String>,
    /// For each group a number that outlives a new lexicon, made from its name; 0 for literals of patterns.
    group_marks: Vec<u32>,
    excuses: Vec<Excuse>,
    /// For each entry its excuses.
    unless: Vec<Vec<u16>>,
    /// The group of names that contain other words, and of what follows a name.
    names: Option<u16>,
    name_suffix: Option<u16>,
    faults: Vec<PolicyError>,
}

/// Room that is used again for the next text.
#[derive(Default)]
struct Scratch {
    tokens: Vec<Token>,
    sorted: Sorted,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl std::fmt::Debug for Lexicons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Lexicons({} entries, {} words, {} patterns)",
            self.entries.len(),
            self.words.all.len(),
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

    /// For each group a number made from its name, which outlives a new lexicon; 0 for literals of patterns.
    pub fn group_marks(&self) -> &[u32] {
        &self.group_marks
    }

    /// Memory of the indexes in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.spellings.heap_bytes()
            + self.soundings.heap_bytes()
            + self.initials.heap_bytes()
            + self.words.letters.len() * size_of::<char>()
            + self.words.all.len() * size_of::<Word>()
    }

    /// The letters of every word as written, for comparison with other matchers.
    pub fn letters(&self) -> impl Iterator<Item = String> {
        let written = (0..self.words.all.len()).filter(|w| !self.words.all[*w].tight);
        written
            .map(|w| self.words.letters(w as u32).iter().collect::<String>())
            .filter(|w| !w.is_empty())
    }

    /// Everything that stands in a folded text, with what detectors marked in it.
    pub fn find(&self, folded: &Folded, marks: &[WordMark]) -> Found {
        let mut found = Found {
            oddities: folded.oddities(),
            ..Found::default()
        };
        SCRATCH.with_borrow_mut(|scratch| {
            self.tokens(folded, marks, &mut found, &mut scratch.tokens);
            self.judge(folded.text(), scratch, &mut found);
        });
        found
    }

    /// Entries that stand only nearly, each once; what a second opinion may confirm.
    pub fn nearly(&self, folded: &Folded, marks: &[WordMark]) -> Vec<Near> {
        let mut found = Found::default();
        SCRATCH.with_borrow_mut(|scratch| {
            self.tokens(folded, marks, &mut found, &mut scratch.tokens);
            self.gathered(folded.text(), scratch)
        })
    }
}
