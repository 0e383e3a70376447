//! One row of an event ledger: what happened to an account or a debtor from outside.

use chrono::NaiveDate;

use super::accounts::digest_of;
use super::cells::{Cells, Slot};
use super::export;
use super::mapping::{EventSlots, Mapping};
use super::reject::Code;
use super::values;
use crate::domain::{
    Address, CallResult, Channel, ConsentScope, Currency, Moment, Money, PersonName, Role, Wish, is_hidden,
};

/// When something happened, as exactly as the ledger says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// At this instant.
    At(Moment),
    /// On this day, in the portfolio's own zone.
    On(NaiveDate),
}

/// Which account or debtor an event is about: at least one of the two references is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccountKey {
    /// Name of the portfolio, if stated.
    pub portfolio: Option<String>,
    /// The creditor's number of the debt.
    pub reference: Option<String>,
    /// The creditor's number of the debtor.
    pub debtor_ref: Option<String>,
}

/// Somebody beside the debtor, as the account's ledger named them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedKey {
    /// What they are to the debt.
    pub role: Role,
    /// Their name, where several have that role.
    pub name: Option<PersonName>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// Money arrived (negative: was taken back).
    Payment {
        /// The creditor's reference of the booking.
        reference: String,
        /// How much.
        amount: Money,
        /// When it was received.
        paid_on: NaiveDate,
    },
    /// A promise to pay.
    Promise {
        /// How much.
        amount: Money,
        /// Until when.
        due_on: NaiveDate,
    },
    /// The debtor disputes the claim.
    DisputeOpened {
        /// In a word or two of the ledger's own list.
        reason: String,
    },
    /// The dispute was answered and resolved.
    DisputeResolved,
    /// No more messages on one channel or all.
    OptOut {
        /// Which channel; `None` for all.
        channel: Option<Channel>,
        /// Which address; `None` for the person.
        address: Option<Address>,
    },
    /// All contact must cease.
    Cease,
    /// Represented by counsel.
    Counsel,
    /// Insolvency was opened.
    Insolvency,
    /// Died.
    Death,
    /// Minor or without capacity.
    Minor,
    /// Statutory breathing space or moratorium.
    BreathingSpace {
        /// Until and including this day, if it ends by itself.
        until: Option<NaiveDate>,
    },
    /// Hardship; lenient treatment until reviewed.
    Hardship {
        /// Until and including this day, if it ends by itself.
        until: Option<NaiveDate>,
    },
    /// The address belongs to somebody else.
    WrongParty {
        /// Which address.
        address: Address,
    },
    /// The address is dead.
    Bounce {
        /// Which address.
        address: Address,
    },
    /// A telephone call.
    Call {
        /// How it ended.
        result: CallResult,
        /// The debtor called us.
        inbound: bool,
        /// On which number, if known.
        number: Option<Address>,
    },
    /// The police ordered that no contact be made.
    PoliceOrder,
    /// A complaint is being handled.
    Complaint,
    /// A consent was given.
    ConsentGiven {
        /// For what.
        scope: ConsentScope,
        /// On which channel; `None` for all.
        channel: Option<Channel>,
        /// Until and including this day.
        until: Option<NaiveDate>,
    },
    /// A consent was taken back.
    ConsentRevoked {
        /// For what.
        scope: ConsentScope,
        /// On which channel; `None` for all.
        channel: Option<Channel>,
    },
    /// Somebody asked for something about times, places or media.
    Wish {
        /// What.
        wish: Wish,
        /// On which channel; `None` for all.
        channel: Option<Channel>,
        /// Until and including this day.
        until: Option<NaiveDate>,
    },
    /// A wish was taken back.
    WishWithdrawn {
        /// Which; `None` for every wish.
        wish: Option<Wish>,
        /// On which channel; `None` for all.
        channel: Option<Channel>,
    },
}

impl EventKind {
    /// The fixed word of the kind, as in files.
    pub const fn as_str(&self) -> &'static str {
        use EventKind::*;
        match self {
            Payment { .. } => "payment",
            Promise { .. } => "promise",
            DisputeOpened { .. } => "dispute_opened",
            DisputeResolved => "dispute_resolved",
            OptOut { .. } => "opt_out",
            Cease => "cease",
            Counsel => "counsel",
            Insolvency => "insolvency",
            Death => "death",
            Minor => "minor",
            BreathingSpace { .. } => "breathing_space",
            Hardship { .. } => "hardship",
            WrongParty { .. } => "wrong_party",
            Bounce { .. } => "bounce",
            Call { .. } => "call",
            PoliceOrder => "police_order",
            Complaint => "complaint",
            ConsentGiven { .. } => "consent_given",
            ConsentRevoked { .. } => "consent_revoked",
            Wish { .. } => "wish",
            WishWithdrawn { .. } => "wish_withdrawn",
        }
    }
}

/// One event as a ledger states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Line in the file.
    pub row: u64,
    /// SHA-256 of everything below in normal form; an event of the same digest is the same event.
    pub digest: [u8; 32],
    /// When.
    pub at: When,
    /// About which account or debtor.
    pub account: AccountKey,
    /// About whom, if not the debtor.
    pub related: Option<RelatedKey>,
    /// What.
    pub kind: EventKind,
}

impl EventRow {
    /// Reads one record; `None` when `cells` has faults.
    pub(super) fn read(cells: &mut Cells<'_>, at: &EventSlots, mapping: &Mapping) -> Option<EventRow> {
        let account = key(cells, at);
        let related = related(cells, at);
        let when_text = cells.needed(&at.at);
        let when = when_text.and_then(|text| {
            let when = when(text, mapping);
            cells.value(&at.at, text, when)
        });
        let kind_word = cells.needed(&at.kind)?;
        let kind = kind(cells, at, mapping, kind_word, when_text);
        if cells.faults.is_empty() {
            nothing_else(cells, at, kind_word);
        }
        if !cells.faults.is_empty() {
            return None;
        }
        let mut row = EventRow {
            row: cells.line,
            digest: [0; 32],
            at: when?.0,
            account,
            related,
            kind: kind?,
        };
        row.digest = row.fingerprint();
        Some(row)
    }

    /// The digest that belongs to the content of the row, whatever its line.
    pub fn fingerprint(&self) -> [u8; 32] {
        digest_of(&export::event_cells(self))
    }

    /// The booking of a payment, which may stand in a file once.
    pub(super) fn booking(&self) -> Option<(&AccountKey, &str)> {
        match &self.kind {
            EventKind::Payment { reference, .. } => Some((&self.account, reference)),
            _ => None,
        }
    }
}

/// The instant or day, and the day as it was written.
fn when(text: &str, mapping: &Mapping) -> Result<(When, Option<NaiveDate>), Code> {
    if text.contains(':') {
        let at = Moment::parse(text).map_err(|_| Code::Moment)?;
        return Ok((When::At(at), text.get(..10).and_then(|day| day.parse().ok())));
    }
    let day = values::date(text, mapping)?;
    Ok((When::On(day), Some(day)))
}

fn key(cells: &mut Cells<'_>, at: &EventSlots) -> AccountKey {
    let one = |slot: &Slot, cells: &mut Cells<'_>| {
        let rule_text = cells.text(slot).map(str::to_owned);
        cells.identifier(slot, rule_text.as_deref())
    };
    let before = cells.faults.len();
    let key = AccountKey {
        portfolio: one(&at.portfolio, cells),
        reference: one(&at.reference, cells),
        debtor_ref: one(&at.debtor_ref, cells),
    };
    if key.reference.is_none() && key.debtor_ref.is_none() && cells.faults.len() == before {
        cells.fault(&at.reference, "", Code::Empty);
    }
    key
}

/// Whom an event is about, if a role other than the debtor's is stated.
fn related(cells: &mut Cells<'_>, at: &EventSlots) -> Option<RelatedKey> {
    let name = cells.read(&at.name, values::name);
    match cells.read(&at.role, values::word::<Role>) {
        Some(role) if role != Role::Debtor => Some(RelatedKey { role, name }),
        _ => {
            // A name alone does not say who it is; the debtor is named by the account.
            if name.is_some() {
                cells.fault(&at.name, "", Code::Unexpected);
            }
            None
        }
    }
}

fn kind(
    cells: &mut Cells<'_>,
    at: &EventSlots,
    mapping: &Mapping,
    word: &str,
    when_text: Option<&str>,
) -> Option<EventKind> {
    use EventKind::*;
    Some(match word {
        "payment" => payment(cells, at, mapping, when_text)?,
        "promise" => promise(cells, at, mapping)?,
        "dispute_opened" => DisputeOpened {
            reason: cells.read_needed(&at.reason, reason)?,
        },
        "dispute_resolved" => DisputeResolved,
        "opt_out" => OptOut {
            channel: channel(cells, at),
            address: cells.read(&at.address, |t| address(t, mapping)),
        },
        "cease" => Cease,
        "counsel" => Counsel,
        "insolvency" => Insolvency,
        "death" => Death,
        "minor" => Minor,
        "breathing_space" => BreathingSpace {
            until: cells.read(&at.until, |t| values::date(t, mapping)),
        },
        "hardship" => Hardship {
            until: cells.read(&at.until, |t| values::date(t, mapping)),
        },
        "wrong_party" => WrongParty {
            address: cells.read_needed(&at.address, |t| address(t, mapping))?,
        },
        "bounce" => Bounce {
            address: cells.read_needed(&at.address, |t| address(t, mapping))?,
        },
        "call" => call(cells, at, mapping, when_text)?,
        "police_order" => PoliceOrder,
        "complaint" => Complaint,
        "consent_given" => {
            let scope = cells.read_needed(&at.scope, values::word);
            let channel = channel(cells, at);
            let until = cells.read(&at.until, |t| values::date(t, mapping));
            ConsentGiven {
                scope: scope?,
                channel,
                until,
            }
        }
        "consent_revoked" => {
            let scope = cells.read_needed(&at.scope, values::word);
            ConsentRevoked {
                channel: channel(cells, at),
                scope: scope?,
            }
        }
        "wish" => {
            let wish = cells.read_needed(&at.wish, wish);
            let channel = channel(cells, at);
            let until = cells.read(&at.until, |t| values::date(t, mapping));
            Wish {
                wish: wish?,
                channel,
                until,
            }
        }
        "wish_withdrawn" => WishWithdrawn {
            wish: cells.read(&at.wish, wish),
            channel: channel(cells, at),
        },
        _ => {
            cells.fault(&at.kind, word, Code::Word);
            return None;
        }
    })
}

fn payment(
    cells: &mut Cells<'_>,
    at: &EventSlots,
    mapping: &Mapping,
    when_text: Option<&str>,
) -> Option<EventKind> {
    let reference = cells.needed(&at.payment_reference);
    let reference = cells.identifier(&at.payment_reference, reference);
    let amount = money(cells, at, mapping);
    let paid_on = cells.read(&at.paid_on, |t| values::date(t, mapping));
    let day = || when(when_text?, mapping).ok()?.1;
    Some(EventKind::Payment {
        reference: reference?,
        amount: amount?,
        paid_on: paid_on.or_else(day)?,
    })
}

fn promise(cells: &mut Cells<'_>, at: &EventSlots, mapping: &Mapping) -> Option<EventKind> {
    let amount = money(cells, at, mapping);
    if amount.is_some_and(|promised| promised.minor <= 0) {
        cells.fault(&at.amount, "", Code::Negative);
    }
    let due_on = cells.read_needed(&at.due_on, |t| values::date(t, mapping));
    Some(EventKind::Promise {
        amount: amount?,
        due_on: due_on?,
    })
}

fn call(
    cells: &mut Cells<'_>,
    at: &EventSlots,
    mapping: &Mapping,
    when_text: Option<&str>,
) -> Option<EventKind> {
    // Laws count calls and pause after them; two calls of one day must not look like one.
    if let Some(day) = when_text.filter(|text| !text.contains(':')) {
        cells.fault(&at.at, day, Code::Moment);
    }
    let result = cells.read_needed(&at.call_result, values::word);
    let inbound = cells.read(&at.inbound, values::boolean).unwrap_or(false);
    let number = cells.read(&at.address, |t| values::phone(t, mapping.phone_region.as_deref()));
    Some(EventKind::Call {
        result: result?,
        inbound,
        number,
    })
}

fn money(cells: &mut Cells<'_>, at: &EventSlots, mapping: &Mapping) -> Option<Money> {
    let currency = cells.read_needed(&at.currency, values::currency);
    let assumed = currency.unwrap_or(Currency::CNY);
    let minor = cells.read_needed(&at.amount, |t| values::amount(t, assumed, mapping));
    Some(Money::new(minor?, currency?))
}

/// A channel, or `all` or nothing for every channel.
fn channel(cells: &mut Cells<'_>, at: &EventSlots) -> Option<Channel> {
    let one = |text: &str| {
        if text == "all" {
            Ok(None)
        } else {
            values::word(text).map(Some)
        }
    };
    cells.read(&at.channel, one).flatten()
}

fn address(text: &str, mapping: &Mapping) -> Result<Address, Code> {
    if text.contains('@') {
        return values::email(text);
    }
    match text.split_once('|') {
        // A postal address begins with its country: `CN|1 Example Road|Shanghai`.
        Some((country, lines)) if country.len() == 2 => {
            values::postal(lines, Some(&values::country(country)?))
        }
        _ => values::phone(text, mapping.phone_region.as_deref()),
    }
}

fn wish(text: &str) -> Result<Wish, Code> {
    text.parse().map_err(|_| Code::Wish)
}

fn reason(text: &str) -> Result<String, Code> {
    if text.chars().any(is_hidden) {
        return Err(Code::Control);
    }
    if text.chars().count() > 120 {
        return Err(Code::TooLong);
    }
    Ok(text.to_owned())
}

/// Refuses a field that this kind of event does not have: what it says would be lost.
fn nothing_else(cells: &mut Cells<'_>, at: &EventSlots, word: &str) {
    const OF_A_PERSON: &[&str] = &[
        "opt_out",
        "cease",
        "counsel",
        "insolvency",
        "death",
        "minor",
        "wrong_party",
        "call",
        "police_order",
        "breathing_space",
        "consent_given",
        "consent_revoked",
        "wish",
        "wish_withdrawn",
    ];
    let fields: [(&Slot, &[&str]); 14] = [
        (&at.role, OF_A_PERSON),
        (&at.name, OF_A_PERSON),
        (&at.amount, &["payment", "promise"]),
        (&at.currency, &["payment", "promise"]),
        (&at.payment_reference, &["payment"]),
        (&at.paid_on, &["payment"]),
        (&at.due_on, &["promise"]),
        (&at.reason, &["dispute_opened"]),
        (
            &at.channel,
            &[
                "opt_out",
                "consent_given",
                "consent_revoked",
                "wish",
                "wish_withdrawn",
            ],
        ),
        (&at.address, &["opt_out", "wrong_party", "bounce", "call"]),
        (&at.call_result, &["call"]),
        (&at.inbound, &["call"]),
        (&at.scope, &["consent_given", "consent_revoked"]),
        (&at.wish, &["wish", "wish_withdrawn"]),
    ];
    let until: (&Slot, &[&str]) = (
        &at.until,
        &["consent_given", "breathing_space", "hardship", "wish"],
    );
    for (slot, kinds) in fields.into_iter().chain([until]) {
        let cell = slot
            .index
            .and_then(|i| cells.record.get(i))
            .map_or("", |c| c.trim());
        if !cell.is_empty() && !kinds.contains(&word) {
            cells.fault(slot, cell, Code::Unexpected);
        }
    }
}
