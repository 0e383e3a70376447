//! What a disk may hold after a power cut. Everything that was synced is there. Of what was written and not synced, each
//! write is there, or not, or in parts: any of its sectors. The same for lengths, and for names in a folder that was not
//! synced. Syncs come to an end only when the device says so; what a device does that lies is not told here.

use std::collections::BTreeMap;

use super::trace::Event;

/// Numbers that follow from a seed.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % n
    }
}

/// Files by path.
pub(super) type Image = BTreeMap<String, Vec<u8>>;

/// What the disk holds if the power goes after the first `cut` events of a process that began on `base`. `folder` is where
/// its files lie.
pub(super) fn after_cut(
    base: &Image,
    events: &[Event],
    cut: usize,
    folder: &str,
    chance: &mut Chance,
) -> Image {
    let sector = if chance.below(2) == 0 { 512 } else { 4096 };
    // Before which event a file, or the names of the folder, were last synced.
    let mut synced: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &events[..cut] {
        if let Event::Synced { path, since } = event {
            let newest = synced.entry(path).or_default();
            *newest = (*newest).max(*since);
        }
    }
    let on_disk = |path: &str, n: usize| synced.get(path).is_some_and(|since| n < *since);
    let mut image = base.clone();
    let mut lost: Vec<String> = Vec::new();
    for (n, event) in events[..cut].iter().enumerate() {
        match event {
            Event::Opened { path } if path.starts_with(folder) && !image.contains_key(path) => {
                image.insert(path.clone(), Vec::new());
                lost.retain(|p| p != path);
                if !on_disk(folder, n) && chance.below(2) == 0 {
                    lost.push(path.clone());
                }
            }
            Event::Removed { path } if on_disk(folder, n) || chance.below(2) == 0 => _ = image.remove(path),
            Event::Length { path, length } => {
                if let Some(file) = image.get_mut(path)
                    && (on_disk(path, n) || chance.below(2) == 0)
                {
                    file.resize(*length as usize, 0);
                }
            }
            Event::Write { path, at, bytes } => {
                let Some(file) = image.get_mut(path) else { continue };
                match if on_disk(path, n) { 0 } else { chance.below(3) } {
                    0 => put(file, *at, bytes),
                    1 => {}
                    _ => sectors(*at, bytes, sector)
                        .filter(|_| chance.below(2) == 0)
                        .for_each(|(at, part)| put(file, at, part)),
                }
            }
            _ => {}
        }
    }
    image.retain(|path, _| !lost.contains(path));
    image
}

fn put(file: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let (from, to) = (at as usize, at as usize + bytes.len());
    if file.len() < to {
        file.resize(to, 0);
    }
    file[from..to].copy_from_slice(bytes);
}

/// The parts of a write that lie in one sector each.
fn sectors(at: u64, bytes: &[u8], sector: u64) -> impl Iterator<Item = (u64, &[u8])> {
    let mut left = (at, bytes);
    std::iter::from_fn(move || {
        let (at, bytes) = left;
        let length = (sector - at % sector).min(bytes.len() as u64) as usize;
        left = (at + length as u64, &bytes[length..]);
        (length > 0).then(|| (at, &bytes[..length]))
    })
}

#[test]
fn what_was_synced_is_there_and_the_rest_may_be() {
    let path = || "/w/a".to_owned();
    let write = |at, bytes: &[u8]| Event::Write {
        path: path(),
        at,
        bytes: bytes.to_vec(),
    };
    let events = [
        Event::Opened { path: path() },
        write(0, b"one"),
        Event::Synced {
            path: path(),
            since: 2,
        },
        Event::Synced {
            path: "/w".into(),
            since: 2,
        },
        write(3, &[7; 2000]),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let image = after_cut(&Image::new(), &events, 5, "/w", &mut Chance(seed));
        let file = &image["/w/a"];
        assert_eq!(&file[..3], b"one");
        assert!(file[3..].iter().all(|b| *b == 7 || *b == 0) && file.len() <= 2003);
        seen.insert(file.clone());
    }
    assert!(
        seen.len() > 8,
        "not there, whole, and torn in several ways: {}",
        seen.len()
    );
    let events = &events;
    let before =
        |cut| (0..50).map(move |seed| after_cut(&Image::new(), events, cut, "/w", &mut Chance(seed)));
    // The name of the file is only sure once the folder was synced.
    let there = before(3).filter(|image| image.contains_key("/w/a")).count();
    assert!((5..45).contains(&there), "{there}");
    assert!(before(4).all(|image| image["/w/a"] == b"one"));
}
