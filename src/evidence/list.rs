//! The list that makes a set of texts: every path with the SHA-256 of its text. The SHA-256 of the list names the set.

use std::collections::BTreeMap;

use super::canonical::{Value, parse, to_canonical};
use super::digest_hex;

/// A text as it is kept: with `\n` as line end, so that a checkout on another system gives the same set.
pub fn kept_text(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Canonical JSON of the list of `files`, paths with texts, whose kind is `policies` or `templates`.
pub fn set_list(kind: &str, files: &[(String, String)]) -> String {
    let by_path: BTreeMap<&str, &str> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let files = by_path.into_iter().map(|(path, text)| {
        let digest = digest_hex(kept_text(text).as_bytes());
        Value::from([("path", path.into()), ("sha256", digest.into())])
    });
    to_canonical(&Value::from([
        ("files", Value::List(files.collect())),
        ("kind", kind.into()),
    ]))
}

/// The paths of a list with the SHA-256 of their texts in hex; `None` where it is no list.
pub fn read_set_list(text: &str) -> Option<Vec<(String, String)>> {
    let Value::Object(fields) = parse(text).ok()? else {
        return None;
    };
    let Some(Value::List(files)) = fields.get("files") else {
        return None;
    };
    let text = |file: &BTreeMap<String, Value>, key: &str| match file.get(key)? {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    let each = files.iter().map(|file| match file {
        Value::Object(file) => Some((text(file, "path")?, text(file, "sha256")?)),
        _ => None,
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> (String, String) {
        (path.to_owned(), text.to_owned())
    }

    #[test]
    fn the_same_texts_give_the_same_list_in_any_order_and_with_any_line_ends() {
        let (a, b) = (file("b/policy.toml", "x\r\ny\r\n"), file("a/policy.toml", "规则"));
        let one = set_list("policies", &[a.clone(), b.clone()]);
        assert_eq!(
            one,
            set_list("policies", &[b.clone(), file("b/policy.toml", "x\ny\n")])
        );
        assert_ne!(one, set_list("templates", &[a, b.clone()]));
        let read = read_set_list(&one).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0], file("a/policy.toml", &digest_hex("规则".as_bytes())));
        assert_eq!(read_set_list("{}"), None);
        assert_eq!(read_set_list("[]"), None);
    }
}
