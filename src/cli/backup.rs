//! `dunwell backup`, `dunwell restore` and `dunwell seal`: copies that open nothing by themselves, putting one back, and
//! the key that wraps the keys of people.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;

use super::out::{Answer, Code, table};
use super::session::Session;
use crate::store::put_back;

/// A copy of everything.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dunwell backup --out /backup/2026-11-22 --by zhao\n  dunwell backup --list\n  dunwell backup --forget /backup/2025-11-22\n\nThe keys (`seal.key`, `log.key`) are not in it: keep copies of them elsewhere."
)]
pub(super) struct BackupArgs {
    /// The new folder
    #[arg(long, value_name = "DIR", required_unless_present_any = ["list", "forget"])]
    out: Option<PathBuf>,
    /// Who makes it
    #[arg(long, required_unless_present_any = ["list", "forget"])]
    by: Option<String>,
    /// Show the backups that erasing must reach
    #[arg(long, conflicts_with_all = ["out", "forget"])]
    list: bool,
    /// This backup was destroyed: do not look for it any more
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    forget: Option<PathBuf>,
}

/// Putting a copy back.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  dunwell restore /backup/2026-11-22 --by zhao\n\nThe database that `database_url` names must not be there yet (SQLite) or be empty (PostgreSQL). Nothing is sent afterwards until\n`dunwell evidence restore-resolve`."
)]
pub(super) struct RestoreArgs {
    /// The folder of the backup
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Who puts it back
    #[arg(long)]
    by: String,
}

/// The keys that open personal data.
#[derive(Debug, Subcommand)]
pub(super) enum SealCommand {
    /// Wraps the keys of people by a new master key and destroys the old one: copies of the database that lie elsewhere open
    /// nothing from then on
    #[command(
        after_help = "Examples:\n  dunwell seal rotate --by zhao\n\nExit codes: 0 done, 4 a backup could not be reached and can no longer be opened."
    )]
    Rotate {
        /// Who decided
        #[arg(long)]
        by: String,
    },
}

pub(super) async fn backup(session: &Session, args: &BackupArgs) -> anyhow::Result<Answer> {
    let (store, lang) = (session.store().await?, session.out.lang);
    if let Some(folder) = &args.forget {
        store.forget_backup(folder).await?;
        return Ok(Answer::new(
            lang.pick("已移除", "forgotten"),
            json!({"forgotten": folder.display().to_string()}),
        ));
    }
    let (Some(folder), Some(by)) = (&args.out, &args.by) else {
        let all = store.backups().await?;
        let word = |reachable| {
            if reachable {
                lang.pick("可访问", "yes")
            } else {
                lang.pick("不可访问", "no")
            }
        };
        let rows = all.iter().map(|b| {
            vec![
                b.at.to_text(),
                b.folder.display().to_string(),
                b.entries.to_string(),
                word(b.reachable).to_owned(),
            ]
        });
        let head = lang.pick(
            ["时间", "文件夹", "日志条数", "可访问"],
            ["when", "folder", "entries", "reachable"],
        );
        let json: Vec<_> = all
            .iter()
            .map(|b| json!({"at": b.at.to_text(), "folder": b.folder.display().to_string(), "entries": b.entries, "reachable": b.reachable}))
            .collect();
        return Ok(Answer::new(table(&head, 99, rows), json!(json)));
    };
    let made = store.backup(folder, by).await?;
    store.close().await;
    let text = lang.pick(
        format!("已备份到 {},日志 {} 条", made.folder.display(), made.entries),
        format!(
            "backed up into {}, {} entries of the log",
            made.folder.display(),
            made.entries
        ),
    );
    Ok(Answer::new(
        text,
        json!({"folder": made.folder.display().to_string(), "entries": made.entries}),
    ))
}

pub(super) async fn restore(session: &Session, args: &RestoreArgs) -> anyhow::Result<Answer> {
    let (config, lang) = (session.config()?, session.out.lang);
    put_back(&args.folder, config.database_url.expose_secret()).await?;
    let store = session
        .store()
        .await
        .context("the copy was put back, but cannot be opened")?;
    let again = store.take_backup_keys(&args.folder).await?;
    let entries = store.log_size().await?;
    store
        .note_restoration(
            &format!("a backup of {entries} entries was put back by {}", args.by),
            entries,
        )
        .await?;
    store.close().await;
    let text = lang.pick(
        format!("已恢复,日志 {entries} 条;{again} 名备份之后删除的人已再次删除\n在 `dunwell evidence restore-resolve` 之前不会发送任何消息"),
        format!("put back, {entries} entries of the log; {again} people who were erased since are erased again\nnothing is sent until `dunwell evidence restore-resolve`"),
    );
    Ok(Answer::new(
        text,
        json!({"entries": entries, "erased_again": again}),
    ))
}

pub(super) async fn seal(session: &Session, command: SealCommand) -> anyhow::Result<Answer> {
    let SealCommand::Rotate { by } = command;
    let (store, lang) = (session.store().await?, session.out.lang);
    let told = store.rotate_master(&by).await?;
    store.close().await;
    let mut text = lang.pick(
        format!("{} 人的密钥已由新主密钥 {} 重新包装,旧主密钥已销毁;更新备份 {} 份\n", told.keys, told.master, told.backups.len()),
        format!("the keys of {} people are wrapped by the new master key {}, the old one is destroyed; {} backups changed\n", told.keys, told.master, told.backups.len()),
    );
    for folder in &told.unreachable {
        text += &lang.pick(
            format!("注意:备份 {folder} 无法访问,其中的个人资料从此无法打开\n"),
            format!(
                "mind: the backup {folder} cannot be reached; what is sealed in it can no longer be opened\n"
            ),
        );
    }
    let code = if told.unreachable.is_empty() {
        Code::Done
    } else {
        Code::Partial
    };
    let json = json!({"keys": told.keys, "master": told.master, "retired": told.retired, "backups": told.backups, "unreachable": told.unreachable});
    Ok(Answer::new(text, json).ending(code))
}
