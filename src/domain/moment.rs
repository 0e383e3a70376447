//! One kind of instant everywhere: UTC, whole microseconds, so that both databases and the evidence agree.

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;

/// An instant in UTC, cut to whole microseconds.
///
/// PostgreSQL keeps microseconds and SQLite would keep nanoseconds; a hash over a moment must not change by a
/// reload, so the finer part never comes in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(DateTime<Utc>);

impl Moment {
    /// Cuts `at` to whole microseconds.
    pub fn new(at: DateTime<Utc>) -> Moment {
        Moment(at.trunc_subsecs(6))
    }

    /// The instant as chrono knows it.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// Fixed width `YYYY-MM-DDTHH:MM:SS.ffffffZ`; sorts as text.
    pub fn to_text(self) -> String {
        self.0.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
    }

    /// Reads any RFC 3339 instant.
    pub fn parse(text: &str) -> Result<Moment, chrono::ParseError> {
        DateTime::parse_from_rfc3339(text.trim()).map(|at| Moment::new(at.with_timezone(&Utc)))
    }

    /// The calendar date that people in `zone` have at this instant.
    pub fn date_in(self, zone: Tz) -> NaiveDate {
        self.0.with_timezone(&zone).date_naive()
    }

    /// This instant as local text with offset, for people: `2026-04-07 08:00 +08:00`.
    pub fn local_text(self, zone: Tz) -> String {
        self.0
            .with_timezone(&zone)
            .format("%Y-%m-%d %H:%M %:z")
            .to_string()
    }

    /// The earlier instant of two.
    pub fn earlier(self, other: Moment) -> Moment {
        self.min(other)
    }
}

impl std::ops::Add<TimeDelta> for Moment {
    type Output = Moment;
    fn add(self, d: TimeDelta) -> Moment {
        Moment(self.0 + d)
    }
}

impl std::ops::Sub<TimeDelta> for Moment {
    type Output = Moment;
    fn sub(self, d: TimeDelta) -> Moment {
        Moment(self.0 - d)
    }
}

impl std::ops::Sub for Moment {
    type Output = TimeDelta;
    fn sub(self, other: Moment) -> TimeDelta {
        self.0 - other.0
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl std::fmt::Debug for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_fixed_width_and_reads_back() {
        for text in ["2026-04-07T08:00:00Z", "2026-04-07T08:00:00.123456789+08:00"] {
            let at = Moment::parse(text).unwrap();
            assert_eq!(at.to_text().len(), 27);
            assert_eq!(Moment::parse(&at.to_text()).unwrap(), at);
        }
    }
}
