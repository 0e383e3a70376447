//! The real binary in folders of its own: what an operator types, sees and gets as an exit code.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::support::require_or_skip;

/// A folder in which the binary runs.
pub(crate) struct Desk {
    folder: TempDir,
}

/// What the binary answered.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

impl Desk {
    pub(crate) fn empty() -> Desk {
        Desk {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With settings, the sample set-up and the sample ledger.
    pub(crate) fn set_up() -> Desk {
        let desk = Desk::empty();
        desk.ok(&["init"]);
        desk.ok(&["portfolio", "apply", "portfolios.toml"]);
        for file in ["ledger.csv", "events.jsonl"] {
            std::fs::copy(root().join("samples").join(file), desk.path(file)).unwrap();
        }
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunwell"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DUNWELL_")) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C.UTF-8");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().unwrap())
    }

    #[track_caller]
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}\n{}{}", said.out, said.err);
        said
    }

    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.ends(0, arguments).out
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let said = self.run(&all);
        serde_json::from_str(&said.out)
            .unwrap_or_else(|e| panic!("{arguments:?}: {e}\n{}{}", said.out, said.err))
    }
}

fn said(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Every command with its subcommands, found by asking for help.
fn commands(desk: &Desk, path: &[String], found: &mut Vec<Vec<String>>) {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = desk.ok(&arguments);
    let mut inside = false;
    for line in help.lines() {
        match line {
            "Commands:" => inside = true,
            "" => inside = false,
            _ => {}
        }
        let name = line
            .strip_prefix("  ")
            .filter(|l| inside && !l.starts_with(' '))
            .and_then(|l| l.split(' ').next());
        if let Some(name) = name.filter(|name| *name != "help") {
            let mut below = path.to_vec();
            below.push(name.to_owned());
            commands(desk, &below, found);
            found.push(below);
        }
    }
}

#[test]
fn every_command_has_help_and_every_verb_an_example() {
    let desk = Desk::empty();
    let mut all = Vec::new();
    commands(&desk, &[], &mut all);
    assert!(all.len() > 30, "{all:?}");
    for path in &all {
        let has_children = all
            .iter()
            .any(|other| other.len() > path.len() && other.starts_with(path));
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = desk.ok(&arguments);
        assert!(has_children || help.contains("Examples:"), "{path:?}\n{help}");
    }
    desk.ends(2, &["nonsense"]);
    desk.ends(2, &["import", "accounts"]);
    desk.ends(2, &["message", "list", "--state", "nonsense"]);
}

#[test]
fn a_dry_run_says_exactly_what_the_real_run_says() {
    let desk = Desk::set_up();
    for kind in ["accounts", "events"] {
        let file = if kind == "accounts" {
            "ledger.csv"
        } else {
            "events.jsonl"
        };
        let dry = desk.ends(0, &["import", kind, file, "--dry-run"]);
        assert!(dry.err.contains("dry run") && !dry.out.contains("dry run"));
        let real = desk.ok(&["import", kind, file]);
        assert_eq!(dry.out, real);
        assert!(real.contains("20  new"), "{real}");
    }
}

#[test]
fn the_same_file_again_changes_nothing_and_says_so() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    desk.ok(&["import", "events", "events.jsonl"]);
    let before = desk.ok(&["account", "show", "0000200002"]);
    for (kind, file) in [("accounts", "ledger.csv"), ("events", "events.jsonl")] {
        let again = desk.json(&["import", kind, file]);
        assert_eq!(
            (&again["unchanged"], &again["created"]),
            (&20.into(), &0.into()),
            "{again}"
        );
        assert!(again["imported_before_as"].is_string());
    }
    // The opt-out stands in the events and survives.
    assert_eq!(before, desk.ok(&["account", "show", "0000200002"]));
    assert!(before.contains("opt_out sms"), "{before}");
    let verdict = desk.ends(
        3,
        &[
            "message",
            "check",
            "--account",
            "0000200002",
            "--channel",
            "sms",
            "--template",
            "instalment-overdue",
        ],
    );
    assert!(verdict.out.contains("status.opt_out"), "{}", verdict.out);
}

#[test]
fn refused_rows_are_corrected_and_taken_in() {
    let desk = Desk::set_up();
    let ledger = desk.read("ledger.csv");
    desk.write(
        "ledger.csv",
        &ledger
            .replace("2026-04-10", "10.04.2026")
            .replace("trade,0000100002", "nowhere,0000100002"),
    );
    let dry = desk.ends(4, &["import", "accounts", "ledger.csv", "--dry-run"]);
    let real = desk.ends(4, &["import", "accounts", "ledger.csv"]);
    assert_eq!(dry.out, real.out);
    assert!(
        real.out.contains("2  refused") && real.out.contains("ledger.csv.rejects.csv"),
        "{}",
        real.out
    );
    let rejects = desk.read("ledger.csv.rejects.csv");
    assert!(
        rejects.contains("no_portfolio") && rejects.lines().count() == 3,
        "{rejects}"
    );
    let corrected = rejects
        .replace("10.04.2026", "2026-04-10")
        .replace(",nowhere,", ",trade,");
    desk.write("corrected.csv", &corrected);
    let counts = desk.json(&["import", "accounts", "corrected.csv"]);
    assert_eq!(
        (&counts["created"], &counts["rejected"]),
        (&2.into(), &0.into()),
        "{counts}"
    );
}

#[test]
fn an_import_is_taken_back_as_far_as_nothing_happened() {
    let desk = Desk::set_up();
    let batch = desk.json(&["import", "accounts", "ledger.csv"])["batch"]
        .as_str()
        .unwrap()
        .to_owned();
    desk.ok(&[
        "event",
        "add",
        "payment",
        "--account",
        "0000200001",
        "--amount",
        "100.00",
        "--booking",
        "B1",
    ]);
    desk.ok(&["import", "events", "events.jsonl"]);
    let undone = desk.ends(4, &["import", "undo", &batch, "--json"]);
    let undone: Value = serde_json::from_str(&undone.out).unwrap();
    assert!(
        undone["taken_back"].as_u64().unwrap() > 0 && !undone["kept"].as_array().unwrap().is_empty(),
        "{undone}"
    );
    desk.ends(1, &["import", "undo", &batch]);
    assert!(desk.ok(&["import", "list"]).contains("undone"));
}

#[test]
fn errors_are_one_clear_sentence_with_file_and_line() {
    let desk = Desk::set_up();
    let check = |arguments: &[&str], words: &[&str]| {
        let said = desk.ends(1, arguments);
        assert!(
            said.out.is_empty() && said.err.starts_with("error: "),
            "{}",
            said.err
        );
        assert!(
            said.err.lines().count() <= 3 && !said.err.contains("panicked"),
            "{}",
            said.err
        );
        for word in words {
            assert!(said.err.contains(word), "{arguments:?}: {}", said.err);
        }
    };
    desk.write("bad.toml", "\n[dispatch]\nbacth = 1\n");
    check(
        &["--config", "bad.toml", "import", "list"],
        &["bad.toml:3", "dispatch.batch"],
    );
    desk.write("map.toml", "[account]\nname = { from = \"a\" }\n");
    check(
        &["import", "accounts", "ledger.csv", "--mapping", "map.toml"],
        &["map.toml:1", "account.debtor_ref"],
    );
    let good = desk.read("portfolios.toml");
    desk.write("p.toml", &good.replace("\"traffic-light\"", "\"trafic\""));
    let line = good.lines().position(|l| l.contains("traffic-light")).unwrap() + 1;
    check(
        &["portfolio", "apply", "p.toml"],
        &[&format!("p.toml:{line}"), "`ladder`", "traffic-light"],
    );
    let ladder = std::fs::read_to_string(root().join("policies/ladders/traffic-light.toml")).unwrap();
    desk.write(
        "traffic-light.toml",
        &ladder.replace("template = \"due-tomorrow\"", "template = \"nothing\""),
    );
    check(
        &["ladder", "check", "traffic-light.toml"],
        &["traffic-light.toml:", "`nothing`"],
    );
    desk.write("far.toml", "database_url = \"sqlite://not/there/d.sqlite\"\n");
    check(
        &["--config", "far.toml", "import", "list"],
        &["`not/there`", "not there"],
    );
    check(&["account", "show", "nobody"], &["account `nobody` is not there"]);
    check(
        &["import", "accounts", "missing.csv"],
        &["`missing.csv` cannot be read"],
    );
    check(&["import", "accounts", "portfolios.toml"], &["portfolios.toml"]);
    check(&["campaign", "pause", "nowhere"], &["nowhere", "trade"]);
    check(
        &[
            "payee",
            "confirm",
            "00000000-0000-7000-8000-000000000000",
            "--by",
            "x",
        ],
        &["confirmed"],
    );
}

#[test]
fn init_overwrites_nothing() {
    let desk = Desk::empty();
    desk.write("dunwell.toml", "installation = \"mine\"\n");
    let said = desk.ok(&["init"]);
    assert!(
        said.contains("kept as it is") && said.contains("portfolios.toml"),
        "{said}"
    );
    assert_eq!(desk.read("dunwell.toml"), "installation = \"mine\"\n");
    assert!(
        desk.ok(&["config", "show", "--origin"])
            .contains("dunwell.toml:1")
    );
    desk.ok(&["init", "inside/deeper"]);
    assert!(Path::new(&desk.path("inside/deeper/dunwell.toml")).exists());
}

#[test]
fn a_message_is_checked_queued_explained_and_decided() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    let message = ["--account", "0000100001", "--channel", "email"];
    let checked = desk.run(
        &[
            &["message", "check", "--template", "overdue-reminder"],
            &message[..],
        ]
        .concat(),
    );
    assert!([0, 3].contains(&checked.code), "{}{}", checked.out, checked.err);
    desk.write("draft.txt", "再不付款,就把你的欠款告诉你的亲友。");
    let blocked = desk.ends(
        3,
        &[&["message", "check", "--file", "draft.txt"], &message[..]].concat(),
    );
    assert!(
        blocked.out.starts_with("blocked") && blocked.out.contains("source:"),
        "{}",
        blocked.out
    );
    assert_eq!(desk.json(&["message", "list"]), Value::Array(vec![]));

    let queued = desk.json(
        &[
            &[
                "message",
                "queue",
                "--template",
                "overdue-reminder",
                "--by",
                "wang",
                "--at",
                "2030-01-08 15:30",
            ],
            &message[..],
        ]
        .concat(),
    );
    let id = queued["attempt"].as_str().unwrap();
    assert_eq!(queued["due_at"], "2030-01-08T07:30:00.000000Z");
    let end = &id[id.len() - 8..];
    let story = desk.ok(&["explain", end]);
    assert!(
        story.contains("actor=wang") && story.contains("next lawful instant"),
        "{story}"
    );
    assert_eq!(desk.json(&["explain", id])["state"], "planned");
    desk.ends(1, &["message", "approve", end, "--by", "zhao"]);

    let gone = desk.json(&["event", "add", "cease", "--account", "0000100001"]);
    assert_eq!(gone["withdrawn"], 1);
    assert_eq!(
        desk.json(&["message", "list", "--state", "withdrawn"])[0]["reason"],
        "cease_communication"
    );
    assert!(desk.ok(&["evidence", "verify"]).contains("0 faults"));
}

#[test]
fn what_is_exported_reads_back() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    desk.ok(&["import", "events", "events.jsonl"]);
    let move_out = |desk: &Desk, round: &str| {
        desk.ok(&[
            "export",
            "accounts",
            "--before-events",
            "--output",
            &format!("a{round}.csv"),
        ]);
        desk.ok(&[
            "export",
            "events",
            "--format",
            "jsonl",
            "--output",
            &format!("e{round}.jsonl"),
        ]);
        desk.ok(&[
            "export",
            "accounts",
            "--format",
            "jsonl",
            "--output",
            &format!("now{round}.jsonl"),
        ]);
        ["a", "e", "now"].map(|n| {
            let ending = if n == "a" { "csv" } else { "jsonl" };
            let text = desk.read(&format!("{n}{round}.{ending}"));
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        })
    };
    let before = move_out(&desk, "1");
    assert!(before.iter().all(|lines| lines.len() >= 18), "{before:?}");
    let other = Desk::set_up();
    for file in ["a1.csv", "e1.jsonl"] {
        std::fs::copy(desk.path(file), other.path(file)).unwrap();
    }
    other.ok(&["import", "accounts", "a1.csv"]);
    other.ok(&["import", "events", "e1.jsonl"]);
    assert_eq!(before, move_out(&other, "2"));
}

#[test]
fn checks_of_what_ships_pass() {
    let desk = Desk::set_up();
    for arguments in [
        &["policy", "lint"][..],
        &["policy", "test"],
        &["policy", "list"],
        &["policy", "show", "core"],
        &["template", "check"],
        &["template", "list"],
        &["template", "show", "overdue-reminder"],
        &["ladder", "check"],
        &["ladder", "list"],
        &["campaign", "list"],
        &["doctor"],
        &["evidence", "list"],
        &["completions", "bash"],
    ] {
        desk.ok(arguments);
        let mut chinese = arguments.to_vec();
        chinese.extend(["--lang", "zh"]);
        desk.ok(&chinese);
        desk.json(arguments);
    }
}

#[test]
fn reports_speak_the_reader_s_language_and_show_no_colour_in_a_file() {
    let desk = Desk::set_up();
    let chinese = said(
        desk.command(&["doctor"])
            .env("LC_ALL", "zh_CN.UTF-8")
            .output()
            .unwrap(),
    );
    assert!(chinese.out.contains("时钟可信"), "{}", chinese.out);
    let english = desk.ok(&["doctor"]);
    assert!(english.contains("the clock can be trusted"));
    assert!(!english.contains('\x1b') && !chinese.out.contains('\x1b'));
    assert_eq!(desk.ok(&["doctor", "--quiet"]), "");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let desk = Desk::set_up();
    let mut child = desk
        .command(&["policy", "show", "house-safe-default", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).as_ref()
        ),
        (Some(0), "")
    );
}

#[test]
fn a_foreign_ledger_is_taken_in_whole() {
    let found = root().join("../shared/data/invoices-2012-2013.csv");
    if !found.exists() && require_or_skip("the foreign ledger: it is not beside this folder") {
        return;
    }
    let desk = Desk::set_up();
    let invoices = r#"
[[creditor]]
name = "Foreign Sample Inc"
country = "US"
[[sender]]
name = "Foreign Sample Inc"
kind = "creditor"
signature = "Foreign Sample"
opt_out_word = "STOP"
[[portfolio]]
name = "invoices"
creditor = "Foreign Sample Inc"
sender = "Foreign Sample Inc"
ladder = "traffic-light"
zone = "America/New_York"
"#;
    desk.write("invoices.toml", invoices);
    desk.ok(&["portfolio", "apply", "invoices.toml"]);
    let mapping = root().join("samples/mappings/invoices-2012-2013.toml");
    let counts = desk.json(&[
        "import",
        "accounts",
        found.to_str().unwrap(),
        "--mapping",
        mapping.to_str().unwrap(),
        "--as-of",
        "2013-01-01",
    ]);
    assert_eq!(
        (&counts["rows"], &counts["created"], &counts["rejected"]),
        (&2466.into(), &2466.into(), &0.into())
    );
}

/// What `check --jsonl` says to lines: each answer as JSON, and how the program ended.
fn check_lines(desk: &Desk, lines: &str) -> (Vec<Value>, i32) {
    use std::io::Write;
    let mut command = desk.command(&["check", "--jsonl"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let said = said(child.wait_with_output().unwrap());
    let answers = said.out.lines().map(|l| serde_json::from_str(l).unwrap());
    (answers.collect(), said.code)
}

#[test]
fn a_file_of_messages_is_judged_by_its_words() {
    let desk = Desk::empty();
    let line = |role: &str, text: &str| {
        format!(
            r#"{{"id":"a","lang":"zh-CN","channel":"sms","sender":{{"kind":"agency","name":"甲咨询","creditor_name":"乙银行","creditor_is_bank":true}},"recipient_role":"{role}","authorised_accounts":[],"text":"{text}","expect":"block","categories":["x"]}}"#
        )
    };
    let check = |line: &str, verdict: &str, category: Option<&str>, code: i32| {
        let (answers, ended) = check_lines(&desk, line);
        let answer = &answers[0];
        assert_eq!(
            (answer["verdict"].as_str(), ended),
            (Some(verdict), code),
            "{line}\n{answer}"
        );
        let found = answer["categories"].as_array().unwrap();
        assert!(category.is_none_or(|c| found.iter().any(|f| f == c)), "{answer}");
    };
    check(&line("debtor", "您好,请尽快还款。"), "cleared", None, 0);
    check(&line("debtor", "请打断*你*的*腿"), "blocked", Some("threat"), 0);
    check(
        &line("third_party", "您好,请尽快还款。"),
        "blocked",
        Some("third_party_disclosure"),
        0,
    );
    check(&line("debtor", r"您好\ud800"), "blocked", None, 0);
    check(&line("nobody", "您好"), "blocked", None, 4);
    check("{", "blocked", None, 4);
    let (answers, _) = check_lines(&desk, &line("debtor", "您好,小心打断你的腿。谢谢"));
    let finding = &answers[0]["findings"][0];
    let span: Vec<u64> = finding["span"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let shown: String = "您好,小心打断你的腿。谢谢"
        .chars()
        .skip(span[0] as usize)
        .take((span[1] - span[0]) as usize)
        .collect();
    assert_eq!(finding["text"], shown.as_str());
    assert!(finding["citation"].as_str().is_some_and(|c| !c.is_empty()));
}

#[test]
fn one_text_is_judged_without_a_database() {
    let desk = Desk::empty();
    let shown = desk.ends(
        3,
        &[
            "message",
            "check",
            "--sender",
            "agency",
            "--channel",
            "sms",
            "--text",
            "打断你的腿",
            "--lang",
            "en",
        ],
    );
    assert!(shown.out.contains("content.threat.violence"), "{}", shown.out);
    let answer = desk.json(&[
        "check",
        "--sender",
        "creditor",
        "--channel",
        "sms",
        "--text",
        "请尽快付款",
    ]);
    assert_eq!(answer["verdict"], "cleared");
}
