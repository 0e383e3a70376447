//! What the person made known about times and places: hours that suit or do not, consents, where they are.

use super::file::{File, media, until_in};
use super::line::Situation;
use super::people::People;
use super::reading::Object;
use super::timeline::EVENT;
use crate::domain::Moment;
use crate::policy::{Allowed, Candidate, Key, Medium, Personal, Set};

/// Fields of a signal.
pub(super) const SIGNAL: &[&str] = &[
    "type",
    "days",
    "from",
    "to",
    "place",
    "until",
    "tz",
    "medium",
    "debts",
    "scope",
    "given_directly_to",
    "written",
    "oral",
    "address",
    "words",
    "attorney",
    "contact_known",
    "reason",
    "grounds",
    "postmarked",
    "person",
    "within_validation_period",
    "note",
    "by",
    "registered_letter",
    "adviser",
    "until_date",
    "since",
];

const TYPES: &[&str] = &[
    "inconvenient_time",
    "contact_request",
    "inconvenient_place",
    "location_statement",
    "prior_consent",
    "consent_withdrawn",
    "third_party_consent",
    "stop_medium",
    "stop_address",
    "stop_place",
    "cease_communication",
    "free_text",
    "dispute",
    "refusal",
    "attorney_representation",
    "restructure_request",
    "wrong_party",
    "asks_about_debt",
];

/// One signal of the recipient.
struct Heard<'v> {
    at: Moment,
    kind: &'v str,
    signal: Object<'v>,
    /// Made known in a contact of ours, by this medium.
    ours: Option<Option<Medium>>,
    collector: Key,
}

/// Reads the signals of the recipient, and the note in the creditor's file.
pub(super) fn read(
    given: Object<'_>,
    attempt: Object<'_>,
    file: &File<'_>,
    people: &People<'_>,
    situation: &mut Situation,
) {
    let odd = given.odd();
    let mut heard: Vec<Heard<'_>> = Vec::new();
    for entry in given.list("timeline") {
        let entry = Object::of(Some(entry), "timeline", EVENT, odd);
        let Some(value) = entry.get("signal") else {
            continue;
        };
        let signal = Object::of(Some(value), "signal", SIGNAL, odd);
        let kind = signal.text("type").filter(|k| TYPES.contains(k));
        let (Some(at), Some(kind)) = (entry.instant("at"), kind) else {
            signal.wrong("type");
            continue;
        };
        let person = entry.text("person").map_or(people.debtor, |p| file.key('p', p));
        if at <= file.at && person == people.recipient {
            let ours = entry.text("dir") == Some("out");
            let to = signal.text("given_directly_to").or(entry.text("collector"));
            heard.push(Heard {
                at,
                kind,
                signal,
                ours: ours.then(|| entry.word("channel", super::file::medium)),
                collector: to.map_or(0, |c| file.key('c', c)),
            });
        }
    }
    heard.sort_by_key(|h| h.at);
    times(file, people, &heard, situation);
    consents(attempt, file, people, &heard, situation);
    whereabouts(file, people, &heard, situation);
}

/// Hours that suit and hours that do not. A later request for certain hours takes the place of an earlier one.
fn times(file: &File<'_>, people: &People<'_>, heard: &[Heard<'_>], situation: &mut Situation) {
    let odd = file.facts.odd();
    let note = Object::of(
        file.facts.get("creditor_file_note"),
        "creditor_file_note",
        SIGNAL,
        odd,
    );
    let of_debtor = people.recipient == people.debtor;
    let filed = note.text("type").filter(|_| of_debtor);
    if note
        .get("type")
        .is_some_and(|t| !TYPES.contains(&t.as_str().unwrap_or("")))
    {
        note.wrong("type");
    }
    let all = filed
        .map(|kind| (kind, note))
        .into_iter()
        .chain(heard.iter().map(|h| (h.kind, h.signal)));
    let mut request: Option<Personal> = None;
    for (kind, signal) in all {
        let until = signal
            .instant_or_date("until")
            .map(|u| until_in(u, &people.tzs()));
        if until.is_some_and(|u| u <= file.at) {
            continue;
        }
        match (kind, signal.slots()) {
            ("inconvenient_time", Some(closed)) => situation.facts.personal.push(Personal {
                open: closed.complement(),
                until,
            }),
            ("contact_request", Some(open)) => request = Some(Personal { open, until }),
            _ => {}
        }
    }
    situation.facts.personal.extend(request);
}

/// Consents that were not taken back; those given in a contact of ours must have been given at a lawful time.
fn consents(
    attempt: Object<'_>,
    file: &File<'_>,
    people: &People<'_>,
    heard: &[Heard<'_>],
    situation: &mut Situation,
) {
    for h in heard.iter().filter(|h| h.kind == "prior_consent") {
        let allowed_media = h.signal.word("medium", media);
        let debts = h.signal.texts("debts");
        let covers = debts.is_empty() || attempt.texts("debts").iter().all(|d| debts.contains(d));
        let withdrawn = heard.iter().any(|w| {
            let of = w.signal.word("medium", media).unwrap_or_else(Set::all);
            w.kind == "consent_withdrawn" && w.at >= h.at && of.has(file.medium)
        });
        if !covers || withdrawn {
            continue;
        }
        let slots = h.signal.slots();
        let call = allowed_media.is_some_and(|m| m == Set::of(&[Medium::Voice]));
        let consent = Allowed {
            from: h.at,
            until: h
                .signal
                .instant_or_date("until")
                .map(|u| until_in(u, &people.tzs())),
            media: allowed_media.unwrap_or_else(Set::all),
            once: call && !h.signal.yes("written"),
            slots,
            hours: true,
            counts: true,
            collector: h.collector,
        };
        match h.ours {
            None => situation.facts.allowed.push(consent),
            Some(medium) => {
                let mut then = situation.facts.clone();
                then.at = h.at;
                then.medium = medium.unwrap_or(file.medium);
                then.inbound = None;
                situation.doubtful.push((h.at, consent, then));
            }
        }
    }
}

/// Where the person said to be: the zone that holds until then, and a place that was called inconvenient.
fn whereabouts(file: &File<'_>, people: &People<'_>, heard: &[Heard<'_>], situation: &mut Situation) {
    let until = |h: &Heard<'_>| {
        h.signal
            .instant_or_date("until")
            .map(|u| until_in(u, &people.tzs()))
    };
    let here = heard
        .iter()
        .rev()
        .find(|h| h.kind == "location_statement" && until(h).is_none_or(|u| file.at < u));
    let zone = here.and_then(|h| h.signal.word("tz", |z| z.parse().ok()));
    if let (Some(h), Some(zone)) = (here, zone)
        && people.consumer.flag("location_known").is_none()
    {
        if let Some(end) = until(h) {
            let later = crate::policy::Facts {
                at: end,
                ..situation.facts.clone()
            };
            situation.later = Some((end, Box::new(later)));
        }
        situation.facts.zones = vec![Candidate {
            zone,
            area_code: false,
        }];
    }
    let knows = file.facts.flag("knows_consumer_is_at_place_now");
    let place = |h: &Heard<'_>| h.signal.text("place").unwrap_or("").to_ascii_lowercase();
    let bad: Vec<String> = heard
        .iter()
        .filter(|h| h.kind == "inconvenient_place")
        .map(place)
        .collect();
    if bad.is_empty() || knows == Some(false) {
        return;
    }
    let there = here.filter(|h| bad.iter().any(|b| same_place(b, &place(h))));
    match (there, knows) {
        (Some(h), _) => match until(h) {
            Some(end) => situation.facts.away_until = Some(end),
            None => file.facts.wrong("knows_consumer_is_at_place_now"),
        },
        // Known to be there, and nobody knows until when.
        (None, Some(true)) => file.facts.wrong("knows_consumer_is_at_place_now"),
        (None, _) => {}
    }
}

/// Whether two descriptions are of one place: one is within the other, or they share a telling word.
fn same_place(a: &str, b: &str) -> bool {
    let telling = |w: &&str| w.len() > 3 && !["where", "when", "with", "the", "person", "their"].contains(w);
    !a.is_empty()
        && !b.is_empty()
        && (a.contains(b)
            || b.contains(a)
            || a.split_whitespace()
                .filter(telling)
                .any(|w| b.split_whitespace().any(|v| v == w)))
}
