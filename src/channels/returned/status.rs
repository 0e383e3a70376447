//! Codes of failures, and what they say about the address: dead, or only unlucky this time.
//!
//! Enhanced codes are those of RFC 3463 and its registry; three-digit codes those of RFC 5321, 4.2. Class 4 never says
//! that an address is dead. Class 5 says that this message failed; whether the address did is told by the second
//! number, the words beside the code, and only then by the class alone.

use std::sync::LazyLock;

use regex::Regex;

use super::phrases;
use crate::domain::BounceCause as Cause;

/// Addresses of mailboxes and of pages.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)https?://[^\s]{1,400}|[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9.-]{1,255}")
        .expect("the pattern is valid")
});

/// An enhanced status code (RFC 3463): class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status {
    /// 2 success, 4 for a time, 5 for good.
    pub class: u8,
    /// What it is about: 1 address, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The detail.
    pub detail: u16,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl Status {
    /// The code that stands alone in `text`, with what may follow it after a blank.
    pub fn parse(text: &str) -> Option<Status> {
        let text = text.trim();
        let end = text
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(text.len());
        let mut numbers = text[..end].split('.');
        let class = numbers.next()?;
        let (subject, detail) = (numbers.next()?, numbers.next()?);
        let short = |n: &str| (1..=3).contains(&n.len()).then(|| n.parse().ok()).flatten();
        let status = Status {
            class: match class {
                "2" => 2,
                "4" => 4,
                "5" => 5,
                _ => return None,
            },
            subject: short(subject)?,
            detail: short(detail)?,
        };
        numbers.next().is_none().then_some(status)
    }

    /// The first code within a longer text. Addresses of machines and versions of programs are none.
    pub(super) fn within(text: &str) -> Option<Status> {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if !bytes[at].is_ascii_digit() {
                at += 1;
                continue;
            }
            let start = at;
            while at < bytes.len() && (bytes[at].is_ascii_digit() || bytes[at] == b'.') {
                at += 1;
            }
            let before = start.checked_sub(1).map(|b| bytes[b]);
            let word = before.is_some_and(|b| b.is_ascii_alphanumeric() || b"_[/=@v".contains(&b));
            // What ends a sentence is no part of the code.
            let run = text[start..at].trim_end_matches('.');
            let joined = bytes
                .get(at)
                .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/');
            if !word
                && !joined
                && let Some(status) = Status::parse(run)
                && status.subject <= 7
            {
                return Some(status);
            }
        }
        None
    }
}

/// The first three-digit code of a refusal (400 to 599) within a text, where a server's answer is quoted.
fn reply_code(text: &str) -> Option<u16> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len().saturating_sub(2)).find_map(|at| {
        let first = matches!(bytes[at], b'4' | b'5');
        // 400 to 559: what servers use.
        let second = (b'0'..=b'5').contains(&bytes[at + 1]);
        let before = at.checked_sub(1).map(|b| bytes[b]);
        let begins = before.is_none_or(|b| b.is_ascii_whitespace() || b"(#:<[;\"'".contains(&b));
        let ends = match bytes.get(at + 3) {
            None => true,
            Some(b) => b.is_ascii_whitespace() || b"-)#:,;]\"'".contains(b),
        };
        (first && second && is_digit(at + 2) && begins && ends)
            .then(|| text[at..at + 3].parse().ok())
            .flatten()
    })
}

/// What a failure says about the address it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    /// The address is dead.
    pub(super) hard: bool,
    /// Why, as far as it is known.
    pub(super) cause: Cause,
    /// The code, as given or as found in the words.
    pub(super) status: Option<Status>,
}

/// Weighs a final failure by its code, where one is given, and the words beside it.
pub(super) fn weigh(given: Option<Status>, words: &str) -> Weight {
    // Names of people and hosts hold anything.
    let words = &ADDRESS.replace_all(words, " ");
    let found = Status::within(words);
    // A code that says nothing gives way to one in the words.
    let telling = |s: &Status| s.subject != 0 || s.detail != 0;
    let status = given.filter(telling).or(found).or(given);
    let said = phrases::cause(words);
    let code = reply_code(words);
    let class = status
        .map(|s| s.class)
        .or(code.map(|c| if c < 500 { 4 } else { 5 }));
    let (hard, cause) = match (class, said) {
        // For a time only, whatever the words: the system that gave up did not say that the address is dead.
        (Some(4), cause) => (false, cause.unwrap_or(Cause::Expired)),
        // Words of a refusal do not outweigh a code that names the address itself.
        (_, Some(Cause::Refused | Cause::Expired)) if names_address(status, words) => by_code(status, code),
        (_, Some(cause)) => (cause.is_dead_address(), cause),
        (Some(_), None) => by_code(status, code),
        (None, None) => (false, Cause::Unclear),
    };
    Weight { hard, cause, status }
}

/// Whether a permanent code speaks of the address: subjects 1 and 2, and the answer by which a large host refuses
/// recipients that its directory does not know.
fn names_address(status: Option<Status>, words: &str) -> bool {
    status.is_some_and(|s| match (s.subject, s.detail) {
        (1, d) => d != 0,
        (2, 1) => true,
        (4, 1) => phrases::folded(words).contains("recipient address rejected: access denied"),
        _ => false,
    })
}

/// What the numbers of a permanent failure say by themselves.
fn by_code(status: Option<Status>, code: Option<u16>) -> (bool, Cause) {
    let Some(s) = status.filter(|s| (s.subject, s.detail) != (0, 0)) else {
        return match code {
            // RFC 5321: mailbox unavailable, user not local, name not allowed; RFC 7504: takes no mail.
            Some(550 | 551 | 553) => (true, Cause::NoSuchMailbox),
            Some(521 | 556) => (true, Cause::NoSuchDomain),
            Some(552) => (false, Cause::MailboxFull),
            Some(_) => (false, Cause::Unclear),
            // 5.0.0 and not a word: failed for good, and nothing excuses the address.
            None => (true, Cause::Unclear),
        };
    };
    match (s.subject, s.detail) {
        (1, 2 | 10) => (true, Cause::NoSuchDomain),
        (1, 7..=9) => (false, Cause::Refused),
        (1, 4) => (false, Cause::Unclear),
        (1, _) => (true, Cause::NoSuchMailbox),
        (2, 1) => (true, Cause::Disabled),
        (2, 2) => (false, Cause::MailboxFull),
        (2, 3) | (3, 4) => (false, Cause::TooLarge),
        (4, 4) => (true, Cause::NoSuchDomain),
        (4, 1) if code.is_some_and(|c| c == 550) => (true, Cause::NoSuchMailbox),
        (4, 7) => (false, Cause::Expired),
        (7, 13) => (true, Cause::Disabled),
        (6 | 7, _) => (false, Cause::Refused),
        _ => (false, Cause::Unclear),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                Status::within(text).map(|s| s.to_string()).as_deref(),
                expected,
                "{text}"
            );
        };
        check("550 5.1.1 User unknown", Some("5.1.1"));
        check("550-5.7.26 unauthenticated", Some("5.7.26"));
        check("(#5.1.2)", Some("5.1.2"));
        check("Status: 4.4.7.", Some("4.4.7"));
        check("host [5.1.1.7] said no", None);
        check("from 192.0.2.8 with Exim v4.9.6", None);
        check("Postfix/5.2.1", None);
        check("ESMTP 4.96.2x", None);
        check("5.8.1 of nothing", None);
        check("", None);
        assert_eq!(Status::parse("5.1.1 (bad mailbox)").unwrap().to_string(), "5.1.1");
        assert_eq!(Status::parse("3.1.1"), None);
        assert_eq!(Status::parse("5.1.1.1"), None);
        assert_eq!(reply_code("said: 550 no"), Some(550));
        assert_eq!(reply_code("(#550)"), Some(550));
        assert_eq!(reply_code("room 4501, 550px, port:25"), None);
    }

    #[test]
    fn a_failure_is_weighed() {
        let check = |status: &str, words: &str, hard: bool, cause: Cause| {
            let weight = weigh(Status::parse(status), words);
            assert_eq!((weight.hard, weight.cause), (hard, cause), "{status} {words}");
        };
        check("5.1.1", "", true, Cause::NoSuchMailbox);
        check("5.2.2", "", false, Cause::MailboxFull);
        check("5.1.1", "552 mailbox full", false, Cause::MailboxFull);
        check("4.1.1", "450 4.1.1 user unknown", false, Cause::NoSuchMailbox);
        check("5.7.1", "", false, Cause::Refused);
        check("5.7.1", "550 5.7.1 no such user here", true, Cause::NoSuchMailbox);
        check("5.0.0", "", true, Cause::Unclear);
        check("5.0.0", "550 5.2.2 over quota", false, Cause::MailboxFull);
        check("5.4.1", "", false, Cause::Unclear);
        check(
            "5.4.1",
            "550 5.4.1 Recipient address rejected: Access denied",
            true,
            Cause::NoSuchMailbox,
        );
        check(
            "5.7.1",
            "550 5.7.1 Recipient address rejected: Access denied",
            false,
            Cause::Refused,
        );
        check("5.4.4", "", true, Cause::NoSuchDomain);
        check("", "554 transaction failed", false, Cause::Unclear);
        check("", "550 nope", true, Cause::NoSuchMailbox);
        check("", "something went wrong", false, Cause::Unclear);
    }
}
