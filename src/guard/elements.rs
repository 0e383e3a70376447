//! What must stand in a message: who speaks, for whom, how to answer and how to opt out.

use crate::domain::{Draft, Situation};
use crate::policy::fold::fold;
use crate::policy::{Body, Contact, Element, Rule};

use super::Part;

/// Whether something a rule asks for is missing.
pub(super) fn missing(rule: &Rule, s: &Situation, views: &[String]) -> bool {
    let due = |contact: Contact| match contact {
        Contact::Any => true,
        Contact::First => s.first_contact,
        Contact::Later => !s.first_contact,
    };
    match &rule.body {
        Body::Element {
            element,
            contact,
            words,
            ..
        } => due(*contact) && views.iter().any(|view| !stands(*element, words, s, view)),
        Body::Says { says, contact, .. } => {
            let lacks = |view: &String| {
                says.iter()
                    .any(|(_, wordings)| !wordings.iter().any(|w| view.contains(w.as_str())))
            };
            due(*contact) && views.iter().any(lacks)
        }
        _ => false,
    }
}

/// What one reader sees at once: plain text and HTML are read by different people, a letter as a whole.
pub(super) fn views(draft: &Draft, parts: &[Part]) -> Vec<String> {
    let whole = |skip: &str| {
        let texts = parts.iter().filter(|p| p.name != skip).map(|p| p.folded.text());
        texts.collect::<Vec<_>>().join("\n")
    };
    match draft {
        Draft::Email(mail) if !mail.html.trim().is_empty() => vec![whole("html"), whole("text")],
        _ => vec![whole("html")],
    }
}

fn stands(element: Element, words: &[String], s: &Situation, view: &str) -> bool {
    let names = |name: &str| {
        let folded = fold(name);
        !folded.text().trim().is_empty() && view.contains(folded.text().trim())
    };
    match element {
        Element::SenderName => names(&s.sender.name) || names(&format!("【{}】", s.sender.signature)),
        Element::CreditorName => names(&s.creditor.name),
        Element::SmsSignature => {
            let signature = fold(&format!("【{}】", s.sender.signature));
            let view = view.trim();
            view.starts_with(signature.text()) || view.ends_with(signature.text())
        }
        Element::OptOut => words.iter().any(|w| view.contains(w.as_str())),
        Element::ReplyContact => reply_contact(s, view, names),
        Element::PayeeHolder => {
            let digits = compact(view);
            s.payees
                .iter()
                .filter(|p| p.confirmed && digits.contains(&compact(&p.number.to_lowercase())))
                .all(|p| names(&p.holder))
        }
    }
}

fn reply_contact(s: &Situation, view: &str, names: impl Fn(&str) -> bool) -> bool {
    let phone = s.sender.phone.as_ref().is_some_and(|p| {
        let digits = p.e164().trim_start_matches('+');
        // Without the country code, whose length is at most three.
        let national = if digits.len() > 10 { &digits[3..] } else { digits };
        compact(view).contains(national)
    });
    let email = s.sender.email.as_ref().is_some_and(|e| names(e.as_str()));
    let postal = s
        .sender
        .postal
        .as_ref()
        .is_some_and(|p| p.lines.iter().all(|l| names(l)));
    phone || email || postal
}

/// Without what people put between digits.
fn compact(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '_'))
        .collect()
}
