//! The settings of e-mail: the mail server, signatures, where bounces go, and the page of unsubscribing.

use std::path::PathBuf;

use secrecy::SecretString;

use super::{Carrier, Config, ConfigError, read, secret};
use crate::domain::EmailAddress;

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Encrypted after a plain greeting; refused if the server does not offer it.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
    /// Not encrypted, and only towards this machine itself.
    PlainLoopback,
}

/// The carrier that hands e-mail to a mail server.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// `host`: name of the mail server. Needed when a channel has `carrier = "smtp"`.
    pub host: Option<String>,
    /// `port`: 1 to 65535, default 587.
    pub port: u16,
    /// `security`: `starttls`, `tls` (from the first byte, usually port 465) or `plain-loopback` (no encryption, only
    /// towards this machine itself). Default `starttls`.
    pub security: SmtpSecurity,
    /// `ca_file`: certificates in PEM form that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// `username`: the account at the mail server, if it wants one.
    pub username: Option<String>,
    /// `password_file`: a file that holds the password and nothing else; or set `DUNWELL_SMTP__PASSWORD`. The password
    /// itself is not accepted in the settings file.
    pub password: Option<SecretString>,
    /// `hello_name`: the name by which this machine greets; many servers want a real one. Without it `localhost`.
    pub hello_name: Option<String>,
    /// `from_name`: the name shown beside the sender's address; without it the sender's own name.
    pub from_name: Option<String>,
    /// `return_path`: the address below which bounces come back, such as `bounce@mail.example.com`; each mail adds
    /// `+` and a token of its own before the `@`. At most 21 characters before the `@`. Without it bounces go to the
    /// sender's address.
    pub return_path: Option<EmailAddress>,
    /// `timeout_seconds`: how long to wait for the mail server. 1 to 600, default 30.
    pub timeout_seconds: u32,
    /// `connections`: connections at the same time, kept open between mails. 1 to 64, default 4.
    pub connections: u32,
    /// `[smtp.dkim]`: signatures.
    pub dkim: DkimSettings,
}

/// Signatures on e-mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimSettings {
    /// `domain`: the domain that signs; without it that of each sender's address.
    pub domain: Option<String>,
    /// `selector` and `key_file`: the name under which the public key is published, and the private key in PEM form,
    /// readable by its owner alone (`dunwell channel dkim-key`); then `second_selector` and `second_key_file`, so that a
    /// key of RSA and one of Ed25519 can both sign.
    pub keys: Vec<(String, PathBuf)>,
}

/// The page by which e-mails are unsubscribed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeSettings {
    /// `listen`: address and port of the page, behind a proxy that encrypts.
    pub listen: Option<String>,
    /// `public_url`: that place as recipients see it: `https://` and a host, and a path where the proxy has one. Every
    /// e-mail then carries a link of its own and may be unsubscribed by one click (RFC 8058).
    pub public_url: Option<String>,
}

pub(super) fn smtp(values: &read::Values) -> Result<SmtpSettings, ConfigError> {
    let security = match values.text("smtp.security").as_str() {
        "tls" => SmtpSecurity::Tls,
        "plain-loopback" => SmtpSecurity::PlainLoopback,
        _ => SmtpSecurity::StartTls,
    };
    let key = |selector, file| values.optional(selector).zip(values.path(file));
    let first = key("smtp.dkim.selector", "smtp.dkim.key_file");
    let second = key("smtp.dkim.second_selector", "smtp.dkim.second_key_file");
    Ok(SmtpSettings {
        host: values.optional("smtp.host"),
        port: u16::try_from(values.whole("smtp.port")).expect("the key's limits are those of a port"),
        security,
        ca_file: values.path("smtp.ca_file"),
        username: values.optional("smtp.username"),
        password: secret(values, "smtp.password")?,
        hello_name: values.optional("smtp.hello_name"),
        from_name: values.optional("smtp.from_name"),
        return_path: values
            .optional("smtp.return_path")
            .and_then(|text| EmailAddress::parse(&text).ok()),
        timeout_seconds: values.whole("smtp.timeout_seconds"),
        connections: values.whole("smtp.connections"),
        dkim: DkimSettings {
            domain: values.optional("smtp.dkim.domain"),
            keys: first.into_iter().chain(second).collect(),
        },
    })
}

pub(super) fn unsubscribe(values: &read::Values) -> UnsubscribeSettings {
    UnsubscribeSettings {
        listen: values.optional("unsubscribe.listen"),
        public_url: values.optional("unsubscribe.public_url"),
    }
}

/// What no single key of e-mail can tell.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let is_set = |key: &str| config.entries.iter().any(|e| e.key == key && !e.shown.is_empty());
    for (one, other, problem) in [
        (
            "smtp.dkim.selector",
            "smtp.dkim.key_file",
            "needs `smtp.dkim.key_file`",
        ),
        (
            "smtp.dkim.key_file",
            "smtp.dkim.selector",
            "needs `smtp.dkim.selector`",
        ),
        (
            "smtp.dkim.second_selector",
            "smtp.dkim.second_key_file",
            "needs `smtp.dkim.second_key_file`",
        ),
        (
            "smtp.dkim.second_key_file",
            "smtp.dkim.second_selector",
            "needs `smtp.dkim.second_selector`",
        ),
        (
            "smtp.dkim.second_selector",
            "smtp.dkim.selector",
            "needs a first key",
        ),
        (
            "smtp.dkim.domain",
            "smtp.dkim.selector",
            "needs `smtp.dkim.selector`",
        ),
        (
            "unsubscribe.listen",
            "unsubscribe.public_url",
            "needs `unsubscribe.public_url`",
        ),
    ] {
        if is_set(one) && !is_set(other) {
            return Err(config.conflict(one, problem));
        }
    }
    let (smtp, page) = (&config.smtp, &config.unsubscribe);
    if let Some(domain) = &smtp.dkim.domain
        && EmailAddress::parse(&format!("a@{domain}")).is_err()
    {
        return Err(config.conflict("smtp.dkim.domain", "must be a domain, such as `example.com`"));
    }
    if let [(first, _), (second, _)] = &smtp.dkim.keys[..]
        && first == second
    {
        return Err(config.conflict("smtp.dkim.second_selector", "must be another name than the first"));
    }
    let room = |path: &EmailAddress| path.as_str().find('@').is_some_and(|at| at <= 21);
    if is_set("smtp.return_path") && !smtp.return_path.as_ref().is_some_and(room) {
        return Err(config.conflict(
            "smtp.return_path",
            "must be an address with at most 21 characters before the `@`, such as `bounce@mail.example.com`",
        ));
    }
    if let Some(listen) = &page.listen
        && listen.parse::<std::net::SocketAddr>().is_err()
    {
        return Err(config.conflict(
            "unsubscribe.listen",
            "must be an address and a port, such as `127.0.0.1:8326`",
        ));
    }
    if let Some(url) = &page.public_url {
        let plain = url
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"<>,\"?#".contains(&b));
        if !(url.starts_with("https://") && plain && url.len() <= 300) {
            return Err(config.conflict(
                "unsubscribe.public_url",
                "must begin with `https://` and hold no query, because mail programs follow no other link",
            ));
        }
    }
    server(config)
}

/// The mail server itself.
fn server(config: &Config) -> Result<(), ConfigError> {
    let Some(host) = &config.smtp.host else {
        return match config.email.carrier {
            Carrier::Smtp => {
                Err(config.conflict("smtp.host", "is needed by `channels.email.carrier = \"smtp\"`"))
            }
            _ => Ok(()),
        };
    };
    let loopback = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if config.smtp.security == SmtpSecurity::PlainLoopback && !loopback {
        return Err(config.conflict(
            "smtp.host",
            "must be this machine itself, because `smtp.security = \"plain-loopback\"`",
        ));
    }
    if config.smtp.username.is_some() != config.smtp.password.is_some() {
        return Err(config.conflict(
            "smtp.username",
            "and a password belong together: set both or neither",
        ));
    }
    Ok(())
}
