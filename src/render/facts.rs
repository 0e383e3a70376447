//! The facts a template may use: a fixed list of names, filled from a situation in the words of a locale.
//!
//! A fact that is empty is not there at all, so a template that needs it fails instead of leaving a blank.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use minijinja::value::{Object, Value as Jinja};

use super::faults::RenderFault;
use super::locale::LocaleWords;
use crate::domain::{Address, Channel, Money, PostalAddress, Role, SenderKind, Situation, is_hidden};

/// Every name a template may use, beside the extras its entry in the catalogue declares.
pub const FACT_NAMES: &[&str] = &[
    "account_reference",
    "amount",
    "amount_due",
    "contact_email",
    "contact_phone",
    "creditor_name",
    "days_overdue",
    "days_until_due",
    "debtor_name",
    "due_date",
    "first_contact",
    "instalment_amount",
    "instalments_overdue",
    "issued_on",
    "legal_action_approved",
    "mandate",
    "on_behalf",
    "opt_out_word",
    "original_amount",
    "own_signed",
    "own_subject",
    "own_text",
    "paid_amount",
    "payee_bank",
    "payee_holder",
    "payee_number",
    "payment_reference",
    "promised_on",
    "recipient_address",
    "recipient_name",
    "reference",
    "reply_by",
    "sender_address",
    "sender_licence",
    "sender_name",
    "sender_signature",
    "staffed",
    "statement_rows",
    "to_debtor",
    "today",
];

/// The one fact that an extra may replace: without extras the statement has one row, the account itself.
pub(super) const REPLACEABLE: &str = "statement_rows";

/// A value that a caller adds for one document, e.g. the rows of a plan. It is data, never a template.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A count.
    Number(i64),
    /// An amount; written as the locale writes amounts.
    Amount(Money),
    /// A date; written as the locale writes dates.
    Date(NaiveDate),
    /// Rows of a table.
    Rows(Vec<Vec<Value>>),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Value::Text(_) => "Value(text)",
            Value::Number(_) => "Value(number)",
            Value::Amount(_) => "Value(amount)",
            Value::Date(_) => "Value(date)",
            Value::Rows(_) => "Value(rows)",
        })
    }
}

/// Names and values as templates see them. `Debug` shows how many there are.
#[derive(Clone, Default)]
pub struct Facts {
    values: BTreeMap<String, Jinja>,
}

impl Facts {
    /// The value as a template would write it; lists are joined by line breaks.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.values.get(name)?;
        Some(match value.try_iter() {
            Ok(items) if value.as_str().is_none() => {
                items.map(|i| i.to_string()).collect::<Vec<_>>().join("\n")
            }
            _ => value.to_string(),
        })
    }

    /// The names of the facts that are there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Jinja> {
        self.values.get(name)
    }

    pub(super) fn stand_in(&mut self, name: &str) {
        self.values.insert(name.to_owned(), Jinja::from("-"));
    }
}

impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Facts({})", self.values.len())
    }
}

impl Object for Facts {
    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Jinja> {
        self.values.get(key).cloned()
    }
}

/// Collects facts: only wanted ones, only those that are not empty, and says which hold hidden characters.
pub(super) struct Collector<'a> {
    words: &'a LocaleWords,
    wanted: Option<&'a BTreeSet<String>>,
    facts: Facts,
    faults: Vec<RenderFault>,
}

impl<'a> Collector<'a> {
    /// `wanted` limits the work to what the template uses; `None` collects everything.
    pub(super) fn new(words: &'a LocaleWords, wanted: Option<&'a BTreeSet<String>>) -> Collector<'a> {
        Collector {
            words,
            wanted,
            facts: Facts::default(),
            faults: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> (Facts, Vec<RenderFault>) {
        (self.facts, self.faults)
    }

    fn wants(&self, name: &str) -> bool {
        self.wanted.is_none_or(|w| w.contains(name))
    }

    fn put(&mut self, name: &str, value: impl Into<Jinja>) {
        self.facts.values.insert(name.to_owned(), value.into());
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if !self.wants(name) {
            return;
        }
        if let Some(t) = text.map(str::trim).filter(|t| !t.is_empty()) {
            if t.chars().any(is_hidden) {
                self.faults.push(RenderFault::hidden(name));
            }
            self.put(name, t);
        }
    }

    fn made(&mut self, name: &str, text: impl FnOnce(&LocaleWords) -> Option<String>) {
        if self.wants(name)
            && let Some(t) = text(self.words)
        {
            self.put(name, t);
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        if self.wants(name) {
            self.put(name, value);
        }
    }

    fn lines(&mut self, name: &str, lines: Option<&Vec<String>>) {
        let lines: Vec<&str> = lines
            .into_iter()
            .flatten()
            .map(|l| l.trim())
            .filter(|l| !l.is_empty())
            .collect();
        if !self.wants(name) || lines.is_empty() {
            return;
        }
        if lines.iter().any(|l| l.chars().any(is_hidden)) {
            self.faults.push(RenderFault::hidden(name));
        }
        self.put(name, lines.into_iter().map(Jinja::from).collect::<Vec<_>>());
    }

    /// Everything the situation tells.
    pub(super) fn situation(&mut self, s: &Situation, today: NaiveDate, reply_days: u64) {
        self.people(s);
        self.debt(s, today);
        self.payment(s);
        self.own_words(s);
        self.made("today", |w| Some(w.date(today)));
        self.made("reply_by", |w| {
            today.checked_add_days(Days::new(reply_days)).map(|d| w.date(d))
        });
        self.made("reference", |_| Some(s.attempt.reference()));
    }

    fn people(&mut self, s: &Situation) {
        self.text("debtor_name", Some(s.debtor.name.as_str()));
        self.text("recipient_name", Some(s.recipient.name.as_str()));
        self.text("creditor_name", Some(&s.creditor.name));
        self.text("sender_name", Some(&s.sender.name));
        self.text("sender_signature", Some(&s.sender.signature));
        self.text("sender_licence", s.sender.licence.as_deref());
        self.text("mandate", s.sender.mandate.as_deref());
        self.text("staffed", s.sender.staffed.as_deref());
        self.text("opt_out_word", Some(&s.sender.opt_out_word));
        self.text("contact_phone", s.sender.phone.as_ref().map(|p| p.e164()));
        self.text("contact_email", s.sender.email.as_ref().map(|e| e.as_str()));
        self.lines("sender_address", s.sender.postal.as_ref().map(|p| &p.lines));
        self.lines(
            "recipient_address",
            postal(&s.contact_point.address).map(|p| &p.lines),
        );
        self.flag("on_behalf", s.sender.kind != SenderKind::Creditor);
        self.flag(
            "to_debtor",
            s.role == Role::Debtor && s.recipient.id == s.debtor.id,
        );
        self.flag("first_contact", s.first_contact);
    }

    fn debt(&mut self, s: &Situation, today: NaiveDate) {
        let a = &s.account;
        let money = |minor: i64| Money::new(minor, a.currency);
        let instalment = a.instalments.map(|i| i.amount_minor).filter(|m| *m > 0);
        let positive = |minor: i64| (minor > 0).then(|| money(minor));
        self.text("account_reference", Some(&a.reference));
        self.made("amount", |w| positive(a.balance_minor).map(|m| w.money(m)));
        self.made("original_amount", |w| {
            positive(a.amount_minor).map(|m| w.money(m))
        });
        self.made("paid_amount", |w| {
            Some(w.money(money(a.amount_minor.checked_sub(a.balance_minor)?)))
        });
        self.made("amount_due", |w| {
            positive(instalment.unwrap_or(a.balance_minor)).map(|m| w.money(m))
        });
        self.made("instalment_amount", |w| instalment.map(|m| w.money(money(m))));
        let overdue = a.instalments_overdue(today).filter(|n| *n > 0);
        self.made("instalments_overdue", |_| overdue.map(|n| n.to_string()));
        self.made("issued_on", |w| a.issued_on.map(|d| w.date(d)));
        self.made("due_date", |w| Some(w.date(a.due_on)));
        let past = a.days_past_due(today);
        self.made("days_overdue", |_| (past > 0).then(|| past.to_string()));
        self.made("days_until_due", |_| (past <= 0).then(|| (-past).to_string()));
        self.made("promised_on", |w| a.promised_until.map(|d| w.date(d)));
        self.flag("legal_action_approved", a.legal_action_approved);
        if self.wants(REPLACEABLE) {
            let row = self.account_row(s);
            self.put(REPLACEABLE, vec![row]);
        }
    }

    /// The account as one row of a statement: reference, issued, due, first amount, paid or adjusted, still owed.
    fn account_row(&self, s: &Situation) -> Jinja {
        let (a, w) = (&s.account, self.words);
        let money = |minor: i64| w.money(Money::new(minor, a.currency));
        let cells = [
            a.reference.clone(),
            a.issued_on.map_or_else(|| "-".to_owned(), |d| w.date(d)),
            w.date(a.due_on),
            money(a.amount_minor),
            money(a.amount_minor.saturating_sub(a.balance_minor)),
            money(a.balance_minor),
        ];
        Jinja::from(cells.into_iter().map(Jinja::from).collect::<Vec<_>>())
    }

    fn payment(&mut self, s: &Situation) {
        // INVARIANT: only a payee that a second person has confirmed is ever named.
        let payee = s.payees.iter().find(|p| p.confirmed);
        self.text("payee_holder", payee.map(|p| p.holder.as_str()));
        self.text("payee_bank", payee.map(|p| p.bank.as_str()));
        let number = payee.map(|p| in_fours(&p.number));
        self.text("payee_number", number.as_deref());
        self.text("payment_reference", Some(&s.account.reference));
    }

    fn own_words(&mut self, s: &Situation) {
        self.text("own_subject", s.attempt.own_subject.as_deref());
        let text = s
            .attempt
            .own_text
            .as_deref()
            .map(|t| t.replace("\r\n", "\n").trim().to_owned());
        let Some(text) = text.filter(|t| !t.is_empty()) else {
            return;
        };
        let wanted = ["own_text", "own_signed"].iter().any(|n| self.wants(n));
        if wanted && text.chars().any(|c| c != '\n' && is_hidden(c)) {
            self.faults.push(RenderFault::hidden("own_text"));
        }
        let head = format!("【{}】", s.sender.signature);
        self.flag("own_signed", text.starts_with(&head));
        if self.wants("own_text") {
            self.put("own_text", text);
        }
    }

    /// What the caller adds for this document; only names that the catalogue declares.
    pub(super) fn extras(&mut self, declared: &[String], extra: &BTreeMap<String, Value>) {
        for (name, value) in extra {
            if !declared.contains(name) {
                self.faults.push(
                    RenderFault::new(
                        "template.unknown_extra",
                        format!("该模板不接受附加资料“{name}”"),
                        format!("this template takes no extra `{name}`"),
                    )
                    .of(name),
                );
            } else if self.wants(name) {
                match self.extra(value) {
                    Ok(Some(v)) => self.put(name, v),
                    Ok(None) => {}
                    Err(()) => self.faults.push(RenderFault::hidden(name)),
                }
            }
        }
    }

    fn extra(&self, value: &Value) -> Result<Option<Jinja>, ()> {
        Ok(match value {
            Value::Text(t) if t.chars().any(is_hidden) => return Err(()),
            Value::Text(t) => Some(t.trim()).filter(|t| !t.is_empty()).map(Jinja::from),
            Value::Number(n) => Some(Jinja::from(n.to_string())),
            Value::Amount(m) => Some(Jinja::from(self.words.money(*m))),
            Value::Date(d) => Some(Jinja::from(self.words.date(*d))),
            Value::Rows(rows) => {
                let rows: Vec<Jinja> = rows
                    .iter()
                    .map(|row| {
                        let cells: Result<Vec<Jinja>, ()> = row
                            .iter()
                            .map(|c| Ok(self.extra(c)?.unwrap_or_else(|| Jinja::from("-"))))
                            .collect();
                        cells.map(Jinja::from)
                    })
                    .collect::<Result<_, ()>>()?;
                (!rows.is_empty()).then(|| Jinja::from(rows))
            }
        })
    }
}

fn postal(address: &Address) -> Option<&PostalAddress> {
    match address {
        Address::Postal(p) => Some(p),
        _ => None,
    }
}

/// How many days a message leaves for an answer depends on how long it travels.
pub(super) fn reply_days(channel: Channel, message: u64, letter: u64) -> u64 {
    if channel == Channel::Letter {
        letter
    } else {
        message
    }
}

/// Paragraphs are separated by blank lines; empty ones vanish.
pub(super) fn paragraphs(text: &str) -> Vec<String> {
    let mut out: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines().map(str::trim) {
        match (line.is_empty(), out.last_mut()) {
            (false, Some(open)) => open.push(line),
            _ => out.push(Vec::new()),
        }
    }
    out.into_iter()
        .filter(|p| !p.is_empty())
        .map(|p| p.join("\n"))
        .collect()
}

/// Account numbers are read in groups of four.
fn in_fours(number: &str) -> String {
    let bare: Vec<char> = number.chars().filter(|c| !c.is_whitespace()).collect();
    bare.chunks(4)
        .map(|four| four.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_numbers_are_grouped_in_fours() {
        let check = |number: &str, expected: &str| assert_eq!(in_fours(number), expected);
        check("6222000011112222333", "6222 0000 1111 2222 333");
        check("GB29NWBK60161331926819", "GB29 NWBK 6016 1331 9268 19");
        check("123", "123");
    }

    #[test]
    fn blank_lines_separate_paragraphs() {
        let check = |text: &str, expected: &[&str]| assert_eq!(paragraphs(text), expected);
        check("a\nb\n\n\n c \n", &["a\nb", "c"]);
        check("\n \n", &[]);
    }

    #[test]
    fn the_names_are_sorted_and_unique() {
        assert!(FACT_NAMES.is_sorted_by(|a, b| a < b));
    }
}
