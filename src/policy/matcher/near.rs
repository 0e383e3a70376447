//! What stands only nearly: all the words of a pattern in one sentence, not as the pattern wants them. Looked for only
//! where a second opinion has spoken.

use std::cell::OnceCell;
use std::ops::Range;

use super::judge::{PLACES, Page};
use super::{Compiled, Lexicons, Near, Scratch};

impl Lexicons {
    /// Entries of which all the words of a pattern are in one sentence.
    pub(super) fn gathered(&self, text: &str, scratch: &mut Scratch) -> Vec<Near> {
        scratch.sorted.fill(self, &scratch.tokens);
        let sorted = &scratch.sorted;
        let page = Page {
            lexicons: self,
            text,
            tokens: &scratch.tokens,
            sorted,
            ends: OnceCell::new(),
        };
        let mut out: Vec<Near> = Vec::new();
        for group in &sorted.touched {
            let at = *group as usize;
            let start = at
                .checked_sub(1)
                .map_or(0, |before| self.woken_by[before] as usize);
            for pattern in &self.patterns[start..self.woken_by[at] as usize] {
                let entry = pattern.entry as usize;
                let known = out.iter().any(|n| n.entry == entry);
                if known || pattern.required.len() < 2 || pattern.signature & !sorted.signature != 0 {
                    continue;
                }
                if let Some(span) = page.gathered(pattern) {
                    out.push(Near { entry, span });
                }
            }
        }
        out
    }
}

impl Page<'_> {
    /// The first sentence that holds all the words of a pattern, and none that must not be there.
    fn gathered(&self, pattern: &Compiled) -> Option<Range<usize>> {
        let rarest = pattern.required.iter().min_by_key(|g| self.of(**g).len())?;
        if pattern.without.iter().any(|(wide, g)| *wide && self.has(*g)) {
            return None;
        }
        let sentences = self.of(*rarest).iter().take(PLACES);
        sentences
            .map(|i| self.sentence(self.tokens[*i as usize].start as usize))
            .find(|sentence| {
                let words = self.within(sentence);
                let holds = |g: &u16| words.iter().any(|t| self.is(t, *g));
                pattern.required.iter().all(holds) && !pattern.without.iter().any(|(_, g)| holds(g))
            })
    }
}
