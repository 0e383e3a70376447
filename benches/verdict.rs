//! How fast verdicts are: a whole situation under six packs with fifty past contacts, held and cleared, and the next
//! lawful instant over a fortnight of holidays. One core; no store and no draft.
//!
//! `cargo bench --bench verdict`. Each figure is the best of thirty rounds, because a busy machine only ever makes a
//! round slower. The same facts are judged by other engines in `benches/rivals`.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use chrono::{Days, NaiveDate, TimeDelta};
use dunwell::domain::Moment;
use dunwell::guard::judge;
use dunwell::policy::{
    Aim, Asked, Candidate, Ended, Event, Facts, Holidays, Mark, Medium, Pack, PackFiles, PackTexts, Place,
    PolicySet, SenderWord, Set, Way, blank,
};

const PACKS: [&str; 6] = ["us-dc", "us-fl", "us-ma", "us-nyc", "us-regf", "us-wa"];
const ROUNDS: u32 = 30;

pub(crate) fn set() -> PolicySet {
    // The rivals compile this file from a package two folders below.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().map(|a| a.join("policies")).find(|p| p.is_dir());
    let root = root.expect("the policies are beside the sources");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(&root).expect("a readable folder").flatten() {
        for file in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            let path = file.path();
            let name = path
                .strip_prefix(&root)
                .expect("it lies below")
                .to_string_lossy()
                .replace('\\', "/");
            files.push((name, std::fs::read_to_string(&path).unwrap_or_default()));
        }
    }
    let names = files
        .iter()
        .filter_map(|(path, _)| path.strip_suffix("/policy.toml"));
    let read = |name: &str| {
        let texts = PackTexts::join(name, &files);
        let only_rules = PackFiles {
            lexicon: "",
            cases: "",
            ..texts.files(name)
        };
        Arc::new(Pack::parse(&only_rules).expect("a shipped pack reads"))
    };
    PolicySet::new(names.map(read).collect(), Holidays::default())
}

/// A text about one debt to somebody who agreed to texts, and fifty contacts before it, eight days and more ago.
pub(crate) fn situation() -> Facts {
    let at = Moment::parse("2026-09-09T15:30:00Z").expect("a moment");
    let mut facts = blank(at, &[chrono_tz::America::New_York]);
    facts.sender = Set::of(&[SenderWord::Agency]);
    facts.holidays = Some(Vec::new());
    facts.marks = Set::of(&[Mark::MediumConsent]);
    let contact = |i: i64| {
        let medium = [Medium::Voice, Medium::Sms, Medium::Email, Medium::Letter][(i % 4) as usize];
        Event {
            at: at - TimeDelta::hours(8 * 24 + (50 - i) * 13),
            way: Way::Out,
            medium: Some(medium),
            person: 1,
            debts: 1,
            collector: 1,
            creditor: 1,
            point: 1,
            place: Place::Own,
            ended: match medium {
                Medium::Voice => Ended::NoAnswer,
                _ => Ended::HandedOver,
            },
            aim: Aim::Collection.with_class(),
            deeds: Set::EMPTY,
            left_out: Set::EMPTY,
        }
    };
    facts.events = (0..50).map(contact).collect();
    facts
}

/// Seconds for one call, best of all rounds.
fn best(calls: u32, mut call: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        start.elapsed().as_secs_f64() / f64::from(calls)
    };
    (0..ROUNDS).map(round).fold(f64::MAX, f64::min)
}

/// Prints and gives the verdicts a second under the six packs.
pub(crate) fn verdicts(set: &PolicySet, what: &str, facts: &Facts) -> f64 {
    let names = PACKS.map(str::to_owned);
    let mut applied = set.applied(facts, Asked::Only(&names));
    let first = judge(&applied.rules, facts, set.holidays(), Set::all());
    let seconds = best(20_000, || {
        set.select(facts, Asked::Only(&names), &mut applied);
        black_box(judge(
            &applied.rules,
            black_box(facts),
            set.holidays(),
            Set::all(),
        ));
    });
    println!(
        "{what:<44} {:>9.0} /s {:>7.2} us   {} rules, {} breached",
        1.0 / seconds,
        seconds * 1e6,
        applied.rules.len(),
        first.breaches.len()
    );
    1.0 / seconds
}

fn fortnight(set: &PolicySet, facts: &Facts) {
    let first = NaiveDate::from_ymd_opt(2026, 5, 1).expect("a date");
    let held = Facts {
        at: Moment::parse("2026-04-30T14:00:00Z").expect("a moment"),
        zones: vec![Candidate {
            zone: chrono_tz::Asia::Jakarta,
            area_code: false,
        }],
        holidays: Some((0..14).map(|n| first + Days::new(n)).collect()),
        ..facts.clone()
    };
    let names = ["id-pojk22".to_owned()];
    let applied = set.applied(&held, Asked::Only(&names));
    let verdict = judge(&applied.rules, &held, set.holidays(), Set::all()).verdict;
    let seconds = best(5_000, || {
        black_box(judge(
            &applied.rules,
            black_box(&held),
            set.holidays(),
            Set::all(),
        ));
    });
    println!(
        "{:<44} {:>22.2} us   {verdict:?}",
        "next lawful instant after fourteen holidays",
        seconds * 1e6
    );
}

fn main() {
    let set = set();
    let cleared = situation();
    println!("six packs, fifty past contacts, one core, best of {ROUNDS} rounds");
    verdicts(&set, "cleared", &cleared);
    let mut two = cleared.clone();
    two.zones.push(Candidate {
        zone: chrono_tz::America::Chicago,
        area_code: false,
    });
    verdicts(&set, "cleared, two zones possible", &two);
    let mut full = cleared.clone();
    for event in &mut full.events {
        event.at = event.at + TimeDelta::days(7);
    }
    verdicts(&set, "held by caps, with the next lawful instant", &full);
    let mut night = cleared.clone();
    night.at = Moment::parse("2026-09-10T03:30:00Z").expect("a moment");
    verdicts(&set, "held by hours, with the next lawful instant", &night);
    fortnight(&set, &cleared);
}
