//! An invented ledger from a seed: the same seed gives the same bytes. For demos, tests and benchmarks.
//!
//! Three portfolios (`trade`, `consumer`, `global`), people in five countries, sixty days of events, and a dozen rows
//! that are damaged on purpose. Names are invented; numbers come from ranges reserved for fiction, or, in mainland
//! China where there is none, from `1xx 0000 xxxx`; e-mail addresses are at `example.com`.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};

use super::export::csv_cell;
use super::reject::Code;
use crate::domain::{Channel, ClaimKind, Moment};

/// An invented ledger.
#[derive(Debug, Clone)]
pub struct SampleLedger {
    /// For `read_accounts` with the built-in mapping.
    pub accounts_csv: String,
    /// Events by time, each a JSON line for `read_events` with the built-in mapping.
    pub events: Vec<(Moment, String)>,
    /// What reading it must give.
    pub expected: Expected,
}

/// What reading a sample ledger must give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Valid rows.
    pub accounts: usize,
    /// Rows refused on purpose.
    pub refused: usize,
    /// Rows that repeat another.
    pub repeated: usize,
    /// Valid rows without any contact point.
    pub without_contact: usize,
    /// Different debtors.
    pub debtors: usize,
    /// Valid rows by portfolio.
    pub by_portfolio: BTreeMap<&'static str, usize>,
    /// Events by kind.
    pub events: BTreeMap<&'static str, usize>,
    /// The refusals by code.
    pub codes: BTreeMap<&'static str, usize>,
}

/// SplitMix64: small, fast, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True `n` times in a hundred.
    fn percent(&mut self, n: usize) -> bool {
        self.below(100) < n
    }

    fn pick<'l, V>(&mut self, list: &'l [V]) -> &'l V {
        &list[self.below(list.len())]
    }
}

const COLUMNS: &str = "portfolio,reference,debtor_ref,debtor_kind,name,locale,country,region,zone,claim,currency,\
    amount,balance,issued_on,due_on,instalments_overdue,instalment_amount,confirmed,observation,disputed,\
    preferred_channel,phone,phone_use,email,email_use,address,address_use,related1_role,related1_name,related1_phone,\
    related1_phone_use";
const WIDTH: usize = 31;

const SURNAMES: &[&str] = &[
    "李", "王", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何",
    "郭", "马", "罗", "欧阳", "司马",
];
const GIVEN: &[&str] = &[
    "伟", "芳", "娜", "敏", "静", "磊", "洋", "艳", "勇", "杰", "晓明", "建国", "雨桐", "子涵", "文博",
    "思远", "若曦", "嘉怡",
];
const PLACES: &[&str] = &[
    "上海", "杭州", "深圳", "成都", "武汉", "苏州", "青岛", "西安", "长沙", "厦门",
];
const TRADES: &[&str] = &[
    "云帆", "恒泰", "金禾", "晨曦", "海岳", "德润", "星河", "瑞丰", "百川", "启明",
];
const LINES: &[&str] = &["贸易", "机械", "电子", "纺织", "建材", "食品", "包装", "物流"];
const FIRST: &[&str] = &[
    "Alice", "Ben", "Carla", "Daniel", "Emma", "Frank", "Grace", "Henry", "Isla", "Jack", "Karen", "Liam",
    "Maya", "Noah",
];
const LAST: &[&str] = &[
    "Archer", "Bennett", "Carter", "Dalton", "Ellis", "Foster", "Grant", "Harper", "Irving", "Jensen",
    "Kemp", "Lowell",
];
const HONG_KONG: &[&str] = &["陳大文", "黃美玲", "何志強", "李嘉欣", "梁家輝", "吳詠詩"];
/// State and an area code of it.
const STATES: &[(&str, &str)] = &[
    ("NY", "212"),
    ("CA", "415"),
    ("HI", "808"),
    ("TX", "214"),
    ("FL", "305"),
    ("IL", "312"),
    ("AZ", "602"),
    ("WA", "206"),
    ("AK", "907"),
    ("MA", "617"),
];
/// The Australian mobile numbers kept free for fiction.
const AUSTRALIAN: &[&str] = &[
    "570006", "570156", "570157", "570158", "570159", "570110", "570313", "570737", "571266", "571491",
    "571804", "572549", "572665", "572983", "573770", "573087",
];
const AUSTRALIAN_STATES: &[&str] = &["NSW", "VIC", "QLD", "WA", "SA", "NT"];

/// Somebody who owes.
#[derive(Clone)]
struct Debtor {
    reference: String,
    cells: [String; 6],
    contacts: [String; 6],
    related: [String; 4],
    portfolio: &'static str,
}

/// A debt as it was written, to make events about.
struct Debt {
    reference: String,
    portfolio: &'static str,
    currency: &'static str,
    balance: i64,
    instalment: Option<i64>,
    phone: String,
    email: String,
}

/// Invents `accounts` valid accounts around `start`, the events of the sixty days after it, and a dozen bad rows.
pub fn generate(seed: u64, accounts: usize, start: NaiveDate) -> SampleLedger {
    let mut dice = Dice(seed);
    let mut expected = Expected::default();
    let mut rows: Vec<String> = Vec::with_capacity(accounts + 16);
    let mut debts: Vec<Debt> = Vec::with_capacity(accounts);
    let mut debtors: Vec<Debtor> = Vec::new();
    for n in 0..accounts {
        let again = n > 20 && dice.percent(15);
        let debtor = if again {
            dice.pick(&debtors).clone()
        } else {
            let debtor = invent(&mut dice, debtors.len());
            debtors.push(debtor.clone());
            debtor
        };
        let (row, debt) = owe(&mut dice, &debtor, n, start);
        if debt.phone.is_empty() && debt.email.is_empty() && debtor.contacts[4].is_empty() {
            expected.without_contact += 1;
        }
        *expected.by_portfolio.entry(debtor.portfolio).or_default() += 1;
        rows.push(row);
        debts.push(debt);
    }
    expected.accounts = accounts;
    expected.debtors = debtors.len();
    let accounts_csv = with_damage(rows, &mut expected, start);
    let events = happenings(&mut dice, &debts, start, &mut expected);
    SampleLedger {
        accounts_csv,
        events,
        expected,
    }
}

fn invent(dice: &mut Dice, n: usize) -> Debtor {
    match dice.below(100) {
        0..35 => mainland_company(dice, n),
        35..65 => mainland_person(dice, n),
        _ => abroad(dice, n),
    }
}

fn texts<const N: usize>(cells: [&str; N]) -> [String; N] {
    cells.map(str::to_owned)
}

/// `13800000123`: a mainland mobile number of the form `1xx 0000 xxxx`; some debtors share one.
fn mainland_phone(dice: &mut Dice, n: usize) -> (String, &'static str) {
    const PREFIXES: &[&str] = &["138", "139", "150", "159", "186", "188"];
    if dice.percent(6) {
        return (format!("1380000000{}", dice.below(4)), "shared");
    }
    (
        format!(
            "{}0000{:04}",
            PREFIXES[n / 9000 % PREFIXES.len()],
            1000 + n % 9000
        ),
        "own",
    )
}

fn mainland_company(dice: &mut Dice, n: usize) -> Debtor {
    let place = *dice.pick(PLACES);
    let name = format!("{place}{}{}有限公司", dice.pick(TRADES), dice.pick(LINES));
    let (phone, usage) = mainland_phone(dice, n);
    let usage = if usage == "own" { "office" } else { usage };
    let address = format!("{place}市示例区样本路 {} 号", 1 + dice.below(300));
    Debtor {
        reference: format!("D{n:06}"),
        cells: texts(["legal", &name, "zh-CN", "CN", "", ""]),
        contacts: reachable(dice, &phone, usage, n, &address),
        related: if dice.percent(10) {
            guarantor(dice, n)
        } else {
            Default::default()
        },
        portfolio: "trade",
    }
}

fn mainland_person(dice: &mut Dice, n: usize) -> Debtor {
    let name = format!("{}{}", dice.pick(SURNAMES), dice.pick(GIVEN));
    let (phone, usage) = mainland_phone(dice, n);
    let address = format!(
        "{}市样例区虚构街 {} 号|{} 室",
        dice.pick(PLACES),
        1 + dice.below(99),
        101 + dice.below(1900)
    );
    Debtor {
        reference: format!("D{n:06}"),
        cells: texts(["natural", &name, "zh-CN", "CN", "", ""]),
        contacts: reachable(dice, &phone, usage, n, &address),
        related: if dice.percent(15) {
            guarantor(dice, n)
        } else {
            Default::default()
        },
        portfolio: "consumer",
    }
}

fn guarantor(dice: &mut Dice, n: usize) -> [String; 4] {
    let name = format!("{}{}", dice.pick(SURNAMES), dice.pick(GIVEN));
    let role = *dice.pick(&[
        "guarantor",
        "guarantor",
        "guarantor",
        "contact_reference",
        "spouse",
        "counsel",
    ]);
    texts([role, &name, &format!("1370000{:04}", 1000 + n % 9000), "own"])
}

/// Mostly all three ways, sometimes fewer, now and then none.
fn reachable(dice: &mut Dice, phone: &str, usage: &str, n: usize, address: &str) -> [String; 6] {
    let email = format!("debtor{n}@example.com");
    match dice.below(100) {
        0..3 => Default::default(),
        3..20 => texts([phone, usage, "", "", "", ""]),
        20..30 => texts(["", "", &email, "own", "", ""]),
        30..35 => texts(["", "", "", "", address, "home"]),
        _ => texts([phone, usage, &email, "own", address, "home"]),
    }
}

fn abroad(dice: &mut Dice, n: usize) -> Debtor {
    let name = format!("{} {}", dice.pick(FIRST), dice.pick(LAST));
    let street = format!("{} Example Street|Sampletown", 1 + dice.below(900));
    let (mut cells, phone) = match dice.below(10) {
        0..5 => {
            let (state, area) = *dice.pick(STATES);
            let region = if dice.percent(20) { "" } else { state };
            let phone = format!("+1{area}55501{:02}", n % 100);
            (texts(["natural", &name, "en", "US", region, ""]), phone)
        }
        5..7 => (
            texts(["natural", &name, "en", "GB", "", ""]),
            format!("+4420794600{:02}", n % 100),
        ),
        7..8 => {
            let phone = format!("+61491{}", AUSTRALIAN[n % AUSTRALIAN.len()]);
            (
                {
                    let state = *dice.pick(AUSTRALIAN_STATES);
                    texts(["natural", &name, "en", "AU", state, ""])
                },
                phone,
            )
        }
        8..9 => {
            let name = *dice.pick(HONG_KONG);
            (
                texts(["natural", name, "zh-TW", "HK", "", "Asia/Hong_Kong"]),
                format!("+8525500{:04}", n % 1000),
            )
        }
        // Nobody knows where: no country, no zone, and no number that would tell.
        _ => (texts(["natural", &name, "en", "", "", ""]), String::new()),
    };
    if dice.percent(12) && !cells[3].is_empty() && cells[3] != "HK" {
        cells[0] = "legal".into();
        cells[1] = format!("{} & {} Sample Ltd", dice.pick(LAST), dice.pick(LAST));
    }
    let unknown = cells[3].is_empty();
    let contacts = if unknown {
        texts(["", "", &format!("debtor{n}@example.org"), "own", "", ""])
    } else {
        reachable(dice, &phone, "own", n, &street)
    };
    Debtor {
        reference: format!("D{n:06}"),
        cells,
        contacts,
        related: Default::default(),
        portfolio: "global",
    }
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// A date as a distance of days from `start`.
fn day(start: NaiveDate, days: i64) -> NaiveDate {
    start + TimeDelta::days(days)
}

fn currency_of(country: &str) -> &'static str {
    match country {
        "CN" => "CNY",
        "GB" => "GBP",
        "AU" => "AUD",
        "HK" => "HKD",
        _ => "USD",
    }
}

fn owe(dice: &mut Dice, debtor: &Debtor, n: usize, start: NaiveDate) -> (String, Debt) {
    let due_in = dice.below(121) as i64 - 70;
    let currency = currency_of(&debtor.cells[3]);
    let claim = match debtor.portfolio {
        "trade" => ClaimKind::TradeReceivable,
        "consumer" => *dice.pick(&[
            ClaimKind::CreditCard,
            ClaimKind::ConsumerLoan,
            ClaimKind::OnlineConsumerLoan,
        ]),
        _ => *dice.pick(&[
            ClaimKind::TradeReceivable,
            ClaimKind::Utility,
            ClaimKind::ConsumerLoan,
        ]),
    };
    let amount = 10_000 + dice.below(5_000_000) as i64;
    let balance = if dice.percent(20) { amount / 2 } else { amount };
    let instalment = (debtor.portfolio == "consumer").then_some(balance / 12 + 1);
    let overdue = match due_in {
        1.. => 0,
        days => 1 + days.unsigned_abs() / 30,
    };
    let flag = |yes: bool| if yes { "true" } else { "" };
    let reference = format!("00{:08}", 1000 + n * 7);
    let mut row = format!("{},{reference},{}", debtor.portfolio, debtor.reference);
    let more = [
        claim.as_str().to_owned(),
        currency.to_owned(),
        decimal(amount),
        decimal(balance),
        day(start, due_in - 60).to_string(),
        day(start, due_in).to_string(),
        instalment.map(|_| overdue.to_string()).unwrap_or_default(),
        instalment.map(decimal).unwrap_or_default(),
        flag(dice.percent(30)).to_owned(),
        flag(dice.percent(5)).to_owned(),
        flag(dice.percent(3)).to_owned(),
        (if dice.percent(10) {
            dice.pick(&[Channel::Letter, Channel::Email]).as_str()
        } else {
            ""
        })
        .to_owned(),
    ];
    for cell in debtor
        .cells
        .iter()
        .chain(&more)
        .chain(&debtor.contacts)
        .chain(&debtor.related)
    {
        row.push(',');
        row.push_str(&csv_cell(cell, b','));
    }
    let debt = Debt {
        reference,
        portfolio: debtor.portfolio,
        currency,
        balance,
        instalment,
        phone: debtor.contacts[0].clone(),
        email: debtor.contacts[2].clone(),
    };
    (row, debt)
}

/// One row of each kind of damage.
fn damaged_rows(start: NaiveDate) -> Vec<(String, Code)> {
    let good = |column: usize, value: &str| {
        let mut cells = vec![String::new(); WIDTH];
        let due = start.to_string();
        let filled = [
            (0, "consumer"),
            (1, "0099999999"),
            (2, "X900000"),
            (3, "natural"),
            (4, "示例人"),
            (6, "CN"),
        ];
        let owed = [
            (9, "other"),
            (10, "CNY"),
            (11, "100.00"),
            (14, due.as_str()),
            (21, "13900000001"),
        ];
        for (at, text) in filled.into_iter().chain(owed).chain([(column, value)]) {
            cells[at] = text.to_owned();
        }
        cells.join(",")
    };
    vec![
        (good(21, "1.38E+10"), Code::Scientific),
        (good(1, "110101199001010000"), Code::SpreadsheetDamage),
        (good(4, "13900000002"), Code::Swapped),
        (good(21, "someone@example.com"), Code::Swapped),
        (good(11, "2026-01-31"), Code::Swapped),
        (good(4, "示\u{202E}例人"), Code::Control),
        (good(4, "绀轰緥"), Code::Encoding),
        (good(14, "31/12/2026"), Code::DateOrder),
        (good(14, "2026-02-30"), Code::DateImpossible),
        (good(11, "\"1.234,56\""), Code::AmountSign),
        (good(11, "-5.00"), Code::Negative),
        (good(10, "RMB"), Code::Currency),
        (good(6, "ZH"), Code::Country),
        (good(9, "loan"), Code::Word),
        (good(2, ""), Code::Empty),
        (good(21, "12345"), Code::Phone),
        (format!("{},surplus", good(0, "consumer")), Code::FieldCount),
        (good(4, "\"示例人"), Code::UnclosedQuote),
    ]
}

/// Puts one row of each kind of damage among the good ones, and one that repeats another.
fn with_damage(mut rows: Vec<String>, expected: &mut Expected, start: NaiveDate) -> String {
    let first = rows.first().cloned().unwrap_or_default();
    let mut other: Vec<&str> = first.split(',').collect();
    if let Some(amount) = other.get_mut(11) {
        *amount = "77777.00";
    }
    let other = other.join(",");
    let mut damaged = damaged_rows(start);
    if !first.is_empty() {
        damaged.insert(damaged.len() - 1, (other, Code::Duplicate));
    }
    expected.refused = damaged.len();
    for (n, (row, code)) in damaged.into_iter().enumerate() {
        *expected.codes.entry(code.as_str()).or_default() += 1;
        // The unclosed quote stands last, so that it damages nothing else even for a careless reader.
        let at = if code == Code::UnclosedQuote {
            rows.len()
        } else {
            (n + 1) * rows.len() / 20
        };
        rows.insert(at, row);
    }
    if !first.is_empty() {
        rows.insert(rows.len() / 2 + 1, first);
        expected.repeated = 1;
    }
    let mut out = String::from(COLUMNS);
    out.push('\n');
    for row in rows {
        out.push_str(&row);
        out.push('\n');
    }
    out
}

fn happenings(
    dice: &mut Dice,
    debts: &[Debt],
    start: NaiveDate,
    expected: &mut Expected,
) -> Vec<(Moment, String)> {
    let mut events: Vec<Happening> = Vec::new();
    for (n, debt) in debts.iter().enumerate() {
        let first = dice.below(45) as u64;
        match dice.below(100) {
            0..14 => events.push(paid(debt, n, at(dice, start, first), debt.balance)),
            14..20 => events.push(paid(
                debt,
                n,
                at(dice, start, first),
                debt.instalment.unwrap_or(debt.balance / 3),
            )),
            20..30 => promised(dice, debt, n, (start, first), &mut events),
            30..36 => {
                let reason = *dice.pick(&["amount", "not_mine", "quality", "already_paid"]);
                events.push(event(
                    "dispute_opened",
                    debt,
                    at(dice, start, first),
                    &format!(r#","reason":"{reason}""#),
                ));
                if dice.percent(50) {
                    events.push(event("dispute_resolved", debt, at(dice, start, first + 9), ""));
                }
            }
            36..42 => {
                let channel = *dice.pick(&["sms", "email", "all"]);
                events.push(event(
                    "opt_out",
                    debt,
                    at(dice, start, first),
                    &format!(r#","channel":"{channel}""#),
                ));
            }
            42..48 => {
                let kinds = [
                    "cease",
                    "counsel",
                    "insolvency",
                    "death",
                    "police_order",
                    "complaint",
                ];
                events.push(event(kinds[n % kinds.len()], debt, at(dice, start, first), ""));
            }
            48..52 if !debt.email.is_empty() => {
                let address = format!(r#","address":"{}""#, debt.email);
                events.push(event("bounce", debt, at(dice, start, first), &address));
            }
            52..54 if debt.phone.starts_with('+') => {
                let address = format!(r#","address":"{}""#, debt.phone);
                events.push(event("wrong_party", debt, at(dice, start, first), &address));
            }
            54..62 => events.push(called(dice, debt, start, first)),
            62..64 => {
                let until = start + Days::new(60);
                let scope = format!(r#","scope":"channel","channel":"email","until":"{until}""#);
                events.push(event("consent_given", debt, at(dice, start, first), &scope));
            }
            _ => {}
        }
    }
    for (kind, _, _) in &events {
        *expected.events.entry(kind).or_default() += 1;
    }
    let mut events: Vec<(Moment, String)> = events.into_iter().map(|(_, when, line)| (when, line)).collect();
    events.sort();
    events
}

/// A promise, and the payment of every second one.
fn promised(
    dice: &mut Dice,
    debt: &Debt,
    n: usize,
    (start, first): (NaiveDate, u64),
    events: &mut Vec<Happening>,
) {
    let due_on = start + Days::new(first + 7);
    let (amount, currency) = (decimal(debt.balance), debt.currency);
    let promise = format!(r#","amount":"{amount}","currency":"{currency}","due_on":"{due_on}""#);
    events.push(event("promise", debt, at(dice, start, first), &promise));
    if dice.percent(50) {
        events.push(paid(debt, n, at(dice, start, first + 5), debt.balance));
    }
}

fn called(dice: &mut Dice, debt: &Debt, start: NaiveDate, first: u64) -> Happening {
    let result = *dice.pick(&["conversation", "no_answer", "voicemail", "busy", "answered"]);
    let inbound = dice.percent(20);
    let call = format!(r#","call_result":"{result}","inbound":"{inbound}""#);
    event("call", debt, at(dice, start, first), &call)
}

/// A working hour of the day `days` after `start`, in UTC.
fn at(dice: &mut Dice, start: NaiveDate, days: u64) -> Moment {
    let minute = dice.below(8 * 60) as i64;
    let morning = (start + Days::new(days)).and_time(NaiveTime::MIN).and_utc();
    Moment::new(morning + TimeDelta::minutes(60 + minute))
}

type Happening = (&'static str, Moment, String);

fn event(kind: &'static str, debt: &Debt, when: Moment, more: &str) -> Happening {
    let mut line = format!(r#"{{"kind":"{kind}","at":"{}","#, when.to_text());
    let about = write!(
        line,
        r#""portfolio":"{}","reference":"{}"{more}}}"#,
        debt.portfolio, debt.reference
    );
    about.expect("writing to a string does not fail");
    (kind, when, line)
}

fn paid(debt: &Debt, n: usize, when: Moment, minor: i64) -> Happening {
    let payment = format!(
        r#","payment_reference":"P{n:06}-{minor}","amount":"{}","currency":"{}""#,
        decimal(minor),
        debt.currency
    );
    event("payment", debt, when, &payment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Mapping, read_accounts, read_events};

    #[test]
    fn a_sample_reads_as_expected() {
        let start = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
        let mapping = Mapping::default();
        for (seed, count) in [(1, 300), (2, 700), (3, 0)] {
            let sample = generate(seed, count, start);
            let reading = read_accounts("ledger.csv", sample.accounts_csv.as_bytes(), &mapping);
            let mut codes = BTreeMap::new();
            for reject in &reading.rejects {
                *codes.entry(reject.code.as_str()).or_default() += 1;
            }
            assert_eq!(codes, sample.expected.codes, "{:#?}", reading.rejects);
            assert_eq!(reading.rows.len(), sample.expected.accounts);
            assert_eq!(reading.refused() as usize, sample.expected.refused);
            assert_eq!(reading.repeated.len(), sample.expected.repeated);
            assert_eq!(reading.warnings.len(), sample.expected.without_contact);
            let lines: String = sample
                .events
                .iter()
                .map(|(_, line)| format!("{line}\n"))
                .collect();
            let events = read_events("events.jsonl", lines.as_bytes(), &mapping);
            assert_eq!(events.rejects, []);
            assert_eq!(events.rows.len(), sample.expected.events.values().sum::<usize>());
            let again = generate(seed, count, start);
            assert_eq!(
                (again.accounts_csv, again.events),
                (sample.accounts_csv, sample.events)
            );
        }
    }

    #[test]
    fn a_sample_has_every_kind_of_event_and_place() {
        let start = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
        let sample = generate(7, 600, start);
        assert!(sample.expected.events.len() >= 15, "{:?}", sample.expected.events);
        assert_eq!(sample.expected.by_portfolio.len(), 3);
        for place in [
            ",CN,",
            ",US,HI,",
            ",US,,",
            ",GB,",
            ",AU,",
            ",HK,",
            "guarantor",
            ",shared,",
        ] {
            assert!(sample.accounts_csv.contains(place), "{place}");
        }
    }
}
