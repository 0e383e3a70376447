//! The conditions of a rule in `policy.toml`: `when = { .. }`, and `unless = [{ .. }]` of which one lifts the rule.

use serde::Deserialize;

use super::assertions::Assertion;
use super::marks::{Deed, Mark, NamedDay};
use super::read::{Word, Words, plain};
use super::rules::{Conditions, Happened};
use super::schema::described;
use super::sets::{Bit, Set};
use super::vocab::*;

described! {
    /// `when` and each entry of `unless`, as written.
    #[derive(Deserialize, Default)]
    #[serde(deny_unknown_fields, default)]
    pub(crate) struct RawConditions {
        any: Words<Mark>,
        all: Words<Mark>,
        none: Words<Mark>,
        role: Words<RoleWord>,
        relation: Words<Relation>,
        place: Words<Place>,
        channels: Words<Medium>,
        purposes: Words<Aim>,
        sender: Words<SenderWord>,
        says: Words<Assertion>,
        balance_below: Option<i64>,
        happened: Vec<RawHappened>,
        not_happened: Vec<RawHappened>,
    }
}

described! {
    /// One thing of the past, as written.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct RawHappened {
        deed: Words<Deed>,
        times: Option<u32>,
        within_local_days: Option<u32>,
        within_minutes: Option<u32>,
        local_days_ago: Option<u32>,
        #[serde(default)]
        in_a_row: bool,
        #[serde(default)]
        recipient: bool,
        #[serde(default)]
        after: Words<Deed>,
        after_local_days: Option<u32>,
        named_day: Option<Word<NamedDay>>,
        at_least_days: Option<u32>,
    }
}

/// A list of words as a set.
pub(crate) fn set<W: Bit>(words: Words<W>) -> Set<W> {
    Set::of(&plain(words))
}

impl RawConditions {
    /// The conditions, or what is wrong with them.
    pub(crate) fn read(self) -> Result<Conditions, &'static str> {
        let past = |list: Vec<RawHappened>| list.into_iter().map(RawHappened::read).collect::<Result<_, _>>();
        Ok(Conditions {
            any: set(self.any),
            all: set(self.all),
            none: set(self.none),
            role: set(self.role),
            relation: set(self.relation),
            place: set(self.place),
            channels: set(self.channels),
            purposes: set(self.purposes),
            sender: set(self.sender),
            says: set(self.says),
            balance_below: self.balance_below,
            happened: past(self.happened)?,
            not_happened: past(self.not_happened)?,
        })
    }
}

impl RawHappened {
    fn read(self) -> Result<Happened, &'static str> {
        if self.deed.is_empty() {
            return Err("`deed` with at least one word");
        }
        if self.times == Some(0) {
            return Err("`times` of at least 1");
        }
        if self.after.is_empty() != self.after_local_days.is_none() {
            return Err("`after` together with `after_local_days`");
        }
        if self.named_day.is_some() != self.at_least_days.is_some() {
            return Err("`named_day` together with `at_least_days`");
        }
        Ok(Happened {
            deed: set(self.deed),
            times: self.times.unwrap_or(1),
            within_local_days: self.within_local_days,
            within_minutes: self.within_minutes,
            local_days_ago: self.local_days_ago,
            in_a_row: self.in_a_row,
            recipient: self.recipient,
            after: self.after_local_days.map(|days| (set(self.after), days)),
            before_day: self.named_day.map(|w| w.0).zip(self.at_least_days),
        })
    }
}
