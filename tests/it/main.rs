//! The one test binary; one file per topic.
#![allow(clippy::unwrap_used)]

mod channels_smtp;
mod config;
mod support;
mod tidy;
