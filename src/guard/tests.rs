//! Tests over the shipped packs: their cases, and properties that must hold whatever comes in.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::*;
use crate::policy::{Holidays, Pack, PackTexts, lint};

/// Every pack that ships, with all files of its folder.
static SET: LazyLock<PolicySet> = LazyLock::new(|| {
    let files = shipped();
    let calendars: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.starts_with("holidays/") && path.ends_with(".toml"))
        .cloned()
        .collect();
    let holidays = Holidays::parse(&calendars);
    let names = files
        .iter()
        .filter_map(|(path, _)| path.strip_suffix("/policy.toml"));
    let read = |name: &str| {
        let texts = PackTexts::join(name, &files);
        Arc::new(Pack::parse(&texts.files(name)).unwrap_or_else(|e| panic!("{e}")))
    };
    PolicySet::new(
        names.map(read).collect(),
        holidays.unwrap_or_else(|e| panic!("{e}")),
    )
});

/// Path below `policies/` and text of every file of a pack.
fn shipped() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(&root).unwrap().map(|f| f.unwrap().path()) {
        let inside = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .map(|f| f.unwrap().path());
        for path in inside.filter(|p| p.extension().is_some_and(|e| e == "toml")) {
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// The situation and draft of the first case of a pack, which is cleared.
fn first(pack: &str) -> (&'static Situation, &'static Draft, Moment) {
    let set: &'static PolicySet = &SET;
    let case = &set.packs().iter().find(|p| *p.name == *pack).unwrap().cases.cases[0];
    (&case.situation, &case.draft, case.at)
}

/// A situation for tests elsewhere in this module.
pub(crate) fn situation() -> Situation {
    first("house-safe-default").0.clone()
}

#[test]
fn shipped_cases_hold_and_every_rule_has_one() {
    let mut wrong = Vec::new();
    for pack in SET.packs() {
        wrong.extend(
            lint(pack)
                .into_iter()
                .filter(|l| l.fatal)
                .map(|l| format!("{}: {}: {}", l.pack, l.rule, l.en)),
        );
        let results = run_cases(pack, &SET);
        let failed = results.iter().filter(|r| !r.holds());
        wrong.extend(failed.map(|r| format!("{}:{}: {}: {}", r.pack, r.line, r.name, r.wrong.join("; "))));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_clearance_ends_with_the_window_less_its_margin() {
    let (s, draft, now) = first("cn");
    let clearance = review(draft, s, &SET, now).clearance.unwrap();
    assert_eq!(
        clearance.valid_until().local_text(chrono_tz::Asia::Shanghai),
        "2026-04-12 21:50 +08:00"
    );
    let lands = clearance.lands_before().unwrap();
    assert_eq!(
        lands.local_text(chrono_tz::Asia::Shanghai),
        "2026-04-12 22:00 +08:00"
    );
    assert_eq!(clearance.caps().len(), 1);
    assert_eq!(clearance.attempt(), s.attempt.id);
}

#[test]
fn what_a_person_asked_for_binds_on_top_of_every_pack() {
    // Tuesday 7 April 2026, half past three in Shanghai; a text to the debtor's own number.
    let (s, draft, _) = first("cn");
    let now = Moment::parse("2026-04-07T15:30:00+08:00").unwrap();
    let check = |wishes: &[(&str, Option<Channel>)], expected: &str| {
        let mut s = s.clone();
        s.attempt.due_at = now - TimeDelta::hours(1);
        s.attempt.expires_at = now + TimeDelta::days(9);
        s.wishes = wishes
            .iter()
            .map(|(wish, channel)| StandingWish {
                id: WishId(uuid::Uuid::nil()),
                person: s.recipient.id,
                wish: wish.parse().unwrap(),
                channel: *channel,
                since: now - TimeDelta::days(1),
                until: Some(now + TimeDelta::days(30)),
            })
            .collect();
        let found = match review(draft, &s, &SET, now).verdict {
            Verdict::Held { until } => until.local_text(chrono_tz::Tz::Asia__Shanghai),
            other => other.as_str().to_owned(),
        };
        assert!(found.starts_with(expected), "{wishes:?}: {found}");
    };
    check(&[], "cleared");
    check(&[("not at daily 00:00-16:00", None)], "2026-04-07 16:00");
    check(&[("not at daily 00:00-16:00", Some(Channel::Call))], "cleared");
    check(&[("only at sat 10:00-12:00", None)], "2026-04-11 10:00");
    // The later of two wishes for certain hours counts; a wish against hours counts beside it.
    check(
        &[
            ("only at sat 10:00-12:00", None),
            ("only at wed 10:00-12:00", None),
        ],
        "2026-04-08 10:00",
    );
    check(
        &[("only at wed 10:00-12:00", None), ("not at 00:00-11:00", None)],
        "2026-04-08 11:00",
    );
    check(&[("only by email", None)], "blocked");
    check(&[("only by email", None), ("only by sms", None)], "cleared");
    check(&[("not to workplace", None)], "cleared");
    check(&[("not to own", None)], "blocked");
}

#[test]
fn every_rule_that_speaks_is_in_the_trace() {
    let (s, draft, now) = first("cn");
    let review = review(draft, s, &SET, now);
    for rule in [
        "hours.cba2026",
        "cap.messages",
        "payee.unregistered",
        "content.threat.violence",
    ] {
        assert!(review.evaluated.iter().any(|e| &*e.rule == rule), "{rule}");
    }
    assert!(review.evaluated.iter().all(|e| e.version.len() == 12));
}

#[test]
fn the_span_of_a_finding_is_of_the_original_words() {
    let (s, _, now) = first("cn");
    let text = "【清河服务】云岭消费金融:請匯到私 人 帳 戶。13800000001 回复T退订".to_owned();
    let segments = Segments {
        coding: SmsCoding::Ucs2,
        units: 40,
        count: 1,
    };
    let draft = Draft::Sms(Sms {
        text: text.clone(),
        segments,
    });
    let review = review(&draft, s, &SET, now);
    let (part, span) = review.findings[0].span.clone().unwrap();
    assert_eq!((part, &text[span]), ("text", "匯到私 人 帳 戶"));
}

fn sms(text: String) -> Draft {
    Draft::Sms(Sms {
        text,
        segments: Segments {
            coding: SmsCoding::Ucs2,
            units: 0,
            count: 1,
        },
    })
}

fn zones() -> impl Strategy<Value = Vec<chrono_tz::Tz>> {
    let some = [
        chrono_tz::Asia::Shanghai,
        chrono_tz::America::New_York,
        chrono_tz::Pacific::Honolulu,
        chrono_tz::Europe::London,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::Asia::Kolkata,
    ];
    proptest::collection::vec(proptest::sample::select(some.to_vec()), 1..4)
}

fn touch(s: &Situation, minutes_ago: i64, channel: Channel, now: Moment) -> Touch {
    Touch {
        at: now - TimeDelta::minutes(minutes_ago),
        person: s.recipient.id,
        account: s.account.id,
        address: Some(s.contact_point.address_id),
        channel,
        kind: if channel == Channel::Call {
            TouchKind::Conversation
        } else {
            TouchKind::Message
        },
        collection: true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn whatever_text_comes_the_guard_answers(text in "\\PC{0,200}", html in "[<>&;#a-z0-9 私人账户\u{200B}\"]{0,120}") {
        let (s, _, now) = first("cn");
        for draft in [sms(text.clone()), Draft::Email(Email { subject: text.clone(), text: text.clone(), html })] {
            let review = review(&draft, s, &SET, now);
            prop_assert_eq!(review.clearance.is_some(), review.verdict == Verdict::Cleared);
            let parts = draft.parts();
            for (part, span) in review.findings.iter().filter_map(|f| f.span.clone()) {
                let (_, text) = parts.iter().find(|(name, _)| *name == part).unwrap();
                prop_assert!(text.get(span).is_some());
            }
        }
    }

    #[test]
    fn a_hold_ends_at_a_lawful_instant(
        pack in proptest::sample::select(vec!["cn", "house-safe-default"]),
        minutes in 0i64..400 * 24 * 60, zones in zones(),
        touches in proptest::collection::vec((0i64..20_000, 0usize..4), 0..9),
    ) {
        let (s, draft, _) = first(pack);
        let now = Moment::parse("2026-01-20T00:00:00Z").unwrap() + TimeDelta::minutes(minutes % (330 * 24 * 60));
        let mut s = s.clone();
        s.recipient.zones.candidates = zones;
        s.attempt.due_at = now;
        s.attempt.expires_at = now + TimeDelta::days(500);
        s.history = touches.iter().map(|(ago, c)| touch(&s, *ago, Channel::ALL[*c], now)).collect();
        let first = review(draft, &s, &SET, now);
        if let Verdict::Held { until } = first.verdict
            && !first.findings.iter().any(|f| matches!(&*f.rule, "hours.never" | "hours.no_calendar"))
        {
            prop_assert!(until > now);
            let then = review(draft, &s, &SET, until);
            prop_assert_eq!(then.verdict, Verdict::Cleared, "{:?}", then.findings);
        }
    }

    #[test]
    fn more_history_is_never_milder(
        touches in proptest::collection::vec((0i64..20_000, 0usize..4), 0..9), extra in (0i64..20_000, 0usize..4),
    ) {
        let (s, draft, now) = first("house-safe-default");
        let mut s = s.clone();
        s.history = touches.iter().map(|(ago, c)| touch(&s, *ago, Channel::ALL[*c], now)).collect();
        let before = review(draft, &s, &SET, now).verdict;
        let more = touch(&s, extra.0, Channel::ALL[extra.1], now);
        s.history.push(more);
        prop_assert!(review(draft, &s, &SET, now).verdict >= before);
    }
}
