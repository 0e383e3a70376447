//! Reading of foreign objects: every field and value that is not understood is noted, because what is not understood
//! may forbid.

use std::cell::RefCell;

use chrono::NaiveDate;
use serde_json::{Map, Value};

use crate::domain::Moment;
use crate::policy::{Slot, Week};

/// What was not understood in one line, as paths.
#[derive(Debug, Default)]
pub(super) struct Odd(RefCell<Vec<String>>);

impl Odd {
    /// Notes a field or value.
    pub(super) fn note(&self, path: impl Into<String>) {
        self.0.borrow_mut().push(path.into());
    }

    /// Everything that was noted.
    pub(super) fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

/// One object of a line.
#[derive(Clone, Copy)]
pub(super) struct Object<'v> {
    map: Option<&'v Map<String, Value>>,
    path: &'static str,
    odd: &'v Odd,
}

impl<'v> Object<'v> {
    /// The object at `path`; anything else than an object (or nothing) is noted, and so is every field but `known`.
    pub(super) fn of(value: Option<&'v Value>, path: &'static str, known: &[&str], odd: &'v Odd) -> Self {
        let map = match value {
            None | Some(Value::Null) => None,
            Some(Value::Object(map)) => Some(map),
            Some(_) => {
                odd.note(path);
                None
            }
        };
        for key in map.iter().flat_map(|m| m.keys()) {
            if !known.contains(&key.as_str()) {
                // Only the name of the field: values may be personal.
                odd.note(format!("{path}.{}", key.chars().take(60).collect::<String>()));
            }
        }
        Object { map, path, odd }
    }

    /// Notes that a field is not understood.
    pub(super) fn wrong(&self, field: &str) {
        self.odd.note(format!("{}.{field}", self.path));
    }

    /// The list of what was not understood.
    pub(super) fn odd(&self) -> &'v Odd {
        self.odd
    }

    /// A field; null is as absent.
    pub(super) fn get(&self, field: &str) -> Option<&'v Value> {
        self.map?.get(field).filter(|v| !v.is_null())
    }

    /// Whether a field is there, null included.
    pub(super) fn has(&self, field: &str) -> bool {
        self.map.is_some_and(|m| m.contains_key(field))
    }

    /// A text.
    pub(super) fn text(&self, field: &str) -> Option<&'v str> {
        let value = self.get(field)?;
        if value.as_str().is_none() {
            self.wrong(field);
        }
        value.as_str()
    }

    /// Yes or no.
    pub(super) fn flag(&self, field: &str) -> Option<bool> {
        let value = self.get(field)?;
        if value.as_bool().is_none() {
            self.wrong(field);
        }
        value.as_bool()
    }

    /// Whether a field says yes.
    pub(super) fn yes(&self, field: &str) -> bool {
        self.flag(field) == Some(true)
    }

    /// A whole number; a fraction is dropped towards zero.
    pub(super) fn number(&self, field: &str) -> Option<i64> {
        let value = self.get(field)?;
        // Beyond 2^53 a fraction is no count of days or money that anybody meant.
        let whole = |f: f64| (f.abs() < 9e15).then_some(f as i64);
        let number = value.as_i64().or_else(|| value.as_f64().and_then(whole));
        if number.is_none() {
            self.wrong(field);
        }
        number
    }

    /// Whether a field holds a number above zero; anything else is none.
    pub(super) fn number_or_zero(&self, field: &str) -> bool {
        self.get(field).and_then(|v| v.as_f64()).is_some_and(|n| n > 0.0)
    }

    /// A list; a single value reads as a list of one.
    pub(super) fn list(&self, field: &str) -> Vec<&'v Value> {
        match self.get(field) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one) => vec![one],
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, field: &str) -> Vec<&'v str> {
        let list = self.list(field);
        if list.iter().any(|v| !v.is_string()) {
            self.wrong(field);
        }
        list.iter().filter_map(|v| v.as_str()).collect()
    }

    /// One of fixed words.
    pub(super) fn word<T>(&self, field: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(field)?;
        let word = read(text);
        if word.is_none() {
            self.wrong(field);
        }
        word
    }

    /// An instant.
    pub(super) fn instant(&self, field: &str) -> Option<Moment> {
        self.word(field, |t| Moment::parse(t).ok())
    }

    /// An instant, or a date.
    pub(super) fn instant_or_date(&self, field: &str) -> Option<Until> {
        self.word(field, |t| match Moment::parse(t) {
            Ok(at) => Some(Until::At(at)),
            Err(_) => t.parse().ok().map(Until::EndOf),
        })
    }

    /// Slots of the week from `days`, `from`, `to`: local clock times, `[from, to)`; a slot may run past midnight, and
    /// `days` then names the day on which it begins. `None` without any of the three.
    pub(super) fn slots(&self) -> Option<Week> {
        if !["days", "from", "to"].iter().any(|f| self.get(f).is_some()) {
            return None;
        }
        let mut days = [false; 7];
        let named = self.texts("days");
        for day in &named {
            match weekdays(day) {
                Some(some) => some.iter().for_each(|d| days[*d] = true),
                None => self.wrong("days"),
            }
        }
        if named.is_empty() {
            days = [true; 7];
        }
        let from = self.word("from", minutes).unwrap_or(0);
        let to = self.word("to", minutes).unwrap_or(1440);
        Some(Week::of_slots(
            days,
            Slot {
                open: from,
                close: to,
            },
        ))
    }
}

/// The end of something: an instant, or the end of a local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The instant.
    At(Moment),
    /// The last day.
    EndOf(NaiveDate),
}

/// `08:30` as minutes; seconds that are zero are fine.
pub(super) fn minutes(text: &str) -> Option<u16> {
    let mut parts = text.trim().split(':');
    let (h, m): (u16, u16) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let rest = parts.next().is_none_or(|s| s == "00");
    (rest && m < 60 && h * 60 + m <= 1440).then_some(h * 60 + m)
}

/// The first window of a text such as `08:00-21:00 (no statutory hours)`.
pub(super) fn window_in(text: &str) -> Option<Slot> {
    let (open, rest) = text.split_once('-')?;
    let open = minutes(open.split_whitespace().last()?)?;
    let close = minutes(
        rest.split(|c: char| c.is_whitespace() || c == ',')
            .find(|p| !p.is_empty())?,
    )?;
    (open != close).then_some(Slot { open, close })
}

/// Every date of a text such as `Songkran 2026-04-13; Songkran 2026-04-14`.
pub(super) fn dates_in(text: &str) -> Vec<NaiveDate> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '-'));
    words.filter_map(|w| w.parse().ok()).collect()
}

fn weekdays(word: &str) -> Option<&'static [usize]> {
    Some(match word.to_ascii_lowercase().as_str() {
        "all" | "daily" | "every_day" => &[0, 1, 2, 3, 4, 5, 6],
        "weekdays" | "weekday" | "mon-fri" | "mon_fri" | "workdays" => &[0, 1, 2, 3, 4],
        "weekends" | "weekend" | "sat-sun" | "sat_sun" => &[5, 6],
        "mon-sat" | "mon_sat" => &[0, 1, 2, 3, 4, 5],
        "mon" | "monday" => &[0],
        "tue" | "tuesday" => &[1],
        "wed" | "wednesday" => &[2],
        "thu" | "thursday" => &[3],
        "fri" | "friday" => &[4],
        "sat" | "saturday" => &[5],
        "sun" | "sunday" => &[6],
        _ => return None,
    })
}
