//! How often? Counts contacts under a cap and says when there is room again; waiting periods and patterns beside it.

use std::cell::Cell;

use chrono::TimeDelta;

use super::timetable::{Timetable, day_start, days_after, days_before, month_start, next_month};
use crate::domain::Moment;
use crate::policy::{
    Cap, CapOn, CapWindow, Deed, Ended, Event, Exclusion, Facts, Harassment, Rule, Since, Way,
};
use crate::policy::{Medium, Set};

/// What is counted for one moment: the starts of windows are the same for many caps.
pub(super) struct Counter<'a> {
    pub(super) t: &'a Timetable<'a>,
    starts: Cell<[(CapWindow, Moment); 6]>,
    known: Cell<(usize, Option<Moment>)>,
}

/// What a cap says about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// The cap does not count attempts like this one.
    NotCounted,
    /// There is room for so many.
    Free(u32),
    /// Full; some room from then on.
    Until(Moment),
    /// Full for good.
    Never,
}

impl<'a> Counter<'a> {
    pub(super) fn new(t: &'a Timetable<'a>) -> Counter<'a> {
        let never = (CapWindow::LocalMonth, t.f.at);
        Counter {
            t,
            starts: Cell::new([never; 6]),
            known: Cell::new((0, None)),
        }
    }

    /// Whether there is room under a cap at `at`.
    pub(super) fn room(&self, rule: &Rule, cap: &Cap, at: Moment) -> Room {
        let f = self.t.f;
        if self.left_out(cap, at) || !cap.to.takes(f.place) || cap.purposes_not.meets(f.aim) {
            return Room::NotCounted;
        }
        let begins = match cap.since {
            None => None,
            Some(Since::FirstConversation) => match first_conversation(rule, cap, f) {
                None => return Room::NotCounted,
                found => found,
            },
        };
        if cap.max == 0 {
            return Room::Never;
        }
        let since = self.since(cap.window, at);
        let rolling = matches!(cap.window, CapWindow::Rolling(_));
        let inside = |e: &Event| {
            (if rolling { e.at > since } else { e.at >= since })
                && e.at <= at
                && begins.is_none_or(|b| e.at > b)
        };
        let per_debt = cap.key.has(CapOn::Debt);
        let groups = if per_debt { f.debts } else { 1 };
        let mut free = cap.max;
        let mut until: Option<Moment> = None;
        for group in 0..groups {
            let debts = if per_debt { 1 << group } else { 0 };
            let counted = f
                .events
                .iter()
                .rev()
                .take_while(|e| e.at >= since)
                .filter(|e| inside(e) && takes_place(rule, cap, e, f, debts));
            let n = counted.clone().count() as u32;
            if n < cap.max {
                free = free.min(cap.max - n);
                continue;
            }
            let mut leaves: Vec<Moment> = counted.map(|e| self.leaves(cap.window, e.at)).collect();
            leaves.sort_unstable();
            let opens = leaves[(n - cap.max) as usize];
            until = Some(until.map_or(opens, |u| u.max(opens)));
        }
        until.map_or(Room::Free(free), Room::Until)
    }

    /// The first instant from `at` on with room, nothing else happening; `None`: never.
    pub(super) fn next(&self, rule: &Rule, cap: &Cap, at: Moment) -> Option<Moment> {
        match self.room(rule, cap, at) {
            Room::NotCounted | Room::Free(_) => Some(at),
            Room::Until(until) => Some(until.max(at)),
            Room::Never => None,
        }
    }

    /// Whether the attempt itself is left out of the count at `at`.
    fn left_out(&self, cap: &Cap, at: Moment) -> bool {
        let f = self.t.f;
        if cap.exclude.is_empty() {
            return false;
        }
        if cap.exclude.meets(f.left_out) {
            return true;
        }
        if let Some(asked) = f.reply_to {
            if cap.exclude.has(Exclusion::Reply) {
                return true;
            }
            let same_day = |z: &crate::policy::Candidate| asked.date_in(z.zone) == at.date_in(z.zone);
            if cap.exclude.has(Exclusion::ReplySameDay) && f.zones.iter().all(same_day) {
                return true;
            }
        }
        let by_consent = cap.exclude.has(Exclusion::Consent) || cap.exclude.has(Exclusion::ConsentNow);
        by_consent
            && f.allowed.iter().any(|a| {
                let days_left = f.zones.iter().all(|z| {
                    let days = (at.date_in(z.zone) - a.from.date_in(z.zone)).num_days();
                    days < i64::from(cap.consent_days)
                });
                a.counts && days_left && self.t.stands(a, at) && !spoke_since(f, a.from)
            })
    }

    /// Where a window that ends at `at` begins; of several zones the earliest.
    pub(super) fn since(&self, window: CapWindow, at: Moment) -> Moment {
        if let CapWindow::Rolling(span) = window {
            return at - span;
        }
        let (n, moment) = self.known.get();
        let mut starts = self.starts.get();
        let fresh = moment != Some(at);
        let n = if fresh { 0 } else { n };
        if let Some((_, start)) = starts[..n].iter().find(|(w, _)| *w == window) {
            return *start;
        }
        let start = |z: chrono_tz::Tz| {
            let today = at.date_in(z);
            let first = match window {
                CapWindow::LocalDays(days) => days_before(today, days - 1),
                _ => month_start(today),
            };
            day_start(z, first, false)
        };
        let found = self.t.f.zones.iter().filter_map(|z| start(z.zone)).min();
        let found = found.unwrap_or(at - TimeDelta::days(62));
        if n < starts.len() {
            starts[n] = (window, found);
            self.starts.set(starts);
            self.known.set((n + 1, Some(at)));
        }
        found
    }

    /// When an event no longer counts; of several zones the latest.
    fn leaves(&self, window: CapWindow, at: Moment) -> Moment {
        let unknown_zone = at + TimeDelta::days(62);
        let dated = |n: Option<u32>| {
            self.t.starts_everywhere(|z| {
                let date = at.date_in(z);
                n.map_or_else(|| next_month(date), |n| days_after(date, n))
            })
        };
        match window {
            CapWindow::Rolling(span) => at + span,
            CapWindow::LocalDays(days) => dated(Some(days)).unwrap_or(unknown_zone),
            CapWindow::LocalMonth => dated(None).unwrap_or(unknown_zone),
        }
    }

    /// When a waiting period ends; `None` where no notice opened one. Each debt waits for its own first notice that
    /// was not lost.
    pub(super) fn wait(&self, after: Set<Deed>, days: u32) -> Option<Moment> {
        let f = self.t.f;
        let ends = |debt: u32| {
            let notice = f.events.iter().find(|e| {
                e.deeds.meets(after) && !e.deeds.has(Deed::Failed) && e.debts & 1 << debt != 0 && e.at <= f.at
            })?;
            self.t
                .starts_everywhere(|z| days_after(notice.at.date_in(z), days))
        };
        (0..f.debts).filter_map(ends).max()
    }

    /// Whether a pattern of contact harasses: the days before were full and unanswered, and today would go on.
    pub(super) fn harasses(&self, rule: &Rule, p: Harassment) -> bool {
        let f = self.t.f;
        let Some(zone) = f.zones.first().map(|z| z.zone) else {
            return false;
        };
        let today = f.at.date_in(zone);
        let mine = |e: &&Event| e.person == f.person && e.at <= f.at;
        let heard = f
            .events
            .iter()
            .filter(mine)
            .filter(|e| e.way == Way::In)
            .map(|e| e.at)
            .max();
        (1..p.days).all(|back| {
            let date = days_before(today, back);
            let counted = f.events.iter().filter(mine).filter(|e| {
                e.way == Way::Out
                    && e.medium.is_some_and(|m| rule.channels.has(m))
                    && heard.is_none_or(|h| e.at > h)
                    && e.at.date_in(zone) == date
            });
            counted.count() as u32 >= p.per_day
        })
    }
}

/// Whether an event takes a place under a cap, its time left aside.
fn takes_place(rule: &Rule, cap: &Cap, e: &Event, f: &Facts, debts: u64) -> bool {
    let way = e.way == Way::Out || (cap.inbound && e.way == Way::In);
    way && e.medium.is_some_and(|m: Medium| cap.counted.has(m))
        && cap.outcomes.has(e.ended)
        && shares(cap, e, f, debts)
        && cap.to.takes(e.place)
        && rule.purposes.fits(e.aim)
        && !cap.purposes_not.meets(e.aim)
        && !cap.exclude.meets(e.left_out)
}

/// Whether an event shares with the attempt what the key of a cap asks. Unknown addresses and creditors may be the
/// same.
fn shares(cap: &Cap, e: &Event, f: &Facts, debts: u64) -> bool {
    let key = cap.key;
    let either = |a: u32, b: u32| a == b || a == 0 || b == 0;
    (debts == 0 || e.debts & debts != 0)
        && (!key.has(CapOn::Person) || e.person == f.person)
        && (!key.has(CapOn::PersonOrSpouse) || e.person == f.person || f.household.contains(&e.person))
        && (!key.has(CapOn::Address) || either(e.point, f.point))
        && (!key.has(CapOn::Collector) || e.collector == f.collector)
        && (!key.has(CapOn::Creditor) || either(e.creditor, f.creditor))
}

fn first_conversation(rule: &Rule, cap: &Cap, f: &Facts) -> Option<Moment> {
    let talked = |e: &&Event| {
        e.ended == Ended::Conversation
            && e.way != Way::Beside
            && e.at <= f.at
            && rule.purposes.fits(e.aim)
            && shares(cap, e, f, 0)
    };
    f.events.iter().find(talked).map(|e| e.at)
}

/// Whether a conversation with the recipient about any of these debts took place after `from`.
pub(super) fn spoke_since(f: &Facts, from: Moment) -> bool {
    f.events.iter().any(|e| {
        e.ended == Ended::Conversation
            && e.medium == Some(Medium::Voice)
            && e.way != Way::Beside
            && e.person == f.person
            && e.debts & f.all_debts() != 0
            && e.at > from
            && e.at <= f.at
    })
}
