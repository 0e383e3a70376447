//! The words of an HTML page as a reader sees them: markup left out, character references read. Each piece carries
//! the byte range of the source it came from. Called by the fold for the HTML part of an e-mail only.

/// Characters that a page shows, with the byte range each came from.
pub(super) fn pieces(html: &str) -> Vec<(char, usize, usize)> {
    let mut pieces: Vec<(char, usize, usize)> = Vec::with_capacity(html.len());
    let mut at = 0;
    while at < html.len() {
        let rest = &html[at..];
        if let Some(skip) = markup_length(rest) {
            if breaks_line(rest) {
                pieces.push(('\n', at, at + skip));
            }
            at += skip;
            continue;
        }
        let (c, length) = reference(rest).unwrap_or_else(|| {
            let c = rest.chars().next().unwrap_or(' ');
            (c, c.len_utf8())
        });
        // A line break in the source is only a blank on the page.
        let c = if c == '\n' || c == '\r' { ' ' } else { c };
        pieces.push((c, at, at + length));
        at += length;
    }
    pieces
}

/// How long the markup is that `rest` begins with: a tag, a comment, or a style or script with its content.
fn markup_length(rest: &str) -> Option<usize> {
    if rest.starts_with("<!--") {
        return Some(rest.find("-->").map_or(rest.len(), |end| end + 3));
    }
    let after = rest.strip_prefix('<')?;
    if !after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        return None;
    }
    for (name, close) in [("style", "</style"), ("script", "</script")] {
        if after
            .get(..name.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(name))
        {
            let lower = rest.to_ascii_lowercase();
            let end = lower.find(close).unwrap_or(rest.len());
            return Some(rest[end..].find('>').map_or(rest.len(), |e| end + e + 1));
        }
    }
    rest.find('>').map(|end| end + 1)
}

/// Whether a tag parts words on the page; inline tags inside a word do not.
fn breaks_line(rest: &str) -> bool {
    let name: String = rest
        .trim_start_matches(['<', '/'])
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    !matches!(
        name.as_str(),
        "" | "a"
            | "b"
            | "i"
            | "u"
            | "s"
            | "em"
            | "strong"
            | "span"
            | "font"
            | "small"
            | "big"
            | "sub"
            | "sup"
            | "mark"
            | "code"
            | "wbr"
            | "abbr"
            | "img"
    )
}

/// A character reference such as `&amp;` or `&#x4eba;` at the start of `rest`, with its length.
fn reference(rest: &str) -> Option<(char, usize)> {
    let body = rest.strip_prefix('&')?;
    let end = body.bytes().take(12).position(|b| b == b';')?;
    let name = &body[..end];
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "shy" => '\u{AD}',
        "zwj" => '\u{200D}',
        "zwnj" => '\u{200C}',
        "middot" => '·',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).unwrap_or('\u{FFFD}')
        }
    };
    Some((c, end + 2))
}
