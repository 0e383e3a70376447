//! `dunwell account show`: one debt, its debtor, and everything that happened, oldest first.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::out::{Answer, masked, table};
use super::session::Session;
use super::words::{Lang, word};
use crate::domain::{Money, ZoneSource};
use crate::store::{Store, Timeline, TimelineEntry};

/// Which account.
#[derive(Debug, Clone, Args)]
pub(super) struct AccountRef {
    /// The creditor's own number of the account
    #[arg(long = "account", value_name = "REF")]
    pub(super) reference: String,
    /// Its portfolio, where several have this number
    #[arg(long)]
    pub(super) portfolio: Option<String>,
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Shows one account with everything that happened; contact points are masked
    #[command(
        after_help = "Examples:\n  dunwell account show 0000200001\n  dunwell account show 0000200001 --portfolio consumer --json"
    )]
    Show {
        /// The creditor's own number of the account
        #[arg(value_name = "REF")]
        reference: String,
        /// Its portfolio, where several have this number
        #[arg(long)]
        portfolio: Option<String>,
    },
}

pub(super) async fn run(session: &Session, command: AccountCommand) -> anyhow::Result<Answer> {
    let AccountCommand::Show { reference, portfolio } = command;
    let store = session.store().await?;
    let id = store.account_id(portfolio.as_deref(), &reference).await?;
    // The name is shown: who looked is written down first.
    let by = super::session::system_user();
    store.record_read(&by, "account", None, Some(id)).await?;
    show(session, &store, id).await
}

/// One account, for somebody whose looking was recorded.
pub(super) async fn show(
    session: &Session,
    store: &Store,
    id: crate::domain::AccountId,
) -> anyhow::Result<Answer> {
    let timeline = store.timeline(id).await?;
    let registry = store.registry().await?;
    let desk = registry.desks.get(&timeline.account.portfolio);
    let name = desk.map_or("", |d| d.portfolio.name.as_str());
    let zone = desk.map_or(chrono_tz::Tz::UTC, |d| d.portfolio.zone);
    let today = store.clock().now().date_in(zone);
    let text = text(session, &timeline, (name, zone), today);
    Ok(Answer::new(text, json_of(&timeline, name, today)))
}

fn text(
    session: &Session,
    t: &Timeline,
    (portfolio, zone): (&str, chrono_tz::Tz),
    today: chrono::NaiveDate,
) -> String {
    let (lang, a) = (session.out.lang, &t.account);
    let money = |minor| format!("{} {}", Money::new(minor, a.currency).grouped(), a.currency);
    let dpd = a.days_past_due(today);
    let overdue = match dpd {
        0 => lang.pick("今天到期".to_owned(), "due today".to_owned()),
        n if n > 0 => lang.pick(format!("逾期 {n} 天"), format!("{n} days overdue")),
        n => lang.pick(format!("{} 天后到期", -n), format!("due in {} days", -n)),
    };
    let mut facts = vec![
        (
            lang.pick("账户", "account"),
            format!("{} ({portfolio})", a.reference),
        ),
        (
            lang.pick("债务人", "debtor"),
            format!(
                "{} ({})",
                t.debtor.name.as_str(),
                word(lang, t.debtor.kind.as_str())
            ),
        ),
        (lang.pick("状态", "state"), word(lang, a.state.as_str())),
        (
            lang.pick("欠款", "owed"),
            lang.pick(
                format!("{},原额 {}", money(a.balance_minor), money(a.amount_minor)),
                format!("{} of {}", money(a.balance_minor), money(a.amount_minor)),
            ),
        ),
        (lang.pick("到期", "due"), format!("{} ({overdue})", a.due_on)),
    ];
    if t.debtor.zones.candidates.is_empty() {
        let unknown = lang.pick("不明:不联系", "unknown: nobody is contacted");
        facts.push((lang.pick("时区", "zone"), unknown.to_owned()));
    }
    for zone in &t.debtor.zones.candidates {
        facts.push((lang.pick("时区", "zone"), zone_text(lang, *zone, t)));
    }
    if a.disputed {
        facts.push((
            lang.pick("异议", "dispute"),
            lang.pick("未解决", "open").to_owned(),
        ));
    }
    if let Some(until) = a.promised_until {
        facts.push((lang.pick("承诺", "promise"), until.to_string()));
    }
    for point in &t.contact_points {
        let dead = if point.usable {
            ""
        } else {
            lang.pick(",已失效", ", dead")
        };
        facts.push((
            lang.pick("联系方式", "contact"),
            format!(
                "{} ({}{dead})",
                masked(&point.address),
                word(lang, point.usage.as_str())
            ),
        ));
    }
    let mut out = facts
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect::<String>();
    out += "\n";
    if t.entries.is_empty() {
        return out + lang.pick("尚无记录。\n", "nothing happened so far\n");
    }
    let rows = t
        .entries
        .iter()
        .map(|e| vec![when(e, zone), word(lang, e.what), e.text.clone()]);
    out + &table(
        &lang.pick(["时间", "事项", "说明"], ["when", "what", "particulars"]),
        99,
        rows,
    )
}

/// What a zone rests on, in words.
fn source(lang: Lang, source: ZoneSource) -> &'static str {
    match source {
        ZoneSource::Stated => lang.pick("声明", "stated"),
        ZoneSource::PostalCode => lang.pick("邮政编码", "postal code"),
        ZoneSource::Region => lang.pick("地址所在省州", "state of the address"),
        ZoneSource::AreaCode => lang.pick("电话区号", "area code"),
        ZoneSource::Country => lang.pick("地址所在国家或地区", "country of the address"),
        ZoneSource::Phone => lang.pick("电话国家代码", "country of the number"),
        ZoneSource::Unknown => lang.pick("不明", "unknown"),
    }
}

/// A candidate zone with what it rests on: `America/Denver (postal code US 799)`.
fn zone_text(lang: Lang, zone: chrono_tz::Tz, t: &Timeline) -> String {
    let basis = t.debtor.zones.basis.iter().filter(|b| b.zone == zone);
    let until = t
        .debtor
        .zone_until
        .map(|day| lang.pick(format!("至 {day}"), format!("until {day}")));
    let each = basis.map(|b| {
        let mut words = vec![source(lang, b.source).to_owned()];
        match b.source {
            ZoneSource::Stated => words.extend(until.clone()),
            _ => words.push(b.detail.clone()),
        }
        words.join(" ").trim().to_owned()
    });
    format!("{} ({})", zone.name(), each.collect::<Vec<_>>().join("; "))
}

fn json_of(t: &Timeline, portfolio: &str, today: chrono::NaiveDate) -> Value {
    let a = &t.account;
    let entry = |e: &TimelineEntry| json!({"at": e.at.to_text(), "what": e.what, "text": e.text});
    let point = |p: &crate::domain::ContactPoint| {
        json!({"kind": p.address.kind().as_str(), "address": masked(&p.address), "usage": p.usage.as_str(),
            "usable": p.usable})
    };
    json!({
        "portfolio": portfolio,
        "reference": a.reference,
        "debtor": t.debtor.name.as_str(),
        "debtor_kind": t.debtor.kind.as_str(),
        "state": a.state.as_str(),
        "currency": a.currency.code(),
        "amount": Money::new(a.amount_minor, a.currency).decimal(),
        "balance": Money::new(a.balance_minor, a.currency).decimal(),
        "due_on": a.due_on.to_string(),
        "days_past_due": a.days_past_due(today),
        "disputed": a.disputed,
        "promised_until": a.promised_until.map(|d| d.to_string()),
        "zones": t.debtor.zones.candidates.iter().map(|z| z.name()).collect::<Vec<_>>(),
        "zone_basis": t.debtor.zones.basis.iter().map(|b| json!({"zone": b.zone.name(), "source": b.source.as_str(),
            "detail": b.detail})).collect::<Vec<_>>(),
        "contact_points": t.contact_points.iter().map(point).collect::<Vec<_>>(),
        "timeline": t.entries.iter().map(entry).collect::<Vec<_>>(),
    })
}

/// Payments and tasks have a day, all else an instant.
fn when(e: &TimelineEntry, zone: chrono_tz::Tz) -> String {
    match e.what {
        "payment" | "task" => e.at.utc().date_naive().to_string(),
        _ => e.at.local_text(zone),
    }
}
