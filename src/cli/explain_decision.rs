//! One decision of a message, made again: what the log says, what came out this time, and every difference.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Value, json};

use super::out::Out;
use super::verdict;
use super::words::word;
use crate::dispatch::{FindingView, Replay, ReplayError, replay};
use crate::domain::Moment;
use crate::evidence::{self, to_canonical};
use crate::policy::{core_rules, sources_of_rules};
use crate::store::{AttemptStory, KeptDecision, SetDigest, Store};

/// A decision as the log tells it, and how it came out when it was made again.
pub(super) struct Decided {
    kept: KeptDecision,
    again: Result<Replay, ReplayError>,
    /// Every finding, with its sentences and its source.
    pub(super) findings: Vec<FindingView>,
    /// The rules that were evaluated, canonical JSON.
    pub(super) trace: Option<String>,
    /// Source of each rule of the set in force then, by pack and id.
    pub(super) sources: BTreeMap<(String, String), String>,
}

/// The decision that stood at a moment, or the last one; nothing where none was made yet.
///
/// # Errors
/// Where a moment was asked for at which nothing had been decided.
pub(super) async fn decided(
    store: &Store,
    story: &AttemptStory,
    at: Option<Moment>,
    zone: chrono_tz::Tz,
) -> anyhow::Result<Option<Decided>> {
    let mut all = store.decisions(story.attempt.id).await?;
    let first = all.first().map(|d| d.at);
    if let Some(at) = at {
        all.retain(|d| d.at <= at);
        if all.is_empty() {
            let at = at.local_text(zone);
            match first {
                Some(first) => bail!(
                    "nothing had been decided about this message at {at}; the first decision is of {}",
                    first.local_text(zone)
                ),
                None => bail!("nothing had been decided about this message at {at}, nor was since"),
            }
        }
    }
    let Some(kept) = all.pop() else { return Ok(None) };
    let again = replay(store, &kept).await;
    // What was made again has the sentences; where that cannot be, the last findings were kept for screens.
    let findings = match &again {
        Ok(replay) => replay.judgement.findings.iter().map(FindingView::from).collect(),
        Err(_) => bare_findings(&kept),
    };
    let sources = sources(store, &kept).await;
    Ok(Some(Decided {
        trace: kept.trace.clone(),
        again,
        findings,
        sources,
        kept,
    }))
}

/// The findings as the log tells them, without sentences.
fn bare_findings(kept: &KeptDecision) -> Vec<FindingView> {
    let Some(evidence::Value::List(list)) = kept.fields.get("findings") else {
        return Vec::new();
    };
    let view = |value: &evidence::Value| {
        let mut fields: Value = serde_json::from_str(&to_canonical(value)).ok()?;
        let rule = fields.get("rule")?.clone();
        fields["zh"] = rule.clone();
        fields["en"] = rule;
        serde_json::from_value(fields).ok()
    };
    list.iter().filter_map(view).collect()
}

/// The source of each rule of the set in force then, as far as it can still be read.
async fn sources(store: &Store, kept: &KeptDecision) -> BTreeMap<(String, String), String> {
    let mut all: BTreeMap<(String, String), String> = core_rules()
        .iter()
        .map(|h| ((h.pack.to_string(), h.id.to_string()), h.basis.clone()))
        .collect();
    let Some(set) = kept.text("set").and_then(SetDigest::parse) else {
        return all;
    };
    let Ok(files) = store.set_files(set).await else {
        return all;
    };
    for (path, text) in &files {
        let Some((pack, "policy.toml" | "lexicon.toml")) = path.split_once('/') else {
            continue;
        };
        for (rule, basis) in sources_of_rules(text) {
            all.insert((pack.to_owned(), rule), basis);
        }
    }
    all
}

impl Decided {
    /// Whether the decision came out otherwise than the log says, or its facts were tampered with.
    pub(super) fn is_wrong(&self) -> bool {
        match &self.again {
            Ok(replay) => !replay.same(),
            Err(e) => matches!(e, ReplayError::Changed),
        }
    }

    /// The verdict as the log tells it.
    fn verdict(&self) -> &str {
        match (self.kept.text("verdict"), self.kept.text("state")) {
            (Some(verdict), _) => verdict,
            (None, Some(state)) => state,
            (None, None) => "unknown",
        }
    }

    /// The decision for people.
    pub(super) fn text(&self, out: &Out, parts: &[(&'static str, String)], zone: chrono_tz::Tz) -> String {
        let lang = out.lang;
        let mut text = lang.pick(
            format!("\n{} 的判断: ", self.kept.at.local_text(zone)),
            format!("\nThe decision of {}: ", self.kept.at.local_text(zone)),
        );
        text += &word(lang, self.verdict());
        if let Some(until) = self.kept.text("until").and_then(|u| Moment::parse(u).ok()) {
            text += &lang.pick(
                format!(" 至 {}", until.local_text(zone)),
                format!(" until {}", until.local_text(zone)),
            );
        }
        text.push('\n');
        text += &verdict::findings(out, &self.findings, parts, zone);
        if let Some(until) = self.window() {
            text += &lang.pick(
                format!("  可发送的时段至 {} 止\n", until.local_text(zone)),
                format!("  it could go until {}\n", until.local_text(zone)),
            );
        }
        text += &self.under(out);
        text + &self.outcome(out)
    }

    /// Until when a cleared message might have gone.
    fn window(&self) -> Option<Moment> {
        self.again.as_ref().ok()?.judgement.valid_until()
    }

    /// The rules it was made under.
    fn under(&self, out: &Out) -> String {
        let set = self.kept.text("set").map_or("-", |s| &s[..12.min(s.len())]);
        let packs = self.packs().join(", ");
        let engine = self.kept.text("engine").unwrap_or("-");
        out.lang.pick(
            format!("  所用规则集 {set};规则包 {packs};{engine}\n"),
            format!("  under set {set}; packs {packs}; {engine}\n"),
        )
    }

    /// The packs that spoke, with their versions, as the evaluated rules tell them.
    fn packs(&self) -> Vec<String> {
        let rules = self.kept.trace.as_deref().unwrap_or("[]");
        let rules: Vec<serde_json::Value> = serde_json::from_str(rules).unwrap_or_default();
        let word = |rule: &serde_json::Value, key: &str| rule[key].as_str().unwrap_or("-").to_owned();
        let spoke: std::collections::BTreeSet<String> = rules
            .iter()
            .map(|r| format!("{} {}", word(r, "pack"), word(r, "version")))
            .collect();
        spoke.into_iter().collect()
    }

    /// How it came out when it was made again.
    fn outcome(&self, out: &Out) -> String {
        let lang = out.lang;
        let replay = match &self.again {
            Ok(replay) => replay,
            Err(e) => {
                let mark = if self.is_wrong() {
                    out.paint(31, "fail")
                } else {
                    out.paint(33, "warn")
                };
                return lang.pick(
                    format!("  {mark} 无法重演: {}\n", e.zh()),
                    format!("  {mark} it cannot be made again: {e}\n"),
                );
            }
        };
        let mut text = match replay.same() {
            true => format!(
                "  {} {}\n",
                out.paint(32, "ok"),
                lang.pick(
                    "以当时的事实与规则重演,结论与理由相同",
                    "made again from the facts and rules of its time: the same verdict and findings"
                )
            ),
            false => format!(
                "  {} {}\n",
                out.paint(31, "fail"),
                lang.pick(
                    "重演的结果与记录不同!请立即查明原因",
                    "MADE AGAIN IT COMES OUT OTHERWISE than the log says; find out why at once"
                )
            ),
        };
        for d in replay.differences.iter().filter(|d| d.decisive || out.verbose) {
            text += &lang.pick(
                format!("    {}: 记录 `{}`,重演 `{}`\n", d.what, d.then, d.now),
                format!("    {}: the log says `{}`, now `{}`\n", d.what, d.then, d.now),
            );
        }
        text
    }

    /// The decision for programs.
    pub(super) fn json(&self) -> Value {
        let again = match &self.again {
            Ok(replay) => json!({
                "possible": true,
                "same": replay.same(),
                "judged_at": replay.judged_at.to_text(),
                "verdict": verdict::json_of(&replay.judgement),
                "differences": replay.differences.iter()
                    .map(|d| json!({"what": d.what, "decisive": d.decisive, "then": d.then, "now": d.now}))
                    .collect::<Vec<_>>(),
            }),
            Err(e) => {
                json!({"possible": false, "why": e.to_string(), "why_zh": e.zh(), "tampered": self.is_wrong()})
            }
        };
        json!({
            "at": self.kept.at.to_text(),
            "verdict": self.verdict(),
            "until": self.kept.text("until"),
            "reason": self.kept.text("reason"),
            "record": self.kept.record.to_string(),
            "set": self.kept.text("set"),
            "policy": self.kept.text("policy"),
            "packs": self.packs(),
            "engine": self.kept.text("engine"),
            "findings": self.findings,
            "valid_until": self.window().map(Moment::to_text),
            "replay": again,
        })
    }
}
