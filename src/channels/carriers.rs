//! The carriers of each channel, first choice first, each with its pace, its concurrency and its breaker. What cannot go
//! with the first goes with the next, as an attempt of its own, after proof that it did not go out.

use std::collections::BTreeMap;
use std::future::Future;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::TimeDelta;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::breaker::{Breaker, Readiness};
use super::carrier::{Asked, BoxFuture, Capability, Carrier, Found, Inbox, NotSentProof, Outcome};
use super::parcel::Parcel;
use crate::domain::{Address, AttemptId, Channel, Moment};

/// How fast a provider wants its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Messages a second, in the long run.
    pub per_second: NonZeroU32,
    /// Messages at once after a pause.
    pub burst: NonZeroU32,
}

/// How one provider is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Its pace; `None`: as fast as it answers.
    pub pace: Option<Pace>,
    /// The pace for one domain of recipients of e-mail; `None`: none of its own.
    pub domain_pace: Option<Pace>,
    /// Messages under way at the same time.
    pub concurrency: usize,
    /// How long a reserved parcel may wait here for its turn; older ones are withheld, never sent late.
    pub longest_wait_seconds: u32,
    /// After how many troubles in a row nothing more is handed over.
    pub open_after: u32,
    /// How long it is then left alone before one probe goes.
    pub rest_seconds: u32,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            pace: None,
            domain_pace: None,
            concurrency: 8,
            longest_wait_seconds: 60,
            open_after: 5,
            rest_seconds: 30,
        }
    }
}

/// The carriers of a running Dunwell, for each channel in the order in which they are chosen.
#[derive(Default)]
pub struct Carriers {
    lanes: BTreeMap<Channel, Vec<Arc<Lane>>>,
}

impl std::fmt::Debug for Carriers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.lanes.values().map(|lanes| {
            let names: Vec<_> = lanes.iter().map(|lane| lane.capability.name).collect();
            names.join(", ")
        });
        f.write_str("Carriers")?;
        f.debug_map()
            .entries(self.lanes.keys().map(|c| c.as_str()).zip(names))
            .finish()
    }
}

impl Carriers {
    /// No carrier at all: every parcel is refused as misconfigured.
    pub fn new() -> Carriers {
        Carriers::default()
    }

    /// Adds `carrier` for its channel, in place of earlier ones.
    pub fn with(mut self, carrier: Arc<dyn Carrier>, terms: Terms) -> Carriers {
        let lane = Lane::new(carrier, terms);
        self.lanes.insert(lane.capability.channel, vec![Arc::new(lane)]);
        self
    }

    /// Adds `carrier` for its channel as the next choice: it carries while those before it are in trouble.
    pub fn then(mut self, carrier: Arc<dyn Carrier>, terms: Terms) -> Carriers {
        let lane = Lane::new(carrier, terms);
        let lanes = self.lanes.entry(lane.capability.channel).or_default();
        // With somebody to take over, one trouble is enough to leave a carrier alone.
        for earlier in lanes.iter() {
            earlier.breaker().open_after(1);
        }
        lanes.push(Arc::new(lane));
        self
    }

    /// What the first carrier of `channel` can do.
    pub fn capability(&self, channel: Channel) -> Option<&Capability> {
        self.capabilities(channel).next()
    }

    /// What each carrier of `channel` can do, first choice first.
    pub fn capabilities(&self, channel: Channel) -> impl Iterator<Item = &Capability> {
        self.of(channel).iter().map(|lane| &lane.capability)
    }

    /// How the carriers of `channel` stand at `now`, by name.
    pub fn standing(&self, channel: Channel, now: Moment) -> Vec<(&'static str, Readiness)> {
        let of = |lane: &Arc<Lane>| (lane.capability.name, lane.readiness(now));
        self.of(channel).iter().map(of).collect()
    }

    fn of(&self, channel: Channel) -> &[Arc<Lane>] {
        self.lanes.get(&channel).map_or(&[], Vec::as_slice)
    }

    /// The lane that carries `channel` at `now`: the first that is not left alone.
    fn lane(&self, channel: Channel, now: Moment) -> Option<&Arc<Lane>> {
        let lanes = self.of(channel);
        let open = lanes.iter().find(|lane| lane.readiness(now).most() > 0);
        open.or_else(|| lanes.first())
    }

    /// Whether parcels for `channel` may be reserved at `now`, and if so whether many or one.
    pub fn ready(&self, channel: Channel, now: Moment) -> Readiness {
        match self.lane(channel, now) {
            Some(lane) => lane.readiness(now),
            None => Readiness::NoCarrier,
        }
    }

    /// How many parcels of `channel` may be reserved at `now` so that all of them get their turn in time.
    pub fn room(&self, channel: Channel, now: Moment) -> usize {
        let most = self.ready(channel, now).most();
        self.lane(channel, now)
            .map_or(0, |lane| most.min(lane.turns_in_time()))
    }

    /// From now on every carrier puts what comes back into `inbox`.
    pub fn listen(&self, inbox: &Inbox) {
        for lane in self.lanes.values().flatten() {
            lane.carrier.listen(inbox.clone());
        }
    }

    /// Asks the named carrier of `channel` what became of a message.
    pub async fn look_up(&self, channel: Channel, name: &str, asked: &Asked) -> Found {
        let lane = self.of(channel).iter().find(|lane| lane.capability.name == name);
        let Some(lane) = lane else { return Found::Unclear };
        let limit = Duration::from_secs(lane.capability.latest_accept_seconds.into());
        match timeout(
            limit,
            Caught(Box::pin(async { lane.carrier.look_up(asked).await })),
        )
        .await
        {
            Ok(Some(found)) => found,
            Ok(None) | Err(_) => Found::Unclear,
        }
    }

    /// Asks the named carrier of `channel` to stop a letter that its provider took over.
    pub async fn take_back(&self, channel: Channel, name: &str, asked: &Asked) -> Option<bool> {
        let lane = self
            .of(channel)
            .iter()
            .find(|lane| lane.capability.name == name)?;
        let limit = Duration::from_secs(lane.capability.latest_accept_seconds.into());
        let asking = Caught(Box::pin(async { lane.carrier.take_back(asked).await }));
        timeout(limit, asking).await.ok().flatten().flatten()
    }

    /// Asks each carrier of `channel` whether its provider can be reached and knows us.
    pub async fn check(&self, channel: Channel) -> Vec<(&'static str, Result<(), Outcome>)> {
        let mut all = Vec::new();
        for lane in self.of(channel) {
            let limit = Duration::from_secs(lane.capability.latest_accept_seconds.into());
            let checked = timeout(limit, Caught(Box::pin(async { lane.carrier.check().await }))).await;
            let failed = |reason| Err(Outcome::not_sent(NotSentProof::NeverConnected, reason));
            all.push((
                lane.capability.name,
                match checked {
                    Ok(Some(said)) => said,
                    Ok(None) => failed("the carrier broke down"),
                    Err(_) => failed("no answer in time"),
                },
            ));
        }
        all
    }

    /// Says goodbye to every provider.
    pub async fn close(&self) {
        for lane in self.lanes.values().flatten() {
            let _ = timeout(Duration::from_secs(5), lane.carrier.close()).await;
        }
    }

    /// Sends every parcel once, channels and messages side by side, and says what happened to each, in order.
    ///
    /// Nothing is tried twice. A parcel that no carrier takes, whose turn does not come in time or whose carrier is
    /// in trouble is `NotSent`; a carrier that panics or does not answer in time makes it `Unknown`.
    pub async fn send_all(&self, parcels: Vec<Parcel>) -> Vec<(AttemptId, Outcome)> {
        let attempts: Vec<AttemptId> = parcels.iter().map(|p| p.attempt()).collect();
        let mut outcomes: Vec<Option<Outcome>> = vec![None; parcels.len()];
        let mut by_channel: BTreeMap<Channel, Vec<(usize, Parcel)>> = BTreeMap::new();
        for (place, parcel) in parcels.into_iter().enumerate() {
            if !parcel.is_addressed() {
                outcomes[place] = Some(misconfigured("the address is not of the kind the channel needs"));
            } else if !self.lanes.contains_key(&parcel.channel()) {
                outcomes[place] = Some(misconfigured("no carrier is set up for the channel"));
            } else {
                by_channel
                    .entry(parcel.channel())
                    .or_default()
                    .push((place, parcel));
            }
        }
        let mut under_way: Vec<(Vec<usize>, JoinHandle<Vec<Outcome>>)> = Vec::new();
        for (channel, parcels) in by_channel {
            let at = parcels.iter().map(|(_, parcel)| parcel.at()).max();
            let lane = at.and_then(|at| self.lane(channel, at));
            let lane = lane.expect("channels without a lane were answered above");
            under_way.extend(Arc::clone(lane).start(parcels));
        }
        for (places, task) in under_way {
            // A task cannot panic (panics of carriers are caught inside); it is only lost when the runtime stops.
            let lost = |_| vec![Outcome::unknown("the process was stopping"); places.len()];
            for (place, outcome) in places.iter().zip(task.await.unwrap_or_else(lost)) {
                outcomes[*place] = Some(outcome);
            }
        }
        let settled = outcomes
            .into_iter()
            .map(|o| o.unwrap_or_else(|| Outcome::unknown("no outcome came back")));
        attempts.into_iter().zip(settled).collect()
    }
}

/// The domain of the recipient of an e-mail.
fn domain_of(parcel: &Parcel) -> Option<String> {
    match &parcel.to {
        Address::Email(to) => Some(to.domain().to_lowercase()),
        _ => None,
    }
}

fn misconfigured(reason: &str) -> Outcome {
    Outcome::not_sent(NotSentProof::Misconfigured, reason)
}

fn withheld(reason: &str) -> Outcome {
    Outcome::not_sent(NotSentProof::Withheld, reason)
}

/// A provider that wants to be left alone for longer is asked again after a day.
const LONGEST_REST: u32 = 86_400;

const IN_TROUBLE: &str = "the carrier is in trouble and is being left alone";
const TOO_LATE: &str = "the turn of the message did not come in time";

/// One carrier and how it is treated.
struct Lane {
    carrier: Arc<dyn Carrier>,
    capability: Capability,
    terms: Terms,
    limiter: Option<DefaultDirectRateLimiter>,
    by_domain: Option<DefaultKeyedRateLimiter<String>>,
    permits: Semaphore,
    breaker: Mutex<Breaker>,
    /// The provider asked to be left alone until then.
    rests_until: Mutex<Option<Instant>>,
}

impl Lane {
    fn new(carrier: Arc<dyn Carrier>, terms: Terms) -> Lane {
        let quota = |pace: Pace| Quota::per_second(pace.per_second).allow_burst(pace.burst);
        Lane {
            capability: carrier.capability(),
            limiter: terms.pace.map(|pace| RateLimiter::direct(quota(pace))),
            by_domain: terms.domain_pace.map(|pace| RateLimiter::keyed(quota(pace))),
            permits: Semaphore::new(terms.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            breaker: Mutex::new(Breaker::new(
                terms.open_after,
                TimeDelta::seconds(terms.rest_seconds.into()),
            )),
            rests_until: Mutex::new(None),
            carrier,
            terms,
        }
    }

    /// How it stands: the provider's own wish counts before what we think of it.
    fn readiness(&self, now: Moment) -> Readiness {
        match self.rest() {
            Some(left) => Readiness::Waiting {
                until: now + TimeDelta::from_std(left).unwrap_or(TimeDelta::MAX),
            },
            None => self.breaker().readiness(now),
        }
    }

    /// For how long the provider still wants to be left alone.
    fn rest(&self) -> Option<Duration> {
        let until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Notes that the provider wants to be left alone; a shorter wish does not cut a longer one.
    fn leave_alone(&self, seconds: u32) {
        let until = Instant::now() + Duration::from_secs(seconds.min(LONGEST_REST).into());
        let mut rests = self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        *rests = Some(rests.map_or(until, |r| r.max(until)));
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turns_in_time(&self) -> usize {
        self.terms.pace.map_or(usize::MAX, |pace| {
            let steady = u64::from(pace.per_second.get()) * u64::from(self.terms.longest_wait_seconds) / 2;
            usize::try_from(steady.max(1)).unwrap_or(usize::MAX)
        })
    }

    /// Starts one task for each message, or one for each group where the carrier likes groups.
    fn start(self: Arc<Lane>, parcels: Vec<(usize, Parcel)>) -> Vec<(Vec<usize>, JoinHandle<Vec<Outcome>>)> {
        let deadline = Instant::now() + Duration::from_secs(self.terms.longest_wait_seconds.into());
        if let Some(by_domain) = &self.by_domain {
            // Domains that are not written to any more are forgotten.
            by_domain.retain_recent();
        }
        let burst = self
            .terms
            .pace
            .map_or(usize::MAX, |pace| pace.burst.get() as usize);
        // Each waits for the turn of its own domain.
        let size = match self.by_domain {
            Some(_) => 1,
            None => self.carrier.group_size().clamp(1, burst),
        };
        let mut tasks = Vec::new();
        let mut rest = parcels.into_iter().peekable();
        while rest.peek().is_some() {
            let (places, group): (Vec<usize>, Vec<Parcel>) = rest.by_ref().take(size).unzip();
            let lane = Arc::clone(&self);
            tasks.push((
                places,
                tokio::spawn(async move { lane.send(group, deadline).await }),
            ));
        }
        tasks
    }

    /// Waits for the turn of `group`, asks the breaker, and sends what it admits.
    async fn send(&self, group: Vec<Parcel>, deadline: Instant) -> Vec<Outcome> {
        let Ok(_permit) = timeout_at(deadline, self.turn(&group)).await else {
            return vec![withheld(TOO_LATE); group.len()];
        };
        let admitted: Vec<bool> = {
            let resting = self.rest().is_some();
            let mut breaker = self.breaker();
            group
                .iter()
                .map(|parcel| !resting && breaker.admit(parcel.at()))
                .collect()
        };
        let at = group.iter().map(|parcel| parcel.at()).max();
        let going: Vec<Parcel> = group
            .into_iter()
            .zip(&admitted)
            .filter(|(_, go)| **go)
            .map(|(parcel, _)| parcel)
            .collect();
        let sent = if going.is_empty() {
            Vec::new()
        } else {
            self.hand_over(going).await
        };
        if let Some(at) = at {
            let mut breaker = self.breaker();
            sent.iter()
                .for_each(|outcome| breaker.note(outcome.is_trouble(), at));
            drop(breaker);
            if let Some(seconds) = sent.iter().filter_map(Outcome::wait_seconds).max() {
                self.leave_alone(seconds);
            }
        }
        let mut sent = sent.into_iter();
        let held = || withheld(IN_TROUBLE);
        let lost = || Outcome::unknown("no outcome came back");
        admitted
            .into_iter()
            .map(|went| {
                if went {
                    sent.next().unwrap_or_else(lost)
                } else {
                    held()
                }
            })
            .collect()
    }

    /// A free place and, where there is a pace, the right to so many messages. Who waits for the turn of a domain keeps
    /// nobody else from a place.
    async fn turn(&self, group: &[Parcel]) -> Option<tokio::sync::SemaphorePermit<'_>> {
        if let Some(by_domain) = &self.by_domain {
            for domain in group.iter().filter_map(domain_of) {
                by_domain.until_key_ready(&domain).await;
            }
        }
        let permit = self.permits.acquire().await.ok();
        let messages = u32::try_from(group.len()).ok().and_then(NonZeroU32::new);
        if let (Some(limiter), Some(messages)) = (&self.limiter, messages) {
            // Groups are never larger than the burst, so the wait is always possible.
            let _ = limiter.until_n_ready(messages).await;
        }
        permit
    }

    /// Point of no return: the carrier gets the parcels, once.
    async fn hand_over(&self, going: Vec<Parcel>) -> Vec<Outcome> {
        let going = Arc::new(going);
        let limit = Duration::from_secs(self.capability.latest_accept_seconds.into());
        // The call itself stands inside, so that a panic before the first await is caught too.
        let sending = async { self.carrier.send_group(Arc::clone(&going)).await };
        let outcomes = match timeout(limit, Caught(Box::pin(sending))).await {
            Ok(Some(outcomes)) if outcomes.len() == going.len() => outcomes,
            Ok(Some(_)) => {
                vec![Outcome::unknown("the carrier answered for another number of messages"); going.len()]
            }
            Ok(None) => vec![Outcome::unknown("the carrier broke down"); going.len()],
            Err(_) => vec![Outcome::unknown("the carrier did not answer in time"); going.len()],
        };
        debug_assert_eq!(outcomes.len(), going.len());
        outcomes
    }
}

/// A future whose panic becomes `None`.
struct Caught<'a, T>(BoxFuture<'a, T>);

impl<T> Future for Caught<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::channels::carrier::{Idempotency, Lookup};
    use crate::channels::{Null, sample};
    use crate::domain::EmailAddress;
    use crate::store::Reservation;

    /// Answers by script; notes how many were under way at once.
    struct Scripted {
        answer: fn(usize) -> Outcome,
        sent: AtomicUsize,
        under_way: AtomicUsize,
        most: AtomicUsize,
    }

    impl Scripted {
        fn new(answer: fn(usize) -> Outcome) -> Arc<Scripted> {
            let zero = AtomicUsize::default;
            Arc::new(Scripted {
                answer,
                sent: zero(),
                under_way: zero(),
                most: zero(),
            })
        }
    }

    impl Carrier for Scripted {
        fn capability(&self) -> Capability {
            Capability {
                name: "scripted",
                channel: Channel::Sms,
                idempotency: Idempotency::None,
                lookup: Lookup::None,
                latest_accept_seconds: 60,
                settle_seconds: 0,
                receipts: false,
                not_sent_answers: &[],
                refuses: &[],
            }
        }

        fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Outcome> {
            Box::pin(async {
                let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(now, Ordering::SeqCst);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                self.under_way.fetch_sub(1, Ordering::SeqCst);
                (self.answer)(self.sent.fetch_add(1, Ordering::SeqCst))
            })
        }
    }

    fn accepted(_: usize) -> Outcome {
        Outcome::accepted("scripted", None)
    }

    fn one_at_a_time() -> Terms {
        Terms {
            concurrency: 1,
            open_after: 3,
            ..Terms::default()
        }
    }

    fn at() -> Moment {
        sample::sms(0).at()
    }

    fn proofs(outcomes: &[(AttemptId, Outcome)]) -> Vec<&'static str> {
        let word = |outcome: &Outcome| match outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Gathered(_) => "gathered",
            Outcome::NotSent { proof, .. } => proof.as_str(),
            Outcome::Unknown { .. } => "unknown",
        };
        outcomes.iter().map(|(_, outcome)| word(outcome)).collect()
    }

    #[tokio::test]
    async fn outcomes_keep_the_order_of_the_parcels() {
        let carriers = Carriers::new().with(Arc::new(Null::new(Channel::Sms)), Terms::default());
        let mut misaddressed = sample::sms(4);
        misaddressed.to = sample::email(4).to;
        let parcels = vec![
            sample::email(1),
            sample::sms(2),
            sample::letter(3),
            misaddressed,
            sample::sms(5),
        ];
        let attempts: Vec<AttemptId> = parcels.iter().map(|p| p.attempt()).collect();
        let outcomes = carriers.send_all(parcels).await;
        assert_eq!(outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>(), attempts);
        let expected = [
            "misconfigured",
            "accepted",
            "misconfigured",
            "misconfigured",
            "accepted",
        ];
        assert_eq!(proofs(&outcomes), expected);
    }

    #[tokio::test]
    async fn a_panic_is_unknown_and_touches_nobody_else() {
        let carrier = Scripted::new(|n| if n == 1 { panic!("scripted") } else { accepted(n) });
        let carriers = Carriers::new().with(carrier, one_at_a_time());
        let outcomes = carriers.send_all((0..3).map(sample::sms).collect()).await;
        assert_eq!(proofs(&outcomes), ["accepted", "unknown", "accepted"]);
    }

    #[tokio::test]
    async fn concurrency_is_bounded() {
        let carrier = Scripted::new(accepted);
        let carriers = Carriers::new().with(
            carrier.clone(),
            Terms {
                concurrency: 3,
                ..Terms::default()
            },
        );
        carriers.send_all((0..40).map(sample::sms).collect()).await;
        assert_eq!(carrier.most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn trouble_in_a_row_withholds_the_rest_until_a_probe_succeeds() {
        let carrier = Scripted::new(|n| {
            if n < 4 {
                Outcome::unknown("scripted")
            } else {
                accepted(n)
            }
        });
        let carriers = Carriers::new().with(carrier.clone(), one_at_a_time());
        let outcomes = carriers.send_all((0..5).map(sample::sms).collect()).await;
        assert_eq!(
            proofs(&outcomes),
            ["unknown", "unknown", "unknown", "withheld", "withheld"]
        );
        assert_eq!(carrier.sent.load(Ordering::SeqCst), 3);
        assert_eq!(carriers.room(Channel::Sms, at()), 0);

        let later = |seconds: i64, number: u128| {
            let at = at() + TimeDelta::seconds(seconds);
            assert_eq!(carriers.ready(Channel::Sms, at), Readiness::Probe);
            let parcel = sample::sms(number);
            let reservation = Reservation::for_trial(parcel.attempt(), Channel::Sms, at);
            vec![Parcel {
                reservation,
                ..parcel
            }]
        };
        assert_eq!(proofs(&carriers.send_all(later(30, 6)).await), ["unknown"]);
        assert_eq!(proofs(&carriers.send_all(later(60, 7)).await), ["accepted"]);
        assert_eq!(carriers.ready(Channel::Sms, at()), Readiness::Ready);
    }

    #[tokio::test]
    async fn a_turn_that_does_not_come_in_time_is_withheld() {
        let one = NonZeroU32::MIN;
        let pace = Some(Pace {
            per_second: one,
            burst: one,
        });
        let terms = Terms {
            pace,
            longest_wait_seconds: 0,
            ..Terms::default()
        };
        let carriers = Carriers::new().with(Arc::new(Null::new(Channel::Sms)), terms);
        let outcomes = carriers.send_all((0..3).map(sample::sms).collect()).await;
        let mut words = proofs(&outcomes);
        words.sort_unstable();
        assert_eq!(words, ["accepted", "withheld", "withheld"]);
    }

    #[tokio::test]
    async fn a_domain_has_a_pace_of_its_own_and_holds_nobody_else_up() {
        let one = NonZeroU32::MIN;
        let terms = Terms {
            domain_pace: Some(Pace {
                per_second: one,
                burst: one,
            }),
            longest_wait_seconds: 0,
            ..Terms::default()
        };
        let carriers = Carriers::new().with(Arc::new(Null::new(Channel::Email)), terms);
        let to = |n, domain: &str| Parcel {
            to: Address::Email(EmailAddress::parse(&format!("a@{domain}")).unwrap()),
            ..sample::email(n)
        };
        let parcels = vec![
            to(1, "one.example"),
            to(2, "ONE.example"),
            to(3, "two.example"),
            to(4, "one.example"),
        ];
        let words = proofs(&carriers.send_all(parcels).await);
        assert_eq!(words[2], "accepted");
        assert_eq!(words.iter().filter(|w| **w == "accepted").count(), 2, "{words:?}");
        assert_eq!(words.iter().filter(|w| **w == "withheld").count(), 2, "{words:?}");
    }

    #[tokio::test]
    async fn a_provider_is_left_alone_for_as_long_as_it_wishes() {
        let carrier = Scripted::new(|n| match n {
            0 => Outcome::deferred("scripted", Some(700)),
            n => accepted(n),
        });
        let carriers = Carriers::new().with(carrier.clone(), one_at_a_time());
        let send = async |n| proofs(&carriers.send_all(vec![sample::sms(n)]).await)[0];
        assert_eq!(send(1).await, "deferred");
        let Readiness::Waiting { until } = carriers.ready(Channel::Sms, at()) else {
            panic!("it wants to be left alone")
        };
        assert!((690..=700).contains(&(until - at()).num_seconds()));
        assert_eq!(send(2).await, "withheld");
        assert_eq!(carriers.room(Channel::Sms, at()), 0);
        // A shorter wish does not cut a longer one.
        let lane = &carriers.of(Channel::Sms)[0];
        lane.leave_alone(1);
        assert!(lane.rest().is_some_and(|left| left > Duration::from_secs(600)));
        // Its time is over.
        *lane.rests_until.lock().unwrap() = Some(Instant::now());
        assert_eq!(send(3).await, "accepted");
        assert_eq!(carrier.sent.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn the_next_carrier_takes_over_after_proof() {
        let down = Scripted::new(|_| Outcome::not_sent(NotSentProof::NeverConnected, "scripted"));
        let up = Scripted::new(accepted);
        let carriers = Carriers::new()
            .with(down.clone(), Terms::default())
            .then(up.clone(), Terms::default());
        let send = async |n| proofs(&carriers.send_all(vec![sample::sms(n)]).await)[0];
        assert_eq!(send(1).await, "never_connected");
        assert_eq!(send(2).await, "accepted");
        assert_eq!(down.sent.load(Ordering::SeqCst), 1);
        assert_eq!(up.sent.load(Ordering::SeqCst), 1);
        assert_eq!(carriers.standing(Channel::Sms, at()).len(), 2);
    }

    #[tokio::test]
    async fn no_carrier_no_reservation() {
        assert_eq!(Carriers::new().ready(Channel::Letter, at()), Readiness::NoCarrier);
        assert_eq!(Carriers::new().room(Channel::Letter, at()), 0);
    }
}
