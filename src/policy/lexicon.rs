//! `lexicon.toml`: what must not be said, as literal phrases and as patterns with bounded gaps, with the conditions
//! under which it is wrong and the surroundings in which it is right.

use regex::Regex;
use serde::Deserialize;

use super::error::PolicyError;
use super::fold::fold;
use super::read::{Context, Word, Words, plain, table};
use super::rules::{Body, Category, Outcome, Rule};
use crate::domain::{Channels, SenderKind, Situation};

/// One prohibition: words that must not stand in a message.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it comes from and who it applies to.
    pub rule: Rule,
    /// Which kind of prohibited content.
    pub category: Category,
    /// What follows.
    pub outcome: Outcome,
    /// Literal phrases, folded.
    pub phrases: Vec<String>,
    /// Patterns over folded text.
    pub patterns: Vec<Pattern>,
    /// Surroundings in which the words are fine.
    pub unless: Vec<Surroundings>,
    /// Conditions under which the words are wrong.
    pub when: When,
}

/// A regular expression that runs only when one of its literals is in the text.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Literals, folded; one of them must be there.
    pub needs: Vec<String>,
    /// The expression over folded text.
    pub regex: Regex,
}

/// Words around a hit that make it harmless; all within the same clause unless they cover the hit.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// One of these stands before the hit.
    pub before: Vec<String>,
    /// One of these stands after the hit.
    pub after: Vec<String>,
    /// How many characters away at most.
    pub within: usize,
    /// Whether commas end the reach.
    pub clause: bool,
    /// The hit lies inside one of these: a name of a place, a firm, a work.
    pub covering: Vec<String>,
    /// One of these follows the hit directly: `路` after `法院`.
    pub follows: Vec<String>,
}

/// Conditions of an entry; each that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct When {
    /// The sender is none of these.
    pub sender_not: Vec<SenderKind>,
    /// The sender is one of these.
    pub sender: Vec<SenderKind>,
    /// Whether the creditor is a bank.
    pub bank_creditor: Option<bool>,
    /// Whether the speaker is itself a bank: the creditor in its own name.
    pub bank_speaks: Option<bool>,
    /// Whether the recipient is a third party who does not answer for the debt.
    pub third_party: Option<bool>,
    /// Whether legal action has been decided and approved.
    pub legal_approved: Option<bool>,
}

impl When {
    /// Whether every condition holds.
    pub fn holds(&self, s: &Situation) -> bool {
        let bank_speaks = s.sender.kind == SenderKind::Creditor && s.creditor.is_bank;
        let is = |asked: Option<bool>, fact: bool| asked.is_none_or(|asked| asked == fact);
        !self.sender_not.contains(&s.sender.kind)
            && (self.sender.is_empty() || self.sender.contains(&s.sender.kind))
            && is(self.bank_creditor, s.creditor.is_bank)
            && is(self.bank_speaks, bank_speaks)
            && is(self.third_party, !s.role.answers_for_the_debt())
            && is(self.legal_approved, s.account.legal_action_approved)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLexicon {
    #[serde(default)]
    surroundings: Vec<RawSurroundings>,
    #[serde(default)]
    entry: Vec<RawEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSurroundings {
    name: toml::Spanned<String>,
    #[serde(default)]
    before: Vec<String>,
    #[serde(default)]
    after: Vec<String>,
    #[serde(default)]
    within: usize,
    #[serde(default)]
    clause: bool,
    #[serde(default)]
    covering: Vec<String>,
    #[serde(default)]
    follows: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawWhen {
    sender_not: Words<SenderKind>,
    sender: Words<SenderKind>,
    bank_creditor: Option<bool>,
    bank_speaks: Option<bool>,
    third_party: Option<bool>,
    legal_approved: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPattern {
    needs: Vec<String>,
    regex: toml::Spanned<String>,
}

table!(RawEntry {
    category: Word<Category>,
    verdict: Word<Outcome>,
    #[serde(default)]
    phrases: Vec<toml::Spanned<String>>,
    #[serde(default)]
    patterns: Vec<RawPattern>,
    #[serde(default)]
    unless: Vec<toml::Spanned<String>>,
    #[serde(default)]
    when: RawWhen,
});

/// Reads `lexicon.toml`.
pub(crate) fn read(cx: &Context<'_>) -> Result<Vec<Entry>, PolicyError> {
    let raw: RawLexicon = toml::from_str(cx.text).map_err(|e| PolicyError::of_toml(cx.file, cx.text, &e))?;
    let mut sets: Vec<(String, Surroundings)> = Vec::new();
    for s in raw.surroundings {
        let folded = |list: Vec<String>| list.iter().map(|w| fold(w).text().to_owned()).collect::<Vec<_>>();
        let (byte, name) = (s.name.span().start, s.name.into_inner());
        if sets.iter().any(|(known, _)| *known == name) {
            return Err(cx.wrong(byte, format!("`{name}` twice"), "one table for each name"));
        }
        if s.within == 0 && !(s.before.is_empty() && s.after.is_empty()) {
            return Err(cx.wrong(
                byte,
                "no `within`",
                "how many characters `before` and `after` reach",
            ));
        }
        let set = Surroundings {
            before: folded(s.before),
            after: folded(s.after),
            within: s.within,
            clause: s.clause,
            covering: folded(s.covering),
            follows: folded(s.follows),
        };
        sets.push((name, set));
    }
    raw.entry.into_iter().map(|e| entry(e, &sets, cx)).collect()
}

fn entry(mut raw: RawEntry, sets: &[(String, Surroundings)], cx: &Context<'_>) -> Result<Entry, PolicyError> {
    let category = raw.category.0;
    let rule = Rule {
        body: Body::Content { category },
        ..raw.frame(cx, Channels::ALL)?
    };
    let byte = raw.byte();
    if !rule.head.id.starts_with(&format!("content.{category}.")) {
        return Err(cx.wrong(
            byte,
            format!("`{}`", rule.head.id),
            format!("an id that begins with `content.{category}.`"),
        ));
    }
    if raw.phrases.is_empty() && raw.patterns.is_empty() {
        return Err(cx.wrong(byte, "no words", "`phrases` or `patterns`"));
    }
    let phrases = raw
        .phrases
        .iter()
        .map(|p| literal(p.get_ref(), p.span().start, cx))
        .collect::<Result<_, _>>()?;
    let patterns = raw
        .patterns
        .into_iter()
        .map(|p| pattern(p, byte, cx))
        .collect::<Result<_, _>>()?;
    let find = |name: &toml::Spanned<String>| {
        let found = sets
            .iter()
            .find(|(known, _)| known == name.get_ref())
            .map(|(_, set)| set.clone());
        found.ok_or_else(|| {
            let known: Vec<_> = sets.iter().map(|(n, _)| format!("`{n}`")).collect();
            cx.wrong(
                name.span().start,
                format!("`{}`", name.get_ref()),
                format!("one of {}", known.join(", ")),
            )
        })
    };
    let unless = raw.unless.iter().map(find).collect::<Result<_, _>>()?;
    Ok(Entry {
        category,
        outcome: raw.verdict.0,
        phrases,
        patterns,
        unless,
        when: When {
            sender_not: plain(raw.when.sender_not),
            sender: plain(raw.when.sender),
            bank_creditor: raw.when.bank_creditor,
            bank_speaks: raw.when.bank_speaks,
            third_party: raw.when.third_party,
            legal_approved: raw.when.legal_approved,
        },
        rule,
    })
}

fn literal(text: &str, byte: usize, cx: &Context<'_>) -> Result<String, PolicyError> {
    let folded = fold(text).text().trim().to_owned();
    if folded.chars().count() < 2 {
        return Err(cx.wrong(
            byte,
            format!("`{text}`"),
            "a phrase of at least two characters after folding",
        ));
    }
    Ok(folded)
}

fn pattern(raw: RawPattern, byte: usize, cx: &Context<'_>) -> Result<Pattern, PolicyError> {
    if raw.needs.is_empty() {
        return Err(cx.wrong(
            byte,
            "a pattern without `needs`",
            "literals of which one must stand in the text",
        ));
    }
    let needs = raw.needs.iter().map(|n| fold(n).text().to_owned()).collect();
    let at = raw.regex.span().start;
    let source = raw.regex.into_inner();
    if source.contains(".*") || source.contains(".+") {
        return Err(cx.wrong(at, "an unbounded gap", "bounded gaps such as `[^。.!?\\n]{0,8}`"));
    }
    let regex = regex::RegexBuilder::new(&source)
        .size_limit(1 << 20)
        .build()
        .map_err(|e| {
            cx.wrong(
                at,
                e.to_string().replace('\n', " "),
                "a regular expression over folded text",
            )
        })?;
    Ok(Pattern { needs, regex })
}
