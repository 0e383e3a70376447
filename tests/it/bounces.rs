//! Mail that comes back from a real Postfix: a message to nobody is refused by the mailbox's home, Postfix bounces it to
//! its return path, and the listener takes it in by LMTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use dunwell::channels::inbound_mail::{Listener, ListenerSettings};
use dunwell::channels::{Carriers, Outcome, Parcel, Smtp, SmtpSecurity, SmtpSettings, Terms};
use dunwell::domain::{
    Address, AttemptId, AttemptState, Channel, Draft, Email, EmailAddress, MatchedBy, PersonName, ReturnKind,
    Sender, SenderId, SenderKind,
};
use dunwell::store::{Reservation, Settlement};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::contract::bounces::{debtor, queued, reserve, return_path, room};
use crate::contract::world::World;
use crate::support::databases;
use crate::support::postfix::Postfix;

fn sender() -> Sender {
    Sender {
        id: SenderId(Uuid::nil()),
        kind: SenderKind::Creditor,
        name: "Linden Trading".into(),
        signature: "【Linden】".into(),
        licence: None,
        phone: None,
        email: Some(EmailAddress::parse("desk@example.com").unwrap()),
        postal: None,
        staffed: None,
        opt_out_word: "T".into(),
        mandate: None,
    }
}

fn parcel(world: &World, attempt: AttemptId, to: &str) -> Parcel {
    let draft = Draft::Email(Email {
        subject: "A reminder".into(),
        text: "Your balance is due. 您的账单已到期。".into(),
        html: String::new(),
    });
    let to = (
        Address::Email(EmailAddress::parse(to).unwrap()),
        PersonName::parse("李雷").unwrap(),
    );
    let reservation = Reservation::for_trial(attempt, Channel::Email, world.now());
    Parcel::new(reservation, Arc::new(draft), to, Arc::new(sender()), None)
        .with_return_path(EmailAddress::parse(&return_path(world, attempt)).ok())
}

/// Waits until something holds.
async fn until(mut holds: impl AsyncFnMut() -> bool, otherwise: impl Fn() -> String) {
    for _ in 0..400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not come to hold:\n{}", otherwise());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_bounce_ends_the_use_of_the_address() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let lmtp = socket.local_addr().unwrap().port();
    let Some(postfix) = Postfix::start(lmtp) else {
        return;
    };
    let world = World::new(databases().remove(0)).await;
    debtor(&world).await;
    let attempt = queued(&world, 1).await[0];
    reserve(&world).await;
    let waiting = queued(&world, 1).await[0];
    let listener = Listener::new(Arc::new(room(&world)), ListenerSettings::default());
    let serving = tokio::spawn(async move { listener.serve(socket).await });

    let settings = SmtpSettings {
        port: postfix.port,
        security: SmtpSecurity::PlainOnLoopback,
        ..SmtpSettings::new("127.0.0.1")
    };
    let carriers = Carriers::new().with(Arc::new(Smtp::new(settings).unwrap()), Terms::default());
    let mut outcomes = carriers
        .send_all(vec![parcel(&world, attempt, "li.wei@example.com")])
        .await;
    let (_, outcome) = outcomes.remove(0);
    let Outcome::Accepted { provider, references } = outcome else {
        panic!("{outcome:?}\n{}", postfix.log())
    };
    // The bounce is there before the sending is settled, and waits for it.
    until(
        async || postfix.log().contains("sender non-delivery notification"),
        || postfix.log(),
    )
    .await;
    let settlement = Settlement {
        provider: Some(provider),
        references,
        ..Settlement::new(attempt, AttemptState::Accepted)
    };
    world.store.settle(vec![settlement]).await.unwrap();
    until(
        async || world.state(attempt).await == AttemptState::Undelivered,
        || postfix.log(),
    )
    .await;
    until(
        async || world.state(waiting).await == AttemptState::Withdrawn,
        || postfix.log(),
    )
    .await;
    let list = world.store.returned_mails(None, 10).await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(
        (
            list[0].kind,
            list[0].status.as_deref(),
            list[0].matched_by,
            list[0].suppressed
        ),
        (ReturnKind::Hard, Some("5.1.1"), Some(MatchedBy::ReturnPath), true)
    );
    until(
        async || postfix.log().contains("status=sent (250 2.0.0 kept)"),
        || postfix.log(),
    )
    .await;
    serving.abort();
    world.verified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_at_the_listener_gets_nothing_in() {
    let world = World::new(databases().remove(0)).await;
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let settings = ListenerSettings {
        connections: 1,
        ..ListenerSettings::default()
    };
    let listener = Listener::new(Arc::new(room(&world)), settings);
    let serving = tokio::spawn(async move { listener.serve(socket).await });
    let talk = tokio::task::spawn_blocking(move || {
        let mut first = TcpStream::connect(address).unwrap();
        let mut greeting = [0; 3];
        first.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"220");
        let mut second = TcpStream::connect(address).unwrap();
        let mut told = String::new();
        second.read_to_string(&mut told).unwrap();
        assert!(told.starts_with("421 "), "{told}");
        first
            .write_all(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<bounce+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@ruian.example>\r\nDATA\r\nQUIT\r\n")
            .unwrap();
        let mut said = String::new();
        first.read_to_string(&mut said).unwrap();
        assert!(
            said.contains("550 5.1.1") && said.contains("503 5.5.1") && !said.contains("354"),
            "{said}"
        );
    });
    talk.await.unwrap();
    serving.abort();
    assert!(world.store.returned_mails(None, 10).await.unwrap().is_empty());
}
