//! Which contact point a step uses, and the preferred time of day.

use chrono::{NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::ladder::Slot;
use crate::domain::{
    Channel, ContactPoint, ContactUse, Moment, PersonKind, StandingWish, Suppression, SuppressionReason,
    SuppressionScope, channel_refused, place_refused,
};

/// What closes ways to a debtor: standing reasons, and what the debtor asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stops<'a> {
    /// Standing reasons not to contact.
    pub suppressions: &'a [Suppression],
    /// Wishes about times, places and media, oldest first.
    pub wishes: &'a [StandingWish],
}

/// The best contact point for the first channel that has one: own before home before shared; a workplace only where
/// the debtor is a company. Standing suppressions of a channel or an address rule it out, and so does what the debtor
/// asked for; the guard looks again.
pub fn choose_contact<'a>(
    channels: &[Channel],
    debtor: PersonKind,
    points: &'a [ContactPoint],
    stops: Stops<'_>,
    now: Moment,
) -> Option<(Channel, &'a ContactPoint)> {
    let rank = |usage: ContactUse| match usage {
        ContactUse::Own | ContactUse::Office => 0,
        ContactUse::Home => 1,
        ContactUse::Shared => 2,
        ContactUse::Workplace => 3,
    };
    let open = |channel: Channel, point: &ContactPoint| {
        let asked = place_refused(stops.wishes, (channel, point.usage), now)
            || channel_refused(stops.wishes, channel, now);
        let closed = stops.suppressions.iter().filter(|s| s.stands_at(now)).any(|s| {
            s.channel.is_none_or(|c| c == channel)
                && match s.scope {
                    SuppressionScope::Address(a) => a == point.address_id,
                    // What covers a person wholly is not for the planner to route around: it queues nothing.
                    SuppressionScope::Person(_) | SuppressionScope::Account(_) => !matches!(
                        s.reason,
                        SuppressionReason::Hardship | SuppressionReason::OpenReply
                    ),
                }
        });
        !asked && !closed
    };
    channels.iter().find_map(|&channel| {
        points
            .iter()
            .filter(|p| p.usable && p.carries(channel) && open(channel, p))
            .filter(|p| p.usage != ContactUse::Workplace || debtor == PersonKind::Legal)
            .min_by_key(|p| rank(p.usage))
            .map(|p| (channel, p))
    })
}

/// The preferred moment today at or after `now` in `zone`: a preferred slot if one is still ahead or open, otherwise
/// now, out of the slots to avoid. The lawful hours are the guard's.
pub fn preferred_time(now: Moment, zone: Tz, prefer: &[Slot], avoid: &[Slot]) -> Moment {
    let local = now.utc().with_timezone(&zone);
    let (day, time) = (local.date_naive(), local.time());
    let at = |t: NaiveTime| {
        let moment = zone.from_local_datetime(&day.and_time(t)).earliest();
        moment
            .map_or(now + TimeDelta::hours(1), |m| Moment::new(m.to_utc()))
            .max(now)
    };
    if prefer.iter().any(|s| s.from <= time && time < s.to) {
        return now;
    }
    if let Some(next) = prefer.iter().filter(|s| s.from > time).min_by_key(|s| s.from) {
        return at(next.from);
    }
    avoid
        .iter()
        .find(|s| s.from <= time && time < s.to)
        .map_or(now, |s| at(s.to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferred_times() {
        let slot = |from: &str, to: &str| {
            let t = |s| NaiveTime::parse_from_str(s, "%H:%M").unwrap();
            Slot {
                from: t(from),
                to: t(to),
            }
        };
        let check = |now: &str, prefer: &[Slot], avoid: &[Slot], expected: &str| {
            let at = preferred_time(Moment::parse(now).unwrap(), Tz::Asia__Shanghai, prefer, avoid);
            assert_eq!(at, Moment::parse(expected).unwrap(), "{now}");
        };
        let (prefer, avoid) = ([slot("15:30", "17:00")], [slot("11:45", "14:00")]);
        check(
            "2026-04-07T09:00:00+08:00",
            &prefer,
            &avoid,
            "2026-04-07T15:30:00+08:00",
        );
        check(
            "2026-04-07T16:00:00+08:00",
            &prefer,
            &avoid,
            "2026-04-07T16:00:00+08:00",
        );
        check(
            "2026-04-07T18:00:00+08:00",
            &prefer,
            &avoid,
            "2026-04-07T18:00:00+08:00",
        );
        check(
            "2026-04-07T12:00:00+08:00",
            &[],
            &avoid,
            "2026-04-07T14:00:00+08:00",
        );
    }
}
