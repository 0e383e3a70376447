//! `evidence verify FOLDER`: a bundle checked without a database.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::json;

use super::read_head;
use super::verify::VerifyArgs;
use crate::cli::out::{Answer, Code, Out};
use crate::evidence::bundle::{
    Authority, BundleFault, BundleFaultKind, Checked, Files, LogWalk, Statement, Trust, check_bundle,
    compare_kept, unknown_kept,
};
use crate::evidence::{Policy, SignedCheckpoint, TILE_WIDTH, Tile, read_entry_bundle};
use crate::notary::{read_policy, read_roots};

pub(super) fn verify(out: &Out, folder: &Path, args: &VerifyArgs) -> anyhow::Result<Answer> {
    if args.key.is_empty() && args.policy.is_none() {
        bail!(
            "say whom you trust: `--policy FILE` or `--key KEY`, got from somebody else than the maker of the bundle"
        );
    }
    let policy = match &args.policy {
        Some(path) => read_policy(path)?,
        None => Policy::of_logs(Vec::new()),
    };
    let trust = Trust {
        policy: policy.trusting(args.key.iter().cloned()),
        roots: match &args.roots {
            Some(path) => read_roots(path)?,
            None => Vec::new(),
        },
        manifest: args.manifest.clone(),
    };
    let kept = args.checkpoint.iter().map(read_head);
    let kept = kept.collect::<anyhow::Result<Vec<SignedCheckpoint>>>()?;
    Ok(match checked(folder, &trust, &kept, args.log.as_deref()) {
        Ok((checked, walked)) => told(out, &checked, walked),
        Err(e) => refused(out, &e),
    })
}

/// Checks the bundle, then the log, then that heads kept outside are heads of this log.
fn checked(
    folder: &Path,
    trust: &Trust,
    kept: &[SignedCheckpoint],
    log: Option<&Path>,
) -> Result<(Checked, Option<u64>), BundleFault> {
    let files = read(folder)?;
    let checked = check_bundle(&files, trust)?;
    let compared = kept
        .iter()
        .map(|head| (head, compare_kept(&files, &checked, head, &trust.policy)));
    let compared: Vec<_> = compared.collect();
    let open: Vec<_> = compared
        .iter()
        .filter(|(_, same)| *same == Ok(false))
        .map(|(head, _)| *head)
        .collect();
    let walked = log.map(|log| walk(log, &checked.statement, &open)).transpose()?;
    for (_, same) in compared {
        same?;
    }
    if walked.is_none() {
        unknown_kept(&open)?;
    }
    Ok((checked, walked))
}

fn folder_fault(path: &Path) -> BundleFault {
    BundleFault {
        kind: BundleFaultKind::Folder,
        place: path.display().to_string(),
    }
}

/// The files of a bundle. Links and other things that are no plain files are refused.
fn read(folder: &Path) -> Result<Files, BundleFault> {
    let mut files = Files::new();
    collect(folder, "", &mut files)?;
    Ok(files)
}

fn collect(folder: &Path, below: &str, files: &mut Files) -> Result<(), BundleFault> {
    let inside = std::fs::read_dir(folder).map_err(|_| folder_fault(folder))?;
    for found in inside {
        let found = found.map_err(|_| folder_fault(folder))?;
        let path = found.path();
        let kind = found.file_type().map_err(|_| folder_fault(&path))?;
        let name = found.file_name();
        let name = name.to_str().ok_or_else(|| folder_fault(&path))?;
        let inside = match below {
            "" => name.to_owned(),
            below => format!("{below}/{name}"),
        };
        if kind.is_dir() {
            collect(&path, &inside, files)?;
        } else if kind.is_file() {
            files.insert(inside, std::fs::read(&path).map_err(|_| folder_fault(&path))?);
        } else {
            return Err(folder_fault(&path));
        }
    }
    Ok(())
}

/// Walks the whole log out of its tiles, up to the head of the bundle.
fn walk(log: &Path, statement: &Statement, kept: &[&SignedCheckpoint]) -> Result<u64, BundleFault> {
    let fault = || BundleFault {
        kind: BundleFaultKind::Log,
        place: log.display().to_string(),
    };
    let mut walk = kept
        .iter()
        .fold(LogWalk::new(statement), |walk, head| walk.keeping(head));
    for index in 0..walk.wanted().div_ceil(TILE_WIDTH) {
        let bytes = match entries_of(log, index) {
            Ok(bytes) => bytes,
            // The log ends before a head that was kept outside.
            Err(_) if index * TILE_WIDTH >= statement.size => break,
            Err(_) => return Err(fault()),
        };
        for entry in read_entry_bundle(&bytes).map_err(|_| fault())? {
            walk.entry(entry)?;
        }
    }
    walk.finish()
}

/// The widest bundle of entries that is there of one tile.
fn entries_of(log: &Path, index: u64) -> anyhow::Result<Vec<u8>> {
    let tile = |width| Tile {
        level: 0,
        index,
        width,
    };
    let full = log.join(tile(256).entries_path());
    if full.exists() {
        return Ok(std::fs::read(full)?);
    }
    let widest = (1..256u16)
        .rev()
        .map(|width| log.join(tile(width).entries_path()));
    let widest = widest.into_iter().find(|path| path.exists());
    let widest = widest.with_context(|| format!("the entries of tile {index} are missing"))?;
    Ok(std::fs::read(widest)?)
}

fn refused(out: &Out, e: &BundleFault) -> Answer {
    let text = out.lang.pick(
        format!("{} {}:{}", out.paint(31, "不成立"), e.kind.zh(), e.place),
        format!("{} {e}", out.paint(31, "refused:")),
    );
    let json = json!({"holds": false, "code": e.kind.code(), "what": e.kind.en(), "place": e.place});
    Answer::new(text, json).ending(Code::Fault(e.kind.code()))
}

fn told(out: &Out, c: &Checked, walked: Option<u64>) -> Answer {
    let s = &c.statement;
    let (attempts, entries) = (s.answer.attempts.len(), s.answer.entries.len());
    let witnesses: Vec<&str> = c.witnessed.by.iter().map(|(name, _)| name.as_str()).collect();
    let mut lines = vec![out.lang.pick(
        format!("成立:{attempts} 次触达的 {entries} 条记录,均在日志 `{}` 的树头(共 {} 条)之内", s.origin, s.size),
        format!(
            "it holds: {entries} entries of {attempts} attempts are in the log `{}` under the head of {} entries",
            s.origin, s.size
        ),
    )];
    lines.push(match witnesses.is_empty() {
        true => out
            .lang
            .pick("见证方:无".to_owned(), "witnesses: none".to_owned()),
        false => out.lang.pick(
            format!("见证方:{}", witnesses.join("、")),
            format!("witnesses: {}", witnesses.join(", ")),
        ),
    });
    let head_stamp = c.stamp.iter().map(|stamp| (s.size, stamp));
    let stamps = c
        .older
        .iter()
        .filter_map(|(size, stamp)| Some((*size, stamp.as_ref()?)));
    let stamps: Vec<_> = stamps.chain(head_stamp).collect();
    for (size, stamp) in &stamps {
        let unchecked = match c.authority {
            Authority::Trusted => "",
            Authority::Unchecked => out.lang.pick(
                "(机构未核对,--roots)",
                " (its authority was not checked; `--roots`)",
            ),
        };
        lines.push(out.lang.pick(
            format!("前 {size} 条在 {} 之前已存在{unchecked}", stamp.at),
            format!("the first {size} entries existed by {}{unchecked}", stamp.at),
        ));
    }
    if stamps.is_empty() {
        lines.push(out.lang.pick(
            "没有外部时间戳".to_owned(),
            "no time stamp of anybody outside".to_owned(),
        ));
    }
    lines.push(out.lang.pick(
        format!(
            "{} 份密封内容已打开并与承诺相符,{} 份未打开",
            c.opened.len(),
            c.closed
        ),
        format!(
            "{} sealed texts opened and are what was committed to; {} stay closed",
            c.opened.len(),
            c.closed
        ),
    ));
    lines.push(match walked {
        Some(n) => out.lang.pick(
            format!("已遍历日志的 {n} 条记录:没有遗漏"),
            format!("walked all {n} entries of the log: nothing was left out"),
        ),
        None => out.lang.pick(
            "有无遗漏未核对:请以 --log 给出整个日志".to_owned(),
            "whether anything was left out was not checked: give the whole log with `--log`".to_owned(),
        ),
    });
    lines.push(
        out.lang
            .pick(format!("清单 {}", c.manifest), format!("manifest {}", c.manifest)),
    );
    let stamps = stamps
        .iter()
        .map(|(size, stamp)| json!({"size": size, "at": stamp.at}));
    let by = c
        .witnessed
        .by
        .iter()
        .map(|(name, at)| json!({"name": name, "at": at}));
    let json = json!({"holds": true, "origin": s.origin, "size": s.size, "root": s.root, "key": c.witnessed.log.to_string(),
        "attempts": s.answer.attempts, "entries": s.answer.entries, "witnesses": by.collect::<Vec<_>>(),
        "stamps": stamps.collect::<Vec<_>>(), "opened": c.opened.len(), "closed": c.closed, "walked": walked,
        "manifest": c.manifest});
    Answer::new(lines.join("\n"), json)
}
