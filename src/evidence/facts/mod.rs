//! The facts a decision rests on, written down so that the decision can be made again: a [`Situation`] as canonical
//! JSON and back. What belongs to the portfolio stands in a text of its own, because many decisions share it.
//!
//! Nothing is left out: a new field of the domain does not compile before it is written and read here.

mod form;
mod read;
mod write;

use std::sync::Arc;

use crate::domain::{Creditor, Moment, Payee, Portfolio, Sender};

pub use read::{named_in, read_desk, read_situation};
pub use write::{desk_facts, situation_facts};

/// Version of the form; a change of meaning raises it.
const FORM: u32 = 1;

/// Why kept facts cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the kept facts cannot be read: {0}")]
pub struct UnreadableFacts(String);

impl From<serde_json::Error> for UnreadableFacts {
    fn from(e: serde_json::Error) -> UnreadableFacts {
        // The words of the reader name fields and kinds of values; a value itself may be personal.
        UnreadableFacts(format!("line {}, column {}", e.line(), e.column()))
    }
}

fn wrong(what: &str) -> UnreadableFacts {
    UnreadableFacts(what.to_owned())
}

/// What belongs to the portfolio of a situation: the same for all its debts until somebody changes the registry.
#[derive(Debug, Clone)]
pub struct KeptDesk {
    portfolio: Arc<Portfolio>,
    creditor: Arc<Creditor>,
    sender: Arc<Sender>,
    payees: Arc<Vec<Payee>>,
}

/// What stands beside a situation: when it was judged, and texts that it names by SHA-256, in hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The moment that the guard was given as now.
    pub judged_at: Moment,
    /// The [`desk_facts`] of the situation.
    pub desk: String,
    /// The list of the templates that the words were made with.
    pub templates: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::*;
    use crate::evidence::parse_canonical;
    use chrono_tz::Tz;
    use uuid::Uuid;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    fn person_of(n: u128, name: &str) -> Person {
        Person {
            id: PersonId(id(n)),
            kind: PersonKind::Natural,
            name: PersonName::parse(name).unwrap(),
            locale: Locale::ZhTw,
            country: Some("TW".into()),
            region: None,
            postal_code: Some("10110".into()),
            zones: Zones::of(vec![Tz::Asia__Jakarta, Tz::Asia__Makassar], ZoneSource::Region),
            zone_until: chrono::NaiveDate::from_ymd_opt(2026, 5, 1),
            deceased: false,
            minor: true,
            revision: i64::MAX,
        }
    }

    /// A situation in which every optional thing is there, or none is.
    fn situation(rich: bool) -> Situation {
        let debtor = person_of(1, "王 \"小\" 明\u{3000}x");
        let recipient = if rich { person_of(2, "Ana") } else { debtor.clone() };
        let when = at("2026-04-07T08:00:00.123456Z");
        let touch = |person, address| Touch {
            at: when,
            person: PersonId(id(person)),
            account: AccountId(id(30)),
            address,
            channel: Channel::Call,
            kind: TouchKind::Conversation,
            collection: rich,
        };
        let suppression = |scope| Suppression {
            id: SuppressionId(id(60)),
            scope,
            channel: rich.then_some(Channel::Email),
            reason: SuppressionReason::Hardship,
            since: when,
            until: rich.then_some(when),
        };
        Situation {
            attempt: Attempt {
                id: AttemptId(id(50)),
                account: AccountId(id(30)),
                recipient: recipient.id,
                contact_point: ContactPointId(id(40)),
                channel: Channel::Letter,
                purpose: Purpose::StatutoryNotice,
                origin: Origin::Api,
                stage: String::new(),
                step: "a\tb".into(),
                template: rich.then(|| "demand-letter".into()),
                own_subject: rich.then(|| "S".into()),
                own_text: (!rich).then(|| "line\nline \u{7f} \u{1}".into()),
                due_at: when,
                expires_at: when,
                approved: rich,
                state: AttemptState::Held,
            },
            portfolio: Arc::new(Portfolio {
                id: PortfolioId(id(20)),
                name: "trade".into(),
                creditor: CreditorId(id(10)),
                sender: SenderId(id(11)),
                ladder: "traffic-light".into(),
                packs: vec!["cn".into()],
                zone: Tz::Asia__Shanghai,
            }),
            creditor: Arc::new(Creditor {
                id: CreditorId(id(10)),
                name: "Linden".into(),
                country: "CN".into(),
                is_bank: rich,
            }),
            sender: Arc::new(Sender {
                id: SenderId(id(11)),
                kind: SenderKind::LawFirm,
                name: "Firm".into(),
                signature: "【Firm】".into(),
                licence: rich.then(|| "L".into()),
                phone: rich.then(|| PhoneNumber::parse("13800000001", "CN").unwrap()),
                email: rich.then(|| EmailAddress::parse("desk@example.com").unwrap()),
                postal: rich.then(|| PostalAddress::parse("1 Road|Town", "CN").unwrap()),
                staffed: None,
                opt_out_word: "T".into(),
                mandate: rich.then(|| "M".into()),
            }),
            payees: Arc::new(vec![Payee {
                id: PayeeId(id(12)),
                holder: "Linden".into(),
                bank: "Bank".into(),
                number: "123".into(),
                confirmed: rich,
            }]),
            account: Account {
                id: AccountId(id(30)),
                portfolio: PortfolioId(id(20)),
                debtor: debtor.id,
                reference: "007".into(),
                claim: ClaimKind::Medical,
                currency: Currency::CNY,
                amount_minor: i64::MAX,
                balance_minor: -5,
                issued_on: rich.then(|| "2026-01-01".parse().unwrap()),
                due_on: "2026-03-01".parse().unwrap(),
                instalments: rich.then_some(Instalments {
                    overdue: 2,
                    amount_minor: 7,
                }),
                confirmed: true,
                observation: false,
                legal_action_approved: true,
                preferred: rich.then_some(Channel::Sms),
                state: AccountState::Open,
                disputed: rich,
                promised_until: rich.then(|| "2026-05-01".parse().unwrap()),
                revision: 3,
            },
            contact_point: ContactPoint {
                id: ContactPointId(id(40)),
                person: recipient.id,
                address_id: AddressId(id(41)),
                address: match rich {
                    true => Address::Postal(PostalAddress::parse("2 Road|City", "TW").unwrap()),
                    false => Address::Phone(PhoneNumber::stored("+886912345678", None)),
                },
                usage: ContactUse::Home,
                zones: if rich {
                    Zones::stated(Tz::Asia__Taipei)
                } else {
                    Zones::unknown()
                },
                usable: true,
            },
            suppressions: vec![
                suppression(SuppressionScope::Person(debtor.id)),
                suppression(SuppressionScope::Account(AccountId(id(30)))),
                suppression(SuppressionScope::Address(AddressId(id(41)))),
            ],
            consents: vec![Consent {
                id: ConsentId(id(70)),
                person: recipient.id,
                scope: ConsentScope::Hours,
                channel: rich.then_some(Channel::Call),
                given_at: when,
                until: rich.then_some(when),
                revoked_at: rich.then_some(when),
            }],
            wishes: vec![StandingWish {
                id: WishId(id(71)),
                person: recipient.id,
                wish: "not at mon-fri 18:00-09:00".parse().unwrap(),
                channel: rich.then_some(Channel::Call),
                since: when,
                until: rich.then_some(when),
            }],
            history: vec![
                touch(1, None),
                touch(2, Some(AddressId(id(41)))),
                touch(3, Some(AddressId(id(99)))),
            ],
            first_contact: rich,
            role: if rich { Role::Guarantor } else { Role::Debtor },
            debtor,
            recipient,
        }
    }

    #[test]
    fn a_situation_comes_back_as_it_was_and_is_spelt_canonically() {
        for rich in [false, true] {
            let s = situation(rich);
            let named = Named {
                judged_at: at("2026-04-07T08:00:01Z"),
                desk: "ab".repeat(32),
                templates: rich.then(|| "cd".repeat(32)),
            };
            let (desk, facts) = (desk_facts(&s), situation_facts(&s, &named));
            for text in [&desk, &facts] {
                parse_canonical(text).unwrap_or_else(|e| panic!("{e}: {text}"));
            }
            assert_eq!(named_in(&facts).unwrap(), named);
            let back = read_situation(&facts, &read_desk(&desk).unwrap()).unwrap();
            assert_eq!(situation_facts(&back, &named), facts);
            assert_eq!(desk_facts(&back), desk);
            let same = (&back.account, &back.debtor, &back.recipient, &back.attempt);
            assert_eq!(same, (&s.account, &s.debtor, &s.recipient, &s.attempt));
            assert_eq!(
                (
                    &back.history,
                    &back.suppressions,
                    (&back.consents, &back.wishes),
                    &back.contact_point
                ),
                (
                    &s.history,
                    &s.suppressions,
                    (&s.consents, &s.wishes),
                    &s.contact_point
                )
            );
            assert_eq!((&*back.portfolio, &*back.sender), (&*s.portfolio, &*s.sender));
            assert_eq!((&*back.creditor, &*back.payees), (&*s.creditor, &*s.payees));
            assert_eq!((back.role, back.first_contact), (s.role, s.first_contact));
        }
    }

    #[test]
    fn what_was_changed_by_hand_is_refused_without_telling_it() {
        let s = situation(true);
        let named = Named {
            judged_at: at("2026-04-07T08:00:01Z"),
            desk: "00".into(),
            templates: None,
        };
        let facts = situation_facts(&s, &named);
        let desk = read_desk(&desk_facts(&s)).unwrap();
        let check = |from: &str, to: &str| {
            let changed = facts.replace(from, to);
            assert_ne!(changed, facts, "{from}");
            let error = read_situation(&changed, &desk).unwrap_err().to_string();
            assert!(!error.contains("Ana"), "{error}");
        };
        check("\"form\":1", "\"form\":2");
        check("\"Ana\"", "\"\"");
        check("\"role\":\"guarantor\"", "\"role\":\"Ana\"");
        check(" conversation c ", " conversation x ");
        check("\"minor\":true", "\"minr\":true");
    }
}
