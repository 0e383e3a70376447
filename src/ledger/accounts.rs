//! One row of an account ledger: a debt, its debtor, and the ways to reach them.

use chrono::NaiveDate;
use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::cells::{Cells, Slot};
use super::export;
use super::mapping::{AccountSlots, ContactSlots, Mapping, RelatedSlots};
use super::reject::{Code, Warning};
use super::values;
use crate::domain::{
    Address, Channel, ClaimKind, ContactUse, Currency, Instalments, Locale, PersonKind, PersonName, Role,
};

/// A person related to the debt, with their own contact points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedPerson {
    /// What they are to the debt.
    pub role: Role,
    /// Their name.
    pub name: PersonName,
    /// Ways to reach them: at most one telephone number, one e-mail and one postal address, in this order.
    pub contacts: Vec<(Address, ContactUse)>,
}

/// One debt as a ledger states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Line in the file.
    pub row: u64,
    /// SHA-256 of everything below in normal form; an equal digest means that nothing has changed.
    pub digest: [u8; 32],
    /// Name of the portfolio, if the file or mapping states one.
    pub portfolio: Option<String>,
    /// The creditor's own number of the debtor.
    pub debtor_ref: String,
    /// Natural or legal; natural where nothing is stated, because that is the stricter.
    pub debtor: PersonKind,
    /// The debtor's name.
    pub name: PersonName,
    /// The language to write in; by country where nothing is stated.
    pub locale: Locale,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// State or province.
    pub region: Option<String>,
    /// Postal code of the address.
    pub postal_code: Option<String>,
    /// The stated time zone.
    pub zone: Option<Tz>,
    /// The last day on which the stated zone holds.
    pub zone_until: Option<NaiveDate>,
    /// Ways to reach the debtor, in the order of the mapping.
    pub contacts: Vec<(Address, ContactUse)>,
    /// Guarantors, counsel, references and others.
    pub related: Vec<RelatedPerson>,
    /// The creditor's own number of the debt; leading zeros are kept.
    pub reference: String,
    /// What the debt arose from.
    pub claim: ClaimKind,
    /// Currency of all amounts.
    pub currency: Currency,
    /// As first claimed, minor units.
    pub amount_minor: i64,
    /// Still owed, minor units; as first claimed where the ledger does not say.
    pub balance_minor: i64,
    /// Invoiced or contracted.
    pub issued_on: Option<NaiveDate>,
    /// Due.
    pub due_on: NaiveDate,
    /// How the instalments stand.
    pub instalments: Option<Instalments>,
    /// The debtor confirmed the statement.
    pub confirmed: bool,
    /// Good payer in temporary trouble.
    pub observation: bool,
    /// The debtor disputes the claim.
    pub disputed: bool,
    /// Paid in full on this date; the balance is what stood open before.
    pub settled_on: Option<NaiveDate>,
    /// The channel the debtor prefers.
    pub preferred_channel: Option<Channel>,
}

/// The places of all fields in one file.
#[derive(Debug, Clone)]
pub(super) struct AccountPlan {
    pub(super) account: AccountSlots,
    pub(super) contacts: Vec<ContactSlots>,
    pub(super) related: Vec<RelatedSlots>,
}

/// The debtor's half of a row.
struct Debtor {
    country: Option<String>,
    contacts: Vec<(Address, ContactUse)>,
    related: Vec<RelatedPerson>,
}

/// The money of a row.
struct Sums {
    currency: Currency,
    amount: i64,
    balance: i64,
    instalments: Option<Instalments>,
}

impl AccountRow {
    /// Reads one record; `None` when `cells` has faults.
    pub(super) fn read(cells: &mut Cells<'_>, plan: &AccountPlan, mapping: &Mapping) -> Option<AccountRow> {
        let at = &plan.account;
        let text = cells.text(&at.portfolio);
        let portfolio = cells.identifier(&at.portfolio, text);
        let text = cells.needed(&at.debtor_ref);
        let debtor_ref = cells.identifier(&at.debtor_ref, text);
        let text = cells.needed(&at.reference);
        let reference = cells.identifier(&at.reference, text);
        let name = cells.read_needed(&at.name, values::name);
        let kind = cells
            .read(&at.debtor_kind, values::word)
            .unwrap_or(PersonKind::Natural);
        let debtor = debtor(cells, plan, mapping);
        let locale = cells.read(&at.locale, values::word::<Locale>);
        let region = cells.read(&at.region, |t| values::region(t, debtor.country.as_deref()));
        let postal_code = cells.read(&at.postal_code, values::postal_code);
        let zone = cells.read(&at.zone, values::zone);
        let claim = cells.read(&at.claim, values::word).unwrap_or(ClaimKind::Other);
        let sums = sums(cells, at, mapping);
        let date = |text: &str| values::date(text, mapping);
        let zone_until = cells.read(&at.zone_until, date);
        let issued_on = cells.read(&at.issued_on, date);
        let due_on = cells.read_needed(&at.due_on, date);
        let confirmed = cells.read(&at.confirmed, values::boolean).unwrap_or(false);
        let observation = cells.read(&at.observation, values::boolean).unwrap_or(false);
        let disputed = cells.read(&at.disputed, values::boolean).unwrap_or(false);
        let settled_on = cells.read(&at.settled_on, date);
        let preferred_channel = cells.read(&at.preferred_channel, values::word);
        if !cells.faults.is_empty() {
            return None;
        }
        let sums = sums?;
        let mut row = AccountRow {
            row: cells.line,
            digest: [0; 32],
            portfolio,
            debtor_ref: debtor_ref?,
            debtor: kind,
            name: name?,
            locale: locale.unwrap_or_else(|| locale_of(debtor.country.as_deref(), mapping)),
            country: debtor.country,
            region,
            postal_code,
            zone,
            zone_until,
            contacts: debtor.contacts,
            related: debtor.related,
            reference: reference?,
            claim,
            currency: sums.currency,
            amount_minor: sums.amount,
            balance_minor: sums.balance,
            issued_on,
            due_on: due_on?,
            instalments: sums.instalments,
            confirmed,
            observation,
            disputed,
            settled_on,
            preferred_channel,
        };
        row.digest = row.fingerprint();
        Some(row)
    }

    /// The digest that belongs to the content of the row, whatever its line.
    pub fn fingerprint(&self) -> [u8; 32] {
        digest_of(&export::account_cells(self))
    }

    /// What a person should know about a row that was accepted.
    pub(super) fn warning(&self) -> Option<Warning> {
        self.contacts.is_empty().then_some(Warning {
            row: self.row,
            zh: "没有任何联系方式，无法提醒",
            en: "no contact point: this debtor cannot be reminded",
        })
    }
}

/// SHA-256 over named cells, each with its length.
pub(super) fn digest_of(cells: &[(String, String)]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (name, value) in cells {
        hash.update(name);
        hash.update((value.len() as u64).to_be_bytes());
        hash.update(value);
    }
    hash.finalize().into()
}

fn locale_of(country: Option<&str>, mapping: &Mapping) -> Locale {
    match country.or(mapping.phone_region.as_deref()) {
        Some("CN") => Locale::ZhCn,
        Some("HK" | "TW" | "MO") => Locale::ZhTw,
        _ => Locale::En,
    }
}

fn debtor(cells: &mut Cells<'_>, plan: &AccountPlan, mapping: &Mapping) -> Debtor {
    let before = cells.faults.len();
    let country = cells.read(&plan.account.country, values::country);
    let misread = cells.faults.len() > before;
    let by = country.as_deref();
    let phone_region = by.or(mapping.phone_region.as_deref());
    let mut contacts = Vec::new();
    for slot in &plan.contacts {
        for (point, read) in [&slot.phone, &slot.email, &slot.address]
            .into_iter()
            .zip(readers(phone_region, by))
        {
            contacts.extend(contact(cells, point, &slot.usage, &*read));
        }
    }
    let mut related = Vec::new();
    for slot in &plan.related {
        let mut theirs = Vec::new();
        let points = [
            (&slot.phone, &slot.phone_use),
            (&slot.email, &slot.email_use),
            (&slot.address, &slot.address_use),
        ];
        for ((point, usage), read) in points.into_iter().zip(readers(phone_region, by)) {
            theirs.extend(contact(cells, point, usage, &*read));
        }
        let role = cells.read(&slot.role, values::word::<Role>);
        let name = cells.read(&slot.name, values::name);
        let stated = slot.role.rule.as_ref().is_some_and(|r| r.fixed.is_none()) && role.is_some();
        match (role, name) {
            (Some(role), Some(name)) => related.push(RelatedPerson {
                role,
                name,
                contacts: theirs,
            }),
            (Some(_), None) if stated || !theirs.is_empty() => missing(cells, &slot.name),
            (None, Some(_)) => missing(cells, &slot.role),
            (None, None) if !theirs.is_empty() => missing(cells, &slot.role),
            _ => {}
        }
    }
    if misread {
        // Numbers and addresses cannot be judged before their country is corrected.
        cells
            .faults
            .retain(|f| !matches!(f.code, Code::Phone | Code::Postal));
    }
    Debtor {
        country,
        contacts,
        related,
    }
}

fn missing(cells: &mut Cells<'_>, slot: &Slot) {
    if cells.faults.is_empty() {
        cells.fault(slot, "", Code::Empty);
    }
}

type ReadAddress<'a> = Box<dyn Fn(&str) -> Result<Address, Code> + 'a>;

fn readers<'a>(phone_region: Option<&'a str>, country: Option<&'a str>) -> [ReadAddress<'a>; 3] {
    [
        Box::new(move |t| values::phone(t, phone_region)),
        Box::new(values::email),
        Box::new(move |t| values::postal(t, country)),
    ]
}

fn contact(
    cells: &mut Cells<'_>,
    point: &Slot,
    usage: &Slot,
    read: &dyn Fn(&str) -> Result<Address, Code>,
) -> Option<(Address, ContactUse)> {
    point.rule.as_ref()?;
    let address = cells.read(point, read);
    let usage_read = cells.read(usage, values::word::<ContactUse>);
    if address.is_none() && usage_read.is_some() && usage.index.is_some() {
        missing(cells, point);
    }
    Some((address?, usage_read.unwrap_or(ContactUse::Own)))
}

fn sums(cells: &mut Cells<'_>, at: &AccountSlots, mapping: &Mapping) -> Option<Sums> {
    let currency = cells.read_needed(&at.currency, values::currency);
    // Amounts are judged even where the currency is unreadable, so that the person sees all faults at once.
    let assumed = currency.unwrap_or(Currency::CNY);
    let positive = |text: &str| match values::amount(text, assumed, mapping) {
        Ok(minor) if minor < 0 => Err(Code::Negative),
        other => other,
    };
    let before = cells.faults.len();
    let amount = cells.read(&at.amount, positive);
    let balance = cells.read(&at.balance, positive);
    let overdue = cells.read(&at.instalments_overdue, values::count);
    let instalment = cells.read(&at.instalment_amount, positive);
    if amount.is_none() && balance.is_none() && cells.faults.len() == before {
        let slot = if at.amount.is_there() {
            &at.amount
        } else {
            &at.balance
        };
        cells.fault(slot, "", Code::Empty);
    }
    let instalments = match (overdue, instalment) {
        (Some(overdue), Some(amount_minor)) => Some(Instalments {
            overdue,
            amount_minor,
        }),
        (None, Some(_)) => {
            missing(cells, &at.instalments_overdue);
            None
        }
        (Some(_), None) => {
            missing(cells, &at.instalment_amount);
            None
        }
        (None, None) => None,
    };
    Some(Sums {
        currency: currency?,
        amount: amount.or(balance)?,
        balance: balance.or(amount)?,
        instalments,
    })
}
