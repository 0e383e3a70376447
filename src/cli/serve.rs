//! `dunwell serve`: the scheduler and the workers until somebody stops them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::out::Answer;
use super::session::Session;
use crate::config::{policies, templates};
use crate::dispatch::{Dispatcher, carriers, open_rules};
use crate::evidence::{digest_hex, set_list};
use crate::scheduler::{Beat, Scheduler, serve as run};
use crate::store::{Activation, Store};

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
    let (words, policies) = (templates(&config)?, policies(&config)?);
    let carriers = Arc::new(carriers(&config, Path::new("."))?);
    let store = session.store().await?;
    if args.trust_clock {
        store.clock().trust();
    }
    let (rules, founded) = open_rules(&store, words, &policies).await?;
    say_which(session, &store, founded.as_ref(), &policies).await?;
    let shown: Vec<String> = config
        .entries()
        .iter()
        .map(|e| format!("{}={}", e.key, e.shown))
        .collect();
    let digest = digest_hex(shown.join("\n").as_bytes());
    store.record_system_state("start", digest.clone()).await?;
    let stop = stop_signal();
    session
        .out
        .remark("正在运行,按 Ctrl-C 停止", "running; stop with Ctrl-C");
    let scheduler = Scheduler::new(store.clone(), rules.clone());
    let dispatcher = Dispatcher::new(store.clone(), rules, carriers, config.dispatch.batch as usize);
    let beat = Beat {
        tick: Duration::from_secs(u64::from(config.scheduler.tick_seconds)),
        idle: Duration::from_secs(u64::from(config.dispatch.interval_seconds)),
        workers: 2,
    };
    let served = run(scheduler, dispatcher, beat, stop).await;
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

/// Says which policies are in force, and whether the files are others.
async fn say_which(
    session: &Session,
    store: &Store,
    founded: Option<&Activation>,
    files: &[(String, String)],
) -> anyhow::Result<()> {
    let Some(set) = store.set_in_force(store.clock().now()).await? else {
        return Ok(());
    };
    let short = set.short();
    if founded.is_some() {
        session.out.remark(
            &format!("首次启动:规则集 {short} 已发布并生效"),
            &format!("first start: policy set {short} was published and is in force"),
        );
    } else if digest_hex(set_list("policies", files).as_bytes()) != set.to_string() {
        session.out.remark(
            &format!("生效的规则集 {short} 与文件不同;`dunwell policy publish` 可发布文件"),
            &format!("policy set {short} is in force; the files are others (`dunwell policy publish` publishes them)"),
        );
    }
    Ok(())
}

/// Ready when somebody asks the program to stop. Listens from now on, not only once somebody waits.
fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        match (interrupt, terminate) {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            _ => {
                let _ = tokio::signal::ctrl_c().await;
            }
        }
    }
}
