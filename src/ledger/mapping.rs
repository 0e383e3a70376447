//! Which column is which field, read from TOML. There are no filters: a row is accepted or refused, never skipped.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::known;
use super::text::Encoding;

/// What is wrong with a mapping file, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: `{field}`: found {found}\nexpected {expected}")]
pub struct MappingError {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The field, e.g. `account.due_on`.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub expected: String,
}

impl MappingError {
    /// The same in Chinese.
    pub fn zh(&self) -> String {
        format!(
            "{} 第 {} 行：`{}`：实际为 {}，应为 {}",
            self.file, self.line, self.field, self.found, self.expected
        )
    }
}

/// Where the text of one field comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// The column.
    pub(super) from: Option<String>,
    /// A fixed text instead of a column.
    #[serde(rename = "const")]
    pub(super) fixed: Option<String>,
    /// The text where the cell is empty.
    pub(super) default: Option<String>,
    /// The number of characters that every value has; shorter ones have lost leading zeros.
    pub(super) width: Option<usize>,
    /// The words of the file and what they mean here; any other word is refused.
    pub(super) words: Option<BTreeMap<String, String>>,
    /// The file may lack the column.
    #[serde(default)]
    pub(super) optional: bool,
}

/// How the file is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileToml {
    encoding: Spanned<String>,
    delimiter: Spanned<String>,
    date_order: Spanned<String>,
    date_separators: Spanned<Vec<String>>,
    decimal: Spanned<String>,
    grouping: Spanned<String>,
    phone_region: Option<Spanned<String>>,
    ignore: Vec<String>,
}

impl Default for FileToml {
    fn default() -> FileToml {
        let at = |s: &str| Spanned::new(0..0, s.to_owned());
        FileToml {
            encoding: at("auto"),
            delimiter: at(","),
            date_order: at("ymd"),
            date_separators: Spanned::new(0..0, vec!["-".into(), "/".into()]),
            decimal: at("."),
            grouping: at(","),
            phone_region: None,
            ignore: Vec::new(),
        }
    }
}

macro_rules! fields {
    ($(#[$m:meta])* $name:ident as $slots:ident { $($field:ident),+ $(,)? }) => {
        $(#[$m])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct $name { $(pub(super) $field: Option<Spanned<Rule>>),+ }

        /// The same fields, found in the columns of one file.
        #[derive(Debug, Clone)]
        pub(super) struct $slots { $(pub(super) $field: super::cells::Slot),+ }

        impl $name {
            pub(super) fn all(&self) -> Vec<(&'static str, &Spanned<Rule>)> {
                [$((stringify!($field), self.$field.as_ref())),+]
                    .into_iter()
                    .filter_map(|(name, rule)| rule.map(|rule| (name, rule)))
                    .collect()
            }

            pub(super) fn slots(&self, find: &mut dyn FnMut(Option<&Rule>) -> super::cells::Slot) -> $slots {
                $slots { $($field: find(self.$field.as_ref().map(|r| r.get_ref()))),+ }
            }

            #[allow(dead_code)]
            fn built_in() -> $name {
                $name { $($field: Some(Spanned::new(0..0, own(stringify!($field))))),+ }
            }
        }
    };
}

fields! {
    /// Fields of an account row.
    AccountFields as AccountSlots {
        portfolio, debtor_ref, debtor_kind, name, locale, country, region, postal_code, zone, zone_until, reference, claim, currency, amount,
        balance, issued_on, due_on, instalments_overdue, instalment_amount, confirmed, observation, disputed,
        settled_on, preferred_channel,
    }
}

fields! {
    /// Fields of one contact point.
    ContactFields as ContactSlots { phone, email, address, usage }
}

fields! {
    /// Fields of one related person.
    RelatedFields as RelatedSlots {
        role, name, phone, phone_use, email, email_use, address, address_use,
    }
}

fields! {
    /// Fields of an event row.
    EventFields as EventSlots {
        kind, at, portfolio, reference, debtor_ref, role, name, amount, currency, payment_reference, paid_on, due_on, reason,
        channel, address, call_result, inbound, scope, until, wish,
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingToml {
    #[serde(default)]
    file: FileToml,
    account: Option<Spanned<AccountFields>>,
    #[serde(default)]
    contact: Vec<Spanned<ContactFields>>,
    #[serde(default)]
    related: Vec<Spanned<RelatedFields>>,
    event: Option<Spanned<EventFields>>,
}

/// The order of day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateOrder {
    Ymd,
    Mdy,
    Dmy,
}

/// Which column of a foreign ledger is which field, and how its values are written.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(super) encoding: Option<Encoding>,
    pub(super) delimiter: u8,
    pub(super) date_order: DateOrder,
    pub(super) date_separators: Vec<String>,
    pub(super) decimal: char,
    pub(super) grouping: Option<char>,
    pub(super) phone_region: Option<String>,
    pub(super) ignore: Vec<String>,
    pub(super) account: Option<AccountFields>,
    pub(super) contacts: Vec<ContactFields>,
    pub(super) related: Vec<RelatedFields>,
    pub(super) event: Option<EventFields>,
}

/// How many contact points of a kind, and how many related people, the built-in mapping has columns for.
pub(super) const MANY: usize = 9;

/// `phone`, `phone2`, `phone3`...
pub(super) fn numbered(name: &str, n: usize) -> String {
    if n == 1 {
        name.to_owned()
    } else {
        format!("{name}{n}")
    }
}

/// The rule of our own column `name`.
fn own(name: &str) -> Rule {
    Rule {
        from: Some(name.to_owned()),
        optional: true,
        ..Rule::default()
    }
}

impl Default for Mapping {
    /// Our own column names, as `write_accounts_csv` writes them.
    fn default() -> Mapping {
        let some = |name: String| Some(Spanned::new(0..0, own(&name)));
        let mut contacts = Vec::new();
        for n in 1..=MANY {
            for kind in ["phone", "email", "address"] {
                let column = numbered(kind, n);
                let mut contact = ContactFields {
                    usage: some(format!("{column}_use")),
                    ..Default::default()
                };
                match kind {
                    "phone" => contact.phone = some(column),
                    "email" => contact.email = some(column),
                    _ => contact.address = some(column),
                }
                contacts.push(contact);
            }
        }
        let related = (1..=MANY)
            .map(|n| {
                let column = |field: &str| some(format!("related{n}_{field}"));
                RelatedFields {
                    role: column("role"),
                    name: column("name"),
                    phone: column("phone"),
                    phone_use: column("phone_use"),
                    email: column("email"),
                    email_use: column("email_use"),
                    address: column("address"),
                    address_use: column("address_use"),
                }
            })
            .collect();
        Mapping {
            encoding: None,
            delimiter: b',',
            date_order: DateOrder::Ymd,
            date_separators: vec!["-".into(), "/".into()],
            decimal: '.',
            grouping: Some(','),
            phone_region: None,
            ignore: Vec::new(),
            account: Some(AccountFields::built_in()),
            contacts,
            related,
            event: Some(EventFields::built_in()),
        }
    }
}

impl Mapping {
    /// Reads a mapping file; `path` is named in errors.
    pub fn parse(path: &str, toml_text: &str) -> Result<Mapping, MappingError> {
        let place = Place {
            path,
            text: toml_text,
        };
        let raw: MappingToml = toml::from_str(toml_text).map_err(|e| place.of_toml(&e))?;
        place.check(&raw)?;
        let file = &raw.file;
        Ok(Mapping {
            encoding: match file.encoding.get_ref().as_str() {
                "auto" => None,
                "utf-8" => Some(Encoding::Utf8),
                "gb18030" => Some(Encoding::Gb18030),
                _ => {
                    return Err(place.wrong(&file.encoding, "file.encoding", "`auto`, `utf-8` or `gb18030`"));
                }
            },
            delimiter: match file.delimiter.get_ref().as_bytes() {
                [d @ (b',' | b';' | b'\t' | b'|')] => *d,
                _ => return Err(place.wrong(&file.delimiter, "file.delimiter", "`,`, `;`, `|` or a tab")),
            },
            date_order: match file.date_order.get_ref().as_str() {
                "ymd" => DateOrder::Ymd,
                "mdy" => DateOrder::Mdy,
                "dmy" => DateOrder::Dmy,
                _ => return Err(place.wrong(&file.date_order, "file.date_order", "`ymd`, `mdy` or `dmy`")),
            },
            date_separators: file.date_separators.get_ref().clone(),
            decimal: place.sign(&file.decimal, "file.decimal")?.unwrap_or('.'),
            grouping: place.sign(&file.grouping, "file.grouping")?,
            phone_region: file.phone_region.as_ref().map(|r| r.get_ref().clone()),
            ignore: raw.file.ignore,
            account: raw.account.map(Spanned::into_inner),
            contacts: raw.contact.into_iter().map(Spanned::into_inner).collect(),
            related: raw.related.into_iter().map(Spanned::into_inner).collect(),
            event: raw.event.map(Spanned::into_inner),
        })
    }
}

/// Finds lines and builds errors.
struct Place<'a> {
    path: &'a str,
    text: &'a str,
}

impl Place<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at.min(self.text.len())]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1
    }

    fn error(&self, at: usize, field: &str, found: String, expected: &str) -> MappingError {
        MappingError {
            file: self.path.to_owned(),
            line: self.line(at),
            field: field.to_owned(),
            found,
            expected: expected.to_owned(),
        }
    }

    fn of_toml(&self, e: &toml::de::Error) -> MappingError {
        let span = e.span().unwrap_or(0..0);
        let line = self
            .text
            .lines()
            .nth(self.line(span.start) - 1)
            .unwrap_or_default();
        let field = line.split('=').next().unwrap_or_default().trim();
        let found: String = self.text.get(span).unwrap_or_default().chars().take(60).collect();
        let at = e.span().map_or(0, |s| s.start);
        self.error(at, field, format!("`{found}`"), e.message())
    }

    fn wrong(&self, found: &Spanned<String>, field: &str, expected: &str) -> MappingError {
        self.error(
            found.span().start,
            field,
            format!("`{}`", found.get_ref()),
            expected,
        )
    }

    fn sign(&self, found: &Spanned<String>, field: &str) -> Result<Option<char>, MappingError> {
        let mut chars = found.get_ref().chars();
        match (chars.next(), chars.next()) {
            (None, _) if field == "file.grouping" => Ok(None),
            (Some(sign @ ('.' | ',')), None) => Ok(Some(sign)),
            (Some(sign @ (' ' | '\'' | '\u{A0}')), None) if field == "file.grouping" => Ok(Some(sign)),
            _ => Err(self.wrong(
                found,
                field,
                "`.` or `,` (for grouping also a space, `'` or nothing)",
            )),
        }
    }

    fn check(&self, raw: &MappingToml) -> Result<(), MappingError> {
        let file = &raw.file;
        if file.decimal.get_ref() == file.grouping.get_ref() {
            return Err(self.wrong(
                &file.grouping,
                "file.grouping",
                "another sign than `file.decimal`",
            ));
        }
        for separator in file.date_separators.get_ref() {
            if !["-", "/", ".", "", "年"].contains(&separator.as_str()) {
                let (at, found) = (file.date_separators.span().start, format!("`{separator}`"));
                return Err(self.error(
                    at,
                    "file.date_separators",
                    found,
                    "`-`, `/`, `.`, `年` or nothing",
                ));
            }
        }
        if let Some(region) = &file.phone_region
            && !known::is_country(region.get_ref())
        {
            return Err(self.wrong(
                region,
                "file.phone_region",
                "a country of two letters such as `CN`",
            ));
        }
        if raw.account.is_none() && raw.event.is_none() {
            return Err(self.error(
                0,
                "account",
                "nothing".into(),
                "a section `[account]` or `[event]`",
            ));
        }
        self.check_sections(raw)
    }

    fn check_sections(&self, raw: &MappingToml) -> Result<(), MappingError> {
        if let Some(account) = &raw.account {
            let fields = account.get_ref();
            self.rules("account", fields.all())?;
            let needed = [
                ("debtor_ref", fields.debtor_ref.is_some()),
                ("name", fields.name.is_some()),
                ("reference", fields.reference.is_some()),
                ("currency", fields.currency.is_some()),
                ("due_on", fields.due_on.is_some()),
                (
                    "amount` or `balance",
                    fields.amount.is_some() || fields.balance.is_some(),
                ),
            ];
            self.needs("account", account.span().start, &needed)?;
        }
        if let Some(event) = &raw.event {
            let fields = event.get_ref();
            self.rules("event", fields.all())?;
            self.needs(
                "event",
                event.span().start,
                &[("kind", fields.kind.is_some()), ("at", fields.at.is_some())],
            )?;
        }
        for contact in &raw.contact {
            let fields = contact.get_ref();
            self.rules("contact", fields.all())?;
            let kinds = [&fields.phone, &fields.email, &fields.address];
            if kinds.iter().filter(|k| k.is_some()).count() != 1 {
                let found = "none or several of them".to_owned();
                return Err(self.error(
                    contact.span().start,
                    "contact",
                    found,
                    "one of `phone`, `email`, `address`",
                ));
            }
        }
        for related in &raw.related {
            let fields = related.get_ref();
            self.rules("related", fields.all())?;
            let needed = [("role", fields.role.is_some()), ("name", fields.name.is_some())];
            self.needs("related", related.span().start, &needed)?;
        }
        Ok(())
    }

    fn needs(&self, section: &str, at: usize, needed: &[(&str, bool)]) -> Result<(), MappingError> {
        match needed.iter().find(|(_, there)| !there) {
            Some((name, _)) => Err(self.error(
                at,
                &format!("{section}.{name}"),
                "nothing".to_owned(),
                "a column `{ from = \"...\" }` or a constant `{ const = \"...\" }`",
            )),
            None => Ok(()),
        }
    }

    fn rules(&self, section: &str, rules: Vec<(&'static str, &Spanned<Rule>)>) -> Result<(), MappingError> {
        for (name, spanned) in rules {
            let rule = spanned.get_ref();
            let error = |found: &str, expected: &str| {
                Err(self.error(
                    spanned.span().start,
                    &format!("{section}.{name}"),
                    found.to_owned(),
                    expected,
                ))
            };
            match (&rule.from, &rule.fixed) {
                (None, None) => return error("neither `from` nor `const`", "one of `from` and `const`"),
                (Some(_), Some(_)) => return error("both `from` and `const`", "one of `from` and `const`"),
                (None, Some(_)) if rule.default.is_some() || rule.words.is_some() || rule.optional => {
                    return error("`const` with `default`, `words` or `optional`", "`const` alone");
                }
                _ => {}
            }
            if rule.width == Some(0) {
                return error("`width = 0`", "a width of at least 1");
            }
            if rule.words.as_ref().is_some_and(BTreeMap::is_empty) {
                return error(
                    "an empty table of words",
                    "at least one word, e.g. `{ Yes = \"true\" }`",
                );
            }
        }
        Ok(())
    }
}
