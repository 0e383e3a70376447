//! Labelled samples, measured; and inputs that nobody would send in good faith.

use proptest::prelude::*;

use super::*;
use crate::channels::verp::Purpose;

const KNOWN: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/bounces/known.txt"
));
const HELD: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/bounces/held.txt"
));
const ID: &str = "01900000-0000-7000-8000-000000000001";

fn ours() -> Ours {
    Ours {
        key: Some(TokenKey::new([3; 32])),
        addresses: vec!["collect@ruian.example".to_owned(), "fbl@ruian.example".to_owned()],
    }
}

fn attempt() -> AttemptId {
    AttemptId(ID.parse().unwrap())
}

fn verp() -> String {
    let token = ours().key.unwrap().token(Purpose::Bounce, attempt());
    format!("bounce+{token}@ruian.example")
}

struct Sample {
    name: String,
    kind: ReturnKind,
    status: Option<String>,
    raw: String,
}

fn samples(text: &str) -> Vec<Sample> {
    let blocks = text.split("#### ").skip(1);
    let sample = |block: &str| {
        let (label, raw) = block.split_once('\n').unwrap();
        let words: Vec<&str> = label.split(" | ").collect();
        Sample {
            name: words[0].to_owned(),
            kind: words[1].parse().unwrap(),
            status: (words[2] != "-").then(|| words[2].to_owned()),
            raw: raw.replace("{{verp}}", &verp()).replace("{{id}}", ID),
        }
    };
    blocks.map(sample).collect()
}

/// The samples read wrongly: name, what was expected, what was found.
fn wrong(text: &str) -> (usize, Vec<String>) {
    let (all, mut wrong) = (samples(text), Vec::new());
    for s in &all {
        for raw in [s.raw.clone(), s.raw.replace('\n', "\r\n")] {
            let found = read(raw.as_bytes(), &Envelope::default(), &ours());
            let status = found.status.map(|s| s.to_string());
            if found.kind != s.kind || (s.status.is_some() && status != s.status) {
                wrong.push(format!(
                    "{}: expected {} {:?}, found {} {status:?} {:?}",
                    s.name, s.kind, s.status, found.kind, found.cause
                ));
                break;
            }
        }
    }
    (all.len(), wrong)
}

#[test]
fn labelled_samples_are_read_as_people_read_them() {
    for (name, text, least) in [("written beside the rules", KNOWN, 100), ("held back", HELD, 90)] {
        let (all, wrong) = wrong(text);
        let right = (all - wrong.len()) * 100 / all;
        println!(
            "{name}: {} of {all} right ({right} %)\n{}",
            all - wrong.len(),
            wrong.join("\n")
        );
        assert!(right >= least, "{name}: {right} %\n{}", wrong.join("\n"));
    }
}

#[test]
fn what_is_about_an_attempt_names_it() {
    for s in samples(KNOWN).into_iter().chain(samples(HELD)) {
        let found = read(s.raw.as_bytes(), &Envelope::default(), &ours());
        if s.kind == ReturnKind::Loop {
            continue;
        }
        let carries = s.raw.contains(ID) || s.raw.contains(&verp());
        assert_eq!(found.about.map(|(id, _)| id), carries.then(attempt), "{}", s.name);
        let path = s.raw.contains(&verp());
        let expected = match path {
            true => Some(MatchedBy::ReturnPath),
            false => carries.then_some(MatchedBy::MessageId),
        };
        assert_eq!(found.about.map(|(_, by)| by), expected, "{}", s.name);
        if matches!(s.kind, ReturnKind::Hard | ReturnKind::Soft) && s.raw.contains("Final-Recipient") {
            assert_eq!(
                found.named.first().map(String::as_str),
                Some("li.wei@example.com"),
                "{}",
                s.name
            );
        }
    }
}

#[test]
fn a_forged_return_path_names_nobody() {
    let forged = verp().replace("bounce+a", "bounce+b");
    assert_ne!(forged, verp());
    let envelope = Envelope {
        from: Some(String::new()),
        to: vec![forged.clone()],
    };
    let raw = format!(
        "From: mailer-daemon@mx.example.net\nTo: {forged}\nSubject: Undelivered Mail\n\n550 5.1.1 user unknown\n"
    );
    assert_eq!(read(raw.as_bytes(), &envelope, &ours()).about, None);
    assert!(!ours().takes(&forged));
    assert!(ours().takes(&verp().to_uppercase()));
    assert!(ours().takes("<Collect@Ruian.example>"));
}

#[test]
fn what_a_person_says_is_handed_over_without_quotes() {
    let said = |name: &str| {
        let all = samples(KNOWN).into_iter().chain(samples(HELD));
        let sample = all.into_iter().find(|s| s.name == name).unwrap();
        read(sample.raw.as_bytes(), &Envelope::default(), &ours()).said()
    };
    assert_eq!(said("reply-plain"), "I paid yesterday.");
    assert_eq!(said("reply-stop-new-subject"), "unsubscribe");
    assert_eq!(said("reply-html-163"), "我要投诉你们");
    assert_eq!(said("held-reply-zh"), "我上周已经还了，请查一下。");
    assert!(!said("held-reply-mentions-bounce").contains("STOP"));
}

#[test]
fn ten_megabytes_and_bombs_have_a_clear_end() {
    let report = &samples(KNOWN)[0];
    let big = report
        .raw
        .replace("Your balance is due.", &"Your balance is due.\n".repeat(500_000));
    assert!(big.len() > 10_000_000);
    assert_eq!(
        read(big.as_bytes(), &Envelope::default(), &ours()).kind,
        ReturnKind::Hard
    );
    let mut inside = String::new();
    for _ in 0..300_000 {
        inside += "Content-Type: message/rfc822\n\n";
    }
    let mut within = String::new();
    for n in 0..150_000 {
        within += &format!("Content-Type: multipart/report; boundary={n}\n\n--{n}\n");
    }
    for raw in [
        inside,
        within,
        "a:b\n".repeat(2_500_000),
        format!("Subject: {}\n\nx", "=?utf-8?B?5Y+R?= ".repeat(600_000)),
        format!("To: {}\n\nx", "a@example.com,".repeat(700_000)),
        format!("Content-Type: text/html\n\n{}", "<blockquote>".repeat(800_000)),
        format!(
            "From: mailer-daemon@a.example\nSubject: Undelivered Mail\n\n{}",
            "550 5.1.1 ".repeat(1_000_000)
        ),
        format!(
            "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n{}",
            "Action: failed\n\n".repeat(600_000)
        ),
        "<01900000-0000-7000-8000-000000000001@a".repeat(200_000),
        "-----\n".repeat(1_500_000),
    ] {
        let _ = read(raw.as_bytes(), &Envelope::default(), &ours());
    }
    assert_eq!(
        read(&vec![b'a'; MAX_BYTES + 1], &Envelope::default(), &ours()).kind,
        ReturnKind::Unreadable
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_comes_is_read_without_panic(raw in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&raw, &Envelope::default(), &ours());
    }

    #[test]
    fn cut_and_mixed_samples_are_read_without_panic(
        which in 0_usize..60, from in 0_usize..3000, length in 0_usize..3000, at in 0_usize..3000, noise in proptest::collection::vec(any::<u8>(), 0..40)
    ) {
        let all = samples(KNOWN);
        let mut raw = all[which % all.len()].raw.clone().into_bytes();
        let place = at.min(raw.len());
        raw.splice(place..place, noise);
        let start = from.min(raw.len());
        raw.drain(start..(start + length).min(raw.len()));
        let found = read(&raw, &Envelope::default(), &ours());
        // Nothing but an untouched token or id names an attempt.
        if let Some((id, _)) = found.about {
            prop_assert_eq!(id, attempt());
        }
    }
}
