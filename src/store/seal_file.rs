//! The file of the keys that open personal data: master keys, newest first, and the lookup key. It lies outside the
//! database and is readable by its owner alone.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::secret_file::{SecretFile, SecretFileError, SecretUse, sync_folder};
use crate::clock::{Clock, SystemClock};
use crate::evidence::{LookupKey, MasterKey};

const MASTER: &str = "DUNWELL+MASTER+";
const LOOKUP: &str = "DUNWELL+LOOKUP+";

/// What the file is for.
const USED: SecretUse = SecretUse {
    name: "key for personal data",
    missing: "bring back the file that was there: without it names, addresses and messages cannot be read",
    danger: "read personal data",
    rotate: "dunwell seal rotate",
};

/// Why the keys cannot be used. Never says what a key is.
#[derive(Debug, thiserror::Error)]
pub enum SealFileError {
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
        problem: &'static str,
    },
}

/// The keys that open personal data.
#[derive(Debug, Clone)]
pub struct SealKeys {
    /// Keys that wrap those of people, the newest first; new ones are wrapped by the first.
    pub masters: Vec<MasterKey>,
    /// The key of the hashes by which people and addresses are found.
    pub lookup: LookupKey,
}

impl SealKeys {
    /// Fresh keys of the machine's own randomness.
    pub fn fresh() -> SealKeys {
        let clock = SystemClock::new();
        SealKeys {
            masters: vec![MasterKey::new(clock.salt())],
            lookup: LookupKey::new(clock.salt()),
        }
    }

    /// Keys that everybody knows, for tests and for invented people.
    pub fn known() -> SealKeys {
        SealKeys {
            masters: vec![MasterKey::new([0x5a; 32])],
            lookup: LookupKey::new([0xa5; 32]),
        }
    }

    /// The master of that name.
    pub(super) fn master(&self, id: &str) -> Option<&MasterKey> {
        self.masters.iter().find(|m| m.id() == id)
    }

    fn to_text(&self) -> String {
        let mut text = String::from(
            "# Keys that open the personal data of one installation. Keep this file, and a copy of it, apart from the\n\
             # database and its backups; whoever has both can read everything. Changed by `dunwell seal rotate` alone.\n",
        );
        for master in &self.masters {
            text += &format!(
                "{MASTER}{}+{}\n",
                master.id(),
                BASE64.encode(master.secret_bytes())
            );
        }
        text += &format!(
            "{LOOKUP}{}+{}\n",
            self.lookup.id(),
            BASE64.encode(self.lookup.secret_bytes())
        );
        text
    }
}

/// Where the keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// They are given; nothing is read or written.
    Given(Arc<SealKeys>),
    /// A file; made if the database never had keys.
    File(SealFile),
}

impl From<SealKeys> for KeySource {
    fn from(keys: SealKeys) -> KeySource {
        KeySource::Given(Arc::new(keys))
    }
}

impl From<SealFile> for KeySource {
    fn from(file: SealFile) -> KeySource {
        KeySource::File(file)
    }
}

/// The file of the keys.
#[derive(Debug, Clone)]
pub struct SealFile {
    file: SecretFile,
}

impl SealFile {
    /// The file at `path`; nothing is read yet.
    pub fn new(path: &Path) -> SealFile {
        SealFile {
            file: SecretFile::new(path, USED),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The list of erased people beside it, by random id.
    pub fn erased_path(&self) -> PathBuf {
        self.file.beside(".erased")
    }

    /// Reads the keys; refuses a file that others than its owner can read or write.
    ///
    /// # Errors
    /// Each its own sentence; see [`SealFileError`].
    pub fn read(&self) -> Result<SealKeys, SealFileError> {
        parse(&self.file.read()?).map_err(|(line, problem)| SealFileError::Line {
            path: self.path().to_owned(),
            line,
            problem,
        })
    }

    /// Writes the first keys; a file that is there stays.
    ///
    /// # Errors
    /// There is one already, or it cannot be written.
    pub fn create(&self, keys: &SealKeys) -> Result<(), SealFileError> {
        Ok(self.file.create(&keys.to_text())?)
    }

    /// Replaces the keys as a whole: a reader sees the old file or the new one. The bytes of the old one are
    /// overwritten first where they stood.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn replace(&self, keys: &SealKeys) -> Result<(), SealFileError> {
        Ok(self.file.replace(&keys.to_text())?)
    }

    /// Adds a person to the list of erased people.
    pub(super) fn note_erased(&self, people: &[uuid::Uuid]) -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.erased_path())?;
        for person in people {
            writeln!(file, "{}", person.hyphenated())?;
        }
        file.sync_all()?;
        sync_folder(self.path())
    }

    /// Everybody on that list.
    pub(super) fn erased(&self) -> std::io::Result<Vec<uuid::Uuid>> {
        match std::fs::read_to_string(self.erased_path()) {
            Ok(text) => Ok(text.lines().filter_map(|l| l.trim().parse().ok()).collect()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }
}

fn parse(text: &str) -> Result<SealKeys, (usize, &'static str)> {
    let (mut masters, mut lookup) = (Vec::new(), None);
    for (n, line) in text.lines().enumerate() {
        let fault = |problem| (n + 1, problem);
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = |rest: &str| -> Result<(String, [u8; 32]), (usize, &'static str)> {
            let (id, secret) = rest.split_once('+').ok_or(fault("the key is torn"))?;
            let bytes = BASE64.decode(secret).map_err(|_| fault("the key is torn"))?;
            let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| fault("the key does not have 32 bytes"))?;
            Ok((id.to_owned(), bytes))
        };
        if let Some(rest) = line.strip_prefix(MASTER) {
            let (id, bytes) = key(rest)?;
            let master = MasterKey::new(bytes);
            if master.id() != id {
                return Err(fault("the key is not the one that its id names"));
            }
            masters.push(master);
        } else if let Some(rest) = line.strip_prefix(LOOKUP) {
            let (id, bytes) = key(rest)?;
            let key = LookupKey::new(bytes);
            if key.id() != id {
                return Err(fault("the key is not the one that its id names"));
            }
            if lookup.replace(key).is_some() {
                return Err(fault("there is a second lookup key"));
            }
        } else {
            return Err(fault(
                "expected a line `DUNWELL+MASTER+...` or `DUNWELL+LOOKUP+...`",
            ));
        }
    }
    let lookup = lookup.ok_or((1, "the line `DUNWELL+LOOKUP+...` is missing"))?;
    match masters.is_empty() {
        true => Err((1, "the line `DUNWELL+MASTER+...` is missing")),
        false => Ok(SealKeys { masters, lookup }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back_and_torn_files_say_where() {
        let keys = SealKeys::known();
        let text = keys.to_text();
        let read = parse(&text).unwrap();
        assert!(read.masters == keys.masters && read.lookup == keys.lookup);
        let check = |from: &str, to: &str, expected: (usize, &str)| {
            assert_eq!(parse(&text.replacen(from, to, 1)).unwrap_err(), expected);
        };
        check(
            "+MASTER+",
            "+MASTER+0",
            (3, "the key is not the one that its id names"),
        );
        check(
            "DUNWELL+MASTER",
            "MASTER",
            (3, "expected a line `DUNWELL+MASTER+...` or `DUNWELL+LOOKUP+...`"),
        );
        check("Wlpa", "Wlp", (3, "the key is torn"));
        assert_eq!(parse("").unwrap_err().0, 1);
    }

    #[test]
    fn files_that_others_can_read_are_refused_and_none_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = SealFile::new(&folder.path().join("seal.key"));
        assert!(matches!(
            file.read(),
            Err(SealFileError::File(SecretFileError::Missing { .. }))
        ));
        file.create(&SealKeys::known()).unwrap();
        assert!(matches!(
            file.create(&SealKeys::known()),
            Err(SealFileError::File(SecretFileError::Exists(_)))
        ));
        assert!(file.read().is_ok());
        let mode = |mode| {
            std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap()
        };
        mode(0o640);
        assert!(matches!(
            file.read(),
            Err(SealFileError::File(SecretFileError::Unsafe { mode: 0o640, .. }))
        ));
        mode(0o600);
        file.replace(&SealKeys::known()).unwrap();
        assert!(file.read().is_ok());
    }
}
