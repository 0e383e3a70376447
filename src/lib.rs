//! Dunwell reminds people of what they owe: politely, lawfully and provably.
//!
//! Pure decisions on top, the world below, doors at the bottom. **A module uses only modules listed above it**;
//! `tests/it/tidy.rs` keeps that order, and keeps the pure ones free of `async`, files, network and clock.

// pure
pub mod domain;
pub mod policy;
pub mod evidence;
pub mod guard;
pub mod render;
pub mod ledger;
// world
pub mod clock;
pub mod config;
pub mod channels;
// doors
