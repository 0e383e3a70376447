//! Whether an answer left anything out: the whole log is walked, from its first entry to the head of the bundle; and whether
//! heads that were kept outside are heads of this log.

use super::fault::{BundleFault, BundleFaultKind as K, fault};
use super::kept::named;
use super::scope::Walk;
use super::statement::Statement;
use crate::evidence::checkpoint::SignedCheckpoint;
use crate::evidence::entry::leaf_hash;
use crate::evidence::tree::Frontier;

/// A walk over all entries of the log of a bundle. Feed it every entry in order, then ask.
pub struct LogWalk<'s> {
    statement: &'s Statement,
    tree: Frontier,
    walk: Walk,
    /// Whether the log had the root of the head when it was as long as the head.
    passed: bool,
    /// Heads from outside that the log has not passed yet.
    kept: Vec<&'s SignedCheckpoint>,
    /// The first head from outside that is not one of this log.
    contradicted: Option<&'s SignedCheckpoint>,
}

impl<'s> LogWalk<'s> {
    /// A walk for the bundle with this statement.
    pub fn new(statement: &'s Statement) -> LogWalk<'s> {
        LogWalk {
            statement,
            tree: Frontier::default(),
            walk: Walk::new(&statement.scope),
            passed: false,
            kept: Vec::new(),
            contradicted: None,
        }
    }

    /// The log must also pass this head, which somebody outside kept; it may be longer than that of the bundle.
    pub fn keeping(mut self, kept: &'s SignedCheckpoint) -> LogWalk<'s> {
        self.kept.push(kept);
        self
    }

    /// How many entries the walk wants to see.
    pub fn wanted(&self) -> u64 {
        let kept = self.kept.iter().map(|head| head.checkpoint.size);
        kept.fold(self.statement.size, u64::max)
    }

    /// The next entry; what lies after everything that is wanted is passed over.
    ///
    /// # Errors
    /// Bytes that are no canonical entry.
    pub fn entry(&mut self, bytes: &[u8]) -> Result<(), BundleFault> {
        let index = self.tree.size();
        if index >= self.wanted() {
            return Ok(());
        }
        self.tree.push(leaf_hash(bytes));
        let text = std::str::from_utf8(bytes).ok();
        if index < self.statement.size && !text.is_some_and(|text| self.walk.entry(index, text)) {
            return Err(fault(K::Log, format!("entry {index} of the log")));
        }
        let size = self.tree.size();
        if size == self.statement.size {
            self.passed = hex::encode(self.tree.root()) == self.statement.root;
        }
        if self.kept.iter().any(|head| head.checkpoint.size == size) {
            let root = self.tree.root();
            let passed: Vec<_> = self
                .kept
                .extract_if(.., |head| head.checkpoint.size == size)
                .collect();
            let other = passed.into_iter().find(|head| head.checkpoint.root != root);
            self.contradicted = self.contradicted.or(other);
        }
        Ok(())
    }

    /// How many entries the head has, if the log is that of the head and the answer is whole.
    ///
    /// # Errors
    /// Another log, an answer that left something out, a head kept outside that is not one of this log or that the log
    /// does not reach.
    pub fn finish(self) -> Result<u64, BundleFault> {
        let size = self.tree.size();
        if !self.passed {
            return Err(fault(K::Log, format!("{size} entries of the log")));
        }
        let found = self.walk.finish();
        if found != self.statement.answer {
            let ours = &self.statement.answer.entries;
            let missing = found.entries.iter().find(|n| !ours.contains(n));
            let place = missing.or_else(|| ours.iter().find(|n| !found.entries.contains(n)));
            let place = place.map_or_else(|| "statement.json".to_owned(), |n| format!("entry {n}"));
            return Err(fault(K::Incomplete, place));
        }
        match self.contradicted.or(self.kept.first().copied()) {
            None => Ok(self.statement.size),
            Some(head) => Err(fault(K::Consistency, named(head))),
        }
    }
}
