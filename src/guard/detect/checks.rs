//! Check digits: of bank cards, identity numbers and wallets. Every function takes the characters without separators.

use sha2::{Digest, Sha256};

/// ISO/IEC 7812-1 annex B (Luhn) over 13 to 19 digits whose first digits are those of a card network.
pub(super) fn card(digits: &str) -> bool {
    let network = matches!(digits.as_bytes().first(), Some(b'3'..=b'6'))
        || in_range(digits, 4, 2221, 2720)
        || in_range(digits, 4, 2200, 2204);
    (13..=19).contains(&digits.len()) && network && luhn(digits)
}

fn in_range(digits: &str, length: usize, from: u32, to: u32) -> bool {
    let head = digits.get(..length).and_then(|h| h.parse::<u32>().ok());
    head.is_some_and(|h| (from..=to).contains(&h))
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b - b'0');
            match i % 2 {
                0 => d,
                _ if d > 4 => d * 2 - 9,
                _ => d * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// GB 11643-1999: region, date of birth, order, check character (ISO 7064 MOD 11-2).
pub(super) fn mainland_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    if bytes.len() != 18 || !bytes[..17].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let region = in_range(id, 2, 11, 65) || in_range(id, 2, 71, 71) || in_range(id, 2, 81, 83);
    let born =
        in_range(&id[6..], 4, 1900, 2100) && in_range(&id[10..], 2, 1, 12) && in_range(&id[12..], 2, 1, 31);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = bytes[..17]
        .iter()
        .zip(weights)
        .map(|(b, w)| u32::from(b - b'0') * w)
        .sum();
    let check = b"10x98765432"[(sum % 11) as usize];
    region && born && bytes[17].to_ascii_lowercase() == check
}

/// National identification card of Taiwan: a letter, nine digits, weights 1 9 8 7 6 5 4 3 2 1 1.
pub(super) fn taiwan_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    if bytes.len() != 10 || !bytes[0].is_ascii_lowercase() || !bytes[1..].iter().all(u8::is_ascii_digit) {
        return false;
    }
    const ORDER: &[u8] = b"abcdefghjklmnpqrstuvxywzio";
    let Some(place) = ORDER.iter().position(|b| *b == bytes[0]) else {
        return false;
    };
    let code = place as u32 + 10;
    let mut sum = code / 10 + code % 10 * 9;
    for (b, weight) in bytes[1..].iter().zip([8, 7, 6, 5, 4, 3, 2, 1, 1]) {
        sum += u32::from(b - b'0') * weight;
    }
    matches!(bytes[1], b'1' | b'2' | b'8' | b'9') && sum.is_multiple_of(10)
}

/// Hong Kong identity card: one or two letters, six digits, a check character modulo 11.
pub(super) fn hong_kong_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    let letters = bytes.iter().take_while(|b| b.is_ascii_lowercase()).count();
    if !(1..=2).contains(&letters)
        || bytes.len() != letters + 7
        || !bytes[letters..letters + 6].iter().all(u8::is_ascii_digit)
    {
        return false;
    }
    let value = |b: u8| {
        if b.is_ascii_digit() {
            u32::from(b - b'0')
        } else {
            u32::from(b - b'a') + 10
        }
    };
    let blank = if letters == 1 { 36 * 9 } else { 0 };
    let weights = (2..=8u32 + letters as u32 - 1).rev();
    let sum: u32 = blank
        + bytes[..letters + 6]
            .iter()
            .zip(weights)
            .map(|(b, w)| value(*b) * w)
            .sum::<u32>();
    let check = match bytes[letters + 6] {
        b'a' => 10,
        b @ b'0'..=b'9' => u32::from(b - b'0'),
        _ => return false,
    };
    (sum + check).is_multiple_of(11)
}

/// Singapore identity number: `s`, `t`, `f`, `g` or `m`, seven digits weighted 2 7 6 5 4 3 2, a check letter.
pub(super) fn singapore_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    if bytes.len() != 9 || !bytes[1..8].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = bytes[1..8]
        .iter()
        .zip([2, 7, 6, 5, 4, 3, 2])
        .map(|(b, w)| u32::from(b - b'0') * w)
        .sum();
    let (letters, start): (&[u8; 11], u32) = match bytes[0] {
        b's' => (b"jzihgfedcba", 0),
        b't' => (b"jzihgfedcba", 4),
        b'f' => (b"xwutrqpnmlk", 0),
        b'g' => (b"xwutrqpnmlk", 4),
        b'm' => (b"xwutrqpnjlk", 3),
        _ => return false,
    };
    letters[((sum + start) % 11) as usize] == bytes[8]
}

/// Social security number of the United States, by shape: never 000, 666 or 9xx, no group of zeros.
pub(super) fn us_ssn(groups: [&str; 3]) -> bool {
    let [area, middle, serial] = groups;
    let lengths = (area.len(), middle.len(), serial.len()) == (3, 2, 4);
    lengths && area != "000" && area != "666" && !area.starts_with('9') && middle != "00" && serial != "0000"
}

/// National insurance number of the United Kingdom, by shape.
pub(super) fn uk_nino(id: &str) -> bool {
    let bytes = id.as_bytes();
    bytes.len() == 9
        && bytes[..2]
            .iter()
            .all(|b| b.is_ascii_lowercase() && !matches!(b, b'd' | b'f' | b'i' | b'q' | b'u' | b'v'))
        && bytes[2..8].iter().all(u8::is_ascii_digit)
        && matches!(bytes[8], b'a'..=b'd')
}

/// ABA routing number: weights 3 7 1, modulo 10, and a first pair that is in use.
pub(super) fn us_routing(digits: &str) -> bool {
    if digits.len() != 9 {
        return false;
    }
    let sum: u32 = digits
        .bytes()
        .zip([3, 7, 1].into_iter().cycle())
        .map(|(b, w)| u32::from(b - b'0') * w)
        .sum();
    let head = in_range(digits, 2, 1, 12) || in_range(digits, 2, 21, 32) || in_range(digits, 2, 61, 72);
    head && sum.is_multiple_of(10)
}

/// An address of a wallet, in its original letters: Base58Check (Bitcoin, Tron), Bech32 (BIP 173, BIP 350),
/// hexadecimal (EIP-55, where only the shape is checked), or by its shape alone: nothing else in a message is a row of 26
/// and more letters of the Base58 alphabet in both cases among digits, and one mistyped letter makes it no more proper.
pub(super) fn wallet(token: &str) -> bool {
    let hex = token.strip_prefix("0x").or_else(|| token.strip_prefix("0X"));
    if let Some(hex) = hex {
        return hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    }
    bech32(&token.to_ascii_lowercase())
        || (26..=35).contains(&token.len()) && base58check(token)
        || looks_like_base58(token)
}

fn looks_like_base58(token: &str) -> bool {
    let bytes = token.as_bytes();
    let has = |fits: fn(&u8) -> bool| bytes.iter().filter(|b| fits(b)).count() >= 3;
    (26..=95).contains(&bytes.len())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() && !matches!(b, b'0' | b'O' | b'I' | b'l'))
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
}

fn base58check(token: &str) -> bool {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0u8; 25];
    for b in token.bytes() {
        let Some(mut carry) = ALPHABET.iter().position(|a| *a == b) else {
            return false;
        };
        for slot in bytes.iter_mut().rev() {
            carry += usize::from(*slot) * 58;
            *slot = (carry % 256) as u8;
            carry /= 256;
        }
        if carry > 0 {
            return false;
        }
    }
    let check = Sha256::digest(Sha256::digest(&bytes[..21]));
    check[..4] == bytes[21..]
}

fn bech32(token: &str) -> bool {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let Some(data) = token.strip_prefix("bc1").or_else(|| token.strip_prefix("tb1")) else {
        return false;
    };
    if !(20..=80).contains(&data.len()) {
        return false;
    }
    let prefix = &token[..2];
    let mut sum = 1u32;
    let expanded = prefix
        .bytes()
        .map(|b| u32::from(b >> 5))
        .chain([0])
        .chain(prefix.bytes().map(|b| u32::from(b & 31)));
    for value in expanded {
        sum = polymod(sum, value);
    }
    for b in data.bytes() {
        let Some(value) = ALPHABET.iter().position(|a| *a == b) else {
            return false;
        };
        sum = polymod(sum, value as u32);
    }
    matches!(sum, 1 | 0x2BC8_30A3)
}

fn polymod(sum: u32, value: u32) -> u32 {
    let top = sum >> 25;
    let mut next = (sum & 0x1FF_FFFF) << 5 ^ value;
    for (i, generator) in [0x3B6A_57B2u32, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3]
        .iter()
        .enumerate()
    {
        if top >> i & 1 == 1 {
            next ^= generator;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_tell_numbers_from_numbers() {
        assert!(card("4111111111111111") && !card("4111111111111112") && !card("1111111111111111"));
        assert!(mainland_id("11010519491231002x") && !mainland_id("110105194912310021"));
        assert!(taiwan_id("a123456789") && !taiwan_id("a123456788"));
        assert!(hong_kong_id("g1234564") || hong_kong_id("g123456a"));
        assert!(us_routing("021000021") && !us_routing("021000022"));
        assert!(us_ssn(["219", "09", "9999"]) && !us_ssn(["000", "09", "9999"]));
        assert!(singapore_id("s1234567d") && !singapore_id("s1234567a"));
        assert!(uk_nino("ab123456c") && !uk_nino("qq123456c"));
        assert!(
            wallet("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2") && !wallet("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN0")
        );
        assert!(wallet("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"));
        assert!(wallet("0x52908400098527886E0F7030069857D2E4169EE7"));
    }
}
