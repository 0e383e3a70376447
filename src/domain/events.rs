//! What happens to accounts and people from outside: payments, promises, disputes, opt-outs, consents and calls.
//!
//! Every one of them takes effect in the transaction that records it: what is queued and may no longer go is
//! withdrawn there, with the reason.

use chrono::NaiveDate;

use super::attempt::Channel;
use super::ids::{
    AccountId, AddressId, CallId, ConsentId, DisputeId, PaymentId, PersonId, PromiseId, SuppressionId,
};
use super::moment::Moment;
use super::money::Money;
use super::words::words;

/// Money that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Which one.
    pub id: PaymentId,
    /// For which debt.
    pub account: AccountId,
    /// How much; negative when a payment was taken back.
    pub amount: Money,
    /// When it was received.
    pub paid_on: NaiveDate,
    /// The creditor's reference of the booking; makes re-imports harmless.
    pub reference: String,
}

words! {
    /// How a promise stands.
    PromiseState as "promise state" {
        /// The ladder pauses.
        Open = "open",
        /// Paid as promised.
        Kept = "kept",
        /// The date passed without the money.
        Broken = "broken",
    }
}

/// A promise to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// Which one.
    pub id: PromiseId,
    /// For which debt.
    pub account: AccountId,
    /// How much.
    pub amount: Money,
    /// Until when.
    pub due_on: NaiveDate,
    /// Open, kept or broken.
    pub state: PromiseState,
}

/// The debtor says the claim is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Which one.
    pub id: DisputeId,
    /// About which debt.
    pub account: AccountId,
    /// When it was raised.
    pub opened_at: Moment,
    /// When it was answered and resolved.
    pub resolved_at: Option<Moment>,
    /// The debtor's reason, in a word or two of the ledger's own list; never free text about a person.
    pub reason: String,
}

words! {
    /// Why somebody is not contacted.
    SuppressionReason as "suppression reason" {
        /// Opted out of one channel.
        OptOut = "opt_out",
        /// Asked that all contact cease.
        CeaseCommunication = "cease_communication",
        /// Represented by counsel.
        Counsel = "counsel",
        /// Insolvency or bankruptcy was opened.
        Insolvency = "insolvency",
        /// Died.
        Death = "death",
        /// Minor or without capacity.
        Minor = "minor",
        /// The number or address belongs to somebody else.
        WrongParty = "wrong_party",
        /// The address is dead: bounced, unallocated, returned.
        Unreachable = "unreachable",
        /// The police ordered that no contact be made.
        PoliceOrder = "police_order",
        /// Statutory breathing space or moratorium.
        BreathingSpace = "breathing_space",
        /// Hardship; lenient treatment until reviewed.
        Hardship = "hardship",
        /// A complaint is being handled.
        Complaint = "complaint",
        /// An answer waits for a person to decide what it means.
        OpenReply = "open_reply",
    }
}

/// What a suppression covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuppressionScope {
    /// One person, on every account and address.
    Person(PersonId),
    /// One debt, towards everybody.
    Account(AccountId),
    /// One address, whoever uses it.
    Address(AddressId),
}

/// A standing reason not to contact. Append-only: it ends by being lifted, never by an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Which one.
    pub id: SuppressionId,
    /// Whom or what it covers.
    pub scope: SuppressionScope,
    /// Only this channel; `None` covers all.
    pub channel: Option<Channel>,
    /// Why.
    pub reason: SuppressionReason,
    /// Since when.
    pub since: Moment,
    /// Until when, if it ends by itself.
    pub until: Option<Moment>,
}

impl Suppression {
    /// Whether it stands at `now`.
    pub fn stands_at(&self, now: Moment) -> bool {
        self.since <= now && self.until.is_none_or(|until| now < until)
    }
}

words! {
    /// What a consent allows.
    ConsentScope as "consent scope" {
        /// Contact on this channel at all.
        Channel = "channel",
        /// Contact outside the statutory hours.
        Hours = "hours",
        /// More contacts than the cap.
        Frequency = "frequency",
    }
}

/// A dated, scoped, revocable consent; never a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Which one.
    pub id: ConsentId,
    /// Whose.
    pub person: PersonId,
    /// For what.
    pub scope: ConsentScope,
    /// On which channel; `None` for all.
    pub channel: Option<Channel>,
    /// Since when.
    pub given_at: Moment,
    /// Until when, if it ends by itself.
    pub until: Option<Moment>,
    /// When it was taken back.
    pub revoked_at: Option<Moment>,
}

words! {
    /// How a call ended.
    CallResult as "call result" {
        /// A conversation with the debtor took place.
        Conversation = "conversation",
        /// Picked up, no conversation.
        Answered = "answered",
        /// A message was left.
        Voicemail = "voicemail",
        /// Rang out.
        NoAnswer = "no_answer",
        /// Busy.
        Busy = "busy",
        /// Not in service.
        NotInService = "not_in_service",
        /// Somebody else answered.
        WrongParty = "wrong_party",
    }
}

/// A logged call. Calls are not dispatched, but laws count them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Which one.
    pub id: CallId,
    /// About which debt.
    pub account: AccountId,
    /// With whom.
    pub person: PersonId,
    /// On which number.
    pub address: Option<AddressId>,
    /// When.
    pub at: Moment,
    /// How it ended.
    pub result: CallResult,
    /// Whether the debtor called us.
    pub inbound: bool,
}
