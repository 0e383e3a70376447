//! Reading the whole log back for `evidence::Audit`: entries, heads, tiles, attempts, objects and anchors, on one
//! snapshot. Many entries come as one row; where something in them is odd, they are read again one by one.

use uuid::Uuid;

use super::arrivals_sealed::kept_digest;
use super::db::{Tx, q, statements};
use super::seals::{Keys, shared_key};
use super::{Store, StoreError};
use crate::evidence::{
    Audit, FaultKind, HeadRow, NoteSignature, Opened, Policy, PolicyError, Row, SealError, SealKind,
    SignedCheckpoint, VerifierKey, check_token,
};

pub(super) mod sql {
    super::statements! {
        // The columns of many entries, a line each, and their bytes, a line each: canonical JSON has no line breaks.
        PAGE = {
            sqlite: "SELECT COUNT(*) AS entries, COALESCE(group_concat(x.head, char(10)), '') AS heads, COALESCE(group_concat(x.bytes, char(10)), '') AS bodies FROM (SELECT position || ' ' || hex(record) || ' ' || kind || ' ' || COALESCE(hex(attempt_id), '-') || ' ' || at || ' ' || hex(leaf) AS head, bytes FROM evidence WHERE position >= $1 ORDER BY position LIMIT $2) AS x",
            postgres: "SELECT COUNT(*) AS entries, COALESCE(string_agg(x.head, chr(10) ORDER BY x.position), '') AS heads, COALESCE(string_agg(x.bytes, chr(10) ORDER BY x.position), '') AS bodies FROM (SELECT position, position || ' ' || replace(CAST(record AS TEXT), '-', '') || ' ' || kind || ' ' || COALESCE(replace(CAST(attempt_id AS TEXT), '-', ''), '-') || ' ' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') || ' ' || encode(leaf, 'hex') AS head, bytes FROM evidence WHERE position >= $1 ORDER BY position LIMIT $2) AS x",
        };
        ONE_BY_ONE = {
            sqlite: "SELECT position, hex(record) AS record, kind, hex(attempt_id) AS attempt, at, hex(leaf) AS leaf, CAST(bytes AS BLOB) AS bytes FROM evidence WHERE position >= $1 ORDER BY position LIMIT $2",
            postgres: "SELECT position, replace(CAST(record AS TEXT), '-', '') AS record, kind, COALESCE(replace(CAST(attempt_id AS TEXT), '-', ''), '') AS attempt, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS at, encode(leaf, 'hex') AS leaf, convert_to(bytes, 'UTF8') AS bytes FROM evidence WHERE position >= $1 ORDER BY position LIMIT $2",
        };
        WAITING = {
            sqlite: "SELECT place AS position, hex(record) AS record, kind, hex(attempt_id) AS attempt, at, hex(leaf) AS leaf, CAST(bytes AS BLOB) AS bytes FROM evidence_outbox WHERE place > $1 ORDER BY place LIMIT $2",
            postgres: "SELECT place AS position, replace(CAST(record AS TEXT), '-', '') AS record, kind, COALESCE(replace(CAST(attempt_id AS TEXT), '-', ''), '') AS attempt, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS at, encode(leaf, 'hex') AS leaf, convert_to(bytes, 'UTF8') AS bytes FROM evidence_outbox WHERE place > $1 ORDER BY place LIMIT $2",
        };
        HEADS = "SELECT size, root, note FROM evidence_head WHERE size > $1 AND size <= $2 ORDER BY size";
        HEADS_AFTER = "SELECT size, root, note FROM evidence_head WHERE size > $1 ORDER BY size LIMIT 100";
        TILES = "SELECT tile, hashes FROM evidence_tile WHERE level = $1 AND tile >= $2 AND tile <= $3 ORDER BY tile";
        ATTEMPTS = "SELECT t.id, t.state, t.recipient_id, a.debtor_id, c.body, c.facts FROM attempt t JOIN account a ON a.id = t.account_id LEFT JOIN content c ON c.attempt_id = t.id WHERE t.id > $1 ORDER BY t.id LIMIT $2";
        RECEIPTS = "SELECT r.record, r.id, t.recipient_id, a.debtor_id, r.raw FROM receipt r JOIN attempt t ON t.id = r.attempt_id JOIN account a ON a.id = t.account_id WHERE r.record > $1 AND r.id IS NOT NULL AND r.raw IS NOT NULL ORDER BY r.record LIMIT $2";
        REPLIES = "SELECT record, id, keeper, keeper AS also, sealed FROM inbound WHERE record > $1 AND keeper IS NOT NULL AND sealed IS NOT NULL ORDER BY record LIMIT $2";
        OBJECTS = "SELECT digest, bytes FROM trace WHERE digest > $1 ORDER BY digest LIMIT $2";
        ANCHORS = "SELECT n.id, n.size, n.kind, n.name, n.body, h.note FROM evidence_anchor n LEFT JOIN evidence_head h ON h.size = n.size WHERE n.id > $1 ORDER BY n.id LIMIT $2";
    }
}

/// Entries that are read at once.
const PAGE: i64 = 4096;

/// What a verifier brings along: nothing of it comes from the database.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Keys that the log must have; none: whatever the log itself names.
    pub keys: Vec<VerifierKey>,
    /// Heads that were kept outside.
    pub heads: Vec<SignedCheckpoint>,
    /// Who must have cosigned the outside heads, and whose cosignatures in the database are checked.
    pub policy: Option<Policy>,
}

type OneRow = (i64, String, String, Option<String>, String, String, Vec<u8>);

fn id(text: &str) -> u128 {
    u128::from_str_radix(text, 16).unwrap_or_default()
}

fn digest(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    // A torn column becomes a hash that nothing hashes to.
    if hex::decode_to_slice(text, &mut out).is_err() {
        out = [0; 32];
    }
    out
}

/// Feeds a page that came as one row. `None`: something in it is odd; nothing was fed.
fn feed_page(audit: &mut Audit, entries: i64, heads: &str, bodies: &str) -> Option<i64> {
    let lines = |text: &str| text.bytes().filter(|b| *b == b'\n').count() as i64 + 1;
    if lines(heads) != entries || lines(bodies) != entries {
        return None;
    }
    let read = |line: &'_ str| -> Option<(i64, bool)> {
        let mut words = line.split(' ');
        let position: i64 = words.next()?.parse().ok()?;
        let shape = words.next()?.len() == 32 && !words.next()?.is_empty();
        let attempt = words.next()?;
        let rest = !words.next()?.is_empty() && words.next()?.len() == 64 && words.next().is_none();
        Some((
            position,
            shape && rest && (attempt == "-" || attempt.len() == 32) && position >= 0,
        ))
    };
    let mut last = 0;
    for line in heads.split('\n') {
        let (position, good) = read(line)?;
        if !good {
            return None;
        }
        last = position;
    }
    for (line, bytes) in heads.split('\n').zip(bodies.split('\n')) {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap_or_default();
        let position = next().parse().unwrap_or_default();
        let (record, kind, attempt, at, leaf) = (next(), next(), next(), next(), next());
        audit.entry(&Row {
            position: Some(position),
            record: id(record),
            kind,
            attempt: (attempt != "-").then(|| id(attempt)),
            at,
            leaf: digest(leaf),
            bytes,
        });
    }
    Some(last)
}

fn feed_one(audit: &mut Audit, row: &OneRow, waits: bool) {
    let (position, record, kind, attempt, at, leaf, bytes) = row;
    let text = String::from_utf8_lossy(bytes);
    let attempt = attempt.as_deref().filter(|a| !a.is_empty());
    audit.entry(&Row {
        position: u64::try_from(*position).ok().filter(|_| !waits),
        record: id(record),
        kind,
        attempt: attempt.map(id),
        at,
        leaf: digest(leaf),
        bytes: &text,
    });
    if !waits && *position < 0 {
        audit.fault(
            FaultKind::Gap,
            None,
            record.clone(),
            "an entry stands before the first place",
        );
    }
}

fn head_row((size, root, note): (i64, Vec<u8>, String)) -> HeadRow {
    HeadRow {
        size: u64::try_from(size).unwrap_or_default(),
        root,
        note,
    }
}

/// Feeds all entries that have their place, with the heads and tiles that belong to them.
async fn feed_log(tx: &mut Tx, audit: &mut Audit, tree_size: u64) -> Result<(), StoreError> {
    let mut from = i64::MIN;
    loop {
        let seen = audit.size() as i64;
        let heads = q!(&mut *tx, sql::HEADS, [seen, seen + PAGE] => all (i64, Vec<u8>, String))?;
        audit.expect_heads(heads.into_iter().map(head_row));
        // Text that is no UTF-8 cannot be read as a whole page; one by one it can.
        let page = q!(&mut *tx, sql::PAGE, [from, PAGE] => one (i64, String, String)).ok();
        if page.as_ref().is_some_and(|(entries, ..)| *entries == 0) {
            break;
        }
        let fed = page.and_then(|(entries, heads, bodies)| feed_page(audit, entries, &heads, &bodies));
        let last = match fed {
            Some(last) => last,
            None => {
                let rows = q!(&mut *tx, sql::ONE_BY_ONE, [from, PAGE] => all OneRow)?;
                let Some(last) = rows.last().map(|row| row.0) else {
                    break;
                };
                rows.iter().for_each(|row| feed_one(audit, row, false));
                last
            }
        };
        compare_tiles(tx, audit, tree_size).await?;
        from = last.saturating_add(1);
    }
    let seen = audit.size() as i64;
    let heads = q!(&mut *tx, sql::HEADS_AFTER, [seen] => all (i64, Vec<u8>, String))?;
    audit.expect_heads(heads.into_iter().map(head_row));
    Ok(())
}

async fn compare_tiles(tx: &mut Tx, audit: &mut Audit, tree_size: u64) -> Result<(), StoreError> {
    let made = audit.take_full();
    for level in 0..8u8 {
        let of_level: Vec<_> = made.iter().filter(|t| t.level == level).collect();
        let (Some(first), Some(last)) = (of_level.first(), of_level.last()) else {
            continue;
        };
        let (a, b) = (first.index as i64, last.index as i64);
        let stored = q!(&mut *tx, sql::TILES, [i64::from(level), a, b] => all (i64, Vec<u8>))?;
        for tile in of_level {
            // What is not in the tree yet has no stored tile.
            if (tile.index + 1) << (8 * (u32::from(level) + 1)) <= tree_size {
                let found = stored.iter().find(|(index, _)| *index as u64 == tile.index);
                audit.tile(tile, found.map(|(_, hashes)| hashes.as_slice()));
            }
        }
    }
    Ok(())
}

async fn feed_waiting(tx: &mut Tx, audit: &mut Audit) -> Result<(), StoreError> {
    let mut after = i64::MIN;
    loop {
        let rows = q!(&mut *tx, sql::WAITING, [after, PAGE] => all OneRow)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.0;
        rows.iter().for_each(|row| feed_one(audit, row, true));
    }
}

/// What was kept under a seal; `None`: nothing, or nobody can open it any more.
fn opened(
    keys: &Keys,
    concerned: (Uuid, Uuid),
    (kind, record): (SealKind, Uuid),
    sealed: Option<&[u8]>,
) -> Option<Result<Opened, SealError>> {
    let key = shared_key(keys, concerned, kind, record)?;
    Some(key.open_committed(sealed?))
}

async fn feed_attempts(tx: &mut Tx, audit: &mut Audit) -> Result<(), StoreError> {
    type AttemptState = (Uuid, String, Uuid, Uuid, Option<Vec<u8>>, Option<Vec<u8>>);
    let mut after = Uuid::nil();
    loop {
        let page = q!(&mut *tx, sql::ATTEMPTS, [after, 1000i64] => all AttemptState)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.0;
        let keys = tx.keys_of(page.iter().flat_map(|row| [row.2, row.3])).await?;
        for (id, state, recipient, debtor, body, facts) in &page {
            let open = |kind, sealed: &Option<Vec<u8>>| {
                opened(&keys, (*recipient, *debtor), (kind, *id), sealed.as_deref())
            };
            let opened = (open(SealKind::Body, body), open(SealKind::Facts, facts));
            let kept = match &opened {
                (Some(Ok(body)), Some(Ok(facts))) if body.salt == facts.salt => {
                    Some((body.salt.as_slice(), body.bytes.as_str(), facts.bytes.as_str()))
                }
                (None, None) => None,
                // Kept, but not what was sealed: nothing that was committed to.
                _ => Some((&[][..], "", "")),
            };
            audit.attempt(id.as_u128(), state, kept);
        }
    }
}

async fn feed_decisions(tx: &mut Tx, audit: &mut Audit) -> Result<(), StoreError> {
    let (mut attempt, mut record) = (Uuid::nil(), Uuid::nil());
    loop {
        let page = q!(&mut *tx, super::kept::sql::PAGE, [attempt, record, 1000i64] => all (Uuid, Uuid, Uuid, Uuid, Vec<u8>))?;
        let Some(last) = page.last() else { return Ok(()) };
        (attempt, record) = (last.0, last.1);
        let keys = tx.keys_of(page.iter().flat_map(|row| [row.2, row.3])).await?;
        for (_, record, recipient, debtor, facts) in &page {
            let place = (SealKind::Situation, *record);
            match opened(&keys, (*recipient, *debtor), place, Some(facts)) {
                Some(Ok(o)) => audit.decision(record.as_u128(), &o.salt, &o.bytes),
                Some(Err(_)) => audit.decision(record.as_u128(), &[], ""),
                // Whoever it concerns was erased.
                None => {}
            }
        }
    }
}

async fn feed_arrivals(tx: &mut Tx, audit: &mut Audit) -> Result<(), StoreError> {
    type Row = (Uuid, Uuid, Uuid, Uuid, Vec<u8>);
    for (text, kind) in [
        (sql::RECEIPTS, SealKind::Receipt),
        (sql::REPLIES, SealKind::Reply),
    ] {
        let mut after = Uuid::nil();
        loop {
            let page = q!(&mut *tx, text, [after, 1000i64] => all Row)?;
            let Some(last) = page.last() else { break };
            after = last.0;
            let keys = tx.keys_of(page.iter().flat_map(|row| [row.2, row.3])).await?;
            for (record, id, recipient, debtor, sealed) in &page {
                let digest = kept_digest(&keys, (*recipient, *debtor), (kind, *id), sealed);
                if let Some(digest) = digest {
                    audit.arrival(record.as_u128(), digest.as_deref());
                }
            }
        }
    }
    Ok(())
}

async fn feed_objects(tx: &mut Tx, audit: &mut Audit) -> Result<(), StoreError> {
    let mut after: Vec<u8> = Vec::new();
    loop {
        let page = q!(&mut *tx, sql::OBJECTS, [after.clone(), 1000i64] => all (Vec<u8>, String))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.0.clone();
        page.iter()
            .for_each(|(digest, bytes)| audit.object(digest, bytes));
    }
}

type AnchorRow = (Uuid, i64, String, String, Vec<u8>, Option<String>);

async fn feed_anchors(tx: &mut Tx, audit: &mut Audit, outside: &Outside) -> Result<(), StoreError> {
    let mut after = Uuid::nil();
    loop {
        let page = q!(&mut *tx, sql::ANCHORS, [after, 1000i64] => all AnchorRow)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.0;
        for row in &page {
            if let Err(why) = anchor_holds(row, outside) {
                let (_, size, kind, name, ..) = row;
                let what = format!("the {kind} `{name}` vouches for another head: {why}");
                audit.fault(FaultKind::Anchor, None, format!("head of {size} entries"), what);
            }
        }
    }
}

/// Whether a kept cosignature, token or copy belongs to the head it is kept with.
fn anchor_holds((_, _, kind, _, body, note): &AnchorRow, outside: &Outside) -> Result<(), String> {
    let note = note.as_deref().ok_or("no such head was signed")?;
    let mut head = SignedCheckpoint::parse(note).map_err(|e| e.to_string())?;
    match kind.as_str() {
        "timestamp" => check_token(body, head.note.text().as_bytes())
            .map(|_| ())
            .map_err(|e| e.to_string()),
        "place" => {
            let kept = std::str::from_utf8(body).map_err(|e| e.to_string())?;
            let kept = SignedCheckpoint::parse(kept).map_err(|e| e.to_string())?;
            match kept.checkpoint == head.checkpoint {
                true => Ok(()),
                false => Err("the copy differs".into()),
            }
        }
        _ => {
            let lines = std::str::from_utf8(body).map_err(|e| e.to_string())?;
            for line in lines.lines() {
                head.note
                    .add(NoteSignature::parse(line).map_err(|e| e.to_string())?);
            }
            let keys: Vec<VerifierKey> = outside
                .policy
                .iter()
                .flat_map(|p| p.witnesses().map(|(_, key, _)| key.clone()))
                .collect();
            match head.note.signed_by(&keys) {
                Err(crate::evidence::NoteError::Bad(name)) => {
                    Err(format!("the cosignature of `{name}` does not fit"))
                }
                // Without its key a cosignature can neither be confirmed nor refuted.
                _ => Ok(()),
            }
        }
    }
}

/// Compares the keys that the log names with those of its index and with those the verifier brought.
async fn compare_keys(tx: &mut Tx, audit: &mut Audit, outside: &Outside) -> Result<(), StoreError> {
    let rows = q!(&mut *tx, super::heads::sql::KEYS, [] => all (String, super::types::Ts, Option<super::types::Ts>))?;
    let named: Vec<(String, bool)> = audit
        .keys()
        .iter()
        .map(|k| (k.key.to_string(), k.retired.is_some()))
        .collect();
    // Keys whose entries still wait are in the index already.
    let indexed: Vec<(String, bool)> = rows
        .into_iter()
        .map(|(key, _, retired)| (key, retired.is_some()))
        .collect();
    for (key, retired) in &named {
        if !indexed.contains(&(key.clone(), *retired)) && audit.waiting == 0 {
            audit.fault(
                FaultKind::Key,
                None,
                key.clone(),
                "the index of keys differs from what the log says of this key",
            );
        }
    }
    for (key, _) in &indexed {
        if !named.iter().any(|(k, _)| k == key) && audit.waiting == 0 {
            audit.fault(
                FaultKind::Key,
                None,
                key.clone(),
                "the index names a key that the log does not",
            );
        }
    }
    for key in &outside.keys {
        if !named.iter().any(|(k, _)| *k == key.to_string()) {
            let what = "the key you trust is not a key of this log";
            audit.fault(FaultKind::Key, None, key.to_string(), what);
        }
    }
    Ok(())
}

/// Heads that were kept outside must be signed by the log, and cosigned as the policy demands.
fn check_outside(audit: &mut Audit, outside: &Outside) {
    let policy = outside
        .policy
        .clone()
        .unwrap_or_else(|| Policy::of_logs(Vec::new()));
    let policy = policy.trusting(outside.keys.iter().cloned());
    let own: Vec<VerifierKey> = audit.keys().iter().map(|k| k.key.clone()).collect();
    let policy = if policy.logs().is_empty() {
        policy.trusting(own)
    } else {
        policy
    };
    for head in &outside.heads {
        if let Err(e) = policy.check(head) {
            let kind = if e == PolicyError::Quorum {
                FaultKind::Anchor
            } else {
                FaultKind::Signature
            };
            audit.fault(
                kind,
                None,
                format!("head of {} entries kept outside", head.checkpoint.size),
                e.to_string(),
            );
        }
    }
}

impl Store {
    /// Reads the whole log from the beginning: every hash, spelling, column and link; the tree, its tiles and its signed
    /// heads; every commitment whose content is still there; that nothing went out without an earlier intent; that the
    /// attempts stand where the log says.
    pub async fn verify_log(&self) -> Result<Audit, StoreError> {
        self.verify_log_against(&Outside::default()).await
    }

    /// The same, and against what the verifier brought along.
    pub async fn verify_log_against(&self, outside: &Outside) -> Result<Audit, StoreError> {
        let mut audit = Audit::default();
        let mut tx = self.db.read().await?;
        let (size, _, edge) = q!(&mut tx, super::tree::sql::TREE, [] => one (i64, i64, Vec<u8>))?;
        let size = u64::try_from(size).unwrap_or_default();
        audit.expect_edge(size, edge);
        for head in &outside.heads {
            audit.expect_outside(head.clone());
        }
        feed_log(&mut tx, &mut audit, size).await?;
        feed_waiting(&mut tx, &mut audit).await?;
        feed_attempts(&mut tx, &mut audit).await?;
        feed_decisions(&mut tx, &mut audit).await?;
        feed_arrivals(&mut tx, &mut audit).await?;
        feed_objects(&mut tx, &mut audit).await?;
        feed_anchors(&mut tx, &mut audit, outside).await?;
        compare_keys(&mut tx, &mut audit, outside).await?;
        check_outside(&mut audit, outside);
        audit.finish();
        Ok(audit)
    }
}
