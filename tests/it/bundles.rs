//! Bundles from outside: a complaint answered with one command, both verifiers on the same changed bundles, an insider
//! with database and key, and what programs of others say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dunwell::evidence::bundle::{Files, MANIFEST, Trust, check_bundle, manifest_of};
use dunwell::evidence::{
    Checkpoint, Hash, KeyUse, NoteSigner, Policy, SignedCheckpoint, leaf_hash, parse_canonical,
    prove_consistency, prove_inclusion, read_entry_bundle, root_of,
};
use serde_json::{Value, json};

use super::cli::Desk;
use super::evidence::{answering, authority, openssl, python};
use super::support::require_or_skip;

/// A demo whose log is signed, stamped by an authority and has grown since.
pub(super) struct World {
    pub(super) desk: Desk,
    pub(super) trust: String,
    pub(super) roots: String,
}

/// A copy of the demo for one test alone.
pub(super) fn world() -> Option<World> {
    static WORLD: OnceLock<Option<World>> = OnceLock::new();
    let first = WORLD
        .get_or_init(|| {
            if Command::new("openssl").arg("version").output().is_err() {
                require_or_skip("bundles: there is no `openssl` on this machine");
                return None;
            }
            let desk = Desk::empty();
            desk.ok(&["demo", "--dir", "demo", "--accounts", "60", "--days", "14"]);
            let tsa = desk.path("tsa");
            authority(&tsa, &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
            let url = answering(tsa.clone());
            let settings = desk.read("demo/dunwell.toml");
            let more =
                format!("\n[evidence]\ntimestamp_url = \"{url}\"\ntimestamp_ca_file = \"../tsa/ca.pem\"\n");
            desk.write("demo/dunwell.toml", &(settings + &more));
            run(&desk, 0, &["evidence", "key", "new"]);
            run(&desk, 0, &["evidence", "checkpoint", "--anchor"]);
            let key = said(&desk, &["evidence", "key", "show"])[0]["key"]
                .as_str()
                .unwrap()
                .to_owned();
            let trust = format!("log {key}\nquorum none\n");
            desk.write("demo/trusted.policy", &trust);
            let roots = std::fs::read_to_string(tsa.join("ca.pem")).unwrap();
            Some(World { desk, trust, roots })
        })
        .as_ref()?;
    let desk = Desk::empty();
    copy(&first.desk.path("demo"), &desk.path("demo"));
    copy(&first.desk.path("tsa"), &desk.path("tsa"));
    Some(World {
        desk,
        trust: first.trust.clone(),
        roots: first.roots.clone(),
    })
}

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for found in from.read_dir().unwrap() {
        let path = found.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true if path.ends_with("outbox") => {}
            true => copy(&path, &to),
            false => _ = std::fs::copy(&path, &to).unwrap(),
        }
    }
}

/// Runs a command inside the demo.
pub(super) fn run(desk: &Desk, code: i32, arguments: &[&str]) -> String {
    let done = desk
        .command(arguments)
        .current_dir(desk.path("demo"))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert_eq!(done.status.code(), Some(code), "{arguments:?}\n{out}{err}");
    format!("{out}{err}")
}

fn said(desk: &Desk, arguments: &[&str]) -> Value {
    let mut command = desk.command(arguments);
    let done = command
        .arg("--json")
        .current_dir(desk.path("demo"))
        .output()
        .unwrap();
    serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}\n{done:?}"))
}

/// A message that was sent, and the number of its account.
pub(super) fn sent(desk: &Desk) -> (String, String) {
    let list = said(
        desk,
        &["message", "list", "--state", "accepted", "--limit", "200"],
    );
    let text = list
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["channel"] == "sms")
        .unwrap();
    let word = |key: &str| text[key].as_str().unwrap().to_owned();
    (word("attempt"), word("account"))
}

pub(super) fn files_of(folder: &Path) -> Files {
    fn collect(folder: &Path, below: &str, files: &mut Files) {
        for found in std::fs::read_dir(folder).unwrap() {
            let path = found.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let name = if below.is_empty() {
                name.to_owned()
            } else {
                format!("{below}/{name}")
            };
            match path.is_dir() {
                true => collect(&path, &name, files),
                false => _ = files.insert(name, std::fs::read(&path).unwrap()),
            }
        }
    }
    let mut files = Files::new();
    collect(folder, "", &mut files);
    files
}

pub(super) fn remade(mut files: Files) -> Files {
    let manifest = manifest_of(&files).into_bytes();
    files.insert(MANIFEST.into(), manifest);
    files
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/verify_bundle.py")
}

/// Exit code of the Python verifier, run as an expert runs it.
pub(super) fn theirs(python: &Path, folder: &Path, trust: &Path, options: &[String]) -> i32 {
    let done = Command::new(python)
        .arg(script())
        .args([folder, trust])
        .args(options)
        .output()
        .unwrap();
    let code = done.status.code().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        code != 1 && said.contains(if code == 0 { "holds" } else { "REFUSED" }),
        "{done:?}"
    );
    code
}

/// One change: which file, where, how (up to 255: bits flipped; then deleted, doubled, a line break before), and whether
/// whoever changed it made the manifest anew.
type Mutation = (String, usize, u16, bool);

fn changed(files: &Files, (path, at, how, anew): &Mutation) -> Files {
    let mut files = files.clone();
    let raw = files.get_mut(path).unwrap();
    match how {
        0..256 => raw[*at] ^= *how as u8,
        256 => _ = raw.remove(*at),
        257 => raw.insert(*at, raw[*at]),
        _ => raw.insert(*at, b'\n'),
    }
    if *anew { remade(files) } else { files }
}

/// What the Python verifier says of each change, in one process.
fn theirs_of_all(python: &Path, files: &Files, world: (&str, &str), mutations: &[Mutation]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let encoded: BTreeMap<&String, String> = files.iter().map(|(p, b)| (p, STANDARD.encode(b))).collect();
    let job = json!({"files": encoded, "trust": world.0, "roots": world.1, "mutations": mutations});
    let job_file = folder.path().join("job.json");
    std::fs::write(&job_file, job.to_string()).unwrap();
    let done = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/verify_many.py"))
        .arg(script().parent().unwrap())
        .arg(&job_file)
        .output()
        .unwrap();
    serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|e| panic!("{e}\n{}", String::from_utf8_lossy(&done.stderr)))
}

fn trust_of(policy: &str, roots: &str) -> Trust {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let roots = CertificateDer::pem_slice_iter(roots.as_bytes());
    Trust {
        policy: Policy::parse(policy).unwrap(),
        roots: roots.map(|der| der.unwrap().to_vec()).collect(),
        manifest: None,
    }
}

fn ours(files: &Files, trust: &Trust) -> u8 {
    check_bundle(files, trust).map_or_else(|e| e.kind.code(), |_| 0)
}

#[test]
fn a_complaint_is_answered_with_one_command_and_checked_without_us() {
    let Some(w) = world() else { return };
    let (_, account) = sent(&w.desk);
    let ask = |out: &str, more: &[&str]| {
        let mut all = vec![
            "evidence",
            "export",
            "--complaint",
            "2026-117",
            "--account",
            &account,
        ];
        all.extend(["--from", "2026-03-01", "--until", "2026-12-31", "--out", out]);
        all.extend(more);
        run(&w.desk, 0, &all)
    };
    let told = ask("answer", &["--by", "irina"]);
    ask("again", &[]);
    let (first, again) = (
        files_of(&w.desk.path("demo/answer")),
        files_of(&w.desk.path("demo/again")),
    );
    assert!(first == again, "the same log and question give the same bytes");
    assert!(first.contains_key("certificate.pdf") && first.contains_key("verify_bundle.py"));
    let statement: Value = serde_json::from_slice(&first["statement.json"]).unwrap();
    assert_eq!(statement["reference"], "2026-117");
    assert!(
        statement["attempts"].as_array().unwrap().len() >= 2,
        "{statement}"
    );
    // The log says that this bundle was made, by whom, and which.
    let manifest = dunwell::evidence::digest_hex(&first[MANIFEST]);
    assert!(told.contains(&manifest), "{told}");
    let list = said(&w.desk, &["evidence", "list", "--limit", "3"]);
    let made = list
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["entry"]["actor"] == "irina")
        .unwrap();
    assert_eq!(made["entry"]["manifest"], manifest.as_str());
    assert_eq!(made["entry"]["kind"], "export.made");
    // Both verifiers, without database or settings; nothing was left out of the log.
    run(&w.desk, 0, &["evidence", "tiles", "--out", "tiles"]);
    let options = [
        "--policy",
        "trusted.policy",
        "--roots",
        "../tsa/ca.pem",
        "--log",
        "tiles",
    ];
    let mut check = vec!["evidence", "verify", "answer", "--manifest", &manifest];
    check.extend(options);
    let held = run(&w.desk, 0, &check);
    assert!(
        held.contains("nothing was left out") && held.contains("existed by"),
        "{held}"
    );
    let zh = run(&w.desk, 0, &[check.as_slice(), &["--lang", "zh"]].concat());
    assert!(zh.contains("没有遗漏"), "{zh}");
    let Some(python) = python() else {
        require_or_skip("the verifier in Python: there is no `cryptography`");
        return;
    };
    let path = |name: &str| w.desk.path(&format!("demo/{name}"));
    let (bundle, trusted) = (path("answer"), path("trusted.policy"));
    let options = [
        format!("roots={}", w.desk.path("tsa/ca.pem").display()),
        format!("log={}", path("tiles").display()),
        format!("manifest={manifest}"),
    ];
    assert_eq!(theirs(&python, &bundle, &trusted, &options), 0);
    // An answer that leaves an attempt out holds by itself and is caught by the walk.
    let short = without_last_attempt(first);
    for (name, bytes) in &short {
        let place = path("short").join(name);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, bytes).unwrap();
    }
    let short = ["evidence", "verify", "short", "--policy", "trusted.policy"];
    run(&w.desk, 0, &short);
    let caught = run(&w.desk, 59, &[short.as_slice(), &["--log", "tiles"]].concat());
    assert!(
        caught.contains("entries that belong to the answer are missing"),
        "{caught}"
    );
    assert_eq!(theirs(&python, &path("short"), &trusted, &[]), 0);
    assert_eq!(theirs(&python, &path("short"), &trusted, &options[1..2]), 59);
    // A log that is not that of the head.
    let tile = std::fs::read_dir(path("tiles/tile/entries"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let tile = if tile.is_dir() {
        tile.read_dir().unwrap().next().unwrap().unwrap().path()
    } else {
        tile
    };
    let mut bytes = std::fs::read(&tile).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&tile, bytes).unwrap();
    run(&w.desk, 60, &check);
    assert_eq!(theirs(&python, &bundle, &trusted, &options[1..2]), 60);
    std::fs::remove_dir_all(path("tiles")).unwrap();
}

/// The same bundle as if its last attempt had never been, manifest and all.
fn without_last_attempt(mut files: Files) -> Files {
    let mut statement: Value = serde_json::from_slice(&files["statement.json"]).unwrap();
    let left_out = statement["attempts"].as_array_mut().unwrap().pop().unwrap();
    let entries = statement["entries"].as_array().unwrap().clone();
    let (out, kept): (Vec<Value>, Vec<Value>) = entries.into_iter().partition(|n| {
        let entry: Value = serde_json::from_slice(&files[&format!("entries/{n}.json")]).unwrap();
        entry["attempt"] == left_out
    });
    for n in out {
        let of = |path: &String| {
            let (_, name) = path.split_once('/').unwrap_or_default();
            name.split('.').next() == Some(&n.to_string()) && !path.starts_with("older/")
        };
        files.retain(|path, _| !of(path));
    }
    statement["entries"] = kept.into();
    let text = serde_jcs::to_string(&statement).unwrap();
    files.insert("statement.json".into(), text.into_bytes());
    // Objects that only the missing attempt named.
    loop {
        files = remade(files);
        let named: String = files
            .iter()
            .filter(|(path, _)| path.starts_with("entries/") || path.starts_with("objects/"))
            .map(|(_, bytes)| String::from_utf8_lossy(bytes))
            .collect();
        let sealed = files.keys().any(|path| path.ends_with(".situation.key"));
        let unnamed = files.iter().find(|(path, bytes)| {
            let digest = dunwell::evidence::digest_hex(bytes);
            path.starts_with("objects/") && !named.contains(&digest) && !(sealed && path.contains("/desk/"))
        });
        match unnamed.map(|(path, _)| path.clone()) {
            Some(path) => files.remove(&path),
            None => return files,
        };
    }
}

#[test]
fn one_message_fits_ten_kilobytes_and_its_content() {
    let Some(w) = world() else { return };
    let (attempt, _) = sent(&w.desk);
    run(
        &w.desk,
        0,
        &["evidence", "export", "--attempt", &attempt, "--out", "one"],
    );
    let files = files_of(&w.desk.path("demo/one"));
    let of = |prefix: &str| {
        files
            .iter()
            .filter(|(p, _)| p.starts_with(prefix))
            .map(|(_, b)| b.len())
            .sum::<usize>()
    };
    let proof = of("entries/") + of("checkpoint.txt") + of("statement.json") + of(MANIFEST);
    assert!((3_000..10_240).contains(&proof), "{proof}");
    // Without keys nobody reads a name or a number in it, and the proofs hold.
    run(
        &w.desk,
        0,
        &[
            "evidence",
            "export",
            "--attempt",
            &attempt,
            "--without-keys",
            "--without-certificate",
            "--out",
            "closed",
        ],
    );
    let held = run(
        &w.desk,
        0,
        &["evidence", "verify", "closed", "--policy", "trusted.policy"],
    );
    assert!(
        held.contains("0 sealed texts opened") && held.contains("3 stay closed"),
        "{held}"
    );
    let all: Vec<u8> = files_of(&w.desk.path("demo/closed"))
        .into_values()
        .flatten()
        .collect();
    let facts = check_bundle(&files, &trust_of(&w.trust, &w.roots))
        .unwrap()
        .opened;
    for (_, words) in facts.iter().filter(|((_, field), _)| field == "facts") {
        let facts: Value = serde_json::from_str(words).unwrap();
        for name in ["recipient", "to", "reference"] {
            let secret = facts[name].as_str().unwrap().as_bytes();
            assert!(!all.windows(secret.len()).any(|part| part == secret), "{name}");
        }
    }
    // What lies in the folder already is never mixed with a bundle.
    assert!(
        run(
            &w.desk,
            1,
            &["evidence", "export", "--attempt", &attempt, "--out", "one"]
        )
        .contains("is not empty")
    );
    assert!(run(&w.desk, 1, &["evidence", "verify", "one"]).contains("whom you trust"));
    // An earlier head makes the earlier bundle again.
    let size = serde_json::from_slice::<Value>(&files["statement.json"]).unwrap()["size"].to_string();
    run(
        &w.desk,
        0,
        &["event", "add", "cease", "--account", &sent(&w.desk).1],
    );
    run(
        &w.desk,
        0,
        &[
            "evidence",
            "export",
            "--attempt",
            &attempt,
            "--head",
            &size,
            "--out",
            "earlier",
        ],
    );
    assert!(files_of(&w.desk.path("demo/earlier")) == files);
    run(
        &w.desk,
        1,
        &[
            "evidence",
            "export",
            "--attempt",
            &attempt,
            "--head",
            "1",
            "--out",
            "never",
        ],
    );
}

#[test]
fn each_fault_has_its_own_number_and_both_verifiers_agree() {
    let (Some(w), Some(python)) = (world(), python()) else {
        return;
    };
    let (attempt, _) = sent(&w.desk);
    run(
        &w.desk,
        0,
        &[
            "evidence",
            "export",
            "--attempt",
            &attempt,
            "--without-certificate",
            "--out",
            "faulty",
        ],
    );
    let whole = files_of(&w.desk.path("demo/faulty"));
    let folder = w.desk.path("demo/faulty");
    let put = |files: &Files| {
        std::fs::remove_dir_all(&folder).unwrap();
        for (name, bytes) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    };
    let trusted = w.desk.path("demo/trusted.policy");
    let check = |code: i32, files: &Files| {
        put(files);
        let said = run(
            &w.desk,
            code,
            &["evidence", "verify", "faulty", "--policy", "trusted.policy"],
        );
        assert_eq!(theirs(&python, &folder, &trusted, &[]), code, "{said}");
    };
    check(0, &whole);
    let with = |name: &str, bytes: &[u8]| {
        let mut files = whole.clone();
        files.insert(name.into(), bytes.to_vec());
        files
    };
    let without = |name: &str| {
        let mut files = whole.clone();
        files.remove(name);
        files
    };
    check(41, &with("more.txt", b"x"));
    check(41, &remade(with("more.txt", b"x")));
    check(41, &remade(with("entries/1.json", b"{}")));
    check(41, &remade(with("sealed/1.content.key", b"x")));
    check(42, &without("README.txt"));
    check(42, &without("MANIFEST.sha256"));
    check(42, &remade(without("checkpoint.txt")));
    check(43, &with("README.txt", b"x"));
    check(44, &with("MANIFEST.sha256", b"x"));
    check(46, &remade(with("statement.json", b"{}")));
    check(48, &remade(with("checkpoint.txt", b"x")));
    check(55, &remade(with("objects/x.json", b"{}")));
    put(&whole);
    let digest = ["--manifest", &"0".repeat(64)];
    run(
        &w.desk,
        45,
        &[
            ["evidence", "verify", "faulty", "--policy", "trusted.policy"].as_slice(),
            &digest,
        ]
        .concat(),
    );
    assert_eq!(
        theirs(&python, &folder, &trusted, &[format!("manifest={}", digest[1])]),
        45
    );
    // The key of another log.
    let stranger = NoteSigner::from_seed("stranger", KeyUse::Text, &[7; 32]).unwrap();
    w.desk.write(
        "demo/other.policy",
        &format!("log {}\nquorum none\n", stranger.verifier()),
    );
    run(
        &w.desk,
        50,
        &["evidence", "verify", "faulty", "--policy", "other.policy"],
    );
    assert_eq!(
        theirs(&python, &folder, &w.desk.path("demo/other.policy"), &[]),
        50
    );
    // A witness that has not seen it.
    let witness = NoteSigner::from_seed("witness", KeyUse::Cosignature, &[8; 32]).unwrap();
    let asked = format!(
        "{}witness w {}\ngroup g any w\nquorum g\n",
        w.trust.replace("quorum none\n", ""),
        witness.verifier()
    );
    w.desk.write("demo/strict.policy", &asked);
    run(
        &w.desk,
        51,
        &["evidence", "verify", "faulty", "--policy", "strict.policy"],
    );
    assert_eq!(
        theirs(&python, &folder, &w.desk.path("demo/strict.policy"), &[]),
        51
    );
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/dev/null", folder.join("link")).unwrap();
        run(
            &w.desk,
            40,
            &["evidence", "verify", "faulty", "--policy", "trusted.policy"],
        );
        assert_eq!(theirs(&python, &folder, &trusted, &[]), 40);
    }
}

/// A number that follows from another, so that a sample is the same each time.
fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A stamped bundle of one message, with an older stamped head, without the long texts of policies.
fn small_bundle(w: &World, out: &str) -> Files {
    let (attempt, _) = sent(&w.desk);
    run(&w.desk, 0, &["evidence", "checkpoint", "--anchor"]);
    run(
        &w.desk,
        0,
        &[
            "evidence",
            "export",
            "--attempt",
            &attempt,
            "--without-certificate",
            "--out",
            out,
        ],
    );
    let mut files = files_of(&w.desk.path(&format!("demo/{out}")));
    files.retain(|path, _| !path.starts_with("objects/policies") && !path.starts_with("objects/sets"));
    remade(files)
}

/// Files, or parts of them, that no signature covers: only the manifest does.
fn beside(path: &str) -> bool {
    [
        "README.txt",
        "verify_bundle.py",
        "verify_formats.py",
        "statement.json",
    ]
    .contains(&path)
        || path.ends_with(".tst")
}

fn mutate(
    w: &World,
    python: &Path,
    files: &Files,
    from: u64,
    count: u64,
) -> (usize, BTreeMap<String, usize>) {
    let trust = trust_of(&w.trust, &w.roots);
    // Each file as often as any other, whatever its length.
    let paths: Vec<&String> = files.keys().filter(|p| p.as_str() != MANIFEST).collect();
    let mutations: Vec<Mutation> = (from..from + count)
        .map(|n| {
            let (a, b, c) = (mixed(3 * n), mixed(3 * n + 1), mixed(3 * n + 2));
            let anew = !n.is_multiple_of(4);
            let path = match anew || !n.is_multiple_of(16) {
                true => paths[(a % paths.len() as u64) as usize].as_str(),
                false => MANIFEST,
            };
            let at = (b % files[path].len() as u64) as usize;
            let how = match c % 8 {
                0..5 => 1 + (c >> 8) % 255,
                how => 251 + how,
            };
            (path.to_owned(), at, how as u16, anew)
        })
        .collect();
    let theirs = theirs_of_all(python, files, (&w.trust, &w.roots), &mutations);
    let (mut refused, mut accepted) = (0, BTreeMap::new());
    for (mutation, theirs) in mutations.iter().zip(theirs) {
        let changed = changed(files, mutation);
        let ours = ours(&changed, &trust);
        // A changed certificate is no certificate to one reader and nobody's to the other.
        let alike = |code: u8| {
            if mutation.0.ends_with(".tst") && code == 57 {
                56
            } else {
                code
            }
        };
        assert_eq!(alike(ours), alike(theirs), "{mutation:?}");
        if changed == *files {
            continue;
        }
        match ours {
            0 => {
                assert!(mutation.3 && beside(&mutation.0), "accepted: {mutation:?}");
                *accepted.entry(mutation.0.clone()).or_default() += 1;
            }
            _ => refused += 1,
        }
    }
    (refused, accepted)
}

#[test]
fn no_changed_byte_of_record_content_key_proof_or_time_is_accepted_by_either_verifier() {
    let (Some(w), Some(python)) = (world(), python()) else {
        return;
    };
    let files = small_bundle(&w, "mutated");
    assert!(
        files
            .keys()
            .any(|p| p.starts_with("older/") && p.ends_with(".tst")),
        "{:?}",
        files.keys()
    );
    assert_eq!(ours(&files, &trust_of(&w.trust, &w.roots)), 0);
    let (refused, accepted) = mutate(&w, &python, &files, 0, 3_000);
    assert!(refused > 2_200, "{refused} refused, {accepted:?}");
    // So much for the list of the manual: nothing else was accepted, and what was is in it.
    assert!(accepted.values().sum::<usize>() > 0);
}

#[test]
#[ignore = "a long run: make soak-evidence"]
fn a_million_changed_bundles() {
    let (Some(w), Some(python)) = (world(), python()) else {
        return;
    };
    let files = small_bundle(&w, "soaked");
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    let (all, seed) = (
        number("DUNWELL_MUTATIONS", 1_000_000),
        number("DUNWELL_MUTATIONS_FROM", 1_000_000),
    );
    let begun = std::time::Instant::now();
    let (mut refused, mut accepted) = (0, BTreeMap::new());
    for part in (0..all).step_by(10_000) {
        let (r, a) = mutate(&w, &python, &files, seed + part, 10_000.min(all - part));
        refused += r;
        a.into_iter()
            .for_each(|(path, n)| *accepted.entry(path).or_insert(0) += n);
    }
    println!(
        "{all} changed bundles, both verifiers agree on each: {refused} refused; accepted, where no signature covers: {accepted:?}; {:.0} s",
        begun.elapsed().as_secs_f64()
    );
}

// ---- an insider with the database and the key of the log ----

/// A log in memory, and bundles over it as an insider would make them.
pub(super) struct Forge<'w> {
    w: &'w World,
    key: NoteSigner,
    pub(super) bundle: Files,
    pub(super) entries: Vec<String>,
}

fn nodes(leaves: &[Hash]) -> impl FnMut(u8, u64) -> Option<Hash> {
    move |level, index| {
        let (from, to) = ((index << level) as usize, ((index + 1) << level) as usize);
        leaves.get(from..to).map(root_of)
    }
}

impl Forge<'_> {
    pub(super) fn head(&self, entries: &[String]) -> SignedCheckpoint {
        let leaves: Vec<Hash> = entries.iter().map(|e| leaf_hash(e.as_bytes())).collect();
        let head = Checkpoint {
            origin: self.key.verifier().name().to_owned(),
            size: leaves.len() as u64,
            root: root_of(&leaves),
        };
        head.sign(std::slice::from_ref(&self.key)).unwrap()
    }

    /// The bundle over another history, everything signed and proven anew; entries stand at new places.
    pub(super) fn bundle(
        &self,
        entries: &[String],
        head: &SignedCheckpoint,
        older: Option<&SignedCheckpoint>,
    ) -> Files {
        let leaves: Vec<Hash> = entries.iter().map(|e| leaf_hash(e.as_bytes())).collect();
        let mut statement: Value = serde_json::from_slice(&self.bundle["statement.json"]).unwrap();
        let attempt = statement["attempts"][0].as_str().unwrap().to_owned();
        let mut files: Files = self
            .bundle
            .iter()
            .filter(|(path, _)| {
                ["README", "objects", "verify"]
                    .iter()
                    .any(|kept| path.starts_with(kept))
            })
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect();
        // Facts of decisions name the desk; without their keys nothing does.
        files.retain(|path, _| !path.contains("/desk/"));
        let named = format!("\"attempt\":\"{attempt}\"");
        let mut indices = Vec::new();
        for (index, entry) in entries.iter().enumerate().filter(|(_, e)| e.contains(&named)) {
            let path = prove_inclusion(&mut nodes(&leaves), index as u64, leaves.len() as u64).unwrap();
            let path: String = path.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
            let proof = format!("c2sp.org/tlog-proof@v1\nindex {index}\n{path}\n{head}");
            files.insert(format!("entries/{index}.json"), entry.clone().into_bytes());
            files.insert(format!("entries/{index}.tlog-proof"), proof.into_bytes());
            indices.push(index);
        }
        if let Some(older) = older {
            let (old, new) = (older.checkpoint.size, leaves.len() as u64);
            let path = prove_consistency(&mut nodes(&leaves), old, new).unwrap();
            let path: String = path.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
            files.insert(format!("older/{old}.txt"), older.to_string().into_bytes());
            files.insert(format!("older/{old}.proof"), path.into_bytes());
        }
        statement["size"] = json!(leaves.len());
        statement["root"] = json!(hex::encode(head.checkpoint.root));
        statement["entries"] = json!(indices);
        files.insert(
            "statement.json".into(),
            serde_jcs::to_string(&statement).unwrap().into_bytes(),
        );
        files.insert("checkpoint.txt".into(), head.to_string().into_bytes());
        remade(files)
    }

    /// What both verifiers say of a bundle under this trust.
    fn says(&self, python: &Path, files: &Files, policy: &str, roots: &str) -> u8 {
        let ours = ours(files, &trust_of(policy, roots));
        let theirs = theirs_of_all(python, files, (policy, roots), &[(String::new(), 0, 0, false)]);
        assert_eq!(vec![ours], theirs);
        ours
    }

    /// A token of the authority over a head.
    fn token(&self, head: &SignedCheckpoint) -> Vec<u8> {
        let tsa = self.w.desk.path("tsa");
        std::fs::write(tsa.join("body"), head.note.text()).unwrap();
        openssl(
            &tsa,
            &[
                "ts", "-query", "-data", "body", "-sha256", "-cert", "-out", "own.tsq",
            ],
        );
        openssl(
            &tsa,
            &[
                "ts",
                "-reply",
                "-config",
                "tsa.cnf",
                "-queryfile",
                "own.tsq",
                "-inkey",
                "tsa.key",
                "-signer",
                "tsa.pem",
                "-token_out",
                "-out",
                "own.tst",
            ],
        );
        std::fs::read(tsa.join("own.tst")).unwrap()
    }
}

pub(super) fn forge<'w>(w: &'w World, out: &str) -> Forge<'w> {
    let bundle = small_bundle(w, out);
    run(
        &w.desk,
        0,
        &["evidence", "tiles", "--out", &format!("{out}-tiles")],
    );
    let size = serde_json::from_slice::<Value>(&bundle["statement.json"]).unwrap()["size"]
        .as_u64()
        .unwrap();
    let mut entries = Vec::new();
    for tile in 0..size.div_ceil(256) {
        let folder = w.desk.path(&format!("demo/{out}-tiles/tile/entries"));
        let whole = folder.join(format!("{tile:03}"));
        let file = match whole.exists() {
            true => whole,
            false => folder
                .join(format!("{tile:03}.p"))
                .read_dir()
                .unwrap()
                .next()
                .unwrap()
                .unwrap()
                .path(),
        };
        let bytes = std::fs::read(file).unwrap();
        entries.extend(
            read_entry_bundle(&bytes)
                .unwrap()
                .iter()
                .map(|e| String::from_utf8(e.to_vec()).unwrap()),
        );
    }
    entries.truncate(size as usize);
    let key = w.desk.read("demo/log.key");
    let key = NoteSigner::parse(key.lines().next().unwrap()).unwrap();
    Forge {
        w,
        key,
        bundle,
        entries,
    }
}

#[test]
fn an_insider_with_database_and_key_is_caught_as_the_manual_says() {
    let (Some(w), Some(python)) = (world(), python()) else {
        return;
    };
    let forge = forge(&w, "insider");
    let honest = forge.entries.clone();
    let statement: Value = serde_json::from_slice(&forge.bundle["statement.json"]).unwrap();
    let ours: Vec<usize> = statement["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap() as usize)
        .collect();
    let last = *ours.last().unwrap();
    // What others hold of the honest log: a head, a cosignature of it, a time stamp over it.
    let witness = NoteSigner::from_seed("witness.example/w", KeyUse::Cosignature, &[9; 32]).unwrap();
    let whole = forge.head(&honest);
    let cosignature = witness.sign(whole.note.text(), 1_800_000_000);
    let mut seen = whole.clone();
    seen.note.add(cosignature.clone());
    let token = forge.token(&whole);
    let alone = w.trust.clone();
    let watched = format!(
        "{}witness w {}\nquorum w\n",
        alone.replace("quorum none\n", ""),
        witness.verifier()
    );
    let older = forge.head(&honest[..last + 1]);
    let stamped = |mut files: Files| {
        files.insert("checkpoint.tst".into(), token.clone());
        remade(files)
    };
    // The honest log holds under every trust.
    let good = stamped(forge.bundle(&honest, &seen, None));
    assert_eq!(forge.says(&python, &good, &watched, &w.roots), 0);
    let longer: Vec<String> = honest
        .iter()
        .cloned()
        .chain([honest[0].replace("log.genesis", "log.genesi2")])
        .collect();
    let head = forge.head(&longer);
    assert_eq!(
        forge.says(&python, &forge.bundle(&longer, &head, Some(&older)), &alone, ""),
        0
    );

    let mut changed = honest.clone();
    changed[last] = changed[last].replace("\"accepted\"", "\"delivered\"");
    assert_ne!(changed, honest);
    let mut inserted = honest.clone();
    inserted.insert(1, honest[0].clone());
    let mut removed = honest.clone();
    removed.remove((1..last).find(|n| !ours.contains(n)).unwrap());
    let mut reordered = honest.clone();
    reordered.swap(0, 1);
    let mut dated = honest.clone();
    dated
        .iter_mut()
        .for_each(|e| *e = e.replace("\"at\":\"2026-", "\"at\":\"2025-"));
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
            forge.says(&python, &bundle, &alone, ""),
            0,
            "{attack}: nothing outside, nothing seen"
        );
        let head_kept = forge.bundle(entries, &head, Some(&older));
        assert_eq!(
            forge.says(&python, &head_kept, &alone, ""),
            58,
            "{attack}: an older head"
        );
        assert_eq!(
            forge.says(&python, &bundle, &watched, ""),
            51,
            "{attack}: no cosignature"
        );
        let mut pasted = head.clone();
        pasted.note.add(cosignature.clone());
        let pasted = forge.bundle(entries, &pasted, None);
        assert_eq!(
            forge.says(&python, &pasted, &watched, ""),
            50,
            "{attack}: the cosignature of another head"
        );
        assert_eq!(
            forge.says(&python, &stamped(bundle), &alone, &w.roots),
            56,
            "{attack}: a time stamp"
        );
    }
    // What came after the last anchored head can be cut off or written anew, as the manual says: only its own signs tell.
    let cut = honest[..last + 1].to_vec();
    let head = forge.head(&cut);
    let shorter = forge.bundle(&cut, &head, Some(&forge.head(&honest[..last])));
    assert_eq!(forge.says(&python, &shorter, &alone, ""), 0, "not seen: the tail");
    // But a head over more than there is tells that something is gone.
    let contradicted = forge.bundle(&honest, &whole, None);
    let claimed = forge.bundle(&cut, &whole, None);
    assert_eq!(forge.says(&python, &contradicted, &alone, ""), 0);
    assert_eq!(
        forge.says(&python, &claimed, &alone, ""),
        52,
        "a head over more entries"
    );
    // An entry of the attempt itself is left out of the log: its chain breaks.
    let mut gap = honest.clone();
    gap.remove(ours[1]);
    let head = forge.head(&gap);
    assert_eq!(
        forge.says(&python, &forge.bundle(&gap, &head, None), &alone, ""),
        53
    );
}

#[test]
fn programs_of_others_read_what_a_bundle_holds() {
    let Some(w) = world() else { return };
    let forge = forge(&w, "oracles");
    let files = &forge.bundle;
    let head = String::from_utf8(files["checkpoint.txt"].clone()).unwrap();
    // The note by signed_note and tlog_tiles.
    let key = key_of_trust(&w.trust);
    let verifier = signed_note::StandardVerifier::new(&key).unwrap();
    let note = signed_note::Note::from_bytes(head.as_bytes()).unwrap();
    let (known, _) = note
        .verify(&signed_note::VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    assert_eq!(known.len(), 1);
    let signed = SignedCheckpoint::parse(&head).unwrap();
    let theirs = tlog_tiles::Checkpoint::from_bytes(signed.note.text().as_bytes()).unwrap();
    // The tree by ct-merkle, entry by entry, and canonical JSON by serde_jcs.
    let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    for entry in &forge.entries {
        tree.push(entry.clone().into_bytes());
        let value: Value = serde_json::from_str(entry).unwrap();
        assert_eq!(serde_jcs::to_string(&value).unwrap(), *entry);
    }
    assert_eq!(tree.root().as_bytes().as_slice(), theirs.hash().0);
    for path in files.keys().filter(|p| p.ends_with(".json")) {
        let text = String::from_utf8(files[path].clone()).unwrap();
        assert!(parse_canonical(&text).is_ok(), "{path}");
        assert_eq!(
            serde_jcs::to_string(&serde_json::from_str::<Value>(&text).unwrap()).unwrap(),
            text
        );
    }
    // The time stamp by openssl, and the manifest by sha256sum.
    let folder = w.desk.path("demo/oracles");
    std::fs::write(w.desk.path("body"), signed.note.text()).unwrap();
    openssl(
        w.desk.path("").as_path(),
        &[
            "ts",
            "-verify",
            "-in",
            "demo/oracles/checkpoint.tst",
            "-token_in",
            "-data",
            "body",
            "-CAfile",
            "tsa/ca.pem",
        ],
    );
    let summed = Command::new("sha256sum")
        .args(["-c", MANIFEST])
        .current_dir(folder)
        .stdout(Stdio::null())
        .status();
    assert!(summed.unwrap().success());
}

fn key_of_trust(trust: &str) -> String {
    trust
        .lines()
        .find_map(|l| l.strip_prefix("log "))
        .unwrap()
        .to_owned()
}

/// What came back for a message of the demo: a receipt that is no text, one that moves nothing, and an answer.
async fn comes_back(desk: &Desk, attempt: &str, account: &str) {
    use dunwell::store::{Inbound, KeySource, Receipt, ReceiptStatus, SealFile, Store};
    let url = format!("sqlite://{}", desk.path("demo/dunwell.sqlite").display());
    let keys = KeySource::File(SealFile::new(&desk.path("demo/seal.key")));
    let clock = std::sync::Arc::new(dunwell::clock::SystemClock::new());
    let store = Store::open(&url, clock, keys).await.unwrap();
    let account = store.account_id(None, account).await.unwrap();
    let points = store.timeline(account).await.unwrap().contact_points;
    let phone = points
        .iter()
        .find(|p| p.address.kind().as_str() == "phone")
        .unwrap();
    let number = phone.address.normal();
    for (event, raw) in [("1", &b"stat:DELIVRD \xff\xfe"[..]), ("2", b"stat:DELIVRD again")] {
        let receipt = Receipt {
            provider: "sandbox".into(),
            event: event.into(),
            references: vec!["theirs".into()],
            attempt: Some(attempt.parse().unwrap()),
            status: ReceiptStatus::Delivered,
            recipient: Some(number.clone()),
            raw: raw.to_vec(),
        };
        store.receipt(receipt).await.unwrap();
    }
    let answer = Inbound {
        provider: "sandbox".into(),
        event: None,
        from: number,
        to: "10690000".into(),
        text: "周五一定付".into(),
        part: None,
    };
    assert!(store.take_inbound(answer, None).await.unwrap());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_and_answers_lie_in_bundles_as_they_came() {
    let Some(w) = world() else { return };
    let (attempt, account) = sent(&w.desk);
    comes_back(&w.desk, &attempt, &account).await;
    run(
        &w.desk,
        0,
        &["evidence", "export", "--account", &account, "--out", "answer"],
    );
    let files = files_of(&w.desk.path("demo/answer"));
    let of = |ending: &str| -> Vec<&String> { files.keys().filter(|p| p.ends_with(ending)).collect() };
    assert_eq!((of(".raw").len(), of(".raw.key").len()), (2, 2), "both receipts");
    assert_eq!((of(".reply").len(), of(".reply.key").len()), (1, 1), "the answer");
    let trust = trust_of(&w.trust, &w.roots);
    let checked = check_bundle(&files, &trust).unwrap();
    let opened = |field: &str| -> Vec<&str> {
        let of = checked.opened.iter().filter(|((_, f), _)| f == field);
        of.map(|(_, words)| words.as_str()).collect()
    };
    assert_eq!(
        opened("raw"),
        ["stat:DELIVRD \u{fffd}\u{fffd}", "stat:DELIVRD again"]
    );
    assert!(opened("reply")[0].contains("周五一定付"), "{:?}", opened("reply"));
    let told = run(
        &w.desk,
        0,
        &["evidence", "verify", "answer", "--policy", "trusted.policy"],
    );
    assert!(told.contains("it holds"), "{told}");
    // Nobody changes what a provider sent, nor puts one receipt in the place of another.
    let (first, second) = (of(".raw")[0].clone(), of(".raw")[1].clone());
    let mut swapped = files.clone();
    for ending in ["", ".key"] {
        let other = files[&format!("{second}{ending}")].clone();
        swapped.insert(format!("{first}{ending}"), other);
    }
    let spoilt = changed(&files, &(first, 20, 1, true));
    for (n, (changed, code)) in [(files, 0), (remade(swapped), 54), (spoilt, 54)]
        .into_iter()
        .enumerate()
    {
        assert_eq!(ours(&changed, &trust), code, "change {n}");
        let Some(python) = python() else {
            require_or_skip("the verifier in Python: there is no `cryptography`");
            continue;
        };
        let folder = w.desk.path(&format!("demo/changed-{n}"));
        for (name, bytes) in &changed {
            let place = folder.join(name);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, bytes).unwrap();
        }
        let trusted = w.desk.path("demo/trusted.policy");
        assert_eq!(
            theirs(&python, &folder, &trusted, &[]),
            i32::from(code),
            "change {n}"
        );
    }
    // Whoever is erased takes them along; what was proven before stays so.
    let erase = [
        "person",
        "erase",
        "--account",
        &account,
        "--by",
        "zhao",
        "--basis",
        "request",
        "--close",
    ];
    let done = w
        .desk
        .command(&erase)
        .current_dir(w.desk.path("demo"))
        .output()
        .unwrap();
    if done.status.code() == Some(0) {
        run(&w.desk, 0, &["evidence", "verify"]);
    }
}
