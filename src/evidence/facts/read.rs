//! From the kept form back to a situation.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use super::form::*;
use super::{FORM, KeptDesk, Named, UnreadableFacts, wrong};
use crate::domain::*;

/// Reads what [`desk_facts`] wrote.
///
/// # Errors
/// Another form, or somebody changed it by hand.
pub fn read_desk(text: &str) -> Result<KeptDesk, UnreadableFacts> {
    let desk: DeskKept<'_> = serde_json::from_str(text)?;
    if desk.form != FORM {
        return Err(wrong("another form"));
    }
    let (s, p, c) = (desk.sender, desk.portfolio, desk.creditor);
    let own = |t: Option<Str<'_>>| t.map(Cow::into_owned);
    let sender = Sender {
        id: s.id.0,
        kind: s.kind.0,
        name: s.name.into_owned(),
        signature: s.signature.into_owned(),
        licence: own(s.licence),
        phone: s
            .phone
            .map(|phone| PhoneNumber::stored(&phone, s.phone_country.as_deref())),
        email: s
            .email
            .map(|e| EmailAddress::parse(&e))
            .transpose()
            .map_err(wrong)?,
        postal: s.postal.map(|p| PostalAddress {
            lines: p.lines,
            country: p.country.into_owned(),
        }),
        staffed: own(s.staffed),
        opt_out_word: s.opt_out_word.into_owned(),
        mandate: own(s.mandate),
    };
    let payees = desk.payees.into_iter().map(|p| Payee {
        id: p.id.0,
        holder: p.holder.into_owned(),
        bank: p.bank.into_owned(),
        number: p.number.into_owned(),
        confirmed: p.confirmed,
    });
    Ok(KeptDesk {
        portfolio: Arc::new(Portfolio {
            id: p.id.0,
            name: p.name.into_owned(),
            creditor: p.creditor.0,
            sender: p.sender.0,
            ladder: p.ladder.into_owned(),
            packs: p.packs,
            zone: p.zone.0,
        }),
        creditor: Arc::new(Creditor {
            id: c.id.0,
            name: c.name.into_owned(),
            country: c.country.into_owned(),
            is_bank: c.is_bank,
        }),
        sender: Arc::new(sender),
        payees: Arc::new(payees.collect()),
    })
}

/// What a kept situation names.
///
/// # Errors
/// As for [`read_situation`].
pub fn named_in(text: &str) -> Result<Named, UnreadableFacts> {
    let kept: SituationKept<'_> = serde_json::from_str(text)?;
    Ok(Named {
        judged_at: kept.judged_at.0,
        desk: kept.desk.into_owned(),
        templates: kept.templates.map(Cow::into_owned),
    })
}

/// Reads what [`situation_facts`] wrote.
///
/// # Errors
/// Another form, or somebody changed it by hand.
pub fn read_situation(text: &str, desk: &KeptDesk) -> Result<Situation, UnreadableFacts> {
    let kept: SituationKept<'_> = serde_json::from_str(text)?;
    if kept.form != FORM {
        return Err(wrong("another form"));
    }
    let recipient = person(kept.recipient)?;
    let account = account(kept.account)?;
    let contact_point = point(kept.point)?;
    let same = (recipient.id, account.id, contact_point.address_id);
    let history = kept.history.iter().map(|line| touch(line, same));
    Ok(Situation {
        attempt: attempt(kept.attempt),
        portfolio: desk.portfolio.clone(),
        creditor: desk.creditor.clone(),
        sender: desk.sender.clone(),
        payees: desk.payees.clone(),
        debtor: match kept.debtor {
            Some(debtor) => person(debtor)?,
            None => recipient.clone(),
        },
        role: kept.role.0,
        suppressions: kept
            .suppressions
            .into_iter()
            .map(suppression)
            .collect::<Result<_, _>>()?,
        consents: kept.consents.into_iter().map(consent).collect(),
        wishes: kept.wishes.into_iter().map(wish).collect(),
        history: history.collect::<Result<_, _>>()?,
        first_contact: kept.first_contact,
        account,
        recipient,
        contact_point,
    })
}

fn zones(z: ZonesKept) -> Zones {
    let basis = |(zone, source, detail): (Text<chrono_tz::Tz>, Text<ZoneSource>, String)| Basis {
        zone: zone.0,
        source: source.0,
        detail,
    };
    Zones {
        candidates: z.zones.into_iter().map(|z| z.0).collect(),
        source: z.from.0,
        basis: z.basis.into_iter().map(basis).collect(),
    }
}

fn person(p: PersonKept<'_>) -> Result<Person, UnreadableFacts> {
    Ok(Person {
        id: p.id.0,
        kind: p.kind.0,
        name: PersonName::parse(&p.name).map_err(wrong)?,
        locale: p.locale.0,
        country: p.country.map(Cow::into_owned),
        region: p.region.map(Cow::into_owned),
        postal_code: p.postal_code.map(Cow::into_owned),
        zones: zones(p.zones),
        zone_until: p.zone_until.map(|day| day.0),
        deceased: p.deceased,
        minor: p.minor,
        revision: p.revision.0,
    })
}

fn point(p: PointKept<'_>) -> Result<ContactPoint, UnreadableFacts> {
    let address = match p.kind.0 {
        AddressKind::Phone => Address::Phone(PhoneNumber::stored(&p.address, p.country.as_deref())),
        AddressKind::Email => EmailAddress::parse(&p.address)
            .map(Address::Email)
            .map_err(wrong)?,
        AddressKind::Postal => {
            let country = p.country.as_deref().unwrap_or("");
            PostalAddress::parse(&p.address, country)
                .map(Address::Postal)
                .map_err(wrong)?
        }
    };
    Ok(ContactPoint {
        id: p.id.0,
        person: p.person.0,
        address_id: p.address_id.0,
        address,
        usage: p.usage.0,
        zones: p.zones.map_or_else(Zones::unknown, zones),
        usable: p.usable,
    })
}

fn account(a: AccountKept<'_>) -> Result<Account, UnreadableFacts> {
    let instalments = match (a.instalments_overdue, a.instalment_minor) {
        (Some(overdue), Some(amount)) => Some(Instalments {
            overdue,
            amount_minor: amount.0,
        }),
        (None, None) => None,
        _ => return Err(wrong("half an instalment plan")),
    };
    Ok(Account {
        id: a.id.0,
        portfolio: a.portfolio.0,
        debtor: a.debtor.0,
        reference: a.reference.into_owned(),
        claim: a.claim.0,
        currency: Currency::parse(&a.currency).map_err(|_| wrong("no currency"))?,
        amount_minor: a.amount_minor.0,
        balance_minor: a.balance_minor.0,
        issued_on: a.issued_on.map(|d| d.0),
        due_on: a.due_on.0,
        instalments,
        confirmed: a.confirmed,
        observation: a.observation,
        legal_action_approved: a.legal_action_approved,
        preferred: a.preferred.map(|c| c.0),
        state: a.state.0,
        disputed: a.disputed,
        promised_until: a.promised_until.map(|d| d.0),
        revision: a.revision.0,
    })
}

fn attempt(a: AttemptKept<'_>) -> Attempt {
    Attempt {
        id: a.id.0,
        account: a.account.0,
        recipient: a.recipient.0,
        contact_point: a.contact_point.0,
        channel: a.channel.0,
        purpose: a.purpose.0,
        origin: a.origin.0,
        stage: a.stage.into_owned(),
        step: a.step.into_owned(),
        template: a.template.map(Cow::into_owned),
        own_subject: a.own_subject.map(Cow::into_owned),
        own_text: a.own_text.map(Cow::into_owned),
        due_at: a.due_at.0,
        expires_at: a.expires_at.0,
        approved: a.approved,
        state: a.state.0,
    }
}

fn suppression(s: SuppressionKept) -> Result<Suppression, UnreadableFacts> {
    let scope = match (s.account, s.address, s.person) {
        (Some(a), None, None) => SuppressionScope::Account(a.0),
        (None, Some(a), None) => SuppressionScope::Address(a.0),
        (None, None, Some(p)) => SuppressionScope::Person(p.0),
        _ => return Err(wrong("a suppression of nobody")),
    };
    Ok(Suppression {
        id: s.id.0,
        scope,
        channel: s.channel.map(|c| c.0),
        reason: s.reason.0,
        since: s.since.0,
        until: s.until.map(|u| u.0),
    })
}

fn consent(c: ConsentKept) -> Consent {
    Consent {
        id: c.id.0,
        person: c.person.0,
        scope: c.scope.0,
        channel: c.channel.map(|c| c.0),
        given_at: c.given_at.0,
        until: c.until.map(|u| u.0),
        revoked_at: c.revoked_at.map(|r| r.0),
    }
}

fn wish(w: WishKept) -> StandingWish {
    StandingWish {
        id: w.id.0,
        person: w.person.0,
        wish: w.wish.0,
        channel: w.channel.map(|c| c.0),
        since: w.since.0,
        until: w.until.map(|u| u.0),
    }
}

fn touch(line: &str, same: (PersonId, AccountId, AddressId)) -> Result<Touch, UnreadableFacts> {
    let broken = || wrong("a line of the history");
    let parts: Vec<&str> = line.split(' ').collect();
    let [at, channel, kind, collection, person, account, address] = parts[..] else {
        return Err(broken());
    };
    fn id<T: FromStr>(text: &str, same: T) -> Option<T> {
        match text {
            "=" => Some(same),
            text => text.parse().ok(),
        }
    }
    let address = match address {
        "-" => None,
        text => Some(id(text, same.2).ok_or_else(broken)?),
    };
    Ok(Touch {
        at: Moment::parse(at).map_err(|_| broken())?,
        person: id(person, same.0).ok_or_else(broken)?,
        account: id(account, same.1).ok_or_else(broken)?,
        address,
        channel: channel.parse().map_err(|_| broken())?,
        kind: kind.parse().map_err(|_| broken())?,
        collection: match collection {
            "c" => true,
            "-" => false,
            _ => return Err(broken()),
        },
    })
}
