//! Weights as bytes and back: a header, numbers, the weights that are not nothing as place, check and small integer, and
//! the table of categories.

use super::{Classifier, HARMFUL_BITS, KIND_BITS, ROW};
use crate::policy::Category;

/// What is wrong with a weight file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// The bytes do not begin as weights do.
    #[error("these are no classifier weights of this version; expected a file that begins with `{MAGIC}`")]
    NotWeights,
    /// Fewer or more bytes than the header says.
    #[error("the weights have {found} bytes, expected {expected}")]
    Length {
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// A number that is none.
    #[error("a scale, bias or threshold of the weights is not a number")]
    NotANumber,
    /// A category that this program does not know.
    #[error("the weights speak of the category `{0}`, which this program does not know")]
    Category(String),
}

/// First bytes of the file; the number is the version of features and layout.
const MAGIC: &str = "dunwell-weights-3\n";
/// Numbers after the names: scale, bias, slope, offset, threshold, margin that confirms, scale of the second table, and a bias for each category.
const NUMBERS: usize = 7 + ROW;

/// Bytes of one weight: place, check, value.
const ENTRY: usize = 5;

/// Reads weights; everything is checked before anything is used.
pub(super) fn read(bytes: &[u8]) -> Result<Classifier, WeightsError> {
    let rest = bytes
        .strip_prefix(MAGIC.as_bytes())
        .ok_or(WeightsError::NotWeights)?;
    let line = rest
        .iter()
        .position(|b| *b == b'\n')
        .ok_or(WeightsError::NotWeights)?;
    let names = std::str::from_utf8(&rest[..line]).map_err(|_| WeightsError::NotWeights)?;
    let category = |name: &str| {
        name.parse::<Category>()
            .map_err(|_| WeightsError::Category(name.chars().take(40).collect()))
    };
    let categories: Vec<Category> = names.split(' ').map(category).collect::<Result<_, _>>()?;
    let body = &rest[line + 1..];
    let second = ROW << KIND_BITS;
    let count = body
        .get(NUMBERS * 4..NUMBERS * 4 + 4)
        .map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let first = (count as usize).min(1 << HARMFUL_BITS) * ENTRY;
    let expected = NUMBERS * 4 + 4 + first + second;
    if body.len() != expected || categories.len() > ROW {
        return Err(WeightsError::Length {
            found: bytes.len(),
            expected: bytes.len() - body.len() + expected,
        });
    }
    let (numbers, tables) = body.split_at(NUMBERS * 4);
    let tables = &tables[4..];
    let numbers: Vec<f32> = numbers
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    if numbers.iter().any(|n| !n.is_finite()) {
        return Err(WeightsError::NotANumber);
    }
    let mut harmful = vec![(0u8, 0i8); 1 << HARMFUL_BITS];
    for entry in tables[..first].chunks_exact(ENTRY) {
        let at = u32::from_le_bytes([entry[0], entry[1], entry[2], 0]) as usize % harmful.len();
        harmful[at] = (entry[3], entry[4].cast_signed());
    }
    let small = |bytes: &[u8]| bytes.iter().map(|b| b.cast_signed()).collect::<Vec<i8>>();
    let mut kinds_bias = [0.0; ROW];
    kinds_bias.copy_from_slice(&numbers[7..]);
    Ok(Classifier {
        harmful,
        harmful_scale: numbers[0],
        bias: numbers[1],
        calibration: (numbers[2], numbers[3]),
        threshold: numbers[4],
        sure: numbers[5],
        kinds: small(&tables[first..]),
        kinds_scale: numbers[6],
        kinds_bias,
        categories,
    })
}

/// Writes weights.
pub(super) fn write(c: &Classifier) -> Vec<u8> {
    let names: Vec<&str> = c.categories.iter().map(|c| c.as_str()).collect();
    let mut out = MAGIC.as_bytes().to_vec();
    out.extend(names.join(" ").bytes());
    out.push(b'\n');
    let head = [
        c.harmful_scale,
        c.bias,
        c.calibration.0,
        c.calibration.1,
        c.threshold,
        c.sure,
        c.kinds_scale,
    ];
    for number in head.iter().chain(&c.kinds_bias) {
        out.extend(number.to_le_bytes());
    }
    let entries = || {
        c.harmful
            .iter()
            .enumerate()
            .filter(|(_, (_, weight))| *weight != 0)
    };
    out.extend((entries().count() as u32).to_le_bytes());
    for (at, (check, weight)) in entries() {
        out.extend(&(at as u32).to_le_bytes()[..3]);
        out.extend([*check, weight.cast_unsigned()]);
    }
    out.extend(c.kinds.iter().map(|w| w.cast_unsigned()));
    out
}

/// Whole weights as small integers with one scale; a few large ones are cut off, so that the many keep their grain.
pub(super) fn quantised(weights: &[f32]) -> (Vec<i8>, f32) {
    let mut sizes: Vec<f32> = weights.iter().map(|w| w.abs()).filter(|w| *w > 0.0).collect();
    sizes.sort_by(f32::total_cmp);
    let most = sizes
        .get(sizes.len().saturating_sub(1 + sizes.len() / 2000))
        .copied();
    let scale = most.unwrap_or(0.0).max(1e-6) / 127.0;
    let small = |w: &f32| (w / scale).round().clamp(-127.0, 127.0) as i8;
    (weights.iter().map(small).collect(), scale)
}

/// The logistic function by multiplication alone, so that every machine gets the same bits.
pub(super) fn logistic(x: f32) -> f32 {
    let x = f64::from(x).clamp(-30.0, 30.0);
    let mut power = 1.0 - x / 1024.0;
    for _ in 0..10 {
        power *= power;
    }
    (1.0 / (1.0 + power)) as f32
}
