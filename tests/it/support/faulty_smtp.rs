//! A mail server that misbehaves on demand, with a ledger of what it really took. It writes the protocol by itself and shares
//! no code with the library. What it does with a mail is told by the local part of its recipient.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running server.
pub(crate) struct FaultySmtp {
    pub(crate) port: u16,
    /// By local part: the mails that were taken over, dots as they came.
    pub(crate) taken: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    /// Every command, in order.
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
}

/// What it offers, and how it greets.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) pipelining: bool,
    pub(crate) greeting: &'static str,
}

impl FaultySmtp {
    pub(crate) async fn start(manner: Manner) -> FaultySmtp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = FaultySmtp {
            port,
            taken: Arc::default(),
            heard: Arc::default(),
        };
        let (taken, heard) = (Arc::clone(&server.taken), Arc::clone(&server.heard));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let session = Session {
                    stream,
                    held: Vec::new(),
                    manner,
                    taken: Arc::clone(&taken),
                    heard: Arc::clone(&heard),
                };
                tokio::spawn(session.serve());
            }
        });
        server
    }

    pub(crate) fn taken(&self, local: &str) -> usize {
        self.taken.lock().unwrap().get(local).map_or(0, Vec::len)
    }
}

struct Session {
    stream: TcpStream,
    held: Vec<u8>,
    manner: Manner,
    taken: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

/// Long after everybody has given up.
const FOREVER: Duration = Duration::from_secs(60);

impl Session {
    /// Everything up to and with `end`; none when the other side hung up.
    async fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.held.windows(end.len()).position(|w| w == end) {
                let text: Vec<u8> = self.held.drain(..at + end.len()).collect();
                return Some(String::from_utf8_lossy(&text).into_owned());
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk).await {
                Ok(n) if n > 0 => self.held.extend_from_slice(&chunk[..n]),
                _ => return None,
            }
        }
    }

    async fn say(&mut self, text: &str) -> Option<()> {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()
    }

    /// One byte a second.
    async fn drip(&mut self, text: &str) -> Option<()> {
        for byte in text.bytes() {
            self.stream.write_all(&[byte]).await.ok()?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        None
    }

    fn take(&self, word: &str, mail: String) {
        self.taken
            .lock()
            .unwrap()
            .entry(word.to_owned())
            .or_default()
            .push(mail);
    }

    /// The connection is torn down: what was not read yet makes the system send a reset.
    fn reset(&self) -> Option<()> {
        let _ = self.stream.set_zero_linger();
        None
    }

    async fn serve(mut self) -> Option<()> {
        match self.manner.greeting {
            "slow" => return self.drip("220 mail.example ESMTP\r\n").await,
            "silent" => {
                tokio::time::sleep(FOREVER).await;
                return None;
            }
            greeting => self.say(greeting).await?,
        }
        let mut word = String::new();
        loop {
            let line = self.until(b"\r\n").await?;
            let line = line.trim_end().to_owned();
            self.heard.lock().unwrap().push(line.clone());
            let upper = line.to_ascii_uppercase();
            if upper.starts_with("EHLO") {
                let offers = if self.manner.pipelining {
                    "250-PIPELINING\r\n"
                } else {
                    ""
                };
                self.say(&format!("250-mail.example\r\n{offers}250 8BITMIME"))
                    .await?;
            } else if upper.starts_with("MAIL") {
                // The recipient is named later: what is wrong with the sender is told by the sender.
                let local = line
                    .split('<')
                    .nth(1)
                    .unwrap_or("")
                    .split('@')
                    .next()
                    .unwrap_or("")
                    .to_owned();
                match local.strip_prefix("mail-") {
                    Some("reset") => return self.reset(),
                    Some("late") => {
                        tokio::time::sleep(Duration::from_secs(6)).await;
                        self.say("250 late").await?;
                    }
                    Some(code) => self.say(&format!("{code} scripted")).await?,
                    None => self.say("250 ok").await?,
                }
            } else if upper.starts_with("RCPT") {
                word = line
                    .split('<')
                    .nth(1)
                    .unwrap_or("")
                    .split('@')
                    .next()
                    .unwrap_or("")
                    .to_owned();
                self.recipient(&word).await?;
            } else if upper.starts_with("DATA") {
                self.data(&word).await?;
            } else if upper.starts_with("QUIT") {
                return self.say("221 bye").await;
            } else {
                self.say("250 ok").await?;
            }
        }
    }

    async fn recipient(&mut self, word: &str) -> Option<()> {
        match word.strip_prefix("to-") {
            Some("reset") => self.reset(),
            Some("garbage") => self.say("what was that").await,
            Some("silent") => {
                tokio::time::sleep(FOREVER).await;
                None
            }
            Some("slow") => self.drip("250 ok\r\n").await,
            Some("251") => self.say("251 user not local; will forward").await,
            // Refused here, and asked for the message all the same.
            Some("careless") => self.say("550 no such user").await,
            Some(code) => self.say(&format!("{code} scripted")).await,
            None => self.say("250 ok").await,
        }
    }

    async fn data(&mut self, word: &str) -> Option<()> {
        if let Some(code) = word.strip_prefix("data-") {
            return self.say(&format!("{code} scripted")).await;
        }
        if word.starts_with("to-") && !["to-careless", "to-251"].contains(&word) {
            return self.say("554 no valid recipients").await;
        }
        self.say("354 go on").await?;
        if word == "half-open" {
            tokio::time::sleep(FOREVER).await;
            return None;
        }
        if word == "reset-in-message" {
            self.until(b"\r\n").await?;
            return self.reset();
        }
        let mail = self.until(b"\r\n.\r\n").await?;
        match word.strip_prefix("dot-") {
            Some("reset") => {
                self.take(word, mail);
                self.reset()
            }
            Some("silent") => {
                self.take(word, mail);
                tokio::time::sleep(FOREVER).await;
                None
            }
            Some("slow") => {
                self.take(word, mail);
                self.drip("250 ok\r\n").await
            }
            Some("garbage") => {
                self.take(word, mail);
                self.say("\u{1}no answer of any kind").await
            }
            Some("twice") => {
                self.take(word, mail);
                self.say("250 ok\r\n250 ok").await
            }
            Some("354") => {
                self.take(word, mail);
                self.say("354 once more").await
            }
            Some(code) => self.say(&format!("{code} scripted")).await,
            None => {
                self.take(word, mail);
                self.say("250 2.0.0 Ok: queued as Q1").await
            }
        }
    }
}
