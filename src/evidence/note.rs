//! Signed notes (C2SP signed-note): text under one or more Ed25519 signatures, and the text form of keys. Cosignatures
//! of witnesses (C2SP tlog-cosignature, version 1) are signatures of the same form over the text and a time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer;
use sha2::{Digest, Sha256};

/// More signatures than this on one note are refused.
const MAX_SIGNATURES: usize = 64;

/// Longer notes are refused.
const MAX_BYTES: usize = 1 << 20;

const EM_DASH: &str = "\u{2014} ";
const PRIVATE: &str = "PRIVATE+KEY+";

/// What a key signs, by the type byte of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyUse {
    /// `0x01`: the text of a note, as a log does.
    Text,
    /// `0x04`: a time and the text of a checkpoint, as a witness does.
    Cosignature,
}

impl KeyUse {
    const fn byte(self) -> u8 {
        match self {
            KeyUse::Text => 1,
            KeyUse::Cosignature => 4,
        }
    }

    const fn of_byte(byte: u8) -> Option<KeyUse> {
        match byte {
            1 => Some(KeyUse::Text),
            4 => Some(KeyUse::Cosignature),
            _ => None,
        }
    }
}

/// Why a note or a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a note.
    #[error("this is no signed note: {0}")]
    Form(&'static str),
    /// Not a key.
    #[error("this is no key of the form `name+hash+base64`: {0}")]
    Key(&'static str),
    /// A signature by a known key that does not fit the text.
    #[error("the signature of `{0}` does not fit the text")]
    Bad(String),
    /// No key that is trusted has signed.
    #[error("no trusted key has signed this")]
    Unsigned,
}

/// A name that a key or an origin may have: not empty, no blanks, no `+`, no control characters.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name
            .chars()
            .any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

fn key_id(name: &str, kind: KeyUse, key: &[u8; 32]) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', kind.byte()])
        .chain_update(key)
        .finalize()
        .into();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// A public key with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    kind: KeyUse,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// Reads `name+hash+base64`, the form of the specification.
    pub fn parse(text: &str) -> Result<VerifierKey, NoteError> {
        // The base64 may hold `+` too; the name never does.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key("it has not three parts"));
        };
        let (kind, key) = material_of(material)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key)
            .map_err(|_| NoteError::Key("the bytes are no point of the curve"))?;
        let known = VerifierKey::new(name, kind, key)?;
        if id == hex::encode(known.id) {
            Ok(known)
        } else {
            Err(NoteError::Key("the hash is not that of the name and key"))
        }
    }

    fn new(name: &str, kind: KeyUse, key: ed25519_dalek::VerifyingKey) -> Result<VerifierKey, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Key("the name is empty, or holds a blank or a `+`"));
        }
        Ok(VerifierKey {
            name: name.to_owned(),
            id: key_id(name, kind, key.as_bytes()),
            kind,
            key,
        })
    }

    /// Its name; for a log the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The four bytes that signatures carry, in hex.
    pub fn id(&self) -> String {
        hex::encode(self.id)
    }

    /// What it signs.
    pub fn kind(&self) -> KeyUse {
        self.kind
    }

    /// Whether both wrap the same bytes, whatever their names.
    pub fn same_material(&self, other: &VerifierKey) -> bool {
        self.key == other.key
    }

    fn made(&self, signature: &NoteSignature) -> bool {
        signature.name == self.name && signature.id == self.id
    }

    /// Whether the signature fits; a cosignature also says when it was made, in seconds since 1970.
    fn check(&self, text: &str, signature: &NoteSignature) -> Result<Option<u64>, NoteError> {
        let bad = || NoteError::Bad(self.name.clone());
        let (message, bytes, at) = match self.kind {
            KeyUse::Text => (text.to_owned(), signature.bytes.as_slice(), None),
            KeyUse::Cosignature => {
                let (time, rest) = signature.bytes.split_first_chunk::<8>().ok_or_else(bad)?;
                let time = u64::from_be_bytes(*time);
                if i64::try_from(time).is_err() {
                    return Err(bad());
                }
                (cosigned(text, time), rest, Some(time))
            }
        };
        let bytes = ed25519_dalek::Signature::from_slice(bytes).map_err(|_| bad())?;
        self.key
            .verify_strict(message.as_bytes(), &bytes)
            .map_err(|_| bad())?;
        Ok(at)
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let material = [&[self.kind.byte()], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, self.id(), STANDARD.encode(material))
    }
}

fn material_of(text: &str) -> Result<(KeyUse, [u8; 32]), NoteError> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| NoteError::Key("its last part is no base64"))?;
    let (kind, key) = bytes
        .split_first()
        .ok_or(NoteError::Key("its last part is empty"))?;
    let kind =
        KeyUse::of_byte(*kind).ok_or(NoteError::Key("it is neither an Ed25519 key nor a cosigner's"))?;
    let key = <[u8; 32]>::try_from(key).map_err(|_| NoteError::Key("an Ed25519 key has 32 bytes"))?;
    Ok((kind, key))
}

/// The message under a cosignature.
fn cosigned(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// A secret key with its name. Never shown, also not by `Debug`; overwritten when dropped.
#[derive(Clone)]
pub struct NoteSigner {
    public: VerifierKey,
    secret: ed25519_dalek::SigningKey,
}

impl std::fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "NoteSigner({}+{}, secret hidden)",
            self.public.name,
            self.public.id()
        )
    }
}

impl NoteSigner {
    /// A key from 32 random bytes.
    pub fn from_seed(name: &str, kind: KeyUse, seed: &[u8; 32]) -> Result<NoteSigner, NoteError> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifierKey::new(name, kind, secret.verifying_key())?;
        Ok(NoteSigner { public, secret })
    }

    /// Reads `PRIVATE+KEY+name+hash+base64`, the form that note tools share.
    pub fn parse(text: &str) -> Result<NoteSigner, NoteError> {
        let rest = text
            .strip_prefix(PRIVATE)
            .ok_or(NoteError::Key("a secret key begins with `PRIVATE+KEY+`"))?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key("it has not five parts"));
        };
        let (kind, seed) = material_of(material)?;
        let signer = NoteSigner::from_seed(name, kind, &seed)?;
        if id == signer.public.id() {
            Ok(signer)
        } else {
            Err(NoteError::Key("the hash is not that of the name and key"))
        }
    }

    /// The secret as text, for its file.
    pub fn to_secret_text(&self) -> String {
        let material = [&[self.public.kind.byte()], self.secret.to_bytes().as_slice()].concat();
        format!(
            "{PRIVATE}{}+{}+{}",
            self.public.name,
            self.public.id(),
            STANDARD.encode(material)
        )
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    /// Signs a text that ends with a line break. `time` (seconds since 1970) goes into cosignatures only.
    pub fn sign(&self, text: &str, time: u64) -> NoteSignature {
        let bytes = match self.public.kind {
            KeyUse::Text => self.secret.sign(text.as_bytes()).to_bytes().to_vec(),
            KeyUse::Cosignature => {
                let signature = self.secret.sign(cosigned(text, time).as_bytes());
                [time.to_be_bytes().as_slice(), &signature.to_bytes()].concat()
            }
        };
        NoteSignature {
            name: self.public.name.clone(),
            id: self.public.id,
            bytes,
        }
    }
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// Reads one line without its line break.
    pub fn parse(line: &str) -> Result<NoteSignature, NoteError> {
        let form = NoteError::Form("a signature line is `\u{2014} name base64`");
        let (name, base64) = line
            .strip_prefix(EM_DASH)
            .and_then(|rest| rest.split_once(' '))
            .ok_or(form.clone())?;
        let bytes = STANDARD.decode(base64).map_err(|_| form.clone())?;
        let (id, bytes) = bytes.split_first_chunk::<4>().ok_or(form.clone())?;
        if !is_key_name(name) || bytes.is_empty() {
            return Err(form);
        }
        Ok(NoteSignature {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        })
    }

    /// The name of the key that made it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the key that made it, in hex.
    pub fn id(&self) -> String {
        hex::encode(self.id)
    }
}

impl std::fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = [self.id.as_slice(), &self.bytes].concat();
        write!(f, "{EM_DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A key that signed, and when if it said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy<'k> {
    /// The key.
    pub key: &'k VerifierKey,
    /// Seconds since 1970, from a cosignature.
    pub at: Option<u64>,
}

/// A text with its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Takes a text that ends with a line break.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Note, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::Form("its text does not end with a line break"));
        }
        if text.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Form("it holds a control character"));
        }
        Ok(Note { text, signatures })
    }

    /// Reads a note: text, an empty line, signature lines.
    pub fn parse(note: &str) -> Result<Note, NoteError> {
        if note.len() > MAX_BYTES {
            return Err(NoteError::Form("it is longer than a note may be"));
        }
        let cut = note
            .rfind("\n\n")
            .ok_or(NoteError::Form("it has no empty line before its signatures"))?;
        let (text, lines) = (&note[..=cut], &note[cut + 2..]);
        let lines = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Form("its last line is torn or missing"))?;
        let signatures: Vec<NoteSignature> = lines
            .split('\n')
            .map(NoteSignature::parse)
            .collect::<Result<_, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Form("it has too many signatures"));
        }
        Note::new(text.to_owned(), signatures)
    }

    /// What is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Who says to have signed; nothing is verified yet.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature unless the same key's is there already.
    pub fn add(&mut self, signature: NoteSignature) {
        let same = |s: &NoteSignature| s.name == signature.name && s.id == signature.id;
        if !self.signatures.iter().any(same) {
            self.signatures.push(signature);
        }
    }

    /// Which of `keys` have signed. Signatures of other keys are ignored, as the specification demands.
    ///
    /// # Errors
    /// A signature by one of `keys` that does not fit, or none at all.
    pub fn signed_by<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<SignedBy<'k>>, NoteError> {
        let mut found: Vec<SignedBy<'k>> = Vec::new();
        for signature in &self.signatures {
            let Some(key) = keys.iter().find(|key| key.made(signature)) else {
                continue;
            };
            let at = key.check(&self.text, signature)?;
            if !found.iter().any(|seen| seen.key == key) {
                found.push(SignedBy { key, at });
            }
        }
        if found.is_empty() {
            return Err(NoteError::Unsigned);
        }
        Ok(found)
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|s| writeln!(f, "{s}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use signed_note::{Signer as _, Verifier as _};

    fn signer(kind: KeyUse) -> NoteSigner {
        NoteSigner::from_seed("log.example/one", kind, &[7; 32]).unwrap()
    }

    fn signed(text: &str) -> Note {
        let signature = signer(KeyUse::Text).sign(text, 0);
        Note::new(text.to_owned(), vec![signature]).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_verifies() {
        let note = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned \u{e8} subito sera.\n\n\u{2014} quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
        let parsed = Note::parse(note).unwrap();
        assert_eq!(parsed.to_string(), note);
        assert_eq!(parsed.signatures()[0].id(), "367ba04b");
        assert!(parsed.text().ends_with("subito sera.\n") && parsed.text().contains("\n\n"));
    }

    #[test]
    fn another_implementation_reads_our_keys_and_notes_and_we_read_theirs() {
        let ours = signer(KeyUse::Text);
        let key = ours.verifier().to_string();
        let theirs = signed_note::StandardVerifier::new(&key).unwrap();
        let note = signed("one\ntwo\n");
        let read = signed_note::Note::from_bytes(note.to_string().as_bytes()).unwrap();
        let list = signed_note::VerifierList::new(vec![Box::new(theirs)]);
        let (known, unknown) = read.verify(&list).unwrap();
        assert_eq!((known.len(), unknown.len()), (1, 0));
        let signer = signed_note::StandardSigner::new(&ours.to_secret_text()).unwrap();
        let mut fresh = signed_note::Note::new(b"three\n", &[]).unwrap();
        fresh.add_sigs(&[&signer]).unwrap();
        let text = String::from_utf8(fresh.to_bytes()).unwrap();
        assert_eq!(
            text,
            signed("three\n").to_string(),
            "Ed25519 has one signature for one text"
        );
        assert_eq!(hex::encode(signer.key_id().to_be_bytes()), ours.verifier().id());
        assert_eq!(
            signed_note::StandardVerifier::new(&key).unwrap().name(),
            ours.verifier().name()
        );
    }

    #[test]
    fn keys_read_back_and_wrong_ones_are_refused() {
        for kind in [KeyUse::Text, KeyUse::Cosignature] {
            let signer = signer(kind);
            let public = signer.verifier().to_string();
            assert_eq!(&VerifierKey::parse(&public).unwrap(), signer.verifier());
            let secret = NoteSigner::parse(&signer.to_secret_text()).unwrap();
            assert_eq!(secret.verifier(), signer.verifier());
            for bad in [
                public.replace("log.example", "log.example2"),
                public.replace('+', " "),
                public[..public.len() - 4].to_owned(),
                format!("{public}AAAA"),
                String::new(),
            ] {
                assert!(VerifierKey::parse(&bad).is_err(), "{bad}");
            }
            assert!(NoteSigner::parse(&public).is_err(), "a public key is no secret");
            let shown = format!("{signer:?}");
            assert!(shown.contains("hidden") && !shown.contains(&signer.to_secret_text()[30..]));
        }
    }

    #[test]
    fn unknown_signatures_are_ignored_and_known_bad_ones_are_not() {
        let key = [signer(KeyUse::Text).verifier().clone()];
        let stranger = NoteSigner::from_seed("stranger", KeyUse::Text, &[8; 32]).unwrap();
        let mut note = signed("text\n");
        note.add(stranger.sign("something else\n", 0));
        assert_eq!(note.signed_by(&key).unwrap().len(), 1);
        let only_stranger = Note::new("text\n".into(), vec![stranger.sign("text\n", 0)]).unwrap();
        assert_eq!(only_stranger.signed_by(&key), Err(NoteError::Unsigned));
        let forged = Note::new("text\n".into(), vec![signer(KeyUse::Text).sign("other\n", 0)]).unwrap();
        assert!(matches!(forged.signed_by(&key), Err(NoteError::Bad(_))));
    }

    #[test]
    fn a_cosignature_binds_its_time() {
        let witness = signer(KeyUse::Cosignature);
        let keys = [witness.verifier().clone()];
        let note = Note::new("a\n1\nx\n".into(), vec![witness.sign("a\n1\nx\n", 1_700_000_000)]).unwrap();
        assert_eq!(note.signed_by(&keys).unwrap()[0].at, Some(1_700_000_000));
        let mut later = note.clone();
        later.signatures[0].bytes[7] += 1;
        assert!(matches!(later.signed_by(&keys), Err(NoteError::Bad(_))));
    }

    #[test]
    fn torn_and_sloppy_notes_are_refused() {
        let note = signed("text\n").to_string();
        for cut in 0..note.len() {
            if note.is_char_boundary(cut) {
                assert!(Note::parse(&note[..cut]).is_err(), "cut at {cut}");
            }
        }
        for bad in [
            note.replace("text", "te\txt"),
            note.replace("\u{2014} ", "- "),
            note.replace("\n\n", "\n"),
            format!("{note}\n"),
            note.replace("=\n", "\n"),
        ] {
            assert!(Note::parse(&bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = Note::parse(&text);
            let _ = VerifierKey::parse(&text);
            let _ = NoteSigner::parse(&text);
        }

        #[test]
        fn no_changed_byte_is_accepted(at in 0usize..140, flip in 1u8..=255) {
            let good = signed("log.example/one\n12\nroot\n").to_string();
            let mut bytes = good.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
            let keys = [signer(KeyUse::Text).verifier().clone()];
            if let Ok(note) = Note::parse(&text) {
                prop_assert!(note.signed_by(&keys).is_err(), "{text}");
            }
        }
    }
}
