//! What an e-mail carries so that what comes back finds its attempt: an address for bounces and the ways of unsubscribing.
//! The worker asks for them when it hands a message over; the tokens in them are those of `verp`.

use super::verp::{self, Purpose, TokenKey};
use crate::domain::{AttemptId, EmailAddress};

/// Below the public address, before the token.
pub const UNSUBSCRIBE_PATH: &str = "/unsubscribe/";

/// Makes addresses and links that name one attempt.
#[derive(Debug, Clone)]
pub struct Links {
    key: TokenKey,
    return_path: Option<EmailAddress>,
    public_url: Option<String>,
}

impl Links {
    /// With the key of this installation; bounces go below `return_path`, and `public_url` is where the page of
    /// unsubscribing is reached, an `https:` address.
    pub fn new(key: TokenKey, return_path: Option<EmailAddress>, public_url: Option<String>) -> Links {
        Links {
            key,
            return_path,
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
        }
    }

    /// The key that tokens are known by.
    pub fn key(&self) -> &TokenKey {
        &self.key
    }

    /// Where bounces of this attempt go; `None`: to the sender's own address.
    pub fn return_path(&self, attempt: AttemptId) -> Option<EmailAddress> {
        verp::make(self.return_path.as_ref()?, attempt, &self.key)
    }

    /// The page by which mail of this attempt is unsubscribed, where there is one.
    pub fn unsubscribe(&self, attempt: AttemptId) -> Option<String> {
        let url = self.public_url.as_ref()?;
        Some(format!(
            "{url}{UNSUBSCRIBE_PATH}{}",
            self.key.token(Purpose::Unsubscribe, attempt)
        ))
    }
}

/// A mail to `sender` that asks for no more of them (RFC 6068): the opting-out word and the attempt as its subject.
pub fn unsubscribe_by_mail(sender: &EmailAddress, word: &str, attempt: AttemptId) -> String {
    format!(
        "mailto:{}?subject={}%20{attempt}",
        escaped(sender.as_str(), b"@"),
        escaped(word, b"")
    )
}

/// Everything but unreserved characters (RFC 3986, 2.3) and those of `kept` as bytes of UTF-8 with `%`.
fn escaped(text: &str, kept: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn links_name_their_attempt_and_are_plain_ascii() {
        let key = TokenKey::new([3; 32]);
        let attempt = AttemptId(Uuid::from_u128(7));
        let base = EmailAddress::parse("bounce@mail.ruian.example").unwrap();
        let links = Links::new(key.clone(), Some(base), Some("https://pay.example/".into()));
        let path = links.return_path(attempt).unwrap();
        assert_eq!(verp::read(path.as_str(), &key), Some(attempt));
        let url = links.unsubscribe(attempt).unwrap();
        let token = url.strip_prefix("https://pay.example/unsubscribe/").unwrap();
        assert_eq!(key.read(Purpose::Unsubscribe, token), Some(attempt));
        let none = Links::new(key, None, None);
        assert!(none.return_path(attempt).is_none() && none.unsubscribe(attempt).is_none());
    }

    #[test]
    fn a_word_beyond_ascii_is_escaped() {
        let attempt = AttemptId(Uuid::from_u128(7));
        let check = |word: &str, expected: &str| {
            let sender = EmailAddress::parse("a+b@ruian.example").unwrap();
            let uri = unsubscribe_by_mail(&sender, word, attempt);
            let start = format!("mailto:a%2Bb@ruian.example?subject={expected}%20{attempt}");
            assert_eq!(uri, start);
        };
        check("T", "T");
        check("退订", "%E9%80%80%E8%AE%A2");
        check("a&b\r\n", "a%26b%0D%0A");
    }
}
