//! One account, one ladder, one day: what is due.

use chrono::{Days, NaiveDate, TimeDelta};
use sha2::{Digest, Sha256};

use super::ladder::{Ladder, Stage, Step};
use crate::domain::{Account, AccountState, Channel};

/// Where an account stands on its ladder today.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Paid.
    Settled,
    /// Taken back or written off.
    Closed,
    /// The ladder waits for the dispute to be resolved.
    Disputed,
    /// The ladder waits for a promise.
    Promised,
    /// Not yet on the first rung.
    BeforeLadder,
    /// On a rung.
    OnStage(String),
    /// Between rungs, or on none that fits the number of instalments.
    BetweenStages,
    /// Beyond the last rung: human work.
    BeyondLadder,
}

/// A message that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueStep {
    /// Rung.
    pub stage: String,
    /// Step.
    pub step: String,
    /// The same debt, cycle, stage, step and occurrence give the same key.
    pub key: [u8; 16],
    /// Channels by preference, the agreed one first.
    pub channels: Vec<Channel>,
    /// Template.
    pub template: String,
    /// First day on which it is no longer fresh.
    pub stale_on: NaiveDate,
}

/// Human work that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTask {
    /// As for steps.
    pub key: [u8; 16],
    /// Kind of work.
    pub kind: String,
    /// Rung.
    pub stage: String,
    /// Task id.
    pub task: String,
    /// When it should be done.
    pub due_on: NaiveDate,
}

/// What is due for one account today, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where the account stands.
    pub standing: Standing,
    /// Messages.
    pub steps: Vec<DueStep>,
    /// Human work.
    pub tasks: Vec<DueTask>,
    /// The next day on which something falls due; `None`: not unless something happens.
    pub next_on: Option<NaiveDate>,
}

/// What is due for `account` on `today`.
pub fn plan(ladder: &Ladder, account: &Account, today: NaiveDate) -> Plan {
    let waiting = |standing, next_on| Plan {
        standing,
        steps: Vec::new(),
        tasks: Vec::new(),
        next_on,
    };
    match account.state {
        AccountState::Settled => return waiting(Standing::Settled, None),
        AccountState::Closed => return waiting(Standing::Closed, None),
        AccountState::Open => {}
    }
    if account.disputed {
        return waiting(Standing::Disputed, None);
    }
    if let Some(until) = account.promised_until
        && today <= until
    {
        return waiting(Standing::Promised, Some(until + Days::new(1)));
    }
    let dpd = account.days_past_due(today);
    let overdue = account.instalments_overdue(today).unwrap_or(0);
    let fits = |s: &&Stage| s.instalments.as_ref().is_none_or(|r| r.contains(&overdue));
    let mut result = waiting(standing(ladder, dpd, overdue), None);
    for stage in ladder.stages.iter().filter(fits) {
        if stage.dpd.contains(&dpd) {
            stage_today(ladder, stage, account, today, &mut result);
        }
    }
    result.next_on = next_day(ladder, account, today, overdue);
    result
}

fn standing(ladder: &Ladder, dpd: i64, overdue: u32) -> Standing {
    let fits = |s: &&Stage| s.instalments.as_ref().is_none_or(|r| r.contains(&overdue));
    if let Some(stage) = ladder.stages.iter().filter(fits).find(|s| s.dpd.contains(&dpd)) {
        return Standing::OnStage(stage.id.clone());
    }
    let starts = ladder.stages.iter().filter(fits).map(|s| *s.dpd.start()).min();
    let ends = ladder.stages.iter().filter(fits).map(|s| *s.dpd.end()).max();
    match (starts, ends) {
        (Some(start), _) if dpd < start => Standing::BeforeLadder,
        (_, Some(end)) if dpd > end => Standing::BeyondLadder,
        _ => Standing::BetweenStages,
    }
}

/// The current step group of a stage (the latest occurrences that are due and fresh), and its tasks.
fn stage_today(ladder: &Ladder, stage: &Stage, account: &Account, today: NaiveDate, plan: &mut Plan) {
    let dpd = account.days_past_due(today);
    let usable = |s: &&Step| !(account.observation && s.skip_observation);
    let started: Vec<_> = stage
        .steps
        .iter()
        .filter(usable)
        .filter_map(|s| Some((s, latest(s, dpd, stage)?)))
        .collect();
    let current = started.iter().map(|(_, (_, day))| *day).max();
    for (step, (n, day)) in started {
        if Some(day) != current || dpd - day >= step.valid_days {
            continue;
        }
        let stale_on = account.due_on + TimeDelta::days(day + step.valid_days);
        plan.steps
            .push(due_step(ladder, (&stage.id, step), account, n, stale_on));
    }
    for task in stage.tasks.iter().filter(|t| t.dpd <= dpd) {
        plan.tasks.push(DueTask {
            key: key(account, ladder, &[&stage.id, &task.id], 0),
            kind: task.kind.clone(),
            stage: stage.id.clone(),
            task: task.id.clone(),
            due_on: account.due_on + TimeDelta::days(task.dpd),
        });
    }
}

fn due_step(
    ladder: &Ladder,
    (stage, step): (&str, &Step),
    account: &Account,
    occurrence: u32,
    stale_on: NaiveDate,
) -> DueStep {
    let template = match &step.observation_template {
        Some(lenient) if account.observation => lenient,
        _ => &step.template,
    };
    // The agreed channel first, where the step knows it.
    let mut channels = step.channels.clone();
    if let Some(at) = account
        .preferred
        .and_then(|p| channels.iter().position(|c| *c == p))
    {
        channels[..=at].rotate_right(1);
    }
    DueStep {
        stage: stage.to_owned(),
        step: step.id.clone(),
        key: key(account, ladder, &[stage, &step.id], occurrence),
        channels,
        template: template.clone(),
        stale_on,
    }
}

/// The message after a promise that was broken on `today`.
pub fn after_broken_promise(
    ladder: &Ladder,
    account: &Account,
    promised: NaiveDate,
    today: NaiveDate,
) -> Option<DueStep> {
    let step = ladder.on_broken_promise.as_ref()?;
    if account.disputed
        || account.state != AccountState::Open
        || (account.observation && step.skip_observation)
    {
        return None;
    }
    let occurrence = u32::try_from((promised - account.due_on).num_days().rem_euclid(100_000)).unwrap_or(0);
    let stale_on = today + TimeDelta::days(step.valid_days);
    Some(due_step(ladder, ("promise", step), account, occurrence, stale_on))
}

/// The latest occurrence of a step that has begun by `dpd`: its number and its day past due.
fn latest(step: &Step, dpd: i64, stage: &Stage) -> Option<(u32, i64)> {
    if dpd < step.dpd {
        return None;
    }
    let Some(every) = step.every_days else {
        return Some((0, step.dpd));
    };
    let most = i64::from(step.times - 1).min((stage.dpd.end() - step.dpd) / every);
    let n = ((dpd - step.dpd) / every).min(most);
    Some((u32::try_from(n).unwrap_or(0), step.dpd + n * every))
}

/// The first day after today on which a step, an occurrence, a task or a rung begins.
fn next_day(ladder: &Ladder, account: &Account, today: NaiveDate, overdue: u32) -> Option<NaiveDate> {
    let dpd = account.days_past_due(today);
    let mut next: Option<i64> = None;
    let mut consider = |day: i64| {
        if day > dpd && next.is_none_or(|n| day < n) {
            next = Some(day);
        }
    };
    for stage in &ladder.stages {
        if stage.instalments.as_ref().is_some_and(|r| !r.contains(&overdue)) {
            continue;
        }
        consider(*stage.dpd.start());
        stage.tasks.iter().for_each(|t| consider(t.dpd));
        for step in &stage.steps {
            consider(step.dpd);
            if let Some(every) = step.every_days
                && dpd >= step.dpd
            {
                let n = (dpd - step.dpd) / every + 1;
                let day = step.dpd + n * every;
                if n < i64::from(step.times) && stage.dpd.contains(&day) {
                    consider(day);
                }
            }
        }
    }
    next.map(|day| account.due_on + TimeDelta::days(day))
}

/// Sixteen bytes of SHA-256 over account, cycle, ladder, rung, step and occurrence.
fn key(account: &Account, ladder: &Ladder, path: &[&str], occurrence: u32) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(account.id.0.as_bytes());
    hash.update(account.due_on.to_string());
    for part in [ladder.name.as_str()].iter().chain(path) {
        hash.update([0]);
        hash.update(part);
    }
    hash.update(occurrence.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountId, ClaimKind, Currency, Instalments, PersonId, PortfolioId};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn ladder(name: &str) -> Ladder {
        let text = match name {
            "traffic-light" => include_str!("../../policies/ladders/traffic-light.toml"),
            "thirty-sixty-ninety" => include_str!("../../policies/ladders/thirty-sixty-ninety.toml"),
            _ => include_str!("../../policies/ladders/instalments.toml"),
        };
        Ladder::parse(&format!("ladders/{name}.toml"), text, [0; 32]).unwrap()
    }

    fn due() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 6, 1).unwrap()
    }

    fn account() -> Account {
        Account {
            id: AccountId(Uuid::from_u128(7)),
            portfolio: PortfolioId(Uuid::from_u128(1)),
            debtor: PersonId(Uuid::from_u128(2)),
            reference: "0001".into(),
            claim: ClaimKind::TradeReceivable,
            currency: Currency::CNY,
            amount_minor: 100,
            balance_minor: 100,
            issued_on: None,
            due_on: due(),
            instalments: None,
            confirmed: false,
            observation: false,
            legal_action_approved: false,
            preferred: None,
            state: AccountState::Open,
            disputed: false,
            promised_until: None,
            revision: 1,
        }
    }

    fn steps_on(ladder: &Ladder, account: &Account, dpd: i64) -> Vec<String> {
        plan(ladder, account, due() + TimeDelta::days(dpd))
            .steps
            .into_iter()
            .map(|s| s.step)
            .collect()
    }

    #[test]
    fn the_traffic_light_shows_the_right_rung() {
        let ladder = ladder("traffic-light");
        let check = |dpd, standing: Standing, steps: &[&str]| {
            let plan = plan(&ladder, &account(), due() + TimeDelta::days(dpd));
            assert_eq!(plan.standing, standing, "{dpd}");
            assert_eq!(
                plan.steps.iter().map(|s| s.step.as_str()).collect::<Vec<_>>(),
                steps,
                "{dpd}"
            );
        };
        check(-31, Standing::BeforeLadder, &[]);
        check(-30, Standing::OnStage("green".into()), &["payment-notice"]);
        check(-1, Standing::OnStage("green".into()), &["due-tomorrow"]);
        check(0, Standing::OnStage("green".into()), &[]);
        check(2, Standing::OnStage("yellow".into()), &["first-reminder"]);
        check(20, Standing::OnStage("yellow".into()), &["demand-letter"]);
        check(121, Standing::BeyondLadder, &[]);
    }

    #[test]
    fn instalments_decide_the_rung() {
        let ladder = ladder("instalments");
        let with = |overdue| Account {
            instalments: Some(Instalments {
                overdue,
                amount_minor: 10,
            }),
            ..account()
        };
        assert_eq!(steps_on(&ladder, &with(0), -1), ["due-tomorrow"]);
        assert_eq!(steps_on(&ladder, &with(1), 1), ["first-contact"]);
        assert_eq!(steps_on(&ladder, &with(2), 18), ["follow-up"]);
        assert_eq!(steps_on(&ladder, &with(3), 1), ["written-notice"]);
    }

    #[test]
    fn pauses_and_ends_stop_the_ladder() {
        let ladder = ladder("traffic-light");
        let day = due() + TimeDelta::days(2);
        let disputed = Account {
            disputed: true,
            ..account()
        };
        let promised = Account {
            promised_until: Some(day),
            ..account()
        };
        let settled = Account {
            state: AccountState::Settled,
            ..account()
        };
        for (account, standing, next_on) in [
            (disputed, Standing::Disputed, None),
            (promised, Standing::Promised, Some(day + Days::new(1))),
            (settled, Standing::Settled, None),
        ] {
            let plan = plan(&ladder, &account, day);
            assert_eq!(
                (plan.standing, plan.steps.len(), plan.next_on),
                (standing, 0, next_on)
            );
        }
    }

    #[test]
    fn the_agreed_channel_comes_first_and_the_rest_keep_their_order() {
        let account = Account {
            preferred: Some(Channel::Letter),
            ..account()
        };
        let plan = plan(&ladder("traffic-light"), &account, due() + TimeDelta::days(2));
        assert_eq!(
            plan.steps[0].channels,
            [Channel::Letter, Channel::Sms, Channel::Email]
        );
    }

    proptest! {
        /// Looking only on the days that `next_on` names finds every step that looking daily finds.
        #[test]
        fn next_on_misses_nothing(start in -60i64..60, overdue in 0u32..5, which in 0usize..3) {
            let ladder = ladder(["traffic-light", "thirty-sixty-ninety", "instalments"][which]);
            let account = Account { instalments: Some(Instalments { overdue, amount_minor: 1 }), ..account() };
            let first = due() + TimeDelta::days(start);
            let last = due() + TimeDelta::days(200);
            let mut daily = std::collections::BTreeSet::new();
            let mut day = first;
            while day <= last {
                daily.extend(plan(&ladder, &account, day).steps.into_iter().map(|s| s.key));
                day = day + Days::new(1);
            }
            let mut sparse = std::collections::BTreeSet::new();
            let mut look = Some(first);
            while let Some(day) = look.filter(|d| *d <= last) {
                let plan = plan(&ladder, &account, day);
                sparse.extend(plan.steps.into_iter().map(|s| s.key));
                prop_assert!(plan.next_on.is_none_or(|n| n > day));
                look = plan.next_on;
            }
            prop_assert_eq!(daily, sparse);
        }
    }
}
