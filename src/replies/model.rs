//! A small linear model for answers that no rule reads: runs of characters and words, one score for each meaning. What it
//! says is never sure. Weights come as bytes (`weights.bin`, made by `dunwell replies train` from `corpus/replies/train.jsonl`).

use std::sync::LazyLock;

use super::Meaning;
use crate::policy::fold::is_han;

/// Slots of the table, as a power of two.
const BITS: u32 = 14;
/// Begins the bytes of weights.
const MAGIC: &[u8; 4] = b"DRW1";
/// Of a longer text only so many characters are read.
const LONGEST: usize = 2_000;

/// Weights ready for scoring.
#[derive(Clone)]
pub struct Model {
    pub(super) heads: Vec<Head>,
}

/// What is known about one meaning.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) meaning: Meaning,
    pub(super) bias: f32,
    pub(super) scale: f32,
    /// From this score on the meaning may be meant.
    pub(super) threshold: f32,
    pub(super) weights: Vec<i8>,
}

/// Why bytes are no weights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Not weights of this program, or cut off.
    #[error("these bytes are no weights for reading answers")]
    NoWeights,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Model({} meanings)", self.heads.len())
    }
}

/// The model inside the program, read once.
pub fn shipped_model() -> &'static Model {
    // INVARIANT: a test reads the shipped weights.
    static MODEL: LazyLock<Model> = LazyLock::new(|| {
        Model::from_bytes(include_bytes!("weights.bin"))
            .expect("the shipped weights for answers are readable")
    });
    &MODEL
}

impl Model {
    /// Reads weights.
    ///
    /// # Errors
    /// Where the bytes are no weights, or of a meaning that this program does not know.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(ModelError::NoWeights)?;
        let mut heads = Vec::new();
        while !rest.is_empty() {
            let length = usize::from(rest[0]);
            let name = rest.get(1..1 + length).and_then(|n| std::str::from_utf8(n).ok());
            let meaning = name.and_then(|n| n.parse().ok()).ok_or(ModelError::NoWeights)?;
            rest = &rest[1 + length..];
            let float = |at: usize| {
                let four: Option<[u8; 4]> = rest.get(at..at + 4).and_then(|b| b.try_into().ok());
                four.map(f32::from_le_bytes).ok_or(ModelError::NoWeights)
            };
            let (bias, scale, threshold) = (float(0)?, float(4)?, float(8)?);
            let weights = rest.get(12..12 + (1 << BITS)).ok_or(ModelError::NoWeights)?;
            heads.push(Head {
                meaning,
                bias,
                scale,
                threshold,
                weights: weights.iter().map(|b| b.cast_signed()).collect(),
            });
            rest = &rest[12 + (1 << BITS)..];
        }
        Ok(Model { heads })
    }

    /// The bytes that [`Model::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for head in &self.heads {
            let name = head.meaning.as_str();
            out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            out.extend(name.bytes());
            for f in [head.bias, head.scale, head.threshold] {
                out.extend(f.to_le_bytes());
            }
            out.extend(head.weights.iter().map(|w| w.cast_unsigned()));
        }
        out
    }

    /// What a folded text may mean.
    pub(super) fn meanings(&self, text: &str) -> Vec<Meaning> {
        let slots = features(text);
        let above = |h: &&Head| h.score(&slots) > h.threshold;
        self.heads.iter().filter(above).map(|h| h.meaning).collect()
    }
}

impl Head {
    pub(super) fn score(&self, slots: &[u32]) -> f32 {
        let sum: i32 = slots.iter().map(|s| i32::from(self.weights[*s as usize])).sum();
        self.bias + sum as f32 * self.scale / length_of(slots)
    }
}

/// What a sum is divided by, so that long texts do not shout.
pub(super) fn length_of(slots: &[u32]) -> f32 {
    (slots.len() as f32 + 6.0).sqrt()
}

/// The number of slots.
pub(super) const SLOTS: usize = 1 << BITS;

/// The features of a folded text as slots, each once.
pub(super) fn features(text: &str) -> Vec<u32> {
    let chars: Vec<char> = text.chars().take(LONGEST).collect();
    let mut out = Vec::new();
    let mut add = |kind: u8, letters: &[char]| out.push(slot(kind, letters));
    let mut words: Vec<&[char]> = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if c.is_ascii_alphanumeric() {
            let end = (i..chars.len())
                .find(|k| !(chars[*k].is_ascii_alphanumeric() || chars[*k] == '\''))
                .unwrap_or(chars.len());
            words.push(&chars[i..end]);
            i = end;
            continue;
        }
        if is_han(c) {
            for n in 1..=4 {
                if let Some(run) = chars.get(i..i + n).filter(|r| r.iter().all(|c| is_han(*c))) {
                    add(1, run);
                }
            }
        }
        if c == '?' {
            add(2, &['?']);
        }
        i += 1;
    }
    for (k, word) in words.iter().enumerate() {
        add(3, word);
        for run in word.windows(4) {
            add(5, run);
        }
        if let Some(next) = words.get(k + 1) {
            let pair: Vec<char> = word.iter().chain([&' ']).chain(next.iter()).copied().collect();
            add(4, &pair);
        }
        if let (Some(_), Some(third)) = (words.get(k + 1), words.get(k + 2)) {
            let pair: Vec<char> = word.iter().chain([&'_']).chain(third.iter()).copied().collect();
            add(4, &pair);
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// FNV-1a of a feature.
fn slot(kind: u8, letters: &[char]) -> u32 {
    let mix = |hash: u32, n: u32| (hash ^ n).wrapping_mul(0x0100_0193);
    let hash = letters.iter().fold(mix(0x811C_9DC5, kind.into()), |h, c| {
        mix(mix(h, *c as u32 & 0xFF), *c as u32 >> 8)
    });
    (hash ^ (hash >> 15)).wrapping_mul(0x2C1B_3C6D) >> (32 - BITS)
}
