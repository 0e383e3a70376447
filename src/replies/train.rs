//! Learning the weights of the model from labelled answers: logistic regression for each meaning with adaptive steps. The
//! same samples in the same order give the same bytes.

use super::model::{Head, Model, SLOTS, features, length_of};
use super::{Meaning, Sample};
use crate::policy::fold::fold;

/// Passes over the samples.
const PASSES: usize = 12;
const STEP: f32 = 0.5;
/// Parts into which scenarios are dealt for finding the threshold.
const FOLDS: u32 = 5;

/// What was learnt.
#[derive(Debug)]
pub struct Taught {
    /// The weights.
    pub model: Model,
    /// Samples learnt from.
    pub samples: usize,
}

struct Example {
    slots: Vec<u32>,
    means: Vec<Meaning>,
    may: Vec<Meaning>,
    fold: u32,
}

/// Learns weights and thresholds; `false_alarms` is the share of other samples, unseen in training, that may come out above
/// the threshold of a meaning.
pub fn train(samples: &[Sample], false_alarms: f32) -> Taught {
    let examples: Vec<Example> = samples
        .iter()
        .map(|s| Example {
            slots: features(fold(&s.text).text()),
            means: s.means.clone(),
            may: s.may.clone(),
            fold: s
                .scenario
                .bytes()
                .fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into()))
                % FOLDS,
        })
        .collect();
    let heads = Meaning::ALL
        .iter()
        .map(|m| head(*m, &examples, false_alarms))
        .collect();
    Taught {
        model: Model { heads },
        samples: examples.len(),
    }
}

fn head(meaning: Meaning, examples: &[Example], false_alarms: f32) -> Head {
    let known: Vec<&Example> = examples.iter().filter(|e| !e.may.contains(&meaning)).collect();
    let mut others = Vec::new();
    for fold in 0..FOLDS {
        let seen: Vec<&Example> = known.iter().copied().filter(|e| e.fold != fold).collect();
        let (bias, weights) = learn(meaning, &seen);
        let unseen = known
            .iter()
            .filter(|e| e.fold == fold && !e.means.contains(&meaning));
        others.extend(unseen.map(|e| bias + sum(&weights, &e.slots)));
    }
    others.sort_by(|a, b| b.total_cmp(a));
    let at = (others.len() as f32 * false_alarms) as usize;
    let threshold = others.get(at).copied().unwrap_or(0.0).max(0.0);
    let (bias, weights) = learn(meaning, &known);
    let largest = weights.iter().fold(1e-6f32, |m, w| m.max(w.abs()));
    let scale = largest / 127.0;
    Head {
        meaning,
        bias,
        scale,
        threshold,
        weights: weights.iter().map(|w| (w / scale).round() as i8).collect(),
    }
}

fn sum(weights: &[f32], slots: &[u32]) -> f32 {
    slots.iter().map(|s| weights[*s as usize]).sum::<f32>() / length_of(slots)
}

fn learn(meaning: Meaning, examples: &[&Example]) -> (f32, Vec<f32>) {
    let (mut weights, mut squares) = (vec![0f32; SLOTS], vec![0.1f32; SLOTS]);
    let (mut bias, mut bias_square) = (0f32, 0.1f32);
    for pass in 0..PASSES {
        for k in 0..examples.len() {
            // Another order in each pass, the same on every machine.
            let e = examples[(k * 7919 + pass * 104_729) % examples.len()];
            let want = if e.means.contains(&meaning) { 1.0 } else { 0.0 };
            let raw = bias + sum(&weights, &e.slots);
            let error = 1.0 / (1.0 + (-raw).exp()) - want;
            let step = error / length_of(&e.slots);
            for s in &e.slots {
                let s = *s as usize;
                squares[s] += step * step;
                weights[s] -= STEP * step / squares[s].sqrt();
            }
            bias_square += error * error;
            bias -= STEP * error / bias_square.sqrt();
        }
    }
    (bias, weights)
}
