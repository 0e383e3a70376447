//! What came back, for a certificate: receipts as providers sent them and answers as people wrote them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::evidence::canonical::Value;

type Fields = BTreeMap<String, Value>;

/// A title and each receipt or answer that the bundle opens; nothing where it opens none.
pub(super) fn came_back<'f>(
    entries: impl Iterator<Item = (u64, &'f Fields)>,
    opened: &BTreeMap<(u64, String), String>,
    title: &str,
) -> Vec<Json> {
    let said = |(index, _): (u64, &Fields)| {
        let raw = opened.get(&(index, "raw".to_owned()));
        let reply = opened.get(&(index, "reply".to_owned()));
        let words = match (raw, reply) {
            (Some(raw), _) => printable(raw),
            (None, Some(reply)) => written(reply),
            (None, None) => return None,
        };
        Some(json!({"kind": "said", "label": format!("#{index}"), "text": words}))
    };
    let told: Vec<Json> = entries.filter_map(said).collect();
    match told.is_empty() {
        true => told,
        false => std::iter::once(json!({"kind": "small", "text": title}))
            .chain(told)
            .collect(),
    }
}

/// A message of somebody: from whom, and what it says.
fn written(reply: &str) -> String {
    let reply: Json = serde_json::from_str(reply).unwrap_or_default();
    let field = |name: &str| printable(reply[name].as_str().unwrap_or_default());
    format!("{}: {}", field("from"), field("text"))
}

/// Without characters that cannot be set.
fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.trim_end().chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_opened_is_told() {
        let none = Fields::new();
        let opened = BTreeMap::from([
            ((3, "raw".to_owned()), "id:1 stat:DELIVRD\u{0}\r\n".to_owned()),
            (
                (5, "reply".to_owned()),
                r#"{"from":"8613800000101","text":"on Friday","to":"1069"}"#.to_owned(),
            ),
        ]);
        let told = came_back([3, 4, 5].into_iter().map(|n| (n, &none)), &opened, "as they came");
        let texts: Vec<_> = told.iter().filter_map(|block| block["text"].as_str()).collect();
        assert_eq!(
            texts,
            [
                "as they came",
                "id:1 stat:DELIVRD\u{fffd}",
                "8613800000101: on Friday"
            ]
        );
        assert!(came_back(std::iter::once((4, &none)), &opened, "as they came").is_empty());
    }
}
