//! Every key there is, with its default and what may stand there.

/// One key.
pub(super) struct Key {
    /// With its sections, for instance `channels.sms.carrier`.
    pub(super) name: &'static str,
    /// The default as text; `None` if the key may be left out.
    pub(super) default: Option<&'static str>,
    /// What may stand there.
    pub(super) kind: Kind,
}

/// What may stand at a key.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Any text that is not empty.
    Text,
    /// A name of letters, digits, `.`, `-` and `_`.
    Name,
    /// The address of a database; hidden, because it may hold a password.
    Database,
    /// A secret; never in the settings file, never shown.
    Secret,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A whole number from .. to.
    Whole(i64, i64),
    /// A number above 0 up to this.
    Number(f64),
}

const fn key(name: &'static str, default: Option<&'static str>, kind: Kind) -> Key {
    Key { name, default, kind }
}

const CARRIERS: Kind = Kind::Choice(&["sandbox", "null", "none"]);
const SMS_CARRIERS: Kind = Kind::Choice(&["sandbox", "smpp", "gateway", "null", "none"]);
const SMS_NEXT: Kind = Kind::Choice(&["smpp", "gateway", "none"]);
const SEGMENTATION: Kind = Kind::Choice(&["header", "parameters", "payload"]);
const MESSAGE_IDS: Kind = Kind::Choice(&["auto", "same", "hex-then-decimal", "decimal-then-hex"]);
const LINE: Kind = Kind::Choice(&["tls", "plain"]);
const YES_NO: Kind = Kind::Choice(&["yes", "no"]);
const EMAIL_CARRIERS: Kind = Kind::Choice(&["sandbox", "smtp", "null", "none"]);
const SECURITY: Kind = Kind::Choice(&["starttls", "tls", "plain-loopback"]);
const LEVELS: Kind = Kind::Choice(&["error", "warn", "info", "debug", "trace"]);

/// All keys, in the order of the example file.
pub(super) const KEYS: &[Key] = &[
    key("database_url", Some("sqlite://dunwell.sqlite"), Kind::Database),
    key("installation", Some("dunwell"), Kind::Name),
    key("templates_dir", None, Kind::Text),
    key("policies_dir", None, Kind::Text),
    key("dispatch.batch", Some("250"), Kind::Whole(1, 10_000)),
    key("dispatch.interval_seconds", Some("5"), Kind::Whole(1, 3600)),
    key("dispatch.concurrency", Some("8"), Kind::Whole(1, 256)),
    key("channels.sms.carrier", Some("sandbox"), SMS_CARRIERS),
    key("channels.sms.next", Some("none"), SMS_NEXT),
    key(
        "channels.sms.pace_per_second",
        Some("100"),
        Kind::Number(10_000.0),
    ),
    key("channels.email.carrier", Some("sandbox"), EMAIL_CARRIERS),
    key(
        "channels.email.pace_per_second",
        Some("100"),
        Kind::Number(10_000.0),
    ),
    key(
        "channels.email.domain_pace_per_second",
        None,
        Kind::Number(10_000.0),
    ),
    key("channels.letter.carrier", Some("sandbox"), CARRIERS),
    key(
        "channels.letter.pace_per_second",
        Some("100"),
        Kind::Number(10_000.0),
    ),
    key("sandbox.dir", Some("outbox"), Kind::Text),
    key("smtp.host", None, Kind::Text),
    key("smtp.port", Some("587"), Kind::Whole(1, 65_535)),
    key("smtp.security", Some("starttls"), SECURITY),
    key("smtp.ca_file", None, Kind::Text),
    key("smtp.username", None, Kind::Text),
    key("smtp.password", None, Kind::Secret),
    key("smtp.password_file", None, Kind::Text),
    key("smtp.hello_name", None, Kind::Text),
    key("smtp.from_name", None, Kind::Text),
    key("smtp.return_path", None, Kind::Text),
    key("smtp.timeout_seconds", Some("30"), Kind::Whole(1, 600)),
    key("smtp.connections", Some("4"), Kind::Whole(1, 64)),
    key("smtp.dkim.domain", None, Kind::Text),
    key("smtp.dkim.selector", None, Kind::Text),
    key("smtp.dkim.key_file", None, Kind::Text),
    key("smtp.dkim.second_selector", None, Kind::Text),
    key("smtp.dkim.second_key_file", None, Kind::Text),
    key("unsubscribe.listen", None, Kind::Text),
    key("unsubscribe.public_url", None, Kind::Text),
    key("inbound_mail.maildir", None, Kind::Text),
    key("inbound_mail.listen", None, Kind::Text),
    key("inbound_mail.addresses", None, Kind::Text),
    key("inbound_mail.soft_messages", Some("3"), Kind::Whole(1, 100)),
    key("inbound_mail.soft_days", Some("30"), Kind::Whole(1, 365)),
    key("smpp.host", None, Kind::Text),
    key("smpp.port", Some("2775"), Kind::Whole(1, 65_535)),
    key("smpp.security", Some("tls"), LINE),
    key("smpp.system_id", None, Kind::Text),
    key("smpp.password", None, Kind::Secret),
    key("smpp.password_file", None, Kind::Text),
    key("smpp.system_type", None, Kind::Text),
    key("smpp.service_type", None, Kind::Text),
    key("smpp.source", None, Kind::Text),
    key("smpp.source_ton", None, Kind::Whole(0, 6)),
    key("smpp.source_npi", None, Kind::Whole(0, 18)),
    key("smpp.window", Some("10"), Kind::Whole(1, 1000)),
    key("smpp.timeout_seconds", Some("30"), Kind::Whole(1, 300)),
    key("smpp.enquire_seconds", Some("30"), Kind::Whole(1, 600)),
    key("smpp.message_ids", Some("auto"), MESSAGE_IDS),
    key("smpp.segmentation", Some("header"), SEGMENTATION),
    key("smpp.queries", Some("no"), YES_NO),
    key("smpp.content_codes", None, Kind::Text),
    key("smpp.ca_file", None, Kind::Text),
    key("gateway.description", None, Kind::Text),
    key("gateway.account", None, Kind::Text),
    key("gateway.secret", None, Kind::Secret),
    key("gateway.secret_file", None, Kind::Text),
    key("gateway.from", None, Kind::Text),
    key("gateway.extra", None, Kind::Text),
    key("gateway.region", None, Kind::Text),
    key("gateway.base_url", None, Kind::Text),
    key("gateway.templates_file", None, Kind::Text),
    key("gateway.listen", None, Kind::Text),
    key("gateway.public_url", None, Kind::Text),
    key("gateway.token", None, Kind::Secret),
    key("gateway.token_file", None, Kind::Text),
    key("gateway.ca_file", None, Kind::Text),
    key("evidence.key_file", Some("log.key"), Kind::Text),
    key("evidence.policy_file", None, Kind::Text),
    key("evidence.place", None, Kind::Text),
    key("evidence.timestamp_url", None, Kind::Text),
    key("evidence.timestamp_ca_file", None, Kind::Text),
    key("evidence.timestamp_hours", Some("24"), Kind::Whole(1, 720)),
    key("seal.key_file", Some("seal.key"), Kind::Text),
    key("log.format", Some("text"), Kind::Choice(&["text", "json"])),
    key("log.level", Some("info"), LEVELS),
    key("scheduler.tick_seconds", Some("60"), Kind::Whole(1, 3600)),
];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether `name` is a section such as `channels.sms`.
pub(super) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| {
        key.name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// The known key, or section, that `name` was most likely meant to be.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let limit = 2 + name.chars().count() / 8;
    let close = |key: &&'static str| (distance(name, key), last(name) != last(key));
    let sections = KEYS
        .iter()
        .filter_map(|key| key.name.rsplit_once('.'))
        .map(|(section, _)| section);
    let best = KEYS
        .iter()
        .map(|key| key.name)
        .chain(sections)
        .min_by_key(close)?;
    // A key that stands in the wrong section is still recognised by its own name.
    let moved = || {
        KEYS.iter()
            .map(|key| key.name)
            .find(|key| last(key) == last(name))
    };
    if distance(name, best) <= limit {
        Some(best)
    } else {
        moved()
    }
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (above + 1).min(row[j] + 1).min(diagonal + usize::from(x != *y));
            diagonal = above;
        }
    }
    row[b.len()]
}

impl Kind {
    /// Whether values of this kind are never shown.
    pub(super) fn hidden(self) -> bool {
        matches!(self, Kind::Database | Kind::Secret)
    }

    /// Whether a settings file holds this kind as a number.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Kind::Whole(..) | Kind::Number(_))
    }

    /// Whether `text` may stand here.
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Kind::Text | Kind::Secret => !text.trim().is_empty(),
            Kind::Name => {
                let good = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
                (1..=64).contains(&text.len()) && text.chars().all(good)
            }
            Kind::Database => ["sqlite:", "postgres://", "postgresql://"]
                .iter()
                .any(|start| text.starts_with(start)),
            Kind::Choice(words) => words.contains(&text),
            Kind::Whole(from, to) => text.parse().is_ok_and(|n: i64| (from..=to).contains(&n)),
            Kind::Number(to) => text.parse().is_ok_and(|n: f64| n > 0.0 && n <= to),
        }
    }

    /// What may stand here, in words.
    pub(super) fn expected(self) -> String {
        match self {
            Kind::Text => "a text that is not empty".into(),
            Kind::Name => "a name of 1 to 64 letters, digits, `.`, `-` or `_`".into(),
            Kind::Database => "`sqlite://...` or `postgres://...`".into(),
            Kind::Secret => "a text that is not empty".into(),
            Kind::Choice(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", words.join(", "))
            }
            Kind::Whole(from, to) => format!("a whole number from {from} to {to}"),
            Kind::Number(to) => format!("a number above 0 up to {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_finds_the_one_that_was_meant() {
        let check = |name: &str, expected: Option<&str>| assert_eq!(nearest(name), expected, "{name}");
        check("databse_url", Some("database_url"));
        check("dispatch.batchsize", Some("dispatch.batch"));
        check("chanels.sms.carrier", Some("channels.sms.carrier"));
        check("tick_seconds", Some("scheduler.tick_seconds"));
        check("dispach", Some("dispatch"));
        check("colour", None);
    }

    #[test]
    fn every_default_is_accepted_by_its_own_key() {
        for key in KEYS {
            assert!(
                key.default.is_none_or(|default| key.kind.accepts(default)),
                "{}",
                key.name
            );
        }
    }
}
