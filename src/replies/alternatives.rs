//! `[don't | do not | <dont>]` in a pattern: alternatives that may hold blanks and apostrophes. Words become a group of
//! their own, groups a pattern of their own.

use std::collections::BTreeMap;

use crate::policy::{PolicyError, WordGroup};

/// Groups that alternatives made, each once.
#[derive(Default)]
pub(super) struct Alternatives {
    names: BTreeMap<Vec<String>, String>,
    pub(super) groups: Vec<WordGroup>,
}

/// A pattern stands for at most so many.
const MOST: usize = 64;

impl Alternatives {
    /// The patterns that one stands for, without brackets; `place` is the error for what turns out to be unknown.
    ///
    /// # Errors
    /// What is expected.
    pub(super) fn open(&mut self, source: &str, place: &PolicyError) -> Result<Vec<String>, String> {
        let mut done = vec![String::new()];
        let mut rest = source;
        while let Some((before, after)) = rest.split_once('[') {
            let (inside, after) = after.split_once(']').ok_or("`]` after alternatives")?;
            let (groups, words): (Vec<&str>, Vec<&str>) = inside
                .split('|')
                .map(str::trim)
                .filter(|w| !w.is_empty())
                .partition(|w| w.starts_with('<'));
            let mut ways: Vec<String> = groups.iter().map(|g| (*g).to_owned()).collect();
            if !words.is_empty() {
                ways.push(format!("<{}>", self.group(&words, place)));
            }
            if ways.is_empty() || done.len() * ways.len() > MOST {
                return Err(format!(
                    "alternatives between `[` and `]`, at most {MOST} patterns in all"
                ));
            }
            done = done
                .iter()
                .flat_map(|d| ways.iter().map(move |w| format!("{d}{before}{w}")))
                .collect();
            rest = after;
        }
        done.iter_mut().for_each(|d| d.push_str(rest));
        Ok(done)
    }

    fn group(&mut self, words: &[&str], place: &PolicyError) -> String {
        let mut key: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        key.sort();
        key.dedup();
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        let name = format!("alternative_{}", self.names.len());
        self.groups
            .push(WordGroup::of_words(name.clone(), &key, place.clone()));
        self.names.insert(key, name.clone());
        name
    }
}
