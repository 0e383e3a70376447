//! Copies of the whole database while it runs, and wiping what deleted data has left behind.

use sqlx::AssertSqlSafe;

use super::db::{Db, statements};
use super::{Store, StoreError};

pub(super) mod sql {
    super::statements! {
        SEALED_BEFORE = "SELECT done FROM seal_state WHERE one = 1";
    }
}

impl Store {
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
        const TRIES: usize = 100;
        for _ in 0..TRIES {
            let text = AssertSqlSafe("PRAGMA wal_checkpoint(TRUNCATE)");
            let (busy, _, _): (i64, i64, i64) = sqlx::query_as(text).fetch_one(writers).await?;
            if busy == 0 {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Err(StoreError::Refused(
            "somebody reads the database without a pause, so its write-ahead log cannot be emptied; try again".into(),
        ))
    }
}
