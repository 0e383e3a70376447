//! Doors by HTTP: translate and show, never decide.
//!
//! Here: the doors for receipts and replies of a gateway (`gateway`) and for auditors (`auditor`) and the page by which e-mails
//! are unsubscribed (`unsubscribe`), all started by `dunwell serve`; and the witness, which cosigns heads of other installations'
//! logs (C2SP tlog-witness). It needs no database: a folder holds its key, the logs it watches and what it has seen of each.
//! Started by `dunwell witness`.

mod auditor;
mod gateway;
mod unsubscribe;
pub mod witness;

pub use auditor::{auditor_router, serve_auditor};
pub use gateway::{GatewayDoor, gateway_router, serve_gateway};
pub use unsubscribe::{UnsubscribeDoor, serve_unsubscribe, unsubscribe_router};
