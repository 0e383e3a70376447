//! A decision made again: the facts as they were kept, the rules and templates that were in force, the same moment. It
//! must come out as the log says; what differs is told.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{self, EXPIRED, Judgement, NO_CARRIER, TEST_MODE, judge};
use super::record;
use super::rulebook::{Rulebook, RulebookError};
use super::rules::InForce;
use crate::domain::{AttemptState, Moment, Situation, Verdict};
use crate::evidence::{
    UnreadableFacts, Value, digest_hex, named_in, read_desk, read_situation, to_canonical,
};
use crate::guard::decisive;
use crate::store::{Facts, KeptDecision, SetDigest, Store, StoreError};

/// A decision that was made again.
#[derive(Debug)]
pub struct Replay {
    /// The moment that the guard was given as now.
    pub judged_at: Moment,
    /// The facts.
    pub situation: Situation,
    /// How it came out this time.
    pub judgement: Judgement,
    /// What is not as the log says.
    pub differences: Vec<Difference>,
}

impl Replay {
    /// Whether verdict, findings and words are the same. Otherwise something is wrong.
    pub fn same(&self) -> bool {
        !self.differences.iter().any(|d| d.decisive)
    }
}

/// One thing that is not as the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field of the entry; `words` for the message itself.
    pub what: String,
    /// Whether verdict, findings or words differ; otherwise only how they were come by, such as the program's version.
    pub decisive: bool,
    /// What the log says; empty: nothing.
    pub then: String,
    /// What came out this time; empty: nothing.
    pub now: String,
}

/// Why a decision cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store failed, or a text that was kept is gone.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The facts were erased, or never kept.
    #[error("the facts of this decision are no longer kept")]
    Gone,
    /// The facts are not the ones that the log committed to.
    #[error("the kept facts are not the ones that the log committed to")]
    Changed,
    /// The facts are in another form.
    #[error(transparent)]
    Unreadable(#[from] UnreadableFacts),
    /// It was made without a published set.
    #[error("this decision was made under rules that were not published")]
    Unpublished,
    /// This program cannot read the rules or templates of that time.
    #[error("the rules of that time cannot be read by this program: {0}")]
    Rules(#[from] RulebookError),
}

impl ReplayError {
    /// The same in Chinese.
    pub fn zh(&self) -> String {
        match self {
            ReplayError::Store(e) => format!("数据库中缺少所需文本:{e}"),
            ReplayError::Gone => "该判断所依据的事实已不再保存".to_owned(),
            ReplayError::Changed => "保存的事实与证据日志中的承诺不符".to_owned(),
            ReplayError::Unreadable(e) => format!("保存的事实无法读取:{e}"),
            ReplayError::Unpublished => "该判断所用的规则未曾发布".to_owned(),
            ReplayError::Rules(e) => format!("本程序无法读取当时的规则:{e}"),
        }
    }
}

/// Fields that say where and when an entry stands, or that commit to what is compared in itself.
const APART: &[&str] = &[
    "v",
    "kind",
    "record",
    "at",
    "attempt",
    "prev",
    "content",
    "facts",
    "situation",
    "words",
];

/// Fields that say how a decision was come by.
const BESIDE: &[&str] = &["engine", "tzdb", "policy", "packs", "trace"];

/// Makes a decision again.
///
/// # Errors
/// Where what it was made from is gone or cannot be read.
pub async fn replay(store: &Store, decision: &KeptDecision) -> Result<Replay, ReplayError> {
    let facts = match &decision.facts {
        Facts::Kept(facts) => facts,
        Facts::Gone => return Err(ReplayError::Gone),
        Facts::Changed => return Err(ReplayError::Changed),
    };
    let named = named_in(facts)?;
    let desk = store.document(&named.desk).await?.ok_or(ReplayError::Gone)?;
    let situation = read_situation(facts, &read_desk(&desk)?)?;
    let set = decision.text("set").and_then(SetDigest::parse);
    let templates = named.templates.as_deref().and_then(SetDigest::parse);
    let (Some(set), Some(templates)) = (set, templates) else {
        return Err(ReplayError::Unpublished);
    };
    let (policies, words) = (store.set_files(set).await?, store.set_files(templates).await?);
    let under = InForce {
        rulebook: Rulebook::parse(&words, &policies)?.into(),
        set: Some(set),
        templates: Some(templates),
    };
    let (judgement, again) = again(decision, &situation, &under, named.judged_at);
    let mut differences = differences(&decision.fields, &again);
    let body = judgement
        .rendered
        .as_ref()
        .map(|r| record::body(&situation, &r.draft));
    if body.is_some_and(|body| decision.fits_words(&body) == Some(false)) {
        differences.push(Difference {
            what: "words".to_owned(),
            decisive: true,
            then: String::new(),
            now: String::new(),
        });
    }
    Ok(Replay {
        judged_at: named.judged_at,
        situation,
        judgement,
        differences,
    })
}

/// The judgement and the fields that an entry of it would have.
fn again(
    decision: &KeptDecision,
    situation: &Situation,
    under: &InForce,
    at: Moment,
) -> (Judgement, BTreeMap<String, Value>) {
    let reason = decision.text("reason");
    let expired = at >= situation.attempt.expires_at;
    let judgement = match reason {
        _ if expired => judge::stopped(Vec::new()),
        // Whether a carrier was set up is no fact about the attempt; that it was not is taken from the log.
        Some(rule @ (NO_CARRIER | TEST_MODE)) => judge::of_installation(rule, at).1,
        _ => judge(&under.rulebook, situation, at),
    };
    let mut fields = judgement.fields(situation, under);
    let mut put = |key: &str, value: String| fields.insert(key.to_owned(), value.into());
    put("trace", digest_hex(judgement.trace().as_bytes()));
    let state = match judgement.verdict {
        _ if expired => AttemptState::Withdrawn,
        Verdict::Cleared => {
            put("verdict", "cleared".to_owned());
            return (judgement, fields);
        }
        Verdict::Held { until } => {
            put("until", until.to_text());
            AttemptState::Held
        }
        Verdict::Review => AttemptState::InReview,
        Verdict::Blocked => AttemptState::Blocked,
    };
    put("state", state.as_str().to_owned());
    let deciding = decisive(&judgement.findings).next().map(|f| f.rule.clone());
    if let Some(reason) = if expired {
        Some(EXPIRED.to_owned())
    } else {
        deciding
    } {
        put("reason", reason);
    }
    (judgement, fields)
}

fn differences(then: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) -> Vec<Difference> {
    let keys: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let mut found = Vec::new();
    for key in keys.into_iter().filter(|k| !APART.contains(&k.as_str())) {
        if key == "findings" {
            found.extend(other_findings(then.get(key), now.get(key)));
            continue;
        }
        let spelt = |fields: &BTreeMap<String, Value>| fields.get(key).map(shown).unwrap_or_default();
        let (was, is) = (spelt(then), spelt(now));
        if was != is {
            found.push(Difference {
                what: key.clone(),
                decisive: !BESIDE.contains(&key.as_str()),
                then: was,
                now: is,
            });
        }
    }
    found
}

/// Findings that stand on one side only.
fn other_findings(then: Option<&Value>, now: Option<&Value>) -> Vec<Difference> {
    let list = |side: Option<&Value>| match side {
        Some(Value::List(findings)) => findings.iter().map(finding).collect(),
        _ => Vec::new(),
    };
    let (was, mut is): (Vec<String>, Vec<String>) = (list(then), list(now));
    let difference = |then: String, now: String| Difference {
        what: "findings".to_owned(),
        decisive: true,
        then,
        now,
    };
    let mut found = Vec::new();
    for one in was {
        match is.iter().position(|other| *other == one) {
            Some(at) => drop(is.remove(at)),
            None => found.push(difference(one, String::new())),
        }
    }
    found.extend(is.into_iter().map(|one| difference(String::new(), one)));
    found
}

/// A finding as text. The version of the core rules is that of the program, which is told apart.
fn finding(value: &Value) -> String {
    match value {
        Value::Object(fields) if fields.get("pack") == Some(&"core".into()) => {
            let mut fields = fields.clone();
            fields.remove("version");
            to_canonical(&Value::Object(fields))
        }
        other => to_canonical(other),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => to_canonical(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, Value)]) -> BTreeMap<String, Value> {
        list.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()
    }

    fn found(pack: &str, rule: &str, version: &str) -> Value {
        Value::from([
            ("pack", pack.into()),
            ("rule", rule.into()),
            ("version", version.into()),
        ])
    }

    #[test]
    fn what_decides_is_told_apart_from_how_it_was_come_by() {
        let check = |then: &[(&str, Value)], now: &[(&str, Value)], expected: &[(&str, bool)]| {
            let all = differences(&fields(then), &fields(now));
            let all: Vec<(&str, bool)> = all.iter().map(|d| (d.what.as_str(), d.decisive)).collect();
            assert_eq!(all, expected);
        };
        let state = |s: &str| ("state", s.into());
        check(&[state("held")], &[state("held")], &[]);
        check(&[state("held"), ("at", "1".into())], &[state("held")], &[]);
        check(&[state("held")], &[state("blocked")], &[("state", true)]);
        check(
            &[state("held")],
            &[("verdict", "cleared".into())],
            &[("state", true), ("verdict", true)],
        );
        check(
            &[("engine", "a".into())],
            &[("engine", "b".into())],
            &[("engine", false)],
        );
        let findings = |list: &[Value]| ("findings", Value::List(list.to_vec()));
        let (a, b) = (found("cn", "cap.a", "1"), found("cn", "cap.b", "1"));
        check(
            &[findings(&[a.clone(), b.clone()])],
            &[findings(&[b.clone(), a.clone()])],
            &[],
        );
        check(&[findings(std::slice::from_ref(&a))], &[], &[("findings", true)]);
        check(
            &[findings(std::slice::from_ref(&a))],
            &[findings(&[found("cn", "cap.a", "2")])],
            &[("findings", true), ("findings", true)],
        );
        check(
            &[findings(&[found("core", "x", "1")])],
            &[findings(&[found("core", "x", "2")])],
            &[],
        );
        check(
            &[findings(&[a.clone(), a.clone()])],
            &[findings(&[a])],
            &[("findings", true)],
        );
    }
}
