//! An e-mail as bytes: the same for the wire and for the sandbox, and the same every time it is built.
//!
//! Exactly one recipient; text and HTML with the same words; Message-ID, date and boundary come from the parcel, so
//! nothing random or present gets in. What could smuggle in a header is refused before the builder sees it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use super::carrier::{NotSentProof, Outcome};
use super::parcel::Parcel;
use crate::domain::{Address, Draft, EmailAddress};

/// A message ready for the wire.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Mail {
    /// Envelope sender.
    pub(super) from: lettre::Address,
    /// The one envelope recipient.
    pub(super) to: lettre::Address,
    /// Header and body, lines ending in CR LF.
    pub(super) bytes: Vec<u8>,
}

const UNBUILDABLE: &str = "the message builder refused the content";

/// Builds the message of `parcel`, or says why it can never be sent.
pub(super) fn build(parcel: &Parcel) -> Result<Mail, Outcome> {
    // The builder panics on some texts that the checks below are there to keep out; a panic proves nothing was sent.
    catch_unwind(AssertUnwindSafe(|| build_checked(parcel)))
        .unwrap_or_else(|_| Err(Outcome::not_sent(NotSentProof::ContentRefused, UNBUILDABLE)))
}

fn build_checked(parcel: &Parcel) -> Result<Mail, Outcome> {
    let (Draft::Email(email), Address::Email(to)) = (&*parcel.draft, &parcel.to) else {
        return Err(misconfigured("the parcel is no e-mail"));
    };
    let Some(from) = &parcel.sender.email else {
        return Err(misconfigured("the sender has no e-mail address"));
    };
    let one_line = [
        &parcel.sender.name,
        parcel.recipient_name.as_str(),
        &email.subject,
    ];
    if one_line.iter().any(|text| text.chars().any(char::is_control)) {
        return Err(refused(
            "a name or the subject holds a line break or another control character",
        ));
    }
    if [&email.text, &email.html].iter().any(|text| text.contains('\0')) {
        return Err(refused("the text holds a NUL character"));
    }
    let (from_address, to_address) = (address(from)?, address(to)?);
    let from_box = Mailbox::new(Some(parcel.sender.name.clone()), from_address.clone());
    let to_box = Mailbox::new(
        Some(parcel.recipient_name.as_str().to_owned()),
        to_address.clone(),
    );
    let mut message = Message::builder()
        .message_id(Some(format!("<{}@{}>", parcel.attempt(), from.domain())))
        .date(SystemTime::from(parcel.at().utc()))
        .from(from_box.clone())
        .reply_to(from_box)
        .to(to_box)
        .subject(email.subject.clone())
        .header(AutoSubmitted);
    if let Some(uri) = &parcel.unsubscribe {
        message = message.header(ListUnsubscribe::parse(uri)?);
        if uri.starts_with("https://") {
            message = message.header(ListUnsubscribePost);
        }
    }
    let parts = MultiPart::alternative().boundary(format!("dunwell-{}", parcel.attempt().0.simple()));
    let parts = parts.singlepart(SinglePart::plain(email.text.clone()));
    let parts = if email.html.is_empty() {
        parts
    } else {
        parts.singlepart(SinglePart::html(email.html.clone()))
    };
    let message = message.multipart(parts).map_err(|_| refused(UNBUILDABLE))?;
    Ok(Mail {
        from: from_address,
        to: to_address,
        bytes: message.formatted(),
    })
}

fn address(address: &EmailAddress) -> Result<lettre::Address, Outcome> {
    address
        .as_str()
        .parse()
        .map_err(|_| refused("an e-mail address has a form that cannot be sent to"))
}

fn misconfigured(reason: &str) -> Outcome {
    Outcome::not_sent(NotSentProof::Misconfigured, reason)
}

fn refused(reason: &str) -> Outcome {
    Outcome::not_sent(NotSentProof::ContentRefused, reason)
}

/// Tells other robots not to answer (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

/// How to unsubscribe (RFC 2369): one `mailto:` or `https:` URI in printable ASCII.
#[derive(Clone)]
struct ListUnsubscribe(String);

/// The URI may be called by one click (RFC 8058).
#[derive(Clone)]
struct ListUnsubscribePost;

impl ListUnsubscribe {
    fn parse(uri: &str) -> Result<ListUnsubscribe, Outcome> {
        let known = uri.starts_with("https://") || uri.starts_with("mailto:");
        let plain = uri
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"<>,\"".contains(&b));
        if known && plain && uri.len() <= 900 {
            Ok(ListUnsubscribe(format!("<{uri}>")))
        } else {
            Err(misconfigured(
                "the unsubscribe address is neither a `mailto:` nor an `https:` URI",
            ))
        }
    }
}

/// Headers that only ever leave, with values that are printable ASCII by construction.
macro_rules! outgoing_header {
    ($type:ident, $name:literal, |$this:ident| $value:expr) => {
        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Err("this header is written, never read".into())
            }

            fn display(&self) -> HeaderValue {
                let $this = self;
                let value: String = $value;
                HeaderValue::dangerous_new_pre_encoded(Self::name(), value.clone(), value)
            }
        }
    };
}

outgoing_header!(AutoSubmitted, "Auto-Submitted", |_this| "auto-generated"
    .to_owned());
outgoing_header!(ListUnsubscribe, "List-Unsubscribe", |this| this.0.clone());
outgoing_header!(ListUnsubscribePost, "List-Unsubscribe-Post", |_this| {
    "List-Unsubscribe=One-Click".to_owned()
});

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::channels::sample;
    use crate::domain::{Email, Sender};

    fn text_of(parcel: &Parcel) -> String {
        String::from_utf8(build(parcel).unwrap().bytes).unwrap()
    }

    fn proof_of(parcel: &Parcel) -> NotSentProof {
        match build(parcel) {
            Err(Outcome::NotSent { proof, .. }) => proof,
            _ => panic!("expected a refusal"),
        }
    }

    #[test]
    fn headers_come_from_the_parcel() {
        let text = text_of(&sample::email(1));
        for line in [
            "Message-ID: <01900000-0000-7000-8000-000000000001@ruian.example>\r\n",
            "Date: Tue, 07 Apr 2026 07:30:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
            "<li.wei@example.com>\r\n",
            "boundary=\"dunwell-01900000000070008000000000000001\"",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("List-Unsubscribe"));
        assert_eq!(
            text,
            text_of(&sample::email(1)),
            "the same parcel is the same bytes"
        );
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn unsubscribing() {
        let check = |uri: &str, list: &str, one_click: bool| {
            let text = text_of(&Parcel {
                unsubscribe: Some(uri.to_owned()),
                ..sample::email(1)
            });
            assert!(
                text.contains(&format!("\r\nList-Unsubscribe: {list}\r\n")),
                "{uri}: {text}"
            );
            assert_eq!(
                text.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"),
                one_click
            );
        };
        check("https://pay.example/u/abc", "<https://pay.example/u/abc>", true);
        check("mailto:stop@ruian.example", "<mailto:stop@ruian.example>", false);
        for bad in [
            "http://pay.example/u",
            "https://pay.example/a b",
            "mailto:a@b>\r\nBcc: c@example.com",
            "stop",
        ] {
            let parcel = Parcel {
                unsubscribe: Some(bad.to_owned()),
                ..sample::email(1)
            };
            assert_eq!(proof_of(&parcel), NotSentProof::Misconfigured, "{bad}");
        }
    }

    #[test]
    fn nothing_smuggles_in_a_header() {
        for name in ["瑞安\r\nBcc: c@example.com", "a\nb", "a\rb", "a\0b", "\r\n"] {
            let sender = Sender {
                name: name.to_owned(),
                ..sample::sender()
            };
            let parcel = Parcel {
                sender: Arc::new(sender),
                ..sample::email(1)
            };
            assert_eq!(proof_of(&parcel), NotSentProof::ContentRefused, "{name:?}");
        }
        let email = Email {
            subject: "a\r\nBcc: c@example.com".to_owned(),
            text: "a".to_owned(),
            html: String::new(),
        };
        let parcel = Parcel {
            draft: Arc::new(Draft::Email(email)),
            ..sample::email(1)
        };
        assert_eq!(proof_of(&parcel), NotSentProof::ContentRefused);
    }

    #[test]
    fn a_sender_without_address_cannot_write() {
        let sender = Sender {
            email: None,
            ..sample::sender()
        };
        let parcel = Parcel {
            sender: Arc::new(sender),
            ..sample::email(1)
        };
        assert_eq!(proof_of(&parcel), NotSentProof::Misconfigured);
    }
}
