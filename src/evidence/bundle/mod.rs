//! Bundles: a folder that answers a question about what was sent, and that stands without us. Here are its form, how it is
//! put together out of what the log holds, and how it is checked with nothing but the bundle and the keys one trusts.
//!
//! A bundle is a set of files by path. Making one and checking one are apart on purpose: the check knows only what
//! `docs/evidence.md` says, as does `tools/verify_bundle.py`, which shares no code with it. `notary` gathers the parts
//! from the store, `cli` reads and writes folders.

mod arrivals;
mod check;
mod complete;
mod fault;
mod files;
mod make;
mod scope;
mod statement;
mod story;

use std::collections::BTreeMap;

pub use check::{Authority, Checked, Trust, check_bundle};
pub use complete::LogWalk;
pub use fault::{BundleFault, BundleFaultKind};
pub use files::{MANIFEST, manifest_digest, manifest_of};
pub use make::{EntryPart, ObjectPart, OlderHead, Parts, SealedPart, Texts, assemble};
pub use scope::{About, Scope, Selected, Walk};
pub use statement::Statement;
pub use story::{StoryWords, Vouching, certificate_words};

/// The files of a bundle by their path below its folder, with `/` between the parts.
pub type Files = BTreeMap<String, Vec<u8>>;
