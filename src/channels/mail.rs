//! An e-mail as bytes: the same for the wire and for the sandbox, and the same every time it is built.
//!
//! Exactly one recipient; text and HTML with the same words; Message-ID, date and boundary come from the parcel, so
//! nothing random or present gets in. What could smuggle in a header is refused before the builder sees it. Domains
//! leave in ASCII (IDNA, RFC 5891), so that only a local part beyond ASCII needs a server that takes it (RFC 6531).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use super::carrier::{NotSentProof, Outcome};
use super::parcel::Parcel;
use crate::domain::{Address, Draft, EmailAddress};

/// A message ready for the wire.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Mail {
    /// Envelope sender: where bounces go.
    pub(super) from: lettre::Address,
    /// The domain of the sender's own address, in ASCII.
    pub(super) domain: String,
    /// The one envelope recipient.
    pub(super) to: lettre::Address,
    /// Header and body, lines ending in CR LF.
    pub(super) bytes: Vec<u8>,
}

const UNBUILDABLE: &str = "the message builder refused the content";

/// Builds the message of `parcel`, or says why it can never be sent. `from_name` stands beside the sender's address in
/// place of the sender's own name.
pub(super) fn build(parcel: &Parcel, from_name: Option<&str>) -> Result<Mail, Outcome> {
    // The builder panics on some texts that the checks below are there to keep out; a panic proves nothing was sent.
    catch_unwind(AssertUnwindSafe(|| build_checked(parcel, from_name)))
        .unwrap_or_else(|_| Err(Outcome::not_sent(NotSentProof::ContentRefused, UNBUILDABLE)))
}

fn build_checked(parcel: &Parcel, from_name: Option<&str>) -> Result<Mail, Outcome> {
    let (Draft::Email(email), Address::Email(to)) = (&*parcel.draft, &parcel.to) else {
        return Err(misconfigured("the parcel is no e-mail"));
    };
    let Some(from) = &parcel.sender.email else {
        return Err(misconfigured("the sender has no e-mail address"));
    };
    let from_name = from_name.unwrap_or(&parcel.sender.name);
    let one_line = [from_name, parcel.recipient_name.as_str(), &email.subject];
    if one_line.iter().any(|text| text.chars().any(char::is_control)) {
        return Err(refused(
            "a name or the subject holds a line break or another control character",
        ));
    }
    if [&email.text, &email.html].iter().any(|text| text.contains('\0')) {
        return Err(refused("the text holds a NUL character"));
    }
    let (from_address, to_address) = (address(from)?, address(to)?);
    let domain = from_address.domain().to_owned();
    let returns_to = match &parcel.return_path {
        Some(path) => address(path)?,
        None => from_address.clone(),
    };
    let from_box = Mailbox::new(Some(from_name.to_owned()), from_address);
    let to_box = Mailbox::new(
        Some(parcel.recipient_name.as_str().to_owned()),
        to_address.clone(),
    );
    let mut message = Message::builder()
        .message_id(Some(format!("<{}@{domain}>", parcel.attempt())))
        .date(SystemTime::from(parcel.at().utc()))
        .from(from_box.clone())
        .reply_to(from_box)
        .to(to_box)
        .subject(email.subject.clone())
        .header(AutoSubmitted);
    if !parcel.unsubscribe.is_empty() {
        message = message.header(ListUnsubscribe::parse(&parcel.unsubscribe)?);
        if parcel.unsubscribe.iter().any(|uri| uri.starts_with("https://")) {
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
        from: returns_to,
        domain,
        to: to_address,
        bytes: message.formatted(),
    })
}

/// The address as it goes on the wire: its domain in ASCII.
fn address(address: &EmailAddress) -> Result<lettre::Address, Outcome> {
    let unsendable = || refused("an e-mail address has a form that cannot be sent to");
    let (local, domain) = address.as_str().rsplit_once('@').ok_or_else(unsendable)?;
    let domain = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| unsendable())?;
    lettre::Address::new(local, domain).map_err(|_| unsendable())
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

/// How to unsubscribe (RFC 2369): `https:` and `mailto:` URIs in printable ASCII, the best one first.
#[derive(Clone)]
struct ListUnsubscribe(String);

/// The URI may be called by one click (RFC 8058).
#[derive(Clone)]
struct ListUnsubscribePost;

impl ListUnsubscribe {
    fn parse(uris: &[String]) -> Result<ListUnsubscribe, Outcome> {
        let usable = |uri: &String| {
            let known = uri.starts_with("https://") || uri.starts_with("mailto:");
            let plain = uri
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"<>,\"".contains(&b));
            known && plain && uri.len() <= 450
        };
        if uris.len() <= 2 && uris.iter().all(usable) {
            let each: Vec<String> = uris.iter().map(|uri| format!("<{uri}>")).collect();
            Ok(ListUnsubscribe(each.join(", ")))
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
        String::from_utf8(build(parcel, None).unwrap().bytes).unwrap()
    }

    fn proof_of(parcel: &Parcel) -> NotSentProof {
        match build(parcel, None) {
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
                unsubscribe: uri.split(' ').map(str::to_owned).collect(),
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
        check(
            "https://pay.example/u/abc mailto:stop@ruian.example",
            "<https://pay.example/u/abc>, <mailto:stop@ruian.example>",
            true,
        );
        for bad in [
            "http://pay.example/u",
            "https://pay.example/a b",
            "mailto:a@b>\r\nBcc: c@example.com",
            "stop",
        ] {
            let parcel = Parcel {
                unsubscribe: vec![bad.to_owned()],
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

    #[test]
    fn bounces_go_where_they_are_expected_and_the_shown_name_may_be_another() {
        let parcel = sample::email(1);
        let mail = build(&parcel, None).unwrap();
        assert_eq!(
            (mail.from.to_string().as_str(), mail.domain.as_str()),
            ("accounts@ruian.example", "ruian.example")
        );
        let path = EmailAddress::parse("bounce+abc@mail.ruian.example").unwrap();
        let mail = build(&parcel.with_return_path(Some(path)), Some("Ruian Trading")).unwrap();
        assert_eq!(mail.from.to_string(), "bounce+abc@mail.ruian.example");
        let text = String::from_utf8(mail.bytes).unwrap();
        assert!(
            text.contains("From: \"Ruian Trading\" <accounts@ruian.example>\r\n"),
            "{text}"
        );
        let broken = build(&sample::email(1), Some("a\r\nBcc: c@example.com"));
        assert!(broken.is_err());
    }

    #[test]
    fn domains_leave_in_ascii_and_local_parts_as_they_are() {
        let check = |given: &str, expected: Option<&str>| {
            let given = EmailAddress::parse(given).unwrap();
            assert_eq!(
                address(&given).ok().map(|a| a.to_string()).as_deref(),
                expected,
                "{given:?}"
            );
        };
        check("li.wei@Example.com", Some("li.wei@example.com"));
        check("li.wei@例子.example", Some("li.wei@xn--fsqu00a.example"));
        check("李伟@例子.example", Some("李伟@xn--fsqu00a.example"));
        check("li+tag@bücher.example", Some("li+tag@xn--bcher-kva.example"));
        check("a@xn--a.example", None);
    }
}
