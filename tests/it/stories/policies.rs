//! Policies that change while the service runs, and decisions that are made again later.

use std::sync::Arc;

use chrono::TimeDelta;
use dunwell::config::{Config, policies, templates};
use dunwell::dispatch::{Dispatcher, ReplayError, Rules, RulesError, check_set, open_rules, replay};
use dunwell::domain::{AttemptState, Moment};
use dunwell::evidence::Value;
use dunwell::scheduler::Scheduler;
use dunwell::store::{Facts, KeptDecision, NewSet, SetDigest};

use super::world::{World, recorders};
use crate::support::databases;

type Files = Vec<(String, String)>;

fn shipped() -> (Files, Files) {
    let config = Config::defaults();
    (templates(&config).unwrap(), policies(&config).unwrap())
}

/// The shipped policies with another text somewhere in the mainland pack.
fn changed(from: &str, to: &str) -> Files {
    let mut files = shipped().1;
    let pack = files
        .iter_mut()
        .find(|(path, _)| path == "cn-general/policy.toml")
        .unwrap();
    assert!(pack.1.contains(from), "{from}");
    pack.1 = pack.1.replace(from, to);
    files
}

/// A world that works by published policies.
async fn founded(mut world: World) -> World {
    let (words, files) = shipped();
    let (rules, founded) = open_rules(&world.store, words, &files).await.unwrap();
    assert!(founded.is_some_and(|a| a.founding));
    world.scheduler = Scheduler::new(world.store.clone(), rules.clone());
    world.dispatcher = Dispatcher::new(
        world.store.clone(),
        rules,
        Arc::new(recorders(&world.outbox)),
        100,
    );
    world
}

/// Publishes without running the cases, which a test may break on purpose.
async fn publish(world: &World, files: Files) -> SetDigest {
    let set = NewSet {
        files,
        policy: "0".repeat(64),
        packs: Default::default(),
    };
    world.store.publish_set(set, "chen", None).await.unwrap().0
}

async fn bring_into_force(world: &World, set: SetDigest, at: &str) {
    let at = Moment::parse(at).unwrap();
    world.store.activate_set(set, Some(at), "chen").await.unwrap();
    world.store.approve_set(set, "zhao").await.unwrap();
}

async fn decisions(world: &World) -> Vec<KeptDecision> {
    let mut all = Vec::new();
    for row in world.store.attempts(None, None, 10_000).await.unwrap() {
        all.extend(world.store.decisions(row.id).await.unwrap());
    }
    all
}

#[tokio::test]
async fn a_set_takes_effect_at_its_moment_without_a_restart() {
    for database in databases() {
        let world = founded(World::new(database).await).await;
        // From noon on the mornings are quiet.
        let quiet = publish(&world, changed("08:00-22:00", "12:00-22:00")).await;
        bring_into_force(&world, quiet, "2026-04-08T00:00:00+08:00").await;
        for reference in ["A-1", "A-2"] {
            world.account(reference).overdue(40).import().await;
        }
        world.at("09:30", "Asia/Shanghai");
        let today = world
            .collector_writes("A-1", "您好,请及时还款。拒收请回复T,详询021-5555 0100")
            .await;
        world.dispatch().await;
        let under = |d: &KeptDecision| d.text("set").map(str::to_owned);
        let first = world.store.decisions(today).await.unwrap();
        assert_ne!(under(&first[0]), Some(quiet.to_string()));
        world.later(TimeDelta::days(1));
        let tomorrow = world
            .collector_writes("A-2", "您好,请及时还款。拒收请回复T,详询021-5555 0100")
            .await;
        world.dispatch().await;
        let second = world.store.decisions(tomorrow).await.unwrap();
        assert_eq!(under(&second[0]), Some(quiet.to_string()));
        let hours = |d: &KeptDecision| d.text("until").map(|u| u[..16].to_owned());
        let rules = |d: &KeptDecision| format!("{:?}", d.fields.get("findings"));
        assert!(!rules(&first[0]).contains("hours.quiet"), "{:?}", first[0].fields);
        assert!(
            rules(&second[0]).contains("hours.quiet"),
            "{:?}",
            second[0].fields
        );
        if second[0].text("state") == Some("held") {
            assert_eq!(hours(&second[0]).as_deref(), Some("2026-04-08T04:00"));
        }
        // Each is made again under the rules of its own time.
        for decision in first.iter().chain(&second) {
            let again = replay(&world.store, decision).await.unwrap();
            assert!(again.same(), "{:?}", again.differences);
        }
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn every_decision_of_two_months_comes_out_the_same_again() {
    for database in databases() {
        let world = founded(World::new(database).await).await;
        for n in 0..12 {
            let days = 5 * n - 10;
            let story = world.account(&format!("A-{n:02}")).overdue(days);
            story.phone(&format!("138000005{n:02}")).import().await;
        }
        world
            .account("C-1")
            .in_portfolio("consumer")
            .overdue(1)
            .import()
            .await;
        world
            .account("G-1")
            .in_portfolio("global")
            .overdue(12)
            .import()
            .await;
        world.account("N-1").overdue(3).nowhere().import().await;
        world.until("2026-04-20T12:00").await;
        world.pays("A-03", 40_000).await;
        world.opts_out("A-04", dunwell::domain::Channel::Sms).await;
        world.collector_writes("A-05", "再不还钱就让你好看").await;
        world.until("2026-06-01T00:00").await;
        let all = decisions(&world).await;
        let mut seen = std::collections::BTreeMap::new();
        for decision in &all {
            let again = replay(&world.store, decision)
                .await
                .unwrap_or_else(|e| panic!("{e}: {:?}", decision.fields));
            assert!(again.same(), "{:?}\n{:?}", again.differences, decision.fields);
            assert!(again.differences.is_empty(), "{:?}", again.differences);
            let state = decision
                .text("state")
                .or(decision.text("verdict"))
                .unwrap()
                .to_owned();
            *seen.entry(state).or_insert(0) += 1;
        }
        for kind in ["cleared", "held", "blocked"] {
            assert!(seen.contains_key(kind), "{seen:?}");
        }
        world.log_is_sound().await;
    }
}

#[tokio::test]
async fn a_decision_that_does_not_fit_its_facts_is_told() {
    for database in databases() {
        let world = founded(World::new(database).await).await;
        world.account("A-1").overdue(40).import().await;
        world.at("09:30", "Asia/Shanghai");
        let attempt = world.collector_writes("A-1", "再不还钱就让你好看").await;
        world.dispatch().await;
        assert_eq!(world.states("A-1").await, [AttemptState::Blocked]);
        let decision = world.store.decisions(attempt).await.unwrap().remove(0);
        let told = async |change: &dyn Fn(&mut KeptDecision)| {
            let mut changed = decision.clone();
            change(&mut changed);
            let again = replay(&world.store, &changed).await.unwrap();
            let what: Vec<String> = again.differences.iter().map(|d| d.what.clone()).collect();
            (again.same(), what)
        };
        assert_eq!(told(&|_| {}).await, (true, vec![]));
        let state = |d: &mut KeptDecision| _ = d.fields.insert("state".into(), "held".into());
        assert_eq!(told(&state).await, (false, vec!["state".to_owned()]));
        let (same, what) = told(&|d| _ = d.fields.remove("findings")).await;
        assert!(!same && what.contains(&"findings".to_owned()), "{what:?}");
        let engine = |d: &mut KeptDecision| _ = d.fields.insert("engine".into(), "dunwell 0.0.1".into());
        assert_eq!(told(&engine).await, (true, vec!["engine".to_owned()]));
        // Other facts than those that were judged come out otherwise.
        let later = |d: &mut KeptDecision| {
            let Facts::Kept(facts) = &mut d.facts else {
                panic!("kept")
            };
            *facts = facts.replace("再不还钱就让你好看", "您好,请及时还款。");
        };
        let (same, what) = told(&later).await;
        assert!(!same && what.contains(&"words".to_owned()), "{what:?}");
        let mut erased = decision.clone();
        erased.facts = Facts::Gone;
        assert!(matches!(
            replay(&world.store, &erased).await,
            Err(ReplayError::Gone)
        ));
        let set = decision.fields.get("set").cloned();
        assert!(
            matches!(set, Some(Value::Text(_))),
            "every decision names its set"
        );
    }
}

#[tokio::test]
async fn without_policies_in_force_nothing_is_planned_or_sent() {
    for database in databases() {
        let world = World::new(database).await;
        let rules = Rules::published(&world.store, shipped().0).await.unwrap();
        world.account("A-1").overdue(2).import().await;
        let dispatcher = Dispatcher::new(
            world.store.clone(),
            rules.clone(),
            Arc::new(recorders(&world.outbox)),
            10,
        );
        assert!(dispatcher.run_batch().await.is_err());
        let scheduler = Scheduler::new(world.store.clone(), rules.clone());
        let registry = world.store.registry().await.unwrap();
        let desk = registry.sorted()[0].clone();
        assert!(scheduler.run_portfolio(&desk, world.now()).await.is_err());
        assert!(matches!(rules.at(world.now()).await, Err(RulesError::None)));
        assert!(world.sent().is_empty());

        // A set that this program cannot read is in force: the service does not begin, and says where.
        let broken = publish(&world, changed("max = ", "maximum = ")).await;
        world.store.activate_set(broken, None, "chen").await.unwrap();
        world.store.approve_set(broken, "zhao").await.unwrap();
        let (words, files) = shipped();
        let error = open_rules(&world.store, words, &files)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("policies/cn-general/policy.toml:") && error.contains("maximum"),
            "{error}"
        );
        assert!(dispatcher.run_batch().await.is_err());
    }
}

#[test]
fn a_set_with_a_fault_names_file_line_and_rule() {
    let (words, files) = shipped();
    assert!(check_set(&words, &files).is_ok());
    let check = |files: Files, file: &str, rule: &str, words_of_it: &str| {
        let faults = check_set(&words, &files).unwrap_err();
        let found = faults
            .iter()
            .find(|f| f.file == file && f.rule.as_deref().is_some_and(|r| r.contains(rule)));
        let found = found.unwrap_or_else(|| panic!("{faults:?}"));
        assert!(found.line.is_some_and(|line| line > 1), "{found}");
        assert!(found.en.contains(words_of_it) && !found.zh.is_empty(), "{found}");
    };
    let cn = "policies/cn-general/policy.toml";
    let cap = changed("local_days = 1\nmax = 1\n", "local_days = 1\nmax = \"one\"\n");
    check(cap, cn, "cap.", "string");
    // A rule without a case.
    let text = "\n[[retention]]\n";
    let extra = "\n[[statuses]]\nid = \"status.unproven\"\nlevel = \"house\"\nsureness = \"verified\"\nbasis = \"house rule\"\nwhy = \"w\"\nzh = \"甲\"\nen = \"e\"\naccount = [\"settled\"]\nverdict = \"blocked\"\n";
    check(
        changed(text, &format!("{extra}{text}")),
        cn,
        "status.unproven",
        "case",
    );
    // A case that does not hold any more.
    let hours = changed("08:00-22:00", "12:00-22:00");
    check(
        hours,
        "policies/cn-general/cases.toml",
        "",
        "the case does not hold",
    );
}
