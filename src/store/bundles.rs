//! What bundles are made of: which entries answer a question, the objects that they name, the heads that vouch for them.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::db::{q, statements};
use super::tree::stored;
use super::versions::SetDigest;
use super::{Anchor, Head, Store, StoreError};
use crate::evidence::Kind;
use crate::evidence::bundle::{Scope, Selected, Walk};

pub(super) mod sql {
    super::statements! {
        // Entries that a bundle leaves behind itself: they do not make an older head too old to answer with.
        SINCE = "SELECT COUNT(*) FROM (SELECT e.one FROM (SELECT 1 AS one FROM evidence WHERE position >= $1 AND kind NOT IN ('export.made', 'anchor.added') UNION ALL SELECT 1 AS one FROM evidence_outbox WHERE kind NOT IN ('export.made', 'anchor.added')) AS e LIMIT 1) AS first";
        // The bytes of many entries, a line each: canonical JSON has no line breaks.
        LINES = {
            sqlite: "SELECT COUNT(*) AS entries, COALESCE(group_concat(x.bytes, char(10)), '') AS bodies FROM (SELECT bytes FROM evidence WHERE position >= $1 AND position < $2 ORDER BY position) AS x",
            postgres: "SELECT COUNT(*) AS entries, COALESCE(string_agg(x.bytes, chr(10) ORDER BY x.position), '') AS bodies FROM (SELECT position, bytes FROM evidence WHERE position >= $1 AND position < $2) AS x",
        };
        OF_ATTEMPT = "SELECT position FROM evidence WHERE attempt_id = $1 AND position < $2 ORDER BY position";
        TRACES = {
            sqlite: "SELECT digest, bytes FROM trace WHERE digest IN (SELECT unhex(value) FROM json_each($1))",
            postgres: "SELECT digest, bytes FROM trace WHERE digest = ANY (ARRAY(SELECT decode(jsonb_array_elements_text(CAST($1 AS JSONB)), 'hex')))",
        };
        SETS_OF = "SELECT digest FROM published WHERE kind = $1 ORDER BY at DESC, digest";
        FIRST_ANCHORED = "SELECT size FROM evidence_anchor WHERE kind = $1 AND size > $2 AND size < $3 ORDER BY size LIMIT 1";
    }
}

/// Entries that are read at once while the log is walked.
const PAGE: u64 = 4096;

/// An older head that somebody outside vouched for.
#[derive(Debug, Clone)]
pub struct Anchored {
    /// The head.
    pub head: Head,
    /// What was said of it.
    pub anchors: Vec<Anchor>,
}

impl Store {
    /// Whether the newest head still answers for today: nothing was recorded after it but that bundles were made and
    /// heads were anchored.
    pub async fn is_current(&self, head: &Head) -> Result<bool, StoreError> {
        let mut tx = self.db.read().await?;
        let size = stored(head.signed.checkpoint.size)?;
        let (since,) = q!(&mut tx, sql::SINCE, [size] => one (i64,))?;
        Ok(since == 0)
    }

    /// The entries of one attempt among the first `size`.
    pub async fn entries_of(&self, attempt: Uuid, size: u64) -> Result<Vec<u64>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::OF_ATTEMPT, [attempt, stored(size)?] => all (i64,))?;
        Ok(found
            .into_iter()
            .filter_map(|(n,)| u64::try_from(n).ok())
            .collect())
    }

    /// Walks the first `size` entries of the log and gives those that belong to the scope.
    ///
    /// # Errors
    /// An entry is missing or is not canonical.
    pub async fn select(&self, scope: &Scope, size: u64) -> Result<Selected, StoreError> {
        const CORRUPT: StoreError = StoreError::Corrupt {
            what: "log; `dunwell evidence verify` says more",
        };
        let mut walk = Walk::new(scope);
        let mut tx = self.db.read().await?;
        for from in (0..size).step_by(PAGE as usize) {
            let to = (from + PAGE).min(size);
            let range = (stored(from)?, stored(to)?);
            let (entries, bodies) = q!(&mut tx, sql::LINES, [range.0, range.1] => one (i64, String))?;
            if entries != range.1 - range.0 {
                return Err(CORRUPT);
            }
            for (index, bytes) in (from..to).zip(bodies.split('\n')) {
                if !walk.entry(index, bytes) {
                    return Err(CORRUPT);
                }
            }
        }
        Ok(walk.finish())
    }

    /// Objects and documents by their digests in hex; those that are not there, or were changed by hand, are left out.
    pub async fn named_objects(
        &self,
        digests: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let list = serde_json::to_string(digests).expect("digests are plain text");
        let mut tx = self.db.read().await?;
        let mut found = q!(&mut tx, sql::TRACES, [&list] => all (Vec<u8>, String))?;
        found.extend(q!(&mut tx, super::versions::sql::DOCUMENTS, [&list] => all (Vec<u8>, String))?);
        let whole = |(digest, bytes): (Vec<u8>, String)| {
            let digest = hex::encode(digest);
            (crate::evidence::digest_hex(bytes.as_bytes()) == digest).then_some((digest, bytes))
        };
        Ok(found.into_iter().filter_map(whole).collect())
    }

    /// The sets of templates that were recorded as in use, the newest first.
    pub async fn template_sets(&self) -> Result<Vec<SetDigest>, StoreError> {
        let mut tx = self.db.read().await?;
        let found = q!(&mut tx, sql::SETS_OF, [Kind::TemplatePublished.as_str()] => all (Vec<u8>,))?;
        Ok(found
            .into_iter()
            .filter_map(|(digest,)| SetDigest::parse(&hex::encode(digest)))
            .collect())
    }

    /// The first head that holds the entry `index`, is older than `size` and was stamped by an authority; if none was,
    /// the first that a witness has seen or that was copied outside.
    pub async fn first_anchored(&self, index: u64, size: u64) -> Result<Option<Anchored>, StoreError> {
        for kind in ["timestamp", "witness", "place", "mail"] {
            let mut tx = self.db.read().await?;
            let range = (stored(index)?, stored(size)?);
            let found = q!(&mut tx, sql::FIRST_ANCHORED, [kind, range.0, range.1] => opt (i64,))?;
            drop(tx);
            let Some((size,)) = found else { continue };
            let size = u64::try_from(size).map_err(|_| StoreError::Corrupt { what: "anchor" })?;
            if let Some(head) = self.head_at(size).await? {
                let anchors = self.anchors(size).await?;
                return Ok(Some(Anchored { head, anchors }));
            }
        }
        Ok(None)
    }

    /// Records that a bundle was handed out; `fields` say which. Durable when it returns.
    pub async fn record_bundle(
        &self,
        fields: BTreeMap<String, crate::evidence::Value>,
    ) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let record = clock.fresh().into();
                let entry = super::log::entry_with(Kind::ExportMade, record, clock.now(), fields);
                super::log::append(tx, &[entry.seal()]).await
            })
        })
        .await
    }
}
