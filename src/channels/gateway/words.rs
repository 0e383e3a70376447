//! What becomes of the words: the signature in 【】, the line that tells how to opt out, and registered templates.
//!
//! Where only registered templates go out, a text goes out when one of them, filled in, is the text that was judged,
//! character for character. So nothing is sent that the guard did not see.

use regex::Regex;
use serde::Deserialize;

use super::file::{OptOut, Signature, TextRules};
use crate::channels::carrier::{NotSentProof, Outcome};
use crate::domain::Sender;

/// The signatures and templates that a gateway has registered for us.
#[derive(Debug, Clone, Default)]
pub struct Registered {
    signatures: Vec<String>,
    templates: Vec<Template>,
}

#[derive(Debug, Clone)]
struct Template {
    id: String,
    names: Vec<String>,
    pattern: Regex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    signatures: Vec<String>,
    #[serde(default)]
    template: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: toml::Spanned<String>,
    text: toml::Spanned<String>,
}

/// What is wrong with a file of registered templates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct RegisteredError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What was found and what is expected.
    pub problem: String,
}

impl Registered {
    /// Reads a file with `signatures = [...]` and `[[template]]` with `id` and `text`; parameters stand as `${name}` in the
    /// text.
    pub fn parse(file: &str, text: &str) -> Result<Registered, RegisteredError> {
        let at = |offset: usize, problem: String| RegisteredError {
            file: file.to_owned(),
            line: 1 + text.as_bytes()[..offset.min(text.len())]
                .iter()
                .filter(|b| **b == b'\n')
                .count(),
            problem,
        };
        let read: File = toml::from_str(text)
            .map_err(|e| at(e.span().map_or(0, |s| s.start), e.message().replace('\n', ", ")))?;
        let mut templates: Vec<Template> = Vec::new();
        for entry in read.template {
            let id = entry.id.get_ref().clone();
            if templates.iter().any(|t| t.id == id) {
                return Err(at(
                    entry.id.span().start,
                    format!("template `{id}` stands here for the second time"),
                ));
            }
            let template = Template::new(id, entry.text.get_ref());
            templates.push(template.map_err(|problem| at(entry.text.span().start, problem))?);
        }
        Ok(Registered {
            signatures: read.signatures,
            templates,
        })
    }
}

impl Template {
    fn new(id: String, text: &str) -> Result<Template, String> {
        let (mut pattern, mut names, mut rest) = ("(?s)^".to_owned(), Vec::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, next) = after.split_once('}').ok_or("a `${` without `}`")?;
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(good) || names.iter().any(|n| n == name) {
                return Err(format!(
                    "parameter `{name}`, expected a name of letters, digits and `_` that stands once in the text"
                ));
            }
            pattern.push_str(&regex::escape(before));
            pattern.push_str("(.+?)");
            names.push(name.to_owned());
            rest = next;
            // Two parameters side by side could be cut anywhere.
            if rest.starts_with("${") {
                return Err(format!("nothing stands between `{name}` and the next parameter"));
            }
        }
        pattern.push_str(&regex::escape(rest));
        pattern.push('$');
        let pattern = Regex::new(&pattern).map_err(|_| "the text is too long".to_owned())?;
        Ok(Template { id, names, pattern })
    }

    fn params(&self, text: &str) -> Option<Vec<(String, String)>> {
        let found = self.pattern.captures(text)?;
        let value = |n: usize| found.get(n + 1).map(|m| m.as_str().to_owned());
        self.names
            .iter()
            .enumerate()
            .map(|(n, name)| Some((name.clone(), value(n)?)))
            .collect()
    }
}

/// The words as the gateway wants them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) signature: String,
    pub(super) template: Option<(String, Vec<(String, String)>)>,
}

fn refused(reason: &str) -> Outcome {
    Outcome::not_sent(NotSentProof::ContentRefused, reason)
}

/// The words of `text` as the gateway wants them, or why it does not carry them.
pub(super) fn words(
    text: &str,
    sender: &Sender,
    rules: &TextRules,
    registered: &Registered,
) -> Result<Words, Outcome> {
    let signature = sender
        .signature
        .trim()
        .trim_start_matches('【')
        .trim_end_matches('】')
        .to_owned();
    let known = &registered.signatures;
    if rules.signature == Signature::Apart && !known.is_empty() && !known.contains(&signature) {
        return Err(Outcome::not_sent(
            NotSentProof::Misconfigured,
            "the signature of the sender is not among those registered with the gateway",
        ));
    }
    let opts_out = |text: &str| {
        text.to_lowercase()
            .contains(&sender.opt_out_word.trim().to_lowercase())
    };
    if rules.opt_out == OptOut::Required && (sender.opt_out_word.trim().is_empty() || !opts_out(text)) {
        return Err(refused(
            "the text does not tell how to opt out, and the gateway wants that",
        ));
    }
    let bare = match rules.signature {
        Signature::InText => text,
        Signature::Apart => text
            .trim_start()
            .strip_prefix(&format!("【{signature}】"))
            .ok_or_else(|| refused("the text does not begin with the signature of the sender"))?,
    };
    let template = match rules.registered_templates {
        false => None,
        true => {
            let fits = |t: &Template| Some((t.id.clone(), t.params(bare)?));
            let found = registered.templates.iter().find_map(fits);
            Some(found.ok_or_else(|| refused("no template registered with the gateway has these words"))?)
        }
    };
    Ok(Words {
        text: bare.to_owned(),
        signature,
        template,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::sample;

    const FILE: &str = "signatures = ['瑞安商贸']\n[[template]]\nid = 'SMS_1'\ntext = '${name}您好，账单${reference}将于${due}到期。拒收请回复T'\n[[template]]\nid = 'SMS_2'\ntext = 'Paid. Thank you.'\n";

    fn rules() -> TextRules {
        TextRules {
            signature: Signature::Apart,
            registered_templates: true,
            opt_out: OptOut::AsJudged,
        }
    }

    #[test]
    fn only_words_of_a_registered_template_go_out() {
        let registered = Registered::parse("t.toml", FILE).unwrap();
        let check = |text: &str, expected: &str| {
            let found = match words(text, &sample::sender(), &rules(), &registered) {
                Ok(words) => {
                    let (id, params) = words.template.unwrap();
                    let values: Vec<String> = params.into_iter().map(|(_, v)| v).collect();
                    format!("{id} {}", values.join("|"))
                }
                Err(Outcome::NotSent { proof, .. }) => proof.to_string(),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{text}");
        };
        check(
            "【瑞安商贸】李先生您好，账单0042将于4月10日到期。拒收请回复T",
            "SMS_1 李先生|0042|4月10日",
        );
        check("【瑞安商贸】Paid. Thank you.", "SMS_2 ");
        check("【瑞安商贸】Paid. Thank you!", "content_refused");
        check("【别家】Paid. Thank you.", "content_refused");
        check("Paid. Thank you.", "content_refused");
    }

    #[test]
    fn mistakes_name_their_line() {
        let check = |text: &str, expected: &str| {
            let found = Registered::parse("t.toml", text).unwrap_err().to_string();
            assert!(found.starts_with(expected), "{found}");
        };
        check(
            "[[template]]\nid = '1'\ntext = '${a}${b}'",
            "t.toml:3: nothing stands between",
        );
        check(
            "[[template]]\nid = '1'\ntext = 'x${a'",
            "t.toml:3: a `${` without",
        );
        check(
            "[[template]]\nid = '1'\ntxt = 'x'",
            "t.toml:3: unknown field `txt`",
        );
        check(
            "[[template]]\nid='1'\ntext='a'\n[[template]]\nid='1'\ntext='b'",
            "t.toml:5: template `1`",
        );
    }

    #[test]
    fn a_required_line_is_required() {
        let rules = TextRules {
            opt_out: OptOut::Required,
            ..TextRules::default()
        };
        let check = |text: &str, expected| {
            assert_eq!(
                words(text, &sample::sender(), &rules, &Registered::default()).is_ok(),
                expected,
                "{text}"
            );
        };
        check("【瑞安商贸】您好。拒收请回复T", true);
        check("【瑞安商贸】您好。", false);
    }
}
