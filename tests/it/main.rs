//! The one test binary; one file per topic.
#![allow(clippy::unwrap_used)]

mod channels_smtp;
mod cli;
mod config;
mod contract;
mod corpus;
mod crash;
mod demo;
mod replay;
mod stories;
mod support;
mod tidy;
