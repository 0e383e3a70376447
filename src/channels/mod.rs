//! The only outgoing network: takes a parcel whose attempt is already reserved, sends it once, returns an outcome.
//!
//! `Carriers` keeps one carrier for each channel with its pace, its concurrency and its circuit breaker. The
//! carriers are `Null` (benchmarks), `Sandbox` (files a person can open) and `Smtp`. A carrier never decides
//! whether something may be sent, never tries twice, and claims `NotSent` only with proof; all else is `Unknown`.
//! No SQL, no clock, no wording. `dispatch` calls it between reserving and settling.

mod breaker;
mod carrier;
mod carriers;
mod dkim;
mod gateway;
pub mod inbound_mail;
#[cfg(feature = "letters")]
pub mod letters;
mod links;
mod mail;
mod null;
mod parcel;
pub mod returned;
#[cfg(test)]
mod sample;
mod sandbox;
mod smpp;
mod smtp;
mod tls;
pub mod verp;

pub use breaker::Readiness;
pub use carrier::{
    Arrival, Arrived, Asked, BoxFuture, Capability, Carrier, Found, Idempotency, Inbox, Lookup, NotSentProof,
    Outcome, Partly,
};
pub use carriers::{Carriers, Pace, Terms};
pub use dkim::{Dkim, DkimKey, DkimKeyError, dns_name, dns_value};
pub use gateway::{
    Description, Gateway, GatewayError, GatewayFileError, GatewaySettings, Knock, NotTaken, Registered,
    RegisteredError,
};
pub use links::{Links, UNSUBSCRIBE_PATH, unsubscribe_by_mail};
pub use null::Null;
pub use parcel::Parcel;
pub use sandbox::Sandbox;
pub use smpp::{FieldError, MessageIds, Segmentation, Smpp, SmppError, SmppSecurity, SmppSettings};
pub use smtp::{Smtp, SmtpError, SmtpSecurity, SmtpSettings};
