//! Addresses and links that name one attempt and that strangers cannot make: the return path of an e-mail (VERP) and
//! the address by which it is unsubscribed.
//!
//! A token is the attempt's id and a MAC over it (HMAC-SHA-256 cut to 80 bits, RFC 2104), in base32 (RFC 4648) so that
//! mail systems which change the case of a local part do no harm. A token of one purpose is none for another.
//! Pure: the key comes from the store (`Store::key_for`); the mail builder, the reader of bounces and the door for
//! unsubscribing use it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::domain::{AttemptId, EmailAddress};

/// The label under which the store derives the key of tokens.
pub const TOKEN_LABEL: &str = "channel-tokens";

/// Bytes of the MAC: a stranger guesses one of 2^80.
const MAC_BYTES: usize = 10;
/// Characters of a token.
const TOKEN_CHARS: usize = ((16 + MAC_BYTES) * 8).div_ceil(5);
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The secret of this installation that tokens are made and known by. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The return path of a mail.
    Bounce,
    /// The link by which one stops getting mail.
    Unsubscribe,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Purpose::Bounce => b"dunwell/token/v1\nbounce\n",
            Purpose::Unsubscribe => b"dunwell/token/v1\nunsubscribe\n",
        }
    }
}

impl TokenKey {
    /// The key of these bytes.
    pub fn new(bytes: [u8; 32]) -> TokenKey {
        TokenKey(Zeroizing::new(bytes))
    }

    /// The token of `attempt`: 42 characters `a-z2-7`, always the same.
    pub fn token(&self, purpose: Purpose, attempt: AttemptId) -> String {
        let id = attempt.0.as_bytes();
        let mac = self.mac(purpose, id).finalize().into_bytes();
        let mut bytes = [0; 16 + MAC_BYTES];
        bytes[..16].copy_from_slice(id);
        bytes[16..].copy_from_slice(&mac[..MAC_BYTES]);
        base32(&bytes)
    }

    /// The attempt that a token names, or `None` for everything that was not made with this key for this purpose.
    /// Upper and lower case are the same.
    pub fn read(&self, purpose: Purpose, token: &str) -> Option<AttemptId> {
        let bytes: [u8; 16 + MAC_BYTES] = unbase32(token)?.try_into().ok()?;
        let (id, mac) = bytes.split_at(16);
        self.mac(purpose, id).verify_truncated_left(mac).ok()?;
        Uuid::from_slice(id).ok().map(AttemptId)
    }

    fn mac(&self, purpose: Purpose, id: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes keys of any length");
        mac.update(purpose.label());
        mac.update(id);
        mac
    }
}

/// The return path of one attempt: `<local>+<token>@<domain>` of `base`. `None` if `base` has no room for it: a local
/// part has at most 64 bytes (RFC 5321, 4.5.3.1.1), so that of `base` may have 21.
pub fn make(base: &EmailAddress, attempt: AttemptId, key: &TokenKey) -> Option<EmailAddress> {
    let (local, domain) = base.as_str().rsplit_once('@')?;
    let token = key.token(Purpose::Bounce, attempt);
    EmailAddress::parse(&format!("{local}+{token}@{domain}")).ok()
}

/// The attempt whose return path `address` is, whatever stands before the token; `None` for every address that was not
/// made here. Angle brackets and blanks around it do no harm.
pub fn read(address: &str, key: &TokenKey) -> Option<AttemptId> {
    let address = address
        .trim()
        .trim_start_matches('<')
        .trim_end_matches('>')
        .trim();
    let (local, _) = address.rsplit_once('@')?;
    let (_, token) = local.rsplit_once('+')?;
    key.read(Purpose::Bounce, token)
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(TOKEN_CHARS);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits) as usize & 31]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits)) as usize & 31]));
    }
    text
}

/// The bytes of a text of base32 without padding; `None` if it is none, or if its last character holds bits too many.
fn unbase32(text: &str) -> Option<Vec<u8>> {
    if text.len() != TOKEN_CHARS {
        return None;
    }
    let (mut bytes, mut held, mut bits) = (Vec::with_capacity(16 + MAC_BYTES), 0_u32, 0);
    for c in text.bytes() {
        let value = match c.to_ascii_lowercase() {
            c @ b'a'..=b'z' => c - b'a',
            c @ b'2'..=b'7' => c - b'2' + 26,
            _ => return None,
        };
        held = (held << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (held == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TokenKey {
        TokenKey::new([3; 32])
    }

    fn attempt(n: u128) -> AttemptId {
        AttemptId(Uuid::from_u128(n))
    }

    #[test]
    fn a_return_path_comes_back_as_its_attempt() {
        let base = EmailAddress::parse("bounce@mail.ruian.example").unwrap();
        for n in [0, 1, u128::MAX, 0x0190_0000_0000_7000_8000_0000_0000_0001] {
            let made = make(&base, attempt(n), &key()).unwrap();
            assert_eq!(made.as_str().find('@'), Some(7 + TOKEN_CHARS), "{made:?}");
            for form in [
                made.as_str().to_owned(),
                made.as_str().to_uppercase(),
                format!(" <{}> ", made.as_str()),
                made.as_str().replace("bounce+", "prefix+bounce+"),
            ] {
                assert_eq!(read(&form, &key()), Some(attempt(n)), "{form}");
            }
        }
    }

    #[test]
    fn strangers_make_none() {
        let token = key().token(Purpose::Bounce, attempt(1));
        assert_eq!(key().read(Purpose::Bounce, &token), Some(attempt(1)));
        assert_eq!(key().read(Purpose::Unsubscribe, &token), None);
        assert_eq!(TokenKey::new([4; 32]).read(Purpose::Bounce, &token), None);
        for place in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[place] = if other[place] == b'b' { b'c' } else { b'b' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(key().read(Purpose::Bounce, &other), None, "{place}");
        }
        for bad in [
            "",
            "bounce@a.example",
            "bounce+@a.example",
            "bounce+short@a.example",
            "+@",
            "ä+ö@ü",
        ] {
            assert_eq!(read(bad, &key()), None, "{bad}");
        }
        assert_eq!(key().read(Purpose::Bounce, &"ä".repeat(21)), None);
        assert_eq!(format!("{:?}", key()), "TokenKey(..)");
    }

    #[test]
    fn an_address_without_room_makes_none() {
        let check = |local: usize, expected: bool| {
            let base = EmailAddress::parse(&format!("{}@ruian.example", "b".repeat(local))).unwrap();
            assert_eq!(make(&base, attempt(1), &key()).is_some(), expected, "{local}");
        };
        check(21, true);
        check(22, false);
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        // RFC 4648, section 10, without padding and in lower case.
        for (bytes, text) in [
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }
}
