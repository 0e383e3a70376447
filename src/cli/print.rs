//! `dunwell print`: the open batch for the print shop, closing it, taking letters back, and what the shop says.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::out::{Answer, Code, table};
use super::session::Session;
use super::words::Lang;
use crate::dispatch::{HandedBatch, PrintDesk, acknowledge, ask_to_stop, carriers, print_desk};
use crate::domain::{AttemptId, Moment};
use crate::store::{PrintBatch, PrintLetter, Recall, StoppedLetter, Store};

/// What can be done with letters for the print shop.
#[derive(Debug, Subcommand)]
pub(super) enum PrintCommand {
    /// Shows the open batch and the latest that were closed, or the letters of one
    #[command(after_help = "Examples:\n  dunwell print list\n  dunwell print list --batch 20260407-00012")]
    List {
        /// The letters of this batch
        #[arg(long, value_name = "NAME")]
        batch: Option<String>,
    },
    /// Closes the open batch now and hands it over; from then on no letter of it can be taken back
    #[command(after_help = "Examples:\n  dunwell print close --by wang")]
    Close {
        /// Who says so, for the evidence
        #[arg(long)]
        by: String,
    },
    /// Takes a letter back: out of the open batch, with proof, or by asking the service that has it
    #[command(
        after_help = "Examples:\n  dunwell print recall 3f2a9c10 --by wang --remark 'paid at the counter'"
    )]
    Recall {
        /// Id of the message, or four or more digits of its beginning or end
        id: String,
        /// Who says so, for the evidence
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        remark: String,
    },
    /// Takes in what the print shop says about its letters: CSV or JSON, for instance the manifest with `status` and `on`
    #[command(after_help = "Examples:\n  dunwell print acknowledge 20260407-00012-done.csv")]
    Acknowledge {
        /// The file of the shop
        file: PathBuf,
    },
}

pub(super) async fn run(session: &Session, command: PrintCommand) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let desk = print_desk(&session.config()?, Path::new("."));
    let lang = session.out.lang;
    match command {
        PrintCommand::List { batch: None } => list(&store, lang, &desk).await,
        PrintCommand::List { batch: Some(name) } => of_batch(&store, lang, &name).await,
        PrintCommand::Close { by } => close(&store, lang, &desk, &by).await,
        PrintCommand::Recall { id, by, remark } => recall(session, &store, &desk, (&id, &by, &remark)).await,
        PrintCommand::Acknowledge { file } => {
            let bytes =
                std::fs::read(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
            read_answer(&store, lang, &file, &bytes).await
        }
    }
}

async fn list(store: &Store, lang: Lang, desk: &PrintDesk) -> anyhow::Result<Answer> {
    let (open, batches) = (store.open_batch().await?, store.print_batches(20).await?);
    let pages: u32 = open.iter().map(|l| l.pages).sum();
    let zone = desk.zone;
    let cut_off = desk.cut_off.format("%H:%M");
    let mut text = lang.pick(
        format!("当前批次:{} 封信,{pages} 页;每天 {cut_off}({zone})截止,此前可撤回\n", open.len()),
        format!("open batch: {} letters, {pages} pages; closed at {cut_off} ({zone}), until then letters can be taken back\n", open.len()),
    );
    text += &letters(lang, &open, zone);
    if !batches.is_empty() {
        let head = lang.pick(
            ["批次", "状态", "截止", "信件", "页", "张", "经手人"],
            ["batch", "state", "closed", "letters", "pages", "sheets", "by"],
        );
        let rows = batches.iter().map(|b| {
            vec![
                b.name.clone(),
                state(lang, b).to_owned(),
                b.closed_at.local_text(zone),
                b.letters.to_string(),
                b.pages.to_string(),
                b.sheets.to_string(),
                b.closed_by.clone(),
            ]
        });
        text += "\n";
        text += &table(&head, 99, rows);
    }
    let json = json!({
        "open": open.iter().map(json_of).collect::<Vec<_>>(),
        "batches": batches.iter().map(json_of_batch).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}

fn state(lang: Lang, b: &PrintBatch) -> &'static str {
    match b.handed {
        true => lang.pick("已交付", "handed over"),
        false => lang.pick("交付未完成", "not handed over yet"),
    }
}

async fn of_batch(store: &Store, lang: Lang, name: &str) -> anyhow::Result<Answer> {
    let found = store.letters_of_batch(name).await?;
    if found.is_empty() {
        anyhow::bail!("there is no batch `{name}`\n`dunwell print list` shows the latest");
    }
    let json: Vec<Value> = found.iter().map(json_of).collect();
    Ok(Answer::new(
        letters(lang, &found, chrono_tz::UTC),
        Value::Array(json),
    ))
}

fn letters(lang: Lang, all: &[PrintLetter], zone: chrono_tz::Tz) -> String {
    if all.is_empty() {
        return String::new();
    }
    let head = lang.pick(
        ["编号", "组合", "账户", "时间", "页", "纸张", "状态", "印厂回复"],
        [
            "id",
            "portfolio",
            "account",
            "since",
            "pages",
            "paper",
            "state",
            "the shop says",
        ],
    );
    let rows = all.iter().map(|l| {
        let digits = l.attempt.0.simple().to_string();
        let said = l.said.iter().chain(&l.said_on).cloned().collect::<Vec<_>>();
        vec![
            digits[digits.len() - 8..].to_owned(),
            l.portfolio.clone(),
            l.reference.clone(),
            l.since.local_text(zone),
            l.pages.to_string(),
            l.paper.clone(),
            l.reason
                .as_ref()
                .map_or_else(|| l.state.clone(), |why| format!("{}: {why}", l.state)),
            said.join(" "),
        ]
    });
    table(&head, 99, rows)
}

fn json_of(l: &PrintLetter) -> Value {
    json!({"attempt": l.attempt.to_string(), "portfolio": l.portfolio, "account": l.reference, "state": l.state,
        "since": l.since.to_text(), "pages": l.pages, "sha256": l.sha256, "paper": l.paper, "batch": l.batch,
        "place": l.place, "reason": l.reason, "said": l.said, "said_on": l.said_on})
}

fn json_of_batch(b: &PrintBatch) -> Value {
    json!({"batch": b.name, "handed": b.handed, "closed_at": b.closed_at.to_text(), "closed_by": b.closed_by,
        "handed_at": b.handed_at.map(Moment::to_text), "letters": b.letters, "pages": b.pages, "sheets": b.sheets})
}

async fn close(store: &Store, lang: Lang, desk: &PrintDesk, by: &str) -> anyhow::Result<Answer> {
    let now = store.clock().now();
    let handed = desk.close(store, now, by).await?;
    if handed.is_empty() {
        let text = lang.pick("当前批次中没有信件", "nothing lies in the open batch");
        return Ok(Answer::new(text, json!([])));
    }
    let dropped: usize = handed.iter().map(|h| h.dropped.len()).sum();
    let text: String = handed.iter().map(|h| told(lang, h)).collect();
    let json = handed.iter().map(|h| {
        let mut json = json_of_batch(&h.batch);
        json["place"] = h.place.display().to_string().into();
        json["dropped"] = h
            .dropped
            .iter()
            .map(|(id, why)| json!({"attempt": id.to_string(), "reason": why}))
            .collect();
        json
    });
    let answer = Answer::new(text, Value::Array(json.collect()));
    Ok(if dropped > 0 {
        answer.ending(Code::Partial)
    } else {
        answer
    })
}

fn told(lang: Lang, h: &HandedBatch) -> String {
    let (b, place) = (&h.batch, h.place.display());
    let mut text = lang.pick(
        format!(
            "{place}\n批次 {}:{} 封信,{} 页,{} 张纸\n",
            b.name, b.letters, b.pages, b.sheets
        ),
        format!(
            "{place}\nbatch {}: {} letters, {} pages, {} sheets\n",
            b.name, b.letters, b.pages, b.sheets
        ),
    );
    for (id, why) in &h.dropped {
        text += &lang.pick(
            format!("未放入:{id}({why})\n"),
            format!("left out: {id} ({why})\n"),
        );
    }
    text
}

async fn recall(
    session: &Session,
    store: &Store,
    desk: &PrintDesk,
    (id, by, remark): (&str, &str, &str),
) -> anyhow::Result<Answer> {
    let lang = session.out.lang;
    let attempt: AttemptId = store.find_attempt(id).await?;
    let (zh, en, word) = match desk.recall(store, attempt, (by, remark)).await? {
        Recall::TakenOut => (
            "已从当前批次取出,未寄出".to_owned(),
            "taken out of the open batch; nothing went out".to_owned(),
            "taken_out",
        ),
        Recall::TooLate { batch } => (
            format!("已交付印厂(批次 {batch}),无法撤回"),
            format!("the print shop has it (batch {batch}); it cannot be taken back"),
            "too_late",
        ),
        Recall::Elsewhere(state) => (
            format!(
                "状态为“{}”,不在任何批次中",
                super::words::word(lang, state.as_str())
            ),
            format!("it is {state} and lies in no batch"),
            "elsewhere",
        ),
        Recall::WithProvider { provider, reference } => {
            let letter = StoppedLetter {
                attempt,
                provider,
                reference,
                reason: remark.to_owned(),
            };
            let all = carriers(&session.config()?, Path::new("."))?;
            let answer = ask_to_stop(store, &all, &letter).await?;
            if answer == Some(true) {
                store.stop_answered(&letter, true, by).await?;
            }
            match answer {
                Some(true) => (
                    "服务商已停止寄送".to_owned(),
                    "the service stopped it; it does not go out".to_owned(),
                    "stopped",
                ),
                Some(false) => (
                    "服务商未停止寄送".to_owned(),
                    "the service did not stop it".to_owned(),
                    "too_late",
                ),
                None => (
                    "服务商的答复不明".to_owned(),
                    "nobody knows whether the service stopped it".to_owned(),
                    "unclear",
                ),
            }
        }
    };
    let code = match word {
        "taken_out" | "stopped" => Code::Done,
        _ => Code::Error,
    };
    let text = lang.pick(format!("{attempt} {zh}"), format!("{attempt}: {en}"));
    Ok(Answer::new(text, json!({"attempt": attempt.to_string(), "result": word})).ending(code))
}

async fn read_answer(store: &Store, lang: Lang, file: &Path, bytes: &[u8]) -> anyhow::Result<Answer> {
    let done = acknowledge(store, file, bytes).await?;
    let (taken, known, aside) = (done.taken, done.known, done.faults.len());
    let mut text = lang.pick(
        format!(
            "已读入 {taken} 条,{known} 条早已知晓,{aside} 条被搁置,{} 个地址停用\n",
            done.dead
        ),
        format!(
            "{taken} taken in, {known} known before, {aside} set aside, {} addresses given up\n",
            done.dead
        ),
    );
    done.faults.iter().for_each(|f| text += &format!("{f}\n"));
    let faults = done.faults.iter().map(
        |f| json!({"file": f.file, "line": f.line, "field": f.field, "found": f.found, "expected": f.expected}),
    );
    let json =
        json!({"taken": taken, "known": known, "addresses": done.dead, "faults": faults.collect::<Vec<_>>()});
    let answer = Answer::new(text, json);
    Ok(if aside > 0 {
        answer.ending(Code::Partial)
    } else {
        answer
    })
}
