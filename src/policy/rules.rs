//! What a rule is, after it has been read: who it applies to, what it asks, and where it comes from.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};

use crate::domain::{
    Channel, Channels, ClaimKind, ContactUse, Level, Moment, PersonKind, Purpose, Role, SenderKind,
    Situation, SuppressionReason, Sureness, TouchKind, words,
};

/// Where a rule comes from and what it says to people.
#[derive(Debug, Clone)]
pub struct Head {
    /// Stable id, wide to narrow.
    pub id: Arc<str>,
    /// Name of the pack.
    pub pack: Arc<str>,
    /// Version of the pack.
    pub version: Arc<str>,
    /// How binding.
    pub level: Level,
    /// How sure we are of the citation.
    pub sureness: Sureness,
    /// Law and clause, or `house rule`.
    pub basis: String,
    /// Why the rule is as it is.
    pub why: String,
    /// A sentence a collector understands, in Chinese.
    pub zh: String,
    /// The same sentence in English.
    pub en: String,
    /// What to write instead, where there is something.
    pub instead: Option<String>,
    /// Whether a consent on record (of hours, of frequency) lifts the rule.
    pub consent: bool,
}

/// Who a pack or a rule applies to. An empty list means everybody.
#[derive(Debug, Clone, Default)]
pub struct Applies {
    /// Countries of the debtor or the recipient, ISO 3166-1 alpha-2.
    pub country: Vec<String>,
    /// Kinds of debtor.
    pub debtor: Vec<PersonKind>,
    /// Kinds of claim.
    pub claim: Vec<ClaimKind>,
    /// Kinds of sender.
    pub sender: Vec<SenderKind>,
    /// Only where the creditor is (or is not) a bank.
    pub bank_creditor: Option<bool>,
    /// First day it is in force, in the recipient's time.
    pub from: Option<NaiveDate>,
    /// First day it is no longer in force.
    pub until: Option<NaiveDate>,
}

impl Applies {
    /// Whether everything but the place fits.
    pub fn fits(&self, s: &Situation, now: Moment) -> bool {
        let today = now.date_in(s.zones().shown());
        any_or(&self.debtor, &s.debtor.kind)
            && any_or(&self.claim, &s.account.claim)
            && any_or(&self.sender, &s.sender.kind)
            && self.bank_creditor.is_none_or(|bank| bank == s.creditor.is_bank)
            && self.from.is_none_or(|from| today >= from)
            && self.until.is_none_or(|until| today < until)
    }

    /// Whether the place fits: one of the countries, or no country asked for.
    pub fn fits_place(&self, country: Option<&str>) -> bool {
        self.country.is_empty()
            || country.is_some_and(|c| self.country.iter().any(|mine| mine.eq_ignore_ascii_case(c)))
    }
}

fn any_or<T: PartialEq>(list: &[T], value: &T) -> bool {
    list.is_empty() || list.contains(value)
}

words! {
    /// The kinds of rules; a fallback pack gives way kind by kind.
    Kind as "kind of rule" {
        /// Contact hours.
        Hours = "hours",
        /// Margin before closing.
        CloseMargin = "close_margin",
        /// Frequency caps.
        Caps = "caps",
        /// Who may be contacted and where.
        Recipients = "recipients",
        /// What must stand in a message.
        Elements = "elements",
        /// What stops contact.
        Statuses = "statuses",
        /// Who may speak.
        Senders = "senders",
        /// How long records are kept.
        Retention = "retention",
        /// What must not be said.
        Content = "content",
    }
}

words! {
    /// Kinds of prohibited content.
    Category as "category of content" {
        /// Violence, intimidation, coercion.
        Threat = "threat",
        /// Insults and humiliation.
        Abuse = "abuse",
        /// Speaking as a bank without being it.
        ImpersonatingBank = "impersonating_bank",
        /// Speaking as a court, the police, a lawyer without being one.
        ImpersonatingAuthority = "impersonating_authority",
        /// Legal steps stated that this sender cannot truthfully state.
        FalseLegalClaim = "false_legal_claim",
        /// The debt is shown, or threatened to be shown, to others.
        ThirdPartyDisclosure = "third_party_disclosure",
        /// Payment to somebody other than the creditor.
        PrivateAccountPayment = "private_account_payment",
        /// Money for the collector.
        UnauthorizedFee = "unauthorized_fee",
        /// A reduction the creditor has not granted.
        UnauthorizedConcession = "unauthorized_concession",
        /// Identity numbers, passwords, codes.
        SensitiveData = "sensitive_data",
        /// Invented consequences, urgency or pretexts.
        Deception = "deception",
    }
}

words! {
    /// What must stand in a message.
    Element as "required element" {
        /// The sender's name (its signature counts).
        SenderName = "sender_name",
        /// The creditor's name.
        CreditorName = "creditor_name",
        /// `【signature】` at the head or the foot of an SMS.
        SmsSignature = "sms_signature",
        /// How to opt out; `words` list what counts.
        OptOut = "opt_out",
        /// A telephone number, e-mail or postal address of the sender.
        ReplyContact = "reply_contact",
        /// Whoever names a registered account also names its holder.
        PayeeHolder = "payee_holder",
    }
}

words! {
    /// First or later contact about this debt with this person.
    Contact as "contact" {
        /// Every contact.
        Any = "any",
        /// The first.
        First = "first",
        /// All but the first.
        Later = "later",
    }
}

words! {
    /// What a rule about words or statuses leads to.
    Outcome as "verdict of a rule" {
        /// A person must decide.
        Review = "review",
        /// Not in this form.
        Blocked = "blocked",
    }
}

words! {
    /// A state of the account that stops contact.
    AccountTrigger as "state that stops" {
        /// Paid or otherwise done.
        Settled = "settled",
        /// Taken back or written off.
        Closed = "closed",
        /// A dispute is open.
        Disputed = "disputed",
    }
}

words! {
    /// A fact about the recipient that stops contact.
    PersonTrigger as "fact that stops" {
        /// Died.
        Deceased = "deceased",
        /// Minor or without capacity.
        Minor = "minor",
    }
}

words! {
    /// What a sender must have on record.
    Credential as "credential" {
        /// A licence or registration number.
        Licence = "licence",
        /// A mandate of the creditor.
        Mandate = "mandate",
    }
}

words! {
    /// Whose place a cap counts.
    CapOn as "key of a cap" {
        /// The person, over all debts and addresses.
        Person = "person",
        /// The debt, over all persons.
        Debt = "debt",
        /// The address, whoever uses it.
        Address = "address",
    }
}

/// A half-open part of a local day, in minutes after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// First minute inside.
    pub open: u16,
    /// First minute outside; 1440 is midnight.
    pub close: u16,
}

/// Contact hours by weekday and public holiday.
#[derive(Debug, Clone, Default)]
pub struct Week {
    /// Monday to Sunday.
    pub days: [Vec<Slot>; 7],
    /// On public holidays; `None`: as the weekday, and no calendar is needed.
    pub holiday: Option<Vec<Slot>>,
}

impl Week {
    /// The slots of a date whose kind of day is known not to be a holiday.
    pub fn weekday(&self, date: NaiveDate) -> &[Slot] {
        &self.days[date.weekday().num_days_from_monday() as usize]
    }
}

/// Over which time a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapWindow {
    /// Consecutive calendar dates of the recipient, today being the last.
    LocalDays(u32),
    /// A rolling span.
    Rolling(chrono::TimeDelta),
}

/// What a rule asks.
#[derive(Debug, Clone)]
pub enum Body {
    /// Contact only within these hours, in the recipient's time.
    Hours(Week),
    /// No sending in the last minutes before closing.
    CloseMargin {
        /// How many.
        minutes: u16,
    },
    /// At most `max` touches in a window.
    Cap {
        /// Whose place.
        key: CapOn,
        /// Kinds of touch that count.
        kinds: Vec<TouchKind>,
        /// Whether only what asks for payment counts.
        collection_only: bool,
        /// Over which time.
        window: CapWindow,
        /// The most there may be.
        max: u32,
    },
    /// Roles that may be contacted and places that may not be used.
    Recipients {
        /// Roles that may be contacted; empty: all.
        allowed: Vec<Role>,
        /// Contact points that may not be used.
        refused_uses: Vec<ContactUse>,
        /// What follows.
        outcome: Outcome,
    },
    /// Something must stand in the message.
    Element {
        /// What.
        element: Element,
        /// In which contact.
        contact: Contact,
        /// Words of which one must stand there, where the element asks for words; folded.
        words: Vec<String>,
        /// What follows when it is missing.
        outcome: Outcome,
    },
    /// Something stops contact.
    Status {
        /// Suppressions that stop.
        suppression: Vec<SuppressionReason>,
        /// States of the account that stop.
        account: Vec<AccountTrigger>,
        /// Facts about the recipient that stop.
        person: Vec<PersonTrigger>,
        /// What follows.
        outcome: Outcome,
    },
    /// Who may speak.
    Sender {
        /// These senders may not speak at all.
        refused: bool,
        /// What they must have on record.
        requires: Vec<Credential>,
        /// What follows.
        outcome: Outcome,
    },
    /// Records are kept at least so long.
    Retention {
        /// Years.
        years: u32,
    },
    /// A category of prohibited content is on, with the citation of this place.
    Content {
        /// Which.
        category: Category,
    },
}

/// One rule of a pack.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Where it comes from.
    pub head: Head,
    /// Who it applies to, beside the pack's own `applies`.
    pub applies: Applies,
    /// Channels it restrains.
    pub channels: Channels,
    /// Purposes it restrains; empty: all.
    pub purposes: Vec<Purpose>,
    /// What it asks.
    pub body: Body,
}

impl Rule {
    /// What kind of rule it is.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Hours(_) => Kind::Hours,
            Body::CloseMargin { .. } => Kind::CloseMargin,
            Body::Cap { .. } => Kind::Caps,
            Body::Recipients { .. } => Kind::Recipients,
            Body::Element { .. } => Kind::Elements,
            Body::Status { .. } => Kind::Statuses,
            Body::Sender { .. } => Kind::Senders,
            Body::Retention { .. } => Kind::Retention,
            Body::Content { .. } => Kind::Content,
        }
    }

    /// Whether the rule speaks about this situation, its place left aside.
    pub fn concerns(&self, s: &Situation, now: Moment) -> bool {
        self.concerns_channel(s.attempt.channel)
            && any_or(&self.purposes, &s.attempt.purpose)
            && self.applies.fits(s, now)
    }

    fn concerns_channel(&self, channel: Channel) -> bool {
        self.channels.contains(channel)
    }
}
