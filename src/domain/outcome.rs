//! What one walk of a campaign over its portfolio made of one account.

use super::words::words;

words! {
    /// Why an account got a message in a run, or none; each account has exactly one.
    RunOutcome as "outcome of a run" {
        /// A message was queued; the detail is channel, stage and step.
        Planned = "planned",
        /// Paid, or otherwise done.
        Settled = "settled",
        /// Taken back by the creditor or written off.
        Closed = "closed",
        /// The ladder waits for an open dispute.
        Disputed = "disputed",
        /// The ladder waits for a promise.
        Promised = "promised",
        /// The debtor or the debt may not be contacted at all; the detail is the reason.
        Suppressed = "suppressed",
        /// An earlier message waits for a person's decision; the detail is the deciding rule.
        InReview = "in_review",
        /// An earlier message was blocked and may still be corrected; the detail is the deciding rule.
        Blocked = "blocked",
        /// An earlier message waits for a lawful instant, such as room in a cap; the detail is the deciding rule.
        Held = "held",
        /// An earlier message waits for its turn.
        Queued = "queued",
        /// A step was due and no usable contact point fits its channels; the detail is the stage.
        Unreachable = "unreachable",
        /// Only human work was due; the detail is its kind.
        Task = "task",
        /// Nothing is due before a later day.
        NotDue = "not_due",
        /// The ladder has no further step.
        LadderOver = "ladder_over",
        /// Something happened to the account while the run looked at it; the next run looks again.
        Changed = "changed",
    }
}
