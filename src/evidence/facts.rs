//! The facts a decision rests on, written down so that the decision can be made again: a [`Situation`] as canonical
//! JSON and back. What belongs to the portfolio stands in a text of its own, because many decisions share it.
//!
//! Nothing is left out: a new field of the domain does not compile before it is written and read here.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::*;

/// Version of the form; a change of meaning raises it.
const FORM: u32 = 1;

/// Why kept facts cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the kept facts cannot be read: {0}")]
pub struct UnreadableFacts(String);

impl From<serde_json::Error> for UnreadableFacts {
    fn from(e: serde_json::Error) -> UnreadableFacts {
        // The words of the reader name fields and kinds of values; a value itself may be personal.
        UnreadableFacts(format!("line {}, column {}", e.line(), e.column()))
    }
}

fn wrong(what: &str) -> UnreadableFacts {
    UnreadableFacts(what.to_owned())
}

/// A value that is written as its text.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}
impl<'de, T: FromStr> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        text.parse()
            .map(Text)
            .map_err(|_| D::Error::custom("an unknown word"))
    }
}

/// A moment.
struct At(Moment);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0.to_text())
    }
}
impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        Moment::parse(&text)
            .map(At)
            .map_err(|_| D::Error::custom("no moment"))
    }
}

/// An integer; one that readers of JSON would round is written as text.
struct Int(i64);

impl Serialize for Int {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0.unsigned_abs() < 1 << 53 {
            true => s.serialize_i64(self.0),
            false => s.collect_str(&self.0),
        }
    }
}
impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(i64),
            Text(String),
        }
        match Either::deserialize(d)? {
            Either::Number(n) => Ok(Int(n)),
            Either::Text(t) => t.parse().map(Int).map_err(|_| D::Error::custom("no integer")),
        }
    }
}

/// A text that is borrowed while it is written.
type Str<'a> = Cow<'a, str>;

/// Candidate zones.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ZonesKept {
    from: Text<ZoneSource>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    zones: Vec<Text<Tz>>,
}

/// A debtor or a related person.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonKept<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    country: Option<Str<'a>>,
    deceased: bool,
    id: Text<PersonId>,
    kind: Text<PersonKind>,
    locale: Text<Locale>,
    minor: bool,
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    region: Option<Str<'a>>,
    revision: Int,
    zones: ZonesKept,
}

/// A contact point.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointKept<'a> {
    #[serde(borrow)]
    address: Str<'a>,
    address_id: Text<AddressId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    country: Option<Str<'a>>,
    id: Text<ContactPointId>,
    kind: Text<AddressKind>,
    person: Text<PersonId>,
    usable: bool,
    usage: Text<ContactUse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zones: Option<ZonesKept>,
}

/// A debt.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountKept<'a> {
    amount_minor: Int,
    balance_minor: Int,
    claim: Text<ClaimKind>,
    confirmed: bool,
    #[serde(borrow)]
    currency: Str<'a>,
    debtor: Text<PersonId>,
    disputed: bool,
    due_on: Text<NaiveDate>,
    id: Text<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instalment_minor: Option<Int>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instalments_overdue: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_on: Option<Text<NaiveDate>>,
    legal_action_approved: bool,
    observation: bool,
    portfolio: Text<PortfolioId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preferred: Option<Text<Channel>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    promised_until: Option<Text<NaiveDate>>,
    #[serde(borrow)]
    reference: Str<'a>,
    revision: Int,
    state: Text<AccountState>,
}

/// An attempt.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptKept<'a> {
    account: Text<AccountId>,
    approved: bool,
    channel: Text<Channel>,
    contact_point: Text<ContactPointId>,
    due_at: At,
    expires_at: At,
    id: Text<AttemptId>,
    origin: Text<Origin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    own_subject: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    own_text: Option<Str<'a>>,
    purpose: Text<Purpose>,
    recipient: Text<PersonId>,
    #[serde(borrow)]
    stage: Str<'a>,
    state: Text<AttemptState>,
    #[serde(borrow)]
    step: Str<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    template: Option<Str<'a>>,
}

/// A standing reason not to contact; one of `account`, `address`, `person` is whom it covers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SuppressionKept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<Text<AccountId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<Text<AddressId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<Text<Channel>>,
    id: Text<SuppressionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<Text<PersonId>>,
    reason: Text<SuppressionReason>,
    since: At,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<At>,
}

/// A consent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentKept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<Text<Channel>>,
    given_at: At,
    id: Text<ConsentId>,
    person: Text<PersonId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<At>,
    scope: Text<ConsentScope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<At>,
}

/// A situation without its desk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SituationKept<'a> {
    #[serde(borrow)]
    account: AccountKept<'a>,
    #[serde(borrow)]
    attempt: AttemptKept<'a>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    consents: Vec<ConsentKept>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    debtor: Option<PersonKept<'a>>,
    #[serde(borrow)]
    desk: Str<'a>,
    first_contact: bool,
    form: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<String>,
    judged_at: At,
    #[serde(borrow)]
    point: PointKept<'a>,
    #[serde(borrow)]
    recipient: PersonKept<'a>,
    role: Text<Role>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<SuppressionKept>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    templates: Option<Str<'a>>,
}

/// A postal address.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PostalKept<'a> {
    #[serde(borrow)]
    country: Str<'a>,
    lines: Vec<String>,
}

/// Who speaks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SenderKept<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    email: Option<Str<'a>>,
    id: Text<SenderId>,
    kind: Text<SenderKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    licence: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    mandate: Option<Str<'a>>,
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    opt_out_word: Str<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    phone: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    phone_country: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    postal: Option<PostalKept<'a>>,
    #[serde(borrow)]
    signature: Str<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    staffed: Option<Str<'a>>,
}

/// Who is owed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreditorKept<'a> {
    #[serde(borrow)]
    country: Str<'a>,
    id: Text<CreditorId>,
    is_bank: bool,
    #[serde(borrow)]
    name: Str<'a>,
}

/// Where money may be paid.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PayeeKept<'a> {
    #[serde(borrow)]
    bank: Str<'a>,
    confirmed: bool,
    #[serde(borrow)]
    holder: Str<'a>,
    id: Text<PayeeId>,
    #[serde(borrow)]
    number: Str<'a>,
}

/// A portfolio.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PortfolioKept<'a> {
    creditor: Text<CreditorId>,
    id: Text<PortfolioId>,
    #[serde(borrow)]
    ladder: Str<'a>,
    #[serde(borrow)]
    name: Str<'a>,
    packs: Vec<String>,
    sender: Text<SenderId>,
    zone: Text<Tz>,
}

/// A portfolio with everybody it names.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeskKept<'a> {
    #[serde(borrow)]
    creditor: CreditorKept<'a>,
    form: u32,
    #[serde(borrow)]
    payees: Vec<PayeeKept<'a>>,
    #[serde(borrow)]
    portfolio: PortfolioKept<'a>,
    #[serde(borrow)]
    sender: SenderKept<'a>,
}

/// What belongs to the portfolio of a situation: the same for all its debts until somebody changes the registry.
#[derive(Debug, Clone)]
pub struct KeptDesk {
    portfolio: Arc<Portfolio>,
    creditor: Arc<Creditor>,
    sender: Arc<Sender>,
    payees: Arc<Vec<Payee>>,
}

/// Canonical JSON of the portfolio, creditor, sender and payees of a situation. Nothing about debtors.
pub fn desk_facts(s: &Situation) -> String {
    let Portfolio {
        id,
        name,
        creditor,
        sender,
        ladder,
        packs,
        zone,
    } = &*s.portfolio;
    let portfolio = PortfolioKept {
        creditor: Text(*creditor),
        id: Text(*id),
        ladder: ladder.into(),
        name: name.into(),
        packs: packs.clone(),
        sender: Text(*sender),
        zone: Text(*zone),
    };
    let Creditor {
        id,
        name,
        country,
        is_bank,
    } = &*s.creditor;
    let creditor = CreditorKept {
        country: country.into(),
        id: Text(*id),
        is_bank: *is_bank,
        name: name.into(),
    };
    let desk = DeskKept {
        creditor,
        form: FORM,
        payees: s.payees.iter().map(payee).collect(),
        portfolio,
        sender: sender_kept(&s.sender),
    };
    serde_json::to_string(&desk).expect("facts are plain text")
}

fn payee(p: &Payee) -> PayeeKept<'_> {
    let Payee {
        id,
        holder,
        bank,
        number,
        confirmed,
    } = p;
    PayeeKept {
        bank: bank.into(),
        confirmed: *confirmed,
        holder: holder.into(),
        id: Text(*id),
        number: number.into(),
    }
}

fn sender_kept(s: &Sender) -> SenderKept<'_> {
    let Sender {
        id,
        kind,
        name,
        signature,
        licence,
        phone,
        email,
        postal,
        staffed,
        opt_out_word,
        mandate,
    } = s;
    let text = |t: &'_ Option<String>| t.clone().map(Cow::Owned);
    SenderKept {
        email: email.as_ref().map(|e| e.as_str().into()),
        id: Text(*id),
        kind: Text(*kind),
        licence: text(licence),
        mandate: text(mandate),
        name: name.into(),
        opt_out_word: opt_out_word.into(),
        phone: phone.as_ref().map(|p| p.e164().into()),
        phone_country: phone.as_ref().and_then(PhoneNumber::region).map(Cow::Borrowed),
        postal: postal
            .as_ref()
            .map(|PostalAddress { lines, country }| PostalKept {
                country: country.into(),
                lines: lines.clone(),
            }),
        signature: signature.into(),
        staffed: text(staffed),
    }
}

/// Reads what [`desk_facts`] wrote.
///
/// # Errors
/// Another form, or somebody changed it by hand.
pub fn read_desk(text: &str) -> Result<KeptDesk, UnreadableFacts> {
    let desk: DeskKept<'_> = serde_json::from_str(text)?;
    if desk.form != FORM {
        return Err(wrong("another form"));
    }
    let (s, p, c) = (desk.sender, desk.portfolio, desk.creditor);
    let own = |t: Option<Str<'_>>| t.map(Cow::into_owned);
    let sender = Sender {
        id: s.id.0,
        kind: s.kind.0,
        name: s.name.into_owned(),
        signature: s.signature.into_owned(),
        licence: own(s.licence),
        phone: s
            .phone
            .map(|phone| PhoneNumber::stored(&phone, s.phone_country.as_deref())),
        email: s
            .email
            .map(|e| EmailAddress::parse(&e))
            .transpose()
            .map_err(wrong)?,
        postal: s.postal.map(|p| PostalAddress {
            lines: p.lines,
            country: p.country.into_owned(),
        }),
        staffed: own(s.staffed),
        opt_out_word: s.opt_out_word.into_owned(),
        mandate: own(s.mandate),
    };
    let payees = desk.payees.into_iter().map(|p| Payee {
        id: p.id.0,
        holder: p.holder.into_owned(),
        bank: p.bank.into_owned(),
        number: p.number.into_owned(),
        confirmed: p.confirmed,
    });
    Ok(KeptDesk {
        portfolio: Arc::new(Portfolio {
            id: p.id.0,
            name: p.name.into_owned(),
            creditor: p.creditor.0,
            sender: p.sender.0,
            ladder: p.ladder.into_owned(),
            packs: p.packs,
            zone: p.zone.0,
        }),
        creditor: Arc::new(Creditor {
            id: c.id.0,
            name: c.name.into_owned(),
            country: c.country.into_owned(),
            is_bank: c.is_bank,
        }),
        sender: Arc::new(sender),
        payees: Arc::new(payees.collect()),
    })
}

/// What stands beside a situation: when it was judged, and texts that it names by SHA-256, in hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The moment that the guard was given as now.
    pub judged_at: Moment,
    /// The [`desk_facts`] of the situation.
    pub desk: String,
    /// The list of the templates that the words were made with.
    pub templates: Option<String>,
}

/// Canonical JSON of everything else in a situation. Personal data.
pub fn situation_facts(s: &Situation, named: &Named) -> String {
    let Situation {
        attempt,
        portfolio: _,
        creditor: _,
        sender: _,
        payees: _,
        account,
        debtor,
        recipient,
        role,
        contact_point,
        suppressions,
        consents,
        history,
        first_contact,
    } = s;
    let kept = SituationKept {
        account: account_kept(account),
        attempt: attempt_kept(attempt),
        consents: consents.iter().map(consent_kept).collect(),
        debtor: (debtor != recipient).then(|| person_kept(debtor)),
        desk: named.desk.as_str().into(),
        first_contact: *first_contact,
        form: FORM,
        history: history.iter().map(|t| touch_line(t, s)).collect(),
        judged_at: At(named.judged_at),
        point: point_kept(contact_point),
        recipient: person_kept(recipient),
        role: Text(*role),
        suppressions: suppressions.iter().map(suppression_kept).collect(),
        templates: named.templates.as_deref().map(Cow::Borrowed),
    };
    serde_json::to_string(&kept).expect("facts are plain text")
}

fn zones_kept(z: &Zones) -> ZonesKept {
    let Zones { candidates, source } = z;
    ZonesKept {
        from: Text(*source),
        zones: candidates.iter().map(|z| Text(*z)).collect(),
    }
}

fn person_kept(p: &Person) -> PersonKept<'_> {
    let Person {
        id,
        kind,
        name,
        locale,
        country,
        region,
        zones,
        deceased,
        minor,
        revision,
    } = p;
    PersonKept {
        country: country.as_deref().map(Cow::Borrowed),
        deceased: *deceased,
        id: Text(*id),
        kind: Text(*kind),
        locale: Text(*locale),
        minor: *minor,
        name: name.as_str().into(),
        region: region.as_deref().map(Cow::Borrowed),
        revision: Int(*revision),
        zones: zones_kept(zones),
    }
}

fn point_kept(p: &ContactPoint) -> PointKept<'_> {
    let ContactPoint {
        id,
        person,
        address_id,
        address,
        usage,
        zones,
        usable,
    } = p;
    let (text, country): (Str<'_>, Option<&str>) = match address {
        Address::Phone(phone) => (phone.e164().into(), phone.region()),
        Address::Email(email) => (email.as_str().into(), None),
        Address::Postal(postal) => (postal.lines.join("\n").into(), Some(&postal.country)),
    };
    PointKept {
        address: text,
        address_id: Text(*address_id),
        country: country.map(Cow::Borrowed),
        id: Text(*id),
        kind: Text(address.kind()),
        person: Text(*person),
        usable: *usable,
        usage: Text(*usage),
        zones: (*zones != Zones::unknown()).then(|| zones_kept(zones)),
    }
}

fn account_kept(a: &Account) -> AccountKept<'_> {
    let Account {
        id,
        portfolio,
        debtor,
        reference,
        claim,
        currency,
        amount_minor,
        balance_minor,
        issued_on,
        due_on,
        instalments,
        confirmed,
        observation,
        legal_action_approved,
        preferred,
        state,
        disputed,
        promised_until,
        revision,
    } = a;
    AccountKept {
        amount_minor: Int(*amount_minor),
        balance_minor: Int(*balance_minor),
        claim: Text(*claim),
        confirmed: *confirmed,
        currency: currency.code().into(),
        debtor: Text(*debtor),
        disputed: *disputed,
        due_on: Text(*due_on),
        id: Text(*id),
        instalment_minor: instalments.map(|i| Int(i.amount_minor)),
        instalments_overdue: instalments.map(|i| i.overdue),
        issued_on: issued_on.map(Text),
        legal_action_approved: *legal_action_approved,
        observation: *observation,
        portfolio: Text(*portfolio),
        preferred: preferred.map(Text),
        promised_until: promised_until.map(Text),
        reference: reference.into(),
        revision: Int(*revision),
        state: Text(*state),
    }
}

fn attempt_kept(a: &Attempt) -> AttemptKept<'_> {
    let Attempt {
        id,
        account,
        recipient,
        contact_point,
        channel,
        purpose,
        origin,
        stage,
        step,
        template,
        own_subject,
        own_text,
        due_at,
        expires_at,
        approved,
        state,
    } = a;
    AttemptKept {
        account: Text(*account),
        approved: *approved,
        channel: Text(*channel),
        contact_point: Text(*contact_point),
        due_at: At(*due_at),
        expires_at: At(*expires_at),
        id: Text(*id),
        origin: Text(*origin),
        own_subject: own_subject.as_deref().map(Cow::Borrowed),
        own_text: own_text.as_deref().map(Cow::Borrowed),
        purpose: Text(*purpose),
        recipient: Text(*recipient),
        stage: stage.into(),
        state: Text(*state),
        step: step.into(),
        template: template.as_deref().map(Cow::Borrowed),
    }
}

fn suppression_kept(s: &Suppression) -> SuppressionKept {
    let Suppression {
        id,
        scope,
        channel,
        reason,
        since,
        until,
    } = s;
    let (mut account, mut address, mut person) = (None, None, None);
    match scope {
        SuppressionScope::Account(a) => account = Some(Text(*a)),
        SuppressionScope::Address(a) => address = Some(Text(*a)),
        SuppressionScope::Person(p) => person = Some(Text(*p)),
    }
    SuppressionKept {
        account,
        address,
        channel: channel.map(Text),
        id: Text(*id),
        person,
        reason: Text(*reason),
        since: At(*since),
        until: until.map(At),
    }
}

fn consent_kept(c: &Consent) -> ConsentKept {
    let Consent {
        id,
        person,
        scope,
        channel,
        given_at,
        until,
        revoked_at,
    } = c;
    ConsentKept {
        channel: channel.map(Text),
        given_at: At(*given_at),
        id: Text(*id),
        person: Text(*person),
        revoked_at: revoked_at.map(At),
        scope: Text(*scope),
        until: until.map(At),
    }
}

/// One touch in a line, because there may be many: moment, channel, kind, `c` for collection or `-`, then person,
/// account and address; `=` is the one of the situation itself, `-` none.
fn touch_line(t: &Touch, s: &Situation) -> String {
    use std::fmt::Write as _;
    let Touch {
        at,
        person,
        account,
        address,
        channel,
        kind,
        collection,
    } = t;
    let mut line = at.to_text();
    let _ = write!(line, " {channel} {kind} {}", if *collection { 'c' } else { '-' });
    let mut add = |same: bool, id: &dyn Display| {
        let _ = match same {
            true => write!(line, " ="),
            false => write!(line, " {id}"),
        };
    };
    add(*person == s.recipient.id, person);
    add(*account == s.account.id, account);
    match address {
        Some(address) => add(*address == s.contact_point.address_id, address),
        None => add(false, &'-'),
    }
    line
}

/// What a kept situation names.
///
/// # Errors
/// As for [`read_situation`].
pub fn named_in(text: &str) -> Result<Named, UnreadableFacts> {
    let kept: SituationKept<'_> = serde_json::from_str(text)?;
    Ok(Named {
        judged_at: kept.judged_at.0,
        desk: kept.desk.into_owned(),
        templates: kept.templates.map(Cow::into_owned),
    })
}

/// Reads what [`situation_facts`] wrote.
///
/// # Errors
/// Another form, or somebody changed it by hand.
pub fn read_situation(text: &str, desk: &KeptDesk) -> Result<Situation, UnreadableFacts> {
    let kept: SituationKept<'_> = serde_json::from_str(text)?;
    if kept.form != FORM {
        return Err(wrong("another form"));
    }
    let recipient = person(kept.recipient)?;
    let account = account(kept.account)?;
    let contact_point = point(kept.point)?;
    let same = (recipient.id, account.id, contact_point.address_id);
    let history = kept.history.iter().map(|line| touch(line, same));
    Ok(Situation {
        attempt: attempt(kept.attempt),
        portfolio: desk.portfolio.clone(),
        creditor: desk.creditor.clone(),
        sender: desk.sender.clone(),
        payees: desk.payees.clone(),
        debtor: match kept.debtor {
            Some(debtor) => person(debtor)?,
            None => recipient.clone(),
        },
        role: kept.role.0,
        suppressions: kept
            .suppressions
            .into_iter()
            .map(suppression)
            .collect::<Result<_, _>>()?,
        consents: kept.consents.into_iter().map(consent).collect(),
        history: history.collect::<Result<_, _>>()?,
        first_contact: kept.first_contact,
        account,
        recipient,
        contact_point,
    })
}

fn zones(z: ZonesKept) -> Zones {
    Zones {
        candidates: z.zones.into_iter().map(|z| z.0).collect(),
        source: z.from.0,
    }
}

fn person(p: PersonKept<'_>) -> Result<Person, UnreadableFacts> {
    Ok(Person {
        id: p.id.0,
        kind: p.kind.0,
        name: PersonName::parse(&p.name).map_err(wrong)?,
        locale: p.locale.0,
        country: p.country.map(Cow::into_owned),
        region: p.region.map(Cow::into_owned),
        zones: zones(p.zones),
        deceased: p.deceased,
        minor: p.minor,
        revision: p.revision.0,
    })
}

fn point(p: PointKept<'_>) -> Result<ContactPoint, UnreadableFacts> {
    let address = match p.kind.0 {
        AddressKind::Phone => Address::Phone(PhoneNumber::stored(&p.address, p.country.as_deref())),
        AddressKind::Email => EmailAddress::parse(&p.address)
            .map(Address::Email)
            .map_err(wrong)?,
        AddressKind::Postal => {
            let country = p.country.as_deref().unwrap_or("");
            PostalAddress::parse(&p.address, country)
                .map(Address::Postal)
                .map_err(wrong)?
        }
    };
    Ok(ContactPoint {
        id: p.id.0,
        person: p.person.0,
        address_id: p.address_id.0,
        address,
        usage: p.usage.0,
        zones: p.zones.map_or_else(Zones::unknown, zones),
        usable: p.usable,
    })
}

fn account(a: AccountKept<'_>) -> Result<Account, UnreadableFacts> {
    let instalments = match (a.instalments_overdue, a.instalment_minor) {
        (Some(overdue), Some(amount)) => Some(Instalments {
            overdue,
            amount_minor: amount.0,
        }),
        (None, None) => None,
        _ => return Err(wrong("half an instalment plan")),
    };
    Ok(Account {
        id: a.id.0,
        portfolio: a.portfolio.0,
        debtor: a.debtor.0,
        reference: a.reference.into_owned(),
        claim: a.claim.0,
        currency: Currency::parse(&a.currency).map_err(|_| wrong("no currency"))?,
        amount_minor: a.amount_minor.0,
        balance_minor: a.balance_minor.0,
        issued_on: a.issued_on.map(|d| d.0),
        due_on: a.due_on.0,
        instalments,
        confirmed: a.confirmed,
        observation: a.observation,
        legal_action_approved: a.legal_action_approved,
        preferred: a.preferred.map(|c| c.0),
        state: a.state.0,
        disputed: a.disputed,
        promised_until: a.promised_until.map(|d| d.0),
        revision: a.revision.0,
    })
}

fn attempt(a: AttemptKept<'_>) -> Attempt {
    Attempt {
        id: a.id.0,
        account: a.account.0,
        recipient: a.recipient.0,
        contact_point: a.contact_point.0,
        channel: a.channel.0,
        purpose: a.purpose.0,
        origin: a.origin.0,
        stage: a.stage.into_owned(),
        step: a.step.into_owned(),
        template: a.template.map(Cow::into_owned),
        own_subject: a.own_subject.map(Cow::into_owned),
        own_text: a.own_text.map(Cow::into_owned),
        due_at: a.due_at.0,
        expires_at: a.expires_at.0,
        approved: a.approved,
        state: a.state.0,
    }
}

fn suppression(s: SuppressionKept) -> Result<Suppression, UnreadableFacts> {
    let scope = match (s.account, s.address, s.person) {
        (Some(a), None, None) => SuppressionScope::Account(a.0),
        (None, Some(a), None) => SuppressionScope::Address(a.0),
        (None, None, Some(p)) => SuppressionScope::Person(p.0),
        _ => return Err(wrong("a suppression of nobody")),
    };
    Ok(Suppression {
        id: s.id.0,
        scope,
        channel: s.channel.map(|c| c.0),
        reason: s.reason.0,
        since: s.since.0,
        until: s.until.map(|u| u.0),
    })
}

fn consent(c: ConsentKept) -> Consent {
    Consent {
        id: c.id.0,
        person: c.person.0,
        scope: c.scope.0,
        channel: c.channel.map(|c| c.0),
        given_at: c.given_at.0,
        until: c.until.map(|u| u.0),
        revoked_at: c.revoked_at.map(|r| r.0),
    }
}

fn touch(line: &str, same: (PersonId, AccountId, AddressId)) -> Result<Touch, UnreadableFacts> {
    let broken = || wrong("a line of the history");
    let parts: Vec<&str> = line.split(' ').collect();
    let [at, channel, kind, collection, person, account, address] = parts[..] else {
        return Err(broken());
    };
    fn id<T: FromStr>(text: &str, same: T) -> Option<T> {
        match text {
            "=" => Some(same),
            text => text.parse().ok(),
        }
    }
    let address = match address {
        "-" => None,
        text => Some(id(text, same.2).ok_or_else(broken)?),
    };
    Ok(Touch {
        at: Moment::parse(at).map_err(|_| broken())?,
        person: id(person, same.0).ok_or_else(broken)?,
        account: id(account, same.1).ok_or_else(broken)?,
        address,
        channel: channel.parse().map_err(|_| broken())?,
        kind: kind.parse().map_err(|_| broken())?,
        collection: match collection {
            "c" => true,
            "-" => false,
            _ => return Err(broken()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::parse_canonical;
    use uuid::Uuid;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    fn person_of(n: u128, name: &str) -> Person {
        Person {
            id: PersonId(id(n)),
            kind: PersonKind::Natural,
            name: PersonName::parse(name).unwrap(),
            locale: Locale::ZhTw,
            country: Some("TW".into()),
            region: None,
            zones: Zones::find(None, Some("ID"), None, None),
            deceased: false,
            minor: true,
            revision: i64::MAX,
        }
    }

    /// A situation in which every optional thing is there, or none is.
    fn situation(rich: bool) -> Situation {
        let debtor = person_of(1, "王 \"小\" 明\u{3000}x");
        let recipient = if rich { person_of(2, "Ana") } else { debtor.clone() };
        let when = at("2026-04-07T08:00:00.123456Z");
        let touch = |person, address| Touch {
            at: when,
            person: PersonId(id(person)),
            account: AccountId(id(30)),
            address,
            channel: Channel::Call,
            kind: TouchKind::Conversation,
            collection: rich,
        };
        let suppression = |scope| Suppression {
            id: SuppressionId(id(60)),
            scope,
            channel: rich.then_some(Channel::Email),
            reason: SuppressionReason::Hardship,
            since: when,
            until: rich.then_some(when),
        };
        Situation {
            attempt: Attempt {
                id: AttemptId(id(50)),
                account: AccountId(id(30)),
                recipient: recipient.id,
                contact_point: ContactPointId(id(40)),
                channel: Channel::Letter,
                purpose: Purpose::StatutoryNotice,
                origin: Origin::Api,
                stage: String::new(),
                step: "a\tb".into(),
                template: rich.then(|| "demand-letter".into()),
                own_subject: rich.then(|| "S".into()),
                own_text: (!rich).then(|| "line\nline \u{7f} \u{1}".into()),
                due_at: when,
                expires_at: when,
                approved: rich,
                state: AttemptState::Held,
            },
            portfolio: Arc::new(Portfolio {
                id: PortfolioId(id(20)),
                name: "trade".into(),
                creditor: CreditorId(id(10)),
                sender: SenderId(id(11)),
                ladder: "traffic-light".into(),
                packs: vec!["cn".into()],
                zone: Tz::Asia__Shanghai,
            }),
            creditor: Arc::new(Creditor {
                id: CreditorId(id(10)),
                name: "Linden".into(),
                country: "CN".into(),
                is_bank: rich,
            }),
            sender: Arc::new(Sender {
                id: SenderId(id(11)),
                kind: SenderKind::LawFirm,
                name: "Firm".into(),
                signature: "【Firm】".into(),
                licence: rich.then(|| "L".into()),
                phone: rich.then(|| PhoneNumber::parse("13800000001", "CN").unwrap()),
                email: rich.then(|| EmailAddress::parse("desk@example.com").unwrap()),
                postal: rich.then(|| PostalAddress::parse("1 Road|Town", "CN").unwrap()),
                staffed: None,
                opt_out_word: "T".into(),
                mandate: rich.then(|| "M".into()),
            }),
            payees: Arc::new(vec![Payee {
                id: PayeeId(id(12)),
                holder: "Linden".into(),
                bank: "Bank".into(),
                number: "123".into(),
                confirmed: rich,
            }]),
            account: Account {
                id: AccountId(id(30)),
                portfolio: PortfolioId(id(20)),
                debtor: debtor.id,
                reference: "007".into(),
                claim: ClaimKind::Medical,
                currency: Currency::CNY,
                amount_minor: i64::MAX,
                balance_minor: -5,
                issued_on: rich.then(|| "2026-01-01".parse().unwrap()),
                due_on: "2026-03-01".parse().unwrap(),
                instalments: rich.then_some(Instalments {
                    overdue: 2,
                    amount_minor: 7,
                }),
                confirmed: true,
                observation: false,
                legal_action_approved: true,
                preferred: rich.then_some(Channel::Sms),
                state: AccountState::Open,
                disputed: rich,
                promised_until: rich.then(|| "2026-05-01".parse().unwrap()),
                revision: 3,
            },
            contact_point: ContactPoint {
                id: ContactPointId(id(40)),
                person: recipient.id,
                address_id: AddressId(id(41)),
                address: match rich {
                    true => Address::Postal(PostalAddress::parse("2 Road|City", "TW").unwrap()),
                    false => Address::Phone(PhoneNumber::stored("+886912345678", None)),
                },
                usage: ContactUse::Home,
                zones: if rich {
                    Zones::stated(Tz::Asia__Taipei)
                } else {
                    Zones::unknown()
                },
                usable: true,
            },
            suppressions: vec![
                suppression(SuppressionScope::Person(debtor.id)),
                suppression(SuppressionScope::Account(AccountId(id(30)))),
                suppression(SuppressionScope::Address(AddressId(id(41)))),
            ],
            consents: vec![Consent {
                id: ConsentId(id(70)),
                person: recipient.id,
                scope: ConsentScope::Hours,
                channel: rich.then_some(Channel::Call),
                given_at: when,
                until: rich.then_some(when),
                revoked_at: rich.then_some(when),
            }],
            history: vec![
                touch(1, None),
                touch(2, Some(AddressId(id(41)))),
                touch(3, Some(AddressId(id(99)))),
            ],
            first_contact: rich,
            role: if rich { Role::Guarantor } else { Role::Debtor },
            debtor,
            recipient,
        }
    }

    #[test]
    fn a_situation_comes_back_as_it_was_and_is_spelt_canonically() {
        for rich in [false, true] {
            let s = situation(rich);
            let named = Named {
                judged_at: at("2026-04-07T08:00:01Z"),
                desk: "ab".repeat(32),
                templates: rich.then(|| "cd".repeat(32)),
            };
            let (desk, facts) = (desk_facts(&s), situation_facts(&s, &named));
            for text in [&desk, &facts] {
                parse_canonical(text).unwrap_or_else(|e| panic!("{e}: {text}"));
            }
            assert_eq!(named_in(&facts).unwrap(), named);
            let back = read_situation(&facts, &read_desk(&desk).unwrap()).unwrap();
            assert_eq!(situation_facts(&back, &named), facts);
            assert_eq!(desk_facts(&back), desk);
            let same = (&back.account, &back.debtor, &back.recipient, &back.attempt);
            assert_eq!(same, (&s.account, &s.debtor, &s.recipient, &s.attempt));
            assert_eq!(
                (
                    &back.history,
                    &back.suppressions,
                    &back.consents,
                    &back.contact_point
                ),
                (&s.history, &s.suppressions, &s.consents, &s.contact_point)
            );
            assert_eq!((&*back.portfolio, &*back.sender), (&*s.portfolio, &*s.sender));
            assert_eq!((&*back.creditor, &*back.payees), (&*s.creditor, &*s.payees));
            assert_eq!((back.role, back.first_contact), (s.role, s.first_contact));
        }
    }

    #[test]
    fn what_was_changed_by_hand_is_refused_without_telling_it() {
        let s = situation(true);
        let named = Named {
            judged_at: at("2026-04-07T08:00:01Z"),
            desk: "00".into(),
            templates: None,
        };
        let facts = situation_facts(&s, &named);
        let desk = read_desk(&desk_facts(&s)).unwrap();
        let check = |from: &str, to: &str| {
            let changed = facts.replace(from, to);
            assert_ne!(changed, facts, "{from}");
            let error = read_situation(&changed, &desk).unwrap_err().to_string();
            assert!(!error.contains("Ana"), "{error}");
        };
        check("\"form\":1", "\"form\":2");
        check("\"Ana\"", "\"\"");
        check("\"role\":\"guarantor\"", "\"role\":\"Ana\"");
        check(" conversation c ", " conversation x ");
        check("\"minor\":true", "\"minr\":true");
    }
}
