//! Stops asking a provider that is in trouble, and lets one probe through after a while. Time is an argument.

use chrono::TimeDelta;

use crate::domain::Moment;

/// Whether a channel may take parcels now; asked before anything is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// As many as the pace allows.
    Ready,
    /// One, to see whether the provider is back.
    Probe,
    /// None before `until`.
    Waiting {
        /// When a probe may go.
        until: Moment,
    },
    /// Nothing carries this channel.
    NoCarrier,
}

impl Readiness {
    /// How many parcels may be reserved.
    pub fn most(self) -> usize {
        match self {
            Readiness::Ready => usize::MAX,
            Readiness::Probe => 1,
            Readiness::Waiting { .. } | Readiness::NoCarrier => 0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        troubles: u32,
    },
    /// Since when; trouble or a probe under way.
    Open {
        since: Moment,
    },
    Probing {
        since: Moment,
    },
}

/// Opens after so many troubles in a row; half-open after a rest.
#[derive(Debug)]
pub(super) struct Breaker {
    open_after: u32,
    rest: TimeDelta,
    state: State,
}

impl Breaker {
    pub(super) fn new(open_after: u32, rest: TimeDelta) -> Breaker {
        Breaker {
            open_after: open_after.max(1),
            rest,
            state: State::Closed { troubles: 0 },
        }
    }

    /// Opens after so many troubles in a row from now on.
    pub(super) fn open_after(&mut self, troubles: u32) {
        self.open_after = troubles.max(1);
    }

    pub(super) fn readiness(&self, now: Moment) -> Readiness {
        match self.state {
            State::Closed { .. } => Readiness::Ready,
            State::Open { since } | State::Probing { since } if self.rested(since, now) => Readiness::Probe,
            State::Open { since } | State::Probing { since } => Readiness::Waiting {
                until: since + self.rest,
            },
        }
    }

    /// Whether one more parcel may go at `now`; the first after the rest becomes the probe.
    pub(super) fn admit(&mut self, now: Moment) -> bool {
        match self.readiness(now) {
            Readiness::Ready => true,
            Readiness::Probe => {
                self.state = State::Probing { since: now };
                true
            }
            Readiness::Waiting { .. } | Readiness::NoCarrier => false,
        }
    }

    /// Notes how a parcel that was admitted at `at` ended.
    pub(super) fn note(&mut self, trouble: bool, at: Moment) {
        self.state = match (self.state, trouble) {
            (State::Closed { .. } | State::Probing { .. }, false) => State::Closed { troubles: 0 },
            (State::Closed { troubles }, true) if troubles + 1 < self.open_after => State::Closed {
                troubles: troubles + 1,
            },
            (State::Closed { .. } | State::Probing { .. }, true) => State::Open { since: at },
            // Stragglers that were under way when it opened say nothing new.
            (open @ State::Open { .. }, _) => open,
        };
    }

    /// A clock that was set back must not keep a channel shut, so a `since` in the future counts as rested.
    fn rested(&self, since: Moment, now: Moment) -> bool {
        now < since || now - since >= self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Moment {
        Moment::parse("2026-04-07T08:00:00Z").unwrap() + TimeDelta::seconds(second)
    }

    fn open_breaker() -> Breaker {
        let mut breaker = Breaker::new(3, TimeDelta::seconds(30));
        for second in 0..3 {
            assert!(breaker.admit(at(second)));
            breaker.note(true, at(second));
        }
        breaker
    }

    #[test]
    fn opens_after_troubles_in_a_row_only() {
        let mut breaker = Breaker::new(3, TimeDelta::seconds(30));
        for trouble in [true, true, false, true, true] {
            breaker.note(trouble, at(0));
        }
        assert_eq!(breaker.readiness(at(0)), Readiness::Ready);
        breaker.note(true, at(0));
        assert_eq!(breaker.readiness(at(0)), Readiness::Waiting { until: at(30) });
    }

    #[test]
    fn lets_exactly_one_probe_through_after_the_rest() {
        let mut breaker = open_breaker();
        assert!(!breaker.admit(at(31)));
        assert_eq!(breaker.readiness(at(32)), Readiness::Probe);
        assert!(breaker.admit(at(32)));
        assert!(!breaker.admit(at(32)));
        breaker.note(true, at(32));
        assert_eq!(breaker.readiness(at(61)), Readiness::Waiting { until: at(62) });
        assert!(breaker.admit(at(62)));
        breaker.note(false, at(62));
        assert_eq!(breaker.readiness(at(62)), Readiness::Ready);
    }

    #[test]
    fn stragglers_and_clocks_set_back_do_not_change_the_rest() {
        let mut breaker = open_breaker();
        breaker.note(false, at(3));
        breaker.note(true, at(20));
        assert_eq!(breaker.readiness(at(20)), Readiness::Waiting { until: at(32) });
        assert_eq!(breaker.readiness(at(-3600)), Readiness::Probe);
    }
}
