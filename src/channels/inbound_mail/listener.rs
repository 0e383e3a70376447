//! The listener: so many conversations at the same time, the next ones are asked to come again.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Keeper;
use super::session::{Limits, Session};
use crate::channels::returned::MAX_BYTES;

/// How the listener behaves.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// The name it greets with.
    pub name: String,
    /// The largest message, in bytes.
    pub max_bytes: usize,
    /// Conversations at the same time.
    pub connections: usize,
    /// How long a client may be silent.
    pub idle: Duration,
    /// How long a message may take, and how long its keeping.
    pub message: Duration,
}

impl Default for ListenerSettings {
    fn default() -> ListenerSettings {
        ListenerSettings {
            name: "localhost".to_owned(),
            max_bytes: MAX_BYTES,
            connections: 16,
            // RFC 5321, 4.5.3.2.7 asks for five minutes.
            idle: Duration::from_secs(300),
            message: Duration::from_secs(600),
        }
    }
}

/// Takes mail by LMTP and SMTP from the house's own mail system.
pub struct Listener {
    keeper: Arc<dyn Keeper>,
    limits: Arc<Limits>,
    places: Arc<Semaphore>,
}

impl Listener {
    /// Gives what it takes to `keeper`.
    pub fn new(keeper: Arc<dyn Keeper>, settings: ListenerSettings) -> Listener {
        Listener {
            keeper,
            places: Arc::new(Semaphore::new(settings.connections)),
            limits: Arc::new(Limits {
                max_bytes: settings.max_bytes.min(MAX_BYTES),
                idle: settings.idle,
                message: settings.message,
                name: settings.name,
            }),
        }
    }

    /// Answers until the task is dropped.
    pub async fn serve(&self, listener: TcpListener) {
        let mut conversations = tokio::task::JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of handles, mostly: the others go on meanwhile.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            while conversations.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                conversations.spawn(busy(stream));
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (keeper, limits) = (Arc::clone(&self.keeper), Arc::clone(&self.limits));
            conversations.spawn(async move {
                let ended = Session::new(stream, &*keeper, &limits).run().await;
                tracing::debug!(?ended, "a conversation of the mail listener ended");
                drop(place);
            });
        }
    }
}

async fn busy(mut stream: TcpStream) {
    let _ = stream.write_all(b"421 4.7.0 too many connections\r\n").await;
    let _ = stream.shutdown().await;
}
