//! The door for what a gateway sends by itself: receipts and replies. It answers "taken" only after everything in the
//! request is durable; what is not is answered 503, and the gateway sends it again.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::channels::{Arrival, Arrived, Gateway, Inbox, Knock, NotTaken};

/// Larger requests are refused.
const MAX_BODY: usize = 1024 * 1024;

/// How long the gateway waits for us.
const PATIENCE: Duration = Duration::from_secs(15);

/// A gateway with its door.
#[derive(Clone)]
pub struct GatewayDoor {
    gateway: Arc<Gateway>,
    inbox: Inbox,
    public_url: Arc<str>,
}

impl GatewayDoor {
    /// A door of `gateway`, which knows it as `public_url` (scheme and host); what comes goes into `inbox`.
    pub fn new(gateway: Arc<Gateway>, inbox: Inbox, public_url: Option<String>) -> GatewayDoor {
        GatewayDoor {
            gateway,
            inbox,
            public_url: public_url.unwrap_or_default().trim_end_matches('/').into(),
        }
    }
}

/// The door: `/gateway/<name>/receipts` and `/gateway/<name>/inbound`, each with the secret word behind it where there is one.
pub fn gateway_router(door: GatewayDoor) -> Router {
    Router::new()
        .route("/gateway/{name}/{kind}", get(bare).post(bare))
        .route("/gateway/{name}/{kind}/{word}", get(with_word).post(with_word))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(door)
}

/// Answers until the listener fails.
pub async fn serve_gateway(listener: tokio::net::TcpListener, door: GatewayDoor) -> std::io::Result<()> {
    axum::serve(listener, gateway_router(door)).await
}

async fn bare(
    State(door): State<GatewayDoor>,
    Path((name, kind)): Path<(String, String)>,
    request: (Uri, HeaderMap, Bytes),
) -> Response {
    knock(door, (name, kind, String::new()), request).await
}

async fn with_word(
    State(door): State<GatewayDoor>,
    Path(path): Path<(String, String, String)>,
    request: (Uri, HeaderMap, Bytes),
) -> Response {
    knock(door, path, request).await
}

async fn knock(
    door: GatewayDoor,
    (name, kind, token): (String, String, String),
    (uri, headers, body): (Uri, HeaderMap, Bytes),
) -> Response {
    if name != door.gateway.description().name {
        return StatusCode::NOT_FOUND.into_response();
    }
    let text = |(k, v): (&header::HeaderName, &header::HeaderValue)| {
        Some((k.as_str().to_owned(), v.to_str().ok()?.to_owned()))
    };
    let asked = Knock {
        kind,
        token,
        url: format!("{}{uri}", door.public_url),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers.iter().filter_map(text).collect(),
        body: body.to_vec(),
    };
    let (arrived, (answer_type, answer)) = match door.gateway.take(&asked) {
        Ok(taken) => taken,
        Err(NotTaken::Stranger) => return StatusCode::FORBIDDEN.into_response(),
        Err(NotTaken::Unreadable) => return StatusCode::BAD_REQUEST.into_response(),
        Err(NotTaken::Unexpected) => return StatusCode::NOT_FOUND.into_response(),
    };
    match timeout(PATIENCE, keep(&door.inbox, arrived)).await {
        Ok(true) => ([(header::CONTENT_TYPE, answer_type)], answer).into_response(),
        Ok(false) | Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Whether all of it is kept.
async fn keep(inbox: &Inbox, arrived: Vec<Arrived>) -> bool {
    let mut waiting = Vec::with_capacity(arrived.len());
    for what in arrived {
        let (kept, is_kept) = oneshot::channel();
        if inbox.send(Arrival { what, kept }).await.is_err() {
            return false;
        }
        waiting.push(is_kept);
    }
    for is_kept in waiting {
        if !is_kept.await.unwrap_or(false) {
            return false;
        }
    }
    true
}
