//! A message centre that misbehaves on demand, with a ledger of what it really took. It writes the protocol by itself and
//! shares no code with the library. What it does with a message is told by the last two digits of the number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the centre knows.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By number: the bodies of the submissions that were taken.
    pub(crate) taken: BTreeMap<String, Vec<Vec<u8>>>,
    /// By number: how often one was offered.
    pub(crate) offered: BTreeMap<String, usize>,
    /// Statuses of the answers to deliveries, by sequence.
    pub(crate) answered: BTreeMap<u32, u32>,
    pub(crate) binds: usize,
}

/// A running centre.
pub(crate) struct Smsc {
    pub(crate) port: u16,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
}

fn pdu(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [16 + body.len() as u32, command, status, sequence] {
        bytes.extend_from_slice(&field.to_be_bytes());
    }
    bytes.extend_from_slice(body);
    bytes
}

/// A `deliver_sm`.
pub(crate) fn deliver(sequence: u32, from: &str, esm_class: u8, coding: u8, text: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 1, 1];
    body.extend_from_slice(from.as_bytes());
    body.extend_from_slice(&[0, 3, 1]);
    body.extend_from_slice(b"10690000\0");
    body.extend_from_slice(&[esm_class, 0, 0, 0, 0, 0, 0, coding, 0, text.len() as u8]);
    body.extend_from_slice(text);
    pdu(5, 0, sequence, &body)
}

fn text_at(body: &[u8], from: usize) -> (String, usize) {
    let end = from + body[from..].iter().position(|b| *b == 0).unwrap();
    (String::from_utf8(body[from..end].to_vec()).unwrap(), end + 1)
}

/// The number a submission goes to, and what stands after it.
pub(crate) fn destination(body: &[u8]) -> (String, usize) {
    let (_, at) = text_at(body, 0);
    let (_, at) = text_at(body, at + 2);
    text_at(body, at + 2)
}

impl Smsc {
    /// Starts one; `bind_status` is its answer to whoever binds.
    pub(crate) async fn start(bind_status: u32) -> Smsc {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let (outgoing, mut wanted) = mpsc::unbounded_channel::<Vec<u8>>();
        let known = Arc::clone(&ledger);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // One connection at a time; what is to be delivered goes over the present one.
                serve(&mut stream, &known, bind_status, &mut wanted).await;
            }
        });
        Smsc {
            port,
            ledger,
            outgoing,
        }
    }

    /// Sends bytes to whoever is bound.
    pub(crate) fn say(&self, bytes: Vec<u8>) {
        self.outgoing.send(bytes).unwrap();
    }

    /// How often a number ending so was really written to.
    pub(crate) fn taken(&self, ending: &str) -> usize {
        let ledger = self.ledger.lock().unwrap();
        ledger
            .taken
            .iter()
            .filter(|(n, _)| n.ends_with(ending))
            .map(|(_, all)| all.len())
            .sum()
    }

    /// Waits for the answer to a delivery.
    pub(crate) async fn answer_to(&self, sequence: u32) -> u32 {
        for _ in 0..500 {
            if let Some(status) = self.ledger.lock().unwrap().answered.get(&sequence) {
                return *status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("delivery {sequence} was not answered");
    }
}

async fn serve(
    stream: &mut TcpStream,
    ledger: &Mutex<Ledger>,
    bind_status: u32,
    wanted: &mut mpsc::UnboundedReceiver<Vec<u8>>,
) {
    let mut head = [0u8; 16];
    let (mut read, mut at, mut bound) = (Vec::new(), 0usize, false);
    loop {
        // Read by hand, so that nothing is lost when a delivery comes in between.
        let mut chunk = [0u8; 4096];
        tokio::select! {
            bytes = wanted.recv(), if bound => {
                if stream.write_all(&bytes.unwrap()).await.is_err() { return }
                continue;
            }
            got = stream.read(&mut chunk) => match got {
                Ok(n) if n > 0 => read.extend_from_slice(&chunk[..n]),
                _ => return,
            },
        }
        while read.len() - at >= 16 {
            head.copy_from_slice(&read[at..at + 16]);
            let field = |n: usize| u32::from_be_bytes(head[n..n + 4].try_into().unwrap());
            let length = field(0) as usize;
            if read.len() - at < length {
                break;
            }
            let body = read[at + 16..at + length].to_vec();
            at += length;
            bound |= field(4) == 9;
            if !act(
                stream,
                ledger,
                (field(4), field(8), field(12), bind_status),
                &body,
            )
            .await
            {
                return;
            }
        }
    }
}

/// Answers one frame; `false` hangs up.
async fn act(
    stream: &mut TcpStream,
    ledger: &Mutex<Ledger>,
    (command, status, sequence, bind_status): (u32, u32, u32, u32),
    body: &[u8],
) -> bool {
    let answer = |status: u32, id: &str| {
        pdu(
            command | 0x8000_0000,
            status,
            sequence,
            format!("{id}\0").as_bytes(),
        )
    };
    let bytes = match command {
        9 => {
            ledger.lock().unwrap().binds += 1;
            answer(bind_status, "fault")
        }
        0x15 | 6 => pdu(command | 0x8000_0000, 0, sequence, b""),
        0x8000_0005 => {
            ledger.lock().unwrap().answered.insert(sequence, status);
            return true;
        }
        3 => pdu(0x8000_0003, 0, sequence, b"id\0\0\x02\0"),
        4 => return submitted(stream, ledger, sequence, body).await,
        _ => return true,
    };
    stream.write_all(&bytes).await.is_ok()
}

async fn submitted(stream: &mut TcpStream, ledger: &Mutex<Ledger>, sequence: u32, body: &[u8]) -> bool {
    let (number, _) = destination(body);
    let fault = number[number.len() - 2..].to_owned();
    let count = {
        let mut ledger = ledger.lock().unwrap();
        let count = ledger.offered.entry(number.clone()).or_default();
        *count += 1;
        *count
    };
    let take = || {
        ledger
            .lock()
            .unwrap()
            .taken
            .entry(number.clone())
            .or_default()
            .push(body.to_vec())
    };
    let id = format!("{:X}{}", 0xA000 + count, fault);
    let ok = pdu(0x8000_0004, 0, sequence, format!("{id}\0").as_bytes());
    let no = |status: u32| pdu(0x8000_0004, status, sequence, b"");
    let bytes = match fault.as_str() {
        "01" => no(0x58),
        "02" => no(0x14),
        "03" => no(0x0B),
        "04" => no(0x401),
        "05" => return true,
        "06" => {
            take();
            return true;
        }
        "07" => return false,
        "08" => {
            take();
            return false;
        }
        "09" => pdu(0x8000_0000, 3, sequence, b""),
        "10" => b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        "11" => {
            take();
            for byte in ok {
                if stream.write_all(&[byte]).await.is_err() {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            return true;
        }
        "12" => {
            take();
            tokio::time::sleep(Duration::from_millis(1500)).await;
            ok
        }
        "13" if count == 2 => no(0x45),
        "14" => {
            take();
            pdu(0x8000_0004, 0, sequence, b"\0")
        }
        // Busy once, for the second part.
        "15" if count == 2 => no(0x58),
        _ => {
            take();
            ok
        }
    };
    stream.write_all(&bytes).await.is_ok()
}
