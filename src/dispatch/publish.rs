//! Is a set of policies fit to be in force? All of it is read, every remark that fails the build and every case counts;
//! one fault and nothing of it is taken.

use std::collections::BTreeMap;

use super::rulebook::{Rulebook, RulebookError};
use super::rules::{Rules, RulesError};
use crate::guard::run_cases;
use crate::policy::{line_of_rule, lint, rule_at_line};
use crate::store::{Activation, NewSet, SetDigest, Store};

/// Who founds, in the log.
const FOUNDER: &str = "dunwell";

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

/// Why a service cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The first set of policies, or the one in force, has faults.
    #[error("the policies{} cannot be in force\n{}", set_name(.set), lines(.faults))]
    Faults {
        /// The set in force; `None`: the files that would have been the first.
        set: Option<SetDigest>,
        /// What is wrong.
        faults: Vec<SetFault>,
    },
    /// There is no set in force, or the store failed.
    #[error(transparent)]
    Rules(#[from] RulesError),
}

fn set_name(set: &Option<SetDigest>) -> String {
    set.map_or_else(String::new, |s| format!(" in force, set {},", s.short()))
}

fn lines(faults: &[SetFault]) -> String {
    let all: Vec<String> = faults.iter().map(SetFault::to_string).collect();
    all.join("\n")
}

/// The rules of a service that begins: the published set in force, checked as a whole. On a database that never had
/// one, `policies` are published and founded: the only set that comes into force without a second person.
///
/// # Errors
/// Where no set is in force, or it has any fault: then the service must not begin.
pub async fn open_rules(
    store: &Store,
    templates: Vec<(String, String)>,
    policies: &[(String, String)],
) -> Result<(Rules, Option<Activation>), OpenError> {
    let stored = |e| OpenError::Rules(RulesError::Store(e));
    let mut founded = None;
    if store.activations().await.map_err(stored)?.is_empty() {
        let (_, set) =
            check_set(&templates, policies).map_err(|faults| OpenError::Faults { set: None, faults })?;
        founded = store.found_policies(set, FOUNDER).await.map_err(stored)?;
    }
    let now = store.clock().now();
    let set = store.set_in_force(now).await.map_err(stored)?;
    let set = set.ok_or(RulesError::None)?;
    if founded.is_none() {
        let files = store.set_files(set).await.map_err(stored)?;
        check_set(&templates, &files).map_err(|faults| OpenError::Faults {
            set: Some(set),
            faults,
        })?;
    }
    Ok((Rules::published(store, templates).await?, founded))
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
        for case in run_cases(pack, &rulebook.policy)
            .into_iter()
            .filter(|c| !c.holds())
        {
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
            Some((line, sentence)) if line.trim().parse::<usize>().is_ok() => {
                (line.trim().parse().ok(), sentence)
            }
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
