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
        .message_id(Some(format!("<{}@{}>", parcel.attempt, from.domain())))
        .date(SystemTime::from(parcel.at.utc()))
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
    let parts = MultiPart::alternative().boundary(format!("dunwell-{}", parcel.attempt.0.simple()));
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
