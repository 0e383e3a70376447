//! `words!`: an enum whose variants are fixed words in files, databases and evidence.

/// A word that is not in the list, with the words that are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no {what}; expected one of {expected}")]
pub struct UnknownWord {
    /// What was being read, in field words.
    pub what: &'static str,
    /// What stood there.
    pub found: String,
    /// The words that may stand there, separated by commas.
    pub expected: String,
}

/// Declares an enum with one fixed lower-case word for each variant; the word is what is stored and shown.
macro_rules! words {
    ($(#[$m:meta])* $name:ident as $what:literal { $($(#[$vm:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$m])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vm])* $variant),+ }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The fixed word, as stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::domain::UnknownWord;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                match s {
                    $($word => Ok($name::$variant),)+
                    _ => Err(crate::domain::UnknownWord {
                        what: $what,
                        found: s.chars().take(40).collect(),
                        expected: [$(concat!("`", $word, "`")),+].join(", "),
                    }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use words;
