//! When is it lawful? Windows of every rule in every zone the recipient could be in, intersected as instants, so that
//! clock changes need no special case: a window is what it is on the day concerned.

use chrono::{Days, NaiveDate, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::domain::Moment;
use crate::policy::{DayKind, Holidays, Slot, Week};

/// How far ahead a lawful instant is looked for.
const REACH_DAYS: u64 = 14;

/// The hours that bind one attempt.
pub(crate) struct Hours<'p> {
    pub(crate) weeks: Vec<&'p Week>,
    pub(crate) zones: &'p [Tz],
    pub(crate) country: Option<&'p str>,
    pub(crate) holidays: &'p Holidays,
    /// Minutes before closing in which nothing is sent any more.
    pub(crate) margin: u16,
}

impl Hours<'_> {
    /// Whether `at` is inside the hours of one week in one zone; `margin` minutes before closing count as closed.
    pub(crate) fn open(&self, week: &Week, zone: Tz, at: Moment, margin: u16) -> bool {
        self.closing(week, zone, at, margin).is_some()
    }

    /// Whether the calendar that a week needs is unknown at `at` in any zone.
    pub(crate) fn unknown(&self, week: &Week, at: Moment) -> bool {
        week.holiday.is_some()
            && self
                .zones
                .iter()
                .any(|z| self.holidays.day(self.country, at.date_in(*z)) == DayKind::Unknown)
    }

    /// The first instant from `from` on that every week allows in every zone, within fourteen days.
    pub(crate) fn next(&self, from: Moment) -> Option<Moment> {
        let limit = from + TimeDelta::days(REACH_DAYS as i64);
        let mut at = from;
        'again: while at <= limit {
            for week in &self.weeks {
                for zone in self.zones {
                    let open = self.opening(week, *zone, at)?;
                    if open > at {
                        at = open;
                        continue 'again;
                    }
                }
            }
            return Some(at);
        }
        None
    }

    /// The earliest closing of the windows that are open at `at`; `None` without any rule of hours.
    pub(crate) fn earliest_close(&self, at: Moment) -> Option<Moment> {
        let pairs = self
            .weeks
            .iter()
            .flat_map(|w| self.zones.iter().map(move |z| (w, z)));
        pairs
            .filter_map(|(week, zone)| self.closing(week, *zone, at, self.margin))
            .min()
    }

    /// When the window that is open at `at` closes.
    fn closing(&self, week: &Week, zone: Tz, at: Moment, margin: u16) -> Option<Moment> {
        let today = at.date_in(zone);
        // Yesterday's midnight may lie in today after a clock change.
        let dates = [today.pred_opt(), Some(today), today.succ_opt()];
        dates
            .into_iter()
            .flatten()
            .flat_map(|date| self.windows(week, zone, date, margin))
            .find(|(open, close)| *open <= at && at < *close)
            .map(|(_, close)| close)
    }

    /// The first instant from `from` on that one week allows in one zone.
    fn opening(&self, week: &Week, zone: Tz, from: Moment) -> Option<Moment> {
        let first = from.date_in(zone).pred_opt()?;
        (0..=REACH_DAYS + 2)
            .filter_map(|n| first.checked_add_days(Days::new(n)))
            .flat_map(|date| self.windows(week, zone, date, self.margin))
            .find(|(_, close)| from < *close)
            .map(|(open, _)| open.max(from))
    }

    /// The windows of one local date as instants, in order; an unknown day has none.
    fn windows(&self, week: &Week, zone: Tz, date: NaiveDate, margin: u16) -> Vec<(Moment, Moment)> {
        let slots = match (&week.holiday, self.holiday_kind(week, date)) {
            (_, DayKind::Unknown) => return Vec::new(),
            (Some(holiday), DayKind::Holiday) => holiday.as_slice(),
            _ => week.weekday(date),
        };
        slots
            .iter()
            .filter_map(|slot| window(zone, date, *slot, margin))
            .collect()
    }

    fn holiday_kind(&self, week: &Week, date: NaiveDate) -> DayKind {
        match week.holiday {
            Some(_) => self.holidays.day(self.country, date),
            None => DayKind::Ordinary,
        }
    }
}

/// One slot of a local date as instants. An hour that occurs twice opens with the second and closes with the first.
fn window(zone: Tz, date: NaiveDate, slot: Slot, margin: u16) -> Option<(Moment, Moment)> {
    let close = slot.close.saturating_sub(margin);
    if slot.open >= close {
        return None;
    }
    let (open, close) = (
        local(zone, date, slot.open, true)?,
        local(zone, date, close, false)?,
    );
    (open < close).then_some((open, close))
}

/// A local clock time as an instant; a time that the clocks skip is the first instant after the gap.
fn local(zone: Tz, date: NaiveDate, minute: u16, late: bool) -> Option<Moment> {
    let mut at = date.and_hms_opt(0, 0, 0)? + TimeDelta::minutes(minute.into());
    // The longest gap on record is a whole day.
    for _ in 0..=26 * 4 {
        let found = zone.from_local_datetime(&at);
        if let Some(instant) = if late { found.latest() } else { found.earliest() } {
            return Some(Moment::new(instant.to_utc()));
        }
        at += TimeDelta::minutes(15);
    }
    None
}

/// The first instant of a local date, or of the first date after it that exists; `late` of two.
pub(crate) fn day_start(zone: Tz, date: NaiveDate, late: bool) -> Option<Moment> {
    local(zone, date, 0, late)
}

/// A date so far in the past that nothing is older.
pub(crate) fn days_before(date: NaiveDate, days: u32) -> NaiveDate {
    date.checked_sub_days(Days::new(days.into()))
        .unwrap_or(NaiveDate::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_days(open: u16, close: u16) -> Week {
        Week {
            days: std::array::from_fn(|_| vec![Slot { open, close }]),
            holiday: None,
        }
    }

    fn next(week: &Week, zones: &[Tz], from: &str) -> Option<String> {
        let holidays = Holidays::default();
        let hours = Hours {
            weeks: vec![week],
            zones,
            country: None,
            holidays: &holidays,
            margin: 0,
        };
        hours
            .next(Moment::parse(from).unwrap())
            .map(|m| m.to_text()[..16].to_owned())
    }

    #[test]
    fn windows_are_half_open() {
        let week = all_days(480, 1320);
        let zones = [Tz::Asia__Shanghai];
        let check =
            |from: &str, expected: &str| assert_eq!(next(&week, &zones, from).unwrap(), expected, "{from}");
        check("2026-04-07T07:59:59+08:00", "2026-04-07T00:00");
        check("2026-04-07T08:00:00+08:00", "2026-04-07T00:00");
        check("2026-04-07T21:59:59+08:00", "2026-04-07T13:59");
        check("2026-04-07T22:00:00+08:00", "2026-04-08T00:00");
    }

    #[test]
    fn zones_intersect() {
        let week = all_days(480, 1260);
        let us = [Tz::America__New_York, Tz::Pacific__Honolulu];
        // 08:00 in Honolulu is 14:00 in New York.
        assert_eq!(
            next(&week, &us, "2026-07-07T12:00:00Z").unwrap(),
            "2026-07-07T18:00"
        );
        let narrow = all_days(540, 600);
        assert_eq!(next(&narrow, &us, "2026-07-07T12:00:00Z"), None);
    }

    #[test]
    fn clock_changes_keep_the_local_time() {
        let week = all_days(480, 1260);
        let ny = [Tz::America__New_York];
        assert_eq!(
            next(&week, &ny, "2026-03-08T02:00:00-05:00").unwrap(),
            "2026-03-08T12:00"
        );
        assert_eq!(
            next(&week, &ny, "2026-11-01T02:00:00-05:00").unwrap(),
            "2026-11-01T13:00"
        );
        // A window that opens inside the gap opens after it; one that opens in the repeated hour, in its second run.
        let gap = all_days(150, 300);
        assert_eq!(
            next(&gap, &ny, "2026-03-08T01:00:00-05:00").unwrap(),
            "2026-03-08T07:00"
        );
        let fold = all_days(90, 300);
        assert_eq!(
            next(&fold, &ny, "2026-11-01T01:00:00-04:00").unwrap(),
            "2026-11-01T06:30"
        );
    }

    #[test]
    fn unknown_days_are_closed() {
        let week = Week {
            holiday: Some(Vec::new()),
            ..all_days(480, 1320)
        };
        assert_eq!(
            next(&week, &[Tz::Asia__Shanghai], "2026-04-07T09:00:00+08:00"),
            None
        );
    }
}
