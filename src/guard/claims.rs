//! Caps as a reservation must find them again: the store counts in its own coarser way, under a lock, and must come to
//! the same answer.

use chrono::TimeDelta;

use super::ask::Asking;
use super::conditions;
use super::counts::Room;
use crate::domain::*;
use crate::policy::{Aim, Body, Cap, CapOn, CapWindow, Ended, Rule, Set};

/// The claims of every cap that counts the attempt and has room.
pub(super) fn of(rules: &[&Rule], asking: &Asking<'_>, s: &Situation) -> Vec<CapClaim> {
    let each = |rule: &&Rule| {
        let Body::Cap(cap) = &rule.body else { return None };
        if !conditions::speaks(rule, asking.t.f) {
            return None;
        }
        match asking.counter.room(rule, cap, asking.t.f.at) {
            Room::Free(free) => Some(claim(rule, cap, free, asking, s)),
            _ => None,
        }
    };
    rules.iter().filter_map(each).collect()
}

/// A claim in the terms of the store. Where those are coarser than the rule (no collector, no place, no first
/// conversation) the contacts that only the store counts are added to the most there may be, so that one contact more
/// fills both alike.
fn claim(rule: &Rule, cap: &Cap, free: u32, asking: &Asking<'_>, s: &Situation) -> CapClaim {
    let since = asking.counter.since(cap.window, asking.t.f.at);
    let mut claim = CapClaim {
        rule: rule.head.id.to_string(),
        key: key_of(cap, s),
        channels: cap.counted.into(),
        kinds: kinds(cap.outcomes),
        collection_only: rule.purposes == Set::of(&[Aim::Collection]),
        since: match cap.window {
            CapWindow::Rolling(_) => since + TimeDelta::microseconds(1),
            _ => since,
        },
        max: free,
    };
    claim.max += s.history.iter().filter(|t| counts(&claim, t)).count() as u32;
    claim
}

fn key_of(cap: &Cap, s: &Situation) -> CapKey {
    if cap.key.has(CapOn::Address) {
        CapKey::Address(s.contact_point.address_id)
    } else if cap.key.has(CapOn::Debt) && !cap.key.has(CapOn::Person) {
        CapKey::Debt(s.account.id)
    } else {
        CapKey::Person(s.recipient.id)
    }
}

fn kinds(outcomes: Set<Ended>) -> Vec<TouchKind> {
    let kind = |(ended, kind): &(Ended, TouchKind)| outcomes.has(*ended).then_some(*kind);
    [
        (Ended::HandedOver, TouchKind::Message),
        (Ended::NoAnswer, TouchKind::CallUnanswered),
        (Ended::NoDiscussion, TouchKind::CallAnswered),
        (Ended::Conversation, TouchKind::Conversation),
    ]
    .iter()
    .filter_map(kind)
    .collect()
}

/// Whether the store counts a touch under a claim.
fn counts(claim: &CapClaim, touch: &Touch) -> bool {
    let same = match claim.key {
        CapKey::Person(person) => touch.person == person,
        CapKey::Debt(account) => touch.account == account,
        CapKey::Address(address) => touch.address == Some(address),
    };
    same && touch.at >= claim.since
        && claim.channels.contains(touch.channel)
        && claim.kinds.contains(&touch.kind)
        && (touch.collection || !claim.collection_only)
}
