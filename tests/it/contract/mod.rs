//! What the store promises, on every database: each scenario takes a fresh one and runs on SQLite and on PostgreSQL.

mod claim;
mod contention;
mod events;
mod evidence;
mod import;
mod opening;
mod queue;
mod registry;
mod reserve;
mod schema;
mod settle;
mod stale;
mod world;
mod writer;

/// Drives scenarios, each an `async fn(TestDatabase)`, on a fresh database of every kind.
macro_rules! on_every_database {
    ($($scenario:ident),+ $(,)?) => {
        mod on_every_database {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $scenario() {
                for database in crate::support::databases() {
                    let kind = database.kind;
                    let ran = tokio::spawn(super::$scenario(database)).await;
                    assert!(ran.is_ok(), "{} fails on {kind}", stringify!($scenario));
                }
            })+
        }
    };
}
use on_every_database;
