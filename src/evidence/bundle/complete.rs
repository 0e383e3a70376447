//! Whether an answer left anything out: the whole log is walked, from its first entry to the head of the bundle.

use super::fault::{BundleFault, BundleFaultKind as K, fault};
use super::scope::Walk;
use super::statement::Statement;
use crate::evidence::entry::leaf_hash;
use crate::evidence::tree::Frontier;

/// A walk over all entries of the log of a bundle. Feed it every entry in order, then ask.
pub struct LogWalk<'s> {
    statement: &'s Statement,
    tree: Frontier,
    walk: Walk,
}

impl<'s> LogWalk<'s> {
    /// A walk for the bundle with this statement.
    pub fn new(statement: &'s Statement) -> LogWalk<'s> {
        LogWalk {
            statement,
            tree: Frontier::default(),
            walk: Walk::new(&statement.scope),
        }
    }

    /// The next entry; what lies after the head is passed over.
    ///
    /// # Errors
    /// Bytes that are no canonical entry.
    pub fn entry(&mut self, bytes: &[u8]) -> Result<(), BundleFault> {
        let index = self.tree.size();
        if index >= self.statement.size {
            return Ok(());
        }
        self.tree.push(leaf_hash(bytes));
        let text = std::str::from_utf8(bytes).ok();
        match text.is_some_and(|text| self.walk.entry(index, text)) {
            true => Ok(()),
            false => Err(fault(K::Log, format!("entry {index} of the log"))),
        }
    }

    /// How many entries were walked, if the log is that of the head and the answer is whole.
    ///
    /// # Errors
    /// Another log, or an answer that left something out.
    pub fn finish(self) -> Result<u64, BundleFault> {
        let size = self.tree.size();
        if size != self.statement.size || hex::encode(self.tree.root()) != self.statement.root {
            return Err(fault(K::Log, format!("{size} entries of the log")));
        }
        let found = self.walk.finish();
        if found == self.statement.answer {
            return Ok(size);
        }
        let ours = &self.statement.answer.entries;
        let missing = found.entries.iter().find(|n| !ours.contains(n));
        let place = missing.or_else(|| ours.iter().find(|n| !found.entries.contains(n)));
        Err(fault(
            K::Incomplete,
            place.map_or_else(|| "statement.json".to_owned(), |n| format!("entry {n}")),
        ))
    }
}
