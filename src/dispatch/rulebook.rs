//! Everything people write that decides and words a message: templates, policy packs, calendars and ladders, read
//! once and checked against each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::config::{Config, ConfigError, policies, templates};
use crate::planner::{Ladder, LadderError};
use crate::policy::{Holidays, Pack, PackTexts, PolicyError, PolicySet};
use crate::render::{Catalogue, TemplateError};

/// Templates, policies and ladders of a running Dunwell.
#[derive(Debug)]
pub struct Rulebook {
    /// Templates.
    pub catalogue: Catalogue,
    /// Policy packs and calendars.
    pub policy: PolicySet,
    /// Ladders by name.
    pub ladders: BTreeMap<String, Ladder>,
    /// Digests of every file group for the evidence: name and SHA-256.
    pub documents: Vec<(String, [u8; 32])>,
}

/// Why the rulebook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulebookError {
    /// A folder or file cannot be read.
    #[error(transparent)]
    Files(#[from] ConfigError),
    /// A template is wrong.
    #[error("templates/{0}")]
    Template(#[from] TemplateError),
    /// A policy pack is wrong.
    #[error("{0}")]
    Policy(#[from] PolicyError),
    /// A ladder is wrong.
    #[error("policies/{0}")]
    Ladder(#[from] LadderError),
    /// A step of a ladder could never be sent.
    #[error(
        "policies/ladders/{ladder}.toml: step `{step}`: template `{template}` is written for none of its channels"
    )]
    NoChannel {
        /// The ladder.
        ladder: String,
        /// The step.
        step: String,
        /// The template.
        template: String,
    },
    /// A ladder names a template that is not there.
    #[error("policies/ladders/{ladder}.toml: template `{template}` is not in the catalogue")]
    NoTemplate {
        /// The ladder.
        ladder: String,
        /// The template it names.
        template: String,
    },
}

/// The first step whose template is written for none of its channels.
fn unsendable(ladder: &Ladder, catalogue: &Catalogue) -> Option<(String, String)> {
    let steps = ladder
        .stages
        .iter()
        .flat_map(|s| &s.steps)
        .chain(&ladder.on_broken_promise);
    steps
        .flat_map(|s| {
            std::iter::once(&s.template)
                .chain(&s.observation_template)
                .map(move |t| (s, t))
        })
        .filter_map(|(step, id)| Some((step, catalogue.template(id)?)))
        .find(|(step, template)| !step.channels.iter().any(|c| template.channels.contains(c)))
        .map(|(step, template)| (step.id.clone(), template.id.clone()))
}

impl Rulebook {
    /// Reads the rulebook that the settings point to: the files inside the program, or folders that replace them.
    pub fn load(config: &Config) -> Result<Rulebook, RulebookError> {
        Rulebook::parse(&templates(config)?, &policies(config)?)
    }

    /// Reads a rulebook from texts: paths below `templates/` and below `policies/`.
    pub fn parse(
        templates: &[(String, String)],
        policies: &[(String, String)],
    ) -> Result<Rulebook, RulebookError> {
        let catalogue = Catalogue::parse(templates)?;
        let mut packs = Vec::new();
        let mut ladders = BTreeMap::new();
        let mut documents = Vec::new();
        for (path, content) in policies {
            if let Some(name) = path.strip_suffix("/policy.toml") {
                let texts = PackTexts::join(name, policies);
                packs.push(Arc::new(Pack::parse(&texts.files(name))?));
            } else if path.starts_with("ladders/") && path.ends_with(".toml") {
                let ladder = Ladder::parse(path, content, Sha256::digest(content).into())?;
                ladders.insert(ladder.name.clone(), ladder);
            }
            documents.push((format!("policies/{path}"), Sha256::digest(content).into()));
        }
        for ladder in ladders.values() {
            if let Some((step, template)) = unsendable(ladder, &catalogue) {
                return Err(RulebookError::NoChannel {
                    ladder: ladder.name.clone(),
                    step,
                    template,
                });
            }
            if let Some(missing) = ladder.templates().find(|t| catalogue.template(t).is_none()) {
                return Err(RulebookError::NoTemplate {
                    ladder: ladder.name.clone(),
                    template: missing.to_owned(),
                });
            }
        }
        let holidays = Holidays::parse(policies)?;
        documents.extend(
            templates
                .iter()
                .map(|(path, content)| (format!("templates/{path}"), Sha256::digest(content).into())),
        );
        let policy = PolicySet::new(packs, holidays);
        if let Some(fault) = policy.lexicons().faults().first() {
            return Err(fault.clone().into());
        }
        Ok(Rulebook {
            catalogue,
            policy,
            ladders,
            documents,
        })
    }
}
