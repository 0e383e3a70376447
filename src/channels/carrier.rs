//! What every carrier promises, and the three things that can have happened to a message.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::parcel::Parcel;
use crate::domain::{Address, AttemptId, Channel, Moment};
use crate::store::{Gathered, Inbound, Receipt};

/// A future that a carrier hands back.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What happened to one message. Reasons never hold personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it over.
    Accepted {
        /// Which carrier, e.g. `smtp`.
        provider: String,
        /// The provider's own names for the message: none, one, or one for each part.
        references: Vec<String>,
    },
    /// It lies here, in the open batch of a print shop, and can still be taken back: nothing has left the house.
    Gathered(Gathered),
    /// Proven not to have gone out.
    NotSent {
        /// What proves it.
        proof: NotSentProof,
        /// One sentence for people.
        reason: String,
        /// For so many seconds the provider wants to be left alone, where it said so.
        wait_seconds: Option<u32>,
    },
    /// Nobody knows: no answer, an unclear answer, a connection lost too late, trouble inside the carrier.
    Unknown {
        /// One sentence for people.
        reason: String,
        /// What a provider said it took of the message, and its names for that.
        partly: Option<Partly>,
    },
}

/// What is known of a message of which nobody knows whether it went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partly {
    /// Which carrier.
    pub provider: String,
    /// The provider's own names for the parts it took.
    pub references: Vec<String>,
    /// Whether these names stand for the whole message.
    pub whole: bool,
}

impl Outcome {
    /// Proven not to have gone out.
    pub fn not_sent(proof: NotSentProof, reason: impl Into<String>) -> Outcome {
        Outcome::NotSent {
            proof,
            reason: reason.into(),
            wait_seconds: None,
        }
    }

    /// The provider took it over, under these names.
    pub fn accepted(provider: &str, references: impl IntoIterator<Item = String>) -> Outcome {
        Outcome::Accepted {
            provider: provider.to_owned(),
            references: references.into_iter().collect(),
        }
    }

    /// The provider takes nothing now, and wants to be left alone for so many seconds.
    pub fn deferred(reason: impl Into<String>, wait_seconds: Option<u32>) -> Outcome {
        Outcome::NotSent {
            proof: NotSentProof::Deferred,
            reason: reason.into(),
            wait_seconds,
        }
    }

    /// Nobody knows whether it went out.
    pub fn unknown(reason: impl Into<String>) -> Outcome {
        Outcome::Unknown {
            reason: reason.into(),
            partly: None,
        }
    }

    /// Nobody knows whether all of it went out; `provider` gave these names for the parts it took.
    pub fn unclear(reason: impl Into<String>, provider: &str, references: Vec<String>) -> Outcome {
        Outcome::Unknown {
            reason: reason.into(),
            partly: Some(Partly {
                provider: provider.to_owned(),
                references,
                whole: false,
            }),
        }
    }

    /// Whether the provider took it over.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Outcome::Accepted { .. })
    }

    /// Whether this speaks of trouble with the provider rather than with this one message.
    pub(super) fn is_trouble(&self) -> bool {
        use NotSentProof::*;
        match self {
            Outcome::Accepted { .. } | Outcome::Gathered(_) => false,
            Outcome::Unknown { .. } => true,
            Outcome::NotSent { proof, .. } => matches!(proof, NeverConnected | Misconfigured | Unwritable),
        }
    }

    /// For how many seconds the provider wants to be left alone.
    pub(super) fn wait_seconds(&self) -> Option<u32> {
        match self {
            Outcome::NotSent { wait_seconds, .. } => *wait_seconds,
            _ => None,
        }
    }
}

/// Why it is certain that nothing went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotSentProof {
    /// The provider answered that it will not take this message.
    Refused,
    /// The provider answered that it does not take this message now.
    Deferred,
    /// The provider, or our own message builder, refused the content.
    ContentRefused,
    /// The provider does not carry content of this kind at all, such as reminders of debts.
    RefusedByProvider,
    /// The conversation broke off before anything of the message could count as handed over.
    NeverConnected,
    /// Settings are missing or wrong: no carrier, no sender address, credentials refused, no encryption.
    Misconfigured,
    /// The file could not be written.
    Unwritable,
    /// Held back here: the carrier was in trouble, or its turn did not come in time.
    Withheld,
}

impl NotSentProof {
    /// Every proof, in order.
    pub const ALL: &'static [NotSentProof] = &[
        NotSentProof::Refused,
        NotSentProof::Deferred,
        NotSentProof::ContentRefused,
        NotSentProof::RefusedByProvider,
        NotSentProof::NeverConnected,
        NotSentProof::Misconfigured,
        NotSentProof::Unwritable,
        NotSentProof::Withheld,
    ];

    /// The fixed word, as stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            NotSentProof::Refused => "refused",
            NotSentProof::Deferred => "deferred",
            NotSentProof::ContentRefused => "content_refused",
            NotSentProof::RefusedByProvider => "refused_by_provider",
            NotSentProof::NeverConnected => "never_connected",
            NotSentProof::Misconfigured => "misconfigured",
            NotSentProof::Unwritable => "unwritable",
            NotSentProof::Withheld => "withheld",
        }
    }

    /// What it means, in English.
    pub const fn en(self) -> &'static str {
        match self {
            NotSentProof::Refused => "the provider refused this message",
            NotSentProof::Deferred => "the provider takes no messages for this recipient now",
            NotSentProof::ContentRefused => "the content cannot be sent as it is",
            NotSentProof::RefusedByProvider => "the provider does not carry messages of this kind",
            NotSentProof::NeverConnected => "the provider could not be reached",
            NotSentProof::Misconfigured => "the settings of the channel must be mended",
            NotSentProof::Unwritable => "the file could not be written",
            NotSentProof::Withheld => "held back here because the channel was in trouble or too slow",
        }
    }

    /// What it means, in Chinese.
    pub const fn zh(self) -> &'static str {
        match self {
            NotSentProof::Refused => "服务商拒收此消息",
            NotSentProof::Deferred => "服务商暂不接收发给此收件人的消息",
            NotSentProof::ContentRefused => "内容无法按原样发送",
            NotSentProof::RefusedByProvider => "服务商不承运此类内容",
            NotSentProof::NeverConnected => "未能连接到服务商",
            NotSentProof::Misconfigured => "渠道设置有误，需要修正",
            NotSentProof::Unwritable => "文件无法写入",
            NotSentProof::Withheld => "渠道故障或过慢，消息在本机被扣留，未发出",
        }
    }
}

impl std::fmt::Display for NotSentProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether the provider recognises a repeated id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// It does not: the same id twice is two messages.
    None,
    /// It does, for so many minutes.
    For(u32),
    /// It does, always.
    Always,
}

/// Whether the provider can be asked about a message afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It cannot.
    None,
    /// By the attempt's id.
    ByOurId,
    /// By the reference it returned.
    ByTheirs,
}

/// What a carrier can do, declared and not guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Name of the carrier, as outcomes and evidence show it.
    pub name: &'static str,
    /// The channel it carries.
    pub channel: Channel,
    /// Whether a repeated id is recognised.
    pub idempotency: Idempotency,
    /// Whether a message can be looked up afterwards.
    pub lookup: Lookup,
    /// How long after handing over the provider may still take a message; beyond it a send counts as unknown.
    pub latest_accept_seconds: u32,
    /// How long after an unclear end the provider may be asked what became of it; earlier its word proves nothing.
    pub settle_seconds: u32,
    /// Whether its later word (delivered or not) comes back.
    pub receipts: bool,
    /// The answers that prove that nothing went out.
    pub not_sent_answers: &'static [&'static str],
    /// The content it refuses by its nature.
    pub refuses: &'static [&'static str],
}

/// What a provider is asked about a message whose end nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which attempt.
    pub attempt: AttemptId,
    /// The provider's own names for what it took.
    pub references: Vec<String>,
    /// Whether these names stand for the whole message.
    pub whole: bool,
    /// To whom; some providers find messages by it.
    pub to: Address,
    /// When it was reserved.
    pub at: Moment,
    /// Now; signatures name it.
    pub now: Moment,
}

/// What a provider says about a message it was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It took the message over.
    Accepted {
        /// Its name for the message, where it is a new one.
        reference: Option<String>,
    },
    /// It delivered it.
    Delivered,
    /// It took it over and could not deliver it.
    Undelivered,
    /// It never took it over; proof only after the settle time.
    Absent,
    /// Its answer says nothing.
    Unclear,
}

/// What comes back from a provider by itself.
#[derive(Debug, Clone)]
pub enum Arrived {
    /// Its later word about a message.
    Receipt(Receipt),
    /// A message of somebody.
    Message(Inbound),
    /// An answer that came when the sender had stopped waiting for it.
    Late {
        /// About which attempt.
        attempt: AttemptId,
        /// What it says.
        outcome: Outcome,
    },
}

/// What came back, and where to say that it is safely kept; unsaid, the provider sends it again.
#[derive(Debug)]
pub struct Arrival {
    /// What.
    pub what: Arrived,
    /// Whether it is kept.
    pub kept: oneshot::Sender<bool>,
}

/// Where carriers put what comes back.
pub type Inbox = mpsc::Sender<Arrival>;

/// Carries messages of one channel. Sends each at most once and never retries by itself.
pub trait Carrier: Send + Sync {
    /// What it can do.
    fn capability(&self) -> Capability;

    /// Sends one message, once.
    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome>;

    /// Asks what became of a message. Only after the settle time does `Absent` prove anything.
    fn look_up<'a>(&'a self, _: &'a Asked) -> BoxFuture<'a, Found> {
        Box::pin(std::future::ready(Found::Unclear))
    }

    /// From now on puts what comes back into `inbox`.
    fn listen(&self, _: Inbox) {}

    /// Whether the provider can be reached and knows us; sends nothing to anybody.
    fn check(&self) -> BoxFuture<'_, Result<(), Outcome>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Asks the provider to stop a letter that it took over. `Some(true)`: it says that it did; `None`: its answer says nothing.
    fn take_back<'a>(&'a self, _: &'a Asked) -> BoxFuture<'a, Option<bool>> {
        Box::pin(std::future::ready(Some(false)))
    }

    /// Says goodbye to the provider.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// How many parcels it likes to take at once; one unless a group is cheaper than its parcels one by one.
    fn group_size(&self) -> usize {
        1
    }

    /// Sends a group of at most `group_size` parcels, each once; outcomes in the order of the parcels.
    fn send_group(&self, parcels: Arc<Vec<Parcel>>) -> BoxFuture<'_, Vec<Outcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(parcels.len());
            for parcel in parcels.iter() {
                outcomes.push(self.send(parcel).await);
            }
            outcomes
        })
    }
}
