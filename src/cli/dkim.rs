//! `dunwell channel dkim-key`: a key that signs e-mails, made or read, and what to publish about it.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::out::Answer;
use super::session::Session;
use crate::channels::{DkimKey, dns_name, dns_value};
use crate::domain::EmailAddress;

/// Options of `dunwell channel dkim-key`.
#[derive(Debug, Args)]
pub(super) struct DkimKeyArgs {
    /// The domain that signs; best that of the sender's address
    #[arg(long)]
    domain: String,
    /// The name under which the key is published; another one for each new key
    #[arg(long)]
    selector: String,
    /// The file of the private key; one that is there is read and never changed
    #[arg(long, default_value = "dkim.pem")]
    key_file: PathBuf,
    /// It shall be a key of RSA, which `openssl` makes; without it a new key is one of Ed25519
    #[arg(long)]
    rsa: bool,
}

pub(super) fn dkim_key(session: &Session, args: &DkimKeyArgs) -> anyhow::Result<Answer> {
    let lang = session.out.lang;
    if EmailAddress::parse(&format!("a@{}", args.domain)).is_err() {
        bail!("`--domain` must be a domain, such as `example.com`");
    }
    let file = args.key_file.display();
    let key = match (args.key_file.exists(), args.rsa) {
        (true, _) => DkimKey::read(&args.selector, &args.key_file)?,
        (false, false) => DkimKey::create(&args.selector, &args.key_file)?,
        (false, true) => bail!(
            "there is no file `{file}`, and keys of RSA are made by `openssl`\nrun `(umask 077; openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {file})`, then this command again"
        ),
    };
    if args.rsa && key.algorithm() != "rsa-sha256" {
        bail!("the key in `{file}` is not one of RSA; name another file with `--key-file`");
    }
    let (name, value) = (dns_name(&key, &args.domain), dns_value(&key));
    // A string of the domain name system has at most 255 bytes.
    let strings: Vec<String> = value
        .as_bytes()
        .chunks(250)
        .map(|part| format!("\"{}\"", String::from_utf8_lossy(part)))
        .collect();
    let record = format!("{name}. IN TXT ( {} )", strings.join(" "));
    let settings = format!(
        "[smtp.dkim]\ndomain = \"{}\"\nselector = \"{}\"\nkey_file = \"{file}\"\n",
        args.domain, args.selector
    );
    let text = lang.pick(
        format!(
            "{} 密钥在 `{file}`,只有所有者可读。\n\n请在 DNS 中发布:\n{record}\n\n并写入设置:\n{settings}",
            key.algorithm()
        ),
        format!(
            "the {} key is in `{file}`, readable by its owner alone\n\npublish in the DNS:\n{record}\n\nand set:\n{settings}",
            key.algorithm()
        ),
    );
    Ok(Answer::new(
        text,
        json!({"algorithm": key.algorithm(), "key_file": args.key_file, "name": name, "value": value}),
    ))
}
