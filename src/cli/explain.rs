//! `dunwell explain`: the story of one message, from who asked for it to what became of it, each step with its reasons.

use clap::Args;
use serde_json::{Map, Value, json};

use super::out::{Answer, Out, table};
use super::session::Session;
use super::words::word;
use super::{message, verdict};
use crate::dispatch::{FindingView, judge};
use crate::domain::{Moment, Verdict};
use crate::store::AttemptStory;

/// Which message.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dunwell explain 3f2a9c10\n  dunwell explain 3f2a9c10 --reveal\n  dunwell explain 3f2a9c10 --lang zh --json"
)]
pub(super) struct ExplainArgs {
    /// Id of the message, or four or more digits of its beginning or end
    #[arg(value_name = "ATTEMPT")]
    id: String,
    /// Show the words too; they are personal data
    #[arg(long)]
    reveal: bool,
}

pub(super) async fn explain(session: &Session, args: &ExplainArgs) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let id = store.find_attempt(&args.id).await?;
    let story = store.story(id).await?;
    let now = store.clock().now();
    let mut situation = store.situation(id, now).await?.situation;
    let zone = situation.zones().shown();
    let waits = story.attempt.state.is_waiting();
    let today = if waits {
        // Whether it may go is asked as of the moment it is due.
        situation.attempt.due_at = situation.attempt.due_at.min(now);
        Some(judge(&*session.rulebook()?, &situation, now))
    } else {
        None
    };
    let next = today.as_ref().and_then(|j| match j.verdict {
        Verdict::Cleared => Some(now.max(story.attempt.due_at)),
        Verdict::Held { until } => Some(until.max(story.attempt.due_at)),
        _ => None,
    });
    let out = &session.out;
    let mut text = head(out, &story, zone);
    text += &steps(out, &story, zone);
    let findings: Vec<FindingView> = story
        .attempt
        .findings
        .as_deref()
        .and_then(|f| serde_json::from_str(f).ok())
        .unwrap_or_default();
    let parts = body_parts(&story, args.reveal);
    if !findings.is_empty() {
        text += out.lang.pick("\n结论的理由\n", "\nWhy it stands there\n");
        text += &verdict::findings(out, &findings, &parts, zone);
    }
    if let Some(judged) = &today {
        text += out.lang.pick("\n此刻的结论: ", "\nThe verdict now: ");
        text += &verdict::text(out, judged, zone);
    }
    if let Some(next) = next {
        let next = next.local_text(zone);
        text += &out.lang.pick(
            format!("\n下一个合法时刻: {next}\n"),
            format!("\nnext lawful instant: {next}\n"),
        );
    }
    text += &rules(out, &story);
    text += &words_sent(out, &story, args.reveal);
    Ok(Answer::new(text, json_of(&story, args.reveal, next)))
}

fn head(out: &Out, story: &AttemptStory, zone: chrono_tz::Tz) -> String {
    let (lang, a) = (out.lang, &story.attempt);
    let own = lang.pick("自拟内容", "own words");
    let mut lines = vec![
        format!("{} {}", lang.pick("消息", "message"), a.id),
        format!(
            "{} {} ({})",
            lang.pick("账户", "account"),
            a.reference,
            a.portfolio
        ),
        format!(
            "{}, {}",
            word(lang, &a.channel),
            a.template.as_deref().unwrap_or(own)
        ),
        format!("{} {}", lang.pick("状态", "state"), word(lang, a.state.as_str())),
        format!("{} {}", lang.pick("计划时间", "due"), a.due_at.local_text(zone)),
    ];
    if !a.stage.is_empty() {
        lines.push(format!("{} {}/{}", lang.pick("阶段", "stage"), a.stage, a.step));
    }
    if let Some(reason) = &a.reason {
        lines.push(format!("{} {reason}", lang.pick("原因", "why")));
    }
    lines.join("\n") + "\n"
}

/// The entries of the log, each with what matters of it.
fn steps(out: &Out, story: &AttemptStory, zone: chrono_tz::Tz) -> String {
    let rows = story.entries.iter().map(|(kind, at, bytes)| {
        let mut fields: Map<String, Value> = serde_json::from_str(bytes).unwrap_or_default();
        // Entries name their findings by hash; here they are shown.
        let named = fields.get("findings").and_then(Value::as_str);
        if let Some(text) = named.and_then(|digest| story.findings.get(digest)) {
            fields.insert("findings".into(), serde_json::from_str(text).unwrap_or_default());
        }
        vec![at.local_text(zone), kind.clone(), particulars(&fields)]
    });
    let head = out
        .lang
        .pick(["时间", "记录", "说明"], ["when", "entry", "particulars"]);
    format!(
        "\n{}\n{}",
        out.lang.pick("经过", "What happened"),
        table(&head, 99, rows)
    )
}

fn particulars(fields: &Map<String, Value>) -> String {
    const SHOWN: &[&str] = &[
        "state", "verdict", "actor", "origin", "channel", "template", "until", "reason", "provider",
        "segments",
    ];
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let mut parts: Vec<String> = SHOWN
        .iter()
        .filter_map(|key| Some(format!("{key}={}", text(fields.get(*key)?))))
        .collect();
    if let Some(Value::Array(findings)) = fields.get("findings") {
        let each = findings.iter().filter_map(|f| {
            Some(format!(
                "{} {} [{}]",
                f.get("verdict")?.as_str()?,
                f.get("rule")?.as_str()?,
                f.get("citation")?.as_str()?
            ))
        });
        parts.extend(each);
    }
    parts.join("; ")
}

fn rules(out: &Out, story: &AttemptStory) -> String {
    let trace: Vec<Value> = story
        .trace
        .as_deref()
        .and_then(|t| serde_json::from_str(t).ok())
        .unwrap_or_default();
    if trace.is_empty() {
        return String::new();
    }
    let lang = out.lang;
    let field = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let against = trace.iter().filter(|v| field(v, "verdict") != "cleared").count();
    let mut text = lang.pick(
        format!("\n最近一次判断共检查 {} 条规则,其中 {against} 条有异议(--verbose 全部列出)\n", trace.len()),
        format!("\nrules evaluated at the last decision: {}, of which {against} objected (`--verbose` lists all)\n", trace.len()),
    );
    if out.verbose {
        let rows = trace.iter().map(|v| {
            vec![
                field(v, "rule"),
                format!("{} {}", field(v, "pack"), field(v, "version")),
                word(lang, &field(v, "verdict")),
            ]
        });
        text += &table(
            &lang.pick(["规则", "规则包", "结论"], ["rule", "pack", "verdict"]),
            99,
            rows,
        );
    }
    text
}

fn body(story: &AttemptStory) -> Map<String, Value> {
    story
        .body
        .as_deref()
        .and_then(|b| serde_json::from_str(b).ok())
        .unwrap_or_default()
}

/// The words as parts of a draft, where they may be shown.
fn body_parts(story: &AttemptStory, reveal: bool) -> Vec<(&'static str, String)> {
    const PARTS: &[&str] = &[
        "text",
        "subject",
        "html",
        "letterhead",
        "recipient",
        "body",
        "table",
        "after_table",
        "closing",
        "return_slip",
    ];
    if !reveal {
        return Vec::new();
    }
    let body = body(story);
    PARTS
        .iter()
        .filter_map(|p| Some((*p, body.get(*p)?.as_str()?.to_owned())))
        .collect()
}

fn words_sent(out: &Out, story: &AttemptStory, reveal: bool) -> String {
    let lang = out.lang;
    let body = body(story);
    let texts: Vec<(&String, &str)> = body
        .iter()
        .filter(|(part, _)| *part != "channel")
        .filter_map(|(part, text)| Some((part, text.as_str()?)))
        .collect();
    if texts.is_empty() {
        return lang
            .pick("\n没有保存的文本。\n", "\nno words are kept\n")
            .to_owned();
    }
    let mut text = lang.pick("\n文本\n", "\nThe words\n").to_owned();
    for (part, words) in texts {
        let (name, n) = (word(lang, part), words.chars().count());
        text += &match reveal {
            true if part == "html" => continue,
            true => format!("{name}:\n{}\n", words.trim_end()),
            false => lang.pick(
                format!("  {name}:{n} 字(已隐藏,--reveal 显示)\n"),
                format!("  {name}: {n} characters (hidden; `--reveal` shows them)\n"),
            ),
        };
    }
    text
}

fn json_of(story: &AttemptStory, reveal: bool, next: Option<Moment>) -> Value {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let mut json = message::json_of(&story.attempt);
    json["entries"] = story.entries.iter().map(|(_, _, bytes)| parse(bytes)).collect();
    json["findings_by_hash"] = story
        .findings
        .iter()
        .map(|(digest, text)| (digest.clone(), parse(text)))
        .collect::<Map<String, Value>>()
        .into();
    json["rules"] = story.trace.as_deref().map_or(Value::Null, parse);
    json["next_lawful_at"] = json!(next.map(Moment::to_text));
    if reveal {
        json["body"] = story.body.as_deref().map_or(Value::Null, parse);
    }
    json
}
