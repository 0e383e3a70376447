//! Everything that rules may ask, without a store: who speaks to whom about what, by which medium, and what came
//! before. Situations of the store and lines of `policy eval` both become [`Facts`], and the same evaluation reads them.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::domain::{Moment, PersonKind};

use super::assertions::Assertion;
use super::marks::{Deed, Mark, NamedDay};
use super::rules::Week;
use super::sets::Set;
use super::vocab::*;

/// A number that stands for one person, address, collector or creditor within one [`Facts`]; 0 is nobody known.
pub type Key = u32;

/// A zone in which the recipient could be, and whether the area code of the number that is called says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The zone.
    pub zone: Tz,
    /// Whether it is a zone of the area code that is called.
    pub area_code: bool,
}

/// Which way a contact went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Ours.
    Out,
    /// Theirs.
    In,
    /// Neither: entries of the file, courts and authorities.
    Beside,
}

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// Which way.
    pub way: Way,
    /// By which medium, where it was a contact.
    pub medium: Option<Medium>,
    /// To or from whom.
    pub person: Key,
    /// Which of the debts of the attempt it was about, as bits in their order.
    pub debts: u64,
    /// Who acted.
    pub collector: Key,
    /// For which creditor; 0 where nobody knows, and then it counts for every creditor.
    pub creditor: Key,
    /// The address or number; 0 where nobody knows.
    pub point: Key,
    /// What the address is.
    pub place: Place,
    /// How it ended.
    pub ended: Ended,
    /// What it was for.
    pub aim: Set<Aim>,
    /// What it was, for rules that ask for it.
    pub deeds: Set<Deed>,
    /// What it was with regard to counts: an answer, requested, under consent, part of a thread.
    pub left_out: Set<Exclusion>,
}

/// Consent that the person gave, checked by whoever recorded it: dated, scoped, revocable.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// From when.
    pub from: Moment,
    /// Until when, if it ends.
    pub until: Option<Moment>,
    /// For which media.
    pub media: Set<Medium>,
    /// In which slots of the week; `None`: at any time.
    pub slots: Option<Week>,
    /// Whether the conversation it asked for uses it up.
    pub once: bool,
    /// Whether it lifts contact hours.
    pub hours: bool,
    /// Whether it takes contacts out of counts.
    pub counts: bool,
    /// Whom it was given to; 0: anybody who acts for the creditor.
    pub collector: Key,
}

/// Hours that the person named: outside them nothing is sent.
#[derive(Debug, Clone)]
pub struct Personal {
    /// When it may be.
    pub open: Week,
    /// Until when it holds, if it ends.
    pub until: Option<Moment>,
}

/// The person wrote to us and may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inbound {
    /// When.
    pub at: Moment,
    /// By which media an answer is agreed: the same, and others that were agreed in that contact.
    pub media: Set<Medium>,
    /// Whether something already went out since.
    pub answered: bool,
}

/// Everything the rules may ask about one attempt.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The moment at which the attempt would leave our hands.
    pub at: Moment,
    /// How.
    pub medium: Medium,
    /// What for, with its class.
    pub aim: Set<Aim>,
    /// Who speaks, with the class.
    pub sender: Set<SenderWord>,
    /// Natural or legal.
    pub debtor: PersonKind,
    /// A consumer's debt or one of business.
    pub debt: DebtKind,
    /// What it arose from, with the class; empty where nobody knows.
    pub claim: Set<Claim>,
    /// What is owed, in whole units of the local currency, where known.
    pub balance: Option<i64>,
    /// Days past due, where known.
    pub days_overdue: Option<i64>,
    /// Country of the debtor, ISO 3166-1 alpha-2.
    pub debtor_country: Option<String>,
    /// State or province of the debtor.
    pub debtor_region: Option<String>,
    /// Town of the debtor.
    pub debtor_city: Option<String>,
    /// Postal code of the debtor.
    pub debtor_postal: Option<String>,
    /// Country of the recipient.
    pub recipient_country: Option<String>,
    /// State or province of the recipient.
    pub recipient_region: Option<String>,
    /// What the recipient is to the debt.
    pub role: RoleWord,
    /// How the recipient is related to the debtor.
    pub relation: Option<Relation>,
    /// What the address is.
    pub place: Place,
    /// What is true.
    pub marks: Set<Mark>,
    /// What the message says or looks like, as it was described.
    pub says: Set<Assertion>,
    /// The recipient.
    pub person: Key,
    /// Whose contacts count with the recipient's under `person_or_spouse`: the debtor and the spouse.
    pub household: [Key; 2],
    /// Who acts.
    pub collector: Key,
    /// For whom.
    pub creditor: Key,
    /// The address or number.
    pub point: Key,
    /// How many debts the attempt is about; each has a bit in [`Event::debts`].
    pub debts: u32,
    /// Zones in which the recipient could be; none: unknown.
    pub zones: Vec<Candidate>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// Consents that stand.
    pub allowed: Vec<Allowed>,
    /// Hours that the recipient named.
    pub personal: Vec<Personal>,
    /// The recipient is known to be at a place that was called inconvenient, until then.
    pub away_until: Option<Moment>,
    /// What the person wrote that this attempt answers, where the file bears it out.
    pub reply_to: Option<Moment>,
    /// What the attempt is with regard to counts: requested, part of a thread.
    pub left_out: Set<Exclusion>,
    /// The recipient wrote last and may be answered.
    pub inbound: Option<Inbound>,
    /// Windows that the file names.
    pub windows: [Option<Week>; 3],
    /// Days that the file names.
    pub days: [Option<NaiveDate>; 3],
    /// The public holidays, where the situation lists them itself; `None`: the calendars of the set.
    pub holidays: Option<Vec<NaiveDate>>,
    /// Required elements that are not there.
    pub missing: Vec<String>,
}

impl Facts {
    /// A window that the file names.
    pub fn window(&self, which: FactWindow) -> Option<&Week> {
        self.windows[which as usize].as_ref()
    }

    /// A day that the file names.
    pub fn day(&self, which: NamedDay) -> Option<NaiveDate> {
        self.days[which as usize]
    }

    /// Every debt of the attempt.
    pub fn all_debts(&self) -> u64 {
        if self.debts >= 64 {
            u64::MAX
        } else {
            (1 << self.debts) - 1
        }
    }

    /// The country and region whose holidays count: where the recipient is.
    pub fn place_of_holidays(&self) -> (Option<&str>, Option<&str>) {
        match &self.recipient_country {
            Some(country) => (Some(country), self.recipient_region.as_deref()),
            None => (self.debtor_country.as_deref(), self.debtor_region.as_deref()),
        }
    }
}
