//! Where is a person? A *set* of candidate time zones with its source; an unknown place is an empty set.
//!
//! Contact hours are the recipient's local time. Whoever could be in several zones is contacted only when it is
//! a lawful hour in all of them; whoever could be anywhere is not contacted at all.

use chrono_tz::Tz;

use super::words::words;

words! {
    /// Where the candidate zones came from, most trusted first.
    ZoneSource as "zone source" {
        /// The person or the ledger stated the zone.
        Stated = "stated",
        /// The address names a region within a country.
        Region = "region",
        /// Only the country of the address is known.
        Country = "country",
        /// The country calling code of the telephone number.
        Phone = "phone",
        /// Nothing is known.
        Unknown = "unknown",
    }
}

/// Candidate time zones of one person, with their source. Empty means unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zones {
    /// Every zone the person could be in.
    pub candidates: Vec<Tz>,
    /// How they were found.
    pub source: ZoneSource,
}

impl Zones {
    /// Nothing is known.
    pub fn unknown() -> Zones {
        Zones {
            candidates: Vec::new(),
            source: ZoneSource::Unknown,
        }
    }

    /// One zone that was stated.
    pub fn stated(zone: Tz) -> Zones {
        Zones {
            candidates: vec![zone],
            source: ZoneSource::Stated,
        }
    }

    /// The best that can be said from what is known, in the order of trust: stated zone, region, country of the
    /// address, country of the telephone number.
    pub fn find(
        stated: Option<Tz>,
        country: Option<&str>,
        region: Option<&str>,
        phone: Option<&str>,
    ) -> Zones {
        if let Some(zone) = stated {
            return Zones::stated(zone);
        }
        if let (Some(country), Some(region)) = (country, region)
            && let Some(candidates) = of_region(country, region)
        {
            return Zones {
                candidates,
                source: ZoneSource::Region,
            };
        }
        let by = |place: Option<&str>, source| {
            let candidates = place.map(of_country).unwrap_or_default();
            (!candidates.is_empty()).then_some(Zones { candidates, source })
        };
        by(country, ZoneSource::Country)
            .or_else(|| by(phone, ZoneSource::Phone))
            .unwrap_or_else(Zones::unknown)
    }

    /// The zone to show times in; the first candidate.
    pub fn shown(&self) -> Tz {
        self.candidates.first().copied().unwrap_or(Tz::UTC)
    }
}

/// Every zone of a country, one per distinct offset pattern (IANA zone.tab). Unknown countries give none.
fn of_country(country: &str) -> Vec<Tz> {
    use Tz::*;
    match country.to_ascii_uppercase().as_str() {
        // One official time since 1949; Xinjiang's customary time is two hours behind, so mainland rules are met
        // by the official zone (Asia/Shanghai).
        "CN" => vec![Asia__Shanghai],
        "HK" => vec![Asia__Hong_Kong],
        "MO" => vec![Asia__Macau],
        "TW" => vec![Asia__Taipei],
        "SG" => vec![Asia__Singapore],
        "JP" => vec![Asia__Tokyo],
        "KR" => vec![Asia__Seoul],
        "IN" => vec![Asia__Kolkata],
        "MY" => vec![Asia__Kuala_Lumpur],
        "PH" => vec![Asia__Manila],
        "TH" => vec![Asia__Bangkok],
        "VN" => vec![Asia__Ho_Chi_Minh],
        "ID" => vec![Asia__Jakarta, Asia__Makassar, Asia__Jayapura],
        "GB" => vec![Europe__London],
        "IE" => vec![Europe__Dublin],
        "DE" => vec![Europe__Berlin],
        "FR" => vec![Europe__Paris],
        "IT" => vec![Europe__Rome],
        "NL" => vec![Europe__Amsterdam],
        "PL" => vec![Europe__Warsaw],
        "ES" => vec![Europe__Madrid, Atlantic__Canary],
        "PT" => vec![Europe__Lisbon, Atlantic__Azores],
        "ZA" => vec![Africa__Johannesburg],
        "BR" => vec![
            America__Sao_Paulo,
            America__Manaus,
            America__Rio_Branco,
            America__Noronha,
        ],
        "MX" => vec![
            America__Mexico_City,
            America__Tijuana,
            America__Hermosillo,
            America__Cancun,
        ],
        "US" => vec![
            America__New_York,
            America__Chicago,
            America__Denver,
            America__Phoenix,
            America__Los_Angeles,
            America__Anchorage,
            America__Adak,
            Pacific__Honolulu,
        ],
        "CA" => vec![
            America__St_Johns,
            America__Halifax,
            America__Toronto,
            America__Winnipeg,
            America__Regina,
            America__Edmonton,
            America__Vancouver,
            America__Whitehorse,
        ],
        "AU" => vec![
            Australia__Sydney,
            Australia__Brisbane,
            Australia__Adelaide,
            Australia__Darwin,
            Australia__Perth,
            Australia__Lord_Howe,
            Australia__Eucla,
        ],
        "NZ" => vec![Pacific__Auckland, Pacific__Chatham],
        _ => Vec::new(),
    }
}

/// Zones of a state or province (ISO 3166-2 suffix); states on a border of two zones give both.
fn of_region(country: &str, region: &str) -> Option<Vec<Tz>> {
    use Tz::*;
    let key = (country.to_ascii_uppercase(), region.trim().to_ascii_uppercase());
    Some(match (key.0.as_str(), key.1.as_str()) {
        (
            "US",
            "CT" | "DC" | "DE" | "GA" | "MA" | "MD" | "ME" | "NC" | "NH" | "NJ" | "NY" | "OH" | "PA" | "RI"
            | "SC" | "VA" | "VT" | "WV",
        ) => vec![America__New_York],
        ("US", "AL" | "AR" | "IA" | "IL" | "LA" | "MN" | "MO" | "MS" | "OK" | "WI") => vec![America__Chicago],
        ("US", "FL" | "IN" | "KY" | "MI" | "TN") => vec![America__New_York, America__Chicago],
        ("US", "KS" | "ND" | "NE" | "SD" | "TX") => vec![America__Chicago, America__Denver],
        ("US", "CO" | "MT" | "NM" | "UT" | "WY") => vec![America__Denver],
        ("US", "ID" | "OR") => vec![America__Denver, America__Los_Angeles],
        ("US", "AZ") => vec![America__Phoenix, America__Denver],
        ("US", "CA" | "WA") => vec![America__Los_Angeles],
        ("US", "NV") => vec![America__Los_Angeles, America__Denver],
        ("US", "AK") => vec![America__Anchorage, America__Adak],
        ("US", "HI") => vec![Pacific__Honolulu],
        ("AU", "NSW") => vec![Australia__Sydney, Australia__Adelaide, Australia__Lord_Howe],
        ("AU", "ACT" | "VIC" | "TAS") => vec![Australia__Sydney],
        ("AU", "QLD") => vec![Australia__Brisbane],
        ("AU", "SA") => vec![Australia__Adelaide],
        ("AU", "NT") => vec![Australia__Darwin],
        ("AU", "WA") => vec![Australia__Perth, Australia__Eucla],
        ("CA", "NL") => vec![America__St_Johns, America__Halifax],
        ("CA", "NB" | "NS" | "PE") => vec![America__Halifax],
        ("CA", "ON" | "QC") => vec![America__Toronto, America__Winnipeg, America__Halifax],
        ("CA", "MB") => vec![America__Winnipeg],
        ("CA", "SK") => vec![America__Regina, America__Edmonton],
        ("CA", "AB") => vec![America__Edmonton],
        ("CA", "BC") => vec![America__Vancouver, America__Edmonton],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_trusted_source_wins_and_the_unknown_stays_unknown() {
        let check = |stated, country, region, phone, count: usize, source| {
            let zones = Zones::find(stated, country, region, phone);
            assert_eq!((zones.candidates.len(), zones.source), (count, source));
        };
        check(
            Some(Tz::Europe__London),
            Some("US"),
            None,
            None,
            1,
            ZoneSource::Stated,
        );
        check(None, Some("US"), Some("NY"), None, 1, ZoneSource::Region);
        check(None, Some("US"), Some("??"), None, 8, ZoneSource::Country);
        check(None, None, None, Some("CN"), 1, ZoneSource::Phone);
        check(None, Some("XX"), None, None, 0, ZoneSource::Unknown);
    }
}
