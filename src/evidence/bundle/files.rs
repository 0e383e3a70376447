//! The manifest: the SHA-256 and the path of every other file, one a line, as `sha256sum` writes them.

use std::collections::BTreeMap;

use super::Files;
use super::fault::{BundleFault, BundleFaultKind as K, fault};
use crate::evidence::digest_hex;

/// Where the manifest lies.
pub const MANIFEST: &str = "MANIFEST.sha256";

/// The manifest over all files but itself, sorted by path.
pub fn manifest_of(files: &Files) -> String {
    files
        .iter()
        .filter(|(path, _)| path.as_str() != MANIFEST)
        .map(|(path, bytes)| format!("{}  {path}\n", digest_hex(bytes)))
        .collect()
}

/// The digest that names a whole bundle: the SHA-256 of its manifest, in hex.
pub fn manifest_digest(files: &Files) -> String {
    digest_hex(files.get(MANIFEST).map_or(b"".as_slice(), Vec::as_slice))
}

/// Reads a manifest: digests by path. `None` where it is not in the one form.
fn read(text: &[u8]) -> Option<BTreeMap<&str, &str>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut listed: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.strip_suffix('\n')?.split('\n') {
        let (digest, path) = line.split_at_checked(64)?;
        let path = path.strip_prefix("  ")?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let plain = !path.is_empty() && path.bytes().all(|b| (0x21..=0x7e).contains(&b));
        // Sorted strictly upwards, so that no file stands twice.
        let rises = listed.last_key_value().is_none_or(|(last, _)| *last < path);
        if !digest.bytes().all(hex) || !plain || !rises {
            return None;
        }
        listed.insert(path, digest);
    }
    Some(listed)
}

/// Checks that the manifest names every file with its digest, and nothing else.
pub(super) fn check_manifest(files: &Files) -> Result<(), BundleFault> {
    let text = files.get(MANIFEST).ok_or_else(|| fault(K::Missing, MANIFEST))?;
    let listed = read(text).ok_or_else(|| fault(K::Manifest, MANIFEST))?;
    if let Some(path) = listed.keys().find(|path| !files.contains_key(**path)) {
        return Err(fault(K::Missing, *path));
    }
    for path in files.keys().filter(|path| path.as_str() != MANIFEST) {
        if !listed.contains_key(path.as_str()) {
            return Err(fault(K::Extra, path));
        }
    }
    for (path, digest) in listed {
        // The manifest cannot name itself.
        if path == MANIFEST || digest_hex(&files[path]) != digest {
            return Err(fault(K::Changed, path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_missing_and_changed_files_are_told_apart() {
        let mut files: Files = [
            ("a.txt".to_owned(), b"1".to_vec()),
            ("b/c".to_owned(), b"2".to_vec()),
        ]
        .into();
        files.insert(MANIFEST.into(), manifest_of(&files).into_bytes());
        let check = |change: &dyn Fn(&mut Files), expected: Option<(K, &str)>| {
            let mut changed = files.clone();
            change(&mut changed);
            let found = check_manifest(&changed).err().map(|f| (f.kind, f.place));
            assert_eq!(found, expected.map(|(k, p)| (k, p.to_owned())));
        };
        check(&|_| {}, None);
        check(&|f| _ = f.insert("d".into(), vec![]), Some((K::Extra, "d")));
        check(&|f| _ = f.remove("b/c"), Some((K::Missing, "b/c")));
        check(
            &|f| _ = f.insert("a.txt".into(), b"3".to_vec()),
            Some((K::Changed, "a.txt")),
        );
        check(&|f| _ = f.remove(MANIFEST), Some((K::Missing, MANIFEST)));
        for (from, to) in [
            ("  ", " "),
            ("a.txt\n", "a.txt\r\n"),
            ("a.txt\n", "a.txt"),
            ("6", "G"),
        ] {
            let text = String::from_utf8(files[MANIFEST].clone())
                .unwrap()
                .replacen(from, to, 1);
            check(
                &|f| _ = f.insert(MANIFEST.into(), text.clone().into_bytes()),
                Some((K::Manifest, MANIFEST)),
            );
        }
        let twice = format!("{0}{0}", String::from_utf8(files[MANIFEST].clone()).unwrap());
        check(
            &|f| _ = f.insert(MANIFEST.into(), twice.clone().into_bytes()),
            Some((K::Manifest, MANIFEST)),
        );
    }
}
