//! What stops contact whatever the words are: suppressions, states of the account, facts about people, and whom one
//! may write to at all.

use crate::domain::*;

use super::Desk;

/// Judges everything that stands on record.
pub(super) fn judge(desk: &mut Desk<'_>) {
    consistency(desk);
    account(desk);
    people(desk);
    suppressions(desk);
    wishes(desk);
}

fn consistency(desk: &mut Desk<'_>) {
    let s = desk.s;
    let a = &s.attempt;
    let carries = match desk.draft {
        Draft::Sms(_) => matches!(a.channel, Channel::Sms | Channel::Call),
        Draft::Email(_) => a.channel == Channel::Email,
        Draft::Letter(_) => a.channel == Channel::Letter,
    };
    let fits = carries
        && a.account == s.account.id
        && a.recipient == s.recipient.id
        && a.contact_point == s.contact_point.id
        && s.contact_point.person == s.recipient.id
        && s.contact_point.carries(a.channel)
        && s.account.debtor == s.debtor.id
        && s.account.portfolio == s.portfolio.id
        && s.portfolio.creditor == s.creditor.id
        && s.portfolio.sender == s.sender.id
        && (s.role == Role::Debtor) == (s.recipient.id == s.debtor.id);
    desk.core_if(!fits, "situation.inconsistent", Verdict::Blocked);
    desk.core_if(desk.now >= a.expires_at, "attempt.expired", Verdict::Blocked);
    desk.core_hold("attempt.not_due", (desk.now < a.due_at).then_some(a.due_at));
    desk.core_if(!s.contact_point.usable, "status.unreachable", Verdict::Blocked);
}

fn account(desk: &mut Desk<'_>) {
    let s = desk.s;
    let asks = matches!(s.attempt.purpose, Purpose::Collection | Purpose::StatutoryNotice);
    let collects = s.attempt.purpose == Purpose::Collection;
    let paid = s.account.state == AccountState::Settled
        || (s.account.balance_minor <= 0 && s.account.state == AccountState::Open);
    desk.core_if(asks && paid, "status.paid", Verdict::Blocked);
    desk.core_if(
        asks && s.account.state == AccountState::Closed,
        "status.closed",
        Verdict::Blocked,
    );
    desk.core_if(
        collects && s.account.disputed,
        "status.disputed",
        Verdict::Blocked,
    );
    let zones = &s.zones().candidates;
    // The promise covers its own day, in every zone the recipient could be in.
    let over = s
        .account
        .promised_until
        .and_then(|d| d.succ_opt())
        .and_then(|day| {
            zones
                .iter()
                .filter_map(|z| super::timetable::day_start(*z, day, true))
                .max()
        });
    let until = match (s.account.promised_until, over) {
        (Some(_), None) => Some(desk.now + chrono::TimeDelta::days(1)),
        (_, over) => over,
    };
    desk.core_hold(
        "status.promised",
        until.filter(|until| collects && desk.now < *until),
    );
}

fn people(desk: &mut Desk<'_>) {
    let s = desk.s;
    let survives = matches!(s.role, Role::Executor | Role::Guarantor | Role::Counsel);
    let dead = s.recipient.deceased || (s.debtor.deceased && !survives);
    desk.core_if(dead, "status.deceased", Verdict::Blocked);
    let speaks_for_minor = matches!(s.role, Role::Guardian | Role::Guarantor | Role::Counsel);
    let minor = s.recipient.minor || (s.debtor.minor && !speaks_for_minor);
    desk.core_if(minor, "status.minor", Verdict::Blocked);
    let asks = matches!(s.attempt.purpose, Purpose::Collection | Purpose::StatutoryNotice);
    let reference = crate::policy::fold::fold(&s.account.reference);
    let named = reference.text().len() >= 4
        && desk
            .parts
            .iter()
            .any(|p| p.folded.text().contains(reference.text()));
    let discloses = !s.role.answers_for_the_debt() && (asks || named);
    desk.core_if(discloses, "recipient.third_party", Verdict::Blocked);
}

/// Suppressions that stand and cover this attempt, with what each leads to.
fn suppressions(desk: &mut Desk<'_>) {
    let s = desk.s;
    for reason in SuppressionReason::ALL {
        let worst = s
            .suppressions
            .iter()
            .filter(|x| x.reason == *reason && x.stands_at(desk.now))
            .filter(|x| x.channel.is_none_or(|c| c == s.attempt.channel))
            .filter_map(|x| stops(x, s))
            .max();
        let id = match reason {
            SuppressionReason::Death => "status.deceased".to_owned(),
            // It ends when a person has decided, so it is asked again.
            SuppressionReason::OpenReply => {
                let again = desk.now + chrono::TimeDelta::days(1);
                desk.core_hold("status.open_reply", worst.map(|_| again));
                continue;
            }
            other => format!("status.{other}"),
        };
        desk.core_if(worst.is_some(), &id, worst.unwrap_or(Verdict::Cleared));
    }
}

fn stops(x: &Suppression, s: &Situation) -> Option<Verdict> {
    use SuppressionReason::*;
    match x.scope {
        SuppressionScope::Address(address) if address != s.contact_point.address_id => return None,
        SuppressionScope::Account(account) if account != s.account.id => return None,
        SuppressionScope::Person(person) if person != s.recipient.id => {
            return (person == s.debtor.id)
                .then(|| through_debtor(x.reason, s.role))
                .flatten();
        }
        _ => {}
    }
    let purpose = s.attempt.purpose;
    let passes = match x.reason {
        OptOut => purpose == Purpose::Reply,
        CeaseCommunication => matches!(purpose, Purpose::Reply | Purpose::StatutoryNotice),
        Counsel => s.role == Role::Counsel,
        Insolvency => matches!(purpose, Purpose::Reply | Purpose::StatutoryNotice),
        Death => matches!(s.role, Role::Executor),
        Minor => matches!(s.role, Role::Guardian),
        OpenReply => purpose == Purpose::Reply,
        WrongParty | Unreachable | PoliceOrder => false,
        BreathingSpace | Hardship | Complaint => purpose != Purpose::Collection,
    };
    (!passes).then_some(Verdict::Blocked)
}

/// What the recipient asked for about places and media. What the law itself asks for passes, and so does an answer.
fn wishes(desk: &mut Desk<'_>) {
    let s = desk.s;
    let binds = matches!(s.attempt.purpose, Purpose::Collection | Purpose::ServiceInfo);
    let channel = s.attempt.channel;
    let to = (channel, s.contact_point.usage);
    for (id, refused) in [
        ("wish.place", place_refused(&s.wishes, to, desk.now)),
        ("wish.medium", channel_refused(&s.wishes, channel, desk.now)),
    ] {
        desk.core_if(binds && refused, id, Verdict::Blocked);
    }
}

/// What a suppression of the debtor means for somebody else who is addressed about the same debt.
fn through_debtor(reason: SuppressionReason, role: Role) -> Option<Verdict> {
    use SuppressionReason::*;
    match reason {
        Death if matches!(role, Role::Executor | Role::Guarantor | Role::Counsel) => None,
        Minor if matches!(role, Role::Guardian | Role::Guarantor | Role::Counsel) => None,
        Death | Minor => Some(Verdict::Blocked),
        // Whether a co-obligor may still be asked depends on the order and the court: a person decides.
        Insolvency | PoliceOrder | BreathingSpace | Complaint if role != Role::Counsel => {
            Some(Verdict::Review)
        }
        _ => None,
    }
}
