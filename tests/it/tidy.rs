//! The order of the tree, kept by reading it: every rule is a function from text to complaints, and can fail.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

/// All modules, in the order of `src/lib.rs`: a module uses only modules above it.
const ORDER: &[&str] = &[
    "domain",
    "ledger",
    "policy",
    "render",
    "evidence",
    "guard",
    "replies",
    "planner",
    "clock",
    "config",
    "store",
    "channels",
    "notary",
    "dispatch",
    "scheduler",
    "http",
    "cli",
];

/// The pure ones: no waiting, files, network, clock or environment.
const PURE: &[&str] = &[
    "domain", "ledger", "policy", "render", "evidence", "guard", "replies", "planner",
];

/// What a pure module never says.
const WORLDLY: &str = r"\basync\b|\bstd::(fs|net|env)\b|\bstd::\{[^}]*\b(fs|net|env)\b|\btokio\b|\bsqlx\b|\breqwest\b|\b(Utc|Local|Instant)::now\b|\bSystemTime\b|\bthread::sleep\b";

/// Where sentences to debtors could slip in.
const WITHOUT_SENTENCES: &[&str] = &["planner", "store", "channels", "dispatch"];

// ---- reading ----

/// One source file, cut into what the rules look at.
struct Source {
    /// Path below `src`, with `/`.
    path: String,
    /// Code with comments and the contents of literals blanked; lines stay where they are.
    code: String,
    /// The same without what is compiled for tests only.
    shipped: String,
    /// The contents of string literals, with their lines.
    literals: Vec<(usize, String)>,
    /// The whole text.
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        let (code, literals) = cut(text);
        let shipped = without_tests(&code);
        Source {
            path: path.into(),
            code,
            shipped,
            literals,
            text: text.into(),
        }
    }

    /// The module the file belongs to; none for `lib.rs` and `main.rs`.
    fn module(&self) -> Option<&str> {
        let first = self.path.split('/').next().unwrap();
        let name = first.strip_suffix(".rs").unwrap_or(first);
        ORDER.contains(&name).then_some(name)
    }

    fn complaint(&self, offset: usize, problem: &str) -> String {
        format!("src/{}:{}: {problem}", self.path, line_of(&self.code, offset))
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text[..offset].matches('\n').count()
}

/// Blanks comments and literals, and collects the literals.
fn cut(text: &str) -> (String, Vec<(usize, String)>) {
    let pattern = concat!(
        r#"(?s)//[^\n]*|/\*.*?\*/|b?r(#+)".*?"#,
        r#""#, // raw strings with hashes are finished by hand below
        r##"|b?r"[^"]*"|b?"(?:[^"\\]|\\.)*"|b?'(?:[^'\\\n]|\\[^\n][^'\n]*)'"##
    );
    let piece = Regex::new(pattern).unwrap();
    let (mut code, mut literals, mut at) = (String::new(), Vec::new(), 0);
    while let Some(found) = piece.captures_at(text, at) {
        let whole = found.get(0).unwrap();
        let end = match found.get(1) {
            Some(hashes) => {
                let close = format!("\"{}", hashes.as_str());
                text[whole.end()..]
                    .find(&close)
                    .map_or(text.len(), |i| whole.end() + i + close.len())
            }
            None => whole.end(),
        };
        let piece = &text[whole.start()..end];
        if piece.contains('"') && !piece.starts_with('/') && !piece.starts_with('\'') {
            literals.push((line_of(text, whole.start()), piece.to_owned()));
        }
        code.push_str(&text[at..whole.start()]);
        code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    code.push_str(&text[at..]);
    (code, literals)
}

/// Blanks items under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut rest = code.to_owned();
    while let Some(start) = rest.find("#[cfg(test)]") {
        let end = end_of_item(&rest, start);
        let blank: String = rest[start..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        rest.replace_range(start..end, &blank);
    }
    rest
}

/// The end of the item after `start`: its semicolon or its closing brace.
fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (i, c) in code[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return start + i + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return start + i + 1,
            _ => {}
        }
    }
    code.len()
}

/// Files that are compiled for tests only, because their parent says `#[cfg(test)] mod name;`.
fn test_only(parent: &Source) -> Vec<String> {
    let declared = Regex::new(r"#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))?\s+)?mod\s+(\w+)\s*;").unwrap();
    let folder = match parent.path.strip_suffix("/mod.rs") {
        Some(folder) => folder.to_owned(),
        None => parent.path.trim_end_matches(".rs").to_owned(),
    };
    declared
        .captures_iter(&parent.code)
        .map(|found| format!("{folder}/{}", &found[1]))
        .collect()
}

// ---- rules ----

fn order_of_modules(lib: &Source) -> Vec<String> {
    let declared = Regex::new(r"(?m)^pub mod (\w+);").unwrap();
    let (mut complaints, mut next) = (Vec::new(), 0);
    for found in declared.captures_iter(&lib.code) {
        match ORDER.iter().position(|name| *name == &found[1]) {
            None => complaints
                .push(lib.complaint(found.get(0).unwrap().start(), "this module is not in the list")),
            Some(place) if place < next => {
                complaints.push(lib.complaint(found.get(0).unwrap().start(), "this module stands too late"));
            }
            Some(place) => next = place + 1,
        }
    }
    complaints
}

/// The modules named by `crate::...` paths, with their offsets; groups in braces included.
fn named_modules(code: &str) -> Vec<(usize, String)> {
    let path = Regex::new(r"\bcrate::\s*(\w+|\{)").unwrap();
    let word = Regex::new(r"^\s*(\w+)").unwrap();
    let mut named = Vec::new();
    for found in path.captures_iter(code) {
        let first = found.get(1).unwrap();
        if first.as_str() != "{" {
            named.push((first.start(), first.as_str().to_owned()));
            continue;
        }
        let (mut depth, mut expects) = (0, false);
        for (i, c) in code[first.start()..].char_indices() {
            let at = first.start() + i;
            if expects && !c.is_whitespace() {
                if let Some(found) = word.captures(&code[at..]) {
                    named.push((at, found[1].to_owned()));
                }
                expects = false;
            }
            match c {
                '{' => (depth, expects) = (depth + 1, depth == 0),
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                ',' => expects = depth == 1,
                _ => {}
            }
        }
    }
    named
}

fn uses_only_above(source: &Source) -> Vec<String> {
    let place = |name: &str| ORDER.iter().position(|module| *module == name);
    let Some(own) = source.module().and_then(place) else {
        return Vec::new();
    };
    named_modules(&source.shipped)
        .into_iter()
        .filter(|(_, name)| place(name).is_some_and(|other| other > own))
        .map(|(at, name)| {
            source.complaint(
                at,
                &format!("`{}` must not use `{name}`, which stands below it", ORDER[own]),
            )
        })
        .collect()
}

fn pure_stays_pure(source: &Source) -> Vec<String> {
    if !source.module().is_some_and(|module| PURE.contains(&module)) {
        return Vec::new();
    }
    let worldly = Regex::new(WORLDLY).unwrap();
    worldly
        .find_iter(&source.shipped)
        .map(|found| source.complaint(found.start(), &format!("`{}` in a pure module", found.as_str())))
        .collect()
}

fn forbidden_code(source: &Source) -> Vec<String> {
    let rules = [
        (r"\bsuper::super\b", "write the path from `crate`"),
        (r"\bunsafe\b", "no `unsafe`"),
        (
            r"\b(struct|enum|trait|type|mod)\s+(\w*(Manager|Helper|Util)s?|\w*(helper|util)s?)\b",
            "a name that says nothing",
        ),
    ];
    let mut complaints = matches(source, &rules);
    if source.module() != Some("store") {
        complaints.extend(matches(
            source,
            &[(r"\bsqlx::query", "queries stand in src/store")],
        ));
    }
    let trial = "a reservation comes from `Store::decide` alone";
    let shipped = source.shipped.match_indices("::for_trial(");
    complaints.extend(shipped.map(|(at, _)| source.complaint(at, trial)));
    if source.module() != Some("clock") {
        let clock = "only src/clock reads the clock";
        complaints.extend(matches(
            source,
            &[(r"allow\(clippy::disallowed_methods\)", clock)],
        ));
    }
    complaints
}

fn matches(source: &Source, rules: &[(&str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (pattern, problem) in rules {
        let pattern = Regex::new(pattern).unwrap();
        complaints.extend(
            pattern
                .find_iter(&source.code)
                .map(|found| source.complaint(found.start(), problem)),
        );
    }
    complaints
}

/// Sentences to debtors address them; what operators and collectors read does not.
fn addresses_somebody(literal: &str) -> bool {
    ["您", "贵方", "贵司", "尊敬的", "Dear "]
        .iter()
        .any(|word| literal.contains(word))
}

fn literals_in_their_place(source: &Source) -> Vec<String> {
    let sql =
        Regex::new(r"\bSELECT\s|\bINSERT INTO\b|\bDELETE FROM\b|\bUPDATE\s+\w+\s+SET\b|\bCREATE TABLE\b")
            .unwrap();
    let module = source.module();
    let mut complaints = Vec::new();
    for (line, literal) in &source.literals {
        if module != Some("store") && sql.is_match(literal) {
            complaints.push(format!("src/{}:{line}: SQL stands in src/store", source.path));
        }
        if addresses_somebody(literal)
            && module.is_some_and(|module| WITHOUT_SENTENCES.contains(&module))
            && !in_tests(source, *line)
        {
            complaints.push(format!(
                "src/{}:{line}: sentences to debtors stand in templates/",
                source.path
            ));
        }
    }
    complaints
}

/// Whether a line of code is compiled for tests only.
fn in_tests(source: &Source, line: usize) -> bool {
    let of = |text: &str| text.lines().nth(line - 1).map(str::trim).map(str::to_owned);
    of(&source.code) != of(&source.shipped)
        || source
            .shipped
            .lines()
            .skip(line - 1)
            .all(|rest| rest.trim().is_empty())
}

fn opens_with_its_purpose(source: &Source) -> Vec<String> {
    if source.path.matches('/').count() > 1 || !source.path.ends_with("mod.rs") && source.path.contains('/') {
        return Vec::new();
    }
    let lines = source
        .text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .count();
    let good = source.module().is_none() || (3..=12).contains(&lines);
    if good {
        vec![]
    } else {
        vec![format!(
            "src/{}: opens with {lines} lines of `//!`, not 3 to 12",
            source.path
        )]
    }
}

fn at_most(name: &str, text: &str, limit: usize) -> Vec<String> {
    let lines = text.lines().count();
    if lines <= limit {
        vec![]
    } else {
        vec![format!("{name}: {lines} lines, at most {limit}")]
    }
}

fn no_machine_paths(name: &str, text: &str) -> Vec<String> {
    let path = Regex::new(r#"(?m)(?:^|[\s"'`(=])/(?:home|root|Users|work|mnt)/\w"#).unwrap();
    path.find_iter(text)
        .map(|found| format!("{name}:{}: a path of one machine", line_of(text, found.start())))
        .collect()
}

fn same_names(sqlite: &BTreeSet<String>, postgres: &BTreeSet<String>) -> Vec<String> {
    let lone = |name: &String| format!("migrations: `{name}` stands on one side only");
    sqlite.symmetric_difference(postgres).map(lone).collect()
}

// ---- the tree ----

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder`, sorted; none if the folder is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for found in std::fs::read_dir(folder).into_iter().flatten() {
        let path = found.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path))
        } else {
            all.push(path)
        }
    }
    all.sort();
    all
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let rust = files(&src)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let mut all: Vec<Source> = rust
        .map(|path| {
            let name = path
                .strip_prefix(&src)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            Source::new(&name, &std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    let tests: Vec<String> = all.iter().flat_map(test_only).collect();
    for source in &mut all {
        let of = |test: &String| {
            source.path == format!("{test}.rs") || source.path.starts_with(&format!("{test}/"))
        };
        if tests.iter().any(of) {
            source.shipped = String::new();
        }
    }
    all
}

#[track_caller]
fn tidy(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_source_keeps_the_rules() {
    let all = sources();
    assert!(all.len() > 10, "the sources are found");
    let rules = [
        uses_only_above,
        pure_stays_pure,
        forbidden_code,
        literals_in_their_place,
        opens_with_its_purpose,
    ];
    let mut complaints: Vec<String> = rules.iter().flat_map(|rule| all.iter().flat_map(rule)).collect();
    complaints.extend(order_of_modules(
        all.iter().find(|source| source.path == "lib.rs").unwrap(),
    ));
    tidy(complaints);
}

#[test]
fn main_and_the_map_stay_short() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap_or_default();
    tidy(at_most("src/main.rs", &read("src/main.rs"), 60));
    tidy(at_most("ARCHITECTURE.md", &read("ARCHITECTURE.md"), 150));
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| -> BTreeSet<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        files(&root().join("migrations").join(folder))
            .into_iter()
            .map(name)
            .collect()
    };
    tidy(same_names(&names("sqlite"), &names("postgres")));
}

#[test]
fn nothing_names_a_path_of_one_machine() {
    let mut all = Vec::new();
    for folder in [
        "src",
        "tests",
        "scripts",
        "docs",
        "policies",
        "templates",
        "migrations",
        "benches",
        ".ci",
    ] {
        all.extend(files(&root().join(folder)));
    }
    let at_top = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "Makefile",
        "Cargo.toml",
    ];
    all.extend(at_top.iter().map(|name| root().join(name)));
    for path in all.into_iter().filter(|path| !path.ends_with("tests/it/tidy.rs")) {
        if let Ok(text) = std::fs::read_to_string(&path) {
            tidy(no_machine_paths(
                path.strip_prefix(root()).unwrap().to_str().unwrap(),
                &text,
            ));
        }
    }
}

// ---- the rules can fail ----

fn check(rule: fn(&Source) -> Vec<String>, path: &str, text: &str, expected: usize) {
    let complaints = rule(&Source::new(path, text));
    assert_eq!(complaints.len(), expected, "{path}: {text}\n{complaints:?}");
}

#[test]
fn a_module_that_uses_one_below_it_is_found() {
    check(uses_only_above, "guard/mod.rs", "use crate::domain::Draft;", 0);
    check(uses_only_above, "guard/mod.rs", "use crate::guard::fold;", 0);
    check(
        uses_only_above,
        "guard/hours/zone.rs",
        "use crate::store::Store;",
        1,
    );
    check(
        uses_only_above,
        "guard.rs",
        "use crate::{domain::{Draft, Moment}, planner, store::{a, b}};",
        2,
    );
    check(uses_only_above, "guard/mod.rs", "use crate::{\n    cli,\n};", 1);
    check(
        uses_only_above,
        "guard/mod.rs",
        "fn f() { crate::clock::now() }",
        1,
    );
    check(
        uses_only_above,
        "guard/mod.rs",
        "// crate::store\nfn f() { \"crate::store\" }",
        0,
    );
    check(
        uses_only_above,
        "guard/mod.rs",
        "#[cfg(test)]\nmod tests { use crate::config::policies; fn f() {} }",
        0,
    );
    check(
        uses_only_above,
        "guard/mod.rs",
        "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::config;",
        1,
    );
    check(uses_only_above, "main.rs", "use crate::cli;", 0);
}

#[test]
fn a_wrong_order_in_lib_is_found() {
    check(
        order_of_modules,
        "lib.rs",
        "pub mod domain;\npub mod guard;\npub mod cli;",
        0,
    );
    check(order_of_modules, "lib.rs", "pub mod guard;\npub mod domain;", 1);
    check(order_of_modules, "lib.rs", "pub mod domain;\npub mod extras;", 1);
}

#[test]
fn a_pure_module_that_touches_the_world_is_found() {
    for bad in [
        "async fn f() {}",
        "use std::fs;",
        "use std::{fmt, fs::File};",
        "use std::net::TcpStream;",
        "std::env::var(\"A\")",
        "use tokio::task;",
        "use sqlx::Row;",
        "reqwest::get(x)",
        "Utc::now()",
        "use std::time::SystemTime;",
        "Instant::now()",
        "std::thread::sleep(d)",
    ] {
        check(pure_stays_pure, "render/mod.rs", bad, 1);
        check(pure_stays_pure, "store/mod.rs", bad, 0);
    }
    check(
        pure_stays_pure,
        "render/mod.rs",
        "/// async, std::fs\nfn f() { \"tokio\" } // Utc::now()",
        0,
    );
}

#[test]
fn forbidden_code_is_found() {
    check(
        forbidden_code,
        "dispatch/mod.rs",
        "fn f() { Reservation::for_trial(a, c, t); }",
        1,
    );
    let test = "#[cfg(test)]\nmod tests { fn f() { Reservation::for_trial(a, c, t); } }";
    check(forbidden_code, "channels/mod.rs", test, 0);
    check(forbidden_code, "http/mod.rs", "use super::super::store;", 1);
    check(forbidden_code, "http/mod.rs", "unsafe { f() }", 1);
    check(
        forbidden_code,
        "http/mod.rs",
        "struct AccountManager;\nmod util;\nenum Helpers {}",
        3,
    );
    check(
        forbidden_code,
        "http/mod.rs",
        "struct Managerial; fn utility() {}",
        0,
    );
    check(forbidden_code, "http/mod.rs", "sqlx::query_as(x)", 1);
    check(forbidden_code, "store/mod.rs", "sqlx::query_as(x)", 0);
    check(
        forbidden_code,
        "http/mod.rs",
        "#[allow(clippy::disallowed_methods)]",
        1,
    );
    check(
        forbidden_code,
        "clock/system.rs",
        "#[allow(clippy::disallowed_methods)]",
        0,
    );
}

#[test]
fn literals_in_a_wrong_place_are_found() {
    check(literals_in_their_place, "cli/mod.rs", "f(\"SELECT 1\")", 1);
    check(
        literals_in_their_place,
        "cli/mod.rs",
        "f(r#\"a \"b\" INSERT INTO x\"#)",
        1,
    );
    check(
        literals_in_their_place,
        "cli/mod.rs",
        "f(\"\\\"UPDATE account SET x\")",
        1,
    );
    check(
        literals_in_their_place,
        "cli/mod.rs",
        "f(\"DELETE FROM x\"); g('\"'); // SELECT 1",
        1,
    );
    check(
        literals_in_their_place,
        "cli/mod.rs",
        "f(\"choose an item to select \")",
        0,
    );
    check(literals_in_their_place, "store/mod.rs", "f(\"SELECT 1\")", 0);
    check(
        literals_in_their_place,
        "dispatch/mod.rs",
        "f(\"您的借款已经逾期请您尽快归还欠款\")",
        1,
    );
    check(literals_in_their_place, "dispatch/mod.rs", "f(\"已发送\")", 0);
    check(
        literals_in_their_place,
        "dispatch/mod.rs",
        "// 您的借款已经逾期请您尽快归还欠款",
        0,
    );
    let test =
        "fn f() {}\n#[cfg(test)]\nmod tests {\n    fn f() { g(\"您的借款已经逾期请您尽快归还欠款\"); }\n}\n";
    check(literals_in_their_place, "dispatch/mod.rs", test, 0);
}

#[test]
fn a_module_without_its_purpose_is_found() {
    check(
        opens_with_its_purpose,
        "guard/mod.rs",
        "//! One.\n//! Two.\n//! Three.\n",
        0,
    );
    check(opens_with_its_purpose, "guard/mod.rs", "//! One.\n", 1);
    check(
        opens_with_its_purpose,
        "guard/mod.rs",
        &"//! Much.\n".repeat(13),
        1,
    );
    check(opens_with_its_purpose, "guard/fold.rs", "//! One.\n", 0);
}

#[test]
fn lengths_paths_and_lone_migrations_are_found() {
    assert_eq!(at_most("x", "a\nb\n", 2).len(), 0);
    assert_eq!(at_most("x", "a\nb\nc\n", 2).len(), 1);
    assert_eq!(
        no_machine_paths("x", "see \"/home/li/notes\" and (/root/x)").len(),
        2
    );
    assert_eq!(
        no_machine_paths("x", "https://example.org/home/page and work/life").len(),
        0
    );
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(same_names(&names(&["1.sql"]), &names(&["1.sql"])).len(), 0);
    assert_eq!(
        same_names(&names(&["1.sql", "2.sql"]), &names(&["1.sql"])).len(),
        1
    );
}

#[test]
fn files_for_tests_only_are_known() {
    let parent = Source::new("guard/mod.rs", "mod fold;\n#[cfg(test)]\nmod cases;\n");
    assert_eq!(test_only(&parent), ["guard/cases"]);
}
