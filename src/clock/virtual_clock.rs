//! A clock that moves only when told, for simulations, demonstrations and tests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use uuid::{Builder, Uuid};

use super::Clock;
use crate::domain::Moment;

/// A clock that stands still until it is moved; one seed and one order of calls give the same ids and salts again.
///
/// Its salts can be predicted by anyone who knows the seed: never use it where evidence must stay confidential.
#[derive(Debug)]
pub struct VirtualClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Moment,
    random: SplitMix64,
    /// Ids made so far; stands before the random part, so that ids of one millisecond keep their order.
    made: u32,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Moment, seed: u64) -> VirtualClock {
        VirtualClock {
            state: Mutex::new(State {
                now: start,
                random: SplitMix64(seed),
                made: 0,
            }),
        }
    }

    /// Moves to `to`; a moment that lies behind changes nothing.
    pub fn set(&self, to: Moment) {
        let mut state = self.lock();
        state.now = state.now.max(to);
    }

    /// Moves on by `by`; a negative step changes nothing.
    pub fn advance(&self, by: TimeDelta) {
        let mut state = self.lock();
        state.now = state.now.max(state.now + by);
    }

    /// Moves to `to` even if that lies behind, to play a clock that jumps.
    pub fn jump(&self, to: Moment) {
        self.lock().now = to;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Moment {
        self.lock().now
    }

    fn fresh(&self) -> Uuid {
        let mut state = self.lock();
        let made = state.made;
        state.made = made.wrapping_add(1);
        let millis = u64::try_from(state.now.utc().timestamp_millis()).unwrap_or(0);
        let [a, b, c, d] = made.to_be_bytes();
        let [e, f, g, h, _, _, _, _] = state.random.next().to_be_bytes();
        // The version takes the upper half of byte 0 and the variant the upper two bits of byte 2.
        let tail = [
            a >> 4,
            (a << 4) | (b >> 4),
            ((b & 0x0f) << 2) | (c >> 6),
            (c << 2) | (d >> 6),
            d << 2,
        ];
        let [t0, t1, t2, t3, t4] = tail;
        Builder::from_unix_timestamp_millis(millis, &[t0, t1, t2, t3, t4 | (e & 3), f, g, h, e, f ^ h])
            .into_uuid()
    }

    fn salt(&self) -> [u8; 32] {
        let mut state = self.lock();
        let mut salt = [0; 32];
        for part in salt.chunks_exact_mut(8) {
            part.copy_from_slice(&state.random.next().to_be_bytes());
        }
        salt
    }
}

/// Steele, Lea and Flood's SplitMix64: small, even, and the same everywhere.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(seed: u64) -> VirtualClock {
        VirtualClock::new(Moment::parse("2026-04-07T08:00:00Z").unwrap(), seed)
    }

    fn ids(clock: &VirtualClock) -> Vec<Uuid> {
        (0..5000).map(|_| clock.fresh()).collect()
    }

    #[test]
    fn one_seed_gives_the_same_ids_and_salts_and_another_gives_others() {
        let (one, again, other) = (clock(7), clock(7), clock(8));
        assert_eq!(ids(&one), ids(&again));
        assert_eq!(one.salt(), again.salt());
        assert!(ids(&clock(7)).iter().zip(ids(&other)).all(|(a, b)| *a != b));
    }

    #[test]
    fn ids_are_version_7_of_the_virtual_time_and_keep_their_order() {
        let ids = ids(&clock(1));
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            ids.iter()
                .all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122)
        );
        let (seconds, _) = ids[0].get_timestamp().unwrap().to_unix();
        assert_eq!(seconds, 1_775_548_800);
    }

    #[test]
    fn moves_forward_only_unless_told_to_jump() {
        let clock = clock(1);
        let start = clock.now();
        clock.set(start - TimeDelta::days(1));
        clock.advance(TimeDelta::days(-1));
        assert_eq!(clock.now(), start);
        clock.advance(TimeDelta::hours(2));
        assert_eq!(clock.now(), start + TimeDelta::hours(2));
        clock.jump(start - TimeDelta::days(1));
        assert_eq!(clock.now(), start - TimeDelta::days(1));
    }
}
