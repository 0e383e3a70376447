//! Mail that came back: counted once, matched by what only we can make, and given effect in the transaction that keeps it.

use chrono::TimeDelta;
use dunwell::channels::inbound_mail::{Keeper, Maildir, RawMail, Taken};
use dunwell::channels::returned::Envelope;
use dunwell::channels::verp::{self, TOKEN_LABEL, TokenKey};
use dunwell::config::InboundMailSettings;
use dunwell::dispatch::{MailRoom, TakenMail};
use dunwell::domain::{
    Address, AttemptId, AttemptState, Channel, ContactUse, Draft, Email, EmailAddress, MatchedBy, ReturnKind,
    SuppressionReason, Verdict,
};
use dunwell::guard;
use dunwell::store::{Action, KeptMail, NewContact, Recorded, ReturnedMail, SoftLimit};

use super::on_every_database;
use super::world::{World, decision, permissive, settlement};
use crate::support::TestDatabase;

use AttemptState::{Accepted, Delivered, Reserved, Undelivered, Withdrawn};

on_every_database!(
    a_bounce_of_a_dead_address_ends_its_use,
    the_same_message_counts_once,
    passing_failures_end_it_only_together,
    a_message_id_alone_proves_less,
    warnings_and_reports_of_delivery,
    a_complaint_stops_mail_and_is_seen_by_somebody,
    machines_and_people_are_told_apart,
    a_forged_return_path_changes_nothing,
    a_bounce_that_is_too_early_waits,
    a_maildir_is_emptied_only_of_what_is_kept,
);

const TO: &str = "li.wei@example.com";

/// A debtor with an e-mail address and a telephone.
pub(crate) async fn debtor(world: &World) {
    let mut new = world.account("0001").row();
    let email = NewContact {
        address: Address::Email(EmailAddress::parse(TO).unwrap()),
        usage: ContactUse::Own,
    };
    new.debtor.contacts.push(email);
    world.import(vec![new]).await;
}

/// E-mails to the debtor that wait.
pub(crate) async fn queued(world: &World, n: usize) -> Vec<AttemptId> {
    let timeline = world.store.timeline(world.id("0001").await).await.unwrap();
    let is_email = |a: &Address| matches!(a, Address::Email(_));
    let point = timeline
        .contact_points
        .iter()
        .find(|p| is_email(&p.address))
        .unwrap();
    let mut one = world.attempt("0001").await;
    (one.channel, one.contact_point) = (Channel::Email, point.id);
    world.queue_like(one, n).await
}

/// Judges and reserves everything that is due.
pub(crate) async fn reserve(world: &World) -> Vec<AttemptId> {
    let worker = world.worker();
    let claimed = world.claim(worker, 1000).await;
    let draft = Draft::Email(Email {
        subject: "A reminder".into(),
        text: "A reminder.".into(),
        html: String::new(),
    });
    let decisions = claimed.iter().map(|c| {
        let review = guard::review(&draft, &c.situation, &permissive(), world.now());
        assert_eq!(review.verdict, Verdict::Cleared, "{:?}", review.findings);
        decision(c, Action::Reserve(review.clearance.unwrap()))
    });
    let decided = world.store.decide(worker, decisions.collect()).await.unwrap();
    let reserved = decided
        .iter()
        .filter(|d| matches!(d.recorded, Recorded::Reserved(_)));
    reserved.map(|d| d.attempt).collect()
}

/// E-mails to the debtor that a server has taken.
async fn sent(world: &World, n: usize) -> Vec<AttemptId> {
    let attempts = queued(world, n).await;
    assert_eq!(reserve(world).await.len(), n);
    for attempt in &attempts {
        world.settle(*attempt, Accepted, "queue-1").await;
    }
    attempts
}

pub(crate) fn settings() -> InboundMailSettings {
    InboundMailSettings {
        maildir: None,
        listen: None,
        addresses: vec!["fbl@ruian.example".to_owned()],
        soft_messages: 3,
        soft_days: 30,
    }
}

pub(crate) fn room(world: &World) -> MailRoom {
    MailRoom::new(world.store.clone(), &settings(), Some("bounce@ruian.example")).unwrap()
}

pub(crate) fn return_path(world: &World, attempt: AttemptId) -> String {
    let key = TokenKey::new(world.store.key_for(TOKEN_LABEL).unwrap());
    let base = EmailAddress::parse("bounce@ruian.example").unwrap();
    verp::make(&base, attempt, &key).unwrap().as_str().to_owned()
}

fn report(to: &str, action: &str, status: &str, about: &str) -> RawMail {
    let raw = format!(
        "From: MAILER-DAEMON@mx.example.net\nTo: {to}\nSubject: Undelivered Mail Returned to Sender\nContent-Type: multipart/report; \
         report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nSorry.\n--b\nContent-Type: \
         message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; {TO}\nAction: {action}\nStatus: \
         {status}\n--b\nContent-Type: text/rfc822-headers\n\n{about}\n--b--\n"
    );
    mail(&raw, to)
}

fn mail(raw: &str, to: &str) -> RawMail {
    RawMail {
        bytes: raw.replace('\n', "\r\n").into_bytes(),
        envelope: Envelope {
            from: Some(String::new()),
            to: vec![to.to_owned()],
        },
    }
}

async fn bounce(world: &World, attempt: AttemptId, action: &str, status: &str) -> TakenMail {
    let mail = report(&return_path(world, attempt), action, status, "X: y");
    room(world).take(&mail).await.unwrap()
}

async fn suppressions(world: &World, reason: SuppressionReason) -> i64 {
    let sql =
        format!("SELECT COUNT(*) FROM suppression WHERE reason = '{reason}' AND address_id IS NOT NULL");
    world.raw.count(&sql).await
}

async fn a_bounce_of_a_dead_address_ends_its_use(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempt = sent(&world, 1).await[0];
    let waiting = queued(&world, 1).await[0];
    let by_text = world.queue("0001", 1).await[0];
    let taken = bounce(&world, attempt, "failed", "5.1.1").await;
    assert_eq!(
        (taken.kind, taken.attempt, taken.moved, taken.suppressed),
        (ReturnKind::Hard, Some(attempt), true, true)
    );
    assert_eq!(world.state(attempt).await, Undelivered);
    assert_eq!(world.state(waiting).await, Withdrawn);
    assert_eq!(world.reason(waiting).await.as_deref(), Some("unreachable"));
    assert_ne!(
        world.state(by_text).await,
        Withdrawn,
        "other addresses are as they were"
    );
    assert_eq!(suppressions(&world, SuppressionReason::Unreachable).await, 1);
    let timeline = world.store.timeline(world.id("0001").await).await.unwrap();
    let usable: Vec<_> = timeline
        .contact_points
        .iter()
        .map(|p| (p.address.kind().as_str(), p.usable))
        .collect();
    assert!(
        usable.contains(&("email", false)) && usable.contains(&("phone", true)),
        "{usable:?}"
    );
    let list = world.store.returned_mails(None, 10).await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(
        (list[0].status.as_deref(), list[0].matched_by),
        (Some("5.1.1"), Some(MatchedBy::ReturnPath))
    );
    assert_eq!(world.store.raw_receipts(attempt).await.unwrap().len(), 1);
    assert!(
        world
            .store
            .returned_mails(Some(ReturnKind::Soft), 10)
            .await
            .unwrap()
            .is_empty()
    );
    world.verified().await;
}

async fn the_same_message_counts_once(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempts = sent(&world, 3).await;
    for _ in 0..4 {
        bounce(&world, attempts[0], "failed", "4.2.2").await;
    }
    let again = bounce(&world, attempts[0], "failed", "4.2.2").await;
    assert!(again.seen && !again.moved && again.kept);
    assert_eq!(world.store.returned_mails(None, 10).await.unwrap().len(), 1);
    assert_eq!(world.store.raw_receipts(attempts[0]).await.unwrap().len(), 1);
    // Two words about one message are one failure.
    let other = bounce(&world, attempts[0], "failed", "4.4.7").await;
    assert!(!other.seen && !other.suppressed);
    assert!(!bounce(&world, attempts[1], "failed", "4.2.2").await.suppressed);
    assert_eq!(suppressions(&world, SuppressionReason::Unreachable).await, 0);
    world.verified().await;
}

async fn passing_failures_end_it_only_together(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempts = sent(&world, 5).await;
    let taken = bounce(&world, attempts[0], "failed", "5.2.2").await;
    assert_eq!((taken.kind, taken.suppressed), (ReturnKind::Soft, false));
    assert_eq!(world.state(attempts[0]).await, Undelivered);
    let later = world.now() + TimeDelta::days(31);
    world.at(&later.to_text());
    assert!(!bounce(&world, attempts[1], "failed", "4.4.1").await.suppressed);
    assert!(
        !bounce(&world, attempts[2], "failed", "5.7.1").await.suppressed,
        "the first is too long ago"
    );
    assert_eq!(suppressions(&world, SuppressionReason::Unreachable).await, 0);
    assert!(bounce(&world, attempts[3], "failed", "5.2.2").await.suppressed);
    assert_eq!(suppressions(&world, SuppressionReason::Unreachable).await, 1);
    assert!(bounce(&world, attempts[4], "failed", "5.1.1").await.suppressed);
    assert_eq!(
        suppressions(&world, SuppressionReason::Unreachable).await,
        1,
        "once is enough"
    );
    world.verified().await;
}

async fn a_message_id_alone_proves_less(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempts = sent(&world, 2).await;
    let about = |id: AttemptId| format!("Message-ID: <{id}@ruian.example>");
    let stranger = report("desk@example.com", "failed", "5.1.1", &about(attempts[0]));
    let text = String::from_utf8(stranger.bytes)
        .unwrap()
        .replace(TO, "somebody.else@example.com");
    let stranger = mail(&text.replace("\r\n", "\n"), "desk@example.com");
    let taken = room(&world).take(&stranger).await.unwrap();
    assert_eq!(
        (taken.attempt, taken.moved, taken.suppressed),
        (Some(attempts[0]), true, false)
    );
    assert_eq!(world.state(attempts[0]).await, Undelivered);
    assert_eq!(suppressions(&world, SuppressionReason::Unreachable).await, 0);
    let named = report("desk@example.com", "failed", "5.1.1", &about(attempts[1]));
    let taken = room(&world).take(&named).await.unwrap();
    assert!(taken.suppressed, "it names the address too");
    let list = world.store.returned_mails(None, 10).await.unwrap();
    assert!(list.iter().all(|r| r.matched_by == Some(MatchedBy::MessageId)));
    world.verified().await;
}

async fn warnings_and_reports_of_delivery(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempt = sent(&world, 1).await[0];
    let taken = bounce(&world, attempt, "delayed", "4.4.1").await;
    assert_eq!(
        (taken.kind, taken.moved, taken.suppressed),
        (ReturnKind::Delayed, false, false)
    );
    assert_eq!(world.state(attempt).await, Accepted);
    assert!(bounce(&world, attempt, "delivered", "2.0.0").await.moved);
    assert_eq!(world.state(attempt).await, Delivered);
    let taken = bounce(&world, attempt, "failed", "4.4.7").await;
    assert!(!taken.moved);
    assert_eq!(
        world.state(attempt).await,
        Delivered,
        "what was delivered stays delivered"
    );
    assert_eq!(world.store.raw_receipts(attempt).await.unwrap().len(), 3);
    world.verified().await;
}

async fn a_complaint_stops_mail_and_is_seen_by_somebody(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempt = sent(&world, 1).await[0];
    let waiting = queued(&world, 1).await[0];
    let complaint = |path: &str| {
        let raw = format!(
            "From: abuse@fbl.example.net\nTo: fbl@ruian.example\nSubject: complaint\nContent-Type: multipart/report; \
             report-type=feedback-report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: \
             1\nOriginal-Mail-From: <{path}>\n--b--\n"
        );
        mail(&raw, "fbl@ruian.example")
    };
    let first = complaint(&return_path(&world, attempt));
    for _ in 0..2 {
        let taken = room(&world).take(&first).await.unwrap();
        assert_eq!(taken.kind, ReturnKind::Complaint);
    }
    assert_eq!(suppressions(&world, SuppressionReason::OptOut).await, 1);
    assert_eq!(world.state(waiting).await, Withdrawn);
    room(&world)
        .take(&complaint("nobody@ruian.example"))
        .await
        .unwrap();
    let open = world.store.open_inbound(10).await.unwrap();
    assert_eq!(open.len(), 2, "one for each complaint");
    assert!(open[0].text.contains("has stopped") && open[1].text.contains("names no message"));
    world.verified().await;
}

async fn machines_and_people_are_told_apart(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempt = sent(&world, 1).await[0];
    let write = |head: &str, text: &str| {
        mail(
            &format!(
                "From: Li Wei <Li.Wei@example.com>\nTo: desk@example.com\nIn-Reply-To: <{attempt}@ruian.example>\n{head}\n\n{text}\n"
            ),
            "desk@example.com",
        )
    };
    let away = write(
        "Subject: Automatic reply: A reminder\nAuto-Submitted: auto-replied",
        "STOP by my office. I am away.",
    );
    assert_eq!(
        room(&world).take(&away).await.unwrap().kind,
        ReturnKind::AutoReply
    );
    assert!(
        world.store.open_inbound(10).await.unwrap().is_empty(),
        "nobody said anything"
    );
    assert_eq!(world.state(attempt).await, Accepted);
    let person = write(
        "Subject: Re: A reminder",
        "Who are you?\n\nOn Tue, 7 Apr 2026 at 15:30, Desk <desk@example.com> wrote:\n> reply STOP to unsubscribe",
    );
    let person = RawMail {
        envelope: Envelope {
            from: Some(TO.to_owned()),
            ..person.envelope
        },
        ..person
    };
    for _ in 0..2 {
        assert_eq!(room(&world).take(&person).await.unwrap().kind, ReturnKind::Reply);
    }
    let open = world.store.open_inbound(10).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].from.as_str(), open[0].text.as_str()),
        (TO, "Who are you?")
    );
    let ours = mail(
        &format!("From: desk@example.com\nMessage-ID: <{attempt}@example.com>\nSubject: A reminder\n\ntext"),
        "desk@example.com",
    );
    assert_eq!(room(&world).take(&ours).await.unwrap().kind, ReturnKind::Loop);
    let bomb = mail("", "desk@example.com");
    assert_eq!(
        room(&world).take(&bomb).await.unwrap().kind,
        ReturnKind::Unreadable
    );
    assert_eq!(world.store.open_inbound(10).await.unwrap().len(), 1);
    world.verified().await;
}

async fn a_forged_return_path_changes_nothing(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempt = sent(&world, 1).await[0];
    let genuine = return_path(&world, attempt);
    let at = genuine.find('+').unwrap() + 30;
    let other = if genuine.as_bytes()[at] == b'a' { "b" } else { "a" };
    let forged = format!("{}{other}{}", &genuine[..at], &genuine[at + 1..]);
    let room = room(&world);
    assert_eq!(room.takes(&genuine).await, Some(true));
    assert_eq!(room.takes(&forged).await, Some(false));
    assert_eq!(
        room.takes("desk@example.com").await,
        Some(true),
        "the sender's own"
    );
    assert_eq!(room.takes("other@example.com").await, Some(false));
    let taken = room
        .take(&report(&forged, "failed", "5.1.1", "X: y"))
        .await
        .unwrap();
    assert_eq!(
        (taken.kind, taken.attempt, taken.suppressed),
        (ReturnKind::Hard, None, false)
    );
    assert_eq!(world.state(attempt).await, Accepted);
    assert_eq!(
        world.store.returned_mails(None, 10).await.unwrap().len(),
        1,
        "kept all the same"
    );
    // A message that was never sent cannot come back.
    let waiting = queued(&world, 1).await[0];
    let taken = room
        .take(&report(&return_path(&world, waiting), "failed", "5.1.1", "X: y"))
        .await
        .unwrap();
    assert_eq!((taken.attempt, taken.suppressed), (None, false));
    world.verified().await;
}

async fn a_bounce_that_is_too_early_waits(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempt = queued(&world, 1).await[0];
    reserve(&world).await;
    let mail = ReturnedMail {
        digest: [7; 32],
        raw: b"raw".to_vec(),
        bytes: 3,
        kind: ReturnKind::Hard,
        status: Some("5.1.1".into()),
        cause: None,
        about: Some((attempt, MatchedBy::ReturnPath)),
        named: vec![],
    };
    let limit = SoftLimit {
        messages: 3,
        days: 30,
    };
    let keep = async || world.store.returned_mail(mail.clone(), limit).await.unwrap();
    assert_eq!(keep().await, KeptMail::TooEarly);
    assert_eq!(world.state(attempt).await, Reserved);
    assert!(world.store.returned_mails(None, 10).await.unwrap().is_empty());
    world
        .store
        .settle(vec![settlement(attempt, Accepted, "q")])
        .await
        .unwrap();
    assert!(matches!(
        keep().await,
        KeptMail::Kept {
            moved: true,
            suppressed: true,
            ..
        }
    ));
    assert_eq!(keep().await, KeptMail::Seen { suppressed: true });
    assert_eq!(world.state(attempt).await, Undelivered);
    world.verified().await;
}

/// Keeps nothing.
struct Shut;

impl Keeper for Shut {
    fn takes<'a>(&'a self, _: &'a str) -> dunwell::channels::BoxFuture<'a, Option<bool>> {
        Box::pin(std::future::ready(None))
    }

    fn keep<'a>(&'a self, _: &'a RawMail) -> dunwell::channels::BoxFuture<'a, Taken> {
        Box::pin(std::future::ready(Taken::Later))
    }
}

async fn a_maildir_is_emptied_only_of_what_is_kept(database: TestDatabase) {
    let world = World::new(database).await;
    debtor(&world).await;
    let attempt = sent(&world, 1).await[0];
    let folder = tempfile::tempdir().unwrap();
    assert!(Maildir::open(folder.path()).is_err());
    for name in ["new", "cur", "tmp"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let maildir = Maildir::open(folder.path()).unwrap();
    let path = return_path(&world, attempt);
    let bytes = report(&path, "failed", "5.1.1", "X: y").bytes;
    let file = folder.path().join("new/1775545800.1_1.mx");
    std::fs::write(&file, &bytes).unwrap();
    std::fs::create_dir(folder.path().join("new/folder")).unwrap();
    let pass = maildir.pass(&Shut).await.unwrap();
    assert_eq!((pass.kept, pass.left), (0, 1));
    assert!(file.exists());
    let room = room(&world);
    let pass = maildir.pass(&room).await.unwrap();
    assert_eq!((pass.kept, pass.left), (1, 0));
    assert!(!file.exists() && folder.path().join("cur/1775545800.1_1.mx:2,S").exists());
    assert_eq!(world.state(attempt).await, Undelivered);
    // The program died between keeping and moving.
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(maildir.pass(&room).await.unwrap().kept, 1);
    assert_eq!(world.store.returned_mails(None, 10).await.unwrap().len(), 1);
    assert_eq!(suppressions(&world, SuppressionReason::Unreachable).await, 1);
    world.verified().await;
}
