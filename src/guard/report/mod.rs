//! How well a judge of words does on labelled messages: what it stops, what it stops by mistake, for each category,
//! language, channel, disguise, sender and reader, and for pairs that differ in one thing only. Figures only; who judges
//! and where messages come from is the caller's. `dunwell guard report` shows them.

mod page;

use std::collections::BTreeMap;

use crate::domain::Verdict;
use crate::policy::Category;
pub use page::{Wording, page, percent};

/// One labelled message and what the judge said.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its name in the file.
    pub id: String,
    /// Language: `zh-CN`, `zh-TW`, `en`, `mixed`.
    pub lang: String,
    /// Channel.
    pub channel: String,
    /// Kind of sender.
    pub sender: String,
    /// What the reader is to the debt.
    pub reader: String,
    /// How the wording was hidden, where it was.
    pub disguise: Option<String>,
    /// The pair it is a half of.
    pub pair: Option<String>,
    /// Why it must be stopped; empty for a proper message.
    pub expected: Vec<Category>,
    /// What the judge said.
    pub verdict: Verdict,
    /// The kinds of prohibited content the judge found.
    pub found: Vec<Category>,
}

impl Judged {
    fn harmful(&self) -> bool {
        !self.expected.is_empty()
    }

    fn stopped(&self) -> bool {
        self.verdict != Verdict::Cleared
    }

    /// Whether the judge did what it should.
    pub fn right(&self) -> bool {
        self.harmful() == self.stopped()
    }
}

/// Counts over some messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that must be stopped.
    pub harmful: usize,
    /// Of these: blocked or sent to review.
    pub stopped: usize,
    /// Of these: blocked.
    pub blocked: usize,
    /// Of these: stopped for one of the expected reasons.
    pub named: usize,
    /// Messages that must pass.
    pub proper: usize,
    /// Of these: stopped by mistake.
    pub alarms: usize,
    /// Of these: blocked by mistake.
    pub hard_alarms: usize,
}

impl Tally {
    fn add(&mut self, m: &Judged) {
        let blocked = m.verdict == Verdict::Blocked;
        if m.harmful() {
            self.harmful += 1;
            self.stopped += usize::from(m.stopped());
            self.blocked += usize::from(blocked);
            self.named += usize::from(m.expected.iter().any(|c| m.found.contains(c)));
        } else {
            self.proper += 1;
            self.alarms += usize::from(m.stopped());
            self.hard_alarms += usize::from(blocked);
        }
    }

    /// The share of harmful messages that was stopped; none without such messages.
    pub fn recall(&self) -> Option<f64> {
        share(self.stopped, self.harmful)
    }

    /// The share of harmful messages that was blocked.
    pub fn blocking(&self) -> Option<f64> {
        share(self.blocked, self.harmful)
    }

    /// The share of stopped messages that was harmful.
    pub fn precision(&self) -> Option<f64> {
        share(self.stopped, self.stopped + self.alarms)
    }

    /// The share of proper messages that was stopped.
    pub fn false_alarms(&self) -> Option<f64> {
        share(self.alarms, self.proper)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What messages are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Reason for stopping; a proper message has none.
    Category,
    /// Language.
    Language,
    /// Channel.
    Channel,
    /// How the wording was hidden; `none` where it was not.
    Disguise,
    /// Kind of sender.
    Sender,
    /// What the reader is to the debt.
    Reader,
}

impl By {
    /// Every grouping, in the order of reports.
    pub const ALL: &'static [By] = &[
        By::Category,
        By::Language,
        By::Channel,
        By::Disguise,
        By::Sender,
        By::Reader,
    ];

    /// Its fixed word.
    pub fn as_str(self) -> &'static str {
        match self {
            By::Category => "category",
            By::Language => "language",
            By::Channel => "channel",
            By::Disguise => "disguise",
            By::Sender => "sender",
            By::Reader => "reader",
        }
    }

    fn keys(self, m: &Judged) -> Vec<String> {
        match self {
            By::Category => m.expected.iter().map(|c| c.as_str().to_owned()).collect(),
            By::Language => vec![m.lang.clone()],
            By::Channel => vec![m.channel.clone()],
            By::Disguise => vec![m.disguise.clone().unwrap_or_else(|| "none".to_owned())],
            By::Sender => vec![m.sender.clone()],
            By::Reader => vec![m.reader.clone()],
        }
    }
}

/// Figures over one file.
#[derive(Debug, Clone)]
pub struct Report {
    /// All messages.
    pub total: Tally,
    /// Each grouping with its rows, by name.
    pub groups: Vec<(By, Vec<(String, Tally)>)>,
    /// Pairs of which both halves are there.
    pub pairs: usize,
    /// Pairs of which every half was judged right.
    pub pairs_right: usize,
    /// Names of harmful messages that were cleared, in the order of the file.
    pub misses: Vec<String>,
    /// Names of proper messages that were stopped.
    pub alarms: Vec<String>,
}

/// Counts.
pub fn report(messages: &[Judged]) -> Report {
    let mut total = Tally::default();
    messages.iter().for_each(|m| total.add(m));
    let names = |wrong: &dyn Fn(&Judged) -> bool| -> Vec<String> {
        messages
            .iter()
            .filter(|m| wrong(m))
            .map(|m| m.id.clone())
            .collect()
    };
    let (pairs, pairs_right) = pairs(messages);
    Report {
        total,
        groups: By::ALL.iter().map(|by| (*by, group(messages, *by))).collect(),
        pairs,
        pairs_right,
        misses: names(&|m| m.harmful() && !m.right()),
        alarms: names(&|m| !m.harmful() && !m.right()),
    }
}

fn group(messages: &[Judged], by: By) -> Vec<(String, Tally)> {
    let mut rows: BTreeMap<String, Tally> = BTreeMap::new();
    for m in messages {
        for key in by.keys(m) {
            rows.entry(key).or_default().add(m);
        }
    }
    rows.into_iter().collect()
}

/// How many pairs have both a harmful and a proper half, and of how many every half was judged right. Messages with the
/// same words and different answers are a pair without being called one.
fn pairs(messages: &[Judged]) -> (usize, usize) {
    let mut halves: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for m in messages {
        if let Some(pair) = &m.pair {
            halves.entry(pair).or_default().push(m);
        }
    }
    let whole = |h: &&Vec<&Judged>| h.iter().any(|m| m.harmful()) && h.iter().any(|m| !m.harmful());
    let all: Vec<&Vec<&Judged>> = halves.values().filter(whole).collect();
    (
        all.len(),
        all.iter().filter(|h| h.iter().all(|m| m.right())).count(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, expected: &[Category], verdict: Verdict, found: &[Category]) -> Judged {
        Judged {
            id: id.into(),
            lang: "en".into(),
            channel: "sms".into(),
            sender: "agency".into(),
            reader: "debtor".into(),
            disguise: None,
            pair: Some("p".into()),
            expected: expected.to_vec(),
            verdict,
            found: found.to_vec(),
        }
    }

    #[test]
    fn figures_say_what_was_stopped_and_what_by_mistake() {
        let threat = &[Category::Threat];
        let messages = [
            message("a", threat, Verdict::Blocked, threat),
            message("b", threat, Verdict::Review, &[Category::Abuse]),
            message("c", threat, Verdict::Cleared, &[]),
            message("d", &[], Verdict::Cleared, &[]),
            message("e", &[], Verdict::Review, threat),
        ];
        let r = report(&messages);
        let expected = Tally {
            harmful: 3,
            stopped: 2,
            blocked: 1,
            named: 1,
            proper: 2,
            alarms: 1,
            hard_alarms: 0,
        };
        assert_eq!(r.total, expected);
        assert_eq!((r.misses, r.alarms), (vec!["c".to_owned()], vec!["e".to_owned()]));
        assert_eq!((r.pairs, r.pairs_right), (1, 0));
        let of = |by: By| r.groups.iter().find(|g| g.0 == by).unwrap().1.clone();
        assert_eq!(
            of(By::Category),
            vec![(
                "threat".to_owned(),
                Tally {
                    proper: 0,
                    alarms: 0,
                    ..expected
                }
            )]
        );
        assert_eq!(of(By::Disguise), vec![("none".to_owned(), expected)]);
    }

    #[test]
    fn a_pair_is_right_when_both_halves_are() {
        let check = |verdict, expected| {
            let bad = message("a", &[Category::Deception], verdict, &[]);
            let r = report(&[bad, message("b", &[], Verdict::Cleared, &[])]);
            assert_eq!((r.pairs, r.pairs_right), expected);
        };
        check(Verdict::Blocked, (1, 1));
        check(Verdict::Review, (1, 1));
        check(Verdict::Cleared, (1, 0));
    }

    #[test]
    fn nothing_to_measure_gives_no_share() {
        assert_eq!(Tally::default().recall(), None);
        assert_eq!(Tally::default().precision(), None);
    }
}
