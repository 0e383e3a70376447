//! What a carrier is handed: everything one message needs, and nothing to look up.

use std::sync::Arc;

use crate::domain::{Address, AttemptId, Channel, Draft, EmailAddress, Moment, PersonName, Sender};
use crate::store::Reservation;

/// One reserved attempt, ready to leave. Nobody makes one without a reservation; `Debug` shows ids and the channel
/// only.
#[derive(Clone)]
pub struct Parcel {
    /// The right to send once. Only the store gives it.
    pub(crate) reservation: Reservation,
    /// The words, byte for byte as the guard judged them.
    pub draft: Arc<Draft>,
    /// The one recipient.
    pub to: Address,
    /// The recipient's name, for display beside the address.
    pub recipient_name: PersonName,
    /// Who speaks.
    pub sender: Arc<Sender>,
    /// `https:` and `mailto:` URIs by which an e-mail is unsubscribed, the best one first.
    pub unsubscribe: Vec<String>,
    /// Where bounces of an e-mail go; `None`: to the sender's own address.
    pub return_path: Option<EmailAddress>,
}

impl Parcel {
    /// What a reservation may send, once.
    pub fn new(
        reservation: Reservation,
        draft: Arc<Draft>,
        (to, recipient_name): (Address, PersonName),
        sender: Arc<Sender>,
        unsubscribe: impl IntoIterator<Item = String>,
    ) -> Parcel {
        Parcel {
            reservation,
            draft,
            to,
            recipient_name,
            sender,
            unsubscribe: unsubscribe.into_iter().collect(),
            return_path: None,
        }
    }

    /// The same, with an address of its own for bounces.
    pub fn with_return_path(self, return_path: Option<EmailAddress>) -> Parcel {
        Parcel { return_path, ..self }
    }

    /// Which attempt; also the idempotency key and the Message-ID.
    pub fn attempt(&self) -> AttemptId {
        self.reservation.attempt()
    }

    /// When it was reserved; the date every carrier writes on the message.
    pub fn at(&self) -> Moment {
        self.reservation.reserved_at()
    }

    /// For so long a text may wait at the carrier: after that contact hours are over, and it must not arrive any
    /// more. Whole minutes, at least one; `None` where nothing ends it, and for everything but texts.
    pub fn validity(&self) -> Option<chrono::TimeDelta> {
        let lands_before = self.reservation.lands_before()?;
        let minutes = (lands_before - self.at()).num_minutes().max(1);
        (self.channel() == Channel::Sms).then(|| chrono::TimeDelta::minutes(minutes))
    }

    /// The channel that the words are written for.
    pub fn channel(&self) -> Channel {
        match *self.draft {
            Draft::Sms(_) => Channel::Sms,
            Draft::Email(_) => Channel::Email,
            Draft::Letter(_) => Channel::Letter,
        }
    }

    /// Whether the address is of the kind that the channel needs.
    pub fn is_addressed(&self) -> bool {
        matches!(
            (&self.to, &*self.draft),
            (Address::Phone(_), Draft::Sms(_))
                | (Address::Email(_), Draft::Email(_))
                | (Address::Postal(_), Draft::Letter(_))
        )
    }
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parcel({}, {}, {})", self.attempt(), self.channel(), self.at())
    }
}
