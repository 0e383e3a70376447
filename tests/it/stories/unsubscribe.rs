//! Unsubscribing by the link of an e-mail: looking changes nothing, one click stops e-mail to the address for good.

use dunwell::channels::Links;
use dunwell::channels::verp::{Purpose, TOKEN_LABEL, TokenKey};
use dunwell::domain::{Channel, EmailAddress};
use dunwell::http::{UnsubscribeDoor, serve_unsubscribe};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::World;
use crate::support::databases;

/// One request over a connection of its own; status and body.
async fn ask(port: u16, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: pay.example\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

/// How many entries the log has.
async fn entries_of(world: &World) -> usize {
    world.store.latest_entries(10_000).await.unwrap().len()
}

#[tokio::test]
async fn a_look_changes_nothing_and_one_click_stops_the_address() {
    for database in databases() {
        let mut world = World::new(database).await;
        let key = TokenKey::new(world.store.key_for(TOKEN_LABEL).unwrap());
        let base = EmailAddress::parse("bounce@mail.ruian.example").unwrap();
        let links = Links::new(key.clone(), Some(base), Some("https://pay.example".into()));
        world.dispatcher = world.dispatcher.clone().with_links(links);
        let story = world.account("A-1").overdue(2).email("li.wei@example.com");
        story.prefers(Channel::Email).import().await;
        world.until("2026-04-07T23:59").await;
        let sent = world.sent();
        assert_eq!(
            sent.iter().map(|s| s.channel).collect::<Vec<_>>(),
            [Channel::Email]
        );

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let door = UnsubscribeDoor::new(world.store.clone(), key.clone());
        tokio::spawn(serve_unsubscribe(listener, door));
        let path = |token: &str| format!("/unsubscribe/{token}");
        let token = key.token(Purpose::Unsubscribe, sent[0].attempt);

        // A look, as scanners and curious people do it, and a click without its words.
        let entries = entries_of(&world).await;
        let (status, page) = ask(port, "GET", &path(&token), "").await;
        assert_eq!(status, 200);
        assert!(
            page.contains("name=\"List-Unsubscribe\"") && page.contains("no-store"),
            "{page}"
        );
        assert!(!page.contains("li.wei") && !page.contains("A-1"), "{page}");
        assert_eq!(ask(port, "HEAD", &path(&token), "").await.0, 200);
        assert_eq!(ask(port, "POST", &path(&token), "").await.0, 400);
        assert_eq!(
            ask(port, "POST", &path(&token), "List-Unsubscribe=Nothing")
                .await
                .0,
            400
        );
        // Links that were not made here, or for something else.
        let bounce = key.token(Purpose::Bounce, sent[0].attempt);
        for token in [
            bounce.as_str(),
            "abc",
            "%2e%2e",
            &TokenKey::new([1; 32]).token(Purpose::Unsubscribe, sent[0].attempt),
        ] {
            for method in ["GET", "POST"] {
                let (status, _) = ask(port, method, &path(token), "List-Unsubscribe=One-Click").await;
                assert_eq!(status, 404, "{method} {token}");
            }
        }
        assert_eq!(entries_of(&world).await, entries, "nothing happened so far");

        // Twice at once, and once more: stopped once.
        let one = path(&token);
        let click = || ask(port, "POST", &one, "List-Unsubscribe=One-Click");
        let (first, second) = tokio::join!(click(), click());
        assert_eq!((first.0, second.0, click().await.0), (200, 200, 200));
        let after = entries_of(&world).await;
        assert_eq!(after, entries + 1, "one entry in the log");

        world.until("2026-06-01T00:00").await;
        let later = &world.sent()[1..];
        assert!(later.iter().all(|s| s.channel != Channel::Email), "{later:?}");
        world.log_is_sound().await;
    }
}
