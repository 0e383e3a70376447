//! From rows of a ledger file to what the store takes in: dates become moments in the portfolio's zone, and what is
//! settled by the day of the import is settled.

use chrono::{Days, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;

use super::events::{NewEvent, Occurrence};
use super::import::{NewAccount, NewContact, NewPerson};
use crate::domain::{Address, ContactUse, Moment, SuppressionReason};
use crate::ledger::{AccountRow, EventKind, EventRow, When};

impl NewAccount {
    /// An account of a ledger as it stands on `as_of`: what was paid later is still owed. `portfolio` serves where the
    /// row names none; a row that has neither belongs to the portfolio of the empty name, which is never there.
    pub fn from_ledger(row: AccountRow, portfolio: Option<&str>, as_of: NaiveDate) -> NewAccount {
        let related = row.related.into_iter().enumerate().map(|(n, r)| {
            let person = NewPerson {
                // Related people have no number of their own in a ledger; theirs follows from the debt.
                reference: format!("{}#{}#{}", row.reference, r.role, n + 1),
                kind: crate::domain::PersonKind::Natural,
                name: r.name,
                locale: row.locale,
                country: None,
                region: None,
                postal_code: None,
                zone: None,
                zone_until: None,
                contacts: contacts(r.contacts),
            };
            (r.role, person)
        });
        NewAccount {
            related: related.collect(),
            portfolio: row.portfolio.or(portfolio.map(str::to_owned)).unwrap_or_default(),
            debtor: NewPerson {
                reference: row.debtor_ref,
                kind: row.debtor,
                name: row.name,
                locale: row.locale,
                country: row.country,
                region: row.region,
                postal_code: row.postal_code,
                zone: row.zone,
                zone_until: row.zone_until,
                contacts: contacts(row.contacts),
            },
            claim: row.claim,
            currency: row.currency,
            amount_minor: row.amount_minor,
            balance_minor: row.balance_minor,
            issued_on: row.issued_on,
            due_on: row.due_on,
            instalments: row.instalments,
            confirmed: row.confirmed,
            observation: row.observation,
            disputed: row.disputed,
            settled: row.settled_on.is_some_and(|on| on <= as_of),
            preferred: row.preferred_channel,
            digest: row.digest,
            reference: row.reference,
        }
    }
}

impl NewEvent {
    /// An event of a ledger; days are told in `zone`. `portfolio` serves where the row names none.
    pub fn from_ledger(row: EventRow, portfolio: Option<&str>, zone: Tz) -> NewEvent {
        let at = match row.at {
            When::At(moment) => moment,
            When::On(day) => start_of(day, zone),
        };
        let currency = match &row.kind {
            EventKind::Payment { amount, .. } | EventKind::Promise { amount, .. } => Some(amount.currency),
            _ => None,
        };
        NewEvent {
            currency,
            digest: Some(row.digest),
            portfolio: row.account.portfolio.or(portfolio.map(str::to_owned)),
            reference: row.account.reference,
            debtor_ref: row.account.debtor_ref,
            related: row.related,
            at,
            what: occurrence(row.kind, zone),
        }
    }
}

fn contacts(found: Vec<(Address, ContactUse)>) -> Vec<NewContact> {
    found
        .into_iter()
        .map(|(address, usage)| NewContact { address, usage })
        .collect()
}

fn occurrence(kind: EventKind, zone: Tz) -> Occurrence {
    use SuppressionReason as R;
    let suppressed = |reason, channel, address| Occurrence::Suppressed {
        reason,
        channel,
        address,
        until: None,
    };
    // Until and including that day.
    let after = |day: NaiveDate| start_of(day + Days::new(1), zone);
    let for_a_time = |reason, until: Option<NaiveDate>| Occurrence::Suppressed {
        reason,
        channel: None,
        address: None,
        until: until.map(after),
    };
    match kind {
        EventKind::Payment {
            reference,
            amount,
            paid_on,
        } => Occurrence::Payment {
            reference,
            amount_minor: amount.minor,
            paid_on,
        },
        EventKind::Promise { amount, due_on } => Occurrence::Promise {
            amount_minor: amount.minor,
            due_on,
        },
        EventKind::DisputeOpened { reason } => Occurrence::DisputeOpened { reason },
        EventKind::DisputeResolved => Occurrence::DisputeResolved,
        EventKind::OptOut { channel, address } => suppressed(R::OptOut, channel, address),
        EventKind::Cease => suppressed(R::CeaseCommunication, None, None),
        EventKind::Counsel => suppressed(R::Counsel, None, None),
        EventKind::Insolvency => suppressed(R::Insolvency, None, None),
        EventKind::Death => suppressed(R::Death, None, None),
        EventKind::Minor => suppressed(R::Minor, None, None),
        EventKind::BreathingSpace { until } => for_a_time(R::BreathingSpace, until),
        EventKind::Hardship { until } => for_a_time(R::Hardship, until),
        EventKind::WrongParty { address } => suppressed(R::WrongParty, None, Some(address)),
        EventKind::Bounce { address } => suppressed(R::Unreachable, None, Some(address)),
        EventKind::PoliceOrder => suppressed(R::PoliceOrder, None, None),
        EventKind::Complaint => suppressed(R::Complaint, None, None),
        EventKind::Call {
            result,
            inbound,
            number,
        } => Occurrence::Call {
            result,
            inbound,
            number,
        },
        EventKind::ConsentGiven {
            scope,
            channel,
            until,
        } => Occurrence::ConsentGiven {
            scope,
            channel,
            until: until.map(after),
        },
        EventKind::ConsentRevoked { scope, channel } => Occurrence::ConsentRevoked { scope, channel },
        EventKind::Wish { wish, channel, until } => Occurrence::Wished {
            wish,
            channel,
            until: until.map(after),
        },
        EventKind::WishWithdrawn { wish, channel } => Occurrence::WishWithdrawn { wish, channel },
    }
}

/// The first instant of a day in a zone, also where midnight is skipped.
fn start_of(day: NaiveDate, zone: Tz) -> Moment {
    let at = |hour| {
        let time = NaiveTime::from_hms_opt(hour, 0, 0)?;
        zone.from_local_datetime(&day.and_time(time)).earliest()
    };
    let start = at(0).or_else(|| at(1)).map(|t| t.to_utc());
    Moment::new(start.unwrap_or_else(|| day.and_time(NaiveTime::MIN).and_utc()))
}
