//! The tree over the log: the one sequencer that gives waiting entries their place and grows the tiles, and reading
//! nodes for proofs.

use std::collections::HashMap;

use uuid::Uuid;

use super::bulk::{Bytes, bulk, row};
use super::db::{Tx, q, statements};
use super::{Store, StoreError};
use crate::domain::RecordId;
use crate::evidence::{
    Edge, FullTile, Hash, Nodes, TILE_WIDTH, TileNodes, empty_root, prove_consistency, prove_inclusion,
    root_at, tile_of,
};

pub(super) mod sql {
    super::statements! {
        // One sequencer at a time: on SQLite the writer is the lock, on PostgreSQL one that ends with the transaction.
        ALONE = {
            sqlite: "SELECT 0 AS locked",
            postgres: "SELECT 0 AS locked FROM pg_advisory_xact_lock(7236837100520116)",
        };
        HURRY = {
            sqlite: "SELECT '5s' AS lock_timeout",
            postgres: "SELECT set_config('lock_timeout', '5s', TRUE) AS lock_timeout",
        };
        TREE = "SELECT size, epoch, edge FROM evidence_tree WHERE one = 1";
        // How far the tree has grown, how many entries have a place, how many wait, and up to where heads are signed.
        PENDING = "SELECT t.size AS size, COALESCE((SELECT MAX(e.position) + 1 FROM evidence e), 0) AS placed, (SELECT COUNT(*) FROM (SELECT 1 AS one FROM evidence_outbox LIMIT 1) AS w) AS waiting, COALESCE((SELECT MAX(h.size) FROM evidence_head h), 0) AS signed FROM evidence_tree t WHERE t.one = 1";
        // The fence: who grew the tree from what is no longer its state changes nothing.
        GROWN = "UPDATE evidence_tree SET size = $1, edge = $2, epoch = epoch + 1 WHERE one = 1 AND size = $3 AND epoch = $4";
        LEAVES = "SELECT position, leaf FROM evidence WHERE position >= $1 ORDER BY position LIMIT $2";
        // Moves what waits to its place, in the order of causes. On SQLite nothing ever waits.
        MOVE = {
            sqlite: "SELECT position, leaf FROM evidence WHERE position < 0 AND position >= $1 LIMIT $2",
            postgres: "WITH moved AS (DELETE FROM evidence_outbox WHERE place IN (SELECT place FROM evidence_outbox ORDER BY place LIMIT $2) RETURNING place, record, kind, attempt_id, at, leaf, bytes), placed AS (INSERT INTO evidence (position, record, kind, attempt_id, at, leaf, bytes) SELECT $1 + row_number() OVER (ORDER BY place) - 1, record, kind, attempt_id, at, leaf, bytes FROM moved RETURNING position, leaf) SELECT position, leaf FROM placed ORDER BY position",
        };
        TILES = bulk super::TileRow => "INSERT INTO evidence_tile (level, tile, hashes) SELECT level, tile, hashes FROM {batch} AS r ORDER BY r.n";
        TILE = "SELECT hashes FROM evidence_tile WHERE level = $1 AND tile = $2";
        OF_RECORD = "SELECT position, bytes FROM evidence WHERE record = $1";
        AT = "SELECT record, bytes FROM evidence WHERE position = $1";
        BYTES = "SELECT bytes FROM evidence WHERE position >= $1 AND position < $2 ORDER BY position";
    }
}

row! {
    struct TileRow {
        level: i64,
        tile: i64,
        hashes: Bytes,
    }
}

/// So often another sequencer may be quicker before it is an error.
const ROUNDS: u32 = 8;

/// Leaves that one transaction takes into the tree.
const CHUNK: i64 = 8192;

/// An entry with its path to the root of a tree.
#[derive(Debug, Clone)]
pub struct ProvenEntry {
    /// Its index.
    pub index: u64,
    /// The bytes.
    pub bytes: String,
    /// The inclusion proof.
    pub path: Vec<Hash>,
}

/// The tree as one snapshot of the database shows it.
pub struct TreeSnapshot {
    tx: Tx,
    edge: Edge,
    tiles: HashMap<(u8, u64), Vec<u8>>,
}

impl std::fmt::Debug for TreeSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TreeSnapshot({} leaves)", self.edge.size())
    }
}

fn count(n: i64) -> Result<u64, StoreError> {
    u64::try_from(n).map_err(|_| StoreError::Corrupt {
        what: "size of the tree",
    })
}

pub(super) fn stored(n: u64) -> Result<i64, StoreError> {
    i64::try_from(n).map_err(|_| StoreError::Refused("the number is larger than any log".into()))
}

/// The stored tree and its epoch.
pub(super) async fn read_tree(tx: &mut Tx) -> Result<(Edge, i64), StoreError> {
    let (size, epoch, edge) = q!(tx, sql::TREE, [] => one (i64, i64, Vec<u8>))?;
    let edge = Edge::from_bytes(count(size)?, &edge).map_err(|_| StoreError::Corrupt {
        what: "edge of the evidence tree; `dunwell evidence verify` says more",
    })?;
    Ok((edge, epoch))
}

/// The tree with its next leaves, before it is stored.
struct Growth {
    edge: Edge,
    full: Vec<FullTile>,
    /// Size and epoch that it grew from.
    from: (i64, i64),
    taken: i64,
}

impl Growth {
    /// Takes leaves with their places into a tree that was read.
    fn of((mut edge, epoch): (Edge, i64), leaves: &[(i64, Vec<u8>)]) -> Result<Growth, StoreError> {
        let before = stored(edge.size())?;
        let mut full: Vec<FullTile> = Vec::new();
        for (expected, (position, leaf)) in (before..).zip(leaves) {
            let leaf: Hash = leaf
                .as_slice()
                .try_into()
                .map_err(|_| StoreError::Corrupt { what: "leaf hash" })?;
            if *position != expected {
                return Err(StoreError::Corrupt {
                    what: "log: a place is missing; `dunwell evidence verify` says more",
                });
            }
            edge.push(leaf, &mut full);
        }
        Ok(Growth {
            edge,
            full,
            from: (before, epoch),
            taken: leaves.len() as i64,
        })
    }

    /// Stores it, if the tree still stands where it grew from.
    async fn store(self, tx: &mut Tx) -> Result<(Edge, i64), StoreError> {
        if self.taken == 0 {
            return Ok((self.edge, 0));
        }
        let tiles: Vec<TileRow> = self
            .full
            .into_iter()
            .map(|t| {
                Ok(TileRow {
                    level: i64::from(t.level),
                    tile: stored(t.index)?,
                    hashes: Bytes(t.hashes),
                })
            })
            .collect::<Result<_, StoreError>>()?;
        let (before, epoch) = self.from;
        let after = stored(self.edge.size())?;
        if q!(&mut *tx, sql::GROWN, [after, self.edge.to_bytes(), before, epoch] => rows)? != 1 {
            return Err(StoreError::Contended);
        }
        bulk(tx, &sql::TILES, &tiles).await?;
        Ok((self.edge, self.taken))
    }
}

/// Reads the next leaves that have their place.
async fn placed(tx: &mut Tx) -> Result<((Edge, i64), Vec<(i64, Vec<u8>)>), StoreError> {
    let tree = read_tree(tx).await?;
    let from = stored(tree.0.size())?;
    let leaves = q!(tx, sql::LEAVES, [from, CHUNK] => all (i64, Vec<u8>))?;
    Ok((tree, leaves))
}

/// Gives waiting entries their place and takes them into the tree; PostgreSQL only.
async fn sequence(tx: &mut Tx) -> Result<(Edge, i64), StoreError> {
    q!(&mut *tx, sql::HURRY, [] => one (String,))?;
    q!(&mut *tx, sql::ALONE, [] => one (i32,))?;
    let (tree, mut leaves) = placed(tx).await?;
    if (leaves.len() as i64) < CHUNK {
        let from = stored(tree.0.size())? + leaves.len() as i64;
        leaves.extend(q!(&mut *tx, sql::MOVE, [from, CHUNK] => all (i64, Vec<u8>))?);
    }
    Growth::of(tree, &leaves)?.store(tx).await
}

impl Store {
    /// Gives every waiting entry its place and takes it into the tree. Durable when it returns; the size and the root.
    ///
    /// # Errors
    /// `Contended` if another sequencer was quicker: nothing was changed, and it will be right the next time.
    pub async fn grow_log(&self) -> Result<(u64, Hash), StoreError> {
        let (size, placed, waiting, _) = self.pending().await?;
        if size == placed && waiting == 0 {
            let tree = self.tree().await?;
            return Ok((tree.size(), tree.root()));
        }
        let mut lost = 0;
        loop {
            match self.grow_once().await {
                Ok((edge, taken)) if taken < CHUNK => return Ok((edge.size(), edge.root())),
                Ok(_) => {}
                // Somebody else grew it meanwhile; the next look begins where that one ended.
                Err(StoreError::Contended) if lost < ROUNDS => lost += 1,
                Err(e) => return Err(e),
            }
        }
    }

    async fn grow_once(&self) -> Result<(Edge, i64), StoreError> {
        if self.dialect() == "postgres" {
            return self.write(|tx| Box::pin(sequence(tx))).await;
        }
        // Entries have their place and never change, so they are read and hashed beside the writer.
        let mut tx = self.db.read().await?;
        let (tree, leaves) = placed(&mut tx).await?;
        drop(tx);
        let growth = Growth::of(tree, &leaves)?;
        self.write(|tx| Box::pin(growth.store(tx))).await
    }

    async fn pending(&self) -> Result<(i64, i64, i64, i64), StoreError> {
        let mut tx = self.db.read().await?;
        Ok(q!(&mut tx, sql::PENDING, [] => one (i64, i64, i64, i64))?)
    }

    /// Whether entries wait for their place, for the tree or for a signed head.
    pub async fn log_is_pending(&self) -> Result<bool, StoreError> {
        let (size, placed, waiting, signed) = self.pending().await?;
        Ok(size != placed || waiting > 0 || signed != size)
    }

    /// The tree as it is stored now.
    pub async fn tree(&self) -> Result<TreeSnapshot, StoreError> {
        let mut tx = self.db.read().await?;
        let (edge, _) = read_tree(&mut tx).await?;
        Ok(TreeSnapshot {
            tx,
            edge,
            tiles: HashMap::new(),
        })
    }
}

impl TreeSnapshot {
    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Its root.
    pub fn root(&self) -> Hash {
        match self.edge.size() {
            0 => empty_root(),
            _ => self.edge.root(),
        }
    }

    /// The bytes of a tile as wide as the tree knows it.
    pub async fn tile(&mut self, level: u8, index: u64) -> Result<Vec<u8>, StoreError> {
        if let Some(known) = self.tiles.get(&(level, index)) {
            return Ok(known.clone());
        }
        let bytes = self.read_tile(level, index).await?;
        self.tiles.insert((level, index), bytes.clone());
        Ok(bytes)
    }

    async fn read_tile(&mut self, level: u8, index: u64) -> Result<Vec<u8>, StoreError> {
        let full = self
            .edge
            .size()
            .checked_shr(8 * (u32::from(level) + 1))
            .unwrap_or(0);
        if index >= full {
            return Ok(match index == full {
                true => self.edge.partial(level),
                false => Vec::new(),
            });
        }
        let place = (i64::from(level), stored(index)?);
        let found = q!(&mut self.tx, sql::TILE, [place.0, place.1] => opt (Vec<u8>,))?;
        found
            .map(|(bytes,)| bytes)
            .filter(|bytes| bytes.len() as u64 == TILE_WIDTH * 32)
            .ok_or(StoreError::Corrupt {
                what: "tile of the evidence tree; `dunwell evidence verify` says more",
            })
    }

    /// Runs a proof twice: once to hear which nodes it needs, once with their tiles at hand.
    async fn with_nodes<T>(
        &mut self,
        proof: impl Fn(&mut Needed<'_>) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut wanted = Vec::new();
        proof(&mut Needed::Dry(&mut wanted));
        for (level, index) in wanted {
            self.tile(level, index).await?;
        }
        Ok(proof(&mut Needed::Real(&self.tiles)))
    }

    /// The root of the first `size` leaves; none if there are fewer.
    pub async fn root_at(&mut self, size: u64) -> Result<Option<Hash>, StoreError> {
        if size > self.size() {
            return Ok(None);
        }
        self.with_nodes(|nodes| root_at(nodes, size)).await
    }

    /// The proof from the first `old` leaves to the first `new`.
    pub async fn consistency(&mut self, old: u64, new: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        if new > self.size() {
            return Ok(None);
        }
        self.with_nodes(|nodes| prove_consistency(nodes, old, new)).await
    }

    /// An entry with its proof in the tree of the first `size` leaves; none if the entry is not among them.
    pub async fn prove(&mut self, entry: EntryName, size: u64) -> Result<Option<ProvenEntry>, StoreError> {
        let found = match entry {
            EntryName::Index(index) => {
                let row = q!(&mut self.tx, sql::AT, [stored(index)?] => opt (Uuid, String))?;
                row.map(|(_, bytes)| (index, bytes))
            }
            EntryName::Record(record) => {
                let row = q!(&mut self.tx, sql::OF_RECORD, [record.0] => opt (i64, String))?;
                row.map(|(index, bytes)| Ok::<_, StoreError>((count(index)?, bytes)))
                    .transpose()?
            }
        };
        let Some((index, bytes)) = found.filter(|(index, _)| *index < size && size <= self.size()) else {
            return Ok(None);
        };
        let path = self
            .with_nodes(|nodes| prove_inclusion(nodes, index, size))
            .await?;
        Ok(path.map(|path| ProvenEntry { index, bytes, path }))
    }

    /// The bytes of the entries from one index to before another.
    pub async fn entries(&mut self, from: u64, to: u64) -> Result<Vec<String>, StoreError> {
        let (from, to) = (stored(from)?, stored(to)?);
        let found = q!(&mut self.tx, sql::BYTES, [from, to] => all (String,))?;
        Ok(found.into_iter().map(|(bytes,)| bytes).collect())
    }
}

/// How somebody names an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryName {
    /// By its index in the log.
    Index(u64),
    /// By its own id.
    Record(RecordId),
}

/// Nodes while a proof is made.
enum Needed<'a> {
    /// Notes which tiles hold them.
    Dry(&'a mut Vec<(u8, u64)>),
    /// Reads them.
    Real(&'a HashMap<(u8, u64), Vec<u8>>),
}

impl Nodes for Needed<'_> {
    fn node(&mut self, level: u8, index: u64) -> Option<Hash> {
        match self {
            Needed::Dry(wanted) => {
                let (level, place, ..) = tile_of(level, index);
                if !wanted.contains(&(level, place)) {
                    wanted.push((level, place));
                }
                None
            }
            Needed::Real(tiles) => {
                TileNodes(|level, place| tiles.get(&(level, place)).map(Vec::as_slice)).node(level, index)
            }
        }
    }
}
