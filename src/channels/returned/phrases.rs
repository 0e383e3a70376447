//! Words by which mail systems say why they gave up, in English and in both Chinese scripts. They are compared in lower
//! case with runs of blanks as one; a phrase is long enough not to occur by chance in the explanation of another cause.

use crate::domain::BounceCause as Cause;

/// Asked in this order: what excuses the address before what condemns it.
const CAUSES: &[(Cause, &[&str])] = &[
    (
        Cause::MailboxFull,
        &[
            "mailbox full", "mailbox is full", "mailbox was full", "inbox is full", "over quota", "overquota", "over the quota", "quota exceeded", "exceeded quota",
            "exceeds quota", "exceeded storage", "exceeded its quota", "exceeded the quota", "quotaexceeded", "out of storage", "storage quota", "insufficient disk space",
            "not enough storage", "no space left", "disk quota", "disc quota", "mailfolder is full", "maildir over", "user has too much mail", "overdrawn his diskspace",
            "信箱已满", "邮箱已满", "邮箱已經滿", "信箱已滿", "郵箱已滿", "信箱空間已滿", "空间已满", "空间不足", "空間不足", "容量已满", "容量不足", "容量已滿", "超出配额",
            "超过配额", "超出配額", "容量超限", "收件箱已满", "邮箱满", "信箱滿", "信箱爆滿", "信箱爆满", "配额已满", "配額已滿",
        ],
    ),
    (
        Cause::TooLarge,
        &[
            "message too large", "message is too large", "message size exceeds", "exceeds the maximum message size", "exceeds maximum message size", "too big", "size limit",
            "message exceeds", "邮件过大", "邮件太大", "郵件過大", "大小超过限制", "大小超出限制", "超过大小限制", "超過大小限制", "超出最大限制",
        ],
    ),
    (
        Cause::Disabled,
        &[
            "account is disabled", "account disabled", "account has been disabled", "mailbox disabled", "mailbox is disabled", "mailbox has been disabled", "user disabled", "account inactive", "account is inactive",
            "mailbox is inactive", "mailbox inactive", "inactive user", "account suspended", "account is suspended", "account has been suspended", "user suspended", "user is suspended", "account that you tried to reach is disabled",
            "account expired", "account has expired", "account closed", "account has been closed", "account is closed", "mailbox closed", "account is locked", "account locked", "deactivated", "discontinued",
            "no longer active", "no longer on server", "no longer valid", "no longer available", "no longer in use", "账号已停用", "帐号已停用", "帳號已停用", "邮箱已停用", "已被禁用", "已禁用", "已冻结", "被冻结",
            "已凍結", "已注销", "已註銷", "已关闭", "已關閉", "邮箱被停用", "邮箱已被封", "邮箱未激活", "账号异常", "帐户被禁用", "账户被禁用", "长期未登录", "長期未登入",
        ],
    ),
    (
        Cause::NoSuchMailbox,
        &[
            "user unknown", "unknown user", "user not found", "no such user", "no such account", "no such recipient", "no such mailbox", "no such address", "no such person", "no such local user", "no mailbox here by that name",
            "no mailbox by that name", "recipient not found", "recipient unknown", "unknown recipient", "unknown address", "unknown or illegal alias", "unknown local part", "unknown mailbox", "unknown account", "mailbox not found", "mailbox unknown",
            "mailbox does not exist", "mailbox doesn't exist", "user does not exist", "user doesn't exist", "user does'nt exist", "address does not exist", "address doesn't exist", "account does not exist", "account doesn't exist", "recipient does not exist", "recipient doesn't exist", "does not exist here",
            "that you tried to reach does not exist", "invalid recipient", "invalid mailbox", "invalid user", "invalid address", "invalid account", "not a valid mailbox", "not a valid user", "not a valid recipient", "is not a known user",
            "address unknown", "address not found", "address couldn't be found", "address wasn't found", "email address you entered couldn't be found", "wasn't found at", "was not found at", "bad destination mailbox", "bad address", "addressee unknown", "not listed in domino directory", "not listed in public name",
            "resolver.adr.recipnotfound", "recipnotfound", "recipientnotfound", "nosuchuser", "unrouteable address", "unroutable address", "user not known", "not our customer", "user unavailable",
            "requested action not taken: mailbox unavailable", "this user doesn't have", "this account is not allowed", "undeliverable address", "mailbox unavailable", "isn't a valid", "doesn't exist", "does not exist",
            "用户不存在", "用戶不存在", "使用者不存在", "收件人不存在", "收件者不存在", "地址不存在", "邮箱不存在", "郵箱不存在", "信箱不存在", "帐号不存在", "账号不存在", "帳號不存在", "账户不存在", "查无此人", "查無此人", "查无此用户",
            "查無此用戶", "查無此使用者", "查無此帳號", "无此用户", "無此用戶", "無此使用者", "没有此用户", "沒有此使用者", "收件人地址错误", "收件人地址有误", "收件地址不正确", "收件人邮件地址不存在", "找不到收件人", "找不到收件者", "找不到用户",
            "找不到此", "找不到该", "收件人未找到", "不是有效的收件人", "收件人邮箱地址错误", "无效的收件人", "无效地址", "無效的收件者", "未知用户", "未知收件人",
        ],
    ),
    (
        Cause::NoSuchDomain,
        &[
            "host not found", "host unknown", "unknown host", "couldn't find any host", "domain not found", "domain does not exist", "domain doesn't exist", "no such domain", "unknown domain", "no mx", "null mx", "nxdomain", "domain couldn't be found",
            "domain name not found", "name service error", "does not accept mail", "doesn't accept mail", "doesn't receive email", "unrouteable mail domain", "bad destination system", "couldn't find a mail exchanger", "cannot find a mail exchanger", "dns domain", "no route to host found", "域名不存在", "网域不存在", "網域不存在", "找不到域名",
            "域名无法解析", "域名解析失败", "無法解析網域", "找不到主机", "找不到主機", "域名错误", "收件人域名", "无法找到对方域名", "mx记录", "mx 记录",
        ],
    ),
    (
        Cause::Refused,
        &[
            "blocked", "blacklist", "blocklist", "block list", "black list", "denylist", "spam", "unsolicited", "junk mail", "policy", "reputation", "dnsbl", "rbl", "access denied", "not authorized", "not authorised", "not permitted", "not allowed",
            "content rejected", "content denied", "rejected by", "rejected for", "message rejected", "message refused", "mail refused", "virus", "dmarc", "spf", "dkim", "unauthenticated", "authentication required", "relay", "frequency limited", "rate limit", "too many", "greylist",
            "prohibited", "denied by", "banned", "dt:spm", "mi:", "rp:", "hl:", "administratively", "refused to accept", "sender rejected", "restricted", "拒收", "拒绝接收", "拒绝了", "被拒绝", "拒絕", "垃圾邮件", "垃圾郵件", "黑名单", "黑名單", "反垃圾", "频率", "频繁",
            "违规", "敏感", "病毒", "屏蔽", "发信过于", "未通过", "權限", "没有权限",
        ],
    ),
    (
        Cause::Expired,
        &[
            "in the queue too long", "delivery time expired", "retry timeout exceeded", "retry time not reached", "message expired", "maximum time", "too many hops", "timed out", "time-out", "timeout", "connection refused", "connection dropped", "could not connect", "couldn't connect", "no answer from host", "unable to connect",
            "network unreachable", "try again later", "temporarily", "temporary failure", "max retries", "retry window", "给对方服务器连接超时", "连接超时", "連線逾時", "连接失败", "無法連線", "无法连接", "暂时", "暫時", "稍后重试", "投递超时", "投遞逾時", "超过最大重试", "服务器忙",
        ],
    ),
];

/// In lower case, typographic apostrophes made plain, runs of blanks as one; between Chinese characters none.
pub(super) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2018}' | '\u{2019}' => out.push('\''),
            '\u{a0}' | '\u{3000}' => blank(&mut out),
            c if c.is_whitespace() => blank(&mut out),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

fn blank(out: &mut String) {
    if !out.ends_with(' ') {
        out.push(' ');
    }
}

/// The cause that a text names, if any.
pub(super) fn cause(text: &str) -> Option<Cause> {
    let text = folded(text);
    let named = |(_, phrases): &&(Cause, &[&str])| phrases.iter().any(|p| text.contains(p));
    CAUSES.iter().find(named).map(|(cause, _)| *cause)
}

/// Subjects and first sentences of bounces.
const BOUNCES: &[&str] = &[
    "undelivered mail", "undeliverable", "undelivered message", "undelivered:", "delivery status notification", "delivery failure", "delivery failed", "delivery has failed", "delivery report", "failure notice", "failure delivery", "mail delivery failed", "mail delivery failure",
    "mail delivery problem", "mail delivery error", "message delivery failure", "mail system error", "returned mail", "returning message to sender", "returned to sender", "return to sender", "could not be delivered", "couldn't be delivered", "can't be delivered", "cannot be delivered", "was not delivered", "wasn't delivered", "not delivered to", "unable to deliver", "wasn't able to deliver", "was not able to deliver", "not able to be delivered",
    "could not deliver", "couldn't deliver", "did not reach", "didn't reach", "non-delivery", "nondeliverable", "non delivery", "non remis", "permanent fatal errors", "permanent error", "this is a permanent", "address not found", "message not delivered", "message blocked", "rejected your message", "bounced mail", "bounce message",
    "退信", "退件", "系统退信", "邮件被退回", "被退回", "投递失败", "发送失败", "傳送失敗", "投遞失敗", "寄送失敗", "无法送达", "無法送達", "未能送达", "未送达", "无法投递", "無法投遞", "未能投递", "未能传递", "无法传递", "無法傳遞", "传递失败", "傳遞失敗", "未传递", "退回给您", "退回的邮件", "邮件投递状态", "发送不成功", "未发送成功", "未能发送到",
];

/// Signs that a system still tries.
const DELAYS: &[&str] = &[
    "still being retried", "still trying", "will keep trying", "will continue to try", "continue trying", "will be retried", "will retry", "keep trying", "delivery status notification (delay)", "delivery is delayed", "delivery delayed", "delayed mail", "message delayed", "has been delayed", "is delayed", "delivery delay", "warning: could not send message",
    "warning: message", "this is a warning message only", "this is a warning only", "do not need to resend", "no action is required on your part", "delivery attempts will continue", "not yet been delivered", "hasn't been delivered yet", "delivery incomplete", "邮件延迟", "延迟通知", "延遲通知", "投递延迟", "延迟投递", "尚未送达", "尚未投递", "将继续尝试", "會繼續嘗試", "会继续尝试", "将会重试", "继续重试", "無需重新", "无需重新发送", "不需要重新发送",
];

/// Signs that it is over, which outweigh those of a delay.
const FINAL: &[&str] = &[
    "given up", "gave up", "giving up", "permanent", "won't try again", "not going to try again", "no further attempts", "will not be retried", "returned to sender", "不再尝试", "不再重试", "放弃",
];

/// Subjects of answers that nobody wrote.
const AUTO_SUBJECTS: &[&str] = &[
    "automatic reply", "auto reply", "auto-reply", "autoreply", "auto response", "auto-response", "autoresponse", "automated reply", "automated response", "automatic response", "out of office", "out-of-office", "out of the office", "ooo:", "away from office", "on vacation", "on holiday", "vacation reply", "vacation response", "i am away", "i'm away",
    "abwesenheit", "automatische antwort", "réponse automatique", "respuesta automática", "risposta automatica", "自动回复", "自动答复", "自動回覆", "自動回復", "自動答覆", "自動返信", "外出自动", "不在办公室", "不在辦公室", "休假通知", "离职通知",
];

fn any(text: &str, phrases: &[&str]) -> bool {
    let text = folded(text);
    phrases.iter().any(|p| text.contains(p))
}

/// Whether a subject or an explanation speaks of a message that came back.
pub(super) fn speaks_of_bounce(text: &str) -> bool {
    any(text, BOUNCES)
}

/// Whether a text says that delivery is late and goes on.
pub(super) fn speaks_of_delay(text: &str) -> bool {
    any(text, DELAYS) && !any(text, FINAL)
}

/// Whether a subject is that of an answer nobody wrote.
pub(super) fn is_auto_subject(text: &str) -> bool {
    any(text, AUTO_SUBJECTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_named() {
        let check = |text: &str, expected: Option<Cause>| assert_eq!(cause(text), expected, "{text}");
        check("User\r\n  Unknown", Some(Cause::NoSuchMailbox));
        check("The recipient’s mailbox is full", Some(Cause::MailboxFull));
        check("对方邮箱地址不存在", Some(Cause::NoSuchMailbox));
        check("收件人的邮箱空间已满", Some(Cause::MailboxFull));
        check("User suspended", Some(Cause::Disabled));
        check("550 Mail content denied", Some(Cause::Refused));
        check("hello", None);
    }

    #[test]
    fn every_phrase_is_written_as_it_is_compared() {
        let lists = CAUSES.iter().map(|(_, list)| *list);
        for phrase in lists.chain([BOUNCES, DELAYS, FINAL, AUTO_SUBJECTS]).flatten() {
            assert_eq!(folded(phrase), **phrase);
        }
    }
}
