//! Whether the conditions of a rule hold: marks, roles and places by sets, the past by looking at the events.

use chrono::TimeDelta;

use super::timetable::{day_start, days_before};
use crate::policy::{Conditions, Deed, Event, Facts, Happened, Rule, Set};

/// Whether a rule speaks: its `when` holds and none of its `unless`.
pub(super) fn speaks(rule: &Rule, f: &Facts) -> bool {
    holds(&rule.when, f) && !rule.unless.iter().any(|w| holds(w, f))
}

fn holds(w: &Conditions, f: &Facts) -> bool {
    w.any.fits(f.marks)
        && f.marks.covers(w.all)
        && !w.none.meets(f.marks)
        && w.role.takes(f.role)
        && (w.relation.is_empty() || f.relation.is_some_and(|r| w.relation.has(r)))
        && w.place.takes(f.place)
        && w.channels.takes(f.medium)
        && w.purposes.fits(f.aim)
        && w.sender.fits(f.sender)
        && w.says.fits(f.says)
        && w.balance_below
            .is_none_or(|limit| f.balance.is_some_and(|owed| owed < limit))
        && w.happened.iter().all(|h| happened(h, f))
        && !w.not_happened.iter().any(|h| happened(h, f))
}

fn happened(h: &Happened, f: &Facts) -> bool {
    if h.in_a_row {
        return in_a_row(h, f) >= h.times;
    }
    let found = f.events.iter().filter(|e| is(h, e, f));
    found.count() as u32 >= h.times
}

/// Whether one event is what a condition asks for.
fn is(h: &Happened, e: &Event, f: &Facts) -> bool {
    let first_day = |days: u32| {
        let start = |z: &crate::policy::Candidate| {
            day_start(z.zone, days_before(f.at.date_in(z.zone), days - 1), false)
        };
        f.zones.iter().filter_map(start).min()
    };
    let old_enough = |days: u32| {
        f.zones
            .iter()
            .all(|z| (f.at.date_in(z.zone) - e.at.date_in(z.zone)).num_days() >= i64::from(days))
    };
    e.deeds.meets(h.deed)
        && e.at <= f.at
        && (!h.recipient || e.person == f.person)
        && h.within_local_days
            .is_none_or(|days| first_day(days.max(1)).is_some_and(|from| e.at >= from))
        && h.within_minutes
            .is_none_or(|m| f.at - e.at <= TimeDelta::minutes(m.into()))
        && h.local_days_ago.is_none_or(old_enough)
        && h.after.is_none_or(|(deed, days)| follows(e, deed, days, f))
        && h.before_day.is_none_or(|(day, days)| {
            let left = |z: &crate::policy::Candidate| {
                f.day(day)
                    .is_some_and(|day| (day - e.at.date_in(z.zone)).num_days() >= i64::from(days))
            };
            f.zones.iter().all(left)
        })
}

/// Whether an event came not later than so many local days after an earlier one of `deed`.
fn follows(e: &Event, deed: Set<Deed>, days: u32, f: &Facts) -> bool {
    let near = |first: &&Event| {
        first.deeds.meets(deed)
            && first.at <= e.at
            && f.zones
                .iter()
                .all(|z| (e.at.date_in(z.zone) - first.at.date_in(z.zone)).num_days() <= i64::from(days))
    };
    f.events.iter().any(|first| near(&first))
}

/// How often in a row, counted back from now: another outcome with the debtor's own number ends the row.
fn in_a_row(h: &Happened, f: &Facts) -> u32 {
    let reached = Set::of(&[Deed::Conversation, Deed::OwnNumberReached]);
    let ours = f
        .events
        .iter()
        .rev()
        .filter(|e| e.at <= f.at && e.deeds.meets(h.deed.and(reached)));
    let mut row = 0;
    for e in ours.filter(|e| !h.recipient || e.person == f.person) {
        if is(h, e, f) {
            row += 1;
        } else if e.deeds.meets(reached) {
            break;
        }
    }
    row
}
