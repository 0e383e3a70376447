//! All packs together: which of them speak about a situation, and in whose favour a fallback gives way.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;

use super::calendar::Holidays;
use super::core::{CORE, core_version};
use super::facts::Facts;
use super::lexicon::Entry;
use super::matcher::Lexicons;
use super::pack::{Pack, digest_of};
use super::rules::{Body, Category, Kind, Rule};
use super::sets::Set;

/// All packs and calendars, compiled once and shared.
#[derive(Debug)]
pub struct PolicySet {
    packs: Vec<Arc<Pack>>,
    /// Where each pack stands among `packs`.
    places: HashMap<Arc<str>, usize>,
    holidays: Holidays,
    lexicons: Lexicons,
    digest: String,
}

/// How a pack came to speak about a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Not at all.
    No,
    /// It is asked for, the place does not call for it; a fallback does not give way to it.
    Asked,
    /// The place.
    Place,
}

/// Which packs are asked beside, or instead of, those of the place.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// Those of the place and those that the portfolio names.
    Beside(&'a [String]),
    /// Exactly these, whatever the place; none of them gives way.
    Only(&'a [String]),
}

impl<'a> Asked<'a> {
    fn names(self) -> &'a [String] {
        match self {
            Asked::Beside(names) | Asked::Only(names) => names,
        }
    }
}

/// The rules that speak about one situation.
#[derive(Debug)]
pub struct Applied<'p> {
    /// Rules, the strictest of which wins each question.
    pub rules: Vec<&'p Rule>,
    /// Names of packs that are asked for and nobody loaded.
    pub missing: Vec<String>,
    /// Kinds of rules for which a pack of the place speaks.
    pub answered: Set<Kind>,
    /// Whether an entry of [`Lexicons::entries`] speaks, in its order; whoever judges words fills it.
    pub entries: Vec<bool>,
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
        let places = packs.iter().enumerate().map(|(i, p)| (p.name.clone(), i));
        let all: Vec<_> = packs.iter().map(|p| &p.lexicon).collect();
        let lexicons = Lexicons::compile(&all);
        let texts = packs.iter().map(|p| (&*p.name, p.digest.as_str()));
        let digest = digest_of(texts.chain([(CORE, core_version()), ("holidays", holidays.text())]));
        PolicySet {
            places: places.collect(),
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

    /// Months that records of this situation are kept at least; the longest of all rules that apply.
    pub fn retention_months(&self, f: &Facts, asked: Asked<'_>) -> Option<u32> {
        let months = |r: &Rule| {
            if let Body::Retention {
                years,
                months,
                at_most: false,
                ..
            } = r.body
            {
                Some(years * 12 + months)
            } else {
                None
            }
        };
        self.applied(f, asked)
            .rules
            .iter()
            .filter_map(|r| months(r))
            .max()
    }

    /// All lexicons, compiled together.
    pub fn lexicons(&self) -> &Lexicons {
        &self.lexicons
    }

    /// The rules that speak about these facts.
    pub fn applied(&self, f: &Facts, asked: Asked<'_>) -> Applied<'_> {
        let mut applied = Applied {
            rules: Vec::with_capacity(96),
            missing: Vec::new(),
            answered: Set::EMPTY,
            entries: Vec::new(),
        };
        self.select(f, asked, &mut applied);
        applied
    }

    /// The rules that speak about these facts, into lists that are already there; for loops that judge many.
    pub fn select<'p>(&'p self, f: &Facts, asked: Asked<'_>, into: &mut Applied<'p>) {
        into.rules.clear();
        into.missing.clear();
        into.answered = Set::EMPTY;
        let Some(today) = today(f) else {
            // Without a zone there is no date: everything that could be in force is.
            return self.select_on(f, f.at.utc().date_naive(), asked, into);
        };
        self.select_on(f, today, asked, into);
    }

    fn select_on<'p>(&'p self, f: &Facts, today: NaiveDate, asked: Asked<'_>, into: &mut Applied<'p>) {
        let Asked::Beside(_) = asked else {
            for name in asked.names() {
                let Some(place) = self.places.get(name.as_str()) else {
                    into.missing.push(name.clone());
                    continue;
                };
                let pack = &self.packs[*place];
                if pack.applies.fits(f, today) {
                    into.rules
                        .extend(pack.rules.iter().filter(|r| r.concerns(f, today)));
                }
            }
            return;
        };
        let unknown = |name: &&String| !self.places.contains_key(name.as_str());
        into.missing.extend(asked.names().iter().filter(unknown).cloned());
        // Kinds for which a pack of the place speaks on this channel; fallbacks give way for these.
        for pack in self.packs.iter().filter(|p| p.fallback.is_empty()) {
            let reach = reach(pack, f, today, asked);
            if reach == Reach::No {
                continue;
            }
            for rule in pack
                .rules
                .iter()
                .filter(|r| r.concerns(f, today) && r.fits_place(f))
            {
                if reach == Reach::Place && rule.restrains(f) {
                    into.answered = into.answered.with(rule.kind());
                }
                into.rules.push(rule);
            }
        }
        for pack in self.packs.iter().filter(|p| !p.fallback.is_empty()) {
            if reach(pack, f, today, asked) == Reach::No {
                continue;
            }
            let stands = |r: &&Rule| {
                let gives_way = pack.fallback.contains(&r.kind()) && into.answered.has(r.kind());
                !gives_way && r.concerns(f, today) && r.fits_place(f)
            };
            into.rules.extend(pack.rules.iter().filter(stands));
        }
    }

    /// Which entries of [`Lexicons::entries`] speak, in their order; the conditions of each entry are its own.
    pub(crate) fn speaking(&self, f: &Facts, asked: Asked<'_>) -> Vec<bool> {
        let today = today(f).unwrap_or_else(|| f.at.utc().date_naive());
        let mut all = Vec::new();
        for pack in &self.packs {
            let on = reach(pack, f, today, asked) != Reach::No;
            let each = |e: &Entry| on && e.rule.concerns(f, today) && e.rule.fits_place(f);
            all.extend(pack.lexicon.entries.iter().map(each));
        }
        all
    }
}

/// The recipient's date; of several zones that of the first.
fn today(f: &Facts) -> Option<NaiveDate> {
    f.zones.first().map(|z| f.at.date_in(z.zone))
}

fn reach(pack: &Pack, f: &Facts, today: NaiveDate, asked: Asked<'_>) -> Reach {
    if !pack.applies.fits(f, today) {
        return Reach::No;
    }
    let named = asked.names().iter().any(|name| **name == *pack.name);
    let fits = |country: &Option<String>, region: &Option<String>| {
        pack.applies.fits_place(country.as_deref(), region.as_deref())
    };
    let (debtor, recipient) = (
        fits(&f.debtor_country, &f.debtor_region),
        fits(&f.recipient_country, &f.recipient_region),
    );
    if debtor && recipient {
        Reach::Place
    } else if debtor || recipient || named {
        Reach::Asked
    } else {
        Reach::No
    }
}
