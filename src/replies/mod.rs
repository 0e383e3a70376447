//! What people mean by what they answer: that they opt out, dispute the debt, have paid, are somebody else, are in need,
//! have a lawyer, promise money on a day, ask, complain.
//!
//! A text and what is known about the debt go in; meanings come out, each *sure* or *unsure*, with the words that say so
//! and the rule that reads them. Rules are data (`policies/replies/`); a small model may add what no rule knows, and is
//! never sure. Nothing here takes effect: `dispatch` does that with what is sure and hands the rest to a person.

mod alternatives;
mod amounts;
mod dates;
mod model;
mod parts;
mod promise;
mod report;
mod rules;
mod samples;
mod train;
#[cfg(test)]
mod tests;
mod understand;
mod whole;

pub use model::{Model, ModelError, shipped_model};
pub use report::{Figures, Line, figures};
pub use rules::{ReplyRules, RulesError, shipped};
pub use samples::{Sample, SampleError, samples};
pub use train::{Taught, train};
pub use understand::understand;

use std::ops::Range;

use chrono::NaiveDate;

use crate::domain::{Channel, Currency, words};

words! {
    /// What somebody means by an answer.
    Meaning as "meaning" {
        /// No more messages.
        OptOut = "opt_out",
        /// The debt, or its amount, is wrong.
        Dispute = "dispute",
        /// Money was paid.
        AlreadyPaid = "already_paid",
        /// The reader is not whom the message is for.
        WrongPerson = "wrong_person",
        /// Cannot pay: illness, no work, a death, a disaster.
        Hardship = "hardship",
        /// Somebody else speaks for the debtor: a lawyer, an agency, a guardian.
        Counsel = "counsel",
        /// Will pay.
        Promise = "promise",
        /// Wants to know something.
        Question = "question",
        /// Complains, or says that a complaint follows.
        Complaint = "complaint",
        /// The debtor died.
        Death = "death",
        /// The reader is a child.
        Minor = "minor",
        /// Insolvency or bankruptcy.
        Insolvency = "insolvency",
    }
}

words! {
    /// How far an opting-out reaches.
    Reach as "reach" {
        /// The number or mailbox it came from, and its medium.
        Here = "here",
        /// Text messages.
        Texts = "texts",
        /// E-mail.
        Emails = "emails",
        /// Calls.
        Calls = "calls",
        /// Letters.
        Letters = "letters",
        /// All contact.
        Everything = "everything",
    }
}

words! {
    /// Why somebody cannot pay.
    Need as "need" {
        /// Ill, in hospital, disabled.
        Illness = "illness",
        /// Without work or income.
        Unemployment = "unemployment",
        /// Somebody of the family died.
        Bereavement = "bereavement",
        /// Fire, flood, accident.
        Disaster = "disaster",
    }
}

words! {
    /// What a word of days or sums is.
    PartKind as "part" {
        /// So many days from today.
        Day = "day",
        /// A day of the week, Monday is 1.
        Weekday = "weekday",
        /// A month by name.
        MonthName = "month_name",
        /// `next`
        Next = "next",
        /// `this`
        This = "this",
        /// `last`
        Last = "last",
        /// `week`
        Week = "week",
        /// `month`
        Month = "month",
        /// `days`
        Days = "days",
        /// What makes a number a day of the month: `th`, `号`.
        DayOfMonth = "day_of_month",
        /// `within`, before the number.
        Within = "within",
        /// `内`, after the unit.
        WithinAfter = "within_after",
        /// `end of`, before the unit.
        EndOf = "end_of",
        /// `底`, after the unit.
        EndAfter = "end_after",
        /// The end of the week as a word.
        EndOfWeek = "end_of_week",
        /// The end of the month as a word.
        EndOfMonth = "end_of_month",
        /// The end of the year as a word.
        EndOfYear = "end_of_year",
        /// A day that nobody can name: `payday`, `soon`.
        Unclear = "unclear",
        /// A number as a word.
        Number = "number",
        /// A number that multiplies: `k`, `万`, `hundred`.
        Times = "times",
        /// A currency.
        Money = "money",
        /// Half of what is open.
        Half = "half",
        /// All that is open.
        Whole = "whole",
        /// So much again and again.
        Each = "each",
        /// What makes a number none of money: `期`, `pm`.
        OtherUnit = "other_unit",
        /// How somebody paid.
        Method = "method",
    }
}

/// What is known about the debt that an answer may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimFacts {
    /// What is open, in minor units.
    pub balance_minor: i64,
    /// Of which currency.
    pub currency: Currency,
    /// When it was due.
    pub due_on: NaiveDate,
}

/// What is known when an answer is read.
#[derive(Debug, Clone)]
pub struct ReplyContext<'a> {
    /// How it came.
    pub channel: Channel,
    /// Language of the person: `zh-CN`, `zh-TW`, `en`, ...
    pub locale: &'a str,
    /// The word that opts out of what we sent.
    pub opt_out_word: &'a str,
    /// The day in the person's zone.
    pub today: NaiveDate,
    /// The debt, where only one can be meant.
    pub claim: Option<ClaimFacts>,
}

/// One meaning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// What is meant.
    pub meaning: Meaning,
    /// Sure enough to take effect without a person.
    pub sure: bool,
    /// The words that say so: bytes of the text as handed in.
    pub span: Range<usize>,
    /// The rule that reads them, or `model`.
    pub rule: String,
    /// How far an opting-out reaches, and whether a child's words are about the number or the person.
    pub reach: Reach,
    /// Why somebody cannot pay, where it is said.
    pub need: Option<Need>,
    /// The day of a promise, or of a payment that was made.
    pub on: Option<NaiveDate>,
    /// The amount of a promise or a payment, in minor units of the claim.
    pub amount_minor: Option<i64>,
    /// How it was paid, where it is said.
    pub method: Option<String>,
}

impl Understood {
    /// A meaning that a person reads in an answer.
    pub fn said_by_a_person(meaning: Meaning) -> Understood {
        Understood::new(meaning, true, 0..0, "person")
    }

    /// A meaning without particulars.
    pub(crate) fn new(meaning: Meaning, sure: bool, span: Range<usize>, rule: &str) -> Understood {
        Understood {
            meaning,
            sure,
            span,
            rule: rule.to_owned(),
            reach: Reach::Here,
            need: None,
            on: None,
            amount_minor: None,
            method: None,
        }
    }
}
