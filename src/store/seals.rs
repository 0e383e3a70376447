//! Keys of people as the database holds them: made, wrapped, read in groups and unwrapped. Sealing itself is `evidence`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use uuid::Uuid;

use super::StoreError;
use super::bulk::{Bytes, Id, bulk, row};
use super::db::{Tx, q, statements};
use super::seal_file::{KeySource, SealKeys};
use super::types::{Ts, id_list};
use crate::clock::{Clock, SystemClock};
use crate::domain::PersonId;
use crate::evidence::{NONCE_BYTES, PersonKey, RecordKey, SealError, SealKind, WRAPPED_BYTES};

pub(super) mod sql {
    super::statements! {
        KEYS = {
            sqlite: "SELECT person_id, master, wrapped FROM person_key WHERE person_id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT person_id, master, wrapped FROM person_key WHERE person_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))",
        };
        PUT_KEYS = bulk super::KeyInsert => "INSERT INTO person_key (person_id, master, wrapped) SELECT person_id, master, wrapped FROM {batch} AS r ORDER BY r.n";
        LOOKUPS = "SELECT DISTINCT lookup FROM seal_master";
        // Masters without which something in the database cannot be opened.
        MASTERS = {
            sqlite: "SELECT m.id FROM seal_master m WHERE EXISTS (SELECT 1 FROM person_key k WHERE k.master = m.id AND k.wrapped <> zeroblob(72))",
            postgres: "SELECT m.id FROM seal_master m WHERE EXISTS (SELECT 1 FROM person_key k WHERE k.master = m.id AND k.wrapped <> decode(repeat('00', 72), 'hex'))",
        };
        // Whoever makes keys holds the masters: one that wraps them is not retired meanwhile.
        HOLD_MASTERS = {
            sqlite: "SELECT id, (retired_at IS NOT NULL) AS retired FROM seal_master",
            postgres: "SELECT id, (retired_at IS NOT NULL) AS retired FROM seal_master FOR SHARE",
        };
        KNOWN_MASTERS = "SELECT id FROM seal_master WHERE retired_at IS NULL";
        EVERY_MASTER = "SELECT COUNT(*) FROM seal_master";
        PUT_MASTER = "INSERT INTO seal_master (id, lookup, since, retired_at) VALUES ($1, $2, $3, NULL) ON CONFLICT (id) DO UPDATE SET retired_at = NULL";
    }
}

row! {
    pub(super) struct KeyInsert {
        pub(super) person_id: Id,
        pub(super) master: String,
        pub(super) wrapped: Bytes,
    }
}

/// What stands where somebody's data was erased.
pub(super) const ERASED: &str = "erased";

/// The keys of this installation and how to get them anew, for every transaction.
pub(super) struct Seals {
    keys: RwLock<Option<Arc<SealKeys>>>,
    source: KeySource,
    /// Keys and nonces are the machine's own randomness, on a virtual clock too.
    random: SystemClock,
}

/// Keys of people by id; who was erased has none.
pub(super) type Keys = HashMap<Uuid, PersonKey>;

impl Seals {
    pub(super) fn new(source: KeySource) -> Seals {
        Seals {
            keys: RwLock::new(None),
            source,
            random: SystemClock::new(),
        }
    }

    pub(super) fn source(&self) -> &KeySource {
        &self.source
    }

    /// The keys; read from their file when they are first asked for.
    pub(super) fn keys(&self) -> Result<Arc<SealKeys>, StoreError> {
        if let Some(keys) = &*self.keys.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(keys.clone());
        }
        self.reload()
    }

    /// Reads the keys anew, because another program may have changed them.
    pub(super) fn reload(&self) -> Result<Arc<SealKeys>, StoreError> {
        let fresh = match &self.source {
            KeySource::Given(keys) => keys.clone(),
            KeySource::File(file) => Arc::new(file.read().map_err(|e| StoreError::Open(e.to_string()))?),
        };
        self.set(fresh.clone());
        Ok(fresh)
    }

    pub(super) fn set(&self, keys: Arc<SealKeys>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }

    /// A fresh nonce.
    pub(super) fn nonce(&self) -> [u8; NONCE_BYTES] {
        let salt = self.random.salt();
        std::array::from_fn(|i| salt[i])
    }

    /// Thirty-two random bytes.
    pub(super) fn random(&self) -> [u8; 32] {
        self.random.salt()
    }

    /// Wraps a key by the newest master; gives that one's name too.
    pub(super) fn wrap(&self, person: Uuid, key: &PersonKey) -> Result<(String, Vec<u8>), StoreError> {
        let keys = self.keys()?;
        let master = keys
            .masters
            .first()
            .ok_or(StoreError::Corrupt { what: "master key" })?;
        Ok((
            master.id().to_owned(),
            master.wrap(PersonId(person), key, self.nonce()),
        ))
    }

    /// The keyed hash of a value, as a column of text holds it.
    pub(super) fn hash(&self, field: &str, value: &str) -> Result<String, StoreError> {
        Ok(self.keys()?.lookup.text(field, value))
    }

    /// The keyed hash of a digest: a fingerprint of a source row could be guessed.
    pub(super) fn digest(&self, field: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        Ok(self.keys()?.lookup.hash(field, value).to_vec())
    }

    /// A fresh key for a person, and its row.
    pub(super) fn make(&self, person: Uuid) -> Result<(PersonKey, KeyInsert), StoreError> {
        let key = PersonKey::new(self.random.salt());
        let (master, wrapped) = self.wrap(person, &key)?;
        let row = KeyInsert {
            person_id: Id(person),
            master,
            wrapped: Bytes(wrapped),
        };
        Ok((key, row))
    }

    /// Unwraps the key of a person; `None` if it was erased.
    pub(super) fn unwrap(
        &self,
        person: Uuid,
        master: &str,
        wrapped: &[u8],
    ) -> Result<Option<PersonKey>, StoreError> {
        if wrapped.iter().all(|b| *b == 0) && wrapped.len() == WRAPPED_BYTES {
            return Ok(None);
        }
        let mut keys = self.keys()?;
        if keys.master(master).is_none() {
            // Another program has rotated the master key since.
            keys = self.reload()?;
        }
        let master = keys.master(master).ok_or_else(|| {
            StoreError::Open(format!(
                "the keys of people are wrapped by the master key `{master}`, which is not in the key file\nbring back the file that has it"
            ))
        })?;
        master
            .unwrap(PersonId(person), wrapped)
            .map(Some)
            .map_err(|_| StoreError::Corrupt {
                what: "key of a person",
            })
    }
}

impl Tx {
    /// Makes sure that the master key that will wrap fresh keys is still one, until this transaction ends.
    pub(super) async fn hold_masters(&mut self) -> Result<(), StoreError> {
        let seals = self.seals().clone();
        let all = q!(self, sql::HOLD_MASTERS, [] => all (String, bool))?;
        let retired = |keys: &SealKeys| {
            let newest = keys.masters.first().map(|m| m.id());
            all.iter()
                .any(|(id, retired)| *retired && Some(id.as_str()) == newest)
        };
        if retired(&*seals.keys()?) && retired(&*seals.reload()?) {
            return Err(StoreError::Contended);
        }
        Ok(())
    }

    /// The keys of these people that there are.
    pub(super) async fn keys_of(
        &mut self,
        people: impl IntoIterator<Item = Uuid>,
    ) -> Result<Keys, StoreError> {
        let seals = self.seals().clone();
        let mut ids: Vec<Uuid> = people.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut keys = Keys::with_capacity(ids.len());
        if ids.is_empty() {
            return Ok(keys);
        }
        for (person, master, wrapped) in q!(self, sql::KEYS, [id_list(ids)] => all (Uuid, String, Vec<u8>))? {
            if let Some(key) = seals.unwrap(person, &master, &wrapped)? {
                keys.insert(person, key);
            }
        }
        Ok(keys)
    }
}

/// Writes the rows of fresh keys.
pub(super) async fn put_keys(tx: &mut Tx, rows: &[KeyInsert]) -> Result<(), StoreError> {
    bulk(tx, &sql::PUT_KEYS, rows).await?;
    Ok(())
}

/// The key of a value of one person; `None` if the person was erased.
pub(super) fn own_key(keys: &Keys, person: Uuid, kind: SealKind, record: Uuid) -> Option<RecordKey> {
    let key = keys.get(&person)?;
    Some(RecordKey::derive(PersonId(person), key, None, kind, record))
}

/// The key of a value that concerns a recipient and a debtor; `None` if either was erased.
pub(super) fn shared_key(
    keys: &Keys,
    (recipient, debtor): (Uuid, Uuid),
    kind: SealKind,
    record: Uuid,
) -> Option<RecordKey> {
    let key = keys.get(&recipient)?;
    let also = match recipient == debtor {
        true => None,
        false => Some(keys.get(&debtor)?),
    };
    Some(RecordKey::derive(PersonId(recipient), key, also, kind, record))
}

/// Opens a sealed text; what was erased reads as that.
pub(super) fn open_text(
    key: Option<RecordKey>,
    sealed: &str,
    what: &'static str,
) -> Result<String, StoreError> {
    match key {
        None => Ok(ERASED.to_owned()),
        // Erased by a schedule while the person is still known.
        Some(_) if sealed.is_empty() || sealed == ERASED => Ok(ERASED.to_owned()),
        Some(key) => key
            .open_text(sealed)
            .map_err(|_: SealError| StoreError::Corrupt { what }),
    }
}

/// Makes the keys known to the database; on a database that never had any, a key file that is not there is made.
pub(super) async fn settle_keys(store: &super::Store) -> Result<(), StoreError> {
    let mut tx = store.db.read().await?;
    let (ever,) = q!(&mut tx, sql::EVERY_MASTER, [] => one (i64,))?;
    let lookups = q!(&mut tx, sql::LOOKUPS, [] => all (String,))?;
    let needed = q!(&mut tx, sql::MASTERS, [] => all (String,))?;
    let known = q!(&mut tx, sql::KNOWN_MASTERS, [] => all (String,))?;
    drop(tx);
    let seals = store.db.seals().clone();
    if let (0, KeySource::File(file)) = (ever, seals.source())
        && !file.path().exists()
    {
        let made = file.create(&SealKeys::fresh());
        // Of several programs that start together one makes it.
        if let Err(e) = made
            && !matches!(e, super::SealFileError::File(super::SecretFileError::Exists(_)))
        {
            return Err(StoreError::Open(e.to_string()));
        }
    }
    let keys = seals.reload()?;
    let lookup = keys.lookup.id();
    if let Some((other,)) = lookups.iter().find(|(l,)| *l != lookup) {
        return Err(StoreError::Open(format!(
            "the key file has the lookup key `{lookup}`, this database was written with `{other}`\nbring back the file that belongs to it"
        )));
    }
    if let Some((missing,)) = needed.iter().find(|(id,)| keys.master(id).is_none()) {
        return Err(StoreError::Open(format!(
            "the master key `{missing}` of this database is not in the key file\nbring back the file that has it: without it personal data cannot be read"
        )));
    }
    let fresh: Vec<String> = keys.masters.iter().map(|m| m.id().to_owned()).collect();
    if fresh.iter().all(|id| known.iter().any(|(k,)| k == id)) {
        return Ok(());
    }
    let now = Ts(store.clock.now());
    store
        .write(move |tx| {
            Box::pin(async move {
                for id in fresh {
                    q!(&mut *tx, sql::PUT_MASTER, [id, &lookup, now] => rows)?;
                }
                Ok(())
            })
        })
        .await
}
