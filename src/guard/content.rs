//! What must not be said: hits of the lexicons in every part, their surroundings considered.

use std::ops::Range;

use crate::policy::{Applied, Entry, Head, PolicySet};

use super::{Desk, Part, verdict_of};

/// At most so many hits of one entry in one part are reported; the words are the same.
const HITS_SHOWN: usize = 5;

/// Judges the words of every part.
pub(super) fn judge(desk: &mut Desk<'_>, policy: &PolicySet, applied: &Applied<'_>) {
    let entries = policy.entries();
    let mut found: Vec<Vec<(&'static str, Range<usize>)>> = vec![Vec::new(); entries.len()];
    for part in desk.parts {
        let hits = policy.matcher().hits(part.folded.text(), &entries);
        for hit in hits {
            let entry = entries[hit.entry];
            let known = &found[hit.entry];
            // The HTML of an e-mail says the same words again.
            let repeated = part.name == "html" && known.iter().any(|(name, _)| *name == "text");
            if !applied.entries[hit.entry] || repeated || excused(entry, part, &hit.span) {
                continue;
            }
            let span = part.folded.original(hit.span);
            let overlaps = known
                .iter()
                .any(|(n, r)| *n == part.name && r.start < span.end && span.start < r.end);
            let shown = known.iter().filter(|(n, _)| *n == part.name).count();
            if !overlaps && shown < HITS_SHOWN {
                found[hit.entry].push((part.name, span));
            }
        }
    }
    for (i, entry) in entries.iter().enumerate().filter(|(i, _)| applied.entries[*i]) {
        if found[i].is_empty() {
            desk.pass(&entry.rule.head);
            continue;
        }
        let head = cited(entry, applied);
        for span in &found[i] {
            desk.report(&head, verdict_of(entry.outcome), Some(span.clone()));
        }
    }
}

fn excused(entry: &Entry, part: &Part, span: &Range<usize>) -> bool {
    entry.unless.iter().any(|u| u.excuse(part.folded.text(), span))
}

/// The entry's sentence with the citation of the place, where a pack of the place has a stronger one.
fn cited(entry: &Entry, applied: &Applied<'_>) -> Head {
    let own = &entry.rule.head;
    match applied.citation(entry.category) {
        Some(rule) if rule.head.level < own.level => Head {
            pack: rule.head.pack.clone(),
            version: rule.head.version.clone(),
            level: rule.head.level,
            sureness: rule.head.sureness,
            basis: rule.head.basis.clone(),
            ..own.clone()
        },
        _ => own.clone(),
    }
}
