//! Canonical JSON: RFC 8785 restricted to ASCII keys, integers within ±(2^53 − 1), strings, booleans, lists and
//! objects. No floats, no nulls: what is unknown is left out. One value has exactly one spelling.

use std::collections::BTreeMap;

/// The largest integer that every JSON reader keeps exactly (RFC 8785, section 3.2.2.3).
const MAX_EXACT: i64 = (1 << 53) - 1;

/// A restricted JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// An integer within ±(2^53 − 1); larger ones are written as text by their makers.
    Int(i64),
    /// Any valid Unicode text, kept as it is.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// An object; keys are ASCII and sorted.
    Object(BTreeMap<String, Value>),
}

/// Why bytes are not canonical.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// Not JSON at all.
    #[error("not JSON at byte {0}")]
    NotJson(usize),
    /// JSON, but not the one spelling that is allowed.
    #[error("not the canonical spelling")]
    Spelling,
    /// A float, a null, a non-ASCII key or an integer that readers round.
    #[error("holds {0}, which entries never do")]
    Forbidden(&'static str),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}
impl From<i64> for Value {
    /// Integers that readers would round become text.
    fn from(n: i64) -> Value {
        if n.abs() <= MAX_EXACT {
            Value::Int(n)
        } else {
            Value::Text(n.to_string())
        }
    }
}
impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Value {
        Value::List(list)
    }
}
impl<const N: usize> From<[(&str, Value); N]> for Value {
    fn from(fields: [(&str, Value); N]) -> Value {
        Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }
}

/// The one spelling of `value`.
pub fn to_canonical(value: &Value) -> String {
    let mut out = String::with_capacity(512);
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(n) => out.push_str(&n.to_string()),
        Value::Text(text) => write_text(text, out),
        Value::List(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (i, (key, item)) in fields.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}

/// Strings as ECMAScript writes them: two-letter escapes where there are any, `\u00xx` for other controls.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Reads canonical bytes; anything that is not the one spelling is refused.
pub fn parse(bytes: &str) -> Result<Value, CanonicalError> {
    let json: serde_json::Value =
        serde_json::from_str(bytes).map_err(|e| CanonicalError::NotJson(e.column().saturating_sub(1)))?;
    let value = restrict(json)?;
    if to_canonical(&value) == bytes {
        Ok(value)
    } else {
        Err(CanonicalError::Spelling)
    }
}

fn restrict(json: serde_json::Value) -> Result<Value, CanonicalError> {
    use serde_json::Value as J;
    Ok(match json {
        J::Null => return Err(CanonicalError::Forbidden("a null")),
        J::Bool(b) => Value::Bool(b),
        J::Number(n) => match n.as_i64() {
            Some(n) if n.abs() <= MAX_EXACT => Value::Int(n),
            _ => return Err(CanonicalError::Forbidden("a number that is no exact integer")),
        },
        J::String(text) => Value::Text(text),
        J::Array(list) => Value::List(list.into_iter().map(restrict).collect::<Result<_, _>>()?),
        J::Object(fields) => {
            let mut out = BTreeMap::new();
            for (key, item) in fields {
                if !key.is_ascii() {
                    return Err(CanonicalError::Forbidden("a key that is not ASCII"));
                }
                out.insert(key, restrict(item)?);
            }
            Value::Object(out)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_value_has_one_spelling() {
        let value = Value::from([("b", Value::from(1)), ("a", Value::from("\u{1}\n\"\\\u{7f}李€"))]);
        assert_eq!(
            to_canonical(&value),
            "{\"a\":\"\\u0001\\n\\\"\\\\\u{7f}李€\",\"b\":1}"
        );
        for bad in [
            "{\"b\":1,\"a\":2}",
            "{ \"a\":1}",
            "{\"a\":1,\"a\":1}",
            "\"\\u0041\"",
        ] {
            assert_eq!(parse(bad), Err(CanonicalError::Spelling), "{bad}");
        }
        for bad in ["1.5", "null", "9007199254740993", "{\"é\":1}"] {
            assert!(matches!(parse(bad), Err(CanonicalError::Forbidden(_))), "{bad}");
        }
    }

    #[test]
    fn large_integers_are_text() {
        assert_eq!(to_canonical(&Value::from(i64::MAX)), "\"9223372036854775807\"");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (-MAX_EXACT..=MAX_EXACT).prop_map(Value::Int),
            any::<String>().prop_map(Value::Text),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
                prop::collection::btree_map("[a-z_]{1,8}", inner, 0..5).prop_map(Value::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_value()) {
            prop_assert_eq!(parse(&to_canonical(&value)).unwrap(), value);
        }
    }
}
