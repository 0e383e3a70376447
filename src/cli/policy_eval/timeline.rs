//! What happened: the events of `given.timeline` that were contacts, and what the attempt answers.

use super::file::{File, medium};
use super::people::{People, aim, place};
use super::reading::Object;
use crate::domain::Moment;
use crate::policy::{Deed, Ended, Event, Exclusion, Facts, Inbound, Medium, Set, Way};

/// Fields of an event; `signal` is read by `signals`.
pub(super) const EVENT: &[&str] = &[
    "at",
    "dir",
    "channel",
    "person",
    "debts",
    "collector",
    "sender",
    "to",
    "outcome",
    "purpose",
    "in_reply_to",
    "automated",
    "autodialed",
    "has_opt_out",
    "first_communication",
    "first_written",
    "disclosed",
    "reference",
    "delivered",
    "delivered_at",
    "queued_at",
    "opened_at",
    "until",
    "state",
    "chapter",
    "consumer_words",
    "note",
    "excluded_by_consent",
    "content",
    "event",
    "signal",
    "form",
    "relies_on_request",
    "relies_on_consent",
    "court",
    "from",
    "address_basis",
    "remedy",
];

/// Reads the timeline into the facts, oldest first.
pub(super) fn read(
    given: Object<'_>,
    attempt: Object<'_>,
    file: &File<'_>,
    people: &People<'_>,
    facts: &mut Facts,
) {
    let odd = given.odd();
    let company = facts.debtor == crate::domain::PersonKind::Legal;
    let mut read: Vec<(Event, Object<'_>)> = Vec::new();
    for entry in given.list("timeline") {
        let entry = Object::of(Some(entry), "timeline", EVENT, odd);
        let Some(at) = entry.instant("at") else {
            entry.wrong("at");
            continue;
        };
        if at <= file.at
            && let Some(event) = event(entry, at, file, people, company)
        {
            read.push((event, entry));
        }
    }
    read.sort_by_key(|(e, _)| e.at);
    for i in 0..read.len() {
        let (event, entry) = (read[i].0, read[i].1);
        let replies = entry.get("in_reply_to").is_some();
        let left_out = left_out(&read[..i], &event, replies, facts);
        let event = &mut read[i].0;
        event.left_out = left_out;
        event
            .left_out
            .note(Exclusion::Consent, entry.yes("excluded_by_consent"));
        event
            .left_out
            .note(Exclusion::Requested, replies || entry.yes("relies_on_request"));
    }
    this_attempt(attempt, &read, facts);
    facts.events = read.into_iter().map(|(e, _)| e).collect();
}

fn event(
    entry: Object<'_>,
    at: Moment,
    file: &File<'_>,
    people: &People<'_>,
    company: bool,
) -> Option<Event> {
    let way = match entry.text("dir") {
        Some("out") => Way::Out,
        Some("in") => Way::In,
        Some("internal" | "external") => Way::Beside,
        _ => {
            entry.wrong("dir");
            return None;
        }
    };
    let medium = entry.word("channel", medium);
    // Something that was only queued is no contact.
    let contact = way != Way::Beside && medium.is_some() && entry.text("event") != Some("queued");
    if way != Way::Beside && medium.is_none() && entry.get("event").is_none() {
        entry.wrong("channel");
    }
    let person = entry.text("person").map_or(people.debtor, |p| file.key('p', p));
    let by = entry
        .text("collector")
        .or(entry.text("sender").filter(|s| *s != "creditor"));
    let ended = ended(entry, medium);
    let mut deeds = Set::EMPTY;
    deeds.note(Deed::Inbound, contact && way == Way::In);
    deeds.note(Deed::Outbound, contact && way == Way::Out);
    deeds.note(Deed::Conversation, ended == Ended::Conversation);
    deeds.note(
        Deed::Failed,
        matches!(ended, Ended::Undeliverable | Ended::Returned),
    );
    Some(Event {
        at,
        way: if contact { way } else { Way::Beside },
        medium: medium.filter(|_| contact),
        person,
        debts: file.debt_bits(&entry.texts("debts")),
        collector: by.map_or(file.example_collector, |c| file.key('c', c)),
        creditor: 0,
        point: file.key('a', entry.text("to").unwrap_or("")),
        place: place(entry.text("to"), company),
        ended,
        aim: aim(entry).with_class(),
        deeds,
        left_out: Set::EMPTY,
    })
}

fn ended(entry: Object<'_>, medium: Option<Medium>) -> Ended {
    let spoken = matches!(medium, Some(Medium::Voice | Medium::Visit));
    let silent = if spoken {
        Ended::Unlogged
    } else {
        Ended::HandedOver
    };
    let word = entry.word("outcome", |w| match w {
        "voicemail_mailbox_full" => Some(Ended::MailboxFull),
        w if w.starts_with("voicemail") => Some(Ended::Voicemail),
        "no_answer" | "no_answer_no_message" => Some(Ended::NoAnswer),
        "sent" | "handed_over" | "read" | "opened" => Some(Ended::HandedOver),
        "failed" | "bounced" => Some(Ended::Undeliverable),
        "unlogged" | "voicemail" => None,
        w => w.parse().ok(),
    });
    match (word, entry.get("delivered").and_then(|d| d.as_bool())) {
        (Some(ended), _) => ended,
        (None, Some(false)) if !spoken => Ended::Undeliverable,
        (None, _) => silent,
    }
}

/// What an event or attempt is left out of counts for, as an answer or as part of a conversation in writing.
fn left_out(before: &[(Event, Object<'_>)], e: &Event, replies: bool, f: &Facts) -> Set<Exclusion> {
    let mut out = Set::EMPTY;
    if e.way != Way::Out {
        return out;
    }
    let same_day = |at: Moment| f.zones.iter().all(|z| at.date_in(z.zone) == e.at.date_in(z.zone));
    let with_them = |b: &&(Event, Object<'_>)| b.0.person == e.person && b.0.medium.is_some();
    let asked = before
        .iter()
        .rev()
        .filter(with_them)
        .find(|(b, _)| b.way == Way::In);
    if replies && let Some((asked, _)) = asked {
        out.note(Exclusion::Reply, true);
        out.note(Exclusion::ReplySameDay, same_day(asked.at));
    }
    let here = before
        .iter()
        .rev()
        .filter(with_them)
        .find(|(b, _)| b.medium == e.medium);
    let written = e.medium != Some(Medium::Voice) && e.medium != Some(Medium::Letter);
    let thread = here.is_some_and(|(last, _)| last.way == Way::In && same_day(last.at));
    out.note(Exclusion::Thread, written && thread);
    out
}

/// What the attempt answers, as far as the timeline bears it out.
fn this_attempt(attempt: Object<'_>, read: &[(Event, Object<'_>)], f: &mut Facts) {
    let answered_medium = attempt.word("in_reply_to", |w| medium(w.strip_prefix("inbound_").unwrap_or(w)));
    let theirs =
        |e: &&(Event, Object<'_>)| e.0.way == Way::In && e.0.person == f.person && e.0.medium.is_some();
    let asked = answered_medium.and_then(|m| {
        read.iter()
            .rev()
            .filter(theirs)
            .find(|(e, _)| e.medium == Some(m))
    });
    let like = Event {
        at: f.at,
        way: Way::Out,
        medium: Some(f.medium),
        person: f.person,
        debts: f.all_debts(),
        collector: f.collector,
        creditor: 0,
        point: f.point,
        place: f.place,
        ended: Ended::HandedOver,
        aim: f.aim,
        deeds: Set::EMPTY,
        left_out: Set::EMPTY,
    };
    f.left_out = left_out(read, &like, false, f);
    let requested = |(e, entry): &(Event, Object<'_>)| {
        let kind = entry
            .get("signal")
            .and_then(|s| s.get("type"))
            .and_then(|t| t.as_str());
        e.person == f.person && matches!(kind, Some("contact_request" | "prior_consent"))
    };
    let asked_for = attempt.yes("relies_on_request") && read.iter().any(requested);
    f.left_out
        .note(Exclusion::Requested, asked_for || asked.is_some());
    let Some((inbound, entry)) = asked else { return };
    f.reply_to = Some(inbound.at);
    let since =
        |(e, _): &&(Event, Object<'_>)| e.way == Way::Out && e.person == f.person && e.at > inbound.at;
    let mut agreed = inbound.medium.map_or(Set::EMPTY, |m| Set::of(&[m]));
    let named = entry
        .get("signal")
        .and_then(|s| s.get("medium"))
        .and_then(|m| m.as_str());
    if let Some(more) = named.and_then(super::file::media)
        && requested(&(*inbound, *entry))
    {
        agreed = agreed.and(more);
    }
    f.inbound = Some(Inbound {
        at: inbound.at,
        media: agreed,
        answered: read.iter().any(|e| since(&e)),
    });
}
