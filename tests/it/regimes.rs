//! The table of `docs/regimes.md` against the packs that ship: who is reached, hours, counts, and how sure we are.
//! `DUNWELL_WRITE_DOCS=1 cargo test --test it regimes` writes the table anew.

use std::collections::BTreeSet;
use std::fmt::Display;

use dunwell::config::Config;
use dunwell::dispatch::Rulebook;
use dunwell::domain::Sureness;
use dunwell::policy::{Applies, Bit, Body, Cap, CapWindow, Kind, Pack, Rule, Set, Slot, Week};

const START: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->\n";

fn rulebook() -> Rulebook {
    Rulebook::load(&Config::defaults()).unwrap()
}

fn words<W: Bit + Display>(set: Set<W>) -> String {
    let all: Vec<String> = set.words().map(|w| w.to_string().replace('_', " ")).collect();
    all.join(", ")
}

fn slots(slots: &[Slot]) -> String {
    let clock = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
    let each: Vec<String> = slots
        .iter()
        .map(|s| format!("{}-{}", clock(s.open), clock(s.close)))
        .collect();
    if each.is_empty() {
        "closed".to_owned()
    } else {
        each.join(" and ")
    }
}

fn week(w: &Week) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let mut parts = Vec::new();
    let mut first = 0;
    for day in 0..7 {
        if day == 6 || w.days[day + 1] != w.days[first] {
            let days = match (first, day) {
                (0, 6) => "daily".to_owned(),
                (a, b) if a == b => DAYS[a].to_owned(),
                (a, b) => format!("{}-{}", DAYS[a], DAYS[b]),
            };
            parts.push(format!("{days} {}", slots(&w.days[first])));
            first = day + 1;
        }
    }
    parts.extend(w.holiday.iter().map(|h| format!("holidays {}", slots(h))));
    parts.join(", ")
}

fn hours(rule: &Rule, h: &dunwell::policy::Hours) -> String {
    let mut text = match (&h.week, h.from) {
        (Some(w), _) => week(w),
        (None, from) => from.map_or_else(String::new, |f| {
            format!("the {} of the file", f.as_str().replace('_', " "))
        }),
    };
    if rule.channels != dunwell::policy::Medium::timed() {
        text += &format!(" ({})", words(rule.channels));
    }
    for (holds, mark) in [
        (h.inclusive, "both ends in"),
        (rule.head.consent, "consent lifts"),
        (conditional(rule), "on a condition"),
    ] {
        if holds {
            text += &format!("; {mark}");
        }
    }
    text
}

fn conditional(rule: &Rule) -> bool {
    let none = format!("{:?}", dunwell::policy::Conditions::default());
    format!("{:?}", rule.when) != none || !rule.unless.is_empty()
}

fn cap(rule: &Rule, cap: &Cap) -> String {
    let window = match cap.window {
        CapWindow::LocalDays(1) => "a day".to_owned(),
        CapWindow::LocalDays(n) => format!("in {n} days"),
        CapWindow::LocalMonth => "a month".to_owned(),
        CapWindow::Rolling(span) => format!("in {} hours", span.num_hours()),
    };
    let media = if rule.channels == Set::all() {
        "all media".to_owned()
    } else {
        words(rule.channels)
    };
    let to = if cap.to.is_empty() {
        String::new()
    } else {
        format!(" to {}", words(cap.to))
    };
    let since = if cap.since.is_some() {
        ", after the first conversation"
    } else {
        ""
    };
    format!(
        "{} {window} for each {} ({media}{to}{since})",
        cap.max,
        words(cap.key)
    )
}

fn place(a: &Applies) -> String {
    match (a.country.as_slice(), a.region.as_slice()) {
        ([], _) => "everywhere".to_owned(),
        ([none], _) if none == "ZZ" => "where a portfolio names it".to_owned(),
        (many, _) if many.len() > 3 => format!("{} countries of the EU", many.len()),
        (countries, []) => countries.join(", "),
        (countries, regions) => format!("{}-{}", countries.join(", "), regions.join(", ")),
    }
}

fn who(a: &Applies) -> String {
    let mut parts = Vec::new();
    let kinds: Vec<String> = a.debtor.iter().map(|k| format!("{k} persons")).collect();
    parts.extend((!kinds.is_empty()).then(|| kinds.join(", ")));
    parts.extend((!a.debt.is_empty()).then(|| format!("{} debts", words(a.debt))));
    parts.extend((!a.claim.is_empty()).then(|| words(a.claim)));
    parts.extend((!a.claim_not.is_empty()).then(|| format!("not {}", words(a.claim_not))));
    parts.extend((!a.sender.is_empty()).then(|| format!("by {}", words(a.sender))));
    parts.extend(a.days_overdue.map(|d| format!("{d} days overdue or more")));
    parts.extend(a.from.map(|d| format!("from {d}")));
    parts.extend(a.until.map(|d| format!("until before {d}")));
    if parts.is_empty() {
        "all".to_owned()
    } else {
        parts.join("; ")
    }
}

/// The least sure of the rules that give hours, counts and waits; without those of all that decide, without those of all.
fn sureness(pack: &Pack) -> &'static str {
    let worst = |kinds: &dyn Fn(&Rule) -> bool| {
        let rules = pack.rules.iter().filter(|r| kinds(r));
        rules.map(|r| r.head.sureness).max_by_key(|s| match s {
            Sureness::Verified => 0,
            Sureness::Secondary => 1,
            Sureness::Unverified => 2,
        })
    };
    let timed = |r: &Rule| matches!(r.body, Body::Hours(_) | Body::Cap(_) | Body::Wait { .. });
    let decides = |r: &Rule| !matches!(r.body, Body::Note(_) | Body::Warning(_) | Body::Retention { .. });
    let found = worst(&timed)
        .or_else(|| worst(&decides))
        .or_else(|| worst(&|_| true));
    found.map_or("-", |s| s.as_str())
}

fn row(pack: &Pack) -> String {
    let (mut clock, mut counts) = (Vec::new(), Vec::new());
    for rule in &pack.rules {
        match &rule.body {
            Body::Hours(h) => clock.push(hours(rule, h)),
            Body::Cap(c) => counts.push(cap(rule, c)),
            Body::Wait { days, .. } => counts.push(format!(
                "waits {days} days after a notice ({})",
                words(rule.channels)
            )),
            _ => {}
        }
    }
    let or = |list: Vec<String>, none: &str| {
        if list.is_empty() {
            none.to_owned()
        } else {
            list.join("<br>")
        }
    };
    let rest = pack
        .rules
        .iter()
        .filter(|r| {
            matches!(
                r.body,
                Body::Conduct { .. } | Body::Element { .. } | Body::Says { .. }
            )
        })
        .count();
    format!(
        "| `{}` | {} | {} | {} | {} | {rest} | {} |\n",
        pack.name,
        place(&pack.applies),
        who(&pack.applies),
        or(clock, "no clock"),
        or(counts, "no number"),
        sureness(pack)
    )
}

fn table(packs: &[std::sync::Arc<Pack>]) -> String {
    let head = "| pack | place | who | hours | counts and waits | conduct rules | sureness |\n| --- | --- | --- | --- | --- | --- | --- |\n";
    packs.iter().fold(head.to_owned(), |text, p| text + &row(p))
}

#[test]
fn the_table_in_the_docs_is_what_the_packs_say() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/regimes.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = table(rulebook().policy.packs());
    let (before, rest) = text.split_once(START).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if std::env::var_os("DUNWELL_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{START}{expected}{END}{after}")).unwrap();
        return;
    }
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "write the table anew: see tests/it/regimes.rs");
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

#[test]
fn every_regime_that_situations_name_has_its_pack() {
    let lines = include_str!("../data/vectors.jsonl").lines();
    let named: BTreeSet<String> = lines
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap())
        .flat_map(|v| {
            v["regime"]
                .as_str()
                .unwrap()
                .split('+')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let more = [
        "us-ca",
        "us-ny",
        "us-nv",
        "ca-bc",
        "ca-ab",
        "ca-nb",
        "za-cfdc",
        "br-al",
        "pl-zpf",
        "cn-letter",
        "nz",
        "sg",
        "es",
        "us-co",
        "us-tx",
        "cn-sms",
        "cn-email",
        "cn-evidence",
        "cn-consumer-finance-2024",
        "kr-agency-nonfinancial",
        "eu-gdpr",
    ];
    let rulebook = rulebook();
    let loaded: BTreeSet<&str> = rulebook.policy.packs().iter().map(|p| &*p.name).collect();
    let missing: Vec<&str> = named
        .iter()
        .map(String::as_str)
        .chain(more)
        .filter(|n| !loaded.contains(n))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_pack_without_a_clock_or_a_number_says_so() {
    let silent = |p: &&std::sync::Arc<Pack>| {
        let has = |kind: Kind| p.rules.iter().any(|r| r.kind() == kind);
        // Packs about one medium, about words or about a state of the file are no place's rules of contact.
        let partial = [
            "cn",
            "cn-letter",
            "cn-evidence",
            "us-bankruptcy",
            "us-scra",
            "us-tcpa",
            "cn-consumer-finance-2024",
            "cn-consumer-protection",
        ];
        let numbered = has(Kind::Hours) && has(Kind::Caps);
        let speaks = numbered || has(Kind::Gaps) || partial.contains(&&*p.name);
        !speaks
    };
    let rulebook = rulebook();
    let found: Vec<&str> = rulebook
        .policy
        .packs()
        .iter()
        .filter(silent)
        .map(|p| &*p.name)
        .collect();
    assert!(found.is_empty(), "no gap is named in {found:?}");
}
