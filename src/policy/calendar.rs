//! Public holidays and working-day swaps by country, as data. A year that is missing or not announced is unknown,
//! and unknown is never read as a working day.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;

use super::error::PolicyError;

/// What a date is in a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayKind {
    /// No public holiday.
    Ordinary,
    /// A public holiday.
    Holiday,
    /// A weekend date that the state made a working day. Opens nothing that the weekday closes.
    WorkingDay,
    /// The calendar of that country and year is not known.
    Unknown,
}

#[derive(Debug, Default, Clone)]
struct Year {
    days: BTreeMap<NaiveDate, String>,
    working: BTreeSet<NaiveDate>,
}

/// The holiday calendars of all countries.
#[derive(Debug, Default, Clone)]
pub struct Holidays {
    years: HashMap<(String, i32), Year>,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    year: Vec<toml::Spanned<RawYear>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawYear {
    country: String,
    year: i32,
    announced: bool,
    days: Vec<RawDay>,
    #[serde(default)]
    working_days: Vec<toml::value::Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDay {
    on: toml::value::Datetime,
    name: String,
}

impl Holidays {
    /// Reads `holidays.toml`.
    pub fn parse(file: &str, text: &str) -> Result<Holidays, PolicyError> {
        let raw: RawFile = toml::from_str(text).map_err(|e| PolicyError::of_toml(file, text, &e))?;
        let mut years = HashMap::new();
        for entry in raw.year {
            let byte = entry.span().start;
            let wrong = |found: String, expected: &str| PolicyError::at(file, text, byte, found, expected);
            let y = entry.into_inner();
            let date = |d: &toml::value::Datetime| {
                super::read::to_date(d)
                    .filter(|date| date.year() == y.year)
                    .ok_or_else(|| {
                        wrong(
                            format!("`{d}`"),
                            "a date of the year of its table, such as 2026-10-01",
                        )
                    })
            };
            let mut year = Year::default();
            for day in &y.days {
                year.days.insert(date(&day.on)?, day.name.clone());
            }
            for day in &y.working_days {
                year.working.insert(date(day)?);
            }
            let key = (y.country.to_ascii_uppercase(), y.year);
            if y.announced && years.insert(key, year).is_some() {
                return Err(wrong(
                    format!("`{}` {} twice", y.country, y.year),
                    "one table for each country and year",
                ));
            }
        }
        Ok(Holidays {
            years,
            text: text.to_owned(),
        })
    }

    /// What `date` is in `country`.
    pub fn day(&self, country: Option<&str>, date: NaiveDate) -> DayKind {
        let Some(country) = country else {
            return DayKind::Unknown;
        };
        match self.years.get(&(country.to_ascii_uppercase(), date.year())) {
            None => DayKind::Unknown,
            Some(year) if year.days.contains_key(&date) => DayKind::Holiday,
            Some(year) if year.working.contains(&date) => DayKind::WorkingDay,
            Some(_) => DayKind::Ordinary,
        }
    }

    /// The name of the holiday on `date`, for people.
    pub fn name(&self, country: &str, date: NaiveDate) -> Option<&str> {
        self.years
            .get(&(country.to_ascii_uppercase(), date.year()))?
            .days
            .get(&date)
            .map(String::as_str)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}
