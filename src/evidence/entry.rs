//! One entry: an envelope that every kind shares, and the fields of its kind.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::canonical::{Value, to_canonical};
use crate::domain::{AttemptId, Moment, RecordId};

/// Version of the entry format; a change of meaning raises it.
const FORMAT: i64 = 1;

/// What an entry records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The log began.
    LogGenesis,
    /// The program started or stopped, with version and configuration digest.
    SystemState,
    /// A set of policies was published: its texts are kept and never change.
    PolicyPublished,
    /// Somebody asked that a published set come into force.
    PolicyActivated,
    /// A second person agreed; from its moment on the set is in force.
    PolicyApproved,
    /// A request that a set come into force was taken back before anybody approved it.
    PolicyWithdrawn,
    /// A set of templates came into use.
    TemplatePublished,
    /// An import was taken in.
    ImportAccepted,
    /// An import was taken back.
    ImportUndone,
    /// Somebody asked for an attempt.
    AttemptRequested,
    /// The guard decided.
    AttemptDecided,
    /// The right to send once was taken; nothing has left yet.
    AttemptIntent,
    /// The attempt was withdrawn before it was sent.
    AttemptCancelled,
    /// What the provider answered.
    ProviderOutcome,
    /// The provider's later word.
    ReceiptReceived,
    /// Somebody answered.
    ReplyReceived,
    /// Who had answered became known.
    ReplyMatched,
    /// A person decided on a stopped or unknown attempt.
    ReviewAction,
    /// Somebody opted out or asked that contact cease.
    OptOutReceived,
    /// A reason to pause or stop was recorded.
    HoldSet,
    /// Such a reason ended.
    HoldCleared,
    /// A payment, promise or call was recorded.
    AccountEvent,
    /// A payee or sender was changed.
    RegistryChanged,
    /// Data left the system.
    ExportMade,
    /// The log got a key to sign its heads with, or a key was retired.
    KeyRotated,
    /// Something outside vouches for a head of the log.
    AnchorAdded,
    /// Somebody was shown sealed text.
    ContentRead,
    /// The keys of a person were destroyed, and what was known in the clear overwritten.
    EraseExecuted,
    /// The log was found to be shorter than, or other than, what was signed or seen.
    RestoreDetected,
    /// An officer has dealt with a restored log.
    RestoreResolved,
    /// The retention schedule was executed.
    RetentionRun,
    /// Records of one class were shredded because their time was over.
    RetentionShredded,
    /// A backup was made.
    BackupMade,
    /// The keys of people were wrapped by a new master key.
    SealRotated,
    /// Somebody from outside may look for a time.
    AccessGranted,
    /// Such a permission was taken back before its end.
    AccessRevoked,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Kind] = &[
        Kind::LogGenesis,
        Kind::SystemState,
        Kind::PolicyPublished,
        Kind::PolicyActivated,
        Kind::PolicyApproved,
        Kind::PolicyWithdrawn,
        Kind::TemplatePublished,
        Kind::ImportAccepted,
        Kind::ImportUndone,
        Kind::AttemptRequested,
        Kind::AttemptDecided,
        Kind::AttemptIntent,
        Kind::AttemptCancelled,
        Kind::ProviderOutcome,
        Kind::ReceiptReceived,
        Kind::ReplyReceived,
        Kind::ReplyMatched,
        Kind::ReviewAction,
        Kind::OptOutReceived,
        Kind::HoldSet,
        Kind::HoldCleared,
        Kind::AccountEvent,
        Kind::RegistryChanged,
        Kind::ExportMade,
        Kind::KeyRotated,
        Kind::AnchorAdded,
        Kind::ContentRead,
        Kind::EraseExecuted,
        Kind::RestoreDetected,
        Kind::RestoreResolved,
        Kind::RetentionRun,
        Kind::RetentionShredded,
        Kind::BackupMade,
        Kind::SealRotated,
        Kind::AccessGranted,
        Kind::AccessRevoked,
    ];

    /// The fixed word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::LogGenesis => "log.genesis",
            Kind::SystemState => "system.state",
            Kind::PolicyPublished => "policy.published",
            Kind::PolicyActivated => "policy.activated",
            Kind::PolicyApproved => "policy.approved",
            Kind::PolicyWithdrawn => "policy.withdrawn",
            Kind::TemplatePublished => "template.published",
            Kind::ImportAccepted => "import.accepted",
            Kind::ImportUndone => "import.undone",
            Kind::AttemptRequested => "attempt.requested",
            Kind::AttemptDecided => "attempt.decided",
            Kind::AttemptIntent => "attempt.intent",
            Kind::AttemptCancelled => "attempt.cancelled",
            Kind::ProviderOutcome => "provider.outcome",
            Kind::ReceiptReceived => "receipt.received",
            Kind::ReplyReceived => "reply.received",
            Kind::ReplyMatched => "reply.matched",
            Kind::ReviewAction => "review.action",
            Kind::OptOutReceived => "optout.received",
            Kind::HoldSet => "hold.set",
            Kind::HoldCleared => "hold.cleared",
            Kind::AccountEvent => "account.event",
            Kind::RegistryChanged => "registry.changed",
            Kind::ExportMade => "export.made",
            Kind::KeyRotated => "key.rotated",
            Kind::AnchorAdded => "anchor.added",
            Kind::ContentRead => "content.read",
            Kind::EraseExecuted => "erase.executed",
            Kind::RestoreDetected => "restore.detected",
            Kind::RestoreResolved => "restore.resolved",
            Kind::RetentionRun => "retention.run",
            Kind::RetentionShredded => "retention.shredded",
            Kind::BackupMade => "backup.made",
            Kind::SealRotated => "seal.rotated",
            Kind::AccessGranted => "access.granted",
            Kind::AccessRevoked => "access.revoked",
        }
    }
}

/// A salted commitment to bytes that lie outside the log: SHA-256(salt ‖ bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// The commitment to bytes whose salt stands in front of them.
    pub fn to_salted(salted: &[u8]) -> Commitment {
        Commitment(Sha256::digest(salted).into())
    }
}

/// Commits to `bytes` under a random salt that is erased together with the bytes.
pub fn commit(salt: &[u8; 32], bytes: &[u8]) -> Commitment {
    Commitment(
        Sha256::new()
            .chain_update(salt)
            .chain_update(bytes)
            .finalize()
            .into(),
    )
}

/// SHA-256 of `bytes` in lower-case hex; for things that are no personal data, such as policy files.
pub fn digest_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// RFC 6962, section 2.1: SHA-256(0x00 ‖ entry).
pub fn leaf_hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update([0u8])
        .chain_update(bytes)
        .finalize()
        .into()
}

/// An entry that is being written.
#[derive(Debug, Clone)]
pub struct Entry {
    kind: Kind,
    record: RecordId,
    attempt: Option<AttemptId>,
    at: Moment,
    fields: BTreeMap<String, Value>,
}

/// An entry as it is stored: the bytes are the truth, the rest is an index over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What it records.
    pub kind: Kind,
    /// Its own id.
    pub record: RecordId,
    /// The attempt it belongs to, if any.
    pub attempt: Option<AttemptId>,
    /// When the step happened.
    pub at: Moment,
    /// Canonical JSON.
    pub bytes: String,
    /// RFC 6962 leaf hash of the bytes.
    pub leaf: [u8; 32],
}

impl Entry {
    /// Begins an entry.
    pub fn new(kind: Kind, record: RecordId, at: Moment) -> Entry {
        Entry {
            kind,
            record,
            attempt: None,
            at,
            fields: BTreeMap::new(),
        }
    }

    /// The attempt the entry belongs to, and the previous entry of that attempt.
    pub fn of_attempt(mut self, attempt: AttemptId, prev: Option<RecordId>) -> Entry {
        self.attempt = Some(attempt);
        self.with_some("prev", prev.map(|p| p.to_string()))
    }

    /// Adds a field.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Entry {
        debug_assert!(key.is_ascii());
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a field if there is something to say.
    pub fn with_some(self, key: &str, value: Option<impl Into<Value>>) -> Entry {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds a commitment in hex.
    pub fn with_commitment(self, key: &str, commitment: Commitment) -> Entry {
        self.with(key, hex::encode(commitment.0))
    }

    /// Spells the entry canonically and hashes it.
    pub fn seal(self) -> Sealed {
        let mut fields = self.fields;
        fields.insert("v".into(), Value::Int(FORMAT));
        fields.insert("kind".into(), self.kind.as_str().into());
        fields.insert("record".into(), self.record.to_string().into());
        fields.insert("at".into(), self.at.to_text().into());
        if let Some(attempt) = self.attempt {
            fields.insert("attempt".into(), attempt.to_string().into());
        }
        let bytes = to_canonical(&Value::Object(fields));
        let leaf = leaf_hash(bytes.as_bytes());
        Sealed {
            kind: self.kind,
            record: self.record,
            attempt: self.attempt,
            at: self.at,
            bytes,
            leaf,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn leaves_are_hashed_as_rfc_6962_says() {
        // RFC 6962 test vector of the empty leaf.
        assert_eq!(
            hex::encode(leaf_hash(b"")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn an_entry_is_canonical_and_names_its_predecessor() {
        let at = Moment::parse("2026-04-07T08:00:00Z").unwrap();
        let id = |n: u128| Uuid::from_u128(n);
        let sealed = Entry::new(Kind::AttemptIntent, RecordId(id(1)), at)
            .of_attempt(AttemptId(id(2)), Some(RecordId(id(3))))
            .with_some("nothing", None::<String>)
            .seal();
        assert!(crate::evidence::parse_canonical(&sealed.bytes).is_ok());
        assert!(
            sealed
                .bytes
                .contains("\"prev\":\"00000000-0000-0000-0000-000000000003\"")
        );
        assert!(!sealed.bytes.contains("nothing"));
    }
}
