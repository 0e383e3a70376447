//! Words with digits and signs for letters, or with letters said three times. Where a character may stand for either of
//! two letters, the reading is taken that makes a word of a lexicon. `letters` asks.

use super::Known;

/// A character of a word that digits and signs are put right in, and how many characters of the text it stands for.
pub(super) type Right = (char, usize);

/// So many characters of one word may stand for either of two.
const EITHER: usize = 6;

/// A word in leetspeak or with letters said three times, each character read so that a word of the lexicons comes out:
/// `f@!1ed`, `paaasssport`.
pub(super) fn resolved(token: &[char], known: &dyn Known) -> Option<Vec<Right>> {
    if !(3..=40).contains(&token.len()) || !may_be_word(token) {
        return None;
    }
    let mut units: Vec<(char, char, usize)> = Vec::with_capacity(token.len());
    let mut either = 0;
    let mut i = 0;
    while i < token.len() {
        let c = token[i];
        let run = token[i..].iter().take_while(|d| **d == c).count();
        let length = if c.is_ascii_lowercase() && run >= 3 {
            run
        } else {
            1
        };
        let (first, other) = match c {
            c if c.is_ascii_lowercase() => (c, c),
            '|' => ('l', 'i'),
            '6' => ('g', 'b'),
            c => (leet(c, false)?.0, leet(c, true)?.0),
        };
        either += usize::from(first != other || length > 1);
        units.push((first, other, length));
        i += length;
    }
    if either > EITHER {
        return None;
    }
    let mut word: Vec<char> = Vec::with_capacity(units.len() + EITHER);
    (0..1_usize << either).find_map(|choice| {
        word.clear();
        let mut out: Vec<Right> = Vec::with_capacity(units.len() + EITHER);
        let mut bit = 0;
        for (first, other, length) in &units {
            let open = first != other || *length > 1;
            let taken = open && choice >> bit & 1 == 1;
            bit += usize::from(open);
            let c = if taken { *other } else { *first };
            word.push(c);
            out.push((c, *length));
            if taken && *length > 1 {
                word.push(c);
                out.push((c, 0));
            }
        }
        (word.len() >= 3 && known.latin(&word)).then_some(out)
    })
}

/// Whether digits and signs may stand for letters: not in `11am`, `b2024`, `1st` or `a4`.
fn may_be_word(token: &[char]) -> bool {
    let letters = token.iter().filter(|c| c.is_ascii_lowercase()).count();
    let odd = token.len() - letters;
    let leading = token.iter().take_while(|c| !c.is_ascii_lowercase()).count();
    let trailing = token.iter().rev().take_while(|c| !c.is_ascii_lowercase()).count();
    let reference = odd > 0 && (leading == odd && odd > 1 || trailing == odd && odd > 2);
    letters >= 2 && letters * 3 >= token.len() && !reference && (odd > 0 || repeats(token))
}

/// The letter that a digit or sign stands for, and whether it may stand for another.
pub(super) fn leet(c: char, second: bool) -> Option<(char, bool)> {
    Some(match c {
        '0' => ('o', false),
        '1' | '!' => (if second { 'l' } else { 'i' }, true),
        '|' => ('l', false),
        '3' | '€' => ('e', false),
        '4' | '@' => ('a', false),
        '5' | '$' => ('s', false),
        '6' | '9' => ('g', false),
        '7' | '+' => ('t', false),
        '8' => ('b', false),
        '2' => ('z', false),
        _ => return None,
    })
}

/// Whether a letter is said three times or more.
pub(super) fn repeats(token: &[char]) -> bool {
    token
        .windows(3)
        .any(|w| w[0] == w[1] && w[1] == w[2] && w[0].is_ascii_lowercase())
}
