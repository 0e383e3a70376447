//! Messages that are one word and nothing else: `TD`, `退订`, `STOP`, with politeness, punctuation, repetition and slips of
//! the finger around it.

use super::parts::is_word_sign;
use crate::policy::fold::fold;

/// A word that says all by itself.
#[derive(Debug, Clone)]
pub(super) struct WholeWord {
    /// Letters and characters, without blanks.
    letters: Vec<char>,
    /// Slips of the finger count too.
    typos: bool,
    /// The rule it belongs to.
    pub(super) rule: usize,
}

/// Words that stand for whole messages.
#[derive(Debug, Default)]
pub(super) struct WholeWords {
    words: Vec<WholeWord>,
    /// Politeness that changes nothing.
    fillers: Vec<Vec<char>>,
    /// Words that look like slips and are none.
    not_typos: Vec<String>,
    /// Signs that say the word without letters, with their rule.
    pictures: Vec<(char, usize)>,
}

/// A message of more letters is no single word.
const LONGEST: usize = 48;

/// How a message came to be a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// As it is written in the rules.
    Exact(usize),
    /// But for a slip.
    Slip(usize),
}

/// The letters of a message, with a blank between Latin words.
pub(super) fn bare(text: &str) -> Vec<char> {
    let mut out: Vec<char> = Vec::new();
    for c in fold(text).text().chars() {
        if is_word_sign(c) {
            out.push(c);
        } else if c != '\'' && out.last().is_some_and(|l| *l != ' ') {
            out.push(' ');
        }
        if out.len() > LONGEST * 4 {
            break;
        }
    }
    while out.last() == Some(&' ') {
        out.pop();
    }
    out
}

fn tight(letters: &[char]) -> Vec<char> {
    letters.iter().copied().filter(|c| *c != ' ').collect()
}

impl WholeWords {
    pub(super) fn add(&mut self, word: &str, typos: bool, rule: usize) {
        let letters = tight(&bare(word));
        match letters.is_empty() {
            false => self.words.push(WholeWord { letters, typos, rule }),
            true => self.pictures.extend(word.chars().next().map(|c| (c, rule))),
        }
    }

    pub(super) fn set_lists(&mut self, fillers: &[String], not_typos: &[String]) {
        self.fillers = fillers
            .iter()
            .map(|f| bare(f))
            .filter(|f| !f.is_empty())
            .collect();
        self.fillers.sort_by_key(|f| std::cmp::Reverse(f.len()));
        self.not_typos = not_typos
            .iter()
            .map(|w| tight(&bare(w)).into_iter().collect())
            .collect();
    }

    /// The rule whose word a message is; `own` is the sender's own opting-out word, which belongs to `own_rule`.
    pub(super) fn read(&self, text: &str, own: Option<(&str, usize)>) -> Option<Match> {
        let picture = text
            .chars()
            .find_map(|c| self.pictures.iter().find(|(p, _)| *p == c));
        let whole = bare(text);
        if let (true, Some((_, rule))) = (whole.is_empty(), picture) {
            return Some(Match::Exact(*rule));
        }
        if whole.is_empty() || whole.len() > LONGEST {
            return None;
        }
        let own = own
            .map(|(word, rule)| (tight(&bare(word)), rule))
            .filter(|(w, _)| !w.is_empty());
        // As it is first: a filler may be a word itself.
        for candidate in [whole.clone(), self.without_fillers(&whole)] {
            let letters = once(&tight(&candidate));
            if let Some((_, rule)) = own.as_ref().filter(|(w, _)| *w == letters) {
                return Some(Match::Exact(*rule));
            }
            if let Some(word) = self.words.iter().find(|w| w.letters == letters) {
                return Some(Match::Exact(word.rule));
            }
        }
        let letters = once(&tight(&self.without_fillers(&whole)));
        let written: String = letters.iter().collect();
        if letters.len() < 3 || self.not_typos.contains(&written) {
            return None;
        }
        let near = |w: &&WholeWord| {
            let room = match w.letters.len() {
                0..4 => 0,
                4..8 => 1,
                _ => 2,
            };
            w.typos && room > 0 && w.letters[0].is_ascii() && distance(&w.letters, &letters, room) <= room
        };
        self.words.iter().find(near).map(|w| Match::Slip(w.rule))
    }

    /// Takes politeness off both ends.
    fn without_fillers(&self, whole: &[char]) -> Vec<char> {
        let mut rest = whole;
        'again: loop {
            for filler in &self.fillers {
                let latin = filler.first().is_some_and(char::is_ascii_alphanumeric);
                if let Some(after) = rest.strip_prefix(&filler[..]) {
                    let parted = !latin || after.first().is_none_or(|c| !c.is_ascii_alphanumeric());
                    if parted && !after.is_empty() {
                        rest = trimmed(after);
                        continue 'again;
                    }
                }
                if let Some(before) = rest.strip_suffix(&filler[..]) {
                    let parted = !latin || before.last().is_none_or(|c| !c.is_ascii_alphanumeric());
                    if parted && !before.is_empty() {
                        rest = trimmed(before);
                        continue 'again;
                    }
                }
            }
            return rest.to_vec();
        }
    }
}

fn trimmed(mut letters: &[char]) -> &[char] {
    while let [' ', rest @ ..] = letters {
        letters = rest;
    }
    while let [rest @ .., ' '] = letters {
        letters = rest;
    }
    letters
}

/// A word said again and again is said once: `TDTD`, `stop stop stop`; so is a letter that is held down.
fn once(letters: &[char]) -> Vec<char> {
    let n = letters.len();
    for length in 1..=n / 2 {
        if n.is_multiple_of(length)
            && n / length > 1
            && letters.chunks(length).all(|c| c == &letters[..length])
        {
            return letters[..length].to_vec();
        }
    }
    let mut out: Vec<char> = Vec::with_capacity(n);
    for (i, c) in letters.iter().enumerate() {
        let held = i >= 2 && letters[i - 1] == *c && letters[i - 2] == *c;
        let goes_on =
            held || letters[i..].iter().take(3).filter(|d| *d == c).count() == 3 && out.last() == Some(c);
        if !goes_on {
            out.push(*c);
        }
    }
    // `stoppp` leaves two.
    if out.len() + 1 < n && out.len() >= 2 && out[out.len() - 1] == out[out.len() - 2] {
        out.pop();
    }
    out
}

/// How many letters were left out, added, changed or swapped; anything above `most` is as good as `most + 1`.
fn distance(a: &[char], b: &[char], most: usize) -> usize {
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}
