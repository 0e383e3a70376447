//! One answer read: words that are the whole message, patterns of words, particulars of promises and payments, and the
//! opinion of the model about what no rule knows.

use std::ops::Range;

use super::dates::Toward;
use super::promise::particulars;
use super::whole::Match;
use super::{Meaning, Model, Reach, ReplyContext, ReplyRules, Understood};
use crate::policy::fold::fold;
use crate::policy::{Builtin, Hit, WordMark};

/// Longer texts are read at their beginning and their end, and nothing in them is sure.
const LONGEST: usize = 12_000;

/// So many numbers are marked at most.
const NUMBERS: usize = 200;

/// What somebody means by a text. Total: any text has an answer, in time that does not grow with its length beyond a few
/// pages. An empty list means that nothing was asked, said or wanted.
pub fn understand(
    rules: &ReplyRules,
    model: Option<&Model>,
    text: &str,
    cx: &ReplyContext<'_>,
) -> Vec<Understood> {
    let (pieces, cut) = readable(text);
    let mut all = Vec::new();
    for piece in pieces {
        read((rules, model), text, piece, cx, &mut all);
    }
    if cut {
        all.iter_mut().for_each(|u| u.sure = false);
    }
    merged(all)
}

/// The parts of a text that are read, and whether something is left out.
fn readable(text: &str) -> (Vec<Range<usize>>, bool) {
    if text.len() <= LONGEST {
        return (std::iter::once(0..text.len()).collect(), false);
    }
    let floor = |mut byte: usize| {
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    };
    let (head, tail) = (floor(LONGEST * 2 / 3), floor(text.len() - LONGEST / 3));
    (vec![0..head, tail..text.len()], true)
}

fn read(
    (rules, model): (&ReplyRules, Option<&Model>),
    whole: &str,
    piece: Range<usize>,
    cx: &ReplyContext<'_>,
    all: &mut Vec<Understood>,
) {
    let text = &whole[piece.clone()];
    let from = all.len();
    let own = rules.own_word.map(|rule| (cx.opt_out_word, rule));
    let mut denied = false;
    if let Some(found) = rules.whole.read(text, own) {
        let (at, slip) = match found {
            Match::Exact(at) => (at, false),
            Match::Slip(at) => (at, true),
        };
        let mut one = of_rule(rules, at, 0..text.len());
        // A slip of a long word is plain; of a short one a person looks.
        one.sure &= !slip || text.trim().chars().count() >= 6 || one.meaning == Meaning::OptOut;
        all.push(one);
    } else {
        denied = by_patterns(rules, text, all);
    }
    let folded = fold(text);
    for one in &mut all[from..] {
        let toward = match one.meaning {
            Meaning::Promise => Toward::Ahead,
            Meaning::AlreadyPaid => Toward::Behind,
            _ => continue,
        };
        let told = particulars(&rules.parts, folded.text(), cx, toward);
        if one.meaning == Meaning::Promise {
            one.sure &= told.definite;
        }
        (one.on, one.amount_minor, one.method) = (told.on, told.amount_minor, told.method);
    }
    if let Some(model) = model {
        // Beside what rules read it may add that contact shall end, the dearest thing to miss.
        let silent = all.len() == from;
        let stops = |all: &[Understood]| all.iter().any(|u| u.meaning == Meaning::OptOut);
        for meaning in model.meanings(folded.text()) {
            let adds = meaning == Meaning::OptOut && !denied && !stops(&all[from..]);
            if silent || adds {
                all.push(Understood::new(meaning, false, 0..text.len(), "model"));
            }
        }
    }
    for one in &mut all[from..] {
        one.span = one.span.start + piece.start..one.span.end + piece.start;
    }
}

fn of_rule(rules: &ReplyRules, at: usize, span: Range<usize>) -> Understood {
    let rule = &rules.rules[at];
    Understood {
        reach: rule.reach,
        need: rule.need,
        ..Understood::new(rule.meaning, rule.sure, span, &rule.head.id)
    }
}

/// Adds what patterns read; whether an opting-out is spoken of and denied or asked about.
fn by_patterns(rules: &ReplyRules, text: &str, all: &mut Vec<Understood>) -> bool {
    let folded = fold(text);
    let found = rules.lexicons.find(&folded, &numbers(folded.text()));
    // What is denied in one place and said in another is not sure.
    let denied = |meaning: Meaning, span: &Range<usize>| {
        found.hits.iter().any(|h| {
            h.excused
                && rules.rules[h.entry].meaning == meaning
                && (h.span.end <= span.start || span.end <= h.span.start)
        })
    };
    // What only sounds like a word counts where nothing is written.
    let written = found.hits.iter().any(|h| !h.by_sound);
    for hit in found
        .hits
        .iter()
        .filter(|h| !(h.excused || h.by_sound && written))
    {
        let mut one = of_rule(rules, hit.entry, folded.original(hit.span.clone()));
        one.sure &= !hit.by_sound && !denied(one.meaning, &hit.span);
        all.push(one);
    }
    let opts_out = |h: &Hit| rules.rules[h.entry].meaning == Meaning::OptOut;
    found.hits.iter().any(|h| h.excused && opts_out(h))
}

/// Rows of digits, for patterns that ask for a number.
fn numbers(text: &str) -> Vec<WordMark> {
    let bytes = text.as_bytes();
    let begins =
        |at: &usize| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[*at - 1].is_ascii_alphanumeric());
    let starts = (0..bytes.len()).filter(begins).take(NUMBERS);
    let end = |at: usize| (at..bytes.len()).find(|i| !matches!(bytes[*i], b'0'..=b'9' | b'.' | b','));
    starts
        .map(|at| WordMark {
            what: Builtin::Number,
            span: at..end(at).unwrap_or(bytes.len()),
        })
        .collect()
}

/// One entry for each meaning: the surest, with the farthest reach and every particular that was told.
fn merged(all: Vec<Understood>) -> Vec<Understood> {
    let mut out: Vec<Understood> = Vec::new();
    for one in all {
        let Some(known) = out.iter_mut().find(|k| k.meaning == one.meaning) else {
            out.push(one);
            continue;
        };
        let reach = wider(known.reach, one.reach);
        let need = known.need.or(one.need);
        if one.sure && !known.sure {
            *known = one;
        }
        (known.reach, known.need) = (reach, need);
    }
    // Who opts out asks in form only: `could you please stop`.
    if out.iter().any(|u| u.meaning == Meaning::OptOut && u.sure) {
        out.retain(|u| u.meaning != Meaning::Question);
    }
    out.sort_by_key(|u| u.meaning);
    out
}

/// The farther of two reaches; two media are everything.
fn wider(a: Reach, b: Reach) -> Reach {
    match (a, b) {
        (a, b) if a == b => a,
        (Reach::Here, other) | (other, Reach::Here) => other,
        _ => Reach::Everything,
    }
}
