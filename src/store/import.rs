//! Taking in a ledger: people, addresses and accounts, many at a time. Taking it in again changes nothing; what an
//! import may never do is clear a suppression, resolve a dispute or reopen what was paid.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use super::bulk::{Bytes, Id, bulk, bulk_all, row};
use super::db::{Tx, q, statements};
use super::review::withdraw_waiting;
use super::seal_file::SealKeys;
use super::seals::{Keys, Seals, own_key};
use super::types::Ts;
use super::{Registry, Store, StoreError};
use crate::domain::{
    AccountId, Address, BatchId, Channel, ClaimKind, ContactUse, Currency, Instalments, Locale, PersonKind,
    PersonName, Role,
};
use crate::evidence::{Kind, SealKind};

pub(super) mod sql {
    super::statements! {
        BEGIN = "INSERT INTO import_batch (id, kind, file_name, file_digest, state, created, changed, unchanged, rejected, at) VALUES ($1, $2, $3, $4, 'open', 0, 0, 0, 0, $5)";
        END = "UPDATE import_batch SET state = 'done', created = $1, changed = $2, unchanged = $3, rejected = $4 WHERE id = $5";
        BATCHES = "SELECT id, kind, file_name, state, created, changed, unchanged, rejected, at FROM import_batch ORDER BY at DESC, id DESC LIMIT $1";
        BATCH_STATE = "SELECT kind, state FROM import_batch WHERE id = $1";
        UNDONE = "UPDATE import_batch SET state = 'undone' WHERE id = $1";
        KNOWN_PEOPLE = bulk super::PersonKey<'static> => "SELECT p.id, p.creditor_id, p.ref, k.master, k.wrapped FROM {batch} AS r JOIN person p ON p.creditor_id = r.creditor_id AND p.ref = r.reference LEFT JOIN person_key k ON k.person_id = p.id";
        ANY_ERASED = "SELECT COUNT(*) FROM (SELECT 1 FROM erasure LIMIT 1) AS e";
        ERASED_PEOPLE = bulk super::PersonKey<'static> => "SELECT p.creditor_id, p.ref FROM {batch} AS r JOIN person p ON p.creditor_id = r.creditor_id AND p.ref = r.reference JOIN erasure e ON e.person_id = p.id";
        KNOWN_ACCOUNTS = bulk super::AccountKey<'static> => "SELECT a.id, a.portfolio_id, a.reference, a.row_digest, a.state, a.disputed FROM {batch} AS r JOIN account a ON a.portfolio_id = r.portfolio_id AND a.reference = r.reference";
        PUT_ADDRESSES = bulk super::AddressInsert => "INSERT INTO address (id, kind, normal, country) SELECT id, kind, normal, country FROM {batch} AS r WHERE TRUE ORDER BY normal, kind ON CONFLICT (normal, kind) DO NOTHING";
        KNOWN_ADDRESSES = bulk super::AddressInsert => "SELECT a.id, a.kind, a.normal FROM {batch} AS r JOIN address a ON a.normal = r.normal AND a.kind = r.kind";
        PUT_PEOPLE = bulk super::PersonInsert<'static> => "INSERT INTO person (id, creditor_id, ref, ref_sealed, kind, name, locale, country, region, postal_code, zone, zone_until, deceased, minor, batch_id, revision) SELECT id, creditor_id, reference, ref_sealed, kind, name, locale, country, region, postal_code, zone, zone_until, FALSE, FALSE, batch_id, 1 FROM {batch} AS r WHERE TRUE ORDER BY id ON CONFLICT (creditor_id, ref) DO UPDATE SET ref_sealed = excluded.ref_sealed, kind = excluded.kind, name = excluded.name, locale = excluded.locale, country = COALESCE(excluded.country, person.country), region = COALESCE(excluded.region, person.region), postal_code = COALESCE(excluded.postal_code, person.postal_code), zone = COALESCE(excluded.zone, person.zone), zone_until = CASE WHEN excluded.zone IS NULL THEN person.zone_until ELSE excluded.zone_until END, revision = person.revision + 1";
        // A contact point that is there keeps its state: an import revives no dead address.
        PUT_CONTACTS = bulk super::ContactInsert => "INSERT INTO contact_point (id, person_id, address_id, usage, zone, usable, sealed) SELECT id, person_id, address_id, usage, NULL, TRUE, sealed FROM {batch} AS r WHERE TRUE ORDER BY person_id, address_id ON CONFLICT (person_id, address_id) DO NOTHING";
        // What was settled, closed or disputed here stays so: the ledger may only add to it.
        PUT_ACCOUNTS = bulk super::AccountInsert<'static> => "INSERT INTO account (id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, legal_action_approved, preferred, state, disputed, promised_until, next_step_on, batch_id, row_digest, revision) SELECT id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, FALSE, preferred, state, disputed, NULL, next_step_on, batch_id, row_digest, 1 FROM {batch} AS r WHERE TRUE ORDER BY id ON CONFLICT (portfolio_id, reference) DO UPDATE SET debtor_id = excluded.debtor_id, claim = excluded.claim, currency = excluded.currency, amount_minor = excluded.amount_minor, balance_minor = excluded.balance_minor, issued_on = excluded.issued_on, due_on = excluded.due_on, instalments_overdue = excluded.instalments_overdue, instalment_minor = excluded.instalment_minor, confirmed = excluded.confirmed, observation = excluded.observation, preferred = excluded.preferred, state = CASE WHEN account.state = 'open' OR account.batch_id IS NULL THEN excluded.state ELSE account.state END, disputed = account.disputed OR excluded.disputed, next_step_on = CASE WHEN (CASE WHEN account.state = 'open' OR account.batch_id IS NULL THEN excluded.state ELSE account.state END) = 'open' THEN excluded.next_step_on END, batch_id = COALESCE(account.batch_id, excluded.batch_id), row_digest = excluded.row_digest, revision = account.revision + 1";
        PUT_DISPUTES = bulk super::DisputeInsert => "INSERT INTO dispute (id, account_id, reason, opened_at, resolved_at) SELECT id, account_id, 'ledger', at, NULL FROM {batch} AS r";
        PUT_RELATIONS = bulk super::Pair => "INSERT INTO relation (account_id, person_id, role) SELECT account_id, person_id, role FROM {batch} AS r WHERE TRUE ORDER BY account_id, person_id ON CONFLICT (account_id, person_id) DO UPDATE SET role = excluded.role";
        IDS_OF_BATCH = "SELECT id FROM account WHERE batch_id = $1";
        // One import writes at a time: two that bring the same new people or accounts would else give them two ids.
        // On SQLite the writer is the lock.
        ONE_AT_A_TIME = {
            sqlite: "SELECT one FROM registry WHERE one = 1",
            postgres: "SELECT one FROM registry WHERE one = 1 FOR NO KEY UPDATE",
        };
        // Accounts of a batch, and whether anything went out about them or happened to them.
        OF_BATCH = "SELECT a.id, a.reference, EXISTS (SELECT 1 FROM touch t WHERE t.account_id = a.id) AS contacted, (EXISTS (SELECT 1 FROM event_seen e WHERE e.account_id = a.id) OR EXISTS (SELECT 1 FROM payment y WHERE y.account_id = a.id) OR EXISTS (SELECT 1 FROM promise r WHERE r.account_id = a.id) OR EXISTS (SELECT 1 FROM dispute d WHERE d.account_id = a.id AND d.reason <> 'ledger') OR EXISTS (SELECT 1 FROM suppression s WHERE s.account_id = a.id) OR EXISTS (SELECT 1 FROM call_record c WHERE c.account_id = a.id)) AS happened FROM account a WHERE a.batch_id = $1 ORDER BY a.id";
        // A closed account without a batch may be taken in anew.
        TAKE_BACK = {
            sqlite: "UPDATE account SET state = 'closed', next_step_on = NULL, batch_id = NULL, row_digest = NULL, revision = revision + 1 WHERE id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "UPDATE account SET state = 'closed', next_step_on = NULL, batch_id = NULL, row_digest = NULL, revision = revision + 1 WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        RECENT_BATCH = "SELECT id FROM import_batch WHERE file_digest = $1 AND kind = $2 AND state = 'done' ORDER BY at DESC LIMIT 1";
    }
}

/// What a batch brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// Accounts with debtors and contact points.
    Accounts,
    /// What happened to accounts.
    Events,
}

impl BatchKind {
    fn as_str(self) -> &'static str {
        match self {
            BatchKind::Accounts => "accounts",
            BatchKind::Events => "events",
        }
    }
}

/// How to reach somebody.
#[derive(Debug, Clone)]
pub struct NewContact {
    /// Where.
    pub address: Address,
    /// Own, home, shared, workplace, office.
    pub usage: ContactUse,
}

/// A debtor or related person of a ledger.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The creditor's own number of the person.
    pub reference: String,
    /// Natural or legal.
    pub kind: PersonKind,
    /// Name.
    pub name: PersonName,
    /// Language to write in.
    pub locale: Locale,
    /// ISO country.
    pub country: Option<String>,
    /// State or province.
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Stated time zone.
    pub zone: Option<chrono_tz::Tz>,
    /// The last day on which the stated zone holds.
    pub zone_until: Option<NaiveDate>,
    /// Ways to reach the person.
    pub contacts: Vec<NewContact>,
}

/// One account of a ledger.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Portfolio by name.
    pub portfolio: String,
    /// The creditor's reference.
    pub reference: String,
    /// Who owes.
    pub debtor: NewPerson,
    /// What others are to the debt.
    pub related: Vec<(Role, NewPerson)>,
    /// What it arose from.
    pub claim: ClaimKind,
    /// Currency.
    pub currency: Currency,
    /// As first claimed.
    pub amount_minor: i64,
    /// Still owed.
    pub balance_minor: i64,
    /// Invoice or contract date.
    pub issued_on: Option<NaiveDate>,
    /// Due date.
    pub due_on: NaiveDate,
    /// Instalment plan.
    pub instalments: Option<Instalments>,
    /// Statement confirmed by the debtor.
    pub confirmed: bool,
    /// Observation level.
    pub observation: bool,
    /// The debtor disputes it.
    pub disputed: bool,
    /// Paid.
    pub settled: bool,
    /// Agreed channel.
    pub preferred: Option<Channel>,
    /// Fingerprint of the source row.
    pub digest: [u8; 32],
}

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    /// A new account.
    Created,
    /// The ledger says something new about a known account.
    Changed,
    /// As it was.
    Unchanged,
    /// There is no such portfolio.
    NoPortfolio,
    /// The debtor was erased; nothing about that person is taken in again.
    Erased,
}

/// The counts of a finished import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// New.
    pub created: u64,
    /// Changed.
    pub changed: u64,
    /// As they were.
    pub unchanged: u64,
    /// Refused rows.
    pub rejected: u64,
}

/// What taking back a batch did.
#[derive(Debug, Clone, Default)]
pub struct Undone {
    /// Accounts that were taken back.
    pub taken_back: u64,
    /// References of accounts that stay, because somebody was contacted or something happened.
    pub kept: Vec<String>,
    /// Waiting attempts that were withdrawn.
    pub withdrawn: u64,
}

row! {
    struct AccountKey<'a> {
        portfolio_id: Id,
        reference: &'a str,
    }
}

row! {
    struct PersonKey<'a> {
        creditor_id: Id,
        reference: &'a str,
    }
}

row! {
    struct DisputeInsert {
        id: Id,
        account_id: Id,
        at: Ts,
    }
}

row! {
    struct PersonInsert<'a> {
        id: Id,
        creditor_id: Id,
        reference: String,
        ref_sealed: String,
        kind: &'static str,
        name: String,
        locale: &'static str,
        country: Option<&'a str>,
        region: Option<&'a str>,
        postal_code: Option<String>,
        zone: Option<&'static str>,
        zone_until: Option<NaiveDate>,
        batch_id: Id,
    }
}

row! {
    struct AddressInsert {
        id: Id,
        kind: &'static str,
        normal: String,
        country: Option<String>,
    }
}

row! {
    struct ContactInsert {
        id: Id,
        person_id: Id,
        address_id: Id,
        usage: &'static str,
        sealed: String,
    }
}

row! {
    struct AccountInsert<'a> {
        id: Id,
        portfolio_id: Id,
        debtor_id: Id,
        reference: &'a str,
        claim: &'static str,
        currency: String,
        amount_minor: i64,
        balance_minor: i64,
        issued_on: Option<NaiveDate>,
        due_on: NaiveDate,
        instalments_overdue: Option<u32>,
        instalment_minor: Option<i64>,
        confirmed: bool,
        observation: bool,
        preferred: Option<&'static str>,
        state: &'static str,
        disputed: bool,
        next_step_on: Option<NaiveDate>,
        batch_id: Id,
        row_digest: Bytes,
    }
}

row! {
    struct Pair {
        account_id: Id,
        person_id: Id,
        role: &'static str,
    }
}

struct KnownAccount {
    id: Uuid,
    digest: Option<Vec<u8>>,
    state: String,
    disputed: bool,
}

impl Store {
    /// Begins an import batch.
    pub async fn begin_import(
        &self,
        kind: BatchKind,
        file_name: &str,
        file_digest: [u8; 32],
    ) -> Result<BatchId, StoreError> {
        let (clock, file_name) = (self.clock.clone(), file_name.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let id = clock.fresh();
                let now = Ts(clock.now());
                q!(&mut *tx, sql::BEGIN, [id, kind.as_str(), file_name, file_digest.to_vec(), now] => rows)?;
                Ok(BatchId(id))
            })
        })
        .await
    }

    /// The batch that took in the same file before, if any.
    pub async fn same_file(
        &self,
        kind: BatchKind,
        file_digest: [u8; 32],
    ) -> Result<Option<BatchId>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::RECENT_BATCH, [file_digest.to_vec(), kind.as_str()] => opt (Uuid,))?;
        Ok(found.map(|(id,)| BatchId(id)))
    }

    /// Takes in accounts, many in one transaction. Durable when it returns; one outcome for each row.
    pub async fn import_accounts(
        &self,
        batch: BatchId,
        accounts: Vec<NewAccount>,
    ) -> Result<Vec<RowOutcome>, StoreError> {
        let (clock, registry) = (self.clock.clone(), self.registry().await?);
        self.write(move |tx| {
            Box::pin(async move {
                Importing {
                    clock: &*clock,
                    registry: &registry,
                    batch,
                }
                .run(tx, accounts)
                .await
            })
        })
        .await
    }

    /// What importing these accounts would do, without doing it.
    pub async fn import_preview(&self, accounts: &[NewAccount]) -> Result<Vec<RowOutcome>, StoreError> {
        let registry = self.registry().await?;
        let mut tx = self.db.read().await?;
        let known = Stock::read(&mut tx, &registry, accounts).await?;
        let mut seen = HashMap::new();
        Ok(accounts
            .iter()
            .map(|a| known.outcome(a, &registry, &mut seen))
            .collect())
    }

    /// Ends a batch with its counts; appends the evidence.
    pub async fn end_import(&self, batch: BatchId, counts: ImportCounts) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let n = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
                q!(&mut *tx, sql::END, [n(counts.created), n(counts.changed), n(counts.unchanged), n(counts.rejected),
                    batch.0] => rows)?;
                let entry = super::log::entry(&*clock, Kind::ImportAccepted, clock.now())
                    .with("batch", batch.to_string())
                    .with("created", n(counts.created))
                    .with("changed", n(counts.changed))
                    .with("unchanged", n(counts.unchanged))
                    .with("rejected", n(counts.rejected));
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }

    /// Takes back what a batch brought and nobody was contacted about. Waiting attempts are withdrawn.
    pub async fn undo_import(&self, batch: BatchId) -> Result<Undone, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let found = q!(&mut *tx, sql::BATCH_STATE, [batch.0] => opt (String, String))?;
                match found {
                    None => {
                        return Err(StoreError::Missing {
                            what: "import batch",
                            name: batch.to_string(),
                        });
                    }
                    Some((kind, _)) if kind != "accounts" => {
                        return Err(StoreError::Refused(
                            "only a batch of accounts can be taken back".into(),
                        ));
                    }
                    Some((_, state)) if state == "undone" => {
                        return Err(StoreError::Refused("the batch was taken back before".into()));
                    }
                    Some(_) => {}
                }
                let brought = q!(&mut *tx, sql::IDS_OF_BATCH, [batch.0] => all (Uuid,))?;
                super::decide::lock_accounts(tx, brought.into_iter().map(|(id,)| id)).await?;
                let rows = q!(&mut *tx, sql::OF_BATCH, [batch.0] => all (Uuid, String, bool, bool))?;
                let mut undone = Undone::default();
                let mut back = Vec::new();
                for (id, reference, contacted, happened) in rows {
                    if contacted || happened {
                        undone.kept.push(reference)
                    } else {
                        back.push(id)
                    }
                }
                undone.withdrawn = withdraw_waiting(tx, &*clock, &back, None, "import_undone").await?;
                undone.taken_back = back.len() as u64;
                q!(&mut *tx, sql::TAKE_BACK, [super::types::id_list(back)] => rows)?;
                q!(&mut *tx, sql::UNDONE, [batch.0] => rows)?;
                let entry = super::log::entry(&*clock, Kind::ImportUndone, clock.now())
                    .with("batch", batch.to_string())
                    .with("taken_back", i64::try_from(undone.taken_back).unwrap_or(i64::MAX))
                    .with("kept", i64::try_from(undone.kept.len()).unwrap_or(i64::MAX));
                super::log::append(tx, &[entry.seal()]).await?;
                Ok(undone)
            })
        })
        .await
    }
}

/// What is known of the accounts and people of a file.
struct Stock {
    keys: std::sync::Arc<SealKeys>,
    accounts: HashMap<(Uuid, String), KnownAccount>,
    /// People who were erased, by creditor and keyed hash.
    erased: BTreeSet<(Uuid, String)>,
}

impl Stock {
    async fn read(tx: &mut Tx, registry: &Registry, accounts: &[NewAccount]) -> Result<Stock, StoreError> {
        Ok(Stock {
            keys: tx.seals().keys()?,
            accounts: known_accounts(tx, registry, accounts).await?,
            erased: erased_people(tx, registry, accounts).await?,
        })
    }

    /// The fingerprint of a row as it is kept: keyed, since a row could be guessed from a bare one.
    fn fingerprint(&self, account: &NewAccount) -> [u8; 32] {
        self.keys.lookup.hash("row", &account.digest)
    }

    fn is_erased(&self, creditor: Uuid, reference: &str) -> bool {
        !self.erased.is_empty()
            && self
                .erased
                .contains(&(creditor, person_hash(&self.keys, reference)))
    }

    /// What a row will do, given what is known and what earlier rows of the same file have done.
    fn outcome<'a>(
        &self,
        account: &'a NewAccount,
        registry: &Registry,
        seen: &mut HashMap<(Uuid, &'a str), [u8; 32]>,
    ) -> RowOutcome {
        let Some(desk) = registry.by_name(&account.portfolio) else {
            return RowOutcome::NoPortfolio;
        };
        if self.is_erased(desk.creditor.id.0, &account.debtor.reference) {
            return RowOutcome::Erased;
        }
        let portfolio = desk.portfolio.id.0;
        let before = seen.insert((portfolio, &account.reference), account.digest);
        if let Some(before) = before {
            return if before == account.digest {
                RowOutcome::Unchanged
            } else {
                RowOutcome::Changed
            };
        }
        match self.accounts.get(&(portfolio, account.reference.clone())) {
            None => RowOutcome::Created,
            Some(k) if k.digest.is_none() => RowOutcome::Created,
            Some(k) if k.digest.as_deref() == Some(&self.fingerprint(account)) => RowOutcome::Unchanged,
            Some(_) => RowOutcome::Changed,
        }
    }
}

/// The keyed hash by which a person is found: the creditor's own number.
pub(super) fn person_hash(keys: &SealKeys, reference: &str) -> String {
    keys.lookup.text("person.ref", reference)
}

/// Which people of a file were erased, by creditor and keyed hash.
async fn erased_people(
    tx: &mut Tx,
    registry: &Registry,
    accounts: &[NewAccount],
) -> Result<BTreeSet<(Uuid, String)>, StoreError> {
    let (any,) = q!(&mut *tx, sql::ANY_ERASED, [] => one (i64,))?;
    if any == 0 {
        return Ok(BTreeSet::new());
    }
    let keys = tx.seals().keys()?;
    let mut hashes = BTreeSet::new();
    for account in accounts {
        if let Some(desk) = registry.by_name(&account.portfolio) {
            let everybody = account.related.iter().map(|(_, p)| p).chain([&account.debtor]);
            hashes.extend(everybody.map(|p| (desk.creditor.id.0, person_hash(&keys, &p.reference))));
        }
    }
    let wanted: Vec<_> = hashes
        .iter()
        .map(|(creditor, hash)| PersonKey {
            creditor_id: Id(*creditor),
            reference: hash,
        })
        .collect();
    let found = bulk_all::<_, (Uuid, String)>(tx, &sql::ERASED_PEOPLE, &wanted).await?;
    Ok(found.into_iter().collect())
}

async fn known_accounts(
    tx: &mut Tx,
    registry: &Registry,
    accounts: &[NewAccount],
) -> Result<HashMap<(Uuid, String), KnownAccount>, StoreError> {
    let keys: Vec<_> = accounts
        .iter()
        .filter_map(|a| {
            let desk = registry.by_name(&a.portfolio)?;
            Some(AccountKey {
                portfolio_id: Id(desk.portfolio.id.0),
                reference: &a.reference,
            })
        })
        .collect();
    type Row = (Uuid, Uuid, String, Option<Vec<u8>>, String, bool);
    let found = bulk_all::<_, Row>(tx, &sql::KNOWN_ACCOUNTS, &keys).await?;
    Ok(found
        .into_iter()
        .map(|(id, portfolio, reference, digest, state, disputed)| {
            (
                (portfolio, reference),
                KnownAccount {
                    id,
                    digest,
                    state,
                    disputed,
                },
            )
        })
        .collect())
}

/// Everybody a file tells of, by creditor and number, with their keys.
struct People {
    ids: HashMap<(Uuid, String), Uuid>,
    keys: Keys,
}

/// One transaction of an import.
struct Importing<'a> {
    clock: &'a dyn crate::clock::Clock,
    registry: &'a Registry,
    batch: BatchId,
}

impl Importing<'_> {
    async fn run(&self, tx: &mut Tx, accounts: Vec<NewAccount>) -> Result<Vec<RowOutcome>, StoreError> {
        q!(&mut *tx, sql::ONE_AT_A_TIME, [] => one (i64,))?;
        let known = Stock::read(tx, self.registry, &accounts).await?;
        let mut seen = HashMap::new();
        let outcomes: Vec<_> = accounts
            .iter()
            .map(|a| known.outcome(a, self.registry, &mut seen))
            .collect();
        // Of several rows about one account the last counts.
        let mut fresh: BTreeMap<(Uuid, &str), &NewAccount> = BTreeMap::new();
        for (account, outcome) in accounts.iter().zip(&outcomes) {
            if let (Some(desk), RowOutcome::Created | RowOutcome::Changed) =
                (self.registry.by_name(&account.portfolio), outcome)
            {
                fresh.insert((desk.portfolio.id.0, &account.reference), account);
            }
        }
        if fresh.is_empty() {
            return Ok(outcomes);
        }
        let people = self.people(tx, fresh.values().copied(), &known).await?;
        self.contacts(tx, fresh.values().copied(), &people).await?;
        self.accounts(tx, &fresh, &known, &people).await?;
        // In the transaction of the step: whatever is here after a crash has its entry.
        let n = |wanted| i64::try_from(outcomes.iter().filter(|o| **o == wanted).count()).unwrap_or(i64::MAX);
        let entry = super::log::entry(self.clock, Kind::ImportAccepted, self.clock.now())
            .with("batch", self.batch.to_string())
            .with("part", true)
            .with("created", n(RowOutcome::Created))
            .with("changed", n(RowOutcome::Changed));
        super::log::append(tx, &[entry.seal()]).await?;
        Ok(outcomes)
    }

    fn creditor(&self, account: &NewAccount) -> Uuid {
        self.registry
            .by_name(&account.portfolio)
            .map_or(Uuid::nil(), |d| d.creditor.id.0)
    }

    async fn people<'b>(
        &self,
        tx: &mut Tx,
        accounts: impl Iterator<Item = &'b NewAccount>,
        stock: &Stock,
    ) -> Result<People, StoreError> {
        let mut people: BTreeMap<(Uuid, String), &NewPerson> = BTreeMap::new();
        let mut add = |creditor: Uuid, person: &'b NewPerson| {
            let hash = person_hash(&stock.keys, &person.reference);
            if !stock.erased.contains(&(creditor, hash.clone())) {
                people.insert((creditor, hash), person);
            }
        };
        for account in accounts {
            let creditor = self.creditor(account);
            for (_, person) in &account.related {
                add(creditor, person);
            }
            add(creditor, &account.debtor);
        }
        let wanted: Vec<_> = people
            .keys()
            .map(|(creditor, hash)| PersonKey {
                creditor_id: Id(*creditor),
                reference: hash,
            })
            .collect();
        type Known = (Uuid, Uuid, String, Option<String>, Option<Vec<u8>>);
        let seals = tx.seals().clone();
        let (mut found, mut keys) = (HashMap::new(), Keys::new());
        for (id, creditor, hash, master, wrapped) in
            bulk_all::<_, Known>(tx, &sql::KNOWN_PEOPLE, &wanted).await?
        {
            if let (Some(master), Some(wrapped)) = (master, wrapped)
                && let Some(key) = seals.unwrap(id, &master, &wrapped)?
            {
                keys.insert(id, key);
            }
            found.insert((creditor, hash), id);
        }
        if found.len() < people.len() {
            tx.hold_masters().await?;
        }
        let (mut batch, mut fresh) = (Vec::with_capacity(people.len()), Vec::new());
        let mut ids = HashMap::with_capacity(people.len());
        for ((creditor, hash), person) in people {
            let id = found
                .remove(&(creditor, hash.clone()))
                .unwrap_or_else(|| self.clock.fresh());
            if let std::collections::hash_map::Entry::Vacant(slot) = keys.entry(id) {
                let (key, row) = seals.make(id)?;
                slot.insert(key);
                fresh.push(row);
            }
            batch.push(self.sealed_person(&seals, &keys, (id, creditor, hash), person));
            ids.insert((creditor, person.reference.clone()), id);
        }
        bulk(tx, &sql::PUT_PEOPLE, &batch).await?;
        super::seals::put_keys(tx, &fresh).await?;
        Ok(People { ids, keys })
    }

    fn sealed_person<'b>(
        &self,
        seals: &Seals,
        keys: &Keys,
        (id, creditor, hash): (Uuid, Uuid, String),
        person: &'b NewPerson,
    ) -> PersonInsert<'b> {
        let seal = |kind, text: &str| {
            own_key(keys, id, kind, id)
                .map(|key| key.seal_text(seals.nonce(), text))
                .unwrap_or_default()
        };
        PersonInsert {
            id: Id(id),
            creditor_id: Id(creditor),
            reference: hash,
            ref_sealed: seal(SealKind::PersonReference, &person.reference),
            kind: person.kind.as_str(),
            name: seal(SealKind::Name, person.name.as_str()),
            locale: person.locale.as_str(),
            country: person.country.as_deref(),
            region: person.region.as_deref(),
            postal_code: person
                .postal_code
                .as_deref()
                .map(|c| seal(SealKind::PostalCode, c)),
            zone: person.zone.map(|z| z.name()),
            zone_until: person.zone_until,
            batch_id: Id(self.batch.0),
        }
    }

    async fn contacts<'b>(
        &self,
        tx: &mut Tx,
        accounts: impl Iterator<Item = &'b NewAccount>,
        people: &People,
    ) -> Result<(), StoreError> {
        let seals = tx.seals().clone();
        let mut wanted: Vec<(Uuid, &'static str, String, &NewContact)> = Vec::new();
        let mut addresses: BTreeMap<(String, &'static str), Option<String>> = BTreeMap::new();
        for account in accounts {
            let creditor = self.creditor(account);
            let everybody = account.related.iter().map(|(_, p)| p).chain([&account.debtor]);
            for person in everybody {
                let Some(id) = people.ids.get(&(creditor, person.reference.clone())) else {
                    continue;
                };
                for contact in &person.contacts {
                    let kind = contact.address.kind().as_str();
                    let hash = super::people::address_hash(&seals, kind, &contact.address.normal())?;
                    let country = match &contact.address {
                        Address::Phone(p) => p.region().map(str::to_owned),
                        Address::Postal(p) => Some(p.country.clone()),
                        Address::Email(_) => None,
                    };
                    addresses.insert((hash.clone(), kind), country);
                    wanted.push((*id, kind, hash, contact));
                }
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let batch: Vec<_> = addresses
            .into_iter()
            .map(|((normal, kind), country)| AddressInsert {
                id: Id(self.clock.fresh()),
                kind,
                normal,
                country,
            })
            .collect();
        bulk(tx, &sql::PUT_ADDRESSES, &batch).await?;
        let known: HashMap<(String, String), Uuid> =
            bulk_all::<_, (Uuid, String, String)>(tx, &sql::KNOWN_ADDRESSES, &batch)
                .await?
                .into_iter()
                .map(|(id, kind, normal)| ((kind, normal), id))
                .collect();
        let points: Vec<_> = wanted
            .into_iter()
            .filter_map(|(person, kind, hash, contact)| {
                let address = known.get(&(kind.to_owned(), hash))?;
                let id = self.clock.fresh();
                let key = own_key(&people.keys, person, SealKind::Address, id)?;
                Some(ContactInsert {
                    id: Id(id),
                    person_id: Id(person),
                    address_id: Id(*address),
                    usage: contact.usage.as_str(),
                    sealed: key.seal_text(seals.nonce(), &contact.address.normal()),
                })
            })
            .collect();
        bulk(tx, &sql::PUT_CONTACTS, &points).await?;
        Ok(())
    }

    async fn accounts(
        &self,
        tx: &mut Tx,
        fresh: &BTreeMap<(Uuid, &str), &NewAccount>,
        known: &Stock,
        people: &People,
    ) -> Result<(), StoreError> {
        let (mut inserts, mut disputes, mut relations, mut stop) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let look_on = (self.clock.now() - TimeDelta::days(1)).utc().date_naive();
        for ((portfolio, reference), account) in fresh {
            let before = known.accounts.get(&(*portfolio, (*reference).to_owned()));
            let id = before.map_or_else(|| self.clock.fresh(), |k| k.id);
            let creditor = self.creditor(account);
            let debtor = people.ids[&(creditor, account.debtor.reference.clone())];
            let open = !account.settled && account.balance_minor > 0;
            if account.disputed && !before.is_some_and(|k| k.disputed) {
                disputes.push(DisputeInsert {
                    id: Id(self.clock.fresh()),
                    account_id: Id(id),
                    at: Ts(self.clock.now()),
                });
            }
            if before.is_some_and(|k| k.state == "open") && (account.disputed || !open) {
                stop.push((id, if open { "disputed" } else { "paid" }));
            }
            for (role, person) in &account.related {
                // Somebody who was erased is not brought back by being related.
                if let Some(person) = people.ids.get(&(creditor, person.reference.clone())) {
                    relations.push(Pair {
                        account_id: Id(id),
                        person_id: Id(*person),
                        role: role.as_str(),
                    });
                }
            }
            inserts.push(AccountInsert {
                id: Id(id),
                portfolio_id: Id(*portfolio),
                debtor_id: Id(debtor),
                reference,
                claim: account.claim.as_str(),
                currency: account.currency.code().to_owned(),
                amount_minor: account.amount_minor,
                balance_minor: account.balance_minor,
                issued_on: account.issued_on,
                due_on: account.due_on,
                instalments_overdue: account.instalments.map(|i| i.overdue),
                instalment_minor: account.instalments.map(|i| i.amount_minor),
                confirmed: account.confirmed,
                observation: account.observation,
                preferred: account.preferred.map(Channel::as_str),
                state: if open { "open" } else { "settled" },
                disputed: account.disputed,
                // The planner looks at every new account once and then knows when to look again.
                next_step_on: open.then_some(look_on),
                batch_id: Id(self.batch.0),
                row_digest: Bytes(known.fingerprint(account).to_vec()),
            });
        }
        bulk(tx, &sql::PUT_ACCOUNTS, &inserts).await?;
        if !disputes.is_empty() {
            bulk(tx, &sql::PUT_DISPUTES, &disputes).await?;
        }
        if !relations.is_empty() {
            bulk(tx, &sql::PUT_RELATIONS, &relations).await?;
        }
        for (id, reason) in stop {
            withdraw_waiting(tx, self.clock, &[id], None, reason).await?;
        }
        Ok(())
    }
}

/// An import batch as lists show it.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Which one.
    pub id: BatchId,
    /// `accounts` or `events`.
    pub kind: String,
    /// File name without folder.
    pub file_name: String,
    /// `open`, `done` or `undone`.
    pub state: String,
    /// Counts.
    pub counts: ImportCounts,
    /// When.
    pub at: crate::domain::Moment,
}

impl Store {
    /// The latest import batches.
    pub async fn batches(&self, limit: i64) -> Result<Vec<Batch>, StoreError> {
        type Row = (Uuid, String, String, String, i64, i64, i64, i64, Ts);
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::BATCHES, [limit] => all Row)?;
        let n = |n: i64| u64::try_from(n).unwrap_or(0);
        Ok(found
            .into_iter()
            .map(
                |(id, kind, file_name, state, created, changed, unchanged, rejected, at)| Batch {
                    id: BatchId(id),
                    kind,
                    file_name,
                    state,
                    counts: ImportCounts {
                        created: n(created),
                        changed: n(changed),
                        unchanged: n(unchanged),
                        rejected: n(rejected),
                    },
                    at: at.0,
                },
            )
            .collect())
    }

    /// The account of that reference in that portfolio.
    pub async fn account_id(
        &self,
        portfolio: Option<&str>,
        reference: &str,
    ) -> Result<AccountId, StoreError> {
        let mut tx = self.db.read().await?;
        let found = match portfolio {
            Some(p) => q!(&mut tx, super::events::sql::FIND, [p, reference] => all (Uuid,))?,
            None => q!(&mut tx, super::events::sql::FIND_ANYWHERE, [reference] => all (Uuid,))?,
        };
        match found[..] {
            [(id,)] => Ok(AccountId(id)),
            [] => Err(StoreError::Missing {
                what: "account",
                name: reference.to_owned(),
            }),
            _ => Err(StoreError::Refused(format!(
                "several portfolios have an account `{reference}`; name the portfolio"
            ))),
        }
    }
}
