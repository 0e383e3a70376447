//! Amounts in minor units with their currency. No floating point anywhere.

/// An ISO 4217 currency code, three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Why a text is no amount or no currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The currency is not three letters A-Z.
    #[error("expected a currency code of three letters such as `CNY`")]
    Currency,
    /// The number is written in scientific notation, which loses digits.
    #[error("scientific notation loses digits; write the amount in full")]
    Scientific,
    /// There are more decimal places than the currency has.
    #[error("more decimal places than {currency} has ({places})")]
    Places {
        /// The currency.
        currency: Currency,
        /// How many places it has.
        places: u32,
    },
    /// Not a number at all, or one with misplaced separators.
    #[error("expected an amount such as `1234.56`")]
    NotANumber,
    /// Too large for 64 bits of minor units.
    #[error("the amount is too large")]
    TooLarge,
}

impl Currency {
    /// Chinese yuan.
    pub const CNY: Currency = Currency(*b"CNY");

    /// Reads three letters, in either case.
    pub fn parse(text: &str) -> Result<Currency, MoneyError> {
        let t = text.trim().to_ascii_uppercase();
        match t.as_bytes() {
            [a, b, c] if t.bytes().all(|x| x.is_ascii_uppercase()) => Ok(Currency([*a, *b, *c])),
            _ => Err(MoneyError::Currency),
        }
    }

    /// The code, e.g. `CNY`.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many decimal places the currency's minor unit has (ISO 4217).
    pub fn places(&self) -> u32 {
        match &self.0 {
            b"JPY" | b"KRW" | b"VND" | b"CLP" | b"ISK" | b"UGX" | b"XAF" | b"XOF" | b"XPF" | b"PYG"
            | b"RWF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in minor units (fen, cents) with its currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Money {
    /// Minor units: fen for CNY, cents for USD, yen for JPY.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount from minor units.
    pub fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }

    /// Reads a plain decimal with `.` as the decimal sign and optional `,` between groups of three.
    pub fn parse(text: &str, currency: Currency) -> Result<Money, MoneyError> {
        let t = text.trim();
        let (negative, t) = t.strip_prefix('-').map_or((false, t), |rest| (true, rest));
        let digits_then_e = t
            .find(['e', 'E'])
            .is_some_and(|at| at > 0 && t[..at].bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        if digits_then_e {
            return Err(MoneyError::Scientific);
        }
        let (whole, fraction) = t.split_once('.').unwrap_or((t, ""));
        let whole = ungroup(whole).ok_or(MoneyError::NotANumber)?;
        if whole.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return Err(MoneyError::NotANumber);
        }
        let places = currency.places();
        let significant = fraction.trim_end_matches('0');
        if significant.len() > places as usize {
            return Err(MoneyError::Places { currency, places });
        }
        let padded = format!("{whole}{significant:0<width$}", width = places as usize);
        let minor: i64 = padded.parse().map_err(|_| MoneyError::TooLarge)?;
        Ok(Money {
            minor: if negative { -minor } else { minor },
            currency,
        })
    }

    /// The plain decimal number, e.g. `1234.50`.
    pub fn decimal(&self) -> String {
        let places = self.currency.places();
        let sign = if self.minor < 0 { "-" } else { "" };
        let abs = self.minor.unsigned_abs();
        let unit = 10u64.pow(places);
        if places == 0 {
            return format!("{sign}{abs}");
        }
        format!(
            "{sign}{}.{:0width$}",
            abs / unit,
            abs % unit,
            width = places as usize
        )
    }

    /// The number with commas between groups of three, e.g. `1,234.50`.
    pub fn grouped(&self) -> String {
        let text = self.decimal();
        let (sign, text) = text
            .strip_prefix('-')
            .map_or(("", text.as_str()), |rest| ("-", rest));
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
        let mut out = String::from(sign);
        for (i, c) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                out.push(',');
            }
            out.push(c);
        }
        if let Some(f) = fraction {
            out.push('.');
            out.push_str(f);
        }
        out
    }
}

/// Removes commas that stand between groups of three digits; `None` when one stands elsewhere.
fn ungroup(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let grouped = whole.contains(',');
    if !digits(first) || (grouped && (first.is_empty() || first.len() > 3)) {
        return None;
    }
    let mut out = first.to_owned();
    for group in groups {
        if group.len() != 3 || !digits(group) {
            return None;
        }
        out.push_str(group);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        let check = |text: &str, code: &str, expected: Result<i64, MoneyError>| {
            let currency = Currency::parse(code).unwrap();
            assert_eq!(
                Money::parse(text, currency).map(|m| m.minor),
                expected,
                "{text} {code}"
            );
        };
        check("55.94", "CNY", Ok(5594));
        check("1,234.5", "USD", Ok(123_450));
        check("12", "JPY", Ok(12));
        check("0.5", "KWD", Ok(500));
        check("-3.00", "CNY", Ok(-300));
        check("1.23E+10", "CNY", Err(MoneyError::Scientific));
        check("12,34", "CNY", Err(MoneyError::NotANumber));
        check("", "CNY", Err(MoneyError::NotANumber));
        check(
            "7.999",
            "CNY",
            Err(MoneyError::Places {
                currency: Currency::CNY,
                places: 2,
            }),
        );
        check("99999999999999999999", "CNY", Err(MoneyError::TooLarge));
    }

    #[test]
    fn amounts_are_written_back_as_people_read_them() {
        assert_eq!(Money::new(123_456_789, Currency::CNY).grouped(), "1,234,567.89");
        assert_eq!(Money::new(-5, Currency::CNY).decimal(), "-0.05");
    }
}
