//! How long what is known about people is kept: by class of records, the longest that any rule asks for, counted from the
//! last thing that happened about each of their debts; whose records are due to be shredded, and who is to be erased.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::Months;

use super::rules::InForce;
use crate::domain::*;
use crate::guard::facts_of;
use crate::policy::{Asked, Body, RecordClass, Rule};
use crate::store::{Desk, DueAccount, DuePerson, LegalHold, Registry, Shredding, Store, StoreError};

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
    /// How sure the citation is.
    pub sureness: Sureness,
    /// Which records; empty: everything that is known of a debt and its people.
    pub records: Vec<RecordClass>,
    /// Whether they are kept at most, rather than at least, so long.
    pub at_most: bool,
    /// For how many months.
    pub months: u32,
    /// Until when, counted from the last thing that happened.
    pub until: Moment,
}

impl Keeping {
    fn covers(&self, class: RecordClass) -> bool {
        match self.records.is_empty() {
            true => RecordClass::KNOWN.contains(&class),
            false => self.records.contains(&class),
        }
    }

    /// Whether it asks that something be kept that this program holds about debts and people.
    pub fn asks_to_keep(&self) -> bool {
        !self.at_most && RecordClass::KNOWN.iter().any(|class| self.covers(*class))
    }
}

/// The rule that decides when records of a class are to go: the longest that asks for keeping; a ceiling cuts what the
/// house wants, and never what a law asks for. `None`: no rule speaks of them, so nothing goes by itself.
pub fn decides(rules: &[Keeping], class: RecordClass) -> Option<&Keeping> {
    let of = || rules.iter().filter(|r| r.covers(class));
    let term = of().filter(|r| !r.at_most).max_by_key(|r| r.until);
    let law = of().filter(|r| !r.at_most && r.law).max_by_key(|r| r.until);
    let ceiling = of().filter(|r| r.at_most).min_by_key(|r| r.until);
    let (Some(term), Some(ceiling)) = (term, ceiling) else {
        return term.or(ceiling);
    };
    match (term.until <= ceiling.until, law) {
        (true, _) => Some(term),
        (false, Some(law)) if law.until > ceiling.until => Some(law),
        (false, _) => Some(ceiling),
    }
}

/// The rule by which everything about a debt may go: the last of its classes.
fn decides_all(rules: &[Keeping]) -> Option<&Keeping> {
    let each = RecordClass::KNOWN
        .iter()
        .filter_map(|class| decides(rules, *class));
    decides(rules, RecordClass::Account)?;
    each.max_by_key(|r| r.until)
}

/// How a debt stands with the schedule.
#[derive(Debug, Clone)]
pub struct DebtKept {
    /// The debt.
    pub account: AccountId,
    /// Whether it is still owed.
    pub open: bool,
    /// Every rule that speaks of keeping, the longest first.
    pub rules: Vec<Keeping>,
}

/// Records of a class that are to go while everything else stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassDue {
    /// Which.
    pub class: RecordClass,
    /// The rule whose time is over.
    pub rule: Keeping,
    /// Debts, or people where records belong to people; of strangers, how many days they came on.
    pub of: Vec<uuid::Uuid>,
}

/// How many debts a rule decides about, class by class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassKept {
    /// The class.
    pub class: RecordClass,
    /// The rule that decides.
    pub rule: Keeping,
    /// Debts that are kept by it.
    pub kept: u64,
    /// Debts whose time is over.
    pub over: u64,
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
    /// Records that are to go while the person stays known.
    pub classes: Vec<ClassDue>,
    /// Which rule decides about how many debts, by class.
    pub by_class: Vec<ClassKept>,
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
            if let Some(keeping) = kept_by(rule, last) {
                found.entry(keeping.rule.clone()).or_insert(keeping);
            }
        }
    }
    let mut rules: Vec<_> = found.into_values().collect();
    rules.sort_by(|a, b| b.until.cmp(&a.until).then(a.rule.cmp(&b.rule)));
    rules
}

/// What a rule asks, counted from a moment; `None`: it speaks of something else.
fn kept_by(rule: &Rule, from: Moment) -> Option<Keeping> {
    let Body::Retention {
        years,
        months,
        records,
        at_most,
    } = &rule.body
    else {
        return None;
    };
    let months = years * 12 + months;
    let until = from.utc().checked_add_months(Months::new(months));
    Some(Keeping {
        rule: format!("{}/{}", rule.head.pack, rule.head.id),
        basis: rule.head.basis.clone(),
        zh: rule.head.zh.clone(),
        en: rule.head.en.clone(),
        law: rule.head.level != Level::House,
        sureness: rule.head.sureness,
        records: records.clone(),
        at_most: *at_most,
        months,
        until: until.map_or(from, Moment::new),
    })
}

/// The rule that decides how long what came from nobody known is kept. They have no debt and no place: only rules that
/// name them speak of them.
pub fn strangers_rule(under: &InForce, from: Moment) -> Option<Keeping> {
    let packs = under.rulebook.policy.packs();
    let rules: Vec<Keeping> = packs
        .iter()
        .flat_map(|pack| &pack.rules)
        .filter_map(|rule| kept_by(rule, from))
        .collect();
    decides(&rules, RecordClass::Strangers).cloned()
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

/// What was seen so far of a person.
#[derive(Default)]
struct Seen {
    open: bool,
    /// Whether a debt has no rule at all: then nothing goes.
    silent: bool,
    longest: Option<Keeping>,
    /// By class, over all debts: the rule whose time ends last, and whether it is over for each of them.
    classes: BTreeMap<RecordClass, (Keeping, bool)>,
}

/// Gathers the schedule while the debts are read.
#[derive(Default)]
struct Gathering {
    people: BTreeMap<PersonId, Seen>,
    concerned: HashMap<AccountId, Vec<PersonId>>,
    by_class: BTreeMap<(RecordClass, String), ClassKept>,
    /// Debts whose records of a class are over, with the rule.
    over: Vec<(RecordClass, Keeping, AccountId)>,
}

impl Gathering {
    fn debt(&mut self, kept: &DebtKept, everybody: Vec<PersonId>, now: Moment) {
        let whole = decides_all(&kept.rules);
        for person in &everybody {
            let seen = self.people.entry(*person).or_default();
            seen.open |= kept.open;
            seen.silent |= whole.is_none();
            if seen.longest.as_ref().map(|k| k.until) < whole.map(|k| k.until) {
                seen.longest = whole.cloned();
            }
        }
        for class in RecordClass::KNOWN {
            let Some(rule) = decides(&kept.rules, *class) else {
                continue;
            };
            // While something is owed only a ceiling lets records go.
            let over = rule.until <= now && (!kept.open || rule.at_most);
            let told = self.by_class.entry((*class, rule.rule.clone()));
            let told = told.or_insert_with(|| ClassKept {
                class: *class,
                rule: rule.clone(),
                kept: 0,
                over: 0,
            });
            match over {
                true => told.over += 1,
                false => told.kept += 1,
            }
            if over && !class.of_people() && *class != RecordClass::Account {
                self.over.push((*class, rule.clone(), kept.account));
            }
            for person in everybody.iter().filter(|_| class.of_people()) {
                let seen = self.people.entry(*person).or_default();
                let known = seen.classes.entry(*class).or_insert_with(|| (rule.clone(), true));
                known.1 &= over;
                if rule.until > known.0.until {
                    known.0 = rule.clone();
                }
            }
        }
        self.concerned.insert(kept.account, everybody);
    }

    /// People whom a legal hold keeps, and debts.
    fn held(&self, holds: &[LegalHold]) -> (HashSet<PersonId>, HashSet<AccountId>) {
        let debts: HashSet<AccountId> = holds.iter().filter_map(|h| h.account).collect();
        let of_debts = debts
            .iter()
            .filter_map(|a| self.concerned.get(a))
            .flatten()
            .copied();
        let people: HashSet<PersonId> = of_debts.chain(holds.iter().filter_map(|h| h.person)).collect();
        let theirs = self
            .concerned
            .iter()
            .filter(|(_, all)| all.iter().any(|p| people.contains(p)));
        let debts = theirs
            .map(|(account, _)| *account)
            .chain(debts.iter().copied())
            .collect();
        (people, debts)
    }

    fn told(self, holds: &[LegalHold], now: Moment) -> Schedule {
        let (held, debts_held) = self.held(holds);
        let mut told = Schedule {
            by_class: self.by_class.into_values().collect(),
            ..Schedule::default()
        };
        let mut classes: BTreeMap<(RecordClass, String), ClassDue> = BTreeMap::new();
        let mut due = |class, rule: Keeping, of| {
            let name = (class, rule.rule.clone());
            let all = classes.entry(name).or_insert_with(|| ClassDue {
                class,
                rule,
                of: Vec::new(),
            });
            all.of.push(of);
        };
        for (class, rule, account) in self.over {
            if !debts_held.contains(&account) {
                due(class, rule, account.0);
            }
        }
        for (person, seen) in self.people {
            let kept = held.contains(&person);
            for (class, (rule, over)) in seen.classes {
                if over && !kept && !seen.silent {
                    due(class, rule, person.0);
                }
            }
            match seen.longest.filter(|_| !seen.silent) {
                _ if seen.open => told.open += 1,
                _ if kept => told.held += 1,
                Some(k) if k.until > now => {
                    told.kept.entry(k.rule).or_insert((k.basis, 0)).1 += 1;
                }
                Some(k) => told.due.push(DuePerson {
                    person,
                    since: k.until,
                    rule: k.rule,
                    basis: k.basis,
                }),
                // No rule says how long: nothing is erased by itself.
                None => told.kept.entry("-".into()).or_insert((String::new(), 0)).1 += 1,
            }
        }
        told.classes = classes.into_values().collect();
        told
    }
}

/// How everybody stands with the schedule at `now`. Of the records that are due only those are told that are still there.
pub async fn schedule(store: &Store, under: &InForce, now: Moment) -> Result<Schedule, StoreError> {
    let registry = store.registry().await?;
    let mut gathering = Gathering::default();
    let mut after = AccountId(uuid::Uuid::nil());
    loop {
        let page = store.accounts_page(after, PAGE).await?;
        let Some(end) = page.last() else { break };
        after = end.account.id;
        let ids: Vec<AccountId> = page.iter().map(|d| d.account.id).collect();
        let related = store.related(&ids).await?;
        let looked = looked_at(store, &registry, under, &page, now).await?;
        for (due, kept) in page.iter().zip(looked) {
            let beside = related.get(&due.account.id).into_iter().flatten();
            let mut everybody: Vec<PersonId> = beside.map(|(_, p, _)| p.id).chain([due.debtor.id]).collect();
            everybody.sort_unstable();
            everybody.dedup();
            gathering.debt(&kept, everybody, now);
        }
    }
    let mut told = gathering.told(&store.holds().await?, now);
    for due in &mut told.classes {
        due.of = store.left_of(due.class, &due.of).await?;
    }
    told.classes.retain(|due| !due.of.is_empty());
    told.classes.extend(strangers_due(store, under, now).await?);
    Ok(told)
}

/// The days before which nobody asks any more about what came from nobody known.
async fn strangers_due(store: &Store, under: &InForce, now: Moment) -> Result<Option<ClassDue>, StoreError> {
    let Some(rule) = strangers_rule(under, now) else {
        return Ok(None);
    };
    let before = now
        .utc()
        .date_naive()
        .checked_sub_months(Months::new(rule.months));
    let stale = match before {
        Some(before) => store.stale_strangers(before).await?,
        None => Vec::new(),
    };
    let of: Vec<uuid::Uuid> = stale.into_iter().map(|s| s.id).collect();
    Ok((!of.is_empty()).then_some(ClassDue {
        class: RecordClass::Strangers,
        rule,
        of,
    }))
}

/// Shreds what is due of one class; says how many records are gone. The entry names the rule and what was shredded.
pub async fn shred(store: &Store, due: &ClassDue, by: &str, policy: &str) -> Result<u64, StoreError> {
    let why = Shredding {
        class: due.class.as_str(),
        rule: due.rule.rule.clone(),
        basis: due.rule.basis.clone(),
        policy: policy.to_owned(),
    };
    match due.class {
        RecordClass::Strangers => store.shred_strangers(due.of.clone(), by, why).await,
        class => store.shred_class(class, due.of.clone(), by, why).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, months: u32, records: &[RecordClass], (law, at_most): (bool, bool)) -> Keeping {
        let from = Moment::parse("2020-01-01T00:00:00.000000Z").unwrap();
        Keeping {
            rule: name.into(),
            basis: String::new(),
            zh: String::new(),
            en: String::new(),
            law,
            sureness: Sureness::Verified,
            records: records.to_vec(),
            at_most,
            months,
            until: Moment::new(from.utc().checked_add_months(Months::new(months)).unwrap()),
        }
    }

    #[test]
    fn ceilings_cut_the_house_and_never_the_law() {
        use RecordClass::{Account, Content, Receipts, Strangers};
        let (law, house) = ((true, false), (false, false));
        let (ceiling, of_law) = ((false, true), (true, true));
        let check = |rules: &[Keeping], class, expected: Option<&str>| {
            assert_eq!(decides(rules, class).map(|r| r.rule.as_str()), expected);
        };
        let all = [rule("law", 36, &[], law), rule("house", 60, &[], house)];
        check(&all, Content, Some("house"));
        check(&all, Strangers, None);
        let receipts = rule("receipts", 48, &[Receipts], ceiling);
        check(
            &[all.clone().to_vec(), vec![receipts]].concat(),
            Receipts,
            Some("receipts"),
        );
        let short = rule("short", 12, &[Receipts], ceiling);
        let cut = [all.to_vec(), vec![short]].concat();
        check(&cut, Receipts, Some("law"));
        check(&cut, Account, Some("house"));
        assert_eq!(decides_all(&cut).unwrap().rule, "house");
        let late = rule("late", 90, &[], of_law);
        check(&[all.to_vec(), vec![late]].concat(), Account, Some("house"));
        check(&[rule("alone", 3, &[Strangers], house)], Strangers, Some("alone"));
        assert!(decides_all(&[rule("alone", 3, &[Strangers], house)]).is_none());
        assert!(!rule("recordings", 36, &[RecordClass::Recordings], law).asks_to_keep());
    }
}
