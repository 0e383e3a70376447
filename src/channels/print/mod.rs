//! The carrier whose letters a print shop takes: each is typeset and lies in the open batch, from which it can be taken
//! back; when the batch is closed, all of it appears at once as a folder or an archive with a manifest.
//!
//! Here: typesetting a letter into the open batch. `batch` writes closed batches, `manifest` says what is in them, `answer`
//! reads what the shop says afterwards. What lies in which batch is known by the store alone; files without a row there
//! never leave. `dispatch::print` closes, recalls and acknowledges.

mod answer;
mod batch;
mod manifest;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::carrier::{BoxFuture, Capability, Carrier, Idempotency, Lookup, NotSentProof, Outcome};
use super::letters::{LetterError, typeset_paged, words_of};
use super::parcel::Parcel;
use crate::domain::{Address, AttemptId, Channel, Draft};
use crate::store::{Gathered, PRINT};

pub use answer::{Answered, RowFault, ShopRow, read_answer};
pub use batch::{BatchError, BatchForm, BatchPlan, Written, forget, lying, write_batch};

/// Typesets letters into the open batch.
#[derive(Debug, Clone)]
pub struct Print {
    folder: PathBuf,
}

impl Print {
    /// Below `folder` stand the open batch and those that were closed.
    pub fn new(folder: impl Into<PathBuf>) -> Print {
        Print {
            folder: folder.into(),
        }
    }
}

/// What lies beside the PDF of a letter in the open batch.
#[derive(Serialize, Deserialize)]
pub(super) struct Beside {
    /// Lines in the window of the envelope.
    pub(super) recipient: Vec<String>,
    /// ISO 3166-1 alpha-2.
    pub(super) country: String,
    /// The form of the letter.
    pub(super) form: String,
    /// SHA-256 of the layout, which lies in a file of that name.
    pub(super) layout: String,
    /// The words as the layout reads them.
    pub(super) words: Value,
}

pub(super) fn open_folder(folder: &Path) -> PathBuf {
    folder.join("open")
}

pub(super) fn pdf_of(folder: &Path, attempt: AttemptId) -> PathBuf {
    open_folder(folder).join(format!("{attempt}.pdf"))
}

pub(super) fn beside_of(folder: &Path, attempt: AttemptId) -> PathBuf {
    open_folder(folder).join(format!("{attempt}.json"))
}

pub(super) fn layout_of(folder: &Path, digest: &str) -> PathBuf {
    open_folder(folder).join(format!("{digest}.typ"))
}

pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Writes a file so that it is there as a whole, also after a power cut, or not at all.
pub(super) fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.part"));
    let written = (|| {
        let mut file = std::fs::File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        std::fs::File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// Typesets a letter; its words are data, and nothing has been written yet, so every trouble proves that nothing went out.
pub(super) fn on_paper(parcel: &Parcel, date: NaiveDate) -> Result<super::letters::Typeset, Outcome> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let Draft::Letter(letter) = &*parcel.draft else {
        return Err(Outcome::not_sent(
            NotSentProof::Misconfigured,
            "only letters are printed",
        ));
    };
    let broke_down = |_| {
        Outcome::not_sent(
            NotSentProof::ContentRefused,
            "the typesetter broke down over the letter",
        )
    };
    let typeset = catch_unwind(AssertUnwindSafe(|| typeset_paged(letter, date)));
    typeset.map_err(broke_down)?.map_err(|e| {
        let proof = match e {
            LetterError::Uncovered | LetterError::Unfit(_) => NotSentProof::ContentRefused,
            LetterError::Layout { .. } => NotSentProof::Misconfigured,
        };
        Outcome::not_sent(proof, e.to_string())
    })
}

/// Puts one letter into the folder of the open batch.
fn lay_down(folder: &Path, parcel: &Parcel) -> Result<Gathered, Outcome> {
    let (Draft::Letter(letter), Address::Postal(to)) = (&*parcel.draft, &parcel.to) else {
        return Err(Outcome::not_sent(
            NotSentProof::Misconfigured,
            "only letters to postal addresses are printed",
        ));
    };
    let typeset = on_paper(parcel, parcel.at().utc().date_naive())?;
    let words = words_of(letter);
    let beside = Beside {
        recipient: letter.recipient.clone(),
        country: to.country.clone(),
        form: letter.form.as_str().to_owned(),
        layout: digest(letter.layout.as_bytes()),
        words: words.clone(),
    };
    let text = serde_json::to_vec(&beside).expect("words are JSON");
    let layout = layout_of(folder, &beside.layout);
    let write = || {
        std::fs::create_dir_all(open_folder(folder))?;
        if !layout.exists() {
            put(&layout, letter.layout.as_bytes())?;
        }
        put(&beside_of(folder, parcel.attempt()), &text)?;
        put(&pdf_of(folder, parcel.attempt()), &typeset.pdf)
    };
    write().map_err(|e| {
        Outcome::not_sent(
            NotSentProof::Unwritable,
            format!("the open batch cannot be written: {}", e.kind()),
        )
    })?;
    Ok(Gathered {
        attempt: parcel.attempt(),
        pages: typeset.pages,
        sha256: digest(&typeset.pdf),
        paper: letter.form.paper().to_owned(),
        words: digest(words.to_string().as_bytes()),
    })
}

impl Carrier for Print {
    fn capability(&self) -> Capability {
        Capability {
            name: PRINT,
            channel: Channel::Letter,
            idempotency: Idempotency::Always,
            lookup: Lookup::ByOurId,
            latest_accept_seconds: 300,
            settle_seconds: 0,
            receipts: true,
            not_sent_answers: &[
                "the letter was taken out of the open batch",
                "the file could not be written",
            ],
            refuses: &[
                "letters with a character that no font covers",
                "addresses that do not fit the window",
            ],
        }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        let group = self.send_group(Arc::new(vec![parcel.clone()]));
        Box::pin(async move {
            let first = group.await.pop();
            first.unwrap_or_else(|| Outcome::unknown("no outcome came back"))
        })
    }

    fn group_size(&self) -> usize {
        8
    }

    fn send_group(&self, parcels: Arc<Vec<Parcel>>) -> BoxFuture<'_, Vec<Outcome>> {
        let folder = self.folder.clone();
        Box::pin(async move {
            let count = parcels.len();
            let lay = move || -> Vec<Outcome> {
                let one = |parcel| match lay_down(&folder, parcel) {
                    Ok(gathered) => Outcome::Gathered(gathered),
                    Err(outcome) => outcome,
                };
                parcels.iter().map(one).collect()
            };
            // A letter that never comes to lie in the batch of the store goes nowhere.
            let broke_down = Outcome::not_sent(NotSentProof::Unwritable, "the writer broke down");
            tokio::task::spawn_blocking(lay)
                .await
                .unwrap_or_else(|_| vec![broke_down; count])
        })
    }
}
