//! Many rows in one statement. One SQL text serves both databases; where it says `{batch}`, the rows stand as a table
//! `r` with the fields of the row type and their place `n`: on SQLite as bound `VALUES` (reading JSON back costs four
//! times as much there), on PostgreSQL as one array for each column (one round trip whatever the number of rows).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};

use chrono::NaiveDate;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgHasArrayType, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, FromRow, Postgres, Sqlite};
use uuid::Uuid;

use super::StoreError;
use super::db::{Stmt, Tx};
use super::types::Ts;

/// How many rows share one statement on SQLite, largest first; what is left over goes in smaller groups.
const GROUPS: [usize; 4] = [64, 16, 4, 1];

/// A statement over many rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bulk {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) columns: &'static [(&'static str, &'static str)],
}

/// An id inside a batch: a blob on SQLite, a UUID on PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Id(pub(super) Uuid);

/// Bytes inside a batch.
#[derive(Debug, Clone)]
pub(super) struct Bytes(pub(super) Vec<u8>);

/// One value of a row.
pub(super) trait Field {
    /// Its type on PostgreSQL.
    const TYPE: &'static str;
    /// What an array of it holds there.
    type Item: for<'q> sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres> + PgHasArrayType + Send + 'static;
    /// Its place in that array; `None` is NULL.
    fn item(&self) -> Option<Self::Item>;
    /// Binds it on SQLite.
    fn bind(&self, to: &mut SqliteArguments) -> Result<(), BoxDynError>;
}

macro_rules! fields {
    ($($rust:ty: $name:literal as $item:ty, $me:ident => $value:expr;)*) => {$(
        impl Field for $rust {
            const TYPE: &'static str = $name;
            type Item = $item;
            fn item(&self) -> Option<$item> {
                let $me = self;
                Some($value)
            }
            fn bind(&self, to: &mut SqliteArguments) -> Result<(), BoxDynError> {
                let $me = self;
                to.add($value)
            }
        }
        impl Field for Option<$rust> {
            const TYPE: &'static str = $name;
            type Item = $item;
            fn item(&self) -> Option<$item> {
                self.as_ref().map(|$me| $value)
            }
            fn bind(&self, to: &mut SqliteArguments) -> Result<(), BoxDynError> {
                to.add(self.as_ref().map(|$me| $value))
            }
        }
    )*};
}

fields! {
    Id: "UUID" as Uuid, v => v.0;
    Bytes: "BYTEA" as Vec<u8>, v => v.0.clone();
    String: "TEXT" as String, v => v.clone();
    &str: "TEXT" as String, v => (*v).to_owned();
    Ts: "TIMESTAMPTZ" as Ts, v => *v;
    NaiveDate: "DATE" as NaiveDate, v => *v;
    bool: "BOOLEAN" as bool, v => *v;
    i64: "BIGINT" as i64, v => *v;
    u32: "BIGINT" as i64, v => i64::from(*v);
}

/// A row of a batch.
pub(super) trait Row: Sized {
    /// Names and PostgreSQL types of the fields, in order.
    const COLUMNS: &'static [(&'static str, &'static str)];
    /// Binds the fields in order on SQLite.
    fn bind(&self, to: &mut SqliteArguments) -> Result<(), BoxDynError>;
    /// Binds each field of all rows as an array on PostgreSQL.
    fn bind_arrays(rows: &[Self], to: &mut PgArguments) -> Result<(), BoxDynError>;
}

/// Declares a row of a batch.
macro_rules! row {
    ($(#[$m:meta])* $vis:vis struct $name:ident $(<$lt:lifetime>)? { $($fvis:vis $field:ident: $ty:ty),+ $(,)? }) => {
        $(#[$m])*
        $vis struct $name $(<$lt>)? { $($fvis $field: $ty),+ }

        impl $(<$lt>)? $crate::store::bulk::Row for $name $(<$lt>)? {
            const COLUMNS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), <$ty as $crate::store::bulk::Field>::TYPE)),+];
            fn bind(&self, to: &mut sqlx::sqlite::SqliteArguments) -> Result<(), sqlx::error::BoxDynError> {
                $($crate::store::bulk::Field::bind(&self.$field, to)?;)+
                Ok(())
            }
            fn bind_arrays(
                rows: &[Self],
                to: &mut sqlx::postgres::PgArguments,
            ) -> Result<(), sqlx::error::BoxDynError> {
                $($crate::store::bulk::array(rows, to, |r| &r.$field)?;)+
                Ok(())
            }
        }
    };
}
pub(super) use row;

/// One column of all rows.
pub(super) fn array<T, F: Field>(
    rows: &[T],
    to: &mut PgArguments,
    field: impl Fn(&T) -> &F,
) -> Result<(), BoxDynError> {
    to.add(rows.iter().map(|r| field(r).item()).collect::<Vec<_>>())
}

impl Bulk {
    /// The texts for one row, for the register of statements.
    pub(super) fn statement(&self) -> Stmt {
        Stmt {
            name: self.name,
            sqlite: self.sqlite(1),
            postgres: self.postgres(),
        }
    }

    fn postgres(&self) -> &'static str {
        kept(self, 0, || {
            let mut arrays = Vec::with_capacity(self.columns.len());
            let mut named = String::new();
            for (i, (name, kind)) in self.columns.iter().enumerate() {
                arrays.push(format!("CAST(${} AS {kind}[])", i + 1));
                named.push_str(name);
                named.push_str(", ");
            }
            let batch = format!(
                "(SELECT * FROM UNNEST({}) WITH ORDINALITY AS x ({named}n))",
                arrays.join(", ")
            );
            self.text.replace("{batch}", &batch)
        })
    }

    fn sqlite(&self, rows: usize) -> &'static str {
        kept(self, rows, || {
            let width = self.columns.len();
            let mut batch = String::from("(SELECT ");
            for (i, (name, _)) in self.columns.iter().enumerate() {
                let _ = write!(batch, "column{} AS {name}, ", i + 1);
            }
            let _ = write!(batch, "column{} AS n FROM (VALUES ", width + 1);
            for row in 0..rows {
                batch.push_str(if row == 0 { "(" } else { ", (" });
                // Nameless parameters: looking a named one up costs SQLite time that grows with their number.
                batch.push_str(&"?, ".repeat(width));
                let _ = write!(batch, "{row})");
            }
            batch.push_str("))");
            self.text.replace("{batch}", &batch)
        })
    }
}

/// Texts are made once for each number of rows and kept for good; there are a few dozen.
fn kept(bulk: &Bulk, rows: usize, make: impl FnOnce() -> String) -> &'static str {
    static TEXTS: OnceLock<Mutex<HashMap<(usize, usize), &'static str>>> = OnceLock::new();
    let mut texts = TEXTS
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    texts
        .entry((bulk.text.as_ptr() as usize, rows))
        .or_insert_with(|| make().leak())
}

fn groups<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = GROUPS.into_iter().find(|g| *g <= rows.len())?;
        let (group, rest) = rows.split_at(size);
        rows = rest;
        Some(group)
    })
}

fn arguments<T: Row>(group: &[T]) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for row in group {
        row.bind(&mut arguments).map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn arrays<T: Row>(rows: &[T]) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    T::bind_arrays(rows, &mut arguments).map_err(sqlx::Error::Encode)?;
    Ok(arguments)
}

/// Runs a statement over `rows`; none: nothing happens. Returns how many rows it touched.
pub(super) async fn bulk<T: Row>(tx: &mut Tx, statement: &Bulk, rows: &[T]) -> Result<u64, StoreError> {
    let mut touched = 0;
    match tx {
        Tx::Sqlite(t, _) => {
            for group in groups(rows) {
                let query = sqlx::query_with::<Sqlite, _>(statement.sqlite(group.len()), arguments(group)?);
                touched += query.execute(&mut **t).await?.rows_affected();
            }
        }
        Tx::Postgres(t, _) if !rows.is_empty() => {
            let query = sqlx::query_with::<Postgres, _>(statement.postgres(), arrays(rows)?);
            touched += query.execute(&mut **t).await?.rows_affected();
        }
        Tx::Postgres(..) => {}
    }
    Ok(touched)
}

/// Runs a statement over `rows` and reads what it returns.
pub(super) async fn bulk_all<T: Row, R>(
    tx: &mut Tx,
    statement: &Bulk,
    rows: &[T],
) -> Result<Vec<R>, StoreError>
where
    R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let mut found = Vec::new();
    match tx {
        Tx::Sqlite(t, _) => {
            for group in groups(rows) {
                let query =
                    sqlx::query_as_with::<Sqlite, R, _>(statement.sqlite(group.len()), arguments(group)?);
                found.extend(query.fetch_all(&mut **t).await?);
            }
        }
        Tx::Postgres(t, _) if !rows.is_empty() => {
            let query = sqlx::query_as_with::<Postgres, R, _>(statement.postgres(), arrays(rows)?);
            found = query.fetch_all(&mut **t).await?;
        }
        Tx::Postgres(..) => {}
    }
    Ok(found)
}
