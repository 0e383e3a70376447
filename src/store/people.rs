//! Rows of people, contact points and accounts, and how they become domain values.

use std::collections::HashMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use uuid::Uuid;

use super::StoreError;
use super::db::{Tx, q, statements};
use super::registry::zone;
use super::seals::{Keys, Seals, open_text, own_key};
use super::types::{id_list, word, word_opt};
use crate::domain::{
    Account, AccountId, Address, AddressId, ContactPoint, ContactPointId, Currency, EmailAddress,
    Instalments, Moment, Person, PersonId, PersonName, PhoneNumber, Place, PortfolioId, PostalAddress,
    Whereabouts, Zones,
};
use crate::evidence::{PersonKey, SealKind};

pub(super) mod sql {
    super::statements! {
        ACCOUNTS = {
            sqlite: "SELECT id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, legal_action_approved, preferred, state, disputed, promised_until, revision FROM account WHERE id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, issued_on, due_on, instalments_overdue, instalment_minor, confirmed, observation, legal_action_approved, preferred, state, disputed, promised_until, revision FROM account WHERE id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        PEOPLE = {
            sqlite: "SELECT p.id, p.kind, p.name, p.locale, p.country, p.region, p.postal_code, p.zone, p.zone_until, p.deceased, p.minor, p.revision, k.master, k.wrapped FROM person p LEFT JOIN person_key k ON k.person_id = p.id WHERE p.id IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT p.id, p.kind, p.name, p.locale, p.country, p.region, p.postal_code, p.zone, p.zone_until, p.deceased, p.minor, p.revision, k.master, k.wrapped FROM person p LEFT JOIN person_key k ON k.person_id = p.id WHERE p.id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID)))",
        };
        PLACES = "SELECT DISTINCT p.country, p.region FROM person p WHERE EXISTS (SELECT 1 FROM account a WHERE a.debtor_id = p.id AND a.state = 'open') ORDER BY p.country, p.region";
        CONTACT_POINTS_OF = {
            sqlite: "SELECT c.id, c.person_id, c.address_id, a.kind, c.sealed, a.country, c.usage, c.zone, c.usable FROM contact_point c JOIN address a ON a.id = c.address_id WHERE c.person_id IN (SELECT unhex(value) FROM json_each($1)) ORDER BY c.id",
            postgres: "SELECT c.id, c.person_id, c.address_id, a.kind, c.sealed, a.country, c.usage, c.zone, c.usable FROM contact_point c JOIN address a ON a.id = c.address_id WHERE c.person_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS UUID))) ORDER BY c.id",
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

#[derive(Clone, sqlx::FromRow)]
struct PersonRow {
    id: Uuid,
    kind: String,
    name: String,
    locale: String,
    country: Option<String>,
    region: Option<String>,
    postal_code: Option<String>,
    zone: Option<String>,
    zone_until: Option<NaiveDate>,
    deceased: bool,
    minor: bool,
    revision: i64,
    master: Option<String>,
    wrapped: Option<Vec<u8>>,
}

impl PersonRow {
    /// The person's key; none after erasure.
    fn key(&self, seals: &Seals) -> Result<Option<PersonKey>, StoreError> {
        match (&self.master, &self.wrapped) {
            (Some(master), Some(wrapped)) => seals.unwrap(self.id, master, wrapped),
            _ => Ok(None),
        }
    }

    /// The person as of `now`, with the zones that the file and every usable contact point tell.
    fn into_person(self, keys: &Keys, points: &[Point], now: Moment) -> Result<Person, StoreError> {
        let own = |kind| own_key(keys, self.id, kind, self.id);
        let name = open_text(own(SealKind::Name), &self.name, "name")?;
        let postal_code = match &self.postal_code {
            Some(sealed) => own(SealKind::PostalCode)
                .map(|key| open_text(Some(key), sealed, "postal code"))
                .transpose()?,
            None => None,
        };
        let stated = self.zone.as_deref().map(zone).transpose()?;
        let holds = |zone: &Tz| self.zone_until.is_none_or(|until| now.date_in(*zone) <= until);
        let mut known = Whereabouts {
            stated: stated.filter(holds),
            places: vec![Place {
                country: self.country.as_deref(),
                region: self.region.as_deref(),
                postal_code: postal_code.as_deref(),
            }],
            ..Whereabouts::default()
        };
        for point in points.iter().filter(|p| p.row.usable) {
            match &point.address {
                Address::Phone(phone) => known.phones.push(phone),
                Address::Postal(postal) => known.addresses.push(postal),
                Address::Email(_) => {}
            }
        }
        let zones = Zones::find(&known);
        Ok(Person {
            id: PersonId(self.id),
            kind: word(&self.kind, "kind of person")?,
            name: PersonName::parse(&name).map_err(|_| StoreError::Corrupt { what: "name" })?,
            locale: word(&self.locale, "locale")?,
            zones,
            country: self.country,
            region: self.region,
            postal_code,
            zone_until: self.zone_until,
            deceased: self.deceased,
            minor: self.minor,
            revision: self.revision,
        })
    }
}

#[derive(sqlx::FromRow)]
struct ContactRow {
    id: Uuid,
    person_id: Uuid,
    address_id: Uuid,
    kind: String,
    sealed: String,
    country: Option<String>,
    usage: String,
    zone: Option<String>,
    usable: bool,
}

impl super::Store {
    /// The country and region of everybody with an open debt, each once; what is not known is empty.
    pub async fn places(&self) -> Result<Vec<(Option<String>, Option<String>)>, StoreError> {
        let mut tx = self.db.read().await?;
        Ok(q!(&mut tx, sql::PLACES, [] => all (Option<String>, Option<String>))?)
    }
}

/// The address of a contact point as text; `None` if it was erased.
pub(super) fn opened_address(
    keys: &Keys,
    person: Uuid,
    point: Uuid,
    sealed: &str,
) -> Result<Option<String>, StoreError> {
    if sealed.is_empty() {
        return Ok(None);
    }
    own_key(keys, person, SealKind::Address, point)
        .map(|key| open_text(Some(key), sealed, "address"))
        .transpose()
}

/// The keyed hash by which an address is found.
pub(super) fn address_hash(seals: &Seals, kind: &str, normal: &str) -> Result<String, StoreError> {
    seals.hash(&format!("address:{kind}"), normal)
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

/// A contact point on the way from its row.
struct Point {
    row: ContactRow,
    address: Address,
}

impl Point {
    /// `None`: it was erased.
    fn of(row: ContactRow, keys: &Keys) -> Result<Option<Point>, StoreError> {
        let opened = opened_address(keys, row.person_id, row.id, &row.sealed)?;
        let Some(normal) = opened else { return Ok(None) };
        let address = address(&row.kind, &normal, row.country.as_deref())?;
        Ok(Some(Point { row, address }))
    }

    /// Its own zones are those stated for it; else the person's, to which its address has added what it tells.
    fn into_contact_point(self) -> Result<ContactPoint, StoreError> {
        let stated = self.row.zone.as_deref().map(zone).transpose()?;
        Ok(ContactPoint {
            id: ContactPointId(self.row.id),
            person: PersonId(self.row.person_id),
            address_id: AddressId(self.row.address_id),
            address: self.address,
            usage: word(&self.row.usage, "use of a contact point")?,
            zones: stated.map_or_else(Zones::unknown, Zones::stated),
            usable: self.row.usable,
        })
    }
}

/// People by id, and the contact points of each in the order of their ids.
pub(super) type Known = (HashMap<Uuid, Person>, HashMap<Uuid, Vec<ContactPoint>>);

/// People with all their contact points, as of `now`.
pub(super) async fn known(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = Uuid>,
    now: Moment,
) -> Result<Known, StoreError> {
    let list = id_list(ids);
    let rows = q!(tx, sql::PEOPLE, [list.clone()] => all PersonRow)?;
    let seals = tx.seals().clone();
    let mut keys = Keys::with_capacity(rows.len());
    for row in &rows {
        if let Some(key) = row.key(&seals)? {
            keys.insert(row.id, key);
        }
    }
    let mut read: HashMap<Uuid, Vec<Point>> = HashMap::with_capacity(rows.len());
    for row in q!(tx, sql::CONTACT_POINTS_OF, [list] => all ContactRow)? {
        if let Some(point) = Point::of(row, &keys)? {
            read.entry(point.row.person_id).or_default().push(point);
        }
    }
    let mut people = HashMap::with_capacity(rows.len());
    for row in rows {
        let theirs = read.get(&row.id).map_or(&[][..], Vec::as_slice);
        people.insert(row.id, row.into_person(&keys, theirs, now)?);
    }
    let mut points = HashMap::with_capacity(read.len());
    for (id, theirs) in read {
        let theirs = theirs.into_iter().map(Point::into_contact_point);
        points.insert(id, theirs.collect::<Result<_, StoreError>>()?);
    }
    Ok((people, points))
}

pub(super) async fn accounts(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<AccountRow>, StoreError> {
    Ok(q!(tx, sql::ACCOUNTS, [id_list(ids)] => all AccountRow)?)
}
