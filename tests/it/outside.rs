//! What leaves for the outside: the daily head by mail, and the door for auditors; and that each kind of bad input ends
//! with a sentence and a number of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dunwell::evidence::SignedCheckpoint;

use crate::cli::Desk;
use crate::support::require_or_skip;

/// A mail server that keeps what it takes; it ends with the test.
struct Server {
    folder: tempfile::TempDir,
    port: String,
    child: Child,
}

impl Server {
    fn start() -> Option<Server> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
        let named = std::env::var_os("DUNWELL_PYTHON").map(PathBuf::from);
        let able = |python: &PathBuf| {
            let mut command = Command::new(python);
            command.args(["-c", "import aiosmtpd"]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let all = named.into_iter().chain([own, PathBuf::from("python3")]);
        let Some(python) = all.into_iter().find(able) else {
            require_or_skip("mailing the daily head: there is no Python with `aiosmtpd`");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/smtp_server.py"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().strip_prefix("PORT ").unwrap().to_owned();
        Some(Server { folder, port, child })
    }

    fn taken(&self) -> Vec<String> {
        let mut found: Vec<PathBuf> = self
            .folder
            .path()
            .read_dir()
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        found.retain(|path| path.extension().is_some_and(|e| e == "eml"));
        found.sort();
        found
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The attached head of a mail, as whoever keeps it reads it.
fn attached(mail: &str) -> String {
    let part = mail.split("Content-Disposition: attachment").nth(1).unwrap();
    let (head, body) = part
        .split_once("\r\n\r\n")
        .or_else(|| part.split_once("\n\n"))
        .unwrap();
    let body = body.split("--dunwell-").next().unwrap();
    match head.to_ascii_lowercase().contains("base64") {
        true => {
            use base64::Engine;
            let text: String = body.split_whitespace().collect();
            String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
        }
        // Quoted-printable: soft line breaks and bytes as `=XX`.
        false => {
            let joined = body.replace("\r\n", "\n").replace("=\n", "");
            let (mut out, mut rest) = (Vec::new(), joined.as_bytes());
            while let Some((first, more)) = rest.split_first() {
                rest = more;
                match (*first, more.get(..2).and_then(|h| hex::decode(h).ok())) {
                    (b'=', Some(byte)) => {
                        out.extend(byte);
                        rest = &more[2..];
                    }
                    (byte, _) => out.push(byte),
                }
            }
            // The last line break belongs to the boundary.
            String::from_utf8(out).unwrap().trim_end().to_owned() + "\n"
        }
    }
}

#[test]
fn the_daily_head_is_mailed_and_a_failure_is_told() {
    let Some(server) = Server::start() else { return };
    let desk = Desk::set_up();
    let settings = desk.read("dunwell.toml").replace(
        "# mail_to = \"heads@auditor.example.org\"\n# mail_from = \"evidence@example.com\"\n",
        "mail_to = \"heads@auditor.example.org\"\nmail_from = \"evidence@example.com\"\n",
    );
    desk.write("dunwell.toml", &settings);
    let run = |port: &str, arguments: &[&str]| {
        let done = desk
            .command(arguments)
            .env("DUNWELL_SMTP__HOST", "localhost")
            .env("DUNWELL_SMTP__PORT", port)
            .env("DUNWELL_SMTP__SECURITY", "plain-loopback")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            done.status.code().unwrap(),
            text(&done.stdout),
            text(&done.stderr),
        )
    };
    let (code, head, err) = run(&server.port, &["evidence", "checkpoint", "--anchor"]);
    assert_eq!(code, 0, "{err}");
    let mails = server.taken();
    assert_eq!(mails.len(), 1, "{err}");
    assert!(
        mails[0].contains("X-Envelope-To: heads@auditor.example.org"),
        "{}",
        mails[0]
    );
    let kept = SignedCheckpoint::parse(&attached(&mails[0]).replace("\r\n", "\n")).unwrap();
    assert_eq!(
        kept.checkpoint,
        SignedCheckpoint::parse(&head).unwrap().checkpoint
    );
    // The log tells of it, and what was mailed is enough to find what was changed since.
    let (_, list, _) = run(&server.port, &["evidence", "list", "--limit", "5", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let told =
        |e: &&serde_json::Value| e["entry"]["what"] == "mail" && e["entry"]["name"] == "auditor.example.org";
    assert_eq!(list.as_array().unwrap().iter().filter(told).count(), 1);
    desk.write("kept.txt", &kept.to_string());
    let (code, said, _) = run(&server.port, &["evidence", "verify", "--checkpoint", "kept.txt"]);
    assert_eq!(code, 0, "{said}");
    let (_, said, _) = run(&server.port, &["doctor"]);
    assert!(
        !said.contains("nobody outside vouches") && !said.contains("last mailed"),
        "{said}"
    );
    // Nobody listens: said aloud, nothing else stops.
    let port = server.port.clone();
    drop(server);
    let (code, _, err) = run(&port, &["evidence", "checkpoint", "--anchor"]);
    assert_eq!(code, 0);
    assert!(
        err.contains("could not be mailed") && !err.contains("heads@"),
        "{err}"
    );
}

/// What the door for auditors answers: status and JSON.
async fn asked(port: u16, path: &str, token: &str) -> (u16, serde_json::Value) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut door = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    door.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    door.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(head.contains("no-store"), "{head}");
    (status, serde_json::from_str(body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_looks_by_http_and_everything_shown_is_recorded() {
    use dunwell::store::{NewGrant, SealFile, Store};
    let desk = Desk::set_up();
    desk.run(&["import", "accounts", "ledger.csv"]);
    let url = format!("sqlite://{}", desk.path("dunwell.sqlite").display());
    let clock = std::sync::Arc::new(dunwell::clock::SystemClock::new());
    let store = Store::open(&url, clock, SealFile::new(&desk.path("seal.key")))
        .await
        .unwrap();
    let grant = async |portfolio: Option<&str>| {
        let wanted = NewGrant {
            auditor: "bureau".into(),
            purpose: "inspection".into(),
            portfolio: portfolio.map(str::to_owned),
            lasts: chrono::TimeDelta::hours(2),
        };
        store.grant_access(wanted, "zhao").await.unwrap()
    };
    let ((all, token), (_, narrow)) = (grant(None).await, grant(Some("trade")).await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let door = tokio::spawn(dunwell::http::serve_auditor(listener, store.clone()));
    let reads = || {
        let list = desk.json(&["evidence", "list", "--limit", "500"]);
        let of = |e: &&serde_json::Value| {
            e["entry"]["kind"] == "content.read"
                && e["entry"]["actor"]
                    .as_str()
                    .unwrap()
                    .starts_with("auditor bureau")
        };
        list.as_array().unwrap().iter().filter(of).count()
    };
    assert_eq!(asked(port, "/auditor/log", "dwa_00").await.0, 401);
    assert_eq!(asked(port, "/auditor/accounts/none", &token).await.0, 404);
    assert_eq!(reads(), 0, "nothing was shown yet");
    let (status, told) = asked(port, "/auditor/accounts/0000200001", &token).await;
    assert_eq!(
        (status, told["account"].as_str()),
        (200, Some("0000200001")),
        "{told}"
    );
    assert_eq!(asked(port, "/auditor/messages?limit=5", &token).await.0, 200);
    let (status, log) = asked(port, "/auditor/log?limit=3", &token).await;
    assert_eq!((status, log.as_array().unwrap().len()), (200, 3));
    assert_eq!(reads(), 3, "each is recorded");
    // A permission for one portfolio shows neither another's account nor the log.
    assert_eq!(
        asked(port, "/auditor/accounts/0000200001?portfolio=consumer", &narrow)
            .await
            .0,
        403
    );
    assert_eq!(asked(port, "/auditor/log", &narrow).await.0, 403);
    store.revoke_access(all.id, "zhao").await.unwrap();
    let (status, why) = asked(port, "/auditor/log", &token).await;
    assert!(
        status == 401 && why["error"].as_str().unwrap().contains("taken back"),
        "{why}"
    );
    assert_eq!(reads(), 3);
    door.abort();
    store.close().await;
}

/// Each kind of bad input: what is done to a desk whose log is signed, the command, its code, and words of its sentence.
#[test]
fn each_kind_of_bad_input_has_its_own_sentence_and_code() {
    let desk = Desk::set_up();
    desk.run(&["import", "accounts", "ledger.csv"]);
    desk.ok(&["evidence", "checkpoint", "--out", "kept.txt"]);
    let key = desk.read("log.key");
    let check = |code: i32, arguments: &[&str], words: &str| {
        let said = desk.ends(code, arguments);
        let all = format!("{}{}", said.out, said.err);
        assert!(all.contains(words), "{arguments:?}: {all}");
        all
    };
    // A torn key, a key of another log, and one that others can read.
    let private = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt;
        desk.write(name, text);
        std::fs::set_permissions(desk.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    private("log.key", &key[..key.len() / 2]);
    check(1, &["evidence", "checkpoint"], "log.key:1");
    std::fs::remove_file(desk.path("log.key")).unwrap();
    check(1, &["evidence", "checkpoint"], "there is no key at");
    desk.ok(&["evidence", "key", "new"]);
    check(1, &["evidence", "checkpoint"], "this database holds the log");
    private("log.key", &key);
    // A torn head, and one of another log.
    let head = desk.read("kept.txt");
    desk.write("torn.txt", &head[..head.len() / 2]);
    check(1, &["evidence", "verify", "--checkpoint", "torn.txt"], "torn.txt");
    desk.write("other.txt", &head.replacen("dunwell", "another", 1));
    let said = desk.run(&["evidence", "verify", "--checkpoint", "other.txt"]);
    assert!(said.code != 0, "{}", said.out);
    // A token over something else, and a bundle with an extra file.
    desk.ok(&[
        "evidence",
        "export",
        "--account",
        "0000200001",
        "--out",
        "answer",
        "--without-certificate",
    ]);
    let trust = desk.json(&["evidence", "key", "show"])[0]["key"]
        .as_str()
        .unwrap()
        .to_owned();
    desk.write("trusted.policy", &format!("log {trust}\nquorum none\n"));
    let verify = ["evidence", "verify", "answer", "--policy", "trusted.policy"];
    desk.ok(&verify);
    desk.write("answer/more.txt", "x");
    check(41, &verify, "more.txt");
    std::fs::remove_file(desk.path("answer/more.txt")).unwrap();
    desk.write(
        "other.policy",
        &format!("log {}\nquorum none\n", other_key(&trust)),
    );
    check(
        50,
        &["evidence", "verify", "answer", "--policy", "other.policy"],
        "checkpoint.txt",
    );
    // A database edited by hand: the entry is named.
    crate::evidence::tampered(
        &desk,
        "DROP TRIGGER evidence_no_update; UPDATE evidence SET bytes = replace(bytes, 'created', 'creatde') WHERE position = (SELECT MIN(position) FROM evidence WHERE kind = 'import.accepted')",
    );
    check(10, &["evidence", "verify"], "do not hash to the stored leaf hash");
}

/// Another key of the same name.
fn other_key(key: &str) -> String {
    use dunwell::evidence::{KeyUse, NoteSigner};
    let name = key.split('+').next().unwrap();
    NoteSigner::from_seed(name, KeyUse::Text, &[9; 32])
        .unwrap()
        .verifier()
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_before_the_last_entry_stops_sending() {
    use dunwell::clock::VirtualClock;
    use dunwell::domain::Moment;
    use dunwell::store::{SealFile, Store};
    let desk = Desk::set_up();
    let url = format!("sqlite://{}", desk.path("dunwell.sqlite").display());
    let later = Moment::parse("2099-01-01T00:00:00.000000Z").unwrap();
    let clock = std::sync::Arc::new(VirtualClock::new(later, 7));
    let store = Store::open(&url, clock, SealFile::new(&desk.path("seal.key")))
        .await
        .unwrap();
    store.record_system_state("start", String::new()).await.unwrap();
    store.close().await;
    // Once or often: what the program itself writes does not make the wrong time right.
    desk.ends(1, &["serve"]);
    let said = desk.ends(1, &["serve"]);
    assert!(
        said.err.contains("the clock reads") && said.err.contains("2099-01-01"),
        "{}",
        said.err
    );
    let said = desk.run(&["doctor"]);
    assert!(said.code == 1 && said.out.contains("2099-01-01"), "{}", said.out);
}
