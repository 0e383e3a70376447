//! One debtor's one debt.

use chrono::NaiveDate;

use super::attempt::Channel;
use super::ids::{AccountId, PersonId, PortfolioId};
use super::money::{Currency, Money};
use super::words::words;

words! {
    /// What the debt arose from; rules differ.
    ClaimKind as "kind of claim" {
        /// Goods or services between businesses.
        TradeReceivable = "trade_receivable",
        /// Credit card of a bank.
        CreditCard = "credit_card",
        /// Consumer loan of a bank or consumer finance company.
        ConsumerLoan = "consumer_loan",
        /// Consumer credit granted over the internet.
        OnlineConsumerLoan = "online_consumer_loan",
        /// Mortgage or other secured loan to a person.
        SecuredLoan = "secured_loan",
        /// Telephone, power, water and the like.
        Utility = "utility",
        /// Rent.
        Rent = "rent",
        /// Medical bills.
        Medical = "medical",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// Where a debt stands.
    AccountState as "account state" {
        /// Owed and reminded.
        Open = "open",
        /// Paid in full or otherwise done.
        Settled = "settled",
        /// Taken back by the creditor or written off; never contacted again.
        Closed = "closed",
    }
}

/// How an instalment plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instalments {
    /// How many instalments are overdue.
    pub overdue: u32,
    /// The instalment that is due next (or is overdue the shortest), in minor units.
    pub amount_minor: i64,
}

/// One debtor's one debt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Which one.
    pub id: AccountId,
    /// In which portfolio.
    pub portfolio: PortfolioId,
    /// Who owes.
    pub debtor: PersonId,
    /// The creditor's own number, e.g. of the invoice or contract; leading zeros are kept.
    pub reference: String,
    /// What the debt arose from.
    pub claim: ClaimKind,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Amount as first claimed, minor units.
    pub amount_minor: i64,
    /// Amount still owed, minor units.
    pub balance_minor: i64,
    /// When it was invoiced or contracted.
    pub issued_on: Option<NaiveDate>,
    /// When it was (or the current instalment is) due.
    pub due_on: NaiveDate,
    /// How the instalments stand, if it is paid in instalments.
    pub instalments: Option<Instalments>,
    /// The debtor has confirmed the statement of account.
    pub confirmed: bool,
    /// Good payer in temporary trouble: lenient messages only (observation level).
    pub observation: bool,
    /// Legal action has been decided and approved; only then may a message announce it.
    pub legal_action_approved: bool,
    /// The channel agreed with the debtor, e.g. paper or electronic invoices.
    pub preferred: Option<Channel>,
    /// Open, settled or closed.
    pub state: AccountState,
    /// At least one dispute is open.
    pub disputed: bool,
    /// A promise to pay is open until this date.
    pub promised_until: Option<NaiveDate>,
    /// Counts every change of a fact about this account; a reservation is refused when it moved on.
    pub revision: i64,
}

impl Account {
    /// Days past due on `today`; negative before due.
    pub fn days_past_due(&self, today: NaiveDate) -> i64 {
        (today - self.due_on).num_days()
    }

    /// Instalments overdue on `today`: what the ledger says, and at least one once the due date has passed.
    pub fn instalments_overdue(&self, today: NaiveDate) -> Option<u32> {
        self.instalments
            .map(|i| i.overdue.max(u32::from(today > self.due_on)))
    }

    /// What is still owed.
    pub fn balance(&self) -> Money {
        Money::new(self.balance_minor, self.currency)
    }
}
