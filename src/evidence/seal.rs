//! Sealed content: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a key for each person, wrapped by a master key.
//!
//! Every sealed value has a key of its own, derived from the person's, so that one value can be handed out without the
//! rest; what belongs to two people can be opened only while both have a key. Values that the log commits to carry
//! their salt inside, so that nothing is left to guess with once the key is gone. Keys and nonces come as arguments.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20::R20;
use chacha20::hchacha;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::entry::{Commitment, commit};
use crate::domain::PersonId;

/// Bytes of a nonce; random, never used twice under one key.
pub const NONCE_BYTES: usize = 24;
/// Bytes of a wrapped key: nonce, key, tag.
pub const WRAPPED_BYTES: usize = NONCE_BYTES + 32 + 16;

/// What sealed texts begin with, where a column holds text.
const TEXT_MARK: &str = "s1:";
/// What keyed hashes begin with, where a column holds text.
const HASH_MARK: &str = "h1:";

/// What is sealed; part of what the seal binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SealKind {
    /// The words of a message; record: the attempt.
    Body,
    /// What the words were made from; record: the attempt.
    Facts,
    /// What a decision rests on; record: its entry in the log.
    Situation,
    /// The findings of a judgement as screens show them; record: the attempt.
    Findings,
    /// The subject of a collector's own message; record: the attempt.
    OwnSubject,
    /// The text of a collector's own message; record: the attempt.
    OwnText,
    /// A name; record: the person.
    Name,
    /// The creditor's number of a person; record: the person.
    PersonReference,
    /// The postal code of a person; record: the person.
    PostalCode,
    /// A telephone number, e-mail or postal address; record: the contact point.
    Address,
    /// Why a debt is disputed; record: the dispute.
    Dispute,
    /// The reference of a payment; record: the payment.
    Payment,
    /// A carrier's own words about an attempt; record: the attempt.
    Reason,
    /// What a provider sent about a message; record: the receipt.
    Receipt,
    /// Whom such a receipt names, while its message is not known; record: the receipt.
    ReceiptTo,
    /// What somebody answered, with sender and recipient; record: the message.
    Reply,
}

impl SealKind {
    /// The fixed word.
    pub const fn as_str(self) -> &'static str {
        match self {
            SealKind::Body => "body",
            SealKind::Facts => "facts",
            SealKind::Situation => "situation",
            SealKind::Findings => "findings",
            SealKind::OwnSubject => "own_subject",
            SealKind::OwnText => "own_text",
            SealKind::Name => "name",
            SealKind::PersonReference => "person_reference",
            SealKind::PostalCode => "postal_code",
            SealKind::Address => "address",
            SealKind::Dispute => "dispute",
            SealKind::Payment => "payment",
            SealKind::Reason => "reason",
            SealKind::Receipt => "receipt",
            SealKind::ReceiptTo => "receipt_to",
            SealKind::Reply => "reply",
        }
    }
}

/// Why something cannot be opened. Never says what is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short to be sealed, or not in the form.
    #[error("this is nothing that was sealed")]
    Form,
    /// Another key, another place, or changed bytes.
    #[error("the seal is broken: another key, another place, or changed bytes")]
    Broken,
    /// What was inside is no text.
    #[error("what was sealed is no text")]
    Text,
}

/// 32 secret bytes that are wiped when they are dropped and never shown.
#[derive(Clone, PartialEq, Eq)]
struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    fn new(bytes: [u8; 32]) -> Secret {
        Secret(Zeroizing::new(bytes))
    }
}

macro_rules! secret_debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
secret_debug!(PersonKey, RecordKey, MasterKey, LookupKey);

/// The key of one person. Once it is gone, nothing that was sealed with it can be read.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonKey(Secret);

impl PersonKey {
    /// A key of 32 random bytes.
    pub fn new(random: [u8; 32]) -> PersonKey {
        PersonKey(Secret::new(random))
    }
}

/// The key that wraps the keys of people; it lives in a file of its own outside the database.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    key: Secret,
    id: String,
}

impl MasterKey {
    /// A key of 32 random bytes.
    pub fn new(random: [u8; 32]) -> MasterKey {
        let key = Secret::new(random);
        let id = hex::encode(&mac(&key, b"dunwell/master/v1\nid", &[])[..8]);
        MasterKey { key, id }
    }

    /// Names the key without telling it: the first eight bytes of an HMAC-SHA-256 under it, in hex.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret bytes, for its file alone.
    pub fn secret_bytes(&self) -> &[u8; 32] {
        &self.key.0
    }

    /// Wraps a person's key: nonce ‖ sealed key, bound to the person.
    pub fn wrap(&self, person: PersonId, key: &PersonKey, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        encrypt(&self.key, nonce, &wrap_aad(person), key.0.0.as_slice())
    }

    /// Unwraps a person's key.
    ///
    /// # Errors
    /// Another length, another master key, another person, or changed bytes.
    pub fn unwrap(&self, person: PersonId, wrapped: &[u8]) -> Result<PersonKey, SealError> {
        let bytes = decrypt(&self.key, &wrap_aad(person), wrapped)?;
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| SealError::Form)?;
        Ok(PersonKey::new(key))
    }
}

fn wrap_aad(person: PersonId) -> String {
    format!("dunwell/wrap/v1\n{person}")
}

/// The key of the hashes by which people and addresses are found again; it lives beside the master key.
#[derive(Clone, PartialEq, Eq)]
pub struct LookupKey(Secret);

impl LookupKey {
    /// A key of 32 random bytes.
    pub fn new(random: [u8; 32]) -> LookupKey {
        LookupKey(Secret::new(random))
    }

    /// The secret bytes, for its file alone.
    pub fn secret_bytes(&self) -> &[u8; 32] {
        &self.0.0
    }

    /// Names the key without telling it.
    pub fn id(&self) -> String {
        hex::encode(&mac(&self.0, b"dunwell/lookup/v1\nid", &[])[..8])
    }

    /// HMAC-SHA-256 of a value of a field.
    pub fn hash(&self, field: &str, value: &[u8]) -> [u8; 32] {
        let label = format!("dunwell/lookup/v1\n{field}\n");
        mac(&self.0, label.as_bytes(), &[value])
    }

    /// The same as a column holds it where it holds text.
    pub fn text(&self, field: &str, value: &str) -> String {
        format!("{HASH_MARK}{}", hex::encode(self.hash(field, value.as_bytes())))
    }
}

/// Whether a column holds a keyed hash rather than the value itself.
pub fn is_hashed(text: &str) -> bool {
    text.starts_with(HASH_MARK)
}

/// Whether a column holds a sealed text rather than the text itself.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(TEXT_MARK)
}

/// The key of one value: derived from the keys of the people whom it concerns, and bound to kind, record and person.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordKey {
    key: Secret,
    aad: String,
}

impl RecordKey {
    /// The key of the value `kind` of `record` of `person`. With `also`, the key of somebody else whom it concerns, it
    /// can be made only while both keys are there.
    pub fn derive(
        person: PersonId,
        key: &PersonKey,
        also: Option<&PersonKey>,
        kind: SealKind,
        record: Uuid,
    ) -> RecordKey {
        let aad = RecordKey::aad(person, kind, record);
        let also: &[u8] = also.map_or(&[], |k| k.0.0.as_slice());
        RecordKey {
            key: Secret::new(mac(&key.0, aad.as_bytes(), &[b"\n", also])),
            aad,
        }
    }

    /// What the seal binds beside the value: `dunwell/seal/v1`, kind, record and person, one a line.
    pub fn aad(person: PersonId, kind: SealKind, record: Uuid) -> String {
        format!(
            "dunwell/seal/v1\n{}\n{}\n{person}",
            kind.as_str(),
            record.hyphenated()
        )
    }

    /// Seals bytes: nonce ‖ ciphertext ‖ tag.
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], plain: &[u8]) -> Vec<u8> {
        encrypt(&self.key, nonce, &self.aad, plain)
    }

    /// Opens what [`RecordKey::seal`] made.
    ///
    /// # Errors
    /// Another key or place, or changed bytes.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        decrypt(&self.key, &self.aad, sealed)
    }

    /// Seals a text for a column that holds text.
    pub fn seal_text(&self, nonce: [u8; NONCE_BYTES], plain: &str) -> String {
        format!("{TEXT_MARK}{}", BASE64.encode(self.seal(nonce, plain.as_bytes())))
    }

    /// Opens what [`RecordKey::seal_text`] made.
    ///
    /// # Errors
    /// A text that was not sealed, another key or place, or changed bytes.
    pub fn open_text(&self, sealed: &str) -> Result<String, SealError> {
        let sealed = sealed.strip_prefix(TEXT_MARK).ok_or(SealError::Form)?;
        let bytes = self.open(&BASE64.decode(sealed).map_err(|_| SealError::Form)?)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| SealError::Text)
    }

    /// Seals bytes that the log commits to, with their salt: what is inside is salt ‖ bytes, so that the SHA-256 of
    /// what was opened is the commitment.
    pub fn seal_committed(&self, nonce: [u8; NONCE_BYTES], salt: &[u8; 32], bytes: &[u8]) -> Vec<u8> {
        let mut plain = Zeroizing::new(Vec::with_capacity(32 + bytes.len()));
        plain.extend_from_slice(salt);
        plain.extend_from_slice(bytes);
        self.seal(nonce, &plain)
    }

    /// Opens what [`RecordKey::seal_committed`] made.
    ///
    /// # Errors
    /// Another key or place, or changed bytes.
    pub fn open_committed(&self, sealed: &[u8]) -> Result<Opened, SealError> {
        let plain = self.open(sealed)?;
        let (salt, bytes) = plain.split_first_chunk::<32>().ok_or(SealError::Form)?;
        Ok(Opened {
            salt: *salt,
            bytes: String::from_utf8(bytes.to_vec()).map_err(|_| SealError::Text)?,
        })
    }

    /// The key that opens this one sealed value and nothing else, for handing out: HChaCha20 of the key and the first
    /// 16 bytes of the nonce. With it the value is plain ChaCha20-Poly1305 (RFC 8439) whose nonce is four zero bytes
    /// and the last eight bytes of ours.
    ///
    /// # Errors
    /// Too short to be a sealed value.
    pub fn handed_out(&self, sealed: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let start = sealed.first_chunk::<16>().ok_or(SealError::Form)?;
        let subkey = hchacha::<R20>(&(*self.key.0).into(), &(*start).into());
        Ok(Zeroizing::new(subkey.into()))
    }
}

/// What was opened, with the salt of its commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// The salt.
    pub salt: [u8; 32],
    /// The text, personal data.
    pub bytes: String,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({} bytes)", self.bytes.len())
    }
}

impl Opened {
    /// The commitment to it.
    pub fn commitment(&self) -> Commitment {
        commit(&self.salt, self.bytes.as_bytes())
    }
}

fn mac(key: &Secret, label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.0.as_slice()).expect("HMAC takes keys of any length");
    mac.update(label);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn cipher(key: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.0).into())
}

fn encrypt(key: &Secret, nonce: [u8; NONCE_BYTES], aad: &str, plain: &[u8]) -> Vec<u8> {
    let payload = Payload {
        msg: plain,
        aad: aad.as_bytes(),
    };
    let sealed = cipher(key)
        .encrypt(&nonce.into(), payload)
        .expect("nothing we seal is longer than 256 GB");
    let mut all = Vec::with_capacity(NONCE_BYTES + sealed.len());
    all.extend_from_slice(&nonce);
    all.extend_from_slice(&sealed);
    all
}

fn decrypt(key: &Secret, aad: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Form)?;
    let payload = Payload {
        msg: sealed,
        aad: aad.as_bytes(),
    };
    cipher(key)
        .decrypt(&(*nonce).into(), payload)
        .map(Zeroizing::new)
        .map_err(|_| SealError::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20poly1305::ChaCha20Poly1305;

    const NONCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];

    fn person(n: u128) -> PersonId {
        PersonId(Uuid::from_u128(n))
    }

    fn key(n: u8) -> PersonKey {
        PersonKey::new([n; 32])
    }

    fn of(n: u8, kind: SealKind, record: u128) -> RecordKey {
        RecordKey::derive(person(n.into()), &key(n), None, kind, Uuid::from_u128(record))
    }

    #[test]
    fn the_cipher_is_the_one_of_the_draft() {
        // draft-irtf-cfrg-xchacha-03, appendix A.3.1.
        let key: [u8; 32] = core::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap());
        let nonce: [u8; 24] = core::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap());
        let aad = hex::decode("50515253c0c1c2c3c4c5c6c7").unwrap();
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let sealed = XChaCha20Poly1305::new(&key.into())
            .encrypt(
                &nonce.into(),
                Payload {
                    msg: plain,
                    aad: &aad,
                },
            )
            .unwrap();
        assert_eq!(hex::encode(&sealed[..16]), "bd6d179d3e83d43b9576579493c0e939");
        assert_eq!(
            hex::encode(&sealed[plain.len()..]),
            "c0875924c1c7987947deafd8780acf49"
        );
    }

    #[test]
    fn a_value_opens_only_with_its_own_key_in_its_own_place() {
        let sealed = of(1, SealKind::Body, 9).seal(NONCE, "陈伟".as_bytes());
        let check = |n: u8, kind, record, expected: bool| {
            let opened = of(n, kind, record).open(&sealed);
            assert_eq!(opened.is_ok(), expected);
            if let Ok(plain) = opened {
                assert_eq!(plain.as_slice(), "陈伟".as_bytes());
            }
        };
        check(1, SealKind::Body, 9, true);
        check(2, SealKind::Body, 9, false);
        check(1, SealKind::Facts, 9, false);
        check(1, SealKind::Body, 8, false);
    }

    #[test]
    fn every_changed_byte_breaks_the_seal() {
        let key = of(1, SealKind::Name, 1);
        let sealed = key.seal(NONCE, b"Jane Roe");
        for at in 0..sealed.len() {
            let mut torn = sealed.clone();
            torn[at] ^= 1;
            assert_eq!(key.open(&torn).unwrap_err(), SealError::Broken, "{at}");
            assert!(key.open(&sealed[..at]).is_err(), "{at}");
        }
    }

    #[test]
    fn what_concerns_two_people_needs_both_keys() {
        let (recipient, record) = (person(1), Uuid::from_u128(5));
        let make =
            |also: Option<&PersonKey>| RecordKey::derive(recipient, &key(1), also, SealKind::Body, record);
        let sealed = make(Some(&key(2))).seal(NONCE, b"both");
        assert!(make(Some(&key(2))).open(&sealed).is_ok());
        assert!(make(Some(&key(3))).open(&sealed).is_err());
        assert!(make(None).open(&sealed).is_err());
    }

    #[test]
    fn a_wrapped_key_belongs_to_one_person_and_one_master() {
        let (master, other) = (MasterKey::new([3; 32]), MasterKey::new([4; 32]));
        let wrapped = master.wrap(person(1), &key(1), NONCE);
        assert_eq!(wrapped.len(), WRAPPED_BYTES);
        assert!(master.unwrap(person(1), &wrapped).unwrap() == key(1));
        assert!(master.unwrap(person(2), &wrapped).is_err());
        assert!(other.unwrap(person(1), &wrapped).is_err());
        assert!(master.unwrap(person(1), &[0; WRAPPED_BYTES]).is_err());
        assert_ne!(master.id(), other.id());
    }

    #[test]
    fn what_was_opened_is_what_the_log_committed_to() {
        let (key, salt) = (of(1, SealKind::Facts, 2), [9; 32]);
        let opened = key
            .open_committed(&key.seal_committed(NONCE, &salt, b"{}"))
            .unwrap();
        assert_eq!((opened.salt, opened.bytes.as_str()), (salt, "{}"));
        assert_eq!(opened.commitment(), commit(&salt, b"{}"));
    }

    #[test]
    fn a_handed_out_key_opens_one_value_as_plain_chacha20_poly1305() {
        let key = of(1, SealKind::Body, 2);
        let (one, two) = (key.seal([1; 24], b"one"), key.seal([2; 24], b"two"));
        let subkey = key.handed_out(&one).unwrap();
        let open = |sealed: &[u8]| {
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&sealed[16..24]);
            let aad = RecordKey::aad(person(1), SealKind::Body, Uuid::from_u128(2));
            let payload = Payload {
                msg: &sealed[24..],
                aad: aad.as_bytes(),
            };
            ChaCha20Poly1305::new(&(*subkey).into()).decrypt(&nonce.into(), payload)
        };
        assert_eq!(open(&one).unwrap(), b"one");
        assert!(open(&two).is_err());
    }

    #[test]
    fn texts_say_that_they_are_sealed_and_keys_never_show() {
        let key = of(1, SealKind::Name, 1);
        let sealed = key.seal_text(NONCE, "Jane Roe");
        assert!(is_sealed(&sealed) && !is_sealed("Jane Roe"));
        assert_eq!(key.open_text(&sealed).unwrap(), "Jane Roe");
        assert_eq!(key.open_text("Jane Roe").unwrap_err(), SealError::Form);
        let lookup = LookupKey::new([5; 32]);
        assert!(is_hashed(&lookup.text("phone", "+12125550100")));
        assert_ne!(lookup.hash("phone", b"1"), lookup.hash("email", b"1"));
        let shown = format!(
            "{key:?} {lookup:?} {:?} {:?}",
            MasterKey::new([5; 32]),
            self::key(5)
        );
        assert_eq!(shown, "RecordKey(..) LookupKey(..) MasterKey(..) PersonKey(..)");
    }
}
