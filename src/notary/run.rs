//! The loop of a running service: places and heads within a second, cosignatures within ten, time stamps and copies when
//! they are due.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::anchors::Vouched;
use super::{Notary, NotaryError};
use crate::store::{Head, StoreError};

/// How the loop beats.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    /// How often new entries are looked for.
    pub sign: Duration,
    /// How often those outside are asked.
    pub anchor: Duration,
}

impl Default for Beat {
    fn default() -> Beat {
        Beat {
            sign: Duration::from_millis(400),
            anchor: Duration::from_secs(5),
        }
    }
}

/// Signs the log until `stopped` says so, and once more then. Failures are told and tried again; the workers go on, since
/// entries are durable without a head.
pub async fn run(notary: Notary, beat: Beat, mut stopped: watch::Receiver<bool>) {
    let mut told = String::new();
    let mut asked: Option<Asked> = None;
    let mut head: Option<Head> = None;
    loop {
        let last = *stopped.borrow();
        // A look is cheap; signing is not, so nothing is signed while nothing is new.
        let look = notary.pending().await;
        if head.is_none() || last || !matches!(look, Ok(false)) {
            head = tell(&mut told, notary.head().await).or(head);
        }
        if let Some(head) = &head {
            let size = head.signed.checkpoint.size;
            if last || asked.as_ref().is_none_or(|a| a.is_over(size, beat)) {
                let whole = tell_of(outside(&notary, head, asked.is_none()).await);
                asked = Some(Asked {
                    at: Instant::now(),
                    size,
                    whole,
                });
            }
        }
        if last {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(beat.sign) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// When those outside were asked, about which head, and whether all answered.
struct Asked {
    at: Instant,
    size: u64,
    whole: bool,
}

impl Asked {
    /// Whether it is time to ask again: about a newer head, after a failure, or because a day may have passed.
    fn is_over(&self, size: u64, beat: Beat) -> bool {
        let pause = match (self.size == size, self.whole) {
            (false, true) => beat.anchor,
            (_, false) => beat.anchor * 12,
            (true, true) => Duration::from_secs(3600),
        };
        self.at.elapsed() >= pause
    }
}

/// Asks everybody outside once.
async fn outside(notary: &Notary, head: &Head, again: bool) -> Result<Vouched, NotaryError> {
    let mut all = notary.cosign(head, again).await?;
    for more in [
        notary.stamp(head, false).await?,
        notary.copy_out(head, false).await?,
        notary.mail_out(head, false).await?,
    ] {
        all.by.extend(more.by);
        all.faults.extend(more.faults);
    }
    Ok(all)
}

/// Tells of a failure once, until it changes or ends.
fn tell(told: &mut String, signed: Result<Head, NotaryError>) -> Option<Head> {
    match signed {
        Ok(head) => {
            told.clear();
            Some(head)
        }
        // Another sequencer was quicker.
        Err(NotaryError::Store(StoreError::Contended)) => None,
        Err(e) => {
            let what = e.to_string();
            if *told != what {
                tracing::error!(error = %what, "the log is not signed");
                *told = what;
            }
            None
        }
    }
}

/// Tells of failures; whether there were none.
fn tell_of(vouched: Result<Vouched, NotaryError>) -> bool {
    match vouched {
        Ok(vouched) => {
            for fault in &vouched.faults {
                tracing::warn!(error = %fault, "nobody vouches for the newest head here");
            }
            vouched.faults.is_empty()
        }
        Err(e) => {
            tracing::error!(error = %e, "the head could not be shown to those outside");
            false
        }
    }
}
