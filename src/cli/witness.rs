//! `dunwell witness`: cosigns heads of other installations' logs, on a machine of its own.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;

use super::out::Answer;
use super::serve::stop_signal;
use super::session::Session;
use crate::clock::{Clock, SystemClock};
use crate::evidence::VerifierKey;
use crate::http::witness::{Witness, serve};

/// What a witness does.
#[derive(Debug, Subcommand)]
pub(super) enum WitnessCommand {
    /// Makes the folder of a witness with its key
    #[command(after_help = "Examples:\n  dunwell witness init witness --name witness.example.com/compliance")]
    Init {
        /// The folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Name of the witness, for good
        #[arg(long)]
        name: String,
    },
    /// Makes a log known to the witness
    #[command(after_help = "Examples:\n  dunwell witness add witness 'dunwell/3f2a+1c0ffee0+AXJ...'")]
    Add {
        /// The folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The public key of the log, as its `evidence key show` gives it
        #[arg(value_name = "KEY", value_parser = super::evidence::read_key)]
        key: VerifierKey,
    },
    /// Answers until it is stopped
    #[command(
        after_help = "Examples:\n  dunwell witness run witness --listen 127.0.0.1:8180\n\nThe door speaks plain HTTP: what passes it is public and signed. Put a TLS proxy in front where it crosses networks."
    )]
    Run {
        /// The folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Address and port
        #[arg(long, default_value = "127.0.0.1:8180")]
        listen: std::net::SocketAddr,
    },
}

pub(super) async fn run(session: &Session, command: WitnessCommand) -> anyhow::Result<Answer> {
    let lang = session.out.lang;
    match command {
        WitnessCommand::Init { dir, name } => {
            let key = Witness::init(&dir, &name, &SystemClock::new().salt())?;
            let line = format!("witness {} {key} http://127.0.0.1:8180/", "w1");
            let text = lang.pick(
                format!("已建立 {}\n公钥:{key}\n日志一方在其 policy_file 中写入(改为实际地址):\n{line}\nquorum w1", dir.display()),
                format!("made {}\npublic key: {key}\nthe log's side writes into its policy_file, with the true address:\n{line}\nquorum w1", dir.display()),
            );
            Ok(Answer::new(text, json!({"key": key.to_string()})))
        }
        WitnessCommand::Add { dir, key } => {
            Witness::watch(&dir, &key)?;
            let text = lang.pick(
                format!("已登记日志 {}", key.name()),
                format!("watches the log {}", key.name()),
            );
            Ok(Answer::new(text, json!({"log": key.to_string()})))
        }
        WitnessCommand::Run { dir, listen } => {
            super::session::start_log_plainly(session.out.quiet);
            let witness = Arc::new(Witness::open(&dir, Arc::new(SystemClock::new()))?);
            let logs = witness.logs().len();
            let listener = tokio::net::TcpListener::bind(listen)
                .await
                .with_context(|| format!("`{listen}` cannot be listened on"))?;
            let place = listener.local_addr()?;
            let stopping = stop_signal();
            session.out.remark(
                &format!("见证服务运行于 http://{place}/,登记日志 {logs} 个,按 Ctrl-C 停止"),
                &format!("witness of {logs} logs at http://{place}/; stop with Ctrl-C"),
            );
            serve(listener, witness, stopping).await?;
            Ok(Answer::new(
                lang.pick("已停止", "stopped"),
                json!({"stopped": true}),
            ))
        }
    }
}
