//! What is wrong with a pack that reads well: rules that no case proves, ids used twice, claims without a source.

use super::pack::Pack;
use super::rules::{Kind, Rule};
use crate::domain::{Level, Sureness};

/// One remark about a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// Name of the pack.
    pub pack: String,
    /// The rule it is about.
    pub rule: String,
    /// Whether it fails the build.
    pub fatal: bool,
    /// The remark in Chinese.
    pub zh: String,
    /// The remark in English.
    pub en: String,
}

/// Every remark about one pack; a rule without a case is fatal.
pub fn lint(pack: &Pack) -> Vec<Lint> {
    let mut out = Vec::new();
    let mut say = |rule: &Rule, fatal, zh: &str, en: &str| {
        out.push(Lint {
            pack: pack.name.to_string(),
            rule: rule.head.id.to_string(),
            fatal,
            zh: zh.to_owned(),
            en: en.to_owned(),
        });
    };
    let all: Vec<&Rule> = pack
        .rules
        .iter()
        .chain(pack.lexicon.entries.iter().map(|e| &e.rule))
        .collect();
    for (i, rule) in all.iter().enumerate() {
        if all[..i].iter().any(|other| other.head.id == rule.head.id) {
            say(
                rule,
                true,
                "同一规则编号出现两次",
                "the id is used twice in this pack",
            );
        }
        if !proven(rule, pack) {
            say(rule, true, "没有任何用例验证该规则", "no case expects this rule");
        }
        if rule.head.level == Level::Statute && rule.head.sureness == Sureness::Unverified {
            say(
                rule,
                false,
                "标为法律却未经核实",
                "called a statute but not verified",
            );
        }
        if rule.head.level != Level::House && rule.head.basis == "house rule" {
            say(
                rule,
                true,
                "依据为自定规则,级别却不是 house",
                "a house rule whose level is not `house`",
            );
        }
    }
    out
}

/// Whether a case expects the rule. Retention decides no verdict; a category is proven by any of its entries.
fn proven(rule: &Rule, pack: &Pack) -> bool {
    let id = &*rule.head.id;
    let below = format!("{id}.");
    let expects = |found: &String| found == id || (rule.kind() == Kind::Content && found.starts_with(&below));
    rule.kind() == Kind::Retention || pack.cases.cases.iter().flat_map(|c| &c.rules).any(expects)
}
