//! Words by how they begin: from a place in a text to every word that stands there.
//!
//! Each word is filed under its first 1, 2, 3, 4, 6, 8, ... characters, whichever is the most it has. A search goes from
//! one length to the next only where some word goes on so, and most places of a text end at a filter of the first two
//! characters. It is filled in one pass over the words, so tens of thousands of them are ready in a moment.

use super::WordId;

/// Lengths that words are filed under.
const LENGTHS: [usize; 14] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];

/// Words of one beginning, or a beginning that only longer words have.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Hash of the beginning; 0 where the slot is free.
    key: u64,
    /// Its words in `filed`.
    first: u32,
    /// How many; the highest bit says that longer words begin so.
    count: u32,
}

const GOES_ON: u32 = 1 << 31;

/// One word: where what follows its beginning lies in `letters`, and how long the whole is.
#[derive(Debug, Clone, Copy)]
struct Filed {
    rest: u32,
    length: u32,
    id: WordId,
}

/// All words of one kind.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: Vec<Slot>,
    filed: Vec<Filed>,
    letters: Vec<char>,
    /// Filter of first characters of words of one character.
    singles: Vec<u64>,
    /// Filter of first two characters.
    pairs: Vec<u64>,
}

const SINGLE_BITS: u32 = 12;

const fn step(hash: u64, c: char) -> u64 {
    (hash.rotate_left(5) ^ c as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

const START: u64 = 0x51_7CC1_B727;

const fn two(a: char, b: char) -> u64 {
    step(step(START, a), b)
}

fn set(filter: &mut [u64], at: usize) {
    let at = at % (filter.len() * 64);
    filter[at / 64] |= 1 << (at % 64);
}

impl Index {
    /// Files words; each comes with its letters.
    pub(super) fn of(words: &[(&[char], WordId)]) -> Index {
        let mut index = Index::default();
        if words.is_empty() {
            return index;
        }
        // One beginning for each length a word has; the last is where it is filed.
        let mut filing: Vec<(u64, u32)> = Vec::with_capacity(words.len());
        let mut passed: Vec<u64> = Vec::with_capacity(words.len() * 2);
        let pair_words = (words.len() * 16).next_power_of_two().clamp(1 << 12, 1 << 20) / 64;
        index.pairs = vec![0; pair_words];
        index.singles = vec![0; (1 << SINGLE_BITS) / 64];
        for (n, (letters, _)) in words.iter().enumerate() {
            let length = filed_under(letters.len());
            let mut hash = START;
            for (i, c) in letters[..length].iter().enumerate() {
                hash = step(hash, *c);
                if i + 1 < length && i > 0 && LENGTHS.contains(&(i + 1)) {
                    passed.push(hash);
                }
            }
            if length == 1 {
                set(&mut index.singles, letters[0] as usize);
            } else {
                set(&mut index.pairs, (two(letters[0], letters[1]) >> 32) as usize);
            }
            filing.push((hash, n as u32));
        }
        filing.sort_unstable();
        passed.sort_unstable();
        passed.dedup();
        let room = ((filing.len() + passed.len()) * 2).next_power_of_two();
        index.slots = vec![Slot::default(); room];
        for (hash, n) in filing {
            let (letters, id) = words[n as usize];
            let next = index.filed.len() as u32;
            let slot = index.slot(hash);
            if index.slots[slot].count == 0 {
                index.slots[slot].first = next;
            }
            index.slots[slot].count += 1;
            let rest = index.letters.len() as u32;
            index
                .letters
                .extend_from_slice(&letters[filed_under(letters.len())..]);
            index.filed.push(Filed {
                rest,
                length: letters.len() as u32,
                id,
            });
        }
        for hash in passed {
            let slot = index.slot(hash);
            index.slots[slot].count |= GOES_ON;
        }
        index
    }

    /// The slot of a beginning, taken if it was free.
    fn slot(&mut self, hash: u64) -> usize {
        let key = hash.max(1);
        let mut at = self.place(key);
        while self.slots[at].key != 0 && self.slots[at].key != key {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at].key = key;
        at
    }

    fn place(&self, key: u64) -> usize {
        (key >> 20) as usize & (self.slots.len() - 1)
    }

    fn look_up(&self, hash: u64) -> Option<Slot> {
        let key = hash.max(1);
        let mut at = self.place(key);
        loop {
            let slot = self.slots[at];
            if slot.key == key {
                return Some(slot);
            }
            if slot.key == 0 {
                return None;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Every word that begins at the first of these characters, with its length.
    pub(super) fn each(&self, text: &[char], mut found: impl FnMut(usize, WordId)) {
        let [first, ..] = text else { return };
        if self.slots.is_empty() {
            return;
        }
        let has = |filter: &[u64], at: usize| {
            let at = at & (filter.len() * 64 - 1);
            filter[at / 64] & (1 << (at % 64)) != 0
        };
        let one = step(START, *first);
        if has(&self.singles, *first as usize)
            && let Some(slot) = self.look_up(one)
        {
            self.report(slot, text, 1, &mut found);
        }
        let Some(second) = text.get(1) else { return };
        let mut hash = step(one, *second);
        if !has(&self.pairs, (hash >> 32) as usize) {
            return;
        }
        let mut length = 2;
        for next in LENGTHS[2..].iter().copied().chain([usize::MAX]) {
            let Some(slot) = self.look_up(hash) else { return };
            self.report(slot, text, length, &mut found);
            if slot.count & GOES_ON == 0 || next > text.len() {
                return;
            }
            for c in &text[length..next] {
                hash = step(hash, *c);
            }
            length = next;
        }
    }

    /// The words of a beginning of so many characters that go on as the text does.
    fn report(&self, slot: Slot, text: &[char], length: usize, found: &mut impl FnMut(usize, WordId)) {
        let from = slot.first as usize;
        for filed in &self.filed[from..from + (slot.count & !GOES_ON) as usize] {
            let whole = filed.length as usize;
            let rest = &self.letters[filed.rest as usize..filed.rest as usize + whole - length];
            if rest.is_empty() || text[length..].starts_with(rest) {
                found(whole, filed.id);
            }
        }
    }

    /// Memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
            + self.filed.len() * size_of::<Filed>()
            + self.letters.len() * size_of::<char>()
            + (self.pairs.len() + self.singles.len()) * 8
    }
}

/// The longest of the lengths that a word of so many characters has.
fn filed_under(length: usize) -> usize {
    let fits = LENGTHS.partition_point(|l| *l <= length);
    LENGTHS[fits.max(1) - 1]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(words: &[String], text: &str) -> Vec<(usize, usize, u32)> {
        let letters: Vec<Vec<char>> = words.iter().map(|w| w.chars().collect()).collect();
        let filed: Vec<(&[char], WordId)> = letters
            .iter()
            .enumerate()
            .map(|(i, l)| (&l[..], WordId(i as u32)))
            .collect();
        let index = Index::of(&filed);
        let text: Vec<char> = text.chars().collect();
        let mut out = Vec::new();
        for at in 0..text.len() {
            index.each(&text[at..], |length, id| out.push((at, length, id.id())));
        }
        out.sort_unstable();
        out
    }

    fn by_trying(words: &[String], text: &str) -> Vec<(usize, usize, u32)> {
        let text: Vec<char> = text.chars().collect();
        let mut out = Vec::new();
        for at in 0..text.len() {
            for (i, word) in words.iter().enumerate() {
                let word: Vec<char> = word.chars().collect();
                if text[at..].starts_with(&word) {
                    out.push((at, word.len(), i as u32));
                }
            }
        }
        out.sort_unstable();
        out
    }

    #[test]
    fn no_words_are_nowhere() {
        assert!(found(&[], "还款").is_empty());
    }

    proptest! {
        #[test]
        fn every_word_is_found_where_it_stands(
            words in proptest::collection::vec("[ab还款]{1,9}|[ab]{10,40}", 1..40),
            text in "[ab还款]{0,80}",
        ) {
            let mut words = words;
            words.sort();
            words.dedup();
            prop_assert_eq!(found(&words, &text), by_trying(&words, &text));
        }
    }
}
