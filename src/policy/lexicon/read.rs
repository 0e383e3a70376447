//! From the text of `lexicon.toml` to groups, surroundings and entries. Every mistake names file, line, field, what was
//! found and what is expected; names of groups are looked up later, when all packs are known.

use serde::Deserialize;

use super::pattern::{self, Item};
use super::{Entry, Lexicon, Place, Surroundings, When, WordGroup};
use crate::domain::{Channel, Channels, SenderKind};
use crate::policy::error::PolicyError;
use crate::policy::read::{Context, Word, Words, plain, table};
use crate::policy::rules::{Body, Category, Outcome, Rule};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLexicon {
    #[serde(default)]
    words: Vec<RawWords>,
    #[serde(default)]
    surroundings: Vec<RawSurroundings>,
    #[serde(default)]
    entry: Vec<RawEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWords {
    name: toml::Spanned<String>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    includes: Vec<String>,
    #[serde(default)]
    in_names: bool,
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
    broken_by: Vec<String>,
    #[serde(default)]
    sentence: Vec<String>,
    #[serde(default)]
    message: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RawWhen {
    sender_not: Words<SenderKind>,
    sender: Words<SenderKind>,
    channel: Words<Channel>,
    bank_creditor: Option<bool>,
    bank_speaks: Option<bool>,
    third_party: Option<bool>,
    legal_approved: Option<bool>,
    mandate: Option<bool>,
    concession_approved: Option<bool>,
}

table!(RawEntry {
    category: Word<Category>,
    verdict: Word<Outcome>,
    #[serde(default)]
    phrases: Vec<toml::Spanned<String>>,
    #[serde(default)]
    patterns: Vec<toml::Spanned<String>>,
    #[serde(default)]
    unless: Vec<String>,
    #[serde(default)]
    firm: bool,
    #[serde(default)]
    when: RawWhen,
});

/// Reads `lexicon.toml`.
pub(crate) fn read(cx: &Context<'_>) -> Result<Lexicon, PolicyError> {
    let raw: RawLexicon = toml::from_str(cx.text).map_err(|e| PolicyError::of_toml(cx.file, cx.text, &e))?;
    let mut groups: Vec<WordGroup> = Vec::with_capacity(raw.words.len());
    for words in raw.words {
        groups.push(group(words, &groups, cx)?);
    }
    let mut surroundings: Vec<Surroundings> = Vec::with_capacity(raw.surroundings.len());
    for set in raw.surroundings {
        let set = surrounding(set, cx)?;
        if surroundings.iter().any(|known| known.name == set.name) {
            return Err(set.place.0);
        }
        surroundings.push(set);
    }
    let entries = raw
        .entry
        .into_iter()
        .map(|e| entry(e, cx))
        .collect::<Result<_, _>>()?;
    Ok(Lexicon {
        groups,
        surroundings,
        entries,
    })
}

fn group(raw: RawWords, known: &[WordGroup], cx: &Context<'_>) -> Result<WordGroup, PolicyError> {
    let (byte, name) = (raw.name.span().start, raw.name.into_inner());
    if !matches!(pattern::item(&format!("<{name}>")), Ok(Item::Group(_))) || name.starts_with('@') {
        return Err(cx.wrong(
            byte,
            format!("`{name}`"),
            "a name of small letters, digits and `_`",
        ));
    }
    if known.iter().any(|g| g.name == name) {
        return Err(cx.wrong(byte, format!("`{name}` twice"), "one table for each name"));
    }
    let words: Vec<String> = raw.words.iter().map(|w| pattern::folded(w)).collect();
    if let Some(i) = words.iter().position(|w| w.trim_end_matches('*').is_empty()) {
        let found = format!("`{}` in `{name}`", raw.words[i]);
        return Err(cx.wrong(byte, found, "words that leave something after folding"));
    }
    if words.is_empty() && raw.includes.is_empty() {
        return Err(cx.wrong(byte, "no words", "`words` or `includes`"));
    }
    Ok(WordGroup {
        place: place(cx, byte, &name),
        name,
        words,
        includes: raw.includes,
        in_names: raw.in_names,
    })
}

/// The error that is told should something named here turn out to be unknown.
fn place(cx: &Context<'_>, byte: usize, name: &str) -> Place {
    Place(cx.wrong(
        byte,
        format!("`{name}`"),
        "names of groups and surroundings that a lexicon has",
    ))
}

fn surrounding(raw: RawSurroundings, cx: &Context<'_>) -> Result<Surroundings, PolicyError> {
    let (byte, name) = (raw.name.span().start, raw.name.into_inner());
    let items = |list: Vec<String>| -> Result<Vec<Item>, PolicyError> {
        list.iter()
            .map(|w| pattern::item(w).map_err(|expected| cx.wrong(byte, format!("`{w}`"), expected)))
            .collect()
    };
    if raw.within == 0 && !(raw.before.is_empty() && raw.after.is_empty()) {
        let expected = "how many characters or words `before` and `after` reach";
        return Err(cx.wrong(byte, "no `within`", expected));
    }
    Ok(Surroundings {
        place: place(cx, byte, &name),
        name,
        before: items(raw.before)?,
        after: items(raw.after)?,
        within: raw.within.min(60),
        clause: raw.clause,
        broken_by: items(raw.broken_by)?,
        sentence: items(raw.sentence)?,
        message: items(raw.message)?,
    })
}

fn entry(mut raw: RawEntry, cx: &Context<'_>) -> Result<Entry, PolicyError> {
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
    let mut patterns = Vec::with_capacity(raw.phrases.len() + raw.patterns.len());
    for phrase in &raw.phrases {
        patterns.push(pattern::phrase(literal(
            phrase.get_ref(),
            phrase.span().start,
            cx,
        )?));
    }
    for source in &raw.patterns {
        let read = pattern::parse(source.get_ref());
        let wrong = |expected| cx.wrong(source.span().start, format!("`{}`", source.get_ref()), expected);
        patterns.push(read.map_err(wrong)?);
    }
    Ok(Entry {
        place: place(cx, byte, &rule.head.id),
        category,
        outcome: raw.verdict.0,
        patterns,
        unless: raw.unless,
        firm: raw.firm,
        when: When {
            sender_not: plain(raw.when.sender_not),
            sender: plain(raw.when.sender),
            channel: plain(raw.when.channel),
            bank_creditor: raw.when.bank_creditor,
            bank_speaks: raw.when.bank_speaks,
            third_party: raw.when.third_party,
            legal_approved: raw.when.legal_approved,
            mandate: raw.when.mandate,
            concession_approved: raw.when.concession_approved,
        },
        rule,
    })
}

fn literal(text: &str, byte: usize, cx: &Context<'_>) -> Result<String, PolicyError> {
    let folded = pattern::folded(text);
    if folded.chars().count() < 2 {
        let expected = "a phrase of at least two characters after folding";
        return Err(cx.wrong(byte, format!("`{text}`"), expected));
    }
    Ok(folded)
}
