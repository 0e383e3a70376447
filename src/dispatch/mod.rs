//! The short path between the decisions and the world: claim → judge → reserve → send → settle, in batches.
//!
//! Here stands the one `match` on the verdict. Nothing is sent without a reservation that was durable before; nothing
//! is sent twice; whatever goes wrong in between leaves the attempt *unknown* or, with proof, *not sent*. Several
//! workers may run on one store. Called by `scheduler` and, for a single first verdict, by the doors.

mod carriers;
mod judge;
mod record;
mod rulebook;
mod worker;

pub use carriers::{CarrierError, carriers};
pub use judge::{Judgement, judge};
pub use record::FindingView;
pub use rulebook::{Rulebook, RulebookError};
pub use worker::{BatchReport, DispatchError, Dispatcher};
