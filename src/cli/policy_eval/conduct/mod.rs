//! Marks, deeds and descriptions for questions about people, channels, states and content.
//!
//! `past` reads what the timeline and the file show, `said` what people made known, `form` and `attempt` how the attempt
//! is made and `content` what it says; `words` holds the vocabularies. What is not understood is noted and goes to a
//! person.

mod attempt;
mod content;
mod form;
mod past;
mod said;
mod words;

use super::file::File;
use super::people::People;
use super::reading::Object;
use crate::policy::{Assertion, Facts, Mark};

/// Fields of an attempt.
pub(super) const ATTEMPT: &[&str] = &[
    "at",
    "channel",
    "person",
    "debts",
    "to",
    "automated",
    "autodialed",
    "prerecorded",
    "in_reply_to",
    "relies_on_consent",
    "relies_on_request",
    "collector",
    "purpose",
    "content",
    "envelope",
    "batch_to",
    "address_basis",
    "has_opt_out",
    "format",
    "caller_id",
    "visibility",
    "first_assertion",
    "mandate_id",
    "firm_seal",
    "form",
    "term",
    "identifies_as_debt_collector",
    "first_communication",
    "first_written",
    "first_letter",
    "validation_notice_sent",
    "missing",
    "adds",
    "extra",
    "legal_basis",
    "remedy",
    "queued_at",
    "delivered_at",
    "opened_at",
    "note",
];

/// Everything that one line gives the readers of this folder.
#[derive(Clone, Copy)]
pub(super) struct Line<'a, 'v> {
    pub(super) given: Object<'v>,
    pub(super) attempt: Object<'v>,
    pub(super) file: &'a File<'v>,
    pub(super) people: &'a People<'v>,
}

/// Reads only the notices of the past, for questions of hours and counts: what a message says is no matter there.
pub(super) fn notices(line: Line<'_, '_>, facts: &mut Facts) {
    let machine = line.attempt.yes("automated") || line.attempt.yes("autodialed");
    facts.marks.note(Mark::Automated, machine);
    past::deeds(line, &past::entries(line), facts);
    facts.events.sort_by_key(|e| e.at);
}

/// Reads what bears on people, channels, states and content into the facts.
pub(super) fn read(line: Line<'_, '_>, facts: &mut Facts) {
    facts.marks.note(Mark::FileComplete, true);
    past::read(line, facts);
    let stopped = said::read(line, facts);
    attempt::read(line, facts, stopped);
    content::read(line, facts);
    let costs = facts.says.has(Assertion::UndueCosts);
    facts.marks.note(Mark::CostsClaimed, costs);
    facts.events.sort_by_key(|e| e.at);
}
