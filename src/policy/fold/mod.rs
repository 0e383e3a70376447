//! Text as rules see it, with a map back to the original bytes.
//!
//! Folding takes away what changes the look and not the sense: width and compatibility forms, accents, case,
//! traditional characters, letters of other scripts that look Latin, hidden characters, runs of blanks, separators
//! pushed in between Han characters, and pictures that stand for words. Both the words of a lexicon and the words of a
//! draft go through the same fold. Readings that would spoil plain text (leetspeak, letters spelled out, characters taken
//! apart, pinyin, homophones) are `lanes`: second readings beside the folded text, asked for only where it looks odd.

mod html;
pub(crate) mod lanes;
mod tables;

use std::cell::RefCell;
use std::ops::Range;

use crate::domain::is_hidden;
use tables::Becomes;

/// Folded text and, for each of its characters, the original byte range it came from.
#[derive(Clone, Default)]
pub struct Folded {
    text: String,
    chars: Vec<char>,
    /// The byte of `text` at which each character begins.
    starts: Vec<u32>,
    origin: Vec<(u32, u32)>,
    hidden: Option<(u32, u32)>,
    /// Bytes of blanks that were two or more in the original.
    wide_blanks: Vec<u32>,
    oddities: Oddities,
    /// How many Han characters were pulled together over separators.
    joints: u32,
}

/// What is unusual about the writing of a text, as bit flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities(pub u16);

impl Oddities {
    /// Characters that nobody sees, inside words.
    pub const ZERO_WIDTH: Oddities = Oddities(1);
    /// Full-width or otherwise dressed-up letters.
    pub const WIDE: Oddities = Oddities(1 << 1);
    /// Letters of another script that look Latin.
    pub const LOOKALIKE: Oddities = Oddities(1 << 2);
    /// Separators inside Han words.
    pub const SEPARATED: Oddities = Oddities(1 << 3);
    /// Pictures that stand for words.
    pub const EMOJI: Oddities = Oddities(1 << 4);
    /// Latin words spelled out letter by letter.
    pub const SPELLED_OUT: Oddities = Oddities(1 << 5);
    /// Digits and signs in the place of letters.
    pub const LEET: Oddities = Oddities(1 << 6);
    /// Chinese written in Latin letters.
    pub const PINYIN: Oddities = Oddities(1 << 7);
    /// Han characters that usually do not stand together.
    pub const HOMOPHONE: Oddities = Oddities(1 << 8);
    /// Characters taken apart.
    pub const SPLIT: Oddities = Oddities(1 << 9);

    /// Adds those of `other`.
    pub fn add(&mut self, other: Oddities) {
        self.0 |= other.0;
    }

    /// Whether all of `other` are there.
    pub fn has(self, other: Oddities) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Folded {
    /// The folded words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folded characters.
    pub(crate) fn chars(&self) -> &[char] {
        &self.chars
    }

    /// The byte of the folded text at which each of the characters begins.
    pub(crate) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The original byte range of a range of folded bytes, on character boundaries of the original.
    pub fn original(&self, folded: Range<usize>) -> Range<usize> {
        let holds = |byte: usize| {
            self.starts
                .partition_point(|s| *s as usize <= byte)
                .checked_sub(1)
        };
        let of = |i: Option<usize>| i.and_then(|i| self.origin.get(i));
        let start = if folded.start < self.text.len() {
            of(holds(folded.start)).map_or(0, |o| o.0 as usize)
        } else {
            0
        };
        let last = folded.end.checked_sub(1).filter(|last| *last < self.text.len());
        let end = of(last.and_then(holds)).map_or(start, |o| o.1 as usize);
        start..end.max(start)
    }

    /// The original byte range of the first character that nobody sees, where there is one.
    pub fn hidden(&self) -> Option<Range<usize>> {
        self.hidden.map(|(start, end)| start as usize..end as usize)
    }

    /// How many Han characters were pulled together over separators.
    pub(crate) fn joints(&self) -> u32 {
        self.joints
    }

    /// What is unusual about the writing.
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// Whether the blank at a folded byte was two or more.
    pub(crate) fn is_wide_blank(&self, at: usize) -> bool {
        self.wide_blanks.binary_search(&(at as u32)).is_ok()
    }

    fn push(&mut self, c: char, from: (u32, u32)) {
        self.starts.push(self.text.len() as u32);
        self.chars.push(c);
        self.origin.push(from);
        self.text.push(c);
    }
}

/// One character after folding, before separators are judged.
#[derive(Clone, Copy)]
struct Glyph {
    c: char,
    from: (u32, u32),
}

/// Folds plain text.
pub fn fold(text: &str) -> Folded {
    let mut folded = Folded::default();
    fold_into(text, false, &mut folded);
    folded
}

/// Folds the words of an HTML page: tags, comments, styles and scripts are left out, character references are read.
pub fn fold_html(html: &str) -> Folded {
    let mut folded = Folded::default();
    fold_into(html, true, &mut folded);
    folded
}

thread_local! {
    /// Room for the characters of one text before separators are judged.
    static GLYPHS: RefCell<Vec<Glyph>> = const { RefCell::new(Vec::new()) };
}

/// A text so long is rare, and its room is given back.
const LONG: usize = 1 << 16;

/// Folds a text, or the words of a page, into the room of an earlier one.
pub(crate) fn fold_into(text: &str, html: bool, folded: &mut Folded) {
    let mut folder = Folder::new(text, GLYPHS.take());
    if html {
        for (c, start, end) in html::pieces(text) {
            folder.take(c, (start as u32, end as u32));
        }
    } else {
        for (at, c) in text.char_indices() {
            folder.take(c, (at as u32, (at + c.len_utf8()) as u32));
        }
    }
    let mut glyphs = folder.finish(folded);
    if glyphs.capacity() < LONG {
        glyphs.clear();
        GLYPHS.set(glyphs);
    }
}

struct Folder {
    glyphs: Vec<Glyph>,
    wide: Vec<u32>,
    hidden: Option<(u32, u32)>,
    oddities: Oddities,
    /// Pictures become Chinese words.
    han: bool,
    /// The last character was a picture of a person or a sign joined to the next by a joiner.
    joined: bool,
    /// Where the glyphs of the last picture end.
    pictured: usize,
}

impl Folder {
    fn new(text: &str, mut glyphs: Vec<Glyph>) -> Folder {
        glyphs.reserve(text.len() / 3 + 8);
        Folder {
            glyphs,
            wide: Vec::new(),
            hidden: None,
            oddities: Oddities::default(),
            han: text.bytes().any(|b| (0xE4..=0xE9).contains(&b)),
            joined: false,
            pictured: 0,
        }
    }

    fn take(&mut self, c: char, from: (u32, u32)) {
        if c.is_ascii_graphic() {
            self.push(c.to_ascii_lowercase(), from);
            return;
        }
        match tables::becomes(c) {
            Becomes::Char(plain) => {
                if plain.is_ascii_alphanumeric() {
                    self.odd_letter(c);
                }
                self.push(plain, from);
            }
            Becomes::Mark => {}
            Becomes::Invisible => self.invisible(c, from),
            Becomes::Blank => self.blank(from),
            Becomes::Line => self.line(from),
            Becomes::Slow => self.slow(c, from),
        }
    }

    fn push(&mut self, c: char, from: (u32, u32)) {
        self.joined = false;
        self.glyphs.push(Glyph { c, from });
    }

    fn last(&self) -> char {
        self.glyphs.last().map_or('\n', |g| g.c)
    }

    fn odd_letter(&mut self, c: char) {
        let lookalike = matches!(c, '\u{0370}'..='\u{058F}' | '\u{1D00}'..='\u{1D2B}');
        self.oddities.add(if lookalike {
            Oddities::LOOKALIKE
        } else {
            Oddities::WIDE
        });
    }

    /// Leaves nothing; the core rule on hidden characters speaks about it. A joiner inside a picture is part of it.
    fn invisible(&mut self, c: char, from: (u32, u32)) {
        let plain = !self.last().is_alphanumeric() && !is_han(self.last());
        let pictured = self.pictured > 0 && self.pictured == self.glyphs.len();
        if c == '\u{200D}' && (plain || pictured) {
            self.joined = true;
            return;
        }
        self.hidden.get_or_insert(from);
        self.oddities.add(Oddities::ZERO_WIDTH);
    }

    fn blank(&mut self, from: (u32, u32)) {
        match self.last() {
            ' ' => {
                let at = self.glyphs.len() as u32 - 1;
                if self.wide.last() != Some(&at) {
                    self.wide.push(at);
                }
            }
            '\n' => {}
            _ => self.push(' ', from),
        }
    }

    fn line(&mut self, from: (u32, u32)) {
        if self.last() != '\n' || self.glyphs.is_empty() {
            self.push('\n', from);
        }
    }

    fn slow(&mut self, c: char, from: (u32, u32)) {
        let tone = matches!(c, '\u{1F3FB}'..='\u{1F3FF}');
        if tone || self.joined && !c.is_alphanumeric() {
            // The second figure of a joined picture, or its skin.
            self.joined = false;
            return;
        }
        if is_invisible(c) {
            self.invisible(c, from);
        } else if let Some((zh, en)) = tables::picture(c) {
            self.oddities.add(Oddities::EMOJI);
            if self.han {
                zh.chars().for_each(|d| self.push(d, from));
                self.pictured = self.glyphs.len();
            } else {
                self.blank(from);
                for d in en.chars() {
                    if d == ' ' {
                        self.blank(from);
                    } else {
                        self.push(d, from);
                    }
                }
                self.blank(from);
            }
        } else {
            for d in tables::letters(c) {
                if d.is_whitespace() {
                    self.blank(from);
                } else {
                    if d.is_ascii_alphanumeric() {
                        self.odd_letter(c);
                    }
                    self.push(d, from);
                }
            }
        }
    }

    /// Judges the separators between Han characters and lays the text down.
    fn finish(self, out: &mut Folded) -> Vec<Glyph> {
        let glyphs = self.glyphs;
        out.text.clear();
        out.chars.clear();
        out.starts.clear();
        out.origin.clear();
        out.wide_blanks.clear();
        out.text.reserve(glyphs.len() * 3);
        out.chars.reserve(glyphs.len());
        out.starts.reserve(glyphs.len());
        out.origin.reserve(glyphs.len());
        out.hidden = self.hidden;
        out.oddities = self.oddities;
        out.joints = 0;
        let mut wide = self.wide.into_iter().peekable();
        let mut at = 0;
        // The Han character before `at` was reached over a separator, or starts the text.
        let mut lone = true;
        while at < glyphs.len() {
            let g = glyphs[at];
            if is_han(g.c) {
                if glyphs.get(at + 1).is_some_and(|next| is_han(next.c)) {
                    out.push(g.c, g.from);
                    lone = false;
                    at += 1;
                    continue;
                }
                let next = joint(&glyphs, at, lone);
                lone = next.is_some_and(|n| n > at + 1);
                out.push(g.c, g.from);
                if let Some(next) = next.filter(|n| *n > at + 1) {
                    out.oddities.add(Oddities::SEPARATED);
                    out.joints += 1;
                    at = next;
                    continue;
                }
            } else {
                while wide.next_if(|w| (*w as usize) < at).is_some() {}
                if wide.next_if(|w| *w as usize == at).is_some() {
                    out.wide_blanks.push(out.text.len() as u32);
                }
                lone = true;
                out.push(g.c, g.from);
            }
            at += 1;
        }
        glyphs
    }
}

/// The next Han character after the one at `at`, where only separators lie between.
fn joint(glyphs: &[Glyph], at: usize, lone: bool) -> Option<usize> {
    let c = |i: usize| glyphs.get(i).map_or('\n', |g| g.c);
    if is_han(c(at + 1)) {
        return Some(at + 1);
    }
    // `法(fa)院`: the reading in brackets.
    if matches!(c(at + 1), '(' | '[' | '{') {
        let close = (at + 2..at + 9).find(|i| !c(*i).is_ascii_lowercase())?;
        let name: String = (at + 2..close).map(c).collect();
        let reads = tables::READINGS
            .named(&name)
            .is_some_and(|r| tables::READINGS.all(c(at)).any(|own| own == r));
        if reads && matches!(c(close), ')' | ']' | '}') {
            return is_han(c(close + 1)).then_some(close + 1);
        }
    }
    let next = (at + 1..at + 5).find(|i| is_han(c(*i)))?;
    let between = at + 1..next;
    if between.clone().all(|i| is_separator(c(i))) {
        return Some(next);
    }
    // Brackets around one character, and any sign that parts one character after the other.
    let signs = between.clone().all(|i| !c(i).is_alphanumeric() && !is_han(c(i)));
    let single_next = !is_han(c(next + 1)) && is_sign(c(next + 1));
    let bracketed = signs
        && between.clone().all(|i| is_bracket(c(i)) || is_separator(c(i)))
        && (single_next && is_bracket(c(next + 1)) || lone && is_bracket(c(at + 1)));
    if bracketed {
        return Some(next);
    }
    let same = between.len() == 1 && signs && lone && single_next;
    let again = c(next + 1) == c(at + 1) && is_han(c(next + 2)) || at > 0 && c(at - 1) == c(at + 1);
    (same && again).then_some(next)
}

fn is_bracket(c: char) -> bool {
    matches!(
        c,
        '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '「' | '」' | '『' | '』' | '【' | '】' | '〔' | '〕'
    )
}

fn is_sign(c: char) -> bool {
    !c.is_alphanumeric()
}

/// Characters that nobody sees and no message needs; line breaks and tabs are seen.
pub(crate) fn is_invisible(c: char) -> bool {
    (is_hidden(c) && !matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}'))
        || matches!(
            c,
            '\u{034F}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{180B}'..='\u{180F}'
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
        check("раy", "pay");
        check("法(fa)院", "法院");
        check("法（院）来人", "法院来人");
        check("起,诉,你,了", "起诉你了");
        check("起\n诉\n你", "起诉你");
        check("你好,王女士,请付款", "你好,王女士,请付款");
        check("拿🔪来", "拿刀来");
        check("🅿🅰🆈", "pay");
        check("١٢٣", "123");
        check("好的😊谢谢", "好的谢谢");
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
