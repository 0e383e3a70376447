//! What can be wrong with settings: always where, what was found, and what is expected.

use std::path::PathBuf;

use super::Origin;

/// Settings that cannot be used; a person has to correct them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder could not be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file is not text in UTF-8.
    #[error("{}: is not text in UTF-8; save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The settings file is no TOML.
    #[error("{}:{line}: is not valid TOML: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the reader says.
        reason: String,
    },
    /// There is no such key.
    #[error("{origin}: found unknown key `{found}`{}", advice(*nearest))]
    UnknownKey {
        /// Where it stands.
        origin: Origin,
        /// What stands there.
        found: String,
        /// The known key that is closest.
        nearest: Option<&'static str>,
    },
    /// A value of the wrong type or outside its limits.
    #[error("{origin}: `{key}`: found {found}, expected {expected}")]
    WrongValue {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// What stands there; hidden if it could be secret.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// Two settings do not fit.
    #[error("{origin}: `{key}` {problem}")]
    Conflict {
        /// Where the key stands, or the default.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// What does not fit.
        problem: &'static str,
    },
}

fn advice(nearest: Option<&str>) -> String {
    match nearest {
        Some(key) => format!(", expected a key of dunwell.example.toml\ndid you mean `{key}`?"),
        None => ", expected a key of dunwell.example.toml".into(),
    }
}
