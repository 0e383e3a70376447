//! Words of days and sums in a text, as rules of `parts.toml` name them: the pieces that `dates` and `amounts` put together.

use std::collections::HashMap;
use std::ops::Range;

use super::PartKind;
use crate::domain::Currency;
use crate::policy::fold::is_han;

/// What a word stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: PartKind,
    /// Days, day of the week, month, or the number itself.
    pub(super) n: i64,
    /// Which currencies it may be.
    pub(super) currencies: Vec<Currency>,
}

/// All words of days and sums.
#[derive(Debug, Default)]
pub(super) struct Parts {
    words: HashMap<char, Vec<(Vec<char>, usize)>>,
    parts: Vec<Part>,
    names: Vec<String>,
}

/// Numbers are kept in ten-thousandths.
pub(super) const ONE: i64 = 10_000;

/// A piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) what: What,
    /// Bytes of the folded text.
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A word by its place in the list, and what it stands for.
    Part(PartKind, usize),
    /// A number in ten-thousandths, how many digits it was written with, and whether it has separators or decimals.
    Number { value: i64, digits: usize, plain: bool },
    /// Any other sign or word.
    Other(char),
}

/// No text holds more pieces that matter.
const MOST: usize = 4_000;

impl Parts {
    pub(super) fn add(&mut self, part: Part, words: &[String]) {
        for word in words {
            let letters: Vec<char> = crate::policy::fold::fold(word).text().chars().collect();
            if let Some(first) = letters.first() {
                let at = self.parts.len();
                let list = self.words.entry(*first).or_default();
                list.push((letters, at));
                // The longest first.
                list.sort_by_key(|(w, _)| std::cmp::Reverse(w.len()));
                self.parts.push(part.clone());
                self.names.push(word.clone());
            }
        }
    }

    pub(super) fn part(&self, at: usize) -> &Part {
        &self.parts[at]
    }

    pub(super) fn name(&self, at: usize) -> &str {
        &self.names[at]
    }

    /// The pieces of a folded text.
    pub(super) fn pieces(&self, text: &str) -> Vec<Piece> {
        let chars: Vec<(usize, char)> = text.char_indices().collect();
        let byte = |i: usize| chars.get(i).map_or(text.len(), |(at, _)| *at);
        let mut out = Vec::new();
        let mut i = 0;
        while i < chars.len() && out.len() < MOST {
            if let Some((what, end)) = number(&chars, i).or_else(|| han_number(&chars, i)) {
                out.push(Piece {
                    what,
                    span: byte(i)..byte(end),
                });
                i = end;
                continue;
            }
            if let Some((at, length)) = self.word(&chars, i) {
                let end = i + length;
                out.push(Piece {
                    what: What::Part(self.parts[at].kind, at),
                    span: byte(i)..byte(end),
                });
                i = end;
                continue;
            }
            let c = chars[i].1;
            let mut end = i + 1;
            if c.is_ascii_alphabetic() {
                while chars
                    .get(end)
                    .is_some_and(|(_, c)| c.is_ascii_alphabetic() || *c == '\'')
                {
                    end += 1;
                }
            }
            if !c.is_whitespace() {
                out.push(Piece {
                    what: What::Other(if end > i + 1 { 'a' } else { c }),
                    span: byte(i)..byte(end),
                });
            }
            i = end;
        }
        out
    }

    fn word(&self, chars: &[(usize, char)], i: usize) -> Option<(usize, usize)> {
        let letter = |at: usize| chars.get(at).is_some_and(|(_, c)| c.is_ascii_alphabetic());
        let list = self.words.get(&chars[i].1)?;
        let fits = |word: &[char]| {
            let end = i + word.len();
            let same = word
                .iter()
                .enumerate()
                .all(|(k, c)| chars.get(i + k).is_some_and(|(_, d)| d == c));
            let parted = |inner: char, at: usize| !inner.is_ascii_alphabetic() || !letter(at);
            same && word.last().is_some_and(|last| parted(*last, end))
                && (i == 0 || word.first().is_some_and(|first| parted(*first, i - 1)))
        };
        list.iter()
            .find(|(word, _)| fits(word))
            .map(|(word, at)| (*at, word.len()))
    }
}

/// A number in digits, with separators and decimals.
fn number(chars: &[(usize, char)], i: usize) -> Option<(What, usize)> {
    let at = |k: usize| chars.get(k).map_or('\n', |(_, c)| *c);
    if !at(i).is_ascii_digit() {
        return None;
    }
    let (mut end, mut whole, mut digits, mut plain) = (i, 0i64, 0usize, true);
    loop {
        let c = at(end);
        if let Some(d) = c.to_digit(10) {
            whole = whole.saturating_mul(10).saturating_add(i64::from(d));
            digits += 1;
            end += 1;
        } else if c == ',' && (1..=3).all(|k| at(end + k).is_ascii_digit()) && !at(end + 4).is_ascii_digit() {
            plain = false;
            end += 1;
        } else {
            break;
        }
    }
    let mut value = whole.saturating_mul(ONE);
    if at(end) == '.' && at(end + 1).is_ascii_digit() {
        plain = false;
        let (mut unit, mut k) = (ONE / 10, end + 1);
        while let Some(d) = at(k).to_digit(10) {
            value = value.saturating_add(i64::from(d) * unit);
            unit /= 10;
            k += 1;
        }
        end = k;
    }
    Some((What::Number { value, digits, plain }, end))
}

/// A number in Chinese numerals: `两千五`, `一万二`, `十五`, `三百`.
fn han_number(chars: &[(usize, char)], i: usize) -> Option<(What, usize)> {
    let at = |k: usize| chars.get(k).map_or('\n', |(_, c)| *c);
    let digit = |c: char| {
        "零一二三四五六七八九".chars().position(|d| d == c).or(match c {
            '两' => Some(2),
            '〇' => Some(0),
            '壹' => Some(1),
            '贰' => Some(2),
            '叁' => Some(3),
            '肆' => Some(4),
            '伍' => Some(5),
            '陆' => Some(6),
            '柒' => Some(7),
            '捌' => Some(8),
            '玖' => Some(9),
            _ => None,
        })
    };
    let unit = |c: char| match c {
        '十' | '拾' => Some(10i64),
        '百' | '佰' => Some(100),
        '千' | '仟' => Some(1000),
        '万' => Some(10_000),
        _ => None,
    };
    if digit(at(i)).is_none() && !matches!(at(i), '十' | '拾') || at(i) == '一' && at(i + 1) == '半' {
        return None;
    }
    let (mut total, mut section, mut last, mut unit_before, mut end) = (0i64, 0i64, None, 1i64, i);
    loop {
        let c = at(end);
        if let Some(d) = digit(c) {
            if last.is_some() {
                break;
            }
            last = Some(d as i64);
            if d == 0 {
                last = None;
                unit_before = 1;
            }
        } else if let Some(u) = unit(c) {
            if u == 10_000 {
                total += (section + last.take().unwrap_or(0)).max(1).saturating_mul(u);
                section = 0;
            } else {
                section += last.take().unwrap_or(1) * u;
            }
            unit_before = u;
        } else {
            break;
        }
        end += 1;
    }
    // `两千五` is 2500, `一万二` 12000.
    let tail = last.unwrap_or(0) * if unit_before >= 100 { unit_before / 10 } else { 1 };
    let value = (total + section).saturating_add(tail);
    let single = end == i + 1;
    // A single numeral counts only before what a number stands before.
    let follows = at(end);
    let meant = !single || is_han(follows) && "天日号周月个块元千万百星礼期蚊".contains(follows);
    meant.then_some((
        What::Number {
            value: value.saturating_mul(ONE),
            digits: end - i,
            plain: true,
        },
        end,
    ))
}

/// Whether a sign is part of a word.
pub(super) fn is_word_sign(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_han(c)
}
