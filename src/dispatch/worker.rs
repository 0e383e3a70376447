//! One worker: takes a batch from due to settled.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use super::judge::{Judged, NO_CARRIER, TEST_MODE, expired, judge, kept_back};
use super::record::Kept;
use super::rules::{InForce, Rules, RulesError};
use crate::channels::{Carriers, Links, NotSentProof, Outcome, Parcel, Readiness, unsubscribe_by_mail};
use crate::domain::{Address, AttemptId, AttemptState, Channel, Moment};
use crate::render::Rendered;
use crate::store::{
    Action, Claimed, Decision, Recorded, Reservation, Settlement, Store, StoreError, TestMode,
};

/// For how long a claim keeps others away. Longer than any carrier may take.
const LEASE: TimeDelta = TimeDelta::minutes(20);

/// When a step is tried anew after proof that nothing went out.
const RETRY: TimeDelta = TimeDelta::minutes(15);

/// The same where another carrier stands ready.
const FAILOVER: TimeDelta = TimeDelta::seconds(5);

/// What one batch did. Sums of reports add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchReport {
    /// Attempts that were claimed.
    pub claimed: u64,
    /// Sent, by stage, channel and what became of it.
    pub sent: BTreeMap<(String, Channel, &'static str), u64>,
    /// Held, by deciding rule.
    pub held: BTreeMap<String, u64>,
    /// Sent to review, by deciding rule.
    pub in_review: BTreeMap<String, u64>,
    /// Blocked, by deciding rule.
    pub blocked: BTreeMap<String, u64>,
    /// Withdrawn here, by reason.
    pub withdrawn: BTreeMap<String, u64>,
    /// Judged on facts that had moved on; judged again later.
    pub stale: u64,
    /// Given back because the carrier has no room now.
    pub given_back: u64,
}

impl BatchReport {
    /// Adds another report.
    pub fn add(&mut self, other: BatchReport) {
        let join = |into: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>| {
            from.into_iter()
                .for_each(|(k, n)| *into.entry(k).or_default() += n);
        };
        self.claimed += other.claimed;
        other
            .sent
            .into_iter()
            .for_each(|(k, n)| *self.sent.entry(k).or_default() += n);
        join(&mut self.held, other.held);
        join(&mut self.in_review, other.in_review);
        join(&mut self.blocked, other.blocked);
        join(&mut self.withdrawn, other.withdrawn);
        self.stale += other.stale;
        self.given_back += other.given_back;
    }

    /// Whether another batch may find more to do at once.
    pub fn progressed(&self) -> bool {
        self.claimed > self.given_back
    }
}

/// Why a batch stopped. Nothing was lost: what was reserved and not settled is *unknown* after a while.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No policies are in force; nothing is sent.
    #[error("nothing is sent: {0}")]
    Rules(RulesError),
    /// The clock cannot be trusted; nothing is sent.
    #[error("nothing is sent: {0}\ncheck the clock of this machine, then restart")]
    Clock(#[from] crate::clock::Backstep),
}

impl From<RulesError> for DispatchError {
    fn from(e: RulesError) -> DispatchError {
        match e {
            RulesError::Store(e) => DispatchError::Store(e),
            other => DispatchError::Rules(other),
        }
    }
}

/// One worker on one store.
#[derive(Clone)]
pub struct Dispatcher {
    store: Store,
    rules: Rules,
    carriers: Arc<Carriers>,
    links: Option<Arc<Links>>,
    worker: Uuid,
    batch: usize,
}

impl Dispatcher {
    /// The store it works on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The carriers it hands messages to.
    pub fn carriers(&self) -> &Arc<Carriers> {
        &self.carriers
    }

    /// A worker that takes `batch` attempts at a time.
    pub fn new(store: Store, rules: impl Into<Rules>, carriers: Arc<Carriers>, batch: usize) -> Dispatcher {
        let worker = store.clock().fresh();
        Dispatcher {
            store,
            rules: rules.into(),
            carriers,
            links: None,
            worker,
            batch,
        }
    }

    /// The same, whose e-mails carry these addresses and links for what comes back.
    pub fn with_links(self, links: Links) -> Dispatcher {
        Dispatcher {
            links: Some(Arc::new(links)),
            ..self
        }
    }

    /// Another worker on the same store, rules and carriers.
    pub fn sibling(&self) -> Dispatcher {
        Dispatcher {
            worker: self.store.clock().fresh(),
            ..self.clone()
        }
    }

    /// Takes batches until nothing is due.
    pub async fn run_until_idle(&self) -> Result<BatchReport, DispatchError> {
        let mut total = BatchReport::default();
        loop {
            let report = self.run_batch().await?;
            let more = report.progressed();
            total.add(report);
            if !more {
                return Ok(total);
            }
        }
    }

    /// Takes one batch from due to settled.
    pub async fn run_batch(&self) -> Result<BatchReport, DispatchError> {
        let clock = self.store.clock().clone();
        let now = clock.now();
        if let Some(backstep) = clock.suspect() {
            return Err(backstep.into());
        }
        let under = self.rules.at(now).await?;
        let claimed = self.store.claim(self.worker, now, LEASE, self.batch).await?;
        let mut report = BatchReport {
            claimed: claimed.len() as u64,
            ..BatchReport::default()
        };
        if claimed.is_empty() {
            return Ok(report);
        }
        let (taken, given_back) = self.with_room(claimed, now);
        report.given_back = given_back.len() as u64;
        if !given_back.is_empty() {
            self.store.release(self.worker, &given_back).await?;
        }
        // Read with each batch, so that turning it on counts at once; unreadable, nothing is sent.
        let trial = self.store.test_mode().await?;
        let judged = self.judge_all(taken, (&under, trial.as_ref()), now);
        let parcels = self.decide(judged, &mut report).await?;
        self.send(parcels, &mut report).await?;
        Ok(report)
    }

    /// What the carriers can take now; the rest is given back unjudged.
    fn with_room(&self, claimed: Vec<Claimed>, now: Moment) -> (Vec<Claimed>, Vec<AttemptId>) {
        let mut room: HashMap<Channel, usize> = HashMap::new();
        let (mut taken, mut given_back) = (Vec::with_capacity(claimed.len()), Vec::new());
        for c in claimed {
            let channel = c.situation.attempt.channel;
            let left = room
                .entry(channel)
                .or_insert_with(|| match self.carriers.ready(channel, now) {
                    // Judged all the same, so that the reason is stored and shown.
                    Readiness::NoCarrier => usize::MAX,
                    _ => self.carriers.room(channel, now),
                });
            if *left == 0 {
                given_back.push(c.situation.attempt.id);
            } else {
                *left -= 1;
                taken.push(c);
            }
        }
        (taken, given_back)
    }

    fn judge_all(
        &self,
        taken: Vec<Claimed>,
        (under, trial): (&InForce, Option<&TestMode>),
        now: Moment,
    ) -> Vec<(Claimed, Decision, Option<Rendered>)> {
        let mut kept = Kept::default();
        taken
            .into_iter()
            .map(|claimed| {
                let about = Judged {
                    claimed: &claimed,
                    under,
                    now,
                };
                let attempt = &claimed.situation.attempt;
                let (decision, rendered) = if now >= attempt.expires_at {
                    (expired(&about, &mut kept), None)
                } else if self.carriers.ready(attempt.channel, now) == Readiness::NoCarrier {
                    (kept_back(&about, &mut kept, NO_CARRIER), None)
                } else if trial.is_some_and(|t| !t.allows(&claimed.situation.contact_point.address)) {
                    (kept_back(&about, &mut kept, TEST_MODE), None)
                } else {
                    judge(&under.rulebook, &claimed.situation, now).into_decision(&about, &mut kept)
                };
                (claimed, decision, rendered)
            })
            .collect()
    }

    /// Records the decisions; returns what may be sent now, once.
    async fn decide(
        &self,
        judged: Vec<(Claimed, Decision, Option<Rendered>)>,
        report: &mut BatchReport,
    ) -> Result<Vec<(Parcel, String)>, DispatchError> {
        let mut decisions = Vec::with_capacity(judged.len());
        let mut waiting: HashMap<AttemptId, (Claimed, Option<Rendered>, String)> = HashMap::new();
        for (claimed, decision, rendered) in judged {
            let reason = decision.reason.clone().unwrap_or_default();
            debug_assert!(!matches!(decision.action, Action::Reserve(_)) || rendered.is_some());
            waiting.insert(decision.attempt, (claimed, rendered, reason));
            decisions.push(decision);
        }
        let mut parcels = Vec::new();
        for decided in self.store.decide(self.worker, decisions).await? {
            let Some((claimed, rendered, reason)) = waiting.remove(&decided.attempt) else {
                continue;
            };
            match decided.recorded {
                Recorded::Reserved(reservation) => {
                    let stage = claimed.situation.attempt.stage.clone();
                    // INVARIANT: what was reserved had been rendered.
                    let rendered = rendered.expect("a reservation follows a rendered draft");
                    parcels.push((self.parcel(reservation, claimed, rendered), stage));
                }
                Recorded::Held => *report.held.entry(reason).or_default() += 1,
                Recorded::InReview => *report.in_review.entry(reason).or_default() += 1,
                Recorded::Blocked => *report.blocked.entry(reason).or_default() += 1,
                Recorded::Withdrawn => *report.withdrawn.entry(reason).or_default() += 1,
                Recorded::Stale => report.stale += 1,
                Recorded::Lost => {}
            }
        }
        Ok(parcels)
    }

    /// What the carrier is handed for a reserved attempt.
    fn parcel(&self, reservation: Reservation, claimed: Claimed, rendered: Rendered) -> Parcel {
        let s = claimed.situation;
        let attempt = reservation.attempt();
        let (mut unsubscribe, mut return_path) = (Vec::new(), None);
        if matches!(s.contact_point.address, Address::Email(_)) {
            let links = self.links.as_ref();
            return_path = links.and_then(|links| links.return_path(attempt));
            unsubscribe.extend(links.and_then(|links| links.unsubscribe(attempt)));
            let sender = s.sender.email.as_ref();
            unsubscribe.extend(sender.map(|e| unsubscribe_by_mail(e, &s.sender.opt_out_word, attempt)));
        }
        let to = (s.contact_point.address, s.recipient.name);
        Parcel::new(reservation, Arc::new(rendered.draft), to, s.sender, unsubscribe)
            .with_return_path(return_path)
    }

    /// Point of no return: from here on a message may be on its way.
    async fn send(
        &self,
        parcels: Vec<(Parcel, String)>,
        report: &mut BatchReport,
    ) -> Result<(), DispatchError> {
        if parcels.is_empty() {
            return Ok(());
        }
        let mut known: HashMap<AttemptId, (String, Channel)> = HashMap::new();
        let mut outgoing = Vec::with_capacity(parcels.len());
        for (parcel, stage) in parcels {
            known.insert(parcel.attempt(), (stage, parcel.channel()));
            outgoing.push(parcel);
        }
        let outcomes = self.carriers.send_all(outgoing).await;
        let now = self.store.clock().now();
        let mut settlements = Vec::with_capacity(outcomes.len());
        for (attempt, outcome) in outcomes {
            let channel = known.get(&attempt).map(|(_, channel)| *channel);
            let others = channel.map_or(0, |channel| self.carriers.capabilities(channel).count());
            let mut settlement = settlement(attempt, outcome, now);
            // Somebody else may carry it at once; it is judged anew all the same.
            if others > 1 && settlement.retry_at.is_some() {
                settlement.retry_at = Some(now + FAILOVER);
            }
            if let Some((stage, channel)) = known.remove(&attempt) {
                *report
                    .sent
                    .entry((stage, channel, settlement.state.as_str()))
                    .or_default() += 1;
            }
            settlements.push(settlement);
        }
        self.store.settle(settlements).await?;
        Ok(())
    }
}

/// What is recorded of an outcome that became known at `now`.
pub(super) fn settlement(attempt: AttemptId, outcome: Outcome, now: Moment) -> Settlement {
    let retry_at = now + RETRY;
    let wait_of = |seconds: Option<u32>| TimeDelta::seconds(seconds.unwrap_or(0).into());
    let plain = Settlement::new(attempt, AttemptState::Unknown);
    match outcome {
        Outcome::Accepted { provider, references } => Settlement {
            state: AttemptState::Accepted,
            provider: Some(provider),
            references,
            ..plain
        },
        Outcome::NotSent {
            proof,
            reason,
            wait_seconds,
        } => {
            use NotSentProof as P;
            let again = matches!(
                proof,
                P::Deferred | P::NeverConnected | P::Withheld | P::Unwritable | P::Misconfigured
            );
            Settlement {
                state: AttemptState::NotSent,
                reason: Some(format!("{proof}: {reason}")),
                retry_at: again.then(|| retry_at.max(now + wait_of(wait_seconds))),
                ..plain
            }
        }
        Outcome::Unknown { reason, partly } => {
            let (provider, references, whole) = match partly {
                Some(known) => (Some(known.provider), known.references, known.whole),
                None => (None, Vec::new(), true),
            };
            Settlement {
                reason: Some(reason),
                provider,
                references,
                whole,
                ..plain
            }
        }
    }
}
