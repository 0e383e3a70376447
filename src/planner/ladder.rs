//! Ladders as files: stages by days past due or instalments overdue, steps by channel and template, human tasks.

use std::ops::RangeInclusive;

use chrono::NaiveTime;
use serde::Deserialize;

use crate::domain::Channel;

/// A ladder that was read and checked.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// Name, as portfolios call it.
    pub name: String,
    /// Version the author gave.
    pub version: u32,
    /// SHA-256 of the file; decisions and plans name it.
    pub digest: [u8; 32],
    /// Title for people.
    pub title: Title,
    /// Times of day that work best, inside the lawful hours.
    pub prefer: Vec<Slot>,
    /// Times of day to avoid.
    pub avoid: Vec<Slot>,
    /// Rungs in order.
    pub stages: Vec<Stage>,
    /// The message after a broken promise.
    pub on_broken_promise: Option<Step>,
}

/// A title in Chinese and English.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A time of day `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Begins.
    pub from: NaiveTime,
    /// Ends.
    pub to: NaiveTime,
}

/// A rung.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Id, e.g. `yellow`.
    pub id: String,
    /// Title for people.
    pub title: Title,
    /// Days past due for which it holds.
    pub dpd: RangeInclusive<i64>,
    /// Instalments overdue for which it holds; `None`: any, or no instalments.
    pub instalments: Option<RangeInclusive<u32>>,
    /// Messages.
    pub steps: Vec<Step>,
    /// Human work.
    pub tasks: Vec<Task>,
}

/// A message of a rung.
#[derive(Debug, Clone)]
pub struct Step {
    /// Id, e.g. `first-reminder`.
    pub id: String,
    /// First day past due on which it is due.
    pub dpd: i64,
    /// Repeated every so many days.
    pub every_days: Option<i64>,
    /// At most so many times.
    pub times: u32,
    /// Channels by preference.
    pub channels: Vec<Channel>,
    /// Template.
    pub template: String,
    /// Template for accounts on observation level.
    pub observation_template: Option<String>,
    /// Not for accounts on observation level.
    pub skip_observation: bool,
    /// Days for which it stays fresh; older, it is skipped.
    pub valid_days: i64,
}

/// Human work of a rung.
#[derive(Debug, Clone)]
pub struct Task {
    /// Id.
    pub id: String,
    /// Day past due.
    pub dpd: i64,
    /// `call`, `legal_assessment` or `stop_new_business`.
    pub kind: String,
    /// Title for people.
    pub title: Title,
}

/// Why a ladder file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct LadderError {
    /// File.
    pub file: String,
    /// Line; 1 where the whole file is meant.
    pub line: usize,
    /// What was found and what is expected.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LadderFile {
    name: toml::Spanned<String>,
    version: u32,
    title: Title,
    #[serde(rename = "why")]
    _why: String,
    #[serde(rename = "basis")]
    _basis: String,
    #[serde(default)]
    slots: SlotsFile,
    stage: Vec<toml::Spanned<StageFile>>,
    on_broken_promise: Option<toml::Spanned<StepFile>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SlotsFile {
    #[serde(default)]
    prefer: Vec<toml::Spanned<String>>,
    #[serde(default)]
    avoid: Vec<toml::Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageFile {
    id: String,
    title: Title,
    from_dpd: i64,
    to_dpd: i64,
    instalments: Option<InstalmentsFile>,
    #[serde(default)]
    step: Vec<toml::Spanned<StepFile>>,
    #[serde(default)]
    task: Vec<toml::Spanned<TaskFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstalmentsFile {
    min: u32,
    max: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    id: String,
    #[serde(default)]
    dpd: i64,
    every_days: Option<i64>,
    times: Option<u32>,
    channels: Vec<toml::Spanned<String>>,
    template: String,
    observation_template: Option<String>,
    #[serde(default)]
    skip_observation: bool,
    #[serde(default = "ten")]
    valid_days: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskFile {
    id: String,
    dpd: i64,
    kind: toml::Spanned<String>,
    title: Title,
}

fn ten() -> i64 {
    10
}

impl Ladder {
    /// Reads a ladder file. `digest` is the SHA-256 of `text`.
    ///
    /// # Errors
    /// The first fault, with file, line, what was found and what is expected.
    pub fn parse(file: &str, text: &str, digest: [u8; 32]) -> Result<Ladder, LadderError> {
        let reading = Reading { file, text };
        let found: LadderFile = toml::from_str(text)
            .map_err(|e| reading.fault(e.span().map_or(0, |s| s.start), e.message().to_owned()))?;
        let slots = |list: &[toml::Spanned<String>]| {
            list.iter()
                .map(|s| reading.slot(s))
                .collect::<Result<Vec<_>, _>>()
        };
        let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
        if found.name.get_ref() != stem {
            let what = format!(
                "`name` is `{}`, expected the file's own name `{stem}`",
                found.name.get_ref()
            );
            return Err(reading.fault(found.name.span().start, what));
        }
        let mut stages = Vec::with_capacity(found.stage.len());
        for stage in &found.stage {
            stages.push(reading.stage(stage)?);
        }
        if stages.is_empty() {
            return Err(reading.fault(0, "expected at least one `[[stage]]`".into()));
        }
        let on_broken_promise = found
            .on_broken_promise
            .as_ref()
            .map(|s| reading.step(s, 0..=0))
            .transpose()?;
        Ok(Ladder {
            name: found.name.into_inner(),
            version: found.version,
            digest,
            title: found.title,
            prefer: slots(&found.slots.prefer)?,
            avoid: slots(&found.slots.avoid)?,
            stages,
            on_broken_promise,
        })
    }

    /// Every template the ladder names.
    pub fn templates(&self) -> impl Iterator<Item = &str> {
        let steps = self
            .stages
            .iter()
            .flat_map(|s| &s.steps)
            .chain(&self.on_broken_promise);
        steps.flat_map(|s| std::iter::once(s.template.as_str()).chain(s.observation_template.as_deref()))
    }
}

struct Reading<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reading<'_> {
    fn fault(&self, at: usize, what: String) -> LadderError {
        let line = self.text[..at.min(self.text.len())].matches('\n').count() + 1;
        LadderError {
            file: self.file.to_owned(),
            line,
            what,
        }
    }

    fn stage(&self, found: &toml::Spanned<StageFile>) -> Result<Stage, LadderError> {
        let (at, stage) = (found.span().start, found.get_ref());
        if stage.from_dpd > stage.to_dpd {
            let what = format!(
                "stage `{}`: `from_dpd` {} is after `to_dpd` {}; expected from at most to",
                stage.id, stage.from_dpd, stage.to_dpd
            );
            return Err(self.fault(at, what));
        }
        let dpd = stage.from_dpd..=stage.to_dpd;
        let steps = stage
            .step
            .iter()
            .map(|s| self.step(s, dpd.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let tasks = stage
            .task
            .iter()
            .map(|t| self.task(t, &dpd))
            .collect::<Result<Vec<_>, _>>()?;
        let mut ids: Vec<_> = steps
            .iter()
            .map(|s| &s.id)
            .chain(tasks.iter().map(|t| &t.id))
            .collect();
        ids.sort();
        if let Some(twice) = ids.windows(2).find(|w| w[0] == w[1]) {
            return Err(self.fault(
                at,
                format!(
                    "stage `{}` has `{}` twice; expected ids to differ",
                    stage.id, twice[0]
                ),
            ));
        }
        Ok(Stage {
            id: stage.id.clone(),
            title: stage.title.clone(),
            dpd,
            instalments: stage
                .instalments
                .as_ref()
                .map(|i| i.min..=i.max.unwrap_or(u32::MAX)),
            steps,
            tasks,
        })
    }

    fn step(&self, found: &toml::Spanned<StepFile>, stage: RangeInclusive<i64>) -> Result<Step, LadderError> {
        let (at, step) = (found.span().start, found.get_ref());
        if !stage.contains(&step.dpd) {
            let what = format!(
                "step `{}`: `dpd` {} is outside its stage; expected {} to {}",
                step.id,
                step.dpd,
                stage.start(),
                stage.end()
            );
            return Err(self.fault(at, what));
        }
        let mut channels = Vec::with_capacity(step.channels.len());
        for word in &step.channels {
            let channel: Channel = word
                .get_ref()
                .parse()
                .map_err(|e| self.fault(word.span().start, format!("{e}")))?;
            if channel == Channel::Call {
                let what =
                    "calls are not dispatched; expected `sms`, `email` or `letter`, or a `[[stage.task]]`";
                return Err(self.fault(word.span().start, what.into()));
            }
            channels.push(channel);
        }
        let bad_cadence =
            step.every_days.is_some_and(|n| n < 1) || step.times == Some(0) || step.valid_days < 1;
        if channels.is_empty() || bad_cadence || (step.times.is_some() && step.every_days.is_none()) {
            let what = format!(
                "step `{}`: expected at least one channel, `valid_days` of 1 or more, and `times` only beside `every_days`",
                step.id
            );
            return Err(self.fault(at, what));
        }
        Ok(Step {
            id: step.id.clone(),
            dpd: step.dpd,
            every_days: step.every_days,
            times: if step.every_days.is_some() {
                step.times.unwrap_or(u32::MAX)
            } else {
                1
            },
            channels,
            template: step.template.clone(),
            observation_template: step.observation_template.clone(),
            skip_observation: step.skip_observation,
            valid_days: step.valid_days,
        })
    }

    fn task(
        &self,
        found: &toml::Spanned<TaskFile>,
        stage: &RangeInclusive<i64>,
    ) -> Result<Task, LadderError> {
        let (at, task) = (found.span().start, found.get_ref());
        const KINDS: [&str; 3] = ["call", "legal_assessment", "stop_new_business"];
        if !KINDS.contains(&task.kind.get_ref().as_str()) {
            let what = format!(
                "task `{}`: kind `{}`; expected one of {}",
                task.id,
                task.kind.get_ref(),
                KINDS.join(", ")
            );
            return Err(self.fault(task.kind.span().start, what));
        }
        if !stage.contains(&task.dpd) {
            return Err(self.fault(
                at,
                format!("task `{}`: `dpd` {} is outside its stage", task.id, task.dpd),
            ));
        }
        Ok(Task {
            id: task.id.clone(),
            dpd: task.dpd,
            kind: task.kind.get_ref().clone(),
            title: task.title.clone(),
        })
    }

    fn slot(&self, found: &toml::Spanned<String>) -> Result<Slot, LadderError> {
        let wrong = || {
            let what = format!(
                "slot `{}`; expected a time of day such as `15:30-17:00`",
                found.get_ref()
            );
            self.fault(found.span().start, what)
        };
        let (from, to) = found.get_ref().split_once('-').ok_or_else(wrong)?;
        let time = |t: &str| NaiveTime::parse_from_str(t.trim(), "%H:%M").map_err(|_| wrong());
        let slot = Slot {
            from: time(from)?,
            to: time(to)?,
        };
        if slot.from < slot.to {
            Ok(slot)
        } else {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "x"
version = 1
title = { zh = "梯", en = "ladder" }
why = "w"
basis = "house rule"
[slots]
prefer = ["15:30-17:00"]
[[stage]]
id = "one"
title = { zh = "一", en = "one" }
from_dpd = 1
to_dpd = 30
[[stage.step]]
id = "a"
dpd = 2
channels = ["sms"]
template = "overdue-reminder"
"#;

    #[test]
    fn faults_name_file_line_and_what_is_expected() {
        let check = |from: &str, to: &str, line: usize, words: &str| {
            assert!(GOOD.contains(from));
            let e = Ladder::parse("ladders/x.toml", &GOOD.replacen(from, to, 1), [0; 32]).unwrap_err();
            assert_eq!(e.line, line, "{e}");
            assert!(e.to_string().contains(words), "{e}");
        };
        assert!(Ladder::parse("ladders/x.toml", GOOD, [0; 32]).is_ok());
        check(
            "name = \"x\"",
            "name = \"y\"",
            2,
            "expected the file's own name `x`",
        );
        check("to_dpd = 30", "to_dpd = 0", 9, "expected from at most to");
        check("dpd = 2", "dpd = 99", 14, "expected 1 to 30");
        check("[\"sms\"]", "[\"fax\"]", 17, "expected one of `sms`");
        check("[\"sms\"]", "[\"call\"]", 17, "not dispatched");
        check("15:30-17:00", "17:00-15:30", 8, "15:30-17:00");
        check(
            "version = 1",
            "version = 1\ncolour = 2",
            4,
            "unknown field `colour`",
        );
    }
}
