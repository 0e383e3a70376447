//! How domain values travel: moments as fixed-width text or TIMESTAMPTZ, words as text, ids as 16 bytes or UUID.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgHasArrayType, PgTypeInfo};
use sqlx::{Postgres, Sqlite};
use uuid::Uuid;

use super::StoreError;
use crate::domain::Moment;

/// A moment as both databases keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ts(pub(super) Moment);

impl sqlx::Type<Sqlite> for Ts {
    fn type_info() -> <Sqlite as sqlx::Database>::TypeInfo {
        <String as sqlx::Type<Sqlite>>::type_info()
    }
}
impl<'q> sqlx::Encode<'q, Sqlite> for Ts {
    fn encode_by_ref(
        &self,
        buf: &mut <Sqlite as sqlx::Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        <String as sqlx::Encode<Sqlite>>::encode(self.0.to_text(), buf)
    }
}
impl<'r> sqlx::Decode<'r, Sqlite> for Ts {
    fn decode(value: <Sqlite as sqlx::Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Ts(Moment::parse(<&str as sqlx::Decode<Sqlite>>::decode(value)?)?))
    }
}
impl sqlx::Type<Postgres> for Ts {
    fn type_info() -> <Postgres as sqlx::Database>::TypeInfo {
        <DateTime<Utc> as sqlx::Type<Postgres>>::type_info()
    }
}
impl<'q> sqlx::Encode<'q, Postgres> for Ts {
    fn encode_by_ref(
        &self,
        buf: &mut <Postgres as sqlx::Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        <DateTime<Utc> as sqlx::Encode<Postgres>>::encode_by_ref(&self.0.utc(), buf)
    }
}
impl<'r> sqlx::Decode<'r, Postgres> for Ts {
    fn decode(value: <Postgres as sqlx::Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Ts(Moment::new(
            <DateTime<Utc> as sqlx::Decode<Postgres>>::decode(value)?,
        )))
    }
}

impl PgHasArrayType for Ts {
    fn array_type_info() -> PgTypeInfo {
        <DateTime<Utc> as PgHasArrayType>::array_type_info()
    }
}

/// An id inside a JSON batch: 32 hex digits, which both databases read.
pub(super) fn hex_id(id: Uuid) -> String {
    id.simple().to_string()
}

/// Many ids as a JSON list.
pub(super) fn id_list(ids: impl IntoIterator<Item = Uuid>) -> String {
    let mut out = String::from("[");
    for (i, id) in ids.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push('"');
        out.push_str(&hex_id(id));
        out.push('"');
    }
    out.push(']');
    out
}

/// Reads a stored word back.
pub(super) fn word<T: FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what })
}

/// Reads an optional stored word back.
pub(super) fn word_opt<T: FromStr>(text: Option<&str>, what: &'static str) -> Result<Option<T>, StoreError> {
    text.map(|t| word(t, what)).transpose()
}
