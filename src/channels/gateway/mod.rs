//! Text messages over gateways that speak HTTP, each described by a file of `gateways/` or one of the operator's own.
//!
//! A message is one request, sent once: redirects are refused, nothing is unpacked, answers are bounded. Here: settings,
//! the carrier, asking. The description stands in `file`, placeholders in `fill`, signatures in `sign`, what becomes of the
//! words in `words`, what answers prove in `answer`, and what comes in by itself in `receive`.

mod answer;
mod file;
mod fill;
mod receive;
mod sign;
mod words;

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use self::answer::{Answered, all_fit, outcome};
use self::file::{Body, By, Carries, Method, Request};
use self::fill::{Values, joined, percent, text_at};
use self::receive::{Keys, read};
use self::sign::ToSign;
use super::carrier::{
    Arrived, Asked, BoxFuture, Capability, Carrier, Found, Idempotency, Lookup, NotSentProof, Outcome,
};
use super::parcel::Parcel;
use super::tls;
use crate::domain::{Address, Channel, Draft, PhoneNumber};
use crate::store::ReceiptStatus;

pub use self::file::{Description, GatewayFileError};
pub use self::receive::{Knock, NotTaken};
pub use self::words::{Registered, RegisteredError};

/// Larger answers are not read to their end.
const LONGEST_ANSWER: usize = 256 * 1024;

/// What a gateway needs to know of us.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// How it speaks.
    pub description: Description,
    /// Account, or name of the key.
    pub account: String,
    /// The key.
    pub secret: SecretString,
    /// What recipients see.
    pub from: String,
    /// What this gateway wants besides, such as the id of an application.
    pub extra: String,
    /// Where it stands, for gateways with regions.
    pub region: String,
    /// Scheme and host in place of those of the description.
    pub base_url: Option<String>,
    /// Where its later word reaches us, without a path; `None`: it is not asked for.
    pub public_url: Option<String>,
    /// The secret word in that address.
    pub token: SecretString,
    /// Signatures and templates that it has registered for us.
    pub registered: Registered,
    /// Certificates in PEM form that are trusted beside those of the system.
    pub extra_roots: Option<Vec<u8>>,
}

/// Why the carrier cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A setting that this gateway needs.
    #[error("`{0}` is missing, and the gateway needs it")]
    Missing(String),
    /// Not encrypted, and not to this machine.
    #[error("the address of the gateway must begin with `https://`")]
    NotEncrypted,
    /// Certificates that cannot be used.
    #[error("the certificates cannot be used: {0}")]
    Certificates(String),
}

/// Hands texts to a gateway.
pub struct Gateway {
    settings: GatewaySettings,
    client: reqwest::Client,
    name: &'static str,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gateway({})", self.name)
    }
}

/// Names of carriers live as long as the program; there are few.
fn leaked(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}

/// A request, filled in.
struct Filled {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Gateway {
    /// Checks the settings; asks nobody yet.
    pub fn new(settings: GatewaySettings) -> Result<Gateway, GatewayError> {
        let d = &settings.description;
        for need in &d.needs {
            let there = match need.as_str() {
                "account" => &settings.account,
                "from" => &settings.from,
                "extra" => &settings.extra,
                "region" => &settings.region,
                "secret" => settings.secret.expose_secret(),
                "token" => settings.token.expose_secret(),
                _ => "unknown",
            };
            if there.is_empty() {
                return Err(GatewayError::Missing(format!("gateway.{need}")));
            }
        }
        let base = settings.base_url.as_deref().unwrap_or(&d.send.base);
        if !base.starts_with("https://") && !is_loopback(base) {
            return Err(GatewayError::NotEncrypted);
        }
        let wrong = |e: &dyn std::fmt::Display| GatewayError::Certificates(e.to_string());
        let tls = tls::client(settings.extra_roots.as_deref()).map_err(|e| wrong(&*e))?;
        let limit = Duration::from_secs(d.answer_seconds.into());
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(limit.min(Duration::from_secs(10)))
            .timeout(limit)
            .user_agent(concat!("dunwell/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| wrong(&e))?;
        Ok(Gateway {
            name: leaked(&d.name),
            client,
            settings,
        })
    }

    /// The description it works by.
    pub fn description(&self) -> &Description {
        &self.settings.description
    }

    /// Reads what the gateway sent by itself: checks who sends it, and says what to answer when all of it is kept.
    ///
    /// # Errors
    /// Where it does not prove its sender or is not of the form that the description gives; then nothing is taken in.
    pub fn take(&self, knock: &Knock) -> Result<(Vec<Arrived>, (String, String)), NotTaken> {
        let d = &self.settings.description;
        let incoming = match knock.kind.as_str() {
            "receipts" => d.receipt.as_ref(),
            "inbound" => d.inbound.as_ref(),
            _ => None,
        };
        let incoming = incoming.ok_or(NotTaken::Unexpected)?;
        let keys = Keys {
            secret: self.settings.secret.expose_secret(),
            token: self.settings.token.expose_secret(),
        };
        let arrived = read(self.name, incoming, knock, &keys)?;
        Ok((arrived, (incoming.answer_type.clone(), incoming.answer.clone())))
    }

    /// Where the gateway's later word reaches us.
    pub fn callback(&self, kind: &str) -> Option<String> {
        let base = self.settings.public_url.as_ref()?.trim_end_matches('/');
        let token = self.settings.token.expose_secret();
        let path = format!("{base}/gateway/{}/{kind}", self.name);
        Some(match token.is_empty() {
            true => path,
            false => format!("{path}/{}", percent(token)),
        })
    }

    /// What every request may name, whoever it goes to.
    fn own_values(&self) -> Values {
        let s = &self.settings;
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut values = Values::default();
        values.put("account", given(&s.account));
        values.put("secret", given(s.secret.expose_secret()));
        values.put("from", given(&s.from));
        values.put("extra", given(&s.extra));
        values.put("region", given(&s.region));
        values.put("callback", self.callback("receipts"));
        values
    }

    fn values(&self, to: &PhoneNumber) -> Values {
        let mut values = self.own_values();
        let digits = to.e164().trim_start_matches('+');
        values.put("to", to.e164().to_owned());
        values.put("to_digits", digits.to_owned());
        // Mainland numbers without their country, all others with it.
        values.put(
            "to_mainland",
            digits
                .strip_prefix("86")
                .filter(|d| d.len() == 11)
                .unwrap_or(digits)
                .to_owned(),
        );
        values
    }

    /// What a request about any message may name.
    fn values_of(&self, to: &Address) -> Option<Values> {
        match (to, self.settings.description.carries) {
            (Address::Phone(phone), Carries::Texts) => Some(self.values(phone)),
            (Address::Postal(_), Carries::Letters) => Some(self.own_values()),
            _ => None,
        }
    }

    fn fill(&self, request: &Request, values: &Values, at: DateTime<Utc>, nonce: &str) -> Option<Filled> {
        let base = self
            .settings
            .base_url
            .as_deref()
            .unwrap_or(&request.base)
            .trim_end_matches('/');
        let path = values.fill_path(&request.path)?;
        let query: Vec<(String, String)> = request
            .query
            .iter()
            .filter_map(|(k, v)| Some((k.clone(), values.fill(v)?)))
            .collect();
        let (kind, body) = match request.body {
            Body::None => (None, Vec::new()),
            Body::Form => (
                Some("application/x-www-form-urlencoded".to_owned()),
                joined(&values.pairs(&request.fields)).into_bytes(),
            ),
            Body::Json => (
                Some("application/json; charset=utf-8".to_owned()),
                values.table(&request.fields).to_string().into_bytes(),
            ),
            Body::Multipart => {
                let (kind, body) = values.multipart(&request.fields, nonce);
                (Some(kind), body)
            }
        };
        let mut headers: Vec<(String, String)> = request
            .headers
            .iter()
            .filter_map(|(k, v)| Some((k.to_ascii_lowercase(), values.fill(v)?)))
            .collect();
        headers.extend(kind.map(|k| ("content-type".to_owned(), k)));
        let added = sign::headers(
            request.sign.scheme,
            &ToSign {
                method: request.method.as_str(),
                host: base.split("://").nth(1).unwrap_or(base),
                path: &path,
                query: &query,
                headers: &headers,
                body: &body,
                account: &self.settings.account,
                secret: self.settings.secret.expose_secret(),
                at,
                nonce,
                service: request.sign.service.as_deref().unwrap_or(""),
                header: request.sign.header.as_deref().unwrap_or("authorization"),
            },
        );
        headers.retain(|(k, _)| !added.iter().any(|(other, _)| other == k));
        headers.extend(added);
        let asked = if query.is_empty() {
            String::new()
        } else {
            format!("?{}", joined(&query))
        };
        Some(Filled {
            method: request.method,
            url: format!("{base}{path}{asked}"),
            headers,
            body,
        })
    }

    /// Asks once. Nothing that fails before the request left is unclear; everything after is.
    async fn ask(&self, filled: Filled) -> Result<Answered, Outcome> {
        let wrong = |reason: &str| Outcome::not_sent(NotSentProof::Misconfigured, reason);
        let mut request = match filled.method {
            Method::Get => self.client.get(&filled.url),
            Method::Post => self.client.post(&filled.url),
            Method::Delete => self.client.delete(&filled.url),
        };
        for (name, value) in &filled.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| wrong("a header has a wrong name"))?;
            let value = HeaderValue::try_from(value.as_str())
                .map_err(|_| wrong("a header would hold a control character"))?;
            request = request.header(name, value);
        }
        let request = request
            .header("accept-encoding", "identity")
            .body(filled.body)
            .build()
            .map_err(|_| wrong("the address of the gateway cannot be read"))?;
        let response = self.client.execute(request).await.map_err(|e| failure(&e))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|v| retry_after(v, response.headers()));
        // Nobody asked for packed answers; one that comes all the same is not unpacked.
        let packed = response.headers().contains_key("content-encoding");
        let body = match packed {
            true => None,
            false => bounded(response).await,
        };
        Ok(Answered {
            status,
            retry_after,
            body: body.and_then(|b| serde_json::from_slice(&b).ok()),
        })
    }

    async fn deliver(&self, parcel: &Parcel) -> Outcome {
        let (Draft::Sms(sms), Address::Phone(phone)) = (&*parcel.draft, &parcel.to) else {
            return Outcome::not_sent(
                NotSentProof::Misconfigured,
                "only texts to telephones go by this gateway",
            );
        };
        let d = &self.settings.description;
        if d.carries == Carries::Letters {
            return Outcome::not_sent(NotSentProof::Misconfigured, "this service carries letters only");
        }
        let words = match words::words(&sms.text, &parcel.sender, &d.text, &self.settings.registered) {
            Ok(words) => words,
            Err(outcome) => return outcome,
        };
        let mut values = self.values(phone);
        values.put("text", words.text);
        values.put("signature", words.signature);
        values.put("coding", sms.segments.coding.as_str().to_owned());
        values.put("attempt", parcel.attempt().to_string());
        let seconds = parcel.validity().map(|v| v.num_seconds());
        values.put("validity_seconds", seconds.map(|s| s.to_string()));
        values.put("validity_millis", seconds.map(|s| (s * 1000).to_string()));
        if let Some((id, params)) = words.template {
            values.put("template", id);
            values.params = Some(params);
        }
        self.hand_over(parcel, &values).await
    }

    /// Asks once to take a message over.
    async fn hand_over(&self, parcel: &Parcel, values: &Values) -> Outcome {
        let d = &self.settings.description;
        let filled = self.fill(&d.send, values, parcel.at().utc(), &parcel.attempt().to_string());
        let Some(filled) = filled else {
            return Outcome::not_sent(
                NotSentProof::Misconfigured,
                "a value that the address of the gateway needs is missing",
            );
        };
        match self.ask(filled).await {
            Err(outcome) => outcome,
            Ok(answered) => outcome(d, &answered),
        }
    }

    /// A letter with its PDF.
    #[cfg(feature = "letters")]
    async fn deliver_letter(&self, parcel: &Parcel) -> Outcome {
        use base64::Engine as _;
        let Address::Postal(to) = &parcel.to else {
            return Outcome::not_sent(NotSentProof::Misconfigured, "letters go to postal addresses");
        };
        let own = parcel.clone();
        let typesetting = tokio::task::spawn_blocking(move || {
            crate::channels::print::on_paper(&own, own.at().utc().date_naive())
        });
        let letter = match typesetting.await {
            Ok(Ok(letter)) => letter,
            Ok(Err(outcome)) => return outcome,
            Err(_) => return Outcome::not_sent(NotSentProof::ContentRefused, "the typesetter broke down"),
        };
        const LINES: [&str; 6] = ["line_1", "line_2", "line_3", "line_4", "line_5", "line_6"];
        let mut values = self.own_values();
        values.put("attempt", parcel.attempt().to_string());
        values.put("name", parcel.recipient_name.as_str().to_owned());
        values.put("country", to.country.clone());
        for (name, line) in LINES.into_iter().zip(&to.lines) {
            values.put(name, line.clone());
        }
        values.put("lines", to.lines.join("\n"));
        values.lines.clone_from(&to.lines);
        values.put("pages", letter.pages.to_string());
        if let Draft::Letter(words) = &*parcel.draft {
            values.put("paper", words.form.paper().to_owned());
        }
        let coded = base64::engine::general_purpose::STANDARD.encode(&letter.pdf);
        values.put("pdf_base64", coded);
        values.pdf = Some(letter.pdf);
        self.hand_over(parcel, &values).await
    }

    /// A letter needs a typesetter.
    #[cfg(not(feature = "letters"))]
    async fn deliver_letter(&self, _: &Parcel) -> Outcome {
        const REASON: &str = "this build has no typesetter; build with the feature `letters`";
        Outcome::not_sent(NotSentProof::Misconfigured, REASON)
    }

    /// Asks to stop a letter.
    async fn stop(&self, asked: &Asked) -> Option<bool> {
        let rule = self.settings.description.take_back.as_ref()?;
        let mut values = self.values_of(&asked.to)?;
        values.put("attempt", asked.attempt.to_string());
        values.put("reference", asked.references.first().cloned());
        let nonce = format!("{}-{}", asked.attempt, asked.now.to_text());
        let filled = self.fill(&rule.request, &values, asked.now.utc(), &nonce)?;
        let status = self.ask(filled).await.ok()?.status;
        if rule.stopped_status.contains(&status) {
            Some(true)
        } else {
            rule.too_late_status.contains(&status).then_some(false)
        }
    }

    async fn query(&self, asked: &Asked) -> Found {
        let Some(look_up) = &self.settings.description.look_up else {
            return Found::Unclear;
        };
        let Some(mut values) = self.values_of(&asked.to) else {
            return Found::Unclear;
        };
        let ours = asked.attempt.to_string();
        values.put("attempt", ours.clone());
        // Dates of mainland gateways are those of their own place, eight hours ahead and without summer time.
        let there = asked.at.utc() + chrono::TimeDelta::hours(8);
        values.put("date", there.format("%Y%m%d").to_string());
        if look_up.by == By::TheirId {
            let Some(reference) = asked.references.first().filter(|_| asked.whole) else {
                return Found::Unclear;
            };
            values.put("reference", reference.clone());
        }
        let nonce = format!("{ours}-{}", asked.now.to_text());
        let Some(filled) = self.fill(&look_up.request, &values, asked.now.utc(), &nonce) else {
            return Found::Unclear;
        };
        let Ok(answered) = self.ask(filled).await else {
            return Found::Unclear;
        };
        if look_up.absent_status.contains(&answered.status) {
            return Found::Absent;
        }
        let Some(body) = answered.body.filter(|_| (200..300).contains(&answered.status)) else {
            return Found::Unclear;
        };
        found(look_up, &body, &ours)
    }
}

/// What the answer to a question about a message says.
fn found(look_up: &file::LookUp, body: &Value, ours: &str) -> Found {
    if !all_fit(&look_up.when, body) {
        return Found::Unclear;
    }
    let items: Vec<&Value> = match &look_up.items {
        None => vec![body],
        // A list that is not there is no list without our message.
        Some(place) if fill::at(body, place).is_empty() => return Found::Unclear,
        Some(place) => fill::at(body, &format!("{place}.*")),
    };
    let is_ours = |item: &&&Value| match &look_up.our_id {
        Some(place) => text_at(item, place).as_deref() == Some(ours),
        None => true,
    };
    let Some(item) = items.iter().find(is_ours) else {
        return Found::Absent;
    };
    let state = text_at(item, &look_up.state);
    match state.and_then(|word| look_up.states.meaning(&word)) {
        Some(ReceiptStatus::Delivered) => Found::Delivered,
        Some(ReceiptStatus::Undelivered) => Found::Undelivered,
        Some(ReceiptStatus::Underway) => Found::Accepted {
            reference: look_up.reference.as_ref().and_then(|place| text_at(item, place)),
        },
        None => Found::Unclear,
    }
}

/// What a request that got no answer proves.
fn failure(e: &reqwest::Error) -> Outcome {
    if !e.is_connect() {
        return Outcome::unknown(match e.is_timeout() {
            true => "no answer in time",
            false => "the connection was lost before a whole answer",
        });
    }
    if tls::is_of_certificates(e) {
        return Outcome::not_sent(
            NotSentProof::Misconfigured,
            "the certificate of the gateway is not trusted",
        );
    }
    Outcome::not_sent(NotSentProof::NeverConnected, "the gateway could not be reached")
}

/// Seconds of `Retry-After`, or until its date as the gateway's own clock tells (RFC 9110, section 10.2.3).
fn retry_after(value: &HeaderValue, headers: &reqwest::header::HeaderMap) -> Option<u32> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(seconds);
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?;
    let now = headers
        .get("date")
        .and_then(|d| DateTime::parse_from_rfc2822(d.to_str().ok()?).ok())?;
    u32::try_from((until - now).num_seconds().max(0)).ok()
}

/// A body that is whole and not too long.
async fn bounded(mut response: reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(more)) if body.len() + more.len() <= LONGEST_ANSWER => body.extend_from_slice(&more),
            Ok(None) => return Some(body),
            Ok(Some(_)) | Err(_) => return None,
        }
    }
}

fn is_loopback(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or(six),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Carrier for Gateway {
    fn capability(&self) -> Capability {
        let d = &self.settings.description;
        Capability {
            name: self.name,
            channel: match d.carries {
                Carries::Texts => Channel::Sms,
                Carries::Letters => Channel::Letter,
            },
            idempotency: match d.idempotent_minutes {
                0 => Idempotency::None,
                minutes => Idempotency::For(minutes),
            },
            lookup: match d.look_up.as_ref().map(|l| l.by) {
                None => Lookup::None,
                Some(By::OurId) => Lookup::ByOurId,
                Some(By::TheirId) => Lookup::ByTheirs,
            },
            latest_accept_seconds: d.answer_seconds.saturating_add(15),
            settle_seconds: d.settle_seconds,
            receipts: d.receipt.is_some() && self.settings.public_url.is_some(),
            not_sent_answers: &[
                "those that its description names",
                "300 to 302, 307, 308, 400 to 406, 410 to 415, 422, 429",
                "no connection, or no trusted certificate",
            ],
            refuses: match d.text.registered_templates {
                true => &[
                    "words of no registered template",
                    "text without the sender's signature",
                ],
                false => &[],
            },
        }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match (&*parcel.draft, self.settings.description.carries) {
                (Draft::Letter(_), Carries::Letters) => self.deliver_letter(parcel).await,
                _ => self.deliver(parcel).await,
            }
        })
    }

    fn take_back<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, Option<bool>> {
        Box::pin(async move {
            match self.settings.description.take_back {
                Some(_) => self.stop(asked).await,
                None => Some(false),
            }
        })
    }

    fn look_up<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, Found> {
        Box::pin(self.query(asked))
    }

    /// Opens a connection; a request without anything in it is not answered the same way by any two gateways.
    fn check(&self) -> BoxFuture<'_, Result<(), Outcome>> {
        Box::pin(async {
            let base = self
                .settings
                .base_url
                .as_ref()
                .unwrap_or(&self.settings.description.send.base);
            match self.client.head(base).send().await {
                Ok(_) => Ok(()),
                Err(e) if e.is_connect() => Err(failure(&e)),
                Err(_) => Err(Outcome::unknown("the gateway was reached and did not answer")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_requests_stay_on_this_machine() {
        let check = |url: &str, expected| assert_eq!(is_loopback(url), expected, "{url}");
        check("http://127.0.0.1:8080", true);
        check("http://localhost", true);
        check("http://[::1]:80/x", true);
        check("http://127.0.0.1.evil.example", false);
        check("http://gateway.example", false);
    }

    #[test]
    fn a_wish_to_be_left_alone_is_read_in_both_forms() {
        let mut headers = reqwest::header::HeaderMap::new();
        let check = |text: &'static str, headers: &reqwest::header::HeaderMap, expected| {
            assert_eq!(
                retry_after(&HeaderValue::from_static(text), headers),
                expected,
                "{text}"
            );
        };
        check("120", &headers, Some(120));
        check("soon", &headers, None);
        check("Tue, 07 Apr 2026 08:00:10 GMT", &headers, None);
        headers.insert("date", HeaderValue::from_static("Tue, 07 Apr 2026 08:00:00 GMT"));
        check("Tue, 07 Apr 2026 08:00:10 GMT", &headers, Some(10));
        check("Tue, 07 Apr 2026 07:00:10 GMT", &headers, Some(0));
    }
}
