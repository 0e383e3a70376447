//! Runs the cases that a pack carries.

use super::judge::judge;
use super::{decisive, review};
use crate::domain::Moment;
use crate::domain::Verdict;
use crate::policy::{Asked, Case, Example, Pack, PolicySet, Set, VerdictWord};

/// How one case came out.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// Name of the pack.
    pub pack: String,
    /// What the case shows.
    pub name: String,
    /// The file, below the folder of the program.
    pub file: String,
    /// Line in that file.
    pub line: usize,
    /// What is wrong, in English; empty when the case holds.
    pub wrong: Vec<String>,
    /// The same in Chinese.
    pub wrong_zh: Vec<String>,
}

impl CaseResult {
    /// Whether the case came out as expected.
    pub fn holds(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// Runs every case of `pack` under `set`.
pub fn run_cases(pack: &Pack, set: &PolicySet) -> Vec<CaseResult> {
    let cases = pack.cases.cases.iter().map(|case| run(pack, case, set));
    let examples = pack.cases.examples.iter().map(|e| run_example(pack, e, set));
    cases.chain(examples).collect()
}

/// What a case expects, and how it came out.
struct Outcome<'a> {
    verdict: (Verdict, VerdictWord),
    until: Option<Moment>,
    zone: chrono_tz::Tz,
    rules: (Vec<String>, &'a [String]),
}

fn run(pack: &Pack, case: &Case, set: &PolicySet) -> CaseResult {
    let review = review(&case.draft, &case.situation, set, case.at);
    let outcome = Outcome {
        verdict: (review.verdict, case.verdict),
        until: case.until,
        zone: case.situation.zones().shown(),
        rules: (
            decisive(&review.findings).map(|f| f.rule.clone()).collect(),
            &case.rules,
        ),
    };
    compare(pack, &case.name, case.line, outcome)
}

/// An example is judged under the rules of its pack alone.
fn run_example(pack: &Pack, e: &Example, set: &PolicySet) -> CaseResult {
    let only = [pack.name.to_string()];
    let applied = set.applied(&e.facts, Asked::Only(&only));
    let judged = judge(&applied.rules, &e.facts, set.holidays(), Set::all());
    let outcome = Outcome {
        verdict: (judged.verdict, e.verdict),
        until: e.until,
        zone: e.facts.zones.first().map_or(chrono_tz::Tz::UTC, |z| z.zone),
        rules: (
            judged.breaches.iter().map(|b| b.head.id.to_string()).collect(),
            &e.rules,
        ),
    };
    let mut result = compare(pack, &e.name, e.line, outcome);
    if let Some(file) = &e.file {
        result.file.clone_from(file);
    }
    let shown: Vec<&str> = judged.warnings.iter().map(|head| &*head.id).collect();
    for id in e.shows.iter().filter(|id| !shown.contains(&id.as_str())) {
        result.wrong.push(format!("the warning `{id}` was not shown"));
        result.wrong_zh.push(format!("未提示 `{id}`"));
    }
    for id in shown
        .iter()
        .filter(|id| !e.shows.is_empty() && !e.shows.iter().any(|s| s == *id))
    {
        result.wrong.push(format!("the warning `{id}` was shown too"));
        result.wrong_zh.push(format!("多提示 `{id}`"));
    }
    result
}

fn compare(pack: &Pack, name: &str, line: usize, outcome: Outcome<'_>) -> CaseResult {
    let mut result = CaseResult {
        pack: pack.name.to_string(),
        name: name.to_owned(),
        file: format!("policies/{}/cases.toml", pack.name),
        line,
        wrong: Vec::new(),
        wrong_zh: Vec::new(),
    };
    let mut say = |en: String, zh: String| {
        result.wrong.push(en);
        result.wrong_zh.push(zh);
    };
    let (verdict, expected) = outcome.verdict;
    if verdict.as_str() != expected.as_str() {
        let found = verdict.as_str();
        say(
            format!("verdict {found}, expected {expected}"),
            format!("结论为 {found},应为 {expected}"),
        );
    }
    if let (Verdict::Held { until }, Some(expected)) = (verdict, outcome.until)
        && until != expected
    {
        let (until, expected) = (until.local_text(outcome.zone), expected.local_text(outcome.zone));
        say(
            format!("held until {until}, expected {expected}"),
            format!("暂缓至 {until},应为 {expected}"),
        );
    }
    let (found, expected) = outcome.rules;
    for rule in expected.iter().filter(|r| !found.contains(r)) {
        say(format!("`{rule}` was not found"), format!("未发现 `{rule}`"));
    }
    for rule in found.iter().filter(|r| !expected.contains(r)) {
        say(format!("`{rule}` was found too"), format!("多出 `{rule}`"));
    }
    result
}
