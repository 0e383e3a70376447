//! One rule asked about one situation, and the first instant that suits every rule that has a clock or a count.

use chrono::TimeDelta;

use super::conditions;
use super::counts::{Counter, Room};
use super::timetable::{REACH_DAYS, Timetable, days_after};
use crate::domain::Moment;
use crate::policy::{Body, Cap, Hours, Medium, Outcome, Rule};

/// What one rule says about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// The conditions of the rule do not hold, or it decides nothing.
    Nothing,
    /// It is kept.
    Kept,
    /// Not before; still to be moved to an instant that suits every rule.
    NotBefore(Moment),
    /// The calendar that it needs is not known.
    NoCalendar,
    /// Never, whatever the time.
    Never,
    /// Shown, and decides nothing.
    Shown,
    /// What the rule says itself.
    Outcome(Outcome),
}

/// Everything that is needed to ask rules about one situation.
pub(crate) struct Asking<'a> {
    pub(super) t: &'a Timetable<'a>,
    pub(super) counter: Counter<'a>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(t: &'a Timetable<'a>) -> Asking<'a> {
        Asking {
            t,
            counter: Counter::new(t),
        }
    }

    /// What one rule says.
    pub(crate) fn ask(&self, rule: &Rule) -> Says {
        let f = self.t.f;
        if !conditions::speaks(rule, f) {
            return Says::Nothing;
        }
        match &rule.body {
            Body::Hours(hours) => self.hours(rule, hours),
            Body::Cap(cap) => self.cap(rule, cap),
            Body::Wait { after, days } => match self.counter.wait(*after, *days) {
                Some(until) if f.at < until => Says::NotBefore(until),
                _ => Says::Kept,
            },
            Body::Pattern(p) if self.counter.harasses(rule, *p) => Says::Outcome(Outcome::Blocked),
            Body::Pattern(_) => Says::Kept,
            Body::Conduct { outcome, until, .. } => match until {
                None => Says::Outcome(*outcome),
                Some(day) => self.after_day(*day),
            },
            Body::Warning(None) => Says::Shown,
            Body::Warning(Some(cap)) => match self.counter.room(rule, cap, f.at) {
                Room::Until(_) | Room::Never => Says::Shown,
                _ => Says::Nothing,
            },
            Body::CloseMargin { .. }
            | Body::Element { .. }
            | Body::Says { .. }
            | Body::Retention { .. }
            | Body::Content { .. }
            | Body::Note(_) => Says::Nothing,
        }
    }

    fn hours(&self, rule: &Rule, hours: &Hours) -> Says {
        let at = self.t.f.at;
        if self.t.unknown(hours, at) {
            return Says::NoCalendar;
        }
        if self.t.open(rule, hours, at) {
            Says::Kept
        } else {
            Says::NotBefore(at)
        }
    }

    fn cap(&self, rule: &Rule, cap: &Cap) -> Says {
        match self.counter.room(rule, cap, self.t.f.at) {
            Room::NotCounted | Room::Free(_) => Says::Kept,
            Room::Until(until) => Says::NotBefore(until),
            Room::Never => Says::Never,
        }
    }

    /// A hold until the end of a day that the file names; a day that nobody names is a missing fact.
    fn after_day(&self, day: crate::policy::NamedDay) -> Says {
        let Some(last) = self.t.f.day(day) else {
            return Says::Outcome(Outcome::Review);
        };
        match self.t.starts_everywhere(|_| days_after(last, 1)) {
            Some(opens) if self.t.f.at < opens => Says::NotBefore(opens),
            _ => Says::Kept,
        }
    }

    /// Whether the person's own hours let the attempt go. Letters have no clock; a consent that every rule of hours
    /// knows lifts them, and so does the one answer.
    pub(crate) fn personal(&self, rules: &[&Rule]) -> Says {
        let f = self.t.f;
        if f.medium == Medium::Letter {
            return Says::Nothing;
        }
        if let Some(until) = f.away_until.filter(|until| f.at < *until) {
            return Says::NotBefore(until);
        }
        if f.personal.is_empty() {
            return Says::Nothing;
        }
        if self.personal_lifted(rules, f.at) || self.t.personal_open(f.at) {
            Says::Kept
        } else {
            Says::NotBefore(f.at)
        }
    }

    /// Whether every pack that speaks knows a consent, or the one answer, that lifts the person's own hours at `at`.
    fn personal_lifted(&self, rules: &[&Rule], at: Moment) -> bool {
        if self.t.f.allowed.is_empty() && self.t.f.inbound.is_none() {
            return false;
        }
        let lifts = |r: &&&Rule| match &r.body {
            Body::Hours(hours) if conditions::speaks(r, self.t.f) => {
                self.t.consent(r, at).is_some() || self.t.answers(hours, at)
            }
            _ => false,
        };
        let by_pack = rules.chunk_by(|a, b| a.head.pack == b.head.pack);
        let mut packs = by_pack.map(|pack| pack.iter().any(|r| lifts(&r)));
        !rules.is_empty() && packs.all(|lifted| lifted)
    }

    /// The first instant from `from` on that suits every rule that has a clock or a count, nothing else happening.
    /// `None`: none within the days that are looked at.
    pub(crate) fn lawful(&self, rules: &[&Rule], from: Moment) -> Option<Moment> {
        let f = self.t.f;
        let limit = from + TimeDelta::days(REACH_DAYS as i64);
        let timed_rules: Vec<&Rule> = rules
            .iter()
            .filter(|r| {
                matches!(
                    r.body,
                    Body::Hours(_) | Body::Cap(_) | Body::Wait { .. } | Body::Conduct { .. }
                )
            })
            .filter(|r| conditions::speaks(r, f))
            .copied()
            .collect();
        let timed = f.medium != Medium::Letter;
        let mut at = from;
        if let Some(until) = f.away_until.filter(|_| timed) {
            at = at.max(until);
        }
        'again: while at <= limit {
            for rule in &timed_rules {
                let next = match &rule.body {
                    Body::Hours(hours) => self.t.next(rule, hours, at)?,
                    Body::Cap(cap) => self.counter.next(rule, cap, at)?,
                    Body::Wait { after, days } => self.counter.wait(*after, *days).map_or(at, |w| w.max(at)),
                    Body::Conduct { until: Some(day), .. } => match self.after_day(*day) {
                        Says::NotBefore(until) => until.max(at),
                        _ => at,
                    },
                    _ => at,
                };
                if next > at {
                    at = next;
                    continue 'again;
                }
            }
            if timed && !f.personal.is_empty() && !self.personal_lifted(rules, at) {
                let next = self.t.next_personal(at)?;
                if next > at {
                    at = next;
                    continue;
                }
            }
            return Some(at);
        }
        None
    }

    /// The earliest instant at which a rule of hours that is open now closes.
    pub(crate) fn closes(&self, rules: &[&Rule]) -> Option<Moment> {
        let at = self.t.f.at;
        let by_rules = rules.iter().filter_map(|rule| match &rule.body {
            Body::Hours(hours) if conditions::speaks(rule, self.t.f) => self.t.closes(rule, hours, at),
            _ => None,
        });
        by_rules.chain(self.t.personal_closes(at)).min()
    }
}
