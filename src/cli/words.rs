//! The words of reports in both languages, beside the sentences that stand with their commands.

use clap::ValueEnum;

/// The language of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The value for this language.
    pub fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// What the variables of the system ask for: Chinese for `zh...`, otherwise English.
    pub fn of_system(variable: impl Fn(&str) -> Option<String>) -> Lang {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty());
        match set {
            Some(value) if value.to_ascii_lowercase().starts_with("zh") => Lang::Zh,
            _ => Lang::En,
        }
    }
}

/// The fixed words of files and databases, in Chinese; English shows the fixed word itself.
const WORDS: &[(&str, &str)] = &[
    ("planned", "已排队"),
    ("held", "暂缓"),
    ("in_review", "待复核"),
    ("blocked", "已拦截"),
    ("reserved", "已预占"),
    ("accepted", "已接收"),
    ("delivered", "已送达"),
    ("undelivered", "未送达"),
    ("not_sent", "未发出"),
    ("unknown", "不明"),
    ("withdrawn", "已撤回"),
    ("cleared", "可发送"),
    ("review", "须人工复核"),
    ("sms", "短信"),
    ("email", "邮件"),
    ("letter", "信函"),
    ("call", "电话"),
    ("attempt", "触达"),
    ("payment", "付款"),
    ("promise", "承诺"),
    ("dispute", "异议"),
    ("suppression", "停止联系"),
    ("task", "任务"),
    ("open", "未结清"),
    ("settled", "已结清"),
    ("closed", "已关闭"),
    ("own", "本人"),
    ("home", "家庭"),
    ("shared", "共用"),
    ("workplace", "单位"),
    ("office", "公司"),
    ("natural", "自然人"),
    ("legal", "法人"),
    ("accounts", "账户"),
    ("events", "事件"),
    ("done", "完成"),
    ("undone", "已撤销"),
    ("statute", "法律"),
    ("regulator", "监管规定"),
    ("industry", "行业规范"),
    ("house", "自定规则"),
    ("verified", "已核实"),
    ("secondary", "二手资料"),
    ("unverified", "未核实"),
    ("subject", "标题"),
    ("text", "正文"),
    ("html", "网页正文"),
    ("body", "正文"),
    ("letterhead", "信头"),
    ("recipient", "收件人"),
    ("table", "表格"),
    ("after_table", "表后文字"),
    ("closing", "落款"),
    ("signature", "签名栏"),
    ("payment_slip", "付款联"),
    ("return_slip", "回执"),
    ("reference", "日期与编号"),
    ("page", "页码"),
    ("creditor", "债权人"),
    ("agency", "受托机构"),
    ("law_firm", "律师事务所"),
    ("collection", "催收"),
    ("statutory_notice", "法定通知"),
    ("reply", "答复"),
    ("service_info", "服务信息"),
];

/// A fixed word for people.
pub(super) fn word(lang: Lang, fixed: &str) -> String {
    let zh = WORDS.iter().find(|(w, _)| *w == fixed).map(|(_, zh)| *zh);
    match (lang, zh) {
        (Lang::Zh, Some(zh)) => zh.to_owned(),
        _ => fixed.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AttemptState, Channel};

    #[test]
    fn the_first_variable_that_is_set_decides_the_language() {
        let check = |variables: &[(&str, &str)], expected| {
            let found = Lang::of_system(|name| {
                let set = variables.iter().find(|(n, _)| *n == name);
                set.map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(found, expected, "{variables:?}");
        };
        check(&[], Lang::En);
        check(&[("LANG", "zh_CN.UTF-8")], Lang::Zh);
        check(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C.UTF-8")], Lang::En);
        check(&[("LC_ALL", ""), ("LANG", "zh_TW.UTF-8")], Lang::Zh);
        check(&[("LANG", "de_DE.UTF-8")], Lang::En);
    }

    #[test]
    fn every_state_and_channel_has_a_chinese_word() {
        let known = |fixed: &str| WORDS.iter().any(|(w, _)| *w == fixed);
        assert!(AttemptState::ALL.iter().all(|s| known(s.as_str())));
        assert!(Channel::ALL.iter().all(|c| known(c.as_str())));
    }
}
