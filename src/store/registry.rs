//! Who is owed, who speaks, where money may be paid, and which campaigns walk which portfolio. Small, read often,
//! changed seldom; kept in memory under a version that every change moves.

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;
use uuid::Uuid;

use super::db::{Tx, q, statements};
use super::types::{Ts, word};
use super::{Store, StoreError};
use crate::domain::{
    CampaignId, Creditor, CreditorId, EmailAddress, Moment, Payee, PayeeId, PhoneNumber, Portfolio,
    PortfolioId, PostalAddress, Sender, SenderId,
};
use crate::evidence::{Entry, Kind};

pub(super) mod sql {
    super::statements! {
        VERSION = "SELECT version FROM registry WHERE one = 1";
        BUMP = "UPDATE registry SET version = version + 1 WHERE one = 1";
        CREDITORS = "SELECT id, name, country, is_bank FROM creditor ORDER BY name";
        SENDERS = "SELECT id, kind, name, signature, licence, phone, email, postal, postal_country, staffed, opt_out_word, mandate FROM sender ORDER BY name";
        PORTFOLIOS = "SELECT id, name, creditor_id, sender_id, ladder, packs, zone FROM portfolio ORDER BY name";
        PAYEES = "SELECT id, portfolio_id, holder, bank, number, proposed_by, confirmed_by FROM payee ORDER BY id";
        CAMPAIGNS = "SELECT id, portfolio_id, cron, zone, state, next_run_at, last_run_at FROM campaign ORDER BY id";
        PUT_CREDITOR = "INSERT INTO creditor (id, name, country, is_bank) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET country = excluded.country, is_bank = excluded.is_bank";
        PUT_SENDER = "INSERT INTO sender (id, kind, name, signature, licence, phone, email, postal, postal_country, staffed, opt_out_word, mandate) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, signature = excluded.signature, licence = excluded.licence, phone = excluded.phone, email = excluded.email, postal = excluded.postal, postal_country = excluded.postal_country, staffed = excluded.staffed, opt_out_word = excluded.opt_out_word, mandate = excluded.mandate";
        PUT_PORTFOLIO = "INSERT INTO portfolio (id, name, creditor_id, sender_id, ladder, packs, zone) VALUES ($1, $2, (SELECT id FROM creditor WHERE name = $3), (SELECT id FROM sender WHERE name = $4), $5, $6, $7) ON CONFLICT (name) DO UPDATE SET creditor_id = excluded.creditor_id, sender_id = excluded.sender_id, ladder = excluded.ladder, packs = excluded.packs, zone = excluded.zone";
        // A payee whose holder or bank changes must be confirmed anew.
        PUT_PAYEE = "INSERT INTO payee (id, portfolio_id, holder, bank, number, proposed_by, confirmed_by) VALUES ($1, (SELECT id FROM portfolio WHERE name = $2), $3, $4, $5, $6, $7) ON CONFLICT (portfolio_id, number) DO UPDATE SET holder = excluded.holder, bank = excluded.bank, proposed_by = CASE WHEN payee.holder = excluded.holder AND payee.bank = excluded.bank AND payee.confirmed_by IS NOT NULL THEN payee.proposed_by ELSE excluded.proposed_by END, confirmed_by = CASE WHEN payee.holder = excluded.holder AND payee.bank = excluded.bank AND payee.confirmed_by IS NOT NULL THEN payee.confirmed_by ELSE excluded.confirmed_by END";
        CONFIRM_PAYEE = "UPDATE payee SET confirmed_by = $1 WHERE id = $2 AND confirmed_by IS NULL AND proposed_by <> $1";
        PUT_CAMPAIGN = "INSERT INTO campaign (id, portfolio_id, cron, zone, state, next_run_at) VALUES ($1, (SELECT id FROM portfolio WHERE name = $2), $3, $4, 'active', NULL) ON CONFLICT (portfolio_id) DO UPDATE SET cron = excluded.cron, zone = excluded.zone, next_run_at = CASE WHEN campaign.cron = excluded.cron AND campaign.zone = excluded.zone THEN campaign.next_run_at ELSE NULL END";
        SET_NEXT_RUN = "UPDATE campaign SET next_run_at = $1, last_run_at = COALESCE($2, last_run_at) WHERE id = $3 AND state = 'active' AND (next_run_at = $4 OR (next_run_at IS NULL AND CAST($4 AS TEXT) IS NULL))";
        SET_CAMPAIGN_STATE = "UPDATE campaign SET state = $1, next_run_at = NULL WHERE id = $2";
    }
}

/// A payee as a set-up file names it.
#[derive(Debug, Clone)]
pub struct SetUpPayee {
    /// Holder, bank, number.
    pub payee: Payee,
    /// Who put it in.
    pub proposed_by: String,
    /// Who confirmed it; somebody else.
    pub confirmed_by: Option<String>,
}

/// A portfolio as a set-up file names it.
#[derive(Debug, Clone)]
pub struct SetUpPortfolio {
    /// Short name.
    pub name: String,
    /// Name of the creditor.
    pub creditor: String,
    /// Name of the sender.
    pub sender: String,
    /// Name of the ladder.
    pub ladder: String,
    /// Policy packs.
    pub packs: Vec<String>,
    /// Zone of its days.
    pub zone: Tz,
    /// Authorised bank accounts.
    pub payees: Vec<SetUpPayee>,
    /// When its campaign runs: five-field cron in `zone`; `None`: never by itself.
    pub cron: Option<String>,
}

/// Everything a set-up file names. Ids are given by the store: things are recognised by name.
#[derive(Debug, Clone, Default)]
pub struct SetUp {
    /// Creditors; their ids are ignored.
    pub creditors: Vec<Creditor>,
    /// Senders; their ids are ignored.
    pub senders: Vec<Sender>,
    /// Portfolios.
    pub portfolios: Vec<SetUpPortfolio>,
}

/// A portfolio walked by its ladder at cron times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Which one.
    pub id: CampaignId,
    /// Which portfolio.
    pub portfolio: PortfolioId,
    /// Five-field cron expression.
    pub cron: String,
    /// The zone the expression is read in.
    pub zone: Tz,
    /// Whether it runs.
    pub active: bool,
    /// When it runs next; `None` until the scheduler has looked at it.
    pub next_run_at: Option<Moment>,
    /// When it ran last.
    pub last_run_at: Option<Moment>,
}

/// One portfolio with everybody it names, shared by all situations.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The portfolio.
    pub portfolio: Arc<Portfolio>,
    /// Its creditor.
    pub creditor: Arc<Creditor>,
    /// Its sender.
    pub sender: Arc<Sender>,
    /// Its payees, confirmed or not.
    pub payees: Arc<Vec<Payee>>,
}

/// The registry as of one version.
#[derive(Debug, Default)]
pub struct Registry {
    /// Moves with every change.
    pub version: i64,
    /// By portfolio.
    pub desks: HashMap<PortfolioId, Desk>,
}

impl Registry {
    /// The portfolio of that name.
    pub fn by_name(&self, name: &str) -> Option<&Desk> {
        self.desks.values().find(|d| d.portfolio.name == name)
    }

    /// All portfolios by name.
    pub fn sorted(&self) -> Vec<&Desk> {
        let mut desks: Vec<_> = self.desks.values().collect();
        desks.sort_by(|a, b| a.portfolio.name.cmp(&b.portfolio.name));
        desks
    }
}

#[derive(sqlx::FromRow)]
struct CreditorRow {
    id: Uuid,
    name: String,
    country: String,
    is_bank: bool,
}

#[derive(sqlx::FromRow)]
struct SenderRow {
    id: Uuid,
    kind: String,
    name: String,
    signature: String,
    licence: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    postal: Option<String>,
    postal_country: Option<String>,
    staffed: Option<String>,
    opt_out_word: String,
    mandate: Option<String>,
}

#[derive(sqlx::FromRow)]
struct PortfolioRow {
    id: Uuid,
    name: String,
    creditor_id: Uuid,
    sender_id: Uuid,
    ladder: String,
    packs: String,
    zone: String,
}

#[derive(sqlx::FromRow)]
struct PayeeRow {
    id: Uuid,
    portfolio_id: Uuid,
    holder: String,
    bank: String,
    number: String,
    #[allow(dead_code, reason = "read for the record, shown by nobody")]
    proposed_by: String,
    confirmed_by: Option<String>,
}

#[derive(sqlx::FromRow)]
struct CampaignRow {
    id: Uuid,
    portfolio_id: Uuid,
    cron: String,
    zone: String,
    state: String,
    next_run_at: Option<Ts>,
    last_run_at: Option<Ts>,
}

/// Reads a zone name that was checked when it was stored.
pub(super) fn zone(name: &str) -> Result<Tz, StoreError> {
    name.parse()
        .map_err(|_| StoreError::Corrupt { what: "time zone" })
}

impl SenderRow {
    fn into_sender(self) -> Result<Sender, StoreError> {
        let corrupt = |what| StoreError::Corrupt { what };
        let postal = match (&self.postal, &self.postal_country) {
            (Some(lines), Some(country)) => {
                Some(PostalAddress::parse(lines, country).map_err(|_| corrupt("sender address"))?)
            }
            _ => None,
        };
        Ok(Sender {
            id: SenderId(self.id),
            kind: word(&self.kind, "kind of sender")?,
            phone: self
                .phone
                .map(|p| PhoneNumber::parse(&p, "CN"))
                .transpose()
                .map_err(|_| corrupt("sender phone"))?,
            email: self
                .email
                .map(|e| EmailAddress::parse(&e))
                .transpose()
                .map_err(|_| corrupt("sender e-mail"))?,
            name: self.name,
            signature: self.signature,
            licence: self.licence,
            postal,
            staffed: self.staffed,
            opt_out_word: self.opt_out_word,
            mandate: self.mandate,
        })
    }
}

/// The registry version inside a transaction.
pub(super) async fn version(tx: &mut Tx) -> Result<i64, StoreError> {
    let (version,): (i64,) = q!(tx, sql::VERSION, [] => one (i64,))?;
    Ok(version)
}

async fn load(tx: &mut Tx) -> Result<Registry, StoreError> {
    let version = version(tx).await?;
    let mut creditors = HashMap::new();
    for r in q!(tx, sql::CREDITORS, [] => all CreditorRow)? {
        let creditor = Creditor {
            id: CreditorId(r.id),
            name: r.name,
            country: r.country,
            is_bank: r.is_bank,
        };
        creditors.insert(r.id, Arc::new(creditor));
    }
    let mut senders = HashMap::new();
    for r in q!(tx, sql::SENDERS, [] => all SenderRow)? {
        senders.insert(r.id, Arc::new(r.into_sender()?));
    }
    let mut payees: HashMap<Uuid, Vec<Payee>> = HashMap::new();
    for r in q!(tx, sql::PAYEES, [] => all PayeeRow)? {
        payees.entry(r.portfolio_id).or_default().push(Payee {
            id: PayeeId(r.id),
            holder: r.holder,
            bank: r.bank,
            number: r.number,
            confirmed: r.confirmed_by.is_some(),
        });
    }
    let mut desks = HashMap::new();
    for r in q!(tx, sql::PORTFOLIOS, [] => all PortfolioRow)? {
        let corrupt = StoreError::Corrupt { what: "portfolio" };
        let (Some(creditor), Some(sender)) = (creditors.get(&r.creditor_id), senders.get(&r.sender_id))
        else {
            return Err(corrupt);
        };
        let portfolio = Portfolio {
            id: PortfolioId(r.id),
            name: r.name,
            creditor: CreditorId(r.creditor_id),
            sender: SenderId(r.sender_id),
            ladder: r.ladder,
            packs: r.packs.split_whitespace().map(str::to_owned).collect(),
            zone: zone(&r.zone)?,
        };
        let desk = Desk {
            portfolio: Arc::new(portfolio),
            creditor: creditor.clone(),
            sender: sender.clone(),
            payees: Arc::new(payees.remove(&r.id).unwrap_or_default()),
        };
        desks.insert(PortfolioId(r.id), desk);
    }
    Ok(Registry { version, desks })
}

impl Store {
    /// The registry as it is now; kept in memory until its version moves.
    pub async fn registry(&self) -> Result<Arc<Registry>, StoreError> {
        let mut tx = self.db.read().await?;
        let current = version(&mut tx).await?;
        if let Some(known) = self.known_registry(current) {
            return Ok(known);
        }
        let fresh = Arc::new(load(&mut tx).await?);
        if let Ok(mut slot) = self.registry.write() {
            *slot = Some(fresh.clone());
        }
        Ok(fresh)
    }

    fn known_registry(&self, version: i64) -> Option<Arc<Registry>> {
        self.registry
            .read()
            .ok()?
            .as_ref()
            .filter(|r| r.version == version)
            .cloned()
    }

    /// The registry inside a running transaction.
    pub(super) async fn registry_in(&self, tx: &mut Tx) -> Result<Arc<Registry>, StoreError> {
        let current = version(tx).await?;
        match self.known_registry(current) {
            Some(known) => Ok(known),
            None => Ok(Arc::new(load(tx).await?)),
        }
    }

    /// Takes in a set-up file: creditors, senders, portfolios, payees and campaigns, recognised by name. Durable
    /// with its evidence when it returns.
    pub async fn set_up(&self, set_up: SetUp, by: &str) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                for c in &set_up.creditors {
                    q!(tx, sql::PUT_CREDITOR, [clock.fresh(), &c.name, &c.country, c.is_bank] => rows)?;
                }
                for s in &set_up.senders {
                    put_sender(tx, clock.fresh(), s).await?;
                }
                for p in &set_up.portfolios {
                    put_portfolio(tx, &*clock, p).await?;
                }
                q!(tx, sql::BUMP, [] => rows)?;
                let names: Vec<_> = set_up.portfolios.iter().map(|p| p.name.as_str().into()).collect();
                let entry = Entry::new(Kind::RegistryChanged, clock.fresh().into(), clock.now())
                    .with("actor", by)
                    .with("portfolios", names);
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }

    /// A second person confirms a payee; only then may a message name it.
    pub async fn confirm_payee(&self, payee: PayeeId, by: &str) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let changed = q!(tx, sql::CONFIRM_PAYEE, [&by, payee.0] => rows)?;
                if changed == 0 {
                    return Err(StoreError::Refused(
                        "a payee is confirmed once, by somebody else than the one who proposed it".into(),
                    ));
                }
                q!(tx, sql::BUMP, [] => rows)?;
                let entry = Entry::new(Kind::RegistryChanged, clock.fresh().into(), clock.now())
                    .with("actor", by)
                    .with("payee_confirmed", payee.to_string());
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }

    /// All campaigns.
    pub async fn campaigns(&self) -> Result<Vec<Campaign>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::CAMPAIGNS, [] => all CampaignRow)?;
        rows.into_iter()
            .map(|r| {
                Ok(Campaign {
                    id: CampaignId(r.id),
                    portfolio: PortfolioId(r.portfolio_id),
                    zone: zone(&r.zone)?,
                    cron: r.cron,
                    active: r.state == "active",
                    next_run_at: r.next_run_at.map(|t| t.0),
                    last_run_at: r.last_run_at.map(|t| t.0),
                })
            })
            .collect()
    }

    /// Moves a campaign's next run, if it still stands where the caller saw it: of two schedulers one wins.
    pub async fn move_next_run(
        &self,
        campaign: &Campaign,
        next: Moment,
        ran: Option<Moment>,
    ) -> Result<bool, StoreError> {
        let (id, seen) = (campaign.id.0, campaign.next_run_at.map(Ts));
        self.write(move |tx| {
            Box::pin(
                async move { Ok(q!(tx, sql::SET_NEXT_RUN, [Ts(next), ran.map(Ts), id, seen] => rows)? == 1) },
            )
        })
        .await
    }

    /// Pauses or resumes a campaign. What is queued stays queued.
    pub async fn set_campaign_active(&self, campaign: CampaignId, active: bool) -> Result<(), StoreError> {
        let state = if active { "active" } else { "paused" };
        self.write(move |tx| {
            Box::pin(async move {
                match q!(tx, sql::SET_CAMPAIGN_STATE, [state, campaign.0] => rows)? {
                    0 => Err(StoreError::Missing {
                        what: "campaign",
                        name: campaign.to_string(),
                    }),
                    _ => Ok(()),
                }
            })
        })
        .await
    }
}

async fn put_sender(tx: &mut Tx, id: Uuid, s: &Sender) -> Result<(), StoreError> {
    let postal = s.postal.as_ref().map(|p| p.lines.join("\n"));
    let country = s.postal.as_ref().map(|p| p.country.clone());
    let phone = s.phone.as_ref().map(|p| p.e164().to_owned());
    let email = s.email.as_ref().map(|e| e.as_str().to_owned());
    q!(tx, sql::PUT_SENDER, [id, s.kind.as_str(), &s.name, &s.signature, &s.licence, phone, email, postal, country,
        &s.staffed, &s.opt_out_word, &s.mandate] => rows)?;
    Ok(())
}

async fn put_portfolio(
    tx: &mut Tx,
    clock: &dyn crate::clock::Clock,
    p: &SetUpPortfolio,
) -> Result<(), StoreError> {
    let packs = p.packs.join(" ");
    q!(tx, sql::PUT_PORTFOLIO, [clock.fresh(), &p.name, &p.creditor, &p.sender, &p.ladder, packs, p.zone.name()] => rows)?;
    for payee in &p.payees {
        if payee.confirmed_by.as_ref() == Some(&payee.proposed_by) {
            return Err(StoreError::Refused(format!(
                "a payee of portfolio `{}` is confirmed by the one who proposed it; somebody else must",
                p.name
            )));
        }
        q!(tx, sql::PUT_PAYEE, [clock.fresh(), &p.name, &payee.payee.holder, &payee.payee.bank, &payee.payee.number,
            &payee.proposed_by, &payee.confirmed_by] => rows)?;
    }
    if let Some(cron) = &p.cron {
        q!(tx, sql::PUT_CAMPAIGN, [clock.fresh(), &p.name, cron, p.zone.name()] => rows)?;
    }
    Ok(())
}
