//! A file of secrets: readable by its owner alone, never overwritten by accident, replaced as a whole. The keys of
//! personal data (`seal_file.rs`) and the key of the log (`notary`) lie in such files.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What a file of secrets is for, in the words of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretUse {
    /// `key`, and for what where that is not clear.
    pub name: &'static str,
    /// What to do if it is missing.
    pub missing: &'static str,
    /// What somebody could do who can read it.
    pub danger: &'static str,
    /// The command that makes it worthless.
    pub rotate: &'static str,
}

/// Why a file of secrets cannot be used. Never says what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// No such file.
    #[error("there is no {} at `{}`\n{}", used.name, path.display(), used.missing)]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// What it is for.
        used: SecretUse,
    },
    /// There is one already.
    #[error("`{}` is there already; a key is never overwritten", .0.display())]
    Exists(PathBuf),
    /// Others than the owner can read it.
    #[error("`{}` has mode {mode:04o}: others than its owner could {}\nrun `chmod 600 {}`; if somebody may have read it, also `{}`", path.display(), used.danger, path.display(), used.rotate)]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What it is for.
        used: SecretUse,
    },
    /// It cannot be read or written.
    #[error("`{}`: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
}

/// One file of secrets; nothing is read yet.
#[derive(Debug, Clone)]
pub struct SecretFile {
    path: PathBuf,
    used: SecretUse,
}

impl SecretFile {
    /// The file at `path`.
    pub fn new(path: &Path, used: SecretUse) -> SecretFile {
        SecretFile {
            path: path.to_owned(),
            used,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file beside it, with this ending.
    pub fn beside(&self, ending: &str) -> PathBuf {
        beside(&self.path, ending)
    }

    /// What the system says about it, as an error.
    pub fn fault(&self, e: &std::io::Error) -> SecretFileError {
        SecretFileError::File {
            path: self.path.clone(),
            problem: e.to_string(),
        }
    }

    /// Reads it; refuses a file that others than its owner can read or write.
    ///
    /// # Errors
    /// Each its own sentence.
    pub fn read(&self) -> Result<String, SecretFileError> {
        let about = match std::fs::metadata(&self.path) {
            Ok(about) => about,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(SecretFileError::Missing {
                    path: self.path.clone(),
                    used: self.used,
                });
            }
            Err(e) => return Err(self.fault(&e)),
        };
        let mode = about.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SecretFileError::Unsafe {
                path: self.path.clone(),
                mode,
                used: self.used,
            });
        }
        std::fs::read_to_string(&self.path).map_err(|e| self.fault(&e))
    }

    /// Writes it for the first time; one that is there stays.
    ///
    /// # Errors
    /// There is one already, or it cannot be written.
    pub fn create(&self, text: &str) -> Result<(), SecretFileError> {
        let written = new_private(&self.path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        match written {
            Ok(()) => sync_folder(&self.path).map_err(|e| self.fault(&e)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(SecretFileError::Exists(self.path.clone()))
            }
            Err(e) => Err(self.fault(&e)),
        }
    }

    /// Replaces it as a whole: a reader sees the old file or the new one. The bytes of the old one are overwritten where
    /// they stood, once the new one is durable.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn replace(&self, text: &str) -> Result<(), SecretFileError> {
        replace_secret(&self.path, text.as_bytes()).map_err(|e| self.fault(&e))
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    name.into()
}

fn new_private(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Makes the names in the folder of a file durable.
pub fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new("."))).and_then(|f| f.sync_all())
}

/// Puts `bytes` in the place of a file of secrets: the new one is durable under its name before the bytes of the old
/// one are overwritten.
pub fn replace_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let fresh = beside(path, ".new");
    let _gone_or_never_there = std::fs::remove_file(&fresh);
    let mut file = new_private(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let old = std::fs::OpenOptions::new().write(true).open(path).ok();
    std::fs::rename(&fresh, path)?;
    sync_folder(path)?;
    if let Some(mut old) = old {
        let length = old.metadata()?.len();
        old.write_all(&vec![0; usize::try_from(length).unwrap_or(0)])?;
        old.sync_all()?;
    }
    Ok(())
}
