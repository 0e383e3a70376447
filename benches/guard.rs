//! How fast the content guard is: the shipped lexicons and 50,000 extra terms, texts of 60 to 300 characters, one core.
//! In the same run a plain `aho-corasick` automaton over the same words, without folding, and a Python peer
//! (`benches/peers/guard_pyahocorasick.py`, where `--python FILE` or `target/venv` has it). Run with `cargo bench --bench
//! guard`; `--stages` tells where the time goes, `--texts FILE` writes the texts and `--terms FILE` the words.

use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use dunwell::domain::SenderKind;
use dunwell::guard::classifier::shipped;
use dunwell::guard::content::{ContentRules, Part, check};
use dunwell::policy::fold::fold;
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

/// Time that this thread spent on a core, where the system tells it: on a busy machine the clock on the wall measures
/// the neighbours.
fn on_core() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace()
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

/// Messages a second by the clock and by time on a core, and the time that 99 of 100 messages stay under: of each
/// text its fastest of all rounds, so that only what the text itself costs counts.
struct Speed {
    by_clock: f64,
    by_core: f64,
    p99: Duration,
    p99_by_clock: Duration,
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} messages/s of core time ({:.0} by the clock), p99 {:.1?} ({:.1?} with interruptions)",
            self.by_core, self.by_clock, self.p99, self.p99_by_clock
        )
    }
}

fn measure(texts: &[String], mut judge: impl FnMut(&str) -> usize) -> Speed {
    let mut best = vec![Duration::MAX; texts.len()];
    let mut each: Vec<Duration> = Vec::new();
    let mut seen = 0;
    let (start, core) = (Instant::now(), on_core());
    while start.elapsed() < Duration::from_secs(SECONDS) {
        for (text, best) in texts.iter().zip(&mut best) {
            let before = Instant::now();
            seen += judge(text);
            let took = before.elapsed();
            *best = took.min(*best);
            each.push(took);
        }
    }
    let clock = start.elapsed();
    let core = on_core()
        .zip(core)
        .map_or(clock, |(after, before)| after - before);
    std::hint::black_box(seen);
    let count = each.len() as f64;
    each.sort_unstable();
    best.sort_unstable();
    Speed {
        by_clock: count / clock.as_secs_f64(),
        by_core: count / core.as_secs_f64(),
        p99: best[best.len() * 99 / 100],
        p99_by_clock: each[each.len() * 99 / 100],
    }
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
        if let Some(file) = value_of(&arguments, flag) {
            std::fs::write(&file, lines.join("\n")).unwrap_or_else(|e| panic!("{file}: {e}"));
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
    let (start, core) = (Instant::now(), on_core());
    let lexicons = Lexicons::compile(&all);
    let mut cx = ContentContext::new(SenderKind::Agency, "甲信用服务", "乙银行", true);
    cx.pay_to(Vec::new());
    let rules = ContentRules {
        lexicons: &lexicons,
        speaks: None,
        classifier: Some(shipped()),
    };
    let judge = |text: &str| check(&cx, &[Part::plain("text", text)], &rules).findings.len();
    judge(&texts[0]);
    let ready = start.elapsed();
    let ready_core = on_core()
        .zip(core)
        .map_or(ready, |(after, before)| after - before);
    println!("ready and first answer: {ready_core:.0?} of core time ({ready:.0?} by the clock)");
    let stage = |name: &str, only: &dyn Fn(&str) -> usize| println!("  {name}: {}", measure(&texts, only));
    if arguments.iter().any(|a| a == "--stages") {
        stage("folding", &|text| fold(text).text().len());
        let without = ContentRules {
            classifier: None,
            ..rules
        };
        stage("without classifier", &|text| {
            check(&cx, &[Part::plain("text", text)], &without).findings.len()
        });
        let folded: Vec<_> = texts.iter().map(|t| fold(t)).collect();
        let at = std::cell::Cell::new(0);
        stage("words and patterns", &|_| {
            at.set((at.get() + 1) % folded.len());
            lexicons.find(&folded[at.get()], &[]).hits.len()
        });
    }
    let full = measure(&texts, judge);
    let after = resident_mb();
    println!("full check: {full}");
    println!(
        "indexes {:.1} MB; resident {:?} -> {:?} MB",
        lexicons.heap_bytes() as f64 / 1e6,
        before,
        after
    );
    let stopped = texts.iter().filter(|t| judge(t) > 0).count();
    println!("{stopped} of {TEXTS} texts stopped");
    let words: Vec<String> = lexicons.letters().collect();
    let plain = AhoCorasick::new(&words).unwrap_or_else(|e| panic!("{e}"));
    let plain = measure(&texts, |text| plain.find_overlapping_iter(text).count());
    println!(
        "plain aho-corasick over {} words, no folding: {plain}",
        words.len()
    );
    println!("ratio: {:.2} of a plain automaton", full.by_core / plain.by_core);
    let python = value_of(&arguments, "--python").unwrap_or_else(|| "target/venv/bin/python".to_owned());
    match peer(&python, &texts, &words) {
        Ok((rate, told)) => println!("{told}ratio: {:.2} of the Python peer", full.by_core / rate),
        Err(why) => {
            println!("the Python peer was not run ({why}); `--python FILE` names one that has pyahocorasick")
        }
    }
}

/// Runs the Python peer over the same texts and words; its messages a second of core time, and what it printed.
fn peer(python: &str, texts: &[String], words: &[String]) -> Result<(f64, String), String> {
    let folder = std::env::temp_dir().join(format!("dunwell-guard-{}", std::process::id()));
    let wrong = |e: std::io::Error| e.to_string();
    std::fs::create_dir_all(&folder).map_err(wrong)?;
    let (text_file, word_file) = (folder.join("texts.txt"), folder.join("words.txt"));
    std::fs::write(&text_file, texts.join("\n")).map_err(wrong)?;
    std::fs::write(&word_file, words.join("\n")).map_err(wrong)?;
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/benches/peers/guard_pyahocorasick.py"
    );
    let run = std::process::Command::new(python)
        .arg(script)
        .arg(&text_file)
        .arg(&word_file)
        .output();
    let _ = std::fs::remove_dir_all(&folder);
    let output = run.map_err(wrong)?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = told.lines().find_map(|line| {
        line.strip_prefix("pyahocorasick with NFKC: ")?
            .split(' ')
            .next()?
            .parse()
            .ok()
    });
    rate.map(|rate| (rate, told))
        .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

fn value_of(arguments: &[String], flag: &str) -> Option<String> {
    let at = arguments.iter().position(|a| a == flag)?;
    arguments.get(at + 1).cloned()
}
