//! What a demo shows: what was sent, held, blocked and withdrawn, where every account stands, and that it adds up.

use std::collections::BTreeMap;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use uuid::Uuid;

use super::{DemoOptions, Imported};
use crate::cli::Lang;
use crate::domain::{AccountId, Channel, Moment, SuppressionScope};
use crate::planner::{Standing, plan};
use crate::scheduler::{Scheduler, WalkReport, ladder};
use crate::store::{Counts, DueAccount, LogCheck};

/// Everything a demo counted.
#[derive(Debug)]
pub struct DemoReport {
    options: DemoOptions,
    imported: Imported,
    walked: WalkReport,
    counts: Counts,
    outcomes: BTreeMap<String, u64>,
    accounts: u64,
    files: BTreeMap<&'static str, u64>,
    log: LogCheck,
}

/// Counts where everything stands at the end of the walk.
pub(super) async fn gather(
    options: &DemoOptions,
    scheduler: &Scheduler,
    imported: Imported,
    walked: WalkReport,
) -> anyhow::Result<DemoReport> {
    let store = scheduler.store();
    let now = store.clock().now();
    let registry = store.registry().await?;
    let under = scheduler.rules().at(now).await?;
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    let (mut after, mut accounts) = (AccountId(Uuid::nil()), 0);
    loop {
        let page = store.accounts_page(after, 500).await?;
        let Some(last) = page.last() else { break };
        after = last.account.id;
        for due in &page {
            let Some(desk) = registry.desks.get(&due.account.portfolio) else {
                continue;
            };
            let standing = plan(
                ladder(&under.rulebook, desk)?,
                &due.account,
                now.date_in(desk.portfolio.zone),
            )
            .standing;
            *outcomes.entry(outcome(due, standing, now)).or_default() += 1;
            accounts += 1;
        }
    }
    let outbox = options.dir.join("outbox");
    let files = [
        ("sms", Channel::Sms),
        ("email", Channel::Email),
        ("letters", Channel::Letter),
    ];
    Ok(DemoReport {
        options: options.clone(),
        imported,
        walked,
        counts: store.counts().await?,
        outcomes,
        accounts,
        files: files
            .into_iter()
            .map(|(name, _)| (name, files_below(&outbox.join(name))))
            .collect(),
        log: store.verify_log().await?,
    })
}

/// The one outcome of an account; what stops it comes before where it stands.
fn outcome(due: &DueAccount, standing: Standing, now: Moment) -> String {
    match standing {
        Standing::Settled => return "settled".into(),
        Standing::Closed => return "closed".into(),
        _ => {}
    }
    let whole = due
        .suppressions
        .iter()
        .filter(|s| s.stands_at(now))
        .find(|s| s.channel.is_none() && !matches!(s.scope, SuppressionScope::Address(_)));
    if let Some(s) = whole {
        return format!("stopped: {}", s.reason);
    }
    match standing {
        Standing::Disputed => return "paused: disputed".into(),
        Standing::Promised => return "paused: promised".into(),
        _ => {}
    }
    let open = |channel| {
        crate::planner::choose_contact(&[channel], due.debtor.kind, &due.contact_points, due.stops(), now)
            .is_some()
    };
    if ![Channel::Sms, Channel::Email, Channel::Letter]
        .into_iter()
        .any(open)
    {
        return "no way to reach the debtor".into();
    }
    match standing {
        Standing::OnStage(stage) => format!("on stage: {stage}"),
        Standing::BeforeLadder => "before the ladder".into(),
        Standing::BetweenStages => "between stages".into(),
        _ => "beyond the ladder".into(),
    }
}

fn files_below(folder: &Path) -> u64 {
    let Ok(entries) = folder.read_dir() else { return 0 };
    entries
        .flatten()
        .map(|e| {
            let path = e.path();
            if path.is_dir() {
                files_below(&path)
            } else {
                u64::from(!e.file_name().to_string_lossy().starts_with('.'))
            }
        })
        .sum()
}

impl DemoReport {
    /// Every sum that must hold, with whether it does.
    pub fn sums(&self) -> Vec<(&'static str, &'static str, u64, u64)> {
        let sent: u64 = self.walked.dispatch.sent.values().sum();
        let by_state = |wanted: &[&str]| {
            let n = self
                .counts
                .attempts
                .iter()
                .filter(|(_, _, _, s, _)| wanted.contains(&s.as_str()))
                .map(|a| a.4);
            u64::try_from(n.sum::<i64>()).unwrap_or(0)
        };
        let all = u64::try_from(self.counts.attempts.iter().map(|a| a.4).sum::<i64>()).unwrap_or(0);
        let i = &self.imported;
        vec![
            (
                "每行恰好一个结果:导入 + 重复 + 拒绝 = 文件行数",
                "rows: imported + repeated + refused = rows of the file",
                i.counts.created + i.counts.changed + i.counts.unchanged + i.repeated + i.counts.rejected,
                i.rows,
            ),
            (
                "每个账户恰好一个去向:各项之和 = 导入的账户",
                "accounts: sum of all outcomes = accounts imported",
                self.outcomes.values().sum(),
                i.counts.created,
            ),
            (
                "每次触达恰好一个状态:各项之和 = 排队的触达",
                "attempts: sum of all states = attempts queued",
                all,
                self.walked.plan.queued,
            ),
            (
                "预占过的触达 = 送出的触达",
                "attempts that took a place = attempts sent",
                by_state(&[
                    "reserved",
                    "accepted",
                    "delivered",
                    "undelivered",
                    "unknown",
                    "not_sent",
                ]),
                sent,
            ),
            (
                "通道接收的触达 = 发件箱中的文件",
                "attempts accepted = files in the outbox",
                by_state(&["accepted", "delivered", "undelivered"]),
                self.files.values().sum(),
            ),
            (
                "证据日志中的错误 = 0",
                "faults in the evidence log = 0",
                self.log.faults.len() as u64,
                0,
            ),
        ]
    }

    /// Whether every sum holds.
    pub fn adds_up(&self) -> bool {
        self.sums().iter().all(|(_, _, a, b)| a == b)
    }

    /// For programs. The same seed gives the same text.
    pub fn json(&self) -> serde_json::Value {
        let d = &self.walked.dispatch;
        let sent: BTreeMap<String, u64> = d
            .sent
            .iter()
            .map(|((stage, channel, state), n)| (format!("{stage}/{channel}/{state}"), *n))
            .collect();
        let withdrawn = self.reasons("withdrawn");
        let sums: Vec<_> = self
            .sums()
            .into_iter()
            .map(|(_, en, a, b)| json!({"sum": en, "found": a, "expected": b, "holds": a == b}))
            .collect();
        json!({
            "seed": self.options.seed,
            "days": self.options.days,
            "accounts": self.accounts,
            "import": {
                "rows": self.imported.rows,
                "created": self.imported.counts.created,
                "repeated": self.imported.repeated,
                "refused": self.imported.counts.rejected,
                "refused_by_code": self.imported.refused,
            },
            "events": self.walked.events,
            "campaign_runs": self.walked.plan.runs,
            "queued": self.walked.plan.queued,
            "tasks": self.counts.tasks.iter().cloned().collect::<BTreeMap<String, i64>>(),
            "promises_broken": self.walked.plan.promises_broken,
            "sent": sent,
            "held": d.held,
            "in_review": d.in_review,
            "blocked": d.blocked,
            "withdrawn": withdrawn,
            "unreachable": self.walked.plan.unreachable,
            "outcomes": self.outcomes,
            "outbox": self.files,
            "evidence": {"entries": self.log.entries, "kinds": self.log.kinds, "faults": self.log.faults.len()},
            "sums": sums,
            "adds_up": self.adds_up(),
        })
    }

    fn reasons(&self, state: &str) -> BTreeMap<String, u64> {
        let found = self.counts.reasons.iter().filter(|(s, _, _)| s == state);
        found
            .map(|(_, reason, n)| (reason.clone(), u64::try_from(*n).unwrap_or(0)))
            .collect()
    }

    /// For people.
    pub fn text(&self, lang: Lang) -> String {
        let d = &self.walked.dispatch;
        let mut out = lang.pick(
            format!(
                "演示:{} 个账户,{} 个虚拟日,种子 {}\n",
                self.accounts, self.options.days, self.options.seed
            ),
            format!(
                "Demo: {} accounts, {} virtual days, seed {}\n",
                self.accounts, self.options.days, self.options.seed
            ),
        );
        let refused: u64 = self.imported.counts.rejected;
        out += &lang.pick(
            format!(
                "导入 {} 行:新建 {},重复 {},拒绝 {refused}(原因见 ledger.csv.rejects.csv)\n",
                self.imported.rows, self.imported.counts.created, self.imported.repeated
            ),
            format!(
                "Imported {} rows: {} new, {} repeated, {refused} refused (why: ledger.csv.rejects.csv)\n",
                self.imported.rows, self.imported.counts.created, self.imported.repeated
            ),
        );
        let mut sent: BTreeMap<(String, &str), [u64; 4]> = BTreeMap::new();
        for ((stage, channel, state), n) in &d.sent {
            let column = match channel {
                Channel::Sms => 0,
                Channel::Email => 1,
                Channel::Letter => 2,
                Channel::Call => 3,
            };
            sent.entry((stage.clone(), state)).or_default()[column] += n;
        }
        let rows = sent.into_iter().map(|((stage, state), [sms, email, letter, _])| {
            vec![
                stage,
                state.to_owned(),
                sms.to_string(),
                email.to_string(),
                letter.to_string(),
            ]
        });
        let head = lang.pick(
            ["阶段", "结果", "短信", "邮件", "信函"],
            ["stage", "outcome", "SMS", "e-mail", "letter"],
        );
        out += &section(lang.pick("已送出", "Sent"), &head, rows);
        let reason = lang.pick(["原因", "次数"], ["why", "times"]);
        let list = |map: &BTreeMap<String, u64>| {
            let mut rows: Vec<_> = map.iter().map(|(k, n)| vec![k.clone(), n.to_string()]).collect();
            rows.sort_by_key(|row| std::cmp::Reverse(row[1].parse::<u64>().unwrap_or(0)));
            rows
        };
        out += &section(
            lang.pick("暂缓(以后再发)", "Held (for later)"),
            &reason,
            list(&d.held),
        );
        out += &section(
            lang.pick("待人工复核", "For review by a person"),
            &reason,
            list(&d.in_review),
        );
        out += &section(lang.pick("已拦截", "Blocked"), &reason, list(&d.blocked));
        let withdrawn = self.reasons("withdrawn");
        out += &section(
            lang.pick("因事件撤回", "Withdrawn because of"),
            &reason,
            list(&withdrawn),
        );
        let unreachable = &self.walked.plan.unreachable;
        out += &section(
            lang.pick("无法联系(按阶段)", "No way to reach, by stage"),
            &reason,
            list(unreachable),
        );
        let tasks: BTreeMap<_, _> = self
            .counts
            .tasks
            .iter()
            .map(|(k, n)| (k.clone(), u64::try_from(*n).unwrap_or(0)))
            .collect();
        out += &section(lang.pick("人工任务", "Tasks for people"), &reason, list(&tasks));
        let head = lang.pick(["账户去向", "账户数"], ["where accounts stand", "accounts"]);
        out += &section(
            lang.pick("每个账户的去向", "Every account"),
            &head,
            list(&self.outcomes),
        );
        out += &lang.pick("\n核对\n".to_owned(), "\nDoes it add up?\n".to_owned());
        for (zh, en, found, expected) in self.sums() {
            let mark = if found == expected { "ok " } else { "NO " };
            out += &format!("  {mark} {}: {found} / {expected}\n", lang.pick(zh, en));
        }
        let dir = self.options.dir.display();
        out += &lang.pick(
            format!("\n证据 {} 条。打开看看:{dir}/outbox/sms、{dir}/outbox/email、{dir}/outbox/letters\n", self.log.entries),
            format!("\n{} evidence entries. Have a look: {dir}/outbox/sms, {dir}/outbox/email, {dir}/outbox/letters\n", self.log.entries),
        );
        out
    }
}

fn section(title: &str, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head.iter().map(|h| (*h).to_owned()));
    let mut any = false;
    for row in rows {
        table.add_row(row);
        any = true;
    }
    if !any {
        return String::new();
    }
    for column in table.column_iter_mut().skip(if head.len() > 2 { 2 } else { 1 }) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table
        .to_string()
        .lines()
        .map(|l| format!("  {}", l.trim_end()))
        .collect();
    format!("\n{title}\n{}\n", lines.join("\n"))
}
