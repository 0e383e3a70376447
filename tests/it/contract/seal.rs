//! What is personal stands under a seal: people run through everything, and nothing of them is found in the database
//! outside sealed columns; after erasing nothing is found anywhere, and the log still holds.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use dunwell::domain::*;
use dunwell::store::*;

use super::on_every_database;
use super::world::{AccountStory, World, moment, paid, permissive};
use crate::support::{TestDatabase, read_apart, require_or_skip};

on_every_database!(
    people_stand_under_seal_and_are_gone_when_erased,
    what_was_sent_opens_until_either_person_is_erased,
    a_legal_hold_and_a_message_under_way_beat_erasing,
    who_was_erased_stays_erased_and_stopped,
    keys_of_another_installation_are_refused,
    a_restored_log_stops_everything,
    a_copy_is_put_back_into_an_empty_database,
    whose_time_has_come_is_told_and_erased,
    records_go_by_class_and_by_the_rule_that_decides,
    somebody_may_look_for_a_time,
    what_was_read_is_written_down,
    retention_knows_when_something_last_happened,
);

/// What betrays a person, in the forms in which bytes lie in files.
struct Canary {
    words: Vec<String>,
}

impl Canary {
    fn of(n: usize) -> Canary {
        let words = [
            format!("金丝雀{n:04}号"),
            format!("Canary-{n:04}-Street"),
            format!("canary{n:04}@example.com"),
            format!("CREF-{n:04}-Q"),
            format!("2009{n:04}"),
            format!("canarypay-{n:04}"),
            format!("canarywhy-{n:04}"),
            format!("canarytext-{n:04}"),
        ];
        Canary { words: words.into() }
    }

    fn story<'w>(&self, world: &'w World, n: usize) -> AccountStory<'w> {
        let mut story = world.account(&format!("{n:04}")).debtor(&self.words[3]);
        story.new.debtor.name = PersonName::parse(&self.words[0]).unwrap();
        story.new.debtor.postal_code = Some(self.words[4].clone());
        let own = |address| NewContact {
            address,
            usage: ContactUse::Own,
        };
        story.new.debtor.contacts.extend([
            own(Address::Email(EmailAddress::parse(&self.words[2]).unwrap())),
            own(Address::Postal(
                PostalAddress::parse(&format!("{}|Shanghai", self.words[1]), "CN").unwrap(),
            )),
        ]);
        story
    }
}

/// Every column of every table, as text and as hex.
async fn everything(world: &World) -> String {
    let tables = match world.raw.is_sqlite() {
        true => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        }
        false => {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
        }
    };
    let mut all = String::new();
    for table in world.raw.words(tables).await {
        all += &everything_of(world, &table).await;
    }
    all
}

/// Every column of one table, as text and as hex.
pub(super) async fn everything_of(world: &World, table: &str) -> String {
    let mut all = String::new();
    let columns = match world.raw.is_sqlite() {
        true => format!("SELECT name FROM pragma_table_info('{table}')"),
        false => format!(
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns WHERE table_name = '{table}'"
        ),
    };
    for column in world.raw.words(&columns).await {
        let shown = match world.raw.is_sqlite() {
            true => format!(
                "SELECT CASE typeof(\"{column}\") WHEN 'blob' THEN hex(\"{column}\") ELSE COALESCE(CAST(\"{column}\" AS TEXT), '') END FROM {table}"
            ),
            false => format!("SELECT COALESCE(CAST(\"{column}\" AS TEXT), '') FROM {table}"),
        };
        all += &world.raw.words(&shown).await.join("\n");
        all.push('\n');
    }
    all
}

fn assert_nowhere(text: &str, canary: &Canary, phone: &str, place: &str) {
    for word in canary.words.iter().map(String::as_str).chain([phone]) {
        let hex = hex::encode(word);
        assert!(!text.contains(word), "`{word}` stands in {place}");
        assert!(
            !text.to_lowercase().contains(&hex),
            "`{word}` stands in {place}, in hex"
        );
    }
}

fn files_of(world: &World) -> Vec<PathBuf> {
    let path = world.database.database_url.trim_start_matches("sqlite://");
    ["", "-wal", "-shm"]
        .map(|end| PathBuf::from(format!("{path}{end}")))
        .into()
}

/// Everything that can happen to somebody: reserved, blocked, own words, payments, disputes, calls.
async fn lives(world: &World, n: usize, canary: &Canary) -> AttemptId {
    let reference = format!("{n:04}");
    assert_eq!(canary.story(world, n).import().await, RowOutcome::Created);
    let sent = world.reserved(&reference).await;
    world
        .settle(sent, AttemptState::Accepted, &format!("ref-{n}"))
        .await;
    let mut own = world.attempt(&reference).await;
    own.template = None;
    own.own_text = Some(canary.words[7].clone());
    own.own_subject = Some(canary.words[7].clone());
    let own = world.queue_like(own, 1).await[0];
    let claimed = world.claim(world.worker(), 10).await;
    let read = claimed.iter().find(|c| c.situation.attempt.id == own).unwrap();
    assert_eq!(
        read.situation.attempt.own_text.as_deref(),
        Some(canary.words[7].as_str())
    );
    world.happens(&reference, paid(&canary.words[5], 100)).await;
    let reason = canary.words[6].clone();
    world
        .happens(&reference, Occurrence::DisputeOpened { reason })
        .await;
    sent
}

async fn people_stand_under_seal_and_are_gone_when_erased(database: TestDatabase) {
    let mut world = World::new(database).await;
    let people = 5;
    for n in 0..people {
        lives(&world, n, &Canary::of(n)).await;
    }
    let phone = |t: &Timeline| t.contact_points[0].address.normal();
    let mut phones = Vec::new();
    for n in 0..people {
        let t = world
            .store
            .timeline(world.id(&format!("{n:04}")).await)
            .await
            .unwrap();
        let canary = Canary::of(n);
        // To whom it concerns everything reads as it was.
        assert_eq!(t.debtor.name.as_str(), canary.words[0]);
        assert_eq!(t.debtor.postal_code.as_deref(), Some(canary.words[4].as_str()));
        assert_eq!(t.contact_points[1].address.normal(), canary.words[2]);
        assert!(t.entries.iter().any(|e| e.text.contains(&canary.words[6])));
        phones.push(phone(&t));
    }
    let events = format!("{:?}", world.store.ledger_events().await.unwrap());
    assert!(events.contains(&Canary::of(1).words[5]) && events.contains(&Canary::of(1).words[6]));
    let all = everything(&world).await;
    assert!(all.contains("h1:") && all.contains("s1:"));
    for (n, phone) in phones.iter().enumerate() {
        assert_nowhere(&all, &Canary::of(n), phone, "the database");
    }
    // Erased: everybody but the last.
    let wrapped = world
        .raw
        .words(match world.raw.is_sqlite() {
            true => "SELECT hex(wrapped) FROM person_key ORDER BY n",
            false => "SELECT upper(encode(wrapped, 'hex')) FROM person_key ORDER BY n",
        })
        .await;
    for n in 0..people - 1 {
        let who = world
            .store
            .person_by_reference(&Canary::of(n).words[3])
            .await
            .unwrap();
        let told = world.store.erase(who, "zhao", "request 7").await.unwrap();
        assert_eq!((told.messages, told.accounts), (1, 1), "{told:?}");
    }
    world.verified().await;
    let all = everything(&world).await;
    assert!(
        !all.contains("0000\n") || !all.contains("INV-"),
        "references are gone"
    );
    assert!(
        wrapped[..people - 1]
            .iter()
            .all(|key| !all.to_uppercase().contains(key))
    );
    assert!(
        world
            .store
            .erase_plan(PersonId(uuid::Uuid::nil()))
            .await
            .unwrap()
            .debts
            .is_empty()
    );
    let last = world.id(&format!("{:04}", people - 1)).await;
    let name = world.store.timeline(last).await.unwrap().debtor.name;
    assert_eq!(name.as_str(), Canary::of(people - 1).words[0]);
    let opened = world.store.ledger_events().await.unwrap();
    assert!(!opened.is_empty() && !format!("{opened:?}").contains(&Canary::of(0).words[5]));
    if world.raw.is_sqlite() {
        // Neither in the file, its free pages, nor the write-ahead log.
        for file in files_of(&world) {
            let bytes = read_apart(&file);
            for key in &wrapped[..people - 1] {
                let key = hex::decode(key).unwrap();
                let stands = bytes.windows(key.len()).any(|w| w == key);
                assert!(!stands, "a key stands in {}", file.display());
            }
            for (n, phone) in phones.iter().enumerate() {
                for word in Canary::of(n)
                    .words
                    .iter()
                    .map(String::as_str)
                    .chain([phone.as_str()])
                {
                    let stands = bytes.windows(word.len()).any(|w| w == word.as_bytes());
                    assert!(!stands, "`{word}` stands in {}", file.display());
                }
            }
        }
    }
    world.reopen().await;
    world.verified().await;
}

async fn what_was_sent_opens_until_either_person_is_erased(database: TestDatabase) {
    let world = World::new(database).await;
    world
        .account("0001")
        .guarantor("G1", "13900000011")
        .import()
        .await;
    let to = world.attempt_by("0001", "G1").await;
    let sent = world.queue_like(to, 1).await[0];
    world.dispatch(&permissive()).await;
    world.settle(sent, AttemptState::Accepted, "ref-1").await;
    let opened = world.store.sealed_content(sent).await.unwrap().unwrap();
    let body = opened.body.opened.clone().unwrap();
    assert!(body.bytes.contains("reminder"));
    let story = world.store.story(sent).await.unwrap();
    assert_eq!(story.body.as_deref(), Some(body.bytes.as_str()));
    // What is inside hashes to what the log has committed to.
    let commitment = hex::encode(body.commitment().0);
    assert!(
        story
            .entries
            .iter()
            .any(|(_, _, bytes)| bytes.contains(&commitment))
    );
    assert!(opened.body.key.is_some() && opened.body.aad.contains("body"));
    // The guarantor stays; the debtor goes.
    let debtor = world.store.person_by_reference("P-0001").await.unwrap();
    world.store.erase(debtor, "zhao", "request").await.unwrap();
    assert!(world.store.sealed_content(sent).await.unwrap().is_none());
    assert!(world.store.story(sent).await.unwrap().body.is_none());
    let kept = world.store.decisions(sent).await.unwrap();
    assert!(kept.iter().all(|d| d.facts == Facts::Gone));
    let guarantor = world.store.person_by_reference("G1").await.unwrap();
    assert!(
        world
            .store
            .erase_plan(guarantor)
            .await
            .unwrap()
            .erased_at
            .is_none()
    );
    world.verified().await;
}

async fn a_legal_hold_and_a_message_under_way_beat_erasing(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let who = world.store.person_by_reference("P-0001").await.unwrap();
    let flying = world.reserved("0001").await;
    let refused = world.store.erase(who, "zhao", "request").await.unwrap_err();
    assert!(refused.to_string().contains("being sent"), "{refused}");
    world.settle(flying, AttemptState::Accepted, "ref-1").await;
    let account = world.id("0001").await;
    let hold = world
        .store
        .set_hold(None, Some(account), "zhao", "case 17")
        .await
        .unwrap();
    assert_eq!(world.store.holds().await.unwrap().len(), 1);
    let refused = world.store.erase(who, "zhao", "request").await.unwrap_err();
    assert!(refused.to_string().contains("case 17"), "{refused}");
    assert!(world.store.story(flying).await.unwrap().body.is_some());
    world.store.lift_hold(hold, "zhao").await.unwrap();
    assert!(world.store.lift_hold(hold, "zhao").await.is_err());
    world.store.erase(who, "zhao", "request").await.unwrap();
    assert!(world.store.erase(who, "zhao", "request").await.is_err());
    let kinds = world
        .raw
        .words("SELECT kind FROM evidence UNION ALL SELECT kind FROM evidence_outbox")
        .await;
    for kind in ["hold.set", "hold.cleared", "erase.executed"] {
        assert_eq!(kinds.iter().filter(|k| *k == kind).count(), 1, "{kind}");
    }
    world.verified().await;
}

async fn who_was_erased_stays_erased_and_stopped(database: TestDatabase) {
    let world = World::new(database).await;
    let number = "13800004711";
    let opted_out = || Occurrence::Suppressed {
        reason: SuppressionReason::OptOut,
        channel: None,
        address: Some(super::world::phone_address(number)),
        until: None,
    };
    world.account("0001").phone(number).import().await;
    world.happens("0001", opted_out()).await;
    let waiting = world.queue("0001", 1).await[0];
    let who = world.store.person_by_reference("P-0001").await.unwrap();
    world.store.erase(who, "zhao", "request").await.unwrap();
    assert_eq!(world.state(waiting).await, AttemptState::Withdrawn);
    // The nightly ledger still has the person: nothing is taken in.
    assert_eq!(
        world.account("0001").phone(number).import().await,
        RowOutcome::Erased
    );
    let preview = [world.account("0001").phone(number).row()];
    assert_eq!(
        world.store.import_preview(&preview).await.unwrap(),
        [RowOutcome::Erased]
    );
    assert!(world.store.account_id(None, "0001").await.is_err());
    // Somebody else with the same number is stopped by what the erased person said.
    world.account("0002").phone(number).import().await;
    world.queue("0002", 1).await;
    let claimed = world.claim(world.worker(), 10).await;
    assert_eq!(claimed.len(), 1);
    assert!(!claimed[0].situation.suppressions.is_empty());
    world.verified().await;
}

async fn keys_of_another_installation_are_refused(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let url = world.database.database_url.clone();
    let open = async |keys: SealKeys| {
        Store::open(&url, world.clock.clone(), keys)
            .await
            .map(|_| ())
            .unwrap_err()
    };
    let other = SealKeys {
        masters: vec![dunwell::evidence::MasterKey::new([1; 32])],
        ..SealKeys::known()
    };
    assert!(open(other).await.to_string().contains("master key"));
    let other = SealKeys {
        lookup: dunwell::evidence::LookupKey::new([1; 32]),
        ..SealKeys::known()
    };
    assert!(open(other).await.to_string().contains("lookup key"));
}

async fn a_restored_log_stops_everything(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    world.account("0002").import().await;
    let waiting = world.queue("0001", 1).await[0];
    let worker = world.worker();
    let claimed = world.claim(worker, 10).await;
    assert!(world.store.note_restoration("an older copy", 99).await.unwrap());
    assert!(
        !world.store.note_restoration("an older copy", 99).await.unwrap(),
        "once"
    );
    // What was claimed before is not reserved, and nothing more is claimed.
    let decisions = claimed
        .iter()
        .map(|c| super::world::judge(c, &permissive(), world.now()))
        .collect();
    let decided = world.store.decide(worker, decisions).await.unwrap();
    assert!(matches!(decided[0].recorded, Recorded::Stale), "{decided:?}");
    world.queue("0002", 1).await;
    assert!(world.claim(world.worker(), 10).await.is_empty());
    assert_eq!(world.touches().await, 0);
    assert_eq!(world.store.restoration().await.unwrap().unwrap().expected, 99);
    // What waited is withdrawn, since it may have gone out.
    assert_eq!(world.store.expire_waiting("restored").await.unwrap(), 2);
    world.store.resolve_restoration("zhao", None, 2).await.unwrap();
    assert!(world.store.resolve_restoration("zhao", None, 0).await.is_err());
    assert_eq!(world.reason(waiting).await.as_deref(), Some("restored"));
    world.queue("0002", 1).await;
    assert_eq!(world.claim(world.worker(), 10).await.len(), 1);
    world.verified().await;
}

async fn a_copy_is_put_back_into_an_empty_database(database: TestDatabase) {
    let postgres = database.kind == "postgres";
    let tools = ["pg_dump", "pg_restore"];
    let ready = |tool: &&str| std::process::Command::new(tool).arg("--version").output().is_ok();
    if postgres
        && !tools.iter().all(ready)
        && require_or_skip("pg_dump and pg_restore copy a PostgreSQL database")
    {
        return;
    }
    let world = World::new(database).await;
    let (stays, goes) = (Canary::of(1), Canary::of(2));
    lives(&world, 1, &stays).await;
    lives(&world, 2, &goes).await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    world.store.backup(&copy, "zhao").await.unwrap();
    let who = world.store.person_by_reference(&goes.words[3]).await.unwrap();
    let told = world.store.erase(who, "zhao", "request").await.unwrap();
    assert_eq!((told.backups.len(), told.unreachable.len()), (1, 0));
    let other = crate::support::databases()
        .into_iter()
        .find(|d| (d.kind == "postgres") == postgres)
        .unwrap();
    put_back(&copy, &other.database_url).await.unwrap();
    let store = Store::open(&other.database_url, world.clock.clone(), SealKeys::known())
        .await
        .unwrap();
    store.take_backup_keys(&copy).await.unwrap();
    let name = async |canary: &Canary| {
        let who = store.person_by_reference(&canary.words[3]).await.unwrap();
        let account = store.erase_plan(who).await.unwrap().debts[0].account;
        store
            .timeline(account)
            .await
            .unwrap()
            .debtor
            .name
            .as_str()
            .to_owned()
    };
    assert_eq!(name(&stays).await, stays.words[0]);
    // Her key is in no copy any more.
    assert_eq!(name(&goes).await, "erased");
    let check = store.verify_log().await.unwrap();
    assert!(check.faults.is_empty(), "{:?}", check.faults);
    store.close().await;
}

/// The shipped rules, in force for a test.
fn shipped() -> dunwell::dispatch::InForce {
    let config = dunwell::config::Config::defaults();
    dunwell::dispatch::InForce {
        rulebook: std::sync::Arc::new(dunwell::dispatch::Rulebook::load(&config).unwrap()),
        set: None,
        templates: None,
    }
}

async fn whose_time_has_come_is_told_and_erased(database: TestDatabase) {
    let world = World::new(database).await;
    let under = shipped();
    world.account("0001").settled().import().await;
    world.account("0002").import().await;
    world.account("0003").settled().import().await;
    let held = world.store.person_by_reference("P-0003").await.unwrap();
    world
        .store
        .set_hold(Some(held), None, "zhao", "case 17")
        .await
        .unwrap();
    let told = async || {
        let s = dunwell::dispatch::schedule(&world.store, &under, world.now())
            .await
            .unwrap();
        (
            s.due,
            s.open,
            s.held,
            s.kept.values().map(|(_, n)| n).sum::<u64>(),
        )
    };
    let (due, open, held, kept) = told().await;
    assert_eq!((due.len(), open, held, kept), (0, 1, 1, 1));
    let account = world.id("0001").await;
    let debt = dunwell::dispatch::debt_kept(&world.store, &under, account, world.now())
        .await
        .unwrap();
    assert!(!debt.open && debt.rules.iter().all(|r| !r.basis.is_empty() && r.months > 0));
    let longest = debt.rules[0].until;
    assert!(debt.rules.iter().all(|r| r.until <= longest));
    world.clock.set(longest + TimeDelta::days(1));
    let (due, open, held, kept) = told().await;
    assert_eq!((due.len(), open, held, kept), (1, 1, 1, 0), "{due:?}");
    assert_eq!(
        (due[0].since, due[0].rule.as_str()),
        (longest, debt.rules[0].rule.as_str())
    );
    let people = vec![(due[0].person, format!("retention ended: {}", due[0].rule))];
    let (_, erased, kept) = world.store.erase_people(people, "zhao").await.unwrap();
    assert_eq!((erased, kept.len()), (1, 0));
    assert!(told().await.0.is_empty());
    world.verified().await;
}

/// The shipped rules, and a house that keeps receipts and answers a month at most.
fn with_a_ceiling(folder: &Path) -> dunwell::dispatch::InForce {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for found in from.read_dir().unwrap() {
            let path = found.unwrap().path();
            match path.is_dir() {
                true => copy(&path, &to.join(path.file_name().unwrap())),
                false => _ = std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap(),
            }
        }
    }
    copy(&from, folder);
    let path = folder.join("house-safe-default/policy.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let rule = "\n[[retention]]\nid = \"retention.short\"\nlevel = \"house\"\nsureness = \"verified\"\nbasis = \"house rule\"\nwhy = \"not needed longer\"\nzh = \"至多一个月。\"\nen = \"One month at most.\"\nrecords = [\"receipts\", \"replies\"]\nat_most = true\nmonths = 1\n";
    std::fs::write(path, text + rule).unwrap();
    let mut config = dunwell::config::Config::defaults();
    config.policies_dir = Some(folder.to_owned());
    dunwell::dispatch::InForce {
        rulebook: std::sync::Arc::new(dunwell::dispatch::Rulebook::load(&config).unwrap()),
        set: None,
        templates: None,
    }
}

async fn records_go_by_class_and_by_the_rule_that_decides(database: TestDatabase) {
    let world = World::new(database).await;
    let folder = tempfile::tempdir().unwrap();
    let under = with_a_ceiling(folder.path());
    let mut sent = Vec::new();
    for reference in ["0001", "0002"] {
        world.account(reference).import().await;
        let attempt = world.reserved(reference).await;
        world.settle(attempt, AttemptState::Accepted, reference).await;
        let receipt = Receipt {
            provider: "carrier".into(),
            event: reference.into(),
            references: vec![],
            attempt: Some(attempt),
            status: ReceiptStatus::Delivered,
            recipient: None,
            raw: b"as it came".to_vec(),
        };
        world.store.receipt(receipt).await.unwrap();
        sent.push(attempt);
    }
    let held = world.id("0002").await;
    world
        .store
        .set_hold(None, Some(held), "zhao", "case 17")
        .await
        .unwrap();
    let due = async || {
        dunwell::dispatch::schedule(&world.store, &under, world.now())
            .await
            .unwrap()
            .classes
    };
    assert!(due().await.is_empty());
    // A law that asks for longer beats the house's ceiling; then both are over, although something is owed.
    let rules = dunwell::dispatch::debt_kept(&world.store, &under, world.id("0001").await, world.now())
        .await
        .unwrap()
        .rules;
    let decided = dunwell::dispatch::decides(&rules, dunwell::policy::RecordClass::Receipts).unwrap();
    assert!(decided.cut, "{decided:?}");
    world.clock.set(decided.rule.until - TimeDelta::days(1));
    assert!(due().await.is_empty());
    world.clock.set(decided.rule.until + TimeDelta::days(1));
    let found = due().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].class.as_str(), found[0].of.len()),
        ("receipts", 1),
        "the hold keeps the other"
    );
    assert_eq!(found[0].rule.rule, decided.rule.rule);
    let gone = dunwell::dispatch::shred(&world.store, &found[0], "zhao", "a set")
        .await
        .unwrap();
    assert_eq!(gone, 1);
    assert!(world.store.raw_receipts(sent[0]).await.unwrap().is_empty());
    assert_eq!(world.store.raw_receipts(sent[1]).await.unwrap().len(), 1);
    assert!(
        world.store.sealed_content(sent[0]).await.unwrap().is_some(),
        "everything else stays"
    );
    assert!(due().await.is_empty(), "what is gone is not due again");
    let told = world.store.latest_entries(1).await.unwrap().remove(0);
    assert_eq!(told.kind, "retention.shredded");
    assert!(
        told.bytes.contains("\"class\":\"receipts\"") && told.bytes.contains(&decided.rule.basis),
        "{}",
        told.bytes
    );
    world.verified().await;
}

async fn somebody_may_look_for_a_time(database: TestDatabase) {
    let world = World::new(database).await;
    let wanted = |hours| NewGrant {
        auditor: "bureau".into(),
        purpose: "inspection".into(),
        portfolio: None,
        lasts: TimeDelta::hours(hours),
    };
    assert!(world.store.grant_access(wanted(0), "zhao").await.is_err());
    assert!(world.store.grant_access(wanted(24 * 93), "zhao").await.is_err());
    assert!(
        world.store.grant_access(wanted(1), "bureau").await.is_err(),
        "to himself"
    );
    let (grant, token) = world.store.grant_access(wanted(48), "zhao").await.unwrap();
    assert_eq!(world.store.access(&token).await.unwrap(), grant);
    assert!(world.store.access("dwa_00").await.is_err());
    assert!(
        !everything(&world).await.contains(&token),
        "the token is not kept"
    );
    let (second, other) = world.store.grant_access(wanted(48), "zhao").await.unwrap();
    world.store.revoke_access(second.id, "zhao").await.unwrap();
    assert!(world.store.revoke_access(second.id, "zhao").await.is_err());
    let refused = world.store.access(&other).await.unwrap_err().to_string();
    assert!(refused.contains("taken back"), "{refused}");
    world.at("2026-04-09T10:00:00+08:00");
    let refused = world.store.access(&token).await.unwrap_err().to_string();
    assert!(refused.contains("ended at 2026-04-09"), "{refused}");
    assert_eq!(world.store.grants().await.unwrap().len(), 2);
    world.verified().await;
}

async fn what_was_read_is_written_down(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let sent = world.reserved("0001").await;
    world
        .store
        .record_read("zhao", "message", Some(sent), None)
        .await
        .unwrap();
    let entry = world.store.latest_entries(1).await.unwrap().remove(0);
    assert_eq!(entry.kind, "content.read");
    assert!(entry.bytes.contains("\"actor\":\"zhao\"") && entry.bytes.contains(&sent.to_string()));
    world.verified().await;
}

async fn retention_knows_when_something_last_happened(database: TestDatabase) {
    let world = World::new(database).await;
    world.account("0001").import().await;
    let id = world.id("0001").await;
    let last = async || world.store.activity(&[id]).await.unwrap()[0].last.unwrap();
    assert_eq!(last().await, moment("2026-04-07T10:00:00+08:00"));
    world.at("2026-05-01T10:00:00+08:00");
    let sent = world.reserved("0001").await;
    world.settle(sent, AttemptState::Accepted, "ref-1").await;
    assert_eq!(last().await, moment("2026-05-01T10:00:00+08:00"));
}

/// A database whose keys lie in a file, as they do outside tests.
async fn with_file(folder: &Path) -> (Store, SealFile, String) {
    let file = SealFile::new(&folder.join("seal.key"));
    let url = format!("sqlite://{}", folder.join("live.sqlite").display());
    let clock = std::sync::Arc::new(dunwell::clock::SystemClock::new());
    let store = Store::open(&url, clock, file.clone()).await.unwrap();
    store.set_up(super::world::set_up(), "olga").await.unwrap();
    (store, file, url)
}

async fn take_in(store: &Store, people: usize) {
    let batch = store
        .begin_import(BatchKind::Accounts, "ledger.csv", [7; 32])
        .await
        .unwrap();
    let database = crate::support::databases().remove(0);
    let world = World::new(database).await;
    let rows = (0..people)
        .map(|n| Canary::of(n).story(&world, n).row())
        .collect();
    let outcomes = store.import_accounts(batch, rows).await.unwrap();
    assert!(outcomes.iter().all(|o| *o == RowOutcome::Created));
}

fn contains(file: &Path, what: &[u8]) -> bool {
    read_apart(file).windows(what.len()).any(|w| w == what)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn erasing_reaches_backups_and_a_restored_backup_brings_nobody_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file, url) = with_file(folder.path()).await;
    take_in(&store, 3).await;
    let (near, far) = (folder.path().join("near"), folder.path().join("far"));
    let made = store.backup(&near, "zhao").await.unwrap();
    store.backup(&far, "zhao").await.unwrap();
    assert!(store.backup(&near, "zhao").await.is_err(), "never over another");
    assert!(made.entries > 0 && made.reachable);
    // The copy opens nothing by itself: no key is in it.
    let keys = std::fs::read_to_string(near.join("person.keys")).unwrap();
    assert_eq!(keys.lines().count(), 4);
    for line in keys.lines().skip(1) {
        use base64::Engine as _;
        let wrapped = base64::engine::general_purpose::STANDARD
            .decode(line.rsplit(' ').next().unwrap())
            .unwrap();
        assert!(!contains(&near.join("dunwell.sqlite"), &wrapped));
        assert!(
            contains(&folder.path().join("live.sqlite"), &wrapped)
                || contains(&folder.path().join("live.sqlite-wal"), &wrapped)
        );
    }
    // One backup is out of reach while somebody is erased.
    let away = folder.path().join("away");
    std::fs::rename(&far, &away).unwrap();
    let who = store.person_by_reference(&Canary::of(0).words[3]).await.unwrap();
    let told = store.erase(who, "zhao", "request").await.unwrap();
    assert_eq!((told.backups.len(), told.unreachable.len()), (1, 1), "{told:?}");
    let keys = std::fs::read_to_string(near.join("person.keys")).unwrap();
    assert!(keys.lines().count() == 3 && !keys.contains(&who.to_string()));
    assert!(
        std::fs::read_to_string(file.erased_path())
            .unwrap()
            .contains(&who.to_string())
    );
    std::fs::rename(&away, &far).unwrap();
    let late = std::fs::read_to_string(far.join("person.keys")).unwrap();
    assert!(late.contains(&who.to_string()));
    store.close().await;
    // Even the backup that was out of reach brings the erased person back to nobody.
    assert!(put_back(&far, &url).await.is_err(), "never over a database");
    std::fs::rename(
        folder.path().join("live.sqlite"),
        folder.path().join("old.sqlite"),
    )
    .unwrap();
    put_back(&far, &url).await.unwrap();
    let clock = std::sync::Arc::new(dunwell::clock::SystemClock::new());
    let store = Store::open(&url, clock.clone(), file.clone()).await.unwrap();
    assert_eq!(store.take_backup_keys(&far).await.unwrap(), 1);
    assert!(store.erase_plan(who).await.unwrap().erased_at.is_some());
    let other = store.person_by_reference(&Canary::of(1).words[3]).await.unwrap();
    let account = store.erase_plan(other).await.unwrap().debts[0].account;
    assert_eq!(
        store.timeline(account).await.unwrap().debtor.name.as_str(),
        Canary::of(1).words[0]
    );
    let gone = store.account_id(None, "0000").await;
    assert!(
        gone.is_err(),
        "the erased person's account has no number any more"
    );
    let check = store.verify_log().await.unwrap();
    assert!(check.faults.is_empty(), "{:?}", check.faults);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_master_key_makes_copies_elsewhere_worthless() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file, url) = with_file(folder.path()).await;
    take_in(&store, 2).await;
    let backup = folder.path().join("backup");
    store.backup(&backup, "zhao").await.unwrap();
    store.close().await;
    let copy = folder.path().join("copy.sqlite");
    std::fs::copy(folder.path().join("live.sqlite"), &copy).unwrap();
    let clock = std::sync::Arc::new(dunwell::clock::SystemClock::new());
    let before = file.read().unwrap().masters[0].id().to_owned();
    let store = Store::open(&url, clock.clone(), file.clone()).await.unwrap();
    // Another program that is open meanwhile reads the new key when it needs it.
    let meanwhile = Store::open(&url, clock.clone(), file.clone()).await.unwrap();
    let told = store.rotate_master("zhao").await.unwrap();
    assert_eq!((told.keys, told.backups.len(), told.unreachable.len()), (2, 1, 0));
    let after = file.read().unwrap();
    assert!(after.masters.len() == 1 && after.masters[0].id() != before);
    for store in [&store, &meanwhile] {
        let who = store.person_by_reference(&Canary::of(1).words[3]).await.unwrap();
        let account = store.erase_plan(who).await.unwrap().debts[0].account;
        assert_eq!(
            store.timeline(account).await.unwrap().debtor.name.as_str(),
            Canary::of(1).words[0]
        );
    }
    store.close().await;
    meanwhile.close().await;
    let stale = format!("sqlite://{}", copy.display());
    let refused = Store::open(&stale, clock.clone(), file.clone())
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(refused.to_string().contains(&before), "{refused}");
    // The backup was wrapped anew and can be put back.
    std::fs::remove_file(folder.path().join("live.sqlite")).unwrap();
    put_back(&backup, &url).await.unwrap();
    let store = Store::open(&url, clock, file.clone()).await.unwrap();
    store.take_backup_keys(&backup).await.unwrap();
    let who = store.person_by_reference(&Canary::of(1).words[3]).await.unwrap();
    let account = store.erase_plan(who).await.unwrap().debts[0].account;
    assert_eq!(
        store.timeline(account).await.unwrap().debtor.name.as_str(),
        Canary::of(1).words[0]
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_an_earlier_version_wrote_in_the_clear_is_sealed_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.sqlite");
    let ready = std::process::Command::new("python3").arg("--version").output();
    if ready.is_err() && require_or_skip("python3 makes the database of an earlier version") {
        return;
    }
    old_database(&path).await;
    let url = format!("sqlite://{}", path.display());
    assert!(contains(&path, "陈旧人".as_bytes()));
    let clock = std::sync::Arc::new(dunwell::clock::SystemClock::new());
    let file = SealFile::new(&folder.path().join("seal.key"));
    let store = Store::open(&url, clock, file).await.unwrap();
    let who = store.person_by_reference("OLD-REF-1").await.unwrap();
    let account = store.erase_plan(who).await.unwrap().debts[0].account;
    let t = store.timeline(account).await.unwrap();
    assert_eq!(t.debtor.name.as_str(), "陈旧人");
    assert_eq!(t.contact_points[0].address.normal(), "+8613800001234");
    assert!(t.entries.iter().any(|e| e.text.contains("wrong-amount")));
    let events = format!("{:?}", store.ledger_events().await.unwrap());
    assert!(events.contains("BOOKING-77"), "{events}");
    store.close().await;
    for word in [
        "陈旧人",
        "+8613800001234",
        "OLD-REF-1",
        "BOOKING-77",
        "wrong-amount",
    ] {
        for end in ["", "-wal"] {
            let file = PathBuf::from(format!("{}{end}", path.display()));
            assert!(
                !contains(&file, word.as_bytes()),
                "`{word}` stands in {}",
                file.display()
            );
        }
    }
}

/// A database as version 5 of the schema wrote it.
async fn old_database(path: &Path) {
    use sqlx::sqlite::SqliteConnectOptions;
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let all = sqlx::migrate!("migrations/sqlite");
    let old = sqlx::migrate::Migrator {
        migrations: all
            .migrations
            .iter()
            .filter(|m| m.version <= 5)
            .cloned()
            .collect::<Vec<_>>()
            .into(),
        ..sqlx::migrate::Migrator::DEFAULT
    };
    old.run(&pool).await.unwrap();
    let id = |n: u8| format!("x'{}'", hex::encode([n; 16]));
    for text in [
        format!("INSERT INTO creditor VALUES ({}, 'Linden', 'CN', 0)", id(1)),
        format!(
            "INSERT INTO sender (id, kind, name, signature, opt_out_word) VALUES ({}, 'creditor', 'Linden', 's', 'T')",
            id(2)
        ),
        format!(
            "INSERT INTO portfolio VALUES ({}, 'invoices', {}, {}, 'traffic-light', '[]', 'Asia/Shanghai')",
            id(3),
            id(1),
            id(2)
        ),
        format!(
            "INSERT INTO person (id, creditor_id, ref, kind, name, locale, country, deceased, minor, revision) VALUES ({}, {}, 'OLD-REF-1', 'natural', '陈旧人', 'zh-CN', 'CN', 0, 0, 1)",
            id(4),
            id(1)
        ),
        format!(
            "INSERT INTO address VALUES ({}, 'phone', '+8613800001234', 'CN')",
            id(5)
        ),
        format!(
            "INSERT INTO contact_point VALUES ({}, {}, {}, 'own', NULL, 1)",
            id(6),
            id(4),
            id(5)
        ),
        format!(
            "INSERT INTO account (id, portfolio_id, debtor_id, reference, claim, currency, amount_minor, balance_minor, due_on, confirmed, observation, legal_action_approved, state, disputed, row_digest, revision) VALUES ({}, {}, {}, 'A-1', 'trade_receivable', 'CNY', 100, 100, '2026-01-01', 1, 0, 0, 'open', 0, x'00', 1)",
            id(7),
            id(3),
            id(4)
        ),
        format!(
            "INSERT INTO payment VALUES ({}, {}, 'BOOKING-77', 5, '2026-02-01')",
            id(8),
            id(7)
        ),
        format!(
            "INSERT INTO dispute VALUES ({}, {}, 'wrong-amount', '2026-02-01T00:00:00.000000Z', NULL)",
            id(9),
            id(7)
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(text))
            .execute(&pool)
            .await
            .unwrap();
    }
    pool.close().await;
}
