//! Letters for a print shop, end to end on the real store: gathered, taken back, closed, handed over, acknowledged; and by a
//! print-and-mail service that misbehaves.

use std::path::Path;
use std::sync::Arc;

use chrono::{NaiveTime, TimeDelta};
use dunwell::channels::{
    Asked, BatchForm, BoxFuture, Capability, Carrier, Carriers, Description, Found, Gateway, GatewaySettings,
    Outcome, Parcel, Print, Registered, Terms,
};
use dunwell::config::gateway_file;
use dunwell::dispatch::{Dispatcher, PrintDesk, PrintError, acknowledge, reconcile, stop_letters};
use dunwell::domain::*;
use dunwell::store::{NewAttempt, NewContact, Occurrence, Recall, Store};
use serde_json::Value;

use crate::contract::world::Raw;
use crate::stories::world::World;
use crate::support::databases;
use crate::support::faulty_http::{FAULTS, FaultyHttp};

fn desk(folder: &Path, archive: bool, merged: bool) -> PrintDesk {
    PrintDesk {
        folder: folder.to_owned(),
        form: BatchForm {
            archive,
            merged,
            duplex: true,
        },
        cut_off: NaiveTime::from_hms_opt(16, 0, 0).unwrap(),
        zone: chrono_tz::Asia::Shanghai,
    }
}

fn home(line: &str, country: &str) -> NewContact {
    NewContact {
        address: Address::Postal(PostalAddress::parse(&format!("{line}|510000 广州市"), country).unwrap()),
        usage: ContactUse::Home,
    }
}

/// Accounts whose letters are due, and a dispatcher whose letters go by `carrier`.
async fn letters(
    world: &World,
    carrier: Arc<dyn Carrier>,
    references: &[&str],
) -> (Dispatcher, Vec<AttemptId>) {
    let mut queued = Vec::new();
    for reference in references {
        world
            .account(reference)
            .overdue(40)
            .also(home(&format!("示范路{reference}号"), "CN"))
            .import()
            .await;
        queued.push(queue(world, reference).await);
    }
    let carriers = Carriers::new().with(carrier, Terms::default());
    let dispatcher = Dispatcher::new(
        world.store.clone(),
        world.rulebook.clone(),
        Arc::new(carriers),
        100,
    );
    (dispatcher, queued)
}

async fn queue(world: &World, reference: &str) -> AttemptId {
    use dunwell::clock::Clock as _;
    let account = world.store.account_id(None, reference).await.unwrap();
    let timeline = world.store.timeline(account).await.unwrap();
    let point = timeline
        .contact_points
        .iter()
        .find(|p| p.carries(Channel::Letter))
        .unwrap();
    let attempt = NewAttempt {
        step_key: world.clock.fresh().into_bytes(),
        account,
        recipient: point.person,
        contact_point: point.id,
        channel: Channel::Letter,
        purpose: Purpose::Collection,
        origin: Origin::Collector,
        asked_by: "mei".into(),
        stage: String::new(),
        step: String::new(),
        template: Some("demand-letter".into()),
        own_subject: None,
        own_text: None,
        due_at: world.now(),
        expires_at: world.now() + TimeDelta::days(7),
    };
    world.store.queue(vec![attempt], vec![], vec![]).await.unwrap()[0]
}

async fn state(store: &Store, id: AttemptId) -> AttemptState {
    store.story(id).await.unwrap().attempt.state
}

async fn touches(world: &World) -> i64 {
    Raw::open(&world.database)
        .await
        .count("SELECT COUNT(*) FROM touch")
        .await
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_lie_in_the_open_batch_until_it_is_closed() {
    for database in databases() {
        let world = World::new(database).await;
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path(), false, false);
        let carrier = Arc::new(Print::new(folder.path()));
        let (dispatcher, ids) = letters(&world, carrier, &["A-1", "A-2", "A-3", "A-4", "A-5"]).await;
        world.at("10:00", "Asia/Shanghai");
        let report = dispatcher.run_until_idle().await.unwrap();
        assert_eq!(
            report.sent.values().sum::<u64>(),
            5,
            "{report:?} {:?}",
            world.blocked("A-1").await
        );
        assert!(report.sent.keys().all(|(_, _, word)| *word == "gathered"));
        for id in &ids {
            assert_eq!(state(&world.store, *id).await, AttemptState::Reserved);
        }
        assert_eq!(
            (
                touches(&world).await,
                world.store.open_batch().await.unwrap().len()
            ),
            (5, 5)
        );
        // What lies here is not lost, however long.
        world.later(TimeDelta::hours(3));
        assert_eq!(
            world.store.give_up_on_lost(TimeDelta::minutes(30)).await.unwrap(),
            0
        );
        // Somebody pays, somebody opts out, somebody is stopped by a collector: with proof that nothing went out.
        world.pays("A-1", 10_000_000).await;
        world.opts_out("A-2", Channel::Letter).await;
        let by_hand = desk
            .recall(&world.store, ids[2], ("wang", "paid at the counter"))
            .await
            .unwrap();
        assert_eq!(by_hand, Recall::TakenOut);
        for (id, why) in [
            (ids[0], "paid"),
            (ids[1], "opt_out"),
            (ids[2], "recalled by wang: paid at the counter"),
        ] {
            let row = world.store.story(id).await.unwrap().attempt;
            assert_eq!(row.state, AttemptState::NotSent);
            let reason = row.reason.unwrap();
            assert!(
                reason.contains("before it was handed over") && reason.contains(why),
                "{reason}"
            );
        }
        assert_eq!(
            (
                touches(&world).await,
                world.store.open_batch().await.unwrap().len()
            ),
            (2, 2)
        );
        // Before the cut-off the service closes nothing; after it all of it.
        assert!(desk.close_due(&world.store).await.unwrap().is_empty());
        world.at("16:01", "Asia/Shanghai");
        let handed = desk.close_due(&world.store).await.unwrap().remove(0);
        assert_eq!(
            (handed.batch.letters, handed.dropped.len(), handed.batch.handed),
            (2, 0, true)
        );
        assert_eq!(state(&world.store, ids[3]).await, AttemptState::Accepted);
        assert_eq!(touches(&world).await, 2);
        assert!(desk.close_due(&world.store).await.unwrap().is_empty());
        let names = files(&handed.place);
        assert_eq!(names.len(), 4, "{names:?}");
        assert!(names.contains(&"manifest.csv".to_owned()) && names.contains(&"manifest.json".to_owned()));
        assert!(
            files(&folder.path().join("open"))
                .iter()
                .all(|f| f.ends_with(".typ")),
            "nothing is left behind"
        );
        let manifest: Value =
            serde_json::from_slice(&std::fs::read(handed.place.join("manifest.json")).unwrap()).unwrap();
        for (n, line) in manifest["letters"].as_array().unwrap().iter().enumerate() {
            let pdf = std::fs::read(handed.place.join(line["file"].as_str().unwrap())).unwrap();
            let known = world.store.letters_of_batch(&handed.batch.name).await.unwrap();
            assert_eq!(line["sha256"], known[n].sha256.as_str());
            assert!(pdf.starts_with(b"%PDF"));
            assert_eq!(line["sheets_duplex"], line["pages"].as_u64().unwrap().div_ceil(2));
            assert!(line["address"][1].as_str().unwrap().starts_with("示范路A-"));
        }
        let late = desk.recall(&world.store, ids[3], ("wang", "late")).await.unwrap();
        assert_eq!(
            late,
            Recall::TooLate {
                batch: handed.batch.name.clone()
            }
        );
        world.log_is_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_shop_says_is_read_row_by_row() {
    for database in databases() {
        let world = World::new(database).await;
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path(), true, false);
        let carrier = Arc::new(Print::new(folder.path()));
        let (dispatcher, ids) = letters(&world, carrier, &["A-1", "A-2", "A-3", "A-4"]).await;
        world.at("10:00", "Asia/Shanghai");
        dispatcher.run_until_idle().await.unwrap();
        desk.recall(&world.store, ids[3], ("wang", "no")).await.unwrap();
        let handed = desk
            .close(&world.store, world.now(), "wang")
            .await
            .unwrap()
            .remove(0);
        assert!(handed.place.extension().is_some_and(|e| e == "zip"));
        let rows = world.store.letters_of_batch(&handed.batch.name).await.unwrap();
        let sha = |id: AttemptId| rows.iter().find(|l| l.attempt == id).unwrap().sha256.clone();
        let name = &handed.batch.name;
        let file = format!(
            "batch,attempt,status,on,sha256\n{name},{a},printed,2026-04-08,{sa}\n{name},{a},mailed,2026-04-08,\n\
             {name},{a},mailed,2026-04-09,\n{name},{b},undeliverable,2026-04-12,{sb}\n{name},{c},mailed,,{sa}\n\
             other,{c},mailed,,\n{name},{d},mailed,,\n{name},01900000-0000-7000-8000-0000000000ff,mailed,,\n{name},{c},lost,,\n",
            a = ids[0],
            b = ids[1],
            c = ids[2],
            d = ids[3],
            sa = sha(ids[0]),
            sb = sha(ids[1]),
        );
        let done = acknowledge(&world.store, Path::new("shop.csv"), file.as_bytes())
            .await
            .unwrap();
        assert_eq!((done.taken, done.known, done.dead), (3, 0, 1), "{done:?}");
        let faults: Vec<(usize, &str)> = done.faults.iter().map(|f| (f.line, f.field.as_str())).collect();
        let expected = [
            (4, "status"),
            (6, "sha256"),
            (7, "batch"),
            (8, "attempt"),
            (9, "attempt"),
            (10, "status"),
        ];
        assert_eq!(faults, expected, "{:?}", done.faults);
        assert_eq!(state(&world.store, ids[0]).await, AttemptState::Accepted);
        assert_eq!(state(&world.store, ids[1]).await, AttemptState::Undelivered);
        assert_eq!(state(&world.store, ids[2]).await, AttemptState::Accepted);
        // The post found nobody: the address is given up.
        let account = world.store.account_id(None, "A-2").await.unwrap();
        let points = world.store.timeline(account).await.unwrap().contact_points;
        assert!(
            points.iter().any(|p| p.carries(Channel::Letter) && !p.usable),
            "{points:?}"
        );
        // The same file again changes nothing; a later word moves on.
        let again = acknowledge(&world.store, Path::new("shop.csv"), file.as_bytes())
            .await
            .unwrap();
        assert_eq!((again.taken, again.known), (0, 3));
        let json = format!(
            r#"{{"letters":[{{"attempt":"{}","status":"delivered","on":"2026-04-11"}}]}}"#,
            ids[0]
        );
        assert_eq!(
            acknowledge(&world.store, Path::new("s.json"), json.as_bytes())
                .await
                .unwrap()
                .taken,
            1
        );
        assert_eq!(state(&world.store, ids[0]).await, AttemptState::Delivered);
        assert_eq!(world.store.raw_receipts(ids[0]).await.unwrap().len(), 3);
        let broken = acknowledge(&world.store, Path::new("s.csv"), b"attempt,status\n\xff\xfe").await;
        assert!(matches!(broken, Err(PrintError::Answer(e)) if e.line == 2));
        world.log_is_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_interrupted_is_handed_over_once() {
    for database in databases() {
        let world = World::new(database).await;
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path(), false, true);
        let carrier = Arc::new(Print::new(folder.path()));
        let (dispatcher, ids) = letters(&world, carrier, &["A-1", "A-2", "A-3"]).await;
        world.at("10:00", "Asia/Shanghai");
        dispatcher.run_until_idle().await.unwrap();
        // Somebody changes a letter on the disk.
        std::fs::write(
            folder.path().join(format!("open/{}.pdf", ids[0])),
            b"%PDF another",
        )
        .unwrap();
        // Closed, and then the power fails.
        let closing = dunwell::store::Closing {
            until: world.now(),
            duplex: true,
            by: "wang".into(),
            day: world.today(),
        };
        let begun = world.store.close_batch(closing).await.unwrap().unwrap();
        assert_eq!(state(&world.store, ids[1]).await, AttemptState::Reserved);
        let late = desk.recall(&world.store, ids[1], ("wang", "late")).await.unwrap();
        assert_eq!(
            late,
            Recall::TooLate {
                batch: begun.name.clone()
            }
        );
        // Written, and then it fails again.
        let plan = dunwell::channels::BatchPlan {
            name: begun.name.clone(),
            letters: world.store.letters_of_batch(&begun.name).await.unwrap(),
            form: desk.form,
            date: world.today(),
        };
        let written = dunwell::channels::write_batch(folder.path(), &plan).unwrap();
        assert_eq!(written.dropped.len(), 1);
        // A file whose letter changes afterwards is in the batch as it was.
        std::fs::write(
            folder.path().join(format!("open/{}.pdf", ids[1])),
            b"%PDF another",
        )
        .unwrap();
        let handed = desk.close(&world.store, world.now(), "wang").await.unwrap();
        assert_eq!(
            (handed.len(), handed[0].batch.letters, handed[0].dropped.len()),
            (1, 2, 1)
        );
        assert_eq!(
            files(&handed[0].place),
            ["letters.pdf", "manifest.csv", "manifest.json"]
        );
        assert_eq!(state(&world.store, ids[1]).await, AttemptState::Accepted);
        assert_eq!(state(&world.store, ids[0]).await, AttemptState::NotSent);
        let waiting = world
            .store
            .attempts(Some(AttemptState::Planned), None, 10)
            .await
            .unwrap();
        assert_eq!(waiting.len(), 1, "the step is tried anew");
        assert!(
            desk.close(&world.store, world.now(), "wang")
                .await
                .unwrap()
                .is_empty()
        );
        // The digest of the one file stands for its letters.
        let row = world.store.print_letter(ids[1]).await.unwrap().unwrap();
        assert_eq!(Some(row.sha256), written.merged);
        world.log_is_sound().await;
    }
}

/// Lets something happen between the reservation and the batch.
struct Interrupted {
    inner: Print,
    store: Store,
    what: Occurrence,
}

impl Carrier for Interrupted {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let event = dunwell::store::NewEvent {
                digest: None,
                portfolio: None,
                reference: Some("A-1".into()),
                debtor_ref: None,
                related: None,
                currency: None,
                at: parcel.at(),
                what: self.what.clone(),
            };
            self.store.record_events(vec![event], None).await.unwrap();
            self.inner.send(parcel).await
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_on_the_way_to_the_batch_stops_the_letter() {
    for database in databases() {
        let world = World::new(database).await;
        let folder = tempfile::tempdir().unwrap();
        let carrier = Arc::new(Interrupted {
            inner: Print::new(folder.path()),
            store: world.store.clone(),
            what: Occurrence::Suppressed {
                reason: SuppressionReason::CeaseCommunication,
                channel: None,
                address: None,
                until: None,
            },
        });
        let (dispatcher, ids) = letters(&world, carrier, &["A-1"]).await;
        world.at("10:00", "Asia/Shanghai");
        dispatcher.run_until_idle().await.unwrap();
        assert_eq!(state(&world.store, ids[0]).await, AttemptState::NotSent);
        assert!(world.store.open_batch().await.unwrap().is_empty());
        assert!(
            desk(folder.path(), false, false)
                .close(&world.store, world.now(), "w")
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(touches(&world).await, 0);
        world.log_is_sound().await;
    }
}

/// Typesets and then forgets to say so, like a process that dies.
struct Dies(Print);

impl Carrier for Dies {
    fn capability(&self) -> Capability {
        self.0.capability()
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let _lost = self.0.send(parcel).await;
            Outcome::unknown("the process was stopping")
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_never_came_to_lie_in_a_batch_never_left() {
    for database in databases() {
        let world = World::new(database).await;
        let folder = tempfile::tempdir().unwrap();
        let (dispatcher, ids) = letters(&world, Arc::new(Dies(Print::new(folder.path()))), &["A-1"]).await;
        world.at("10:00", "Asia/Shanghai");
        dispatcher.run_until_idle().await.unwrap();
        assert_eq!(state(&world.store, ids[0]).await, AttemptState::Unknown);
        world.later(TimeDelta::hours(1));
        let done = reconcile(&world.store, dispatcher.carriers()).await.unwrap();
        assert_eq!(done.settled, 1);
        assert_eq!(state(&world.store, ids[0]).await, AttemptState::NotSent);
        world.log_is_sound().await;
    }
}

// ---- a print-and-mail service ----

fn service(port: u16) -> GatewaySettings {
    let (path, text) = gateway_file("print-webhook").unwrap();
    let text = text.replace("answer_seconds = 30", "answer_seconds = 2");
    GatewaySettings {
        description: Description::parse(&path, &text).unwrap(),
        account: String::new(),
        secret: "secret".to_owned().into(),
        from: "sender-1".to_owned(),
        extra: String::new(),
        region: String::new(),
        base_url: Some(format!("http://127.0.0.1:{port}")),
        public_url: Some("https://letters.example".to_owned()),
        token: String::new().into(),
        registered: Registered::default(),
        extra_roots: None,
    }
}

fn word(outcome: &Outcome) -> &'static str {
    crate::channels_sms::word(outcome)
}

fn letter_for(fault: &str, number: u128) -> Parcel {
    let like = crate::channels_sms::parcel_for(crate::channels_sms::attempt(number), "13800000101", "x");
    let layout = include_str!("../../templates/letter.typ").to_owned();
    let lines = |all: &[&str]| all.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
    let draft = Draft::Letter(Box::new(Letter {
        recipient: lines(&["李伟", "示范路100号"]),
        letterhead: lines(&["瑞安商贸有限公司"]),
        date: "2026年4月7日".into(),
        reference: "RA-1".into(),
        subject: "付款通知函".into(),
        paragraphs: lines(&["李伟：", "您的账单将于4月10日到期。"]),
        table: Vec::new(),
        after_table: Vec::new(),
        closing: lines(&["此致", "瑞安商贸有限公司"]),
        signature: Vec::new(),
        payment: None,
        return_slip: Vec::new(),
        page_words: String::new(),
        form: LetterForm::China,
        lang: "zh-CN".into(),
        layout,
    }));
    let to = PostalAddress::parse(&format!("Fault 121255501{fault}|510000 广州市"), "CN").unwrap();
    let reservation = dunwell::store::Reservation::for_trial(like.attempt(), Channel::Letter, like.at());
    let name = PersonName::parse("李伟").unwrap();
    Parcel::new(
        reservation,
        Arc::new(draft),
        (Address::Postal(to), name),
        like.sender.clone(),
        None,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_print_and_mail_service_that_misbehaves_is_understood() {
    let server = FaultyHttp::start().await;
    let carrier = Arc::new(Gateway::new(service(server.port)).unwrap());
    assert_eq!(carrier.capability().channel, Channel::Letter);
    let mut all = tokio::task::JoinSet::new();
    for (n, (fault, expected)) in (1..).zip(FAULTS) {
        let carrier = Arc::clone(&carrier);
        all.spawn(async move { (fault, expected, carrier.send(&letter_for(fault, n)).await) });
    }
    while let Some(done) = all.join_next().await {
        let (fault, expected, outcome) = done.unwrap();
        assert_eq!(word(&outcome), expected, "{fault}: {outcome:?}");
        let taken = server.taken(fault);
        match outcome {
            Outcome::Accepted { .. } => assert_eq!(taken, 1, "{fault}"),
            Outcome::NotSent { .. } | Outcome::Gathered(_) => assert_eq!(taken, 0, "{fault}"),
            Outcome::Unknown { .. } => assert!(taken <= 1, "{fault}"),
        }
    }
    let requests = server.requests.lock().unwrap().clone();
    let first = requests.iter().find(|r| r.contains("12125550100")).unwrap();
    for part in [
        "idempotency-key: 01900000-0000-7000-8000-000000000001",
        "x-dunwell-signature: t=",
        "name=\"file\"; filename=\"letter.pdf\"",
        "%PDF-1.7",
        "name=\"name\"\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n李伟\r\n",
        "name=\"country\"\r\ncontent-type: text/plain; charset=utf-8\r\n\r\nCN\r\n",
        "https://letters.example/gateway/print-webhook/receipts",
    ] {
        assert!(
            first.contains(part),
            "{part} in {}",
            &first[..first.len().min(3000)]
        );
    }
    assert!(!first.contains("line_6") && !first.contains("product"));
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = Gateway::new(service(free)).unwrap();
    assert_eq!(word(&nobody.send(&letter_for("00", 1)).await), "never_connected");
    // A text has no business there.
    let text = crate::channels_sms::parcel_for(crate::channels_sms::attempt(9), "13800000101", "x");
    assert_eq!(word(&carrier.send(&text).await), "misconfigured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_asked_what_became_of_a_letter_and_to_stop_it() {
    let server = FaultyHttp::start().await;
    let carrier = Gateway::new(service(server.port)).unwrap();
    let at = Moment::parse("2026-04-07T07:30:00Z").unwrap();
    let table = [
        (0xaa, Found::Delivered, Some(true)),
        (0xab, Found::Unclear, Some(false)),
        (0xac, Found::Absent, None),
    ];
    for (number, found, stopped) in table {
        let asked = Asked {
            attempt: crate::channels_sms::attempt(number),
            references: Vec::new(),
            whole: true,
            to: Address::Postal(PostalAddress::parse("示范路1号", "CN").unwrap()),
            at,
            now: at,
        };
        assert_eq!(carrier.look_up(&asked).await, found, "{number:x}");
        assert_eq!(carrier.take_back(&asked).await, stopped, "{number:x}");
    }
}

/// Takes every letter and stops it when it is asked.
struct Stops;

impl Carrier for Stops {
    fn capability(&self) -> Capability {
        Capability {
            name: "stops",
            channel: Channel::Letter,
            ..Print::new("").capability()
        }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { Outcome::accepted("stops", Some(parcel.attempt().to_string())) })
    }

    fn take_back<'a>(&'a self, _: &'a Asked) -> BoxFuture<'a, Option<bool>> {
        Box::pin(std::future::ready(Some(true)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_stops_a_letter_that_a_service_has() {
    for database in databases() {
        let world = World::new(database).await;
        let (dispatcher, ids) = letters(&world, Arc::new(Stops), &["A-1", "A-2"]).await;
        world.at("10:00", "Asia/Shanghai");
        dispatcher.run_until_idle().await.unwrap();
        assert_eq!(state(&world.store, ids[0]).await, AttemptState::Accepted);
        assert_eq!(
            stop_letters(&world.store, dispatcher.carriers()).await.unwrap(),
            0
        );
        world.later(TimeDelta::hours(2));
        world.pays("A-1", 10_000_000).await;
        assert_eq!(
            stop_letters(&world.store, dispatcher.carriers()).await.unwrap(),
            1
        );
        let row = world.store.story(ids[0]).await.unwrap().attempt;
        assert_eq!(row.state, AttemptState::Undelivered);
        assert!(row.reason.unwrap().contains("stopped by the provider"));
        assert_eq!(state(&world.store, ids[1]).await, AttemptState::Accepted);
        assert_eq!(touches(&world).await, 2, "its place stays taken");
        assert_eq!(
            stop_letters(&world.store, dispatcher.carriers()).await.unwrap(),
            0
        );
        world.log_is_sound().await;
    }
}
