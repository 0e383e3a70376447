//! How fast the content guard is: the shipped lexicons and 50,000 extra terms, texts of 60 to 300 characters, one core.
//! In the same run a plain `aho-corasick` automaton over the same words, without folding. A Python peer stands in
//! `benches/peers/guard_pyahocorasick.py`. Run with `cargo bench --bench guard`; `--texts FILE` writes the texts and
//! `--terms FILE` the words for the peer.

use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use dunwell::domain::SenderKind;
use dunwell::guard::content::{ContentRules, Part, check};
use dunwell::policy::{ContentContext, Lexicon, Lexicons, Pack, PackFiles};

const EXTRA_TERMS: usize = 50_000;
const TEXTS: usize = 4_000;
const SECONDS: u64 = 5;

/// A small generator with a fixed start, so that every run judges the same texts.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

const HAN: &str = "山水风云花草木石金玉春夏秋冬东南西北天地日月星河江湖海岸桥路城市街巷门窗桌椅书画琴棋茶酒米面油盐布丝棉麻红黄蓝绿黑白紫青虎豹熊鹿鹤鹰燕雀鱼虾蟹贝松竹梅兰菊荷桃李杏梨";

fn term(dice: &mut Dice) -> String {
    let han: Vec<char> = HAN.chars().collect();
    if dice.roll(3) > 0 {
        return (0..3 + dice.roll(4)).map(|_| han[dice.roll(han.len())]).collect();
    }
    let letters = b"abcdefghijklmnopqrstuvwxyz";
    let mut word = || -> String {
        (0..4 + dice.roll(6))
            .map(|_| char::from(letters[dice.roll(26)]))
            .collect()
    };
    format!("{} {}", word(), word())
}

const ZH: &[&str] = &[
    "您好,受委托提醒您本期账单尚有1,280.50元未付。",
    "请于8月15日前通过官方渠道付款,付款前请核对户名。",
    "如已付款请忽略本短信,感谢您的配合。",
    "如有困难请来电400-555-0100,我们可以商量还款安排。",
    "我们不会要求您向个人账户转账,请谨防诈骗。",
    "账户尾号3021,逾期12天,利息按合同约定计收。",
    "您反映的问题已转交核实,结果将在五个工作日内答复。",
    "退订回T。",
    "请查收附件对账单,如有差异请于10日内书面提出。",
    "若长期未处理,债权人可能依法主张权利。",
];
const EN: &[&str] = &[
    "Hello, this is a reminder that your payment of $1,280.50 is past due. ",
    "Please use the official website or app to pay by 15 August. ",
    "If you have paid already, please ignore this message. ",
    "If things are difficult, call us on 212-555-0142 and we will work something out. ",
    "We never ask for passwords or one-time codes. ",
    "Your account ending 3021 is 12 days overdue. ",
    "The creditor reserves its rights under the agreement. ",
    "Reply STOP to opt out. ",
];
const ODD: &[&str] = &[
    "请 尽 快 处 理 账 单。",
    "ｐｌｅａｓｅ ｐａｙ。",
    "帳單已寄出,請查收。",
    "qing jin kuai chu li。",
    "m0nthly st4tement。",
    "联系张淼焱经理。",
];

fn texts(dice: &mut Dice) -> Vec<String> {
    (0..TEXTS)
        .map(|i| {
            let length = 60 + dice.roll(241);
            let mut text = String::new();
            while text.chars().count() < length {
                match i % 10 {
                    0..=5 => text += dice.one(ZH),
                    6..=8 => text += dice.one(EN),
                    _ => {
                        text += dice.one(ZH);
                        text += dice.one(ODD);
                    }
                }
            }
            text.chars().take(length).collect()
        })
        .collect()
}

fn pack(name: &'static str, policy: &str, lexicon: &str) -> Pack {
    let files = PackFiles {
        name,
        policy,
        lexicon,
        cases: "",
    };
    Pack::parse(&files).unwrap_or_else(|e| panic!("{e}"))
}

fn measure(texts: &[String], mut judge: impl FnMut(&str) -> usize) -> (f64, Duration) {
    let start = Instant::now();
    let mut each: Vec<Duration> = Vec::new();
    let mut count = 0u64;
    let mut seen = 0;
    while start.elapsed() < Duration::from_secs(SECONDS) {
        for text in texts {
            let before = Instant::now();
            seen += judge(text);
            each.push(before.elapsed());
            count += 1;
        }
    }
    std::hint::black_box(seen);
    let rate = count as f64 / start.elapsed().as_secs_f64();
    each.sort_unstable();
    (rate, each[each.len() * 99 / 100])
}

/// Resident memory of this process, where the system tells it.
fn resident_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kb| kb / 1024)
}

fn main() {
    let mut dice = Dice(0x5EED_D0C5);
    let terms: Vec<String> = (0..EXTRA_TERMS).map(|_| term(&mut dice)).collect();
    let texts = texts(&mut dice);
    let arguments: Vec<String> = std::env::args().collect();
    for (flag, lines) in [("--texts", &texts), ("--terms", &terms)] {
        if let Some(file) = arguments
            .iter()
            .position(|a| a == flag)
            .and_then(|at| arguments.get(at + 1))
        {
            std::fs::write(file, lines.join("\n")).unwrap_or_else(|e| panic!("{file}: {e}"));
        }
    }
    let quoted: Vec<String> = terms.iter().map(|t| format!("\"{t}\"")).collect();
    let extra = format!(
        "[[entry]]\nid = \"content.abuse.extra\"\ncategory = \"abuse\"\nverdict = \"review\"\nlevel = \"house\"\nsureness = \"verified\"\nbasis = \"house rule\"\nwhy = \"speed\"\nzh = \"外\"\nen = \"extra\"\nphrases = [{}]\n",
        quoted.join(",")
    );
    let packs = [
        pack(
            "house-safe-default",
            include_str!("../policies/house-safe-default/policy.toml"),
            include_str!("../policies/house-safe-default/lexicon.toml"),
        ),
        pack(
            "cn",
            include_str!("../policies/cn/policy.toml"),
            include_str!("../policies/cn/lexicon.toml"),
        ),
        pack(
            "extra",
            "pack = \"extra\"\ntitle = { zh = \"外\", en = \"extra\" }\n",
            &extra,
        ),
    ];
    let all: Vec<&Lexicon> = packs.iter().map(|p| &p.lexicon).collect();
    let before = resident_mb();
    let start = Instant::now();
    let lexicons = Lexicons::compile(&all);
    let compiled = start.elapsed();
    let mut cx = ContentContext::new(SenderKind::Agency, "甲信用服务", "乙银行", true);
    cx.pay_to(Vec::new());
    let rules = ContentRules {
        lexicons: &lexicons,
        speaks: None,
        classifier: None,
    };
    let judge = |text: &str| check(&cx, &[Part::plain("text", text)], &rules).findings.len();
    let first = Instant::now();
    judge(&texts[0]);
    println!(
        "automata built in {:.0?}, first answer after {:.0?} more",
        compiled,
        first.elapsed()
    );
    let (rate, p99) = measure(&texts, judge);
    let after = resident_mb();
    println!("content check: {rate:.0} messages/s on one core, p99 {p99:.1?}");
    println!(
        "automata {:.1} MB; resident {:?} -> {:?} MB",
        lexicons.heap_bytes() as f64 / 1e6,
        before,
        after
    );
    let words: Vec<String> = lexicons.letters().chain(terms.iter().cloned()).collect();
    let plain = AhoCorasick::new(&words).unwrap_or_else(|e| panic!("{e}"));
    let (plain_rate, plain_p99) = measure(&texts, |text| plain.find_overlapping_iter(text).count());
    println!("plain aho-corasick, no folding: {plain_rate:.0} messages/s, p99 {plain_p99:.1?}");
    println!("ratio: {:.2} of a plain automaton", rate / plain_rate);
}
