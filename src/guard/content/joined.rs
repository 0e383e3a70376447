//! The words of all parts as a second opinion reads them.

use super::{Page, Signals};
use crate::policy::Found;

/// The words of all parts for a second opinion; the page of an e-mail says the same again and is left out.
#[derive(Default)]
pub(super) struct Joined {
    /// Only where there is more than one part.
    pub(super) written: String,
    /// Only where something was disguised.
    pub(super) mended: Option<String>,
}

impl Joined {
    pub(super) fn add(&mut self, page: &Page<'_>, several: bool, found: Found, signals: &mut Signals) {
        signals.disguised += found.disguised;
        signals.oddities.add(found.oddities);
        if page.part.html {
            return;
        }
        if !several {
            signals.placed = found.placed;
            self.mended = found.mended;
            return;
        }
        if found.mended.is_some() && self.mended.is_none() {
            self.mended = Some(self.written.clone());
        }
        if let Some(mended) = &mut self.mended {
            mended.push_str(found.mended.as_deref().unwrap_or(page.folded.text()));
            mended.push('\n');
        }
        let base = self.written.len() as u32;
        signals
            .placed
            .extend(found.placed.iter().map(|(at, group)| (base + at, *group)));
        self.written.push_str(page.folded.text());
        self.written.push('\n');
    }
}

impl Signals {
    pub(super) fn tidy(&mut self) {
        for list in [&mut self.entries, &mut self.excused] {
            list.sort_unstable();
            list.dedup();
        }
    }
}
