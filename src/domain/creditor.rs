//! Who is owed, who speaks, and where money may be paid.

use chrono_tz::Tz;

use super::contact::{EmailAddress, PostalAddress};
use super::ids::{CreditorId, PayeeId, PortfolioId, SenderId};
use super::phone::PhoneNumber;
use super::words::words;

words! {
    /// What kind of speaker a sender is.
    SenderKind as "kind of sender" {
        /// The creditor in its own name.
        Creditor = "creditor",
        /// A third-party agency.
        Agency = "agency",
        /// A law firm.
        LawFirm = "law_firm",
    }
}

/// Is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creditor {
    /// Which one.
    pub id: CreditorId,
    /// Name as in the contract.
    pub name: String,
    /// ISO 3166-1 alpha-2 country of the seat.
    pub country: String,
    /// Whether it is a bank; nobody else may speak as one.
    pub is_bank: bool,
}

/// Speaks: the creditor itself, an agency or a law firm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Which one.
    pub id: SenderId,
    /// What kind.
    pub kind: SenderKind,
    /// Name shown to the recipient.
    pub name: String,
    /// What stands in 【】 at the head of an SMS.
    pub signature: String,
    /// Licence or registration number, where the sender has one.
    pub licence: Option<String>,
    /// Telephone for enquiries and disputes.
    pub phone: Option<PhoneNumber>,
    /// From and reply address of e-mails.
    pub email: Option<EmailAddress>,
    /// Address on the letterhead.
    pub postal: Option<PostalAddress>,
    /// When the telephone is staffed, in words for the letterhead, e.g. `Mon-Fri 09:00-18:00`.
    pub staffed: Option<String>,
    /// The word that a recipient answers to opt out of SMS, e.g. `T`.
    pub opt_out_word: String,
    /// Reference of the mandate under which a law firm or agency acts.
    pub mandate: Option<String>,
}

/// A bank account that messages may name; nothing else may be given for payment.
#[derive(Clone, PartialEq, Eq)]
pub struct Payee {
    /// Which one.
    pub id: PayeeId,
    /// Holder as registered at the bank.
    pub holder: String,
    /// Bank and branch.
    pub bank: String,
    /// Account number as registered, digits and letters only.
    pub number: String,
    /// Whether a second person has confirmed it; only confirmed payees may be named.
    pub confirmed: bool,
}

impl std::fmt::Debug for Payee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payee({}, confirmed: {})", self.id, self.confirmed)
    }
}

/// Accounts of one creditor under one sender, ladder, packs and payees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portfolio {
    /// Which one.
    pub id: PortfolioId,
    /// Short name without spaces, used on the command line and in files.
    pub name: String,
    /// Who is owed.
    pub creditor: CreditorId,
    /// Who speaks.
    pub sender: SenderId,
    /// Name of the ladder file, e.g. `traffic-light`.
    pub ladder: String,
    /// Names of the policy packs that apply beside the house default.
    pub packs: Vec<String>,
    /// Days and cron times of this portfolio are told in this zone.
    pub zone: Tz,
}
