//! The default carrier: writes what would have gone out into a folder that a person can open.
//!
//! `<folder>/sms/<date>/<time>-<id>.txt`, `<folder>/email/...eml`, `<folder>/letters/...pdf`; dates and times in UTC.
//! A file appears whole or not at all (written beside its place, then renamed). The name comes from the attempt, so
//! the same attempt given twice is one file, like a provider that knows our id.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::carrier::{BoxFuture, Capability, Carrier, Idempotency, Lookup, NotSentProof, Outcome};
use super::mail;
use super::parcel::Parcel;
use crate::domain::{Address, Channel, Draft, Letter, Sms};

const NAME: &str = "sandbox";

/// Writes files instead of sending.
#[derive(Debug, Clone)]
pub struct Sandbox {
    channel: Channel,
    folder: PathBuf,
}

impl Sandbox {
    /// For `channel`, below `folder` (the outbox).
    pub fn new(channel: Channel, folder: impl Into<PathBuf>) -> Sandbox {
        Sandbox {
            channel,
            folder: folder.into(),
        }
    }
}

impl Carrier for Sandbox {
    fn capability(&self) -> Capability {
        Capability {
            name: NAME,
            channel: self.channel,
            idempotency: Idempotency::Always,
            lookup: Lookup::ByOurId,
            latest_accept_seconds: 300,
            settle_seconds: 0,
            receipts: false,
            not_sent_answers: &["the file could not be written"],
            refuses: &["letters with a character that no font covers"],
        }
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Outcome> {
        let group = self.send_group(Arc::new(vec![parcel.clone()]));
        Box::pin(async move {
            group
                .await
                .pop()
                .unwrap_or_else(|| Outcome::unknown("no outcome came back"))
        })
    }

    /// Small files are written in large groups; letters in small ones, so that several are typeset side by side.
    fn group_size(&self) -> usize {
        if self.channel == Channel::Letter { 8 } else { 256 }
    }

    fn send_group(&self, parcels: Arc<Vec<Parcel>>) -> BoxFuture<'_, Vec<Outcome>> {
        let folder = self.folder.clone();
        Box::pin(async move {
            let count = parcels.len();
            let writing = tokio::task::spawn_blocking(move || write_all(&folder, &parcels));
            writing
                .await
                .unwrap_or_else(|_| vec![Outcome::unknown("the writer broke down"); count])
        })
    }
}

/// Writes every parcel; the folders of a group are made once.
fn write_all(folder: &Path, parcels: &[Parcel]) -> Vec<Outcome> {
    let mut made = BTreeSet::new();
    parcels
        .iter()
        .map(|parcel| write_one(folder, parcel, &mut made).unwrap_or_else(|outcome| outcome))
        .collect()
}

fn write_one(folder: &Path, parcel: &Parcel, made: &mut BTreeSet<PathBuf>) -> Result<Outcome, Outcome> {
    let place = place_of(parcel);
    let target = folder.join(&place);
    let accepted = || Outcome::accepted(NAME, Some(place.clone()));
    if target.exists() {
        return Ok(accepted());
    }
    let content = content_of(parcel)?;
    let day = target.parent().unwrap_or(folder);
    if !made.contains(day) {
        std::fs::create_dir_all(day).map_err(|e| unwritable(&e))?;
        made.insert(day.to_owned());
    }
    let draft = day.join(format!(".{}.part", parcel.attempt()));
    let written = std::fs::write(&draft, content).and_then(|()| std::fs::rename(&draft, &target));
    if let Err(e) = written {
        let _ = std::fs::remove_file(&draft);
        return Err(unwritable(&e));
    }
    Ok(accepted())
}

fn unwritable(e: &std::io::Error) -> Outcome {
    Outcome::not_sent(
        NotSentProof::Unwritable,
        format!("the outbox cannot be written: {}", e.kind()),
    )
}

/// Where the file stands below the outbox. The id's last twelve digits are its random part.
fn place_of(parcel: &Parcel) -> String {
    let (kind, suffix) = match parcel.channel() {
        Channel::Sms | Channel::Call => ("sms", "txt"),
        Channel::Email => ("email", "eml"),
        Channel::Letter => ("letters", "pdf"),
    };
    let at = parcel.at().utc();
    let id = parcel.attempt().0.simple().to_string();
    format!(
        "{kind}/{}/{}-{}.{suffix}",
        at.format("%Y-%m-%d"),
        at.format("%H%M%S"),
        &id[20..]
    )
}

fn content_of(parcel: &Parcel) -> Result<Vec<u8>, Outcome> {
    match &*parcel.draft {
        Draft::Sms(sms) => Ok(sms_text(parcel, sms).into_bytes()),
        Draft::Email(_) => mail::build(parcel, None).map(|mail| mail.bytes),
        Draft::Letter(letter) => pdf(parcel, letter),
    }
}

#[cfg(feature = "letters")]
fn pdf(parcel: &Parcel, letter: &Letter) -> Result<Vec<u8>, Outcome> {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::letters::{LetterError, typeset};

    let date = parcel.at().utc().date_naive();
    let typeset = catch_unwind(AssertUnwindSafe(|| typeset(letter, date)));
    // Nothing has been written yet, so a typesetter that breaks down proves that nothing went out.
    let broke_down = |_| {
        Outcome::not_sent(
            NotSentProof::ContentRefused,
            "the typesetter broke down over the letter",
        )
    };
    typeset.map_err(broke_down)?.map_err(|e| {
        let proof = match e {
            LetterError::Uncovered => NotSentProof::ContentRefused,
            LetterError::Layout { .. } => NotSentProof::Misconfigured,
        };
        Outcome::not_sent(proof, e.to_string())
    })
}

#[cfg(not(feature = "letters"))]
fn pdf(_: &Parcel, _: &Letter) -> Result<Vec<u8>, Outcome> {
    const REASON: &str = "this build has no typesetter; build with the feature `letters`";
    Err(Outcome::not_sent(NotSentProof::Misconfigured, REASON))
}

fn sms_text(parcel: &Parcel, sms: &Sms) -> String {
    let number = match &parcel.to {
        Address::Phone(phone) => phone.e164(),
        Address::Email(_) | Address::Postal(_) => "",
    };
    let segments = sms.segments;
    let mut text = String::with_capacity(sms.text.len() + 400);
    let mut line = |label: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{label}: {value}");
    };
    line(
        "收件人 To",
        &format_args!("{number} {}", parcel.recipient_name.as_str()),
    );
    line(
        "签名 From",
        &format_args!("【{}】 {}", parcel.sender.signature, parcel.sender.name),
    );
    line("时间 At", &parcel.at());
    line("编号 Attempt", &parcel.attempt());
    if let Some(validity) = parcel.validity() {
        line(
            "有效期 Valid for",
            &format_args!("{} min", validity.num_minutes()),
        );
    }
    line(
        "条数 Segments",
        &format_args!("{} ({}, {})", segments.count, segments.coding, segments.units),
    );
    text.push('\n');
    text.push_str(&sms.text);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::sample;

    fn write(folder: &Path, parcels: &[Parcel]) -> Vec<Outcome> {
        write_all(folder, parcels)
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn files_that_a_person_can_open() {
        let folder = tempfile::tempdir().unwrap();
        let outcomes = write(folder.path(), &[sample::sms(1), sample::email(2)]);
        assert!(outcomes.iter().all(Outcome::is_accepted), "{outcomes:?}");
        let names = [
            "email/2026-04-07/073000-000000000002.eml",
            "sms/2026-04-07/073000-000000000001.txt",
        ];
        assert_eq!(files(folder.path()), names);
        let text = std::fs::read_to_string(folder.path().join(names[1])).unwrap();
        for part in [
            "+8613800000123 李伟",
            "【瑞安商贸】",
            "1 (ucs2, ",
            "\n\n【瑞安商贸】李先生您好",
            "拒收请回复T\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn the_same_attempt_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let outcomes = write(folder.path(), &[sample::sms(1), sample::sms(1)]);
        assert_eq!(outcomes[0], outcomes[1]);
        assert_eq!(files(folder.path()).len(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_proves_that_nothing_went_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sms"), "a file where a folder should be").unwrap();
        let outcomes = write(folder.path(), &[sample::sms(1)]);
        assert!(
            matches!(
                &outcomes[0],
                Outcome::NotSent {
                    proof: NotSentProof::Unwritable,
                    ..
                }
            ),
            "{outcomes:?}"
        );
    }

    #[test]
    #[cfg(not(feature = "letters"))]
    fn without_the_typesetter_letters_are_refused_aloud() {
        let folder = tempfile::tempdir().unwrap();
        let outcomes = write(folder.path(), &[sample::letter(1)]);
        assert!(format!("{outcomes:?}").contains("feature `letters`"));
        assert!(files(folder.path()).is_empty());
    }

    #[test]
    #[cfg(feature = "letters")]
    fn letters_become_pdf_files() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(folder.path(), &[sample::letter(1)])[0].is_accepted());
        let bytes = std::fs::read(folder.path().join("letters/2026-04-07/073000-000000000001.pdf")).unwrap();
        assert!(bytes.starts_with(b"%PDF-1.7"));
    }
}
