//! `dunwell ladder`: the ladders that portfolios may walk, and a file of one's own checked.

use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::out::{Answer, table};
use super::portfolio::read_text;
use super::session::Session;
use crate::planner::Ladder;

/// What can be done with ladders.
#[derive(Debug, Subcommand)]
pub(super) enum LadderCommand {
    /// Shows every ladder with its stages
    #[command(after_help = "Examples:\n  dunwell ladder list\n  dunwell ladder list --json")]
    List,
    /// Checks every ladder, or one file: it reads, and its templates are in the catalogue
    #[command(
        after_help = "Examples:\n  dunwell ladder check\n  dunwell ladder check policies/ladders/my-ladder.toml"
    )]
    Check {
        /// A ladder file
        file: Option<PathBuf>,
    },
}

pub(super) fn run(session: &Session, command: LadderCommand) -> anyhow::Result<Answer> {
    let rulebook = session.rulebook()?;
    let lang = session.out.lang;
    match command {
        LadderCommand::List => {
            let rows = rulebook.ladders.values().flat_map(|l| {
                l.stages.iter().map(|s| {
                    vec![
                        l.name.clone(),
                        s.id.clone(),
                        lang.pick(&s.title.zh, &s.title.en).clone(),
                        format!("{} .. {}", s.dpd.start(), s.dpd.end()),
                        s.steps.len().to_string(),
                        s.tasks.len().to_string(),
                    ]
                })
            });
            let head = lang.pick(
                ["阶梯", "阶段", "名称", "逾期天数", "消息", "任务"],
                ["ladder", "stage", "title", "days past due", "steps", "tasks"],
            );
            let json = rulebook.ladders.values().map(json_of);
            Ok(Answer::new(table(&head, 3, rows), Value::Array(json.collect())))
        }
        LadderCommand::Check { file: None } => {
            let names: Vec<&String> = rulebook.ladders.keys().collect();
            let n = names.len();
            let text = lang.pick(format!("{n} 个阶梯均可用"), format!("{n} ladders are fine"));
            Ok(Answer::new(text, json!({"ladders": names})))
        }
        LadderCommand::Check { file: Some(file) } => {
            let text = read_text(&file)?;
            let shown = file.display().to_string().replace('\\', "/");
            let ladder = Ladder::parse(&shown, &text, Sha256::digest(&text).into())?;
            if let Some(missing) = ladder
                .templates()
                .find(|t| rulebook.catalogue.template(t).is_none())
            {
                let line = text
                    .lines()
                    .position(|l| l.contains(&format!("\"{missing}\"")))
                    .map_or(1, |n| n + 1);
                bail!(
                    "{shown}:{line}: template `{missing}` is not in the catalogue\n`dunwell template list` shows all"
                );
            }
            let answer = lang.pick(
                format!("{} 可用", ladder.name),
                format!("{} is fine", ladder.name),
            );
            Ok(Answer::new(answer, json_of(&ladder)))
        }
    }
}

fn json_of(l: &Ladder) -> Value {
    let stage = |s: &crate::planner::Stage| {
        json!({"id": s.id, "zh": s.title.zh, "en": s.title.en, "from_dpd": s.dpd.start(), "to_dpd": s.dpd.end(),
            "steps": s.steps.iter().map(|s| s.id.clone()).collect::<Vec<_>>(),
            "tasks": s.tasks.iter().map(|t| t.id.clone()).collect::<Vec<_>>()})
    };
    json!({"name": l.name, "version": l.version, "zh": l.title.zh, "en": l.title.en,
        "stages": l.stages.iter().map(stage).collect::<Vec<_>>()})
}
