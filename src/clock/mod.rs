//! The present moment, fresh ids and fresh salts: the only place that reads the machine's clock or its randomness.
//!
//! Everything that needs one of them takes `&dyn Clock`. `SystemClock` reads the machine and notices when its time
//! steps back; `VirtualClock` moves only when told and repeats itself exactly from a seed, so a campaign can be
//! simulated over months in seconds. Pure modules take the moment as an argument and never see a clock.

mod system;
mod virtual_clock;

pub use system::SystemClock;
pub use virtual_clock::VirtualClock;

use uuid::Uuid;

use crate::domain::Moment;

/// Time, ids and salts for everyone who acts in the world.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Moment;

    /// A new id (UUID v7 of this clock's present moment); ids of one clock sort in the order they were made.
    fn fresh(&self) -> Uuid;

    /// Thirty-two unpredictable bytes for the commitments of evidence.
    fn salt(&self) -> [u8; 32];

    /// Tells the clock of a moment that is already durable, for instance the newest in the evidence log. A clock
    /// that reads much earlier than that is suspect.
    fn witness(&self, _durable: Moment) {}

    /// A person has looked: the present time counts as right from now on.
    fn trust(&self) {}

    /// Whether the time may be wrong; while this answers `Some`, nothing may be sent.
    fn suspect(&self) -> Option<Backstep> {
        None
    }
}

/// The clock stepped back: it read `latest` before and reads `now` since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the clock reads {now} after it had read {latest}")]
pub struct Backstep {
    /// The latest moment that was read or witnessed.
    pub latest: Moment,
    /// The earlier moment that is read now.
    pub now: Moment,
}
