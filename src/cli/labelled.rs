//! Labelled messages, one JSON object a line: the format of `corpus/*.jsonl`, described in `corpus/README.md`.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::domain::{Channel, SenderKind};
use crate::policy::{Audience, Category, PayeeNumber};

/// One line as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    lang: String,
    channel: String,
    sender: SenderLine,
    recipient_role: String,
    #[serde(default)]
    authorised_accounts: Vec<AccountLine>,
    text: String,
    expect: String,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    evasion: Option<String>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    scenario: String,
    #[serde(default)]
    register: String,
    #[serde(default)]
    pair: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SenderLine {
    kind: String,
    name: String,
    creditor_name: String,
    creditor_is_bank: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountLine {
    holder: String,
    bank: String,
    number: String,
}

/// One labelled message.
pub(super) struct Labelled {
    pub(super) id: String,
    pub(super) lang: String,
    pub(super) channel: Channel,
    pub(super) sender: SenderKind,
    pub(super) sender_name: String,
    pub(super) creditor_name: String,
    pub(super) creditor_is_bank: bool,
    pub(super) reader: Audience,
    pub(super) accounts: Vec<PayeeNumber>,
    pub(super) text: String,
    /// Empty for a proper message.
    pub(super) categories: Vec<Category>,
    pub(super) disguise: Option<String>,
    pub(super) scenario: String,
    pub(super) pair: Option<String>,
}

/// The fixed word of the format.
pub(super) fn reader(audience: Audience) -> &'static str {
    match audience {
        Audience::Debtor => "debtor",
        Audience::Guarantor => "guarantor",
        Audience::ThirdParty => "third_party",
    }
}

/// Reads a file of labelled messages.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Labelled>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut all = Vec::new();
    for (n, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        all.push(message(line).with_context(|| format!("{}:{}", path.display(), n + 1))?);
    }
    if all.is_empty() {
        bail!("`{}` holds no messages", path.display());
    }
    same_words_are_pairs(&mut all);
    Ok(all)
}

fn message(line: &str) -> anyhow::Result<Labelled> {
    let line: Line = serde_json::from_str(line).context("this is no labelled message")?;
    let categories = line
        .categories
        .iter()
        .map(|c| c.parse::<Category>())
        .collect::<Result<Vec<_>, _>>();
    let categories = categories.context("field `categories`")?;
    match (line.expect.as_str(), categories.is_empty()) {
        ("block", false) | ("allow", true) => {}
        ("block", true) => bail!("field `categories`: a message to block has none, expected at least one"),
        ("allow", false) => bail!("field `categories`: a message to allow has some, expected none"),
        (found, _) => bail!("field `expect`: found `{found}`, expected `allow` or `block`"),
    }
    let reader = match line.recipient_role.as_str() {
        "debtor" => Audience::Debtor,
        "guarantor" => Audience::Guarantor,
        "third_party" => Audience::ThirdParty,
        found => {
            bail!("field `recipient_role`: found `{found}`, expected `debtor`, `guarantor` or `third_party`")
        }
    };
    // `source`, `note` and `register` are for people.
    let _ = (line.source, line.note, line.register);
    let account = |a: AccountLine| PayeeNumber {
        holder: a.holder,
        bank: a.bank,
        number: a.number,
    };
    Ok(Labelled {
        id: line.id,
        lang: line.lang,
        channel: line.channel.parse().context("field `channel`")?,
        sender: line.sender.kind.parse().context("field `sender.kind`")?,
        sender_name: line.sender.name,
        creditor_name: line.sender.creditor_name,
        creditor_is_bank: line.sender.creditor_is_bank,
        reader,
        accounts: line.authorised_accounts.into_iter().map(account).collect(),
        text: line.text,
        categories,
        disguise: line.evasion,
        scenario: line.scenario,
        pair: (!line.pair.is_empty()).then_some(line.pair),
    })
}

/// Messages with the same words, apart from signature and numbers, and different answers are a pair where the file names
/// none.
fn same_words_are_pairs(all: &mut [Labelled]) {
    let words = |m: &Labelled| -> String {
        let text = m.text.replace(&m.sender_name, "");
        text.chars().filter(|c| c.is_alphabetic()).collect()
    };
    let mut by_words: std::collections::BTreeMap<String, Vec<usize>> = Default::default();
    for (i, m) in all.iter().enumerate().filter(|(_, m)| m.pair.is_none()) {
        by_words.entry(words(m)).or_default().push(i);
    }
    for (words, members) in by_words {
        let harmful = members.iter().filter(|i| !all[**i].categories.is_empty()).count();
        if words.chars().count() >= 6 && harmful > 0 && harmful < members.len() {
            members
                .iter()
                .for_each(|i| all[*i].pair = Some(format!("words-{}", all[members[0]].id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"a","lang":"en","channel":"sms","sender":{"kind":"agency","name":"A","creditor_name":"B","creditor_is_bank":true},"recipient_role":"debtor","text":"hello","expect":"allow"}"#;

    #[test]
    fn a_line_is_read_or_says_what_is_wrong() {
        assert!(message(GOOD).is_ok());
        let check = |from: &str, to: &str, expected: &str| {
            let error = message(&GOOD.replace(from, to)).err().unwrap();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        };
        check("\"debtor\"", "\"cat\"", "field `recipient_role`: found `cat`");
        check("\"allow\"", "\"block\"", "field `categories`");
        check("\"allow\"", "\"maybe\"", "field `expect`");
        check("\"agency\"", "\"pirate\"", "field `sender.kind`");
        check("\"id\"", "\"ident\"", "unknown field `ident`");
        check("\"text\":\"hello\",", "", "missing field `text`");
    }
}
