//! What commands share: settings, store and rulebook, each opened when it is first asked for.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

use super::out::Out;
use crate::clock::SystemClock;
use crate::config::{Config, LogFormat, LogSettings, Sources, templates};
use crate::dispatch::{InForce, Rulebook, Rules};
use crate::store::{Desk, Registry, SealFile, Store};

/// One run of the program.
pub(super) struct Session {
    named: Option<PathBuf>,
    /// Where answers go.
    pub(super) out: Out,
}

impl Session {
    pub(super) fn new(named: &Option<PathBuf>, out: Out) -> Session {
        Session {
            named: named.clone(),
            out,
        }
    }

    /// The settings; the log begins with them.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let config = Config::load(&Sources::of_process(self.named.as_deref(), Vec::new())?)?;
        start_log(&config.log, self.out.quiet);
        Ok(config)
    }

    /// The store that the settings name.
    pub(super) async fn store(&self) -> anyhow::Result<Store> {
        let config = self.config()?;
        let clock = Arc::new(SystemClock::new());
        let keys = SealFile::new(&config.seal.key_file);
        Ok(Store::open(config.database_url.expose_secret(), clock, keys).await?)
    }

    /// The rules in force. Before a set was ever in force, those that a first start would found.
    pub(super) async fn rules(&self, store: &Store) -> anyhow::Result<Rules> {
        match store.activations().await?.is_empty() {
            true => Ok(self.rulebook()?.into()),
            false => Ok(Rules::looked_at(store, templates(&self.config()?)?)),
        }
    }

    /// The rulebook in force now.
    pub(super) async fn in_force(&self, store: &Store) -> anyhow::Result<Arc<InForce>> {
        let rules = self.rules(store).await?;
        Ok(rules.at(store.clock().now()).await?)
    }

    /// Templates, policies and ladders of the files, in force or not.
    pub(super) fn rulebook(&self) -> anyhow::Result<Arc<Rulebook>> {
        Ok(Arc::new(Rulebook::load(&self.config()?)?))
    }
}

/// The name of the system's user, for what nobody has signed by name.
pub(super) fn system_user() -> String {
    let named = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    named.map_or_else(|| "system user".to_owned(), |name| format!("system user {name}"))
}

/// The portfolio of that name, or which there are.
pub(super) fn desk<'r>(registry: &'r Registry, name: &str) -> anyhow::Result<&'r Desk> {
    registry.by_name(name).with_context(|| {
        let known: Vec<String> = registry
            .sorted()
            .iter()
            .map(|d| format!("`{}`", d.portfolio.name))
            .collect();
        match known.is_empty() {
            true => {
                format!("there is no portfolio `{name}`\ntake one in with `dunwell portfolio apply FILE`")
            }
            false => format!("there is no portfolio `{name}`\nthere are {}", known.join(", ")),
        }
    })
}

/// Log lines go to standard error; a second start changes nothing.
fn start_log(settings: &LogSettings, quiet: bool) {
    let level = if quiet { "error" } else { &settings.level };
    let filter = EnvFilter::new(format!("{level},sqlx=warn"));
    let builder = tracing_subscriber::fmt()
        // A closed error output is no reason to stop working.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = match settings.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
}

/// Log lines of a command that has no settings.
pub(super) fn start_log_plainly(quiet: bool) {
    let settings = LogSettings {
        format: LogFormat::Text,
        level: "info".into(),
    };
    start_log(&settings, quiet);
}

/// An error as one clear sentence; advice keeps its own line.
pub(super) fn sentence(e: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in e.chain() {
        let text = cause.to_string();
        // Transparent errors say the same twice.
        if parts.last() != Some(&text) {
            parts.push(text);
        }
    }
    parts.join(": ")
}
