//! Gathers bundles: the answer to a question out of the store, with proofs, sealed texts, the rules and templates of the
//! time, and a certificate for people. Every bundle that is made gets an entry in the log.

use std::collections::{BTreeMap, BTreeSet};

use super::{Notary, NotaryError};
use crate::domain::{AttemptId, Channel};
use crate::evidence::bundle::About;
use crate::evidence::bundle::{
    EntryPart, Files, ObjectPart, OlderHead, Parts, Scope, SealedPart, Selected, Statement, StoryWords,
    Texts, Vouching, Walk, assemble, certificate_words, manifest_digest,
};
use crate::evidence::{Value, check_token, parse_canonical, read_set_list};
use crate::store::{AnchorKind, EntryName, Head, SetDigest, Store, StoreError};

const README: &str = include_str!("../../templates/evidence/README.txt");
const VERIFIER: &str = include_str!("../../tools/verify_bundle.py");
const FORMATS: &str = include_str!("../../tools/verify_formats.py");
const ZH: &str = include_str!("../../templates/evidence/zh.toml");
const EN: &str = include_str!("../../templates/evidence/en.toml");

/// What is asked for.
#[derive(Debug, Clone)]
pub struct BundleAsk {
    /// About whom or what, and in which time.
    pub scope: Scope,
    /// Number of the complaint that is answered.
    pub reference: Option<String>,
    /// `zh` or `en`; without it the language of the messages.
    pub language: Option<String>,
    /// The head to answer with, by its size; without it the newest.
    pub head: Option<u64>,
    /// Whether the keys of sealed texts go with it; without them nobody can read personal data in it.
    pub keys: bool,
    /// Whether a certificate is typeset.
    pub certificate: bool,
    /// Who asked.
    pub actor: Option<String>,
}

/// A bundle that was made.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Its files.
    pub files: Files,
    /// What it says of itself.
    pub statement: Statement,
    /// The SHA-256 of its manifest, in hex.
    pub manifest: String,
}

type Fields = BTreeMap<String, Value>;

/// What is gathered before the bundle is put together.
struct Gathering<'a> {
    store: &'a Store,
    keys: bool,
    entries: BTreeMap<u64, (String, Fields)>,
    /// By digest: path below `objects/`, and bytes.
    objects: BTreeMap<String, ObjectPart>,
    sealed: Vec<SealedPart>,
    opened: BTreeMap<(u64, String), String>,
    locale: Option<String>,
}

fn text<'f>(fields: &'f Fields, key: &str) -> Option<&'f str> {
    match fields.get(key)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn gone(what: &'static str) -> NotaryError {
    NotaryError::Store(StoreError::Corrupt { what })
}

impl Notary {
    /// Makes a bundle and records that it was made. Durable when it returns.
    ///
    /// # Errors
    /// There is no such head, the log cannot be signed, or something that was kept was changed.
    pub async fn bundle(&self, ask: &BundleAsk) -> Result<Bundle, NotaryError> {
        let head = self.answering_head(ask.head).await?;
        let signed = self.cosigned(&head).await?;
        let size = signed.checkpoint.size;
        let mut tree = self.store.tree().await?;
        let indices = match ask.scope.about {
            About::Attempt => self.of_attempts(&ask.scope.ids, size).await?,
            _ => self.store.select(&ask.scope, size).await?.entries,
        };
        let mut entries = Vec::with_capacity(indices.len());
        let mut walk = Walk::new(&ask.scope);
        for index in indices {
            let proven = tree.prove(EntryName::Index(index), size).await?;
            let proven = proven.ok_or_else(|| gone("entry of the log"))?;
            walk.entry(index, &proven.bytes);
            entries.push(EntryPart {
                index,
                bytes: proven.bytes,
                path: proven.path,
            });
        }
        let answer = walk.finish();
        entries.retain(|e| answer.entries.binary_search(&e.index).is_ok());
        let mut gathering = Gathering::of(&self.store, ask.keys, &entries)?;
        gathering.sealed_of(&answer).await?;
        gathering.arrivals().await?;
        gathering.objects_named().await?;
        let language = gathering.language(ask.language.as_deref());
        let (older, token) = (
            self.older(&answer, &gathering, &mut tree, size).await?,
            self.token(size).await?,
        );
        let statement = Statement {
            origin: signed.checkpoint.origin.clone(),
            size,
            root: hex::encode(signed.checkpoint.root),
            scope: ask.scope.clone(),
            answer,
            reference: ask.reference.clone(),
            language,
        };
        let parts = Parts {
            statement,
            head: signed,
            token,
            entries,
            sealed: gathering.sealed,
            objects: gathering.objects.into_values().collect(),
            older,
        };
        let certificate = match ask.certificate {
            true => self.certificate(&parts, &gathering.opened, &head).await?,
            false => None,
        };
        let texts = Texts {
            readme: README,
            verifier: VERIFIER,
            formats: FORMATS,
        };
        let files = assemble(&parts, texts, certificate);
        let manifest = manifest_digest(&files);
        self.record(ask, &parts.statement, &manifest).await?;
        Ok(Bundle {
            files,
            statement: parts.statement,
            manifest,
        })
    }

    /// The head that was asked for; else the newest, which is signed anew if something was recorded since.
    async fn answering_head(&self, size: Option<u64>) -> Result<Head, NotaryError> {
        if let Some(size) = size {
            let head = self.store.head_at(size).await?;
            return head.ok_or_else(|| {
                StoreError::Missing {
                    what: "signed head of so many entries",
                    name: size.to_string(),
                }
                .into()
            });
        }
        match self.store.newest_head().await? {
            Some(head) if self.store.is_current(&head).await? => Ok(head),
            _ => self.head().await,
        }
    }

    async fn of_attempts(&self, ids: &[String], size: u64) -> Result<Vec<u64>, NotaryError> {
        let mut indices = BTreeSet::new();
        for id in ids {
            let attempt: AttemptId = id.parse().map_err(|_| gone("id of an attempt"))?;
            indices.extend(self.store.entries_of(attempt.0, size).await?);
        }
        Ok(indices.into_iter().collect())
    }

    async fn token(&self, size: u64) -> Result<Option<Vec<u8>>, NotaryError> {
        let anchors = self.store.anchors(size).await?;
        let stamp = anchors.into_iter().rfind(|a| a.kind == AnchorKind::Timestamp);
        Ok(stamp.map(|a| a.body))
    }

    /// For each attempt the first head after its last entry for which somebody outside vouched, and that this head
    /// continues it.
    async fn older(
        &self,
        answer: &Selected,
        gathering: &Gathering<'_>,
        tree: &mut crate::store::TreeSnapshot,
        size: u64,
    ) -> Result<Vec<OlderHead>, NotaryError> {
        let mut heads: BTreeMap<u64, OlderHead> = BTreeMap::new();
        for attempt in &answer.attempts {
            let mut of = gathering.entries.iter().rev();
            let last = of.find(|(_, (_, fields))| text(fields, "attempt") == Some(attempt));
            let Some((last, _)) = last else { continue };
            let Some(found) = self.store.first_anchored(*last, size).await? else {
                continue;
            };
            let old = found.head.signed.checkpoint.size;
            if heads.contains_key(&old) {
                continue;
            }
            let path = tree
                .consistency(old, size)
                .await?
                .ok_or_else(|| gone("tile of the evidence tree"))?;
            let token = found
                .anchors
                .into_iter()
                .rfind(|a| a.kind == AnchorKind::Timestamp);
            let head = OlderHead {
                head: self.cosigned(&found.head).await?,
                path,
                token: token.map(|a| a.body),
            };
            heads.insert(old, head);
        }
        Ok(heads.into_values().collect())
    }

    /// Who vouches for the heads, as far as this installation knows their keys.
    async fn vouching(&self, parts: &Parts) -> Result<Vouching, NotaryError> {
        let mut vouching = Vouching::default();
        let older = parts.older.iter().map(|o| (&o.head, o.token.as_ref()));
        let all = older.chain([(&parts.head, parts.token.as_ref())]);
        for (head, token) in all {
            let stamp = token.and_then(|t| check_token(t, head.note.text().as_bytes()).ok());
            if let Some(stamp) = stamp {
                vouching.stamps.insert(head.checkpoint.size, stamp.at);
            }
        }
        let keys = self.store.log_keys().await?.into_iter().map(|k| k.key);
        if let Some(policy) = self.policy.clone() {
            let policy = policy.without_quorum().trusting(keys);
            vouching.witnesses = policy.check(&parts.head).map(|w| w.by).unwrap_or_default();
        }
        Ok(vouching)
    }

    #[cfg(feature = "letters")]
    async fn certificate(
        &self,
        parts: &Parts,
        opened: &BTreeMap<(u64, String), String>,
        head: &Head,
    ) -> Result<Option<Vec<u8>>, NotaryError> {
        const LAYOUT: &str = include_str!("../../templates/evidence/certificate.typ");
        let vouching = self.vouching(parts).await?;
        let words = match parts.statement.language.as_str() {
            "zh" => ZH,
            _ => EN,
        };
        let words = StoryWords::parse(words).expect("the words of certificates are read by a test");
        let words = certificate_words(parts, opened, &vouching, &words).to_string();
        let date = head.at.utc().date_naive();
        let pdf = crate::channels::letters::typeset_words(LAYOUT, &words, date);
        pdf.map(Some).map_err(|e| NotaryError::Certificate(e.to_string()))
    }

    #[cfg(not(feature = "letters"))]
    async fn certificate(
        &self,
        _: &Parts,
        _: &BTreeMap<(u64, String), String>,
        _: &Head,
    ) -> Result<Option<Vec<u8>>, NotaryError> {
        let problem = "this build has no typesetter; build with the feature `letters`, or ask for none";
        Err(NotaryError::Certificate(problem.into()))
    }

    async fn record(
        &self,
        ask: &BundleAsk,
        statement: &Statement,
        manifest: &str,
    ) -> Result<(), NotaryError> {
        let count = |n: usize| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
        // Very many subjects are named by the bundle, and the bundle by its manifest.
        let of = ask
            .scope
            .ids
            .iter()
            .take(8)
            .map(|id| id.as_str().into())
            .collect();
        let mut fields = Fields::from([
            ("what".to_owned(), "bundle".into()),
            ("scope".to_owned(), ask.scope.about.as_str().into()),
            ("of".to_owned(), Value::List(of)),
            (
                "head".to_owned(),
                i64::try_from(statement.size).unwrap_or(i64::MAX).into(),
            ),
            ("entries".to_owned(), count(statement.answer.entries.len())),
            ("manifest".to_owned(), manifest.into()),
            ("keys".to_owned(), ask.keys.into()),
        ]);
        if let Some(actor) = &ask.actor {
            fields.insert("actor".to_owned(), actor.as_str().into());
        }
        Ok(self.store.record_bundle(fields).await?)
    }
}

impl<'a> Gathering<'a> {
    fn of(store: &'a Store, keys: bool, entries: &[EntryPart]) -> Result<Gathering<'a>, NotaryError> {
        let mut read = BTreeMap::new();
        for entry in entries {
            let Ok(Value::Object(fields)) = parse_canonical(&entry.bytes) else {
                return Err(gone("log entry"));
            };
            read.insert(entry.index, (entry.bytes.clone(), fields));
        }
        Ok(Gathering {
            store,
            keys,
            entries: read,
            objects: BTreeMap::new(),
            sealed: Vec::new(),
            opened: BTreeMap::new(),
            locale: None,
        })
    }

    /// The sealed texts to which the entries of the answer commit.
    async fn sealed_of(&mut self, answer: &Selected) -> Result<(), NotaryError> {
        for id in &answer.attempts {
            let attempt: AttemptId = id.parse().map_err(|_| gone("id of an attempt"))?;
            let of: Vec<u64> = self
                .entries
                .iter()
                .filter(|(_, (_, fields))| text(fields, "attempt") == Some(id))
                .map(|(index, _)| *index)
                .collect();
            let kept = self.store.sealed_content(attempt).await?;
            for index in of.iter().rev() {
                let fields = &self.entries[index].1;
                let record = text(fields, "record").and_then(|r| r.parse().ok());
                if let (Some(record), true) = (record, fields.contains_key("situation"))
                    && let Some(situation) = self.store.sealed_situation(attempt, record).await?
                {
                    self.keep(*index, "situation", situation);
                }
            }
            let last = of
                .iter()
                .rev()
                .find(|index| self.entries[index].1.contains_key("content"));
            if let (Some(index), Some(kept)) = (last, kept) {
                self.keep(*index, "content", kept.body);
                self.keep(*index, "facts", kept.facts);
            }
        }
        Ok(())
    }

    /// Receipts and answers as they came, each with the entry that commits to it.
    async fn arrivals(&mut self) -> Result<(), NotaryError> {
        let of = |(index, (_, fields)): (&u64, &(String, Fields))| {
            let field = ["raw", "reply"].into_iter().find(|f| fields.contains_key(*f))?;
            Some((*index, field, text(fields, "record")?.parse().ok()?))
        };
        let committing: Vec<(u64, &str, uuid::Uuid)> = self.entries.iter().filter_map(of).collect();
        for (index, field, record) in committing {
            let kept = match field {
                "raw" => self.store.sealed_receipt(record).await?,
                _ => self.store.sealed_reply(record).await?,
            };
            if let Some(kept) = kept {
                self.keep(index, field, kept);
            }
        }
        Ok(())
    }

    fn keep(&mut self, index: u64, field: &str, value: crate::store::SealedValue) {
        let fits = value
            .commitment
            .is_none_or(|c| text(&self.entries[&index].1, field) == Some(hex::encode(c.0).as_str()));
        // What somebody changed is not handed out as if it were what the log committed to.
        if !fits {
            return;
        }
        let key = value.key.filter(|_| self.keys).map(|key| (key, value.aad));
        if let (Some(opened), true) = (value.opened, key.is_some()) {
            self.opened.insert((index, field.to_owned()), opened.bytes);
        }
        self.sealed.push(SealedPart {
            index,
            field: field.to_owned(),
            // The first 16 bytes of the nonce went into the key that is handed out; nothing would cover them here.
            sealed: value.sealed.get(16..).unwrap_or_default().to_vec(),
            key,
        });
    }

    fn add(&mut self, folder: &str, digest: &str, bytes: Vec<u8>, ending: &str) {
        let name = format!("{folder}/{}{ending}", &digest[..12]);
        self.objects
            .entry(digest.to_owned())
            .or_insert(ObjectPart { name, bytes });
    }

    /// What the entries and the opened texts name by its hash.
    async fn objects_named(&mut self) -> Result<(), NotaryError> {
        let mut named: BTreeMap<String, &str> = BTreeMap::new();
        for (_, fields) in self.entries.values() {
            for field in ["context", "findings", "trace", "zones_sha256", "packs"] {
                named.extend(text(fields, field).map(|digest| (digest.to_owned(), field)));
            }
        }
        for ((_, field), words) in &self.opened {
            if field == "situation" {
                let desk = parse_canonical(words).ok().and_then(|facts| match facts {
                    Value::Object(facts) => Some(text(&facts, "desk")?.to_owned()),
                    _ => None,
                });
                named.extend(desk.map(|digest| (digest, "desk")));
            }
        }
        let found = self.store.named_objects(&named.keys().cloned().collect()).await?;
        let mut packs: BTreeSet<String> = BTreeSet::new();
        for (digest, bytes) in found {
            let field = named[&digest];
            if field == "trace" {
                packs.extend(packs_of(&bytes));
            }
            self.add(field, &digest, bytes.into_bytes(), ".json");
        }
        let contexts: Vec<Fields> = self
            .objects
            .values()
            .filter(|o| o.name.starts_with("context/"))
            .filter_map(
                |o| match parse_canonical(std::str::from_utf8(&o.bytes).ok()?).ok()? {
                    Value::Object(fields) => Some(fields),
                    _ => None,
                },
            )
            .collect();
        // Older entries say the same themselves.
        let own = self
            .entries
            .values()
            .filter(|(_, f)| f.contains_key("set"))
            .map(|(_, f)| f.clone());
        let all: Vec<Fields> = contexts.into_iter().chain(own.collect::<Vec<_>>()).collect();
        for context in &all {
            self.locale = self
                .locale
                .take()
                .or_else(|| text(context, "locale").map(str::to_owned));
            if let Some(set) = text(context, "set") {
                self.policies(set, &packs).await?;
            }
            self.template(context).await?;
        }
        Ok(())
    }

    /// The list of a set of policies, and of its files those of the packs that spoke.
    async fn policies(&mut self, set: &str, packs: &BTreeSet<String>) -> Result<(), NotaryError> {
        if self.objects.contains_key(set) {
            return Ok(());
        }
        let Some(list) = self.store.document(set).await? else {
            return Ok(());
        };
        let files = read_set_list(&list).ok_or_else(|| gone("set of files"))?;
        self.add("sets", set, list.into_bytes(), ".json");
        let spoke = |path: &str| {
            let (pack, file) = path.split_once('/')?;
            (packs.contains(pack) && !file.starts_with("cases")).then_some(())
        };
        let wanted: BTreeMap<String, String> = files
            .into_iter()
            .filter(|(path, _)| spoke(path).is_some())
            .map(|(path, digest)| (digest, path))
            .collect();
        for (digest, bytes) in self
            .store
            .named_objects(&wanted.keys().cloned().collect())
            .await?
        {
            let mut name = format!("policies/{}", wanted[&digest]);
            // The same file of another set has another text.
            if self.objects.values().any(|o| o.name == name) {
                name = format!("{name}.{}", &digest[..12]);
            }
            let bytes = bytes.into_bytes();
            self.objects.entry(digest).or_insert(ObjectPart { name, bytes });
        }
        Ok(())
    }

    /// The wording that the words were made with.
    async fn template(&mut self, context: &Fields) -> Result<(), NotaryError> {
        let named = (text(context, "template"), text(context, "template_sha256"));
        let (Some(template), Some(digest)) = named else {
            return Ok(());
        };
        let Some(wanted) = SetDigest::parse(digest).filter(|_| !self.objects.contains_key(digest)) else {
            return Ok(());
        };
        for set in self.store.template_sets().await? {
            let Ok(files) = self.store.set_files(set).await else {
                continue;
            };
            let found = Channel::ALL
                .iter()
                .find_map(|channel| crate::render::template_bytes(&files, template, *channel, &wanted.0));
            if let Some(bytes) = found {
                self.add("templates", digest, bytes, ".txt");
                return Ok(());
            }
        }
        Ok(())
    }

    /// The language of the certificate: as asked, else that of the first message.
    fn language(&self, asked: Option<&str>) -> String {
        let chinese = self.locale.as_deref().is_some_and(|l| l.starts_with("zh"));
        let own = if chinese { "zh" } else { "en" };
        asked.unwrap_or(own).to_owned()
    }
}

/// Packs whose rules stand in a list of evaluated rules.
fn packs_of(trace: &str) -> BTreeSet<String> {
    let Ok(Value::List(rules)) = parse_canonical(trace) else {
        return BTreeSet::new();
    };
    let pack = |rule: Value| match rule {
        Value::Object(rule) => text(&rule, "pack").map(str::to_owned),
        _ => None,
    };
    rules.into_iter().filter_map(pack).collect()
}
