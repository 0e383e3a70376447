//! The shipped holidays against the Python package `holidays`, an independent collection of them.
//!
//! Needs Python with that package (`DUNWELL_PYTHON`, else `target/venv/bin/python`, else `python3`). What is missing is
//! skipped aloud, or with `DUNWELL_REQUIRE=1` a failure. Every difference is listed below with its reason.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::{Datelike, NaiveDate, Weekday};
use dunwell::config::Config;
use dunwell::dispatch::Rulebook;
use dunwell::policy::{Calendar, DayKind, Holidays, Scope};

use crate::support::require_or_skip;

fn shipped() -> Holidays {
    let settings = Config::defaults();
    let rulebook = Rulebook::load(&settings).unwrap();
    rulebook.policy.holidays().clone()
}

fn python() -> Option<PathBuf> {
    let in_target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let named = std::env::var_os("DUNWELL_PYTHON").map(PathBuf::from);
    named
        .into_iter()
        .chain([in_target, PathBuf::from("python3")])
        .find(|python| {
            let mut command = Command::new(python);
            command.args(["-c", "import holidays"]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        })
}

/// Every day of the years that a calendar covers.
fn dates(calendar: &Calendar) -> impl Iterator<Item = NaiveDate> {
    let first = NaiveDate::from_ymd_opt(*calendar.years().start(), 1, 1).unwrap();
    let last = *calendar.years().end();
    first.iter_days().take_while(move |d| d.year() <= last)
}

/// What is recorded, in the form that the script reads.
fn recorded(holidays: &Holidays) -> String {
    let mut lines = String::new();
    for calendar in holidays.calendars() {
        let place = calendar.place();
        for year in calendar.years() {
            lines += &format!("year {place} {year}\n");
        }
        for day in dates(calendar) {
            match calendar.day(day, Scope::Public) {
                DayKind::Holiday => lines += &format!("day {place} {day}\n"),
                DayKind::WorkingDay => lines += &format!("work {place} {day}\n"),
                DayKind::Ordinary | DayKind::Unknown => {}
            }
        }
    }
    lines
}

/// A difference that is meant: which way, where (a beginning), when (a date, a part of one, or `weekend`), and why.
const KNOWN: &[(&str, &str, &str, &str)] = &[
    (
        "extra",
        "CN",
        "weekend",
        "the whole break of the notice counts, with the weekends inside it",
    ),
    (
        "extra",
        "AU",
        "2025-01-26",
        "a Sunday; the date stays beside its Monday",
    ),
    (
        "extra",
        "AU",
        "2027-04-25",
        "a Sunday; three parts move the holiday, the others keep it",
    ),
    (
        "extra",
        "AU-TAS",
        "2026-12-26",
        "a Saturday; Tasmania moves the holiday, the others keep it",
    ),
    (
        "extra",
        "AU-TAS",
        "2027-12-26",
        "a Sunday; Tasmania moves the holiday, the others keep it",
    ),
    (
        "extra",
        "CA",
        "2025-04-21",
        "Easter Monday is a holiday by the Interpretation Act",
    ),
    (
        "extra",
        "CA",
        "2026-04-06",
        "Easter Monday is a holiday by the Interpretation Act",
    ),
    (
        "extra",
        "CA",
        "2027-03-29",
        "Easter Monday is a holiday by the Interpretation Act",
    ),
    (
        "extra",
        "DE-BY",
        "-08-15",
        "a holiday in most communities of Bavaria",
    ),
    (
        "extra",
        "ES",
        "weekend",
        "a national day on a Sunday, which communities may move",
    ),
    (
        "missing",
        "IT",
        "weekend",
        "the Day of National Unity is no holiday and always a Sunday",
    ),
    (
        "extra",
        "NL",
        "-05-05",
        "a holiday every year by the Algemene termijnenwet, paid leave every fifth",
    ),
    ("missing", "NL", "2025-04-18", "Good Friday is marked as leave"),
    ("missing", "NL", "2026-04-03", "Good Friday is marked as leave"),
    ("missing", "NL", "2027-03-26", "Good Friday is marked as leave"),
    ("missing", "NL", "2028-04-14", "Good Friday is marked as leave"),
    (
        "missing",
        "TH",
        "2025-01-11",
        "Children's Day is a Saturday on which nobody has leave",
    ),
    (
        "missing",
        "TH",
        "2026-01-10",
        "Children's Day is a Saturday on which nobody has leave",
    ),
];

fn known(difference: &str) -> bool {
    let mut words = difference.split(' ');
    let (way, place, date) = (
        words.next().unwrap(),
        words.next().unwrap(),
        words.next().unwrap(),
    );
    let weekend = || {
        let date: NaiveDate = date.parse().unwrap();
        matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
    };
    KNOWN.iter().any(|(w, p, d, _)| {
        *w == way && place.starts_with(p) && (date.contains(d) || (*d == "weekend" && weekend()))
    })
}

#[test]
fn they_agree_with_an_independent_collection() {
    let Some(python) = python() else {
        require_or_skip("Python with the package holidays");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/holidays_oracle.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let holidays = shipped();
    let mut input = child.stdin.take().unwrap();
    input.write_all(recorded(&holidays).as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let unexplained: Vec<&str> = text.lines().filter(|line| !known(line)).collect();
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    // Every reason must still be needed.
    for (way, place, date, why) in KNOWN {
        let needed = text.lines().any(|line| {
            let mut words = line.split(' ');
            words.next() == Some(*way)
                && words.next().is_some_and(|p| p.starts_with(place))
                && (*date == "weekend" || words.next().is_some_and(|d| d.contains(date)))
        });
        assert!(needed, "no such difference any more: {way} {place} {date}: {why}");
    }
}

#[test]
fn what_is_national_is_a_holiday_in_every_part() {
    let holidays = shipped();
    for part in holidays
        .calendars()
        .into_iter()
        .filter(|c| c.place().contains('-'))
    {
        let country = holidays.calendar(&part.place()[..2]).unwrap();
        for day in dates(country) {
            if country.day(day, Scope::National) == DayKind::Holiday {
                assert_eq!(
                    part.day(day, Scope::Public),
                    DayKind::Holiday,
                    "{} {day}",
                    part.place()
                );
            }
            if part.day(day, Scope::Public) == DayKind::Holiday {
                assert_eq!(
                    country.day(day, Scope::Public),
                    DayKind::Holiday,
                    "{} {day}",
                    part.place()
                );
            }
        }
    }
}
