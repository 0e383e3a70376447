//! One suite for the carriers of texts: whatever goes wrong, the outcome agrees with the ledger of the other side, and
//! *unknown* is said only where nobody can tell.

use std::sync::Arc;
use std::time::Duration;

use dunwell::channels::{
    Arrival, Arrived, Asked, Carrier, Carriers, Description, Found, Gateway, GatewaySettings, Knock,
    MessageIds, NotTaken, Outcome, Parcel, Registered, Segmentation, Smpp, SmppSecurity, SmppSettings, Smtp,
    SmtpSecurity, SmtpSettings, Terms,
};
use dunwell::config::{gateway_file, gateway_names};
use dunwell::domain::{
    Address, AttemptId, Channel, Draft, Moment, PersonName, PhoneNumber, Sender, SenderId, SenderKind, Sms,
};
use dunwell::render::segments;
use dunwell::store::{ReceiptStatus, Reservation};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::support::faulty_http::{FAULTS, FaultyHttp};
use crate::support::smsc::{Smsc, deliver, destination};

const SHORT: &str = "【瑞安商贸】李先生您好，您的账单将于4月10日到期。拒收请回复T";

fn sender() -> Sender {
    Sender {
        id: SenderId(Uuid::from_u128(7)),
        kind: SenderKind::Creditor,
        name: "瑞安商贸有限公司".to_owned(),
        signature: "瑞安商贸".to_owned(),
        licence: None,
        phone: None,
        email: None,
        postal: None,
        staffed: None,
        opt_out_word: "T".to_owned(),
        mandate: None,
    }
}

pub(crate) fn attempt(number: u128) -> AttemptId {
    AttemptId(Uuid::from_u128(
        0x0190_0000_0000_7000_8000_0000_0000_0000 + number,
    ))
}

pub(crate) fn parcel_for(attempt: AttemptId, number: &str, text: &str) -> Parcel {
    let draft = Draft::Sms(Sms {
        text: text.to_owned(),
        segments: segments(text),
    });
    let at = Moment::parse("2026-04-07T07:30:00Z").unwrap();
    let to = (
        Address::Phone(PhoneNumber::parse(number, "CN").unwrap()),
        PersonName::parse("李伟").unwrap(),
    );
    let reservation = Reservation::for_trial(attempt, Channel::Sms, at);
    Parcel::new(reservation, Arc::new(draft), to, Arc::new(sender()), None)
}

pub(crate) fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Gathered(_) => "gathered",
        Outcome::NotSent { proof, .. } => proof.as_str(),
        Outcome::Unknown { .. } => "unknown",
    }
}

/// The outcome is the one expected, and it agrees with what the other side really took.
fn agrees(fault: &str, outcome: &Outcome, expected: &str, taken: usize) {
    assert_eq!(word(outcome), expected, "{fault}: {outcome:?}");
    match outcome {
        Outcome::Accepted { .. } => assert_eq!(taken, 1, "{fault}"),
        Outcome::Gathered(_) => panic!("{fault}: nothing is gathered here"),
        Outcome::NotSent { .. } => assert_eq!(taken, 0, "{fault}"),
        Outcome::Unknown { .. } => assert!(taken <= 1, "{fault}"),
    }
    assert!(
        !format!("{outcome:?}").contains("1380000"),
        "no number in {outcome:?}"
    );
}

pub(crate) fn smpp(port: u16) -> SmppSettings {
    let mut settings = SmppSettings::new("127.0.0.1", port, "dunwell");
    settings.security = SmppSecurity::Plain;
    settings.password = "secret".to_owned().into();
    settings.source = "10690000".to_owned();
    settings.answer_seconds = 1;
    settings.barred = vec![0x401];
    settings
}

// ---- message centre ----

#[tokio::test(flavor = "multi_thread")]
async fn a_message_centre_that_misbehaves_is_understood() {
    let table = [
        ("00", "accepted"),
        ("01", "deferred"),
        ("02", "deferred"),
        ("03", "refused"),
        ("04", "refused_by_provider"),
        ("05", "unknown"),
        ("06", "unknown"),
        ("07", "unknown"),
        ("08", "unknown"),
        ("09", "misconfigured"),
        ("10", "unknown"),
        ("11", "accepted"),
        ("14", "accepted"),
    ];
    for (n, (fault, expected)) in (1..).zip(table) {
        let smsc = Smsc::start(0).await;
        let carrier = Smpp::new(smpp(smsc.port)).unwrap();
        let outcome = carrier
            .send(&parcel_for(attempt(n), &format!("138000001{fault}"), SHORT))
            .await;
        agrees(fault, &outcome, expected, smsc.taken(fault));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_bind_has_sent_nothing() {
    for (status, expected) in [
        (0x0E, "misconfigured"),
        (0x0D, "misconfigured"),
        (0x58, "deferred"),
        (0x05, "never_connected"),
    ] {
        let smsc = Smsc::start(status).await;
        let outcome = Smpp::new(smpp(smsc.port))
            .unwrap()
            .send(&parcel_for(attempt(1), "13800000100", SHORT))
            .await;
        agrees("bind", &outcome, expected, smsc.taken("00"));
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let carrier = Smpp::new(smpp(free)).unwrap();
    for _ in 0..3 {
        let outcome = carrier.send(&parcel_for(attempt(1), "13800000100", SHORT)).await;
        agrees("nobody", &outcome, "never_connected", 0);
    }
    // Encryption wanted from somebody who offers none: nothing of the message leaves.
    let smsc = Smsc::start(0).await;
    let settings = SmppSettings {
        security: SmppSecurity::Tls,
        ..smpp(smsc.port)
    };
    let outcome = Smpp::new(settings)
        .unwrap()
        .send(&parcel_for(attempt(1), "13800000100", SHORT))
        .await;
    assert_eq!(
        (word(&outcome), smsc.ledger.lock().unwrap().binds),
        ("never_connected", 0),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_go_in_parts_and_a_half_message_is_unknown() {
    let long = format!("【瑞安商贸】{}拒收请回复T", "催".repeat(140));
    let smsc = Smsc::start(0).await;
    for segmentation in [
        Segmentation::Header,
        Segmentation::Parameters,
        Segmentation::Payload,
    ] {
        let carrier = Smpp::new(SmppSettings {
            segmentation,
            ..smpp(smsc.port)
        })
        .unwrap();
        let number = match segmentation {
            Segmentation::Header => "13800000120",
            Segmentation::Parameters => "13800000121",
            Segmentation::Payload => "13800000122",
        };
        let outcome = carrier.send(&parcel_for(attempt(1), number, &long)).await;
        let Outcome::Accepted { references, .. } = &outcome else {
            panic!("{outcome:?}")
        };
        let parts = if segmentation == Segmentation::Payload {
            1
        } else {
            3
        };
        assert_eq!(
            (references.len(), smsc.taken(&number[9..])),
            (parts, parts),
            "{segmentation:?}"
        );
        carrier.close().await;
    }
    {
        let ledger = smsc.ledger.lock().unwrap();
        let parts = &ledger.taken["8613800000120"];
        let mut whole = Vec::new();
        for (n, body) in parts.iter().enumerate() {
            let (_, at) = destination(body);
            // esm_class says that a header stands first; the header numbers the parts.
            assert_eq!(body[at], 0x40);
            let text = &body[body.len() - usize::from(body[at + 9])..];
            assert_eq!(
                (text[0], text[1], text[2], text[4], usize::from(text[5])),
                (5, 0, 3, 3, n + 1)
            );
            whole.extend_from_slice(&text[6..]);
        }
        let units: Vec<u16> = whole
            .chunks(2)
            .map(|p| u16::from_be_bytes([p[0], p[1]]))
            .collect();
        assert_eq!(String::from_utf16(&units).unwrap(), long);
    }
    let carrier = Smpp::new(smpp(smsc.port)).unwrap();
    let half = carrier.send(&parcel_for(attempt(2), "13800000113", &long)).await;
    let Outcome::Unknown {
        partly: Some(partly), ..
    } = &half
    else {
        panic!("{half:?}")
    };
    assert_eq!((partly.references.len(), partly.whole), (1, false));
    let busy = carrier.send(&parcel_for(attempt(3), "13800000115", &long)).await;
    assert_eq!((word(&busy), smsc.taken("15")), ("accepted", 3), "{busy:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_messages_shares_one_connection() {
    let smsc = Smsc::start(0).await;
    let carrier = Arc::new(
        Smpp::new(SmppSettings {
            window: 50,
            answer_seconds: 20,
            ..smpp(smsc.port)
        })
        .unwrap(),
    );
    let terms = Terms {
        concurrency: 50,
        ..Terms::default()
    };
    let carriers = Carriers::new().with(carrier, terms);
    let parcels: Vec<Parcel> = (0..2000)
        .map(|n| parcel_for(attempt(n), "13800000199", "hello"))
        .collect();
    let outcomes = carriers.send_all(parcels).await;
    assert!(outcomes.iter().all(|(_, o)| o.is_accepted()));
    assert_eq!((smsc.taken("99"), smsc.ledger.lock().unwrap().binds), (2000, 1));
    assert!(
        carriers
            .check(Channel::Sms)
            .await
            .iter()
            .all(|(_, said)| said.is_ok())
    );
    carriers.close().await;
}

async fn next(arrivals: &mut mpsc::Receiver<Arrival>) -> Arrival {
    tokio::time::timeout(Duration::from_secs(5), arrivals.recv())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_is_answered_when_it_is_kept() {
    let smsc = Smsc::start(0).await;
    let carrier = Smpp::new(SmppSettings {
        message_ids: MessageIds::HexThenDecimal,
        ..smpp(smsc.port)
    })
    .unwrap();
    let (inbox, mut arrivals) = mpsc::channel(16);
    carrier.listen(inbox);
    let receipt =
        b"id:6699 sub:001 dlvrd:001 submit date:2604070930 done date:2604070931 stat:DELIVRD err:000 text:";
    smsc.say(deliver(71, "8613800000100", 4, 0, receipt));
    let Arrival { what, kept } = next(&mut arrivals).await;
    let Arrived::Receipt(read) = what else {
        panic!("{what:?}")
    };
    assert_eq!(
        (read.status, read.references.contains(&"1A2B".to_owned())),
        (ReceiptStatus::Delivered, true)
    );
    assert_eq!(read.raw, receipt);
    kept.send(true).unwrap();
    assert_eq!(smsc.answer_to(71).await, 0);
    // A reply in UCS-2; what cannot be kept is to come again.
    let text: Vec<u8> = "退订".encode_utf16().flat_map(u16::to_be_bytes).collect();
    smsc.say(deliver(72, "8613800000100", 0, 8, &text));
    let Arrival { what, kept } = next(&mut arrivals).await;
    let Arrived::Message(heard) = what else {
        panic!("{what:?}")
    };
    assert_eq!(
        (heard.text.as_str(), heard.from.as_str()),
        ("退订", "8613800000100")
    );
    drop(kept);
    assert_eq!(smsc.answer_to(72).await, 0x64);
    // A text of a telephone that only looks like a receipt is a text.
    smsc.say(deliver(73, "8613800000199", 0, 0, receipt));
    assert!(matches!(next(&mut arrivals).await.what, Arrived::Message(_)));
    // An answer that came after the sender had stopped waiting.
    let outcome = carrier.send(&parcel_for(attempt(9), "13800000112", SHORT)).await;
    assert_eq!(word(&outcome), "unknown");
    let Arrived::Late {
        attempt: late,
        outcome,
    } = next(&mut arrivals).await.what
    else {
        panic!()
    };
    assert_eq!((late, word(&outcome)), (attempt(9), "accepted"));
    carrier.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_made_again_for_those_who_listen() {
    let smsc = Smsc::start(0).await;
    let carrier = Smpp::new(smpp(smsc.port)).unwrap();
    let (inbox, mut arrivals) = mpsc::channel(16);
    carrier.listen(inbox);
    let gone = carrier.send(&parcel_for(attempt(1), "13800000108", SHORT)).await;
    assert_eq!(word(&gone), "unknown");
    smsc.say(deliver(5, "8613800000100", 0, 0, b"T"));
    assert!(matches!(next(&mut arrivals).await.what, Arrived::Message(_)));
    assert!(smsc.ledger.lock().unwrap().binds >= 2);
}

// ---- gateways ----

pub(crate) fn gateway(name: &str, port: u16) -> GatewaySettings {
    let (path, text) = gateway_file(name).unwrap();
    let text = text.replace("answer_seconds = 15", "answer_seconds = 2");
    GatewaySettings {
        description: Description::parse(&path, &text).unwrap(),
        account: "AKID".to_owned(),
        secret: "secret".to_owned().into(),
        from: "10690000".to_owned(),
        extra: "1400000000".to_owned(),
        region: "ap-guangzhou".to_owned(),
        base_url: Some(format!("http://127.0.0.1:{port}")),
        public_url: Some("https://receipts.example".to_owned()),
        token: "word".to_owned().into(),
        registered: Registered::default(),
        extra_roots: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_misbehaves_is_understood() {
    let server = FaultyHttp::start().await;
    let carrier = Arc::new(Gateway::new(gateway("webhook", server.port)).unwrap());
    let mut all = tokio::task::JoinSet::new();
    for (n, (fault, expected)) in (1..).zip(FAULTS) {
        let carrier = Arc::clone(&carrier);
        all.spawn(async move {
            let parcel = parcel_for(attempt(n), &format!("+121255501{fault}"), SHORT);
            (fault, expected, carrier.send(&parcel).await)
        });
    }
    while let Some(done) = all.join_next().await {
        let (fault, expected, outcome) = done.unwrap();
        agrees(fault, &outcome, expected, server.taken(fault));
        if let Outcome::NotSent { wait_seconds, .. } = outcome {
            let expected = match fault {
                "01" => Some(7),
                "02" => Some(30),
                _ => None,
            };
            assert_eq!(wait_seconds, expected, "{fault}");
        }
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = Gateway::new(gateway("webhook", free)).unwrap();
    let outcome = nobody.send(&parcel_for(attempt(1), "+12125550100", SHORT)).await;
    agrees("nobody", &outcome, "never_connected", 0);
    assert!(nobody.check().await.is_err() && carrier.check().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_asked_what_became_of_a_message() {
    let server = FaultyHttp::start().await;
    let carrier = Gateway::new(gateway("webhook", server.port)).unwrap();
    let at = Moment::parse("2026-04-07T07:30:00Z").unwrap();
    for (number, expected) in [
        (0xaa, Found::Delivered),
        (0xab, Found::Unclear),
        (0xac, Found::Absent),
    ] {
        let asked = Asked {
            attempt: attempt(number),
            references: Vec::new(),
            whole: true,
            to: Address::Phone(PhoneNumber::parse("+12125550100", "US").unwrap()),
            at,
            now: at,
        };
        assert_eq!(carrier.look_up(&asked).await, expected, "{number:x}");
    }
}

#[test]
fn every_description_that_ships_reads_and_needs_what_it_says() {
    assert_eq!(
        gateway_names(),
        [
            "alibaba",
            "print-webhook",
            "tencent",
            "twilio",
            "vonage",
            "webhook"
        ]
    );
    for name in gateway_names() {
        assert!(Gateway::new(gateway(&name, 9)).is_ok(), "{name}");
        let plain = GatewaySettings {
            base_url: Some("http://gateway.example".to_owned()),
            ..gateway(&name, 9)
        };
        assert!(Gateway::new(plain).is_err(), "{name} without encryption");
        let without = GatewaySettings {
            secret: String::new().into(),
            ..gateway(&name, 9)
        };
        assert!(Gateway::new(without).is_err(), "{name} without its secret");
    }
}

const REGISTERED: &str = "signatures = ['瑞安商贸']\n[[template]]\nid = 'SMS_1'\ntext = '${name}您好，您的账单将于${due}到期。拒收请回复T'\n";

#[tokio::test(flavor = "multi_thread")]
async fn mainland_gateways_get_signature_template_and_parameters() {
    for (name, wanted) in [
        (
            "alibaba",
            vec![
                "PhoneNumbers=12125550100",
                "SignName=%E7%91%9E",
                "TemplateCode=SMS_1",
                "ACS3-HMAC-SHA256 Credential=AKID",
            ],
        ),
        (
            "tencent",
            vec![
                r#""TemplateParamSet":["李先生","4月10日"]"#,
                r#""SignName":"瑞安商贸""#,
                "TC3-HMAC-SHA256 Credential=AKID/2026-04-07/sms",
            ],
        ),
    ] {
        let server = FaultyHttp::start().await;
        let settings = GatewaySettings {
            registered: Registered::parse("registered.toml", REGISTERED).unwrap(),
            ..gateway(name, server.port)
        };
        let carrier = Gateway::new(settings).unwrap();
        let other = parcel_for(attempt(2), "+12125550100", "【瑞安商贸】别的话。拒收请回复T");
        assert_eq!(word(&carrier.send(&other).await), "content_refused");
        assert!(server.requests.lock().unwrap().is_empty());
        _ = carrier.send(&parcel_for(attempt(1), "+12125550100", SHORT)).await;
        let requests = server.requests.lock().unwrap().join("\n");
        wanted
            .iter()
            .for_each(|part| assert!(requests.contains(part), "{part} in {requests}"));
    }
}

/// What gateways answered and sent, in the forms of their documentation.
#[test]
fn receipts_and_replies_prove_their_sender() {
    let form = |fields: &[(&str, &str)]| -> Vec<u8> {
        let one = |(k, v): &(&str, &str)| format!("{k}={}", v.replace('+', "%2B"));
        fields.iter().map(one).collect::<Vec<_>>().join("&").into_bytes()
    };
    let alibaba = r#"[{"phone_number":"13800000101","send_time":"2026-04-07 15:30:00","report_time":"2026-04-07 15:30:03","success":true,"err_code":"DELIVERED","err_msg":"","sms_size":"1","biz_id":"932702304080415357^0","out_id":"01900000-0000-7000-8000-000000000001"}]"#;
    let tencent = r#"[{"user_receive_time":"2026-04-07 15:30:03","nationcode":"86","mobile":"13800000101","report_status":"SUCCESS","errmsg":"DELIVRD","description":"ok","sid":"2019:-1"}]"#;
    let knock = |token: &str, body: &[u8], headers: &[(&str, &str)]| Knock {
        kind: "receipts".into(),
        token: token.into(),
        url: "https://receipts.example/gateway/twilio/receipts/word".into(),
        query: String::new(),
        headers: headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        body: body.to_vec(),
    };
    let says = |name: &str, knock: &Knock| -> Result<Vec<String>, NotTaken> {
        let carrier = Gateway::new(gateway(name, 9)).unwrap();
        let (arrived, _) = carrier.take(knock)?;
        Ok(arrived
            .into_iter()
            .map(|a| match a {
                Arrived::Receipt(r) => format!(
                    "{} {} {:?}",
                    r.references.join(","),
                    r.status.as_str(),
                    r.attempt.is_some()
                ),
                Arrived::Message(m) => format!("{}: {}", m.from, m.text),
                Arrived::Late { .. } => "late".into(),
            })
            .collect())
    };
    let one = |text: &str| Ok(vec![text.to_owned()]);
    assert_eq!(
        says("alibaba", &knock("word", alibaba.as_bytes(), &[])),
        one("932702304080415357^0 delivered true")
    );
    assert_eq!(
        says("tencent", &knock("word", tencent.as_bytes(), &[])),
        one("2019:-1 delivered false")
    );
    assert_eq!(
        says("alibaba", &knock("wrong", alibaba.as_bytes(), &[])),
        Err(NotTaken::Stranger)
    );
    assert_eq!(
        says("alibaba", &knock("word", b"garbage", &[])),
        Err(NotTaken::Unreadable)
    );
    assert_eq!(
        says("alibaba", &knock("word", b"[]", &[])),
        Err(NotTaken::Unreadable)
    );
    // HMAC-SHA1 over the address and the sorted fields, with the key `secret`.
    let twilio = form(&[
        ("MessageSid", "SM1"),
        ("MessageStatus", "delivered"),
        ("To", "+12125550100"),
    ]);
    assert_eq!(
        says(
            "twilio",
            &knock("word", &twilio, &[("x-twilio-signature", "AAAA")])
        ),
        Err(NotTaken::Stranger)
    );
    assert_eq!(
        says("twilio", &knock("word", &twilio, &[])),
        Err(NotTaken::Stranger)
    );
    let text = "https://receipts.example/gateway/twilio/receipts/wordMessageSidSM1MessageStatusdeliveredTo+12125550100";
    let signed = openssl_hmac("sha1", text);
    let signed = signed.map(|bytes| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    });
    if let Some(signed) = signed {
        assert_eq!(
            says(
                "twilio",
                &knock("word", &twilio, &[("x-twilio-signature", &signed)])
            ),
            one("SM1 delivered false")
        );
        let sig =
            hex::encode(openssl_hmac("sha256", "&messageId=V1&msisdn=12125550100&status=failed").unwrap());
        let vonage = form(&[
            ("status", "failed"),
            ("messageId", "V1"),
            ("msisdn", "12125550100"),
            ("sig", &sig),
        ]);
        assert_eq!(
            says("vonage", &knock("word", &vonage, &[])),
            one("V1 undelivered false")
        );
        let changed = form(&[
            ("status", "delivered"),
            ("messageId", "V1"),
            ("msisdn", "12125550100"),
            ("sig", &sig),
        ]);
        assert_eq!(
            says("vonage", &knock("word", &changed, &[])),
            Err(NotTaken::Stranger)
        );
        let body = r#"{"id":"w-1","from":"+12125550100","to":"10690000","text":"STOP"}"#;
        let mac = hex::encode(openssl_hmac("sha256", body).unwrap());
        let reply = Knock {
            kind: "inbound".into(),
            ..knock("word", body.as_bytes(), &[("x-signature", &mac)])
        };
        assert_eq!(says("webhook", &reply), one("+12125550100: STOP"));
    }
}

/// What `openssl` makes of a text with the key `secret`.
fn openssl_hmac(digest: &str, text: &str) -> Option<Vec<u8>> {
    use std::io::Write as _;
    let mut child = std::process::Command::new("openssl")
        .args(["dgst", &format!("-{digest}"), "-hmac", "secret", "-binary"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(text.as_bytes()).ok()?;
    Some(child.wait_with_output().ok()?.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_a_setting_to_be_mended() {
    let folder = tempfile::tempdir().unwrap();
    let steps = [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=authority",
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out csr -subj /CN=localhost",
        "x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days -1 -extfile ext",
    ];
    std::fs::write(
        folder.path().join("ext"),
        "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    for step in steps {
        let mut command = std::process::Command::new("openssl");
        command.args(step.split(' ')).current_dir(folder.path());
        let ran = command
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .status();
        if !ran.is_ok_and(|status| status.success())
            && crate::support::require_or_skip("openssl makes certificates")
        {
            return;
        }
    }
    let of = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let config = {
        use rustls::pki_types::pem::PemObject;
        let chain = rustls::pki_types::CertificateDer::pem_slice_iter(&of("cert.pem"))
            .map(Result::unwrap)
            .collect();
        let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(&of("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let settings = GatewaySettings {
        base_url: Some(format!("https://localhost:{port}")),
        extra_roots: Some(of("ca.pem")),
        ..gateway("webhook", port)
    };
    let outcome = Gateway::new(settings)
        .unwrap()
        .send(&parcel_for(attempt(1), "+12125550100", SHORT))
        .await;
    agrees("expired", &outcome, "misconfigured", 0);
    let settings = SmtpSettings {
        port,
        security: SmtpSecurity::Tls,
        extra_roots: Some(of("ca.pem")),
        ..SmtpSettings::new("localhost")
    };
    let mail = crate::channels_conformance::mail(attempt(1), "li.wei");
    let outcome = Smtp::new(settings).unwrap().send(&mail).await;
    agrees("expired", &outcome, "misconfigured", 0);
    let settings = SmppSettings {
        host: "localhost".to_owned(),
        security: SmppSecurity::Tls,
        extra_roots: Some(of("ca.pem")),
        ..smpp(port)
    };
    let outcome = Smpp::new(settings)
        .unwrap()
        .send(&parcel_for(attempt(1), "13800000100", SHORT))
        .await;
    agrees("expired", &outcome, "misconfigured", 0);
}
