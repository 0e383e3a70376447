//! Public holidays and working-day swaps, as data: one file a country, with the parts that have holidays of their own.
//!
//! A place is looked up as `AU-NSW` or `AU`, capital or small letters alike. A part without holidays of its own falls
//! back to the country. Where only the country is known, a holiday of any of its parts counts, because the person
//! could be there; a rule that is about holidays of the whole country asks for those alone ([`Scope::National`]). A year
//! that a file does not cover is unknown, and unknown is never read as a working day: [`Holidays::gap`] names it.

mod file;
mod rule;

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, NaiveDate};

use super::error::PolicyError;
use crate::domain::{region_code, words};

/// What a date is in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayKind {
    /// No public holiday.
    Ordinary,
    /// A public holiday.
    Holiday,
    /// A weekend date that the state made a working day. Opens nothing that the weekday closes.
    WorkingDay,
    /// The calendar of that place and year is not known.
    Unknown,
}

words! {
    /// Which holidays a rule is about.
    Scope as "scope of holidays" {
        /// Holidays of the whole country only; a holiday of one state is none.
        National = "national",
        /// Public holidays where the person is, of the country and of its part.
        Public = "public",
        /// These and days on which offices rest without a public holiday, such as Indonesia's joint leave.
        WithLeave = "with_leave",
    }
}

/// What a date of a calendar is marked as; several may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark(u8);

impl Mark {
    const NATIONAL: Mark = Mark(1);
    const REGIONAL: Mark = Mark(2);
    const LEAVE: Mark = Mark(4);
    const WORKING: Mark = Mark(8);
}

impl Default for Scope {
    /// Public holidays where the person is: what a rule means that does not say otherwise.
    fn default() -> Scope {
        Scope::Public
    }
}

impl Scope {
    /// The marks that are holidays in this scope.
    fn marks(self) -> u8 {
        match self {
            Scope::National => Mark::NATIONAL.0,
            Scope::Public => Mark::NATIONAL.0 | Mark::REGIONAL.0,
            Scope::WithLeave => Mark::NATIONAL.0 | Mark::REGIONAL.0 | Mark::LEAVE.0,
        }
    }
}

/// A holiday's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// The holidays of one place in the years that are covered.
#[derive(Debug, Clone)]
pub struct Calendar {
    place: String,
    name: Name,
    first: i32,
    /// One byte of marks for each day of each covered year, from 1 January of `first` on.
    years: Vec<[u8; 366]>,
    names: BTreeMap<NaiveDate, Vec<Name>>,
}

impl Calendar {
    fn new(place: &str, (zh, en): (&str, &str), years: &[i32]) -> Calendar {
        Calendar {
            place: place.to_owned(),
            name: Name {
                zh: zh.to_owned(),
                en: en.to_owned(),
            },
            first: years.first().copied().unwrap_or_default(),
            years: vec![[0; 366]; years.len()],
            names: BTreeMap::new(),
        }
    }

    /// The place: `AU`, `AU-NSW`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The first and the last year that are covered.
    pub fn years(&self) -> std::ops::RangeInclusive<i32> {
        self.first..=self.first + i32::try_from(self.years.len()).unwrap_or(0) - 1
    }

    fn marks(&self, date: NaiveDate) -> Option<u8> {
        let year = usize::try_from(date.year() - self.first).ok()?;
        Some(self.years.get(year)?[date.ordinal0() as usize])
    }

    /// What `date` is for a rule about holidays of `scope`.
    pub fn day(&self, date: NaiveDate, scope: Scope) -> DayKind {
        match self.marks(date) {
            None => DayKind::Unknown,
            Some(marks) if marks & scope.marks() != 0 => DayKind::Holiday,
            Some(marks) if marks & Mark::WORKING.0 != 0 => DayKind::WorkingDay,
            Some(_) => DayKind::Ordinary,
        }
    }

    /// The names of `date`, joint leave included.
    pub fn names(&self, date: NaiveDate) -> &[Name] {
        self.names.get(&date).map_or(&[], Vec::as_slice)
    }

    /// Every day that is marked, in order.
    pub fn days(&self) -> impl Iterator<Item = (NaiveDate, &[Name])> {
        self.names.iter().map(|(day, names)| (*day, names.as_slice()))
    }

    fn mark(&mut self, date: NaiveDate, mark: Mark, name: Option<(&str, &str)>) {
        let Ok(year) = usize::try_from(date.year() - self.first) else {
            return;
        };
        let Some(days) = self.years.get_mut(year) else {
            return;
        };
        days[date.ordinal0() as usize] |= mark.0;
        if let Some((zh, en)) = name {
            let names = self.names.entry(date).or_default();
            if !names.iter().any(|n| n.en == en) {
                names.push(Name {
                    zh: zh.to_owned(),
                    en: en.to_owned(),
                });
            }
        }
    }

    /// Takes over what a part of this country has and the country has not: there it is a holiday, here it may be one.
    fn absorb(&mut self, part: &Calendar) {
        for (day, names) in part.days() {
            let (theirs, ours) = (part.marks(day).unwrap_or(0), self.marks(day).unwrap_or(0));
            let holiday = theirs & Scope::Public.marks() != 0;
            if ours & Mark::NATIONAL.0 != 0 || (!holiday && ours & theirs != 0) {
                continue;
            }
            let mark = if holiday { Mark::REGIONAL } else { Mark::LEAVE };
            for name in names {
                let zh = format!("{}（{}）", name.zh, part.name.zh);
                let en = format!("{} ({})", name.en, part.name.en);
                self.mark(day, mark, Some((&zh, &en)));
            }
        }
    }
}

/// A place and year whose holidays nobody has entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// `AU-NSW`, `AU`; `None`: the place is not known.
    pub place: Option<String>,
    /// The year.
    pub year: i32,
}

impl Gap {
    /// The sentence in Chinese.
    pub fn zh(&self) -> String {
        match &self.place {
            Some(place) => format!("缺少 {place} 的 {} 年节假日历。", self.year),
            None => format!("不知道收件人所在国家或地区，无法确定 {} 年的节假日。", self.year),
        }
    }

    /// The sentence in English.
    pub fn en(&self) -> String {
        match &self.place {
            Some(place) => format!("the holidays of {place} in {} are not on record", self.year),
            None => format!("the country is not known, nor are the holidays of {}", self.year),
        }
    }
}

/// The holiday calendars of all places.
#[derive(Debug, Default, Clone)]
pub struct Holidays {
    places: HashMap<String, Calendar>,
    text: String,
}

impl Holidays {
    /// Reads every `holidays/<region>.toml` among files of the policies folder (path below it, and text); other files
    /// are left alone. A file that cannot be read is an error that names it, its line and field; nothing is read in part.
    pub fn parse(files: &[(String, String)]) -> Result<Holidays, PolicyError> {
        let mut holidays = Holidays::default();
        for (path, text) in files {
            if !(path.starts_with("holidays/") && path.ends_with(".toml")) {
                continue;
            }
            holidays
                .places
                .extend(file::read(&format!("policies/{path}"), text)?);
            holidays.text += path;
            holidays.text.push('\n');
            holidays.text += text;
        }
        Ok(holidays)
    }

    /// The calendar of a place, `AU-NSW` or `AU`; of a part without one, that of its country.
    pub fn calendar(&self, place: &str) -> Option<&Calendar> {
        let mut upper = [0u8; 12];
        let bytes = place.as_bytes();
        // No place is longer; a longer text has the calendar of its country.
        let length = bytes.len().min(upper.len());
        upper[..length].copy_from_slice(&bytes[..length]);
        upper.make_ascii_uppercase();
        let key = |n: usize| std::str::from_utf8(&upper[..n.min(length)]).ok();
        let whole = (bytes.len() <= upper.len()).then(|| key(length)).flatten();
        whole.and_then(|place| self.places.get(place)).or_else(|| {
            let bounded = length == 2 || upper.get(2) == Some(&b'-');
            self.places.get(key(2).filter(|_| bounded)?)
        })
    }

    /// The calendar of a country and its part as people have them: `AU` and `NSW`; of a part without one, that of its
    /// country.
    pub fn of(&self, country: Option<&str>, region: Option<&str>) -> Option<&Calendar> {
        let country = country?;
        let Some(region) = region.map(str::trim).filter(|r| !r.is_empty()) else {
            return self.calendar(country);
        };
        // This is asked for each day of each rule, so nothing is allocated for codes.
        let mut key = [0u8; 12];
        let length = country.len() + 1 + region.len();
        if length <= key.len() {
            key[..country.len()].copy_from_slice(country.as_bytes());
            key[country.len()] = b'-';
            key[country.len() + 1..length].copy_from_slice(region.as_bytes());
            key.make_ascii_uppercase();
            let place = std::str::from_utf8(&key[..length]).ok();
            if let Some(found) = place.and_then(|place| self.places.get(place)) {
                return Some(found);
            }
        }
        let named = (region.len() > 3).then(|| region_code(country, region)).flatten();
        named
            .and_then(|code| {
                self.places
                    .get(&format!("{}-{code}", country.to_ascii_uppercase()))
            })
            .or_else(|| self.calendar(country))
    }

    /// What `date` is in a place for a rule about public holidays there; see the head of this module.
    pub fn day(&self, place: Option<&str>, date: NaiveDate) -> DayKind {
        self.day_in(place, date, Scope::Public)
    }

    /// What `date` is for a rule about holidays of the whole country.
    pub fn national(&self, place: Option<&str>, date: NaiveDate) -> DayKind {
        self.day_in(place, date, Scope::National)
    }

    /// What `date` is in a place for a rule about holidays of `scope`.
    pub fn day_in(&self, place: Option<&str>, date: NaiveDate, scope: Scope) -> DayKind {
        let calendar = place.and_then(|place| self.calendar(place));
        calendar.map_or(DayKind::Unknown, |c| c.day(date, scope))
    }

    /// What is missing to judge `date` in a place; `None` where the year is covered.
    pub fn gap(&self, place: Option<&str>, date: NaiveDate) -> Option<Gap> {
        let (country, region) = match place.and_then(|p| p.split_once('-')) {
            Some((country, region)) => (Some(country), Some(region)),
            None => (place, None),
        };
        self.gap_of(country, region, date)
    }

    /// The same for a country and its part.
    pub fn gap_of(&self, country: Option<&str>, region: Option<&str>, date: NaiveDate) -> Option<Gap> {
        let calendar = self.of(country, region);
        let known = calendar.is_some_and(|c| c.years().contains(&date.year()));
        (!known).then(|| Gap {
            place: calendar
                .map(|c| c.place.clone())
                .or(country.map(str::to_ascii_uppercase)),
            year: date.year(),
        })
    }

    /// The names of the holidays on `date`, for people.
    pub fn names(&self, place: &str, date: NaiveDate) -> &[Name] {
        self.calendar(place).map_or(&[], |c| c.names(date))
    }

    /// The last day whose holidays are known from `today` on without a break; `None` where today's are not.
    pub fn known_until(&self, place: &str, today: NaiveDate) -> Option<NaiveDate> {
        let years = self.calendar(place)?.years();
        years
            .contains(&today.year())
            .then(|| NaiveDate::from_ymd_opt(*years.end(), 12, 31))
            .flatten()
    }

    /// Every calendar, by place.
    pub fn calendars(&self) -> Vec<&Calendar> {
        let mut all: Vec<&Calendar> = self.places.values().collect();
        all.sort_by(|a, b| a.place.cmp(&b.place));
        all
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests;
