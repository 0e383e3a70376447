//! The short path between the decisions and the world: claim → judge → reserve → send → settle, in batches.
//!
//! Here stands the one `match` on the verdict. Nothing is sent without a reservation that was durable before; nothing
//! is sent twice; whatever goes wrong in between leaves the attempt *unknown* or, with proof, *not sent*. Several
//! workers may run on one store. Called by `scheduler` and, for a single first verdict, by the doors.

mod arrivals;
mod carriers;
mod judge;
#[cfg(feature = "letters")]
mod print;
mod publish;
mod reconcile;
mod record;
mod replies;
mod replay;
mod retention;
mod returned;
mod rulebook;
mod rules;
mod worker;

pub use arrivals::{receive, take_arrival};
#[cfg(feature = "letters")]
pub use carriers::print_desk;
pub use carriers::{CarrierError, Doors, carriers, dkim, links, outfit, post};
pub use judge::{Judgement, judge};
#[cfg(feature = "letters")]
pub use print::{
    Acknowledged, HandedBatch, PrintDesk, PrintError, acknowledge, ask_to_stop, run_print, stop_letters,
};
pub use publish::{OpenError, SetFault, check_set, open_rules};
pub use reconcile::{Reconciled, reconcile};
pub use record::FindingView;
pub use replay::{Difference, Replay, ReplayError, replay};
pub use replies::{Decided as ReplyDecision, decide_reply, meanings_of};
pub use retention::{
    ClassDue, ClassKept, DebtKept, Decided, Keeping, Schedule, debt_kept, decides, keeping, schedule, shred,
    strangers_rule,
};
pub use returned::{MailRoom, TakenMail};
pub use rulebook::{Rulebook, RulebookError};
pub use rules::{InForce, Rules, RulesError};
pub use worker::{BatchReport, DispatchError, Dispatcher};
