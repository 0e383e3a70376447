//! The page by which e-mails are unsubscribed (RFC 8058). Looking at it changes nothing, because mail programs and scanners
//! open every link; only a POST of `List-Unsubscribe=One-Click` stops e-mail to the address, and it is durable, with its
//! entry in the log, before it is answered. A link is known by its token alone: whoever cannot make one learns nothing.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minijinja::{Environment, context};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::channels::verp::{Purpose, TokenKey};
use crate::domain::{Address, AttemptId, Channel, Locale, Situation, SuppressionReason, SuppressionScope};
use crate::store::{EventOutcome, NewEvent, Occurrence, Store, StoreError};

/// The form of one click is 26 bytes; a browser's is not much longer.
const MAX_BODY: usize = 16 * 1024;

const PAGE: &str = include_str!("../../templates/unsubscribe/page.html");
const ZH_CN: &str = include_str!("../../templates/unsubscribe/zh-CN.toml");
const ZH_TW: &str = include_str!("../../templates/unsubscribe/zh-TW.toml");
const EN: &str = include_str!("../../templates/unsubscribe/en.toml");

/// The words of the page in one locale.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    lang: String,
    title: String,
    question: String,
    button: String,
    keeps: String,
    done: String,
    unknown: String,
    later: String,
}

/// The page with all that it needs.
#[derive(Clone)]
pub struct UnsubscribeDoor {
    store: Store,
    key: TokenKey,
    /// One click at a time, so that two at once do not suppress twice.
    turn: Arc<Mutex<()>>,
}

/// What a link leads to.
enum Found {
    /// Nothing that was made here, or an attempt that is no longer kept.
    Nothing,
    /// An e-mail.
    Mail(Box<Situation>),
}

impl UnsubscribeDoor {
    /// A page on `store` whose links were made with `key`.
    pub fn new(store: Store, key: TokenKey) -> UnsubscribeDoor {
        UnsubscribeDoor {
            store,
            key,
            turn: Arc::default(),
        }
    }

    async fn find(&self, token: &str) -> Result<Found, StoreError> {
        let Some(attempt) = self.key.read(Purpose::Unsubscribe, token) else {
            return Ok(Found::Nothing);
        };
        self.of(attempt).await
    }

    async fn of(&self, attempt: AttemptId) -> Result<Found, StoreError> {
        let now = self.store.clock().now();
        match self.store.situation(attempt, now).await {
            Ok(claimed) if matches!(claimed.situation.contact_point.address, Address::Email(_)) => {
                Ok(Found::Mail(Box::new(claimed.situation)))
            }
            Ok(_) | Err(StoreError::Missing { .. }) => Ok(Found::Nothing),
            Err(e) => Err(e),
        }
    }

    /// Stops e-mail to the address of an attempt. Durable when it returns; done twice it is done once.
    async fn stop(&self, situation: &Situation) -> Result<(), StoreError> {
        let now = self.store.clock().now();
        let address_id = situation.contact_point.address_id;
        let stopped = situation.suppressions.iter().any(|s| {
            s.scope == SuppressionScope::Address(address_id)
                && s.reason == SuppressionReason::OptOut
                && s.channel.is_none_or(|channel| channel == Channel::Email)
                && s.stands_at(now)
                && s.until.is_none()
        });
        if stopped {
            return Ok(());
        }
        let event = NewEvent {
            digest: None,
            portfolio: Some(situation.portfolio.name.clone()),
            reference: Some(situation.account.reference.clone()),
            debtor_ref: None,
            related: None,
            at: now,
            currency: None,
            what: Occurrence::Suppressed {
                reason: SuppressionReason::OptOut,
                channel: Some(Channel::Email),
                address: Some(situation.contact_point.address.clone()),
                until: None,
            },
        };
        match self.store.record_events(vec![event], None).await?[..] {
            [EventOutcome::Taken { .. } | EventOutcome::Seen] => Ok(()),
            _ => Err(StoreError::Corrupt { what: "account" }),
        }
    }
}

/// The page: `/unsubscribe/<token>`.
pub fn unsubscribe_router(door: UnsubscribeDoor) -> Router {
    Router::new()
        .route("/unsubscribe/{token}", get(show).post(click))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(door)
}

/// Answers until the listener fails.
pub async fn serve_unsubscribe(
    listener: tokio::net::TcpListener,
    door: UnsubscribeDoor,
) -> std::io::Result<()> {
    axum::serve(listener, unsubscribe_router(door)).await
}

async fn show(State(door): State<UnsubscribeDoor>, Path(token): Path<String>) -> Response {
    match door.find(&token).await {
        Ok(Found::Mail(s)) => {
            let words = words(s.recipient.locale);
            let button = words.button.clone();
            page(
                StatusCode::OK,
                &words,
                &[&words.question, &words.keeps],
                &s.sender.name,
                &button,
            )
        }
        Ok(Found::Nothing) => unknown(),
        Err(e) => failed(&e, Locale::En),
    }
}

async fn click(State(door): State<UnsubscribeDoor>, Path(token): Path<String>, body: Bytes) -> Response {
    if !is_one_click(&body) {
        return (StatusCode::BAD_REQUEST, "expected List-Unsubscribe=One-Click\n").into_response();
    }
    let _turn = door.turn.lock().await;
    match door.find(&token).await {
        Ok(Found::Nothing) => unknown(),
        Ok(Found::Mail(s)) => match door.stop(&s).await {
            Ok(()) => {
                let words = words(s.recipient.locale);
                page(
                    StatusCode::OK,
                    &words,
                    &[&words.done, &words.keeps],
                    &s.sender.name,
                    "",
                )
            }
            Err(e) => failed(&e, s.recipient.locale),
        },
        Err(e) => failed(&e, Locale::En),
    }
}

/// Whether the body is that of one click, as a form or in parts (RFC 8058, 3.1 and 3.2).
fn is_one_click(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let as_form = text
        .trim()
        .split('&')
        .any(|field| field == "List-Unsubscribe=One-Click");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let in_parts = lines
        .iter()
        .position(|line| {
            let line = line.to_ascii_lowercase();
            line.starts_with("content-disposition:") && line.contains("name=\"list-unsubscribe\"")
        })
        .and_then(|at| {
            let rest = &lines[at..];
            let blank = rest.iter().position(|line| line.is_empty())?;
            rest.get(blank + 1)
        })
        .is_some_and(|value| *value == "One-Click");
    as_form || in_parts
}

fn unknown() -> Response {
    let (zh, en) = (words(Locale::ZhCn), words(Locale::En));
    page(StatusCode::NOT_FOUND, &zh, &[&zh.unknown, &en.unknown], "", "")
}

fn failed(e: &StoreError, locale: Locale) -> Response {
    tracing::error!(error = %e, "an unsubscribing could not be kept; the recipient was told to try again");
    let words = words(locale);
    page(StatusCode::SERVICE_UNAVAILABLE, &words, &[&words.later], "", "")
}

fn words(locale: Locale) -> Words {
    let text = match locale {
        Locale::ZhCn => ZH_CN,
        Locale::ZhTw => ZH_TW,
        Locale::En => EN,
    };
    toml::from_str(text).expect("the words inside the program read, a test reads them")
}

fn page(status: StatusCode, words: &Words, lines: &[&str], sender: &str, button: &str) -> Response {
    let mut templates = Environment::new();
    // The name makes every word escaped.
    let added = templates.add_template("page.html", PAGE);
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.replace("{sender}", sender))
        .collect();
    let html = added
        .and_then(|()| templates.get_template("page.html"))
        .and_then(|page| {
            page.render(
                context! { lang => &words.lang, title => &words.title, lines => lines, button => button },
            )
        });
    let Ok(html) = html else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ];
    (status, headers, html).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_click_is_told_from_everything_else() {
        let check = |body: &str, expected| assert_eq!(is_one_click(body.as_bytes()), expected, "{body}");
        check("List-Unsubscribe=One-Click", true);
        check("a=b&List-Unsubscribe=One-Click\r\n", true);
        check(
            "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n",
            true,
        );
        check("", false);
        check("List-Unsubscribe=One-Clickx", false);
        check("x-List-Unsubscribe=One-Click", false);
        check(
            "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nOne-Click\r\n",
            false,
        );
    }

    #[tokio::test]
    async fn the_words_read_and_are_escaped() {
        for locale in [Locale::ZhCn, Locale::ZhTw, Locale::En] {
            let words = words(locale);
            assert!(words.question.contains("{sender}") && words.done.contains("{sender}"));
            let page = page(
                StatusCode::OK,
                &words,
                &[&words.question],
                "<b>&\"瑞安",
                &words.button,
            );
            let body = axum::body::to_bytes(page.into_body(), MAX_BODY).await.unwrap();
            let html = String::from_utf8(body.to_vec()).unwrap();
            assert!(
                html.contains("&lt;b&gt;&amp;&quot;瑞安") && !html.contains("{sender}"),
                "{html}"
            );
            assert!(html.contains("name=\"List-Unsubscribe\" value=\"One-Click\""));
        }
    }
}
