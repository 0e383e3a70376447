//! What the guard says: verdicts, findings with their citation, and the caps a reservation must respect.

use super::attempt::Channels;
use super::ids::{AccountId, AddressId, PersonId};
use super::moment::Moment;
use super::situation::TouchKind;
use super::words::words;

words! {
    /// How binding a rule is.
    Level as "level" {
        /// An act of parliament or its like.
        Statute = "statute",
        /// A regulator's rule.
        Regulator = "regulator",
        /// An industry body's guideline.
        Industry = "industry",
        /// Our own or the company's rule.
        House = "house",
    }
}

words! {
    /// How sure we are of a citation.
    Sureness as "sureness" {
        /// The official text was read.
        Verified = "verified",
        /// A secondary source was read.
        Secondary = "secondary",
        /// General knowledge; to be checked.
        Unverified = "unverified",
    }
}

/// What may be done with a draft, from mildest to strictest; the strictest finding decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// May go now.
    Cleared,
    /// Fine later: the next lawful instant.
    Held {
        /// The next lawful instant; the latest of all findings.
        until: Moment,
    },
    /// A person must decide.
    Review,
    /// Not in this form.
    Blocked,
}

impl Verdict {
    /// The stricter of two; of two holds the later.
    pub fn and(self, other: Verdict) -> Verdict {
        self.max(other)
    }

    /// The fixed word, as stored and shown.
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::Cleared => "cleared",
            Verdict::Held { .. } => "held",
            Verdict::Review => "review",
            Verdict::Blocked => "blocked",
        }
    }
}

/// One reason with its source. All findings are returned, not the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable rule id, wide to narrow: `hours.quiet`, `cap.per_person`, `content.threat.arrest`.
    pub rule: String,
    /// What this finding alone would lead to.
    pub verdict: Verdict,
    /// The pack the rule stands in, e.g. `cn`; `core` for what no pack can switch off.
    pub pack: String,
    /// Version of the pack, the digest's first twelve hex digits.
    pub version: String,
    /// Law and clause, or `house rule`.
    pub citation: String,
    /// How binding.
    pub level: Level,
    /// How sure we are of the citation.
    pub sureness: Sureness,
    /// A sentence a collector understands, in Chinese.
    pub zh: String,
    /// The same sentence in English.
    pub en: String,
    /// The part of the draft and the byte span the finding rests on, where it is about words.
    pub span: Option<(&'static str, std::ops::Range<usize>)>,
    /// What to write instead, where there is something.
    pub instead: Option<String>,
}

/// Whose place in a cap is taken. Never the collector's or the campaign's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CapKey {
    /// The person, over all debts and addresses.
    Person(PersonId),
    /// The debt, over all persons and addresses.
    Debt(AccountId),
    /// The address, whoever uses it.
    Address(AddressId),
}

/// One frequency cap as a reservation must respect it: at most `max` counted touches of `key` from `since` on.
/// The store counts again in the reserving transaction, under a lock on the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapClaim {
    /// The rule, for the finding if it is full by then.
    pub rule: String,
    /// Whose place.
    pub key: CapKey,
    /// Which channels count.
    pub channels: Channels,
    /// Which kinds of touch count.
    pub kinds: Vec<TouchKind>,
    /// Whether only touches that ask for payment count.
    pub collection_only: bool,
    /// Start of the window; a touch at this instant counts.
    pub since: Moment,
    /// The most there may be, this one included.
    pub max: u32,
}
