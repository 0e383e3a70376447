//! From a situation of the store to the facts that rules ask.

use crate::domain::*;
use crate::policy::{
    Aim, Allowed, Candidate, Claim, DebtKind, Deed, Ended, Event, Exclusion, Facts, Mark, Medium,
};
use crate::policy::{Personal, SenderWord, Set, Slot, Way, Week, marks_of, place_of, role_of};

/// Keys of one situation: the recipient, the debtor where it is somebody else, everybody else.
const RECIPIENT: u32 = 1;
const DEBTOR: u32 = 2;
const OTHER: u32 = 3;

/// The facts of a situation at `now`.
pub fn facts_of(s: &Situation, now: Moment) -> Facts {
    let (role, relation) = role_of(s.role);
    let zones = s.zones().candidates.iter();
    let dialled = match &s.contact_point.address {
        Address::Phone(phone) => Zones::of_area_code(phone),
        _ => Vec::new(),
    };
    let today = now.date_in(s.zones().shown());
    let mut events: Vec<Event> = s.history.iter().map(|t| event(t, s)).collect();
    events.sort_by_key(|e| e.at);
    Facts {
        at: now,
        medium: s.attempt.channel.into(),
        aim: aim(s.attempt.purpose),
        sender: sender(s),
        debtor: s.debtor.kind,
        debt: match s.debtor.kind {
            PersonKind::Natural if s.account.claim != ClaimKind::TradeReceivable => DebtKind::Consumer,
            _ => DebtKind::Business,
        },
        claim: claim(s.account.claim),
        balance: None,
        days_overdue: Some(s.account.days_past_due(today)),
        debtor_country: s.debtor.country.clone(),
        debtor_region: s.debtor.region.clone(),
        debtor_city: None,
        debtor_postal: s.debtor.postal_code.clone(),
        recipient_country: s.recipient.country.clone().or_else(|| region_of_address(s)),
        recipient_region: s.recipient.region.clone(),
        role,
        relation,
        place: place_of(s.contact_point.usage),
        marks: marks(s, now),
        says: Set::EMPTY,
        person: RECIPIENT,
        household: [RECIPIENT, if s.role == Role::Spouse { DEBTOR } else { RECIPIENT }],
        collector: 1,
        creditor: 1,
        point: 1,
        debts: 1,
        zones: zones
            .map(|z| Candidate {
                zone: *z,
                area_code: dialled.contains(z),
            })
            .collect(),
        events,
        allowed: s.consents.iter().filter_map(|c| allowed(c, s, now)).collect(),
        personal: personal(s, now),
        away_until: None,
        reply_to: None,
        left_out: Set::EMPTY,
        inbound: None,
        windows: [None, None, None],
        days: [None; 3],
        holidays: None,
        missing: Vec::new(),
    }
}

/// The country of the number or of the postal address, where the person has none.
fn region_of_address(s: &Situation) -> Option<String> {
    match (&s.debtor.country, &s.contact_point.address) {
        (Some(_), _) | (None, Address::Email(_)) => None,
        (None, Address::Phone(phone)) => phone.region().map(str::to_owned),
        (None, Address::Postal(postal)) => Some(postal.country.clone()),
    }
}

fn aim(purpose: Purpose) -> Set<Aim> {
    match purpose {
        Purpose::Collection => Aim::Collection,
        Purpose::StatutoryNotice => Aim::StatutoryNotice,
        Purpose::Reply => Aim::Reply,
        Purpose::ServiceInfo => Aim::ServiceInfo,
    }
    .with_class()
}

fn sender(s: &Situation) -> Set<SenderWord> {
    match s.sender.kind {
        SenderKind::Creditor if s.creditor.is_bank => Set::of(&[SenderWord::Creditor, SenderWord::Bank]),
        SenderKind::Creditor => Set::of(&[SenderWord::Creditor]),
        SenderKind::Agency => Set::of(&[SenderWord::Agency]),
        SenderKind::LawFirm => Set::of(&[SenderWord::LawFirm]),
    }
}

fn claim(kind: ClaimKind) -> Set<Claim> {
    match kind {
        ClaimKind::TradeReceivable => Set::of(&[Claim::TradeReceivable]),
        ClaimKind::CreditCard => Set::of(&[Claim::CreditCard, Claim::Financial]),
        ClaimKind::ConsumerLoan => Set::of(&[Claim::ConsumerLoan, Claim::Financial]),
        ClaimKind::OnlineConsumerLoan => Set::of(&[Claim::OnlineConsumerLoan, Claim::Financial]),
        ClaimKind::SecuredLoan => Set::of(&[Claim::SecuredLoan, Claim::Financial]),
        ClaimKind::Utility => Set::of(&[Claim::Utility]),
        ClaimKind::Rent => Set::of(&[Claim::Rent]),
        ClaimKind::Medical => Set::of(&[Claim::Medical]),
        ClaimKind::Other => Set::of(&[Claim::Other]),
    }
}

fn event(t: &Touch, s: &Situation) -> Event {
    let person = match t.person {
        p if p == s.recipient.id => RECIPIENT,
        p if p == s.debtor.id => DEBTOR,
        _ => OTHER,
    };
    let ended = match t.kind {
        TouchKind::Message => Ended::HandedOver,
        TouchKind::CallUnanswered => Ended::NoAnswer,
        TouchKind::CallAnswered => Ended::NoDiscussion,
        TouchKind::Conversation => Ended::Conversation,
    };
    let mut deeds = Set::of(&[Deed::Outbound]);
    deeds.note(Deed::Conversation, t.kind == TouchKind::Conversation);
    deeds.note(Deed::OutboundWritten, t.kind == TouchKind::Message);
    deeds.note(
        Deed::FirstLetter,
        t.kind == TouchKind::Message && t.channel == Channel::Letter,
    );
    let own = t.person == s.debtor.id;
    let reached = matches!(t.kind, TouchKind::CallAnswered | TouchKind::Conversation);
    deeds.note(Deed::OwnNumberReached, own && reached);
    deeds.note(
        Deed::OwnNumberFailed,
        t.kind == TouchKind::CallUnanswered && t.person == s.debtor.id,
    );
    Event {
        at: t.at,
        way: Way::Out,
        medium: Some(t.channel.into()),
        person,
        debts: u64::from(t.account == s.account.id),
        collector: 1,
        creditor: 0,
        point: if t.address == Some(s.contact_point.address_id) {
            1
        } else {
            2
        },
        place: place_of(s.contact_point.usage),
        ended,
        aim: aim(if t.collection {
            Purpose::Collection
        } else {
            Purpose::ServiceInfo
        }),
        deeds,
        left_out: Set::<Exclusion>::EMPTY,
    }
}

fn allowed(c: &Consent, s: &Situation, now: Moment) -> Option<Allowed> {
    let stands = c.person == s.recipient.id && c.given_at <= now && c.revoked_at.is_none();
    let media = |channel: Option<Channel>| channel.map_or_else(Set::all, |c| Set::of(&[Medium::from(c)]));
    (stands && c.scope != ConsentScope::Channel).then(|| Allowed {
        from: c.given_at,
        until: c.until,
        media: media(c.channel),
        slots: None,
        once: false,
        hours: c.scope == ConsentScope::Hours,
        counts: c.scope == ConsentScope::Frequency,
        collector: 0,
    })
}

/// Hours that the recipient named for this channel. Of several wishes for certain hours only the last holds.
fn personal(s: &Situation, now: Moment) -> Vec<Personal> {
    let week = |slots: &Slots| {
        Week::of_slots(
            slots.days,
            Slot {
                open: slots.from,
                close: slots.to,
            },
        )
    };
    let mut only = None;
    let mut all = Vec::new();
    for w in s.wishes.iter().filter(|w| w.binds(s.attempt.channel, now)) {
        let open = match &w.wish {
            Wish::NotAt(slots) => week(slots).complement(),
            Wish::OnlyAt(slots) => {
                only = Some(Personal {
                    open: week(slots),
                    until: w.until,
                });
                continue;
            }
            Wish::NotTo(_) | Wish::OnlyBy(_) => continue,
        };
        all.push(Personal { open, until: w.until });
    }
    all.extend(only);
    all
}

fn marks(s: &Situation, now: Moment) -> Set<Mark> {
    let mut m = Set::EMPTY;
    let own = |x: &&Suppression| {
        x.stands_at(now)
            && x.channel.is_none_or(|c| c == s.attempt.channel)
            && match x.scope {
                SuppressionScope::Person(p) => p == s.recipient.id,
                SuppressionScope::Account(a) => a == s.account.id,
                SuppressionScope::Address(a) => a == s.contact_point.address_id,
            }
    };
    for x in s.suppressions.iter().filter(own) {
        m = m.and(marks_of(x.reason));
    }
    let (channel, usage) = (s.attempt.channel, s.contact_point.usage);
    m.note(
        Mark::StoppedPlace,
        place_refused(&s.wishes, (channel, usage), now),
    );
    m.note(Mark::StoppedMedium, channel_refused(&s.wishes, channel, now));
    m.note(Mark::MentionsDebt, s.attempt.purpose != Purpose::ServiceInfo);
    m.note(Mark::BankCreditor, s.creditor.is_bank);
    m.note(Mark::Licence, s.sender.licence.is_some());
    m.note(Mark::Mandate, s.sender.mandate.is_some());
    m.note(Mark::FirstContact, s.first_contact);
    m.note(Mark::LaterContact, !s.first_contact);
    m.note(Mark::Settled, s.account.state == AccountState::Settled);
    m.note(Mark::Closed, s.account.state == AccountState::Closed);
    m.note(Mark::Disputed, s.account.disputed);
    m.note(Mark::RecipientDeceased, s.recipient.deceased);
    m.note(Mark::RecipientMinor, s.recipient.minor);
    m.note(Mark::DebtorDeceased, s.debtor.deceased);
    m.note(Mark::DebtorMinor, s.debtor.minor);
    m.note(Mark::AddressBad, !s.contact_point.usable);
    let channel_consent = |c: &Consent| {
        c.scope == ConsentScope::Channel
            && c.person == s.recipient.id
            && c.channel.is_none_or(|channel| channel == s.attempt.channel)
            && c.given_at <= now
            && c.revoked_at.is_none()
            && c.until.is_none_or(|until| now < until)
    };
    m.note(Mark::MediumConsent, s.consents.iter().any(channel_consent));
    // What the store holds as a consent to one medium is on record in a form that can be shown.
    let written = |c: &Consent| channel_consent(c) && c.channel.is_some();
    m.note(Mark::WrittenConsent, s.consents.iter().any(written));
    let email = s.attempt.channel == Channel::Email;
    let at_work = s.contact_point.usage == ContactUse::Workplace;
    m.note(Mark::EmployerEmail, email && at_work);
    m.note(Mark::WorkPermitted, at_work && m.has(Mark::MediumConsent));
    // Texts leave by machine.
    m.note(Mark::Automated, s.attempt.channel == Channel::Sms);
    m
}
