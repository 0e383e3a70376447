//! One try to reach someone, and its legal transitions.

use super::ids::{AccountId, AttemptId, ContactPointId, PersonId};
use super::moment::Moment;
use super::words::words;

words! {
    /// How a contact is made.
    Channel as "channel" {
        /// Text message.
        Sms = "sms",
        /// E-mail.
        Email = "email",
        /// Letter on paper.
        Letter = "letter",
        /// Telephone call; recorded, never dispatched.
        Call = "call",
    }
}

/// A set of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Channels(u8);

impl Channels {
    /// Every channel.
    pub const ALL: Channels = Channels(0b1111);

    /// The set of `channels`.
    pub fn of(channels: &[Channel]) -> Channels {
        Channels(channels.iter().fold(0, |set, c| set | (1 << *c as u8)))
    }

    /// Whether `channel` is in the set.
    pub fn contains(self, channel: Channel) -> bool {
        self.0 & (1 << channel as u8) != 0
    }
}

words! {
    /// What a message is for; some rules count or stop only collection.
    Purpose as "purpose" {
        /// Asks for payment.
        Collection = "collection",
        /// A notice that law or contract requires.
        StatutoryNotice = "statutory_notice",
        /// Answers the debtor's own enquiry.
        Reply = "reply",
        /// Thanks, confirms, informs; asks for nothing.
        ServiceInfo = "service_info",
    }
}

words! {
    /// Who asked for the attempt.
    Origin as "origin" {
        /// A campaign's ladder.
        Campaign = "campaign",
        /// A collector.
        Collector = "collector",
        /// A program.
        Api = "api",
    }
}

words! {
    /// Where an attempt stands. `unknown` keeps its place in every cap and is never sent again by itself.
    AttemptState as "attempt state" {
        /// Queued; waits for its time.
        Planned = "planned",
        /// Fine later; carries the next lawful instant.
        Held = "held",
        /// A person must decide.
        InReview = "in_review",
        /// Not in this form; a case in the officer's queue.
        Blocked = "blocked",
        /// Has the right to be sent once; counted in every cap.
        Reserved = "reserved",
        /// The provider took it over.
        Accepted = "accepted",
        /// The provider reports delivery.
        Delivered = "delivered",
        /// The provider reports failure.
        Undelivered = "undelivered",
        /// Proven not to have gone out; its place in the caps is free again.
        NotSent = "not_sent",
        /// Nobody knows whether it went out.
        Unknown = "unknown",
        /// Taken back before it was sent: paid, disputed, opted out, expired.
        Withdrawn = "withdrawn",
    }
}

/// A step that the states do not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an attempt that is {from} cannot become {to}")]
pub struct IllegalTransition {
    /// Where it stands.
    pub from: AttemptState,
    /// Where it was to go.
    pub to: AttemptState,
}

impl AttemptState {
    /// The states that may follow this one. The schema repeats this table.
    pub fn next(self) -> &'static [AttemptState] {
        use AttemptState::*;
        match self {
            Planned => &[Held, InReview, Blocked, Reserved, Withdrawn],
            Held => &[Held, InReview, Blocked, Reserved, Withdrawn],
            InReview => &[Planned, Blocked, Withdrawn],
            Blocked => &[Planned, Withdrawn],
            Reserved => &[Accepted, NotSent, Unknown],
            Unknown => &[Accepted, Delivered, Undelivered, NotSent],
            Accepted => &[Delivered, Undelivered],
            Undelivered => &[Delivered],
            Delivered => &[Undelivered],
            NotSent | Withdrawn => &[],
        }
    }

    /// This state becomes `to`, or the step is illegal.
    pub fn step(self, to: AttemptState) -> Result<AttemptState, IllegalTransition> {
        if self.next().contains(&to) {
            Ok(to)
        } else {
            Err(IllegalTransition { from: self, to })
        }
    }

    /// Whether the attempt still waits to be judged or sent.
    pub fn is_waiting(self) -> bool {
        matches!(self, AttemptState::Planned | AttemptState::Held)
    }

    /// Whether the attempt occupies a place in the caps: it went out, or may have.
    pub fn counts(self) -> bool {
        use AttemptState::*;
        matches!(self, Reserved | Accepted | Delivered | Undelivered | Unknown)
    }
}

/// One try to reach someone, as it waits in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which one; also the provider's idempotency key and the Message-ID.
    pub id: AttemptId,
    /// About which debt.
    pub account: AccountId,
    /// To whom.
    pub recipient: PersonId,
    /// On which contact point.
    pub contact_point: ContactPointId,
    /// How.
    pub channel: Channel,
    /// What for.
    pub purpose: Purpose,
    /// Who asked.
    pub origin: Origin,
    /// The rung of the ladder, e.g. `yellow`; empty for one-off messages.
    pub stage: String,
    /// The step of the rung, e.g. `first-reminder`; empty for one-off messages.
    pub step: String,
    /// The template to render, e.g. `overdue-reminder`; `None` when the collector wrote the words.
    pub template: Option<String>,
    /// The collector's own subject (e-mail, letter), where there is no template.
    pub own_subject: Option<String>,
    /// The collector's own words, where there is no template.
    pub own_text: Option<String>,
    /// Not before.
    pub due_at: Moment,
    /// Not after: an attempt that is older is withdrawn, never sent late.
    pub expires_at: Moment,
    /// An officer approved it in review: doubts no longer stop it, everything else still does.
    pub approved: bool,
    /// Where it stands.
    pub state: AttemptState,
}

impl Attempt {
    /// What letters and mails name it by: the last eight digits of its id.
    pub fn reference(&self) -> String {
        self.id.0.simple().to_string()[24..].to_ascii_uppercase()
    }

    /// Takes the attempt to another state, or says why not.
    pub fn into_state(mut self, to: AttemptState) -> Result<Attempt, IllegalTransition> {
        self.state = self.state.step(to)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_twice() {
        use AttemptState::*;
        for state in [Accepted, Delivered, Undelivered, Unknown, NotSent, Withdrawn] {
            assert!(state.step(Reserved).is_err(), "{state}");
            assert!(state.step(Planned).is_err(), "{state}");
        }
        assert!(Reserved.step(Reserved).is_err());
    }

    #[test]
    fn only_the_planned_and_held_reach_a_reservation() {
        let reach: Vec<_> = AttemptState::ALL
            .iter()
            .filter(|s| s.next().contains(&AttemptState::Reserved))
            .copied()
            .collect();
        assert_eq!(reach, [AttemptState::Planned, AttemptState::Held]);
    }
}
