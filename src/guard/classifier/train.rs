//! Learning the weights from labelled messages: logistic regression with adaptive steps, where a message stands for its
//! most telling sentence. The same examples in the same order give the same bytes on every machine.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use super::features::{Sink, Speech, mix, walk};
use super::weights::{logistic, quantised, write};
use super::{CONTEXT_SHARE, Classifier, DAMPING, HARMFUL_BITS, KIND_BITS, ROW, check_of, slot};
use crate::policy::Category;

/// One labelled message.
#[derive(Debug, Clone)]
pub struct Example<'a> {
    /// What a score would be asked about.
    pub input: Speech<'a>,
    /// Why it must be stopped; empty for a proper message.
    pub categories: Vec<Category>,
    /// The situation it tells, and after each `+` another that a part of it comes from; messages of one scenario are never
    /// on both sides of a check.
    pub scenario: &'a str,
}

/// How to learn.
#[derive(Debug, Clone, Copy)]
pub struct Fit {
    /// Passes over the examples.
    pub passes: usize,
    /// Length of a step.
    pub step: f32,
    /// What the sum of squared gradients of a weight begins with: the more, the slower rare features move.
    pub start: f32,
    /// The share of features that one step does not see, chosen anew each time, so that no weight leans on a few others.
    pub dropout: f32,
    /// Pull of every weight towards nothing.
    pub pull: f32,
    /// The share of proper messages, unseen in training, that may raise `review`.
    pub false_alarms: f32,
    /// The share of them that may be confirmed, were a rule to doubt them.
    pub confirmed: f32,
    /// Parts into which scenarios are dealt for calibration.
    pub folds: usize,
}

impl Default for Fit {
    fn default() -> Fit {
        Fit {
            passes: 10,
            step: 0.8,
            start: 0.1,
            dropout: 0.5,
            pull: 0.0,
            false_alarms: 0.02,
            confirmed: 0.03,
            folds: 5,
        }
    }
}

/// What was learnt.
#[derive(Debug)]
pub struct Trained {
    /// The weights, as [`Classifier::from_bytes`] reads them.
    pub bytes: Vec<u8>,
    /// Messages learnt from.
    pub examples: usize,
    /// Messages left out because a proper message looks exactly the same to the model.
    pub contradicted: usize,
    /// The share of harmful messages above the threshold, each scored by weights that had not seen its scenario.
    pub caught: f32,
    /// The same for proper messages.
    pub false_alarms: f32,
    /// Distance of every example from the threshold, by weights that had not seen its scenario; none if left out or of two scenarios.
    pub unseen: Vec<Option<f32>>,
}

/// A message as slots.
struct Compiled {
    harmful: bool,
    kinds: Vec<usize>,
    scenario: u32,
    /// The other scenarios that parts come from.
    beside: Vec<u32>,
    context: Vec<u32>,
    sentences: Vec<Sentence>,
    /// Word groups anywhere in it.
    groups: Vec<u32>,
}

impl Compiled {
    /// Whether it lies in a part of the scenarios, wholly or in part.
    fn is_in(&self, fold: usize, folds: usize) -> bool {
        let of = |scenario: &u32| (scenario >> 12) as usize % folds == fold;
        of(&self.scenario) || self.beside.iter().any(of)
    }

    fn count(&self) -> u32 {
        self.sentences.iter().map(|s| s.count).sum()
    }
}

/// One sentence: the hashes of features that tell something, and how many features there were.
#[derive(Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sentence {
    hashes: Vec<u32>,
    groups: Vec<u32>,
    count: u32,
}

/// Collects full hashes; slots are taken from their upper bits.
#[derive(Default)]
struct Collect {
    context: Vec<u32>,
    sentences: Vec<Sentence>,
    groups: Vec<u32>,
    open: Sentence,
}

impl Sink for Collect {
    fn feature(&mut self, hash: u32, _: Range<usize>) {
        self.open.hashes.push(hash);
        self.open.count += 1;
    }

    fn group(&mut self, hash: u32) {
        self.open.groups.push(hash);
    }

    fn whole(&mut self, hash: u32) {
        self.groups.push(hash);
    }

    fn cut(&mut self) {
        if self.open.count > 0 {
            self.sentences.push(std::mem::take(&mut self.open));
        }
    }

    fn context(&mut self, hash: u32) {
        self.context.push(hash);
    }
}

/// Learns weights and the threshold.
pub fn train(examples: &[Example<'_>], fit: &Fit) -> Trained {
    let categories = Category::ALL.to_vec();
    let (mut compiled, kept) = compile(examples, &categories);
    let owners = telling_only(&mut compiled);
    let contradicted = examples.len() - compiled.len();
    let margins = unseen_margins(&compiled, fit);
    let (slope, offset) = calibrate(&compiled, &margins);
    let sure = threshold(&compiled, &margins, fit.confirmed);
    let threshold = threshold(&compiled, &margins, fit.false_alarms);
    let all: Vec<&Compiled> = compiled.iter().collect();
    let harmful = learn_harmful(&all, fit);
    let (kinds, kinds_bias) = learn_kinds(&all, categories.len(), fit);
    let (harmful_small, harmful_scale) = quantised(&harmful.weights);
    let (kinds_small, kinds_scale) = quantised(&kinds);
    let classifier = Classifier {
        harmful: owners
            .iter()
            .zip(harmful_small)
            .map(|(o, w)| (check_of(*o), w))
            .collect(),
        harmful_scale,
        bias: harmful.bias,
        calibration: (slope, offset),
        threshold,
        sure,
        kinds: kinds_small,
        kinds_scale,
        kinds_bias,
        categories,
    };
    let share = |bad: bool| {
        let of = compiled
            .iter()
            .zip(&margins)
            .filter(|(c, m)| c.harmful == bad && m.is_some());
        let above = of
            .clone()
            .filter(|(_, m)| m.is_some_and(|m| m > threshold))
            .count();
        above as f32 / of.count().max(1) as f32
    };
    Trained {
        bytes: write(&classifier),
        examples: compiled.len(),
        contradicted,
        caught: share(true),
        false_alarms: share(false),
        unseen: unseen(&kept, &margins, threshold),
    }
}

/// Margins beside the examples they belong to, as distances from the threshold.
fn unseen(kept: &[bool], margins: &[Option<f32>], threshold: f32) -> Vec<Option<f32>> {
    let mut margins = margins.iter();
    let next = |kept: &bool| {
        kept.then(|| margins.next().copied().flatten().map(|m| m - threshold))
            .flatten()
    };
    kept.iter().map(next).collect()
}

fn compile(examples: &[Example<'_>], categories: &[Category]) -> (Vec<Compiled>, Vec<bool>) {
    let mut out: Vec<Compiled> = Vec::with_capacity(examples.len());
    for e in examples {
        let mut sink = Collect::default();
        walk(&e.input, &mut sink);
        let mut scenarios = e.scenario.split('+').map(number_of);
        let place = |c: &Category| categories.iter().position(|known| known == c);
        out.push(Compiled {
            harmful: !e.categories.is_empty(),
            kinds: e.categories.iter().filter_map(place).collect(),
            scenario: scenarios.next().unwrap_or(0),
            beside: scenarios.collect(),
            context: sink.context,
            sentences: sink.sentences,
            groups: sink.groups,
        });
    }
    let looks = |c: &Compiled| (c.context.clone(), c.sentences.clone());
    let proper: BTreeSet<_> = out.iter().filter(|c| !c.harmful).map(looks).collect();
    let kept: Vec<bool> = out
        .iter()
        .map(|c| !c.harmful || !proper.contains(&looks(c)))
        .collect();
    let mut marks = kept.iter();
    out.retain(|_| marks.next().is_some_and(|kept| *kept));
    (out, kept)
}

fn number_of(scenario: &str) -> u32 {
    scenario
        .bytes()
        .fold(0x5D1E_77A3, |h, b| mix(h, u32::from(b)))
        .max(1)
}

/// A hash stays as it is.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 << 8) ^ u64::from(*b);
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.0 = u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// Leaves out features that only one scenario has: they say nothing about another. Of features that fall into one slot
/// the commonest keeps it. Gives back the owner of each slot, 0 for none.
fn telling_only(compiled: &mut [Compiled]) -> Vec<u32> {
    // The last scenario that had a feature, and how often another one came.
    let mut seen: HashMap<u32, (u32, u32), BuildHasherDefault<AsItIs>> = HashMap::default();
    for c in compiled.iter().filter(|c| c.beside.is_empty()) {
        let all = c.sentences.iter().flat_map(|s| &s.hashes);
        for hash in all.chain(&c.groups).chain(&c.context) {
            let (last, others) = seen.entry(*hash).or_insert((c.scenario, 0));
            *others += u32::from(*last != c.scenario);
            *last = c.scenario;
        }
    }
    let mut owners = vec![(0u32, 0u32); 1 << HARMFUL_BITS];
    for (hash, (_, others)) in seen {
        let owner = &mut owners[slot(hash, HARMFUL_BITS)];
        *owner = (*owner).max((others, hash));
    }
    let owner = |hash: u32| owners[slot(hash, HARMFUL_BITS)];
    let tells = |hash: &u32| owner(*hash).0 > 0 && owner(*hash).1 == *hash;
    for c in compiled.iter_mut() {
        c.context.retain(tells);
        c.groups.retain(tells);
        for s in &mut c.sentences {
            s.hashes.retain(tells);
            s.groups.retain(tells);
        }
    }
    owners
        .into_iter()
        .map(|(others, hash)| if others > 0 { hash } else { 0 })
        .collect()
}

/// Weights while they are learnt.
struct Learnt {
    weights: Vec<f32>,
    squares: Vec<f32>,
    bias: f32,
    bias_square: f32,
}

impl Learnt {
    fn new(slots: usize, fit: &Fit) -> Learnt {
        Learnt {
            weights: vec![0.0; slots],
            squares: vec![fit.start; slots],
            bias: 0.0,
            bias_square: 1e-2,
        }
    }

    /// One step on one slot.
    fn step(&mut self, slot: usize, gradient: f32, fit: &Fit) {
        self.squares[slot] += gradient * gradient;
        let length = fit.step / self.squares[slot].sqrt();
        self.weights[slot] -= length * gradient + fit.pull * self.weights[slot];
    }

    fn step_bias(&mut self, gradient: f32, fit: &Fit) {
        self.bias_square += gradient * gradient;
        self.bias -= 0.2 * fit.step * gradient / self.bias_square.sqrt();
    }
}

/// The weights of some features, summed.
fn sum<'a>(learnt: &Learnt, hashes: impl Iterator<Item = &'a u32>) -> f32 {
    hashes.map(|hash| learnt.weights[slot(*hash, HARMFUL_BITS)]).sum()
}

/// What a level is taken of: one sentence, or the message.
#[derive(Clone, Copy)]
struct Scope<'a> {
    sentences: &'a [Sentence],
    groups: &'a [u32],
}

impl Compiled {
    /// The message as a whole, then each sentence if there are more than one.
    fn scopes(&self) -> impl Iterator<Item = Scope<'_>> {
        let whole = Scope {
            sentences: &self.sentences,
            groups: &self.groups,
        };
        let several = if self.sentences.len() > 1 {
            &self.sentences[..]
        } else {
            &[]
        };
        let each = several.iter().map(|s| Scope {
            sentences: std::slice::from_ref(s),
            groups: &s.groups,
        });
        std::iter::once(whole).chain(each)
    }
}

impl<'a> Scope<'a> {
    fn hashes(self) -> impl Iterator<Item = &'a u32> {
        self.sentences.iter().flat_map(|s| &s.hashes)
    }

    /// The root of the number of features.
    fn root(self) -> f32 {
        let count: u32 = self.sentences.iter().map(|s| s.count).sum();
        (count as f32 + DAMPING).sqrt()
    }

    fn level(self, learnt: &Learnt, context: f32, kept: impl Fn(&&u32) -> bool) -> f32 {
        let groups = sum(learnt, self.groups.iter().filter(&kept));
        sum(learnt, self.hashes().filter(&kept)) / self.root() + (context + groups) * CONTEXT_SHARE
    }
}

/// The best level of a message and where it comes from.
fn best<'a>(learnt: &Learnt, c: &'a Compiled) -> (f32, Scope<'a>) {
    let context = sum(learnt, c.context.iter());
    let mut best: Option<(f32, Scope<'a>)> = None;
    for scope in c.scopes() {
        let here = scope.level(learnt, context, |_| true) + learnt.bias;
        if best.is_none_or(|(level, _)| here > level) {
            best = Some((here, scope));
        }
    }
    // INVARIANT: the first scope is the message as a whole.
    best.expect("a message is a scope")
}

/// The mean of the weights after each pass of the second half: what one order of the messages taught by chance evens out.
fn learn_harmful(examples: &[&Compiled], fit: &Fit) -> Learnt {
    let mut learnt = Learnt::new(1 << HARMFUL_BITS, fit);
    let mut mean = vec![0.0f32; 1 << HARMFUL_BITS];
    let (mut mean_bias, mut taken) = (0.0, 0.0);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for pass in 0..fit.passes {
        dice.shuffle(&mut order);
        for i in &order {
            learn_one(&mut learnt, examples[*i], fit, &mut dice);
        }
        if pass >= fit.passes / 2 {
            mean.iter_mut().zip(&learnt.weights).for_each(|(m, w)| *m += w);
            mean_bias += learnt.bias;
            taken += 1.0;
        }
    }
    if taken > 0.0 {
        learnt
            .weights
            .iter_mut()
            .zip(&mean)
            .for_each(|(w, m)| *w = m / taken);
        learnt.bias = mean_bias / taken;
    }
    learnt
}

fn learn_one(learnt: &mut Learnt, c: &Compiled, fit: &Fit, dice: &mut Dice) {
    let (_, scope) = best(learnt, c);
    let salt = dice.next() as u32;
    let cut = (fit.dropout * u32::MAX as f32) as u32;
    let kept = |hash: &&u32| (**hash ^ salt).wrapping_mul(0x9E37_79B1) >= cut;
    let context = sum(learnt, c.context.iter().filter(kept));
    let z = scope.level(learnt, context, kept) / (1.0 - fit.dropout) + learnt.bias;
    let gradient = logistic(z) - f32::from(u8::from(c.harmful));
    if gradient.abs() < 1e-3 {
        return;
    }
    let share = gradient / scope.root();
    for hash in scope.hashes().filter(kept) {
        learnt.step(slot(*hash, HARMFUL_BITS), share, fit);
    }
    for hash in scope.groups.iter().chain(&c.context).filter(kept) {
        learnt.step(slot(*hash, HARMFUL_BITS), gradient * CONTEXT_SHARE, fit);
    }
    learnt.step_bias(gradient, fit);
}

/// One against all others for each category, on harmful messages only.
fn learn_kinds(examples: &[&Compiled], categories: usize, fit: &Fit) -> (Vec<f32>, [f32; ROW]) {
    let mut table = vec![0.0f32; ROW << KIND_BITS];
    let mut biases = [0.0; ROW];
    let harmful: Vec<&&Compiled> = examples.iter().filter(|c| c.harmful).collect();
    for kind in 0..categories {
        let mut learnt = Learnt::new(1 << KIND_BITS, fit);
        let mut order: Vec<usize> = (0..harmful.len()).collect();
        let mut dice = Dice(0xD1B5_4A32_D192_ED03 ^ kind as u64);
        for _ in 0..fit.passes / 2 {
            dice.shuffle(&mut order);
            for i in &order {
                let c = harmful[*i];
                let runs = || c.sentences.iter().flat_map(|s| &s.hashes);
                let hashes = || runs().chain(&c.groups).chain(&c.context);
                let root = (c.count() as f32 + DAMPING).sqrt();
                let sum: f32 = hashes().map(|h| learnt.weights[slot(*h, KIND_BITS)]).sum();
                let gradient =
                    logistic(sum / root + learnt.bias) - f32::from(u8::from(c.kinds.contains(&kind)));
                if gradient.abs() < 1e-3 {
                    continue;
                }
                for hash in hashes() {
                    learnt.step(slot(*hash, KIND_BITS), gradient / root, fit);
                }
                learnt.step_bias(gradient, fit);
            }
        }
        biases[kind] = learnt.bias;
        for (i, weight) in learnt.weights.iter().enumerate() {
            table[i * ROW + kind] = *weight;
        }
    }
    (table, biases)
}

/// The margin of every message of one scenario by weights that have not seen anything of it.
fn unseen_margins(compiled: &[Compiled], fit: &Fit) -> Vec<Option<f32>> {
    let folds = fit.folds.max(2);
    let mut margins = vec![None; compiled.len()];
    for fold in 0..folds {
        let seen: Vec<&Compiled> = compiled.iter().filter(|c| !c.is_in(fold, folds)).collect();
        let learnt = learn_harmful(&seen, fit);
        let own = |c: &Compiled| c.beside.is_empty() && c.is_in(fold, folds);
        for (margin, c) in margins.iter_mut().zip(compiled).filter(|(_, c)| own(c)) {
            *margin = Some(best(&learnt, c).0);
        }
    }
    margins
}

/// Slope and offset that turn margins into probabilities.
fn calibrate(compiled: &[Compiled], margins: &[Option<f32>]) -> (f32, f32) {
    let (mut slope, mut offset) = (1.0f32, 0.0f32);
    for _ in 0..400 {
        let (mut of_slope, mut of_offset) = (0.0, 0.0);
        for (c, margin) in compiled.iter().zip(margins) {
            let Some(margin) = margin else { continue };
            let error = logistic(slope * margin + offset) - f32::from(u8::from(c.harmful));
            of_slope += error * margin;
            of_offset += error;
        }
        let n = compiled.len().max(1) as f32;
        slope -= 0.2 * of_slope / n;
        offset -= 0.2 * of_offset / n;
    }
    (slope, offset)
}

/// The lowest margin that no more than the given share of proper messages exceed.
fn threshold(compiled: &[Compiled], margins: &[Option<f32>], false_alarms: f32) -> f32 {
    let mut proper: Vec<f32> = compiled
        .iter()
        .zip(margins)
        .filter(|(c, _)| !c.harmful)
        .filter_map(|(_, m)| *m)
        .collect();
    proper.sort_by(|a, b| b.total_cmp(a));
    let allowed = (proper.len() as f32 * false_alarms) as usize;
    proper.get(allowed).copied().unwrap_or(0.0)
}

/// Numbers that look like chance and are always the same (splitmix).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn shuffle(&mut self, order: &mut [usize]) {
        for i in (1..order.len()).rev() {
            order.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
    }
}
