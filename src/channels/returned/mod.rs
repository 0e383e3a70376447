//! What comes back by e-mail, read: bounces in the standard form and in the odd ones, complaints, answers of machines,
//! answers of people, our own messages in a loop.
//!
//! Pure and bounded: bytes in, one `Returned` out, whatever the bytes are; time is linear in their number, nothing is
//! unpacked, and nothing panics. What follows from it is decided by `dispatch` and `store`; where mail comes from, by
//! `inbound_mail`.

mod mime;
mod odd;
mod own_words;
mod phrases;
mod report;
mod status;
mod whose;

use self::mime::Mime;
use self::odd::Machine;
use self::phrases::speaks_of_delay;
use self::report::{Feedback, Recipient};
use self::whose::Places;
use super::verp::TokenKey;
use crate::domain::{AttemptId, BounceCause as Cause, MatchedBy, ReturnKind};

pub use own_words::own_words;
pub use status::Status;

/// Larger messages are not read; doors refuse them.
pub const MAX_BYTES: usize = 25 * 1024 * 1024;

/// How a message was handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The envelope sender; empty for machines, `None` where it is not known.
    pub from: Option<String>,
    /// The envelope recipients.
    pub to: Vec<String>,
}

/// What is ours.
#[derive(Debug, Clone, Default)]
pub struct Ours {
    /// By which return paths are known.
    pub key: Option<TokenKey>,
    /// Addresses that our messages come from and that answers go to, in lower case.
    pub addresses: Vec<String>,
}

impl Ours {
    /// Whether mail to this address is for us.
    pub fn takes(&self, address: &str) -> bool {
        let bare = address.trim().trim_matches(['<', '>']).to_lowercase();
        self.addresses.contains(&bare) || self.attempt(&bare).is_some()
    }

    /// The attempt whose return path this is.
    pub fn attempt(&self, address: &str) -> Option<AttemptId> {
        self.key.as_ref().and_then(|key| super::verp::read(address, key))
    }

    fn domains(&self) -> Vec<String> {
        let domain = |a: &String| a.rsplit_once('@').map(|(_, d)| d.to_owned());
        self.addresses.iter().filter_map(domain).collect()
    }
}

/// A message that came back. Addresses and words are personal data; `Debug` shows none.
#[derive(Clone, PartialEq, Eq)]
pub struct Returned {
    /// What it is.
    pub kind: ReturnKind,
    /// The code of a bounce.
    pub status: Option<Status>,
    /// Why it came back, as far as it is known.
    pub cause: Option<Cause>,
    /// Addresses that a bounce or complaint names, in lower case.
    pub named: Vec<String>,
    /// The attempt it is about, and how it was found.
    pub about: Option<(AttemptId, MatchedBy)>,
    /// Who wrote it, in lower case.
    pub from: Option<String>,
    /// Our address that it came to, where it is known.
    pub to: Option<String>,
    /// Its subject.
    pub subject: String,
    /// What was written, without quotes and signatures.
    pub text: String,
}

impl std::fmt::Debug for Returned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.status.map(|s| s.to_string());
        write!(f, "Returned({}, {status:?}, {:?})", self.kind, self.about)
    }
}

impl Returned {
    /// What a person says with it: the subject where it is the writer's own, then the words.
    pub fn said(&self) -> String {
        let subject = self.subject.trim();
        if subject.is_empty() || is_answer_subject(subject) {
            return self.text.clone();
        }
        match self.text.is_empty() {
            true => subject.to_owned(),
            false => format!("{subject}\n\n{}", self.text),
        }
    }
}

/// Whether a subject repeats that of the message answered.
fn is_answer_subject(subject: &str) -> bool {
    const MARKS: &[&str] = &[
        "re", "fw", "fwd", "aw", "wg", "sv", "vs", "antw", "odp", "r", "回复", "回覆", "答复", "答覆",
        "转发", "轉寄", "轉發", "回復",
    ];
    let begins = subject.split_once([':', '：']).map(|(mark, _)| mark.trim());
    let mark = begins.map(|m| {
        m.trim_end_matches(|c: char| "[]()0123456789".contains(c))
            .to_lowercase()
    });
    mark.is_some_and(|m| MARKS.contains(&m.as_str()))
}

/// Reads a raw message.
pub fn read(raw: &[u8], envelope: &Envelope, ours: &Ours) -> Returned {
    let mut returned = Returned {
        kind: ReturnKind::Unreadable,
        status: None,
        cause: None,
        named: Vec::new(),
        about: None,
        from: None,
        to: None,
        subject: String::new(),
        text: String::new(),
    };
    if raw.len() > MAX_BYTES {
        return returned;
    }
    let Some(mime) = Mime::read(raw) else {
        returned.about = envelope
            .to
            .iter()
            .find_map(|a| Some((ours.attempt(a)?, MatchedBy::ReturnPath)));
        return returned;
    };
    let words = mime.words();
    let (heads, feedback) = (report::returned_heads(&mime), report::feedback(&mime));
    let paths: Vec<String> = feedback.iter().filter_map(|f| f.return_path.clone()).collect();
    returned.about = whose::whose(
        &Places {
            envelope,
            head: &mime.head,
            returned: &heads,
            named: &paths,
            words: &words,
        },
        ours.key.as_ref(),
    );
    returned.from = mime.head.addresses("from").into_iter().next();
    returned.to = to_of(&mime, envelope, ours);
    returned.subject = mime.head.text("subject");
    judge(returned, &mime, (envelope, ours), (feedback, &words))
}

/// Our address that it came to: as it was handed over, else as its head says.
fn to_of(mime: &Mime<'_>, envelope: &Envelope, ours: &Ours) -> Option<String> {
    let noted = ["delivered-to", "x-original-to", "to", "cc"]
        .into_iter()
        .flat_map(|name| mime.head.addresses(name));
    let mut all = envelope.to.iter().map(|a| a.to_lowercase()).chain(noted);
    let first = envelope.to.first().map(|a| a.to_lowercase());
    all.find(|a| ours.takes(a)).or(first)
}

/// What it is: machines' own formats first, then their manners, and a person's answer last.
fn judge(
    mut returned: Returned,
    mime: &Mime<'_>,
    (envelope, ours): (&Envelope, &Ours),
    (feedback, words): (Option<Feedback>, &str),
) -> Returned {
    let machine = Machine::of(mime, envelope, &returned, words);
    let recipients = report::delivery(mime);
    if is_loop(mime, &returned, ours) {
        returned.kind = ReturnKind::Loop;
    } else if !recipients.is_empty() {
        by_report(&mut returned, &recipients, machine.explanation);
    } else if let Some(feedback) = feedback {
        returned.kind = match feedback.is_complaint() {
            true => ReturnKind::Complaint,
            false => ReturnKind::AutoReply,
        };
        returned.named = feedback.recipients;
    } else if machine.is_complaint(mime) {
        returned.kind = ReturnKind::Complaint;
        returned.named = mime.head.addresses("x-hmxmroriginalrecipient");
    } else if machine.is_bounce() {
        by_words(&mut returned, mime, &machine, ours);
    } else if machine.is_automatic() {
        (returned.kind, returned.text) = (ReturnKind::AutoReply, own_words(words));
    } else if machine.is_sent_to_many() && returned.about.is_none() {
        (returned.kind, returned.text) = (ReturnKind::Junk, own_words(words));
    } else {
        (returned.kind, returned.text) = (ReturnKind::Reply, own_words(words));
    }
    returned
}

/// Our own message: its Message-ID or its sender is ours, or it has gone in circles (RFC 5321, 6.3).
fn is_loop(mime: &Mime<'_>, returned: &Returned, ours: &Ours) -> bool {
    let ours_by_id = mime
        .head
        .get("message-id")
        .is_some_and(|id| whose::is_ours(id, &ours.domains()));
    let from_us = returned.from.as_ref().is_some_and(|f| ours.addresses.contains(f));
    let automatic = mime
        .head
        .get("auto-submitted")
        .is_some_and(|v| !v.trim().eq_ignore_ascii_case("no"));
    ours_by_id || (from_us && automatic) || mime.head.all("received").count() >= 100
}

fn by_report(returned: &mut Returned, recipients: &[Recipient], explanation: &str) {
    let rank = |r: &&Recipient| match r.action.as_str() {
        "failed" => 3,
        "delayed" => 2,
        "delivered" => 1,
        _ => 0,
    };
    // Our messages have one recipient; of several rows the worst counts.
    let Some(worst) = recipients.iter().rev().max_by_key(rank) else {
        return;
    };
    returned.named = recipients
        .iter()
        .filter(|r| r.action == worst.action)
        .flat_map(|r| r.named.iter().cloned())
        .take(50)
        .collect();
    returned.status = worst.status;
    match worst.action.as_str() {
        "failed" => {
            let said = match worst.diagnostic.trim().is_empty() {
                true => explanation,
                false => worst.diagnostic.as_str(),
            };
            let weight = status::weigh(worst.status, said);
            returned.kind = match weight.hard {
                true => ReturnKind::Hard,
                false => ReturnKind::Soft,
            };
            (returned.status, returned.cause) = (weight.status, Some(weight.cause));
        }
        "delivered" => returned.kind = ReturnKind::Delivered,
        // Handed on to systems that report nothing, or to the members of a list: under way as far as we know.
        _ => (returned.kind, returned.cause) = (ReturnKind::Delayed, Some(Cause::Underway)),
    }
}

fn by_words(returned: &mut Returned, mime: &Mime<'_>, machine: &Machine<'_>, ours: &Ours) {
    let explained = format!("{}\n{}", returned.subject, machine.explanation);
    let weight = status::weigh(None, machine.explanation);
    let weight = match weight.cause {
        Cause::Unclear if weight.status.is_none() => status::weigh(None, &explained),
        _ => weight,
    };
    returned.status = weight.status;
    if speaks_of_delay(&explained) {
        (returned.kind, returned.cause) = (ReturnKind::Delayed, Some(Cause::Underway));
    } else {
        returned.kind = match weight.hard {
            true => ReturnKind::Hard,
            false => ReturnKind::Soft,
        };
        returned.cause = Some(weight.cause);
    }
    returned.named = mime.head.addresses("x-failed-recipients");
    if returned.named.is_empty() {
        returned.named = odd::addresses_within(machine.explanation)
            .filter(|a| !ours.takes(a) && returned.from.as_deref() != Some(a))
            .take(5)
            .collect();
    }
}

#[cfg(test)]
mod tests;
