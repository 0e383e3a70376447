//! Recording what the guard decided: reserve, hold, send to review, block or withdraw, many in one transaction.
//!
//! Reserving counts the caps and takes the place in the same transaction, under a lock on the people, debts and
//! addresses concerned (SQLite: the single writer; PostgreSQL: row locks in a fixed order). So however many workers,
//! collectors and campaigns there are, a cap of three gives three.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use uuid::Uuid;

use super::bulk::{Bytes, Id, bulk, row};
use super::claim::touches;
use super::db::{Tx, q, statements};
use super::kept::{Basis, DecisionRow};
use super::seals::{Keys, Seals, shared_key};
use super::types::{Ts, id_list, word};
use super::versions::{DocumentRow, SetDigest};
use super::{Store, StoreError};
use crate::domain::{
    AccountId, AddressId, AttemptId, AttemptState, CapClaim, CapKey, Channel, Moment, PersonId, Purpose,
    RecordId, Touch, TouchKind,
};
use crate::evidence::{Entry, Kind, RecordKey, SealKind, Sealed, Value, commit, to_canonical};
use crate::guard::Clearance;

pub(super) mod sql {
    super::statements! {
        // Locks in a fixed order: people, then debts, then addresses, each by id. On SQLite the writer is the lock.
        LOCK_PEOPLE = {
            sqlite: "SELECT id FROM person WHERE id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY id",
            postgres: "SELECT id FROM person WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) ORDER BY id FOR NO KEY UPDATE",
        };
        LOCK_ACCOUNTS = {
            sqlite: "SELECT id FROM account WHERE id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY id",
            postgres: "SELECT id FROM account WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) ORDER BY id FOR NO KEY UPDATE",
        };
        LOCK_ADDRESSES = {
            sqlite: "SELECT id FROM address WHERE id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY id",
            postgres: "SELECT id FROM address WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) ORDER BY id FOR NO KEY UPDATE",
        };
        PLACES = {
            sqlite: "SELECT t.id, t.account_id, t.recipient_id, a.debtor_id, c.address_id FROM attempt t JOIN account a ON a.id = t.account_id JOIN contact_point c ON c.id = t.contact_point_id WHERE t.id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT t.id, t.account_id, t.recipient_id, a.debtor_id, c.address_id FROM attempt t JOIN account a ON a.id = t.account_id JOIN contact_point c ON c.id = t.contact_point_id WHERE t.id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        FRESH = {
            sqlite: "SELECT t.id, t.state, t.claimed_by, t.channel, t.purpose, t.last_record, a.revision AS account_revision, p.revision AS recipient_revision, d.revision AS debtor_revision FROM attempt t JOIN account a ON a.id = t.account_id JOIN person p ON p.id = t.recipient_id JOIN person d ON d.id = a.debtor_id WHERE t.id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT t.id, t.state, t.claimed_by, t.channel, t.purpose, t.last_record, a.revision AS account_revision, p.revision AS recipient_revision, d.revision AS debtor_revision FROM attempt t JOIN account a ON a.id = t.account_id JOIN person p ON p.id = t.recipient_id JOIN person d ON d.id = a.debtor_id WHERE t.id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        MOVE = bulk super::MoveRow => "UPDATE attempt SET state = r.state, due_at = COALESCE(r.due_at, attempt.due_at), reserved_at = COALESCE(r.reserved_at, attempt.reserved_at), claimed_by = NULL, claimed_until = NULL, reason = r.reason, findings = r.findings, last_record = COALESCE(r.last_record, attempt.last_record) FROM {batch} AS r WHERE attempt.id = r.id";
        TOUCH = bulk super::TouchInsert => "INSERT INTO touch (id, person_id, account_id, address_id, channel, kind, collection, at) SELECT id, person_id, account_id, address_id, channel, kind, collection, at FROM {batch} AS r";
        CONTENT = bulk super::ContentInsert => "INSERT INTO content (attempt_id, sealed, body, facts) SELECT attempt_id, TRUE, body, facts FROM {batch} AS r WHERE TRUE ON CONFLICT (attempt_id) DO UPDATE SET sealed = excluded.sealed, body = excluded.body, facts = excluded.facts";
        TRACE = bulk super::TraceInsert => "INSERT INTO trace (digest, bytes) SELECT digest, bytes FROM {batch} AS r WHERE TRUE ORDER BY digest ON CONFLICT (digest) DO NOTHING";
    }
}

/// What becomes of an attempt.
#[derive(Debug)]
pub enum Action {
    /// Take the place in the caps and the right to send once.
    Reserve(Clearance),
    /// Fine later.
    Hold {
        /// The next lawful instant.
        until: Moment,
    },
    /// A person must decide.
    Review,
    /// Not in this form.
    Block,
    /// Taken back before it was sent.
    Withdraw,
}

/// What would be or was sent, and the facts it was made from; committed to by the log, kept beside it.
#[derive(Debug, Clone)]
pub struct Content {
    /// The words, canonical JSON.
    pub body: String,
    /// The facts, canonical JSON.
    pub facts: String,
}

/// One decision to record.
#[derive(Debug)]
pub struct Decision {
    /// About which attempt.
    pub attempt: AttemptId,
    /// What becomes of it.
    pub action: Action,
    /// Registry version the decision rests on.
    pub registry_version: i64,
    /// Fields of the `attempt.decided` entry: policy versions, findings, template; no personal data.
    pub fields: BTreeMap<String, Value>,
    /// The rules that were evaluated, canonical JSON without personal data; kept once per distinct text.
    pub trace: String,
    /// What was judged; `None` where nothing could be rendered.
    pub content: Option<Content>,
    /// The findings as JSON for screens and `explain`.
    pub findings: Option<String>,
    /// Why it does not go now, in a word: the deciding rule, or what withdrew it.
    pub reason: Option<String>,
    /// What it rests on, kept so that it can be made again.
    pub basis: Option<Basis>,
}

/// The right to send one attempt once. Only [`Store::decide`] makes one, only from a [`Clearance`].
#[derive(Debug, Clone)]
pub struct Reservation {
    attempt: AttemptId,
    channel: Channel,
    reserved_at: Moment,
    lands_before: Option<Moment>,
}

impl Reservation {
    /// For trying a carrier in tests; nothing was reserved. The program itself never calls this, and a test sees to it.
    #[doc(hidden)]
    pub fn for_trial(attempt: AttemptId, channel: Channel, reserved_at: Moment) -> Reservation {
        Reservation {
            attempt,
            channel,
            reserved_at,
            lands_before: None,
        }
    }

    /// The attempt; also the provider's idempotency key and the Message-ID.
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// How it goes.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// When the place was taken.
    pub fn reserved_at(&self) -> Moment {
        self.reserved_at
    }

    /// When contact hours close; a carrier that can is told to give up by then.
    pub fn lands_before(&self) -> Option<Moment> {
        self.lands_before
    }
}

/// What was recorded for one decision.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// May be sent once.
    Reserved(Reservation),
    /// Waits.
    Held,
    /// Waits for a person.
    InReview,
    /// Stopped.
    Blocked,
    /// Taken back.
    Withdrawn,
    /// A fact moved on, or a cap filled up meanwhile: back in the queue, to be judged again.
    Stale,
    /// Somebody else has it, or it was withdrawn meanwhile.
    Lost,
}

/// One decision and what became of it, in the order of the decisions.
#[derive(Debug, Clone)]
pub struct Decided {
    /// About which attempt.
    pub attempt: AttemptId,
    /// What was recorded.
    pub recorded: Recorded,
}

#[derive(sqlx::FromRow)]
struct FreshRow {
    id: Uuid,
    state: String,
    claimed_by: Option<Uuid>,
    channel: String,
    purpose: String,
    last_record: Option<Uuid>,
    account_revision: i64,
    recipient_revision: i64,
    debtor_revision: i64,
}

row! {
    pub(super) struct MoveRow {
        pub(super) id: Id,
        pub(super) state: &'static str,
        pub(super) due_at: Option<Ts>,
        pub(super) reserved_at: Option<Ts>,
        pub(super) reason: Option<String>,
        pub(super) findings: Option<String>,
        pub(super) last_record: Option<Id>,
    }
}

row! {
    pub(super) struct TouchInsert {
        pub(super) id: Id,
        pub(super) person_id: Id,
        pub(super) account_id: Id,
        pub(super) address_id: Option<Id>,
        pub(super) channel: &'static str,
        pub(super) kind: &'static str,
        pub(super) collection: bool,
        pub(super) at: Ts,
    }
}

row! {
    struct ContentInsert {
        attempt_id: Id,
        body: Bytes,
        facts: Bytes,
    }
}

row! {
    struct TraceInsert {
        digest: Bytes,
        bytes: String,
    }
}

/// Where an attempt takes its place.
#[derive(Clone, Copy)]
struct Place {
    account: AccountId,
    person: PersonId,
    debtor: PersonId,
    address: AddressId,
}

/// More candidate zones than this stand beside the entry, by hash.
const MOST_ZONES: usize = 3;

/// Fields that many decisions share: they stand beside the log as one object, by hash.
const SHARED: &[&str] = &[
    "creditor",
    "engine",
    "locale",
    "policy",
    "purpose",
    "sender",
    "set",
    "template",
    "template_sha256",
    "tzdb",
];

/// What one transaction will write.
#[derive(Default)]
struct Writes {
    moves: Vec<MoveRow>,
    touches: Vec<TouchInsert>,
    contents: Vec<ContentInsert>,
    traces: BTreeMap<String, String>,
    desks: BTreeMap<[u8; 32], std::sync::Arc<str>>,
    facts: Vec<DecisionRow>,
    entries: Vec<Sealed>,
    release: Vec<Uuid>,
}

impl Store {
    /// Records decisions about attempts that `worker` has claimed. Durable with evidence when it returns; nothing has
    /// left the machine yet.
    pub async fn decide(&self, worker: Uuid, decisions: Vec<Decision>) -> Result<Vec<Decided>, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| Box::pin(async move { Deciding::run(tx, &*clock, worker, decisions).await }))
            .await
    }
}

/// One run of [`Store::decide`].
struct Deciding<'a> {
    clock: &'a dyn crate::clock::Clock,
    worker: Uuid,
    now: Moment,
    registry: i64,
    in_force: Option<SetDigest>,
    fresh: HashMap<Uuid, FreshRow>,
    places: HashMap<Uuid, Place>,
    history: Vec<Touch>,
    seals: std::sync::Arc<Seals>,
    keys: Keys,
    /// An older copy of the database was put back: nothing is reserved.
    stopped: bool,
    writes: Writes,
}

impl Deciding<'_> {
    async fn run(
        tx: &mut Tx,
        clock: &dyn crate::clock::Clock,
        worker: Uuid,
        decisions: Vec<Decision>,
    ) -> Result<Vec<Decided>, StoreError> {
        let ids = id_list(decisions.iter().map(|d| d.attempt.0));
        let places = places(tx, &ids).await?;
        lock(tx, places.values()).await?;
        let history = history(tx, &decisions, &places).await?;
        let fresh = q!(&mut *tx, sql::FRESH, [ids] => all FreshRow)?
            .into_iter()
            .map(|r| (r.id, r))
            .collect();
        let concerned = places.values().flat_map(|p| [p.person.0, p.debtor.0]);
        let keys = tx.keys_of(concerned).await?;
        let seals = tx.seals().clone();
        let registry = super::registry::version(tx).await?;
        let now = clock.now();
        let in_force = super::versions::in_force(tx, now).await?;
        let mut run = Deciding {
            clock,
            worker,
            now,
            registry,
            in_force,
            fresh,
            places,
            history,
            seals,
            keys,
            stopped: super::restoration::stands(tx).await?,
            writes: Writes::default(),
        };
        let mut decided = Vec::with_capacity(decisions.len());
        for decision in decisions {
            let attempt = decision.attempt;
            decided.push(Decided {
                attempt,
                recorded: run.record(decision)?,
            });
        }
        run.writes.write(tx, worker).await?;
        Ok(decided)
    }

    fn record(&mut self, decision: Decision) -> Result<Recorded, StoreError> {
        let id = decision.attempt.0;
        // Taken out, so that a second decision about the same attempt finds it gone.
        let Some(fresh) = self.fresh.remove(&id) else {
            return Ok(Recorded::Lost);
        };
        let state: AttemptState = word(&fresh.state, "attempt state")?;
        if !state.is_waiting() || fresh.claimed_by != Some(self.worker) {
            return Ok(Recorded::Lost);
        }
        // Another policy is in force by now: it is judged again under that one.
        if decision
            .basis
            .as_ref()
            .is_some_and(|b| b.set.is_some() && b.set != self.in_force)
        {
            self.writes.release.push(id);
            return Ok(Recorded::Stale);
        }
        // Erased meanwhile: nothing that is known about it may be kept, or sent.
        if !self
            .places
            .get(&id)
            .is_some_and(|p| self.keys.contains_key(&p.person.0) && self.keys.contains_key(&p.debtor.0))
        {
            self.writes.release.push(id);
            return Ok(Recorded::Lost);
        }
        let (channel, purpose) = (word(&fresh.channel, "channel")?, word(&fresh.purpose, "purpose")?);
        let last = fresh.last_record.map(RecordId::from);
        match decision.action {
            Action::Reserve(ref clearance) => {
                if self.stopped
                    || decision.registry_version != self.registry
                    || !self.still_true(&fresh, clearance)
                {
                    self.writes.release.push(id);
                    return Ok(Recorded::Stale);
                }
                if !clearance.caps().iter().all(|cap| self.has_room(cap)) {
                    self.writes.release.push(id);
                    return Ok(Recorded::Stale);
                }
                Ok(self.reserve(decision, channel, purpose, last))
            }
            Action::Hold { until } => {
                self.stop(decision, AttemptState::Held, Some(until), last);
                Ok(Recorded::Held)
            }
            Action::Review => {
                self.stop(decision, AttemptState::InReview, None, last);
                Ok(Recorded::InReview)
            }
            Action::Block => {
                self.stop(decision, AttemptState::Blocked, None, last);
                Ok(Recorded::Blocked)
            }
            Action::Withdraw => {
                self.stop(decision, AttemptState::Withdrawn, None, last);
                Ok(Recorded::Withdrawn)
            }
        }
    }

    /// Whether the facts the clearance rests on are still the facts, and the lawful window still open.
    fn still_true(&self, fresh: &FreshRow, clearance: &Clearance) -> bool {
        fresh.account_revision == clearance.account_revision()
            && fresh.recipient_revision == clearance.recipient_revision()
            && fresh.debtor_revision == clearance.debtor_revision()
            && clearance.decided_at() <= self.now
            && self.now < clearance.valid_until()
    }

    // INVARIANT: the history holds every place that was taken, those of this very transaction included.
    fn has_room(&self, cap: &CapClaim) -> bool {
        let taken = self
            .history
            .iter()
            .filter(|t| {
                t.at >= cap.since
                    && cap.channels.contains(t.channel)
                    && cap.kinds.contains(&t.kind)
                    && (t.collection || !cap.collection_only)
                    && match cap.key {
                        CapKey::Person(p) => t.person == p,
                        CapKey::Debt(a) => t.account == a,
                        CapKey::Address(a) => t.address == Some(a),
                    }
            })
            .count();
        taken < cap.max as usize
    }

    fn reserve(
        &mut self,
        decision: Decision,
        channel: Channel,
        purpose: Purpose,
        last: Option<RecordId>,
    ) -> Recorded {
        let id = decision.attempt.0;
        let place = self.places[&id];
        let collection = purpose == Purpose::Collection;
        let (kind, at) = (TouchKind::Message, self.now);
        self.history.push(Touch {
            at,
            person: place.person,
            account: place.account,
            address: Some(place.address),
            channel,
            kind,
            collection,
        });
        self.writes.touches.push(TouchInsert {
            id: Id(id),
            person_id: Id(place.person.0),
            account_id: Id(place.account.0),
            address_id: Some(Id(place.address.0)),
            channel: channel.as_str(),
            kind: kind.as_str(),
            collection,
            at: Ts(at),
        });
        let (caps, lands_before) = match &decision.action {
            Action::Reserve(clearance) => (
                clearance.caps().iter().map(cap_value).collect(),
                clearance.lands_before(),
            ),
            _ => (Vec::new(), None),
        };
        let trace = self.writes.keep_trace(decision.trace);
        let decided_id = RecordId(self.clock.fresh());
        let fields = self.writes.shortened(decision.fields);
        let mut entry = super::log::entry_with(Kind::AttemptDecided, decided_id, at, fields)
            .of_attempt(decision.attempt, last)
            .with("verdict", "cleared")
            .with("trace", trace);
        let mut intent = super::log::entry(self.clock, Kind::AttemptIntent, at)
            .of_attempt(decision.attempt, Some(decided_id))
            .with("state", AttemptState::Reserved.as_str())
            .with("caps", caps)
            .with("person", place.person.to_string())
            .with("address", place.address.to_string())
            .with("debt", place.account.to_string());
        let salt = self.clock.salt();
        let findings = self.sealed_findings(id, decision.findings.as_deref());
        if let Some(basis) = decision.basis {
            entry = self.keep_basis(entry, (id, decided_id), &salt, basis);
        }
        if let Some(content) = decision.content {
            intent = intent
                .with_commitment("content", commit(&salt, content.body.as_bytes()))
                .with_commitment("facts", commit(&salt, content.facts.as_bytes()))
                .with("bytes", i64::try_from(content.body.len()).unwrap_or(i64::MAX));
            self.keep_content(id, &salt, &content);
        } else {
            entry = entry.with("content_missing", true);
        }
        let intent = intent.seal();
        self.writes.moves.push(MoveRow {
            id: Id(id),
            state: AttemptState::Reserved.as_str(),
            due_at: None,
            reserved_at: Some(Ts(at)),
            reason: None,
            findings,
            last_record: Some(Id(intent.record.0)),
        });
        self.writes.entries.push(entry.seal());
        self.writes.entries.push(intent);
        Recorded::Reserved(Reservation {
            attempt: decision.attempt,
            channel,
            reserved_at: at,
            lands_before,
        })
    }

    fn stop(
        &mut self,
        decision: Decision,
        state: AttemptState,
        until: Option<Moment>,
        last: Option<RecordId>,
    ) {
        let id = decision.attempt.0;
        let kind = if state == AttemptState::Withdrawn {
            Kind::AttemptCancelled
        } else {
            Kind::AttemptDecided
        };
        let trace = self.writes.keep_trace(decision.trace);
        let fields = self.writes.shortened(decision.fields);
        let record = RecordId(self.clock.fresh());
        let mut entry = super::log::entry_with(kind, record, self.now, fields)
            .of_attempt(decision.attempt, last)
            .with("state", state.as_str())
            .with("trace", trace)
            .with_some("until", until.map(|u| u.to_text()))
            .with_some("reason", decision.reason.as_deref());
        let salt = self.clock.salt();
        let findings = self.sealed_findings(id, decision.findings.as_deref());
        if let Some(basis) = decision.basis {
            entry = self.keep_basis(entry, (id, record), &salt, basis);
        }
        // What is held is rendered anew later; what is stopped is kept as it was judged, for the officer and the court.
        if state == AttemptState::Held {
            let words = decision.content.map(|c| commit(&salt, c.body.as_bytes()));
            entry = entry.with_some("words", words.map(|c| hex::encode(c.0)));
        } else if let Some(content) = decision.content {
            entry = entry
                .with_commitment("content", commit(&salt, content.body.as_bytes()))
                .with_commitment("facts", commit(&salt, content.facts.as_bytes()));
            self.keep_content(id, &salt, &content);
        }
        let entry = entry.seal();
        self.writes.moves.push(MoveRow {
            id: Id(id),
            state: state.as_str(),
            due_at: until.map(Ts),
            reserved_at: None,
            reason: decision.reason,
            findings,
            last_record: Some(Id(entry.record.0)),
        });
        self.writes.entries.push(entry);
    }
}

/// What is personal is sealed before it is written.
impl Deciding<'_> {
    // INVARIANT: attempts whose people have no key were given up before.
    fn key(&self, attempt: Uuid, kind: SealKind, record: Uuid) -> RecordKey {
        let place = &self.places[&attempt];
        shared_key(&self.keys, (place.person.0, place.debtor.0), kind, record)
            .expect("everybody concerned has a key")
    }

    fn sealed_findings(&self, attempt: Uuid, findings: Option<&str>) -> Option<String> {
        let key = self.key(attempt, SealKind::Findings, attempt);
        findings.map(|text| key.seal_text(self.seals.nonce(), text))
    }

    /// Keeps the facts of a decision, and commits its entry to them.
    fn keep_basis(
        &mut self,
        entry: Entry,
        (attempt, record): (Uuid, RecordId),
        salt: &[u8; 32],
        basis: Basis,
    ) -> Entry {
        let named = commit(salt, basis.facts.as_bytes());
        let desk = super::versions::text_digest(&basis.desk);
        self.writes.desks.entry(desk).or_insert(basis.desk);
        let key = self.key(attempt, SealKind::Situation, record.0);
        self.writes.facts.push(DecisionRow {
            attempt_id: Id(attempt),
            record: Id(record.0),
            facts: Bytes(key.seal_committed(self.seals.nonce(), salt, basis.facts.as_bytes())),
        });
        entry.with_commitment("situation", named)
    }

    fn keep_content(&mut self, attempt: Uuid, salt: &[u8; 32], content: &Content) {
        let seal = |kind, text: &str| {
            let key = self.key(attempt, kind, attempt);
            Bytes(key.seal_committed(self.seals.nonce(), salt, text.as_bytes()))
        };
        self.writes.contents.push(ContentInsert {
            attempt_id: Id(attempt),
            body: seal(SealKind::Body, &content.body),
            facts: seal(SealKind::Facts, &content.facts),
        });
    }
}

/// Keeps an object beside the log and gives its hash, by which entries name it.
pub(super) async fn keep_object(tx: &mut Tx, object: &Value) -> Result<String, StoreError> {
    let bytes = to_canonical(object);
    let digest = crate::evidence::digest_hex(bytes.as_bytes());
    let row = TraceInsert {
        digest: Bytes(hex::decode(&digest).expect("a digest in hex")),
        bytes,
    };
    bulk(tx, &sql::TRACE, &[row]).await?;
    Ok(digest)
}

impl Writes {
    fn keep_trace(&mut self, trace: String) -> String {
        let digest = crate::evidence::digest_hex(trace.as_bytes());
        self.traces.insert(digest.clone(), trace);
        digest
    }

    /// What can be long stands beside the log, by its hash, so that an entry stays below a kilobyte.
    fn shortened(&mut self, mut fields: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
        if let Some(findings) = fields.remove("findings") {
            let digest = self.keep_trace(to_canonical(&findings));
            fields.insert("findings".into(), digest.into());
        }
        let shared: BTreeMap<String, Value> = SHARED
            .iter()
            .filter_map(|key| fields.remove_entry(*key))
            .collect();
        if !shared.is_empty() {
            let digest = self.keep_trace(to_canonical(&Value::Object(shared)));
            fields.insert("context".into(), digest.into());
        }
        if matches!(fields.get("zones"), Some(Value::List(zones)) if zones.len() > MOST_ZONES)
            && let Some(zones) = fields.remove("zones")
        {
            let digest = self.keep_trace(to_canonical(&zones));
            fields.insert("zones_sha256".into(), digest.into());
        }
        fields
    }

    async fn write(self, tx: &mut Tx, worker: Uuid) -> Result<(), StoreError> {
        if !self.release.is_empty() {
            q!(&mut *tx, super::claim::sql::RELEASE, [id_list(self.release), worker] => rows)?;
        }
        if self.moves.is_empty() {
            return Ok(());
        }
        let traces: Vec<_> = self
            .traces
            .into_iter()
            .map(|(digest, bytes)| TraceInsert {
                digest: Bytes(hex::decode(digest).expect("a digest in hex")),
                bytes,
            })
            .collect();
        bulk(tx, &sql::TRACE, &traces).await?;
        let desks: Vec<_> = self
            .desks
            .into_iter()
            .map(|(digest, text)| DocumentRow {
                digest: Bytes(digest.to_vec()),
                bytes: text.to_string(),
            })
            .collect();
        bulk(tx, &super::versions::sql::PUT_DOCUMENTS, &desks).await?;
        bulk(tx, &sql::MOVE, &self.moves).await?;
        if !self.touches.is_empty() {
            bulk(tx, &sql::TOUCH, &self.touches).await?;
        }
        if !self.contents.is_empty() {
            bulk(tx, &sql::CONTENT, &self.contents).await?;
        }
        bulk(tx, &super::kept::sql::KEEP, &self.facts).await?;
        super::log::append(tx, &self.entries).await
    }
}

async fn places(tx: &mut Tx, ids: &str) -> Result<HashMap<Uuid, Place>, StoreError> {
    let rows = q!(&mut *tx, sql::PLACES, [ids] => all (Uuid, Uuid, Uuid, Uuid, Uuid))?;
    Ok(rows
        .into_iter()
        .map(|(id, account, person, debtor, address)| {
            let place = Place {
                account: AccountId(account),
                person: PersonId(person),
                debtor: PersonId(debtor),
                address: AddressId(address),
            };
            (id, place)
        })
        .collect())
}

async fn lock<'a>(tx: &mut Tx, places: impl Iterator<Item = &'a Place> + Clone) -> Result<(), StoreError> {
    if !tx.is_postgres() {
        return Ok(());
    }
    // The debtor too: what happens to the debtor concerns everybody who is addressed about the debt.
    let people = places.clone().flat_map(|p| [p.person.0, p.debtor.0]);
    lock_people(tx, people).await?;
    lock_accounts(tx, places.clone().map(|p| p.account.0)).await?;
    q!(&mut *tx, sql::LOCK_ADDRESSES, [id_list(places.map(|p| p.address.0))] => all (Uuid,))?;
    Ok(())
}

/// Locks people by id. Whoever locks debts or addresses too does it after this.
pub(super) async fn lock_people(tx: &mut Tx, ids: impl IntoIterator<Item = Uuid>) -> Result<(), StoreError> {
    if tx.is_postgres() {
        q!(&mut *tx, sql::LOCK_PEOPLE, [id_list(ids)] => all (Uuid,))?;
    }
    Ok(())
}

/// Locks debts by id, after people and before anything that hangs on the debts.
pub(super) async fn lock_accounts(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<(), StoreError> {
    if tx.is_postgres() {
        q!(&mut *tx, sql::LOCK_ACCOUNTS, [id_list(ids)] => all (Uuid,))?;
    }
    Ok(())
}

/// The touches that the caps of these decisions count.
async fn history(
    tx: &mut Tx,
    decisions: &[Decision],
    places: &HashMap<Uuid, Place>,
) -> Result<Vec<Touch>, StoreError> {
    let mut since: Option<Moment> = None;
    let (mut people, mut accounts, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    for decision in decisions {
        let Action::Reserve(clearance) = &decision.action else {
            continue;
        };
        if !places.contains_key(&decision.attempt.0) {
            continue;
        }
        for cap in clearance.caps() {
            since = Some(since.map_or(cap.since, |s| s.min(cap.since)));
            match cap.key {
                CapKey::Person(p) => people.push(p.0),
                CapKey::Debt(a) => accounts.push(a.0),
                CapKey::Address(a) => addresses.push(a.0),
            }
        }
    }
    match since {
        // A margin for moments that differ by rounding; the caps themselves compare exactly.
        Some(since) => {
            touches(
                tx,
                id_list(people),
                id_list(accounts),
                id_list(addresses),
                since - TimeDelta::seconds(1),
            )
            .await
        }
        None => Ok(Vec::new()),
    }
}

fn cap_value(cap: &CapClaim) -> Value {
    Value::from([
        ("rule", cap.rule.as_str().into()),
        ("since", cap.since.to_text().into()),
        ("max", i64::from(cap.max).into()),
    ])
}
