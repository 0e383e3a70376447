//! Which attempt a message is about: by the return path that it came to, or by the Message-ID that it gives back.

use std::sync::LazyLock;

use regex::Regex;
use uuid::Uuid;

use super::Envelope;
use super::mime::Head;
use crate::channels::verp::{self, TokenKey};
use crate::domain::{AttemptId, MatchedBy};

/// A return path within a text.
static RETURN_PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)[a-z0-9._=-]{1,40}\+[a-z2-7]{42}@[a-z0-9.-]{1,253}").expect("the pattern is valid")
});

/// A Message-ID as ours are.
static MESSAGE_ID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)<([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})@([a-z0-9.-]{1,253})>")
        .expect("the pattern is valid")
});

/// Fields in which mail systems note to which address a message came.
const DELIVERED_TO: &[&str] = &[
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-forwarded-to",
    "x-delivered-to",
    "to",
    "cc",
];

/// Where to look.
pub(super) struct Places<'a> {
    pub(super) envelope: &'a Envelope,
    pub(super) head: &'a Head,
    /// Heads of messages that it carries.
    pub(super) returned: &'a [Head],
    /// Other addresses that it names as the return path.
    pub(super) named: &'a [String],
    /// What it says, quotes and copies included.
    pub(super) words: &'a str,
}

/// The attempt, and how it was found; the surer way first.
pub(super) fn whose(places: &Places<'_>, key: Option<&TokenKey>) -> Option<(AttemptId, MatchedBy)> {
    let by_path = key.and_then(|key| return_path(places, key));
    by_path
        .map(|id| (id, MatchedBy::ReturnPath))
        .or_else(|| message_id(places).map(|id| (id, MatchedBy::MessageId)))
}

fn return_path(places: &Places<'_>, key: &TokenKey) -> Option<AttemptId> {
    let read = |address: &str| verp::read(address, key);
    let within = |text: &str| {
        RETURN_PATH
            .find_iter(text)
            .take(200)
            .find_map(|m| read(m.as_str()))
    };
    let to = places.envelope.to.iter().find_map(|a| read(a));
    to.or_else(|| {
        let noted = DELIVERED_TO.iter().flat_map(|name| places.head.all(name));
        noted.take(100).find_map(within)
    })
    .or_else(|| places.named.iter().find_map(|a| read(a)))
    .or_else(|| {
        let paths = ["return-path", "x-envelope-from", "sender", "errors-to"];
        let heads = places.returned.iter();
        heads
            .flat_map(|head| paths.iter().flat_map(|name| head.all(name)))
            .find_map(within)
    })
    .or_else(|| within(places.words))
}

fn message_id(places: &Places<'_>) -> Option<AttemptId> {
    let within = |text: &str| {
        let found = MESSAGE_ID.captures_iter(text).take(200);
        found
            .filter_map(|c| Uuid::parse_str(&c[1]).ok())
            .last()
            .map(AttemptId)
    };
    let ids = ["message-id", "original-message-id"];
    let heads = places.returned.iter();
    let own = heads.flat_map(|head| ids.iter().flat_map(|name| head.all(name)));
    own.chain(places.head.all("in-reply-to"))
        .chain(places.head.all("references"))
        .chain(places.head.all("x-failed-message-id"))
        .chain(places.head.all("original-message-id"))
        .find_map(within)
        .or_else(|| within(places.words))
}

/// Whether a Message-ID is one of ours: an attempt at one of these domains.
pub(super) fn is_ours(message_id: &str, domains: &[String]) -> bool {
    MESSAGE_ID
        .captures(message_id)
        .is_some_and(|c| domains.iter().any(|d| d.eq_ignore_ascii_case(&c[2])))
}
