//! From settings to carriers.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use crate::channels::{
    Carrier, Carriers, Null, Pace, Sandbox, Smtp, SmtpError, SmtpSecurity, SmtpSettings, Terms,
};
use crate::config::{self, ChannelSettings, Config};
use crate::domain::Channel;

/// Why a carrier cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// The mail settings are wrong.
    #[error("[smtp]: {0}")]
    Smtp(#[from] SmtpError),
    /// A mail server is wanted and none is named.
    #[error("[smtp]: `host` is missing\nname the mail server, or set `channels.email.carrier = \"sandbox\"`")]
    NoHost,
}

/// The carriers that the settings name. A relative sandbox folder counts from `folder`.
pub fn carriers(config: &Config, folder: &Path) -> Result<Carriers, CarrierError> {
    let mut carriers = Carriers::new();
    for (channel, settings) in [
        (Channel::Sms, &config.sms),
        (Channel::Email, &config.email),
        (Channel::Letter, &config.letter),
    ] {
        let carrier: Arc<dyn Carrier> = match settings.carrier {
            config::Carrier::Sandbox => Arc::new(Sandbox::new(channel, folder.join(&config.sandbox.dir))),
            config::Carrier::Null => Arc::new(Null::new(channel)),
            config::Carrier::Smtp => Arc::new(Smtp::new(smtp(config)?)?),
            config::Carrier::None => continue,
        };
        carriers = carriers.with(carrier, terms(settings, config));
    }
    Ok(carriers)
}

fn terms(settings: &ChannelSettings, config: &Config) -> Terms {
    // What stays on this machine has no provider whose pace must be kept.
    let local = matches!(settings.carrier, config::Carrier::Null | config::Carrier::Sandbox);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked when the settings were read"
    )]
    let per_second = NonZeroU32::new(settings.pace_per_second.ceil() as u32).unwrap_or(NonZeroU32::MIN);
    Terms {
        pace: (!local).then_some(Pace {
            per_second,
            burst: per_second,
        }),
        concurrency: config.dispatch.concurrency as usize,
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
    Ok(settings)
}
