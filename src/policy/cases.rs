//! `cases.toml`: the examples a pack carries, each a situation in shorthand with the expected verdict and rule ids.
//!
//! `[world]` names the invented sender, creditor and people once; `[defaults]` and every `[[case]]` use the same keys.

use std::sync::Arc;

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::error::PolicyError;
use super::examples::{Example, RawExample};
use super::read::{Context, Word, Words};
use crate::domain::*;

/// The cases of one pack.
#[derive(Debug, Default)]
pub struct CaseBook {
    /// In the order of the file.
    pub cases: Vec<Case>,
    /// Examples of facts alone, in the order of the file.
    pub examples: Vec<Example>,
}

/// One example.
#[derive(Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Line in `cases.toml`.
    pub line: usize,
    /// The situation.
    pub situation: Situation,
    /// The draft.
    pub draft: Draft,
    /// The moment.
    pub at: Moment,
    /// The expected verdict.
    pub verdict: VerdictWord,
    /// The instant of the hold, where the case names it.
    pub until: Option<Moment>,
    /// Rule ids that must be among the findings; no other finding may be there.
    pub rules: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawBook {
    world: Option<RawWorld>,
    #[serde(default)]
    defaults: RawFacts,
    #[serde(default)]
    case: Vec<RawCase>,
    #[serde(default)]
    example: Vec<RawExample>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWorld {
    sender_name: String,
    signature: String,
    creditor_name: String,
    debtor_name: String,
    phone: String,
    email: String,
    debtor_phone: String,
    debtor_email: String,
    debtor_address: String,
    payee_holder: String,
    payee_bank: String,
    payee_number: String,
    reference: String,
}

macro_rules! facts {
    ($($(#[$m:meta])* $field:ident : $ty:ty),* $(,)?) => {
        #[derive(Deserialize, Default)]
        #[serde(deny_unknown_fields)]
        struct RawFacts { $($(#[$m])* $field: Option<$ty>),* }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct RawCase {
            name: toml::Spanned<String>,
            verdict: Word<VerdictWord>,
            rules: Vec<String>,
            until: Option<String>,
            $($(#[$m])* $field: Option<$ty>),*
        }

        impl RawCase {
            fn over(self, base: &RawFacts) -> (toml::Spanned<String>, Word<VerdictWord>, Vec<String>, Option<String>, RawFacts) {
                let facts = RawFacts { $($field: self.$field.or_else(|| base.$field.clone())),* };
                (self.name, self.verdict, self.rules, self.until, facts)
            }
        }
    };
}

words! {
    /// The word of a verdict in a case.
    VerdictWord as "verdict" {
        /// May go now.
        Cleared = "cleared",
        /// Fine later.
        Held = "held",
        /// A person must decide.
        Review = "review",
        /// Not in this form.
        Blocked = "blocked",
    }
}

facts! {
    /// Local date and time in the first zone: `2026-04-07 15:30`.
    at: String,
    zones: Vec<String>,
    country: String,
    debtor: Word<PersonKind>,
    claim: Word<ClaimKind>,
    sender: Word<SenderKind>,
    bank_creditor: bool,
    licence: bool,
    mandate: bool,
    role: Word<Role>,
    usage: Word<ContactUse>,
    channel: Word<Channel>,
    purpose: Word<Purpose>,
    first_contact: bool,
    state: Word<AccountState>,
    disputed: bool,
    promised_until: String,
    deceased: bool,
    minor: bool,
    legal_approved: bool,
    payee_confirmed: bool,
    suppression: Words<SuppressionReason>,
    consents: Words<ConsentScope>,
    /// `not at mon-fri 18:00-09:00`, `only by email` ...
    wishes: Words<Wish>,
    packs: Vec<String>,
    /// `sms 2026-04-07 09:00`, in the first zone; `conversation`, `call_unanswered` ... for calls.
    history: Vec<String>,
    /// Also touches about the debt towards somebody else: same form as `history`.
    history_other_person: Vec<String>,
    /// `{words}` in it is replaced by `words`, or by nothing.
    text: String,
    words: String,
    subject: String,
}

impl<T: Clone> Clone for Word<T> {
    fn clone(&self) -> Self {
        Word(self.0.clone())
    }
}

/// Reads `cases.toml`.
pub(crate) fn read(cx: &Context<'_>) -> Result<CaseBook, PolicyError> {
    let raw: RawBook = toml::from_str(cx.text).map_err(|e| PolicyError::of_toml(cx.file, cx.text, &e))?;
    let examples = raw
        .example
        .into_iter()
        .map(|e| super::examples::read(e, cx))
        .collect::<Result<_, _>>()?;
    let Some(world) = raw.world else {
        return match raw.case.first() {
            Some(case) => Err(cx.wrong(
                case.name.span().start,
                "cases without `[world]`",
                "one `[world]` table",
            )),
            None => Ok(CaseBook {
                cases: Vec::new(),
                examples,
            }),
        };
    };
    let mut cases = Vec::new();
    for case in raw.case {
        let (name, verdict, rules, until, facts) = case.over(&raw.defaults);
        let byte = name.span().start;
        let build = Builder {
            world: &world,
            facts: &facts,
        };
        let wrong = |e: String| cx.wrong(byte, e, "facts that make a situation (see policies/README.md)");
        let (situation, at) = build.situation().map_err(wrong)?;
        let until = until.map(|u| build.local(&u)).transpose().map_err(wrong)?;
        cases.push(Case {
            line: cx.text[..byte].matches('\n').count() + 1,
            name: name.into_inner(),
            draft: build.draft(),
            verdict: verdict.0,
            situation,
            at,
            until,
            rules,
        });
    }
    Ok(CaseBook { cases, examples })
}

struct Builder<'a> {
    world: &'a RawWorld,
    facts: &'a RawFacts,
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn word<T: Copy>(w: &Option<Word<T>>, default: T) -> T {
    w.as_ref().map_or(default, |w| w.0)
}

impl Builder<'_> {
    fn zones(&self) -> Result<Vec<Tz>, String> {
        let names = self
            .facts
            .zones
            .clone()
            .unwrap_or_else(|| vec!["Asia/Shanghai".to_owned()]);
        names
            .iter()
            .map(|z| z.parse().map_err(|_| format!("`{z}` as a time zone")))
            .collect()
    }

    fn local(&self, text: &str) -> Result<Moment, String> {
        let zone = self.zones()?.first().copied().unwrap_or(Tz::UTC);
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M")
            .map_err(|_| format!("`{text}` as a local time"))?;
        let at = zone
            .from_local_datetime(&local)
            .earliest()
            .ok_or_else(|| format!("`{text}`, which that day skips"))?;
        Ok(Moment::new(at.to_utc()))
    }

    fn country(&self) -> Option<String> {
        self.facts.country.clone().filter(|c| !c.is_empty())
    }

    fn person(&self, n: u128, kind: PersonKind) -> Result<Person, String> {
        let zones = self.zones()?;
        Ok(Person {
            id: PersonId(id(n)),
            kind,
            name: PersonName::parse(&self.world.debtor_name)?,
            locale: Locale::ZhCn,
            country: self.country(),
            region: None,
            zones: Zones::of(zones, ZoneSource::Country),
            postal_code: None,
            zone_until: None,
            deceased: false,
            minor: false,
            revision: 1,
        })
    }

    fn contact_point(&self, person: PersonId, channel: Channel) -> Result<ContactPoint, String> {
        let w = self.world;
        let address = match channel {
            Channel::Sms | Channel::Call => {
                Address::Phone(PhoneNumber::parse(&w.debtor_phone, "CN").map_err(|e| e.to_string())?)
            }
            Channel::Email => Address::Email(EmailAddress::parse(&w.debtor_email)?),
            Channel::Letter => {
                let country = self.country().unwrap_or_else(|| "CN".to_owned());
                Address::Postal(PostalAddress::parse(&w.debtor_address, &country)?)
            }
        };
        Ok(ContactPoint {
            id: ContactPointId(id(40)),
            person,
            address_id: AddressId(id(41)),
            address,
            usage: word(&self.facts.usage, ContactUse::Own),
            zones: Zones::unknown(),
            usable: true,
        })
    }

    fn account(&self) -> Result<Account, String> {
        let f = self.facts;
        let date = |t: &String| t.parse().map_err(|_| format!("`{t}` as a date"));
        let due_on = chrono::NaiveDate::from_ymd_opt(2026, 3, 1).expect("invariant: a date that exists");
        Ok(Account {
            id: AccountId(id(30)),
            portfolio: PortfolioId(id(20)),
            debtor: PersonId(id(1)),
            reference: self.world.reference.clone(),
            claim: word(&f.claim, ClaimKind::ConsumerLoan),
            currency: Currency::CNY,
            amount_minor: 120_000,
            balance_minor: 120_000,
            issued_on: None,
            due_on,
            instalments: None,
            preferred: None,
            confirmed: true,
            observation: false,
            legal_action_approved: f.legal_approved.unwrap_or(false),
            state: word(&f.state, AccountState::Open),
            disputed: f.disputed.unwrap_or(false),
            promised_until: f.promised_until.as_ref().map(date).transpose()?,
            revision: 1,
        })
    }

    fn touches(&self, list: &Option<Vec<String>>, person: PersonId) -> Result<Vec<Touch>, String> {
        list.iter().flatten().map(|t| self.touch(t, person)).collect()
    }

    fn touch(&self, text: &str, person: PersonId) -> Result<Touch, String> {
        let (what, when) = text
            .split_once(' ')
            .ok_or_else(|| format!("`{text}` as a touch such as `sms 2026-04-07 09:00`"))?;
        let (channel, kind) = match what.parse::<Channel>() {
            Ok(channel) => (channel, TouchKind::Message),
            Err(_) => (
                Channel::Call,
                what.parse().map_err(|e: UnknownWord| e.to_string())?,
            ),
        };
        Ok(Touch {
            at: self.local(when)?,
            person,
            account: AccountId(id(30)),
            address: Some(AddressId(id(41)))
                .filter(|_| person == PersonId(id(1)) || person == PersonId(id(2))),
            channel,
            kind,
            collection: true,
        })
    }

    fn sender(&self) -> Result<Sender, String> {
        let (w, f) = (self.world, self.facts);
        let kind = word(&f.sender, SenderKind::Agency);
        Ok(Sender {
            id: SenderId(id(11)),
            kind,
            name: if kind == SenderKind::Creditor {
                w.creditor_name.clone()
            } else {
                w.sender_name.clone()
            },
            signature: w.signature.clone(),
            licence: f.licence.unwrap_or(true).then(|| "L-1".to_owned()),
            phone: Some(PhoneNumber::parse(&w.phone, "CN").map_err(|e| e.to_string())?),
            email: Some(EmailAddress::parse(&w.email)?),
            postal: None,
            staffed: None,
            opt_out_word: "T".to_owned(),
            mandate: f.mandate.unwrap_or(true).then(|| "M-1".to_owned()),
        })
    }

    fn attempt(&self, recipient: PersonId, at: Moment) -> Attempt {
        let f = self.facts;
        Attempt {
            id: AttemptId(id(50)),
            account: AccountId(id(30)),
            recipient,
            contact_point: ContactPointId(id(40)),
            channel: word(&f.channel, Channel::Sms),
            purpose: word(&f.purpose, Purpose::Collection),
            origin: Origin::Collector,
            stage: String::new(),
            step: String::new(),
            template: None,
            own_subject: None,
            own_text: None,
            due_at: at,
            expires_at: at + chrono::TimeDelta::days(30),
            approved: false,
            state: AttemptState::Planned,
        }
    }

    fn situation(&self) -> Result<(Situation, Moment), String> {
        let (w, f) = (self.world, self.facts);
        let at = self.local(f.at.as_deref().unwrap_or("2026-04-08 15:30"))?;
        let kind = word(&f.debtor, PersonKind::Natural);
        let role = word(&f.role, Role::Debtor);
        let mut debtor = self.person(1, kind)?;
        let mut recipient = self.person(if role == Role::Debtor { 1 } else { 2 }, kind)?;
        recipient.deceased = f.deceased.unwrap_or(false);
        recipient.minor = f.minor.unwrap_or(false);
        if role == Role::Debtor {
            debtor = recipient.clone();
        }
        let suppression = |(n, r): (usize, &Word<SuppressionReason>)| Suppression {
            id: SuppressionId(id(60 + n as u128)),
            scope: SuppressionScope::Person(recipient.id),
            channel: None,
            reason: r.0,
            since: at - chrono::TimeDelta::days(1),
            until: None,
        };
        let consent = |(n, c): (usize, &Word<ConsentScope>)| Consent {
            id: ConsentId(id(70 + n as u128)),
            person: recipient.id,
            scope: c.0,
            channel: None,
            given_at: at - chrono::TimeDelta::days(1),
            until: None,
            revoked_at: None,
        };
        let wish = |(n, w): (usize, &Word<Wish>)| StandingWish {
            id: WishId(id(80 + n as u128)),
            person: recipient.id,
            wish: w.0.clone(),
            channel: None,
            since: at - chrono::TimeDelta::days(1),
            until: None,
        };
        let mut history = self.touches(&f.history, recipient.id)?;
        history.extend(self.touches(&f.history_other_person, PersonId(id(3)))?);
        let payee = Payee {
            id: PayeeId(id(12)),
            holder: w.payee_holder.clone(),
            bank: w.payee_bank.clone(),
            number: w.payee_number.clone(),
            confirmed: f.payee_confirmed.unwrap_or(true),
        };
        let situation = Situation {
            attempt: self.attempt(recipient.id, at),
            portfolio: Arc::new(Portfolio {
                id: PortfolioId(id(20)),
                name: "case".to_owned(),
                creditor: CreditorId(id(10)),
                sender: SenderId(id(11)),
                ladder: "traffic-light".to_owned(),
                packs: f.packs.clone().unwrap_or_default(),
                zone: Tz::Asia__Shanghai,
            }),
            creditor: Arc::new(Creditor {
                id: CreditorId(id(10)),
                name: w.creditor_name.clone(),
                country: "CN".to_owned(),
                is_bank: f.bank_creditor.unwrap_or(false),
            }),
            sender: Arc::new(self.sender()?),
            payees: Arc::new(vec![payee]),
            account: self.account()?,
            contact_point: self.contact_point(recipient.id, word(&f.channel, Channel::Sms))?,
            suppressions: f
                .suppression
                .iter()
                .flatten()
                .enumerate()
                .map(suppression)
                .collect(),
            consents: f.consents.iter().flatten().enumerate().map(consent).collect(),
            wishes: f.wishes.iter().flatten().enumerate().map(wish).collect(),
            first_contact: f.first_contact.unwrap_or(false),
            debtor,
            recipient,
            role,
            history,
        };
        Ok((situation, at))
    }

    fn draft(&self) -> Draft {
        let (w, f) = (self.world, self.facts);
        let text = f
            .text
            .as_deref()
            .unwrap_or("")
            .replace("{words}", f.words.as_deref().unwrap_or(""));
        let subject = f.subject.clone().unwrap_or_default();
        match word(&f.channel, Channel::Sms) {
            Channel::Sms | Channel::Call => {
                let units = text.encode_utf16().count();
                let segments = Segments {
                    coding: SmsCoding::Ucs2,
                    units,
                    count: units.div_ceil(67).max(1),
                };
                Draft::Sms(Sms { text, segments })
            }
            Channel::Email => Draft::Email(Email {
                subject,
                html: format!("<p>{}</p>", escape(&text)),
                text,
            }),
            Channel::Letter => Draft::Letter(Box::new(Letter {
                recipient: vec![w.debtor_name.clone()],
                letterhead: vec![w.sender_name.clone(), w.phone.clone()],
                date: String::new(),
                reference: w.reference.clone(),
                subject,
                paragraphs: vec![text],
                table: Vec::new(),
                after_table: Vec::new(),
                closing: Vec::new(),
                signature: Vec::new(),
                payment: None,
                return_slip: Vec::new(),
                page_words: String::new(),
                form: LetterForm::China,
                lang: "zh-CN".to_owned(),
                layout: String::new(),
            })),
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
