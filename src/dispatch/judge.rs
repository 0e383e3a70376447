//! One attempt judged: rendered, reviewed by the guard, and turned into what the store shall record.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::record;
use super::rulebook::Rulebook;
use chrono::TimeDelta;

use crate::domain::{Finding, Level, Moment, Situation, Sureness, Verdict};
use crate::guard::{self, Clearance};
use crate::render::{self, RenderFault, Rendered, Value};
use crate::store::{Action, Claimed, Decision};

/// What came of judging one attempt.
#[derive(Debug)]
pub struct Judgement {
    /// The strictest of all findings.
    pub verdict: Verdict,
    /// Every reason, strictest first.
    pub findings: Vec<Finding>,
    /// The message, where it could be rendered.
    pub rendered: Option<Rendered>,
    /// The right to reserve, when cleared.
    clearance: Option<Clearance>,
    trace: String,
}

/// Renders and reviews. Total: a missing fact or a fault of the program stops the attempt with a finding.
pub fn judge(rulebook: &Rulebook, situation: &Situation, now: Moment) -> Judgement {
    catch_unwind(AssertUnwindSafe(|| try_judge(rulebook, situation, now))).unwrap_or_else(|_| {
        stopped(vec![core_finding(
            "core.fault",
            "程序在判断这条消息时出错,消息未发送,请联系管理员。",
            "the program failed while judging this message; nothing was sent; call an administrator",
        )])
    })
}

fn try_judge(rulebook: &Rulebook, situation: &Situation, now: Moment) -> Judgement {
    let today = now.date_in(situation.portfolio.zone);
    match render::render(&rulebook.catalogue, situation, today, &extras(situation)) {
        Err(faults) => stopped(faults.iter().map(fault_finding).collect()),
        Ok(rendered) => {
            let review = guard::review(&rendered.draft, situation, &rulebook.policy, now);
            Judgement {
                verdict: review.verdict,
                findings: review.findings,
                trace: record::trace(&review.evaluated),
                clearance: review.clearance,
                rendered: Some(rendered),
            }
        }
    }
}

/// What documents need beyond the facts of the situation, as far as the ledger itself tells it.
fn extras(s: &Situation) -> BTreeMap<String, Value> {
    let a = &s.account;
    let money = |minor| Value::Amount(crate::domain::Money::new(minor, a.currency));
    let row = vec![
        Value::Text(a.reference.clone()),
        a.issued_on.map_or_else(|| Value::Text("-".into()), Value::Date),
        Value::Date(a.due_on),
        money(a.amount_minor),
        money(a.amount_minor - a.balance_minor),
        money(a.balance_minor),
    ];
    let wanted = s.attempt.template.as_deref() == Some("statement");
    wanted
        .then(|| ("statement_rows".to_owned(), Value::Rows(vec![row])))
        .into_iter()
        .collect()
}

fn stopped(findings: Vec<Finding>) -> Judgement {
    Judgement {
        verdict: Verdict::Blocked,
        findings,
        rendered: None,
        clearance: None,
        trace: "[]".to_owned(),
    }
}

fn fault_finding(fault: &RenderFault) -> Finding {
    let place = |text: &str| match (&fault.file, fault.line) {
        (Some(file), Some(line)) => format!("{text} (templates/{file}:{line})"),
        (Some(file), None) => format!("{text} (templates/{file})"),
        _ => text.to_owned(),
    };
    core_finding(fault.code, &place(&fault.zh), &place(&fault.en))
}

fn core_finding(rule: &str, zh: &str, en: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        verdict: Verdict::Blocked,
        pack: "core".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        citation: "house rule".to_owned(),
        level: Level::House,
        sureness: Sureness::Verified,
        zh: zh.to_owned(),
        en: en.to_owned(),
        span: None,
        instead: None,
    }
}

impl Judgement {
    /// What the store shall record of it, and the message that a reservation would send.
    pub(super) fn into_decision(
        self,
        claimed: &Claimed,
        policy_digest: &str,
    ) -> (Decision, Option<Rendered>) {
        let situation = &claimed.situation;
        let fields = record::fields(situation, self.rendered.as_ref(), &self.findings, policy_digest);
        let content = self
            .rendered
            .as_ref()
            .map(|r| record::content(situation, &r.draft));
        let reason = self.findings.first().map(|f| f.rule.clone());
        let action = match (self.verdict, self.clearance) {
            (Verdict::Cleared, Some(clearance)) => Action::Reserve(clearance),
            // INVARIANT: cleared without a clearance cannot be; in doubt nothing goes out.
            (Verdict::Cleared, None) | (Verdict::Blocked, _) => Action::Block,
            (Verdict::Held { until }, _) => Action::Hold { until },
            (Verdict::Review, _) => Action::Review,
        };
        let decision = Decision {
            attempt: situation.attempt.id,
            action,
            registry_version: claimed.registry_version,
            fields,
            trace: self.trace,
            content,
            findings: record::findings_json(&self.findings),
            reason,
        };
        (decision, self.rendered)
    }
}

/// An attempt that is older than it may become.
pub(super) fn expired(claimed: &Claimed, policy_digest: &str) -> Decision {
    Decision {
        attempt: claimed.situation.attempt.id,
        action: Action::Withdraw,
        registry_version: claimed.registry_version,
        fields: record::fields(&claimed.situation, None, &[], policy_digest),
        trace: "[]".to_owned(),
        content: None,
        findings: None,
        reason: Some("expired".to_owned()),
    }
}

/// A channel that the settings switch off: fine later, should it be switched on before the attempt expires.
pub(super) fn without_carrier(claimed: &Claimed, policy_digest: &str, now: Moment) -> Decision {
    let until = now + TimeDelta::hours(4);
    let finding = Finding {
        verdict: Verdict::Held { until },
        ..core_finding(
            "channel.no_carrier",
            "此渠道未设置承运方,消息暂缓。",
            "no carrier is set up for this channel; the message waits",
        )
    };
    let findings = [finding];
    Decision {
        action: Action::Hold { until },
        fields: record::fields(&claimed.situation, None, &findings, policy_digest),
        findings: record::findings_json(&findings),
        reason: Some("channel.no_carrier".to_owned()),
        ..expired(claimed, policy_digest)
    }
}
