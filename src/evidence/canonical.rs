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
    /// A float, a null, a key that is not plain ASCII, or an integer that readers round.
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
        if n.unsigned_abs() <= MAX_EXACT.unsigned_abs() {
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
            Some(n) if n.unsigned_abs() <= MAX_EXACT.unsigned_abs() => Value::Int(n),
            _ => return Err(CanonicalError::Forbidden("a number that is no exact integer")),
        },
        J::String(text) => Value::Text(text),
        J::Array(list) => Value::List(list.into_iter().map(restrict).collect::<Result<_, _>>()?),
        J::Object(fields) => {
            let mut out = BTreeMap::new();
            for (key, item) in fields {
                if !key.bytes().all(is_key_byte) {
                    return Err(CanonicalError::Forbidden("a key that is not plain ASCII"));
                }
                out.insert(key, restrict(item)?);
            }
            Value::Object(out)
        }
    })
}

/// Keys hold visible ASCII and blanks, and nothing that needs an escape.
fn is_key_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Checks in one pass that `bytes` are one canonical object, without making values: for reading long logs. Gives the
/// fields of the object as they are spelled, text without its quotes; nested ones are checked and given whole.
pub fn scan<'b>(bytes: &'b str, mut field: impl FnMut(&'b str, &'b str)) -> bool {
    let mut scan = Scan { text: bytes, at: 0 };
    scan.object(0, &mut field).is_some() && scan.at == bytes.len()
}

/// Deeper nesting is refused; entries have three levels.
const MAX_DEPTH: u32 = 32;

struct Scan<'b> {
    text: &'b str,
    at: usize,
}

impl<'b> Scan<'b> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn object(&mut self, depth: u32, field: &mut dyn FnMut(&'b str, &'b str)) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_some() {
            return Some(());
        }
        let mut last: Option<&str> = None;
        loop {
            let from = self.at + 1;
            self.string()?;
            let key = &self.text[from..self.at - 1];
            // Sorted strictly upwards, so that no key stands twice.
            if !key.bytes().all(is_key_byte) || last.is_some_and(|last| last >= key) {
                return None;
            }
            last = Some(key);
            self.eat(b':')?;
            let from = self.at;
            self.value(depth + 1)?;
            let spelled = &self.text[from..self.at];
            let plain = spelled.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
            field(key, plain.unwrap_or(spelled));
            if self.eat(b',').is_none() {
                return self.eat(b'}');
            }
        }
    }

    fn value(&mut self, depth: u32) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => self.string(),
            b'{' => self.object(depth, &mut |_, _| {}),
            b'[' => self.list(depth),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            _ => self.integer(),
        }
    }

    fn list(&mut self, depth: u32) -> Option<()> {
        self.eat(b'[')?;
        if self.eat(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            if self.eat(b',').is_none() {
                return self.eat(b']');
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text[self.at..]
            .starts_with(word)
            .then(|| self.at += word.len())
    }

    fn integer(&mut self) -> Option<()> {
        let from = self.at;
        let _sign = self.eat(b'-');
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        let spelled = &self.text[from..self.at];
        let number: i64 = spelled.parse().ok()?;
        let digits = spelled.trim_start_matches('-');
        let plain = digits == "0" && spelled == "0" || !digits.starts_with('0');
        (plain && number.unsigned_abs() <= MAX_EXACT.unsigned_abs()).then_some(())
    }

    fn string(&mut self) -> Option<()> {
        self.eat(b'"')?;
        let bytes = self.text.as_bytes();
        loop {
            let special = |b: &u8| *b == b'"' || *b == b'\\' || *b < 0x20;
            self.at += bytes.get(self.at..)?.iter().position(special)?;
            match *bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => {
                    let escape = *bytes.get(self.at + 1)?;
                    self.at += 2;
                    match escape {
                        b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r' => {}
                        b'u' => {
                            // Only controls without a letter of their own.
                            let digits = bytes.get(self.at..self.at + 4)?;
                            let known = matches!(digits, [b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f']
                                | [b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f']);
                            if !known {
                                return None;
                            }
                            self.at += 4;
                        }
                        _ => return None,
                    }
                }
                // A control character that is not escaped.
                _ => return None,
            }
        }
    }
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
        for bad in [
            "1.5",
            "null",
            "9007199254740993",
            "-9223372036854775808",
            "{\"é\":1}",
        ] {
            assert!(matches!(parse(bad), Err(CanonicalError::Forbidden(_))), "{bad}");
            assert!(!scan(&format!("{{\"a\":{bad}}}"), |_, _| {}), "{bad}");
        }
    }

    #[test]
    fn large_integers_are_text() {
        assert_eq!(to_canonical(&Value::from(i64::MAX)), "\"9223372036854775807\"");
        assert_eq!(to_canonical(&Value::from(i64::MIN)), "\"-9223372036854775808\"");
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

    fn scans(text: &str) -> bool {
        scan(text, |_, _| {})
    }

    #[test]
    fn scanning_gives_the_fields_of_the_object() {
        let mut fields = Vec::new();
        let text = "{\"a\":\"x\",\"b\":-12,\"c\":{\"d\":[true,\"y\"]},\"e\":\"\\u001f\"}";
        assert!(scan(text, |key, value| fields.push((key, value))));
        assert_eq!(
            fields,
            [
                ("a", "x"),
                ("b", "-12"),
                ("c", "{\"d\":[true,\"y\"]}"),
                ("e", "\\u001f")
            ]
        );
        assert!(scans("{}"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_value()) {
            prop_assert_eq!(parse(&to_canonical(&value)).unwrap(), value);
        }

        #[test]
        fn the_crate_of_the_standard_writes_the_same(value in any_value()) {
            let ours = to_canonical(&value);
            let json: serde_json::Value = serde_json::from_str(&ours).unwrap();
            prop_assert_eq!(serde_jcs::to_string(&json).unwrap(), ours);
        }

        #[test]
        fn scanning_accepts_what_reading_accepts(value in any_value(), at in any::<usize>(), byte in prop::sample::select(b"{}[]\",:0123-9.eEtfnu\\ ab\n\x01".to_vec())) {
            let text = to_canonical(&Value::from([("k", value)]));
            prop_assert!(scans(&text), "{text}");
            for edit in 0..3 {
                let mut bytes = text.clone().into_bytes();
                let at = at % bytes.len();
                match edit {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => _ = bytes.remove(at),
                }
                if let Ok(changed) = String::from_utf8(bytes) {
                    let object = changed.starts_with('{');
                    prop_assert_eq!(scans(&changed), object && parse(&changed).is_ok(), "{}", changed);
                }
            }
        }
    }
}
