//! A verdict with every finding, as a collector reads it: the words concerned, the source, and what to write instead.

use serde_json::{Value, json};

use super::out::{Code, Out, underlined};
use super::words::word;
use crate::dispatch::{FindingView, Judgement};
use crate::domain::{Draft, Moment, Verdict};

/// The verdict and its findings for people.
pub(super) fn text(out: &Out, judged: &Judgement, zone: chrono_tz::Tz) -> String {
    let views: Vec<FindingView> = judged.findings.iter().map(FindingView::from).collect();
    let parts = judged
        .rendered
        .as_ref()
        .map(|r| r.draft.parts())
        .unwrap_or_default();
    let mut text = out.verdict(judged.verdict.as_str());
    if let Verdict::Held { until } = judged.verdict {
        text += out.lang.pick(" 至 ", " until ");
        text += &until.local_text(zone);
    }
    text.push('\n');
    if let Some(Draft::Sms(sms)) = judged.rendered.as_ref().map(|r| &r.draft) {
        let n = sms.segments.count;
        text += &out
            .lang
            .pick(format!("短信 {n} 段\n"), format!("SMS segments: {n}\n"));
    }
    text + &findings(out, &views, &parts, zone)
}

/// The findings for people; `parts` are the words they are about, where they may be shown.
pub(super) fn findings(
    out: &Out,
    views: &[FindingView],
    parts: &[(&'static str, String)],
    zone: chrono_tz::Tz,
) -> String {
    views.iter().map(|f| finding(out, f, parts, zone)).collect()
}

fn finding(out: &Out, f: &FindingView, parts: &[(&'static str, String)], zone: chrono_tz::Tz) -> String {
    let lang = out.lang;
    let verdict = match f.verdict.as_str() {
        // What decides nothing is a note.
        "cleared" => out.paint(33, lang.pick("提示", "note")),
        decides => out.verdict(decides),
    };
    let mut text = format!("\n{verdict} {}\n", f.rule);
    text += &format!("  {}\n", lang.pick(&f.zh, &f.en));
    let of = |part: &String| parts.iter().find(|(name, _)| name == part).map(|(_, text)| text);
    if let (Some(part), Some((from, to))) = (&f.part, f.span) {
        text += &format!("  {}:\n", word(lang, part));
        if let Some(words) = of(part) {
            let marked = underlined(words, from..to);
            text += &marked.lines().map(|l| format!("    {l}\n")).collect::<String>();
        }
    }
    if let Some(until) = f.until.as_deref().and_then(|u| Moment::parse(u).ok()) {
        text += &format!(
            "  {} {}\n",
            lang.pick("最早可于", "earliest"),
            until.local_text(zone)
        );
    }
    if let Some(instead) = &f.instead {
        text += &format!("  {} {instead}\n", lang.pick("可改为:", "instead:"));
    }
    text + &format!(
        "  {} {} ({}, {}, {} {})\n",
        lang.pick("依据:", "source:"),
        f.citation,
        word(lang, &f.level),
        word(lang, &f.sureness),
        f.pack,
        f.version
    )
}

/// The same for programs.
pub(super) fn json_of(judged: &Judgement) -> Value {
    let views: Vec<FindingView> = judged.findings.iter().map(FindingView::from).collect();
    let until = match judged.verdict {
        Verdict::Held { until } => Some(until.to_text()),
        _ => None,
    };
    json!({"verdict": judged.verdict.as_str(), "until": until, "findings": views})
}

/// Blocked is a violation of policy.
pub(super) fn code(judged: &Judgement) -> Code {
    match judged.verdict {
        Verdict::Blocked => Code::Violation,
        _ => Code::Done,
    }
}
