//! Holidays that follow a rule: a fixed date, a day counted from Easter, a weekday of a month, and what is put in the
//! place of a holiday that falls on a weekend. Data terms only; no calendar of a country is known here.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// When a holiday is, in any year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// `12-25`.
    Fixed { month: u32, day: u32 },
    /// `easter`, `easter-2`, `easter+39`: days from Western Easter Sunday.
    Easter { days: i64 },
    /// `first mon may`, `last mon may`; `nth` 0 is the last.
    Nth { nth: u32, weekday: Weekday, month: u32 },
    /// `mon before 05-25`, `mon from 05-19`: the nearest such weekday strictly before, or not before, a date.
    Near {
        weekday: Weekday,
        before: bool,
        month: u32,
        day: u32,
    },
}

/// What happens when the day is a Saturday or Sunday. `Also` adds a day, `Instead` moves the holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) weekdays: Falls,
    pub(super) to: Target,
    pub(super) instead: bool,
}

/// On which days of the week a holiday is shifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Falls {
    Weekend,
    Sunday,
    Saturday,
}

/// Where a shifted holiday goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The next day from Monday to Friday that is no holiday.
    NextFree,
    /// The Friday before a Saturday, the Monday after a Sunday.
    Nearest,
    /// The day before.
    DayBefore,
}

const ORDINALS: [&str; 6] = ["last", "first", "second", "third", "fourth", "fifth"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// What a rule may look like, for people whose rule cannot be read.
pub(super) const EXPECTED_RULE: &str = "a date such as 2026-02-17, several in a list, or a rule such as `12-25`, \
    `easter+1`, `first mon may`, `last thu nov`, `mon before 05-25` or `mon from 05-19`";

/// What a shift may be, for people whose shift cannot be read.
pub(super) const EXPECTED_SHIFT: &str =
    "`next_weekday`, `nearest_weekday`, `sunday_to_monday` or `saturday_to_monday`";

impl Rule {
    pub(super) fn parse(text: &str) -> Option<Rule> {
        if let Some(rest) = text.strip_prefix("easter") {
            let days = if rest.is_empty() { 0 } else { rest.parse().ok()? };
            return Some(Rule::Easter { days });
        }
        let words: Vec<&str> = text.split(' ').collect();
        let place = |list: &[&str], word: &str| list.iter().position(|w| *w == word);
        let weekday = |word: &str| Weekday::try_from(u8::try_from(place(&WEEKDAYS, word)?).ok()?).ok();
        match words.as_slice() {
            [date] => {
                let (month, day) = month_day(date)?;
                Some(Rule::Fixed { month, day })
            }
            [day, side @ ("before" | "from"), date] => {
                let weekday = weekday(day)?;
                let before = *side == "before";
                let (month, day) = month_day(date)?;
                Some(Rule::Near {
                    weekday,
                    before,
                    month,
                    day,
                })
            }
            [nth, day, month] => Some(Rule::Nth {
                nth: u32::try_from(place(&ORDINALS, nth)?).ok()?,
                weekday: weekday(day)?,
                month: u32::try_from(place(&MONTHS, month)? + 1).ok()?,
            }),
            _ => None,
        }
    }

    /// The day in a year; none where the year has no such day.
    pub(super) fn in_year(self, year: i32) -> Option<NaiveDate> {
        match self {
            Rule::Fixed { month, day } => NaiveDate::from_ymd_opt(year, month, day),
            Rule::Easter { days } => easter(year)?.checked_add_signed(chrono::TimeDelta::days(days)),
            Rule::Nth {
                nth: 0,
                weekday,
                month,
            } => (1..=5)
                .rev()
                .find_map(|n| NaiveDate::from_weekday_of_month_opt(year, month, weekday, n)),
            Rule::Nth { nth, weekday, month } => {
                NaiveDate::from_weekday_of_month_opt(year, month, weekday, u8::try_from(nth).ok()?)
            }
            Rule::Near {
                weekday,
                before,
                month,
                day,
            } => {
                let date = NaiveDate::from_ymd_opt(year, month, day)?;
                let week = 1..=7u64;
                let mut days: Box<dyn Iterator<Item = NaiveDate>> = if before {
                    Box::new(week.filter_map(move |n| date.checked_sub_days(Days::new(n))))
                } else {
                    Box::new(week.filter_map(move |n| date.checked_add_days(Days::new(n - 1))))
                };
                days.find(|d| d.weekday() == weekday)
            }
        }
    }
}

impl Shift {
    pub(super) fn parse(text: &str, instead: bool) -> Option<Shift> {
        let (weekdays, to) = match text {
            "next_weekday" => (Falls::Weekend, Target::NextFree),
            "nearest_weekday" => (Falls::Weekend, Target::Nearest),
            "sunday_to_monday" => (Falls::Sunday, Target::NextFree),
            "saturday_to_monday" => (Falls::Saturday, Target::NextFree),
            "sunday_to_saturday" => (Falls::Sunday, Target::DayBefore),
            _ => return None,
        };
        Some(Shift {
            weekdays,
            to,
            instead,
        })
    }

    /// The day that a holiday on `day` is shifted to, if it is; `taken` are the holidays there already.
    pub(super) fn of(self, day: NaiveDate, taken: &BTreeSet<NaiveDate>) -> Option<NaiveDate> {
        let falls = matches!(
            (day.weekday(), self.weekdays),
            (Weekday::Sat, Falls::Weekend | Falls::Saturday) | (Weekday::Sun, Falls::Weekend | Falls::Sunday)
        );
        if !falls {
            return None;
        }
        let weekend = |d: NaiveDate| matches!(d.weekday(), Weekday::Sat | Weekday::Sun);
        match self.to {
            Target::Nearest if day.weekday() == Weekday::Sat => day.pred_opt(),
            Target::Nearest => day.succ_opt(),
            Target::DayBefore => day.pred_opt(),
            Target::NextFree => day
                .iter_days()
                .skip(1)
                .find(|d| !weekend(*d) && !taken.contains(d)),
        }
    }
}

fn month_day(text: &str) -> Option<(u32, u32)> {
    let (month, day) = text.split_once('-')?;
    let two = |t: &str| (t.len() == 2).then(|| t.parse().ok()).flatten();
    let (month, day) = (two(month)?, two(day)?);
    // 2024 has a 29 February.
    NaiveDate::from_ymd_opt(2024, month, day).map(|_| (month, day))
}

/// Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher).
fn easter(year: i32) -> Option<NaiveDate> {
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    NaiveDate::from_ymd_opt(year, u32::try_from(n / 31).ok()?, u32::try_from(n % 31 + 1).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn rules_give_their_day() {
        let check = |rule: &str, expected: &str| {
            let year = expected[..4].parse().unwrap();
            assert_eq!(
                Rule::parse(rule).unwrap().in_year(year),
                Some(date(expected)),
                "{rule}"
            );
        };
        check("12-25", "2026-12-25");
        check("easter", "2024-03-31");
        check("easter", "2025-04-20");
        check("easter", "2026-04-05");
        check("easter", "2027-03-28");
        check("easter", "2038-04-25");
        check("easter-2", "2026-04-03");
        check("easter+1", "2026-04-06");
        check("easter+39", "2026-05-14");
        check("first mon may", "2026-05-04");
        check("last mon may", "2026-05-25");
        check("fourth thu nov", "2026-11-26");
        check("mon before 05-25", "2026-05-18");
        check("mon before 05-25", "2027-05-24");
        check("wed before 11-23", "2026-11-18");
        check("mon from 05-27", "2024-05-27");
        check("mon from 05-27", "2026-06-01");
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "13-01",
            "02-30",
            "1-1",
            "first may",
            "sixth mon may",
            "mon after 05-25",
            "easter*2",
            "12-25 ",
        ] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
        assert_eq!(Shift::parse("monday", false), None);
        assert_eq!(Rule::parse("02-29").unwrap().in_year(2026), None);
        assert_eq!(Rule::parse("fifth mon feb").unwrap().in_year(2026), None);
    }

    #[test]
    fn shifts_go_where_they_should() {
        let check = |shift: &str, day: &str, taken: &[&str], expected: Option<&str>| {
            let taken = taken.iter().map(|d| date(d)).collect();
            let found = Shift::parse(shift, false).unwrap().of(date(day), &taken);
            assert_eq!(found, expected.map(date), "{shift} {day}");
        };
        check("next_weekday", "2026-12-26", &[], Some("2026-12-28"));
        check("next_weekday", "2027-12-25", &["2027-12-27"], Some("2027-12-28"));
        check("next_weekday", "2026-12-25", &[], None);
        check("nearest_weekday", "2026-07-04", &[], Some("2026-07-03"));
        check("nearest_weekday", "2027-07-04", &[], Some("2027-07-05"));
        check("sunday_to_monday", "2026-07-04", &[], None);
        check("sunday_to_monday", "2025-04-27", &[], Some("2025-04-28"));
        check("saturday_to_monday", "2027-12-25", &[], Some("2027-12-27"));
        check("sunday_to_saturday", "2025-04-27", &[], Some("2025-04-26"));
    }
}
