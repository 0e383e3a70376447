//! The situations of an outside format (`tests/data/vectors.jsonl`), each with the verdict that the named packs must
//! give: `dunwell policy eval --jsonl` answers every one, and the answers do not depend on anything but the situation.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use chrono::DateTime;
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../data/vectors.jsonl");

/// Our own, of the same format: boundary seconds, clock changes, two zones, consents, several debts and collectors.
const OWN: &str = include_str!("../data/situations.jsonl");

/// Our own about people, media, states and content, each sentence of every regime at least once.
const CONDUCT: &str = include_str!("../data/conduct.jsonl");

/// Written down from the laws alone, before any answer of the program was seen: opening and closing seconds of every
/// place that has hours, counts, notices, people, media, states and descriptions.
const READINGS: &str = include_str!("../data/readings.jsonl");

/// The answers to lines, by their order.
fn eval(lines: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dunwell"))
        .args(["policy", "eval", "--jsonl", "--lang", "en"])
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = lines.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(out.status.success());
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// The situation alone, without its id and what explains it.
fn bare(line: &Value) -> String {
    let kept = ["regime", "kind", "given", "attempt"];
    let bare: serde_json::Map<_, _> = kept.iter().map(|k| ((*k).to_owned(), line[*k].clone())).collect();
    Value::Object(bare).to_string()
}

fn same_instant(a: &Value, b: &Value) -> bool {
    let read = |v: &Value| v.as_str().and_then(|t| DateTime::parse_from_rfc3339(t).ok());
    read(a).is_some() && read(a) == read(b)
}

#[test]
fn every_situation_has_the_verdict_that_its_rules_ask_for() {
    let all = VECTORS
        .lines()
        .chain(OWN.lines())
        .chain(CONDUCT.lines())
        .chain(READINGS.lines());
    let lines = all.map(|l| serde_json::from_str(l).unwrap());
    let lines: Vec<Value> = lines.filter(shipped).collect();
    let text: Vec<String> = lines.iter().map(bare).collect();
    let answers = eval(&text.join("\n"));
    assert_eq!(answers.len(), lines.len());
    let mut wrong: BTreeMap<&str, String> = BTreeMap::new();
    for (line, answer) in lines.iter().zip(&answers) {
        let fits = answer["verdict"] == line["expect"]
            && (line["not_before"].is_null() || same_instant(&answer["not_before"], &line["not_before"]));
        if !fits {
            let asked = format!("{} {}", line["expect"], line["not_before"]);
            wrong.insert(
                line["id"].as_str().unwrap(),
                format!("expected {asked}, found {answer}"),
            );
        }
        let allowed = answer["verdict"] == "allow";
        assert!(
            allowed || answer["findings"].as_array().is_some_and(|f| !f.is_empty()),
            "{answer}"
        );
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), lines.len());
}

/// Whether every pack of its regime ships.
fn shipped(line: &Value) -> bool {
    let policies = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let ships = |pack: &str| policies.join(pack).join("policy.toml").exists();
    line["regime"].as_str().unwrap().split('+').all(ships)
}

#[test]
fn what_is_not_understood_is_for_a_person() {
    let good: Value = serde_json::from_str(VECTORS.lines().next().unwrap()).unwrap();
    let change = |path: &str, value: Value| {
        let mut line: Value = serde_json::from_str(&bare(&good)).unwrap();
        *line.pointer_mut(path.rsplit_once('/').unwrap().0).unwrap() = {
            let mut object = line.pointer(path.rsplit_once('/').unwrap().0).unwrap().clone();
            object[path.rsplit_once('/').unwrap().1] = value;
            object
        };
        line.to_string()
    };
    let odd = [
        "not json".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        change("/attempt/phase", json!("moon")),
        change("/attempt/channel", json!("pigeon")),
        change("/attempt/at", json!("tomorrow")),
        change("/given/collector/type", json!("wizard")),
        change("/given/consumer/time_zones", json!([])),
        change(
            "/given/consumer/time_zones",
            json!([{"tz": "Mars/Olympus", "basis": "x"}]),
        ),
        change("/given/facts", json!({"weather": "rain"})),
        change(
            "/given/timeline",
            json!([{"at": "2026-04-06T09:00:00Z", "dir": "sideways"}]),
        ),
        change(
            "/given/timeline",
            json!([{"at": "2026-04-06T09:00:00Z", "dir": "out", "channel": "sms", "person": "C1", "outcome": "exploded"}]),
        ),
        change("/regime", json!("us-regf+atlantis")),
        change("/kind", json!("mood")),
        change("/attempt/person", json!(null)),
        change("/attempt/debts", json!(7)),
        String::new(),
        "   ".to_owned(),
    ];
    let answers = eval(&(odd.join("\n") + "\n"));
    for (line, answer) in odd.iter().zip(&answers) {
        assert_eq!(answer["verdict"], "review", "{line}\n{answer}");
        assert_eq!(
            answer["findings"][0]["rule"]
                .as_str()
                .map(|r| r.starts_with("situation.")),
            Some(true),
            "{answer}"
        );
    }
    assert_eq!(answers.len(), odd.len());
}
