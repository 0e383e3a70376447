//! Giving out what outsiders check: heads, proofs, tiles.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::{given, notary};
use crate::cli::out::Answer;
use crate::cli::session::Session;
use crate::domain::RecordId;
use crate::evidence::{InclusionProof, TILE_WIDTH, Tile, entry_bundle, tiles_between};
use crate::notary::Notary;
use crate::store::{AnchorKind, EntryName, Head, TreeSnapshot};

/// A head.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckpointArgs {
    /// Write it into this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Ask witnesses and the time-stamp authority now, and write the copy outside
    #[arg(long)]
    anchor: bool,
    /// Write the time stamp over this head into this file; with `--anchor`, or if there is one
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
}

/// An entry and its proof.
#[derive(Debug, Args)]
pub(in crate::cli) struct ProofArgs {
    /// Index or id of the entry
    #[arg(value_name = "ENTRY")]
    entry: String,
    /// Write the proof and the bytes of the entry into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The whole log.
#[derive(Debug, Args)]
pub(in crate::cli) struct TilesArgs {
    /// The folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Asks everybody outside at once; their failures are remarks.
async fn anchor(session: &Session, notary: &Notary, head: &Head) -> anyhow::Result<()> {
    let all = [
        notary.cosign(head, true).await?,
        notary.stamp(head, true).await?,
        notary.copy_out(head, true).await?,
        notary.mail_out(head, true).await?,
    ];
    for fault in all.iter().flat_map(|v| &v.faults) {
        session.out.remark(
            &format!("未获见证:{fault}"),
            &format!("nobody vouches here: {fault}"),
        );
    }
    Ok(())
}

pub(super) async fn checkpoint(session: &Session, args: &CheckpointArgs) -> anyhow::Result<Answer> {
    let (store, notary) = notary(session).await?;
    let head = notary.head().await?;
    if args.anchor {
        anchor(session, &notary, &head).await?;
    }
    let size = head.signed.checkpoint.size;
    let anchors = store.anchors(size).await?;
    if let Some(path) = &args.token {
        let token = anchors.iter().rfind(|a| a.kind == AnchorKind::Timestamp);
        let token = token.with_context(|| {
            format!("there is no time stamp over the head of {size} entries\nset `evidence.timestamp_url` and give `--anchor`")
        })?;
        std::fs::write(path, &token.body)
            .with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    let signed = notary.cosigned(&head).await?;
    let by = anchors
        .iter()
        .map(|a| json!({"kind": a.kind.as_str(), "name": a.name, "at": a.at.to_text()}));
    let json = json!({"size": size, "origin": signed.checkpoint.origin, "root": hex::encode(signed.checkpoint.root),
        "checkpoint": signed.to_string(), "anchors": by.collect::<Vec<_>>()});
    given(&session.out, args.out.as_ref(), signed.to_string(), json)
}

fn entry_name(text: &str) -> anyhow::Result<EntryName> {
    if let Ok(index) = text.parse::<u64>() {
        return Ok(EntryName::Index(index));
    }
    match text.parse::<RecordId>() {
        Ok(record) => Ok(EntryName::Record(record)),
        Err(_) => {
            bail!("`{text}` is neither the index nor the id of an entry\n`dunwell evidence list` shows both")
        }
    }
}

pub(super) async fn proof(session: &Session, args: &ProofArgs) -> anyhow::Result<Answer> {
    let name = entry_name(&args.entry)?;
    let (store, notary) = notary(session).await?;
    let head = notary.head().await?;
    let mut tree = store.tree().await?;
    let proven = tree
        .prove(name, head.signed.checkpoint.size)
        .await?
        .with_context(|| format!("there is no entry `{}`", args.entry))?;
    let proof = InclusionProof {
        extra: None,
        index: proven.index,
        path: proven.path,
        head: notary.cosigned(&head).await?,
    };
    let text = proof.to_string();
    let json = json!({"index": proven.index, "entry": proven.bytes, "proof": text});
    let Some(folder) = &args.out else {
        return Ok(Answer::new(text, json));
    };
    std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    let (entry_file, proof_file) = (
        folder.join(format!("{}.json", proven.index)),
        folder.join(format!("{}.tlog-proof", proven.index)),
    );
    for (path, bytes) in [(&entry_file, &proven.bytes), (&proof_file, &text)] {
        std::fs::write(path, bytes).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    let said = session.out.lang.pick(
        format!("已写入 {} 和 {}", entry_file.display(), proof_file.display()),
        format!("wrote {} and {}", entry_file.display(), proof_file.display()),
    );
    Ok(Answer::new(said, json))
}

/// Writes a file that never changes, unless it is there; says whether it wrote.
fn write_once(path: &Path, bytes: &[u8]) -> anyhow::Result<bool> {
    if path.metadata().is_ok_and(|m| m.len() == bytes.len() as u64) {
        return Ok(false);
    }
    write_whole(path, bytes)?;
    Ok(true)
}

/// Writes a file so that a reader sees the old or the new content.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("`{}` cannot be written", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(cannot)?;
    }
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, bytes).with_context(cannot)?;
    std::fs::rename(&fresh, path).with_context(cannot)
}

async fn tile_bytes(tree: &mut TreeSnapshot, tile: &Tile) -> anyhow::Result<(Vec<u8>, Option<Vec<u8>>)> {
    let mut hashes = tree.tile(tile.level, tile.index).await?;
    hashes.truncate(usize::from(tile.width) * 32);
    if tile.level > 0 {
        return Ok((hashes, None));
    }
    let from = tile.index * TILE_WIDTH;
    let entries = tree.entries(from, from + u64::from(tile.width)).await?;
    let bundle = entry_bundle(entries.iter().map(String::as_bytes))?;
    Ok((hashes, Some(bundle)))
}

pub(super) async fn tiles(session: &Session, args: &TilesArgs) -> anyhow::Result<Answer> {
    let (store, notary) = notary(session).await?;
    let head = notary.head().await?;
    let size = head.signed.checkpoint.size;
    let mut written = 0u64;
    let all = tiles_between(0, size);
    // A snapshot keeps the tiles it has read; a fresh one for each batch keeps memory small.
    for batch in all.chunks(256) {
        let mut tree = store.tree().await?;
        for tile in batch {
            let path = args.out.join(tile.path());
            let full = u64::from(tile.width) == TILE_WIDTH;
            let there = |path: &Path| full && path.exists();
            if there(&path) && (tile.level > 0 || there(&args.out.join(tile.entries_path()))) {
                continue;
            }
            let (hashes, bundle) = tile_bytes(&mut tree, tile).await?;
            written += u64::from(write_once(&path, &hashes)?);
            if let Some(bundle) = bundle {
                written += u64::from(write_once(&args.out.join(tile.entries_path()), &bundle)?);
            }
        }
    }
    // The head last: whoever reads it finds every tile it needs.
    let signed = notary.cosigned(&head).await?;
    write_whole(&args.out.join("checkpoint"), signed.to_string().as_bytes())?;
    let text = session.out.lang.pick(
        format!("{size} 条记录,写入 {written} 个文件到 {}", args.out.display()),
        format!(
            "{size} entries, {written} files written to {}",
            args.out.display()
        ),
    );
    Ok(Answer::new(
        text,
        json!({"size": size, "files": written, "tiles": all.len()}),
    ))
}
