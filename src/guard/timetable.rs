//! When is it lawful? Windows of every rule in every zone the recipient could be in, as instants, so that clock changes
//! need no special case: a window is what it is on the day concerned.

use chrono::{Datelike, Days, NaiveDate, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::offsets;
use crate::domain::Moment;
use crate::policy::{Allowed, DayKind, Facts, Gap, Holidays, Hours, Rule, Slot, Week};

/// How far ahead a lawful instant is looked for.
pub(super) const REACH_DAYS: u64 = 400;

/// The clock of one situation: its zones and its calendar.
pub(super) struct Timetable<'a> {
    pub(super) f: &'a Facts,
    pub(super) holidays: &'a Holidays,
    /// Minutes before closing in which nothing is sent any more.
    margin: u16,
    /// The local clocks at the moment of the attempt, which most rules ask about; of the first zones.
    now: [Option<Local>; 4],
}

/// What the clocks of one zone show at one moment.
#[derive(Debug, Clone, Copy)]
struct Local {
    zone: Tz,
    date: NaiveDate,
    /// The first instant of the date.
    midnight: Moment,
    /// Whether the clocks change neither the day before nor the day after.
    steady: bool,
}

impl Local {
    fn of(zone: Tz, at: Moment) -> Local {
        let utc = at.utc();
        let (offset, steady) = offsets::at(zone, utc.timestamp());
        let local = utc.naive_utc() + TimeDelta::seconds(offset.into());
        let since_midnight = local - local.date().and_time(chrono::NaiveTime::MIN);
        Local {
            zone,
            date: local.date(),
            midnight: at - since_midnight,
            steady,
        }
    }
}

/// A window as instants, half-open.
type Window = (Moment, Moment);

impl<'a> Timetable<'a> {
    pub(super) fn new(f: &'a Facts, holidays: &'a Holidays, margin: u16) -> Timetable<'a> {
        let mut zones = f.zones.iter();
        Timetable {
            now: std::array::from_fn(|_| zones.next().map(|z| Local::of(z.zone, f.at))),
            f,
            holidays,
            margin,
        }
    }

    /// What the clocks of a zone show at `at`.
    fn local(&self, zone: Tz, at: Moment) -> Local {
        let known = || self.now.iter().flatten().find(|l| l.zone == zone);
        match known().filter(|_| at == self.f.at) {
            Some(local) => *local,
            None => Local::of(zone, at),
        }
    }

    /// The recipient's date at `at` in a zone.
    pub(super) fn date(&self, zone: Tz, at: Moment) -> NaiveDate {
        self.local(zone, at).date
    }

    /// The zones that bind a rule: every candidate, unless the area code may be presumed.
    fn zones(&self, hours: &Hours) -> impl Iterator<Item = Tz> + Clone + '_ {
        let presumed = hours.area_code.has(self.f.medium) && self.f.zones.iter().any(|z| z.area_code);
        let all = self.f.zones.iter().filter(move |z| !presumed || z.area_code);
        all.map(|z| z.zone)
    }

    /// Every zone the recipient could be in.
    fn every_zone(&self) -> impl Iterator<Item = Tz> + Clone + '_ {
        self.f.zones.iter().map(|z| z.zone)
    }

    /// The week of a rule: its own, or what the file names; `None` binds nobody.
    fn week<'h>(&'h self, hours: &'h Hours) -> Option<&'h Week> {
        match (&hours.week, hours.from) {
            (Some(week), _) => Some(week),
            (None, Some(from)) => self.f.window(from),
            (None, None) => None,
        }
    }

    /// Whether the calendar that a rule needs is unknown at `at` in any zone.
    pub(super) fn unknown(&self, hours: &Hours, at: Moment) -> bool {
        self.week(hours).is_some_and(|week| {
            week.holiday.is_some()
                && self
                    .every_zone()
                    .any(|z| self.kind(week, at.date_in(z)) == DayKind::Unknown)
        })
    }

    /// Whether a rule of hours lets the attempt go at `at`.
    pub(super) fn open(&self, rule: &Rule, hours: &Hours, at: Moment) -> bool {
        self.in_window(hours, at, self.margin) || self.consent(rule, at).is_some() || self.answers(hours, at)
    }

    /// Whether a rule of hours is open at `at` by the clock alone.
    pub(super) fn in_window(&self, hours: &Hours, at: Moment, margin: u16) -> bool {
        let Some(week) = self.week(hours) else { return true };
        let cut = Cut::of(hours, margin);
        self.zones(hours)
            .all(|z| self.window_at(week, z, at, cut).is_some())
    }

    /// The first instant from `from` on that a rule of hours allows.
    pub(super) fn next(&self, rule: &Rule, hours: &Hours, from: Moment) -> Option<Moment> {
        let Some(week) = self.week(hours) else {
            return Some(from);
        };
        let by_clock = self.next_of(week, self.zones(hours), from, Cut::of(hours, self.margin));
        let by_consent = self.next_consent(rule, from);
        match (by_clock, by_consent) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// When the window of a rule that is open at `at` ends; `None` where nothing ends it.
    pub(super) fn closes(&self, rule: &Rule, hours: &Hours, at: Moment) -> Option<Moment> {
        if let Some(end) = self.consent(rule, at) {
            return end;
        }
        let week = self.week(hours)?;
        let cut = Cut::of(hours, self.margin);
        let ends = self.zones(hours).filter_map(|z| self.window_at(week, z, at, cut));
        ends.map(|(_, close)| close).min()
    }

    /// The first instant from `from` on that one week allows in all zones.
    fn next_of(
        &self,
        week: &Week,
        zones: impl Iterator<Item = Tz> + Clone,
        from: Moment,
        cut: Cut,
    ) -> Option<Moment> {
        let limit = from + TimeDelta::days(REACH_DAYS as i64);
        let mut at = from;
        'again: while at <= limit {
            for zone in zones.clone() {
                let open = self.opening(week, zone, at, cut)?;
                if open > at {
                    at = open;
                    continue 'again;
                }
            }
            return Some(at);
        }
        None
    }

    /// The window of one week in one zone that is open at `at`.
    fn window_at(&self, week: &Week, zone: Tz, at: Moment, cut: Cut) -> Option<Window> {
        let local = self.local(zone, at);
        if local.steady {
            let slots = self.slots(week, local.date)?;
            let windows = slots.iter().filter_map(|s| cut.window_after(local.midnight, *s));
            return windows.into_iter().find(|w| w.0 <= at && at < w.1);
        }
        let dates = [local.date.pred_opt(), Some(local.date), local.date.succ_opt()];
        let windows = dates
            .into_iter()
            .flatten()
            .flat_map(|date| self.windows(week, zone, date, cut));
        windows.into_iter().find(|w| w.0 <= at && at < w.1)
    }

    /// The first instant from `from` on that one week allows in one zone.
    fn opening(&self, week: &Week, zone: Tz, from: Moment, cut: Cut) -> Option<Moment> {
        if self.window_at(week, zone, from, cut).is_some() {
            return Some(from);
        }
        let first = from.date_in(zone).pred_opt()?;
        (0..=REACH_DAYS + 2)
            .filter_map(|n| first.checked_add_days(Days::new(n)))
            .flat_map(|date| self.windows(week, zone, date, cut))
            .find(|(_, close)| from < *close)
            .map(|(open, _)| open.max(from))
    }

    /// The windows of one local date as instants, in order; an unknown day has none.
    fn windows<'w>(
        &self,
        week: &'w Week,
        zone: Tz,
        date: NaiveDate,
        cut: Cut,
    ) -> impl Iterator<Item = Window> + use<'w> {
        let slots = self.slots(week, date).unwrap_or(&[]);
        slots.iter().filter_map(move |slot| cut.window(zone, date, *slot))
    }

    /// The slots of a date; `None` on a day of which nobody knows whether it is a holiday.
    fn slots<'w>(&self, week: &'w Week, date: NaiveDate) -> Option<&'w [Slot]> {
        match &week.holiday {
            None => Some(week.weekday(date)),
            Some(holiday) => match self.kind(week, date) {
                DayKind::Unknown => None,
                DayKind::Holiday => Some(holiday),
                _ => Some(week.weekday(date)),
            },
        }
    }

    fn kind(&self, week: &Week, date: NaiveDate) -> DayKind {
        match &self.f.holidays {
            Some(listed) if listed.contains(&date) => DayKind::Holiday,
            Some(_) => DayKind::Ordinary,
            None => {
                let (country, region) = self.f.place_of_holidays();
                let calendar = self.holidays.of(country, region);
                calendar.map_or(DayKind::Unknown, |c| c.day(date, week.scope))
            }
        }
    }

    /// The place and year whose holidays are missing at `at`, in the first zone where they are.
    pub(super) fn gap(&self, at: Moment) -> Option<Gap> {
        let (country, region) = self.f.place_of_holidays();
        self.every_zone()
            .find_map(|zone| self.holidays.gap_of(country, region, at.date_in(zone)))
    }

    /// Whether a consent on record lifts the hours of a rule at `at`; if so, until when.
    pub(super) fn consent(&self, rule: &Rule, at: Moment) -> Option<Option<Moment>> {
        if !rule.head.consent {
            return None;
        }
        let ends = self
            .f
            .allowed
            .iter()
            .filter(|a| a.hours)
            .filter_map(|a| self.covered(a, at));
        // A consent without an end outlasts every other.
        ends.max_by_key(|end| (end.is_none(), *end))
    }

    /// Whether a consent covers `at`; if so, until when.
    fn covered(&self, a: &Allowed, at: Moment) -> Option<Option<Moment>> {
        if !self.stands(a, at) {
            return None;
        }
        let Some(week) = &a.slots else {
            return Some(a.until);
        };
        let mut end = a.until;
        for zone in self.every_zone() {
            let (_, close) = self.window_at(week, zone, at, Cut::NONE)?;
            end = Some(end.map_or(close, |e| e.min(close)));
        }
        Some(end)
    }

    /// Whether a consent stands at `at`, its slots left aside.
    pub(super) fn stands(&self, a: &Allowed, at: Moment) -> bool {
        a.media.has(self.f.medium)
            && a.from <= at
            && a.until.is_none_or(|until| at < until)
            && (a.collector == 0 || a.collector == self.f.collector)
            && !(a.once && super::counts::spoke_since(self.f, a.from))
    }

    fn next_consent(&self, rule: &Rule, from: Moment) -> Option<Moment> {
        if !rule.head.consent {
            return None;
        }
        let each = |a: &Allowed| {
            let from = from.max(a.from);
            if !self.stands(a, from) {
                return None;
            }
            let at = match &a.slots {
                // A consent that names no time lifts the hours of this attempt; it invites nobody to a later night.
                None if from == self.f.at => from,
                None => return None,
                Some(week) => self.next_of(week, self.every_zone(), from, Cut::NONE)?,
            };
            a.until.is_none_or(|until| at < until).then_some(at)
        };
        self.f.allowed.iter().filter(|a| a.hours).filter_map(each).min()
    }

    /// Whether the attempt is the one answer at once to what the person wrote at a closed time.
    pub(super) fn answers(&self, hours: &Hours, at: Moment) -> bool {
        let Some((inbound, minutes)) = self.f.inbound.zip(hours.answer_minutes) else {
            return false;
        };
        at == self.f.at
            && inbound.media.has(self.f.medium)
            && !inbound.answered
            && inbound.at <= at
            && at - inbound.at <= TimeDelta::minutes(minutes.into())
            && (!self.in_window(hours, inbound.at, 0) || !self.personal_open(inbound.at))
    }

    /// Whether every hour that the person named lets the attempt go.
    pub(super) fn personal_open(&self, at: Moment) -> bool {
        self.f.personal.iter().all(|p| {
            p.until.is_some_and(|until| until <= at)
                || self
                    .every_zone()
                    .all(|z| self.window_at(&p.open, z, at, Cut::NONE).is_some())
        })
    }

    /// The first instant from `from` on that the person's own hours allow.
    pub(super) fn next_personal(&self, from: Moment) -> Option<Moment> {
        let limit = from + TimeDelta::days(REACH_DAYS as i64);
        let mut at = from;
        'again: while at <= limit {
            for p in &self.f.personal {
                if p.until.is_some_and(|until| until <= at) {
                    continue;
                }
                let open = self.next_of(&p.open, self.every_zone(), at, Cut::NONE);
                let next = match (open, p.until) {
                    (Some(open), Some(until)) => open.min(until),
                    (open, until) => open.or(until)?,
                };
                if next > at {
                    at = next;
                    continue 'again;
                }
            }
            return Some(at);
        }
        None
    }

    /// When the person's own hours close, where they are open at `at`.
    pub(super) fn personal_closes(&self, at: Moment) -> Option<Moment> {
        let standing = self.f.personal.iter();
        standing
            .filter(|p| p.until.is_none_or(|until| at < until))
            .flat_map(|p| {
                self.every_zone()
                    .filter_map(|z| self.window_at(&p.open, z, at, Cut::NONE))
            })
            .map(|(_, close)| close)
            .min()
    }

    /// The first instant of a local date in every zone: the latest of them.
    pub(super) fn starts_everywhere(&self, date: impl Fn(Tz) -> Option<NaiveDate>) -> Option<Moment> {
        self.every_zone()
            .filter_map(|z| day_start(z, date(z)?, true))
            .max()
    }
}

/// How the end of a window is cut: by a margin, or by an instant beyond it.
#[derive(Debug, Clone, Copy)]
struct Cut {
    margin: u16,
    inclusive: bool,
}

impl Cut {
    const NONE: Cut = Cut {
        margin: 0,
        inclusive: false,
    };

    fn of(hours: &Hours, margin: u16) -> Cut {
        Cut {
            margin,
            inclusive: hours.inclusive,
        }
    }

    fn extra(self) -> TimeDelta {
        TimeDelta::microseconds(i64::from(self.inclusive && self.margin == 0))
    }

    /// One slot of a day without clock change that began at `midnight`.
    fn window_after(self, midnight: Moment, slot: Slot) -> Option<Window> {
        let close = slot.close.saturating_sub(self.margin);
        (slot.open < close).then(|| {
            let minutes = |m: u16| midnight + TimeDelta::minutes(m.into());
            (minutes(slot.open), minutes(close) + self.extra())
        })
    }

    /// One slot of a local date. An hour that occurs twice opens with the second and closes with the first.
    fn window(self, zone: Tz, date: NaiveDate, slot: Slot) -> Option<Window> {
        let close = slot.close.saturating_sub(self.margin);
        if slot.open >= close {
            return None;
        }
        let (open, close) = (
            local(zone, date, slot.open, true)?,
            local(zone, date, close, false)? + self.extra(),
        );
        (open < close).then_some((open, close))
    }
}

/// A local clock time as an instant; a time that the clocks skip is the first instant after the gap.
fn local(zone: Tz, date: NaiveDate, minute: u16, late: bool) -> Option<Moment> {
    let mut at = date.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(minute.into());
    let (offset, _) = offsets::at(zone, at.and_utc().timestamp());
    let guess = at.and_utc() - TimeDelta::seconds(offset.into());
    if offsets::at(zone, guess.timestamp()) == (offset, true) {
        return Some(Moment::new(guess));
    }
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
pub(super) fn day_start(zone: Tz, date: NaiveDate, late: bool) -> Option<Moment> {
    local(zone, date, 0, late)
}

/// So many days before; a date so far in the past that nothing is older.
pub(super) fn days_before(date: NaiveDate, days: u32) -> NaiveDate {
    date.checked_sub_days(Days::new(days.into()))
        .unwrap_or(NaiveDate::MIN)
}

/// So many days after.
pub(super) fn days_after(date: NaiveDate, days: u32) -> Option<NaiveDate> {
    date.checked_add_days(Days::new(days.into()))
}

/// The first day of the month of a date.
pub(super) fn month_start(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// The first day of the month after a date.
pub(super) fn next_month(date: NaiveDate) -> Option<NaiveDate> {
    month_start(date).checked_add_months(chrono::Months::new(1))
}
