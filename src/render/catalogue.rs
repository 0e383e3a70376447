//! The catalogue: every template, read and compiled once, rendered often.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, UndefinedBehavior};
use sha2::{Digest, Sha256};

use super::catalogue_file::{CatalogueFile, EntryFile, LetterFile};
use super::facts::{FACT_NAMES, REPLACEABLE};
use super::faults::{TemplateError, line_of};
use super::html;
use super::locale::LocaleWords;
use crate::domain::{Channel, LetterForm, Locale, Purpose, SenderKind};

/// The wrapper for a collector's own words; never chosen by a ladder.
pub const OWN_WORDS: &str = "own-words";

/// Steps of the template engine that one part of a message may take.
const FUEL: u64 = 20_000;

/// What must be true before a template may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Legal action about this account has been decided and approved.
    LegalActionApproved,
    /// The sender states the mandate under which it acts.
    Mandate,
    /// Today is the due date or before it.
    NotYetDue,
    /// The due date has passed.
    Overdue,
    /// At least one instalment is overdue.
    InstalmentsOverdue,
}

/// One template: what it is for, who may use it, and its compiled wordings.
#[derive(Debug, Clone)]
pub struct Template {
    /// Id, as ladders name it.
    pub id: String,
    /// Title in Chinese.
    pub zh: String,
    /// Title in English.
    pub en: String,
    /// Whether it is a formal document rather than a message.
    pub document: bool,
    /// What its messages are for.
    pub purpose: Purpose,
    /// The channels it is written for.
    pub channels: Vec<Channel>,
    /// Who may send it.
    pub senders: Vec<SenderKind>,
    /// What must be true first.
    pub needs: Vec<Need>,
    /// Names of the extras a caller may or must add.
    pub extras: Vec<String>,
    wordings: BTreeMap<(Locale, Channel), Wording>,
}

impl Template {
    /// The wording for a reader of `locale`: their own, else that of the nearest locale.
    pub(super) fn wording(&self, locale: Locale, channel: Channel) -> Option<(Locale, &Wording)> {
        let at = |l: Locale| self.wordings.get(&(l, channel)).map(|w| (l, w));
        match locale {
            Locale::ZhTw => at(Locale::ZhTw).or_else(|| at(Locale::ZhCn)),
            other => at(other),
        }
    }
}

/// One template in one locale for one channel.
#[derive(Debug, Clone)]
pub(super) struct Wording {
    pub(super) parts: Vec<Part>,
    /// Every fact that any part may use.
    pub(super) used: BTreeSet<String>,
    /// The fact that holds the rows of a letter's table.
    pub(super) table_rows: Option<String>,
    /// The form of a letter, where the template wants one whatever the country.
    pub(super) form: Option<LetterForm>,
    /// SHA-256 over the files it was made from.
    pub(super) digest: [u8; 32],
}

/// What a part of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Text,
    Subject,
    Letterhead,
    Date,
    Reference,
    TableHead,
    AfterTable,
    Closing,
    /// Only on letters of law firms.
    Signature,
    ReturnSlip,
}

/// One compiled text.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) slot: Slot,
    /// Name in the template engine.
    pub(super) name: String,
    /// The file it stands in.
    pub(super) file: String,
    /// The line of the file on which it begins.
    pub(super) line: usize,
}

/// Every template, read from text and compiled.
#[derive(Debug)]
pub struct Catalogue {
    pub(super) env: Environment<'static>,
    pub(super) layout: String,
    pub(super) locales: BTreeMap<Locale, LocaleWords>,
    pub(super) reply_days_message: u64,
    pub(super) reply_days_letter: u64,
    templates: BTreeMap<String, Template>,
}

impl Catalogue {
    /// Reads every file below `templates/` (path relative to it, content) or names the first thing that is wrong.
    pub fn parse(files: &[(String, String)]) -> Result<Catalogue, TemplateError> {
        let files: BTreeMap<&str, &str> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        let need = |path: &str| {
            files
                .get(path)
                .copied()
                .ok_or_else(|| TemplateError::new(path, None, "no such file", "this file to be there"))
        };
        let head = CatalogueFile::parse("catalogue.toml", need("catalogue.toml")?)?;
        let mut catalogue = Catalogue {
            env: environment(),
            layout: need("letter.typ")?.to_owned(),
            locales: BTreeMap::new(),
            reply_days_message: head.reply_days.message,
            reply_days_letter: head.reply_days.letter,
            templates: BTreeMap::new(),
        };
        html::add_layout(
            &mut catalogue.env,
            statement_lines_vanish(need(html::LAYOUT)?.trim_end()),
        )?;
        for locale in Locale::ALL {
            let path = format!("{locale}/locale.toml");
            if *locale != Locale::ZhTw || files.contains_key(path.as_str()) {
                catalogue
                    .locales
                    .insert(*locale, LocaleWords::parse(&path, need(&path)?)?);
            }
        }
        let mut templates = BTreeMap::new();
        for (id, entry) in &head.template {
            templates.insert(id.clone(), entry_of(id, entry)?);
        }
        check_places(&files, &templates)?;
        for template in templates.values_mut() {
            let mut compiler = Compiler {
                files: &files,
                catalogue: &mut catalogue,
                extras: &template.extras,
            };
            template.wordings = compiler.wordings(&template.id, &template.channels)?;
        }
        catalogue.templates = templates;
        Ok(catalogue)
    }

    /// Every template, by id.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.templates.values()
    }

    /// One template.
    pub fn template(&self, id: &str) -> Option<&Template> {
        self.templates.get(id)
    }
}

/// Strict, without a way to load or include anything, and without the filter that would let markup through.
fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    // Debug information would carry the values of variables into error texts.
    env.set_debug(false);
    env.remove_filter("safe");
    env
}

fn entry_of(id: &str, entry: &EntryFile) -> Result<Template, TemplateError> {
    if let Some(name) = entry
        .extras
        .iter()
        .find(|n| n.as_str() != REPLACEABLE && FACT_NAMES.contains(&n.as_str()))
    {
        let found = format!("extra `{name}` of `{id}`");
        return Err(TemplateError::new(
            "catalogue.toml",
            None,
            found,
            "a name that is not one of the facts",
        ));
    }
    Ok(Template {
        id: id.to_owned(),
        zh: entry.zh.clone(),
        en: entry.en.clone(),
        document: entry.document,
        purpose: entry.purpose.0,
        channels: entry.channels.iter().map(|w| w.0).collect(),
        senders: entry.senders.iter().map(|w| w.0).collect(),
        needs: entry.needs.iter().map(|n| n.0).collect(),
        extras: entry.extras.clone(),
        wordings: BTreeMap::new(),
    })
}

/// The files of one channel.
fn files_of(channel: Channel) -> &'static [&'static str] {
    match channel {
        Channel::Sms => &["sms.txt"],
        Channel::Email => &["email.subject.txt", "email.txt"],
        Channel::Letter => &["letter.toml"],
        Channel::Call => &[],
    }
}

/// Every file stands where a template of the catalogue expects it.
fn check_places(
    files: &BTreeMap<&str, &str>,
    templates: &BTreeMap<String, Template>,
) -> Result<(), TemplateError> {
    for path in files.keys() {
        let wrong = |found: String, expected: &str| Err(TemplateError::new(path, None, found, expected));
        let steps: Vec<&str> = path.split('/').collect();
        match steps.as_slice() {
            ["catalogue.toml" | "letter.typ" | html::LAYOUT | "samples.toml" | "README.md"]
            | ["fonts" | "evidence" | "unsubscribe", ..] => {}
            [locale, ..] if steps.len() > 1 && locale.parse::<Locale>().is_err() => {
                return wrong(format!("unknown locale `{locale}`"), "`zh-CN`, `zh-TW` or `en`");
            }
            [_, "locale.toml"] => {}
            [_, id, file] => {
                let Some(template) = templates.get(*id) else {
                    return wrong(
                        format!("unknown template `{id}`"),
                        "a template that catalogue.toml lists",
                    );
                };
                if !template.channels.iter().any(|c| files_of(*c).contains(file)) {
                    return wrong(
                        format!("`{file}`"),
                        "a file of a channel that catalogue.toml lists for it",
                    );
                }
            }
            _ => return wrong("a file in this place".to_owned(), "`<locale>/<template>/<file>`"),
        }
    }
    Ok(())
}

struct Compiler<'a> {
    files: &'a BTreeMap<&'a str, &'a str>,
    catalogue: &'a mut Catalogue,
    extras: &'a [String],
}

impl<'a> Compiler<'a> {
    fn wordings(
        &mut self,
        id: &str,
        channels: &[Channel],
    ) -> Result<BTreeMap<(Locale, Channel), Wording>, TemplateError> {
        let mut out = BTreeMap::new();
        for locale in Locale::ALL {
            for channel in channels {
                let paths: Vec<String> = files_of(*channel)
                    .iter()
                    .map(|f| format!("{locale}/{id}/{f}"))
                    .collect();
                let absent = paths.iter().all(|p| !self.files.contains_key(p.as_str()));
                if *locale == Locale::ZhTw && absent {
                    continue;
                }
                out.insert((*locale, *channel), self.wording(*locale, *channel, paths)?);
            }
        }
        Ok(out)
    }

    fn wording(
        &mut self,
        locale: Locale,
        channel: Channel,
        mut paths: Vec<String>,
    ) -> Result<Wording, TemplateError> {
        let (mut parts, mut used, mut table_rows, mut form) = (Vec::new(), BTreeSet::new(), None, None);
        if let [path] = paths.as_slice()
            && channel == Channel::Letter
        {
            let letter = LetterFile::parse(path, self.file(path)?)?;
            for (slot, text, line) in letter.parts(self.file(path)?) {
                parts.push(self.part((slot, line), path, &text, &mut used)?);
            }
            parts.extend(self.frame(locale, &mut used)?);
            used.extend(["recipient_name".to_owned(), "recipient_address".to_owned()]);
            form = letter.form.map(|word| word.0);
            // What stands on the slip, where the words name the payee.
            if used.contains("payee_number") {
                let names = ["payee_holder", "payee_bank", "payment_reference"];
                used.extend(names.map(str::to_owned));
            }
            table_rows = letter.table_rows.map(|rows| rows.into_inner());
            if let Some(rows) = &table_rows {
                self.known(path, self.file(path)?, rows, 1)?;
                used.insert(rows.clone());
            }
            paths.push("letter.typ".to_owned());
        } else {
            for path in &paths {
                let slot = match path.rsplit('/').next() {
                    Some("email.subject.txt") => Slot::Subject,
                    _ => Slot::Text,
                };
                let text = self.file(path)?.to_owned();
                parts.push(self.part((slot, 1), path, &text, &mut used)?);
            }
            if channel == Channel::Email {
                paths.push(html::LAYOUT.to_owned());
            }
        }
        paths.push(format!("{locale}/locale.toml"));
        Ok(Wording {
            parts,
            used,
            table_rows,
            form,
            digest: self.digest(&paths)?,
        })
    }

    /// The frame of every letter of a locale; compiled once, used by each.
    fn frame(&mut self, locale: Locale, used: &mut BTreeSet<String>) -> Result<Vec<Part>, TemplateError> {
        let path = format!("{locale}/locale.toml");
        let raw = self.file(&path)?;
        let Some(words) = self.catalogue.locales.get(&locale) else {
            return Err(TemplateError::new(
                &path,
                None,
                "no such file",
                "the words of this locale",
            ));
        };
        let frame = words.letter.clone();
        let always = [
            (Slot::Letterhead, frame.letterhead),
            (Slot::Date, frame.date),
            (Slot::Reference, frame.reference),
        ];
        let signature = frame.signature.map(|text| (Slot::Signature, text));
        always
            .into_iter()
            .chain(signature)
            .map(|(slot, text)| {
                let line = super::catalogue_file::first_line(raw, &text);
                self.part((slot, line), &path, text.get_ref(), used)
            })
            .collect()
    }

    fn part(
        &mut self,
        (slot, line): (Slot, usize),
        file: &str,
        text: &str,
        used: &mut BTreeSet<String>,
    ) -> Result<Part, TemplateError> {
        let name = match slot {
            Slot::Text | Slot::Subject if !file.ends_with(".toml") => file.to_owned(),
            _ => format!("{file}#{slot:?}"),
        };
        let at = |l: usize| Some(line + l - 1);
        if let Some((l, word)) = forbidden(text) {
            let expected =
                "a template that stands by itself (no include, import, extends, macro, autoescape)";
            return Err(TemplateError::new(file, at(l), format!("`{word}`"), expected));
        }
        if text.trim().is_empty() {
            return Err(TemplateError::new(file, at(1), "nothing", "words"));
        }
        let env = &mut self.catalogue.env;
        if env.get_template(&name).is_err() {
            env.add_template_owned(name.clone(), statement_lines_vanish(text.trim_end()))
                .map_err(|e| {
                    let found = e.detail().unwrap_or("a mistake").to_owned();
                    TemplateError::new(file, at(e.line().unwrap_or(1)), found, "a minijinja template")
                })?;
        }
        let compiled = env
            .get_template(&name)
            .map_err(|_| TemplateError::new(file, at(1), "nothing", "words"))?;
        let names = compiled.undeclared_variables(false);
        for name in &names {
            self.known(file, text, name, line)?;
        }
        used.extend(names);
        Ok(Part {
            slot,
            name,
            file: file.to_owned(),
            line,
        })
    }

    /// Only facts and declared extras may be used.
    fn known(&self, file: &str, text: &str, name: &str, first: usize) -> Result<(), TemplateError> {
        if FACT_NAMES.contains(&name) || self.extras.iter().any(|e| e == name) {
            return Ok(());
        }
        let line = text.find(name).map(|at| first + line_of(text, at) - 1);
        let found = format!("unknown variable `{name}`");
        Err(TemplateError::new(
            file,
            line,
            found,
            "a name from the list in templates/README.md",
        ))
    }

    fn file(&self, path: &str) -> Result<&'a str, TemplateError> {
        self.files.get(path).copied().ok_or_else(|| {
            let expected = "this file, because catalogue.toml lists the template for this channel";
            TemplateError::new(path, None, "no such file", expected)
        })
    }

    fn digest(&self, paths: &[String]) -> Result<[u8; 32], TemplateError> {
        let mut hash = Sha256::new();
        for path in paths {
            for piece in [path.as_str(), self.file(path)?] {
                hash.update((piece.len() as u64).to_be_bytes());
                hash.update(piece);
            }
        }
        Ok(hash.finalize().into())
    }
}

/// The bytes whose SHA-256 names the wording of a template for a channel, out of the files of a set: each path and text
/// of it, after its length in eight bytes, big end first. `None` where no locale's wording has this digest.
pub fn template_bytes(
    files: &[(String, String)],
    template: &str,
    channel: Channel,
    digest: &[u8; 32],
) -> Option<Vec<u8>> {
    let files: BTreeMap<&str, &str> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    Locale::ALL.iter().find_map(|locale| {
        let mut paths: Vec<String> = files_of(channel)
            .iter()
            .map(|file| format!("{locale}/{template}/{file}"))
            .collect();
        match channel {
            Channel::Letter => paths.push("letter.typ".to_owned()),
            Channel::Email => paths.push(html::LAYOUT.to_owned()),
            _ => {}
        }
        paths.push(format!("{locale}/locale.toml"));
        let mut bytes = Vec::new();
        for path in &paths {
            for piece in [path.as_str(), files.get(path.as_str()).copied()?] {
                bytes.extend((piece.len() as u64).to_be_bytes());
                bytes.extend(piece.as_bytes());
            }
        }
        (<[u8; 32]>::from(Sha256::digest(&bytes)) == *digest).then_some(bytes)
    })
}

/// A line that holds one statement and nothing else leaves no trace: its line break moves into the tag, so that
/// the lines of error messages stay right. Statements within a line leave the line break alone.
fn statement_lines_vanish(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let inside = bare.strip_prefix("{%").and_then(|l| l.strip_suffix("%}"));
        match inside {
            Some(inside) if !inside.contains("{%") && !inside.ends_with(['-', '+']) => {
                let end = if line.ends_with('\n') { "\n" } else { "" };
                out.extend(["{%", inside, end, "%}"]);
            }
            _ => out.push_str(line),
        }
    }
    out
}

/// The first statement that would make a template depend on another or switch escaping off, with its line.
fn forbidden(text: &str) -> Option<(usize, &str)> {
    const WORDS: &[&str] = &[
        "include",
        "import",
        "from",
        "extends",
        "macro",
        "call",
        "autoescape",
        "endautoescape",
        "block",
    ];
    text.match_indices("{%").find_map(|(at, _)| {
        let inside = text[at + 2..].trim_start_matches(['-', '+']).trim_start();
        let word = inside
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or("");
        WORDS.contains(&word).then(|| (line_of(text, at), word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_only_a_statement_vanishes() {
        let check = |text: &str, expected: &str| assert_eq!(statement_lines_vanish(text), expected);
        check(
            "a\n  {% if x %}\nb\n{% endif %}\nc",
            "a\n{% if x \n%}b\n{% endif \n%}c",
        );
        check("a{% if x %}b{% endif %}\nc", "a{% if x %}b{% endif %}\nc");
        check("{% if x %}b{% endif %}\nc", "{% if x %}b{% endif %}\nc");
        check("{% endif %}", "{% endif %}");
    }

    #[test]
    fn statements_that_reach_beyond_the_template_are_found() {
        let check = |text: &str, expected: Option<(usize, &str)>| assert_eq!(forbidden(text), expected);
        check("a\n{%- include 'x' %}", Some((2, "include")));
        check("{% if x %}{% endif %}", None);
    }
}
