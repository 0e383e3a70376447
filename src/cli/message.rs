//! `dunwell message`: one message to one person, seen with its verdict, queued, listed, and decided by an officer.

use std::path::PathBuf;

use anyhow::{Context, bail};
use chrono::{NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::account::AccountRef;
use super::check::CheckArgs;
use super::out::{Answer, table};
use super::portfolio::read_text;
use super::session::Session;
use super::{verdict, words};
use crate::dispatch::{Rulebook, judge};
use crate::domain::{AttemptState, Channel, Moment, Origin, Purpose};
use crate::planner::{Stops, choose_contact};
use crate::store::{AttemptRow, NewAttempt, OfficerAction, Store};

/// A message that waited so long is withdrawn.
const VALID_DAYS: i64 = 7;

/// What can be done with messages.
#[derive(Debug, Subcommand)]
pub(super) enum MessageCommand {
    /// Queues one message to the debtor of an account and shows its first verdict; it is judged again when it is sent
    #[command(
        after_help = "Examples:\n  dunwell message queue --account 0000200001 --channel sms --template instalment-overdue --by wang\n  dunwell message queue --account 0000100001 --channel email --subject 对账 --text 附上本月对账单,请核对。 --at '2026-04-07 15:30' --by wang"
    )]
    Queue {
        #[command(flatten)]
        what: MessageArgs,
        /// Not before: local time in the portfolio's zone, or an instant with offset
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Who asks, for the evidence
        #[arg(long)]
        by: String,
    },
    /// Judges a message, a text or a file of messages without queueing anything
    #[command(after_help = super::check::EXAMPLES)]
    Check(Box<CheckArgs>),
    /// Shows messages, newest first
    #[command(
        after_help = "Examples:\n  dunwell message list --state blocked\n  dunwell message list --portfolio trade --limit 200 --json"
    )]
    List {
        /// Only in this state
        #[arg(long)]
        state: Option<AttemptState>,
        /// Only of this portfolio
        #[arg(long)]
        portfolio: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// In review: may be judged again and, if nothing stands against it by then, sent
    #[command(after_help = "Examples:\n  dunwell message approve 3f2a9c10 --by zhao")]
    Approve(DecisionArgs),
    /// In review or blocked: stays stopped for good
    #[command(after_help = "Examples:\n  dunwell message reject 3f2a9c10 --by zhao")]
    Reject(DecisionArgs),
    /// Unknown: the provider or the recipient said that it arrived
    #[command(after_help = "Examples:\n  dunwell message confirm-sent 3f2a9c10 --by zhao")]
    ConfirmSent(DecisionArgs),
    /// Unknown: the provider proved that nothing went out; its place in the caps is free again
    #[command(after_help = "Examples:\n  dunwell message confirm-not-sent 3f2a9c10 --by zhao")]
    ConfirmNotSent(DecisionArgs),
}

/// What to say to whom.
#[derive(Debug, Args)]
pub(super) struct MessageArgs {
    #[command(flatten)]
    account: AccountRef,
    /// How it goes: sms, email or letter
    #[arg(long)]
    channel: Channel,
    /// A template of the catalogue
    #[arg(long, conflicts_with_all = ["text", "file"], required_unless_present_any = ["text", "file"])]
    template: Option<String>,
    /// Own words
    #[arg(long, conflicts_with = "file")]
    text: Option<String>,
    /// Own words from a file
    #[arg(long, value_name = "DRAFT.txt")]
    file: Option<PathBuf>,
    /// Own subject of an e-mail or letter
    #[arg(long, conflicts_with = "template")]
    subject: Option<String>,
}

/// Which message, and who decides.
#[derive(Debug, Args)]
pub(super) struct DecisionArgs {
    /// Id of the message, or four or more digits of its beginning or end
    id: String,
    /// Who decides, for the evidence
    #[arg(long)]
    by: String,
}

pub(super) async fn run(session: &Session, command: MessageCommand) -> anyhow::Result<Answer> {
    use OfficerAction::{Approve, ConfirmNotSent, ConfirmSent, Reject};
    match command {
        MessageCommand::Queue { what, at, by } => queue(session, &what, at.as_deref(), &by).await,
        MessageCommand::Check(args) => check(session, &args).await,
        MessageCommand::List {
            state,
            portfolio,
            limit,
        } => list(session, state, portfolio.as_deref(), limit).await,
        MessageCommand::Approve(args) => officer(session, &args, Approve).await,
        MessageCommand::Reject(args) => officer(session, &args, Reject).await,
        MessageCommand::ConfirmSent(args) => officer(session, &args, ConfirmSent).await,
        MessageCommand::ConfirmNotSent(args) => officer(session, &args, ConfirmNotSent).await,
    }
}

/// The attempt that a person asks for, with the zone of its portfolio.
pub(super) async fn ask(
    store: &Store,
    rulebook: &Rulebook,
    what: &MessageArgs,
    at: Option<&str>,
    by: &str,
) -> anyhow::Result<(NewAttempt, Tz)> {
    let id = store
        .account_id(what.account.portfolio.as_deref(), &what.account.reference)
        .await?;
    let due = store.due_account(id).await?;
    let registry = store.registry().await?;
    let desk = registry
        .desks
        .get(&due.account.portfolio)
        .context("the account has no portfolio")?;
    let zone = desk.portfolio.zone;
    let now = store.clock().now();
    if what.channel == Channel::Call {
        bail!("calls are not dispatched\nrecord one with `dunwell event add call`");
    }
    let choose = |stops: Stops<'_>| {
        choose_contact(&[what.channel], due.debtor.kind, &due.contact_points, stops, now).map(|(_, p)| p.id)
    };
    // Where every way is closed the guard says why.
    let point = choose(due.stops())
        .or_else(|| choose(Stops::default()))
        .with_context(|| format!("the debtor has no usable contact point for `{}`", what.channel))?;
    let purpose = match &what.template {
        None => Purpose::Collection,
        Some(id) => {
            rulebook
                .catalogue
                .template(id)
                .with_context(|| format!("there is no template `{id}`\n`dunwell template list` shows all"))?
                .purpose
        }
    };
    let own_text = match (&what.text, &what.file) {
        (Some(text), _) => Some(text.clone()),
        (None, Some(file)) => Some(read_text(file)?),
        (None, None) => None,
    };
    let due_at = at.map_or(Ok(now), |at| moment(at, zone))?;
    let attempt = NewAttempt {
        step_key: *store.clock().fresh().as_bytes(),
        account: due.account.id,
        recipient: due.debtor.id,
        contact_point: point,
        channel: what.channel,
        purpose,
        origin: Origin::Collector,
        asked_by: by.to_owned(),
        stage: String::new(),
        step: String::new(),
        template: what.template.clone(),
        own_subject: what.subject.clone(),
        own_text,
        due_at,
        expires_at: due_at.max(now) + TimeDelta::days(VALID_DAYS),
    };
    Ok((attempt, zone))
}

/// An instant, or a local time of `zone`; of an hour that comes twice the first.
pub(super) fn moment(text: &str, zone: Tz) -> anyhow::Result<Moment> {
    if let Ok(at) = Moment::parse(text) {
        return Ok(at);
    }
    let expected =
        || format!("`{text}` is no time\nexpected e.g. `2026-04-07 15:30` or `2026-04-07T15:30:00+08:00`");
    let local = NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%d %H:%M")
        .ok()
        .with_context(expected)?;
    let at = zone
        .from_local_datetime(&local)
        .earliest()
        .with_context(expected)?;
    Ok(Moment::new(at.to_utc()))
}

async fn queue(session: &Session, what: &MessageArgs, at: Option<&str>, by: &str) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let rulebook = &session.in_force(&store).await?.rulebook;
    let (attempt, zone) = ask(&store, rulebook, what, at, by).await?;
    let due_at = attempt.due_at;
    let queued = store.queue(vec![attempt], Vec::new(), Vec::new()).await?;
    let id = *queued.first().context("the message was queued before")?;
    let now = store.clock().now();
    let claimed = store.situation(id, now).await?;
    // The person waiting wants to know of the words and the hour it is meant for.
    let judged = judge(rulebook, &claimed.situation, now.max(due_at));
    let head = session.out.lang.pick(
        format!("已排队 {id},最早 {}\n", due_at.local_text(zone)),
        format!("queued {id}, not before {}\n", due_at.local_text(zone)),
    );
    let text = head + &verdict::text(&session.out, &judged, claimed.situation.zones().shown());
    let mut json = verdict::json_of(&judged);
    json["attempt"] = id.to_string().into();
    json["due_at"] = due_at.to_text().into();
    Ok(Answer::new(text, json).ending(verdict::code(&judged)))
}

/// Judges without queueing: words alone, or a message to the debtor of an account.
pub(super) async fn check(session: &Session, args: &CheckArgs) -> anyhow::Result<Answer> {
    if let Some(answer) = super::check::words_alone(session, args)? {
        return Ok(answer);
    }
    let what = MessageArgs::of(args)?;
    let store = session.store().await?;
    let rulebook = &session.in_force(&store).await?.rulebook;
    let (attempt, _) = ask(&store, rulebook, &what, None, "").await?;
    let now = store.clock().now();
    let situation = store.situation_of(&attempt, now).await?;
    let judged = judge(rulebook, &situation, now);
    let text = verdict::text(&session.out, &judged, situation.zones().shown());
    Ok(Answer::new(text, verdict::json_of(&judged)).ending(verdict::code(&judged)))
}

impl MessageArgs {
    /// A message of a template to the debtor of an account.
    pub(super) fn of_template(account: AccountRef, channel: Channel, template: &str) -> MessageArgs {
        MessageArgs {
            account,
            channel,
            template: Some(template.to_owned()),
            text: None,
            file: None,
            subject: None,
        }
    }

    /// The part of `check` that is about an account.
    fn of(args: &CheckArgs) -> anyhow::Result<MessageArgs> {
        if args.template.is_none() && args.text.is_none() && args.file.is_none() {
            bail!("there are no words\ngive `--template`, `--text` or `--file`");
        }
        Ok(MessageArgs {
            account: AccountRef {
                reference: args.reference.clone().context("`--account` is missing")?,
                portfolio: args.portfolio.clone(),
            },
            channel: args.channel.context("`--channel` is missing")?,
            template: args.template.clone(),
            text: args.text.clone(),
            file: args.file.clone(),
            subject: args.subject.clone(),
        })
    }
}

async fn list(
    session: &Session,
    state: Option<AttemptState>,
    portfolio: Option<&str>,
    limit: i64,
) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let registry = store.registry().await?;
    if let Some(name) = portfolio {
        super::session::desk(&registry, name)?;
    }
    let found = store.attempts(state, portfolio, limit).await?;
    let lang = session.out.lang;
    let zone = |a: &AttemptRow| {
        registry
            .by_name(&a.portfolio)
            .map_or(Tz::UTC, |d| d.portfolio.zone)
    };
    let rows = found.iter().map(|a| {
        let digits = a.id.0.simple().to_string();
        vec![
            digits[digits.len() - 8..].to_owned(),
            a.portfolio.clone(),
            a.reference.clone(),
            words::word(lang, &a.channel),
            a.template
                .clone()
                .unwrap_or_else(|| lang.pick("(自拟)", "(own words)").to_owned()),
            words::word(lang, a.state.as_str()),
            a.settled_at
                .or(a.reserved_at)
                .unwrap_or(a.due_at)
                .local_text(zone(a)),
            a.reason.clone().unwrap_or_default(),
        ]
    });
    let head = lang.pick(
        ["编号", "组合", "账户", "渠道", "模板", "状态", "时间", "原因"],
        [
            "id",
            "portfolio",
            "account",
            "channel",
            "template",
            "state",
            "at",
            "why",
        ],
    );
    let json = found.iter().map(json_of);
    Ok(Answer::new(table(&head, 99, rows), Value::Array(json.collect())))
}

/// One message as lists show it.
pub(super) fn json_of(a: &AttemptRow) -> Value {
    let findings: Option<Value> = a.findings.as_deref().and_then(|f| serde_json::from_str(f).ok());
    json!({
        "attempt": a.id.to_string(),
        "portfolio": a.portfolio,
        "account": a.reference,
        "channel": a.channel,
        "stage": a.stage,
        "step": a.step,
        "template": a.template,
        "origin": a.origin,
        "state": a.state.as_str(),
        "due_at": a.due_at.to_text(),
        "reserved_at": a.reserved_at.map(Moment::to_text),
        "settled_at": a.settled_at.map(Moment::to_text),
        "reason": a.reason,
        "findings": findings,
    })
}

async fn officer(session: &Session, args: &DecisionArgs, action: OfficerAction) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let id = store.find_attempt(&args.id).await?;
    store.officer(id, action, &args.by).await?;
    let state = store.story(id).await?.attempt.state;
    let lang = session.out.lang;
    let text = lang.pick(
        format!("{id} 现为:{}", words::word(lang, state.as_str())),
        format!("{id} is now {}", words::word(lang, state.as_str())),
    );
    Ok(Answer::new(
        text,
        json!({"attempt": id.to_string(), "state": state.as_str(), "by": args.by}),
    ))
}
