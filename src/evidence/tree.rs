//! The Merkle tree of RFC 6962 over SHA-256: growing it leaf by leaf, and proofs of inclusion and of consistency, made
//! from stored nodes and checked without them.

use sha2::{Digest, Sha256};

/// A SHA-256 hash: of a leaf, a node or a whole tree.
pub type Hash = [u8; 32];

/// RFC 6962, section 2.1: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut block = [1u8; 65];
    block[1..33].copy_from_slice(left);
    block[33..].copy_from_slice(right);
    Sha256::digest(block).into()
}

/// The root of a tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root over `hashes`, each a subtree of one and the same size; for a power of two it is one node.
pub fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len() as u64) as usize);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// A tree that can grow and knows its root, in at most 64 hashes: one for each complete subtree, largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// A tree of `size` leaves whose complete subtrees have these roots, largest first.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Frontier> {
        (peaks.len() == size.count_ones() as usize).then_some(Frontier { size, peaks })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_and(leaf, |_, _| {});
    }

    /// Appends a leaf hash and tells of every subtree that is complete with it: its height and its root.
    pub fn push_and(&mut self, leaf: Hash, mut complete: impl FnMut(u32, &Hash)) {
        let mut node = leaf;
        complete(0, &node);
        for height in 1..=self.size.trailing_ones() {
            let left = self.peaks.pop().expect("a peak for each bit of the size");
            node = node_hash(&left, &node);
            complete(height, &node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return empty_root();
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Reads stored nodes: the root of the complete subtree of height `level` that is `index`-th from the left; height 0
/// is a leaf hash. `None` if it is not there.
pub trait Nodes {
    /// The node.
    fn node(&mut self, level: u8, index: u64) -> Option<Hash>;
}

impl<F: FnMut(u8, u64) -> Option<Hash>> Nodes for F {
    fn node(&mut self, level: u8, index: u64) -> Option<Hash> {
        self(level, index)
    }
}

/// The largest power of two below `n`, for `n` above 1.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root of the leaves `from .. to` as RFC 6962 cuts them; `from` is a multiple of the first cut.
fn range(nodes: &mut impl Nodes, from: u64, to: u64) -> Option<Hash> {
    let width = to - from;
    if width.is_power_of_two() {
        return nodes.node(width.trailing_zeros() as u8, from / width);
    }
    let cut = split(width);
    let left = range(nodes, from, from + cut);
    let right = range(nodes, from + cut, to);
    // Both are asked for even if one is missing, so that a dry run hears of every node.
    Some(node_hash(&left?, &right?))
}

/// The root of the first `size` leaves.
pub fn root_at(nodes: &mut impl Nodes, size: u64) -> Option<Hash> {
    if size == 0 {
        return Some(empty_root());
    }
    range(nodes, 0, size)
}

/// The inclusion proof of RFC 6962, section 2.1.1, from the leaf's sibling upwards. `None` if the leaf is not in the
/// tree or a node is missing.
pub fn prove_inclusion(nodes: &mut impl Nodes, index: u64, size: u64) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while to - from > 1 {
        let cut = from + split(to - from);
        if index < cut {
            path.push(range(nodes, cut, to));
            to = cut;
        } else {
            path.push(range(nodes, from, cut));
            from = cut;
        }
    }
    path.into_iter().rev().collect()
}

/// The consistency proof of RFC 6962, section 2.1.2, from the tree of `old` leaves to that of `new`; empty if `old` is 0
/// or equals `new`. `None` if `old` is larger or a node is missing.
pub fn prove_consistency(nodes: &mut impl Nodes, old: u64, new: u64) -> Option<Vec<Hash>> {
    if old > new {
        return None;
    }
    if old == 0 || old == new {
        return Some(Vec::new());
    }
    let (mut from, mut to, mut known) = (0, new, true);
    let mut path = Vec::new();
    while to != old {
        let cut = from + split(to - from);
        if old <= cut {
            path.push(range(nodes, cut, to));
            to = cut;
        } else {
            path.push(range(nodes, from, cut));
            from = cut;
            known = false;
        }
    }
    if !known {
        path.push(range(nodes, from, to));
    }
    path.into_iter().rev().collect()
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry cannot be in a tree of that size.
    #[error("the entry lies outside the tree")]
    Outside,
    /// More or fewer hashes than a tree of that shape has.
    #[error("the proof has not as many hashes as a tree of this size needs")]
    Length,
    /// The hashes lead elsewhere.
    #[error("the proof does not lead to the root")]
    Root,
    /// The hashes do not begin with the older tree.
    #[error("the older tree is not the beginning of the newer one")]
    Older,
}

/// Checks an inclusion proof (RFC 9162, section 2.1.3.2).
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside);
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    match (last, hash == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Checks a consistency proof (RFC 9162, section 2.1.4.2) between two sizes with their roots.
pub fn verify_consistency(old: (u64, &Hash), new: (u64, &Hash), path: &[Hash]) -> Result<(), ProofError> {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return Err(ProofError::Outside);
    }
    if old_size == new_size || old_size == 0 {
        if !path.is_empty() {
            return Err(ProofError::Length);
        }
        let same = if old_size == 0 {
            *old_root == empty_root()
        } else {
            old_root == new_root
        };
        return if same { Ok(()) } else { Err(ProofError::Older) };
    }
    let mut rest = path.iter();
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    // A complete old tree is its own first hash.
    let first = match old_size.is_power_of_two() {
        true => old_root,
        false => rest.next().ok_or(ProofError::Length)?,
    };
    let (mut older, mut newer) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            older = node_hash(sibling, &older);
            newer = node_hash(sibling, &newer);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            newer = node_hash(&newer, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if older != *old_root {
        return Err(ProofError::Older);
    }
    if newer != *new_root {
        return Err(ProofError::Root);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::leaf_hash;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    /// Every node, straight from the definition.
    fn nodes(leaves: &[Hash]) -> impl FnMut(u8, u64) -> Option<Hash> {
        move |level, index| {
            let (from, to) = ((index << level) as usize, ((index + 1) << level) as usize);
            leaves.get(from..to).map(root_of)
        }
    }

    #[test]
    fn roots_are_those_of_the_published_vectors() {
        // The eight leaves that the Certificate Transparency reference tests use.
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let mut tree = Frontier::default();
        assert_eq!(
            hex::encode(tree.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for input in inputs {
            tree.push(leaf_hash(&hex::decode(input).unwrap()));
        }
        assert_eq!(
            hex::encode(tree.root()),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }

    #[test]
    fn roots_and_proofs_are_those_of_another_implementation() {
        let all = leaves(300);
        let mut theirs = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        let mut ours = Frontier::default();
        for n in 1..=300u64 {
            theirs.push((n - 1).to_be_bytes().to_vec());
            ours.push(all[n as usize - 1]);
            assert_eq!(
                ours.root().as_slice(),
                theirs.root().as_bytes().as_slice(),
                "size {n}"
            );
            for index in [0, n / 3, n - 1] {
                let path = prove_inclusion(&mut nodes(&all), index, n).unwrap();
                assert_eq!(
                    path.concat(),
                    theirs.prove_inclusion(index as usize).as_bytes(),
                    "{index} of {n}"
                );
            }
            let old = n / 2 + 1;
            if old < n {
                let path = prove_consistency(&mut nodes(&all), old, n).unwrap();
                let proof = theirs.prove_consistency((n - old) as usize);
                assert_eq!(path.concat(), proof.as_bytes(), "{old} to {n}");
            }
        }
    }

    #[test]
    fn every_small_tree_proves_itself_and_nothing_else() {
        let all = leaves(40);
        for n in 0..=40u64 {
            let root = root_at(&mut nodes(&all), n).unwrap();
            for index in 0..n {
                let path = prove_inclusion(&mut nodes(&all), index, n).unwrap();
                let check = |leaf: u64, at: u64, path: &[Hash]| {
                    verify_inclusion(&all[leaf as usize], at, n, path, &root)
                };
                assert_eq!(check(index, index, &path), Ok(()));
                for other in (0..n).filter(|other| *other != index) {
                    assert!(check(other, index, &path).is_err() && check(index, other, &path).is_err());
                }
                assert!(check(index, index, &[path.as_slice(), &[root]].concat()).is_err());
                if let Some((_, shorter)) = path.split_last() {
                    assert!(check(index, index, shorter).is_err());
                }
            }
            for old in 0..=n {
                let path = prove_consistency(&mut nodes(&all), old, n).unwrap();
                let before = root_at(&mut nodes(&all), old).unwrap();
                assert_eq!(
                    verify_consistency((old, &before), (n, &root), &path),
                    Ok(()),
                    "{old} to {n}"
                );
                let wrong = [7; 32];
                assert!(verify_consistency((old, &wrong), (n, &root), &path).is_err());
                if n > 0 && old > 0 {
                    assert!(verify_consistency((old, &before), (n, &wrong), &path).is_err());
                }
                assert!(
                    verify_consistency((old, &before), (n, &root), &[path.as_slice(), &[wrong]].concat())
                        .is_err()
                );
            }
        }
    }

    proptest! {
        #[test]
        fn a_changed_hash_breaks_a_proof(n in 2u64..500, seed in any::<u64>(), bit in 0usize..256) {
            let all = leaves(n);
            let root = root_of(&all);
            let index = seed % n;
            let mut path = prove_inclusion(&mut nodes(&all), index, n).unwrap();
            let which = seed as usize % path.len();
            path[which][bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(verify_inclusion(&all[index as usize], index, n, &path, &root), Err(ProofError::Root));
        }
    }
}
