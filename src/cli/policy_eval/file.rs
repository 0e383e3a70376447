//! The collector, the debts and the file of a line: `given.collector`, `given.facts`, and what the attempt is about.

use std::cell::RefCell;

use chrono::NaiveDate;

use super::reading::{Object, Until, dates_in, window_in};
use crate::domain::Moment;
use crate::policy::{Claim, Key, Medium, SenderWord, Set, Slot, Week};

pub(super) const COLLECTOR: &[&str] = &["id", "type", "name", "licence", "note", "registered", "country"];

/// Fields of `given.facts`; those about conduct are read by `conduct`.
const FACTS: &[&str] = &[
    "holiday",
    "make_up_working_day",
    "debt_type",
    "days_overdue",
    "balance_gbp",
    "household_debt",
    "debts",
    "debt",
    "time_barred",
    "statute_barred",
    "succession",
    "paying_under_debt_payment_programme",
    "house_window",
    "contract_times",
    "creditor_file_note",
    "creditor_terms",
    "working_hours",
    "knows_consumer_is_at_place_now",
    "debtor_unreachable",
    "contact_source",
    "identity_verified",
    "match",
    "address_known_bad",
    "address_source",
    "shared_voicemail_box",
    "has_home_contact",
    "tried_home",
    "permission_work",
    "employer_prohibits_calls",
    "email",
    "reassigned_number_check",
    "attorney_unresponsive_reasonable_period",
    "agency_on_public_list",
    "autodialed_or_prerecorded",
    "agreed_to_details_by_sms",
    "interest_claimed",
    "costs_claimed",
    "no_other_way_to_reach",
    "note",
];

pub(super) const DEBT: &[&str] = &[
    "type",
    "servicing_account",
    "creditor",
    "note",
    "time_barred",
    "statute_barred",
    "succession",
    "paying_under_debt_payment_programme",
];

/// What the file says beside people and the timeline.
pub(super) struct File<'v> {
    pub(super) at: Moment,
    pub(super) medium: Medium,
    pub(super) sender: Set<SenderWord>,
    /// Who acts in the attempt.
    pub(super) collector: Key,
    /// The collector of the example; who acted where an event does not say.
    pub(super) example_collector: Key,
    pub(super) claim: Set<Claim>,
    pub(super) days_overdue: Option<i64>,
    /// `None`: the file names a holiday without its date.
    pub(super) holidays: Option<Vec<NaiveDate>>,
    pub(super) windows: [Option<Week>; 3],
    pub(super) facts: Object<'v>,
    /// Debts of the attempt in order; loans under one servicing account are one.
    debts: Vec<String>,
    accounts: Vec<(String, String)>,
    names: RefCell<Vec<(char, String)>>,
}

impl<'v> File<'v> {
    pub(super) fn read(given: Object<'v>, attempt: Object<'v>) -> Option<File<'v>> {
        let odd = given.odd();
        let facts = Object::of(given.get("facts"), "facts", FACTS, odd);
        let by = Object::of(given.get("collector"), "collector", COLLECTOR, odd);
        if by.get("type").is_none() {
            by.wrong("type");
        }
        let mut file = File {
            at: required(attempt, "at", attempt.instant("at"))?,
            medium: required(attempt, "channel", attempt.word("channel", medium))?,
            sender: by.word("type", sender).unwrap_or_default(),
            collector: 0,
            example_collector: 0,
            claim: Set::EMPTY,
            days_overdue: facts.number("days_overdue"),
            holidays: holidays(facts),
            windows: windows(facts),
            facts,
            debts: Vec::new(),
            accounts: Vec::new(),
            names: RefCell::default(),
        };
        file.example_collector = file.key('c', by.text("id").unwrap_or(""));
        let acts = attempt.text("collector").map(|c| file.key('c', c));
        file.collector = acts.unwrap_or(file.example_collector);
        file.read_debts(attempt);
        Some(file)
    }

    fn read_debts(&mut self, attempt: Object<'v>) {
        let odd = attempt.odd();
        let mut claims: Vec<&str> = self.facts.texts("debt_type");
        if let Some(map) = self.facts.get("debts").and_then(|d| d.as_object()) {
            for (id, debt) in map {
                let debt = Object::of(Some(debt), "facts.debts", DEBT, odd);
                if let Some(account) = debt.text("servicing_account") {
                    self.accounts.push((id.clone(), format!("account {account}")));
                }
                if attempt.texts("debts").contains(&id.as_str()) {
                    claims.extend(debt.text("type"));
                }
            }
        } else if self.facts.get("debts").is_some() {
            self.facts.wrong("debts");
        }
        for word in claims {
            match claim(word) {
                Some(set) => self.claim = self.claim.and(set),
                None => self.facts.wrong("debt_type"),
            }
        }
        for debt in attempt.texts("debts") {
            let debt = self.pooled(debt).to_owned();
            if !self.debts.contains(&debt) {
                self.debts.push(debt);
            }
        }
        if self.debts.len() > 63 {
            attempt.wrong("debts");
        }
    }

    /// Loans under one servicing account count as one debt.
    fn pooled<'a>(&'a self, debt: &'a str) -> &'a str {
        let account = self.accounts.iter().find(|(id, _)| id == debt);
        account.map_or(debt, |(_, account)| account)
    }

    /// How many debts the attempt is about; at least one, so that counts by debt have something to count.
    pub(super) fn debts(&self) -> u32 {
        self.debts.len().clamp(1, 63) as u32
    }

    /// Which of them a list names, as bits; an event that names none is about all of them.
    pub(super) fn debt_bits(&self, named: &[&str]) -> u64 {
        if named.is_empty() || self.debts.is_empty() {
            return u64::MAX;
        }
        let place = |d: &&str| self.debts.iter().position(|mine| mine == self.pooled(d));
        named
            .iter()
            .filter_map(place)
            .take(63)
            .fold(0, |bits, n| bits | 1 << n)
    }

    /// The number that stands for a name of a kind within this line; nothing has 0.
    pub(super) fn key(&self, kind: char, name: &str) -> Key {
        if name.is_empty() {
            return 0;
        }
        let mut names = self.names.borrow_mut();
        let known = names.iter().position(|(k, n)| *k == kind && n == name);
        let place = known.unwrap_or_else(|| {
            names.push((kind, name.to_owned()));
            names.len() - 1
        });
        place as Key + 1
    }
}

fn required<T>(object: Object<'_>, field: &str, value: Option<T>) -> Option<T> {
    if value.is_none() {
        object.wrong(field);
    }
    value
}

/// A medium, with the words that stand for the same.
pub(super) fn medium(word: &str) -> Option<Medium> {
    Some(match word {
        "call" | "recorded_message" | "ringless_voicemail" | "voicemail" => Medium::Voice,
        "social_private" => Medium::PrivateMessage,
        "text" => Medium::Sms,
        word => word.parse().ok()?,
    })
}

/// Several media under one word.
pub(super) fn media(word: &str) -> Option<Set<Medium>> {
    use Medium::*;
    Some(match word {
        "electronic" => Set::of(&[Sms, Email, Im, PrivateMessage]),
        "all" | "any" => Set::all(),
        word => Set::of(&[medium(word)?]),
    })
}

fn sender(word: &str) -> Option<Set<SenderWord>> {
    use SenderWord::*;
    Some(match word {
        "third_party_debt_collector" | "collector" | "agency" => Set::of(&[Agency]),
        "debt_buyer" => Set::of(&[Agency, DebtBuyer]),
        "registered_collection_service" => Set::of(&[Agency, RegisteredCollector]),
        "credit_servicer" => Set::of(&[Agency, CreditServicer]),
        "law_firm" => Set::of(&[LawFirm]),
        "original_creditor_own_name" | "creditor" => Set::of(&[Creditor]),
        "bank" => Set::of(&[Creditor, Bank]),
        "credit_grantor" => Set::of(&[Creditor, CreditGrantor]),
        "licensed_lender" => Set::of(&[Creditor, LicensedLender]),
        "consumer_finance_company" => Set::of(&[Creditor, ConsumerFinance]),
        "money_lender" => Set::of(&[Creditor, MoneyLender]),
        "federal_lender" => Set::of(&[Creditor, FederalLender]),
        _ => return None,
    })
}

fn claim(word: &str) -> Option<Set<Claim>> {
    use Claim::*;
    let lent = |claim| Some(Set::of(&[claim, Financial]));
    match word {
        "credit_card" | "card" => lent(CreditCard),
        "consumer_loan" | "consumer_credit" | "bank_loan" | "installment_loan" => lent(ConsumerLoan),
        "online_consumer_loan" | "online_loan" | "p2p_loan" => lent(OnlineConsumerLoan),
        "secured_loan" | "mortgage" | "housing_loan" => lent(SecuredLoan),
        "student_loan" => lent(StudentLoan),
        "vehicle_loan" | "auto_loan" | "car_loan" => lent(VehicleLoan),
        "microfinance" | "microfinance_loan" => lent(Microfinance),
        "personal_loan" | "loan" | "payday_loan" | "overdraft" => lent(PersonalLoan),
        "financial" => Some(Set::of(&[Financial])),
        "trade_receivable" | "invoice" => Some(Set::of(&[TradeReceivable])),
        "utility" => Some(Set::of(&[Utility])),
        "telecom" | "phone_bill" => Some(Set::of(&[Telecom])),
        "rent" => Some(Set::of(&[Rent])),
        "medical" | "medical_debt" | "medical_bill" => Some(Set::of(&[Medical])),
        "other" => Some(Set::of(&[Other])),
        _ => None,
    }
}

/// Only these dates are holidays. A holiday of one state only is none of the country. The name of a holiday without
/// its date tells no day.
fn holidays(facts: Object<'_>) -> Option<Vec<NaiveDate>> {
    let mut all = Vec::new();
    for text in facts.texts("holiday") {
        for part in text.split(';').filter(|p| !p.trim().is_empty()) {
            let dates = dates_in(part);
            if dates.is_empty() {
                return None;
            }
            let lower = part.to_ascii_lowercase();
            if !["state only", "state holiday", "regional", "not national"]
                .iter()
                .any(|w| lower.contains(w))
            {
                all.extend(dates);
            }
        }
    }
    Some(all)
}

fn windows(facts: Object<'_>) -> [Option<Week>; 3] {
    let house = facts.word("house_window", window_in).map(all_days);
    let odd = facts.odd();
    let slots = |field: &'static str| match facts.get(field) {
        Some(value) if value.is_object() => {
            Object::of(Some(value), field, &["days", "from", "to", "note", "tz"], odd).slots()
        }
        Some(_) => facts.word(field, window_in).map(all_days),
        None => None,
    };
    [house, slots("contract_times"), slots("working_hours")]
}

fn all_days(slot: Slot) -> Week {
    Week::of_slots([true; 7], slot)
}

/// The end of something as an instant: of a date, its end in every zone.
pub(super) fn until_in(until: Until, zones: &[chrono_tz::Tz]) -> Moment {
    use chrono::TimeZone;
    match until {
        Until::At(at) => at,
        Until::EndOf(day) => {
            let next = day.succ_opt().unwrap_or(day);
            let end = |z: &chrono_tz::Tz| {
                z.from_local_datetime(&next.into())
                    .latest()
                    .map(|t| Moment::new(t.to_utc()))
            };
            let utc = Moment::new(chrono::DateTime::from_naive_utc_and_offset(
                next.into(),
                chrono::Utc,
            ));
            zones.iter().filter_map(end).max().unwrap_or(utc)
        }
    }
}
