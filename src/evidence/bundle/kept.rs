//! A head that somebody outside kept, beside the head of a bundle: both must be of one log. This is what a second history
//! cannot get past, whoever holds the database and the key.

use super::Files;
use super::check::Checked;
use super::fault::{BundleFault, BundleFaultKind as K, fault};
use crate::evidence::checkpoint::SignedCheckpoint;
use crate::evidence::quorum::Policy;

/// How a head that was kept outside is called in faults.
pub(super) fn named(kept: &SignedCheckpoint) -> String {
    format!("head of {} entries kept outside", kept.checkpoint.size)
}

/// Compares a head that was kept outside with those that the bundle proves. `Ok(false)`: the bundle has no head of this
/// size, and only the log can tell ([`LogWalk::keeping`](super::LogWalk::keeping)).
///
/// # Errors
/// The head is not signed by a trusted key, is one of another log, or contradicts the bundle.
pub fn compare_kept(
    files: &Files,
    checked: &Checked,
    kept: &SignedCheckpoint,
    policy: &Policy,
) -> Result<bool, BundleFault> {
    if policy.clone().without_quorum().check(kept).is_err() {
        return Err(fault(K::Signature, named(kept)));
    }
    let (c, s) = (&kept.checkpoint, &checked.statement);
    if c.origin != s.origin {
        return Err(fault(K::OtherHead, named(kept)));
    }
    let root = match c.size == s.size {
        true => Some(s.root.clone()),
        // An older head of the bundle was proven to be its beginning.
        false => files
            .get(&format!("older/{}.txt", c.size))
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .and_then(|text| SignedCheckpoint::parse(text).ok())
            .map(|older| hex::encode(older.checkpoint.root)),
    };
    match root {
        None => Ok(false),
        Some(root) if root == hex::encode(c.root) => Ok(true),
        Some(_) => Err(fault(K::Consistency, named(kept))),
    }
}

/// Heads that were kept outside and that neither the bundle nor a log can be compared with: that is no proof of anything, so
/// it is refused.
///
/// # Errors
/// If there is one.
pub fn unknown_kept(open: &[&SignedCheckpoint]) -> Result<(), BundleFault> {
    match open.first() {
        None => Ok(()),
        Some(kept) => Err(fault(K::Consistency, named(kept))),
    }
}
