//! Where is a person? A *set* of candidate time zones, each with what it rests on; an unknown place is an empty set.
//!
//! Contact hours are the recipient's local time. Whoever could be in several zones is contacted only when it is
//! a lawful hour in all of them; whoever could be anywhere is not contacted at all. What somebody says about
//! themselves wins alone while it holds. Otherwise everything on file counts: the addresses (country, state, postal
//! code) and the telephone numbers (area code, or the country where the number tells no place). Sources that
//! contradict each other give both zones, as the commentary to 12 CFR 1006.6(b)(1) wants it.

mod envelope;
mod tables;

use chrono_tz::Tz;

use super::contact::PostalAddress;
use super::phone::PhoneNumber;
use super::words::words;
use tables::Entry;

pub use tables::region_code;

words! {
    /// What a candidate zone rests on, most trusted first.
    ZoneSource as "zone source" {
        /// The person or the ledger stated the zone.
        Stated = "stated",
        /// The postal code of an address.
        PostalCode = "postal_code",
        /// The address names a region within a country.
        Region = "region",
        /// The area code, or another prefix of a telephone number that belongs to a place.
        AreaCode = "area_code",
        /// Only the country of the address is known.
        Country = "country",
        /// The country calling code of a telephone number that tells no place within the country.
        Phone = "phone",
        /// Nothing is known.
        Unknown = "unknown",
    }
}

/// What one candidate zone rests on; shown to people, so it names places and prefixes, never a whole number or code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The candidate.
    pub zone: Tz,
    /// The kind of source.
    pub source: ZoneSource,
    /// What the source says: `US-TX`, `US 799`, `+1 915`; empty for a statement.
    pub detail: String,
}

/// Candidate time zones of one person, with their source. Empty means unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zones {
    /// Every zone the person could be in.
    pub candidates: Vec<Tz>,
    /// The most trusted source among them.
    pub source: ZoneSource,
    /// What each candidate rests on; one candidate may rest on several things.
    pub basis: Vec<Basis>,
}

/// An address as far as it tells a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place<'a> {
    /// ISO 3166-1 alpha-2.
    pub country: Option<&'a str>,
    /// State or province, as code or name.
    pub region: Option<&'a str>,
    /// Postal code, spaces and hyphens as people write them.
    pub postal_code: Option<&'a str>,
}

/// Everything on file that tells where a person could be.
#[derive(Debug, Default)]
pub struct Whereabouts<'a> {
    /// What the person said, if it still holds.
    pub stated: Option<Tz>,
    /// The addresses.
    pub places: Vec<Place<'a>>,
    /// Postal addresses as they go on an envelope; the state and postal code are read from their lines.
    pub addresses: Vec<&'a PostalAddress>,
    /// The telephone numbers.
    pub phones: Vec<&'a PhoneNumber>,
}

impl Zones {
    /// Nothing is known.
    pub fn unknown() -> Zones {
        Zones::of(Vec::new(), ZoneSource::Unknown)
    }

    /// One zone that was stated. Places in mainland China keep its one official time.
    pub fn stated(zone: Tz) -> Zones {
        Zones::of(vec![official(zone)], ZoneSource::Stated)
    }

    /// Candidates that all come from one source.
    pub fn of(candidates: Vec<Tz>, source: ZoneSource) -> Zones {
        let basis = |zone: &Tz| Basis {
            zone: *zone,
            source,
            detail: String::new(),
        };
        Zones {
            basis: candidates.iter().map(basis).collect(),
            source: if candidates.is_empty() {
                ZoneSource::Unknown
            } else {
                source
            },
            candidates,
        }
    }

    /// Every zone the person could be in: the statement alone, else all that the addresses and numbers say. What names
    /// only a country gives way to what names a place in that country.
    pub fn find(known: &Whereabouts<'_>) -> Zones {
        if let Some(zone) = known.stated {
            return Zones::stated(zone);
        }
        let read: Vec<_> = known.addresses.iter().map(|a| envelope::read(a)).collect();
        let written = read
            .iter()
            .zip(&known.addresses)
            .map(|((region, code), a)| Place {
                country: Some(&a.country),
                region: region.as_deref(),
                postal_code: code.as_deref(),
            });
        let places = known.places.iter().copied().chain(written);
        let mut clues: Vec<Clue> = places.flat_map(of_place).collect();
        clues.extend(known.phones.iter().filter_map(|phone| of_phone(phone)));
        Zones::from_clues(clues)
    }

    fn from_clues(clues: Vec<Clue>) -> Zones {
        let placed: Vec<String> = clues
            .iter()
            .filter(|c| !c.wide())
            .map(|c| c.country.clone())
            .collect();
        let mut zones = Zones::unknown();
        let mut clues: Vec<Clue> = clues
            .into_iter()
            .filter(|c| !c.wide() || !placed.contains(&c.country))
            .collect();
        clues.sort_by_key(|c| c.source);
        for clue in clues {
            zones.source = zones.source.min(clue.source);
            for zone in clue.zones {
                if !zones.candidates.contains(&zone) {
                    zones.candidates.push(zone);
                }
                let basis = Basis {
                    zone,
                    source: clue.source,
                    detail: clue.detail.clone(),
                };
                if !zones.basis.contains(&basis) {
                    zones.basis.push(basis);
                }
            }
        }
        zones
    }

    /// The zones of a number's area code; none where it tells no place.
    pub fn of_area_code(phone: &PhoneNumber) -> Vec<Tz> {
        match tables::of_phone(phone.e164()) {
            Some((_, Entry::Zones(zones))) => zones.clone(),
            _ => Vec::new(),
        }
    }

    /// The zone to show times in; the first candidate.
    pub fn shown(&self) -> Tz {
        self.candidates.first().copied().unwrap_or(Tz::UTC)
    }
}

/// The zone whose time is the law where `zone` is on the map: mainland China is one zone, Asia/Shanghai, Xinjiang
/// included, even where a map names another.
pub fn official(zone: Tz) -> Tz {
    match zone {
        Tz::Asia__Urumqi | Tz::Asia__Kashgar | Tz::Asia__Harbin | Tz::Asia__Chongqing | Tz::PRC => {
            Tz::Asia__Shanghai
        }
        _ => zone,
    }
}

/// What one source says.
#[derive(Debug)]
struct Clue {
    source: ZoneSource,
    country: String,
    detail: String,
    zones: Vec<Tz>,
}

impl Clue {
    /// Names a country and nothing finer.
    fn wide(&self) -> bool {
        matches!(self.source, ZoneSource::Country | ZoneSource::Phone)
    }
}

/// What an address says: the postal code within the state; both where they contradict each other; else the country.
fn of_place(place: Place<'_>) -> Vec<Clue> {
    let Some(country) = place.country else {
        return Vec::new();
    };
    let country = country.trim().to_ascii_uppercase();
    let clue = |source, detail: String, zones: &[Tz]| Clue {
        source,
        country: country.clone(),
        detail,
        zones: zones.to_vec(),
    };
    let code = place.postal_code.and_then(|c| tables::of_postal(&country, c));
    let region = place.region.and_then(|r| tables::of_region(&country, r));
    let called = || {
        let name = place.region.and_then(|r| region_code(&country, r));
        format!("{country}-{}", name.unwrap_or_default())
    };
    match (code, region) {
        (Some((_, Entry::Nowhere)), _) | (_, Some(Entry::Nowhere)) => Vec::new(),
        (Some((key, Entry::Zones(by_code))), Some(Entry::Zones(by_region))) => {
            // A postal code that lies across a zone line is narrowed by its state.
            let both: Vec<Tz> = by_code
                .iter()
                .filter(|z| by_region.contains(z))
                .copied()
                .collect();
            if both.is_empty() {
                vec![
                    clue(ZoneSource::PostalCode, key, by_code),
                    clue(ZoneSource::Region, called(), by_region),
                ]
            } else {
                vec![clue(ZoneSource::PostalCode, key, &both)]
            }
        }
        (Some((key, Entry::Zones(zones))), None) => vec![clue(ZoneSource::PostalCode, key, zones)],
        (None, Some(Entry::Zones(zones))) => vec![clue(ZoneSource::Region, called(), zones)],
        (None, None) => match tables::of_country(&country) {
            Some(Entry::Zones(zones)) => vec![clue(ZoneSource::Country, country.clone(), zones)],
            _ => Vec::new(),
        },
    }
}

/// What a number says: its area code, or its country where it tells no place; toll-free numbers say nothing.
fn of_phone(phone: &PhoneNumber) -> Option<Clue> {
    let country = phone.region().unwrap_or_default().to_ascii_uppercase();
    match tables::of_phone(phone.e164()) {
        Some((_, Entry::Nowhere)) => None,
        Some((prefix, Entry::Zones(zones))) => Some(Clue {
            source: ZoneSource::AreaCode,
            detail: format!("+{prefix}"),
            country,
            zones: zones.clone(),
        }),
        None => match tables::of_country(&country)? {
            Entry::Zones(zones) => Some(Clue {
                source: ZoneSource::Phone,
                detail: country.clone(),
                country,
                zones: zones.clone(),
            }),
            Entry::Nowhere => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(country: &'a str, region: &'a str, code: &'a str) -> Place<'a> {
        let some = |t: &'a str| (!t.is_empty()).then_some(t);
        Place {
            country: some(country),
            region: some(region),
            postal_code: some(code),
        }
    }

    fn names(zones: &Zones) -> String {
        let short = |z: &Tz| z.name().rsplit('/').next().unwrap().to_owned();
        zones.candidates.iter().map(short).collect::<Vec<_>>().join(" ")
    }

    fn address(country: &str, region: &str, code: &str, expected: &str) {
        let zones = Zones::find(&Whereabouts {
            places: vec![place(country, region, code)],
            ..Whereabouts::default()
        });
        assert_eq!(names(&zones), expected, "{country} {region} {code}");
    }

    fn number(text: &str, region: &str, expected: &str) {
        let phone = PhoneNumber::stored(text, Some(region));
        let zones = Zones::find(&Whereabouts {
            phones: vec![&phone],
            ..Whereabouts::default()
        });
        assert_eq!(names(&zones), expected, "{text}");
    }

    #[test]
    fn an_address_gives_the_zones_of_its_narrowest_part() {
        let all_us = "New_York Chicago Denver Phoenix Los_Angeles Anchorage Adak Honolulu";
        address("US", "", "", all_us);
        address("US", "??", "", all_us);
        address("US", "NY", "", "New_York");
        address("us", "new york", "", "New_York");
        address("US", "TX", "", "Chicago Denver");
        address("US", "TX", "79901", "Denver");
        address("US", "TX", "78701-1234", "Chicago");
        address("US", "", "79901", "Denver");
        address("US", "MA", "2139", "New_York");
        address("US", "", "2139", "New_York");
        address("US", "FL", "", "New_York Chicago");
        address("US", "FL", "32501", "Chicago");
        address("US", "FL", "33101", "New_York");
        address("US", "TN", "37201", "Chicago");
        address("US", "TN", "37901", "New_York");
        address("US", "KY", "42701", "New_York Chicago");
        address("US", "IN", "46204", "New_York");
        address("US", "ND", "58501", "Chicago Denver");
        address("US", "SD", "57701", "Denver");
        address("US", "NE", "69361", "Denver");
        address("US", "KS", "67735", "Chicago Denver");
        address("US", "ID", "83843", "Los_Angeles");
        address("US", "OR", "97914", "Denver Los_Angeles");
        address("US", "MI", "49801", "New_York Chicago");
        address("US", "AK", "99546", "Anchorage Adak");
        address("US", "AZ", "85001", "Phoenix");
        address("US", "AZ", "86515", "Denver Phoenix");
        address("US", "PR", "", "Puerto_Rico");
        address("US", "AE", "09012", "");
        address("US", "", "96799", "Pago_Pago");
        // The state and the postal code contradict each other.
        address("US", "CA", "10001", "New_York Los_Angeles");
    }

    #[test]
    fn other_countries_have_their_parts() {
        address("CA", "ON", "", "Toronto Winnipeg Atikokan");
        address("CA", "ON", "M5V 2T6", "Toronto");
        address("CA", "", "P9N 1A1", "Winnipeg Atikokan");
        address("CA", "Saskatchewan", "S9V 0A1", "Edmonton");
        address("CA", "NL", "A1C 5S7", "St_Johns");
        address("CA", "QC", "G4T 1A1", "Halifax");
        address("AU", "NSW", "2000", "Sydney");
        address("AU", "NSW", "2880", "Broken_Hill");
        address("AU", "NSW", "2898", "Lord_Howe");
        address("AU", "Queensland", "", "Brisbane");
        address("AU", "WA", "6443", "Perth Eucla");
        address("ID", "Papua", "", "Jayapura");
        address("ID", "BA", "80361", "Makassar");
        address("ID", "", "10110", "Jakarta");
        address("ID", "", "", "Jakarta Makassar Jayapura");
        address("BR", "Acre", "", "Rio_Branco");
        address("BR", "", "69005-010", "Manaus Eirunepe");
        address("MX", "Sonora", "", "Hermosillo");
        address("MX", "", "77500", "Cancun");
        address("ES", "", "35001", "Canary");
        address("ES", "", "28001", "Madrid");
        address("PT", "", "9500-150", "Azores");
        address("FR", "", "97400", "Reunion");
        address("CL", "MA", "", "Punta_Arenas");
        address("EC", "Galapagos", "", "Galapagos");
        address("NZ", "", "8016", "Chatham");
        address("CD", "HK", "", "Lubumbashi");
        address("MN", "Hovd", "", "Hovd");
        address("CN", "XJ", "830000", "Shanghai");
        address("DE", "BY", "80331", "Berlin");
        address("ZZ", "", "", "");
        address("", "NY", "10001", "");
    }

    #[test]
    fn a_number_gives_the_zones_of_its_area_code() {
        number("+12125550100", "US", "New_York");
        number("+19155550100", "US", "Denver");
        number("+18505550100", "US", "Chicago New_York");
        number("+16065550100", "US", "New_York Chicago");
        number("+19285550100", "US", "Phoenix Denver");
        number("+19075550100", "US", "Anchorage Adak");
        number("+18085550100", "US", "Honolulu");
        number("+17875550100", "PR", "Puerto_Rico");
        number(
            "+18675550100",
            "CA",
            "Whitehorse Edmonton Winnipeg Toronto Atikokan",
        );
        number("+14165550100", "CA", "Toronto");
        number("+12425550100", "BS", "Nassau");
        number("+18005550100", "US", "");
        number("+18885550100", "US", "");
        number("+15005550100", "US", "");
        number(
            "+12985550100",
            "US",
            "New_York Chicago Denver Phoenix Los_Angeles Anchorage Adak Honolulu",
        );
        number("+61280001234", "AU", "Sydney");
        number("+61736001234", "AU", "Brisbane");
        number("+61892001234", "AU", "Perth");
        number(
            "+61491570156",
            "AU",
            "Sydney Adelaide Brisbane Darwin Perth Eucla Lord_Howe",
        );
        number("+622150001234", "ID", "Jakarta");
        number("+62967500123", "ID", "Jayapura");
        number("+6281200001234", "ID", "Jakarta Makassar Jayapura");
        number("+5568999990123", "BR", "Rio_Branco");
        number("+8613800000123", "CN", "Shanghai");
        number("+442079460123", "GB", "London");
        number("+34922000123", "ES", "Canary");
        number("+77010000123", "KZ", "Almaty");
        number("+80012345678", "001", "");
    }

    #[test]
    fn what_contradicts_counts_and_what_is_wider_gives_way() {
        let check = |places: Vec<Place<'_>>, phones: &[(&str, &str)], expected: &str| {
            let phones: Vec<PhoneNumber> = phones
                .iter()
                .map(|(n, r)| PhoneNumber::stored(n, Some(r)))
                .collect();
            let zones = Zones::find(&Whereabouts {
                places,
                phones: phones.iter().collect(),
                ..Whereabouts::default()
            });
            assert_eq!(names(&zones), expected);
            let mut resting: Vec<Tz> = zones.basis.iter().map(|b| b.zone).collect();
            resting.dedup();
            assert!(zones.candidates.iter().all(|z| resting.contains(z)));
        };
        let ny = ("+12125550100", "US");
        check(vec![place("US", "CA", "")], &[ny], "Los_Angeles New_York");
        check(vec![place("US", "", "")], &[ny], "New_York");
        check(
            vec![place("US", "CA", "")],
            &[("+18005550100", "US")],
            "Los_Angeles",
        );
        check(
            vec![place("ID", "PA", "")],
            &[("+6281200001234", "ID")],
            "Jayapura",
        );
        check(vec![place("CN", "", "")], &[ny], "New_York Shanghai");
        check(vec![place("CN", "", "")], &[("+8613800000123", "CN")], "Shanghai");
        check(vec![], &[ny, ("+13125550100", "US")], "New_York Chicago");
        check(
            vec![place("DE", "", "")],
            &[("+442079460123", "GB")],
            "Berlin London",
        );
    }

    #[test]
    fn a_statement_wins_alone() {
        let phone = PhoneNumber::stored("+12125550100", Some("US"));
        let known = Whereabouts {
            stated: Some(Tz::Asia__Urumqi),
            places: vec![place("US", "CA", "90001")],
            phones: vec![&phone],
            ..Whereabouts::default()
        };
        let zones = Zones::find(&known);
        assert_eq!(
            (names(&zones).as_str(), zones.source),
            ("Shanghai", ZoneSource::Stated)
        );
        assert_eq!(Zones::find(&Whereabouts::default()), Zones::unknown());
    }

    #[test]
    fn the_basis_names_the_place_and_no_more() {
        let phone = PhoneNumber::stored("+12125550100", Some("US"));
        let zones = Zones::find(&Whereabouts {
            places: vec![place("US", "Texas", ""), place("US", "", "79901-1234")],
            phones: vec![&phone],
            ..Whereabouts::default()
        });
        let basis: Vec<String> = zones
            .basis
            .iter()
            .map(|b| format!("{} {}", b.source, b.detail))
            .collect();
        assert_eq!(
            basis,
            [
                "postal_code US 799",
                "region US-TX",
                "region US-TX",
                "area_code +1212"
            ]
        );
    }

    #[test]
    fn an_envelope_tells_too() {
        let check = |country: &str, lines: &str, expected: &str| {
            let address = PostalAddress::parse(lines, country).unwrap();
            let zones = Zones::find(&Whereabouts {
                addresses: vec![&address],
                ..Whereabouts::default()
            });
            assert_eq!(names(&zones), expected, "{lines}");
        };
        check("US", "1 Example Road|El Paso TX 79901", "Denver");
        check("US", "1 Example Road|Austin, Texas 78701-0001", "Chicago");
        check(
            "US",
            "77777 Example Road|Apt 5|New York, NY 10001|USA",
            "New_York",
        );
        check("CA", "1 Example Road|Kenora ON P9N 1A1", "Winnipeg Atikokan");
        check("AU", "1 Example Road|Broken Hill NSW 2880", "Broken_Hill");
        check("ES", "Calle Ejemplo 1|35001 Las Palmas", "Canary");
        check("ID", "Jalan Contoh 1|Denpasar 80361", "Makassar");
        check("BR", "Rua Exemplo 1|Rio Branco - AC|69900-000", "Rio_Branco");
        check(
            "US",
            "1 Example Road",
            "New_York Chicago Denver Phoenix Los_Angeles Anchorage Adak Honolulu",
        );
    }
}
