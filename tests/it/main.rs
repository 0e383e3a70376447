//! The one test binary; one file per topic.
#![allow(clippy::unwrap_used)]

mod bounces;
mod bundles;
mod canaries;
mod channels_conformance;
mod channels_mail;
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
#[cfg(feature = "letters")]
mod letters;
mod outside;
mod power;
#[cfg(feature = "letters")]
mod print;
mod regimes;
mod holidays;
mod insider;
mod replay;
mod seal_cli;
mod stories;
mod support;
mod tidy;
mod vectors;
