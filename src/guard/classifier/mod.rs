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
use features::{Sink, walk};
pub use features::{Speech, hint};
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
    /// One weight for each feature slot: harmful against proper.
    harmful: Vec<i8>,
    harmful_scale: f32,
    bias: f32,
    /// Turns a margin into a probability: slope and offset.
    calibration: (f32, f32),
    /// From this margin on the score raises `review`.
    threshold: f32,
    /// Rows of [`ROW`] weights for each slot: which category.
    kinds: Vec<i8>,
    kinds_scale: f32,
    kinds_bias: [f32; ROW],
    categories: Vec<Category>,
}

/// Room for categories in one row of weights.
const ROW: usize = 12;
/// Slots of the first table, as a power of two.
const HARMFUL_BITS: u32 = 18;
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
    /// The likeliest category, where the score raises `review`.
    pub category: Option<Category>,
    /// Distance from the threshold; positive raises `review`.
    pub margin: f32,
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
            category: (margin > 0.0).then(|| self.category(input)),
            margin,
        }
    }

    /// The likeliest category, were the text harmful.
    pub fn category(&self, input: &Speech<'_>) -> Category {
        let mut rows = Rows {
            kinds: &self.kinds,
            sums: [0; ROW],
            count: 0,
        };
        walk(input, &mut rows);
        let root = (rows.count as f32 + DAMPING).sqrt();
        let of = |i: usize| self.kinds_bias[i] + rows.sums[i] as f32 * self.kinds_scale / root;
        let best = (0..self.categories.len()).max_by(|a, b| of(*a).total_cmp(&of(*b)));
        self.categories[best.unwrap_or(0)]
    }

    /// The features that moved the score most, strongest first, with the text they stand on. Longer runs that say the
    /// same as a shorter one inside them are left out.
    pub fn strongest(&self, input: &Speech<'_>, most: usize) -> Vec<Share> {
        let mut seen = Seen {
            harmful: &self.harmful,
            shares: Vec::new(),
        };
        walk(input, &mut seen);
        let root = (seen.shares.len() as f32 + DAMPING).sqrt();
        seen.shares
            .sort_by(|a, b| b.1.abs().cmp(&a.1.abs()).then(a.0.start.cmp(&b.0.start)));
        let mut out: Vec<Share> = Vec::new();
        for (at, weight) in seen.shares {
            let inside =
                |s: &Share| s.at.start < at.end && at.start < s.at.end && (s.weight > 0.0) == (weight > 0);
            if out.len() == most || weight == 0 {
                break;
            }
            if !out.iter().any(inside) {
                out.push(Share {
                    at,
                    weight: f32::from(weight) * self.harmful_scale / root,
                });
            }
        }
        out
    }
}

/// At most so many features explain a score.
const TOLD: usize = 6;

impl SecondOpinion for Classifier {
    fn score(&self, input: &Input<'_>) -> Score {
        let hints = hints(input);
        let speech = Speech::new(input.text, input.cx, &hints);
        let reading = self.read(&speech);
        let told = if reading.raises_review() {
            self.strongest(&speech, TOLD)
        } else {
            Vec::new()
        };
        let words = |s: Share| (input.text.get(s.at).unwrap_or_default().to_owned(), s.weight);
        Score {
            probability: reading.probability,
            raises_review: reading.raises_review(),
            category: reading.category,
            strongest: told.into_iter().map(words).collect(),
        }
    }
}

/// What the rules noticed and did not judge: word groups that occur, by name, so that weights outlive a new lexicon.
/// Entries that judged are left out: a model that leans on them learns nothing for texts they do not know.
pub fn hints(input: &Input<'_>) -> Vec<u32> {
    let names = input.lexicons.group_names();
    let named = input
        .signals
        .groups
        .iter()
        .filter_map(|g| names.get(usize::from(*g)));
    named.map(|name| hint(name)).collect()
}

/// The slot of a feature in a table of `2^bits`.
const fn slot(hash: u32, bits: u32) -> usize {
    (hash >> (32 - bits)) as usize
}

/// Sums of weights, for the whole text and for the most telling sentence.
struct Sums<'a> {
    harmful: &'a [i8],
    context: i32,
    whole: (i32, u32),
    sentence: (i32, u32),
    best: f32,
}

impl Sums<'_> {
    fn new(harmful: &[i8]) -> Sums<'_> {
        Sums {
            harmful,
            context: 0,
            whole: (0, 0),
            sentence: (0, 0),
            best: f32::MIN,
        }
    }

    fn level((sum, count): (i32, u32), context: i32) -> f32 {
        sum as f32 / (count as f32 + DAMPING).sqrt() + context as f32 * CONTEXT_SHARE
    }

    fn best(&self) -> f32 {
        self.best.max(Sums::level(self.whole, self.context))
    }
}

/// How much one thing that is true of the whole message counts beside its words.
const CONTEXT_SHARE: f32 = 0.15;

impl Sink for Sums<'_> {
    fn feature(&mut self, hash: u32, _: Range<usize>) {
        let weight = i32::from(self.harmful[slot(hash, HARMFUL_BITS)]);
        self.sentence.0 += weight;
        self.sentence.1 += 1;
    }

    fn cut(&mut self) {
        if self.sentence.1 > 0 {
            self.best = self.best.max(Sums::level(self.sentence, self.context));
            self.whole.0 += self.sentence.0;
            self.whole.1 += self.sentence.1;
            self.sentence = (0, 0);
        }
    }

    fn context(&mut self, hash: u32) {
        self.context += i32::from(self.harmful[slot(hash, HARMFUL_BITS)]);
    }
}

/// Sums of rows, for the category.
struct Rows<'a> {
    kinds: &'a [i8],
    sums: [i32; ROW],
    count: u32,
}

impl Sink for Rows<'_> {
    fn feature(&mut self, hash: u32, _: Range<usize>) {
        let at = slot(hash, KIND_BITS) * ROW;
        for (sum, weight) in self.sums.iter_mut().zip(&self.kinds[at..at + ROW]) {
            *sum += i32::from(*weight);
        }
        self.count += 1;
    }

    fn cut(&mut self) {}

    fn context(&mut self, hash: u32) {
        self.feature(hash, 0..0);
    }
}

/// Every feature with its weight.
struct Seen<'a> {
    harmful: &'a [i8],
    shares: Vec<(Range<usize>, i8)>,
}

impl Sink for Seen<'_> {
    fn feature(&mut self, hash: u32, at: Range<usize>) {
        self.shares.push((at, self.harmful[slot(hash, HARMFUL_BITS)]));
    }

    fn cut(&mut self) {}

    fn context(&mut self, hash: u32) {
        self.feature(hash, 0..0);
    }
}

#[cfg(test)]
mod tests;
