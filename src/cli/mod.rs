//! The command line: translates and shows, never decides. `dunwell <noun> <verb>`.
//!
//! Each noun has a file of its own. Reports that people read exist in Chinese and in English; programs ask for
//! `--json`. Errors are one clear sentence; exit codes are documented in `docs/operations.md`.

mod access;
mod account;
mod backup;
mod campaign;
mod campaign_why;
mod channel;
mod channel_mail;
mod check;
pub mod demo;
mod dkim;
mod doctor;
mod doors;
mod event;
mod evidence;
mod explain;
mod explain_decision;
mod export;
mod guard;
mod import;
mod inbox;
mod init;
mod labelled;
mod ladder;
mod message;
mod out;
mod person;
mod policy;
mod policy_diff;
mod policy_show;
mod policy_versions;
mod policy_eval;
mod portfolio;
pub mod portfolios;
mod preview;
#[cfg(feature = "letters")]
mod print;
mod replies;
mod retention;
mod provider;
mod queue;
mod serve;
mod session;
mod settings;
mod template;
mod verdict;
mod witness;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use out::{Answer, Code, Out};
use session::Session;
pub use words::Lang;

const EXAMPLES: &str = "\
Examples:
  dunwell demo                                          a whole campaign on invented people, nothing leaves the machine
  dunwell init my-team                                  settings and a sample set-up in a new folder
  dunwell portfolio apply portfolios.toml               creditors, senders, payees and campaigns
  dunwell import accounts ledger.csv --dry-run          what an import would do
  dunwell explain 3f2a9c10                              why one message went out, or did not

Exit codes: 0 done, 1 error, 2 wrong usage, 3 policy violation, 4 partial, from 10 on faults of the log.";

/// Reminds people of what they owe, politely, lawfully and provably.
#[derive(Debug, Parser)]
#[command(name = "dunwell", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
struct Global {
    /// The settings file; without it DUNWELL_CONFIG, else dunwell.toml in the working folder
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
    /// Say nothing but errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more
    #[arg(long, short, global = true)]
    verbose: bool,
    /// Language of reports; without it that of LC_ALL or LANG
    #[arg(long, value_enum, global = true)]
    lang: Option<Lang>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes settings and a sample set-up into a folder; overwrites nothing
    Init(init::InitArgs),
    /// Creditors, senders, payees and portfolios
    #[command(subcommand)]
    Portfolio(portfolio::PortfolioCommand),
    /// Bank accounts that messages may name
    #[command(subcommand)]
    Payee(portfolio::PayeeCommand),
    /// Takes in ledgers, lists imports and takes them back
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Gives out accounts and events in files that import reads back
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// One account and everything that happened to it
    #[command(subcommand)]
    Account(account::AccountCommand),
    /// What happened to accounts, typed by hand
    #[command(subcommand)]
    Event(event::EventCommand),
    /// Portfolios walked by their ladders
    #[command(subcommand)]
    Campaign(campaign::CampaignCommand),
    /// How messages leave the house, who may get them while testing, and what people answer
    #[command(subcommand)]
    Channel(channel::ChannelCommand),
    /// The providers that carry messages
    #[command(subcommand)]
    Provider(provider::ProviderCommand),
    /// What waits to be sent, and letting it wait
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Letters for the print shop: the open batch, taking letters back, what the shop says
    #[cfg(feature = "letters")]
    #[command(subcommand)]
    Print(print::PrintCommand),
    /// One message to one person, and what an officer decides
    #[command(subcommand)]
    Message(message::MessageCommand),
    /// What the guard says about a message, a text, or a file of messages; nothing is queued
    #[command(after_help = check::EXAMPLES)]
    Check(Box<check::CheckArgs>),
    /// The story of one message: who asked, every verdict with its reasons, what became of it
    Explain(explain::ExplainArgs),
    /// What can be said
    #[command(subcommand)]
    Template(template::TemplateCommand),
    /// When, how often, to whom and in which words debtors may be reminded
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// How good the judgement of words is, on labelled messages
    #[command(subcommand)]
    Guard(guard::GuardCommand),
    /// How answers of people are understood: one text, labelled ones, learning
    #[command(subcommand)]
    Replies(replies::RepliesCommand),
    /// The stages that accounts walk through
    #[command(subcommand)]
    Ladder(ladder::LadderCommand),
    /// The log of every step
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    /// Erasing people
    #[command(subcommand)]
    Person(person::PersonCommand),
    /// Duties to keep what is known, whatever else would erase it
    #[command(subcommand)]
    Hold(person::HoldCommand),
    /// How long what is known is kept
    #[command(subcommand)]
    Retention(retention::RetentionCommand),
    /// Copies the database while it runs; the copy opens nothing by itself
    Backup(backup::BackupArgs),
    /// Puts a copy back
    Restore(backup::RestoreArgs),
    /// The key that opens personal data
    #[command(subcommand)]
    Seal(backup::SealCommand),
    /// Who may look from outside, and until when
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Looking from outside, with a token; nothing can be changed, and everything shown is recorded
    Auditor(access::AuditorArgs),
    /// Cosigns heads of the logs of other installations; runs on another machine
    #[command(subcommand)]
    Witness(witness::WitnessCommand),
    /// Says whether everything is there that sending needs
    #[command(after_help = "Examples:\n  dunwell doctor\n  dunwell doctor --json")]
    Doctor,
    /// The settings in force
    #[command(subcommand)]
    Config(settings::ConfigCommand),
    /// Prints the completions of a shell
    Completions(settings::CompletionArgs),
    /// Runs campaigns at their times and sends what may go, until it is stopped
    #[command(
        after_help = "Examples:\n  dunwell serve\n  dunwell --config /etc/dunwell.toml serve\n\nStops on Ctrl-C or SIGTERM: what is under way is finished and settled first."
    )]
    Serve(serve::ServeArgs),
    /// A whole campaign on invented people, on a virtual clock; nothing leaves the machine
    Demo(demo::DemoArgs),
}

/// Reads the command line, does what it says and shows the answer.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Out {
        lang: cli
            .global
            .lang
            .unwrap_or_else(|| Lang::of_system(|name| std::env::var(name).ok())),
        json: cli.global.json,
        quiet: cli.global.quiet,
        verbose: cli.global.verbose,
        colour: out::wants_colour(),
    };
    let shown = match run(cli, &out).await {
        Ok(answer) => out.show(&answer).map(|()| answer.code).map_err(Into::into),
        Err(e) => Err(e),
    };
    match shown {
        Ok(code) => ExitCode::from(code.number()),
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{}{}", out.lang.pick("错误:", "error: "), session::sentence(&e));
            ExitCode::from(Code::Error.number())
        }
    }
}

/// The reader of standard output has gone, which is no error.
fn is_broken_pipe(e: &anyhow::Error) -> bool {
    let of_io = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    e.chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(of_io))
}

async fn run(cli: Cli, out: &Out) -> anyhow::Result<Answer> {
    let session = Session::new(&cli.global.config, out.clone());
    match cli.command {
        Command::Init(args) => init::init(&args, out),
        Command::Portfolio(command) => portfolio::run(&session, command).await,
        Command::Payee(command) => portfolio::run_payee(&session, command).await,
        Command::Import(command) => import::run(&session, command).await,
        Command::Export(command) => export::run(&session, command).await,
        Command::Account(command) => account::run(&session, command).await,
        Command::Event(command) => event::run(&session, command).await,
        Command::Template(command) => template::run(&session, command).await,
        Command::Policy(command) => policy::run(&session, command).await,
        Command::Ladder(command) => ladder::run(&session, command),
        Command::Evidence(command) => evidence::run(&session, command).await,
        Command::Person(command) => person::run(&session, command).await,
        Command::Hold(command) => person::run_hold(&session, command).await,
        Command::Retention(command) => retention::run(&session, command).await,
        Command::Backup(args) => backup::backup(&session, &args).await,
        Command::Restore(args) => backup::restore(&session, &args).await,
        Command::Seal(command) => backup::seal(&session, command).await,
        Command::Access(command) => access::run(&session, command).await,
        Command::Auditor(args) => access::auditor(&session, &args).await,
        Command::Witness(command) => witness::run(&session, command).await,
        Command::Guard(command) => guard::run(&session, command),
        Command::Replies(command) => replies::run(&session, command),
        Command::Doctor => doctor::doctor(&session).await,
        Command::Config(command) => settings::run(&session, &command),
        Command::Completions(args) => Ok(settings::completions(&args, Cli::command())),
        Command::Campaign(command) => campaign::run(&session, command).await,
        Command::Channel(command) => channel::run(&session, command).await,
        Command::Provider(command) => provider::run(&session, command).await,
        #[cfg(feature = "letters")]
        Command::Print(command) => print::run(&session, command).await,
        Command::Queue(command) => queue::run(&session, command).await,
        Command::Message(command) => message::run(&session, command).await,
        Command::Check(args) => message::check(&session, &args).await,
        Command::Explain(args) => explain::explain(&session, &args).await,
        Command::Serve(args) => serve::serve(&session, &args).await,
        Command::Demo(args) => demo::command(&session, &args).await,
    }
}
