//! Somebody with the database and the key of the log rewrites history, and somebody else kept a head or has a bundle of
//! another day. Both verifiers, run as an expert runs them, must see it; and the same answer made on another machine must
//! be the same to the last byte.

use std::path::Path;
use std::process::Command;

use dunwell::evidence::SignedCheckpoint;
use dunwell::evidence::bundle::Files;

use super::bundles::{World, copy, files_of, forge, sent, theirs, world};
use super::evidence::python;
use super::support::require_or_skip;

fn put(files: &Files, folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The log as static files, the way monitors read it: each entry after its length in two bytes, 256 to a file.
fn tiles(entries: &[String], folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    for (n, tile) in entries.chunks(256).enumerate() {
        let place = match tile.len() {
            256 => folder.join(format!("tile/entries/{n:03}")),
            width => folder.join(format!("tile/entries/{n:03}.p/{width}")),
        };
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        let framed = tile.iter().flat_map(|entry| {
            let length = u16::try_from(entry.len()).unwrap().to_be_bytes();
            [&length[..], entry.as_bytes()].concat()
        });
        std::fs::write(place, framed.collect::<Vec<u8>>()).unwrap();
    }
}

/// What both verifiers say of a bundle, a log and a head that was kept outside; they must say the same.
struct Court<'w> {
    w: &'w World,
    python: std::path::PathBuf,
}

impl Court<'_> {
    fn says(&self, bundle: &Files, log: Option<&[String]>, kept: Option<&SignedCheckpoint>) -> i32 {
        let path = |name: &str| self.w.desk.path(&format!("demo/{name}"));
        put(bundle, &path("shown"));
        let mut ours: Vec<String> = ["evidence", "verify", "shown", "--policy", "trusted.policy"]
            .map(str::to_owned)
            .into();
        let mut options = Vec::new();
        if let Some(entries) = log {
            tiles(entries, &path("shown-log"));
            ours.extend(["--log".to_owned(), "shown-log".to_owned()]);
            options.push(format!("log={}", path("shown-log").display()));
        }
        if let Some(head) = kept {
            std::fs::write(path("kept.txt"), head.to_string()).unwrap();
            ours.extend(["--checkpoint".to_owned(), "kept.txt".to_owned()]);
            options.push(format!("head={}", path("kept.txt").display()));
        }
        let arguments: Vec<&str> = ours.iter().map(String::as_str).collect();
        let said = self
            .w
            .desk
            .command(&arguments)
            .current_dir(path(""))
            .output()
            .unwrap();
        let theirs = theirs(&self.python, &path("shown"), &path("trusted.policy"), &options);
        assert_eq!(said.status.code(), Some(theirs), "{said:?}");
        theirs
    }
}

#[test]
fn a_head_that_was_kept_outside_catches_every_second_history() {
    let (Some(w), Some(python)) = (world(), python()) else {
        require_or_skip("the verifier in Python: there is no `cryptography`");
        return;
    };
    let court = Court { w: &w, python };
    let forge = forge(&w, "kept");
    let honest = forge.entries.clone();
    let statement: serde_json::Value = serde_json::from_slice(&forge.bundle["statement.json"]).unwrap();
    let ours = statement["entries"].as_array().unwrap();
    let last = ours.last().unwrap().as_u64().unwrap() as usize;
    let (whole, older) = (forge.head(&honest), forge.head(&honest[..last + 1]));
    // Somebody honest: a head of any day is one of this log, and the bundle alone cannot show what it has no proof of.
    let good = forge.bundle(&honest, &whole, None);
    assert_eq!(court.says(&good, None, Some(&whole)), 0);
    assert_eq!(court.says(&good, Some(&honest), Some(&older)), 0);
    assert_eq!(
        court.says(&good, None, Some(&older)),
        58,
        "nothing to compare it with"
    );
    let early = forge.bundle(&honest[..last + 1], &older, None);
    assert_eq!(
        court.says(&early, Some(&honest), Some(&whole)),
        0,
        "the log has grown since"
    );
    assert_eq!(
        court.says(&early, Some(&honest[..last + 1]), Some(&whole)),
        58,
        "its tail is gone"
    );

    let mut changed = honest.clone();
    changed[last] = changed[last].replace("\"accepted\"", "\"delivered\"");
    assert_ne!(changed, honest);
    let mut inserted = honest.clone();
    inserted.insert(1, honest[0].clone());
    let mut removed = honest.clone();
    removed.remove((1..last).find(|n| !ours.contains(&serde_json::json!(n))).unwrap());
    let mut reordered = honest.clone();
    reordered.swap(0, 1);
    let dated: Vec<String> = honest
        .iter()
        .map(|e| e.replace("\"at\":\"2026-", "\"at\":\"2025-"))
        .collect();
    for (attack, entries) in [
        ("changed", &changed),
        ("inserted", &inserted),
        ("removed", &removed),
        ("reordered", &reordered),
        ("rewritten and dated back", &dated),
    ] {
        let head = forge.head(entries);
        let bundle = forge.bundle(entries, &head, None);
        assert_eq!(
            court.says(&bundle, Some(entries), None),
            0,
            "{attack}: nothing outside, nothing seen"
        );
        assert_eq!(
            court.says(&bundle, Some(entries), Some(&older)),
            58,
            "{attack}: a head of an earlier day"
        );
        assert_eq!(
            court.says(&bundle, Some(&honest), None),
            60,
            "{attack}: the log of somebody else"
        );
        // Two histories, of which each was shown to somebody: their heads contradict each other.
        if entries.len() == honest.len() {
            assert_eq!(
                court.says(&bundle, None, Some(&whole)),
                58,
                "{attack}: the head shown to another"
            );
        }
    }
    // An entry of another log, and a head that nobody trusted has signed.
    let mut torn = older.clone();
    torn.note = SignedCheckpoint::parse(&older.to_string().replace(&format!("\n{}\n", last + 1), "\n3\n"))
        .unwrap()
        .note;
    torn.checkpoint.size = 3;
    assert_eq!(court.says(&good, Some(&honest), Some(&torn)), 50);
}

/// Makes the bundle of an account as another machine would, and gives its files.
fn made_on(machine: &Path, account: &str, umask: &str, environment: &[(&str, &str)]) -> Files {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "umask \"$0\"; exec \"$@\"",
            umask,
            env!("CARGO_BIN_EXE_dunwell"),
        ])
        .args([
            "evidence",
            "export",
            "--account",
            account,
            "--complaint",
            "7",
            "--out",
            "answer",
        ])
        .current_dir(machine)
        .env_clear()
        .envs(environment.iter().copied());
    let done = command.output().unwrap();
    assert!(done.status.success(), "{done:?}");
    files_of(&machine.join("answer"))
}

#[test]
fn another_machine_makes_the_same_bytes() {
    let Some(w) = world() else { return };
    let (_, account) = sent(&w.desk);
    // Two copies of one database with its keys, as a restored backup would be: other place, other clock, other habits.
    let (here, there) = (w.desk.path("demo"), w.desk.path("at/another place/电脑"));
    copy(&here, &there);
    copy(&w.desk.path("tsa"), &w.desk.path("at/another place/tsa"));
    let first = made_on(
        &here,
        &account,
        "022",
        &[("TZ", "UTC"), ("LANG", "C"), ("HOME", "/nonexistent")],
    );
    let second = now();
    while now() == second {
        std::thread::yield_now();
    }
    let home = w.desk.path("at").display().to_string();
    let habits = [
        ("TZ", "Pacific/Kiritimati"),
        ("LANG", "zh_CN.UTF-8"),
        ("LC_ALL", "zh_CN.UTF-8"),
        ("HOME", home.as_str()),
        ("HOSTNAME", "another.example"),
        ("USER", "somebody"),
        ("SOURCE_DATE_EPOCH", "1"),
        ("TMPDIR", home.as_str()),
    ];
    let again = made_on(&there, &account, "077", &habits);
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first), names(&again));
    for (name, bytes) in &first {
        assert!(again[name] == *bytes, "{name} differs");
    }
    assert!(first.contains_key("certificate.pdf") && first.contains_key("checkpoint.tst"));
}

/// Seconds of the clock of this machine.
fn now() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.map_or(0, |d| d.as_secs())
}
