//! Labelled answers, one JSON object a line: `id`, `lang`, `text`, `means` (what it means), `may` (what it may be read as
//! too), `scenario`, and `messy` (how the line was made untidy, or null).

use serde::Deserialize;

use super::Meaning;

/// One labelled answer.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its id.
    pub id: String,
    /// `zh-CN`, `zh-TW`, `zh-HK`, `en`.
    pub lang: String,
    /// What somebody wrote.
    pub text: String,
    /// What it means; empty: nothing that matters.
    pub means: Vec<Meaning>,
    /// What it may be read as without being wrong.
    pub may: Vec<Meaning>,
    /// The situation; samples of one are never on both sides of a check.
    pub scenario: String,
}

/// A line that is no labelled answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: found {found}\n  expected {expected}")]
pub struct SampleError {
    /// Line, from 1.
    pub line: usize,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub expected: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: String,
    lang: String,
    text: String,
    means: Vec<String>,
    #[serde(default)]
    may: Vec<String>,
    scenario: String,
    #[serde(default)]
    #[allow(dead_code, reason = "tells people how a line was made")]
    messy: Option<String>,
}

/// Reads labelled answers; blank lines are passed over.
pub fn samples(text: &str) -> Result<Vec<Sample>, SampleError> {
    let lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
    lines.map(|(i, l)| sample(i + 1, l)).collect()
}

fn sample(line: usize, text: &str) -> Result<Sample, SampleError> {
    let raw: Raw = serde_json::from_str(text).map_err(|e| SampleError {
        line,
        found: e.to_string(),
        expected: "one labelled answer, such as `{\"id\":\"1\",\"lang\":\"en\",\"text\":\"STOP\",\"means\":[\"opt_out\"],\"scenario\":\"word\"}`"
            .to_owned(),
    })?;
    let meanings = |words: &[String]| {
        let read = |w: &String| {
            w.parse::<Meaning>().map_err(|e| SampleError {
                line,
                found: format!("`{w}`"),
                expected: e.expected,
            })
        };
        words.iter().map(read).collect::<Result<Vec<_>, _>>()
    };
    Ok(Sample {
        means: meanings(&raw.means)?,
        may: meanings(&raw.may)?,
        id: raw.id,
        lang: raw.lang,
        text: raw.text,
        scenario: raw.scenario,
    })
}
