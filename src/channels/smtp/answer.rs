//! What each way of failing proves. Pure; the table of this module is the promise of the carrier.
//!
//! | where | answer 4xx | answer 5xx | lost, silent or unclear |
//! | --- | --- | --- | --- |
//! | open (greeting, EHLO, STARTTLS, AUTH) | never connected | misconfigured | never connected |
//! | MAIL, RCPT, DATA | deferred | refused | never connected |
//! | message and final dot | deferred | refused | **unknown** |
//!
//! A server takes a message over with its answer to the final dot (RFC 5321, 4.2.5). Before the first byte of the
//! message it cannot have taken anything; afterwards only a negative answer proves that it did not.

use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::Response;

use crate::channels::carrier::{NotSentProof, Outcome};

/// Where a conversation stood when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Connecting, greeting, encrypting, logging in.
    Open,
    /// MAIL FROM.
    From,
    /// RCPT TO.
    To,
    /// DATA.
    Data,
    /// The message itself and its final dot.
    Message,
}

impl Step {
    fn as_str(self) -> &'static str {
        match self {
            Step::Open => "the greeting",
            Step::From => "the sender",
            Step::To => "the recipient",
            Step::Data => "the announcement of the message",
            Step::Message => "the message",
        }
    }
}

/// How it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A negative answer with this code.
    Answer(u16),
    /// The connection could not be made or broke.
    Lost,
    /// No answer in time.
    Silent,
    /// An answer that SMTP does not know.
    Unclear,
    /// The server offers no encryption, or its certificate is not trusted.
    NotEncrypted,
    /// The server offers no way of logging in that we know.
    NoLogin,
    /// Unencrypted, and the address is not this machine.
    NotLoopback,
    /// An address holds letters beyond ASCII and the server does not take them.
    NoForeignAddresses,
    /// The message is 8-bit and the server does not take it.
    NoEightBit,
}

impl Failure {
    /// What an error of the mail library stands for. Its text is not used: it may repeat an address.
    pub(super) fn of(error: &Error) -> Failure {
        match error.status() {
            Some(code) => Failure::Answer(code.into()),
            None if error.is_tls() => Failure::NotEncrypted,
            None if error.is_timeout() => Failure::Silent,
            // The library also calls a closed connection a bad response ("incomplete response").
            None if error.is_client() => Failure::Unclear,
            None => Failure::Lost,
        }
    }

    /// Whether a kept connection had been closed by the server in the meantime.
    pub(super) fn is_lost_connection(&self) -> bool {
        matches!(self, Failure::Lost | Failure::Answer(421))
    }

    /// Whether the conversation can go on with another message.
    pub(super) fn keeps_connection(&self) -> bool {
        match self {
            Failure::Answer(code) => *code != 421,
            Failure::NoForeignAddresses | Failure::NoEightBit => true,
            _ => false,
        }
    }
}

/// What a failure at `step` proves.
pub(super) fn outcome_of(step: Step, failure: &Failure) -> Outcome {
    let place = step.as_str();
    let proof = match (step, failure) {
        (_, Failure::NotEncrypted) if step != Step::Message => NotSentProof::Misconfigured,
        (_, Failure::NoLogin | Failure::NotLoopback) => NotSentProof::Misconfigured,
        (_, Failure::NoForeignAddresses | Failure::NoEightBit) => NotSentProof::ContentRefused,
        (Step::Open, Failure::Answer(500..)) => NotSentProof::Misconfigured,
        (Step::Open, Failure::Answer(_)) => NotSentProof::NeverConnected,
        (_, Failure::Answer(500..)) => NotSentProof::Refused,
        (_, Failure::Answer(_)) => NotSentProof::Deferred,
        (Step::Message, _) => return Outcome::unknown(format!("{} during {place}", words(step, failure))),
        _ => NotSentProof::NeverConnected,
    };
    let reason = match failure {
        Failure::Answer(code) => format!("the server answered {code} to {place}"),
        other => format!("{} during {place}", words(step, other)),
    };
    Outcome::not_sent(proof, reason)
}

fn words(step: Step, failure: &Failure) -> &'static str {
    match failure {
        Failure::Lost if step != Step::Open => "the connection broke",
        Failure::Answer(_) => "a negative answer",
        Failure::Lost => "no connection",
        Failure::Silent => "no answer in time",
        Failure::Unclear => "an unclear answer",
        Failure::NotEncrypted => "no trusted encryption",
        Failure::NoLogin => "no way of logging in",
        Failure::NotLoopback => "an address beyond this machine without encryption",
        Failure::NoForeignAddresses => "an address the server cannot take",
        Failure::NoEightBit => "an encoding the server cannot take",
    }
}

/// The server's own name for the message, where its answer gives one as the common servers do.
pub(super) fn queue_name(response: &Response) -> Option<String> {
    let line = response.first_line()?;
    let after = ["queued as ", "id="]
        .iter()
        .find_map(|mark| line.split_once(mark))?
        .1;
    let is_name = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let name: String = after.chars().take_while(is_name).take(64).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::response::{Category, Code, Detail, Severity};

    use super::*;

    fn word(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::NotSent { proof, .. } => proof.as_str(),
            Outcome::Unknown { .. } | Outcome::Gathered(_) => "unknown",
        }
    }

    #[test]
    fn the_table() {
        use Failure::*;
        use Step::*;
        let table = [
            (Open, Lost, "never_connected"),
            (Open, Silent, "never_connected"),
            (Open, Unclear, "never_connected"),
            (Open, Answer(421), "never_connected"),
            (Open, Answer(454), "never_connected"),
            (Open, Answer(535), "misconfigured"),
            (Open, Answer(554), "misconfigured"),
            (Open, NotEncrypted, "misconfigured"),
            (Open, NoLogin, "misconfigured"),
            (Open, NotLoopback, "misconfigured"),
            (From, Answer(451), "deferred"),
            (From, Answer(550), "refused"),
            (From, Lost, "never_connected"),
            (From, NoForeignAddresses, "content_refused"),
            (From, NoEightBit, "content_refused"),
            (To, Answer(450), "deferred"),
            (To, Answer(550), "refused"),
            (To, Silent, "never_connected"),
            (Data, Answer(452), "deferred"),
            (Data, Answer(554), "refused"),
            (Data, Unclear, "never_connected"),
            (Message, Answer(421), "deferred"),
            (Message, Answer(451), "deferred"),
            (Message, Answer(554), "refused"),
            (Message, Lost, "unknown"),
            (Message, Silent, "unknown"),
            (Message, Unclear, "unknown"),
            (Message, NotEncrypted, "unknown"),
        ];
        for (step, failure, expected) in table {
            assert_eq!(
                word(&outcome_of(step, &failure)),
                expected,
                "{step:?} {failure:?}"
            );
        }
    }

    #[test]
    fn queue_names() {
        let check = |line: &str, expected: Option<&str>| {
            let code = Code::new(Severity::PositiveCompletion, Category::MailSystem, Detail::Zero);
            let response = Response::new(code, vec![line.to_owned()]);
            assert_eq!(queue_name(&response).as_deref(), expected, "{line}");
        };
        check("2.0.0 Ok: queued as 4F1A2B3C", Some("4F1A2B3C"));
        check("OK id=1rXyZa-0001Ab-2C", Some("1rXyZa-0001Ab-2C"));
        check("OK", None);
        check("queued as <a@example.com>", None);
    }
}
