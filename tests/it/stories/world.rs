//! A small world in field words: the sample portfolios, accounts, a virtual clock, and carriers that keep a list.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use dunwell::channels::{BoxFuture, Capability, Carrier, Carriers, Idempotency, Lookup};
use dunwell::channels::{NotSentProof, Outcome, Parcel, Terms};
use dunwell::cli::portfolios;
use dunwell::clock::{Clock, VirtualClock};
use dunwell::config::Config;
use dunwell::dispatch::{BatchReport, Dispatcher, Rulebook};
use dunwell::domain::*;
use dunwell::evidence::leaf_hash;
use dunwell::scheduler::{PlanReport, Scheduler, Walk, WalkReport};
use dunwell::store::*;

use tokio::sync::{Notify, Semaphore};

use crate::support::TestDatabase;

/// What the carrier shall answer next; once the script has run out it takes everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Take,
    Defer,
    Refuse,
    Silence,
    Panic,
    /// Has the parcel and does not answer before it is told to.
    Hang,
}

/// One parcel as a carrier was handed it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) attempt: AttemptId,
    pub(crate) channel: Channel,
    pub(crate) to: String,
    pub(crate) at: Moment,
    pub(crate) words: String,
}

/// What was handed over, by all carriers of a world, in order.
#[derive(Debug)]
pub(crate) struct Outbox {
    sent: Mutex<Vec<Sent>>,
    script: Mutex<VecDeque<Answer>>,
    more: Notify,
    answered: Semaphore,
}

impl Outbox {
    pub(crate) fn new() -> Arc<Outbox> {
        Arc::new(Outbox {
            sent: Mutex::default(),
            script: Mutex::default(),
            more: Notify::new(),
            answered: Semaphore::new(0),
        })
    }

    /// Waits until so many parcels were handed over.
    pub(crate) async fn handed(&self, n: usize) {
        while self.sent.lock().unwrap().len() < n {
            self.more.notified().await;
        }
    }

    /// Whoever hangs takes the parcel now.
    pub(crate) fn answer_all(&self) {
        self.answered.add_permits(1000);
    }

    pub(crate) fn all(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    pub(crate) fn will(&self, answers: &[Answer]) {
        self.script.lock().unwrap().extend(answers);
    }

    fn take(&self, parcel: &Parcel) -> Answer {
        let answer = self.script.lock().unwrap().pop_front().unwrap_or(Answer::Take);
        let words: Vec<String> = parcel.draft.parts().into_iter().map(|(_, text)| text).collect();
        self.sent.lock().unwrap().push(Sent {
            attempt: parcel.attempt(),
            channel: parcel.channel(),
            to: parcel.to.normal(),
            at: parcel.at(),
            words: words.join("\n"),
        });
        self.more.notify_one();
        answer
    }
}

fn taken(parcel: &Parcel) -> Outcome {
    Outcome::accepted("recorder", Some(parcel.attempt().to_string()))
}

struct Recorder {
    channel: Channel,
    outbox: Arc<Outbox>,
}

impl Carrier for Recorder {
    fn capability(&self) -> Capability {
        Capability {
            name: "recorder",
            channel: self.channel,
            idempotency: Idempotency::None,
            lookup: Lookup::None,
            latest_accept_seconds: 3600,
            settle_seconds: 0,
            receipts: false,
            not_sent_answers: &[],
            refuses: &[],
        }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        let answer = self.outbox.take(parcel);
        Box::pin(async move {
            match answer {
                Answer::Take => taken(parcel),
                Answer::Defer => Outcome::not_sent(NotSentProof::Deferred, "not now"),
                Answer::Refuse => Outcome::not_sent(NotSentProof::Refused, "not this one"),
                Answer::Silence => Outcome::unknown("no answer"),
                Answer::Panic => panic!("the carrier of this story breaks down"),
                Answer::Hang => {
                    let _told = self.outbox.answered.acquire().await;
                    taken(parcel)
                }
            }
        })
    }
}

/// Carriers for every channel that write into one list.
pub(crate) fn recorders(outbox: &Arc<Outbox>) -> Carriers {
    [Channel::Sms, Channel::Email, Channel::Letter]
        .into_iter()
        .fold(Carriers::new(), |all, channel| {
            let outbox = outbox.clone();
            all.with(Arc::new(Recorder { channel, outbox }), Terms::default())
        })
}

pub(crate) fn shipped_rulebook() -> Arc<Rulebook> {
    static ONE: std::sync::OnceLock<Arc<Rulebook>> = std::sync::OnceLock::new();
    ONE.get_or_init(|| Arc::new(Rulebook::load(&Config::defaults()).unwrap()))
        .clone()
}

pub(crate) fn sample_portfolios() -> SetUp {
    let text = include_str!("../../../samples/portfolios.toml");
    portfolios::parse("portfolios.toml", text, &shipped_rulebook()).unwrap()
}

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) store: Store,
    pub(crate) rulebook: Arc<Rulebook>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) scheduler: Scheduler,
}

impl World {
    /// On a Tuesday morning in Shanghai, with the sample portfolios.
    pub(crate) async fn new(database: TestDatabase) -> World {
        World::with(database, sample_portfolios()).await
    }

    pub(crate) async fn with(database: TestDatabase, set_up: SetUp) -> World {
        let start = Moment::parse("2026-04-07T08:30:00+08:00").unwrap();
        let clock = Arc::new(VirtualClock::new(start, 11));
        let world = World::resume(database, clock, Outbox::new()).await;
        world.store.set_up(set_up, "olga").await.unwrap();
        // The first tick only notes when the campaigns run.
        world.scheduler.tick(world.now()).await.unwrap();
        world
    }

    /// A process that starts on a database: new connections, a new worker, carriers whose troubles are forgotten.
    pub(crate) async fn resume(
        database: TestDatabase,
        clock: Arc<VirtualClock>,
        outbox: Arc<Outbox>,
    ) -> World {
        let store = Store::open(&database.database_url, clock.clone(), SealKeys::known())
            .await
            .unwrap();
        let rulebook = shipped_rulebook();
        let scheduler = Scheduler::new(store.clone(), rulebook.clone());
        let carriers = Arc::new(recorders(&outbox));
        let dispatcher = Dispatcher::new(store.clone(), rulebook.clone(), carriers, 100);
        World {
            database,
            clock,
            store,
            rulebook,
            outbox,
            dispatcher,
            scheduler,
        }
    }

    /// The same after a restart.
    pub(crate) async fn restart(self) -> World {
        self.store.close().await;
        World::resume(self.database, self.clock, self.outbox).await
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The next time it is so late there.
    pub(crate) fn at(&self, time: &str, zone: &str) {
        let zone: Tz = zone.parse().unwrap();
        let time = NaiveTime::parse_from_str(time, "%H:%M").unwrap();
        let day = self.now().date_in(zone);
        let on =
            |day: NaiveDate| Moment::new(zone.from_local_datetime(&day.and_time(time)).unwrap().to_utc());
        let today = on(day);
        self.clock.set(if today >= self.now() {
            today
        } else {
            on(day + Days::new(1))
        });
    }

    pub(crate) fn later(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    /// Campaigns whose time has come, then what is due.
    pub(crate) async fn tick(&self) -> (PlanReport, BatchReport) {
        let planned = self.scheduler.tick(self.now()).await.unwrap();
        (planned, self.dispatch().await)
    }

    /// Runs every campaign now, whatever its schedule.
    pub(crate) async fn plan(&self) -> PlanReport {
        let registry = self.store.registry().await.unwrap();
        let mut report = PlanReport::default();
        for desk in registry.sorted() {
            report.add(self.scheduler.run_portfolio(desk, self.now()).await.unwrap());
        }
        report
    }

    pub(crate) async fn dispatch(&self) -> BatchReport {
        self.dispatcher.run_until_idle().await.unwrap()
    }

    /// Lets time pass until that local time in Shanghai, and everything happen on the way.
    pub(crate) async fn until(&self, local: &str) -> WalkReport {
        let to = Moment::parse(&format!("{local}:00+08:00")).unwrap();
        let (scheduler, dispatcher) = (self.scheduler.clone(), self.dispatcher.clone());
        Walk::new(scheduler, dispatcher, self.clock.clone(), vec![])
            .to(to)
            .await
            .unwrap()
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.outbox.all()
    }

    /// Local times in Shanghai at which parcels were handed over.
    pub(crate) fn sent_at(&self) -> Vec<String> {
        self.sent().iter().map(|s| local(s.at)).collect()
    }

    /// State and deciding reason of everything about a debt, oldest first.
    pub(crate) async fn attempts(&self, reference: &str) -> Vec<AttemptRow> {
        let mut rows = self.store.attempts(None, None, 10_000).await.unwrap();
        rows.retain(|r| r.reference == reference);
        rows.reverse();
        rows
    }

    pub(crate) async fn states(&self, reference: &str) -> Vec<AttemptState> {
        self.attempts(reference).await.iter().map(|r| r.state).collect()
    }

    /// The rules that stand against what was blocked about a debt.
    pub(crate) async fn blocked(&self, reference: &str) -> Vec<String> {
        let rows = self.attempts(reference).await;
        rules(rows.iter().filter(|r| r.state == AttemptState::Blocked))
    }

    /// The rules that hold what waits about a debt.
    pub(crate) async fn held(&self, reference: &str) -> Vec<String> {
        let rows = self.attempts(reference).await;
        rules(rows.iter().filter(|r| r.state == AttemptState::Held))
    }

    pub(crate) fn account(&self, reference: &str) -> AccountStory<'_> {
        AccountStory {
            world: self,
            new: new_account(reference, self.today()),
        }
    }

    pub(crate) fn today(&self) -> NaiveDate {
        self.now().date_in(Tz::Asia__Shanghai)
    }

    pub(crate) async fn happens(&self, reference: &str, what: Occurrence) -> EventOutcome {
        let event = NewEvent {
            digest: None,
            portfolio: None,
            reference: Some(reference.into()),
            debtor_ref: None,
            related: None,
            currency: None,
            at: self.now(),
            what,
        };
        self.store.record_events(vec![event], None).await.unwrap()[0]
    }

    pub(crate) async fn pays(&self, reference: &str, minor: i64) -> EventOutcome {
        let what = Occurrence::Payment {
            reference: format!("B-{minor}-{}", self.now()),
            amount_minor: minor,
            paid_on: self.today(),
        };
        self.happens(reference, what).await
    }

    pub(crate) async fn opts_out(&self, reference: &str, channel: Channel) -> EventOutcome {
        let what = Occurrence::Suppressed {
            reason: SuppressionReason::OptOut,
            channel: Some(channel),
            address: None,
            until: None,
        };
        self.happens(reference, what).await
    }

    /// A collector writes to the debtor in own words, due now.
    pub(crate) async fn collector_writes(&self, reference: &str, text: &str) -> AttemptId {
        let account = self.store.account_id(None, reference).await.unwrap();
        let timeline = self.store.timeline(account).await.unwrap();
        let point = timeline
            .contact_points
            .iter()
            .find(|p| p.carries(Channel::Sms))
            .unwrap();
        let attempt = NewAttempt {
            step_key: self.clock.fresh().into_bytes(),
            account,
            recipient: point.person,
            contact_point: point.id,
            channel: Channel::Sms,
            purpose: Purpose::Collection,
            origin: Origin::Collector,
            asked_by: "mei".into(),
            stage: String::new(),
            step: String::new(),
            template: None,
            own_subject: None,
            own_text: Some(text.into()),
            due_at: self.now(),
            expires_at: self.now() + TimeDelta::days(2),
        };
        self.store.queue(vec![attempt], vec![], vec![]).await.unwrap()[0]
    }

    /// A reminder about a debt to somebody else who is named on the account, due now.
    pub(crate) async fn remind_other(&self, reference: &str, role: Role) -> AttemptId {
        let account = self.store.account_id(None, reference).await.unwrap();
        let raw = crate::contract::world::Raw::open(&self.database).await;
        let person = format!("{reference}#{role}");
        let person = SealKeys::known().lookup.text("person.ref", &person);
        let of = format!("FROM contact_point c JOIN person p ON p.id = c.person_id WHERE p.ref = '{person}'");
        let attempt = NewAttempt {
            step_key: self.clock.fresh().into_bytes(),
            account,
            recipient: raw.id(&format!("SELECT p.id {of}")).await.into(),
            contact_point: raw.id(&format!("SELECT c.id {of}")).await.into(),
            channel: Channel::Sms,
            purpose: Purpose::Collection,
            origin: Origin::Collector,
            asked_by: "mei".into(),
            stage: String::new(),
            step: String::new(),
            template: Some("overdue-reminder".into()),
            own_subject: None,
            own_text: None,
            due_at: self.now(),
            expires_at: self.now() + TimeDelta::days(2),
        };
        self.store.queue(vec![attempt], vec![], vec![]).await.unwrap()[0]
    }

    pub(crate) async fn log_is_sound(&self) {
        let check = self.store.verify_log().await.unwrap();
        assert!(
            check.faults.is_empty(),
            "{}: {:?}",
            self.database.kind,
            check.faults
        );
    }
}

/// Day and time in Shanghai, to the minute.
pub(crate) fn local(at: Moment) -> String {
    at.utc()
        .with_timezone(&Tz::Asia__Shanghai)
        .format("%Y-%m-%dT%H:%M")
        .to_string()
}

fn rules<'a>(rows: impl Iterator<Item = &'a AttemptRow>) -> Vec<String> {
    let mut all: Vec<String> = rows
        .filter_map(|r| r.findings.as_deref())
        .flat_map(|json| serde_json::from_str::<Vec<serde_json::Value>>(json).unwrap())
        .map(|finding| finding["rule"].as_str().unwrap().to_owned())
        .collect();
    all.sort();
    all.dedup();
    all
}

/// An account in the making, named by its debtor.
pub(crate) struct AccountStory<'w> {
    world: &'w World,
    pub(crate) new: NewAccount,
}

impl AccountStory<'_> {
    pub(crate) fn in_portfolio(mut self, name: &str) -> Self {
        self.new.portfolio = name.into();
        if name == "global" {
            self.new.currency = Currency::parse("USD").unwrap();
            self.new.debtor.locale = Locale::En;
            self.new.debtor.country = Some("US".into());
            self.new.debtor.zone = None;
        }
        if name == "consumer" {
            self.new.claim = ClaimKind::ConsumerLoan;
            self.new.instalments = Some(Instalments {
                overdue: 1,
                amount_minor: 25_000,
            });
        }
        self
    }

    pub(crate) fn overdue(mut self, days: i64) -> Self {
        self.new.due_on = self.world.today() - TimeDelta::days(days);
        self
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        self.new.debtor.name = PersonName::parse(name).unwrap();
        self
    }

    pub(crate) fn debtor(mut self, reference: &str) -> Self {
        self.new.debtor.reference = reference.into();
        self
    }

    pub(crate) fn phone(mut self, number: &str) -> Self {
        self.new.debtor.contacts = vec![phone(number)];
        self
    }

    pub(crate) fn shared_phone(mut self, number: &str) -> Self {
        self.new.debtor.contacts = vec![NewContact {
            usage: ContactUse::Shared,
            ..phone(number)
        }];
        self
    }

    pub(crate) fn email(mut self, address: &str) -> Self {
        self.new.debtor.contacts = vec![email(address)];
        self
    }

    pub(crate) fn also(mut self, contact: NewContact) -> Self {
        self.new.debtor.contacts.push(contact);
        self
    }

    pub(crate) fn prefers(mut self, channel: Channel) -> Self {
        self.new.preferred = Some(channel);
        self
    }

    pub(crate) fn observed(mut self) -> Self {
        self.new.observation = true;
        self
    }

    pub(crate) fn disputed(mut self) -> Self {
        self.new.disputed = true;
        self
    }

    pub(crate) fn nowhere(mut self) -> Self {
        self.new.debtor.country = None;
        self.new.debtor.region = None;
        self.new.debtor.zone = None;
        self
    }

    pub(crate) fn related(mut self, role: Role, number: &str) -> Self {
        let mut person = self.new.debtor.clone();
        person.reference = format!("{}#{role}", self.new.reference);
        person.name = PersonName::parse("韩梅梅").unwrap();
        person.contacts = vec![phone(number)];
        self.new.related.push((role, person));
        self
    }

    pub(crate) async fn import(mut self) {
        self.new.digest = leaf_hash(format!("{:?}", self.new).as_bytes());
        let file = leaf_hash(self.new.reference.as_bytes());
        let store = &self.world.store;
        let batch = store
            .begin_import(BatchKind::Accounts, "ledger.csv", file)
            .await
            .unwrap();
        let outcomes = store.import_accounts(batch, vec![self.new]).await.unwrap();
        assert_eq!(outcomes, [RowOutcome::Created]);
        let counts = ImportCounts {
            created: 1,
            ..ImportCounts::default()
        };
        store.end_import(batch, counts).await.unwrap();
    }
}

fn new_account(reference: &str, today: NaiveDate) -> NewAccount {
    // A number of the debtor's own for each account, in the form that passes the numbering plan.
    let last: u32 = reference.bytes().fold(7, |n, b| (n * 31 + u32::from(b)) % 1000);
    NewAccount {
        portfolio: "trade".into(),
        reference: reference.into(),
        debtor: NewPerson {
            reference: format!("P-{reference}"),
            kind: PersonKind::Natural,
            name: PersonName::parse("李雷").unwrap(),
            locale: Locale::ZhCn,
            country: Some("CN".into()),
            region: None,
            postal_code: None,
            zone_until: None,
            zone: Some(Tz::Asia__Shanghai),
            contacts: vec![phone(&format!("13800000{last:03}"))],
        },
        related: vec![],
        claim: ClaimKind::TradeReceivable,
        currency: Currency::CNY,
        amount_minor: 100_000,
        balance_minor: 100_000,
        issued_on: None,
        due_on: today,
        instalments: None,
        confirmed: true,
        observation: false,
        disputed: false,
        settled: false,
        preferred: None,
        digest: [0; 32],
    }
}

pub(crate) fn phone(number: &str) -> NewContact {
    NewContact {
        address: Address::Phone(PhoneNumber::parse(number, "CN").unwrap()),
        usage: ContactUse::Own,
    }
}

pub(crate) fn email(address: &str) -> NewContact {
    NewContact {
        address: Address::Email(EmailAddress::parse(address).unwrap()),
        usage: ContactUse::Own,
    }
}

pub(crate) fn postal(lines: &str, country: &str) -> NewContact {
    NewContact {
        address: Address::Postal(PostalAddress::parse(lines, country).unwrap()),
        usage: ContactUse::Own,
    }
}
