//! The settings of mail that comes back.

use std::path::PathBuf;

use super::{Config, ConfigError, read};
use crate::domain::EmailAddress;

/// Where mail that comes back enters, and what failures of a passing kind lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundMailSettings {
    /// `maildir`: a folder in the form of Maildir that the mail system fills; it is emptied every few seconds.
    pub maildir: Option<PathBuf>,
    /// `listen`: address and port where the mail system hands over mail by LMTP or SMTP. Not encrypted: this machine, or a
    /// private line.
    pub listen: Option<String>,
    /// `addresses`: addresses to which answers and complaints come beside those of the senders, with commas.
    pub addresses: Vec<String>,
    /// `soft_messages`: so many messages that failed for passing reasons end the use of an address. 1 to 100, default 3 (a
    /// house rule).
    pub soft_messages: u32,
    /// `soft_days`: within so many days. 1 to 365, default 30 (a house rule).
    pub soft_days: u32,
}

pub(super) fn inbound_mail(values: &read::Values) -> InboundMailSettings {
    let listed = values.optional("inbound_mail.addresses").unwrap_or_default();
    let addresses = listed.split(',').map(|a| a.trim().to_lowercase());
    InboundMailSettings {
        maildir: values.path("inbound_mail.maildir"),
        listen: values.optional("inbound_mail.listen"),
        addresses: addresses.filter(|a| !a.is_empty()).collect(),
        soft_messages: values.whole("inbound_mail.soft_messages"),
        soft_days: values.whole("inbound_mail.soft_days"),
    }
}

/// What no single key can tell.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let settings = &config.inbound_mail;
    if settings.addresses.iter().any(|a| EmailAddress::parse(a).is_err()) {
        return Err(config.conflict(
            "inbound_mail.addresses",
            "must be e-mail addresses with commas between them, such as `replies@example.com, fbl@example.com`",
        ));
    }
    if let Some(listen) = &settings.listen
        && listen.parse::<std::net::SocketAddr>().is_err()
    {
        return Err(config.conflict(
            "inbound_mail.listen",
            "must be an address and a port, such as `127.0.0.1:8324`",
        ));
    }
    Ok(())
}
