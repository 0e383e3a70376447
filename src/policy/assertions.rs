//! What a message says or looks like, as somebody describes it: `threatens arrest`, `imitates a court form [the sender
//! is an agency]`. Brackets hold the truth. `[[messages]]` rules ask for these words; lexicons look at real wording.

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::words;

use super::sets::{Set, bits};
use super::vocab::SenderWord;

words! {
    /// Something a message says, claims or looks like.
    Assertion as "assertion" {
        /// Arrest, prison, a crime.
        Arrest = "arrest",
        /// A link with the state, a court or the police that is not there.
        Authority = "authority",
        /// A lawyer who is none, or has no part in it.
        Lawyer = "lawyer",
        /// A credit bureau that is none.
        CreditBureau = "credit_bureau",
        /// The look of a process, a court form or an official document.
        Process = "process",
        /// A name that is not the sender's.
        FalseName = "false_name",
        /// Membership or approval of a body that is not there.
        Membership = "membership",
        /// A suit or another step in court.
        Suit = "suit",
        /// A step that is not meant or not decided.
        UnintendedStep = "unintended_step",
        /// A step that cannot be taken.
        ImpossibleStep = "impossible_step",
        /// A petition for bankruptcy.
        BankruptcyPetition = "bankruptcy_petition",
        /// Seizure, attachment, frozen accounts.
        Seizure = "seizure",
        /// Credit reporting.
        CreditReport = "credit_report",
        /// Credit information that is false or not meant.
        FalseCreditReport = "false_credit_report",
        /// Publication, a list of debtors.
        Publication = "publication",
        /// Others will learn of the debt.
        Disclosure = "disclosure",
        /// Violence, coercion, people at the door.
        Violence = "violence",
        /// Pressure, harassment, undue influence.
        Harassment = "harassment",
        /// Insults, ridicule, shame.
        Insult = "insult",
        /// A pretext that makes people answer by mistake.
        Pretext = "pretext",
        /// Hides who is writing.
        HiddenSender = "hidden_sender",
        /// A wrong amount, status or ground of the debt.
        FalseStatus = "false_status",
        /// Invented urgency or consequences, any other deception.
        Deception = "deception",
        /// Costs or fees that may not be asked for.
        UndueCosts = "undue_costs",
        /// A number to call that costs more than an ordinary call.
        DearNumber = "dear_number",
        /// Payment to the collector or to a person.
        PaymentToAgent = "payment_to_agent",
        /// A demand or deadline that drowns the right to dispute.
        Overshadowing = "overshadowing",
        /// Asks to borrow elsewhere.
        Borrowing = "borrowing",
        /// Asks somebody to pay who does not owe.
        DemandOfStranger = "demand_of_stranger",
    }
}

bits!(Assertion);

/// What a description comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// What the message says.
    pub says: Set<Assertion>,
    /// Whether the description was understood: something was found in it, or it is plainly harmless.
    pub understood: bool,
}

/// One line of `descriptions.txt`: what a description that fits it says.
struct Line {
    word: Assertion,
    fits: Regex,
}

struct Book {
    lines: Vec<Line>,
    harmless: Vec<Regex>,
    denied: Vec<Regex>,
    affirmed: Vec<Regex>,
    agreed: Vec<Regex>,
    unmeant: Vec<Regex>,
    wrong: Vec<Regex>,
    invited: Vec<Regex>,
    named: Vec<Regex>,
}

static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let mut book = Book {
        lines: Vec::new(),
        harmless: Vec::new(),
        denied: Vec::new(),
        affirmed: Vec::new(),
        agreed: Vec::new(),
        unmeant: Vec::new(),
        wrong: Vec::new(),
        invited: Vec::new(),
        named: Vec::new(),
    };
    let lines = include_str!("descriptions.txt").lines().map(str::trim);
    for line in lines.filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (word, pattern) = line.split_once(": ").expect("invariant: a word and a pattern");
        let pattern = format!(r"\b(?:{})", pattern.trim());
        let fits = Regex::new(&pattern).expect("invariant: the shipped patterns read");
        match word {
            "harmless" => book.harmless.push(fits),
            "denied" => book.denied.push(fits),
            "affirmed" => book.affirmed.push(fits),
            "agreed" => book.agreed.push(fits),
            "unmeant" => book.unmeant.push(fits),
            "named" => book.named.push(fits),
            "wrong" => book.wrong.push(fits),
            "invited" => book.invited.push(fits),
            word => {
                let word = word.parse().expect("invariant: the shipped words are assertions");
                book.lines.push(Line { word, fits });
            }
        }
    }
    book
});

/// What a message says, from its description; `sender` is who speaks.
pub fn described(text: &str, sender: Set<SenderWord>) -> Described {
    let any = |list: &[Regex], text: &str| list.iter().any(|r| r.is_match(text));
    let (said, truth) = parts(&text.to_lowercase().replace(['_', '-'], " "));
    let understood = any(&BOOK.harmless, &said) || any(&BOOK.invited, &said);
    let said = BOOK
        .invited
        .iter()
        .fold(said, |said, clause| clause.replace_all(&said, " ").into_owned());
    let found = BOOK.lines.iter().filter(|l| l.fits.is_match(&said));
    let mut says = found.fold(Set::EMPTY, |set: Set<Assertion>, l| set.with(l.word));
    let denied = any(&BOOK.denied, &truth);
    // The truth may say that the step is barred: `[the debt is below the limit]`.
    let bars = |l: &Line| l.word == Assertion::ImpossibleStep && l.fits.is_match(&truth);
    let barred = BOOK.lines.iter().any(bars);
    let affirmed = !truth.is_empty() && !denied && !barred && any(&BOOK.affirmed, &truth);
    let lawyers = says.has(Assertion::Lawyer) && sender.has(SenderWord::LawFirm) && !denied;
    let understood = understood || !says.is_empty();
    if lawyers {
        says = says.without(Assertion::Lawyer);
    }
    if affirmed {
        for word in [
            Assertion::Authority,
            Assertion::Lawyer,
            Assertion::CreditBureau,
            Assertion::FalseName,
            Assertion::Membership,
            Assertion::Seizure,
            Assertion::FalseStatus,
            Assertion::FalseCreditReport,
            Assertion::BankruptcyPetition,
            Assertion::UnintendedStep,
        ] {
            says = says.without(word);
        }
    }
    let step = [
        Assertion::Suit,
        Assertion::Seizure,
        Assertion::BankruptcyPetition,
        Assertion::CreditReport,
    ];
    let unmeant = denied || any(&BOOK.unmeant, &said);
    if unmeant && step.iter().any(|w| says.has(*w)) {
        says = says.with(Assertion::UnintendedStep);
    }
    if barred && step.iter().any(|w| says.has(*w)) {
        says = says.with(Assertion::ImpossibleStep);
    }
    let reported_wrongly =
        says.has(Assertion::UnintendedStep) || any(&BOOK.wrong, &said) || truth.contains("disput");
    if says.has(Assertion::CreditReport) && reported_wrongly {
        says = says.with(Assertion::FalseCreditReport);
    }
    if contradicts(&said, &truth) {
        says = says.with(Assertion::FalseStatus);
    }
    if any(&BOOK.named, &said) && any(&BOOK.named, &truth) {
        says = says.with(Assertion::FalseName);
    }
    if any(&BOOK.agreed, &truth) {
        says = says.without(Assertion::Disclosure);
    }
    Described { says, understood }
}

/// Whether an amount that is said differs from the one that is true.
fn contradicts(said: &str, truth: &str) -> bool {
    let numbers = |text: &str| -> Vec<String> {
        let digits = text.replace(',', "");
        let words = digits.split(|c: char| !c.is_ascii_digit() && c != '.');
        words
            .map(|w| w.trim_matches('.').to_owned())
            .filter(|w| !w.is_empty())
            .collect()
    };
    let money = ["amount", "balance", "sum", "owe", "debt", "interest"];
    let (a, b) = (numbers(said), numbers(truth));
    money.iter().any(|m| said.contains(m)) && !a.is_empty() && !b.is_empty() && a != b
}

/// What is said, and what is true: brackets, parentheses, and clauses that begin with "although".
fn parts(text: &str) -> (String, String) {
    let (mut said, mut truth, mut depth) = (String::new(), String::new(), 0_u32);
    for c in text.chars() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => {
                depth = depth.saturating_sub(1);
                truth.push(' ');
            }
            c if depth > 0 => truth.push(c),
            c => said.push(c),
        }
    }
    for word in [
        " although ",
        " though ",
        " while in fact ",
        " but in fact ",
        " when in fact ",
    ] {
        if let Some((before, after)) = said.clone().split_once(word) {
            truth = format!("{truth} {after}");
            said = before.to_owned();
        }
    }
    (said, truth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str, sender: SenderWord) -> Vec<&'static str> {
        let d = described(text, Set::of(&[sender]));
        // A deadline matters only while a right to dispute runs.
        let words = d.says.without(Assertion::Overshadowing);
        words.words().map(Assertion::as_str).collect()
    }

    #[test]
    fn descriptions_are_read_with_the_truth_in_brackets() {
        // A description may say more than one thing; what it must say is there, and what is harmless says nothing.
        let check = |text: &str, expected: &[&str]| {
            let found = says(text, SenderWord::Agency);
            assert!(expected.iter().all(|w| found.contains(w)), "{text}: {found:?}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{text}: {found:?}");
        };
        check("pay today or you will be arrested", &["arrest"]);
        check("we may file a lawsuit if you do not pay", &["suit"]);
        check(
            "we will sue you on Friday [no suit has been decided]",
            &["suit", "unintended_step"],
        );
        check(
            "we will sue you on Friday [the creditor has decided to sue]",
            &["suit"],
        );
        check("imitates an official court form", &["process"]);
        check("we will tell your employer about this debt", &["disclosure"]);
        check(
            "signed by an attorney [no attorney has looked at the file]",
            &["lawyer"],
        );
        check("a card that a parcel is waiting, call this number", &["pretext"]);
        check(
            "threat to come to the person's home with others tonight",
            &["violence"],
        );
        check("please call us to agree on a plan", &[]);
        check("letterhead of the county sheriff", &["authority"]);
        check("please reply if you think the amount is wrong", &[]);
        check("we keep ringing until you pay", &["harassment"]);
        check(
            "we will garnish your wages [the debt is below the limit]",
            &["seizure", "impossible_step"],
        );
    }

    #[test]
    fn a_law_firm_may_call_itself_one_and_nonsense_is_not_understood() {
        assert_eq!(
            says("this letter is from a law firm", SenderWord::LawFirm),
            Vec::<&str>::new()
        );
        assert_eq!(
            says("this letter is from a law firm", SenderWord::Agency),
            ["lawyer"]
        );
        assert!(described("we offer a payment plan", Set::EMPTY).understood);
        assert!(!described("purple elephants", Set::EMPTY).understood);
    }
}
