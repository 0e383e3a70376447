//! `dunwell doctor`: whether everything is there that sending needs, each with what to do about it.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::out::{Answer, Code, Out};
use super::session::{Session, sentence};
use crate::clock::{Clock, SystemClock};
use crate::config::{Carrier, Config, policies, templates};
use crate::dispatch::{Rulebook, carriers, check_set, dkim};
use crate::domain::Moment;
use crate::evidence::{digest_hex, set_list};
use crate::notary::Notary;
use crate::store::{SealFile, Store};

/// How one check came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
struct Line {
    mark: Mark,
    what: String,
}

#[derive(Default)]
struct Findings(Vec<Line>);

impl Findings {
    fn say(&mut self, mark: Mark, what: impl Into<String>) {
        self.0.push(Line {
            mark,
            what: what.into(),
        });
    }
}

pub(super) async fn doctor(session: &Session) -> anyhow::Result<Answer> {
    let out = &session.out;
    let mut found = Findings::default();
    match session.config() {
        Err(e) => found.say(Mark::Fail, sentence(&e)),
        Ok(config) => {
            found.say(Mark::Ok, out.lang.pick("设置可读", "the settings can be read"));
            let rulebook = rules(&mut found, out, &config);
            database(&mut found, out, &config, rulebook.as_ref()).await;
            outgoing(&mut found, out, &config);
        }
    }
    letters(&mut found, out);
    Ok(answer(out, &found))
}

fn rules(found: &mut Findings, out: &Out, config: &Config) -> Option<Rulebook> {
    match Rulebook::load(config) {
        Err(e) => {
            found.say(Mark::Fail, sentence(&e.into()));
            None
        }
        Ok(rulebook) => {
            let (t, p, l) = (
                rulebook.catalogue.templates().count(),
                rulebook.policy.packs().len(),
                rulebook.ladders.len(),
            );
            found.say(
                Mark::Ok,
                out.lang.pick(
                    format!("{t} 个模板、{p} 个规则包、{l} 个阶梯可读,阶梯所用模板齐全"),
                    format!("{t} templates, {p} policy packs and {l} ladders can be read; the ladders' templates are there"),
                ),
            );
            Some(rulebook)
        }
    }
}

async fn database(found: &mut Findings, out: &Out, config: &Config, rulebook: Option<&Rulebook>) {
    let clock = std::sync::Arc::new(SystemClock::new());
    let store = match Store::open(
        config.database_url.expose_secret(),
        clock.clone(),
        SealFile::new(&config.seal.key_file),
    )
    .await
    {
        Ok(store) => store,
        Err(e) => return found.say(Mark::Fail, sentence(&e.into())),
    };
    found.say(
        Mark::Ok,
        out.lang.pick(
            format!("数据库可用({}),结构为最新版本", store.dialect()),
            format!(
                "the database opens ({}) and its schema is up to date",
                store.dialect()
            ),
        ),
    );
    if let Err(e) = portfolios(found, out, &store, rulebook).await {
        found.say(Mark::Fail, sentence(&e));
    }
    signing(found, out, &store, config).await;
    if let Err(e) = sealing(found, out, &store, config).await {
        found.say(Mark::Fail, sentence(&e));
    }
    if let Err(e) = in_force(found, out, &store, config).await {
        found.say(Mark::Fail, sentence(&e));
    }
    if let Some(rulebook) = rulebook {
        match store.places().await {
            Ok(places) => calendars(found, out, rulebook, &places, clock.now()),
            Err(e) => found.say(Mark::Fail, sentence(&e.into())),
        }
    }
    // A record from the future tells that this clock is wrong.
    if let Ok(newest) = store.latest_entries(1).await
        && let Some(entry) = newest.first()
    {
        clock.witness(entry.at);
    }
    match clock.suspect() {
        None => found.say(Mark::Ok, out.lang.pick("时钟可信", "the clock can be trusted")),
        Some(step) => found.say(
            Mark::Fail,
            format!(
                "{step}\n{}",
                out.lang
                    .pick("请校正系统时间", "correct the time of this machine")
            ),
        ),
    }
}

/// Whether personal data can be opened, backups be reached, and nothing stops sending.
async fn sealing(found: &mut Findings, out: &Out, store: &Store, config: &Config) -> anyhow::Result<()> {
    let lang = out.lang;
    let keys = SealFile::new(&config.seal.key_file).read()?;
    let n = keys.masters.len();
    match n {
        1 => found.say(
            Mark::Ok,
            lang.pick("个人资料的密钥可用", "the key of personal data is there"),
        ),
        _ => found.say(
            Mark::Warn,
            lang.pick(
                format!("密钥文件有 {n} 个主密钥:轮换未完成\n运行 `dunwell seal rotate`"),
                format!(
                    "the key file has {n} master keys: a rotation did not end\nrun `dunwell seal rotate`"
                ),
            ),
        ),
    }
    let lost: Vec<String> = store
        .backups()
        .await?
        .into_iter()
        .filter(|b| !b.reachable)
        .map(|b| b.folder.display().to_string())
        .collect();
    if !lost.is_empty() {
        found.say(
            Mark::Warn,
            lang.pick(
                format!("备份无法访问,删除无法到达:{}", lost.join(", ")),
                format!("backups that erasing cannot reach: {}", lost.join(", ")),
            ),
        );
    }
    if let Some(r) = store.restoration().await? {
        found.say(
            Mark::Fail,
            lang.pick(
                format!("{} 发现日志回退,停止一切发送:{}\n处理后运行 `dunwell evidence restore-resolve`", r.detected_at, r.why),
                format!("a restored log was found at {}, nothing is sent: {}\nwhen it was dealt with run `dunwell evidence restore-resolve`", r.detected_at, r.why),
            ),
        );
    }
    Ok(())
}

/// Whether the log can be signed, holds what was signed, and is vouched for by anybody.
async fn signing(found: &mut Findings, out: &Out, store: &Store, config: &Config) {
    let lang = out.lang;
    let notary = match Notary::new(store.clone(), config.evidence.clone()) {
        Ok(notary) => notary,
        Err(e) => return found.say(Mark::Fail, sentence(&e.into())),
    };
    match notary.check().await {
        Ok(None) => found.say(
            Mark::Warn,
            lang.pick(
                "日志尚未签名:还没有密钥\n运行 `dunwell evidence key new`",
                "the log is not signed: it has no key\nrun `dunwell evidence key new`",
            ),
        ),
        Ok(Some(key)) => found.say(
            Mark::Ok,
            lang.pick(
                format!("日志可签名,公钥 {key}"),
                format!("the log can be signed, public key {key}"),
            ),
        ),
        Err(e) => found.say(Mark::Fail, sentence(&e.into())),
    }
    if let Ok(Some(at)) = notary.mail_overdue().await {
        found.say(
            Mark::Warn,
            lang.pick(
                format!("每日检查点上次邮寄成功是 {at},之后日志仍有新增\n请检查 `[smtp]` 与 `evidence.mail_to`"),
                format!("the daily head was last mailed {at}, and the log has grown since\nlook at `[smtp]` and `evidence.mail_to`"),
            ),
        );
    }
    if !notary.has_anchor() {
        found.say(
            Mark::Warn,
            lang.pick(
                "没有任何外部见证:能改数据库和密钥的人可以改写日志而不被发现\n请设置 `evidence.policy_file`(见证)、`evidence.place`(外部副本)或 `evidence.mail_to`(每日邮寄)",
                "nobody outside vouches for the log: whoever has the database and the key can rewrite it unseen\nset `evidence.policy_file` (witnesses), `evidence.place` (copies outside) or `evidence.mail_to` (a daily mail)",
            ),
        );
    }
}

/// Whether the service could begin with the policies in force, and whether the files are others.
async fn in_force(found: &mut Findings, out: &Out, store: &Store, config: &Config) -> anyhow::Result<()> {
    let lang = out.lang;
    let now = store.clock().now();
    let Some(set) = store.set_in_force(now).await? else {
        let (mark, text) = match store.activations().await?.is_empty() {
            true => (
                Mark::Ok,
                lang.pick(
                    "尚无生效的规则集,首次 `dunwell serve` 会使文件生效",
                    "no policy set is in force yet; the first `dunwell serve` brings the files into force",
                ),
            ),
            false => (
                Mark::Fail,
                lang.pick(
                    "没有生效的规则集,服务不会启动\n运行 `dunwell policy history`",
                    "no policy set is in force and the service will not begin\nrun `dunwell policy history`",
                ),
            ),
        };
        found.say(mark, text);
        return Ok(());
    };
    let short = set.short();
    if let Err(faults) = check_set(&templates(config)?, &store.set_files(set).await?) {
        for fault in faults {
            found.say(
                Mark::Fail,
                lang.pick(
                    format!("生效的规则集 {short}:{}", fault.said(&fault.zh)),
                    format!("policy set {short} in force: {}", fault.said(&fault.en)),
                ),
            );
        }
        return Ok(());
    }
    let same = digest_hex(set_list("policies", &policies(config)?).as_bytes()) == set.to_string();
    let (mark, text) = match same {
        true => (
            Mark::Ok,
            lang.pick(
                format!("规则集 {short} 生效,与文件相同"),
                format!("policy set {short} is in force; the files are the same"),
            ),
        ),
        false => (
            Mark::Warn,
            lang.pick(
                format!("规则集 {short} 生效,文件与之不同\n运行 `dunwell policy diff active files`"),
                format!("policy set {short} is in force, the files are others\nrun `dunwell policy diff active files`"),
            ),
        ),
    };
    found.say(mark, text);
    Ok(())
}

async fn portfolios(
    found: &mut Findings,
    out: &Out,
    store: &Store,
    rulebook: Option<&Rulebook>,
) -> anyhow::Result<()> {
    let registry = store.registry().await?;
    let lang = out.lang;
    if registry.desks.is_empty() {
        found.say(
            Mark::Warn,
            lang.pick(
                "还没有组合\n运行 `dunwell init` 和 `dunwell portfolio apply portfolios.toml`",
                "there are no portfolios yet\nrun `dunwell init` and `dunwell portfolio apply portfolios.toml`",
            ),
        );
    }
    for desk in registry.sorted() {
        let p = &desk.portfolio;
        let mut good = true;
        let mut wrong = |mark, zh: String, en: String| {
            good = false;
            found.say(mark, lang.pick(zh, en));
        };
        if let Some(rulebook) = rulebook {
            if !rulebook.ladders.contains_key(&p.ladder) {
                wrong(
                    Mark::Fail,
                    format!("组合 `{}`:没有阶梯 `{}`", p.name, p.ladder),
                    format!("portfolio `{}`: there is no ladder `{}`", p.name, p.ladder),
                );
            }
            let known = |name: &String| rulebook.policy.packs().iter().any(|pack| *pack.name == **name);
            for pack in p.packs.iter().filter(|name| !known(name)) {
                wrong(
                    Mark::Fail,
                    format!("组合 `{}`:没有规则包 `{pack}`,其消息将被拦截", p.name),
                    format!(
                        "portfolio `{}`: there is no policy pack `{pack}`; its messages are blocked",
                        p.name
                    ),
                );
            }
        }
        if !desk.payees.iter().any(|payee| payee.confirmed) {
            wrong(
                Mark::Warn,
                format!(
                    "组合 `{}`:没有经复核的收款账户\n运行 `dunwell payee confirm ID --by NAME`",
                    p.name
                ),
                format!(
                    "portfolio `{}`: no payee is confirmed\nrun `dunwell payee confirm ID --by NAME`",
                    p.name
                ),
            );
        }
        if good {
            found.say(
                Mark::Ok,
                lang.pick(format!("组合 `{}`", p.name), format!("portfolio `{}`", p.name)),
            );
        }
    }
    Ok(())
}

/// How long before its end a holiday calendar is told to be running out.
const NOTICE_DAYS: i64 = 90;

/// Whether the holidays of every place with an open debt are on record, and for how long.
fn calendars(
    found: &mut Findings,
    out: &Out,
    rulebook: &Rulebook,
    places: &[(Option<String>, Option<String>)],
    now: Moment,
) {
    let today = now.utc().date_naive();
    let holidays = rulebook.policy.holidays();
    let mut ends: BTreeMap<String, Option<NaiveDate>> = BTreeMap::new();
    for (country, region) in places {
        let Some(country) = country else { continue };
        let calendar = holidays.of(Some(country), region.as_deref());
        let place = calendar.map_or(country.as_str(), |c| c.place());
        ends.insert(place.to_owned(), holidays.known_until(place, today));
    }
    let mut good = true;
    for (place, end) in &ends {
        let what = match end {
            None => out.lang.pick(
                format!("缺少 {place} 今年的节假日历,依赖节假日的规则会暂缓\n请补充 `policies/holidays`"),
                format!(
                    "the holidays of {place} this year are not on record; rules that need them hold\nadd them to `policies/holidays`"
                ),
            ),
            Some(end) if (*end - today).num_days() <= NOTICE_DAYS => out.lang.pick(
                format!("{place} 的节假日历只到 {end}\n请在此之前补充 `policies/holidays`"),
                format!("the holidays of {place} are on record until {end} only\nadd the next year to `policies/holidays` before"),
            ),
            Some(_) => continue,
        };
        good = false;
        found.say(Mark::Warn, what);
    }
    if good && !ends.is_empty() {
        found.say(
            Mark::Ok,
            out.lang.pick(
                "债务人所在地区的节假日历齐全",
                "the holidays of every place with open debts are on record",
            ),
        );
    }
}

fn outgoing(found: &mut Findings, out: &Out, config: &Config) {
    match carriers(config, Path::new("")) {
        Err(e) => found.say(Mark::Fail, sentence(&e.into())),
        Ok(_) => found.say(Mark::Ok, out.lang.pick("渠道设置完整", "the channels are set up")),
    }
    email(found, out, config);
    let dir = &config.sandbox.dir;
    let probe = std::fs::create_dir_all(dir).and_then(|()| {
        let file = dir.join(".dunwell-doctor");
        std::fs::write(&file, b"")?;
        std::fs::remove_file(&file)
    });
    match probe {
        Ok(()) => found.say(
            Mark::Ok,
            out.lang.pick(
                format!("沙盒文件夹 `{}` 可写", dir.display()),
                format!("the sandbox folder `{}` can be written", dir.display()),
            ),
        ),
        Err(e) => found.say(
            Mark::Fail,
            out.lang.pick(
                format!("沙盒文件夹 `{}` 不可写:{e}", dir.display()),
                format!("the sandbox folder `{}` cannot be written: {e}", dir.display()),
            ),
        ),
    }
}

/// Who signs e-mails, and whether they can be unsubscribed by one click.
fn email(found: &mut Findings, out: &Out, config: &Config) {
    if config.email.carrier != Carrier::Smtp {
        return;
    }
    match dkim(config) {
        // Said by the carriers already.
        Err(_) => {}
        Ok(None) => found.say(
            Mark::Warn,
            out.lang.pick(
                "邮件没有 DKIM 签名,除非邮件服务器签名\n运行 `dunwell channel dkim-key`",
                "e-mails carry no signature (DKIM) unless the mail server signs them\nrun `dunwell channel dkim-key`",
            ),
        ),
        Ok(Some(dkim)) => {
            let keys: Vec<String> = dkim
                .keys()
                .iter()
                .map(|key| format!("{} ({})", key.selector(), key.algorithm()))
                .collect();
            let keys = keys.join(", ");
            found.say(
                Mark::Ok,
                out.lang.pick(
                    format!("邮件由 {keys} 签名"),
                    format!("e-mails are signed by {keys}"),
                ),
            );
        }
    }
    if config.unsubscribe.public_url.is_none() {
        found.say(
            Mark::Warn,
            out.lang.pick(
                "邮件没有一键退订链接\n请设置 `unsubscribe.public_url` 与 `unsubscribe.listen`",
                "e-mails carry no link of one click for unsubscribing\nset `unsubscribe.public_url` and `unsubscribe.listen`",
            ),
        );
    }
    if config.smtp.return_path.is_none() {
        found.say(
            Mark::Warn,
            out.lang.pick(
                "退信会寄到发送人的地址,无法按邮件区分\n请设置 `smtp.return_path`",
                "bounces go to the sender's address and do not name their mail\nset `smtp.return_path`",
            ),
        );
    }
}

fn letters(found: &mut Findings, out: &Out) {
    if cfg!(feature = "letters") {
        found.say(Mark::Ok, out.lang.pick("可排版信函", "letters can be typeset"));
    } else {
        found.say(
            Mark::Warn,
            out.lang.pick(
                "本程序不含信函功能,信函渠道会拒绝\n请使用默认功能编译",
                "this program was built without letters; the letter channel refuses\nbuild it with its default features",
            ),
        );
    }
}

fn answer(out: &Out, found: &Findings) -> Answer {
    let word = |mark: Mark| match mark {
        Mark::Ok => "ok",
        Mark::Warn => "warn",
        Mark::Fail => "fail",
    };
    let mut text = String::new();
    for line in &found.0 {
        let colour = match line.mark {
            Mark::Ok => 32,
            Mark::Warn => 33,
            Mark::Fail => 31,
        };
        let what = line.what.replace('\n', "\n       ");
        text += &format!(
            "{} {what}\n",
            out.paint(colour, &format!("{:<6}", word(line.mark)))
        );
    }
    let failed = found.0.iter().any(|l| l.mark == Mark::Fail);
    let json = found
        .0
        .iter()
        .map(|l| json!({"mark": word(l.mark), "what": l.what}));
    let code = if failed { Code::Error } else { Code::Done };
    Answer::new(text, Value::Array(json.collect())).ending(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::words::Lang;

    fn said(places: &[(&str, Option<&str>)], today: &str) -> Vec<(Mark, String)> {
        let out = Out {
            lang: Lang::En,
            json: false,
            quiet: false,
            verbose: false,
            colour: false,
        };
        let rulebook = Rulebook::load(&Config::defaults()).unwrap();
        let places: Vec<_> = places
            .iter()
            .map(|(country, region)| (Some((*country).to_owned()), region.map(str::to_owned)))
            .collect();
        let mut found = Findings::default();
        let now = Moment::parse(&format!("{today}T12:00:00Z")).unwrap();
        calendars(&mut found, &out, &rulebook, &places, now);
        found.0.into_iter().map(|line| (line.mark, line.what)).collect()
    }

    #[test]
    fn a_calendar_that_runs_out_is_told_ninety_days_before() {
        let check = |places: &[(&str, Option<&str>)], today: &str, expected: &[(Mark, &str)]| {
            let said = said(places, today);
            assert_eq!(said.len(), expected.len(), "{today}");
            for ((mark, what), (expected, part)) in said.iter().zip(expected) {
                assert!(mark == expected && what.contains(part), "{today}: {what}");
            }
        };
        let cn = [("CN", None)];
        check(&cn, "2026-10-01", &[(Mark::Ok, "on record")]);
        check(
            &cn,
            "2026-10-02",
            &[(Mark::Warn, "CN are on record until 2026-12-31")],
        );
        check(
            &cn,
            "2027-01-01",
            &[(Mark::Warn, "CN this year are not on record")],
        );
        check(&[("ZZ", None)], "2026-06-01", &[(Mark::Warn, "ZZ this year")]);
        let both = [
            ("CN", None),
            ("AU", Some("NSW")),
            ("US", Some("TX")),
            ("US", None),
        ];
        check(&both, "2026-10-02", &[(Mark::Warn, "CN are on record")]);
        check(&[("AU", Some("NSW"))], "2027-12-01", &[(Mark::Warn, "AU-NSW")]);
        check(&[], "2026-06-01", &[]);
    }
}
