//! From settings to carriers.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use crate::channels::verp::{TOKEN_LABEL, TokenKey};
use crate::channels::{
    Carrier, Carriers, Description, Dkim, DkimKey, DkimKeyError, Gateway, GatewayError, GatewayFileError,
    GatewaySettings, Links, MessageIds, Null, Pace, Registered, RegisteredError, Sandbox, Segmentation, Smpp,
    SmppError, SmppSecurity, SmppSettings, Smtp, SmtpError, SmtpSecurity, SmtpSettings, Terms,
};
use crate::config::{self, ChannelSettings, Config, ConfigError, file_bytes, gateway_file};
use crate::domain::Channel;
use crate::store::{Store, StoreError};

/// Why a carrier cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// The mail settings are wrong.
    #[error("[smtp]: {0}")]
    Smtp(#[from] SmtpError),
    /// A key that signs mail cannot be used.
    #[error("[smtp.dkim]: {0}")]
    Dkim(#[from] DkimKeyError),
    /// A mail server is wanted and none is named.
    #[error("[smtp]: `host` is missing\nname the mail server, or set `channels.email.carrier = \"sandbox\"`")]
    NoHost,
    /// The settings of the message centre are wrong.
    #[error("[smpp]: {0}")]
    Smpp(#[from] SmppError),
    /// The settings of the gateway are wrong.
    #[error("[gateway]: {0}")]
    Gateway(#[from] GatewayError),
    /// The description of a gateway has a mistake.
    #[error(transparent)]
    Description(#[from] GatewayFileError),
    /// The file of registered templates has a mistake.
    #[error(transparent)]
    Registered(#[from] RegisteredError),
    /// A file that a setting names cannot be read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// A carrier is wanted and its section is not filled in.
    #[error("`{0}` is missing")]
    Missing(&'static str),
}

/// The carriers that the settings name. A relative sandbox folder counts from `folder`.
pub fn carriers(config: &Config, folder: &Path) -> Result<Carriers, CarrierError> {
    Ok(outfit(config, folder)?.0)
}

/// The carriers that the settings name, and the gateway among them, which also has a door.
pub fn outfit(config: &Config, folder: &Path) -> Result<(Carriers, Option<Arc<Gateway>>), CarrierError> {
    let mut carriers = Carriers::new();
    let mut door = None;
    for (channel, settings) in [
        (Channel::Sms, &config.sms),
        (Channel::Email, &config.email),
        (Channel::Letter, &config.letter),
    ] {
        let carrier: Arc<dyn Carrier> = match settings.carrier {
            config::Carrier::Sandbox => Arc::new(Sandbox::new(channel, folder.join(&config.sandbox.dir))),
            config::Carrier::Null => Arc::new(Null::new(channel)),
            config::Carrier::Smtp => Arc::new(Smtp::new(smtp(config)?)?),
            config::Carrier::Smpp => Arc::new(Smpp::new(smpp(config)?)?),
            config::Carrier::Gateway => door.insert(gateway(config)?).clone(),
            config::Carrier::None => continue,
        };
        carriers = carriers.with(carrier, terms(settings, config));
    }
    let next: Option<Arc<dyn Carrier>> = match config.sms_next {
        Some(config::Carrier::Smpp) => Some(Arc::new(Smpp::new(smpp(config)?)?)),
        Some(config::Carrier::Gateway) => Some(door.insert(gateway(config)?).clone()),
        _ => None,
    };
    if let Some(next) = next {
        carriers = carriers.then(next, terms(&config.sms, config));
    }
    Ok((carriers, door))
}

fn smpp(config: &Config) -> Result<SmppSettings, CarrierError> {
    let s = &config.smpp;
    let host = s.host.clone().ok_or(CarrierError::Missing("smpp.host"))?;
    let account = s
        .system_id
        .clone()
        .ok_or(CarrierError::Missing("smpp.system_id"))?;
    let mut settings = SmppSettings::new(host, s.port, account);
    settings.security = if s.plain {
        SmppSecurity::Plain
    } else {
        SmppSecurity::Tls
    };
    if let Some(password) = &s.password {
        settings.password = password.clone();
    }
    settings.system_type.clone_from(&s.system_type);
    settings.service_type.clone_from(&s.service_type);
    settings.source.clone_from(&s.source);
    (settings.source_ton, settings.source_npi) = (s.source_ton, s.source_npi);
    settings.window = s.window as usize;
    (settings.answer_seconds, settings.enquire_seconds) = (s.timeout_seconds, s.enquire_seconds);
    settings.message_ids = match s.message_ids.as_str() {
        "same" => MessageIds::Same,
        "hex-then-decimal" => MessageIds::HexThenDecimal,
        "decimal-then-hex" => MessageIds::DecimalThenHex,
        _ => MessageIds::Auto,
    };
    settings.segmentation = match s.segmentation.as_str() {
        "parameters" => Segmentation::Parameters,
        "payload" => Segmentation::Payload,
        _ => Segmentation::Header,
    };
    settings.queries = s.queries;
    settings.barred.clone_from(&s.content_codes);
    settings.extra_roots = s.ca_file.as_deref().map(file_bytes).transpose()?;
    Ok(settings)
}

fn gateway(config: &Config) -> Result<Arc<Gateway>, CarrierError> {
    let s = &config.gateway;
    let name = s
        .description
        .as_deref()
        .ok_or(CarrierError::Missing("gateway.description"))?;
    let (path, text) = gateway_file(name)?;
    let registered = match &s.templates_file {
        None => Registered::default(),
        Some(file) => {
            let text = String::from_utf8(file_bytes(file)?);
            let text = text.map_err(|_| ConfigError::NotText { path: file.clone() })?;
            Registered::parse(&file.display().to_string(), &text)?
        }
    };
    let nothing = || secrecy::SecretString::from(String::new());
    Ok(Arc::new(Gateway::new(GatewaySettings {
        description: Description::parse(&path, &text)?,
        account: s.account.clone(),
        secret: s.secret.clone().unwrap_or_else(nothing),
        from: s.from.clone(),
        extra: s.extra.clone(),
        region: s.region.clone(),
        base_url: s.base_url.clone(),
        public_url: s.public_url.clone(),
        token: s.token.clone().unwrap_or_else(nothing),
        registered,
        extra_roots: s.ca_file.as_deref().map(file_bytes).transpose()?,
    })?))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked when the settings were read"
)]
fn whole(number: f64) -> NonZeroU32 {
    NonZeroU32::new(number.ceil() as u32).unwrap_or(NonZeroU32::MIN)
}

fn terms(settings: &ChannelSettings, config: &Config) -> Terms {
    // What stays on this machine has no provider whose pace must be kept.
    let local = matches!(settings.carrier, config::Carrier::Null | config::Carrier::Sandbox);
    let per_second = whole(settings.pace_per_second);
    Terms {
        domain_pace: settings.domain_pace_per_second.map(|n| Pace {
            per_second: whole(n),
            burst: whole(n),
        }),
        pace: (!local).then_some(Pace {
            per_second,
            burst: per_second,
        }),
        // A message centre wants its window filled, whoever else waits.
        concurrency: match settings.carrier {
            config::Carrier::Smtp => config.smtp.connections as usize,
            config::Carrier::Smpp => config.smpp.window.max(config.dispatch.concurrency) as usize,
            _ => config.dispatch.concurrency as usize,
        },
        ..Terms::default()
    }
}

fn smtp(config: &Config) -> Result<SmtpSettings, CarrierError> {
    let found = &config.smtp;
    let mut settings = SmtpSettings::new(found.host.clone().ok_or(CarrierError::NoHost)?);
    settings.port = found.port;
    settings.security = match found.security {
        config::SmtpSecurity::StartTls => SmtpSecurity::StartTls,
        config::SmtpSecurity::Tls => SmtpSecurity::Tls,
        config::SmtpSecurity::PlainLoopback => SmtpSecurity::PlainOnLoopback,
    };
    settings.login = found.username.clone().zip(found.password.clone());
    settings.kept_connections = found.connections as usize;
    settings.answer_seconds = found.timeout_seconds;
    settings.extra_roots = found.ca_file.as_deref().map(file_bytes).transpose()?;
    settings.from_name.clone_from(&found.from_name);
    if let Some(name) = &found.hello_name {
        settings.hello_name.clone_from(name);
    }
    settings.dkim = dkim(config)?;
    Ok(settings)
}

/// What signs e-mails, where the settings name a key.
pub fn dkim(config: &Config) -> Result<Option<Dkim>, CarrierError> {
    let settings = &config.smtp.dkim;
    let mut keys = Vec::new();
    for (selector, file) in &settings.keys {
        keys.push(DkimKey::read(selector, file)?);
    }
    Ok((!keys.is_empty()).then(|| Dkim::new(settings.domain.clone(), keys)))
}

/// What e-mails carry so that what comes back finds its attempt.
///
/// # Errors
/// The key of this installation cannot be read.
pub fn links(config: &Config, store: &Store) -> Result<Links, StoreError> {
    Ok(Links::new(
        TokenKey::new(store.key_for(TOKEN_LABEL)?),
        config.smtp.return_path.clone(),
        config.unsubscribe.public_url.clone(),
    ))
}
