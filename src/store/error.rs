//! What can go wrong, cut by what the caller does next.

/// An error of the store. Never holds personal data.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened: the operator must change something.
    #[error("{0}")]
    Open(String),
    /// The schema is newer than this program: install the newer program.
    #[error(
        "the database has schema version {found}, this program knows {known}\nuse the newer program, or another database"
    )]
    Newer {
        /// Version in the database.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// Two transactions wanted the same rows: try again.
    #[error("another transaction held the same rows; try again")]
    Contended,
    /// Something named by the caller is not there.
    #[error("{what} `{name}` is not there")]
    Missing {
        /// Kind of thing, in field words.
        what: &'static str,
        /// Its name or id.
        name: String,
    },
    /// The caller asked for something that the rules of the domain do not allow.
    #[error("{0}")]
    Refused(String),
    /// The log contradicts a head that was signed: somebody changed it, or put back an older copy. Stop and call a
    /// person.
    #[error("{0}")]
    Inconsistent(String),
    /// What is stored cannot be read; somebody changed it by hand.
    #[error("the database holds an unreadable {what}")]
    Corrupt {
        /// Kind of value.
        what: &'static str,
    },
    /// The disk is full, the server went away, the file is locked: stop and call a person.
    #[error("the database failed: {0}")]
    Database(String),
    /// The writer has been closed.
    #[error("the store is closed")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> StoreError {
        if let sqlx::Error::Database(d) = &e {
            // PostgreSQL: serialization failure, deadlock, lock not available.
            if matches!(d.code().as_deref(), Some("40001" | "40P01" | "55P03")) {
                return StoreError::Contended;
            }
            // The server's detail lines may quote values; the message alone does not.
            return StoreError::Database(d.message().to_owned());
        }
        StoreError::Database(match e {
            sqlx::Error::Io(io) => io.to_string(),
            sqlx::Error::PoolTimedOut => "no connection became free in time".into(),
            sqlx::Error::ColumnDecode { index, .. } => format!("column {index} cannot be read"),
            other => other.to_string(),
        })
    }
}
