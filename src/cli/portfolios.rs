//! The set-up file: creditors, senders, payees, portfolios and campaigns as TOML, checked against the rulebook.

use chrono_tz::Tz;
use serde::Deserialize;
use toml::Spanned;
use uuid::Uuid;

use crate::dispatch::Rulebook;
use crate::domain::{
    Creditor, CreditorId, EmailAddress, Payee, PayeeId, PhoneNumber, PostalAddress, Sender, SenderId,
};
use crate::scheduler::Schedule;
use crate::store::{SetUp, SetUpPayee, SetUpPortfolio};

/// Why a set-up file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct SetUpError {
    file: String,
    line: usize,
    what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    creditor: Vec<CreditorEntry>,
    #[serde(default)]
    sender: Vec<SenderEntry>,
    #[serde(default)]
    portfolio: Vec<PortfolioEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreditorEntry {
    name: Spanned<String>,
    country: Spanned<String>,
    #[serde(default)]
    bank: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SenderEntry {
    name: Spanned<String>,
    kind: Spanned<String>,
    signature: Spanned<String>,
    licence: Option<String>,
    mandate: Option<String>,
    phone: Option<Spanned<String>>,
    email: Option<Spanned<String>>,
    address: Option<Spanned<Vec<String>>>,
    country: Option<Spanned<String>>,
    staffed: Option<String>,
    opt_out_word: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PortfolioEntry {
    name: Spanned<String>,
    creditor: Spanned<String>,
    sender: Spanned<String>,
    ladder: Spanned<String>,
    #[serde(default)]
    packs: Vec<Spanned<String>>,
    zone: Spanned<String>,
    cron: Option<Spanned<String>>,
    #[serde(default)]
    payee: Vec<PayeeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayeeEntry {
    holder: Spanned<String>,
    bank: Spanned<String>,
    number: Spanned<String>,
    proposed_by: Spanned<String>,
    confirmed_by: Option<Spanned<String>>,
}

/// Reads a set-up file. Names of ladders and packs must be in the rulebook.
pub fn parse(file: &str, text: &str, rulebook: &Rulebook) -> Result<SetUp, SetUpError> {
    let reading = Reading { file, text, rulebook };
    let found: File = toml::from_str(text)
        .map_err(|e| reading.fault(e.span().map_or(0, |s| s.start), e.message().to_owned()))?;
    Ok(SetUp {
        creditors: found
            .creditor
            .iter()
            .map(|c| reading.creditor(c))
            .collect::<Result<_, _>>()?,
        senders: found
            .sender
            .iter()
            .map(|s| reading.sender(s))
            .collect::<Result<_, _>>()?,
        portfolios: found
            .portfolio
            .iter()
            .map(|p| reading.portfolio(p, &found))
            .collect::<Result<_, _>>()?,
    })
}

struct Reading<'a> {
    file: &'a str,
    text: &'a str,
    rulebook: &'a Rulebook,
}

impl Reading<'_> {
    fn fault(&self, at: usize, what: String) -> SetUpError {
        let line = self.text[..at.min(self.text.len())].matches('\n').count() + 1;
        SetUpError {
            file: self.file.to_owned(),
            line,
            what,
        }
    }

    fn wrong<T>(&self, value: &Spanned<T>, what: impl Into<String>) -> SetUpError {
        self.fault(value.span().start, what.into())
    }

    /// Words that stand in messages: present, without hidden characters.
    fn words(&self, field: &str, value: &Spanned<String>) -> Result<String, SetUpError> {
        crate::domain::PersonName::parse(value.get_ref())
            .map(|n| n.as_str().to_owned())
            .map_err(|e| self.wrong(value, format!("`{field}`: {e}")))
    }

    fn country(&self, value: &Spanned<String>) -> Result<String, SetUpError> {
        let code = value.get_ref();
        if code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Ok(code.clone());
        }
        Err(self.wrong(
            value,
            format!("`country` is `{code}`; expected two capital letters such as `CN`"),
        ))
    }

    fn creditor(&self, c: &CreditorEntry) -> Result<Creditor, SetUpError> {
        Ok(Creditor {
            id: CreditorId(Uuid::nil()),
            name: self.words("name", &c.name)?,
            country: self.country(&c.country)?,
            is_bank: c.bank,
        })
    }

    fn sender(&self, s: &SenderEntry) -> Result<Sender, SetUpError> {
        let region = match &s.country {
            Some(country) => self.country(country)?,
            None => String::new(),
        };
        let phone = s.phone.as_ref().map(|p| {
            PhoneNumber::parse(p.get_ref(), &region).map_err(|e| self.wrong(p, format!("`phone`: {e}")))
        });
        let email = s.email.as_ref().map(|e| {
            EmailAddress::parse(e.get_ref()).map_err(|what| self.wrong(e, format!("`email`: {what}")))
        });
        let postal = s.address.as_ref().map(|a| {
            PostalAddress::parse(&a.get_ref().join("\n"), &region)
                .map_err(|what| self.wrong(a, format!("`address` with `country`: {what}")))
        });
        let opt_out_word = self.words("opt_out_word", &s.opt_out_word)?;
        if opt_out_word.chars().count() > 8 {
            return Err(self.wrong(
                &s.opt_out_word,
                "`opt_out_word`: expected at most eight characters",
            ));
        }
        Ok(Sender {
            id: SenderId(Uuid::nil()),
            kind: s
                .kind
                .get_ref()
                .parse()
                .map_err(|e| self.wrong(&s.kind, format!("`kind`: {e}")))?,
            name: self.words("name", &s.name)?,
            signature: self.words("signature", &s.signature)?,
            licence: s.licence.clone(),
            mandate: s.mandate.clone(),
            phone: phone.transpose()?,
            email: email.transpose()?,
            postal: postal.transpose()?,
            staffed: s.staffed.clone(),
            opt_out_word,
        })
    }

    fn portfolio(&self, p: &PortfolioEntry, file: &File) -> Result<SetUpPortfolio, SetUpError> {
        let name = p.name.get_ref();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(self.wrong(&p.name, "`name`: expected a short name without spaces"));
        }
        if !file
            .creditor
            .iter()
            .any(|c| c.name.get_ref() == p.creditor.get_ref())
        {
            return Err(self.wrong(
                &p.creditor,
                "`creditor`: no `[[creditor]]` of this name in this file",
            ));
        }
        if !file.sender.iter().any(|s| s.name.get_ref() == p.sender.get_ref()) {
            return Err(self.wrong(&p.sender, "`sender`: no `[[sender]]` of this name in this file"));
        }
        if !self.rulebook.ladders.contains_key(p.ladder.get_ref()) {
            let known: Vec<_> = self.rulebook.ladders.keys().map(String::as_str).collect();
            let what = format!(
                "`ladder` is `{}`; expected one of {}",
                p.ladder.get_ref(),
                known.join(", ")
            );
            return Err(self.wrong(&p.ladder, what));
        }
        let known: Vec<&str> = self
            .rulebook
            .policy
            .packs()
            .iter()
            .map(|pack| &*pack.name)
            .collect();
        if let Some(pack) = p
            .packs
            .iter()
            .find(|pack| !known.contains(&pack.get_ref().as_str()))
        {
            let what = format!(
                "`packs` names `{}`; expected one of {}",
                pack.get_ref(),
                known.join(", ")
            );
            return Err(self.wrong(pack, what));
        }
        let zone: Tz = p.zone.get_ref().parse().map_err(|_| {
            self.wrong(
                &p.zone,
                format!(
                    "`zone` is `{}`; expected a name such as `Asia/Shanghai`",
                    p.zone.get_ref()
                ),
            )
        })?;
        if let Some(cron) = &p.cron {
            Schedule::parse(cron.get_ref(), zone).map_err(|e| self.wrong(cron, format!("`cron`: {e}")))?;
        }
        Ok(SetUpPortfolio {
            name: name.clone(),
            creditor: p.creditor.get_ref().clone(),
            sender: p.sender.get_ref().clone(),
            ladder: p.ladder.get_ref().clone(),
            packs: p.packs.iter().map(|pack| pack.get_ref().clone()).collect(),
            zone,
            payees: p
                .payee
                .iter()
                .map(|payee| self.payee(payee))
                .collect::<Result<_, _>>()?,
            cron: p.cron.as_ref().map(|c| c.get_ref().clone()),
        })
    }

    fn payee(&self, p: &PayeeEntry) -> Result<SetUpPayee, SetUpError> {
        let number: String = p
            .number
            .get_ref()
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        if number.len() < 6 || !number.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(self.wrong(
                &p.number,
                "`number`: expected an account number of digits and letters",
            ));
        }
        if p.confirmed_by
            .as_ref()
            .is_some_and(|c| c.get_ref() == p.proposed_by.get_ref())
        {
            return Err(self.wrong(
                &p.proposed_by,
                "`confirmed_by` must be somebody else than `proposed_by`",
            ));
        }
        Ok(SetUpPayee {
            payee: Payee {
                id: PayeeId(Uuid::nil()),
                holder: self.words("holder", &p.holder)?,
                bank: self.words("bank", &p.bank)?,
                number: number.to_ascii_uppercase(),
                confirmed: p.confirmed_by.is_some(),
            },
            proposed_by: self.words("proposed_by", &p.proposed_by)?,
            confirmed_by: p
                .confirmed_by
                .as_ref()
                .map(|c| self.words("confirmed_by", c))
                .transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rulebook() -> Rulebook {
        Rulebook::load(&crate::config::Config::defaults()).unwrap()
    }

    #[test]
    fn faults_name_the_line_and_what_is_expected() {
        let good = include_str!("../../samples/portfolios.toml");
        let rulebook = rulebook();
        assert_eq!(parse("p.toml", good, &rulebook).unwrap().portfolios.len(), 3);
        let check = |from: &str, to: &str, words: &str| {
            assert!(good.contains(from), "{from}");
            let text = good.replacen(from, to, 1);
            let e = parse("p.toml", &text, &rulebook).unwrap_err();
            let line = text
                .lines()
                .position(|l| l.contains(to.lines().last().unwrap()))
                .unwrap()
                + 1;
            assert_eq!(e.line, line, "{e}");
            assert!(e.to_string().contains(words), "{e}");
        };
        check(
            "ladder = \"traffic-light\"",
            "ladder = \"trafic\"",
            "expected one of instalments",
        );
        check(
            "packs = [\"cn\"]",
            "packs = [\"xx\"]",
            "expected one of asia-safe-default, ",
        );
        check("cron = \"0 9 * * 1-5\"", "cron = \"0 9 * *\"", "it has 4 fields");
        check("zone = \"Europe/London\"", "zone = \"London\"", "Asia/Shanghai");
        check(
            "confirmed_by = \"robin.demo\"",
            "confirmed_by = \"robin.demo\"\ncolour = 1",
            "unknown field",
        );
        check("phone = \"+442079460900\"", "phone = \"12\"", "`phone`");
    }
}
