//! How machines give themselves away where they do not use the standard form: bounces in plain words, answers that
//! nobody wrote (RFC 3834), mail to many.

use std::sync::LazyLock;

use regex::Regex;

use super::mime::Mime;
use super::phrases::{is_auto_subject, speaks_of_bounce, speaks_of_delay};
use super::{Envelope, Returned};
use crate::domain::MatchedBy;

/// How much of an explanation is read, in bytes: beyond it stands a copy of what came back.
const MAX_EXPLANATION: usize = 16 * 1024;

/// Where the copy of what came back begins.
static COPY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?im)^[\s>]*(?:",
        r"-{2,}\s*(?:below this line is a copy|this is a copy of|original message|message header follows|unsent message below|the body of the message|start of returned message|原始邮件|原邮件|原郵件|原信)",
        r"|original message headers|original message follows|original message text|received: (?:from|by|\(qmail)|return-path:|原始邮件头|邮件原文|原始郵件標頭|原始邮件信息",
        r")"
    ))
    .expect("the pattern is valid")
});

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?")
        .expect("the pattern is valid")
});

/// Addresses in a text, in lower case.
pub(super) fn addresses_within(text: &str) -> impl Iterator<Item = String> {
    ADDRESS
        .find_iter(text)
        .take(50)
        .map(|m| m.as_str().to_lowercase())
        .filter(|a| a.rsplit_once('@').is_some_and(|(_, d)| d.contains('.')))
}

/// What speaks for a machine as the writer.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    /// The words before the copy of what came back.
    pub(super) explanation: &'a str,
    no_sender: bool,
    daemon: bool,
    marked: bool,
    bounce_subject: bool,
    bounce_words: bool,
    auto_subject: bool,
    auto_head: bool,
    to_return_path: bool,
    many: bool,
    complaint: bool,
}

impl<'a> Machine<'a> {
    pub(super) fn of(
        mime: &Mime<'_>,
        envelope: &Envelope,
        returned: &Returned,
        words: &'a str,
    ) -> Machine<'a> {
        let head = &mime.head;
        let has = |name: &str| head.get(name).is_some();
        let explanation = explanation(words);
        let path = head
            .get("return-path")
            .map(|p| p.trim().trim_matches(['<', '>']).trim());
        let no_sender = envelope.from.as_deref() == Some("") || path == Some("");
        let automatic = head
            .get("auto-submitted")
            .is_some_and(|v| !v.trim().to_ascii_lowercase().starts_with("no"));
        let precedence = head
            .get("precedence")
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let vacation = [
            "x-autoreply",
            "x-autorespond",
            "x-auto-response-from",
            "x-autoreply-from",
            "x-mail-autoreply",
            "auto-replied",
        ]
        .into_iter()
        .any(has);
        Machine {
            explanation,
            no_sender,
            daemon: is_daemon(returned.from.as_deref().unwrap_or_default(), &head.text("from")),
            marked: has("x-failed-recipients")
                || has("x-ms-exchange-message-is-ndr")
                || mime.report_type == "delivery-status"
                || explanation.trim_start().starts_with("Hi. This is the")
                || head
                    .get("received")
                    .is_some_and(|r| r.contains("invoked for bounce")),
            bounce_subject: speaks_of_bounce(&returned.subject) || speaks_of_delay(&returned.subject),
            bounce_words: speaks_of_bounce(beginning(explanation)) || speaks_of_delay(beginning(explanation)),
            auto_subject: is_auto_subject(&returned.subject),
            auto_head: automatic
                || vacation
                || precedence == "auto_reply"
                || mime.report_type == "disposition-notification",
            to_return_path: envelope.to.len() == 1
                && matches!(returned.about, Some((_, MatchedBy::ReturnPath)))
                && returned.to.as_deref().is_some_and(|t| t.contains('+')),
            many: matches!(precedence.as_str(), "bulk" | "list" | "junk")
                || has("list-id")
                || has("list-unsubscribe")
                || head
                    .get("x-spam-flag")
                    .is_some_and(|v| v.trim().eq_ignore_ascii_case("yes")),
            complaint: has("x-hmxmroriginalrecipient")
                || returned
                    .subject
                    .to_lowercase()
                    .starts_with("complaint about message from"),
        }
    }

    /// A bounce in words of its own. A person who tells of a bounce has neither a daemon's name nor an empty envelope.
    pub(super) fn is_bounce(&self) -> bool {
        let speaks = self.bounce_subject || self.bounce_words;
        if self.marked {
            return true;
        }
        if self.auto_subject {
            return false;
        }
        ((self.daemon || self.no_sender) && speaks)
            || ((self.to_return_path || self.auto_head) && self.bounce_subject && self.bounce_words)
    }

    /// An answer that nobody wrote.
    pub(super) fn is_automatic(&self) -> bool {
        self.auto_head || self.auto_subject || self.no_sender || self.daemon
    }

    /// Sent to many.
    pub(super) fn is_sent_to_many(&self) -> bool {
        self.many
    }

    /// A complaint of a provider that writes no standard report: the message itself comes attached.
    pub(super) fn is_complaint(&self, mime: &Mime<'_>) -> bool {
        self.complaint && mime.parts.iter().any(|p| p.kind == "message/rfc822")
    }
}

/// Names under which mail systems write.
fn is_daemon(address: &str, shown: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default();
    let names = [
        "mailer-daemon",
        "mailerdaemon",
        "mail-daemon",
        "maildaemon",
        "postmaster",
        "mailsystem",
        "mail-system",
        "bounce-daemon",
        "microsoftexchange",
        "system-administrator",
        "autoanswer",
        "mdaemon",
        "smtp-daemon",
        "mmdf",
    ];
    let shown = shown.to_lowercase();
    let titles = [
        "mail delivery sub",
        "mail delivery sys",
        "mailer-daemon",
        "postmaster",
        "system administrator",
        "mail administrator",
        "邮箱管理员",
        "邮件管理员",
        "系统管理员",
        "系统退信",
        "邮件系统",
        "郵件系統",
        "系統管理員",
        "郵件管理員",
    ];
    names.iter().any(|n| local.starts_with(n)) || titles.iter().any(|t| shown.contains(t))
}

/// The words before the copy of what came back.
fn explanation(words: &str) -> &str {
    let mut end = words.len().min(MAX_EXPLANATION);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    let words = &words[..end];
    match COPY.find(words) {
        Some(found) if found.start() > 0 => &words[..found.start()],
        _ => words,
    }
}

/// The first thousand bytes or so: a bounce says at once what it is.
fn beginning(text: &str) -> &str {
    let mut end = text.len().min(1500);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
