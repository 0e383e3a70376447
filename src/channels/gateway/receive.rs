//! What a gateway sends by itself: checked for who sends it, then read into receipts and messages of people.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::file::{Body, Incoming, Verify};
use super::fill::{at, scalar, split, text_at};
use super::sign::{hmac_sha1, hmac_sha256, same};
use crate::channels::carrier::Arrived;
use crate::domain::AttemptId;
use crate::store::{Inbound, Receipt};

/// What came to the door.
#[derive(Clone, Default)]
pub struct Knock {
    /// `receipts` or `inbound`.
    pub kind: String,
    /// The secret word of the address.
    pub token: String,
    /// The address as the gateway was told it, with its query.
    pub url: String,
    /// The query alone.
    pub query: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; at most as much as the door lets in.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Knock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Knock({}, {} bytes)", self.kind, self.body.len())
    }
}

/// Why nothing is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It does not prove who sends it.
    #[error("it does not prove that the gateway sent it")]
    Stranger,
    /// It is not what the description says.
    #[error("it is not of the form that the description of the gateway gives")]
    Unreadable,
    /// The gateway sends nothing of that kind.
    #[error("the gateway sends nothing of that kind")]
    Unexpected,
}

/// What the secrets of a gateway are.
pub(super) struct Keys<'a> {
    pub(super) secret: &'a str,
    pub(super) token: &'a str,
}

/// Parameters of a request, from the query and a form.
fn parameters(knock: &Knock, body: Body) -> Vec<(String, String)> {
    let mut all = split(&knock.query);
    if body == Body::Form {
        all.extend(split(&String::from_utf8_lossy(&knock.body)));
    }
    all
}

fn header<'k>(knock: &'k Knock, name: &str) -> &'k str {
    let found = knock.headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(name));
    found.map_or("", |(_, v)| v.as_str())
}

/// Whether `knock` proves who sends it.
fn is_known(incoming: &Incoming, knock: &Knock, keys: &Keys<'_>) -> bool {
    use base64::Engine as _;
    // The secret word is asked for where there is one, beside any signature; a signature alone is enough without.
    let token = same(knock.token.as_bytes(), keys.token.as_bytes());
    if !keys.token.is_empty() && !token {
        return false;
    }
    match incoming.verify {
        Verify::Token => !keys.token.is_empty() && token,
        _ if keys.secret.is_empty() => false,
        Verify::Twilio => {
            let mut fields = split(&String::from_utf8_lossy(&knock.body));
            fields.sort();
            let text: String = fields.iter().map(|(k, v)| format!("{k}{v}")).collect();
            let mac = hmac_sha1(keys.secret.as_bytes(), format!("{}{text}", knock.url).as_bytes());
            let coded = base64::engine::general_purpose::STANDARD.encode(mac);
            same(coded.as_bytes(), header(knock, "x-twilio-signature").as_bytes())
        }
        Verify::Vonage => {
            let mut fields = match incoming.body {
                Body::Json => json_fields(&knock.body),
                _ => parameters(knock, incoming.body),
            };
            let said = fields
                .iter()
                .position(|(k, _)| k == "sig")
                .map(|n| fields.swap_remove(n).1);
            fields.sort();
            let clean = |v: &str| v.replace(['&', '='], "_");
            let text: String = fields.iter().map(|(k, v)| format!("&{k}={}", clean(v))).collect();
            let mac = hex::encode(hmac_sha256(keys.secret.as_bytes(), text.as_bytes()));
            said.is_some_and(|said| same(said.to_ascii_lowercase().as_bytes(), mac.as_bytes()))
        }
        Verify::Hmac => {
            let mac = hex::encode(hmac_sha256(keys.secret.as_bytes(), &knock.body));
            let said = header(knock, "x-signature").to_ascii_lowercase();
            same(said.trim_start_matches("sha256=").as_bytes(), mac.as_bytes())
        }
    }
}

fn json_fields(body: &[u8]) -> Vec<(String, String)> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => fields
            .iter()
            .filter_map(|(k, v)| Some((k.clone(), scalar(v)?)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Everything that a knock says.
pub(super) fn read(
    name: &str,
    incoming: &Incoming,
    knock: &Knock,
    keys: &Keys<'_>,
) -> Result<Vec<Arrived>, NotTaken> {
    if !is_known(incoming, knock, keys) {
        return Err(NotTaken::Stranger);
    }
    let body = match incoming.body {
        Body::Json => serde_json::from_slice(&knock.body).map_err(|_| NotTaken::Unreadable)?,
        // Refused when the description was read.
        Body::Multipart => return Err(NotTaken::Unreadable),
        Body::Form | Body::None => {
            let fields = parameters(knock, incoming.body).into_iter();
            Value::Object(fields.map(|(k, v)| (k, Value::String(v))).collect())
        }
    };
    let items = match incoming.items.as_deref() {
        None => vec![&body],
        // The body itself is the list.
        Some("") => match &body {
            Value::Array(all) => all.iter().collect(),
            one => vec![one],
        },
        Some(place) => at(&body, &format!("{place}.*")),
    };
    if items.is_empty() || items.len() > 10_000 {
        return Err(NotTaken::Unreadable);
    }
    let one = |item: &&Value| match knock.kind.as_str() {
        "inbound" => message(name, incoming, item),
        _ => receipt(name, incoming, item),
    };
    items
        .iter()
        .map(one)
        .collect::<Option<Vec<_>>>()
        .map(|all| all.into_iter().flatten().collect())
        .ok_or(NotTaken::Unreadable)
}

fn person(incoming: &Incoming, item: &Value) -> Option<String> {
    let parts: Vec<String> = incoming
        .person
        .iter()
        .filter_map(|place| text_at(item, place))
        .collect();
    (!parts.is_empty()).then(|| parts.concat())
}

/// A receipt; nothing inside where its state says nothing.
fn receipt(name: &str, incoming: &Incoming, item: &Value) -> Option<Option<Arrived>> {
    let theirs = incoming.reference.as_ref().and_then(|place| text_at(item, place));
    let ours = incoming.our_id.as_ref().and_then(|place| text_at(item, place));
    let word = text_at(item, incoming.state.as_deref()?)?;
    let attempt = ours.and_then(|id| id.parse().ok()).map(AttemptId);
    let references: Vec<String> = theirs.into_iter().collect();
    if references.is_empty() && attempt.is_none() {
        return None;
    }
    let Some(status) = incoming.states.meaning(&word) else {
        return Some(None);
    };
    let raw = item.to_string().into_bytes();
    Some(Some(Arrived::Receipt(Receipt {
        provider: name.to_owned(),
        // The same word twice gives the same name.
        event: hex::encode(&Sha256::digest(&raw)[..16]),
        references,
        attempt,
        status,
        recipient: person(incoming, item),
        raw,
    })))
}

fn message(name: &str, incoming: &Incoming, item: &Value) -> Option<Option<Arrived>> {
    let from = person(incoming, item)?;
    let text = text_at(item, incoming.words.as_deref()?)?;
    let to = incoming
        .to
        .as_ref()
        .and_then(|place| text_at(item, place))
        .unwrap_or_default();
    let event = incoming.reference.as_ref().and_then(|place| text_at(item, place));
    Some(Some(Arrived::Message(Inbound {
        provider: name.to_owned(),
        event,
        from,
        to,
        text,
        part: None,
    })))
}
