//! From lexicons to indexes: words get numbers, groups get bits, patterns name what wakes them.

use std::collections::HashMap;

use super::index::Index;
use super::latin::LatinWords;
use super::{Builtin, Chain, Compiled, Excuse, Lexicons, Word, WordId, Words};
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
}

#[derive(Default)]
struct Compiler {
    group_names: Vec<String>,
    in_names: Vec<bool>,
    groups: HashMap<String, u16>,
    words: Vec<Draft>,
    /// Letters, open, tight.
    known: HashMap<(String, bool, bool), u32>,
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

    fn word(&mut self, letters: String, open: bool, tight: bool) -> &mut Draft {
        let next = self.words.len() as u32;
        let key = (letters, open, tight);
        let id = match self.known.get(&key) {
            Some(id) => *id,
            None => {
                self.words.push(Draft {
                    chars: key.0.chars().collect(),
                    open,
                    tight,
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
        to(self.word(letters.to_owned(), open, false));
        if letters.contains(' ') {
            let tight: String = letters.chars().filter(|c| *c != ' ').collect();
            if tight.len() >= 5 {
                to(self.word(tight, open, true));
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
            signature: signature(&required),
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
            broken_by: items(&set.broken_by),
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
        let (patterns, woken_by) = woken_by(patterns, c.group_names.len());
        let words = laid_down(c.words, &c.in_names);
        // Every text has a beginning and an end.
        let says_nothing = |name: &str| name.starts_with('\'') || matches!(name, "@start" | "@line" | "@end");
        let mark = |name: &String| if says_nothing(name) { 0 } else { mark_of(name) };
        Lexicons {
            names: c.groups.get("names").copied(),
            name_suffix: c.groups.get("name_suffix").copied(),
            entries,
            spellings: spellings(&words),
            soundings: soundings(&words),
            initials: initials(&words),
            latin: latin(&words),
            words,
            patterns,
            woken_by,
            group_marks: c.group_names.iter().map(mark).collect(),
            group_names: c.group_names,
            excuses,
            unless,
            faults: c.faults,
        }
    }
}

/// FNV-1a of a name.
fn mark_of(name: &str) -> u32 {
    let mix = |hash: u32, b: u8| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193);
    name.bytes().fold(0x811C_9DC5, mix).max(1)
}

/// Groups as bits.
pub(super) fn signature(groups: &[u16]) -> u128 {
    groups.iter().fold(0, |all, g| all | bit(*g))
}

/// The bit of a group; others may share it.
pub(super) const fn bit(group: u16) -> u128 {
    1 << (group & 127)
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

fn laid_down(drafts: Vec<Draft>, in_names: &[bool]) -> Words {
    let mut words = Words::default();
    for mut draft in drafts {
        draft.phrases.sort_unstable();
        draft.phrases.dedup();
        draft.groups.sort_unstable();
        draft.groups.dedup();
        words.letters.append(&mut draft.chars);
        words.phrases.append(&mut draft.phrases);
        let in_names = draft.groups.iter().any(|g| in_names[*g as usize]);
        words.groups.append(&mut draft.groups);
        words.all.push(Word {
            letters: words.letters.len() as u32,
            groups: words.groups.len() as u32,
            phrases: words.phrases.len() as u32,
            open: draft.open,
            tight: draft.tight,
            in_names,
        });
    }
    words
}

/// Each pattern is woken by the group that the fewest patterns need; those of one group lie beside each other.
fn woken_by(patterns: Vec<Compiled>, groups: usize) -> (Vec<Compiled>, Vec<u32>) {
    let mut needed = vec![0u32; groups];
    for group in patterns.iter().flat_map(|p| p.required.iter()) {
        needed[*group as usize] += 1;
    }
    let key = |p: &Compiled| p.required.iter().min_by_key(|g| needed[**g as usize]).copied();
    let mut keyed: Vec<(u16, Compiled)> = patterns
        .into_iter()
        .filter_map(|p| key(&p).map(|g| (g, p)))
        .collect();
    keyed.sort_by_key(|(g, _)| *g);
    let ends = (0..groups).map(|g| keyed.partition_point(|(of, _)| usize::from(*of) <= g) as u32);
    let ends = ends.collect();
    (keyed.into_iter().map(|(_, p)| p).collect(), ends)
}

fn each_word(words: &Words) -> impl Iterator<Item = (&[char], WordId)> {
    let ids = words.all.iter().enumerate();
    ids.map(|(i, w)| (words.letters(i as u32), WordId::new(i, w)))
        .filter(|(letters, _)| !letters.is_empty())
}

fn spellings(words: &Words) -> Index {
    Index::of(&each_word(words).collect::<Vec<_>>())
}

/// Chinese words that are known by their sound too.
fn spoken_words(words: &Words) -> impl Iterator<Item = (&[char], WordId)> {
    each_word(words).filter(|(letters, _)| {
        (1..=LONGEST_SPOKEN).contains(&letters.len()) && letters.iter().all(|c| is_han(*c))
    })
}

fn soundings(words: &Words) -> Index {
    let spoken: Vec<(Vec<char>, WordId)> = spoken_words(words)
        .flat_map(|(letters, id)| lanes::spoken(letters).into_iter().map(move |s| (s, id)))
        .collect();
    Index::of(&spoken.iter().map(|(s, id)| (&s[..], *id)).collect::<Vec<_>>())
}

/// By the first letters of their sounds: 账 and 转账 are `z` and `zz`.
fn initials(words: &Words) -> Index {
    let of = |letters: &[char]| {
        letters
            .iter()
            .map(|c| lanes::initial(*c))
            .collect::<Option<Vec<char>>>()
    };
    let all: Vec<(Vec<char>, WordId)> = spoken_words(words)
        .filter(|(letters, _)| (2..=5).contains(&letters.len()))
        .filter_map(|(letters, id)| of(letters).map(|i| (i, id)))
        .collect();
    Index::of(&all.iter().map(|(i, id)| (&i[..], *id)).collect::<Vec<_>>())
}

fn latin(words: &Words) -> LatinWords {
    let latin = each_word(words)
        .filter(|(letters, id)| !id.is(WordId::TIGHT) && letters.iter().any(char::is_ascii_lowercase));
    LatinWords::of(latin.map(|(letters, id)| (letters, id.is(WordId::OPEN))))
}
