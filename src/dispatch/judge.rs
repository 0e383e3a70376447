//! One attempt judged: rendered, reviewed by the guard, and turned into what the store shall record.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::TimeDelta;

use super::record::{self, Kept, Told};
use super::rulebook::Rulebook;
use super::rules::InForce;
use crate::domain::{Finding, Level, Moment, Situation, Sureness, Verdict};
use crate::evidence;
use crate::guard::{self, Clearance, Evaluated, decisive};
use crate::render::{self, RenderFault, Rendered, Value};
use crate::store::{Action, Claimed, Decision};

/// The fields of an entry.
type Fields = BTreeMap<String, evidence::Value>;

/// What came of judging one attempt.
#[derive(Debug)]
pub struct Judgement {
    /// The strictest of all findings.
    pub verdict: Verdict,
    /// Every reason, strictest first.
    pub findings: Vec<Finding>,
    /// The message, where it could be rendered.
    pub rendered: Option<Rendered>,
    /// Every rule that was evaluated.
    pub evaluated: Vec<Evaluated>,
    /// The right to reserve, when cleared.
    clearance: Option<Clearance>,
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
                evaluated: review.evaluated,
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

pub(super) fn stopped(findings: Vec<Finding>) -> Judgement {
    Judgement {
        verdict: Verdict::Blocked,
        findings,
        rendered: None,
        evaluated: Vec::new(),
        clearance: None,
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
    /// Until when a cleared message may be reserved: its window closes, or it grows too old.
    pub fn valid_until(&self) -> Option<Moment> {
        self.clearance.as_ref().map(Clearance::valid_until)
    }

    /// The fields of the entry of this judgement.
    pub(super) fn fields(&self, situation: &Situation, under: &InForce) -> Fields {
        let told = Told {
            rendered: self.rendered.as_ref(),
            findings: &self.findings,
        };
        record::fields(situation, told, under)
    }

    /// The rules that were evaluated, canonical JSON.
    pub(super) fn trace(&self) -> String {
        record::trace(&self.evaluated)
    }

    /// What the store shall record of it, and the message that a reservation would send.
    pub(super) fn into_decision(self, judged: &Judged<'_>, kept: &mut Kept) -> (Decision, Option<Rendered>) {
        let situation = &judged.claimed.situation;
        let content = self
            .rendered
            .as_ref()
            .map(|r| record::content(situation, &r.draft));
        let (fields, trace) = (self.fields(situation, judged.under), self.trace());
        let reason = decisive(&self.findings).next().map(|f| f.rule.clone());
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
            registry_version: judged.claimed.registry_version,
            fields,
            trace,
            content,
            findings: record::findings_json(&self.findings),
            reason,
            basis: Some(kept.basis(situation, judged.under, judged.now)),
        };
        (decision, self.rendered)
    }
}

/// What is decided about, under which rules, and when.
pub(super) struct Judged<'a> {
    pub(super) claimed: &'a Claimed,
    pub(super) under: &'a InForce,
    pub(super) now: Moment,
}

/// An attempt that is older than it may become.
pub(super) fn expired(judged: &Judged<'_>, kept: &mut Kept) -> Decision {
    let situation = &judged.claimed.situation;
    Decision {
        attempt: situation.attempt.id,
        action: Action::Withdraw,
        registry_version: judged.claimed.registry_version,
        fields: stopped(Vec::new()).fields(situation, judged.under),
        trace: "[]".to_owned(),
        content: None,
        findings: None,
        reason: Some(EXPIRED.to_owned()),
        basis: Some(kept.basis(situation, judged.under, judged.now)),
    }
}

/// What the state of this installation keeps from going, whatever the guard would say: fine later, should that state
/// end before the attempt expires.
pub(super) fn kept_back(judged: &Judged<'_>, kept: &mut Kept, rule: &'static str) -> Decision {
    let (until, found) = of_installation(rule, judged.now);
    let findings = found.findings.clone();
    Decision {
        action: Action::Hold { until },
        fields: found.fields(&judged.claimed.situation, judged.under),
        findings: record::findings_json(&findings),
        reason: Some(rule.to_owned()),
        ..expired(judged, kept)
    }
}

/// The reason of an attempt that grew too old.
pub(super) const EXPIRED: &str = "expired";

/// The rule of a channel without carrier.
pub(super) const NO_CARRIER: &str = "channel.no_carrier";

/// The rule of a message to somebody who is not on the list of the test mode.
pub(super) const TEST_MODE: &str = "channel.test_mode";

/// The judgement of a channel without carrier, or of the test mode, and until when it holds.
pub(super) fn of_installation(rule: &str, now: Moment) -> (Moment, Judgement) {
    let until = now + TimeDelta::hours(4);
    let (zh, en) = match rule {
        TEST_MODE => (
            "测试模式已开启,收件人不在允许名单中,消息暂缓。",
            "the test mode is on and the recipient is not on its list; the message waits",
        ),
        _ => (
            "此渠道未设置承运方,消息暂缓。",
            "no carrier is set up for this channel; the message waits",
        ),
    };
    let finding = Finding {
        verdict: Verdict::Held { until },
        ..core_finding(rule, zh, en)
    };
    let held = Judgement {
        verdict: Verdict::Held { until },
        ..stopped(vec![finding])
    };
    (until, held)
}
