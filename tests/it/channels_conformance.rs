//! One table of faults for every kind of carrier: e-mail by SMTP with and without pipelining, texts by SMPP, texts by a
//! gateway over HTTP. Each has a counterpart that misbehaves on demand and keeps a ledger of what it really took. The outcome
//! must agree with the ledger in every case, and *unknown* is said only where nobody can tell.

use std::sync::Arc;

use dunwell::channels::{Carrier, Gateway, Outcome, Parcel, Smpp, Smtp, SmtpSecurity, SmtpSettings};
use dunwell::domain::{
    Address, AttemptId, Channel, Draft, Email, EmailAddress, Moment, PersonName, Sender, SenderId, SenderKind,
};
use dunwell::store::Reservation;
use uuid::Uuid;

use crate::channels_sms::{attempt, gateway, parcel_for, smpp, word};
use crate::support::faulty_http::FaultyHttp;
use crate::support::faulty_smtp::{FaultySmtp, Manner};
use crate::support::smsc::Smsc;

/// What a fault is called at each counterpart, and what its outcome must be; `None` where the protocol has no such thing.
struct Fault {
    what: &'static str,
    smtp: Option<(&'static str, &'static str)>,
    smpp: Option<(&'static str, &'static str)>,
    http: Option<(&'static str, &'static str)>,
}

const fn fault(
    what: &'static str,
    smtp: Option<(&'static str, &'static str)>,
    smpp: Option<(&'static str, &'static str)>,
    http: Option<(&'static str, &'static str)>,
) -> Fault {
    Fault {
        what,
        smtp,
        smpp,
        http,
    }
}

const FAULTS: &[Fault] = &[
    fault(
        "none",
        Some(("li.wei", "accepted")),
        Some(("00", "accepted")),
        Some(("00", "accepted")),
    ),
    fault(
        "too much, with a time to wait",
        None,
        None,
        Some(("01", "deferred")),
    ),
    fault(
        "too much",
        Some(("to-452", "deferred")),
        Some(("01", "deferred")),
        Some(("02", "deferred")),
    ),
    fault(
        "too much, at the start",
        Some(("from:mail-451", "deferred")),
        None,
        None,
    ),
    fault(
        "busy and hanging up",
        Some(("from:mail-421", "deferred")),
        None,
        None,
    ),
    fault(
        "too much, after the message",
        Some(("dot-452", "deferred")),
        None,
        None,
    ),
    fault(
        "recipient refused",
        Some(("to-550", "refused")),
        Some(("03", "refused")),
        Some(("16", "refused")),
    ),
    fault(
        "sender refused",
        Some(("from:mail-553", "refused")),
        None,
        Some(("15", "misconfigured")),
    ),
    fault(
        "content refused",
        Some(("dot-554", "refused")),
        Some(("04", "refused_by_provider")),
        Some(("12", "refused_by_provider")),
    ),
    fault(
        "refused before the message",
        Some(("data-554", "refused")),
        None,
        None,
    ),
    fault(
        "not now, before the message",
        Some(("data-451", "deferred")),
        None,
        None,
    ),
    fault(
        "recipient refused, message asked for",
        Some(("to-careless", "refused")),
        None,
        None,
    ),
    fault(
        "server error before acceptance",
        None,
        None,
        Some(("03", "unknown")),
    ),
    fault(
        "server error after acceptance",
        None,
        None,
        Some(("04", "unknown")),
    ),
    fault(
        "no answer, taken",
        Some(("dot-silent", "unknown")),
        Some(("06", "unknown")),
        Some(("05", "unknown")),
    ),
    fault(
        "no answer before the message",
        Some(("to-silent", "never_connected")),
        None,
        None,
    ),
    fault(
        "late answer before the message",
        Some(("from:mail-late", "never_connected")),
        None,
        None,
    ),
    fault(
        "reset at the start",
        Some(("from:mail-reset", "never_connected")),
        None,
        None,
    ),
    fault(
        "reset before the message",
        Some(("to-reset", "never_connected")),
        None,
        None,
    ),
    fault(
        "reset in the message",
        Some(("reset-in-message", "unknown")),
        Some(("07", "unknown")),
        Some(("06", "unknown")),
    ),
    fault(
        "reset after acceptance",
        Some(("dot-reset", "unknown")),
        Some(("08", "unknown")),
        Some(("17", "unknown")),
    ),
    fault(
        "half-open",
        Some(("half-open", "unknown")),
        Some(("05", "unknown")),
        Some(("07", "unknown")),
    ),
    fault(
        "one byte a second, taken",
        Some(("dot-slow", "unknown")),
        None,
        Some(("08", "unknown")),
    ),
    fault(
        "one byte a second, before the message",
        Some(("to-slow", "never_connected")),
        None,
        None,
    ),
    fault(
        "garbage, taken",
        Some(("dot-garbage", "unknown")),
        Some(("10", "unknown")),
        Some(("18", "unknown")),
    ),
    fault(
        "garbage before the message",
        Some(("to-garbage", "never_connected")),
        None,
        None,
    ),
    fault(
        "an answer out of place",
        Some(("dot-354", "unknown")),
        None,
        Some(("19", "unknown")),
    ),
    fault(
        "redirect",
        Some(("to-251", "accepted")),
        None,
        Some(("10", "misconfigured")),
    ),
    fault(
        "moved away",
        Some(("to-551", "refused")),
        None,
        Some(("11", "misconfigured")),
    ),
    fault("answered twice", Some(("dot-twice", "accepted")), None, None),
    fault("answered byte by byte", None, Some(("11", "accepted")), None),
    fault("answered too late, taken", None, Some(("12", "unknown")), None),
    fault("not understood", None, Some(("09", "misconfigured")), None),
    fault(
        "answered without a name",
        None,
        Some(("14", "accepted")),
        Some(("09", "unknown")),
    ),
    fault("a bomb, taken", None, None, Some(("13", "unknown"))),
    fault("packed, taken", None, None, Some(("14", "unknown"))),
];

fn sender(local: &str) -> Arc<Sender> {
    Arc::new(Sender {
        id: SenderId(Uuid::from_u128(7)),
        kind: SenderKind::Creditor,
        name: "瑞安商贸有限公司".to_owned(),
        signature: "瑞安商贸".to_owned(),
        licence: None,
        phone: None,
        email: Some(EmailAddress::parse(&format!("{local}@ruian.example")).unwrap()),
        postal: None,
        staffed: None,
        opt_out_word: "T".to_owned(),
        mandate: None,
    })
}

/// A mail whose recipient, or after `from:` whose sender, is the script.
pub(crate) fn mail(number: AttemptId, script: &str) -> Parcel {
    let (from, to) = match script.strip_prefix("from:") {
        Some(from) => (from, "li.wei"),
        None => ("accounts", script),
    };
    let draft = Draft::Email(Email {
        subject: "账单到期提醒".to_owned(),
        text: "您的账单将于4月10日到期。\n.\n".to_owned(),
        html: String::new(),
    });
    let at = Moment::parse("2026-04-07T07:30:00Z").unwrap();
    let to = Address::Email(EmailAddress::parse(&format!("{to}@example.com")).unwrap());
    let reservation = Reservation::for_trial(number, Channel::Email, at);
    let name = PersonName::parse("李伟").unwrap();
    Parcel::new(reservation, Arc::new(draft), (to, name), sender(from), None)
}

fn smtp(port: u16) -> Smtp {
    Smtp::new(SmtpSettings {
        port,
        security: SmtpSecurity::PlainOnLoopback,
        answer_seconds: 3,
        final_answer_seconds: 3,
        ..SmtpSettings::new("127.0.0.1")
    })
    .unwrap()
}

/// The outcome is the expected one and does not contradict the ledger.
fn agrees(carrier: &str, what: &str, outcome: &Outcome, expected: &str, taken: usize) {
    assert_eq!(word(outcome), expected, "{carrier}, {what}: {outcome:?}");
    let fits = match outcome {
        Outcome::Accepted { .. } => taken == 1,
        Outcome::NotSent { .. } => taken == 0,
        Outcome::Unknown { .. } => taken <= 1,
        Outcome::Gathered(_) => false,
    };
    assert!(fits, "{carrier}, {what}: {outcome:?}, and {taken} were taken");
    let told = format!("{outcome:?}");
    assert!(
        !told.contains("example.com") && !told.contains("1380000") && !told.contains("1212555"),
        "no address in {told}"
    );
}

const PLAIN: Manner = Manner {
    pipelining: false,
    greeting: "220 mail.example ESMTP",
};
const PIPELINING: Manner = Manner {
    pipelining: true,
    greeting: "220 mail.example ESMTP",
};

#[tokio::test(flavor = "multi_thread")]
async fn mail_agrees_with_the_ledger_of_the_other_side() {
    let mut running = tokio::task::JoinSet::new();
    for (n, fault) in (1..).zip(FAULTS) {
        for (name, manner) in [("smtp", PLAIN), ("smtp with pipelining", PIPELINING)] {
            let Some((script, expected)) = fault.smtp else {
                continue;
            };
            running.spawn(async move {
                let server = FaultySmtp::start(manner).await;
                let carrier = smtp(server.port);
                let outcome = carrier.send(&mail(attempt(n), script)).await;
                let local = script.strip_prefix("from:").map_or(script, |_| "li.wei");
                agrees(name, fault.what, &outcome, expected, server.taken(local));
                // Whatever happened, the next mail goes its way or provably does not.
                let next = carrier.send(&mail(attempt(n + 1000), "next")).await;
                match next {
                    Outcome::Accepted { .. } => assert_eq!(server.taken("next"), 1, "{name}, {}", fault.what),
                    Outcome::NotSent { .. } => assert_eq!(server.taken("next"), 0, "{name}, {}", fault.what),
                    Outcome::Unknown { .. } | Outcome::Gathered(_) => {
                        panic!("{name}, {}: {next:?}", fault.what)
                    }
                }
                let third = carrier.send(&mail(attempt(n + 2000), "third")).await;
                assert_eq!(
                    (word(&third), server.taken("third")),
                    ("accepted", 1),
                    "{name}, {}",
                    fault.what
                );
            });
        }
    }
    finish(running).await;
}

async fn finish(mut running: tokio::task::JoinSet<()>) {
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_agree_with_the_ledgers_of_centre_and_gateway() {
    let mut running = tokio::task::JoinSet::new();
    let server = Arc::new(FaultyHttp::start().await);
    let carrier = Arc::new(Gateway::new(gateway("webhook", server.port)).unwrap());
    for (n, fault) in (1..).zip(FAULTS) {
        if let Some((script, expected)) = fault.smpp {
            running.spawn(async move {
                let centre = Smsc::start(0).await;
                let carrier = Smpp::new(smpp(centre.port)).unwrap();
                let number = format!("138000001{script}");
                let text = "【瑞安商贸】您的账单将于4月10日到期。拒收请回复T";
                let outcome = carrier.send(&parcel_for(attempt(n), &number, text)).await;
                agrees("smpp", fault.what, &outcome, expected, centre.taken(script));
            });
        }
        if let Some((script, expected)) = fault.http {
            let (server, carrier) = (Arc::clone(&server), Arc::clone(&carrier));
            running.spawn(async move {
                let number = format!("+121255501{script}");
                let outcome = carrier.send(&parcel_for(attempt(n), &number, "hello")).await;
                agrees("gateway", fault.what, &outcome, expected, server.taken(script));
            });
        }
    }
    finish(running).await;
}

/// Many at once come to the same ends as one by one.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_texts_agrees_with_the_ledger_too() {
    let scripts: Vec<(&str, &str)> = FAULTS.iter().filter_map(|fault| fault.smpp).collect();
    for (script, expected) in scripts {
        let centre = Smsc::start(0).await;
        let carrier = Smpp::new(smpp(centre.port)).unwrap();
        let numbers = [
            "13800000100".to_owned(),
            format!("138000001{script}"),
            "13800000199".to_owned(),
        ];
        let parcels: Vec<Parcel> = (1..)
            .zip(&numbers)
            .map(|(n, number)| parcel_for(attempt(n), number, "hello"))
            .collect();
        let outcomes = carrier.send_group(Arc::new(parcels)).await;
        assert_eq!(outcomes.len(), 3, "{script}");
        assert_eq!(word(&outcomes[1]), expected, "{script}: {outcomes:?}");
        for (number, outcome) in numbers.iter().zip(&outcomes) {
            let taken = centre.taken(&number[9..]);
            match outcome {
                Outcome::Accepted { .. } => assert!(taken >= 1, "{script} {number}"),
                Outcome::NotSent { .. } => assert_eq!(taken, 0, "{script} {number}: {outcome:?}"),
                Outcome::Unknown { .. } => assert!(taken <= 1, "{script} {number}"),
                Outcome::Gathered(_) => panic!("{script} {number}: {outcome:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_greet_has_got_nothing() {
    for (greeting, expected) in [
        ("421 too busy", "never_connected"),
        ("554 not you", "misconfigured"),
        ("what", "never_connected"),
        ("slow", "never_connected"),
        ("silent", "never_connected"),
    ] {
        let manner = Manner {
            pipelining: false,
            greeting,
        };
        let server = FaultySmtp::start(manner).await;
        let carrier = smtp(server.port);
        let outcome = carrier.send(&mail(attempt(1), "li.wei")).await;
        agrees("smtp", greeting, &outcome, expected, server.taken("li.wei"));
        assert!(carrier.check().await.is_err());
    }
    let server = FaultySmtp::start(PIPELINING).await;
    assert!(smtp(server.port).check().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelining_is_used_where_it_is_offered_and_a_mail_is_the_same() {
    let mut mails = Vec::new();
    for manner in [PLAIN, PIPELINING] {
        let server = FaultySmtp::start(manner).await;
        let carrier = smtp(server.port);
        for n in 0..3 {
            let outcome = carrier.send(&mail(attempt(n), "li.wei")).await;
            assert_eq!(outcome, Outcome::accepted("smtp", Some("Q1".to_owned())));
        }
        carrier.close().await;
        let heard = server.heard.lock().unwrap().clone();
        let count = |word: &str| heard.iter().filter(|line| line.starts_with(word)).count();
        assert_eq!(
            (count("MAIL"), count("RCPT"), count("DATA"), count("QUIT")),
            (3, 3, 3, 1),
            "{heard:?}"
        );
        mails.push(server.taken.lock().unwrap().clone());
    }
    assert_eq!(mails[0], mails[1]);
}
