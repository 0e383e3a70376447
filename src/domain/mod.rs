//! The words of the field as types: accounts, debts, people, contact points, stages, attempts and their legal
//! transitions, verdicts and findings.
//!
//! Everything here is plain data that has been parsed at a door and is valid inside. Nothing here serialises,
//! reads a clock or a file; rows, API views and evidence have structs of their own. Everyone uses it.

mod words;

mod account;
mod attempt;
mod contact;
mod creditor;
mod draft;
mod events;
mod ids;
pub mod local;
mod moment;
mod money;
mod outcome;
mod person;
mod phone;
mod returned;
mod situation;
mod verdict;
mod wish;
mod zones;

pub use account::{Account, AccountState, ClaimKind, Instalments};
pub use attempt::{Attempt, AttemptState, Channel, Channels, IllegalTransition, Origin, Purpose};
pub use contact::{Address, AddressKind, ContactPoint, ContactUse, EmailAddress, PostalAddress};
pub use creditor::{Creditor, Payee, Portfolio, Sender, SenderKind};
pub use draft::{Draft, Email, Letter, Segments, Sms, SmsCoding};
pub use events::{
    CallRecord, CallResult, Consent, ConsentScope, Dispute, Payment, Promise, PromiseState, Suppression,
    SuppressionReason, SuppressionScope,
};
pub use ids::*;
pub use moment::Moment;
pub use money::{Currency, Money, MoneyError};
pub use outcome::RunOutcome;
pub(crate) use person::is_hidden;
pub use person::{Locale, Person, PersonKind, PersonName, Role};
pub use phone::{PhoneError, PhoneNumber};
pub use returned::{BounceCause, MatchedBy, ReturnKind};
pub use situation::{Situation, Touch, TouchKind};
pub use verdict::{CapClaim, CapKey, Finding, Level, Sureness, Verdict};
pub use wish::{NoWish, Slots, StandingWish, Wish, channel_refused, place_refused};
pub use words::UnknownWord;
pub(crate) use words::words;
pub use zones::{Basis, Place, Whereabouts, ZoneSource, Zones, official, region_code};
