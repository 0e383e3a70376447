//! Signed tree heads as text (C2SP tlog-checkpoint): origin, size and root, under signatures of a log and cosignatures of
//! witnesses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::note::{Note, NoteError, NoteSigner, is_key_name};
use super::tree::Hash;

/// A tree head: which log, how many leaves, which root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text has another form.
    #[error("this is no checkpoint: {0}")]
    Form(&'static str),
    /// The note around it cannot be used.
    #[error("{0}")]
    Note(#[from] NoteError),
}

/// A whole number as the specifications write it: digits without leading zeros.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (plain && digits).then(|| text.parse().ok()).flatten()
}

/// A hash in base64.
pub(super) fn hash_of(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// Base64 of a hash.
pub(super) fn hash_text(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

impl Checkpoint {
    /// The three lines that are signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, hash_text(&self.root))
    }

    /// Reads the three lines. Extension lines are refused: nobody audits them, and this log writes none.
    pub fn parse_text(text: &str) -> Result<Checkpoint, CheckpointError> {
        let body = text
            .strip_suffix('\n')
            .ok_or(CheckpointError::Form("its text is torn"))?;
        let lines: Vec<&str> = body.split('\n').collect();
        let [origin, size, root] = lines.as_slice() else {
            return Err(CheckpointError::Form(if lines.len() > 3 {
                "it has extension lines, which nobody audits"
            } else {
                "it has not the three lines of origin, size and root"
            }));
        };
        if !is_key_name(origin) {
            return Err(CheckpointError::Form(
                "its origin is empty, or holds a blank or a `+`",
            ));
        }
        Ok(Checkpoint {
            origin: (*origin).to_owned(),
            size: decimal(size).ok_or(CheckpointError::Form("its size is no plain number"))?,
            root: hash_of(root).ok_or(CheckpointError::Form("its root is no SHA-256 hash in base64"))?,
        })
    }

    /// Signs with every key of the log, the newest first.
    pub fn sign(&self, keys: &[NoteSigner]) -> Result<SignedCheckpoint, CheckpointError> {
        let text = self.text();
        let signatures = keys.iter().map(|key| key.sign(&text, 0)).collect();
        Ok(SignedCheckpoint {
            checkpoint: self.clone(),
            note: Note::new(text, signatures)?,
        })
    }
}

/// A tree head with the signatures it came with. Nothing is verified by reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The head.
    pub checkpoint: Checkpoint,
    /// The note around it.
    pub note: Note,
}

impl SignedCheckpoint {
    /// Reads a checkpoint with its signatures.
    pub fn parse(text: &str) -> Result<SignedCheckpoint, CheckpointError> {
        let note = Note::parse(text)?;
        Ok(SignedCheckpoint {
            checkpoint: Checkpoint::parse_text(note.text())?,
            note,
        })
    }
}

impl std::fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.note.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::note::KeyUse;

    #[test]
    fn another_implementation_reads_the_same_head() {
        let head = Checkpoint {
            origin: "log.example/one".into(),
            size: 70_000,
            root: [9; 32],
        };
        let key = NoteSigner::from_seed("log.example/one", KeyUse::Text, &[1; 32]).unwrap();
        let signed = head.sign(&[key]).unwrap();
        let theirs = tlog_tiles::Checkpoint::from_bytes(signed.note.text().as_bytes()).unwrap();
        assert_eq!((theirs.origin(), theirs.size()), ("log.example/one", 70_000));
        assert_eq!(theirs.hash().0, [9; 32]);
        assert_eq!(SignedCheckpoint::parse(&signed.to_string()).unwrap(), signed);
    }

    #[test]
    fn other_spellings_are_refused() {
        let good = Checkpoint {
            origin: "a".into(),
            size: 0,
            root: [0; 32],
        }
        .text();
        assert!(Checkpoint::parse_text(&good).is_ok());
        for bad in [
            good.replace("\n0\n", "\n00\n"),
            good.replace("\n0\n", "\n+1\n"),
            good.replace("\n0\n", "\n18446744073709551616\n"),
            good.replace("a\n", "\n"),
            good.replace("a\n", "a b\n"),
            good.replace('=', ""),
            format!("{good}extension\n"),
            good.trim_end().to_owned(),
        ] {
            assert!(Checkpoint::parse_text(&bad).is_err(), "{bad:?}");
        }
    }
}
