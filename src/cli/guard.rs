//! `dunwell guard`: how good the judgement of words is, measured on labelled messages, and learning the weights of its
//! classifier anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::labelled::{Labelled, read, reader};
use super::out::{Answer, table};
use super::session::Session;
use super::template::all_samples;
use super::words::{Lang, word};
use crate::dispatch::Rulebook;
use crate::domain::{Channel, SenderKind, Verdict};
use crate::guard::classifier::{Classifier, Example, Fit, Hint, Speech, hints, shipped, train};
use crate::guard::content::{ContentRules, Input, Part, check, overheard};
use crate::guard::report::{Judged, Report, Tally, Wording, page, percent, report};
use crate::policy::{Category, ContentContext, Lexicons};
use crate::render::{OWN_WORDS, render};

/// What can be done with the judgement of words.
#[derive(Debug, Subcommand)]
pub(super) enum GuardCommand {
    /// Judges labelled messages and shows what is stopped, what is missed and what is stopped by mistake
    #[command(
        after_help = "Examples:\n  dunwell guard report corpus/heldout.jsonl\n  dunwell guard report mine.jsonl --html quality.html\n  dunwell guard report mine.jsonl --json"
    )]
    Report(ReportArgs),
    /// Learns the weights of the classifier from labelled messages; the same messages give the same bytes
    #[command(
        after_help = "Examples:\n  dunwell guard train corpus/train.jsonl --out src/guard/classifier/weights.bin"
    )]
    Train(TrainArgs),
}

/// `guard report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Files of labelled messages, one JSON object a line
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Writes a page with bars
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Puts the tables between `<!-- figures -->` and `<!-- end of figures -->` of a text file
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Another name of the place for `--into`, instead of `figures`
    #[arg(
        long = "as",
        value_name = "NAME",
        default_value = "figures",
        requires = "into"
    )]
    place: String,
    /// Lists wrong answers with their words, not with their names alone
    #[arg(long)]
    texts: bool,
    /// Asks the classifier alone, without any rule
    #[arg(long)]
    classifier_only: bool,
}

/// `guard train`.
#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    /// Labelled messages to learn from
    file: PathBuf,
    /// Where the weights go
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The share of proper messages, unseen in training, that may raise a review
    #[arg(long, default_value_t = Fit::default().false_alarms)]
    false_alarms: f32,
}

pub(super) fn run(session: &Session, command: GuardCommand) -> anyhow::Result<Answer> {
    match command {
        GuardCommand::Report(args) => quality(session, &args),
        GuardCommand::Train(args) => learn(session, &args),
    }
}

// ---- report ----

/// One file, judged.
struct Sheet {
    name: String,
    report: Report,
    wrong: Vec<String>,
}

fn quality(session: &Session, args: &ReportArgs) -> anyhow::Result<Answer> {
    let lang = session.out.lang;
    let judge = Judge::new(session, args.classifier_only)?;
    let mut sheets = Vec::new();
    for file in &args.files {
        let messages = read(file)?;
        let judged: Vec<Judged> = messages.iter().map(|m| judge.judged(m)).collect();
        let wrong = messages.iter().zip(&judged).filter(|(_, j)| !j.right());
        sheets.push(Sheet {
            name: file
                .file_name()
                .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            report: report(&judged),
            wrong: wrong.map(|(m, _)| one_line(m)).collect(),
        });
    }
    if let Some(path) = &args.html {
        let reports: Vec<(String, Report)> = sheets
            .iter()
            .map(|s| (s.name.clone(), s.report.clone()))
            .collect();
        write(path, &page(&reports, &wording(lang)))?;
    }
    if let Some(path) = &args.into {
        let figures: Vec<String> = sheets.iter().map(|s| markdown(s, lang)).collect();
        put_into(path, &args.place, &figures.join("\n"))?;
    }
    let text: Vec<String> = sheets.iter().map(|s| shown(s, args.texts, lang)).collect();
    let json = sheets.iter().map(json_of).collect();
    Ok(Answer::new(text.join("\n"), Value::Array(json)))
}

fn one_line(m: &Labelled) -> String {
    let wanted: Vec<&str> = m.categories.iter().map(|c| c.as_str()).collect();
    format!("{} [{}] {}", m.id, wanted.join(","), m.text.replace('\n', " / "))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

fn put_into(path: &Path, place: &str, figures: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let (begin, end) = (format!("<!-- {place} -->\n"), format!("<!-- end of {place} -->"));
    let parts = text
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let Some((before, after)) = parts else {
        bail!(
            "`{}` has no lines `{}` and `{end}`",
            path.display(),
            begin.trim_end()
        );
    };
    write(path, &format!("{before}{begin}\n{figures}\n{end}{after}"))
}

fn head(lang: Lang) -> [&'static str; 8] {
    lang.pick(
        [
            "",
            "违规",
            "拦下",
            "其中拦截",
            "原因正确",
            "合规",
            "误报",
            "精确率",
        ],
        [
            "",
            "harmful",
            "stopped",
            "blocked",
            "reason right",
            "proper",
            "false alarms",
            "precision",
        ],
    )
}

fn cells(name: String, t: &Tally) -> Vec<String> {
    let share = percent;
    let named = (t.harmful > 0).then(|| t.named as f64 / t.harmful as f64);
    vec![
        name,
        t.harmful.to_string(),
        share(t.recall()),
        share(t.blocking()),
        share(named),
        t.proper.to_string(),
        share(t.false_alarms()),
        share(t.precision()),
    ]
}

/// Every row of a sheet: everything, then each grouping under its name.
fn rows(sheet: &Sheet, lang: Lang) -> Vec<Vec<String>> {
    let mut rows = vec![cells(lang.pick("合计", "all").to_owned(), &sheet.report.total)];
    for (by, group) in &sheet.report.groups {
        for (key, tally) in group {
            rows.push(cells(
                format!("{}: {}", say(lang, by.as_str()), say(lang, key)),
                tally,
            ));
        }
    }
    rows
}

fn pairs_line(r: &Report, lang: Lang) -> String {
    lang.pick(
        format!(
            "成对消息(仅发送方、收件人或账户不同)两条都判对:{} / {}",
            r.pairs_right, r.pairs
        ),
        format!(
            "pairs that differ in sender, reader or account alone, both halves right: {} / {}",
            r.pairs_right, r.pairs
        ),
    )
}

fn shown(sheet: &Sheet, texts: bool, lang: Lang) -> String {
    let r = &sheet.report;
    let mut out = format!(
        "{}\n\n{}\n{}\n",
        sheet.name,
        table(&head(lang), 1, rows(sheet, lang)),
        pairs_line(r, lang)
    );
    if texts {
        out += &format!(
            "{}\n{}\n",
            lang.pick("判错的消息:", "wrong answers:"),
            sheet.wrong.join("\n")
        );
        return out;
    }
    for (words, ids) in [
        (lang.pick("漏判", "missed"), &r.misses),
        (lang.pick("误报", "false alarms"), &r.alarms),
    ] {
        out += &format!("{words} ({}): {}\n", ids.len(), ids.join(" "));
    }
    out
}

fn markdown(sheet: &Sheet, lang: Lang) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = format!("### {}\n\n", sheet.name);
    out += &line(&head(lang).map(str::to_owned));
    out += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    rows(sheet, lang).iter().for_each(|row| out += &line(row));
    out += &format!("\n{}\n\n", pairs_line(&sheet.report, lang));
    let most = 120;
    for (words, ids) in [
        ("missed", &sheet.report.misses),
        ("false alarms", &sheet.report.alarms),
    ] {
        let more = ids.len().saturating_sub(most);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let first = &ids[..ids.len().min(most)];
        out += &format!("{words} ({}): {}{rest}\n\n", ids.len(), first.join(" "));
    }
    out
}

fn json_of(sheet: &Sheet) -> Value {
    let tally = |t: &Tally| {
        json!({"harmful": t.harmful, "stopped": t.stopped, "blocked": t.blocked, "named": t.named, "proper": t.proper,
            "alarms": t.alarms, "hard_alarms": t.hard_alarms, "recall": t.recall(), "blocking": t.blocking(),
            "precision": t.precision(), "false_alarms": t.false_alarms()})
    };
    let group =
        |rows: &[(String, Tally)]| -> Value { rows.iter().map(|(key, t)| (key.clone(), tally(t))).collect() };
    let r = &sheet.report;
    let groups: Value = r
        .groups
        .iter()
        .map(|(by, rows)| (by.as_str().to_owned(), group(rows)))
        .collect();
    json!({"file": sheet.name, "total": tally(&r.total), "by": groups, "pairs": r.pairs, "pairs_right": r.pairs_right,
        "missed": r.misses, "false_alarms": r.alarms})
}

fn wording(lang: Lang) -> Wording<'static> {
    Wording {
        lang: lang.pick("zh", "en"),
        title: lang.pick("内容审核质量", "Quality of the content guard"),
        legend: lang.pick(
            ["拦下(含复核)", "直接拦截", "误报"],
            ["stopped", "blocked", "false alarms"],
        ),
        head: lang.pick(
            ["", "违规", "拦下", "其中拦截", "合规", "误报", "精确率"],
            [
                "",
                "harmful",
                "stopped",
                "blocked",
                "proper",
                "false alarms",
                "precision",
            ],
        ),
        total: lang.pick("合计", "all"),
        pairs: lang.pick("成对消息两条都判对", "pairs with both halves right"),
        word: match lang {
            Lang::Zh => |key| say(Lang::Zh, key),
            Lang::En => |key| say(Lang::En, key),
        },
    }
}

/// Fixed words of reports, in Chinese; English shows the word without underscores.
const WORDS: &[(&str, &str)] = &[
    ("category", "违规类别"),
    ("language", "语言"),
    ("disguise", "伪装方式"),
    ("sender", "发送方"),
    ("reader", "收件人"),
    ("none", "无"),
    ("threat", "威胁"),
    ("abuse", "辱骂"),
    ("impersonating_bank", "冒充银行"),
    ("impersonating_authority", "冒充公权力或律师"),
    ("false_legal_claim", "虚假法律陈述"),
    ("third_party_disclosure", "向第三人披露"),
    ("private_account_payment", "私人账户收款"),
    ("unauthorized_fee", "擅自收费"),
    ("unauthorized_concession", "擅自减免"),
    ("sensitive_data", "索取或暴露敏感信息"),
    ("deception", "欺骗"),
    ("spacing", "插入间隔"),
    ("homophone", "谐音"),
    ("pinyin", "拼音"),
    ("traditional", "繁体"),
    ("fullwidth", "全角"),
    ("emoji", "表情符号"),
    ("leetspeak", "字母数字替代"),
    ("split", "拆字"),
    ("zero_width", "零宽字符"),
    ("synonym", "黑话"),
    ("paraphrase", "改述"),
    ("code_switch", "中英混写"),
    ("agency", "催收机构"),
    ("creditor", "债权人"),
    ("law_firm", "律师事务所"),
    ("debtor", "债务人"),
    ("guarantor", "保证人"),
    ("third_party", "第三人"),
    ("mixed", "中英混合"),
];

fn say(lang: Lang, key: &str) -> String {
    match lang {
        Lang::En => key.replace('_', " "),
        Lang::Zh => WORDS
            .iter()
            .find(|(fixed, _)| *fixed == key)
            .map_or_else(|| word(lang, key), |(_, zh)| (*zh).to_owned()),
    }
}

// ---- judging ----

/// Who judges: the rules of every pack with the classifier, or the classifier alone.
struct Judge {
    rulebook: Arc<Rulebook>,
    classifier: &'static Classifier,
    alone: bool,
}

impl Judge {
    fn new(session: &Session, alone: bool) -> anyhow::Result<Judge> {
        Ok(Judge {
            rulebook: session.rulebook()?,
            classifier: shipped(),
            alone,
        })
    }

    fn judged(&self, m: &Labelled) -> Judged {
        let (verdict, found) = if self.alone {
            self.opinion(m)
        } else {
            self.verdict(m)
        };
        Judged {
            id: m.id.clone(),
            lang: m.lang.clone(),
            channel: m.channel.as_str().to_owned(),
            sender: m.sender.as_str().to_owned(),
            reader: reader(m.reader).to_owned(),
            disguise: m.disguise.clone(),
            pair: m.pair.clone(),
            expected: m.categories.clone(),
            verdict,
            found,
        }
    }

    fn verdict(&self, m: &Labelled) -> (Verdict, Vec<Category>) {
        let rules = ContentRules {
            lexicons: self.rulebook.policy.lexicons(),
            speaks: None,
            classifier: Some(self.classifier),
        };
        let review = check(&context(m), &[Part::plain("text", &m.text)], &rules);
        (review.verdict, review.categories())
    }

    fn opinion(&self, m: &Labelled) -> (Verdict, Vec<Category>) {
        let ready = Ready::new(m, self.rulebook.policy.lexicons());
        let reading = self.classifier.read(&ready.speech());
        let verdict = if reading.raises_review() {
            Verdict::Review
        } else {
            Verdict::Cleared
        };
        let category = reading
            .raises_review()
            .then(|| self.classifier.category(&ready.speech()));
        (verdict, category.into_iter().collect())
    }
}

/// Who speaks to whom.
fn context(m: &Labelled) -> ContentContext {
    let mut cx = ContentContext::new(m.sender, &m.sender_name, &m.creditor_name, m.creditor_is_bank);
    cx.audience = m.reader;
    cx.channel = m.channel;
    // Files know no approvals: whether to sue is the creditor's and its lawyer's own decision, an agency's never.
    cx.legal_approved = m.sender != SenderKind::Agency;
    cx.pay_to(m.accounts.clone());
    cx
}

/// A message as the classifier reads it.
struct Ready {
    cx: ContentContext,
    text: String,
    hints: Vec<Hint>,
}

impl Ready {
    fn new(m: &Labelled, lexicons: &Lexicons) -> Ready {
        Ready::heard(context(m), &m.text, lexicons)
    }

    fn heard(cx: ContentContext, text: &str, lexicons: &Lexicons) -> Ready {
        let rules = ContentRules {
            lexicons,
            speaks: None,
            classifier: None,
        };
        let (text, written, signals) = overheard(&cx, &[Part::plain("text", text)], &rules);
        let hints = hints(&Input {
            text: &text,
            written: &written,
            cx: &cx,
            signals: &signals,
            lexicons,
        });
        Ready { cx, text, hints }
    }

    fn speech(&self) -> Speech<'_> {
        Speech::new(&self.text, &self.cx, &self.hints)
    }
}

// ---- training ----

fn learn(session: &Session, args: &TrainArgs) -> anyhow::Result<Answer> {
    let lang = session.out.lang;
    let messages = read(&args.file)?;
    let rulebook = session.rulebook()?;
    let lexicons = rulebook.policy.lexicons();
    let ready: Vec<Ready> = messages.iter().map(|m| Ready::new(m, lexicons)).collect();
    let shipped = shipped_messages(session, &rulebook)?;
    let mut examples: Vec<Example<'_>> = messages
        .iter()
        .zip(&ready)
        .map(|(m, r)| Example {
            input: r.speech(),
            categories: m.categories.clone(),
            scenario: &m.scenario,
        })
        .collect();
    examples.extend(shipped.iter().map(|(template, r)| Example {
        input: r.speech(),
        categories: Vec::new(),
        scenario: template,
    }));
    let fit = Fit {
        false_alarms: args.false_alarms,
        ..Fit::default()
    };
    let trained = train(&examples, &fit);
    std::fs::write(&args.out, &trained.bytes)
        .with_context(|| format!("cannot write `{}`", args.out.display()))?;
    let share = |s: f32| percent(Some(f64::from(s)));
    let (caught, alarms) = (share(trained.caught), share(trained.false_alarms));
    let text = lang.pick(
        format!(
            "已从 {} 条消息学习({} 条与合规消息无法区分,未用);对未见过的情境:识别 {caught},误报 {alarms}",
            trained.examples, trained.contradicted
        ),
        format!(
            "learnt from {} messages ({} left out because a proper one looks the same); on scenarios not seen: {caught} caught, {alarms} false alarms",
            trained.examples, trained.contradicted
        ),
    );
    Ok(Answer::new(
        text,
        json!({"examples": trained.examples, "contradicted": trained.contradicted, "caught": trained.caught,
            "false_alarms": trained.false_alarms, "bytes": trained.bytes.len()}),
    ))
}

/// Every shipped template as its samples make it, at most twice in each language and channel: proper messages, long ones too.
fn shipped_messages(session: &Session, rulebook: &Rulebook) -> anyhow::Result<Vec<(String, Ready)>> {
    let people = all_samples(session)?;
    let mut told: BTreeMap<(String, String, &str), u32> = BTreeMap::new();
    let mut out = Vec::new();
    for template in rulebook.catalogue.templates().filter(|t| t.id != OWN_WORDS) {
        for channel in [Channel::Sms, Channel::Email, Channel::Letter] {
            for sample in &people {
                let Some(situation) = sample.situation(template, channel) else {
                    continue;
                };
                let extras = sample.extras(template);
                let Ok(made) = render(&rulebook.catalogue, &situation, sample.today, &extras) else {
                    continue;
                };
                let key = (template.id.to_string(), made.locale.to_string(), channel.as_str());
                let times = told.entry(key).or_default();
                *times += 1;
                if *times > 2 {
                    continue;
                }
                let parts = made.draft.parts().into_iter().filter(|(part, _)| *part != "html");
                let words: Vec<String> = parts.map(|(_, words)| words).collect();
                let cx = ContentContext::of(&situation);
                let ready = Ready::heard(cx, &words.join("\n"), rulebook.policy.lexicons());
                out.push((format!("template.{}", template.id), ready));
            }
        }
    }
    Ok(out)
}
