//! The small language of patterns: `<tell> ..6 <kin>` and its like.
//!
//! A pattern is a chain of items in one sentence. `<name>` is a word group, anything else a literal (`a|b` for two
//! writings, quotes around a literal with blanks). Items beside each other follow directly; `..n` between them lets up to n
//! Chinese characters or Latin words stand between. `&` adds another chain in the same sentence, `&&` one anywhere in the
//! same part, in any order; `!<name>` and `!!<name>` say what must not be in the sentence or in the part.

use crate::policy::fold::fold;

/// One place in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A word group by name.
    Group(String),
    /// Literals, folded; any of them.
    Literal(Vec<String>),
}

/// How far a chain or a prohibition reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The same sentence.
    Sentence,
    /// The same part of the message.
    Part,
}

/// One item and how many characters or Latin words may stand between it and the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The item.
    pub item: Item,
    /// Room before it.
    pub gap: u8,
}

/// A pattern: chains that must all be there, and items that must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Chains; the first one is what is shown.
    pub chains: Vec<(Reach, Vec<Step>)>,
    /// What must not be there.
    pub without: Vec<(Reach, Item)>,
}

/// The widest gap; further apart words do not belong together.
const WIDEST: u8 = 30;

/// Reads a pattern, or says what is expected.
pub(crate) fn parse(source: &str) -> Result<Pattern, String> {
    let mut pattern = Pattern {
        chains: vec![(Reach::Part, Vec::new())],
        without: Vec::new(),
    };
    let mut gap = None;
    for word in words_of(source)? {
        match word.as_str() {
            "&" | "&&" => {
                let reach = if word == "&" { Reach::Sentence } else { Reach::Part };
                if gap.is_some() || pattern.chains.last().is_some_and(|(_, steps)| steps.is_empty()) {
                    return Err(format!("a chain on both sides of `{word}`"));
                }
                pattern.chains.push((reach, Vec::new()));
            }
            w if w.starts_with("..") => {
                let n: u8 = w[2..]
                    .parse()
                    .ok()
                    .filter(|n| (1..=WIDEST).contains(n))
                    .ok_or_else(|| format!("`..n` with n from 1 to {WIDEST}, found `{w}`"))?;
                gap = Some(n);
            }
            w if w.starts_with("!!") => pattern.without.push((Reach::Part, item(&w[2..])?)),
            w if w.starts_with('!') => pattern.without.push((Reach::Sentence, item(&w[1..])?)),
            w => {
                let item = item(w)?;
                if let Some((_, steps)) = pattern.chains.last_mut() {
                    if steps.is_empty() && gap.is_some() {
                        return Err("an item before `..n`".to_owned());
                    }
                    steps.push(Step {
                        item,
                        gap: gap.take().unwrap_or(0),
                    });
                }
            }
        }
    }
    if gap.is_some() || pattern.chains.iter().any(|(_, steps)| steps.is_empty()) {
        return Err("an item after `..n`, `&` and `&&`, and at least one item".to_owned());
    }
    Ok(pattern)
}

/// A pattern of one literal.
pub(crate) fn phrase(literal: String) -> Pattern {
    let step = Step {
        item: Item::Literal(vec![literal]),
        gap: 0,
    };
    Pattern {
        chains: vec![(Reach::Part, vec![step])],
        without: Vec::new(),
    }
}

/// Parts of the source between blanks; quotes keep blanks together, and groups may touch.
fn words_of(source: &str) -> Result<Vec<String>, String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in source.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => {
                out.push(std::mem::take(&mut word));
            }
            '<' if !quoted && !word.is_empty() && !word.chars().all(|c| c == '!') => {
                out.push(std::mem::replace(&mut word, "<".to_owned()));
            }
            '>' if !quoted => {
                word.push('>');
                out.push(std::mem::take(&mut word));
            }
            _ => word.push(c),
        }
    }
    if quoted {
        return Err("a second quote".to_owned());
    }
    out.push(word);
    out.retain(|w| !w.is_empty());
    Ok(out)
}

/// One item: a group or literals.
pub(crate) fn item(word: &str) -> Result<Item, String> {
    if let Some(name) = word.strip_prefix('<') {
        let name = name.strip_suffix('>').ok_or("`>` after the name of a group")?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '@');
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!(
                "a group name of small letters, digits and `_`, found `{name}`"
            ));
        }
        return Ok(Item::Group(name.to_owned()));
    }
    let literals: Vec<String> = word.split('|').map(folded).collect();
    if literals.iter().any(|l| l.trim_end_matches('*').is_empty()) {
        return Err(format!(
            "words that leave something after folding, found `{word}`"
        ));
    }
    Ok(Item::Literal(literals))
}

/// A word as texts are folded; a `*` at its end stays.
pub(crate) fn folded(word: &str) -> String {
    let (word, star) = word.strip_suffix('*').map_or((word, ""), |w| (w, "*"));
    format!(
        "{}{star}",
        fold(word).text().trim_matches(|c| matches!(c, ' ' | '\n'))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_as_they_look() {
        let p = parse("<tell> ..6 <kin> & <debt> !!<sorry>").unwrap();
        assert_eq!(p.chains.len(), 2);
        assert_eq!(p.chains[0].1[1].gap, 6);
        assert_eq!(p.chains[1].0, Reach::Sentence);
        assert_eq!(p.without, vec![(Reach::Part, Item::Group("sorry".to_owned()))]);
        let p = parse("<a><b> 'or else'|否则").unwrap();
        assert_eq!(p.chains[0].1.len(), 3);
        assert_eq!(
            p.chains[0].1[2].item,
            Item::Literal(vec!["or else".to_owned(), "否则".to_owned()])
        );
    }

    #[test]
    fn mistakes_say_what_is_expected() {
        let check = |source: &str| assert!(parse(source).is_err(), "{source}");
        check("");
        check("<a> ..99 <b>");
        check("..3 <a>");
        check("<a> &");
        check("<A b>");
        check("'open");
    }
}
