//! What a message centre says of a message: receipts in the customary text form (appendix B of the specification) and by
//! parameters, the states, and an id that one place writes in decimal and another in hexadecimal digits.

use super::pdu::Delivery;
use crate::store::ReceiptStatus;

/// How the ids of answers and of receipts are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MessageIds {
    /// Tried in every reading: as they are, then with the digits of the other base.
    #[default]
    Auto,
    /// Written alike in both places.
    Same,
    /// Hexadecimal digits in the answer, decimal digits in receipts.
    HexThenDecimal,
    /// Decimal digits in the answer, hexadecimal digits in receipts.
    DecimalThenHex,
}

/// A receipt, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// The id as the receipt writes it.
    pub(super) id: String,
    /// What it says.
    pub(super) status: ReceiptStatus,
}

/// Reads a receipt; parameters win over the text. Nothing where it names no message or no state.
pub(super) fn read(delivery: &Delivery) -> Option<Said> {
    let text = String::from_utf8_lossy(&delivery.text);
    let id = delivery.receipted_id.clone().or_else(|| field(&text, "id"))?;
    let by_text = || field(&text, "stat").and_then(|word| status_of_word(&word));
    let status = delivery.state.and_then(status_of_number).or_else(by_text)?;
    Some(Said { id, status })
}

/// The value of `name:` in the text of a receipt. Names are written in any case; only the first word is the value.
fn field(text: &str, name: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let wanted = format!("{name}:");
    let mut from = 0;
    while let Some(found) = lower[from..].find(&wanted) {
        let at = from + found;
        let begins = at == 0 || lower.as_bytes()[at - 1].is_ascii_whitespace();
        from = at + wanted.len();
        if !begins {
            continue;
        }
        let value: String = text[from..]
            .trim_start()
            .chars()
            .take_while(|c| c.is_ascii_graphic())
            .take(64)
            .collect();
        return (!value.is_empty()).then_some(value);
    }
    None
}

/// The words of the text form. `UNKNOWN` says nothing.
fn status_of_word(word: &str) -> Option<ReceiptStatus> {
    Some(match word.to_ascii_uppercase().as_str() {
        "DELIVRD" | "DELIVERED" => ReceiptStatus::Delivered,
        "EXPIRED" | "DELETED" | "UNDELIV" | "UNDELIVERABLE" | "REJECTD" | "REJECTED" => {
            ReceiptStatus::Undelivered
        }
        "ACCEPTD" | "ACCEPTED" | "ENROUTE" | "BUFFRED" | "BUFFERED" | "SCHEDULED" => ReceiptStatus::Underway,
        _ => return None,
    })
}

/// `message_state` (section 5.2.28).
pub(super) fn status_of_number(state: u8) -> Option<ReceiptStatus> {
    match state {
        2 => Some(ReceiptStatus::Delivered),
        3 | 4 | 5 | 8 => Some(ReceiptStatus::Undelivered),
        1 | 6 => Some(ReceiptStatus::Underway),
        _ => None,
    }
}

/// How the id of a receipt may have been written in the answer, likeliest first.
pub(super) fn spellings(id: &str, ids: MessageIds) -> Vec<String> {
    let mut found = Vec::new();
    let mut put = |spelling: String| {
        if !found.contains(&spelling) {
            found.push(spelling);
        }
    };
    let as_hex = |number: u128| {
        let short = format!("{number:x}");
        [
            short.to_ascii_uppercase(),
            short,
            format!("{number:08X}"),
            format!("{number:08x}"),
            format!("{number:016X}"),
            format!("{number:016x}"),
        ]
    };
    let as_decimal = |number: u128| {
        [
            number.to_string(),
            format!("{number:010}"),
            format!("{number:020}"),
        ]
    };
    let number = |base| {
        u128::from_str_radix(id, base)
            .ok()
            .filter(|_| !id.starts_with('+'))
    };
    let (decimal, hexadecimal) = (|| number(10), || number(16));
    if matches!(ids, MessageIds::Auto | MessageIds::Same) {
        put(id.to_owned());
        // The same digits with other zeros before them, or letters of another size.
        put(id.trim_start_matches('0').to_owned());
        put(id.to_ascii_uppercase());
        put(id.to_ascii_lowercase());
        if let Some(number) = decimal() {
            as_decimal(number).into_iter().for_each(&mut put);
        }
    }
    if matches!(ids, MessageIds::Auto | MessageIds::HexThenDecimal)
        && let Some(number) = decimal()
    {
        as_hex(number).into_iter().for_each(&mut put);
    }
    if matches!(ids, MessageIds::Auto | MessageIds::DecimalThenHex)
        && let Some(number) = hexadecimal()
    {
        as_decimal(number).into_iter().for_each(&mut put);
    }
    found.retain(|spelling| !spelling.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(text: &str, id: Option<&str>, state: Option<u8>) -> Delivery {
        Delivery {
            source: "8613800000101".into(),
            destination: "10690000".into(),
            esm_class: 4,
            data_coding: 0,
            text: text.as_bytes().to_vec(),
            receipted_id: id.map(str::to_owned),
            state,
            part: None,
        }
    }

    #[test]
    fn receipts_are_read_as_centres_write_them() {
        use ReceiptStatus::*;
        let check = |text: &str, id, state, expected: Option<(&str, ReceiptStatus)>| {
            let found = read(&delivery(text, id, state));
            let found = found.as_ref().map(|s| (s.id.as_str(), s.status));
            assert_eq!(found, expected, "{text}");
        };
        let usual = "id:0123456789 sub:001 dlvrd:001 submit date:2604070930 done date:2604070931 stat:DELIVRD err:000 text:id:99 stat:UNDELIV";
        check(usual, None, None, Some(("0123456789", Delivered)));
        check("ID:ab-3 STAT:undeliv", None, None, Some(("ab-3", Undelivered)));
        check("id: 77 stat: EXPIRED", None, None, Some(("77", Undelivered)));
        check("id:5 stat:ENROUTE", None, None, Some(("5", Underway)));
        check("id:5 stat:UNKNOWN", None, None, None);
        check("id:5 stat:REJECTD", Some("A1"), Some(2), Some(("A1", Delivered)));
        check("", Some("A1"), Some(5), Some(("A1", Undelivered)));
        check("stat:DELIVRD", None, None, None);
        check("paid:5 stat:DELIVRD", None, None, None);
        check("", None, None, None);
    }

    #[test]
    fn an_id_is_found_in_the_other_base() {
        let check = |id: &str, ids, wanted: &str, expected: bool| {
            assert_eq!(
                spellings(id, ids).iter().any(|s| s == wanted),
                expected,
                "{id} {wanted}"
            );
        };
        use MessageIds::*;
        check("0000006699", Auto, "1A2B", true);
        check("0000006699", Auto, "00001a2b", true);
        check("6699", Auto, "6699", true);
        check("1A2B", Auto, "6699", true);
        check("6699", Same, "1A2B", false);
        check("6699", HexThenDecimal, "1a2b", true);
        check("6699", HexThenDecimal, "6699", false);
        check("1a2b", DecimalThenHex, "6699", true);
        check("1a2b", DecimalThenHex, "1a2b", false);
        check("9f0c-uuid", Auto, "9f0c-uuid", true);
        check("+5", DecimalThenHex, "5", false);
        assert_eq!(spellings("ab", Auto)[0], "ab");
        assert_eq!(spellings(&"9".repeat(60), Auto)[0].len(), 60);
    }
}
