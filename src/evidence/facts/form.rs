//! The form in which facts are kept: records with their fields in the order of canonical JSON.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::*;

/// A value that is written as its text.
pub(super) struct Text<T>(pub(super) T);

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
pub(super) struct At(pub(super) Moment);

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
pub(super) struct Int(pub(super) i64);

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
pub(super) type Str<'a> = Cow<'a, str>;

/// Candidate zones.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZonesKept {
    /// What each zone rests on: zone, kind of source, and what the source says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) basis: Vec<(Text<Tz>, Text<ZoneSource>, String)>,
    pub(super) from: Text<ZoneSource>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) zones: Vec<Text<Tz>>,
}

/// A debtor or a related person.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonKept<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) country: Option<Str<'a>>,
    pub(super) deceased: bool,
    pub(super) id: Text<PersonId>,
    pub(super) kind: Text<PersonKind>,
    pub(super) locale: Text<Locale>,
    pub(super) minor: bool,
    #[serde(borrow)]
    pub(super) name: Str<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) postal_code: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) region: Option<Str<'a>>,
    pub(super) revision: Int,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) zone_until: Option<Text<NaiveDate>>,
    pub(super) zones: ZonesKept,
}

/// A contact point.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PointKept<'a> {
    #[serde(borrow)]
    pub(super) address: Str<'a>,
    pub(super) address_id: Text<AddressId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) country: Option<Str<'a>>,
    pub(super) id: Text<ContactPointId>,
    pub(super) kind: Text<AddressKind>,
    pub(super) person: Text<PersonId>,
    pub(super) usable: bool,
    pub(super) usage: Text<ContactUse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) zones: Option<ZonesKept>,
}

/// A debt.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountKept<'a> {
    pub(super) amount_minor: Int,
    pub(super) balance_minor: Int,
    pub(super) claim: Text<ClaimKind>,
    pub(super) confirmed: bool,
    #[serde(borrow)]
    pub(super) currency: Str<'a>,
    pub(super) debtor: Text<PersonId>,
    pub(super) disputed: bool,
    pub(super) due_on: Text<NaiveDate>,
    pub(super) id: Text<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) instalment_minor: Option<Int>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) instalments_overdue: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) issued_on: Option<Text<NaiveDate>>,
    pub(super) legal_action_approved: bool,
    pub(super) observation: bool,
    pub(super) portfolio: Text<PortfolioId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) preferred: Option<Text<Channel>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) promised_until: Option<Text<NaiveDate>>,
    #[serde(borrow)]
    pub(super) reference: Str<'a>,
    pub(super) revision: Int,
    pub(super) state: Text<AccountState>,
}

/// An attempt.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttemptKept<'a> {
    pub(super) account: Text<AccountId>,
    pub(super) approved: bool,
    pub(super) channel: Text<Channel>,
    pub(super) contact_point: Text<ContactPointId>,
    pub(super) due_at: At,
    pub(super) expires_at: At,
    pub(super) id: Text<AttemptId>,
    pub(super) origin: Text<Origin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) own_subject: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) own_text: Option<Str<'a>>,
    pub(super) purpose: Text<Purpose>,
    pub(super) recipient: Text<PersonId>,
    #[serde(borrow)]
    pub(super) stage: Str<'a>,
    pub(super) state: Text<AttemptState>,
    #[serde(borrow)]
    pub(super) step: Str<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) template: Option<Str<'a>>,
}

/// A standing reason not to contact; one of `account`, `address`, `person` is whom it covers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuppressionKept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<Text<AccountId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<Text<AddressId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<Text<Channel>>,
    pub(super) id: Text<SuppressionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) person: Option<Text<PersonId>>,
    pub(super) reason: Text<SuppressionReason>,
    pub(super) since: At,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<At>,
}

/// A consent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsentKept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<Text<Channel>>,
    pub(super) given_at: At,
    pub(super) id: Text<ConsentId>,
    pub(super) person: Text<PersonId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) revoked_at: Option<At>,
    pub(super) scope: Text<ConsentScope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<At>,
}

/// A wish about times, places or media.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WishKept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<Text<Channel>>,
    pub(super) id: Text<WishId>,
    pub(super) person: Text<PersonId>,
    pub(super) since: At,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<At>,
    pub(super) wish: Text<Wish>,
}

/// A situation without its desk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SituationKept<'a> {
    #[serde(borrow)]
    pub(super) account: AccountKept<'a>,
    #[serde(borrow)]
    pub(super) attempt: AttemptKept<'a>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) consents: Vec<ConsentKept>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) debtor: Option<PersonKept<'a>>,
    #[serde(borrow)]
    pub(super) desk: Str<'a>,
    pub(super) first_contact: bool,
    pub(super) form: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) history: Vec<String>,
    pub(super) judged_at: At,
    #[serde(borrow)]
    pub(super) point: PointKept<'a>,
    #[serde(borrow)]
    pub(super) recipient: PersonKept<'a>,
    pub(super) role: Text<Role>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) suppressions: Vec<SuppressionKept>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) templates: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) wishes: Vec<WishKept>,
}

/// A postal address.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostalKept<'a> {
    #[serde(borrow)]
    pub(super) country: Str<'a>,
    pub(super) lines: Vec<String>,
}

/// Who speaks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SenderKept<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) email: Option<Str<'a>>,
    pub(super) id: Text<SenderId>,
    pub(super) kind: Text<SenderKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) licence: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) mandate: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) name: Str<'a>,
    #[serde(borrow)]
    pub(super) opt_out_word: Str<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) phone: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) phone_country: Option<Str<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) postal: Option<PostalKept<'a>>,
    #[serde(borrow)]
    pub(super) signature: Str<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(borrow)]
    pub(super) staffed: Option<Str<'a>>,
}

/// Who is owed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreditorKept<'a> {
    #[serde(borrow)]
    pub(super) country: Str<'a>,
    pub(super) id: Text<CreditorId>,
    pub(super) is_bank: bool,
    #[serde(borrow)]
    pub(super) name: Str<'a>,
}

/// Where money may be paid.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PayeeKept<'a> {
    #[serde(borrow)]
    pub(super) bank: Str<'a>,
    pub(super) confirmed: bool,
    #[serde(borrow)]
    pub(super) holder: Str<'a>,
    pub(super) id: Text<PayeeId>,
    #[serde(borrow)]
    pub(super) number: Str<'a>,
}

/// A portfolio.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortfolioKept<'a> {
    pub(super) creditor: Text<CreditorId>,
    pub(super) id: Text<PortfolioId>,
    #[serde(borrow)]
    pub(super) ladder: Str<'a>,
    #[serde(borrow)]
    pub(super) name: Str<'a>,
    pub(super) packs: Vec<String>,
    pub(super) sender: Text<SenderId>,
    pub(super) zone: Text<Tz>,
}

/// A portfolio with everybody it names.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeskKept<'a> {
    #[serde(borrow)]
    pub(super) creditor: CreditorKept<'a>,
    pub(super) form: u32,
    #[serde(borrow)]
    pub(super) payees: Vec<PayeeKept<'a>>,
    #[serde(borrow)]
    pub(super) portfolio: PortfolioKept<'a>,
    #[serde(borrow)]
    pub(super) sender: SenderKept<'a>,
}
