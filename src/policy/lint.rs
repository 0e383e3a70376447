//! What is wrong with a pack that reads well: rules that no case proves, ids used twice, claims without a source or with
//! one that the pack does not name, windows that never open, caps that can never be full, rules that say the same, and
//! dates that are over. Whoever publishes or ships a pack asks; nothing here decides about a message.

use chrono::NaiveDate;

use super::pack::Pack;
use super::rules::{Applies, Body, Cap, CapWindow, Kind, Rule, Slot, Week};
use crate::domain::{Level, Sureness};

/// One remark about a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// Name of the pack.
    pub pack: String,
    /// The rule it is about; `pack` where it is about the whole of it.
    pub rule: String,
    /// Whether it fails the build.
    pub fatal: bool,
    /// The remark in Chinese.
    pub zh: String,
    /// The remark in English.
    pub en: String,
}

struct Remarks<'a> {
    pack: &'a Pack,
    out: Vec<Lint>,
}

impl Remarks<'_> {
    fn say(&mut self, rule: &str, fatal: bool, zh: impl Into<String>, en: impl Into<String>) {
        self.out.push(Lint {
            pack: self.pack.name.to_string(),
            rule: rule.to_owned(),
            fatal,
            zh: zh.into(),
            en: en.into(),
        });
    }
}

/// Every remark about one pack that needs no date; a rule without a case is fatal.
pub fn lint(pack: &Pack) -> Vec<Lint> {
    let mut remarks = Remarks {
        pack,
        out: Vec::new(),
    };
    let entries = pack.lexicon.iter().map(|e| &e.rule);
    let all: Vec<&Rule> = pack.rules.iter().chain(entries).collect();
    for (i, rule) in all.iter().enumerate() {
        let id = &*rule.head.id;
        if all[..i].iter().any(|other| *other.head.id == *id) {
            let (zh, en) = ("同一规则编号出现两次", "the id is used twice in this pack");
            remarks.say(id, true, zh, en);
        }
        if !proven(rule, pack) {
            let fatal = rule.kind() != Kind::Warnings;
            remarks.say(id, fatal, "没有任何用例验证该规则", "no case expects this rule");
        }
        claims(rule, i < pack.rules.len(), &mut remarks);
        if never_opens(rule) {
            remarks.say(id, true, "该时段从不开放", "the window never opens");
        }
    }
    if pack.sources.is_empty() && all.iter().any(|r| r.head.level != Level::House) {
        remarks.say("pack", false, "规则包未列出来源", "the pack names no sources");
    }
    for source in &pack.sources {
        if !all.iter().any(|r| r.head.basis.contains(&source.name)) {
            let (zh, en) = (
                format!("来源「{}」未被引用", source.name),
                format!("no rule cites `{}`", source.name),
            );
            remarks.say("pack", false, zh, en);
        }
    }
    pairs(&mut remarks);
    margin(&mut remarks);
    remarks.out
}

/// Remarks that depend on the day: packs and rules that are over. They do not fail a build, for a pack may be kept to
/// explain what was decided under it.
pub fn lint_dates(pack: &Pack, today: NaiveDate) -> Vec<Lint> {
    let mut remarks = Remarks {
        pack,
        out: Vec::new(),
    };
    let mut over = |id: &str, applies: &Applies| {
        if let Some(until) = applies.until.filter(|until| *until <= today) {
            let (zh, en) = (
                format!("自 {until} 起不再有效"),
                format!("out of force since {until}"),
            );
            remarks.say(id, false, zh, en);
        }
    };
    over("pack", &pack.applies);
    for rule in &pack.rules {
        over(&rule.head.id, &rule.applies);
    }
    remarks.out
}

/// Level, sureness and source of one rule.
fn claims(rule: &Rule, of_policy: bool, remarks: &mut Remarks<'_>) {
    let head = &rule.head;
    let sources = &remarks.pack.sources;
    let cites = sources.is_empty() || sources.iter().any(|s| head.basis.contains(&s.name));
    let house = head.basis.contains("house rule");
    let decides = !matches!(
        rule.body,
        Body::Note(_) | Body::Warning(_) | Body::Retention { .. }
    );
    if decides && head.level == Level::Statute && head.sureness == Sureness::Unverified {
        let (zh, en) = ("标为法律却未经核实", "called a statute but not verified");
        remarks.say(&head.id, false, zh, en);
    }
    if head.level != Level::House && head.basis == "house rule" {
        let (zh, en) = (
            "依据为自定规则,级别却不是 house",
            "a house rule whose level is not `house`",
        );
        remarks.say(&head.id, true, zh, en);
    }
    if !house && !cites {
        let (zh, en) = (
            "依据不在规则包的来源之列",
            "the basis names none of the sources of the pack",
        );
        remarks.say(&head.id, of_policy, zh, en);
    }
}

/// Whether a case expects the rule. Some kinds decide no verdict; a category is proven by any of its entries.
fn proven(rule: &Rule, pack: &Pack) -> bool {
    let id = &*rule.head.id;
    let below = format!("{id}.");
    let expects = |found: &String| found == id || (rule.kind() == Kind::Content && found.starts_with(&below));
    let silent = matches!(
        rule.kind(),
        Kind::Retention | Kind::Payments | Kind::Duties | Kind::Gaps
    );
    let cases = pack.cases.cases.iter().flat_map(|c| &c.rules);
    let examples = pack
        .cases
        .examples
        .iter()
        .flat_map(|e| e.rules.iter().chain(&e.shows));
    let waived = matches!(rule.body, Body::Says { waived: true, .. });
    silent || waived || cases.chain(examples).any(expects)
}

fn week_of(rule: &Rule) -> Option<&Week> {
    match &rule.body {
        Body::Hours(hours) => hours.week.as_ref(),
        _ => None,
    }
}

fn never_opens(rule: &Rule) -> bool {
    let no_slot = |slots: &[Slot]| slots.is_empty();
    week_of(rule)
        .is_some_and(|w| w.days.iter().all(|d| no_slot(d)) && w.holiday.as_deref().is_none_or(no_slot))
}

/// Whom and what a rule speaks about, as text to compare.
fn scope(rule: &Rule) -> String {
    let (a, c, p) = (&rule.applies, &rule.channels, &rule.purposes);
    format!("{a:?} {c:?} {p:?} {:?} {:?}", rule.when, rule.unless)
}

/// Remarks about two rules of one pack that speak about the same.
fn pairs(remarks: &mut Remarks<'_>) {
    let pack = remarks.pack;
    let scopes: Vec<String> = pack.rules.iter().map(scope).collect();
    for (j, rule) in pack.rules.iter().enumerate() {
        for (i, other) in pack.rules.iter().enumerate() {
            if i == j || scopes[i] != scopes[j] {
                continue;
            }
            let with = &other.head.id;
            if never_full(rule, other, i < j) {
                let (zh, en) = (
                    format!("有 `{with}` 在,该上限永远用不到"),
                    format!("`{with}` never lets this cap fill"),
                );
                remarks.say(&rule.head.id, true, zh, en);
            }
            if i > j {
                continue;
            }
            if let Some((a, b)) = week_of(rule).zip(week_of(other)) {
                let shut = (0..7).all(|d| !meet(&a.days[d], &b.days[d]));
                let (zh, en) = if shut {
                    (
                        format!("与 `{with}` 的时段没有交集"),
                        format!("never open together with `{with}`"),
                    )
                } else {
                    (
                        format!("与 `{with}` 重叠,仅交集开放"),
                        format!("overlaps `{with}`; only what both share is open"),
                    )
                };
                remarks.say(&rule.head.id, shut, zh, en);
            }
            let same = format!("{:?}", rule.body) == format!("{:?}", other.body);
            if same && !matches!(rule.body, Body::Note(_) | Body::Warning(None)) {
                let (zh, en) = (
                    format!("与 `{with}` 内容相同"),
                    format!("says the same as `{with}`"),
                );
                remarks.say(&rule.head.id, false, zh, en);
            }
        }
    }
}

fn meet(a: &[Slot], b: &[Slot]) -> bool {
    a.iter()
        .any(|x| b.iter().any(|y| x.open.max(y.open) < x.close.min(y.close)))
}

/// Whether `other` holds contacts back so that the cap of `rule` is never full; of two equal caps the later one.
fn never_full(rule: &Rule, other: &Rule, other_first: bool) -> bool {
    let (Body::Cap(cap), Body::Cap(by)) = (&rule.body, &other.body) else {
        return false;
    };
    let counts = |c: &Cap| {
        let mut c = c.clone();
        (c.window, c.max) = (CapWindow::LocalMonth, 0);
        format!("{c:?}")
    };
    let equal = cap.window == by.window && cap.max == by.max;
    counts(cap) == counts(by)
        && most(by, cap.window).is_some_and(|most| most <= cap.max)
        && (!equal || other_first)
}

/// The most contacts that `by` lets into a window; `None`: not comparable.
fn most(by: &Cap, window: CapWindow) -> Option<u32> {
    let hours = |w: CapWindow| match w {
        CapWindow::LocalDays(days) => i64::from(days) * 24,
        CapWindow::LocalMonth => 31 * 24,
        CapWindow::Rolling(span) => span.num_hours(),
    };
    let times = match (by.window, window) {
        (a, b) if a == b => 1,
        (CapWindow::LocalMonth, _) => return None,
        // A rolling span touches a day more at each end, and another where the clocks go forward.
        (CapWindow::LocalDays(_), CapWindow::Rolling(_)) => {
            (hours(window) + 47) / hours(by.window).max(1) + 1
        }
        (inner, outer) => (hours(outer) + hours(inner) - 1) / hours(inner).max(1),
    };
    u32::try_from(times).ok().and_then(|t| t.checked_mul(by.max))
}

/// A margin that is as wide as a window leaves nothing of it.
fn margin(remarks: &mut Remarks<'_>) {
    let pack = remarks.pack;
    let widest = pack.rules.iter().filter_map(|r| match r.body {
        Body::CloseMargin { minutes } => Some((minutes, r)),
        _ => None,
    });
    let Some((minutes, rule)) = widest.max_by_key(|(m, _)| *m) else {
        return;
    };
    let weeks = pack.rules.iter().filter_map(week_of);
    let slots = |w: &Week| w.days.iter().flatten().copied().collect::<Vec<Slot>>();
    let eaten = |slots: &[Slot]| !slots.is_empty() && slots.iter().all(|s| s.close - s.open <= minutes);
    if weeks.map(slots).any(|s| eaten(&s)) {
        let (zh, en) = ("提前量不短于时段本身", "the margin is as wide as a window");
        remarks.say(&rule.head.id, true, zh, en);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PackFiles;

    const HEAD: &str = "pack = \"x\"\ntitle = { zh = \"甲\", en = \"x\" }\n";
    const SOURCE: &str = "[[sources]]\nname = \"Act 1\"\nissuer = \"Parliament\"\n";

    fn rule(table: &str, id: &str, rest: &str) -> String {
        format!(
            "[[{table}]]\nid = \"{id}\"\nlevel = \"statute\"\nsureness = \"verified\"\nbasis = \"Act 1 s. 2\"\nwhy = \"w\"\nzh = \"甲\"\nen = \"e\"\n{rest}\n"
        )
    }

    fn pack(rules: &str) -> Pack {
        Pack::parse(&PackFiles {
            name: "x",
            policy: &format!("{HEAD}{SOURCE}{rules}"),
            lexicon: "",
            cases: "",
        })
        .unwrap()
    }

    #[test]
    fn each_remark_is_found_and_a_sound_pack_has_none_but_its_missing_cases() {
        let check = |rules: &str, expected: &[(&str, bool)]| {
            let found = lint(&pack(rules));
            let found: Vec<(&str, bool)> = found
                .iter()
                .filter(|l| l.en != "no case expects this rule")
                .map(|l| (l.en.as_str(), l.fatal))
                .collect();
            assert_eq!(found, expected, "{rules}");
        };
        let hours = |id: &str, w: &str| rule("hours", id, &format!("windows = {{ {w} }}"));
        let cap =
            |id: &str, w: &str, max: u32| rule("caps", id, &format!("key = \"person\"\n{w}\nmax = {max}"));
        check(&hours("hours.a", "all = \"08:00-20:00\""), &[]);
        check(
            &hours("hours.a", "all = \"closed\""),
            &[("the window never opens", true)],
        );
        check(
            &(hours("hours.a", "all = \"08:00-12:00\"") + &hours("hours.b", "all = \"12:00-20:00\"")),
            &[("never open together with `hours.a`", true)],
        );
        check(
            &(hours("hours.a", "all = \"08:00-13:00\"") + &hours("hours.b", "all = \"12:00-20:00\"")),
            &[("overlaps `hours.a`; only what both share is open", false)],
        );
        check(
            &(hours("hours.a", "all = \"08:00-08:10\"") + &rule("close_margin", "hours.m", "minutes = 10")),
            &[("the margin is as wide as a window", true)],
        );
        check(
            &(cap("cap.a", "local_days = 1", 1) + &cap("cap.b", "local_days = 7", 3)),
            &[],
        );
        check(
            &(cap("cap.a", "local_days = 1", 1) + &cap("cap.b", "local_days = 7", 7)),
            &[("`cap.a` never lets this cap fill", true)],
        );
        check(
            &(cap("cap.a", "local_days = 7", 3) + &cap("cap.b", "local_days = 7", 3)),
            &[
                ("`cap.a` never lets this cap fill", true),
                ("says the same as `cap.a`", false),
            ],
        );
        check(
            &(cap("cap.a", "local_days = 1", 3) + &cap("cap.b", "hours = 168", 27)),
            &[("`cap.a` never lets this cap fill", true)],
        );
        check(
            &(cap("cap.a", "local_days = 1", 3) + &cap("cap.b", "hours = 168", 26)),
            &[],
        );
        let other = rule("duties", "duty.a", "").replace("Act 1 s. 2", "Act 2");
        check(
            &other,
            &[
                ("the basis names none of the sources of the pack", true),
                ("no rule cites `Act 1`", false),
            ],
        );
    }

    #[test]
    fn what_is_over_is_named_from_its_first_day_out_of_force() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let pack = pack(&rule("duties", "duty.a", "applies = { until = 2025-11-29 }"));
        assert!(lint_dates(&pack, day("2025-11-28")).is_empty());
        let over = lint_dates(&pack, day("2025-11-29"));
        assert_eq!(
            (over.len(), over[0].en.as_str()),
            (1, "out of force since 2025-11-29")
        );
    }

    #[test]
    fn a_rule_is_proven_by_a_case_that_expects_or_shows_it() {
        let read = |cases: &str| {
            Pack::parse(&PackFiles {
                name: "x",
                policy: &format!("{HEAD}{SOURCE}{}", rule("warnings", "warning.a", "")),
                lexicon: "",
                cases,
            })
            .unwrap()
        };
        assert_eq!(lint(&read("")).len(), 1);
        let shown = "[[example]]\nname = \"n\"\nat = \"2026-04-08 10:00\"\nverdict = \"cleared\"\nshows = [\"warning.a\"]\n";
        assert!(lint(&read(shown)).is_empty());
    }
}
