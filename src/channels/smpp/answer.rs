//! What each answer of a message centre proves.

use super::session::{Answer, NotBound};
use crate::channels::carrier::{NotSentProof, Outcome};

/// What an answer to one part means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Taken over, under this id.
    Took(Option<String>),
    /// Proven not to be taken over.
    No(Outcome),
    /// Not now; the same part may be offered again.
    Busy(Outcome),
    /// It never left this machine; another connection may take it.
    NeverLeft,
    /// Nobody knows.
    Unclear(&'static str),
}

/// The meaning of an answer; `barred` are the codes by which this centre refuses content.
pub(super) fn meaning(answer: &Answer, barred: &[u32]) -> Meaning {
    match answer {
        Answer::Status(0, body) => Meaning::Took(super::pdu::message_id(body)),
        Answer::Status(status, _) => negative(*status, barred),
        // The centre says that it did not act on what it got.
        Answer::Nack(status) => negative((*status).max(1), barred),
        Answer::NeverLeft => Meaning::NeverLeft,
        Answer::Lost => Meaning::Unclear("the connection was lost before the answer"),
        Answer::Silent => Meaning::Unclear("no answer in time"),
    }
}

/// Every negative answer proves that the centre did not take the message (section 4.4.2: no message id is returned).
fn negative(status: u32, barred: &[u32]) -> Meaning {
    use NotSentProof::*;
    if barred.contains(&status) {
        return Meaning::No(said(
            RefusedByProvider,
            status,
            "the centre does not carry this content",
        ));
    }
    let (proof, reason) = match status {
        0x58 => return Meaning::Busy(later(status, "more messages than agreed", 5)),
        0x14 => return Meaning::Busy(later(status, "the queue of the centre is full", 30)),
        0x08 => return Meaning::Busy(later(status, "the centre is in trouble", 30)),
        0x04 | 0x05 | 0x0D | 0x0E | 0x0F => (Misconfigured, "the centre does not accept this account"),
        0x0A | 0x48 | 0x49 => (Misconfigured, "the centre does not accept this sender"),
        0x0B | 0x50 | 0x51 => (Refused, "the centre does not accept this number"),
        0x01..=0x03 | 0x06 | 0x07 | 0x15 | 0x40..=0x44 | 0x53 | 0x54 | 0x61 | 0x62 | 0xC0..=0xC4 => {
            (Misconfigured, "the centre does not accept a field of the message")
        }
        0x45 => (Refused, "the centre could not submit it"),
        0x64 => return Meaning::Busy(later(status, "a temporary error of the receiver", 30)),
        0x400..=0x4FF => (Refused, "refused for a reason of this centre's own"),
        _ => (Refused, "refused by the centre"),
    };
    Meaning::No(said(proof, status, reason))
}

fn said(proof: NotSentProof, status: u32, reason: &str) -> Outcome {
    Outcome::not_sent(proof, format!("{reason} (status {status:#06x})"))
}

fn later(status: u32, reason: &str, seconds: u32) -> Outcome {
    Outcome::deferred(format!("{reason} (status {status:#06x})"), Some(seconds))
}

/// Nothing was sent, because there is no bound connection.
pub(super) fn not_bound(why: NotBound) -> Outcome {
    use NotSentProof::*;
    match why {
        NotBound::Refused(0x58 | 0x14 | 0x08) => {
            Outcome::deferred("the centre takes no connection now", Some(30))
        }
        NotBound::Refused(0x05) => Outcome::not_sent(
            NeverConnected,
            "the centre has a connection of this account already",
        ),
        NotBound::Refused(status) => said(Misconfigured, status, "the centre refused the account"),
        NotBound::Broken => Outcome::not_sent(NeverConnected, "the message centre could not be reached"),
        NotBound::Untrusted => Outcome::not_sent(
            Misconfigured,
            "the certificate of the message centre is not trusted",
        ),
        NotBound::Garbage => {
            Outcome::not_sent(Misconfigured, "what answers at this address is no message centre")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_negative_answer_proves_that_nothing_went_out() {
        let check = |status: u32, expected: &str| {
            let word = match meaning(&Answer::Status(status, Vec::new()), &[0x401]) {
                Meaning::Took(_) => "took",
                Meaning::No(Outcome::NotSent { proof, .. })
                | Meaning::Busy(Outcome::NotSent { proof, .. }) => proof.as_str(),
                _ => "unclear",
            };
            assert_eq!(word, expected, "{status:#x}");
        };
        check(0, "took");
        check(0x58, "deferred");
        check(0x14, "deferred");
        check(0x0B, "refused");
        check(0x0E, "misconfigured");
        check(0x401, "refused_by_provider");
        check(0x402, "refused");
        check(0xFFFF_FFFF, "refused");
        assert_eq!(
            meaning(&Answer::Lost, &[]),
            Meaning::Unclear("the connection was lost before the answer")
        );
        assert!(matches!(meaning(&Answer::Nack(0), &[]), Meaning::No(_)));
    }
}
