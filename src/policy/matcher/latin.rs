//! The Latin words of the lexicons: whether a row of letters is one, and which of them sounds like it. The lanes ask, so
//! that a text is read again only where a word could come of it.

use std::collections::HashMap;

use crate::policy::fold::lanes::Known;

/// Every Latin word that a lexicon has, also as part of a phrase.
#[derive(Debug, Default)]
pub(super) struct LatinWords {
    /// Filter of whole words.
    whole: Vec<u64>,
    /// Filter of beginnings of words that may go on.
    open: Vec<u64>,
    /// Words by their sound: hash of the sound, and where the letters lie.
    by_sound: Vec<(u64, u32, u8)>,
    letters: Vec<char>,
}

const BITS: usize = 1 << 19;

/// Shorter beginnings are those of too many words.
const SHORTEST_OPEN: usize = 4;

fn bits(hash: u64) -> [usize; 2] {
    let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    [(mixed >> 45) as usize, (mixed >> 26) as usize % BITS]
}

fn step(hash: u64, c: char) -> u64 {
    (hash ^ c as u64).wrapping_mul(0x0100_0000_01B3)
}

const START: u64 = 0xCBF2_9CE4_8422_2325;

fn has(filter: &[u64], hash: u64) -> bool {
    !filter.is_empty()
        && bits(hash)
            .iter()
            .all(|bit| filter[bit / 64] & (1 << (bit % 64)) != 0)
}

impl LatinWords {
    /// Of words by their letters, and whether each may go on.
    pub(super) fn of<'w>(words: impl Iterator<Item = (&'w [char], bool)>) -> LatinWords {
        let mut out = LatinWords {
            whole: vec![0; BITS / 64],
            open: vec![0; BITS / 64],
            ..LatinWords::default()
        };
        let mut seen: HashMap<u64, ()> = HashMap::new();
        for (letters, may_go_on) in words {
            let tokens: Vec<&[char]> = letters
                .split(|c| !c.is_ascii_lowercase())
                .filter(|t| t.len() >= 2)
                .collect();
            for (n, token) in tokens.iter().enumerate() {
                let hash = token.iter().fold(START, |h, c| step(h, *c));
                let open = may_go_on && n + 1 == tokens.len() && token.len() >= SHORTEST_OPEN;
                for filter in [Some(&mut out.whole), open.then_some(&mut out.open)]
                    .into_iter()
                    .flatten()
                {
                    bits(hash)
                        .iter()
                        .for_each(|bit| filter[bit / 64] |= 1 << (bit % 64));
                }
                if (3..=20).contains(&token.len()) && seen.insert(hash, ()).is_none() {
                    let at = out.letters.len() as u32;
                    out.letters.extend_from_slice(token);
                    out.by_sound.push((sound(token), at, token.len() as u8));
                }
            }
        }
        out.by_sound.sort_unstable();
        out
    }
}

impl Known for LatinWords {
    fn latin(&self, word: &[char]) -> bool {
        let mut hash = START;
        for (n, c) in word.iter().enumerate() {
            if n >= SHORTEST_OPEN && has(&self.open, hash) {
                return true;
            }
            hash = step(hash, *c);
        }
        word.len() >= 2 && (has(&self.whole, hash) || word.len() >= SHORTEST_OPEN && has(&self.open, hash))
    }

    fn respelled(&self, word: &[char]) -> Option<&[char]> {
        let wanted = sound(word);
        let from = self.by_sound.partition_point(|(s, ..)| *s < wanted);
        let same = self.by_sound[from..]
            .iter()
            .take_while(|(s, ..)| *s == wanted)
            .take(16);
        let letters =
            same.map(|(_, at, length)| &self.letters[*at as usize..*at as usize + usize::from(*length)]);
        letters
            .map(|l| (distance(word, l), l))
            .filter(|(far, l)| *far > 0 && *far <= (l.len() + 1) / 3)
            .min()
            .map(|(_, l)| l)
    }
}

/// How an English word sounds, roughly: its consonants with their spellings made one, doubles and vowels left out.
fn sound(word: &[char]) -> u64 {
    let c = |i: usize| word.get(i).copied().unwrap_or(' ');
    let mut hash = START;
    let mut last = ' ';
    let mut i = 0;
    while i < word.len() {
        let (code, taken) = match (c(i), c(i + 1)) {
            ('p', 'h') => ('f', 2),
            ('g', 'h') => (' ', 2),
            ('k', 'n') | ('w', 'r') | ('p', 's') if i == 0 => (c(1), 2),
            ('d', 'g') => ('j', 2),
            ('t', 'c') if c(i + 2) == 'h' => ('C', 3),
            ('c', 'h') => ('C', 2),
            ('s', 'h') => ('S', 2),
            ('t', 'h') => ('T', 2),
            ('c', 'k') => ('k', 2),
            ('c' | 's', 'e' | 'i' | 'y') => ('s', 1),
            ('g', 'e' | 'i' | 'y') => ('j', 1),
            ('c' | 'q', _) => ('k', 1),
            ('x', _) => ('x', 1),
            ('z', _) => ('s', 1),
            ('a' | 'e' | 'i' | 'o' | 'u' | 'y', _) => (if i == 0 { 'A' } else { ' ' }, 1),
            ('h' | 'w', _) if i > 0 => (' ', 1),
            (other, _) => (other, 1),
        };
        if code != ' ' && code != last {
            hash = step(hash, code);
        }
        if code != ' ' || !matches!(c(i), 'h' | 'w') {
            last = code;
        }
        i += taken;
    }
    hash
}

/// How many letters must be put in, left out or changed to make one word of the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: [usize; 25] = std::array::from_fn(|i| i);
    if a.len() > 24 || b.len() > 24 {
        return usize::MAX;
    }
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_and_heard() {
        let letters = |w: &str| w.chars().collect::<Vec<char>>();
        let all: Vec<(Vec<char>, bool)> = [
            ("police", false),
            ("your knife", false),
            ("impersonat", true),
            ("password", false),
            ("warrant", false),
            ("kill", false),
        ]
        .map(|(w, open)| (letters(w), open))
        .to_vec();
        let known = LatinWords::of(all.iter().map(|(w, open)| (&w[..], *open)));
        let check = |word: &str, expected: bool| assert_eq!(known.latin(&letters(word)), expected, "{word}");
        check("police", true);
        check("knife", true);
        check("impersonating", true);
        check("polite", false);
        let check = |word: &str, expected: Option<&str>| {
            let heard = known
                .respelled(&letters(word))
                .map(|l| l.iter().collect::<String>());
            assert_eq!(heard.as_deref(), expected, "{word}");
        };
        check("poleece", Some("police"));
        check("nife", Some("knife"));
        check("passwerd", Some("password"));
        check("warent", Some("warrant"));
        check("kil", Some("kill"));
        check("polka", None);
        check("statement", None);
    }
}
