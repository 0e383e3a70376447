//! What is written down of a judgement: fields for the log without personal data, and the words and facts that are
//! kept beside it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::rules::InForce;
use crate::domain::{Draft, Finding, Moment, PortfolioId, Situation, Verdict};
use crate::evidence::{Named, Value, desk_facts, digest_hex, situation_facts, to_canonical};
use crate::guard::Evaluated;
use crate::render::Rendered;
use crate::store::{Basis, Content};

/// A finding as it is stored for screens and `explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingView {
    /// Stable rule id.
    pub rule: String,
    /// What it alone leads to: `held`, `review` or `blocked`.
    pub verdict: String,
    /// For holds: the next lawful instant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
    /// Pack.
    pub pack: String,
    /// Version of the pack.
    pub version: String,
    /// Law and clause, or `house rule`.
    pub citation: String,
    /// How binding.
    pub level: String,
    /// How sure we are of the citation.
    pub sureness: String,
    /// The sentence in Chinese.
    pub zh: String,
    /// The sentence in English.
    pub en: String,
    /// Part of the draft it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<String>,
    /// Bytes of that part.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub span: Option<(usize, usize)>,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instead: Option<String>,
}

impl From<&Finding> for FindingView {
    fn from(f: &Finding) -> FindingView {
        FindingView {
            rule: f.rule.clone(),
            verdict: f.verdict.as_str().to_owned(),
            until: match f.verdict {
                Verdict::Held { until } => Some(until.to_text()),
                _ => None,
            },
            pack: f.pack.clone(),
            version: f.version.clone(),
            citation: f.citation.clone(),
            level: f.level.as_str().to_owned(),
            sureness: f.sureness.as_str().to_owned(),
            zh: f.zh.clone(),
            en: f.en.clone(),
            part: f.span.as_ref().map(|(part, _)| (*part).to_owned()),
            span: f.span.as_ref().map(|(_, range)| (range.start, range.end)),
            instead: f.instead.clone(),
        }
    }
}

/// The findings as JSON; `None` when there are none.
pub(super) fn findings_json(findings: &[Finding]) -> Option<String> {
    let views: Vec<FindingView> = findings.iter().map(FindingView::from).collect();
    (!views.is_empty()).then(|| serde_json::to_string(&views).expect("findings are plain text"))
}

/// What a judgement gives to its entry.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) rendered: Option<&'a Rendered>,
    pub(super) findings: &'a [Finding],
}

/// Fields of the decision entry. Rule ids, versions, citations and places; never a name, number or word of the text.
pub(super) fn fields(situation: &Situation, told: Told<'_>, under: &InForce) -> BTreeMap<String, Value> {
    let s = situation;
    let Told { rendered, findings } = told;
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    match under.set {
        Some(set) => put("set", set.to_string().into()),
        None => put("policy", under.rulebook.policy.digest().into()),
    };
    put("engine", concat!("dunwell ", env!("CARGO_PKG_VERSION")).into());
    put("channel", s.attempt.channel.as_str().into());
    put("purpose", s.attempt.purpose.as_str().into());
    put("role", s.role.as_str().into());
    put("sender", s.sender.id.to_string().into());
    put("creditor", s.creditor.id.to_string().into());
    put(
        "zones",
        s.zones()
            .candidates
            .iter()
            .map(|z| z.name().into())
            .collect::<Vec<Value>>()
            .into(),
    );
    put("zones_from", s.zones().source.as_str().into());
    put("tzdb", chrono_tz::IANA_TZDB_VERSION.into());
    if let Some(r) = rendered {
        put("template", r.template.as_str().into());
        put("template_sha256", hex::encode(r.digest).into());
        put("locale", r.locale.as_str().into());
        if let Draft::Sms(sms) = &r.draft {
            put(
                "segments",
                i64::try_from(sms.segments.count).unwrap_or(i64::MAX).into(),
            );
            put("coding", sms.segments.coding.as_str().into());
        }
    }
    if !findings.is_empty() {
        put(
            "findings",
            findings.iter().map(finding_value).collect::<Vec<_>>().into(),
        );
    }
    fields
}

fn finding_value(f: &Finding) -> Value {
    let mut fields = BTreeMap::from([
        ("rule".to_owned(), f.rule.as_str().into()),
        ("verdict".to_owned(), f.verdict.as_str().into()),
        ("pack".to_owned(), f.pack.as_str().into()),
        ("version".to_owned(), f.version.as_str().into()),
        ("citation".to_owned(), f.citation.as_str().into()),
        ("level".to_owned(), f.level.as_str().into()),
        ("sureness".to_owned(), f.sureness.as_str().into()),
    ]);
    if let Verdict::Held { until } = f.verdict {
        fields.insert("until".to_owned(), until.to_text().into());
    }
    Value::Object(fields)
}

/// Every rule that was evaluated and what it alone leads to. Without moments, so that equal lists are kept once.
pub(super) fn trace(evaluated: &[Evaluated]) -> String {
    let rules = evaluated.iter().map(|e| {
        Value::from([
            ("rule", (*e.rule).into()),
            ("pack", (*e.pack).into()),
            ("version", (*e.version).into()),
            ("verdict", e.verdict.as_str().into()),
        ])
    });
    to_canonical(&Value::List(rules.collect()))
}

/// The facts of decisions made together: one text for each portfolio.
#[derive(Default)]
pub(super) struct Kept {
    desks: HashMap<PortfolioId, (String, Arc<str>)>,
}

impl Kept {
    /// What a decision rests on.
    pub(super) fn basis(&mut self, situation: &Situation, under: &InForce, judged_at: Moment) -> Basis {
        let (digest, desk) = self.desks.entry(situation.portfolio.id).or_insert_with(|| {
            let text = desk_facts(situation);
            (digest_hex(text.as_bytes()), text.into())
        });
        let named = Named {
            judged_at,
            desk: digest.clone(),
            templates: under.templates.map(|t| t.to_string()),
        };
        Basis {
            facts: situation_facts(situation, &named),
            desk: desk.clone(),
            set: under.set,
        }
    }
}

/// The words as judged, and the facts they were made from. Personal data; kept beside the log under a salt.
pub(super) fn content(situation: &Situation, draft: &Draft) -> Content {
    let s = situation;
    let facts = Value::from([
        ("reference", s.account.reference.as_str().into()),
        ("balance_minor", s.account.balance_minor.into()),
        ("currency", s.account.currency.code().into()),
        ("due_on", s.account.due_on.to_string().into()),
        ("recipient", s.recipient.name.as_str().into()),
        ("to", s.contact_point.address.normal().into()),
        ("account_revision", s.account.revision.into()),
        ("recipient_revision", s.recipient.revision.into()),
    ]);
    Content {
        body: body(situation, draft),
        facts: to_canonical(&facts),
    }
}

/// The words as canonical JSON, part by part.
pub(super) fn body(situation: &Situation, draft: &Draft) -> String {
    let mut body: BTreeMap<String, Value> = BTreeMap::new();
    let channel = situation.attempt.channel.as_str();
    body.insert("channel".to_owned(), channel.into());
    for (part, text) in draft.parts() {
        if !text.is_empty() {
            body.insert(part.to_owned(), text.into());
        }
    }
    to_canonical(&Value::Object(body))
}
