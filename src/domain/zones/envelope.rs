//! State and postal code from the lines of a postal address, where the country writes them in a form that can be told
//! from house numbers. What cannot be told is left out; the country alone then speaks.

use super::tables::region_code;
use crate::domain::contact::PostalAddress;

/// State or province, and postal code.
pub(super) fn read(address: &PostalAddress) -> (Option<String>, Option<String>) {
    // The first line is the street, unless there is no other.
    let lines = match address.lines.as_slice() {
        [only] => std::slice::from_ref(only),
        [_, rest @ ..] => rest,
        [] => return (None, None),
    };
    for line in lines.iter().rev() {
        let words: Vec<&str> = line
            .split([' ', ',', '\u{3000}', '\u{ff0c}'])
            .filter(|w| !w.is_empty())
            .collect();
        let found = match address.country.as_str() {
            "US" => after_state("US", &words, |w| shape(w, "99999") || shape(w, "99999-9999")),
            "AU" => after_state("AU", &words, |w| shape(w, "9999")),
            "CA" => canadian(&words),
            "BR" => alone(&words, &["99999-999"]),
            "PT" => alone(&words, &["9999-999"]),
            "ES" | "FR" | "ID" | "MX" => alone(&words, &["99999"]),
            _ => None,
        };
        if let Some(found) = found {
            return found;
        }
    }
    (None, None)
}

type Found = (Option<String>, Option<String>);

/// `9` stands for a digit, `A` for a letter.
fn shape(word: &str, form: &str) -> bool {
    word.len() == form.len()
        && word.bytes().zip(form.bytes()).all(|(b, f)| match f {
            b'9' => b.is_ascii_digit(),
            b'A' => b.is_ascii_alphabetic(),
            _ => b == f,
        })
}

/// A code that stands directly after its state, written as code or in up to three words.
fn after_state(country: &str, words: &[&str], code: impl Fn(&str) -> bool) -> Option<Found> {
    let at = words.iter().rposition(|w| code(w))?;
    let state = (1..=3.min(at))
        .rev()
        .find_map(|n| region_code(country, &words[at - n..at].join(" ")))?;
    Some((Some(state), Some(words[at].to_owned())))
}

/// `K1A 0B1`, in one word or two; the province before it if there is one.
fn canadian(words: &[&str]) -> Option<Found> {
    let whole = |w: &str| shape(w, "A9A9A9") || shape(w, "A9A-9A9");
    let (at, code) = match words.iter().rposition(|w| whole(w)) {
        Some(at) => (at, words[at].to_owned()),
        None => {
            let at = words
                .windows(2)
                .rposition(|w| shape(w[0], "A9A") && shape(w[1], "9A9"))?;
            (at, words[at].to_owned())
        }
    };
    let province = at.checked_sub(1).and_then(|n| region_code("CA", words[n]));
    Some((province, Some(code)))
}

/// A code that stands alone.
fn alone(words: &[&str], forms: &[&str]) -> Option<Found> {
    let word = words.iter().find(|w| forms.iter().any(|form| shape(w, form)))?;
    Some((None, Some((*word).to_owned())))
}
