//! The TOML files of the catalogue as people write them: `catalogue.toml` and each `letter.toml`.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::catalogue::{Need, Slot};
use super::faults::{TemplateError, line_of};
use crate::domain::{Channel, LetterForm, Purpose, SenderKind};

/// `catalogue.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogueFile {
    pub(super) reply_days: ReplyDays,
    pub(super) template: BTreeMap<String, EntryFile>,
}

/// How many days a message leaves for an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplyDays {
    pub(super) message: u64,
    pub(super) letter: u64,
}

/// One template of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryFile {
    pub(super) zh: String,
    pub(super) en: String,
    #[serde(default)]
    pub(super) document: bool,
    pub(super) purpose: Word<Purpose>,
    pub(super) channels: Vec<Word<Channel>>,
    pub(super) senders: Vec<Word<SenderKind>>,
    #[serde(default)]
    pub(super) needs: Vec<Word<Need>>,
    #[serde(default)]
    pub(super) extras: Vec<String>,
}

/// A word of a fixed list of the domain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<T>(pub(super) T);

impl<'de, T: std::str::FromStr<Err: std::fmt::Display>> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Word<T>, D::Error> {
        String::deserialize(from)?
            .parse()
            .map(Word)
            .map_err(D::Error::custom)
    }
}

impl std::str::FromStr for Need {
    type Err = String;
    fn from_str(word: &str) -> Result<Need, String> {
        match word {
            "legal_action_approved" => Ok(Need::LegalActionApproved),
            "mandate" => Ok(Need::Mandate),
            "not_yet_due" => Ok(Need::NotYetDue),
            "overdue" => Ok(Need::Overdue),
            "instalments_overdue" => Ok(Need::InstalmentsOverdue),
            _ => Err(format!(
                "`{word}` is no need; expected one of `legal_action_approved`, `mandate`, `not_yet_due`, `overdue`, \
                 `instalments_overdue`"
            )),
        }
    }
}

impl CatalogueFile {
    pub(super) fn parse(file: &str, text: &str) -> Result<CatalogueFile, TemplateError> {
        let read: CatalogueFile = toml::from_str(text).map_err(|e| TemplateError::toml(file, text, &e))?;
        for (id, entry) in &read.template {
            let bad = |found: &str, expected: &str| {
                let line = text.find(&format!("[template.{id}]")).map(|at| line_of(text, at));
                Err(TemplateError::new(
                    file,
                    line,
                    format!("`{id}` {found}"),
                    expected,
                ))
            };
            if !id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            {
                return bad("as an id", "small letters, digits and hyphens");
            }
            if entry.channels.is_empty() || entry.channels.iter().any(|c| c.0 == Channel::Call) {
                return bad("without a channel or with `call`", "`sms`, `email`, `letter`");
            }
            if entry.senders.is_empty() {
                return bad("without senders", "`creditor`, `agency`, `law_firm`");
            }
        }
        Ok(read)
    }
}

/// `letter.toml`: every text is a template; blank lines separate paragraphs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LetterFile {
    subject: Spanned<String>,
    paragraphs: Spanned<String>,
    #[serde(default)]
    table_head: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) table_rows: Option<Spanned<String>>,
    #[serde(default)]
    after_table: Option<Spanned<String>>,
    closing: Spanned<String>,
    #[serde(default)]
    return_slip: Option<Spanned<String>>,
    /// `din-5008-a`, `din-5008-b`, `china` or `us-10`; without it that of the recipient's country.
    #[serde(default)]
    pub(super) form: Option<Word<LetterForm>>,
}

impl LetterFile {
    pub(super) fn parse(file: &str, text: &str) -> Result<LetterFile, TemplateError> {
        let read: LetterFile = toml::from_str(text).map_err(|e| TemplateError::toml(file, text, &e))?;
        if read.table_head.is_some() != read.table_rows.is_some() {
            let found = "only one of `table_head` and `table_rows`";
            return Err(TemplateError::new(file, None, found, "both or neither"));
        }
        Ok(read)
    }

    /// Slot, template and first line of each text.
    pub(super) fn parts(&self, raw: &str) -> Vec<(Slot, String, usize)> {
        let mut out = Vec::new();
        let mut text = |slot, text: Option<&Spanned<String>>| {
            out.extend(text.map(|t| (slot, t.get_ref().clone(), first_line(raw, t))));
        };
        text(Slot::Subject, Some(&self.subject));
        text(Slot::Text, Some(&self.paragraphs));
        text(Slot::AfterTable, self.after_table.as_ref());
        text(Slot::Closing, Some(&self.closing));
        text(Slot::ReturnSlip, self.return_slip.as_ref());
        if let Some(head) = &self.table_head {
            let line = line_of(raw, head.span().start);
            out.push((Slot::TableHead, head.get_ref().join("\n"), line));
        }
        out
    }
}

/// The line on which the words of a TOML string begin: multi-line strings begin on the line after their quotes.
pub(super) fn first_line(raw: &str, text: &Spanned<String>) -> usize {
    let token = raw.get(text.span()).unwrap_or("");
    let below = ["\"\"\"\n", "'''\n"].iter().any(|open| token.starts_with(open));
    line_of(raw, text.span().start) + usize::from(below)
}
