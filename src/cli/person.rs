//! `dunwell person` and `dunwell hold`: erasing people, what beats it, and the duties to keep.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::out::{Answer, Code, table};
use super::session::Session;
use crate::dispatch::{DebtKept, debt_kept};
use crate::domain::{AccountId, PersonId};
use crate::store::{Erased, Store};

/// What can be done with people.
#[derive(Debug, Subcommand)]
pub(super) enum PersonCommand {
    /// Erases somebody: the key that opens names, addresses and messages is destroyed, here and in backups. The log and
    /// its proofs stay valid, and what stops contact stays as a keyed hash
    #[command(
        after_help = "Examples:\n  dunwell person erase --ref D-4711 --by zhao --basis 'request of 2026-11-02'\n  dunwell person erase --account 0000200001 --related --by zhao --basis 'contract ended' --dry-run\n\nExit codes: 0 erased, 3 a legal hold, a statute or an open debt beats it, 4 erased, but a backup could not be reached."
    )]
    Erase(EraseArgs),
    /// Finishes what erasing left undone: the write-ahead log, backups that can be reached by now
    #[command(after_help = "Examples:\n  dunwell person erased")]
    Erased,
}

/// Whom to erase.
#[derive(Debug, Args)]
pub(super) struct EraseArgs {
    #[command(flatten)]
    who: Who,
    /// With --account: the people related to the debt too
    #[arg(long, requires = "account")]
    related: bool,
    /// Who decided
    #[arg(long)]
    by: String,
    /// Why: the request, its date, the clause; no names, it stands in the log for good
    #[arg(long)]
    basis: String,
    /// Erase although something is still owed: the debt is closed here
    #[arg(long)]
    close: bool,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
}

/// A person, by their own number or by a debt.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Who {
    /// The creditor's own number of the person
    #[arg(long = "ref", value_name = "REF", conflicts_with_all = ["account", "id"])]
    reference: Option<String>,
    /// The debtor of this account
    #[arg(long, value_name = "REF", conflicts_with = "id")]
    account: Option<String>,
    /// The random id of the person, as the log names it
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// With --account: its portfolio, where several have this number
    #[arg(long, requires = "account")]
    portfolio: Option<String>,
}

/// Duties to keep.
#[derive(Debug, Subcommand)]
pub(super) enum HoldCommand {
    /// Keeps everything about a person or a debt, whatever the schedule or a request says
    #[command(
        after_help = "Examples:\n  dunwell hold set --legal --account 0000200001 --by zhao --basis '(2026)沪01民初123号'"
    )]
    Set(HoldArgs),
    /// Ends a hold
    #[command(after_help = "Examples:\n  dunwell hold lift 019cad74-34c0-7000-802b-a8bb24ebf850 --by zhao")]
    Lift {
        /// The hold
        #[arg(value_name = "ID")]
        id: String,
        /// Who decided
        #[arg(long)]
        by: String,
    },
    /// The holds that stand
    #[command(after_help = "Examples:\n  dunwell hold list --json")]
    List,
}

/// A duty to keep.
#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    /// A legal hold: lawsuit, inspection, complaint, order of an authority
    #[arg(long, required = true)]
    legal: bool,
    #[command(flatten)]
    who: Who,
    /// With --account: hold the debt and everybody concerned, not the debtor alone
    #[arg(long, requires = "account")]
    debt: bool,
    /// Who decided
    #[arg(long)]
    by: String,
    /// Statute, case number or authority; no names
    #[arg(long)]
    basis: String,
}

impl Who {
    async fn find(&self, store: &Store) -> anyhow::Result<(PersonId, Option<AccountId>)> {
        if let Some(reference) = &self.reference {
            return Ok((store.person_by_reference(reference).await?, None));
        }
        if let Some(id) = &self.id {
            let id = uuid::Uuid::parse_str(id).context("`--id` takes the random id of a person")?;
            return Ok((PersonId(id), None));
        }
        let Some(account) = &self.account else {
            bail!("name somebody by `--ref`, `--account` or `--id`");
        };
        let id = store.account_id(self.portfolio.as_deref(), account).await?;
        Ok((store.due_account(id).await?.account.debtor, Some(id)))
    }
}

pub(super) async fn run(session: &Session, command: PersonCommand) -> anyhow::Result<Answer> {
    match command {
        PersonCommand::Erase(args) => erase(session, &args).await,
        PersonCommand::Erased => {
            let told = session.store().await?.finish_erasing().await?;
            Ok(answered(session, 0, &told, json!([])))
        }
    }
}

/// What beats erasing somebody: sentences, with law and date.
async fn beats(
    session: &Session,
    store: &Store,
    person: PersonId,
    close: bool,
) -> anyhow::Result<Vec<String>> {
    let lang = session.out.lang;
    let plan = store.erase_plan(person).await?;
    let mut found = Vec::new();
    if let Some(at) = plan.erased_at {
        found.push(lang.pick(
            format!("此人已于 {at} 删除"),
            format!("was erased before, at {at}"),
        ));
        return Ok(found);
    }
    for (basis, since) in &plan.holds {
        found.push(lang.pick(
            format!("自 {since} 起有法律保全:{basis}"),
            format!("a legal hold stands since {since}: {basis}"),
        ));
    }
    let under = session.in_force(store).await?;
    let now = store.clock().now();
    for debt in &plan.debts {
        if debt.owes && debt.state == crate::domain::AccountState::Open && !close {
            found.push(lang.pick(
                format!("账户 {} 仍有欠款未结清(处理目的未完成);如确需删除,加 `--close`", debt.reference),
                format!("account {} is still open, so what the data is for is not done; `--close` erases all the same", debt.reference),
            ));
        }
        let kept: DebtKept = debt_kept(store, &under, debt.account, now).await?;
        if let Some(rule) = kept
            .rules
            .iter()
            .find(|r| r.law && r.asks_to_keep() && r.until > now)
        {
            found.push(lang.pick(
                format!(
                    "{}({}):{}保存至 {}",
                    rule.basis,
                    rule.rule,
                    rule.zh,
                    rule.until.utc().date_naive()
                ),
                format!(
                    "{} ({}): {} Kept until {}.",
                    rule.basis,
                    rule.rule,
                    rule.en,
                    rule.until.utc().date_naive()
                ),
            ));
        }
    }
    Ok(found)
}

async fn erase(session: &Session, args: &EraseArgs) -> anyhow::Result<Answer> {
    let (store, lang) = (session.store().await?, session.out.lang);
    let (person, account) = args.who.find(&store).await?;
    let mut people = vec![person];
    if let (true, Some(account)) = (args.related, account) {
        people.extend(store.people_related_to(account).await?);
    }
    let mut stopped = Vec::new();
    for person in &people {
        for why in beats(session, &store, *person, args.close).await? {
            stopped.push((*person, why));
        }
    }
    if !stopped.is_empty() {
        let lines: String = stopped.iter().map(|(p, why)| format!("  {p}: {why}\n")).collect();
        let text = lang.pick("未删除任何内容:\n", "nothing was erased:\n").to_owned() + &lines;
        let why: Vec<_> = stopped
            .iter()
            .map(|(p, why)| json!({"person": p.to_string(), "why": why}))
            .collect();
        return Ok(Answer::new(text, json!({"erased": 0, "stopped": why})).ending(Code::Violation));
    }
    let ids: Vec<String> = people.iter().map(PersonId::to_string).collect();
    if args.dry_run {
        let text = lang.pick(
            format!("将删除 {} 人:{}", people.len(), ids.join(", ")),
            format!("would erase {} people: {}", people.len(), ids.join(", ")),
        );
        return Ok(Answer::new(text, json!({"would_erase": ids})));
    }
    let mut told = Erased::default();
    for person in &people {
        let one = store.erase(*person, &args.by, &args.basis).await?;
        told.messages += one.messages;
        told.accounts += one.accounts;
        told.withdrawn += one.withdrawn;
        told.backups.extend(one.backups);
        told.unreachable.extend(one.unreachable);
    }
    told.backups.sort();
    told.backups.dedup();
    told.unreachable.sort();
    told.unreachable.dedup();
    store.close().await;
    Ok(answered(session, people.len(), &told, json!(ids)))
}

fn answered(session: &Session, people: usize, told: &Erased, ids: serde_json::Value) -> Answer {
    let lang = session.out.lang;
    let mut text = lang.pick(
        format!(
            "已删除 {people} 人:{} 条消息的内容,{} 个账户的编号,撤回 {} 条待发消息;更新备份 {} 份\n",
            told.messages,
            told.accounts,
            told.withdrawn,
            told.backups.len()
        ),
        format!(
            "erased {people} people: the words of {} messages, the numbers of {} accounts; {} waiting messages withdrawn; {} backups changed\n",
            told.messages,
            told.accounts,
            told.withdrawn,
            told.backups.len()
        ),
    );
    for folder in &told.unreachable {
        text += &lang.pick(
            format!("注意:备份 {folder} 无法访问,仍可打开此人资料;接入后运行 `dunwell person erased`,或运行 `dunwell seal rotate`\n"),
            format!("mind: the backup {folder} cannot be reached and can still open what was erased; bring it back and run `dunwell person erased`, or run `dunwell seal rotate`\n"),
        );
    }
    text += lang.pick(
        "其他方式复制的数据库副本在运行 `dunwell seal rotate` 之前仍可打开\n",
        "copies of the database that were made by other means can open it until `dunwell seal rotate`\n",
    );
    let json = json!({"people": ids, "messages": told.messages, "accounts": told.accounts, "withdrawn": told.withdrawn,
        "backups": told.backups, "unreachable": told.unreachable});
    let code = if told.unreachable.is_empty() {
        Code::Done
    } else {
        Code::Partial
    };
    Answer::new(text, json).ending(code)
}

pub(super) async fn run_hold(session: &Session, command: HoldCommand) -> anyhow::Result<Answer> {
    let (store, lang) = (session.store().await?, session.out.lang);
    match command {
        HoldCommand::Set(args) => {
            let (person, account) = args.who.find(&store).await?;
            let (person, account) = match (args.debt, account) {
                (true, Some(account)) => (None, Some(account)),
                _ => (Some(person), None),
            };
            let id = store.set_hold(person, account, &args.by, &args.basis).await?;
            let text = lang.pick(format!("已设置法律保全 {id}"), format!("legal hold {id} is set"));
            Ok(Answer::new(text, json!({"hold": id.to_string()})))
        }
        HoldCommand::Lift { id, by } => {
            let id =
                uuid::Uuid::parse_str(&id).context("expected the id of a hold, as `hold list` shows it")?;
            store.lift_hold(id, &by).await?;
            let text = lang.pick(
                format!("已解除法律保全 {id}"),
                format!("legal hold {id} is lifted"),
            );
            Ok(Answer::new(text, json!({"hold": id.to_string()})))
        }
        HoldCommand::List => {
            let holds = store.holds().await?;
            let rows = holds.iter().map(|h| {
                let on = h.person.map(|p| p.to_string()).or_else(|| h.reference.clone());
                vec![
                    h.id.to_string(),
                    on.unwrap_or_default(),
                    h.basis.clone(),
                    h.set_by.clone(),
                    h.set_at.to_text(),
                ]
            });
            let head = lang.pick(
                ["编号", "对象", "依据", "设置人", "时间"],
                ["hold", "on", "basis", "set by", "when"],
            );
            let all: Vec<_> = holds
                .iter()
                .map(|h| {
                    json!({"hold": h.id.to_string(), "person": h.person.map(|p| p.to_string()), "account": h.reference,
                        "basis": h.basis, "by": h.set_by, "at": h.set_at.to_text()})
                })
                .collect();
            Ok(Answer::new(table(&head, 99, rows), json!(all)))
        }
    }
}
