//! `dunwell event add`: what happened to one account, typed by a person, read by the same reader as a ledger's events.

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::account::AccountRef;
use super::message::moment;
use super::out::Answer;
use super::session::Session;
use crate::ledger::{Mapping, read_events};
use crate::store::{EventOutcome, NewEvent, Occurrence};

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub(super) enum EventCommand {
    /// Records what happened to one account; what is queued and may no longer go is withdrawn at once
    #[command(
        after_help = "Examples:\n  dunwell event add payment --account 0000200001 --amount 2050.00 --booking BK-17 --on 2026-04-07\n  dunwell event add promise --account 0000200001 --amount 500.00 --until 2026-04-30\n  dunwell event add opt-out --account 0000200001 --channel sms\n  dunwell event add wish --account 0000200001 --wish \"not at daily 00:00-10:00\" --channel call\n  dunwell event add wish --account 0000200001 --wish \"not to workplace\"\n  dunwell event add wish --account 0000200001 --wish \"only by email\"\n  dunwell event add dispute --account 0000200001 --reason amount\n  dunwell event add call --account 0000200001 --result conversation\n  dunwell event add approve-legal --account 0000200001"
    )]
    Add(Box<EventArgs>),
}

/// What happened.
#[derive(Debug, Args)]
pub(super) struct EventArgs {
    /// What happened
    #[arg(value_enum)]
    kind: Kind,
    #[command(flatten)]
    account: AccountRef,
    /// When: local time in the portfolio's zone, or an instant with offset; without it now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Payment, promise: how much, in the currency of the account
    #[arg(long, allow_hyphen_values = true)]
    amount: Option<String>,
    /// Payment: reference of the booking; the same booking counts once
    #[arg(long)]
    booking: Option<String>,
    /// Payment: the day the money arrived
    #[arg(long, value_name = "DATE")]
    on: Option<String>,
    /// Promise, consent, wish, breathing space, hardship: until and including this day
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Dispute: the reason in a word or two
    #[arg(long)]
    reason: Option<String>,
    /// Opt-out, cease, counsel, insolvency, death, minor, wrong party, call, police order, breathing space, consent, wish: about
    /// somebody else with this role to the account (e.g. guarantor) instead of the debtor
    #[arg(long)]
    role: Option<String>,
    /// With --role: their name, where several have it
    #[arg(long, requires = "role")]
    name: Option<String>,
    /// Opt-out, consent, wish: only this channel
    #[arg(long)]
    channel: Option<String>,
    /// Opt-out, wrong party, bounce, call: the number or address
    #[arg(long)]
    address: Option<String>,
    /// Call: how it ended
    #[arg(long, value_name = "RESULT")]
    result: Option<String>,
    /// Call: the debtor called
    #[arg(long)]
    inbound: bool,
    /// Consent: for what (channel, hours, frequency)
    #[arg(long)]
    scope: Option<String>,
    /// Wish: what was asked for about times, places and channels (`not at DAYS FROM-TO`, `only at DAYS FROM-TO`, `not to PLACE`,
    /// `only by CHANNELS`); times are local to the person, and DAYS such as mon-fri or daily may be left out
    #[arg(long)]
    wish: Option<String>,
}

/// Kinds of events as people type them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Payment,
    Promise,
    Dispute,
    Resolve,
    OptOut,
    Cease,
    Counsel,
    Insolvency,
    Death,
    Minor,
    BreathingSpace,
    Hardship,
    WrongParty,
    Bounce,
    Call,
    PoliceOrder,
    Complaint,
    Consent,
    RevokeConsent,
    Wish,
    WithdrawWish,
    ApproveLegal,
}

impl Kind {
    /// The word in ledgers; `None` for what ledgers do not know.
    fn in_ledgers(self) -> Option<&'static str> {
        Some(match self {
            Kind::Payment => "payment",
            Kind::Promise => "promise",
            Kind::Dispute => "dispute_opened",
            Kind::Resolve => "dispute_resolved",
            Kind::OptOut => "opt_out",
            Kind::Cease => "cease",
            Kind::Counsel => "counsel",
            Kind::Insolvency => "insolvency",
            Kind::Death => "death",
            Kind::Minor => "minor",
            Kind::BreathingSpace => "breathing_space",
            Kind::Hardship => "hardship",
            Kind::WrongParty => "wrong_party",
            Kind::Bounce => "bounce",
            Kind::Call => "call",
            Kind::PoliceOrder => "police_order",
            Kind::Complaint => "complaint",
            Kind::Consent => "consent_given",
            Kind::RevokeConsent => "consent_revoked",
            Kind::Wish => "wish",
            Kind::WithdrawWish => "wish_withdrawn",
            Kind::ApproveLegal => return None,
        })
    }
}

pub(super) async fn run(session: &Session, command: EventCommand) -> anyhow::Result<Answer> {
    let EventCommand::Add(args) = command;
    let store = session.store().await?;
    let id = store
        .account_id(args.account.portfolio.as_deref(), &args.account.reference)
        .await?;
    let account = store.due_account(id).await?.account;
    let registry = store.registry().await?;
    let desk = registry
        .desks
        .get(&account.portfolio)
        .context("the account has no portfolio")?;
    let zone = desk.portfolio.zone;
    let at = args
        .at
        .as_deref()
        .map_or(Ok(store.clock().now()), |at| moment(at, zone))?;
    let event = match args.kind.in_ledgers() {
        None => NewEvent {
            digest: None,
            portfolio: Some(desk.portfolio.name.clone()),
            reference: Some(account.reference.clone()),
            debtor_ref: None,
            related: None,
            currency: None,
            at,
            what: Occurrence::LegalActionApproved,
        },
        Some(kind) => {
            let today = at.date_in(zone).to_string();
            let mut line = fields(&args, kind, account.currency.code(), &today);
            line.insert("at".into(), at.to_text().into());
            line.insert("portfolio".into(), desk.portfolio.name.as_str().into());
            line.insert("reference".into(), account.reference.as_str().into());
            let row = read(session, &Value::Object(line).to_string())?;
            NewEvent {
                digest: None,
                ..NewEvent::from_ledger(row, None, zone)
            }
        }
    };
    let word = event.what.word();
    let outcome = store.record_events(vec![event], None).await?;
    let withdrawn = match outcome.first() {
        Some(EventOutcome::Taken { withdrawn }) => *withdrawn,
        Some(EventOutcome::OtherCurrency) => bail!("the amount is in another currency than the account"),
        Some(EventOutcome::NoPerson) => {
            bail!("nobody has this role to the account, or several have and --name is needed")
        }
        _ => bail!("the event was not taken in"),
    };
    let text = session.out.lang.pick(
        format!("已记录;撤回 {withdrawn} 条排队的消息。"),
        format!("recorded; {withdrawn} waiting messages were withdrawn"),
    );
    Ok(Answer::new(
        text,
        json!({"event": word, "account": account.reference, "withdrawn": withdrawn}),
    ))
}

/// The event as a line of a ledger.
fn fields(args: &EventArgs, kind: &str, currency: &str, today: &str) -> Map<String, Value> {
    let mut line = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            line.insert(name.to_owned(), value.into());
        }
    };
    put("kind", Some(kind));
    put("amount", args.amount.as_deref());
    let in_money = args.amount.is_some() || matches!(args.kind, Kind::Payment | Kind::Promise);
    put("currency", in_money.then_some(currency));
    put("payment_reference", args.booking.as_deref());
    if args.kind == Kind::Payment {
        put("paid_on", Some(args.on.as_deref().unwrap_or(today)));
    } else {
        put("paid_on", args.on.as_deref());
    }
    match args.kind {
        Kind::Promise => put("due_on", args.until.as_deref()),
        _ => put("until", args.until.as_deref()),
    }
    put("role", args.role.as_deref());
    put("name", args.name.as_deref());
    put("reason", args.reason.as_deref());
    put("channel", args.channel.as_deref());
    put("address", args.address.as_deref());
    put("call_result", args.result.as_deref());
    put("inbound", args.inbound.then_some("true"));
    put("scope", args.scope.as_deref());
    put("wish", args.wish.as_deref());
    line
}

/// Reads the line as an import would, and says what is wrong in the words of the flags.
fn read(session: &Session, line: &str) -> anyhow::Result<crate::ledger::EventRow> {
    let mut reading = read_events("event.jsonl", line.as_bytes(), &Mapping::default());
    if let Some(row) = reading.rows.pop() {
        return Ok(row);
    }
    let flag = |column: &str| match column {
        "payment_reference" => "--booking".to_owned(),
        "paid_on" => "--on".to_owned(),
        "due_on" => "--until".to_owned(),
        "call_result" => "--result".to_owned(),
        other => format!("--{}", other.replace('_', "-")),
    };
    let faults: Vec<String> = reading
        .rejects
        .iter()
        .map(|r| {
            format!(
                "`{}`: {}",
                flag(&r.column),
                session.out.lang.pick(&r.reason_zh, &r.reason_en)
            )
        })
        .collect();
    bail!(faults.join("\n"))
}
