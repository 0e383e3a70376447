//! Texts on the air: the GSM 7-bit alphabet (3GPP TS 23.038), UCS-2, headers of parts (TS 23.040), and back again.
//!
//! Parts are cut by `render::split`, so what is shown and billed is what is sent. At the border to a message centre the
//! 7-bit alphabet travels with one character to an octet.

use crate::domain::SmsCoding;
use crate::render;

/// Positions 0x00 to 0x7F; 0x1B, which leads to the extension table, is a placeholder.
const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_', 'Φ', 'Γ',
    'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1B}', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#', '¤', '%', '&', '\'',
    '(', ')', '*', '+', ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<',
    '=', '>', '?', '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q',
    'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f',
    'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä',
    'ö', 'ñ', 'ü', 'à',
];

const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{C}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

const ESCAPE: u8 = 0x1B;

/// The octets of one character; none where the alphabet has none.
fn octets(c: char) -> Option<(Option<u8>, u8)> {
    let at = |position: usize| u8::try_from(position).ok();
    if c.is_ascii_alphanumeric() || c == ' ' {
        return Some((None, c as u8));
    }
    if c == '\u{1B}' {
        return None;
    }
    if let Some(position) = BASIC.iter().position(|b| *b == c) {
        return Some((None, at(position)?));
    }
    let (code, _) = EXTENSION.iter().find(|(_, e)| *e == c)?;
    Some((Some(ESCAPE), *code))
}

/// A part as its octets; none where a character has no place in the alphabet.
fn coded(part: &str, coding: SmsCoding) -> Option<Vec<u8>> {
    match coding {
        SmsCoding::Ucs2 => Some(part.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        SmsCoding::Gsm7 => {
            let mut bytes = Vec::with_capacity(part.len() + 4);
            for c in part.chars() {
                let (escape, code) = octets(c)?;
                bytes.extend(escape);
                bytes.push(code);
            }
            Some(bytes)
        }
    }
}

/// `data_coding` of an alphabet.
pub(super) fn data_coding(coding: SmsCoding) -> u8 {
    match coding {
        SmsCoding::Gsm7 => 0,
        SmsCoding::Ucs2 => 8,
    }
}

/// A message cut and coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coded {
    pub(super) coding: SmsCoding,
    /// In order, without headers.
    pub(super) parts: Vec<Vec<u8>>,
}

/// Cuts and codes `text`; none where a character cannot be sent (control characters but line breaks) or the parts are
/// more than one octet can number.
pub(super) fn code(text: &str) -> Option<Coded> {
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\u{C}');
    if text.is_empty() || text.chars().any(|c| c.is_control() && !breaks(c)) {
        return None;
    }
    let coding = render::segments(text).coding;
    let parts = render::split(text);
    if parts.len() > 255 {
        return None;
    }
    let parts = parts
        .into_iter()
        .map(|p| coded(p, coding))
        .collect::<Option<_>>()?;
    Some(Coded { coding, parts })
}

/// The header of part `part` of `of` (from 1): a concatenated message with a reference of eight bits.
pub(super) fn part_header(reference: u8, of: u8, part: u8) -> [u8; 6] {
    [0x05, 0x00, 0x03, reference, of, part]
}

/// A text that came in, and which part of a longer one it is: reference, part, number of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) text: String,
    pub(super) part: Option<(u16, u8, u8)>,
}

/// Reads what a telephone sent; what is no text comes as hexadecimal digits. Total.
pub(super) fn heard(bytes: &[u8], data_coding: u8, has_header: bool) -> Heard {
    let (header, body) = match (has_header, bytes.split_first()) {
        (true, Some((length, rest))) => rest.split_at(usize::from(*length).min(rest.len())),
        _ => (&[][..], bytes),
    };
    let text = match alphabet(data_coding) {
        Alphabet::Gsm => gsm(body),
        Alphabet::Ucs2 => {
            let units: Vec<u16> = body
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        Alphabet::Latin => body.iter().map(|b| char::from(*b)).collect(),
        Alphabet::Bytes => hex::encode(body),
    };
    Heard {
        text,
        part: part_of(header),
    }
}

enum Alphabet {
    Gsm,
    Latin,
    Ucs2,
    Bytes,
}

/// `data_coding` of SMPP 3.4 (section 5.2.19) and, above 0x0F, of TS 23.038.
fn alphabet(data_coding: u8) -> Alphabet {
    match data_coding {
        0x00 => Alphabet::Gsm,
        0x01 | 0x03 => Alphabet::Latin,
        0x08 | 0xE0..=0xEF => Alphabet::Ucs2,
        0x02..=0x0F => Alphabet::Bytes,
        0xF0..=0xFF if data_coding & 4 == 0 => Alphabet::Gsm,
        0xF0..=0xFF => Alphabet::Bytes,
        0xC0..=0xDF => Alphabet::Gsm,
        _ => match (data_coding >> 2) & 3 {
            0 => Alphabet::Gsm,
            2 => Alphabet::Ucs2,
            _ => Alphabet::Bytes,
        },
    }
}

fn gsm(bytes: &[u8]) -> String {
    let (mut text, mut escaped) = (String::with_capacity(bytes.len()), false);
    for byte in bytes.iter().map(|b| b & 0x7F) {
        let extended = || EXTENSION.iter().find(|(code, _)| *code == byte).map(|(_, c)| *c);
        match (escaped, byte) {
            (false, ESCAPE) => {
                escaped = true;
                continue;
            }
            (true, ESCAPE) => text.push(' '),
            // A telephone that does not know an extension shows the basic character.
            (true, _) => text.push(extended().unwrap_or(BASIC[usize::from(byte)])),
            (false, _) => text.push(BASIC[usize::from(byte)]),
        }
        escaped = false;
    }
    text
}

/// The element of a header that tells of parts, with a reference of eight or of sixteen bits.
fn part_of(mut header: &[u8]) -> Option<(u16, u8, u8)> {
    while let [kind, length, rest @ ..] = header {
        let (value, next) = rest.split_at_checked(usize::from(*length))?;
        match (*kind, value) {
            (0x00, [reference, of, part]) => return Some((u16::from(*reference), *part, *of)),
            (0x08, [high, low, of, part]) => return Some((u16::from_be_bytes([*high, *low]), *part, *of)),
            _ => header = next,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_alphabet_is_that_of_the_standard() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                coded(text, SmsCoding::Gsm7).map(hex::encode).as_deref(),
                Some(expected),
                "{text}"
            );
        };
        check("@£$¥", "00010203");
        check("Hello", "48656c6c6f");
        check("ÆæßÉ", "1c1d1e1f");
        check("Ä§¿äà", "5b5f607b7f");
        check("€[]", "1b651b3c1b3e");
        assert_eq!(coded("ç", SmsCoding::Gsm7), None);
        assert_eq!(
            coded("中A", SmsCoding::Ucs2).map(hex::encode).as_deref(),
            Some("4e2d0041")
        );
    }

    #[test]
    fn parts_fit_and_what_cannot_be_sent_is_told() {
        let check = |text: &str, lengths: &[usize]| {
            let found = code(text).map(|c| c.parts.iter().map(Vec::len).collect::<Vec<_>>());
            assert_eq!(found.unwrap_or_default(), lengths, "{text}");
        };
        check("ok", &[2]);
        check(&"a".repeat(160), &[160]);
        check(&"€".repeat(80), &[160]);
        check(&"€".repeat(81), &[152, 10]);
        check(&"中".repeat(70), &[140]);
        check(&"中".repeat(71), &[134, 8]);
        check("", &[]);
        check("a\0b", &[]);
        check("a\u{1b}b", &[]);
        check(&"中".repeat(67 * 256), &[]);
    }

    #[test]
    fn what_telephones_send_is_read() {
        let check = |hex_bytes: &str, coding, header, text: &str, part| {
            let found = heard(&hex::decode(hex_bytes).unwrap(), coding, header);
            assert_eq!((found.text.as_str(), found.part), (text, part));
        };
        check("1b6500", 0, false, "€@", None);
        check("90008ba2", 8, false, "退订", None);
        check("90008b", 8, false, "退\u{8b00}", None);
        check("53544f50", 1, false, "STOP", None);
        check("05000307020153", 0, true, "S", Some((7, 1, 2)));
        check("0608040102030254", 0, true, "T", Some((0x0102, 2, 3)));
        check("ff54", 0, true, "", None);
        check("dead", 4, false, "dead", None);
        check("54", 0xF1, false, "T", None);
    }

    proptest! {
        #[test]
        fn what_can_be_coded_reads_back(text in "[a-zA-Z0-9@£$¥èéùìòÇØøÅåΔ_ΦΓ€\\[\\]{}~^|中文退订😀\n ]{1,300}") {
            let coded = code(&text).unwrap();
            let whole: String = coded.parts.iter().map(|p| heard(p, data_coding(coded.coding), false).text).collect();
            prop_assert_eq!(whole, text);
        }

        #[test]
        fn any_octets_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), coding: u8, header: bool) {
            let _ = heard(&bytes, coding, header);
        }
    }
}
