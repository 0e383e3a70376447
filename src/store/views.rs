//! Reading for people: lists, counts, the story of one attempt, the timeline of one account, exports.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use uuid::Uuid;

use super::db::{Tx, q, statements};
use super::people;
use super::seals::{Keys, open_text, own_key, shared_key};
use super::types::{Ts, word};
use super::{Store, StoreError};
use crate::domain::{Account, AccountId, AttemptId, AttemptState, ContactPoint, Moment, Person};
use crate::evidence::{SealKind, Value, parse_canonical};

pub(super) mod sql {
    super::statements! {
        LIST = "SELECT t.id, t.recipient_id, a.debtor_id, p.name AS portfolio, a.reference, t.channel, t.stage, t.step, t.template, t.origin, t.state, t.due_at, t.reserved_at, t.settled_at, t.reason, t.findings FROM attempt t JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id WHERE (CAST($1 AS TEXT) IS NULL OR t.state = $1) AND (CAST($2 AS TEXT) IS NULL OR p.name = $2) ORDER BY t.requested_at DESC, t.id DESC LIMIT $3";
        OF_ACCOUNT = "SELECT t.id, t.recipient_id, a.debtor_id, p.name AS portfolio, a.reference, t.channel, t.stage, t.step, t.template, t.origin, t.state, t.due_at, t.reserved_at, t.settled_at, t.reason, t.findings FROM attempt t JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id WHERE t.account_id = $1 ORDER BY t.requested_at, t.id";
        ONE = "SELECT t.id, t.recipient_id, a.debtor_id, p.name AS portfolio, a.reference, t.channel, t.stage, t.step, t.template, t.origin, t.state, t.due_at, t.reserved_at, t.settled_at, t.reason, t.findings FROM attempt t JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id WHERE t.id = $1";
        BY_PREFIX = {
            sqlite: "SELECT id FROM attempt WHERE lower(hex(id)) LIKE $1 || '%' ORDER BY id LIMIT 2",
            postgres: "SELECT id FROM attempt WHERE replace(CAST(id AS TEXT), '-', '') LIKE $1 || '%' ORDER BY id LIMIT 2",
        };
        BY_SUFFIX = {
            sqlite: "SELECT id FROM attempt WHERE lower(hex(id)) LIKE '%' || $1 ORDER BY id LIMIT 2",
            postgres: "SELECT id FROM attempt WHERE replace(CAST(id AS TEXT), '-', '') LIKE '%' || $1 ORDER BY id LIMIT 2",
        };
        // What still waits for its place comes last.
        ENTRIES = "SELECT x.kind, x.at, x.bytes FROM (SELECT 0 AS waiting, position AS sorting, kind, at, bytes FROM evidence WHERE attempt_id = $1 UNION ALL SELECT 1 AS waiting, place AS sorting, kind, at, bytes FROM evidence_outbox WHERE attempt_id = $1) AS x ORDER BY x.waiting, x.sorting";
        TRACE = "SELECT bytes FROM trace WHERE digest = $1";
        BODY = "SELECT body FROM content WHERE attempt_id = $1";
        STATES = "SELECT p.name, t.stage, t.channel, t.state, COUNT(*) FROM attempt t JOIN account a ON a.id = t.account_id JOIN portfolio p ON p.id = a.portfolio_id GROUP BY p.name, t.stage, t.channel, t.state ORDER BY 1, 2, 3, 4";
        REASONS = "SELECT state, COALESCE(reason, ''), COUNT(*) FROM attempt WHERE reason IS NOT NULL GROUP BY state, COALESCE(reason, '') ORDER BY 1, 3 DESC, 2";
        PAYMENTS = "SELECT paid_on, amount_minor FROM payment WHERE account_id = $1 ORDER BY paid_on";
        PROMISES = "SELECT made_at, due_on, amount_minor, state FROM promise WHERE account_id = $1 ORDER BY made_at";
        DISPUTES = "SELECT id, opened_at, resolved_at, reason FROM dispute WHERE account_id = $1 ORDER BY opened_at";
        SUPPRESSIONS_OF = "SELECT s.since, s.until, s.channel, s.reason, s.lifted_at FROM suppression s WHERE s.account_id = $1 OR s.person_id = $2 OR s.address_id IN (SELECT address_id FROM contact_point WHERE person_id = $2) ORDER BY s.since";
        WISHES_OF = "SELECT since, wish, channel, withdrawn_at FROM wish WHERE person_id = $1 ORDER BY since, id";
        CALLS = "SELECT at, result, inbound FROM call_record WHERE account_id = $1 ORDER BY at";
        TASKS = "SELECT due_on, kind, stage, done_at FROM task WHERE account_id = $1 ORDER BY due_on";
        TASK_COUNTS = "SELECT kind, COUNT(*) FROM task GROUP BY kind ORDER BY kind";
        DEBTOR_REFS = {
            sqlite: "SELECT id, ref_sealed FROM person WHERE id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT id, ref_sealed FROM person WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        ALL_PAYMENTS = "SELECT p.name, a.reference, a.currency, a.debtor_id, y.id, y.sealed, y.amount_minor, y.paid_on FROM payment y JOIN account a ON a.id = y.account_id JOIN portfolio p ON p.id = a.portfolio_id WHERE NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = a.debtor_id) ORDER BY y.paid_on, y.id";
        ALL_PROMISES = "SELECT p.name, a.reference, a.currency, r.amount_minor, r.due_on, r.made_at FROM promise r JOIN account a ON a.id = r.account_id JOIN portfolio p ON p.id = a.portfolio_id WHERE NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = a.debtor_id) ORDER BY r.made_at, r.id";
        // What a ledger says of disputes travels with its accounts.
        ALL_DISPUTES = "SELECT p.name, a.reference, a.debtor_id, d.id, d.reason, d.opened_at, d.resolved_at FROM dispute d JOIN account a ON a.id = d.account_id JOIN portfolio p ON p.id = a.portfolio_id WHERE d.reason <> 'ledger' AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = a.debtor_id) ORDER BY d.opened_at, d.id";
        // What concerns a person or an address is told of the first account of whoever is concerned.
        ALL_SUPPRESSIONS = "SELECT p.name AS portfolio, a.reference, p.zone, s.since, s.until, s.channel, s.reason, d.kind, (SELECT c.id FROM contact_point c WHERE c.address_id = s.address_id AND c.sealed <> '' ORDER BY c.id LIMIT 1) AS point, d.country, r.role, m.id AS related_id, m.name FROM suppression s JOIN account a ON a.id = COALESCE(s.account_id, (SELECT x.id FROM account x WHERE x.debtor_id = s.person_id ORDER BY x.id LIMIT 1), (SELECT x.account_id FROM relation x WHERE x.person_id = s.person_id ORDER BY x.account_id LIMIT 1), (SELECT x.id FROM account x JOIN contact_point c ON c.person_id = x.debtor_id WHERE c.address_id = s.address_id ORDER BY x.id LIMIT 1)) JOIN portfolio p ON p.id = a.portfolio_id LEFT JOIN address d ON d.id = s.address_id LEFT JOIN relation r ON r.account_id = a.id AND r.person_id = s.person_id AND r.person_id <> a.debtor_id LEFT JOIN person m ON m.id = r.person_id WHERE s.lifted_at IS NULL AND s.reason <> 'open_reply' AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = a.debtor_id OR e.person_id = s.person_id) ORDER BY s.since, s.id";
        ALL_CALLS = "SELECT p.name AS portfolio, a.reference, c.at, c.result, c.inbound, d.kind, (SELECT x.id FROM contact_point x WHERE x.address_id = c.address_id AND x.sealed <> '' ORDER BY x.id LIMIT 1) AS point, d.country, r.role, m.id AS related_id, m.name FROM call_record c JOIN account a ON a.id = c.account_id JOIN portfolio p ON p.id = a.portfolio_id LEFT JOIN address d ON d.id = c.address_id LEFT JOIN relation r ON r.account_id = a.id AND r.person_id = c.person_id AND r.person_id <> a.debtor_id LEFT JOIN person m ON m.id = r.person_id WHERE NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = a.debtor_id OR e.person_id = c.person_id) ORDER BY c.at, c.id";
        ALL_CONSENTS = "SELECT p.name AS portfolio, a.reference, p.zone, c.scope, c.channel, c.given_at, c.until, c.revoked_at, r.role, m.id AS related_id, m.name FROM consent c JOIN account a ON a.id = COALESCE((SELECT x.id FROM account x WHERE x.debtor_id = c.person_id ORDER BY x.id LIMIT 1), (SELECT x.account_id FROM relation x WHERE x.person_id = c.person_id ORDER BY x.account_id LIMIT 1)) JOIN portfolio p ON p.id = a.portfolio_id LEFT JOIN relation r ON r.account_id = a.id AND r.person_id = c.person_id AND r.person_id <> a.debtor_id LEFT JOIN person m ON m.id = r.person_id WHERE NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = a.debtor_id OR e.person_id = c.person_id) ORDER BY c.given_at, c.id";
        ALL_WISHES = "SELECT p.name AS portfolio, a.reference, p.zone, c.wish, c.channel, c.since, c.until, c.withdrawn_at, r.role, m.id AS related_id, m.name FROM wish c JOIN account a ON a.id = COALESCE((SELECT x.id FROM account x WHERE x.debtor_id = c.person_id ORDER BY x.id LIMIT 1), (SELECT x.account_id FROM relation x WHERE x.person_id = c.person_id ORDER BY x.account_id LIMIT 1)) JOIN portfolio p ON p.id = a.portfolio_id LEFT JOIN relation r ON r.account_id = a.id AND r.person_id = c.person_id AND r.person_id <> a.debtor_id LEFT JOIN person m ON m.id = r.person_id WHERE NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = a.debtor_id OR e.person_id = c.person_id) ORDER BY c.since, c.id";
        SEALED_POINTS = {
            sqlite: "SELECT id, person_id, sealed FROM contact_point WHERE id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT id, person_id, sealed FROM contact_point WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        // Only the server knows; on SQLite the writer counts.
        COMMITS = {
            sqlite: "SELECT CAST(0 AS INTEGER) AS commits, CAST(0 AS INTEGER) AS syncs",
            postgres: "SELECT d.xact_commit AS commits, w.wal_sync AS syncs FROM pg_stat_database d, pg_stat_wal w WHERE d.datname = current_database()",
        };
    }
}

/// One attempt as lists show it.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    /// Which one.
    pub id: AttemptId,
    /// Portfolio name.
    pub portfolio: String,
    /// The creditor's reference of the account.
    pub reference: String,
    /// Channel.
    pub channel: String,
    /// Rung.
    pub stage: String,
    /// Step.
    pub step: String,
    /// Template, if any.
    pub template: Option<String>,
    /// Who asked.
    pub origin: String,
    /// Where it stands.
    pub state: AttemptState,
    /// Due, or held until.
    pub due_at: Moment,
    /// When the place was taken.
    pub reserved_at: Option<Moment>,
    /// When the provider answered.
    pub settled_at: Option<Moment>,
    /// Why, in a word.
    pub reason: Option<String>,
    /// The findings as JSON.
    pub findings: Option<String>,
}

/// Everything that is known about one attempt.
#[derive(Debug, Clone)]
pub struct AttemptStory {
    /// The attempt.
    pub attempt: AttemptRow,
    /// Its log entries: kind, moment, bytes.
    pub entries: Vec<(String, Moment, String)>,
    /// Findings that entries name by their hash, canonical JSON.
    pub findings: BTreeMap<String, String>,
    /// The rules that were evaluated at the last decision, canonical JSON.
    pub trace: Option<String>,
    /// What was sent or stopped, canonical JSON.
    pub body: Option<String>,
}

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When; dates are told as midnight UTC.
    pub at: Moment,
    /// What, in a word: `attempt`, `payment`, `promise`, `dispute`, `suppression`, `call`, `task`.
    pub what: &'static str,
    /// The particulars, without names or numbers.
    pub text: String,
}

/// One account with everything that happened.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// The debt.
    pub account: Account,
    /// Who owes.
    pub debtor: Person,
    /// How the debtor can be reached.
    pub contact_points: Vec<ContactPoint>,
    /// What happened, oldest first.
    pub entries: Vec<TimelineEntry>,
}

/// How much was written durably since the start of the program (SQLite) or of the server (PostgreSQL).
#[derive(Debug, Clone, Copy, Default)]
pub struct Commits {
    /// Committed transactions.
    pub commits: u64,
    /// Syncs of the write-ahead log, where the server tells.
    pub syncs: Option<u64>,
}

/// Numbers of attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By portfolio, stage, channel and state.
    pub attempts: Vec<(String, String, String, String, i64)>,
    /// Attempts by state and reason.
    pub reasons: Vec<(String, String, i64)>,
    /// Human tasks by kind.
    pub tasks: Vec<(String, i64)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    recipient_id: Uuid,
    debtor_id: Uuid,
    portfolio: String,
    reference: String,
    channel: String,
    stage: String,
    step: String,
    template: Option<String>,
    origin: String,
    state: String,
    due_at: Ts,
    reserved_at: Option<Ts>,
    settled_at: Option<Ts>,
    reason: Option<String>,
    findings: Option<String>,
}

impl Row {
    fn into_view(self, keys: &Keys) -> Result<AttemptRow, StoreError> {
        let key = shared_key(
            keys,
            (self.recipient_id, self.debtor_id),
            SealKind::Findings,
            self.id,
        );
        let findings = match (self.findings, key) {
            (Some(sealed), Some(key)) => Some(open_text(Some(key), &sealed, "list of findings")?),
            _ => None,
        };
        Ok(AttemptRow {
            id: AttemptId(self.id),
            portfolio: self.portfolio,
            reference: self.reference,
            channel: self.channel,
            stage: self.stage,
            step: self.step,
            template: self.template,
            origin: self.origin,
            state: word(&self.state, "attempt state")?,
            due_at: self.due_at.0,
            reserved_at: self.reserved_at.map(|t| t.0),
            settled_at: self.settled_at.map(|t| t.0),
            reason: self.reason,
            findings,
        })
    }
}

/// The keys of everybody whom these attempts concern.
async fn keys_of(tx: &mut Tx, rows: &[Row]) -> Result<Keys, StoreError> {
    let concerned: Vec<Uuid> = rows.iter().flat_map(|r| [r.recipient_id, r.debtor_id]).collect();
    tx.keys_of(concerned).await
}

fn midnight(on: NaiveDate) -> Moment {
    Moment::new(on.and_time(chrono::NaiveTime::MIN).and_utc())
}

impl Store {
    /// Attempts, newest first.
    pub async fn attempts(
        &self,
        state: Option<AttemptState>,
        portfolio: Option<&str>,
        limit: i64,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let mut tx = self.db.read().await?;
        let state = state.map(AttemptState::as_str);
        let rows = q!(&mut tx, sql::LIST, [state, portfolio, limit] => all Row)?;
        let keys = keys_of(&mut tx, &rows).await?;
        rows.into_iter().map(|row| row.into_view(&keys)).collect()
    }

    /// Finds an attempt by its id, or by the beginning or end of it that a person typed.
    pub async fn find_attempt(&self, typed: &str) -> Result<AttemptId, StoreError> {
        let missing = || StoreError::Missing {
            what: "attempt",
            name: typed.to_owned(),
        };
        if let Ok(id) = typed.parse() {
            return Ok(id);
        }
        let digits: String = typed.to_lowercase().chars().filter(|c| *c != '-').collect();
        if digits.len() < 4 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let mut tx = self.db.read().await?;
        let mut found = q!(&mut tx, sql::BY_PREFIX, [&digits] => all (Uuid,))?;
        if found.is_empty() {
            found = q!(&mut tx, sql::BY_SUFFIX, [&digits] => all (Uuid,))?;
        }
        match found[..] {
            [(id,)] => Ok(AttemptId(id)),
            [] => Err(missing()),
            _ => Err(StoreError::Refused(format!(
                "several attempts match `{typed}`; write more of the id"
            ))),
        }
    }

    /// The story of one attempt: its place, its log entries, the rules that were evaluated, the words.
    pub async fn story(&self, attempt: AttemptId) -> Result<AttemptStory, StoreError> {
        let mut tx = self.db.read().await?;
        let row = q!(&mut tx, sql::ONE, [attempt.0] => opt Row)?.ok_or_else(|| StoreError::Missing {
            what: "attempt",
            name: attempt.to_string(),
        })?;
        let entries = q!(&mut tx, sql::ENTRIES, [attempt.0] => all (String, Ts, String))?;
        let mut trace = None;
        let mut findings = BTreeMap::new();
        for (_, _, bytes) in entries.iter().rev() {
            let Some(Value::Object(fields)) = parse_canonical(bytes).ok() else {
                continue;
            };
            if let (None, Some(digest)) = (&trace, object_named(&fields, "trace")) {
                trace = q!(&mut tx, sql::TRACE, [digest] => opt (String,))?.map(|(t,)| t);
            }
            if let Some(digest) = object_named(&fields, "findings") {
                let name = hex::encode(&digest);
                if let Some((text,)) = q!(&mut tx, sql::TRACE, [digest] => opt (String,))? {
                    findings.insert(name, text);
                }
            }
        }
        let rows = [row];
        let keys = keys_of(&mut tx, &rows).await?;
        let [row] = rows;
        let key = shared_key(&keys, (row.recipient_id, row.debtor_id), SealKind::Body, row.id);
        let body = match (q!(&mut tx, sql::BODY, [attempt.0] => opt (Vec<u8>,))?, key) {
            (Some((sealed,)), Some(key)) => {
                let opened = key.open_committed(&sealed);
                Some(opened.map_err(|_| StoreError::Corrupt { what: "message" })?.bytes)
            }
            _ => None,
        };
        let entries = entries
            .into_iter()
            .map(|(kind, at, bytes)| (kind, at.0, bytes))
            .collect();
        Ok(AttemptStory {
            attempt: row.into_view(&keys)?,
            entries,
            findings,
            trace,
            body,
        })
    }

    /// One account with everything that happened to it.
    pub async fn timeline(&self, account: AccountId) -> Result<Timeline, StoreError> {
        let missing = || StoreError::Missing {
            what: "account",
            name: account.to_string(),
        };
        let mut tx = self.db.read().await?;
        let account = people::accounts(&mut tx, [account.0])
            .await?
            .pop()
            .ok_or_else(missing)?
            .into_account()?;
        let (mut people, mut points) = people::known(&mut tx, [account.debtor.0], self.clock.now()).await?;
        let debtor = people.remove(&account.debtor.0).ok_or_else(missing)?;
        let contact_points = points.remove(&debtor.id.0).unwrap_or_default();
        let mut entries = Vec::new();
        let mut add = |at, what, text| entries.push(TimelineEntry { at, what, text });
        let id = account.id.0;
        for row in q!(&mut tx, sql::OF_ACCOUNT, [id] => all Row)? {
            let text = format!(
                "{} {} {} {} {}",
                row.channel,
                [row.stage.as_str(), row.step.as_str()].join("/"),
                row.state,
                row.reason.as_deref().unwrap_or(""),
                hex_short(row.id)
            );
            add(row.reserved_at.unwrap_or(row.due_at).0, "attempt", text);
        }
        for (on, minor) in q!(&mut tx, sql::PAYMENTS, [id] => all (NaiveDate, i64))? {
            let amount = crate::domain::Money::new(minor, account.currency);
            add(
                midnight(on),
                "payment",
                format!("{} {}", amount.grouped(), account.currency),
            );
        }
        for (at, due, minor, state) in q!(&mut tx, sql::PROMISES, [id] => all (Ts, NaiveDate, i64, String))? {
            let amount = crate::domain::Money::new(minor, account.currency);
            add(
                at.0,
                "promise",
                format!("{} {} {due} {state}", amount.grouped(), account.currency),
            );
        }
        let keys = tx.keys_of([account.debtor.0]).await?;
        for (dispute, opened, resolved, reason) in
            q!(&mut tx, sql::DISPUTES, [id] => all (Uuid, Ts, Option<Ts>, String))?
        {
            let reason = dispute_reason(&keys, account.debtor.0, dispute, &reason)?;
            let until = resolved.map_or(String::new(), |r| format!(" .. {}", r.0));
            add(opened.0, "dispute", format!("{reason}{until}"));
        }
        type SuppressionRow = (Ts, Option<Ts>, Option<String>, String, Option<Ts>);
        for (since, _, channel, reason, lifted) in
            q!(&mut tx, sql::SUPPRESSIONS_OF, [id, debtor.id.0] => all SuppressionRow)?
        {
            let lifted = lifted.map_or(String::new(), |l| format!(" .. {}", l.0));
            add(
                since.0,
                "suppression",
                format!("{reason} {}{lifted}", channel.as_deref().unwrap_or("*")),
            );
        }
        for (at, result, inbound) in q!(&mut tx, sql::CALLS, [id] => all (Ts, String, bool))? {
            add(
                at.0,
                "call",
                format!("{result} {}", if inbound { "in" } else { "out" }),
            );
        }
        type WishRow = (Ts, String, Option<String>, Option<Ts>);
        for (since, wish, channel, withdrawn) in q!(&mut tx, sql::WISHES_OF, [debtor.id.0] => all WishRow)? {
            let withdrawn = withdrawn.map_or(String::new(), |w| format!(" .. {}", w.0));
            let channel = channel.as_deref().unwrap_or("*");
            add(since.0, "wish", format!("{wish} ({channel}){withdrawn}"));
        }
        for (on, kind, stage, done) in
            q!(&mut tx, sql::TASKS, [id] => all (NaiveDate, String, String, Option<Ts>))?
        {
            add(
                midnight(on),
                "task",
                format!("{kind} {stage} {}", if done.is_some() { "done" } else { "open" }),
            );
        }
        entries.sort_by_key(|e| e.at);
        Ok(Timeline {
            account,
            debtor,
            contact_points,
            entries,
        })
    }

    /// Numbers of attempts, with the deciding rules, and of human tasks.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let mut tx = self.db.read().await?;
        let attempts = q!(&mut tx, sql::STATES, [] => all (String, String, String, String, i64))?;
        let reasons = q!(&mut tx, sql::REASONS, [] => all (String, String, i64))?;
        let tasks = q!(&mut tx, sql::TASK_COUNTS, [] => all (String, i64))?;
        Ok(Counts {
            attempts,
            reasons,
            tasks,
        })
    }

    /// How much was written durably; for measurements.
    pub async fn commits(&self) -> Commits {
        match &*self.db {
            super::db::Db::Sqlite { writer, .. } => Commits {
                commits: writer.commits(),
                syncs: None,
            },
            super::db::Db::Postgres(..) => {
                let read = async {
                    let mut tx = self.db.read().await?;
                    Ok::<_, StoreError>(q!(&mut tx, sql::COMMITS, [] => one (i64, i64))?)
                };
                let (commits, syncs) = read.await.unwrap_or_default();
                let n = |n: i64| u64::try_from(n).unwrap_or(0);
                Commits {
                    commits: n(commits),
                    syncs: Some(n(syncs)),
                }
            }
        }
    }

    /// The creditor's own numbers of people.
    pub async fn person_references(
        &self,
        people: &[crate::domain::PersonId],
    ) -> Result<std::collections::HashMap<crate::domain::PersonId, String>, StoreError> {
        let mut tx = self.db.read().await?;
        let list = super::types::id_list(people.iter().map(|p| p.0));
        let found = q!(&mut tx, sql::DEBTOR_REFS, [list] => all (Uuid, String))?;
        let keys = tx.keys_of(found.iter().map(|(id, _)| *id)).await?;
        found
            .into_iter()
            .map(|(id, sealed)| {
                let key = own_key(&keys, id, SealKind::PersonReference, id);
                let reference = open_text(key, &sealed, "number of a person")?;
                Ok((crate::domain::PersonId(id), reference))
            })
            .collect()
    }
}

/// Why a debt is disputed; what the ledger itself says stands as that word.
pub(super) fn dispute_reason(
    keys: &Keys,
    debtor: Uuid,
    dispute: Uuid,
    kept: &str,
) -> Result<String, StoreError> {
    match kept {
        "ledger" => Ok(kept.to_owned()),
        sealed => open_text(
            own_key(keys, debtor, SealKind::Dispute, dispute),
            sealed,
            "reason of a dispute",
        ),
    }
}

/// The object that an entry names in this field by its hash.
fn object_named(fields: &BTreeMap<String, Value>, field: &str) -> Option<Vec<u8>> {
    match fields.get(field)? {
        Value::Text(digest) => hex::decode(digest).ok(),
        _ => None,
    }
}

/// The last eight digits of an id, as people type it.
fn hex_short(id: Uuid) -> String {
    let digits = id.simple().to_string();
    digits[digits.len() - 8..].to_owned()
}
