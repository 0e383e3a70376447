//! One policy pack: the three files of a place, read, checked and named by their digest.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::cases::{self, CaseBook};
use super::error::{NEXT_FILE, PolicyError};
use super::lexicon::{self, Lexicon};
use super::read::Context;
use super::rules::{Applies, Kind, Rule, Source};
use super::tables;

/// The texts of one pack, as read by whoever may touch files.
#[derive(Debug, Clone)]
pub struct PackFiles<'a> {
    /// Name of the pack: the folder, e.g. `cn`.
    pub name: &'a str,
    /// `policy.toml`.
    pub policy: &'a str,
    /// `lexicon.toml`; empty when there is none.
    pub lexicon: &'a str,
    /// `cases.toml`.
    pub cases: &'a str,
}

/// The texts of one pack when its folder holds more than three files: joined, so that a mistake still names its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackTexts {
    /// `policy.toml` and every further file of rules, by name.
    pub policy: String,
    /// `lexicon.toml`.
    pub lexicon: String,
    /// `cases.toml` and every `cases-*.toml`, by name.
    pub cases: String,
}

impl PackTexts {
    /// Joins the files of the folder `name`; `files` are paths below the policies folder with their texts.
    pub fn join(name: &str, files: &[(String, String)]) -> PackTexts {
        let mut own: Vec<(&str, &str)> = files
            .iter()
            .filter_map(|(path, text)| Some((path.strip_prefix(name)?.strip_prefix('/')?, text.as_str())))
            .filter(|(file, _)| file.ends_with(".toml") && !file.contains('/'))
            .collect();
        own.sort_unstable();
        let mut texts = PackTexts::default();
        for first in ["policy.toml", "lexicon.toml", "cases.toml"] {
            let text = own.iter().find(|(file, _)| *file == first).map_or("", |(_, t)| t);
            texts.of(first).push_str(text);
        }
        for (file, text) in own {
            if matches!(file, "policy.toml" | "lexicon.toml" | "cases.toml") {
                continue;
            }
            let joined = texts.of(file);
            if !joined.is_empty() && !joined.ends_with('\n') {
                joined.push('\n');
            }
            if joined.is_empty() {
                joined.push('\n');
            }
            *joined += &format!("{NEXT_FILE}policies/{name}/{file}\n{text}");
        }
        texts
    }

    fn of(&mut self, file: &str) -> &mut String {
        match file {
            "lexicon.toml" => &mut self.lexicon,
            file if file == "cases.toml" || file.starts_with("cases-") => &mut self.cases,
            _ => &mut self.policy,
        }
    }

    /// The texts as a pack is read from them.
    pub fn files<'a>(&'a self, name: &'a str) -> PackFiles<'a> {
        PackFiles {
            name,
            policy: &self.policy,
            lexicon: &self.lexicon,
            cases: &self.cases,
        }
    }
}

/// One policy pack.
#[derive(Debug)]
pub struct Pack {
    /// Name, e.g. `cn`.
    pub name: Arc<str>,
    /// First twelve hex digits of the digest.
    pub version: Arc<str>,
    /// SHA-256 over the texts, in hex.
    pub digest: String,
    /// What the pack is, in Chinese.
    pub title_zh: String,
    /// What the pack is, in English.
    pub title_en: String,
    /// Kinds of rules that give way to an applying pack of the place.
    pub fallback: Vec<Kind>,
    /// Who the pack applies to.
    pub applies: Applies,
    /// The instruments that its rules cite.
    pub sources: Vec<Source>,
    /// Its rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// Its prohibited words.
    pub lexicon: Lexicon,
    /// Its cases.
    pub cases: CaseBook,
}

impl Pack {
    /// Reads a pack from the texts of its files.
    pub fn parse(files: &PackFiles<'_>) -> Result<Pack, PolicyError> {
        let texts = [
            ("policy.toml", files.policy),
            ("lexicon.toml", files.lexicon),
            ("cases.toml", files.cases),
        ];
        let digest = digest_of(texts.iter().map(|(name, text)| (*name, *text)));
        let name: Arc<str> = files.name.into();
        let version: Arc<str> = digest[..12].into();
        let paths = texts.map(|(file, _)| format!("policies/{}/{file}", files.name));
        let cx = |i: usize| Context {
            file: &paths[i],
            text: texts[i].1,
            pack: name.clone(),
            version: version.clone(),
        };
        let policy = tables::read(&cx(0))?;
        let lexicon = lexicon::read(&cx(1))?;
        let cases = cases::read(&cx(2))?;
        Ok(Pack {
            title_zh: policy.title_zh,
            title_en: policy.title_en,
            fallback: policy.fallback,
            applies: policy.applies,
            sources: policy.sources,
            rules: policy.rules,
            lexicon,
            cases,
            digest,
            version: version.clone(),
            name: name.clone(),
        })
    }
}

/// SHA-256 over named texts; line ends are read as `\n`, so that a checkout on another system has the same version.
pub(crate) fn digest_of<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut hash = Sha256::new();
    for (name, text) in texts {
        let canonical = text.replace("\r\n", "\n");
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
        hash.update((canonical.len() as u64).to_be_bytes());
        hash.update(canonical.as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"pack = "x"
title = { zh = "甲", en = "x" }
[[caps]]
id = "cap.a"
level = "house"
sureness = "verified"
basis = "house rule"
why = "w"
zh = "甲"
en = "e"
key = "person"
collection_only = true
local_days = 1
max = 1
"#;

    fn parse(policy: &str) -> Result<Pack, PolicyError> {
        Pack::parse(&PackFiles {
            name: "x",
            policy,
            lexicon: "",
            cases: "",
        })
    }

    #[test]
    fn mistakes_name_file_line_field_and_what_is_expected() {
        let check = |from: &str, to: &str, line: usize, field: &str, words: &[&str]| {
            let error = parse(&POLICY.replace(from, to)).unwrap_err();
            assert_eq!(
                (error.file.as_str(), error.line, error.field.as_str()),
                ("policies/x/policy.toml", line, field),
                "{error}"
            );
            assert!(words.iter().all(|w| error.to_string().contains(w)), "{error}");
        };
        check(
            "level = \"house\"",
            "level = \"hous\"",
            5,
            "level",
            &["`hous`", "`statute`"],
        );
        check("max = 1", "maximum = 1", 14, "maximum", &["maximum", "`max`"]);
        check("max = 1", "max = \"1\"", 14, "max", &["string", "u32"]);
        check(
            "local_days = 1",
            "local_days = 90",
            4,
            "id",
            &["local_days", "1-60"],
        );
        check("\"cap.a\"", "\"Cap A\"", 4, "id", &["`Cap A`", "hours.quiet"]);
        check("pack = \"x\"", "pack = \"y\"", 1, "pack", &["`y`", "`x`"]);
    }

    #[test]
    fn a_mistake_in_a_further_file_names_that_file_and_its_own_line() {
        let further = POLICY.split_once("[[caps]]").unwrap().1.replace("cap.a", "cap.b");
        let read = |further: &str| {
            let files = [
                ("x/policy.toml".to_owned(), POLICY.to_owned()),
                ("x/conduct.toml".to_owned(), format!("# more\n[[caps]]{further}")),
                ("xy/policy.toml".to_owned(), "not read".to_owned()),
            ];
            Pack::parse(&PackTexts::join("x", &files).files("x"))
        };
        assert_eq!(read(&further).unwrap().rules.len(), 2);
        let error = read(&further.replace("level = \"house\"", "level = \"hous\"")).unwrap_err();
        assert_eq!(
            (error.file.as_str(), error.line),
            ("policies/x/conduct.toml", 4),
            "{error}"
        );
        let error = read(&further.replace("max = 1", "maximum = 1")).unwrap_err();
        assert_eq!((error.line, error.field.as_str()), (13, "maximum"), "{error}");
    }

    #[test]
    fn the_version_is_of_the_words_and_not_of_the_line_ends() {
        let version = |text: &str| parse(text).unwrap().version;
        assert_eq!(version(POLICY), version(&POLICY.replace('\n', "\r\n")));
        assert_ne!(version(POLICY), version(&POLICY.replace("max = 1", "max = 2")));
    }
}
