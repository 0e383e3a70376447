//! `dunwell demo` as a whole: the same seed gives the same numbers, the numbers add up, and what lies in the outbox can
//! be opened by programs that know nothing of us.

use std::path::{Path, PathBuf};
use std::process::Command;

use dunwell::cli::demo::{DemoOptions, DemoReport, run};
use dunwell::config::Config;
use tempfile::TempDir;

use crate::support::require_or_skip;

async fn demo(folder: &TempDir, seed: u64) -> DemoReport {
    let options = DemoOptions {
        dir: folder.path().join("demo"),
        days: 20,
        seed,
        accounts: 300,
    };
    run(&options, &Config::defaults(), |_, _| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_adds_up_comes_out_the_same_again_and_can_be_opened() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let (first, again, other) =
        tokio::join!(demo(&folders[0], 7), demo(&folders[1], 7), demo(&folders[2], 8));
    for report in [&first, &again, &other] {
        assert!(report.adds_up(), "{:?}", report.sums());
    }
    assert_eq!(first.json(), again.json());
    assert_ne!(first.json()["sent"], other.json()["sent"]);

    entries_are_small(&folders[0].path().join("demo").join("dunwell.sqlite")).await;

    let outbox = folders[0].path().join("demo").join("outbox");
    texts(&of_kind(&outbox, "txt"));
    mails(&of_kind(&outbox, "eml"));
    letters(&of_kind(&outbox, "pdf"));
    let names = |folder: &TempDir| {
        let root = folder.path().join("demo").join("outbox");
        let mut all = files(&root);
        all.iter_mut()
            .for_each(|f| *f = f.strip_prefix(&root).unwrap().to_owned());
        all.sort();
        all
    };
    assert_eq!(names(&folders[0]), names(&folders[1]));
}

/// What can be long stands beside the log, by hash.
async fn entries_are_small(file: &Path) {
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    let largest: i64 = sqlx::query_scalar("SELECT MAX(length(bytes)) FROM evidence")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!((200..1000).contains(&largest), "{largest}");
    pool.close().await;
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all
}

fn of_kind(outbox: &Path, ending: &str) -> Vec<PathBuf> {
    let mut all = files(outbox);
    all.retain(|f| f.extension().is_some_and(|e| e == ending));
    all.sort();
    assert!(all.len() >= 3, "{} files .{ending}", all.len());
    all
}

fn chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c))
}

fn texts(files: &[PathBuf]) {
    let all: Vec<String> = files
        .iter()
        .map(|f| std::fs::read_to_string(f).unwrap())
        .collect();
    for text in &all {
        assert!(!text.contains("{{") && !text.contains("{%"), "{text}");
    }
    assert!(all.iter().any(|t| chinese(t)));
}

/// Reads every message with Python's own parser and says what it made of it.
const READ_MAILS: &str = r"
import email, email.policy, sys
for name in sys.argv[1:]:
    with open(name, 'rb') as f:
        m = email.message_from_binary_file(f, policy=email.policy.default)
    parts = [p for p in m.walk()]
    assert not any(p.defects for p in parts), name
    for header in ('From', 'To', 'Subject', 'Date', 'Message-ID', 'MIME-Version'):
        assert len(m.get_all(header, [])) == 1, (name, header)
    plain, html = m.get_body(('plain',)), m.get_body(('html',))
    assert plain.get_content().strip() and '<html' in html.get_content(), name
    print(m['Subject'], plain.get_content().replace('\n', ' '))
";

fn mails(files: &[PathBuf]) {
    let python = Command::new("python3")
        .args(["-X", "utf8", "-c", READ_MAILS])
        .args(files)
        .output();
    let Ok(output) = python else {
        require_or_skip("reading e-mails back: python3 is not there");
        return;
    };
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(said.lines().count(), files.len());
    assert!(chinese(&said));
}

fn letters(files: &[PathBuf]) {
    let mut said = String::new();
    // A handful tells as much as all of them.
    for file in files.iter().step_by(files.len().div_ceil(5)) {
        let bytes = std::fs::read(file).unwrap();
        assert!(bytes.starts_with(b"%PDF-"), "{}", file.display());
        let Ok(checked) = Command::new("qpdf").arg("--check").arg(file).output() else {
            require_or_skip("checking letters: qpdf is not there");
            return;
        };
        assert!(
            checked.status.success(),
            "{}: {}",
            file.display(),
            String::from_utf8_lossy(&checked.stderr)
        );
        let Ok(text) = Command::new("pdftotext").arg(file).arg("-").output() else {
            require_or_skip("reading letters back: pdftotext is not there");
            return;
        };
        assert!(text.status.success(), "{}", file.display());
        said += &String::from_utf8(text.stdout).unwrap();
    }
    assert!(chinese(&said), "{said}");
    assert!(!said.contains('\u{FFFD}') && !said.contains("{{"), "{said}");
}
