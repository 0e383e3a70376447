//! Policy packs: hours, caps, recipients, required elements, statuses, prohibited words, and the cases that prove them.
//!
//! Packs come in as text and are compiled once into a [`PolicySet`]; nothing here reads a file or a clock, and
//! nothing here decides. `guard` asks which rules speak about a situation and answers with a verdict. The format is
//! described in `policies/README.md`.

mod assertions;
mod calendar;
mod cases;
mod core;
mod error;
pub mod fold;
mod lexicon;
mod examples;
mod facts;
mod lint;
mod marks;
mod matcher;
mod pack;
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
pub use calendar::{DayKind, Holidays};
pub use cases::{Case, CaseBook, VerdictWord};
pub use error::PolicyError;
pub use examples::Example;
pub use examples::blank;
pub use facts::*;
pub use lexicon::{Entry, Pattern, Surroundings, When};
pub use lint::{Lint, lint, lint_dates};
pub use marks::*;
pub use matcher::{Hit, Matcher};
pub use pack::{Pack, PackFiles, PackTexts};
pub use rules::*;
pub use schema::schema;
pub use set::{Applied, Asked, PolicySet};
pub use sets::{Bit, Set};
pub(crate) use tables::{marks_of, place_of, role_of};
pub use vocab::*;
