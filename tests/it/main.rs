//! The one test binary; one file per topic.
#![allow(clippy::unwrap_used)]

mod channels_smtp;
mod config;
mod contract;
mod stories;
mod support;
mod tidy;
