//! `dunwell policy show --for ACCOUNT`: every rule that binds contact with a debtor, put together, channel by channel.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::out::{Answer, table};
use super::session::Session;
use super::words::{Lang, word};
use crate::domain::{Channel, ContactPoint, Moment, Origin, Purpose, Situation, StandingWish, Wish};
use crate::guard::{Binding, Combined, OpenSlot, Standing, binding};
use crate::planner::choose_contact;
use crate::policy::diff::terms;
use crate::policy::{Kind, Rule};
use crate::store::{DueAccount, NewAttempt, SetDigest, Store};

/// What rules ask, as their files write it: by pack, then table and id.
type Terms = BTreeMap<String, BTreeMap<(String, String), Vec<(String, String)>>>;

pub(super) async fn for_account(
    session: &Session,
    reference: &str,
    portfolio: Option<&str>,
) -> anyhow::Result<Answer> {
    let store = session.store().await?;
    let id = store.account_id(portfolio, reference).await?;
    let due = store.due_account(id).await?;
    let under = session.in_force(&store).await?;
    let terms = terms_of(session, &store, under.set).await?;
    let now = store.clock().now();
    let lang = session.out.lang;
    let mut text = format!("{reference}, {}\n", head(lang, under.set));
    let mut channels = Vec::new();
    for channel in [Channel::Sms, Channel::Email, Channel::Letter, Channel::Call] {
        text += &format!("\n== {} ==\n", word(lang, channel.as_str()));
        let Some(point) = point_for(&due, channel, now) else {
            text += lang.pick(
                "没有该渠道的联系方式\n",
                "there is no contact point for this channel\n",
            );
            channels.push(json!({"channel": channel.as_str(), "contact_point": false}));
            continue;
        };
        let situation = store
            .situation_of(&attempt(&due, channel, point, now), now)
            .await?;
        let bound = binding(&under.rulebook.policy, &situation, now);
        let wishes: Vec<String> = asked_for(&due, channel, now);
        text += &shown(lang, &bound, &situation, &terms);
        if !wishes.is_empty() {
            let title = lang.pick("对方的要求", "asked for by the person");
            text += &format!("\n{title}\n  {}\n", wishes.join("\n  "));
        }
        let mut view = json_of(channel, &bound, &situation, &terms);
        view["wishes"] = wishes.into();
        channels.push(view);
    }
    text += lang.pick(
        "\n另有任何规则包都不能关闭的规则:dunwell policy show core\n",
        "\nbeside these stand the rules that no pack can switch off: dunwell policy show core\n",
    );
    let json = json!({"account": reference, "set": under.set.map(|s| s.to_string()), "channels": channels});
    Ok(Answer::new(text, json))
}

/// What the debtor asked for that bears on a channel; letters have no clock.
fn asked_for(due: &DueAccount, channel: Channel, now: Moment) -> Vec<String> {
    let timed = |w: &StandingWish| matches!(w.wish, Wish::NotAt(_) | Wish::OnlyAt(_));
    let bears = due
        .wishes
        .iter()
        .filter(|w| w.binds(channel, now) && !(channel == Channel::Letter && timed(w)));
    bears.map(|w| w.wish.to_string()).collect()
}

fn head(lang: Lang, set: Option<SetDigest>) -> String {
    match set {
        Some(set) => lang.pick(
            format!("生效的规则集 {}", set.short()),
            format!("policy set {} in force", set.short()),
        ),
        None => lang
            .pick(
                "文件中的规则(尚无生效的规则集)",
                "the rules of the files (no set is in force yet)",
            )
            .to_owned(),
    }
}

/// The texts of the rules in force, or of the files.
async fn terms_of(session: &Session, store: &Store, set: Option<SetDigest>) -> anyhow::Result<Terms> {
    let files = match set {
        Some(set) => store.set_files(set).await?,
        None => super::policy_versions::files(&session.config()?, None)?,
    };
    let policy = |(path, text): &(String, String)| {
        let pack = path.strip_suffix("/policy.toml")?;
        Some((pack.to_owned(), terms(path, text)))
    };
    Ok(files.iter().filter_map(policy).collect())
}

/// The contact point that a step would use, or any that carries the channel.
fn point_for(due: &DueAccount, channel: Channel, now: Moment) -> Option<&ContactPoint> {
    let best = choose_contact(&[channel], due.debtor.kind, &due.contact_points, due.stops(), now);
    best.map(|(_, point)| point)
        .or_else(|| due.contact_points.iter().find(|p| p.carries(channel)))
}

/// An attempt to collect, only thought of.
fn attempt(due: &DueAccount, channel: Channel, point: &ContactPoint, now: Moment) -> NewAttempt {
    NewAttempt {
        step_key: [0; 16],
        account: due.account.id,
        recipient: due.debtor.id,
        contact_point: point.id,
        channel,
        purpose: Purpose::Collection,
        origin: Origin::Collector,
        asked_by: String::new(),
        stage: String::new(),
        step: String::new(),
        template: None,
        own_subject: None,
        own_text: None,
        due_at: now,
        expires_at: now + TimeDelta::days(1),
    }
}

const DAYS: [(&str, &str); 7] = [
    ("周一", "Mon"),
    ("周二", "Tue"),
    ("周三", "Wed"),
    ("周四", "Thu"),
    ("周五", "Fri"),
    ("周六", "Sat"),
    ("周日", "Sun"),
];

/// The days with their hours, days that are alike together; then the public holidays.
fn days<'b, 'p>(lang: Lang, bound: &'b Binding<'p>) -> Vec<(String, &'b [OpenSlot<'p>])> {
    let Some(week) = &bound.week else {
        return Vec::new();
    };
    let same = |a: &[OpenSlot<'_>], b: &[OpenSlot<'_>]| {
        let key = |all: &[OpenSlot<'_>]| {
            all.iter()
                .map(|o| (o.slot.open, o.slot.close, ids(&o.opens), ids(&o.closes)))
                .collect::<Vec<_>>()
        };
        key(a) == key(b)
    };
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for day in 0..week.len() {
        match groups.last_mut() {
            Some((from, to)) if same(&week[*from], &week[day]) => *to = day,
            _ => groups.push((day, day)),
        }
    }
    let name = |day: usize| lang.pick(DAYS[day].0, DAYS[day].1);
    let mut all: Vec<(String, &[OpenSlot<'p>])> = groups
        .into_iter()
        .map(|(from, to)| match from == to {
            true => (name(from).to_owned(), week[from].as_slice()),
            false => (format!("{}-{}", name(from), name(to)), week[from].as_slice()),
        })
        .collect();
    if let Some(holiday) = &bound.holiday {
        all.push((lang.pick("法定节假日", "public holidays").to_owned(), holiday));
    }
    all
}

fn ids(rules: &[&Rule]) -> Vec<String> {
    rules
        .iter()
        .map(|r| format!("{} {}", r.head.pack, r.head.id))
        .collect()
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn shown(lang: Lang, bound: &Binding<'_>, s: &Situation, terms: &Terms) -> String {
    let mut text = String::new();
    for pack in &bound.missing {
        text += &lang.pick(
            format!("规则包 `{pack}` 未加载:一律拦截\n"),
            format!("policy pack `{pack}` is not loaded: everything is blocked\n"),
        );
    }
    text += &hours(lang, bound, s);
    let mut last = None;
    for c in &bound.rules {
        let kind = c.rule.kind();
        if last != Some(kind) {
            text += &format!("\n{}\n", title(lang, kind));
            last = Some(kind);
        }
        text += &rule(lang, c, terms);
    }
    text
}

fn hours(lang: Lang, bound: &Binding<'_>, s: &Situation) -> String {
    let zones: Vec<&str> = s.zones().candidates.iter().map(|z| z.name()).collect();
    let zones = match zones.is_empty() {
        true => lang
            .pick("时区不明:不联系", "zone unknown: nobody is contacted")
            .to_owned(),
        false => zones.join(" + "),
    };
    let rows: Vec<Vec<String>> = days(lang, bound)
        .into_iter()
        .flat_map(|(name, slots)| {
            let closed = vec![
                name.clone(),
                lang.pick("不联系", "closed").to_owned(),
                String::new(),
                String::new(),
            ];
            let each = slots.iter().map(move |o| {
                vec![
                    name.clone(),
                    format!("{}-{}", clock(o.slot.open), clock(o.slot.close)),
                    ids(&o.opens).join("; "),
                    ids(&o.closes).join("; "),
                ]
            });
            let rows: Vec<Vec<String>> = each.collect();
            if rows.is_empty() { vec![closed] } else { rows }
        })
        .collect();
    if rows.is_empty() {
        return lang.pick(
            format!("没有时段限制({zones})\n"),
            format!("no hours bind ({zones})\n"),
        );
    }
    let head = lang.pick(
        ["日", "可联系时段", "起点出自", "终点出自"],
        ["day", "open", "opens by", "closes by"],
    );
    let title = lang.pick(
        format!("可联系时段(取交集,{zones} 当地时间)\n"),
        format!("hours, intersected, local to {zones}\n"),
    );
    title + &table(&head, 99, rows)
}

fn rule(lang: Lang, c: &Combined<'_>, all: &Terms) -> String {
    let h = &c.rule.head;
    let asked: Vec<String> = asked(c.rule, all)
        .into_iter()
        .map(|(k, v)| format!("{k} {v}"))
        .collect();
    let head = format!("  {} {} {}", h.pack, h.id, standing(lang, c));
    let mut text = format!("{}\n", head.trim_end());
    text += &format!("    {}\n", lang.pick(&h.zh, &h.en));
    if !asked.is_empty() {
        text += &format!("    {}\n", asked.join("; "));
    }
    text + &format!(
        "    {} {} ({}, {}, {})\n",
        lang.pick("依据:", "source:"),
        h.basis,
        word(lang, h.level.as_str()),
        word(lang, h.sureness.as_str()),
        h.version
    )
}

/// What the rule asks, as its file writes it.
fn asked(rule: &Rule, all: &Terms) -> Vec<(String, String)> {
    let key = (rule.kind().as_str().to_owned(), rule.head.id.to_string());
    let of_pack = all.get(&*rule.head.pack);
    of_pack
        .and_then(|terms| terms.get(&key))
        .cloned()
        .unwrap_or_default()
}

fn standing(lang: Lang, c: &Combined<'_>) -> String {
    // Rules of conduct say what stops a contact; that one of them does not speak is no remark about it.
    let stops = matches!(
        c.rule.kind(),
        Kind::Recipients | Kind::Channels | Kind::Statuses | Kind::Senders | Kind::Messages
    );
    match &c.standing {
        Standing::Binds if stops => lang
            .pick("[现在拦截该账户]", "[stops it as things are]")
            .to_owned(),
        Standing::Binds => String::new(),
        Standing::Beaten(by) => lang.pick(
            format!("[让位于更严的 {} {}]", by.head.pack, by.head.id),
            format!("[loses to the stricter {} {}]", by.head.pack, by.head.id),
        ),
        Standing::Idle if stops => lang
            .pick("[现在不拦截]", "[does not stop it as things are]")
            .to_owned(),
        Standing::Idle => lang
            .pick("[条件目前不成立]", "[its conditions do not hold now]")
            .to_owned(),
        Standing::GivesWay => lang
            .pick(
                "[默认规则,让位于当地规则包]",
                "[house default, gives way to the pack of the place]",
            )
            .to_owned(),
    }
}

fn title(lang: Lang, kind: Kind) -> String {
    let zh = match kind {
        Kind::Hours => "联系时段",
        Kind::CloseMargin => "收尾余量",
        Kind::Caps => "频次上限",
        Kind::Recipients => "收件人",
        Kind::Elements => "必备要素",
        Kind::Statuses => "停止联系的状态",
        Kind::Senders => "发送方",
        Kind::Retention => "保存期限",
        Kind::Content => "禁用内容",
        Kind::Channels => "渠道",
        Kind::Payments => "付款",
        other => return lang.pick(other.as_str().to_owned(), other.as_str().replace('_', " ")),
    };
    lang.pick(zh.to_owned(), kind.as_str().replace('_', " "))
}

fn json_of(channel: Channel, bound: &Binding<'_>, s: &Situation, terms: &Terms) -> Value {
    let zones: Vec<&str> = s.zones().candidates.iter().map(|z| z.name()).collect();
    let hours = days(Lang::En, bound).into_iter().map(|(day, slots)| {
        let each = slots.iter().map(|o| {
            json!({"open": clock(o.slot.open), "close": clock(o.slot.close), "opens_by": ids(&o.opens),
                "closes_by": ids(&o.closes)})
        });
        json!({"days": day, "slots": each.collect::<Vec<_>>()})
    });
    let rules = bound.rules.iter().map(|c| {
        let h = &c.rule.head;
        let (word, by) = match &c.standing {
            Standing::Binds => ("binds", None),
            Standing::Beaten(by) => ("beaten", Some(format!("{} {}", by.head.pack, by.head.id))),
            Standing::Idle => ("idle", None),
            Standing::GivesWay => ("gives_way", None),
        };
        let asks: BTreeMap<String, String> = asked(c.rule, terms).into_iter().collect();
        json!({"kind": c.rule.kind().as_str(), "pack": h.pack.to_string(), "version": h.version.to_string(),
            "rule": h.id.to_string(), "standing": word, "beaten_by": by, "citation": h.basis,
            "level": h.level.as_str(), "sureness": h.sureness.as_str(), "zh": h.zh, "en": h.en, "asks": asks})
    });
    json!({"channel": channel.as_str(), "contact_point": true, "zones": zones, "hours": hours.collect::<Vec<_>>(),
        "rules": rules.collect::<Vec<_>>(), "missing_packs": bound.missing})
}
