//! What the change of a field does: windows wider or narrower, caps up or down, lists that gain or lose a word.

use std::collections::BTreeSet;
use std::str::FromStr;

use toml::{Table, Value};

use super::{Effect, FieldChange};
use crate::policy::Counts;

/// Fields that are words, names and sources.
const WORDING: &[&str] = &[
    "zh", "en", "why", "basis", "level", "sureness", "instead", "title", "source", "note", "id", "name",
    "pack", "remark",
];

/// Tables that decide no verdict.
const TOLD: &[&str] = &["warnings", "duties", "payments", "gaps", "content", "pack"];

/// Where more words mean that more is caught, counted or stopped.
const MORE_IS_STRICTER: &[&str] = &[
    "refused_uses",
    "suppression",
    "account",
    "person",
    "requires",
    "outcomes",
    "kinds",
    "counted_channels",
    "phrases",
    "patterns",
    "deed",
    "regex",
    "needs",
];

/// Where more words let more pass.
const MORE_IS_LOOSER: &[&str] = &[
    "allowed",
    "exclude",
    "exclude_purposes",
    "not_counted",
    "area_code_channels",
    "unless",
    "words",
    "key",
    "fallback",
    "claim_not",
    "sender_not",
    "before",
    "after_words",
    "follows",
    "covering",
];

/// Lists of which one must fit; none at all fits everybody. More words: the rule speaks more often.
const SELECTING: &[&str] = &[
    "channels", "purposes", "country", "region", "city", "postal", "debtor", "debt", "claim", "sender", "to",
    "any", "role", "relation", "place",
];

/// Numbers that catch more when they grow.
const UP_IS_STRICTER: &[&str] = &[
    "local_days",
    "local_months",
    "hours",
    "minutes",
    "years",
    "months",
];

/// Numbers that let more pass when they grow.
const UP_IS_LOOSER: &[&str] = &[
    "max",
    "answer_minutes",
    "consent_local_days",
    "per_day",
    "days",
    "days_overdue",
    "times",
    "local_days_ago",
    "within",
];

/// Switches that catch more when they are on.
const ON_IS_STRICTER: &[&str] = &["inbound", "refused"];

/// Switches that let more pass when they are on.
const ON_IS_LOOSER: &[&str] = &[
    "close_inclusive",
    "collection_only",
    "consent",
    "in_a_row",
    "recipient",
];

/// Whether a field is words, a name or a source.
pub(super) fn is_wording(field: &str) -> bool {
    let first = field.split('.').next().unwrap_or(field);
    WORDING.contains(&first)
}

/// The effect of a rule of this table that comes into being.
pub(super) fn of_table(table: &str) -> Effect {
    match table {
        told if TOLD.contains(&told) => Effect::Wording,
        "hours" | "close_margin" | "caps" | "waits" | "patterns" | "recipients" | "channels" | "elements"
        | "messages" | "statuses" | "senders" | "retention" | "entry" => Effect::Stricter,
        "surroundings" => Effect::Looser,
        _ => Effect::Unclear,
    }
}

/// The effect of the way back.
pub(super) fn reversed(effect: Effect) -> Effect {
    match effect {
        Effect::Stricter => Effect::Looser,
        Effect::Looser => Effect::Stricter,
        other => other,
    }
}

/// Every field of a rule that came or went.
pub(super) fn all_fields(value: &Table, removed: bool) -> Vec<FieldChange> {
    let each = value
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "id" | "name"));
    let mut fields: Vec<FieldChange> = each
        .map(|(key, value)| {
            let spelt = Some(spelt(value));
            let (before, after) = if removed { (spelt, None) } else { (None, spelt) };
            FieldChange {
                field: key.clone(),
                before,
                after,
                effect: Effect::Wording,
            }
        })
        .collect();
    fields.sort_by_key(|f| is_wording(&f.field));
    fields
}

/// Every field that differs, those with an effect first.
pub(super) fn fields(table: &str, before: &Table, after: &Table) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare("", (before, after), &mut found);
    for change in &mut found {
        // What is only shown binds nobody, whatever its numbers.
        if TOLD.contains(&table) && table != "pack" {
            change.effect = Effect::Wording;
        }
        // Surroundings excuse: what stands after a hit lets it pass, too.
        if table == "surroundings" && change.field == "after" {
            change.effect = reversed(change.effect);
        }
    }
    found.sort_by_key(|c| c.effect == Effect::Wording);
    found
}

fn compare(path: &str, (before, after): (&Table, &Table), found: &mut Vec<FieldChange>) {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (was, is) = (before.get(key), after.get(key));
        if was == is {
            continue;
        }
        let field = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        // `applies` and `when` are read field by field; that one of them comes or goes reads as empty before.
        if matches!(key.as_str(), "applies" | "when") && path.is_empty() {
            let empty = Table::new();
            let table =
                |side: Option<&Value>| side.and_then(Value::as_table).cloned().unwrap_or(empty.clone());
            compare(&field, (&table(was), &table(is)), found);
            continue;
        }
        found.push(FieldChange {
            effect: effect(&field, was, is),
            before: was.map(spelt),
            after: is.map(spelt),
            field,
        });
    }
}

fn effect(field: &str, was: Option<&Value>, is: Option<&Value>) -> Effect {
    let (place, key) = field.rsplit_once('.').unwrap_or(("", field));
    if is_wording(field) {
        return Effect::Wording;
    }
    match key {
        "windows" => return windows(was, is),
        "says" => return says(was, is),
        "counts" => return counts(was, is),
        "contact" => return ranked(was, is, &["first", "any"], "any"),
        "verdict" => return ranked(was, is, &["held", "review", "blocked"], ""),
        "from" if place == "applies" => return dated(was, is, true),
        "until" if place == "applies" => return dated(was, is, false),
        // A condition that must hold as well, or must not.
        "all" | "none" if place == "when" => return gained(was, is, Effect::Looser),
        // Counting begins later; for a notice, that one more makes wait.
        "after" => {
            return match (was, is) {
                (Some(Value::Array(_)), _) | (_, Some(Value::Array(_))) => gained(was, is, Effect::Stricter),
                (None, Some(_)) => Effect::Looser,
                (Some(_), None) => Effect::Stricter,
                _ => Effect::Unclear,
            };
        }
        _ => {}
    }
    if SELECTING.contains(&key) {
        return selecting(was, is);
    }
    if MORE_IS_STRICTER.contains(&key) {
        return gained(was, is, Effect::Stricter);
    }
    if MORE_IS_LOOSER.contains(&key) {
        return gained(was, is, Effect::Looser);
    }
    if UP_IS_STRICTER.contains(&key) {
        return grown(was, is, Effect::Stricter);
    }
    if UP_IS_LOOSER.contains(&key) {
        return grown(was, is, Effect::Looser);
    }
    let on = |side: Option<&Value>| side.and_then(Value::as_bool).unwrap_or(false);
    if ON_IS_STRICTER.contains(&key) || ON_IS_LOOSER.contains(&key) {
        return match (on(was), on(is)) {
            (false, true) if ON_IS_STRICTER.contains(&key) => Effect::Stricter,
            (true, false) if ON_IS_LOOSER.contains(&key) => Effect::Stricter,
            (same, is) if same == is => Effect::Wording,
            _ => Effect::Looser,
        };
    }
    Effect::Unclear
}

/// The words of a list, each spelt; a single word is a list of one.
fn list(side: Option<&Value>) -> BTreeSet<String> {
    match side {
        None => BTreeSet::new(),
        Some(Value::Array(all)) => all.iter().map(spelt).collect(),
        Some(one) => BTreeSet::from([spelt(one)]),
    }
}

/// A list whose every further word has this effect.
fn gained(was: Option<&Value>, is: Option<&Value>, more: Effect) -> Effect {
    let (was, is) = (list(was), list(is));
    let up = if is.difference(&was).next().is_some() {
        more
    } else {
        Effect::Wording
    };
    let down = if was.difference(&is).next().is_some() {
        reversed(more)
    } else {
        Effect::Wording
    };
    up.and(down)
}

/// A list of which one must fit, and none at all fits everybody.
fn selecting(was: Option<&Value>, is: Option<&Value>) -> Effect {
    match (list(was).is_empty(), list(is).is_empty()) {
        (true, true) => Effect::Wording,
        (true, false) => Effect::Looser,
        (false, true) => Effect::Stricter,
        (false, false) => gained(was, is, Effect::Stricter),
    }
}

/// A number; one that comes or goes is another measure.
fn grown(was: Option<&Value>, is: Option<&Value>, up: Effect) -> Effect {
    let number = |side: Option<&Value>| side.and_then(Value::as_integer);
    match (number(was), number(is)) {
        (Some(was), Some(is)) if is > was => up,
        (Some(was), Some(is)) if is < was => reversed(up),
        (Some(_), Some(_)) => Effect::Wording,
        _ => Effect::Unclear,
    }
}

/// A word of a scale, mildest first; without one it is `absent`.
fn ranked(was: Option<&Value>, is: Option<&Value>, scale: &[&str], absent: &str) -> Effect {
    let rank = |side: Option<&Value>| {
        let word = side.map_or(Some(absent), Value::as_str)?;
        scale.iter().position(|w| *w == word)
    };
    match (rank(was), rank(is)) {
        (Some(was), Some(is)) if is > was => Effect::Stricter,
        (Some(was), Some(is)) if is < was => Effect::Looser,
        _ => Effect::Unclear,
    }
}

/// A day on which a rule begins or ends.
fn dated(was: Option<&Value>, is: Option<&Value>, begins: bool) -> Effect {
    let text = |side: Option<&Value>| side.map(spelt);
    // Without a beginning it always was in force, without an end it always is.
    let longer = match (text(was), text(is)) {
        (None, Some(_)) => false,
        (Some(_), None) => true,
        (was, is) => (is < was) == begins,
    };
    if longer { Effect::Stricter } else { Effect::Looser }
}

/// Which outcomes take a place in a cap.
fn counts(was: Option<&Value>, is: Option<&Value>) -> Effect {
    let read = |side: Option<&Value>| {
        let word = side?.as_str()?;
        Some(Counts::from_str(word).ok()?.outcomes())
    };
    match (read(was), read(is)) {
        (Some(was), Some(is)) if was == is => Effect::Wording,
        (Some(was), Some(is)) if is.covers(was) => Effect::Stricter,
        (Some(was), Some(is)) if was.covers(is) => Effect::Looser,
        (Some(_), Some(_)) => Effect::Both,
        _ => Effect::Unclear,
    }
}

/// Things that must be said: more of them is stricter, more wordings of one looser.
fn says(was: Option<&Value>, is: Option<&Value>) -> Effect {
    let empty = Table::new();
    let table = |side: Option<&Value>| side.and_then(Value::as_table).cloned().unwrap_or(empty.clone());
    let (was, is) = (table(was), table(is));
    let mut effect = Effect::Wording;
    for key in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        effect = effect.and(match (was.get(key), is.get(key)) {
            (None, Some(_)) => Effect::Stricter,
            (Some(_), None) => Effect::Looser,
            (was, is) => gained(was, is, Effect::Looser),
        });
    }
    effect
}

/// Contact hours, minute by minute of each day.
fn windows(was: Option<&Value>, is: Option<&Value>) -> Effect {
    let (Some(was), Some(is)) = (week(was), week(is)) else {
        return Effect::Unclear;
    };
    let mut effect = Effect::Wording;
    for (was, is) in was.iter().zip(&is) {
        let opened = is.iter().zip(was).any(|(is, was)| *is && !*was);
        let closed = is.iter().zip(was).any(|(is, was)| !*is && *was);
        if opened {
            effect = effect.and(Effect::Looser);
        }
        if closed {
            effect = effect.and(Effect::Stricter);
        }
    }
    effect
}

/// Monday to Sunday, each as a weekday and as a holiday: open minutes. A holiday without a window of its own is as the
/// weekday.
fn week(side: Option<&Value>) -> Option<Vec<Vec<bool>>> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let table = side?.as_table()?;
    let slots = |key: &str| match table.get(key) {
        Some(value) => minutes(value.as_str()?).map(Some),
        None => Some(None),
    };
    let (all, five, six, holiday) = (
        slots("all")?,
        slots("mon_fri")?,
        slots("mon_sat")?,
        slots("holiday")?,
    );
    let mut week = Vec::with_capacity(14);
    for (i, day) in DAYS.iter().enumerate() {
        let own = slots(day)?;
        let five = five.clone().filter(|_| i < 5);
        let six = six.clone().filter(|_| i < 6);
        week.push(own.or(five).or(six).or_else(|| all.clone())?);
    }
    let holidays: Vec<_> = week
        .iter()
        .map(|day| holiday.clone().unwrap_or(day.clone()))
        .collect();
    week.extend(holidays);
    Some(week)
}

/// The minutes of a day that `08:00-12:00, 14:00-22:00` or `closed` opens.
fn minutes(text: &str) -> Option<Vec<bool>> {
    let mut open = vec![false; 1440];
    if text.trim() == "closed" {
        return Some(open);
    }
    let clock = |t: &str| {
        let (h, m) = t.trim().split_once(':')?;
        let (h, m): (usize, usize) = (h.parse().ok()?, m.parse().ok()?);
        (m < 60 && h * 60 + m <= 1440).then_some(h * 60 + m)
    };
    for slot in text.split(',') {
        let (from, to) = slot.split_once('-')?;
        open.get_mut(clock(from)?..clock(to)?)?.fill(true);
    }
    Some(open)
}

/// A value on one line, as a person reads it.
pub(super) fn spelt(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(spelt).collect::<Vec<_>>().join(", "),
        Value::Table(table) => {
            let each = table.iter().map(|(key, value)| match value {
                Value::Array(_) => format!("{key} = [{}]", spelt(value)),
                _ => format!("{key} = {}", spelt(value)),
            });
            format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
