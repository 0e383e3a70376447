//! The attempt beside its form: envelope, address, answer, and what the file says about people and debts.

use super::Line;
use super::past::entries;
use super::words::{PLAIN, PRIVATE_MARK, REVEALS, UNNAMED, items, plain};
use crate::cli::policy_eval::reading::Object;
use crate::domain::{Moment, PersonKind};
use crate::policy::{Aim, Facts, Mark, Medium, Relation, RoleWord, SenderWord, Set};

const ENVELOPE: &[&str] = &[
    "shows",
    "addressed_to",
    "marked",
    "sealed",
    "open",
    "return_address",
    "sender",
    "note",
    "window",
];

/// Reads the attempt; `stopped` is when the recipient last closed this medium or address.
pub(super) fn read(line: Line<'_, '_>, f: &mut Facts, stopped: Option<Moment>) {
    super::form::read(line, f);
    envelope(line, f);
    basis(line, f);
    answer(line, f, stopped);
    file(line, f);
    people(line, f);
    debts(line, f);
}

fn envelope(line: Line<'_, '_>, f: &mut Facts) {
    let a = line.attempt;
    let Some(value) = a.get("envelope") else { return };
    if let Some(word) = value.as_str() {
        return shown(a, "envelope", &[plain(word)], f);
    }
    let e = Object::of(Some(value), "envelope", ENVELOPE, a.odd());
    shown(e, "shows", &items(e, "shows"), f);
    shown(e, "return_address", &items(e, "return_address"), f);
    shown(e, "window", &items(e, "window"), f);
    shown(e, "sender", &items(e, "sender"), f);
    if e.has("addressed_to") {
        let to = e.text("addressed_to").map(plain).unwrap_or_default();
        f.marks
            .note(Mark::EnvelopeUnnamed, to.is_empty() || UNNAMED.is_match(&to));
    }
    if e.has("marked") {
        let marks: Vec<String> = match e.get("marked").and_then(|m| m.as_bool()) {
            Some(true) => vec!["private".to_owned()],
            Some(false) => Vec::new(),
            None => items(e, "marked"),
        };
        let private = marks
            .iter()
            .any(|m| PRIVATE_MARK.is_match(m) && !m.contains("not "));
        f.marks.note(Mark::EnvelopeUnmarked, !private);
        let rest: Vec<String> = marks.into_iter().filter(|m| !PRIVATE_MARK.is_match(m)).collect();
        shown(e, "marked", &rest, f);
    }
    f.marks
        .note(Mark::OpenPaper, e.flag("sealed") == Some(false) || e.yes("open"));
}

/// What stands on the outside.
fn shown(object: Object<'_>, field: &str, all: &[String], f: &mut Facts) {
    for text in all.iter().filter(|t| !t.is_empty()) {
        let hidden = ["no ", "nothing", "neutral", "plain", "without", "none"]
            .iter()
            .any(|w| text.starts_with(w))
            && !text.contains(" and ");
        if hidden {
            continue;
        }
        if REVEALS.is_match(text) {
            f.marks.note(Mark::EnvelopeShowsDebt, true);
        } else if !PLAIN.is_match(text) {
            object.wrong(field);
        }
    }
}

/// How we came by the address.
fn basis(line: Line<'_, '_>, f: &mut Facts) {
    let consented = f.marks.has(Mark::BasisDirectConsent);
    f.marks = f.marks.without(Mark::BasisDirectConsent);
    let mark = match line.attempt.text("address_basis") {
        None => None,
        Some("consumer_used_it" | "prior_collector") => Some(Mark::BasisOwnUse),
        // A consent that nothing bears out is none.
        Some("consumer_direct_consent") if !consented => Some(Mark::BasisCreditorFile),
        Some("consumer_direct_consent") => Some(Mark::BasisDirectConsent),
        Some("consumer_texted" | "consumer_texted_within_60_days") => Some(Mark::BasisTexted),
        Some("creditor_notice") => Some(Mark::BasisCreditorNotice),
        Some("creditor_file") => Some(Mark::BasisCreditorFile),
        Some(_) => {
            line.attempt.wrong("address_basis");
            None
        }
    };
    if let Some(mark) = mark {
        f.marks.note(mark, true);
    }
    let email = line.file.facts.get("email");
    let known = [
        "address",
        "known_employer_provided",
        "domain_public",
        "creditor_used_for_account",
        "note",
    ];
    let email = Object::of(email, "facts.email", &known, line.given.odd());
    let other = match (line.attempt.text("to"), email.text("address")) {
        (Some(to), Some(address)) if to.contains('@') => !to.eq_ignore_ascii_case(address),
        _ => false,
    };
    if f.medium != Medium::Email || other {
        return;
    }
    let employer = email.yes("known_employer_provided");
    f.marks.note(Mark::EmployerEmail, employer);
    let public = email.flag("domain_public").unwrap_or(!employer);
    f.marks.note(Mark::PublicDomain, public);
    let used = email.flag("creditor_used_for_account") != Some(false);
    f.marks.note(Mark::CreditorUsed, used);
}

/// Whether the attempt is the one answer to what the person wrote in this medium after closing it.
fn answer(line: Line<'_, '_>, f: &mut Facts, stopped: Option<Moment>) {
    if line.attempt.get("in_reply_to").is_none() && !f.aim.has(Aim::Reply) {
        return;
    }
    if f.marks.has(Mark::AsksAboutDebt) && line.attempt.get("purpose").is_none() {
        f.aim = Aim::Reply.with_class();
    }
    let past = entries(line);
    let wrote = past
        .iter()
        .rev()
        .find(|e| e.inward() && e.person == f.person && e.medium == Some(f.medium));
    let Some(wrote) = wrote.filter(|w| stopped.is_none_or(|s| w.at > s)) else {
        return;
    };
    let answered = past
        .iter()
        .any(|e| e.out() && e.person == f.person && e.medium == Some(f.medium) && e.at > wrote.at);
    f.marks.note(Mark::Answer, !answered);
}

/// What the file says about how sure people and addresses are.
fn file(line: Line<'_, '_>, f: &mut Facts) {
    let facts = line.file.facts;
    for (field, mark) in [
        ("address_known_bad", Mark::AddressBad),
        ("shared_voicemail_box", Mark::SharedMailbox),
        ("has_home_contact", Mark::HasHomeContact),
        ("tried_home", Mark::TriedHome),
        ("permission_work", Mark::WorkPermitted),
        ("employer_prohibits_calls", Mark::EmployerForbids),
        ("debtor_unreachable", Mark::DebtorUnreachable),
        ("attorney_unresponsive_reasonable_period", Mark::CounselSilent),
        ("agency_on_public_list", Mark::AgencyListed),
        ("agreed_to_details_by_sms", Mark::DetailsByTextAgreed),
        ("interest_claimed", Mark::InterestClaimed),
        ("costs_claimed", Mark::CostsClaimed),
        ("household_debt", Mark::HouseholdDebt),
    ] {
        f.marks.note(mark, facts.yes(field));
    }
    for (field, mark) in [
        ("has_home_contact", Mark::NoHomeContact),
        ("debtor_unreachable", Mark::DebtorReachable),
        ("agency_on_public_list", Mark::AgencyUnlisted),
        ("identity_verified", Mark::IdentityUnverified),
    ] {
        f.marks.note(mark, facts.flag(field) == Some(false));
    }
    let traced = facts.text("address_source").map(plain).unwrap_or_default();
    f.marks.note(
        Mark::AddressTraced,
        traced.contains("traced") || traced.contains("not from"),
    );
    match facts.text("contact_source") {
        Some("phone_book_upload" | "phone_contact_list") => f.marks.note(Mark::HarvestedContact, true),
        None | Some("loan_application" | "contract" | "debtor" | "named_by_debtor" | "creditor_file") => {}
        Some(w)
            if w.contains("phone")
                || w.contains("scrap")
                || w.contains("harvest")
                || w.contains("upload") =>
        {
            f.marks.note(Mark::HarvestedContact, true);
        }
        Some(_) => facts.wrong("contact_source"),
    }
    matched(facts, f);
    // Whoever collects for somebody under a code of banks is taken to act for a bank.
    let agency = Set::of(&[SenderWord::Agency, SenderWord::LawFirm]);
    let bank = f.sender.has(SenderWord::Bank) || f.sender.meets(agency);
    f.marks.note(Mark::BankCreditor, bank);
}

/// How well the particulars fit the person.
fn matched(facts: Object<'_>, f: &mut Facts) {
    let found = facts.get("match").map(|m| plain(&m.to_string()));
    if let Some(found) = found {
        let doubt = [
            "only",
            "partial",
            "similar",
            "same name",
            "possible",
            "weak",
            "no",
            "mismatch",
            "false",
            "uncertain",
            "unclear",
        ];
        let sure = [
            "full",
            "exact",
            "complete",
            "confirmed",
            "strong",
            "verified",
            "all",
            "true",
            "name and",
            "unique",
        ];
        if doubt.iter().any(|w| found.contains(w)) {
            f.marks.note(Mark::IdentityDoubtful, true);
        } else if !sure.iter().any(|w| found.contains(w)) {
            facts.wrong("match");
        }
    }
}

fn people(line: Line<'_, '_>, f: &mut Facts) {
    let (consumer, other) = (line.people.consumer, line.people.other);
    let itself = line.people.recipient == line.people.debtor;
    let own = |field: &str| {
        if itself {
            consumer.yes(field)
        } else {
            other.is_some_and(|p| p.yes(field))
        }
    };
    for (field, debtor, recipient) in [
        ("deceased", Mark::DebtorDeceased, Mark::RecipientDeceased),
        ("minor", Mark::DebtorMinor, Mark::RecipientMinor),
    ] {
        f.marks.note(debtor, consumer.yes(field));
        f.marks.note(recipient, own(field));
    }
    f.marks.note(Mark::DebtorIncapable, consumer.yes("incapacitated"));
    let shares = other.is_some_and(|p| p.yes("shares_debt"));
    let household = f.marks.has(Mark::HouseholdDebt) && f.relation == Some(Relation::Spouse);
    f.marks.note(Mark::SharesDebt, shares || household);
    if household && f.role == RoleWord::ThirdParty {
        f.role = RoleWord::SharesDebt;
    }
    if f.debtor == PersonKind::Legal {
        f.marks = f.marks.without(Mark::DebtorMinor).without(Mark::RecipientMinor);
    }
}

/// The legal state of the debts of the attempt.
fn debts(line: Line<'_, '_>, f: &mut Facts) {
    let facts = line.file.facts;
    let known = crate::cli::policy_eval::file::DEBT;
    let mut places = vec![
        facts,
        Object::of(
            facts.get("debt").filter(|d| d.is_object()),
            "facts.debt",
            known,
            facts.odd(),
        ),
    ];
    if let Some(map) = facts.get("debts").and_then(|d| d.as_object()) {
        let mine = line.attempt.texts("debts");
        for (_, debt) in map.iter().filter(|(id, _)| mine.contains(&id.as_str())) {
            places.push(Object::of(Some(debt), "facts.debts", known, facts.odd()));
        }
    }
    for place in places {
        f.marks.note(
            Mark::TimeBarred,
            place.yes("time_barred") || place.yes("statute_barred"),
        );
        f.marks.note(
            Mark::PaymentProgramme,
            place.yes("paying_under_debt_payment_programme"),
        );
        let state = place.text("succession").map(plain).unwrap_or_default();
        let open = [
            "undecided",
            "open",
            "pending",
            "not accepted",
            "unknown",
            "unsettled",
        ];
        let dead = f.marks.has(Mark::DebtorDeceased) || line.people.consumer.yes("deceased");
        if open.iter().any(|w| state.contains(w)) {
            f.marks.note(Mark::SuccessionOpen, dead || !state.is_empty());
        } else if state.contains("renounc") || state.contains("refus") || state.contains("disclaim") {
            f.marks.note(Mark::SuccessionRenounced, true);
        } else if !state.is_empty()
            && !["accept", "settled", "closed", "complete"]
                .iter()
                .any(|w| state.contains(w))
        {
            place.wrong("succession");
        }
    }
}
