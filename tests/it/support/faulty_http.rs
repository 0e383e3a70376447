//! A gateway that misbehaves on demand, with a ledger of what it really took. What it does with a message is told by the
//! last two digits of the number in the request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Each misbehaviour, and what must be said of the message that meets it.
pub(crate) const FAULTS: [(&str, &str); 20] = [
    ("00", "accepted"),
    ("01", "deferred"),
    ("02", "deferred"),
    ("03", "unknown"),
    ("04", "unknown"),
    ("05", "unknown"),
    ("06", "unknown"),
    ("07", "unknown"),
    ("08", "unknown"),
    ("09", "unknown"),
    ("10", "misconfigured"),
    ("11", "misconfigured"),
    ("12", "refused_by_provider"),
    ("13", "unknown"),
    ("14", "unknown"),
    ("15", "misconfigured"),
    ("16", "refused"),
    ("17", "unknown"),
    ("18", "unknown"),
    ("19", "unknown"),
];

/// A running gateway.
pub(crate) struct FaultyHttp {
    pub(crate) port: u16,
    /// By the last two digits: how often a message was taken.
    pub(crate) taken: Arc<Mutex<BTreeMap<String, usize>>>,
    /// Every request, head and body.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl FaultyHttp {
    pub(crate) async fn start() -> FaultyHttp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(BTreeMap::new()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (ledger, seen) = (Arc::clone(&taken), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&ledger), Arc::clone(&seen)));
            }
        });
        FaultyHttp {
            port,
            taken,
            requests,
        }
    }

    pub(crate) fn taken(&self, fault: &str) -> usize {
        self.taken.lock().unwrap().get(fault).copied().unwrap_or(0)
    }
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|l| {
                    l.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .map(|n| n.trim().parse::<usize>().unwrap())
                })
                .unwrap_or(0);
            if bytes.len() - end - 4 >= length {
                return Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    }
}

/// The last two digits of the recipient's number, wherever it stands.
fn fault_of(text: &str) -> String {
    let at = text.find("121255501").expect("a reserved number");
    text[at + 9..at + 11].to_owned()
}

async fn serve(
    mut stream: TcpStream,
    taken: Arc<Mutex<BTreeMap<String, usize>>>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    while let Some(text) = request(&mut stream).await {
        requests.lock().unwrap().push(text.clone());
        let asks = ["GET", "HEAD", "DELETE"]
            .iter()
            .any(|verb| text.starts_with(verb));
        let fault = match asks {
            true => String::new(),
            false => fault_of(&text),
        };
        let take = || *taken.lock().unwrap().entry(fault.clone()).or_default() += 1;
        let with = |status: &str, more: &str, body: &str| {
            format!(
                "HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        };
        let ok = with("200 OK", "", &format!(r#"{{"id":"m-{fault}"}}"#));
        let answer = match fault.as_str() {
            "01" => with("429 Too Many Requests", "retry-after: 7\r\n", ""),
            "02" => with("429 Too Many Requests", "", ""),
            "03" => with("500 Internal Server Error", "", "{}"),
            "04" => {
                take();
                with("502 Bad Gateway", "", "<html>")
            }
            "05" => {
                take();
                return tokio::time::sleep(Duration::from_secs(30)).await;
            }
            "06" => return drop(stream),
            "07" => return tokio::time::sleep(Duration::from_secs(30)).await,
            "08" => {
                take();
                for byte in ok {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                return;
            }
            "09" => {
                take();
                with("200 OK", "", "{\"id\": ")
            }
            "10" => with("307 Temporary Redirect", "location: http://127.0.0.1:9/\r\n", ""),
            "11" => with("302 Found", "location: http://127.0.0.1:9/\r\n", ""),
            "12" => with("451 Unavailable For Legal Reasons", "", r#"{"code":"DUNNING"}"#),
            "13" => {
                take();
                with(
                    "200 OK",
                    "",
                    &format!(r#"{{"id":"m","pad":"{}"}}"#, "x".repeat(10_000_000)),
                )
            }
            "14" => {
                take();
                with("200 OK", "content-encoding: gzip\r\n", r#"{"id":"m"}"#)
            }
            "15" => with("401 Unauthorized", "", ""),
            "16" => with("400 Bad Request", "", "{}"),
            "17" => {
                take();
                return drop(stream);
            }
            "18" => {
                take();
                b"\x00\x01garbage that is no HTTP\r\n\r\n".to_vec()
            }
            "19" => {
                take();
                with("204 No Content", "", "")
            }
            "" if text.starts_with("DELETE") && text.contains("0000000000aa ") => with("200 OK", "", "{}"),
            "" if text.starts_with("DELETE") && text.contains("0000000000ab ") => {
                with("409 Conflict", "", "{}")
            }
            "" if text.starts_with("DELETE") => with("503 Service Unavailable", "", ""),
            "" if text.contains("0000000000aa ") => with("200 OK", "", r#"{"id":"m-9","state":"delivered"}"#),
            "" if text.contains("0000000000ab ") => with("503 Service Unavailable", "", ""),
            "" => with("404 Not Found", "", ""),
            _ => {
                take();
                ok
            }
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}
