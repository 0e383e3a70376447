//! A mail of the operator's own, to an auditor or another place outside, over the mail server of the settings. It never
//! goes to anybody who owes: it takes no parcel, no draft and no address of a debtor.

use std::time::{Duration, SystemTime};

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;

use super::{SmtpSecurity, SmtpSettings};
use crate::domain::{EmailAddress, Moment};

/// What is written to whom.
#[derive(Debug, Clone)]
pub struct OwnMail<'a> {
    /// The operator's address.
    pub from: &'a EmailAddress,
    /// Whoever keeps it.
    pub to: &'a EmailAddress,
    /// One line.
    pub subject: &'a str,
    /// Plain text.
    pub text: String,
    /// Name of the attached text file, and what is in it.
    pub attached: (String, String),
    /// What tells it from every other: printable ASCII without blanks.
    pub id: String,
    /// Its date.
    pub at: Moment,
}

/// Hands a mail over. It is sent at most once for each call.
///
/// # Errors
/// What the server or the connection said, in a sentence without addresses.
pub async fn send_own(settings: &SmtpSettings, mail: &OwnMail<'_>) -> Result<(), String> {
    let message = built(mail)?;
    let host = settings.host.as_str();
    let builder = match settings.security {
        SmtpSecurity::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host),
        SmtpSecurity::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(host),
        SmtpSecurity::PlainOnLoopback => {
            let here =
                host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
            if !here {
                return Err(super::SmtpError::PlainBeyondLoopback.to_string());
            }
            Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host))
        }
    };
    let mut builder = builder
        .map_err(|e| e.to_string())?
        .port(settings.port)
        .timeout(Some(Duration::from_secs(settings.answer_seconds.into())));
    if let Some((user, password)) = &settings.login {
        let password = password.expose_secret().to_owned();
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    match builder.build().send(message).await {
        Ok(_) => Ok(()),
        Err(e) => Err(said(&e)),
    }
}

/// Why it failed, without what the server said: that may repeat addresses.
fn said(e: &lettre::transport::smtp::Error) -> String {
    match e.status() {
        Some(code) => format!("the mail server refused with {code}"),
        None if e.is_timeout() => "the mail server did not answer in time".to_owned(),
        None if e.is_tls() => "the mail server's certificate does not hold".to_owned(),
        None => "the mail server cannot be reached, or the exchange failed".to_owned(),
    }
}

fn built(mail: &OwnMail<'_>) -> Result<Message, String> {
    let plain = |text: &str| !text.chars().any(char::is_control);
    if !plain(mail.subject) || !plain(&mail.attached.0) || !mail.id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("a line of the mail holds a control character".to_owned());
    }
    let mailbox = |address: &EmailAddress| -> Result<Mailbox, String> {
        let read = address.as_str().parse();
        let read = read.map_err(|_| "an address has a form that cannot be sent to".to_owned())?;
        Ok(Mailbox::new(None, read))
    };
    let (name, body) = &mail.attached;
    let parts = MultiPart::mixed()
        .boundary(format!("dunwell-{}", mail.id))
        .singlepart(SinglePart::plain(mail.text.clone()))
        .singlepart(Attachment::new(name.clone()).body(body.clone(), ContentType::TEXT_PLAIN));
    Message::builder()
        .message_id(Some(format!("<{}@{}>", mail.id, mail.from.domain())))
        .date(SystemTime::from(mail.at.utc()))
        .from(mailbox(mail.from)?)
        .to(mailbox(mail.to)?)
        .subject(mail.subject)
        .multipart(parts)
        .map_err(|_| "the mail cannot be built".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_mail_is_the_same_bytes_and_nothing_smuggles_in_a_header() {
        let (from, to) = (
            EmailAddress::parse("log@ruian.example").unwrap(),
            EmailAddress::parse("auditor@example.org").unwrap(),
        );
        let mail = |subject| OwnMail {
            from: &from,
            to: &to,
            subject,
            text: "keep this".into(),
            attached: (
                "checkpoint.txt".into(),
                "dunwell/1\n3\nabc=\n\n\u{2014} x y\n".into(),
            ),
            id: "head-3".into(),
            at: Moment::parse("2026-03-01T00:00:00.000000Z").unwrap(),
        };
        let text = String::from_utf8(built(&mail("a head")).unwrap().formatted()).unwrap();
        assert!(
            text.contains("To: auditor@example.org\r\n") && text.contains("checkpoint.txt"),
            "{text}"
        );
        assert_eq!(text.as_bytes(), built(&mail("a head")).unwrap().formatted());
        assert!(built(&mail("a\r\nBcc: b@example.com")).is_err());
    }
}
