//! A text as numbered features: runs of one to three characters, words and pairs of words, word groups of the lexicons and
//! pairs of them, each alone and with who speaks; and the groups in and beside each sentence, which count by themselves. Training and scoring walk the same way, so a weight always means the same.

use std::ops::Range;

use crate::domain::SenderKind;
use crate::policy::fold::is_han;
use crate::policy::{Audience, ContentContext};

/// What a score is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Speech<'a> {
    /// The words, folded.
    pub text: &'a str,
    /// What kind of speaker.
    pub sender: SenderKind,
    /// Whether the speaker is the creditor and a bank.
    pub bank_speaks: bool,
    /// Whether the reader is no party to the debt.
    pub third_party: bool,
    /// Whether the reader answers for somebody else's debt.
    pub guarantor: bool,
    /// Who speaks, folded, longest first.
    pub sender_names: &'a [String],
    /// Who is owed, folded, longest first.
    pub creditor_names: &'a [String],
    /// Word groups that the rules noticed, in reading order: the sentence, counted from 0, and the number of the group.
    pub hints: &'a [Hint],
}

/// A word group in a sentence.
pub type Hint = (u32, u32);

impl<'a> Speech<'a> {
    /// What is said in a context.
    pub fn new(text: &'a str, cx: &'a ContentContext, hints: &'a [Hint]) -> Speech<'a> {
        Speech {
            text,
            sender: cx.sender,
            bank_speaks: cx.bank_speaks(),
            third_party: cx.audience == Audience::ThirdParty,
            guarantor: cx.audience == Audience::Guarantor,
            sender_names: &cx.sender_names,
            creditor_names: &cx.creditor_names,
            hints,
        }
    }
}

/// The sentences of a folded text: the byte after each.
pub(super) fn sentence_ends(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let ends = move |at: usize| match bytes[at] {
        b'!' | b'?' | b';' | b'\n' => true,
        b'.' => bytes.get(at + 1).is_none_or(|n| matches!(n, b' ' | b'\n')),
        // The last byte of the ideographic full stop.
        0x82 => at >= 2 && bytes[at - 1] == 0x80 && bytes[at - 2] == 0xE3,
        _ => false,
    };
    (0..bytes.len()).filter(move |at| ends(*at)).map(|at| at + 1)
}

/// Where features go.
pub(super) trait Sink {
    /// One feature and the bytes of the text it stands on; an empty range for what is not in the text.
    fn feature(&mut self, hash: u32, at: Range<usize>);
    /// A word group in the sentence or beside it; it counts by itself, however many runs there are.
    fn group(&mut self, hash: u32);
    /// A word group anywhere in the message.
    fn whole(&mut self, hash: u32);
    /// A sentence has ended.
    fn cut(&mut self);
    /// Something true of the whole message.
    fn context(&mut self, hash: u32);
}

/// One step of a hash; the upper bits are the better ones.
pub(super) const fn mix(hash: u32, symbol: u32) -> u32 {
    (hash.rotate_left(5) ^ symbol).wrapping_mul(0x9E37_79B1)
}

/// A word group that counts by itself.
const AROUND: u32 = 0x6F02_1B8D;
const WORD: u32 = 0x1F35_9D07;
const PAIR: u32 = 0x7C2B_61E5;
const STRANGER: u32 = 0x3A91_C44F;
const CONTEXT: u32 = 0x66D3_0B29;
const GROUP: u32 = 0x4B9D_22E3;
const GROUPS: u32 = 0x15C7_8F61;
/// How many word groups after one still belong to it.
const BESIDE: usize = 4;
/// Instead of the name of who speaks.
const OWN_NAME: u32 = 1;
/// Instead of the name of who is owed, where somebody else speaks.
const CREDITOR_NAME: u32 = 2;
/// Instead of any number.
const DIGIT: u32 = b'0' as u32;
/// After that, where the number has six digits or more.
const LONG_NUMBER: u32 = 3;

/// Gives every feature to the sink.
pub(super) fn walk(input: &Speech<'_>, sink: &mut impl Sink) {
    let role = u32::from(input.third_party) + 2 * u32::from(input.guarantor);
    sink.context(mix(mix(CONTEXT, 17), role));
    sink.context(mix(mix(CONTEXT, 19), speaker(input)));
    let mut run = Run::new(speaker(input), input.third_party, input.hints);
    let names = names(input);
    let mut next_name = names.iter().peekable();
    let mut chars = input.text.char_indices();
    let mut next = chars.next();
    while let Some((at, c)) = next {
        next = chars.next();
        if let Some((range, symbol)) = next_name.next_if(|(range, _)| range.start <= at)
            && range.start == at
        {
            while next.is_some_and(|(i, _)| i < range.end) {
                next = chars.next();
            }
            run.end_word(at, sink);
            run.push(*symbol, range.clone(), true, sink);
            continue;
        }
        let end = at + c.len_utf8();
        if is_han(c) {
            run.end_word(at, sink);
            run.digits = 0;
            run.push(c as u32, at..end, true, sink);
        } else if c.is_ascii_lowercase() {
            run.letter(c as u32, at..end, sink);
        } else if ends_sentence(c, next.map(|(_, c)| c)) {
            run.end_word(at, sink);
            run.cut(sink);
        } else {
            run.end_word(at, sink);
            run.other(c, at..end, sink);
        }
    }
    run.end_word(input.text.len(), sink);
    run.close(sink);
}

fn speaker(input: &Speech<'_>) -> u32 {
    match input.sender {
        SenderKind::Creditor if input.bank_speaks => 3,
        SenderKind::Creditor => 4,
        SenderKind::Agency => 5,
        SenderKind::LawFirm => 6,
    }
}

/// Where the names of speaker and creditor stand, in order and without overlaps.
fn names(input: &Speech<'_>) -> Vec<(Range<usize>, u32)> {
    let mut found: Vec<(Range<usize>, u32)> = Vec::new();
    let own = input.sender_names.iter().map(|n| (n, OWN_NAME));
    let creditor = input.creditor_names.iter().map(|n| (n, CREDITOR_NAME));
    for (name, symbol) in own.chain(creditor) {
        if name.is_empty() {
            continue;
        }
        for (at, _) in input.text.match_indices(name.as_str()) {
            let range = at..at + name.len();
            if !found
                .iter()
                .any(|(r, _)| r.start < range.end && range.start < r.end)
            {
                found.push((range, symbol));
            }
        }
    }
    found.sort_unstable_by_key(|(r, _)| r.start);
    found
}

/// Whether a sentence ends with `c`, of folded text.
fn ends_sentence(c: char, next: Option<char>) -> bool {
    matches!(c, '。' | '!' | '?' | ';' | '\n') || c == '.' && next.is_none_or(|n| matches!(n, ' ' | '\n'))
}

/// The last characters, as hashes of the runs that end with them.
struct Run<'a> {
    speaker: u32,
    third_party: bool,
    /// Word groups of the message.
    all: &'a [Hint],
    /// Word groups that are still to come.
    hints: &'a [Hint],
    sentence: u32,
    /// Hashes of the last 1, 2 and 3 symbols, with the byte where each begins.
    last: [(u32, usize); 3],
    held: usize,
    digits: u32,
    word: Option<(u32, usize)>,
    previous_word: (u32, usize),
}

impl<'a> Run<'a> {
    fn new(speaker: u32, third_party: bool, hints: &'a [Hint]) -> Run<'a> {
        Run {
            speaker,
            third_party,
            all: hints,
            hints,
            sentence: 0,
            last: [(0, 0); 3],
            held: 0,
            digits: 0,
            word: None,
            previous_word: (0, 0),
        }
    }

    fn cut(&mut self, sink: &mut impl Sink) {
        let length = self.hints.iter().take_while(|(s, _)| *s <= self.sentence).count();
        self.groups(length, sink);
        self.around(sink);
        self.sentence += 1;
        sink.cut();
        (self.held, self.digits, self.previous_word) = (0, 0, (0, 0));
    }

    fn close(&mut self, sink: &mut impl Sink) {
        self.groups(self.hints.len(), sink);
        self.around(sink);
        sink.cut();
        for (group, told) in self.distinct(self.all) {
            sink.whole(group);
            sink.whole(told);
        }
    }

    /// The word groups of the sentence and of the ones beside it.
    fn around(&self, sink: &mut impl Sink) {
        let first = self.all.partition_point(|(s, _)| s + 1 < self.sentence);
        let last = self.all.partition_point(|(s, _)| *s <= self.sentence + 1);
        for (group, told) in self.distinct(&self.all[first..last]) {
            sink.group(group);
            sink.group(told);
        }
    }

    /// Each word group once, and with who speaks to whom.
    fn distinct(&self, hints: &[Hint]) -> impl Iterator<Item = (u32, u32)> + use<> {
        let mut groups: Vec<u32> = hints.iter().map(|h| h.1).collect();
        groups.sort_unstable();
        groups.dedup();
        let told = self.speaker + 8 * u32::from(self.third_party);
        groups
            .into_iter()
            .map(move |g| (mix(AROUND, g), mix(mix(AROUND, g), told)))
    }

    /// The next word groups, alone and in pairs.
    fn groups(&mut self, length: usize, sink: &mut impl Sink) {
        let (here, later) = self.hints.split_at(length);
        self.hints = later;
        for (i, (_, group)) in here.iter().enumerate() {
            self.emit(mix(GROUP, *group), 0..0, true, sink);
            for (_, other) in here[i + 1..].iter().take(BESIDE).filter(|(_, o)| o != group) {
                sink.feature(mix(mix(GROUPS, *group), *other), 0..0);
            }
        }
    }

    fn letter(&mut self, c: u32, at: Range<usize>, sink: &mut impl Sink) {
        self.digits = 0;
        let (hash, start) = self.word.unwrap_or((WORD, at.start));
        self.word = Some((mix(hash, c), start));
        self.push(c, at, false, sink);
    }

    fn end_word(&mut self, end: usize, sink: &mut impl Sink) {
        let Some((hash, start)) = self.word.take() else {
            return;
        };
        self.emit(hash, start..end, true, sink);
        let (before, from) = self.previous_word;
        if before != 0 {
            self.emit(mix(mix(PAIR, before), hash), from..end, true, sink);
        }
        self.previous_word = (hash, start);
    }

    fn other(&mut self, c: char, at: Range<usize>, sink: &mut impl Sink) {
        let symbol = if c.is_ascii_digit() {
            self.digits += 1;
            // Numbers differ in nothing but being short or long.
            match self.digits {
                1 => DIGIT,
                6 => LONG_NUMBER,
                _ => return,
            }
        } else {
            self.digits = 0;
            if c.is_whitespace() { 32 } else { c as u32 }
        };
        self.push(symbol, at, false, sink);
    }

    fn push(&mut self, symbol: u32, at: Range<usize>, short: bool, sink: &mut impl Sink) {
        let mut longer = [(mix(0, symbol), at.start); 4];
        for (next, last) in longer[1..].iter_mut().zip(&self.last[..self.held]) {
            *next = (mix(last.0, symbol), last.1);
        }
        // One to three Chinese characters are words; of Latin letters and signs fewer than four say nothing.
        let (fewest, most) = if short { (0, 3) } else { (3, 4) };
        for (n, (hash, start)) in longer
            .into_iter()
            .enumerate()
            .take(most.min(self.held + 1))
            .skip(fewest)
        {
            self.emit(mix(hash, n as u32), start..at.end, n == 1, sink);
        }
        self.held = (self.held + 1).min(3);
        self.last.copy_from_slice(&longer[..3]);
    }

    /// A feature, and for telling ones the same seen with who speaks or who reads.
    fn emit(&self, hash: u32, at: Range<usize>, telling: bool, sink: &mut impl Sink) {
        sink.feature(hash, at.clone());
        if telling {
            sink.feature(mix(hash, self.speaker), at.clone());
        }
        if self.third_party {
            sink.feature(mix(hash, STRANGER), at);
        }
    }
}
