//! Values as people and programs write them: dates, amounts, names, addresses, words.

use std::str::FromStr;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::known;
use super::mapping::{DateOrder, Mapping};
use super::reject::Code;
use crate::domain::{
    Address, Currency, EmailAddress, Money, MoneyError, PersonName, PhoneError, PhoneNumber, PostalAddress,
    is_hidden, region_code,
};

/// `1.38E+10`, `9.5e10`, `1E+05`: a number in scientific notation; `12E5` is a legitimate reference.
pub(super) fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let signed = exponent.starts_with(['+', '-']);
    let exponent = exponent.trim_start_matches(['+', '-']);
    let mantissa = mantissa.trim_start_matches(['+', '-']);
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    digits(exponent) && digits(&mantissa.replacen('.', "", 1)) && (signed || mantissa.contains('.'))
}

/// A number of 18 or 19 digits whose last ones are zeros beyond the 15 that spreadsheets keep.
pub(super) fn is_damaged(text: &str) -> bool {
    let number = text.bytes().all(|b| b.is_ascii_digit());
    number
        && matches!(
            (text.len(), text.ends_with("000"), text.ends_with("0000")),
            (18, true, _) | (19, _, true)
        )
}

/// Three numbers with separators, or eight digits.
pub(super) fn looks_like_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|p| (1..=4).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
        && parts.iter().any(|p| p.len() == 4)
}

/// A calendar date in the order and with the separators of the mapping.
pub(super) fn date(text: &str, mapping: &Mapping) -> Result<NaiveDate, Code> {
    let parts = date_parts(text, mapping)?;
    let number = |s: &str| s.parse::<u32>().map_err(|_| Code::DateForm);
    let (y, m, d) = match mapping.date_order {
        DateOrder::Ymd => (parts[0], parts[1], parts[2]),
        DateOrder::Mdy => (parts[2], parts[0], parts[1]),
        DateOrder::Dmy => (parts[2], parts[1], parts[0]),
    };
    if y.len() != 4 || m.len() > 2 || d.len() > 2 {
        let year_elsewhere = parts.iter().any(|p| p.len() == 4);
        return Err(if year_elsewhere {
            Code::DateOrder
        } else {
            Code::DateForm
        });
    }
    let (y, m, d) = (number(y)?, number(m)?, number(d)?);
    if !(1900..=2199).contains(&y) {
        return Err(Code::DateImpossible);
    }
    if m > 12 && (1..=12).contains(&d) {
        return Err(Code::DateOrder);
    }
    NaiveDate::from_ymd_opt(y as i32, m, d).ok_or(Code::DateImpossible)
}

fn date_parts<'t>(text: &'t str, mapping: &Mapping) -> Result<Vec<&'t str>, Code> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if is_scientific(text) {
        return Err(Code::Scientific);
    }
    for separator in &mapping.date_separators {
        let parts: Vec<&str> = match separator.as_str() {
            "年" => text.trim_end_matches('日').split(['年', '月']).collect(),
            "" if text.len() == 8 && digits(text) && mapping.date_order == DateOrder::Ymd => {
                vec![&text[..4], &text[4..6], &text[6..]]
            }
            "" if text.len() == 8 && digits(text) => vec![&text[..2], &text[2..4], &text[4..]],
            "" => continue,
            separator => text.split(separator).collect(),
        };
        if parts.len() == 3 && parts.iter().all(|p| digits(p)) {
            return Ok(parts);
        }
    }
    Err(match text.parse::<u32>() {
        Ok(20_000..=80_000) => Code::DateSerial,
        _ => Code::DateForm,
    })
}

/// An amount in the decimal and grouping signs of the mapping.
pub(super) fn amount(text: &str, currency: Currency, mapping: &Mapping) -> Result<i64, Code> {
    if looks_like_date(text) || EmailAddress::parse(text).is_ok() {
        return Err(Code::Swapped);
    }
    if is_scientific(text) {
        return Err(Code::Scientific);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c == mapping.decimal {
            plain.push('.');
        } else if Some(c) == mapping.grouping {
            plain.push(',');
        } else if c.is_ascii_digit() || c == '-' || c.is_ascii_alphabetic() {
            plain.push(c);
        } else if matches!(c, '.' | ',') {
            return Err(Code::AmountSign);
        } else {
            return Err(Code::Amount);
        }
    }
    match Money::parse(&plain, currency) {
        Ok(money) => Ok(money.minor),
        Err(MoneyError::Scientific) => Err(Code::Scientific),
        Err(MoneyError::Places { .. }) => Err(Code::AmountPlaces),
        Err(_) if plain.contains([',', '.']) && plain.bytes().all(|b| !b.is_ascii_alphabetic()) => {
            Err(Code::AmountSign)
        }
        Err(_) => Err(Code::Amount),
    }
}

/// A name; a telephone number, e-mail address, date or amount in its place means that columns are swapped.
pub(super) fn name(text: &str) -> Result<PersonName, Code> {
    if text.chars().any(is_hidden) {
        return Err(Code::Control);
    }
    if EmailAddress::parse(text).is_ok() || !text.chars().any(char::is_alphabetic) || is_scientific(text) {
        return Err(Code::Swapped);
    }
    PersonName::parse(text).map_err(|_| Code::Name)
}

/// A telephone number of `region`.
pub(super) fn phone(text: &str, region: Option<&str>) -> Result<Address, Code> {
    if text.contains('@') || looks_like_date(text) {
        return Err(Code::Swapped);
    }
    if is_scientific(text) {
        return Err(Code::Scientific);
    }
    if is_damaged(text) {
        return Err(Code::SpreadsheetDamage);
    }
    match PhoneNumber::parse(text, region.unwrap_or("ZZ")) {
        Ok(number) => Ok(Address::Phone(number)),
        Err(PhoneError::Scientific) => Err(Code::Scientific),
        Err(_) => Err(Code::Phone),
    }
}

/// An e-mail address.
pub(super) fn email(text: &str) -> Result<Address, Code> {
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b"+-() .".contains(&b));
    match EmailAddress::parse(text) {
        Ok(address) => Ok(Address::Email(address)),
        Err(_) if numeric => Err(Code::Swapped),
        Err(_) => Err(Code::Email),
    }
}

/// A postal address.
pub(super) fn postal(text: &str, country: Option<&str>) -> Result<Address, Code> {
    if EmailAddress::parse(text).is_ok() || !text.chars().any(char::is_alphabetic) {
        return Err(Code::Swapped);
    }
    PostalAddress::parse(text, country.unwrap_or_default())
        .map(Address::Postal)
        .map_err(|_| Code::Postal)
}

/// `true`, `yes`, `1`, `是` and their opposites.
pub(super) fn boolean(text: &str) -> Result<bool, Code> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "是" => Ok(true),
        "false" | "no" | "n" | "0" | "否" => Ok(false),
        _ => Err(Code::Word),
    }
}

/// One of the fixed words of a domain type.
pub(super) fn word<V: FromStr>(text: &str) -> Result<V, Code> {
    text.parse().map_err(|_| Code::Word)
}

/// A currency in use.
pub(super) fn currency(text: &str) -> Result<Currency, Code> {
    match Currency::parse(text) {
        Ok(currency) if known::is_currency(currency.code()) => Ok(currency),
        _ => Err(Code::Currency),
    }
}

/// A country of two letters.
pub(super) fn country(text: &str) -> Result<String, Code> {
    let code = text.to_ascii_uppercase();
    if known::is_country(&code) {
        Ok(code)
    } else {
        Err(Code::Country)
    }
}

/// A state or province: the part of ISO 3166-2 after the hyphen, or the name of a part of `country` that is known.
pub(super) fn region(text: &str, country: Option<&str>) -> Result<String, Code> {
    if let Some(code) = country.and_then(|country| region_code(country, text)) {
        return Ok(code);
    }
    let code = text.to_ascii_uppercase();
    let code = match code.split_once('-') {
        Some((country, rest)) if country.len() == 2 => rest.to_owned(),
        _ => code,
    };
    let fits = (1..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { Ok(code) } else { Err(Code::Region) }
}

/// A postal code of any country: letters and digits, spaces and hyphens between them.
pub(super) fn postal_code(text: &str) -> Result<String, Code> {
    let fits = (2..=12).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-')
        && text.bytes().any(|b| b.is_ascii_digit());
    if fits && !is_scientific(text) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err(Code::PostalCode)
    }
}

/// A time zone by its IANA name.
pub(super) fn zone(text: &str) -> Result<Tz, Code> {
    text.parse().map_err(|_| Code::Zone)
}

/// A whole number that is not negative.
pub(super) fn count(text: &str) -> Result<u32, Code> {
    if is_scientific(text) {
        return Err(Code::Scientific);
    }
    text.parse().map_err(|_| Code::Number)
}
