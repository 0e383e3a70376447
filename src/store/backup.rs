//! Copies of the whole database while it runs. The keys of people lie in a file of their own beside the copy, so that
//! erasing reaches them; the copy itself opens nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgPool, SqliteConnection};
use uuid::Uuid;

use super::bulk::{Bytes, Id, bulk, row};
use super::db::{Db, Tx, q, statements};
use super::erase::Erased;
use super::seals::Seals;
use super::secret_file::replace_secret;
use super::types::Ts;
use super::{Store, StoreError};
use crate::domain::{Moment, PersonId};
use crate::evidence::{Kind, WRAPPED_BYTES};

pub(super) mod sql {
    super::statements! {
        SEALED_BEFORE = "SELECT done AND arrivals AS done FROM seal_state WHERE one = 1";
        EVERY_KEY = "SELECT person_id, master, wrapped FROM person_key ORDER BY n";
        NO_KEYS = {
            sqlite: "UPDATE person_key SET wrapped = zeroblob(72)",
            postgres: "UPDATE person_key SET wrapped = decode(repeat('00', 72), 'hex')",
        };
        PUT_KEY = bulk super::KeyRow => "UPDATE person_key SET master = r.master, wrapped = r.wrapped FROM {batch} AS r WHERE person_key.person_id = r.person_id";
        ADD_KEY = bulk super::KeyRow => "INSERT INTO person_key (person_id, master, wrapped) SELECT person_id, master, wrapped FROM {batch} AS r WHERE TRUE ORDER BY r.n ON CONFLICT (person_id) DO UPDATE SET master = excluded.master, wrapped = excluded.wrapped";
        NOTE = "INSERT INTO backup (id, at, made_by, folder, entries, gone_at) VALUES ($1, $2, $3, $4, $5, NULL)";
        ALL = "SELECT id, at, folder, entries FROM backup WHERE gone_at IS NULL ORDER BY at, id";
        GONE = "UPDATE backup SET gone_at = $1 WHERE folder = $2 AND gone_at IS NULL";
        ENTRIES = "SELECT (SELECT COUNT(*) FROM evidence) + (SELECT COUNT(*) FROM evidence_outbox)";
        KEYLESS = {
            sqlite: "SELECT p.id FROM person p LEFT JOIN person_key k ON k.person_id = p.id WHERE (k.wrapped IS NULL OR k.wrapped = zeroblob(72)) AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = p.id) ORDER BY p.id",
            postgres: "SELECT p.id FROM person p LEFT JOIN person_key k ON k.person_id = p.id WHERE (k.wrapped IS NULL OR k.wrapped = decode(repeat('00', 72), 'hex')) AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.person_id = p.id) ORDER BY p.id",
        };
        RETIRE_MASTERS = "UPDATE seal_master SET retired_at = $1 WHERE id <> $2 AND retired_at IS NULL";
    }
}

row! {
    struct KeyRow {
        person_id: Id,
        master: String,
        wrapped: Bytes,
    }
}

/// The copy of a SQLite database in a backup folder.
const SQLITE_COPY: &str = "dunwell.sqlite";
/// The copy of a PostgreSQL database, in the custom format of `pg_dump`.
const POSTGRES_COPY: &str = "dunwell.dump";
/// The wrapped keys of people.
const KEYS: &str = "person.keys";
/// What the first line of that file says.
const KEYS_MARK: &str = "dunwell person keys 1";

/// A backup that was made.
#[derive(Debug, Clone)]
pub struct Backup {
    /// When.
    pub at: Moment,
    /// Where.
    pub folder: PathBuf,
    /// Entries of the log in it.
    pub entries: u64,
    /// Whether its folder can be reached.
    pub reachable: bool,
}

/// What changing the master key did.
#[derive(Debug, Clone, Default)]
pub struct Rotated {
    /// Keys of people that were wrapped anew.
    pub keys: u64,
    /// Name of the new master key.
    pub master: String,
    /// Names of the ones that were destroyed.
    pub retired: Vec<String>,
    /// Backups whose key files were wrapped anew.
    pub backups: Vec<String>,
    /// Backups that could not be reached: what is in them can no longer be opened.
    pub unreachable: Vec<String>,
}

type Wrapped = BTreeMap<Uuid, (String, Vec<u8>)>;

impl Store {
    /// Copies the database into a new folder while it runs, the keys of people into a file beside it. Durable, with
    /// evidence, when it returns.
    ///
    /// # Errors
    /// The folder is there already or cannot be written; on PostgreSQL also: `pg_dump` is not there or refuses.
    pub async fn backup(&self, folder: &Path, by: &str) -> Result<Backup, StoreError> {
        let cannot = |e: std::io::Error| StoreError::Refused(format!("`{}`: {e}", folder.display()));
        std::fs::create_dir(folder).map_err(cannot)?;
        private(folder).map_err(cannot)?;
        let folder = folder.canonicalize().map_err(cannot)?;
        let keys = match &*self.db {
            Db::Sqlite { writers, .. } => {
                let copy = folder.join(SQLITE_COPY);
                let into = format!("VACUUM INTO '{}'", copy.display().to_string().replace('\'', "''"));
                // Another connection than the writer's could not write; the writer waits as long as copying takes.
                sqlx::raw_sql(AssertSqlSafe(into)).execute(writers).await?;
                private_file(&copy).map_err(cannot)?;
                take_keys_out(&copy).await?
            }
            Db::Postgres(pool, _) => {
                dump(pool, &folder.join(POSTGRES_COPY)).await?;
                private_file(&folder.join(POSTGRES_COPY)).map_err(cannot)?;
                let mut tx = self.db.read().await?;
                every_key(&mut tx).await?
            }
        };
        let mut tx = self.db.read().await?;
        let (entries,) = q!(&mut tx, sql::ENTRIES, [] => one (i64,))?;
        drop(tx);
        write_keys(&folder, &keys).map_err(cannot)?;
        self.note_backup(&folder, by, entries).await
    }

    async fn note_backup(&self, folder: &Path, by: &str, entries: i64) -> Result<Backup, StoreError> {
        let (clock, by, name) = (self.clock.clone(), by.to_owned(), folder.display().to_string());
        let at = clock.now();
        self.write(move |tx| {
            Box::pin(async move {
                q!(&mut *tx, sql::NOTE, [clock.fresh(), Ts(at), &by, &name, entries] => rows)?;
                let entry = super::log::entry(&*clock, Kind::BackupMade, at)
                    .with("actor", by)
                    .with("entries", entries);
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await?;
        Ok(Backup {
            at,
            folder: folder.to_owned(),
            entries: u64::try_from(entries).unwrap_or(0),
            reachable: true,
        })
    }

    /// The backups that were made and not forgotten.
    pub async fn backups(&self) -> Result<Vec<Backup>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::ALL, [] => all (Uuid, Ts, String, i64))?;
        let backup = |(_, at, folder, entries): (Uuid, Ts, String, i64)| {
            let folder = PathBuf::from(folder);
            Backup {
                at: at.0,
                reachable: folder.join(KEYS).is_file(),
                folder,
                entries: u64::try_from(entries).unwrap_or(0),
            }
        };
        Ok(found.into_iter().map(backup).collect())
    }

    /// Says that a backup was destroyed: nobody is reminded of it any more.
    pub async fn forget_backup(&self, folder: &Path) -> Result<(), StoreError> {
        let (now, name) = (Ts(self.clock.now()), folder.display().to_string());
        let shown = name.clone();
        let touched = self
            .write(move |tx| Box::pin(async move { Ok(q!(&mut *tx, sql::GONE, [now, name] => rows)?) }))
            .await?;
        match touched {
            0 => Err(StoreError::Missing {
                what: "backup",
                name: shown,
            }),
            _ => Ok(()),
        }
    }

    /// Takes erased people out of the key files of all backups; says which could not be reached.
    pub(super) async fn erase_in_backups(&self, gone: &[Uuid], told: &mut Erased) -> Result<(), StoreError> {
        let gone: std::collections::HashSet<&Uuid> = gone.iter().collect();
        for backup in self.backups().await? {
            let name = backup.folder.display().to_string();
            let done = read_keys(&backup.folder).and_then(|mut keys| {
                let before = keys.len();
                keys.retain(|person, _| !gone.contains(person));
                match keys.len() < before {
                    true => write_keys(&backup.folder, &keys).map(|()| true),
                    false => Ok(false),
                }
            });
            match done {
                Ok(true) => told.backups.push(name),
                Ok(false) => {}
                Err(_) => told.unreachable.push(name),
            }
        }
        Ok(())
    }

    /// Wraps all keys of people by a new master key and destroys the old one. Copies of the database that were made by
    /// other means open nothing from then on.
    ///
    /// # Errors
    /// The keys do not come from a file, or it cannot be written.
    pub async fn rotate_master(&self, by: &str) -> Result<Rotated, StoreError> {
        let super::KeySource::File(file) = self.db.seals().source().clone() else {
            return Err(StoreError::Refused(
                "the keys were given, not read from a file".into(),
            ));
        };
        let seals = self.db.seals().clone();
        let old = seals.reload()?;
        let fresh = crate::evidence::MasterKey::new(seals.random());
        let mut both = (*old).clone();
        both.masters.insert(0, fresh.clone());
        // First the file has both, so that every program can read whatever it finds; then the rows; then one is left.
        file.replace(&both).map_err(|e| StoreError::Open(e.to_string()))?;
        seals.reload()?;
        let mut rotated = Rotated {
            master: fresh.id().to_owned(),
            retired: old.masters.iter().map(|m| m.id().to_owned()).collect(),
            ..Rotated::default()
        };
        rotated.keys = self.wrap_anew(by, &rotated).await?;
        self.wrap_backups_anew(&seals, &mut rotated).await?;
        both.masters.truncate(1);
        file.replace(&both).map_err(|e| StoreError::Open(e.to_string()))?;
        seals.reload()?;
        match &*self.db {
            Db::Sqlite { .. } => self.truncate_wal().await?,
            Db::Postgres(pool, _) => wipe_postgres(pool).await?,
        }
        Ok(rotated)
    }

    async fn wrap_anew(&self, by: &str, rotated: &Rotated) -> Result<u64, StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        let (master, retired) = (rotated.master.clone(), rotated.retired.clone());
        self.write(move |tx| {
            Box::pin(async move {
                let (seals, now) = (tx.seals().clone(), clock.now());
                let keys = seals.keys()?;
                let lookup = keys.lookup.id();
                // First, so that whoever makes keys meanwhile has either ended, and is seen, or has not begun.
                q!(&mut *tx, super::seals::sql::PUT_MASTER, [&master, lookup, Ts(now)] => rows)?;
                q!(&mut *tx, sql::RETIRE_MASTERS, [Ts(now), &master] => rows)?;
                let mut rows = Vec::new();
                for (person, (id, wrapped)) in every_key(tx).await? {
                    if let Some(key) = seals.unwrap(person, &id, &wrapped)? {
                        let (master, wrapped) = seals.wrap(person, &key)?;
                        rows.push(KeyRow {
                            person_id: Id(person),
                            master,
                            wrapped: Bytes(wrapped),
                        });
                    }
                }
                bulk(tx, &sql::PUT_KEY, &rows).await?;
                let entry = super::log::entry(&*clock, Kind::SealRotated, now)
                    .with("actor", by)
                    .with("master", master.as_str())
                    .with(
                        "retired",
                        retired
                            .into_iter()
                            .map(crate::evidence::Value::from)
                            .collect::<Vec<_>>(),
                    )
                    .with("keys", i64::try_from(rows.len()).unwrap_or(i64::MAX));
                super::log::append(tx, &[entry.seal()]).await?;
                Ok(rows.len() as u64)
            })
        })
        .await
    }

    async fn wrap_backups_anew(&self, seals: &Seals, rotated: &mut Rotated) -> Result<(), StoreError> {
        for backup in self.backups().await? {
            let name = backup.folder.display().to_string();
            let Ok(keys) = read_keys(&backup.folder) else {
                rotated.unreachable.push(name);
                continue;
            };
            let mut anew = Wrapped::new();
            for (person, (id, wrapped)) in keys {
                if let Some(key) = seals.unwrap(person, &id, &wrapped)? {
                    let (master, wrapped) = seals.wrap(person, &key)?;
                    anew.insert(person, (master, wrapped));
                }
            }
            match write_keys(&backup.folder, &anew) {
                Ok(()) => rotated.backups.push(name),
                Err(_) => rotated.unreachable.push(name),
            }
        }
        Ok(())
    }

    /// Puts the keys of a backup back into a database that was restored from its copy; whoever was erased since stays
    /// erased. Returns how many were erased anew.
    ///
    /// # Errors
    /// The key file is torn, or its master key is not there.
    pub async fn take_backup_keys(&self, folder: &Path) -> Result<u64, StoreError> {
        let keys = read_keys(folder)
            .map_err(|e| StoreError::Refused(format!("`{}`: {e}", folder.join(KEYS).display())))?;
        let erased = match self.db.seals().source() {
            super::KeySource::File(file) => file
                .erased()
                .map_err(|e| StoreError::Database(format!("`{}`: {e}", file.erased_path().display())))?,
            super::KeySource::Given(_) => Vec::new(),
        };
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let rows: Vec<KeyRow> = keys
                    .into_iter()
                    .filter(|(person, _)| !erased.contains(person))
                    .map(|(person, (master, wrapped))| KeyRow {
                        person_id: Id(person),
                        master,
                        wrapped: Bytes(wrapped),
                    })
                    .collect();
                bulk(tx, &sql::ADD_KEY, &rows).await?;
                // Whose key is in no file any more was erased.
                let mut again = 0;
                for (person,) in q!(&mut *tx, sql::KEYLESS, [] => all (Uuid,))? {
                    again += u64::from(super::erase::clear_again(tx, &*clock, PersonId(person)).await?);
                }
                Ok(again)
            })
        })
        .await
    }

    /// How many entries there are, those that wait for their place included.
    pub async fn log_size(&self) -> Result<u64, StoreError> {
        let mut tx = self.db.read().await?;
        let (entries,) = q!(&mut tx, sql::ENTRIES, [] => one (i64,))?;
        Ok(u64::try_from(entries).unwrap_or(0))
    }

    /// Rewrites the database without its free space, so that nothing deleted is left in it.
    pub(super) async fn wipe_free_space(&self) -> Result<(), StoreError> {
        match &*self.db {
            Db::Sqlite { writers, .. } => {
                sqlx::raw_sql(AssertSqlSafe("VACUUM")).execute(writers).await?;
                self.truncate_wal().await
            }
            Db::Postgres(pool, _) => {
                sqlx::raw_sql(AssertSqlSafe("VACUUM FULL")).execute(pool).await?;
                Ok(())
            }
        }
    }

    /// Moves everything from the write-ahead log into the database and empties it.
    pub(super) async fn truncate_wal(&self) -> Result<(), StoreError> {
        let Db::Sqlite { writers, .. } = &*self.db else {
            return Ok(());
        };
        const TRIES: usize = 6;
        for _ in 0..TRIES {
            let text = AssertSqlSafe("PRAGMA wal_checkpoint(TRUNCATE)");
            let (busy, _, _): (i64, i64, i64) = sqlx::query_as(text).fetch_one(writers).await?;
            if busy == 0 {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Err(StoreError::Refused(
            "somebody reads the database without a pause, so its write-ahead log cannot be emptied; run `dunwell person erased` when that has ended".into(),
        ))
    }
}

/// Whether this is a backup of this program, and of which database.
///
/// # Errors
/// The folder holds none.
pub fn backup_in(folder: &Path) -> Result<&'static str, StoreError> {
    let has = |name: &str| folder.join(name).is_file();
    match (has(KEYS), has(SQLITE_COPY), has(POSTGRES_COPY)) {
        (true, true, _) => Ok("sqlite"),
        (true, false, true) => Ok("postgres"),
        _ => Err(StoreError::Refused(format!(
            "`{}` holds no backup: expected `{KEYS}` with `{SQLITE_COPY}` or `{POSTGRES_COPY}`",
            folder.display()
        ))),
    }
}

/// Puts the copy of a backup in the place of a database that is not there yet.
///
/// # Errors
/// There is a database already, or the copy is for another kind of database.
pub async fn put_back(folder: &Path, url: &str) -> Result<(), StoreError> {
    let kind = backup_in(folder)?;
    let wanted = if url.starts_with("sqlite:") {
        "sqlite"
    } else {
        "postgres"
    };
    if kind != wanted {
        return Err(StoreError::Refused(format!(
            "the backup is of a {kind} database, `database_url` names a {wanted} one"
        )));
    }
    if kind == "postgres" {
        return run(
            "pg_restore",
            &["--no-owner", "--exit-on-error", "--single-transaction"],
            url,
            &folder.join(POSTGRES_COPY),
        )
        .await;
    }
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let path = Path::new(path.split('?').next().unwrap_or(path));
    let failed = |e: std::io::Error| StoreError::Refused(format!("`{}`: {e}", path.display()));
    if path.exists() {
        return Err(StoreError::Refused(format!(
            "`{}` is there already; move it away first, with its `-wal` file",
            path.display()
        )));
    }
    let mut from = std::fs::File::open(folder.join(SQLITE_COPY)).map_err(failed)?;
    let mut to = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    std::io::copy(&mut from, &mut to).map_err(failed)?;
    to.sync_all().map_err(failed)
}

async fn every_key(tx: &mut Tx) -> Result<Wrapped, StoreError> {
    let rows = q!(&mut *tx, sql::EVERY_KEY, [] => all (Uuid, String, Vec<u8>))?;
    let there = |w: &[u8]| w.iter().any(|b| *b != 0);
    Ok(rows
        .into_iter()
        .filter(|(_, _, wrapped)| there(wrapped))
        .map(|(person, master, wrapped)| (person, (master, wrapped)))
        .collect())
}

/// Reads the keys out of a fresh copy and overwrites them there.
async fn take_keys_out(copy: &Path) -> Result<Wrapped, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(copy)
        .journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON");
    let mut db: SqliteConnection = options.connect().await?;
    let rows: Vec<(Uuid, String, Vec<u8>)> = sqlx::query_as(sql::EVERY_KEY.sqlite).fetch_all(&mut db).await?;
    sqlx::query(sql::NO_KEYS.sqlite).execute(&mut db).await?;
    db.close().await?;
    Ok(rows
        .into_iter()
        .filter(|(_, _, wrapped)| wrapped.iter().any(|b| *b != 0))
        .map(|(person, master, wrapped)| (person, (master, wrapped)))
        .collect())
}

fn write_keys(folder: &Path, keys: &Wrapped) -> std::io::Result<()> {
    let mut text = format!("{KEYS_MARK}\n");
    for (person, (master, wrapped)) in keys {
        text += &format!("{} {master} {}\n", person.hyphenated(), BASE64.encode(wrapped));
    }
    replace_secret(&folder.join(KEYS), text.as_bytes())
}

fn read_keys(folder: &Path) -> std::io::Result<Wrapped> {
    let text = std::fs::read_to_string(folder.join(KEYS))?;
    let torn = |line: usize| {
        std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("line {line} is torn: expected person, master key and wrapped key"),
        )
    };
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line) != Some(KEYS_MARK) {
        return Err(torn(1));
    }
    let mut keys = Wrapped::new();
    for (n, line) in lines {
        let mut words = line.split(' ');
        let (person, master, wrapped) = (words.next(), words.next(), words.next());
        let person = person
            .and_then(|p| Uuid::parse_str(p).ok())
            .ok_or_else(|| torn(n + 1))?;
        let wrapped = wrapped
            .and_then(|w| BASE64.decode(w).ok())
            .ok_or_else(|| torn(n + 1))?;
        if wrapped.len() != WRAPPED_BYTES || words.next().is_some() {
            return Err(torn(n + 1));
        }
        keys.insert(person, (master.unwrap_or_default().to_owned(), wrapped));
    }
    Ok(keys)
}

fn private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    std::fs::File::open(path)?.sync_all()
}

/// PostgreSQL keeps replaced rows until their tables are written anew; the small table of keys is, the others are freed.
pub(super) async fn wipe_postgres(pool: &PgPool) -> Result<(), StoreError> {
    for text in [
        "VACUUM FULL person_key",
        "VACUUM (TRUNCATE) content",
        "VACUUM (TRUNCATE) decision",
        "VACUUM person",
        "VACUUM contact_point",
        "VACUUM account",
        "VACUUM attempt",
        "VACUUM (TRUNCATE) receipt",
        "VACUUM (TRUNCATE) receipt_aside",
        "VACUUM (TRUNCATE) inbound",
    ] {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(pool).await?;
    }
    Ok(())
}

async fn dump(pool: &PgPool, to: &Path) -> Result<(), StoreError> {
    let options = pool.connect_options();
    let url = options.to_url_lossy().to_string();
    run(
        "pg_dump",
        &["--format=custom", "--exclude-table-data=person_key", "--no-owner"],
        &url,
        to,
    )
    .await
}

/// Runs a tool of PostgreSQL; the address goes to it by the environment, where other users cannot read it.
async fn run(tool: &str, options: &[&str], url: &str, file: &Path) -> Result<(), StoreError> {
    let restoring = tool == "pg_restore";
    let mut command = std::process::Command::new(tool);
    command
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    for (name, value) in connection_words(url)? {
        command.env(name, value);
    }
    if restoring {
        // An empty name means: the database of the environment.
        command.arg("--dbname=").arg(file);
    } else {
        command.arg("--file").arg(file);
    }
    let name = tool.to_owned();
    let ended = tokio::task::spawn_blocking(move || command.output())
        .await
        .map_err(|_| StoreError::Closed)?;
    match ended {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(StoreError::Refused(format!(
            "`{name}` is not installed; a PostgreSQL database is copied and put back by its own tools"
        ))),
        Err(e) => Err(StoreError::Refused(format!("`{name}` cannot be run: {e}"))),
        Ok(output) if output.status.success() => Ok(()),
        // Its messages may quote rows; the first words say enough.
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(160)
                .collect::<String>();
            Err(StoreError::Refused(format!("`{name}` failed: {first}")))
        }
    }
}

fn percent_decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = hex.and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The parts of an address as libpq reads them from the environment.
fn connection_words(url: &str) -> Result<Vec<(&'static str, String)>, StoreError> {
    use std::str::FromStr;
    let options = sqlx::postgres::PgConnectOptions::from_str(url)
        .map_err(|_| StoreError::Open("`database_url` cannot be read".into()))?;
    let mut words = vec![
        ("PGHOST", options.get_host().to_owned()),
        ("PGPORT", options.get_port().to_string()),
        ("PGUSER", options.get_username().to_owned()),
    ];
    if let Some(socket) = options.get_socket() {
        words[0].1 = socket.display().to_string();
    }
    if let Some(password) = options.to_url_lossy().password() {
        words.push(("PGPASSWORD", percent_decoded(password)));
    }
    if let Some(database) = options.get_database() {
        words.push(("PGDATABASE", database.to_owned()));
    }
    Ok(words)
}
