//! What people made known: stops, disputes, lawyers, consents to media and to third persons.

use super::Line;
use super::past::{Entry, entries, event, noon};
use super::words::{ANY_CONTACT, OPTS_OUT, in_writing, media_in, plain};
use crate::cli::policy_eval::file::media;
use crate::cli::policy_eval::people::place;
use crate::cli::policy_eval::reading::{Object, Until};
use crate::cli::policy_eval::signals::SIGNAL;
use crate::domain::Moment;
use crate::policy::{Deed, Facts, Mark, Medium, Place, Relation, RoleWord, Set};

/// One thing that somebody made known.
#[derive(Clone, Copy)]
struct Said<'v> {
    at: Moment,
    person: u32,
    kind: &'v str,
    signal: Object<'v>,
    entry: Option<Object<'v>>,
    medium: Option<Medium>,
    written: bool,
    /// Whether it bears on a debt of the attempt.
    ours: bool,
}

/// A request that something stop.
struct Stop {
    at: Moment,
    media: Set<Medium>,
    /// The address it is about; none: every address.
    address: Option<String>,
    written: bool,
    /// Everything shall stop, not a medium.
    all: bool,
    /// The medium was named; else it is the one that the words came by.
    named: bool,
}

/// Reads signals; comes back with the moment of the last stop of this medium or address.
pub(super) fn read(line: Line<'_, '_>, f: &mut Facts) -> Option<Moment> {
    let past = entries(line);
    let mut said = gather(line, &past, f);
    said.sort_by_key(|s| s.at);
    let stops = stops(&past, &said, f);
    let stopped = stop_marks(line, &said, &stops, f);
    places(&said, f);
    consents(line, &said, f);
    disputes(line, &said, f);
    lawyers(line, &said, f);
    others(line, &said, f);
    stopped
}

fn gather<'v>(line: Line<'_, 'v>, past: &[Entry<'v>], f: &Facts) -> Vec<Said<'v>> {
    let odd = line.given.odd();
    let mut said = Vec::new();
    for e in past {
        let Some(value) = e.entry.get("signal") else {
            continue;
        };
        let signal = Object::of(Some(value), "signal", SIGNAL, odd);
        let named = signal.texts("debts");
        let bits = line.file.debt_bits(&named);
        said.push(Said {
            at: e.at,
            person: e.person,
            kind: signal.text("type").unwrap_or(""),
            signal,
            entry: Some(e.entry),
            medium: e.medium,
            written: written(signal, e.medium),
            ours: (if named.is_empty() { e.debts } else { bits }) & f.all_debts() != 0,
        });
    }
    // A note in the creditor's file binds from the start.
    let note = line.file.facts.get("creditor_file_note");
    let signal = Object::of(note, "creditor_file_note", SIGNAL, odd);
    if let Some(kind) = signal.text("type") {
        said.push(Said {
            at: Moment::new(chrono::DateTime::UNIX_EPOCH),
            person: line.people.debtor,
            kind,
            signal,
            entry: None,
            medium: None,
            written: signal.yes("written"),
            ours: true,
        });
    }
    said
}

/// Whether it was said in writing: as it says itself, else by the medium.
fn written(signal: Object<'_>, medium: Option<Medium>) -> bool {
    match (signal.flag("written"), signal.flag("oral")) {
        (Some(written), _) => written,
        (None, Some(true)) => false,
        _ => in_writing(medium),
    }
}

/// Every request to stop that the recipient made, in whatever words.
fn stops(past: &[Entry<'_>], said: &[Said<'_>], f: &Facts) -> Vec<Stop> {
    let mut stops: Vec<Stop> = Vec::new();
    for s in said.iter().filter(|s| s.person == f.person && standing(s, f)) {
        let own = s.medium;
        let to = |s: &Said<'_>| s.entry.and_then(|e| e.text("to")).map(str::to_owned);
        let named = s.signal.word("medium", media);
        let stop = match s.kind {
            "stop_medium" => Stop {
                at: s.at,
                media: named.unwrap_or(own.map_or(Set::EMPTY, |m| Set::of(&[m]))),
                address: None,
                written: s.written,
                all: false,
                named: true,
            },
            "stop_address" => Stop {
                at: s.at,
                media: named.unwrap_or_else(Set::all),
                address: s.signal.text("address").map(str::to_owned).or(to(s)),
                written: s.written,
                all: false,
                named: true,
            },
            "free_text" => {
                let words = s.signal.text("words").unwrap_or("");
                let Some(stop) = by_words(s.at, words, own, to(s), s.written) else {
                    continue;
                };
                stop
            }
            _ => continue,
        };
        stops.push(stop);
    }
    for e in past.iter().filter(|e| e.inward() && e.person == f.person) {
        let words = e.entry.get("content").and_then(|c| c.as_str());
        let to = e.entry.text("to").map(str::to_owned);
        for words in words.into_iter().chain(e.entry.text("consumer_words")) {
            stops.extend(by_words(e.at, words, e.medium, to.clone(), in_writing(e.medium)));
        }
    }
    stops.sort_by_key(|s| s.at);
    stops
}

/// Whether what was said still stands: no end, or one that has not come.
fn standing(s: &Said<'_>, f: &Facts) -> bool {
    match s.signal.instant_or_date("until") {
        Some(Until::At(at)) => f.at < at,
        Some(Until::EndOf(day)) => f.zones.iter().any(|z| f.at.date_in(z.zone) <= day),
        None => true,
    }
}

/// What free words ask to stop, where they do.
fn by_words(at: Moment, words: &str, own: Option<Medium>, to: Option<String>, written: bool) -> Option<Stop> {
    let words = plain(words);
    if !OPTS_OUT.is_match(&words) {
        return None;
    }
    let named = media_in(&words, None);
    let all = named.is_empty() && ANY_CONTACT.is_match(&words);
    Some(Stop {
        at,
        media: if all { Set::all() } else { media_in(&words, own) },
        // A bare word closes the address it came from; one that names a medium closes the medium.
        address: if named.is_empty() && !all { to } else { None },
        written,
        all,
        named: !named.is_empty(),
    })
}

fn stop_marks(line: Line<'_, '_>, said: &[Said<'_>], stops: &[Stop], f: &mut Facts) -> Option<Moment> {
    let here = |stop: &&Stop| stop.media.has(f.medium) && !again(said, stop.at, f);
    let mine = |stop: &Stop| match (&stop.address, line.attempt.text("to")) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => true,
    };
    let mut last = None;
    let mut marks = Set::EMPTY;
    for stop in stops.iter().filter(here).filter(|s| mine(s)) {
        marks.note(Mark::StoppedMedium, stop.address.is_none());
        marks.note(Mark::StoppedAddress, stop.address.is_some());
        last = last.max(Some(stop.at));
    }
    // Somebody else who asks that it stop wants to be left out of it.
    let stranger = matches!(
        f.role,
        RoleWord::ThirdParty | RoleWord::ContactPerson | RoleWord::Heir
    );
    for stop in stops.iter().filter(|s| s.all || stranger) {
        marks.note(Mark::Cease, true);
        marks.note(Mark::CeaseWritten, stop.written);
    }
    let mut deeds = Vec::new();
    let withdrawing = ["consent_withdrawn", "cease_communication"];
    for s in said
        .iter()
        .filter(|s| s.person == f.person && withdrawing.contains(&s.kind))
    {
        deeds.push((s.at, s.signal.word("medium", media).unwrap_or_else(Set::all)));
    }
    deeds.extend(stops.iter().map(|s| {
        // Words that end a consent do so in any medium, unless they name others.
        let spoken = Set::of(&[Medium::Voice, Medium::Sms]);
        let media = if s.media.meets(spoken) || !s.named {
            spoken
        } else {
            s.media
        };
        (s.at, media)
    }));
    for (at, _) in deeds.into_iter().filter(|(_, m)| m.has(f.medium)) {
        marks.note(Mark::ConsentWithdrawn, !again(said, at, f));
        f.events
            .push(event(at, f.person, u64::MAX, Set::of(&[Deed::Withdrew])));
    }
    f.marks = f.marks.and(marks);
    last
}

/// Whether the recipient agreed to this medium again after `at`.
fn again(said: &[Said<'_>], at: Moment, f: &Facts) -> bool {
    said.iter().any(|s| {
        s.kind == "prior_consent"
            && s.person == f.person
            && s.at > at
            && s.signal.word("medium", media).is_none_or(|m| m.has(f.medium))
    })
}

/// Places that were closed, and leave to call at work.
fn places(said: &[Said<'_>], f: &mut Facts) {
    let company = f.debtor == crate::domain::PersonKind::Legal;
    let here = |closed: Place| match closed {
        Place::Workplace | Place::Office => {
            matches!(f.place, Place::Workplace | Place::WorkDirect | Place::Office)
        }
        other => other == f.place,
    };
    let mut stopped = false;
    let asked = said.iter().filter(|s| s.kind == "stop_place");
    for s in asked {
        if s.person != f.person || !standing(s, f) {
            continue;
        }
        if !here(place(s.signal.text("place"), company)) {
            continue;
        }
        stopped = true;
        let deed = if s.written {
            Deed::StopPlaceWritten
        } else {
            Deed::StopPlaceOral
        };
        let posted = match s.signal.instant_or_date("postmarked") {
            Some(Until::At(at)) => Some(at),
            Some(Until::EndOf(day)) => noon(day, f),
            None => None,
        };
        let at = posted.unwrap_or(s.at).min(f.at);
        f.events.push(event(at, f.person, u64::MAX, Set::of(&[deed])));
    }
    f.marks.note(Mark::StoppedPlace, stopped);
    let leave = |s: &Said<'_>| {
        let words = [
            s.signal.text("scope"),
            s.signal.text("words"),
            s.signal.text("place"),
        ];
        let work = words.iter().flatten().any(|w| plain(w).contains("work"));
        s.kind == "prior_consent" && s.person == f.person && work
    };
    f.marks.note(Mark::WorkPermitted, said.iter().any(leave));
}

/// Consent to the medium of the attempt.
fn consents(line: Line<'_, '_>, said: &[Said<'_>], f: &mut Facts) {
    let ended = |at: Moment| {
        said.iter().any(|s| {
            s.kind == "consent_withdrawn"
                && s.person == f.person
                && s.at >= at
                && s.signal.word("medium", media).is_none_or(|m| m.has(f.medium))
        })
    };
    let stopped = f.marks.has(Mark::StoppedMedium) || f.marks.has(Mark::StoppedAddress);
    let collector = line.attempt.text("collector");
    let by = Object::of(
        line.given.get("collector"),
        "collector",
        crate::cli::policy_eval::file::COLLECTOR,
        line.given.odd(),
    );
    let us = collector.or(by.text("id"));
    for s in said {
        let fits = s.kind == "prior_consent"
            && s.person == f.person
            && s.ours
            && standing(s, f)
            && s.signal.word("medium", media).is_none_or(|m| m.has(f.medium));
        if !fits || ended(s.at) || stopped {
            continue;
        }
        let direct = s.signal.text("given_directly_to").is_none_or(|to| Some(to) == us);
        f.marks.note(Mark::MediumConsent, true);
        f.marks.note(Mark::WrittenConsent, s.written && direct);
        f.marks.note(Mark::BasisDirectConsent, direct);
    }
}

/// Disputes, refusals, requests to adjust: open until they are answered.
fn disputes(line: Line<'_, '_>, said: &[Said<'_>], f: &mut Facts) {
    let answered = |at: Moment, deed: Deed| {
        f.events
            .iter()
            .any(|e| e.deeds.has(deed) && e.at >= at && e.debts & f.all_debts() != 0)
    };
    let mut marks = Set::EMPTY;
    for s in said.iter().filter(|s| s.ours && standing(s, f)) {
        let consumer = s.person == line.people.debtor || s.person == f.person;
        let bound = s.person == f.person || (s.person == line.people.debtor && as_consumer(line));
        match s.kind {
            "dispute" if consumer && !answered(s.at, Deed::Verification) => {
                marks.note(Mark::Disputed, true);
                marks.note(Mark::DisputedWritten, s.written);
                marks.note(Mark::DisputedInTime, s.written && in_time(s, f));
            }
            "refusal" if bound => {
                marks.note(Mark::Refused, true);
                marks.note(Mark::RefusedWritten, s.written);
            }
            "cease_communication" if bound => {
                marks.note(Mark::Cease, true);
                marks.note(Mark::CeaseWritten, s.written);
            }
            "restructure_request" if consumer && !answered(s.at, Deed::RestructureAnswer) => {
                marks.note(Mark::RestructureOpen, true);
            }
            _ => {}
        }
    }
    f.marks = f.marks.and(marks);
}

/// Whether a dispute came within the period that the file names; before a notice no period has run out.
fn in_time(s: &Said<'_>, f: &Facts) -> bool {
    let ends = f.day(crate::policy::NamedDay::ValidationEnds);
    s.signal.flag("within_validation_period").unwrap_or_else(|| {
        let in_zone = |z: &crate::policy::Candidate| ends.is_none_or(|day| s.at.date_in(z.zone) <= day);
        f.zones.iter().any(in_zone)
    })
}

/// Whether the recipient stands for the consumer.
fn as_consumer(line: Line<'_, '_>) -> bool {
    let people = line.people;
    matches!(
        people.role,
        RoleWord::Debtor | RoleWord::Guardian | RoleWord::Executor
    ) || people.relation == Some(Relation::Spouse)
}

fn lawyers(line: Line<'_, '_>, said: &[Said<'_>], f: &mut Facts) {
    let mut marks = Set::EMPTY;
    for s in said.iter().filter(|s| s.ours && standing(s, f)) {
        let attorney = s.signal.text("attorney").map(|a| line.file.key('p', a));
        let by = s.person == line.people.debtor || s.person == f.person || attorney == Some(s.person);
        let words = plain(s.signal.text("words").unwrap_or(""));
        match s.kind {
            "attorney_representation" if s.signal.flag("contact_known") != Some(false) => {
                marks.note(Mark::Counsel, true);
                marks.note(Mark::CounselWritten, s.written);
                marks.note(Mark::AdviserOnly, s.written && s.signal.get("adviser").is_some());
            }
            "contact_request" | "free_text"
                if by && s.written && ["advis", "counsel", "trustee"].iter().any(|w| words.contains(w)) =>
            {
                marks.note(Mark::AdviserOnly, true);
            }
            _ => {}
        }
    }
    let agreed = said.iter().any(|s| {
        let lawyer = said
            .iter()
            .filter_map(|l| l.signal.text("attorney"))
            .any(|a| line.file.key('p', a) == s.person);
        s.kind == "prior_consent" && lawyer && s.person != line.people.debtor
    });
    marks.note(Mark::CounselSilent, agreed);
    f.marks = f.marks.and(marks);
}

/// Wrong parties, consents to third persons, and others who ask.
fn others(line: Line<'_, '_>, said: &[Said<'_>], f: &mut Facts) {
    let mut marks = Set::EMPTY;
    let to = line.attempt.text("to");
    for s in said {
        let named = s.signal.text("person").map(|p| line.file.key('p', p));
        match s.kind {
            "wrong_party" => {
                let address = s.signal.text("address").or(s.entry.and_then(|e| e.text("to")));
                let same = match (address, to) {
                    (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                    (None, _) => s.medium == Some(f.medium),
                    (Some(_), None) => s.medium.is_none_or(|m| m == f.medium),
                };
                marks.note(Mark::WrongParty, same);
            }
            "asks_about_debt" if s.person == f.person => marks.note(Mark::AsksAboutDebt, true),
            "third_party_consent" if named == Some(f.person) && standing(s, f) => {
                let taken_back = said
                    .iter()
                    .any(|w| w.kind == "consent_withdrawn" && w.person == s.person && w.at >= s.at);
                marks.note(Mark::ThirdPartyConsent, !taken_back);
            }
            _ => {}
        }
    }
    f.marks = f.marks.and(marks);
}
