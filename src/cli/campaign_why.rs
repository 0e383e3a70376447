//! `dunwell campaign runs` and `why-not`: each account of a run with its one outcome, and the sums.

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::out::{Answer, table};
use super::session::Session;
use super::words::{Lang, word};
use crate::domain::{Moment, RunOutcome};
use crate::store::{AccountRun, RunCount, RunFate, RunRow, Store};

/// Which run, and which of its accounts.
#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// Number of the run, or a portfolio for its last run
    run: String,
    /// Only accounts with this outcome, detail, state of their message or deciding rule
    #[arg(long)]
    reason: Option<String>,
    /// At most so many accounts of what was queued, and as many of what was not
    #[arg(long, default_value_t = 200)]
    limit: i64,
}

pub(super) async fn runs(session: &Session, portfolio: Option<&str>, limit: i64) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    if let Some(name) = portfolio {
        super::session::desk(&*store.registry().await?, name)?;
    }
    let found = store.runs(portfolio, limit).await?;
    let lang = session.out.lang;
    let number = |n: Option<i64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let rows = found.iter().map(|r| {
        vec![
            r.number.to_string(),
            r.portfolio.clone(),
            r.began_at.local_text(r.zone),
            match r.ended_at {
                Some(_) => lang.pick("完成", "done"),
                None => lang.pick("未完成", "not finished"),
            }
            .to_owned(),
            number(r.accounts),
            number(r.looked_at),
        ]
    });
    let head = lang.pick(
        ["编号", "组合", "开始", "状态", "账户", "查看"],
        ["run", "portfolio", "began", "state", "accounts", "looked at"],
    );
    let json = found.iter().map(run_json);
    Ok(Answer::new(table(&head, 4, rows), Value::Array(json.collect())))
}

fn run_json(r: &AccountRun) -> Value {
    json!({"run": r.number, "portfolio": r.portfolio, "day": r.today.to_string(), "began_at": r.began_at.to_text(),
        "ended_at": r.ended_at.map(Moment::to_text), "accounts": r.accounts, "looked_at": r.looked_at})
}

pub(super) async fn why_not(session: &Session, args: &WhyArgs) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let number = named(&store, &args.run).await?;
    let (run, counts, fates) = store.run(number).await?;
    let rows = match &args.reason {
        Some(reason) => store.run_accounts(number, Some(reason), args.limit).await?,
        None => Vec::new(),
    };
    let lang = session.out.lang;
    let mut text = head(lang, &run);
    text += &sums(lang, &run, &counts);
    if !fates.is_empty() {
        text += &became(lang, &fates);
    }
    if args.reason.is_some() {
        text += &accounts(lang, &rows);
    }
    let mut json = run_json(&run);
    json["outcomes"] = counts
        .iter()
        .map(|c| {
            json!({"outcome": c.outcome.as_str(), "detail": c.detail, "accounts": c.accounts,
            "zh": title(Lang::Zh, c.outcome), "en": title(Lang::En, c.outcome)})
        })
        .collect();
    json["planned_now"] = fates
        .iter()
        .map(|f| json!({"state": f.state.as_str(), "reason": f.reason, "accounts": f.accounts}))
        .collect();
    if args.reason.is_some() {
        json["rows"] = rows.iter().map(row_json).collect();
    }
    Ok(Answer::new(text, json))
}

/// The run of that number, or the last of that portfolio.
async fn named(store: &Store, typed: &str) -> anyhow::Result<i64> {
    if let Ok(number) = typed.parse() {
        return Ok(number);
    }
    super::session::desk(&*store.registry().await?, typed)?;
    let last = store.runs(Some(typed), 1).await?.pop();
    let last = last.with_context(|| format!("portfolio `{typed}` has had no run yet"))?;
    Ok(last.number)
}

fn head(lang: Lang, run: &AccountRun) -> String {
    let began = run.began_at.local_text(run.zone);
    let mut text = lang.pick(
        format!("第 {} 次运行,组合 {},{began}\n", run.number, run.portfolio),
        format!("run {} of portfolio {}, {began}\n", run.number, run.portfolio),
    );
    if run.ended_at.is_none() {
        text += lang.pick(
            "运行未完成:没有汇总,下一次运行会补上\n",
            "the run is not finished and has no sums; the next run makes up for it\n",
        );
    }
    text + "\n"
}

fn sums(lang: Lang, run: &AccountRun, counts: &[RunCount]) -> String {
    let mut rows: Vec<Vec<String>> = counts
        .iter()
        .map(|c| {
            vec![
                c.accounts.to_string(),
                title(lang, c.outcome).to_owned(),
                detail(lang, c.outcome, &c.detail),
            ]
        })
        .collect();
    if let Some(all) = run.accounts {
        rows.push(vec![
            all.to_string(),
            lang.pick("全部账户", "all accounts").to_owned(),
            String::new(),
        ]);
    }
    table(
        &lang.pick(["账户", "结果", "说明"], ["accounts", "outcome", "particulars"]),
        99,
        rows,
    )
}

/// What became until now of what was queued.
fn became(lang: Lang, fates: &[RunFate]) -> String {
    let rows = fates.iter().map(|f| {
        vec![
            f.accounts.to_string(),
            word(lang, f.state.as_str()),
            f.reason.clone(),
        ]
    });
    let head = lang.pick(["账户", "现状", "原因"], ["accounts", "stands", "why"]);
    let title = lang.pick(
        "\n已排队的消息至今\n",
        "\nWhat became of the queued messages until now\n",
    );
    title.to_owned() + &table(&head, 99, rows)
}

fn accounts(lang: Lang, rows: &[RunRow]) -> String {
    if rows.is_empty() {
        return lang
            .pick("\n没有这样的账户\n", "\nno account is of that kind\n")
            .to_owned();
    }
    let all = rows.iter().map(|r| {
        let now = r
            .message
            .as_ref()
            .map_or_else(String::new, |(id, state, reason)| {
                let digits = id.0.simple().to_string();
                format!(
                    "{} {} {reason}",
                    &digits[digits.len() - 8..],
                    word(lang, state.as_str())
                )
            });
        vec![
            r.reference.clone(),
            title(lang, r.outcome).to_owned(),
            detail(lang, r.outcome, &r.detail),
            now.trim_end().to_owned(),
        ]
    });
    let head = lang.pick(
        ["账户", "结果", "说明", "消息现状"],
        ["account", "outcome", "particulars", "its message now"],
    );
    format!("\n{}", table(&head, 99, all))
}

fn row_json(r: &RunRow) -> Value {
    let message = r.message.as_ref().map(
        |(id, state, reason)| json!({"attempt": id.to_string(), "state": state.as_str(), "reason": reason}),
    );
    json!({"account": r.reference, "outcome": r.outcome.as_str(), "detail": r.detail, "message": message})
}

/// Fixed words in the detail are shown in the reader's language.
fn detail(lang: Lang, outcome: RunOutcome, detail: &str) -> String {
    match outcome {
        RunOutcome::Suppressed => word(lang, detail),
        RunOutcome::Planned => match detail.split_once(' ') {
            Some((channel, step)) => format!("{} {step}", word(lang, channel)),
            None => detail.to_owned(),
        },
        _ => detail.to_owned(),
    }
}

/// The outcome as a sentence.
pub(super) fn title(lang: Lang, outcome: RunOutcome) -> &'static str {
    let (zh, en) = match outcome {
        RunOutcome::Planned => ("已排队消息", "a message was queued"),
        RunOutcome::Settled => ("已结清", "settled"),
        RunOutcome::Closed => ("已关闭", "closed"),
        RunOutcome::Disputed => ("异议未解决,暂停", "paused by an open dispute"),
        RunOutcome::Promised => ("还款承诺未到期,暂停", "paused by an open promise"),
        RunOutcome::Suppressed => ("已停止联系", "contact is suppressed"),
        RunOutcome::InReview => ("此前的消息待人工复核", "an earlier message waits for review"),
        RunOutcome::Blocked => ("此前的消息被拦截", "an earlier message is blocked"),
        RunOutcome::Held => ("此前的消息暂缓", "an earlier message is held"),
        RunOutcome::Queued => ("此前的消息等待发送", "an earlier message waits for its turn"),
        RunOutcome::Unreachable => ("没有可用的联系方式", "no usable contact point"),
        RunOutcome::Task => ("仅需人工处理", "human work only"),
        RunOutcome::NotDue => ("尚未到期", "nothing due yet"),
        RunOutcome::LadderOver => ("阶梯已走完", "the ladder is over"),
        RunOutcome::Changed => (
            "运行中有变动,下次再看",
            "changed meanwhile; looked at by the next run",
        ),
    };
    lang.pick(zh, en)
}
