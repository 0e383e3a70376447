//! Properties of the evaluation: combining packs is commutative, associative and never looser; the instant of a hold is
//! lawful and no earlier one is, against a slow scan; a decision is the same when it is made again.

use std::sync::{Arc, LazyLock};

use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;

use super::judge::judge;
use crate::domain::{Moment, Verdict};
use crate::policy::*;

/// Rules of every kind that has a clock or a count, each a pack of its own.
const RULES: &[&str] = &[
    r#"[[hours]] windows = { all = "08:00-21:00" } close_inclusive = true consent = true"#,
    r#"[[hours]] windows = { mon_fri = "07:30-21:00", sat = "09:00-21:00", sun = "09:00-21:00", holiday = "closed" }"#,
    r#"[[hours]] windows = { mon_sat = "08:00-12:00, 14:00-20:00", sun = "closed", holiday = "closed" }"#,
    r#"[[hours]] windows = { all = "00:00-06:30, 22:15-24:00" }"#,
    r#"[[hours]] windows = { mon_fri = "08:00-20:00", sat = "08:00-18:00", sun = "08:00-18:00", holiday = "08:00-18:00" }"#,
    r#"[[caps]] channels = ["sms", "voice"] key = ["collector", "person", "debt"] counts = "placed" local_days = 7 max = 3"#,
    r#"[[caps]] key = "person" counts = "contacts" local_days = 1 max = 1"#,
    r#"[[caps]] key = "debt" counts = "attempts" hours = 168 max = 4"#,
    r#"[[caps]] key = "debt" counts = "contacts" local_months = 1 max = 5"#,
    r#"[[caps]] key = "address" counts = "unanswered" minutes = 90 max = 1"#,
    r#"[[caps]] key = "person" counts = "conversations" inbound = true local_days = 7 max = 1"#,
    r#"[[waits]] after = ["initial_notice"] local_days = 6"#,
    r#"[[hours]] when = { place = ["workplace"] } windows = { mon_fri = "09:00-17:00", sat = "closed", sun = "closed" }"#,
    r#"[[statuses]] when = { any = ["breathing_space"] } verdict = "blocked""#,
    r#"[[channels]] when = { any = ["hidden_caller"] } verdict = "review""#,
];

const HEAD: &str = r#"
id = "rule.n"
level = "house"
sureness = "verified"
basis = "house rule"
why = "w"
zh = "z"
en = "e"
"#;

fn pack(n: usize) -> Arc<Pack> {
    let name = format!("p{n:02}");
    let (table, fields) = RULES[n].split_once(' ').unwrap();
    // One field a line: a word and `=` begin one.
    let starts = regex::Regex::new(r" ([a-z_]+) = ").unwrap();
    let mut depth = 0i32;
    let mut text = String::new();
    let fields = format!(" {fields}");
    let mut last = 0;
    for found in starts.find_iter(&fields) {
        let before = &fields[last..found.start()];
        depth += before.matches(['{', '[']).count() as i32 - before.matches(['}', ']']).count() as i32;
        text += before;
        text += if depth == 0 { "\n" } else { " " };
        last = found.start() + 1;
    }
    text += &fields[last..];
    let policy = format!("pack = \"{name}\"\ntitle = {{ zh = \"z\", en = \"e\" }}\n{table}{HEAD}{text}\n");
    let files = PackFiles {
        name: &name,
        policy: &policy,
        lexicon: "",
        cases: "",
    };
    Arc::new(Pack::parse(&files).unwrap_or_else(|e| panic!("{e}\n{policy}")))
}

static SET: LazyLock<PolicySet> =
    LazyLock::new(|| PolicySet::new((0..RULES.len()).map(pack).collect(), Holidays::default()));

fn names(which: &[usize]) -> Vec<String> {
    which.iter().map(|n| format!("p{n:02}")).collect()
}

fn verdict(which: &[usize], f: &Facts) -> Verdict {
    let names = names(which);
    let applied = SET.applied(f, Asked::Only(&names));
    judge(&applied.rules, f, SET.holidays(), Set::all()).verdict
}

/// The same, with the rules in the order given, each pack judged in its turn.
fn in_order(which: &[usize], f: &Facts) -> Verdict {
    let mut rules = Vec::new();
    for n in which {
        let one = names(&[*n]);
        rules.extend(SET.applied(f, Asked::Only(&one)).rules);
    }
    judge(&rules, f, SET.holidays(), Set::all()).verdict
}

fn strictness(v: Verdict) -> u8 {
    match v {
        Verdict::Cleared => 0,
        Verdict::Held { .. } => 1,
        Verdict::Review => 2,
        Verdict::Blocked => 3,
    }
}

const ZONES: &[Tz] = &[
    Tz::America__New_York,
    Tz::America__Los_Angeles,
    Tz::Asia__Shanghai,
    Tz::Asia__Kolkata,
    Tz::Australia__Lord_Howe,
    Tz::Europe__London,
    Tz::America__St_Johns,
    Tz::Africa__Casablanca,
    Tz::Pacific__Apia,
];

const STARTS: &[&str] = &[
    "2026-03-06T00:00:00Z",
    "2026-03-27T00:00:00Z",
    "2026-04-03T00:00:00Z",
    "2026-05-04T00:00:00Z",
    "2026-10-02T00:00:00Z",
    "2026-10-30T00:00:00Z",
];

/// Minutes ago, medium, outcome, debt, person, point, collector.
type Past = (i64, usize, usize, u64, u32, u32, u32);

fn past() -> impl Strategy<Value = Vec<Past>> {
    let one = (
        0i64..15_000,
        0usize..4,
        0usize..4,
        1u64..4,
        1u32..3,
        1u32..3,
        1u32..3,
    );
    proptest::collection::vec(one, 0..12)
}

fn event(at: Moment, p: Past) -> Event {
    let medium = [Medium::Voice, Medium::Sms, Medium::Email, Medium::Letter][p.1];
    let spoken = [
        Ended::Conversation,
        Ended::NoAnswer,
        Ended::Voicemail,
        Ended::Busy,
    ][p.2];
    let mut deeds = Set::EMPTY;
    deeds.note(Deed::InitialNotice, medium == Medium::Letter);
    Event {
        at: at - TimeDelta::minutes(p.0),
        way: if p.1 == 0 && p.2 == 0 && p.0 % 2 == 0 {
            Way::In
        } else {
            Way::Out
        },
        medium: Some(medium),
        person: p.4,
        debts: p.3,
        collector: p.6,
        creditor: 0,
        point: p.5,
        place: Place::Own,
        ended: if medium == Medium::Voice {
            spoken
        } else {
            Ended::HandedOver
        },
        aim: Aim::Collection.with_class(),
        deeds,
        left_out: Set::EMPTY,
    }
}

prop_compose! {
    fn facts()(
        start in proptest::sample::select(STARTS), seconds in 0i64..9 * 86_400,
        zones in proptest::collection::vec(proptest::sample::select(ZONES), 1..3),
        past in past(), medium in 0usize..3, debts in 1u32..3, work in any::<bool>(),
        holidays in proptest::collection::vec(0u64..12, 0..3),
        named in proptest::option::of((0usize..7, 0u16..1440, 0u16..1440)),
        consent in proptest::option::of((0u16..1440, 0u16..1440)),
    ) -> Facts {
        let at = Moment::parse(start).unwrap() + TimeDelta::seconds(seconds);
        let mut f = crate::policy::blank(at, &zones);
        f.medium = [Medium::Voice, Medium::Sms, Medium::Email][medium];
        f.debts = debts;
        f.place = if work { Place::Workplace } else { Place::Own };
        f.events = past.into_iter().map(|p| event(at, p)).collect();
        f.events.sort_by_key(|e| e.at);
        let today = at.utc().date_naive();
        f.holidays = Some(holidays.iter().map(|n| today + chrono::Days::new(*n)).collect());
        if let Some((day, open, close)) = named {
            let days = std::array::from_fn(|d| d != day);
            let open = Week::of_slots(days, Slot { open, close }).complement();
            f.personal.push(Personal { open, until: Some(at + TimeDelta::days(9)) });
        }
        if let Some((open, close)) = consent {
            f.allowed.push(Allowed {
                from: at - TimeDelta::days(1),
                until: Some(at + TimeDelta::days(5)),
                media: Set::all(),
                slots: Some(Week::of_slots([true; 7], Slot { open, close })),
                once: false,
                hours: true,
                counts: false,
                collector: 0,
            });
        }
        f
    }
}

fn some_packs() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..RULES.len(), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn combining_is_commutative_associative_and_never_looser(
        mut f in facts(), a in some_packs(), b in some_packs(), c in some_packs(), marks in 0usize..4,
    ) {
        f.marks.note(Mark::BreathingSpace, marks == 1);
        f.marks.note(Mark::HiddenCaller, marks == 2);
        let all = [a.clone(), b.clone(), c.clone()].concat();
        let other = [c.clone(), a.clone(), b.clone()].concat();
        let whole = verdict(&all, &f);
        prop_assert_eq!(whole, in_order(&all, &f));
        prop_assert_eq!(whole, in_order(&other, &f));
        prop_assert_eq!(whole, verdict(&all, &f));
        for part in [&a, &b, &c] {
            let part = verdict(part, &f);
            prop_assert!(strictness(whole) >= strictness(part), "{:?} {:?}", whole, part);
            if let (Verdict::Held { until }, Verdict::Held { until: alone }) = (whole, part) {
                prop_assert!(until >= alone);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(30) })]

    #[test]
    fn the_instant_of_a_hold_is_the_first_that_is_lawful(f in facts(), which in some_packs()) {
        let Verdict::Held { until } = verdict(&which, &f) else { return Ok(()) };
        let at = |at: Moment| verdict(&which, &Facts { at, ..f.clone() });
        prop_assert!(until > f.at);
        prop_assert_eq!(at(until), Verdict::Cleared);
        let step = ((until - f.at).num_minutes() / 1500).max(1);
        let mut t = f.at;
        while t < until {
            prop_assert_ne!(at(t), Verdict::Cleared, "{} before {}", t, until);
            t = t + TimeDelta::minutes(step);
        }
        for before in [1, 1_000, 1_000_000, 60_000_000, 59_000_000 * 15] {
            let t = until - TimeDelta::microseconds(before);
            prop_assert!(t < f.at || at(t) != Verdict::Cleared, "{} before {}", t, until);
        }
    }
}
