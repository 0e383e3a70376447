//! The shipped weights read, tell proper from harmful in words they were not taught, and explain themselves; broken
//! weights are refused; learning is repeatable; any text gets an answer.

use proptest::prelude::*;

use super::*;
use crate::domain::SenderKind;
use crate::policy::fold::fold;

fn speech<'a>(text: &'a str, hints: &'a [Hint]) -> Speech<'a> {
    Speech {
        text,
        sender: SenderKind::Agency,
        bank_speaks: false,
        third_party: false,
        guarantor: false,
        sender_names: &[],
        creditor_names: &[],
        hints,
    }
}

fn read(text: &str) -> Reading {
    shipped().read(&speech(fold(text).text(), &[]))
}

#[test]
fn harmful_words_score_above_proper_ones() {
    let proper = [
        "您好,这期账单还差一点,方便时补上就好。",
        "您好,本期帳款尚未收到,方便時請處理,謝謝。",
        "Hello, the August invoice is still open. Could you let us know when it will be paid?",
        "Hi,请问invoice什么时候付?谢谢。",
    ];
    let harmful = [
        "再不还钱,打断你的腿,弄死你。",
        "再不還錢就打斷你的腿,弄死你。",
        "Pay tonight or we will break your legs, you worthless scum.",
        "再不还钱就break你的legs,听懂没?",
    ];
    for (good, bad) in proper.iter().zip(harmful) {
        let (good, bad) = (read(good), read(bad));
        assert!(
            bad.margin > good.margin + 0.3 && !good.raises_review(),
            "{good:?} {bad:?}"
        );
        assert!(bad.probability > good.probability && bad.probability <= 1.0);
    }
}

#[test]
fn a_score_is_explained_by_the_words_it_rests_on() {
    let text = fold("您好。再不还钱就弄死你,打断你的腿。").text().to_owned();
    let shares = shipped().strongest(&speech(&text, &[]), 5);
    assert!(!shares.is_empty() && shares.len() <= 5);
    assert!(shares.windows(2).all(|w| w[0].weight.abs() >= w[1].weight.abs()));
    assert!(
        shares
            .iter()
            .any(|s| s.weight > 0.0 && !s.at.is_empty() && text.get(s.at.clone()).is_some())
    );
}

#[test]
fn broken_weights_are_refused() {
    let check = |bytes: &[u8], expected: &str| {
        let error = Classifier::from_bytes(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    assert!(SHIPPED.len() <= 3_000_000, "{} bytes", SHIPPED.len());
    check(b"", "no classifier weights");
    check(&SHIPPED[1..], "no classifier weights");
    check(&SHIPPED[..SHIPPED.len() - 1], "expected");
    let head = SHIPPED.iter().position(|b| *b == b'\n').unwrap() + 1;
    let names = head + SHIPPED[head..].iter().position(|b| *b == b'\n').unwrap() + 1;
    let mut bytes = SHIPPED.to_vec();
    bytes[names..names + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    check(&bytes, "not a number");
    let mut bytes = SHIPPED.to_vec();
    bytes[head] = b'?';
    check(&bytes, "does not know");
}

fn small<'a>(texts: &'a [(&'a str, bool)]) -> Vec<Example<'a>> {
    let example = |(text, harmful): &'a (&'a str, bool)| Example {
        input: speech(text, &[]),
        categories: if *harmful { vec![Category::Threat] } else { vec![] },
        scenario: text,
    };
    texts.iter().map(example).collect()
}

#[test]
fn learning_is_repeatable_and_learns() {
    let texts = [
        ("we will burn your shop", true),
        ("your shop will burn tonight", true),
        ("burn it all down", true),
        ("please pay the invoice", false),
        ("the invoice is due today", false),
        ("please call about the invoice", false),
        // Nothing tells this one from the line above.
        ("please pay the invoice", true),
    ];
    let fit = Fit {
        passes: 30,
        false_alarms: 0.0,
        folds: 2,
        ..Fit::default()
    };
    let first = train(&small(&texts), &fit);
    assert_eq!(first.bytes, train(&small(&texts), &fit).bytes);
    assert_eq!((first.examples, first.contradicted), (6, 1));
    assert_eq!(first.unseen.iter().filter(|m| m.is_none()).count(), 1);
    let learnt = Classifier::from_bytes(&first.bytes).unwrap();
    let margin = |text: &str| learnt.read(&speech(text, &[])).margin;
    assert!(margin("they burn your shop") > margin("please pay today"));
    assert_eq!(learnt.category(&speech("burn it", &[])), Category::Threat);
}

#[test]
fn the_most_telling_sentence_counts() {
    let bad = read("弄死你,打断你的腿。");
    let long = read("您好。本期账单还差一点。方便时请处理。弄死你,打断你的腿。谢谢。祝您生活愉快。");
    assert!(long.margin >= bad.margin - 0.05, "{long:?} {bad:?}");
}

#[test]
fn who_reads_and_who_speaks_is_part_of_the_score() {
    let text = fold("您的贷款已逾期,请尽快还款。").text().to_owned();
    let debtor = shipped().read(&speech(&text, &[]));
    let stranger = Speech {
        third_party: true,
        ..speech(&text, &[])
    };
    assert!(shipped().read(&stranger).margin > debtor.margin);
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,300}") {
        let reading = read(&text);
        prop_assert!((0.0..=1.0).contains(&reading.probability));
        prop_assert!(reading.margin.is_finite());
        for share in shipped().strongest(&speech(&text, &[]), 4) {
            prop_assert!(text.get(share.at).is_some());
        }
    }
}

#[test]
fn long_texts_are_read_in_one_walk() {
    let text = "请付款,".repeat(100_000);
    assert!(read(&text).margin.is_finite());
    assert!(read(&"\u{301}".repeat(100_000)).margin.is_finite());
}
