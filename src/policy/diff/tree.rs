//! Files as lists of things with an id: rules, entries, surroundings, holidays, steps of ladders.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::NoToml;

/// What tells one thing from another: file, table, id, and its place among those of the same id.
pub(super) type Key = (String, String, String, usize);

/// One thing that a file describes.
#[derive(Debug, Clone)]
pub struct Item {
    /// The file.
    pub file: String,
    /// The table it stands in.
    pub table: String,
    /// Its id or name.
    pub id: String,
    /// What is said of it.
    pub value: Table,
}

/// Tables in the order in which a reader wants them.
const ORDER: &[&str] = &[
    "pack",
    "hours",
    "close_margin",
    "caps",
    "waits",
    "patterns",
    "recipients",
    "channels",
    "statuses",
    "senders",
    "elements",
    "messages",
    "content",
    "entry",
    "payments",
    "retention",
];

/// The place of a table in a report.
pub(super) fn rank(table: &str) -> usize {
    ORDER.iter().position(|t| *t == table).unwrap_or(ORDER.len())
}

/// Everything that the files describe. Cases prove rules and bind nobody, so they are left out.
pub(super) fn items(files: &[(String, String)], packs: bool) -> Result<BTreeMap<Key, Item>, NoToml> {
    let mut all = BTreeMap::new();
    for (path, text) in files {
        let name = match path.rsplit_once('/') {
            Some((_, last)) if !packs => last,
            _ => path,
        };
        let toml = path.ends_with(".toml") && !path.ends_with("cases.toml");
        if !toml {
            continue;
        }
        let table: Table = text.parse().map_err(|e: toml::de::Error| NoToml {
            file: format!("policies/{path}"),
            message: e.to_string().trim().to_owned(),
        })?;
        add(name, table, &mut all);
    }
    Ok(all)
}

fn add(file: &str, table: Table, all: &mut BTreeMap<Key, Item>) {
    let mut own = Table::new();
    for (name, value) in table {
        match value {
            Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_table) => {
                for one in list {
                    let Value::Table(value) = one else { continue };
                    let id = named(&value);
                    let nth = (0..)
                        .find(|n| !all.contains_key(&(file.to_owned(), name.clone(), id.clone(), *n)))
                        .unwrap_or(0);
                    let item = Item {
                        file: file.to_owned(),
                        table: name.clone(),
                        id: id.clone(),
                        value,
                    };
                    all.insert((file.to_owned(), name.clone(), id, nth), item);
                }
            }
            other => {
                own.insert(name, other);
            }
        }
    }
    if !own.is_empty() {
        let id = file.to_owned();
        let item = Item {
            file: file.to_owned(),
            table: "pack".to_owned(),
            id: id.clone(),
            value: own,
        };
        all.insert((file.to_owned(), "pack".to_owned(), id, 0), item);
    }
}

/// The name of a thing, whatever its table calls it.
fn named(value: &Table) -> String {
    let text = |key: &str| match value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Table(_) | Value::Array(_) => None,
        other => Some(other.to_string()),
    };
    let parts = ["id", "name", "country", "region", "year", "on", "date", "rule"];
    match text("id").or_else(|| text("name")) {
        Some(name) => name,
        None => parts.iter().filter_map(|p| text(p)).collect::<Vec<_>>().join(" "),
    }
}
