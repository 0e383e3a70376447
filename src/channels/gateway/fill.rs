//! Placeholders of a description filled in. A field whose placeholder has no value is left out; a value is coded for where
//! it goes, so no value can become another field.

use std::collections::BTreeMap;

use serde_json::Value;

/// Every placeholder there is.
pub(super) const PLACEHOLDERS: &[&str] = &[
    "account",
    "attempt",
    "base",
    "callback",
    "coding",
    "country",
    "date",
    "extra",
    "from",
    "line_1",
    "line_2",
    "line_3",
    "line_4",
    "line_5",
    "line_6",
    "lines",
    "name",
    "pages",
    "paper",
    "pdf",
    "pdf_base64",
    "reference",
    "region",
    "secret",
    "signature",
    "template",
    "template_params",
    "text",
    "to",
    "to_digits",
    "to_mainland",
    "validity_millis",
    "validity_seconds",
];

/// The values of one request.
#[derive(Default)]
pub(super) struct Values {
    texts: BTreeMap<&'static str, String>,
    /// The parameters of a registered template, in the order of its text.
    pub(super) params: Option<Vec<(String, String)>>,
    /// The lines of a postal address.
    pub(super) lines: Vec<String>,
    /// A letter on paper.
    pub(super) pdf: Option<Vec<u8>>,
}

impl Values {
    pub(super) fn put(&mut self, name: &'static str, value: impl Into<Option<String>>) {
        debug_assert!(PLACEHOLDERS.contains(&name));
        if let Some(value) = value.into() {
            self.texts.insert(name, value);
        }
    }

    /// The value of `name`, or of `name:a,b`: the first word for texts of the GSM alphabet, the second for others.
    fn get(&self, name: &str) -> Option<String> {
        if let Some((name, words)) = name.split_once(':') {
            let (gsm, other) = words.split_once(',')?;
            let is_gsm = self.texts.get(name)? == "gsm7";
            return Some(if is_gsm { gsm } else { other }.to_owned());
        }
        if name == "template_params" {
            let params = self.params.as_ref()?;
            let object: serde_json::Map<String, Value> = params
                .iter()
                .map(|(k, v)| (k.clone(), Value::String(v.clone())))
                .collect();
            return Some(Value::Object(object).to_string());
        }
        self.texts.get(name).cloned()
    }

    /// `text` with its placeholders filled in; none where one has no value.
    pub(super) fn fill(&self, text: &str) -> Option<String> {
        self.fill_with(text, |value| value)
    }

    /// The same, each value percent-coded, for paths.
    pub(super) fn fill_path(&self, text: &str) -> Option<String> {
        self.fill_with(text, |value| percent(&value))
    }

    fn fill_with(&self, text: &str, coded: impl Fn(String) -> String) -> Option<String> {
        let (mut out, mut rest) = (String::with_capacity(text.len() + 32), text);
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (name, next) = after.split_once('}')?;
            out.push_str(&coded(self.get(name)?));
            rest = next;
        }
        out.push_str(rest);
        Some(out)
    }

    /// Fields as JSON. A text that is `${template_params}` and nothing else, in a list, becomes the list of the values.
    pub(super) fn json(&self, value: &toml::Value) -> Option<Value> {
        Some(match value {
            toml::Value::String(text) => Value::String(self.fill(text)?),
            toml::Value::Integer(n) => Value::from(*n),
            toml::Value::Float(n) => Value::from(*n),
            toml::Value::Boolean(b) => Value::from(*b),
            toml::Value::Datetime(at) => Value::String(at.to_string()),
            toml::Value::Array(all) => match &all[..] {
                [toml::Value::String(only)] if only == "${template_params}" => {
                    let params = self.params.as_ref()?;
                    params.iter().map(|(_, v)| Value::String(v.clone())).collect()
                }
                [toml::Value::String(only)] if only == "${lines}" => {
                    self.lines.iter().cloned().map(Value::String).collect()
                }
                _ => Value::Array(all.iter().filter_map(|v| self.json(v)).collect()),
            },
            toml::Value::Table(table) => self.table(table),
        })
    }

    /// A table of fields as a JSON object.
    pub(super) fn table(&self, table: &toml::Table) -> Value {
        let fields = table.iter().filter_map(|(k, v)| Some((k.clone(), self.json(v)?)));
        Value::Object(fields.collect())
    }

    /// Fields as pairs; nested ones have no place in a form and are left out.
    pub(super) fn pairs(&self, table: &toml::Table) -> Vec<(String, String)> {
        let text = |v: &toml::Value| match v {
            toml::Value::String(text) => self.fill(text),
            toml::Value::Array(_) | toml::Value::Table(_) => None,
            other => Some(other.to_string()),
        };
        table
            .iter()
            .filter_map(|(k, v)| Some((k.clone(), text(v)?)))
            .collect()
    }
}

impl Values {
    /// Fields as the parts of a form (RFC 7578), the PDF as a file; the boundary stands in none of them.
    pub(super) fn multipart(&self, table: &toml::Table, seed: &str) -> (String, Vec<u8>) {
        let pairs = self.pairs(table);
        let file = table
            .iter()
            .find(|(_, v)| v.as_str() == Some("${pdf}"))
            .map(|(k, _)| k);
        let pdf = self.pdf.as_deref().unwrap_or_default();
        let holds = |boundary: &str| {
            pairs
                .iter()
                .any(|(k, v)| k.contains(boundary) || v.contains(boundary))
                || pdf.windows(boundary.len()).any(|w| w == boundary.as_bytes())
        };
        let mut boundary = format!("dunwell-{seed}");
        while holds(&boundary) {
            boundary.push('x');
        }
        let named = |name: &str| -> String {
            let quoted = name.replace('"', "%22").replace(['\r', '\n'], " ");
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{quoted}\"")
        };
        let mut body = Vec::with_capacity(pdf.len() + 2048);
        for (name, value) in &pairs {
            let head = format!(
                "{}\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n",
                named(name)
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(value.as_bytes());
            body.extend_from_slice(b"\r\n");
        }
        if let Some(name) = file {
            let head = format!(
                "{}; filename=\"letter.pdf\"\r\ncontent-type: application/pdf\r\n\r\n",
                named(name)
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(pdf);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }
}

/// The names of the placeholders in a text.
pub(super) fn placeholders(text: &str) -> Vec<String> {
    let after = text.split("${").skip(1);
    let name = |rest: &str| {
        rest.split('}')
            .next()
            .unwrap_or(rest)
            .split(':')
            .next()
            .unwrap_or("")
            .to_owned()
    };
    after.map(name).collect()
}

/// Every text in a table.
pub(super) fn texts_of(table: &toml::Table, into: &mut Vec<String>) {
    fn walk(value: &toml::Value, into: &mut Vec<String>) {
        match value {
            toml::Value::String(text) => into.push(text.clone()),
            toml::Value::Array(all) => all.iter().for_each(|v| walk(v, into)),
            toml::Value::Table(table) => texts_of(table, into),
            _ => {}
        }
    }
    table.values().for_each(|v| walk(v, into));
}

/// Percent-coding of everything that is not unreserved (RFC 3986, section 2.3).
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Pairs as `a=b&c=d`.
pub(super) fn joined(pairs: &[(String, String)]) -> String {
    let one = |(k, v): &(String, String)| format!("{}={}", percent(k), percent(v));
    pairs.iter().map(one).collect::<Vec<_>>().join("&")
}

/// Reads `a=b&c=d`. Total: what is not coded rightly stays as it is.
pub(super) fn split(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (k, v) = part.split_once('=').unwrap_or((part, ""));
        (decoded(k), decoded(v))
    };
    text.split('&').filter(|p| !p.is_empty()).map(pair).collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let hex = |range| {
            std::str::from_utf8(bytes.get(range)?)
                .ok()
                .and_then(|h: &str| u8::from_str_radix(h, 16).ok())
        };
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => match hex(at + 1..at + 3) {
                Some(byte) => {
                    out.push(byte);
                    at += 2;
                }
                None => out.push(b'%'),
            },
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The values at a place such as `messages.*.status` in a JSON body; numbers and truth values as texts.
pub(super) fn at<'v>(value: &'v Value, place: &str) -> Vec<&'v Value> {
    place.split('.').fold(vec![value], |found, step| {
        let next = |v: &'v Value| -> Vec<&'v Value> {
            match (step, v) {
                ("*", Value::Array(all)) => all.iter().collect(),
                (_, Value::Array(all)) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|n| all.get(n))
                    .into_iter()
                    .collect(),
                (_, Value::Object(fields)) => fields.get(step).into_iter().collect(),
                _ => Vec::new(),
            }
        };
        found.into_iter().flat_map(next).collect()
    })
}

/// A scalar as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The first scalar at a place.
pub(super) fn text_at(value: &Value, place: &str) -> Option<String> {
    at(value, place).into_iter().find_map(scalar)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let mut values = Values::default();
        values.put("to", "+8613800000101".to_owned());
        values.put("text", "a&b=c\r\nX: y 催".to_owned());
        values.put("coding", "ucs2".to_owned());
        values.put("callback", None);
        values
    }

    #[test]
    fn no_value_becomes_another_field() {
        let table: toml::Table = toml::from_str(
            "To = '${to}'\nBody = '${text}'\nBack = 'x${callback}'\nType = '${coding:text,unicode}'",
        )
        .unwrap();
        let pairs = values().pairs(&table);
        assert_eq!(
            joined(&pairs),
            "Body=a%26b%3Dc%0D%0AX%3A%20y%20%E5%82%AC&To=%2B8613800000101&Type=unicode"
        );
        assert_eq!(split(&joined(&pairs)), pairs);
        let json = values().table(&table);
        assert_eq!(json["Body"], "a&b=c\r\nX: y 催");
        assert!(json.get("Back").is_none());
        assert_eq!(
            values().fill_path("/m/${text}").unwrap(),
            "/m/a%26b%3Dc%0D%0AX%3A%20y%20%E5%82%AC"
        );
    }

    #[test]
    fn a_form_with_a_file_has_a_boundary_of_its_own() {
        let table: toml::Table =
            toml::from_str("a = '${text}'\nfile = '${pdf}'\nline_6 = '${line_6}'").unwrap();
        let values = Values {
            pdf: Some(b"%PDF dunwell-7 x".to_vec()),
            ..values()
        };
        let (kind, body) = values.multipart(&table, "7");
        assert_eq!(kind, "multipart/form-data; boundary=dunwell-7x");
        let body = String::from_utf8(body).unwrap();
        assert_eq!(body.matches("--dunwell-7x").count(), 3);
        assert!(body.contains("name=\"file\"; filename=\"letter.pdf\"\r\ncontent-type: application/pdf\r\n\r\n%PDF dunwell-7 x\r\n"));
        assert!(
            body.contains("name=\"a\"") && !body.contains("line_6") && body.ends_with("--dunwell-7x--\r\n")
        );
    }

    #[test]
    fn places_in_a_body_are_found() {
        let body: Value = serde_json::from_str(r#"{"a":[{"b":1},{"b":"x"},{}],"c":{"d":true}}"#).unwrap();
        let check = |place: &str, expected: &[&str]| {
            let found: Vec<String> = at(&body, place).into_iter().filter_map(scalar).collect();
            assert_eq!(found, expected, "{place}");
        };
        check("a.*.b", &["1", "x"]);
        check("a.1.b", &["x"]);
        check("c.d", &["true"]);
        check("c", &[]);
        check("z.y", &[]);
    }

    #[test]
    fn parameters_of_a_template_travel_as_object_and_as_list() {
        let values = Values {
            params: Some(vec![("name".into(), "李".into()), ("amount".into(), "1".into())]),
            ..Values::default()
        };
        assert_eq!(
            values.fill("${template_params}").unwrap(),
            r#"{"amount":"1","name":"李"}"#
        );
        let list: toml::Table = toml::from_str("p = ['${template_params}']").unwrap();
        assert_eq!(values.table(&list).to_string(), r#"{"p":["李","1"]}"#);
    }
}
