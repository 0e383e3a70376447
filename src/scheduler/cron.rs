//! Five-field cron expressions in a named time zone, as POSIX and Vixie cron users expect: Monday is 1, a day of the
//! month *or* a day of the week, and at clock changes a local time that is skipped or repeated fires once.

use std::str::FromStr;

use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};

use crate::domain::Moment;

/// When a campaign runs.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

/// Why an expression is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{expression}` is no schedule: {what}\nexpected five fields: minute hour day-of-month month day-of-week (Monday is 1), e.g. `0 9 * * 1-5`"
)]
pub struct CronError {
    /// What was found.
    pub expression: String,
    /// What is wrong with it.
    pub what: String,
}

impl Schedule {
    /// Reads five fields.
    pub fn parse(expression: &str, zone: Tz) -> Result<Schedule, CronError> {
        let wrong = |what: String| CronError {
            expression: expression.to_owned(),
            what,
        };
        let fields = expression.split_whitespace().count();
        if fields != 5 {
            return Err(wrong(format!("it has {fields} fields")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
        let cron = parser.parse(expression).map_err(|e| wrong(e.to_string()))?;
        let schedule = Schedule { cron, zone };
        // A date that never comes (30 February) is an error now, not a campaign that silently never runs.
        let probe = Moment::parse("2026-01-01T00:00:00Z").expect("a fixed moment");
        schedule
            .next_after(probe)
            .ok_or_else(|| wrong("no such date ever comes".into()))?;
        Ok(schedule)
    }

    /// The first run after `now`.
    pub fn next_after(&self, now: Moment) -> Option<Moment> {
        let local = now.utc().with_timezone(&self.zone);
        let next = self.cron.find_next_occurrence(&local, false).ok()?;
        let next = Moment::new(next.to_utc());
        // INVARIANT: time moves forward, also in a repeated hour.
        (next > now).then_some(next)
    }
}

impl FromStr for Schedule {
    type Err = CronError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Schedule::parse(s, Tz::UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(expression: &str, zone: Tz, from: &str, n: usize) -> Vec<String> {
        let schedule = Schedule::parse(expression, zone).unwrap();
        let mut at = Moment::parse(from).unwrap();
        let mut out = Vec::new();
        for _ in 0..n {
            at = schedule.next_after(at).unwrap();
            out.push(
                at.utc()
                    .with_timezone(&zone)
                    .format("%Y-%m-%d %H:%M %Z")
                    .to_string(),
            );
        }
        out
    }

    #[test]
    fn monday_is_one() {
        assert_eq!(
            runs("0 9 * * 1", Tz::Asia__Shanghai, "2026-04-07T00:00:00Z", 2),
            ["2026-04-13 09:00 CST", "2026-04-20 09:00 CST"]
        );
    }

    #[test]
    fn a_day_of_the_month_or_of_the_week() {
        assert_eq!(
            runs("0 9 1 * 5", Tz::UTC, "2026-04-28T00:00:00Z", 3),
            [
                "2026-05-01 09:00 UTC",
                "2026-05-08 09:00 UTC",
                "2026-05-15 09:00 UTC"
            ]
        );
    }

    #[test]
    fn a_clock_change_neither_skips_nor_doubles_a_day() {
        // 2026-03-08: 02:30 does not exist in New York. 2026-11-01: 01:30 comes twice.
        let spring = runs("30 2 * * *", Tz::America__New_York, "2026-03-07T12:00:00Z", 2);
        assert!(spring[0].starts_with("2026-03-08"), "{spring:?}");
        assert!(spring[1].starts_with("2026-03-09"), "{spring:?}");
        let autumn = runs("30 1 * * *", Tz::America__New_York, "2026-10-31T12:00:00Z", 3);
        let days: Vec<_> = autumn.iter().map(|t| &t[..10]).collect();
        assert_eq!(days, ["2026-11-01", "2026-11-02", "2026-11-03"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |expression: &str, words: &str| {
            let e = Schedule::parse(expression, Tz::UTC).unwrap_err().to_string();
            assert!(e.contains(words), "{e}");
        };
        check("0 9 * *", "it has 4 fields");
        check("0 9 * * * *", "it has 6 fields");
        check("61 9 * * *", "is no schedule");
        check("0 9 30 2 *", "no such date");
    }
}
