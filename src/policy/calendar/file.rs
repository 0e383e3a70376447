//! Reads one `holidays/<region>.toml` into the calendars of the country and of its parts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};
use serde::Deserialize;
use toml::Spanned;

use super::rule::{EXPECTED_RULE, EXPECTED_SHIFT, Rule, Shift};
use super::{Calendar, Mark};
use crate::policy::error::PolicyError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    region: Spanned<String>,
    zh: String,
    en: String,
    years: Spanned<Vec<i32>>,
    sources: Spanned<Vec<String>>,
    #[serde(default)]
    #[allow(dead_code, reason = "for people; read so that a wrong key is an error")]
    remarks: Vec<String>,
    #[serde(default)]
    parts: BTreeMap<String, RawName>,
    #[serde(default)]
    working_days: Vec<Spanned<toml::value::Datetime>>,
    #[serde(default)]
    holiday: Vec<Spanned<RawHoliday>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawName {
    zh: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHoliday {
    zh: String,
    en: String,
    on: Spanned<RawOn>,
    #[serde(default = "one")]
    days: u64,
    #[serde(default)]
    observed: Option<Spanned<String>>,
    #[serde(default)]
    moved: Option<Spanned<String>>,
    #[serde(default, rename = "in")]
    only_in: Vec<Spanned<String>>,
    #[serde(default)]
    not_in: Vec<Spanned<String>>,
    #[serde(default)]
    years: Vec<i32>,
    #[serde(default)]
    leave: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawOn {
    Rule(String),
    Date(toml::value::Datetime),
    Dates(Vec<toml::value::Datetime>),
}

fn one() -> u64 {
    1
}

/// One holiday of a file.
struct Holiday {
    zh: String,
    en: String,
    days: Vec<NaiveDate>,
    shift: Option<Shift>,
    /// Parts in which it is one; `None`: everywhere.
    parts: Option<BTreeSet<String>>,
    leave: bool,
}

/// Where a mistake is told.
struct Page<'a> {
    file: &'a str,
    text: &'a str,
}

impl Page<'_> {
    fn wrong(&self, byte: usize, found: impl Into<String>, expected: &str) -> PolicyError {
        PolicyError::at(self.file, self.text, byte, found, expected)
    }
}

/// The calendars of a file by place: `AU`, `AU-NSW`.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<(String, Calendar)>, PolicyError> {
    let raw: RawFile = toml::from_str(text).map_err(|e| PolicyError::of_toml(file, text, &e))?;
    let page = Page { file, text };
    let region = region(&page, &raw)?;
    let years = raw.years.get_ref();
    if years.is_empty() || !years.windows(2).all(|w| w[1] == w[0] + 1) {
        return Err(page.wrong(
            raw.years.span().start,
            format!("{years:?}"),
            "the years that are covered, one after the other, such as [2025, 2026]",
        ));
    }
    if raw.sources.get_ref().iter().all(|s| s.trim().is_empty()) {
        return Err(page.wrong(
            raw.sources.span().start,
            "no source",
            "where the days are published: the act or notice, with its date or number",
        ));
    }
    let mut holidays = Vec::new();
    for entry in &raw.holiday {
        holidays.push(holiday(&page, entry, &raw)?);
    }
    let mut working = BTreeSet::new();
    for day in &raw.working_days {
        let date = covered(day.get_ref(), years)
            .ok_or_else(|| page.wrong(day.span().start, format!("`{}`", day.get_ref()), DATE))?;
        working.insert(date);
    }
    Ok(calendars(&region, &raw, &holidays, &working))
}

const DATE: &str = "a date in one of the years that the file covers, such as 2026-10-01";

fn region(page: &Page<'_>, raw: &RawFile) -> Result<String, PolicyError> {
    let name = raw.region.get_ref();
    let stem = page.file.rsplit('/').next().and_then(|f| f.strip_suffix(".toml"));
    let fits = name.len() == 2 && name.bytes().all(|b| b.is_ascii_uppercase());
    if !fits || stem != Some(name.to_ascii_lowercase().as_str()) {
        return Err(page.wrong(
            raw.region.span().start,
            format!("`{name}`"),
            "the country as two capital letters, and the file named after it: `AU` in `au.toml`",
        ));
    }
    Ok(name.clone())
}

fn holiday(page: &Page<'_>, entry: &Spanned<RawHoliday>, raw: &RawFile) -> Result<Holiday, PolicyError> {
    let (h, at, years) = (entry.get_ref(), entry.span().start, raw.years.get_ref());
    if h.zh.trim().is_empty() || h.en.trim().is_empty() {
        return Err(page.wrong(at, "a holiday without a name", "`zh` and `en`"));
    }
    if let Some(year) = h.years.iter().find(|y| !years.contains(y)) {
        return Err(page.wrong(at, year.to_string(), "years that the file covers"));
    }
    let first = first_days(page, h, years)?;
    if first.is_empty() {
        return Err(page.wrong(at, "no day in the years covered", EXPECTED_RULE));
    }
    let mut days = Vec::new();
    for day in first {
        days.extend((0..h.days).filter_map(|n| day.checked_add_days(Days::new(n))));
    }
    let shift = match (&h.observed, &h.moved) {
        (None, None) => None,
        (Some(_), Some(_)) => return Err(page.wrong(at, "`observed` and `moved`", "one of them")),
        (Some(text), None) | (None, Some(text)) => {
            let shift = Shift::parse(text.get_ref(), h.moved.is_some());
            Some(shift.ok_or_else(|| {
                page.wrong(text.span().start, format!("`{}`", text.get_ref()), EXPECTED_SHIFT)
            })?)
        }
    };
    Ok(Holiday {
        zh: h.zh.clone(),
        en: h.en.clone(),
        days,
        shift,
        parts: parts(page, h, raw)?,
        leave: h.leave,
    })
}

/// The first day of a holiday in each year.
fn first_days(page: &Page<'_>, h: &RawHoliday, years: &[i32]) -> Result<Vec<NaiveDate>, PolicyError> {
    let (on, at) = (h.on.get_ref(), h.on.span().start);
    let date =
        |d: &toml::value::Datetime| covered(d, years).ok_or_else(|| page.wrong(at, format!("`{d}`"), DATE));
    match on {
        RawOn::Date(day) => Ok(vec![date(day)?]),
        RawOn::Dates(days) => days.iter().map(date).collect(),
        RawOn::Rule(text) => {
            let rule = Rule::parse(text).ok_or_else(|| page.wrong(at, format!("`{text}`"), EXPECTED_RULE))?;
            let named = |year: &&i32| h.years.is_empty() || h.years.contains(year);
            // The year after the last is needed for what is observed in December.
            let after = years.last().map(|y| y + 1).filter(|_| h.years.is_empty());
            Ok(years
                .iter()
                .filter(named)
                .copied()
                .chain(after)
                .filter_map(|year| rule.in_year(year))
                .collect())
        }
    }
}

fn covered(day: &toml::value::Datetime, years: &[i32]) -> Option<NaiveDate> {
    crate::policy::read::to_date(day).filter(|date| years.contains(&date.year()))
}

/// The parts a holiday belongs to; `None`: the whole country.
fn parts(page: &Page<'_>, h: &RawHoliday, raw: &RawFile) -> Result<Option<BTreeSet<String>>, PolicyError> {
    for part in h.only_in.iter().chain(&h.not_in) {
        if !raw.parts.contains_key(part.get_ref()) {
            return Err(page.wrong(
                part.span().start,
                format!("`{}`", part.get_ref()),
                "a part of the country that `[parts]` names",
            ));
        }
    }
    let named =
        |list: &[Spanned<String>]| -> BTreeSet<String> { list.iter().map(|p| p.get_ref().clone()).collect() };
    Ok(match (h.only_in.is_empty(), h.not_in.is_empty()) {
        (true, true) => None,
        (false, _) => Some(&named(&h.only_in) - &named(&h.not_in)),
        (true, false) => Some(&raw.parts.keys().cloned().collect() - &named(&h.not_in)),
    })
}

/// The country's calendar, where a holiday of any part is marked as regional, and that of each part.
fn calendars(
    region: &str,
    raw: &RawFile,
    holidays: &[Holiday],
    working: &BTreeSet<NaiveDate>,
) -> Vec<(String, Calendar)> {
    let years = raw.years.get_ref();
    let mut country = Calendar::new(region, (&raw.zh, &raw.en), years);
    let mut found = Vec::new();
    fill(&mut country, holidays, None);
    for (part, name) in &raw.parts {
        let place = format!("{region}-{part}");
        let mut calendar = Calendar::new(&place, (&name.zh, &name.en), years);
        fill(&mut calendar, holidays, Some(part));
        country.absorb(&calendar);
        found.push((place, calendar));
    }
    found.push((region.to_owned(), country));
    for (_, calendar) in &mut found {
        for day in working {
            calendar.mark(*day, Mark::WORKING, None);
        }
    }
    found
}

/// Marks the holidays of a part, or those of the whole country.
fn fill(calendar: &mut Calendar, holidays: &[Holiday], part: Option<&str>) {
    let mine: Vec<&Holiday> = holidays
        .iter()
        .filter(|h| match (&h.parts, part) {
            (None, _) => true,
            (Some(parts), Some(part)) => parts.contains(part),
            (Some(_), None) => false,
        })
        .collect();
    let mut days: Vec<(NaiveDate, &Holiday)> = mine
        .iter()
        .flat_map(|h| h.days.iter().map(move |d| (*d, *h)))
        .collect();
    days.sort_by_key(|(day, _)| *day);
    let mut taken: BTreeSet<NaiveDate> = days.iter().filter(|(_, h)| !h.leave).map(|(d, _)| *d).collect();
    for (day, h) in days {
        let mark = match (h.leave, h.parts.is_some()) {
            (true, _) => Mark::LEAVE,
            (false, true) => Mark::REGIONAL,
            (false, false) => Mark::NATIONAL,
        };
        let shifted = h.shift.and_then(|s| s.of(day, &taken));
        if shifted.is_none() || !h.shift.is_some_and(|s| s.instead) {
            calendar.mark(day, mark, Some((&h.zh, &h.en)));
        }
        if let Some(other) = shifted {
            taken.insert(other);
            let (zh, en) = (format!("{}（补假）", h.zh), format!("{} (observed)", h.en));
            calendar.mark(other, mark, Some((&zh, &en)));
        }
    }
}
