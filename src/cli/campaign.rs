//! `dunwell campaign`: portfolios walked by their ladders, seen, run now, paused and resumed.

use clap::Subcommand;
use serde_json::{Value, json};

use super::campaign_why::{self, WhyArgs};
use super::out::{Answer, table};
use super::session::{Session, desk};
use crate::domain::Moment;
use crate::scheduler::Scheduler;
use crate::store::{Campaign, Store};

/// What can be done with campaigns.
#[derive(Debug, Subcommand)]
pub(super) enum CampaignCommand {
    /// Shows every campaign and when it runs next
    #[command(after_help = "Examples:\n  dunwell campaign list\n  dunwell campaign list --json")]
    List,
    /// Looks at every account of a portfolio now and queues what is due; what is queued already stays as it is
    #[command(after_help = "Examples:\n  dunwell campaign run trade")]
    Run {
        /// The portfolio
        portfolio: String,
    },
    /// Stops a campaign from running by itself; what is queued stays queued
    #[command(after_help = "Examples:\n  dunwell campaign pause trade")]
    Pause {
        /// The portfolio
        portfolio: String,
    },
    /// Lets a paused campaign run again from its next time on; nothing is made up for
    #[command(after_help = "Examples:\n  dunwell campaign resume trade")]
    Resume {
        /// The portfolio
        portfolio: String,
    },
    /// Shows the newest runs
    #[command(
        after_help = "Examples:\n  dunwell campaign runs\n  dunwell campaign runs --portfolio trade --json"
    )]
    Runs {
        /// Only of this portfolio
        #[arg(long)]
        portfolio: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    /// Says of a run why accounts got no message: one outcome for each account, and the sums
    #[command(
        after_help = "Examples:\n  dunwell campaign why-not trade\n  dunwell campaign why-not 12 --reason disputed\n  dunwell campaign why-not 12 --reason cap.per_person --json"
    )]
    WhyNot(WhyArgs),
}

pub(super) async fn run(session: &Session, command: CampaignCommand) -> anyhow::Result<Answer> {
    match command {
        CampaignCommand::List => list(session).await,
        CampaignCommand::Runs { portfolio, limit } => {
            campaign_why::runs(session, portfolio.as_deref(), limit).await
        }
        CampaignCommand::WhyNot(args) => campaign_why::why_not(session, &args).await,
        CampaignCommand::Run { portfolio } => run_now(session, &portfolio).await,
        CampaignCommand::Pause { portfolio } => switch(session, &portfolio, false).await,
        CampaignCommand::Resume { portfolio } => switch(session, &portfolio, true).await,
    }
}

async fn list(session: &Session) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let (registry, campaigns) = (store.registry().await?, store.campaigns().await?);
    let lang = session.out.lang;
    let name = |c: &Campaign| {
        registry
            .desks
            .get(&c.portfolio)
            .map_or("", |d| d.portfolio.name.as_str())
    };
    let at = |c: &Campaign, at: Option<Moment>| at.map_or_else(|| "-".to_owned(), |at| at.local_text(c.zone));
    let rows = campaigns.iter().map(|c| {
        let state = match c.active {
            true => lang.pick("运行中", "active"),
            false => lang.pick("已暂停", "paused"),
        };
        vec![
            name(c).to_owned(),
            c.cron.clone(),
            state.to_owned(),
            at(c, c.next_run_at),
            at(c, c.last_run_at),
        ]
    });
    let head = lang.pick(
        ["组合", "运行时间", "状态", "下次", "上次"],
        ["portfolio", "cron", "state", "next", "last"],
    );
    let json = campaigns.iter().map(|c| {
        json!({"portfolio": name(c), "cron": c.cron, "zone": c.zone.name(), "active": c.active,
            "next_run_at": c.next_run_at.map(Moment::to_text), "last_run_at": c.last_run_at.map(Moment::to_text)})
    });
    Ok(Answer::new(table(&head, 99, rows), Value::Array(json.collect())))
}

async fn run_now(session: &Session, portfolio: &str) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let registry = store.registry().await?;
    let now = store.clock().now();
    let rules = session.rules(&store).await?;
    let scheduler = Scheduler::new(store, rules);
    let report = scheduler.run_portfolio(desk(&registry, portfolio)?, now).await?;
    let unreachable: u64 = report.unreachable.values().sum();
    let lang = session.out.lang;
    let lines = [
        ("查看的账户", "accounts looked at", report.looked_at),
        ("新排队的消息", "messages queued", report.queued),
        ("人工任务", "tasks for people", report.tasks),
        ("失约的承诺", "promises broken", report.promises_broken),
        ("无法联系", "no way to reach the debtor", unreachable),
    ];
    let line = |(zh, en, n): &(&str, &str, u64)| format!("{n:>8}  {}\n", lang.pick(zh, en));
    let json = json!({"portfolio": portfolio, "looked_at": report.looked_at, "queued": report.queued,
        "tasks": report.tasks, "promises_broken": report.promises_broken, "unreachable": report.unreachable,
        "run": report.run});
    let mut text: String = lines.iter().map(line).collect();
    if let Some(run) = report.run {
        text += &lang.pick(
            format!("为什么没有消息:dunwell campaign why-not {run}\n"),
            format!("why the others got none: dunwell campaign why-not {run}\n"),
        );
    }
    Ok(Answer::new(text, json))
}

async fn switch(session: &Session, portfolio: &str, active: bool) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let campaign = of_portfolio(&store, portfolio).await?;
    store.set_campaign_active(campaign.id, active).await?;
    let text = match active {
        true => session.out.lang.pick("已恢复。", "resumed"),
        false => session.out.lang.pick(
            "已暂停;已排队的消息仍会发送。",
            "paused; what is queued stays queued",
        ),
    };
    Ok(Answer::new(
        text,
        json!({"portfolio": portfolio, "active": active}),
    ))
}

async fn of_portfolio(store: &Store, name: &str) -> anyhow::Result<Campaign> {
    let registry = store.registry().await?;
    let id = desk(&registry, name)?.portfolio.id;
    let found = store.campaigns().await?.into_iter().find(|c| c.portfolio == id);
    found.ok_or_else(|| {
        anyhow::anyhow!(
            "portfolio `{name}` has no campaign\nadd `cron` to it and apply the set-up file again"
        )
    })
}
