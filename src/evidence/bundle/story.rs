//! What a certificate tells people: the parts of a bundle as blocks of words in one language. The sentences come from
//! `templates/evidence/`; the layout there sets them. Nothing is concluded here that the bundle does not hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::arrivals::came_back;
use super::make::Parts;
use crate::domain::Moment;
use crate::evidence::canonical::{Value, parse};
use crate::evidence::digest_hex;
use crate::policy::{core_rules, sources_of_rules};

/// More attempts than this are counted and not told one by one.
const MOST_TOLD: usize = 40;

/// The words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoryWords {
    title: String,
    footer: String,
    answer: String,
    steps: String,
    words_title: String,
    words_closed: String,
    words_gone: String,
    words_stopped: String,
    receipts_title: String,
    replies_title: String,
    objections: String,
    no_objections: String,
    objected: String,
    others: String,
    rules: String,
    proven: String,
    not_proven: String,
    check: String,
    nothing: String,
    more: String,
    proven_items: Vec<String>,
    proven_stamp: String,
    proven_older: String,
    proven_witness: String,
    not_proven_items: Vec<String>,
    not_proven_time: String,
    check_items: Vec<String>,
    labels: BTreeMap<String, String>,
    columns: BTreeMap<String, String>,
    words: toml::Table,
}

impl StoryWords {
    /// Reads a file of words.
    ///
    /// # Errors
    /// What is wrong with the file, with its line.
    pub fn parse(text: &str) -> Result<StoryWords, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }
}

/// What vouches for the heads of a bundle, for telling.
#[derive(Debug, Clone, Default)]
pub struct Vouching {
    /// When a time-stamp authority saw a head, by its size.
    pub stamps: BTreeMap<u64, String>,
    /// Which witnesses have seen the head, and when in seconds since 1970.
    pub witnesses: Vec<(String, u64)>,
}

type Fields = BTreeMap<String, Value>;

/// The blocks of a certificate, as its layout reads them. `opened` holds what the bundle opens: by index of the entry and
/// field.
pub fn certificate_words(
    parts: &Parts,
    opened: &BTreeMap<(u64, String), String>,
    vouching: &Vouching,
    words: &StoryWords,
) -> Json {
    let entries: BTreeMap<u64, Fields> = parts
        .entries
        .iter()
        .filter_map(|e| match parse(&e.bytes).ok()? {
            Value::Object(fields) => Some((e.index, fields)),
            _ => None,
        })
        .collect();
    let story = Story {
        parts,
        opened,
        vouching,
        words,
        entries,
        objects: parts.objects.iter().map(|o| (digest_hex(&o.bytes), o)).collect(),
    };
    let mut blocks = story.question();
    story.attempts(&mut blocks);
    story.others(&mut blocks);
    story.claims(&mut blocks);
    story.rules(&mut blocks);
    json!({"lang": parts.statement.language, "title": words.title, "footer": words.footer, "blocks": blocks})
}

struct Story<'a> {
    parts: &'a Parts,
    opened: &'a BTreeMap<(u64, String), String>,
    vouching: &'a Vouching,
    words: &'a StoryWords,
    entries: BTreeMap<u64, Fields>,
    objects: BTreeMap<String, &'a super::make::ObjectPart>,
}

/// One attempt, gathered from its entries.
struct Told<'s> {
    id: &'s str,
    entries: Vec<(u64, &'s Fields)>,
    zone: chrono_tz::Tz,
    /// The last decision, with what stands beside it.
    decision: Fields,
    decided: Option<u64>,
    /// The entry that committed to words last, and whether they went out.
    content: Option<(u64, bool)>,
}

fn text<'f>(fields: &'f Fields, key: &str) -> Option<&'f str> {
    match fields.get(key)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn filled(sentence: &str, with: &[(&str, &str)]) -> String {
    with.iter().fold(sentence.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

fn heading(text: &str) -> Json {
    json!({"kind": "heading", "text": text})
}

fn table(head: Vec<&str>, widths: &[u8], rows: Vec<Vec<String>>) -> Json {
    json!({"kind": "table", "head": head, "widths": widths, "rows": rows})
}

/// `2026-04-07 15:30:00 +08:00` and `2026-04-07 07:30:00`.
fn local_and_utc(at: &str, zone: chrono_tz::Tz) -> (String, String) {
    match Moment::parse(at) {
        Ok(moment) => (
            moment
                .utc()
                .with_timezone(&zone)
                .format("%Y-%m-%d %H:%M:%S %:z")
                .to_string(),
            moment.utc().format("%Y-%m-%d %H:%M:%S").to_string(),
        ),
        Err(_) => (at.to_owned(), at.to_owned()),
    }
}

impl Story<'_> {
    fn label(&self, key: &str) -> String {
        self.words
            .labels
            .get(key)
            .cloned()
            .unwrap_or_else(|| key.to_owned())
    }

    fn column<'w>(&'w self, key: &'w str) -> &'w str {
        self.words.columns.get(key).map_or(key, String::as_str)
    }

    fn word(&self, fixed: &str) -> String {
        let known = self.words.words.get(fixed).and_then(toml::Value::as_str);
        known.map_or_else(|| fixed.replace('_', " "), str::to_owned)
    }

    /// A source as it stands in the rules; `house rule` in the language of the certificate.
    fn word_of_source(&self, source: &str) -> String {
        match self.words.words.get("house rule").and_then(toml::Value::as_str) {
            Some(own) => source.replace("house rule", own),
            None => source.to_owned(),
        }
    }

    fn object(&self, fields: &Fields, key: &str) -> Option<Value> {
        let object = self.objects.get(text(fields, key)?)?;
        parse(std::str::from_utf8(&object.bytes).ok()?).ok()
    }

    fn facts(&self, rows: Vec<(&str, String)>) -> Json {
        let rows: Vec<(String, String)> = rows
            .into_iter()
            .map(|(key, value)| (self.label(key), value))
            .collect();
        json!({"kind": "facts", "rows": rows})
    }

    /// The question, the answer in numbers, and the head it rests on.
    fn question(&self) -> Vec<Json> {
        let s = &self.parts.statement;
        let sent = self
            .attempts_told()
            .iter()
            .filter(|t| t.content.is_some_and(|(_, sent)| sent))
            .count();
        let mut rows = vec![
            ("question", self.word(s.scope.about.as_str())),
            ("ids", s.scope.ids.join("\n")),
        ];
        let optional = [
            ("reference", &s.reference),
            ("from", &s.scope.from),
            ("until", &s.scope.until),
        ];
        rows.extend(
            optional
                .into_iter()
                .filter_map(|(key, value)| Some((key, value.clone()?))),
        );
        let witnesses = self.vouching.witnesses.iter().map(|(name, _)| name.clone());
        let none = || self.label("none");
        let or_none = |text: String| if text.is_empty() { none() } else { text };
        let stamps: Vec<String> = self
            .vouching
            .stamps
            .iter()
            .map(|(n, at)| format!("{at} (#{n})"))
            .collect();
        rows.extend([
            ("attempts", s.answer.attempts.len().to_string()),
            ("sent", sent.to_string()),
            ("entries", s.answer.entries.len().to_string()),
            ("log", s.origin.clone()),
            ("head", s.size.to_string()),
            ("root", s.root.clone()),
            ("stamp", or_none(stamps.join("\n"))),
            ("witnesses", or_none(witnesses.collect::<Vec<_>>().join("\n"))),
        ]);
        let mut blocks = vec![heading(&self.words.answer), self.facts(rows)];
        if s.answer.entries.is_empty() {
            blocks.push(json!({"kind": "text", "text": self.words.nothing}));
        }
        blocks
    }

    /// Every attempt of the answer, out of its entries.
    fn attempts_told(&self) -> Vec<Told<'_>> {
        let each = self.parts.statement.answer.attempts.iter().map(|id| {
            let entries: Vec<(u64, &Fields)> = self
                .entries
                .iter()
                .filter(|(_, fields)| text(fields, "attempt") == Some(id.as_str()))
                .map(|(index, fields)| (*index, fields))
                .collect();
            let (mut decision, mut decided, mut content) = (Fields::new(), None, None);
            for (index, fields) in &entries {
                if fields.contains_key("trace") {
                    decision = (*fields).clone();
                    if let Some(Value::Object(context)) = self.object(fields, "context") {
                        decision.extend(context);
                    }
                    if let Some(zones) = self.object(fields, "zones_sha256") {
                        decision.insert("zones".into(), zones);
                    }
                    decided = Some(*index);
                }
                if fields.contains_key("content") {
                    content = Some((*index, fields.contains_key("caps")));
                }
            }
            let zone = match decision.get("zones") {
                Some(Value::List(zones)) => zones.first().and_then(|z| match z {
                    Value::Text(name) => name.parse().ok(),
                    _ => None,
                }),
                _ => None,
            };
            Told {
                id,
                entries,
                zone: zone.unwrap_or(chrono_tz::Tz::UTC),
                decision,
                decided,
                content,
            }
        });
        each.collect()
    }

    fn attempts(&self, blocks: &mut Vec<Json>) {
        let told = self.attempts_told();
        for (n, attempt) in told.iter().take(MOST_TOLD).enumerate() {
            self.attempt(n + 1, attempt, blocks);
        }
        if told.len() > MOST_TOLD {
            let count = (told.len() - MOST_TOLD).to_string();
            let text = filled(&self.words.more, &[("count", &count)]);
            blocks.push(json!({"kind": "text", "text": text}));
        }
    }

    fn attempt(&self, n: usize, told: &Told<'_>, blocks: &mut Vec<Json>) {
        let first = told.entries.first().map(|(_, fields)| *fields);
        let channel = [Some(&told.decision), first]
            .into_iter()
            .flatten()
            .find_map(|f| text(f, "channel"));
        let state = told
            .entries
            .iter()
            .rev()
            .find_map(|(_, fields)| text(fields, "state"));
        let at = told.content.map_or(first, |(index, _)| self.entries.get(&index));
        let (local, _) = local_and_utc(at.and_then(|f| text(f, "at")).unwrap_or_default(), told.zone);
        let words = [
            channel.map(|c| self.word(c)),
            Some(local),
            state.map(|s| self.word(s)),
        ];
        let title: Vec<String> = words.into_iter().flatten().collect();
        blocks.push(heading(&format!("{n}. {}", title.join(" · "))));
        blocks.push(self.facts(self.particulars_of(told)));
        blocks.push(json!({"kind": "small", "text": self.words.steps}));
        let rows = told
            .entries
            .iter()
            .map(|(index, fields)| self.step(*index, fields, told.zone));
        blocks.push(self.steps_table(rows.collect()));
        self.said(told, blocks);
        let came = came_back(
            told.entries.iter().copied(),
            self.opened,
            &self.words.receipts_title,
        );
        blocks.extend(came);
        self.findings(told, blocks);
    }

    fn steps_table(&self, rows: Vec<Vec<String>>) -> Json {
        let head = ["index", "local", "utc", "what", "how"].map(|c| self.column(c));
        table(head.to_vec(), &[0, 4, 3, 3, 6], rows)
    }

    fn step(&self, index: u64, fields: &Fields, zone: chrono_tz::Tz) -> Vec<String> {
        const SHOWN: &[&str] = &[
            "verdict",
            "state",
            "what",
            "actor",
            "channel",
            "until",
            "reason",
            "provider",
            "provider_ref",
        ];
        let (local, utc) = local_and_utc(text(fields, "at").unwrap_or_default(), zone);
        let how = SHOWN.iter().filter_map(|key| Some(self.word(text(fields, key)?)));
        vec![
            index.to_string(),
            local,
            utc,
            self.word(text(fields, "kind").unwrap_or_default()),
            how.collect::<Vec<_>>().join("; "),
        ]
    }

    /// Who and what, as far as the bundle opens it.
    fn particulars_of<'l>(&self, told: &Told<'_>) -> Vec<(&'l str, String)> {
        let mut rows = vec![("attempt", told.id.to_owned())];
        let read = |index: Option<u64>, field: &str| -> Option<Json> {
            let text = self.opened.get(&(index?, field.to_owned()))?;
            serde_json::from_str(text).ok()
        };
        let facts = read(told.content.map(|(index, _)| index), "facts").unwrap_or_default();
        for (key, field) in [
            ("recipient", "recipient"),
            ("address", "to"),
            ("account", "reference"),
            ("due_on", "due_on"),
        ] {
            if let Some(value) = facts[field].as_str() {
                rows.push((key, value.to_owned()));
            }
        }
        if let (Some(minor), Some(code)) = (facts["balance_minor"].as_i64(), facts["currency"].as_str())
            && let Some(currency) = crate::domain::Currency::parse(code).ok()
        {
            let amount = crate::domain::Money::new(minor, currency).grouped();
            rows.push(("amount", format!("{amount} {code}")));
        }
        let situation = read(told.decided, "situation").unwrap_or_default();
        let desk = situation["desk"]
            .as_str()
            .and_then(|digest| self.objects.get(digest));
        let desk: Json = desk
            .and_then(|d| serde_json::from_slice(&d.bytes).ok())
            .unwrap_or_default();
        for key in ["creditor", "sender"] {
            if let Some(name) = desk[key]["name"].as_str() {
                rows.push((key, name.to_owned()));
            }
        }
        if let Some(template) = text(&told.decision, "template") {
            let locale = text(&told.decision, "locale").unwrap_or_default();
            rows.push(("template", format!("{template} ({locale})")));
        }
        if let Some(Value::List(zones)) = told.decision.get("zones") {
            let names = zones.iter().filter_map(|z| match z {
                Value::Text(name) => Some(name.as_str()),
                _ => None,
            });
            rows.push(("zones", names.collect::<Vec<_>>().join(", ")));
        }
        if let Some(set) = text(&told.decision, "set") {
            rows.push(("policy", set.to_owned()));
        }
        let last = told.entries.last().map_or(0, |(index, _)| *index);
        if let Some((_, at)) = self.vouching.stamps.range(last + 1..).next() {
            rows.push(("existed_by", at.clone()));
        }
        rows
    }

    /// The words, where the bundle opens them.
    fn said(&self, told: &Told<'_>, blocks: &mut Vec<Json>) {
        const PARTS: &[&str] = &[
            "subject",
            "text",
            "letterhead",
            "recipient",
            "body",
            "table",
            "after_table",
            "closing",
            "return_slip",
        ];
        let Some((index, sent)) = told.content else { return };
        let title = if sent {
            &self.words.words_title
        } else {
            &self.words.words_stopped
        };
        blocks.push(json!({"kind": "small", "text": title}));
        let key = (index, "content".to_owned());
        let Some(body) = self.opened.get(&key) else {
            let closed = self
                .parts
                .sealed
                .iter()
                .any(|s| s.index == index && s.field == "content");
            let text = if closed {
                &self.words.words_closed
            } else {
                &self.words.words_gone
            };
            blocks.push(json!({"kind": "text", "text": text}));
            return;
        };
        let body: Json = serde_json::from_str(body).unwrap_or_default();
        for part in PARTS {
            if let Some(words) = body[*part].as_str() {
                blocks.push(json!({"kind": "said", "label": self.word(part), "text": words.trim_end()}));
            }
        }
    }

    fn findings(&self, told: &Told<'_>, blocks: &mut Vec<Json>) {
        let count = match self.object(&told.decision, "trace") {
            Some(Value::List(rules)) => rules.len().to_string(),
            _ => return,
        };
        let Some(Value::List(found)) = self.object(&told.decision, "findings") else {
            let text = filled(&self.words.no_objections, &[("count", &count)]);
            blocks.push(json!({"kind": "text", "text": text}));
            return;
        };
        blocks.push(json!({"kind": "small", "text": self.words.objections}));
        let rows = found.iter().filter_map(|finding| match finding {
            Value::Object(f) => Some(vec![
                text(f, "rule")?.to_owned(),
                format!("{} {}", text(f, "pack")?, text(f, "version")?),
                self.word(text(f, "verdict")?),
                text(f, "citation")?.to_owned(),
            ]),
            _ => None,
        });
        blocks.push(self.rules_table(rows.collect()));
        let text = filled(&self.words.objected, &[("count", &count)]);
        blocks.push(json!({"kind": "text", "text": text}));
    }

    fn rules_table(&self, rows: Vec<Vec<String>>) -> Json {
        let head = ["rule", "pack", "result", "source"].map(|c| self.column(c));
        table(head.to_vec(), &[5, 3, 2, 6], rows)
    }

    /// Opt-outs, holds and the like.
    fn others(&self, blocks: &mut Vec<Json>) {
        let zone = self
            .attempts_told()
            .first()
            .map_or(chrono_tz::Tz::UTC, |t| t.zone);
        let others = self
            .entries
            .iter()
            .filter(|(_, fields)| !fields.contains_key("attempt"));
        let rows: Vec<_> = others
            .map(|(index, fields)| self.step(*index, fields, zone))
            .collect();
        if !rows.is_empty() {
            blocks.extend([heading(&self.words.others), self.steps_table(rows)]);
            let others = self.entries.iter().map(|(index, fields)| (*index, fields));
            blocks.extend(came_back(
                others.filter(|(_, fields)| fields.contains_key("reply")),
                self.opened,
                &self.words.replies_title,
            ));
        }
    }

    /// The rules that were asked at any decision told here, each with its source.
    fn rules(&self, blocks: &mut Vec<Json>) {
        let mut sources: BTreeMap<(String, String), String> = core_rules()
            .iter()
            .map(|h| ((h.pack.to_string(), h.id.to_string()), h.basis.clone()))
            .collect();
        for object in &self.parts.objects {
            let pack = object
                .name
                .strip_prefix("policies/")
                .and_then(|name| name.split_once('/'));
            if let (Some((pack, _)), Ok(text)) = (pack, std::str::from_utf8(&object.bytes)) {
                let each = sources_of_rules(text).into_iter();
                sources.extend(each.map(|(rule, basis)| ((pack.to_owned(), rule), basis)));
            }
        }
        let mut rules: BTreeSet<(String, String, String, String)> = BTreeSet::new();
        for told in self.attempts_told() {
            let Some(Value::List(trace)) = self.object(&told.decision, "trace") else {
                continue;
            };
            for rule in &trace {
                let Value::Object(rule) = rule else { continue };
                let get = |key: &str| text(rule, key).unwrap_or_default().to_owned();
                rules.insert((get("rule"), get("pack"), get("version"), get("verdict")));
            }
        }
        if rules.is_empty() {
            return;
        }
        let rows = rules.into_iter().map(|(rule, pack, version, verdict)| {
            let source = sources.get(&(pack.clone(), rule.clone())).cloned();
            vec![
                rule,
                format!("{pack} {version}"),
                self.word(&verdict),
                self.word_of_source(&source.unwrap_or_default()),
            ]
        });
        let rows = rows.collect();
        blocks.extend([heading(&self.words.rules), self.rules_table(rows)]);
    }

    /// What is proven, what is not, and how to check it.
    fn claims(&self, blocks: &mut Vec<Json>) {
        let s = &self.parts.statement;
        let (entries, size) = (s.answer.entries.len().to_string(), s.size.to_string());
        let with = [
            ("entries", entries.as_str()),
            ("size", &size),
            ("origin", &s.origin),
        ];
        let mut proven: Vec<String> = self
            .words
            .proven_items
            .iter()
            .map(|item| filled(item, &with))
            .collect();
        for (count, time) in &self.vouching.stamps {
            let count = count.to_string();
            let sentence = match count == size {
                true => &self.words.proven_stamp,
                false => &self.words.proven_older,
            };
            proven.push(filled(
                sentence,
                &[("size", &size), ("count", &count), ("time", time)],
            ));
        }
        for (name, seconds) in &self.vouching.witnesses {
            let at = i64::try_from(*seconds)
                .ok()
                .and_then(|s| chrono::DateTime::from_timestamp(s, 0));
            let time = at.map_or_else(
                || seconds.to_string(),
                |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            );
            proven.push(filled(
                &self.words.proven_witness,
                &[("name", name), ("time", &time)],
            ));
        }
        let mut not_proven = self.words.not_proven_items.clone();
        if self.vouching.stamps.is_empty() && self.vouching.witnesses.is_empty() {
            not_proven.insert(0, self.words.not_proven_time.clone());
        }
        for (title, items) in [
            (&self.words.proven, proven),
            (&self.words.not_proven, not_proven),
            (&self.words.check, self.words.check_items.clone()),
        ] {
            blocks.extend([heading(title), json!({"kind": "list", "items": items})]);
        }
    }
}
