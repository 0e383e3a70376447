//! The one test binary; one file per topic.
#![allow(clippy::unwrap_used)]

mod bounces;
mod bundles;
mod channels_real;
mod channels_sms;
mod channels_smtp;
mod cli;
mod cli_policy;
mod config;
mod contract;
mod corpus;
mod crash;
mod demo;
mod evidence;
mod regimes;
mod holidays;
mod replay;
mod seal_cli;
mod stories;
mod support;
mod tidy;
mod vectors;
