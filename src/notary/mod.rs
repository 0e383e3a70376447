//! Keeps the log's secret key, signs its heads, and carries them to those who vouch for them: witnesses, a time-stamp
//! authority, a place outside.
//!
//! `serve` runs it beside the workers: entries get their place and a signed head within a second, cosignatures within
//! ten. Commands ask it for a head before they give something out. Beside the key lies a note of the head that was signed
//! last, so that a database that was put back is noticed. The bytes of everything are made in `evidence`.

mod anchors;
mod bundle;
mod keys;
mod mail;
mod run;

pub use anchors::{AsyncProof, Vouched, ask_witness};
pub use bundle::{Bundle, BundleAsk};
pub use keys::{KeyError, KeyFile};
pub use mail::Post;
pub use run::{Beat, run};

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::EvidenceSettings;
use crate::domain::Moment;
use crate::evidence::{Policy, SignedCheckpoint};
use crate::store::{Head, Store, StoreError};

/// What went wrong while the log was signed or shown to others.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The file of the key.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// A file that the settings name.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A certificate could not be typeset.
    #[error("the certificate cannot be typeset: {0}")]
    Certificate(String),
    /// Somebody outside did not answer, or answered wrongly.
    #[error("{name}: {problem}")]
    Outside {
        /// Witness or authority.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A witness has seen more of this log than there is.
    #[error(
        "{name}: it has seen {seen} entries of this log, which has {here} here: entries at the end are gone, or an older copy was put back"
    )]
    Longer {
        /// The witness.
        name: String,
        /// Entries it has seen.
        seen: u64,
        /// Entries of the head it was shown.
        here: u64,
    },
}

/// Signs the log of one store.
#[derive(Clone)]
pub struct Notary {
    store: Store,
    settings: EvidenceSettings,
    policy: Option<Policy>,
    roots: Arc<Vec<Vec<u8>>>,
    client: reqwest::Client,
    post: Option<Arc<Post>>,
}

impl Notary {
    /// Reads what the settings name, apart from the key.
    pub fn new(store: Store, settings: EvidenceSettings) -> Result<Notary, NotaryError> {
        let policy = match &settings.policy_file {
            Some(path) => Some(read_policy(path)?),
            None => None,
        };
        let roots = match &settings.timestamp_ca_file {
            Some(path) => read_roots(path)?,
            None => Vec::new(),
        };
        Ok(Notary {
            store,
            settings,
            policy,
            roots: Arc::new(roots),
            client: client()?,
            post: None,
        })
    }

    /// The policy that the settings name.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// Whether anybody outside this machine vouches for the log, or at least keeps a copy.
    pub fn has_anchor(&self) -> bool {
        let witnesses = self
            .policy
            .iter()
            .any(|p| p.witnesses().any(|(_, _, url)| url.is_some()));
        let settings = &self.settings;
        witnesses
            || settings.place.is_some()
            || settings.timestamp_url.is_some()
            || settings.mail_to.is_some()
    }

    /// Makes the keys of the file known to the log, gives waiting entries their place and signs the tree. Durable when it
    /// returns.
    ///
    /// # Errors
    /// `StoreError::Inconsistent` if the log contradicts a head that was signed before, by the database or by the note
    /// beside the key: then nothing is signed.
    pub async fn head(&self) -> Result<Head, NotaryError> {
        let file = self.key_file();
        let signers = file.read()?;
        let known = self.store.log_keys().await?;
        for signer in signers.iter().rev() {
            let key = signer.verifier();
            if let Some(origin) = known
                .first()
                .map(|k| k.key.name())
                .filter(|origin| *origin != key.name())
            {
                return Err(KeyError::OtherLog {
                    path: file.path().to_owned(),
                    found: key.name().to_owned(),
                    expected: origin.to_owned(),
                }
                .into());
            }
            if known.iter().any(|k| k.key == *key && k.retired_at.is_some()) {
                return Err(KeyError::Retired {
                    path: file.path().to_owned(),
                    key: key.to_string(),
                }
                .into());
            }
            if !known.iter().any(|k| k.key == *key) {
                // A log that has keys already gets another only by `evidence key rotate`.
                if !known.is_empty() {
                    return Err(KeyError::Unknown {
                        path: file.path().to_owned(),
                        key: key.to_string(),
                    }
                    .into());
                }
                self.store.register_key(key, None).await?;
            }
        }
        self.store.grow_log().await?;
        let head = match self.signed(&file, signers).await {
            Err(NotaryError::Store(StoreError::Inconsistent(why))) => {
                // From here on nothing is claimed, whoever else still runs.
                let expected = file.last_signed()?.map_or(0, |last| last.checkpoint.size);
                if self.store.note_restoration(&why, expected).await? {
                    tracing::error!("{why}");
                }
                return Err(StoreError::Inconsistent(why).into());
            }
            other => other?,
        };
        file.remember(&head.signed)?;
        Ok(head)
    }

    async fn signed(
        &self,
        file: &KeyFile,
        signers: Vec<crate::evidence::NoteSigner>,
    ) -> Result<Head, NotaryError> {
        self.not_put_back(file).await?;
        Ok(self.store.sign_head(signers).await?)
    }

    /// Puts aside the note of a head that the log no longer contains, because an officer has said to go on without it.
    /// Gives that head; none if the log contains it.
    pub async fn give_up_last(&self) -> Result<Option<crate::evidence::Checkpoint>, NotaryError> {
        let file = self.key_file();
        let Some(last) = file.last_signed()? else {
            return Ok(None);
        };
        let last = last.checkpoint;
        if self.store.tree().await?.root_at(last.size).await? == Some(last.root) {
            return Ok(None);
        }
        file.put_note_aside(last.size)?;
        Ok(Some(last))
    }

    /// Whether the log could be signed, without signing: the public key, or none if the log never had one and none is
    /// there.
    pub async fn check(&self) -> Result<Option<crate::evidence::VerifierKey>, NotaryError> {
        let file = self.key_file();
        if !file.path().exists() && self.store.log_keys().await?.is_empty() {
            return Ok(None);
        }
        let signers = file.read()?;
        self.not_put_back(&file).await?;
        Ok(signers.first().map(|s| s.verifier().clone()))
    }

    /// Whether entries wait for their place or for a signed head.
    pub async fn pending(&self) -> Result<bool, NotaryError> {
        Ok(self.store.log_is_pending().await?)
    }

    /// Compares the log with the head that this machine signed last.
    async fn not_put_back(&self, file: &KeyFile) -> Result<(), NotaryError> {
        let Some(last) = file.last_signed()? else {
            return Ok(());
        };
        let last = last.checkpoint;
        let mut tree = self.store.tree().await?;
        if tree.root_at(last.size).await? == Some(last.root) {
            return Ok(());
        }
        Err(StoreError::Inconsistent(format!(
            "this machine has signed a head of {} entries that the log ({} entries) does not contain: the database was changed, or an older copy was put back; nothing is signed\nrun `dunwell evidence verify --checkpoint {}`",
            last.size,
            tree.size(),
            file.note_path().display()
        ))
        .into())
    }

    /// The file of the key.
    pub fn key_file(&self) -> KeyFile {
        KeyFile::new(&self.settings.key_file)
    }

    /// A head with every signature that is kept of it: the log's own and those of witnesses.
    pub async fn cosigned(&self, head: &Head) -> Result<SignedCheckpoint, NotaryError> {
        let mut signed = head.signed.clone();
        for anchor in self.store.anchors(signed.checkpoint.size).await? {
            if anchor.kind == crate::store::AnchorKind::Witness {
                let lines = String::from_utf8_lossy(&anchor.body).into_owned();
                for line in lines.lines() {
                    if let Ok(signature) = crate::evidence::NoteSignature::parse(line) {
                        signed.note.add(signature);
                    }
                }
            }
        }
        Ok(signed)
    }

    fn now(&self) -> Moment {
        self.store.clock().now()
    }
}

/// A client that follows nobody elsewhere and waits for nobody long.
pub fn client() -> Result<reqwest::Client, NotaryError> {
    // The program installs it at its start; whoever uses the library alone may not have.
    let _installed_already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(10))
        .user_agent(concat!("dunwell/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| NotaryError::Outside {
            name: "the HTTP client".into(),
            problem: e.to_string(),
        })
}

/// Reads a policy file.
pub fn read_policy(path: &std::path::Path) -> Result<Policy, NotaryError> {
    let fault = |problem: String| NotaryError::File {
        path: path.to_owned(),
        problem,
    };
    let text = std::fs::read_to_string(path).map_err(|e| fault(format!("cannot be read: {e}")))?;
    Policy::parse(&text).map_err(|e| fault(e.to_string()))
}

/// Reads root certificates in PEM form, as DER.
pub fn read_roots(path: &std::path::Path) -> Result<Vec<Vec<u8>>, NotaryError> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let fault = |problem: String| NotaryError::File {
        path: path.to_owned(),
        problem,
    };
    let text = std::fs::read(path).map_err(|e| fault(format!("cannot be read: {e}")))?;
    let roots: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&text)
        .map(|der| der.map(|d| d.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|e| fault(format!("is no list of certificates in PEM form: {e}")))?;
    match roots.is_empty() {
        true => Err(fault("holds no certificate in PEM form".into())),
        false => Ok(roots),
    }
}
