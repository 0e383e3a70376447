//! What a person wrote, without what was quoted back: pure and linear in the length of the text.
//!
//! Quotes matter here: our own messages tell how to opt out, and a quoted `STOP` must not count as the person's word. In
//! doubt less is kept; what came stands whole beside it for a person to look at.

use std::sync::LazyLock;

use regex::Regex;

/// What is read of a text, in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// Begins the quoted message; what follows is not the writer's.
static CUT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)^\s*(?:",
        r"[-_—=*\s]{2,}\s*(?:original message|original appointment|forwarded message|reply message|begin forwarded message|original|原始邮件|原始郵件|原邮件|原郵件|转发的?邮件(?:信息)?|轉寄的?郵件|转发邮件信息|回复的原邮件|回复的邮件|原始信件|原件|ursprüngliche nachricht|message d'origine|mensaje original)\s*[-_—=*\s]{0,60}",
        r"|begin forwarded message:?",
        r"|_{20,}",
        r")\s*$",
    ))
    .expect("the pattern is valid")
});

/// A line that introduces a quote: `On .. wrote:`, `在 .. 写道：`, `.. 于 .. 写道：`.
static WROTE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)^\s*>?\s*(?:",
        r"(?:on|le|am|el|em|il|op|den)\b.{4,300}\b(?:wrote|writes|a écrit|schrieb.{0,80}|escribió|escreveu|ha scritto|schreef.{0,80}|skrev.{0,80})\s*[:：]?",
        r"|.{0,300}(?:写道|寫道|写到|寫到|來信|来信|撰写)\s*[:：]|.{0,200}[<@].{0,200}wrote\s*[:：]",
        r"|at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,.{1,200}wrote\s*:",
        r")\s*$",
    ))
    .expect("the pattern is valid")
});

/// The first half of such a line that a mail program broke in two.
static WROTE_BEGINS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\s*(?:on (?:mon|tue|wed|thu|fri|sat|sun|\d|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|在\s*\d|于\s*\d|於\s*\d|le \d|le (?:lun|mar|mer|jeu|ven|sam|dim)|am \d|am (?:mo|di|mi|do|fr|sa|so)|el \d|\d{4}\s*年|\d{4}[-/]\d)")
        .expect("the pattern is valid")
});

/// Fields that mail programs put before what they quote.
static FROM_FIELD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[\s>*|]*(?:from|发件人|寄件者|寄件人|發件人|von|de|发自)\s*\*?\s*[:：]")
        .expect("the pattern is valid")
});
static OTHER_FIELD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[\s>*|]*(?:sent|date|to|cc|subject|发送时间|发送日期|发件日期|时间|日期|收件人|抄送|抄送人|主题|標題|寄件日期|傳送時間|收件者|副本|主旨|gesendet|an|betreff|envoyé|à|objet|enviado|para|asunto)\s*\*?\s*[:：]")
        .expect("the pattern is valid")
});

/// Lines that a telephone or a program adds by itself.
static ADDED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)^\s*(?:",
        r"sent from (?:my|mail for|yahoo|outlook|proton|samsung|the all new|a mobile|an? ).{0,80}|get outlook for .{1,60}|sent via .{1,60}|sent with .{1,60} mail.{0,40}",
        r"|发自我的.{1,40}|發自我的.{1,40}|从我的.{1,40}发送|從我的.{1,40}傳送|来自我的.{1,40}|來自我的.{1,40}|发自.{1,30}|获取 ?outlook.{1,60}|取得 ?outlook.{1,60}|从 ?windows ?版?邮件发送|由 ?.{1,20}邮箱.{0,6}发送|---?来自.{1,40}|傳送自.{1,40}|從 ?.{1,20} ?傳送",
        r")\s*$",
    ))
    .expect("the pattern is valid")
});

/// The writer's own words: without quoted lines, the quoted message, signatures and what programs add. Empty where
/// nothing of one's own is found.
pub fn own_words(text: &str) -> String {
    let text = cut(text, MAX_TEXT)
        .replace("\r\n", "\n")
        .replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let text = text.replace("&nbsp;", " ").replace('\u{a0}', " ");
    let lines: Vec<&str> = text.split('\n').collect();
    let (mut kept, mut at, mut signed) = (Vec::<&str>::new(), 0, false);
    while at < lines.len() {
        let line = lines[at];
        if CUT.is_match(cut(line, 400)) || begins_block(&lines, at) {
            break;
        }
        if let Some(after) = introduces(&lines, at) {
            // Only where the quote itself is marked, line by line, can own words follow it.
            if !next_words(&lines, after).is_some_and(is_quoted) {
                break;
            }
            at = after;
            // An answer below a quote is above the signature that was quoted with it.
            signed = false;
            continue;
        }
        at += 1;
        if is_quoted(line) || ADDED.is_match(cut(line, 200)) {
            continue;
        }
        // RFC 3676, 4.3: the signature begins with two hyphens and a blank; programs lose the blank.
        signed |= matches!(line.trim_end(), "--") && !kept.is_empty();
        if !signed {
            kept.push(line.trim_end());
        }
    }
    let joined = kept.join("\n");
    let mut out = String::with_capacity(joined.len());
    for paragraph in joined.trim().split("\n\n").filter(|p| !p.trim().is_empty()) {
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        out.push_str(paragraph.trim_matches('\n'));
    }
    out
}

fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with(['>', '＞'])
}

fn next_words<'a>(lines: &[&'a str], from: usize) -> Option<&'a str> {
    lines
        .iter()
        .skip(from)
        .take(20)
        .find(|l| !l.trim().is_empty())
        .copied()
}

/// Where the introduction of a quote that begins at `at` ends; it may be broken over three lines.
fn introduces(lines: &[&str], at: usize) -> Option<usize> {
    let first = lines[at];
    if first.trim().is_empty() || first.len() > 400 {
        return None;
    }
    if WROTE.is_match(first) {
        return Some(at + 1);
    }
    if !WROTE_BEGINS.is_match(first) {
        return None;
    }
    let mut joined = first.to_owned();
    for (n, line) in lines.iter().enumerate().skip(at + 1).take(2) {
        if line.trim().is_empty() || line.len() > 400 {
            return None;
        }
        joined.push(' ');
        joined.push_str(line.trim());
        if WROTE.is_match(&joined) {
            return Some(n + 1);
        }
    }
    None
}

/// Whether a block of fields begins here: who wrote, and within a few lines when, to whom or about what.
fn begins_block(lines: &[&str], at: usize) -> bool {
    let field = |pattern: &Regex, line: &str| pattern.is_match(cut(line, 300));
    let follow = |pattern: &Regex| {
        let next = lines.iter().skip(at + 1).take(5);
        next.filter(|l| field(pattern, l)).count()
    };
    (field(&FROM_FIELD, lines[at]) && follow(&OTHER_FIELD) >= 1)
        || (field(&OTHER_FIELD, lines[at]) && follow(&FROM_FIELD) >= 1 && follow(&OTHER_FIELD) >= 1)
}

/// At most so many bytes, whole characters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Places where programs begin what they quote within HTML.
const HTML_QUOTES: &[&str] = &[
    "class=\"gmail_quote",
    "class=gmail_quote",
    "id=\"appendonsend\"",
    "id=\"divrplyfwdmsg\"",
    "id=\"isreplycontent\"",
    "id=\"ntes-pcmac-signature\"",
    "class=\"moz-cite-prefix\"",
    "<includetail>",
    "id=\"mail-editor-reference-message-container\"",
    "class=\"yahoo_quoted\"",
    "id=\"original-content\"",
    "class=\"foxmail_quote",
    "name=\"messagereplysection\"",
    "class=\"protonmail_quote",
    "id=\"qt\"",
    "class=\"ms-outlook-mobile-reference-message",
];

/// HTML as text, without blocks that quote.
pub(super) fn html_to_text(html: &str) -> String {
    let html = cut(html, MAX_TEXT * 4);
    let lower = html.to_ascii_lowercase();
    let begins = HTML_QUOTES.iter().filter_map(|mark| lower.find(mark));
    // The mark stands within a tag, which goes too.
    let end = begins
        .min()
        .map_or(html.len(), |at| lower[..at].rfind('<').unwrap_or(at));
    let (html, lower) = (&html[..end], &lower[..end]);
    let (mut kept, mut depth, mut at) = (String::with_capacity(end), 0_usize, 0);
    while at < end {
        let next = lower[at..].find('<').map_or(end, |n| at + n);
        if depth == 0 {
            kept.push_str(&html[at..next]);
        }
        let Some(close) = lower[next..].find('>') else {
            break;
        };
        let (tag, after) = (&lower[next..next + close], next + close + 1);
        if tag.starts_with("<blockquote") {
            depth += 1;
        } else if tag.starts_with("</blockquote") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 {
            kept.push_str(&html[next..after]);
        }
        at = after;
    }
    mail_parser::decoders::html::html_to_text(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(own_words(text), expected, "{text}");
    }

    #[test]
    fn quotes_of_english_programs() {
        check(
            "Please stop.\n\nOn Tue, Apr 7, 2026 at 3:30 PM Ruian <a@example.com> wrote:\n> Pay now.\n> Reply STOP",
            "Please stop.",
        );
        check(
            "I paid.\r\n\r\nOn Tue, Apr 7, 2026 at 3:30 PM\r\nRuian Trading <a@example.com> wrote:\r\n\r\nPay now. Reply STOP",
            "I paid.",
        );
        check(
            "On Tue, 7 Apr 2026, Ruian wrote:\n> When do you pay?\nOn Friday.\n> How much?\n100",
            "On Friday.\n100",
        );
        check(
            "Fine.\n\n-----Original Message-----\nFrom: A\nSent: B\n\nSTOP",
            "Fine.",
        );
        check(
            "Fine.\n\n________________________________\nFrom: A <a@example.com>\nSent: Tuesday\nTo: B\nSubject: C\n\nSTOP",
            "Fine.",
        );
        check(
            "Fine.\n\n*From:* A <a@example.com>\n*Date:* Tuesday\n\nSTOP",
            "Fine.",
        );
        check(
            "On Monday I wrote: a letter to you.\nRead it.",
            "On Monday I wrote: a letter to you.\nRead it.",
        );
        check("From: now on call me\nat noon", "From: now on call me\nat noon");
    }

    #[test]
    fn quotes_of_chinese_programs() {
        check(
            "我上周已还。\n\n------------------ 原始邮件 ------------------\n发件人: \"瑞安\"\n主题: 催\n\n回复T退订",
            "我上周已还。",
        );
        check(
            "别再发了\n\n在 2026-04-07 15:30:00，\"瑞安\" <a@example.com> 写道：\n\n回复T退订",
            "别再发了",
        );
        check(
            "不是我\n\n瑞安 <a@example.com> 于2026年4月7日周二 15:30写道：\n> 退订",
            "不是我",
        );
        check(
            "知道了\n\n发件人：瑞安\n发送时间：2026年4月7日 15:30\n收件人：李伟\n主题：还款\n\n退订",
            "知道了",
        );
        check(
            "知道了\n\n寄件者: 瑞安\n寄件日期: 2026年4月7日\n收件者: 李\n主旨: 還款\n\n退訂",
            "知道了",
        );
        check(
            "明天还\n\n发自我的iPhone\n\n> 在 2026年4月7日，15:30，瑞安 <a@example.com> 写道：\n> \n> 退订",
            "明天还",
        );
        check(
            "好的\n\n---- 回复的原邮件 ----\n| 发件人 | 瑞安 |\n| 日期 | 2026 |\n退订",
            "好的",
        );
    }

    #[test]
    fn signatures_and_what_programs_add() {
        check(
            "I will pay on 5 May.\n-- \nLi Wei\n+1 212 555 0101",
            "I will pay on 5 May.",
        );
        check("ok\n\nSent from my iPhone", "ok");
        check("ok\n\nGet Outlook for iOS", "ok");
        check("> all of it\n> quoted", "");
        check("", "");
    }

    #[test]
    fn html_quotes_go() {
        let check = |html: &str, expected: &str| assert_eq!(html_to_text(html).trim(), expected, "{html}");
        check(
            "<div>I paid.</div><div class=\"gmail_quote\">On x<blockquote>STOP</blockquote></div>",
            "I paid.",
        );
        check(
            "<p>a</p><blockquote><p>STOP<blockquote>x</blockquote></p></blockquote><p>b</p>",
            "a\nb",
        );
        check("<p>open <blockquote>never closed", "open");
        check("no tags < at all", "no tags");
    }

    #[test]
    fn long_texts_take_no_time() {
        for text in [
            ">".repeat(5_000_000),
            "On Mon\n".repeat(300_000),
            "From: a\n".repeat(300_000),
            "发件人：".repeat(500_000),
            "<".repeat(1_000_000),
        ] {
            let _ = own_words(&text);
            let _ = html_to_text(&text);
        }
    }
}
