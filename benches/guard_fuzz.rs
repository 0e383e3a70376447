//! Throws mutated texts at the content guard and stops at the first that panics, takes too long or points outside its
//! characters. `cargo bench --bench guard_fuzz -- --runs 10000000`; the start is fixed, so a failure comes again.

use std::time::{Duration, Instant};

use dunwell::domain::SenderKind;
use dunwell::guard::classifier::shipped;
use dunwell::guard::content::{ContentRules, Part, check};
use dunwell::policy::{ContentContext, Lexicons, Pack, PackFiles};

/// No text of at most 400 characters may take longer, on a busy machine either.
const LIMIT: Duration = Duration::from_millis(200);

const SEEDS: &[&str] = &[
    "您好,请于8月15日前还款1,280.50元。",
    "打断你的腿",
    "pay into my account",
    "p.o.l.i.c.e",
    "u w1ll r3gr3t",
    "车专贝长到我卡",
    "ni de tui xiao xin",
    "法(fa)院",
    "转到６２２１２６１１０００８７７６６５５９",
    "请付至六二二二零二一二三四五六七八九",
    "DE89 3704 0044 0532 0130 00",
    "<b>pay</b>&#x4eba;",
    "《杀死》",
    "【乙银行】",
    "a\u{0301}\u{0301}\u{200B}\u{202E}b",
    "👨‍👩‍👧🔪💰",
    "𝐩𝐚𝐲",
    "раy",
    "١٢٣٤٥٦٧٨٩٠١٢",
    "won't",
    "不会告诉您的家人",
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn character(&mut self) -> char {
        let ranges = [
            (0x20, 0x7F),
            (0x80, 0x250),
            (0x370, 0x530),
            (0x2000, 0x2070),
            (0x3000, 0x3040),
            (0x4E00, 0x9FFF),
            (0xFE00, 0xFFFF),
            (0x1F000, 0x1FAFF),
            (0, 0x11_0000),
        ];
        let (from, to) = ranges[self.roll(ranges.len())];
        char::from_u32(from + self.roll((to - from) as usize) as u32).unwrap_or('\u{FFFD}')
    }

    fn text(&mut self) -> String {
        let mut chars: Vec<char> = Vec::new();
        for _ in 0..1 + self.roll(3) {
            chars.extend(SEEDS[self.roll(SEEDS.len())].chars());
        }
        for _ in 0..self.roll(12) {
            let at = self.roll(chars.len());
            match self.roll(5) {
                0 => chars.insert(at, self.character()),
                1 => drop(chars.remove(at.min(chars.len() - 1))),
                2 => chars[at] = self.character(),
                3 => chars.swap(at, 0),
                _ => {
                    let c = chars[at];
                    chars.splice(at..at, std::iter::repeat_n(c, 3));
                }
            }
            if chars.is_empty() {
                chars.push('a');
            }
        }
        chars.truncate(400);
        chars.into_iter().collect()
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let asked = arguments
        .iter()
        .position(|a| a == "--runs")
        .and_then(|at| arguments.get(at + 1));
    let runs: u64 = asked.and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let pack = Pack::parse(&PackFiles {
        name: "house-safe-default",
        policy: include_str!("../policies/house-safe-default/policy.toml"),
        lexicon: include_str!("../policies/house-safe-default/lexicon.toml"),
        cases: "",
    });
    let pack = pack.unwrap_or_else(|e| panic!("{e}"));
    let lexicons = Lexicons::compile(&[&pack.lexicon]);
    let cx = ContentContext::new(SenderKind::Agency, "甲咨询", "乙银行", true);
    let rules = ContentRules {
        lexicons: &lexicons,
        speaks: None,
        classifier: Some(shipped()),
    };
    let mut dice = Dice(0xD00D_F00D);
    let mut slowest = Duration::ZERO;
    let begun = Instant::now();
    for run in 0..runs {
        let text = dice.text();
        let html = run % 7 == 0;
        let part = Part {
            name: "text",
            text: &text,
            html,
            variables: &[],
        };
        let start = Instant::now();
        let review = check(&cx, &[part], &rules);
        let mut took = start.elapsed();
        // On a busy machine a neighbour may have had the core: what is slow by itself is slow again.
        for _ in 0..5 {
            if took >= LIMIT {
                let start = Instant::now();
                check(&cx, &[part], &rules);
                took = took.min(start.elapsed());
            }
        }
        assert!(took < LIMIT, "run {run}: {took:?} for {text:?}");
        assert!(
            review.findings.iter().all(|f| text.get(f.span.clone()).is_some()),
            "run {run}: {text:?}"
        );
        slowest = slowest.max(took);
        if run % 1_000_000 == 999_999 {
            println!("{} done in {:.0?}", run + 1, begun.elapsed());
        }
    }
    println!(
        "{runs} executions in {:.0?}, slowest {slowest:.1?}, no failure",
        begun.elapsed()
    );
}
