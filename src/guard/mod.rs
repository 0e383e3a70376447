//! Draft + situation + policy + now → verdict. Every rule that speaks about the situation is evaluated, every finding
//! is returned, and the strictest wins. There is no `Result` here: a refusal is a verdict.
//!
//! [`review`] is the only place that makes a [`Clearance`], and only for what is cleared; without one the store gives
//! no reservation and nothing is sent. `dispatch` calls it before sending, the doors call it for the person waiting.

mod caps;
mod cases;
pub mod classifier;
pub mod content;
pub mod instead;
mod detect;
mod elements;
mod hours;
pub mod report;
mod status;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::*;
use crate::policy::fold::{Folded, fold, fold_html};
use crate::policy::{Body, Head, Outcome, PolicySet, Rule, Week, core_rule};
use caps::Room;
pub use cases::{CaseResult, run_cases};
use hours::Hours;

/// The answer to one draft.
#[derive(Debug, Clone)]
pub struct Review {
    /// The strictest of all findings.
    pub verdict: Verdict,
    /// Every reason, strictest first.
    pub findings: Vec<Finding>,
    /// Every rule that was evaluated, for the evidence.
    pub evaluated: Vec<Evaluated>,
    /// The right to ask for a reservation; only with the verdict `cleared`.
    pub clearance: Option<Clearance>,
}

/// One rule that was evaluated, and what it alone would lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// Rule id.
    pub rule: Arc<str>,
    /// Pack it stands in.
    pub pack: Arc<str>,
    /// Version of the pack.
    pub version: Arc<str>,
    /// What it alone leads to.
    pub verdict: Verdict,
}

/// Proof that the guard cleared one attempt, with what a reservation must find unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clearance {
    attempt: AttemptId,
    account_revision: i64,
    recipient_revision: i64,
    debtor_revision: i64,
    caps: Vec<CapClaim>,
    decided_at: Moment,
    valid_until: Moment,
}

impl Clearance {
    /// Which attempt.
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// Revision of the account that was judged.
    pub fn account_revision(&self) -> i64 {
        self.account_revision
    }

    /// Revision of the recipient that was judged.
    pub fn recipient_revision(&self) -> i64 {
        self.recipient_revision
    }

    /// Revision of the debtor that was judged.
    pub fn debtor_revision(&self) -> i64 {
        self.debtor_revision
    }

    /// Caps to count again, under a lock on their keys.
    pub fn caps(&self) -> &[CapClaim] {
        &self.caps
    }

    /// When it was decided.
    pub fn decided_at(&self) -> Moment {
        self.decided_at
    }

    /// A reservation at or after this instant is refused: the window closes, or the attempt expires.
    pub fn valid_until(&self) -> Moment {
        self.valid_until
    }
}

/// One part of the draft as rules see it.
struct Part {
    name: &'static str,
    text: String,
    folded: Folded,
    /// Byte ranges that came from data of others.
    variables: Vec<std::ops::Range<usize>>,
}

/// Where findings are gathered.
struct Desk<'a> {
    s: &'a Situation,
    draft: &'a Draft,
    parts: &'a [Part],
    now: Moment,
    findings: Vec<Finding>,
    evaluated: Vec<Evaluated>,
    holds: Vec<(Head, Moment)>,
}

impl Desk<'_> {
    fn pass(&mut self, head: &Head) {
        self.evaluate(head, Verdict::Cleared);
    }

    fn evaluate(&mut self, head: &Head, verdict: Verdict) {
        self.evaluated.push(Evaluated {
            rule: head.id.clone(),
            pack: head.pack.clone(),
            version: head.version.clone(),
            verdict,
        });
    }

    fn report(
        &mut self,
        head: &Head,
        verdict: Verdict,
        span: Option<(&'static str, std::ops::Range<usize>)>,
    ) {
        self.evaluate(head, verdict);
        let zone = self.s.zones().shown();
        let say = |text: &str| match verdict {
            Verdict::Held { until } => text.replace("{until}", &until.local_text(zone)),
            _ => text.to_owned(),
        };
        self.findings.push(Finding {
            rule: head.id.to_string(),
            verdict,
            pack: head.pack.to_string(),
            version: head.version.to_string(),
            citation: head.basis.clone(),
            level: head.level,
            sureness: head.sureness,
            zh: say(&head.zh),
            en: say(&head.en),
            instead: head.instead.clone(),
            span,
        });
    }

    fn decide(&mut self, head: &Head, verdict: Option<Verdict>) {
        match verdict {
            Some(verdict) => self.report(head, verdict, None),
            None => self.pass(head),
        }
    }

    fn core_if(&mut self, wrong: bool, id: &str, verdict: Verdict) {
        self.decide(core_rule(id), wrong.then_some(verdict));
    }

    /// Holds until `until`, which is moved to a lawful hour at the end.
    fn hold(&mut self, head: &Head, until: Option<Moment>) {
        match until {
            Some(until) => self.holds.push((head.clone(), until)),
            None => self.pass(head),
        }
    }

    fn core_hold(&mut self, id: &str, until: Option<Moment>) {
        self.hold(core_rule(id), until);
    }
}

fn verdict_of(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Review => Verdict::Review,
        Outcome::Blocked => Verdict::Blocked,
    }
}

/// Judges a draft. Total: whatever is missing or in doubt becomes a finding.
pub fn review(draft: &Draft, situation: &Situation, policy: &PolicySet, now: Moment) -> Review {
    let parts = parts_of(draft, situation);
    let applied = policy.applied(situation, now);
    let mut desk = Desk {
        s: situation,
        draft,
        parts: &parts,
        now,
        findings: Vec::new(),
        evaluated: Vec::with_capacity(160),
        holds: Vec::new(),
    };
    desk.core_if(!applied.missing.is_empty(), "policy.missing", Verdict::Blocked);
    status::judge(&mut desk);
    words(&mut desk);
    content::report(&mut desk, policy, &applied);
    let views = elements::views(draft, &parts);
    let mut claims = Vec::new();
    for rule in &applied.rules {
        by_rule(&mut desk, rule, &views, &mut claims);
    }
    let consent_ends = time(&mut desk, &applied.rules, policy);
    finish(desk, claims, consent_ends)
}

fn parts_of(draft: &Draft, s: &Situation) -> Vec<Part> {
    let part = |(name, text): (&'static str, String)| Part {
        folded: if name == "html" {
            fold_html(&text)
        } else {
            fold(&text)
        },
        variables: supplied(&text, s),
        text,
        name,
    };
    draft.parts().into_iter().map(part).collect()
}

/// Where data of others stands in a text: names, the account's reference, lines of addresses.
fn supplied(text: &str, s: &Situation) -> Vec<std::ops::Range<usize>> {
    let postal = match &s.contact_point.address {
        Address::Postal(postal) => &postal.lines[..],
        _ => &[],
    };
    let names = [
        s.debtor.name.as_str(),
        s.recipient.name.as_str(),
        &s.account.reference,
    ];
    let all = names.into_iter().chain(postal.iter().map(String::as_str));
    all.filter(|known| !known.is_empty())
        .flat_map(|known| {
            text.match_indices(known)
                .take(100)
                .map(|(at, k)| at..at + k.len())
        })
        .collect()
}

/// The core rule about words that are not there.
fn words(desk: &mut Desk<'_>) {
    let empty = desk.parts.iter().all(|p| p.folded.text().trim().is_empty());
    desk.core_if(
        empty && desk.s.attempt.channel != Channel::Call,
        "content.empty",
        Verdict::Blocked,
    );
}

/// Rules of packs that are neither about words nor about hours.
fn by_rule(desk: &mut Desk<'_>, rule: &Rule, views: &[String], claims: &mut Vec<CapClaim>) {
    let (s, now) = (desk.s, desk.now);
    match &rule.body {
        Body::Status { .. } | Body::Recipients { .. } | Body::Sender { .. } => {
            desk.decide(&rule.head, status::by_rule(rule, s, now));
        }
        Body::Element { outcome, .. } => {
            let missing = elements::missing(rule, s, views);
            desk.decide(&rule.head, missing.then(|| verdict_of(*outcome)));
        }
        Body::Cap { .. } if lifted(rule, s, ConsentScope::Frequency, now).is_some() => desk.pass(&rule.head),
        Body::Cap { .. } => match caps::room(rule, s, now) {
            Room::NotCounted => desk.pass(&rule.head),
            Room::Free(claim) => {
                desk.pass(&rule.head);
                claims.push(claim);
            }
            Room::Until(until) => desk.hold(&rule.head, Some(until)),
            Room::Never => desk.decide(&rule.head, Some(Verdict::Blocked)),
        },
        Body::Hours(_) | Body::CloseMargin { .. } | Body::Retention { .. } | Body::Content { .. } => {}
    }
}

/// Whether a consent on record lifts the rule; if so, until when.
fn lifted(rule: &Rule, s: &Situation, scope: ConsentScope, now: Moment) -> Option<Option<Moment>> {
    let stands = |c: &&Consent| {
        c.scope == scope
            && c.person == s.recipient.id
            && c.channel.is_none_or(|channel| channel == s.attempt.channel)
            && c.given_at <= now
            && c.revoked_at.is_none()
            && c.until.is_none_or(|until| now < until)
    };
    let best = s.consents.iter().filter(stands).map(|c| c.until);
    // A consent without an end outlasts every other.
    rule.head
        .consent
        .then(|| best.max_by_key(|until| (until.is_none(), *until)))
        .flatten()
}

/// What the clock says: hours, holds moved to lawful hours, and when the clearance ends.
fn time(desk: &mut Desk<'_>, rules: &[&Rule], policy: &PolicySet) -> Moment {
    let (s, now) = (desk.s, desk.now);
    let tomorrow = now + TimeDelta::days(1);
    let zones = &s.zones().candidates;
    let mut ends = s.attempt.expires_at;
    let mut weeks: Vec<(&Rule, &Week)> = Vec::new();
    let mut asked = false;
    for rule in rules {
        let Body::Hours(week) = &rule.body else { continue };
        asked = true;
        match lifted(rule, s, ConsentScope::Hours, now) {
            Some(until) => {
                desk.pass(&rule.head);
                ends = until.map_or(ends, |until| ends.min(until));
            }
            None => weeks.push((rule, week)),
        }
    }
    let timed = s.attempt.channel != Channel::Letter;
    desk.core_if(timed && !asked, "policy.no_hours", Verdict::Blocked);
    let margin = margin(rules);
    let hours = Hours {
        weeks: weeks.iter().map(|(_, week)| *week).collect(),
        zones,
        country: place(s),
        holidays: policy.holidays(),
        margin: margin.map_or(0, |(_, minutes)| minutes),
    };
    if zones.is_empty() {
        desk.report(
            core_rule("situation.no_time_zone"),
            Verdict::Held { until: tomorrow },
            None,
        );
        settle_holds(desk, |at| Some(at.max(tomorrow)));
        return ends;
    }
    desk.pass(core_rule("situation.no_time_zone"));
    let unknown = weeks.iter().any(|(_, week)| hours.unknown(week, now));
    desk.core_if(unknown, "hours.no_calendar", Verdict::Held { until: tomorrow });
    for (rule, week) in weeks.iter().filter(|(_, week)| !hours.unknown(week, now)) {
        let open = zones.iter().all(|z| hours.open(week, *z, now, 0));
        desk.hold(&rule.head, (!open).then_some(now));
    }
    let all_open = |margin| {
        weeks
            .iter()
            .all(|(_, week)| zones.iter().all(|z| hours.open(week, *z, now, margin)))
    };
    if let Some((rule, minutes)) = margin {
        let closing = !weeks.is_empty() && all_open(0) && !all_open(minutes);
        desk.hold(&rule.head, closing.then_some(now));
    }
    settle_holds(desk, |at| hours.next(at));
    hours.earliest_close(now).map_or(ends, |close| ends.min(close))
}

/// The widest margin before closing.
fn margin<'p>(rules: &[&'p Rule]) -> Option<(&'p Rule, u16)> {
    let each = |r: &&'p Rule| {
        if let Body::CloseMargin { minutes } = r.body {
            Some((*r, minutes))
        } else {
            None
        }
    };
    rules.iter().filter_map(each).max_by_key(|(_, minutes)| *minutes)
}

/// The country whose holidays count: where the recipient is.
fn place(s: &Situation) -> Option<&str> {
    let phone = match &s.contact_point.address {
        Address::Phone(phone) => phone.region(),
        Address::Postal(postal) => Some(postal.country.as_str()),
        Address::Email(_) => None,
    };
    s.recipient
        .country
        .as_deref()
        .or(s.debtor.country.as_deref())
        .or(phone)
}

/// Turns holds into findings whose instant is a lawful hour.
fn settle_holds(desk: &mut Desk<'_>, lawful: impl Fn(Moment) -> Option<Moment>) {
    let mut never = false;
    for (head, at) in std::mem::take(&mut desk.holds) {
        let until = lawful(at.max(desk.now));
        never |= until.is_none();
        let until = until.unwrap_or(at.max(desk.now) + TimeDelta::days(14));
        desk.report(&head, Verdict::Held { until }, None);
    }
    let until = desk.now + TimeDelta::days(14);
    desk.core_if(never, "hours.never", Verdict::Held { until });
}

/// The strictest verdict, sorted findings, and the clearance if everything is clear.
fn finish(desk: Desk<'_>, caps: Vec<CapClaim>, valid_until: Moment) -> Review {
    let Desk {
        s,
        now,
        mut findings,
        evaluated,
        ..
    } = desk;
    let evaluated = strictest_of_each(evaluated);
    findings.sort_by_key(|f| std::cmp::Reverse(f.verdict));
    // An officer who approved has settled the doubts, and nothing but the doubts.
    let settled = |v: &Verdict| s.attempt.approved && *v == Verdict::Review;
    let verdicts = findings.iter().map(|f| f.verdict).filter(|v| !settled(v));
    let verdict = verdicts.max().unwrap_or(Verdict::Cleared);
    let clearance = (verdict == Verdict::Cleared).then_some(Clearance {
        attempt: s.attempt.id,
        account_revision: s.account.revision,
        recipient_revision: s.recipient.revision,
        debtor_revision: s.debtor.revision,
        caps,
        decided_at: now,
        valid_until,
    });
    Review {
        verdict,
        findings,
        evaluated,
        clearance,
    }
}

/// One line for each rule, however often it was asked, in the order of asking.
fn strictest_of_each(all: Vec<Evaluated>) -> Vec<Evaluated> {
    let mut out: Vec<(usize, Evaluated)> = all.into_iter().enumerate().collect();
    // Every rule has its id once in memory, so the address tells rules apart.
    out.sort_unstable_by_key(|(asked, e)| (Arc::as_ptr(&e.rule).addr(), *asked));
    out.dedup_by(|(_, again), (_, first)| {
        let same = Arc::ptr_eq(&again.rule, &first.rule);
        if same {
            first.verdict = first.verdict.and(again.verdict);
        }
        same
    });
    out.sort_unstable_by_key(|(asked, _)| *asked);
    out.into_iter().map(|(_, e)| e).collect()
}

#[cfg(test)]
pub(crate) mod tests;
