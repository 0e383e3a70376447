//! The two schemas say the same, every statement fits both, and the schema itself refuses what the domain forbids.

use std::collections::BTreeSet;

use dunwell::domain::AttemptState;
use dunwell::store::{SealKeys, Store, statements_by_file};
use sqlx::{Column, Either, Executor, SqlSafeStr, Statement};

use super::on_every_database;
use super::world::{Raw, World, paid, permissive};
use crate::support::{TestDatabase, databases};

on_every_database!(
    every_statement_prepares,
    only_legal_transitions_are_stored,
    what_is_evidence_stays,
    opening_twice_is_harmless,
);

/// Number of parameters and names of columns.
async fn prepared(raw: &Raw, sql: &'static str) -> Result<(usize, Vec<String>), sqlx::Error> {
    fn shape<S: Statement>(statement: &S) -> (usize, Vec<String>) {
        let parameters = match statement.parameters() {
            Some(Either::Left(types)) => types.len(),
            Some(Either::Right(count)) => count,
            None => 0,
        };
        let columns = statement.columns().iter().map(|c| c.name().to_owned());
        (parameters, columns.collect())
    }
    Ok(match raw {
        Raw::Sqlite(pool) => shape(&pool.prepare(sql.into_sql_str()).await?),
        Raw::Postgres(pool) => shape(&pool.prepare(sql.into_sql_str()).await?),
    })
}

async fn every_statement_prepares(database: TestDatabase) {
    let world = World::new(database).await;
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for (file, statements) in statements_by_file() {
        for statement in &statements {
            assert!(names.insert((file, statement.name)), "{file} {}", statement.name);
            let text = if world.raw.is_sqlite() {
                statement.sqlite
            } else {
                statement.postgres
            };
            if let Err(e) = prepared(&world.raw, text).await {
                wrong.push(format!("{file} {}: {e}", statement.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_statement_means_the_same_in_both_dialects() {
    let mut worlds = Vec::new();
    for database in databases() {
        worlds.push(World::new(database).await);
    }
    let [sqlite, postgres] = &worlds[..] else { return };
    let mut wrong = Vec::new();
    for (file, statements) in statements_by_file() {
        for s in &statements {
            let (a, b) = (
                prepared(&sqlite.raw, s.sqlite).await,
                prepared(&postgres.raw, s.postgres).await,
            );
            let (Ok((a_parameters, a_columns)), Ok((b_parameters, b_columns))) = (a, b) else {
                continue;
            };
            // Columns without a name of their own are read by place.
            let named = |columns: &[String]| {
                let plain = |c: &String| {
                    if c.chars().all(|c| c.is_alphanumeric() || c == '_') {
                        c.clone()
                    } else {
                        String::new()
                    }
                };
                columns.iter().map(plain).collect::<Vec<_>>()
            };
            let unnamed = |c: &str| matches!(c, "" | "count" | "coalesce" | "min" | "max");
            let same = a_columns.len() == b_columns.len()
                && named(&a_columns)
                    .iter()
                    .zip(named(&b_columns))
                    .all(|(a, b)| *a == b || (unnamed(a) && unnamed(&b)));
            if a_parameters != b_parameters || !same {
                wrong.push(format!(
                    "{file} {}: {a_parameters} {a_columns:?} and {b_parameters} {b_columns:?}",
                    s.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Table, column and whether it must be filled.
async fn columns(raw: &Raw) -> BTreeSet<String> {
    let sql = if raw.is_sqlite() {
        "SELECT t.name || '.' || c.name || CASE WHEN c.\"notnull\" = 1 THEN ' NOT NULL' ELSE '' END FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'"
    } else {
        "SELECT table_name || '.' || column_name || CASE WHEN is_nullable = 'NO' THEN ' NOT NULL' ELSE '' END FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'"
    };
    raw.words(sql).await.into_iter().collect()
}

#[tokio::test]
async fn both_schemas_have_the_same_columns() {
    let mut worlds = Vec::new();
    for database in databases() {
        worlds.push(World::empty(database).await);
    }
    let [sqlite, postgres] = &worlds[..] else { return };
    let (sqlite, postgres) = (columns(&sqlite.raw).await, columns(&postgres.raw).await);
    assert!(sqlite.len() > 150, "{}", sqlite.len());
    let differ: Vec<_> = sqlite.symmetric_difference(&postgres).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

async fn only_legal_transitions_are_stored(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let attempts = world.queue("0001", 1).await;
    let at = world.raw.literal(attempts[0].0);
    // A copy without triggers, from which the attempt is put back wherever it shall stand.
    world
        .raw
        .run("CREATE TABLE kept AS SELECT * FROM attempt")
        .await
        .unwrap();
    let stands = async |state: AttemptState| {
        let moments = "reserved_at = requested_at, settled_at = requested_at";
        for sql in [
            format!("UPDATE kept SET state = '{state}', {moments}"),
            "DELETE FROM attempt".to_owned(),
            "INSERT INTO attempt SELECT * FROM kept".to_owned(),
        ] {
            assert_eq!(world.raw.run(&sql).await.unwrap(), 1, "{sql}");
        }
    };
    for from in AttemptState::ALL {
        for to in AttemptState::ALL {
            stands(*from).await;
            let moved = world
                .raw
                .run(&format!("UPDATE attempt SET state = '{to}' WHERE id = {at}"))
                .await;
            let legal = from.next().contains(to);
            assert_eq!(moved.is_ok(), legal, "{from} to {to}: {moved:?}");
        }
    }
    stands(AttemptState::Planned).await;
    for sql in ["reserved_at = NULL, state = 'reserved'", "state = 'sent'"] {
        let sql = format!("UPDATE attempt SET {sql} WHERE id = {at}");
        assert!(world.raw.run(&sql).await.is_err(), "{sql}");
    }
}

async fn what_is_evidence_stays(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world.reserved("0001").await;
    world
        .happens(
            "0001",
            super::world::suppressed(dunwell::domain::SuppressionReason::OptOut),
        )
        .await;
    let key =
        dunwell::evidence::NoteSigner::from_seed("log", dunwell::evidence::KeyUse::Text, &[1; 32]).unwrap();
    world.store.register_key(key.verifier(), None).await.unwrap();
    let publish = |n: u8| vec![(format!("pack {n}"), [n; 32])];
    for n in 0..=255 {
        let kind = dunwell::evidence::Kind::PolicyPublished;
        world.store.publish(kind, publish(n)).await.unwrap();
    }
    world.store.grow_log().await.unwrap();
    let head = world.store.sign_head(vec![key]).await.unwrap();
    let copy = dunwell::store::Anchor {
        size: head.signed.checkpoint.size,
        kind: dunwell::store::AnchorKind::Place,
        name: "copy".into(),
        at: head.at,
        body: head.signed.to_string().into_bytes(),
    };
    world.store.add_anchor(copy).await.unwrap();
    for sql in [
        "UPDATE evidence SET kind = 'hold.set'",
        "UPDATE evidence SET bytes = bytes",
        "DELETE FROM evidence",
        "UPDATE evidence_tile SET level = 9",
        "DELETE FROM evidence_tile",
        "UPDATE evidence_head SET note = note",
        "DELETE FROM evidence_head",
        "UPDATE evidence_anchor SET name = name",
        "DELETE FROM evidence_anchor",
        "UPDATE trace SET bytes = bytes",
        "DELETE FROM trace",
        "DELETE FROM suppression",
    ] {
        let refused = world.raw.run(sql).await;
        assert!(
            refused.is_err_and(|e| e.to_string().contains("append-only")),
            "{sql}"
        );
    }
    world.verified().await;
}

async fn opening_twice_is_harmless(database: TestDatabase) {
    let mut world = World::new(database).await;
    world.account("0001").import().await;
    world.reserved("0001").await;
    world.happens("0001", paid("bank-1", 100)).await;
    let entries = world.store.verify_log().await.unwrap().entries;
    world.reopen().await;
    let second = Store::open(
        &world.database.database_url,
        world.clock.clone(),
        SealKeys::known(),
    )
    .await
    .unwrap();
    assert_eq!(second.verify_log().await.unwrap().entries, entries);
    assert_eq!(second.registry().await.unwrap().desks.len(), 1);
    assert!(world.dispatch(&permissive()).await.is_empty());
    world.verified().await;
}

#[test]
fn no_statement_stands_outside_the_register() {
    let registered: BTreeSet<&str> = statements_by_file()
        .into_iter()
        .flat_map(|(_, statements)| statements)
        .flat_map(|s| [s.sqlite, s.postgres])
        .collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
    let (mut found, mut wrong) = (0, Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap().replace("\\\"", "\u{1}");
        for literal in text.split('"').skip(1).step_by(2) {
            if !verbs.iter().any(|verb| literal.starts_with(verb)) {
                continue;
            }
            found += 1;
            let literal = literal.replace('\u{1}', "\"");
            // Where the rows of a batch stand, the registered text has them spelled out.
            let known = match literal.split_once("{batch}") {
                Some((head, _)) => registered.iter().any(|text| text.starts_with(head)),
                None => registered.contains(literal.as_str()),
            };
            if !known {
                wrong.push(format!("{}: {literal}", path.file_name().unwrap().display()));
            }
        }
    }
    assert!(found > 120, "the statements are found: {found}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
