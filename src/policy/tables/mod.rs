//! The tables of `policy.toml`: the fields of each kind of rule as people write them, and the reading of a whole file.
//!
//! How a table becomes a [`Body`] stands in `timed` for what has a clock or a count, and in `conduct` for the rest. The
//! reading of single values is `read`, that of conditions `when`. Called by `Pack::parse`.

mod conduct;
mod timed;

use serde::Deserialize;

use conduct::*;
use timed::*;

pub(crate) use timed::week;

use super::calendar::Scope;
use super::error::PolicyError;
use super::fold::fold;
use super::marks::{Deed, Mark, NamedDay};
use super::read::{Context, Media, RawApplies, Slots, Word, Words, plain, table};
use super::rules::*;
use super::schema::{Field, described};
use super::sets::Set;
use super::vocab::*;
use super::when::{RawConditions, set};
use crate::domain::{SuppressionReason, TouchKind};

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
        holidays: Option<Word<Scope>>,
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
    #[serde(default)]
    records: Words<RecordClass>,
    #[serde(default)]
    at_most: bool,
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
            records: plain(t.records),
            at_most: t.at_most,
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
