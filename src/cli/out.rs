//! What a command answers, and how it is shown: text for people, JSON for programs, an exit code for both.

use std::io::{IsTerminal, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

use super::words::Lang;
use crate::domain::Address;

/// How a command ended; the numbers stand in `docs/operations.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// Done.
    Done,
    /// Settings, database or files.
    Error,
    /// The guard stopped what was asked for, or a check of rules or templates failed.
    Violation,
    /// Some rows were set aside; the rest is done.
    Partial,
    /// Not now: a mail system keeps the message and offers it again (`EX_TEMPFAIL` of sysexits).
    Later,
    /// The log or a proof does not hold; from 10 on, one number for each kind of fault.
    Fault(u8),
}

impl Code {
    /// The number that the shell sees.
    pub(super) const fn number(self) -> u8 {
        match self {
            Code::Done => 0,
            Code::Error => 1,
            Code::Violation => 3,
            Code::Partial => 4,
            Code::Later => 75,
            Code::Fault(number) => number,
        }
    }
}

/// What a command answers.
#[derive(Debug)]
pub(super) struct Answer {
    /// For people.
    pub(super) text: String,
    /// For programs.
    pub(super) json: Value,
    /// How it ended.
    pub(super) code: Code,
}

impl Answer {
    /// An answer to something that is done.
    pub(super) fn new(text: impl Into<String>, json: Value) -> Answer {
        Answer {
            text: text.into(),
            json,
            code: Code::Done,
        }
    }

    /// The same answer, ended otherwise.
    pub(super) fn ending(self, code: Code) -> Answer {
        Answer { code, ..self }
    }
}

/// Where answers go.
#[derive(Debug, Clone)]
pub(super) struct Out {
    /// The language of reports.
    pub(super) lang: Lang,
    /// Answers are JSON.
    pub(super) json: bool,
    /// Nothing but errors.
    pub(super) quiet: bool,
    /// More of everything.
    pub(super) verbose: bool,
    /// Whether standard output shows colours.
    pub(super) colour: bool,
}

impl Out {
    /// Shows an answer on standard output.
    pub(super) fn show(&self, answer: &Answer) -> std::io::Result<()> {
        let mut stdout = std::io::stdout().lock();
        if self.json {
            // A command that has written its own lines answers nothing more.
            if !answer.json.is_null() {
                serde_json::to_writer_pretty(&mut stdout, &answer.json)?;
                writeln!(stdout)?;
            }
        } else if !self.quiet {
            let text = answer.text.trim_end_matches('\n');
            if !text.is_empty() {
                writeln!(stdout, "{text}")?;
            }
        }
        stdout.flush()
    }

    /// A remark beside the answer, on standard error.
    pub(super) fn remark(&self, zh: &str, en: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{}", self.lang.pick(zh, en));
        }
    }

    /// A word in a colour: 31 red, 32 green, 33 yellow.
    pub(super) fn paint(&self, colour: u8, word: &str) -> String {
        if self.colour {
            format!("\x1b[{colour}m{word}\x1b[0m")
        } else {
            word.to_owned()
        }
    }

    /// The colour of a verdict.
    pub(super) fn verdict(&self, fixed: &str) -> String {
        let colour = match fixed {
            "cleared" => 32,
            "blocked" => 31,
            _ => 33,
        };
        self.paint(colour, &super::words::word(self.lang, fixed))
    }
}

/// Whether standard output shows colours: a terminal, and nobody asked for none.
pub(super) fn wants_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    !refused && std::io::stdout().is_terminal()
}

/// A table without lines; columns from `right_from` on are numbers.
pub(super) fn table(head: &[&str], right_from: usize, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head.iter().map(|h| (*h).to_owned()));
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    for column in table.column_iter_mut().skip(right_from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
        .to_string()
        .lines()
        .map(|line| line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()))
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}

/// An address that a person recognises and a stranger cannot use.
pub(super) fn masked(address: &Address) -> String {
    match address {
        Address::Phone(phone) => {
            let all = phone.e164();
            format!(
                "{}***{}",
                &all[..3.min(all.len())],
                &all[all.len().saturating_sub(2)..]
            )
        }
        Address::Email(email) => {
            let first: String = email.as_str().chars().take(1).collect();
            format!("{first}***@{}", email.domain())
        }
        Address::Postal(postal) => format!("{} ***", postal.country),
    }
}

/// An account number with all but its end hidden.
pub(super) fn masked_number(number: &str) -> String {
    let end: String = number.chars().rev().take(4).collect();
    format!("***{}", end.chars().rev().collect::<String>())
}

/// Text with the bytes of `span` marked by a line of `^` below, the whole on one line of context.
pub(super) fn underlined(text: &str, span: std::ops::Range<usize>) -> String {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (from, to) = (floor(span.start), floor(span.end).max(floor(span.start)));
    let start = text[..from].rfind('\n').map_or(0, |n| n + 1);
    let end = text[from..].find('\n').map_or(text.len(), |n| from + n);
    let lead: Vec<char> = text[start..from].chars().rev().take(30).collect();
    let lead: String = lead.into_iter().rev().collect();
    let hit = &text[from..to.min(end)];
    let tail: String = text[to.min(end)..end].chars().take(30).collect();
    let width = |s: &str| {
        s.chars()
            .map(|c| if c >= '\u{1100}' { 2 } else { 1 })
            .sum::<usize>()
    };
    format!(
        "{lead}{hit}{tail}\n{}{}",
        " ".repeat(width(&lead)),
        "^".repeat(width(hit).max(1))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_underlined_where_it_stands() {
        let check = |text: &str, span, expected: &str| assert_eq!(underlined(text, span), expected);
        check("we will arrest you", 8..14, "we will arrest you\n        ^^^^^^");
        check("请付款\n否则抓人", 16..22, "否则抓人\n    ^^^^");
        check("short", 3..99, "short\n   ^^");
    }

    #[test]
    fn addresses_are_recognised_but_not_told() {
        let phone = crate::domain::PhoneNumber::parse("13800000101", "CN").unwrap();
        assert_eq!(masked(&Address::Phone(phone)), "+86***01");
        let email = crate::domain::EmailAddress::parse("li.xiaoming@example.com").unwrap();
        assert_eq!(masked(&Address::Email(email)), "l***@example.com");
        assert_eq!(masked_number("6222000011112222333"), "***2333");
    }
}
