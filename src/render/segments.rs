//! How an SMS is coded on the air and how many segments it takes (3GPP TS 23.038 and 23.040).
//!
//! A text that fits the GSM 7-bit alphabet takes 160 characters, or 153 a segment; anything else goes out as
//! UCS-2 with 70 units, or 67 a segment. Neither an escape pair nor a surrogate pair is ever split.

use crate::domain::{Segments, SmsCoding};

/// The GSM 7-bit default alphabet without its escape character.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§\
                     ¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Characters of the extension table; they take two places.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// How many segments `text` takes.
pub fn segments(text: &str) -> Segments {
    let coding = coding(text);
    let units = text.chars().map(|c| width(c, coding)).sum();
    let count = if units <= single(coding) {
        1
    } else {
        cuts(text, coding).len()
    };
    Segments { coding, units, count }
}

/// The texts of the segments in order; together they are `text`.
pub fn split(text: &str) -> Vec<&str> {
    let coding = coding(text);
    let units: usize = text.chars().map(|c| width(c, coding)).sum();
    if units <= single(coding) {
        return vec![text];
    }
    let mut from = 0;
    cuts(text, coding)
        .into_iter()
        .map(|to| {
            let part = &text[from..to];
            from = to;
            part
        })
        .collect()
}

/// Where each segment ends, in bytes; the last is the end of the text.
fn cuts(text: &str, coding: SmsCoding) -> Vec<usize> {
    let room = match coding {
        SmsCoding::Gsm7 => 153,
        SmsCoding::Ucs2 => 67,
    };
    let (mut ends, mut filled) = (Vec::new(), 0);
    for (at, c) in text.char_indices() {
        let wide = width(c, coding);
        if filled + wide > room {
            ends.push(at);
            filled = 0;
        }
        filled += wide;
    }
    ends.push(text.len());
    ends
}

fn single(coding: SmsCoding) -> usize {
    match coding {
        SmsCoding::Gsm7 => 160,
        SmsCoding::Ucs2 => 70,
    }
}

fn coding(text: &str) -> SmsCoding {
    let gsm = |c: char| c.is_ascii_alphanumeric() || c == ' ' || BASIC.contains(c) || EXTENSION.contains(c);
    if text.chars().all(gsm) {
        SmsCoding::Gsm7
    } else {
        SmsCoding::Ucs2
    }
}

fn width(c: char, coding: SmsCoding) -> usize {
    match coding {
        SmsCoding::Gsm7 if EXTENSION.contains(c) => 2,
        SmsCoding::Gsm7 => 1,
        SmsCoding::Ucs2 => c.len_utf16(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_as_they_are_billed() {
        use SmsCoding::*;
        let check = |text: &str, coding, units, count| {
            assert_eq!(segments(text), Segments { coding, units, count }, "{text}");
            let parts = split(text);
            assert_eq!((parts.len(), parts.concat().as_str()), (count, text));
        };
        check("", Gsm7, 0, 1);
        check(&"a".repeat(160), Gsm7, 160, 1);
        check(&"a".repeat(161), Gsm7, 161, 2);
        check(&"a".repeat(306), Gsm7, 306, 2);
        check(&"a".repeat(307), Gsm7, 307, 3);
        check("@£$¥èéùìòÇΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà", Gsm7, 38, 1);
        check(&"中".repeat(70), Ucs2, 70, 1);
        check(&"中".repeat(71), Ucs2, 71, 2);
        check(&"中".repeat(134), Ucs2, 134, 2);
        check(&"中".repeat(135), Ucs2, 135, 3);
        check("ç", Ucs2, 1, 1);
        check("`", Ucs2, 1, 1);
    }

    #[test]
    fn extension_characters_take_two_places_and_stay_whole() {
        let full = format!("{}€", "a".repeat(158));
        assert_eq!((segments(&full).units, segments(&full).count), (160, 1));
        let over = format!("{}€", "a".repeat(159));
        assert_eq!((segments(&over).units, segments(&over).count), (161, 2));
        // The escape pair would straddle the cut at 153, so the first segment ends one earlier.
        let straddling = format!("{}€{}", "a".repeat(152), "b".repeat(152));
        assert_eq!(segments(&straddling).units, 306);
        let lengths: Vec<_> = split(&straddling).iter().map(|p| p.chars().count()).collect();
        assert_eq!(lengths, [152, 152, 1]);
    }

    #[test]
    fn surrogate_pairs_stay_whole() {
        let text = format!("{}𠮷{}", "中".repeat(66), "中".repeat(66));
        assert_eq!((segments(&text).units, segments(&text).count), (134, 3));
        let lengths: Vec<_> = split(&text).iter().map(|p| p.encode_utf16().count()).collect();
        assert_eq!(lengths, [66, 67, 1]);
    }
}
