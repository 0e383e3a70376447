//! Signatures, return paths and addresses of e-mails, as others see them: `dkimpy` verifies, Postfix queues, delivers and
//! returns. What is missing is skipped aloud, or with `DUNWELL_REQUIRE=1` a failure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use dunwell::channels::verp::{self, TokenKey};
use dunwell::channels::{
    Carrier, Dkim, DkimKey, Links, Outcome, Parcel, Smtp, SmtpSecurity, SmtpSettings, dns_name, dns_value,
};
use dunwell::domain::{
    Address, AttemptId, Channel, Draft, Email, EmailAddress, Moment, PersonName, Sender, SenderId, SenderKind,
};
use dunwell::store::Reservation;

use crate::channels_sms::{attempt, word};
use crate::support::faulty_smtp::{FaultySmtp, Manner};
use crate::support::postfix::Postfix;
use crate::support::require_or_skip;

/// Verifies every signature of a mail, and that changed mails fail. Arguments: the mail, and the public keys as JSON.
const VERIFY: &str = r#"
import json, re, sys
import dkim
mail = open(sys.argv[1], 'rb').read().replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')
keys = json.loads(sys.argv[2])
dns = lambda name, timeout=5: keys[(name.decode() if isinstance(name, bytes) else name).rstrip('.')].encode()
def good(mail, n):
    try:
        return dkim.DKIM(mail).verify(idx=n, dnsfunc=dns)
    except dkim.DKIMException:
        return False
count = len(re.findall(rb'(?im)^DKIM-Signature:', mail))
head, body = mail.split(b'\r\n\r\n', 1)
changed = {
    'subject': re.sub(rb'(?m)^Subject: ', b'Subject: x', mail),
    'body': head + b'\r\n\r\n' + body.replace(b'=', b'x', 1) + b'x\r\n',
    'to': re.sub(rb'(?m)^To: ', b'To: x', mail),
    'second from': head + b'\r\nFrom: other@example.org\r\n\r\n' + body,
    'second subject': head + b'\r\nSubject: other\r\n\r\n' + body,
    'unsubscribe': re.sub(rb'(?m)^List-Unsubscribe: <https', b'List-Unsubscribe: <httpx', mail),
    'one click': re.sub(rb'(?m)^List-Unsubscribe-Post:.*\r\n', b'', mail),
}
folded = re.sub(rb'(?m)^Subject: ', b'SUBJECT:   ', mail)
print(count, all(good(mail, n) for n in range(count)), all(good(folded, n) for n in range(count)))
print([what for what, m in changed.items() if m == mail or any(good(m, n) for n in range(count))])
"#;

fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let named = std::env::var_os("DUNWELL_PYTHON").map(PathBuf::from);
    let found = named
        .into_iter()
        .chain([target.join("venv/bin/python")])
        .find(|python| {
            let mut command = Command::new(python);
            command.args(["-c", "import dkim, nacl"]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        });
    if found.is_none() {
        require_or_skip("Python with dkimpy: `make test` installs it");
    }
    found
}

/// A key of Ed25519 of our own making and one of RSA of `openssl`'s.
fn keys(folder: &Path) -> Option<[DkimKey; 2]> {
    let ed25519 = DkimKey::create("ed-2026", &folder.join("ed25519.pem")).unwrap();
    let rsa = folder.join("rsa.pem");
    let made = Command::new("openssl")
        .args([
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-out",
        ])
        .arg(&rsa)
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        require_or_skip("openssl makes keys");
        return None;
    }
    let pem = std::fs::read(&rsa).unwrap();
    Some([ed25519, DkimKey::from_pem("rsa-2026", &pem).unwrap()])
}

fn published(keys: &[DkimKey]) -> String {
    let all: BTreeMap<String, String> = keys
        .iter()
        .map(|key| (dns_name(key, "ruian.example"), dns_value(key)))
        .collect();
    serde_json::to_string(&all).unwrap()
}

/// What `dkimpy` says: how many signatures, whether all hold, whether they hold when the mail is folded anew, and the
/// changes that it did not notice.
fn verified(python: &Path, mail: &Path, keys: &[DkimKey]) -> String {
    let out = Command::new(python)
        .args(["-c", VERIFY])
        .arg(mail)
        .arg(published(keys))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().replace('\n', " ")
}

fn sender(name: &str) -> Arc<Sender> {
    Arc::new(Sender {
        id: SenderId(uuid::Uuid::from_u128(7)),
        kind: SenderKind::Creditor,
        name: name.to_owned(),
        signature: "瑞安商贸".to_owned(),
        licence: None,
        phone: None,
        email: Some(EmailAddress::parse("accounts@ruian.example").unwrap()),
        postal: None,
        staffed: None,
        opt_out_word: "退订".to_owned(),
        mandate: None,
    })
}

fn mail(attempt: AttemptId, to: &str, recipient: &str) -> Parcel {
    let draft = Draft::Email(Email {
        subject: "账单到期提醒：请于4月10日前付款".to_owned(),
        text: "李先生您好，\n  您的账单  将于4月10日到期。 \n\n.\n瑞安商贸\n\n\n".to_owned(),
        html: "<p>李先生您好，您的账单将于4月10日到期。</p>".to_owned(),
    });
    let at = Moment::parse("2026-04-07T07:30:00Z").unwrap();
    let links = Links::new(
        key(),
        Some(EmailAddress::parse("bounce@mail.ruian.example").unwrap()),
        Some("https://pay.ruian.example".to_owned()),
    );
    let to = (
        Address::Email(EmailAddress::parse(to).unwrap()),
        PersonName::parse(recipient).unwrap(),
    );
    let reservation = Reservation::for_trial(attempt, Channel::Email, at);
    let unsubscribe = links.unsubscribe(attempt);
    Parcel::new(
        reservation,
        Arc::new(draft),
        to,
        sender("瑞安商贸有限公司"),
        unsubscribe,
    )
    .with_return_path(links.return_path(attempt))
}

fn key() -> TokenKey {
    TokenKey::new([9; 32])
}

fn smtp(port: u16, dkim: Option<Dkim>) -> Smtp {
    Smtp::new(SmtpSettings {
        port,
        security: SmtpSecurity::PlainOnLoopback,
        dkim,
        ..SmtpSettings::new("127.0.0.1")
    })
    .unwrap()
}

const MANNER: Manner = Manner {
    pipelining: true,
    greeting: "220 mail.example ESMTP",
};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_verifies_the_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(python), Some([ed25519, rsa])) = (python(), keys(folder.path())) else {
        return;
    };
    let both = [ed25519.clone(), rsa.clone()];
    for (n, chosen) in (1..).zip([vec![ed25519], vec![rsa], both.to_vec()]) {
        let server = FaultySmtp::start(MANNER).await;
        let dkim = Dkim::new(None, chosen.clone());
        let outcome = smtp(server.port, Some(dkim))
            .send(&mail(attempt(n), "li.wei@example.com", "李伟"))
            .await;
        assert!(outcome.is_accepted(), "{outcome:?}");
        let text = server.taken.lock().unwrap()["li.wei"][0].clone();
        // As it came over the wire: without the final dot, and with doubled dots single again.
        let text = text.strip_suffix("\r\n.\r\n").unwrap().replace("\r\n..", "\r\n.");
        let path = folder.path().join("mail.eml");
        std::fs::write(&path, format!("{text}\r\n")).unwrap();
        assert_eq!(
            verified(&python, &path, &both),
            format!("{} True True []", chosen.len()),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postfix_queues_delivers_and_returns_to_the_attempt() {
    let Some(postfix) = Postfix::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(keys) = keys(folder.path()) else { return };
    let carrier = smtp(postfix.port, Some(Dkim::new(None, keys.to_vec())));
    assert!(carrier.check().await.is_ok());
    for (n, to) in [(1, "li.wei@example.com"), (2, "gone@example.com")] {
        let outcome = carrier.send(&mail(attempt(n), to, "李伟")).await;
        let Outcome::Accepted { references, .. } = &outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(references.len(), 1, "Postfix names its queue entry");
    }
    let delivered = postfix.delivered("li.wei", 1);
    if let Some(python) = python() {
        assert_eq!(verified(&python, &delivered[0], &keys), "2 True True []");
    }
    let bounces = postfix.delivered("bounces", 1);
    let bounce = std::fs::read_to_string(&bounces[0]).unwrap();
    let to = bounce
        .lines()
        .find_map(|line| line.strip_prefix("Delivered-To: "))
        .unwrap();
    assert_eq!(verp::read(to, &key()), Some(attempt(2)), "{to}");
    assert!(bounce.contains("5.1.1"), "{bounce}");
    // An address beyond ASCII, which this server takes.
    let outcome = carrier
        .send(&mail(attempt(3), "li.wei@例子.example", "李伟"))
        .await;
    assert!(outcome.is_accepted(), "{outcome:?}");
    let outcome = carrier.send(&mail(attempt(4), "李伟@例子.example", "李伟")).await;
    assert!(outcome.is_accepted(), "{outcome:?}");
    let delivered = postfix.delivered("li.wei", 2);
    let texts: Vec<String> = delivered
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains("<li.wei@xn--fsqu00a.example>"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_beyond_ascii_go_where_they_can() {
    // This server does not take them (no SMTPUTF8), so that a domain goes in ASCII and a local part is refused.
    let server = FaultySmtp::start(MANNER).await;
    let carrier = smtp(server.port, None);
    let table = [
        ("li.wei@例子.example", "accepted"),
        ("李伟@example.com", "content_refused"),
        ("li.wei@bücher.example", "accepted"),
    ];
    for (n, (to, expected)) in (1..).zip(table) {
        let outcome = carrier
            .send(&mail(attempt(n), to, "José Müller-Łukasz, 李"))
            .await;
        assert_eq!(word(&outcome), expected, "{to}: {outcome:?}");
        assert!(!format!("{outcome:?}").contains("example"), "{outcome:?}");
    }
    let heard = server.heard.lock().unwrap().join("\n");
    assert!(heard.contains("RCPT TO:<li.wei@xn--fsqu00a.example>"), "{heard}");
    assert!(
        heard.contains("RCPT TO:<li.wei@xn--bcher-kva.example>"),
        "{heard}"
    );
    let from = heard
        .lines()
        .find_map(|line| line.strip_prefix("MAIL FROM:"))
        .unwrap();
    assert_eq!(verp::read(from, &key()), Some(attempt(1)), "{from}");
}

#[test]
fn the_command_makes_a_key_once_and_says_what_to_publish() {
    use std::os::unix::fs::PermissionsExt;
    let home = crate::cli::Desk::empty();
    let fails = |arguments: &[&str], with: &str| {
        let said = home.run(arguments);
        assert!(
            said.code != 0 && said.err.contains(with),
            "{arguments:?}: {} {}",
            said.out,
            said.err
        );
    };
    let arguments = [
        "channel",
        "dkim-key",
        "--domain",
        "example.com",
        "--selector",
        "s1",
        "--json",
    ];
    let first = home.ok(&arguments);
    let said: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(said["name"], "s1._domainkey.example.com");
    assert!(
        said["value"]
            .as_str()
            .unwrap()
            .starts_with("v=DKIM1; k=ed25519; p="),
        "{first}"
    );
    assert_eq!(home.ok(&arguments), first, "a key that is there is read");
    let file = home.path("dkim.pem");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let rsa = [
        "channel",
        "dkim-key",
        "--domain",
        "example.com",
        "--selector",
        "s2",
        "--rsa",
    ];
    fails(&rsa, "not one of RSA");
    fails(
        &[&rsa[..], &["--key-file", "rsa.pem"]].concat(),
        "openssl genpkey",
    );
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    fails(&arguments, "chmod 600");
}
