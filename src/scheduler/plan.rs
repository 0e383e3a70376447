//! One campaign run: every account that may have something due is looked at once, and what is due is queued.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use uuid::Uuid;

use super::cron::Schedule;
use crate::dispatch::{Rulebook, Rules, RulesError};
use crate::domain::{
    AccountId, Channel, Moment, Origin, Purpose, RunOutcome, SuppressionReason, SuppressionScope,
};
use crate::planner::{DueStep, Ladder, after_broken_promise, choose_contact, plan, preferred_time};
use crate::render::Catalogue;
use crate::store::{Campaign, Desk, DueAccount, NewAttempt, NewTask, PlanStep, Store, StoreError};

/// How many accounts are looked at in one transaction.
const PAGE: i64 = 1000;

/// Before every account.
const LONG_AGO: NaiveDate = NaiveDate::from_ymd_opt(1900, 1, 1).expect("a date of the calendar");

/// What one or several runs did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanReport {
    /// Campaign runs.
    pub runs: u64,
    /// Accounts that were looked at.
    pub looked_at: u64,
    /// Attempts queued.
    pub queued: u64,
    /// Human tasks noted.
    pub tasks: u64,
    /// Steps that were due and had no way to reach the debtor, by stage.
    pub unreachable: BTreeMap<String, u64>,
    /// Steps that were due and not queued, because the person or the debt as a whole is suppressed.
    pub stopped: u64,
    /// Promises that broke.
    pub promises_broken: u64,
    /// Number of the last run; `Store::run` tells what it made of every account.
    pub run: Option<i64>,
}

impl PlanReport {
    /// Adds another report.
    pub fn add(&mut self, other: PlanReport) {
        self.runs += other.runs;
        self.looked_at += other.looked_at;
        self.queued += other.queued;
        self.tasks += other.tasks;
        other
            .unreachable
            .into_iter()
            .for_each(|(k, n)| *self.unreachable.entry(k).or_default() += n);
        self.stopped += other.stopped;
        self.promises_broken += other.promises_broken;
        self.run = self.run.max(other.run);
    }
}

/// Why scheduling stopped.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Dispatching failed.
    #[error(transparent)]
    Dispatch(#[from] crate::dispatch::DispatchError),
    /// No policies are in force.
    #[error("nothing is planned: {0}")]
    Rules(RulesError),
    /// A portfolio names a ladder that is not there.
    #[error("portfolio `{portfolio}`: ladder `{ladder}` is not there")]
    NoLadder {
        /// The portfolio.
        portfolio: String,
        /// The ladder it names.
        ladder: String,
    },
    /// A stored cron expression cannot be read.
    #[error(transparent)]
    Cron(#[from] super::cron::CronError),
}

impl From<RulesError> for SchedulerError {
    fn from(e: RulesError) -> SchedulerError {
        match e {
            RulesError::Store(e) => SchedulerError::Store(e),
            other => SchedulerError::Rules(other),
        }
    }
}

/// Looks at campaigns and queues what is due.
#[derive(Clone)]
pub struct Scheduler {
    store: Store,
    rules: Rules,
}

impl Scheduler {
    /// A scheduler on a store.
    pub fn new(store: Store, rules: impl Into<Rules>) -> Scheduler {
        Scheduler {
            store,
            rules: rules.into(),
        }
    }

    /// The rules that it plans by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Runs every campaign whose time has come. A run that was missed is made up for once, not once a day missed. Of
    /// two schedulers that see the same run one takes it.
    pub async fn tick(&self, now: Moment) -> Result<PlanReport, SchedulerError> {
        let mut report = PlanReport::default();
        for campaign in self.store.campaigns().await?.into_iter().filter(|c| c.active) {
            let schedule = Schedule::parse(&campaign.cron, campaign.zone)?;
            let Some(next) = schedule.next_after(now) else {
                continue;
            };
            match campaign.next_run_at {
                Some(due) if due <= now => {
                    // Queueing is idempotent: if this process dies after taking the run, what it had not queued is
                    // looked at by the next one, because the accounts' next look has not moved.
                    if self.store.move_next_run(&campaign, next, Some(now)).await? {
                        report.add(self.run(&campaign, now).await?);
                    }
                }
                Some(_) => {}
                None => {
                    self.store.move_next_run(&campaign, next, None).await?;
                }
            }
        }
        Ok(report)
    }

    /// When the next campaign runs.
    pub async fn next_run(&self) -> Result<Option<Moment>, SchedulerError> {
        let campaigns = self.store.campaigns().await?;
        Ok(campaigns
            .into_iter()
            .filter(|c| c.active)
            .filter_map(|c| c.next_run_at)
            .min())
    }

    /// Runs one campaign now, whatever its schedule.
    pub async fn run(&self, campaign: &Campaign, now: Moment) -> Result<PlanReport, SchedulerError> {
        let registry = self.store.registry().await?;
        let Some(desk) = registry.desks.get(&campaign.portfolio) else {
            return Ok(PlanReport::default());
        };
        self.run_portfolio(desk, now).await
    }

    /// Looks at every account of a portfolio that may have something due today, and queues it.
    pub async fn run_portfolio(&self, desk: &Desk, now: Moment) -> Result<PlanReport, SchedulerError> {
        let under = self.rules.at(now).await?;
        let ladder = ladder(&under.rulebook, desk)?;
        let today = now.date_in(desk.portfolio.zone);
        let run = self.store.begin_run(desk.portfolio.id, today).await?;
        let broken: HashSet<AccountId> = self
            .store
            .break_promises(desk.portfolio.id, today)
            .await?
            .into_iter()
            .collect();
        let mut report = PlanReport {
            runs: 1,
            promises_broken: broken.len() as u64,
            run: Some(run),
            ..PlanReport::default()
        };
        let mut outcomes = HashMap::new();
        let mut after = (LONG_AGO, AccountId(Uuid::nil()));
        loop {
            let (page, day) = self
                .store
                .due_accounts(desk.portfolio.id, today, after, PAGE)
                .await?;
            let (Some(last), Some(day)) = (page.last(), day) else {
                let (what, when) = ((run, desk.portfolio.id), (today, now));
                self.store
                    .end_run(what, when, report.looked_at, &outcomes)
                    .await?;
                return Ok(report);
            };
            after = (day, last.account.id);
            let mut found = Found::default();
            for due in &page {
                found.look_at(
                    &Looking {
                        desk,
                        ladder,
                        catalogue: &under.rulebook.catalogue,
                        now,
                        broken: broken.contains(&due.account.id),
                    },
                    due,
                );
            }
            report.looked_at += page.len() as u64;
            report.tasks += found.tasks.len() as u64;
            report.stopped += found.stopped;
            outcomes.extend(found.outcomes);
            for stage in found.unreachable {
                *report.unreachable.entry(stage).or_default() += 1;
            }
            report.queued += self
                .store
                .queue_in_run(Some(run), found.attempts, found.tasks, found.steps)
                .await?
                .len() as u64;
        }
    }
}

/// The ladder of a portfolio.
///
/// # Errors
/// Where the rulebook has none of that name.
pub fn ladder<'r>(rulebook: &'r Rulebook, desk: &Desk) -> Result<&'r Ladder, SchedulerError> {
    rulebook
        .ladders
        .get(&desk.portfolio.ladder)
        .ok_or_else(|| SchedulerError::NoLadder {
            portfolio: desk.portfolio.name.clone(),
            ladder: desk.portfolio.ladder.clone(),
        })
}

/// What one look at an account is made with.
struct Looking<'a> {
    desk: &'a Desk,
    ladder: &'a Ladder,
    catalogue: &'a Catalogue,
    now: Moment,
    broken: bool,
}

/// What a page of accounts gave.
#[derive(Default)]
struct Found {
    attempts: Vec<NewAttempt>,
    tasks: Vec<NewTask>,
    steps: Vec<PlanStep>,
    unreachable: Vec<String>,
    stopped: u64,
    /// What only the planner sees of an account for which nothing is queued.
    outcomes: Vec<(AccountId, (RunOutcome, String))>,
}

impl Found {
    fn look_at(&mut self, l: &Looking<'_>, due: &DueAccount) {
        let account = &due.account;
        let today = l.now.date_in(l.desk.portfolio.zone);
        let plan = plan(l.ladder, account, today);
        // After a broken promise one message says so; the ladder goes on at its next step.
        let promise = l
            .broken
            .then(|| after_broken_promise(l.ladder, account, today, today))
            .flatten();
        let steps = promise.map_or(plan.steps, |step| vec![step]);
        // What stops a person or a debt as a whole is no question of finding another way.
        let stopped = due.suppressions.iter().any(|s| {
            s.stands_at(l.now)
                && s.channel.is_none()
                && !matches!(s.scope, SuppressionScope::Address(_))
                // An answer that nobody has decided about holds what is queued; it skips no step.
                && s.reason != SuppressionReason::OpenReply
        });
        let before = (self.attempts.len(), self.unreachable.len());
        if stopped {
            self.stopped += steps.len() as u64;
        } else {
            steps.into_iter().for_each(|step| self.step(l, due, step));
        }
        let (queued, unreachable) = (self.attempts.len() > before.0, self.unreachable.get(before.1));
        let outcome = match (queued, unreachable, plan.tasks.first()) {
            (true, ..) => None,
            (_, Some(stage), _) => Some((RunOutcome::Unreachable, stage.clone())),
            (_, None, Some(task)) => Some((RunOutcome::Task, task.kind.clone())),
            (_, None, None) => None,
        };
        self.outcomes.extend(outcome.map(|o| (account.id, o)));
        for task in plan.tasks {
            self.tasks.push(NewTask {
                step_key: task.key,
                account: account.id,
                kind: task.kind,
                stage: task.stage,
                step: task.task,
                due_on: task.due_on,
            });
        }
        self.steps.push(PlanStep {
            account: account.id,
            revision: account.revision,
            next_on: plan.next_on,
        });
    }

    fn step(&mut self, l: &Looking<'_>, due: &DueAccount, step: DueStep) {
        // A template that is gentler than the step's own may be written for fewer channels.
        let template = l.catalogue.template(&step.template);
        let written = |c: &Channel| template.is_some_and(|t| t.channels.contains(c));
        let channels: Vec<Channel> = step.channels.iter().copied().filter(written).collect();
        let chosen = choose_contact(
            &channels,
            due.debtor.kind,
            &due.contact_points,
            due.stops(),
            l.now,
        );
        let Some((channel, point)) = chosen else {
            self.unreachable.push(step.stage);
            return;
        };
        let zone = point
            .zones
            .candidates
            .first()
            .or(due.debtor.zones.candidates.first());
        let zone = zone.copied().unwrap_or(l.desk.portfolio.zone);
        self.attempts.push(NewAttempt {
            step_key: step.key,
            account: due.account.id,
            recipient: due.debtor.id,
            contact_point: point.id,
            channel,
            purpose: Purpose::Collection,
            origin: Origin::Campaign,
            asked_by: format!("campaign {}", l.desk.portfolio.name),
            stage: step.stage,
            step: step.step,
            template: Some(step.template),
            own_subject: None,
            own_text: None,
            due_at: preferred_time(l.now, zone, &l.ladder.prefer, &l.ladder.avoid),
            expires_at: midnight(step.stale_on, l.desk.portfolio.zone),
        });
    }
}

/// The first instant of a day in a zone, also where midnight is skipped.
fn midnight(day: NaiveDate, zone: Tz) -> Moment {
    let at = |time| zone.from_local_datetime(&day.and_time(time)).earliest();
    let one = NaiveTime::MIN + chrono::TimeDelta::hours(1);
    let moment = at(NaiveTime::MIN).or_else(|| at(one)).map(|t| t.to_utc());
    Moment::new(moment.unwrap_or_else(|| day.and_time(NaiveTime::MIN).and_utc()))
}
