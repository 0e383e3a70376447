//! Text as rules see it, with a map back to the original bytes.
//!
//! Folding takes away what changes the look and not the sense: width and compatibility forms, accents, case,
//! traditional characters, hidden characters, runs of blanks, and separators pushed in between Han characters.
//! Both the phrases of a lexicon and the words of a draft go through the same fold.

use std::ops::Range;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use crate::domain::is_hidden;

/// Folded text and, for each of its bytes, the original byte range it came from.
#[derive(Clone, Default)]
pub struct Folded {
    text: String,
    origin: Vec<(u32, u32)>,
    hidden: Option<(u32, u32)>,
}

impl Folded {
    /// The folded words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The original byte range of a range of folded bytes, on character boundaries of the original.
    pub fn original(&self, folded: Range<usize>) -> Range<usize> {
        let start = self.origin.get(folded.start).map_or(0, |o| o.0 as usize);
        let end = folded
            .end
            .checked_sub(1)
            .and_then(|last| self.origin.get(last))
            .map_or(start, |o| o.1 as usize);
        start..end.max(start)
    }

    /// The original byte range of the first character that nobody sees, where there is one.
    pub fn hidden(&self) -> Option<Range<usize>> {
        self.hidden.map(|(start, end)| start as usize..end as usize)
    }

    fn push(&mut self, c: char, from: (u32, u32)) {
        self.text.push(c);
        self.origin.resize(self.text.len(), from);
    }

    /// Removes separators that stand alone between two Han characters.
    fn join_han(self) -> Folded {
        let mut out = Folded {
            text: String::with_capacity(self.text.len()),
            origin: Vec::with_capacity(self.origin.len()),
            hidden: self.hidden,
        };
        let mut waiting: Vec<(char, (u32, u32))> = Vec::new();
        let mut after_han = false;
        for (at, c) in self.text.char_indices() {
            let from = self.origin[at];
            if after_han && waiting.len() < 4 && is_separator(c) {
                waiting.push((c, from));
                continue;
            }
            if !is_han(c) {
                for (w, f) in waiting.drain(..) {
                    out.push(w, f);
                }
            }
            waiting.clear();
            out.push(c, from);
            after_han = is_han(c);
        }
        for (w, f) in waiting {
            out.push(w, f);
        }
        out
    }
}

/// Folds plain text.
pub fn fold(text: &str) -> Folded {
    fold_pieces(text.char_indices().map(|(at, c)| (c, at, at + c.len_utf8())))
}

/// Folds the words of an HTML page: tags, comments, styles and scripts are left out, character references are read.
pub fn fold_html(html: &str) -> Folded {
    let mut pieces: Vec<(char, usize, usize)> = Vec::with_capacity(html.len());
    let mut at = 0;
    while at < html.len() {
        let rest = &html[at..];
        if let Some(skip) = markup_length(rest) {
            if breaks_line(rest) {
                pieces.push(('\n', at, at + skip));
            }
            at += skip;
            continue;
        }
        let (c, length) = reference(rest).unwrap_or_else(|| {
            let c = rest.chars().next().unwrap_or(' ');
            (c, c.len_utf8())
        });
        // A line break in the source is only a blank on the page.
        let c = if c == '\n' || c == '\r' { ' ' } else { c };
        pieces.push((c, at, at + length));
        at += length;
    }
    fold_pieces(pieces.into_iter())
}

fn fold_pieces(pieces: impl Iterator<Item = (char, usize, usize)>) -> Folded {
    let mut out = Folded::default();
    let table = &*SIMPLIFIED;
    for (c, start, end) in pieces {
        let from = (start as u32, end as u32);
        if is_invisible(c) && out.hidden.is_none() {
            out.hidden = Some(from);
        }
        if c.is_ascii_graphic() {
            out.push(c.to_ascii_lowercase(), from);
        } else if ('\u{4E00}'..='\u{9FFF}').contains(&c) {
            out.push(table[c as usize - 0x4E00], from);
        } else if c == '\n' || c == '\r' || c == '\t' || matches!(c, '\u{2028}' | '\u{2029}') {
            if !out.text.ends_with('\n') {
                out.push('\n', from);
            }
        } else if is_invisible(c) || is_mark(c) {
            // Leaves nothing; the core rule on hidden characters speaks about it.
        } else if c.is_whitespace() {
            push_blank(&mut out, from);
        } else {
            for d in std::iter::once(c).nfkd() {
                if d.is_whitespace() {
                    push_blank(&mut out, from);
                } else if !is_mark(d) {
                    for l in d.to_lowercase() {
                        out.push(simplified(l), from);
                    }
                }
            }
        }
    }
    out.join_han()
}

fn push_blank(out: &mut Folded, from: (u32, u32)) {
    if !out.text.ends_with([' ', '\n']) {
        out.push(' ', from);
    }
}

/// Characters that nobody sees and no message needs; line breaks and tabs are seen.
fn is_invisible(c: char) -> bool {
    (is_hidden(c) && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(
            c,
            '\u{034F}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{180E}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{FFA0}'
                | '\u{E0100}'..='\u{E01EF}'
        )
}

/// Combining marks and variation selectors: accents, strike-through, emoji styles.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}'
        | '\u{3099}' | '\u{309A}')
}

/// Whether `c` is a Chinese character.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}')
}

/// What is pushed between Han characters to hide a word. Commas, stops and line breaks stay: they part clauses.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '.' | '·' | '•' | '・' | '‧' | '*' | '_' | '-' | '|' | '/' | '\\' | '~' | '^' | '+' | '=' | '#' | '\''
        | '`' | '…' | '—' | '–' | '@' | '&' | '"' | '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// The simplified form of a character, where it has one.
fn simplified(c: char) -> char {
    match (c as usize).checked_sub(0x4E00).and_then(|i| SIMPLIFIED.get(i)) {
        Some(s) => *s,
        None => c,
    }
}

/// Two writings of one word that are both in use, the rarer first.
const VARIANTS: &str = "帳账帐账賬账妳你";

/// Traditional to simplified, indexed from U+4E00. The pairs are those of OpenCC (Apache-2.0), first choice each.
static SIMPLIFIED: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut table: Vec<char> = ('\u{4E00}'..='\u{9FFF}').collect();
    for line in include_str!("traditional.txt").lines().chain([VARIANTS]) {
        let mut chars = line.chars();
        while let (Some(from), Some(to)) = (chars.next(), chars.next()) {
            if let Some(slot) = table.get_mut((from as usize).wrapping_sub(0x4E00)) {
                *slot = to;
            }
        }
    }
    table
});

/// How long the markup is that `rest` begins with: a tag, a comment, or a style or script with its content.
fn markup_length(rest: &str) -> Option<usize> {
    if rest.starts_with("<!--") {
        return Some(rest.find("-->").map_or(rest.len(), |end| end + 3));
    }
    let after = rest.strip_prefix('<')?;
    if !after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        return None;
    }
    for (name, close) in [("style", "</style"), ("script", "</script")] {
        if after
            .get(..name.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(name))
        {
            let lower = rest.to_ascii_lowercase();
            let end = lower.find(close).unwrap_or(rest.len());
            return Some(rest[end..].find('>').map_or(rest.len(), |e| end + e + 1));
        }
    }
    rest.find('>').map(|end| end + 1)
}

/// Whether a tag parts words on the page; inline tags inside a word do not.
fn breaks_line(rest: &str) -> bool {
    let name: String = rest
        .trim_start_matches(['<', '/'])
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    !matches!(
        name.as_str(),
        "" | "a"
            | "b"
            | "i"
            | "u"
            | "s"
            | "em"
            | "strong"
            | "span"
            | "font"
            | "small"
            | "big"
            | "sub"
            | "sup"
            | "mark"
            | "code"
            | "wbr"
            | "abbr"
            | "img"
    )
}

/// A character reference such as `&amp;` or `&#x4eba;` at the start of `rest`, with its length.
fn reference(rest: &str) -> Option<(char, usize)> {
    let body = rest.strip_prefix('&')?;
    let end = body.bytes().take(12).position(|b| b == b';')?;
    let name = &body[..end];
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "shy" => '\u{AD}',
        "zwj" => '\u{200D}',
        "zwnj" => '\u{200C}',
        "middot" => '·',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).unwrap_or('\u{FFFD}')
        }
    };
    Some((c, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_in_any_dress() {
        let check = |text: &str, expected: &str| assert_eq!(fold(text).text(), expected, "{text}");
        check("私 人·账*户", "私人账户");
        check("私人帳戶", "私人账户");
        check("ＰＡＹ　Now", "pay now");
        check("p\u{200B}ay", "pay");
        check("付款，谢谢。再见", "付款,谢谢。再见");
        check("转 5 元", "转 5 元");
        check("p̶a̶y̶", "pay");
        check("６２２２", "6222");
    }

    #[test]
    fn spans_lead_back_to_the_original() {
        let text = "请 转到私\u{200B} 人帳戶。";
        let folded = fold(text);
        let at = folded.text().find("私人账户").unwrap();
        let span = folded.original(at..at + "私人账户".len());
        assert_eq!(&text[span], "私\u{200B} 人帳戶");
    }

    #[test]
    fn a_page_reads_as_its_words() {
        let check =
            |html: &str, expected: &str| assert_eq!(fold_html(html).text().trim(), expected, "{html}");
        check("<p>pay <b>n</b>ow</p>", "pay now");
        check("<style>p{width:123456789012px}</style>a&amp;b", "a&b");
        check("&#x8BF7;付款<!-- 62220212 -->", "请付款");
        check("1 < 2", "1 < 2");
        check("<", "<");
    }
}
