//! Policies in versions: sets of texts that never change, which of them is in force from when, and who said so.
//!
//! A set comes into force by two people: one asks, another approves. Only the founding set of a database needs none.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::bulk::{Bytes, bulk, row};
use super::db::{Tx, q, statements};
use super::types::Ts;
use super::{Store, StoreError};
use crate::clock::Clock;
use crate::domain::Moment;
use crate::evidence::{Entry, Kind, Value, kept_text, read_set_list, set_list};

pub(super) mod sql {
    super::statements! {
        PUT_DOCUMENTS = bulk super::DocumentRow => "INSERT INTO document (digest, bytes) SELECT digest, bytes FROM {batch} AS r WHERE TRUE ORDER BY digest ON CONFLICT (digest) DO NOTHING";
        DOCUMENT = "SELECT bytes FROM document WHERE digest = $1";
        DOCUMENTS = {
            sqlite: "SELECT digest, bytes FROM document WHERE digest IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT digest, bytes FROM document WHERE digest = ANY (ARRAY(SELECT decode(jsonb_array_elements_text(CAST($1 AS JSONB)), 'hex')))",
        };
        PUT_SET = "INSERT INTO policy_set (digest, policy, packs, published_by, published_at, remark) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (digest) DO NOTHING";
        SETS = "SELECT digest, policy, packs, published_by, published_at, remark FROM policy_set ORDER BY published_at, digest";
        KNOWN_SET = "SELECT COUNT(*) FROM policy_set WHERE digest = $1";
        ACTIVATIONS = "SELECT id, set_digest, effective_at, asked_by, asked_at, approved_by, approved_at, in_force_at, founding, withdrawn_by, withdrawn_at FROM activation ORDER BY asked_at, id";
        WAITING = {
            sqlite: "SELECT id, set_digest, effective_at, asked_by, asked_at, approved_by, approved_at, in_force_at, founding, withdrawn_by, withdrawn_at FROM activation WHERE set_digest = $1 AND in_force_at IS NULL AND withdrawn_at IS NULL ORDER BY asked_at DESC, id DESC LIMIT 1",
            postgres: "SELECT id, set_digest, effective_at, asked_by, asked_at, approved_by, approved_at, in_force_at, founding, withdrawn_by, withdrawn_at FROM activation WHERE set_digest = $1 AND in_force_at IS NULL AND withdrawn_at IS NULL ORDER BY asked_at DESC, id DESC LIMIT 1 FOR UPDATE",
        };
        ANY_ACTIVATION = "SELECT COUNT(*) FROM (SELECT 1 FROM activation LIMIT 1) AS first";
        PUT_ACTIVATION = "INSERT INTO activation (id, set_digest, effective_at, asked_by, asked_at, approved_by, approved_at, in_force_at, founding) VALUES ($1, $2, $3, $4, $5, NULL, NULL, $6, $7)";
        APPROVE = "UPDATE activation SET approved_by = $1, approved_at = $2, in_force_at = $3 WHERE id = $4 AND in_force_at IS NULL";
        WITHDRAW = "UPDATE activation SET withdrawn_by = $1, withdrawn_at = $2 WHERE id = $3 AND in_force_at IS NULL";
        IN_FORCE = "SELECT set_digest FROM activation WHERE in_force_at <= $1 ORDER BY in_force_at DESC, id DESC LIMIT 1";
        SCHEDULE = "SELECT in_force_at, set_digest FROM activation WHERE in_force_at IS NOT NULL ORDER BY in_force_at, id";
    }
}

/// The name of a published set: the SHA-256 of its list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetDigest(pub [u8; 32]);

impl SetDigest {
    fn read(bytes: &[u8]) -> Result<SetDigest, StoreError> {
        let corrupt = |_| StoreError::Corrupt { what: "digest" };
        bytes.try_into().map(SetDigest).map_err(corrupt)
    }

    /// Reads 64 hex digits.
    pub fn parse(hex_digits: &str) -> Option<SetDigest> {
        let mut digest = [0; 32];
        hex::decode_to_slice(hex_digits, &mut digest).ok()?;
        Some(SetDigest(digest))
    }

    /// The first twelve hex digits, as people see it.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl std::fmt::Display for SetDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl std::fmt::Debug for SetDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetDigest({})", self.short())
    }
}

/// A set of policies that was read and checked, to be published.
#[derive(Debug, Clone)]
pub struct NewSet {
    /// Paths below the policies folder, with texts.
    pub files: Vec<(String, String)>,
    /// What decisions under it name as `policy`.
    pub policy: String,
    /// Names and versions of its packs.
    pub packs: BTreeMap<String, String>,
}

impl NewSet {
    /// The name that it has once published.
    pub fn digest(&self) -> SetDigest {
        digest_of(&set_list("policies", &self.files))
    }
}

/// A published set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySetRow {
    /// Its name.
    pub digest: SetDigest,
    /// What decisions under it name as `policy`.
    pub policy: String,
    /// Names and versions of its packs.
    pub packs: BTreeMap<String, String>,
    /// Who published it.
    pub published_by: String,
    /// When.
    pub published_at: Moment,
    /// What the publisher remarked.
    pub remark: Option<String>,
}

/// That a set shall come into force, or is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Which one.
    pub id: Uuid,
    /// Which set.
    pub set: SetDigest,
    /// From when, as asked.
    pub effective_at: Moment,
    /// Who asked.
    pub asked_by: String,
    /// When.
    pub asked_at: Moment,
    /// Who approved, somebody else; and when.
    pub approved: Option<(String, Moment)>,
    /// From when it counts: as asked, but not before it was approved. `None`: not approved.
    pub in_force_at: Option<Moment>,
    /// The first set of the database, which needs no second person.
    pub founding: bool,
    /// Who took it back before anybody approved it, and when.
    pub withdrawn: Option<(String, Moment)>,
}

row! {
    pub(super) struct DocumentRow {
        pub(super) digest: Bytes,
        pub(super) bytes: String,
    }
}

#[derive(sqlx::FromRow)]
struct SetRow {
    digest: Vec<u8>,
    policy: String,
    packs: String,
    published_by: String,
    published_at: Ts,
    remark: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ActivationRow {
    id: Uuid,
    set_digest: Vec<u8>,
    effective_at: Ts,
    asked_by: String,
    asked_at: Ts,
    approved_by: Option<String>,
    approved_at: Option<Ts>,
    in_force_at: Option<Ts>,
    founding: bool,
    withdrawn_by: Option<String>,
    withdrawn_at: Option<Ts>,
}

impl ActivationRow {
    fn into_activation(self) -> Result<Activation, StoreError> {
        Ok(Activation {
            id: self.id,
            set: SetDigest::read(&self.set_digest)?,
            effective_at: self.effective_at.0,
            asked_by: self.asked_by,
            asked_at: self.asked_at.0,
            approved: self.approved_by.zip(self.approved_at.map(|t| t.0)),
            in_force_at: self.in_force_at.map(|t| t.0),
            founding: self.founding,
            withdrawn: self.withdrawn_by.zip(self.withdrawn_at.map(|t| t.0)),
        })
    }
}

/// SHA-256 of a text that is kept under it.
pub(super) fn text_digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn digest_of(text: &str) -> SetDigest {
    SetDigest(text_digest(text))
}

/// The rows of texts under their own digests.
fn documents<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<DocumentRow> {
    let row = |text: &str| {
        let bytes = kept_text(text);
        DocumentRow {
            digest: Bytes(digest_of(&bytes).0.to_vec()),
            bytes,
        }
    };
    let by_digest: BTreeMap<Vec<u8>, DocumentRow> = texts
        .into_iter()
        .map(row)
        .map(|r| (r.digest.0.clone(), r))
        .collect();
    by_digest.into_values().collect()
}

/// A name that a person gave with `--by`.
fn person(name: &str) -> Result<String, StoreError> {
    let name = name.trim();
    let fits = (1..=80).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    match fits {
        true => Ok(name.to_owned()),
        false => Err(StoreError::Refused(
            "a person has a name of 1 to 80 characters".into(),
        )),
    }
}

/// Which set is in force at a moment.
pub(super) async fn in_force(tx: &mut Tx, at: Moment) -> Result<Option<SetDigest>, StoreError> {
    let found = q!(&mut *tx, sql::IN_FORCE, [Ts(at)] => opt (Vec<u8>,))?;
    found.map(|(digest,)| SetDigest::read(&digest)).transpose()
}

/// Writes a set with its entry, unless it is there.
async fn put_set(
    tx: &mut Tx,
    clock: &dyn Clock,
    set: &NewSet,
    by: &str,
    remark: Option<&str>,
) -> Result<bool, StoreError> {
    let list = set_list("policies", &set.files);
    let digest = digest_of(&list);
    let texts = set
        .files
        .iter()
        .map(|(_, text)| text.as_str())
        .chain([list.as_str()]);
    bulk(tx, &sql::PUT_DOCUMENTS, &documents(texts)).await?;
    let packs = serde_json::to_string(&set.packs).expect("names and versions are plain text");
    let now = clock.now();
    let fresh =
        q!(&mut *tx, sql::PUT_SET, [digest.0.to_vec(), &set.policy, packs, by, Ts(now), remark] => rows)?;
    if fresh == 0 {
        return Ok(false);
    }
    let packs = set.packs.iter().map(|(name, version)| {
        Value::from([
            ("name", name.as_str().into()),
            ("version", version.as_str().into()),
        ])
    });
    let packs = Value::List(packs.collect());
    let entry = Entry::new(Kind::PolicyPublished, clock.fresh().into(), now)
        .with("actor", by)
        .with("set", digest.to_string())
        .with("policy", set.policy.as_str())
        .with("packs", super::decide::keep_object(tx, &packs).await?)
        .with("files", i64::try_from(set.files.len()).unwrap_or(i64::MAX))
        .with_some("remark", remark);
    super::log::append(tx, &[entry.seal()]).await?;
    Ok(true)
}

/// Writes that a set shall come into force, with its entry.
async fn put_activation(
    tx: &mut Tx,
    clock: &dyn Clock,
    (set, at): (SetDigest, Moment),
    by: &str,
    founding: bool,
) -> Result<Activation, StoreError> {
    let (id, now) = (clock.fresh(), clock.now());
    let in_force_at = founding.then_some(Ts(now));
    q!(&mut *tx, sql::PUT_ACTIVATION, [id, set.0.to_vec(), Ts(at), by, Ts(now), in_force_at, founding] => rows)?;
    let mut entry = Entry::new(Kind::PolicyActivated, clock.fresh().into(), now)
        .with("actor", by)
        .with("activation", id.to_string())
        .with("set", set.to_string())
        .with("effective_at", at.to_text());
    if founding {
        entry = entry.with("founding", true).with("in_force_at", now.to_text());
        q!(&mut *tx, super::registry::sql::BUMP, [] => rows)?;
    }
    super::log::append(tx, &[entry.seal()]).await?;
    Ok(Activation {
        id,
        set,
        effective_at: at,
        asked_by: by.to_owned(),
        asked_at: now,
        approved: None,
        in_force_at: founding.then_some(now),
        founding,
        withdrawn: None,
    })
}

/// The newest request for a set that nobody approved or took back.
async fn waiting(tx: &mut Tx, set: SetDigest) -> Result<Activation, StoreError> {
    let found = q!(&mut *tx, sql::WAITING, [set.0.to_vec()] => opt ActivationRow)?;
    let none = || {
        StoreError::Refused(format!(
            "nothing waits for approval of `{}`\nask first with `dunwell policy activate`; what was approved is replaced by activating another set",
            set.short()
        ))
    };
    found.ok_or_else(none)?.into_activation()
}

impl Store {
    /// Publishes a set: its texts are kept for good under their digests. Says whether it is new. Durable with evidence
    /// when it returns; nothing comes into force by this.
    pub async fn publish_set(
        &self,
        set: NewSet,
        by: &str,
        remark: Option<&str>,
    ) -> Result<(SetDigest, bool), StoreError> {
        let (clock, by, remark) = (self.clock.clone(), person(by)?, remark.map(str::to_owned));
        let digest = set.digest();
        let new = self
            .write(move |tx| {
                Box::pin(async move { put_set(tx, &*clock, &set, &by, remark.as_deref()).await })
            })
            .await?;
        Ok((digest, new))
    }

    /// Publishes a set and brings it into force at once, if no set ever was: the only one without a second person.
    /// Gives nothing where there is a set already.
    pub async fn found_policies(&self, set: NewSet, by: &str) -> Result<Option<Activation>, StoreError> {
        let (clock, by) = (self.clock.clone(), person(by)?);
        self.write(move |tx| {
            Box::pin(async move {
                // Of several programs that start together one founds.
                q!(&mut *tx, super::import::sql::ONE_AT_A_TIME, [] => one (i64,))?;
                let (any,) = q!(&mut *tx, sql::ANY_ACTIVATION, [] => one (i64,))?;
                if any > 0 {
                    return Ok(None);
                }
                put_set(tx, &*clock, &set, &by, None).await?;
                let what = (set.digest(), clock.now());
                put_activation(tx, &*clock, what, &by, true).await.map(Some)
            })
        })
        .await
    }

    /// Asks that a published set come into force at `at`. It waits for a second person. Durable with evidence when it
    /// returns.
    ///
    /// # Errors
    /// `Refused` for a moment that has passed, `Missing` for a set that was not published.
    pub async fn activate_set(
        &self,
        set: SetDigest,
        at: Option<Moment>,
        by: &str,
    ) -> Result<Activation, StoreError> {
        let (clock, by) = (self.clock.clone(), person(by)?);
        self.write(move |tx| {
            Box::pin(async move {
                let now = clock.now();
                let at = at.unwrap_or(now);
                if at < now {
                    return Err(StoreError::Refused(format!(
                        "a policy cannot begin in the past: {at} has gone, it is {now}"
                    )));
                }
                let (known,) = q!(&mut *tx, sql::KNOWN_SET, [set.0.to_vec()] => one (i64,))?;
                if known == 0 {
                    return Err(missing(&set.to_string()));
                }
                put_activation(tx, &*clock, (set, at), &by, false).await
            })
        })
        .await
    }

    /// A second person approves the newest request for a set. It comes into force at the moment that was asked for, or
    /// at once where that has passed. Durable with evidence when it returns.
    ///
    /// # Errors
    /// `Refused` where nothing waits, or where the same person asked.
    pub async fn approve_set(&self, set: SetDigest, by: &str) -> Result<Activation, StoreError> {
        let (clock, by) = (self.clock.clone(), person(by)?);
        self.write(move |tx| {
            Box::pin(async move {
                let mut activation = waiting(tx, set).await?;
                if activation.asked_by.to_lowercase() == by.to_lowercase() {
                    return Err(StoreError::Refused(
                        "a set is approved by somebody else than the one who asked for it".into(),
                    ));
                }
                let now = clock.now();
                let from = activation.effective_at.max(now);
                q!(&mut *tx, sql::APPROVE, [&by, Ts(now), Ts(from), activation.id] => rows)?;
                q!(&mut *tx, super::registry::sql::BUMP, [] => rows)?;
                let entry = Entry::new(Kind::PolicyApproved, clock.fresh().into(), now)
                    .with("actor", by.as_str())
                    .with("activation", activation.id.to_string())
                    .with("set", set.to_string())
                    .with("in_force_at", from.to_text());
                super::log::append(tx, &[entry.seal()]).await?;
                activation.approved = Some((by, now));
                activation.in_force_at = Some(from);
                Ok(activation)
            })
        })
        .await
    }

    /// Takes the newest request for a set back that nobody approved yet; whoever asked may, and anybody else. Durable
    /// with evidence when it returns.
    ///
    /// # Errors
    /// `Refused` where nothing waits. What was approved never changes: another set is activated instead.
    pub async fn withdraw_activation(&self, set: SetDigest, by: &str) -> Result<Activation, StoreError> {
        let (clock, by) = (self.clock.clone(), person(by)?);
        self.write(move |tx| {
            Box::pin(async move {
                let mut activation = waiting(tx, set).await?;
                let now = clock.now();
                q!(&mut *tx, sql::WITHDRAW, [&by, Ts(now), activation.id] => rows)?;
                let entry = Entry::new(Kind::PolicyWithdrawn, clock.fresh().into(), now)
                    .with("actor", by.as_str())
                    .with("activation", activation.id.to_string())
                    .with("set", set.to_string());
                super::log::append(tx, &[entry.seal()]).await?;
                activation.withdrawn = Some((by, now));
                Ok(activation)
            })
        })
        .await
    }

    /// Every published set, oldest first.
    pub async fn policy_sets(&self) -> Result<Vec<PolicySetRow>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::SETS, [] => all SetRow)?;
        let set = |r: SetRow| {
            Ok(PolicySetRow {
                digest: SetDigest::read(&r.digest)?,
                policy: r.policy,
                packs: serde_json::from_str(&r.packs).map_err(|_| StoreError::Corrupt {
                    what: "list of packs",
                })?,
                published_by: r.published_by,
                published_at: r.published_at.0,
                remark: r.remark,
            })
        };
        rows.into_iter().map(set).collect()
    }

    /// Every activation, oldest first.
    pub async fn activations(&self) -> Result<Vec<Activation>, StoreError> {
        let mut tx = self.db.read().await?;
        let rows = q!(&mut tx, sql::ACTIVATIONS, [] => all ActivationRow)?;
        rows.into_iter().map(ActivationRow::into_activation).collect()
    }

    /// The set of which somebody typed the beginning, at least four digits.
    pub async fn find_set(&self, typed: &str) -> Result<SetDigest, StoreError> {
        let typed = typed.trim().to_lowercase();
        let hex = typed.len() >= 4 && typed.bytes().all(|b| b.is_ascii_hexdigit());
        let sets = if hex {
            self.policy_sets().await?
        } else {
            Vec::new()
        };
        let mut fits = sets.iter().filter(|s| s.digest.to_string().starts_with(&typed));
        match (fits.next(), fits.next()) {
            (Some(set), None) => Ok(set.digest),
            (None, _) => Err(missing(&typed)),
            _ => Err(StoreError::Refused(format!(
                "several sets match `{typed}`; write more of the digest"
            ))),
        }
    }

    /// The files of a set of policies or templates: paths and texts, sorted by path.
    pub async fn set_files(&self, set: SetDigest) -> Result<Vec<(String, String)>, StoreError> {
        const CORRUPT: StoreError = StoreError::Corrupt { what: "set of files" };
        let mut tx = self.db.read().await?;
        let list = q!(&mut tx, sql::DOCUMENT, [set.0.to_vec()] => opt (String,))?;
        let (list,) = list.ok_or_else(|| missing(&set.to_string()))?;
        let list = read_set_list(&list).ok_or(CORRUPT)?;
        let digests: Vec<&str> = list.iter().map(|(_, digest)| digest.as_str()).collect();
        let digests = serde_json::to_string(&digests).expect("digests are plain text");
        let found: HashMap<String, String> = q!(&mut tx, sql::DOCUMENTS, [digests] => all (Vec<u8>, String))?
            .into_iter()
            .map(|(digest, bytes)| (hex::encode(digest), bytes))
            .collect();
        // What was changed by hand is not what was published.
        let whole = |digest: &String| {
            let text = found.get(digest)?;
            (digest_of(text).to_string() == *digest).then(|| text.clone())
        };
        let file = |(path, digest)| whole(&digest).map(|text| (path, text)).ok_or(CORRUPT);
        list.into_iter().map(file).collect()
    }

    /// A kept text by the hex digits of its digest; `None` where it is not there or was changed by hand.
    pub async fn document(&self, digest: &str) -> Result<Option<String>, StoreError> {
        let Some(digest) = SetDigest::parse(digest) else {
            return Ok(None);
        };
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::DOCUMENT, [digest.0.to_vec()] => opt (String,))?;
        Ok(found.map(|(text,)| text).filter(|text| digest_of(text) == digest))
    }

    /// Keeps the texts of the templates in use; the first time with an entry. Returns the name of the set.
    pub async fn keep_templates(&self, files: &[(String, String)]) -> Result<SetDigest, StoreError> {
        let list = set_list("templates", files);
        let digest = digest_of(&list);
        let texts = files.iter().map(|(_, text)| text.as_str()).chain([list.as_str()]);
        let rows = documents(texts);
        self.write(move |tx| {
            Box::pin(async move {
                bulk(tx, &sql::PUT_DOCUMENTS, &rows).await?;
                Ok(())
            })
        })
        .await?;
        self.publish(Kind::TemplatePublished, vec![("templates".to_owned(), digest.0)])
            .await?;
        Ok(digest)
    }

    /// The set in force at a moment; `None` before the first.
    pub async fn set_in_force(&self, at: Moment) -> Result<Option<SetDigest>, StoreError> {
        let mut tx = self.db.read().await?;
        in_force(&mut tx, at).await
    }

    /// From when which set is in force, in order, with the version of the registry, which moves when this changes.
    pub async fn policy_schedule(&self) -> Result<(i64, Vec<(Moment, SetDigest)>), StoreError> {
        let mut tx = self.db.read().await?;
        let version = super::registry::version(&mut tx).await?;
        let rows = q!(&mut tx, sql::SCHEDULE, [] => all (Ts, Vec<u8>))?;
        let step = |(at, set): (Ts, Vec<u8>)| Ok((at.0, SetDigest::read(&set)?));
        let steps: Result<_, StoreError> = rows.into_iter().map(step).collect();
        Ok((version, steps?))
    }

    /// The version of the registry, which moves with every change of portfolios, payees and policies in force.
    pub async fn registry_version(&self) -> Result<i64, StoreError> {
        let mut tx = self.db.read().await?;
        super::registry::version(&mut tx).await
    }
}

fn missing(name: &str) -> StoreError {
    StoreError::Missing {
        what: "policy set",
        name: name.to_owned(),
    }
}
