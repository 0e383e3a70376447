//! What the store promises, on every database: each scenario takes a fresh one and runs on SQLite and on PostgreSQL.

mod arrivals;
pub(crate) mod bounces;
mod claim;
mod contention;
mod events;
mod evidence;
mod import;
mod log;
mod machine;
mod opening;
mod queue;
mod standstill;
mod registry;
mod replies;
mod reserve;
mod schema;
mod seal;
mod settle;
mod stale;
mod versions;
pub(crate) mod world;
mod writer;
mod whereabouts;

/// Says on which database a scenario failed.
struct NamesDatabase(&'static str);

impl Drop for NamesDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was on {}", self.0);
        }
    }
}

/// Drives scenarios, each an `async fn(TestDatabase)`, on a fresh database of every kind.
macro_rules! on_every_database {
    ($($scenario:ident),+ $(,)?) => {
        mod on_every_database {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $scenario() {
                for database in crate::support::databases() {
                    let _names = super::super::NamesDatabase(database.kind);
                    super::$scenario(database).await;
                }
            })+
        }
    };
}
use on_every_database;
