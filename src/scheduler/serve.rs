//! The loop of a running service: campaigns at their times, batches while something is due, a clean end.

use std::future::Future;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{mpsc, watch};

use super::plan::{PlanReport, Scheduler, SchedulerError};
use crate::channels::{Arrival, Carriers};
use crate::dispatch::{BatchReport, DispatchError, Dispatcher, receive, reconcile};

/// A reservation that is older than this and was never settled belongs to a process that died.
const LOST_AFTER: TimeDelta = TimeDelta::minutes(30);

/// What the service did until it was stopped.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// Planning.
    pub plan: PlanReport,
    /// Dispatching.
    pub dispatch: BatchReport,
    /// Reservations of dead processes that became *unknown*.
    pub unknown: u64,
    /// Unknown ends that providers knew when they were asked.
    pub reconciled: u64,
}

/// How the loop beats.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    /// How often campaigns are looked at.
    pub tick: Duration,
    /// Pause when nothing is due.
    pub idle: Duration,
    /// Workers side by side.
    pub workers: usize,
}

/// Runs until `shutdown` is ready; batches that are under way are finished and settled before it returns. What providers
/// bring into `arrivals` is taken in meanwhile.
pub async fn serve(
    scheduler: Scheduler,
    dispatcher: Dispatcher,
    arrivals: mpsc::Receiver<Arrival>,
    beat: Beat,
    shutdown: impl Future<Output = ()>,
) -> Result<Served, SchedulerError> {
    let (stop, stopped) = watch::channel(false);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..beat.workers.max(1) {
        let (worker, stopped) = (dispatcher.sibling(), stopped.clone());
        tasks.spawn(async move {
            dispatch_loop(worker, beat.idle, stopped)
                .await
                .map(Part::Dispatch)
        });
    }
    tasks.spawn({
        let (scheduler, stopped) = (scheduler.clone(), stopped.clone());
        async move {
            plan_loop(scheduler, beat.tick, stopped)
                .await
                .map(|(plan, unknown)| Part::Plan(plan, unknown))
        }
    });
    let carriers = std::sync::Arc::clone(dispatcher.carriers());
    tasks.spawn({
        let (store, stopped) = (dispatcher.store().clone(), stopped.clone());
        let carriers = std::sync::Arc::clone(&carriers);
        async move {
            ask_loop(store, carriers, beat.tick, stopped)
                .await
                .map(Part::Asked)
        }
    });
    // Receipts are taken in until the last batch is settled; what comes later comes again.
    let (quiet, be_quiet) = watch::channel(false);
    let taking_in = tokio::spawn(receive(dispatcher.store().clone(), arrivals, be_quiet));
    let mut served = Served::default();
    let mut first_error = None;
    tokio::pin!(shutdown);
    let mut stopping = false;
    loop {
        tokio::select! {
            () = &mut shutdown, if !stopping => {
                stopping = true;
                let _ = stop.send(true);
            }
            ended = tasks.join_next() => match ended {
                None => break,
                Some(Ok(Ok(Part::Dispatch(report)))) => served.dispatch.add(report),
                Some(Ok(Ok(Part::Plan(report, unknown)))) => {
                    served.plan.add(report);
                    served.unknown += unknown;
                }
                Some(Ok(Ok(Part::Asked(settled)))) => served.reconciled += settled,
                // One failing loop stops all: a half-running service would hide it.
                Some(Ok(Err(e))) => {
                    tracing::error!(error = %e, "stopping");
                    first_error.get_or_insert(e);
                    stopping = true;
                    let _ = stop.send(true);
                }
                Some(Err(e)) => {
                    tracing::error!(error = %e, "a loop ended without a word");
                    stopping = true;
                    let _ = stop.send(true);
                }
            },
        }
    }
    carriers.close().await;
    let _ = quiet.send(true);
    let _ended = taking_in.await;
    first_error.map_or(Ok(served), Err)
}

enum Part {
    Dispatch(BatchReport),
    Plan(PlanReport, u64),
    Asked(u64),
}

/// Asks providers about unknown ends; trouble with that is told and tried again, it stops nothing else.
async fn ask_loop(
    store: crate::store::Store,
    carriers: std::sync::Arc<Carriers>,
    tick: Duration,
    mut stopped: watch::Receiver<bool>,
) -> Result<u64, SchedulerError> {
    let mut total = 0;
    while !*stopped.borrow() {
        match reconcile(&store, &carriers).await {
            Ok(done) => total += done.settled as u64,
            Err(e) => tracing::error!(error = %e, "providers could not be asked about unknown ends"),
        }
        wait(tick, &mut stopped).await;
    }
    Ok(total)
}

async fn dispatch_loop(
    worker: Dispatcher,
    idle: Duration,
    mut stopped: watch::Receiver<bool>,
) -> Result<BatchReport, SchedulerError> {
    let mut total = BatchReport::default();
    while !*stopped.borrow() {
        let report = match worker.run_batch().await {
            Ok(report) => report,
            // Somebody else held the same rows: nothing was written, and the claim runs out by itself.
            Err(DispatchError::Store(crate::store::StoreError::Contended)) => continue,
            Err(e) => return Err(e.into()),
        };
        let busy = report.progressed();
        if report.claimed > 0 {
            tracing::info!(
                claimed = report.claimed,
                sent = report.sent.values().sum::<u64>(),
                "batch"
            );
        }
        total.add(report);
        if !busy {
            wait(idle, &mut stopped).await;
        }
    }
    Ok(total)
}

async fn plan_loop(
    scheduler: Scheduler,
    tick: Duration,
    mut stopped: watch::Receiver<bool>,
) -> Result<(PlanReport, u64), SchedulerError> {
    let (mut total, mut unknown) = (PlanReport::default(), 0);
    while !*stopped.borrow() {
        let store = scheduler.store();
        unknown += store.give_up_on_lost(LOST_AFTER).await? as u64;
        let report = scheduler.tick(store.clock().now()).await?;
        if report.runs > 0 {
            tracing::info!(
                looked_at = report.looked_at,
                queued = report.queued,
                "campaigns ran"
            );
        }
        total.add(report);
        wait(tick, &mut stopped).await;
    }
    Ok((total, unknown))
}

async fn wait(pause: Duration, stopped: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        _ = stopped.changed() => {}
    }
}
