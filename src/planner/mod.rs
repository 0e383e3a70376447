//! What is due: accounts and a ladder and today in, steps, tasks and the next day to look out.
//!
//! Pure arithmetic on days past due and instalments overdue; no store, no clock. An account that was away (disputed,
//! promised, imported late) does not catch up: only the step that is current today is due, and only while it is
//! fresh. Also here: which contact point a step uses, and the preferred time of day. Called by `scheduler`.

mod ladder;
mod plan;
mod reach;

pub use ladder::{Ladder, LadderError, Slot, Stage, Step, Task, Title};
pub use plan::{DueStep, DueTask, Plan, Standing, after_broken_promise, plan};
pub use reach::{Stops, choose_contact, preferred_time};
