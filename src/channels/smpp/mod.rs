//! Text messages over SMPP 3.4: one bound transceiver, a window of questions, receipts and replies on the same wire.
//!
//! Here: settings, the carrier, one message part by part. Many messages at once stand in `group`, bytes in `pdu`, alphabets
//! in `text`, receipts in `receipt`, the connection in `session` and `many`, when to connect in `link`, and what each answer
//! proves in `answer`. A message of several parts is `Accepted` when the centre took all of them, `NotSent` when it took
//! none.

mod answer;
mod group;
mod link;
mod many;
mod pdu;
mod receipt;
mod session;
mod text;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use self::answer::{Meaning, meaning, not_bound};
use self::link::Link;
use self::pdu::{Party, Submit};
use self::session::Answer;
use super::carrier::{
    Asked, BoxFuture, Capability, Carrier, Found, Idempotency, Inbox, Lookup, NotSentProof, Outcome,
};
use super::parcel::Parcel;
use crate::domain::{Address, AttemptId, Channel, Draft, SmsCoding};
use crate::store::ReceiptStatus;

pub use self::pdu::FieldError;
pub use self::receipt::MessageIds;

const NAME: &str = "smpp";

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmppSecurity {
    /// Encrypted from the first byte.
    Tls,
    /// Not encrypted; for private lines and tunnels.
    Plain,
}

/// How a message of several parts is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Segmentation {
    /// A header before each part (TS 23.040); every centre knows it.
    #[default]
    Header,
    /// Optional parameters `sar_*`.
    Parameters,
    /// The whole text in one frame, which the centre cuts.
    Payload,
}

/// Where and how texts are handed over.
#[derive(Debug, Clone)]
pub struct SmppSettings {
    /// Host name or address of the message centre.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub security: SmppSecurity,
    /// Account, at most 15 characters.
    pub system_id: String,
    /// Password, at most 8 characters.
    pub password: SecretString,
    /// What the centre wants there, often nothing.
    pub system_type: String,
    /// What the centre wants there, often nothing.
    pub service_type: String,
    /// The sender that recipients see: a number, a short code or a name of at most 11 characters.
    pub source: String,
    /// Type of number of the sender; `None`: told from what it looks like.
    pub source_ton: Option<u8>,
    /// Numbering plan of the sender; `None`: told from what it looks like.
    pub source_npi: Option<u8>,
    /// Messages under way at the same time.
    pub window: usize,
    /// How long to wait for an answer.
    pub answer_seconds: u32,
    /// After so long a silence the centre is asked whether it is there.
    pub enquire_seconds: u32,
    /// How ids of answers and receipts are related.
    pub message_ids: MessageIds,
    /// How long messages are told.
    pub segmentation: Segmentation,
    /// Whether the centre answers `query_sm`.
    pub queries: bool,
    /// Codes of this centre's own by which it refuses content.
    pub barred: Vec<u32>,
    /// Certificates in PEM form that are trusted beside those of the system.
    pub extra_roots: Option<Vec<u8>>,
}

impl SmppSettings {
    /// Usual settings: TLS, a window of 10.
    pub fn new(host: impl Into<String>, port: u16, system_id: impl Into<String>) -> SmppSettings {
        SmppSettings {
            host: host.into(),
            port,
            security: SmppSecurity::Tls,
            system_id: system_id.into(),
            password: SecretString::from(String::new()),
            system_type: String::new(),
            service_type: String::new(),
            source: String::new(),
            source_ton: None,
            source_npi: None,
            window: 10,
            answer_seconds: 30,
            enquire_seconds: 30,
            message_ids: MessageIds::Auto,
            segmentation: Segmentation::Header,
            queries: false,
            barred: Vec::new(),
            extra_roots: None,
        }
    }
}

/// Why the carrier cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SmppError {
    /// A setting that would break the format.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A name no certificate can carry.
    #[error("`host` is no name that a certificate could carry")]
    Host,
    /// Certificates that cannot be used.
    #[error("the certificates cannot be used: {0}")]
    Certificates(String),
}

/// Hands texts to a message centre.
pub struct Smpp {
    settings: Arc<SmppSettings>,
    source: Party,
    link: Arc<Link>,
}

impl std::fmt::Debug for Smpp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Smpp({}:{})", self.settings.host, self.settings.port)
    }
}

/// Type of number and numbering plan, from what a sender looks like.
fn source_of(settings: &SmppSettings) -> Party {
    let text = settings.source.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let (ton, npi) = match digits.bytes().all(|b| b.is_ascii_digit()) {
        _ if digits.is_empty() => (0, 0),
        true if text.starts_with('+') => (1, 1),
        // Short codes and service numbers such as 1069...: specific to the network.
        true => (3, 1),
        false => (5, 0),
    };
    Party {
        ton: settings.source_ton.unwrap_or(ton),
        npi: settings.source_npi.unwrap_or(npi),
        address: digits.to_owned(),
    }
}

/// The relative form of a validity (section 7.1.1.2): `YYMMDDhhmmss000R`.
fn validity(parcel: &Parcel) -> String {
    let Some(length) = parcel.validity() else {
        return String::new();
    };
    let minutes = length.num_minutes().clamp(1, 30 * 24 * 60);
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    format!("0000{days:02}{hours:02}{minutes:02}00000R")
}

/// A message ready to be handed over.
struct Ready<'p> {
    parcel: &'p Parcel,
    destination: Party,
    validity: String,
    coding: SmsCoding,
    parts: Vec<Vec<u8>>,
}

impl Ready<'_> {
    /// For whom a late answer counts: one of several parts says nothing about the message.
    fn named(&self) -> Option<AttemptId> {
        (self.parts.len() == 1).then(|| self.parcel.attempt())
    }
}

impl Smpp {
    /// Checks the settings; connects to nothing yet.
    pub fn new(settings: SmppSettings) -> Result<Smpp, SmppError> {
        let source = source_of(&settings);
        pdu::plain("source", &source.address, 20)?;
        pdu::plain("service_type", &settings.service_type, 5)?;
        let settings = Arc::new(settings);
        Ok(Smpp {
            source,
            link: Arc::new(Link::new(Arc::clone(&settings))?),
            settings,
        })
    }

    /// A message ready to be handed over, or why it never will be.
    fn ready<'p>(&self, parcel: &'p Parcel) -> Result<Ready<'p>, Outcome> {
        let (Draft::Sms(sms), Address::Phone(phone)) = (&*parcel.draft, &parcel.to) else {
            return Err(Outcome::not_sent(
                NotSentProof::Misconfigured,
                "only texts to telephones go by SMPP",
            ));
        };
        let Some(coded) = text::code(&sms.text) else {
            return Err(Outcome::not_sent(
                NotSentProof::ContentRefused,
                "the text holds control characters, or is too long to be sent in parts",
            ));
        };
        let coding = coded.coding;
        let parts = match (self.settings.segmentation, coding) {
            (Segmentation::Payload, SmsCoding::Ucs2) => {
                vec![sms.text.encode_utf16().flat_map(u16::to_be_bytes).collect()]
            }
            (Segmentation::Payload, SmsCoding::Gsm7) => vec![coded.parts.concat()],
            _ => coded.parts,
        };
        Ok(Ready {
            parcel,
            destination: Party {
                ton: 1,
                npi: 1,
                address: phone.e164().trim_start_matches('+').to_owned(),
            },
            validity: validity(parcel),
            coding,
            parts,
        })
    }

    async fn deliver(&self, parcel: &Parcel) -> Outcome {
        match self.ready(parcel) {
            Ok(ready) => self.hand_over(&ready, 0, Vec::new()).await,
            Err(outcome) => outcome,
        }
    }

    /// Part after part, from one that was not taken yet; what follows the first is offered again while the centre is only
    /// busy.
    async fn hand_over(&self, ready: &Ready<'_>, from: usize, mut references: Vec<String>) -> Outcome {
        let of = ready.parts.len();
        // How often a part that provably was not taken may be offered once more.
        let mut patience: u32 = 10;
        let mut part = from;
        while part < of {
            let session = match self.link.session().await {
                Ok(session) => session,
                Err(why) if part == 0 => return not_bound(why),
                Err(_) => return partly(part, of, references),
            };
            let attempt = ready.named();
            let asked = session.ask(attempt, |sequence| self.frame(ready, part, sequence));
            let answer = match asked.await {
                Ok(answer) => answer,
                Err(e) if part == 0 => return Outcome::not_sent(NotSentProof::Misconfigured, e.to_string()),
                Err(_) => return partly(part, of, references),
            };
            match meaning(&answer, &self.settings.barred) {
                Meaning::Took(id) => {
                    references.extend(id);
                    part += 1;
                }
                Meaning::NeverLeft if patience > 8 => patience -= 1,
                Meaning::NeverLeft if part == 0 => {
                    return Outcome::not_sent(
                        NotSentProof::NeverConnected,
                        "the connection was lost before the message left",
                    );
                }
                Meaning::Busy(outcome) | Meaning::No(outcome) if part == 0 => return outcome,
                Meaning::Busy(_) if patience > 0 => {
                    patience -= 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Meaning::NeverLeft | Meaning::Busy(_) | Meaning::No(_) => {
                    return partly(part, of, references);
                }
                Meaning::Unclear(reason) => return Outcome::unclear(reason, NAME, references),
            }
        }
        Outcome::accepted(NAME, references)
    }

    /// The bytes of one part.
    fn frame(&self, ready: &Ready<'_>, part: usize, sequence: u32) -> Result<Vec<u8>, FieldError> {
        let of = ready.parts.len();
        let number = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        let reference = ready.parcel.attempt().0.as_bytes()[15];
        let mut text = Vec::with_capacity(160);
        let (mut esm_class, mut parameters) = (0, Vec::new());
        match self.settings.segmentation {
            Segmentation::Header if of > 1 => {
                esm_class = 0x40;
                text.extend_from_slice(&text::part_header(reference, number(of), number(part + 1)));
                text.extend_from_slice(&ready.parts[part]);
            }
            Segmentation::Parameters if of > 1 => {
                parameters = vec![
                    (pdu::tag::SAR_MSG_REF_NUM, vec![0, reference]),
                    (pdu::tag::SAR_TOTAL_SEGMENTS, vec![number(of)]),
                    (pdu::tag::SAR_SEGMENT_SEQNUM, vec![number(part + 1)]),
                ];
                text.extend_from_slice(&ready.parts[part]);
            }
            Segmentation::Payload if ready.parts[part].len() > 160 => {
                parameters = vec![(pdu::tag::MESSAGE_PAYLOAD, ready.parts[part].clone())];
            }
            _ => text.extend_from_slice(&ready.parts[part]),
        }
        let submit = Submit {
            service_type: &self.settings.service_type,
            source: &self.source,
            destination: &ready.destination,
            esm_class,
            validity: &ready.validity,
            data_coding: text::data_coding(ready.coding),
            text: &text,
            parameters: &parameters,
        };
        pdu::submit(sequence, &submit)
    }

    async fn query(&self, asked: &Asked) -> Found {
        let Ok(session) = self.link.session().await else {
            return Found::Unclear;
        };
        let mut all = Vec::new();
        for id in &asked.references {
            let answer = session
                .ask(None, |sequence| pdu::query(sequence, id, &self.source))
                .await;
            let Ok(Answer::Status(0, body)) = answer else {
                return Found::Unclear;
            };
            match pdu::queried_state(&body).and_then(receipt::status_of_number) {
                Some(status) => all.push(status),
                None => return Found::Unclear,
            }
        }
        if all.is_empty() || !asked.whole {
            return Found::Unclear;
        }
        if all.contains(&ReceiptStatus::Undelivered) {
            Found::Undelivered
        } else if all.iter().all(|s| *s == ReceiptStatus::Delivered) {
            Found::Delivered
        } else {
            Found::Accepted { reference: None }
        }
    }
}

/// Some parts are with the centre, the others provably not: what the recipient sees of it, nobody can tell.
fn partly(taken: usize, of: usize, references: Vec<String>) -> Outcome {
    Outcome::unclear(
        format!("the centre took {taken} of {of} parts and not the rest"),
        NAME,
        references,
    )
}

impl Carrier for Smpp {
    fn capability(&self) -> Capability {
        Capability {
            name: NAME,
            channel: Channel::Sms,
            idempotency: Idempotency::None,
            lookup: if self.settings.queries {
                Lookup::ByTheirs
            } else {
                Lookup::None
            },
            latest_accept_seconds: self.settings.answer_seconds.saturating_mul(3).saturating_add(120),
            settle_seconds: 3600,
            receipts: true,
            not_sent_answers: &[
                "any status but 0",
                "generic_nack",
                "no bound connection",
                "connection lost before the frame was written",
            ],
            refuses: &["control characters", "more than 255 parts"],
        }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        Box::pin(self.deliver(parcel))
    }

    fn group_size(&self) -> usize {
        // Enough to keep the window full.
        self.settings.window.saturating_mul(4).clamp(16, 256)
    }

    fn send_group(&self, parcels: Arc<Vec<Parcel>>) -> BoxFuture<'_, Vec<Outcome>> {
        Box::pin(async move { self.deliver_all(&parcels).await })
    }

    fn look_up<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, Found> {
        Box::pin(self.query(asked))
    }

    fn listen(&self, inbox: Inbox) {
        self.link.listen(inbox);
    }

    fn check(&self) -> BoxFuture<'_, Result<(), Outcome>> {
        Box::pin(async { self.link.session().await.map(|_| ()).map_err(not_bound) })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.link.close())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::sample;

    #[test]
    fn senders_are_told_apart_by_what_they_look_like() {
        let check = |source: &str, expected: (u8, u8, &str)| {
            let settings = SmppSettings {
                source: source.into(),
                ..SmppSettings::new("smsc.example", 2775, "dunwell")
            };
            let found = source_of(&settings);
            assert_eq!(
                (found.ton, found.npi, found.address.as_str()),
                expected,
                "{source}"
            );
        };
        check("+442079460101", (1, 1, "442079460101"));
        check("10690000", (3, 1, "10690000"));
        check("EXAMPLE", (5, 0, "EXAMPLE"));
        check("", (0, 0, ""));
        let broken = SmppSettings {
            source: "A\r\nB".into(),
            ..SmppSettings::new("127.0.0.1", 2775, "dunwell")
        };
        assert!(matches!(Smpp::new(broken), Err(SmppError::Field(_))));
    }

    #[test]
    fn no_end_of_contact_hours_no_validity() {
        assert_eq!(validity(&sample::sms(1)), "");
    }
}
