//! `dunwell replies`: what an answer means, how well answers are understood on labelled ones, and learning the model anew.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::out::{Answer, table};
use super::session::Session;
use super::words::Lang;
use crate::clock::{Clock, SystemClock};
use crate::config::policies;
use crate::dispatch::meanings_of;
use crate::domain::{Channel, Currency};
use crate::replies::{
    ClaimFacts, Figures, Line, Meaning, ReplyContext, ReplyRules, Sample, Understood, figures, samples,
    shipped_model, train, understand,
};

/// What can be done with the reading of answers.
#[derive(Debug, Subcommand)]
pub(super) enum RepliesCommand {
    /// Says what a text would be understood as; nothing is kept
    #[command(
        after_help = "Examples:\n  dunwell replies read \"别再发了\"\n  dunwell replies read \"I'll pay 200 on Friday\" --balance 50000 --currency USD --today 2026-03-11"
    )]
    Read(ReadArgs),
    /// Reads labelled answers and shows recall and precision of each meaning
    #[command(
        after_help = "Examples:\n  dunwell replies report corpus/replies/heldout.jsonl\n  dunwell replies report mine.jsonl --wrong\n  dunwell replies report corpus/replies/heldout.jsonl --into docs/reply-quality.md"
    )]
    Report(ReportArgs),
    /// Learns the weights of the model from labelled answers; the same answers give the same bytes
    #[command(
        after_help = "Examples:\n  dunwell replies train corpus/replies/train.jsonl --out src/replies/weights.bin"
    )]
    Train {
        /// Labelled answers
        file: PathBuf,
        /// Where the weights go
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The share of other answers, unseen in training, that may come out as a meaning
        #[arg(long, default_value_t = 0.01)]
        false_alarms: f32,
    },
}

/// `replies read`.
#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    /// The text
    text: String,
    /// How it came
    #[arg(long, default_value = "sms")]
    channel: Channel,
    /// Language of the person
    #[arg(long, default_value = "zh-CN")]
    locale: String,
    /// The word that opts out of what we sent
    #[arg(long, default_value = "T")]
    opt_out_word: String,
    /// The day, instead of today
    #[arg(long)]
    today: Option<chrono::NaiveDate>,
    /// What is open, in minor units
    #[arg(long, value_name = "MINOR")]
    balance: Option<i64>,
    /// Of which currency
    #[arg(long, default_value = "CNY", value_parser = |c: &str| Currency::parse(c).map_err(|e| e.to_string()))]
    currency: Currency,
}

/// `replies report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Files of labelled answers, one JSON object a line
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Lists the answers that were not understood as they are meant
    #[arg(long)]
    wrong: bool,
    /// Puts the tables between `<!-- figures -->` and `<!-- end of figures -->` of a text file
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// The rules alone, without the model
    #[arg(long)]
    rules_only: bool,
}

pub(super) fn run(session: &Session, command: RepliesCommand) -> anyhow::Result<Answer> {
    match command {
        RepliesCommand::Read(args) => read(session, &args),
        RepliesCommand::Report(args) => report(session, &args),
        RepliesCommand::Train {
            file,
            out,
            false_alarms,
        } => {
            let taught = train(&labelled(&file)?, false_alarms);
            let bytes = taught.model.to_bytes();
            std::fs::write(&out, &bytes).with_context(|| format!("cannot write `{}`", out.display()))?;
            let (n, lang) = (taught.samples, session.out.lang);
            let text = lang.pick(format!("已从 {n} 条回复学习"), format!("learnt from {n} answers"));
            Ok(Answer::new(text, json!({"samples": n, "bytes": bytes.len()})))
        }
    }
}

fn rules(session: &Session) -> anyhow::Result<ReplyRules> {
    Ok(ReplyRules::parse(&policies(&session.config()?)?)?)
}

fn labelled(file: &Path) -> anyhow::Result<Vec<Sample>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    samples(&text).map_err(|e| anyhow::anyhow!("{}, {e}", file.display()))
}

fn read(session: &Session, args: &ReadArgs) -> anyhow::Result<Answer> {
    let (rules, lang) = (rules(session)?, session.out.lang);
    let today = args
        .today
        .unwrap_or_else(|| SystemClock::new().now().utc().date_naive());
    let cx = ReplyContext {
        channel: args.channel,
        locale: &args.locale,
        opt_out_word: &args.opt_out_word,
        today,
        claim: args.balance.map(|balance_minor| ClaimFacts {
            balance_minor,
            currency: args.currency,
            due_on: today,
        }),
    };
    let all = understand(&rules, Some(shipped_model()), &args.text, &cx);
    let head = lang.pick(
        ["含义", "把握", "依据的文字", "规则", "日期", "金额(最小单位)"],
        [
            "meaning",
            "degree",
            "the words",
            "rule",
            "day",
            "amount (minor units)",
        ],
    );
    let row = |u: &Understood| {
        vec![
            u.meaning.to_string(),
            lang.pick(
                if u.sure { "确定" } else { "不确定" },
                if u.sure { "sure" } else { "unsure" },
            )
            .to_owned(),
            args.text.get(u.span.clone()).unwrap_or("").to_owned(),
            u.rule.clone(),
            u.on.map(|d| d.to_string()).unwrap_or_default(),
            u.amount_minor.map(|a| a.to_string()).unwrap_or_default(),
        ]
    };
    Ok(Answer::new(
        table(&head, 99, all.iter().map(row)),
        meanings_of(&all),
    ))
}

/// A day in the middle of a week and a month; the samples speak of days to come.
const DAY_OF_SAMPLES: (i32, u32, u32) = (2026, 3, 11);
/// What is open in the samples, in minor units.
const OPEN_IN_SAMPLES: i64 = 50_000_000;

fn understood(rules: &ReplyRules, sample: &Sample, model: bool) -> anyhow::Result<Vec<Understood>> {
    let (y, m, d) = DAY_OF_SAMPLES;
    let today = chrono::NaiveDate::from_ymd_opt(y, m, d).context("the day of the samples")?;
    let chinese = sample.lang.starts_with("zh");
    let cx = ReplyContext {
        channel: Channel::Sms,
        locale: &sample.lang,
        opt_out_word: if chinese { "T" } else { "STOP" },
        today,
        claim: Some(ClaimFacts {
            balance_minor: OPEN_IN_SAMPLES,
            currency: Currency::parse(if chinese { "CNY" } else { "USD" })?,
            due_on: today,
        }),
    };
    Ok(understand(rules, model.then(shipped_model), &sample.text, &cx))
}

fn report(session: &Session, args: &ReportArgs) -> anyhow::Result<Answer> {
    let (rules, lang) = (rules(session)?, session.out.lang);
    let (mut shown, mut pages, mut list) = (String::new(), String::new(), Vec::new());
    for file in &args.files {
        let all = labelled(file)?;
        let read: Vec<_> = all
            .iter()
            .map(|s| understood(&rules, s, !args.rules_only))
            .collect::<anyhow::Result<_>>()?;
        let found = figures(&all, &read);
        let name = file
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        shown += &format!("{name}: {}\n{}\n", found.samples, plain(&found, lang));
        pages += &format!("`{name}`, {} answers\n\n{}\n", found.samples, markdown(&found));
        if args.wrong {
            for (at, missed, extra) in &found.wrong {
                let words = |all: &[Meaning]| all.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(",");
                let text = all[*at].text.replace('\n', " ");
                shown += &format!(
                    "{} -[{}] +[{}] {text}\n",
                    all[*at].id,
                    words(missed),
                    words(extra)
                );
            }
        }
        list.push(json!({"file": name, "samples": found.samples, "figures": found.lines.iter().map(json_of).collect::<Vec<_>>()}));
    }
    if let Some(path) = &args.into {
        put_into(path, &pages)?;
    }
    Ok(Answer::new(shown, Value::Array(list)))
}

fn share(permille: Option<u32>) -> String {
    permille.map_or_else(|| "–".to_owned(), |p| format!("{}.{} %", p / 10, p % 10))
}

fn cells(((meaning, lang), line): (&(Meaning, String), &Line)) -> Vec<String> {
    vec![
        meaning.to_string(),
        lang.clone(),
        line.meant.to_string(),
        share(line.recall()),
        share((line.found_sure * 1000).checked_div(line.meant)),
        share(line.precision()),
        share(line.sure_precision()),
        line.mistaken_sure.to_string(),
    ]
}

const HEAD: [&str; 8] = [
    "meaning",
    "language",
    "meant",
    "recall",
    "of it sure",
    "precision",
    "precision of sure",
    "surely wrong",
];

fn plain(found: &Figures, lang: Lang) -> String {
    let head = lang.pick(
        [
            "含义",
            "语言",
            "应有",
            "召回",
            "其中确定",
            "精确",
            "确定的精确",
            "确定而错",
        ],
        HEAD,
    );
    table(&head, 99, found.lines.iter().map(cells))
}

fn markdown(found: &Figures) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = row(HEAD.map(str::to_owned).to_vec());
    out += &row(vec!["---".to_owned(); HEAD.len()]);
    out + &found.lines.iter().map(|l| row(cells(l))).collect::<String>()
}

fn json_of(((meaning, lang), line): (&(Meaning, String), &Line)) -> Value {
    json!({"meaning": meaning.as_str(), "lang": lang, "meant": line.meant, "found": line.found, "found_sure": line.found_sure,
        "mistaken": line.mistaken, "mistaken_sure": line.mistaken_sure})
}

fn put_into(path: &Path, figures: &str) -> anyhow::Result<()> {
    let (begin, end) = ("<!-- figures -->\n", "<!-- end of figures -->");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let parts = text
        .split_once(begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let Some((before, after)) = parts else {
        bail!(
            "`{}` has no lines `{}` and `{end}`",
            path.display(),
            begin.trim_end()
        );
    };
    std::fs::write(path, format!("{before}{begin}\n{figures}\n{end}{after}"))
        .with_context(|| format!("cannot write `{}`", path.display()))
}
