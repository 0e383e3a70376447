//! When to connect: on demand and, while somebody listens, always; after a failure later and later.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::answer::{Meaning, meaning};
use super::pdu::{self, Bind, Delivery};
use super::session::{Ear, Halves, Heard, NotBound, Rhythm, Session};
use super::{NAME, SmppError, SmppSecurity, SmppSettings, receipt, text};
use crate::channels::carrier::{Arrival, Arrived, Inbox, Outcome};
use crate::channels::tls;
use crate::domain::AttemptId;
use crate::store::{Inbound, Receipt};

/// The first pause after a failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Connects to one message centre.
pub(super) struct Link {
    settings: Arc<SmppSettings>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    greeting: Vec<u8>,
    current: Mutex<Option<Arc<Session>>>,
    door: tokio::sync::Mutex<Door>,
    ear: OnceLock<Ear>,
}

/// One connects, others wait for it.
struct Door {
    pause: Duration,
    not_before: Option<Instant>,
    last: NotBound,
    shut: bool,
}

impl Link {
    pub(super) fn new(settings: Arc<SmppSettings>) -> Result<Link, SmppError> {
        let tls = match settings.security {
            SmppSecurity::Plain => None,
            SmppSecurity::Tls => {
                let name = ServerName::try_from(settings.host.clone()).map_err(|_| SmppError::Host)?;
                let config = tls::client(settings.extra_roots.as_deref())
                    .map_err(|e| SmppError::Certificates(e.to_string()))?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
        };
        let greeting = pdu::bind(
            1,
            &Bind {
                system_id: &settings.system_id,
                password: settings.password.expose_secret(),
                system_type: &settings.system_type,
            },
        )?;
        Ok(Link {
            settings,
            tls,
            greeting,
            current: Mutex::new(None),
            door: tokio::sync::Mutex::new(Door {
                pause: FIRST_PAUSE,
                not_before: None,
                last: NotBound::Broken,
                shut: false,
            }),
            ear: OnceLock::new(),
        })
    }

    /// The bound connection, made now if there is none and it is time for a new try.
    pub(super) async fn session(&self) -> Result<Arc<Session>, NotBound> {
        if let Some(session) = self.alive() {
            return Ok(session);
        }
        let mut door = self.door.lock().await;
        if let Some(session) = self.alive() {
            return Ok(session);
        }
        if door.shut || door.not_before.is_some_and(|at| Instant::now() < at) {
            return Err(door.last);
        }
        match self.connect().await {
            Ok(session) => {
                (door.pause, door.not_before) = (FIRST_PAUSE, None);
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(why) => {
                door.last = why;
                door.not_before = Some(Instant::now() + door.pause);
                door.pause = (door.pause * 2).min(LONGEST_PAUSE);
                Err(why)
            }
        }
    }

    fn alive(&self) -> Option<Arc<Session>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // A dead one is let go, which ends its tasks.
        if current.as_ref().is_some_and(|session| session.is_closed()) {
            *current = None;
        }
        current.clone()
    }

    async fn connect(&self) -> Result<Arc<Session>, NotBound> {
        let s = &self.settings;
        let limit = Duration::from_secs(s.answer_seconds.into());
        let rhythm = Rhythm {
            window: s.window,
            answer: limit,
            enquire: Duration::from_secs(s.enquire_seconds.into()),
        };
        let host = s.host.trim_start_matches('[').trim_end_matches(']');
        let to: (String, u16) = match host.parse::<IpAddr>() {
            Ok(ip) => (ip.to_string(), s.port),
            Err(_) => (host.to_owned(), s.port),
        };
        let tcp = timeout(limit, TcpStream::connect((to.0.as_str(), to.1))).await;
        let tcp = tcp.map_err(|_| NotBound::Broken)?.map_err(|_| NotBound::Broken)?;
        tcp.set_nodelay(true).map_err(|_| NotBound::Broken)?;
        let halves = match &self.tls {
            None => {
                let (read, write) = tcp.into_split();
                Halves {
                    read: Box::new(read),
                    write: Box::new(write),
                }
            }
            Some((connector, name)) => {
                let stream = timeout(limit, connector.connect(name.clone(), tcp)).await;
                let stream =
                    stream
                        .map_err(|_| NotBound::Broken)?
                        .map_err(|e| match tls::is_of_certificates(&e) {
                            true => NotBound::Untrusted,
                            false => NotBound::Broken,
                        })?;
                let (read, write) = tokio::io::split(stream);
                Halves {
                    read: Box::new(read),
                    write: Box::new(write),
                }
            }
        };
        Session::bind(halves, &self.greeting, rhythm, self.ear.get().cloned()).await
    }

    /// Keeps a connection from now on and hands up what comes back on it.
    pub(super) fn listen(self: &Arc<Link>, inbox: Inbox) {
        let (ear, heard) = mpsc::channel(1024);
        if self.ear.set(ear).is_err() {
            return;
        }
        tokio::spawn(hand_up(heard, inbox, Arc::clone(&self.settings)));
        tokio::spawn(keep(Arc::downgrade(self)));
    }

    /// Says goodbye; no further connection is made.
    pub(super) async fn close(&self) {
        self.door.lock().await.shut = true;
        let session = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(session) = session {
            session.unbind().await;
        }
    }
}

/// Connects again whenever a connection ends, until nobody holds the link any more.
async fn keep(link: Weak<Link>) {
    loop {
        let Some(now) = link.upgrade() else { return };
        let bound = now.session().await;
        let door = now.door.lock().await;
        let (shut, again) = (door.shut, door.not_before);
        drop(door);
        drop(now);
        if shut {
            return;
        }
        match bound {
            Ok(session) => session.closed().await,
            Err(_) => tokio::time::sleep_until(again.unwrap_or_else(|| Instant::now() + FIRST_PAUSE)).await,
        }
    }
}

/// Turns what a connection heard into what the store takes in.
async fn hand_up(mut heard: mpsc::Receiver<Heard>, inbox: Inbox, settings: Arc<SmppSettings>) {
    while let Some(next) = heard.recv().await {
        let (what, kept) = match next {
            Heard::Delivery(delivery, kept) => match arrived(&delivery, &settings) {
                Some(what) => (what, Some(kept)),
                // A receipt about no message or without a state: nothing to keep, and no use in coming again.
                None => {
                    let _ = kept.send(true);
                    continue;
                }
            },
            Heard::Late(attempt, answer) => match meaning(&answer, &settings.barred) {
                Meaning::Took(id) => (late(attempt, Outcome::accepted(NAME, id)), None),
                Meaning::No(outcome) | Meaning::Busy(outcome) => (late(attempt, outcome), None),
                Meaning::NeverLeft | Meaning::Unclear(_) => continue,
            },
        };
        let kept = kept.unwrap_or_else(|| oneshot::channel().0);
        if inbox.send(Arrival { what, kept }).await.is_err() {
            return;
        }
    }
}

fn late(attempt: AttemptId, outcome: Outcome) -> Arrived {
    Arrived::Late { attempt, outcome }
}

fn arrived(delivery: &Delivery, settings: &SmppSettings) -> Option<Arrived> {
    if delivery.is_receipt() {
        let said = receipt::read(delivery)?;
        // The same word twice gives the same name.
        let mut hash = Sha256::new();
        for part in [
            said.id.as_bytes(),
            said.status.as_str().as_bytes(),
            &delivery.text,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        return Some(Arrived::Receipt(Receipt {
            provider: NAME.to_owned(),
            event: hex::encode(&hash.finalize()[..16]),
            references: receipt::spellings(&said.id, settings.message_ids),
            attempt: None,
            status: said.status,
            recipient: Some(delivery.source.clone()),
            raw: delivery.text.clone(),
        }));
    }
    let heard = text::heard(
        &delivery.text,
        delivery.data_coding,
        delivery.esm_class & 0x40 != 0,
    );
    let part = heard.part.or(delivery.part);
    Some(Arrived::Message(Inbound {
        provider: NAME.to_owned(),
        event: None,
        from: delivery.source.clone(),
        to: delivery.destination.clone(),
        text: heard.text,
        part,
    }))
}
