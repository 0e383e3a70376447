//! From what the store holds to rows of a ledger file, which imports take in again.

use std::collections::HashMap;

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use super::db::q;
use super::people::{self, address};
use super::types::{Ts, id_list, word, word_opt};
use super::views::sql;
use super::{Store, StoreError};
use crate::domain::{
    AccountId, Address, ContactPoint, Currency, Moment, Money, Person, PersonName, Role, SuppressionReason,
    Wish,
};
use crate::evidence::Kind;
use crate::ledger::{AccountKey, EventKind, EventRow, RelatedKey, When};

type Address3 = (Option<String>, Option<String>, Option<String>);

fn address_of((kind, normal, country): Address3) -> Result<Option<Address>, StoreError> {
    match (kind, normal) {
        (Some(kind), Some(normal)) => address(&kind, &normal, country.as_deref()).map(Some),
        _ => Ok(None),
    }
}

fn event(portfolio: String, reference: String, at: When, kind: EventKind) -> EventRow {
    EventRow {
        row: 0,
        digest: [0; 32],
        at,
        account: AccountKey {
            portfolio: Some(portfolio),
            reference: Some(reference),
            debtor_ref: None,
        },
        related: None,
        kind,
    }
}

/// The words for somebody beside the debtor, where an event is about one.
fn related((role, name): (Option<String>, Option<String>)) -> Result<Option<RelatedKey>, StoreError> {
    let Some(role) = role else { return Ok(None) };
    let name = name.map(|n| PersonName::parse(&n)).transpose();
    Ok(Some(RelatedKey {
        role: word(&role, "role")?,
        name: name.map_err(|_| StoreError::Corrupt { what: "person name" })?,
    }))
}

/// The last day before an instant; ledgers name that day, the store the instant after it.
fn last_day(until: Option<Ts>, zone: &str) -> Result<Option<NaiveDate>, StoreError> {
    let zone = super::registry::zone(zone)?;
    Ok(until.map(|u| (u.0 - TimeDelta::microseconds(1)).date_in(zone)))
}

fn currency(code: &str) -> Result<Currency, StoreError> {
    Currency::parse(code).map_err(|_| StoreError::Corrupt { what: "currency" })
}

impl Store {
    /// Everything that happened, by time, as rows of an event ledger.
    pub async fn ledger_events(&self) -> Result<Vec<EventRow>, StoreError> {
        let mut tx = self.db.read().await?;
        let mut rows = money_events(&mut tx).await?;
        rows.extend(other_events(&mut tx).await?);
        // A day comes before every instant of it; equal moments keep the order in which they were read.
        rows.sort_by_key(|r| match r.at {
            When::At(at) => at,
            When::On(day) => Moment::new(day.and_time(chrono::NaiveTime::MIN).and_utc()),
        });
        Ok(rows)
    }

    /// The people beside the debtor of each account, with their roles and contact points.
    pub async fn related(
        &self,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, Vec<(Role, Person, Vec<ContactPoint>)>>, StoreError> {
        let mut tx = self.db.read().await?;
        let list = id_list(accounts.iter().map(|a| a.0));
        let mut relations = q!(&mut tx, super::claim::sql::RELATIONS, [list] => all (Uuid, Uuid, String))?;
        relations.sort_unstable();
        let ids: Vec<Uuid> = relations.iter().map(|(_, person, _)| *person).collect();
        let (people, points) = people::known(&mut tx, ids, self.clock.now()).await?;
        let mut related: HashMap<AccountId, Vec<_>> = HashMap::new();
        for (account, person, role) in relations {
            let Some(found) = people.get(&person) else {
                continue;
            };
            let entry = (
                word(&role, "role")?,
                found.clone(),
                points.get(&person).cloned().unwrap_or_default(),
            );
            related.entry(AccountId(account)).or_default().push(entry);
        }
        Ok(related)
    }

    /// Records that data left the system.
    pub async fn record_export(&self, what: &'static str, rows: u64) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let entry = super::log::entry(&*clock, Kind::ExportMade, clock.now())
                    .with("what", what)
                    .with("rows", i64::try_from(rows).unwrap_or(i64::MAX));
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }
}

/// Payments, promises and disputes.
async fn money_events(tx: &mut super::db::Tx) -> Result<Vec<EventRow>, StoreError> {
    let mut rows = Vec::new();
    type Payment = (String, String, String, String, i64, NaiveDate);
    for (portfolio, account, code, reference, minor, paid_on) in
        q!(&mut *tx, sql::ALL_PAYMENTS, [] => all Payment)?
    {
        let amount = Money::new(minor, currency(&code)?);
        let kind = EventKind::Payment {
            reference,
            amount,
            paid_on,
        };
        rows.push(event(portfolio, account, When::On(paid_on), kind));
    }
    type Promise = (String, String, String, i64, NaiveDate, Ts);
    for (portfolio, account, code, minor, due_on, made_at) in
        q!(&mut *tx, sql::ALL_PROMISES, [] => all Promise)?
    {
        let amount = Money::new(minor, currency(&code)?);
        rows.push(event(
            portfolio,
            account,
            When::At(made_at.0),
            EventKind::Promise { amount, due_on },
        ));
    }
    type Dispute = (String, String, String, Ts, Option<Ts>);
    for (portfolio, account, reason, opened, resolved) in q!(&mut *tx, sql::ALL_DISPUTES, [] => all Dispute)?
    {
        let opening = EventKind::DisputeOpened { reason };
        rows.push(event(
            portfolio.clone(),
            account.clone(),
            When::At(opened.0),
            opening,
        ));
        if let Some(at) = resolved {
            rows.push(event(
                portfolio,
                account,
                When::At(at.0),
                EventKind::DisputeResolved,
            ));
        }
    }
    Ok(rows)
}

/// Reasons to stop, calls and consents.
async fn other_events(tx: &mut super::db::Tx) -> Result<Vec<EventRow>, StoreError> {
    let mut rows = Vec::new();
    type Stop = (
        String,
        String,
        String,
        Ts,
        Option<Ts>,
        Option<String>,
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    for (portfolio, account, zone, since, until, channel, reason, kind, normal, country, role, name) in
        q!(&mut *tx, sql::ALL_SUPPRESSIONS, [] => all Stop)?
    {
        let address = address_of((kind, normal, country))?;
        let channel = word_opt(channel.as_deref(), "channel")?;
        let until = last_day(until, &zone)?;
        if let Some(kind) = stop(word(&reason, "suppression reason")?, channel, address, until) {
            let mut row = event(portfolio, account, When::At(since.0), kind);
            row.related = related((role, name))?;
            rows.push(row);
        }
    }
    type Call = (
        String,
        String,
        Ts,
        String,
        bool,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    for (portfolio, account, at, result, inbound, kind, normal, country, role, name) in
        q!(&mut *tx, sql::ALL_CALLS, [] => all Call)?
    {
        let call = EventKind::Call {
            result: word(&result, "call result")?,
            inbound,
            number: address_of((kind, normal, country))?,
        };
        let mut row = event(portfolio, account, When::At(at.0), call);
        row.related = related((role, name))?;
        rows.push(row);
    }
    type Consent = (
        String,
        String,
        String,
        String,
        Option<String>,
        Ts,
        Option<Ts>,
        Option<Ts>,
        Option<String>,
        Option<String>,
    );
    for (portfolio, account, zone, scope, channel, given, until, revoked, role, name) in
        q!(&mut *tx, sql::ALL_CONSENTS, [] => all Consent)?
    {
        let (scope, related) = (word(&scope, "consent scope")?, related((role, name))?);
        let channel = word_opt(channel.as_deref(), "channel")?;
        let kind = EventKind::ConsentGiven {
            scope,
            channel,
            until: last_day(until, &zone)?,
        };
        let mut row = event(portfolio.clone(), account.clone(), When::At(given.0), kind);
        row.related.clone_from(&related);
        rows.push(row);
        if let Some(at) = revoked {
            let kind = EventKind::ConsentRevoked { scope, channel };
            let mut row = event(portfolio, account, When::At(at.0), kind);
            row.related = related;
            rows.push(row);
        }
    }
    rows.extend(wishes(tx).await?);
    Ok(rows)
}

/// What people asked for about times, places and media, and what they took back.
async fn wishes(tx: &mut super::db::Tx) -> Result<Vec<EventRow>, StoreError> {
    let mut rows = Vec::new();
    type Row = (
        String,
        String,
        String,
        String,
        Option<String>,
        Ts,
        Option<Ts>,
        Option<Ts>,
        Option<String>,
        Option<String>,
    );
    for (portfolio, account, zone, wish, channel, since, until, withdrawn, role, name) in
        q!(&mut *tx, sql::ALL_WISHES, [] => all Row)?
    {
        let wish: Wish = wish.parse().map_err(|_| StoreError::Corrupt { what: "a wish" })?;
        let related = related((role, name))?;
        let channel = word_opt(channel.as_deref(), "channel")?;
        let kind = EventKind::Wish {
            wish: wish.clone(),
            channel,
            until: last_day(until, &zone)?,
        };
        let mut row = event(portfolio.clone(), account.clone(), When::At(since.0), kind);
        row.related.clone_from(&related);
        rows.push(row);
        if let Some(at) = withdrawn {
            let wish = Some(wish);
            let mut row = event(
                portfolio,
                account,
                When::At(at.0),
                EventKind::WishWithdrawn { wish, channel },
            );
            row.related = related;
            rows.push(row);
        }
    }
    Ok(rows)
}

/// A standing reason as a ledger tells it; some have no word there.
fn stop(
    reason: SuppressionReason,
    channel: Option<crate::domain::Channel>,
    address: Option<Address>,
    until: Option<NaiveDate>,
) -> Option<EventKind> {
    use SuppressionReason as R;
    Some(match reason {
        R::OptOut => EventKind::OptOut { channel, address },
        R::CeaseCommunication => EventKind::Cease,
        R::Counsel => EventKind::Counsel,
        R::Insolvency => EventKind::Insolvency,
        R::Death => EventKind::Death,
        R::WrongParty => EventKind::WrongParty { address: address? },
        R::Unreachable => EventKind::Bounce { address: address? },
        R::PoliceOrder => EventKind::PoliceOrder,
        R::Complaint => EventKind::Complaint,
        R::Minor => EventKind::Minor,
        R::BreathingSpace => EventKind::BreathingSpace { until },
        R::Hardship => EventKind::Hardship { until },
    })
}
