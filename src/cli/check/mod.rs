//! `dunwell check` (also `dunwell message check`): what the guard says about words, without sending or queueing anything.
//!
//! With `--account` a message to that debtor is judged as it would be before sending, hours and caps included. With
//! `--jsonl` messages are read from standard input, with `--sender` one text is judged by its words alone; both need no
//! database.

mod line;

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::out::{Answer, Code, underlined};
use super::portfolio::read_text;
use super::session::Session;
use crate::domain::{Channel, SenderKind, Verdict};
use line::{Account, Bench, Line, Sender};

/// Examples of both commands.
pub(super) const EXAMPLES: &str = "\
Examples:
  dunwell check --jsonl < messages.jsonl > verdicts.jsonl
  dunwell check --sender agency --sender-name 甲咨询 --creditor 乙银行 --bank --channel sms --text 您好,请尽快还款
  dunwell message check --account 0000200001 --channel sms --text 您好,请尽快还款
  dunwell message check --account 0000200001 --channel sms --file draft.txt --json";

/// What is judged, and what is known about it.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Judge messages from standard input, one JSON object a line, by their words alone
    #[arg(long, conflicts_with_all = ["reference", "text", "file", "template", "sender"])]
    jsonl: bool,
    /// The creditor's own number of an account: judge as before sending, hours and caps included
    #[arg(long = "account", value_name = "REF", required_unless_present_any = ["jsonl", "sender"])]
    pub(super) reference: Option<String>,
    /// Its portfolio, where several have this number
    #[arg(long, requires = "reference")]
    pub(super) portfolio: Option<String>,
    /// How it goes: sms, email or letter
    #[arg(long, required_unless_present = "jsonl")]
    pub(super) channel: Option<Channel>,
    /// A template of the catalogue
    #[arg(long, requires = "reference", conflicts_with_all = ["text", "file"])]
    pub(super) template: Option<String>,
    /// Own words
    #[arg(long, conflicts_with = "file")]
    pub(super) text: Option<String>,
    /// Own words from a file
    #[arg(long, value_name = "DRAFT.txt")]
    pub(super) file: Option<PathBuf>,
    /// Own subject of an e-mail or letter
    #[arg(long, conflicts_with = "template")]
    pub(super) subject: Option<String>,
    /// Who speaks: creditor, agency or law_firm; the words are judged alone
    #[arg(long, conflicts_with = "reference")]
    sender: Option<SenderKind>,
    /// Name of who speaks
    #[arg(long, requires = "sender", default_value = "")]
    sender_name: String,
    /// Name of who is owed
    #[arg(long, requires = "sender", default_value = "")]
    creditor: String,
    /// The creditor is a bank
    #[arg(long, requires = "sender")]
    bank: bool,
    /// Who reads it: debtor, guarantor or third_party
    #[arg(long, requires = "sender", default_value = "debtor")]
    to: String,
    /// An account that may be named: `HOLDER|BANK|NUMBER`; may be given several times
    #[arg(long, requires = "sender", value_name = "PAYEE")]
    payee: Vec<String>,
    /// Language of the words and place of the rules: zh-CN, zh-TW, zh-HK, en
    #[arg(long, requires = "sender", default_value = "")]
    language: String,
    /// Legal action has been decided; taken as so for everybody but agencies
    #[arg(long, requires = "sender")]
    legal_approved: bool,
    /// The creditor has approved a concession
    #[arg(long, requires = "sender")]
    concession_approved: bool,
}

/// Judges words alone; `None` where an account is named and a store is needed.
pub(super) fn words_alone(session: &Session, args: &CheckArgs) -> anyhow::Result<Option<Answer>> {
    if args.jsonl {
        return lines(session).map(Some);
    }
    match args.sender {
        Some(kind) => one(session, args, kind).map(Some),
        None => Ok(None),
    }
}

/// Every line of standard input.
fn lines(session: &Session) -> anyhow::Result<Answer> {
    let rulebook = session.rulebook()?;
    let bench = Bench::new(&rulebook.policy);
    let mut input = std::io::stdin().lock();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut bytes = Vec::new();
    let (mut number, mut unread) = (0, 0);
    loop {
        bytes.clear();
        number += 1;
        if input.read_until(b'\n', &mut bytes).context("standard input")? == 0 {
            break;
        }
        let text = bytes.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let (answer, read) = bench.answer(number, text);
        unread += usize::from(!read);
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    if unread > 0 {
        session.out.remark(
            &format!("{unread} 行无法读取,均未放行"),
            &format!("{unread} lines could not be read; none of them passed"),
        );
        return Ok(Answer::printed(Code::Partial));
    }
    Ok(Answer::printed(Code::Done))
}

/// One text.
fn one(session: &Session, args: &CheckArgs, kind: SenderKind) -> anyhow::Result<Answer> {
    let words = match (&args.text, &args.file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) => read_text(file)?,
        (None, None) => bail!("there are no words\ngive `--text` or `--file`"),
    };
    let text = match &args.subject {
        Some(subject) => format!("{subject}\n{words}"),
        None => words,
    };
    let payees = args.payee.iter().map(|p| payee(p)).collect::<Result<_, _>>()?;
    let zh = text.chars().any(crate::policy::fold::is_han);
    let lang = match args.language.as_str() {
        "" if zh => "zh-CN".to_owned(),
        "" => "en".to_owned(),
        named => named.to_owned(),
    };
    let line = Line {
        id: Value::Null,
        lang,
        channel: args.channel.map_or("sms", |c| c.as_str()).to_owned(),
        sender: Sender {
            kind: kind.as_str().to_owned(),
            name: args.sender_name.clone(),
            creditor_name: args.creditor.clone(),
            creditor_is_bank: args.bank,
        },
        recipient_role: args.to.clone(),
        authorised_accounts: payees,
        legal_approved: args.legal_approved.then_some(true),
        concession_approved: args.concession_approved.then_some(true),
        text,
    };
    let rulebook = session.rulebook()?;
    let (review, mut json) = Bench::new(&rulebook.policy)
        .judge(&line)
        .map_err(anyhow::Error::msg)?;
    let out = &session.out;
    let mut shown = out.verdict(review.verdict.as_str()) + "\n";
    for (finding, told) in review
        .findings
        .iter()
        .zip(json["findings"].as_array().into_iter().flatten())
    {
        let head = &finding.head;
        shown += &format!("\n{} {}\n", out.verdict(finding.verdict.as_str()), head.id);
        shown += &format!("  {}\n", out.lang.pick(&head.zh, &head.en));
        let marked = underlined(&line.text, finding.span.clone());
        shown += &marked.lines().map(|l| format!("    {l}\n")).collect::<String>();
        if let Some(instead) = told["instead"].as_str() {
            shown += &format!("  {} {instead}\n", out.lang.pick("可改为:", "instead:"));
        }
        shown += &format!(
            "  {} {}\n",
            out.lang.pick("依据:", "source:"),
            told["citation"].as_str().unwrap_or("")
        );
    }
    if let Some(object) = json.as_object_mut() {
        object.remove("id");
    }
    let code = match review.verdict {
        Verdict::Blocked => Code::Violation,
        _ => Code::Done,
    };
    Ok(Answer::new(shown, json).ending(code))
}

fn payee(text: &str) -> anyhow::Result<Account> {
    let parts: Vec<&str> = text.split('|').map(str::trim).collect();
    let [holder, bank, number] = parts[..] else {
        bail!("`--payee`: expected `HOLDER|BANK|NUMBER`");
    };
    Ok(Account {
        holder: holder.to_owned(),
        bank: bank.to_owned(),
        number: number.to_owned(),
    })
}

/// Nothing to add to what was printed.
impl Answer {
    fn printed(code: Code) -> Answer {
        Answer {
            text: String::new(),
            json: json!(null),
            code,
        }
    }
}
