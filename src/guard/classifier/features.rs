//! A text as numbered features: runs of one to four characters, words and pairs of words, who speaks to whom, and hints
//! of the rules. Training and scoring walk the same way, so a weight always means the same.

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
    /// What the rules noticed without judging it, as numbers made by [`hint`].
    pub hints: &'a [u32],
}

impl<'a> Speech<'a> {
    /// What is said in a context.
    pub fn new(text: &'a str, cx: &'a ContentContext, hints: &'a [u32]) -> Speech<'a> {
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

/// The number of something that the rules noticed, from its name: stable as long as the name is.
pub fn hint(name: &str) -> u32 {
    name.bytes().fold(0x5D1E_77A3, |h, b| mix(h, u32::from(b)))
}

/// Where features go.
pub(super) trait Sink {
    /// One feature and the bytes of the text it stands on; an empty range for what is not in the text.
    fn feature(&mut self, hash: u32, at: Range<usize>);
    /// A sentence has ended.
    fn cut(&mut self);
    /// Something true of the whole message.
    fn context(&mut self, hash: u32);
}

/// One step of a hash; the upper bits are the better ones.
pub(super) const fn mix(hash: u32, symbol: u32) -> u32 {
    (hash.rotate_left(5) ^ symbol).wrapping_mul(0x9E37_79B1)
}

const WORD: u32 = 0x1F35_9D07;
const PAIR: u32 = 0x7C2B_61E5;
const STRANGER: u32 = 0x3A91_C44F;
const CONTEXT: u32 = 0x66D3_0B29;
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
    context(input, sink);
    let speaker = speaker(input);
    let mut run = Run::new(speaker, input.third_party);
    let names = names(input);
    let mut next_name = names.iter().peekable();
    let mut chars = input.text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if let Some((range, symbol)) = next_name.next_if(|(range, _)| range.start <= at)
            && range.start == at
        {
            while chars.next_if(|(i, _)| *i < range.end).is_some() {}
            run.end_word(at, sink);
            run.push(*symbol, range.clone(), true, sink);
            continue;
        }
        let end = at + c.len_utf8();
        if ends_sentence(c, chars.peek().map(|(_, c)| *c)) {
            run.end_word(at, sink);
            run.cut(sink);
        } else if c.is_ascii_alphabetic() {
            run.letter(c as u32, at..end, sink);
        } else {
            run.end_word(at, sink);
            run.other(c, at..end, sink);
        }
    }
    run.end_word(input.text.len(), sink);
    run.cut(sink);
}

fn context(input: &Speech<'_>, sink: &mut impl Sink) {
    let role = u32::from(input.third_party) + 2 * u32::from(input.guarantor);
    sink.context(mix(mix(CONTEXT, 17), role));
    for hint in input.hints {
        sink.context(mix(*hint, 23));
    }
    // What two noticed things mean together is more than each alone; many together mean only a long text.
    if input.hints.len() <= 14 {
        for (i, a) in input.hints.iter().enumerate() {
            for b in &input.hints[i + 1..] {
                sink.context(mix(a.min(b).rotate_left(7), *a.max(b)));
            }
        }
    }
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

/// Whether a sentence ends with `c`.
fn ends_sentence(c: char, next: Option<char>) -> bool {
    matches!(c, '。' | '!' | '?' | ';' | '\n' | '！' | '？' | '；')
        || c == '.' && next.is_none_or(char::is_whitespace)
}

/// The last characters, as hashes of the runs that end with them.
struct Run {
    speaker: u32,
    third_party: bool,
    /// Hashes of the last 1, 2 and 3 symbols, with the byte where each begins.
    last: [(u32, usize); 3],
    held: usize,
    digits: u32,
    word: Option<(u32, usize)>,
    previous_word: (u32, usize),
}

impl Run {
    fn new(speaker: u32, third_party: bool) -> Run {
        Run {
            speaker,
            third_party,
            last: [(0, 0); 3],
            held: 0,
            digits: 0,
            word: None,
            previous_word: (0, 0),
        }
    }

    fn cut(&mut self, sink: &mut impl Sink) {
        sink.cut();
        (self.held, self.digits, self.previous_word) = (0, 0, (0, 0));
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
        self.push(symbol, at, is_han(c), sink);
    }

    fn push(&mut self, symbol: u32, at: Range<usize>, short: bool, sink: &mut impl Sink) {
        let mut longer = [(mix(0, symbol), at.start); 4];
        for (next, last) in longer[1..].iter_mut().zip(&self.last[..self.held]) {
            *next = (mix(last.0, symbol), last.1);
        }
        // One or two letters or digits say nothing; one or two Chinese characters are words.
        let from = if short { 0 } else { 2 };
        for (n, (hash, start)) in longer.into_iter().enumerate().take(self.held + 1).skip(from) {
            self.emit(mix(hash, n as u32), start..at.end, n == 1 && short, sink);
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
