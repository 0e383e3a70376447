//! Telephone numbers, parsed at the door; inside they are always valid and never shown in full by accident.

use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

/// A valid telephone number in E.164 form. `Debug` shows the last two digits only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber {
    e164: String,
    region: Option<String>,
}

/// Why a text is no telephone number. The text itself is not repeated: it may be somebody's number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Scientific notation, as spreadsheets write long numbers.
    #[error("scientific notation: a spreadsheet has destroyed digits; export the column as text")]
    Scientific,
    /// Cannot be read as a number of the expected region.
    #[error("not a telephone number of {region}; expected e.g. `+8613800138000`")]
    Unreadable {
        /// The region it was read in.
        region: String,
    },
    /// Well-formed but not a number that exists in the numbering plan.
    #[error("no valid number in the numbering plan of {region}")]
    Invalid {
        /// The region it was read in.
        region: String,
    },
}

impl PhoneNumber {
    /// Reads a national or international number; `region` is the ISO 3166 country assumed without a `+`.
    pub fn parse(text: &str, region: &str) -> Result<PhoneNumber, PhoneError> {
        let t = text.trim();
        if t.contains(['e', 'E']) && t.contains(['+', '.']) && t.bytes().any(|b| b.is_ascii_digit()) {
            return Err(PhoneError::Scientific);
        }
        if let Some(mobile) = mainland_mobile(t, region) {
            return Ok(PhoneNumber {
                e164: format!("+86{mobile}"),
                region: Some("CN".to_owned()),
            });
        }
        let region = region.to_ascii_uppercase();
        if t.chars().any(|c| c.is_alphabetic()) {
            return Err(PhoneError::Unreadable { region });
        }
        let assumed = Region::from_str(&region).ok();
        let number = PHONE_NUMBER_UTIL
            .parse(t, assumed)
            .map_err(|_| PhoneError::Unreadable {
                region: region.clone(),
            })?;
        if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
            return Err(PhoneError::Invalid { region });
        }
        let e164 = PHONE_NUMBER_UTIL
            .format(&number, PhoneNumberFormat::E164)
            .into_owned();
        let region = PHONE_NUMBER_UTIL
            .get_region_for_number(&number)
            .map(|r| r.as_region_str().as_str().to_owned());
        Ok(PhoneNumber { e164, region })
    }

    /// The number of a sender; centres write it with and without the sign of an international number.
    pub fn of_carrier(text: &str) -> Option<PhoneNumber> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let international = format!("+{}", digits.trim_start_matches('0'));
        PhoneNumber::parse(&international, "CN")
            .or_else(|_| PhoneNumber::parse(text, "CN"))
            .ok()
    }

    /// A number that was parsed at a door and stored; not parsed again.
    pub(crate) fn stored(e164: &str, region: Option<&str>) -> PhoneNumber {
        PhoneNumber {
            e164: e164.to_owned(),
            region: region.map(str::to_owned),
        }
    }

    /// E.164 with the leading `+`.
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The ISO 3166 country the number belongs to, where the numbering plan tells.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

/// The eleven digits of a mainland mobile number in its plainest forms, which the library reads the same way but much
/// more slowly. Only prefixes whose every number is valid are here; all others go the long way.
fn mainland_mobile<'t>(text: &'t str, region: &str) -> Option<&'t str> {
    let digits = match text.strip_prefix("+86") {
        Some(digits) => digits,
        None if region == "CN" => text,
        None => return None,
    };
    let plain = digits.len() == 11 && digits.bytes().all(|b| b.is_ascii_digit());
    (plain && MAINLAND_PREFIXES.contains(&&digits[..3])).then_some(digits)
}

const MAINLAND_PREFIXES: &[&str] = &[
    "130", "131", "132", "133", "134", "135", "136", "137", "138", "139", "150", "151", "152", "153", "155",
    "156", "157", "158", "159", "180", "181", "182", "183", "184", "185", "186", "187", "188", "189",
];

impl std::fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tail = &self.e164[self.e164.len().saturating_sub(2)..];
        write!(f, "PhoneNumber(..{tail})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_library(text: &str, region: &str) -> Option<(String, Option<String>)> {
        let number = PHONE_NUMBER_UTIL
            .parse(text, Region::from_str(region).ok())
            .ok()?;
        if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
            return None;
        }
        let e164 = PHONE_NUMBER_UTIL
            .format(&number, PhoneNumberFormat::E164)
            .into_owned();
        let region = PHONE_NUMBER_UTIL.get_region_for_number(&number);
        Some((e164, region.map(|r| r.as_region_str().as_str().to_owned())))
    }

    fn same(text: &str, region: &str) {
        let ours = PhoneNumber::parse(text, region).ok();
        assert_eq!(
            ours.map(|p| (p.e164, p.region)),
            by_library(text, region),
            "{text} in {region}"
        );
    }

    #[test]
    fn the_short_way_gives_what_the_library_gives() {
        for prefix in 1000..2000 {
            for rest in ["0000000", "0000123", "9999999", "5551234"] {
                same(&format!("{prefix}{rest}"), "CN");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn the_short_way_gives_what_the_library_gives_anywhere(text in r"(\+86|86)?1[0-9]{9,11}", cn in any::<bool>()) {
            same(&text, if cn { "CN" } else { "US" });
        }
    }
}
