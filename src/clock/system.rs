//! The machine's own clock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{ContextV7, Timestamp, Uuid};

use super::{Backstep, Clock};
use crate::domain::Moment;

/// Steps back up to this size are ordinary corrections of a clock.
const TOLERANCE: TimeDelta = TimeDelta::seconds(2);

/// The machine's clock and randomness.
#[derive(Debug)]
pub struct SystemClock {
    latest: Mutex<Latest>,
    ids: Mutex<ContextV7>,
}

/// What this clock has seen so far.
#[derive(Debug, Default)]
struct Latest {
    latest: Option<Moment>,
    backstep: Option<Backstep>,
}

impl Latest {
    /// Takes in a reading. A step back stays noted until the clock has passed its latest moment again.
    fn read(&mut self, now: Moment) {
        match self.latest {
            Some(latest) if now < latest => {
                if latest - now > TOLERANCE || self.backstep.is_some() {
                    self.backstep = Some(Backstep { latest, now });
                }
            }
            _ => {
                *self = Latest {
                    latest: Some(now),
                    backstep: None,
                }
            }
        }
    }

    fn witness(&mut self, durable: Moment) {
        self.latest = self.latest.max(Some(durable));
    }
}

impl SystemClock {
    /// A clock that has seen nothing yet.
    pub fn new() -> SystemClock {
        SystemClock {
            latest: Mutex::default(),
            ids: Mutex::new(ContextV7::new()),
        }
    }

    /// Forgets what was seen before, because a person has checked the time: the present reading counts from here.
    pub fn trust(&self) {
        *lock(&self.latest) = Latest {
            latest: Some(read_machine()),
            backstep: None,
        };
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let mut latest = lock(&self.latest);
        let now = read_machine();
        latest.read(now);
        now
    }

    fn fresh(&self) -> Uuid {
        let now = self.now().utc();
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let ids = lock(&self.ids);
        Uuid::new_v7(Timestamp::from_unix(&*ids, seconds, now.timestamp_subsec_nanos()))
    }

    fn salt(&self) -> [u8; 32] {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).expect("the operating system gives randomness");
        salt
    }

    fn witness(&self, durable: Moment) {
        lock(&self.latest).witness(durable);
    }

    fn trust(&self) {
        SystemClock::trust(self);
    }

    fn suspect(&self) -> Option<Backstep> {
        let mut latest = lock(&self.latest);
        latest.read(read_machine());
        latest.backstep
    }
}

/// A panic elsewhere leaves these plain values whole, so a poisoned lock is taken all the same.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[allow(clippy::disallowed_methods)]
fn read_machine() -> Moment {
    let now: DateTime<Utc> = Utc::now();
    Moment::new(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u32) -> Moment {
        Moment::parse(&format!("2026-04-07T08:00:{second:02}Z")).unwrap()
    }

    #[test]
    fn only_a_step_back_beyond_the_tolerance_is_suspect_and_stays_so_until_made_up() {
        let check = |readings: &[u32], expected: bool| {
            let mut latest = Latest::default();
            readings.iter().for_each(|second| latest.read(at(*second)));
            assert_eq!(latest.backstep.is_some(), expected, "{readings:?}");
        };
        check(&[10], false);
        check(&[10, 11, 50], false);
        check(&[10, 8], false);
        check(&[10, 7], true);
        check(&[10, 7, 9], true);
        check(&[10, 7, 10], false);
        check(&[10, 7, 11, 9], false);
    }

    #[test]
    fn a_durable_moment_in_the_future_makes_the_clock_suspect_until_a_person_trusts_it() {
        let clock = SystemClock::new();
        clock.witness(clock.now() - TimeDelta::days(1));
        assert_eq!(clock.suspect(), None);
        clock.witness(clock.now() + TimeDelta::days(1));
        assert!(clock.suspect().is_some());
        clock.trust();
        assert_eq!(clock.suspect(), None);
    }

    #[test]
    fn ids_sort_in_the_order_they_were_made_and_salts_differ() {
        let clock = SystemClock::new();
        let ids: Vec<Uuid> = (0..1000).map(|_| clock.fresh()).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(ids[0].get_version_num(), 7);
        assert_ne!(clock.salt(), clock.salt());
    }
}
