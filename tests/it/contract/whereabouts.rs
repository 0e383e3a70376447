//! Where people could be, from what the store keeps: address, postal code, numbers, and what they said.

use dunwell::domain::{Address, ContactUse, PhoneNumber, PostalAddress, ZoneSource};
use dunwell::store::NewContact;

use super::on_every_database;
use super::world::{World, date};
use crate::support::TestDatabase;

on_every_database!(
    every_source_on_file_gives_its_zones,
    a_statement_wins_while_it_holds,
    places_of_open_debts_are_told_once,
);

fn contact(address: Address) -> NewContact {
    NewContact {
        address,
        usage: ContactUse::Own,
    }
}

fn number(text: &str) -> NewContact {
    contact(Address::Phone(PhoneNumber::parse(text, "US").unwrap()))
}

async fn zones(world: &World, reference: &str) -> Vec<String> {
    let read = world.store.timeline(world.id(reference).await).await.unwrap();
    let zones = read.debtor.zones;
    assert!(
        zones
            .candidates
            .iter()
            .all(|z| zones.basis.iter().any(|b| b.zone == *z))
    );
    zones.candidates.iter().map(|z| z.name().to_owned()).collect()
}

async fn every_source_on_file_gives_its_zones(database: TestDatabase) {
    let world = World::new(database).await;
    let postal = |lines: &str| contact(Address::Postal(PostalAddress::parse(lines, "US").unwrap()));
    let story = |reference: &str, region: Option<&str>, code: Option<&str>, contacts: Vec<NewContact>| {
        let mut row = world.account(reference).row();
        row.debtor.country = Some("US".into());
        row.debtor.region = region.map(str::to_owned);
        row.debtor.postal_code = code.map(str::to_owned);
        row.debtor.zone = None;
        row.debtor.contacts = contacts;
        row
    };
    world
        .import(vec![
            story("state", Some("TX"), None, vec![]),
            story("code", Some("TX"), Some("79901"), vec![]),
            story("moved", Some("CA"), None, vec![number("+12125550100")]),
            story("number", None, None, vec![number("+12125550101")]),
            story(
                "envelope",
                None,
                None,
                vec![postal("1 Example Road|Chicago IL 60601")],
            ),
        ])
        .await;
    assert_eq!(
        zones(&world, "state").await,
        ["America/Chicago", "America/Denver"]
    );
    assert_eq!(zones(&world, "code").await, ["America/Denver"]);
    assert_eq!(
        zones(&world, "moved").await,
        ["America/Los_Angeles", "America/New_York"]
    );
    assert_eq!(zones(&world, "number").await, ["America/New_York"]);
    assert_eq!(zones(&world, "envelope").await, ["America/Chicago"]);
}

async fn a_statement_wins_while_it_holds(database: TestDatabase) {
    let world = World::new(database).await;
    let mut row = world.account("traveller").row();
    row.debtor.country = Some("US".into());
    row.debtor.region = Some("NY".into());
    row.debtor.contacts = vec![number("+12125550100")];
    row.debtor.zone = Some(chrono_tz::Tz::Europe__Lisbon);
    row.debtor.zone_until = Some(date("2026-04-20"));
    world.import(vec![row.clone()]).await;
    world.at("2026-04-20T23:59:00+01:00");
    assert_eq!(zones(&world, "traveller").await, ["Europe/Lisbon"]);
    world.at("2026-04-21T00:00:00+01:00");
    assert_eq!(zones(&world, "traveller").await, ["America/New_York"]);
    // A new statement without an end stands until another comes.
    row.debtor.zone = Some(chrono_tz::Tz::Asia__Tokyo);
    row.debtor.zone_until = None;
    row.digest = [1; 32];
    world.import(vec![row.clone()]).await;
    assert_eq!(zones(&world, "traveller").await, ["Asia/Tokyo"]);
    // What a later row leaves out is kept.
    row.debtor.zone = None;
    row.digest = [2; 32];
    world.import(vec![row]).await;
    let read = world.store.timeline(world.id("traveller").await).await.unwrap();
    assert_eq!(read.debtor.zones.source, ZoneSource::Stated);
    assert_eq!(read.debtor.zone_until, None);
}

async fn places_of_open_debts_are_told_once(database: TestDatabase) {
    let world = World::new(database).await;
    let mut rows = Vec::new();
    for (reference, region) in [("a", Some("NSW")), ("b", Some("NSW")), ("c", None)] {
        let mut row = world.account(reference).row();
        row.debtor.country = Some("AU".into());
        row.debtor.region = region.map(str::to_owned);
        rows.push(row);
    }
    world.import(rows).await;
    let mut places = world.store.places().await.unwrap();
    places.sort();
    let au = Some("AU".to_owned());
    assert_eq!(places, [(au.clone(), None), (au, Some("NSW".to_owned()))]);
}
