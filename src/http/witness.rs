//! A witness: `POST /add-checkpoint`. It cosigns a head only if the log merely grew since the last one it saw, and what it
//! saw is durable before it answers. What it decides stands in `evidence`; here are its folder and its door.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::evidence::{
    AddCheckpoint, Checkpoint, KeyUse, LastSeen, NoteSigner, Refusal, VerifierKey, digest_hex,
};
use crate::notary::{KeyError, KeyFile};

/// Larger requests are refused.
const MAX_BODY: usize = 64 * 1024;

/// Why a witness cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Its key.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// A file of its folder.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

fn fault(path: &Path, problem: impl ToString) -> WitnessError {
    WitnessError::File {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

/// A witness with its folder: `witness.key`, `logs` (one key of a log a line) and `seen/`.
pub struct Witness {
    folder: PathBuf,
    signer: NoteSigner,
    logs: Vec<VerifierKey>,
    clock: Arc<dyn Clock>,
    // One request at a time: looking at what was seen and storing the new head must not be torn apart.
    turn: Mutex<()>,
}

impl Witness {
    /// Makes a folder with a fresh key; keys and state that are there stay.
    pub fn init(folder: &Path, name: &str, seed: &[u8; 32]) -> Result<VerifierKey, WitnessError> {
        let seen = folder.join("seen");
        std::fs::create_dir_all(&seen).map_err(|e| fault(&seen, e))?;
        let path = folder.join("witness.key");
        let signer = NoteSigner::from_seed(name, KeyUse::Cosignature, seed).map_err(|e| fault(&path, e))?;
        KeyFile::new(&path).create(&signer)?;
        Ok(signer.verifier().clone())
    }

    /// Makes a log known to the witness of a folder.
    pub fn watch(folder: &Path, log: &VerifierKey) -> Result<(), WitnessError> {
        let path = folder.join("logs");
        let known = read_logs(&path)?;
        if known.contains(log) {
            return Ok(());
        }
        let text: String = known.iter().chain([log]).map(|k| format!("{k}\n")).collect();
        put(&path, text.as_bytes())
    }

    /// Opens a folder.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Witness, WitnessError> {
        let path = folder.join("witness.key");
        let mut keys = KeyFile::new(&path).read()?;
        let signer = keys.remove(0);
        if signer.verifier().kind() != KeyUse::Cosignature {
            return Err(fault(
                &path,
                "holds the key of a log, expected that of a cosigner",
            ));
        }
        Ok(Witness {
            folder: folder.to_owned(),
            signer,
            logs: read_logs(&folder.join("logs"))?,
            clock,
            turn: Mutex::new(()),
        })
    }

    /// Its public key.
    pub fn key(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// The logs it watches.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    fn state_file(&self, origin: &str) -> PathBuf {
        // The name of a log may hold anything; its hash is a safe file name.
        self.folder.join("seen").join(digest_hex(origin.as_bytes()))
    }

    fn last_seen(&self, origin: &str) -> Result<Option<LastSeen>, WitnessError> {
        let path = self.state_file(origin);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(fault(&path, e)),
        };
        let head = Checkpoint::parse_text(&text).map_err(|e| fault(&path, e))?;
        Ok(Some(LastSeen {
            size: head.size,
            root: head.root,
        }))
    }

    /// Judges a request; the signature line with its line break. What was seen is durable when it returns.
    pub async fn add_checkpoint(&self, body: &str) -> Result<Result<String, Refusal>, WitnessError> {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let head = &request.head.checkpoint;
        let _turn = self.turn.lock().await;
        let last = match self.logs.iter().any(|k| k.name() == head.origin) {
            true => self.last_seen(&head.origin)?,
            false => None,
        };
        if let Err(refusal) = request.judge(&self.logs, last) {
            return Ok(Err(refusal));
        }
        put(&self.state_file(&head.origin), head.text().as_bytes())?;
        let now = u64::try_from(self.clock.now().utc().timestamp()).unwrap_or_default();
        Ok(Ok(format!("{}\n", self.signer.sign(&head.text(), now))))
    }
}

fn read_logs(path: &Path) -> Result<Vec<VerifierKey>, WitnessError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(fault(path, e)),
    };
    let mut logs = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = VerifierKey::parse(line).map_err(|e| fault(path, format!("line {}: {e}", n + 1)))?;
        if key.kind() != KeyUse::Text {
            return Err(fault(
                path,
                format!(
                    "line {}: found the key of a cosigner, expected that of a log",
                    n + 1
                ),
            ));
        }
        logs.push(key);
    }
    Ok(logs)
}

/// Writes a file so that after a crash either the old or the new content is there, whole.
fn put(path: &Path, bytes: &[u8]) -> Result<(), WitnessError> {
    let fresh = path.with_extension("new");
    let written = std::fs::File::create(&fresh).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()
    });
    written.map_err(|e| fault(path, e))
}

/// The door of a witness.
pub fn router(witness: Arc<Witness>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/key", get(key))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(witness)
}

async fn key(State(witness): State<Arc<Witness>>) -> String {
    format!("{}\n", witness.key())
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let Ok(body) = std::str::from_utf8(&body) else {
        return (StatusCode::BAD_REQUEST, "the request is no text in UTF-8\n").into_response();
    };
    match witness.add_checkpoint(body).await {
        Ok(Ok(line)) => line.into_response(),
        Ok(Err(refusal)) => refused(&refusal),
        Err(e) => {
            tracing::error!(error = %e, "the witness cannot keep what it sees");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the witness cannot keep what it sees\n",
            )
                .into_response()
        }
    }
}

fn refused(refusal: &Refusal) -> Response {
    let sentence = format!("{refusal}\n");
    match refusal {
        Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, sentence).into_response(),
        Refusal::UnknownLog(_) => (StatusCode::NOT_FOUND, sentence).into_response(),
        Refusal::Untrusted => (StatusCode::FORBIDDEN, sentence).into_response(),
        Refusal::OtherSize(seen) => {
            let kind = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            (StatusCode::CONFLICT, kind, format!("{seen}\n")).into_response()
        }
        Refusal::OtherRoot(_) => {
            tracing::error!("a log shows two histories: {refusal}");
            (StatusCode::CONFLICT, sentence).into_response()
        }
        Refusal::Inconsistent => {
            tracing::error!("a log was rewritten: {refusal}");
            (StatusCode::UNPROCESSABLE_ENTITY, sentence).into_response()
        }
    }
}

/// Serves until `shutdown` is ready.
pub async fn serve(
    listener: tokio::net::TcpListener,
    witness: Arc<Witness>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(witness))
        .with_graceful_shutdown(shutdown)
        .await
}
