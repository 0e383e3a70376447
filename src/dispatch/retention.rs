//! How long what is known about people is kept: the longest that any rule asks for, counted from the last thing that
//! happened about each of their debts; and who is due to be erased.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::Months;

use super::rules::InForce;
use crate::domain::*;
use crate::guard::facts_of;
use crate::policy::{Asked, Body};
use crate::store::{Desk, DueAccount, DuePerson, Registry, Store, StoreError};

/// Debts that are read at once.
const PAGE: i64 = 500;

/// A rule that asks for keeping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// Pack and id.
    pub rule: String,
    /// Law and clause.
    pub basis: String,
    /// Why, in Chinese.
    pub zh: String,
    /// Why, in English.
    pub en: String,
    /// Whether a law or regulator asks for it; else the house does.
    pub law: bool,
    /// For how many months.
    pub months: u32,
    /// Until when, counted from the last thing that happened.
    pub until: Moment,
}

/// How a debt stands with the schedule.
#[derive(Debug, Clone)]
pub struct DebtKept {
    /// The debt.
    pub account: AccountId,
    /// Whether it is still owed.
    pub open: bool,
    /// Every rule that asks for keeping, the longest first.
    pub rules: Vec<Keeping>,
}

/// What the schedule says of everybody.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// People whose time has come.
    pub due: Vec<DuePerson>,
    /// People who are kept because something is still owed.
    pub open: u64,
    /// People under a legal hold.
    pub held: u64,
    /// People who are kept by a rule, by rule: basis and how many.
    pub kept: BTreeMap<String, (String, u64)>,
}

/// The rules that ask for keeping what is known of a debt.
pub fn keeping(under: &InForce, desk: &Desk, due: &DueAccount, last: Moment, now: Moment) -> Vec<Keeping> {
    let mut found: BTreeMap<String, Keeping> = BTreeMap::new();
    for channel in [Channel::Sms, Channel::Email, Channel::Letter, Channel::Call] {
        let facts = facts_of(&as_if(desk, due, channel, now), now);
        let applied = under
            .rulebook
            .policy
            .applied(&facts, Asked::Beside(&desk.portfolio.packs));
        for rule in applied.rules {
            let Body::Retention { years, months } = rule.body else {
                continue;
            };
            let months = years * 12 + months;
            let name = format!("{}/{}", rule.head.pack, rule.head.id);
            let until = last.utc().checked_add_months(Months::new(months));
            found.entry(name.clone()).or_insert_with(|| Keeping {
                rule: name,
                basis: rule.head.basis.clone(),
                zh: rule.head.zh.clone(),
                en: rule.head.en.clone(),
                law: rule.head.level != Level::House,
                months,
                until: until.map_or(last, Moment::new),
            });
        }
    }
    let mut rules: Vec<_> = found.into_values().collect();
    rules.sort_by(|a, b| b.until.cmp(&a.until).then(a.rule.cmp(&b.rule)));
    rules
}

/// A situation as it would be if the debtor were written to; rules of keeping ask about debt and place alone.
fn as_if(desk: &Desk, due: &DueAccount, channel: Channel, now: Moment) -> Situation {
    let nil = uuid::Uuid::nil();
    let point = due.contact_points.first().cloned();
    let nowhere = || ContactPoint {
        id: ContactPointId(nil),
        person: due.debtor.id,
        address_id: AddressId(nil),
        address: Address::Email(EmailAddress::parse("nobody@example.invalid").expect("an address")),
        usage: ContactUse::Own,
        zones: Zones::unknown(),
        usable: false,
    };
    Situation {
        attempt: Attempt {
            id: AttemptId(nil),
            account: due.account.id,
            recipient: due.debtor.id,
            contact_point: ContactPointId(nil),
            channel,
            purpose: Purpose::Collection,
            origin: Origin::Collector,
            stage: String::new(),
            step: String::new(),
            template: None,
            own_subject: None,
            own_text: None,
            due_at: now,
            expires_at: now,
            approved: false,
            state: AttemptState::Planned,
        },
        portfolio: desk.portfolio.clone(),
        creditor: desk.creditor.clone(),
        sender: desk.sender.clone(),
        payees: desk.payees.clone(),
        account: due.account.clone(),
        debtor: due.debtor.clone(),
        recipient: due.debtor.clone(),
        role: Role::Debtor,
        contact_point: point.unwrap_or_else(nowhere),
        suppressions: Vec::new(),
        wishes: Vec::new(),
        consents: Vec::new(),
        history: Vec::new(),
        first_contact: false,
    }
}

async fn looked_at(
    store: &Store,
    registry: &Registry,
    under: &InForce,
    page: &[DueAccount],
    now: Moment,
) -> Result<Vec<DebtKept>, StoreError> {
    let ids: Vec<AccountId> = page.iter().map(|d| d.account.id).collect();
    let last: HashMap<AccountId, Option<Moment>> = store
        .activity(&ids)
        .await?
        .into_iter()
        .map(|a| (a.account, a.last))
        .collect();
    let each = page.iter().map(|due| {
        let desk = registry
            .desks
            .get(&due.account.portfolio)
            .ok_or(StoreError::Corrupt {
                what: "portfolio of an account",
            })?;
        // Of what nothing is known the time begins today.
        let last = last.get(&due.account.id).copied().flatten().unwrap_or(now);
        Ok(DebtKept {
            account: due.account.id,
            open: due.account.state == AccountState::Open,
            rules: keeping(under, desk, due, last, now),
        })
    });
    each.collect()
}

/// How one debt stands with the schedule.
pub async fn debt_kept(
    store: &Store,
    under: &InForce,
    account: AccountId,
    now: Moment,
) -> Result<DebtKept, StoreError> {
    let registry = store.registry().await?;
    let page = [store.due_account(account).await?];
    let mut kept = looked_at(store, &registry, under, &page, now).await?;
    kept.pop().ok_or(StoreError::Corrupt { what: "account" })
}

/// How everybody stands with the schedule at `now`.
pub async fn schedule(store: &Store, under: &InForce, now: Moment) -> Result<Schedule, StoreError> {
    /// The worst of what was seen so far of a person.
    struct Seen {
        open: bool,
        longest: Option<Keeping>,
    }
    let registry = store.registry().await?;
    let mut people: BTreeMap<PersonId, Seen> = BTreeMap::new();
    let mut concerned: HashMap<AccountId, Vec<PersonId>> = HashMap::new();
    let mut after = AccountId(uuid::Uuid::nil());
    loop {
        let page = store.accounts_page(after, PAGE).await?;
        let Some(end) = page.last() else { break };
        after = end.account.id;
        let ids: Vec<AccountId> = page.iter().map(|d| d.account.id).collect();
        let related = store.related(&ids).await?;
        for (due, kept) in page
            .iter()
            .zip(looked_at(store, &registry, under, &page, now).await?)
        {
            let beside = related
                .get(&due.account.id)
                .into_iter()
                .flatten()
                .map(|(_, p, _)| p.id);
            let everybody: Vec<PersonId> = beside.chain([due.debtor.id]).collect();
            for person in &everybody {
                let seen = people.entry(*person).or_insert(Seen {
                    open: false,
                    longest: None,
                });
                seen.open |= kept.open;
                let first = kept.rules.first();
                if seen.longest.as_ref().map(|k| k.until) < first.map(|k| k.until) {
                    seen.longest = first.cloned();
                }
            }
            concerned.insert(due.account.id, everybody);
        }
    }
    let held: HashSet<PersonId> = store
        .holds()
        .await?
        .into_iter()
        .flat_map(|h| {
            let of_debt = h
                .account
                .and_then(|a| concerned.get(&a).cloned())
                .unwrap_or_default();
            of_debt.into_iter().chain(h.person)
        })
        .collect();
    let mut told = Schedule::default();
    for (person, seen) in people {
        match seen.longest {
            _ if seen.open => told.open += 1,
            _ if held.contains(&person) => told.held += 1,
            Some(k) if k.until > now => {
                let kept = told.kept.entry(k.rule).or_insert((k.basis, 0));
                kept.1 += 1;
            }
            Some(k) => told.due.push(DuePerson {
                person,
                since: k.until,
                rule: k.rule,
                basis: k.basis,
            }),
            // No rule says how long: nothing is erased by itself.
            None => {
                let kept = told.kept.entry("-".into()).or_insert((String::new(), 0));
                kept.1 += 1;
            }
        }
    }
    Ok(told)
}
