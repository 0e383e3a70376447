//! Every shipped template is rendered with every sample it suits; and what must not be rendered is not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use super::*;
use crate::domain::{Channel, Draft, Locale, Purpose, SenderKind, Situation};

fn read(dir: &Path, root: &Path, into: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        if path.is_dir() {
            if name != "fonts" {
                read(&path, root, into);
            }
        } else {
            into.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

static FILES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut files = Vec::new();
    read(&root, &root, &mut files);
    files
});

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::parse(&FILES).expect("shipped templates read"));

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let text = &FILES.iter().find(|(p, _)| p == "samples.toml").unwrap().1;
    samples(text).expect("shipped samples read")
});

fn sample(name: &str) -> &'static Sample {
    SAMPLES.iter().find(|s| s.name == name).unwrap()
}

fn situation(sample_name: &str, template: &str, channel: Channel) -> Situation {
    let template = CATALOGUE.template(template).unwrap();
    sample(sample_name).situation(template, channel).unwrap()
}

fn go(s: &Situation) -> Result<Rendered, Vec<RenderFault>> {
    let today = SAMPLES.iter().find(|x| s.portfolio.name == x.name).unwrap().today;
    render(&CATALOGUE, s, today, &BTreeMap::new())
}

fn codes(s: &Situation) -> Vec<&'static str> {
    go(s).unwrap_err().iter().map(|f| f.code).collect()
}

fn sms(s: &Situation) -> String {
    match go(s).unwrap().draft {
        Draft::Sms(sms) => sms.text,
        _ => panic!("no SMS"),
    }
}

/// Runs `look` on every template, locale, channel and suitable sample.
fn everywhere(mut look: impl FnMut(&str, &Template, &Rendered)) -> usize {
    let mut seen = 0;
    for template in CATALOGUE.templates() {
        for &channel in &template.channels {
            let mut suited = 0;
            for sample in SAMPLES.iter() {
                for (locale, first_contact) in both_contacts() {
                    let Some(mut s) = sample.situation(template, channel) else {
                        continue;
                    };
                    s.recipient.locale = locale;
                    s.first_contact = first_contact;
                    if template.id == OWN_WORDS {
                        s.attempt.own_subject = Some("Subject 主题".to_owned());
                        s.attempt.own_text = Some("One.\nTwo.\n\n第二段。".to_owned());
                    }
                    let extras = sample.extras(template);
                    let label = format!("{} {locale} {channel} {}", template.id, sample.name);
                    if !template
                        .extras
                        .iter()
                        .all(|e| extras.contains_key(e) || OPTIONAL.contains(&e.as_str()))
                    {
                        continue;
                    }
                    let rendered = render(&CATALOGUE, &s, sample.today, &extras);
                    let rendered = rendered.unwrap_or_else(|f| panic!("{label}: {f:#?}"));
                    assert_eq!(rendered.locale, locale, "{label}");
                    look(&label, template, &rendered);
                    suited += 1;
                }
            }
            assert!(suited > 0, "no sample suits {} on {channel}", template.id);
            seen += suited;
        }
    }
    seen
}

fn both_contacts() -> impl Iterator<Item = (Locale, bool)> {
    Locale::ALL.iter().flat_map(|l| [(*l, true), (*l, false)])
}

const OPTIONAL: &[&str] = &["statement_rows", "payment_amount"];

#[test]
fn every_template_reads_well_with_every_sample() {
    let seen = everywhere(|label, template, rendered| {
        for (part, text) in rendered.draft.parts() {
            // One sample has template syntax in its reference, which must come out as it is.
            let text = text
                .replace("ZJ<2026>&{{7}}", "ZJ")
                .replace("ZJ&lt;2026&gt;&amp;{{7}}", "ZJ");
            for bad in [
                "{{",
                "{%",
                "}}",
                "%}",
                "undefined",
                "  ",
                "\n\n\n",
                "none",
                "：\n\n",
                ":\n\n：",
            ] {
                // An empty line of a code is one of its fields.
                if part == "payment_slip" && bad == "\n\n\n" {
                    continue;
                }
                let allowed = part == "html" || (bad == "：\n\n" && text.starts_with(|c| c != ' '));
                assert!(
                    !text.contains(bad) || (allowed && bad.starts_with(['：', ':'])),
                    "{label} {part}: {bad:?}\n{text}"
                );
            }
            assert!(
                text == text.trim() || text == format!("{}\n", text.trim()),
                "{label} {part}:\n{text}"
            );
            assert!(
                ["table", "after_table", "return_slip", "signature", "payment_slip"].contains(&part)
                    || !text.trim().is_empty(),
                "{label} {part}"
            );
        }
        if let Draft::Sms(sms) = &rendered.draft {
            assert!(
                sms.text.starts_with('【') && !sms.text.contains('\n') || template.id == OWN_WORDS,
                "{label}"
            );
            assert!(
                sms.segments.count <= 4,
                "{label}: {:?}\n{}",
                sms.segments,
                sms.text
            );
        }
        if let Draft::Letter(letter) = &rendered.draft {
            assert!(
                letter.table.windows(2).all(|w| w[0].len() == w[1].len()),
                "{label}"
            );
        }
    });
    assert!(seen > 500, "{seen}");
}

#[test]
fn html_is_balanced_and_says_the_same_as_the_text() {
    everywhere(|label, _, rendered| {
        let Draft::Email(mail) = &rendered.draft else {
            return;
        };
        let mut open = Vec::new();
        let mut rest = mail.html.as_str();
        while let Some((_, tail)) = rest.split_once('<') {
            let (tag, after) = tail.split_once('>').expect(label);
            let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
            match tag.chars().next() {
                Some('/') => assert_eq!(open.pop(), Some(name), "{label}"),
                Some('!') => {}
                _ if ["meta", "br"].contains(&name) => {}
                _ => open.push(name),
            }
            rest = after;
        }
        assert!(open.is_empty(), "{label}: {open:?}");
        for remote in ["http", "src=", "url(", "<script", "<img"] {
            assert!(!mail.html.contains(remote), "{label}: {remote}");
        }
        assert!(
            mail.html
                .contains(&format!("<html lang=\"{}\">", rendered.locale)),
            "{label}"
        );
        let body = &mail.html[mail.html.find("<body").unwrap()..];
        assert_eq!(
            words(&untagged(body)),
            words(&mail.text.replace("\n- ", "\n")),
            "{label}"
        );
    });
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn untagged(html: &str) -> String {
    let (mut out, mut inside) = (String::new(), false);
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    for (entity, c) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#x27;", "'"),
        ("&quot;", "\""),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ] {
        out = out.replace(entity, c);
    }
    out
}

#[test]
fn messages_that_ask_for_payment_say_what_they_must() {
    everywhere(|label, template, rendered| {
        if template.purpose != Purpose::Collection || template.id == OWN_WORDS {
            return;
        }
        let s = SAMPLES.iter().find(|s| label.ends_with(&s.name)).unwrap();
        let channel = template
            .channels
            .iter()
            .find(|c| label.contains(&format!(" {c} ")))
            .unwrap();
        let facts = s.situation(template, *channel).unwrap();
        let all: String = rendered
            .draft
            .parts()
            .into_iter()
            .filter(|(p, _)| *p != "html")
            .map(|(_, t)| t)
            .collect();
        let mut needed = vec![
            facts.creditor.name.clone(),
            facts.account.reference.clone(),
            facts.sender.phone.as_ref().unwrap().e164().to_owned(),
        ];
        if *channel == Channel::Sms {
            needed.push(facts.sender.opt_out_word.clone());
        }
        for word in needed {
            assert!(all.contains(&word), "{label} lacks {word}:\n{all}");
        }
        for word in [
            "最后通牒",
            "后果自负",
            "法院",
            "起诉",
            "征信",
            "黑名单",
            "final notice",
            "court",
            "consequences",
            "lawsuit",
        ] {
            assert!(!all.contains(word), "{label} says {word}");
        }
    });
}

#[test]
fn one_reminder_in_full() {
    let s = situation("mainland-company", "overdue-reminder", Channel::Sms);
    assert_eq!(
        sms(&s),
        "【蓝桥供应链】蓝桥供应链有限公司提示：账款LQ-2026-000731已于2026年4月8日到期，未付余额人民币 1,183,450.00 元，\
         请安排付款。已付请忽略。查询或有异议请致电+8613800000101。回复T退订"
    );
    assert_eq!(go(&s).unwrap().draft, go(&s).unwrap().draft);
}

#[test]
fn every_missing_fact_is_named_and_none_is_left_blank() {
    let mut s = situation("mainland-company", "overdue-reminder", Channel::Email);
    s.payees = Arc::new(Vec::new());
    let mut sender = (*s.sender).clone();
    sender.phone = None;
    s.sender = Arc::new(sender);
    let faults = go(&s).unwrap_err();
    let missing: Vec<_> = faults
        .iter()
        .filter(|f| f.file.as_deref() == Some("zh-CN/overdue-reminder/email.txt"))
        .map(|f| (f.code, f.variable.as_deref().unwrap(), f.line.is_some()))
        .collect();
    let fault = |name| ("template.missing_variable", name, true);
    assert_eq!(
        missing,
        [
            fault("payee_holder"),
            fault("payee_bank"),
            fault("payee_number"),
            fault("contact_phone")
        ]
    );
    let mut s = situation("mainland-company", "overdue-reminder", Channel::Sms);
    let mut creditor = (*s.creditor).clone();
    creditor.name = " ".to_owned();
    s.creditor = Arc::new(creditor);
    assert_eq!(codes(&s), ["template.missing_variable"]);
    s.account.balance_minor = 0;
    assert_eq!(
        codes(&s),
        ["template.missing_variable", "template.missing_variable"]
    );
}

#[test]
fn only_a_confirmed_payee_is_named() {
    let mut s = situation("mainland-company", "overdue-reminder", Channel::Email);
    let mut payees = (*s.payees).clone();
    payees[0].confirmed = false;
    s.payees = Arc::new(payees);
    assert!(codes(&s).iter().all(|c| *c == "template.missing_variable"));
}

#[test]
fn who_may_not_speak_so_and_what_would_be_untrue_is_refused() {
    let check = |change: &dyn Fn(&mut Situation), expected: &str| {
        let mut s = situation("mainland-law-firm", "lawyer-letter", Channel::Letter);
        change(&mut s);
        assert_eq!(codes(&s)[0], expected);
    };
    check(
        &|s| Arc::make_mut(&mut s.sender).kind = SenderKind::Creditor,
        "template.sender",
    );
    check(
        &|s| s.account.due_on = sample("mainland-law-firm").today,
        "template.not_overdue",
    );
    check(&|s| s.attempt.purpose = Purpose::ServiceInfo, "template.purpose");
    check(
        &|s| s.attempt.template = Some("no-such".to_owned()),
        "template.unknown",
    );
    let mut s = situation("mainland-law-firm", "lawyer-letter", Channel::Letter);
    s.attempt.channel = Channel::Sms;
    assert_eq!(codes(&s), ["template.channel"]);
    let mut s = situation("mainland-law-firm", "lawyer-letter", Channel::Letter);
    Arc::make_mut(&mut s.sender).mandate = None;
    assert_eq!(codes(&s)[0], "template.no_mandate");
}

#[test]
fn values_are_data_and_hidden_characters_are_faults() {
    let mut s = situation("uk-company", "payment-thanks", Channel::Email);
    Arc::make_mut(&mut s.creditor).name = "<b>{{ amount }}</b> & \"Co\"".to_owned();
    let Draft::Email(mail) = go(&s).unwrap().draft else {
        panic!()
    };
    assert!(mail.text.contains("<b>{{ amount }}</b> & \"Co\""));
    assert!(
        mail.html
            .contains("&lt;b&gt;{{ amount }}&lt;&#x2f;b&gt; &amp; &quot;Co&quot;"),
        "{}",
        mail.html
    );
    for hidden in ["a\nBcc: b", "a\u{202e}b", "a\u{200b}b", "a\u{7}b"] {
        Arc::make_mut(&mut s.creditor).name = hidden.to_owned();
        assert_eq!(codes(&s), ["template.hidden_character"], "{hidden:?}");
    }
}

#[test]
fn own_words_are_wrapped_and_never_read_as_a_template() {
    let own = |text: &str| {
        let mut s = situation("mainland-company", OWN_WORDS, Channel::Sms);
        s.attempt.template = None;
        s.attempt.own_text = Some(text.to_owned());
        s
    };
    let check = |text: &str, expected: &str| assert_eq!(sms(&own(text)), expected);
    check(
        "您好 {{ amount }} {% if x %}",
        "【蓝桥供应链】您好 {{ amount }} {% if x %} 回复T退订",
    );
    check("【蓝桥供应链】您好", "【蓝桥供应链】您好 回复T退订");
    assert_eq!(codes(&own(" \n"))[0], "template.no_words");
    assert_eq!(codes(&own("a\u{200b}b")), ["template.hidden_character"]);
    let mut s = situation("mainland-company", OWN_WORDS, Channel::Email);
    s.attempt.own_text = Some("甲 <a>\n乙\n\n丙".to_owned());
    assert!(codes(&s).contains(&"template.missing_variable"));
    s.attempt.own_subject = Some("主题".to_owned());
    let Draft::Email(mail) = go(&s).unwrap().draft else {
        panic!()
    };
    assert!(
        mail.html.contains(">甲 &lt;a&gt;<br>\n乙</p>\n<p"),
        "{}",
        mail.html
    );
    let mut s = situation("mainland-company", OWN_WORDS, Channel::Letter);
    s.attempt.own_subject = Some("主题".to_owned());
    s.attempt.own_text = Some("甲\n乙\n\n丙".to_owned());
    let Draft::Letter(letter) = go(&s).unwrap().draft else {
        panic!()
    };
    assert_eq!(letter.paragraphs[..2], ["甲\n乙", "丙"]);
}

#[test]
fn extras_are_checked() {
    let s = situation("mainland-company", "plan-confirmation", Channel::Letter);
    let run = |name: &str, value: Value| {
        let faults = render(
            &CATALOGUE,
            &s,
            sample("mainland-company").today,
            &BTreeMap::from([(name.to_owned(), value)]),
        );
        faults
            .unwrap_err()
            .iter()
            .map(|f| (f.code, f.variable.clone().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let rows = |cells: Vec<Value>| Value::Rows(vec![cells]);
    let fault = |code, name: &str| (code, name.to_owned());
    assert_eq!(
        run("plan_rows", rows(vec![Value::Number(1)])),
        [fault("template.table_width", "plan_rows")]
    );
    assert_eq!(
        run("plan_rows", Value::Rows(Vec::new())),
        [fault("template.missing_variable", "plan_rows")]
    );
    assert_eq!(
        run("amount", Value::Text("1".into())),
        [
            fault("template.unknown_extra", "amount"),
            fault("template.missing_variable", "plan_rows")
        ]
    );
}

#[test]
fn mistakes_in_files_are_named_with_line_and_place() {
    let check = |path: &str, text: Option<&str>, expected: &str| {
        let mut files: Vec<_> = FILES.iter().filter(|(p, _)| p != path).cloned().collect();
        files.extend(text.map(|t| (path.to_owned(), t.to_owned())));
        let error = Catalogue::parse(&files).unwrap_err().to_string();
        assert!(error.contains(path) && error.contains(expected), "{error}");
    };
    let sms = "en/overdue-reminder/sms.txt";
    check(sms, None, "no such file");
    check(sms, Some(""), "expected words");
    check(sms, Some("a\n{{ balanse }}"), ":2: unknown variable `balanse`");
    check(sms, Some("a\n{{ amount "), ":2");
    check(sms, Some("{% include 'x' %}"), "`include`");
    check(
        sms,
        Some("{% autoescape false %}x{% endautoescape %}"),
        "`autoescape`",
    );
    check("email.html", None, "no such file");
    check("email.html", Some("{{ amount }}"), "unknown variable `amount`");
    check("en/overdue-reminder/email.html", Some("x"), "`email.html`");
    check("fr/overdue-reminder/sms.txt", Some("x"), "unknown locale `fr`");
    check("en/no-such/sms.txt", Some("x"), "unknown template `no-such`");
    check("en/lawyer-letter/sms.txt", Some("x"), "`sms.txt`");
    check("en/overdue-reminder/sms.md", Some("x"), "`sms.md`");
    check(
        "en/demand-letter/letter.toml",
        Some("subject = 'a'\ncolour = 'b'"),
        "unknown field `colour`",
    );
    check(
        "en/demand-letter/letter.toml",
        Some("subject = 'a'\nclosing = 'b'\nparagraphs = '''\nx\n{{ nobody }}'''"),
        ":5: unknown variable `nobody`",
    );
    check(
        "catalogue.toml",
        Some(
            "[reply_days]\nmessage = 1\nletter = 2\n[template.a]\nzh='a'\nen='a'\npurpose='x'\nchannels=['sms']\nsenders=['creditor']",
        ),
        ":7: `x` is no purpose",
    );
    check("samples-too.toml", Some("x"), "a file in this place");
}

#[test]
fn the_digest_follows_the_files_and_zh_tw_falls_back() {
    let s = situation("taiwan-person", "overdue-reminder", Channel::Sms);
    let before = go(&s).unwrap();
    assert_eq!(before.locale, Locale::ZhTw);
    let path = "zh-TW/overdue-reminder/sms.txt";
    let without: Vec<_> = FILES.iter().filter(|(p, _)| p != path).cloned().collect();
    let render_with = |files: &[(String, String)]| {
        render(
            &Catalogue::parse(files).unwrap(),
            &s,
            sample("taiwan-person").today,
            &BTreeMap::new(),
        )
        .unwrap()
    };
    let fallen = render_with(&without);
    assert_eq!(fallen.locale, Locale::ZhCn);
    assert_ne!(fallen.digest, before.digest);
    let mut changed = without;
    changed.push((path.to_owned(), "【{{ sender_signature }}】x".to_owned()));
    assert_ne!(render_with(&changed).digest, before.digest);
    assert_eq!(render_with(&FILES).digest, before.digest);
}

#[test]
fn every_name_in_the_list_is_a_fact_somewhere() {
    let mut seen = std::collections::BTreeSet::new();
    for sample in SAMPLES.iter() {
        for template in CATALOGUE.templates() {
            for &channel in &template.channels {
                if let Some(mut s) = sample.situation(template, channel) {
                    s.attempt.own_text = Some("x".to_owned());
                    s.attempt.own_subject = Some("x".to_owned());
                    let facts = facts(&CATALOGUE, &s, sample.today);
                    seen.extend(facts.names().map(str::to_owned));
                }
            }
        }
    }
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), FACT_NAMES);
}
