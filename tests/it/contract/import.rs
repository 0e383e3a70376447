//! Taking in a ledger, again and again, and taking it back.

use dunwell::domain::*;
use dunwell::store::{
    EventOutcome, NewAccount, NewAttempt, NewContact, Occurrence, RowOutcome, SealKeys, StoreError,
};
use tokio::task::JoinSet;

use super::on_every_database;
use super::world::{World, date, paid, permissive, phone_address, suppressed};
use crate::support::TestDatabase;

use RowOutcome::{Changed, Created, NoPortfolio, Unchanged};

on_every_database!(
    a_row_is_created_unchanged_or_changed,
    the_preview_is_what_happens,
    an_import_clears_no_reason_to_stop,
    what_was_paid_stays_paid,
    undo_takes_back_only_what_nobody_was_contacted_about,
    what_a_person_typed_keeps_an_account,
    what_is_not_known_stays_unknown,
    many_people_share_one_number,
    five_thousand_rows_in_batches,
    the_same_rows_at_the_same_time_are_created_once,
);

async fn a_row_is_created_unchanged_or_changed(database: TestDatabase) {
    let world = World::new(database).await;
    let story = || world.account("0001").due("2026-05-01");
    assert_eq!(story().import().await, Created);
    assert_eq!(story().import().await, Unchanged);
    let first = world.read("0001").await;
    assert_eq!(story().owes(90_000).import().await, Changed);
    let changed = world.read("0001").await;
    assert_eq!(changed.id, first.id);
    assert_eq!(changed.balance_minor, 90_000);
    assert!(changed.revision > first.revision);
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM person").await, 1);
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM contact_point").await, 1);
    world.verified().await;
}

async fn the_preview_is_what_happens(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world.account("0002").import().await;
    let mut nowhere = world.account("0005").row();
    nowhere.portfolio = "elsewhere".into();
    let rows: Vec<NewAccount> = vec![
        world.account("0001").row(),
        world.account("0002").owes(5).row(),
        world.account("0003").row(),
        world.account("0003").row(),
        world.account("0004").row(),
        world.account("0004").owes(7).row(),
        nowhere,
    ];
    let preview = world.store.import_preview(&rows).await.unwrap();
    let expected = [
        Unchanged,
        Changed,
        Created,
        Unchanged,
        Created,
        Changed,
        NoPortfolio,
    ];
    assert_eq!(preview, expected);
    assert_eq!(world.store.account_count().await.unwrap(), 2);
    let (_, outcomes) = world.import(rows).await;
    assert_eq!(outcomes, preview);
    assert_eq!(world.store.account_count().await.unwrap(), 4);
    assert_eq!(world.read("0004").await.balance_minor, 7, "the last row counts");
}

async fn an_import_clears_no_reason_to_stop(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world
        .happens("0001", suppressed(SuppressionReason::CeaseCommunication))
        .await;
    let dispute = Occurrence::DisputeOpened {
        reason: "quality".into(),
    };
    world.happens("0001", dispute).await;
    let address = Some(phone_address("13800004711"));
    world.account("0001").phone("13800004711").owes(1).import().await;
    let dead = Occurrence::Suppressed {
        reason: SuppressionReason::Unreachable,
        channel: None,
        address,
        until: None,
    };
    world.happens("0001", dead).await;
    assert_eq!(
        world.account("0001").phone("13800004711").owes(2).import().await,
        Changed
    );
    assert!(world.read("0001").await.disputed);
    let hash = SealKeys::known().lookup.text("address:phone", "+8613800004711");
    let usable = format!(
        "SELECT COUNT(*) FROM contact_point c JOIN address a ON a.id = c.address_id WHERE a.normal = '{hash}' AND c.usable"
    );
    assert_eq!(
        world.raw.count(&usable).await,
        0,
        "an import revives no dead address"
    );
    world.queue("0001", 1).await;
    let claimed = world.claim(world.worker(), 1).await;
    assert!(!claimed[0].situation.suppressions.is_empty());
    // A dispute in the ledger stops what waits, once.
    world.account("0002").import().await;
    let waiting = world.queue("0002", 1).await;
    assert_eq!(world.account("0002").disputed().import().await, Changed);
    assert_eq!(world.state(waiting[0]).await, AttemptState::Withdrawn);
    assert_eq!(world.reason(waiting[0]).await.as_deref(), Some("disputed"));
    world.account("0002").disputed().owes(3).import().await;
    let disputes = "SELECT COUNT(*) FROM dispute WHERE reason = 'ledger'";
    assert_eq!(world.raw.count(disputes).await, 1);
    world.verified().await;
}

async fn what_was_paid_stays_paid(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").owes(1000).import().await;
    world.happens("0001", paid("bank-1", 1000)).await;
    assert_eq!(world.read("0001").await.state, AccountState::Settled);
    assert_eq!(world.account("0001").owes(900).import().await, Changed);
    assert_eq!(world.read("0001").await.state, AccountState::Settled);
    // The ledger may settle, and then it stays so too.
    world.account("0002").import().await;
    let waiting = world.queue("0002", 1).await;
    world.account("0002").settled().import().await;
    assert_eq!(world.reason(waiting[0]).await.as_deref(), Some("paid"));
    world.account("0002").owes(3).import().await;
    assert_eq!(world.read("0002").await.state, AccountState::Settled);
    world.verified().await;
}

async fn undo_takes_back_only_what_nobody_was_contacted_about(database: TestDatabase) {
    let world = World::new(database).await;
    let rows: Vec<_> = ["0001", "0002", "0003"].map(|r| world.account(r).row()).into();
    let (batch, _) = world.import(rows.clone()).await;
    world.reserved("0001").await;
    let waiting = world.queue("0002", 2).await;
    let undone = world.store.undo_import(batch).await.unwrap();
    assert_eq!((undone.taken_back, undone.withdrawn), (2, 2));
    assert_eq!(undone.kept, ["0001"]);
    for attempt in waiting {
        assert_eq!(world.reason(attempt).await.as_deref(), Some("import_undone"));
    }
    assert_eq!(world.read("0001").await.state, AccountState::Open);
    assert_eq!(world.read("0002").await.state, AccountState::Closed);
    assert!(matches!(
        world.store.undo_import(batch).await,
        Err(StoreError::Refused(_))
    ));
    let preview = world.store.import_preview(&rows).await.unwrap();
    assert_eq!(preview, [Unchanged, Created, Created]);
    let (_, again) = world.import(rows).await;
    assert_eq!(again, preview);
    assert_eq!(world.read("0002").await.state, AccountState::Open);
    world.queue("0002", 1).await;
    assert_eq!(world.dispatch(&permissive()).await.len(), 1);
    let batches = world.store.batches(10).await.unwrap();
    let states: Vec<_> = batches.iter().map(|b| b.state.as_str()).collect();
    assert_eq!(states, ["done", "undone"]);
    world.verified().await;
}

async fn what_a_person_typed_keeps_an_account(database: TestDatabase) {
    let world = World::new(database).await;
    let rows: Vec<_> = ["0001", "0002", "0003"].map(|r| world.account(r).row()).into();
    let (batch, _) = world.import(rows).await;
    world.happens("0001", paid("bank-1", 5)).await;
    let dispute = Occurrence::DisputeOpened {
        reason: "price".into(),
    };
    world.happens("0002", dispute).await;
    let undone = world.store.undo_import(batch).await.unwrap();
    assert_eq!(undone.kept, ["0001", "0002"]);
}

async fn many_people_share_one_number(database: TestDatabase) {
    let world = World::new(database).await;
    let rows = (0..300)
        .map(|n| world.account(&format!("{n:04}")).phone("13800000042").row())
        .collect();
    world.import(rows).await;
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM address").await, 1);
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM contact_point").await, 300);
    let waiting = world.queue("0007", 1).await;
    let wrong = Occurrence::Suppressed {
        reason: SuppressionReason::OptOut,
        channel: None,
        address: Some(phone_address("13800000042")),
        until: None,
    };
    assert_eq!(
        world.happens("0123", wrong).await,
        EventOutcome::Taken { withdrawn: 1 }
    );
    assert_eq!(world.reason(waiting[0]).await.as_deref(), Some("opt_out"));
}

async fn five_thousand_rows_in_batches(database: TestDatabase) {
    let world = World::new(database).await;
    for batch in 0..5 {
        let rows: Vec<_> = (0..1000)
            .map(|n| world.account(&format!("A{batch}{n:04}")).row())
            .collect();
        let (_, outcomes) = world.import(rows.clone()).await;
        assert!(outcomes.iter().all(|o| *o == Created));
        let again = world.store.import_preview(&rows).await.unwrap();
        assert!(again.iter().all(|o| *o == Unchanged));
    }
    assert_eq!(world.store.account_count().await.unwrap(), 5000);
    let nil = dunwell::domain::AccountId(uuid::Uuid::nil());
    let page = world.store.accounts_page(nil, 10_000).await.unwrap();
    assert_eq!(page.len(), 5000);
    assert!(page.iter().all(|due| due.contact_points.len() == 1));
}

async fn the_same_rows_at_the_same_time_are_created_once(database: TestDatabase) {
    let world = World::new(database).await;
    let rows: Vec<_> = (0..40)
        .map(|n| {
            world
                .account(&format!("{n:04}"))
                .guarantor("G1", "13900000011")
                .row()
        })
        .collect();
    let mut importers = JoinSet::new();
    for n in 0..4 {
        let mut rows = rows.clone();
        rows.rotate_left(n * 7);
        let store = world.store.clone();
        importers.spawn(async move {
            let kind = dunwell::store::BatchKind::Accounts;
            let batch = store.begin_import(kind, "ledger.csv", [0; 32]).await.unwrap();
            store.import_accounts(batch, rows).await.unwrap()
        });
    }
    let outcomes = importers.join_all().await.concat();
    assert_eq!(outcomes.iter().filter(|o| **o == Created).count(), 40);
    assert_eq!(outcomes.iter().filter(|o| **o == Unchanged).count(), 120);
    assert_eq!(world.raw.count("SELECT COUNT(*) FROM person").await, 41);
}

async fn what_is_not_known_stays_unknown(database: TestDatabase) {
    let world = World::new(database).await;
    let mut bare = world.account("bare").row();
    bare.debtor.country = None;
    bare.debtor.zone = None;
    let mut full = world.account("full").row();
    full.issued_on = Some(date("2026-01-31"));
    full.instalments = Some(Instalments {
        overdue: 3,
        amount_minor: 12_345,
    });
    full.preferred = Some(Channel::Letter);
    full.observation = true;
    full.debtor.region = Some("HK".into());
    full.debtor.kind = PersonKind::Legal;
    full.debtor.name = PersonName::parse("O'Neil \"及\" \\ Söhne 😀").unwrap();
    full.debtor.contacts = [
        phone_address("13800000077"),
        Address::Email(EmailAddress::parse("Li.Wei@EXAMPLE.com").unwrap()),
        Address::Postal(PostalAddress::parse("1 Example Road, \"A\"|Shanghai", "CN").unwrap()),
    ]
    .map(|address| NewContact {
        address,
        usage: ContactUse::Home,
    })
    .into();
    world.import(vec![bare.clone(), full.clone()]).await;
    let read = world.store.timeline(world.id("bare").await).await.unwrap();
    let account = read.account;
    assert_eq!(
        (account.issued_on, account.instalments, account.preferred),
        (None, None, None)
    );
    assert_eq!((account.promised_until, account.observation), (None, false));
    assert_eq!((read.debtor.country, read.debtor.region), (None, None));
    let read = world.store.timeline(world.id("full").await).await.unwrap();
    let account = read.account;
    assert_eq!(account.issued_on, full.issued_on);
    assert_eq!(account.instalments, full.instalments);
    assert_eq!(account.preferred, full.preferred);
    assert!(account.observation && account.confirmed);
    assert_eq!(read.debtor.name, full.debtor.name);
    assert_eq!(read.debtor.kind, PersonKind::Legal);
    let mut kept: Vec<_> = read.contact_points.iter().map(|c| c.address.normal()).collect();
    let mut given: Vec<_> = full.debtor.contacts.iter().map(|c| c.address.normal()).collect();
    kept.sort();
    given.sort();
    assert_eq!(kept, given);
    // What is known is not forgotten because a later row leaves it out.
    full.debtor.region = None;
    full.digest = [1; 32];
    world.import(vec![full]).await;
    let read = world.store.timeline(world.id("full").await).await.unwrap();
    assert_eq!(read.debtor.region.as_deref(), Some("HK"));
    // A collector's own words, without a template.
    let words = "\"引号\" \\ back\u{1}slash 😀 \\u0000";
    let own = NewAttempt {
        template: None,
        own_subject: None,
        own_text: Some(words.into()),
        ..world.attempt("full").await
    };
    world.queue_like(own.clone(), 1).await;
    let claimed = world.claim(world.worker(), 1).await;
    let attempt = &claimed[0].situation.attempt;
    assert_eq!(
        (attempt.template.as_deref(), attempt.own_text.as_deref()),
        (None, Some(words))
    );
    let zero = NewAttempt {
        step_key: world.step_key(),
        own_text: Some("zero \0 character".into()),
        ..own
    };
    let refused = world.store.queue(vec![zero], vec![], vec![]).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
}
