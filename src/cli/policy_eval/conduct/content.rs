//! What the message says: what stands in it, what is missing, what it claims and how it looks.

use super::Line;
use super::words::*;
use crate::cli::policy_eval::reading::Object;
use crate::policy::{Aim, Assertion, Facts, Mark, Medium, NamedDay, Set, described};

/// Fields of `content`; further ones are read by what they are called, where that can be done.
const CONTENT: &[&str] = &[
    "type",
    "mentions_debt",
    "identifies_self",
    "caller_name_given",
    "has",
    "missing",
    "adds",
    "extra",
    "optional",
    "contains_only",
    "claim",
    "text",
    "layout",
    "opt_out",
    "term",
    "form",
    "visibility",
    "identifies_as_debt_collector",
    "business_name",
    "asks_reply",
    "person_names",
    "phone",
    "partial",
    "callback_number_type",
    "states_cost_amount",
    "costs",
    "cost_amount",
    "subject",
    "language",
    "note",
    "validation_period_ends",
    "opt_out_deadline",
    "discloses",
    "payee",
    "sender_name",
];

fn fields<'v>(a: Object<'v>) -> Vec<&'v str> {
    let content = a.get("content").and_then(|c| c.as_object());
    content.map_or(Vec::new(), |m| m.keys().map(String::as_str).collect())
}

/// The content of an attempt. Fields with names of their own are read by `named`.
pub(super) fn object<'v>(a: Object<'v>) -> Object<'v> {
    let value = a.get("content").filter(|c| c.is_object());
    Object::of(value, "content", &fields(a), a.odd())
}

/// Reads the content of the attempt.
pub(super) fn read(line: Line<'_, '_>, f: &mut Facts) {
    let a = line.attempt;
    if let Some(text) = a.get("content").and_then(|c| c.as_str()) {
        f.says = f.says.and(said(text, f).0);
    }
    let known = fields(a);
    let c = object(a);
    kind(c, f);
    speaker(c, f);
    elements(a, c, f);
    claims(a, c, f);
    named(c, &known, f);
    opt_out(c, f);
    terms(a, c, f);
    limited(a, c, f);
    confirmation(a, c, f);
    let voice = f.marks.has(Mark::Recorded);
    let more = more_than(a, c, &NAME_OR_NUMBER) || c.flag("mentions_debt") == Some(true);
    f.marks.note(Mark::MoreThanNumber, voice && more);
}

/// What kind of message it is.
fn kind(c: Object<'_>, f: &mut Facts) {
    let kind = c.text("type").map(plain).unwrap_or_default();
    let transfer = kind.contains("transfer") && kind != "email transfer notice";
    f.marks
        .note(Mark::FirstNotice, kind == "initial notice" || transfer);
    f.marks
        .note(Mark::IsValidationNotice, kind == "validation notice");
    f.marks
        .note(Mark::IsFourteenDayLetter, kind == "fourteen day letter");
    f.marks.note(
        Mark::LawyerLetter,
        kind.contains("lawyer") || kind.contains("attorney letter"),
    );
    if matches!(kind.as_str(), "verification" | "restructure answer") {
        f.aim = Aim::Reply.with_class();
    }
    let plain_kind = [
        "notice",
        "letter",
        "reminder",
        "demand",
        "message",
        "call",
        "statement",
        "verification",
        "answer",
        "limited content",
        "confirmation",
        "voicemail",
        "offer",
        "communication",
        "request",
        "invoice",
    ];
    if !kind.is_empty() && !plain_kind.iter().any(|k| kind.contains(k)) {
        c.wrong("type");
    }
    let runs = f.day(NamedDay::ValidationEnds).is_some_and(|end| {
        let not_over = |z: &crate::policy::Candidate| f.at.date_in(z.zone) <= end;
        f.zones.iter().any(not_over)
    });
    f.marks
        .note(Mark::ValidationRuns, runs || kind == "validation notice");
}

/// Who speaks, and whether the debt is named.
fn speaker(c: Object<'_>, f: &mut Facts) {
    // Whatever is not said to leave the debt out is taken to name it.
    f.marks = f.marks.without(Mark::MentionsDebt);
    f.marks
        .note(Mark::MentionsDebt, c.flag("mentions_debt") != Some(false));
    let silent = |field: &str| c.has(field) && c.text(field).is_none_or(|t| t.trim().is_empty());
    let hidden =
        c.flag("identifies_self") == Some(false) || silent("caller_name_given") || silent("sender_name");
    f.marks.note(Mark::Unidentified, hidden);
    f.marks.note(Mark::IdentifiesSelf, c.yes("identifies_self"));
    let names = ["caller_name_given", "business_name", "sender_name"];
    let reveals = names
        .iter()
        .filter_map(|n| c.text(n))
        .any(|n| REVEALING_NAME.is_match(&plain(n)));
    f.marks.note(Mark::NameRevealsCollection, reveals);
    let unnamed = c.flag("identifies_as_debt_collector") == Some(false);
    f.marks.note(Mark::CollectorUnnamed, unnamed);
}

/// What stands in it, and what does not.
fn elements(a: Object<'_>, c: Object<'_>, f: &mut Facts) {
    for object in [a, c] {
        let missing = object.texts("missing");
        f.missing.extend(missing.iter().map(|m| (*m).to_owned()));
    }
    f.marks.note(Mark::RequiredMissing, !f.missing.is_empty());
    let mut has = items(c, "has");
    has.extend(items(c, "contains_only"));
    has.extend(items(c, "adds"));
    has.extend(items(c, "extra"));
    has.extend(items(a, "adds"));
    let not = |t: &String| t.starts_with("no ") || t.starts_with("not ") || t.contains("without");
    let disputed = has
        .iter()
        .any(|h| DISPUTED.is_match(h) && !not(h) && !h.contains("right"));
    f.marks.note(Mark::CalledDisputed, disputed);
    let agreed = f.marks.has(Mark::DetailsByTextAgreed);
    let text = c.text("text").unwrap_or("");
    let named = has.iter().any(|h| DETAIL.is_match(h)) || text.chars().any(|c| c.is_ascii_digit());
    let details = named || c.flag("mentions_debt") == Some(true);
    f.marks.note(Mark::Details, details && !agreed);
    f.marks
        .note(Mark::CostsUnstated, c.flag("states_cost_amount") == Some(false));
}

/// What a description says, and whether it was understood.
fn said(text: &str, f: &Facts) -> (Set<Assertion>, bool) {
    let d = described(text, f.sender);
    (d.says, d.understood)
}

/// What the message claims, what was put in besides, and how it looks.
fn claims(a: Object<'_>, c: Object<'_>, f: &mut Facts) {
    for (object, field) in [
        (c, "claim"),
        (c, "layout"),
        (c, "adds"),
        (c, "extra"),
        (a, "adds"),
        (a, "extra"),
        (c, "payee"),
        (c, "subject"),
    ] {
        for text in object.texts(field) {
            let (says, understood) = said(text, f);
            let limited = c.text("type") == Some("limited_content");
            let short = f.aim.has(Aim::OptOutConfirmation);
            if !understood && !limited && !short {
                object.wrong(field);
            }
            f.says = f.says.and(says);
            if field == "claim" {
                let named =
                    DISPUTED.is_match(&plain(text)) && !plain(text).contains("not ") && says.is_empty();
                f.marks.note(Mark::CalledDisputed, named);
            }
        }
    }
    if let Some(text) = c.text("text") {
        // Real words: only what is plain counts here, for the lexicons judge wording.
        let plain_enough = [
            Assertion::Arrest,
            Assertion::Seizure,
            Assertion::Suit,
            Assertion::Violence,
            Assertion::Insult,
        ];
        let found = said(text, f).0;
        for word in plain_enough {
            f.says.note(word, found.has(word));
        }
    }
    if let Some(number) = c.text("callback_number_type").map(plain) {
        let dear = [
            "premium",
            "shared",
            "revenue",
            "higher",
            "dear",
            "0870",
            "0871",
            "0845",
            "0844",
            "09",
            "expensive",
            "surcharge",
            "international",
        ];
        let fair = [
            "geographic",
            "free",
            "local",
            "ordinary",
            "mobile",
            "basic",
            "standard",
            "01",
            "02",
            "03",
            "0800",
            "national",
            "landline",
            "normal",
        ];
        let is_dear = dear.iter().any(|w| number.contains(w));
        f.says.note(Assertion::DearNumber, is_dear);
        if !is_dear && !fair.iter().any(|w| number.contains(w)) {
            c.wrong("callback_number_type");
        }
    }
}

/// Fields that their names explain: `states_amount: false` lacks something, `imitates_court_form: true` claims it.
fn named(c: Object<'_>, fields: &[&str], f: &mut Facts) {
    for field in fields.iter().filter(|k| !CONTENT.contains(k)) {
        let name = plain(field);
        let states = [
            "states ",
            "names ",
            "has ",
            "includes ",
            "gives ",
            "contains ",
            "mentions ",
            "explains ",
            "recalls ",
            "identifies ",
            "shows ",
            "says ",
        ];
        let bare = states.iter().find_map(|s| name.strip_prefix(s));
        let (says, _) = said(bare.unwrap_or(&name), f);
        let denied = name.starts_with("no ") || name.starts_with("not ");
        match c.get(field).and_then(|v| v.as_bool()) {
            Some(false) if bare.is_some() && says.is_empty() => {
                f.missing.push(bare.unwrap_or(&name).replace(' ', "_"));
                f.marks.note(Mark::RequiredMissing, true);
            }
            Some(true) if !says.is_empty() && !denied => f.says = f.says.and(says),
            Some(true) if bare.is_some() => {}
            Some(false) if !says.is_empty() && bare.is_none() => {}
            _ => c
                .odd()
                .note(format!("content.{}", field.chars().take(60).collect::<String>())),
        }
    }
}

/// How the person may opt out.
fn opt_out(c: Object<'_>, f: &mut Facts) {
    if !c.has("opt_out") {
        return;
    }
    let (method, requires) = match c.get("opt_out") {
        None => return f.marks.note(Mark::NoOptOut, true),
        Some(v) if v.is_string() => (c.text("opt_out").map(plain), Vec::new()),
        Some(v) if v.as_bool().is_some() => {
            return f.marks.note(Mark::NoOptOut, v.as_bool() == Some(false));
        }
        Some(v) => {
            let known = [
                "method", "requires", "fee", "cost", "clear", "note", "words", "language", "visible",
            ];
            let o = Object::of(Some(v), "opt_out", &known, c.odd());
            let asked = |field: &str| {
                let said = o.get(field).and_then(|v| v.as_bool());
                said == Some(true) || o.number_or_zero(field)
            };
            let dear = asked("fee") || asked("cost");
            f.marks.note(Mark::OptOutBurdened, dear);
            let unclear = o.flag("clear") == Some(false) || o.flag("visible") == Some(false);
            f.marks.note(Mark::NoOptOut, unclear);
            (o.text("method").map(plain), items(o, "requires"))
        }
    };
    let extra = requires.iter().any(|r| !FREE_DATA.is_match(r));
    f.marks.note(Mark::OptOutBurdened, extra);
    match method.as_deref() {
        None => f.marks.note(
            Mark::NoOptOut,
            requires.is_empty() && !f.marks.has(Mark::OptOutBurdened),
        ),
        Some("none") => f.marks.note(Mark::NoOptOut, true),
        Some(m) if SIMPLE_OPT_OUT.is_match(m) => {
            let by_voice = m.contains("call") || m.contains("phone") || m.contains("unlinked");
            f.marks.note(Mark::OptOutBurdened, by_voice);
        }
        Some(m) if HARD_OPT_OUT.is_match(m) => f.marks.note(Mark::OptOutBurdened, true),
        Some(_) => c.wrong("opt_out"),
    }
}

/// The term of the letter that gives fourteen days.
fn terms(a: Object<'_>, c: Object<'_>, f: &mut Facts) {
    for object in [a, c] {
        let Some(value) = object.get("term") else { continue };
        let text = plain(value.as_str().unwrap_or(&value.to_string()));
        let days: Option<u32> = NUMBER.find(&text).and_then(|n| n.as_str().parse().ok());
        let words = [
            ("fourteen", 14),
            ("seven", 7),
            ("ten", 10),
            ("fifteen", 15),
            ("two weeks", 14),
            ("one week", 7),
            ("a week", 7),
        ];
        let days = days.or_else(|| words.iter().find(|(w, _)| text.contains(w)).map(|(_, n)| *n));
        let short = days.is_none_or(|d| d < 14 && !text.contains("week"));
        let from_receipt = RECEIPT.is_match(&text);
        if days.is_none() && !from_receipt && !FROM_DATE.is_match(&text) {
            object.wrong("term");
        }
        // A term counted from the date of the letter, or from nothing, begins before the day after receipt.
        f.marks.note(Mark::TermTooShort, short || !from_receipt);
    }
    let days = c.get("term_days").and_then(|d| d.as_i64());
    f.marks.note(Mark::TermTooShort, days.is_some_and(|d| d < 14));
}

/// A voicemail of limited content: four things, a few more that may be there, and nothing else.
fn limited(a: Object<'_>, c: Object<'_>, f: &mut Facts) {
    if c.text("type") != Some("limited_content") {
        return;
    }
    let null = |field: &str| c.has(field) && c.get(field).is_none();
    let empty = |field: &str| {
        c.get(field)
            .is_some_and(|v| v.as_array().is_some_and(|l| l.is_empty()) || v.as_str() == Some(""))
    };
    let lacks = ["business_name", "person_names", "phone", "asks_reply"]
        .iter()
        .any(|field| null(field) || empty(field));
    let elsewhere = f.medium != Medium::Voice
        || [a, c]
            .iter()
            .filter_map(|o| o.text("form"))
            .any(|form| !plain(form).contains("voicemail"));
    let extra = ["adds", "extra"]
        .iter()
        .any(|x| !c.texts(x).is_empty() || !a.texts(x).is_empty());
    let optional = items(c, "optional").iter().any(|o| !ALLOWED_OPTIONAL.is_match(o));
    let only = items(c, "contains_only")
        .iter()
        .any(|o| !LIMITED_ITEM.is_match(o));
    let broken = lacks
        || elsewhere
        || extra
        || optional
        || only
        || c.flag("asks_reply") == Some(false)
        || c.yes("partial")
        || c.yes("mentions_debt")
        || c.yes("identifies_as_debt_collector")
        || a.yes("identifies_as_debt_collector")
        || !f.missing.is_empty()
        || f.marks.has(Mark::NameRevealsCollection)
        || f.marks.has(Mark::Unidentified);
    f.marks.note(Mark::LimitedContentBroken, broken);
    f.marks.note(Mark::LimitedContent, !broken);
    if !broken {
        f.marks = f.marks.without(Mark::MentionsDebt);
    }
}

/// Whether a confirmation of an opt-out says more than that.
fn confirmation(a: Object<'_>, c: Object<'_>, f: &mut Facts) {
    if !f.aim.has(Aim::OptOutConfirmation) {
        return;
    }
    let only = items(c, "contains_only");
    let more = only.iter().any(|o| !o.contains("confirm"))
        || ["adds", "extra"]
            .iter()
            .any(|x| !c.texts(x).is_empty() || !a.texts(x).is_empty())
        || items(c, "has")
            .iter()
            .any(|o| !o.contains("confirm") && !o.contains("opt"))
        || c.get("claim").is_some()
        || c.text("text")
            .is_some_and(|t| MORE_THAN_CONFIRMED.is_match(&plain(t)));
    f.marks.note(Mark::MoreThanConfirmation, more);
}

/// Whether the message has items beyond those that `allowed` names.
fn more_than(a: Object<'_>, c: Object<'_>, allowed: &regex::Regex) -> bool {
    let listed = ["contains_only", "has"];
    let besides = ["adds", "extra"];
    listed
        .iter()
        .any(|l| items(c, l).iter().any(|i| !allowed.is_match(i)))
        || besides
            .iter()
            .any(|l| !c.texts(l).is_empty() || !a.texts(l).is_empty())
}
