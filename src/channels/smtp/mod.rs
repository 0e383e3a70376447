//! E-mail over SMTP: kept connections without Nagle's delay, one message a transaction, and an honest answer.
//!
//! Here: settings, the shelf of idle connections, one message from bytes to outcome. The words exchanged with a server
//! stand in `talk`, what each way of failing means in `answer`, opening and encrypting a connection in `wire`. Messages
//! are built by `mail` and signed by `dkim`.

mod answer;
mod talk;
mod wire;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::response::Response;
use secrecy::SecretString;
use tokio::time::{Instant, timeout};

use self::answer::{Failure, Step, outcome_of};
use self::talk::{Broken, Talk};
use self::wire::Wire;
use super::carrier::{BoxFuture, Capability, Carrier, Idempotency, Lookup, NotSentProof, Outcome};
use super::dkim::Dkim;
use super::mail::{self, Mail};
use super::parcel::Parcel;
use crate::domain::Channel;

const NAME: &str = "smtp";

/// An idle connection older than this is not used again; servers hang up after a while.
const IDLE: Duration = Duration::from_secs(20);

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Starts in the clear and must be upgraded before anything else; usually port 587.
    StartTls,
    /// Encrypted from the first byte; usually port 465.
    Tls,
    /// Not encrypted, and therefore only to this machine.
    PlainOnLoopback,
}

/// Where and how e-mail is handed over.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Host name; the certificate must carry it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub security: SmtpSecurity,
    /// Account and password, where the server wants them.
    pub login: Option<(String, SecretString)>,
    /// The name this machine greets with.
    pub hello_name: String,
    /// Certificates in PEM form that are trusted beside those of the system, e.g. of a company's own authority.
    pub extra_roots: Option<Vec<u8>>,
    /// Connections kept for the next message.
    pub kept_connections: usize,
    /// Messages after which a connection is not used again.
    pub messages_per_connection: u32,
    /// How long the server may take to connect or to answer one command.
    pub answer_seconds: u32,
    /// How long it may take to say whether it took the message over.
    pub final_answer_seconds: u32,
    /// Signs every message; `None`: the mail server does, or nobody.
    pub dkim: Option<Dkim>,
    /// The name shown beside the sender's address; `None`: the sender's own.
    pub from_name: Option<String>,
}

impl SmtpSettings {
    /// The usual values for `host`: STARTTLS on port 587, no login.
    pub fn new(host: impl Into<String>) -> SmtpSettings {
        SmtpSettings {
            host: host.into(),
            port: 587,
            security: SmtpSecurity::StartTls,
            login: None,
            hello_name: "localhost".to_owned(),
            extra_roots: None,
            kept_connections: 8,
            messages_per_connection: 100,
            answer_seconds: 60,
            final_answer_seconds: 600,
            dkim: None,
            from_name: None,
        }
    }
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// The host is no host name and no address.
    #[error("`{0}` is neither a host name nor an address")]
    Host(String),
    /// Unencrypted mail would leave the machine.
    #[error("mail without encryption is only allowed to `localhost`, `127.0.0.1` or `::1`")]
    PlainBeyondLoopback,
    /// No certificate can be checked.
    #[error("the certificates cannot be loaded: {0}")]
    Certificates(String),
    /// A line break or the like in a name.
    #[error("the login and the greeting name must not hold control characters")]
    ControlCharacter,
}

/// Hands e-mails to one SMTP server.
pub struct Smtp {
    settings: SmtpSettings,
    wire: Wire,
    shelf: Mutex<Vec<Kept>>,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Smtp({}:{})", self.settings.host, self.settings.port)
    }
}

/// A connection between two messages.
struct Kept {
    talk: Talk,
    messages: u32,
    idle_since: Instant,
}

impl Smtp {
    /// Checks the settings and loads the certificates; connects to nothing yet.
    pub fn new(settings: SmtpSettings) -> Result<Smtp, SmtpError> {
        let wire = Wire::new(&settings)?;
        Ok(Smtp {
            settings,
            wire,
            shelf: Mutex::new(Vec::new()),
        })
    }

    async fn deliver(&self, parcel: &Parcel) -> Outcome {
        // A panic of the builder comes back as an outcome, so what is below runs for whole messages only.
        let mut mail = match mail::build(parcel, self.settings.from_name.as_deref()) {
            Ok(mail) => mail,
            Err(outcome) => return outcome,
        };
        if let Some(dkim) = &self.settings.dkim {
            match dkim.sign(&mail.domain, parcel.at(), &mail.bytes) {
                Some(signed) => mail.bytes = signed,
                None => {
                    return Outcome::not_sent(NotSentProof::Misconfigured, "the mail could not be signed");
                }
            }
        }
        match self.transact(&mail).await {
            Ok(response) => Outcome::accepted(NAME, answer::queue_name(&response)),
            Err(broken) => outcome_of(broken.step, &broken.failure),
        }
    }

    /// One message over a kept connection, or over a new one.
    ///
    /// A kept connection that turns out to be dead at the very first answer is replaced once: no server has seen a byte
    /// of the message then.
    async fn transact(&self, mail: &Mail) -> Result<Response, Broken> {
        if let Some(kept) = self.take() {
            match self.converse(kept, mail).await {
                Err(Broken {
                    step: Step::From,
                    failure,
                    ..
                }) if failure.is_lost_connection() => {}
                other => return other,
            }
        }
        let talk = self.open().await.map_err(Broken::opening)?;
        self.converse(
            Kept {
                talk,
                messages: 0,
                idle_since: Instant::now(),
            },
            mail,
        )
        .await
    }

    /// A connection that has greeted, is encrypted as set, and has logged in.
    async fn open(&self) -> Result<Talk, Failure> {
        let opening = async {
            let connection = self.wire.open(&self.settings).await?;
            Talk::new(connection, &self.settings).await
        };
        timeout(self.answer_limit(), opening)
            .await
            .unwrap_or(Err(Failure::Silent))
    }

    /// One message; afterwards the connection goes back on the shelf if it is sound.
    async fn converse(&self, mut kept: Kept, mail: &Mail) -> Result<Response, Broken> {
        let said = kept.talk.hand_over(mail).await;
        let sound = match &said {
            Ok(_) => true,
            Err(broken) => broken.sound && kept.talk.reset().await,
        };
        kept.messages += 1;
        if sound && kept.messages < self.settings.messages_per_connection {
            kept.idle_since = Instant::now();
            self.put(kept);
        }
        said
    }

    fn answer_limit(&self) -> Duration {
        Duration::from_secs(self.settings.answer_seconds.into())
    }

    /// The connection used last; those that have idled too long are let go.
    fn take(&self) -> Option<Kept> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.retain(|kept| kept.idle_since.elapsed() < IDLE);
        shelf.pop()
    }

    fn put(&self, kept: Kept) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.len() < self.settings.kept_connections {
            shelf.push(kept);
        }
    }
}

impl Carrier for Smtp {
    fn capability(&self) -> Capability {
        let answers = self.settings.answer_seconds.saturating_mul(7);
        Capability {
            name: NAME,
            channel: Channel::Email,
            idempotency: Idempotency::None,
            lookup: Lookup::None,
            latest_accept_seconds: answers.saturating_add(self.settings.final_answer_seconds),
            settle_seconds: 0,
            receipts: false,
            not_sent_answers: &[
                "4xx at any step",
                "5xx at any step",
                "connection lost before the message",
            ],
            refuses: &[
                "control characters in names and subjects",
                "addresses beyond ASCII where the server does not take them (SMTPUTF8)",
            ],
        }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        Box::pin(self.deliver(parcel))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), Outcome>> {
        Box::pin(async {
            match self.open().await {
                Ok(talk) => {
                    talk.goodbye().await;
                    Ok(())
                }
                Err(failure) => Err(outcome_of(Step::Open, &failure)),
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let kept = std::mem::take(&mut *self.shelf.lock().unwrap_or_else(PoisonError::into_inner));
            for kept in kept {
                kept.talk.goodbye().await;
            }
        })
    }
}
