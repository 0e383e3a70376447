//! The JSON Schema of `policy.toml` and of every further file of rules, made from the same declarations that read them, so
//! that an editor completes and checks what it knows, and cannot know something else.

use serde_json::{Map, Value, json};

use super::assertions::Assertion;
use super::calendar::Scope;
use super::marks::{Deed, Mark, NamedDay};
use super::rules::{AccountTrigger, Category, Contact, Credential, Element, Kind, Outcome, PersonTrigger};
use super::vocab::*;
use super::{read, tables, when};
use crate::domain::{Level, PersonKind, SuppressionReason, Sureness, TouchKind};

/// One field as it is declared: its name, its type, and the attributes that make it optional.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) ty: &'static str,
    pub(crate) attributes: &'static str,
}

/// Declares a struct that a file is read into, and keeps what it declares.
macro_rules! described {
    ($(#[$sm:meta])* $vis:vis struct $name:ident { $($(#[$m:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$sm])*
        $vis struct $name { $($(#[$m])* $field: $ty),* }

        impl $name {
            pub(crate) const OWN: &'static [crate::policy::schema::Field] = &[$(crate::policy::schema::Field {
                name: stringify!($field),
                ty: stringify!($ty),
                attributes: stringify!($($m)*),
            }),*];
        }
    };
}
pub(crate) use described;

/// The schema, for `docs/policy.schema.json`.
pub fn schema() -> Value {
    let mut properties = Map::new();
    properties.insert("pack".to_owned(), text("the name of the folder"));
    let title = json!({"zh": {"type": "string"}, "en": {"type": "string"}});
    properties.insert("title".to_owned(), object(title, &["zh", "en"]));
    properties.insert("fallback".to_owned(), list(words::<Kind>(Kind::ALL)));
    properties.insert("applies".to_owned(), reference("applies"));
    properties.insert("sources".to_owned(), list(fields(tables::RawSource::OWN, &[])));
    for (name, own) in tables::TABLES {
        let table = list(fields(own, read::COMMON));
        properties.insert((*name).to_owned(), table);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Dunwell policy pack",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": {
            "applies": any_fields(read::RawApplies::OWN),
            "conditions": any_fields(when::RawConditions::OWN),
            "windows": any_fields(tables::RawWindows::OWN),
            "slots": {
                "type": "string",
                "pattern": "^(closed|[0-2]?[0-9]:[0-5][0-9]-[0-2]?[0-9]:[0-5][0-9](, *[0-2]?[0-9]:[0-5][0-9]-[0-2]?[0-9]:[0-5][0-9])*)$",
            },
            "date": {"type": ["string", "object"], "description": "a local date such as 2026-01-30"},
        },
    })
}

/// An object of declared fields; those that all tables share are in `common`.
fn fields(own: &[Field], common: &[Field]) -> Value {
    let all = || common.iter().chain(own);
    let properties: Map<String, Value> = all().map(|f| (f.name.to_owned(), of_type(f.ty))).collect();
    let optional = |f: &&Field| f.attributes.contains("default") || f.ty.starts_with("Option");
    let required: Vec<&str> = all().filter(|f| !optional(f)).map(|f| f.name).collect();
    object(Value::Object(properties), &required)
}

/// The same where the file may leave out every field.
fn any_fields(own: &[Field]) -> Value {
    let properties: Map<String, Value> = own.iter().map(|f| (f.name.to_owned(), of_type(f.ty))).collect();
    object(Value::Object(properties), &[])
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn words<W: std::fmt::Display>(all: &[W]) -> Value {
    json!({"enum": all.iter().map(ToString::to_string).collect::<Vec<_>>()})
}

/// The schema of a declared type.
fn of_type(ty: &str) -> Value {
    let ty: String = ty.chars().filter(|c| !c.is_whitespace()).collect();
    let inside = |outer: &str| {
        let rest = ty.strip_prefix(outer)?.strip_prefix('<')?;
        rest.strip_suffix('>')
    };
    if let Some(inner) = inside("Option").or(inside("Word")).or(inside("toml::Spanned")) {
        return of_type(inner);
    }
    if let Some(inner) = inside("Words").or(inside("Vec")) {
        return list(of_type(inner));
    }
    if let Some(inner) = inside("OneOrMore") {
        return json!({"anyOf": [of_type(inner), list(of_type(inner))]});
    }
    match ty.as_str() {
        "String" => json!({"type": "string"}),
        "bool" => json!({"type": "boolean"}),
        "u16" | "u32" => json!({"type": "integer", "minimum": 0}),
        "i64" => json!({"type": "integer"}),
        "Slots" => reference("slots"),
        "toml::value::Datetime" => reference("date"),
        "Media" => {
            let mut media: Vec<&str> = Medium::ALL.iter().map(|m| m.as_str()).collect();
            media.extend(["call", "electronic", "all"]);
            list(json!({"enum": media}))
        }
        "RawConditions" => reference("conditions"),
        "RawApplies" => reference("applies"),
        "RawWindows" => reference("windows"),
        "RawHappened" => fields(when::RawHappened::OWN, &[]),
        map if map.contains("BTreeMap") => {
            json!({"type": "object", "additionalProperties": list(json!({"type": "string"}))})
        }
        word => of_words(word),
    }
}

/// The words of an enumeration; a type that nobody listed here accepts anything, and a test finds it.
fn of_words(name: &str) -> Value {
    match name {
        "Level" => words(Level::ALL),
        "Sureness" => words(Sureness::ALL),
        "PersonKind" => words(PersonKind::ALL),
        "SuppressionReason" => words(SuppressionReason::ALL),
        "TouchKind" => words(TouchKind::ALL),
        "Kind" => words(Kind::ALL),
        "Outcome" => words(Outcome::ALL),
        "Contact" => words(Contact::ALL),
        "Element" => words(Element::ALL),
        "Category" => words(Category::ALL),
        "Credential" => words(Credential::ALL),
        "AccountTrigger" => words(AccountTrigger::ALL),
        "PersonTrigger" => words(PersonTrigger::ALL),
        "Mark" => words(Mark::ALL),
        "Deed" => words(Deed::ALL),
        "NamedDay" => words(NamedDay::ALL),
        "Assertion" => words(Assertion::ALL),
        "DebtKind" => words(DebtKind::ALL),
        "Claim" => words(Claim::ALL),
        "SenderWord" => words(SenderWord::ALL),
        "Aim" => with_older(words(Aim::ALL), "legally_required_notice"),
        "RoleWord" => with_older(words(RoleWord::ALL), "contact_reference"),
        "Relation" => words(Relation::ALL),
        "Place" => words(Place::ALL),
        "Medium" => with_older(words(Medium::ALL), "call"),
        "Ended" => words(Ended::ALL),
        "Counts" => words(Counts::ALL),
        "Exclusion" => words(Exclusion::ALL),
        "CapOn" => words(CapOn::ALL),
        "RecordClass" => words(RecordClass::ALL),
        "Since" => words(Since::ALL),
        "FactWindow" => words(FactWindow::ALL),
        "Scope" => words(Scope::ALL),
        _ => json!({}),
    }
}

fn with_older(mut words: Value, older: &str) -> Value {
    if let Some(list) = words["enum"].as_array_mut() {
        list.push(older.into());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_beside_the_documents_is_the_one_of_the_reader() {
        let shipped: Value = serde_json::from_str(include_str!("../../docs/policy.schema.json")).unwrap();
        assert!(
            shipped == schema(),
            "write it anew: dunwell policy schema > docs/policy.schema.json"
        );
    }

    #[test]
    fn every_type_is_known_and_every_table_is_there() {
        let text = schema().to_string();
        assert!(
            !text.contains(":{}") && !text.contains("\"items\":{}"),
            "a type without a schema"
        );
        let wrong = "pack = \"x\"\ntitle = { zh = \"a\", en = \"b\" }\nnonsense = 1\n";
        let files = crate::policy::PackFiles {
            name: "x",
            policy: wrong,
            lexicon: "",
            cases: "",
        };
        let error = crate::policy::Pack::parse(&files).unwrap_err();
        let read: Vec<&str> = error.expected.split('`').skip(1).step_by(2).collect();
        let listed = schema();
        let mut listed: Vec<&str> = listed["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        listed.sort_unstable();
        let mut read: Vec<&str> = read.into_iter().filter(|f| !f.is_empty()).collect();
        read.sort_unstable();
        assert_eq!(read, listed);
    }
}
