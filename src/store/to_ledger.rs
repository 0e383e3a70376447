//! From what the store holds to rows of a ledger file, which imports take in again.

use std::collections::HashMap;

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use super::db::q;
use super::people::{self, address};
use super::seals::{Keys, open_text, own_key};
use super::types::{Ts, id_list, word, word_opt};
use super::views::sql;
use super::{Store, StoreError};
use crate::domain::{
    AccountId, Address, ContactPoint, Currency, Moment, Money, Person, PersonName, Role, SuppressionReason,
    Wish,
};
use crate::evidence::{Kind, SealKind};
use crate::ledger::{AccountKey, EventKind, EventRow, RelatedKey, When};

pub(super) type Address3 = (Option<String>, Option<Uuid>, Option<String>);

/// What the rows of an export need opened: names of people, and addresses by a contact point that has them.
#[derive(Default)]
pub(super) struct Opened {
    keys: Keys,
    points: HashMap<Uuid, (Uuid, String)>,
}

impl Opened {
    pub(super) async fn read(
        tx: &mut super::db::Tx,
        people: impl Iterator<Item = Uuid>,
        points: impl Iterator<Item = Uuid>,
    ) -> Result<Opened, StoreError> {
        let list = id_list(points);
        let points: HashMap<Uuid, (Uuid, String)> =
            q!(&mut *tx, sql::SEALED_POINTS, [list] => all (Uuid, Uuid, String))?
                .into_iter()
                .map(|(id, person, sealed)| (id, (person, sealed)))
                .collect();
        let everybody: Vec<Uuid> = people.chain(points.values().map(|(person, _)| *person)).collect();
        let keys = tx.keys_of(everybody).await?;
        Ok(Opened { keys, points })
    }

    pub(super) fn address_of(&self, (kind, point, country): Address3) -> Result<Option<Address>, StoreError> {
        let (Some(kind), Some((id, (person, sealed)))) =
            (kind, point.and_then(|p| self.points.get_key_value(&p)))
        else {
            return Ok(None);
        };
        match people::opened_address(&self.keys, *person, *id, sealed)? {
            Some(normal) => address(&kind, &normal, country.as_deref()).map(Some),
            None => Ok(None),
        }
    }

    /// The words for somebody beside the debtor, where an event is about one.
    fn related(
        &self,
        (role, id, name): (Option<String>, Option<Uuid>, Option<String>),
    ) -> Result<Option<RelatedKey>, StoreError> {
        let Some(role) = role else { return Ok(None) };
        let corrupt = StoreError::Corrupt { what: "person name" };
        let name = match (id, name) {
            (Some(id), Some(sealed)) => {
                let key = own_key(&self.keys, id, SealKind::Name, id);
                let name = open_text(key, &sealed, "name")?;
                Some(PersonName::parse(&name).map_err(|_| corrupt)?)
            }
            _ => None,
        };
        Ok(Some(RelatedKey {
            role: word(&role, "role")?,
            name,
        }))
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
    pub async fn record_export(&self, what: &'static str, rows: u64, by: &str) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let entry = super::log::entry(&*clock, Kind::ExportMade, clock.now())
                    .with("what", what)
                    .with("actor", by)
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
    type Payment = (String, String, String, Uuid, Uuid, String, i64, NaiveDate);
    let payments = q!(&mut *tx, sql::ALL_PAYMENTS, [] => all Payment)?;
    let keys = tx.keys_of(payments.iter().map(|p| p.3)).await?;
    for (portfolio, account, code, debtor, id, sealed, minor, paid_on) in payments {
        let key = own_key(&keys, debtor, SealKind::Payment, id);
        let reference = open_text(key, &sealed, "reference of a payment")?;
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
    type Dispute = (String, String, Uuid, Uuid, String, Ts, Option<Ts>);
    let disputes = q!(&mut *tx, sql::ALL_DISPUTES, [] => all Dispute)?;
    let keys = tx.keys_of(disputes.iter().map(|d| d.2)).await?;
    for (portfolio, account, debtor, id, reason, opened, resolved) in disputes {
        let reason = super::views::dispute_reason(&keys, debtor, id, &reason)?;
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

#[derive(sqlx::FromRow)]
struct StopRow {
    portfolio: String,
    reference: String,
    zone: String,
    since: Ts,
    until: Option<Ts>,
    channel: Option<String>,
    reason: String,
    kind: Option<String>,
    point: Option<Uuid>,
    country: Option<String>,
    role: Option<String>,
    related_id: Option<Uuid>,
    name: Option<String>,
}

#[derive(sqlx::FromRow)]
struct CallRow {
    portfolio: String,
    reference: String,
    at: Ts,
    result: String,
    inbound: bool,
    kind: Option<String>,
    point: Option<Uuid>,
    country: Option<String>,
    role: Option<String>,
    related_id: Option<Uuid>,
    name: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ConsentRow {
    portfolio: String,
    reference: String,
    zone: String,
    scope: String,
    channel: Option<String>,
    given_at: Ts,
    until: Option<Ts>,
    revoked_at: Option<Ts>,
    role: Option<String>,
    related_id: Option<Uuid>,
    name: Option<String>,
}

#[derive(sqlx::FromRow)]
struct WishRow {
    portfolio: String,
    reference: String,
    zone: String,
    wish: String,
    channel: Option<String>,
    since: Ts,
    until: Option<Ts>,
    withdrawn_at: Option<Ts>,
    role: Option<String>,
    related_id: Option<Uuid>,
    name: Option<String>,
}

/// Reasons to stop, calls, consents and wishes.
async fn other_events(tx: &mut super::db::Tx) -> Result<Vec<EventRow>, StoreError> {
    let mut rows = Vec::new();
    let stops = q!(&mut *tx, sql::ALL_SUPPRESSIONS, [] => all StopRow)?;
    let calls = q!(&mut *tx, sql::ALL_CALLS, [] => all CallRow)?;
    let consents = q!(&mut *tx, sql::ALL_CONSENTS, [] => all ConsentRow)?;
    let people = stops.iter().map(|s| s.related_id);
    let people = people.chain(calls.iter().map(|c| c.related_id));
    let people = people.chain(consents.iter().map(|c| c.related_id)).flatten();
    let points = stops
        .iter()
        .map(|s| s.point)
        .chain(calls.iter().map(|c| c.point))
        .flatten();
    let opened = Opened::read(tx, people, points).await?;
    for s in stops {
        let (portfolio, account, zone, since, until, channel, reason) = (
            s.portfolio,
            s.reference,
            s.zone,
            s.since,
            s.until,
            s.channel,
            s.reason,
        );
        let address = opened.address_of((s.kind, s.point, s.country))?;
        let channel = word_opt(channel.as_deref(), "channel")?;
        let until = last_day(until, &zone)?;
        if let Some(kind) = stop(word(&reason, "suppression reason")?, channel, address, until) {
            let mut row = event(portfolio, account, When::At(since.0), kind);
            row.related = opened.related((s.role, s.related_id, s.name))?;
            rows.push(row);
        }
    }
    for c in calls {
        let call = EventKind::Call {
            result: word(&c.result, "call result")?,
            inbound: c.inbound,
            number: opened.address_of((c.kind, c.point, c.country))?,
        };
        let mut row = event(c.portfolio, c.reference, When::At(c.at.0), call);
        row.related = opened.related((c.role, c.related_id, c.name))?;
        rows.push(row);
    }
    for c in consents {
        let (portfolio, account, zone, channel) = (c.portfolio, c.reference, c.zone, c.channel);
        let (given, until, revoked) = (c.given_at, c.until, c.revoked_at);
        let scope = word(&c.scope, "consent scope")?;
        let related = opened.related((c.role, c.related_id, c.name))?;
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
    let wishes = q!(&mut *tx, sql::ALL_WISHES, [] => all WishRow)?;
    let people = wishes.iter().filter_map(|w| w.related_id);
    let opened = Opened::read(tx, people, std::iter::empty()).await?;
    for w in wishes {
        let (portfolio, account, zone, channel) = (w.portfolio, w.reference, w.zone, w.channel);
        let (since, until, withdrawn) = (w.since, w.until, w.withdrawn_at);
        let wish: Wish = w
            .wish
            .parse()
            .map_err(|_| StoreError::Corrupt { what: "a wish" })?;
        let related = opened.related((w.role, w.related_id, w.name))?;
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
        // Of this house, until somebody has read the answer.
        R::OpenReply => return None,
    })
}
