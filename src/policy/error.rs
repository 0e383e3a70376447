//! What is wrong with a file that people edit: where, what was found, what is expected.

/// One mistake in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: `{field}`: found {found}\n  expected {expected}")]
pub struct PolicyError {
    /// The file, as it was handed in.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// The field as it stands on that line, or the table.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub expected: String,
}

impl PolicyError {
    /// A mistake at a byte of the text.
    pub(crate) fn at(
        file: &str,
        text: &str,
        byte: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let byte = floor_boundary(text, byte);
        let start = text[..byte].rfind('\n').map_or(0, |n| n + 1);
        let line_text = text[start..].lines().next().unwrap_or("");
        let (part, line) = place_of(text, byte);
        PolicyError {
            file: part.unwrap_or(file).to_owned(),
            line,
            field: field_of(line_text),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// What the TOML reader says, with its place.
    pub(crate) fn of_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().trim().replace('\n', " ");
        let (found, expected) = match message.split_once(", expected ") {
            Some((found, expected)) => (found.to_owned(), expected.to_owned()),
            None => (
                message,
                "a value that fits this field (see policies/README.md)".to_owned(),
            ),
        };
        // "`x` is no purpose" reads as "found `x`"; the field says the rest.
        let found = match found.split_once("` is no ") {
            Some((word, _)) if found.starts_with('`') => format!("{word}`"),
            _ => found,
        };
        PolicyError::at(file, text, span.start, found, expected)
    }
}

/// Begins a line after which the text of another file of the same pack follows.
pub(crate) const NEXT_FILE: &str = "#:file ";

/// The file that a byte of a joined text stands in, where it is not the first, and the line within that file.
pub(crate) fn place_of(text: &str, byte: usize) -> (Option<&str>, usize) {
    let before = &text[..floor_boundary(text, byte)];
    let marker = format!("\n{NEXT_FILE}");
    let Some(at) = before.rfind(&marker) else {
        return (None, before.matches('\n').count() + 1);
    };
    let name = text[at + marker.len()..].lines().next();
    (name, before[at + 1..].matches('\n').count().max(1))
}

fn field_of(line: &str) -> String {
    let line = line.trim();
    let field = if line.starts_with('[') {
        line
    } else {
        line.split('=').next().unwrap_or(line)
    };
    field.trim().chars().take(60).collect()
}

fn floor_boundary(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}
