//! What the timeline and the file show to have happened: notices, enquiries, failed attempts, courts and authorities.

use chrono::{NaiveDate, TimeZone};

use super::Line;
use super::words::{BROKEN, KEPT, NOT_RECEIVED, OVER, in_writing, plain};
use crate::cli::policy_eval::file::medium;
use crate::cli::policy_eval::people::place;
use crate::cli::policy_eval::reading::{Object, Until};
use crate::cli::policy_eval::timeline::EVENT;
use crate::domain::Moment;
use crate::policy::{Deed, Ended, Event, Facts, Mark, Medium, NamedDay, Place, RoleWord, Set, Way};

/// What the creditor's notice about an e-mail address has to say.
const TRANSFER_NOTICE: &[&str] = &[
    "debt_transferred",
    "address_and_use",
    "others_may_see",
    "opt_out_method",
    "opt_out_deadline",
];

/// One entry of the timeline that is not after the attempt.
#[derive(Clone, Copy)]
pub(super) struct Entry<'v> {
    pub(super) at: Moment,
    pub(super) entry: Object<'v>,
    pub(super) content: Object<'v>,
    pub(super) medium: Option<Medium>,
    pub(super) person: u32,
    /// Debts of the attempt that it is about.
    pub(super) debts: u64,
}

impl<'v> Entry<'v> {
    pub(super) fn out(&self) -> bool {
        self.entry.text("dir") == Some("out") && self.entry.text("event") != Some("queued")
    }

    pub(super) fn inward(&self) -> bool {
        self.entry.text("dir") == Some("in")
    }

    fn outcome(&self) -> &'v str {
        self.entry.text("outcome").unwrap_or("")
    }

    fn failed(&self) -> bool {
        matches!(
            self.outcome(),
            "undeliverable" | "returned_undeliverable" | "failed" | "bounced" | "number_invalid"
        ) || self.entry.get("delivered").and_then(|d| d.as_bool()) == Some(false)
    }

    /// What kind of thing was sent.
    fn kind(&self) -> String {
        self.content.text("type").map(plain).unwrap_or_default()
    }
}

/// The entries up to the attempt, oldest first.
pub(super) fn entries<'v>(line: Line<'_, 'v>) -> Vec<Entry<'v>> {
    let odd = line.given.odd();
    let mut all: Vec<Entry<'v>> = Vec::new();
    for value in line.given.list("timeline") {
        let entry = Object::of(Some(value), "timeline", EVENT, odd);
        let Some(at) = entry.instant("at").filter(|at| *at <= line.file.at) else {
            continue;
        };
        // What else a past message said does not bear on this one.
        let content = entry.get("content").filter(|c| c.is_object());
        let fields = content.and_then(|c| c.as_object());
        let fields: Vec<&str> = fields.map_or(Vec::new(), |m| m.keys().map(String::as_str).collect());
        let person = entry.text("person");
        all.push(Entry {
            at,
            entry,
            content: Object::of(content, "timeline.content", &fields, odd),
            medium: entry.word("channel", medium),
            person: person.map_or(line.people.debtor, |p| line.file.key('p', p)),
            debts: line.file.debt_bits(&entry.texts("debts")),
        });
    }
    all.sort_by_key(|e| e.at);
    all
}

/// Reads deeds, days and states.
pub(super) fn read(line: Line<'_, '_>, f: &mut Facts) {
    let all = entries(line);
    deeds(line, &all, f);
    first_notice(&all, f);
    addresses(line, &all, f);
    states(line, &all, f);
}

/// What happened beside the contacts that count, and the days that the file names.
pub(super) fn deeds(line: Line<'_, '_>, all: &[Entry<'_>], f: &mut Facts) {
    let mut deeds: Vec<Event> = Vec::new();
    let debts = f.all_debts();
    for e in all.iter().filter(|e| e.debts & debts != 0) {
        let set = deeds_of(line, e, f);
        if !set.is_empty() {
            deeds.push(event(e.at, e.person, e.debts, set));
        }
        days_of(e, f);
    }
    if let Some((at, set)) = number_check(line, f) {
        deeds.push(event(at, f.person, debts, set));
    }
    f.events.extend(deeds);
}

/// Something that is on record beside the contacts that count.
pub(super) fn event(at: Moment, person: u32, debts: u64, deeds: Set<Deed>) -> Event {
    Event {
        at,
        way: Way::Beside,
        medium: None,
        person,
        debts,
        collector: 0,
        creditor: 0,
        point: 0,
        place: Place::Own,
        ended: Ended::HandedOver,
        aim: Set::EMPTY,
        deeds,
        left_out: Set::EMPTY,
    }
}

fn deeds_of(line: Line<'_, '_>, e: &Entry<'_>, f: &Facts) -> Set<Deed> {
    let mut d = Set::EMPTY;
    let company = f.debtor == crate::domain::PersonKind::Legal;
    let debtor = e.person == line.people.debtor;
    let at = place(e.entry.text("to"), company);
    let own = debtor && matches!(at, Place::Own | Place::Home);
    let answered = e.outcome().starts_with("answered");
    d.note(
        Deed::OwnNumberReached,
        debtor && (e.inward() || (e.out() && answered)),
    );
    let here = e.medium == Some(f.medium) && e.person == f.person && same_point(line, e);
    d.note(Deed::InboundHere, e.inward() && here);
    if !e.out() {
        // A letter of the creditor may be told as something that happened elsewhere.
        let elsewhere = matches!(e.entry.text("dir"), Some("external" | "internal"));
        return if elsewhere && !e.failed() && !e.kind().is_empty() {
            d.and(notice(e))
        } else {
            d
        };
    }
    let call = e.medium == Some(Medium::Voice);
    let missed = call && !answered && !e.outcome().is_empty();
    d.note(Deed::OwnNumberFailed, own && (missed || e.failed()));
    d.note(Deed::OwnNumberInvalid, own && e.outcome() == "number_invalid");
    let asked = e.entry.text("purpose") == Some("location_information");
    d.note(Deed::LocationEnquiry, asked && !missed && !e.failed());
    let confirmed = e.entry.text("purpose") == Some("opt_out_confirmation");
    d.note(Deed::OptOutConfirmation, confirmed && !e.failed());
    if e.failed() {
        return d;
    }
    let told = answered || (!call && e.medium != Some(Medium::Visit));
    d.note(
        Deed::FirstCommunication,
        told || e.entry.yes("first_communication"),
    );
    d.note(Deed::FirstLetter, e.medium == Some(Medium::Letter));
    d.and(notice(e))
}

/// The notice that something sent was, where it was whole.
fn notice(e: &Entry<'_>) -> Set<Deed> {
    let mut d = Set::EMPTY;
    let kind = e.kind();
    let written = in_writing(e.medium);
    let whole = e.content.texts("missing").is_empty();
    let discloses = e.content.texts("discloses");
    let all_said = discloses.is_empty() || TRANSFER_NOTICE.iter().all(|t| discloses.contains(t));
    let transfer = kind.contains("transfer") && kind != "email transfer notice";
    let transfer = transfer || (kind.is_empty() && e.medium == Some(Medium::Letter));
    for (deed, fits) in [
        (Deed::InitialNotice, kind == "initial notice" && whole),
        (Deed::NoticeOfPayment, kind == "notice of payment"),
        (Deed::ValidationNotice, kind == "validation notice" && whole),
        (Deed::Verification, kind == "verification"),
        (
            Deed::EmailTransferNotice,
            kind == "email transfer notice" && whole && all_said,
        ),
        (Deed::FourteenDayLetter, kind == "fourteen day letter" && whole),
        (Deed::MedicalNotice, kind == "nv medical notice"),
        (Deed::AgencyNotice, kind == "agency notice" && written && whole),
        (Deed::RestructureAnswer, kind == "restructure answer"),
        (Deed::TransferLetter, transfer && written && whole),
    ] {
        d.note(deed, fits);
    }
    d
}

/// Whether an entry went to the address of the attempt; an address that nobody names may be the same.
pub(super) fn same_point(line: Line<'_, '_>, e: &Entry<'_>) -> bool {
    match (line.attempt.text("to"), e.entry.text("to")) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => true,
    }
}

fn days_of(e: &Entry<'_>, f: &mut Facts) {
    let date = |field: &str| match e.content.instant_or_date(field) {
        Some(Until::EndOf(day)) => Some(day),
        Some(Until::At(at)) => f.zones.first().map(|z| at.date_in(z.zone)),
        None => None,
    };
    let days = [
        (NamedDay::OptOutDeadline, date("opt_out_deadline")),
        (NamedDay::ValidationEnds, date("validation_period_ends")),
        (NamedDay::FourteenDayTerm, fourteen_days(e, f)),
    ];
    for (day, found) in days {
        f.days[day as usize] = found.or(f.days[day as usize]);
    }
}

/// The last of the fourteen days that begin on the day after receipt.
fn fourteen_days(e: &Entry<'_>, f: &Facts) -> Option<NaiveDate> {
    if e.kind() != "fourteen day letter" || e.failed() {
        return None;
    }
    let zone = f.zones.first()?.zone;
    let text = e.entry.get("delivered").and_then(|d| d.as_str());
    let received = text.and_then(|t| match Moment::parse(t) {
        Ok(at) => Some(at.date_in(zone)),
        Err(_) => t.parse().ok(),
    });
    let received = received.unwrap_or_else(|| e.at.date_in(zone));
    received.checked_add_days(chrono::Days::new(14))
}

/// The check that a number has not been reassigned.
fn number_check(line: Line<'_, '_>, f: &mut Facts) -> Option<(Moment, Set<Deed>)> {
    let facts = line.file.facts;
    let check = Object::of(
        facts.get("reassigned_number_check"),
        "reassigned_number_check",
        &["at", "result", "note"],
        facts.odd(),
    );
    let result = plain(check.text("result")?);
    let clear = result.starts_with("no") || result.contains("not reassigned") || result == "clear";
    if !clear {
        let taken = result.contains("reassigned") || result == "yes";
        if !taken {
            check.wrong("result");
        }
        f.marks.note(Mark::AddressBad, taken);
        return None;
    }
    let at = match check.instant_or_date("at")? {
        Until::At(at) => at,
        Until::EndOf(day) => noon(day, f)?,
    };
    (at <= f.at).then_some((at, Set::of(&[Deed::NumberChecked])))
}

/// Noon of a local date.
pub(super) fn noon(day: NaiveDate, f: &Facts) -> Option<Moment> {
    let zone = f.zones.first()?.zone;
    let local = zone.from_local_datetime(&day.and_hms_opt(12, 0, 0)?).latest()?;
    Some(Moment::new(local.to_utc()))
}

/// Whether the first notice was lost and has not gone out again since.
fn first_notice(all: &[Entry<'_>], f: &mut Facts) {
    let mut lost = false;
    for e in all.iter().filter(|e| e.debts & f.all_debts() != 0) {
        let notice = e.kind() == "initial notice";
        let words = e
            .entry
            .get("signal")
            .and_then(|s| s.get("words"))
            .and_then(|w| w.as_str());
        let words = words.or_else(|| e.entry.get("content").and_then(|c| c.as_str()));
        let words = words.or(e.entry.text("consumer_words")).unwrap_or("");
        if notice && e.out() {
            lost = e.failed();
        } else if (notice && e.failed()) || (e.inward() && NOT_RECEIVED.is_match(&plain(words))) {
            lost = true;
        }
    }
    f.marks.note(Mark::NoticeLost, lost);
}

/// Addresses that are bad, homes that were tried.
fn addresses(line: Line<'_, '_>, all: &[Entry<'_>], f: &mut Facts) {
    let company = f.debtor == crate::domain::PersonKind::Legal;
    let here =
        |e: &&Entry<'_>| e.out() && e.person == f.person && e.medium == Some(f.medium) && same_point(line, e);
    let last = all.iter().rev().find(here);
    f.marks.note(Mark::AddressBad, last.is_some_and(|e| e.failed()));
    let home = |e: &&Entry<'_>| {
        let answered = e.outcome() == "answered_conversation";
        let at_home = place(e.entry.text("to"), company) == Place::Home;
        e.out() && e.person == line.people.debtor && at_home && !e.outcome().is_empty() && !answered
    };
    f.marks.note(Mark::TriedHome, all.iter().any(|e| home(&e)));
}

/// Courts, authorities, arrangements.
fn states(line: Line<'_, '_>, all: &[Entry<'_>], f: &mut Facts) {
    let debts = f.all_debts();
    for e in all.iter().filter(|e| e.debts & debts != 0) {
        let Some(event) = e.entry.text("event") else {
            continue;
        };
        let state = plain(e.entry.text("state").unwrap_or(""));
        let event = plain(event);
        let binds = stayed(line, e);
        let ended = OVER.is_match(&event) || OVER.is_match(&state) || over(e, f);
        let marks = &mut f.marks;
        let mut set = |mark: Mark, holds: bool| {
            *marks = marks.without(mark);
            marks.note(mark, holds);
        };
        if event.contains("discharge") {
            set(Mark::Discharged, true);
            set(Mark::Insolvency, false);
        } else if event.contains("bankrupt") || event.contains("insolven") || event.contains("liquidation") {
            set(Mark::Insolvency, !ended && binds);
        } else if event.contains("breathing space") || event.contains("moratorium") {
            set(Mark::BreathingSpace, !ended);
        } else if event.contains("payment arrangement") {
            let kept = state.is_empty() || KEPT.is_match(&state);
            let broken = BROKEN.is_match(&state);
            if !kept && !broken {
                e.entry.wrong("state");
            }
            set(Mark::ArrangementKept, kept && !broken && !ended);
        } else if event.contains("transfer") {
            set(Mark::Transferred, true);
        } else if event.contains("police") || event.contains("no contact order") {
            set(Mark::PoliceOrder, !ended);
        } else if event.contains("suit") || event.contains("litigation") {
            set(Mark::Litigation, !ended);
        } else if event != "queued" {
            e.entry.wrong("event");
        }
    }
}

/// Whether something with an end has ended before the day of the attempt.
fn over(e: &Entry<'_>, f: &Facts) -> bool {
    match e.entry.instant_or_date("until") {
        Some(Until::At(at)) => at <= f.at,
        Some(Until::EndOf(day)) => f.zones.iter().all(|z| f.at.date_in(z.zone) > day),
        None => false,
    }
}

/// Whether a proceeding of the debtor stays contact with this recipient too. Those who answer beside the debtor are
/// protected only by chapter 13.
fn stayed(line: Line<'_, '_>, e: &Entry<'_>) -> bool {
    let people = line.people;
    if people.recipient == e.person {
        return true;
    }
    let chapter = e.entry.get("chapter").map(|c| c.to_string());
    let beside = matches!(people.role, RoleWord::Guarantor | RoleWord::CoMaker);
    !beside || chapter.is_some_and(|c| c.trim_matches('"') == "13")
}
