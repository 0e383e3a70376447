//! Bytes to text: which encoding a file has, and the traces of a wrong one.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use encoding_rs::{GB18030, GBK, UTF_8, WINDOWS_1252};

/// The encoding a file was read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without byte order mark.
    Utf8,
    /// GB18030, and so GBK and GB2312.
    Gb18030,
}

impl Encoding {
    /// The name, as in a mapping.
    pub const fn as_str(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Gb18030 => "gb18030",
        }
    }
}

/// Decodes a file in the `wanted` encoding, or in the one it fits; what cannot be decoded becomes U+FFFD, so that
/// the row around it is refused and the others are not. `Err` when it is no text at all.
pub(super) fn decode(bytes: &[u8], wanted: Option<Encoding>) -> Result<(Cow<'_, str>, Encoding), ()> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) || bytes.contains(&0) {
        return Err(());
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let lossy = |encoding: &'static encoding_rs::Encoding| encoding.decode_without_bom_handling(bytes);
    Ok(match wanted {
        Some(Encoding::Utf8) => (lossy(UTF_8).0, Encoding::Utf8),
        Some(Encoding::Gb18030) => (lossy(GB18030).0, Encoding::Gb18030),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), Encoding::Utf8),
            Err(_) => match lossy(GB18030) {
                (text, false) => (text, Encoding::Gb18030),
                _ => (lossy(UTF_8).0, Encoding::Utf8),
            },
        },
    })
}

/// Whether `text` shows that it was read in the wrong encoding: replacement characters, UTF-8 that was read as GBK
/// or as Western European, or Western European that was read as GBK.
pub(super) fn is_garbled(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    text.contains('\u{FFFD}')
        || (may_be_gbk_of_utf8(text) && was_utf8_in(text, GBK))
        || (text.chars().all(|c| c <= '\u{2122}') && was_utf8_in(text, WINDOWS_1252))
        || was_western(text)
}

/// Whether the first character that is not ASCII is one that the first two bytes of UTF-8 give when read as GBK.
/// Encoding is slow, so that nearly all texts should stop here.
fn may_be_gbk_of_utf8(text: &str) -> bool {
    static FIRST: LazyLock<HashSet<char>> = LazyLock::new(|| {
        let pairs = (0xE3..=0xEFu8).flat_map(|a| (0x80..=0xBFu8).map(move |b| [a, b]));
        pairs
            .filter_map(|pair| GBK.decode_without_bom_handling(&pair).0.chars().next())
            .collect()
    });
    text.chars()
        .find(|c| !c.is_ascii())
        .is_some_and(|c| FIRST.contains(&c))
}

/// Whether the bytes of `text` in `encoding` are in truth UTF-8.
fn was_utf8_in(text: &str, encoding: &'static encoding_rs::Encoding) -> bool {
    let (bytes, _, unmappable) = encoding.encode(text.trim_end_matches('?'));
    if unmappable {
        return false;
    }
    let truth = match std::str::from_utf8(&bytes) {
        Ok(truth) => truth,
        // A last character cut in half is what an odd number of bytes leaves behind.
        Err(e) if e.error_len().is_none() && text.ends_with('?') => {
            std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    if encoding == WINDOWS_1252 {
        return !truth.is_ascii();
    }
    truth
        .chars()
        .filter(|c| matches!(c, '\u{4E00}'..='\u{9FFF}'))
        .count()
        >= 2
}

/// Whether one or two Chinese characters stand in the middle of a word of small Latin letters, and no others.
fn was_western(text: &str) -> bool {
    let ideograph = |c: &char| matches!(c, '\u{3400}'..='\u{9FFF}');
    let chars: Vec<char> = text.chars().collect();
    chars.iter().filter(|c| ideograph(c)).count() <= 2
        && chars
            .windows(3)
            .any(|w| w[0].is_ascii_alphabetic() && ideograph(&w[1]) && w[2].is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_encoding_leaves_traces() {
        let check = |text: &str, expected: bool| assert_eq!(is_garbled(text), expected, "{text}");
        let as_gbk = GBK.decode("李伟".as_bytes()).0;
        let as_latin = WINDOWS_1252.decode("李伟".as_bytes()).0;
        let latin_as_gbk = GBK.decode(b"M\xFCller").0;
        let cut = GBK.decode(&"李伟明".as_bytes()[..8]).0 + "?";
        check(&as_gbk, true);
        check(&as_latin, true);
        check(&latin_as_gbk, true);
        check(&cut, true);
        check("李\u{FFFD}", true);
        for fine in [
            "李伟",
            "联通",
            "欧阳修远",
            "José Müller",
            "A座12楼",
            "上海市样本路A栋b座",
            "上海示例贸易有限公司",
            "陳大文",
            "Zoë",
        ] {
            check(fine, false);
        }
    }

    #[test]
    fn encodings_are_found() {
        let check = |bytes: &[u8], expected: Encoding| {
            let (text, encoding) = decode(bytes, None).unwrap();
            assert_eq!((&*text, encoding), ("姓名,李伟", expected));
        };
        let gb = GB18030.encode("姓名,李伟").0;
        check("姓名,李伟".as_bytes(), Encoding::Utf8);
        check("\u{FEFF}姓名,李伟".as_bytes(), Encoding::Utf8);
        check(&gb, Encoding::Gb18030);
        assert!(decode(b"\xFF\xFEa\0b\0", None).is_err());
    }
}
