//! Runs the cases that a pack carries.

use super::review;
use crate::domain::Verdict;
use crate::policy::{Case, Pack, PolicySet};

/// How one case came out.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// Name of the pack.
    pub pack: String,
    /// What the case shows.
    pub name: String,
    /// Line in `cases.toml`.
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
    pack.cases.cases.iter().map(|case| run(pack, case, set)).collect()
}

fn run(pack: &Pack, case: &Case, set: &PolicySet) -> CaseResult {
    let review = review(&case.draft, &case.situation, set, case.at);
    let mut result = CaseResult {
        pack: pack.name.to_string(),
        name: case.name.clone(),
        line: case.line,
        wrong: Vec::new(),
        wrong_zh: Vec::new(),
    };
    let mut say = |en: String, zh: String| {
        result.wrong.push(en);
        result.wrong_zh.push(zh);
    };
    let found = review.verdict.as_str();
    if found != case.verdict.as_str() {
        say(
            format!("verdict {found}, expected {}", case.verdict),
            format!("结论为 {found},应为 {}", case.verdict),
        );
    }
    let zone = case.situation.zones().shown();
    if let (Verdict::Held { until }, Some(expected)) = (review.verdict, case.until)
        && until != expected
    {
        let (until, expected) = (until.local_text(zone), expected.local_text(zone));
        say(
            format!("held until {until}, expected {expected}"),
            format!("暂缓至 {until},应为 {expected}"),
        );
    }
    for rule in case
        .rules
        .iter()
        .filter(|r| !review.findings.iter().any(|f| f.rule == **r))
    {
        say(format!("`{rule}` was not found"), format!("未发现 `{rule}`"));
    }
    for finding in review.findings.iter().filter(|f| !case.rules.contains(&f.rule)) {
        say(
            format!("`{}` was found too", finding.rule),
            format!("多出 `{}`", finding.rule),
        );
    }
    result
}
