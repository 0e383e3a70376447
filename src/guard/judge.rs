//! Facts → verdict: every rule of the kinds asked about, the strictest wins, and a hold names the first instant that
//! suits all of them. Needs no store, no draft and no names; allocates only when something is not kept.

use super::ask::{Asking, Says};
use super::timetable::Timetable;
use crate::domain::{Moment, Verdict};
use crate::policy::{
    Body, Contact, Facts, Head, Holidays, Kind, Mark, Medium, Outcome, Rule, Set, core_rule,
};

/// One rule that is not kept.
#[derive(Debug, Clone)]
pub struct Breach<'p> {
    /// Where it comes from.
    pub head: &'p Head,
    /// What it alone leads to.
    pub verdict: Verdict,
}

/// The answer to facts.
#[derive(Debug, Clone)]
pub struct Judgement<'p> {
    /// The strictest of all breaches.
    pub verdict: Verdict,
    /// Every rule that is not kept, in the order of the packs.
    pub breaches: Vec<Breach<'p>>,
    /// Rules that are shown and decide nothing.
    pub warnings: Vec<&'p Head>,
}

/// The kinds that have a clock or a count.
pub fn timed_kinds() -> Set<Kind> {
    Set::of(&[Kind::Hours, Kind::Caps, Kind::Waits, Kind::Patterns])
}

/// Judges facts under `rules`, as far as they are of `kinds`. The instant of a hold always suits the hours of all
/// rules, whatever `kinds` are.
pub fn judge<'p>(rules: &[&'p Rule], f: &Facts, holidays: &Holidays, kinds: Set<Kind>) -> Judgement<'p> {
    let timetable = Timetable::new(f, holidays, 0);
    let asking = Asking::new(&timetable);
    let mut out = Judgement {
        verdict: Verdict::Cleared,
        breaches: Vec::new(),
        warnings: Vec::new(),
    };
    if needs_zone(rules, f, kinds) {
        out.add(core_rule("situation.no_time_zone"), Verdict::Review);
        return out;
    }
    let mut later: Option<Moment> = None;
    let everything = kinds == Set::all();
    for rule in rules.iter().filter(|r| everything || r.answers(kinds)) {
        let verdict = match asking.ask(rule) {
            Says::Nothing if lacks(rule, f) => element_verdict(rule),
            Says::Nothing | Says::Kept => continue,
            Says::Shown => {
                out.warnings.push(&rule.head);
                continue;
            }
            Says::NotBefore(until) => {
                later = Some(later.map_or(until, |l| l.max(until)));
                Verdict::Held { until }
            }
            Says::NoCalendar => Verdict::Review,
            Says::Never => Verdict::Blocked,
            Says::Outcome(Outcome::Blocked) => Verdict::Blocked,
            Says::Outcome(_) => Verdict::Review,
        };
        out.add(&rule.head, verdict);
    }
    let unstated = kinds.has(Kind::Elements) && !rules.is_empty() && f.marks.has(Mark::RequiredMissing);
    if unstated && f.missing.iter().any(|m| !named(rules, f, m)) {
        out.add(core_rule("element.required"), Verdict::Blocked);
    }
    if kinds.has(Kind::Hours)
        && !rules.is_empty()
        && let Says::NotBefore(until) = asking.personal(rules)
    {
        later = Some(later.map_or(until, |l| l.max(until)));
        out.add(core_rule("hours.personal"), Verdict::Held { until });
    }
    if later.is_some() {
        out.settle(asking.lawful(rules, f.at));
    }
    out
}

impl<'p> Judgement<'p> {
    fn add(&mut self, head: &'p Head, verdict: Verdict) {
        self.verdict = self.verdict.and(verdict);
        self.breaches.push(Breach { head, verdict });
    }

    /// Gives every hold the instant that suits all; without one there is nothing to wait for.
    fn settle(&mut self, lawful: Option<Moment>) {
        for b in &mut self.breaches {
            if let Verdict::Held { until } = &mut b.verdict {
                *until = lawful.unwrap_or(*until);
            }
        }
        let verdicts = self.breaches.iter().map(|b| b.verdict);
        self.verdict = verdicts.max().unwrap_or(Verdict::Cleared);
        if lawful.is_none() {
            self.add(core_rule("hours.never"), Verdict::Blocked);
        }
    }
}

/// Whether rules of the kinds asked about need the recipient's clock, and nobody knows the zone.
fn needs_zone(rules: &[&Rule], f: &Facts, kinds: Set<Kind>) -> bool {
    let dated = |r: &&Rule| match &r.body {
        Body::Hours(_) => f.medium != Medium::Letter,
        Body::Cap(_) | Body::Wait { .. } | Body::Pattern(_) => true,
        Body::Conduct { until, .. } => until.is_some(),
        _ => false,
    };
    f.zones.is_empty() && rules.iter().filter(|r| r.answers(kinds)).any(dated)
}

/// Whether the facts name something as missing that an element rule asks for.
fn lacks(rule: &Rule, f: &Facts) -> bool {
    if f.missing.is_empty() {
        return false;
    }
    let due = |contact: Contact| match contact {
        Contact::Any => true,
        Contact::First => !f.marks.has(Mark::LaterContact),
        Contact::Later => f.marks.has(Mark::LaterContact),
    };
    match &rule.body {
        Body::Says {
            says,
            contact,
            waived: false,
            ..
        } => due(*contact) && says.iter().any(|(name, _)| f.missing.contains(name)),
        Body::Element { element, contact, .. } => {
            due(*contact) && f.missing.iter().any(|m| m == element.as_str())
        }
        _ => false,
    }
}

/// Whether a rule answers for an element: it finds it missing, or says that this sender need not state it.
fn named(rules: &[&Rule], f: &Facts, missing: &str) -> bool {
    rules.iter().any(|r| match &r.body {
        Body::Says { says, waived, .. } => {
            says.iter().any(|(name, _)| name == missing) && (*waived || lacks(r, f))
        }
        Body::Element { element, .. } => element.as_str() == missing && lacks(r, f),
        _ => false,
    })
}

fn element_verdict(rule: &Rule) -> Verdict {
    match &rule.body {
        Body::Says { outcome, .. } | Body::Element { outcome, .. } => super::verdict_of(*outcome),
        _ => Verdict::Cleared,
    }
}
