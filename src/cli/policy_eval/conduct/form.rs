//! The form of the attempt: machine or person, form and format, caller, who can see it, and the flags that a line gives.

use super::Line;
use super::past::{Entry, entries};
use super::words::plain;
use crate::cli::policy_eval::reading::Object;
use crate::policy::{Facts, Mark, Medium};

/// Whether a text has one of these words in it.
fn any_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|w| text.contains(w))
}

/// Machine or person, form, format, caller and visibility.
pub(super) fn read(line: Line<'_, '_>, f: &mut Facts) {
    let a = line.attempt;
    let content = super::content::object(a);
    let machine = ["automated", "autodialed", "prerecorded"].map(|m| a.flag(m));
    let says = machine.iter().flatten().max().copied();
    let automated = says.unwrap_or_else(|| line.file.facts.yes("autodialed_or_prerecorded"));
    f.marks = f.marks.without(Mark::Automated);
    f.marks.note(Mark::Automated, automated);
    let voice = f.medium == Medium::Voice;
    f.marks.note(Mark::Recorded, voice && says == Some(true));
    spoken_form(a, f);
    spoken_form(content, f);
    format(a, f);
    caller(a, f);
    let visible = a.text("visibility").or(content.text("visibility")).map(plain);
    match visible {
        None => f.marks.note(Mark::Public, f.medium == Medium::Social),
        Some(text) => visibility(a, &text, f),
    }
    flags(line, f);
}

fn spoken_form(object: Object<'_>, f: &mut Facts) {
    let Some(form) = object.text("form").map(plain) else {
        return;
    };
    let known = [
        "live",
        "call",
        "text",
        "letter",
        "written",
        "electronic",
        "message",
        "email",
        "sms",
        "oral",
        "speech",
        "paper",
        "durable",
        "conversation",
        "visit",
        "notice",
        "form",
        "plain",
    ];
    if form == "voicemail" || form == "ringless voicemail" {
        f.marks.note(Mark::Voicemail, true);
    } else if any_of(&form, &["record"]) {
        f.marks.note(Mark::Recorded, true);
    } else if any_of(&form, &["door", "wall", "posted in"]) {
        f.marks.note(Mark::Public, true);
    } else if any_of(&form, &["postcard"]) {
        f.marks.note(Mark::Postcard, true);
    } else if !any_of(&form, &known) {
        object.wrong("form");
    }
}

fn format(a: Object<'_>, f: &mut Facts) {
    let Some(format) = a.text("format").map(plain) else {
        return;
    };
    if any_of(&format, &["postcard", "post card"]) {
        f.marks.note(Mark::Postcard, true);
    } else if any_of(&format, &["open", "fax", "leaflet", "unsealed", "flyer"]) {
        f.marks.note(Mark::OpenPaper, true);
    } else if !any_of(
        &format,
        &[
            "letter",
            "sealed",
            "envelope",
            "plain",
            "text",
            "html",
            "pdf",
            "registered",
        ],
    ) {
        a.wrong("format");
    }
}

fn caller(a: Object<'_>, f: &mut Facts) {
    let Some(id) = a.text("caller_id").map(plain) else {
        return;
    };
    let hidden = [
        "hidden",
        "withheld",
        "anonym",
        "private",
        "unknown",
        "block",
        "suppress",
        "spoof",
        "false",
        "fake",
        "another",
        "none",
        "no number",
    ];
    let shown = [
        "shown",
        "visible",
        "true",
        "real",
        "own",
        "displayed",
        "number",
        "sent",
        "public",
    ];
    if any_of(&id, &hidden) {
        f.marks.note(Mark::HiddenCaller, true);
    } else if !any_of(&id, &shown) {
        a.wrong("caller_id");
    }
}

fn visibility(a: Object<'_>, text: &str, f: &mut Facts) {
    let closed = ["private", "recipient", "only", "direct", "sealed", "nobody else"];
    let open = [
        "public",
        "friend",
        "contact",
        "follow",
        "group",
        "all",
        "every",
        "other",
        "neighbo",
        "colleague",
        "open",
        "anyone",
        "visible to",
    ];
    let faint = [
        "small",
        "hidden",
        "grey",
        "gray",
        "contrast",
        "footer",
        "not visible",
        "inconspicuous",
        "tiny",
        "white",
    ];
    let clear = [
        "clear",
        "conspicuous",
        "prominent",
        "normal",
        "readable",
        "legible",
    ];
    if any_of(text, &faint) {
        f.marks.note(Mark::NoOptOut, true);
    } else if !any_of(text, &closed) && !any_of(text, &clear) {
        f.marks.note(Mark::Public, any_of(text, &open));
        if !any_of(text, &open) {
            a.wrong("visibility");
        }
    }
}

/// Yes and no. What is not mentioned is in order; a mandate or a seal that is named as missing is missing.
fn flags(line: Line<'_, '_>, f: &mut Facts) {
    let a = line.attempt;
    let first = a.flag("first_communication").or(a.flag("first_letter"));
    let sent = |e: &Entry<'_>| e.out() && e.person == f.person && e.debts & f.all_debts() != 0;
    let before = entries(line).iter().any(sent);
    let is = |field: &str, value: bool| a.flag(field) == Some(value);
    for (mark, holds) in [
        (Mark::NoOptOut, is("has_opt_out", false)),
        (Mark::FirstAssertion, is("first_assertion", true)),
        (Mark::FirstContact, first == Some(true)),
        (Mark::FirstWritten, is("first_written", true)),
        (
            Mark::LaterContact,
            first == Some(false) || (first.is_none() && before),
        ),
        (Mark::CollectorUnnamed, is("identifies_as_debt_collector", false)),
        (Mark::ValidationMissing, is("validation_notice_sent", false)),
        (
            Mark::Mandate,
            !a.has("mandate_id") || a.get("mandate_id").is_some(),
        ),
        (Mark::FirmSeal, !a.has("firm_seal") || a.yes("firm_seal")),
        (Mark::Licence, true),
        (Mark::MassMailing, a.get("batch_to").is_some()),
    ] {
        f.marks.note(mark, holds);
    }
}
