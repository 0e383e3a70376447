//! Money may go to the creditor only: every number that looks like an account must be a confirmed payee.
//!
//! Works on folded text, so that full-width digits and split numbers read alike; long rows of Chinese numerals are
//! digits too. Telephone numbers, dates, amounts, the account's own reference and random ids are not accounts.

use std::ops::Range;

use super::shapes::no_account;
use crate::domain::PhoneNumber;
use crate::policy::ContentContext;

/// Digits in one piece, and how many separators stand between it and the piece before.
struct Group {
    digits: String,
    span: Range<usize>,
    /// Belongs to the piece before: only a few separators lie between.
    joined: bool,
    /// Letters touch it.
    lettered: bool,
    /// A plus sign stands before it.
    plus: bool,
    /// It is an English word.
    spoken: bool,
}

/// Shortest number that is taken for an account.
const SHORTEST: usize = 12;

/// Shortest number that is looked at; with a bank's code beside it, it is an account.
const SHORT: usize = 7;

/// Digits said in words that make an account.
const SPOKEN: usize = 8;

/// Longest number that a payee has.
const LONGEST: usize = 34;

/// What a row of digits turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Looks like an account and is none that may be named.
    Foreign,
    /// An account that may be named.
    Payee,
    /// A telephone number.
    Phone,
    /// Too short to be taken for an account without further words.
    Short,
}

/// Numbers that look like accounts, with what they are; telephone numbers too.
pub(super) fn numbers(text: &str, cx: &ContentContext) -> Vec<(Kind, Range<usize>)> {
    let numerals = Numerals::of(text);
    if numerals.digits < SHORT {
        return Vec::new();
    }
    let payees: Vec<String> = cx.payees.iter().map(|p| alnum(&p.number)).collect();
    let mut text = text.to_owned();
    let mut found: Vec<(Kind, Range<usize>)> = blank_known(&mut text, cx, &payees)
        .into_iter()
        .map(|span| (Kind::Payee, span))
        .collect();
    found.extend(ibans(&text).into_iter().map(|span| (Kind::Foreign, span)));
    let groups = groups(&text, &numerals);
    let mut start = 0;
    while start < groups.len() {
        let mut end = start + 1;
        while end < groups.len() && groups[end].joined {
            end += 1;
        }
        judge(&groups[start..end], cx, &payees, &mut found);
        start = end;
    }
    found.sort_by_key(|(_, r)| (r.start, std::cmp::Reverse(r.end)));
    found.dedup_by(|(_, b), (_, a)| b.start < a.end);
    found
}

/// The spans of all numbers that look like accounts and are none of the confirmed payees.
#[cfg(test)]
fn unregistered(text: &str, cx: &ContentContext) -> Vec<Range<usize>> {
    let foreign = |(kind, span)| (kind == Kind::Foreign).then_some(span);
    numbers(text, cx).into_iter().filter_map(foreign).collect()
}

/// The digit that a character stands for; Chinese numerals count where `numerals` says so.
pub(super) fn digit_of(c: char, numerals: bool) -> Option<char> {
    if c.is_ascii_digit() {
        return Some(c);
    }
    if !numerals || c < '\u{3007}' && c != '○' {
        return None;
    }
    Some(match c {
        '零' | '〇' | '○' | '洞' => '0',
        '一' | '壹' | '幺' | '〡' => '1',
        '二' | '贰' | '两' | '〢' => '2',
        '三' | '叁' | '〣' => '3',
        '四' | '肆' | '〤' => '4',
        '五' | '伍' | '〥' => '5',
        '六' | '陆' | '〦' => '6',
        '七' | '柒' | '拐' | '〧' => '7',
        '八' | '捌' | '〨' => '8',
        '九' | '玖' | '勾' | '〩' => '9',
        _ => return None,
    })
}

/// What counts as a digit in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numerals {
    /// Digits and words for digits, in any writing.
    digits: usize,
    /// Chinese numerals stand in rows as the digits of a number do.
    han: bool,
    /// So do English words.
    words: bool,
}

impl Numerals {
    fn of(text: &str) -> Numerals {
        let (mut digits, mut row, mut han_in_row, mut spoken) = (0, 0, 0, 0);
        let mut han = false;
        let mut before = ' ';
        for (at, c) in text.char_indices() {
            if digit_of(c, true).is_some() {
                digits += 1;
                row += 1;
                han_in_row += usize::from(!c.is_ascii());
                han |= han_in_row >= 6 || han_in_row >= 3 && row >= 10;
            } else if !is_joint(c) {
                (row, han_in_row) = (0, 0);
            }
            let begins =
                matches!(c, 'z' | 'o' | 't' | 'f' | 's' | 'e' | 'n') && !before.is_ascii_alphanumeric();
            if begins && spoken_digit(&text[at..]).is_some() {
                spoken += 1;
            }
            before = c;
        }
        Numerals {
            digits: digits + spoken,
            han,
            words: spoken >= 6,
        }
    }
}

/// The digits that English words say.
pub(super) fn spoken_digits(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphabetic());
    words
        .filter_map(|w| spoken_digit(w).map(|(digit, _)| digit))
        .collect()
}

/// An English word for a digit at the start of a text, and its length.
fn spoken_digit(text: &str) -> Option<(char, usize)> {
    const WORDS: [(&str, char); 11] = [
        ("zero", '0'),
        ("oh", '0'),
        ("one", '1'),
        ("two", '2'),
        ("three", '3'),
        ("four", '4'),
        ("five", '5'),
        ("six", '6'),
        ("seven", '7'),
        ("eight", '8'),
        ("nine", '9'),
    ];
    let (word, digit) = WORDS.iter().find(|(w, _)| text.starts_with(w))?;
    let ends = text
        .as_bytes()
        .get(word.len())
        .is_none_or(|b| !b.is_ascii_alphanumeric());
    ends.then_some((*digit, word.len()))
}

/// Letters and digits only, lower case.
fn alnum(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Replaces what is certainly no account by `~`, byte for byte, so that spans stay true. Gives back where payees
/// with letters in their number stand.
fn blank_known(text: &mut String, cx: &ContentContext, payees: &[String]) -> Vec<Range<usize>> {
    for known in &cx.references {
        let known = known.to_lowercase();
        // A short reference could be part of anything; a reference that is a payee's look-alike is still no payee.
        if known.len() >= 4 && !payees.contains(&alnum(&known)) {
            blank_each(text, &known);
        }
    }
    let lettered: Vec<&String> = payees
        .iter()
        .filter(|p| p.bytes().any(|b| b.is_ascii_alphabetic()))
        .collect();
    let bytes = text.as_bytes();
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut named: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let rest = &bytes[at..];
        let payee = lettered
            .iter()
            .filter(|_| begins)
            .find_map(|p| spelled(rest, p.as_bytes()));
        if let Some(length) = payee {
            named.push(at..at + length);
        }
        let shape = begins.then(|| payee.or_else(|| no_account(rest))).flatten();
        if let Some(length) = shape {
            spans.push(at..at + length);
            at += length;
        } else {
            at += 1;
        }
    }
    for span in spans {
        text.replace_range(span.clone(), &"~".repeat(span.len()));
    }
    named
}

fn blank_each(text: &mut String, known: &str) {
    let edge = |b: Option<&u8>| b.is_none_or(|b| !b.is_ascii_alphanumeric());
    let spans: Vec<usize> = text
        .match_indices(known)
        .map(|(at, _)| at)
        .filter(|&at| {
            edge(text.as_bytes().get(at.wrapping_sub(1))) && edge(text.as_bytes().get(at + known.len()))
        })
        .collect();
    for at in spans {
        text.replace_range(at..at + known.len(), &"~".repeat(known.len()));
    }
}

/// How many bytes `number` takes at the start of `bytes`, blanks and dashes between its characters allowed.
fn spelled(bytes: &[u8], number: &[u8]) -> Option<usize> {
    let mut wanted = number.iter();
    let mut next = wanted.next()?;
    for (i, b) in bytes.iter().enumerate() {
        if b == next {
            match wanted.next() {
                Some(n) => next = n,
                None => {
                    return bytes
                        .get(i + 1)
                        .is_none_or(|n| !n.is_ascii_alphanumeric())
                        .then_some(i + 1);
                }
            }
        } else if i == 0 || !matches!(b, b' ' | b'-') {
            return None;
        }
    }
    None
}

fn is_joint(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '_' | '*' | '/' | '|' | '·' | '•' | '‐'..='―')
}

/// Separators since the last group of digits.
#[derive(Clone, Copy)]
struct Gap {
    length: usize,
    slash: bool,
}

impl Gap {
    const NONE: Gap = Gap {
        length: 0,
        slash: false,
    };

    /// The gap with one character more; `None` where the number ends: another character, a masked place (`**`), two
    /// numbers beside each other (` / `), too much room.
    fn with(self, c: char, before: char, spoken: bool) -> Option<Gap> {
        let next = Gap {
            length: self.length + 1,
            slash: self.slash || c == '/',
        };
        let masked = matches!(c, '*' | '•') && before == c;
        let joins = is_joint(c) || spoken && c == ',';
        (joins && !masked && next.length <= 3 && !(next.slash && next.length > 1)).then_some(next)
    }
}

fn groups(text: &str, numerals: &Numerals) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    let mut chars = text.char_indices().peekable();
    // `None` once something else came between.
    let mut gap: Option<Gap> = None;
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        if numerals.words
            && c.is_ascii_lowercase()
            && !before.is_ascii_alphanumeric()
            && let Some((digit, length)) = spoken_digit(&text[at..])
        {
            while chars.next_if(|(next, _)| *next < at + length).is_some() {}
            out.push(Group {
                digits: digit.to_string(),
                span: at..at + length,
                joined: gap.is_some(),
                lettered: false,
                plus: false,
                spoken: true,
            });
            gap = Some(Gap::NONE);
            before = 'a';
            continue;
        }
        let Some(first) = digit_of(c, numerals.han) else {
            let spoken = out.last().is_some_and(|g| g.spoken);
            gap = gap.and_then(|g| g.with(c, before, spoken));
            before = c;
            continue;
        };
        let mut digits = String::from(first);
        let mut end = at + c.len_utf8();
        while let Some((next_at, next)) = chars.peek().copied() {
            let Some(digit) = digit_of(next, numerals.han) else {
                break;
            };
            digits.push(digit);
            end = next_at + next.len_utf8();
            chars.next();
        }
        let after = chars.peek().is_some_and(|(_, n)| n.is_ascii_alphabetic());
        out.push(Group {
            digits,
            span: at..end,
            joined: gap.is_some(),
            lettered: before.is_ascii_alphabetic() || after,
            plus: before == '+',
            spoken: false,
        });
        gap = Some(Gap::NONE);
        before = c;
    }
    out
}

/// Judges pieces that may form one number together. Pieces that form a payee or a telephone number are taken out;
/// what remains between them is judged alone.
fn judge(groups: &[Group], cx: &ContentContext, payees: &[String], found: &mut Vec<(Kind, Range<usize>)>) {
    let mut rest_from = 0;
    let mut at = 0;
    while at < groups.len() {
        match known_length(&groups[at..], at == 0, cx, payees) {
            Some((kind, length)) => {
                suspect(&groups[rest_from..at], found);
                found.push((kind, groups[at].span.start..groups[at + length - 1].span.end));
                at += length;
                rest_from = at;
            }
            None => at += 1,
        }
    }
    suspect(&groups[rest_from..], found);
}

/// How many pieces at the start form a payee or a telephone number; the longest. `whole` says that no piece of the same
/// row stands before them.
fn known_length(
    groups: &[Group],
    whole: bool,
    cx: &ContentContext,
    payees: &[String],
) -> Option<(Kind, usize)> {
    let mut digits = String::new();
    let mut best = None;
    for (i, group) in groups.iter().enumerate() {
        digits.push_str(&group.digits);
        if digits.len() > LONGEST {
            break;
        }
        if payees.contains(&digits) {
            best = Some((Kind::Payee, i + 1));
        } else if is_phone(&groups[..=i], &digits, whole && i + 1 == groups.len(), cx) {
            best = Some((Kind::Phone, i + 1));
        }
    }
    best
}

fn suspect(groups: &[Group], found: &mut Vec<(Kind, Range<usize>)>) {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else {
        return;
    };
    let span = first.span.start..last.span.end;
    let total: usize = groups.iter().map(|g| g.digits.len()).sum();
    let long_piece = groups.iter().any(|g| g.digits.len() >= SHORTEST);
    let plain = groups.iter().all(|g| !g.lettered);
    let spelled_apart = total >= SHORTEST && plain;
    let spoken = total >= SPOKEN && groups.iter().all(|g| g.spoken);
    if long_piece || spelled_apart || spoken {
        found.push((Kind::Foreign, span));
    } else if plain && total >= SHORT {
        found.push((Kind::Short, span));
    }
}

/// Whether pieces form a telephone number: ours, the recipient's, an international or a plain national one. Shapes that a
/// part of an account could have count only where they are the `whole` row.
fn is_phone(run: &[Group], digits: &str, whole: bool, cx: &ContentContext) -> bool {
    if run.iter().any(|g| g.lettered) || !(7..=15).contains(&digits.len()) {
        return false;
    }
    if cx.phones.iter().any(|p| same_phone(p, digits)) {
        return true;
    }
    if run[0].plus {
        return PhoneNumber::parse(&format!("+{digits}"), "CN").is_ok();
    }
    let is_mobile = |d: &str| d.len() == 11 && d.starts_with('1') && d.as_bytes()[1] >= b'3';
    let dialled = digits
        .strip_prefix("0086")
        .or_else(|| digits.strip_prefix("86").filter(|d| d.len() == 11));
    let pieces = run.len() == 1 || whole && run.len() == 3 && run[0].digits.len() == 3;
    let mobile = is_mobile(digits) && pieces || dialled.is_some_and(is_mobile);
    let hotline = digits.len() == 10 && (digits.starts_with("400") || digits.starts_with("800"));
    let landline = run.len() == 2
        && run[0].digits.starts_with('0')
        && (3..=4).contains(&run[0].digits.len())
        && (7..=8).contains(&run[1].digits.len());
    let lengths = |of: &[usize]| run.iter().map(|g| g.digits.len()).eq(of.iter().copied());
    let american = lengths(&[3, 3, 4]) || lengths(&[1, 3, 3, 4]) && run[0].digits == "1";
    let british = digits.starts_with('0') && digits.len() == 11 && (2..=3).contains(&run.len());
    let freephone = digits.len() == 10 && digits.starts_with("1800") && run.len() > 1;
    mobile || hotline || landline || whole && (american || british || freephone)
}

fn same_phone(phone: &PhoneNumber, digits: &str) -> bool {
    let e164 = phone.e164().trim_start_matches('+');
    let national = digits.trim_start_matches('0');
    national.len() >= 7 && e164.ends_with(national) && e164.len() - national.len() <= 3
}

/// International account numbers with right check digits.
fn ibans(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    for at in 0..bytes.len().saturating_sub(14) {
        let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let shape = bytes[at].is_ascii_lowercase()
            && bytes[at + 1].is_ascii_lowercase()
            && bytes[at + 2].is_ascii_digit()
            && bytes[at + 3].is_ascii_digit();
        if begins && shape {
            out.extend(iban_length(&bytes[at..]).map(|length| at..at + length));
        }
    }
    out
}

/// How many bytes an international account number at the start of `bytes` takes.
fn iban_length(bytes: &[u8]) -> Option<usize> {
    let mut token: Vec<u8> = Vec::with_capacity(34);
    let mut best = None;
    for (i, b) in bytes.iter().enumerate() {
        match b {
            b'a'..=b'z' | b'0'..=b'9' if token.len() < 34 => token.push(*b),
            b' ' | b'-' => continue,
            _ => break,
        }
        let ends = bytes.get(i + 1).is_none_or(|n| !n.is_ascii_alphanumeric());
        if token.len() >= 15 && ends && checks_out(&token) {
            best = Some(i + 1);
        }
    }
    best
}

/// ISO 7064 MOD 97-10 over the number with its first four characters moved to the end.
fn checks_out(token: &[u8]) -> bool {
    let mut rest = 0u32;
    for b in token[4..].iter().chain(&token[..4]) {
        rest = match b {
            b'0'..=b'9' => rest * 10 + u32::from(b - b'0'),
            _ => rest * 100 + u32::from(b - b'a') + 10,
        } % 97;
    }
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::tests::situation;
    use crate::policy::fold::fold;

    #[test]
    fn accounts_are_told_from_other_numbers() {
        let s = situation();
        let cx = ContentContext::of(&s);
        let check = |text: &str, expected: &[&str]| {
            let folded = fold(text);
            let found: Vec<&str> = unregistered(folded.text(), &cx)
                .into_iter()
                .map(|r| &text[folded.original(r)])
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        let payee = s.payees[0].number.clone();
        check(&format!("请付至账户{payee}。"), &[]);
        check("请付至账户3100 0765-4321 0987 654", &[]);
        check("请付至6222021234567890123", &["6222021234567890123"]);
        check("请付至6222 0212 3456 7890 123谢谢", &["6222 0212 3456 7890 123"]);
        check(
            "请付至６２２２０２１２３４５６７８９",
            &["６２２２０２１２３４５６７８９"],
        );
        check("6222-0212-3456-7890", &["6222-0212-3456-7890"]);
        check(&format!("{payee}9"), &[&format!("{payee}9")]);
        check("请于2026-04-07至2026-04-30付1,234,567.89元,电话400-000-0001", &[]);
        check("电话13800000001 13800000002", &[]);
        check("电话0755-12345678 或 +86 138 0000 0001", &[]);
        check("编号3f2a9c10-1234-5678-9012-123456789012", &[]);
        check(
            "付至 DE89 3704 0044 0532 0130 00 即可",
            &["DE89 3704 0044 0532 0130 00"],
        );
        check("NL91ABNA0417164300", &["NL91ABNA0417164300"]);
        check("1 2 3 4 5 6", &[]);
        check(
            "请转六二二二零二一二三四五六七八九",
            &["六二二二零二一二三四五六七八九"],
        );
        check("逾期三十一天,一共四五六七元", &[]);
    }
}
