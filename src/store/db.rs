//! Two databases behind one face: connections, transactions, and the register of every SQL text.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Postgres, Sqlite, Transaction};

use super::StoreError;
use super::seals::Seals;
use super::writer::Writer;

/// One SQL text, or two where the dialects differ.
#[derive(Debug, Clone, Copy)]
pub struct Stmt {
    /// Name for messages and tests.
    pub name: &'static str,
    /// Text for SQLite.
    pub sqlite: &'static str,
    /// Text for PostgreSQL.
    pub postgres: &'static str,
}

/// Declares the SQL texts of one file and registers them: `NAME = "text"`, a pair where the dialects differ, or
/// `NAME = bulk super::RowType => "text"` for many rows.
macro_rules! statements {
    (@def [$($m:tt)*] $name:ident $both:literal) => {
        $($m)* pub(in crate::store) const $name: $crate::store::db::Stmt =
            $crate::store::db::Stmt { name: stringify!($name), sqlite: $both, postgres: $both };
    };
    (@def [$($m:tt)*] $name:ident { sqlite: $a:literal, postgres: $b:literal $(,)? }) => {
        $($m)* pub(in crate::store) const $name: $crate::store::db::Stmt =
            $crate::store::db::Stmt { name: stringify!($name), sqlite: $a, postgres: $b };
    };
    (@def [$($m:tt)*] $name:ident bulk $row:ty => $text:literal) => {
        $($m)* pub(in crate::store) const $name: $crate::store::bulk::Bulk = $crate::store::bulk::Bulk {
            name: stringify!($name),
            text: $text,
            columns: <$row as $crate::store::bulk::Row>::COLUMNS,
        };
    };
    // One entry after another: comment lines, a name, and one of the three forms.
    (@munch [$($names:ident)*]) => {
        /// Every statement of this file, with the texts for one row.
        pub(in crate::store) fn all() -> Vec<$crate::store::db::Stmt> {
            vec![$($names.statement()),*]
        }
    };
    (@munch [$($names:ident)*] $(#[$m:meta])* $name:ident = bulk $row:ty => $text:literal; $($rest:tt)*) => {
        $crate::store::db::statements!(@def [$(#[$m])*] $name bulk $row => $text);
        $crate::store::db::statements!(@munch [$($names)* $name] $($rest)*);
    };
    (@munch [$($names:ident)*] $(#[$m:meta])* $name:ident = $body:tt; $($rest:tt)*) => {
        $crate::store::db::statements!(@def [$(#[$m])*] $name $body);
        $crate::store::db::statements!(@munch [$($names)* $name] $($rest)*);
    };
    ($($all:tt)*) => { $crate::store::db::statements!(@munch [] $($all)*); };
}
pub(super) use statements;

/// Runs a registered statement in a transaction: `=> all Row`, `one`, `opt`, or `rows` for the number affected.
macro_rules! q {
    (@go $tx:expr, $st:expr, [$($a:expr),*], $r:ty, $m:ident) => {
        match &mut *$tx {
            $crate::store::db::Tx::Sqlite(t, _) =>
                sqlx::query_as::<sqlx::Sqlite, $r>($st.sqlite)$(.bind($a))*.$m(&mut **t).await,
            $crate::store::db::Tx::Postgres(t, _) =>
                sqlx::query_as::<sqlx::Postgres, $r>($st.postgres)$(.bind($a))*.$m(&mut **t).await,
        }
    };
    ($tx:expr, $st:expr, [$($a:expr),* $(,)?] => all $r:ty) => { $crate::store::db::q!(@go $tx, $st, [$($a),*], $r, fetch_all) };
    ($tx:expr, $st:expr, [$($a:expr),* $(,)?] => one $r:ty) => { $crate::store::db::q!(@go $tx, $st, [$($a),*], $r, fetch_one) };
    ($tx:expr, $st:expr, [$($a:expr),* $(,)?] => opt $r:ty) => { $crate::store::db::q!(@go $tx, $st, [$($a),*], $r, fetch_optional) };
    ($tx:expr, $st:expr, [$($a:expr),* $(,)?] => rows) => {
        match &mut *$tx {
            $crate::store::db::Tx::Sqlite(t, _) =>
                sqlx::query::<sqlx::Sqlite>($st.sqlite)$(.bind($a))*.execute(&mut **t).await.map(|r| r.rows_affected()),
            $crate::store::db::Tx::Postgres(t, _) =>
                sqlx::query::<sqlx::Postgres>($st.postgres)$(.bind($a))*.execute(&mut **t).await.map(|r| r.rows_affected()),
        }
    };
}
pub(super) use q;

/// A transaction on either database, with the keys that open what it reads. Dropping it rolls back.
pub(super) enum Tx {
    /// SQLite.
    Sqlite(Transaction<'static, Sqlite>, Arc<Seals>),
    /// PostgreSQL.
    Postgres(Transaction<'static, Postgres>, Arc<Seals>),
}

impl Stmt {
    /// Itself; so that single and bulk statements are listed alike.
    pub(super) fn statement(&self) -> Stmt {
        *self
    }
}

impl Tx {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(t, _) => t.commit().await?,
            Tx::Postgres(t, _) => t.commit().await?,
        }
        Ok(())
    }

    /// The keys of this installation.
    pub(super) fn seals(&self) -> &Arc<Seals> {
        match self {
            Tx::Sqlite(_, seals) | Tx::Postgres(_, seals) => seals,
        }
    }

    pub(super) fn is_postgres(&self) -> bool {
        matches!(self, Tx::Postgres(..))
    }
}

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Every registered statement with the file it stands in; a test prepares each on both databases.
pub fn statements_by_file() -> Vec<(&'static str, Vec<Stmt>)> {
    vec![
        ("access", super::access::sql::all()),
        ("arrivals", super::arrivals::sql::all()),
        ("arrivals_sealed", super::arrivals_sealed::sql::all()),
        ("audit", super::audit::sql::all()),
        ("bounces", super::bounces::sql::all()),
        ("claim", super::claim::sql::all()),
        ("decide", super::decide::sql::all()),
        ("erase", super::erase::sql::all()),
        ("events", super::events::sql::all()),
        ("heads", super::heads::sql::all()),
        ("import", super::import::sql::all()),
        ("kept", super::kept::sql::all()),
        ("log", super::log::sql::all()),
        ("people", super::people::sql::all()),
        ("plan", super::plan::sql::all()),
        ("print", super::print::sql::all()),
        ("queue", super::queue::sql::all()),
        ("registry", super::registry::sql::all()),
        ("replies", super::replies::sql::all()),
        ("restoration", super::restoration::sql::all()),
        ("retention", super::retention::sql::all()),
        ("review", super::review::sql::all()),
        ("runs", super::runs::sql::all()),
        ("backup", super::backup::sql::all()),
        ("bundles", super::bundles::sql::all()),
        ("seal_old", super::seal_old::sql::all()),
        ("seal_old_arrivals", super::seal_old_arrivals::sql::all()),
        ("sealed", super::sealed::sql::all()),
        ("seals", super::seals::sql::all()),
        ("settle", super::settle::sql::all()),
        ("tree", super::tree::sql::all()),
        ("versions", super::versions::sql::all()),
        ("views", super::views::sql::all()),
    ]
}

/// The connections.
pub(super) enum Db {
    /// One writer that groups commits, and readers.
    Sqlite {
        readers: SqlitePool,
        writers: SqlitePool,
        writer: Writer,
        seals: Arc<Seals>,
    },
    /// One pool.
    Postgres(PgPool, Arc<Seals>),
}

impl Db {
    pub(super) async fn open(url: &str, seals: Arc<Seals>) -> Result<Db, StoreError> {
        if url.starts_with("sqlite:") {
            open_sqlite(url, seals).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(url, seals).await
        } else {
            Err(StoreError::Open(
                "`database_url` must begin with `sqlite://` or `postgres://`, e.g. `sqlite://dunwell.sqlite`"
                    .into(),
            ))
        }
    }

    pub(super) fn dialect(&self) -> &'static str {
        match self {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(..) => "postgres",
        }
    }

    /// The keys of this installation.
    pub(super) fn seals(&self) -> &Arc<Seals> {
        match self {
            Db::Sqlite { seals, .. } | Db::Postgres(_, seals) => seals,
        }
    }

    /// A transaction that only reads, on one snapshot.
    pub(super) async fn read(&self) -> Result<Tx, StoreError> {
        match self {
            Db::Sqlite { readers, seals, .. } => {
                let (pool, seals) = (readers.clone(), seals.clone());
                begun(async move { Ok(Tx::Sqlite(pool.begin().await?, seals)) }).await
            }
            Db::Postgres(pool, seals) => {
                let (pool, seals) = (pool.clone(), seals.clone());
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                begun(async move { Ok(Tx::Postgres(pool.begin_with(begin).await?, seals)) }).await
            }
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Db::Sqlite {
                readers,
                writers,
                writer,
                ..
            } => {
                writer.close().await;
                readers.close().await;
                writers.close().await;
            }
            Db::Postgres(pool, _) => pool.close().await,
        }
    }
}

/// Lets a transaction begin in a task of its own. A caller who gives up while it begins would otherwise leave a
/// connection in the pool that is inside a transaction and does not know it.
pub(super) async fn begun(
    begin: impl Future<Output = Result<Tx, sqlx::Error>> + Send + 'static,
) -> Result<Tx, StoreError> {
    match tokio::spawn(begin).await {
        Ok(tx) => Ok(tx?),
        Err(_) => Err(StoreError::Closed),
    }
}

async fn open_sqlite(url: &str, seals: Arc<Seals>) -> Result<Db, StoreError> {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let path = path.split('?').next().unwrap_or(path).to_owned();
    if let Some(folder) = Path::new(&path).parent().filter(|p| !p.as_os_str().is_empty())
        && !folder.is_dir()
    {
        return Err(StoreError::Open(format!(
            "the folder `{}` of the database is not there",
            folder.display()
        )));
    }
    let options = SqliteConnectOptions::from_str(&format!("sqlite://{path}"))
        .map_err(|e| StoreError::Open(format!("`database_url` cannot be read: {e}")))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "MEMORY")
        // What is deleted or replaced is overwritten with zeros, in free pages too.
        .pragma("secure_delete", "ON")
        .statement_cache_capacity(256);
    let failed =
        |e: sqlx::Error| StoreError::Open(format!("the database file `{path}` cannot be opened: {e}"));
    let writers = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options.clone())
        .await
        .map_err(failed)?;
    migrate(&SQLITE, Migrating::Sqlite(&writers)).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(4)
        .connect_with(options.read_only(true))
        .await
        .map_err(failed)?;
    let writer = Writer::start(writers.clone(), seals.clone());
    Ok(Db::Sqlite {
        readers,
        writers,
        writer,
        seals,
    })
}

async fn open_postgres(url: &str, seals: Arc<Seals>) -> Result<Db, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| {
            StoreError::Open(
                "`database_url` cannot be read; expected `postgres://user:password@host/name`".into(),
            )
        })?
        .application_name("dunwell")
        .statement_cache_capacity(256);
    let pool = PgPoolOptions::new()
        .max_connections(12)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options)
        .await
        .map_err(|e| {
            StoreError::Open(match e {
                sqlx::Error::Database(d) => format!("PostgreSQL refused the connection: {}", d.message()),
                sqlx::Error::Io(io) => format!("PostgreSQL cannot be reached: {io}"),
                _ => "PostgreSQL cannot be reached in time".to_owned(),
            })
        })?;
    migrate(&POSTGRES, Migrating::Postgres(&pool)).await?;
    Ok(Db::Postgres(pool, seals))
}

enum Migrating<'a> {
    Sqlite(&'a SqlitePool),
    Postgres(&'a PgPool),
}

async fn migrate(migrator: &Migrator, target: Migrating<'_>) -> Result<(), StoreError> {
    let known = migrator.iter().map(|m| m.version).max().unwrap_or(0);
    let result = match target {
        Migrating::Sqlite(pool) => migrate_sqlite(migrator, pool).await,
        // A lock of the server's makes several programs take turns here.
        Migrating::Postgres(pool) => migrator.run(pool).await,
    };
    result.map_err(|e| match e {
        MigrateError::VersionMissing(found) => StoreError::Newer { found, known },
        MigrateError::VersionMismatch(found) => StoreError::Open(format!(
            "schema version {found} in the database is not the one this program ships"
        )),
        other => StoreError::Open(format!("the schema cannot be brought up to date: {other}")),
    })
}

/// SQLite has no lock that spans migrations: of several programs that open a fresh file together one applies each
/// migration and the others fail on what is already there. Each failure means that somebody else got on, so the next
/// round finds it done.
async fn migrate_sqlite(migrator: &Migrator, pool: &SqlitePool) -> Result<(), MigrateError> {
    const ROUNDS: usize = 8;
    for _ in 1..ROUNDS {
        match migrator.run(pool).await {
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) => {}
            done_or_refused => return done_or_refused,
        }
    }
    migrator.run(pool).await
}
