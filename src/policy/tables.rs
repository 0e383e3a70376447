//! The tables of `policy.toml`, one for each kind of rule, and how each becomes a [`Body`].

use serde::Deserialize;

use super::error::PolicyError;
use super::fold::fold;
use super::marks::{Deed, Mark, NamedDay};
use super::read::{Context, Media, RawApplies, Slots, Word, Words, plain, table};
use super::rules::*;
use super::schema::{Field, described};
use super::sets::Set;
use super::vocab::*;
use super::when::{RawConditions, set};
use crate::domain::{ContactUse, Role, SuppressionReason, TouchKind};

/// A table of rules: the fields of [`table!`], the conditions, and its own.
macro_rules! rules {
    ($name:ident { $($(#[$m:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        table!($name {
            #[serde(default)]
            when: RawConditions,
            #[serde(default)]
            unless: Vec<RawConditions>,
            $($(#[$m])* $field: $ty),*
        });

        impl $name {
            /// The rule without its body, its conditions read.
            fn start(&mut self, cx: &Context<'_>, channels: Set<Medium>) -> Result<Rule, PolicyError> {
                let mut rule = self.frame(cx, channels)?;
                let byte = self.byte();
                let wrong = |e| cx.wrong(byte, "another condition", e);
                rule.when = std::mem::take(&mut self.when).read().map_err(wrong)?;
                for each in std::mem::take(&mut self.unless) {
                    rule.unless.push(each.read().map_err(wrong)?);
                }
                Ok(rule)
            }
        }
    };
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTitle {
    zh: String,
    en: String,
}

described! {
    /// An instrument that the rules of a pack cite.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct RawSource {
        name: toml::Spanned<String>,
        issuer: String,
        #[serde(default)]
        date: String,
        note: Option<String>,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    pack: toml::Spanned<String>,
    title: RawTitle,
    #[serde(default)]
    sources: Vec<RawSource>,
    #[serde(default)]
    fallback: Words<Kind>,
    #[serde(default)]
    applies: RawApplies,
    #[serde(default)]
    hours: Vec<RawHours>,
    #[serde(default)]
    close_margin: Vec<RawMargin>,
    #[serde(default)]
    caps: Vec<RawCap>,
    #[serde(default)]
    waits: Vec<RawWait>,
    #[serde(default)]
    patterns: Vec<RawPattern>,
    #[serde(default)]
    recipients: Vec<RawRecipients>,
    #[serde(default)]
    channels: Vec<RawConduct>,
    #[serde(default)]
    elements: Vec<RawElement>,
    #[serde(default)]
    messages: Vec<RawConduct>,
    #[serde(default)]
    statuses: Vec<RawStatus>,
    #[serde(default)]
    senders: Vec<RawSender>,
    #[serde(default)]
    retention: Vec<RawRetention>,
    #[serde(default)]
    content: Vec<RawContent>,
    #[serde(default)]
    payments: Vec<RawNote>,
    #[serde(default)]
    duties: Vec<RawNote>,
    #[serde(default)]
    warnings: Vec<RawWarning>,
    #[serde(default)]
    gaps: Vec<RawNote>,
}

described! {
    #[derive(Deserialize, Default)]
    #[serde(deny_unknown_fields)]
    pub(crate) struct RawWindows {
        all: Option<Word<Slots>>,
        mon_fri: Option<Word<Slots>>,
        mon_sat: Option<Word<Slots>>,
        mon: Option<Word<Slots>>,
        tue: Option<Word<Slots>>,
        wed: Option<Word<Slots>>,
        thu: Option<Word<Slots>>,
        fri: Option<Word<Slots>>,
        sat: Option<Word<Slots>>,
        sun: Option<Word<Slots>>,
        holiday: Option<Word<Slots>>,
    }
}

rules!(RawHours {
    windows: Option<RawWindows>,
    from_file: Option<Word<FactWindow>>,
    #[serde(default)]
    close_inclusive: bool,
    answer_minutes: Option<u32>,
    area_code_channels: Option<Media>,
});
rules!(RawMargin { minutes: u16 });
rules!(RawCap {
    key: OneOrMore<CapOn>,
    counts: Option<Word<Counts>>,
    #[serde(default)]
    outcomes: Words<Ended>,
    #[serde(default)]
    not_counted: Words<Ended>,
    #[serde(default)]
    kinds: Words<TouchKind>,
    counted_channels: Option<Media>,
    #[serde(default)]
    inbound: bool,
    #[serde(default)]
    to: Words<Place>,
    #[serde(default)]
    collection_only: bool,
    #[serde(default)]
    exclude_purposes: Words<Aim>,
    #[serde(default)]
    exclude: Words<Exclusion>,
    consent_local_days: Option<u32>,
    after: Option<Word<Since>>,
    local_days: Option<u32>,
    local_months: Option<u32>,
    hours: Option<u32>,
    minutes: Option<u32>,
    max: u32,
});
rules!(RawWait { after: Words<Deed>, local_days: u32 });
rules!(RawPattern {
    per_day: u32,
    days: u32
});
rules!(RawRecipients {
    #[serde(default)]
    allowed: Words<RoleWord>,
    #[serde(default)]
    refused_uses: Words<Place>,
    #[serde(default)]
    beside: Words<Kind>,
    verdict: Word<Outcome>,
    until: Option<Word<NamedDay>>,
});
rules!(RawConduct {
    #[serde(default)]
    beside: Words<Kind>,
    verdict: Word<Outcome>,
    until: Option<Word<NamedDay>>,
});
rules!(RawElement {
    element: Option<Word<Element>>,
    #[serde(default)]
    says: std::collections::BTreeMap<String, Vec<String>>,
    contact: Word<Contact>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    waived: bool,
    verdict: Word<Outcome>,
});
rules!(RawStatus {
    #[serde(default)]
    suppression: Words<SuppressionReason>,
    #[serde(default)]
    account: Words<AccountTrigger>,
    #[serde(default)]
    person: Words<PersonTrigger>,
    #[serde(default)]
    beside: Words<Kind>,
    verdict: Word<Outcome>,
    until: Option<Word<NamedDay>>,
});
rules!(RawSender {
    #[serde(default)]
    refused: bool,
    #[serde(default)]
    requires: Words<Credential>,
    #[serde(default)]
    beside: Words<Kind>,
    verdict: Word<Outcome>,
});
rules!(RawRetention {
    #[serde(default)]
    years: u32,
    #[serde(default)]
    months: u32,
});
rules!(RawContent { category: Word<Category> });
rules!(RawNote {});
rules!(RawWarning {
    key: Option<OneOrMore<CapOn>>,
    counts: Option<Word<Counts>>,
    local_days: Option<u32>,
    hours: Option<u32>,
    minutes: Option<u32>,
    max: Option<u32>,
});

/// One word, or a list of words.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    More(Vec<String>),
}

/// A key of a cap: `"person"` or `["collector", "person", "debt"]`.
struct OneOrMore<T>(Vec<T>);

impl<'de, T: std::str::FromStr<Err = crate::domain::UnknownWord>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let words = match Written::deserialize(d)? {
            Written::One(word) => vec![word],
            Written::More(words) => words,
        };
        let read = |word: &String| {
            word.parse().map_err(|e: crate::domain::UnknownWord| {
                serde::de::Error::custom(e.to_string().replacen("; expected ", ", expected ", 1))
            })
        };
        Ok(OneOrMore(words.iter().map(read).collect::<Result<_, _>>()?))
    }
}

/// Every table of rules and the fields that are its own.
pub(crate) const TABLES: &[(&str, &[Field])] = &[
    ("hours", RawHours::OWN),
    ("close_margin", RawMargin::OWN),
    ("caps", RawCap::OWN),
    ("waits", RawWait::OWN),
    ("patterns", RawPattern::OWN),
    ("recipients", RawRecipients::OWN),
    ("channels", RawConduct::OWN),
    ("elements", RawElement::OWN),
    ("messages", RawConduct::OWN),
    ("statuses", RawStatus::OWN),
    ("senders", RawSender::OWN),
    ("retention", RawRetention::OWN),
    ("content", RawContent::OWN),
    ("payments", RawNote::OWN),
    ("duties", RawNote::OWN),
    ("warnings", RawWarning::OWN),
    ("gaps", RawNote::OWN),
];

/// What `policy.toml` says.
pub(crate) struct Policy {
    pub(crate) title_zh: String,
    pub(crate) title_en: String,
    pub(crate) fallback: Vec<Kind>,
    pub(crate) applies: Applies,
    pub(crate) sources: Vec<Source>,
    pub(crate) rules: Vec<Rule>,
}

/// Reads `policy.toml` of the pack named in `cx`.
pub(crate) fn read(cx: &Context<'_>) -> Result<Policy, PolicyError> {
    let mut raw: RawPolicy =
        toml::from_str(cx.text).map_err(|e| PolicyError::of_toml(cx.file, cx.text, &e))?;
    let byte = raw.pack.span().start;
    if raw.pack.get_ref().as_str() != &*cx.pack {
        return Err(cx.wrong(
            byte,
            format!("`{}`", raw.pack.get_ref()),
            format!("the name of the folder, `{}`", cx.pack),
        ));
    }
    let applies = std::mem::take(&mut raw.applies)
        .read()
        .map_err(|e| cx.wrong(byte, "something else in `applies`", e))?;
    Ok(Policy {
        applies,
        fallback: plain(std::mem::take(&mut raw.fallback)),
        title_zh: std::mem::take(&mut raw.title.zh),
        title_en: std::mem::take(&mut raw.title.en),
        sources: sources(std::mem::take(&mut raw.sources), cx)?,
        rules: all(raw, cx)?,
    })
}

fn sources(list: Vec<RawSource>, cx: &Context<'_>) -> Result<Vec<Source>, PolicyError> {
    let mut out: Vec<Source> = Vec::with_capacity(list.len());
    for raw in list {
        let byte = raw.name.span().start;
        let name = raw.name.into_inner();
        if name.trim().is_empty() || raw.issuer.trim().is_empty() {
            return Err(cx.wrong(
                byte,
                "an empty `name` or `issuer`",
                "the instrument and who made it",
            ));
        }
        if out.iter().any(|s| s.name == name) {
            return Err(cx.wrong(byte, format!("`{name}` a second time"), "each source once"));
        }
        out.push(Source {
            name,
            issuer: raw.issuer,
            date: raw.date,
            note: raw.note,
        });
    }
    Ok(out)
}

fn all(raw: RawPolicy, cx: &Context<'_>) -> Result<Vec<Rule>, PolicyError> {
    let mut rules = Vec::new();
    macro_rules! each {
        ($list:expr, $channels:expr, $body:expr) => {
            for mut table in $list {
                let mut rule = table.start(cx, $channels)?;
                let body = $body;
                rule.body = body(table, &mut rule)?;
                rules.push(rule);
            }
        };
    }
    let any = Set::all();
    each!(raw.hours, Medium::timed(), |t: RawHours, _: &mut Rule| hours(
        t, cx
    ));
    each!(raw.close_margin, Medium::timed(), |t: RawMargin, _: &mut Rule| {
        margin(t, cx)
    });
    each!(raw.caps, any, |t: RawCap, r: &mut Rule| cap(t, r, cx));
    each!(raw.waits, any, |t: RawWait, _: &mut Rule| wait(t, cx));
    each!(raw.patterns, any, |t: RawPattern, _: &mut Rule| pattern(t, cx));
    each!(raw.recipients, any, |t: RawRecipients, r: &mut Rule| recipients(
        t, r, cx
    ));
    each!(raw.channels, any, |t: RawConduct, _: &mut Rule| {
        conduct((Kind::Channels, &t.beside), &t.verdict, &t.until, t.byte(), cx)
    });
    each!(raw.elements, any, |t: RawElement, _: &mut Rule| element(t, cx));
    each!(raw.messages, any, |t: RawConduct, _: &mut Rule| {
        conduct((Kind::Messages, &t.beside), &t.verdict, &t.until, t.byte(), cx)
    });
    each!(raw.statuses, any, |t: RawStatus, r: &mut Rule| status(t, r, cx));
    each!(raw.senders, any, |t: RawSender, r: &mut Rule| sender(t, r, cx));
    each!(raw.retention, any, |t: RawRetention, _: &mut Rule| {
        if t.years == 0 && t.months == 0 {
            return Err(cx.wrong(t.byte(), "no time", "`years` or `months`"));
        }
        Ok(Body::Retention {
            years: t.years,
            months: t.months,
        })
    });
    each!(raw.content, any, |t: RawContent, _: &mut Rule| {
        let id = format!("content.{}", t.category.0);
        if *t.id.get_ref() != id {
            return Err(cx.wrong(t.byte(), format!("`{}`", t.id.get_ref()), format!("`{id}`")));
        }
        Ok(Body::Content {
            category: t.category.0,
        })
    });
    each!(raw.warnings, any, |t: RawWarning, r: &mut Rule| warning(t, r, cx));
    for (list, kind) in [
        (raw.payments, Kind::Payments),
        (raw.duties, Kind::Duties),
        (raw.gaps, Kind::Gaps),
    ] {
        each!(list, any, |_: RawNote, _: &mut Rule| Ok::<_, PolicyError>(
            Body::Note(kind)
        ));
    }
    Ok(rules)
}

fn hours(t: RawHours, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    if t.windows.is_some() == t.from_file.is_some() {
        return Err(cx.wrong(byte, "both or neither", "one of `windows` and `from_file`"));
    }
    Ok(Body::Hours(Hours {
        week: t.windows.map(|w| week(w, byte, cx)).transpose()?,
        from: t.from_file.map(|w| w.0),
        inclusive: t.close_inclusive,
        answer_minutes: t.answer_minutes,
        area_code: t.area_code_channels.map_or(Set::EMPTY, |m| m.0),
    }))
}

pub(crate) fn week(w: RawWindows, byte: usize, cx: &Context<'_>) -> Result<Week, PolicyError> {
    let all = w.all.map(|s| s.0.0);
    let mon_sat = w.mon_sat.map(|s| s.0.0);
    let mon_fri = w.mon_fri.map(|s| s.0.0);
    let mut days: [Vec<Slot>; 7] = Default::default();
    let own = [w.mon, w.tue, w.wed, w.thu, w.fri, w.sat, w.sun];
    for (i, own) in own.into_iter().enumerate() {
        let five = mon_fri.clone().filter(|_| i < 5);
        let six = mon_sat.clone().filter(|_| i < 6);
        let slots = own.map(|s| s.0.0).or(five).or(six).or_else(|| all.clone());
        days[i] = slots.ok_or_else(|| {
            cx.wrong(
                byte,
                "a weekday without hours",
                "`all`, `mon_fri`, `mon_sat` or every day, `closed` where it is",
            )
        })?;
    }
    Ok(Week {
        days,
        holiday: w.holiday.map(|s| s.0.0),
    })
}

fn margin(t: RawMargin, cx: &Context<'_>) -> Result<Body, PolicyError> {
    if t.minutes > 120 {
        return Err(cx.wrong(t.byte(), t.minutes.to_string(), "at most 120 minutes"));
    }
    Ok(Body::CloseMargin { minutes: t.minutes })
}

fn span(
    (days, months, hours, minutes): (Option<u32>, Option<u32>, Option<u32>, Option<u32>),
    byte: usize,
    cx: &Context<'_>,
) -> Result<CapWindow, PolicyError> {
    match (days, months, hours, minutes) {
        (Some(days @ 1..=60), None, None, None) => Ok(CapWindow::LocalDays(days)),
        (None, Some(1), None, None) => Ok(CapWindow::LocalMonth),
        (None, None, Some(hours @ 1..=1440), None) => {
            Ok(CapWindow::Rolling(chrono::TimeDelta::hours(hours.into())))
        }
        (None, None, None, Some(minutes @ 1..=86400)) => {
            Ok(CapWindow::Rolling(chrono::TimeDelta::minutes(minutes.into())))
        }
        _ => Err(cx.wrong(
            byte,
            "another window",
            "exactly one of `local_days` (1-60), `local_months` (1), `hours` (1-1440), `minutes` (1-86400); history reaches 62 days",
        )),
    }
}

/// The outcomes that the kinds of touch of the first format stand for.
fn touched(kinds: Vec<TouchKind>) -> Set<Ended> {
    kinds.into_iter().fold(Set::EMPTY, |set, kind| {
        set.and(match kind {
            TouchKind::Message => Set::of(&[Ended::HandedOver, Ended::Undeliverable, Ended::Returned]),
            TouchKind::CallUnanswered => Counts::Unanswered.outcomes().without(Ended::Unlogged),
            TouchKind::CallAnswered => Set::of(&[Ended::NoDiscussion, Ended::HungUp, Ended::Dropped]),
            TouchKind::Conversation => Set::of(&[Ended::Conversation]),
        })
    })
}

fn cap(t: RawCap, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    let window = span((t.local_days, t.local_months, t.hours, t.minutes), byte, cx)?;
    let given = [t.counts.is_some(), !t.outcomes.is_empty(), !t.kinds.is_empty()];
    if given.iter().filter(|g| **g).count() > 1 {
        return Err(cx.wrong(byte, "several of them", "one of `counts`, `outcomes`, `kinds`"));
    }
    let mut outcomes = match (&t.counts, t.outcomes.is_empty()) {
        (Some(counts), _) => counts.0.outcomes(),
        (None, false) => set(t.outcomes).with(Ended::Unlogged),
        (None, true) if t.kinds.is_empty() => Set::all(),
        (None, true) => touched(plain(t.kinds)),
    };
    for word in plain(t.not_counted) {
        outcomes = outcomes.without(word);
    }
    if t.collection_only {
        rule.purposes = Set::of(&[Aim::Collection]);
    }
    let exclude = set(t.exclude);
    let by_consent = exclude.has(Exclusion::Consent) || exclude.has(Exclusion::ConsentNow);
    if by_consent != t.consent_local_days.is_some() {
        return Err(cx.wrong(
            byte,
            "one without the other",
            "`exclude = [\"consent\"]` (or `consent_for_this_call`) together with `consent_local_days`",
        ));
    }
    Ok(Body::Cap(Cap {
        key: Set::of(&t.key.0),
        counted: t.counted_channels.map_or(rule.channels, |m| m.0),
        outcomes,
        inbound: t.inbound,
        to: set(t.to),
        purposes_not: set(t.exclude_purposes),
        exclude,
        consent_days: t.consent_local_days.unwrap_or(0),
        since: t.after.map(|w| w.0),
        window,
        max: t.max,
    }))
}

fn wait(t: RawWait, cx: &Context<'_>) -> Result<Body, PolicyError> {
    if t.after.is_empty() || t.local_days == 0 {
        return Err(cx.wrong(t.byte(), "no notice or no days", "`after` and `local_days`"));
    }
    Ok(Body::Wait {
        after: set(t.after),
        days: t.local_days,
    })
}

fn pattern(t: RawPattern, cx: &Context<'_>) -> Result<Body, PolicyError> {
    if t.per_day == 0 || t.days < 2 || t.days > 30 {
        return Err(cx.wrong(
            t.byte(),
            "another pattern",
            "`per_day` from 1 and `days` from 2 to 30",
        ));
    }
    Ok(Body::Pattern(Harassment {
        per_day: t.per_day,
        days: t.days,
    }))
}

fn conduct(
    (kind, beside): (Kind, &Words<Kind>),
    verdict: &Word<Outcome>,
    until: &Option<Word<NamedDay>>,
    byte: usize,
    cx: &Context<'_>,
) -> Result<Body, PolicyError> {
    if (verdict.0 == Outcome::Held) != until.is_some() {
        return Err(cx.wrong(
            byte,
            "one without the other",
            "`verdict = \"held\"` together with `until`",
        ));
    }
    Ok(Body::Conduct {
        kind,
        beside: beside.iter().fold(Set::EMPTY, |set, w| set.with(w.0)),
        outcome: verdict.0,
        until: until.as_ref().map(|w| w.0),
    })
}

fn recipients(t: RawRecipients, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    if !t.allowed.is_empty() && !t.refused_uses.is_empty() {
        return Err(cx.wrong(byte, "both", "at most one of `allowed` and `refused_uses`"));
    }
    if !t.allowed.is_empty() {
        let role = t.allowed.iter().fold(Set::EMPTY, |set, w| set.with(w.0));
        rule.unless.push(Conditions {
            role,
            ..Conditions::default()
        });
    }
    if !t.refused_uses.is_empty() {
        rule.when.place = t.refused_uses.iter().fold(Set::EMPTY, |set, w| set.with(w.0));
    }
    conduct((Kind::Recipients, &t.beside), &t.verdict, &t.until, byte, cx)
}

fn element(t: RawElement, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    let folded = |w: &String| fold(w).text().to_owned();
    let (contact, outcome) = (t.contact.0, t.verdict.0);
    match t.element {
        None if !t.says.is_empty() && t.words.is_empty() => {
            if t.says.values().any(Vec::is_empty) {
                return Err(cx.wrong(
                    byte,
                    "a name without wordings",
                    "at least one wording for each name in `says`",
                ));
            }
            let says = t
                .says
                .iter()
                .map(|(name, w)| (name.clone(), w.iter().map(folded).collect()));
            Ok(Body::Says {
                says: says.collect(),
                waived: t.waived,
                contact,
                outcome,
            })
        }
        Some(Word(element)) if t.says.is_empty() && (element == Element::OptOut) != t.words.is_empty() => {
            Ok(Body::Element {
                element,
                contact,
                words: t.words.iter().map(folded).collect(),
                outcome,
            })
        }
        Some(_) if t.says.is_empty() => Err(cx.wrong(
            byte,
            "`words` that do not fit",
            "`words` with `opt_out`, none with other elements",
        )),
        _ => Err(cx.wrong(byte, "both or neither", "one of `element` and `says`")),
    }
}

fn status(t: RawStatus, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    let mut any = rule.when.any;
    for reason in t.suppression.iter().map(|w| w.0) {
        any = any.and(marks_of(reason));
    }
    for state in t.account.iter().map(|w| w.0) {
        any = any.with(match state {
            AccountTrigger::Settled => Mark::Settled,
            AccountTrigger::Closed => Mark::Closed,
            AccountTrigger::Disputed => Mark::Disputed,
        });
    }
    for fact in t.person.iter().map(|w| w.0) {
        any = any.with(match fact {
            PersonTrigger::Deceased => Mark::RecipientDeceased,
            PersonTrigger::Minor => Mark::RecipientMinor,
        });
    }
    rule.when.any = any;
    if any.is_empty() && rule.when.all.is_empty() && rule.when.happened.is_empty() {
        return Err(cx.wrong(
            byte,
            "nothing that stops",
            "one of `suppression`, `account`, `person`, `when`",
        ));
    }
    conduct((Kind::Statuses, &t.beside), &t.verdict, &t.until, byte, cx)
}

/// The marks that a standing suppression sets.
pub(crate) fn marks_of(reason: SuppressionReason) -> Set<Mark> {
    use SuppressionReason::*;
    match reason {
        OptOut => Set::of(&[Mark::StoppedMedium, Mark::StoppedAddress, Mark::ConsentWithdrawn]),
        // What stands in the store is on record, so it counts as written.
        CeaseCommunication => Set::of(&[Mark::Cease, Mark::CeaseWritten]),
        Counsel => Set::of(&[Mark::Counsel, Mark::CounselWritten]),
        Insolvency => Set::of(&[Mark::Insolvency]),
        Death => Set::of(&[Mark::RecipientDeceased]),
        Minor => Set::of(&[Mark::RecipientMinor]),
        WrongParty => Set::of(&[Mark::WrongParty]),
        Unreachable => Set::of(&[Mark::AddressBad]),
        PoliceOrder => Set::of(&[Mark::PoliceOrder]),
        BreathingSpace => Set::of(&[Mark::BreathingSpace]),
        Hardship => Set::of(&[Mark::Hardship]),
        Complaint => Set::of(&[Mark::Complaint]),
    }
}

fn sender(t: RawSender, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    if t.refused && !t.requires.is_empty() {
        return Err(cx.wrong(byte, "both", "either `refused = true` or `requires`"));
    }
    if !t.requires.is_empty() {
        let all = t.requires.iter().map(|c| match c.0 {
            Credential::Licence => Mark::Licence,
            Credential::Mandate => Mark::Mandate,
        });
        let all = all.fold(Set::EMPTY, Set::with);
        rule.unless.push(Conditions {
            all,
            ..Conditions::default()
        });
    } else if !t.refused && rule.unless.is_empty() {
        return Err(cx.wrong(byte, "neither", "`refused = true`, `requires` or `unless`"));
    }
    conduct((Kind::Senders, &t.beside), &t.verdict, &None, byte, cx)
}

fn warning(t: RawWarning, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    let (Some(key), Some(max)) = (t.key, t.max) else {
        return Ok(Body::Warning(None));
    };
    let window = span((t.local_days, None, t.hours, t.minutes), byte, cx)?;
    Ok(Body::Warning(Some(Cap {
        key: Set::of(&key.0),
        counted: rule.channels,
        outcomes: t.counts.map_or_else(Set::all, |c| c.0.outcomes()),
        inbound: false,
        to: Set::EMPTY,
        purposes_not: Set::EMPTY,
        exclude: Set::EMPTY,
        consent_days: 0,
        since: None,
        window,
        max,
    })))
}

/// What the domain calls a use of a contact point, as a place.
pub(crate) fn place_of(usage: ContactUse) -> Place {
    match usage {
        ContactUse::Own => Place::Own,
        ContactUse::Home => Place::Home,
        ContactUse::Shared => Place::Shared,
        ContactUse::Workplace => Place::Workplace,
        ContactUse::Office => Place::Office,
    }
}

/// What the domain calls a role, as rules know it; with the relation, where the role says it.
pub(crate) fn role_of(role: Role) -> (RoleWord, Option<Relation>) {
    match role {
        Role::Debtor => (RoleWord::Debtor, None),
        Role::Guarantor => (RoleWord::Guarantor, None),
        Role::Executor => (RoleWord::Executor, None),
        Role::Guardian => (RoleWord::Guardian, None),
        Role::Counsel => (RoleWord::Counsel, None),
        Role::ContactReference => (RoleWord::ContactPerson, None),
        Role::Employer => (RoleWord::ThirdParty, Some(Relation::Employer)),
        Role::Spouse => (RoleWord::ThirdParty, Some(Relation::Spouse)),
    }
}
