//! Draft + situation + policy + now → verdict. Every rule that speaks about the situation is evaluated, every finding
//! is returned, and the strictest wins. There is no `Result` here: a refusal is a verdict.
//!
//! [`review`] is the only place that makes a [`Clearance`], and only for what is cleared; without one the store gives
//! no reservation and nothing is sent. `dispatch` calls it before sending, the doors call it for the person waiting.

mod ask;
mod cases;
mod claims;
pub mod classifier;
mod combined;
mod conditions;
pub mod content;
mod counts;
mod detect;
mod elements;
mod facts_of;
pub mod instead;
mod judge;
mod offsets;
pub mod report;
mod status;
mod timetable;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::*;
use crate::policy::fold::{Folded, fold, fold_html};
use crate::policy::{Asked, Body, Facts, Head, Kind, Outcome, PolicySet, Rule, core_rule};
use ask::{Asking, Says};
pub use cases::{CaseResult, run_cases};
pub use combined::{Binding, Combined, OpenSlot, Standing, binding};
pub use facts_of::facts_of;
pub use judge::{Breach, Judgement, judge, timed_kinds};
use timetable::Timetable;

/// The answer to one draft.
#[derive(Debug, Clone)]
pub struct Review {
    /// The strictest of all findings.
    pub verdict: Verdict,
    /// Every reason, strictest first. One whose verdict is `cleared` is a warning: it is shown and decides nothing.
    pub findings: Vec<Finding>,
    /// Every rule that was evaluated, for the evidence.
    pub evaluated: Vec<Evaluated>,
    /// The right to ask for a reservation; only with the verdict `cleared`.
    pub clearance: Option<Clearance>,
}

/// The findings that decide, without those that are only shown.
pub fn decisive(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|f| f.verdict != Verdict::Cleared)
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
    lands_before: Option<Moment>,
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

    /// When contact hours close, margin and all: what arrives later arrives at a forbidden hour. `None`: no hours
    /// bind it, as with letters, which are judged by the day of posting.
    pub fn lands_before(&self) -> Option<Moment> {
        self.lands_before
    }
}

/// One part of the draft as rules see it.
struct Part {
    name: &'static str,
    text: String,
    folded: Folded,
    /// What came from data of others.
    variables: Vec<content::Variable>,
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
        // A hold without its day cannot be ended by waiting: a person decides.
        Outcome::Held | Outcome::Review => Verdict::Review,
        Outcome::Blocked => Verdict::Blocked,
    }
}

/// Judges a draft. Total: whatever is missing or in doubt becomes a finding.
pub fn review(draft: &Draft, situation: &Situation, policy: &PolicySet, now: Moment) -> Review {
    let parts = parts_of(draft, situation);
    let facts = facts_of(situation, now);
    let asked = Asked::Beside(&situation.portfolio.packs);
    let mut applied = policy.applied(&facts, asked);
    applied.entries = policy.speaking(&facts, asked);
    for (speaks, entry) in applied.entries.iter_mut().zip(policy.lexicons().entries()) {
        *speaks = *speaks && entry.when.holds(situation);
    }
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
    let timetable = Timetable::new(&facts, policy.holidays(), 0);
    let asking = Asking::new(&timetable);
    for rule in &applied.rules {
        by_rule(&mut desk, rule, &views, &asking);
    }
    let claims = claims::of(&applied.rules, &asking, situation);
    let ends = time(&mut desk, &applied.rules, policy, &facts);
    finish(desk, claims, ends)
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
fn supplied(text: &str, s: &Situation) -> Vec<content::Variable> {
    let postal = match &s.contact_point.address {
        Address::Postal(postal) => &postal.lines[..],
        _ => &[],
    };
    let own = [
        (("债务人姓名", "the debtor's name"), s.debtor.name.as_str()),
        (("收件人姓名", "the recipient's name"), s.recipient.name.as_str()),
        (("账户编号", "the reference of the account"), &s.account.reference),
    ];
    let lines = postal
        .iter()
        .map(|line| (("收件地址", "the postal address"), line.as_str()));
    own.into_iter()
        .chain(lines)
        .filter(|(_, known)| !known.is_empty())
        .flat_map(|(name, known)| {
            let spelled = escaped(known);
            let page = (spelled != known).then_some(spelled);
            let find = |words: &str| -> Vec<_> {
                let found = text.match_indices(words).take(100);
                found.map(|(at, k)| at..at + k.len()).collect()
            };
            let mut spans = find(known);
            spans.extend(page.iter().flat_map(|words| find(words)));
            spans
                .into_iter()
                .map(move |span| content::Variable { name, span })
        })
        .collect()
}

/// Words as they stand in the page of an e-mail.
fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            '/' => out.push_str("&#x2f;"),
            _ => out.push(c),
        }
    }
    out
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
fn by_rule(desk: &mut Desk<'_>, rule: &Rule, views: &[String], asking: &Asking<'_>) {
    match &rule.body {
        Body::Element { outcome, .. } | Body::Says { outcome, .. } => {
            let missing = elements::missing(rule, desk.s, views);
            desk.decide(&rule.head, missing.then(|| verdict_of(*outcome)));
        }
        Body::Hours(_) => {}
        _ => match asking.ask(rule) {
            Says::Nothing if matches!(rule.body, Body::Conduct { .. } | Body::Cap(_)) => {
                desk.pass(&rule.head)
            }
            Says::Nothing => {}
            // What is true of every message is shown with the pack, not with each message.
            Says::Shown if rule.is_conditional() || matches!(rule.body, Body::Warning(Some(_))) => {
                desk.report(&rule.head, Verdict::Cleared, None);
            }
            Says::Shown => {}
            Says::Kept => desk.pass(&rule.head),
            Says::NotBefore(until) => desk.hold(&rule.head, Some(until)),
            Says::NoCalendar => {}
            Says::Never => desk.decide(&rule.head, Some(Verdict::Blocked)),
            Says::Outcome(outcome) => desk.decide(&rule.head, Some(verdict_of(outcome))),
        },
    }
}

/// What the clock says: hours, holds moved to lawful instants, and when the clearance ends.
fn time(desk: &mut Desk<'_>, rules: &[&Rule], policy: &PolicySet, facts: &Facts) -> Ends {
    let (s, now) = (desk.s, desk.now);
    let tomorrow = now + TimeDelta::days(1);
    let ends = s.attempt.expires_at;
    let margin = margin(rules);
    let plain = Timetable::new(facts, policy.holidays(), 0);
    let cut = Timetable::new(facts, policy.holidays(), margin.map_or(0, |(_, minutes)| minutes));
    let (asking, early) = (Asking::new(&plain), Asking::new(&cut));
    let hours: Vec<&Rule> = rules
        .iter()
        .filter(|r| r.kind() == Kind::Hours)
        .copied()
        .collect();
    let timed = s.attempt.channel != Channel::Letter;
    let asked = hours.iter().any(|r| r.restrains(facts));
    desk.core_if(timed && !asked, "policy.no_hours", Verdict::Blocked);
    if facts.zones.is_empty() {
        desk.report(
            core_rule("situation.no_time_zone"),
            Verdict::Held { until: tomorrow },
            None,
        );
        settle_holds(desk, |at| Some(at.max(tomorrow)));
        return Ends {
            reserve: ends,
            land: None,
        };
    }
    desk.pass(core_rule("situation.no_time_zone"));
    let said: Vec<(&Rule, Says)> = hours.iter().map(|r| (*r, asking.ask(r))).collect();
    let unknown = said.iter().any(|(_, says)| *says == Says::NoCalendar);
    desk.core_if(unknown, "hours.no_calendar", Verdict::Held { until: tomorrow });
    if let (true, Some(gap), Some(finding)) = (unknown, plain.gap(now), desk.findings.last_mut()) {
        finding.zh += &gap.zh();
        finding.en = format!("{} In particular: {}.", finding.en, gap.en());
    }
    let mut open = true;
    for (rule, says) in &said {
        let closed = matches!(says, Says::NotBefore(_));
        open &= *says == Says::Kept || *says == Says::Nothing;
        if *says != Says::NoCalendar {
            desk.hold(&rule.head, closed.then_some(now));
        }
    }
    let personal = asking.personal(rules);
    match personal {
        Says::NotBefore(until) => desk.core_hold("hours.personal", Some(until)),
        Says::Kept => desk.core_hold("hours.personal", None),
        _ => {}
    }
    if let Some((rule, _)) = margin {
        let closing =
            open && !hours.is_empty() && hours.iter().any(|r| matches!(early.ask(r), Says::NotBefore(_)));
        desk.hold(&rule.head, closing.then_some(now));
    }
    settle_holds(desk, |at| early.lawful(rules, at));
    Ends {
        reserve: early.closes(rules).map_or(ends, |close| ends.min(close)),
        land: asking.closes(rules),
    }
}

/// When a clearance ends: for reserving, and for arriving.
struct Ends {
    reserve: Moment,
    land: Option<Moment>,
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
fn finish(desk: Desk<'_>, caps: Vec<CapClaim>, ends: Ends) -> Review {
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
        valid_until: ends.reserve,
        lands_before: ends.land,
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
mod properties;
#[cfg(test)]
pub(crate) mod tests;
