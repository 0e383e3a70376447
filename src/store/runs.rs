//! Why an account got a message in a run of its campaign, or none: one outcome for each account, and their sums.
//!
//! What a run queued is told by the attempts that carry its number. For every other account a row is written only when
//! its outcome changes, so a run over a million accounts of which nothing is due writes nothing but its sums.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use uuid::Uuid;

use super::bulk::{Id, bulk, row};
use super::db::{q, statements};
use super::types::{Ts, id_list, word};
use super::{Store, StoreError};
use crate::domain::{AccountId, AttemptId, AttemptState, Moment, PortfolioId, RunOutcome};

/// How many accounts are looked through at a time.
const PAGE: i64 = 5000;

pub(super) mod sql {
    super::statements! {
        BEGIN = "INSERT INTO campaign_run (number, portfolio_id, today, began_at, ended_at, accounts, looked_at) SELECT COALESCE(MAX(number), 0) + 1, $1, $2, $3, NULL, NULL, NULL FROM campaign_run RETURNING number";
        // Outcome and detail in one text, parted by the first blank. The first that stands decides.
        BECAME = "SELECT a.id, COALESCE((SELECT 'planned ' || MIN(t.channel || ' ' || t.stage || '/' || t.step) FROM attempt t WHERE t.run = $1 AND t.account_id = a.id), CASE WHEN a.state = 'settled' THEN 'settled' WHEN a.state = 'closed' THEN 'closed' WHEN a.disputed THEN 'disputed' WHEN a.promised_until >= $2 THEN 'promised' END, (SELECT 'suppressed ' || MIN(s.reason) FROM suppression s WHERE s.account_id = a.id AND s.address_id IS NULL AND s.channel IS NULL AND s.lifted_at IS NULL AND s.since <= $3 AND (s.until IS NULL OR s.until > $3)), (SELECT 'suppressed ' || MIN(s.reason) FROM suppression s WHERE s.person_id = a.debtor_id AND s.account_id IS NULL AND s.address_id IS NULL AND s.channel IS NULL AND s.lifted_at IS NULL AND s.since <= $3 AND (s.until IS NULL OR s.until > $3)), (SELECT SUBSTR(MIN(CASE t.state WHEN 'in_review' THEN '1in_review ' || COALESCE(t.reason, '') WHEN 'blocked' THEN '2blocked ' || COALESCE(t.reason, '') WHEN 'held' THEN '3held ' || COALESCE(t.reason, '') ELSE '4queued' END), 2) FROM attempt t WHERE t.recipient_id = a.debtor_id AND t.state IN ('planned', 'held', 'in_review', 'blocked') AND t.account_id = a.id AND t.expires_at > $3), CASE WHEN a.next_step_on IS NULL THEN 'ladder_over' WHEN a.next_step_on > $2 THEN 'not_due' ELSE 'changed' END) AS became, o.outcome, o.detail FROM account a LEFT JOIN account_outcome o ON o.account_id = a.id AND o.until_run IS NULL WHERE a.portfolio_id = $4 AND a.id > $5 ORDER BY a.id LIMIT $6";
        // Looked up by account: as a join with the rows, SQLite walks the whole table for each group of them.
        CLOSE = {
            sqlite: "UPDATE account_outcome SET until_run = $1 WHERE until_run IS NULL AND from_run < $1 AND account_id IN (SELECT unhex(value) FROM json_each($2))",
            postgres: "UPDATE account_outcome SET until_run = $1 WHERE until_run IS NULL AND from_run < $1 AND account_id = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($2 AS JSONB)) AS UUID)))",
        };
        // A later run that was quicker knows better.
        PUT = bulk super::OutcomeRow => "INSERT INTO account_outcome (account_id, from_run, until_run, outcome, detail) SELECT account_id, run, NULL, outcome, detail FROM {batch} AS r WHERE NOT EXISTS (SELECT 1 FROM account_outcome x WHERE x.account_id = r.account_id AND x.until_run IS NULL AND x.from_run > r.run) ON CONFLICT (account_id, from_run) DO UPDATE SET outcome = excluded.outcome, detail = excluded.detail";
        PUT_COUNTS = bulk super::CountRow => "INSERT INTO run_count (run, outcome, detail, accounts) SELECT run, outcome, detail, accounts FROM {batch} AS r";
        END = "UPDATE campaign_run SET ended_at = $1, accounts = $2, looked_at = $3 WHERE number = $4 AND ended_at IS NULL";
        RUNS = "SELECT r.number, p.name, p.zone, r.today, r.began_at, r.ended_at, r.accounts, r.looked_at FROM campaign_run r JOIN portfolio p ON p.id = r.portfolio_id WHERE (CAST($1 AS TEXT) IS NULL OR p.name = $1) ORDER BY r.number DESC LIMIT $2";
        RUN = "SELECT r.number, p.name, p.zone, r.today, r.began_at, r.ended_at, r.accounts, r.looked_at FROM campaign_run r JOIN portfolio p ON p.id = r.portfolio_id WHERE r.number = $1";
        COUNTS = "SELECT outcome, detail, accounts FROM run_count WHERE run = $1 ORDER BY accounts DESC, outcome, detail";
        // Of several messages to one account the one that came furthest.
        FATES = "SELECT state, reason, COUNT(*) FROM (SELECT t.state, COALESCE(t.reason, '') AS reason, ROW_NUMBER() OVER (PARTITION BY t.account_id ORDER BY CASE t.state WHEN 'delivered' THEN 1 WHEN 'accepted' THEN 2 WHEN 'unknown' THEN 3 WHEN 'reserved' THEN 4 WHEN 'in_review' THEN 5 WHEN 'blocked' THEN 6 WHEN 'held' THEN 7 WHEN 'planned' THEN 8 WHEN 'undelivered' THEN 9 WHEN 'not_sent' THEN 10 ELSE 11 END, t.id) AS place FROM attempt t WHERE t.run = $1) AS each_account WHERE place = 1 GROUP BY state, reason ORDER BY 3 DESC, 1, 2";
        PLANNED = "SELECT reference, channel || ' ' || stage || '/' || step, id, state, reason FROM (SELECT a.reference, t.channel, t.stage, t.step, t.id, t.state, COALESCE(t.reason, '') AS reason, ROW_NUMBER() OVER (PARTITION BY t.account_id ORDER BY CASE t.state WHEN 'delivered' THEN 1 WHEN 'accepted' THEN 2 WHEN 'unknown' THEN 3 WHEN 'reserved' THEN 4 WHEN 'in_review' THEN 5 WHEN 'blocked' THEN 6 WHEN 'held' THEN 7 WHEN 'planned' THEN 8 WHEN 'undelivered' THEN 9 WHEN 'not_sent' THEN 10 ELSE 11 END, t.id) AS place FROM attempt t JOIN account a ON a.id = t.account_id WHERE t.run = $1) AS each_account WHERE place = 1 AND (CAST($2 AS TEXT) IS NULL OR $2 IN ('planned', channel || ' ' || stage || '/' || step, state, reason)) ORDER BY reference LIMIT $3";
        OTHERS = "SELECT a.reference, o.outcome, o.detail FROM campaign_run r JOIN account a ON a.portfolio_id = r.portfolio_id JOIN account_outcome o ON o.account_id = a.id WHERE r.number = $1 AND o.from_run <= r.number AND (o.until_run IS NULL OR o.until_run > r.number) AND NOT EXISTS (SELECT 1 FROM attempt t WHERE t.run = r.number AND t.account_id = a.id) AND (CAST($2 AS TEXT) IS NULL OR $2 IN (o.outcome, o.detail)) ORDER BY a.reference LIMIT $3";
    }
}

row! {
    struct OutcomeRow {
        account_id: Id,
        run: i64,
        outcome: &'static str,
        detail: String,
    }
}

row! {
    struct CountRow {
        run: i64,
        outcome: &'static str,
        detail: String,
        accounts: i64,
    }
}

/// One walk over a portfolio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRun {
    /// Its number, over all portfolios.
    pub number: i64,
    /// Name of the portfolio.
    pub portfolio: String,
    /// The zone of its days.
    pub zone: chrono_tz::Tz,
    /// The day that it planned.
    pub today: NaiveDate,
    /// When it began.
    pub began_at: Moment,
    /// When its outcomes had been counted; `None`: it is under way, or its program died.
    pub ended_at: Option<Moment>,
    /// How many accounts the portfolio had.
    pub accounts: Option<i64>,
    /// How many had something that might be due.
    pub looked_at: Option<i64>,
}

/// How many accounts ended how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCount {
    /// The outcome.
    pub outcome: RunOutcome,
    /// Its detail, see [`RunOutcome`].
    pub detail: String,
    /// How many.
    pub accounts: i64,
}

/// What became until now of what a run queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFate {
    /// Where the messages stand.
    pub state: AttemptState,
    /// The deciding rule, or what withdrew them, in a word.
    pub reason: String,
    /// To how many accounts.
    pub accounts: i64,
}

/// One account of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The creditor's reference.
    pub reference: String,
    /// Its outcome.
    pub outcome: RunOutcome,
    /// The detail.
    pub detail: String,
    /// For what was queued: the message, where it stands now, and the reason.
    pub message: Option<(AttemptId, AttemptState, String)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    name: String,
    zone: String,
    today: NaiveDate,
    began_at: Ts,
    ended_at: Option<Ts>,
    accounts: Option<i64>,
    looked_at: Option<i64>,
}

impl Row {
    fn into_run(self) -> Result<AccountRun, StoreError> {
        Ok(AccountRun {
            number: self.number,
            portfolio: self.name,
            zone: super::registry::zone(&self.zone)?,
            today: self.today,
            began_at: self.began_at.0,
            ended_at: self.ended_at.map(|t| t.0),
            accounts: self.accounts,
            looked_at: self.looked_at,
        })
    }
}

/// Outcome and detail of the text that the database puts together.
fn parted(became: &str) -> Result<(RunOutcome, String), StoreError> {
    let (outcome, detail) = became.split_once(' ').unwrap_or((became, ""));
    Ok((word(outcome, "outcome of a run")?, brief(detail).to_owned()))
}

/// The word at the head of a reason; what a carrier adds behind a colon differs each time.
fn brief(reason: &str) -> &str {
    reason.split_once(": ").map_or(reason, |(head, _)| head)
}

impl Store {
    /// Begins a run over a portfolio and gives its number.
    pub async fn begin_run(&self, portfolio: PortfolioId, today: NaiveDate) -> Result<i64, StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                // Numbers are given one after another.
                q!(&mut *tx, super::import::sql::ONE_AT_A_TIME, [] => one (i64,))?;
                let (number,) =
                    q!(&mut *tx, sql::BEGIN, [portfolio.0, today, Ts(clock.now())] => one (i64,))?;
                Ok(number)
            })
        })
        .await
    }

    /// Gives every account of the portfolio its one outcome in this run, counts them, and ends the run. `found`: what
    /// the planner knows and the database cannot see. Only changes are written. Durable when it returns.
    pub async fn end_run(
        &self,
        (run, portfolio): (i64, PortfolioId),
        (today, now): (NaiveDate, Moment),
        looked_at: u64,
        found: &HashMap<AccountId, (RunOutcome, String)>,
    ) -> Result<Vec<RunCount>, StoreError> {
        let mut counts: BTreeMap<(RunOutcome, String), i64> = BTreeMap::new();
        let mut after = Uuid::nil();
        loop {
            let mut tx = self.db.read().await?;
            type Found = (Uuid, String, Option<String>, Option<String>);
            let page =
                q!(&mut tx, sql::BECAME, [run, today, Ts(now), portfolio.0, after, PAGE] => all Found)?;
            drop(tx);
            let Some((last, ..)) = page.last() else { break };
            after = *last;
            let mut changed = Vec::new();
            for (id, became, outcome, detail) in page {
                let (mut now_outcome, mut now_detail) = parted(&became)?;
                let open = matches!(
                    now_outcome,
                    RunOutcome::NotDue | RunOutcome::LadderOver | RunOutcome::Changed
                );
                if let (true, Some((better, why))) = (open, found.get(&AccountId(id))) {
                    (now_outcome, now_detail) = (*better, why.clone());
                }
                let same = outcome.as_deref() == Some(now_outcome.as_str())
                    && detail.as_deref() == Some(now_detail.as_str());
                if !same && now_outcome != RunOutcome::Planned {
                    changed.push(OutcomeRow {
                        account_id: Id(id),
                        run,
                        outcome: now_outcome.as_str(),
                        detail: now_detail.clone(),
                    });
                }
                *counts.entry((now_outcome, now_detail)).or_default() += 1;
            }
            self.put_outcomes(run, changed).await?;
        }
        let counts: Vec<RunCount> = counts
            .into_iter()
            .map(|((outcome, detail), accounts)| RunCount {
                outcome,
                detail,
                accounts,
            })
            .collect();
        self.put_run_counts(run, counts.clone(), looked_at).await?;
        Ok(counts)
    }

    async fn put_outcomes(&self, run: i64, changed: Vec<OutcomeRow>) -> Result<(), StoreError> {
        if changed.is_empty() {
            return Ok(());
        }
        self.write(move |tx| {
            Box::pin(async move {
                super::decide::lock_accounts(tx, changed.iter().map(|r| r.account_id.0)).await?;
                let accounts = id_list(changed.iter().map(|r| r.account_id.0));
                q!(&mut *tx, sql::CLOSE, [run, accounts] => rows)?;
                bulk(tx, &sql::PUT, &changed).await?;
                Ok(())
            })
        })
        .await
    }

    async fn put_run_counts(
        &self,
        run: i64,
        counts: Vec<RunCount>,
        looked_at: u64,
    ) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let total: i64 = counts.iter().map(|c| c.accounts).sum();
                let looked_at = i64::try_from(looked_at).unwrap_or(i64::MAX);
                let ended = q!(&mut *tx, sql::END, [Ts(clock.now()), total, looked_at, run] => rows)?;
                if ended == 1 {
                    let rows: Vec<_> = counts
                        .into_iter()
                        .map(|c| CountRow {
                            run,
                            outcome: c.outcome.as_str(),
                            detail: c.detail,
                            accounts: c.accounts,
                        })
                        .collect();
                    bulk(tx, &sql::PUT_COUNTS, &rows).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// The newest runs, newest first.
    pub async fn runs(&self, portfolio: Option<&str>, limit: i64) -> Result<Vec<AccountRun>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::RUNS, [portfolio, limit] => all Row)?;
        rows.into_iter().map(Row::into_run).collect()
    }

    /// One run with its counts, as they were when it ended, and what became of its messages until now.
    pub async fn run(&self, number: i64) -> Result<(AccountRun, Vec<RunCount>, Vec<RunFate>), StoreError> {
        let mut tx = self.db.read().await?;
        let run = q!(&mut tx, sql::RUN, [number] => opt Row)?.ok_or_else(|| StoreError::Missing {
            what: "run",
            name: number.to_string(),
        })?;
        let mut counts = Vec::new();
        for (outcome, detail, accounts) in q!(&mut tx, sql::COUNTS, [number] => all (String, String, i64))? {
            counts.push(RunCount {
                outcome: word(&outcome, "outcome of a run")?,
                detail,
                accounts,
            });
        }
        let mut fates: BTreeMap<(AttemptState, String), i64> = BTreeMap::new();
        for (state, reason, accounts) in q!(&mut tx, sql::FATES, [number] => all (String, String, i64))? {
            let key = (word(&state, "attempt state")?, brief(&reason).to_owned());
            *fates.entry(key).or_default() += accounts;
        }
        let fates = fates.into_iter().map(|((state, reason), accounts)| RunFate {
            state,
            reason,
            accounts,
        });
        Ok((run.into_run()?, counts, fates.collect()))
    }

    /// Accounts of a run, at most `limit` of what was queued and as many of what was not. `only`: an outcome, a detail,
    /// the state of a message or its reason.
    pub async fn run_accounts(
        &self,
        number: i64,
        only: Option<&str>,
        limit: i64,
    ) -> Result<Vec<RunRow>, StoreError> {
        type Planned = (String, String, Uuid, String, String);
        let mut tx = self.db.read().await?;
        let mut all = Vec::new();
        for (reference, detail, id, state, reason) in
            q!(&mut tx, sql::PLANNED, [number, only, limit] => all Planned)?
        {
            all.push(RunRow {
                reference,
                outcome: RunOutcome::Planned,
                detail,
                message: Some((AttemptId(id), word(&state, "attempt state")?, reason)),
            });
        }
        for (reference, outcome, detail) in
            q!(&mut tx, sql::OTHERS, [number, only, limit] => all (String, String, String))?
        {
            all.push(RunRow {
                reference,
                outcome: word(&outcome, "outcome of a run")?,
                detail,
                message: None,
            });
        }
        Ok(all)
    }
}
