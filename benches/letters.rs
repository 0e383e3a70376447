//! Letters a second, one by one and many in one PDF, beside WeasyPrint in a warm process and LibreOffice without a screen, on
//! the same words and the same font. Medians of interleaved rounds, CPU seconds of the whole process tree of each side.
//! `scripts/install-missing letters` brings the other two; what is missing is left out, and said.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use chrono::NaiveDate;
use dunwell::channels::letters::{typeset_many, typeset_paged, words_of};
use dunwell::domain::{Letter, LetterForm};
use serde_json::Value;

const ROUNDS: usize = 5;
const ONE_BY_ONE: usize = 60;
const TOGETHER: usize = 100;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// One page: a statement with a table of eight rows.
fn letter() -> Letter {
    let lines = |all: &[&str]| all.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
    let mut table = vec![lines(&[
        "编号",
        "开具日期",
        "到期日",
        "原金额",
        "已付或调整",
        "余额",
    ])];
    for n in 0..8 {
        let amount = format!("{},000.00", n + 1);
        let row = [
            &format!("LQ-2026-{n:06}"),
            "2026-02-08",
            "2026-04-08",
            &amount,
            "0.00",
            &amount,
        ];
        table.push(row.iter().map(|c| (*c).to_owned()).collect());
    }
    Letter {
        recipient: lines(&["青禾样本贸易有限公司", "杭州市示例区测试大道8号", "310000"]),
        letterhead: lines(&[
            "蓝桥供应链有限公司",
            "上海市示例区样本路100号",
            "电话：+8613800000101",
        ]),
        date: "日期：2026年4月7日".to_owned(),
        reference: "函件编号：3F2A9C10".to_owned(),
        subject: "对账单（账款LQ-2026-000731）".to_owned(),
        paragraphs: lines(&[
            "青禾样本贸易有限公司：",
            "现就以下账款致函贵方。以下是截至2026年4月7日的账目，请贵方核对。",
        ]),
        table,
        after_table: lines(&[
            "余额合计：人民币 36,000.00 元",
            "账目如有差异，请在回执中说明并附凭证；如需咨询，请致电+8613800000101。",
        ]),
        closing: lines(&["此致", "蓝桥供应链有限公司（盖章）"]),
        signature: Vec::new(),
        payment: None,
        return_slip: Vec::new(),
        page_words: "第{page}页 共{pages}页".to_owned(),
        form: LetterForm::China,
        lang: "zh-CN".to_owned(),
        layout: std::fs::read_to_string(root().join("templates/letter.typ")).unwrap(),
    }
}

/// The same with words of its own.
fn numbered(n: usize) -> Letter {
    let mut letter = letter();
    letter.reference = format!("函件编号：{n:08}");
    letter.recipient[0] = format!("青禾样本贸易有限公司第{n}分公司");
    letter.table[1 + n % 8][3] = format!("{n}.00");
    letter
}

fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 4, 7).unwrap()
}

/// CPU seconds that this process has used, all threads.
fn used() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// CPU seconds of children that have ended.
fn used_by_children() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}

fn one_by_one(from: usize) -> (f64, usize) {
    let (begun, mut size) = (used(), 0);
    for n in from..from + ONE_BY_ONE {
        let typeset = typeset_paged(&numbered(n), date()).unwrap();
        assert_eq!(typeset.pages, 1);
        size = typeset.pdf.len();
    }
    (ONE_BY_ONE as f64 / (used() - begun), size)
}

fn together(from: usize) -> (f64, usize) {
    let begun = used();
    let words = (from..from + TOGETHER).map(|n| words_of(&numbered(n))).collect();
    let many = typeset_many(&letter().layout, words, false, date()).unwrap();
    assert_eq!(many.pages as usize, TOGETHER);
    (TOGETHER as f64 / (used() - begun), many.pdf.len() / TOGETHER)
}

fn words_file(folder: &Path) -> PathBuf {
    let path = folder.join("letter.json");
    std::fs::write(&path, words_of(&letter()).to_string()).unwrap();
    path
}

fn weasyprint(words: &Path) -> Option<(f64, usize)> {
    let out = Command::new(target().join("venv/bin/python"))
        .arg(root().join("benches/rivals/letters_weasyprint.py"))
        .arg(words)
        .arg("8")
        .arg(root().join("templates/fonts/NotoSansSC-Regular.otf"))
        .output()
        .ok()
        .filter(|out| out.status.success())?;
    let said: Value = serde_json::from_slice(&out.stdout).ok()?;
    Some((
        said["letters"].as_f64()?,
        usize::try_from(said["bytes"].as_u64()?).ok()?,
    ))
}

/// LibreOffice is warm for all letters of a call but the first: what more letters cost is counted.
fn libreoffice(folder: &Path) -> Option<(f64, usize)> {
    let page = |n: usize| {
        let l = numbered(n);
        let rows: String = l
            .table
            .iter()
            .map(|r| {
                format!(
                    "<tr>{}</tr>",
                    r.iter().map(|c| format!("<td>{c}</td>")).collect::<String>()
                )
            })
            .collect();
        let words: String = [
            &l.letterhead[..],
            &l.recipient,
            &l.paragraphs,
            &l.after_table,
            &l.closing,
        ]
        .concat()
        .iter()
        .map(|p| format!("<p>{p}</p>"))
        .collect();
        format!(
            "<html><head><meta charset=\"utf-8\"></head><body><h1>{}</h1>{words}<table border=1>{rows}</table></body></html>",
            l.subject
        )
    };
    let run = |count: usize| -> Option<(f64, usize)> {
        let files: Vec<PathBuf> = (0..count)
            .map(|n| {
                let path = folder.join(format!("lo-{n}.html"));
                std::fs::write(&path, page(n)).unwrap();
                path
            })
            .collect();
        let begun = used_by_children();
        let ended = Command::new("soffice")
            .arg(format!(
                "-env:UserInstallation=file://{}/profile",
                folder.display()
            ))
            .args([
                "--headless",
                "--convert-to",
                "pdf:writer_web_pdf_Export",
                "--outdir",
            ])
            .arg(folder)
            .args(&files)
            .output()
            .ok()?;
        let size = std::fs::metadata(folder.join("lo-0.pdf"))
            .ok()
            .filter(|_| ended.status.success())?;
        Some((used_by_children() - begun, usize::try_from(size.len()).ok()?))
    };
    let (few, _) = run(2)?;
    let (many, size) = run(10)?;
    Some((8.0 / (many - few).max(0.01), size))
}

fn median(all: &[(f64, usize)]) -> Option<(f64, usize)> {
    let mut rates: Vec<f64> = all.iter().map(|(rate, _)| *rate).collect();
    rates.sort_by(f64::total_cmp);
    Some((*rates.get(rates.len() / 2)?, all.first()?.1))
}

fn main() {
    let folder = std::env::temp_dir().join(format!("dunwell-letters-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let words = words_file(&folder);
    let cold = Instant::now();
    typeset_paged(&numbered(0), date()).unwrap();
    println!(
        "the first letter of a process: {:.0} ms",
        cold.elapsed().as_secs_f64() * 1000.0
    );
    let (mut single, mut shared, mut weasy, mut office) = (vec![], vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        let from = 1000 + round * 1000;
        single.push(one_by_one(from));
        weasy.extend(weasyprint(&words));
        shared.push(together(from + 500));
        office.extend(libreoffice(&folder));
    }
    let _ = std::fs::remove_dir_all(&folder);
    println!("letters of one page a CPU second, medians of {ROUNDS} interleaved rounds");
    let lines = [
        ("dunwell, one PDF each", median(&single)),
        ("dunwell, 100 in one PDF", median(&shared)),
        ("WeasyPrint, warm", median(&weasy)),
        ("LibreOffice, warm", median(&office)),
    ];
    for (name, found) in &lines {
        match found {
            Some((rate, size)) => println!("{name:<26} {rate:>9.1} {:>9} bytes a letter", size),
            None => println!("{name:<26} {:>9}", "missing"),
        }
    }
    for (name, ours) in &lines[..2] {
        for (peer, theirs) in &lines[2..] {
            if let (Some((a, _)), Some((b, _))) = (ours, theirs) {
                println!("{name} / {peer}: {:.1}x", a / b);
            }
        }
    }
}
