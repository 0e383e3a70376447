//! DKIM: signatures on an e-mail as it leaves (RFC 6376), by RSA with SHA-256 and by Ed25519 (RFC 8463).
//!
//! Several keys sign the same message, each with a signature of its own, so that whoever knows only RSA finds one. Header
//! and body are signed in their relaxed form. The bytes are the same for the same message, key and moment. `key` reads and
//! makes keys and says what to publish. Called by the mail carrier after the message was built; changes nothing in it.

mod key;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

pub use self::key::{DkimKey, DkimKeyError, dns_name, dns_value};
use crate::domain::Moment;

/// Header fields that are signed where the message has them, in the order of the signature. RFC 6376, 5.4.1, and RFC
/// 8058, 4, which wants both fields of unsubscribing signed.
const SIGNED: &[&str] = &[
    "from",
    "reply-to",
    "to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "auto-submitted",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];

/// Fields named once more than they are there, so that nobody can add another (RFC 6376, 8.15).
const SEALED: &[&str] = &["from", "reply-to", "to", "subject", "date"];

/// Signs e-mails with one or more keys.
#[derive(Clone)]
pub struct Dkim {
    domain: Option<String>,
    keys: Arc<Vec<DkimKey>>,
}

impl std::fmt::Debug for Dkim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dkim({:?}, {:?})", self.domain, self.keys)
    }
}

impl Dkim {
    /// Signs for `domain`, or where it is not given for the domain of each sender's address.
    pub fn new(domain: Option<String>, keys: Vec<DkimKey>) -> Dkim {
        let domain = domain.map(|d| d.to_ascii_lowercase());
        Dkim {
            domain,
            keys: Arc::new(keys),
        }
    }

    /// The keys, in the order in which they sign.
    pub fn keys(&self) -> &[DkimKey] {
        &self.keys
    }

    /// The domain that signs for mail from `sender_domain`, in ASCII.
    pub(super) fn domain_for<'a>(&'a self, sender_domain: &'a str) -> &'a str {
        self.domain.as_deref().unwrap_or(sender_domain)
    }

    /// Puts the signatures in front of `message`, a whole one whose lines end in CR LF. `None` if it has no header, or
    /// if a key cannot sign.
    pub(super) fn sign(&self, sender_domain: &str, at: Moment, message: &[u8]) -> Option<Vec<u8>> {
        let split = find(message, b"\r\n\r\n")?;
        let (header, body) = (&message[..split + 2], &message[split + 4..]);
        let chosen = Chosen::of(&fields(header));
        let body_hash = BASE64.encode(Sha256::digest(relaxed_body(body)));
        let mut signed = Vec::with_capacity(message.len() + 800 * self.keys.len());
        for key in self.keys.iter() {
            let domain = self.domain_for(sender_domain);
            let unsigned = format!(
                "DKIM-Signature: v=1; a={}; c=relaxed/relaxed;\r\n d={domain}; s={}; t={};\r\n h={};\r\n bh={body_hash};\r\n b=",
                key.algorithm(),
                key.selector(),
                at.utc().timestamp(),
                chosen.names,
            );
            let mut hashed = chosen.bytes.clone();
            relaxed_field(
                "dkim-signature",
                unsigned.split_once(':')?.1.as_bytes(),
                &mut hashed,
            );
            // The signature's own field counts without the line break at its end (RFC 6376, 3.7).
            hashed.truncate(hashed.len() - 2);
            let signature = BASE64.encode(key.sign(&hashed)?);
            signed.extend_from_slice(unsigned.as_bytes());
            let mut lines = signature.as_bytes().chunks(72);
            signed.extend_from_slice(lines.next()?);
            for line in lines {
                signed.extend_from_slice(b"\r\n ");
                signed.extend_from_slice(line);
            }
            signed.extend_from_slice(b"\r\n");
        }
        signed.extend_from_slice(message);
        Some(signed)
    }
}

/// The header fields that are signed: their names as the signature lists them, folded, and their relaxed bytes.
struct Chosen {
    names: String,
    bytes: Vec<u8>,
}

impl Chosen {
    fn of(fields: &[(String, &[u8])]) -> Chosen {
        let (mut list, mut bytes) = (Vec::new(), Vec::with_capacity(1024));
        for name in SIGNED {
            // Of several fields of one name the last comes first (RFC 6376, 5.4.2).
            for (_, value) in fields.iter().rev().filter(|(n, _)| n == name) {
                list.push(*name);
                relaxed_field(name, value, &mut bytes);
            }
            if SEALED.contains(name) {
                list.push(*name);
            }
        }
        let (mut names, mut width) = (String::new(), 3);
        for (n, name) in list.iter().enumerate() {
            if n > 0 {
                names.push(':');
            }
            if width + name.len() > 70 {
                names.push_str("\r\n  ");
                width = 2;
            }
            names.push_str(name);
            width += name.len() + 1;
        }
        Chosen { names, bytes }
    }
}

/// The fields of a header that ends in a line break: names in lower case, values as they stand after the colon.
fn fields(header: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    let mut rest = header;
    while !rest.is_empty() {
        let mut end = 0;
        loop {
            end += find(&rest[end..], b"\r\n").map_or(rest.len() - end, |at| at + 2);
            // A line that begins with a blank goes on with the field before it.
            if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (field, after) = rest.split_at(end);
        rest = after;
        if let Some(colon) = field.iter().position(|b| *b == b':') {
            let name = String::from_utf8_lossy(&field[..colon])
                .trim_end()
                .to_ascii_lowercase();
            found.push((name, &field[colon + 1..]));
        }
    }
    found
}

/// The relaxed form of a field (RFC 6376, 3.4.2): one line, runs of blanks as one, none at the ends.
fn relaxed_field(name: &str, value: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(name.as_bytes());
    into.push(b':');
    let start = into.len();
    let mut blank = false;
    for byte in value {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => blank = true,
            other => {
                if blank && into.len() > start {
                    into.push(b' ');
                }
                blank = false;
                into.push(*other);
            }
        }
    }
    into.extend_from_slice(b"\r\n");
}

/// The relaxed form of a body (RFC 6376, 3.4.4): runs of blanks as one, none at the end of a line, no empty lines at the
/// end, and a line break at the end of a body that is not empty.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut relaxed = Vec::with_capacity(body.len() + 2);
    let mut empty_lines = 0;
    let mut rest = body;
    while !rest.is_empty() {
        let end = find(rest, b"\r\n");
        let (line, after) = match end {
            Some(end) => (&rest[..end], &rest[end + 2..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        let start = relaxed.len();
        let mut blank = false;
        for byte in line {
            if matches!(byte, b' ' | b'\t') {
                blank = true;
                continue;
            }
            if relaxed.len() == start {
                // Empty lines count only where something follows.
                (0..empty_lines).for_each(|_| relaxed.extend_from_slice(b"\r\n"));
                empty_lines = 0;
            }
            if blank {
                relaxed.push(b' ');
            }
            blank = false;
            relaxed.push(*byte);
        }
        if relaxed.len() == start {
            empty_lines += 1;
        } else {
            relaxed.extend_from_slice(b"\r\n");
        }
    }
    relaxed
}

/// Where `what` first stands.
fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|b| *b == first) {
        if bytes[from + at..].starts_with(what) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message of RFC 8463, appendix A.3.
    const MESSAGE: &str = "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

    fn at() -> Moment {
        Moment::parse("2026-04-07T07:30:00Z").unwrap()
    }

    fn relaxed(value: &str) -> String {
        let mut bytes = Vec::new();
        relaxed_field("a", value.as_bytes(), &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn relaxed_forms_are_those_of_the_rfc() {
        // RFC 6376, 3.4.5.
        assert_eq!(relaxed(" X\r\n"), "a:X\r\n");
        assert_eq!(relaxed(" Y\t\r\n\tZ  \r\n"), "a:Y Z\r\n");
        assert_eq!(relaxed("\r\n"), "a:\r\n");
        let body = |text: &str| String::from_utf8(relaxed_body(text.as_bytes())).unwrap();
        assert_eq!(body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        assert_eq!(body("a\r\n\r\nb"), "a\r\n\r\nb\r\n");
        assert_eq!(body("\r\n \r\n\t\r\n"), "");
        assert_eq!(body("\r\n \r\na"), "\r\n\r\na\r\n");
        assert_eq!(body(""), "");
        // RFC 8463, appendix A.3, and RFC 6376, 3.4.4, for the empty body.
        let (_, text) = MESSAGE.split_once("\r\n\r\n").unwrap();
        let hash = |text: &str| BASE64.encode(Sha256::digest(relaxed_body(text.as_bytes())));
        assert_eq!(hash(text), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
        assert_eq!(hash(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn a_signature_stands_in_front_and_names_what_it_covers() {
        let key = DkimKey::from_pem("brisbane", key::tests::RFC_8463.as_bytes()).unwrap();
        let dkim = Dkim::new(None, vec![key]);
        let signed = dkim
            .sign("football.example.com", at(), MESSAGE.as_bytes())
            .unwrap();
        let again = dkim
            .sign("football.example.com", at(), MESSAGE.as_bytes())
            .unwrap();
        assert_eq!(signed, again);
        let text = String::from_utf8(signed).unwrap();
        let (signature, rest) = text.split_at(text.len() - MESSAGE.len());
        assert_eq!(rest, MESSAGE);
        let line = signature.replace("\r\n", "");
        for part in [
            "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=football.example.com;",
            " s=brisbane; t=1775547000;",
            "h=from:from:reply-to:to:to:subject:subject:date:date:message-id;",
            "bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(signature.lines().all(|line| line.len() <= 78), "{signature}");
        let other = Dkim::new(Some("Example.org".into()), dkim.keys.to_vec());
        let other = other
            .sign("football.example.com", at(), MESSAGE.as_bytes())
            .unwrap();
        assert!(String::from_utf8(other).unwrap().contains(" d=example.org;"));
        assert!(dkim.sign("a.example", at(), b"no header").is_none());
    }

    #[test]
    fn folded_fields_and_doubles_are_found() {
        let header = b"A: b\r\n c\r\nFrom : x\r\nA:d\r\nno field\r\n";
        let found: Vec<(String, String)> = fields(header)
            .into_iter()
            .map(|(n, v)| (n, String::from_utf8_lossy(v).into_owned()))
            .collect();
        let expected = [("a", " b\r\n c\r\n"), ("from", " x\r\n"), ("a", "d\r\n")];
        assert_eq!(found, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        let two = Chosen::of(&fields(b"To: first\r\nTo: last\r\n"));
        assert_eq!(two.bytes, b"to:last\r\nto:first\r\n");
        assert_eq!(two.names, "from:reply-to:to:to:to:subject:date");
    }
}
