//! What a bundle says of itself: which head, which question, which attempts and entries are the answer.

use std::collections::BTreeMap;

use super::scope::{About, Scope, Selected};
use crate::evidence::canonical::{Value, parse, to_canonical};

/// Form of bundles; a change of meaning raises it.
const FORM: &str = "dunwell-bundle/1";

/// The statement, `statement.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The log.
    pub origin: String,
    /// How many entries the log had under the head.
    pub size: u64,
    /// The root of the head, in hex.
    pub root: String,
    /// The question.
    pub scope: Scope,
    /// The answer: these attempts and entries, and no others of the log up to the head.
    pub answer: Selected,
    /// Number or reference of the complaint that is answered.
    pub reference: Option<String>,
    /// Language of the certificate: `zh` or `en`.
    pub language: String,
}

fn texts(list: &[String]) -> Value {
    Value::List(list.iter().map(|t| t.as_str().into()).collect())
}

fn number(n: u64) -> Value {
    i64::try_from(n).unwrap_or(i64::MAX).into()
}

impl Statement {
    /// Its bytes.
    pub fn to_canonical(&self) -> String {
        let entries = self.answer.entries.iter().map(|n| number(*n)).collect();
        let scope = [
            ("kind", self.scope.about.as_str().into()),
            ("ids", texts(&self.scope.ids)),
        ];
        let mut fields: BTreeMap<String, Value> = BTreeMap::new();
        let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
        put("form", FORM.into());
        put("origin", self.origin.as_str().into());
        put("size", number(self.size));
        put("root", self.root.as_str().into());
        put("scope", scope.into());
        put("attempts", texts(&self.answer.attempts));
        put("entries", Value::List(entries));
        put("language", self.language.as_str().into());
        for (key, value) in [
            ("from", &self.scope.from),
            ("until", &self.scope.until),
            ("reference", &self.reference),
        ] {
            if let Some(text) = value {
                put(key, text.as_str().into());
            }
        }
        to_canonical(&Value::Object(fields))
    }

    /// Reads a statement; `None` where it is not in the one form.
    pub fn parse(bytes: &[u8]) -> Option<Statement> {
        let Ok(Value::Object(mut fields)) = parse(std::str::from_utf8(bytes).ok()?) else {
            return None;
        };
        let form = text(&mut fields, "form")?;
        let origin = text(&mut fields, "origin")?;
        let size = match fields.remove("size")? {
            Value::Int(n) => u64::try_from(n).ok()?,
            _ => return None,
        };
        let root = text(&mut fields, "root")?;
        let Value::Object(mut scope) = fields.remove("scope")? else {
            return None;
        };
        let about = About::parse(&text(&mut scope, "kind")?)?;
        let ids = list(&mut scope, "ids")?;
        let attempts = list(&mut fields, "attempts")?;
        let Value::List(entries) = fields.remove("entries")? else {
            return None;
        };
        let index = |value: Value| match value {
            Value::Int(n) => u64::try_from(n).ok().filter(|n| *n < size),
            _ => None,
        };
        let entries = entries.into_iter().map(index).collect::<Option<Vec<u64>>>()?;
        let language = text(&mut fields, "language")?;
        let from = optional(&mut fields, "from")?;
        let until = optional(&mut fields, "until")?;
        let reference = optional(&mut fields, "reference")?;
        if form != FORM || !fields.is_empty() || !scope.is_empty() {
            return None;
        }
        Some(Statement {
            origin,
            size,
            root,
            scope: Scope {
                about,
                ids,
                from,
                until,
            },
            answer: Selected { attempts, entries },
            reference,
            language,
        })
    }
}

fn text(fields: &mut BTreeMap<String, Value>, key: &str) -> Option<String> {
    match fields.remove(key)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// A field that may be absent, but is a text if it is there.
fn optional(fields: &mut BTreeMap<String, Value>, key: &str) -> Option<Option<String>> {
    match fields.contains_key(key) {
        true => text(fields, key).map(Some),
        false => Some(None),
    }
}

fn list(fields: &mut BTreeMap<String, Value>, key: &str) -> Option<Vec<String>> {
    let Value::List(items) = fields.remove(key)? else {
        return None;
    };
    let each = items.into_iter().map(|item| match item {
        Value::Text(text) => Some(text),
        _ => None,
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_reads_back_and_other_forms_are_refused() {
        let statement = Statement {
            origin: "log".into(),
            size: 9,
            root: "00".into(),
            scope: Scope {
                about: About::Person,
                ids: vec!["p".into()],
                from: None,
                until: Some("2026".into()),
            },
            answer: Selected {
                attempts: vec!["A".into()],
                entries: vec![1, 8],
            },
            reference: Some("投诉 12".into()),
            language: "zh".into(),
        };
        let text = statement.to_canonical();
        assert_eq!(Statement::parse(text.as_bytes()), Some(statement));
        for (from, to) in [
            ("[1,8]", "[1,9]"),
            ("[1,8]", "[1,true]"),
            ("dunwell-bundle/1", "dunwell-bundle/2"),
            ("\"person\"", "\"nobody\""),
            ("\"origin\"", "\"origins\""),
            ("\"size\":9", "\"size\":true"),
            ("\"size\":9", "\"size\": 9"),
            ("{\"ids\"", "{\"a\":1,\"ids\""),
        ] {
            assert!(text.contains(from), "{from}");
            assert_eq!(Statement::parse(text.replace(from, to).as_bytes()), None, "{to}");
        }
    }
}
