//! Which rulebook is in force: one that was handed in, or the published set whose moment has come, changed at that
//! moment without a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::rulebook::{Rulebook, RulebookError};
use crate::domain::Moment;
use crate::store::{SetDigest, Store, StoreError};

/// A rulebook with the names under which its texts are kept.
#[derive(Debug)]
pub struct InForce {
    /// Templates, policies and ladders.
    pub rulebook: Arc<Rulebook>,
    /// The published set of policies; `None`: of no published set.
    pub set: Option<SetDigest>,
    /// The kept set of templates.
    pub templates: Option<SetDigest>,
}

/// Why no rulebook is in force. Nothing is sent then.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No set was ever activated, or none has come into force yet.
    #[error(
        "no set of policies is in force\npublish one with `dunwell policy publish`, then activate and approve it"
    )]
    None,
    /// A set that is in force cannot be used by this program with these templates.
    #[error("the policies in force, set {}, cannot be used: {error}", .set.short())]
    Unusable {
        /// The set.
        set: SetDigest,
        /// What is wrong.
        error: Box<RulebookError>,
    },
}

/// Gives the rulebook of the moment. Cheap to clone.
#[derive(Clone)]
pub enum Rules {
    /// Always the same.
    Fixed(Arc<InForce>),
    /// The published sets of a store.
    Published(Arc<Published>),
}

impl From<Arc<Rulebook>> for Rules {
    fn from(rulebook: Arc<Rulebook>) -> Rules {
        Rules::Fixed(Arc::new(InForce {
            rulebook,
            set: None,
            templates: None,
        }))
    }
}

/// From when which set is in force, as of one version of the registry.
#[derive(Debug, Default)]
struct Schedule {
    version: i64,
    steps: Vec<(Moment, SetDigest)>,
}

/// The published sets of a store, read when they are first needed.
pub struct Published {
    store: Store,
    templates: Vec<(String, String)>,
    kept_templates: Option<SetDigest>,
    schedule: RwLock<Schedule>,
    read: Mutex<HashMap<SetDigest, Arc<InForce>>>,
}

impl Rules {
    /// The published sets of a store, with these templates, whose texts are kept.
    pub async fn published(store: &Store, templates: Vec<(String, String)>) -> Result<Rules, RulesError> {
        let kept_templates = store.keep_templates(&templates).await?;
        Ok(Rules::of(store, templates, Some(kept_templates)))
    }

    /// The same for somebody who only looks: nothing is kept.
    pub fn looked_at(store: &Store, templates: Vec<(String, String)>) -> Rules {
        Rules::of(store, templates, None)
    }

    fn of(store: &Store, templates: Vec<(String, String)>, kept_templates: Option<SetDigest>) -> Rules {
        Rules::Published(Arc::new(Published {
            store: store.clone(),
            templates,
            kept_templates,
            schedule: RwLock::new(Schedule {
                version: i64::MIN,
                steps: Vec::new(),
            }),
            read: Mutex::default(),
        }))
    }

    /// The rulebook in force at `now`.
    ///
    /// # Errors
    /// Where there is none or it cannot be used: then nothing may be sent.
    pub async fn at(&self, now: Moment) -> Result<Arc<InForce>, RulesError> {
        match self {
            Rules::Fixed(fixed) => Ok(fixed.clone()),
            Rules::Published(published) => published.at(now).await,
        }
    }
}

impl Published {
    async fn at(&self, now: Moment) -> Result<Arc<InForce>, RulesError> {
        let version = self.store.registry_version().await?;
        if self
            .schedule
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .version
            != version
        {
            self.look_ahead(now).await?;
        }
        let set = {
            let schedule = self.schedule.read().unwrap_or_else(PoisonError::into_inner);
            let begun = schedule.steps.iter().rev().find(|(from, _)| *from <= now);
            begun.map(|(_, set)| *set).ok_or(RulesError::None)?
        };
        self.of(set).await
    }

    /// Reads the schedule anew, and the sets that are still to come, so that a fault shows before their moment.
    async fn look_ahead(&self, now: Moment) -> Result<(), RulesError> {
        let (version, steps) = self.store.policy_schedule().await?;
        for (from, set) in steps.iter().filter(|(from, _)| *from > now) {
            if let Err(e) = self.of(*set).await {
                tracing::error!(error = %e, from = %from, "a set of policies that comes into force cannot be used");
            }
        }
        let fresh = Schedule { version, steps };
        *self.schedule.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    async fn of(&self, set: SetDigest) -> Result<Arc<InForce>, RulesError> {
        let known = |read: &HashMap<_, Arc<InForce>>| read.get(&set).cloned();
        if let Some(found) = known(&self.read.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(found);
        }
        let files = self.store.set_files(set).await?;
        let rulebook = Rulebook::parse(&self.templates, &files).map_err(|e| RulesError::Unusable {
            set,
            error: Box::new(e),
        })?;
        let in_force = Arc::new(InForce {
            rulebook: Arc::new(rulebook),
            set: Some(set),
            templates: self.kept_templates,
        });
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(read.entry(set).or_insert(in_force).clone())
    }
}
