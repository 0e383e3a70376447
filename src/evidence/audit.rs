//! Checking a whole log, entry by entry from the first: bytes, spelling, columns, links and story; and what was made of
//! the entries: the tree, its stored tiles, its signed heads. Every fault has a kind, a place and a sentence.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::canonical::{parse, scan};
use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::entry::{Kind, leaf_hash};
use super::note::VerifierKey;
use super::tiles::{FullTile, TILE_WIDTH};
use super::tree::{Frontier, Hash};
use crate::domain::AttemptState;

/// More faults are counted and not kept.
const MAX_KEPT: usize = 1000;

/// So many missing entries are replaced by blanks at one place; more are somebody's nonsense.
const MAX_BLANKS: u64 = 1 << 16;

/// What kind of thing is wrong; each has an exit code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// The bytes do not hash to the stored leaf hash.
    Bytes = 10,
    /// The bytes are not canonical JSON.
    Spelling = 11,
    /// A column says something else than the bytes.
    Column = 12,
    /// A place is missing or is taken twice.
    Gap = 13,
    /// An entry names another predecessor than the attempt's last entry.
    Chain = 14,
    /// The log and the attempts tell different stories.
    Story = 15,
    /// Kept content or facts are not the ones committed to.
    Content = 16,
    /// An object that entries name by its hash is missing or changed.
    Object = 17,
    /// Stored tiles are not those of the entries.
    Tree = 18,
    /// A signed head is not that of the entries.
    Head = 19,
    /// A head is not signed by a key of the log.
    Signature = 20,
    /// The log is shorter than a head that was signed.
    Shorter = 21,
    /// The keys of the log are not those that the log or the verifier names.
    Key = 22,
    /// A stored cosignature or time stamp does not belong to its head.
    Anchor = 23,
    /// A head that was kept outside contradicts the log.
    Outside = 24,
}

impl FaultKind {
    /// The exit code of a verification whose first fault this is.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The fixed word.
    pub const fn as_str(self) -> &'static str {
        match self {
            FaultKind::Bytes => "bytes",
            FaultKind::Spelling => "spelling",
            FaultKind::Column => "column",
            FaultKind::Gap => "gap",
            FaultKind::Chain => "chain",
            FaultKind::Story => "story",
            FaultKind::Content => "content",
            FaultKind::Object => "object",
            FaultKind::Tree => "tree",
            FaultKind::Head => "head",
            FaultKind::Signature => "signature",
            FaultKind::Shorter => "shorter",
            FaultKind::Key => "key",
            FaultKind::Anchor => "anchor",
            FaultKind::Outside => "outside",
        }
    }
}

/// One thing that is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFault {
    /// What kind.
    pub kind: FaultKind,
    /// Index of the entry; none for what has no place in the log.
    pub position: Option<u64>,
    /// Id of the entry, attempt or key; size of a head.
    pub record: String,
    /// The sentence.
    pub what: String,
}

/// An entry as it was read back: its bytes, and the columns that index them.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its index; none while it waits for one.
    pub position: Option<u64>,
    /// Column: id of the entry.
    pub record: u128,
    /// Column: kind.
    pub kind: &'a str,
    /// Column: attempt, if any.
    pub attempt: Option<u128>,
    /// Column: when, as text.
    pub at: &'a str,
    /// Column: leaf hash.
    pub leaf: Hash,
    /// The bytes.
    pub bytes: &'a str,
}

/// A stored head.
#[derive(Debug, Clone)]
pub struct HeadRow {
    /// Column: size.
    pub size: u64,
    /// Column: root.
    pub root: Vec<u8>,
    /// The signed checkpoint.
    pub note: String,
}

/// A key of the log and the entries that brought and retired it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The key.
    pub key: VerifierKey,
    /// Index of the entry that made it a key of the log.
    pub since: u64,
    /// Index of the entry that retired it.
    pub retired: Option<u64>,
}

impl KnownKey {
    /// Whether a head of `size` entries may rest on it: it was known by then, and not yet retired before its last entry.
    pub fn holds_for(&self, size: u64) -> bool {
        self.since < size && self.retired.is_none_or(|retired| size <= retired + 1)
    }
}

/// What the log says of one attempt.
#[derive(Debug, Default)]
struct Seen {
    last: Option<u128>,
    intended: bool,
    state: Option<AttemptState>,
    kept: Option<Kept>,
}

/// The newest commitments of an attempt, and where they stand.
#[derive(Debug)]
struct Kept {
    position: Option<u64>,
    content: Hash,
    facts: Option<Hash>,
}

/// A running check. Feed it entries in order, then attempts and objects, then ask for the faults.
#[derive(Debug, Default)]
pub struct Audit {
    tree: Frontier,
    /// Places that were skipped without blanks.
    shift: u64,
    levels: Vec<Vec<u8>>,
    full: Vec<FullTile>,
    heads: std::collections::VecDeque<HeadRow>,
    outside: Vec<SignedCheckpoint>,
    edge: Option<(u64, Vec<u8>)>,
    edge_seen: bool,
    seen: HashMap<u128, Seen>,
    objects: HashSet<Hash>,
    /// What decisions committed to as their facts, by entry.
    situations: HashMap<u128, Hash>,
    /// What entries commit to as receipts and answers, by their own ids.
    arrivals: HashMap<u128, Hash>,
    keys: Vec<KnownKey>,
    /// Entries by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Entries read.
    pub entries: u64,
    /// Entries of them that wait for their place.
    pub waiting: u64,
    /// Contents that were compared with their commitments.
    pub contents: u64,
    /// Heads that were compared.
    pub heads_checked: u64,
    /// What is wrong, the first thousand.
    pub faults: Vec<LogFault>,
    /// How many things are wrong.
    pub fault_count: u64,
}

/// The fields that checks look at, as they are spelled.
#[derive(Default)]
struct Fields<'a> {
    record: &'a str,
    kind: &'a str,
    at: &'a str,
    attempt: Option<&'a str>,
    prev: Option<&'a str>,
    state: Option<&'a str>,
    content: Option<&'a str>,
    facts: Option<&'a str>,
    situation: Option<&'a str>,
    arrival: Option<&'a str>,
    key: Option<&'a str>,
    retired: Option<&'a str>,
    objects: [Option<&'a str>; 5],
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a str) -> Option<Fields<'a>> {
        let mut f = Fields::default();
        let whole = scan(bytes, |name, value| match name {
            "record" => f.record = value,
            "kind" => f.kind = value,
            "at" => f.at = value,
            "attempt" => f.attempt = Some(value),
            "prev" => f.prev = Some(value),
            "state" => f.state = Some(value),
            "content" => f.content = Some(value),
            "facts" => f.facts = Some(value),
            "situation" => f.situation = Some(value),
            "raw" | "reply" => f.arrival = Some(value),
            "key" => f.key = Some(value),
            "retired" => f.retired = Some(value),
            "trace" => f.objects[0] = Some(value),
            "findings" => f.objects[1] = Some(value),
            "zones_sha256" => f.objects[2] = Some(value),
            "packs" => f.objects[3] = Some(value),
            "context" => f.objects[4] = Some(value),
            _ => {}
        });
        whole.then_some(f)
    }
}

/// An id as entries spell it: 36 characters, small letters.
fn id_of(text: &str) -> Option<u128> {
    let id = uuid::Uuid::try_parse(text).ok()?;
    let plain = text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase());
    plain.then_some(id.as_u128())
}

fn shown(id: u128) -> String {
    uuid::Uuid::from_u128(id).hyphenated().to_string()
}

fn digest_of(text: &str) -> Option<Hash> {
    let mut out = [0; 32];
    hex::decode_to_slice(text, &mut out).ok()?;
    Some(out)
}

impl Audit {
    /// Heads that the log must pass, by rising size; they may lie ahead of the entries fed so far.
    pub fn expect_heads(&mut self, heads: impl IntoIterator<Item = HeadRow>) {
        self.heads.extend(heads);
        self.pass_heads();
    }

    /// A head that was kept outside; the log must pass it too.
    pub fn expect_outside(&mut self, head: SignedCheckpoint) {
        self.outside.push(head);
        self.pass_outside();
    }

    /// The stored size and partial tiles.
    pub fn expect_edge(&mut self, size: u64, edge: Vec<u8>) {
        self.edge = Some((size, edge));
        self.pass_edge();
    }

    /// The keys that the log names, in order.
    pub fn keys(&self) -> &[KnownKey] {
        &self.keys
    }

    /// How many entries have their place.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root over the entries that have their place.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Tiles that became full since this was asked last.
    pub fn take_full(&mut self) -> Vec<FullTile> {
        std::mem::take(&mut self.full)
    }

    /// Notes a fault.
    pub fn fault(
        &mut self,
        kind: FaultKind,
        position: Option<u64>,
        record: impl Into<String>,
        what: impl Into<String>,
    ) {
        self.fault_count += 1;
        if self.faults.len() < MAX_KEPT {
            self.faults.push(LogFault {
                kind,
                position,
                record: record.into(),
                what: what.into(),
            });
        }
    }

    /// The next entry.
    pub fn entry(&mut self, row: &Row<'_>) {
        self.entries += 1;
        match self.kinds.get_mut(row.kind) {
            Some(n) => *n += 1,
            None => _ = self.kinds.insert(row.kind.to_owned(), 1),
        }
        let leaf = leaf_hash(row.bytes.as_bytes());
        match row.position {
            Some(position) => self.place(row, position),
            None => self.waiting += 1,
        }
        self.content_of(row, &leaf);
        if row.position.is_some() {
            self.grow(leaf);
        }
    }

    /// Entries stand at places without gaps. Where some are missing the tree gets a blank for each, so that only they
    /// differ from what is stored, and not everything after them.
    fn place(&mut self, row: &Row<'_>, position: u64) {
        let expected = self.tree.size() + self.shift;
        if position == expected {
            return;
        }
        let what = match position.checked_sub(expected) {
            Some(missing) => {
                format!("{missing} entries before this one are missing, from index {expected} on")
            }
            None => format!("expected the entry with index {expected}: entries are doubled"),
        };
        self.fault(FaultKind::Gap, Some(position), shown(row.record), what);
        let missing = position.saturating_sub(expected);
        if missing <= MAX_BLANKS {
            (0..missing).for_each(|_| self.grow([0; 32]));
        } else {
            self.shift += missing;
        }
    }

    fn content_of(&mut self, row: &Row<'_>, leaf: &Hash) {
        let last = row.attempt.and_then(|a| self.seen.get(&a)).and_then(|s| s.last);
        if let Some(attempt) = row.attempt {
            self.seen.entry(attempt).or_default().last = Some(row.record);
        }
        let record = || shown(row.record);
        if *leaf != row.leaf {
            let what = "the bytes do not hash to the stored leaf hash";
            return self.fault(FaultKind::Bytes, row.position, record(), what);
        }
        let Some(fields) = Fields::read(row.bytes) else {
            let why = parse(row.bytes)
                .err()
                .map_or("it is no object".to_owned(), |e| e.to_string());
            return self.fault(
                FaultKind::Spelling,
                row.position,
                record(),
                format!("the bytes are not canonical: {why}"),
            );
        };
        let differs = if id_of(fields.record) != Some(row.record) {
            Some("record")
        } else if fields.kind != row.kind {
            Some("kind")
        } else if fields.at != row.at {
            Some("at")
        } else if fields.attempt.map(id_of) != row.attempt.map(Some) {
            Some("attempt")
        } else {
            None
        };
        if let Some(column) = differs {
            return self.fault(
                FaultKind::Column,
                row.position,
                record(),
                format!("column `{column}` differs from the bytes"),
            );
        }
        for digest in fields.objects.into_iter().flatten().filter_map(digest_of) {
            self.objects.insert(digest);
        }
        if row.kind == Kind::KeyRotated.as_str() {
            self.key(row, &fields);
        }
        if let Some(named) = fields.arrival.and_then(digest_of) {
            self.arrivals.insert(row.record, named);
        }
        if let Some(attempt) = row.attempt {
            if fields.prev.map(id_of) != last.map(Some) {
                let what = "names another predecessor than the attempt's last entry: an entry of this attempt is missing or out of place";
                self.fault(FaultKind::Chain, row.position, record(), what);
            }
            self.story(row, attempt, &fields);
        }
    }

    fn story(&mut self, row: &Row<'_>, attempt: u128, fields: &Fields<'_>) {
        let seen = self.seen.entry(attempt).or_default();
        if row.kind == Kind::AttemptIntent.as_str() {
            seen.intended = true;
        }
        if let Some(state) = fields.state {
            seen.state = state.parse().ok();
        }
        if let Some(content) = fields.content.and_then(digest_of) {
            seen.kept = Some(Kept {
                position: row.position,
                content,
                facts: fields.facts.and_then(digest_of),
            });
        }
        let decides = [Kind::AttemptDecided, Kind::AttemptCancelled]
            .iter()
            .any(|k| k.as_str() == row.kind);
        if let (true, Some(named)) = (decides, fields.situation.and_then(digest_of)) {
            self.situations.insert(row.record, named);
        }
        if row.kind == Kind::ProviderOutcome.as_str() && !seen.intended {
            let what = "an outcome without an earlier intent";
            self.fault(FaultKind::Story, row.position, shown(row.record), what);
        }
    }

    fn key(&mut self, row: &Row<'_>, fields: &Fields<'_>) {
        let Some(position) = row.position else { return };
        if let Some(text) = fields.key {
            match VerifierKey::parse(text) {
                Ok(key) => self.keys.push(KnownKey {
                    key,
                    since: position,
                    retired: None,
                }),
                Err(e) => self.fault(FaultKind::Key, row.position, shown(row.record), e.to_string()),
            }
        }
        if let Some(text) = fields.retired {
            for known in self.keys.iter_mut().filter(|k| k.key.to_string() == text) {
                known.retired.get_or_insert(position);
            }
        }
    }

    fn grow(&mut self, leaf: Hash) {
        let (levels, full) = (&mut self.levels, &mut self.full);
        let size = self.tree.size() + 1;
        self.tree.push_and(leaf, |height, node| {
            if height % 8 != 0 {
                return;
            }
            let level = (height / 8) as usize;
            if levels.len() == level {
                levels.push(Vec::new());
            }
            levels[level].extend_from_slice(node);
            if levels[level].len() as u64 == TILE_WIDTH * 32 {
                full.push(FullTile {
                    level: level as u8,
                    index: (size >> (8 * (level + 1))) - 1,
                    hashes: std::mem::take(&mut levels[level]),
                });
            }
        });
        self.pass_heads();
        self.pass_outside();
        self.pass_edge();
    }

    fn pass_edge(&mut self) {
        let Some((size, stored)) = &self.edge else { return };
        if self.tree.size() != *size {
            return;
        }
        self.edge_seen = true;
        if self.levels.concat() != *stored {
            let what = "the stored edge of the tree is not that of the entries";
            self.fault(FaultKind::Tree, Some(*size), "edge", what);
        }
    }

    /// Compares a stored tile with the one the entries make; for a tile of leaves every differing entry is named.
    pub fn tile(&mut self, made: &FullTile, stored: Option<&[u8]>) {
        let name = format!("tile {}/{}", made.level, made.index);
        let Some(stored) = stored.filter(|s| s.len() == made.hashes.len()) else {
            let what = "a stored tile of the tree is missing or torn";
            return self.fault(FaultKind::Tree, None, name, what);
        };
        if stored == made.hashes {
            return;
        }
        let (ours, theirs) = (made.hashes.as_chunks::<32>().0, stored.as_chunks::<32>().0);
        for (n, _) in ours.iter().zip(theirs).enumerate().filter(|(_, (a, b))| a != b) {
            match made.level {
                0 => {
                    let what = "the entry is not the one that was taken into the tree";
                    self.fault(
                        FaultKind::Tree,
                        Some(made.index * TILE_WIDTH + n as u64),
                        name.clone(),
                        what,
                    );
                }
                _ => self.fault(
                    FaultKind::Tree,
                    None,
                    name.clone(),
                    "a stored tile of the tree is not that of the entries",
                ),
            }
        }
    }

    fn pass_heads(&mut self) {
        while let Some(head) = self.heads.front().filter(|h| h.size <= self.tree.size()) {
            let late = head.size < self.tree.size();
            let head = self.heads.pop_front().expect("a head in front");
            self.heads_checked += 1;
            match late {
                true => self.fault(
                    FaultKind::Head,
                    Some(head.size),
                    head.size.to_string(),
                    "the heads are out of order",
                ),
                false => self.head(&head),
            }
        }
    }

    fn head(&mut self, head: &HeadRow) {
        let name = format!("head of {} entries", head.size);
        let place = head.size.checked_sub(1);
        let signed = match SignedCheckpoint::parse(&head.note) {
            Ok(signed) => signed,
            Err(e) => {
                return self.fault(
                    FaultKind::Signature,
                    place,
                    name,
                    format!("the head cannot be read: {e}"),
                );
            }
        };
        let Checkpoint { size, root, origin } = &signed.checkpoint;
        if *size != head.size || root.as_slice() != head.root {
            return self.fault(
                FaultKind::Column,
                place,
                name,
                "a column of the head differs from the signed text",
            );
        }
        if *root != self.tree.root() {
            let what = "the head that was signed here is not that of the entries: one of them, up to this place, was changed, removed or put in after it was signed";
            return self.fault(FaultKind::Head, place, name, what);
        }
        let keys: Vec<VerifierKey> = self
            .keys
            .iter()
            .filter(|k| k.holds_for(head.size) && k.key.name() == origin)
            .map(|k| k.key.clone())
            .collect();
        if let Err(e) = signed.note.signed_by(&keys) {
            self.fault(
                FaultKind::Signature,
                place,
                name,
                format!("{e}: the head has no signature of a key that the log named by then"),
            );
        }
    }

    fn pass_outside(&mut self) {
        let (size, root) = (
            self.tree.size(),
            self.tree
                .root_if(|size| self.outside.iter().any(|h| h.checkpoint.size == size)),
        );
        let Some(root) = root else { return };
        let passed: Vec<_> = self
            .outside
            .extract_if(.., |h| h.checkpoint.size == size)
            .collect();
        for head in passed {
            if head.checkpoint.root != root {
                let what = "a head that was kept outside is not that of the entries: the log was rewritten after it was given out";
                self.fault(
                    FaultKind::Outside,
                    size.checked_sub(1),
                    format!("head of {size} entries"),
                    what,
                );
            }
        }
    }

    /// One attempt as it stands, with what is kept of it: salt, content, facts. Erased content is no fault.
    pub fn attempt(&mut self, id: u128, state: &str, kept: Option<(&[u8], &str, &str)>) {
        let seen = self.seen.remove(&id).unwrap_or_default();
        if let (Some(newest), Some((salt, content, facts))) = (&seen.kept, kept) {
            self.contents += 1;
            let fits = <[u8; 32]>::try_from(salt).is_ok_and(|salt| {
                let same =
                    |text: &str, named: &Hash| super::entry::commit(&salt, text.as_bytes()).0 == *named;
                same(content, &newest.content) && newest.facts.as_ref().is_none_or(|f| same(facts, f))
            });
            if !fits {
                let what = "the kept content or facts are not the ones committed to";
                self.fault(FaultKind::Content, newest.position, shown(id), what);
            }
        }
        let logged = seen.state.map_or("nothing", AttemptState::as_str);
        if logged != state {
            let what = format!("the attempt stands at `{state}`, the log says `{logged}`");
            self.fault(FaultKind::Story, None, shown(id), what);
        }
    }

    /// The kept facts of one decision, by its entry, with their salt. What was erased is not there to compare.
    pub fn decision(&mut self, record: u128, salt: &[u8], facts: &str) {
        self.contents += 1;
        let named = self.situations.remove(&record);
        let fits = <[u8; 32]>::try_from(salt)
            .is_ok_and(|salt| named == Some(super::entry::commit(&salt, facts.as_bytes()).0));
        if !fits {
            let what = "the kept facts of this decision are not the ones committed to";
            self.fault(FaultKind::Content, None, shown(record), what);
        }
    }

    /// What a kept receipt or answer hashes to, in hex, with its salt, by its entry; `None`: it cannot be opened.
    pub fn arrival(&mut self, record: u128, digest: Option<&str>) {
        self.contents += 1;
        let named = self.arrivals.remove(&record);
        if named.is_none() || named != digest.and_then(digest_of) {
            let what = "the kept receipt or answer is not the one committed to";
            self.fault(FaultKind::Content, None, shown(record), what);
        }
    }

    /// An object that entries can name by its hash.
    pub fn object(&mut self, digest: &[u8], bytes: &str) {
        if super::entry::digest_hex(bytes.as_bytes()) != hex::encode(digest) {
            let what = "the bytes of an object do not hash to its name";
            return self.fault(FaultKind::Object, None, hex::encode(digest), what);
        }
        if let Ok(digest) = <Hash>::try_from(digest) {
            self.objects.remove(&digest);
        }
    }

    /// Everything has been fed: what is missing now is missing.
    pub fn finish(&mut self) {
        let gone: Vec<u128> = self.seen.drain().map(|(id, _)| id).collect();
        for id in gone {
            self.fault(
                FaultKind::Story,
                None,
                shown(id),
                "the log tells of an attempt that is not there",
            );
        }
        let missing: Vec<Hash> = self.objects.drain().collect();
        for digest in missing {
            let what = "an object that an entry names is not there";
            self.fault(FaultKind::Object, None, hex::encode(digest), what);
        }
        let size = self.tree.size();
        let ahead: Vec<u64> = self.heads.drain(..).map(|h| h.size).collect();
        for head in ahead {
            let what = format!(
                "the log has {size} entries, and a head of {head} was signed: entries at the end are gone"
            );
            self.fault(FaultKind::Shorter, None, format!("head of {head} entries"), what);
        }
        let outside: Vec<u64> = self.outside.drain(..).map(|h| h.checkpoint.size).collect();
        for head in outside {
            let what = format!(
                "the log has {size} entries, and a head of {head} is kept outside: entries at the end are gone"
            );
            self.fault(FaultKind::Shorter, None, format!("head of {head} entries"), what);
        }
        if let Some((stored, _)) = self.edge.take().filter(|_| !self.edge_seen) {
            let what = format!("the stored tree has {stored} entries, the log has {size}");
            self.fault(FaultKind::Tree, None, "edge", what);
        }
    }
}

impl Frontier {
    /// The root, if somebody wants it at this size.
    fn root_if(&self, wanted: impl Fn(u64) -> bool) -> Option<Hash> {
        wanted(self.size()).then(|| self.root())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AttemptId, Moment, RecordId};
    use crate::evidence::note::{KeyUse, NoteSigner};
    use crate::evidence::{Entry, Sealed, commit, digest_hex};
    use uuid::Uuid;

    const SALT: [u8; 32] = [5; 32];

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::from_seed("log.example/one", KeyUse::Text, &[seed; 32]).unwrap()
    }

    fn id(n: u128) -> RecordId {
        RecordId(Uuid::from_u128(n))
    }

    /// A key, then one attempt from request to outcome, then many small entries.
    fn log() -> Vec<Sealed> {
        let at = Moment::parse("2026-04-07T08:00:00Z").unwrap();
        let attempt = AttemptId(Uuid::from_u128(1000));
        let of = |kind, n, prev: Option<u128>| Entry::new(kind, id(n), at).of_attempt(attempt, prev.map(id));
        let mut log = vec![
            Entry::new(Kind::LogGenesis, id(1), at).seal(),
            Entry::new(Kind::KeyRotated, id(2), at)
                .with("key", signer(1).verifier().to_string())
                .seal(),
            of(Kind::AttemptRequested, 3, None)
                .with("state", "planned")
                .seal(),
            of(Kind::AttemptDecided, 4, Some(3))
                .with("trace", digest_hex(b"[]"))
                .seal(),
            of(Kind::AttemptIntent, 5, Some(4))
                .with("state", "reserved")
                .with_commitment("content", commit(&SALT, b"words"))
                .with_commitment("facts", commit(&SALT, b"facts"))
                .seal(),
            of(Kind::ProviderOutcome, 6, Some(5))
                .with("state", "accepted")
                .seal(),
        ];
        log.extend((7..600).map(|n| {
            Entry::new(Kind::AccountEvent, id(n), at)
                .with("n", n as i64)
                .seal()
        }));
        log
    }

    fn head(log: &[Sealed], size: usize, key: u8) -> HeadRow {
        let mut tree = Frontier::default();
        log[..size]
            .iter()
            .for_each(|e| tree.push(leaf_hash(e.bytes.as_bytes())));
        let head = Checkpoint {
            origin: "log.example/one".into(),
            size: size as u64,
            root: tree.root(),
        };
        HeadRow {
            size: size as u64,
            root: tree.root().to_vec(),
            note: head.sign(&[signer(key)]).unwrap().to_string(),
        }
    }

    /// The log as it is read back, with heads signed and tiles stored over `honest`.
    fn audit(log: &[Sealed], honest: &[Sealed], change: impl FnOnce(&mut Audit)) -> Audit {
        let mut audit = Audit::default();
        audit.expect_heads([
            head(honest, 2, 1),
            head(honest, 300, 1),
            head(honest, honest.len(), 1),
        ]);
        let (mut edge, mut full) = (crate::evidence::Edge::default(), Vec::new());
        honest
            .iter()
            .for_each(|e| edge.push(leaf_hash(e.bytes.as_bytes()), &mut full));
        audit.expect_edge(edge.size(), edge.to_bytes());
        change(&mut audit);
        for (n, e) in log.iter().enumerate() {
            audit.entry(&Row {
                position: Some(n as u64),
                record: e.record.0.as_u128(),
                kind: e.kind.as_str(),
                attempt: e.attempt.map(|a| a.0.as_u128()),
                at: &e.at.to_text(),
                leaf: e.leaf,
                bytes: &e.bytes,
            });
        }
        for made in audit.take_full() {
            let stored = full
                .iter()
                .find(|t| (t.level, t.index) == (made.level, made.index));
            audit.tile(&made, stored.map(|t| t.hashes.as_slice()));
        }
        audit.attempt(1000, "accepted", Some((&SALT, "words", "facts")));
        audit.object(&hex::decode(digest_hex(b"[]")).unwrap(), "[]");
        audit.finish();
        audit
    }

    fn kinds(audit: &Audit) -> Vec<(&'static str, Option<u64>)> {
        audit
            .faults
            .iter()
            .map(|f| (f.kind.as_str(), f.position))
            .collect()
    }

    #[test]
    fn an_honest_log_has_no_fault() {
        let log = log();
        let done = audit(&log, &log, |_| {});
        assert!(done.faults.is_empty(), "{:?}", done.faults);
        assert_eq!((done.entries, done.contents, done.heads_checked), (599, 1, 3));
        assert_eq!(done.keys().len(), 1);
    }

    /// What an insider does to entry `n`, with new hashes for everything that he can hash.
    fn rewritten(n: usize, change: impl Fn(&mut String)) -> Vec<Sealed> {
        let mut log = log();
        change(&mut log[n].bytes);
        log[n].leaf = leaf_hash(log[n].bytes.as_bytes());
        log
    }

    #[test]
    fn each_fault_is_found_and_named() {
        let honest = log();
        let mut bytes = honest.clone();
        bytes[400].bytes = bytes[400].bytes.replace("\"n\":401", "\"n\":402");
        let found = kinds(&audit(&bytes, &honest, |_| {}));
        assert_eq!(found[0], ("bytes", Some(400)));
        // With the leaf hash made anew the tiles still name it, and the signed head too.
        let other = rewritten(100, |b| *b = b.replace("\"n\":101", "\"n\":102"));
        let found = kinds(&audit(&other, &honest, |_| {}));
        assert!(
            found.contains(&("tree", Some(100))) && found.contains(&("head", Some(299))),
            "{found:?}"
        );
        // With tiles made anew too, the heads remain.
        let done = audit(&other, &other, |a| {
            a.heads.clear();
            a.expect_heads([head(&honest, 2, 1), head(&honest, 300, 1)]);
        });
        assert_eq!(kinds(&done), [("head", Some(299))]);
        // With heads signed anew, only what was kept outside tells.
        let kept = SignedCheckpoint::parse(&head(&honest, 300, 1).note).unwrap();
        assert_eq!(
            kinds(&audit(&other, &other, |a| a.expect_outside(kept.clone()))),
            [("outside", Some(299))]
        );
        let blank = rewritten(100, |b| *b = b.replace("\"n\":101", "\"n\": 101"));
        assert_eq!(kinds(&audit(&blank, &blank, |_| {})), [("spelling", Some(100))]);
        let mut column = honest.clone();
        column[100].kind = Kind::HoldSet;
        assert_eq!(kinds(&audit(&column, &honest, |_| {})), [("column", Some(100))]);
        let short = kinds(&audit(&honest[..598], &honest, |_| {}));
        assert_eq!(short, [("shorter", None), ("tree", None)]);
        let mut without = honest.clone();
        without.remove(4);
        let found = kinds(&audit(&without, &without[..], |a| a.heads.clear()));
        assert_eq!(found, [("chain", Some(4)), ("story", Some(4))]);
        let swapped = rewritten(5, |b| *b = b.replace("accepted", "unknown"));
        assert_eq!(kinds(&audit(&swapped, &swapped, |_| {})), [("story", None)]);
    }

    #[test]
    fn signatures_of_strangers_and_of_retired_keys_are_refused() {
        let honest = log();
        let check = |heads: Vec<HeadRow>, expected: &[(&str, Option<u64>)]| {
            let done = audit(&honest, &honest, |a| {
                a.heads.clear();
                a.expect_heads(heads);
            });
            assert_eq!(kinds(&done), expected);
        };
        check(vec![head(&honest, 300, 2)], &[("signature", Some(299))]);
        // Entry 1 makes the key known, so a head of one entry cannot rest on it.
        check(vec![head(&honest, 1, 1)], &[("signature", Some(0))]);
        let mut torn = head(&honest, 300, 1);
        torn.note.truncate(90);
        check(vec![torn], &[("signature", Some(299))]);
        let mut moved = head(&honest, 300, 1);
        moved.root = vec![0; 32];
        check(vec![moved], &[("column", Some(299))]);
        let at = Moment::parse("2026-04-07T08:00:00Z").unwrap();
        let mut rotated = honest.clone();
        rotated[200] = Entry::new(Kind::KeyRotated, id(201), at)
            .with("key", signer(2).verifier().to_string())
            .with("retired", signer(1).verifier().to_string())
            .seal();
        let done = audit(&rotated, &rotated, |a| {
            a.heads.clear();
            a.expect_heads([
                head(&rotated, 201, 1),
                head(&rotated, 250, 2),
                head(&rotated, 300, 1),
            ]);
        });
        assert_eq!(kinds(&done), [("signature", Some(299))]);
    }
}
