//! From a clock time on a local date to an instant, where clocks change too.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::moment::Moment;

/// Which of two instants, where a clock time occurs twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The first.
    First,
    /// The second.
    Last,
}

/// The instant at which clocks in `zone` show `minute` minutes past midnight of `date`, reckoned without clock changes
/// (1440 is the next midnight). A clock time that is skipped is the first instant after the gap; of a clock time that
/// occurs twice it is the one that `fold` names. `None` only beyond the years that chrono knows.
pub fn instant(zone: Tz, date: NaiveDate, minute: u32, fold: Fold) -> Option<Moment> {
    let local = date
        .and_hms_opt(0, 0, 0)?
        .checked_add_signed(TimeDelta::minutes(minute.into()))?;
    let found = zone.from_local_datetime(&local);
    let found = match fold {
        Fold::First => found.earliest(),
        Fold::Last => found.latest(),
    };
    match found {
        Some(at) => Some(Moment::new(at.to_utc())),
        None => after_gap(zone, local).map(Moment::new),
    }
}

/// The first instant of a local date; of a date that the zone skips, the first instant after it.
pub fn start_of(zone: Tz, date: NaiveDate) -> Option<Moment> {
    instant(zone, date, 0, Fold::First)
}

/// The instant of the clock change that skips `local`: between the readings with the offset after and before it.
fn after_gap(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    if !(1..=9999).contains(&local.year()) {
        return None;
    }
    const DAY: i64 = 86_400;
    let offset = |second: i64| {
        let at = DateTime::<Utc>::from_timestamp(second, 0)?.naive_utc();
        Some(i64::from(
            zone.offset_from_utc_datetime(&at).fix().local_minus_utc(),
        ))
    };
    let shown = local.and_utc().timestamp();
    // No zone is further than a day from UTC, and no two clock changes are closer than two days.
    let (before, after) = (offset(shown - DAY)?, offset(shown + DAY)?);
    let (mut early, mut late) = (shown - after, shown - before);
    while late - early > 1 {
        let middle = early + (late - early) / 2;
        if offset(middle)? == after {
            late = middle;
        } else {
            early = middle;
        }
    }
    DateTime::from_timestamp(late, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: Tz, date: &str, minute: u32, first: &str, last: &str) {
        let date: NaiveDate = date.parse().unwrap();
        for (fold, expected) in [(Fold::First, first), (Fold::Last, last)] {
            let at = instant(zone, date, minute, fold).unwrap();
            assert_eq!(
                at,
                Moment::parse(expected).unwrap(),
                "{zone} {date} {minute} {fold:?}"
            );
        }
    }

    fn once(zone: Tz, date: &str, minute: u32, at: &str) {
        check(zone, date, minute, at, at);
    }

    #[test]
    fn a_clock_time_keeps_its_hour_across_clock_changes() {
        once(
            Tz::America__New_York,
            "2026-03-07",
            480,
            "2026-03-07T08:00:00-05:00",
        );
        once(
            Tz::America__New_York,
            "2026-03-08",
            480,
            "2026-03-08T08:00:00-04:00",
        );
        once(
            Tz::America__New_York,
            "2026-11-01",
            480,
            "2026-11-01T08:00:00-05:00",
        );
        once(
            Tz::Europe__Berlin,
            "2026-03-29",
            1440,
            "2026-03-30T00:00:00+02:00",
        );
        once(
            Tz::Australia__Sydney,
            "2026-10-04",
            1320,
            "2026-10-04T22:00:00+11:00",
        );
        once(Tz::Asia__Shanghai, "2026-10-04", 480, "2026-10-04T00:00:00Z");
    }

    #[test]
    fn a_skipped_time_is_the_first_instant_after_the_gap() {
        once(
            Tz::America__New_York,
            "2026-03-08",
            150,
            "2026-03-08T03:00:00-04:00",
        );
        once(Tz::Europe__Berlin, "2026-03-29", 121, "2026-03-29T03:00:00+02:00");
        once(
            Tz::Australia__Sydney,
            "2026-10-04",
            179,
            "2026-10-04T03:00:00+11:00",
        );
        // Half an hour.
        once(
            Tz::Australia__Lord_Howe,
            "2026-10-04",
            125,
            "2026-10-04T02:30:00+11:00",
        );
        // Midnight itself.
        once(
            Tz::America__Santiago,
            "2026-09-06",
            0,
            "2026-09-06T01:00:00-03:00",
        );
        once(Tz::Asia__Beirut, "2026-03-29", 0, "2026-03-29T01:00:00+03:00");
        once(Tz::Africa__Cairo, "2026-04-24", 30, "2026-04-24T01:00:00+03:00");
        // Quarter hours.
        once(
            Tz::Pacific__Chatham,
            "2026-09-27",
            170,
            "2026-09-27T03:45:00+13:45",
        );
        // Samoa went without a Friday when it crossed the date line.
        once(Tz::Pacific__Apia, "2011-12-30", 720, "2011-12-31T00:00:00+14:00");
        once(Tz::Pacific__Apia, "2011-12-29", 720, "2011-12-29T12:00:00-10:00");
        once(Tz::Pacific__Apia, "2011-12-31", 480, "2011-12-31T08:00:00+14:00");
    }

    #[test]
    fn a_time_that_occurs_twice_has_both() {
        let ny = Tz::America__New_York;
        check(
            ny,
            "2026-11-01",
            90,
            "2026-11-01T01:30:00-04:00",
            "2026-11-01T01:30:00-05:00",
        );
        let howe = Tz::Australia__Lord_Howe;
        check(
            howe,
            "2026-04-05",
            100,
            "2026-04-05T01:40:00+11:00",
            "2026-04-05T01:40:00+10:30",
        );
        let santiago = Tz::America__Santiago;
        check(
            santiago,
            "2026-04-04",
            1410,
            "2026-04-04T23:30:00-03:00",
            "2026-04-04T23:30:00-04:00",
        );
        once(santiago, "2026-04-05", 0, "2026-04-05T00:00:00-04:00");
    }

    #[test]
    fn days_begin_in_order_in_every_zone() {
        for zone in chrono_tz::TZ_VARIANTS {
            let mut day: NaiveDate = "2025-01-01".parse().unwrap();
            let mut before: Option<Moment> = None;
            while day < "2029-01-01".parse().unwrap() {
                let at = start_of(zone, day).unwrap();
                assert_eq!(at.date_in(zone), day, "{zone}");
                assert!(before.is_none_or(|b| b < at), "{zone} {day}");
                before = Some(at);
                day = day.succ_opt().unwrap();
            }
        }
    }
}
