//! The command line: translates and shows, never decides. `dunwell <noun> <verb>`.
//!
//! Each noun has a file of its own. Reports that people read exist in Chinese and in English; programs ask for
//! `--json`. Errors are one clear sentence; exit codes are documented in `docs/operations.md`.

pub mod demo;
pub mod portfolios;

/// The language of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The value for this language.
    pub fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}
