//! One line: its situation, the packs of its regime, the rules of its kind, and the verdict.

use chrono_tz::Tz;
use serde_json::Value;

use super::file::File;
use super::people::People;
use super::reading::{Object, Odd};
use super::{conduct, people, signals, timeline};
use crate::domain::{Moment, Verdict};
use crate::guard::{judge as judge_facts, timed_kinds};
use crate::policy::{Allowed, Asked, Facts, Head, Kind, PolicySet, Rule, Set, core_rule};

/// One reason.
#[derive(Debug, Clone)]
pub(super) struct Reason {
    pub(super) rule: String,
    pub(super) citation: String,
    pub(super) zh: String,
    pub(super) en: String,
}

/// The answer to a line.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) id: Value,
    pub(super) verdict: Verdict,
    pub(super) zone: Tz,
    pub(super) findings: Vec<Reason>,
}

/// Fields of a line that are read, and those that only explain it.
const LINE: &[&str] = &[
    "id",
    "regime",
    "kind",
    "given",
    "attempt",
    "expect",
    "not_before",
    "why",
    "source",
    "rule_channels",
    "counted_before",
    "warn",
    "scope",
    "note",
    "dates_chosen",
];

const GIVEN: &[&str] = &["collector", "consumer", "people", "facts", "timeline"];

/// Everything a line says, as facts, and what has to be looked at again.
pub(super) struct Situation {
    pub(super) facts: Facts,
    /// Consents that were given in a contact of ours, with its moment and whether it could be lawful only by the clock.
    pub(super) doubtful: Vec<(Moment, Allowed, Facts)>,
    /// Facts as they are once the person is no longer where they said they were.
    pub(super) later: Option<(Moment, Box<Facts>)>,
}

/// Judges one line.
pub(super) fn judge(line: &str, policy: &PolicySet) -> Answered {
    let value: Value = match serde_json::from_str(line) {
        Ok(value @ Value::Object(_)) => value,
        _ => return incomplete(Value::Null, &["a JSON object".to_owned()], Tz::UTC),
    };
    let odd = Odd::default();
    let line = Object::of(Some(&value), "line", LINE, &odd);
    let id = line.get("id").cloned().unwrap_or(Value::Null);
    let names: Vec<String> = line
        .text("regime")
        .map(|r| r.split('+').map(|n| n.trim().to_owned()).collect())
        .unwrap_or_default();
    let kinds = line.word("kind", kinds);
    if names.is_empty() {
        line.wrong("regime");
    }
    let situation = read(line);
    let zone = situation
        .as_ref()
        .and_then(|s| s.facts.zones.first())
        .map_or(Tz::UTC, |z| z.zone);
    for missing in names
        .iter()
        .filter(|n| !policy.packs().iter().any(|p| *p.name == ***n))
    {
        odd.note(format!("line.regime: no pack `{missing}`"));
    }
    let unread = odd.all();
    let (Some(situation), Some(kinds), true) = (situation, kinds, unread.is_empty()) else {
        return incomplete(id, &unread, zone);
    };
    let (verdict, findings) = under(policy, &names, kinds, situation);
    Answered {
        id,
        verdict,
        zone,
        findings,
    }
}

/// The kinds of rules that a kind of question asks.
fn kinds(word: &str) -> Option<Set<Kind>> {
    Some(match word {
        "hours" => Set::of(&[Kind::Hours]),
        "frequency" => timed_kinds(),
        "third_party" => Set::of(&[Kind::Recipients]),
        "channel" => Set::of(&[Kind::Channels, Kind::Senders]),
        "status" => Set::of(&[Kind::Statuses]),
        "content" => Set::of(&[Kind::Elements, Kind::Messages]),
        _ => return None,
    })
}

fn read(line: Object<'_>) -> Option<Situation> {
    let odd = line.odd();
    let given = Object::of(line.get("given"), "given", GIVEN, odd);
    let attempt = Object::of(line.get("attempt"), "attempt", conduct::ATTEMPT, odd);
    let file = File::read(given, attempt)?;
    let people = People::read(given, attempt, &file)?;
    // Counts ask about which debt.
    if line.text("kind") == Some("frequency") && attempt.list("debts").is_empty() {
        attempt.wrong("debts");
    }
    let mut situation = people::facts(&people, &file, attempt);
    timeline::read(given, attempt, &file, &people, &mut situation.facts);
    signals::read(given, attempt, &file, &people, &mut situation);
    let timed = matches!(line.text("kind"), Some("hours" | "frequency"));
    let read = if timed { conduct::notices } else { conduct::read };
    let line = conduct::Line {
        given,
        attempt,
        file: &file,
        people: &people,
    };
    read(line, &mut situation.facts);
    Some(situation)
}

/// The verdict of the named packs.
fn under(policy: &PolicySet, names: &[String], kinds: Set<Kind>, s: Situation) -> (Verdict, Vec<Reason>) {
    let mut facts = s.facts;
    let applied = policy.applied(&facts, Asked::Only(names));
    let hours = Set::of(&[Kind::Hours]);
    for (_, consent, then) in s.doubtful {
        // A consent given in a contact at a forbidden hour is none.
        if judge_facts(&applied.rules, &then, policy.holidays(), hours).verdict == Verdict::Cleared {
            facts.allowed.push(consent);
        }
    }
    let (mut verdict, findings) = ask(policy, &applied.rules, &facts, kinds);
    if let (Some((from, mut later)), Verdict::Held { until }) = (s.later, verdict)
        && until >= from
    {
        later.allowed = facts.allowed.clone();
        verdict = match ask(policy, &applied.rules, &later, kinds).0 {
            Verdict::Cleared => Verdict::Held { until: from },
            stricter => stricter,
        };
    }
    (verdict, findings)
}

fn ask(policy: &PolicySet, rules: &[&Rule], facts: &Facts, kinds: Set<Kind>) -> (Verdict, Vec<Reason>) {
    let judged = judge_facts(rules, facts, policy.holidays(), kinds);
    let shown = judged
        .breaches
        .iter()
        .map(|b| b.head)
        .chain(judged.warnings.iter().copied());
    let zone = facts.zones.first().map_or(Tz::UTC, |z| z.zone);
    // Beside a reason that no waiting ends, each hold tells its own end.
    let held = judged.breaches.iter().find_map(|b| match b.verdict {
        Verdict::Held { until } => Some(until),
        _ => None,
    });
    let never = judged.breaches.iter().any(|b| &*b.head.id == "hours.never");
    let until = held
        .filter(|_| !never)
        .map_or("-".to_owned(), |until| until.local_text(zone));
    (judged.verdict, shown.map(|h| reason(h, &until)).collect())
}

fn reason(head: &Head, until: &str) -> Reason {
    Reason {
        rule: head.id.to_string(),
        citation: head.basis.clone(),
        zh: head.zh.replace("{until}", until),
        en: head.en.replace("{until}", until),
    }
}

/// A line of which a part is missing or not understood.
fn incomplete(id: Value, what: &[String], zone: Tz) -> Answered {
    let mut reason = reason(core_rule("situation.incomplete"), "");
    let named = what.join(", ");
    reason.zh = format!("{} ({named})", reason.zh);
    reason.en = format!("{} ({named})", reason.en);
    Answered {
        id,
        verdict: Verdict::Review,
        zone,
        findings: vec![reason],
    }
}
