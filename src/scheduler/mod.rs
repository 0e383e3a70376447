//! Time → plan → queue: campaigns at their cron times, promises that broke, and the loop that keeps dispatching.
//!
//! The same engine runs on the machine's clock (`serve`) and on a virtual one (`walk`: months in seconds). It decides
//! nothing itself: `planner` says what is due, `guard` what may go. Called by the doors.

mod cron;
mod plan;
mod serve;
mod walk;

pub use cron::{CronError, Schedule};
pub use plan::{PlanReport, Scheduler, SchedulerError, ladder};
pub use serve::{Beat, Served, serve};
pub use walk::{Walk, WalkReport};
