//! Finds each value: flag before environment before file before default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS, Key, Kind};
use super::{ConfigError, Entry, Origin};

/// The file that is read when nobody names another.
const USUAL_FILE: &str = "dunwell.toml";

/// Where settings may come from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The settings file and its text, if there is one.
    pub file: Option<(PathBuf, String)>,
    /// Environment variables; only names that start with `DUNWELL_` are looked at.
    pub environment: Vec<(String, String)>,
    /// Keys with the values that flags gave them, for instance `("database_url", "sqlite://other.sqlite")`.
    pub flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// The environment of this process, and the file named by the flag, by `DUNWELL_CONFIG`, or `dunwell.toml` in the
    /// working folder. A file that was named must be there; the usual one may be missing.
    pub fn of_process(
        named: Option<&Path>,
        flags: Vec<(&'static str, String)>,
    ) -> Result<Sources, ConfigError> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with("DUNWELL_")) else {
                continue;
            };
            let value = value
                .into_string()
                .map_err(|_| ConfigError::NotText { path: name.into() })?;
            environment.push((name.to_owned(), value));
        }
        let by_variable = environment
            .iter()
            .find(|(name, value)| name == "DUNWELL_CONFIG" && !value.is_empty());
        let named = named
            .map(Path::to_owned)
            .or_else(|| by_variable.map(|(_, value)| value.into()));
        let file = match named {
            Some(path) => Some((path.clone(), text_of(&path)?)),
            None if Path::new(USUAL_FILE).exists() => {
                Some((USUAL_FILE.into(), text_of(Path::new(USUAL_FILE))?))
            }
            None => None,
        };
        Ok(Sources {
            file,
            environment,
            flags,
        })
    }
}

/// The text of a file, or an error that names it.
pub(super) fn text_of(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |e: std::io::Error| ConfigError::Unreadable {
        path: path.into(),
        reason: e.to_string(),
    };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path: path.into() })
}

/// The secret a file holds, without the line break at its end.
pub(super) fn secret_file(path: &Path) -> Result<SecretString, ConfigError> {
    Ok(text_of(path)?.trim_end_matches(['\r', '\n']).into())
}

/// Every key's value as checked text, with its origin.
pub(super) struct Values(BTreeMap<&'static str, (String, Origin)>);

impl Values {
    /// The value of a key that may be left out.
    pub(super) fn optional(&self, key: &str) -> Option<String> {
        self.0.get(key).map(|(text, _)| text.clone())
    }

    /// The value of a key that has a default.
    pub(super) fn text(&self, key: &str) -> String {
        self.optional(key).expect("the key has a default")
    }

    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        self.optional(key).map(PathBuf::from)
    }

    pub(super) fn whole(&self, key: &str) -> u32 {
        self.text(key).parse().expect("the key's limits fit")
    }

    pub(super) fn number(&self, key: &str) -> f64 {
        self.text(key).parse().expect("the key accepts only numbers")
    }

    /// Everything, for showing.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |key: &Key| match self.0.get(key.name) {
            Some((text, origin)) => Entry {
                key: key.name,
                shown: shown(key.kind, text),
                origin: origin.clone(),
            },
            None => Entry {
                key: key.name,
                shown: String::new(),
                origin: Origin::Default,
            },
        };
        KEYS.iter().map(entry).collect()
    }

    /// Keeps `text` for `key` if it may stand there; what is put first stays.
    fn put(&mut self, key: &'static Key, text: String, origin: Origin) -> Result<(), ConfigError> {
        if !key.kind.accepts(&text) {
            let found = if key.kind.hidden() {
                "a hidden value".into()
            } else {
                format!("`{text}`")
            };
            return Err(ConfigError::WrongValue {
                origin,
                key: key.name,
                found,
                expected: key.kind.expected(),
            });
        }
        self.0.entry(key.name).or_insert((text, origin));
        Ok(())
    }
}

/// What a person may see of a value.
fn shown(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Secret => "(hidden)".into(),
        Kind::Database if text.starts_with("sqlite:") => text.into(),
        Kind::Database => {
            let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
            let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
            let place = place.split('?').next().unwrap_or(place);
            let who = if place.len() < rest.split('?').next().unwrap_or(rest).len() {
                "(hidden)@"
            } else {
                ""
            };
            format!("{scheme}://{who}{place}")
        }
        _ => text.into(),
    }
}

/// Finds each value and refuses what is unknown or wrong, wherever it stands.
pub(super) fn resolve(sources: &Sources) -> Result<Values, ConfigError> {
    let mut values = Values(BTreeMap::new());
    for (name, text) in &sources.flags {
        let key = keys::find(name).expect("flags carry known keys");
        values.put(
            key,
            text.clone(),
            Origin::Flag(format!("--{}", name.replace(['.', '_'], "-"))),
        )?;
    }
    for (name, text) in &sources.environment {
        if let Some(key) = variable(name)? {
            values.put(key, text.clone(), Origin::Environment(name.clone()))?;
        }
    }
    if let Some((path, text)) = &sources.file {
        let table = DeTable::parse(text).map_err(|e| ConfigError::Syntax {
            path: path.clone(),
            line: line_of(text, e.span().map_or(0, |span| span.start)),
            reason: e.message().to_owned(),
        })?;
        File { path, text }.table("", table.get_ref(), &mut values)?;
    }
    for key in KEYS {
        if let Some(default) = key.default {
            values.put(key, default.to_owned(), Origin::Default)?;
        }
    }
    Ok(values)
}

/// The key an environment variable sets: `DUNWELL_DATABASE_URL`, `DUNWELL_CHANNELS__SMS__CARRIER`. A variable that is
/// close to a key, or has sections, but names none is an error; others belong to somebody else.
fn variable(name: &str) -> Result<Option<&'static Key>, ConfigError> {
    let Some(rest) = name.strip_prefix("DUNWELL_") else {
        return Ok(None);
    };
    let wanted = rest.to_ascii_lowercase().replace("__", ".");
    if let Some(key) = keys::find(&wanted) {
        return Ok(Some(key));
    }
    let nearest = keys::nearest(&wanted);
    let misspelt = nearest.is_some_and(|key| !key.contains('.') && keys::find(key).is_some());
    if wanted.contains('.') || misspelt {
        let origin = Origin::Environment(name.to_owned());
        return Err(ConfigError::UnknownKey {
            origin,
            found: wanted,
            nearest,
        });
    }
    Ok(None)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The settings file while it is read.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn origin(&self, offset: usize) -> Origin {
        Origin::File {
            path: self.path.to_owned(),
            line: line_of(self.text, offset),
        }
    }

    fn table(&self, section: &str, table: &DeTable<'_>, values: &mut Values) -> Result<(), ConfigError> {
        for (word, value) in table {
            let name = if section.is_empty() {
                word.get_ref().to_string()
            } else {
                format!("{section}.{}", word.get_ref())
            };
            let origin = self.origin(word.span().start);
            match (keys::find(&name), value.get_ref()) {
                (Some(key), _) => self.value(key, value, values)?,
                (None, DeValue::Table(inner)) if keys::is_section(&name) => {
                    self.table(&name, inner, values)?
                }
                (None, _) => {
                    let nearest = keys::nearest(&name);
                    return Err(ConfigError::UnknownKey {
                        origin,
                        found: name,
                        nearest,
                    });
                }
            }
        }
        Ok(())
    }

    fn value(
        &self,
        key: &'static Key,
        value: &Spanned<DeValue<'_>>,
        values: &mut Values,
    ) -> Result<(), ConfigError> {
        let origin = self.origin(value.span().start);
        let wrong = |found: String, expected: String| ConfigError::WrongValue {
            origin: origin.clone(),
            key: key.name,
            found,
            expected,
        };
        if matches!(key.kind, Kind::Secret) {
            let variable = key.name.to_ascii_uppercase().replace('.', "__");
            let expected = format!(
                "the environment variable DUNWELL_{variable} or the key `{}_file`",
                key.name
            );
            return Err(wrong("a secret in the settings file".into(), expected));
        }
        let text = match (value.get_ref(), key.kind.is_number()) {
            (DeValue::String(text), false) => text.to_string(),
            (DeValue::Integer(number), true) if number.radix() == 10 => number.as_str().replace('_', ""),
            (DeValue::Float(number), true) => number.as_str().replace('_', ""),
            (other, _) => return Err(wrong(described(other), key.kind.expected())),
        };
        values.put(key, text, origin.clone())
    }
}

/// A value of the wrong type, in words.
fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a text".into(),
        DeValue::Integer(number) => format!("the number `{}`", number.as_str()),
        DeValue::Float(number) => format!("the number `{}`", number.as_str()),
        DeValue::Boolean(yes) => format!("`{yes}`"),
        DeValue::Datetime(at) => format!("the date or time `{at}`"),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a section".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_database_address_holds_no_password() {
        let check = |text: &str, expected: &str| assert_eq!(shown(Kind::Database, text), expected);
        check("sqlite://a.sqlite", "sqlite://a.sqlite");
        check(
            "postgres://me:secret@db.example/dunwell",
            "postgres://(hidden)@db.example/dunwell",
        );
        check(
            "postgres://db.example/dunwell?password=secret",
            "postgres://db.example/dunwell",
        );
        check(
            "postgres://me:se@cret@db.example/x?sslmode=require",
            "postgres://(hidden)@db.example/x",
        );
    }
}
