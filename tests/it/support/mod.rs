//! What several topics need: databases to run on, and skipping aloud.

mod databases;
pub(crate) mod faulty_http;
pub(crate) mod faulty_smtp;
pub(crate) mod postfix;
pub(crate) mod smsc;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;

pub(crate) use databases::{TestDatabase, databases};

/// For a test whose tools are missing: says aloud, once for each reason, that something is skipped and gives `true`,
/// for the test to return. Where nothing may be skipped (`DUNWELL_REQUIRE=1`) it fails the test instead.
pub(crate) fn require_or_skip(reason: &str) -> bool {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    assert!(
        std::env::var("DUNWELL_REQUIRE").as_deref() != Ok("1"),
        "nothing may be skipped here: {reason}"
    );
    if SAID.lock().unwrap().insert(reason.to_owned()) {
        // Straight to the stream, because the test harness swallows what `eprintln!` says in a passing test.
        std::io::stderr()
            .write_all(format!("SKIPPED: {reason}\n").as_bytes())
            .unwrap();
    }
    true
}

/// The bytes of a file that SQLite may have open in this process, read by another program: whoever opens and closes such a
/// file himself takes away the locks of the whole process (<https://sqlite.org/howtocorrupt.html>, 2.2). Empty where there is none.
pub(crate) fn read_apart(file: &std::path::Path) -> Vec<u8> {
    let read = std::process::Command::new("cat").arg(file).output();
    read.expect("`cat` is everywhere").stdout
}

#[tokio::test]
async fn every_database_answers() {
    for database in databases() {
        let one: i32 = match database.kind {
            "sqlite" => {
                let options: sqlx::sqlite::SqliteConnectOptions = database.database_url.parse().unwrap();
                let pool = sqlx::SqlitePool::connect_with(options.create_if_missing(true))
                    .await
                    .unwrap();
                sqlx::query_scalar("SELECT 1").fetch_one(&pool).await.unwrap()
            }
            _ => {
                let pool = sqlx::PgPool::connect(&database.database_url).await.unwrap();
                sqlx::query_scalar("SELECT 1").fetch_one(&pool).await.unwrap()
            }
        };
        assert_eq!(one, 1, "{}", database.kind);
    }
}
