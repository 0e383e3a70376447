//! What a judgement of words may know: who speaks, for whom, to whom, and which accounts may be named. Made from a
//! situation, or by anybody who wants a text judged without a store.

use crate::domain::{Address, Channel, PhoneNumber, SenderKind, Situation};
use crate::policy::fold::fold;

/// What the reader is to the debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Owes.
    Debtor,
    /// Answers for the debt, by contract or by law.
    Guarantor,
    /// Anybody else, who must not learn of it.
    ThirdParty,
}

/// An account that may be named for payment.
#[derive(Clone, PartialEq, Eq)]
pub struct PayeeNumber {
    /// Holder as registered at the bank.
    pub holder: String,
    /// Bank and branch.
    pub bank: String,
    /// The number; blanks and dashes do not count.
    pub number: String,
}

impl std::fmt::Debug for PayeeNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PayeeNumber({} characters)", self.number.chars().count())
    }
}

/// Everything a judgement of words may know.
#[derive(Clone)]
pub struct ContentContext {
    /// What kind of speaker.
    pub sender: SenderKind,
    /// Who speaks, folded; then its short forms.
    pub sender_names: Vec<String>,
    /// Who is owed, folded; then its short forms.
    pub creditor_names: Vec<String>,
    /// Whether the creditor is a bank.
    pub creditor_is_bank: bool,
    /// What the reader is to the debt.
    pub audience: Audience,
    /// How the message goes.
    pub channel: Channel,
    /// The accounts that may be named for payment.
    pub payees: Vec<PayeeNumber>,
    /// Their holders, folded; then their short forms.
    pub holder_names: Vec<String>,
    /// Telephone numbers of ours and of the reader.
    pub phones: Vec<PhoneNumber>,
    /// Numbers of ours that are no accounts: the reference of the debt, the licence, the mandate.
    pub references: Vec<String>,
    /// Legal action has been decided and approved.
    pub legal_approved: bool,
    /// The sender has a mandate of the creditor on record.
    pub mandate: bool,
    /// The creditor has approved a concession for this debt.
    pub concession_approved: bool,
}

impl std::fmt::Debug for ContentContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ContentContext({} to {:?} by {}, {} payees)",
            self.sender,
            self.audience,
            self.channel,
            self.payees.len()
        )
    }
}

impl ContentContext {
    /// A speaker and a reader; nothing is approved and no account may be named until it is said.
    pub fn new(
        sender: SenderKind,
        sender_name: &str,
        creditor_name: &str,
        creditor_is_bank: bool,
    ) -> ContentContext {
        ContentContext {
            sender,
            sender_names: names_of(sender_name),
            creditor_names: names_of(creditor_name),
            creditor_is_bank,
            audience: Audience::Debtor,
            channel: Channel::Sms,
            payees: Vec::new(),
            holder_names: Vec::new(),
            phones: Vec::new(),
            references: Vec::new(),
            legal_approved: false,
            mandate: false,
            concession_approved: false,
        }
    }

    /// What a situation says about words.
    pub fn of(s: &Situation) -> ContentContext {
        let confirmed = s.payees.iter().filter(|p| p.confirmed);
        let recipient = match &s.contact_point.address {
            Address::Phone(phone) => Some(phone.clone()),
            _ => None,
        };
        let references = [
            Some(s.account.reference.clone()),
            Some(s.attempt.reference()),
            s.sender.licence.clone(),
            s.sender.mandate.clone(),
        ];
        let mut cx = ContentContext::new(
            s.sender.kind,
            &s.sender.name,
            &s.creditor.name,
            s.creditor.is_bank,
        );
        cx.sender_names.extend(names_of(&s.sender.signature));
        cx.audience = match s.role {
            crate::domain::Role::Debtor => Audience::Debtor,
            role if role.answers_for_the_debt() => Audience::Guarantor,
            _ => Audience::ThirdParty,
        };
        cx.channel = s.attempt.channel;
        let payees = confirmed.map(|p| PayeeNumber {
            holder: p.holder.clone(),
            bank: p.bank.clone(),
            number: p.number.clone(),
        });
        cx.pay_to(payees.collect());
        cx.phones = s.sender.phone.iter().cloned().chain(recipient).collect();
        cx.references = references.into_iter().flatten().collect();
        cx.legal_approved = s.account.legal_action_approved;
        cx.mandate = s.sender.mandate.is_some();
        cx
    }

    /// Names the accounts that may be named.
    pub fn pay_to(&mut self, payees: Vec<PayeeNumber>) {
        self.holder_names = payees.iter().flat_map(|p| names_of(&p.holder)).collect();
        self.holder_names.sort_unstable();
        self.holder_names.dedup();
        self.payees = payees;
    }

    /// Whether the speaker is itself a bank: the creditor in its own name.
    pub fn bank_speaks(&self) -> bool {
        self.sender == SenderKind::Creditor && self.creditor_is_bank
    }
}

/// Endings of company names that people leave out.
const ENDINGS: &[&str] = &[
    "股份有限公司",
    "有限责任公司",
    "集团有限公司",
    "管理有限公司",
    "有限公司",
    " co., ltd",
    " co ltd",
    " ltd",
    " limited",
    " plc",
    " inc",
    " llc",
    " llp",
    " group",
];

/// A name as folded text, then without its ending.
pub(crate) fn names_of(name: &str) -> Vec<String> {
    let full = fold(name).text().trim().to_owned();
    if full.chars().count() < 2 {
        return Vec::new();
    }
    let bare = full.trim_end_matches('.');
    let short = ENDINGS
        .iter()
        .find_map(|e| bare.strip_suffix(e))
        .map(|s| s.trim().to_owned())
        .filter(|s| s.chars().count() >= 2);
    std::iter::once(full).chain(short).collect()
}
