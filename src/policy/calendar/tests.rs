use super::*;

/// Every file that ships.
fn shipped() -> Holidays {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/holidays");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            (
                format!("holidays/{name}"),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    Holidays::parse(&files).unwrap_or_else(|e| panic!("{e}"))
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn one(file: &str, text: &str) -> Result<Holidays, PolicyError> {
    Holidays::parse(&[(format!("holidays/{file}.toml"), text.to_owned())])
}

#[test]
fn the_days_people_know() {
    use DayKind::{Holiday, Ordinary, Unknown, WorkingDay};
    let holidays = shipped();
    let check = |place: &str, day: &str, expected: DayKind| {
        assert_eq!(
            holidays.day(Some(place), date(day)),
            expected,
            "{place} {day} {:?}",
            holidays.names(place, date(day))
        );
    };
    check("CN", "2026-02-17", Holiday);
    check("CN", "2026-02-14", WorkingDay);
    check("CN", "2026-02-24", Ordinary);
    check("CN", "2027-02-06", Unknown);
    check("HK", "2026-04-07", Holiday);
    check("TW", "2026-02-27", Holiday);
    check("TW", "2025-02-08", WorkingDay);
    check("KR", "2026-05-25", Holiday);
    check("JP", "2026-09-22", Holiday);
    check("IN", "2026-10-02", Holiday);
    check("ID", "2026-03-21", Holiday);
    check("TH", "2026-01-02", Holiday);
    check("VN", "2026-02-16", Holiday);
    check("US", "2026-07-03", Holiday);
    check("us-tx", "2026-07-03", Holiday);
    check("GB-ENG", "2026-08-31", Holiday);
    check("GB-SCT", "2026-08-31", Ordinary);
    check("GB-SCT", "2026-06-15", Holiday);
    check("AU-NSW", "2026-10-05", Holiday);
    check("AU-VIC", "2026-10-05", Ordinary);
    check("AU-VIC", "2026-11-03", Holiday);
    check("CA-QC", "2026-06-24", Holiday);
    check("CA-ON", "2026-06-24", Ordinary);
    check("CA-ON", "2026-02-16", Holiday);
    check("DE-BY", "2026-01-06", Holiday);
    check("DE-NI", "2026-01-06", Ordinary);
    check("DE-SN", "2026-11-18", Holiday);
    check("FR-67", "2026-04-03", Holiday);
    check("FR-75", "2026-07-14", Holiday);
    check("FR-75", "2026-07-15", Ordinary);
    check("IT", "2026-04-06", Holiday);
    check("NL", "2025-04-26", Holiday);
    check("NL", "2025-04-27", Ordinary);
    check("PL", "2026-12-24", Holiday);
    check("ES", "2026-10-12", Holiday);
    check("BR", "2026-11-20", Holiday);
    check("MX", "2026-11-16", Holiday);
    check("ZA", "2026-08-10", Holiday);
    check("ZZ", "2026-08-10", Unknown);
    check("", "2026-08-10", Unknown);
}

#[test]
fn where_only_the_country_is_known_any_part_counts() {
    let holidays = shipped();
    let check = |place: &str, day: &str, public: DayKind, national: DayKind| {
        let found = (
            holidays.day(Some(place), date(day)),
            holidays.national(Some(place), date(day)),
        );
        assert_eq!(found, (public, national), "{place} {day}");
    };
    use DayKind::{Holiday, Ordinary, Unknown};
    // Melbourne Cup Day: one state only.
    check("AU", "2026-11-03", Holiday, Ordinary);
    check("AU-NSW", "2026-11-03", Ordinary, Ordinary);
    check("AU-VIC", "2026-11-03", Holiday, Ordinary);
    check("AU-VIC", "2026-12-28", Holiday, Holiday);
    check("AU", "2026-04-25", Holiday, Holiday);
    check("AU", "2026-04-27", Holiday, Ordinary);
    check("AU", "2026-11-04", Ordinary, Ordinary);
    check("GB", "2026-07-13", Holiday, Ordinary);
    check("DE", "2026-10-03", Holiday, Holiday);
    check("DE", "2026-10-31", Holiday, Ordinary);
    check("AU", "2031-01-01", Unknown, Unknown);
}

#[test]
fn a_part_is_found_by_code_and_name() {
    let holidays = shipped();
    let check = |country: &str, region: Option<&str>, expected: Option<&str>| {
        let found = holidays.of(Some(country), region).map(Calendar::place);
        assert_eq!(found, expected, "{country} {region:?}");
    };
    check("AU", Some("NSW"), Some("AU-NSW"));
    check("au", Some("nsw"), Some("AU-NSW"));
    check("AU", Some("New South Wales"), Some("AU-NSW"));
    check("CA", Some("Québec"), Some("CA-QC"));
    check("AU", Some("nowhere in particular"), Some("AU"));
    check("AU", Some(""), Some("AU"));
    check("US", Some("TX"), Some("US"));
    check("US", None, Some("US"));
    check("ZZ", Some("A"), None);
    assert!(holidays.of(None, Some("NSW")).is_none());
}

#[test]
fn leave_is_no_public_holiday() {
    let holidays = shipped();
    let check = |place: &str, day: &str| {
        assert_eq!(
            holidays.day(Some(place), date(day)),
            DayKind::Ordinary,
            "{place} {day}"
        );
        assert_eq!(
            holidays.day_in(Some(place), date(day), Scope::WithLeave),
            DayKind::Holiday,
            "{place} {day}"
        );
    };
    check("ID", "2026-03-18");
    check("BR", "2026-02-17");
    check("NL", "2026-04-03");
    check("JP", "2026-12-31");
    check("CA-ON", "2026-08-03");
}

#[test]
fn a_year_that_is_not_covered_is_named() {
    let holidays = shipped();
    let gap = holidays.gap(Some("cn"), date("2027-05-01")).unwrap();
    assert_eq!((gap.place.as_deref(), gap.year), (Some("CN"), 2027));
    assert!(gap.zh().contains("CN") && gap.zh().contains("2027"));
    assert!(gap.en().contains("CN") && gap.en().contains("2027"));
    assert_eq!(holidays.gap(Some("CN"), date("2026-05-01")), None);
    assert!(
        holidays
            .gap(None, date("2026-05-01"))
            .unwrap()
            .en()
            .contains("2026")
    );
    assert_eq!(
        holidays.known_until("CN", date("2026-11-22")),
        Some(date("2026-12-31"))
    );
    assert_eq!(holidays.known_until("CN", date("2027-01-01")), None);
    assert_eq!(
        holidays.known_until("US-TX", date("2026-11-22")),
        Some(date("2028-12-31"))
    );
    assert_eq!(
        Holidays::default().day(Some("CN"), date("2026-05-01")),
        DayKind::Unknown
    );
}

#[test]
fn a_substitute_keeps_clear_of_other_holidays() {
    let holidays = shipped();
    // Christmas Day 2027 is a Saturday, Boxing Day a Sunday.
    for day in ["2027-12-25", "2027-12-26", "2027-12-27", "2027-12-28"] {
        assert_eq!(holidays.day(Some("GB-WLS"), date(day)), DayKind::Holiday, "{day}");
    }
    assert_eq!(
        holidays.day(Some("GB-WLS"), date("2027-12-29")),
        DayKind::Ordinary
    );
    let names = |day: &str| holidays.names("GB-WLS", date(day))[0].en.clone();
    assert_eq!(names("2027-12-27"), "Christmas Day (observed)");
    assert_eq!(names("2027-12-28"), "Boxing Day (observed)");
    // New Year's Day 2028 is a Saturday; its Friday lies in 2027.
    assert_eq!(holidays.day(Some("US"), date("2027-12-31")), DayKind::Holiday);
}

const HEAD: &str = "region = \"AU\"\nzh = \"a\"\nen = \"b\"\nyears = [2026]\nsources = [\"act\"]\n";

#[test]
fn a_wrong_file_names_its_line() {
    let check = |file: &str, text: &str, line: usize, field: &str, expected: &str| {
        let error = one(file, text).unwrap_err();
        assert_eq!((error.line, error.field.as_str()), (line, field), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    let with = |holiday: &str| {
        format!("{HEAD}holiday = [\n    {holiday},\n]\n[parts]\nNSW = {{ zh = \"x\", en = \"y\" }}\n")
    };
    check("nz", HEAD, 1, "region", "the file named after it");
    check(
        "au",
        &HEAD.replace("[2026]", "[2026, 2028]"),
        4,
        "years",
        "one after the other",
    );
    check(
        "au",
        &HEAD.replace("\"act\"", "\" \""),
        5,
        "sources",
        "where the days are published",
    );
    check("au", &format!("{HEAD}sorces = 1\n"), 6, "sorces", "expected");
    for (holiday, expected) in [
        (r#"{ zh = "a", en = "b", on = "13-01" }"#, "easter+1"),
        (
            r#"{ zh = "a", en = "b", on = 2027-01-01 }"#,
            "years that the file covers",
        ),
        (
            r#"{ zh = "a", en = "b", on = "01-01", observed = "monday" }"#,
            "next_weekday",
        ),
        (
            r#"{ zh = "a", en = "b", on = "01-01", in = ["QLD"] }"#,
            "`[parts]`",
        ),
        (r#"{ zh = "a", en = " ", on = "01-01" }"#, "`zh` and `en`"),
        (
            r#"{ zh = "a", en = "b", on = "01-01", years = [2020] }"#,
            "years that the file covers",
        ),
        (r#"{ zh = "a", en = "b", on = "02-29" }"#, "first mon may"),
        (r#"{ zh = "a", en = "b", on = "01-01", leaf = true }"#, "leaf"),
    ] {
        let error = one("au", &with(holiday)).unwrap_err();
        assert_eq!(error.line, 7, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(
        one(
            "au",
            &with(r#"{ zh = "a", en = "b", on = "01-01", in = ["NSW"] }"#)
        )
        .is_ok()
    );
}

#[test]
fn other_files_are_left_alone() {
    let files = [("cn/policy.toml".to_owned(), "not toml".to_owned())];
    assert!(Holidays::parse(&files).unwrap().calendars().is_empty());
}

#[test]
fn every_region_covers_this_year_with_a_source() {
    let holidays = shipped();
    let calendars = holidays.calendars();
    let countries = calendars.iter().filter(|c| c.place().len() == 2).count();
    assert_eq!((countries, calendars.len()), (22, 22 + 4 + 8 + 13 + 16 + 4));
    for calendar in calendars {
        assert!(calendar.years().contains(&2025) && calendar.years().contains(&2026));
        for year in calendar.years() {
            let days = calendar.days().filter(|(d, _)| d.year() == year).count();
            assert!((7..=45).contains(&days), "{} {year}: {days}", calendar.place());
        }
    }
}
