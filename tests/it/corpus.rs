//! The labelled files: no situation on both sides, everything represented, and a classifier that keeps its level on what
//! it has not seen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

fn messages(name: &str) -> Vec<Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text<'v>(message: &'v Value, field: &str) -> &'v str {
    message[field].as_str().unwrap()
}

#[test]
fn no_answer_is_both_learnt_and_measured_and_opting_out_is_understood() {
    use dunwell::domain::{Channel, Currency};
    use dunwell::replies::{
        ClaimFacts, Meaning, ReplyContext, figures, samples, shipped, shipped_model, understand,
    };
    let file = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus/replies")
            .join(name);
        samples(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let (train, held) = (file("train.jsonl"), file("heldout.jsonl"));
    let texts = |all: &[dunwell::replies::Sample]| -> BTreeSet<(String, String)> {
        all.iter().map(|s| (s.lang.clone(), s.text.clone())).collect()
    };
    assert_eq!(texts(&train).intersection(&texts(&held)).count(), 0);
    let today = chrono::NaiveDate::from_ymd_opt(2026, 3, 11).unwrap();
    let read: Vec<_> = held
        .iter()
        .map(|s| {
            let chinese = s.lang.starts_with("zh");
            let currency = Currency::parse(if chinese { "CNY" } else { "USD" }).unwrap();
            let cx = ReplyContext {
                channel: Channel::Sms,
                locale: &s.lang,
                opt_out_word: if chinese { "T" } else { "STOP" },
                today,
                claim: Some(ClaimFacts {
                    balance_minor: 50_000_000,
                    currency,
                    due_on: today,
                }),
            };
            understand(shipped(), Some(shipped_model()), &s.text, &cx)
        })
        .collect();
    let found = figures(&held, &read);
    let line = |m: Meaning| found.lines[&(m, "*".to_owned())];
    let opt_out = line(Meaning::OptOut);
    assert!(
        opt_out.recall() >= Some(980) && opt_out.sure_precision() >= Some(990),
        "{opt_out:?}"
    );
    for meaning in Meaning::ALL {
        assert!(
            line(*meaning).recall() >= Some(900),
            "{meaning}: {:?}",
            line(*meaning)
        );
    }
}

#[test]
fn no_situation_is_both_learnt_and_measured() {
    let (train, held) = (messages("corpus/train.jsonl"), messages("corpus/heldout.jsonl"));
    // A joined clause names its own scenario after a plus sign.
    let scenarios = |all: &[Value]| -> BTreeSet<String> {
        let of = |m: &Value| {
            text(m, "scenario")
                .split('+')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        all.iter().flat_map(of).collect()
    };
    let (learnt, measured) = (scenarios(&train), scenarios(&held));
    assert_eq!(learnt.intersection(&measured).count(), 0);
    assert!(learnt.len() + measured.len() > 400);
    let words =
        |all: &[Value]| -> BTreeSet<String> { all.iter().map(|m| text(m, "text").to_owned()).collect() };
    assert_eq!(words(&train).intersection(&words(&held)).count(), 0);
}

#[test]
fn every_category_disguise_language_and_channel_is_there() {
    for name in ["corpus/train.jsonl", "corpus/heldout.jsonl"] {
        let all = messages(name);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for m in &all {
            assert!(ids.insert(text(m, "id").to_owned()), "{} twice", m["id"]);
            assert_eq!(
                text(m, "expect") == "block",
                !m["categories"].as_array().unwrap().is_empty()
            );
            for category in m["categories"].as_array().unwrap() {
                *counts.entry(category.as_str().unwrap().to_owned()).or_default() += 1;
            }
            for field in ["lang", "channel", "evasion", "recipient_role", "expect"] {
                let value = m[field].as_str().unwrap_or("plain");
                *counts.entry(value.to_owned()).or_default() += 1;
            }
        }
        for category in dunwell::policy::Category::ALL {
            assert!(counts[category.as_str()] >= 20, "{name}: {category}");
        }
        for value in [
            "spacing",
            "homophone",
            "pinyin",
            "traditional",
            "fullwidth",
            "emoji",
            "leetspeak",
            "split",
            "zero_width",
            "synonym",
            "paraphrase",
            "code_switch",
            "zh-CN",
            "zh-TW",
            "en",
            "mixed",
            "sms",
            "email",
            "letter",
            "third_party",
            "guarantor",
        ] {
            assert!(counts.get(value).is_some_and(|n| *n >= 3), "{name}: {value}");
        }
        let share = counts["allow"] as f64 / all.len() as f64;
        assert!((0.4..0.65).contains(&share), "{name}: {share}");
    }
}

/// What `guard report` says of the held-back scenarios.
fn measured(options: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/heldout.jsonl");
    let said = std::process::Command::new(env!("CARGO_BIN_EXE_dunwell"))
        .current_dir(folder.path())
        .args(["--json", "guard", "report"])
        .arg(&file)
        .args(options)
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let all: Value = serde_json::from_slice(&said.stdout).unwrap();
    all[0].clone()
}

#[test]
fn the_classifier_keeps_its_level_on_unseen_situations() {
    let alone = measured(&["--classifier-only"]);
    let share = |name: &str| alone["total"][name].as_f64().unwrap();
    assert!(share("recall") > 0.8, "recall {}", share("recall"));
    // The threshold lets two in a hundred pass on short messages that were not seen; long ones and joined ones cost more.
    assert!(
        share("false_alarms") < 0.035,
        "false alarms {}",
        share("false_alarms")
    );
    assert_eq!(alone["total"]["blocked"], 0, "it never blocks");
}

#[test]
fn a_report_names_what_was_wrong_and_draws_it() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let report = measured(&["--html", page.to_str().unwrap()]);
    let total = &report["total"];
    let count = |name: &str| total[name].as_u64().unwrap();
    let listed = |name: &str| report[name].as_array().unwrap().len() as u64;
    assert_eq!(listed("missed"), count("harmful") - count("stopped"));
    assert_eq!(listed("false_alarms"), count("alarms"));
    assert!(report["pairs"].as_u64().unwrap() >= 10);
    for by in ["category", "language", "channel", "disguise", "sender", "reader"] {
        assert!(
            report["by"][by].as_object().is_some_and(|rows| rows.len() >= 3),
            "{by}"
        );
    }
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("<svg") && !html.contains("<script") && !html.contains("http"));
}
