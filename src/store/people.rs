//! Rows of people, contact points and accounts, and how they become domain values.

use chrono::NaiveDate;
use uuid::Uuid;

use super::StoreError;
use super::db::{Tx, q, statements};
use super::registry::zone;
use super::types::{id_list, word, word_opt};
use crate::domain::{
    Account, AccountId, Address, AddressId, ContactPoint, ContactPointId, Currency, EmailAddress,
    Instalments, Person, PersonId, PersonName, PhoneNumber, PortfolioId, PostalAddress, Zones,
};

pub(super) mod sql {
    super::statements! {
        ACCOUNTS = {
            sqlite: "SELECT id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, legal_action_approved, preferred, state, disputed, promised_until, revision FROM account WHERE id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, legal_action_approved, preferred, state, disputed, promised_until, revision FROM account WHERE id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))",
        };
        PEOPLE = {
            sqlite: "SELECT id, kind, name, locale, country, region, zone, deceased, minor, revision FROM person WHERE id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT id, kind, name, locale, country, region, zone, deceased, minor, revision FROM person WHERE id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))",
        };
        CONTACT_POINTS = {
            sqlite: "SELECT c.id, c.person_id, c.address_id, a.kind, a.normal, a.country, c.usage, c.zone, c.usable FROM contact_point c JOIN address a ON a.id = c.address_id WHERE c.id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT c.id, c.person_id, c.address_id, a.kind, a.normal, a.country, c.usage, c.zone, c.usable FROM contact_point c JOIN address a ON a.id = c.address_id WHERE c.id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))",
        };
        CONTACT_POINTS_OF = {
            sqlite: "SELECT c.id, c.person_id, c.address_id, a.kind, a.normal, a.country, c.usage, c.zone, c.usable FROM contact_point c JOIN address a ON a.id = c.address_id WHERE c.person_id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY c.id",
            postgres: "SELECT c.id, c.person_id, c.address_id, a.kind, a.normal, a.country, c.usage, c.zone, c.usable FROM contact_point c JOIN address a ON a.id = c.address_id WHERE c.person_id IN (SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)) ORDER BY c.id",
        };
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct AccountRow {
    pub(super) id: Uuid,
    pub(super) portfolio_id: Uuid,
    pub(super) debtor_id: Uuid,
    reference: String,
    claim: String,
    currency: String,
    amount_minor: i64,
    balance_minor: i64,
    issued_on: Option<NaiveDate>,
    due_on: NaiveDate,
    instalments_overdue: Option<i64>,
    instalment_minor: Option<i64>,
    confirmed: bool,
    observation: bool,
    legal_action_approved: bool,
    preferred: Option<String>,
    state: String,
    disputed: bool,
    promised_until: Option<NaiveDate>,
    revision: i64,
}

impl AccountRow {
    pub(super) fn into_account(self) -> Result<Account, StoreError> {
        let instalments = match (self.instalments_overdue, self.instalment_minor) {
            (Some(overdue), amount) => Some(Instalments {
                overdue: u32::try_from(overdue).map_err(|_| StoreError::Corrupt {
                    what: "number of instalments",
                })?,
                amount_minor: amount.unwrap_or(0),
            }),
            _ => None,
        };
        Ok(Account {
            id: AccountId(self.id),
            portfolio: PortfolioId(self.portfolio_id),
            debtor: PersonId(self.debtor_id),
            reference: self.reference,
            claim: word(&self.claim, "kind of claim")?,
            currency: Currency::parse(&self.currency)
                .map_err(|_| StoreError::Corrupt { what: "currency" })?,
            amount_minor: self.amount_minor,
            balance_minor: self.balance_minor,
            issued_on: self.issued_on,
            due_on: self.due_on,
            instalments,
            confirmed: self.confirmed,
            observation: self.observation,
            legal_action_approved: self.legal_action_approved,
            preferred: word_opt(self.preferred.as_deref(), "channel")?,
            state: word(&self.state, "account state")?,
            disputed: self.disputed,
            promised_until: self.promised_until,
            revision: self.revision,
        })
    }
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct PersonRow {
    pub(super) id: Uuid,
    kind: String,
    name: String,
    locale: String,
    country: Option<String>,
    region: Option<String>,
    zone: Option<String>,
    deceased: bool,
    minor: bool,
    revision: i64,
}

impl PersonRow {
    pub(super) fn into_person(self) -> Result<Person, StoreError> {
        let stated = self.zone.as_deref().map(zone).transpose()?;
        Ok(Person {
            id: PersonId(self.id),
            kind: word(&self.kind, "kind of person")?,
            name: PersonName::parse(&self.name).map_err(|_| StoreError::Corrupt { what: "name" })?,
            locale: word(&self.locale, "locale")?,
            zones: Zones::find(stated, self.country.as_deref(), self.region.as_deref(), None),
            country: self.country,
            region: self.region,
            deceased: self.deceased,
            minor: self.minor,
            revision: self.revision,
        })
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct ContactRow {
    pub(super) id: Uuid,
    pub(super) person_id: Uuid,
    pub(super) address_id: Uuid,
    kind: String,
    normal: String,
    country: Option<String>,
    usage: String,
    zone: Option<String>,
    usable: bool,
}

/// A stored address.
pub(super) fn address(kind: &str, normal: &str, country: Option<&str>) -> Result<Address, StoreError> {
    let corrupt = StoreError::Corrupt { what: "address" };
    Ok(match kind {
        // What was parsed at the door is taken as it is: parsing again would cost more than everything else here.
        "phone" => Address::Phone(PhoneNumber::stored(normal, country)),
        "email" => EmailAddress::parse(normal)
            .map(Address::Email)
            .map_err(|_| corrupt)?,
        _ => {
            let lines = normal.split_once('|').map_or(normal, |(_, l)| l);
            PostalAddress::parse(lines, country.unwrap_or(""))
                .map(Address::Postal)
                .map_err(|_| corrupt)?
        }
    })
}

impl ContactRow {
    /// `of`: the person whose zones serve where the contact point says nothing better.
    pub(super) fn into_contact_point(self, of: &Person) -> Result<ContactPoint, StoreError> {
        let country = self.country.as_deref();
        let address = address(&self.kind, &self.normal, country)?;
        let stated = self.zone.as_deref().map(zone).transpose()?;
        let phone_country = (self.kind == "phone").then_some(country).flatten();
        // The person's own zones are more trusted than a calling code; a stated zone of the point wins.
        let zones = match stated {
            Some(zone) => Zones::stated(zone),
            None if of.zones.candidates.is_empty() => Zones::find(None, None, None, phone_country),
            None => Zones::unknown(),
        };
        Ok(ContactPoint {
            id: ContactPointId(self.id),
            person: PersonId(self.person_id),
            address_id: AddressId(self.address_id),
            address,
            usage: word(&self.usage, "use of a contact point")?,
            zones,
            usable: self.usable,
        })
    }
}

pub(super) async fn accounts(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<AccountRow>, StoreError> {
    Ok(q!(tx, sql::ACCOUNTS, [id_list(ids)] => all AccountRow)?)
}

pub(super) async fn people(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<PersonRow>, StoreError> {
    Ok(q!(tx, sql::PEOPLE, [id_list(ids)] => all PersonRow)?)
}

pub(super) async fn contact_points(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<ContactRow>, StoreError> {
    Ok(q!(tx, sql::CONTACT_POINTS, [id_list(ids)] => all ContactRow)?)
}

pub(super) async fn contact_points_of(
    tx: &mut Tx,
    people: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<ContactRow>, StoreError> {
    Ok(q!(tx, sql::CONTACT_POINTS_OF, [id_list(people)] => all ContactRow)?)
}
