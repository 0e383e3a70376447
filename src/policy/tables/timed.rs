//! Tables that have a clock or a count, as bodies of rules: hours, margins, caps, waits, patterns, warnings.

use super::*;

pub(super) fn hours(t: RawHours, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    if t.windows.is_some() == t.from_file.is_some() {
        return Err(cx.wrong(byte, "both or neither", "one of `windows` and `from_file`"));
    }
    Ok(Body::Hours(Hours {
        week: t.windows.map(|w| week(w, byte, cx)).transpose()?,
        from: t.from_file.map(|w| w.0),
        inclusive: t.close_inclusive,
        answer_minutes: t.answer_minutes,
        area_code: t.area_code_channels.map_or(Set::EMPTY, |m| m.0),
    }))
}

pub(crate) fn week(w: RawWindows, byte: usize, cx: &Context<'_>) -> Result<Week, PolicyError> {
    let all = w.all.map(|s| s.0.0);
    let mon_sat = w.mon_sat.map(|s| s.0.0);
    let mon_fri = w.mon_fri.map(|s| s.0.0);
    let mut days: [Vec<Slot>; 7] = Default::default();
    let own = [w.mon, w.tue, w.wed, w.thu, w.fri, w.sat, w.sun];
    for (i, own) in own.into_iter().enumerate() {
        let five = mon_fri.clone().filter(|_| i < 5);
        let six = mon_sat.clone().filter(|_| i < 6);
        let slots = own.map(|s| s.0.0).or(five).or(six).or_else(|| all.clone());
        days[i] = slots.ok_or_else(|| {
            cx.wrong(
                byte,
                "a weekday without hours",
                "`all`, `mon_fri`, `mon_sat` or every day, `closed` where it is",
            )
        })?;
    }
    Ok(Week {
        days,
        holiday: w.holiday.map(|s| s.0.0),
        scope: w.holidays.map_or(Scope::default(), |s| s.0),
    })
}

pub(super) fn margin(t: RawMargin, cx: &Context<'_>) -> Result<Body, PolicyError> {
    if t.minutes > 120 {
        return Err(cx.wrong(t.byte(), t.minutes.to_string(), "at most 120 minutes"));
    }
    Ok(Body::CloseMargin { minutes: t.minutes })
}

fn span(
    (days, months, hours, minutes): (Option<u32>, Option<u32>, Option<u32>, Option<u32>),
    byte: usize,
    cx: &Context<'_>,
) -> Result<CapWindow, PolicyError> {
    match (days, months, hours, minutes) {
        (Some(days @ 1..=60), None, None, None) => Ok(CapWindow::LocalDays(days)),
        (None, Some(1), None, None) => Ok(CapWindow::LocalMonth),
        (None, None, Some(hours @ 1..=1440), None) => {
            Ok(CapWindow::Rolling(chrono::TimeDelta::hours(hours.into())))
        }
        (None, None, None, Some(minutes @ 1..=86400)) => {
            Ok(CapWindow::Rolling(chrono::TimeDelta::minutes(minutes.into())))
        }
        _ => Err(cx.wrong(
            byte,
            "another window",
            "exactly one of `local_days` (1-60), `local_months` (1), `hours` (1-1440), `minutes` (1-86400); history reaches 62 days",
        )),
    }
}

/// The outcomes that the kinds of touch of the first format stand for.
fn touched(kinds: Vec<TouchKind>) -> Set<Ended> {
    kinds.into_iter().fold(Set::EMPTY, |set, kind| {
        set.and(match kind {
            TouchKind::Message => Set::of(&[Ended::HandedOver, Ended::Undeliverable, Ended::Returned]),
            TouchKind::CallUnanswered => Counts::Unanswered.outcomes().without(Ended::Unlogged),
            TouchKind::CallAnswered => Set::of(&[Ended::NoDiscussion, Ended::HungUp, Ended::Dropped]),
            TouchKind::Conversation => Set::of(&[Ended::Conversation]),
        })
    })
}

pub(super) fn cap(t: RawCap, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    let window = span((t.local_days, t.local_months, t.hours, t.minutes), byte, cx)?;
    let given = [t.counts.is_some(), !t.outcomes.is_empty(), !t.kinds.is_empty()];
    if given.iter().filter(|g| **g).count() > 1 {
        return Err(cx.wrong(byte, "several of them", "one of `counts`, `outcomes`, `kinds`"));
    }
    let mut outcomes = match (&t.counts, t.outcomes.is_empty()) {
        (Some(counts), _) => counts.0.outcomes(),
        (None, false) => set(t.outcomes).with(Ended::Unlogged),
        (None, true) if t.kinds.is_empty() => Set::all(),
        (None, true) => touched(plain(t.kinds)),
    };
    for word in plain(t.not_counted) {
        outcomes = outcomes.without(word);
    }
    if t.collection_only {
        rule.purposes = Set::of(&[Aim::Collection]);
    }
    let exclude = set(t.exclude);
    let by_consent = exclude.has(Exclusion::Consent) || exclude.has(Exclusion::ConsentNow);
    if by_consent != t.consent_local_days.is_some() {
        return Err(cx.wrong(
            byte,
            "one without the other",
            "`exclude = [\"consent\"]` (or `consent_for_this_call`) together with `consent_local_days`",
        ));
    }
    Ok(Body::Cap(Cap {
        key: Set::of(&t.key.0),
        counted: t.counted_channels.map_or(rule.channels, |m| m.0),
        outcomes,
        inbound: t.inbound,
        to: set(t.to),
        purposes_not: set(t.exclude_purposes),
        exclude,
        consent_days: t.consent_local_days.unwrap_or(0),
        since: t.after.map(|w| w.0),
        window,
        max: t.max,
    }))
}

pub(super) fn wait(t: RawWait, cx: &Context<'_>) -> Result<Body, PolicyError> {
    if t.after.is_empty() || t.local_days == 0 {
        return Err(cx.wrong(t.byte(), "no notice or no days", "`after` and `local_days`"));
    }
    Ok(Body::Wait {
        after: set(t.after),
        days: t.local_days,
    })
}

pub(super) fn pattern(t: RawPattern, cx: &Context<'_>) -> Result<Body, PolicyError> {
    if t.per_day == 0 || t.days < 2 || t.days > 30 {
        return Err(cx.wrong(
            t.byte(),
            "another pattern",
            "`per_day` from 1 and `days` from 2 to 30",
        ));
    }
    Ok(Body::Pattern(Harassment {
        per_day: t.per_day,
        days: t.days,
    }))
}

pub(super) fn warning(t: RawWarning, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    let (Some(key), Some(max)) = (t.key, t.max) else {
        return Ok(Body::Warning(None));
    };
    let window = span((t.local_days, None, t.hours, t.minutes), byte, cx)?;
    Ok(Body::Warning(Some(Cap {
        key: Set::of(&key.0),
        counted: rule.channels,
        outcomes: t.counts.map_or_else(Set::all, |c| c.0.outcomes()),
        inbound: false,
        to: Set::EMPTY,
        purposes_not: Set::EMPTY,
        exclude: Set::EMPTY,
        consent_days: 0,
        since: None,
        window,
        max,
    })))
}
