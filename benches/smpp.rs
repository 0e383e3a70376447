//! Messages a second over SMPP, beside the npm package `smpp` as a client, with the same window against the same sink; five
//! interleaved rounds, medians. The package comes from `scripts/install-missing`; without it only our figures are shown.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use dunwell::channels::{Carriers, Parcel, Smpp, SmppSecurity, SmppSettings, Terms};
use dunwell::domain::{
    Address, AttemptId, Channel, Draft, Moment, PersonName, PhoneNumber, Sender, SenderId, SenderKind, Sms,
};
use dunwell::render::segments;
use dunwell::store::Reservation;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

const MESSAGES: usize = 20_000;
const ROUNDS: usize = 5;

/// Takes everything and answers at once.
async fn sink(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let (mut bytes, mut from, mut to, mut id) = (vec![0u8; 1 << 18], 0, 0, 0u64);
    let mut answers = Vec::new();
    loop {
        if bytes.len() - to < 1 << 16 {
            bytes.copy_within(from..to, 0);
            (from, to) = (0, to - from);
        }
        match stream.read(&mut bytes[to..]).await {
            Ok(n) if n > 0 => to += n,
            _ => return,
        }
        answers.clear();
        while to - from >= 16 {
            let word = |at: usize| u32::from_be_bytes(bytes[from + at..from + at + 4].try_into().unwrap());
            let (length, command, sequence) = (word(0) as usize, word(4), word(12));
            if to - from < length {
                break;
            }
            from += length;
            let body = match command {
                4 => {
                    id += 1;
                    format!("{id}\0")
                }
                9 => "sink\0".to_owned(),
                _ => String::new(),
            };
            for field in [16 + body.len() as u32, command | 0x8000_0000, 0, sequence] {
                answers.extend_from_slice(&field.to_be_bytes());
            }
            answers.extend_from_slice(body.as_bytes());
        }
        if stream.write_all(&answers).await.is_err() {
            return;
        }
    }
}

fn parcels() -> Vec<Parcel> {
    let sender = Arc::new(Sender {
        id: SenderId(Uuid::from_u128(7)),
        kind: SenderKind::Creditor,
        name: "瑞安商贸有限公司".to_owned(),
        signature: "瑞安商贸".to_owned(),
        licence: None,
        phone: None,
        email: None,
        postal: None,
        staffed: None,
        opt_out_word: "T".to_owned(),
        mandate: None,
    });
    let text = "【瑞安商贸】李先生您好，您的账单将于4月10日到期。拒收请回复T";
    let draft = Arc::new(Draft::Sms(Sms {
        text: text.to_owned(),
        segments: segments(text),
    }));
    let at = Moment::parse("2026-04-07T07:30:00Z").unwrap();
    let to = Address::Phone(PhoneNumber::parse("13800000101", "CN").unwrap());
    let name = PersonName::parse("李伟").unwrap();
    let one = |n: usize| {
        let reservation = Reservation::for_trial(AttemptId(Uuid::from_u128(n as u128)), Channel::Sms, at);
        Parcel::new(
            reservation,
            draft.clone(),
            (to.clone(), name.clone()),
            sender.clone(),
            None,
        )
    };
    (0..MESSAGES).map(one).collect()
}

async fn ours(port: u16, window: usize) -> f64 {
    let mut settings = SmppSettings::new("127.0.0.1", port, "dunwell");
    settings.security = SmppSecurity::Plain;
    settings.window = window;
    let terms = Terms {
        concurrency: window,
        ..Terms::default()
    };
    let carriers = Carriers::new().with(Arc::new(Smpp::new(settings).unwrap()), terms);
    let parcels = parcels();
    let started = Instant::now();
    let outcomes = carriers.send_all(parcels).await;
    let seconds = started.elapsed().as_secs_f64();
    assert!(
        outcomes.iter().all(|(_, o)| o.is_accepted()),
        "{:?}",
        outcomes.iter().find(|(_, o)| !o.is_accepted())
    );
    carriers.close().await;
    MESSAGES as f64 / seconds
}

fn theirs(port: u16, window: usize) -> Option<f64> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let package = target.join("node/node_modules/smpp");
    if !package.exists() {
        return None;
    }
    let out = Command::new("node")
        .arg(root.join("benches/rivals/smpp_client.cjs"))
        .args([port.to_string(), window.to_string(), MESSAGES.to_string()])
        .arg(package)
        .output()
        .ok()?;
    String::from_utf8(out.stdout).ok()?.trim().parse().ok()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(sink(stream));
        }
    });
    println!("{MESSAGES} messages of one part, medians of {ROUNDS} rounds, messages a second");
    println!(
        "{:>8} {:>12} {:>12} {:>8}",
        "window", "dunwell", "npm smpp", "ratio"
    );
    for window in [10, 100] {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            a.push(ours(port, window).await);
            b.extend(
                tokio::task::spawn_blocking(move || theirs(port, window))
                    .await
                    .unwrap(),
            );
        }
        let a = median(a);
        match b.is_empty() {
            true => println!("{window:>8} {a:>12.0} {:>12} {:>8}", "-", "-"),
            false => {
                let b = median(b);
                println!("{window:>8} {a:>12.0} {b:>12.0} {:>7.1}x", a / b);
            }
        }
    }
}
