//! `dunwell channel`: how messages leave the house, the test mode, and what people answer.

use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::dkim::{DkimKeyArgs, dkim_key};
use super::out::{Answer, table};
use super::provider::{idempotency, json_of, lookup, yes_no};
use super::queue::suspended;
use super::session::Session;
use super::words::{Lang, word};
use crate::channels::{Capability, NotSentProof, Readiness};
use crate::dispatch::{ReplyDecision as Decided, carriers, decide_reply};
use crate::domain::{Address, Channel, EmailAddress, PhoneNumber, ReturnKind, UnknownWord};
use crate::replies::Meaning;

/// What can be done with channels.
#[derive(Debug, Subcommand)]
pub(super) enum ChannelCommand {
    /// Explains a channel: who carries it, what each answer proves, what stands still, who may get messages
    #[command(
        after_help = "Examples:\n  dunwell channel explain sms\n  dunwell channel explain email --json"
    )]
    Explain {
        /// sms, email or letter
        channel: Channel,
    },
    /// A key that signs e-mails (DKIM): makes it, or reads the one that is there, and says what to publish
    #[command(
        after_help = "Examples:\n  dunwell channel dkim-key --domain example.com --selector dunwell-2026\n  dunwell channel dkim-key --domain example.com --selector dunwell-2026-rsa --rsa --key-file dkim-rsa.pem"
    )]
    DkimKey(DkimKeyArgs),
    /// The test mode: messages go to listed recipients only; it stands in the database, and no setting ends it
    #[command(subcommand)]
    TestMode(TestModeCommand),
    /// Messages of people that wait for a person
    #[command(after_help = "Examples:\n  dunwell channel inbox\n  dunwell channel inbox --json")]
    Inbox {
        /// How many
        #[arg(long, short = 'n', default_value_t = 100)]
        number: u32,
    },
    /// What came back by e-mail: bounces, complaints, answers of machines, the latest first
    #[command(
        after_help = "Examples:\n  dunwell channel bounces\n  dunwell channel bounces --kind hard --json\n\nKinds: hard, soft, delayed, delivered, complaint, auto_reply, reply, loop, junk, unreadable."
    )]
    Bounces {
        /// Only of this kind
        #[arg(long)]
        kind: Option<ReturnKind>,
        /// How many
        #[arg(long, short = 'n', default_value_t = 100)]
        number: u32,
    },
    /// Takes in one message that came back by e-mail, as a mail system hands it over
    #[command(after_help = super::channel_mail::TAKE_EXAMPLES)]
    TakeMail(super::channel_mail::TakeArgs),
    /// Decides what a message means, or notes that somebody has dealt with it
    #[command(
        after_help = "Examples:\n  dunwell channel handled 0190c3f2-0000-7000-8000-000000000001 --by mei\n  dunwell channel handled 0190c3f2-0000-7000-8000-000000000001 --as opt_out --by mei\n  dunwell channel handled 0190c3f2-0000-7000-8000-000000000001 --as promise --on 2026-12-15 --amount 200000 --by mei\n  dunwell channel handled 0190c3f2-0000-7000-8000-000000000001 --as none --by mei"
    )]
    Handled(HandledArgs),
}

/// What a message means.
#[derive(Debug, Args)]
pub(super) struct HandledArgs {
    /// The message
    id: Uuid,
    /// What it means; its effect takes place at once. `none`: nothing, and what was held goes on
    #[arg(long = "as", value_name = "MEANING", value_parser = meaning)]
    means: Option<Said>,
    /// The day of a promise
    #[arg(long, requires = "amount")]
    on: Option<chrono::NaiveDate>,
    /// The amount of a promise, in minor units
    #[arg(long, value_name = "MINOR", requires = "on", value_parser = clap::value_parser!(i64).range(1..))]
    amount: Option<i64>,
    /// Who decides
    #[arg(long)]
    by: String,
}

/// `none`, or a meaning.
#[derive(Debug, Clone, Copy)]
struct Said(Option<Meaning>);

fn meaning(text: &str) -> Result<Said, String> {
    match text {
        "none" => Ok(Said(None)),
        other => other
            .parse()
            .map(|m| Said(Some(m)))
            .map_err(|e: UnknownWord| format!("{e}, `none`")),
    }
}

/// The test mode.
#[derive(Debug, Subcommand)]
pub(super) enum TestModeCommand {
    /// Turns it on, or adds recipients; with none listed nobody gets anything
    #[command(
        after_help = "Examples:\n  dunwell channel test-mode on --allow +8613800000101 --allow me@example.com --by pavel\n  dunwell channel test-mode on --by pavel"
    )]
    On(OnArgs),
    /// Shows whether it is on, and for whom
    #[command(after_help = "Examples:\n  dunwell channel test-mode show")]
    Show,
    /// Ends it: from now on messages go to everybody they may go to
    #[command(after_help = "Examples:\n  dunwell channel test-mode off --by pavel --confirm INSTALLATION")]
    Off {
        /// Who says so
        #[arg(long)]
        by: String,
        /// The name of this installation, typed out (`dunwell config show` tells it)
        #[arg(long, value_name = "INSTALLATION")]
        confirm: String,
    },
}

/// Whom messages may go to.
#[derive(Debug, Args)]
pub(super) struct OnArgs {
    /// A telephone number with + and country, or an e-mail address; may be repeated
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    allow: Vec<Address>,
    /// Who says so
    #[arg(long)]
    by: String,
}

fn address(text: &str) -> Result<Address, String> {
    if text.contains('@') {
        return EmailAddress::parse(text)
            .map(Address::Email)
            .map_err(|e| e.to_string());
    }
    match text.starts_with('+') {
        true => PhoneNumber::parse(text, "CN")
            .map(Address::Phone)
            .map_err(|e| e.to_string()),
        false => Err("expected a number that begins with + and the country, or an e-mail address".to_owned()),
    }
}

pub(super) async fn run(session: &Session, command: ChannelCommand) -> anyhow::Result<Answer> {
    match command {
        ChannelCommand::Explain { channel } => explain(session, channel).await,
        ChannelCommand::DkimKey(args) => dkim_key(session, &args),
        ChannelCommand::TestMode(command) => test_mode(session, command).await,
        ChannelCommand::Inbox { number } => super::inbox::inbox(session, number).await,
        ChannelCommand::Bounces { kind, number } => super::channel_mail::bounces(session, kind, number).await,
        ChannelCommand::TakeMail(args) => Ok(super::channel_mail::take_mail(session, &args).await),
        ChannelCommand::Handled(args) => handled(session, args).await,
    }
}

async fn handled(session: &Session, args: HandledArgs) -> anyhow::Result<Answer> {
    let (store, lang, id) = (session.store().await?, session.out.lang, args.id);
    let decided = match (args.means, args.on.zip(args.amount)) {
        (Some(Said(None)), _) => Decided::Nothing,
        (Some(Said(Some(Meaning::Promise))), Some((on, amount_minor))) => {
            Decided::Promise { on, amount_minor }
        }
        (Some(Said(Some(meaning))), None) => Decided::Means(meaning),
        (Some(_), Some(_)) => bail!("`--on` and `--amount` belong to `--as promise`"),
        (None, _) => {
            let waiting = store.waiting_replies().await?;
            if waiting.iter().any(|w| w.id == id && w.held > 0) {
                bail!(
                    "this message holds further contact\n  say what it means: `--as MEANING`, or `--as none` to let contact go on"
                );
            }
            if !waiting.iter().any(|w| w.id == id) {
                store.inbound_handled(id, &args.by).await?;
                return Ok(dealt_with(lang, id, &args.by, None));
            }
            Decided::Nothing
        }
    };
    decide_reply(&store, id, decided, &args.by).await?;
    let means = args.means.map(|Said(m)| m.map_or("none", Meaning::as_str));
    Ok(dealt_with(lang, id, &args.by, means))
}

fn dealt_with(lang: Lang, id: Uuid, by: &str, means: Option<&str>) -> Answer {
    let text = match means {
        None => lang.pick("已处理", "dealt with").to_owned(),
        Some(means) => lang.pick(
            format!("已处理,判定为 {means}"),
            format!("dealt with, as {means}"),
        ),
    };
    Answer::new(text, json!({"id": id.to_string(), "by": by, "as": means}))
}

async fn test_mode(session: &Session, command: TestModeCommand) -> anyhow::Result<Answer> {
    let (store, lang) = (session.store().await?, session.out.lang);
    match command {
        TestModeCommand::On(args) => store.enter_test_mode(&args.allow, &args.by).await?,
        TestModeCommand::Show => {}
        TestModeCommand::Off { by, confirm } => {
            let installation = session.config()?.installation;
            if confirm != installation {
                bail!("`--confirm` must be the name of this installation, `{installation}`");
            }
            if !store.leave_test_mode(&by).await? {
                bail!("the test mode is not on");
            }
        }
    }
    let Some(trial) = store.test_mode().await? else {
        let text = lang.pick(
            "测试模式已关闭:消息发给所有可以发的人",
            "the test mode is off: messages go to everybody they may go to",
        );
        return Ok(Answer::new(text, json!({"on": false})));
    };
    let (since, by, n) = (trial.since.to_text(), &trial.by, trial.recipients.len());
    let list: String = trial.recipients.iter().map(|r| format!("  {r}\n")).collect();
    let text = lang.pick(
        format!("测试模式自 {since} 起开启({by}),只发给这 {n} 个收件人:\n{list}"),
        format!("the test mode is on since {since} ({by}); only these {n} recipients get messages:\n{list}"),
    );
    Ok(Answer::new(
        text,
        json!({"on": true, "since": since, "by": by, "recipients": trial.recipients}),
    ))
}

async fn explain(session: &Session, channel: Channel) -> anyhow::Result<Answer> {
    let (config, lang) = (session.config()?, session.out.lang);
    let all = carriers(&config, Path::new("."))?;
    let store = session.store().await?;
    let still: Vec<_> = store
        .suspensions()
        .await?
        .into_iter()
        .filter(|s| s.channel.is_none_or(|c| c == channel))
        .collect();
    let trial = store.test_mode().await?;
    let mut text = String::new();
    let known: Vec<&Capability> = all.capabilities(channel).collect();
    if known.is_empty() {
        text += lang.pick(
            "此渠道没有承运方,消息暂缓。\n",
            "nobody carries this channel; messages wait.\n",
        );
    }
    for (place, capability) in known.iter().enumerate() {
        text += &carrier(lang, place, capability);
    }
    for (name, standing) in all.standing(channel, store.clock().now()) {
        if let Readiness::Waiting { until } = standing {
            let until = until.to_text();
            text += &lang.pick(
                format!("{name}:{until} 之前不再尝试\n"),
                format!("{name}: left alone until {until}\n"),
            );
        }
    }
    let proofs = NotSentProof::ALL
        .iter()
        .map(|p| vec![p.to_string(), lang.pick(p.zh(), p.en()).to_owned()]);
    let head = lang.pick(
        ["未发出的证明", "含义"],
        ["proof that nothing went out", "meaning"],
    );
    text += "\n";
    text += &table(&head, 99, proofs);
    text += lang.pick(
        "\n除此之外,凡没有答复或答复不清,都是“不明”:占用次数上限,绝不自动重发。\n",
        "\nWhatever else happens is *unknown*: it keeps its place in the caps and is never sent again by itself.\n",
    );
    if let Some(trial) = &trial {
        let n = trial.recipients.len();
        text += &lang.pick(
            format!("测试模式已开启:只发给名单上的 {n} 个收件人。\n"),
            format!("the test mode is on: only {n} listed recipients get messages.\n"),
        );
    }
    text += &suspended(lang, &still);
    let json = json!({
        "channel": channel.as_str(),
        "carriers": known.iter().map(|c| json_of(c)).collect::<Vec<_>>(),
        "suspended": still.iter().map(super::queue::json_of).collect::<Vec<_>>(),
        "test_mode": trial.map(|t| t.recipients.len()),
    });
    Ok(Answer::new(text, json))
}

fn carrier(lang: Lang, place: usize, c: &Capability) -> String {
    let rank = match place {
        0 => lang.pick("首选", "first choice").to_owned(),
        n => lang.pick(format!("第 {} 选", n + 1), format!("choice {}", n + 1)),
    };
    let name = c.name;
    let rows = [
        (
            lang.pick("重复编号", "a repeated id is"),
            idempotency(lang, c.idempotency),
        ),
        (
            lang.pick("事后查询", "asked afterwards"),
            lookup(lang, c.lookup).to_owned(),
        ),
        (
            lang.pick("最迟受理", "latest acceptance"),
            format!("{} s", c.latest_accept_seconds),
        ),
        (
            lang.pick("查询前等待", "asked not before"),
            format!("{} s", c.settle_seconds),
        ),
        (
            lang.pick("送达回执", "receipts"),
            yes_no(lang, c.receipts).to_owned(),
        ),
        (
            lang.pick("证明未发出", "proves not sent"),
            c.not_sent_answers.join("; "),
        ),
        (lang.pick("拒绝", "refuses"), c.refuses.join("; ")),
    ];
    let head = format!("{}: {name} ({rank})\n", word(lang, c.channel.as_str()));
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    head + &rows
        .map(|(label, value)| format!("  {label}: {value}\n"))
        .collect::<String>()
}
