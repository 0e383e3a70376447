//! What a rule is, after it has been read: who it applies to, what it asks, and where it comes from.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};

use crate::domain::{Level, PersonKind, Sureness, words};

use super::assertions::Assertion;
use super::calendar::Scope;
use super::facts::Facts;
use super::marks::{Deed, Mark, NamedDay};
use super::sets::{Set, bits};
use super::vocab::*;

/// An instrument that the rules of a pack cite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How `basis` names it.
    pub name: String,
    /// Who made it.
    pub issuer: String,
    /// Since when it is in force, as far as known; text, because some know only the year.
    pub date: String,
    /// What else is to be known of it: number, edition, how it was read.
    pub note: Option<String>,
}

/// Where a rule comes from and what it says to people.
#[derive(Debug, Clone)]
pub struct Head {
    /// Stable id, wide to narrow.
    pub id: Arc<str>,
    /// Name of the pack.
    pub pack: Arc<str>,
    /// Version of the pack.
    pub version: Arc<str>,
    /// How binding.
    pub level: Level,
    /// How sure we are of the citation.
    pub sureness: Sureness,
    /// Law and clause, or `house rule`.
    pub basis: String,
    /// Why the rule is as it is.
    pub why: String,
    /// A sentence a collector understands, in Chinese.
    pub zh: String,
    /// The same sentence in English.
    pub en: String,
    /// What to write instead, where there is something.
    pub instead: Option<String>,
    /// Whether a consent on record (of hours, of frequency) lifts the rule.
    pub consent: bool,
}

/// Who a pack or a rule applies to. What is left out fits everybody; a fact that nobody knows excludes nobody.
#[derive(Debug, Clone, Default)]
pub struct Applies {
    /// Countries of the debtor or the recipient, ISO 3166-1 alpha-2.
    pub country: Vec<String>,
    /// States or provinces, ISO 3166-2 suffix such as `MA`.
    pub region: Vec<String>,
    /// Towns of the debtor, in any of their names.
    pub city: Vec<String>,
    /// How the postal code of the debtor begins.
    pub postal: Vec<String>,
    /// Kinds of debtor.
    pub debtor: Vec<PersonKind>,
    /// Consumer or business debts.
    pub debt: Set<DebtKind>,
    /// Kinds of claim.
    pub claim: Set<Claim>,
    /// Kinds of claim that are left out.
    pub claim_not: Set<Claim>,
    /// Kinds of sender.
    pub sender: Set<SenderWord>,
    /// Kinds of sender that are left out.
    pub sender_not: Set<SenderWord>,
    /// Only where the creditor is (or is not) a bank.
    pub bank_creditor: Option<bool>,
    /// Only where so many days past due are reached.
    pub days_overdue: Option<i64>,
    /// First day it is in force, in the recipient's time.
    pub from: Option<NaiveDate>,
    /// First day it is no longer in force.
    pub until: Option<NaiveDate>,
}

impl Applies {
    /// Whether everything but the place fits on `today`, the recipient's date.
    pub fn fits(&self, f: &Facts, today: NaiveDate) -> bool {
        (self.debtor.is_empty() || self.debtor.contains(&f.debtor))
            && self.debt.takes(f.debt)
            && (f.claim.is_empty() || self.claim.fits(f.claim))
            && !self.claim_not.meets(f.claim)
            && self.sender.fits(f.sender)
            && !self.sender_not.meets(f.sender)
            && self
                .bank_creditor
                .is_none_or(|bank| bank == f.marks.has(Mark::BankCreditor))
            && self
                .days_overdue
                .is_none_or(|least| f.days_overdue.is_none_or(|days| days >= least))
            && self.from.is_none_or(|from| today >= from)
            && self.until.is_none_or(|until| today < until)
            && self.fits_town(f)
    }

    /// Whether the debtor could live in one of the towns that are named.
    fn fits_town(&self, f: &Facts) -> bool {
        let city = |known: &String| {
            self.city
                .iter()
                .any(|mine| mine.eq_ignore_ascii_case(known.trim()))
        };
        let postal = |known: &String| {
            self.postal
                .iter()
                .any(|begins| known.starts_with(begins.as_str()))
        };
        (self.city.is_empty() || f.debtor_city.as_ref().is_none_or(city))
            && (self.postal.is_empty() || f.debtor_postal.as_ref().is_none_or(postal))
    }

    /// Whether the place fits: one of the countries, and where regions are named one of them.
    pub fn fits_place(&self, country: Option<&str>, region: Option<&str>) -> bool {
        let any = |list: &[String], fact: Option<&str>| {
            list.is_empty() || fact.is_some_and(|f| list.iter().any(|mine| mine.eq_ignore_ascii_case(f)))
        };
        // An unknown region of a fitting country may be any of them.
        any(&self.country, country) && (region.is_none() || any(&self.region, region))
    }
}

/// Conditions of a rule; each that is given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    /// One of these is true.
    pub any: Set<Mark>,
    /// All of these are true.
    pub all: Set<Mark>,
    /// None of these is true.
    pub none: Set<Mark>,
    /// The recipient is one of these to the debt.
    pub role: Set<RoleWord>,
    /// The recipient is related so to the debtor.
    pub relation: Set<Relation>,
    /// The contact point is one of these.
    pub place: Set<Place>,
    /// The contact goes by one of these media.
    pub channels: Set<Medium>,
    /// It is for one of these purposes.
    pub purposes: Set<Aim>,
    /// The sender is one of these.
    pub sender: Set<SenderWord>,
    /// The message says or looks like one of these.
    pub says: Set<Assertion>,
    /// Less than this is owed, in whole units of the local currency.
    pub balance_below: Option<i64>,
    /// Each of these happened.
    pub happened: Vec<Happened>,
    /// None of these happened.
    pub not_happened: Vec<Happened>,
}

/// Something in the past that a condition asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// One of these.
    pub deed: Set<Deed>,
    /// At least so often.
    pub times: u32,
    /// Within so many consecutive local days, today being the last; `None`: ever.
    pub within_local_days: Option<u32>,
    /// Within so many minutes.
    pub within_minutes: Option<u32>,
    /// At least so many local days ago: today is that day or a later one.
    pub local_days_ago: Option<u32>,
    /// One after another, without another contact with the same person between that ended otherwise.
    pub in_a_row: bool,
    /// Only with the recipient; else with anybody.
    pub recipient: bool,
    /// Not later than so many local days after an earlier one of these.
    pub after: Option<(Set<Deed>, u32)>,
    /// At least so many local days before a day that the file names.
    pub before_day: Option<(NamedDay, u32)>,
}

words! {
    /// The kinds of rules; a fallback pack gives way kind by kind.
    Kind as "kind of rule" {
        /// Contact hours.
        Hours = "hours",
        /// Margin before closing.
        CloseMargin = "close_margin",
        /// Frequency caps.
        Caps = "caps",
        /// Waiting periods after a notice.
        Waits = "waits",
        /// Patterns of contact that harass without a number in the law.
        Patterns = "patterns",
        /// Who may be contacted and where.
        Recipients = "recipients",
        /// Media, addresses and forms that may be used.
        Channels = "channels",
        /// What must stand in a message.
        Elements = "elements",
        /// What a message must not be or leave out, beside words.
        Messages = "messages",
        /// What stops contact.
        Statuses = "statuses",
        /// Who may speak.
        Senders = "senders",
        /// How long records are kept.
        Retention = "retention",
        /// How and to whom money may be paid.
        Payments = "payments",
        /// What else the law asks of the sender; decides no verdict.
        Duties = "duties",
        /// Patterns that a regulator names; shown, never deciding.
        Warnings = "warnings",
        /// Where no rule was found, and the house default applies.
        Gaps = "gaps",
        /// What must not be said.
        Content = "content",
    }
}

words! {
    /// Kinds of prohibited content.
    Category as "category of content" {
        /// Violence, intimidation, coercion.
        Threat = "threat",
        /// Insults and humiliation.
        Abuse = "abuse",
        /// Speaking as a bank without being it.
        ImpersonatingBank = "impersonating_bank",
        /// Speaking as a court, the police, a lawyer without being one.
        ImpersonatingAuthority = "impersonating_authority",
        /// Legal steps stated that this sender cannot truthfully state.
        FalseLegalClaim = "false_legal_claim",
        /// The debt is shown, or threatened to be shown, to others.
        ThirdPartyDisclosure = "third_party_disclosure",
        /// Payment to somebody other than the creditor.
        PrivateAccountPayment = "private_account_payment",
        /// Money for the collector.
        UnauthorizedFee = "unauthorized_fee",
        /// A reduction the creditor has not granted.
        UnauthorizedConcession = "unauthorized_concession",
        /// Identity numbers, passwords, codes.
        SensitiveData = "sensitive_data",
        /// Invented consequences, urgency or pretexts.
        Deception = "deception",
    }
}

words! {
    /// What must stand in a message.
    Element as "required element" {
        /// The sender's name (its signature counts).
        SenderName = "sender_name",
        /// The creditor's name.
        CreditorName = "creditor_name",
        /// `【signature】` at the head or the foot of an SMS.
        SmsSignature = "sms_signature",
        /// How to opt out; `words` list what counts.
        OptOut = "opt_out",
        /// A telephone number, e-mail or postal address of the sender.
        ReplyContact = "reply_contact",
        /// Whoever names a registered account also names its holder.
        PayeeHolder = "payee_holder",
    }
}

words! {
    /// First or later contact about this debt with this person.
    Contact as "contact" {
        /// Every contact.
        Any = "any",
        /// The first.
        First = "first",
        /// All but the first.
        Later = "later",
    }
}

words! {
    /// What a rule about words or statuses leads to.
    Outcome as "verdict of a rule" {
        /// Fine after a day that the file names.
        Held = "held",
        /// A person must decide.
        Review = "review",
        /// Not in this form.
        Blocked = "blocked",
    }
}

words! {
    /// A state of the account that stops contact.
    AccountTrigger as "state that stops" {
        /// Paid or otherwise done.
        Settled = "settled",
        /// Taken back or written off.
        Closed = "closed",
        /// A dispute is open.
        Disputed = "disputed",
    }
}

words! {
    /// A fact about the recipient that stops contact.
    PersonTrigger as "fact that stops" {
        /// Died.
        Deceased = "deceased",
        /// Minor or without capacity.
        Minor = "minor",
    }
}

words! {
    /// What a sender must have on record.
    Credential as "credential" {
        /// A licence or registration number.
        Licence = "licence",
        /// A mandate of the creditor.
        Mandate = "mandate",
    }
}

/// A half-open part of a local day, in minutes after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// First minute inside.
    pub open: u16,
    /// First minute outside; 1440 is midnight.
    pub close: u16,
}

/// Contact hours by weekday and public holiday.
#[derive(Debug, Clone, Default)]
pub struct Week {
    /// Monday to Sunday.
    pub days: [Vec<Slot>; 7],
    /// On public holidays; `None`: as the weekday, and no calendar is needed.
    pub holiday: Option<Vec<Slot>>,
    /// Which holidays these are.
    pub scope: Scope,
}

impl Week {
    /// The same slot on each of `days`; a slot that runs past midnight belongs to the day on which it begins.
    pub fn of_slots(days: [bool; 7], slot: Slot) -> Week {
        let mut week = Week::default();
        for day in (0..7).filter(|d| days[*d]) {
            if slot.open < slot.close {
                week.days[day].push(slot);
                continue;
            }
            week.days[day].push(Slot { close: 1440, ..slot });
            week.days[(day + 1) % 7].push(Slot { open: 0, ..slot });
        }
        for slots in &mut week.days {
            tidy(slots);
        }
        week
    }

    /// Every minute that is in no slot, holidays like weekdays.
    pub fn complement(&self) -> Week {
        let free = |slots: &Vec<Slot>| {
            let mut free = Vec::new();
            let mut open = 0;
            for slot in slots {
                if open < slot.open {
                    free.push(Slot {
                        open,
                        close: slot.open,
                    });
                }
                open = open.max(slot.close);
            }
            if open < 1440 {
                free.push(Slot { open, close: 1440 });
            }
            free
        };
        Week {
            days: std::array::from_fn(|day| free(&self.days[day])),
            ..Week::default()
        }
    }

    /// The slots of a date whose kind of day is known not to be a holiday.
    pub fn weekday(&self, date: NaiveDate) -> &[Slot] {
        &self.days[date.weekday().num_days_from_monday() as usize]
    }
}

/// Sorts slots, drops empty ones and joins those that touch.
fn tidy(slots: &mut Vec<Slot>) {
    slots.retain(|s| s.open < s.close);
    slots.sort_by_key(|s| s.open);
    slots.dedup_by(|next, last| {
        let touch = next.open <= last.close;
        if touch {
            last.close = last.close.max(next.close);
        }
        touch
    });
}

/// Contact hours of one rule.
#[derive(Debug, Clone)]
pub struct Hours {
    /// The windows; `None`: those that the file names.
    pub week: Option<Week>,
    /// Which window of the file.
    pub from: Option<FactWindow>,
    /// Whether the closing instant itself is still inside.
    pub inclusive: bool,
    /// For so many minutes whoever wrote at a closed time may be answered once.
    pub answer_minutes: Option<u32>,
    /// Media for which the zone of the area code may be presumed.
    pub area_code: Set<Medium>,
}

/// Over which time a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapWindow {
    /// Consecutive calendar dates of the recipient, today being the last.
    LocalDays(u32),
    /// The calendar month of the recipient's date.
    LocalMonth,
    /// A rolling span.
    Rolling(chrono::TimeDelta),
}

/// How often, at most.
#[derive(Debug, Clone)]
pub struct Cap {
    /// What a counted contact must share with the attempt.
    pub key: Set<CapOn>,
    /// Media that count; those that are restrained stand in the rule.
    pub counted: Set<Medium>,
    /// Outcomes that count.
    pub outcomes: Set<Ended>,
    /// Whether what the person began counts too.
    pub inbound: bool,
    /// Places that count and are restrained; empty: all.
    pub to: Set<Place>,
    /// Purposes that neither count nor are restrained.
    pub purposes_not: Set<Aim>,
    /// What else is left out.
    pub exclude: Set<Exclusion>,
    /// A consent takes contacts out for at most so many local days, its own day being the first.
    pub consent_days: u32,
    /// Counting begins only then.
    pub since: Option<Since>,
    /// Over which time.
    pub window: CapWindow,
    /// The most there may be.
    pub max: u32,
}

/// A pattern of contact that harasses: so many on each of so many days running, and no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Harassment {
    /// At least so many on each day.
    pub per_day: u32,
    /// On so many consecutive local days, today among them.
    pub days: u32,
}

/// What a rule asks.
#[derive(Debug, Clone)]
pub enum Body {
    /// Contact only within these hours, in the recipient's time.
    Hours(Hours),
    /// No sending in the last minutes before closing.
    CloseMargin {
        /// How many.
        minutes: u16,
    },
    /// At most so many contacts in a window.
    Cap(Cap),
    /// Nothing for so many local days after the first of these.
    Wait {
        /// The notice.
        after: Set<Deed>,
        /// Days; the day of the notice is not one of them.
        days: u32,
    },
    /// A harassing pattern.
    Pattern(Harassment),
    /// Something is not allowed where the conditions of the rule hold.
    Conduct {
        /// The question it answers.
        kind: Kind,
        /// Other questions that it answers too.
        beside: Set<Kind>,
        /// What follows.
        outcome: Outcome,
        /// With a hold: the day whose end is waited for.
        until: Option<NamedDay>,
    },
    /// Patterns that are shown; the cap that shows them, where there is one.
    Warning(Option<Cap>),
    /// Something the law asks that decides no verdict here, or a gap.
    Note(Kind),
    /// Something must stand in the message.
    Element {
        /// What.
        element: Element,
        /// In which contact.
        contact: Contact,
        /// Words of which one must stand there, where the element asks for words; folded.
        words: Vec<String>,
        /// What follows when it is missing.
        outcome: Outcome,
    },
    /// Several things must stand in the message, each in one of its wordings.
    Says {
        /// Name of each and its wordings, folded.
        says: Vec<(String, Vec<String>)>,
        /// This sender need not say them: their absence is no breach.
        waived: bool,
        /// In which contact.
        contact: Contact,
        /// What follows when one is missing.
        outcome: Outcome,
    },
    /// Records are kept at least, or at most, so long.
    Retention {
        /// Years.
        years: u32,
        /// Months beside the years.
        months: u32,
        /// Which; empty: everything that is known of a debt and its people.
        records: Vec<RecordClass>,
        /// At most, rather than at least.
        at_most: bool,
    },
    /// A category of prohibited content is on, with the citation of this place.
    Content {
        /// Which.
        category: Category,
    },
}

/// One rule of a pack.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Where it comes from.
    pub head: Head,
    /// Who it applies to, beside the pack's own `applies`.
    pub applies: Applies,
    /// Media it restrains.
    pub channels: Set<Medium>,
    /// Purposes it restrains; empty: all.
    pub purposes: Set<Aim>,
    /// Speaks only where these hold.
    pub when: Conditions,
    /// Does not speak where one of these holds.
    pub unless: Vec<Conditions>,
    /// What it asks.
    pub body: Body,
}

impl Rule {
    /// Whether it hangs on the situation beyond whom, how and what for.
    pub fn is_conditional(&self) -> bool {
        self.when != Conditions::default() || !self.unless.is_empty()
    }

    /// What kind of rule it is.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Hours(_) => Kind::Hours,
            Body::CloseMargin { .. } => Kind::CloseMargin,
            Body::Cap(_) => Kind::Caps,
            Body::Wait { .. } => Kind::Waits,
            Body::Pattern(_) => Kind::Patterns,
            Body::Conduct { kind, .. } | Body::Note(kind) => kind,
            Body::Warning(_) => Kind::Warnings,
            Body::Element { .. } | Body::Says { .. } => Kind::Elements,
            Body::Retention { .. } => Kind::Retention,
            Body::Content { .. } => Kind::Content,
        }
    }

    /// Whether the rule answers one of these questions.
    pub fn answers(&self, kinds: Set<Kind>) -> bool {
        let beside = match &self.body {
            Body::Conduct { beside, .. } => kinds.meets(*beside),
            _ => false,
        };
        beside || kinds.has(self.kind())
    }

    /// Whether the rule speaks about these facts, its place and its conditions left aside.
    pub fn concerns(&self, f: &Facts, today: NaiveDate) -> bool {
        self.channels.has(f.medium) && self.purposes.fits(f.aim) && self.applies.fits(f, today)
    }

    /// Whether the rule leaves no room for the house default: gaps, notes and windows that the file lacks do.
    pub fn restrains(&self, f: &Facts) -> bool {
        match &self.body {
            Body::Note(_) | Body::Warning(_) => false,
            Body::Hours(hours) => hours.from.is_none_or(|from| f.window(from).is_some()),
            _ => true,
        }
    }

    /// Whether the rule is in force where the debtor or the recipient is.
    pub fn fits_place(&self, f: &Facts) -> bool {
        self.applies.country.is_empty() && self.applies.region.is_empty()
            || self
                .applies
                .fits_place(f.debtor_country.as_deref(), f.debtor_region.as_deref())
            || self
                .applies
                .fits_place(f.recipient_country.as_deref(), f.recipient_region.as_deref())
    }
}

bits!(Kind);
