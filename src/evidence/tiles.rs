//! The tree as tiles of 256 hashes (C2SP tlog-tiles): which tile holds which node, where a tile lies among static files,
//! how tiles grow, and bundles of entries.

use super::tree::{Frontier, Hash, Nodes, root_of};

/// Hashes in a full tile; the tree grows by eight levels from one level of tiles to the next.
pub const TILE_WIDTH: u64 = 256;
const TILE_HEIGHT: u8 = 8;

/// One tile: its level, its place in the level, and how many hashes it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// 0 holds leaf hashes; each hash above is the root of a full tile below.
    pub level: u8,
    /// Place in the level, from 0.
    pub index: u64,
    /// 1 to 256; 256 is full.
    pub width: u16,
}

impl Tile {
    /// Where the tile lies below the address of the log: `tile/0/x001/067`, a partial one with `.p/` and its width.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, self.place())
    }

    /// Where the bundle of the same entries lies, for a tile of level 0.
    pub fn entries_path(&self) -> String {
        format!("tile/entries/{}", self.place())
    }

    fn place(&self) -> String {
        let mut rest = self.index;
        let mut text = format!("{:03}", rest % 1000);
        while rest >= 1000 {
            rest /= 1000;
            text = format!("x{:03}/{text}", rest % 1000);
        }
        if u64::from(self.width) < TILE_WIDTH {
            text += &format!(".p/{}", self.width);
        }
        text
    }
}

/// All tiles of a tree of `size` leaves that are not yet in a tree of `after` leaves, level by level.
pub fn tiles_between(after: u64, size: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    for level in 0..8u8 {
        let shift = u32::from(level) * u32::from(TILE_HEIGHT);
        let (before, now) = (after >> shift, size >> shift);
        if now == 0 {
            break;
        }
        if now == before {
            continue;
        }
        for index in before / TILE_WIDTH..now.div_ceil(TILE_WIDTH) {
            let width = (now - index * TILE_WIDTH).min(TILE_WIDTH) as u16;
            tiles.push(Tile { level, index, width });
        }
    }
    tiles
}

/// Which tile holds the node, and which of its hashes lie under it: the first and how many.
pub fn tile_of(level: u8, index: u64) -> (u8, u64, usize, usize) {
    let inner = level % TILE_HEIGHT;
    let first = index << inner;
    (
        level / TILE_HEIGHT,
        first / TILE_WIDTH,
        (first % TILE_WIDTH) as usize,
        1 << inner,
    )
}

/// Nodes out of tiles that were read: `tile` gives the bytes of the tile at a level and place, as wide as they are
/// known.
pub struct TileNodes<F>(pub F);

impl<'a, F: FnMut(u8, u64) -> Option<&'a [u8]>> Nodes for TileNodes<F> {
    fn node(&mut self, level: u8, index: u64) -> Option<Hash> {
        let (level, place, first, count) = tile_of(level, index);
        let bytes = (self.0)(level, place)?.get(first * 32..(first + count) * 32)?;
        Some(root_of(bytes.as_chunks::<32>().0))
    }
}

/// A tile that became full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullTile {
    /// Its level.
    pub level: u8,
    /// Its place in the level.
    pub index: u64,
    /// 256 hashes.
    pub hashes: Vec<u8>,
}

/// A tree that grows tile by tile: its size and the hashes of the partial tile of each level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

/// Stored partial tiles do not fit the stored size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the partial tiles do not belong to a tree of this size")]
pub struct EdgeMismatch;

impl Edge {
    /// The edge as it was stored: the hashes of all partial tiles, level by level from level 0.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Edge, EdgeMismatch> {
        let (hashes, torn) = bytes.as_chunks::<32>();
        let (mut rest, mut levels) = (hashes, Vec::new());
        let mut above = size;
        while above > 0 {
            let width = (above % TILE_WIDTH) as usize;
            let (level, more) = rest.split_at_checked(width).ok_or(EdgeMismatch)?;
            levels.push(level.to_vec());
            rest = more;
            above /= TILE_WIDTH;
        }
        match torn.is_empty() && rest.is_empty() {
            true => Ok(Edge { size, levels }),
            false => Err(EdgeMismatch),
        }
    }

    /// The edge as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.levels.concat().concat()
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash; tiles that become full are handed to `full`, lower levels first.
    pub fn push(&mut self, leaf: Hash, full: &mut Vec<FullTile>) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0u8.. {
            let at = usize::from(level);
            if self.levels.len() == at {
                self.levels.push(Vec::with_capacity(TILE_WIDTH as usize));
            }
            self.levels[at].push(hash);
            if (self.levels[at].len() as u64) < TILE_WIDTH {
                return;
            }
            hash = root_of(&self.levels[at]);
            full.push(FullTile {
                level,
                index: (self.size >> (8 * (u32::from(level) + 1))) - 1,
                hashes: self.levels[at].concat(),
            });
            self.levels[at].clear();
        }
    }

    /// The partial tile of a level; empty if the level has none.
    pub fn partial(&self, level: u8) -> Vec<u8> {
        self.levels
            .get(usize::from(level))
            .map(|hashes| hashes.concat())
            .unwrap_or_default()
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut peaks = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (left, right) = rest.split_at(1 << rest.len().ilog2());
                peaks.push(root_of(left));
                rest = right;
            }
        }
        Frontier::from_peaks(self.size, peaks)
            .expect("the levels hold a hash for each bit of the size")
            .root()
    }
}

/// Why bytes are no bundle of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry is too long for its 16-bit length.
    #[error("an entry is longer than 65535 bytes")]
    TooLong,
    /// The bytes end inside an entry.
    #[error("the bundle is torn")]
    Torn,
}

/// A bundle of entries: each with its length in two bytes, big end first.
pub fn entry_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, BundleError> {
    let mut out = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::TooLong)?;
        out.extend(length.to_be_bytes());
        out.extend(entry);
    }
    Ok(out)
}

/// The entries of a bundle.
pub fn read_entry_bundle(mut bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or(BundleError::Torn)?;
        let (entry, rest) = rest
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or(BundleError::Torn)?;
        entries.push(entry);
        bytes = rest;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::leaf_hash;
    use crate::evidence::tree::{prove_consistency, prove_inclusion, verify_consistency, verify_inclusion};
    use std::collections::HashMap;

    #[test]
    fn tiles_lie_where_the_specification_says() {
        let check = |level, index, width, expected: &str| {
            assert_eq!(Tile { level, index, width }.path(), expected);
        };
        check(0, 1_234_067, 256, "tile/0/x001/x234/067");
        check(2, 5, 17, "tile/2/005.p/17");
        check(1, 1000, 1, "tile/1/x001/000.p/1");
        let tile = Tile {
            level: 0,
            index: 273,
            width: 112,
        };
        assert_eq!(tile.entries_path(), "tile/entries/273.p/112");
    }

    #[test]
    fn a_tree_of_70000_has_the_tiles_of_the_specification() {
        let tiles = tiles_between(0, 70_000);
        let count = |level: u8, full: bool| {
            tiles
                .iter()
                .filter(|t| t.level == level && (t.width == 256) == full)
                .count()
        };
        assert_eq!((count(0, true), count(0, false)), (273, 1));
        assert_eq!((count(1, true), count(1, false)), (1, 1));
        assert_eq!((count(2, true), count(2, false)), (0, 1));
        assert!(tiles.contains(&Tile {
            level: 0,
            index: 273,
            width: 112
        }));
        assert!(tiles.contains(&Tile {
            level: 1,
            index: 1,
            width: 17
        }));
        assert!(tiles.contains(&Tile {
            level: 2,
            index: 0,
            width: 1
        }));
        let small = tiles_between(0, 256);
        assert_eq!(small.len(), 2, "a full tile and one of width 1 above it");
    }

    #[test]
    fn another_implementation_names_and_fills_the_same_tiles() {
        for (after, size) in [
            (0, 1),
            (0, 70_000),
            (69_000, 70_000),
            (255, 256),
            (256, 512),
            (65_535, 65_537),
        ] {
            let mut theirs: Vec<String> = tlog_tiles::Tile::new_tiles(8, after, size)
                .into_iter()
                .map(|tile| tile.path())
                .collect();
            let mut ours: Vec<String> = tiles_between(after, size).iter().map(Tile::path).collect();
            // Theirs counts the height of tiles in the path; ours is the layout of the specification.
            theirs
                .iter_mut()
                .for_each(|path| *path = path.replace("tile/8/", "tile/"));
            theirs.sort();
            ours.sort();
            assert_eq!(ours, theirs, "{after} to {size}");
        }
    }

    /// Grows a tree and keeps every tile, as a store does.
    fn grown(size: u64) -> (Edge, HashMap<(u8, u64), Vec<u8>>, Frontier) {
        let (mut edge, mut frontier, mut full) = (Edge::default(), Frontier::default(), Vec::new());
        for i in 0..size {
            let leaf = leaf_hash(&i.to_be_bytes());
            edge.push(leaf, &mut full);
            frontier.push(leaf);
        }
        let mut tiles: HashMap<_, _> = full.into_iter().map(|t| ((t.level, t.index), t.hashes)).collect();
        for level in 0..4u8 {
            tiles.insert((level, size >> (8 * (level + 1))), edge.partial(level));
        }
        (edge, tiles, frontier)
    }

    #[test]
    fn proofs_come_out_of_tiles_for_every_older_size_too() {
        for size in [1, 2, 255, 256, 257, 511, 70_000] {
            let (edge, tiles, frontier) = grown(size);
            assert_eq!(edge.root(), frontier.root(), "{size}");
            let stored = edge.to_bytes();
            assert_eq!(Edge::from_bytes(size, &stored).unwrap().root(), edge.root());
            assert_eq!(Edge::from_bytes(size - 1, &stored), Err(EdgeMismatch));
            assert_eq!(
                Edge::from_bytes(size, &stored[..stored.len().saturating_sub(1)]).is_ok(),
                stored.is_empty()
            );
            let mut nodes = TileNodes(|level, index| tiles.get(&(level, index)).map(Vec::as_slice));
            for index in [0, size / 2, size - 1] {
                let path = prove_inclusion(&mut nodes, index, size).unwrap();
                let leaf = leaf_hash(&index.to_be_bytes());
                assert_eq!(
                    verify_inclusion(&leaf, index, size, &path, &frontier.root()),
                    Ok(())
                );
            }
            for old in [1, size.div_ceil(2), size] {
                let path = prove_consistency(&mut nodes, old, size).unwrap();
                let (_, _, before) = grown(old);
                let (old, new) = ((old, &before.root()), (size, &frontier.root()));
                assert_eq!(verify_consistency(old, new, &path), Ok(()), "{} to {size}", old.0);
            }
        }
    }

    #[test]
    fn bundles_read_back_and_torn_ones_are_refused() {
        let entries: [&[u8]; 3] = [b"", b"one", &[7; 300]];
        let bytes = entry_bundle(entries).unwrap();
        assert_eq!(read_entry_bundle(&bytes).unwrap(), entries);
        assert_eq!(
            read_entry_bundle(&bytes[..bytes.len() - 1]),
            Err(BundleError::Torn)
        );
        assert_eq!(
            entry_bundle([[0u8; 65_536].as_slice()]),
            Err(BundleError::TooLong)
        );
    }
}
