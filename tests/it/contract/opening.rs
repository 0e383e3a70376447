//! Opening: what was durable is there again, and what cannot be opened says so in one sentence.

use std::sync::Arc;

use dunwell::clock::VirtualClock;
use dunwell::domain::AttemptState;
use dunwell::store::{SealKeys, Store, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::on_every_database;
use super::world::{World, moment, permissive};
use crate::support::TestDatabase;

on_every_database!(
    a_restart_finds_everything_where_it_was,
    a_newer_schema_is_left_alone,
    a_changed_schema_is_refused,
    eight_programs_open_a_fresh_database_together,
    a_closed_store_says_so,
);

fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::new(moment("2026-04-07T10:00:00+08:00"), 9))
}

async fn refused(url: &str) -> String {
    match Store::open(url, clock(), SealKeys::known()).await {
        Ok(_) => panic!("opened"),
        Err(e) => e.to_string(),
    }
}

async fn a_restart_finds_everything_where_it_was(database: TestDatabase) {
    let mut world = World::new(database).await;
    world.account("0001").import().await;
    let reserved = world.reserved("0001").await;
    let waiting = world.queue("0001", 5).await;
    let claimed = world.claim(world.worker(), 2).await;
    assert_eq!(claimed.len(), 2);
    world.reopen().await;
    assert_eq!(world.state(reserved).await, AttemptState::Reserved);
    assert_eq!(world.state(waiting[0]).await, AttemptState::Planned);
    assert_eq!(
        world.dispatch(&permissive()).await.len(),
        3,
        "a lease outlives a restart"
    );
    world.clock.advance(chrono::TimeDelta::minutes(5));
    assert_eq!(world.dispatch(&permissive()).await.len(), 2);
    world.verified().await;
}

async fn a_newer_schema_is_left_alone(database: TestDatabase) {
    let world = World::new(database).await;
    let checksum = if world.raw.is_sqlite() { "x'00'" } else { "'\\x00'" };
    let sql = format!(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) VALUES (9999, 'later', CURRENT_TIMESTAMP, TRUE, {checksum}, 0)"
    );
    world.raw.run(&sql).await.unwrap();
    match Store::open(&world.database.database_url, clock(), SealKeys::known()).await {
        Err(StoreError::Newer { found: 9999, known }) => assert!(known < 9999),
        other => panic!("{:?}", other.err()),
    }
}

async fn a_changed_schema_is_refused(database: TestDatabase) {
    let world = World::new(database).await;
    let checksum = if world.raw.is_sqlite() { "x'00'" } else { "'\\x00'" };
    let sql = format!("UPDATE _sqlx_migrations SET checksum = {checksum} WHERE version = 1");
    world.raw.run(&sql).await.unwrap();
    let said = refused(&world.database.database_url).await;
    assert!(said.contains("version 1") && !said.contains('\n'), "{said}");
}

async fn eight_programs_open_a_fresh_database_together(database: TestDatabase) {
    let mut all = JoinSet::new();
    for n in 0..8 {
        let url = database.database_url.clone();
        let clock = Arc::new(VirtualClock::new(moment("2026-04-07T10:00:00+08:00"), n));
        all.spawn(async move {
            Store::open(&url, clock, SealKeys::known())
                .await
                .map_err(|e| e.to_string())
        });
    }
    let stores: Vec<Store> = all
        .join_all()
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap();
    let check = stores[0].verify_log().await.unwrap();
    assert_eq!(check.entries, 1, "one of them began the log");
    for store in stores {
        store.close().await;
    }
}

async fn a_closed_store_says_so(database: TestDatabase) {
    let world = World::new(database).await;
    world.store.close().await;
    world.store.close().await;
    let later = world.store.record_system_state("started", String::new()).await;
    assert!(later.is_err());
    assert!(world.store.verify_log().await.is_err());
}

#[tokio::test]
async fn what_cannot_be_opened_says_why_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("letter.txt"), "Dear reader, ".repeat(200)).unwrap();
    let check = async |url: String, expected: &str| {
        let said = refused(&url).await;
        assert!(said.contains(expected) && !said.contains('\n'), "{said}");
    };
    check(
        format!("sqlite://{}", path("missing/dunwell.sqlite")),
        "is not there",
    )
    .await;
    check(format!("sqlite://{}", path("letter.txt")), "not a database").await;
    check(
        format!("sqlite://{}", folder.path().display()),
        "cannot be opened",
    )
    .await;
    check("mysql://localhost/dunwell".into(), "must begin with").await;
    check("postgres://localhost:port/dunwell".into(), "cannot be read").await;
}

/// A server that knows nobody: enough of the protocol to refuse a password.
#[tokio::test]
async fn a_wrong_password_is_named_without_being_shown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut length = [0; 4];
            while client.read_exact(&mut length).await.is_ok() {
                let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
                client.read_exact(&mut rest).await.unwrap();
                // A request for TLS is declined; the start is answered with a refusal.
                if rest == 80_877_103u32.to_be_bytes() {
                    client.write_all(b"N").await.unwrap();
                    continue;
                }
                let fields =
                    b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"dunwell\"\0\0";
                let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
                let answer = [b"E".as_slice(), &length, fields].concat();
                client.write_all(&answer).await.unwrap();
                break;
            }
        }
    });
    let said = refused(&format!(
        "postgres://dunwell:not-the-one@127.0.0.1:{port}/dunwell"
    ))
    .await;
    server.abort();
    assert!(said.contains("password authentication failed"), "{said}");
    assert!(!said.contains("not-the-one") && !said.contains('\n'), "{said}");
}
