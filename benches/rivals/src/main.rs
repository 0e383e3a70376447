//! The verdict of `benches/verdict.rs` beside two general policy engines, in the same run on the same machine.
//!
//! Both are given an easier task: twelve rules, and facts that are already digested: the local minute, and for every cap
//! how many contacts count. Turning zones, weekdays, holidays and fifty contacts into those numbers, and naming the
//! next lawful instant, they leave to whoever calls them; Dunwell does it within its verdict.
//!
//! `make bench-policy`, which is outside the default build.

use std::hint::black_box;
use std::str::FromStr;
use std::time::Instant;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, RestrictedExpression};

#[allow(dead_code, reason = "what only the bench itself prints")]
#[path = "../../verdict.rs"]
mod verdict;

const ROUNDS: u32 = 15;

const CEDAR: &str = r#"
permit(principal, action, resource);
forbid(principal, action, resource) when { context.minute < 480 };
forbid(principal, action, resource) when { context.minute > 1260 };
forbid(principal, action, resource) when { context.calls_week >= 7 };
forbid(principal, action, resource) when { context.conversations_week >= 1 && context.voice };
forbid(principal, action, resource) when { context.personal_week >= 2 };
forbid(principal, action, resource) when { context.other_month >= 2 && context.workplace };
forbid(principal, action, resource) when { context.electronic_week >= 5 };
forbid(principal, action, resource) when { context.attempts_week >= 3 };
forbid(principal, action, resource) when { context.stopped_medium };
forbid(principal, action, resource) when { context.written_cease };
forbid(principal, action, resource) when { context.counsel };
"#;

const REGO: &str = r#"
package contact
import rego.v1
default allow := false
allow if count(deny) == 0
deny contains "early" if input.minute < 480
deny contains "late" if input.minute > 1260
deny contains "calls" if input.calls_week >= 7
deny contains "pause" if { input.voice; input.conversations_week >= 1 }
deny contains "personal" if input.personal_week >= 2
deny contains "other" if { input.workplace; input.other_month >= 2 }
deny contains "electronic" if input.electronic_week >= 5
deny contains "attempts" if input.attempts_week >= 3
deny contains "medium" if input.stopped_medium
deny contains "cease" if input.written_cease
deny contains "counsel" if input.counsel
"#;

const NUMBERS: [(&str, i64); 6] = [
    ("minute", 690),
    ("calls_week", 0),
    ("conversations_week", 0),
    ("personal_week", 1),
    ("electronic_week", 2),
    ("attempts_week", 2),
];
const FLAGS: [&str; 5] = ["voice", "workplace", "stopped_medium", "written_cease", "counsel"];

/// Decisions a second, best of all rounds.
fn rate(calls: u32, mut call: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        f64::from(calls) / start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(0.0, f64::max)
}

fn cedar() -> f64 {
    let policies = PolicySet::from_str(CEDAR).expect("the rules read");
    let uid = |text: &str| EntityUid::from_str(text).expect("an entity");
    let (who, what, whom) = (uid(r#"Sender::"a""#), uid(r#"Action::"send""#), uid(r#"Debtor::"b""#));
    let entities = Entities::empty();
    let authorizer = Authorizer::new();
    rate(3_000, || {
        let numbers = NUMBERS.iter().chain(&[("other_month", 0)]);
        let numbers = numbers.map(|(k, n)| ((*k).to_owned(), RestrictedExpression::new_long(*n)));
        let flags = FLAGS.iter().map(|k| ((*k).to_owned(), RestrictedExpression::new_bool(false)));
        let context = Context::from_pairs(numbers.chain(flags)).expect("a context");
        let request = Request::new(who.clone(), what.clone(), whom.clone(), context, None).expect("a request");
        let answer = authorizer.is_authorized(black_box(&request), &policies, &entities);
        assert_eq!(answer.decision(), Decision::Allow);
    })
}

fn rego() -> f64 {
    let mut engine = regorus::Engine::new();
    engine
        .add_policy("contact.rego".to_owned(), REGO.to_owned())
        .expect("the rules read");
    let mut facts = serde_json::Map::new();
    for (k, n) in NUMBERS.iter().chain(&[("other_month", 0)]) {
        facts.insert((*k).to_owned(), (*n).into());
    }
    for k in FLAGS {
        facts.insert(k.to_owned(), false.into());
    }
    let input = regorus::Value::from(serde_json::Value::Object(facts));
    rate(3_000, || {
        engine.set_input(black_box(input.clone()));
        let answer = engine.eval_rule("data.contact.allow".to_owned()).expect("an answer");
        assert_eq!(answer, regorus::Value::from(true));
    })
}

fn main() {
    let set = verdict::set();
    let facts = verdict::situation();
    let own = verdict::verdicts(&set, "dunwell: six packs, fifty past contacts", &facts);
    let rivals = [("cedar-policy", cedar()), ("regorus", rego())];
    for (name, rate) in rivals {
        println!("{name:<44} {rate:>9.0} /s            twelve rules, facts already counted");
        println!("{:<44} {:>9.1} x", format!("dunwell / {name}"), own / rate);
    }
}
