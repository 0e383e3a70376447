//! The particulars of a promise or a payment: which day, how much, how.

use chrono::{Days, NaiveDate};

use super::PartKind;
use super::ReplyContext;
use super::amounts::{Sum, sums};
use super::dates::{Order, Toward, days};
use super::parts::{Parts, What};

/// What a text says about day, sum and way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Particulars {
    /// The day, where one is named.
    pub(super) on: Option<NaiveDate>,
    /// The sum, where one is named.
    pub(super) amount_minor: Option<i64>,
    /// How it was paid.
    pub(super) method: Option<String>,
    /// One day and one sum that make sense together, and nothing that could be meant otherwise.
    pub(super) definite: bool,
    /// A day or a sum is spoken of at all.
    pub(super) any: bool,
}

/// A promise further ahead is no plan.
const FARTHEST_DAYS: u64 = 366;

/// Reads them from a folded text.
pub(super) fn particulars(parts: &Parts, text: &str, cx: &ReplyContext<'_>, toward: Toward) -> Particulars {
    let pieces = parts.pieces(text);
    let month_first = cx.locale.starts_with("zh") || cx.claim.is_some_and(|c| c.currency.code() == "USD");
    let order = if month_first {
        Order::MonthFirst
    } else {
        Order::Either
    };
    let named = days(parts, &pieces, text, cx.today, (toward, order));
    let taken: Vec<_> = named.iter().map(|n| n.pieces.clone()).collect();
    let all = sums(parts, &pieces, &taken, cx.claim.as_ref());
    // A number beside one that is marked as money says something else.
    let marked = all.iter().any(|s| s.marked);
    let mut all: Vec<Sum> = all.into_iter().filter(|s| s.marked || !marked).collect();
    // `in full, the whole balance` is one sum said twice; two halves are two.
    let balance = cx.claim.map(|c| c.balance_minor);
    all.dedup_by(|b, a| a == b && a.minor.is_some() && a.minor == balance);
    let mut on: Vec<Option<NaiveDate>> = named.iter().map(|n| n.day).collect();
    on.sort_unstable();
    on.dedup();
    let method = pieces.iter().find_map(|p| match p.what {
        What::Part(PartKind::Method, at) => Some(parts.name(at).to_owned()),
        _ => None,
    });
    let day = match on[..] {
        [one] => one,
        _ => None,
    };
    let sum = match &all[..] {
        [one] => one.minor.filter(|_| !one.each),
        _ => None,
    };
    let near = day.is_some_and(|d| {
        let last = cx.today.checked_add_days(Days::new(FARTHEST_DAYS));
        toward == Toward::Behind || d >= cx.today && last.is_none_or(|last| d <= last)
    });
    let fits = sum
        .zip(cx.claim)
        .is_some_and(|(s, c)| s > 0 && s <= c.balance_minor);
    Particulars {
        on: day,
        amount_minor: sum,
        method,
        definite: near && fits,
        any: !on.is_empty() || !all.is_empty(),
    }
}
