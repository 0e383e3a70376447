//! Why a row was refused, in words for a person, and the file of refused rows to correct and import again.

use std::collections::BTreeMap;

use super::export::csv_cell;
use super::reader::Reading;
use super::table::{Format, Table};
use super::text;

macro_rules! codes {
    ($($(#[$m:meta])* $variant:ident = $word:literal, $zh:literal, $en:literal;)+) => {
        /// What is wrong with a row, a cell or a file.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $en] $variant),+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The fixed word, as written into the file of refused rows.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $word),+ }
            }

            /// The reason in Chinese.
            pub const fn zh(self) -> &'static str {
                match self { $(Code::$variant => $zh),+ }
            }

            /// The reason in English.
            pub const fn en(self) -> &'static str {
                match self { $(Code::$variant => $en),+ }
            }
        }
    };
}

codes! {
    NotText = "not_text", "文件不是 UTF-8 或 GB18030 文本，请另存为 CSV UTF-8", "the file is no UTF-8 or GB18030 text; save it as CSV UTF-8";
    NoHeader = "no_header", "文件没有表头行", "the file has no header line";
    NoMapping = "no_mapping", "映射文件没有本类数据的章节", "the mapping has no section for this kind of file";
    DuplicateColumn = "duplicate_column", "同一列名出现两次", "the same column stands there twice";
    UnknownColumn = "unknown_column", "该列既未映射也未列入 ignore", "the column is neither mapped nor listed under `ignore`";
    MissingColumn = "missing_column", "文件缺少映射所需的列", "the file lacks a column that the mapping needs";
    Encoding = "encoding", "文字编码错误（乱码），请核对文件编码", "garbled text: the file was written or read in the wrong encoding";
    FieldCount = "field_count", "字段数与表头不符", "the row has another number of fields than the header";
    UnclosedQuote = "unclosed_quote", "本行开始的引号没有结束", "a quote that begins in this line is never closed";
    StrayQuote = "stray_quote", "引号位置不对；含引号的内容须整体加引号并将引号写两次", "a quote in the wrong place; quote the whole cell and double the quotes inside";
    Json = "json", "不是一个扁平的 JSON 对象", "not one flat JSON object";
    JsonNumber = "json_number", "带小数的数字会丢失位数，请写成文本", "a JSON number with a fraction may lose digits; write it as text";
    Empty = "empty", "必填项为空", "a required field is empty";
    Scientific = "scientific", "科学计数法：电子表格已丢失位数，请按文本格式重新导出", "scientific notation: a spreadsheet has destroyed digits; export the column as text";
    LeadingZeros = "leading_zeros", "位数不足：前导零可能已丢失", "shorter than its known width: leading zeros were probably lost";
    Width = "width", "超过规定位数", "longer than its known width";
    SpreadsheetDamage = "spreadsheet_damage", "长数字以一串零结尾：电子表格只保留 15 位", "a long number that ends in zeros: spreadsheets keep only 15 digits";
    Swapped = "swapped", "内容属于另一列，列可能错位", "the value belongs into another column; columns may be swapped";
    Control = "control", "含有不可见的控制字符", "holds a control, bidirectional or zero-width character";
    TooLong = "too_long", "内容过长", "the value is too long";
    DateForm = "date_form", "日期格式与映射不符", "not a date in the form that the mapping states";
    DateOrder = "date_order", "日期的年月日顺序与映射不符", "the order of day, month and year is not the one that the mapping states";
    DateImpossible = "date_impossible", "该日期不存在", "there is no such date";
    DateSerial = "date_serial", "这是电子表格的日期序号，请按文本导出", "a spreadsheet's serial number instead of a date; export the column as text";
    Amount = "amount", "不是金额", "not an amount such as `1234.56`";
    AmountSign = "amount_sign", "小数点或千分位符号与映射不符", "decimal or grouping sign is not the one that the mapping states";
    AmountPlaces = "amount_places", "小数位数超过该币种", "more decimal places than the currency has";
    Negative = "negative", "金额不能为负", "the amount may not be negative";
    Phone = "phone", "不是有效的电话号码", "no valid telephone number of its region";
    Email = "email", "不是有效的电子邮箱", "no valid e-mail address";
    Postal = "postal", "不是有效的邮寄地址（1 至 6 行，以 | 分隔，须有国家）", "no valid postal address: one to six lines separated by `|`, and a country";
    Name = "name", "不是有效的姓名或名称", "no valid name of at most 120 characters";
    Currency = "currency", "未知币种", "unknown currency; expected a code such as `CNY`";
    Country = "country", "未知国家或地区", "unknown country; expected two letters such as `CN`";
    PostalCode = "postal_code", "不是有效的邮政编码", "no postal code; expected letters and digits such as `90210` or `K1A 0B1`";
    Region = "region", "未知省州代码", "expected the short code of a state or province such as `CA`";
    Zone = "zone", "未知时区", "unknown time zone; expected e.g. `Asia/Shanghai`";
    Word = "word", "该列不接受此词", "not one of the words that this field accepts";
    Number = "number", "应为整数", "expected a whole number";
    Duplicate = "duplicate", "同一编号在文件中出现两次且内容不同", "the same reference stands in the file twice with different content";
    DebtorConflict = "debtor_conflict", "同一债务人编号对应不同姓名", "the same debtor reference stands in the file with another name or kind";
    Unexpected = "unexpected", "该类事件不应有此项", "this kind of event has no such field";
    NoPortfolio = "no_portfolio", "没有该组合", "there is no such portfolio";
    Erased = "erased", "此人的资料已应请求或按期限删除，不再导入", "this person was erased and is not taken in again; take the row out of the ledger";
    NoAccount = "no_account", "没有该账户，或未注明组合而有多个", "there is no such account, or several and no portfolio is named";
    NoPerson = "no_person", "该账户没有此角色的关系人，或有多个而未写明姓名", "nobody has this role to the account, or several have and no name is given";
    OtherCurrency = "other_currency", "币种与账户不同", "another currency than that of the account";
    Moment = "moment", "应为带时区的时刻或日期", "expected an instant with offset such as `2026-04-07T10:00:00+08:00`, or a date";
}

/// One fault of one row. It shows the shape of the value, never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line in the file, counted from 1; 0 when it is about the file as a whole.
    pub row: u64,
    /// The column, or empty when it is about the whole row.
    pub column: String,
    /// The shape of what stood there, e.g. `9.99a+99`.
    pub shape: String,
    /// The reason in Chinese.
    pub reason_zh: String,
    /// The reason in English.
    pub reason_en: String,
    /// The kind of fault.
    pub code: Code,
}

impl Reject {
    /// A fault of one cell; only the shape of its value is kept.
    pub fn new(row: u64, column: &str, value: &str, code: Code) -> Reject {
        Reject {
            row,
            column: column.to_owned(),
            shape: shape(value),
            reason_zh: code.zh().to_owned(),
            reason_en: code.en().to_owned(),
            code,
        }
    }

    /// Adds the same detail to both reasons.
    pub(super) fn with(mut self, zh: &str, en: &str) -> Reject {
        self.reason_zh = format!("{}（{zh}）", self.reason_zh);
        self.reason_en = format!("{} ({en})", self.reason_en);
        self
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "line {}, column `{}`, found `{}`: {}",
            self.row, self.column, self.shape, self.reason_en
        )
    }
}

/// Something that does not refuse a row but that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Line in the file.
    pub row: u64,
    /// In Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
}

/// The shape of a value: letters become `a`, ideographs `字`, digits `9`, hidden characters `?`; at most 40 characters.
pub fn shape(value: &str) -> String {
    let one = |c: char| match c {
        '\u{FFFD}' => c,
        c if crate::domain::is_hidden(c) => '?',
        c if c.is_numeric() => '9',
        '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}' => '字',
        c if c.is_alphabetic() => 'a',
        c => c,
    };
    value.chars().take(40).map(one).collect()
}

/// The refused rows as a file to correct and import again: `reject_row`, `reject_column`, `reject_code` and
/// `reject_reason`, then the original text exactly as it stood. Reading ignores those four columns.
///
/// They stand in front, so that a row with too few fields or an unclosed quote is refused again until it is corrected.
/// JSON Lines stay JSON Lines.
pub fn write_rejects<T>(reading: &Reading<T>, original: &[u8]) -> String {
    let mut by_row: BTreeMap<u64, Vec<&Reject>> = BTreeMap::new();
    for reject in &reading.rejects {
        by_row.entry(reject.row).or_default().push(reject);
    }
    let Ok((text, _)) = text::decode(original, Some(reading.encoding)) else {
        return String::new();
    };
    let Ok(mut table) = Table::new(text, reading.format, reading.delimiter) else {
        return String::new();
    };
    let delimiter = reading.delimiter as char;
    let mut out = String::new();
    if reading.format == Format::Csv {
        let names = ["reject_row", "reject_column", "reject_code", "reject_reason"];
        out.push_str(&names.join(&delimiter.to_string()));
        for column in &reading.columns {
            out.push(delimiter);
            out.push_str(&csv_cell(column, reading.delimiter));
        }
        out.push('\n');
    }
    while let Some(record) = table.next() {
        let Some(rejects) = by_row.get(&record.line) else {
            continue;
        };
        let join = |f: &dyn Fn(&Reject) -> &str| rejects.iter().map(|r| f(r)).collect::<Vec<_>>().join("; ");
        let cells = [
            record.line.to_string(),
            join(&|r| &r.column),
            join(&|r| r.code.as_str()),
            join(&|r| &r.reason_zh) + " / " + &join(&|r| &r.reason_en),
        ];
        let raw = &table.text[record.span.clone()];
        match reading.format {
            Format::Csv => {
                for cell in &cells {
                    out.push_str(&csv_cell(cell, reading.delimiter));
                    out.push(delimiter);
                }
                out.push_str(raw);
            }
            Format::JsonLines => json_line(&mut out, &cells, raw),
        }
        out.push('\n');
    }
    out
}

fn json_line(out: &mut String, cells: &[String; 4], raw: &str) {
    let quoted = |s: &str| serde_json::Value::from(s).to_string();
    let head = format!(
        "{{\"reject_row\":{},\"reject_column\":{},\"reject_code\":{},\"reject_reason\":{}",
        cells[0],
        quoted(&cells[1]),
        quoted(&cells[2]),
        quoted(&cells[3])
    );
    out.push_str(&head);
    let is_object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(raw);
    match (is_object, raw.trim().strip_prefix('{')) {
        (Ok(members), Some(_)) if members.is_empty() => out.push('}'),
        (Ok(_), Some(rest)) => {
            out.push(',');
            out.push_str(rest);
        }
        _ => {
            out.push_str(",\"reject_text\":");
            out.push_str(&quoted(raw));
            out.push('}');
        }
    }
}
