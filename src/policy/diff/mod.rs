//! Two packs, two versions of one, or two sets compared like a contract: rule, before, after, and whether that is
//! stricter or looser.
//!
//! The comparison reads the TOML as a tree, rule by rule, so that it sees every field, known or not; for the fields
//! whose meaning is known it says the effect. Nothing here decides, and nothing needs to be valid as a pack.
//! Called by `cli`.

mod effect;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::words;

pub use tree::Item;

words! {
    /// What a change does to what may be done.
    Effect as "effect" {
        /// Nothing: words, citations, titles.
        Wording = "wording",
        /// Less may be done.
        Stricter = "stricter",
        /// More may be done.
        Looser = "looser",
        /// Some things less, others more.
        Both = "both",
        /// Cannot be told from the text alone.
        Unclear = "unclear",
    }
}

impl Effect {
    /// The effect of two changes together.
    pub fn and(self, other: Effect) -> Effect {
        use Effect::*;
        match (self, other) {
            (Wording, e) | (e, Wording) => e,
            (Unclear, _) | (_, Unclear) => Unclear,
            (a, b) if a == b => a,
            _ => Both,
        }
    }
}

words! {
    /// What happened to a rule.
    ChangeKind as "kind of change" {
        /// It was not there before.
        Added = "added",
        /// It is not there any more.
        Removed = "removed",
        /// It says something else.
        Changed = "changed",
    }
}

/// One field before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The field, with dots into tables.
    pub field: String,
    /// Before; `None`: it did not stand there.
    pub before: Option<String>,
    /// After.
    pub after: Option<String>,
    /// What that does.
    pub effect: Effect,
}

/// One rule, entry or table before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file, with the pack: `cn/policy.toml`.
    pub file: String,
    /// The table: `caps`, `hours`, `entry` ...
    pub table: String,
    /// Its id or name.
    pub id: String,
    /// What happened.
    pub kind: ChangeKind,
    /// What that does.
    pub effect: Effect,
    /// Law and clause, after the change where there is one.
    pub source: Option<String>,
    /// How binding it is.
    pub level: Option<String>,
    /// How sure we are of the source.
    pub sureness: Option<String>,
    /// What the rule says in Chinese, after the change where it says something.
    pub zh: Option<String>,
    /// The same in English.
    pub en: Option<String>,
    /// Its fields, in order of importance.
    pub fields: Vec<FieldChange>,
    /// The pack has now, or no longer, any rule of this kind: the house default gives way, or steps in.
    pub house_default: bool,
}

/// Why texts cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct NoToml {
    /// The file.
    pub file: String,
    /// What the reader says.
    pub message: String,
}

/// Compares two lists of files, paths with texts; of the paths of packs only the last part counts where `packs` is
/// false, so that two packs of different names can be compared.
///
/// # Errors
/// A file that is no TOML.
pub fn diff(
    before: &[(String, String)],
    after: &[(String, String)],
    packs: bool,
) -> Result<Vec<Change>, NoToml> {
    let (was, is) = (tree::items(before, packs)?, tree::items(after, packs)?);
    let keys: BTreeSet<_> = was.keys().chain(is.keys()).cloned().collect();
    let mut changes: Vec<Change> = keys
        .into_iter()
        .filter_map(|key| change(was.get(&key), is.get(&key)))
        .collect();
    for change in &mut changes {
        let kind = (change.file.clone(), change.table.clone());
        let has = |side: &BTreeMap<tree::Key, Item>| {
            let mut all = side.values();
            all.any(|i| (&i.file, &i.table) == (&kind.0, &kind.1))
        };
        let gives_way = matches!(change.table.as_str(), "hours" | "caps" | "close_margin");
        change.house_default = gives_way && change.kind != ChangeKind::Changed && has(&was) != has(&is);
        if change.house_default {
            change.effect = Effect::Unclear;
        }
    }
    changes.sort_by_key(|c| {
        (
            c.effect == Effect::Wording,
            c.file.clone(),
            tree::rank(&c.table),
            c.id.clone(),
        )
    });
    Ok(changes)
}

fn change(was: Option<&Item>, is: Option<&Item>) -> Option<Change> {
    let shown = is.or(was)?;
    let (kind, fields) = match (was, is) {
        (Some(was), Some(is)) => {
            let fields = effect::fields(&was.table, &was.value, &is.value);
            if fields.is_empty() {
                return None;
            }
            (ChangeKind::Changed, fields)
        }
        (None, Some(is)) => (ChangeKind::Added, effect::all_fields(&is.value, false)),
        (Some(was), None) => (ChangeKind::Removed, effect::all_fields(&was.value, true)),
        (None, None) => return None,
    };
    let effect = match kind {
        ChangeKind::Changed => fields.iter().fold(Effect::Wording, |all, f| all.and(f.effect)),
        ChangeKind::Added => effect::of_table(&shown.table),
        ChangeKind::Removed => effect::reversed(effect::of_table(&shown.table)),
    };
    let text = |key: &str| {
        shown
            .value
            .get(key)
            .and_then(toml::Value::as_str)
            .map(str::to_owned)
    };
    Some(Change {
        file: shown.file.clone(),
        table: shown.table.clone(),
        id: shown.id.clone(),
        kind,
        effect,
        source: text("basis").or_else(|| text("source")),
        level: text("level"),
        sureness: text("sureness"),
        zh: text("zh"),
        en: text("en"),
        fields,
        house_default: false,
    })
}

/// What a rule asks, as its file writes it: the fields that are neither words nor source, spelt shortly. Keyed by
/// table and id, of one `policy.toml` or `lexicon.toml`.
pub fn terms(file: &str, text: &str) -> BTreeMap<(String, String), Vec<(String, String)>> {
    let files = [(file.to_owned(), text.to_owned())];
    let Ok(items) = tree::items(&files, true) else {
        return BTreeMap::new();
    };
    let of = |item: Item| {
        let fields = effect::all_fields(&item.value, false).into_iter();
        let asked = fields.filter(|f| !effect::is_wording(&f.field) && f.field != "applies");
        let spelt = asked.filter_map(|f| Some((f.field, f.after?))).collect();
        ((item.table, item.id), spelt)
    };
    items.into_values().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "level = \"house\"\nsureness = \"verified\"\nbasis = \"house rule\"\nwhy = \"w\"\nzh = \"甲\"\nen = \"e\"\n";

    fn pack(rules: &str) -> Vec<(String, String)> {
        let text = format!("pack = \"x\"\ntitle = {{ zh = \"甲\", en = \"x\" }}\n{rules}");
        vec![("x/policy.toml".to_owned(), text)]
    }

    /// One rule whose own fields change from one text to another.
    fn check(table: &str, before: &str, after: &str, expected: Effect) {
        let rule = |own: &str| pack(&format!("[[{table}]]\nid = \"a.b\"\n{HEAD}{own}\n"));
        let changes = diff(&rule(before), &rule(after), true).unwrap();
        let effects: Vec<Effect> = changes.iter().map(|c| c.effect).collect();
        assert_eq!(effects, [expected], "{table}: {before} -> {after}");
        // The way back has the opposite effect.
        let back = diff(&rule(after), &rule(before), true).unwrap();
        assert_eq!(
            back[0].effect,
            effect::reversed(expected),
            "{table}: {after} -> {before}"
        );
    }

    #[test]
    fn fields_with_a_known_meaning_say_what_they_do() {
        use Effect::*;
        check(
            "hours",
            r#"windows = { all = "08:00-21:00" }"#,
            r#"windows = { all = "08:00-20:00" }"#,
            Stricter,
        );
        check(
            "hours",
            r#"windows = { all = "08:00-21:00" }"#,
            r#"windows = { all = "08:00-21:00", sun = "closed" }"#,
            Stricter,
        );
        check(
            "hours",
            r#"windows = { all = "08:00-20:00" }"#,
            r#"windows = { mon_fri = "08:00-20:00", sat = "08:00-20:00", sun = "08:00-21:00" }"#,
            Looser,
        );
        check(
            "hours",
            r#"windows = { all = "08:00-20:00" }"#,
            r#"windows = { all = "09:00-21:00" }"#,
            Both,
        );
        check(
            "hours",
            r#"windows = { all = "08:00-20:00" }"#,
            "windows = { all = \"08:00-20:00\", holiday = \"closed\" }",
            Stricter,
        );
        check(
            "hours",
            "windows = { all = \"08:00-20:00\" }",
            "windows = { all = \"08:00-20:00\" }\nclose_inclusive = true",
            Looser,
        );
        check(
            "caps",
            "max = 3\nlocal_days = 7",
            "max = 2\nlocal_days = 7",
            Stricter,
        );
        check(
            "caps",
            "max = 3\nlocal_days = 7",
            "max = 3\nlocal_days = 8",
            Stricter,
        );
        check("caps", "max = 3\nlocal_days = 7", "max = 2\nlocal_days = 6", Both);
        check("caps", "max = 3\nlocal_days = 7", "max = 3\nhours = 168", Unclear);
        check(
            "caps",
            "max = 1\nkey = \"person\"",
            "max = 1\nkey = [\"person\", \"debt\"]",
            Looser,
        );
        check(
            "caps",
            "max = 1\ncounts = \"conversations\"",
            "max = 1\ncounts = \"connected\"",
            Stricter,
        );
        check("caps", "max = 1", "max = 1\nexclude = [\"reply\"]", Looser);
        check("caps", "max = 1", "max = 1\ninbound = true", Stricter);
        check("close_margin", "minutes = 2", "minutes = 5", Stricter);
        check(
            "recipients",
            "allowed = [\"debtor\"]",
            "allowed = [\"debtor\", \"guarantor\"]",
            Looser,
        );
        check(
            "recipients",
            "refused_uses = [\"workplace\"]",
            "refused_uses = [\"workplace\", \"shared\"]",
            Stricter,
        );
        check(
            "statuses",
            "verdict = \"review\"",
            "verdict = \"blocked\"",
            Stricter,
        );
        check(
            "statuses",
            "when = { any = [\"cease\"] }",
            "when = { any = [\"cease\", \"counsel\"] }",
            Stricter,
        );
        check(
            "statuses",
            "when = { all = [\"cease\"] }",
            "when = { all = [\"cease\", \"counsel\"] }",
            Looser,
        );
        check(
            "statuses",
            "verdict = \"blocked\"",
            "verdict = \"blocked\"\nunless = [{ role = [\"counsel\"] }]",
            Looser,
        );
        check("elements", "words = [\"T\"]", "words = [\"T\", \"stop\"]", Looser);
        check(
            "elements",
            "says = { a = [\"x\"] }",
            "says = { a = [\"x\"], b = [\"y\"] }",
            Stricter,
        );
        check("elements", "contact = \"any\"", "contact = \"first\"", Looser);
        check("retention", "years = 3", "years = 5", Stricter);
        check(
            "hours",
            "channels = [\"sms\"]",
            "channels = [\"sms\", \"voice\"]",
            Stricter,
        );
        check(
            "hours",
            "applies = { debtor = [\"natural\"] }",
            "applies = { debtor = [\"natural\", \"legal\"] }",
            Stricter,
        );
        check("hours", "", "applies = { debtor = [\"natural\"] }", Looser);
        check(
            "hours",
            "applies = { until = 2027-01-01 }",
            "applies = { until = 2026-07-01 }",
            Looser,
        );
        check("hours", "", "consent = true", Looser);
        check("hours", "", "instead = \"x\"", Wording);
        check("hours", "", "something_new = 3", Unclear);
        check(
            "surroundings",
            "before = [\"never\"]",
            "before = [\"never\", \"not\"]",
            Looser,
        );
        check(
            "surroundings",
            "after = [\"is fraud\"]",
            "after = [\"is fraud\", \"is a scam\"]",
            Looser,
        );
        check("entry", "phrases = [\"a\"]", "phrases = [\"a\", \"b\"]", Stricter);
        check(
            "entry",
            "verdict = \"blocked\"",
            "verdict = \"blocked\"\nunless = [\"warning\"]",
            Looser,
        );
        check("warnings", "max = 3", "max = 1", Wording);
    }

    #[test]
    fn rules_come_and_go_and_the_house_default_steps_in() {
        let cap = |id: &str| format!("[[caps]]\nid = \"{id}\"\n{HEAD}max = 1\n");
        let seen = |before: &str, after: &str| {
            let changes = diff(&pack(before), &pack(after), true).unwrap();
            let [one] = &changes[..] else {
                panic!("{changes:?}")
            };
            (one.kind, one.effect, one.house_default)
        };
        let (a, b) = (cap("cap.a"), cap("cap.b"));
        let both = format!("{a}{b}");
        assert_eq!(seen(&a, &both), (ChangeKind::Added, Effect::Stricter, false));
        assert_eq!(seen(&both, &b), (ChangeKind::Removed, Effect::Looser, false));
        assert_eq!(seen("", &a), (ChangeKind::Added, Effect::Unclear, true));
        assert_eq!(seen(&a, ""), (ChangeKind::Removed, Effect::Unclear, true));
        assert!(
            diff(&pack(&both), &pack(&format!("{b}{a}")), true)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn two_packs_are_compared_by_the_ids_of_their_rules() {
        let text = |name: &str, max: u32| {
            let text = format!("pack = \"{name}\"\n[[caps]]\nid = \"cap.a\"\n{HEAD}max = {max}\n");
            vec![(format!("{name}/policy.toml"), text)]
        };
        let changes = diff(&text("x", 2), &text("y", 1), false).unwrap();
        let cap = changes.iter().find(|c| c.id == "cap.a").unwrap();
        assert_eq!((cap.kind, cap.effect), (ChangeKind::Changed, Effect::Stricter));
        assert_eq!(cap.fields[0].before.as_deref(), Some("2"));
        let apart = diff(&text("x", 2), &text("y", 1), true).unwrap();
        assert!(apart.iter().all(|c| c.kind != ChangeKind::Changed));
        assert!(diff(&[("x/policy.toml".into(), "max = ".into())], &[], true).is_err());
    }
}
