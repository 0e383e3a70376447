//! `dunwell explain`: the story of one message, from who asked for it to what became of it, each step with its reasons.

use clap::Args;
use serde_json::{Map, Value, json};

use super::explain_decision::{Decided, decided};
use super::out::{Answer, Code, Out, table};
use super::session::Session;
use super::words::word;
use super::{message, verdict};
use crate::dispatch::{FindingView, Judgement, judge};
use crate::domain::{Moment, Situation, Verdict};
use crate::store::{AttemptStory, Store, StoreError};

/// Which message.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dunwell explain 3f2a9c10\n  dunwell explain 3f2a9c10 --at '2026-04-07 21:30'\n  dunwell explain 3f2a9c10 --reveal\n  dunwell explain 3f2a9c10 --lang zh --json\n\nThe decision is made again from the facts, rules and templates of its time. If it comes out otherwise than the log says, the command says so and ends with exit code 1."
)]
pub(super) struct ExplainArgs {
    /// Id of the message, or four or more digits of its beginning or end
    #[arg(value_name = "ATTEMPT")]
    id: String,
    /// The decision that stood at this moment: local time of the recipient, or an instant with offset; one that is to
    /// come asks what would be decided then
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Show the words too; they are personal data
    #[arg(long)]
    reveal: bool,
    /// With --reveal: who reads them, for the evidence; without it the name of the system's user
    #[arg(long, requires = "reveal")]
    by: Option<String>,
    /// Reading was recorded already
    #[arg(skip)]
    recorded: bool,
}

impl ExplainArgs {
    /// Everything about one message, for somebody whose reading was recorded.
    pub(super) fn recorded(id: crate::domain::AttemptId) -> ExplainArgs {
        ExplainArgs {
            id: id.to_string(),
            at: None,
            reveal: true,
            by: None,
            recorded: true,
        }
    }
}

pub(super) async fn explain(session: &Session, args: &ExplainArgs) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let id = store.find_attempt(&args.id).await?;
    let story = store.story(id).await?;
    let now = store.clock().now();
    if args.reveal && !args.recorded {
        let by = args.by.clone().unwrap_or_else(super::session::system_user);
        store.record_read(&by, "message", Some(id), None).await?;
    }
    // Of somebody who was erased there is no situation any more.
    let situation = match store.situation(id, now).await {
        Ok(claimed) => Some(claimed.situation),
        Err(StoreError::Corrupt { .. }) => None,
        Err(e) => return Err(e.into()),
    };
    let zone = situation
        .as_ref()
        .map_or(chrono_tz::Tz::UTC, |s| s.zones().shown());
    let asked = args
        .at
        .as_deref()
        .map(|at| message::moment(at, zone))
        .transpose()?;
    let out = &session.out;
    let decision = decided(&store, &story, asked.filter(|at| *at <= now), zone).await?;
    let forecast = forecast(session, &store, &story, situation, (asked, now)).await?;
    let next = next_lawful(&story, forecast.as_ref(), decision.as_ref(), now);
    let mut text = head(out, &story, zone);
    text += &steps(out, &story, zone);
    let parts = body_parts(&story, args.reveal);
    if let Some(decided) = &decision {
        text += &decided.text(out, &parts, zone);
    }
    if let Some((at, judged)) = &forecast {
        text += &match asked {
            Some(_) => out.lang.pick(
                format!("\n若于 {} 判断: ", at.local_text(zone)),
                format!("\nWhat would be decided at {}: ", at.local_text(zone)),
            ),
            None => out.lang.pick("\n此刻的结论: ", "\nThe verdict now: ").to_owned(),
        };
        text += &verdict::text(out, judged, zone);
    }
    text += &next.text(out, zone);
    text += &rules(out, decision.as_ref(), &story);
    text += &words_sent(out, &story, args.reveal);
    let mut json = json_of(&story, args.reveal);
    json["next_lawful_at"] = json!(next.at.map(Moment::to_text));
    json["next_lawful"] = json!({"at": next.at.map(Moment::to_text), "zh": next.zh, "en": next.en});
    json["decision"] = decision.as_ref().map_or(Value::Null, Decided::json);
    if let Some((at, judged)) = &forecast {
        json["forecast"] = verdict::json_of(judged);
        json["forecast"]["at"] = at.to_text().into();
    }
    let code = match &decision {
        Some(decided) if decided.is_wrong() => Code::Error,
        _ => Code::Done,
    };
    Ok(Answer::new(text, json).ending(code))
}

/// What would be decided at the moment that was asked for, or now; only for what still waits.
async fn forecast(
    session: &Session,
    store: &Store,
    story: &AttemptStory,
    situation: Option<Situation>,
    (asked, now): (Option<Moment>, Moment),
) -> anyhow::Result<Option<(Moment, Judgement)>> {
    let at = asked.unwrap_or(now);
    let Some(mut situation) = situation else {
        return Ok(None);
    };
    if !story.attempt.state.is_waiting() || at < now {
        return Ok(None);
    }
    // Whether it may go is asked as of the moment it is due.
    situation.attempt.due_at = situation.attempt.due_at.min(at);
    let under = session.rules(store).await?.at(at).await?;
    Ok(Some((at, judge(&under.rulebook, &situation, at))))
}

/// When a message may lawfully go, as far as this one is concerned, and why not earlier or not at all.
struct Next {
    at: Option<Moment>,
    zh: String,
    en: String,
}

impl Next {
    fn text(&self, out: &Out, zone: chrono_tz::Tz) -> String {
        let sentence = out.lang.pick(&self.zh, &self.en);
        match self.at {
            Some(at) => out.lang.pick(
                format!("\n下一个合法时刻: {}({sentence})\n", at.local_text(zone)),
                format!("\nnext lawful instant: {} ({sentence})\n", at.local_text(zone)),
            ),
            None => out.lang.pick(
                format!("\n下一个合法时刻: 无({sentence})\n"),
                format!("\nnext lawful instant: none ({sentence})\n"),
            ),
        }
    }
}

fn next_lawful(
    story: &AttemptStory,
    forecast: Option<&(Moment, Judgement)>,
    decision: Option<&Decided>,
    now: Moment,
) -> Next {
    let next = |at, zh: &str, en: &str| Next {
        at,
        zh: zh.to_owned(),
        en: en.to_owned(),
    };
    let latest_hold = |findings: &[FindingView]| {
        let each = findings.iter().filter_map(|f| f.until.as_deref());
        each.filter_map(|u| Moment::parse(u).ok()).max()
    };
    if let Some((at, judged)) = forecast {
        let views: Vec<FindingView> = judged.findings.iter().map(FindingView::from).collect();
        let due = story.attempt.due_at;
        return match judged.verdict {
            Verdict::Cleared => next(Some((*at).max(due)), "可按计划发送", "it may go as planned"),
            Verdict::Held { until } => next(Some(until.max(due)), "此前暂缓", "held until then"),
            Verdict::Review => next(
                latest_hold(&views).map(|u| u.max(due)),
                "须先由人工复核",
                "a person must decide first",
            ),
            Verdict::Blocked => next(
                latest_hold(&views).map(|u| u.max(due)),
                "以现有形式不得发送,须更正后另行排队",
                "not in this form at any time; what is corrected is queued anew",
            ),
        };
    }
    let held = decision
        .and_then(|d| latest_hold(&d.findings))
        .filter(|u| *u > now);
    use crate::domain::AttemptState as S;
    match story.attempt.state {
        S::InReview => next(held, "须先由人工复核", "a person must decide first"),
        S::Blocked => next(
            held,
            "以现有形式不得发送,须更正后另行排队",
            "not in this form at any time; what is corrected is queued anew",
        ),
        S::Withdrawn => next(None, "已撤回,不再发送", "it was withdrawn and is not sent"),
        S::NotSent => next(
            None,
            "未发出,不再发送;重试另有编号",
            "it did not go out; a retry has an id of its own",
        ),
        _ => {
            let sent = story.attempt.reserved_at;
            next(
                sent,
                "已于此时获准并交付一次,不再发送",
                "it was cleared then, once, and is not sent again",
            )
        }
    }
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

/// The rules that were asked at the decision, each with its source.
fn rules(out: &Out, decision: Option<&Decided>, story: &AttemptStory) -> String {
    let trace = decision.map_or(story.trace.as_deref(), |d| d.trace.as_deref());
    let trace: Vec<Value> = trace
        .and_then(|t| serde_json::from_str(t).ok())
        .unwrap_or_default();
    if trace.is_empty() {
        return String::new();
    }
    let lang = out.lang;
    let field = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let against = trace.iter().filter(|v| field(v, "verdict") != "cleared").count();
    let mut text = lang.pick(
        format!(
            "\n该判断共检查 {} 条规则,其中 {against} 条有异议(--verbose 全部列出)\n",
            trace.len()
        ),
        format!(
            "\nrules evaluated at that decision: {}, of which {against} objected (`--verbose` lists all)\n",
            trace.len()
        ),
    );
    if out.verbose {
        let sources = decision.map(|d| &d.sources);
        let rows = trace.iter().map(|v| {
            let source = sources.and_then(|s| s.get(&(field(v, "pack"), field(v, "rule"))));
            vec![
                field(v, "rule"),
                format!("{} {}", field(v, "pack"), field(v, "version")),
                word(lang, &field(v, "verdict")),
                source.cloned().unwrap_or_default(),
            ]
        });
        text += &table(
            &lang.pick(
                ["规则", "规则包", "结论", "依据"],
                ["rule", "pack", "verdict", "source"],
            ),
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
        "reference",
        "body",
        "table",
        "after_table",
        "closing",
        "signature",
        "payment_slip",
        "return_slip",
        "page",
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

fn json_of(story: &AttemptStory, reveal: bool) -> Value {
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
    if reveal {
        json["body"] = story.body.as_deref().map_or(Value::Null, parse);
    }
    json
}
