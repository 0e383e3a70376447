//! Checking a bundle, step by step in the order that `docs/evidence.md` lays down, so that every verifier finds the same
//! fault first.

use std::collections::{BTreeMap, BTreeSet};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};

use super::Files;
use super::fault::{BundleFault, BundleFaultKind as K, fault};
use super::files::{MANIFEST, check_manifest, manifest_digest};
use super::scope::Walk;
use super::statement::Statement;
use crate::evidence::canonical::{Value, parse};
use crate::evidence::checkpoint::{SignedCheckpoint, decimal, hash_of};
use crate::evidence::digest_hex;
use crate::evidence::entry::leaf_hash;
use crate::evidence::quorum::{Policy, PolicyError, Witnessed};
use crate::evidence::timestamp::{Stamp, TokenError, check_token, verify_token};
use crate::evidence::tree::{Hash, verify_consistency, verify_inclusion};

/// Files that every bundle has or may have at its top.
const TOP: &[&str] = &[
    "README.txt",
    MANIFEST,
    "statement.json",
    "checkpoint.txt",
    "checkpoint.tst",
    "certificate.pdf",
    "verify_bundle.py",
    "verify_formats.py",
];

/// Fields of entries that name an object which is never erased.
pub(super) const OBJECT_FIELDS: &[&str] = &["context", "findings", "trace", "zones_sha256"];

/// More hashes than any tree needs are refused.
const MAX_HASHES: usize = 63;

/// Whom and what a verifier trusts. Nothing of it comes from the bundle.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Keys of the log and of witnesses, and how many of these must have seen the head.
    pub policy: Policy,
    /// Root certificates (DER) of time-stamp authorities; without any a token is checked against its own certificate.
    pub roots: Vec<Vec<u8>>,
    /// The digest of the manifest, where it is known from elsewhere.
    pub manifest: Option<String>,
}

/// Whether somebody vouches for the authority of a time stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Its certificate leads to a root that the verifier trusts.
    Trusted,
    /// No roots were given: only its own certificate was looked at.
    Unchecked,
}

/// What a check found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What the bundle says of itself, all of it compared with what is proven.
    pub statement: Statement,
    /// The entries by index, as they are in the log.
    pub entries: BTreeMap<u64, BTreeMap<String, Value>>,
    /// The key of the log that signed, and the witnesses that have seen the head.
    pub witnessed: Witnessed,
    /// The time stamp over the head.
    pub stamp: Option<Stamp>,
    /// Time stamps over older heads, by the size of the head.
    pub older: BTreeMap<u64, Option<Stamp>>,
    /// Whether authorities were checked.
    pub authority: Authority,
    /// What was opened: by index of the entry and name of the field that commits to it. Personal data.
    pub opened: BTreeMap<(u64, String), String>,
    /// How many sealed texts stay closed, because their key was not handed over.
    pub closed: usize,
    /// The digest that names the bundle: SHA-256 of its manifest.
    pub manifest: String,
}

impl Checked {
    /// The earliest moment by which an entry provably existed, as an authority tells it.
    pub fn existed_by(&self, index: u64) -> Option<&Stamp> {
        let older = self
            .older
            .range(index + 1..)
            .find_map(|(_, stamp)| stamp.as_ref());
        older.or(self.stamp.as_ref())
    }
}

/// Checks everything that a bundle proves by itself. Whether its answer left something out is asked with
/// [`LogWalk`](super::LogWalk).
///
/// # Errors
/// The first thing that is wrong.
pub fn check_bundle(files: &Files, trust: &Trust) -> Result<Checked, BundleFault> {
    check_manifest(files)?;
    let manifest = manifest_digest(files);
    if trust.manifest.as_ref().is_some_and(|known| *known != manifest) {
        return Err(fault(K::OtherBundle, MANIFEST));
    }
    let statement = Statement::parse(file(files, "statement.json")?)
        .ok_or_else(|| fault(K::Statement, "statement.json"))?;
    let (head, witnessed) = check_head(files, &statement, trust)?;
    let mut entries = BTreeMap::new();
    for index in &statement.answer.entries {
        entries.insert(*index, check_entry(files, *index, &head)?);
    }
    check_answer(files, &statement)?;
    check_chains(&entries)?;
    let (opened, closed) = check_sealed(files, &entries)?;
    check_objects(files, &statement, &entries, &opened)?;
    let stamp = match files.get("checkpoint.tst") {
        Some(token) => Some(check_stamp(token, &head, trust, "checkpoint.tst")?),
        None => None,
    };
    let older = check_older(files, &head, trust)?;
    check_layout(files, &statement)?;
    Ok(Checked {
        statement,
        entries,
        witnessed,
        stamp,
        older,
        authority: match trust.roots.is_empty() {
            true => Authority::Unchecked,
            false => Authority::Trusted,
        },
        opened,
        closed,
        manifest,
    })
}

fn file<'f>(files: &'f Files, path: &str) -> Result<&'f [u8], BundleFault> {
    let found = files.get(path).map(Vec::as_slice);
    found.ok_or_else(|| fault(K::Missing, path))
}

fn text<'f>(files: &'f Files, path: &str, kind: K) -> Result<&'f str, BundleFault> {
    std::str::from_utf8(file(files, path)?).map_err(|_| fault(kind, path))
}

/// The number and the rest of `42.json`.
fn numbered(name: &str) -> Option<(u64, &str)> {
    let (number, rest) = name.split_once('.')?;
    Some((decimal(number)?, rest))
}

/// A field that may commit to something sealed.
fn is_field(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// Every file is one that the form knows.
fn check_layout(files: &Files, statement: &Statement) -> Result<(), BundleFault> {
    let indices: BTreeSet<u64> = statement.answer.entries.iter().copied().collect();
    let known = |path: &str| match path.split_once('/') {
        None => TOP.contains(&path),
        Some(("entries", name)) => numbered(name).is_some_and(|(index, rest)| {
            indices.contains(&index) && (rest == "json" || rest == "tlog-proof")
        }),
        Some(("sealed", name)) => numbered(name).is_some_and(|(index, rest)| {
            let field = rest.strip_suffix(".key").unwrap_or(rest);
            let sealed = files.contains_key(&format!("sealed/{index}.{field}"));
            indices.contains(&index) && is_field(field) && sealed
        }),
        Some(("older", name)) => numbered(name).is_some_and(|(size, rest)| {
            let head = files.contains_key(&format!("older/{size}.txt"));
            head && matches!(rest, "txt" | "proof" | "tst")
        }),
        Some(("objects", _)) => true,
        Some(_) => false,
    };
    match files.keys().find(|path| !known(path)) {
        None => Ok(()),
        Some(path) => Err(fault(K::Extra, path)),
    }
}

/// Reads a head and asks the policy.
fn signed_head(
    text: &str,
    policy: &Policy,
    path: &str,
) -> Result<(SignedCheckpoint, Witnessed), BundleFault> {
    let head = SignedCheckpoint::parse(text).map_err(|_| fault(K::Form, path))?;
    let witnessed = policy.check(&head).map_err(|e| match e {
        PolicyError::Quorum => fault(K::Quorum, path),
        _ => fault(K::Signature, path),
    })?;
    Ok((head, witnessed))
}

fn check_head(
    files: &Files,
    statement: &Statement,
    trust: &Trust,
) -> Result<(SignedCheckpoint, Witnessed), BundleFault> {
    let path = "checkpoint.txt";
    let (head, witnessed) = signed_head(text(files, path, K::Form)?, &trust.policy, path)?;
    let c = &head.checkpoint;
    match c.origin == statement.origin && c.size == statement.size && hex::encode(c.root) == statement.root {
        true => Ok((head, witnessed)),
        false => Err(fault(K::OtherHead, "statement.json")),
    }
}

/// An entry is canonical, and its proof leads to the head of the bundle.
fn check_entry(
    files: &Files,
    index: u64,
    head: &SignedCheckpoint,
) -> Result<BTreeMap<String, Value>, BundleFault> {
    let path = format!("entries/{index}.json");
    let bytes = text(files, &path, K::Entry)?;
    let Ok(Value::Object(fields)) = parse(bytes) else {
        return Err(fault(K::Entry, path));
    };
    let path = format!("entries/{index}.tlog-proof");
    let rest = [b"\n", file(files, "checkpoint.txt")?].concat();
    let Some(top) = file(files, &path)?.strip_suffix(rest.as_slice()) else {
        return Err(fault(K::OtherHead, path));
    };
    let hashes = proof_of(top, index).ok_or_else(|| fault(K::Form, path.as_str()))?;
    let (leaf, c) = (leaf_hash(bytes.as_bytes()), &head.checkpoint);
    match verify_inclusion(&leaf, index, c.size, &hashes, &c.root) {
        Ok(()) => Ok(fields),
        Err(_) => Err(fault(K::Path, format!("entries/{index}.json"))),
    }
}

/// The hashes of a proof, whose first lines name the form and the index.
fn proof_of(top: &[u8], index: u64) -> Option<Vec<Hash>> {
    let body = std::str::from_utf8(top).ok()?.strip_suffix('\n')?;
    let mut lines = body.split('\n');
    (lines.next()? == "c2sp.org/tlog-proof@v1").then_some(())?;
    (lines.next()? == format!("index {index}")).then_some(())?;
    hash_lines(lines)
}

fn hash_lines<'l>(lines: impl Iterator<Item = &'l str>) -> Option<Vec<Hash>> {
    let hashes = lines.map(hash_of).collect::<Option<Vec<Hash>>>()?;
    (hashes.len() <= MAX_HASHES).then_some(hashes)
}

/// The entries are those that a walk over them finds for the question, and the attempts too.
fn check_answer(files: &Files, statement: &Statement) -> Result<(), BundleFault> {
    let mut walk = Walk::new(&statement.scope);
    for index in &statement.answer.entries {
        let path = format!("entries/{index}.json");
        let bytes = text(files, &path, K::Entry)?;
        if !walk.entry(*index, bytes) {
            return Err(fault(K::Entry, path));
        }
    }
    match walk.finish() == statement.answer {
        true => Ok(()),
        false => Err(fault(K::Incomplete, "statement.json")),
    }
}

/// The entries of each attempt name each other: the first names none, each later one the one before it.
fn check_chains(entries: &BTreeMap<u64, BTreeMap<String, Value>>) -> Result<(), BundleFault> {
    let mut last: BTreeMap<&str, &Value> = BTreeMap::new();
    for (index, fields) in entries {
        let Some(Value::Text(attempt)) = fields.get("attempt") else {
            continue;
        };
        let record = fields.get("record");
        let (Some(record), true) = (record, fields.get("prev") == last.get(attempt.as_str()).copied()) else {
            return Err(fault(K::Chain, format!("entries/{index}.json")));
        };
        last.insert(attempt, record);
    }
    Ok(())
}

type Opened = BTreeMap<(u64, String), String>;

/// Opens what has its key beside it, and compares it with the commitment of its entry.
fn check_sealed(
    files: &Files,
    entries: &BTreeMap<u64, BTreeMap<String, Value>>,
) -> Result<(Opened, usize), BundleFault> {
    let (mut opened, mut closed) = (Opened::new(), 0);
    for (path, sealed) in files.range("sealed/".to_owned()..) {
        let Some(name) = path.strip_prefix("sealed/") else {
            break;
        };
        let Some((index, field)) = numbered(name).filter(|(_, field)| is_field(field)) else {
            continue;
        };
        let Some(Value::Text(named)) = entries.get(&index).and_then(|fields| fields.get(field)) else {
            return Err(fault(K::Sealed, path));
        };
        let Some(key) = files.get(&format!("{path}.key")) else {
            closed += 1;
            continue;
        };
        let plain = unsealed(sealed, key).ok_or_else(|| fault(K::Sealed, path))?;
        if digest_hex(&plain) != *named {
            return Err(fault(K::Sealed, path));
        }
        // What a provider sent need not be text.
        let words = String::from_utf8_lossy(plain.get(32..).unwrap_or_default());
        opened.insert((index, field.to_owned()), words.into_owned());
    }
    Ok((opened, closed))
}

/// Opens a sealed value with its key file: 32 bytes of key, and what the seal binds beside the value.
fn unsealed(sealed: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let (key, aad) = key.split_first_chunk::<32>()?;
    let (nonce, msg) = sealed.split_first_chunk::<8>()?;
    let mut short = [0u8; 12];
    short[4..].copy_from_slice(nonce);
    let payload = Payload { msg, aad };
    ChaCha20Poly1305::new(&(*key).into())
        .decrypt(&short.into(), payload)
        .ok()
}

/// Every text of 64 small hex digits between quotation marks.
fn digests_in(bytes: &[u8]) -> Vec<&str> {
    let hex = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let inner = bytes.get(at + 1..at + 65).filter(|_| bytes[at] == b'"');
        match inner.filter(|inner| inner.iter().all(hex) && bytes.get(at + 65) == Some(&b'"')) {
            Some(inner) => {
                found.extend(std::str::from_utf8(inner));
                at += 66;
            }
            None => at += 1,
        }
    }
    found
}

/// Every object is named by its digest, by an entry or by something that is named; what entries name is there.
fn check_objects(
    files: &Files,
    statement: &Statement,
    entries: &BTreeMap<u64, BTreeMap<String, Value>>,
    opened: &Opened,
) -> Result<(), BundleFault> {
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for index in &statement.answer.entries {
        named.extend(digests_in(file(files, &format!("entries/{index}.json"))?));
    }
    named.extend(opened.values().flat_map(|words| digests_in(words.as_bytes())));
    let objects: BTreeMap<&String, String> = files
        .iter()
        .filter(|(path, _)| path.starts_with("objects/"))
        .map(|(path, bytes)| (path, digest_hex(bytes)))
        .collect();
    let there: BTreeSet<&str> = objects.values().map(String::as_str).collect();
    for (index, fields) in entries {
        for field in OBJECT_FIELDS {
            if matches!(fields.get(*field), Some(Value::Text(digest)) if !there.contains(digest.as_str())) {
                return Err(fault(K::Object, format!("entries/{index}.json")));
            }
        }
    }
    let mut left = objects.clone();
    loop {
        let hits: Vec<&String> = left
            .iter()
            .filter(|(_, digest)| named.contains(digest.as_str()))
            .map(|(path, _)| *path)
            .collect();
        if hits.is_empty() {
            break;
        }
        for path in hits {
            left.remove(path);
            named.extend(digests_in(&files[path]));
        }
    }
    match left.into_keys().next() {
        None => Ok(()),
        Some(path) => Err(fault(K::Object, path)),
    }
}

fn check_stamp(
    token: &[u8],
    head: &SignedCheckpoint,
    trust: &Trust,
    path: &str,
) -> Result<Stamp, BundleFault> {
    let text = head.note.text().as_bytes();
    let stamp = match trust.roots.is_empty() {
        true => check_token(token, text),
        false => verify_token(token, text, &trust.roots),
    };
    stamp.map_err(|e| match e {
        TokenError::Untrusted(_) => fault(K::Authority, path),
        _ => fault(K::Token, path),
    })
}

/// Older heads are signed, are the beginning of the head, and carry the time stamps they came with.
fn check_older(
    files: &Files,
    head: &SignedCheckpoint,
    trust: &Trust,
) -> Result<BTreeMap<u64, Option<Stamp>>, BundleFault> {
    let sizes: BTreeSet<u64> = files
        .keys()
        .filter_map(|path| numbered(path.strip_prefix("older/")?))
        .map(|(size, _)| size)
        .collect();
    let policy = trust.policy.clone().without_quorum();
    let mut older = BTreeMap::new();
    for size in sizes {
        let path = format!("older/{size}.txt");
        let (old, _) = signed_head(text(files, &path, K::Form)?, &policy, &path)?;
        let (c, new) = (&old.checkpoint, &head.checkpoint);
        if c.origin != new.origin || c.size != size || size >= new.size {
            return Err(fault(K::OtherHead, path));
        }
        let proof = format!("older/{size}.proof");
        let lines = text(files, &proof, K::Form)?.strip_suffix('\n');
        let hashes = lines.and_then(|lines| hash_lines(lines.split('\n')));
        let hashes = hashes.ok_or_else(|| fault(K::Form, proof.as_str()))?;
        verify_consistency((size, &c.root), (new.size, &new.root), &hashes)
            .map_err(|_| fault(K::Consistency, proof))?;
        let stamp = format!("older/{size}.tst");
        let stamp = match files.get(&stamp) {
            Some(token) => Some(check_stamp(token, &old, trust, &stamp)?),
            None => None,
        };
        older.insert(size, stamp);
    }
    Ok(older)
}
