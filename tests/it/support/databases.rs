//! A fresh, empty database of each kind for each test.

use std::future::Future;

use dunwell::clock::{Clock, SystemClock};
use sqlx::Postgres;
use sqlx::migrate::MigrateDatabase;
use tempfile::TempDir;

use super::require_or_skip;

/// An empty database that disappears when this is dropped.
pub(crate) struct TestDatabase {
    /// `sqlite` or `postgres`, for messages.
    pub(crate) kind: &'static str,
    /// What goes into `database_url`.
    pub(crate) database_url: String,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// A SQLite file that lies in somebody else's folder.
    pub(crate) fn in_folder(folder: &std::path::Path) -> TestDatabase {
        TestDatabase {
            kind: "sqlite",
            database_url: format!("sqlite://{}", folder.join("dunwell.sqlite").display()),
            _folder: None,
        }
    }
}

/// SQLite always; PostgreSQL when `DUNWELL_TEST_POSTGRES` names a server, as `make test` does.
pub(crate) fn databases() -> Vec<TestDatabase> {
    let folder = tempfile::tempdir().unwrap();
    let database_url = format!("sqlite://{}", folder.path().join("dunwell.sqlite").display());
    let mut all = vec![TestDatabase {
        kind: "sqlite",
        database_url,
        _folder: Some(folder),
    }];
    match std::env::var("DUNWELL_TEST_POSTGRES") {
        Ok(server) if !server.is_empty() => all.push(on_server(&server)),
        _ => _ = require_or_skip("PostgreSQL half of the database tests: `make test` starts one"),
    }
    all
}

fn on_server(server: &str) -> TestDatabase {
    let (server, options) = server
        .split_once('?')
        .map_or((server, String::new()), |(s, o)| (s, format!("?{o}")));
    let (server, _) = server
        .rsplit_once('/')
        .expect("DUNWELL_TEST_POSTGRES is an address with a database");
    let name = SystemClock::new().fresh().simple();
    let database_url = format!("{server}/dunwell_{name}{options}");
    let url = database_url.clone();
    wait_for(async move { Postgres::create_database(&url).await }).unwrap();
    TestDatabase {
        kind: "postgres",
        database_url,
        _folder: None,
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.kind == "postgres" {
            let url = self.database_url.clone();
            // A database that stays behind harms nobody; a panic in `drop` would hide the real failure.
            let _left_behind = wait_for(async move { Postgres::force_drop_database(&url).await });
        }
    }
}

/// Waits on a thread of its own, so that tests with and without a runtime can use it.
fn wait_for<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let wait = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(work)
    };
    std::thread::spawn(wait).join().unwrap()
}
