//! Shapes of numbers that are certainly no account: random ids, dates and ranges of dates, amounts with decimals.
//! Every function takes bytes that begin at the number and answers how many of them it takes.

/// The longest of all shapes.
pub(super) fn no_account(bytes: &[u8]) -> Option<usize> {
    uuid(bytes)
        .or_else(|| date(bytes))
        .or_else(|| day_first(bytes))
        .or_else(|| compact_range(bytes))
        .or_else(|| amount(bytes))
}

/// `8-4-4-4-12` hexadecimal.
fn uuid(bytes: &[u8]) -> Option<usize> {
    let token = bytes.get(..36)?;
    let fits = token.iter().enumerate().all(|(i, b)| match i {
        8 | 13 | 18 | 23 => *b == b'-',
        _ => b.is_ascii_hexdigit(),
    });
    let letters = token.iter().any(u8::is_ascii_alphabetic);
    let ends = bytes
        .get(36)
        .is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'-');
    (fits && letters && ends).then_some(36)
}

/// At most `most` digits at a place: how many and their value.
fn number(bytes: &[u8], from: usize, most: usize) -> Option<(usize, u32)> {
    let rest = bytes.get(from..)?;
    let length = rest.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
    let value = std::str::from_utf8(&rest[..length]).ok()?.parse().ok()?;
    Some((length, value))
}

/// Whether a number goes on behind a date: a further digit, or a further group after the same separator.
fn goes_on(bytes: &[u8], end: usize, separator: u8) -> bool {
    bytes.get(end).is_some_and(u8::is_ascii_digit)
        || (bytes.get(end) == Some(&separator) && bytes.get(end + 1).is_some_and(u8::is_ascii_digit))
}

/// `2026-04-07`, `2026/4/7`, `2026.04.07`.
fn date(bytes: &[u8]) -> Option<usize> {
    let (4, 1900..=2199) = number(bytes, 0, 4)? else {
        return None;
    };
    let separator = *bytes.get(4).filter(|b| matches!(b, b'-' | b'/' | b'.'))?;
    let (month_length, 1..=12) = number(bytes, 5, 2)? else {
        return None;
    };
    let day_at = 5 + month_length + 1;
    if bytes.get(day_at - 1) != Some(&separator) {
        return None;
    }
    let (day_length, 1..=31) = number(bytes, day_at, 2)? else {
        return None;
    };
    let end = day_at + day_length;
    (!goes_on(bytes, end, separator)).then_some(end)
}

/// `07/04/2026`, `4-7-26`, and years of the Republic (`115/12/05`).
fn day_first(bytes: &[u8]) -> Option<usize> {
    let (first, value) = number(bytes, 0, 3)?;
    let separator = *bytes.get(first).filter(|b| matches!(b, b'/' | b'-' | b'.'))?;
    let (second, month) = number(bytes, first + 1, 2)?;
    let third_at = first + second + 2;
    if bytes.get(third_at - 1) != Some(&separator) || month == 0 || month > 31 {
        return None;
    }
    let (third, last) = number(bytes, third_at, 4)?;
    let republic = first == 3 && (90..=150).contains(&value) && third == 2 && (1..=31).contains(&last);
    let western = first <= 2
        && (1..=31).contains(&value)
        && (third == 4 && (1900..=2199).contains(&last) || third == 2 && separator != b'-');
    let end = third_at + third;
    (!goes_on(bytes, end, separator) && (republic || western)).then_some(end)
}

/// `20260401-20260430`: two days written together.
fn compact_range(bytes: &[u8]) -> Option<usize> {
    let day = |from: usize| {
        let (4, 1900..=2199) = number(bytes, from, 4)? else {
            return None;
        };
        let (2, 1..=12) = number(bytes, from + 4, 2)? else {
            return None;
        };
        let (2, 1..=31) = number(bytes, from + 6, 2)? else {
            return None;
        };
        Some(())
    };
    day(0)?;
    let separator = *bytes.get(8).filter(|b| matches!(b, b'-' | b'~' | b'/'))?;
    day(9)?;
    (!goes_on(bytes, 17, separator)).then_some(17)
}

/// `1234.50` or `1,234,567.89`: digits, a point, one or two digits, and nothing that goes on.
fn amount(bytes: &[u8]) -> Option<usize> {
    let whole = bytes
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b',')
        .count();
    let digits = bytes[..whole].iter().filter(|b| b.is_ascii_digit()).count();
    if whole == 0 || digits == 0 || digits > 11 || bytes.get(whole) != Some(&b'.') {
        return None;
    }
    let places = bytes[whole + 1..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    let end = whole + 1 + places;
    let more = bytes.get(end).is_some_and(u8::is_ascii_alphanumeric)
        || (bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit));
    ((1..=2).contains(&places) && !more).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_amounts_end_where_they_end() {
        let check =
            |text: &str, expected: Option<usize>| assert_eq!(no_account(text.as_bytes()), expected, "{text}");
        check("2026-04-07前", Some(10));
        check("2026-04-07-1234", None);
        check("01/11/2026 - 30/11/2026", Some(10));
        check("115/12/05", Some(9));
        check("12-34-56", None);
        check("20260401-20260430", Some(17));
        check("1,234.50元", Some(8));
        check("6222.0212", None);
    }
}
