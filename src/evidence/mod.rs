//! Evidence entries: what is written down of every step, in which bytes, and how an outsider checks them.
//!
//! An entry is canonical JSON (RFC 8785, restricted to what every language writes alike) whose SHA-256 leaf hash
//! follows RFC 6962. Personal data is never in an entry: content and facts appear as salted commitments, people and
//! debts as random ids that can be erased. The entries of one attempt name their predecessor, so that one attempt
//! reads as a chain. Over the leaves stands a Merkle tree with signed heads, proofs, tiles, cosignatures of witnesses
//! (the C2SP family of formats) and time stamps (RFC 3161).
//!
//! Pure: `store` appends the bytes in the transaction of the step they record; `cli` and auditors verify them.

mod audit;
pub mod bundle;
mod canonical;
mod checkpoint;
mod der;
mod entry;
mod note;
mod proof;
mod quorum;
mod seal;
mod tiles;
mod timestamp;
mod tree;
mod witness;
mod facts;
mod list;

pub use audit::{Audit, FaultKind, HeadRow, KnownKey, LogFault, Row};
pub use canonical::{CanonicalError, Value, parse as parse_canonical, scan, to_canonical};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use entry::{Commitment, Entry, Kind, Sealed, commit, digest_hex, leaf_hash};
pub use facts::{
    KeptDesk, Named, UnreadableFacts, desk_facts, named_in, read_desk, read_situation, situation_facts,
};
pub use list::{kept_text, read_set_list, set_list};
pub use note::{KeyUse, Note, NoteError, NoteSignature, NoteSigner, SignedBy, VerifierKey, is_key_name};
pub use proof::{InclusionError, InclusionProof};
pub use quorum::{Policy, PolicyError, Witnessed};
pub use seal::{
    LookupKey, MasterKey, NONCE_BYTES, Opened, PersonKey, RecordKey, SealError, SealKind, WRAPPED_BYTES,
    is_hashed, is_sealed,
};
pub use tiles::{
    BundleError, Edge, EdgeMismatch, FullTile, TILE_WIDTH, Tile, TileNodes, entry_bundle, read_entry_bundle,
    tile_of, tiles_between,
};
pub use timestamp::{Stamp, TokenError, check_token, timestamp_request, token_of_response, verify_token};
pub use tree::{
    Frontier, Hash, Nodes, ProofError, empty_root, node_hash, prove_consistency, prove_inclusion, root_at,
    root_of, verify_consistency, verify_inclusion,
};
pub use witness::{AddCheckpoint, LastSeen, Refusal};
