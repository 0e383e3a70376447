//! `dunwell policy`: the packs, what each rule says and where it is written, and whether their own cases hold.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::out::{Answer, Code, table};
use super::policy_diff::{self, DiffArgs};
use super::policy_show;
use super::policy_versions::{self, ActivateArgs, ApproveArgs, PublishArgs, WithdrawArgs};
use super::session::Session;
use super::words::word;
use crate::clock::{Clock, SystemClock};
use crate::guard::run_cases;
use crate::policy::{Pack, Rule, core_rules, core_version, lint, lint_dates};

/// What can be done with policy packs.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Shows every pack with its version
    #[command(after_help = "Examples:\n  dunwell policy list\n  dunwell policy list --json")]
    List,
    /// Shows every rule of a pack with its source, or all rules that bind contact about an account
    #[command(
        after_help = "Examples:\n  dunwell policy show cn\n  dunwell policy show core --lang zh\n  dunwell policy show --for 0000100001"
    )]
    Show {
        /// The pack; `core` are the rules that no pack can switch off
        #[arg(required_unless_present = "account", conflicts_with = "account")]
        pack: Option<String>,
        /// The creditor's own number of an account: the rules in force, put together, channel by channel
        #[arg(long = "for", value_name = "ACCOUNT")]
        account: Option<String>,
        /// Its portfolio, where several have this number
        #[arg(long, requires = "account")]
        portfolio: Option<String>,
    },
    /// Compares two packs, two versions of one or two sets: rule, before, after, stricter or looser
    #[command(
        after_help = "Examples:\n  dunwell policy diff active files\n  dunwell policy diff 3f2a9c10 77b01d2e --lang zh\n  dunwell policy diff cn@active cn@files\n  dunwell policy diff cn us-regf --json"
    )]
    Diff(DiffArgs),
    /// Says what is wrong with packs that read well: rules that no case proves, claims without a source
    #[command(after_help = "Examples:\n  dunwell policy lint")]
    Lint,
    /// Prints the JSON Schema of `policy.toml`, for editors that complete and check it
    #[command(after_help = "Examples:\n  dunwell policy schema > policy.schema.json")]
    Schema,
    /// Judges one situation a line from standard input, without store and settings
    #[command(
        after_help = "Examples:\n  dunwell policy eval --jsonl < situations.jsonl\n\nOne JSON object a line in, {\"id\",\"verdict\",\"not_before\",\"findings\"} a line out. What is not understood is for a person (`review`), never allowed."
    )]
    Eval {
        /// One JSON object a line
        #[arg(long, required = true)]
        jsonl: bool,
    },
    /// Runs the cases that packs carry
    #[command(after_help = "Examples:\n  dunwell policy test\n  dunwell policy test cn --verbose")]
    Test {
        /// Only this pack
        pack: Option<String>,
    },
    /// Writes every pack, ladder and calendar into a new folder, as a beginning for your own
    #[command(after_help = "Examples:\n  dunwell policy write my-policies")]
    Write {
        /// The folder; it must not be there yet, or be empty
        folder: PathBuf,
    },
    /// Checks a whole set of packs, ladders and holidays and keeps its texts for good; nothing comes into force by this
    #[command(
        after_help = "Examples:\n  dunwell policy publish --by chen\n  dunwell policy publish ./policies --by chen --remark 'new caps of 2026'"
    )]
    Publish(PublishArgs),
    /// Asks that a published set come into force at a moment; somebody else must approve
    #[command(
        after_help = "Examples:\n  dunwell policy activate 3f2a9c10 --at '2026-07-01T00:00:00+08:00' --by chen\n  dunwell policy activate 3f2a9c10 --by chen"
    )]
    Activate(ActivateArgs),
    /// Approves what somebody else asked for
    #[command(after_help = "Examples:\n  dunwell policy approve 3f2a9c10 --by zhao")]
    Approve(ApproveArgs),
    /// Takes back a request that nobody approved yet
    #[command(after_help = "Examples:\n  dunwell policy withdraw 3f2a9c10 --by chen")]
    Withdraw(WithdrawArgs),
    /// Shows the set in force and what is to come
    #[command(after_help = "Examples:\n  dunwell policy active\n  dunwell policy active --json")]
    Active,
    /// Shows every published set and every activation
    #[command(after_help = "Examples:\n  dunwell policy history")]
    History,
}

pub(super) async fn run(session: &Session, command: PolicyCommand) -> anyhow::Result<Answer> {
    match command {
        PolicyCommand::Write { folder } => policy_versions::write(session, &folder),
        PolicyCommand::Publish(args) => policy_versions::publish(session, &args).await,
        PolicyCommand::Activate(args) => policy_versions::activate(session, &args).await,
        PolicyCommand::Approve(args) => policy_versions::approve(session, &args).await,
        PolicyCommand::Withdraw(args) => policy_versions::withdraw(session, &args).await,
        PolicyCommand::Active => policy_versions::active(session).await,
        PolicyCommand::History => policy_versions::history(session).await,
        PolicyCommand::List => list(session),
        PolicyCommand::Show {
            account: Some(account),
            portfolio,
            ..
        } => policy_show::for_account(session, &account, portfolio.as_deref()).await,
        PolicyCommand::Show { pack, .. } => show(session, pack.as_deref().unwrap_or("core")),
        PolicyCommand::Diff(args) => policy_diff::run(session, &args).await,
        PolicyCommand::Lint => lint_all(session),
        PolicyCommand::Schema => {
            let schema = crate::policy::schema();
            Ok(Answer::new(serde_json::to_string_pretty(&schema)?, schema))
        }
        PolicyCommand::Eval { .. } => super::policy_eval::run(session),
        PolicyCommand::Test { pack } => test(session, pack.as_deref()),
    }
}

fn list(session: &Session) -> anyhow::Result<Answer> {
    let rulebook = session.rulebook()?;
    let lang = session.out.lang;
    let core = vec![
        "core".to_owned(),
        core_version().to_owned(),
        core_rules().len().to_string(),
        "0".to_owned(),
        "0".to_owned(),
        lang.pick("任何规则包都不能关闭的规则", "rules that no pack can switch off")
            .to_owned(),
    ];
    let packs = rulebook.policy.packs();
    let rows = packs.iter().map(|p| {
        vec![
            p.name.to_string(),
            p.version.to_string(),
            p.rules.len().to_string(),
            p.lexicon.entries.len().to_string(),
            p.cases.cases.len().to_string(),
            lang.pick(&p.title_zh, &p.title_en).clone(),
        ]
    });
    let head = lang.pick(
        ["规则包", "版本", "规则", "用语", "用例", "名称"],
        ["pack", "version", "rules", "entries", "cases", "title"],
    );
    let json = packs.iter().map(|p| {
        json!({"name": p.name.to_string(), "version": p.version.to_string(), "digest": p.digest,
            "title": {"zh": p.title_zh, "en": p.title_en}, "rules": p.rules.len(), "entries": p.lexicon.entries.len(),
            "cases": p.cases.cases.len()})
    });
    let json = json!({"digest": rulebook.policy.digest(), "packs": json.collect::<Vec<_>>()});
    Ok(Answer::new(
        table(&head, 99, std::iter::once(core).chain(rows)),
        json,
    ))
}

fn show(session: &Session, name: &str) -> anyhow::Result<Answer> {
    let rulebook = session.rulebook()?;
    let lang = session.out.lang;
    let heads: Vec<(&str, &crate::policy::Head)> = match name {
        "core" => core_rules().iter().map(|h| ("core", &**h)).collect(),
        _ => {
            let pack = find(rulebook.policy.packs(), name)?;
            all_rules(pack).map(|r| (r.kind().as_str(), &r.head)).collect()
        }
    };
    let mut text = String::new();
    for (kind, h) in &heads {
        text += &format!(
            "{} ({kind})\n  {}\n  {} {} ({}, {})\n",
            h.id,
            lang.pick(&h.zh, &h.en),
            lang.pick("依据:", "source:"),
            h.basis,
            word(lang, h.level.as_str()),
            word(lang, h.sureness.as_str()),
        );
    }
    let json = heads.iter().map(|(kind, h)| {
        json!({"id": h.id.to_string(), "kind": kind, "level": h.level.as_str(), "sureness": h.sureness.as_str(),
            "basis": h.basis, "why": h.why, "zh": h.zh, "en": h.en, "instead": h.instead})
    });
    Ok(Answer::new(text, Value::Array(json.collect())))
}

fn all_rules(pack: &Pack) -> impl Iterator<Item = &Rule> {
    pack.rules
        .iter()
        .chain(pack.lexicon.entries.iter().map(|e| &e.rule))
}

fn find<'p>(packs: &'p [std::sync::Arc<Pack>], name: &str) -> anyhow::Result<&'p Pack> {
    let found = packs.iter().find(|p| &*p.name == name);
    found.map(|p| &**p).with_context(|| {
        let known: Vec<&str> = packs.iter().map(|p| &*p.name).collect();
        format!("there is no policy pack `{name}`\nthere are {}", known.join(", "))
    })
}

fn lint_all(session: &Session) -> anyhow::Result<Answer> {
    let rulebook = session.rulebook()?;
    let (out, lang) = (&session.out, session.out.lang);
    let today = SystemClock::new().now().utc().date_naive();
    let packs = rulebook.policy.packs().iter();
    let found: Vec<_> = packs
        .flat_map(|p| [lint(p), lint_dates(p, today)].concat())
        .collect();
    let fatal = found.iter().filter(|l| l.fatal).count();
    let mut text = String::new();
    for l in &found {
        let mark = if l.fatal {
            out.paint(31, "fail")
        } else {
            out.paint(33, "warn")
        };
        text += &format!("{mark} {} {}: {}\n", l.pack, l.rule, lang.pick(&l.zh, &l.en));
    }
    text += &lang.pick(
        format!(
            "{} 个规则包,{fatal} 处错误,{} 处提醒\n",
            rulebook.policy.packs().len(),
            found.len() - fatal
        ),
        format!(
            "{} packs, {fatal} errors, {} warnings\n",
            rulebook.policy.packs().len(),
            found.len() - fatal
        ),
    );
    let json = found
        .iter()
        .map(|l| json!({"pack": l.pack, "rule": l.rule, "fatal": l.fatal, "zh": l.zh, "en": l.en}));
    let code = if fatal > 0 { Code::Violation } else { Code::Done };
    Ok(Answer::new(text, Value::Array(json.collect())).ending(code))
}

fn test(session: &Session, only: Option<&str>) -> anyhow::Result<Answer> {
    let rulebook = session.rulebook()?;
    let (out, lang) = (&session.out, session.out.lang);
    let packs = rulebook.policy.packs();
    if let Some(name) = only {
        find(packs, name)?;
    }
    let results: Vec<_> = packs
        .iter()
        .filter(|p| only.is_none_or(|name| &*p.name == name))
        .flat_map(|p| run_cases(p, &rulebook.policy))
        .collect();
    let mut text = String::new();
    for r in results.iter().filter(|r| !r.holds() || out.verbose) {
        let mark = if r.holds() {
            out.paint(32, "ok  ")
        } else {
            out.paint(31, "fail")
        };
        text += &format!("{mark} {}:{}: {}\n", r.file, r.line, r.name);
        for wrong in lang.pick(&r.wrong_zh, &r.wrong) {
            text += &format!("     {wrong}\n");
        }
    }
    let failed = results.iter().filter(|r| !r.holds()).count();
    text += &lang.pick(
        format!("{} 个用例,{failed} 个未通过\n", results.len()),
        format!("{} cases, {failed} failed\n", results.len()),
    );
    let json = results.iter().map(
        |r| json!({"pack": r.pack, "case": r.name, "line": r.line, "holds": r.holds(), "wrong": r.wrong}),
    );
    let json = json!({"cases": results.len(), "failed": failed, "results": json.collect::<Vec<_>>()});
    let code = if failed > 0 { Code::Violation } else { Code::Done };
    Ok(Answer::new(text, json).ending(code))
}
