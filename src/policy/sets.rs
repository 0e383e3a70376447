//! Sets of fixed words as bits, so that a rule is matched by a few comparisons and no memory is touched.

use std::marker::PhantomData;

use crate::domain::{Channel, Channels};

use super::vocab::Medium;

/// A word with a place of its own in a set; an enumeration has at most 128 of them.
pub trait Bit: Copy + 'static {
    /// Every word.
    const WORDS: &'static [Self];

    /// Its place, from 0.
    fn place(self) -> u32;
}

/// A set of words of one enumeration.
pub struct Set<W>(u128, PhantomData<fn() -> W>);

impl<W> Clone for Set<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Set<W> {}

impl<W> Default for Set<W> {
    fn default() -> Self {
        Set(0, PhantomData)
    }
}

impl<W> PartialEq for Set<W> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<W> Eq for Set<W> {}

impl<W: Bit> Set<W> {
    /// No word.
    pub const EMPTY: Set<W> = Set(0, PhantomData);

    /// The set of `words`.
    pub fn of(words: &[W]) -> Set<W> {
        words.iter().fold(Set::EMPTY, |set, w| set.with(*w))
    }

    /// Every word of the enumeration.
    pub fn all() -> Set<W> {
        Set::of(W::WORDS)
    }

    /// The set and one word more.
    pub fn with(self, word: W) -> Set<W> {
        Set(self.0 | 1 << word.place(), PhantomData)
    }

    /// The set without one word.
    pub fn without(self, word: W) -> Set<W> {
        Set(self.0 & !(1 << word.place()), PhantomData)
    }

    /// Both sets.
    pub fn and(self, other: Set<W>) -> Set<W> {
        Set(self.0 | other.0, PhantomData)
    }

    /// Adds a word where the fact holds.
    pub fn note(&mut self, word: W, fact: bool) {
        if fact {
            *self = self.with(word);
        }
    }

    /// Whether `word` is in the set.
    pub fn has(self, word: W) -> bool {
        self.0 & 1 << word.place() != 0
    }

    /// Whether the two sets share a word.
    pub fn meets(self, other: Set<W>) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every word of `other` is in this set.
    pub fn covers(self, other: Set<W>) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is no word.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the set asks for nothing, or shares a word with `facts`.
    pub fn fits(self, facts: Set<W>) -> bool {
        self.is_empty() || self.meets(facts)
    }

    /// Whether the set asks for nothing, or has the word.
    pub fn takes(self, word: W) -> bool {
        self.is_empty() || self.has(word)
    }

    /// The words, in order.
    pub fn words(self) -> impl Iterator<Item = W> {
        W::WORDS.iter().copied().filter(move |w| self.has(*w))
    }
}

impl<W: Bit + std::fmt::Debug> std::fmt::Debug for Set<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.words()).finish()
    }
}

/// Makes enumerations of fixed words fit for sets.
macro_rules! bits {
    ($($name:ty),+ $(,)?) => {
        $(impl crate::policy::sets::Bit for $name {
            const WORDS: &'static [Self] = <$name>::ALL;

            fn place(self) -> u32 {
                self as u32
            }
        })+
    };
}
pub(crate) use bits;

impl From<Channels> for Set<Medium> {
    fn from(channels: Channels) -> Self {
        if channels == Channels::ALL {
            return Set::all();
        }
        let media = Channel::ALL.iter().filter(|c| channels.contains(**c));
        media.fold(Set::EMPTY, |set, c| set.with(Medium::from(*c)))
    }
}

impl From<Set<Medium>> for Channels {
    fn from(media: Set<Medium>) -> Self {
        let channels = Channel::ALL.iter().filter(|c| media.has(Medium::from(**c)));
        Channels::of(&channels.copied().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_media_are_the_same_thing_in_two_widths() {
        for channel in Channel::ALL {
            let media: Set<Medium> = Channels::of(&[*channel]).into();
            assert_eq!(media, Set::of(&[Medium::from(*channel)]));
            assert_eq!(Channels::from(media), Channels::of(&[*channel]));
        }
        assert_eq!(Channels::from(Set::all()), Channels::ALL);
    }
}
