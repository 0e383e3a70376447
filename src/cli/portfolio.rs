//! `dunwell portfolio` and `dunwell payee`: who is owed, who speaks, and where money may be paid.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::out::{Answer, masked_number, table};
use super::portfolios;
use super::session::Session;
use crate::domain::PayeeId;
use crate::store::{Campaign, Desk, Store};

/// What can be done with portfolios.
#[derive(Debug, Subcommand)]
pub(super) enum PortfolioCommand {
    /// Takes in a set-up file; things are recognised by name, so it may be applied again after a change
    #[command(
        after_help = "Examples:\n  dunwell portfolio apply portfolios.toml\n  dunwell portfolio apply portfolios.toml --by chen"
    )]
    Apply {
        /// TOML with creditors, senders, portfolios and payees
        file: PathBuf,
        /// Who does this, for the evidence
        #[arg(long, default_value = "operator")]
        by: String,
    },
    /// Shows every portfolio with its sender, ladder, packs and payees
    #[command(after_help = "Examples:\n  dunwell portfolio list\n  dunwell portfolio list --json")]
    List,
}

/// What can be done with payees.
#[derive(Debug, Subcommand)]
pub(super) enum PayeeCommand {
    /// Confirms a payee as the second person; only then may a message name it
    #[command(
        after_help = "Examples:\n  dunwell payee confirm 0198b2c4-0000-7000-8000-000000000001 --by lin"
    )]
    Confirm {
        /// Id of the payee, as `dunwell portfolio list` shows it
        id: PayeeId,
        /// Who confirms; somebody else than who proposed it
        #[arg(long)]
        by: String,
    },
}

pub(super) async fn run(session: &Session, command: PortfolioCommand) -> anyhow::Result<Answer> {
    match command {
        PortfolioCommand::Apply { file, by } => {
            let text = read_text(&file)?;
            let rulebook = session.rulebook()?;
            let set_up = portfolios::parse(&file.display().to_string(), &text, &rulebook)?;
            let store = session.store().await?;
            store.set_up(set_up, &by).await?;
            list(session, &store).await
        }
        PortfolioCommand::List => list(session, &session.store().await?).await,
    }
}

/// The text of a file that a person named.
pub(super) fn read_text(file: &std::path::Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    String::from_utf8(bytes)
        .ok()
        .with_context(|| format!("`{}` is not text in UTF-8", file.display()))
}

async fn list(session: &Session, store: &Store) -> anyhow::Result<Answer> {
    let (registry, campaigns) = (store.registry().await?, store.campaigns().await?);
    let lang = session.out.lang;
    let desks = registry.sorted();
    let campaign = |desk: &Desk| campaigns.iter().find(|c| c.portfolio == desk.portfolio.id);
    let rows = desks.iter().map(|d| {
        let p = &d.portfolio;
        vec![
            p.name.clone(),
            d.creditor.name.clone(),
            d.sender.name.clone(),
            p.ladder.clone(),
            p.packs.join(" "),
            p.zone.name().to_owned(),
            campaign(d).map_or_else(|| "-".to_owned(), |c| c.cron.clone()),
        ]
    });
    let head = lang.pick(
        ["组合", "债权人", "发送方", "阶梯", "规则包", "时区", "运行时间"],
        [
            "portfolio",
            "creditor",
            "sender",
            "ladder",
            "packs",
            "zone",
            "cron",
        ],
    );
    let mut text = table(&head, 99, rows);
    let payees = desks.iter().flat_map(|d| {
        d.payees.iter().map(|p| {
            vec![
                d.portfolio.name.clone(),
                p.holder.clone(),
                masked_number(&p.number),
                match p.confirmed {
                    true => lang.pick("已复核", "confirmed").to_owned(),
                    false => lang.pick("待复核", "to be confirmed").to_owned(),
                },
                p.id.to_string(),
            ]
        })
    });
    let head = lang.pick(
        ["组合", "收款户名", "账号", "状态", "编号"],
        ["portfolio", "payee", "number", "state", "id"],
    );
    text += "\n";
    text += &table(&head, 99, payees);
    let json = desks.iter().map(|d| json_of(d, campaign(d))).collect();
    Ok(Answer::new(text, Value::Array(json)))
}

fn json_of(d: &Desk, campaign: Option<&Campaign>) -> Value {
    let payee = |p: &crate::domain::Payee| {
        json!({"id": p.id.to_string(), "holder": p.holder, "bank": p.bank, "number": masked_number(&p.number),
            "confirmed": p.confirmed})
    };
    json!({
        "name": d.portfolio.name,
        "creditor": d.creditor.name,
        "sender": d.sender.name,
        "sender_kind": d.sender.kind.as_str(),
        "ladder": d.portfolio.ladder,
        "packs": d.portfolio.packs,
        "zone": d.portfolio.zone.name(),
        "cron": campaign.map(|c| c.cron.clone()),
        "payees": d.payees.iter().map(payee).collect::<Vec<_>>(),
    })
}

pub(super) async fn run_payee(session: &Session, command: PayeeCommand) -> anyhow::Result<Answer> {
    let PayeeCommand::Confirm { id, by } = command;
    session.store().await?.confirm_payee(id, &by).await?;
    let text = session
        .out
        .lang
        .pick("收款账户已复核。", "the payee is confirmed");
    Ok(Answer::new(
        text,
        json!({"payee": id.to_string(), "confirmed_by": by}),
    ))
}
