//! What can be wrong with a template file (when it is read) and with one rendering (when a message is made).

/// A template file that cannot be used. Names the file, the line, what stands there and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("templates/{file}{}: {found}; expected {expected}", line.map(|l| format!(":{l}")).unwrap_or_default())]
pub struct TemplateError {
    /// Path below `templates/`.
    pub file: String,
    /// Line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What was found.
    pub found: String,
    /// What is expected instead.
    pub expected: String,
}

impl TemplateError {
    pub(super) fn new(
        file: &str,
        line: Option<usize>,
        found: impl Into<String>,
        expected: &str,
    ) -> TemplateError {
        TemplateError {
            file: file.to_owned(),
            line,
            found: found.into(),
            expected: expected.to_owned(),
        }
    }

    /// The error of a TOML file, with the line it speaks of.
    pub(super) fn toml(file: &str, text: &str, error: &toml::de::Error) -> TemplateError {
        let line = error.span().map(|span| line_of(text, span.start));
        TemplateError::new(
            file,
            line,
            error.message().trim(),
            "what templates/README.md describes",
        )
    }
}

/// Line, counted from 1, of a byte offset.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
}

/// Why a message could not be made. Never holds the value that is wrong: it may be somebody's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderFault {
    /// Stable code, e.g. `template.missing_variable`.
    pub code: &'static str,
    /// The variable concerned.
    pub variable: Option<String>,
    /// The template file, below `templates/`.
    pub file: Option<String>,
    /// The line in that file.
    pub line: Option<usize>,
    /// A sentence for the person who must mend it, in Chinese.
    pub zh: String,
    /// The same sentence in English.
    pub en: String,
}

impl RenderFault {
    pub(super) fn new(code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> RenderFault {
        RenderFault {
            code,
            variable: None,
            file: None,
            line: None,
            zh: zh.into(),
            en: en.into(),
        }
    }

    pub(super) fn at(mut self, file: &str, line: Option<usize>) -> RenderFault {
        self.file = Some(file.to_owned());
        self.line = line;
        self
    }

    pub(super) fn of(mut self, variable: &str) -> RenderFault {
        self.variable = Some(variable.to_owned());
        self
    }

    pub(super) fn missing(variable: &str) -> RenderFault {
        RenderFault::new(
            "template.missing_variable",
            format!("模板需要“{variable}”，但资料中没有这一项"),
            format!("the template needs `{variable}`, which the facts do not have"),
        )
        .of(variable)
    }

    pub(super) fn hidden(variable: &str) -> RenderFault {
        RenderFault::new(
            "template.hidden_character",
            format!("“{variable}”含有控制字符或不可见字符"),
            format!("`{variable}` holds a control or invisible character"),
        )
        .of(variable)
    }
}

impl std::fmt::Display for RenderFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "templates/{file}:{line}: {}", self.en),
            (Some(file), None) => write!(f, "templates/{file}: {}", self.en),
            _ => f.write_str(&self.en),
        }
    }
}

impl std::error::Error for RenderFault {}
