//! Rows out, in our own column names: what is written here reads back identically with `Mapping::default()`.
//!
//! Spreadsheets run a cell that begins with `=`, `+`, `-`, `@` or a tab; such cells get a leading `'`, which reading
//! takes off again. JSON Lines need none.

use super::accounts::AccountRow;
use super::events::{EventKind, EventRow, RelatedKey, When};
use super::mapping::{MANY, numbered};
use crate::domain::{Address, AddressKind, Channel, ContactUse, Money};

/// A row that our own columns cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// More contact points of one kind, or more related people, than there are columns.
    #[error("account in line {row} has more than {limit} {what}")]
    TooMany {
        /// The row's own line number.
        row: u64,
        /// What there is too much of.
        what: &'static str,
        /// How many columns there are.
        limit: usize,
    },
}

type Row = Vec<(String, String)>;

/// Accounts as CSV.
pub fn write_accounts_csv(rows: &[AccountRow]) -> Result<String, ExportError> {
    rows.iter().try_for_each(fits)?;
    Ok(csv(rows.iter().map(account_cells).collect(), ACCOUNT_COLUMNS))
}

/// Accounts as JSON Lines.
pub fn write_accounts_jsonl(rows: &[AccountRow]) -> Result<String, ExportError> {
    rows.iter().try_for_each(fits)?;
    Ok(jsonl(rows.iter().map(account_cells)))
}

/// Events as CSV.
pub fn write_events_csv(rows: &[EventRow]) -> String {
    csv(rows.iter().map(event_cells).collect(), EVENT_COLUMNS)
}

/// Events as JSON Lines.
pub fn write_events_jsonl(rows: &[EventRow]) -> String {
    jsonl(rows.iter().map(event_cells))
}

const ACCOUNT_COLUMNS: &[&str] = &[
    "portfolio",
    "reference",
    "debtor_ref",
    "debtor_kind",
    "name",
    "locale",
    "country",
    "region",
    "zone",
    "claim",
    "currency",
    "amount",
    "balance",
    "issued_on",
    "due_on",
];
const EVENT_COLUMNS: &[&str] = &["kind", "at", "portfolio", "reference", "debtor_ref"];

fn is_trigger(text: &str) -> bool {
    text.trim_start_matches('\'')
        .starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Takes off what `csv_cell` put in front of a formula trigger.
pub(super) fn unescape(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_trigger(rest) => rest,
        _ => cell,
    }
}

/// One cell, harmless in a spreadsheet and quoted where needed.
pub(super) fn csv_cell(text: &str, delimiter: u8) -> String {
    let guard = if is_trigger(text) { "'" } else { "" };
    let special = |c: char| c == delimiter as char || matches!(c, '"' | '\n' | '\r');
    if text.contains(special) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

fn csv(rows: Vec<Row>, first: &[&str]) -> String {
    let mut columns: Vec<String> = first.iter().map(|c| (*c).to_owned()).collect();
    let mut known: std::collections::HashSet<String> = columns.iter().cloned().collect();
    for (name, _) in rows.iter().flatten() {
        if known.insert(name.clone()) {
            columns.push(name.clone());
        }
    }
    let mut out = columns.join(",");
    out.push('\n');
    for row in rows {
        let cells: std::collections::HashMap<&str, &str> =
            row.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let line: Vec<String> = columns
            .iter()
            .map(|c| csv_cell(cells.get(c.as_str()).copied().unwrap_or_default(), b','))
            .collect();
        out.push_str(&line.join(","));
        out.push('\n');
    }
    out
}

fn jsonl(rows: impl Iterator<Item = Row>) -> String {
    let mut out = String::new();
    for row in rows {
        let text = |s: String| serde_json::Value::from(s).to_string();
        let members: Vec<String> = row
            .into_iter()
            .map(|(n, v)| format!("{}:{}", text(n), text(v)))
            .collect();
        out.push_str(&format!("{{{}}}\n", members.join(",")));
    }
    out
}

fn fits(row: &AccountRow) -> Result<(), ExportError> {
    let too_many = |what| {
        Err(ExportError::TooMany {
            row: row.row,
            what,
            limit: MANY,
        })
    };
    let count = |kind| row.contacts.iter().filter(|(a, _)| a.kind() == kind).count();
    if count(AddressKind::Phone) > MANY {
        return too_many("telephone numbers");
    }
    if count(AddressKind::Email) > MANY {
        return too_many("e-mail addresses");
    }
    if count(AddressKind::Postal) > MANY {
        return too_many("postal addresses");
    }
    if row.related.len() > MANY {
        return too_many("related people");
    }
    let twice = |kind| {
        row.related
            .iter()
            .any(|r| r.contacts.iter().filter(|(a, _)| a.kind() == kind).count() > 1)
    };
    if twice(AddressKind::Phone) || twice(AddressKind::Email) || twice(AddressKind::Postal) {
        return Err(ExportError::TooMany {
            row: row.row,
            what: "contact point of a kind for a related person",
            limit: 1,
        });
    }
    Ok(())
}

/// The cells that are not empty.
pub(super) fn account_cells(row: &AccountRow) -> Row {
    let money = |minor| Money::new(minor, row.currency).decimal();
    let day = |d: chrono::NaiveDate| d.format("%Y-%m-%d").to_string();
    let flag = |b: bool| b.then(|| "true".to_owned());
    let mut cells = Vec::with_capacity(24);
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            cells.push((name.to_owned(), value));
        }
    };
    put("portfolio", row.portfolio.clone());
    put("reference", Some(row.reference.clone()));
    put("debtor_ref", Some(row.debtor_ref.clone()));
    put("debtor_kind", Some(row.debtor.to_string()));
    put("name", Some(row.name.as_str().to_owned()));
    put("locale", Some(row.locale.to_string()));
    put("country", row.country.clone());
    put("region", row.region.clone());
    put("postal_code", row.postal_code.clone());
    put("zone", row.zone.map(|z| z.name().to_owned()));
    put("zone_until", row.zone_until.map(day));
    put("claim", Some(row.claim.to_string()));
    put("currency", Some(row.currency.code().to_owned()));
    put("amount", Some(money(row.amount_minor)));
    put("balance", Some(money(row.balance_minor)));
    put("issued_on", row.issued_on.map(day));
    put("due_on", Some(day(row.due_on)));
    put(
        "instalments_overdue",
        row.instalments.map(|i| i.overdue.to_string()),
    );
    put(
        "instalment_amount",
        row.instalments.map(|i| money(i.amount_minor)),
    );
    put("confirmed", flag(row.confirmed));
    put("observation", flag(row.observation));
    put("disputed", flag(row.disputed));
    put("settled_on", row.settled_on.map(day));
    put("preferred_channel", row.preferred_channel.map(|c| c.to_string()));
    let mut counts = [0; 3];
    for (address, usage) in &row.contacts {
        let kind = address.kind();
        counts[kind as usize] += 1;
        contact(
            &mut cells,
            &numbered(column_of(kind), counts[kind as usize]),
            address,
            *usage,
        );
    }
    for (n, person) in row.related.iter().enumerate() {
        let column = |field: &str| format!("related{}_{field}", n + 1);
        cells.push((column("role"), person.role.to_string()));
        cells.push((column("name"), person.name.as_str().to_owned()));
        for (address, usage) in &person.contacts {
            contact(&mut cells, &column(column_of(address.kind())), address, *usage);
        }
    }
    cells
}

fn column_of(kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Phone => "phone",
        AddressKind::Email => "email",
        AddressKind::Postal => "address",
    }
}

fn contact(cells: &mut Row, column: &str, address: &Address, usage: ContactUse) {
    let text = match address {
        Address::Phone(p) => p.e164().to_owned(),
        Address::Email(e) => e.as_str().to_owned(),
        Address::Postal(p) => p.lines.join("|"),
    };
    cells.push((column.to_owned(), text));
    cells.push((format!("{column}_use"), usage.to_string()));
}

/// The cells that are not empty.
pub(super) fn event_cells(row: &EventRow) -> Row {
    let day = |d: &chrono::NaiveDate| d.format("%Y-%m-%d").to_string();
    let mut cells: Row = Vec::with_capacity(12);
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            cells.push((name.to_owned(), value));
        }
    };
    put("kind", Some(row.kind.as_str().to_owned()));
    put(
        "at",
        Some(match row.at {
            When::At(at) => at.to_text(),
            When::On(on) => day(&on),
        }),
    );
    put("portfolio", row.account.portfolio.clone());
    put("reference", row.account.reference.clone());
    put("debtor_ref", row.account.debtor_ref.clone());
    if let Some(RelatedKey { role, name }) = &row.related {
        put("role", Some(role.to_string()));
        put("name", name.as_ref().map(|n| n.as_str().to_owned()));
    }
    let channel_text = |c: &Option<Channel>| Some(c.map_or("all".to_owned(), |c| c.to_string()));
    match &row.kind {
        EventKind::Payment {
            reference,
            amount,
            paid_on,
        } => {
            put("payment_reference", Some(reference.clone()));
            put("amount", Some(amount.decimal()));
            put("currency", Some(amount.currency.code().to_owned()));
            put("paid_on", Some(day(paid_on)));
        }
        EventKind::Promise { amount, due_on } => {
            put("amount", Some(amount.decimal()));
            put("currency", Some(amount.currency.code().to_owned()));
            put("due_on", Some(day(due_on)));
        }
        EventKind::DisputeOpened { reason } => put("reason", Some(reason.clone())),
        EventKind::OptOut { channel, address } => {
            put("channel", channel_text(channel));
            put("address", address.as_ref().map(address_text));
        }
        EventKind::WrongParty { address } | EventKind::Bounce { address } => {
            put("address", Some(address_text(address)));
        }
        EventKind::Call {
            result,
            inbound,
            number,
        } => {
            put("call_result", Some(result.to_string()));
            put("inbound", Some(inbound.to_string()));
            put("address", number.as_ref().map(address_text));
        }
        EventKind::ConsentGiven {
            scope,
            channel,
            until,
        } => {
            put("scope", Some(scope.to_string()));
            put("channel", channel_text(channel));
            put("until", until.as_ref().map(day));
        }
        EventKind::ConsentRevoked { scope, channel } => {
            put("scope", Some(scope.to_string()));
            put("channel", channel_text(channel));
        }
        EventKind::Wish { wish, channel, until } => {
            put("wish", Some(wish.to_string()));
            put("channel", channel_text(channel));
            put("until", until.as_ref().map(day));
        }
        EventKind::WishWithdrawn { wish, channel } => {
            put("wish", wish.as_ref().map(ToString::to_string));
            put("channel", channel_text(channel));
        }
        EventKind::BreathingSpace { until } | EventKind::Hardship { until } => {
            put("until", until.as_ref().map(day));
        }
        _ => {}
    }
    cells
}

/// Like `Address::normal`, with the e-mail's own case.
fn address_text(address: &Address) -> String {
    match address {
        Address::Email(e) => e.as_str().to_owned(),
        other => other.normal(),
    }
}
