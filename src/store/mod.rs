//! The only SQL. One method per step, for one or for many; one transaction each, its evidence within it.
//!
//! SQLite (default: WAL, `synchronous=FULL`, one writer that commits many waiting steps together) and PostgreSQL
//! behind one set of methods, chosen by the database URL. What a method has written is durable when it returns.
//! No decisions here: the store counts, locks and records what `guard` and `planner` have decided.
//! Used by `dispatch`, `scheduler` and the doors.

mod access;
mod arrivals;
mod arrivals_sealed;
mod audit;
mod backup;
mod bounces;
mod bulk;
mod bundles;
mod claim;
mod db;
mod decide;
mod erase;
mod error;
mod events;
mod from_ledger;
mod heads;
mod import;
mod kept;
mod log;
mod people;
mod plan;
mod print;
mod queue;
mod registry;
mod replies;
mod restoration;
mod retention;
mod review;
mod runs;
mod seal_file;
mod seal_old;
mod seal_old_arrivals;
mod sealed;
mod seals;
mod secret_file;
mod settle;
mod to_ledger;
mod tree;
mod types;
mod versions;
mod views;
mod writer;

pub use crate::evidence::{Audit as LogCheck, LogFault};
pub use access::{Grant, NewGrant};
pub use arrivals::{About, Inbound, OpenInbound, Receipt, ReceiptStatus};
pub use arrivals_sealed::StaleStrangers;
pub use audit::Outside;
pub use backup::{Backup, Rotated, backup_in, put_back};
pub use bounces::{KeptMail, ReturnedMail, ReturnedRow, SoftLimit};
pub use bundles::Anchored;
pub use claim::Claimed;
pub use db::{Stmt, statements_by_file};
pub use decide::{Action, Content, Decided, Decision, Recorded, Reservation};
pub use erase::{DebtOf, ErasePlan, Erased, LegalHold};
pub use error::StoreError;
pub use events::{EventOutcome, NewEvent, Occurrence};
pub use heads::{Anchor, AnchorKind, Head, LogKey};
pub use import::{Batch, BatchKind, ImportCounts, NewAccount, NewContact, NewPerson, RowOutcome, Undone};
pub use kept::{Basis, Facts, KeptDecision};
pub use log::LogEntry;
pub use plan::{DueAccount, NewAttempt, NewTask, PlanStep};
pub use print::{
    Closing, DeadAddress, Gathered, PRINT, PrintBatch, PrintLetter, Recall, ShopWord, StoppedLetter,
};
pub use queue::{QueueRow, Suspension, SuspensionRow, TestMode, UnknownAttempt};
pub use registry::{Campaign, Desk, Registry, SetUp, SetUpPayee, SetUpPortfolio};
pub use replies::{Concerned, ReplyEffect, WaitingReply, WholeReply};
pub use restoration::Restoration;
pub use retention::{Activity, DuePerson, RetentionTold, Shredding};
pub use review::OfficerAction;
pub use runs::{AccountRun, RunCount, RunFate, RunRow};
pub use seal_file::{KeySource, SealFile, SealFileError, SealKeys};
pub use sealed::{SealedContent, SealedValue};
pub use secret_file::{SecretFile, SecretFileError, SecretUse, replace_secret, sync_folder};
pub use settle::Settlement;
pub use tree::{EntryName, ProvenEntry, TreeSnapshot};
pub use versions::{Activation, NewSet, PolicySetRow, SetDigest};
pub use views::{AttemptRow, AttemptStory, Commits, Counts, Timeline, TimelineEntry};

use std::sync::Arc;

use crate::clock::Clock;
use db::Db;

/// The store. Cheap to clone; all clones share the connections and the writer.
#[derive(Clone)]
pub struct Store {
    db: Arc<Db>,
    clock: Arc<dyn Clock>,
    registry: Arc<std::sync::RwLock<Option<Arc<Registry>>>>,
}

impl Store {
    /// Opens the database with the keys of its personal data, brings its schema up to date, and begins the log on a fresh
    /// one. What an earlier version wrote in the clear is sealed before this returns.
    ///
    /// # Errors
    /// Keys that are not those of this database, a missing folder, an unreachable server, a wrong password or a schema newer than this program, each as one
    /// clear sentence.
    pub async fn open(
        url: &str,
        clock: Arc<dyn Clock>,
        keys: impl Into<KeySource>,
    ) -> Result<Store, StoreError> {
        let seals = Arc::new(seals::Seals::new(keys.into()));
        let db = Db::open(url, seals).await?;
        let store = Store {
            db: Arc::new(db),
            clock,
            registry: Arc::default(),
        };
        seals::settle_keys(&store).await?;
        store.begin_log().await?;
        store.seal_what_is_old().await?;
        Ok(store)
    }

    /// The clock that stamps what the store records.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A secret of this installation for the purpose of `label`, always the same: derived from the key by which people
    /// are found, which outlives every change of the master key.
    ///
    /// # Errors
    /// The key file cannot be read.
    pub fn key_for(&self, label: &str) -> Result<[u8; 32], StoreError> {
        Ok(self.db.seals().keys()?.lookup.hash("derived", label.as_bytes()))
    }

    /// `sqlite` or `postgres`.
    pub fn dialect(&self) -> &'static str {
        self.db.dialect()
    }

    /// Finishes what is being written and closes the connections.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
