//! The HTML part of an e-mail: the words of its text part, laid out by `templates/email.html`. Both parts say the same
//! because one is made from the other; the layout holds no words.

use minijinja::{Environment, Value, context};

use super::faults::TemplateError;

/// Name of the layout, as a file below `templates/` and in the template engine (its ending switches escaping on).
pub(super) const LAYOUT: &str = "email.html";

/// What the layout may use.
const NAMES: &[&str] = &["lang", "title", "blocks"];

/// Lines that stand together: a list when each begins with `- `, else a paragraph.
#[derive(Debug, PartialEq)]
struct Block<'a> {
    list: bool,
    lines: Vec<&'a str>,
}

/// Adds the layout to the engine.
///
/// # Errors
/// It is no template, or uses a name that is not `lang`, `title` or `blocks`.
pub(super) fn add_layout(env: &mut Environment<'static>, source: String) -> Result<(), TemplateError> {
    env.add_template_owned(LAYOUT, source).map_err(|e| {
        let found = e.detail().unwrap_or("a mistake").to_owned();
        TemplateError::new(LAYOUT, e.line(), found, "a minijinja template")
    })?;
    let used = env.get_template(LAYOUT).map(|t| t.undeclared_variables(false));
    match used
        .unwrap_or_default()
        .iter()
        .find(|n| !NAMES.contains(&n.as_str()))
    {
        Some(name) => Err(TemplateError::new(
            LAYOUT,
            None,
            format!("unknown variable `{name}`"),
            "`lang`, `title` or `blocks`",
        )),
        None => Ok(()),
    }
}

/// The HTML part for these words.
///
/// # Errors
/// The layout cannot be carried out.
pub(super) fn html(
    env: &Environment<'static>,
    lang: &str,
    title: &str,
    text: &str,
) -> Result<String, minijinja::Error> {
    let blocks: Vec<Value> = blocks(text)
        .into_iter()
        .map(|b| context! { list => b.list, lines => owned(&b.lines) })
        .collect();
    env.get_template(LAYOUT)?.render(context! { lang, title, blocks })
}

fn owned(lines: &[&str]) -> Vec<Value> {
    lines.iter().copied().map(Value::from).collect()
}

/// Cut at blank lines; and where a list begins or ends.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut out: Vec<Block> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            open = false;
            continue;
        }
        let item = line.strip_prefix("- ");
        let line = item.unwrap_or(line);
        match out.last_mut() {
            Some(block) if open && block.list == item.is_some() => block.lines.push(line),
            _ => out.push(Block {
                list: item.is_some(),
                lines: vec![line],
            }),
        }
        open = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(layout: &str) -> Environment<'static> {
        let mut env = Environment::new();
        add_layout(&mut env, layout.to_owned()).unwrap();
        env
    }

    #[test]
    fn words_become_paragraphs_and_lists() {
        let check = |text: &str, expected: &[(bool, &[&str])]| {
            let found = blocks(text);
            let found: Vec<_> = found.iter().map(|b| (b.list, b.lines.as_slice())).collect();
            assert_eq!(found, expected);
        };
        check("", &[]);
        check("a\nb\n\n\nc", &[(false, &["a", "b"]), (false, &["c"])]);
        check(
            "a:\n- b\n- c\nd",
            &[(false, &["a:"]), (true, &["b", "c"]), (false, &["d"])],
        );
        check("- a\n\n- b", &[(true, &["a"]), (true, &["b"])]);
    }

    #[test]
    fn words_are_escaped() {
        let env = env("{{ lang }}|{{ title }}|{% for b in blocks %}{{ b.lines[0] }}{% endfor %}");
        let page = html(&env, "en", "<b>", "<script>\n").unwrap();
        assert_eq!(page, "en|&lt;b&gt;|&lt;script&gt;");
    }

    #[test]
    fn a_layout_holds_no_facts() {
        let error = add_layout(&mut Environment::new(), "{{ amount }}".to_owned()).unwrap_err();
        assert!(error.to_string().contains("unknown variable `amount`"), "{error}");
    }
}
