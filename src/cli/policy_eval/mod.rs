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

use std::io::{BufRead, Write};

use serde_json::{Value, json};

use super::out::Answer;
use super::session::Session;
use super::words::Lang;
use crate::domain::Verdict;
use crate::policy::PolicySet;
use line::Answered;

/// Reads lines from standard input and answers each at once.
pub(super) fn run(session: &Session) -> anyhow::Result<Answer> {
    let rulebook = session.rulebook()?;
    let (stdin, mut stdout) = (
        std::io::stdin().lock(),
        std::io::BufWriter::new(std::io::stdout().lock()),
    );
    for line in stdin.split(b'\n') {
        let line = line?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = answer(
            &String::from_utf8_lossy(&line),
            &rulebook.policy,
            session.out.lang,
        );
        serde_json::to_writer(&mut stdout, &answer)?;
        stdout.write_all(b"\n")?;
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
