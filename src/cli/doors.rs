//! The doors of `dunwell serve`: what the settings give a place to listen at is opened here and runs until it is aborted.
//! What comes through them is kept before anybody hears that it was taken, so closing one loses nothing.

use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::channels::{Gateway, Inbox, Links};
use crate::config::{Config, GatewaySettings};
use crate::dispatch::Doors;
use crate::http::{GatewayDoor, UnsubscribeDoor, serve_auditor, serve_gateway, serve_unsubscribe};
use crate::store::Store;

/// Opens every door that the settings name: for gateways of texts and of letters, for mail, for unsubscribing, for auditors.
///
/// # Errors
/// A place cannot be listened at; the error names the setting.
pub(super) async fn open_doors(
    config: &Config,
    store: &Store,
    (gateways, inbox): (Doors, Inbox),
    links: &Links,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut doors = super::channel_mail::open(config, store).await?;
    let texts = ("gateway.listen", &config.gateway, gateways.texts);
    let letters = ("letter_gateway.listen", &config.letter_gateway, gateways.letters);
    for (key, settings, gateway) in [texts, letters] {
        doors.extend(open_gateway(key, settings, gateway, inbox.clone()).await?);
    }
    if let Some(listen) = &config.unsubscribe.listen {
        let listener = bind("unsubscribe.listen", listen).await?;
        let page = UnsubscribeDoor::new(store.clone(), links.key().clone());
        doors.push(run("unsubscribe.listen", serve_unsubscribe(listener, page)));
    }
    if let Some(listen) = &config.auditor.listen {
        let listener = bind("auditor.listen", listen).await?;
        doors.push(run("auditor.listen", serve_auditor(listener, store.clone())));
    }
    Ok(doors)
}

/// The door for what a gateway sends by itself.
async fn open_gateway(
    key: &'static str,
    settings: &GatewaySettings,
    gateway: Option<Arc<Gateway>>,
    inbox: Inbox,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let (Some(listen), Some(gateway)) = (&settings.listen, gateway) else {
        return Ok(None);
    };
    let listener = bind(key, listen).await?;
    let door = GatewayDoor::new(gateway, inbox, settings.public_url.clone());
    Ok(Some(run(key, serve_gateway(listener, door))))
}

async fn bind(key: &str, listen: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen)
        .await
        .with_context(|| format!("`{key}`: `{listen}` cannot be opened"))
}

fn run(
    key: &'static str,
    serving: impl Future<Output = std::io::Result<()>> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(e) = serving.await {
            tracing::error!(door = key, error = %e, "a door closed by itself");
        }
    })
}
