//! Looking from outside for a time: who may, until when, at what. Everything that is shown is recorded.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::db::{q, statements};
use super::types::Ts;
use super::{Store, StoreError};
use crate::domain::Moment;
use crate::evidence::Kind;

/// No permission lasts longer than this.
const LONGEST: TimeDelta = TimeDelta::days(92);

pub(super) mod sql {
    super::statements! {
        GRANT = "INSERT INTO access_grant (id, auditor, purpose, portfolio, token, granted_by, granted_at, until, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)";
        BY_TOKEN = "SELECT id, auditor, purpose, portfolio, granted_by, granted_at, until, revoked_at FROM access_grant WHERE token = $1";
        ALL = "SELECT id, auditor, purpose, portfolio, granted_by, granted_at, until, revoked_at FROM access_grant ORDER BY granted_at DESC, id DESC LIMIT 200";
        REVOKE = "UPDATE access_grant SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    }
}

/// A permission to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which one.
    pub id: Uuid,
    /// Who may look.
    pub auditor: String,
    /// What for.
    pub purpose: String,
    /// Only at this portfolio; `None`: at all.
    pub portfolio: Option<String>,
    /// Who gave it.
    pub granted_by: String,
    /// When.
    pub granted_at: Moment,
    /// Until when.
    pub until: Moment,
    /// When it was taken back.
    pub revoked_at: Option<Moment>,
}

/// What somebody is to be allowed.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// Who may look.
    pub auditor: String,
    /// What for.
    pub purpose: String,
    /// Only at this portfolio.
    pub portfolio: Option<String>,
    /// For how long.
    pub lasts: TimeDelta,
}

impl Grant {
    /// Whether it holds at this moment.
    pub fn holds(&self, now: Moment) -> bool {
        self.revoked_at.is_none() && now < self.until
    }
}

type Row = (Uuid, String, String, Option<String>, String, Ts, Ts, Option<Ts>);

fn grant((id, auditor, purpose, portfolio, granted_by, granted_at, until, revoked): Row) -> Grant {
    Grant {
        id,
        auditor,
        purpose,
        portfolio,
        granted_by,
        granted_at: granted_at.0,
        until: until.0,
        revoked_at: revoked.map(|r| r.0),
    }
}

fn kept(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

impl Store {
    /// Lets somebody look for a time. The token is given once and never kept.
    ///
    /// # Errors
    /// A time that is not above nothing and at most 92 days.
    pub async fn grant_access(&self, wanted: NewGrant, by: &str) -> Result<(Grant, String), StoreError> {
        if wanted.lasts <= TimeDelta::zero() || wanted.lasts > LONGEST {
            return Err(StoreError::Refused(
                "a permission to look lasts from one hour to 92 days".into(),
            ));
        }
        if wanted.auditor == by {
            return Err(StoreError::Refused(
                "nobody gives this permission to himself".into(),
            ));
        }
        let (clock, by) = (self.clock.clone(), by.to_owned());
        let token = format!("dwa_{}", hex::encode(&self.db.seals().random()[..24]));
        let digest = kept(&token);
        let made = self
            .write(move |tx| {
                Box::pin(async move {
                    let now = clock.now();
                    let made = Grant {
                        id: clock.fresh(),
                        auditor: wanted.auditor,
                        purpose: wanted.purpose,
                        portfolio: wanted.portfolio,
                        granted_by: by,
                        granted_at: now,
                        until: now + wanted.lasts,
                        revoked_at: None,
                    };
                    q!(&mut *tx, sql::GRANT, [made.id, &made.auditor, &made.purpose, &made.portfolio, digest,
                        &made.granted_by, Ts(made.granted_at), Ts(made.until)] => rows)?;
                    let entry = super::log::entry(&*clock, Kind::AccessGranted, now)
                        .with("grant", made.id.to_string())
                        .with("auditor", made.auditor.as_str())
                        .with("purpose", made.purpose.as_str())
                        .with_some("portfolio", made.portfolio.as_deref())
                        .with("actor", made.granted_by.as_str())
                        .with("until", made.until.to_text());
                    super::log::append(tx, &[entry.seal()]).await?;
                    Ok(made)
                })
            })
            .await?;
        Ok((made, token))
    }

    /// The permission that a token stands for.
    ///
    /// # Errors
    /// No such token, one that has run out, or one that was taken back: each its own sentence.
    pub async fn access(&self, token: &str) -> Result<Grant, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::BY_TOKEN, [kept(token)] => opt Row)?;
        let found = found.map(grant);
        let now = self.clock.now();
        match found {
            None => Err(StoreError::Refused("this token was never given".into())),
            Some(g) if g.revoked_at.is_some() => Err(StoreError::Refused(
                "this permission to look was taken back".into(),
            )),
            Some(g) if !g.holds(now) => Err(StoreError::Refused(format!(
                "this permission to look ended at {}",
                g.until
            ))),
            Some(g) => Ok(g),
        }
    }

    /// Permissions, newest first.
    pub async fn grants(&self) -> Result<Vec<Grant>, StoreError> {
        let mut tx = self.db.read().await?;
        Ok(q!(&mut tx, sql::ALL, [] => all Row)?
            .into_iter()
            .map(grant)
            .collect())
    }

    /// Takes a permission back.
    ///
    /// # Errors
    /// There is no such permission, or it was taken back before.
    pub async fn revoke_access(&self, id: Uuid, by: &str) -> Result<(), StoreError> {
        let (clock, by) = (self.clock.clone(), by.to_owned());
        self.write(move |tx| {
            Box::pin(async move {
                let now = clock.now();
                if q!(&mut *tx, sql::REVOKE, [Ts(now), id] => rows)? == 0 {
                    return Err(StoreError::Missing {
                        what: "permission to look",
                        name: id.to_string(),
                    });
                }
                let entry = super::log::entry(&*clock, Kind::AccessRevoked, now)
                    .with("grant", id.to_string())
                    .with("actor", by);
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }
}
