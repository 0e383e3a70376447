//! What the words in front of a number call it: an account to pay to, a reference of something, somebody's identity.
//! Asked only for numbers that could be an account or an identity number, so plain search is enough.

/// What a number is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// An account, a card, or a place that money is sent to.
    Account,
    /// An order, a bill, a contract, a customer, a parcel: nothing that money can be sent to.
    Reference,
    /// A document of a person.
    Identity,
    /// A bank card of the reader.
    Card,
}

const REFERENCES: &[&str] = &[
    "编号",
    "合同号",
    "合同",
    "合约号",
    "契约号",
    "协议号",
    "订单",
    "单号",
    "运单",
    "发票号码",
    "发票号",
    "发票",
    "票号",
    "流水号",
    "流水",
    "案号",
    "案件号",
    "户号",
    "客户号",
    "用户号",
    "会员号",
    "缴费号",
    "条码",
    "条形码",
    "学号",
    "工号",
    "员工号",
    "保单号",
    "保单",
    "许可证号",
    "许可证",
    "备案号",
    "信用代码",
    "税号",
    "统编",
    "参考号",
    "档号",
    "档案号",
    "追踪号",
    "查询码",
    "借据号",
    "借据",
    "表号",
    "电号",
    "水号",
    "车架号",
    "序列号",
    "设备号",
    "凭证号",
    "申请号",
    "受理号",
    "工单",
    "通知单",
    "通知单号",
    "账单号",
    "账单号码",
    "交易号",
    "收据号",
    "执照号",
    "证书号",
    "登记号",
    "注册号",
    "贷款账号",
    "贷款账户",
    "借款账号",
    "房号",
    "门牌号",
    "车牌号",
    "车牌",
    "商户号",
    "回执号",
    "证明编号",
    "号牌",
    "批号",
    "快递",
    "挂号",
    "函号",
    "字号",
    "ref",
    "reference",
    "reference no",
    "reference number",
    "your reference",
    "our reference",
    "invoice",
    "invoice no",
    "invoice number",
    "inv",
    "order",
    "order no",
    "order number",
    "case",
    "case no",
    "case number",
    "file",
    "file no",
    "file number",
    "policy",
    "policy no",
    "policy number",
    "tracking",
    "tracking number",
    "contract",
    "contract no",
    "contract number",
    "agreement",
    "agreement no",
    "agreement number",
    "customer",
    "customer no",
    "customer number",
    "customer id",
    "client number",
    "client no",
    "member",
    "member number",
    "membership",
    "membership number",
    "matter",
    "matter no",
    "claim",
    "claim no",
    "claim number",
    "ticket",
    "docket",
    "licence",
    "licence no",
    "license",
    "license no",
    "permit",
    "vat",
    "vat no",
    "company no",
    "company number",
    "registered no",
    "registration no",
    "registration number",
    "meter",
    "meter point",
    "mpan",
    "mprn",
    "nmi",
    "loan account",
    "loan account number",
    "loan account no",
    "loan number",
    "loan no",
    "loan",
    "student",
    "student no",
    "student id",
    "student number",
    "barcode",
    "crn",
    "biller code",
    "serial",
    "serial no",
    "serial number",
    "imei",
    "vin",
    "document",
    "document no",
    "receipt",
    "receipt no",
    "transaction",
    "transaction id",
    "confirmation",
    "confirmation number",
    "account reference",
    "application",
    "application no",
    "application number",
    "your account",
    "your account number",
    "utility account",
    "statement",
    "statement no",
    "purchase order",
    "po",
    "bill",
    "bill no",
    "bill number",
    "notice",
    "notice no",
    "parcel",
    "consignment",
    "incident",
    "quote",
    "complaint",
    "complaint ref",
    "property id",
    "account id",
    "user id",
];

const ACCOUNTS: &[&str] = &[
    "账号",
    "账户",
    "卡号",
    "户头",
    "户口",
    "户",
    "卡",
    "收款",
    "汇款",
    "转账",
    "付款至",
    "打到",
    "转到",
    "汇到",
    "汇入",
    "存入",
    "存到",
    "付至",
    "付到",
    "汇至",
    "转入",
    "转至",
    "打给",
    "账号后",
    "新账号",
    "account",
    "account no",
    "account number",
    "acct",
    "acct no",
    "acc",
    "acc no",
    "a/c",
    "a/c no",
    "iban",
    "sort code",
    "routing",
    "card",
    "beneficiary",
    "payee",
    "pay into",
    "pay to",
    "transfer to",
    "send to",
    "wire to",
    "deposit to",
    "deposit into",
    "into",
    "to",
];

const CARDS: &[&str] = &[
    "信用卡",
    "的卡",
    "信用卡号",
    "信用卡卡号",
    "银行卡",
    "银行卡号",
    "储蓄卡",
    "储蓄卡号",
    "借记卡",
    "贷记卡",
    "贷记卡号",
    "工资卡",
    "扣款卡",
    "还款卡",
    "卡号",
    "卡片",
    "your card",
    "card",
    "card number",
    "card no",
    "credit card",
    "debit card",
    "mastercard",
    "visa",
    "the card",
];

const IDENTITIES: &[&str] = &[
    "身份证",
    "身份证号",
    "身份证号码",
    "证件",
    "证件号",
    "证件号码",
    "公民身份号码",
    "身分证",
    "身分证号",
    "身分证字号",
    "身份证字号",
    "居留证",
    "居留证号",
    "护照",
    "护照号",
    "护照号码",
    "护照编号",
    "通行证",
    "通行证号",
    "台胞证",
    "回乡证",
    "军官证",
    "驾驶证",
    "驾驶证号",
    "驾照",
    "驾照号",
    "社保号",
    "社会安全号码",
    "健保卡号",
    "健保卡",
    "税籍编号",
    "hkid",
    "hkid no",
    "id",
    "id no",
    "id number",
    "identity card",
    "identity card no",
    "identity number",
    "identity no",
    "national id",
    "national id number",
    "nric",
    "nric no",
    "fin",
    "ssn",
    "social security",
    "social security no",
    "social security number",
    "sin",
    "social insurance number",
    "national insurance",
    "national insurance number",
    "ni number",
    "nino",
    "nhs number",
    "passport",
    "passport no",
    "passport number",
    "driver's license",
    "driver's license number",
    "driver's licence",
    "drivers license",
    "driving licence",
    "driving licence number",
    "licence number",
    "license number",
    "dl",
    "dl no",
    "aadhaar",
    "aadhaar no",
    "aadhaar number",
    "aadhar",
    "pan",
    "pan card",
    "pan no",
    "pan number",
    "tfn",
    "tax file number",
    "medicare",
    "medicare number",
    "mykad",
    "ic no",
    "itin",
];

/// What may stand between a label and its number.
const FILLERS: &[&str] = &[
    "号码", "号", "为", "是", "如下", "尾", ":", "#", " ", "(", "“", "\"", "-", "no.", "no", "number", "num",
    "is", "=", "\n", ",", "．", "【", "[", "的",
];

/// Words that send money somewhere: a number they lead to is an account, whatever it is called.
const LEADS: &[&str] = &[
    "打到",
    "打给",
    "打进",
    "转到",
    "转给",
    "转入",
    "转至",
    "汇到",
    "汇给",
    "汇入",
    "汇至",
    "存到",
    "存入",
    "付到",
    "付至",
    "还到",
    "充到",
    "入数",
    "过数到",
    "过数至",
    "打这个",
    "转这个",
    "pay to",
    "pay into",
    "payable to",
    "transfer to",
    "transfer into",
    "send to",
    "wire to",
    "deposit to",
    "deposit into",
    "remit to",
    "credit to",
];

/// What the words directly in front of `at` call the number that begins there.
pub(super) fn label(text: &str, at: usize) -> Option<Label> {
    let (mut end, floor) = (at, start_of(text, at, 64));
    loop {
        let rest = &text[floor..end];
        let filler = FILLERS
            .iter()
            .filter(|f| ends_with_word(rest, f))
            .map(|f| f.len())
            .max();
        let found = closest(rest);
        match (found, filler) {
            (Some((label, length)), filler) if filler.is_none_or(|f| length > f) => {
                let leads = start_of(text, end - length, 24);
                let before = &text[leads..end - length];
                let led = label == Label::Reference && LEADS.iter().any(|l| before.trim_end().ends_with(l));
                return Some(if led { Label::Account } else { label });
            }
            (_, Some(length)) => end -= length,
            _ => return None,
        }
    }
}

/// Whether words in front of `at`, in the same sentence and near, send money somewhere.
pub(super) fn leads_money(text: &str, at: usize) -> bool {
    let from = start_of(text, at, 60);
    let near = &text[from..at];
    let near = near.rsplit(['。', '!', '?', ';']).next().unwrap_or("");
    LEADS.iter().any(|l| near.contains(l))
}

/// Whether the words behind a number speak of it as the reader's own: `account 123 is overdue`.
pub(super) fn is_own(text: &str, end: usize) -> bool {
    let rest = text[end..].trim_start_matches([' ', ',', ')', '(']);
    [
        "is ", "was ", "has ", "remains ", "shows ", "at ", "held at", "with ", "opened ", "stands ",
    ]
    .iter()
    .any(|w| rest.starts_with(w))
}

/// Whether a document is named near the front of `at`, so that a number of its shape is meant as one.
pub(super) fn names_identity(text: &str, at: usize) -> bool {
    label(text, at) == Some(Label::Identity)
}

/// The label that a text ends with: the longest.
fn closest(text: &str) -> Option<(Label, usize)> {
    let lists = [
        (Label::Reference, REFERENCES),
        (Label::Account, ACCOUNTS),
        (Label::Card, CARDS),
        (Label::Identity, IDENTITIES),
    ];
    let mut best: Option<(Label, usize)> = None;
    for (label, words) in lists {
        let longest = words
            .iter()
            .filter(|w| ends_with_word(text, w))
            .map(|w| w.len())
            .max();
        if let Some(length) = longest
            && best.is_none_or(|(_, b)| length >= b)
        {
            best = Some((label, length));
        }
    }
    best
}

/// Whether a text ends with a word: a Latin word must begin there too.
fn ends_with_word(text: &str, word: &str) -> bool {
    let Some(before) = text.strip_suffix(word) else {
        return false;
    };
    let latin = word.as_bytes()[0].is_ascii_alphanumeric();
    !latin || before.bytes().last().is_none_or(|b| !b.is_ascii_alphanumeric())
}

/// The character boundary at most `most` bytes in front of `at`.
fn start_of(text: &str, at: usize, most: usize) -> usize {
    let mut from = at.saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_names_a_number() {
        let check = |text: &str, expected: Option<Label>| {
            let at = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
            assert_eq!(label(text, at), expected, "{text}");
        };
        check("合同编号2026110300012877", Some(Label::Reference));
        check("收款账号:622202", Some(Label::Account));
        check("your reference is 4471 0092", Some(Label::Reference));
        check("pay to account 4471 0092", Some(Label::Account));
        check("身份证号码:1101", Some(Label::Identity));
        check("passport no. 1234567", Some(Label::Identity));
        check("请打到编号622202", Some(Label::Account));
        check("贷款账号4477", Some(Label::Reference));
        check("电话4477", None);
    }
}
