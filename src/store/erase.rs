//! Erasing people: their keys are overwritten where they stand, what was known in the clear goes, the log stays whole.
//! Legal holds beat it.

use uuid::Uuid;

use super::db::{Db, Tx, q, statements};
use super::review::withdraw;
use super::seal_file::KeySource;
use super::seals::ERASED;
use super::types::{Ts, hex_id, id_list};
use super::{Store, StoreError};
use crate::domain::{AccountId, AccountState, Moment, PersonId};
use crate::evidence::{Kind, WRAPPED_BYTES};

pub(super) mod sql {
    super::statements! {
        KNOWN = "SELECT id FROM person WHERE id = $1";
        PERSON_BY_REF = "SELECT id FROM person WHERE ref = $1 ORDER BY id";
        RELATED_TO = "SELECT person_id FROM relation WHERE account_id = $1 ORDER BY person_id";
        ERASED_AT = "SELECT at FROM erasure WHERE person_id = $1";
        EVERY_ERASED = "SELECT person_id FROM erasure ORDER BY person_id";
        DEBTS_OF = "SELECT a.id, a.reference, a.state, (a.debtor_id = $1) AS owes FROM account a WHERE a.debtor_id = $1 OR a.id IN (SELECT r.account_id FROM relation r WHERE r.person_id = $1) ORDER BY a.id";
        HOLDS_ON = {
            sqlite: "SELECT basis, set_at FROM legal_hold WHERE lifted_at IS NULL AND (person_id = $1 OR account_id IN (SELECT unhex(value) FROM json_each($2))) ORDER BY set_at",
            postgres: "SELECT basis, set_at FROM legal_hold WHERE lifted_at IS NULL AND (person_id = $1 OR account_id IN (SELECT CAST(jsonb_array_elements_text(CAST($2 AS JSONB)) AS UUID))) ORDER BY set_at",
        };
        IN_FLIGHT = "SELECT COUNT(*) FROM attempt t JOIN account a ON a.id = t.account_id WHERE (t.recipient_id = $1 OR a.debtor_id = $1) AND t.state = 'reserved'";
        OVERWRITE_KEY = "UPDATE person_key SET wrapped = $1 WHERE person_id = $2";
        DROP_CONTENT = "DELETE FROM content WHERE attempt_id IN (SELECT t.id FROM attempt t JOIN account a ON a.id = t.account_id WHERE t.recipient_id = $1 OR a.debtor_id = $1)";
        DROP_DECISIONS = "DELETE FROM decision WHERE attempt_id IN (SELECT t.id FROM attempt t JOIN account a ON a.id = t.account_id WHERE t.recipient_id = $1 OR a.debtor_id = $1)";
        CLEAR_ATTEMPTS = "UPDATE attempt SET own_subject = NULL, own_text = CASE WHEN own_text IS NULL THEN NULL ELSE 'erased' END, findings = NULL WHERE id IN (SELECT t.id FROM attempt t JOIN account a ON a.id = t.account_id WHERE t.recipient_id = $1 OR a.debtor_id = $1)";
        CLEAR_PERSON = "UPDATE person SET name = 'erased', ref_sealed = '', region = NULL, postal_code = NULL, zone = NULL, zone_until = NULL, revision = revision + 1 WHERE id = $1";
        CLEAR_POINTS = "UPDATE contact_point SET sealed = '', zone = NULL, usable = FALSE WHERE person_id = $1";
        CLEAR_DISPUTES = "UPDATE dispute SET reason = 'erased' WHERE reason <> 'ledger' AND account_id IN (SELECT id FROM account WHERE debtor_id = $1)";
        CLEAR_PAYMENTS = "UPDATE payment SET sealed = '' WHERE account_id IN (SELECT id FROM account WHERE debtor_id = $1)";
        // What nobody else uses and nobody has stopped is no longer found by anybody.
        LONELY_ADDRESSES = "SELECT c.address_id FROM contact_point c WHERE c.person_id = $1 AND NOT EXISTS (SELECT 1 FROM contact_point o WHERE o.address_id = c.address_id AND o.person_id <> $1 AND o.sealed <> '') AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.address_id = c.address_id AND s.lifted_at IS NULL) ORDER BY c.address_id";
        CLEAR_ADDRESS = "UPDATE address SET normal = $1 WHERE id = $2";
        CLEAR_ACCOUNT = "UPDATE account SET reference = $1, state = 'closed', next_step_on = NULL, batch_id = NULL, row_digest = NULL, revision = revision + 1 WHERE id = $2";
        NOTE = "INSERT INTO erasure (person_id, at, asked_by, basis, record) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (person_id) DO NOTHING";
        HOLD = "INSERT INTO legal_hold (id, person_id, account_id, basis, set_by, set_at, lifted_by, lifted_at) VALUES ($1, $2, $3, $4, $5, $6, NULL, NULL)";
        LIFT = "UPDATE legal_hold SET lifted_by = $1, lifted_at = $2 WHERE id = $3 AND lifted_at IS NULL";
        HOLDS = "SELECT h.id, h.person_id, h.account_id, a.reference, h.basis, h.set_by, h.set_at FROM legal_hold h LEFT JOIN account a ON a.id = h.account_id WHERE h.lifted_at IS NULL ORDER BY h.set_at, h.id";
        HELD = "SELECT person_id, account_id FROM legal_hold WHERE id = $1 AND lifted_at IS NULL";
    }
}

/// A debt that a person owes or is related to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebtOf {
    /// The debt.
    pub account: AccountId,
    /// The creditor's reference.
    pub reference: String,
    /// Whether it is open.
    pub state: AccountState,
    /// Whether this person owes it; else is related to it.
    pub owes: bool,
}

/// What stands between a person and being erased, as the database knows it.
#[derive(Debug, Clone)]
pub struct ErasePlan {
    /// Who.
    pub person: PersonId,
    /// When the person was erased before.
    pub erased_at: Option<Moment>,
    /// The debts concerned.
    pub debts: Vec<DebtOf>,
    /// Legal holds: basis and since when.
    pub holds: Vec<(String, Moment)>,
}

/// What erasing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Messages whose words and facts are gone.
    pub messages: u64,
    /// Debts that lost their reference.
    pub accounts: u64,
    /// Waiting attempts that were withdrawn.
    pub withdrawn: u64,
    /// Receipts and messages that are gone.
    pub arrivals: u64,
    /// Backups out of whose key files the key was taken.
    pub backups: Vec<String>,
    /// Backups that could not be reached: they can still open what was sealed until the master key is rotated.
    pub unreachable: Vec<String>,
}

/// A legal hold that stands.
#[derive(Debug, Clone)]
pub struct LegalHold {
    /// Which one.
    pub id: Uuid,
    /// On whom.
    pub person: Option<PersonId>,
    /// On which debt.
    pub account: Option<AccountId>,
    /// The reference of the debt.
    pub reference: Option<String>,
    /// Why: statute, case number, authority.
    pub basis: String,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set_at: Moment,
}

impl Store {
    /// People with this number of the creditor's.
    ///
    /// # Errors
    /// Nobody has it, or several creditors use it.
    pub async fn person_by_reference(&self, reference: &str) -> Result<PersonId, StoreError> {
        let mut tx = self.db.read().await?;
        let hashed = tx.seals().hash("person.ref", reference)?;
        match q!(&mut tx, sql::PERSON_BY_REF, [hashed] => all (Uuid,))?[..] {
            [(id,)] => Ok(PersonId(id)),
            // What was typed may be somebody's number: it is not repeated.
            [] => Err(StoreError::Missing {
                what: "person",
                name: "of this number".into(),
            }),
            _ => Err(StoreError::Refused(
                "several creditors use this number; name the account instead".into(),
            )),
        }
    }

    /// The people beside the debtor of a debt.
    pub async fn people_related_to(&self, account: AccountId) -> Result<Vec<PersonId>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::RELATED_TO, [account.0] => all (Uuid,))?;
        Ok(found.into_iter().map(|(id,)| PersonId(id)).collect())
    }

    /// What stands between a person and being erased.
    pub async fn erase_plan(&self, person: PersonId) -> Result<ErasePlan, StoreError> {
        let mut tx = self.db.read().await?;
        plan(&mut tx, person).await
    }

    /// Erases a person: overwrites the key, removes what was known in the clear, withdraws what waits. Evidence in the
    /// same transaction; afterwards the write-ahead log is emptied and the key files of backups are rewritten.
    ///
    /// # Errors
    /// `Refused` under a legal hold, while something is being sent, or if the person was erased before.
    pub async fn erase(&self, person: PersonId, by: &str, basis: &str) -> Result<Erased, StoreError> {
        let mut erased = self.erase_row(person, by, basis).await?;
        self.after_erasing(&mut erased).await?;
        Ok(erased)
    }

    /// Erases many people, each with the reason; those that something beats are given back with what it is.
    ///
    /// # Errors
    /// The database failed; who was erased before that stays erased.
    pub async fn erase_people(
        &self,
        people: Vec<(PersonId, String)>,
        by: &str,
    ) -> Result<(Erased, u64, Vec<(PersonId, String)>), StoreError> {
        let (mut all, mut count, mut kept) = (Erased::default(), 0, Vec::new());
        for (person, basis) in people {
            match self.erase_row(person, by, &basis).await {
                Ok(one) => {
                    count += 1;
                    all.messages += one.messages;
                    all.accounts += one.accounts;
                    all.withdrawn += one.withdrawn;
                    all.arrivals += one.arrivals;
                }
                Err(StoreError::Refused(why)) => kept.push((person, why)),
                Err(e) => return Err(e),
            }
        }
        self.after_erasing(&mut all).await?;
        Ok((all, count, kept))
    }

    /// Finishes what erasing left undone, for instance in backups that could not be reached then.
    pub async fn finish_erasing(&self) -> Result<Erased, StoreError> {
        let mut told = Erased::default();
        self.after_erasing(&mut told).await?;
        Ok(told)
    }

    async fn erase_row(&self, person: PersonId, by: &str, basis: &str) -> Result<Erased, StoreError> {
        let (clock, by, basis) = (self.clock.clone(), by.to_owned(), basis.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                super::decide::lock_people(tx, [person.0]).await?;
                if !is_known(tx, person.0).await? {
                    return Err(StoreError::Missing {
                        what: "person",
                        name: person.to_string(),
                    });
                }
                let plan = plan(tx, person).await?;
                if plan.erased_at.is_some() {
                    return Err(StoreError::Refused("this person was erased before".into()));
                }
                if let Some((hold, since)) = plan.holds.first() {
                    return Err(StoreError::Refused(format!(
                        "a legal hold stands since {since}: {hold}\nnothing was erased; lift the hold first with `dunwell hold lift`"
                    )));
                }
                let erased = clear(tx, &*clock, &plan, false).await?;
                note(tx, &*clock, person, (&by, &basis), &erased).await?;
                Ok(erased)
            })
        })
        .await
    }

    /// Takes what was erased out of everything beside the tables: the list beside the key, the write-ahead log, dead
    /// rows, and the key files of backups. Harmless to repeat.
    pub(super) async fn after_erasing(&self, erased: &mut Erased) -> Result<(), StoreError> {
        let mut tx = self.db.read().await?;
        let gone: Vec<Uuid> = q!(&mut tx, sql::EVERY_ERASED, [] => all (Uuid,))?
            .into_iter()
            .map(|(id,)| id)
            .collect();
        drop(tx);
        if let KeySource::File(file) = self.db.seals().source() {
            let failed =
                |e: std::io::Error| StoreError::Database(format!("`{}`: {e}", file.erased_path().display()));
            let noted = file.erased().map_err(failed)?;
            let noted: std::collections::HashSet<Uuid> = noted.into_iter().collect();
            let fresh: Vec<Uuid> = gone.iter().filter(|id| !noted.contains(id)).copied().collect();
            file.note_erased(&fresh).map_err(failed)?;
        }
        match &*self.db {
            Db::Sqlite { .. } => self.truncate_wal().await?,
            Db::Postgres(pool, _) => super::backup::wipe_postgres(pool).await?,
        }
        self.erase_in_backups(&gone, erased).await
    }

    /// Sets a legal hold on a person or a debt: nothing about it is erased until it is lifted.
    pub async fn set_hold(
        &self,
        person: Option<PersonId>,
        account: Option<AccountId>,
        by: &str,
        basis: &str,
    ) -> Result<Uuid, StoreError> {
        let (clock, by, basis) = (self.clock.clone(), by.to_owned(), basis.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let (id, now) = (clock.fresh(), clock.now());
                q!(&mut *tx, sql::HOLD, [id, person.map(|p| p.0), account.map(|a| a.0), &basis, &by, Ts(now)] => rows)?;
                let entry = super::log::entry(&*clock, Kind::HoldSet, now)
                    .with("what", "legal_hold")
                    .with("hold", id.to_string())
                    .with("actor", by)
                    .with("basis", basis)
                    .with_some("person", person.map(|p| p.to_string()))
                    .with_some("debt", account.map(|a| a.to_string()));
                super::log::append(tx, &[entry.seal()]).await?;
                Ok(id)
            })
        })
        .await
    }

    /// Lifts a legal hold.
    ///
    /// # Errors
    /// There is no such hold, or it was lifted before.
    pub async fn lift_hold(&self, hold: Uuid, by: &str) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let found = q!(&mut *tx, sql::HELD, [hold] => opt (Option<Uuid>, Option<Uuid>))?;
                let (person, account) = found.ok_or_else(|| StoreError::Missing {
                    what: "legal hold",
                    name: hold.to_string(),
                })?;
                let now = clock.now();
                q!(&mut *tx, sql::LIFT, [&by, Ts(now), hold] => rows)?;
                let entry = super::log::entry(&*clock, Kind::HoldCleared, now)
                    .with("what", "legal_hold")
                    .with("hold", hold.to_string())
                    .with("actor", by)
                    .with_some("person", person.map(|p| PersonId(p).to_string()))
                    .with_some("debt", account.map(|a| AccountId(a).to_string()));
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }

    /// Every legal hold that stands.
    pub async fn holds(&self) -> Result<Vec<LegalHold>, StoreError> {
        type Row = (
            Uuid,
            Option<Uuid>,
            Option<Uuid>,
            Option<String>,
            String,
            String,
            Ts,
        );
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::HOLDS, [] => all Row)?;
        let hold = |(id, person, account, reference, basis, set_by, at): Row| LegalHold {
            id,
            person: person.map(PersonId),
            account: account.map(AccountId),
            reference,
            basis,
            set_by,
            set_at: at.0,
        };
        Ok(found.into_iter().map(hold).collect())
    }
}

/// Whether a person is known at all.
async fn is_known(tx: &mut Tx, person: Uuid) -> Result<bool, StoreError> {
    Ok(q!(&mut *tx, sql::KNOWN, [person] => opt (Uuid,))?.is_some())
}

async fn plan(tx: &mut Tx, person: PersonId) -> Result<ErasePlan, StoreError> {
    let erased = q!(&mut *tx, sql::ERASED_AT, [person.0] => opt (Ts,))?;
    let rows = q!(&mut *tx, sql::DEBTS_OF, [person.0] => all (Uuid, String, String, bool))?;
    let list = id_list(rows.iter().map(|row| row.0));
    let holds = q!(&mut *tx, sql::HOLDS_ON, [person.0, list] => all (String, Ts))?;
    let mut debts = Vec::with_capacity(rows.len());
    for (id, reference, state, owes) in rows {
        debts.push(DebtOf {
            account: AccountId(id),
            reference,
            state: super::types::word(&state, "account state")?,
            owes,
        });
    }
    Ok(ErasePlan {
        person,
        erased_at: erased.map(|(at,)| at.0),
        debts,
        holds: holds.into_iter().map(|(basis, at)| (basis, at.0)).collect(),
    })
}

/// Overwrites and removes everything about a person; of the debts that others owe, only what names this person.
async fn clear(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    plan: &ErasePlan,
    put_back: bool,
) -> Result<Erased, StoreError> {
    let person = plan.person.0;
    let owed: Vec<Uuid> = plan
        .debts
        .iter()
        .filter(|d| d.owes)
        .map(|d| d.account.0)
        .collect();
    super::decide::lock_accounts(tx, owed.iter().copied()).await?;
    // In a copy that was put back nothing is under way; what was becomes unknown by itself.
    let (flying,) = q!(&mut *tx, sql::IN_FLIGHT, [person] => one (i64,))?;
    if flying > 0 && !put_back {
        return Err(StoreError::Refused(
            "a message to or about this person is being sent; nothing was erased, try again in a minute"
                .into(),
        ));
    }
    let waiting = q!(&mut *tx, super::events::sql::WAITING_TO_PEOPLE, [id_list([person]), None::<String>] => all (Uuid, String, Option<Uuid>))?;
    let mut erased = Erased {
        withdrawn: withdraw(tx, clock, waiting, ERASED).await?,
        ..Erased::default()
    };
    q!(&mut *tx, sql::OVERWRITE_KEY, [vec![0u8; WRAPPED_BYTES], person] => rows)?;
    erased.messages = q!(&mut *tx, sql::DROP_CONTENT, [person] => rows)?;
    q!(&mut *tx, sql::DROP_DECISIONS, [person] => rows)?;
    q!(&mut *tx, sql::CLEAR_ATTEMPTS, [person] => rows)?;
    erased.arrivals = super::arrivals_sealed::clear_arrivals(tx, person, clock.now()).await?;
    clear_addresses(tx, person).await?;
    for text in [sql::CLEAR_PERSON, sql::CLEAR_DISPUTES, sql::CLEAR_PAYMENTS] {
        q!(&mut *tx, text, [person] => rows)?;
    }
    for account in owed {
        let name = format!("{ERASED}-{}", hex_id(account));
        erased.accounts += q!(&mut *tx, sql::CLEAR_ACCOUNT, [name, account] => rows)?;
    }
    Ok(erased)
}

/// Removes the addresses of a person; what somebody stopped stays as a keyed hash. How many there were.
pub(super) async fn clear_addresses(tx: &mut Tx, person: Uuid) -> Result<u64, StoreError> {
    for (address,) in q!(&mut *tx, sql::LONELY_ADDRESSES, [person] => all (Uuid,))? {
        q!(&mut *tx, sql::CLEAR_ADDRESS, [format!("{ERASED}-{}", hex_id(address)), address] => rows)?;
    }
    Ok(q!(&mut *tx, sql::CLEAR_POINTS, [person] => rows)?)
}

/// Applies an erasure to a database that was put back to before it.
pub(super) async fn clear_again(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    person: PersonId,
) -> Result<bool, StoreError> {
    let plan = plan(tx, person).await?;
    if plan.erased_at.is_some() {
        return Ok(false);
    }
    let erased = clear(tx, clock, &plan, true).await?;
    let why = ("restore", "erased before this copy was put back");
    note(tx, clock, person, why, &erased).await?;
    Ok(true)
}

/// Writes down that somebody was erased.
async fn note(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    person: PersonId,
    (by, basis): (&str, &str),
    erased: &Erased,
) -> Result<(), StoreError> {
    let (now, n) = (clock.now(), |n: u64| i64::try_from(n).unwrap_or(i64::MAX));
    let entry = super::log::entry(clock, Kind::EraseExecuted, now)
        .with("person", person.to_string())
        .with("actor", by)
        .with("basis", basis)
        .with("messages", n(erased.messages))
        .with("debts", n(erased.accounts))
        .with("withdrawn", n(erased.withdrawn))
        .with("arrivals", n(erased.arrivals))
        .seal();
    let record = entry.record.0;
    q!(&mut *tx, sql::NOTE, [person.0, Ts(now), by, basis, record] => rows)?;
    super::log::append(tx, &[entry]).await
}
