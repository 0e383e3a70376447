//! The SMTP carrier against a real server on this machine, scripted by the recipient's name.
//!
//! Needs Python with `aiosmtpd` (`DUNWELL_PYTHON`, else `target/venv/bin/python`, else `python3`) and, for encryption,
//! `openssl`. What is missing is skipped aloud, or with `DUNWELL_REQUIRE=1` a failure.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use dunwell::channels::{
    Carrier, Carriers, NotSentProof, Outcome, Parcel, Smtp, SmtpSecurity, SmtpSettings, Terms,
};
use dunwell::domain::{
    Address, AttemptId, Channel, Draft, Email, EmailAddress, Moment, PersonName, Sender, SenderId, SenderKind,
};
use dunwell::store::Reservation;
use tempfile::TempDir;
use uuid::Uuid;

/// Says aloud that a test was left out, or fails where everything is required.
fn skip(missing: &str) {
    assert!(
        std::env::var("DUNWELL_REQUIRE").as_deref() != Ok("1"),
        "required but missing: {missing}"
    );
    eprintln!("SKIPPED: {missing}");
}

/// A Python that can import `aiosmtpd`.
fn python() -> Option<PathBuf> {
    let in_target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let named = std::env::var_os("DUNWELL_PYTHON").map(PathBuf::from);
    named
        .into_iter()
        .chain([in_target, PathBuf::from("python3")])
        .find(|python| {
            let mut command = Command::new(python);
            command.args(["-c", "import aiosmtpd"]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        })
}

/// A running server; it ends when its standard input closes.
struct Server {
    port: u16,
    folder: TempDir,
    child: Child,
    input: Option<ChildStdin>,
}

impl Server {
    fn start(more: &[&str]) -> Option<Server> {
        let Some(python) = python() else {
            skip("Python with aiosmtpd");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/smtp_server.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line
            .trim()
            .strip_prefix("PORT ")
            .expect("the server says its port")
            .parse()
            .unwrap();
        Some(Server {
            port,
            folder,
            input: child.stdin.take(),
            child,
        })
    }

    fn settings(&self) -> SmtpSettings {
        SmtpSettings {
            port: self.port,
            security: SmtpSecurity::PlainOnLoopback,
            answer_seconds: 20,
            final_answer_seconds: 20,
            ..SmtpSettings::new("localhost")
        }
    }

    /// What the server took over, oldest first.
    fn taken(&self) -> Vec<String> {
        let mut found: Vec<(usize, String)> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .filter_map(|entry| {
                let path = entry.unwrap().path();
                let number = path.file_name()?.to_str()?.strip_suffix(".eml")?.parse().ok()?;
                Some((number, std::fs::read_to_string(path).unwrap()))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, text)| text).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.wait();
    }
}

fn sender(name: &str) -> Arc<Sender> {
    Arc::new(Sender {
        id: SenderId(Uuid::from_u128(7)),
        kind: SenderKind::Creditor,
        name: name.to_owned(),
        signature: "瑞安商贸".to_owned(),
        licence: None,
        phone: None,
        email: Some(EmailAddress::parse("accounts@ruian.example").unwrap()),
        postal: None,
        staffed: None,
        opt_out_word: "T".to_owned(),
        mandate: None,
    })
}

fn parcel(number: u128, recipient: &str) -> Parcel {
    let attempt = AttemptId(Uuid::from_u128(
        0x0190_0000_0000_7000_8000_0000_0000_0000 + number,
    ));
    let draft = Arc::new(Draft::Email(Email {
        subject: "账单到期提醒：请于4月10日前付款".to_owned(),
        text: "李先生您好，\n您的账单将于4月10日到期。\n.\n..\n瑞安商贸\n".to_owned(),
        html: "<p>李先生您好，您的账单将于4月10日到期。</p>".to_owned(),
    }));
    let at = Moment::parse("2026-04-07T07:30:00Z").unwrap();
    let to = (
        Address::Email(EmailAddress::parse(&format!("{recipient}@example.com")).unwrap()),
        PersonName::parse("李伟").unwrap(),
    );
    let reservation = Reservation::for_trial(attempt, Channel::Email, at);
    Parcel::new(
        reservation,
        draft,
        to,
        sender("瑞安商贸有限公司"),
        Some("https://pay.example/u/abc".to_owned()),
    )
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::NotSent { proof, .. } => proof.as_str(),
        Outcome::Unknown { .. } | Outcome::Gathered(_) => "unknown",
    }
}

#[tokio::test]
async fn a_mail_arrives_once_and_whole() {
    let Some(server) = Server::start(&[]) else { return };
    let smtp = Smtp::new(server.settings()).unwrap();
    let outcome = smtp.send(&parcel(1, "li.wei")).await;
    assert_eq!(outcome, Outcome::accepted("smtp", Some("Q1".to_owned())));
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    let parse = r#"
import email, email.policy, sys
m = email.message_from_bytes(open(sys.argv[1], 'rb').read(), policy=email.policy.default)
for name in ['X-Envelope-From', 'X-Envelope-To', 'From', 'To', 'Reply-To', 'Subject', 'Date', 'Message-ID',
             'Auto-Submitted', 'List-Unsubscribe', 'List-Unsubscribe-Post']:
    print(name, '|'.join(m.get_all(name) or []), sep=': ')
print(m.get_content_type(), [p.get_content_type() for p in m.iter_parts()])
print(m.get_body(('plain',)).get_content(), m.get_body(('html',)).get_content())
"#;
    let read = Command::new(python().unwrap())
        .args(["-c", parse])
        .arg(server.folder.path().join("1.eml"))
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .unwrap();
    let read = String::from_utf8(read.stdout).unwrap().replace("\r\n", "\n");
    for line in [
        "X-Envelope-From: accounts@ruian.example",
        "X-Envelope-To: li.wei@example.com",
        "From: 瑞安商贸有限公司 <accounts@ruian.example>",
        "To: 李伟 <li.wei@example.com>",
        "Reply-To: 瑞安商贸有限公司 <accounts@ruian.example>",
        "Subject: 账单到期提醒：请于4月10日前付款",
        "Date: Tue, 07 Apr 2026 07:30:00 +0000",
        "Message-ID: <01900000-0000-7000-8000-000000000001@ruian.example>",
        "Auto-Submitted: auto-generated",
        "List-Unsubscribe: <https://pay.example/u/abc>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "multipart/alternative ['text/plain', 'text/html']",
        "您的账单将于4月10日到期。\n.\n..\n瑞安商贸\n",
        "<p>李先生您好，您的账单将于4月10日到期。</p>",
    ] {
        assert!(read.contains(line), "{line}\n--- in\n{read}");
    }
}

#[tokio::test]
async fn every_answer_says_what_it_proves() {
    let Some(server) = Server::start(&[]) else { return };
    let smtp = Smtp::new(server.settings()).unwrap();
    let table = [
        ("to-550", "refused", 0),
        ("to-451", "deferred", 0),
        ("dot-554", "refused", 0),
        ("dot-451", "deferred", 0),
        ("drop-data", "unknown", 0),
        ("drop-before", "unknown", 1),
        ("garbage", "unknown", 1),
        ("li.wei", "accepted", 1),
    ];
    for (number, (recipient, expected, arrives)) in (1..).zip(table) {
        let before = server.taken().len();
        let outcome = smtp.send(&parcel(number, recipient)).await;
        assert_eq!(word(&outcome), expected, "{recipient}: {outcome:?}");
        assert_eq!(server.taken().len() - before, arrives, "{recipient}");
        assert!(!format!("{outcome:?}").contains("example.com"), "{outcome:?}");
    }
}

#[tokio::test]
async fn no_answer_in_time_is_unknown() {
    let Some(server) = Server::start(&[]) else { return };
    let settings = SmtpSettings {
        final_answer_seconds: 0,
        ..server.settings()
    };
    let outcome = Smtp::new(settings).unwrap().send(&parcel(1, "silent")).await;
    assert_eq!(word(&outcome), "unknown", "{outcome:?}");
}

#[tokio::test]
async fn a_kept_connection_that_died_costs_nothing() {
    let Some(server) = Server::start(&[]) else { return };
    let smtp = Smtp::new(server.settings()).unwrap();
    for number in 1..=5 {
        let outcome = smtp.send(&parcel(number, "close-after")).await;
        assert_eq!(word(&outcome), "accepted", "{outcome:?}");
    }
    assert_eq!(server.taken().len(), 5);
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_went_out() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = SmtpSettings {
        port: free,
        security: SmtpSecurity::PlainOnLoopback,
        ..SmtpSettings::new("127.0.0.1")
    };
    let outcome = Smtp::new(settings).unwrap().send(&parcel(1, "li.wei")).await;
    assert_eq!(word(&outcome), "never_connected", "{outcome:?}");
}

#[tokio::test]
async fn a_name_with_a_line_break_is_refused_without_panic() {
    let Some(server) = Server::start(&[]) else { return };
    let smtp = Smtp::new(server.settings()).unwrap();
    for name in ["瑞安\r\nBcc: c@example.com", "a\nb", "a\rb", "\r\n"] {
        let outcome = smtp
            .send(&{
                let mut parcel = parcel(1, "li.wei");
                parcel.sender = sender(name);
                parcel
            })
            .await;
        let expected = NotSentProof::ContentRefused;
        assert!(
            matches!(&outcome, Outcome::NotSent { proof, .. } if *proof == expected),
            "{outcome:?}"
        );
    }
    assert!(server.taken().is_empty());
}

#[test]
fn plain_mail_stays_on_this_machine() {
    for (host, allowed) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("192.0.2.1", false),
        ("mail.example", false),
    ] {
        let settings = SmtpSettings {
            security: SmtpSecurity::PlainOnLoopback,
            ..SmtpSettings::new(host)
        };
        assert_eq!(Smtp::new(settings).is_ok(), allowed, "{host}");
    }
}

/// An authority and a certificate for `localhost`, made by `openssl`.
fn certificates() -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("ext"),
        "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    let steps = [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=authority",
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out csr -subj /CN=localhost",
        "x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 30 -extfile ext",
    ];
    for step in steps {
        let mut command = Command::new("openssl");
        command
            .args(step.split(' '))
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .stdout(Stdio::null());
        if !command.status().is_ok_and(|status| status.success()) {
            skip("openssl");
            return None;
        }
    }
    Some(folder)
}

#[tokio::test]
async fn encrypted_and_logged_in() {
    let Some(papers) = certificates() else { return };
    let of = |name: &str| papers.path().join(name).to_string_lossy().into_owned();
    for (mode, security) in [("starttls", SmtpSecurity::StartTls), ("tls", SmtpSecurity::Tls)] {
        let (cert, key) = (of("cert.pem"), of("key.pem"));
        let more = [
            "--mode",
            mode,
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
            "--login",
            "dunwell:secret",
        ];
        let Some(server) = Server::start(&more) else {
            return;
        };
        let roots = std::fs::read(of("ca.pem")).unwrap();
        let settings = |password: &str, roots: Option<Vec<u8>>| SmtpSettings {
            security,
            login: Some(("dunwell".to_owned(), password.to_owned().into())),
            extra_roots: roots,
            ..server.settings()
        };
        let table = [
            ("secret", Some(roots.clone()), "accepted"),
            ("wrong", Some(roots.clone()), "misconfigured"),
            ("secret", None, "misconfigured"),
        ];
        for (password, roots, expected) in table {
            let smtp = Smtp::new(settings(password, roots)).unwrap();
            let outcome = smtp.send(&parcel(1, "li.wei")).await;
            assert_eq!(word(&outcome), expected, "{mode}: {outcome:?}");
        }
        assert_eq!(server.taken().len(), 1, "{mode}");
    }
}

#[tokio::test]
async fn a_server_without_encryption_gets_nothing() {
    let Some(server) = Server::start(&[]) else { return };
    let settings = SmtpSettings {
        security: SmtpSecurity::StartTls,
        ..server.settings()
    };
    let outcome = Smtp::new(settings).unwrap().send(&parcel(1, "li.wei")).await;
    assert_eq!(word(&outcome), "misconfigured", "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_mails_share_few_connections() {
    let Some(server) = Server::start(&[]) else { return };
    for concurrency in [1, 8] {
        let before = server.taken().len();
        let smtp = Arc::new(Smtp::new(server.settings()).unwrap());
        let carriers = Carriers::new().with(
            smtp,
            Terms {
                concurrency,
                ..Terms::default()
            },
        );
        let parcels: Vec<Parcel> = (0..400).map(|n| parcel(n, "li.wei")).collect();
        let started = Instant::now();
        let outcomes = carriers.send_all(parcels.clone()).await;
        let rate = 400.0 / started.elapsed().as_secs_f64();
        eprintln!("{concurrency} connection(s): {rate:.0} mails a second");
        assert!(outcomes.iter().all(|(_, outcome)| outcome.is_accepted()));
        assert!(
            outcomes
                .iter()
                .zip(&parcels)
                .all(|((attempt, _), parcel)| *attempt == parcel.attempt())
        );
        assert_eq!(server.taken().len() - before, 400);
        assert!(carriers.capability(Channel::Email).is_some());
    }
}
