//! Tables about what may be done, as bodies of rules: recipients, channels, messages, elements, statuses, senders.

use super::*;
use crate::policy::marks_of;

pub(super) fn conduct(
    (kind, beside): (Kind, &Words<Kind>),
    verdict: &Word<Outcome>,
    until: &Option<Word<NamedDay>>,
    byte: usize,
    cx: &Context<'_>,
) -> Result<Body, PolicyError> {
    if (verdict.0 == Outcome::Held) != until.is_some() {
        return Err(cx.wrong(
            byte,
            "one without the other",
            "`verdict = \"held\"` together with `until`",
        ));
    }
    Ok(Body::Conduct {
        kind,
        beside: beside.iter().fold(Set::EMPTY, |set, w| set.with(w.0)),
        outcome: verdict.0,
        until: until.as_ref().map(|w| w.0),
    })
}

pub(super) fn recipients(t: RawRecipients, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    if !t.allowed.is_empty() && !t.refused_uses.is_empty() {
        return Err(cx.wrong(byte, "both", "at most one of `allowed` and `refused_uses`"));
    }
    if !t.allowed.is_empty() {
        let role = t.allowed.iter().fold(Set::EMPTY, |set, w| set.with(w.0));
        rule.unless.push(Conditions {
            role,
            ..Conditions::default()
        });
    }
    if !t.refused_uses.is_empty() {
        rule.when.place = t.refused_uses.iter().fold(Set::EMPTY, |set, w| set.with(w.0));
    }
    conduct((Kind::Recipients, &t.beside), &t.verdict, &t.until, byte, cx)
}

pub(super) fn element(t: RawElement, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    let folded = |w: &String| fold(w).text().to_owned();
    let (contact, outcome) = (t.contact.0, t.verdict.0);
    match t.element {
        None if !t.says.is_empty() && t.words.is_empty() => {
            if t.says.values().any(Vec::is_empty) {
                return Err(cx.wrong(
                    byte,
                    "a name without wordings",
                    "at least one wording for each name in `says`",
                ));
            }
            let says = t
                .says
                .iter()
                .map(|(name, w)| (name.clone(), w.iter().map(folded).collect()));
            Ok(Body::Says {
                says: says.collect(),
                waived: t.waived,
                contact,
                outcome,
            })
        }
        Some(Word(element)) if t.says.is_empty() && (element == Element::OptOut) != t.words.is_empty() => {
            Ok(Body::Element {
                element,
                contact,
                words: t.words.iter().map(folded).collect(),
                outcome,
            })
        }
        Some(_) if t.says.is_empty() => Err(cx.wrong(
            byte,
            "`words` that do not fit",
            "`words` with `opt_out`, none with other elements",
        )),
        _ => Err(cx.wrong(byte, "both or neither", "one of `element` and `says`")),
    }
}

pub(super) fn status(t: RawStatus, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    let mut any = rule.when.any;
    for reason in t.suppression.iter().map(|w| w.0) {
        any = any.and(marks_of(reason));
    }
    for state in t.account.iter().map(|w| w.0) {
        any = any.with(match state {
            AccountTrigger::Settled => Mark::Settled,
            AccountTrigger::Closed => Mark::Closed,
            AccountTrigger::Disputed => Mark::Disputed,
        });
    }
    for fact in t.person.iter().map(|w| w.0) {
        any = any.with(match fact {
            PersonTrigger::Deceased => Mark::RecipientDeceased,
            PersonTrigger::Minor => Mark::RecipientMinor,
        });
    }
    rule.when.any = any;
    if any.is_empty() && rule.when.all.is_empty() && rule.when.happened.is_empty() {
        return Err(cx.wrong(
            byte,
            "nothing that stops",
            "one of `suppression`, `account`, `person`, `when`",
        ));
    }
    conduct((Kind::Statuses, &t.beside), &t.verdict, &t.until, byte, cx)
}

pub(super) fn sender(t: RawSender, rule: &mut Rule, cx: &Context<'_>) -> Result<Body, PolicyError> {
    let byte = t.byte();
    if t.refused && !t.requires.is_empty() {
        return Err(cx.wrong(byte, "both", "either `refused = true` or `requires`"));
    }
    if !t.requires.is_empty() {
        let all = t.requires.iter().map(|c| match c.0 {
            Credential::Licence => Mark::Licence,
            Credential::Mandate => Mark::Mandate,
        });
        let all = all.fold(Set::EMPTY, Set::with);
        rule.unless.push(Conditions {
            all,
            ..Conditions::default()
        });
    } else if !t.refused && rule.unless.is_empty() {
        return Err(cx.wrong(byte, "neither", "`refused = true`, `requires` or `unless`"));
    }
    conduct((Kind::Senders, &t.beside), &t.verdict, &None, byte, cx)
}
