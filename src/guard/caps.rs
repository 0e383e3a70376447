//! How often? Counts touches of a person, a debt or an address in a window and says when there is room again.

use chrono::{Days, TimeDelta};
use chrono_tz::Tz;

use super::hours::{day_start, days_before};
use crate::domain::{CapClaim, CapKey, Channel, Channels, Moment, Purpose, Situation, Touch, TouchKind};
use crate::policy::{Body, CapOn, CapWindow, Rule};

/// What a cap says about an attempt.
pub(crate) enum Room {
    /// The cap does not count attempts like this one.
    NotCounted,
    /// There is room, and this is the place it takes.
    Free(CapClaim),
    /// Full until then.
    Until(Moment),
    /// Full for good.
    Never,
}

/// Whether there is room under one cap.
pub(crate) fn room(rule: &Rule, s: &Situation, now: Moment) -> Room {
    let Body::Cap {
        key,
        kinds,
        collection_only,
        window,
        max,
    } = &rule.body
    else {
        return Room::NotCounted;
    };
    if !counts_attempt(kinds, *collection_only, s) {
        return Room::NotCounted;
    }
    let zones = &s.zones().candidates;
    let claim = CapClaim {
        rule: rule.head.id.to_string(),
        key: key_of(*key, s),
        channels: rule.channels,
        kinds: kinds.clone(),
        collection_only: *collection_only,
        since: since(*window, zones, now),
        max: *max,
    };
    if *max == 0 {
        return Room::Never;
    }
    let mut leaves: Vec<Moment> = s
        .history
        .iter()
        .filter(|t| counts(&claim, t))
        .map(|t| leaves(*window, zones, t.at))
        .filter(|leaves| *leaves > now)
        .collect();
    let Some(surplus) = (leaves.len() + 1).checked_sub(*max as usize).filter(|n| *n > 0) else {
        return Room::Free(claim);
    };
    leaves.sort_unstable();
    Room::Until(leaves[surplus - 1])
}

fn counts_attempt(kinds: &[TouchKind], collection_only: bool, s: &Situation) -> bool {
    let kind_counts = match s.attempt.channel {
        Channel::Call => kinds.iter().any(|k| *k != TouchKind::Message),
        _ => kinds.contains(&TouchKind::Message),
    };
    kind_counts && (!collection_only || s.attempt.purpose == Purpose::Collection)
}

fn key_of(key: CapOn, s: &Situation) -> CapKey {
    match key {
        CapOn::Person => CapKey::Person(s.recipient.id),
        CapOn::Debt => CapKey::Debt(s.account.id),
        CapOn::Address => CapKey::Address(s.contact_point.address_id),
    }
}

/// Whether a touch takes a place under the claim, its time left aside.
fn counts(claim: &CapClaim, touch: &Touch) -> bool {
    let same = match claim.key {
        CapKey::Person(person) => touch.person == person,
        CapKey::Debt(account) => touch.account == account,
        CapKey::Address(address) => touch.address == Some(address),
    };
    let channels: Channels = claim.channels;
    same && channels.contains(touch.channel)
        && claim.kinds.contains(&touch.kind)
        && (touch.collection || !claim.collection_only)
}

/// Where the window begins; of several zones the earliest.
fn since(window: CapWindow, zones: &[Tz], now: Moment) -> Moment {
    match window {
        CapWindow::Rolling(span) => now - span + TimeDelta::microseconds(1),
        CapWindow::LocalDays(days) => {
            let start = |z: &Tz| day_start(*z, days_before(now.date_in(*z), days - 1), false);
            let unknown_zone = now - TimeDelta::days(i64::from(days) + 1);
            zones.iter().filter_map(start).min().unwrap_or(unknown_zone)
        }
    }
}

/// When a touch no longer counts; of several zones the latest.
fn leaves(window: CapWindow, zones: &[Tz], at: Moment) -> Moment {
    match window {
        CapWindow::Rolling(span) => at + span,
        CapWindow::LocalDays(days) => {
            let after = |z: &Tz| {
                let date = at.date_in(*z).checked_add_days(Days::new(days.into()))?;
                day_start(*z, date, true)
            };
            let unknown_zone = at + TimeDelta::days(i64::from(days) + 1);
            zones.iter().filter_map(after).max().unwrap_or(unknown_zone)
        }
    }
}
