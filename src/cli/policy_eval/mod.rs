//! `dunwell policy eval --jsonl`: one situation a line in, one verdict a line out. No store and no settings are asked;
//! the rules and their evaluation are those of every other command.
//!
//! What a line says becomes [`Facts`](crate::policy::Facts): `reading` notes every field and value that is not
//! understood, and a line with one of them is for a person; `people`, `file`, `timeline` and `signals` read the parts.

mod conduct;
mod file;
mod line;
mod people;
mod reading;
mod signals;
mod timeline;

use std::io::{BufRead, BufReader, BufWriter, Write};

use serde_json::{Value, json};

use super::out::Answer;
use super::session::Session;
use super::words::Lang;
use crate::domain::Verdict;
use crate::policy::PolicySet;
use line::Answered;

/// Reads lines from standard input and answers each with one line, an empty one too.
pub(super) fn run(session: &Session) -> anyhow::Result<Answer> {
    let rulebook = session.rulebook()?;
    let mut stdin = BufReader::new(std::io::stdin().lock());
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    while stdin.read_until(b'\n', &mut line)? > 0 {
        let answer = answer(
            &String::from_utf8_lossy(&line),
            &rulebook.policy,
            session.out.lang,
        );
        serde_json::to_writer(&mut stdout, &answer)?;
        stdout.write_all(b"\n")?;
        line.clear();
        // Whoever writes one line and waits for its answer gets it.
        if stdin.buffer().is_empty() {
            stdout.flush()?;
        }
    }
    stdout.flush()?;
    Ok(Answer::new("", Value::Null))
}

/// The answer to one line. A line that cannot be read is for a person; it is never allowed.
pub(super) fn answer(line: &str, policy: &PolicySet, lang: Lang) -> Value {
    let Answered {
        id,
        verdict,
        zone,
        findings,
    } = line::judge(line, policy);
    let mut out = json!({
        "id": id,
        "verdict": match verdict {
            Verdict::Cleared => "allow",
            Verdict::Held { .. } => "defer",
            Verdict::Review => "review",
            Verdict::Blocked => "block",
        },
    });
    if let Verdict::Held { until } = verdict {
        out["not_before"] = until.utc().with_timezone(&zone).to_rfc3339().into();
    }
    let findings = findings.iter().map(|f| {
        let says = lang.pick(&f.zh, &f.en);
        json!({"rule": f.rule, "citation": f.citation, "says": says})
    });
    out["findings"] = findings.collect();
    out
}
