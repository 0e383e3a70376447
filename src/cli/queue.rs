//! `dunwell queue`: what waits to be sent, and letting it wait.

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::out::{Answer, table};
use super::session::{Session, desk};
use super::words::{Lang, word};
use crate::domain::{Channel, Moment};
use crate::store::{Store, Suspension, SuspensionRow};

/// What can be done with the queue.
#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// Shows what comes next, how much stands where, and what stands still
    #[command(after_help = "Examples:\n  dunwell queue top\n  dunwell queue top --channel sms -n 50")]
    Top {
        /// Only this channel: sms, email or letter
        #[arg(long)]
        channel: Option<Channel>,
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        number: u32,
    },
    /// Lets messages wait until a moment; it ends by itself
    #[command(
        after_help = "Examples:\n  dunwell queue suspend --for 2h --channel sms --by pavel --remark 'price list in doubt'\n  dunwell queue suspend --until '2026-07-01T08:00:00+08:00' --portfolio retail --by pavel --remark audit"
    )]
    Suspend(SuspendArgs),
    /// Lets them go on before that moment
    #[command(
        after_help = "Examples:\n  dunwell queue resume --by pavel\n  dunwell queue resume --channel sms --by pavel"
    )]
    Resume {
        /// Only this channel: sms, email or letter
        #[arg(long)]
        channel: Option<Channel>,
        /// Only this portfolio
        #[arg(long)]
        portfolio: Option<String>,
        /// Who says so
        #[arg(long)]
        by: String,
    },
}

/// What shall wait, and until when.
#[derive(Debug, Args)]
pub(super) struct SuspendArgs {
    /// Only this channel: sms, email or letter
    #[arg(long)]
    channel: Option<Channel>,
    /// Only this portfolio
    #[arg(long)]
    portfolio: Option<String>,
    /// For how long: 30m, 2h, 3d
    #[arg(long = "for", value_name = "TIME", required_unless_present = "until", conflicts_with = "until", value_parser = length)]
    length: Option<TimeDelta>,
    /// Until when, with zone
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    until: Option<Moment>,
    /// Who says so
    #[arg(long)]
    by: String,
    /// Why
    #[arg(long)]
    remark: String,
}

fn length(text: &str) -> Result<TimeDelta, String> {
    let expected = || format!("`{text}`, expected a number with m, h or d, such as `30m`, `2h` or `3d`");
    let unit = text.chars().last().ok_or_else(expected)?;
    let number = text[..text.len() - unit.len_utf8()]
        .parse::<u32>()
        .map_err(|_| expected())?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 1440,
        _ => return Err(expected()),
    };
    Ok(TimeDelta::minutes(i64::from(number) * minutes))
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::parse(text).map_err(|e| e.to_string())
}

pub(super) async fn run(session: &Session, command: QueueCommand) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let lang = session.out.lang;
    match command {
        QueueCommand::Top { channel, number } => top(&store, lang, channel, number).await,
        QueueCommand::Suspend(args) => {
            if let Some(name) = &args.portfolio {
                desk(&*store.registry().await?, name)?;
            }
            let until = match (args.until, args.length) {
                (Some(until), _) => until,
                (None, length) => store.clock().now() + length.unwrap_or(TimeDelta::hours(1)),
            };
            let wish = Suspension {
                channel: args.channel,
                portfolio: args.portfolio,
                until,
                reason: args.remark,
                by: args.by,
            };
            store.suspend_queue(wish).await?;
            let at = until.to_text();
            let text = lang.pick(
                format!("已暂停至 {at};已被领取的一批仍会发出"),
                format!("waits until {at}; what a worker has claimed already still goes"),
            );
            Ok(Answer::new(text, json!({"until": at})))
        }
        QueueCommand::Resume {
            channel,
            portfolio,
            by,
        } => {
            let lifted = store.resume_queue(channel, portfolio, &by).await?;
            let text = lang.pick(
                format!("已恢复 {lifted} 项暂停"),
                format!("{lifted} suspensions lifted"),
            );
            Ok(Answer::new(text, json!({"lifted": lifted})))
        }
    }
}

async fn top(store: &Store, lang: Lang, channel: Option<Channel>, number: u32) -> anyhow::Result<Answer> {
    let rows = store.queue_top(channel, number.into()).await?;
    let counts = store.queue_counts().await?;
    let still = store.suspensions().await?;
    let head = lang.pick(
        ["编号", "组合", "账户", "渠道", "阶段", "状态", "到期", "原因"],
        [
            "id",
            "portfolio",
            "account",
            "channel",
            "stage",
            "state",
            "due",
            "reason",
        ],
    );
    let shown = rows.iter().map(|r| {
        vec![
            r.id.to_string(),
            r.portfolio.clone(),
            r.reference.clone(),
            word(lang, r.channel.as_str()),
            r.stage.clone(),
            word(lang, r.state.as_str()),
            r.due_at.to_text(),
            r.reason.clone().unwrap_or_default(),
        ]
    });
    let mut text = table(&head, 99, shown);
    let head = lang.pick(
        ["渠道", "状态", "数量", "最早"],
        ["channel", "state", "number", "earliest"],
    );
    let sums = counts.iter().map(|(channel, state, n, due)| {
        vec![
            word(lang, channel.as_str()),
            word(lang, state.as_str()),
            n.to_string(),
            due.to_text(),
        ]
    });
    text += "\n";
    text += &table(&head, 2, sums);
    text += &suspended(lang, &still);
    let json = json!({
        "next": rows.iter().map(|r| json!({
            "id": r.id.to_string(), "portfolio": r.portfolio, "account": r.reference, "channel": r.channel.as_str(),
            "stage": r.stage, "state": r.state.as_str(), "due_at": r.due_at.to_text(),
            "expires_at": r.expires_at.to_text(), "reason": r.reason,
        })).collect::<Vec<_>>(),
        "counts": counts.iter().map(|(channel, state, n, due)| json!({
            "channel": channel.as_str(), "state": state.as_str(), "number": n, "earliest": due.to_text(),
        })).collect::<Vec<_>>(),
        "suspended": still.iter().map(json_of).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}

/// What stands still, one line each.
pub(super) fn suspended(lang: Lang, still: &[SuspensionRow]) -> String {
    let line = |s: &SuspensionRow| {
        let channel = s.channel.map_or_else(
            || lang.pick("全部渠道", "all channels").to_owned(),
            |c| word(lang, c.as_str()),
        );
        let portfolio = s
            .portfolio
            .clone()
            .unwrap_or_else(|| lang.pick("全部组合", "all portfolios").to_owned());
        let (until, by, reason) = (s.until.to_text(), &s.by, &s.reason);
        lang.pick(
            format!("\n已暂停:{channel},{portfolio},至 {until},{by}:{reason}"),
            format!("\nstands still: {channel}, {portfolio}, until {until}, {by}: {reason}"),
        )
    };
    still.iter().map(line).collect()
}

/// One suspension for programs.
pub(super) fn json_of(s: &SuspensionRow) -> Value {
    json!({"channel": s.channel.map(Channel::as_str), "portfolio": s.portfolio, "since": s.since.to_text(),
        "until": s.until.to_text(), "by": s.by, "reason": s.reason})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        let check = |text: &str, minutes: Option<i64>| {
            assert_eq!(length(text).ok().map(|d| d.num_minutes()), minutes, "{text}");
        };
        check("30m", Some(30));
        check("2h", Some(120));
        check("3d", Some(4320));
        check("2", None);
        check("h", None);
        check("", None);
        check("2时", None);
    }
}
