//! Policy packs: hours, caps, recipients, required elements, statuses, prohibited words, and the cases that prove them.
//!
//! Packs come in as text and are compiled once into a [`PolicySet`]; nothing here reads a file or a clock, and
//! nothing here decides. `guard` asks which rules speak about a situation and answers with a verdict. The format is
//! described in `policies/README.md`.

mod calendar;
mod cases;
mod core;
mod error;
pub mod fold;
mod lexicon;
mod lint;
mod matcher;
mod pack;
mod read;
mod rules;
mod set;

pub(crate) use self::core::core_rule;
pub use self::core::{CORE, core_rules, core_version};
pub use calendar::{DayKind, Holidays};
pub use cases::{Case, CaseBook, VerdictWord};
pub use error::PolicyError;
pub use lexicon::{
    Audience, ContentContext, Entry, Item, Lexicon, Pattern, PayeeNumber, Reach, Step, Surroundings, When,
    WordGroup,
};
pub use lint::{Lint, lint};
pub use matcher::{Builtin, Found, Hit, Lexicons, Mark};
pub use pack::{Pack, PackFiles};
pub use rules::*;
pub use set::{Applied, PolicySet};
