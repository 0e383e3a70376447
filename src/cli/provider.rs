//! `dunwell provider`: who carries messages, and whether they can be reached. Nothing is sent to anybody.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::out::{Answer, Code, table};
use super::session::Session;
use super::words::{Lang, word};
use crate::channels::{Capability, Idempotency, Lookup, Outcome};
use crate::config::gateway_names;
use crate::dispatch::carriers;
use crate::domain::Channel;

/// What can be done with providers.
#[derive(Debug, Subcommand)]
pub(super) enum ProviderCommand {
    /// Shows the carriers in use with what each can do, and the gateways that ship
    #[command(after_help = "Examples:\n  dunwell provider list\n  dunwell provider list --json")]
    List,
    /// Connects to each provider, or to those of one channel, and says whether it knows us; sends nothing to anybody
    #[command(after_help = "Examples:\n  dunwell provider test\n  dunwell provider test sms")]
    Test {
        /// Only this channel: sms, email or letter
        channel: Option<Channel>,
    },
}

const CHANNELS: [Channel; 3] = [Channel::Sms, Channel::Email, Channel::Letter];

pub(super) async fn run(session: &Session, command: ProviderCommand) -> anyhow::Result<Answer> {
    let config = session.config()?;
    let all = carriers(&config, Path::new("."))?;
    let lang = session.out.lang;
    match command {
        ProviderCommand::List => {
            let known: Vec<&Capability> = CHANNELS.iter().flat_map(|c| all.capabilities(*c)).collect();
            let head = lang.pick(
                [
                    "渠道",
                    "承运方",
                    "重复编号",
                    "查询",
                    "最迟受理(秒)",
                    "结算等待(秒)",
                    "回执",
                ],
                [
                    "channel",
                    "carrier",
                    "repeated id",
                    "asked afterwards",
                    "latest acceptance (s)",
                    "settle time (s)",
                    "receipts",
                ],
            );
            let rows = known.iter().map(|c| {
                vec![
                    word(lang, c.channel.as_str()),
                    c.name.to_owned(),
                    idempotency(lang, c.idempotency),
                    lookup(lang, c.lookup).to_owned(),
                    c.latest_accept_seconds.to_string(),
                    c.settle_seconds.to_string(),
                    yes_no(lang, c.receipts).to_owned(),
                ]
            });
            let names = gateway_names().join(", ");
            let text = table(&head, 4, rows)
                + &lang.pick(
                    format!("\n内置网关:{names}\n"),
                    format!("\ngateways that ship: {names}\n"),
                );
            let json = json!({"carriers": known.iter().map(|c| json_of(c)).collect::<Vec<_>>(), "gateways": gateway_names()});
            Ok(Answer::new(text, json))
        }
        ProviderCommand::Test { channel } => {
            let wanted: Vec<Channel> = CHANNELS
                .into_iter()
                .filter(|c| channel.is_none_or(|only| only == *c))
                .collect();
            let (mut rows, mut found, mut bad) = (Vec::new(), Vec::new(), false);
            for channel in wanted {
                for (name, said) in all.check(channel).await {
                    let (state, reason) = told(lang, &said);
                    bad |= said.is_err();
                    rows.push(vec![
                        word(lang, channel.as_str()),
                        name.to_owned(),
                        state.to_owned(),
                        reason.clone(),
                    ]);
                    found.push(json!({"channel": channel.as_str(), "carrier": name, "ok": said.is_ok(), "reason": reason}));
                }
            }
            if channel.is_none_or(|only| only == Channel::Email) {
                for (door, said) in super::channel_mail::check(&config).await {
                    bad |= said.is_err();
                    let state = told_door(lang, &said);
                    let reason = said.err().unwrap_or_default();
                    found.push(json!({"channel": "email", "carrier": door, "ok": reason.is_empty(), "reason": &reason}));
                    rows.push(vec![
                        word(lang, "email"),
                        door.to_owned(),
                        state.to_owned(),
                        reason,
                    ]);
                }
            }
            all.close().await;
            let head = lang.pick(
                ["渠道", "承运方", "结果", "说明"],
                ["channel", "carrier", "result", "reason"],
            );
            let answer = Answer::new(table(&head, 99, rows), Value::Array(found));
            Ok(if bad { answer.ending(Code::Error) } else { answer })
        }
    }
}

fn told(lang: Lang, said: &Result<(), Outcome>) -> (&'static str, String) {
    match said {
        Ok(()) => (lang.pick("正常", "ok"), String::new()),
        Err(Outcome::NotSent { proof, reason, .. }) => (
            lang.pick("失败", "failed"),
            format!("{}: {reason}", lang.pick(proof.zh(), proof.en())),
        ),
        Err(Outcome::Unknown { reason, .. }) => (lang.pick("不明", "unclear"), reason.clone()),
        Err(Outcome::Accepted { .. }) => (lang.pick("正常", "ok"), String::new()),
    }
}

fn told_door(lang: Lang, said: &Result<(), String>) -> &'static str {
    match said {
        Ok(()) => lang.pick("正常", "ok"),
        Err(_) => lang.pick("失败", "failed"),
    }
}

/// Whether a repeated id is recognised.
pub(super) fn idempotency(lang: Lang, i: Idempotency) -> String {
    match i {
        Idempotency::None => lang.pick("不识别", "not recognised").to_owned(),
        Idempotency::For(minutes) => lang.pick(
            format!("{minutes} 分钟内识别"),
            format!("recognised for {minutes} min"),
        ),
        Idempotency::Always => lang.pick("始终识别", "always recognised").to_owned(),
    }
}

/// Whether it can be asked afterwards.
pub(super) fn lookup(lang: Lang, l: Lookup) -> &'static str {
    match l {
        Lookup::None => lang.pick("不能", "no"),
        Lookup::ByOurId => lang.pick("按我方编号", "by our id"),
        Lookup::ByTheirs => lang.pick("按对方编号", "by theirs"),
    }
}

pub(super) fn yes_no(lang: Lang, yes: bool) -> &'static str {
    if yes {
        lang.pick("是", "yes")
    } else {
        lang.pick("否", "no")
    }
}

/// What a carrier can do, for programs.
pub(super) fn json_of(c: &Capability) -> Value {
    json!({"channel": c.channel.as_str(), "carrier": c.name, "idempotency": idempotency(Lang::En, c.idempotency),
        "lookup": lookup(Lang::En, c.lookup), "latest_accept_seconds": c.latest_accept_seconds,
        "settle_seconds": c.settle_seconds, "receipts": c.receipts, "not_sent_answers": c.not_sent_answers,
        "refuses": c.refuses})
}
