//! `dunwell channel bounces` and `take-mail`, and the doors for mail that `serve` keeps open.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::out::{Answer, Code, table};
use super::session::Session;
use super::words::Lang;
use crate::channels::inbound_mail::{Listener, ListenerSettings, Maildir, RawMail};
use crate::channels::returned::{Envelope, MAX_BYTES};
use crate::config::Config;
use crate::dispatch::{MailRoom, TakenMail};
use crate::domain::{BounceCause, MatchedBy, ReturnKind};
use crate::store::Store;

/// Pause between two looks into the folder.
const LOOK: Duration = Duration::from_secs(5);

/// Help of `take-mail`.
pub(super) const TAKE_EXAMPLES: &str = "\
Examples:
  dunwell channel take-mail bounce.eml
  dunwell channel take-mail - --from '' --to 'bounce+token@mail.example.com' <message

In Postfix, master.cf:
  dunwell unix - n n - 4 pipe user=dunwell argv=/usr/bin/dunwell --quiet channel take-mail - --from ${sender} --to ${recipient}

Exit codes: 0 kept; 75 not now, offer it again (EX_TEMPFAIL); never anything else for a message that could be read from the \
pipe, so that no mail system bounces a bounce.";

/// Options of `take-mail`.
#[derive(Debug, clap::Args)]
pub(super) struct TakeArgs {
    /// The message; `-` for standard input
    file: PathBuf,
    /// The envelope sender; empty for machines
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// The envelope recipient; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
}

/// Takes in one message. Whatever goes wrong, the mail system keeps it.
pub(super) async fn take_mail(session: &Session, args: &TakeArgs) -> Answer {
    match take(session, args).await {
        Ok(answer) => answer,
        Err(e) => {
            let said = super::session::sentence(&e);
            Answer::new(said.clone(), json!({"kept": false, "reason": said})).ending(Code::Later)
        }
    }
}

async fn take(session: &Session, args: &TakeArgs) -> anyhow::Result<Answer> {
    let mut bytes = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    if args.file == Path::new("-") {
        let mut all = std::io::stdin().lock();
        (&mut all).take(most).read_to_end(&mut bytes)?;
        // The rest is read too, or the mail system takes a broken pipe for a failure.
        std::io::copy(&mut all, &mut std::io::sink())?;
    } else {
        let file = std::fs::File::open(&args.file)
            .with_context(|| format!("`{}` cannot be opened", args.file.display()))?;
        file.take(most).read_to_end(&mut bytes)?;
    }
    let envelope = Envelope {
        from: args.from.clone(),
        to: args.to.clone(),
    };
    let room = room(&session.config()?, &session.store().await?)?;
    let taken = room.take(&RawMail { bytes, envelope }).await?;
    let code = if taken.kept { Code::Done } else { Code::Later };
    Ok(Answer::new(said(session.out.lang, &taken), json_of(&taken)).ending(code))
}

fn said(lang: Lang, taken: &TakenMail) -> String {
    let kind = kind_word(lang, taken.kind);
    if !taken.kept {
        return lang.pick(
            "相关消息正在发送,请稍后再次投递".to_owned(),
            "its message is being sent at this moment; offer it again later".to_owned(),
        );
    }
    let mut text = kind.to_owned();
    if let Some(status) = &taken.status {
        text += &format!(" {status}");
    }
    if let Some(attempt) = taken.attempt {
        text += &lang.pick(format!(",关于 {attempt}"), format!(", about {attempt}"));
    }
    if taken.suppressed {
        text += lang.pick(",不再向此地址发送邮件", ", e-mail to its address has ended");
    }
    if taken.seen {
        text += lang.pick(",此前已收到,未改变任何内容", ", came before and changes nothing");
    }
    text
}

fn json_of(taken: &TakenMail) -> Value {
    json!({"kept": taken.kept, "kind": taken.kind.as_str(), "status": taken.status,
        "attempt": taken.attempt.map(|a| a.to_string()), "moved": taken.moved, "suppressed": taken.suppressed,
        "seen": taken.seen})
}

/// The list of what came back.
pub(super) async fn bounces(
    session: &Session,
    kind: Option<ReturnKind>,
    number: u32,
) -> anyhow::Result<Answer> {
    let lang = session.out.lang;
    let rows = session.store().await?.returned_mails(kind, number).await?;
    let head = lang.pick(
        ["时间", "类别", "代码", "原因", "消息", "对应方式", "停止发送"],
        ["at", "kind", "code", "cause", "message", "matched by", "ended"],
    );
    let shown = rows.iter().map(|r| {
        vec![
            r.at.to_text(),
            kind_word(lang, r.kind).to_owned(),
            r.status.clone().unwrap_or_default(),
            r.cause
                .map(|c| cause_word(lang, c).to_owned())
                .unwrap_or_default(),
            r.attempt.map(|a| a.to_string()).unwrap_or_default(),
            r.matched_by
                .map(|m| match_word(lang, m).to_owned())
                .unwrap_or_default(),
            super::provider::yes_no(lang, r.suppressed).to_owned(),
        ]
    });
    let json = rows.iter().map(|r| {
        json!({"id": r.id.to_string(), "at": r.at.to_text(), "kind": r.kind.as_str(), "status": r.status,
            "cause": r.cause.map(BounceCause::as_str), "attempt": r.attempt.map(|a| a.to_string()),
            "matched_by": r.matched_by.map(MatchedBy::as_str), "bytes": r.bytes, "suppressed": r.suppressed})
    });
    Ok(Answer::new(table(&head, 99, shown), Value::Array(json.collect())))
}

fn kind_word(lang: Lang, kind: ReturnKind) -> &'static str {
    let (zh, en) = match kind {
        ReturnKind::Hard => ("地址失效", "address dead"),
        ReturnKind::Soft => ("本次失败", "failed this time"),
        ReturnKind::Delayed => ("延迟通知", "late, still tried"),
        ReturnKind::Delivered => ("已送达", "delivered"),
        ReturnKind::Complaint => ("投诉", "complaint"),
        ReturnKind::AutoReply => ("自动回复", "answer of a machine"),
        ReturnKind::Reply => ("回复", "answer of a person"),
        ReturnKind::Loop => ("本系统邮件回流", "our own, in a loop"),
        ReturnKind::Junk => ("群发邮件", "sent to many"),
        ReturnKind::Unreadable => ("无法解读", "unreadable"),
    };
    lang.pick(zh, en)
}

fn cause_word(lang: Lang, cause: BounceCause) -> &'static str {
    let (zh, en) = match cause {
        BounceCause::NoSuchMailbox => ("邮箱不存在", "no such mailbox"),
        BounceCause::NoSuchDomain => ("域名不存在或不收邮件", "no such domain, or it takes no mail"),
        BounceCause::Disabled => ("邮箱已停用", "mailbox closed"),
        BounceCause::MailboxFull => ("邮箱已满", "mailbox full"),
        BounceCause::TooLarge => ("邮件过大", "message too large"),
        BounceCause::Refused => ("被拒收", "refused"),
        BounceCause::Expired => ("多次尝试未果", "tried in vain"),
        BounceCause::Underway => ("仍在投递", "still tried"),
        BounceCause::Unclear => ("未说明", "not said"),
    };
    lang.pick(zh, en)
}

fn match_word(lang: Lang, by: MatchedBy) -> &'static str {
    match by {
        MatchedBy::ReturnPath => lang.pick("退信地址", "return path"),
        MatchedBy::MessageId => lang.pick("邮件编号", "Message-ID"),
    }
}

/// What takes mail in, as the settings say.
fn room(config: &Config, store: &Store) -> anyhow::Result<MailRoom> {
    let path = config.smtp.return_path.as_ref().map(|p| p.as_str());
    Ok(MailRoom::new(store.clone(), &config.inbound_mail, path)?)
}

/// Opens the doors that the settings name; each runs until it is aborted.
pub(super) async fn open(config: &Config, store: &Store) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let room = Arc::new(room(config, store)?);
    let mut doors = Vec::new();
    if let Some(listen) = &config.inbound_mail.listen {
        let socket = tokio::net::TcpListener::bind(listen)
            .await
            .with_context(|| format!("`inbound_mail.listen`: `{listen}` cannot be opened"))?;
        let settings = ListenerSettings {
            name: config
                .smtp
                .hello_name
                .clone()
                .unwrap_or_else(|| "localhost".to_owned()),
            ..ListenerSettings::default()
        };
        let listener = Listener::new(room.clone(), settings);
        doors.push(tokio::spawn(async move { listener.serve(socket).await }));
    }
    if let Some(folder) = &config.inbound_mail.maildir {
        let maildir = Maildir::open(folder).context("`inbound_mail.maildir`")?;
        doors.push(tokio::spawn(async move {
            loop {
                if let Err(e) = maildir.pass(&*room).await {
                    tracing::error!(error = %e, "the maildir cannot be looked into");
                }
                tokio::time::sleep(LOOK).await;
            }
        }));
    }
    Ok(doors)
}

/// Whether the doors that the settings name can be used: name, and what is wrong.
pub(super) async fn check(config: &Config) -> Vec<(&'static str, Result<(), String>)> {
    let mut found = Vec::new();
    if let Some(listen) = &config.inbound_mail.listen {
        found.push(("inbound_mail.listen", greets(listen).await));
    }
    if let Some(folder) = &config.inbound_mail.maildir {
        let opened = Maildir::open(folder).map(|_| ()).map_err(|e| e.to_string());
        found.push(("inbound_mail.maildir", opened));
    }
    found
}

/// Whether a service that runs answers there, or the place is free for one that will.
async fn greets(listen: &str) -> Result<(), String> {
    use tokio::io::AsyncReadExt;
    let Ok(mut stream) = tokio::net::TcpStream::connect(listen).await else {
        let free = tokio::net::TcpListener::bind(listen).await;
        return free
            .map(|_| ())
            .map_err(|e| format!("`{listen}` cannot be opened: {e}"));
    };
    let mut greeting = [0_u8; 4];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut greeting)).await;
    match read {
        Ok(Ok(_)) if greeting.starts_with(b"220") => Ok(()),
        Ok(Ok(_)) if greeting.starts_with(b"421") => Err("too many connections".to_owned()),
        _ => Err(format!("something else answers at `{listen}`")),
    }
}
