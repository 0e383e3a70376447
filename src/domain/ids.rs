//! Identifiers. Random and time-ordered (UUID v7), made only by `clock`; they carry no personal data.

use uuid::Uuid;

macro_rules! ids {
    ($($(#[$m:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$m])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.hyphenated())
            }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self { $name(id) }
        }
        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> { Uuid::parse_str(s.trim()).map($name) }
        }
    )+};
}

ids! {
    /// A creditor: is owed.
    CreditorId,
    /// A sender: speaks.
    SenderId,
    /// A portfolio: accounts of one creditor under one sender.
    PortfolioId,
    /// A registered bank account that messages may name.
    PayeeId,
    /// A debtor or a related person.
    PersonId,
    /// One normalised phone number, e-mail or postal address, shared by all who use it.
    AddressId,
    /// One way to reach one person.
    ContactPointId,
    /// One debt.
    AccountId,
    /// One try to reach someone.
    AttemptId,
    /// A promise to pay.
    PromiseId,
    /// A dispute.
    DisputeId,
    /// A payment.
    PaymentId,
    /// A standing reason not to contact.
    SuppressionId,
    /// A consent on record.
    ConsentId,
    /// A wish about times, places or media.
    WishId,
    /// A logged telephone call.
    CallId,
    /// One import run of one file.
    BatchId,
    /// A campaign: a portfolio walked by a ladder at cron times.
    CampaignId,
    /// A human task that a ladder asks for.
    TaskId,
    /// One evidence entry.
    RecordId,
}
