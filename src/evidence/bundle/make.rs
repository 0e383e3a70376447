//! Putting a bundle together out of its parts. The same parts give the same bytes: there is no clock and no chance in it.

use super::Files;
use super::files::{MANIFEST, manifest_of};
use super::statement::Statement;
use crate::evidence::checkpoint::{SignedCheckpoint, hash_text};
use crate::evidence::proof::InclusionProof;
use crate::evidence::tree::Hash;

/// An entry with its path to the root of the head.
#[derive(Debug, Clone)]
pub struct EntryPart {
    /// Its index.
    pub index: u64,
    /// Its bytes.
    pub bytes: String,
    /// The inclusion proof.
    pub path: Vec<Hash>,
}

/// A sealed text that an entry commits to.
#[derive(Debug, Clone)]
pub struct SealedPart {
    /// Index of the entry.
    pub index: u64,
    /// The field that commits to it.
    pub field: String,
    /// Eight bytes of nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
    /// The key of this one text and what its seal binds; left out where it is not to be opened.
    pub key: Option<([u8; 32], String)>,
}

/// A text or object that is named by its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectPart {
    /// Path below `objects/`.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A head that was anchored earlier, with the proof that the newer one continues it.
#[derive(Debug, Clone)]
pub struct OlderHead {
    /// The head with its signatures.
    pub head: SignedCheckpoint,
    /// The consistency proof.
    pub path: Vec<Hash>,
    /// The time stamp over it.
    pub token: Option<Vec<u8>>,
}

/// Texts that lie beside the evidence and that no signature covers.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// How to check the bundle, for people.
    pub readme: &'a str,
    /// A copy of the verifier.
    pub verifier: &'a str,
    /// What the verifier reads published formats with.
    pub formats: &'a str,
}

/// Everything that goes into a bundle, but the certificate, which is made of it.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What it says of itself.
    pub statement: Statement,
    /// The head with all signatures.
    pub head: SignedCheckpoint,
    /// The time stamp over the head.
    pub token: Option<Vec<u8>>,
    /// The entries.
    pub entries: Vec<EntryPart>,
    /// Sealed texts.
    pub sealed: Vec<SealedPart>,
    /// Objects and texts by hash.
    pub objects: Vec<ObjectPart>,
    /// Older heads.
    pub older: Vec<OlderHead>,
}

/// The files of a bundle, with its manifest. `certificate` is a PDF, where one was made.
pub fn assemble(parts: &Parts, texts: Texts<'_>, certificate: Option<Vec<u8>>) -> Files {
    let mut files = Files::new();
    let mut put = |path: String, bytes: Vec<u8>| _ = files.insert(path, bytes);
    put("README.txt".into(), texts.readme.into());
    put("verify_bundle.py".into(), texts.verifier.into());
    put("verify_formats.py".into(), texts.formats.into());
    put(
        "statement.json".into(),
        parts.statement.to_canonical().into_bytes(),
    );
    put("checkpoint.txt".into(), parts.head.to_string().into_bytes());
    if let Some(token) = &parts.token {
        put("checkpoint.tst".into(), token.clone());
    }
    for entry in &parts.entries {
        let proof = InclusionProof {
            extra: None,
            index: entry.index,
            path: entry.path.clone(),
            head: parts.head.clone(),
        };
        put(
            format!("entries/{}.json", entry.index),
            entry.bytes.clone().into_bytes(),
        );
        put(
            format!("entries/{}.tlog-proof", entry.index),
            proof.to_string().into_bytes(),
        );
    }
    for part in &parts.sealed {
        let path = format!("sealed/{}.{}", part.index, part.field);
        if let Some((key, bound)) = &part.key {
            let bytes = [key.as_slice(), bound.as_bytes()].concat();
            put(format!("{path}.key"), bytes);
        }
        put(path, part.sealed.clone());
    }
    for object in &parts.objects {
        put(format!("objects/{}", object.name), object.bytes.clone());
    }
    for older in &parts.older {
        let size = older.head.checkpoint.size;
        let proof: String = older.path.iter().map(|hash| hash_text(hash) + "\n").collect();
        put(format!("older/{size}.txt"), older.head.to_string().into_bytes());
        put(format!("older/{size}.proof"), proof.into_bytes());
        if let Some(token) = &older.token {
            put(format!("older/{size}.tst"), token.clone());
        }
    }
    if let Some(pdf) = certificate {
        put("certificate.pdf".into(), pdf);
    }
    let manifest = manifest_of(&files).into_bytes();
    files.insert(MANIFEST.into(), manifest);
    files
}
