//! A folder in the form of Maildir: each message a file, new ones in `new/`, taken ones in `cur/`.
//!
//! A file moves only after its message is durable. After a crash in between it is offered again, and the keeper knows
//! its bytes. What is no plain file is left alone.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt;

use super::{Keeper, RawMail, Taken};
use crate::channels::returned::{Envelope, MAX_BYTES};

/// Files of one pass; the next pass takes the others.
const MAX_FILES: usize = 1000;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MaildirError {
    /// It is no Maildir.
    #[error("`{0}` is no maildir: it must hold the folders `new` and `cur`")]
    NoMaildir(PathBuf),
    /// It cannot be read.
    #[error("`{path}` cannot be read: {problem}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaildirPass {
    /// Messages kept and moved.
    pub kept: usize,
    /// Messages that stay for the next pass.
    pub left: usize,
}

/// A Maildir that the house's mail system fills.
#[derive(Debug, Clone)]
pub struct Maildir {
    folder: PathBuf,
}

impl Maildir {
    /// The folder, if it is one.
    pub fn open(folder: &Path) -> Result<Maildir, MaildirError> {
        match folder.join("new").is_dir() && folder.join("cur").is_dir() {
            true => Ok(Maildir {
                folder: folder.to_owned(),
            }),
            false => Err(MaildirError::NoMaildir(folder.to_owned())),
        }
    }

    /// Offers every new message to the keeper, oldest name first, and moves those that are kept.
    pub async fn pass(&self, keeper: &dyn Keeper) -> Result<MaildirPass, MaildirError> {
        let new = self.folder.join("new");
        let unreadable = |problem| MaildirError::Unreadable {
            path: new.clone(),
            problem,
        };
        let mut names = Vec::new();
        let mut entries = tokio::fs::read_dir(&new).await.map_err(unreadable)?;
        while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
            let name = entry.file_name();
            let plain = entry.file_type().await.is_ok_and(|kind| kind.is_file());
            if plain && !name.as_encoded_bytes().starts_with(b".") {
                names.push(name);
            }
        }
        names.sort();
        let mut done = MaildirPass::default();
        for name in names.iter().take(MAX_FILES) {
            let from = new.join(name);
            match self.one(keeper, &from).await {
                Ok(true) => done.kept += 1,
                Ok(false) => done.left += 1,
                Err(problem) => {
                    tracing::error!(file = %from.display(), %problem, "a message in the maildir cannot be taken");
                    done.left += 1;
                }
            }
        }
        done.left += names.len().saturating_sub(MAX_FILES);
        Ok(done)
    }

    async fn one(&self, keeper: &dyn Keeper, from: &Path) -> io::Result<bool> {
        let file = tokio::fs::File::open(from).await?;
        let mut bytes = Vec::new();
        // One byte more than is read shows that it is too large.
        let most = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
        file.take(most).read_to_end(&mut bytes).await?;
        let mail = RawMail {
            bytes,
            envelope: Envelope::default(),
        };
        if keeper.keep(&mail).await == Taken::Later {
            return Ok(false);
        }
        let Some(name) = from.file_name() else {
            return Ok(false);
        };
        let mut moved = name.to_owned();
        // The flag of a message that was seen.
        if !name.as_encoded_bytes().windows(3).any(|w| w == b":2,") {
            moved.push(":2,S");
        }
        tokio::fs::rename(from, self.folder.join("cur").join(moved)).await?;
        Ok(true)
    }
}
