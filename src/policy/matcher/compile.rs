//! From lexicons to automata: words get numbers, groups get bits, patterns name what wakes them.

use std::collections::HashMap;

use daachorse::{CharwiseDoubleArrayAhoCorasick, CharwiseDoubleArrayAhoCorasickBuilder};

use super::{Builtin, Chain, Compiled, Excuse, Lexicons, Lists, Word, WordId};
use crate::policy::error::PolicyError;
use crate::policy::fold::{is_han, lanes};
use crate::policy::lexicon::{Item, Lexicon, Pattern, Place, Reach, Step, Surroundings};

/// Longest word that is also known by its sound.
const LONGEST_SPOKEN: usize = 8;

#[derive(Default)]
struct Draft {
    chars: Vec<char>,
    groups: Vec<u16>,
    phrases: Vec<u32>,
    open: bool,
    tight: bool,
    shortened: bool,
}

#[derive(Default)]
struct Compiler {
    group_names: Vec<String>,
    in_names: Vec<bool>,
    groups: HashMap<String, u16>,
    words: Vec<Draft>,
    /// Letters, open, tight, shortened.
    known: HashMap<(String, bool, bool, bool), u32>,
    faults: Vec<PolicyError>,
}

impl Compiler {
    fn group(&mut self, name: &str) -> u16 {
        if let Some(id) = self.groups.get(name) {
            return *id;
        }
        let id = self.group_names.len() as u16;
        self.group_names.push(name.to_owned());
        self.in_names.push(false);
        self.groups.insert(name.to_owned(), id);
        id
    }

    fn word(&mut self, letters: String, open: bool, tight: bool, shortened: bool) -> &mut Draft {
        let next = self.words.len() as u32;
        let key = (letters, open, tight, shortened);
        let id = match self.known.get(&key) {
            Some(id) => *id,
            None => {
                self.words.push(Draft {
                    chars: key.0.chars().collect(),
                    open,
                    tight,
                    shortened,
                    ..Draft::default()
                });
                self.known.insert(key, next);
                next
            }
        };
        &mut self.words[id as usize]
    }

    /// Adds a word in all its spellings.
    fn add(&mut self, word: &str, to: &dyn Fn(&mut Draft)) {
        let (letters, open) = word.strip_suffix('*').map_or((word, false), |w| (w, true));
        to(self.word(letters.to_owned(), open, false, false));
        if letters.contains(' ') {
            let tight: String = letters.chars().filter(|c| *c != ' ').collect();
            if tight.len() >= 5 {
                to(self.word(tight, open, true, false));
            }
        }
        let chars: Vec<char> = letters.chars().collect();
        if (2..=3).contains(&chars.len()) && chars.iter().all(|c| is_han(*c)) {
            for i in 0..chars.len() {
                let Some(initial) = lanes::initial(chars[i]) else {
                    continue;
                };
                let mut short = chars.clone();
                short[i] = initial;
                to(self.word(short.into_iter().collect(), false, false, true));
            }
        }
    }

    fn item(&mut self, item: &Item, place: &Place) -> Option<u16> {
        match item {
            Item::Group(name) => {
                let known = self.groups.get(name.as_str()).copied();
                if known.is_none() {
                    self.faults.push(PolicyError {
                        found: format!("a group `{name}` that no lexicon has"),
                        ..place.0.clone()
                    });
                }
                known
            }
            Item::Literal(all) => {
                let name = format!("'{}'", all.join("|"));
                if let Some(id) = self.groups.get(&name) {
                    return Some(*id);
                }
                let id = self.group(&name);
                for word in all {
                    self.add(word, &|w: &mut Draft| w.groups.push(id));
                }
                Some(id)
            }
        }
    }

    fn pattern(&mut self, entry: u32, pattern: &Pattern, place: &Place) -> Option<Compiled> {
        let mut required = Vec::new();
        let mut chains = Vec::new();
        for (reach, steps) in &pattern.chains {
            let mut compiled = Vec::with_capacity(steps.len());
            for Step { item, gap } in steps {
                let group = self.item(item, place)?;
                required.push(group);
                compiled.push((group, *gap));
            }
            chains.push(Chain {
                part_wide: *reach == Reach::Part,
                steps: compiled.into(),
            });
        }
        let mut without = Vec::new();
        for (reach, item) in &pattern.without {
            without.push((*reach == Reach::Part, self.item(item, place)?));
        }
        required.sort_unstable();
        required.dedup();
        Some(Compiled {
            entry,
            chains: chains.into(),
            without: without.into(),
            required: required.into(),
        })
    }

    fn excuse(&mut self, set: &Surroundings) -> Excuse {
        let mut items = |list: &[Item]| list.iter().filter_map(|i| self.item(i, &set.place)).collect();
        Excuse {
            before: items(&set.before),
            after: items(&set.after),
            within: set.within,
            clause: set.clause,
            sentence: items(&set.sentence),
            message: items(&set.message),
        }
    }

    fn declare(&mut self, lexicons: &[&Lexicon]) {
        for name in Builtin::NAMES {
            let id = self.group(name);
            // Builtins come first, so that a mark's number is its word and its group.
            self.words.push(Draft {
                groups: vec![id],
                ..Draft::default()
            });
        }
        for group in lexicons.iter().flat_map(|l| &l.groups) {
            let id = self.group(&group.name);
            self.in_names[id as usize] |= group.in_names;
        }
        // Which groups a group's words belong to: itself and every group that includes it, over several steps.
        let mut above: HashMap<&str, Vec<&str>> = HashMap::new();
        for group in lexicons.iter().flat_map(|l| &l.groups) {
            for inner in &group.includes {
                above.entry(inner).or_default().push(&group.name);
                if !self.groups.contains_key(inner.as_str()) {
                    self.faults.push(PolicyError {
                        found: format!("a group `{inner}` that no lexicon has"),
                        ..group.place.0.clone()
                    });
                }
            }
        }
        for group in lexicons.iter().flat_map(|l| &l.groups) {
            let mut all = vec![group.name.as_str()];
            let mut next = 0;
            while let Some(name) = all.get(next).copied() {
                for outer in above.get(name).into_iter().flatten() {
                    if !all.contains(outer) {
                        all.push(outer);
                    }
                }
                next += 1;
            }
            let ids: Vec<u16> = all.iter().filter_map(|n| self.groups.get(*n).copied()).collect();
            for word in &group.words {
                self.add(word, &|w: &mut Draft| w.groups.extend(&ids));
            }
        }
    }
}

impl Lexicons {
    /// Compiles lexicons together; groups and surroundings of one name are shared.
    pub fn compile(lexicons: &[&Lexicon]) -> Lexicons {
        let mut c = Compiler::default();
        c.declare(lexicons);
        let mut excuses = Vec::new();
        let mut names_of_excuses: Vec<(usize, String)> = Vec::new();
        for (i, set) in lexicons
            .iter()
            .enumerate()
            .flat_map(|(i, l)| l.surroundings.iter().map(move |s| (i, s)))
        {
            names_of_excuses.push((i, set.name.clone()));
            let excuse = c.excuse(set);
            excuses.push(excuse);
        }
        let mut entries = Vec::new();
        let mut patterns = Vec::new();
        let mut unless = Vec::new();
        for (i, entry) in lexicons
            .iter()
            .enumerate()
            .flat_map(|(i, l)| l.entries.iter().map(move |e| (i, e)))
        {
            let id = entries.len() as u32;
            for pattern in &entry.patterns {
                if let Some(literal) = as_phrase(pattern) {
                    c.add(literal, &|w: &mut Draft| w.phrases.push(id));
                } else {
                    patterns.extend(c.pattern(id, pattern, &entry.place));
                }
            }
            let mut mine = Vec::new();
            for name in &entry.unless {
                // A pack's own surroundings come before those of the same name elsewhere.
                let own = names_of_excuses.iter().position(|(of, n)| *of == i && n == name);
                match own.or_else(|| names_of_excuses.iter().position(|(_, n)| n == name)) {
                    Some(at) => mine.push(at as u16),
                    None => c.faults.push(PolicyError {
                        found: format!("surroundings `{name}` that no lexicon has"),
                        ..entry.place.0.clone()
                    }),
                }
            }
            unless.push(mine);
            entries.push(entry.clone());
        }
        let woken_by = woken_by(&patterns, c.group_names.len());
        let words: Vec<Word> = c.words.into_iter().map(|w| finished(w, &c.in_names)).collect();
        let (spellings, automaton) = automaton(spelled(&words), &words);
        let (soundings, sounds) = automaton_of_sounds(&words);
        Lexicons {
            names: c.groups.get("names").copied(),
            name_suffix: c.groups.get("name_suffix").copied(),
            entries,
            words,
            spellings,
            automaton,
            soundings,
            sounds,
            patterns,
            woken_by,
            group_names: c.group_names,
            excuses,
            unless,
            faults: c.faults,
        }
    }
}

/// The literal of a pattern that is nothing else.
fn as_phrase(pattern: &Pattern) -> Option<&str> {
    match (&pattern.chains[..], &pattern.without[..]) {
        ([(_, steps)], []) => match &steps[..] {
            [
                Step {
                    item: Item::Literal(all),
                    ..
                },
            ] if all.len() == 1 => all.first().map(String::as_str),
            _ => None,
        },
        _ => None,
    }
}

fn finished(word: Draft, in_names: &[bool]) -> Word {
    let mut groups = word.groups;
    groups.sort_unstable();
    groups.dedup();
    let mut phrases = word.phrases;
    phrases.sort_unstable();
    phrases.dedup();
    Word {
        in_names: groups.iter().any(|g| in_names[*g as usize]),
        chars: word.chars.into(),
        groups: groups.into(),
        phrases: phrases.into(),
        open: word.open,
        tight: word.tight,
        shortened: word.shortened,
    }
}

/// Each pattern is woken by the group that the fewest patterns need.
fn woken_by(patterns: &[Compiled], groups: usize) -> Vec<Vec<u32>> {
    let mut needed = vec![0u32; groups];
    for group in patterns.iter().flat_map(|p| p.required.iter()) {
        needed[*group as usize] += 1;
    }
    let mut out = vec![Vec::new(); groups];
    for (i, pattern) in patterns.iter().enumerate() {
        if let Some(key) = pattern.required.iter().min_by_key(|g| needed[**g as usize]) {
            out[*key as usize].push(i as u32);
        }
    }
    out
}

fn spelled(words: &[Word]) -> HashMap<String, Vec<u32>> {
    let mut by_letters: HashMap<String, Vec<u32>> = HashMap::new();
    for (i, word) in words.iter().enumerate().filter(|(_, w)| !w.chars.is_empty()) {
        by_letters
            .entry(word.chars.iter().collect())
            .or_default()
            .push(i as u32);
    }
    by_letters
}

fn automaton_of_sounds(words: &[Word]) -> (Lists, Option<CharwiseDoubleArrayAhoCorasick<u32>>) {
    let mut by_sound: HashMap<String, Vec<u32>> = HashMap::new();
    for (i, word) in words.iter().enumerate() {
        let fits = (1..=LONGEST_SPOKEN).contains(&word.chars.len()) && word.chars.iter().all(|c| is_han(*c));
        if !fits {
            continue;
        }
        let letters: String = word.chars.iter().collect();
        for sound in lanes::spoken(&letters) {
            by_sound.entry(sound).or_default().push(i as u32);
        }
    }
    automaton(by_sound, words)
}

fn automaton(
    by_letters: HashMap<String, Vec<u32>>,
    words: &[Word],
) -> (Lists, Option<CharwiseDoubleArrayAhoCorasick<u32>>) {
    let mut all: Vec<(String, Vec<u32>)> = by_letters.into_iter().collect();
    if all.is_empty() {
        return (Lists::default(), None);
    }
    all.sort_unstable();
    let numbered = all
        .iter()
        .enumerate()
        .map(|(i, (letters, _))| (letters.as_str(), i as u32));
    let built = CharwiseDoubleArrayAhoCorasickBuilder::new()
        .build_with_values(numbered)
        .expect("invariant: letters are not empty and stand once each");
    let mut lists = Lists::default();
    for (_, ids) in all {
        lists.ids.extend(
            ids.iter()
                .map(|id| WordId::new(*id as usize, &words[*id as usize])),
        );
        lists.ends.push(lists.ids.len() as u32);
    }
    (lists, Some(built))
}
