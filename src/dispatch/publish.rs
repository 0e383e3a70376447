//! Is a set of policies fit to be in force? All of it is read, every remark that fails the build and every case counts;
//! one fault and nothing of it is taken.

use std::collections::BTreeMap;

use super::rulebook::{Rulebook, RulebookError};
use crate::guard::run_cases;
use crate::policy::{lint, line_of_rule, rule_at_line};
use crate::store::NewSet;

/// One thing that keeps a set from being published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetFault {
    /// The file.
    pub file: String,
    /// Line, from 1, where it is known.
    pub line: Option<usize>,
    /// The rule, or the case.
    pub rule: Option<String>,
    /// What is wrong, in Chinese.
    pub zh: String,
    /// What is wrong, in English.
    pub en: String,
}

impl std::fmt::Display for SetFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.said(&self.en))
    }
}

impl SetFault {
    /// The place and the sentence.
    pub fn said(&self, sentence: &str) -> String {
        let mut text = self.file.clone();
        if let Some(line) = self.line {
            text += &format!(":{line}");
        }
        if let Some(rule) = &self.rule {
            text += &format!(": `{rule}`");
        }
        format!("{text}: {sentence}")
    }
}

/// Reads a whole set with the templates that its ladders need, and runs every check.
///
/// # Errors
/// Every fault that was found; where a file cannot be read, that one.
pub fn check_set(
    templates: &[(String, String)],
    policies: &[(String, String)],
) -> Result<(Rulebook, NewSet), Vec<SetFault>> {
    let rulebook = Rulebook::parse(templates, policies).map_err(|e| vec![unreadable(&e, policies)])?;
    let text = |path: &str| {
        let found = policies.iter().find(|(p, _)| p == path);
        found.map_or("", |(_, text)| text.as_str())
    };
    let mut faults = Vec::new();
    for pack in rulebook.policy.packs() {
        for remark in lint(pack).into_iter().filter(|l| l.fatal) {
            let places = ["policy.toml", "lexicon.toml", "cases.toml"].map(|f| format!("{}/{f}", pack.name));
            let found = places
                .iter()
                .find_map(|p| Some((p, line_of_rule(text(p), &remark.rule)?)));
            faults.push(SetFault {
                file: format!("policies/{}", found.map_or(&places[0], |(p, _)| p)),
                line: found.map(|(_, line)| line),
                rule: Some(remark.rule),
                zh: remark.zh,
                en: remark.en,
            });
        }
        for case in run_cases(pack, &rulebook.policy).into_iter().filter(|c| !c.holds()) {
            faults.push(SetFault {
                file: format!("policies/{}/cases.toml", pack.name),
                line: Some(case.line),
                rule: Some(case.name),
                zh: format!("用例未通过:{}", case.wrong_zh.join(";")),
                en: format!("the case does not hold: {}", case.wrong.join("; ")),
            });
        }
    }
    if rulebook.policy.packs().is_empty() {
        faults.push(SetFault {
            file: "policies".to_owned(),
            line: None,
            rule: None,
            zh: "没有任何规则包".to_owned(),
            en: "there is no policy pack".to_owned(),
        });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let packs: BTreeMap<String, String> = rulebook.policy.versions().into_iter().collect();
    let set = NewSet {
        files: policies.to_vec(),
        policy: rulebook.policy.digest().to_owned(),
        packs,
    };
    Ok((rulebook, set))
}

fn unreadable(error: &RulebookError, policies: &[(String, String)]) -> SetFault {
    let RulebookError::Policy(e) = error else {
        let said = error.to_string();
        // `file:line: sentence`, as every reader of files says it.
        let (file, rest) = said.split_once(':').unwrap_or(("policies", &said));
        let (line, sentence) = match rest.split_once(':') {
            Some((line, sentence)) if line.trim().parse::<usize>().is_ok() => (line.trim().parse().ok(), sentence),
            _ => (None, rest),
        };
        let sentence = sentence.trim().to_owned();
        return SetFault {
            file: file.to_owned(),
            line,
            rule: None,
            zh: sentence.clone(),
            en: sentence,
        };
    };
    let path = e.file.strip_prefix("policies/").unwrap_or(&e.file);
    let text = policies.iter().find(|(p, _)| p == path).map_or("", |(_, t)| t);
    SetFault {
        file: e.file.clone(),
        line: Some(e.line),
        rule: rule_at_line(text, e.line),
        zh: format!("`{}`:发现 {},应为 {}", e.field, e.found, e.expected),
        en: format!("`{}`: found {}, expected {}", e.field, e.found, e.expected),
    }
}
