//! Days that people name: `明天`, `下周五`, `15号`, `next Friday`, `by the end of the month`, `3 March`.

use std::ops::Range;

use chrono::{Datelike, Days, Months, NaiveDate};

use super::PartKind as K;
use super::parts::{ONE, Parts, Piece, What};

/// Whether a day lies ahead (a promise) or behind (a payment).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Toward {
    Ahead,
    Behind,
}

/// A day in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Which; `None`: a day is meant that nobody can name.
    pub(super) day: Option<NaiveDate>,
    /// Places in the list of pieces.
    pub(super) pieces: Range<usize>,
}

/// How to read a date of two numbers with a stroke between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    MonthFirst,
    /// Both are usual where the person lives.
    Either,
}

struct Reader<'a> {
    parts: &'a Parts,
    pieces: &'a [Piece],
    text: &'a str,
    today: NaiveDate,
    toward: Toward,
    order: Order,
}

/// Every day that a text names.
pub(super) fn days(
    parts: &Parts,
    pieces: &[Piece],
    text: &str,
    today: NaiveDate,
    how: (Toward, Order),
) -> Vec<Named> {
    let reader = Reader {
        parts,
        pieces,
        text,
        today,
        toward: how.0,
        order: how.1,
    };
    let mut out = Vec::new();
    let mut i = 0;
    while i < pieces.len() {
        match reader.at(i) {
            Some((day, end)) => {
                out.push(Named { day, pieces: i..end });
                i = end;
            }
            None => i += 1,
        }
    }
    out
}

type Found = Option<(Option<NaiveDate>, usize)>;

impl Reader<'_> {
    fn kind(&self, i: usize) -> Option<K> {
        match self.pieces.get(i)?.what {
            What::Part(kind, _) => Some(kind),
            _ => None,
        }
    }

    fn n(&self, i: usize) -> i64 {
        match self.pieces.get(i).map(|p| &p.what) {
            Some(What::Part(_, at)) => self.parts.part(*at).n,
            _ => 0,
        }
    }

    /// A whole number at a place.
    fn whole(&self, i: usize) -> Option<i64> {
        match self.pieces.get(i)?.what {
            What::Number {
                value, plain: true, ..
            } if value % ONE == 0 => Some(value / ONE),
            What::Part(K::Number, at) => Some(self.parts.part(at).n),
            _ => None,
        }
    }

    fn sign(&self, i: usize, signs: &str) -> bool {
        matches!(self.pieces.get(i).map(|p| &p.what), Some(What::Other(c)) if signs.contains(*c))
    }

    /// `of`, `the`, `on` and their like between parts of a date.
    fn skip(&self, i: usize) -> usize {
        let filler = |i: usize| {
            self.pieces.get(i).is_some_and(|p| {
                matches!(p.what, What::Other(_))
                    && matches!(&self.text[p.span.clone()], "of" | "the" | "的" | ",")
            })
        };
        (i..i + 3).find(|k| !filler(*k)).unwrap_or(i + 3)
    }

    fn at(&self, i: usize) -> Found {
        self.written(i)
            .or_else(|| self.by_month(i))
            .or_else(|| self.within(i))
            .or_else(|| self.by_week(i))
            .or_else(|| self.end(i))
            .or_else(|| self.of_month(i))
            .or_else(|| match self.kind(i)? {
                K::Day => Some((
                    self.today.checked_add_signed(chrono::TimeDelta::days(self.n(i))),
                    i + 1,
                )),
                K::Unclear => Some((None, i + 1)),
                _ => None,
            })
    }

    /// `2026-12-01`, `12/20`.
    fn written(&self, i: usize) -> Found {
        let a = self.whole(i)?;
        if !(self.sign(i + 1, "/-.") || self.sign(i + 1, "年") && (2000..2200).contains(&a)) {
            return None;
        }
        let b = self.whole(i + 2)?;
        let ymd = |y: i64, m: i64, d: i64| {
            NaiveDate::from_ymd_opt(
                i32::try_from(y).ok()?,
                u32::try_from(m).ok()?,
                u32::try_from(d).ok()?,
            )
        };
        if (2000..2200).contains(&a) {
            if let Some(c) = self.whole(i + 4) {
                let end = if self.kind(i + 5) == Some(K::DayOfMonth) {
                    i + 6
                } else {
                    i + 5
                };
                return Some((ymd(a, b, c), end));
            }
            return None;
        }
        if self.sign(i + 1, ".") {
            return None;
        }
        let year = self.sign(i + 3, "/-").then(|| self.whole(i + 4)).flatten();
        let end = if year.is_some() { i + 5 } else { i + 3 };
        let full = |m: i64, d: i64| match year {
            Some(y) => ymd(if y < 100 { 2000 + y } else { y }, m, d),
            None => self.nearest(m, d),
        };
        let day = match (full(a, b), full(b, a)) {
            (Some(m_first), Some(d_first)) if m_first != d_first => {
                (self.order == Order::MonthFirst).then_some(m_first)
            }
            (Some(day), _) | (None, Some(day)) => Some(day),
            (None, None) => return None,
        };
        Some((day, end))
    }

    /// The day of a month without its year that lies on the right side of today.
    fn nearest(&self, month: i64, day: i64) -> Option<NaiveDate> {
        let (m, d) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
        let this = NaiveDate::from_ymd_opt(self.today.year(), m, d)?;
        match self.toward {
            Toward::Ahead if this < self.today => NaiveDate::from_ymd_opt(this.year() + 1, m, d),
            Toward::Behind if this > self.today => NaiveDate::from_ymd_opt(this.year() - 1, m, d),
            _ => Some(this),
        }
    }

    /// `3月15号`, `March 15th`, `15 March`, `下个月10号`.
    fn by_month(&self, i: usize) -> Found {
        let suffix = |end: usize| {
            if self.kind(end) == Some(K::DayOfMonth) {
                end + 1
            } else {
                end
            }
        };
        match self.kind(i) {
            Some(K::MonthName) => {
                let day = self.skip(i + 1);
                let d = self.whole(day).filter(|d| (1..=31).contains(d))?;
                return Some((self.nearest(self.n(i), d), suffix(day + 1)));
            }
            Some(K::Next | K::This | K::Last) if self.kind(i + 1) == Some(K::Month) => {
                let months = match self.kind(i) {
                    Some(K::Next) => 1,
                    Some(K::Last) => -1,
                    _ => 0,
                };
                if self.kind(i + 2) == Some(K::EndAfter) {
                    return Some((self.month_end(months), i + 3));
                }
                if let Some(d) = self.whole(i + 2).filter(|d| (1..=31).contains(d)) {
                    return Some((self.day_of(months, d), suffix(i + 3)));
                }
                return Some((None, i + 2));
            }
            _ => {}
        }
        let first = self.whole(i)?;
        if self.kind(i + 1) == Some(K::Month) && (1..=12).contains(&first) {
            if let Some(d) = self.whole(i + 2).filter(|d| (1..=31).contains(d)) {
                return Some((self.nearest(first, d), suffix(i + 3)));
            }
            if self.kind(i + 2) == Some(K::EndAfter) {
                let start = self.nearest(first, 28)?;
                return Some((last_of(start), i + 3));
            }
            return None;
        }
        let name = self.skip(suffix(i + 1));
        (self.kind(name) == Some(K::MonthName) && (1..=31).contains(&first))
            .then(|| (self.nearest(self.n(name), first), name + 1))
    }

    /// `within 3 days`, `三天内`, `in two weeks`.
    fn within(&self, i: usize) -> Found {
        let led = self.kind(i) == Some(K::Within);
        let at = if led { i + 1 } else { i };
        let n = self.whole(at).filter(|n| (0..400).contains(n))?;
        // `3日内`: what makes a day of the month may also count days.
        let unit = match self.kind(at + 1)? {
            K::DayOfMonth => K::Days,
            unit => unit,
        };
        let closed = self.kind(at + 2) == Some(K::WithinAfter);
        if !led && !closed {
            return None;
        }
        let end = if closed { at + 3 } else { at + 2 };
        let n = u64::try_from(n).ok()?;
        let ahead = |days: u64| match self.toward {
            Toward::Ahead => self.today.checked_add_days(Days::new(days)),
            Toward::Behind => self.today.checked_sub_days(Days::new(days)),
        };
        let day = match unit {
            K::Days => ahead(n),
            K::Week => ahead(n * 7),
            K::Month => self.today.checked_add_months(Months::new(u32::try_from(n).ok()?)),
            _ => return None,
        };
        Some((day, end))
    }

    /// `周五`, `下周五`, `next Friday`, `Friday next week`.
    fn by_week(&self, i: usize) -> Found {
        let mut weeks = 0i64;
        let mut at = i;
        while let Some(K::Next | K::This | K::Last) = self.kind(at) {
            weeks += match self.kind(at) {
                Some(K::Next) => 1,
                Some(K::Last) => -1,
                _ => 0,
            };
            at += 1;
        }
        let led = at > i;
        if led && self.kind(at) == Some(K::Week) {
            return match self.kind(at + 1) {
                Some(K::Weekday) => Some((self.weekday(self.n(at + 1), weeks, true), at + 2)),
                Some(K::EndAfter) => Some((self.weekday(7, weeks, true), at + 2)),
                _ => Some((None, at + 1)),
            };
        }
        if self.kind(at) != Some(K::Weekday) {
            return None;
        }
        let n = self.n(at);
        if let (Some(K::Next), Some(K::Week)) = (self.kind(at + 1), self.kind(at + 2)) {
            return Some((self.weekday(n, 1, true), at + 3));
        }
        Some((self.weekday(n, weeks, led && weeks != 0), at + 1))
    }

    /// A day of the week so many weeks from this one; without a week the next one that comes. On the day itself nobody
    /// can tell which is meant.
    fn weekday(&self, n: i64, weeks: i64, counted: bool) -> Option<NaiveDate> {
        let own = i64::from(self.today.weekday().number_from_monday());
        let days = if counted {
            n - own + weeks * 7
        } else {
            match (self.toward, n - own) {
                (_, 0) => return None,
                (Toward::Ahead, d) => d.rem_euclid(7),
                (Toward::Behind, d) => d.rem_euclid(7) - 7,
            }
        };
        let day = self.today.checked_add_signed(chrono::TimeDelta::days(days))?;
        let right = match self.toward {
            Toward::Ahead => day >= self.today,
            Toward::Behind => day <= self.today,
        };
        right.then_some(day)
    }

    fn end(&self, i: usize) -> Found {
        match self.kind(i)? {
            K::EndOfWeek => Some((self.week_end(), i + 1)),
            K::EndOfMonth => Some((self.month_end(0), i + 1)),
            K::EndOfYear => Some((NaiveDate::from_ymd_opt(self.today.year(), 12, 31), i + 1)),
            K::EndOf => {
                let mut at = self.skip(i + 1);
                let months = match self.kind(at) {
                    Some(K::Next) => 1,
                    _ => 0,
                };
                if matches!(self.kind(at), Some(K::Next | K::This)) {
                    at += 1;
                }
                match self.kind(at)? {
                    K::Month => Some((self.month_end(months), at + 1)),
                    K::MonthName => Some((self.nearest(self.n(at), 28).and_then(last_of), at + 1)),
                    K::Week if months == 0 => Some((self.week_end(), at + 1)),
                    K::Week => Some((self.weekday(7, 1, true), at + 1)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn week_end(&self) -> Option<NaiveDate> {
        let left = 7 - self.today.weekday().number_from_monday();
        self.today.checked_add_days(Days::new(left.into()))
    }

    fn month_end(&self, months: i32) -> Option<NaiveDate> {
        last_of(self.month(months)?)
    }

    fn month(&self, months: i32) -> Option<NaiveDate> {
        let first = self.today.with_day(1)?;
        let n = Months::new(months.unsigned_abs());
        if months < 0 {
            first.checked_sub_months(n)
        } else {
            first.checked_add_months(n)
        }
    }

    fn day_of(&self, months: i32, day: i64) -> Option<NaiveDate> {
        self.month(months)?.with_day(u32::try_from(day).ok()?)
    }

    /// `15号`, `the 15th`.
    fn of_month(&self, i: usize) -> Found {
        let d = self.whole(i).filter(|d| (1..=31).contains(d))?;
        if self.kind(i + 1) != Some(K::DayOfMonth) {
            return None;
        }
        let this = self.day_of(0, d);
        let day = match (self.toward, this) {
            (Toward::Ahead, Some(day)) if day >= self.today => Some(day),
            (Toward::Ahead, _) => self.day_of(1, d),
            (Toward::Behind, Some(day)) if day <= self.today => Some(day),
            (Toward::Behind, _) => self.day_of(-1, d),
        };
        Some((day, i + 2))
    }
}

fn last_of(day: NaiveDate) -> Option<NaiveDate> {
    day.with_day(1)?.checked_add_months(Months::new(1))?.pred_opt()
}
