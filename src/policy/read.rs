//! From the text of `policy.toml` to rules. Every mistake names file, line, field, what was found and what is expected.

use std::str::FromStr;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};

use super::error::PolicyError;
use super::fold::fold;
use super::rules::*;
use crate::domain::{
    Channel, Channels, ClaimKind, ContactUse, Level, PersonKind, Purpose, Role, SenderKind,
    SuppressionReason, Sureness, TouchKind,
};

/// A fixed word of the domain, read from a string.
pub(crate) struct Word<T>(pub(crate) T);

impl<'de, T: FromStr> Deserialize<'de> for Word<T>
where
    T::Err: std::fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map(Word).map_err(|e: T::Err| {
            // `... ; expected ...` becomes `... , expected ...`, which the error splits in two.
            serde::de::Error::custom(e.to_string().replacen("; expected ", ", expected ", 1))
        })
    }
}

/// A list of words; absent is empty.
pub(crate) type Words<T> = Vec<Word<T>>;

pub(crate) fn plain<T>(words: Words<T>) -> Vec<T> {
    words.into_iter().map(|w| w.0).collect()
}

/// Slots of a day: `08:00-22:00`, several separated by commas, or `closed`.
pub(crate) struct Slots(Vec<Slot>);

impl FromStr for Slots {
    type Err = String;
    fn from_str(text: &str) -> Result<Slots, String> {
        let expected =
            || format!("`{text}`, expected `HH:MM-HH:MM` (several with commas, in order) or `closed`");
        if text.trim() == "closed" {
            return Ok(Slots(Vec::new()));
        }
        let mut slots: Vec<Slot> = Vec::new();
        for part in text.split(',') {
            let (open, close) = part.trim().split_once('-').ok_or_else(expected)?;
            let (open, close) = (
                minutes(open).ok_or_else(expected)?,
                minutes(close).ok_or_else(expected)?,
            );
            if open >= close || slots.last().is_some_and(|last| last.close > open) {
                return Err(expected());
            }
            slots.push(Slot { open, close });
        }
        Ok(Slots(slots))
    }
}

fn minutes(text: &str) -> Option<u16> {
    let (h, m) = text.trim().split_once(':')?;
    let (h, m): (u16, u16) = (h.parse().ok()?, m.parse().ok()?);
    (m < 60 && h * 60 + m <= 1440).then_some(h * 60 + m)
}

/// A local date of TOML as chrono knows it.
pub(crate) fn to_date(d: &toml::value::Datetime) -> Option<NaiveDate> {
    if d.time.is_some() || d.offset.is_some() {
        return None;
    }
    let date = d.date?;
    NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawApplies {
    country: Vec<String>,
    debtor: Words<PersonKind>,
    claim: Words<ClaimKind>,
    sender: Words<SenderKind>,
    bank_creditor: Option<bool>,
    from: Option<toml::value::Datetime>,
    until: Option<toml::value::Datetime>,
}

impl RawApplies {
    pub(crate) fn read(self) -> Result<Applies, &'static str> {
        const DATE: &str = "a local date such as 2026-01-30";
        if self
            .country
            .iter()
            .any(|c| c.len() != 2 || !c.bytes().all(|b| b.is_ascii_uppercase()))
        {
            return Err("countries of two upper-case letters such as `CN`");
        }
        let date = |d: Option<toml::value::Datetime>| d.map(|d| to_date(&d).ok_or(DATE)).transpose();
        Ok(Applies {
            country: self.country,
            debtor: plain(self.debtor),
            claim: plain(self.claim),
            sender: plain(self.sender),
            bank_creditor: self.bank_creditor,
            from: date(self.from)?,
            until: date(self.until)?,
        })
    }
}

/// Declares a table of `policy.toml`: the fields that all rules share, and its own.
macro_rules! table {
    ($name:ident { $($(#[$m:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            id: toml::Spanned<String>,
            level: Word<Level>,
            sureness: Word<Sureness>,
            basis: String,
            why: String,
            zh: String,
            en: String,
            instead: Option<String>,
            #[serde(default)]
            consent: bool,
            #[serde(default)]
            applies: RawApplies,
            channels: Option<Words<Channel>>,
            #[serde(default)]
            purposes: Words<Purpose>,
            $($(#[$m])* $field: $ty),*
        }

        impl $name {
            pub(crate) fn byte(&self) -> usize {
                self.id.span().start
            }

            /// The rule without its body, which comes back as `Retention` of no years.
            fn frame(&mut self, cx: &Context<'_>, channels: Channels) -> Result<Rule, PolicyError> {
                cx.sentences(self.byte(), [self.id.get_ref(), &self.basis, &self.why, &self.zh, &self.en])?;
                let byte = self.byte();
                let applies = std::mem::take(&mut self.applies).read().map_err(|e| cx.wrong(byte, "something else in `applies`", e))?;
                Ok(Rule {
                    head: Head {
                        id: self.id.get_ref().as_str().into(),
                        pack: cx.pack.clone(),
                        version: cx.version.clone(),
                        level: self.level.0,
                        sureness: self.sureness.0,
                        basis: self.basis.clone(),
                        why: self.why.clone(),
                        zh: self.zh.clone(),
                        en: self.en.clone(),
                        instead: self.instead.clone(),
                        consent: self.consent,
                    },
                    applies,
                    channels: self.channels.take().map_or(channels, |c| Channels::of(&plain(c))),
                    purposes: plain(std::mem::take(&mut self.purposes)),
                    body: Body::Retention { years: 0 },
                })
            }
        }
    };
}
pub(crate) use table;

/// What the readers of tables know about the file.
pub(crate) struct Context<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    pub(crate) pack: Arc<str>,
    pub(crate) version: Arc<str>,
}

impl Context<'_> {
    pub(crate) fn wrong(
        &self,
        byte: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> PolicyError {
        PolicyError::at(self.file, self.text, byte, found, expected)
    }

    pub(crate) fn sentences(&self, byte: usize, all: [&str; 5]) -> Result<(), PolicyError> {
        let id_fits = all[0].split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        });
        if !id_fits || !all[0].contains('.') {
            return Err(self.wrong(
                byte,
                format!("`{}`", all[0]),
                "an id from wide to narrow such as `hours.quiet`",
            ));
        }
        for (name, text) in ["id", "basis", "why", "zh", "en"].iter().zip(all) {
            if text.trim().is_empty() {
                return Err(self.wrong(byte, format!("an empty `{name}`"), "a sentence"));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTitle {
    zh: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    pack: toml::Spanned<String>,
    title: RawTitle,
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
    recipients: Vec<RawRecipients>,
    #[serde(default)]
    elements: Vec<RawElement>,
    #[serde(default)]
    statuses: Vec<RawStatus>,
    #[serde(default)]
    senders: Vec<RawSender>,
    #[serde(default)]
    retention: Vec<RawRetention>,
    #[serde(default)]
    content: Vec<RawContent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWindows {
    all: Option<Word<Slots>>,
    mon_fri: Option<Word<Slots>>,
    mon: Option<Word<Slots>>,
    tue: Option<Word<Slots>>,
    wed: Option<Word<Slots>>,
    thu: Option<Word<Slots>>,
    fri: Option<Word<Slots>>,
    sat: Option<Word<Slots>>,
    sun: Option<Word<Slots>>,
    holiday: Option<Word<Slots>>,
}

table!(RawHours { windows: RawWindows });
table!(RawMargin { minutes: u16 });
table!(RawCap {
    key: Word<CapOn>,
    #[serde(default)]
    kinds: Words<TouchKind>,
    collection_only: bool,
    local_days: Option<u32>,
    hours: Option<u32>,
    minutes: Option<u32>,
    max: u32,
});
table!(RawRecipients {
    #[serde(default)]
    allowed: Words<Role>,
    #[serde(default)]
    refused_uses: Words<ContactUse>,
    verdict: Word<Outcome>,
});
table!(RawElement {
    element: Word<Element>,
    contact: Word<Contact>,
    #[serde(default)]
    words: Vec<String>,
    verdict: Word<Outcome>,
});
table!(RawStatus {
    #[serde(default)]
    suppression: Words<SuppressionReason>,
    #[serde(default)]
    account: Words<AccountTrigger>,
    #[serde(default)]
    person: Words<PersonTrigger>,
    verdict: Word<Outcome>,
});
table!(RawSender {
    #[serde(default)]
    refused: bool,
    #[serde(default)]
    requires: Words<Credential>,
    verdict: Word<Outcome>,
});
table!(RawRetention { years: u32 });
table!(RawContent { category: Word<Category> });

/// What `policy.toml` says.
pub(crate) struct Policy {
    pub(crate) title_zh: String,
    pub(crate) title_en: String,
    pub(crate) fallback: Vec<Kind>,
    pub(crate) applies: Applies,
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
        rules: rules(raw, cx)?,
    })
}

fn rules(raw: RawPolicy, cx: &Context<'_>) -> Result<Vec<Rule>, PolicyError> {
    // Letters have no clock: nobody chooses the minute at which one is read.
    let timed = Channels::of(&[Channel::Sms, Channel::Email, Channel::Call]);
    let mut rules = Vec::new();
    macro_rules! each {
        ($list:expr, $channels:expr, $body:expr) => {
            for mut table in $list {
                let rule = table.frame(cx, $channels)?;
                let body = $body;
                rules.push(Rule {
                    body: body(table)?,
                    ..rule
                });
            }
        };
    }
    each!(raw.hours, timed, |t: RawHours| week(t, cx).map(Body::Hours));
    each!(raw.close_margin, timed, |t: RawMargin| {
        if t.minutes > 120 {
            return Err(cx.wrong(t.byte(), t.minutes.to_string(), "at most 120 minutes"));
        }
        Ok(Body::CloseMargin { minutes: t.minutes })
    });
    each!(raw.caps, Channels::ALL, |t: RawCap| cap(t, cx));
    each!(raw.recipients, Channels::ALL, |t: RawRecipients| {
        if t.allowed.is_empty() == t.refused_uses.is_empty() {
            return Err(cx.wrong(t.byte(), "both or neither", "one of `allowed` and `refused_uses`"));
        }
        Ok(Body::Recipients {
            allowed: plain(t.allowed),
            refused_uses: plain(t.refused_uses),
            outcome: t.verdict.0,
        })
    });
    each!(raw.elements, Channels::ALL, |t: RawElement| {
        if (t.element.0 == Element::OptOut) == t.words.is_empty() {
            return Err(cx.wrong(
                t.byte(),
                "`words` that do not fit",
                "`words` with `opt_out`, none with other elements",
            ));
        }
        Ok(Body::Element {
            element: t.element.0,
            contact: t.contact.0,
            words: t.words.iter().map(|w| fold(w).text().to_owned()).collect(),
            outcome: t.verdict.0,
        })
    });
    each!(raw.statuses, Channels::ALL, |t: RawStatus| {
        if t.suppression.is_empty() && t.account.is_empty() && t.person.is_empty() {
            return Err(cx.wrong(
                t.byte(),
                "nothing that stops",
                "one of `suppression`, `account`, `person`",
            ));
        }
        Ok(Body::Status {
            suppression: plain(t.suppression),
            account: plain(t.account),
            person: plain(t.person),
            outcome: t.verdict.0,
        })
    });
    each!(raw.senders, Channels::ALL, |t: RawSender| {
        if t.refused != t.requires.is_empty() {
            return Err(cx.wrong(
                t.byte(),
                "both or neither",
                "either `refused = true` or `requires`",
            ));
        }
        Ok(Body::Sender {
            refused: t.refused,
            requires: plain(t.requires),
            outcome: t.verdict.0,
        })
    });
    each!(
        raw.retention,
        Channels::ALL,
        |t: RawRetention| Ok::<_, PolicyError>(Body::Retention { years: t.years })
    );
    each!(raw.content, Channels::ALL, |t: RawContent| {
        let id = format!("content.{}", t.category.0);
        if *t.id.get_ref() != id {
            return Err(cx.wrong(t.byte(), format!("`{}`", t.id.get_ref()), format!("`{id}`")));
        }
        Ok(Body::Content {
            category: t.category.0,
        })
    });
    Ok(rules)
}

fn week(t: RawHours, cx: &Context<'_>) -> Result<Week, PolicyError> {
    let byte = t.byte();
    let w = t.windows;
    let all = w.all.map(|s| s.0.0);
    let mon_fri = w.mon_fri.map(|s| s.0.0);
    let mut days: [Vec<Slot>; 7] = Default::default();
    for (i, own) in [w.mon, w.tue, w.wed, w.thu, w.fri, w.sat, w.sun]
        .into_iter()
        .enumerate()
    {
        let inherited = if i < 5 {
            mon_fri.clone().or_else(|| all.clone())
        } else {
            all.clone()
        };
        days[i] = own.map(|s| s.0.0).or(inherited).ok_or_else(|| {
            cx.wrong(
                byte,
                "a weekday without hours",
                "`all`, `mon_fri` or every day, `closed` where it is",
            )
        })?;
    }
    Ok(Week {
        days,
        holiday: w.holiday.map(|s| s.0.0),
    })
}

fn cap(t: RawCap, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let window = match (t.local_days, t.hours, t.minutes) {
        (Some(days @ 1..=60), None, None) => CapWindow::LocalDays(days),
        (None, Some(hours @ 1..=1440), None) => CapWindow::Rolling(chrono::TimeDelta::hours(hours.into())),
        (None, None, Some(minutes @ 1..=86400)) => {
            CapWindow::Rolling(chrono::TimeDelta::minutes(minutes.into()))
        }
        _ => {
            let expected = "exactly one of `local_days` (1-60), `hours` (1-1440), `minutes` (1-86400); history reaches 62 days";
            return Err(cx.wrong(t.byte(), "another window", expected));
        }
    };
    let kinds = if t.kinds.is_empty() {
        TouchKind::ALL.to_vec()
    } else {
        plain(t.kinds)
    };
    Ok(Body::Cap {
        key: t.key.0,
        kinds,
        collection_only: t.collection_only,
        window,
        max: t.max,
    })
}
