//! The file of the log's secret key, and the note beside it of what was signed last.

use std::path::{Path, PathBuf};

use crate::evidence::{CheckpointError, NoteError, NoteSigner, SignedCheckpoint};
use crate::store::{SecretFile, SecretFileError, SecretUse, replace_secret, sync_folder};

/// What the file is for.
const USED: SecretUse = SecretUse {
    name: "key",
    missing: "make one with `dunwell evidence key new`, or bring back the one that was there",
    danger: "use the key",
    rotate: "dunwell evidence key rotate",
};

/// Why the key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file itself.
    #[error("{0}")]
    File(#[from] SecretFileError),
    /// A line is no key.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong; never the key itself.
        problem: NoteError,
    },
    /// The key belongs to another log.
    #[error("the key in `{}` is that of the log `{found}`, this database holds the log `{expected}`", path.display())]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// Name of the key.
        found: String,
        /// Name of the log.
        expected: String,
    },
    /// The log does not know the key.
    #[error("the key `{key}` in `{}` is not a key of this log\nbring back the file that was there, or make it known with `dunwell evidence key rotate`", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The public half.
        key: String,
    },
    /// The key was retired.
    #[error("the key `{key}` in `{}` was retired and signs nothing more", path.display())]
    Retired {
        /// The file.
        path: PathBuf,
        /// The public half.
        key: String,
    },
    /// The note beside the key is torn.
    #[error("`{}`: {problem}", path.display())]
    Note {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: CheckpointError,
    },
}

/// The file of a secret key: one key a line in the form `PRIVATE+KEY+...`, the newest first. All of them sign.
#[derive(Debug, Clone)]
pub struct KeyFile {
    file: SecretFile,
}

impl KeyFile {
    /// The file at `path`; nothing is read yet.
    pub fn new(path: &Path) -> KeyFile {
        KeyFile {
            file: SecretFile::new(path, USED),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Where the note of the last signed head is.
    pub fn note_path(&self) -> PathBuf {
        self.file.beside(".last")
    }

    fn fault(&self, e: &std::io::Error) -> KeyError {
        self.file.fault(e).into()
    }

    /// Reads the keys; refuses a file that others than its owner can read or write.
    pub fn read(&self) -> Result<Vec<NoteSigner>, KeyError> {
        let text = self.file.read()?;
        let mut keys = Vec::new();
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            keys.push(NoteSigner::parse(line).map_err(|problem| KeyError::Line {
                path: self.path().to_owned(),
                line: n + 1,
                problem,
            })?);
        }
        match keys.is_empty() {
            true => Err(KeyError::Line {
                path: self.path().to_owned(),
                line: 1,
                problem: NoteError::Key("the file is empty"),
            }),
            false => Ok(keys),
        }
    }

    /// Writes the first key; one that is there stays.
    pub fn create(&self, key: &NoteSigner) -> Result<(), KeyError> {
        Ok(self.file.create(&(key.to_secret_text() + "\n"))?)
    }

    /// Renames the note of the last signed head, so that it is kept but no longer compared.
    pub fn put_note_aside(&self, size: u64) -> Result<(), KeyError> {
        let mut aside = self.note_path().into_os_string();
        aside.push(format!(".{size}.given-up"));
        std::fs::rename(self.note_path(), aside)
            .and_then(|()| sync_folder(self.path()))
            .map_err(|e| self.fault(&e))
    }

    /// Replaces the keys as a whole: a reader sees the old file or the new one.
    pub fn replace(&self, keys: &[NoteSigner]) -> Result<(), KeyError> {
        let text: String = keys.iter().map(|k| k.to_secret_text() + "\n").collect();
        Ok(self.file.replace(&text)?)
    }

    /// Notes what was signed last, beside the key and outside the database.
    pub fn remember(&self, head: &SignedCheckpoint) -> Result<(), KeyError> {
        if self
            .last_signed()?
            .is_some_and(|last| last.checkpoint.size >= head.checkpoint.size)
        {
            return Ok(());
        }
        replace_secret(&self.note_path(), head.to_string().as_bytes()).map_err(|e| self.fault(&e))
    }

    /// What was signed last.
    pub fn last_signed(&self) -> Result<Option<SignedCheckpoint>, KeyError> {
        let path = self.note_path();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                return Err(SecretFileError::File {
                    path,
                    problem: e.to_string(),
                }
                .into());
            }
        };
        match SignedCheckpoint::parse(&text) {
            Ok(head) => Ok(Some(head)),
            Err(problem) => Err(KeyError::Note { path, problem }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::evidence::{Checkpoint, KeyUse};

    fn key(seed: u8) -> NoteSigner {
        NoteSigner::from_seed("log.example/one", KeyUse::Text, &[seed; 32]).unwrap()
    }

    #[test]
    fn a_key_is_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(&folder.path().join("log.key"));
        assert!(matches!(
            file.read(),
            Err(KeyError::File(SecretFileError::Missing { .. }))
        ));
        file.create(&key(1)).unwrap();
        assert!(matches!(
            file.create(&key(2)),
            Err(KeyError::File(SecretFileError::Exists(_)))
        ));
        let mode = || std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        file.replace(&[key(2), key(1)]).unwrap();
        assert_eq!(mode(), 0o600);
        let names: Vec<String> = file
            .read()
            .unwrap()
            .iter()
            .map(|k| k.verifier().to_string())
            .collect();
        assert_eq!(
            names,
            [key(2).verifier().to_string(), key(1).verifier().to_string()]
        );
        for unsafe_mode in [0o640, 0o604, 0o660, 0o606, 0o610] {
            std::fs::set_permissions(file.path(), PermissionsExt::from_mode(unsafe_mode)).unwrap();
            assert!(
                matches!(file.read(), Err(KeyError::File(SecretFileError::Unsafe { .. }))),
                "{unsafe_mode:o}"
            );
        }
        std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o600)).unwrap();
        let secret = key(1).to_secret_text();
        std::fs::write(file.path(), &secret[..secret.len() - 5]).unwrap();
        let error = file.read().unwrap_err().to_string();
        assert!(
            error.contains("log.key:1") && !error.contains(&secret[40..60]),
            "{error}"
        );
        std::fs::write(file.path(), "").unwrap();
        assert!(file.read().is_err());
    }

    #[test]
    fn the_note_of_the_last_head_only_grows() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(&folder.path().join("log.key"));
        let head = |size| {
            let origin = "log.example/one".to_owned();
            Checkpoint {
                origin,
                size,
                root: [1; 32],
            }
            .sign(&[key(1)])
            .unwrap()
        };
        assert_eq!(file.last_signed().unwrap(), None);
        for (size, expected) in [(5, 5), (3, 5), (8, 8)] {
            file.remember(&head(size)).unwrap();
            assert_eq!(file.last_signed().unwrap().unwrap().checkpoint.size, expected);
        }
        std::fs::write(file.note_path(), "torn").unwrap();
        assert!(matches!(file.last_signed(), Err(KeyError::Note { .. })));
    }
}
