//! Keys of DKIM: read from a file that only its owner can read, made new, and what to publish about them.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

/// Why a key of DKIM cannot be used. Never says what the key is.
#[derive(Debug, thiserror::Error)]
pub enum DkimKeyError {
    /// It cannot be read or written.
    #[error("`{}`: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// Others than the owner can read it.
    #[error("`{}` has mode {mode:04o}: others than its owner could sign mail in this name\nrun `chmod 600 {}`; if somebody may have read it, publish another key", path.display(), path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds no key that signs mail.
    #[error("expected a private key in PEM form (PKCS#8 or PKCS#1): Ed25519, or RSA of 2048 to 8192 bits")]
    Kind,
    /// The selector is no name of the domain name system.
    #[error("the selector must be letters, digits, `-` and `.`, such as `dunwell-2026`")]
    Selector,
    /// The system gives no randomness.
    #[error("the system gives no random numbers")]
    Random,
}

/// One key and the name under which its public half is published.
#[derive(Clone)]
pub struct DkimKey {
    selector: String,
    pair: Arc<Pair>,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DkimKey({}, {})", self.selector, self.algorithm())
    }
}

impl DkimKey {
    /// Reads the key in `path`, which only its owner may read.
    ///
    /// # Errors
    /// Each its own sentence; see [`DkimKeyError`].
    pub fn read(selector: &str, path: &Path) -> Result<DkimKey, DkimKeyError> {
        let fault = |e: std::io::Error| DkimKeyError::File {
            path: path.to_owned(),
            problem: e.to_string(),
        };
        let mode = std::fs::metadata(path).map_err(fault)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(DkimKeyError::Unsafe {
                path: path.to_owned(),
                mode,
            });
        }
        let pem = zeroize::Zeroizing::new(std::fs::read(path).map_err(fault)?);
        DkimKey::from_pem(selector, &pem).map_err(|e| match e {
            DkimKeyError::Kind => DkimKeyError::File {
                path: path.to_owned(),
                problem: e.to_string(),
            },
            other => other,
        })
    }

    /// Reads a key from its PEM form.
    ///
    /// # Errors
    /// The selector is no name, or the text holds no key that signs mail.
    pub fn from_pem(selector: &str, pem: &[u8]) -> Result<DkimKey, DkimKeyError> {
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        if !selector.split('.').all(label) || selector.len() > 120 {
            return Err(DkimKeyError::Selector);
        }
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| DkimKeyError::Kind)?;
        let pair = match &der {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der())
                .ok()
                .map(|pair| Pair::Rsa(Box::new(pair))),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                // What `openssl genpkey` writes does not hold the public half.
                match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                    Ok(pair) => Some(Pair::Ed25519(pair)),
                    Err(_) => RsaKeyPair::from_pkcs8(der)
                        .ok()
                        .map(|pair| Pair::Rsa(Box::new(pair))),
                }
            }
            _ => None,
        };
        Ok(DkimKey {
            selector: selector.to_owned(),
            pair: Arc::new(pair.ok_or(DkimKeyError::Kind)?),
        })
    }

    /// Makes an Ed25519 key in a new file that only its owner may read; a file that is there stays.
    ///
    /// # Errors
    /// There is one already, or it cannot be written.
    pub fn create(selector: &str, path: &Path) -> Result<DkimKey, DkimKeyError> {
        let fault = |e: std::io::Error| DkimKeyError::File {
            path: path.to_owned(),
            problem: match e.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    "is there already; a key is never overwritten".to_owned()
                }
                _ => e.to_string(),
            },
        };
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| DkimKeyError::Random)?;
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for line in BASE64.encode(der.as_ref()).as_bytes().chunks(64) {
            pem.extend(line.iter().map(|b| char::from(*b)));
            pem.push('\n');
        }
        pem += "-----END PRIVATE KEY-----\n";
        let pem = zeroize::Zeroizing::new(pem);
        let key = DkimKey::from_pem(selector, pem.as_bytes())?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(fault)?;
        file.write_all(pem.as_bytes()).map_err(fault)?;
        file.sync_all().map_err(fault)?;
        Ok(key)
    }

    /// The name under which the public half is published.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// `rsa-sha256` or `ed25519-sha256`.
    pub fn algorithm(&self) -> &'static str {
        match &*self.pair {
            Pair::Rsa(_) => "rsa-sha256",
            Pair::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// The signature over `bytes`. Both algorithms sign the SHA-256 of them (RFC 6376, 3.3.1; RFC 8463, 3).
    pub(super) fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match &*self.pair {
            Pair::Ed25519(pair) => Some(pair.sign(&Sha256::digest(bytes)).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                // The random numbers blind the computation; the signature does not depend on them.
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
                    .ok()?;
                Some(signature)
            }
        }
    }

    /// The public half as `p=` wants it: the key itself for Ed25519, a `SubjectPublicKeyInfo` for RSA.
    fn public(&self) -> Vec<u8> {
        match &*self.pair {
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                // SEQUENCE { SEQUENCE { OID rsaEncryption, NULL }, BIT STRING { the key } } (RFC 5280, 4.1; RFC 3279, 2.3.1)
                const ALGORITHM: &[u8] = &[
                    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
                ];
                let mut bits = vec![0];
                bits.extend_from_slice(pair.public().as_ref());
                let mut inner = ALGORITHM.to_vec();
                inner.extend(der(0x03, &bits));
                der(0x30, &inner)
            }
        }
    }
}

/// One value of DER with its tag and length.
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let first = length.iter().position(|b| *b != 0).unwrap_or(length.len() - 1);
    let mut all = vec![tag];
    match value.len() {
        short @ 0..128 => all.push(u8::try_from(short).unwrap_or(0)),
        _ => {
            all.push(0x80 | u8::try_from(length.len() - first).unwrap_or(0));
            all.extend_from_slice(&length[first..]);
        }
    }
    all.extend_from_slice(value);
    all
}

/// Where the public half of `key` is published for `domain`.
pub fn dns_name(key: &DkimKey, domain: &str) -> String {
    format!("{}._domainkey.{domain}", key.selector)
}

/// What is published there (RFC 6376, 3.6.1).
pub fn dns_value(key: &DkimKey) -> String {
    let kind = match &*key.pair {
        Pair::Rsa(_) => "rsa",
        Pair::Ed25519(_) => "ed25519",
    };
    format!("v=DKIM1; k={kind}; p={}", BASE64.encode(key.public()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The published key of RFC 8463, appendix A.2, in PKCS#8 form.
    pub(in crate::channels::dkim) const RFC_8463: &str = concat!(
        "-----BEGIN ",
        "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
    );

    #[test]
    fn the_key_of_the_rfc_publishes_what_the_rfc_says() {
        let key = DkimKey::from_pem("brisbane", RFC_8463.as_bytes()).unwrap();
        assert_eq!(
            dns_value(&key),
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        );
        assert_eq!(
            dns_name(&key, "football.example.com"),
            "brisbane._domainkey.football.example.com"
        );
        assert_eq!(format!("{key:?}"), "DkimKey(brisbane, ed25519-sha256)");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let check = |selector: &str, pem: &str| DkimKey::from_pem(selector, pem.as_bytes()).is_ok();
        assert!(check("a-1.b", RFC_8463));
        for selector in ["", ".", "a..b", "-a", "a b", "a;b", "ä"] {
            assert!(!check(selector, RFC_8463), "{selector}");
        }
        let torn = RFC_8463.replace("MC4C", "MC4D");
        for pem in ["", "garbage", torn.as_str()] {
            assert!(!check("a", pem), "{pem}");
        }
    }

    #[test]
    fn a_made_key_reads_back_and_stays_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dkim.pem");
        let made = DkimKey::create("s1", &path).unwrap();
        assert_eq!(dns_value(&made), dns_value(&DkimKey::read("s1", &path).unwrap()));
        let again = DkimKey::create("s1", &path).unwrap_err().to_string();
        assert!(again.contains("never overwritten"), "{again}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            DkimKey::read("s1", &path),
            Err(DkimKeyError::Unsafe { mode: 0o644, .. })
        ));
    }

    #[test]
    fn lengths_of_der() {
        assert_eq!(der(4, &[7; 2]), [4, 2, 7, 7]);
        assert_eq!(der(4, &[0; 200])[..3], [4, 0x81, 200]);
        assert_eq!(der(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }
}
