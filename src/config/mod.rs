//! The settings: from flags, the environment, `dunwell.toml` and defaults, in this order of precedence.
//!
//! The comments on the fields of `Config` and its sections are the manual; `dunwell.example.toml` repeats them for
//! people with an editor, and a test keeps both equal. Every value remembers where it came from. Secrets come only
//! from the environment or from files of their own, and are never printed. Here too: the files that ship inside the
//! program. `cli` and `http` load the settings once and hand them down.

mod error;
mod inbound;
mod keys;
mod mail;
mod read;
mod shipped;

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use crate::domain::Channel;

pub use error::ConfigError;
pub use inbound::InboundMailSettings;
pub use mail::{DkimSettings, SmtpSecurity, SmtpSettings, UnsubscribeSettings};
pub use read::Sources;
pub use shipped::{file_bytes, gateway_file, gateway_names, policies, templates};

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
    /// `[unsubscribe]`: the page by which e-mails are unsubscribed.
    pub unsubscribe: UnsubscribeSettings,
    /// `[smpp]`: the carrier that hands texts to a message centre.
    pub smpp: SmppSettings,
    /// `[gateway]`: the carrier that hands texts to a gateway that speaks HTTP.
    pub gateway: GatewaySettings,
    /// `channels.sms.next`: who carries texts while the first carrier is in trouble: `smpp`, `gateway` or `none`. Default
    /// `none`.
    pub sms_next: Option<Carrier>,
    /// `[inbound_mail]`: where mail that comes back enters.
    pub inbound_mail: InboundMailSettings,
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
    /// `carrier`: `sandbox`, `smtp` (e-mail only), `smpp` or `gateway` (texts only), `null` (accepts and forgets, for
    /// measurements) or `none` (the channel is off). Default `sandbox`.
    pub carrier: Carrier,
    /// `pace_per_second`: the most messages handed over in a second; the provider's limit, not the law's. Above 0 up
    /// to 10000, default 100.
    pub pace_per_second: f64,
    /// `domain_pace_per_second` (e-mail only): the most messages for one domain of recipients in a second. Above 0 up to
    /// 10000; without it there is no such limit.
    pub domain_pace_per_second: Option<f64>,
}

/// Who carries a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Writes what would have gone out into a folder.
    Sandbox,
    /// Hands e-mail to a mail server.
    Smtp,
    /// Hands texts to a message centre.
    Smpp,
    /// Hands texts to a gateway that speaks HTTP.
    Gateway,
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

/// The carrier that hands texts to a message centre.
#[derive(Debug, Clone)]
pub struct SmppSettings {
    /// `host`: name of the message centre. Needed when texts go by `smpp`.
    pub host: Option<String>,
    /// `port`: 1 to 65535, default 2775.
    pub port: u16,
    /// `security`: `tls`, or `plain` for private lines and tunnels. Default `tls`.
    pub plain: bool,
    /// `system_id`: the account. Needed when texts go by `smpp`.
    pub system_id: Option<String>,
    /// `password_file`: a file that holds the password and nothing else; or set `DUNWELL_SMPP__PASSWORD`.
    pub password: Option<SecretString>,
    /// `system_type`: what the centre wants there, often nothing.
    pub system_type: String,
    /// `service_type`: what the centre wants there, often nothing.
    pub service_type: String,
    /// `source`: what recipients see: a number, a short code or a name of at most 11 characters.
    pub source: String,
    /// `source_ton`: its type of number, 0 to 6; without it told from what it looks like.
    pub source_ton: Option<u8>,
    /// `source_npi`: its numbering plan, 0 to 18; without it told from what it looks like.
    pub source_npi: Option<u8>,
    /// `window`: messages under way at the same time. 1 to 1000, default 10.
    pub window: u32,
    /// `timeout_seconds`: how long to wait for an answer. 1 to 300, default 30.
    pub timeout_seconds: u32,
    /// `enquire_seconds`: after so long a silence the centre is asked whether it is there. 1 to 600, default 30.
    pub enquire_seconds: u32,
    /// `message_ids`: how ids of answers and receipts are written: `auto`, `same`, `hex-then-decimal` or
    /// `decimal-then-hex`. Default `auto`.
    pub message_ids: String,
    /// `segmentation`: how long messages are told: `header`, `parameters` or `payload`. Default `header`.
    pub segmentation: String,
    /// `queries`: `yes` if the centre answers `query_sm`. Default `no`.
    pub queries: bool,
    /// `content_codes`: statuses by which this centre refuses content, with commas, for instance `0x401, 1042`.
    pub content_codes: Vec<u32>,
    /// `ca_file`: certificates in PEM form that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
}

/// The carrier that hands texts to a gateway that speaks HTTP.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// `description`: `twilio`, `vonage`, `alibaba`, `tencent`, `webhook`, or the path of a file of one's own. Needed when
    /// texts go by `gateway`.
    pub description: Option<String>,
    /// `account`: account, or name of the key.
    pub account: String,
    /// `secret_file`: a file that holds the key and nothing else; or set `DUNWELL_GATEWAY__SECRET`.
    pub secret: Option<SecretString>,
    /// `from`: what recipients see.
    pub from: String,
    /// `extra`: what this gateway wants besides, such as the id of an application.
    pub extra: String,
    /// `region`: where the gateway stands, for those with regions.
    pub region: String,
    /// `base_url`: scheme and host in place of those of the description.
    pub base_url: Option<String>,
    /// `templates_file`: the signatures and templates that the gateway has registered.
    pub templates_file: Option<PathBuf>,
    /// `listen`: address and port where the gateway's later word and replies come in, behind a proxy that encrypts.
    pub listen: Option<String>,
    /// `public_url`: that place as the gateway sees it, without a path.
    pub public_url: Option<String>,
    /// `token_file`: a file that holds the secret word of that address; or set `DUNWELL_GATEWAY__TOKEN`.
    pub token: Option<SecretString>,
    /// `ca_file`: certificates in PEM form that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
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
            email: ChannelSettings {
                domain_pace_per_second: values
                    .optional("channels.email.domain_pace_per_second")
                    .and_then(|n| n.parse().ok()),
                ..channel(
                    &values,
                    "channels.email.carrier",
                    "channels.email.pace_per_second",
                )
            },
            letter: channel(
                &values,
                "channels.letter.carrier",
                "channels.letter.pace_per_second",
            ),
            sandbox: SandboxSettings {
                dir: values.text("sandbox.dir").into(),
            },
            smtp: mail::smtp(&values)?,
            unsubscribe: mail::unsubscribe(&values),
            inbound_mail: inbound::inbound_mail(&values),
            smpp: smpp(&values)?,
            gateway: gateway(&values)?,
            sms_next: match values.text("channels.sms.next").as_str() {
                "smpp" => Some(Carrier::Smpp),
                "gateway" => Some(Carrier::Gateway),
                _ => None,
            },
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
        self.check_texts()?;
        inbound::check(self)?;
        mail::check(self)
    }

    /// What the carriers of texts need.
    fn check_texts(&self) -> Result<(), ConfigError> {
        let uses = |carrier| self.sms.carrier == carrier || self.sms_next == Some(carrier);
        if self.sms_next == Some(self.sms.carrier) {
            return Err(self.conflict("channels.sms.next", "must be another carrier than the first"));
        }
        if self.sms_next.is_some() && !matches!(self.sms.carrier, Carrier::Smpp | Carrier::Gateway) {
            return Err(self.conflict(
                "channels.sms.next",
                "needs `channels.sms.carrier` to be `smpp` or `gateway`",
            ));
        }
        if uses(Carrier::Smpp) {
            if self.smpp.host.is_none() {
                return Err(self.conflict("smpp.host", "is needed by the carrier `smpp`"));
            }
            if self.smpp.system_id.is_none() {
                return Err(self.conflict("smpp.system_id", "is needed by the carrier `smpp`"));
            }
        }
        if uses(Carrier::Gateway) && self.gateway.description.is_none() {
            return Err(self.conflict("gateway.description", "is needed by the carrier `gateway`"));
        }
        match &self.gateway.listen {
            Some(listen) if listen.parse::<std::net::SocketAddr>().is_err() => Err(self.conflict(
                "gateway.listen",
                "must be an address and a port, such as `127.0.0.1:8325`",
            )),
            _ => Ok(()),
        }
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
        "smpp" => Carrier::Smpp,
        "gateway" => Carrier::Gateway,
        "null" => Carrier::Null,
        "none" => Carrier::None,
        _ => Carrier::Sandbox,
    };
    ChannelSettings {
        carrier,
        pace_per_second: values.number(pace),
        domain_pace_per_second: None,
    }
}

/// A secret of the environment, or of a file of its own.
fn secret(values: &read::Values, key: &str) -> Result<Option<SecretString>, ConfigError> {
    let found = match (values.optional(key), values.path(&format!("{key}_file"))) {
        (Some(secret), _) => Some(SecretString::from(secret)),
        (None, Some(file)) => Some(read::secret_file(&file)?),
        (None, None) => None,
    };
    Ok(found.filter(|secret| !secret.expose_secret().is_empty()))
}

fn smpp(values: &read::Values) -> Result<SmppSettings, ConfigError> {
    let text = |key| values.optional(key).unwrap_or_default();
    let small = |key| values.optional(key).and_then(|n| n.parse().ok());
    let mut content_codes = Vec::new();
    for code in text("smpp.content_codes")
        .split(',')
        .map(str::trim)
        .filter(|c| !c.is_empty())
    {
        let number = match code.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => code.parse(),
        };
        content_codes.push(number.map_err(|_| ConfigError::Conflict {
            key: "smpp.content_codes",
            problem: "must be numbers with commas, such as `0x401, 1042`",
            origin: Origin::Default,
        })?);
    }
    Ok(SmppSettings {
        host: values.optional("smpp.host"),
        port: u16::try_from(values.whole("smpp.port")).expect("the key's limits are those of a port"),
        plain: values.text("smpp.security") == "plain",
        system_id: values.optional("smpp.system_id"),
        password: secret(values, "smpp.password")?,
        system_type: text("smpp.system_type"),
        service_type: text("smpp.service_type"),
        source: text("smpp.source"),
        source_ton: small("smpp.source_ton"),
        source_npi: small("smpp.source_npi"),
        window: values.whole("smpp.window"),
        timeout_seconds: values.whole("smpp.timeout_seconds"),
        enquire_seconds: values.whole("smpp.enquire_seconds"),
        message_ids: values.text("smpp.message_ids"),
        segmentation: values.text("smpp.segmentation"),
        queries: values.text("smpp.queries") == "yes",
        content_codes,
        ca_file: values.path("smpp.ca_file"),
    })
}

fn gateway(values: &read::Values) -> Result<GatewaySettings, ConfigError> {
    let text = |key| values.optional(key).unwrap_or_default();
    Ok(GatewaySettings {
        description: values.optional("gateway.description"),
        account: text("gateway.account"),
        secret: secret(values, "gateway.secret")?,
        from: text("gateway.from"),
        extra: text("gateway.extra"),
        region: text("gateway.region"),
        base_url: values.optional("gateway.base_url"),
        templates_file: values.path("gateway.templates_file"),
        listen: values.optional("gateway.listen"),
        public_url: values.optional("gateway.public_url"),
        token: secret(values, "gateway.token")?,
        ca_file: values.path("gateway.ca_file"),
    })
}
