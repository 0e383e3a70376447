//! Evidence entries: what is written down of every step, in which bytes, and how an outsider checks them.
//!
//! An entry is canonical JSON (RFC 8785, restricted to what every language writes alike) whose SHA-256 leaf hash
//! follows RFC 6962. Personal data is never in an entry: content and facts appear as salted commitments, people and
//! debts as random ids that can be erased. The entries of one attempt name their predecessor, so that one attempt
//! reads as a chain. The tree over the leaves, signed checkpoints and bundles build on these bytes.
//!
//! Pure: `store` appends the bytes in the transaction of the step they record; `cli` and auditors verify them.

mod canonical;
mod entry;
mod facts;
mod list;
mod verify;

pub use canonical::{CanonicalError, Value, parse as parse_canonical, to_canonical};
pub use entry::{Commitment, Entry, Kind, Sealed, commit, digest_hex, leaf_hash};
pub use facts::{
    KeptDesk, Named, UnreadableFacts, desk_facts, named_in, read_desk, read_situation, situation_facts,
};
pub use list::{kept_text, read_set_list, set_list};
pub use verify::{Fault, Stored, verify_entry};
