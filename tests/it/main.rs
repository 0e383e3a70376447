//! One test binary for everything that looks at Dunwell from outside: one file per topic.
#![allow(clippy::unwrap_used)]

mod support;

mod config;
mod tidy;
//! The one test binary; one file per topic.
#![allow(clippy::unwrap_used)]

mod channels_smtp;
