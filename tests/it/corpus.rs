//! The labelled files: no situation on both sides, everything represented, and a classifier that keeps its level on what
//! it has not seen.

use std::collections::{BTreeMap, BTreeSet};

use dunwell::domain::SenderKind;
use dunwell::guard::classifier::{Speech, shipped};
use dunwell::policy::ContentContext;
use dunwell::policy::fold::fold;
use serde_json::Value;

fn messages(name: &str) -> Vec<Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text<'v>(message: &'v Value, field: &str) -> &'v str {
    message[field].as_str().unwrap()
}

#[test]
fn no_situation_is_both_learnt_and_measured() {
    let (train, held) = (messages("corpus/train.jsonl"), messages("corpus/heldout.jsonl"));
    let scenarios =
        |all: &[Value]| -> BTreeSet<String> { all.iter().map(|m| text(m, "scenario").to_owned()).collect() };
    let (learnt, measured) = (scenarios(&train), scenarios(&held));
    assert_eq!(learnt.intersection(&measured).count(), 0);
    assert!(learnt.len() + measured.len() > 400);
    let words = |all: &[Value]| -> BTreeSet<String> { all.iter().map(|m| text(m, "text").to_owned()).collect() };
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
            assert_eq!(text(m, "expect") == "block", !m["categories"].as_array().unwrap().is_empty());
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
            "spacing", "homophone", "pinyin", "traditional", "fullwidth", "emoji", "leetspeak", "split", "zero_width",
            "synonym", "paraphrase", "code_switch", "zh-CN", "zh-TW", "en", "mixed", "sms", "email", "letter", "third_party",
            "guarantor",
        ] {
            assert!(counts.get(value).is_some_and(|n| *n >= 4), "{name}: {value}");
        }
        let share = counts["allow"] as f64 / all.len() as f64;
        assert!((0.4..0.65).contains(&share), "{name}: {share}");
    }
}

#[test]
fn the_classifier_keeps_its_level_on_unseen_situations() {
    let (mut harmful, mut caught, mut proper, mut alarms) = (0.0, 0.0, 0.0, 0.0);
    for m in messages("corpus/heldout.jsonl") {
        let sender = &m["sender"];
        let kind: SenderKind = text(sender, "kind").parse().unwrap();
        let is_bank = sender["creditor_is_bank"].as_bool().unwrap();
        let cx = ContentContext::new(kind, text(sender, "name"), text(sender, "creditor_name"), is_bank);
        let words = fold(text(&m, "text")).text().to_owned();
        let third_party = text(&m, "recipient_role") == "third_party";
        let guarantor = text(&m, "recipient_role") == "guarantor";
        let speech = Speech { third_party, guarantor, ..Speech::new(&words, &cx, &[]) };
        let stopped = f64::from(u8::from(shipped().read(&speech).raises_review()));
        if text(&m, "expect") == "block" {
            (harmful, caught) = (harmful + 1.0, caught + stopped);
        } else {
            (proper, alarms) = (proper + 1.0, alarms + stopped);
        }
    }
    // Without the hints of the rules; with them it does better (docs/guard-quality.md).
    assert!(caught / harmful > 0.45, "caught {:.3}", caught / harmful);
    assert!(alarms / proper < 0.02, "false alarms {:.3}", alarms / proper);
}
