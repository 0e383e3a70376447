//! What comes back by e-mail, in fixed words.

use super::words::words;

words! {
    /// What a message that came back is.
    ReturnKind as "kind of returned mail" {
        /// A bounce that says that the address is dead.
        Hard = "hard",
        /// A bounce that says that this message failed.
        Soft = "soft",
        /// A warning that it is late; nothing is decided yet.
        Delayed = "delayed",
        /// A report that it arrived.
        Delivered = "delivered",
        /// The recipient complained about it to the mailbox provider.
        Complaint = "complaint",
        /// An answer that nobody wrote: out of office, receipts, notices of machines.
        AutoReply = "auto_reply",
        /// A person's answer.
        Reply = "reply",
        /// A message of our own.
        Loop = "loop",
        /// Sent to many, and not about anything of ours.
        Junk = "junk",
        /// No message.
        Unreadable = "unreadable",
    }
}

words! {
    /// Why a message came back.
    BounceCause as "cause of a bounce" {
        /// There is no such mailbox.
        NoSuchMailbox = "no_such_mailbox",
        /// There is no such domain, or it takes no mail.
        NoSuchDomain = "no_such_domain",
        /// The mailbox was closed or suspended.
        Disabled = "disabled",
        /// The mailbox is full.
        MailboxFull = "mailbox_full",
        /// The message was too large.
        TooLarge = "too_large",
        /// Refused for its content, its sender or a rule; says nothing about the mailbox.
        Refused = "refused",
        /// Tried for too long in vain.
        Expired = "expired",
        /// Still being tried.
        Underway = "underway",
        /// It does not say, or not in words known here.
        Unclear = "unclear",
    }
}

impl BounceCause {
    /// Whether it says that nobody can be reached at the address.
    pub fn is_dead_address(self) -> bool {
        matches!(
            self,
            BounceCause::NoSuchMailbox | BounceCause::NoSuchDomain | BounceCause::Disabled
        )
    }
}

words! {
    /// How a message was matched to the attempt it is about.
    MatchedBy as "way of matching" {
        /// By the return path, which nobody but this installation can make.
        ReturnPath = "return_path",
        /// By the Message-ID, which whoever saw the message knows.
        MessageId = "message_id",
    }
}
