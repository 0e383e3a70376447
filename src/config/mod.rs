//! The settings: from flags, the environment, `dunwell.toml` and defaults, in this order of precedence.
//!
//! The comments on the fields of `Config` and its sections are the manual; `dunwell.example.toml` repeats them for
//! people with an editor, and a test keeps both equal. Every value remembers where it came from. Secrets come only
//! from the environment or from files of their own, and are never printed. Here too: the files that ship inside the
//! program. `cli` and `http` load the settings once and hand them down.

mod error;
mod keys;
mod read;
mod shipped;

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use crate::domain::Channel;

pub use error::ConfigError;
pub use read::Sources;
pub use shipped::{policies, templates};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag on the command line.
    Flag(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One setting, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key with its section, for instance `dispatch.batch`.
    pub key: &'static str,
    /// The value; a secret is `(hidden)`, and a value that is not set is empty.
    pub shown: String,
    /// Where the value came from.
    pub origin: Origin,
}

/// All settings, valid and typed.
#[derive(Debug, Clone)]
pub struct Config {
    /// `database_url`: `sqlite://<path>` for one machine, `postgres://<user>@<host>/<database>` for several. A relative
    /// path counts from the working folder. Secret, because it may hold a password. Default `sqlite://dunwell.sqlite`.
    pub database_url: SecretString,
    /// `installation`: the name of this installation in evidence and logs. Letters, digits, `.`, `-`, `_`; choose it
    /// once. Default `dunwell`.
    pub installation: String,
    /// `templates_dir`: a folder whose templates are used instead of those inside the program.
    pub templates_dir: Option<PathBuf>,
    /// `policies_dir`: a folder whose policy packs are used instead of those inside the program.
    pub policies_dir: Option<PathBuf>,
    /// `[dispatch]`: how queued reminders are worked off.
    pub dispatch: DispatchSettings,
    /// `[channels.sms]`.
    pub sms: ChannelSettings,
    /// `[channels.email]`.
    pub email: ChannelSettings,
    /// `[channels.letter]`.
    pub letter: ChannelSettings,
    /// `[sandbox]`: the carrier that writes into a folder.
    pub sandbox: SandboxSettings,
    /// `[smtp]`: the carrier that hands e-mail to a mail server.
    pub smtp: SmtpSettings,
    /// `[evidence]`: who signs the log and who vouches for it.
    pub evidence: EvidenceSettings,
    /// `[seal]`: what opens personal data.
    pub seal: SealSettings,
    /// `[log]`: what the program tells about its work.
    pub log: LogSettings,
    /// `[scheduler]`: when campaigns are looked at.
    pub scheduler: SchedulerSettings,
    entries: Vec<Entry>,
}

/// How queued reminders are worked off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchSettings {
    /// `batch`: reminders claimed, judged and reserved in one transaction. 1 to 10000, default 250.
    pub batch: u32,
    /// `interval_seconds`: pause when nothing is due. 1 to 3600, default 5.
    pub interval_seconds: u32,
    /// `concurrency`: messages handed to carriers at the same time. 1 to 256, default 8.
    pub concurrency: u32,
}

/// How one channel leaves the house.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSettings {
    /// `carrier`: `sandbox`, `smtp` (e-mail only), `null` (accepts and forgets, for measurements) or `none` (the
    /// channel is off). Default `sandbox`.
    pub carrier: Carrier,
    /// `pace_per_second`: the most messages handed over in a second; the provider's limit, not the law's. Above 0 up
    /// to 10000, default 100.
    pub pace_per_second: f64,
}

/// Who carries a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Writes what would have gone out into a folder.
    Sandbox,
    /// Hands e-mail to a mail server.
    Smtp,
    /// Accepts and forgets; for measurements only.
    Null,
    /// The channel is off.
    None,
}

/// The carrier that writes into a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxSettings {
    /// `dir`: the folder. Default `outbox`.
    pub dir: PathBuf,
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
    /// `username`: the account at the mail server, if it wants one.
    pub username: Option<String>,
    /// `password_file`: a file that holds the password and nothing else; or set `DUNWELL_SMTP__PASSWORD`. The password
    /// itself is not accepted in the settings file.
    pub password: Option<SecretString>,
    /// `from_name`: the name shown beside the sender's address; without it the sender's own name.
    pub from_name: Option<String>,
    /// `timeout_seconds`: how long to wait for the mail server. 1 to 600, default 30.
    pub timeout_seconds: u32,
    /// `connections`: connections kept open. 1 to 64, default 2.
    pub connections: u32,
}

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

/// Who signs the log of every step, and who vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceSettings {
    /// `key_file`: the secret key that signs heads of the log; readable by its owner alone, and not kept with the
    /// database. Default `log.key`.
    pub key_file: PathBuf,
    /// `policy_file`: a policy of the form `tlog-policy` that names witnesses with their keys and addresses. Each new
    /// head is shown to them.
    pub policy_file: Option<PathBuf>,
    /// `place`: a folder outside this machine's control (a share of the auditor, a write-once medium) that gets a copy
    /// of the newest head once a day.
    pub place: Option<PathBuf>,
    /// `timestamp_url`: the address of a time-stamp authority (RFC 3161).
    pub timestamp_url: Option<String>,
    /// `timestamp_ca_file`: its root certificates in PEM form; needed with `timestamp_url`.
    pub timestamp_ca_file: Option<PathBuf>,
    /// `timestamp_hours`: hours between two time stamps while the log grows. 1 to 720, default 24.
    pub timestamp_hours: u32,
}

/// What opens personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealSettings {
    /// `key_file`: the keys that open names, addresses and messages; readable by their owner alone, and not kept with the
    /// database. Default `seal.key`.
    pub key_file: PathBuf,
}

/// What the program tells about its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `format`: `text` for people, `json` for programs. Default `text`.
    pub format: LogFormat,
    /// `level`: `error`, `warn`, `info`, `debug` or `trace`. Default `info`.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// When campaigns are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// `tick_seconds`: pause between two looks at the campaigns. 1 to 3600, default 60.
    pub tick_seconds: u32,
}

impl Config {
    /// Reads the settings from `sources`.
    pub fn load(sources: &Sources) -> Result<Config, ConfigError> {
        let values = read::resolve(sources)?;
        let config = Config {
            database_url: values.text("database_url").into(),
            installation: values.text("installation"),
            templates_dir: values.path("templates_dir"),
            policies_dir: values.path("policies_dir"),
            dispatch: DispatchSettings {
                batch: values.whole("dispatch.batch"),
                interval_seconds: values.whole("dispatch.interval_seconds"),
                concurrency: values.whole("dispatch.concurrency"),
            },
            sms: channel(&values, "channels.sms.carrier", "channels.sms.pace_per_second"),
            email: channel(
                &values,
                "channels.email.carrier",
                "channels.email.pace_per_second",
            ),
            letter: channel(
                &values,
                "channels.letter.carrier",
                "channels.letter.pace_per_second",
            ),
            sandbox: SandboxSettings {
                dir: values.text("sandbox.dir").into(),
            },
            smtp: smtp(&values)?,
            evidence: EvidenceSettings {
                key_file: values.text("evidence.key_file").into(),
                policy_file: values.path("evidence.policy_file"),
                place: values.path("evidence.place"),
                timestamp_url: values.optional("evidence.timestamp_url"),
                timestamp_ca_file: values.path("evidence.timestamp_ca_file"),
                timestamp_hours: values.whole("evidence.timestamp_hours"),
            },
            seal: SealSettings {
                key_file: values.text("seal.key_file").into(),
            },
            log: LogSettings {
                format: if values.text("log.format") == "json" {
                    LogFormat::Json
                } else {
                    LogFormat::Text
                },
                level: values.text("log.level"),
            },
            scheduler: SchedulerSettings {
                tick_seconds: values.whole("scheduler.tick_seconds"),
            },
            entries: values.entries(),
        };
        config.check()?;
        Ok(config)
    }

    /// The settings that hold when nobody set anything.
    pub fn defaults() -> Config {
        Config::load(&Sources::default()).expect("the defaults are valid, a test loads them")
    }

    /// Every setting with its origin, in the order of the example file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How `channel` leaves the house; a call never does.
    pub fn channel(&self, channel: Channel) -> Option<&ChannelSettings> {
        match channel {
            Channel::Sms => Some(&self.sms),
            Channel::Email => Some(&self.email),
            Channel::Letter => Some(&self.letter),
            Channel::Call => None,
        }
    }

    /// What no single key can tell.
    fn check(&self) -> Result<(), ConfigError> {
        let evidence = &self.evidence;
        if let Some(url) = &evidence.timestamp_url {
            if !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(self.conflict(
                    "evidence.timestamp_url",
                    "must begin with `https://` or `http://`",
                ));
            }
            if evidence.timestamp_ca_file.is_none() {
                return Err(self.conflict(
                    "evidence.timestamp_url",
                    "needs the authority's root certificates in `evidence.timestamp_ca_file`",
                ));
            }
        }
        let Some(host) = &self.smtp.host else {
            return match self.email.carrier {
                Carrier::Smtp => {
                    Err(self.conflict("smtp.host", "is needed by `channels.email.carrier = \"smtp\"`"))
                }
                _ => Ok(()),
            };
        };
        let loopback = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if self.smtp.security == SmtpSecurity::PlainLoopback && !loopback {
            return Err(self.conflict(
                "smtp.host",
                "must be this machine itself, because `smtp.security = \"plain-loopback\"`",
            ));
        }
        if self.smtp.username.is_some() != self.smtp.password.is_some() {
            return Err(self.conflict(
                "smtp.username",
                "and a password belong together: set both or neither",
            ));
        }
        Ok(())
    }

    fn conflict(&self, key: &'static str, problem: &'static str) -> ConfigError {
        let origin = self
            .entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| entry.origin.clone());
        ConfigError::Conflict {
            key,
            problem,
            origin: origin.unwrap_or(Origin::Default),
        }
    }
}

fn channel(values: &read::Values, carrier: &str, pace: &str) -> ChannelSettings {
    let carrier = match values.text(carrier).as_str() {
        "smtp" => Carrier::Smtp,
        "null" => Carrier::Null,
        "none" => Carrier::None,
        _ => Carrier::Sandbox,
    };
    ChannelSettings {
        carrier,
        pace_per_second: values.number(pace),
    }
}

fn smtp(values: &read::Values) -> Result<SmtpSettings, ConfigError> {
    let security = match values.text("smtp.security").as_str() {
        "tls" => SmtpSecurity::Tls,
        "plain-loopback" => SmtpSecurity::PlainLoopback,
        _ => SmtpSecurity::StartTls,
    };
    let password = match (
        values.optional("smtp.password"),
        values.path("smtp.password_file"),
    ) {
        (Some(password), _) => Some(SecretString::from(password)),
        (None, Some(file)) => Some(read::secret_file(&file)?),
        (None, None) => None,
    };
    Ok(SmtpSettings {
        host: values.optional("smtp.host"),
        port: u16::try_from(values.whole("smtp.port")).expect("the key's limits are those of a port"),
        security,
        username: values.optional("smtp.username"),
        password: password.filter(|password| !password.expose_secret().is_empty()),
        from_name: values.optional("smtp.from_name"),
        timeout_seconds: values.whole("smtp.timeout_seconds"),
        connections: values.whole("smtp.connections"),
    })
}
