//! Everything the guard may know about one attempt: who speaks to whom about what, and what came before.

use std::sync::Arc;

use super::account::Account;
use super::attempt::{Attempt, Channel};
use super::contact::ContactPoint;
use super::creditor::{Creditor, Payee, Portfolio, Sender};
use super::events::{Consent, Suppression};
use super::ids::{AccountId, AddressId, PersonId};
use super::moment::Moment;
use super::person::{Person, Role};
use super::wish::StandingWish;
use super::words::words;

words! {
    /// What kind of contact took a place in the caps.
    TouchKind as "kind of touch" {
        /// A message that went out or may have.
        Message = "message",
        /// A call that was placed and not answered.
        CallUnanswered = "call_unanswered",
        /// A call that was answered, without a conversation.
        CallAnswered = "call_answered",
        /// A conversation, whoever called.
        Conversation = "conversation",
    }
}

/// One contact that took a place in the caps: a reservation that was not released, or a logged call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// When the place was taken.
    pub at: Moment,
    /// To whom.
    pub person: PersonId,
    /// About which debt.
    pub account: AccountId,
    /// On which address; a call may have none.
    pub address: Option<AddressId>,
    /// How.
    pub channel: Channel,
    /// What kind.
    pub kind: TouchKind,
    /// Asked for payment (statutory notices, replies and service information do not).
    pub collection: bool,
}

/// Everything the guard may know about one attempt, read in one transaction.
#[derive(Debug, Clone)]
pub struct Situation {
    /// The attempt.
    pub attempt: Attempt,
    /// Accounts of one creditor under one sender.
    pub portfolio: Arc<Portfolio>,
    /// Is owed.
    pub creditor: Arc<Creditor>,
    /// Speaks.
    pub sender: Arc<Sender>,
    /// The registered payees, confirmed or not.
    pub payees: Arc<Vec<Payee>>,
    /// The debt.
    pub account: Account,
    /// Who owes.
    pub debtor: Person,
    /// Who is addressed; the debtor or a related person.
    pub recipient: Person,
    /// What the recipient is to the debt.
    pub role: Role,
    /// Where it would go.
    pub contact_point: ContactPoint,
    /// Suppressions of the recipient, the debtor, the account and the address that were not lifted.
    pub suppressions: Vec<Suppression>,
    /// Consents of the recipient that were not revoked.
    pub consents: Vec<Consent>,
    /// What the recipient asked for about times, places and media, oldest first.
    pub wishes: Vec<StandingWish>,
    /// Touches of the recipient, the account and the address in the last 62 days.
    pub history: Vec<Touch>,
    /// Whether anything was ever sent about this debt to this person.
    pub first_contact: bool,
}

impl Situation {
    /// Candidate zones of where the message arrives: those of the contact point, else those of the person.
    pub fn zones(&self) -> &super::zones::Zones {
        if self.contact_point.zones.candidates.is_empty() {
            &self.recipient.zones
        } else {
            &self.contact_point.zones
        }
    }
}
