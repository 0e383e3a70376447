//! Reports that machines write for machines: delivery status (RFC 3464, RFC 6533) and feedback (RFC 5965).

use super::mime::{Head, Mime, addresses_in};
use super::status::Status;

/// What is read of a report: blocks beyond this many are passed over.
const MAX_BLOCKS: usize = 100;

/// What a delivery report says about one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipient {
    /// The address at the end, then the one that was written to, where they are told apart.
    pub(super) named: Vec<String>,
    /// `failed`, `delayed`, `delivered`, `relayed`, `expanded`, in lower case.
    pub(super) action: String,
    /// The code.
    pub(super) status: Option<Status>,
    /// What the refusing system said.
    pub(super) diagnostic: String,
}

/// The recipients of the delivery report in a message; empty where there is none.
pub(super) fn delivery(mime: &Mime<'_>) -> Vec<Recipient> {
    let report = |kind: &str| matches!(kind, "message/delivery-status" | "message/global-delivery-status");
    let mut found = Vec::new();
    for part in mime.parts.iter().filter(|p| report(&p.kind)) {
        let bytes = part.bytes();
        let mut rest = &bytes[..];
        for _ in 0..MAX_BLOCKS {
            if rest.trim_ascii().is_empty() {
                break;
            }
            let (block, after) = Head::read(rest);
            rest = after;
            found.extend(recipient(&block));
        }
    }
    found
}

fn recipient(block: &Head) -> Option<Recipient> {
    let action = block.get("action").unwrap_or_default();
    let status = block.get("status").and_then(Status::parse);
    // The block about the message as a whole has neither.
    if action.is_empty() && status.is_none() {
        return None;
    }
    let mut named: Vec<String> = ["final-recipient", "original-recipient", "x-actual-recipient"]
        .iter()
        .filter_map(|name| address_of(block.get(name)?))
        .collect();
    named.dedup();
    let action = action.split_whitespace().next().unwrap_or_default();
    let action = match (action, status.map(|s| s.class)) {
        ("", Some(2)) => "delivered",
        ("", _) => "failed",
        (word, _) => word,
    };
    Some(Recipient {
        named,
        action: action.to_ascii_lowercase(),
        status,
        diagnostic: untyped(block.get("diagnostic-code").unwrap_or_default()).to_owned(),
    })
}

/// What follows the type before the semicolon.
fn untyped(value: &str) -> &str {
    match value.split_once(';') {
        Some((kind, rest)) if kind.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
            rest.trim()
        }
        _ => value.trim(),
    }
}

fn address_of(value: &str) -> Option<String> {
    let bare = untyped(value).trim_matches(['<', '>', ' ']).to_lowercase();
    if bare.contains('@') && !bare.contains(char::is_whitespace) && bare.len() <= 320 {
        return Some(bare);
    }
    addresses_in(untyped(value)).into_iter().next()
}

/// What a feedback report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Feedback {
    /// `abuse`, `fraud`, `opt-out`, `not-spam`, `auth-failure` ..., in lower case.
    pub(super) kind: String,
    /// The return path of the message complained about.
    pub(super) return_path: Option<String>,
    /// To whom it had gone.
    pub(super) recipients: Vec<String>,
}

impl Feedback {
    /// Whether somebody complained; other reports speak of signatures, or take a complaint back (RFC 6430, RFC 6591).
    pub(super) fn is_complaint(&self) -> bool {
        !matches!(
            self.kind.as_str(),
            "not-spam" | "auth-failure" | "dmarc" | "virus"
        )
    }
}

/// The feedback report in a message, if there is one.
pub(super) fn feedback(mime: &Mime<'_>) -> Option<Feedback> {
    let part = mime.parts.iter().find(|p| p.kind == "message/feedback-report")?;
    let bytes = part.bytes();
    // Some write an empty line first.
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
    let block = Head::read(&bytes[start..]).0;
    let kind = block.get("feedback-type")?.trim().to_ascii_lowercase();
    Some(Feedback {
        kind,
        return_path: block.get("original-mail-from").and_then(address_of),
        recipients: block
            .all("original-rcpt-to")
            .take(20)
            .filter_map(address_of)
            .collect(),
    })
}

/// Heads of the messages that came back with a report, or that a message carries.
pub(super) fn returned_heads(mime: &Mime<'_>) -> Vec<Head> {
    let carries = |kind: &str| {
        matches!(
            kind,
            "message/rfc822"
                | "text/rfc822-headers"
                | "message/global"
                | "message/global-headers"
                | "message/disposition-notification"
        )
    };
    let parts = mime.parts.iter().filter(|p| carries(&p.kind)).take(5);
    parts.map(super::mime::Part::inner_head).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(fields: &str) -> Vec<Recipient> {
        let raw = format!(
            "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n{fields}\n--b--"
        );
        delivery(&Mime::read(raw.as_bytes()).unwrap())
    }

    #[test]
    fn recipients_are_read() {
        let found = report(
            "Reporting-MTA: dns; a.example\n\nFinal-Recipient: rfc822; <Li.Wei@Example.com>\nOriginal-Recipient: rfc822;alias@example.com\nAction: Failed (for good)\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1\n no such user\n\nFinal-Recipient: rfc822;b@example.com\nStatus: 2.0.0\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].named, ["li.wei@example.com", "alias@example.com"]);
        assert_eq!(
            (found[0].action.as_str(), found[1].action.as_str()),
            ("failed", "delivered")
        );
        assert_eq!(found[0].diagnostic, "550 5.1.1 no such user");
        assert!(report("Reporting-MTA: dns; a\n").is_empty());
        assert!(report("").is_empty());
        assert_eq!(report(&"Action: failed\n\n".repeat(10_000)).len(), MAX_BLOCKS);
    }
}
