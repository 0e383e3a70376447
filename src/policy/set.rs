//! All packs together: which of them speak about a situation, and in whose favour a fallback gives way.

use std::sync::Arc;

use super::calendar::Holidays;
use super::core::{CORE, core_version};
use super::lexicon::{ContentContext, Entry};
use super::matcher::Lexicons;
use super::pack::{Pack, digest_of};
use super::rules::{Body, Category, Kind, Rule};
use crate::domain::{Moment, Situation};

/// All packs and calendars, compiled once and shared.
#[derive(Debug)]
pub struct PolicySet {
    packs: Vec<Arc<Pack>>,
    holidays: Holidays,
    lexicons: Lexicons,
    digest: String,
}

/// How a pack came to speak about a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Not at all.
    No,
    /// The portfolio asks for it, the place does not; a fallback does not give way to it.
    Asked,
    /// The place.
    Place,
}

/// The rules that speak about one situation.
#[derive(Debug)]
pub struct Applied<'p> {
    /// Rules, the strictest of which wins each question.
    pub rules: Vec<&'p Rule>,
    /// Whether an entry of [`Lexicons::entries`] speaks, in its order.
    pub entries: Vec<bool>,
    /// Names of packs that the portfolio asks for and nobody loaded.
    pub missing: Vec<String>,
}

impl<'p> Applied<'p> {
    /// The citation of this place for a category, where a pack of the place gives one.
    pub fn citation(&self, category: Category) -> Option<&'p Rule> {
        let cites = |r: &&&'p Rule| matches!(r.body, Body::Content { category: c } if c == category);
        self.rules
            .iter()
            .filter(cites)
            .min_by_key(|r| r.head.level)
            .copied()
    }
}

impl PolicySet {
    /// Combines packs and calendars.
    pub fn new(packs: Vec<Arc<Pack>>, holidays: Holidays) -> PolicySet {
        let mut packs = packs;
        packs.sort_by(|a, b| a.name.cmp(&b.name));
        let all: Vec<_> = packs.iter().map(|p| &p.lexicon).collect();
        let lexicons = Lexicons::compile(&all);
        let texts = packs.iter().map(|p| (&*p.name, p.digest.as_str()));
        let digest = digest_of(texts.chain([(CORE, core_version()), ("holidays", holidays.text())]));
        PolicySet {
            lexicons,
            digest,
            packs,
            holidays,
        }
    }

    /// SHA-256 over all packs, the core rules and the calendars, in hex; for the evidence.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Name and version of every pack, the core rules included.
    pub fn versions(&self) -> Vec<(String, String)> {
        let core = (CORE.to_owned(), core_version().to_owned());
        let packs = self
            .packs
            .iter()
            .map(|p| (p.name.to_string(), p.version.to_string()));
        std::iter::once(core).chain(packs).collect()
    }

    /// The packs, by name.
    pub fn packs(&self) -> &[Arc<Pack>] {
        &self.packs
    }

    /// The calendars.
    pub fn holidays(&self) -> &Holidays {
        &self.holidays
    }

    /// Years that records of this situation are kept at least; the longest of all rules that apply.
    pub fn retention_years(&self, s: &Situation, now: Moment) -> Option<u32> {
        let years = |r: &&Rule| {
            if let Body::Retention { years } = r.body {
                Some(years)
            } else {
                None
            }
        };
        self.applied(s, now).rules.iter().filter_map(years).max()
    }

    /// All lexicons, compiled together.
    pub fn lexicons(&self) -> &Lexicons {
        &self.lexicons
    }

    /// The rules that speak about a situation at `now`.
    pub fn applied(&self, s: &Situation, now: Moment) -> Applied<'_> {
        let reaches: Vec<Reach> = self.packs.iter().map(|p| reach(p, s, now)).collect();
        let loaded = |name: &&String| !self.packs.iter().any(|p| *p.name == **name);
        let missing = s.portfolio.packs.iter().filter(loaded).cloned().collect();
        let mut rules = Vec::with_capacity(64);
        // Kinds for which a pack of the place speaks on this channel; fallbacks give way for these.
        let mut answered: Vec<Kind> = Vec::new();
        for (pack, reach) in self.packs.iter().zip(&reaches) {
            if *reach == Reach::No || !pack.fallback.is_empty() {
                continue;
            }
            for rule in pack
                .rules
                .iter()
                .filter(|r| r.concerns(s, now) && rule_place(r, s))
            {
                if *reach == Reach::Place && !answered.contains(&rule.kind()) {
                    answered.push(rule.kind());
                }
                rules.push(rule);
            }
        }
        for (pack, reach) in self.packs.iter().zip(&reaches) {
            if *reach == Reach::No || pack.fallback.is_empty() {
                continue;
            }
            let stands = |r: &&Rule| {
                let gives_way = pack.fallback.contains(&r.kind()) && answered.contains(&r.kind());
                !gives_way && r.concerns(s, now) && rule_place(r, s)
            };
            rules.extend(pack.rules.iter().filter(stands));
        }
        let cx = ContentContext::of(s);
        let speaks = |(pack, reach): (&Arc<Pack>, &Reach)| {
            let on = *reach != Reach::No;
            let each =
                |e: &Entry| on && e.when.holds_for(&cx) && e.rule.concerns(s, now) && rule_place(&e.rule, s);
            pack.lexicon.entries.iter().map(each).collect::<Vec<bool>>()
        };
        let entries = self.packs.iter().zip(&reaches).flat_map(speaks).collect();
        Applied {
            rules,
            entries,
            missing,
        }
    }
}

fn rule_place(rule: &Rule, s: &Situation) -> bool {
    rule.applies.fits_place(s.debtor.country.as_deref())
        || rule.applies.fits_place(s.recipient.country.as_deref())
}

fn reach(pack: &Pack, s: &Situation, now: Moment) -> Reach {
    if !pack.applies.fits(s, now) {
        return Reach::No;
    }
    let (debtor, recipient) = (s.debtor.country.as_deref(), s.recipient.country.as_deref());
    let (debtor_fits, recipient_fits) = (
        pack.applies.fits_place(debtor),
        pack.applies.fits_place(recipient),
    );
    if debtor_fits && recipient_fits {
        Reach::Place
    } else if debtor_fits || recipient_fits || s.portfolio.packs.iter().any(|name| **name == *pack.name) {
        Reach::Asked
    } else {
        Reach::No
    }
}
