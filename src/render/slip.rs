//! The payment slip of a letter: the confirmed payee that the words name, and a code for banking apps where an open
//! standard fits. The data comes from the registry of payees alone.

use crate::domain::{Money, Payee, PaymentSlip};

use super::facts::Facts;
use super::locale::SlipWords;

/// Members of the European Economic Area, whose accounts are reached without a BIC (EPC069-12, version 002).
const EEA: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT",
    "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The largest amount that a credit transfer by code may carry, in cents (EPC069-12).
const MOST: i64 = 99_999_999_999;

/// The slip of a letter whose words name the payee and ask for `amount`.
pub(super) fn slip(
    words: &SlipWords,
    facts: &Facts,
    payee: &Payee,
    amount: Option<(Money, String)>,
) -> Option<PaymentSlip> {
    let reference = facts.text("payment_reference")?;
    let mut lines = vec![
        (words.holder.clone(), facts.text("payee_holder")?),
        (words.bank.clone(), facts.text("payee_bank")?),
        (words.number.clone(), facts.text("payee_number")?),
    ];
    if let Some((_, shown)) = &amount {
        lines.push((words.amount.clone(), shown.clone()));
    }
    lines.push((words.reference.clone(), reference.clone()));
    Some(PaymentSlip {
        title: words.title.clone(),
        lines,
        code: amount.and_then(|(money, _)| epc(payee, money, &reference)),
        code_label: words.code.clone(),
    })
}

/// The text of an EPC QR code (EPC069-12, "Quick Response Code: Guidelines to enable the data capture for the initiation
/// of a SEPA credit transfer"): service tag, version 002, UTF-8, identification, no BIC, name, IBAN, amount, and the
/// reference as unstructured remittance information. `None` where the standard does not reach the payment.
pub(super) fn epc(payee: &Payee, amount: Money, reference: &str) -> Option<String> {
    let iban: String = payee.number.chars().filter(|c| !c.is_whitespace()).collect();
    let iban = iban.to_ascii_uppercase();
    let country = iban.get(..2)?;
    let fits = amount.currency.code() == "EUR"
        && (1..=MOST).contains(&amount.minor)
        && EEA.contains(&country)
        && is_iban(&iban)
        && (1..=70).contains(&payee.holder.chars().count())
        && reference.chars().count() <= 140
        && ![&payee.holder, reference]
            .iter()
            .any(|t| t.contains(['\n', '\r']));
    let (euros, cents) = (amount.minor / 100, amount.minor % 100);
    let code = format!(
        "BCD\n002\n1\nSCT\n\n{}\n{iban}\nEUR{euros}.{cents:02}\n\n\n{reference}",
        payee.holder.trim()
    );
    // The largest code that the guideline allows, version 13 with error correction M, holds so many bytes.
    (fits && code.len() <= 331).then_some(code)
}

/// Check digits of an IBAN (ISO 13616, ISO 7064 MOD 97-10).
fn is_iban(iban: &str) -> bool {
    if !(15..=34).contains(&iban.len()) || !iban.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    {
        return false;
    }
    let (head, tail) = iban.split_at(4);
    let rest = tail
        .chars()
        .chain(head.chars())
        .fold(0u32, |rest, c| match c.to_digit(36) {
            Some(digit) if digit > 9 => (rest * 100 + digit) % 97,
            Some(digit) => (rest * 10 + digit) % 97,
            None => 2,
        });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Currency, PayeeId};
    use uuid::Uuid;

    fn payee(number: &str) -> Payee {
        Payee {
            id: PayeeId(Uuid::from_u128(1)),
            holder: "Beispiel Handel GmbH".to_owned(),
            bank: "Beispielbank".to_owned(),
            number: number.to_owned(),
            confirmed: true,
        }
    }

    #[test]
    fn a_code_is_made_only_where_the_standard_reaches() {
        let check = |number: &str, minor, currency: &str, expected| {
            let money = Money::new(minor, Currency::parse(currency).unwrap());
            assert_eq!(
                epc(&payee(number), money, "RA-7").is_some(),
                expected,
                "{number} {minor} {currency}"
            );
        };
        check("DE89370400440532013000", 12_345, "EUR", true);
        check("DE89 3704 0044 0532 0130 00", 1, "EUR", true);
        check("DE88370400440532013000", 12_345, "EUR", false);
        check("DE89370400440532013000", 12_345, "USD", false);
        check("DE89370400440532013000", 0, "EUR", false);
        check("DE89370400440532013000", MOST + 1, "EUR", false);
        // Outside the EEA the code needs a BIC, which no registry here holds.
        check("GB29NWBK60161331926819", 12_345, "EUR", false);
        check("6222000011112222333", 12_345, "EUR", false);
        check("", 12_345, "EUR", false);
    }

    #[test]
    fn the_code_has_the_lines_of_the_guideline() {
        let money = Money::new(123_405, Currency::parse("EUR").unwrap());
        assert_eq!(
            epc(&payee("DE89370400440532013000"), money, "RA-2026-0042").unwrap(),
            "BCD\n002\n1\nSCT\n\nBeispiel Handel GmbH\nDE89370400440532013000\nEUR1234.05\n\n\nRA-2026-0042"
        );
    }
}
