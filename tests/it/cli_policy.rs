//! The real binary: policies in versions, decisions explained, differences told, and why accounts got no message.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::cli::{Desk, root};

/// A copy of the shipped policies in the desk's folder, with one text changed.
fn policies(desk: &Desk, folder: &str, file: &str, from: &str, to: &str) {
    let copied = Command::new("cp")
        .arg("-r")
        .arg(root().join("policies"))
        .arg(desk.path(folder))
        .status();
    assert!(copied.unwrap().success());
    let name = format!("{folder}/{file}");
    let text = desk.read(&name);
    assert!(text.contains(from), "{from}");
    desk.write(&name, &text.replace(from, to));
}

/// Lets the service run until `done`, and ends it as an operator does. Gives what it said, if it ended by itself.
fn serve(desk: &Desk, arguments: &[&str], done: impl Fn() -> bool) -> Option<String> {
    let mut all = vec!["serve"];
    all.extend(arguments);
    let mut service = desk.command(&all).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(service.stderr.take().unwrap());
    while !said.contains("running") {
        if lines.read_line(&mut said).unwrap() == 0 {
            assert!(!service.wait().unwrap().success());
            return Some(said);
        }
    }
    while !done() {}
    let stopped = Command::new("kill")
        .args(["-INT", &service.id().to_string()])
        .status();
    assert!(stopped.unwrap().success());
    assert!(service.wait().unwrap().success());
    None
}

fn short(desk: &Desk, said: &str) -> String {
    let set = said
        .split_whitespace()
        .find(|w| w.len() == 12 && w.bytes().all(|b| b.is_ascii_hexdigit()));
    let set = set.unwrap_or_else(|| panic!("{said}")).to_owned();
    let history = desk.ok(&["policy", "history"]);
    assert!(history.contains(&set), "{history}");
    set
}

#[test]
fn policies_come_into_force_by_two_people_and_a_faulty_set_never() {
    let desk = Desk::set_up();
    desk.ends(1, &["policy", "active"]);
    assert!(serve(&desk, &[], || true).is_none());
    let active = desk.json(&["policy", "active"]);
    let founding = active["set"].as_str().unwrap()[..12].to_owned();
    assert!(active["packs"]["cn"].is_string(), "{active}");

    policies(
        &desk,
        "stricter",
        "cn-general/policy.toml",
        "years = 3",
        "years = 4",
    );
    let published = desk.ok(&[
        "policy",
        "publish",
        "stricter",
        "--by",
        "chen",
        "--remark",
        "records are kept longer",
    ]);
    let set = short(&desk, &published);
    let again = desk.ok(&["policy", "publish", "stricter", "--by", "chen"]);
    assert!(again.contains("before"), "{again}");
    desk.ends(1, &["policy", "approve", &set, "--by", "zhao"]);
    desk.ends(
        1,
        &[
            "policy",
            "activate",
            &set,
            "--at",
            "2020-01-01T00:00:00Z",
            "--by",
            "chen",
        ],
    );
    desk.ok(&["policy", "activate", &set, "--by", "chen"]);
    let same = desk.ends(1, &["policy", "approve", &set, "--by", "chen"]);
    assert!(same.err.contains("somebody else"), "{}", same.err);
    assert_eq!(
        desk.json(&["policy", "active"])["set"].as_str().unwrap()[..12],
        founding
    );
    desk.ok(&["policy", "approve", &set, "--by", "zhao"]);
    assert_eq!(
        desk.json(&["policy", "active"])["set"].as_str().unwrap()[..12],
        set
    );

    // What is to come is shown, and does not count before its moment.
    desk.ok(&[
        "policy",
        "activate",
        &founding,
        "--at",
        "2090-01-01T00:00:00+08:00",
        "--by",
        "chen",
    ]);
    desk.ok(&["policy", "approve", &founding, "--by", "zhao"]);
    let active = desk.json(&["policy", "active"]);
    assert_eq!(active["set"].as_str().unwrap()[..12], set);
    assert_eq!(active["to_come"][0]["set"].as_str().unwrap()[..12], founding);

    // A set with a fault is refused as a whole, with file, line and rule; what is in force stays.
    policies(
        &desk,
        "broken",
        "cn-online-consumer-gbt45251/policy.toml",
        "max = 3",
        "max = \"three\"",
    );
    let refused = desk.ends(3, &["policy", "publish", "broken", "--by", "chen"]);
    assert!(
        refused
            .out
            .contains("policies/cn-online-consumer-gbt45251/policy.toml:")
            && refused.out.contains("`cap."),
        "{}",
        refused.out
    );
    let faults = desk.json(&["policy", "publish", "broken", "--by", "chen"]);
    assert_eq!(
        faults["faults"][0]["file"],
        "policies/cn-online-consumer-gbt45251/policy.toml"
    );
    assert!(
        faults["faults"][0]["line"].as_u64().is_some_and(|line| line > 1),
        "{faults}"
    );
    assert!(
        faults["faults"][0]["rule"]
            .as_str()
            .is_some_and(|r| r.starts_with("cap.")),
        "{faults}"
    );
    assert_eq!(
        desk.json(&["policy", "active"])["set"].as_str().unwrap()[..12],
        set
    );
    let doctor = desk.run(&["doctor"]).out;
    assert!(
        doctor.contains(&set) && doctor.contains("the files are others"),
        "{doctor}"
    );
    desk.ok(&["evidence", "verify"]);
}

#[test]
fn the_service_does_not_begin_with_a_faulty_first_set() {
    let desk = Desk::set_up();
    policies(
        &desk,
        "broken",
        "cn/policy.toml",
        "level = \"statute\"",
        "level = \"law\"",
    );
    let settings = desk.read("dunwell.toml");
    desk.write("dunwell.toml", &format!("policies_dir = \"broken\"\n{settings}"));
    let said = serve(&desk, &[], || true).expect("it ends by itself");
    assert!(
        said.contains("policies/cn/policy.toml:") && said.contains("`law`"),
        "{said}"
    );
    desk.write("dunwell.toml", &settings);
    desk.ends(1, &["policy", "active"]);
    assert!(serve(&desk, &[], || true).is_none());
    desk.ok(&["policy", "active"]);
}

#[test]
fn a_decision_is_explained_by_making_it_again_and_tampering_is_told() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    let text = "再不还钱就让你好看";
    let message = [
        "message",
        "queue",
        "--account",
        "0000200001",
        "--channel",
        "sms",
        "--text",
        text,
        "--by",
        "wang",
    ];
    let queued = desk.json(&message);
    let id = queued["attempt"].as_str().unwrap().to_owned();
    assert!(desk.json(&["explain", &id])["decision"].is_null());
    let early = desk.ends(1, &["explain", &id, "--at", "2020-01-01 10:00"]);
    assert!(early.err.contains("nothing had been decided"), "{}", early.err);
    let waits = || desk.json(&["message", "list"])[0]["state"] == "planned";
    assert!(serve(&desk, &[], || !waits()).is_none());

    let said = desk.json(&["explain", &id]);
    let decision = &said["decision"];
    assert_eq!(
        (&decision["verdict"], &decision["replay"]["same"]),
        (&"blocked".into(), &true.into()),
        "{said}"
    );
    let finding = &decision["findings"][0];
    for key in [
        "rule", "citation", "zh", "en", "pack", "version", "level", "sureness",
    ] {
        assert!(
            finding[key].as_str().is_some_and(|t| !t.is_empty()),
            "{key}: {finding}"
        );
    }
    assert!(decision["set"].is_string() && decision["packs"].as_array().is_some_and(|p| !p.is_empty()));
    assert!(said["next_lawful"]["zh"].is_string() && said["next_lawful"]["en"].is_string());
    let (zh, en) = (
        desk.ok(&["explain", &id, "--lang", "zh"]),
        desk.ok(&["explain", &id, "--lang", "en"]),
    );
    assert!(
        zh.contains("结论与理由相同") && zh.contains("下一个合法时刻") && zh.contains("依据"),
        "{zh}"
    );
    assert!(
        en.contains("the same verdict and findings") && en.contains("next lawful instant"),
        "{en}"
    );
    let rules = desk.ok(&["explain", &id, "--verbose"]);
    assert!(rules.contains("source"), "{rules}");

    // Facts that somebody changed are no longer those of the decision.
    let changed = Command::new("python3")
        .args(["-c", "import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.execute(\"UPDATE decision SET facts = zeroblob(length(facts))\"); d.commit()"])
        .arg(desk.path("dunwell.sqlite"))
        .status();
    assert!(changed.unwrap().success());
    let told = desk.ends(1, &["explain", &id]);
    assert!(
        told.out.contains("not the ones that the log committed to"),
        "{}",
        told.out
    );
    desk.ends(16, &["evidence", "verify"]);
}

#[test]
fn a_difference_reads_like_a_change_to_a_contract() {
    let desk = Desk::set_up();
    policies(
        &desk,
        "other",
        "cn-online-consumer-gbt45251/policy.toml",
        "max = 3",
        "max = 4",
    );
    let said = desk.json(&["policy", "diff", "files", "other"]);
    let change = &said["changes"][0];
    assert_eq!(
        (&change["effect"], &change["change"]),
        (&"looser".into(), &"changed".into()),
        "{said}"
    );
    let field = &change["fields"][0];
    assert_eq!(
        (&field["field"], &field["before"], &field["after"]),
        (&"max".into(), &"3".into(), &"4".into())
    );
    for (lang, word) in [("zh", "更宽"), ("en", "looser")] {
        let text = desk.ok(&["policy", "diff", "files", "other", "--lang", lang]);
        assert!(
            text.contains(word) && text.contains('3') && text.contains('4'),
            "{text}"
        );
    }
    let none = desk.json(&["policy", "diff", "files", "files"]);
    assert_eq!(none["changes"].as_array().map(Vec::len), Some(0));
    let packs = desk.json(&["policy", "diff", "cn", "house-safe-default"]);
    assert!(packs["changes"].as_array().is_some_and(|c| c.len() > 5));
    desk.json(&[
        "policy",
        "diff",
        "cn-online-consumer-gbt45251@files",
        "other/cn-online-consumer-gbt45251",
    ])["changes"][0]["effect"]
        .as_str()
        .filter(|e| *e == "looser")
        .expect("a pack of a folder compares with one of the files");
    desk.ends(1, &["policy", "diff", "cn", "files"]);
    desk.ends(1, &["policy", "diff", "files", "no-such-thing"]);
}

#[test]
fn the_rules_of_an_account_are_put_together() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    let said = desk.json(&["policy", "show", "--for", "0000200001"]);
    let sms = &said["channels"][0];
    assert_eq!(
        (&sms["channel"], &sms["zones"][0]),
        (&"sms".into(), &"Asia/Shanghai".into()),
        "{sms}"
    );
    let slot = &sms["hours"][0]["slots"][0];
    assert_eq!(
        (&slot["open"], &slot["close"]),
        (&"08:00".into(), &"22:00".into()),
        "{sms}"
    );
    assert!(
        slot["opens_by"][0].as_str().is_some_and(|r| r.starts_with("cn-")),
        "{slot}"
    );
    let rules = sms["rules"].as_array().unwrap();
    let standing = |word: &str| rules.iter().filter(|r| r["standing"] == word).count();
    assert!(
        standing("binds") > 0 && standing("beaten") > 0 && standing("gives_way") > 0,
        "{sms}"
    );
    let beaten = rules.iter().find(|r| r["standing"] == "beaten").unwrap();
    assert!(
        beaten["beaten_by"].is_string() && beaten["citation"].is_string(),
        "{beaten}"
    );
    let kinds: std::collections::BTreeSet<&str> = rules.iter().filter_map(|r| r["kind"].as_str()).collect();
    for kind in ["hours", "caps", "recipients", "statuses", "elements", "retention"] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
    let zh = desk.ok(&["policy", "show", "--for", "0000200001", "--lang", "zh"]);
    assert!(zh.contains("可联系时段") && zh.contains("让位于"), "{zh}");
    desk.ends(1, &["policy", "show", "--for", "no-such-account"]);
    desk.ends(2, &["policy", "show"]);
}

#[test]
fn a_run_says_why_accounts_got_no_message() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    desk.ok(&["import", "events", "events.jsonl"]);
    desk.ends(1, &["campaign", "why-not", "consumer"]);
    let run = desk.json(&["campaign", "run", "consumer"])["run"]
        .as_i64()
        .unwrap()
        .to_string();
    let said = desk.json(&["campaign", "why-not", &run]);
    let outcomes = said["outcomes"].as_array().unwrap();
    let sum: i64 = outcomes.iter().filter_map(|o| o["accounts"].as_i64()).sum();
    assert_eq!(said["accounts"].as_i64(), Some(sum), "{said}");
    assert!(
        sum > 0
            && outcomes
                .iter()
                .all(|o| o["zh"].is_string() && o["en"].is_string()),
        "{said}"
    );
    assert_eq!(
        desk.json(&["campaign", "why-not", "consumer"]),
        said,
        "a portfolio stands for its last run"
    );
    let kind = outcomes[0]["outcome"].as_str().unwrap();
    let rows = desk.json(&["campaign", "why-not", &run, "--reason", kind]);
    let expected: i64 = outcomes
        .iter()
        .filter(|o| o["outcome"] == kind)
        .filter_map(|o| o["accounts"].as_i64())
        .sum();
    assert_eq!(
        rows["rows"].as_array().map(|r| r.len() as i64),
        Some(expected),
        "{rows}"
    );
    let zh = desk.ok(&["campaign", "why-not", &run, "--lang", "zh"]);
    assert!(zh.contains("全部账户"), "{zh}");
    assert!(desk.ok(&["campaign", "runs"]).contains("consumer"));
    desk.ends(1, &["campaign", "why-not", "99"]);
}
