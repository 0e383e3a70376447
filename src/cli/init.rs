//! `dunwell init`: a folder to begin in.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::out::{Answer, Out};

/// Where to begin.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dunwell init\n  dunwell init my-team")]
pub(super) struct InitArgs {
    /// The folder; it is made if it is not there
    #[arg(default_value = ".", value_name = "DIR")]
    dir: PathBuf,
}

const FILES: &[(&str, &str)] = &[
    ("dunwell.toml", include_str!("../../dunwell.example.toml")),
    ("portfolios.toml", include_str!("../../samples/portfolios.toml")),
];

/// Writes what is not there yet.
pub(super) fn init(args: &InitArgs, out: &Out) -> anyhow::Result<Answer> {
    let dir = &args.dir;
    std::fs::create_dir_all(dir).with_context(|| format!("the folder `{}` cannot be made", dir.display()))?;
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (name, text) in FILES {
        match write_new(&dir.join(name), text)? {
            true => written.push(*name),
            false => kept.push(*name),
        }
    }
    let key = dir.join("log.key");
    match key.exists() {
        true => kept.push("log.key"),
        false => {
            super::evidence::make_key(&key, "dunwell", None)?;
            written.push("log.key");
        }
    }
    let seal = crate::store::SealFile::new(&dir.join("seal.key"));
    match seal.path().exists() {
        true => kept.push("seal.key"),
        false => {
            seal.create(&crate::store::SealKeys::fresh())?;
            written.push("seal.key");
        }
    }
    let lines = |files: &[&str], zh: &str, en: &str| {
        let say = |f: &&str| format!("{} {}\n", out.lang.pick(zh, en), dir.join(f).display());
        files.iter().map(say).collect::<String>()
    };
    let text = lines(&written, "已写入", "wrote")
        + &lines(&kept, "已存在,未改动", "kept as it is")
        + out.lang.pick(
            "下一步:按需修改 portfolios.toml,然后运行 `dunwell portfolio apply portfolios.toml`",
            "next: edit portfolios.toml, then run `dunwell portfolio apply portfolios.toml`",
        );
    Ok(Answer::new(
        text,
        json!({"dir": dir.display().to_string(), "written": written, "kept": kept}),
    ))
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<bool> {
    use std::io::Write;
    let cannot = || format!("`{}` cannot be written", path.display());
    match std::fs::File::create_new(path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).with_context(cannot)?;
            Ok(true)
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e).with_context(cannot),
    }
}
