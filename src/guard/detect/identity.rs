//! Whole numbers of people's documents: by check digits, by a shape that nothing else has, or by the word in front of
//! them. Masked numbers are none: their digits do not stand together.

use std::ops::Range;

use super::checks;
use super::labels::names_identity;

/// Whether a row of digits is an identity number: by its check digit, or by its length where a document is named.
pub(super) fn is_digits_of_person(text: &str, span: &Range<usize>, digits: &str) -> bool {
    let ends_in_x = digits.len() == 17 && text[span.end..].trim_start_matches([' ', '-']).starts_with('x');
    if ends_in_x {
        return checks::mainland_id(&format!("{digits}x")) || names_identity(text, span.start);
    }
    checks::mainland_id(digits)
        || matches!(digits.len(), 15 | 18) && names_identity(text, span.start)
        || matches!(digits.len(), 7..=12) && names_identity(text, span.start)
}

/// Whether a token of letters and digits is the number of a document.
pub(super) fn is_token_of_person(text: &str, span: &Range<usize>) -> bool {
    let token = &text[span.clone()];
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let letters = token.bytes().filter(u8::is_ascii_lowercase).count();
    if digits < 4 || letters + digits < 7 || letters + digits > 18 {
        return false;
    }
    if !token.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let mut parts = token.split('-');
        let three = [parts.next(), parts.next(), parts.next()].map(Option::unwrap_or_default);
        let dashed = letters == 0 && digits == 9 && parts.next().is_none();
        return dashed && (checks::us_ssn(three) || names_identity(text, span.start));
    }
    if letters == 0 {
        return matches!(digits, 7..=12) && names_identity(text, span.start);
    }
    checks::taiwan_id(token)
        || checks::uk_nino(token)
        || checks::hong_kong_id(token)
        || checks::singapore_id(token)
        || letters <= 6 && names_identity(text, span.start)
}

/// Numbers of documents that are written in several pieces: `a123456(7)`, `ab 12 34 56 c`, `219 09 9999`.
pub(super) fn in_pieces(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut out: Vec<Range<usize>> = Vec::new();
    for at in 0..bytes.len() {
        let begins =
            at == 0 || !bytes[at - 1].is_ascii_alphanumeric() && !matches!(bytes[at - 1], b'-' | b'*');
        if !begins || !bytes[at].is_ascii_alphanumeric() || out.last().is_some_and(|r| at < r.end) {
            continue;
        }
        let rest = &bytes[at..];
        let length = bracketed(rest)
            .or_else(|| pairs(rest))
            .or_else(|| three_two_four(rest));
        out.extend(length.map(|l| at..at + l));
    }
    out
}

/// A Hong Kong identity card with its check character in brackets; the brackets say what it is.
fn bracketed(bytes: &[u8]) -> Option<usize> {
    let letters = bytes.iter().take_while(|b| b.is_ascii_lowercase()).count();
    let open = letters + 6;
    let fits = (1..=2).contains(&letters)
        && bytes.len() > open + 2
        && bytes[letters..open].iter().all(u8::is_ascii_digit)
        && bytes[open] == b'('
        && (bytes[open + 1].is_ascii_digit() || bytes[open + 1] == b'a')
        && bytes[open + 2] == b')';
    fits.then_some(open + 3)
}

/// A national insurance number of the United Kingdom in pairs.
fn pairs(bytes: &[u8]) -> Option<usize> {
    let shape = bytes.get(..13)?;
    let fits = shape.iter().enumerate().all(|(i, b)| match i {
        0 | 1 => b.is_ascii_lowercase(),
        2 | 5 | 8 | 11 => *b == b' ' || *b == b'-',
        12 => matches!(b, b'a'..=b'd'),
        _ => b.is_ascii_digit(),
    });
    let ends = bytes.get(13).is_none_or(|b| !b.is_ascii_alphanumeric());
    (fits && ends).then_some(13)
}

/// A social security number of the United States with blanks.
fn three_two_four(bytes: &[u8]) -> Option<usize> {
    let shape = bytes.get(..11)?;
    let fits = shape.iter().enumerate().all(|(i, b)| match i {
        3 | 6 => *b == b' ',
        _ => b.is_ascii_digit(),
    });
    let ends = bytes
        .get(11)
        .is_none_or(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'-' | b' '))
        || bytes.get(11) == Some(&b' ') && bytes.get(12).is_none_or(|b| !b.is_ascii_digit());
    let text = std::str::from_utf8(shape).ok()?;
    (fits && ends && checks::us_ssn([&text[..3], &text[4..6], &text[7..]])).then_some(11)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_in_pieces() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<&str> = in_pieces(text).into_iter().map(|r| &text[r]).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("hkid a123456(3)", &["a123456(3)"]);
        check("nino qq 12 34 56 c", &["qq 12 34 56 c"]);
        check("ssn 219 09 9999, call", &["219 09 9999"]);
        check("call 212 555 0123", &[]);
        check("2 x 219 09 9999 1", &[]);
    }

    #[test]
    fn a_named_document_needs_no_check_digit() {
        let check = |text: &str, token: &str, expected: bool| {
            let at = text.find(token).unwrap();
            assert_eq!(
                is_token_of_person(text, &(at..at + token.len())),
                expected,
                "{text}"
            );
        };
        check("passport x12345678", "x12345678", true);
        check("order x12345678", "x12345678", false);
        check("护照号码:e12345678", "e12345678", true);
        check("ssn 987-65-4320", "987-65-4320", true);
        check("ref 987-65-4320", "987-65-4320", false);
    }
}
