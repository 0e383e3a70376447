//! The description of a gateway: a TOML file that says how to ask it, what its answers prove, and what comes back.
//!
//! Every mistake names file, line, what was found and what is expected; an unknown key, placeholder or word is one.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fill::{self, PLACEHOLDERS};
use super::sign::Scheme;
use crate::channels::carrier::NotSentProof;
use crate::store::ReceiptStatus;

/// What is wrong with a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct GatewayFileError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What was found and what is expected.
    pub problem: String,
}

/// A gateway, described.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Its name, as outcomes and evidence show it: lower-case letters, digits, `-`.
    pub name: String,
    /// Its name for people.
    pub title: Title,
    /// Where its own documentation stands.
    pub documentation: String,
    /// What it carries.
    #[serde(default)]
    pub carries: Carries,
    /// The settings without which it cannot work.
    #[serde(default)]
    pub needs: Vec<String>,
    /// How long it may take for an answer.
    pub answer_seconds: u32,
    /// How long after an unclear end it may be asked about a message.
    pub settle_seconds: u32,
    /// For how many minutes it recognises a repeated id; 0: not at all.
    #[serde(default)]
    pub idempotent_minutes: u32,
    /// What becomes of the words.
    #[serde(default)]
    pub text: TextRules,
    /// How a message is handed over.
    pub send: Request,
    /// What its answers mean, the first that fits.
    #[serde(default, rename = "answer")]
    pub answers: Vec<AnswerRule>,
    /// How it is asked about a message.
    pub look_up: Option<LookUp>,
    /// How it is asked to stop a letter that it took over.
    pub take_back: Option<TakeBack>,
    /// Its later word.
    pub receipt: Option<Incoming>,
    /// Messages of people.
    pub inbound: Option<Incoming>,
}

/// A name in both languages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// What a gateway carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carries {
    /// Texts to telephones.
    #[default]
    Texts,
    /// Letters, which it prints and mails.
    Letters,
}

/// How a gateway is asked to stop a letter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeBack {
    /// The request.
    pub request: Request,
    /// Status codes that say that the letter does not go out.
    pub stopped_status: Vec<u16>,
    /// Status codes that say that it is too late.
    #[serde(default)]
    pub too_late_status: Vec<u16>,
}

/// What becomes of the words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextRules {
    /// Whether the signature in 【】 at the head stays in the text or is given apart.
    pub signature: Signature,
    /// Whether only registered templates go out.
    pub registered_templates: bool,
    /// Whether a text must tell how to opt out.
    pub opt_out: OptOut,
}

/// Where the signature in 【】 goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    /// It stays in the text.
    #[default]
    InText,
    /// It is taken off the text and given as a field of its own.
    Apart,
}

/// Whether a text must tell how to opt out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptOut {
    /// The guard's rules are enough.
    #[default]
    AsJudged,
    /// A text without the sender's opting-out word is not handed over.
    Required,
}

/// One request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `GET`, `POST` or `DELETE`.
    #[serde(default)]
    pub method: Method,
    /// Scheme and host; the setting `gateway.base_url` replaces it.
    pub base: String,
    /// Path below it.
    pub path: String,
    /// How fields travel.
    #[serde(default)]
    pub body: Body,
    /// Parameters of the address.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Fields; in `json` they may be nested.
    #[serde(default)]
    pub fields: toml::Table,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How it proves who asks.
    #[serde(default)]
    pub sign: Sign,
}

/// The verb.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Method {
    /// Reads.
    #[serde(rename = "GET")]
    Get,
    /// Acts.
    #[default]
    #[serde(rename = "POST")]
    Post,
    /// Takes away.
    #[serde(rename = "DELETE")]
    Delete,
}

impl Method {
    /// As it travels.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// How fields travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// There is none.
    #[default]
    None,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/json`.
    Json,
    /// `multipart/form-data`, for letters with their PDF.
    Multipart,
}

/// How a request proves who asks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sign {
    /// The scheme.
    pub scheme: Scheme,
    /// The header that carries an HMAC.
    pub header: Option<String>,
    /// The service that a TC3 signature names.
    pub service: Option<String>,
}

/// What one kind of answer means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    /// Status codes; empty: any.
    #[serde(default)]
    pub status: Vec<u16>,
    /// Places in the body with the values they may have; `*` at the end of a value stands for anything.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// Places that must be there.
    #[serde(default)]
    pub has: Vec<String>,
    /// What it means.
    pub outcome: Word,
    /// Where the gateway's name for the message stands; `*` goes through a list.
    pub reference: Option<String>,
    /// Where its own code stands; shown with the reason.
    pub code: Option<String>,
    /// One sentence for people.
    #[serde(default)]
    pub reason: String,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Taken over.
    Accepted,
    /// Refused: this message, or this recipient.
    Refused,
    /// Not now.
    Deferred,
    /// The content cannot be sent as it is.
    ContentRefused,
    /// The gateway does not carry this kind of content.
    RefusedByProvider,
    /// A setting must be mended.
    Misconfigured,
    /// Nobody knows.
    Unknown,
}

impl Word {
    /// What it proves, for all but `accepted` and `unknown`.
    pub(super) fn proof(self) -> Option<NotSentProof> {
        Some(match self {
            Word::Refused => NotSentProof::Refused,
            Word::Deferred => NotSentProof::Deferred,
            Word::ContentRefused => NotSentProof::ContentRefused,
            Word::RefusedByProvider => NotSentProof::RefusedByProvider,
            Word::Misconfigured => NotSentProof::Misconfigured,
            Word::Accepted | Word::Unknown => return None,
        })
    }
}

/// How a gateway is asked about a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookUp {
    /// Whether it is found by our own id or by theirs.
    pub by: By,
    /// The request.
    pub request: Request,
    /// A place that an answer must have to count, with its values.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// The list of messages; without it the answer is about one.
    pub items: Option<String>,
    /// In an item: the place of our own id.
    pub our_id: Option<String>,
    /// In an item: the place of its state.
    pub state: String,
    /// What the states mean.
    pub states: States,
    /// In an item: the place of the gateway's name for the message.
    pub reference: Option<String>,
    /// Status codes that say that there is no such message.
    #[serde(default)]
    pub absent_status: Vec<u16>,
}

/// By which name a message is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Ours.
    OurId,
    /// Theirs.
    TheirId,
}

/// The words of a gateway for where a message stands.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct States {
    /// It arrived.
    pub delivered: Vec<String>,
    /// It failed for good.
    pub undelivered: Vec<String>,
    /// It is on its way.
    pub underway: Vec<String>,
}

impl States {
    /// What `word` means.
    pub(super) fn meaning(&self, word: &str) -> Option<ReceiptStatus> {
        let among = |words: &[String]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
        if among(&self.delivered) {
            Some(ReceiptStatus::Delivered)
        } else if among(&self.undelivered) {
            Some(ReceiptStatus::Undelivered)
        } else {
            among(&self.underway).then_some(ReceiptStatus::Underway)
        }
    }
}

/// What a gateway sends by itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incoming {
    /// How its body travels.
    pub body: Body,
    /// How it proves who sends.
    pub verify: Verify,
    /// The list of what it says; without it the body is one.
    pub items: Option<String>,
    /// In an item: the name of the message (receipts) or of this message (inbound).
    pub reference: Option<String>,
    /// In a receipt: the place of our own id, where it gives it back.
    pub our_id: Option<String>,
    /// In a receipt: the place of the state.
    pub state: Option<String>,
    /// What the states mean.
    #[serde(default)]
    pub states: States,
    /// Places of the number of the person; put together in order.
    #[serde(default)]
    pub person: Vec<String>,
    /// In a message: the place of our number.
    pub to: Option<String>,
    /// In a message: the place of the words.
    pub words: Option<String>,
    /// What to answer when it is kept.
    #[serde(default)]
    pub answer: String,
    /// The type of that answer.
    #[serde(default = "plain_text")]
    pub answer_type: String,
}

fn plain_text() -> String {
    "text/plain".to_owned()
}

/// How what comes in proves who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// The secret word in the address; for gateways that sign nothing.
    Token,
    /// `X-Twilio-Signature`: HMAC-SHA1 over the address and the sorted fields.
    Twilio,
    /// `sig`: HMAC-SHA256 over the sorted parameters.
    Vonage,
    /// `X-Signature`: HMAC-SHA256 over the body in hexadecimal digits.
    Hmac,
}

impl Description {
    /// Reads and checks a description.
    pub fn parse(file: &str, text: &str) -> Result<Description, GatewayFileError> {
        let at = |line: usize, problem: String| GatewayFileError {
            file: file.to_owned(),
            line,
            problem,
        };
        let found: Description = toml::from_str(text).map_err(|e| {
            let offset = e.span().map_or(0, |s| s.start);
            let line = 1 + text.as_bytes()[..offset.min(text.len())]
                .iter()
                .filter(|b| **b == b'\n')
                .count();
            at(line, e.message().replace('\n', ", "))
        })?;
        match found.complaint() {
            None => Ok(found),
            Some((needle, problem)) => {
                let line = text
                    .lines()
                    .position(|l| l.contains(&needle))
                    .map_or(1, |n| n + 1);
                Err(at(line, problem))
            }
        }
    }

    /// The first thing that reads but means nothing: where it stands, and what is wrong.
    fn complaint(&self) -> Option<(String, String)> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 32 || !self.name.chars().all(good) {
            let problem = "`name` must be 1 to 32 lower-case letters, digits or `-`".to_owned();
            return Some(("name".into(), problem));
        }
        if !(1..=120).contains(&self.answer_seconds) {
            return Some((
                "answer_seconds".into(),
                format!("`answer_seconds` is {}, expected 1 to 120", self.answer_seconds),
            ));
        }
        let requests = [
            Some(&self.send),
            self.look_up.as_ref().map(|l| &l.request),
            self.take_back.as_ref().map(|t| &t.request),
        ];
        for request in requests.into_iter().flatten() {
            if let Some(found) = request.complaint() {
                return Some(found);
            }
        }
        if !self.answers.iter().any(|a| a.outcome == Word::Accepted) {
            let problem = "no `[[answer]]` has `outcome = \"accepted\"`, so nothing would ever count as sent"
                .to_owned();
            return Some(("[send]".into(), problem));
        }
        let mut sent = Vec::new();
        fill::texts_of(&self.send.fields, &mut sent);
        let has_file = sent
            .iter()
            .any(|t| t.contains("${pdf}") || t.contains("${pdf_base64}"));
        if has_file != (self.carries == Carries::Letters) {
            let problem = "letters need a field `${pdf}` or `${pdf_base64}`, texts have none".to_owned();
            return Some(("[send".into(), problem));
        }
        for (name, incoming) in [("[receipt]", &self.receipt), ("[inbound]", &self.inbound)] {
            let Some(i) = incoming else { continue };
            if i.body == Body::Multipart {
                return Some((name.into(), format!("`{name}` cannot be `multipart`")));
            }
            let missing = match name {
                "[receipt]" if i.state.is_none() => "state",
                "[receipt]" if i.reference.is_none() && i.our_id.is_none() => "reference",
                "[inbound]" if i.words.is_none() => "words",
                "[inbound]" if i.person.is_empty() => "person",
                _ => continue,
            };
            return Some((name.into(), format!("`{name}` needs `{missing}`")));
        }
        None
    }
}

impl Request {
    fn complaint(&self) -> Option<(String, String)> {
        if !(self.base.starts_with("https://") || self.base.starts_with("http://")) {
            let problem = format!(
                "`base` is `{}`, expected an address that begins with `https://`",
                self.base
            );
            return Some(("base".into(), problem));
        }
        let mut texts: Vec<String> = self
            .query
            .values()
            .chain(self.headers.values())
            .cloned()
            .collect();
        texts.extend([self.path.clone(), self.base.clone()]);
        fill::texts_of(&self.fields, &mut texts);
        for text in texts {
            for name in fill::placeholders(&text) {
                if !PLACEHOLDERS.contains(&name.as_str()) {
                    let problem = format!(
                        "`${{{name}}}` is no placeholder, expected one of {}",
                        PLACEHOLDERS.join(", ")
                    );
                    return Some((text, problem));
                }
            }
        }
        let mut fields = Vec::new();
        fill::texts_of(&self.fields, &mut fields);
        let file = fields.into_iter().find(|t| t.contains("${pdf}"));
        if let Some(text) = file.filter(|t| t != "${pdf}" || self.body != Body::Multipart) {
            let problem = "`${pdf}` stands alone in a field of a `multipart` body".to_owned();
            return Some((text, problem));
        }
        let wants = match self.sign.scheme {
            Scheme::HmacSha256 if self.sign.header.is_none() => Some("header"),
            Scheme::Tc3 if self.sign.service.is_none() => Some("service"),
            _ => None,
        };
        wants.map(|field| ("scheme".into(), format!("this scheme needs `{field}`")))
    }
}
