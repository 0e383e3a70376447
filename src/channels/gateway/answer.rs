//! What an answer of a gateway proves: the rules of its description first, then what HTTP itself says.

use std::collections::BTreeMap;

use serde_json::Value;

use super::file::{AnswerRule, Description, Word};
use super::fill::{at, scalar, text_at};
use crate::channels::carrier::{NotSentProof, Outcome, Partly};

/// What came back.
pub(super) struct Answered {
    pub(super) status: u16,
    /// Seconds of `Retry-After`.
    pub(super) retry_after: Option<u32>,
    /// The body, where it is whole JSON of a reasonable size.
    pub(super) body: Option<Value>,
}

/// What it means.
pub(super) fn outcome(description: &Description, answered: &Answered) -> Outcome {
    let name = &description.name;
    let body = answered.body.as_ref().unwrap_or(&Value::Null);
    let rule = description
        .answers
        .iter()
        .find(|rule| fits(rule, answered.status, body));
    let Some(rule) = rule else {
        return by_status(answered);
    };
    let references: Vec<String> = match &rule.reference {
        Some(place) => at(body, place)
            .into_iter()
            .filter_map(scalar)
            .filter(|r| is_name(r))
            .collect(),
        None => Vec::new(),
    };
    let code = rule
        .code
        .as_ref()
        .and_then(|place| text_at(body, place))
        .filter(|c| is_name(c));
    let reason = match (rule.reason.as_str(), code) {
        ("", Some(code)) => format!("the gateway answered `{code}`"),
        ("", None) => format!("the gateway answered {}", answered.status),
        (reason, Some(code)) => format!("{reason} (`{code}`)"),
        (reason, None) => reason.to_owned(),
    };
    match rule.outcome {
        Word::Accepted => Outcome::accepted(name, references),
        Word::Unknown => Outcome::Unknown {
            reason,
            partly: (!references.is_empty()).then(|| Partly {
                provider: name.clone(),
                references,
                whole: true,
            }),
        },
        word => {
            let wait = answered.retry_after.filter(|_| word == Word::Deferred);
            let proof = word.proof().unwrap_or(NotSentProof::Refused);
            Outcome::NotSent {
                proof,
                reason,
                wait_seconds: wait,
            }
        }
    }
}

/// A name or code that may be kept and shown: short, printable, without spaces.
fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn fits(rule: &AnswerRule, status: u16, body: &Value) -> bool {
    (rule.status.is_empty() || rule.status.contains(&status))
        && rule.has.iter().all(|place| !at(body, place).is_empty())
        && all_fit(&rule.when, body)
}

/// Whether every place has, everywhere it stands, one of its values.
pub(super) fn all_fit(when: &BTreeMap<String, Vec<String>>, body: &Value) -> bool {
    when.iter().all(|(place, values)| {
        let found: Vec<String> = at(body, place).into_iter().filter_map(scalar).collect();
        !found.is_empty() && found.iter().all(|f| values.iter().any(|v| like(v, f)))
    })
}

fn like(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

/// What the status alone proves (RFC 9110, section 15, and RFC 6585). A server error proves nothing: it may have come
/// after the message was taken.
fn by_status(answered: &Answered) -> Outcome {
    use NotSentProof::*;
    let status = answered.status;
    let said = |proof, reason: &str| Outcome::not_sent(proof, format!("{reason} (status {status})"));
    match status {
        // Followed nowhere; 303 alone says that the request was acted on.
        300 | 301 | 302 | 307 | 308 => said(Misconfigured, "the gateway sends requests to another address"),
        401 | 402 | 403 | 407 => said(Misconfigured, "the gateway does not accept this account"),
        404 | 405 | 406 | 410 | 411 | 415 | 421 | 426 => {
            said(Misconfigured, "the gateway does not know this request")
        }
        400 | 422 => said(Refused, "the gateway refused the request"),
        413 | 414 | 431 => said(ContentRefused, "the message is too long for the gateway"),
        429 => Outcome::deferred(
            "more messages than agreed (status 429)",
            Some(answered.retry_after.unwrap_or(30)),
        ),
        200..=299 => Outcome::unknown(format!(
            "an answer that the gateway's description does not know (status {status})"
        )),
        _ => Outcome::unknown(format!("an answer that proves nothing (status {status})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
name = "sample"
title = { zh = "示例", en = "Sample" }
documentation = "https://gateway.example/docs"
answer_seconds = 10
settle_seconds = 60
[send]
base = "https://gateway.example"
path = "/send"
[[answer]]
when = { code = ["OK"] }
outcome = "accepted"
reference = "id"
[[answer]]
when = { code = ["SPAM*"] }
outcome = "refused_by_provider"
code = "code"
reason = "not carried"
[[answer]]
when = { code = ["LATER"] }
outcome = "deferred"
"#;

    #[test]
    fn rules_first_then_what_http_says() {
        let description = Description::parse("sample.toml", FILE).unwrap();
        let check = |status, retry_after, body: &str, expected: &str| {
            let answered = Answered {
                status,
                retry_after,
                body: serde_json::from_str(body).ok(),
            };
            let found = match outcome(&description, &answered) {
                Outcome::Accepted { references, .. } => format!("accepted {}", references.join(",")),
                Outcome::NotSent {
                    proof, wait_seconds, ..
                } => match wait_seconds {
                    Some(seconds) => format!("{proof} {seconds}"),
                    None => proof.to_string(),
                },
                Outcome::Unknown { .. } | Outcome::Gathered(_) => "unknown".to_owned(),
            };
            assert_eq!(found, expected, "{status} {body}");
        };
        check(200, None, r#"{"code":"OK","id":"m1"}"#, "accepted m1");
        check(200, None, r#"{"code":"OK","id":"bad id\r\n"}"#, "accepted ");
        check(200, None, r#"{"code":"SPAM_7"}"#, "refused_by_provider");
        check(200, Some(9), r#"{"code":"LATER"}"#, "deferred 9");
        check(200, None, r#"{"code":"?"}"#, "unknown");
        check(200, None, "garbage", "unknown");
        check(204, None, "", "unknown");
        check(429, Some(3), "", "deferred 3");
        check(429, None, "", "deferred 30");
        check(302, None, "", "misconfigured");
        check(303, None, "", "unknown");
        check(403, None, "", "misconfigured");
        check(409, None, "", "unknown");
        check(500, None, "", "unknown");
        check(503, Some(5), "", "unknown");
    }
}
