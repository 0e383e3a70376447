//! `dunwell channel inbox`: what people answered and nobody has dealt with, what was understood, and why.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::out::{Answer, table};
use super::session::Session;
use super::words::Lang;
use crate::replies::shipped;
use crate::store::WaitingReply;

pub(super) async fn inbox(session: &Session, number: u32) -> anyhow::Result<Answer> {
    let (store, lang) = (session.store().await?, session.out.lang);
    let open = store.open_inbound(number.into()).await?;
    let waiting = store.waiting_replies().await?;
    let read: HashMap<Uuid, &WaitingReply> = waiting.iter().map(|w| (w.id, w)).collect();
    let head = lang.pick(
        [
            "编号",
            "时间",
            "承运方",
            "来自",
            "内容",
            "缺少部分",
            "理解为",
            "原因",
            "暂缓账户",
        ],
        [
            "id",
            "at",
            "carrier",
            "from",
            "text",
            "parts missing",
            "understood as",
            "why",
            "debts held",
        ],
    );
    let rows = open.iter().map(|m| {
        let meanings = read.get(&m.id).map(|w| meanings(w)).unwrap_or_default();
        vec![
            m.id.to_string(),
            m.at.to_text(),
            m.provider.clone(),
            m.from.clone(),
            m.text.replace(['\n', '\r'], " "),
            m.missing.to_string(),
            meanings
                .iter()
                .map(|one| in_short(one, lang))
                .collect::<Vec<_>>()
                .join(", "),
            meanings
                .iter()
                .map(|one| why(one, lang))
                .collect::<Vec<_>>()
                .join(" "),
            read.get(&m.id).map_or(0, |w| w.held).to_string(),
        ]
    });
    let json = open.iter().map(|m| {
        let w = read.get(&m.id);
        json!({"id": m.id.to_string(), "at": m.at.to_text(), "carrier": m.provider, "from": m.from,
            "text": m.text, "parts_missing": m.missing, "understood": w.map(|w| meanings(w)).unwrap_or_default(),
            "held": w.map_or(0, |w| w.held)})
    });
    Ok(Answer::new(table(&head, 99, rows), Value::Array(json.collect())))
}

fn meanings(w: &WaitingReply) -> Vec<Value> {
    serde_json::from_str(&w.meanings).unwrap_or_default()
}

fn in_short(one: &Value, lang: Lang) -> String {
    let sure = one["sure"] == true;
    let degree = lang.pick(
        if sure { "确定" } else { "不确定" },
        if sure { "sure" } else { "unsure" },
    );
    format!("{} ({degree})", one["meaning"].as_str().unwrap_or(""))
}

/// The sentence of the rule that read it.
fn why(one: &Value, lang: Lang) -> String {
    let id = one["rule"].as_str().unwrap_or("");
    match shipped().rule(id) {
        Some(rule) => format!("{} [{id}]", lang.pick(&rule.head.zh, &rule.head.en)),
        None => lang
            .pick(
                "没有规则识别,分类模型提示。",
                "No rule reads it; the model suggests it.",
            )
            .to_owned(),
    }
}
