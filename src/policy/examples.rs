//! `[[example]]` in `cases.toml`: facts in shorthand, for the rules of the one pack alone. They need no sender, no names
//! and no words, and can state any mark, deed or event that a rule may ask for.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use serde::Deserialize;

use super::assertions::Assertion;
use super::cases::VerdictWord;
use super::error::{PolicyError, place_of};
use super::facts::*;
use super::marks::{Deed, Mark, NamedDay};
use super::read::{Context, Media, Word, Words, to_date};
use super::sets::Set;
use super::tables::{RawWindows, week};
use super::vocab::*;
use super::when::set;
use crate::domain::{Moment, PersonKind};

/// One example: facts, and what the pack alone says about them.
#[derive(Debug)]
pub struct Example {
    /// What it shows.
    pub name: String,
    /// The file it stands in, where that is not `cases.toml`.
    pub file: Option<String>,
    /// Line in its file.
    pub line: usize,
    /// The facts.
    pub facts: Facts,
    /// The expected verdict.
    pub verdict: VerdictWord,
    /// The first instant at which it would be cleared, where the example names it.
    pub until: Option<Moment>,
    /// Ids of the rules that are not kept; no other may be there.
    pub rules: Vec<String>,
    /// Ids of the warnings that are shown; those and no others, where the example names any.
    pub shows: Vec<String>,
}

/// One example as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawExample {
    name: toml::Spanned<String>,
    verdict: Word<VerdictWord>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    shows: Vec<String>,
    until: Option<String>,
    at: String,
    zones: Option<Vec<String>>,
    country: Option<String>,
    region: Option<String>,
    city: Option<String>,
    postal_code: Option<String>,
    channel: Option<Media>,
    purpose: Option<Word<Aim>>,
    sender: Option<Words<SenderWord>>,
    debtor: Option<Word<PersonKind>>,
    debt: Option<Word<DebtKind>>,
    claim: Option<Words<Claim>>,
    days_overdue: Option<i64>,
    balance: Option<i64>,
    role: Option<Word<RoleWord>>,
    relation: Option<Word<Relation>>,
    place: Option<Word<Place>>,
    debts: Option<u32>,
    #[serde(default)]
    marks: Words<Mark>,
    #[serde(default)]
    says: Words<Assertion>,
    #[serde(default)]
    history: Vec<String>,
    #[serde(default)]
    holidays: Vec<toml::value::Datetime>,
    named_times: Option<RawWindows>,
    #[serde(default)]
    consents: Vec<RawAllowed>,
    #[serde(default)]
    windows: BTreeMap<String, RawWindows>,
    #[serde(default)]
    days: BTreeMap<String, toml::value::Datetime>,
    reply_to: Option<String>,
    inbound: Option<String>,
    #[serde(default)]
    left_out: Words<Exclusion>,
    #[serde(default)]
    missing: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAllowed {
    given: String,
    until: Option<String>,
    channels: Option<Media>,
    slots: Option<RawWindows>,
    #[serde(default)]
    once: bool,
    lifts: Vec<String>,
}

/// Reads one example.
pub(crate) fn read(raw: RawExample, cx: &Context<'_>) -> Result<Example, PolicyError> {
    let byte = raw.name.span().start;
    let wrong = |e: String| cx.wrong(byte, e, "facts that make an example (see policies/README.md)");
    let zones = zones(&raw.zones).map_err(wrong)?;
    let clock = Clock { zones: &zones };
    let at = clock.local(&raw.at).map_err(wrong)?;
    let until = raw
        .until
        .as_ref()
        .map(|u| clock.local(u))
        .transpose()
        .map_err(wrong)?;
    let mut events = Vec::new();
    for text in &raw.history {
        events.push(clock.event(text).map_err(wrong)?);
    }
    events.sort_by_key(|e: &Event| e.at);
    let mut facts = Facts {
        events,
        holidays: Some(dates(&raw.holidays).map_err(wrong)?),
        ..blank(at, &zones)
    };
    if let Some(named) = raw.named_times {
        facts.personal.push(Personal {
            open: week(named, byte, cx)?,
            until: None,
        });
    }
    for (name, w) in raw.windows {
        let which: FactWindow = name
            .parse()
            .map_err(|e: crate::domain::UnknownWord| wrong(e.to_string()))?;
        facts.windows[which as usize] = Some(week(w, byte, cx)?);
    }
    for (name, day) in &raw.days {
        let which: NamedDay = name
            .parse()
            .map_err(|e: crate::domain::UnknownWord| wrong(e.to_string()))?;
        facts.days[which as usize] = dates(std::slice::from_ref(day)).map_err(wrong)?.pop();
    }
    for a in raw.consents {
        facts.allowed.push(Allowed {
            from: clock.local(&a.given).map_err(wrong)?,
            until: a
                .until
                .as_ref()
                .map(|u| clock.local(u))
                .transpose()
                .map_err(wrong)?,
            media: a.channels.map_or_else(Set::all, |m| m.0),
            slots: a.slots.map(|s| week(s, byte, cx)).transpose()?,
            once: a.once,
            hours: a.lifts.iter().any(|l| l == "hours"),
            counts: a.lifts.iter().any(|l| l == "counts"),
            collector: 0,
        });
    }
    facts.reply_to = raw
        .reply_to
        .as_ref()
        .map(|t| clock.local(t))
        .transpose()
        .map_err(wrong)?;
    if let Some(text) = &raw.inbound {
        let event = clock.event(text).map_err(wrong)?;
        facts.inbound = Some(Inbound {
            at: event.at,
            media: event.medium.map_or(Set::EMPTY, |m| Set::of(&[m])),
            answered: false,
        });
    }
    facts.medium = raw
        .channel
        .and_then(|m| m.0.words().next())
        .unwrap_or(Medium::Sms);
    facts.aim = raw.purpose.map_or(Aim::Collection, |p| p.0).with_class();
    facts.sender = raw.sender.map_or(Set::of(&[SenderWord::Agency]), set);
    facts.debtor = raw.debtor.map_or(PersonKind::Natural, |w| w.0);
    facts.debt = raw.debt.map_or(DebtKind::Consumer, |w| w.0);
    facts.claim = raw.claim.map_or(Set::EMPTY, set);
    facts.days_overdue = raw.days_overdue;
    facts.balance = raw.balance;
    (facts.debtor_country, facts.recipient_country) = (raw.country.clone(), raw.country);
    (facts.debtor_region, facts.recipient_region) = (raw.region.clone(), raw.region);
    (facts.debtor_city, facts.debtor_postal) = (raw.city, raw.postal_code);
    facts.role = raw.role.map_or(RoleWord::Debtor, |w| w.0);
    facts.relation = raw.relation.map(|w| w.0);
    facts.place = raw.place.map_or(Place::Own, |w| w.0);
    facts.debts = raw.debts.unwrap_or(1).clamp(1, 63);
    facts.marks = set(raw.marks);
    facts.says = set(raw.says);
    facts.left_out = set(raw.left_out);
    facts.missing = raw.missing;
    Ok(Example {
        file: place_of(cx.text, byte).0.map(str::to_owned),
        line: place_of(cx.text, byte).1,
        name: raw.name.into_inner(),
        verdict: raw.verdict.0,
        rules: raw.rules,
        shows: raw.shows,
        facts,
        until,
    })
}

/// Facts of which nothing is known but the moment and the zones.
pub fn blank(at: Moment, zones: &[Tz]) -> Facts {
    let candidate = |zone: &Tz| Candidate {
        zone: *zone,
        area_code: false,
    };
    Facts {
        at,
        medium: Medium::Sms,
        aim: Aim::Collection.with_class(),
        sender: Set::EMPTY,
        debtor: PersonKind::Natural,
        debt: DebtKind::Consumer,
        claim: Set::EMPTY,
        balance: None,
        days_overdue: None,
        debtor_country: None,
        debtor_region: None,
        debtor_city: None,
        debtor_postal: None,
        recipient_country: None,
        recipient_region: None,
        role: RoleWord::Debtor,
        relation: None,
        place: Place::Own,
        marks: Set::EMPTY,
        says: Set::EMPTY,
        person: 1,
        household: [1, 1],
        collector: 1,
        creditor: 1,
        point: 1,
        debts: 1,
        zones: zones.iter().map(candidate).collect(),
        events: Vec::new(),
        allowed: Vec::new(),
        personal: Vec::new(),
        away_until: None,
        reply_to: None,
        left_out: Set::EMPTY,
        inbound: None,
        windows: [None, None, None],
        days: [None; 3],
        holidays: None,
        missing: Vec::new(),
    }
}

fn zones(names: &Option<Vec<String>>) -> Result<Vec<Tz>, String> {
    let names = names.clone().unwrap_or_else(|| vec!["UTC".to_owned()]);
    let zone = |z: &String| z.parse().map_err(|_| format!("`{z}` as a time zone"));
    names.iter().map(zone).collect()
}

fn dates(list: &[toml::value::Datetime]) -> Result<Vec<NaiveDate>, String> {
    let date = |d: &toml::value::Datetime| to_date(d).ok_or_else(|| format!("`{d}` as a date"));
    list.iter().map(date).collect()
}

struct Clock<'a> {
    zones: &'a [Tz],
}

impl Clock<'_> {
    /// `2026-04-07 15:30` or `15:30:00`, in the first zone.
    fn local(&self, text: &str) -> Result<Moment, String> {
        let zone = self.zones.first().copied().unwrap_or(Tz::UTC);
        let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
        let local = formats
            .iter()
            .find_map(|f| NaiveDateTime::parse_from_str(text, f).ok())
            .ok_or_else(|| format!("`{text}` as a local time"))?;
        let at = zone.from_local_datetime(&local).earliest();
        let at = at.ok_or_else(|| format!("`{text}`, which that day skips"))?;
        Ok(Moment::new(at.to_utc()))
    }

    /// `voice 2026-04-06 09:00 no_answer to=workplace`, `in sms 2026-04-06 10:02`, `file 2026-04-01 09:00 deed=..`.
    fn event(&self, text: &str) -> Result<Event, String> {
        let odd = || format!("`{text}` as an event such as `voice 2026-04-06 09:00 no_answer`");
        let mut words = text.split_whitespace().peekable();
        let way = match words.peek() {
            Some(&"in") => Way::In,
            Some(&"file") => Way::Beside,
            _ => Way::Out,
        };
        if way != Way::Out {
            words.next();
        }
        let medium = match way {
            Way::Beside => None,
            _ => Some(medium(words.next().ok_or_else(odd)?)?),
        };
        let (date, time) = (words.next().ok_or_else(odd)?, words.next().ok_or_else(odd)?);
        let message = !matches!(medium, Some(Medium::Voice | Medium::Visit));
        let mut e = Event {
            at: self.local(&format!("{date} {time}"))?,
            way,
            medium,
            person: 1,
            debts: 1,
            collector: 1,
            creditor: 1,
            point: 1,
            place: Place::Own,
            ended: if message {
                Ended::HandedOver
            } else {
                Ended::Unlogged
            },
            aim: Aim::Collection.with_class(),
            deeds: Set::EMPTY,
            left_out: Set::EMPTY,
        };
        for word in words {
            detail(&mut e, word).map_err(|wrong| format!("{wrong} in `{text}`"))?;
        }
        e.deeds.note(Deed::Inbound, way == Way::In);
        e.deeds.note(Deed::Outbound, way == Way::Out);
        e.deeds.note(Deed::Conversation, e.ended == Ended::Conversation);
        let failed = matches!(e.ended, Ended::Undeliverable | Ended::Returned);
        e.deeds.note(Deed::Failed, failed);
        Ok(e)
    }
}

fn medium(word: &str) -> Result<Medium, String> {
    word.parse()
        .map_err(|e: crate::domain::UnknownWord| e.to_string())
}

/// One word after the time: an outcome, or `key=value`.
fn detail(e: &mut Event, word: &str) -> Result<(), String> {
    fn read<T: std::str::FromStr<Err = crate::domain::UnknownWord>>(text: &str) -> Result<T, String> {
        text.parse()
            .map_err(|e: crate::domain::UnknownWord| e.to_string())
    }
    match word.split_once('=') {
        None => e.ended = read(word)?,
        Some(("to", place)) => e.place = read(place)?,
        Some(("point", n)) => e.point = n.parse().map_err(|_| format!("`{n}` as a number"))?,
        Some(("person", who)) => e.person = if who == "recipient" { 1 } else { 2 },
        Some(("by", who)) => e.collector = if who == "us" { 1 } else { 2 },
        Some(("debt", n)) => {
            let n: u32 = n.parse().map_err(|_| format!("`{n}` as a number"))?;
            e.debts = if n == 0 || n > 63 { 0 } else { 1 << (n - 1) };
        }
        Some(("purpose", aim)) => e.aim = read::<Aim>(aim)?.with_class(),
        Some(("deed", deed)) => e.deeds = e.deeds.with(read(deed)?),
        Some(("left_out", how)) => e.left_out = e.left_out.with(read(how)?),
        Some((key, _)) => {
            return Err(format!(
                "`{key}`, expected an outcome or one of `to`, `point`, `person`, `by`, `debt`, `purpose`, `deed`, `left_out`"
            ));
        }
    }
    Ok(())
}
