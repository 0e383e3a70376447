//! From a situation to its kept form. Every field is named, so that a new one does not compile before it is kept.

use std::borrow::Cow;
use std::fmt::Display;

use super::form::*;
use super::{FORM, Named};
use crate::domain::*;

/// Canonical JSON of the portfolio, creditor, sender and payees of a situation. Nothing about debtors.
pub fn desk_facts(s: &Situation) -> String {
    let Portfolio {
        id,
        name,
        creditor,
        sender,
        ladder,
        packs,
        zone,
    } = &*s.portfolio;
    let portfolio = PortfolioKept {
        creditor: Text(*creditor),
        id: Text(*id),
        ladder: ladder.into(),
        name: name.into(),
        packs: packs.clone(),
        sender: Text(*sender),
        zone: Text(*zone),
    };
    let Creditor {
        id,
        name,
        country,
        is_bank,
    } = &*s.creditor;
    let creditor = CreditorKept {
        country: country.into(),
        id: Text(*id),
        is_bank: *is_bank,
        name: name.into(),
    };
    let desk = DeskKept {
        creditor,
        form: FORM,
        payees: s.payees.iter().map(payee).collect(),
        portfolio,
        sender: sender_kept(&s.sender),
    };
    serde_json::to_string(&desk).expect("facts are plain text")
}

fn payee(p: &Payee) -> PayeeKept<'_> {
    let Payee {
        id,
        holder,
        bank,
        number,
        confirmed,
    } = p;
    PayeeKept {
        bank: bank.into(),
        confirmed: *confirmed,
        holder: holder.into(),
        id: Text(*id),
        number: number.into(),
    }
}

fn sender_kept(s: &Sender) -> SenderKept<'_> {
    let Sender {
        id,
        kind,
        name,
        signature,
        licence,
        phone,
        email,
        postal,
        staffed,
        opt_out_word,
        mandate,
    } = s;
    let text = |t: &'_ Option<String>| t.clone().map(Cow::Owned);
    SenderKept {
        email: email.as_ref().map(|e| e.as_str().into()),
        id: Text(*id),
        kind: Text(*kind),
        licence: text(licence),
        mandate: text(mandate),
        name: name.into(),
        opt_out_word: opt_out_word.into(),
        phone: phone.as_ref().map(|p| p.e164().into()),
        phone_country: phone.as_ref().and_then(PhoneNumber::region).map(Cow::Borrowed),
        postal: postal
            .as_ref()
            .map(|PostalAddress { lines, country }| PostalKept {
                country: country.into(),
                lines: lines.clone(),
            }),
        signature: signature.into(),
        staffed: text(staffed),
    }
}

/// Canonical JSON of everything else in a situation. Personal data.
pub fn situation_facts(s: &Situation, named: &Named) -> String {
    let Situation {
        attempt,
        portfolio: _,
        creditor: _,
        sender: _,
        payees: _,
        account,
        debtor,
        recipient,
        role,
        contact_point,
        suppressions,
        consents,
        wishes,
        history,
        first_contact,
    } = s;
    let kept = SituationKept {
        account: account_kept(account),
        attempt: attempt_kept(attempt),
        consents: consents.iter().map(consent_kept).collect(),
        debtor: (debtor != recipient).then(|| person_kept(debtor)),
        desk: named.desk.as_str().into(),
        first_contact: *first_contact,
        form: FORM,
        history: history.iter().map(|t| touch_line(t, s)).collect(),
        judged_at: At(named.judged_at),
        point: point_kept(contact_point),
        recipient: person_kept(recipient),
        role: Text(*role),
        suppressions: suppressions.iter().map(suppression_kept).collect(),
        templates: named.templates.as_deref().map(Cow::Borrowed),
        wishes: wishes.iter().map(wish_kept).collect(),
    };
    serde_json::to_string(&kept).expect("facts are plain text")
}

fn zones_kept(z: &Zones) -> ZonesKept {
    let Zones {
        candidates,
        source,
        basis,
    } = z;
    ZonesKept {
        basis: basis
            .iter()
            .map(|b| (Text(b.zone), Text(b.source), b.detail.clone()))
            .collect(),
        from: Text(*source),
        zones: candidates.iter().map(|z| Text(*z)).collect(),
    }
}

fn person_kept(p: &Person) -> PersonKept<'_> {
    let Person {
        id,
        kind,
        name,
        locale,
        country,
        region,
        postal_code,
        zones,
        zone_until,
        deceased,
        minor,
        revision,
    } = p;
    PersonKept {
        country: country.as_deref().map(Cow::Borrowed),
        deceased: *deceased,
        id: Text(*id),
        kind: Text(*kind),
        locale: Text(*locale),
        minor: *minor,
        name: name.as_str().into(),
        postal_code: postal_code.as_deref().map(Cow::Borrowed),
        region: region.as_deref().map(Cow::Borrowed),
        revision: Int(*revision),
        zone_until: zone_until.map(Text),
        zones: zones_kept(zones),
    }
}

fn point_kept(p: &ContactPoint) -> PointKept<'_> {
    let ContactPoint {
        id,
        person,
        address_id,
        address,
        usage,
        zones,
        usable,
    } = p;
    let (text, country): (Str<'_>, Option<&str>) = match address {
        Address::Phone(phone) => (phone.e164().into(), phone.region()),
        Address::Email(email) => (email.as_str().into(), None),
        Address::Postal(postal) => (postal.lines.join("\n").into(), Some(&postal.country)),
    };
    PointKept {
        address: text,
        address_id: Text(*address_id),
        country: country.map(Cow::Borrowed),
        id: Text(*id),
        kind: Text(address.kind()),
        person: Text(*person),
        usable: *usable,
        usage: Text(*usage),
        zones: (*zones != Zones::unknown()).then(|| zones_kept(zones)),
    }
}

fn account_kept(a: &Account) -> AccountKept<'_> {
    let Account {
        id,
        portfolio,
        debtor,
        reference,
        claim,
        currency,
        amount_minor,
        balance_minor,
        issued_on,
        due_on,
        instalments,
        confirmed,
        observation,
        legal_action_approved,
        preferred,
        state,
        disputed,
        promised_until,
        revision,
    } = a;
    AccountKept {
        amount_minor: Int(*amount_minor),
        balance_minor: Int(*balance_minor),
        claim: Text(*claim),
        confirmed: *confirmed,
        currency: currency.code().into(),
        debtor: Text(*debtor),
        disputed: *disputed,
        due_on: Text(*due_on),
        id: Text(*id),
        instalment_minor: instalments.map(|i| Int(i.amount_minor)),
        instalments_overdue: instalments.map(|i| i.overdue),
        issued_on: issued_on.map(Text),
        legal_action_approved: *legal_action_approved,
        observation: *observation,
        portfolio: Text(*portfolio),
        preferred: preferred.map(Text),
        promised_until: promised_until.map(Text),
        reference: reference.into(),
        revision: Int(*revision),
        state: Text(*state),
    }
}

fn attempt_kept(a: &Attempt) -> AttemptKept<'_> {
    let Attempt {
        id,
        account,
        recipient,
        contact_point,
        channel,
        purpose,
        origin,
        stage,
        step,
        template,
        own_subject,
        own_text,
        due_at,
        expires_at,
        approved,
        state,
    } = a;
    AttemptKept {
        account: Text(*account),
        approved: *approved,
        channel: Text(*channel),
        contact_point: Text(*contact_point),
        due_at: At(*due_at),
        expires_at: At(*expires_at),
        id: Text(*id),
        origin: Text(*origin),
        own_subject: own_subject.as_deref().map(Cow::Borrowed),
        own_text: own_text.as_deref().map(Cow::Borrowed),
        purpose: Text(*purpose),
        recipient: Text(*recipient),
        stage: stage.into(),
        state: Text(*state),
        step: step.into(),
        template: template.as_deref().map(Cow::Borrowed),
    }
}

fn suppression_kept(s: &Suppression) -> SuppressionKept {
    let Suppression {
        id,
        scope,
        channel,
        reason,
        since,
        until,
    } = s;
    let (mut account, mut address, mut person) = (None, None, None);
    match scope {
        SuppressionScope::Account(a) => account = Some(Text(*a)),
        SuppressionScope::Address(a) => address = Some(Text(*a)),
        SuppressionScope::Person(p) => person = Some(Text(*p)),
    }
    SuppressionKept {
        account,
        address,
        channel: channel.map(Text),
        id: Text(*id),
        person,
        reason: Text(*reason),
        since: At(*since),
        until: until.map(At),
    }
}

fn consent_kept(c: &Consent) -> ConsentKept {
    let Consent {
        id,
        person,
        scope,
        channel,
        given_at,
        until,
        revoked_at,
    } = c;
    ConsentKept {
        channel: channel.map(Text),
        given_at: At(*given_at),
        id: Text(*id),
        person: Text(*person),
        revoked_at: revoked_at.map(At),
        scope: Text(*scope),
        until: until.map(At),
    }
}

fn wish_kept(w: &StandingWish) -> WishKept {
    let StandingWish {
        id,
        person,
        wish,
        channel,
        since,
        until,
    } = w;
    WishKept {
        channel: channel.map(Text),
        id: Text(*id),
        person: Text(*person),
        since: At(*since),
        until: until.map(At),
        wish: Text(wish.clone()),
    }
}

/// One touch in a line, because there may be many: moment, channel, kind, `c` for collection or `-`, then person,
/// account and address; `=` is the one of the situation itself, `-` none.
fn touch_line(t: &Touch, s: &Situation) -> String {
    use std::fmt::Write as _;
    let Touch {
        at,
        person,
        account,
        address,
        channel,
        kind,
        collection,
    } = t;
    let mut line = at.to_text();
    let _ = write!(line, " {channel} {kind} {}", if *collection { 'c' } else { '-' });
    let mut add = |same: bool, id: &dyn Display| {
        let _ = match same {
            true => write!(line, " ="),
            false => write!(line, " {id}"),
        };
    };
    add(*person == s.recipient.id, person);
    add(*account == s.account.id, account);
    match address {
        Some(address) => add(*address == s.contact_point.address_id, address),
        None => add(false, &'-'),
    }
    line
}
