//! The same engine on a virtual clock: from one moment at which something happens to the next, months in seconds.

use std::sync::Arc;

use chrono::TimeDelta;

use super::plan::{PlanReport, Scheduler, SchedulerError};
use crate::clock::{Clock, VirtualClock};
use crate::dispatch::{BatchReport, Dispatcher};
use crate::domain::Moment;
use crate::store::{EventOutcome, NewEvent};

/// What a walk did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalkReport {
    /// Planning.
    pub plan: PlanReport,
    /// Dispatching.
    pub dispatch: BatchReport,
    /// Events that took effect.
    pub events: u64,
    /// Events for accounts that are not there, or in another currency than theirs.
    pub events_without_account: u64,
    /// Waiting attempts that events withdrew.
    pub withdrawn_by_events: u64,
}

/// A scheduler and a worker on a virtual clock.
pub struct Walk {
    scheduler: Scheduler,
    dispatcher: Dispatcher,
    clock: Arc<VirtualClock>,
    /// What is going to happen, latest first.
    coming: Vec<NewEvent>,
}

impl Walk {
    /// A walk; `events` are what is going to happen on the way, in any order.
    pub fn new(
        scheduler: Scheduler,
        dispatcher: Dispatcher,
        clock: Arc<VirtualClock>,
        mut events: Vec<NewEvent>,
    ) -> Walk {
        events.sort_by_key(|e| std::cmp::Reverse(e.at));
        Walk {
            scheduler,
            dispatcher,
            clock,
            coming: events,
        }
    }

    /// Walks to `until` and says what happened on the way.
    pub async fn to(&mut self, until: Moment) -> Result<WalkReport, SchedulerError> {
        let mut report = WalkReport::default();
        loop {
            let now = self.clock.now();
            self.happen(now, &mut report).await?;
            report.plan.add(self.scheduler.tick(now).await?);
            report.dispatch.add(self.dispatcher.run_until_idle().await?);
            let store = self.scheduler.store();
            let next = [
                store.next_due().await?,
                self.scheduler.next_run().await?,
                self.coming.last().map(|e| e.at),
            ];
            // What is due and could not move at this instant is looked at again a minute later.
            let next = next
                .into_iter()
                .flatten()
                .map(|at| at.max(now + TimeDelta::minutes(1)))
                .min();
            match next.filter(|at| *at <= until) {
                Some(at) => self.clock.set(at),
                None => {
                    self.clock.set(until.max(now));
                    return Ok(report);
                }
            }
        }
    }

    /// Takes in what happens by `now`.
    async fn happen(&mut self, now: Moment, report: &mut WalkReport) -> Result<(), SchedulerError> {
        let mut events = Vec::new();
        while self.coming.last().is_some_and(|e| e.at <= now) {
            events.extend(self.coming.pop());
        }
        if events.is_empty() {
            return Ok(());
        }
        for outcome in self.scheduler.store().record_events(events, None).await? {
            match outcome {
                EventOutcome::Taken { withdrawn } => {
                    report.events += 1;
                    report.withdrawn_by_events += withdrawn;
                }
                EventOutcome::Seen => {}
                EventOutcome::OtherCurrency | EventOutcome::NoPerson | EventOutcome::NoAccount => {
                    report.events_without_account += 1
                }
            }
        }
        Ok(())
    }
}
