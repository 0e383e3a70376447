//! Debtors and related people.

use chrono::NaiveDate;

use super::ids::PersonId;
use super::words::words;
use super::zones::{Zones, region_code};

words! {
    /// Natural person or legal person: many rules protect natural persons only.
    PersonKind as "kind of person" {
        /// A human being.
        Natural = "natural",
        /// A company or other legal person.
        Legal = "legal",
    }
}

words! {
    /// What somebody is to the debt.
    Role as "role" {
        /// Owes.
        Debtor = "debtor",
        /// Answers for the debt by contract.
        Guarantor = "guarantor",
        /// Administers the estate of a dead debtor.
        Executor = "executor",
        /// Guardian of a minor or of a person without capacity.
        Guardian = "guardian",
        /// The debtor's lawyer.
        Counsel = "counsel",
        /// Named by the debtor as a contact reference; a third party.
        ContactReference = "contact_reference",
        /// Employs the debtor; a third party.
        Employer = "employer",
        /// Husband or wife; a third party unless the law says otherwise.
        Spouse = "spouse",
    }
}

impl Role {
    /// Whether this person may be told of the debt because they owe or answer for it.
    pub fn answers_for_the_debt(self) -> bool {
        matches!(
            self,
            Role::Debtor | Role::Guarantor | Role::Executor | Role::Guardian | Role::Counsel
        )
    }
}

words! {
    /// The languages messages are written in.
    Locale as "locale" {
        /// Simplified Chinese, mainland usage.
        ZhCn = "zh-CN",
        /// Traditional Chinese, Taiwan and Hong Kong usage.
        ZhTw = "zh-TW",
        /// English.
        En = "en",
    }
}

/// A name as it stands in the ledger: no control characters, no bidirectional overrides, 1 to 120 characters.
/// `Debug` shows only the length.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName(String);

impl PersonName {
    /// Reads a name, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<PersonName, &'static str> {
        let t = text.trim();
        if t.is_empty() {
            return Err("expected a name, found nothing");
        }
        if t.chars().count() > 120 {
            return Err("expected a name of at most 120 characters");
        }
        if t.chars().any(is_hidden) {
            return Err("the name holds a control, bidirectional or zero-width character");
        }
        Ok(PersonName(t.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters that nobody sees and that no name or message needs: C0/C1 controls, line and paragraph separators,
/// bidirectional controls, zero-width characters, tags, private use, the byte order mark.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{00AD}' | '\u{E000}'..='\u{F8FF}' | '\u{E0000}'..='\u{E007F}'
            | '\u{FFFD}')
}

impl std::fmt::Debug for PersonName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonName({} characters)", self.0.chars().count())
    }
}

/// A debtor or a related person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Which one.
    pub id: PersonId,
    /// Natural or legal.
    pub kind: PersonKind,
    /// Name as in the ledger.
    pub name: PersonName,
    /// The language to write in.
    pub locale: Locale,
    /// ISO 3166-1 alpha-2 country of residence or seat, where known.
    pub country: Option<String>,
    /// State or province (ISO 3166-2 suffix), where known.
    pub region: Option<String>,
    /// Postal code of the address, where known.
    pub postal_code: Option<String>,
    /// Candidate time zones.
    pub zones: Zones,
    /// The last day, in that zone, on which a stated zone holds; `None`: until another is stated.
    pub zone_until: Option<NaiveDate>,
    /// Known to have died.
    pub deceased: bool,
    /// Known to be a minor or without capacity.
    pub minor: bool,
    /// Counts every change of a fact about this person; a reservation is refused when it moved on.
    pub revision: i64,
}

impl Person {
    /// The place whose holidays count: `CA-QC`, or `CA` where no more is known.
    pub fn place(&self) -> Option<String> {
        let country = self.country.as_deref()?;
        Some(match &self.region {
            Some(region) => {
                let code = region_code(country, region);
                format!("{country}-{}", code.as_ref().unwrap_or(region))
            }
            None => country.to_owned(),
        })
    }
}
