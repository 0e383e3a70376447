//! A closed batch on disk: a folder or one archive, with the letters one by one or all in one PDF, and the manifest. It
//! appears as a whole or not at all, and the same batch written twice is there once.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::manifest::{Line, Manifest};
use super::{Beside, beside_of, digest, layout_of, open_folder, pdf_of, put};
use crate::channels::letters::typeset_many;
use crate::domain::AttemptId;
use crate::store::PrintLetter;

/// How a batch is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchForm {
    /// One ZIP archive instead of a folder.
    pub archive: bool,
    /// All letters in one PDF instead of one for each.
    pub merged: bool,
    /// Both sides of a sheet are printed.
    pub duplex: bool,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub struct BatchPlan {
    /// What the folder or the archive is called.
    pub name: String,
    /// Its letters, in order.
    pub letters: Vec<PrintLetter>,
    /// How.
    pub form: BatchForm,
    /// The date of the one PDF.
    pub date: NaiveDate,
}

/// A batch that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub place: PathBuf,
    /// The digest of its one PDF, where it has one.
    pub merged: Option<String>,
    /// The letters that are not in it, with the reason.
    pub dropped: Vec<(AttemptId, String)>,
}

/// Why a batch could not be written. Nothing of it is there.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The disk.
    #[error("the batch `{name}` cannot be written: {reason}")]
    Unwritable {
        /// Which batch.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// Something of the same name is there and is not this batch.
    #[error("`{}` is there and is not this batch; move it away", place.display())]
    InTheWay {
        /// Where.
        place: PathBuf,
    },
}

/// A letter of the open batch, checked.
struct Ready<'a> {
    letter: &'a PrintLetter,
    beside: Beside,
    pdf: Vec<u8>,
}

/// Writes a batch below `folder`, or finds that it is there already.
pub fn write_batch(folder: &Path, plan: &BatchPlan) -> Result<Written, BatchError> {
    let unwritable = |e: std::io::Error| BatchError::Unwritable {
        name: plan.name.clone(),
        reason: e.kind().to_string(),
    };
    let batches = folder.join("batches");
    for (place, archive) in [
        (batches.join(&plan.name), false),
        (batches.join(format!("{}.zip", plan.name)), true),
    ] {
        if place.exists() {
            return there_already(place, archive, plan);
        }
    }
    let mut dropped = Vec::new();
    let mut ready = Vec::new();
    for letter in &plan.letters {
        match take(folder, letter) {
            Ok(one) => ready.push(one),
            Err(why) => dropped.push((letter.attempt, why)),
        }
    }
    let merged = plan.form.merged.then(|| in_one(folder, plan, &ready)).flatten();
    let digest = merged.as_ref().map(|(files, _)| digest(&files[0].1));
    let (mut files, lines) = merged.unwrap_or_else(|| one_by_one(&ready));
    let manifest = Manifest {
        batch: plan.name.clone(),
        sides: if plan.form.duplex { "duplex" } else { "simplex" }.to_owned(),
        letters: lines,
    };
    files.push(("manifest.csv".to_owned(), manifest.csv()));
    files.push(("manifest.json".to_owned(), manifest.json()));
    std::fs::create_dir_all(&batches).map_err(unwritable)?;
    let place = match plan.form.archive {
        true => archive_of(&batches, &plan.name, &files),
        false => folder_of(&batches, &plan.name, &files),
    };
    Ok(Written {
        place: place.map_err(unwritable)?,
        merged: digest,
        dropped,
    })
}

/// The letter as it lies in the open batch, if it is the one that was gathered.
fn take<'a>(folder: &Path, letter: &'a PrintLetter) -> Result<Ready<'a>, String> {
    let pdf = std::fs::read(pdf_of(folder, letter.attempt))
        .map_err(|e| format!("its file in the open batch cannot be read ({})", e.kind()))?;
    if digest(&pdf) != letter.sha256 {
        return Err("its file in the open batch was changed".to_owned());
    }
    let text = std::fs::read(beside_of(folder, letter.attempt))
        .map_err(|e| format!("what lies beside its file cannot be read ({})", e.kind()))?;
    let beside: Beside =
        serde_json::from_slice(&text).map_err(|_| "what lies beside its file was changed")?;
    if digest(beside.words.to_string().as_bytes()) != letter.words {
        return Err("what lies beside its file was changed".to_owned());
    }
    Ok(Ready { letter, beside, pdf })
}

type Files = Vec<(String, Vec<u8>)>;

fn line(r: &Ready<'_>, place: usize, file: (&str, u32, u32), sha256: &str) -> Line {
    let (name, first_page, pages) = file;
    Line {
        place: r.letter.place.unwrap_or(u32::try_from(place).unwrap_or(0)),
        attempt: r.letter.attempt.to_string(),
        file: name.to_owned(),
        first_page,
        pages,
        sheets_simplex: pages,
        sheets_duplex: pages.div_ceil(2),
        paper: r.letter.paper.clone(),
        form: r.beside.form.clone(),
        sha256: sha256.to_owned(),
        country: r.beside.country.clone(),
        address: r.beside.recipient.clone(),
    }
}

fn one_by_one(ready: &[Ready<'_>]) -> (Files, Vec<Line>) {
    let (mut files, mut lines) = (Vec::new(), Vec::new());
    for (n, r) in ready.iter().enumerate() {
        let name = format!("{:05}-{}.pdf", r.letter.place.unwrap_or(0), r.letter.attempt);
        lines.push(line(r, n + 1, (&name, 1, r.letter.pages), &r.letter.sha256));
        files.push((name, r.pdf.clone()));
    }
    (files, lines)
}

/// All letters in one PDF; `None` where their layouts differ, one of them does not take a list, or a letter would not be
/// what it was by itself.
fn in_one(folder: &Path, plan: &BatchPlan, ready: &[Ready<'_>]) -> Option<(Files, Vec<Line>)> {
    let first = ready.first()?;
    if ready.iter().any(|r| r.beside.layout != first.beside.layout) {
        return None;
    }
    let layout = std::fs::read_to_string(layout_of(folder, &first.beside.layout)).ok()?;
    if digest(layout.as_bytes()) != first.beside.layout {
        return None;
    }
    let words = ready.iter().map(|r| r.beside.words.clone()).collect();
    let many = typeset_many(&layout, words, plan.form.duplex, plan.date).ok()?;
    let sha256 = digest(&many.pdf);
    let whole = many.letters.len() == ready.len()
        && ready
            .iter()
            .zip(&many.letters)
            .all(|(r, (_, pages))| r.letter.pages == *pages);
    let lines = ready.iter().zip(&many.letters).enumerate();
    let lines = lines
        .map(|(n, (r, (first_page, pages)))| line(r, n + 1, ("letters.pdf", *first_page, *pages), &sha256));
    whole.then(|| {
        (
            vec![("letters.pdf".to_owned(), many.pdf.clone())],
            lines.collect(),
        )
    })
}

fn folder_of(batches: &Path, name: &str, files: &Files) -> std::io::Result<PathBuf> {
    let (draft, place) = (batches.join(format!(".{name}.part")), batches.join(name));
    if draft.exists() {
        std::fs::remove_dir_all(&draft)?;
    }
    std::fs::create_dir(&draft)?;
    for (file, bytes) in files {
        let mut out = std::fs::File::create(draft.join(file))?;
        out.write_all(bytes)?;
        out.sync_all()?;
    }
    std::fs::File::open(&draft)?.sync_all()?;
    std::fs::rename(&draft, &place)?;
    std::fs::File::open(batches)?.sync_all()?;
    Ok(place)
}

fn archive_of(batches: &Path, name: &str, files: &Files) -> std::io::Result<PathBuf> {
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (file, bytes) in files {
        archive
            .start_file(format!("{name}/{file}"), options)
            .map_err(std::io::Error::other)?;
        archive.write_all(bytes)?;
    }
    let bytes = archive.finish().map_err(std::io::Error::other)?.into_inner();
    let place = batches.join(format!("{name}.zip"));
    put(&place, &bytes)?;
    Ok(place)
}

/// What was written before a crash counts as it stands: its manifest says which letters are in it.
fn there_already(place: PathBuf, archive: bool, plan: &BatchPlan) -> Result<Written, BatchError> {
    let manifest = match archive {
        true => of_archive(&place, &plan.name),
        false => std::fs::read(place.join("manifest.json")).ok(),
    };
    let manifest: Option<Manifest> = manifest.and_then(|m| serde_json::from_slice(&m).ok());
    let Some(manifest) = manifest.filter(|m| m.batch == plan.name) else {
        return Err(BatchError::InTheWay { place });
    };
    let inside: BTreeMap<&str, &Line> = manifest.letters.iter().map(|l| (l.attempt.as_str(), l)).collect();
    let known: Vec<String> = plan.letters.iter().map(|l| l.attempt.to_string()).collect();
    if inside.keys().any(|a| !known.iter().any(|k| k == a)) {
        return Err(BatchError::InTheWay { place });
    }
    let merged = manifest.letters.first().filter(|l| l.file == "letters.pdf");
    let gone = plan
        .letters
        .iter()
        .zip(&known)
        .filter(|(_, id)| !inside.contains_key(id.as_str()));
    Ok(Written {
        merged: merged.map(|l| l.sha256.clone()),
        dropped: gone
            .map(|(l, _)| (l.attempt, "it is not in the manifest".to_owned()))
            .collect(),
        place,
    })
}

fn of_archive(place: &Path, name: &str) -> Option<Vec<u8>> {
    let file = std::fs::File::open(place).ok()?;
    let mut archive = zip::ZipArchive::new(file).ok()?;
    let inside = archive.by_name(&format!("{name}/manifest.json")).ok()?;
    let mut bytes = Vec::new();
    inside.take(256 * 1024 * 1024).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The attempts whose files lie in the folder of the open batch, in it or not any more.
pub fn lying(folder: &Path) -> std::io::Result<Vec<AttemptId>> {
    let open = open_folder(folder);
    if !open.exists() {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&open)? {
        let path = entry?.path();
        let is_pdf = path.extension().is_some_and(|e| e == "pdf");
        let stem = path.file_stem().and_then(|s| s.to_str()).filter(|_| is_pdf);
        all.extend(stem.and_then(|s| s.parse().ok()).map(AttemptId));
    }
    Ok(all)
}

/// Removes the files of letters that do not lie in the open batch any more.
pub fn forget(folder: &Path, gone: &[AttemptId]) -> std::io::Result<()> {
    for attempt in gone {
        for path in [pdf_of(folder, *attempt), beside_of(folder, *attempt)] {
            match std::fs::remove_file(path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
    }
    Ok(())
}
