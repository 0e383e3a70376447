//! `dunwell serve`: the scheduler and the workers until somebody stops them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::out::Answer;
use super::session::Session;
use crate::dispatch::{Dispatcher, carriers};
use crate::evidence::{Kind, digest_hex};
use crate::scheduler::{Beat, Scheduler, serve as run};

/// Options of `dunwell serve`.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// The clock is right, though the log holds later entries; a person has checked it
    #[arg(long)]
    trust_clock: bool,
}

/// Runs until Ctrl-C or SIGTERM; batches under way are finished and settled before it returns.
pub(super) async fn serve(session: &Session, args: &ServeArgs) -> anyhow::Result<Answer> {
    let config = session.config()?;
    let rulebook = session.rulebook()?;
    let carriers = Arc::new(carriers(&config, Path::new("."))?);
    let store = session.store().await?;
    if args.trust_clock {
        store.clock().trust();
    }
    store
        .publish(Kind::PolicyPublished, rulebook.documents.clone())
        .await?;
    let shown: Vec<String> = config
        .entries()
        .iter()
        .map(|e| format!("{}={}", e.key, e.shown))
        .collect();
    let digest = digest_hex(shown.join("\n").as_bytes());
    store.record_system_state("start", digest.clone()).await?;
    session
        .out
        .remark("正在运行,按 Ctrl-C 停止", "running; stop with Ctrl-C");
    let scheduler = Scheduler::new(store.clone(), rulebook.clone());
    let dispatcher = Dispatcher::new(store.clone(), rulebook, carriers, config.dispatch.batch as usize);
    let beat = Beat {
        tick: Duration::from_secs(u64::from(config.scheduler.tick_seconds)),
        idle: Duration::from_secs(u64::from(config.dispatch.interval_seconds)),
        workers: 2,
    };
    let served = run(scheduler, dispatcher, beat, stop_signal()).await;
    // The stop is recorded also when something failed, and never hides why.
    let recorded = store.record_system_state("stop", digest).await;
    store.close().await;
    let served = served?;
    recorded?;
    let sent: u64 = served.dispatch.sent.values().sum();
    let text = session.out.lang.pick(
        format!(
            "已停止:排队 {},送出 {sent},转为未知 {}",
            served.plan.queued, served.unknown
        ),
        format!(
            "stopped: {} queued, {sent} sent, {} unknown",
            served.plan.queued, served.unknown
        ),
    );
    Ok(Answer::new(
        text,
        json!({"queued": served.plan.queued, "sent": sent, "unknown": served.unknown}),
    ))
}

/// Ready when somebody asks the program to stop.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        },
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}
