//! How one locale writes dates and amounts, and the frame of its letters, read from `<locale>/locale.toml`.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;

use super::faults::TemplateError;
use crate::domain::Money;

/// `locale.toml` as people write it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LocaleWords {
    /// Pattern with `{year}`, `{month}`, `{day}`, `{month_name}`.
    date: String,
    /// Twelve names, where the pattern uses them.
    #[serde(default)]
    months: Vec<String>,
    /// Pattern with `{number}` and `{code}` by currency; `other` for the rest.
    money: BTreeMap<String, String>,
    /// The frame of every letter.
    pub(super) letter: LetterFrame,
}

/// Templates of what stands on every letter around its words.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LetterFrame {
    /// Lines of the letterhead.
    pub(super) letterhead: toml::Spanned<String>,
    /// Date line.
    pub(super) date: toml::Spanned<String>,
    /// Reference line.
    pub(super) reference: toml::Spanned<String>,
    /// What stands at the foot of each page, with `{page}` and `{pages}`; without it numbers alone.
    #[serde(default)]
    pub(super) page: Option<String>,
    /// Where a lawyer signs; only on letters of law firms.
    #[serde(default)]
    pub(super) signature: Option<toml::Spanned<String>>,
    /// The labels of the payment slip; without them letters have none.
    #[serde(default)]
    pub(super) slip: Option<SlipWords>,
}

/// The labels of the payment slip.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlipWords {
    pub(super) title: String,
    pub(super) holder: String,
    pub(super) bank: String,
    pub(super) number: String,
    pub(super) amount: String,
    pub(super) reference: String,
    /// Beside the code for banking apps.
    pub(super) code: String,
}

impl LocaleWords {
    pub(super) fn parse(file: &str, text: &str) -> Result<LocaleWords, TemplateError> {
        let words: LocaleWords = toml::from_str(text).map_err(|e| TemplateError::toml(file, text, &e))?;
        let bad = |found: String, expected: &str| Err(TemplateError::new(file, None, found, expected));
        if words.date.contains("{month_name}") && words.months.len() != 12 {
            return bad(
                format!("{} names in `months`", words.months.len()),
                "twelve names of months",
            );
        }
        if !["{year}", "{day}"].iter().all(|part| words.date.contains(part)) {
            return bad(
                "a `date` without `{year}` or `{day}`".to_owned(),
                "e.g. `{day} {month_name} {year}`",
            );
        }
        let page = words.letter.page.as_deref();
        if page.is_some_and(|p| !p.contains("{page}") || !p.contains("{pages}")) {
            return bad(
                "`letter.page` without `{page}` or `{pages}`".to_owned(),
                "e.g. `Page {page} of {pages}`",
            );
        }
        if !words.money.contains_key("other") {
            return bad(
                "no `money.other`".to_owned(),
                "a pattern such as `{code} {number}`",
            );
        }
        if let Some((code, _)) = words.money.iter().find(|(_, p)| !p.contains("{number}")) {
            return bad(
                format!("`money.{code}` without `{{number}}`"),
                "a pattern such as `{code} {number}`",
            );
        }
        Ok(words)
    }

    /// A date as people write it.
    pub(super) fn date(&self, date: NaiveDate) -> String {
        let month = self.months.get(date.month0() as usize).map_or("", String::as_str);
        fill(&self.date, |key, out| match key {
            "year" => number(out, u64::from(date.year().unsigned_abs())),
            "month" => number(out, u64::from(date.month())),
            "day" => number(out, u64::from(date.day())),
            "month_name" => out.push_str(month),
            _ => {}
        })
    }

    /// An amount as people write it.
    pub(super) fn money(&self, money: Money) -> String {
        let pattern = self
            .money
            .get(money.currency.code())
            .or_else(|| self.money.get("other"));
        fill(
            pattern.map_or("{code} {number}", String::as_str),
            |key, out| match key {
                "number" => out.push_str(&money.grouped()),
                "code" => out.push_str(money.currency.code()),
                _ => {}
            },
        )
    }
}

/// Replaces each `{key}` of the pattern.
fn fill(pattern: &str, write: impl Fn(&str, &mut String)) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (key, after) = after.split_once('}').unwrap_or((after, ""));
        write(key, &mut out);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn number(out: &mut String, n: u64) {
    out.push_str(&n.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;

    fn words(date: &str) -> Result<LocaleWords, TemplateError> {
        LocaleWords::parse(
            "zh-CN/locale.toml",
            &format!(
                "date = \"{date}\"\nmonths = [\"Jan\", \"Feb\", \"Mar\", \"Apr\", \"May\", \"Jun\", \"Jul\", \"Aug\", \
                 \"Sep\", \"Oct\", \"Nov\", \"Dec\"]\n[money]\nCNY = \"<{{number}}>\"\nother = \"{{code}} {{number}}\"\n\
                 [letter]\nletterhead = \"a\"\ndate = \"b\"\nreference = \"c\"\n"
            ),
        )
    }

    #[test]
    fn dates_and_amounts_follow_the_pattern() {
        let w = words("{day} {month_name} {year} ({month})").unwrap();
        assert_eq!(
            w.date(NaiveDate::from_ymd_opt(2026, 4, 7).unwrap()),
            "7 Apr 2026 (4)"
        );
        let money = |minor, code| w.money(Money::new(minor, Currency::parse(code).unwrap()));
        assert_eq!(money(123_450, "CNY"), "<1,234.50>");
        assert_eq!(money(123_450, "USD"), "USD 1,234.50");
        assert_eq!(money(123_450, "JPY"), "JPY 123,450");
    }

    #[test]
    fn a_pattern_without_its_parts_is_an_error() {
        assert!(
            words("{day}")
                .unwrap_err()
                .to_string()
                .contains("zh-CN/locale.toml")
        );
    }
}
