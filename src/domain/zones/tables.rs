//! The geography behind candidate zones: which zones a country, state, postal code or telephone prefix lies in.
//!
//! The four texts beside this file are read once, at first use. They are part of the program and not of the policies:
//! where El Paso lies is no rule that an officer tightens or publishes, a wrong line is a fault to correct with a test,
//! and every decision records the zones it used.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono_tz::Tz;

/// What a table says about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Every zone that is in use there.
    Zones(Vec<Tz>),
    /// The key is known and tells no place.
    Nowhere,
}

type Table = HashMap<String, Entry>;

/// The four tables.
pub(super) struct Tables {
    countries: Table,
    regions: Table,
    /// Names of states and provinces in plain letters, `US-CALIFORNIA`, with their code.
    names: HashMap<String, String>,
    postal: Table,
    phones: Table,
}

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::read);

/// The longest beginning of a postal code that any table has.
const POSTAL_DIGITS: usize = 5;
/// The longest beginning of a telephone number that any table has, the country calling code included.
const PHONE_DIGITS: usize = 7;

impl Tables {
    fn read() -> Tables {
        let mut names = HashMap::new();
        let mut regions = Table::new();
        for (key, entry) in lines(include_str!("regions.txt")) {
            let (code, called) = key.split_once(' ').unwrap_or((key, ""));
            let country = &code[..2];
            for name in called.split(';') {
                names.insert(format!("{country}-{}", plain(name)), code[3..].to_owned());
            }
            regions.insert(code.to_owned(), entry);
        }
        Tables {
            countries: lines(include_str!("countries.txt"))
                .map(|(key, entry)| (key.to_owned(), entry))
                .collect(),
            regions,
            names,
            postal: prefixes(include_str!("postal.txt"), " "),
            phones: prefixes(include_str!("phones.txt"), ""),
        }
    }
}

/// Lines of `key: zone zone`, without remarks and empty lines.
fn lines(text: &str) -> impl Iterator<Item = (&str, Entry)> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (key, zones) = line.split_once(": ").expect("a line of a zone table has a key");
            let zone = |name: &str| name.parse().expect("a zone table names zones of the database");
            let entry = match zones {
                "none" => Entry::Nowhere,
                _ => Entry::Zones(zones.split(' ').map(zone).collect()),
            };
            (key, entry)
        })
}

/// Lines of `head item item-item: zones`, one key for each item, the head and the item joined by `between`.
fn prefixes(text: &str, between: &str) -> Table {
    let mut table = Table::new();
    for (key, entry) in lines(text) {
        let mut words = key.split(' ');
        let head = words.next().unwrap_or_default();
        for item in words {
            for prefix in spread(item) {
                table.insert(format!("{head}{between}{prefix}"), entry.clone());
            }
        }
    }
    table
}

/// `95-97` is 95, 96 and 97; anything else is itself.
fn spread(item: &str) -> Vec<String> {
    match item.split_once('-') {
        None => vec![item.to_owned()],
        Some((first, last)) => {
            let number = |digits: &str| {
                digits
                    .parse::<u32>()
                    .expect("a range of a zone table is of digits")
            };
            let width = first.len();
            (number(first)..=number(last))
                .map(|n| format!("{n:0width$}"))
                .collect()
        }
    }
}

/// A name in capital letters without accents, spaces and points, for comparing: `Nuevo León` is `NUEVOLEON`.
fn plain(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    name.nfd()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect()
}

/// Every zone of a country; unknown countries have none.
pub(super) fn of_country(country: &str) -> Option<&'static Entry> {
    TABLES.countries.get(country.to_ascii_uppercase().as_str())
}

/// Every zone of a state or province, by its code or its name.
pub(super) fn of_region(country: &str, region: &str) -> Option<&'static Entry> {
    let code = region_code(country, region)?;
    TABLES
        .regions
        .get(&format!("{}-{code}", country.to_ascii_uppercase()))
}

/// The code of a state or province (ISO 3166-2 without the country) that is written as code or name: `CA`, `us-ca`,
/// `California`, `Calif.` of `US`. `None` where the tables do not know it.
pub fn region_code(country: &str, text: &str) -> Option<String> {
    let country = country.to_ascii_uppercase();
    let text = text.trim();
    let bare = match text.split_once('-') {
        Some((head, rest)) if head.eq_ignore_ascii_case(&country) => rest,
        _ => text,
    };
    let code = bare.to_ascii_uppercase();
    if TABLES.regions.contains_key(&format!("{country}-{code}")) {
        return Some(code);
    }
    TABLES.names.get(&format!("{country}-{}", plain(bare))).cloned()
}

/// The zones of a postal code and the beginning that told them.
pub(super) fn of_postal(country: &str, code: &str) -> Option<(String, &'static Entry)> {
    let head = country.to_ascii_uppercase();
    let mut plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_uppercase();
    // A spreadsheet drops the zeros that a code of digits begins with.
    let whole = match head.as_str() {
        "AU" | "NZ" => 4,
        "BR" => 8,
        "ES" | "FR" | "ID" | "MX" | "US" => 5,
        _ => 0,
    };
    if plain.len() < whole && plain.bytes().all(|b| b.is_ascii_digit()) {
        plain = format!("{plain:0>whole$}");
    }
    plain.truncate(POSTAL_DIGITS);
    (1..=plain.len()).rev().find_map(|n| {
        let key = format!("{head} {}", &plain[..n]);
        TABLES.postal.get(&key).map(|entry| (key, entry))
    })
}

/// The zones of a number in E.164 form and the beginning that told them.
pub(super) fn of_phone(e164: &str) -> Option<(&str, &'static Entry)> {
    let digits = e164.strip_prefix('+').unwrap_or(e164);
    (2..=PHONE_DIGITS.min(digits.len())).rev().find_map(|n| {
        let prefix = digits.get(..n)?;
        TABLES.phones.get(prefix).map(|entry| (prefix, entry))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_every_key_is_within_reach() {
        let t = &*TABLES;
        assert!(
            t.countries.len() > 245 && t.regions.len() > 300,
            "{} {}",
            t.countries.len(),
            t.regions.len()
        );
        let longest = |table: &Table, head: usize| table.keys().map(|k| k.len() - head).max();
        assert_eq!(longest(&t.postal, 3), Some(POSTAL_DIGITS));
        assert_eq!(longest(&t.phones, 0), Some(PHONE_DIGITS));
        let area_codes = |entry: bool| {
            t.phones
                .iter()
                .filter(|(k, e)| k.len() == 4 && k.starts_with('1') && (**e != Entry::Nowhere) == entry)
                .count()
        };
        assert_eq!(area_codes(true), 442);
    }

    #[test]
    fn no_key_stands_twice() {
        for (name, text, between) in [
            ("postal", include_str!("postal.txt"), " "),
            ("phones", include_str!("phones.txt"), ""),
        ] {
            let mut seen = std::collections::HashSet::new();
            for (key, _) in lines(text) {
                let mut words = key.split(' ');
                let head = words.next().unwrap();
                for prefix in words.flat_map(spread) {
                    assert!(
                        seen.insert(format!("{head}{between}{prefix}")),
                        "{name}: {head} {prefix}"
                    );
                }
            }
        }
    }

    #[test]
    fn states_are_known_by_code_and_name() {
        let check = |country: &str, text: &str, expected: Option<&str>| {
            assert_eq!(
                region_code(country, text).as_deref(),
                expected,
                "{country} {text}"
            );
        };
        check("US", "ca", Some("CA"));
        check("us", "US-CA", Some("CA"));
        check("US", "California", Some("CA"));
        check("US", " new  york ", Some("NY"));
        check("MX", "Nuevo Leon", Some("NLE"));
        check("CA", "Québec", Some("QC"));
        check("AU", "New South Wales", Some("NSW"));
        check("ID", "Jawa Barat", Some("JB"));
        check("US", "Atlantis", None);
        check("DE", "BY", None);
    }
}
