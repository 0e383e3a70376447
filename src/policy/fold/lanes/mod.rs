//! Second readings of folded text, each with a map back to it: Latin letters and Chinese characters put back together
//! (`letters`), and words by their sound (`sounds`). Each lane exists only where the text looks odd enough for it and
//! something that a lexicon has could come of it. Called by the matcher.

mod leet;
mod letters;
mod sounds;

pub(crate) use letters::{Variant, variants};
pub(crate) use sounds::{Sounds, Source, Syllable, sounds, span_of, spoken};

/// What a lane asks the lexicons.
pub(crate) trait Known {
    /// Whether a word of a lexicon has this Latin word, or begins with it and may go on; sometimes says so by mistake.
    fn latin(&self, word: &[char]) -> bool;

    /// The word of a lexicon that this Latin word, which is none itself, sounds like.
    fn respelled(&self, word: &[char]) -> Option<&[char]>;
}

/// The Latin letter that a Chinese character may be shortened to: the first of its reading.
pub(crate) fn initial(c: char) -> Option<char> {
    super::tables::initial(c)
}
