//! Sums that people name: `2000`, `两千五`, `1.5万`, `$200`, `2k`, `一半`, `in full`.

use std::ops::Range;

use super::ClaimFacts;
use super::PartKind as K;
use super::parts::{ONE, Parts, Piece, What};

/// A sum in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    /// Minor units of the claim; `None`: it cannot be told (another currency, no claim, no whole minor unit).
    pub(super) minor: Option<i64>,
    /// Said with a currency or a unit, so that it is no other number.
    pub(super) marked: bool,
    /// Paid again and again.
    pub(super) each: bool,
}

/// Every sum that a text names; numbers inside `taken` pieces belong to days.
pub(super) fn sums(
    parts: &Parts,
    pieces: &[Piece],
    taken: &[Range<usize>],
    claim: Option<&ClaimFacts>,
) -> Vec<Sum> {
    let kind = |i: usize| match pieces.get(i).map(|p| &p.what) {
        Some(What::Part(kind, at)) => Some((*kind, *at)),
        _ => None,
    };
    let each = pieces.iter().any(|p| matches!(p.what, What::Part(K::Each, _)));
    let mut out = Vec::new();
    let mut i = 0;
    while i < pieces.len() {
        if let Some(day) = taken.iter().find(|t| t.contains(&i)) {
            i = day.end;
            continue;
        }
        let share = match kind(i) {
            Some((K::Half, _)) => claim.map(|c| c.balance_minor - c.balance_minor / 2),
            Some((K::Whole, _)) => claim.map(|c| c.balance_minor),
            _ => {
                let Some((sum, end)) = number(parts, pieces, i, claim) else {
                    i += 1;
                    continue;
                };
                let free = !taken.iter().any(|t| t.start < end && i < t.end);
                out.extend(sum.filter(|_| free).map(|s| Sum { each, ..s }));
                i = end.max(i + 1);
                continue;
            }
        };
        out.push(Sum {
            minor: share.filter(|m| *m > 0),
            marked: true,
            each,
        });
        i += 1;
    }
    out
}

/// A number with what stands around it; the number itself may turn out to be none of money.
fn number(
    parts: &Parts,
    pieces: &[Piece],
    i: usize,
    claim: Option<&ClaimFacts>,
) -> Option<(Option<Sum>, usize)> {
    let part = |k: usize| match pieces.get(k).map(|p| &p.what) {
        Some(What::Part(kind, at)) => Some((*kind, parts.part(*at))),
        _ => None,
    };
    let (mut value, mut digits, mut end) = match &pieces.get(i)?.what {
        What::Number { value, digits, .. } => (*value, *digits, i + 1),
        What::Part(K::Number, at) => (parts.part(*at).n * ONE, 1, i + 1),
        _ => return None,
    };
    let before = i
        .checked_sub(1)
        .and_then(part)
        .filter(|(kind, _)| *kind == K::Money);
    let mut marked = before.is_some();
    while let Some((K::Times, p)) = part(end) {
        value = value.saturating_mul(p.n);
        (marked, digits) = (true, 1);
        end += 1;
        // `1万2`: the rest is of the next smaller unit.
        if let Some(What::Number {
            value: rest,
            digits: 1,
            ..
        }) = pieces.get(end).map(|p| &p.what)
            && p.n >= 100
            && part(end + 1).is_none_or(|(kind, _)| kind == K::Money)
            && touching(pieces, end)
        {
            value = value.saturating_add(rest.saturating_mul(p.n / 10));
            end += 1;
        }
    }
    let after = part(end).filter(|(kind, _)| *kind == K::Money);
    if after.is_some() {
        (marked, end) = (true, end + 1);
    }
    if matches!(
        part(end),
        Some((K::OtherUnit | K::DayOfMonth | K::Week | K::Days | K::Month, _))
    ) {
        return Some((None, end + 1));
    }
    let other_sign = |k: Option<usize>| {
        k.and_then(|k| pieces.get(k))
            .is_some_and(|p| matches!(p.what, What::Other('#' | '/' | '-' | ':' | '*')))
    };
    if !marked && (!(2..=7).contains(&digits) || other_sign(i.checked_sub(1)) || other_sign(Some(end))) {
        return Some((None, end));
    }
    let minor = claim.and_then(|c| {
        let named = before.or(after);
        let own = named.is_none_or(|(_, p)| p.currencies.is_empty() || p.currencies.contains(&c.currency));
        let scaled = i128::from(value) * 10i128.pow(c.currency.places());
        let whole = scaled % i128::from(ONE) == 0;
        i64::try_from(scaled / i128::from(ONE))
            .ok()
            .filter(|m| own && whole && *m > 0)
    });
    Some((
        Some(Sum {
            minor,
            marked,
            each: false,
        }),
        end,
    ))
}

fn touching(pieces: &[Piece], i: usize) -> bool {
    i > 0 && pieces[i - 1].span.end == pieces[i].span.start
}
