//! `dunwell evidence restore-resolve`: sending goes on after an older copy was put back.

use serde_json::json;

use crate::cli::out::Answer;
use crate::cli::session::Session;
use crate::notary::Notary;
use crate::scheduler::Scheduler;
use crate::store::StoreError;

pub(super) async fn resolve(session: &Session, by: &str) -> anyhow::Result<Answer> {
    let (store, lang) = (session.store().await?, session.out.lang);
    let Some(found) = store.restoration().await? else {
        return Err(StoreError::Refused("no restored log waits to be resolved".into()).into());
    };
    // What fell due since the copy was made may have gone out: it is planned, so that its steps count as taken, and
    // withdrawn at once. Nothing is claimed meanwhile.
    let rules = session.rules(&store).await?;
    let scheduler = Scheduler::new(store.clone(), rules);
    let (registry, now) = (store.registry().await?, store.clock().now());
    let mut planned = 0;
    for desk in registry.sorted() {
        planned += scheduler.run_portfolio(desk, now).await?.queued;
    }
    let withdrawn = store.expire_waiting("restored").await?;
    let given_up = Notary::new(store.clone(), session.config()?.evidence)?
        .give_up_last()
        .await?;
    let shown = given_up
        .as_ref()
        .map(|h| format!("{} {}", h.size, hex::encode(h.root)));
    store.resolve_restoration(by, shown.clone(), withdrawn).await?;
    store.close().await;
    let text = lang.pick(
        format!("已处理 {} 发现的日志回退:撤回 {withdrawn} 条待发消息(其中 {planned} 条为期间到期的步骤);可以恢复发送", found.detected_at),
        format!("the restored log of {} is resolved: {withdrawn} waiting messages are withdrawn ({planned} of them steps that fell due in between); sending may go on", found.detected_at),
    );
    let json = json!({"detected_at": found.detected_at.to_text(), "why": found.why, "withdrawn": withdrawn, "planned": planned, "head_given_up": shown});
    Ok(Answer::new(text, json))
}
