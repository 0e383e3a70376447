//! The carrier of texts against a message centre that nobody here wrote: the npm package `smpp`, installed by
//! `scripts/install-missing`. What is missing is skipped aloud, or with `DUNWELL_REQUIRE=1` a failure.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunwell::channels::{Asked, Carrier, Carriers, Found, MessageIds, Outcome, Smpp, SmppSettings, Terms};
use dunwell::dispatch::receive;
use dunwell::domain::{AttemptState, Channel};
use dunwell::store::Settlement;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::channels_sms::{attempt, parcel_for, smpp, word};
use crate::contract::world::World;
use crate::support::{databases, require_or_skip};

/// The package, where it was installed.
fn package() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let named = std::env::var_os("DUNWELL_NODE_MODULES").map(PathBuf::from);
    named
        .into_iter()
        .chain([target.join("node/node_modules")])
        .map(|folder| folder.join("smpp"))
        .find(|package| package.join("package.json").exists())
}

/// A running centre; it ends when its standard input closes.
struct Centre {
    port: u16,
    said: Arc<Mutex<Vec<Value>>>,
    child: Child,
    input: Option<ChildStdin>,
}

impl Centre {
    fn start(mode: &str) -> Option<Centre> {
        let Some(package) = package() else {
            require_or_skip("npm package smpp: `make test` installs it");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/smsc_server.cjs");
        let started = Command::new("node")
            .arg(script)
            .args(["0", mode])
            .arg(package)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            require_or_skip("node");
            return None;
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let port = u16::try_from(first["listening"].as_u64().unwrap()).unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                notes.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let input = child.stdin.take();
        Some(Centre {
            port,
            said,
            child,
            input,
        })
    }

    fn settings(&self) -> SmppSettings {
        SmppSettings {
            answer_seconds: 10,
            ..smpp(self.port)
        }
    }

    /// The submissions that it noted.
    fn taken(&self) -> Vec<Value> {
        self.said
            .lock()
            .unwrap()
            .iter()
            .filter(|v| v.get("to").is_some())
            .cloned()
            .collect()
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Waits until something holds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not come to hold");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_centre_reads_what_was_sent() {
    let Some(centre) = Centre::start("fast") else {
        return;
    };
    let carrier = Smpp::new(centre.settings()).unwrap();
    let long = format!("£100 due. {} [€] end", "Please pay. ".repeat(14));
    for (n, text) in (1..).zip(["Hello @£ [€] ~", "【瑞安商贸】您好😀", long.as_str()]) {
        let outcome = carrier.send(&parcel_for(attempt(n), "13800000101", text)).await;
        assert_eq!(word(&outcome), "accepted", "{outcome:?}");
    }
    until(async || centre.taken().len() == 4).await;
    let taken = centre.taken();
    let text = |n: usize| taken[n]["text"].as_str().unwrap().to_owned();
    assert_eq!(
        (text(0).as_str(), taken[0]["coding"].as_u64()),
        ("Hello @£ [€] ~", Some(0))
    );
    assert_eq!(
        (text(1).as_str(), taken[1]["coding"].as_u64()),
        ("【瑞安商贸】您好😀", Some(8))
    );
    assert_eq!(text(2) + &text(3), long);
    let header = |n: usize| {
        taken[n]["parts"][0].as_str().unwrap()[..4].to_owned() + &taken[n]["parts"][0].as_str().unwrap()[6..]
    };
    assert_eq!((header(2).as_str(), header(3).as_str()), ("00030201", "00030202"));
    assert_eq!(
        (taken[0]["to"].as_str(), taken[0]["from"].as_str()),
        (Some("8613800000101"), Some("10690000"))
    );
    let wrong = SmppSettings {
        password: "wrong".to_owned().into(),
        ..centre.settings()
    };
    let outcome = Smpp::new(wrong)
        .unwrap()
        .send(&parcel_for(attempt(9), "13800000101", "hello"))
        .await;
    assert_eq!(word(&outcome), "misconfigured", "{outcome:?}");
    carrier.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_and_replies_of_a_foreign_centre_change_what_happens_next() {
    for (mode, ids) in [
        ("same", MessageIds::Auto),
        ("hex", MessageIds::HexThenDecimal),
        ("hex", MessageIds::Auto),
    ] {
        let Some(centre) = Centre::start(mode) else { return };
        let world = World::new(databases().remove(0)).await;
        world.account("0001").import().await;
        let address = world
            .store
            .timeline(world.id("0001").await)
            .await
            .unwrap()
            .contact_points[0]
            .address
            .normal();
        let settings = SmppSettings {
            message_ids: ids,
            queries: true,
            ..centre.settings()
        };
        let carriers = Carriers::new().with(Arc::new(Smpp::new(settings).unwrap()), Terms::default());
        let (inbox, arrivals) = mpsc::channel(64);
        carriers.listen(&inbox);
        let (stop, stopped) = watch::channel(false);
        let taking_in = tokio::spawn(receive(world.store.clone(), arrivals, stopped));

        let (first, second) = (world.reserved("0001").await, world.reserved("0001").await);
        let waiting = world.queue("0001", 1).await[0];
        let long = format!("【瑞安商贸】{}回复T退订", "催".repeat(80));
        let parcels = vec![
            parcel_for(first, &address, "hello"),
            parcel_for(second, &address, &long),
        ];
        let mut settlements = Vec::new();
        for (attempt, outcome) in carriers.send_all(parcels).await {
            let Outcome::Accepted { provider, references } = outcome else {
                panic!("{outcome:?}")
            };
            settlements.push(Settlement {
                provider: Some(provider),
                references,
                ..Settlement::new(attempt, AttemptState::Accepted)
            });
        }
        assert_eq!(settlements[1].references.len(), 2);
        let known = Asked {
            attempt: first,
            references: settlements[0].references.clone(),
            whole: true,
            to: dunwell::domain::Address::Phone(dunwell::domain::PhoneNumber::parse(&address, "CN").unwrap()),
            at: world.now(),
            now: world.now(),
        };
        assert_eq!(
            carriers.look_up(Channel::Sms, "smpp", &known).await,
            Found::Delivered
        );
        world.store.settle(settlements).await.unwrap();
        until(async || world.state(first).await == AttemptState::Delivered).await;
        until(async || world.state(second).await == AttemptState::Delivered).await;
        until(async || world.state(waiting).await == AttemptState::Withdrawn).await;
        assert_eq!(world.store.raw_receipts(second).await.unwrap().len(), 2);
        // Whatever it delivered was answered as kept.
        let answers = || {
            centre
                .said
                .lock()
                .unwrap()
                .iter()
                .filter(|v| v.get("answered").is_some())
                .cloned()
                .collect::<Vec<_>>()
        };
        until(async || answers().len() >= 4).await;
        assert!(answers().iter().all(|a| a["answered"] == 0), "{:?}", answers());
        carriers.close().await;
        stop.send(true).unwrap();
        taking_in.await.unwrap();
        world.verified().await;
    }
}
