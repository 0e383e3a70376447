//! Template + facts → draft: the only place that puts words into a message.
//!
//! Holds the catalogue of templates (read from text, compiled once), the facts a template may use, the count of
//! SMS segments, and the invented situations with which templates are tried. The words themselves stand in
//! `templates/`; whether they may be sent is for the guard. A fact that is missing or empty is a fault, never a
//! blank. The words of a collector are data: they are wrapped, never read as a template.
//!
//! Called by the planner's and the dispatcher's users, by the console's preview and by `template check`.

mod catalogue;
mod catalogue_file;
mod facts;
mod faults;
mod html;
mod locale;
mod message;
mod samples;
mod segments;
mod slip;

pub use catalogue::{Catalogue, Need, OWN_WORDS, Template, template_bytes};
pub use facts::{FACT_NAMES, Facts, Value};
pub use faults::{RenderFault, TemplateError};
pub use message::{Rendered, facts, render};
pub use samples::{Sample, samples};
pub use segments::{segments, split};

#[cfg(test)]
mod tests;
