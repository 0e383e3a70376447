//! What an answer is about, and which entries of a log belong to it: found by walking the entries one after another, by the
//! maker of a bundle and by whoever checks that nothing was left out.

use std::collections::{BTreeSet, HashMap};

use crate::evidence::canonical::{Value, scan, to_canonical};
use crate::evidence::entry::Kind;

/// Whom or what the answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Single attempts, by their ids.
    Attempt,
    /// People: attempts addressed to them, and what happened with them.
    Person,
    /// Debts: attempts about them, whoever was addressed, and what happened with them.
    Account,
    /// Campaigns, by the name with which they ask for attempts.
    Campaign,
}

impl About {
    /// Every kind.
    pub const ALL: &'static [About] = &[About::Attempt, About::Person, About::Account, About::Campaign];

    /// The fixed word.
    pub const fn as_str(self) -> &'static str {
        match self {
            About::Attempt => "attempt",
            About::Person => "person",
            About::Account => "account",
            About::Campaign => "campaign",
        }
    }

    /// Reads the fixed word.
    pub fn parse(word: &str) -> Option<About> {
        About::ALL.iter().copied().find(|a| a.as_str() == word)
    }
}

/// What an answer is about, and in which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Whom or what.
    pub about: About,
    /// Ids, or the name of a campaign as entries have it in `actor`.
    pub ids: Vec<String>,
    /// Only what happened at this moment or later, as entries spell moments.
    pub from: Option<String>,
    /// Only what happened before this moment.
    pub until: Option<String>,
}

/// What belongs to an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// Ids of attempts, in the order of their first entries.
    pub attempts: Vec<String>,
    /// Indices of entries, rising.
    pub entries: Vec<u64>,
}

#[derive(Default)]
struct Seen {
    entries: Vec<u64>,
    within: bool,
}

/// A walk over the entries of a log, in order. It keeps only what belongs to the scope.
pub struct Walk {
    about: About,
    /// As entries spell them.
    ids: BTreeSet<String>,
    from: Option<String>,
    until: Option<String>,
    order: Vec<String>,
    seen: HashMap<String, Seen>,
    others: Vec<u64>,
}

#[derive(Default)]
struct Fields<'a> {
    kind: &'a str,
    at: &'a str,
    attempt: Option<&'a str>,
    person: &'a str,
    debt: &'a str,
    actor: &'a str,
    retry_of: &'a str,
}

/// A text as canonical JSON spells it, without its quotes.
fn spelled(text: &str) -> String {
    let quoted = to_canonical(&Value::from(text));
    quoted[1..quoted.len() - 1].to_owned()
}

impl Walk {
    /// A walk that begins at the first entry.
    pub fn new(scope: &Scope) -> Walk {
        Walk {
            about: scope.about,
            ids: scope.ids.iter().map(|id| spelled(id)).collect(),
            from: scope.from.clone(),
            until: scope.until.clone(),
            order: Vec::new(),
            seen: HashMap::new(),
            others: Vec::new(),
        }
    }

    /// The next entry; says whether its bytes are canonical.
    pub fn entry(&mut self, index: u64, bytes: &str) -> bool {
        let mut f = Fields::default();
        let whole = scan(bytes, |name, value| match name {
            "kind" => f.kind = value,
            "at" => f.at = value,
            "attempt" => f.attempt = Some(value),
            "person" => f.person = value,
            "debt" => f.debt = value,
            "actor" => f.actor = value,
            "retry_of" => f.retry_of = value,
            _ => {}
        });
        if !whole {
            return false;
        }
        let hit = match self.about {
            About::Attempt => f.attempt.is_some_and(|a| self.ids.contains(a)),
            About::Person => self.ids.contains(f.person),
            About::Account => self.ids.contains(f.debt),
            About::Campaign => f.kind == Kind::AttemptRequested.as_str() && self.ids.contains(f.actor),
        };
        let within = self.from.as_deref().is_none_or(|from| f.at >= from)
            && self.until.as_deref().is_none_or(|until| f.at < until);
        let Some(attempt) = f.attempt else {
            if hit && within {
                self.others.push(index);
            }
            return true;
        };
        // A retry belongs to whom the first try belonged to.
        let retries = self.about != About::Attempt && self.seen.contains_key(f.retry_of);
        if (hit || retries) && !self.seen.contains_key(attempt) {
            self.order.push(attempt.to_owned());
            self.seen.insert(attempt.to_owned(), Seen::default());
        }
        if let Some(seen) = self.seen.get_mut(attempt) {
            seen.entries.push(index);
            seen.within |= within;
        }
        true
    }

    /// What belongs to the scope. An attempt belongs to it with all its entries if one of them lies within the time.
    pub fn finish(self) -> Selected {
        let Walk {
            mut order,
            seen,
            others,
            ..
        } = self;
        order.retain(|attempt| seen[attempt].within);
        let mut entries = others;
        entries.extend(order.iter().flat_map(|attempt| &seen[attempt].entries));
        entries.sort_unstable();
        Selected {
            attempts: order,
            entries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[&str] = &[
        r#"{"actor":"campaign a","at":"2026-01-01","attempt":"A","debt":"d","kind":"attempt.requested","person":"p"}"#,
        r#"{"actor":"campaign b","at":"2026-01-01","attempt":"B","debt":"e","kind":"attempt.requested","person":"q"}"#,
        r#"{"at":"2026-01-02","attempt":"A","kind":"attempt.decided","prev":"1"}"#,
        r#"{"at":"2026-01-03","debt":"d","kind":"hold.set","person":"p"}"#,
        r#"{"at":"2026-01-04","attempt":"C","kind":"attempt.requested","retry_of":"A"}"#,
        r#"{"at":"2026-01-05","attempt":"B","kind":"provider.outcome"}"#,
        r#"{"actor":"campaign \"a","at":"2026-01-06","attempt":"D","debt":"d","kind":"attempt.requested","person":"q"}"#,
    ];

    fn check(about: About, id: &str, time: (Option<&str>, Option<&str>), attempts: &[&str], entries: &[u64]) {
        let scope = Scope {
            about,
            ids: vec![id.to_owned()],
            from: time.0.map(str::to_owned),
            until: time.1.map(str::to_owned),
        };
        let mut walk = Walk::new(&scope);
        for (index, bytes) in LOG.iter().enumerate() {
            assert!(walk.entry(index as u64, bytes), "{bytes}");
        }
        let found = walk.finish();
        assert_eq!(
            (found.attempts, found.entries),
            (
                attempts.iter().map(|a| (*a).to_owned()).collect(),
                entries.to_vec()
            )
        );
    }

    #[test]
    fn everything_that_belongs_to_the_answer_is_found_and_nothing_else() {
        let always = (None, None);
        check(About::Attempt, "A", always, &["A"], &[0, 2]);
        check(About::Person, "p", always, &["A", "C"], &[0, 2, 3, 4]);
        check(About::Person, "q", always, &["B", "D"], &[1, 5, 6]);
        check(About::Account, "d", always, &["A", "C", "D"], &[0, 2, 3, 4, 6]);
        check(About::Campaign, "campaign a", always, &["A", "C"], &[0, 2, 4]);
        check(About::Campaign, "campaign \"a", always, &["D"], &[6]);
        check(About::Person, "nobody", always, &[], &[]);
    }

    #[test]
    fn a_time_takes_attempts_whole() {
        check(
            About::Person,
            "p",
            (Some("2026-01-02"), Some("2026-01-03")),
            &["A"],
            &[0, 2],
        );
        check(About::Person, "p", (Some("2026-01-03"), None), &["C"], &[3, 4]);
        check(About::Person, "p", (None, Some("2026-01-01")), &[], &[]);
    }
}
