//! What is said to a mail server about one message: MAIL, RCPT, DATA, and the message itself.
//!
//! A server that offers it (PIPELINING, RFC 2920) hears the first three in one go, and their answers are read in order; the
//! others hear one after the other. Either way nothing of the message leaves before the server has asked for it.

use std::fmt;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail as MailFrom, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use super::SmtpSettings;
use super::answer::{Failure, Step};
use crate::channels::mail::Mail;

/// One open connection.
pub(super) struct Talk {
    connection: AsyncSmtpConnection,
    pipelining: bool,
    answer: Duration,
    final_answer: Duration,
}

/// A message that did not get through, and where.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) step: Step,
    pub(super) failure: Failure,
    /// Whether the connection can be used again.
    pub(super) sound: bool,
}

impl Broken {
    /// The conversation did not begin.
    pub(super) fn opening(failure: Failure) -> Broken {
        Broken {
            step: Step::Open,
            failure,
            sound: false,
        }
    }

    fn at(step: Step, failure: Failure) -> Broken {
        let sound = step != Step::Message && failure.keeps_connection();
        Broken { step, failure, sound }
    }
}

/// The three commands before a message, in one go.
struct Envelope(MailFrom, Rcpt);

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{Data}", self.0, self.1)
    }
}

impl Talk {
    /// Asks what the server can do. The mail library knows four abilities and keeps no others, so it is asked once more.
    pub(super) async fn new(
        mut connection: AsyncSmtpConnection,
        settings: &SmtpSettings,
    ) -> Result<Talk, Failure> {
        let hello = Ehlo::new(ClientId::Domain(settings.hello_name.clone()));
        let offers = connection.command(hello).await.map_err(|e| Failure::of(&e))?;
        let pipelining = offers
            .message()
            .skip(1)
            .any(|line| line.trim().eq_ignore_ascii_case("PIPELINING"));
        Ok(Talk {
            connection,
            pipelining,
            answer: Duration::from_secs(settings.answer_seconds.into()),
            final_answer: Duration::from_secs(settings.final_answer_seconds.into()),
        })
    }

    /// Hands one message over.
    pub(super) async fn hand_over(&mut self, mail: &Mail) -> Result<Response, Broken> {
        let from = MailFrom::new(Some(mail.from.clone()), self.options(mail)?);
        let to = Rcpt::new(mail.to.clone(), Vec::new());
        if self.pipelining {
            self.envelope(from, to).await?;
        } else {
            let said = self.ask(from).await;
            done(Step::From, said)?;
            let said = self.ask(to).await;
            done(Step::To, said)?;
            let said = self.ask(Data).await;
            go_ahead(said)?;
        }
        // Point of no return: from here on only a negative answer proves that the message was not taken over.
        let broken = |failure| Broken::at(Step::Message, failure);
        match timeout(self.final_answer, self.connection.message(&mail.bytes)).await {
            Ok(Ok(response)) if u16::from(response.code()) / 100 == 2 => Ok(response),
            Ok(Ok(_)) => Err(broken(Failure::Unclear)),
            Ok(Err(e)) => Err(broken(Failure::of(&e))),
            Err(_) => Err(broken(Failure::Silent)),
        }
    }

    /// What the server must be able to do for this message.
    fn options(&self, mail: &Mail) -> Result<Vec<MailParameter>, Broken> {
        let server = self.connection.server_info();
        let ascii = |address: &lettre::Address| AsRef::<str>::as_ref(address).is_ascii();
        let mut options = Vec::new();
        if !(ascii(&mail.from) && ascii(&mail.to)) {
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err(Broken::at(Step::From, Failure::NoForeignAddresses));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !mail.bytes.is_ascii() {
            if !server.supports_feature(Extension::EightBitMime) {
                return Err(Broken::at(Step::From, Failure::NoEightBit));
            }
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(options)
    }

    /// MAIL, RCPT and DATA in one go. All three answers are read, whatever the first says. A server that asks for the
    /// message though it refused sender or recipient gets none: the connection is given up, and what was never ended by a
    /// dot was never handed over.
    async fn envelope(&mut self, from: MailFrom, to: Rcpt) -> Result<(), Broken> {
        let said = self.ask(Envelope(from, to)).await;
        let from = done(Step::From, said);
        if matches!(&from, Err(broken) if !matches!(broken.failure, Failure::Answer(_))) {
            return from;
        }
        let said = self.listen().await;
        let to = done(Step::To, said);
        if matches!(&to, Err(broken) if !matches!(broken.failure, Failure::Answer(_))) {
            return from.and(to);
        }
        let said = self.listen().await;
        let go = go_ahead(said);
        let refused = from.and(to);
        match (refused, go) {
            (Ok(()), go) => go,
            (Err(broken), Err(Broken { sound: true, .. })) => Err(broken),
            (Err(broken), _) => Err(Broken {
                sound: false,
                ..broken
            }),
        }
    }

    /// Begins anew after a refusal.
    pub(super) async fn reset(&mut self) -> bool {
        self.ask(Rset).await.is_ok()
    }

    /// Says goodbye; whether it is answered does not matter.
    pub(super) async fn goodbye(mut self) {
        let _ = timeout(Duration::from_secs(2), self.connection.command(Quit)).await;
    }

    async fn ask(&mut self, command: impl fmt::Display) -> Result<Response, Failure> {
        match timeout(self.answer, self.connection.command(command)).await {
            Ok(answer) => answer.map_err(|e| Failure::of(&e)),
            Err(_) => Err(Failure::Silent),
        }
    }

    /// The next answer to what was asked in one go.
    async fn listen(&mut self) -> Result<Response, Failure> {
        match timeout(self.answer, self.connection.read_response()).await {
            Ok(answer) => answer.map_err(|e| Failure::of(&e)),
            Err(_) => Err(Failure::Silent),
        }
    }
}

fn done(step: Step, said: Result<Response, Failure>) -> Result<(), Broken> {
    match said {
        Ok(response) if u16::from(response.code()) / 100 == 2 => Ok(()),
        Ok(_) => Err(Broken::at(step, Failure::Unclear)),
        Err(failure) => Err(Broken::at(step, failure)),
    }
}

fn go_ahead(said: Result<Response, Failure>) -> Result<(), Broken> {
    match said {
        Ok(response) if response.has_code(354) => Ok(()),
        Ok(_) => Err(Broken::at(Step::Data, Failure::Unclear)),
        Err(failure) => Err(Broken::at(Step::Data, failure)),
    }
}
