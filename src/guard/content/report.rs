//! The words of a draft within a whole review: every entry that was asked is reported, found or not.

use super::{ContentRules, DISGUISED, Page, Part, SecondOpinion, judge};
use crate::guard::{Desk, classifier};
use crate::policy::{Applied, ContentContext, Head, PolicySet, core_rule};

/// Judges the words of every part of a draft and reports each entry that was asked, found or not.
pub(in crate::guard) fn report(desk: &mut Desk<'_>, policy: &PolicySet, applied: &Applied<'_>) {
    let cx = ContentContext::of(desk.s);
    let pages: Vec<Page<'_>> = desk
        .parts
        .iter()
        .map(|p| Page {
            part: Part {
                name: p.name,
                text: &p.text,
                html: p.name == "html",
                variables: &p.variables,
            },
            folded: &p.folded,
        })
        .collect();
    let rules = ContentRules {
        lexicons: policy.lexicons(),
        speaks: Some(&applied.entries),
        // A template was read by people before it came into use, and rules judge it with every message; a model that has
        // learnt short messages would doubt long letters. It is asked about the words of collectors.
        classifier: desk
            .s
            .attempt
            .own_text
            .as_ref()
            .map(|_| classifier::shipped() as &dyn SecondOpinion),
    };
    let mut review = judge(&cx, &pages, &rules);
    if rules.classifier.is_none() {
        // Nobody disguises words in a template: there, what only sounds like a word is chance.
        review.findings.retain(|f| !f.by_sound);
    }
    for (i, entry) in policy.lexicons().entries().iter().enumerate() {
        if applied.entries[i] && !review.findings.iter().any(|f| f.entry == Some(i)) {
            desk.pass(&entry.rule.head);
        }
    }
    for id in [
        "content.hidden_characters",
        DISGUISED,
        "payee.unregistered",
        "content.classifier",
    ] {
        if !review.findings.iter().any(|f| f.head.id.starts_with(id)) {
            desk.pass(core_rule(id));
        }
    }
    for finding in review.findings {
        let place = applied.citation(finding.category).map(|rule| &rule.head);
        let mut head = cited(&finding.head, place.filter(|_| finding.entry.is_some()));
        if let Some((zh, en)) = finding.variable {
            head.zh = format!("{}(词语出自{zh},不是模板)", head.zh);
            head.en = format!("{} (the words come from {en}, not from the template)", head.en);
        }
        desk.report(&head, finding.verdict, Some((finding.part, finding.span)));
    }
}

/// The finding's sentence with the citation of the place, where a pack of the place has a stronger one.
pub fn cited(own: &Head, place: Option<&Head>) -> Head {
    match place {
        Some(rule) if rule.level < own.level => Head {
            pack: rule.pack.clone(),
            version: rule.version.clone(),
            level: rule.level,
            sureness: rule.sureness,
            basis: rule.basis.clone(),
            ..own.clone()
        },
        _ => own.clone(),
    }
}
