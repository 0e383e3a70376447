//! `lexicon.toml`: what must not be said, in terms of word groups, patterns made of them, the conditions under which they
//! are wrong and the surroundings in which they are right. Here are the types; `read` makes them from text, `pattern` reads
//! the small language of patterns, `context` holds what a judgement of words may know. The matcher compiles all packs
//! together. The format is described in `policies/lexicon-README.md`.

mod context;
mod pattern;
mod read;

pub use context::{Audience, ContentContext, PayeeNumber};
pub use pattern::{Item, Pattern, Reach, Step};
pub(crate) use read::read;

use super::error::PolicyError;
use super::rules::{Category, Outcome, Rule};
use crate::domain::{Channel, SenderKind, Situation};

/// One `lexicon.toml`.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    /// Word groups; groups of the same name in several packs are one group.
    pub groups: Vec<WordGroup>,
    /// Surroundings in which words are fine.
    pub surroundings: Vec<Surroundings>,
    /// Prohibitions.
    pub entries: Vec<Entry>,
}

/// Words that play the same part in a sentence, in all languages.
#[derive(Debug, Clone)]
pub struct WordGroup {
    /// Its name, as patterns call it.
    pub name: String,
    /// Words and phrases, as written in the file.
    pub words: Vec<String>,
    /// Groups whose words belong to it too.
    pub includes: Vec<String>,
    /// Its words may be part of a name of a place, a firm, a work or a product, and then mean nothing.
    pub in_names: bool,
    /// Where it stands, for errors.
    pub place: Place,
}

/// Where something stands in a file, for errors that can be told only when all packs are known.
#[derive(Debug, Clone)]
pub struct Place(pub PolicyError);

/// One prohibition: words that must not stand in a message.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it comes from and who it applies to.
    pub rule: Rule,
    /// Which kind of prohibited content.
    pub category: Category,
    /// What follows.
    pub outcome: Outcome,
    /// Patterns; a phrase is a pattern of one literal.
    pub patterns: Vec<Pattern>,
    /// Names of surroundings in which the words are fine.
    pub unless: Vec<String>,
    /// Conditions under which the words are wrong.
    pub when: When,
    /// The situation makes the words wrong, not their sense: no second opinion takes a finding back.
    pub firm: bool,
    /// Where it stands, for errors.
    pub place: Place,
}

/// Words around a hit that make it harmless.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Its name.
    pub name: String,
    /// One of these stands before the hit, or begins before it.
    pub before: Vec<Item>,
    /// One of these stands after the hit.
    pub after: Vec<Item>,
    /// How many characters or Latin words away at most.
    pub within: usize,
    /// Whether commas end the reach; a sentence always does.
    pub clause: bool,
    /// One of these between the excuse and the hit, or as part of the excuse, ends the reach: `if you do not pay, we will`.
    pub broken_by: Vec<Item>,
    /// One of these stands in the same sentence.
    pub sentence: Vec<Item>,
    /// One of these stands anywhere in the same part of the message.
    pub message: Vec<Item>,
    /// Where it stands, for errors.
    pub place: Place,
}

/// Conditions of an entry; each that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct When {
    /// The sender is none of these.
    pub sender_not: Vec<SenderKind>,
    /// The sender is one of these.
    pub sender: Vec<SenderKind>,
    /// The message goes over one of these.
    pub channel: Vec<Channel>,
    /// Whether the creditor is a bank.
    pub bank_creditor: Option<bool>,
    /// Whether the speaker is itself a bank: the creditor in its own name.
    pub bank_speaks: Option<bool>,
    /// Whether the recipient is a third party who does not answer for the debt.
    pub third_party: Option<bool>,
    /// Whether legal action has been decided and approved.
    pub legal_approved: Option<bool>,
    /// Whether the sender has a mandate of the creditor on record.
    pub mandate: Option<bool>,
    /// Whether the creditor has approved a concession.
    pub concession_approved: Option<bool>,
}

impl Lexicon {
    /// Word groups and surroundings of another file of rules, in the form of a lexicon.
    pub(crate) fn of_words(file: &str, text: &str) -> Result<Lexicon, PolicyError> {
        read(&super::read::Context {
            file,
            text,
            pack: "".into(),
            version: "".into(),
        })
    }
}

impl WordGroup {
    /// A group of words as they are written.
    pub(crate) fn of_words(name: String, words: &[String], place: PolicyError) -> WordGroup {
        WordGroup {
            name,
            words: words.iter().map(|w| pattern::folded(w)).collect(),
            includes: Vec::new(),
            in_names: false,
            place: Place(place),
        }
    }
}

impl Pattern {
    /// A pattern in the small language of lexicons, or what is expected.
    pub(crate) fn parse(source: &str) -> Result<Pattern, String> {
        pattern::parse(source)
    }

    /// A pattern of one phrase.
    pub(crate) fn of_phrase(words: &str) -> Pattern {
        pattern::phrase(pattern::folded(words))
    }
}

impl Entry {
    /// Words that mean something and prohibit nothing: for rules that stand outside the packs.
    pub(crate) fn of_patterns(
        head: super::rules::Head,
        patterns: Vec<Pattern>,
        unless: Vec<String>,
        place: PolicyError,
    ) -> Entry {
        Entry {
            rule: Rule {
                head,
                applies: super::rules::Applies::default(),
                channels: super::sets::Set::all(),
                purposes: super::sets::Set::all(),
                when: super::rules::Conditions::default(),
                unless: Vec::new(),
                body: super::rules::Body::Note(super::rules::Kind::Gaps),
            },
            category: Category::Deception,
            outcome: Outcome::Review,
            patterns,
            unless,
            firm: false,
            when: When::default(),
            place: Place(place),
        }
    }
}

impl When {
    /// Whether every condition holds.
    pub fn holds(&self, s: &Situation) -> bool {
        self.holds_for(&ContentContext::of(s))
    }

    /// Whether every condition holds for what a judgement of words knows.
    pub fn holds_for(&self, cx: &ContentContext) -> bool {
        let is = |asked: Option<bool>, fact: bool| asked.is_none_or(|asked| asked == fact);
        !self.sender_not.contains(&cx.sender)
            && (self.sender.is_empty() || self.sender.contains(&cx.sender))
            && (self.channel.is_empty() || self.channel.contains(&cx.channel))
            && is(self.bank_creditor, cx.creditor_is_bank)
            && is(self.bank_speaks, cx.bank_speaks())
            && is(self.third_party, cx.audience == Audience::ThirdParty)
            && is(self.legal_approved, cx.legal_approved)
            && is(self.mandate, cx.mandate)
            && is(self.concession_approved, cx.concession_approved)
    }
}
