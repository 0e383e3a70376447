//! What a log and a witness say to each other (C2SP tlog-witness, `add-checkpoint`), and what a witness decides.

use super::checkpoint::{CheckpointError, SignedCheckpoint, decimal, hash_of, hash_text};
use super::note::VerifierKey;
use super::tree::{Hash, verify_consistency};

/// The specification allows no more lines of proof.
const MAX_HASHES: usize = 63;

/// A request to cosign a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness has seen last, as the log believes.
    pub old: u64,
    /// Proof from that size to the new head.
    pub proof: Vec<Hash>,
    /// The new head.
    pub head: SignedCheckpoint,
}

/// What a witness has cosigned last for one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastSeen {
    /// How many leaves.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: the request has another form.
    #[error("this is no request to cosign a checkpoint: {0}")]
    Malformed(String),
    /// 404: not a log that this witness watches.
    #[error("this witness does not know the log `{0}`")]
    UnknownLog(String),
    /// 403: no trusted key of that log signed.
    #[error("no trusted key of the log has signed this checkpoint")]
    Untrusted,
    /// 409: the log believes in another last size; the answer names the true one.
    #[error("this witness has seen {0} entries of the log last")]
    OtherSize(u64),
    /// 409: the same size with another root.
    #[error("this witness has seen another tree of the same size; the log shows two histories")]
    OtherRoot(u64),
    /// 422: the proof does not hold.
    #[error("the proof does not show that the log only grew")]
    Inconsistent,
}

impl AddCheckpoint {
    /// Reads the body of a request.
    pub fn parse(body: &str) -> Result<AddCheckpoint, Refusal> {
        let form = |what: &str| Refusal::Malformed(what.to_owned());
        let (top, head) = body
            .split_once("\n\n")
            .ok_or_else(|| form("it has no empty line before the checkpoint"))?;
        let mut lines = top.split('\n');
        let old = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(decimal)
            .ok_or_else(|| form("its first line is not `old` and a plain number"))?;
        let proof: Vec<Hash> = lines
            .map(|line| hash_of(line).ok_or_else(|| form("a line of the proof is no hash in base64")))
            .collect::<Result<_, _>>()?;
        if proof.len() > MAX_HASHES {
            return Err(form("the proof has more than 63 lines"));
        }
        let head =
            SignedCheckpoint::parse(head).map_err(|e: CheckpointError| Refusal::Malformed(e.to_string()))?;
        Ok(AddCheckpoint { old, proof, head })
    }

    /// The body of a request.
    pub fn body(&self) -> String {
        let mut body = format!("old {}\n", self.old);
        for hash in &self.proof {
            body += &hash_text(hash);
            body.push('\n');
        }
        body + "\n" + &self.head.to_string()
    }

    /// Whether a witness that trusts `keys` and has seen `last` of this log may cosign. The caller stores the new head
    /// durably, before it answers and before it judges the next request.
    pub fn judge(&self, keys: &[VerifierKey], last: Option<LastSeen>) -> Result<LastSeen, Refusal> {
        let head = &self.head.checkpoint;
        let of_log: Vec<VerifierKey> = keys.iter().filter(|k| k.name() == head.origin).cloned().collect();
        if of_log.is_empty() {
            return Err(Refusal::UnknownLog(head.origin.clone()));
        }
        self.head
            .note
            .signed_by(&of_log)
            .map_err(|_| Refusal::Untrusted)?;
        if self.old > head.size {
            return Err(Refusal::Malformed(
                "the old size is above that of the checkpoint".into(),
            ));
        }
        let seen = last.map_or(0, |l| l.size);
        if self.old != seen {
            return Err(Refusal::OtherSize(seen));
        }
        let fresh = LastSeen {
            size: head.size,
            root: head.root,
        };
        match last {
            Some(last) if last.size == head.size => {
                if last.root != head.root {
                    return Err(Refusal::OtherRoot(last.size));
                }
                if !self.proof.is_empty() {
                    return Err(Refusal::Inconsistent);
                }
            }
            Some(last) if last.size > 0 => {
                let (old, new) = ((last.size, &last.root), (head.size, &head.root));
                verify_consistency(old, new, &self.proof).map_err(|_| Refusal::Inconsistent)?;
            }
            // Nothing was seen before, so there is nothing to be consistent with.
            _ if !self.proof.is_empty() => return Err(Refusal::Inconsistent),
            _ => {}
        }
        Ok(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::checkpoint::Checkpoint;
    use crate::evidence::leaf_hash;
    use crate::evidence::note::{KeyUse, NoteSigner};
    use crate::evidence::tree::{prove_consistency, root_at, root_of};

    fn signer() -> NoteSigner {
        NoteSigner::from_seed("log.example/one", KeyUse::Text, &[1; 32]).unwrap()
    }

    /// A request from one size to another, of a log whose leaves begin with `history`.
    fn request(history: u8, old: u64, new: u64) -> AddCheckpoint {
        let leaves: Vec<Hash> = (0..new as u8).map(|i| leaf_hash(&[history, i])).collect();
        let mut nodes = |level: u8, index: u64| {
            let (from, to) = ((index << level) as usize, ((index + 1) << level) as usize);
            leaves.get(from..to).map(root_of)
        };
        let head = Checkpoint {
            origin: "log.example/one".into(),
            size: new,
            root: root_at(&mut nodes, new).unwrap(),
        };
        AddCheckpoint {
            old,
            proof: prove_consistency(&mut nodes, old, new).unwrap_or_default(),
            head: head.sign(&[signer()]).unwrap(),
        }
    }

    fn seen(history: u8, size: u64) -> Option<LastSeen> {
        let head = request(history, 0, size).head.checkpoint;
        Some(LastSeen {
            size,
            root: head.root,
        })
    }

    #[test]
    fn a_request_reads_back() {
        let request = request(0, 5, 13);
        assert_eq!(AddCheckpoint::parse(&request.body()).unwrap(), request);
        for bad in ["", "old 1\n", "old 01\n\n", "old 1\nxx\n\n"] {
            assert!(
                matches!(AddCheckpoint::parse(bad), Err(Refusal::Malformed(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_witness_signs_growth_and_nothing_else() {
        let keys = [signer().verifier().clone()];
        let check = |request: AddCheckpoint, last: Option<LastSeen>, expected: Result<u64, &str>| {
            let judged = request
                .judge(&keys, last)
                .map(|l| l.size)
                .map_err(|r| r.to_string());
            match (judged, expected) {
                (Ok(size), Ok(expected)) => assert_eq!(size, expected),
                (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
                (found, expected) => panic!("{found:?}, expected {expected:?}"),
            }
        };
        check(request(0, 0, 5), None, Ok(5));
        check(request(0, 5, 13), seen(0, 5), Ok(13));
        check(request(0, 13, 13), seen(0, 13), Ok(13));
        check(request(0, 0, 13), seen(0, 5), Err("seen 5"));
        check(request(0, 7, 13), None, Err("seen 0"));
        check(request(1, 5, 13), seen(0, 5), Err("only grew"));
        check(request(1, 13, 13), seen(0, 13), Err("two histories"));
        check(request(0, 13, 5), seen(0, 13), Err("above"));
        let mut padded = request(0, 0, 5);
        padded.proof.push([0; 32]);
        check(padded, None, Err("only grew"));
        let stranger = NoteSigner::from_seed("log.example/one", KeyUse::Text, &[2; 32]).unwrap();
        let mut forged = request(0, 0, 5);
        forged.head = forged.head.checkpoint.sign(&[stranger]).unwrap();
        check(forged, None, Err("no trusted key"));
        let mut other = request(0, 0, 5);
        other.head.checkpoint.origin = "elsewhere".into();
        check(other, None, Err("does not know"));
    }
}
