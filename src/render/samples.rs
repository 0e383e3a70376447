//! Invented situations, read from `templates/samples.toml`, with which every template is tried.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::catalogue::{Need, Template};
use super::facts::Value;
use super::faults::TemplateError;
use crate::domain::{
    Account, AccountState, Address, Attempt, AttemptState, Channel, ClaimKind, ContactPoint, ContactUse,
    Creditor, Currency, EmailAddress, Instalments, Locale, Moment, Money, Origin, Payee, Person, PersonKind,
    PersonName, PhoneNumber, Place, Portfolio, PostalAddress, Role, Sender, SenderKind, Situation,
    Whereabouts, Zones,
};

const FILE: &str = "samples.toml";

/// One invented situation.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Name, e.g. `mainland-company`.
    pub name: String,
    /// The day on which the sample plays.
    pub today: NaiveDate,
    situation: Situation,
    addresses: Vec<Address>,
    extras: BTreeMap<String, Value>,
}

impl Sample {
    /// The situation in which `template` would be sent on `channel`; `None` when it does not suit: another kind
    /// of sender, no mandate, no instalments, no such address.
    pub fn situation(&self, template: &Template, channel: Channel) -> Option<Situation> {
        let mut s = self.situation.clone();
        let address = self.addresses.iter().find(|a| carries(a, channel))?;
        s.contact_point.address = address.clone();
        s.attempt.channel = channel;
        s.attempt.recipient = s.recipient.id;
        s.attempt.template = Some(template.id.clone());
        s.attempt.purpose = template.purpose;
        for need in &template.needs {
            match need {
                Need::Mandate => s.sender.mandate.as_ref().map(|_| ())?,
                Need::InstalmentsOverdue => s.account.instalments.filter(|i| i.overdue > 0).map(|_| ())?,
                Need::LegalActionApproved => s.account.legal_action_approved = true,
                Need::NotYetDue => s.account.due_on = self.today.checked_add_days(Days::new(5))?,
                Need::Overdue if s.account.due_on < self.today => {}
                Need::Overdue => s.account.due_on = self.today.checked_sub_days(Days::new(12))?,
            }
        }
        let suits = template.channels.contains(&channel) && template.senders.contains(&s.sender.kind);
        suits.then_some(s)
    }

    /// The extras of this sample that `template` declares.
    pub fn extras(&self, template: &Template) -> BTreeMap<String, Value> {
        let declared = |name: &String| template.extras.contains(name);
        self.extras
            .iter()
            .filter(|(n, _)| declared(n))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    }
}

fn carries(address: &Address, channel: Channel) -> bool {
    matches!(
        (address, channel),
        (Address::Phone(_), Channel::Sms)
            | (Address::Email(_), Channel::Email)
            | (Address::Postal(_), Channel::Letter)
    )
}

/// Reads the samples.
pub fn samples(text: &str) -> Result<Vec<Sample>, TemplateError> {
    let file: SamplesFile = toml::from_str(text).map_err(|e| TemplateError::toml(FILE, text, &e))?;
    file.sample
        .into_iter()
        .enumerate()
        .map(|(i, sample)| sample.build(i as u128 + 1))
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SamplesFile {
    sample: Vec<SampleFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleFile {
    name: String,
    today: toml::value::Datetime,
    creditor: CreditorFile,
    sender: SenderFile,
    payee: PayeeFile,
    account: AccountFile,
    debtor: PersonFile,
    /// Who is addressed, where it is not the debtor.
    recipient: Option<PersonFile>,
    #[serde(default)]
    extras: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreditorFile {
    name: String,
    country: String,
    #[serde(default)]
    is_bank: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SenderFile {
    kind: String,
    name: String,
    signature: String,
    licence: Option<String>,
    phone: String,
    email: Option<String>,
    postal: String,
    country: String,
    staffed: Option<String>,
    opt_out_word: String,
    mandate: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayeeFile {
    holder: String,
    bank: String,
    number: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountFile {
    reference: String,
    claim: String,
    currency: String,
    amount: String,
    balance: String,
    issued_on: Option<toml::value::Datetime>,
    due_on: toml::value::Datetime,
    instalments_overdue: Option<u32>,
    instalment_amount: Option<String>,
    promised_until: Option<toml::value::Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonFile {
    name: String,
    #[serde(default)]
    role: Option<String>,
    kind: String,
    locale: String,
    country: String,
    region: Option<String>,
    zone: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    postal: Option<String>,
}

/// A field that does not read, with the sample it stands in.
fn bad(sample: &str, field: &str, why: impl Display) -> TemplateError {
    TemplateError::new(
        FILE,
        None,
        format!("`{field}` of sample `{sample}`"),
        &why.to_string(),
    )
}

fn word<T: FromStr<Err: Display>>(sample: &str, field: &str, text: &str) -> Result<T, TemplateError> {
    text.parse().map_err(|e| bad(sample, field, e))
}

fn date(sample: &str, field: &str, at: &toml::value::Datetime) -> Result<NaiveDate, TemplateError> {
    let day = at
        .date
        .and_then(|d| NaiveDate::from_ymd_opt(d.year.into(), d.month.into(), d.day.into()));
    day.ok_or_else(|| bad(sample, field, "a date such as 2026-04-07"))
}

impl SampleFile {
    fn build(self, n: u128) -> Result<Sample, TemplateError> {
        let name = self.name.clone();
        let today = date(&name, "today", &self.today)?;
        let account = self.account.build(&name, n)?;
        let debtor = self.debtor.build(&name, id(n, 5))?;
        let recipient = match &self.recipient {
            Some(r) => r.build(&name, id(n, 6))?,
            None => debtor.clone(),
        };
        let to = self.recipient.as_ref().unwrap_or(&self.debtor);
        let role = to
            .role
            .as_deref()
            .map_or(Ok(Role::Debtor), |r| word(&name, "role", r))?;
        let addresses = to.addresses(&name)?;
        let first = addresses
            .first()
            .ok_or_else(|| bad(&name, "debtor", "at least one address"))?
            .clone();
        let sender = self.sender.build(&name, n)?;
        let extras = extras(&name, &self.extras, account.currency)?;
        let situation = Situation {
            attempt: attempt(n, today),
            portfolio: Arc::new(Portfolio {
                id: id(n, 3).into(),
                name: name.clone(),
                creditor: id(n, 1).into(),
                sender: id(n, 2).into(),
                ladder: "traffic-light".to_owned(),
                packs: Vec::new(),
                zone: debtor.zones.shown(),
            }),
            creditor: Arc::new(Creditor {
                id: id(n, 1).into(),
                name: self.creditor.name,
                country: self.creditor.country,
                is_bank: self.creditor.is_bank,
            }),
            sender: Arc::new(sender),
            payees: Arc::new(vec![self.payee.build(n)]),
            contact_point: ContactPoint {
                id: id(n, 7).into(),
                person: recipient.id,
                address_id: id(n, 8).into(),
                address: first,
                usage: if recipient.kind == PersonKind::Legal {
                    ContactUse::Office
                } else {
                    ContactUse::Own
                },
                zones: Zones::unknown(),
                usable: true,
            },
            account,
            debtor,
            recipient,
            role,
            suppressions: Vec::new(),
            consents: Vec::new(),
            wishes: Vec::new(),
            history: Vec::new(),
            first_contact: true,
        };
        Ok(Sample {
            name,
            today,
            situation,
            addresses,
            extras,
        })
    }
}

/// A fixed id: samples are the same in every run.
fn id(sample: u128, what: u128) -> Uuid {
    Uuid::from_u128((0x5a17_0000_u128 << 96) | (sample << 32) | what)
}

fn attempt(n: u128, today: NaiveDate) -> Attempt {
    let noon = Moment::new(today.and_hms_opt(4, 0, 0).unwrap_or_default().and_utc());
    Attempt {
        id: id(n, 9).into(),
        account: id(n, 4).into(),
        recipient: id(n, 5).into(),
        contact_point: id(n, 7).into(),
        channel: Channel::Sms,
        purpose: crate::domain::Purpose::Collection,
        origin: Origin::Campaign,
        stage: "sample".to_owned(),
        step: "sample".to_owned(),
        template: None,
        own_subject: None,
        own_text: None,
        due_at: noon,
        expires_at: noon + chrono::TimeDelta::days(1),
        approved: false,
        state: AttemptState::Planned,
    }
}

impl SenderFile {
    fn build(self, sample: &str, n: u128) -> Result<Sender, TemplateError> {
        let field = |f: &'static str| move |e: &'static str| bad(sample, f, e);
        Ok(Sender {
            id: id(n, 2).into(),
            kind: word::<SenderKind>(sample, "sender.kind", &self.kind)?,
            phone: Some(
                PhoneNumber::parse(&self.phone, &self.country).map_err(|e| bad(sample, "sender.phone", e))?,
            ),
            email: self
                .email
                .as_deref()
                .map(EmailAddress::parse)
                .transpose()
                .map_err(field("sender.email"))?,
            postal: Some(PostalAddress::parse(&self.postal, &self.country).map_err(field("sender.postal"))?),
            name: self.name,
            signature: self.signature,
            licence: self.licence,
            staffed: self.staffed,
            opt_out_word: self.opt_out_word,
            mandate: self.mandate,
        })
    }
}

impl PayeeFile {
    fn build(self, n: u128) -> Payee {
        Payee {
            id: id(n, 10).into(),
            holder: self.holder,
            bank: self.bank,
            number: self.number,
            confirmed: true,
        }
    }
}

impl AccountFile {
    fn build(&self, sample: &str, n: u128) -> Result<Account, TemplateError> {
        let currency = Currency::parse(&self.currency).map_err(|e| bad(sample, "account.currency", e))?;
        let money = |field: &str, text: &str| {
            Money::parse(text, currency)
                .map(|m| m.minor)
                .map_err(|e| bad(sample, field, e))
        };
        let day = |field: &str, at: &Option<toml::value::Datetime>| {
            at.as_ref().map(|at| date(sample, field, at)).transpose()
        };
        let instalment = self
            .instalment_amount
            .as_deref()
            .map(|a| money("instalment_amount", a))
            .transpose()?;
        Ok(Account {
            id: id(n, 4).into(),
            portfolio: id(n, 3).into(),
            debtor: id(n, 5).into(),
            reference: self.reference.clone(),
            claim: word::<ClaimKind>(sample, "account.claim", &self.claim)?,
            currency,
            amount_minor: money("account.amount", &self.amount)?,
            balance_minor: money("account.balance", &self.balance)?,
            issued_on: day("account.issued_on", &self.issued_on)?,
            due_on: date(sample, "account.due_on", &self.due_on)?,
            instalments: instalment.map(|amount_minor| Instalments {
                overdue: self.instalments_overdue.unwrap_or(0),
                amount_minor,
            }),
            confirmed: true,
            observation: false,
            legal_action_approved: false,
            preferred: None,
            state: AccountState::Open,
            disputed: false,
            promised_until: day("account.promised_until", &self.promised_until)?,
            revision: 1,
        })
    }
}

impl PersonFile {
    fn build(&self, sample: &str, id: Uuid) -> Result<Person, TemplateError> {
        let zone = self
            .zone
            .as_deref()
            .map(|z| word::<Tz>(sample, "zone", z))
            .transpose()?;
        Ok(Person {
            id: id.into(),
            kind: word::<PersonKind>(sample, "kind", &self.kind)?,
            name: PersonName::parse(&self.name).map_err(|e| bad(sample, "name", e))?,
            locale: word::<Locale>(sample, "locale", &self.locale)?,
            country: Some(self.country.clone()),
            region: self.region.clone(),
            zones: Zones::find(&Whereabouts {
                stated: zone,
                places: vec![Place {
                    country: Some(&self.country),
                    region: self.region.as_deref(),
                    postal_code: None,
                }],
                ..Whereabouts::default()
            }),
            postal_code: None,
            zone_until: None,
            deceased: false,
            minor: false,
            revision: 1,
        })
    }

    fn addresses(&self, sample: &str) -> Result<Vec<Address>, TemplateError> {
        let mut out = Vec::new();
        if let Some(text) = &self.phone {
            let phone = PhoneNumber::parse(text, &self.country).map_err(|e| bad(sample, "phone", e))?;
            out.push(Address::Phone(phone));
        }
        if let Some(text) = &self.email {
            out.push(Address::Email(
                EmailAddress::parse(text).map_err(|e| bad(sample, "email", e))?,
            ));
        }
        if let Some(text) = &self.postal {
            let postal = PostalAddress::parse(text, &self.country).map_err(|e| bad(sample, "postal", e))?;
            out.push(Address::Postal(postal));
        }
        Ok(out)
    }
}

/// Texts, whole numbers, dates, `{ amount = "1.00" }`, and lists of lists of these.
fn extras(
    sample: &str,
    table: &toml::Table,
    currency: Currency,
) -> Result<BTreeMap<String, Value>, TemplateError> {
    table
        .iter()
        .map(|(name, v)| Ok((name.clone(), extra(sample, name, v, currency)?)))
        .collect()
}

fn extra(sample: &str, name: &str, value: &toml::Value, currency: Currency) -> Result<Value, TemplateError> {
    let expected = "a text, a whole number, a date, `{ amount = \"1.00\" }` or a list of rows of these";
    match value {
        toml::Value::String(text) => Ok(Value::Text(text.clone())),
        toml::Value::Integer(n) => Ok(Value::Number(*n)),
        toml::Value::Datetime(at) => Ok(Value::Date(date(sample, name, at)?)),
        toml::Value::Table(t) => match t.get("amount").and_then(toml::Value::as_str) {
            Some(text) if t.len() == 1 => Money::parse(text, currency)
                .map(Value::Amount)
                .map_err(|e| bad(sample, name, e)),
            _ => Err(bad(sample, name, expected)),
        },
        toml::Value::Array(rows) => {
            let row = |row: &toml::Value| {
                let cells = row.as_array().ok_or_else(|| bad(sample, name, expected))?;
                cells.iter().map(|c| extra(sample, name, c, currency)).collect()
            };
            rows.iter().map(row).collect::<Result<_, _>>().map(Value::Rows)
        }
        _ => Err(bad(sample, name, expected)),
    }
}
