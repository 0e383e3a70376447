//! Policy packs: hours, caps, recipients, required elements, statuses, prohibited words, and the cases that prove them.
//!
//! Packs come in as text and are compiled once into a [`PolicySet`]; nothing here reads a file or a clock, and
//! nothing here decides. `guard` asks which rules speak about a situation and answers with a verdict. The format is
//! described in `policies/README.md`.

mod assertions;
mod calendar;
mod cases;
mod core;
pub mod diff;
mod error;
pub mod fold;
mod lexicon;
mod examples;
mod facts;
mod from_domain;
mod lint;
mod marks;
mod matcher;
mod pack;
mod place;
mod read;
mod rules;
mod schema;
mod set;
mod sets;
mod tables;
mod vocab;
mod when;

pub(crate) use self::core::core_rule;
pub use self::core::{CORE, core_rules, core_version};
pub use assertions::{Assertion, described};
pub use calendar::{Calendar, DayKind, Gap, Holidays, Name, Scope};
pub use cases::{Case, CaseBook, VerdictWord};
pub use error::PolicyError;
pub use examples::Example;
pub use examples::blank;
pub use facts::*;
pub(crate) use from_domain::{marks_of, place_of, role_of};
pub use lexicon::{
    Audience, ContentContext, Entry, Item, Lexicon, Pattern, PayeeNumber, Reach, Step, Surroundings, When,
    WordGroup,
};
pub use lint::{Lint, lint, lint_dates};
pub use marks::*;
pub use matcher::{Builtin, Found, Hit, Lexicons, Near, WordMark};
pub use pack::{Pack, PackFiles, PackTexts};
pub use place::{line_of_rule, rule_at_line, sources_of_rules};
pub use rules::*;
pub use schema::schema;
pub use set::{Applied, Asked, PolicySet};
pub use sets::{Bit, Set};
pub use vocab::*;
