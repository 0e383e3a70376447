//! The door for auditors and inspectors: what somebody from outside may look at for a time, as JSON. It only reads, and
//! everything is written into the log before it is shown. `dunwell auditor` shows the same on the command line.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use crate::domain::{AccountId, AttemptId, Money};
use crate::store::{AttemptRow, Grant, Store, StoreError};

/// At most so many rows in one answer.
const MOST: i64 = 1000;

/// The door: `GET /auditor/messages`, `/auditor/messages/ID`, `/auditor/accounts/REF`, `/auditor/log`, each with the
/// header `Authorization: Bearer TOKEN`; lists take `?limit=`, accounts `?portfolio=`.
pub fn auditor_router(store: Store) -> Router {
    Router::new()
        .route("/auditor/messages", get(messages))
        .route("/auditor/messages/{id}", get(message))
        .route("/auditor/accounts/{reference}", get(account))
        .route("/auditor/log", get(log))
        .with_state(store)
}

/// Answers until the listener fails.
pub async fn serve_auditor(listener: tokio::net::TcpListener, store: Store) -> std::io::Result<()> {
    axum::serve(listener, auditor_router(store)).await
}

/// Why nothing is shown.
enum Refused {
    /// No token, or one that does not hold.
    Token(String),
    /// The permission does not reach it.
    Beyond(String),
    /// There is no such thing.
    Missing,
    /// It cannot be told now.
    Failed(StoreError),
}

impl From<StoreError> for Refused {
    fn from(e: StoreError) -> Refused {
        match e {
            StoreError::Missing { .. } => Refused::Missing,
            StoreError::Refused(why) => Refused::Beyond(why),
            e => Refused::Failed(e),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            Refused::Token(why) => (StatusCode::UNAUTHORIZED, why),
            Refused::Beyond(why) => (StatusCode::FORBIDDEN, why),
            Refused::Missing => (StatusCode::NOT_FOUND, "there is no such thing".to_owned()),
            Refused::Failed(e) => {
                tracing::error!(error = %e, "an auditor could not be answered");
                let why = "this cannot be told now; try again later".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, why)
            }
        };
        (status, said(&json!({"error": why}))).into_response()
    }
}

type Answer = Result<Response, Refused>;

/// JSON that nobody on the way keeps.
fn said(value: &Value) -> impl IntoResponse + use<> {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, value.to_string())
}

/// Who asks: the permission that the token stands for, and the name under which the log tells of it.
async fn who(store: &Store, headers: &HeaderMap) -> Result<(Grant, String), Refused> {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = given.and_then(|v| v.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| Refused::Token("give `Authorization: Bearer TOKEN`".to_owned()))?;
    let grant = store.access(token.trim()).await.map_err(|e| match e {
        StoreError::Refused(why) => Refused::Token(why),
        e => Refused::Failed(e),
    })?;
    let actor = format!("auditor {} ({})", grant.auditor, grant.id);
    Ok((grant, actor))
}

/// A parameter of the address; names of portfolios and numbers need no decoding.
fn parameter<'u>(uri: &'u Uri, name: &str) -> Option<&'u str> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, v)| v)
}

fn limit(uri: &Uri) -> i64 {
    let asked = parameter(uri, "limit").and_then(|n| n.parse().ok());
    asked.unwrap_or(50).clamp(1, MOST)
}

fn within(grant: &Grant, portfolio: &str) -> Result<(), Refused> {
    match &grant.portfolio {
        Some(only) if only != portfolio => Err(Refused::Beyond(format!(
            "this permission to look is for the portfolio `{only}` alone"
        ))),
        _ => Ok(()),
    }
}

fn row(a: &AttemptRow) -> Value {
    json!({"id": a.id.to_string(), "portfolio": a.portfolio, "account": a.reference, "channel": a.channel,
        "stage": a.stage, "step": a.step, "template": a.template, "origin": a.origin, "state": a.state.as_str(),
        "due_at": a.due_at.to_text(), "reserved_at": a.reserved_at.map(|m| m.to_text()),
        "settled_at": a.settled_at.map(|m| m.to_text()), "reason": a.reason})
}

async fn messages(State(store): State<Store>, uri: Uri, headers: HeaderMap) -> Answer {
    let (grant, actor) = who(&store, &headers).await?;
    store.record_read(&actor, "messages", None, None).await?;
    let all = store
        .attempts(None, grant.portfolio.as_deref(), limit(&uri))
        .await?;
    Ok(said(&all.iter().map(row).collect()).into_response())
}

async fn message(State(store): State<Store>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let (grant, actor) = who(&store, &headers).await?;
    let id: AttemptId = store.find_attempt(&id).await?;
    let story = store.story(id).await?;
    within(&grant, &story.attempt.portfolio)?;
    store.record_read(&actor, "message", Some(id), None).await?;
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let entries = story.entries.iter().map(|(_, _, bytes)| read(bytes));
    let findings = story
        .findings
        .iter()
        .map(|(name, text)| (name.clone(), read(text)));
    let told = json!({"message": row(&story.attempt), "entries": entries.collect::<Vec<_>>(),
        "findings": findings.collect::<serde_json::Map<_, _>>(), "words": story.body.as_deref().map(read),
        "trace": story.trace.as_deref().map(read)});
    Ok(said(&told).into_response())
}

async fn account(
    State(store): State<Store>,
    Path(reference): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let (grant, actor) = who(&store, &headers).await?;
    let portfolio = parameter(&uri, "portfolio").or(grant.portfolio.as_deref());
    let id: AccountId = store.account_id(portfolio, &reference).await?;
    let registry = store.registry().await?;
    let told = store.timeline(id).await?;
    let desk = registry.desks.get(&told.account.portfolio);
    let name = desk.map_or("", |d| d.portfolio.name.as_str());
    within(&grant, name)?;
    store.record_read(&actor, "account", None, Some(id)).await?;
    let a = &told.account;
    let money = |minor| Money::new(minor, a.currency).decimal();
    let points = told
        .contact_points
        .iter()
        .map(|p| json!({"kind": p.address.kind().as_str(), "use": p.usage.as_str(), "usable": p.usable}));
    let happened = told
        .entries
        .iter()
        .map(|e| json!({"at": e.at.to_text(), "what": e.what, "text": e.text}));
    let told = json!({"portfolio": name, "account": a.reference, "debtor": told.debtor.name.as_str(),
        "state": a.state.as_str(), "currency": a.currency.code(), "amount": money(a.amount_minor),
        "balance": money(a.balance_minor), "due_on": a.due_on.to_string(), "disputed": a.disputed,
        "contact_points": points.collect::<Vec<_>>(), "timeline": happened.collect::<Vec<_>>()});
    Ok(said(&told).into_response())
}

async fn log(State(store): State<Store>, uri: Uri, headers: HeaderMap) -> Answer {
    let (grant, actor) = who(&store, &headers).await?;
    if let Some(only) = &grant.portfolio {
        return Err(Refused::Beyond(format!(
            "this permission to look is for the portfolio `{only}` alone; the log tells of all"
        )));
    }
    store.record_read(&actor, "log", None, None).await?;
    let entries = store.latest_entries(limit(&uri)).await?;
    let entries = entries.iter().map(|e| {
        let bytes = serde_json::from_str::<Value>(&e.bytes).unwrap_or(Value::Null);
        json!({"index": e.position, "leaf": e.leaf, "entry": bytes})
    });
    Ok(said(&entries.collect()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_limits_kept() {
        let check = |text: &str, expected: i64| {
            assert_eq!(limit(&text.parse().unwrap()), expected, "{text}");
        };
        check("/auditor/log", 50);
        check("/auditor/log?limit=7", 7);
        check("/auditor/log?a=b&limit=99999", 1000);
        check("/auditor/log?limit=-3", 1);
        check("/auditor/log?limit=x", 50);
        let uri: Uri = "/auditor/accounts/1?portfolio=trade".parse().unwrap();
        assert_eq!(parameter(&uri, "portfolio"), Some("trade"));
    }
}
