//! `dunwell config show` and `dunwell completions`.

use clap::{Args, Subcommand};
use clap_complete::Shell;
use serde_json::{Value, json};

use super::out::{Answer, table};
use super::session::Session;

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Shows every setting; secrets are hidden
    #[command(after_help = "Examples:\n  dunwell config show\n  dunwell config show --origin")]
    Show {
        /// Show where each value came from
        #[arg(long)]
        origin: bool,
    },
}

/// Which shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dunwell completions bash > dunwell.bash\n  dunwell completions zsh > _dunwell"
)]
pub(super) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(session: &Session, command: &ConfigCommand) -> anyhow::Result<Answer> {
    let ConfigCommand::Show { origin } = command;
    let config = session.config()?;
    let lang = session.out.lang;
    let entries = config.entries();
    let rows = entries.iter().map(|e| {
        let mut row = vec![e.key.to_owned(), e.shown.clone()];
        if *origin {
            row.push(e.origin.to_string());
        }
        row
    });
    let head: &[&str] = match origin {
        true => &lang.pick(["设置", "值", "来源"], ["key", "value", "origin"]),
        false => &lang.pick(["设置", "值"], ["key", "value"]),
    };
    let json = entries
        .iter()
        .map(|e| json!({"key": e.key, "value": e.shown, "origin": e.origin.to_string()}));
    Ok(Answer::new(table(head, 99, rows), Value::Array(json.collect())))
}

/// The script of a shell, for a file.
pub(super) fn completions(args: &CompletionArgs, mut command: clap::Command) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "dunwell", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let json = json!({"shell": args.shell.to_string(), "script": script});
    Answer::new(script, json)
}
