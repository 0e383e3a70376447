//! Proof that one entry is in the log, as one file that verifies offline (C2SP tlog-proof).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{CheckpointError, SignedCheckpoint, decimal, hash_of, hash_text};
use super::quorum::{Policy, PolicyError, Witnessed};
use super::tree::{Hash, ProofError, verify_inclusion};

const FIRST: &str = "c2sp.org/tlog-proof@v1";

/// A tree of 2^63 leaves needs no more.
const MAX_HASHES: usize = 63;

/// One entry's proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Bytes of the application; not authenticated.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: u64,
    /// The path, from the leaf's sibling upwards.
    pub path: Vec<Hash>,
    /// The signed head.
    pub head: SignedCheckpoint,
}

/// Why a proof does not prove.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
    /// The text has another form.
    #[error("this is no proof file: {0}")]
    Form(&'static str),
    /// Its head cannot be read.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    /// Its head is not signed as the policy demands.
    #[error("{0}")]
    Policy(#[from] PolicyError),
    /// The path does not lead from the entry to the head.
    #[error("{0}")]
    Path(#[from] ProofError),
}

impl InclusionProof {
    /// Reads a proof file; only the one spelling is accepted.
    pub fn parse(text: &str) -> Result<InclusionProof, InclusionError> {
        let form = InclusionError::Form;
        let (top, head) = text.split_once("\n\n").ok_or(form("it is torn"))?;
        let mut lines = top.split('\n').peekable();
        if lines.next() != Some(FIRST) {
            return Err(form("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(base64) => {
                lines.next();
                Some(
                    STANDARD
                        .decode(base64)
                        .map_err(|_| form("its extra data is no base64"))?,
                )
            }
            None => None,
        };
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(decimal)
            .ok_or(form("it has no line `index` with a plain number"))?;
        let path: Vec<Hash> = lines
            .map(|line| hash_of(line).ok_or(form("a line is no SHA-256 hash in base64")))
            .collect::<Result<_, _>>()?;
        if path.len() > MAX_HASHES {
            return Err(form("it has more hashes than any tree needs"));
        }
        let head = SignedCheckpoint::parse(head)?;
        Ok(InclusionProof {
            extra,
            index,
            path,
            head,
        })
    }

    /// Checks the head against the policy and the path from `leaf` to it; says who has seen the head.
    pub fn verify(&self, leaf: &Hash, policy: &Policy) -> Result<Witnessed, InclusionError> {
        let witnessed = policy.check(&self.head)?;
        let head = &self.head.checkpoint;
        verify_inclusion(leaf, self.index, head.size, &self.path, &head.root)?;
        Ok(witnessed)
    }
}

impl std::fmt::Display for InclusionProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{FIRST}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", hash_text(hash))?;
        }
        write!(f, "\n{}", self.head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::checkpoint::Checkpoint;
    use crate::evidence::leaf_hash;
    use crate::evidence::note::{KeyUse, NoteSigner};
    use crate::evidence::tree::{prove_inclusion, root_of};

    fn proof() -> (Hash, InclusionProof, Policy) {
        let leaves: Vec<Hash> = (0..13u8).map(|i| leaf_hash(&[i])).collect();
        let mut nodes = |level: u8, index: u64| {
            let (from, to) = ((index << level) as usize, ((index + 1) << level) as usize);
            leaves.get(from..to).map(root_of)
        };
        let key = NoteSigner::from_seed("log.example/one", KeyUse::Text, &[1; 32]).unwrap();
        let policy = Policy::parse(&format!("log {}\nquorum none\n", key.verifier())).unwrap();
        let head = Checkpoint {
            origin: "log.example/one".into(),
            size: 13,
            root: root_of(&leaves),
        };
        let proof = InclusionProof {
            extra: None,
            index: 5,
            path: prove_inclusion(&mut nodes, 5, 13).unwrap(),
            head: head.sign(&[key]).unwrap(),
        };
        (leaves[5], proof, policy)
    }

    #[test]
    fn a_proof_reads_back_and_verifies() {
        let (leaf, proof, policy) = proof();
        assert_eq!(InclusionProof::parse(&proof.to_string()).unwrap(), proof);
        assert!(proof.verify(&leaf, &policy).is_ok());
        let with_extra = InclusionProof {
            extra: Some(b"why".to_vec()),
            ..proof
        };
        assert_eq!(
            InclusionProof::parse(&with_extra.to_string()).unwrap(),
            with_extra
        );
        assert_eq!(
            with_extra.verify(&[0; 32], &policy),
            Err(InclusionError::Path(ProofError::Root))
        );
    }

    #[test]
    fn every_changed_or_missing_byte_is_refused() {
        let (leaf, proof, policy) = proof();
        let good = proof.to_string();
        let holds = |text: &str| InclusionProof::parse(text).is_ok_and(|p| p.verify(&leaf, &policy).is_ok());
        assert!(holds(&good));
        for at in 0..good.len() {
            for mask in [1u8, 2, 16, 128] {
                let mut bytes = good.clone().into_bytes();
                bytes[at] ^= mask;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert!(!holds(&text), "byte {at}");
                }
            }
            if good.is_char_boundary(at) {
                let (before, after) = good.split_at(at);
                assert!(!holds(before), "cut at {at}");
                let rest = after.chars().next().map_or(0, char::len_utf8);
                assert!(
                    !holds(&format!("{before}{}", &after[rest..])),
                    "without byte {at}"
                );
                assert!(!holds(&format!("{before}\n{after}")), "a line break at {at}");
            }
        }
    }
}
