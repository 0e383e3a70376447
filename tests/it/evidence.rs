//! The log from outside, by the commands that an operator, an auditor and a witness type: heads, proofs, tiles, keys, a
//! witness on its own, a time-stamp authority that `openssl` plays.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dunwell::evidence::{
    InclusionProof, Policy, SignedCheckpoint, TokenError, check_token, leaf_hash, read_entry_bundle, root_of,
    verify_token,
};

use super::cli::Desk;
use super::support::require_or_skip;

/// The public key of the log.
fn key_of(desk: &Desk) -> String {
    desk.json(&["evidence", "key", "show"])[0]["key"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn head(desk: &Desk) -> SignedCheckpoint {
    SignedCheckpoint::parse(&desk.ok(&["evidence", "checkpoint"])).unwrap_or_else(|e| panic!("{e}"))
}

/// Changes the database as only somebody with the file can.
pub(crate) fn tampered(desk: &Desk, sql: &str) {
    let url = format!("sqlite://{}", desk.path("dunwell.sqlite").display());
    let sql = sql.to_owned();
    tokio::runtime::Runtime::new().unwrap().block_on(async move {
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&pool)
            .await
            .unwrap();
        pool.close().await;
    });
}

/// A backup by the database's own means.
fn backed_up(desk: &Desk) {
    tampered(
        desk,
        &format!("VACUUM INTO '{}'", desk.path("old.sqlite").display()),
    );
}

fn put_back(desk: &Desk) {
    for side in ["dunwell.sqlite-wal", "dunwell.sqlite-shm"] {
        let _ = std::fs::remove_file(desk.path(side));
    }
    std::fs::rename(desk.path("old.sqlite"), desk.path("dunwell.sqlite")).unwrap();
}

const WITHOUT_GUARDS: &str = "DROP TRIGGER evidence_no_update; DROP TRIGGER evidence_no_delete; \
     DROP TRIGGER evidence_head_no_delete; DROP TRIGGER evidence_tile_no_delete;";

#[test]
fn one_entry_is_proven_to_somebody_who_has_nothing_but_a_key() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    let said = desk.ok(&["evidence", "proof", "3", "--out", "given"]);
    assert!(said.contains("3.tlog-proof"), "{said}");
    let key = key_of(&desk);
    let arguments = [
        "evidence",
        "verify-proof",
        "given/3.tlog-proof",
        "--entry",
        "given/3.json",
        "--key",
        &key,
    ];
    let said = desk.ok(&arguments);
    assert!(said.contains("the proof holds"), "{said}");
    // The same by the library, and by the bytes.
    let proof = InclusionProof::parse(&desk.read("given/3.tlog-proof")).unwrap();
    let entry = desk.read("given/3.json");
    let policy = Policy::parse(&format!("log {key}\nquorum none\n")).unwrap();
    proof.verify(&leaf_hash(entry.as_bytes()), &policy).unwrap();
    let check = |file: &str, text: &str, code: i32, part: &str| {
        desk.write(file, text);
        let said = desk.ends(code, &arguments);
        assert!(said.out.contains(part), "{}", said.out);
    };
    check(
        "given/3.json",
        &entry.replace("\"v\":1", "\"v\":2"),
        31,
        "does not lead",
    );
    check("given/3.json", &entry, 0, "holds");
    let good = desk.read("given/3.tlog-proof");
    check("given/3.tlog-proof", &good[..good.len() - 20], 30, "torn");
    check(
        "given/3.tlog-proof",
        &good.replace("index 3", "index 2"),
        31,
        "does not lead",
    );
    check("given/3.tlog-proof", &good, 0, "holds");
    let mut stranger = arguments;
    desk.ok(&["init", "other"]);
    let other = std::fs::read_to_string(desk.path("other/log.key")).unwrap();
    let other = dunwell::evidence::NoteSigner::parse(other.trim())
        .unwrap()
        .verifier()
        .to_string();
    stranger[6] = &other;
    assert!(desk.ends(32, &stranger).out.contains("not signed by a key"));
    // By its id too; what is not there is said.
    let record = desk.json(&["evidence", "list"])[0]["entry"]["record"]
        .as_str()
        .unwrap()
        .to_owned();
    desk.ok(&["evidence", "proof", &record]);
    assert!(
        desk.ends(1, &["evidence", "proof", "99999"])
            .err
            .contains("no entry")
    );
    assert!(
        desk.ends(1, &["evidence", "proof", "x"])
            .err
            .contains("neither the index nor the id")
    );
}

/// A Python with what the manual's verifier needs.
pub(super) fn python() -> Option<std::path::PathBuf> {
    let in_target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let named = std::env::var_os("DUNWELL_PYTHON").map(std::path::PathBuf::from);
    named
        .into_iter()
        .chain([in_target, "python3".into()])
        .find(|python| {
            let mut command = Command::new(python);
            command.args(["-c", "import cryptography"]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        })
}

#[test]
fn the_verifier_of_the_manual_agrees_and_shares_no_code() {
    let Some(python) = python() else {
        require_or_skip("the manual's verifier: Python has no `cryptography`");
        return;
    };
    let manual = include_str!("../../docs/evidence.md");
    let (_, code) = manual.split_once("```python\n").unwrap();
    let desk = Desk::set_up();
    desk.write("verify.py", code.split_once("```").unwrap().0);
    desk.ok(&["import", "accounts", "ledger.csv"]);
    desk.ok(&["evidence", "key", "rotate", "--by", "irina"]);
    desk.ok(&["evidence", "proof", "2", "--out", "."]);
    let key = key_of(&desk);
    let (entry, proof) = (desk.read("2.json"), desk.read("2.tlog-proof"));
    let trusted = Policy::parse(&format!("log {key}\nquorum none\n")).unwrap();
    let check = |entry: &str, proof: &str| {
        desk.write("e", entry);
        desk.write("p", proof);
        let mut theirs = Command::new(&python);
        theirs
            .args(["verify.py", "e", "p", &key])
            .current_dir(desk.path(""))
            .stderr(Stdio::null());
        let theirs = theirs.output().unwrap().status.success();
        let ours = InclusionProof::parse(proof)
            .is_ok_and(|p| p.verify(&leaf_hash(entry.as_bytes()), &trusted).is_ok());
        (ours, theirs)
    };
    assert_eq!(check(&entry, &proof), (true, true));
    for at in (0..entry.len()).step_by(entry.len() / 9) {
        let mut changed = entry.clone().into_bytes();
        changed[at] ^= 1;
        assert_eq!(
            check(&String::from_utf8(changed).unwrap(), &proof),
            (false, false),
            "byte {at} of the entry"
        );
    }
    let body = proof.find("\u{2014}").unwrap();
    for at in (0..body).step_by(body / 23) {
        let mut changed = proof.clone().into_bytes();
        changed[at] ^= 1;
        if let Ok(changed) = String::from_utf8(changed) {
            assert_eq!(check(&entry, &changed), (false, false), "byte {at} of the proof");
        }
    }
    let other = proof.replace("index 2", "index 3");
    assert_eq!(check(&entry, &other), (false, false));
}

#[test]
fn a_changed_byte_in_the_database_is_found_and_named() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    desk.ok(&["evidence", "checkpoint", "--out", "kept.txt"]);
    let verify = ["evidence", "verify", "--checkpoint", "kept.txt"];
    assert!(desk.ok(&verify).contains("0 faults"));
    tampered(&desk, WITHOUT_GUARDS);
    let byte = |from: &str, to: &str| {
        format!("UPDATE evidence SET bytes = replace(bytes, '{from}', '{to}') WHERE position = 2")
    };
    tampered(&desk, &byte("\"v\":1", "\"v\":2"));
    let said = desk.ends(10, &verify);
    assert!(
        said.out.contains("#2 ") && said.out.contains("do not hash"),
        "{}",
        said.out
    );
    let json = desk.json(&verify);
    assert_eq!(
        (
            json["faults"][0]["kind"].as_str(),
            json["faults"][0]["index"].as_u64()
        ),
        (Some("bytes"), Some(2))
    );
    let zh = desk.ends(10, &["evidence", "verify", "--lang", "zh"]).out;
    assert!(zh.contains("记录的字节与其叶哈希不符"), "{zh}");
    tampered(&desk, &byte("\"v\":2", "\"v\":1"));
    desk.ok(&verify);
    tampered(
        &desk,
        "UPDATE evidence SET at = '2020-01-01T00:00:00.000000Z' WHERE position = 1",
    );
    assert!(desk.ends(12, &["evidence", "verify"]).out.contains("column `at`"));
    tampered(
        &desk,
        "UPDATE evidence SET at = json_extract(bytes, '$.at') WHERE position = 1",
    );
    // Bytes that are no text at all.
    tampered(
        &desk,
        "UPDATE evidence SET bytes = CAST(x'7bff7d' AS TEXT) WHERE position = 2",
    );
    assert!(desk.ends(10, &["evidence", "verify"]).out.contains("#2 "));
    tampered(&desk, "DELETE FROM evidence WHERE position = 2");
    let said = desk.ends(13, &verify);
    assert!(
        said.out.contains("1 entries before this one are missing"),
        "{}",
        said.out
    );
    assert!(
        desk.ends(1, &["evidence", "verify", "--checkpoint", "ledger.csv"])
            .err
            .contains("ledger.csv")
    );
}

#[test]
fn a_database_that_was_put_back_signs_nothing() {
    let desk = Desk::set_up();
    head(&desk);
    backed_up(&desk);
    desk.ok(&["import", "accounts", "ledger.csv"]);
    let newest = head(&desk);
    put_back(&desk);
    let said = desk.ends(1, &["evidence", "checkpoint"]);
    assert!(said.err.contains("older copy was put back"), "{}", said.err);
    let said = desk.ends(1, &["serve"]);
    assert!(said.err.contains("nothing is signed"), "{}", said.err);
    let note = ["evidence", "verify", "--checkpoint", "log.key.last"];
    let said = desk.ends(21, &note);
    let size = newest.checkpoint.size;
    assert!(
        said.out.contains(&format!("a head of {size} is kept outside")),
        "{}",
        said.out
    );
}

#[test]
fn keys_are_kept_safe_and_rotated_in_the_open() {
    let desk = Desk::set_up();
    let first = head(&desk);
    let old = key_of(&desk);
    let chmod = |mode: &str| {
        assert!(
            Command::new("chmod")
                .arg(mode)
                .arg(desk.path("log.key"))
                .status()
                .unwrap()
                .success()
        );
    };
    chmod("640");
    let said = desk.ends(1, &["evidence", "checkpoint"]);
    assert!(
        said.err.contains("0640") && said.err.contains("chmod 600"),
        "{}",
        said.err
    );
    assert!(desk.ends(1, &["serve"]).err.contains("0640"));
    assert!(desk.ends(1, &["doctor"]).out.contains("0640"));
    chmod("600");
    assert!(
        desk.ends(1, &["evidence", "key", "new"])
            .err
            .contains("never overwritten")
    );
    desk.ok(&["evidence", "key", "rotate", "--by", "irina"]);
    let keys = desk.json(&["evidence", "key", "show"]);
    let new = keys[1]["key"].as_str().unwrap();
    assert!(keys[0]["key"] == old.as_str() && new != old);
    let both = head(&desk);
    assert_eq!(both.note.signatures().len(), 2);
    for key in [&old, new] {
        Policy::parse(&format!("log {key}\nquorum none\n"))
            .unwrap()
            .check(&both)
            .unwrap();
    }
    assert_eq!(both.checkpoint.origin, first.checkpoint.origin);
    desk.ok(&["evidence", "verify", "--key", &old]);
}

#[test]
fn a_retired_key_signs_its_own_end_and_nothing_more() {
    let desk = Desk::set_up();
    head(&desk);
    let old = key_of(&desk);
    assert!(
        desk.ends(1, &["evidence", "key", "retire", &old, "--by", "irina"])
            .err
            .contains("only key")
    );
    desk.ok(&["evidence", "key", "rotate", "--by", "irina"]);
    desk.ok(&["evidence", "key", "retire", &old, "--by", "irina"]);
    assert_eq!(
        head(&desk).note.signatures().len(),
        2,
        "the head over the end carries both"
    );
    desk.ok(&["import", "accounts", "ledger.csv"]);
    assert_eq!(head(&desk).note.signatures().len(), 1);
    desk.ok(&["evidence", "verify", "--key", &old]);
    // The key was lost: another of the same log is made known, in the open.
    std::fs::copy(desk.path("log.key"), desk.path("kept.key")).unwrap();
    std::fs::remove_file(desk.path("log.key")).unwrap();
    let origin = old.split('+').next().unwrap();
    desk.ok(&["evidence", "key", "new", "--origin", origin]);
    assert!(
        desk.ends(1, &["evidence", "checkpoint"])
            .err
            .contains("is not a key of this log")
    );
    assert!(
        desk.ok(&["evidence", "key", "rotate", "--by", "irina"])
            .contains("made known")
    );
    desk.ok(&["evidence", "checkpoint"]);
    desk.ok(&["evidence", "verify", "--key", &old]);
    // A key from another log.
    desk.ok(&["init", "other"]);
    std::fs::copy(desk.path("other/log.key"), desk.path("log.key")).unwrap();
    assert!(
        desk.ends(1, &["evidence", "checkpoint"])
            .err
            .contains("is that of the log")
    );
    std::fs::remove_file(desk.path("log.key")).unwrap();
    assert!(
        desk.ends(1, &["evidence", "checkpoint"])
            .err
            .contains("there is no key")
    );
}

#[test]
fn static_files_hold_the_whole_log() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    desk.ok(&["evidence", "tiles", "--out", "public"]);
    let head = SignedCheckpoint::parse(&desk.read("public/checkpoint")).unwrap();
    let size = head.checkpoint.size;
    assert!(size < 256, "{size}");
    let hashes = std::fs::read(desk.path(&format!("public/tile/0/000.p/{size}"))).unwrap();
    assert_eq!(root_of(hashes.as_chunks::<32>().0), head.checkpoint.root);
    let bundle = std::fs::read(desk.path(&format!("public/tile/entries/000.p/{size}"))).unwrap();
    let entries = read_entry_bundle(&bundle).unwrap();
    assert_eq!(entries.len() as u64, size);
    for (entry, hash) in entries.iter().zip(hashes.as_chunks::<32>().0) {
        assert_eq!(leaf_hash(entry), *hash);
    }
    let again = desk.json(&["evidence", "tiles", "--out", "public"]);
    assert_eq!(
        (again["size"].as_u64(), again["files"].as_u64()),
        (Some(size), Some(0))
    );
}

/// A witness that runs until it is dropped.
struct Running(Child, String);

impl Running {
    fn start(desk: &Desk) -> Running {
        let mut child = desk
            .command(&["witness", "run", "w", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let at = line.find("http://").unwrap_or_else(|| panic!("{line}"));
        let url = line[at..].split(';').next().unwrap().trim().to_owned();
        Running(child, url)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_witness_signs_growth_and_refuses_a_second_history() {
    let desk = Desk::set_up();
    let log = key_of(&desk);
    let witness = desk.json(&["witness", "init", "w", "--name", "witness.example/w"]);
    let witness = witness["key"].as_str().unwrap();
    desk.ok(&["witness", "add", "w", &log]);
    let settings = |running: &Running| {
        desk.write(
            "witnesses.policy",
            &format!("witness w1 {witness} {}\nquorum w1\n", running.1),
        );
    };
    let text = desk.read("dunwell.toml").replace("# policy_file", "policy_file");
    desk.write("dunwell.toml", &text);
    let running = Running::start(&desk);
    settings(&running);
    let said = desk.ends(0, &["evidence", "checkpoint", "--anchor", "--out", "first.txt"]);
    assert!(!said.err.contains("nobody vouches"), "{}", said.err);
    desk.write(
        "trusted.policy",
        &format!("log {log}\nwitness w1 {witness}\nquorum w1\n"),
    );
    let trusted = Policy::parse(&desk.read("trusted.policy")).unwrap();
    let first = SignedCheckpoint::parse(&desk.read("first.txt")).unwrap();
    assert_eq!(trusted.check(&first).unwrap().by.len(), 1);
    backed_up(&desk);
    std::fs::copy(desk.path("log.key.last"), desk.path("old.last")).unwrap();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    desk.ok(&["evidence", "checkpoint", "--anchor", "--out", "second.txt"]);
    trusted
        .check(&SignedCheckpoint::parse(&desk.read("second.txt")).unwrap())
        .unwrap();
    desk.ok(&["evidence", "proof", "2", "--out", "given"]);
    let proof = [
        "evidence",
        "verify-proof",
        "given/2.tlog-proof",
        "--entry",
        "given/2.json",
        "--policy",
        "trusted.policy",
    ];
    assert!(desk.ok(&proof).contains("w1"));
    desk.ok(&[
        "evidence",
        "verify",
        "--checkpoint",
        "first.txt",
        "--checkpoint",
        "second.txt",
        "--policy",
        "trusted.policy",
    ]);
    // Without its cosignature the proof does not meet the policy.
    let cosigned = desk.read("given/2.tlog-proof");
    let bare: String = cosigned
        .lines()
        .filter(|l| !l.contains("witness.example"))
        .map(|l| format!("{l}\n"))
        .collect();
    desk.write("given/2.tlog-proof", &bare);
    assert!(desk.ends(33, &proof).out.contains("has not the cosignatures"));
    // A second history from an older copy, with the note beside the key put back too: only the witness can tell, also
    // after it was started anew.
    drop(running);
    put_back(&desk);
    std::fs::rename(desk.path("old.last"), desk.path("log.key.last")).unwrap();
    let running = Running::start(&desk);
    settings(&running);
    let said = desk.ends(0, &["evidence", "checkpoint", "--anchor"]);
    assert!(said.err.contains("entries at the end are gone"), "{}", said.err);
    for _ in 0..4 {
        desk.ok(&["import", "accounts", "ledger.csv"]);
    }
    let said = desk.ends(0, &["evidence", "checkpoint", "--anchor"]);
    assert!(
        said.err.contains("422") && said.err.contains("only grew"),
        "{}",
        said.err
    );
    // A log that the witness does not know.
    desk.ok(&["init", "other"]);
    desk.write(
        "other/dunwell.toml",
        "[evidence]\npolicy_file = \"../witnesses.policy\"\n",
    );
    let mut other = desk.command(&["evidence", "checkpoint", "--anchor"]);
    let other = other.current_dir(desk.path("other")).output().unwrap();
    assert!(
        String::from_utf8_lossy(&other.stderr).contains("404"),
        "{other:?}"
    );
}

// ---- a time-stamp authority ----

pub(super) fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{arguments:?}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Root, signer and settings of an authority that `openssl ts` plays.
pub(super) fn authority(folder: &Path, kind: &[&str]) {
    std::fs::create_dir_all(folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("serial", "01\n");
    write("usage", "extendedKeyUsage=critical,timeStamping\n");
    write(
        "tsa.cnf",
        "[tsa]\ndefault_tsa=one\n[one]\nserial=serial\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\n\
         digests=sha256,sha384,sha512\naccuracy=secs:1\ness_cert_id_alg=sha256\n",
    );
    let mut root = vec![
        "req", "-x509", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Root", "-days", "9",
    ];
    root.extend(kind);
    openssl(folder, &root);
    let mut signer = vec![
        "req",
        "-new",
        "-nodes",
        "-keyout",
        "tsa.key",
        "-out",
        "tsa.csr",
        "-subj",
        "/CN=Stamps",
    ];
    signer.extend(kind);
    openssl(folder, &signer);
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "tsa.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "tsa.pem",
            "-days",
            "9",
            "-extfile",
            "usage",
        ],
    );
}

/// Answers one request by HTTP after the other with `openssl ts -reply`.
pub(super) fn answering(folder: std::path::PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0usize;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            std::fs::write(folder.join("query"), body).unwrap();
            openssl(
                &folder,
                &[
                    "ts",
                    "-reply",
                    "-config",
                    "tsa.cnf",
                    "-queryfile",
                    "query",
                    "-inkey",
                    "tsa.key",
                    "-signer",
                    "tsa.pem",
                    "-out",
                    "reply",
                ],
            );
            let reply = std::fs::read(folder.join("reply")).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                reply.len()
            );
            let mut stream = reader.into_inner();
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&reply).unwrap();
        }
    });
    url
}

#[test]
fn an_authority_outside_stamps_heads_and_openssl_agrees() {
    if Command::new("openssl").arg("version").output().is_err() {
        require_or_skip("time stamps: there is no `openssl` on this machine");
        return;
    }
    for kind in [
        ["-newkey", "rsa:2048"].as_slice(),
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ] {
        let desk = Desk::set_up();
        let tsa = desk.path("tsa");
        authority(&tsa, kind);
        let url = answering(tsa.clone());
        desk.write(
            "dunwell.toml",
            &format!("[evidence]\ntimestamp_url = \"{url}\"\ntimestamp_ca_file = \"tsa/ca.pem\"\nplace = \"outside\"\n"),
        );
        let said = desk.ends(
            0,
            &[
                "evidence",
                "checkpoint",
                "--anchor",
                "--out",
                "head.txt",
                "--token",
                "head.tst",
            ],
        );
        assert!(!said.err.contains("nobody vouches"), "{}", said.err);
        let signed = SignedCheckpoint::parse(&desk.read("head.txt")).unwrap();
        desk.write("head.body", signed.note.text());
        openssl(
            desk.path("").as_path(),
            &[
                "ts",
                "-verify",
                "-in",
                "head.tst",
                "-token_in",
                "-data",
                "head.body",
                "-CAfile",
                "tsa/ca.pem",
            ],
        );
        let token = std::fs::read(desk.path("head.tst")).unwrap();
        let text = signed.note.text().as_bytes();
        let pem = std::fs::read_to_string(tsa.join("ca.pem")).unwrap();
        let der = rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes());
        let root: rustls::pki_types::CertificateDer<'_> = der.unwrap();
        let stamp = verify_token(&token, text, &[root.to_vec()]).unwrap();
        assert!(stamp.at.ends_with('Z') && stamp.seconds > 1_700_000_000);
        assert_eq!(check_token(&token, b"something else"), Err(TokenError::OtherText));
        // A root that did not sign it.
        authority(&desk.path("tsa2"), kind);
        let pem = std::fs::read_to_string(desk.path("tsa2/ca.pem")).unwrap();
        let other: rustls::pki_types::CertificateDer<'_> =
            rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap();
        assert!(matches!(
            verify_token(&token, text, &[other.to_vec()]),
            Err(TokenError::Untrusted(_))
        ));
        // No change of what the signature covers is accepted, and none makes it say another time.
        let mut accepted = 0;
        for at in 0..token.len() {
            let mut changed = token.clone();
            changed[at] ^= 1;
            if let Ok(found) = verify_token(&changed, text, &[root.to_vec()]) {
                assert_eq!(found, stamp, "byte {at}");
                accepted += 1;
            }
        }
        assert!(accepted < token.len() / 4, "{accepted} of {}", token.len());
        // The copy in the place outside is the head, and the whole log still verifies.
        let copies: Vec<_> = std::fs::read_dir(desk.path("outside")).unwrap().collect();
        assert_eq!(copies.len(), 1);
        desk.ok(&["evidence", "verify", "--checkpoint", "head.txt"]);
        let kinds = desk.json(&["evidence", "verify"])["kinds"]["anchor.added"].as_u64();
        assert_eq!(kinds, Some(2));
    }
}

#[test]
fn a_service_signs_within_a_second_and_copies_the_head_outside() {
    let desk = Desk::set_up();
    desk.ok(&["import", "accounts", "ledger.csv"]);
    let said = desk.command(&["doctor"]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&said.stdout).contains("nobody outside vouches"),
        "{said:?}"
    );
    let mut text = desk.read("dunwell.toml");
    text = text.replace("# place", "place");
    desk.write("dunwell.toml", &text);
    let mut serving = desk
        .command(&["serve"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(serving.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("running") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended");
    }
    let stop = Command::new("kill")
        .args(["-TERM", &serving.id().to_string()])
        .status()
        .unwrap();
    assert!(stop.success() && serving.wait().unwrap().success());
    // The stop is signed too, and the copy is outside.
    let newest = SignedCheckpoint::parse(&desk.read("log.key.last")).unwrap();
    let check = desk.json(&["evidence", "verify", "--checkpoint", "log.key.last"]);
    assert_eq!(check["fault_count"].as_u64(), Some(0), "{check}");
    assert!(check["kinds"]["system.state"].as_u64() == Some(2) && check["heads"].as_u64() >= Some(1));
    assert!(newest.checkpoint.size + 2 >= check["size"].as_u64().unwrap());
    assert_eq!(std::fs::read_dir(desk.path("auditor-share")).unwrap().count(), 1);
}
