//! One message from one template and one situation.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use minijinja::ErrorKind;
use minijinja::value::Value as Jinja;

use super::catalogue::{Catalogue, Need, OWN_WORDS, Part, Slot, Template, Wording};
use super::facts::{Collector, Facts, Value, paragraphs, reply_days};
use super::faults::RenderFault;
use super::html;
use super::segments::segments;
use super::slip;
use crate::domain::{
    Address, Channel, Draft, Email, Letter, LetterForm, Locale, Money, PaymentSlip, Purpose, SenderKind,
    Situation, Sms,
};

/// A message as it would be sent, with what it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The words.
    pub draft: Draft,
    /// The template; `own-words` for a collector's own text.
    pub template: String,
    /// The locale that was used; a reader of zh-TW may get zh-CN where there is no other.
    pub locale: Locale,
    /// SHA-256 over the template files.
    pub digest: [u8; 32],
}

/// Every fact of the situation in the words of the recipient's locale, for whoever writes or tries a template.
pub fn facts(catalogue: &Catalogue, situation: &Situation, today: NaiveDate) -> Facts {
    let locale = [situation.recipient.locale, Locale::ZhCn];
    let Some(words) = locale.iter().find_map(|l| catalogue.locales.get(l)) else {
        return Facts::default();
    };
    let mut collector = Collector::new(words, None);
    collector.situation(situation, today, days(catalogue, situation));
    collector.finish().0
}

/// Makes the message of an attempt, or says everything that is missing.
pub fn render(
    catalogue: &Catalogue,
    situation: &Situation,
    today: NaiveDate,
    extra: &BTreeMap<String, Value>,
) -> Result<Rendered, Vec<RenderFault>> {
    let id = situation.attempt.template.as_deref().unwrap_or(OWN_WORDS);
    let template = catalogue.template(id).ok_or_else(|| vec![unknown_template(id)])?;
    let faults = unsuitable(template, situation, today);
    let channel = situation.attempt.channel;
    let Some((locale, wording)) = template.wording(situation.recipient.locale, channel) else {
        return Err(faults);
    };
    let words = catalogue
        .locales
        .get(&locale)
        .ok_or_else(|| vec![unknown_template(id)])?;
    let mut collector = Collector::new(words, Some(&wording.used));
    collector.situation(situation, today, days(catalogue, situation));
    collector.extras(&template.extras, extra);
    let (facts, mut found) = collector.finish();
    found.splice(0..0, faults);
    let draft = compose(catalogue, wording, (situation, locale), facts, &mut found);
    match draft {
        Some(draft) if found.is_empty() => Ok(Rendered {
            draft,
            template: id.to_owned(),
            locale,
            digest: wording.digest,
        }),
        _ => Err(found),
    }
}

fn days(catalogue: &Catalogue, situation: &Situation) -> u64 {
    reply_days(
        situation.attempt.channel,
        catalogue.reply_days_message,
        catalogue.reply_days_letter,
    )
}

fn unknown_template(id: &str) -> RenderFault {
    let shown: String = id.chars().take(60).collect();
    RenderFault::new(
        "template.unknown",
        format!("没有名为“{shown}”的模板"),
        format!("there is no template `{shown}`"),
    )
}

/// Why this template may not be used in this situation at all.
fn unsuitable(template: &Template, s: &Situation, today: NaiveDate) -> Vec<RenderFault> {
    let mut faults = Vec::new();
    let (title, id, channel) = (&template.zh, &template.id, s.attempt.channel);
    if !template.channels.contains(&channel) {
        faults.push(RenderFault::new(
            "template.channel",
            format!("《{title}》没有用于“{channel}”的文本"),
            format!("`{id}` is not written for {channel}"),
        ));
    }
    let kind = s.sender.kind;
    if !template.senders.contains(&kind) {
        faults.push(RenderFault::new(
            "template.sender",
            format!("“{kind}”类发送人不得使用《{title}》"),
            format!("a sender of kind {kind} may not use `{id}`"),
        ));
    }
    // INVARIANT: what asks for payment never goes out as something that caps do not count.
    let purpose = s.attempt.purpose;
    if template.purpose == Purpose::Collection
        && matches!(purpose, Purpose::ServiceInfo | Purpose::StatutoryNotice)
    {
        faults.push(RenderFault::new(
            "template.purpose",
            format!("《{title}》要求付款，不能作为“{purpose}”发送"),
            format!("`{id}` asks for payment and cannot go out as {purpose}"),
        ));
    }
    if id == OWN_WORDS && s.attempt.own_text.as_deref().is_none_or(|t| t.trim().is_empty()) {
        faults.push(RenderFault::new(
            "template.no_words",
            "既没有模板，也没有自拟内容",
            "there is neither a template nor a text",
        ));
    }
    faults.extend(
        template
            .needs
            .iter()
            .filter_map(|need| unmet(*need, template, s, today)),
    );
    faults
}

/// What a template would say untruly or without the right to.
fn unmet(need: Need, template: &Template, s: &Situation, today: NaiveDate) -> Option<RenderFault> {
    let past = s.account.days_past_due(today);
    let (met, code, zh, en) = match need {
        Need::LegalActionApproved => (
            s.account.legal_action_approved,
            "template.legal_action_not_approved",
            "须先批准采取法律行动",
            "needs approved legal action",
        ),
        Need::Mandate => (
            s.sender.mandate.as_deref().is_some_and(|m| !m.trim().is_empty()),
            "template.no_mandate",
            "须有委托书编号",
            "needs the reference of a mandate",
        ),
        Need::NotYetDue => (
            past <= 0,
            "template.already_due",
            "只能在到期日及以前使用",
            "is for the time up to the due date",
        ),
        Need::Overdue => (
            past > 0,
            "template.not_overdue",
            "只能在到期日以后使用",
            "is for the time after the due date",
        ),
        Need::InstalmentsOverdue => (
            s.account.instalments_overdue(today).is_some_and(|n| n > 0),
            "template.no_instalment_overdue",
            "只能在有分期逾期时使用",
            "is for overdue instalments",
        ),
    };
    let fault = || {
        RenderFault::new(
            code,
            format!("《{}》{zh}", template.zh),
            format!("`{}` {en}", template.id),
        )
    };
    (!met).then(fault)
}

/// Renders every part and puts them together; `None` when a part is missing. Faults are added to `found`.
fn compose(
    catalogue: &Catalogue,
    wording: &Wording,
    (situation, locale): (&Situation, Locale),
    facts: Facts,
    found: &mut Vec<RenderFault>,
) -> Option<Draft> {
    let facts = Arc::new(facts);
    let context = Jinja::from_dyn_object(facts.clone());
    let mut texts = Vec::with_capacity(wording.parts.len());
    let is_law_firm = situation.sender.kind == SenderKind::LawFirm;
    for part in &wording.parts {
        // INVARIANT: nobody but a law firm signs as one.
        if part.slot == Slot::Signature && !is_law_firm {
            continue;
        }
        match catalogue
            .env
            .get_template(&part.name)
            .and_then(|t| t.render(context.clone()))
        {
            Ok(text) => texts.push((part.slot, text)),
            Err(error) => found.extend(explain(catalogue, part, wording, &facts, error)),
        }
    }
    let parts = Parts(texts);
    match situation.attempt.channel {
        Channel::Sms => {
            let text = parts.one(Slot::Text)?;
            Some(Draft::Sms(Sms {
                segments: segments(&text),
                text,
            }))
        }
        Channel::Email => email(catalogue, locale, &parts, found),
        Channel::Letter => {
            let about = About {
                catalogue,
                wording,
                situation,
                locale,
                facts: &facts,
            };
            letter(&about, &parts, found)
        }
        Channel::Call => None,
    }
}

/// The rendered texts of one message.
struct Parts(Vec<(Slot, String)>);

impl Parts {
    fn one(&self, slot: Slot) -> Option<String> {
        let text = self.0.iter().find(|(s, _)| *s == slot)?.1.trim();
        Some(text.to_owned())
    }

    fn lines(&self, slot: Slot) -> Vec<String> {
        let text = self.one(slot).unwrap_or_default();
        text.lines()
            .map(|l| l.trim().to_owned())
            .filter(|l| !l.is_empty())
            .collect()
    }

    fn paragraphs(&self, slot: Slot) -> Vec<String> {
        paragraphs(&self.one(slot).unwrap_or_default())
    }
}

/// The HTML part is laid out from the words of the text part.
fn email(
    catalogue: &Catalogue,
    locale: Locale,
    parts: &Parts,
    found: &mut Vec<RenderFault>,
) -> Option<Draft> {
    let (subject, text) = (parts.one(Slot::Subject)?, parts.one(Slot::Text)?);
    match html::html(&catalogue.env, locale.as_str(), &subject, &text) {
        Ok(html) => Some(Draft::Email(Email {
            subject,
            text: text + "\n",
            html: html + "\n",
        })),
        Err(error) => {
            found.push(broken(&error).at(html::LAYOUT, error.line()));
            None
        }
    }
}

/// What a letter is made from, beside its words.
struct About<'a> {
    catalogue: &'a Catalogue,
    wording: &'a Wording,
    situation: &'a Situation,
    locale: Locale,
    facts: &'a Facts,
}

impl About<'_> {
    /// The form that the template wants, else that of where the letter goes.
    fn form(&self) -> LetterForm {
        let country = match &self.situation.contact_point.address {
            Address::Postal(postal) => postal.country.as_str(),
            Address::Phone(_) | Address::Email(_) => "",
        };
        self.wording
            .form
            .unwrap_or_else(|| LetterForm::of_country(country))
    }

    /// A slip where the words name the payee; it asks for what the words ask for.
    fn payment(&self) -> Option<PaymentSlip> {
        let words = self.catalogue.locales.get(&self.locale)?;
        let used = |name: &str| self.wording.used.contains(name);
        let payee = self.situation.payees.iter().find(|p| p.confirmed);
        let payee = payee.filter(|_| used("payee_number"))?;
        let account = &self.situation.account;
        let instalment = account.instalments.map(|i| i.amount_minor).filter(|m| *m > 0);
        let minor = match (used("amount_due"), used("amount")) {
            (true, _) => Some(instalment.unwrap_or(account.balance_minor)),
            (false, true) => Some(account.balance_minor),
            (false, false) => None,
        };
        let money = minor
            .filter(|m| *m > 0)
            .map(|minor| Money::new(minor, account.currency));
        let amount = money.map(|money| (money, words.money(money)));
        slip::slip(words.letter.slip.as_ref()?, self.facts, payee, amount)
    }
}

fn letter(about: &About<'_>, parts: &Parts, found: &mut Vec<RenderFault>) -> Option<Draft> {
    let (wording, facts) = (about.wording, about.facts);
    let frame = about.catalogue.locales.get(&about.locale).map(|l| &l.letter);
    let mut recipient = Vec::new();
    for name in ["recipient_name", "recipient_address"] {
        match facts.text(name) {
            Some(lines) => recipient.extend(lines.lines().map(str::to_owned)),
            None => found.push(RenderFault::missing(name)),
        }
    }
    let mut table = Vec::new();
    if let Some(name) = &wording.table_rows {
        let head = parts.lines(Slot::TableHead);
        match facts.get(name).map(cells) {
            None => found.push(RenderFault::missing(name)),
            Some(rows) if rows.iter().any(|r| r.len() != head.len()) => found.push(
                RenderFault::new(
                    "template.table_width",
                    format!("“{name}”每行应有 {} 格", head.len()),
                    format!("each row of `{name}` must have {} cells", head.len()),
                )
                .of(name),
            ),
            Some(rows) => {
                table.push(head);
                table.extend(rows);
            }
        }
    }
    Some(Draft::Letter(Box::new(Letter {
        recipient,
        letterhead: parts.lines(Slot::Letterhead),
        date: parts.one(Slot::Date)?,
        reference: parts.one(Slot::Reference)?,
        subject: parts.one(Slot::Subject)?,
        paragraphs: parts.paragraphs(Slot::Text),
        table,
        after_table: parts.paragraphs(Slot::AfterTable),
        closing: parts.lines(Slot::Closing),
        signature: parts.lines(Slot::Signature),
        payment: about.payment(),
        return_slip: parts.lines(Slot::ReturnSlip),
        page_words: frame.and_then(|f| f.page.clone()).unwrap_or_default(),
        form: about.form(),
        lang: about.locale.as_str().to_owned(),
        layout: about.catalogue.layout.clone(),
    })))
}

/// The cells of a list of lists.
fn cells(rows: &Jinja) -> Vec<Vec<String>> {
    let items = |v: &Jinja| v.try_iter().map(|i| i.collect::<Vec<_>>()).unwrap_or_default();
    items(rows)
        .iter()
        .map(|row| items(row).iter().map(ToString::to_string).collect())
        .collect()
}

/// Everything that keeps one part from being rendered: each missing fact by name, or what else went wrong.
fn explain(
    catalogue: &Catalogue,
    part: &Part,
    wording: &Wording,
    facts: &Facts,
    first: minijinja::Error,
) -> Vec<RenderFault> {
    let (mut facts, mut error, mut faults) = (facts.clone(), first, Vec::new());
    let Ok(template) = catalogue.env.get_template(&part.name) else {
        return vec![unknown_template(&part.name)];
    };
    loop {
        let line = error.line().map(|l| part.line + l - 1);
        let culprit = culprit(template.source(), &error, wording, &facts);
        let Some(name) = culprit.filter(|_| error.kind() == ErrorKind::UndefinedError) else {
            if faults.is_empty() {
                faults.push(broken(&error).at(&part.file, line));
            }
            return faults;
        };
        faults.push(RenderFault::missing(&name).at(&part.file, line));
        facts.stand_in(&name);
        match template.render(Jinja::from_object(facts.clone())) {
            Ok(_) => return faults,
            Err(next) => error = next,
        }
    }
}

/// The absent fact that stands where the template failed.
fn culprit(source: &str, error: &minijinja::Error, wording: &Wording, facts: &Facts) -> Option<String> {
    let whole_line = || source.lines().nth(error.line()?.checked_sub(1)?);
    let place = error.range().and_then(|r| source.get(r)).or_else(whole_line)?;
    let absent = |text: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .find(|name| wording.used.contains(*name) && !facts.has(name))
            .map(str::to_owned)
    };
    absent(place).or_else(|| whole_line().and_then(absent))
}

fn broken(error: &minijinja::Error) -> RenderFault {
    match error.kind() {
        ErrorKind::OutOfFuel => RenderFault::new(
            "template.too_long",
            "模板运行步数超出限制",
            "the template takes more steps than it may",
        ),
        kind => RenderFault::new(
            "template.broken",
            format!("模板无法执行（{kind}）"),
            format!("the template cannot be carried out ({kind})"),
        ),
    }
}
