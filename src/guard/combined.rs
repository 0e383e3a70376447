//! All rules that speak about a situation, put together as a reader wants them: the hours that are left with the rule
//! behind each bound, and which rule is beaten by a stricter one. Judges nothing; `cli` shows it.

use super::conditions::speaks;
use super::facts_of::facts_of;
use crate::domain::{Moment, Situation};
use crate::policy::{Asked, Body, Cap, CapWindow, Facts, Kind, PolicySet, Rule, Set, Slot, Week};

/// How a rule stands among the others.
#[derive(Debug, Clone)]
pub enum Standing<'p> {
    /// It binds.
    Binds,
    /// It binds nobody, because another is at least as strict in every respect; of several together, one of them.
    Beaten(&'p Rule),
    /// Its conditions do not hold as things are.
    Idle,
    /// A fallback that gives way to the packs of the place.
    GivesWay,
}

/// One rule and how it stands.
#[derive(Debug, Clone)]
pub struct Combined<'p> {
    /// The rule.
    pub rule: &'p Rule,
    /// How it stands.
    pub standing: Standing<'p>,
}

/// An open part of a local day, with the rules behind its bounds.
#[derive(Debug, Clone)]
pub struct OpenSlot<'p> {
    /// The part.
    pub slot: Slot,
    /// The rules by which it opens no earlier.
    pub opens: Vec<&'p Rule>,
    /// The rules by which it closes no later.
    pub closes: Vec<&'p Rule>,
}

/// Everything that binds a situation.
#[derive(Debug, Clone)]
pub struct Binding<'p> {
    /// Monday to Sunday; `None` where no rule of hours binds.
    pub week: Option<Vec<Vec<OpenSlot<'p>>>>,
    /// On public holidays, as far as a rule names hours for them; `None`: as on the weekday.
    pub holiday: Option<Vec<OpenSlot<'p>>>,
    /// Every rule that speaks, or would if its conditions held.
    pub rules: Vec<Combined<'p>>,
    /// Packs that the portfolio asks for and nobody loaded.
    pub missing: Vec<String>,
}

/// What binds a situation at `now`.
pub fn binding<'p>(policy: &'p PolicySet, s: &Situation, now: Moment) -> Binding<'p> {
    let f = facts_of(s, now);
    let applied = policy.applied(&f, Asked::Beside(&s.portfolio.packs));
    let mut rules: Vec<Combined<'p>> = applied
        .rules
        .iter()
        .map(|rule| Combined {
            rule,
            standing: match speaks(rule, &f) {
                true => Standing::Binds,
                false => Standing::Idle,
            },
        })
        .collect();
    beat(&mut rules, &f);
    rules.extend(given_way(policy, &f, now, &applied.rules));
    rules.sort_by_key(|c| c.rule.kind() as u8);
    let weeks: Vec<(&Rule, &Week)> = rules.iter().filter_map(|c| of_week(c, &f)).collect();
    Binding {
        week: (!weeks.is_empty()).then(|| (0..7).map(|day| intersect(&weeks, |w| &w.days[day])).collect()),
        holiday: holiday(&weeks),
        missing: applied.missing,
        rules,
    }
}

fn of_week<'p>(c: &Combined<'p>, f: &Facts) -> Option<(&'p Rule, &'p Week)> {
    match (&c.rule.body, &c.standing) {
        (Body::Hours(hours), Standing::Binds | Standing::Beaten(_)) => Some((c.rule, hours.week.as_ref()?)),
        _ => None,
    }
    .filter(|_| f.medium != crate::policy::Medium::Letter || !c.rule.channels.is_empty())
}

fn holiday<'p>(weeks: &[(&'p Rule, &'p Week)]) -> Option<Vec<OpenSlot<'p>>> {
    const NONE: &[Slot] = &[];
    let with: Vec<_> = weeks
        .iter()
        .filter(|(_, w)| w.holiday.is_some())
        .copied()
        .collect();
    (!with.is_empty()).then(|| intersect(&with, |w| w.holiday.as_deref().unwrap_or(NONE)))
}

/// The slots that are open in every week, with the rules behind their bounds.
fn intersect<'p>(
    weeks: &[(&'p Rule, &'p Week)],
    slots: impl Fn(&'p Week) -> &'p [Slot],
) -> Vec<OpenSlot<'p>> {
    let mut left = vec![Slot { open: 0, close: 1440 }];
    for (_, week) in weeks {
        let mut next = Vec::new();
        for a in &left {
            for b in slots(week) {
                let (open, close) = (a.open.max(b.open), a.close.min(b.close));
                if open < close {
                    next.push(Slot { open, close });
                }
            }
        }
        left = next;
    }
    let behind = |bound: &dyn Fn(&Slot) -> bool| {
        let found = weeks.iter().filter(|(_, w)| slots(w).iter().any(bound));
        found.map(|(rule, _)| *rule).collect::<Vec<_>>()
    };
    left.into_iter()
        .map(|slot| OpenSlot {
            opens: behind(&|s| s.open == slot.open),
            closes: behind(&|s| s.close == slot.close),
            slot,
        })
        .collect()
}

/// Finds what is beaten. Of equal rules the one of the lower level gives way, so that the law is what is shown.
fn beat(rules: &mut [Combined<'_>], f: &Facts) {
    let mut order: Vec<usize> = (0..rules.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(rules[*i].rule.head.level));
    for at in order {
        if !matches!(rules[at].standing, Standing::Binds) {
            continue;
        }
        let others = || {
            let binds = |(i, c): &(usize, &Combined<'_>)| *i != at && matches!(c.standing, Standing::Binds);
            rules.iter().enumerate().filter(binds).map(|(_, c)| c.rule)
        };
        let mine = rules[at].rule;
        let by = match mine.kind() {
            Kind::Hours => tighter_hours(mine, &others().collect::<Vec<_>>(), f),
            _ => others().find(|other| covers(other, mine)),
        };
        if let Some(by) = by {
            rules[at].standing = Standing::Beaten(by);
        }
    }
}

/// A rule of hours among those without which this one changes nothing; `None` where it does.
fn tighter_hours<'p>(mine: &'p Rule, others: &[&'p Rule], f: &Facts) -> Option<&'p Rule> {
    let Body::Hours(own) = &mine.body else { return None };
    let own = own.week.as_ref()?;
    if f.medium == crate::policy::Medium::Letter {
        return None;
    }
    let week_of = |r: &&'p Rule| match &r.body {
        Body::Hours(hours) => Some((*r, hours.week.as_ref()?)),
        _ => None,
    };
    let weeks: Vec<(&Rule, &Week)> = others.iter().filter_map(week_of).collect();
    if weeks.is_empty() || (own.holiday.is_some() && !weeks.iter().any(|(_, w)| w.holiday.is_some())) {
        return None;
    }
    let inside = |left: &[OpenSlot<'_>], slots: &[Slot]| {
        left.iter().all(|o| {
            slots
                .iter()
                .any(|s| s.open <= o.slot.open && o.slot.close <= s.close)
        })
    };
    let days = (0..7).all(|day| inside(&intersect(&weeks, |w| &w.days[day]), &own.days[day]));
    let holidays = match (&own.holiday, holiday(&weeks)) {
        (None, _) => true,
        (Some(own), Some(left)) => inside(&left, own),
        (Some(_), None) => false,
    };
    let alone = |week: &Week| {
        (0..7).all(|day| {
            week.days[day].iter().all(|s| {
                own.days[day]
                    .iter()
                    .any(|o| o.open <= s.open && s.close <= o.close)
            })
        })
    };
    (days && holidays).then(|| weeks.iter().find(|(_, w)| alone(w)).unwrap_or(&weeks[0]).0)
}

/// Whether one rule is at least as strict as another of its kind in every respect.
fn covers(strict: &Rule, loose: &Rule) -> bool {
    match (&strict.body, &loose.body) {
        (Body::CloseMargin { minutes: a }, Body::CloseMargin { minutes: b }) => a >= b,
        (
            Body::Retention {
                years,
                months,
                records,
                at_most: false,
            },
            Body::Retention {
                years: other_years,
                months: other_months,
                records: other_records,
                at_most: false,
            },
        ) => records == other_records && years * 12 + months >= other_years * 12 + other_months,
        (Body::Cap(a), Body::Cap(b)) => {
            let purposes = strict.purposes.is_empty()
                || (!loose.purposes.is_empty() && strict.purposes.covers(loose.purposes));
            purposes && covers_cap(a, b)
        }
        _ => false,
    }
}

fn covers_cap(a: &Cap, b: &Cap) -> bool {
    let window = match (a.window, b.window) {
        (CapWindow::LocalDays(a), CapWindow::LocalDays(b)) => a >= b,
        (CapWindow::Rolling(a), CapWindow::Rolling(b)) => a >= b,
        (CapWindow::LocalMonth, CapWindow::LocalMonth) => true,
        _ => false,
    };
    let places = a.to.is_empty() || (!b.to.is_empty() && a.to.covers(b.to));
    window
        && places
        && a.max <= b.max
        && b.key.covers(a.key)
        && a.counted.covers(b.counted)
        && a.outcomes.covers(b.outcomes)
        && (a.inbound || !b.inbound)
        && b.purposes_not.covers(a.purposes_not)
        && b.exclude.covers(a.exclude)
        && a.since.is_none()
}

/// The rules of fallbacks that would speak, did not a pack of the place speak of the same kind.
fn given_way<'p>(policy: &'p PolicySet, f: &Facts, now: Moment, speaking: &[&'p Rule]) -> Vec<Combined<'p>> {
    let today = f
        .zones
        .first()
        .map_or_else(|| now.utc().date_naive(), |z| now.date_in(z.zone));
    let kinds: Set<Kind> = speaking.iter().fold(Set::EMPTY, |all, r| all.with(r.kind()));
    let packs = policy.packs().iter().filter(|p| !p.fallback.is_empty());
    packs
        .flat_map(|p| p.rules.iter().map(move |r| (p, r)))
        .filter(|(p, r)| p.fallback.contains(&r.kind()) && kinds.has(r.kind()))
        .map(|(_, r)| r)
        .filter(|r| r.concerns(f, today) && r.fits_place(f))
        .filter(|r| !speaking.iter().any(|s| std::ptr::eq(*s, *r)))
        .map(|rule| Combined {
            rule,
            standing: Standing::GivesWay,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::tests::situation;
    use crate::policy::{Holidays, Pack, PackFiles};
    use std::sync::Arc;

    fn pack(name: &str, level: &str, rules: &str) -> Arc<Pack> {
        let head = format!(
            "level = \"{level}\"\nsureness = \"verified\"\nbasis = \"house rule\"\nwhy = \"w\"\nzh = \"甲\"\nen = \"e\"\n"
        );
        let fallback = if name == "house" {
            "fallback = [\"hours\"]\n"
        } else {
            ""
        };
        let policy = format!(
            "pack = \"{name}\"\n{fallback}title = {{ zh = \"甲\", en = \"x\" }}\n{}",
            rules.replace("HEAD", &head)
        );
        let files = PackFiles {
            name,
            policy: &policy,
            lexicon: "",
            cases: "",
        };
        Arc::new(Pack::parse(&files).unwrap())
    }

    fn seen(packs: Vec<Arc<Pack>>) -> (Vec<String>, Vec<String>) {
        let set = PolicySet::new(packs, Holidays::default());
        let now = Moment::parse("2026-04-08T15:30:00+08:00").unwrap();
        let b = binding(&set, &situation(), now);
        let monday = b.week.iter().flat_map(|w| &w[0]).map(|o| {
            let ids = |rules: &[&Rule]| {
                rules
                    .iter()
                    .map(|r| r.head.id.to_string())
                    .collect::<Vec<_>>()
                    .join("+")
            };
            format!(
                "{}-{} {} {}",
                o.slot.open / 60,
                o.slot.close / 60,
                ids(&o.opens),
                ids(&o.closes)
            )
        });
        let mut rules: Vec<String> = b
            .rules
            .iter()
            .map(|c| match &c.standing {
                Standing::Binds => c.rule.head.id.to_string(),
                Standing::Beaten(by) => format!("{} < {}", c.rule.head.id, by.head.id),
                Standing::Idle => format!("{} idle", c.rule.head.id),
                Standing::GivesWay => format!("{} gives way", c.rule.head.id),
            })
            .collect();
        rules.sort();
        (monday.collect(), rules)
    }

    #[test]
    fn hours_are_intersected_and_each_bound_has_its_rule() {
        let hours = |id: &str, windows: &str| {
            format!("[[hours]]\nid = \"{id}\"\nHEADwindows = {{ all = \"{windows}\" }}\n")
        };
        let (monday, rules) = seen(vec![
            pack("a", "statute", &hours("hours.early", "07:00-20:00")),
            pack("b", "house", &hours("hours.late", "08:00-12:00, 14:00-22:00")),
            pack("c", "house", &hours("hours.wide", "06:00-23:00")),
        ]);
        assert_eq!(
            monday,
            ["8-12 hours.late hours.late", "14-20 hours.late hours.early"]
        );
        assert_eq!(rules, ["hours.early", "hours.late", "hours.wide < hours.early"]);
        let (_, rules) = seen(vec![
            pack("a", "statute", &hours("hours.place", "07:00-20:00")),
            pack("house", "house", &hours("hours.house", "09:00-18:00")),
        ]);
        assert_eq!(rules, ["hours.house gives way", "hours.place"]);
    }

    #[test]
    fn a_looser_cap_is_beaten_and_another_one_is_not() {
        let cap = |id: &str, key: &str, days: u32, max: u32| {
            format!("[[caps]]\nid = \"{id}\"\nHEADkey = \"{key}\"\nlocal_days = {days}\nmax = {max}\n")
        };
        let (_, rules) = seen(vec![
            pack(
                "a",
                "statute",
                &(cap("cap.day", "person", 1, 1) + &cap("cap.week", "person", 7, 3)),
            ),
            pack(
                "b",
                "house",
                &(cap("cap.loose", "person", 1, 2) + &cap("cap.debt", "debt", 1, 1)),
            ),
        ]);
        assert_eq!(rules, ["cap.day", "cap.debt", "cap.loose < cap.day", "cap.week"]);
        let when =
            "[[statuses]]\nid = \"status.x\"\nHEADwhen = { any = [\"cease\"] }\nverdict = \"blocked\"\n";
        assert_eq!(seen(vec![pack("a", "house", when)]).1, ["status.x idle"]);
    }
}
