//! `dunwell template`: what can be said, tried with invented people and judged by the guard.

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::out::{Answer, Code, table};
use super::session::Session;
use super::words::word;
use crate::config::templates;
use crate::dispatch::Rulebook;
use crate::domain::{Channel, Draft, Finding, Situation, Verdict};
use crate::guard::review;
use crate::render::{OWN_WORDS, Sample, Template, render, samples};

/// What can be done with templates.
#[derive(Debug, Subcommand)]
pub(super) enum TemplateCommand {
    /// Shows every template
    #[command(after_help = "Examples:\n  dunwell template list\n  dunwell template list --json")]
    List,
    /// Renders every template with every suitable sample and passes it through the guard
    #[command(
        after_help = "Examples:\n  dunwell template check\n  dunwell template check demand-letter --verbose"
    )]
    Check {
        /// Only this template
        id: Option<String>,
    },
    /// Shows a template as its samples render it
    #[command(
        after_help = "Examples:\n  dunwell template show overdue-reminder\n  dunwell template show overdue-reminder --channel sms"
    )]
    Show {
        /// Which template
        id: String,
        /// Only this channel
        #[arg(long)]
        channel: Option<Channel>,
    },
    /// Shows what would go out to the debtor of an account, with the verdict; nothing is queued
    #[command(
        after_help = "Examples:\n  dunwell template preview --account 0000200001 --channel sms\n  dunwell template preview --account 0000100001 --channel letter --out letter.pdf --open"
    )]
    Preview(super::preview::PreviewArgs),
}

pub(super) async fn run(session: &Session, command: TemplateCommand) -> anyhow::Result<Answer> {
    let rulebook = session.rulebook()?;
    match command {
        TemplateCommand::Preview(args) => super::preview::preview(session, &args).await,
        TemplateCommand::List => Ok(list(session, &rulebook)),
        TemplateCommand::Check { id } => check(session, &rulebook, id.as_deref()),
        TemplateCommand::Show { id, channel } => show(session, &rulebook, &id, channel),
    }
}

fn list(session: &Session, rulebook: &Rulebook) -> Answer {
    let lang = session.out.lang;
    let all: Vec<&Template> = rulebook.catalogue.templates().collect();
    let words = |list: Vec<&str>| list.iter().map(|w| word(lang, w)).collect::<Vec<_>>().join(" ");
    let rows = all.iter().map(|t| {
        vec![
            t.id.clone(),
            lang.pick(&t.zh, &t.en).clone(),
            word(lang, t.purpose.as_str()),
            words(t.channels.iter().map(|c| c.as_str()).collect()),
            words(t.senders.iter().map(|s| s.as_str()).collect()),
        ]
    });
    let head = lang.pick(
        ["模板", "名称", "用途", "渠道", "发送方"],
        ["template", "title", "purpose", "channels", "senders"],
    );
    let json = all.iter().map(|t| {
        json!({"id": t.id, "zh": t.zh, "en": t.en, "document": t.document, "purpose": t.purpose.as_str(),
            "channels": t.channels.iter().map(|c| c.as_str()).collect::<Vec<_>>(),
            "senders": t.senders.iter().map(|s| s.as_str()).collect::<Vec<_>>(), "extras": t.extras})
    });
    Answer::new(table(&head, 99, rows), Value::Array(json.collect()))
}

/// The invented situations that ship with the templates.
pub(super) fn all_samples(session: &Session) -> anyhow::Result<Vec<Sample>> {
    let files = templates(&session.config()?)?;
    let text = files
        .iter()
        .find(|(path, _)| path == "samples.toml")
        .map(|(_, text)| text);
    Ok(samples(text.context(
        "templates/samples.toml is not there\nit holds the people that templates are tried with",
    )?)?)
}

fn chosen<'r>(rulebook: &'r Rulebook, id: Option<&str>) -> anyhow::Result<Vec<&'r Template>> {
    match id {
        None => Ok(rulebook.catalogue.templates().collect()),
        Some(id) => {
            let found = rulebook.catalogue.template(id);
            Ok(vec![found.with_context(|| {
                format!("there is no template `{id}`\n`dunwell template list` shows all")
            })?])
        }
    }
}

/// One rendering of one template.
struct Trial<'a> {
    template: &'a Template,
    channel: Channel,
    sample: &'a Sample,
    result: Result<Draft, Vec<String>>,
    findings: Vec<Finding>,
}

impl Trial<'_> {
    fn passes(&self) -> bool {
        self.result.is_ok() && self.findings.is_empty()
    }

    fn name(&self) -> String {
        format!("{} {} {}", self.template.id, self.channel, self.sample.name)
    }
}

fn trials<'a>(
    session: &Session,
    rulebook: &Rulebook,
    templates: &[&'a Template],
    samples: &'a [Sample],
) -> Vec<Trial<'a>> {
    let mut out = Vec::new();
    for template in templates.iter().filter(|t| t.id != OWN_WORDS) {
        for channel in [Channel::Sms, Channel::Email, Channel::Letter] {
            for sample in samples {
                if let Some(situation) = sample.situation(template, channel) {
                    out.push(trial(session, rulebook, template, sample, situation));
                }
            }
        }
    }
    out
}

fn trial<'a>(
    session: &Session,
    rulebook: &Rulebook,
    template: &'a Template,
    sample: &'a Sample,
    situation: Situation,
) -> Trial<'a> {
    let channel = situation.attempt.channel;
    let lang = session.out.lang;
    let rendered = render(
        &rulebook.catalogue,
        &situation,
        sample.today,
        &sample.extras(template),
    );
    let mut findings = Vec::new();
    if let Ok(rendered) = &rendered {
        let judged = review(
            &rendered.draft,
            &situation,
            &rulebook.policy,
            situation.attempt.due_at,
        );
        // The hour is the sample's, not the template's.
        findings = judged
            .findings
            .into_iter()
            .filter(|f| !matches!(f.verdict, Verdict::Held { .. }))
            .collect();
    }
    let result = rendered.map(|r| r.draft).map_err(|faults| {
        faults
            .iter()
            .map(|f| lang.pick(format!("{}: {}", f.code, f.zh), f.to_string()))
            .collect()
    });
    Trial {
        template,
        channel,
        sample,
        result,
        findings,
    }
}

fn check(session: &Session, rulebook: &Rulebook, id: Option<&str>) -> anyhow::Result<Answer> {
    let (out, lang) = (&session.out, session.out.lang);
    let people = all_samples(session)?;
    let all = trials(session, rulebook, &chosen(rulebook, id)?, &people);
    let mut text = String::new();
    for t in &all {
        match &t.result {
            Err(faults) => {
                text += &format!("{} {}\n", out.paint(31, "fail"), t.name());
                faults.iter().for_each(|f| text += &format!("  {f}\n"));
            }
            Ok(_) if t.passes() && out.verbose => {
                text += &format!("{} {}\n", out.paint(32, "ok  "), t.name())
            }
            Ok(_) if t.passes() => {}
            Ok(_) => {
                text += &format!("{} {}\n", out.paint(31, "fail"), t.name());
                for f in &t.findings {
                    text += &format!("  {}: {} [{}]\n", f.rule, lang.pick(&f.zh, &f.en), f.citation);
                }
            }
        }
    }
    let failed = all.iter().filter(|t| !t.passes()).count();
    text += &lang.pick(
        format!("{} 次试用,{failed} 次未通过\n", all.len()),
        format!("{} trials, {failed} failed\n", all.len()),
    );
    let json = all.iter().map(|t| {
        let findings: Vec<_> = t
            .findings
            .iter()
            .map(crate::dispatch::FindingView::from)
            .collect();
        json!({"template": t.template.id, "channel": t.channel.as_str(), "sample": t.sample.name,
            "passes": t.passes(), "faults": t.result.as_ref().err(), "findings": findings})
    });
    let json = json!({"trials": all.len(), "failed": failed, "results": json.collect::<Vec<_>>()});
    let code = if failed > 0 { Code::Violation } else { Code::Done };
    Ok(Answer::new(text, json).ending(code))
}

fn show(
    session: &Session,
    rulebook: &Rulebook,
    id: &str,
    channel: Option<Channel>,
) -> anyhow::Result<Answer> {
    let people = all_samples(session)?;
    let all = trials(session, rulebook, &chosen(rulebook, Some(id))?, &people);
    let (mut text, mut json) = (String::new(), Vec::new());
    for t in all.iter().filter(|t| channel.is_none_or(|c| c == t.channel)) {
        let Ok(draft) = &t.result else { continue };
        text += &format!("── {}\n", t.name());
        for (part, words) in draft.parts() {
            if !words.is_empty() && part != "html" {
                text += &format!("[{}]\n{}\n", word(session.out.lang, part), words.trim_end());
            }
        }
        text.push('\n');
        let parts: serde_json::Map<String, Value> = draft
            .parts()
            .into_iter()
            .map(|(p, w)| (p.to_owned(), w.into()))
            .collect();
        json.push(json!({"channel": t.channel.as_str(), "sample": t.sample.name, "parts": parts}));
    }
    Ok(Answer::new(text, Value::Array(json)))
}
