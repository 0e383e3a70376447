//! One line of a file of messages: from JSON to a judgement of its words, and back to JSON. Reads the format of labelled
//! messages and ignores the labels. A line that cannot be read is an error and never passes.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::{Channel, SenderKind, Verdict};
use crate::guard::content::{ContentReview, ContentRules, Part, check, cited};
use crate::guard::instead::{without_offence, wording};
use crate::policy::{Audience, Body, Category, ContentContext, Head, PayeeNumber, PolicySet};

/// Who speaks.
#[derive(Debug, Deserialize)]
pub(super) struct Sender {
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) creditor_name: String,
    #[serde(default)]
    pub(super) creditor_is_bank: bool,
}

/// An account that may be named.
#[derive(Debug, Deserialize)]
pub(super) struct Account {
    #[serde(default)]
    pub(super) holder: String,
    #[serde(default)]
    pub(super) bank: String,
    pub(super) number: String,
}

/// One message; labels and remarks beside it are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    #[serde(default)]
    pub(super) id: Value,
    #[serde(default)]
    pub(super) lang: String,
    pub(super) channel: String,
    pub(super) sender: Sender,
    pub(super) recipient_role: String,
    #[serde(default)]
    pub(super) authorised_accounts: Vec<Account>,
    /// Approvals that the file may state; without them what the sender's kind allows is taken as approved.
    #[serde(default)]
    pub(super) legal_approved: Option<bool>,
    #[serde(default)]
    pub(super) concession_approved: Option<bool>,
    pub(super) text: String,
}

impl Line {
    fn context(&self) -> Result<ContentContext, String> {
        let kind: SenderKind = self
            .sender
            .kind
            .parse()
            .map_err(|e| format!("`sender.kind`: {e}"))?;
        let mut cx = ContentContext::new(
            kind,
            &self.sender.name,
            &self.sender.creditor_name,
            self.sender.creditor_is_bank,
        );
        cx.channel = self
            .channel
            .parse::<Channel>()
            .map_err(|e| format!("`channel`: {e}"))?;
        cx.audience = match self.recipient_role.as_str() {
            "debtor" => Audience::Debtor,
            "guarantor" => Audience::Guarantor,
            "third_party" => Audience::ThirdParty,
            other => {
                let found: String = other.chars().take(40).collect();
                return Err(format!(
                    "`recipient_role`: found `{found}`; expected `debtor`, `guarantor` or `third_party`"
                ));
            }
        };
        // Whether to sue is the creditor's and its lawyer's own decision; an agency needs to be told.
        cx.legal_approved = self.legal_approved.unwrap_or(kind != SenderKind::Agency);
        cx.concession_approved = self.concession_approved.unwrap_or(false);
        let payees = self.authorised_accounts.iter().map(|a| PayeeNumber {
            holder: a.holder.clone(),
            bank: a.bank.clone(),
            number: a.number.clone(),
        });
        cx.pay_to(payees.collect());
        Ok(cx)
    }
}

/// The countries whose packs speak about a language.
fn places(lang: &str) -> &'static [&'static str] {
    match lang {
        "zh-CN" => &["CN"],
        "zh-TW" => &["TW"],
        "zh-HK" => &["HK"],
        _ => &[],
    }
}

/// Judges lines under all packs.
pub(super) struct Bench<'p> {
    policy: &'p PolicySet,
}

impl<'p> Bench<'p> {
    pub(super) fn new(policy: &'p PolicySet) -> Bench<'p> {
        Bench { policy }
    }

    /// Which entries speak in places, whatever their other conditions.
    fn speaks(&self, cx: &ContentContext, places: &[&str]) -> Vec<bool> {
        let fits = |countries: &[String]| {
            countries.is_empty() || countries.iter().any(|c| places.contains(&c.as_str()))
        };
        let packs = self.policy.packs().iter();
        packs
            .flat_map(|pack| {
                let here = fits(&pack.applies.country);
                pack.lexicon.entries.iter().map(move |e| (here, e))
            })
            .map(|(here, e)| {
                here && fits(&e.rule.applies.country)
                    && e.rule.channels.has(cx.channel.into())
                    && e.when.holds_for(cx)
            })
            .collect()
    }

    /// The strongest citation that packs of the places give for a category.
    fn citation(&self, category: Category, places: &[&str]) -> Option<&'p Head> {
        let here = self
            .policy
            .packs()
            .iter()
            .filter(|p| p.applies.country.iter().any(|c| places.contains(&c.as_str())));
        here.flat_map(|p| &p.rules)
            .filter(|r| matches!(r.body, Body::Content { category: c } if c == category))
            .map(|r| &r.head)
            .min_by_key(|h| h.level)
    }

    /// The judgement of one line, in both languages, or what is wrong with the line.
    pub(super) fn judge(&self, line: &Line) -> Result<(ContentReview, Value), String> {
        let cx = line.context()?;
        let places = places(&line.lang);
        let speaks = self.speaks(&cx, places);
        let rules = ContentRules {
            lexicons: self.policy.lexicons(),
            speaks: Some(&speaks),
            classifier: Some(crate::guard::classifier::shipped()),
        };
        let part = Part::plain("text", &line.text);
        let review = check(&cx, &[part], &rules);
        let rewrite = match review.verdict {
            Verdict::Cleared => None,
            _ => without_offence(&cx, &part, &review, &rules),
        };
        let zh = line.lang.starts_with("zh");
        let findings = review.findings.iter().map(|f| {
            let place = self.citation(f.category, places).filter(|_| f.entry.is_some());
            let head = cited(&f.head, place);
            json!({
                "category": f.category.as_str(),
                "rule": &*head.id,
                "verdict": f.verdict.as_str(),
                "span": characters(&line.text, f.span.clone()),
                "text": &line.text[f.span.clone()],
                "citation": head.basis,
                "says": if zh { &head.zh } else { &head.en },
                "instead": rewrite.clone().or_else(|| wording(&cx, f, zh, &rules)),
            })
        });
        let categories: Vec<&str> = review.categories().iter().map(|c| c.as_str()).collect();
        let mut answer = json!({
            "id": line.id,
            "verdict": review.verdict.as_str(),
            "categories": categories,
            "findings": findings.collect::<Vec<Value>>(),
        });
        if let Some(opinion) = &review.opinion {
            answer["classifier"] = json!({
                "probability": f64::from((opinion.probability * 1000.0).round()) / 1000.0,
                "strongest": opinion.strongest.iter().map(|(words, weight)| json!([words, f64::from((weight * 1000.0).round()) / 1000.0])).collect::<Vec<Value>>(),
            });
        }
        Ok((review, answer))
    }

    /// The answer to one line of a file; `false` where it could not be read.
    pub(super) fn answer(&self, number: usize, bytes: &[u8]) -> (Value, bool) {
        let text = String::from_utf8_lossy(bytes);
        let read = serde_json::from_str::<Line>(&text)
            .or_else(|_| serde_json::from_str::<Line>(&paired(&text)))
            .map_err(|e| e.to_string());
        let judged = read.and_then(|line| self.judge(&line).map(|(_, answer)| answer));
        match judged {
            Ok(answer) => (answer, true),
            Err(wrong) => {
                let id = serde_json::from_str::<Value>(&text)
                    .ok()
                    .and_then(|v| v.get("id").cloned());
                let error = format!("line {number}: {wrong}");
                let id = id.unwrap_or(Value::Null);
                (
                    json!({"id": id, "verdict": "blocked", "categories": [], "findings": [], "error": error}),
                    false,
                )
            }
        }
    }
}

/// A byte range as a range of characters (Unicode scalar values).
fn characters(text: &str, span: std::ops::Range<usize>) -> [usize; 2] {
    let start = text[..span.start].chars().count();
    [start, start + text[span].chars().count()]
}

/// Replaces escapes of surrogates that have no partner by U+FFFD, which the guard treats as hidden.
fn paired(json: &str) -> String {
    let unit = |at: usize| -> Option<u32> {
        let escape = json.get(at..at + 6)?;
        let hex = escape.strip_prefix("\\u")?;
        u32::from_str_radix(hex, 16).ok()
    };
    let mut out = String::with_capacity(json.len());
    let mut at = 0;
    while let Some(found) = json[at..].find('\\') {
        let escape = at + found;
        out.push_str(&json[at..escape]);
        let (text, length) = match unit(escape) {
            Some(0xD800..=0xDBFF) if matches!(unit(escape + 6), Some(0xDC00..=0xDFFF)) => {
                (&json[escape..escape + 12], 12)
            }
            Some(0xD800..=0xDFFF) => ("\\ufffd", 6),
            _ => {
                let next = json[escape + 1..].chars().next().map_or(0, char::len_utf8);
                (&json[escape..escape + 1 + next], 1 + next)
            }
        };
        out.push_str(text);
        at = escape + length;
    }
    out.push_str(&json[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_without_partner_become_visible() {
        let check = |json: &str, expected: &str| assert_eq!(paired(json), expected);
        check(r#""a\ud800b""#, r#""a\ufffdb""#);
        check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
        check(r#""\\ud800""#, r#""\\ud800""#);
        check(r#""\udc00\ud800""#, r#""\ufffd\ufffd""#);
        check(r#""\"#, r#""\"#);
    }

    #[test]
    fn spans_count_characters() {
        assert_eq!(characters("你好abc", 6..8), [2, 4]);
    }
}
