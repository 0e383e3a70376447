//! Ways to reach a person.

use super::attempt::Channel;
use super::ids::{AddressId, ContactPointId, PersonId};
use super::person::is_hidden;
use super::phone::PhoneNumber;
use super::words::words;
use super::zones::Zones;

words! {
    /// What an address is.
    AddressKind as "kind of address" {
        /// A telephone number.
        Phone = "phone",
        /// An e-mail address.
        Email = "email",
        /// A postal address.
        Postal = "postal",
    }
}

words! {
    /// Whose and where a contact point is; laws treat workplaces and shared lines differently.
    ContactUse as "use of a contact point" {
        /// The person's own.
        Own = "own",
        /// At home, possibly read by the family.
        Home = "home",
        /// Used by several people.
        Shared = "shared",
        /// At the workplace.
        Workplace = "workplace",
        /// The office of a company that is itself the debtor.
        Office = "office",
    }
}

/// An e-mail address: one `@`, no spaces or control characters, lower-case domain. `Debug` shows the domain only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads an address, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<EmailAddress, &'static str> {
        const EXPECTED: &str = "expected an e-mail address such as `name@example.com`";
        let t = text.trim();
        let (local, domain) = t.rsplit_once('@').ok_or(EXPECTED)?;
        let bad = |c: char| c.is_whitespace() || is_hidden(c) || "<>()[],;:\\\"".contains(c);
        let labels_fit = domain.contains('.')
            && domain.split('.').all(|l| {
                !l.is_empty()
                    && l.len() <= 63
                    && !l.starts_with('-')
                    && !l.ends_with('-')
                    && l.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        let local_fits = !local.is_empty()
            && local.len() <= 64
            && !local.contains("..")
            && !local.starts_with('.')
            && !local.ends_with('.');
        if t.len() > 254 || t.chars().any(bad) || local.contains('@') || !local_fits || !labels_fit {
            return Err(EXPECTED);
        }
        Ok(EmailAddress(format!("{local}@{}", domain.to_lowercase())))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, d)| d)
    }
}

impl std::fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EmailAddress(..@{})", self.domain())
    }
}

/// A postal address: lines as they go on the envelope, without the name. `Debug` shows the country only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostalAddress {
    /// Street, district, city, postcode; one to six lines.
    pub lines: Vec<String>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

impl PostalAddress {
    /// Reads lines separated by `\n` or `|`.
    pub fn parse(text: &str, country: &str) -> Result<PostalAddress, &'static str> {
        let lines: Vec<String> = text
            .split(['\n', '|'])
            .map(|l| l.trim().to_owned())
            .filter(|l| !l.is_empty())
            .collect();
        if lines.is_empty() || lines.len() > 6 {
            return Err("expected one to six address lines separated by `|`");
        }
        if lines
            .iter()
            .any(|l| l.chars().any(is_hidden) || l.chars().count() > 100)
        {
            return Err("an address line holds a control character or is longer than 100 characters");
        }
        let country = country.trim().to_ascii_uppercase();
        if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err("expected a country of two letters such as `CN`");
        }
        Ok(PostalAddress { lines, country })
    }
}

impl std::fmt::Debug for PostalAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostalAddress({}, {} lines)", self.country, self.lines.len())
    }
}

/// Where a message goes: exactly one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// For SMS and calls.
    Phone(PhoneNumber),
    /// For e-mail.
    Email(EmailAddress),
    /// For letters.
    Postal(PostalAddress),
}

impl Address {
    /// What it is.
    pub fn kind(&self) -> AddressKind {
        match self {
            Address::Phone(_) => AddressKind::Phone,
            Address::Email(_) => AddressKind::Email,
            Address::Postal(_) => AddressKind::Postal,
        }
    }

    /// The normal form that is equal for equal addresses; personal data.
    pub fn normal(&self) -> String {
        match self {
            Address::Phone(p) => p.e164().to_owned(),
            Address::Email(e) => e.as_str().to_lowercase(),
            Address::Postal(p) => format!("{}|{}", p.country, p.lines.join("|")),
        }
    }
}

/// One way to reach one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactPoint {
    /// Which one.
    pub id: ContactPointId,
    /// Whose.
    pub person: PersonId,
    /// The address row that all users of this address share; caps and suppressions of an address belong to it.
    pub address_id: AddressId,
    /// The address.
    pub address: Address,
    /// Own, home, shared, workplace or office.
    pub usage: ContactUse,
    /// Candidate zones of this contact point; empty: those of the person.
    pub zones: Zones,
    /// Not known to be dead (bounced, returned, wrong number).
    pub usable: bool,
}

impl ContactPoint {
    /// Whether this contact point can carry `channel`.
    pub fn carries(&self, channel: Channel) -> bool {
        matches!(
            (self.address.kind(), channel),
            (AddressKind::Phone, Channel::Sms | Channel::Call)
                | (AddressKind::Email, Channel::Email)
                | (AddressKind::Postal, Channel::Letter)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_addresses() {
        for good in ["a@example.com", "li.wei+x@EXAMPLE.com.cn"] {
            assert!(EmailAddress::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "a b@example.com",
            "a@example..com",
            "a@@example.com",
            "a@exa\nmple.com",
            "A <a@example.com>",
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_personal_in_debug() {
        let e = EmailAddress::parse("li.wei@example.com").unwrap();
        assert_eq!(format!("{e:?}"), "EmailAddress(..@example.com)");
    }
}
