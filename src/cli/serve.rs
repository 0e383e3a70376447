//! `dunwell serve`: the scheduler and the workers until somebody stops them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::doors::open_doors;
use super::out::Answer;
use super::session::Session;
use crate::config::{Config, policies, templates};
use crate::dispatch::{Dispatcher, links, open_rules, outfit};
use crate::evidence::{digest_hex, set_list};
use crate::notary::Notary;
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
    let (carriers, gateways) = outfit(&config, Path::new("."))?;
    let carriers = Arc::new(carriers);
    let store = session.store().await?;
    if args.trust_clock {
        store.clock().trust();
    }
    // Before anything is written: what is written now would hide that the clock is wrong.
    if let Some(back) = store.clock().suspect() {
        return Err(crate::dispatch::DispatchError::Clock(back).into());
    }
    let notary = ready_notary(session, &store, &config).await?;
    let (rules, founded) = open_rules(&store, words, &policies).await?;
    say_which(session, &store, founded.as_ref(), &policies).await?;
    let shown: Vec<String> = config
        .entries()
        .iter()
        .map(|e| format!("{}={}", e.key, e.shown))
        .collect();
    let digest = digest_hex(shown.join("\n").as_bytes());
    store.record_system_state("start", digest.clone()).await?;
    let stopping = stop_signal();
    session
        .out
        .remark("正在运行,按 Ctrl-C 停止", "running; stop with Ctrl-C");
    let (stop_notary, stopped) = tokio::sync::watch::channel(false);
    let signing = tokio::spawn(crate::notary::run(
        notary,
        crate::notary::Beat::default(),
        stopped,
    ));
    let (inbox, arrivals) = tokio::sync::mpsc::channel(1024);
    carriers.listen(&inbox);
    let links = links(&config, &store)?;
    let doors = open_doors(&config, &store, (gateways, inbox), &links).await?;
    let (stop_printing, printing) = print_batches(&config, &store, &carriers);
    say_test_mode(session, &store).await?;
    let scheduler = Scheduler::new(store.clone(), rules.clone());
    let dispatcher =
        Dispatcher::new(store.clone(), rules, carriers, config.dispatch.batch as usize).with_links(links);
    let beat = Beat {
        tick: Duration::from_secs(u64::from(config.scheduler.tick_seconds)),
        idle: Duration::from_secs(u64::from(config.dispatch.interval_seconds)),
        workers: 2,
    };
    let served = run(scheduler, dispatcher, arrivals, beat, stopping).await;
    doors.iter().for_each(tokio::task::JoinHandle::abort);
    let _ = stop_printing.send(true);
    let _ended = printing.await;
    // The stop is recorded also when something failed, and never hides why.
    let recorded = store.record_system_state("stop", digest).await;
    // Signs the stop too.
    let _ = stop_notary.send(true);
    let _ended = signing.await;
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

/// Closes the batches of the print shop at their time, and stops letters that should not go any more.
#[cfg(feature = "letters")]
fn print_batches(
    config: &Config,
    store: &Store,
    carriers: &Arc<crate::channels::Carriers>,
) -> (tokio::sync::watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    use crate::config::Carrier;
    use crate::dispatch::{print_desk, run_print};
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let desk = (config.letter.carrier == Carrier::Print).then(|| print_desk(config, Path::new(".")));
    let tick = Duration::from_secs(u64::from(config.scheduler.tick_seconds));
    let running = run_print(store.clone(), Arc::clone(carriers), desk, (tick, stopped));
    (stop, tokio::spawn(running))
}

/// Without a typesetter there are no letters to print.
#[cfg(not(feature = "letters"))]
fn print_batches(
    _: &Config,
    _: &Store,
    _: &Arc<crate::channels::Carriers>,
) -> (tokio::sync::watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    (
        tokio::sync::watch::channel(false).0,
        tokio::spawn(std::future::ready(())),
    )
}

/// Says so, where messages go to listed recipients only.
async fn say_test_mode(session: &Session, store: &Store) -> anyhow::Result<()> {
    if let Some(trial) = store.test_mode().await? {
        let n = trial.recipients.len();
        session.out.remark(
            &format!("测试模式已开启:只发给名单上的 {n} 个收件人(`dunwell channel test-mode off` 关闭)"),
            &format!("the test mode is on: only {n} listed recipients get messages (`dunwell channel test-mode off` ends it)"),
        );
    }
    Ok(())
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

/// What signs the log while the service runs. A log without a key gets one, unless it had one before.
async fn ready_notary(session: &Session, store: &Store, config: &Config) -> anyhow::Result<Notary> {
    let post = crate::dispatch::post(config, session.out.lang.pick(true, false))?;
    let notary = Notary::new(store.clone(), config.evidence.clone())?.with_post(post);
    let file = notary.key_file();
    if !file.path().exists() && store.log_keys().await?.is_empty() {
        let key = super::evidence::make_key(file.path(), &config.installation, None)?;
        session.out.remark(
            &format!("已为日志新建密钥 {}\n公钥:{key}", file.path().display()),
            &format!(
                "made a key for the log, {}\npublic key: {key}",
                file.path().display()
            ),
        );
    }
    // What cannot be signed now is better known before anything is sent.
    let head = notary.head().await?;
    // A witness may know of entries that are gone here; the others are asked again later.
    for fault in notary.cosign(&head, false).await?.faults {
        session.out.remark(
            &format!("未获见证:{fault}"),
            &format!("nobody vouches here: {fault}"),
        );
    }
    if let Some(found) = store.restoration().await? {
        anyhow::bail!(
            "the log was found restored at {}: {}\nnothing is sent until an officer has dealt with it: `dunwell evidence restore-resolve --by NAME`",
            found.detected_at,
            found.why
        );
    }
    if !notary.has_anchor() {
        session.out.remark(
            "注意:没有任何外部见证。能改数据库和密钥的人可以改写日志而不被发现;请设置 `evidence.policy_file`(见证)、`evidence.place`(外部副本)或 `evidence.mail_to`(每日邮寄)",
            "mind: nobody outside vouches for the log, so whoever has the database and the key can rewrite it unseen; set `evidence.policy_file` (witnesses), `evidence.place` (copies outside) or `evidence.mail_to` (a daily mail)",
        );
    }
    Ok(notary)
}

/// Ready when somebody asks the program to stop. Listens from the moment it is called.
pub(super) fn stop_signal() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let listening = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        match listening {
            (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            // A system that cannot tell of signals ends the program by itself.
            _ => std::future::pending().await,
        }
    }
}
