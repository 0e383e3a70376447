//! Where mail that comes back enters: a folder that the house's mail system fills (`maildir`), and a listener that it
//! hands mail to by LMTP or SMTP (`listener`, `session`).
//!
//! Here only how mail is handed over, bounded and safely; what it says is read in `returned`, and whether it is kept is
//! said by a `Keeper`, which `dispatch` is. A message counts as taken only after the keeper says that it is durable.

mod listener;
mod maildir;
mod session;

pub use listener::{Listener, ListenerSettings};
pub use maildir::{Maildir, MaildirError, MaildirPass};

use super::carrier::BoxFuture;
use super::returned::Envelope;

/// A message as it was handed over. `Debug` shows its length only.
#[derive(Clone, Default)]
pub struct RawMail {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// From and to whom, as the mail system said.
    pub envelope: Envelope,
}

impl std::fmt::Debug for RawMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawMail({} bytes)", self.bytes.len())
    }
}

/// What a keeper says about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is durable here.
    Kept,
    /// Not now; it is to be offered again.
    Later,
}

/// Keeps what comes back.
pub trait Keeper: Send + Sync {
    /// Whether mail to this address is for us; `None`: it cannot be told now.
    fn takes<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Option<bool>>;

    /// Keeps a message; the same bytes again change nothing.
    fn keep<'a>(&'a self, mail: &'a RawMail) -> BoxFuture<'a, Taken>;
}
