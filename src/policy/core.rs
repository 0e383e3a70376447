//! The rules that no pack can switch off. What they decide stands in `guard`; here is what they say.

use std::sync::{Arc, LazyLock};

use super::pack::digest_of;
use super::rules::Head;
use crate::domain::{Level, Sureness};

/// Name of the pack of rules that cannot be switched off.
pub const CORE: &str = "core";

const RULES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "attempt.expired",
        "已过该触达的最晚时间,不再发送。",
        "The attempt is older than its latest time and is not sent late.",
        "house rule",
        "a late reminder may be wrong by now",
    ),
    (
        "attempt.not_due",
        "尚未到该触达的计划时间。",
        "The attempt is not due yet.",
        "house rule",
        "the ladder chose the day",
    ),
    (
        "situation.inconsistent",
        "触达记录与账户、收件人、联系方式或渠道不一致,已停止。",
        "The attempt does not fit its account, recipient, contact point or channel.",
        "house rule",
        "a mix-up discloses a debt to a stranger",
    ),
    (
        "situation.no_time_zone",
        "无法确定收件人所在时区,不能推定其当地时间,已暂缓。",
        "The recipient's time zone is unknown, so no local hour can be called lawful.",
        "house rule",
        "no guess in the permissive direction",
    ),
    (
        "policy.missing",
        "资产组合指定的规则包未加载,已停止。",
        "A policy pack that the portfolio names is not loaded.",
        "house rule",
        "an unreadable rule blocks",
    ),
    (
        "situation.incomplete",
        "缺少判断所需的事实,须由人工补充。",
        "A fact that a rule needs is missing; a person must supply it.",
        "house rule",
        "what is not known is not assumed",
    ),
    (
        "policy.no_hours",
        "没有任何适用的联系时间规则,已停止。",
        "No contact hours apply to this recipient.",
        "house rule",
        "an unknown rule is not a permission",
    ),
    (
        "hours.no_calendar",
        "所需的节假日历缺失或尚未公布,已暂缓。",
        "The holiday calendar that the contact hours need is missing or not announced.",
        "house rule",
        "an unknown day is not a working day",
    ),
    (
        "hours.never",
        "可预见的日子里没有在所有可能时区都合法的联系时刻。",
        "No hour that can be foreseen is lawful in every zone the recipient could be in.",
        "house rule",
        "windows that never meet cannot be met",
    ),
    (
        "hours.personal",
        "不在对方指定的联系时间或方便的地点,下一可联系时间 {until}。",
        "Outside the times that the person named, or at a place called inconvenient; next lawful time {until}.",
        "house rule",
        "what the person asked for stands on top of every window",
    ),
    (
        "wish.place",
        "对方要求不在此处联系(如工作单位)。",
        "The person asked not to be contacted at this place, such as work.",
        "house rule",
        "a request about a place binds as long as it stands",
    ),
    (
        "wish.medium",
        "对方要求只用其他渠道联系。",
        "The person asked for other channels only.",
        "house rule",
        "a request about channels binds as long as it stands",
    ),
    (
        "content.classifier",
        "没有规则命中,但统计模型认为措辞可能不当,须人工复核。",
        "No rule speaks, but a trained model doubts the wording; a person decides.",
        "house rule",
        "a polite threat carries no forbidden word",
    ),
    (
        "content.unreadable_rules",
        "词库中有不能使用的规则,已停止。",
        "A rule about words cannot be used, so nothing can be cleared.",
        "house rule",
        "an unreadable rule blocks",
    ),
    (
        "content.disguised_writing",
        "文字大面积以拆字、加符号、拼音或数字代字等方式书写,无法可靠审读,须人工复核。",
        "Much of the text is spelled out, taken apart, in digits for letters or in pinyin, so it cannot be read reliably.",
        "house rule",
        "what cannot be read reliably is not cleared",
    ),
    (
        "content.hidden_characters",
        "文本含有不可见字符、双向控制符或零宽字符,请删除。",
        "The text holds hidden, bidirectional or zero-width characters.",
        "house rule",
        "what is hidden cannot be reviewed",
    ),
    (
        "content.empty",
        "正文为空。",
        "The message has no words.",
        "house rule",
        "an empty contact is a contact all the same",
    ),
    (
        "payee.unregistered",
        "出现了未登记的账号类数字;只能使用债权人已登记并经复核的收款账户。",
        "A number that looks like an account is not a confirmed payee of the creditor.",
        "house rule",
        "money may go to the creditor only",
    ),
    (
        "status.paid",
        "该账户已结清,不得再催收。",
        "The account is settled.",
        "house rule",
        "no contact after payment",
    ),
    (
        "status.closed",
        "该账户已关闭或撤回,不得再联系。",
        "The account is closed or was taken back.",
        "house rule",
        "no contact without a claim",
    ),
    (
        "status.disputed",
        "债务人已提出异议,答复前不得催收。",
        "A dispute is open; it is answered before anything is asked for.",
        "house rule",
        "no contact during a dispute",
    ),
    (
        "status.promised",
        "还款承诺尚未到期,期间暂停催收。",
        "A promise to pay is open; the ladder pauses until its date.",
        "house rule",
        "a kept promise deserves peace",
    ),
    (
        "status.deceased",
        "收件人或债务人已故,须人工处理。",
        "The recipient or the debtor has died; a person must handle this.",
        "house rule",
        "no contact after death",
    ),
    (
        "status.minor",
        "收件人为未成年人或无行为能力人,只能联系其监护人。",
        "The recipient is a minor or without capacity; only the guardian is contacted.",
        "house rule",
        "a minor is not contacted",
    ),
    (
        "status.opt_out",
        "对方已退订该渠道。",
        "The recipient opted out of this channel.",
        "house rule",
        "an opt-out wins over anything queued",
    ),
    (
        "status.cease_communication",
        "对方要求停止一切联系。",
        "The recipient asked that all contact cease.",
        "house rule",
        "a cease request wins over anything queued",
    ),
    (
        "status.counsel",
        "对方已委托律师,请改与律师联系。",
        "The recipient is represented by counsel; write to counsel.",
        "house rule",
        "counsel speaks for the debtor",
    ),
    (
        "status.insolvency",
        "已进入破产或清算程序,应申报债权,不得个别催收。",
        "Insolvency proceedings are open; file the claim instead.",
        "house rule",
        "individual pursuit stops",
    ),
    (
        "status.wrong_party",
        "该联系方式不属于收件人。",
        "The address belongs to somebody else.",
        "house rule",
        "a stranger must not learn of the debt",
    ),
    (
        "status.unreachable",
        "该联系方式已失效。",
        "The address is dead.",
        "house rule",
        "a dead address may have a new owner",
    ),
    (
        "status.police_order",
        "公安机关禁止联系。",
        "The police ordered that no contact be made.",
        "house rule",
        "an order of the police stops everything",
    ),
    (
        "status.breathing_space",
        "处于法定宽限期。",
        "A statutory breathing space or moratorium is in force.",
        "house rule",
        "the moratorium stops collection",
    ),
    (
        "status.hardship",
        "债务人处于困难审查期,暂停催收。",
        "Hardship is under review; collection pauses.",
        "house rule",
        "lenient treatment until reviewed",
    ),
    (
        "status.complaint",
        "投诉处理中,暂停催收。",
        "A complaint is being handled; collection pauses.",
        "house rule",
        "the complaint is answered first",
    ),
    (
        "status.open_reply",
        "对方的回复待人工判断含义,判断前暂不联系(见 `dunwell channel inbox`)。",
        "An answer waits for a person to decide what it means; until then nothing goes out (see `dunwell channel inbox`).",
        "house rule",
        "what somebody may have asked for is not overridden by the next message",
    ),
    (
        "element.required",
        "缺少规定必须写明的内容。",
        "Something is missing that the rules ask a message to state.",
        "house rule",
        "what the law asks to be said is said",
    ),
    (
        "recipient.third_party",
        "收件人不是债务人或依法承担责任的人,不得向其透露债务。",
        "The recipient does not answer for the debt and must not learn of it.",
        "house rule",
        "a debt is not disclosed to third parties",
    ),
];

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let texts: Vec<String> = RULES.iter().map(|r| format!("{r:?}")).collect();
    digest_of(texts.iter().map(|t| (CORE, t.as_str())))[..12].to_owned()
});

static HEADS: LazyLock<Vec<Arc<Head>>> = LazyLock::new(|| {
    let (pack, version): (Arc<str>, Arc<str>) = (CORE.into(), VERSION.as_str().into());
    let head = |&(id, zh, en, basis, why): &(&str, &str, &str, &str, &str)| {
        Arc::new(Head {
            id: id.into(),
            pack: pack.clone(),
            version: version.clone(),
            level: Level::House,
            sureness: Sureness::Verified,
            basis: basis.to_owned(),
            why: why.to_owned(),
            zh: zh.to_owned(),
            en: en.to_owned(),
            instead: None,
            consent: false,
        })
    };
    RULES.iter().map(head).collect()
});

/// Version of the core rules.
pub fn core_version() -> &'static str {
    &VERSION
}

/// Every core rule.
pub fn core_rules() -> &'static [Arc<Head>] {
    &HEADS
}

/// One core rule by its id.
pub(crate) fn core_rule(id: &str) -> &'static Head {
    HEADS
        .iter()
        .find(|h| &*h.id == id)
        .expect("invariant: guard names only core rules that exist")
}
