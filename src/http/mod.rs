//! Doors by HTTP: translate and show, never decide.
//!
//! Here: the door for receipts and replies of a gateway (`gateway`) and the page by which e-mails are unsubscribed
//! (`unsubscribe`), both started by `dunwell serve`; and the witness, which cosigns heads of other installations' logs
//! (C2SP tlog-witness). It needs no database: a folder holds its key, the logs it watches and what it has seen of each.
//! Started by `dunwell witness`.

mod gateway;
mod unsubscribe;
pub mod witness;

pub use gateway::{GatewayDoor, gateway_router, serve_gateway};
pub use unsubscribe::{UnsubscribeDoor, serve_unsubscribe, unsubscribe_router};
