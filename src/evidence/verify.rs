//! Checking stored entries: bytes against hash, spelling, index columns, and the chain of one attempt.

use super::canonical::{CanonicalError, Value, parse};
use super::entry::leaf_hash;

/// An entry as it was read back: the bytes and the columns that index them.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Place in the order of appending.
    pub position: i64,
    /// Column: id of the entry.
    pub record: String,
    /// Column: kind.
    pub kind: String,
    /// Column: attempt, if any.
    pub attempt: Option<String>,
    /// Column: leaf hash.
    pub leaf: Vec<u8>,
    /// The bytes.
    pub bytes: String,
}

/// What is wrong with one entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes do not hash to the stored leaf hash.
    #[error("the bytes do not hash to the stored leaf hash")]
    Hash,
    /// The bytes are not canonical.
    #[error("{0}")]
    Canonical(#[from] CanonicalError),
    /// A column says something else than the bytes.
    #[error("column `{column}` differs from the bytes")]
    Column {
        /// Which column.
        column: &'static str,
    },
    /// The previous entry of the attempt is not the one that was seen last.
    #[error("names another predecessor than the attempt's last entry")]
    Chain,
}

/// Checks one entry. `last` is the id of the previous entry of the same attempt, in order of appending.
/// Returns the parsed fields for further checks.
pub fn verify_entry(stored: &Stored, last: Option<&str>) -> Result<Value, Fault> {
    if leaf_hash(stored.bytes.as_bytes()).as_slice() != stored.leaf {
        return Err(Fault::Hash);
    }
    let value = parse(&stored.bytes)?;
    let field = |key: &str| match &value {
        Value::Object(fields) => match fields.get(key) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        },
        _ => None,
    };
    if field("record") != Some(stored.record.as_str()) {
        return Err(Fault::Column { column: "record" });
    }
    if field("kind") != Some(stored.kind.as_str()) {
        return Err(Fault::Column { column: "kind" });
    }
    if field("attempt") != stored.attempt.as_deref() {
        return Err(Fault::Column { column: "attempt" });
    }
    if stored.attempt.is_some() && field("prev") != last {
        return Err(Fault::Chain);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AttemptId, Moment, RecordId};
    use crate::evidence::{Entry, Kind};
    use uuid::Uuid;

    fn stored() -> Stored {
        let at = Moment::parse("2026-04-07T08:00:00Z").unwrap();
        let sealed = Entry::new(Kind::AttemptIntent, RecordId(Uuid::from_u128(1)), at)
            .of_attempt(AttemptId(Uuid::from_u128(2)), None)
            .seal();
        Stored {
            position: 1,
            record: sealed.record.to_string(),
            kind: sealed.kind.as_str().into(),
            attempt: sealed.attempt.map(|a| a.to_string()),
            leaf: sealed.leaf.to_vec(),
            bytes: sealed.bytes,
        }
    }

    #[test]
    fn every_changed_byte_is_found() {
        let good = stored();
        assert!(verify_entry(&good, None).is_ok());
        for i in 0..good.bytes.len() {
            let mut bad = good.clone();
            let mut bytes = bad.bytes.into_bytes();
            bytes[i] ^= 1;
            bad.bytes = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(verify_entry(&bad, None), Err(Fault::Hash), "byte {i}");
        }
    }

    #[test]
    fn a_missing_link_and_a_changed_column_are_found() {
        assert_eq!(verify_entry(&stored(), Some("x")), Err(Fault::Chain));
        let other = Stored {
            kind: "hold.set".into(),
            ..stored()
        };
        assert_eq!(verify_entry(&other, None), Err(Fault::Column { column: "kind" }));
    }
}
