//! The rules by which answers are read: `words.toml` (groups of words and surroundings, as lexicons have them), `meanings.toml`
//! (what patterns of them mean, with why and on which ground), `parts.toml` (words of days and sums). Every mistake names
//! file, line, field, what was found and what is expected.

use std::sync::LazyLock;

use serde::Deserialize;

use super::PartKind;
use super::alternatives::Alternatives;
use super::parts::{Part, Parts};
use super::whole::WholeWords;
use super::{Meaning, Need, Reach};
use crate::domain::{Currency, Level, Sureness};
use crate::policy::{Entry, Head, Lexicon, Lexicons, Pattern, PolicyError};

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A mistake in a file.
    #[error("policies/{0}")]
    Mistake(#[from] PolicyError),
    /// A file is not there.
    #[error("policies/{0}: no such file\n  expected the rules by which answers are read")]
    Missing(String),
}

/// One rule.
#[derive(Debug, Clone)]
pub struct ReplyRule {
    /// What it reads.
    pub meaning: Meaning,
    /// Whether what it reads takes effect without a person.
    pub sure: bool,
    /// How far an opting-out reaches.
    pub reach: Reach,
    /// Why somebody cannot pay.
    pub need: Option<Need>,
    /// Id, ground, reason and sentences.
    pub head: Head,
}

/// All rules, compiled.
#[derive(Debug)]
pub struct ReplyRules {
    pub(super) rules: Vec<ReplyRule>,
    pub(super) lexicons: Lexicons,
    pub(super) whole: WholeWords,
    /// Words that are a whole message and mean nothing: `ok`, `收到`.
    courtesy: WholeWords,
    pub(super) parts: Parts,
    /// The rule of the sender's own opting-out word.
    pub(super) own_word: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeanings {
    #[serde(default)]
    meaning: Vec<RawMeaning>,
    fillers: Vec<String>,
    courtesy: Vec<String>,
    not_typos: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeaning {
    id: toml::Spanned<String>,
    means: String,
    degree: String,
    #[serde(default)]
    reach: Option<String>,
    #[serde(default)]
    need: Option<String>,
    #[serde(default)]
    whole: Vec<String>,
    #[serde(default)]
    typos: bool,
    #[serde(default)]
    own_word: bool,
    #[serde(default)]
    phrases: Vec<toml::Spanned<String>>,
    #[serde(default)]
    patterns: Vec<toml::Spanned<String>>,
    #[serde(default)]
    unless: Vec<String>,
    level: String,
    sureness: String,
    basis: String,
    why: String,
    zh: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParts {
    part: Vec<RawPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPart {
    is: toml::Spanned<String>,
    #[serde(default)]
    n: i64,
    #[serde(default)]
    currencies: Vec<String>,
    words: Vec<String>,
}

/// A file of the rules, for errors.
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn wrong(&self, byte: usize, found: impl Into<String>, expected: impl Into<String>) -> PolicyError {
        PolicyError::at(self.name, self.text, byte, found, expected)
    }

    fn word<T: std::str::FromStr>(&self, byte: usize, word: &str) -> Result<T, PolicyError>
    where
        T::Err: std::fmt::Display,
    {
        word.parse().map_err(|e: T::Err| {
            let told = e.to_string();
            let expected = told.split_once("; expected ").map_or(told.as_str(), |(_, e)| e);
            self.wrong(byte, format!("`{word}`"), expected)
        })
    }
}

impl ReplyRules {
    /// Reads the rules: paths below `policies/` with their texts; other files are passed over.
    ///
    /// # Errors
    /// The first mistake, or the file that is not there.
    pub fn parse(files: &[(String, String)]) -> Result<ReplyRules, RulesError> {
        let file = |name: &'static str| {
            let found = files.iter().find(|(path, _)| path == name);
            found
                .map(|(_, text)| File { name, text })
                .ok_or_else(|| RulesError::Missing(name.to_owned()))
        };
        let words = file("replies/words.toml")?;
        let mut all = Lexicon::of_words(words.name, words.text)?;
        let mut rules = ReplyRules {
            rules: Vec::new(),
            lexicons: Lexicons::compile(&[]),
            whole: WholeWords::default(),
            courtesy: WholeWords::default(),
            parts: parts(&file("replies/parts.toml")?)?,
            own_word: None,
        };
        let mut alternatives = Alternatives::default();
        all.entries = rules.meanings(&file("replies/meanings.toml")?, &mut alternatives)?;
        all.groups.extend(alternatives.groups);
        rules.lexicons = Lexicons::compile(&[&all]);
        match rules.lexicons.faults().first() {
            Some(fault) => Err(fault.clone().into()),
            None => Ok(rules),
        }
    }

    fn meanings(
        &mut self,
        file: &File<'_>,
        alternatives: &mut Alternatives,
    ) -> Result<Vec<Entry>, PolicyError> {
        let raw: RawMeanings =
            toml::from_str(file.text).map_err(|e| PolicyError::of_toml(file.name, file.text, &e))?;
        self.whole.set_lists(&raw.fillers, &raw.not_typos);
        self.courtesy.set_lists(&raw.fillers, &[]);
        for word in &raw.courtesy {
            self.courtesy.add(word, false, 0);
        }
        let mut entries = Vec::with_capacity(raw.meaning.len());
        for one in raw.meaning {
            let byte = one.id.span().start;
            let rule = rule(&one, byte, file)?;
            let at = self.rules.len();
            if self.rules.iter().any(|r| r.head.id == rule.head.id) {
                return Err(file.wrong(byte, format!("`{}` twice", rule.head.id), "an id of its own"));
            }
            if one.whole.is_empty() && one.phrases.is_empty() && one.patterns.is_empty() && !one.own_word {
                return Err(file.wrong(byte, "no words", "`whole`, `phrases` or `patterns`"));
            }
            for word in &one.whole {
                self.whole.add(word, one.typos, at);
            }
            if one.own_word {
                self.own_word = Some(at);
            }
            let mut patterns = Vec::with_capacity(one.phrases.len() + one.patterns.len());
            patterns.extend(one.phrases.iter().map(|p| Pattern::of_phrase(p.get_ref())));
            let unknown = file.wrong(byte, format!("`{}`", rule.head.id), "names that words.toml has");
            for source in &one.patterns {
                let wrong =
                    |expected| file.wrong(source.span().start, format!("`{}`", source.get_ref()), expected);
                for plain in alternatives.open(source.get_ref(), &unknown).map_err(wrong)? {
                    patterns.push(Pattern::parse(&plain).map_err(wrong)?);
                }
            }
            entries.push(Entry::of_patterns(
                rule.head.clone(),
                patterns,
                one.unless,
                unknown,
            ));
            self.rules.push(rule);
        }
        Ok(entries)
    }

    /// Every rule.
    pub fn rules(&self) -> &[ReplyRule] {
        &self.rules
    }

    /// Whether a message is politeness and nothing else, or nothing at all.
    pub fn is_courtesy(&self, text: &str) -> bool {
        super::whole::bare(text).is_empty() || self.courtesy.read(text, None).is_some()
    }

    /// A rule by its id.
    pub fn rule(&self, id: &str) -> Option<&ReplyRule> {
        self.rules.iter().find(|r| &*r.head.id == id)
    }
}

fn rule(raw: &RawMeaning, byte: usize, file: &File<'_>) -> Result<ReplyRule, PolicyError> {
    let meaning: Meaning = file.word(byte, &raw.means)?;
    let id = raw.id.get_ref();
    if !id.starts_with(&format!("reply.{meaning}.")) {
        return Err(file.wrong(
            byte,
            format!("`{id}`"),
            format!("an id that begins with `reply.{meaning}.`"),
        ));
    }
    for (name, text) in [
        ("basis", &raw.basis),
        ("why", &raw.why),
        ("zh", &raw.zh),
        ("en", &raw.en),
    ] {
        if text.trim().is_empty() {
            return Err(file.wrong(byte, format!("an empty `{name}`"), "a sentence"));
        }
    }
    let sure = match raw.degree.as_str() {
        "sure" => true,
        "unsure" => false,
        other => return Err(file.wrong(byte, format!("`{other}`"), "`sure` or `unsure`")),
    };
    let level: Level = file.word(byte, &raw.level)?;
    let sureness: Sureness = file.word(byte, &raw.sureness)?;
    Ok(ReplyRule {
        meaning,
        sure,
        reach: raw
            .reach
            .as_deref()
            .map_or(Ok(Reach::Here), |r| file.word(byte, r))?,
        need: raw.need.as_deref().map(|n| file.word(byte, n)).transpose()?,
        head: Head {
            id: id.as_str().into(),
            pack: "replies".into(),
            version: "".into(),
            level,
            sureness,
            basis: raw.basis.clone(),
            why: raw.why.clone(),
            zh: raw.zh.clone(),
            en: raw.en.clone(),
            instead: None,
            consent: false,
        },
    })
}

fn parts(file: &File<'_>) -> Result<Parts, PolicyError> {
    let raw: RawParts =
        toml::from_str(file.text).map_err(|e| PolicyError::of_toml(file.name, file.text, &e))?;
    let mut parts = Parts::default();
    for one in raw.part {
        let byte = one.is.span().start;
        let kind: PartKind = file.word(byte, one.is.get_ref())?;
        let currencies = one
            .currencies
            .iter()
            .map(|c| Currency::parse(c).map_err(|e| file.wrong(byte, format!("`{c}`"), e.to_string())))
            .collect::<Result<_, _>>()?;
        if one.words.is_empty() {
            return Err(file.wrong(byte, "no words", "`words`"));
        }
        parts.add(
            Part {
                kind,
                n: one.n,
                currencies,
            },
            &one.words,
        );
    }
    Ok(parts)
}

/// The rules inside the program, read once.
pub fn shipped() -> &'static ReplyRules {
    // INVARIANT: a test reads the shipped rules.
    static RULES: LazyLock<ReplyRules> = LazyLock::new(|| {
        let files = [
            (
                "replies/words.toml",
                include_str!("../../policies/replies/words.toml"),
            ),
            (
                "replies/meanings.toml",
                include_str!("../../policies/replies/meanings.toml"),
            ),
            (
                "replies/parts.toml",
                include_str!("../../policies/replies/parts.toml"),
            ),
        ];
        let files: Vec<(String, String)> = files
            .iter()
            .map(|(p, t)| ((*p).to_owned(), (*t).to_owned()))
            .collect();
        ReplyRules::parse(&files).expect("the shipped rules for answers are readable")
    });
    &RULES
}
