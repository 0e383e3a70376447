//! What stands in a text besides words: names of the people involved, money, shares, numbers of accounts, cards and
//! people, wallets, handles, telephone numbers and links. Everything found becomes a mark that patterns of the lexicons
//! may ask for. Works on folded text; the original letters are read only where their case matters.

mod accounts;
mod checks;
mod identity;
mod labels;
mod links;
mod shapes;

use std::ops::Range;

use accounts::{Kind, digit_of};
use labels::Label;

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
    let numbers = accounts::numbers(text, cx);
    if !numbers.is_empty() {
        out.extend(
            identity::in_pieces(text)
                .into_iter()
                .map(|r| mark(Builtin::IdNumber, r)),
        );
    }
    for (kind, span) in numbers {
        number(text, kind, span, &mut out);
    }
    sums(text, &mut out);
    tokens(folded, original, &mut out);
    beside_bank_codes(text, cx, &mut out);
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

/// A row of digits: what it is by its check digits, its length and what it is called.
fn number(text: &str, kind: Kind, span: Range<usize>, out: &mut Vec<WordMark>) {
    if out
        .iter()
        .any(|m| m.what == Builtin::IdNumber && m.span.start < span.end && span.start < m.span.end)
    {
        return;
    }
    let digits: String = digits_of(&text[span.clone()]);
    match kind {
        Kind::Payee => out.push(mark(Builtin::Authorised, span)),
        Kind::Phone => out.push(mark(Builtin::Phone, span)),
        Kind::Short => {
            if identity::is_digits_of_person(text, &span, &digits) {
                out.push(mark(Builtin::IdNumber, span));
                return;
            }
            let routing = checks::us_routing(&digits)
                && (labels::leads_money(text, span.start)
                    || labels::label(text, span.start) == Some(Label::Account));
            if routing {
                out.push(mark(Builtin::Account, span.clone()));
            }
            out.push(mark(Builtin::Number, span));
        }
        Kind::Foreign => {
            if identity::is_digits_of_person(text, &span, &digits) {
                out.push(mark(Builtin::IdNumber, span));
                return;
            }
            let called = labels::label(text, span.start);
            let card = checks::card(&digits);
            if card || called == Some(Label::Card) && (15..=19).contains(&digits.len()) {
                out.push(mark(Builtin::Card, span.clone()));
            }
            // A card of the Chinese network stays one, whatever it is called.
            let chinese_card = card && digits.starts_with("62") && digits.len() >= 16;
            if !chinese_card && is_called_otherwise(text, &span, called) {
                out.push(mark(Builtin::Number, span));
            } else {
                out.push(mark(Builtin::Account, span));
            }
        }
    }
}

/// Whether a long number is called something that no money can be sent to, or is part of a code with letters.
fn is_called_otherwise(text: &str, span: &Range<usize>, called: Option<Label>) -> bool {
    let bytes = text.as_bytes();
    let letter = |at: Option<usize>| at.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_lowercase);
    let coded = letter(span.start.checked_sub(1)) || letter(Some(span.end)) || {
        // `ws-20261101-000718-3`: a code with letters before a dash.
        let dash = span.start.checked_sub(1).filter(|i| bytes[*i] == b'-');
        dash.is_some_and(|i| letter(i.checked_sub(1)))
    };
    if coded {
        let from = text[..span.start].trim_end_matches('-');
        let word = from
            .rsplit(|c: char| !c.is_ascii_alphabetic())
            .next()
            .unwrap_or("");
        let says_account = [
            "no", "acc", "acct", "ac", "card", "to", "num", "account", "a", "c",
        ];
        return !says_account.contains(&word)
            && !labels::leads_money(text, span.start)
            && called != Some(Label::Account);
    }
    match called {
        Some(Label::Reference) => true,
        Some(Label::Account) => labels::is_own(text, span.end) && !labels::leads_money(text, span.start),
        _ => false,
    }
}

fn digits_of(text: &str) -> String {
    let han = text.chars().filter_map(|c| digit_of(c, true));
    if text.bytes().any(|b| b.is_ascii_digit()) || !text.is_ascii() {
        return han.collect();
    }
    accounts::spoken_digits(text)
}

/// Codes of banks and branches: with one of them beside it, even a short number is an account.
const BANK_CODES: &[&str] = &[
    "sort code",
    "sortcode",
    "s/c",
    "sort:",
    "bsb",
    "routing",
    "aba",
    "rtn",
    "ifsc",
    "swift",
    "bic",
    "transit",
    "branch code",
    "bank code",
    "银行代码",
    "银行代号",
    "分行代码",
    "分行代号",
    "联行号",
    "行号",
];

/// Numbers near the code of a bank or a branch are accounts, however short. The code itself is one where no account that
/// may be named stands in the text.
fn beside_bank_codes(text: &str, cx: &ContentContext, out: &mut Vec<WordMark>) {
    if !out.iter().any(|m| m.what == Builtin::Number) {
        return;
    }
    let letter =
        |at: Option<usize>| at.is_some_and(|i| text.as_bytes().get(i).is_some_and(u8::is_ascii_alphabetic));
    let found = BANK_CODES
        .iter()
        .flat_map(|code| text.match_indices(code).take(8).map(|(at, c)| (at, at + c.len())));
    let whole = found.filter(|(at, end)| !letter(at.checked_sub(1)) && !letter(Some(*end)));
    let codes: Vec<usize> = whole.map(|(_, end)| end).collect();
    if codes.is_empty() {
        return;
    }
    let registered = |digits: &str| {
        let is = |p: &String| p == digits || p.ends_with(digits);
        cx.payees.iter().map(|p| digits_of(&p.number)).any(|p| is(&p))
    };
    let authorised = out.iter().any(|m| m.what == Builtin::Authorised)
        || out
            .iter()
            .any(|m| m.what == Builtin::Number && registered(&digits_of(&text[m.span.clone()])));
    let mut accounts = Vec::new();
    for m in out.iter().filter(|m| m.what == Builtin::Number) {
        let Some(distance) = codes
            .iter()
            .filter(|e| **e <= m.span.start)
            .map(|e| m.span.start - e)
            .min()
        else {
            continue;
        };
        let digits = digits_of(&text[m.span.clone()]);
        let code_itself = distance <= 10 && digits.len() <= 9 && authorised;
        let reference = labels::label(text, m.span.start) == Some(Label::Reference);
        if distance <= 90 && !code_itself && !reference && !registered(&digits) {
            accounts.push(mark(Builtin::Account, m.span.clone()));
        }
    }
    out.extend(accounts);
}

/// Characters of numbers in words.
fn is_numeral(c: char) -> bool {
    c.is_ascii_digit()
        || c >= '\u{3007}'
            && matches!(
                c,
                '零' | '〇'
                    | '一'
                    | '二'
                    | '三'
                    | '四'
                    | '五'
                    | '六'
                    | '七'
                    | '八'
                    | '九'
                    | '十'
                    | '两'
                    | '俩'
                    | '仨'
                    | '几'
                    | '半'
                    | '百'
                    | '千'
                    | '万'
                    | '亿'
                    | '壹'
                    | '贰'
                    | '叁'
                    | '肆'
                    | '伍'
                    | '陆'
                    | '柒'
                    | '捌'
                    | '玖'
                    | '拾'
                    | '佰'
                    | '仟'
            )
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
    if links::is_link(token) {
        if links::is_shortened(token) {
            out.push(mark(Builtin::ShortLink, start..end));
        }
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
    let known = |what: Builtin| {
        out.iter()
            .any(|m| m.what == what && m.span.start < end && start < m.span.end)
    };
    if known(Builtin::IdNumber) || known(Builtin::Card) {
        return;
    }
    if !known(Builtin::Phone) && identity::is_token_of_person(folded.text(), &(start..end)) {
        out.push(mark(Builtin::IdNumber, start..end));
        return;
    }
    match token.split_once('@') {
        // `name@bank`: an address of the payment network of India.
        Some((name, host)) if !name.is_empty() && !host.is_empty() => {
            let what = if host.contains('.') {
                Builtin::Email
            } else {
                Builtin::Handle
            };
            out.push(mark(what, start..end));
            return;
        }
        _ => {}
    }
    let tagged = start > 0 && folded.text().as_bytes()[start - 1] == b'$' && letters >= 3;
    let named = token.starts_with('@') && letters >= 3 || token.starts_with("wxid") || tagged;
    if named || letters > 0 && digits >= 2 && (5..=24).contains(&token.len()) {
        out.push(mark(Builtin::Handle, start..end));
    } else if letters == 0
        && digits >= 5
        && !known(Builtin::Money)
        && !known(Builtin::Phone)
        && !known(Builtin::Authorised)
    {
        let dashed = token.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if digits >= 7 && dashed && !known(Builtin::Account) && !known(Builtin::Number) {
            out.push(mark(Builtin::Number, start..end));
        }
        if digits <= 12 && dashed {
            out.push(mark(Builtin::Handle, start..end));
        }
    }
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
