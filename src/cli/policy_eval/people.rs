//! Who is contacted, what they are to the debt, and where they could be.

use chrono_tz::Tz;

use super::file::File;
use super::line::Situation;
use super::reading::{Object, Odd};
use crate::domain::PersonKind;
use crate::policy::{Aim, Candidate, DebtKind, Facts, Key, Mark, Place, Relation, RoleWord, Set};

const CONSUMER: &[&str] = &[
    "id",
    "role",
    "time_zones",
    "location_known",
    "known_location_tz",
    "known_since",
    "known_how",
    "country",
    "province",
    "state",
    "city",
    "private_person",
    "debt_purpose",
    "minor",
    "deceased",
    "incapacitated",
    "note",
    "name",
    "birth_date",
];

const PERSON: &[&str] = &[
    "id",
    "role",
    "relation",
    "tz",
    "shares_debt",
    "note",
    "name",
    "minor",
    "deceased",
];

const ZONE: &[&str] = &["tz", "basis", "note"];

/// The people of a line.
pub(super) struct People<'v> {
    pub(super) consumer: Object<'v>,
    /// The recipient's entry, where it is not the consumer.
    pub(super) other: Option<Object<'v>>,
    pub(super) recipient: Key,
    pub(super) debtor: Key,
    pub(super) role: RoleWord,
    pub(super) relation: Option<Relation>,
    spouse: Option<Key>,
    pub(super) zones: Vec<Candidate>,
}

impl<'v> People<'v> {
    pub(super) fn read(given: Object<'v>, attempt: Object<'v>, file: &File<'v>) -> Option<People<'v>> {
        let odd = given.odd();
        let consumer = Object::of(given.get("consumer"), "consumer", CONSUMER, odd);
        let all = given.list("people");
        let all: Vec<Object<'_>> = all
            .into_iter()
            .map(|p| Object::of(Some(p), "people", PERSON, odd))
            .collect();
        let debtor_id = consumer.text("id").unwrap_or("C1");
        if attempt.get("person").is_none() {
            attempt.wrong("person");
        }
        let wanted = attempt.text("person").unwrap_or(debtor_id);
        let other = all.iter().find(|p| p.text("id") == Some(wanted)).copied();
        if other.is_none() && wanted != debtor_id {
            attempt.wrong("person");
        }
        let (role, relation) = match other {
            None => (RoleWord::Debtor, None),
            Some(p) => (role(p), Some(relation(p.text("relation").unwrap_or("")))),
        };
        let married = |p: &&Object<'_>| relation_of(**p) == Relation::Spouse;
        let spouse = all.iter().find(married).and_then(|p| p.text("id"));
        let zones = match other.and_then(|p| p.word("tz", zone)) {
            Some(zone) => vec![Candidate {
                zone,
                area_code: false,
            }],
            None => consumer_zones(consumer, file, odd),
        };
        Some(People {
            consumer,
            other,
            recipient: file.key('p', wanted),
            debtor: file.key('p', debtor_id),
            role,
            relation,
            spouse: spouse.map(|id| file.key('p', id)),
            zones,
        })
    }

    pub(super) fn tzs(&self) -> Vec<Tz> {
        self.zones.iter().map(|c| c.zone).collect()
    }
}

/// A zone of the database, aliases too. The mainland has one zone, whatever a geocoder calls its west.
fn zone(name: &str) -> Option<Tz> {
    match name.parse().ok()? {
        Tz::Asia__Urumqi | Tz::Asia__Kashgar => Some(Tz::Asia__Shanghai),
        zone => Some(zone),
    }
}

/// Where the consumer could be: the place that is known, else every candidate.
fn consumer_zones(consumer: Object<'_>, file: &File<'_>, odd: &Odd) -> Vec<Candidate> {
    let known = consumer.flag("location_known") == Some(true)
        && consumer
            .instant("known_since")
            .is_none_or(|since| since <= file.at);
    if let Some(zone) = consumer.word("known_location_tz", zone)
        && (known || (!consumer.has("location_known") && consumer.instant("known_since").is_none()))
    {
        return vec![Candidate {
            zone,
            area_code: false,
        }];
    }
    let mainland = consumer.text("country") == Some("CN");
    let mut zones: Vec<Candidate> = Vec::new();
    for entry in consumer.list("time_zones") {
        let entry = Object::of(Some(entry), "time_zones", ZONE, odd);
        let Some(zone) = entry.word("tz", zone) else {
            entry.wrong("tz");
            continue;
        };
        let basis = entry.text("basis").unwrap_or("").to_ascii_lowercase();
        let zone = if mainland && basis.contains("geocod") {
            Tz::Asia__Shanghai
        } else {
            zone
        };
        let area_code = basis.contains("area_code") || basis.contains("phone_prefix");
        if !zones.iter().any(|z| z.zone == zone && z.area_code == area_code) {
            zones.push(Candidate { zone, area_code });
        }
    }
    zones
}

fn role(p: Object<'_>) -> RoleWord {
    let word = p.word("role", |w| match w {
        "consumer_attorney" | "attorney" | "lawyer" => Some(RoleWord::Counsel),
        "consumer" => Some(RoleWord::Debtor),
        "parent" | "spouse" | "relative" => Some(RoleWord::ThirdParty),
        "administrator" | "personal_representative" => Some(RoleWord::Executor),
        "referee" => Some(RoleWord::ThirdParty),
        word => word.parse().ok(),
    });
    match word {
        Some(RoleWord::ThirdParty | RoleWord::ContactPerson) if p.yes("shares_debt") => RoleWord::SharesDebt,
        Some(role) => role,
        None => {
            p.wrong("role");
            RoleWord::ThirdParty
        }
    }
}

fn relation_of(p: Object<'_>) -> Relation {
    relation(p.text("relation").or(p.text("role")).unwrap_or(""))
}

/// The relation that words describe, such as `adult child` or `mother-in-law`.
fn relation(words: &str) -> Relation {
    let words = words.to_ascii_lowercase();
    let has = |list: &[&str]| {
        words
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|w| list.contains(&w))
    };
    if words.contains("in-law") || words.contains("in law") {
        Relation::Relative
    } else if words.contains("former") || words.contains("ex-") {
        Relation::Other
    } else if has(&["spouse", "wife", "husband", "partner"]) {
        Relation::Spouse
    } else if has(&["employer", "boss", "supervisor", "manager"]) {
        Relation::Employer
    } else if has(&["parent", "parents", "father", "mother"]) && !words.contains("grand") {
        Relation::Parent
    } else if has(&["child", "son", "daughter", "children"]) && !words.contains("grand") {
        Relation::Child
    } else if has(&["sibling", "brother", "sister"]) {
        Relation::Sibling
    } else if has(&["colleague", "coworker", "co", "workmate"]) {
        Relation::Colleague
    } else if has(&["friend"]) {
        Relation::Friend
    } else if has(&["neighbour", "neighbor"]) {
        Relation::Neighbour
    } else if has(&["referee", "reference"]) {
        Relation::Referee
    } else if has(&["relative", "family", "uncle", "aunt", "cousin", "nephew", "niece"])
        || words.contains("grand")
    {
        Relation::Relative
    } else {
        Relation::Other
    }
}

/// The facts as far as people, the file and the attempt give them.
pub(super) fn facts(people: &People<'_>, file: &File<'_>, attempt: Object<'_>) -> Situation {
    let consumer = people.consumer;
    let company = consumer.flag("private_person") == Some(false);
    let business = company || consumer.text("debt_purpose") == Some("business");
    let text = |field: &str| consumer.text(field).map(str::to_owned);
    let region = text("state").or(text("province")).filter(|r| r.len() <= 3);
    let mut marks = Set::EMPTY;
    marks.note(Mark::WorkingHoursKnown, file.windows[2].is_some());
    marks.note(Mark::NoOtherWay, file.facts.yes("no_other_way_to_reach"));
    let facts = Facts {
        at: file.at,
        medium: file.medium,
        aim: aim(attempt).with_class(),
        sender: file.sender,
        debtor: if company {
            PersonKind::Legal
        } else {
            PersonKind::Natural
        },
        debt: if business {
            DebtKind::Business
        } else {
            DebtKind::Consumer
        },
        claim: file.claim,
        balance: file.facts.number("balance_gbp"),
        days_overdue: file.days_overdue,
        debtor_country: text("country"),
        debtor_region: region.clone(),
        debtor_city: text("city"),
        debtor_postal: None,
        recipient_country: text("country"),
        recipient_region: region,
        role: people.role,
        relation: people.relation,
        place: place(attempt.text("to"), company),
        marks,
        says: Set::EMPTY,
        person: people.recipient,
        household: [people.debtor, people.spouse.unwrap_or(people.debtor)],
        collector: file.collector,
        creditor: 0,
        point: file.key('a', attempt.text("to").unwrap_or("")),
        debts: file.debts(),
        zones: people.zones.clone(),
        events: Vec::new(),
        allowed: Vec::new(),
        personal: Vec::new(),
        away_until: None,
        reply_to: None,
        left_out: Set::EMPTY,
        inbound: None,
        windows: file.windows.clone(),
        days: [None; 3],
        holidays: file.holidays.clone(),
        missing: Vec::new(),
    };
    Situation {
        facts,
        doubtful: Vec::new(),
        later: None,
    }
}

/// What a contact is for; without a word it asks for payment.
pub(super) fn aim(contact: Object<'_>) -> Aim {
    let word = contact.word("purpose", |w| match w {
        "legally_required_notice" => Some(Aim::StatutoryNotice),
        "collection_contact" => Some(Aim::Collection),
        word => word.parse().ok(),
    });
    word.unwrap_or(Aim::Collection)
}

/// What an address is, from its label.
pub(super) fn place(label: Option<&str>, company: bool) -> Place {
    let Some(label) = label else { return Place::Own };
    let label = label.to_ascii_lowercase();
    let starts = |list: &[&str]| list.iter().any(|w| label.starts_with(w));
    let has = |list: &[&str]| list.iter().any(|w| label.contains(w));
    if starts(&["work_direct"]) {
        Place::WorkDirect
    } else if starts(&["work", "employer", "office", "business"]) {
        if company { Place::Office } else { Place::Workplace }
    } else if starts(&[
        "home",
        "landline",
        "resid",
        "billing",
        "domicile",
        "registered",
        "contract",
    ]) {
        Place::Home
    } else if has(&[
        "@", "mobile", "personal", "private", "own", "wechat", "whatsapp", "email", "app", "cell",
    ]) || label.starts_with('+')
        || label.chars().next().is_some_and(|c| c.is_ascii_digit())
    {
        Place::Own
    } else if has(&["shared"]) {
        Place::Shared
    } else {
        Place::Elsewhere
    }
}
