//! Dunwell reminds people of what they owe: politely, lawfully and provably.
//!
//! Pure decisions on top, the world below, doors at the bottom. **A module uses only modules listed above it**;
//! `tests/it/tidy.rs` keeps that order, and keeps the pure ones free of `async`, files, network and clock.

// pure
pub mod domain;
pub mod ledger;
pub mod policy;
pub mod render;
pub mod evidence;
pub mod guard;
pub mod replies;
pub mod planner;
// world
pub mod clock;
pub mod config;
pub mod store;
pub mod channels;
pub mod notary;
pub mod dispatch;
pub mod scheduler;
// doors
pub mod http;
pub mod cli;
