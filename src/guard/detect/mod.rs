//! What stands in a text besides words: names of the people involved, money, shares, numbers of accounts, cards and
//! people, wallets, handles, telephone numbers and links. Everything found becomes a mark that patterns of the lexicons
//! may ask for. Works on folded text; the original letters are read only where their case matters.

mod accounts;
mod checks;

use std::ops::Range;

use accounts::{Kind, digit_of};

use crate::policy::fold::Folded;
use crate::policy::{Builtin, ContentContext, WordMark};

/// Everything that detectors find in one part, in no order.
pub(super) fn marks(folded: &Folded, original: &str, cx: &ContentContext) -> Vec<WordMark> {
    let text = folded.text();
    let mut out = Vec::with_capacity(16);
    if let Some(first) = text.chars().next() {
        out.push(mark(Builtin::Start, 0..first.len_utf8()));
    }
    names(text, cx, &mut out);
    for (kind, span) in accounts::numbers(text, cx) {
        number(text, kind, span, &mut out);
    }
    sums(text, &mut out);
    tokens(folded, original, &mut out);
    // The numbers of the debt, the message, the licence and the mandate are no place to pay to, and nobody's identity.
    let of_somebody = [Builtin::Number, Builtin::IdNumber, Builtin::Card, Builtin::Handle];
    out.retain(|m| !of_somebody.contains(&m.what) || !is_reference(&text[m.span.clone()], cx));
    out
}

fn is_reference(number: &str, cx: &ContentContext) -> bool {
    let plain = |t: &str| {
        t.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase()
    };
    let number = plain(number);
    cx.references.iter().any(|r| plain(r) == number)
}

fn mark(what: Builtin, span: Range<usize>) -> WordMark {
    WordMark { what, span }
}

/// The people involved, by name.
fn names(text: &str, cx: &ContentContext, out: &mut Vec<WordMark>) {
    let mut all = |what: Builtin, names: &[String]| {
        for name in names.iter().filter(|n| !n.is_empty()) {
            let found = text.match_indices(name.as_str()).take(50);
            out.extend(found.map(|(at, n)| mark(what, at..at + n.len())));
        }
    };
    all(Builtin::Creditor, &cx.creditor_names);
    if cx.sender_names != cx.creditor_names {
        all(Builtin::Sender, &cx.sender_names);
    }
    all(Builtin::Holder, &cx.holder_names);
}

/// A row of digits that is long enough for an account: what else it may be.
fn number(text: &str, kind: Kind, span: Range<usize>, out: &mut Vec<WordMark>) {
    let digits: String = text[span.clone()]
        .chars()
        .filter_map(|c| digit_of(c, true))
        .collect();
    match kind {
        Kind::Payee => out.push(mark(Builtin::Authorised, span)),
        Kind::Phone => out.push(mark(Builtin::Phone, span)),
        Kind::Foreign => {
            let id = match text[span.end..].strip_prefix('x') {
                Some(_) if digits.len() == 17 => checks::mainland_id(&format!("{digits}x")),
                _ => checks::mainland_id(&digits),
            };
            if id {
                out.push(mark(Builtin::IdNumber, span));
                return;
            }
            if checks::card(&digits) {
                out.push(mark(Builtin::Card, span.clone()));
            }
            out.push(mark(Builtin::Account, span));
        }
    }
}

/// Characters of numbers in words.
fn is_numeral(c: char) -> bool {
    c.is_ascii_digit() || "零〇一二三四五六七八九十两俩仨几半百千万亿壹贰叁肆伍陆柒捌玖拾佰仟".contains(c)
}

/// Sums of money and shares.
fn sums(text: &str, out: &mut Vec<WordMark>) {
    let mut chars = text.char_indices().peekable();
    let mut before: Option<(usize, char)> = None;
    while let Some((start, c)) = chars.next() {
        if !is_numeral(c) {
            before = Some((start, c));
            continue;
        }
        let mut end = start + c.len_utf8();
        let mut big = matches!(c, '百' | '千' | '万' | '佰' | '仟');
        let mut length = 1;
        let mut last = c;
        while let Some((at, n)) = chars.peek().copied() {
            let inner = matches!(n, ',' | '.') && text[at + 1..].starts_with(|d: char| d.is_ascii_digit());
            if !is_numeral(n) && !inner {
                break;
            }
            big |= matches!(n, '百' | '千' | '万' | '佰' | '仟');
            end = at + n.len_utf8();
            length += 1;
            last = n;
            chars.next();
        }
        let currency = before
            .is_some_and(|(at, b)| at + b.len_utf8() == start && matches!(b, '$' | '¥' | '£' | '€' | '￥'));
        let rest = text[end..].trim_start_matches(' ');
        let unit = [
            "元",
            "块",
            "圆",
            "塊",
            "刀",
            "usd",
            "rmb",
            "cny",
            "dollar",
            "pound",
            "euro",
            "quid",
            "grand",
            "bucks",
            "k ",
            "人民币",
        ];
        if currency || unit.iter().any(|u| rest.starts_with(u)) || big && (length >= 2 || last != '万') {
            out.push(mark(Builtin::Money, start..end));
        } else if ["%", "折", "成", "percent", "per cent"]
            .iter()
            .any(|u| rest.starts_with(u))
            && length <= 6
        {
            out.push(mark(Builtin::Percent, start..end));
        }
        before = Some((start, last));
    }
}

/// Latin tokens: handles, wallets, links, identity numbers with letters, plain numbers.
fn tokens(folded: &Folded, original: &str, out: &mut Vec<WordMark>) {
    let text = folded.text();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphanumeric() && bytes[at] != b'@' {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len()
            && (bytes[at].is_ascii_alphanumeric()
                || matches!(bytes[at], b'_' | b'-' | b'.' | b'@' | b'/' | b':'))
        {
            at += 1;
        }
        let mut end = at;
        while end > start && !bytes[end - 1].is_ascii_alphanumeric() {
            end -= 1;
        }
        if end > start {
            token(&text[start..end], start, folded, original, out);
        }
    }
}

fn token(token: &str, start: usize, folded: &Folded, original: &str, out: &mut Vec<WordMark>) {
    let end = start + token.len();
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let letters = token.bytes().filter(u8::is_ascii_lowercase).count();
    let plain = token.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_link(token) {
        out.push(mark(Builtin::Link, start..end));
        return;
    }
    if plain && letters > 0 && token.len() >= 26 && digits > 0 {
        let as_written = original.get(folded.original(start..end)).unwrap_or("");
        if checks::wallet(as_written) {
            out.push(mark(Builtin::Wallet, start..end));
            return;
        }
    }
    if plain && token.starts_with("0x") && token.len() >= 5 {
        out.push(mark(Builtin::Wallet, start..end));
        return;
    }
    let mut parts = token.split('-');
    let three = [parts.next(), parts.next(), parts.next()].map(Option::unwrap_or_default);
    let ssn = letters == 0 && digits == 9 && parts.next().is_none() && checks::us_ssn(three);
    let lettered =
        letters > 0 && (checks::taiwan_id(token) || checks::uk_nino(token) || checks::hong_kong_id(token));
    if ssn || lettered {
        out.push(mark(Builtin::IdNumber, start..end));
        return;
    }
    let known = |what: Builtin| {
        out.iter()
            .any(|m| m.what == what && m.span.start < end && start < m.span.end)
    };
    if known(Builtin::IdNumber) || known(Builtin::Card) {
        return;
    }
    if token.starts_with('@') && letters >= 3 || letters > 0 && digits >= 2 && (5..=24).contains(&token.len())
    {
        out.push(mark(Builtin::Handle, start..end));
    } else if letters == 0
        && digits >= 5
        && !known(Builtin::Money)
        && !known(Builtin::Phone)
        && !known(Builtin::Authorised)
    {
        let dashed = token.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if digits >= 7 && dashed && !known(Builtin::Account) {
            out.push(mark(Builtin::Number, start..end));
            if digits == 9 && checks::us_routing(&token.replace('-', "")) {
                out.push(mark(Builtin::Account, start..end));
            }
        }
        if digits <= 12 && dashed {
            out.push(mark(Builtin::Handle, start..end));
        }
    }
}

fn is_link(token: &str) -> bool {
    if token.starts_with("http") && token.contains("://") || token.starts_with("www.") {
        return true;
    }
    let host = token.split('/').next().unwrap_or("");
    let Some((name, top)) = host.rsplit_once('.') else {
        return false;
    };
    let top_level = [
        "com", "cn", "net", "org", "io", "ly", "gl", "me", "cc", "top", "vip", "xyz", "club", "tw", "hk",
        "uk", "us", "app", "link", "info", "co", "im", "la", "example", "test",
    ];
    top_level.contains(&top)
        && !name.is_empty()
        && !token.contains('@')
        && name.bytes().any(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SenderKind;
    use crate::policy::fold::fold;

    #[test]
    fn numbers_are_told_apart() {
        let cx = ContentContext::new(SenderKind::Agency, "甲咨询", "乙银行", true);
        let check = |text: &str, expected: &[Builtin]| {
            let folded = fold(text);
            let mut found: Vec<Builtin> = marks(&folded, text, &cx)
                .into_iter()
                .map(|m| m.what)
                .filter(|w| *w != Builtin::Start)
                .collect();
            found.dedup();
            assert_eq!(found, expected, "{text}");
        };
        check("请付1,200.50元", &[Builtin::Money]);
        check("先交三百", &[Builtin::Money]);
        check("还六成", &[Builtin::Percent]);
        check("卡4111 1111 1111 1111", &[Builtin::Card, Builtin::Account]);
        check("身份证11010519491231002X", &[Builtin::IdNumber]);
        check("SSN 219-09-9999", &[Builtin::IdNumber]);
        check("微信zz4401", &[Builtin::Handle]);
        check("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", &[Builtin::Wallet]);
        check("见 https://a.example/x1", &[Builtin::Link]);
        check("乙银行提醒", &[Builtin::Creditor]);
    }
}
