//! What all tables of a pack share: words, dates, windows, `applies`, sources and sentences. Every mistake names file,
//! line, field, what was found and what is expected.

use std::str::FromStr;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};

use super::error::PolicyError;
use super::rules::{Applies, Slot};
use super::schema::{Field, described};
use super::sets::Set;
use super::vocab::{Claim, DebtKind, Medium, SenderWord};
use super::when::set;
use crate::domain::PersonKind;

/// A fixed word of the domain, read from a string.
pub(crate) struct Word<T>(pub(crate) T);

impl<'de, T: FromStr> Deserialize<'de> for Word<T>
where
    T::Err: std::fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse()
            .or_else(|e| older_word(&text).parse().map_err(|_| e))
            .map(Word)
            .map_err(|e: T::Err| {
                // `... ; expected ...` becomes `... , expected ...`, which the error splits in two.
                serde::de::Error::custom(e.to_string().replacen("; expected ", ", expected ", 1))
            })
    }
}

/// Words that files of the first format use for what has another name now.
fn older_word(text: &str) -> &str {
    match text {
        "legally_required_notice" => "statutory_notice",
        "contact_reference" => "contact_person",
        other => other,
    }
}

/// A list of words; absent is empty.
pub(crate) type Words<T> = Vec<Word<T>>;

pub(crate) fn plain<T>(words: Words<T>) -> Vec<T> {
    words.into_iter().map(|w| w.0).collect()
}

/// Slots of a day: `08:00-22:00`, several separated by commas, or `closed`.
pub(crate) struct Slots(pub(crate) Vec<Slot>);

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

described! {
    #[derive(Deserialize, Default)]
    #[serde(deny_unknown_fields, default)]
    pub(crate) struct RawApplies {
        country: Vec<String>,
        region: Vec<String>,
        city: Vec<String>,
        postal: Vec<String>,
        debtor: Words<PersonKind>,
        debt: Words<DebtKind>,
        claim: Words<Claim>,
        claim_not: Words<Claim>,
        sender: Words<SenderWord>,
        sender_not: Words<SenderWord>,
        bank_creditor: Option<bool>,
        days_overdue: Option<i64>,
        from: Option<toml::value::Datetime>,
        until: Option<toml::value::Datetime>,
    }
}

impl RawApplies {
    pub(crate) fn read(self) -> Result<Applies, &'static str> {
        const DATE: &str = "a local date such as 2026-01-30";
        let upper = |c: &String, most: usize| {
            (2..=most).contains(&c.len()) && c.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        if !self.country.iter().all(|c| upper(c, 2)) {
            return Err("countries of two upper-case letters such as `CN`");
        }
        if !self.region.iter().all(|c| upper(c, 3)) {
            return Err("regions of two or three upper-case letters such as `MA`");
        }
        let begins = |p: &String| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ');
        if !self.postal.iter().all(begins) {
            return Err("beginnings of postal codes such as `100`");
        }
        let date = |d: Option<toml::value::Datetime>| d.map(|d| to_date(&d).ok_or(DATE)).transpose();
        let (from, until) = (date(self.from)?, date(self.until)?);
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return Err("`from` before `until`");
        }
        Ok(Applies {
            country: self.country,
            region: self.region,
            city: self.city,
            postal: self.postal,
            debtor: plain(self.debtor),
            debt: set(self.debt),
            claim: set(self.claim),
            claim_not: set(self.claim_not),
            sender: set(self.sender),
            sender_not: set(self.sender_not),
            bank_creditor: self.bank_creditor,
            days_overdue: self.days_overdue,
            from,
            until,
        })
    }
}

/// A list of media; `electronic` is every message, `call` the older word for `voice`.
pub(crate) struct Media(pub(crate) Set<Medium>);

impl<'de> Deserialize<'de> for Media {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut media = Set::EMPTY;
        for text in Vec::<String>::deserialize(d)? {
            let more = match text.as_str() {
                "electronic" => {
                    use Medium::*;
                    Set::of(&[Sms, Email, Im, PrivateMessage, Social])
                }
                "all" => Set::all(),
                "call" => Set::of(&[Medium::Voice]),
                word => Set::of(&[word.parse().map_err(|e: crate::domain::UnknownWord| {
                    serde::de::Error::custom(e.to_string().replacen(
                        "; expected ",
                        ", expected `electronic`, `all`, ",
                        1,
                    ))
                })?]),
            };
            media = media.and(more);
        }
        Ok(Media(media))
    }
}

/// Declares a table of `policy.toml`: the fields that all rules share, and its own.
macro_rules! table {
    ($name:ident { $($(#[$m:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            id: toml::Spanned<String>,
            level: $crate::policy::read::Word<$crate::domain::Level>,
            sureness: $crate::policy::read::Word<$crate::domain::Sureness>,
            basis: String,
            why: String,
            zh: String,
            en: String,
            instead: Option<String>,
            #[serde(default)]
            consent: bool,
            #[serde(default)]
            applies: $crate::policy::read::RawApplies,
            channels: Option<$crate::policy::read::Media>,
            #[serde(default)]
            purposes: $crate::policy::read::Words<$crate::policy::vocab::Aim>,
            $($(#[$m])* $field: $ty),*
        }

        impl $name {
            pub(crate) fn byte(&self) -> usize {
                self.id.span().start
            }

            #[allow(dead_code, reason = "words have a schema of their own")]
            pub(crate) const OWN: &'static [$crate::policy::schema::Field] = &[$($crate::policy::schema::Field {
                name: stringify!($field),
                ty: stringify!($ty),
                attributes: stringify!($($m)*),
            }),*];

            /// The rule without its body and conditions; the body comes back as a gap.
            fn frame(
                &mut self,
                cx: &$crate::policy::read::Context<'_>,
                channels: impl Into<$crate::policy::sets::Set<$crate::policy::vocab::Medium>>,
            ) -> Result<$crate::policy::rules::Rule, $crate::policy::error::PolicyError> {
                use $crate::policy::rules::{Body, Head, Kind, Rule};
                cx.sentences(self.byte(), [self.id.get_ref(), &self.basis, &self.why, &self.zh, &self.en])?;
                let byte = self.byte();
                let applies = std::mem::take(&mut self.applies)
                    .read()
                    .map_err(|e| cx.wrong(byte, "something else in `applies`", e))?;
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
                    channels: self.channels.take().map_or_else(|| channels.into(), |c| c.0),
                    purposes: $crate::policy::when::set(std::mem::take(&mut self.purposes)),
                    when: Default::default(),
                    unless: Vec::new(),
                    body: Body::Note(Kind::Gaps),
                })
            }
        }
    };
}
pub(crate) use table;

/// A field that every table has.
const fn shared(name: &'static str, ty: &'static str) -> Field {
    Field {
        name,
        ty,
        attributes: "",
    }
}

/// The fields that every table has; the same as in [`table!`].
pub(crate) const COMMON: &[Field] = &[
    shared("id", "String"),
    shared("level", "Level"),
    shared("sureness", "Sureness"),
    shared("basis", "String"),
    shared("why", "String"),
    shared("zh", "String"),
    shared("en", "String"),
    shared("instead", "Option<String>"),
    shared("consent", "Option<bool>"),
    shared("applies", "Option<RawApplies>"),
    shared("channels", "Option<Media>"),
    shared("purposes", "Option<Words<Aim>>"),
];

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
