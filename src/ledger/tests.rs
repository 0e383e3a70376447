//! Reading, refusing and writing, seen from outside the module.

use chrono::NaiveDate;
use encoding_rs::GB18030;
use proptest::prelude::*;

use super::*;
use crate::domain::*;

const HEAD: &str = "portfolio,reference,debtor_ref,name,country,currency,balance,due_on,phone,email,address";
const GOOD: [&str; 11] = [
    "trade",
    "0000100001",
    "D1",
    "李伟",
    "CN",
    "CNY",
    "1,234.50",
    "2026-04-10",
    "13800000101",
    "li@example.com",
    "上海市示例路 1 号|200000",
];

fn accounts(text: &str) -> Reading<AccountRow> {
    read_accounts("ledger.csv", text.as_bytes(), &Mapping::default())
}

fn codes<T>(reading: &Reading<T>) -> Vec<&'static str> {
    reading.rejects.iter().map(|r| r.code.as_str()).collect()
}

/// A ledger of one row in which `column` holds `value`.
fn with(column: &str, value: &str) -> String {
    let row: Vec<String> = HEAD
        .split(',')
        .zip(GOOD)
        .map(|(name, good)| {
            let cell = if name == column { value } else { good };
            format!("\"{}\"", cell.replace('"', "\"\""))
        })
        .collect();
    format!("{HEAD}\n{}\n", row.join(","))
}

#[test]
fn a_good_row_is_read_whole() {
    let reading = accounts(&with("", ""));
    assert_eq!(reading.rejects, []);
    let row = &reading.rows[0];
    assert_eq!(
        (row.row, row.reference.as_str(), row.debtor_ref.as_str()),
        (2, "0000100001", "D1")
    );
    assert_eq!(
        (row.amount_minor, row.balance_minor, row.locale),
        (123_450, 123_450, Locale::ZhCn)
    );
    assert_eq!(row.contacts.len(), 3);
    assert_eq!(row.due_on, NaiveDate::from_ymd_opt(2026, 4, 10).unwrap());
    assert_eq!(row.digest, row.fingerprint());
}

#[test]
fn an_address_tells_its_state_and_postal_code() {
    let head = "reference,debtor_ref,name,country,region,postal_code,zone,zone_until,currency,amount,due_on";
    let read = |region: &str, code: &str, country: &str| {
        accounts(&format!(
            "{head}\n1,2,Ann Example,{country},{region},{code},,,USD,5,2026-04-10\n"
        ))
    };
    let check = |region: &str, code: &str, country: &str, expected: (Option<&str>, Option<&str>)| {
        let reading = read(region, code, country);
        assert_eq!(reading.rejects, [], "{region} {code} {country}");
        let row = &reading.rows[0];
        assert_eq!((row.region.as_deref(), row.postal_code.as_deref()), expected);
    };
    check("CA", "90001", "US", (Some("CA"), Some("90001")));
    check("California", "02139-1234", "US", (Some("CA"), Some("02139-1234")));
    check("us-tx", "", "US", (Some("TX"), None));
    check("Québec", "k1a 0b1", "CA", (Some("QC"), Some("K1A 0B1")));
    check("Jawa Barat", "", "ID", (Some("JB"), None));
    check("31", "200001", "CN", (Some("31"), Some("200001")));
    assert_eq!(codes(&read("Atlantis", "", "US")), ["region"]);
    assert_eq!(codes(&read("CA", "9.0E+04", "US")), ["postal_code"]);
    assert_eq!(codes(&read("CA", "Oakland", "US")), ["postal_code"]);
    let stated = accounts(&format!(
        "{head}\n1,2,Ann Example,US,NY,,Asia/Tokyo,2026-05-01,USD,5,2026-04-10\n"
    ));
    assert_eq!(stated.rows[0].zone, Some(chrono_tz::Tz::Asia__Tokyo));
    assert_eq!(stated.rows[0].zone_until, NaiveDate::from_ymd_opt(2026, 5, 1));
}

#[test]
fn every_kind_of_damage_is_refused_by_name() {
    let check = |column: &str, value: &str, expected: &str| {
        let reading = accounts(&with(column, value));
        assert_eq!(
            codes(&reading),
            [expected],
            "{column} = {value}: {:?}",
            reading.rejects
        );
        assert_eq!((reading.rows.len(), reading.rejects[0].row), (0, 2));
        assert_eq!(reading.rejects[0].column, column);
    };
    check("reference", "1.10E+17", "scientific");
    check("debtor_ref", "9.1e8", "scientific");
    check("phone", "1.38E+10", "scientific");
    check("balance", "1E+05", "scientific");
    check("reference", "110101199001010000", "spreadsheet_damage");
    check("debtor_ref", "6222021234567890000", "spreadsheet_damage");
    check("name", "13800000102", "swapped");
    check("name", "li@example.com", "swapped");
    check("name", "2026-01-02", "swapped");
    check("phone", "li@example.com", "swapped");
    check("email", "13800000102", "swapped");
    check("balance", "2026-04-10", "swapped");
    check("address", "13800000102", "swapped");
    check("name", "李\u{202E}伟", "control");
    check("name", "李\u{7}伟", "control");
    check("reference", "00\u{200B}1", "control");
    check("name", "李\u{FFFD}", "encoding");
    check("name", "鏉庝紵", "encoding");
    check("name", "æ\u{9d}Žä¼Ÿ", "encoding");
    check("name", "MÃ¼ller", "encoding");
    check("due_on", "2026-02-30", "date_impossible");
    check("due_on", "04/10/2026", "date_order");
    check("due_on", "2026-31-12", "date_order");
    check("due_on", "26-04-10", "date_form");
    check("due_on", "46122", "date_serial");
    check("due_on", "soon", "date_form");
    check("due_on", "", "empty");
    check("balance", "1.234,56", "amount_sign");
    check("balance", "12,34", "amount_sign");
    check("balance", "-5", "negative");
    check("balance", "7.999", "amount_places");
    check("balance", "¥100", "amount");
    check("balance", "", "empty");
    check("currency", "RMB", "currency");
    check("country", "ZH", "country");
    check("reference", "", "empty");
    check("name", " ", "empty");
    check("phone", "12345", "phone");
    check("email", "li@", "email");
}

#[test]
fn all_faults_of_a_row_are_told() {
    let text = format!("{HEAD}\ntrade,,D1,13800000101,ZZ,RMB,x,2026-02-30,1.38E+10,no,\n");
    let mut found = codes(&accounts(&text));
    found.sort_unstable();
    let mut expected = [
        "empty",
        "swapped",
        "country",
        "currency",
        "amount",
        "date_impossible",
        "scientific",
        "email",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn damage_stays_in_its_row() {
    let good =
        |reference: &str, debtor: &str| format!("trade,{reference},{debtor},李伟,CN,CNY,1,2026-04-10,,,");
    let check = |bad: &str, expected: &[(u64, &str)]| {
        let text = format!(
            "{HEAD}\r\n{}\r\n{bad}\r\n{}\r\n",
            good("1", "D1"),
            good("2", "D2")
        );
        let reading = accounts(&text);
        let found: Vec<(u64, &str)> = reading.rejects.iter().map(|r| (r.row, r.code.as_str())).collect();
        assert_eq!(found, expected, "{bad}");
        assert_eq!(reading.rows.len(), 2, "{bad}");
        assert_eq!(reading.warnings.len(), 2, "without contact points");
    };
    check("trade,3,D3", &[(3, "field_count")]);
    check(&(good("3", "D3") + ",surplus"), &[(3, "field_count")]);
    check(
        "trade,3,D3,\"李伟,CN,CNY,1,2026-04-10,,,",
        &[(3, "unclosed_quote")],
    );
    check(
        "trade,3,D3,\"李\"伟,CN,CNY,1,2026-04-10,,,",
        &[(3, "stray_quote")],
    );
    check(
        "trade,3,D3,李\"伟\",CN,CNY,1,2026-04-10,,,",
        &[(3, "stray_quote")],
    );
    check(&good("1", "D4"), &[(3, "duplicate")]);
    check(
        &good("3", "D1").replace("李伟", "王芳"),
        &[(3, "debtor_conflict")],
    );
}

#[test]
fn a_repeated_row_changes_nothing() {
    let text = with("", "");
    let twice = format!("{text}{}\n", text.lines().nth(1).unwrap());
    let reading = accounts(&twice);
    assert_eq!(
        (reading.rows.len(), reading.repeated, reading.total),
        (1, vec![3], 2)
    );
}

#[test]
fn encodings() {
    let text = with("", "");
    let check = |bytes: &[u8], wanted: &str, rows: usize, expected: &[&str]| {
        let toml = format!(
            "[file]\nencoding = \"{wanted}\"\n[event]\nkind = {{ from = \"k\" }}\nat = {{ from = \"a\" }}"
        );
        let encoding = Mapping::parse("m.toml", &toml).unwrap().encoding;
        let mapping = Mapping {
            encoding,
            ..Mapping::default()
        };
        let reading = read_accounts("ledger.csv", bytes, &mapping);
        assert_eq!(
            (reading.rows.len(), codes(&reading)),
            (rows, expected.to_vec()),
            "{wanted}"
        );
    };
    let gb = GB18030.encode(&text).0;
    check(text.as_bytes(), "auto", 1, &[]);
    check(format!("\u{FEFF}{text}").as_bytes(), "utf-8", 1, &[]);
    check(&gb, "auto", 1, &[]);
    check(&gb, "gb18030", 1, &[]);
    check(&gb, "utf-8", 0, &["encoding", "encoding"]);
    check(text.as_bytes(), "gb18030", 0, &["encoding", "encoding"]);
    check(b"\xFF\xFEa\0", "auto", 0, &["not_text"]);
    check(b"", "auto", 0, &["no_header"]);
}

#[test]
fn json_lines() {
    let line = |more: &str| {
        format!(
            r#"{{"reference":"007","debtor_ref":"D1","name":"Ann Lee","country":"US","currency":"USD","balance":"5.10","due_on":"2026-04-10"{more}}}"#
        )
    };
    let check = |text: &str, expected: &[&str]| {
        let reading = read_accounts("ledger.jsonl", text.as_bytes(), &Mapping::default());
        assert_eq!(codes(&reading), expected, "{text}");
    };
    check(&line(""), &[]);
    check(&line(r#","confirmed":true,"phone":"+12125550123""#), &[]);
    check(&line(r#","amount":5.1"#), &["json_number"]);
    check(&line(r#","name":"Other""#), &["duplicate_column"]);
    check(&line(r#","colour":"red""#), &["unknown_column"]);
    check(&line(r#","email":["a@example.com"]"#), &["json"]);
    check("{\"reference\":", &["json"]);
    let sniffed = read_accounts("ledger", line("").as_bytes(), &Mapping::default());
    assert_eq!((sniffed.format, sniffed.rows.len()), (Format::JsonLines, 1));
}

#[test]
fn columns_must_be_known_and_there() {
    let check = |text: &str, expected: &[&str]| assert_eq!(codes(&accounts(text)), expected, "{text}");
    check("reference,reference\n1,2\n", &["duplicate_column"]);
    check("reference,disputd\n1,true\n", &["unknown_column"]);
    let toml = "[account]\nname = { from = \"n\" }\nreference = { from = \"r\", width = 4 }\ndebtor_ref = { from = \"r\" }\n\
                due_on = { from = \"d\" }\ncurrency = { const = \"CNY\" }\namount = { from = \"a\" }\n";
    let mapping = Mapping::parse("m.toml", toml).unwrap();
    let check = |text: &str, expected: &[&str]| {
        let reading = read_accounts("l.csv", text.as_bytes(), &mapping);
        assert_eq!(codes(&reading), expected, "{text}");
    };
    check("n,r,d\n", &["missing_column"]);
    check("n,r,d,a\nAnn,0012,2026-01-02,5\n", &[]);
    check("n,r,d,a\nAnn,12,2026-01-02,5\n", &["leading_zeros"]);
    check("n,r,d,a\nAnn,00012,2026-01-02,5\n", &["width"]);
}

#[test]
fn events_are_read_or_refused() {
    let check = |members: &str, expected: &[&str]| {
        let text = format!("{{{members}}}\n");
        let reading = read_events("e.jsonl", text.as_bytes(), &Mapping::default());
        assert_eq!(codes(&reading), expected, "{members}");
    };
    let about = r#""at":"2026-03-02","reference":"1""#;
    check(&format!(r#"{about},"kind":"cease""#), &[]);
    check(&format!(r#"{about},"kind":"nap""#), &["word"]);
    check(
        &format!(r#"{about},"kind":"cease","amount":"5""#),
        &["unexpected"],
    );
    check(
        &format!(r#"{about},"kind":"promise","amount":"-5","currency":"CNY","due_on":"2026-04-01""#),
        &["negative"],
    );
    check(
        &format!(r#"{about},"kind":"payment","amount":"-5","currency":"CNY","payment_reference":"b""#),
        &[],
    );
    check(
        &format!(r#"{about},"kind":"payment","amount":"5","currency":"CNY""#),
        &["empty"],
    );
    check(&format!(r#"{about},"kind":"bounce""#), &["empty"]);
    check(
        &format!(r#"{about},"kind":"call","call_result":"busy""#),
        &["moment"],
    );
    let twice = format!("{{{about},\"kind\":\"cease\"}}\n").repeat(2);
    let reading = read_events("e.jsonl", twice.as_bytes(), &Mapping::default());
    assert_eq!((reading.rows.len(), reading.repeated), (1, vec![2]));
    check(r#""kind":"cease","at":"2026-03-02""#, &["empty"]);
    check(
        r#""kind":"cease","at":"2026-03-02T10:00:00","reference":"1""#,
        &["moment"],
    );
}

#[test]
fn refused_rows_keep_their_text_and_can_be_corrected() {
    let bad = "trade,1,D1,\"李伟\",CN,RMB,\"1,000\",2026-02-30,,,";
    let text = format!("{HEAD}\n{bad}\ntrade,2,D2,\"王芳,CN,CNY,1,2026-04-10,,,\n");
    let reading = accounts(&text);
    let rejects = write_rejects(&reading, text.as_bytes());
    assert!(rejects.lines().nth(1).unwrap().ends_with(bad), "{rejects}");
    assert_eq!(
        codes(&accounts(&rejects)),
        codes(&reading),
        "still refused while uncorrected"
    );
    let corrected = rejects
        .replace("RMB", "CNY")
        .replace("2026-02-30", "2026-02-28")
        .replace("\"王芳", "王芳");
    let again = accounts(&corrected);
    assert_eq!((again.rows.len(), codes(&again)), (2, vec![]));
    let json = "{\"reference\":\"1\"}\nnonsense\n";
    let reading = read_accounts("l.jsonl", json.as_bytes(), &Mapping::default());
    let rejects = write_rejects(&reading, json.as_bytes());
    let again = read_accounts("l.jsonl", rejects.as_bytes(), &Mapping::default());
    assert_eq!(again.refused(), 2, "{rejects}");
}

#[test]
fn nothing_personal_in_a_refusal() {
    let reading = accounts(&with("phone", "1380000010x"));
    let shown = format!("{:?} {}", reading.rejects, reading.rejects[0]);
    assert!(
        !shown.contains("1380000010") && shown.contains("9999999999a"),
        "{shown}"
    );
}

#[test]
fn a_mapping_says_where_it_is_wrong() {
    let base = "[account]\nname = { from = \"n\" }\nreference = { from = \"r\" }\ndebtor_ref = { from = \"d\" }\n\
                due_on = { from = \"u\" }\ncurrency = { const = \"CNY\" }\namount = { from = \"a\" }\n";
    assert!(Mapping::parse("m.toml", base).is_ok());
    let check = |text: &str, line: usize, field: &str| {
        let error = Mapping::parse("m.toml", text).unwrap_err();
        assert_eq!((error.line, error.field.as_str()), (line, field), "{error}");
        assert!(error.to_string().starts_with("m.toml:") && !error.zh().is_empty());
    };
    check(&format!("{base}colour = {{ from = \"c\" }}\n"), 8, "colour");
    check(&base.replace("from = \"n\"", "form = \"n\""), 2, "name");
    check(&base.replace("{ from = \"n\" }", "{}"), 2, "account.name");
    check(
        &base.replace("from = \"n\"", "from = \"n\", const = \"x\""),
        2,
        "account.name",
    );
    check(
        &base.replace("from = \"r\"", "from = \"r\", width = 0"),
        3,
        "account.reference",
    );
    check(
        &base.replace("due_on = { from = \"u\" }\n", ""),
        1,
        "account.due_on",
    );
    check(
        &format!("[file]\ndate_order = \"myd\"\n{base}"),
        2,
        "file.date_order",
    );
    check(&format!("[file]\ndecimal = \",\"\n{base}"), 1, "file.grouping");
    check(&format!("[file]\nfilter = \"x\"\n{base}"), 2, "filter");
    check(
        &format!("[file]\nphone_region = \"XX\"\n{base}"),
        2,
        "file.phone_region",
    );
    check(
        &format!("[[contact]]\nusage = {{ const = \"own\" }}\n{base}"),
        1,
        "contact",
    );
}

#[test]
fn the_samples_are_read_whole() {
    let ledger = accounts(include_str!("../../samples/ledger.csv"));
    assert_eq!(ledger.rejects, []);
    assert_eq!((ledger.rows.len(), ledger.warnings.len()), (20, 1));
    let text = include_str!("../../samples/events.jsonl");
    let events = read_events("events.jsonl", text.as_bytes(), &Mapping::default());
    assert_eq!(events.rejects, []);
    assert_eq!(events.rows.len(), 20);
}

#[test]
fn the_files_for_other_tests_are_what_they_say() {
    let gb = include_bytes!("../../tests/data/ledger-gb18030.csv");
    let reading = read_accounts("gb.csv", gb, &Mapping::default());
    assert_eq!(
        (reading.rows.len(), reading.rejects.len(), reading.encoding),
        (9, 0, Encoding::Gb18030)
    );
    let reading = accounts(include_str!("../../tests/data/ledger-damaged.csv"));
    let found: Vec<(u64, &str)> = reading.rejects.iter().map(|r| (r.row, r.code.as_str())).collect();
    let expected = [
        (3, "scientific"),
        (4, "spreadsheet_damage"),
        (5, "swapped"),
        (6, "currency"),
        (6, "date_impossible"),
        (7, "unclosed_quote"),
        (8, "field_count"),
        (9, "encoding"),
        (10, "duplicate"),
    ];
    assert_eq!((reading.rows.len(), found), (1, expected.to_vec()));
}

#[test]
fn a_ledger_that_nobody_here_wrote() {
    let toml = include_str!("../../samples/mappings/invoices-2012-2013.toml");
    let mapping = Mapping::parse("samples/mappings/invoices-2012-2013.toml", toml).unwrap();
    let path = "../shared/data/invoices-2012-2013.csv";
    let Ok(bytes) = std::fs::read(path) else {
        eprintln!("SKIPPED: {path} is not there");
        return;
    };
    let reading = read_accounts("invoices-2012-2013.csv", &bytes, &mapping);
    assert_eq!(reading.rejects, []);
    assert_eq!((reading.rows.len(), reading.warnings.len()), (2466, 2466));
    assert!(
        reading
            .rows
            .iter()
            .all(|r| r.reference.len() == 10 && r.settled_on.is_some())
    );
    assert_eq!(reading.rows.iter().filter(|r| r.disputed).count(), 561);
    assert_eq!(reading.rows[0].reference, "0000611365");
    assert_eq!(reading.rows[0].preferred_channel, Some(Channel::Letter));
}

fn text() -> impl Strategy<Value = String> {
    let wild = r#"[=+\-@']?[a-zA-Z李王芳伟,;"|_][a-zA-Z0-9李王芳伟 ,;"'|=+@._-]{0,20}"#;
    wild.prop_map(|t| t.trim().to_owned())
}

fn name() -> impl Strategy<Value = PersonName> {
    text().prop_filter_map("a name", |t| {
        values::name(&t).ok().filter(|_| !super::text::is_garbled(&t))
    })
}

fn identifier() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9]{1,12}", text()].prop_filter("undamaged", |t| {
        !t.is_empty() && !values::is_damaged(t) && !values::is_scientific(t) && !super::text::is_garbled(t)
    })
}

fn day() -> impl Strategy<Value = NaiveDate> {
    (0..60_000i32).prop_map(|d| NaiveDate::from_num_days_from_ce_opt(710_000 + d).unwrap())
}

fn usage() -> impl Strategy<Value = ContactUse> {
    proptest::sample::select(ContactUse::ALL)
}

fn contacts(kinds: &'static [AddressKind]) -> impl Strategy<Value = Vec<(Address, ContactUse)>> {
    let numbers = ["+8613800000101", "+12125550123", "+61491570006"];
    let one = (0..3usize, "[a-z]{1,8}", usage());
    proptest::collection::vec(one, kinds.len()).prop_map(move |parts| {
        let address = |kind: AddressKind, n: usize, word: &str| match kind {
            AddressKind::Phone => Address::Phone(PhoneNumber::parse(numbers[n], "CN").unwrap()),
            AddressKind::Email => {
                Address::Email(EmailAddress::parse(&format!("{word}@example.com")).unwrap())
            }
            AddressKind::Postal => {
                Address::Postal(PostalAddress::parse(&format!("=1 {word}|-b"), "CN").unwrap())
            }
        };
        kinds
            .iter()
            .zip(parts)
            .map(|(kind, (n, word, usage))| (address(*kind, n, &word), usage))
            .collect()
    })
}

const TWO_EACH: &[AddressKind] = &[
    AddressKind::Phone,
    AddressKind::Email,
    AddressKind::Postal,
    AddressKind::Phone,
    AddressKind::Email,
];
const ONE_EACH: &[AddressKind] = &[AddressKind::Phone, AddressKind::Email, AddressKind::Postal];

prop_compose! {
    fn related()(role in proptest::sample::select(Role::ALL), name in name(), contacts in contacts(ONE_EACH))
        -> RelatedPerson {
        RelatedPerson { role, name, contacts }
    }
}

prop_compose! {
    fn account()(
        (reference, debtor_ref, portfolio) in (identifier(), identifier(), proptest::option::of(identifier())),
        (name, contacts, related) in (name(), contacts(TWO_EACH), proptest::collection::vec(related(), 0..3)),
        (kind, locale, claim) in (
            proptest::sample::select(PersonKind::ALL),
            proptest::sample::select(Locale::ALL),
            proptest::sample::select(ClaimKind::ALL),
        ),
        (due_on, issued_on, settled_on) in (day(), proptest::option::of(day()), proptest::option::of(day())),
        (amount, balance, code) in (0..i64::MAX, 0..i64::MAX, proptest::sample::select(vec!["CNY", "JPY", "KWD"])),
        instalments in proptest::option::of((any::<u32>(), 0..i64::MAX)),
        (confirmed, observation, disputed) in any::<(bool, bool, bool)>(),
        preferred_channel in proptest::option::of(proptest::sample::select(Channel::ALL)),
        zoned in any::<bool>(),
    ) -> AccountRow {
        let instalments = instalments.map(|(overdue, amount_minor)| Instalments { overdue, amount_minor });
        let mut row = AccountRow {
            row: 2, digest: [0; 32], portfolio, debtor_ref, debtor: kind, name, locale,
            country: Some("CN".into()), region: zoned.then(|| "31".into()), zone: zoned.then_some(chrono_tz::Asia::Shanghai),
            postal_code: zoned.then(|| "200001".into()), zone_until: issued_on.filter(|_| zoned),
            contacts, related, reference, claim, currency: Currency::parse(code).unwrap(), amount_minor: amount,
            balance_minor: balance, issued_on, due_on, instalments, confirmed, observation, disputed, settled_on,
            preferred_channel,
        };
        // Read back in the order of the columns: phone, email, address, phone2, email2.
        row.digest = row.fingerprint();
        row
    }
}

fn event() -> impl Strategy<Value = EventRow> {
    use EventKind::*;
    let money = || {
        any::<i64>()
            .prop_filter("finite", |m| *m > i64::MIN)
            .prop_map(|m| Money::new(m, Currency::CNY))
    };
    let owed = || (1..i64::MAX).prop_map(|m| Money::new(m, Currency::CNY));
    let channel = || proptest::option::of(proptest::sample::select(Channel::ALL));
    let scope = || proptest::sample::select(ConsentScope::ALL);
    let wish = || {
        let words = [
            "not at mon-fri 18:00-09:00",
            "only at daily 12:00-13:00",
            "not to workplace",
            "only by email,letter",
        ];
        proptest::sample::select(words.map(|w| w.parse().unwrap()).to_vec())
    };
    let address = || {
        contacts(ONE_EACH)
            .prop_flat_map(proptest::sample::select)
            .prop_map(|(a, _)| a)
    };
    let number = || contacts(&[AddressKind::Phone]).prop_map(|c| c[0].0.clone());
    let kind = prop_oneof![
        (identifier(), money(), day()).prop_map(|(reference, amount, paid_on)| Payment {
            reference,
            amount,
            paid_on
        }),
        (owed(), day()).prop_map(|(amount, due_on)| Promise { amount, due_on }),
        identifier().prop_map(|reason| DisputeOpened { reason }),
        (channel(), proptest::option::of(address()))
            .prop_map(|(channel, address)| OptOut { channel, address }),
        address().prop_map(|address| WrongParty { address }),
        address().prop_map(|address| Bounce { address }),
        (
            proptest::sample::select(CallResult::ALL),
            any::<bool>(),
            proptest::option::of(number())
        )
            .prop_map(|(result, inbound, number)| Call {
                result,
                inbound,
                number
            }),
        (scope(), channel(), proptest::option::of(day())).prop_map(|(scope, channel, until)| ConsentGiven {
            scope,
            channel,
            until
        }),
        (scope(), channel()).prop_map(|(scope, channel)| ConsentRevoked { scope, channel }),
        (wish(), channel(), proptest::option::of(day())).prop_map(|(wish, channel, until)| EventKind::Wish {
            wish,
            channel,
            until
        }),
        (proptest::option::of(wish()), channel()).prop_map(|(wish, channel)| WishWithdrawn { wish, channel }),
        proptest::option::of(day()).prop_map(|until| BreathingSpace { until }),
        proptest::option::of(day()).prop_map(|until| Hardship { until }),
        proptest::sample::select(vec![
            DisputeResolved,
            Cease,
            Counsel,
            Insolvency,
            Death,
            Minor,
            PoliceOrder,
            Complaint
        ]),
    ];
    let at = prop_oneof![
        day().prop_map(When::On),
        (0..4_000_000_000_000_000i64)
            .prop_map(|us| When::At(Moment::new(chrono::DateTime::from_timestamp_micros(us).unwrap()))),
    ];
    let related = (
        proptest::sample::select(vec![Role::Guarantor, Role::Executor, Role::ContactReference]),
        proptest::option::of(Just(PersonName::parse("Ann Lee").unwrap())),
    )
        .prop_map(|(role, name)| RelatedKey { role, name });
    (
        kind,
        at,
        identifier(),
        proptest::option::of(identifier()),
        proptest::option::of(related),
    )
        .prop_map(|(kind, at, reference, portfolio, related)| {
            let of_a_person = matches!(
                kind,
                Cease | Counsel | Call { .. } | OptOut { .. } | ConsentGiven { .. }
            );
            let at = match kind {
                Call { .. } => When::At(Moment::parse("2026-03-02T10:00:00Z").unwrap()),
                _ => at,
            };
            let account = AccountKey {
                portfolio,
                reference: Some(reference),
                debtor_ref: None,
            };
            let mut row = EventRow {
                row: 2,
                digest: [0; 32],
                at,
                account,
                related: related.filter(|_| of_a_person),
                kind,
            };
            row.digest = row.fingerprint();
            row
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn accounts_read_back_as_they_were_written(row in account()) {
        let mapping = Mapping::default();
        let rows = [row.clone()];
        let csv = write_accounts_csv(&rows).unwrap();
        let reading = read_accounts("a.csv", csv.as_bytes(), &mapping);
        prop_assert_eq!(&reading.rejects, &vec![]);
        prop_assert_eq!(&reading.rows[..], &rows[..]);
        let json = write_accounts_jsonl(&rows).unwrap();
        let reading = read_accounts("a.jsonl", json.as_bytes(), &mapping);
        prop_assert_eq!(&reading.rejects, &vec![]);
        prop_assert_eq!(reading.rows[0].digest, row.digest);
    }

    #[test]
    fn events_read_back_as_they_were_written(row in event()) {
        let mapping = Mapping::default();
        let rows = [row.clone()];
        let reading = read_events("e.csv", write_events_csv(&rows).as_bytes(), &mapping);
        prop_assert_eq!(&reading.rejects, &vec![]);
        prop_assert_eq!(&reading.rows[..], &rows[..]);
        let reading = read_events("e.jsonl", write_events_jsonl(&rows).as_bytes(), &mapping);
        prop_assert_eq!(&reading.rejects, &vec![]);
        prop_assert_eq!(reading.rows[0].digest, row.digest);
    }

    #[test]
    fn no_exported_cell_runs_in_a_spreadsheet(cell in any::<String>()) {
        let written = super::export::csv_cell(&cell, b',');
        let shown = written.strip_prefix('"').unwrap_or(&written);
        prop_assert!(!shown.starts_with(['=', '+', '-', '@', '\t']));
    }

    #[test]
    fn no_bytes_make_a_reader_fail(bytes in any::<Vec<u8>>(), json in any::<bool>()) {
        let name = if json { "x.jsonl" } else { "x.csv" };
        let reading = read_accounts(name, &bytes, &Mapping::default());
        write_rejects(&reading, &bytes);
    }
}

/// `cargo test --release --lib -- --ignored --nocapture how_fast` tells rows per second.
#[test]
#[ignore = "measures; it proves nothing"]
fn how_fast() {
    let start = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
    let sample = super::sample::generate(1, 100_000, start);
    let mapping = Mapping::default();
    let lines = || sample.accounts_csv.lines();
    let mainland: Vec<&str> = lines()
        .take(1)
        .chain(lines().filter(|l| l.contains(",CN,")))
        .collect();
    for (what, text) in [
        ("all", sample.accounts_csv.clone()),
        ("mainland only", mainland.join("\n")),
    ] {
        let began = std::time::Instant::now();
        let reading = read_accounts("l.csv", text.as_bytes(), &mapping);
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{what}: {} rows, {:.0} rows a second",
            reading.total,
            reading.total as f64 / seconds
        );
    }
}
