//! A small world in field words: a creditor, a portfolio, accounts, a clock that stands still, and a second way into
//! the database that knows nothing of the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{NaiveDate, TimeDelta};
use dunwell::clock::{Clock, VirtualClock};
use dunwell::domain::*;
use dunwell::evidence::leaf_hash;
use dunwell::guard;
use dunwell::policy::{Holidays, Pack, PackFiles, PolicySet};
use dunwell::store::*;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use uuid::Uuid;

use crate::support::TestDatabase;

/// The portfolio everything belongs to unless a story says otherwise.
pub(crate) const PORTFOLIO: &str = "invoices";

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) raw: Raw,
    pub(crate) database: TestDatabase,
    keys: AtomicU32,
}

impl World {
    pub(crate) async fn new(database: TestDatabase) -> World {
        let world = World::empty(database).await;
        world.store.set_up(set_up(), "olga").await.unwrap();
        world
    }

    /// Opened, but nobody is set up.
    pub(crate) async fn empty(database: TestDatabase) -> World {
        let clock = Arc::new(VirtualClock::new(moment("2026-04-07T10:00:00+08:00"), 7));
        let store = Store::open(&database.database_url, clock.clone(), SealKeys::known())
            .await
            .unwrap();
        let raw = Raw::open(&database).await;
        World {
            store,
            clock,
            raw,
            database,
            keys: AtomicU32::new(1),
        }
    }

    /// Closes the store and opens it again on the same database.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await;
        self.store = Store::open(&self.database.database_url, self.clock.clone(), SealKeys::known())
            .await
            .unwrap();
    }

    pub(crate) fn at(&self, text: &str) {
        self.clock.set(moment(text));
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn worker(&self) -> Uuid {
        self.clock.fresh()
    }

    pub(crate) fn account(&self, reference: &str) -> AccountStory<'_> {
        AccountStory {
            world: self,
            new: new_account(reference),
        }
    }

    pub(crate) async fn import(&self, accounts: Vec<NewAccount>) -> (BatchId, Vec<RowOutcome>) {
        let file = digest("file", &accounts);
        let batch = self
            .store
            .begin_import(BatchKind::Accounts, "ledger.csv", file)
            .await
            .unwrap();
        let rows = u64::try_from(accounts.len()).unwrap();
        let outcomes = self.store.import_accounts(batch, accounts).await.unwrap();
        let counts = ImportCounts {
            created: rows,
            ..ImportCounts::default()
        };
        self.store.end_import(batch, counts).await.unwrap();
        (batch, outcomes)
    }

    pub(crate) async fn id(&self, reference: &str) -> AccountId {
        self.store.account_id(Some(PORTFOLIO), reference).await.unwrap()
    }

    pub(crate) async fn read(&self, reference: &str) -> Account {
        let id = self.id(reference).await;
        self.store.timeline(id).await.unwrap().account
    }

    /// An SMS about a debt to its debtor, due now.
    pub(crate) async fn attempt(&self, reference: &str) -> NewAttempt {
        let timeline = self.store.timeline(self.id(reference).await).await.unwrap();
        let point = &timeline.contact_points[0];
        self.attempt_to(timeline.account.id, point.person, point.id)
    }

    /// An SMS about a debt to somebody named by the creditor's number.
    pub(crate) async fn attempt_by(&self, reference: &str, person: &str) -> NewAttempt {
        let account = self.id(reference).await;
        let person = SealKeys::known().lookup.text("person.ref", person);
        let of = format!("FROM contact_point c JOIN person p ON p.id = c.person_id WHERE p.ref = '{person}'");
        let person = self.raw.id(&format!("SELECT p.id {of}")).await;
        let point = self.raw.id(&format!("SELECT c.id {of}")).await;
        self.attempt_to(account, person.into(), point.into())
    }

    fn attempt_to(
        &self,
        account: AccountId,
        recipient: PersonId,
        contact_point: ContactPointId,
    ) -> NewAttempt {
        let now = self.now();
        NewAttempt {
            step_key: self.step_key(),
            account,
            recipient,
            contact_point,
            channel: Channel::Sms,
            purpose: Purpose::Collection,
            origin: Origin::Campaign,
            asked_by: "spring".into(),
            stage: "yellow".into(),
            step: "first".into(),
            template: Some("overdue".into()),
            own_subject: None,
            own_text: None,
            due_at: now,
            expires_at: now + TimeDelta::days(60),
        }
    }

    pub(crate) fn step_key(&self) -> [u8; 16] {
        let n = self.keys.fetch_add(1, Ordering::Relaxed);
        u128::from(n).to_be_bytes()
    }

    /// Queues so many attempts about a debt to its debtor.
    pub(crate) async fn queue(&self, reference: &str, n: usize) -> Vec<AttemptId> {
        let one = self.attempt(reference).await;
        self.queue_like(one, n).await
    }

    /// Queues so many attempts like this one.
    pub(crate) async fn queue_like(&self, one: NewAttempt, n: usize) -> Vec<AttemptId> {
        let many = (0..n)
            .map(|_| NewAttempt {
                step_key: self.step_key(),
                ..one.clone()
            })
            .collect();
        self.store.queue(many, vec![], vec![]).await.unwrap()
    }

    pub(crate) async fn claim(&self, worker: Uuid, limit: usize) -> Vec<Claimed> {
        self.store
            .claim(worker, self.now(), TimeDelta::minutes(5), limit)
            .await
            .unwrap()
    }

    /// Claims, judges and records as `dispatch` does, with one worker.
    pub(crate) async fn dispatch(&self, policy: &PolicySet) -> Vec<Decided> {
        let worker = self.worker();
        let claimed = self.claim(worker, 1000).await;
        let decisions = claimed.iter().map(|c| judge(c, policy, self.now())).collect();
        self.store.decide(worker, decisions).await.unwrap()
    }

    /// One attempt, reserved.
    pub(crate) async fn reserved(&self, reference: &str) -> AttemptId {
        let [attempt] = self.queue(reference, 1).await[..] else {
            panic!("one attempt is queued")
        };
        let decided = self.dispatch(&permissive()).await;
        let of = |d: &&Decided| d.attempt == attempt && matches!(d.recorded, Recorded::Reserved(_));
        assert!(decided.iter().any(|d| of(&d)), "{decided:?}");
        attempt
    }

    pub(crate) async fn settle(&self, attempt: AttemptId, state: AttemptState, reference: &str) -> usize {
        self.store
            .settle(vec![settlement(attempt, state, reference)])
            .await
            .unwrap()
    }

    pub(crate) async fn state(&self, attempt: AttemptId) -> AttemptState {
        self.store.story(attempt).await.unwrap().attempt.state
    }

    pub(crate) async fn reason(&self, attempt: AttemptId) -> Option<String> {
        self.store.story(attempt).await.unwrap().attempt.reason
    }

    pub(crate) async fn happens(&self, reference: &str, what: Occurrence) -> EventOutcome {
        let event = self.event(reference, what);
        self.store.record_events(vec![event], None).await.unwrap()[0]
    }

    pub(crate) fn event(&self, reference: &str, what: Occurrence) -> NewEvent {
        NewEvent {
            digest: None,
            portfolio: Some(PORTFOLIO.into()),
            reference: Some(reference.into()),
            debtor_ref: None,
            related: None,
            currency: None,
            at: self.now(),
            what,
        }
    }

    pub(crate) async fn touches(&self) -> i64 {
        self.raw.count("SELECT COUNT(*) FROM touch").await
    }

    #[track_caller]
    pub(crate) fn sound(&self, check: &LogCheck) {
        assert!(
            check.faults.is_empty(),
            "{}: {:?}",
            self.database.kind,
            check.faults
        );
    }

    /// Verifies the log and expects nothing.
    pub(crate) async fn verified(&self) {
        let check = self.store.verify_log().await.unwrap();
        self.sound(&check);
        // Once more with everything in its place and in the tree.
        self.store.grow_log().await.unwrap();
        let check = self.store.verify_log().await.unwrap();
        self.sound(&check);
        assert_eq!(check.size(), check.entries);
    }
}

pub(crate) struct AccountStory<'w> {
    world: &'w World,
    pub(crate) new: NewAccount,
}

impl AccountStory<'_> {
    pub(crate) fn due(mut self, on: &str) -> Self {
        self.new.due_on = date(on);
        self
    }

    pub(crate) fn owes(mut self, minor: i64) -> Self {
        (self.new.amount_minor, self.new.balance_minor) = (minor, minor);
        self
    }

    pub(crate) fn disputed(mut self) -> Self {
        self.new.disputed = true;
        self
    }

    pub(crate) fn settled(mut self) -> Self {
        (self.new.settled, self.new.balance_minor) = (true, 0);
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

    pub(crate) fn guarantor(mut self, reference: &str, number: &str) -> Self {
        self.new
            .related
            .push((Role::Guarantor, person(reference, number)));
        self
    }

    pub(crate) fn row(mut self) -> NewAccount {
        self.new.digest = digest("row", &self.new);
        self.new
    }

    pub(crate) async fn import(self) -> RowOutcome {
        let world = self.world;
        world.import(vec![self.row()]).await.1[0]
    }
}

fn new_account(reference: &str) -> NewAccount {
    // A number of the debtor's own for each account, in the form that passes the numbering plan.
    let last: u32 = reference.bytes().fold(7, |n, b| (n * 31 + u32::from(b)) % 10_000);
    NewAccount {
        portfolio: PORTFOLIO.into(),
        reference: reference.into(),
        debtor: person(&format!("P-{reference}"), &format!("1380000{last:04}")),
        related: vec![],
        claim: ClaimKind::TradeReceivable,
        currency: Currency::CNY,
        amount_minor: 100_000,
        balance_minor: 100_000,
        issued_on: None,
        due_on: date("2026-04-01"),
        instalments: None,
        confirmed: true,
        observation: false,
        disputed: false,
        settled: false,
        preferred: None,
        digest: [0; 32],
    }
}

pub(crate) fn person(reference: &str, number: &str) -> NewPerson {
    NewPerson {
        reference: reference.into(),
        kind: PersonKind::Natural,
        name: PersonName::parse("李雷").unwrap(),
        locale: Locale::ZhCn,
        country: Some("CN".into()),
        region: None,
        postal_code: None,
        zone_until: None,
        zone: Some(chrono_tz::Asia::Shanghai),
        contacts: vec![phone(number)],
    }
}

pub(crate) fn phone(number: &str) -> NewContact {
    NewContact {
        address: phone_address(number),
        usage: ContactUse::Own,
    }
}

pub(crate) fn phone_address(number: &str) -> Address {
    Address::Phone(PhoneNumber::parse(number, "CN").unwrap())
}

/// Stands for the fingerprint of a source row.
pub(crate) fn digest(what: &str, of: &impl std::fmt::Debug) -> [u8; 32] {
    leaf_hash(format!("{what}{of:?}").as_bytes())
}

pub(crate) fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn set_up() -> SetUp {
    SetUp {
        creditors: vec![Creditor {
            id: CreditorId(Uuid::nil()),
            name: "Linden Trading".into(),
            country: "CN".into(),
            is_bank: false,
        }],
        senders: vec![Sender {
            id: SenderId(Uuid::nil()),
            kind: SenderKind::Creditor,
            name: "Linden Trading".into(),
            signature: "【Linden】".into(),
            licence: None,
            phone: Some(PhoneNumber::parse("13800000001", "CN").unwrap()),
            email: Some(EmailAddress::parse("desk@example.com").unwrap()),
            postal: Some(PostalAddress::parse("1 Example Road|Shanghai", "CN").unwrap()),
            staffed: Some("09:00-17:00".into()),
            opt_out_word: "T".into(),
            mandate: None,
        }],
        portfolios: vec![portfolio(PORTFOLIO)],
    }
}

pub(crate) fn portfolio(name: &str) -> SetUpPortfolio {
    SetUpPortfolio {
        name: name.into(),
        creditor: "Linden Trading".into(),
        sender: "Linden Trading".into(),
        ladder: "traffic-light".into(),
        packs: vec!["test".into()],
        zone: chrono_tz::Asia::Shanghai,
        payees: vec![],
        cron: Some("0 9 * * *".into()),
    }
}

/// A pack that allows everything at any hour, but for the caps.
fn policy(caps: &[(&str, u32)]) -> PolicySet {
    let head = "level = \"house\"\nsureness = \"verified\"\nbasis = \"house rule\"\nwhy = \"tests\"\nzh = \"测试\"\nen = \"test\"";
    let mut text = format!(
        "pack = \"test\"\ntitle = {{ zh = \"测试\", en = \"Test\" }}\n\n[[hours]]\nid = \"hours.open\"\n{head}\nwindows = {{ all = \"00:00-24:00\" }}\n"
    );
    for (key, max) in caps {
        text += &format!(
            "\n[[caps]]\nid = \"cap.per_{key}\"\n{head}\nkey = \"{key}\"\ncollection_only = false\nlocal_days = 1\nmax = {max}\n"
        );
    }
    let files = PackFiles {
        name: "test",
        policy: &text,
        lexicon: "",
        cases: "",
    };
    let pack = Pack::parse(&files).map_err(|e| e.to_string()).unwrap();
    PolicySet::new(vec![Arc::new(pack)], Holidays::default())
}

pub(crate) fn permissive() -> PolicySet {
    policy(&[])
}

/// At most so many a day for each person, debt or address.
pub(crate) fn capped(key: &str, max: u32) -> PolicySet {
    policy(&[(key, max)])
}

/// What `dispatch` would make of a claimed attempt.
pub(crate) fn judge(claimed: &Claimed, policy: &PolicySet, now: Moment) -> Decision {
    let draft = Draft::Sms(Sms {
        text: "【Linden】A reminder.".into(),
        segments: Segments {
            coding: SmsCoding::Ucs2,
            units: 20,
            count: 1,
        },
    });
    let review = guard::review(&draft, &claimed.situation, policy, now);
    let action = match (review.clearance, review.verdict) {
        (Some(clearance), _) => Action::Reserve(clearance),
        (None, Verdict::Held { until }) => Action::Hold { until },
        (None, Verdict::Review) => Action::Review,
        (None, _) => Action::Block,
    };
    decision(claimed, action)
}

pub(crate) fn decision(claimed: &Claimed, action: Action) -> Decision {
    Decision {
        attempt: claimed.situation.attempt.id,
        action,
        registry_version: claimed.registry_version,
        fields: BTreeMap::new(),
        trace: "[]".into(),
        content: Some(Content {
            body: "{\"text\":\"A reminder.\"}".into(),
            facts: "{\"debt\":\"one\"}".into(),
        }),
        findings: Some("[]".into()),
        reason: Some("superseded".into()),
        basis: None,
    }
}

pub(crate) fn settlement(attempt: AttemptId, state: AttemptState, reference: &str) -> Settlement {
    Settlement {
        provider: Some("carrier".into()),
        references: vec![reference.into()],
        ..Settlement::new(attempt, state)
    }
}

pub(crate) fn paid(reference: &str, minor: i64) -> Occurrence {
    Occurrence::Payment {
        reference: reference.into(),
        amount_minor: minor,
        paid_on: date("2026-04-07"),
    }
}

pub(crate) fn suppressed(reason: SuppressionReason) -> Occurrence {
    Occurrence::Suppressed {
        reason,
        channel: None,
        address: None,
        until: None,
    }
}

/// The database itself, past the store.
pub(crate) enum Raw {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Raw {
    pub(crate) async fn open(database: &TestDatabase) -> Raw {
        match database.kind {
            "sqlite" => Raw::Sqlite(SqlitePool::connect(&database.database_url).await.unwrap()),
            _ => Raw::Postgres(PgPool::connect(&database.database_url).await.unwrap()),
        }
    }

    /// Runs a statement; the number of rows it touched.
    pub(crate) async fn run(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        Ok(match self {
            Raw::Sqlite(pool) => sqlx::query(sql).execute(pool).await?.rows_affected(),
            Raw::Postgres(pool) => sqlx::query(sql).execute(pool).await?.rows_affected(),
        })
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Raw::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Raw::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    pub(crate) async fn words(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Raw::Sqlite(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
            Raw::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
        }
    }

    pub(crate) async fn id(&self, sql: &str) -> Uuid {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Raw::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Raw::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    /// An id as this dialect writes it.
    pub(crate) fn literal(&self, id: Uuid) -> String {
        match self {
            Raw::Sqlite(_) => format!("x'{}'", id.simple()),
            Raw::Postgres(_) => format!("'{id}'"),
        }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self, Raw::Sqlite(_))
    }
}
