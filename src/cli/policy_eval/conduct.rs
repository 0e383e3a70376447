//! Marks and deeds for questions about people, channels, states and content.

use super::file::File;
use super::people::People;
use super::reading::Object;
use crate::policy::{Facts, Mark};

/// Fields of an attempt.
pub(super) const ATTEMPT: &[&str] = &[
    "at",
    "channel",
    "person",
    "debts",
    "to",
    "automated",
    "autodialed",
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
    "legal_basis",
    "remedy",
    "queued_at",
    "delivered_at",
    "opened_at",
    "note",
];

/// Reads what the attempt itself says.
pub(super) fn read(
    _given: Object<'_>,
    attempt: Object<'_>,
    _file: &File<'_>,
    _people: &People<'_>,
    facts: &mut Facts,
) {
    facts.marks.note(
        Mark::Automated,
        attempt.yes("automated") || attempt.yes("autodialed"),
    );
}
