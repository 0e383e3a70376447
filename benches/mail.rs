//! Mails a second over SMTP, beside Python's aiosmtplib and nodemailer's pool, with the same connections to the same sink, on
//! the cores that the machine has; five interleaved rounds, medians. The sink is Postfix's `smtp-sink`, or one of our own
//! where that is missing. Rivals come from `scripts/install-missing`; without them only our figures are shown.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dunwell::channels::{Carriers, Dkim, DkimKey, Parcel, Smtp, SmtpSecurity, SmtpSettings, Terms};
use dunwell::domain::{
    Address, AttemptId, Channel, Draft, Email, EmailAddress, Moment, PersonName, Sender, SenderId, SenderKind,
};
use dunwell::store::Reservation;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 8;

/// Mails of one round; `DUNWELL_BENCH_MAILS` sets another number. Slower senders get a part of it.
fn mails() -> usize {
    let wanted = std::env::var("DUNWELL_BENCH_MAILS")
        .ok()
        .and_then(|n| n.parse().ok());
    wanted.unwrap_or(12_000)
}

const TEXT: &str = "李先生您好，\n您的账单将于4月10日到期，请于到期日前付款。\n\n账户：12345678\n金额：人民币 1,234.00\n\n如有异议，请直接回复本邮件。\n瑞安商贸有限公司\n";

fn parcels(count: usize) -> Vec<Parcel> {
    let sender = Arc::new(Sender {
        id: SenderId(Uuid::from_u128(7)),
        kind: SenderKind::Creditor,
        name: "瑞安商贸有限公司".to_owned(),
        signature: "瑞安商贸".to_owned(),
        licence: None,
        phone: None,
        email: Some(EmailAddress::parse("accounts@ruian.example").unwrap()),
        postal: None,
        staffed: None,
        opt_out_word: "T".to_owned(),
        mandate: None,
    });
    let html: Vec<String> = TEXT.split('\n').map(|line| format!("<p>{line}</p>")).collect();
    let draft = Arc::new(Draft::Email(Email {
        subject: "账单到期提醒：请于4月10日前付款".to_owned(),
        text: TEXT.to_owned(),
        html: format!(
            "<!DOCTYPE html><html lang=\"zh-CN\"><body>{}</body></html>",
            html.join("\n")
        ),
    }));
    let at = Moment::parse("2026-04-07T07:30:00Z").unwrap();
    let to = Address::Email(EmailAddress::parse("li.wei@example.com").unwrap());
    let name = PersonName::parse("李伟").unwrap();
    let one = |n: usize| {
        let reservation = Reservation::for_trial(AttemptId(Uuid::from_u128(n as u128)), Channel::Email, at);
        Parcel::new(
            reservation,
            draft.clone(),
            (to.clone(), name.clone()),
            sender.clone(),
            Some("https://pay.example/u/abc".to_owned()),
        )
    };
    (0..count).map(one).collect()
}

async fn ours(port: u16, count: usize, dkim: Option<Dkim>) -> f64 {
    let mut settings = SmtpSettings::new("127.0.0.1");
    settings.port = port;
    settings.security = SmtpSecurity::PlainOnLoopback;
    settings.messages_per_connection = u32::MAX;
    settings.kept_connections = CONNECTIONS;
    settings.dkim = dkim;
    let terms = Terms {
        concurrency: CONNECTIONS,
        ..Terms::default()
    };
    let carriers = Carriers::new().with(Arc::new(Smtp::new(settings).unwrap()), terms);
    let parcels = parcels(count);
    let started = Instant::now();
    let outcomes = carriers.send_all(parcels).await;
    let seconds = started.elapsed().as_secs_f64();
    let bad = outcomes.iter().find(|(_, o)| !o.is_accepted());
    assert!(bad.is_none(), "{bad:?}");
    carriers.close().await;
    count as f64 / seconds
}

/// What is installed below the target folder.
fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn rate(command: &mut Command) -> Option<f64> {
    let out = command.stderr(Stdio::inherit()).output().ok()?;
    String::from_utf8(out.stdout).ok()?.trim().parse().ok()
}

fn aiosmtplib(port: u16) -> Option<f64> {
    let python = target().join("venv/bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals/aiosmtplib_client.py");
    let known = Command::new(&python)
        .args(["-c", "import aiosmtplib"])
        .stderr(Stdio::null())
        .status();
    known.ok().filter(std::process::ExitStatus::success)?;
    rate(Command::new(python).arg(script).args([
        port.to_string(),
        CONNECTIONS.to_string(),
        (mails() / 10).to_string(),
    ]))
}

fn nodemailer(port: u16, key: Option<&Path>) -> Option<f64> {
    let package = target().join("node/node_modules/nodemailer");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals/nodemailer_client.cjs");
    package.exists().then_some(())?;
    let mails = mails() / if key.is_some() { 15 } else { 5 };
    let mut command = Command::new("node");
    command
        .arg(script)
        .args([port.to_string(), CONNECTIONS.to_string(), mails.to_string()]);
    rate(command.arg(package).args(key))
}

/// Ends what it started.
struct Sink(Option<Child>);

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn sink() -> (Sink, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let started = if Path::new("/usr/sbin/smtp-sink").exists() {
        drop(listener);
        let place = format!("127.0.0.1:{port}");
        let mut command = Command::new("/usr/sbin/smtp-sink");
        // As root it wants to be somebody else.
        let child = command.args(["-u", "nobody", "-m", "256", &place, "256"]).spawn();
        println!("sink: smtp-sink of Postfix");
        Some(child.unwrap())
    } else {
        println!("sink: our own");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(accept(listener.into_std().unwrap()));
        });
        None
    };
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return (Sink(started), port);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the sink does not answer")
}

async fn accept(listener: std::net::TcpListener) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(take(stream));
    }
}

/// Takes everything; knows as much of SMTP as that needs.
async fn take(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let _ = stream.write_all(b"220 sink\r\n").await;
    let (mut held, mut part, mut in_message) = (Vec::new(), vec![0; 1 << 16], false);
    loop {
        match stream.read(&mut part).await {
            Ok(n) if n > 0 => held.extend_from_slice(&part[..n]),
            _ => return,
        }
        let (mut answers, mut from) = (String::new(), 0);
        let find = |from: usize, held: &[u8], what: &[u8]| {
            held[from..]
                .windows(what.len())
                .position(|w| w == what)
                .map(|at| from + at + what.len())
        };
        loop {
            let end = if in_message { "\r\n.\r\n" } else { "\r\n" };
            let Some(to) = find(from, &held, end.as_bytes()) else {
                break;
            };
            let line = held[from..to].to_ascii_uppercase();
            from = to;
            answers += match () {
                () if in_message => "250 ok\r\n",
                () if line.starts_with(b"EHLO") => "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
                () if line.starts_with(b"DATA") => "354 go\r\n",
                () if line.starts_with(b"QUIT") => "221 bye\r\n",
                () => "250 ok\r\n",
            };
            in_message = !in_message && line.starts_with(b"DATA");
        }
        held.drain(..from);
        if stream.write_all(answers.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn median(all: &[f64]) -> Option<f64> {
    let mut all = all.to_vec();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

#[tokio::main]
async fn main() {
    let (_sink, port) = sink().await;
    let folder = tempfile::tempdir().unwrap();
    let ed25519 = DkimKey::create("s1", &folder.path().join("ed25519.pem")).unwrap();
    let rsa_file = folder.path().join("rsa.pem");
    let made = Command::new("openssl")
        .args([
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-out",
        ])
        .arg(&rsa_file)
        .stderr(Stdio::null())
        .status();
    let rsa = made
        .is_ok_and(|s| s.success())
        .then(|| DkimKey::from_pem("s2", &std::fs::read(&rsa_file).unwrap()).unwrap());
    let signs = |key: &DkimKey| Some(Dkim::new(None, vec![key.clone()]));
    let mut all: [Vec<f64>; 6] = Default::default();
    ours(port, mails() / 10, None).await;
    for _ in 0..ROUNDS {
        all[0].push(ours(port, mails(), None).await);
        all[1].push(ours(port, mails(), signs(&ed25519)).await);
        if let Some(rsa) = &rsa {
            all[2].push(ours(port, mails() / 4, signs(rsa)).await);
        }
        let key = rsa_file.clone();
        let (a, b, c) = tokio::task::spawn_blocking(move || {
            (
                aiosmtplib(port),
                nodemailer(port, None),
                nodemailer(port, Some(&key)),
            )
        })
        .await
        .unwrap();
        all[3].extend(a);
        all[4].extend(b);
        all[5].extend(c);
    }
    let [plain, ed25519, rsa, aio, node, node_rsa] = all.each_ref().map(|all| median(all));
    println!("mails a second with {CONNECTIONS} connections, medians of {ROUNDS} rounds");
    let show = |what: &str, rate: Option<f64>, against: &[(&str, Option<f64>)]| {
        let Some(rate) = rate else {
            return println!("{what:<28} {:>9}", "-");
        };
        let ratios: Vec<String> = against
            .iter()
            .filter_map(|(whom, other)| Some(format!("{:.1}x {whom}", rate / (*other)?)))
            .collect();
        println!("{what:<28} {rate:>9.0}   {}", ratios.join(", "));
    };
    show("dunwell", plain, &[("aiosmtplib", aio), ("nodemailer", node)]);
    show("dunwell, Ed25519", ed25519, &[("nodemailer without", node)]);
    show(
        "dunwell, RSA-2048",
        rsa,
        &[("nodemailer with RSA-2048", node_rsa)],
    );
    show("aiosmtplib", aio, &[]);
    show("nodemailer, pool", node, &[]);
    show("nodemailer, pool, RSA-2048", node_rsa, &[]);
}
