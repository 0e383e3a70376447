//! Mail that came back, taken in: read, matched, kept, and given effect. What people wrote goes the way of every message
//! of theirs; what machines wrote never counts as the word of a person.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::arrivals::take_arrival;
use crate::channels::inbound_mail::{Keeper, RawMail, Taken};
use crate::channels::returned::{Ours, Returned, read};
use crate::channels::verp::{TOKEN_LABEL, TokenKey};
use crate::channels::{Arrived, BoxFuture};
use crate::config::InboundMailSettings;
use crate::domain::{Address, AttemptId, ReturnKind};
use crate::store::{Inbound, KeptMail, ReturnedMail, SoftLimit, Store, StoreError};

/// Under this name messages by mail stand among what people wrote.
const PROVIDER: &str = "mail";

/// So much of a message is kept; what follows are copies and attachments.
const KEPT_BYTES: usize = 1024 * 1024;

/// Reading a longer message would hold up others.
const LONG: usize = 256 * 1024;

/// How often, and after which pause, a message is offered again while its attempt is being sent.
const OFFERS: (u32, Duration) = (40, Duration::from_millis(250));

/// What a complaint says to the officer who finds it among the messages of people.
const COMPLAINED: &str = "【投诉】收件人向其邮箱服务商投诉了我们的邮件;已停止向此地址发送邮件。 / [complaint] The recipient complained \
to the mailbox provider about our mail; e-mail to this address has stopped.";
const COMPLAINED_UNMATCHED: &str = "【投诉】邮箱服务商转来一份投诉,但其中没有能对应到我们某封邮件的标识;请人工处理。 / [complaint] A mailbox \
provider passed on a complaint that names no message of ours; somebody must look at it.";

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenMail {
    /// What it is.
    pub kind: ReturnKind,
    /// The code of a bounce.
    pub status: Option<String>,
    /// The attempt it is about.
    pub attempt: Option<AttemptId>,
    /// Whether that attempt moved.
    pub moved: bool,
    /// Whether e-mail to its address has ended.
    pub suppressed: bool,
    /// Whether the same message had come before.
    pub seen: bool,
    /// Whether it is kept; if not it is to be offered again.
    pub kept: bool,
}

/// Takes in mail for one installation.
#[derive(Clone)]
pub struct MailRoom {
    store: Store,
    key: TokenKey,
    addresses: Vec<String>,
    limit: SoftLimit,
}

impl std::fmt::Debug for MailRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MailRoom({:?})", self.limit)
    }
}

impl MailRoom {
    /// With the settings of `[inbound_mail]`; `return_path` is the address below which bounces come.
    pub fn new(
        store: Store,
        settings: &InboundMailSettings,
        return_path: Option<&str>,
    ) -> Result<MailRoom, StoreError> {
        let key = TokenKey::new(store.key_for(TOKEN_LABEL)?);
        let also = return_path.into_iter().map(str::to_lowercase);
        Ok(MailRoom {
            store,
            key,
            addresses: settings
                .addresses
                .iter()
                .map(|a| a.to_lowercase())
                .chain(also)
                .collect(),
            limit: SoftLimit {
                messages: settings.soft_messages,
                days: settings.soft_days,
            },
        })
    }

    /// What is ours now: the addresses of the settings and of every sender.
    pub async fn ours(&self) -> Result<Ours, StoreError> {
        let registry = self.store.registry().await?;
        let senders = registry.desks.values().filter_map(|d| d.sender.email.as_ref());
        let mut addresses = self.addresses.clone();
        addresses.extend(senders.map(|e| e.as_str().to_lowercase()));
        addresses.sort();
        addresses.dedup();
        Ok(Ours {
            key: Some(self.key.clone()),
            addresses,
        })
    }

    /// Takes in one message. Durable with everything that follows from it when it returns; the same bytes again change
    /// nothing.
    pub async fn take(&self, mail: &RawMail) -> Result<TakenMail, StoreError> {
        let ours = self.ours().await?;
        let returned = self.read(mail, ours).await?;
        let digest: [u8; 32] = Sha256::digest(&mail.bytes).into();
        let before = self.store.is_returned(&digest).await?.is_some();
        if !before {
            self.hear(&returned, &digest).await?;
        }
        let kept = self.keep(mail, &returned, digest).await?;
        if returned.kind == ReturnKind::Complaint && kept != KeptMail::TooEarly {
            // Again after a crash in between: the same message stands there once.
            self.case(&returned, &kept, &digest).await?;
        }
        let mut taken = TakenMail {
            kind: returned.kind,
            status: returned.status.map(|s| s.to_string()),
            attempt: None,
            moved: false,
            suppressed: false,
            seen: matches!(kept, KeptMail::Seen { .. }),
            kept: kept != KeptMail::TooEarly,
        };
        if let KeptMail::Kept {
            attempt,
            moved,
            suppressed,
            ..
        } = kept
        {
            (taken.attempt, taken.moved, taken.suppressed) = (attempt, moved, suppressed);
        }
        tracing::info!(kind = %taken.kind, status = taken.status.as_deref(), attempt = ?taken.attempt,
            moved = taken.moved, suppressed = taken.suppressed, seen = taken.seen, "mail came back");
        Ok(taken)
    }

    async fn read(&self, mail: &RawMail, ours: Ours) -> Result<Returned, StoreError> {
        if mail.bytes.len() <= LONG {
            return Ok(read(&mail.bytes, &mail.envelope, &ours));
        }
        let mail = mail.clone();
        let reading = tokio::task::spawn_blocking(move || read(&mail.bytes, &mail.envelope, &ours));
        reading.await.map_err(|_| StoreError::Closed)
    }

    /// What a person or a machine wrote in words, among the messages of people. Only a person's is understood.
    async fn hear(&self, returned: &Returned, digest: &[u8; 32]) -> Result<(), StoreError> {
        let understood = match returned.kind {
            ReturnKind::Reply => None,
            ReturnKind::AutoReply => Some("auto_reply"),
            ReturnKind::Junk => Some("junk"),
            _ => return Ok(()),
        };
        let message = Inbound {
            provider: PROVIDER.to_owned(),
            event: Some(hex::encode(digest)),
            from: returned.from.clone().unwrap_or_default(),
            to: returned.to.clone().unwrap_or_default(),
            text: returned.said(),
            part: None,
        };
        match understood {
            None => take_arrival(&self.store, Arrived::Message(message)).await,
            word => self.store.take_inbound(message, word).await.map(|_| ()),
        }
    }

    /// Keeps it; while its attempt is being sent it waits a little.
    async fn keep(
        &self,
        mail: &RawMail,
        returned: &Returned,
        digest: [u8; 32],
    ) -> Result<KeptMail, StoreError> {
        let kept = ReturnedMail {
            digest,
            raw: mail.bytes[..mail.bytes.len().min(KEPT_BYTES)].to_vec(),
            bytes: mail.bytes.len() as u64,
            kind: returned.kind,
            status: returned.status.map(|s| s.to_string()),
            cause: returned.cause,
            about: returned.about,
            named: returned.named.clone(),
        };
        for _ in 0..OFFERS.0 {
            match self.store.returned_mail(kept.clone(), self.limit).await {
                Ok(KeptMail::TooEarly) | Err(StoreError::Contended) => tokio::time::sleep(OFFERS.1).await,
                done => return done,
            }
        }
        Ok(KeptMail::TooEarly)
    }

    /// Puts a complaint where an officer finds it.
    async fn case(&self, returned: &Returned, kept: &KeptMail, digest: &[u8; 32]) -> Result<(), StoreError> {
        let address = match kept {
            KeptMail::Kept { address, .. } => address.as_ref().map(Address::normal),
            _ => None,
        };
        let matched = matches!(
            kept,
            KeptMail::Kept { suppressed: true, .. } | KeptMail::Seen { suppressed: true }
        );
        let message = Inbound {
            provider: PROVIDER.to_owned(),
            event: Some(hex::encode(digest)),
            from: address
                .or_else(|| returned.named.first().cloned())
                .unwrap_or_default(),
            to: returned.to.clone().unwrap_or_default(),
            text: if matched { COMPLAINED } else { COMPLAINED_UNMATCHED }.to_owned(),
            part: None,
        };
        self.store.take_inbound(message, None).await.map(|_| ())
    }
}

impl Keeper for MailRoom {
    fn takes<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Option<bool>> {
        Box::pin(async move {
            match self.ours().await {
                Ok(ours) => Some(ours.takes(address)),
                Err(e) => {
                    tracing::error!(error = %e, "whether an address is ours cannot be told");
                    None
                }
            }
        })
    }

    fn keep<'a>(&'a self, mail: &'a RawMail) -> BoxFuture<'a, Taken> {
        Box::pin(async move {
            match self.take(mail).await {
                Ok(taken) if taken.kept => Taken::Kept,
                Ok(_) => Taken::Later,
                Err(e) => {
                    tracing::error!(error = %e, "mail that came back could not be kept; it is to be sent again");
                    Taken::Later
                }
            }
        })
    }
}
