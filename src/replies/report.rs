//! How well answers are understood: recall and precision of each meaning in each language, over labelled answers.

use std::collections::BTreeMap;

use super::{Meaning, Sample, Understood};

/// Figures of one meaning in one language.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Line {
    /// Samples that mean it.
    pub meant: u32,
    /// Of these: understood, sure or unsure.
    pub found: u32,
    /// Of these: sure.
    pub found_sure: u32,
    /// Samples that do not mean it and are read so all the same, sure or unsure.
    pub mistaken: u32,
    /// Of these: sure.
    pub mistaken_sure: u32,
}

impl Line {
    fn add(&mut self, other: Line) {
        self.meant += other.meant;
        self.found += other.found;
        self.found_sure += other.found_sure;
        self.mistaken += other.mistaken;
        self.mistaken_sure += other.mistaken_sure;
    }

    /// The share of what is meant that is understood, in tenths of a percent.
    pub fn recall(&self) -> Option<u32> {
        permille(self.found, self.meant)
    }

    /// The share of what is read so that is meant so.
    pub fn precision(&self) -> Option<u32> {
        permille(self.found, self.found + self.mistaken)
    }

    /// The share of what is surely read so that is meant so.
    pub fn sure_precision(&self) -> Option<u32> {
        permille(self.found_sure, self.found_sure + self.mistaken_sure)
    }
}

fn permille(part: u32, of: u32) -> Option<u32> {
    (part * 1000).checked_div(of)
}

/// Figures over samples.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// By meaning and language; the language `*` is all of them.
    pub lines: BTreeMap<(Meaning, String), Line>,
    /// How many samples.
    pub samples: usize,
    /// Places of samples of which something is not right, with what was missed and what was read without being meant.
    pub wrong: Vec<(usize, Vec<Meaning>, Vec<Meaning>)>,
}

/// Compares what was understood with what is meant; both lists are of the same length and order.
pub fn figures(samples: &[Sample], understood: &[Vec<Understood>]) -> Figures {
    let mut out = Figures {
        samples: samples.len(),
        ..Figures::default()
    };
    for (i, (sample, read)) in samples.iter().zip(understood).enumerate() {
        let (mut missed, mut extra) = (Vec::new(), Vec::new());
        for meaning in Meaning::ALL {
            let one = read.iter().find(|u| u.meaning == *meaning);
            let sure = one.is_some_and(|u| u.sure);
            let mut line = Line::default();
            if sample.means.contains(meaning) {
                line.meant = 1;
                line.found = one.is_some().into();
                line.found_sure = sure.into();
                missed.extend(one.is_none().then_some(*meaning));
            } else if !sample.may.contains(meaning) && one.is_some() {
                (line.mistaken, line.mistaken_sure) = (1, sure.into());
                extra.push(*meaning);
            }
            if line != Line::default() {
                for lang in [sample.lang.as_str(), "*"] {
                    out.lines
                        .entry((*meaning, lang.to_owned()))
                        .or_default()
                        .add(line);
                }
            }
        }
        if !missed.is_empty() || !extra.is_empty() {
            out.wrong.push((i, missed, extra));
        }
    }
    out
}
