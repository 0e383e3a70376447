//! What people answer, from the words to the effect: a message is kept, read (`replies`), and what is sure takes effect at
//! once for everybody concerned; what is unsure holds their debts until a person decides.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::{Address, Channel, EmailAddress, Moment, PhoneNumber, SuppressionReason};
use crate::replies::{
    ClaimFacts, Meaning, Reach, ReplyContext, Understood, shipped, shipped_model, understand,
};
use crate::store::{Concerned, Inbound, NewEvent, Occurrence, ReplyEffect, Store, StoreError, WholeReply};

/// Keeps a message of somebody and heeds it. Everything that follows from it is durable before it counts as kept; the same
/// message again changes nothing.
pub(super) async fn heed(store: &Store, mut message: Inbound) -> Result<(), StoreError> {
    let fresh = || store.clock().fresh().to_string();
    let event = message.event.get_or_insert_with(fresh).clone();
    let provider = message.provider.clone();
    store.take_inbound(message, None).await?;
    let Some(whole) = store.whole_reply(&provider, &event).await? else {
        return Ok(());
    };
    if store.reply_is_understood(whole.id).await? {
        return Ok(());
    }
    let whom = store.concerned_by(&whole.from).await?;
    let channel = channel_of(&whole.from);
    let now = store.clock().now();
    let read = read(&whole, &whom, channel, now);
    let effect = Reader {
        whom: &whom,
        from: &whole.from,
        channel,
        now,
    }
    .effect(&read, &whole.text);
    store.reply_understood(whole.id, effect).await?;
    Ok(())
}

fn channel_of(from: &str) -> Channel {
    if from.contains('@') {
        Channel::Email
    } else {
        Channel::Sms
    }
}

fn address_of(from: &str) -> Option<Address> {
    match channel_of(from) {
        Channel::Email => EmailAddress::parse(from.trim()).ok().map(Address::Email),
        _ => PhoneNumber::of_carrier(from).map(Address::Phone),
    }
}

/// What the words mean, by the rules inside the program.
fn read(whole: &WholeReply, whom: &[Concerned], channel: Channel, now: Moment) -> Vec<Understood> {
    let first = whom.first();
    let today = first.map_or_else(|| now.utc().date_naive(), |c| now.date_in(c.zone));
    let cx = ReplyContext {
        channel,
        locale: first.map_or("en", |c| c.locale.as_str()),
        opt_out_word: first.map_or("", |c| c.opt_out_word.as_str()),
        today,
        claim: only_claim(whom).map(|c| ClaimFacts {
            balance_minor: c.balance_minor,
            currency: c.currency,
            due_on: c.due_on,
        }),
    };
    let mut all = understand(shipped(), Some(shipped_model()), &whole.text, &cx);
    // The senders of several debts may each have a word of their own.
    let words: BTreeSet<&str> = whom.iter().map(|c| c.opt_out_word.as_str()).collect();
    for word in words.into_iter().filter(|w| *w != cx.opt_out_word) {
        let other = understand(
            shipped(),
            None,
            &whole.text,
            &ReplyContext {
                opt_out_word: word,
                ..cx.clone()
            },
        );
        let sure = other.into_iter().find(|u| u.meaning == Meaning::OptOut && u.sure);
        if let Some(sure) = sure.filter(|_| !all.iter().any(|u| u.meaning == Meaning::OptOut && u.sure)) {
            all.retain(|u| u.meaning != Meaning::OptOut);
            all.push(sure);
        }
    }
    all
}

/// The debt that is meant where no other can be: the only one that was written about, or the only one.
fn only_claim(whom: &[Concerned]) -> Option<&Concerned> {
    let written = whom.iter().any(|c| c.written_to);
    let mut meant = whom.iter().filter(|c| c.written_to == written);
    let first = meant.next()?;
    meant.all(|c| c.account == first.account).then_some(first)
}

/// What was understood, as JSON without the person's words.
pub fn meanings_of(read: &[Understood]) -> Value {
    let one = |u: &Understood| {
        json!({"meaning": u.meaning.as_str(), "sure": u.sure, "rule": u.rule, "span": [u.span.start, u.span.end],
            "reach": (u.meaning == Meaning::OptOut).then(|| u.reach.as_str()), "need": u.need.map(|n| n.as_str()),
            "on": u.on.map(|d| d.to_string()), "amount_minor": u.amount_minor, "method": u.method})
    };
    read.iter().map(one).collect()
}

fn in_short(read: &[Understood]) -> String {
    let one = |u: &Understood| format!("{}{}", u.meaning, if u.sure { "" } else { "?" });
    match read {
        [] => "nothing".to_owned(),
        _ => read.iter().map(one).collect::<Vec<_>>().join(" "),
    }
}

/// From meanings to what follows.
struct Reader<'a> {
    whom: &'a [Concerned],
    from: &'a str,
    channel: Channel,
    now: Moment,
}

impl Reader<'_> {
    fn effect(&self, read: &[Understood], text: &str) -> ReplyEffect {
        let mut accounts: Vec<_> = self.whom.iter().map(|c| c.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let mut effect = ReplyEffect {
            channel: self.channel,
            meanings: meanings_of(read).to_string(),
            in_short: in_short(read),
            events: Vec::new(),
            hold: Vec::new(),
            tasks: Vec::new(),
            concerned: accounts,
            waits: false,
        };
        if self.whom.is_empty() {
            // Nobody knows yet whose address it is; a person finds out.
            effect.waits = !(read.is_empty() && shipped().is_courtesy(text));
            return effect;
        }
        effect.waits = read.is_empty() && !shipped().is_courtesy(text);
        let stranger = read.iter().any(|u| u.meaning == Meaning::WrongPerson && u.sure);
        for one in read {
            match (one.sure, one.meaning) {
                (_, Meaning::Question) => effect.waits = true,
                // What somebody else says about a debt that is not theirs proves nothing about it.
                (true, m)
                    if stranger
                        && !matches!(m, Meaning::WrongPerson | Meaning::OptOut | Meaning::Complaint) =>
                {
                    effect.waits = true;
                }
                (true, _) => self.sure(one, stranger, &mut effect),
                (false, _) => hold(&mut effect),
            }
        }
        effect
    }

    fn sure(&self, one: &Understood, stranger: bool, effect: &mut ReplyEffect) {
        use SuppressionReason as R;
        match one.meaning {
            Meaning::OptOut => self.opt_out(one.reach, stranger, effect),
            Meaning::Dispute => {
                let open = self.each_account().filter(|c| !c.disputed);
                effect.events.extend(open.map(|c| {
                    self.event(
                        c,
                        Occurrence::DisputeOpened {
                            reason: "reply".to_owned(),
                        },
                    )
                }));
            }
            Meaning::AlreadyPaid => {
                effect.tasks = self
                    .each_account()
                    .map(|c| (c.account, "verify_payment"))
                    .collect();
                hold(effect);
            }
            Meaning::WrongPerson => match address_of(self.from) {
                Some(address) => {
                    let stop = |c| self.stop(c, R::WrongParty, None, Some(address.clone()));
                    effect.events.extend(self.each_person().map(stop));
                }
                None => hold(effect),
            },
            Meaning::Hardship => effect
                .events
                .extend(self.each_account().map(|c| self.stop(c, R::Hardship, None, None))),
            Meaning::Complaint => {
                effect.events.extend(
                    self.each_account()
                        .map(|c| self.stop(c, R::Complaint, None, None)),
                );
                effect.waits = true;
            }
            Meaning::Counsel => self.of_person(R::Counsel, effect),
            Meaning::Insolvency => self.of_person(R::Insolvency, effect),
            Meaning::Death => {
                self.of_person(R::Death, effect);
                effect.waits = true;
            }
            Meaning::Minor => {
                let address = address_of(self.from);
                let stop = |c| self.stop(c, R::Minor, None, address.clone());
                effect
                    .events
                    .extend(self.whom.first().filter(|_| address.is_some()).map(stop));
                hold(effect);
            }
            Meaning::Promise => match (only_claim(self.whom), one.amount_minor, one.on) {
                (Some(c), Some(amount_minor), Some(due_on)) => {
                    effect
                        .events
                        .push(self.event(c, Occurrence::Promise { amount_minor, due_on }));
                }
                _ => hold(effect),
            },
            Meaning::Question => effect.waits = true,
        }
    }

    /// The address at once, for everybody who uses it; and the medium, or all contact, for the person who asks.
    fn opt_out(&self, reach: Reach, stranger: bool, effect: &mut ReplyEffect) {
        use SuppressionReason as R;
        if matches!(reach, Reach::Here | Reach::Everything)
            && let (Some(first), Some(address)) = (self.whom.first(), address_of(self.from))
        {
            effect
                .events
                .push(self.stop(first, R::OptOut, None, Some(address)));
        }
        if stranger {
            return;
        }
        let (reason, channel) = match reach {
            Reach::Everything => (R::CeaseCommunication, None),
            Reach::Here => (R::OptOut, Some(self.channel)),
            Reach::Texts => (R::OptOut, Some(Channel::Sms)),
            Reach::Emails => (R::OptOut, Some(Channel::Email)),
            Reach::Calls => (R::OptOut, Some(Channel::Call)),
            Reach::Letters => (R::OptOut, Some(Channel::Letter)),
        };
        let debtors: Vec<_> = self.each_person().filter(|c| c.person == c.debtor).collect();
        effect
            .events
            .extend(debtors.iter().map(|c| self.stop(c, reason, channel, None)));
        if debtors.is_empty() && reach != Reach::Here {
            hold(effect);
        }
    }

    /// What concerns one person as a whole: at once where only one debtor can be meant, else a person decides.
    fn of_person(&self, reason: SuppressionReason, effect: &mut ReplyEffect) {
        let all: Vec<_> = self.each_person().collect();
        match all[..] {
            [one] if one.person == one.debtor => effect.events.push(self.stop(one, reason, None, None)),
            _ => hold(effect),
        }
    }

    /// One entry for each debt.
    fn each_account(&self) -> impl Iterator<Item = &Concerned> {
        let mut seen = BTreeSet::new();
        self.whom.iter().filter(move |c| seen.insert(c.account))
    }

    /// One entry for each person who uses the address.
    fn each_person(&self) -> impl Iterator<Item = &Concerned> {
        let mut seen = BTreeSet::new();
        self.whom.iter().filter(move |c| seen.insert(c.person))
    }

    fn stop(
        &self,
        about: &Concerned,
        reason: SuppressionReason,
        channel: Option<Channel>,
        address: Option<Address>,
    ) -> NewEvent {
        self.event(
            about,
            Occurrence::Suppressed {
                reason,
                channel,
                address,
                until: None,
            },
        )
    }

    fn event(&self, about: &Concerned, what: Occurrence) -> NewEvent {
        NewEvent {
            digest: None,
            portfolio: Some(about.portfolio.clone()),
            reference: Some(about.reference.clone()),
            debtor_ref: None,
            related: None,
            at: self.now,
            currency: None,
            what,
        }
    }
}

/// Nothing goes out about these debts until a person has decided.
fn hold(effect: &mut ReplyEffect) {
    effect.hold.clone_from(&effect.concerned);
    effect.waits = true;
}

/// What a person says that an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// Nothing that stops or changes anything: the hold ends.
    Nothing,
    /// This.
    Means(Meaning),
    /// A promise of this day and amount in minor units.
    Promise {
        /// The day.
        on: chrono::NaiveDate,
        /// The amount.
        amount_minor: i64,
    },
}

/// Takes down what a person decides about an answer, with everything that follows from it. Durable when it returns.
///
/// # Errors
/// `Missing` where there is no such message; `Refused` where its words are gone, or a promise lacks day or amount.
pub async fn decide_reply(store: &Store, id: Uuid, decided: Decided, by: &str) -> Result<(), StoreError> {
    let found = store.reply_words(id).await?;
    let missing = || StoreError::Missing {
        what: "message",
        name: id.to_string(),
    };
    let whole = found.ok_or_else(missing)?;
    let whom = store.concerned_by(&whole.from).await?;
    let (channel, now) = (channel_of(&whole.from), store.clock().now());
    let meaning = match decided {
        Decided::Nothing => None,
        Decided::Means(meaning) => Some(meaning),
        Decided::Promise { .. } => Some(Meaning::Promise),
    };
    let mut one = read(&whole, &whom, channel, now)
        .into_iter()
        .find(|u| Some(u.meaning) == meaning);
    if let (None, Some(meaning)) = (&one, meaning) {
        one = Some(Understood::said_by_a_person(meaning));
    }
    if let Some(one) = &mut one {
        one.sure = true;
        if let Decided::Promise { on, amount_minor } = decided {
            (one.on, one.amount_minor) = (Some(on), Some(amount_minor));
        }
        if one.meaning == Meaning::Promise && (one.on.is_none() || one.amount_minor.is_none()) {
            return Err(StoreError::Refused(
                "a promise needs its day and its amount".to_owned(),
            ));
        }
    }
    let read: Vec<Understood> = one.into_iter().collect();
    let mut effect = Reader {
        whom: &whom,
        from: &whole.from,
        channel,
        now,
    }
    .effect(&read, "");
    effect.waits = false;
    if decided == Decided::Nothing {
        effect.hold.clear();
    }
    let word = meaning.map_or("none", Meaning::as_str);
    store.reply_decided(id, word, by, effect).await
}
