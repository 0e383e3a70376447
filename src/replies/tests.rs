use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;

fn day(y: i32, m: u32, d: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(y, m, d).unwrap()
}

/// Wednesday, 11 March 2026; 8000 are open.
fn read_in(locale: &str, currency: &str, text: &str) -> Vec<Understood> {
    let cx = ReplyContext {
        channel: Channel::Sms,
        locale,
        opt_out_word: "R",
        today: day(2026, 3, 11),
        claim: Some(ClaimFacts {
            balance_minor: 800_000,
            currency: Currency::parse(currency).unwrap(),
            due_on: day(2026, 2, 1),
        }),
    };
    understand(shipped(), Some(shipped_model()), text, &cx)
}

fn read(text: &str) -> Vec<Understood> {
    match text.is_ascii() {
        true => read_in("en", "USD", text),
        false => read_in("zh-CN", "CNY", text),
    }
}

fn surely(text: &str, meaning: Meaning) -> bool {
    read(text).iter().any(|u| u.meaning == meaning && u.sure)
}

#[test]
fn an_opting_out_is_understood_as_people_write_it() {
    for text in [
        "R",
        " r. ",
        "【R】",
        "ＴＤ",
        "退订！",
        "退订谢谢",
        "T",
        "推订",
        "Stop",
        "STOP!!!",
        "s t o p",
        "stpo",
        "STOPALL",
        "end",
        "QUIT",
        "cancel pls",
        "REVOKE",
        "opt-out",
        "unsuscribe",
        "unsubscribe me",
        "please stop texting me",
        "别再发了",
        "不要再联系我",
        "別再傳了",
        "唔好再send",
        "别再给我发短信了,谢谢",
        "take me off your list",
        "🛑",
    ] {
        assert!(surely(text, Meaning::OptOut), "{text}: {:?}", read(text));
    }
}

#[test]
fn what_only_looks_like_an_opting_out_is_none() {
    for text in [
        "don't stop sending me the bills",
        "我没有要退订",
        "how do I stop the interest",
        "T恤",
        "can you stop by",
        "Reply STOP to opt out",
        "请问什么时候到期?",
        "好的",
        "",
        "??",
        "bus stop",
        "取消分期",
    ] {
        assert!(!surely(text, Meaning::OptOut), "{text}: {:?}", read(text));
    }
}

#[test]
fn a_promise_has_its_day_and_its_amount() {
    let check = |text: &str, on: NaiveDate, minor: i64| {
        let found = read(text).into_iter().find(|u| u.meaning == Meaning::Promise);
        let told = found.as_ref().map(|u| (u.sure, u.on, u.amount_minor));
        assert_eq!(told, Some((true, Some(on), Some(minor))), "{text}: {found:?}");
    };
    check("明天还2000", day(2026, 3, 12), 200_000);
    check("明天还两千五", day(2026, 3, 12), 250_000);
    check("下周五还1000元", day(2026, 3, 20), 100_000);
    check("月底还一半", day(2026, 3, 31), 400_000);
    check("15号还3000元", day(2026, 3, 15), 300_000);
    check("下个月5号还1000", day(2026, 4, 5), 100_000);
    check("三天内全部还清", day(2026, 3, 14), 800_000);
    check("聽日還1000", day(2026, 3, 12), 100_000);
    check("I'll pay $200 on Friday", day(2026, 3, 13), 20_000);
    check("will pay half by the end of the month", day(2026, 3, 31), 400_000);
    check("I will pay 2k next Friday", day(2026, 3, 20), 200_000);
    check("I'll pay in full tomorrow", day(2026, 3, 12), 800_000);
}

#[test]
fn a_promise_that_leaves_something_open_is_for_a_person() {
    for text in [
        "明天还",
        "发工资就还",
        "I'll pay on payday",
        "half now and half on the 20th",
        "I'll pay £50 on Friday",
        "每个月还1000",
        "明天还两万",
    ] {
        assert!(!surely(text, Meaning::Promise), "{text}: {:?}", read(text));
    }
}

#[test]
fn several_meanings_stand_beside_each_other() {
    let all = read("发错人了,别再发了");
    let meanings: Vec<Meaning> = all.iter().map(|u| u.meaning).collect();
    assert_eq!(meanings, [Meaning::OptOut, Meaning::WrongPerson], "{all:?}");
    let paid = read("昨天用支付宝还了2000元");
    assert_eq!(paid[0].on, Some(day(2026, 3, 10)), "{paid:?}");
    assert_eq!(
        (paid[0].amount_minor, paid[0].method.as_deref()),
        (Some(200_000), Some("支付宝"))
    );
}

#[test]
fn the_reach_of_an_opting_out_is_told() {
    let reach = |text: &str| {
        read(text)
            .iter()
            .find(|u| u.meaning == Meaning::OptOut)
            .map(|u| u.reach)
    };
    assert_eq!(reach("退订"), Some(Reach::Here));
    assert_eq!(reach("不要再联系我"), Some(Reach::Everything));
    assert_eq!(reach("cease and desist"), Some(Reach::Everything));
    assert_eq!(reach("不要给我打电话"), Some(Reach::Calls));
}

#[test]
fn a_very_long_text_is_answered_in_bounded_time_and_never_surely() {
    for unit in ["别再发了 ", "stop texting me. ", "1", "明天还", "请", "\u{200b}a"] {
        let text = unit.repeat((1 << 20) / unit.len());
        let begun = std::time::Instant::now();
        assert!(read(&text).iter().all(|u| !u.sure));
        assert!(begun.elapsed().as_secs() < 10, "{unit}: {:?}", begun.elapsed());
    }
}

#[test]
fn mistakes_name_file_line_field_and_what_is_expected() {
    let file = |name: &str, text: &str| (format!("replies/{name}.toml"), text.to_owned());
    let meanings = "fillers = []\ncourtesy = []\nnot_typos = []\n[[meaning]]\nid = \"reply.opt_out.x\"\nmeans = \"opt_in\"\ndegree = \"sure\"\nlevel = \"house\"\nsureness = \"verified\"\nbasis = \"b\"\nwhy = \"w\"\nzh = \"z\"\nen = \"e\"\nphrases = [\"stop\"]\n";
    let parts = "[[part]]\nis = \"day\"\nn = 1\nwords = [\"tomorrow\"]\n";
    let told = ReplyRules::parse(&[
        file("words", ""),
        file("meanings", meanings),
        file("parts", parts),
    ])
    .unwrap_err();
    let told = told.to_string();
    assert!(
        told.contains("replies/meanings.toml:5") && told.contains("`opt_in`") && told.contains("`opt_out`"),
        "{told}"
    );
}

proptest! {
    #[test]
    fn no_text_panics_and_spans_lie_on_characters(text in any::<String>()) {
        for one in read(&text) {
            prop_assert!(text.get(one.span.clone()).is_some(), "{one:?}");
        }
    }

    #[test]
    fn no_mixture_of_what_people_write_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        let text: String = pieces.concat();
        for one in read(&text) {
            prop_assert!(text.get(one.span.clone()).is_some());
        }
    }
}

const PIECES: &[&str] = &[
    "退订",
    "别",
    "再",
    "发",
    "不",
    "明天",
    "还",
    "2000",
    "两千",
    "万",
    "号",
    "12/31",
    "99999999999999999999",
    "下",
    "周五",
    "月底",
    "stop",
    "not",
    "I'll pay",
    "$",
    "k",
    "next",
    "Friday",
    "half",
    " ",
    "\n",
    "。",
    "?",
    "🛑",
    "\u{200b}",
    "Ａ",
    "in 3 days",
    "-",
    "/",
    ".",
    "0",
    "31",
    "三十一",
    "天内",
];
