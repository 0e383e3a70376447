//! The carrier that takes everything and sends nothing: measures the way up to the wire.

use std::sync::Arc;

use super::carrier::{BoxFuture, Capability, Carrier, Idempotency, Lookup, Outcome};
use super::parcel::Parcel;
use crate::domain::Channel;

/// Accepts every parcel at once. For benchmarks only: nobody is reminded.
#[derive(Debug, Clone, Copy)]
pub struct Null {
    channel: Channel,
}

impl Null {
    /// For `channel`.
    pub fn new(channel: Channel) -> Null {
        Null { channel }
    }
}

fn accepted() -> Outcome {
    Outcome::accepted("null", None)
}

impl Carrier for Null {
    fn capability(&self) -> Capability {
        Capability {
            name: "null",
            channel: self.channel,
            idempotency: Idempotency::None,
            lookup: Lookup::None,
            latest_accept_seconds: 1,
            settle_seconds: 0,
            receipts: false,
            not_sent_answers: &[],
            refuses: &[],
        }
    }

    fn send<'a>(&'a self, _: &'a Parcel) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::ready(accepted()))
    }

    fn group_size(&self) -> usize {
        4096
    }

    fn send_group(&self, parcels: Arc<Vec<Parcel>>) -> BoxFuture<'_, Vec<Outcome>> {
        Box::pin(std::future::ready(parcels.iter().map(|_| accepted()).collect()))
    }
}
