//! A small linear model for what no phrase catches: politely worded threats, paraphrase, mixed languages.
//!
//! A message scores as its most telling sentence does, or as a whole if that is more. The score may raise `review` or
//! confirm a block; only rules block alone. Weights come as bytes (`weights.bin`, made by `dunwell guard train` from
//! `corpus/train.jsonl`); nothing here reads a file. `guard::content` asks for a score, `dunwell guard report` for figures.

mod features;
mod train;
mod weights;

use std::ops::Range;
use std::sync::LazyLock;

use super::content::{Input, Score, SecondOpinion};
use crate::policy::Category;
use features::sentence_ends;
pub use features::{Hint, Speech};
use features::{Sink, walk};
pub use train::{Example, Fit, Trained, train};
pub use weights::WeightsError;

/// The shipped weights.
pub const SHIPPED: &[u8] = include_bytes!("weights.bin");

/// The shipped model, read once.
pub fn shipped() -> &'static Classifier {
    // INVARIANT: a test reads the shipped weights.
    static MODEL: LazyLock<Classifier> =
        LazyLock::new(|| Classifier::from_bytes(SHIPPED).expect("the shipped weights are readable"));
    &MODEL
}

/// Weights ready for scoring.
#[derive(Clone)]
pub struct Classifier {
    /// For each feature slot the check of the feature it belongs to and its weight: harmful against proper.
    harmful: Vec<(u8, i8)>,
    harmful_scale: f32,
    bias: f32,
    /// Turns a margin into a probability: slope and offset.
    calibration: (f32, f32),
    /// From this margin on the score raises `review`.
    threshold: f32,
    /// From this margin on the score confirms what a rule doubts.
    sure: f32,
    /// Rows of [`ROW`] weights for each slot: which category.
    kinds: Vec<i8>,
    kinds_scale: f32,
    kinds_bias: [f32; ROW],
    categories: Vec<Category>,
}

/// Room for categories in one row of weights.
const ROW: usize = 12;
/// Slots of the first table, as a power of two.
const HARMFUL_BITS: u32 = 20;
/// Slots of the second table.
const KIND_BITS: u32 = 16;
/// Added to the number of features under the root, so that one odd word in a short text does not shout.
const DAMPING: f32 = 12.0;

impl std::fmt::Debug for Classifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Classifier({} slots, threshold {})",
            self.harmful.len(),
            self.threshold
        )
    }
}

/// What the model thinks of one text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// How likely the text must be stopped, from 0 to 1; calibrated on texts the weights had not seen.
    pub probability: f32,
    /// Distance from the threshold; positive raises `review`.
    pub margin: f32,
    /// Whether it is enough to confirm what a rule doubts.
    pub sure: bool,
}

impl Reading {
    /// Whether a person should look at the text.
    pub fn raises_review(&self) -> bool {
        self.margin > 0.0
    }
}

/// One feature's share of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The folded bytes it stands on; empty for what is not in the text (who speaks, what rules noticed).
    pub at: Range<usize>,
    /// Its share of the margin; positive speaks for stopping.
    pub weight: f32,
}

impl Classifier {
    /// Reads weights.
    ///
    /// # Errors
    /// Says what is wrong with the bytes: not weights, another version, cut off, or a category this program does not know.
    pub fn from_bytes(bytes: &[u8]) -> Result<Classifier, WeightsError> {
        weights::read(bytes)
    }

    /// Scores a text. Bounded by its length.
    pub fn read(&self, input: &Speech<'_>) -> Reading {
        let mut sums = Sums::new(&self.harmful);
        walk(input, &mut sums);
        let raw = self.bias + sums.best() * self.harmful_scale;
        let margin = raw - self.threshold;
        Reading {
            probability: weights::logistic(self.calibration.0 * raw + self.calibration.1),
            margin,
            sure: raw > self.sure,
        }
    }

    /// The likeliest category, were the text harmful.
    pub fn category(&self, input: &Speech<'_>) -> Category {
        let levels = self.levels(input);
        let best = (0..self.categories.len()).max_by(|a, b| levels[*a].total_cmp(&levels[*b]));
        self.categories[best.unwrap_or(0)]
    }

    /// Every category that the text may well be of, were it harmful; the likeliest one always is.
    pub fn categories(&self, input: &Speech<'_>) -> Vec<Category> {
        let levels = self.levels(input);
        let best = levels[..self.categories.len()]
            .iter()
            .copied()
            .fold(f32::MIN, f32::max);
        let near = |i: &usize| levels[*i] >= best.min(LIKELY);
        (0..self.categories.len())
            .filter(near)
            .map(|i| self.categories[i])
            .collect()
    }

    fn levels(&self, input: &Speech<'_>) -> [f32; ROW] {
        let mut rows = Rows {
            harmful: &self.harmful,
            kinds: &self.kinds,
            sums: [0; ROW],
            count: 0,
        };
        walk(input, &mut rows);
        let root = (rows.count as f32 + DAMPING).sqrt();
        std::array::from_fn(|i| self.kinds_bias[i] + rows.sums[i] as f32 * self.kinds_scale / root)
    }

    /// The features that moved the score most, strongest first, with the text they stand on. Longer runs that say the
    /// same as a shorter one inside them are left out.
    pub fn strongest(&self, input: &Speech<'_>, most: usize) -> Vec<Share> {
        let mut seen = Seen {
            harmful: &self.harmful,
            shares: Vec::new(),
            beside: Vec::new(),
        };
        walk(input, &mut seen);
        let root = (seen.shares.len() as f32 + DAMPING).sqrt();
        let of_words = seen.shares.into_iter().map(|(at, w)| (at, f32::from(w) / root));
        let others = seen
            .beside
            .into_iter()
            .map(|w| (0..0, f32::from(w) * CONTEXT_SHARE));
        let mut all: Vec<(Range<usize>, f32)> = of_words.chain(others).collect();
        all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.start.cmp(&b.0.start)));
        let mut out: Vec<Share> = Vec::new();
        for (at, weight) in all {
            let inside =
                |s: &Share| s.at.start < at.end && at.start < s.at.end && (s.weight > 0.0) == (weight > 0.0);
            if out.len() == most || weight == 0.0 {
                break;
            }
            if !out.iter().any(inside) {
                out.push(Share {
                    at,
                    weight: weight * self.harmful_scale,
                });
            }
        }
        out
    }
}

/// A category with at least this level (one chance in four) is one the text may be of.
const LIKELY: f32 = -1.1;

/// At most so many features explain a score.
const TOLD: usize = 6;

impl SecondOpinion for Classifier {
    fn score(&self, input: &Input<'_>) -> Score {
        let hints = hints(input);
        let reading = self.read(&Speech::new(input.text, input.cx, &hints));
        Score {
            probability: reading.probability,
            raises_review: reading.raises_review(),
            sure: reading.sure,
            category: None,
            sure_of: Vec::new(),
            strongest: Vec::new(),
        }
    }

    fn explain(&self, input: &Input<'_>, score: &mut Score) {
        let hints = hints(input);
        let speech = Speech::new(input.text, input.cx, &hints);
        let words = |s: Share| (input.text.get(s.at).unwrap_or_default().to_owned(), s.weight);
        score.category = Some(self.category(&speech));
        if score.sure {
            score.sure_of = self.categories(&speech);
        }
        score.strongest = self.strongest(&speech, TOLD).into_iter().map(words).collect();
    }
}

/// What the rules noticed and did not judge: word groups in their sentences, by numbers made from their names, so that
/// weights outlive a new lexicon. Entries that judged are left out: a model that leans on them learns nothing for texts
/// they do not know.
pub fn hints(input: &Input<'_>) -> Vec<Hint> {
    let mut out: Vec<Hint> = Vec::with_capacity(input.signals.placed.len());
    let marks = input.lexicons.group_marks();
    let mut ends = sentence_ends(input.written).peekable();
    let mut sentence = 0;
    for (at, group) in &input.signals.placed {
        while ends.next_if(|end| *end <= *at as usize).is_some() {
            sentence += 1;
        }
        let hint = (sentence, marks[usize::from(*group)]);
        // The same group twice at one place says no more than once.
        if hint.1 != 0 && !out.iter().rev().take(4).any(|h| *h == hint) {
            out.push(hint);
        }
    }
    out
}

/// The slot of a feature in a table of `2^bits`.
const fn slot(hash: u32, bits: u32) -> usize {
    (hash >> (32 - bits)) as usize
}

/// A second look at a hash: features that were never learnt mostly fail it.
const fn check_of(hash: u32) -> u8 {
    (hash >> 3) as u8
}

/// The weight of a feature; none where it was never learnt.
fn weight(harmful: &[(u8, i8)], hash: u32) -> Option<i8> {
    let (check, weight) = harmful[slot(hash, HARMFUL_BITS)];
    (check == check_of(hash)).then_some(weight)
}

/// Sums of weights, for the whole text and for the most telling sentence.
struct Sums<'a> {
    harmful: &'a [(u8, i8)],
    context: i32,
    whole: (i32, u32, i32),
    sentence: (i32, u32, i32),
    best: f32,
}

impl Sums<'_> {
    fn new(harmful: &[(u8, i8)]) -> Sums<'_> {
        Sums {
            harmful,
            context: 0,
            whole: (0, 0, 0),
            sentence: (0, 0, 0),
            best: f32::MIN,
        }
    }

    fn level((sum, count, groups): (i32, u32, i32), context: i32) -> f32 {
        sum as f32 / (count as f32 + DAMPING).sqrt() + (context + groups) as f32 * CONTEXT_SHARE
    }

    fn best(&self) -> f32 {
        self.best.max(Sums::level(self.whole, self.context))
    }
}

/// How much one thing that is true of the whole message counts beside its words.
const CONTEXT_SHARE: f32 = 0.15;

impl Sink for Sums<'_> {
    fn feature(&mut self, hash: u32, _: Range<usize>) {
        self.sentence.0 += i32::from(weight(self.harmful, hash).unwrap_or(0));
        self.sentence.1 += 1;
    }

    fn group(&mut self, hash: u32) {
        self.sentence.2 += i32::from(weight(self.harmful, hash).unwrap_or(0));
    }

    fn whole(&mut self, hash: u32) {
        self.whole.2 += i32::from(weight(self.harmful, hash).unwrap_or(0));
    }

    fn cut(&mut self) {
        if self.sentence.1 > 0 {
            self.best = self.best.max(Sums::level(self.sentence, self.context));
            self.whole.0 += self.sentence.0;
            self.whole.1 += self.sentence.1;
            self.sentence = (0, 0, 0);
        }
    }

    fn context(&mut self, hash: u32) {
        self.context += i32::from(weight(self.harmful, hash).unwrap_or(0));
    }
}

/// Sums of rows, for the category.
struct Rows<'a> {
    harmful: &'a [(u8, i8)],
    kinds: &'a [i8],
    sums: [i32; ROW],
    count: u32,
}

impl Rows<'_> {
    fn add(&mut self, hash: u32) {
        if weight(self.harmful, hash).is_none() {
            return;
        }
        let at = slot(hash, KIND_BITS) * ROW;
        for (sum, weight) in self.sums.iter_mut().zip(&self.kinds[at..at + ROW]) {
            *sum += i32::from(*weight);
        }
    }
}

impl Sink for Rows<'_> {
    fn feature(&mut self, hash: u32, _: Range<usize>) {
        self.count += 1;
        self.add(hash);
    }

    fn group(&mut self, _: u32) {}

    fn whole(&mut self, hash: u32) {
        self.add(hash);
    }

    fn cut(&mut self) {}

    fn context(&mut self, hash: u32) {
        self.add(hash);
    }
}

/// Every feature that stands on words, with its weight.
struct Seen<'a> {
    harmful: &'a [(u8, i8)],
    shares: Vec<(Range<usize>, i8)>,
    /// Features that stand on no words: word groups and who speaks to whom.
    beside: Vec<i8>,
}

impl Sink for Seen<'_> {
    fn feature(&mut self, hash: u32, at: Range<usize>) {
        self.shares.push((at, weight(self.harmful, hash).unwrap_or(0)));
    }

    fn group(&mut self, _: u32) {}

    fn whole(&mut self, hash: u32) {
        self.context(hash);
    }

    fn cut(&mut self) {}

    fn context(&mut self, hash: u32) {
        self.beside.extend(weight(self.harmful, hash));
    }
}

#[cfg(test)]
mod tests;
