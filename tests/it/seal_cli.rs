//! Sealing, erasing, keeping, copying and looking, as an operator does them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::cli::Desk;

/// A set-up desk with the sample ledger taken in and one message queued; the id of that message.
fn desk() -> Desk {
    let desk = Desk::set_up();
    desk.run(&["import", "accounts", "ledger.csv"]);
    desk
}

fn entries(desk: &Desk, kind: &str) -> usize {
    let all = desk.json(&["evidence", "list", "--limit", "2000"]);
    let of = |e: &&serde_json::Value| e["entry"]["kind"] == kind;
    all.as_array().unwrap().iter().filter(of).count()
}

#[test]
fn the_key_file_is_guarded() {
    let desk = desk();
    let mode = std::fs::metadata(desk.path("seal.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let chmod = |mode| {
        std::fs::set_permissions(desk.path("seal.key"), std::fs::Permissions::from_mode(mode)).unwrap()
    };
    chmod(0o644);
    let said = desk.ends(1, &["account", "show", "0000200001"]);
    assert!(
        said.err.contains("0644") && said.err.contains("chmod 600"),
        "{}",
        said.err
    );
    assert!(desk.run(&["doctor"]).out.contains("0644"));
    chmod(0o600);
    assert!(
        desk.run(&["doctor"])
            .out
            .contains("the key of personal data is there")
    );
    // A key that is gone is never made anew where there is something to open.
    std::fs::rename(desk.path("seal.key"), desk.path("kept.key")).unwrap();
    let said = desk.ends(1, &["account", "show", "0000200001"]);
    assert!(said.err.contains("bring back the file"), "{}", said.err);
    assert!(!desk.path("seal.key").exists());
    desk.write("seal.key", "DUNWELL+MASTER+00+AA==\n");
    chmod(0o600);
    let said = desk.ends(1, &["account", "show", "0000200001"]);
    assert!(said.err.contains("seal.key:1"), "{}", said.err);
    std::fs::rename(desk.path("kept.key"), desk.path("seal.key")).unwrap();
    desk.ok(&["account", "show", "0000200001"]);
}

#[test]
fn erasing_says_what_beats_it_and_what_it_did() {
    let desk = desk();
    let erase = [
        "person",
        "erase",
        "--account",
        "0000200001",
        "--by",
        "zhao",
        "--basis",
        "request 7",
    ];
    // Something is still owed.
    let said = desk.ends(3, &erase);
    assert!(said.out.contains("still open"), "{}", said.out);
    let mut close = erase.to_vec();
    close.push("--close");
    let hold = desk.json(&[
        "hold",
        "set",
        "--legal",
        "--account",
        "0000200001",
        "--by",
        "zhao",
        "--basis",
        "case 17",
    ]);
    let said = desk.ends(3, &close);
    assert!(said.out.contains("case 17"), "{}", said.out);
    assert!(desk.ok(&["hold", "list"]).contains("case 17"));
    desk.ok(&["hold", "lift", hold["hold"].as_str().unwrap(), "--by", "zhao"]);
    // What a law or regulator asks to keep is named with its source and its date.
    let said = desk.run(&close);
    if said.code == 3 {
        assert!(said.out.contains("Kept until 20"), "{}", said.out);
    }
    assert!(
        desk.run(&["person", "erase", "--ref", "no-such", "--by", "z", "--basis", "b"])
            .err
            .contains("is not there")
    );
    assert_eq!(
        desk.run(&["person", "erase", "--by", "z", "--basis", "b"]).code,
        2
    );
}

#[test]
fn a_backup_is_made_put_back_and_stops_sending_until_it_is_resolved() {
    let desk = desk();
    desk.ok(&["evidence", "checkpoint"]);
    desk.ok(&["backup", "--out", "copy", "--by", "zhao"]);
    assert_eq!(desk.run(&["backup", "--out", "copy", "--by", "zhao"]).code, 1);
    assert!(desk.ok(&["backup", "--list"]).contains("copy"));
    desk.ok(&[
        "event",
        "add",
        "opt-out",
        "--account",
        "0000200001",
        "--channel",
        "sms",
    ]);
    desk.ok(&["evidence", "checkpoint"]);
    assert_eq!(
        desk.run(&["restore", "copy", "--by", "zhao"]).code,
        1,
        "never over a database"
    );
    for end in ["", "-wal", "-shm"] {
        let _gone = std::fs::remove_file(desk.path(&format!("dunwell.sqlite{end}")));
    }
    let said = desk.ok(&["restore", "copy", "--by", "zhao"]);
    assert!(said.contains("nothing is sent"), "{said}");
    assert!(desk.ok(&["account", "show", "0000200001"]).contains("debtor"));
    let said = desk.ends(1, &["serve"]);
    assert!(
        said.err.contains("nothing is signed") || said.err.contains("restore-resolve"),
        "{}",
        said.err
    );
    assert!(desk.run(&["doctor"]).out.contains("nothing is sent"));
    let told = desk.json(&["evidence", "restore-resolve", "--by", "zhao"]);
    assert!(told["head_given_up"].is_string(), "{told}");
    assert_eq!(
        desk.run(&["evidence", "restore-resolve", "--by", "zhao"]).code,
        1,
        "once"
    );
    desk.ok(&["evidence", "checkpoint"]);
    desk.ok(&["evidence", "verify"]);
    assert_eq!(
        (
            entries(&desk, "restore.detected"),
            entries(&desk, "restore.resolved")
        ),
        (1, 1)
    );
    // What fell due meanwhile counts as taken.
    let waiting = desk.json(&["message", "list", "--state", "planned"]);
    assert_eq!(waiting.as_array().map(Vec::len), Some(0), "{waiting}");
}

#[test]
fn an_older_copy_that_was_put_back_by_hand_is_noticed() {
    let desk = desk();
    desk.ok(&["evidence", "checkpoint"]);
    // What stands in the write-ahead file belongs to the copy.
    for end in ["", "-wal"] {
        let from = desk.path(&format!("dunwell.sqlite{end}"));
        if from.exists() {
            std::fs::copy(from, desk.path(&format!("old.sqlite{end}"))).unwrap();
        }
    }
    desk.ok(&[
        "event",
        "add",
        "opt-out",
        "--account",
        "0000200001",
        "--channel",
        "sms",
    ]);
    desk.ok(&["evidence", "checkpoint"]);
    for end in ["-wal", "-shm"] {
        let _gone = std::fs::remove_file(desk.path(&format!("dunwell.sqlite{end}")));
    }
    for end in ["", "-wal"] {
        let from = desk.path(&format!("old.sqlite{end}"));
        if from.exists() {
            std::fs::rename(from, desk.path(&format!("dunwell.sqlite{end}"))).unwrap();
        }
    }
    let said = desk.ends(1, &["serve"]);
    assert!(said.err.contains("older copy was put back"), "{}", said.err);
    assert_eq!(entries(&desk, "restore.detected"), 1);
    desk.ends(1, &["serve"]);
    assert_eq!(entries(&desk, "restore.detected"), 1, "once");
    desk.ok(&["evidence", "restore-resolve", "--by", "zhao"]);
    desk.ok(&["evidence", "verify"]);
}

#[test]
fn retention_tells_who_is_kept_by_which_rule() {
    let desk = desk();
    let told = desk.json(&["retention", "report"]);
    assert!(told["open"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(
        told["due"].as_array().unwrap().len(),
        0,
        "everything is fresh: {told}"
    );
    let said = desk.ok(&["retention", "run", "--dry-run", "--by", "zhao"]);
    assert!(said.contains("time has come"), "{said}");
    assert_eq!(entries(&desk, "retention.run"), 0, "a dry run leaves nothing");
    desk.ok(&["retention", "run", "--by", "zhao"]);
    assert_eq!(
        (entries(&desk, "retention.run"), entries(&desk, "erase.executed")),
        (1, 0)
    );
}

#[test]
fn an_auditor_looks_for_a_time_and_every_look_is_recorded() {
    let desk = desk();
    let queue = [
        "message",
        "queue",
        "--account",
        "0000200001",
        "--channel",
        "sms",
        "--template",
        "instalment-overdue",
        "--by",
        "wang",
    ];
    let id = desk.json(&queue)["attempt"].as_str().map(str::to_owned);
    let grant = desk.json(&[
        "access",
        "grant",
        "--auditor",
        "bureau",
        "--purpose",
        "inspection",
        "--for",
        "48h",
        "--by",
        "zhao",
    ]);
    desk.write("token", grant["token"].as_str().unwrap());
    let look = |arguments: &[&str], code| {
        let mut all = vec!["auditor"];
        all.extend(arguments);
        all.extend(["--token-file", "token"]);
        desk.ends(code, &all)
    };
    look(&["messages"], 0);
    look(&["account", "0000200001"], 0);
    look(&["log"], 0);
    let mut looks = 3;
    if let Some(id) = id {
        look(&["message", &id], 0);
        looks += 1;
    }
    assert_eq!(entries(&desk, "content.read"), looks);
    assert!(desk.ok(&["access", "list"]).contains("bureau"));
    desk.ok(&[
        "access",
        "revoke",
        grant["grant"].as_str().unwrap(),
        "--by",
        "zhao",
    ]);
    assert!(look(&["messages"], 1).err.contains("taken back"));
    desk.write("token", "dwa_0");
    assert!(look(&["messages"], 1).err.contains("never given"));
    assert_eq!(
        entries(&desk, "content.read"),
        looks,
        "what was refused was not shown"
    );
    assert_eq!(desk.run(&["auditor", "messages"]).code, 1);
}

#[test]
fn the_master_key_changes_and_everything_still_opens() {
    let desk = desk();
    let before = desk.read("seal.key");
    desk.ok(&["backup", "--out", "copy", "--by", "zhao"]);
    let told = desk.json(&["seal", "rotate", "--by", "zhao"]);
    assert!(
        told["keys"].as_u64().unwrap() > 0 && told["backups"].as_array().unwrap().len() == 1,
        "{told}"
    );
    assert_ne!(desk.read("seal.key"), before);
    assert!(desk.ok(&["account", "show", "0000200001"]).contains("debtor"));
    desk.ok(&["evidence", "verify"]);
    // The key of before opens nothing any more.
    desk.write("seal.key", &before);
    assert!(
        desk.ends(1, &["account", "show", "0000200001"])
            .err
            .contains("master key")
    );
}

fn every_file(folder: &Path, found: &mut Vec<PathBuf>) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        match path.is_dir() {
            true => every_file(&path, found),
            false => found.push(path),
        }
    }
}

/// A thousand invented people run through import, planning, errors and logs of the most talkative level.
#[test]
fn a_thousand_canaries_leave_no_trace_in_files_logs_and_errors() {
    let desk = Desk::empty();
    desk.ok(&["init"]);
    desk.ok(&["portfolio", "apply", "portfolios.toml"]);
    let mut ledger = String::from(
        "portfolio,reference,debtor_ref,debtor_kind,name,country,postal_code,claim,currency,amount,balance,due_on,phone,phone_use,email,email_use\n",
    );
    let portfolio = "consumer";
    for n in 0..1000 {
        ledger += &format!(
            "{portfolio},A{n:05},CREF-{n:04}-Q,natural,金丝雀{n:04},CN,2009{n:02},consumer_loan,CNY,1000.00,1000.00,2026-01-01,1380000{n:04},own,canary{n:04}@example.com,own\n"
        );
    }
    desk.write("canaries.csv", &ledger);
    std::fs::create_dir(desk.path("tmp")).unwrap();
    let mut said = String::new();
    let mut run = |arguments: &[&str]| {
        let output = desk
            .command(arguments)
            .env("DUNWELL_LOG__LEVEL", "trace")
            .env("RUST_BACKTRACE", "1")
            .env("TMPDIR", desk.path("tmp"))
            .output()
            .unwrap();
        said += &String::from_utf8_lossy(&output.stderr);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, out) = run(&["import", "accounts", "canaries.csv"]);
    assert!(matches!(code, Some(0 | 4)), "{out}");
    let taken = desk.json(&["import", "list"]);
    assert!(taken.to_string().contains("1000"), "{taken} {out}");
    run(&["campaign", "run", portfolio]);
    for n in ["00001", "00002"] {
        let text = format!("canarytext A{n} 金丝雀0001 13800000001");
        let account = format!("A{n}");
        run(&[
            "message",
            "queue",
            "--account",
            &account,
            "--channel",
            "sms",
            "--text",
            &text,
            "--by",
            "wang",
        ]);
    }
    run(&[
        "event",
        "add",
        "dispute",
        "--account",
        "A00003",
        "--reason",
        "canarywhy",
    ]);
    run(&[
        "person",
        "erase",
        "--ref",
        "CREF-0004-Q",
        "--by",
        "zhao",
        "--basis",
        "request",
    ]);
    run(&[
        "person",
        "erase",
        "--ref",
        "CREF-9999-Q",
        "--by",
        "zhao",
        "--basis",
        "request",
    ]);
    run(&["account", "show", "A99999"]);
    run(&["evidence", "verify"]);
    run(&["backup", "--out", "copy", "--by", "zhao"]);
    let wrong = |text: &str, place: &str| {
        for word in [
            "金丝雀",
            "canary0",
            "canarytext",
            "canarywhy",
            "CREF-0",
            "13800000",
        ] {
            assert!(!text.contains(word), "`{word}` stands in {place}");
        }
    };
    wrong(&said, "the log and the errors");
    let mut files = Vec::new();
    every_file(&desk.path("."), &mut files);
    let mut looked_at = 0;
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        // What was handed in, and the set-up that names the sender's own numbers.
        if name == "canaries.csv" || name == "portfolios.toml" || name.ends_with(".rejects.csv") {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let words = ["金丝雀", "canary0", "canarytext", "canarywhy", "CREF-0"];
        for word in words {
            assert!(!text.contains(word), "`{word}` stands in {}", file.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 5);
}
