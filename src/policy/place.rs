//! Where a rule stands in the text of its file and what that says of it, read without judging the rest of the file.

/// The line, from 1, on which a rule, entry or case of that id or name begins to be described.
pub fn line_of_rule(text: &str, id: &str) -> Option<usize> {
    let lines = text.lines().enumerate();
    let mut named = lines.filter(|(_, line)| named_on(line).is_some_and(|found| found == id));
    named.next().map(|(at, _)| at + 1)
}

/// The id or name of the table in which a line, from 1, stands.
pub fn rule_at_line(text: &str, line: usize) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = line.checked_sub(1).filter(|at| *at < lines.len())?;
    let begins = |line: &&str| line.trim_start().starts_with("[[");
    let from = (0..=at).rev().find(|i| begins(&lines[*i]))?;
    let until = (at + 1..lines.len())
        .find(|i| begins(&lines[*i]))
        .unwrap_or(lines.len());
    lines[from..until]
        .iter()
        .find_map(|line| named_on(line))
        .map(str::to_owned)
}

/// Ids of the rules of one policy file with their sources, read without judging the rest of it.
pub fn sources_of_rules(text: &str) -> Vec<(String, String)> {
    fn gather(value: &toml::Value, all: &mut Vec<(String, String)>) {
        match value {
            toml::Value::Table(table) => {
                let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
                if let (Some(id), Some(basis)) = (text("id"), text("basis")) {
                    all.push((id.to_owned(), basis.to_owned()));
                }
                table.values().for_each(|v| gather(v, all));
            }
            toml::Value::Array(list) => list.iter().for_each(|v| gather(v, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        gather(&toml::Value::Table(table), &mut all);
    }
    all
}

/// What `id = "..."` or `name = "..."` names.
fn named_on(line: &str) -> Option<&str> {
    let (key, value) = line.split_once('=')?;
    let value = value.trim().strip_prefix(['"', '\''])?;
    let end = value.find(['"', '\''])?;
    matches!(key.trim(), "id" | "name").then_some(&value[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "pack = \"x\"\n\n[[caps]]\nid = \"cap.a\"\nmax = 1\n[[caps]]\nmax = 2 # late\nid = 'cap.b'\n";

    #[test]
    fn rules_are_found_by_their_line_and_lines_by_their_rule() {
        assert_eq!(line_of_rule(TEXT, "cap.a"), Some(4));
        assert_eq!(line_of_rule(TEXT, "cap.b"), Some(8));
        assert_eq!(line_of_rule(TEXT, "cap.c"), None);
        let check = |line: usize, rule: Option<&str>| {
            assert_eq!(rule_at_line(TEXT, line).as_deref(), rule, "{line}");
        };
        check(1, None);
        check(3, Some("cap.a"));
        check(5, Some("cap.a"));
        check(7, Some("cap.b"));
        check(99, None);
    }
}
