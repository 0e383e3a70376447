//! One bound connection: frames out with a window, answers back by their sequence number, deliveries in.
//!
//! Two tasks live as long as the connection: one writes, many frames in one go, and one reads. Each question has a place
//! in `pending`; whoever waits hears the answer, or that the connection ended and whether the question had left by then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::pdu::{self, Delivery, FieldError, Pdu, command};
use crate::domain::AttemptId;

/// Frames are gathered up to so many bytes before they are written.
const GATHER: usize = 64 * 1024;

/// So many deliveries are taken in at the same time; further ones are answered "later".
const DELIVERIES: usize = 256;

/// What came of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The centre answered: status, and its body.
    Status(u32, Vec<u8>),
    /// The centre did not understand the question (`generic_nack`).
    Nack(u32),
    /// The connection ended before the question left this machine.
    NeverLeft,
    /// The connection ended when the question was on its way, or may have been.
    Lost,
    /// No answer in time.
    Silent,
}

/// What a connection hands up.
pub(super) enum Heard {
    /// A delivery; the flag of the answer says whether it is safely kept.
    Delivery(Box<Delivery>, oneshot::Sender<bool>),
    /// An answer that came when nobody waited for it any more.
    Late(AttemptId, Answer),
}

/// Takes what a connection hands up.
pub(super) type Ear = mpsc::Sender<Heard>;

/// How a connection is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// Questions under way at the same time.
    pub(super) window: usize,
    /// How long to wait for an answer.
    pub(super) answer: Duration,
    /// After so long a silence the centre is asked whether it is there.
    pub(super) enquire: Duration,
}

pub(super) struct Waiting {
    pub(super) tell: Tell,
    /// For answers that come too late.
    pub(super) attempt: Option<AttemptId>,
}

/// Who waits for an answer.
pub(super) enum Tell {
    /// Whoever asked this one question.
    One(oneshot::Sender<Answer>),
    /// Whoever asked many, of which this is the n-th.
    Many(mpsc::UnboundedSender<(usize, Answer)>, usize),
}

impl Tell {
    /// Tells it; gives it back if nobody waits any more.
    fn say(self, answer: Answer) -> Result<(), Answer> {
        match self {
            Tell::One(waits) => waits.send(answer),
            Tell::Many(waits, n) => waits.send((n, answer)).map_err(|e| e.0.1),
        }
    }
}

/// Frames that leave together, and the questions among them.
pub(super) struct Outgoing {
    pub(super) sequences: Vec<u32>,
    pub(super) bytes: Vec<u8>,
}

/// What both tasks and all who ask share.
pub(super) struct Shared {
    pending: Mutex<HashMap<u32, Waiting>>,
    sequence: AtomicU32,
    closed: AtomicBool,
    closing: watch::Sender<bool>,
    ear: Option<Ear>,
    deliveries: Arc<Semaphore>,
    heard_at: Mutex<Instant>,
}

/// A bound connection.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: mpsc::UnboundedSender<Outgoing>,
    pub(super) window: Semaphore,
    /// Whoever has many questions asks all of them before the next such.
    pub(super) turn: tokio::sync::Mutex<()>,
    pub(super) rhythm: Rhythm,
}

impl Shared {
    pub(super) fn pending(&self) -> MutexGuard<'_, HashMap<u32, Waiting>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.closing.send_replace(true);
    }

    pub(super) fn next(&self) -> u32 {
        // 1 to 0x7FFFFFFF, as the specification wants it.
        (self.sequence.fetch_add(1, Ordering::Relaxed) % 0x7FFF_FFFF) + 1
    }

    /// Gives an answer to whoever waits for it.
    fn tell(&self, sequence: u32, answer: Answer) {
        let Some(waiting) = self.pending().remove(&sequence) else {
            return;
        };
        let Err(answer) = waiting.tell.say(answer) else {
            return;
        };
        if let (Some(attempt), Some(ear)) = (waiting.attempt, &self.ear) {
            // Without room it stays unknown, as it already is.
            let _ = ear.try_send(Heard::Late(attempt, answer));
        }
    }
}

/// The two halves of a connection that is not bound yet.
pub(super) struct Halves {
    pub(super) read: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) write: Box<dyn AsyncWrite + Send + Unpin>,
}

/// Why a connection is not bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotBound {
    /// The centre said no.
    Refused(u32),
    /// It did not answer, or hung up.
    Broken,
    /// What answered is no message centre.
    Garbage,
    /// Its certificate is not trusted.
    Untrusted,
}

impl Session {
    /// Says who we are and waits for the answer; then both tasks run.
    pub(super) async fn bind(
        mut halves: Halves,
        greeting: &[u8],
        rhythm: Rhythm,
        ear: Option<Ear>,
    ) -> Result<Arc<Session>, NotBound> {
        let mut buffer = Buffer::default();
        let answer = async {
            halves
                .write
                .write_all(greeting)
                .await
                .map_err(|_| NotBound::Broken)?;
            halves.write.flush().await.map_err(|_| NotBound::Broken)?;
            loop {
                let found = buffer
                    .frame()
                    .map_err(|_| NotBound::Garbage)?
                    .map(|pdu| (pdu.command, pdu.status));
                match found {
                    Some((command::GENERIC_NACK, status)) => return Err(NotBound::Refused(status.max(1))),
                    Some((c, 0)) if c == command::BIND_TRANSCEIVER | command::ANSWER => return Ok(()),
                    Some((c, status)) if c == command::BIND_TRANSCEIVER | command::ANSWER => {
                        return Err(NotBound::Refused(status));
                    }
                    // Nothing else has its place before the answer.
                    Some(_) => return Err(NotBound::Garbage),
                    None => match buffer.fill(&mut halves.read).await {
                        Ok(true) => {}
                        Ok(false) | Err(_) => return Err(NotBound::Broken),
                    },
                }
            }
        };
        timeout(rhythm.answer, answer)
            .await
            .unwrap_or(Err(NotBound::Broken))?;
        let (queue, outgoing) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            pending: Mutex::default(),
            sequence: AtomicU32::new(1),
            closed: AtomicBool::new(false),
            closing: watch::Sender::new(false),
            ear,
            deliveries: Arc::new(Semaphore::new(DELIVERIES)),
            heard_at: Mutex::new(Instant::now()),
        });
        tokio::spawn(write(halves.write, outgoing, Arc::clone(&shared), rhythm));
        tokio::spawn(read(halves.read, buffer, Arc::clone(&shared), queue.clone()));
        let session = Arc::new(Session {
            shared,
            queue,
            window: Semaphore::new(rhythm.window.max(1)),
            turn: tokio::sync::Mutex::default(),
            rhythm,
        });
        tokio::spawn(watch_silence(Arc::downgrade(&session)));
        Ok(session)
    }

    /// Whether the connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// Ready when the connection has ended.
    pub(super) async fn closed(&self) {
        let mut closing = self.shared.closing.subscribe();
        let _ = closing.wait_for(|closed| *closed).await;
    }

    /// Asks one question within the window and waits for its answer.
    pub(super) async fn ask(
        &self,
        attempt: Option<AttemptId>,
        question: impl FnOnce(u32) -> Result<Vec<u8>, FieldError>,
    ) -> Result<Answer, FieldError> {
        let Ok(_place) = self.window.acquire().await else {
            return Ok(Answer::NeverLeft);
        };
        let sequence = self.shared.next();
        let bytes = question(sequence)?;
        let (tell, told) = oneshot::channel();
        let tell = Tell::One(tell);
        self.shared.pending().insert(sequence, Waiting { tell, attempt });
        let sequences = vec![sequence];
        if self.is_closed() || self.queue.send(Outgoing { sequences, bytes }).is_err() {
            self.shared.pending().remove(&sequence);
            return Ok(Answer::NeverLeft);
        }
        // Closed between looking and queueing: the writer may have emptied its queue already.
        let answer = timeout(self.rhythm.answer, told).await;
        Ok(match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Answer::Lost,
            Err(_) => Answer::Silent,
        })
    }

    /// Says goodbye and ends the connection.
    pub(super) async fn unbind(&self) {
        let asked = self.ask(None, |sequence| Ok(pdu::bare(command::UNBIND, 0, sequence)));
        let _ = timeout(Duration::from_secs(2), asked).await;
        self.shared.close();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Writes until the connection ends; what is still queued then has never left.
async fn write(
    mut to: Box<dyn AsyncWrite + Send + Unpin>,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    shared: Arc<Shared>,
    rhythm: Rhythm,
) {
    let mut closing = shared.closing.subscribe();
    let mut batch = Vec::with_capacity(GATHER);
    loop {
        let first = tokio::select! {
            biased;
            _ = closing.wait_for(|closed| *closed) => break,
            first = queue.recv() => first,
        };
        let Some(first) = first else { break };
        batch.clear();
        batch.extend_from_slice(&first.bytes);
        while batch.len() < GATHER {
            let Ok(next) = queue.try_recv() else { break };
            batch.extend_from_slice(&next.bytes);
        }
        let writing = async {
            to.write_all(&batch).await?;
            to.flush().await
        };
        let written = tokio::select! {
            written = timeout(rhythm.answer, writing) => matches!(written, Ok(Ok(()))),
            _ = closing.wait_for(|closed| *closed) => false,
        };
        if !written {
            break;
        }
    }
    shared.close();
    queue.close();
    while let Ok(unwritten) = queue.try_recv() {
        for sequence in unwritten.sequences {
            shared.tell(sequence, Answer::NeverLeft);
        }
    }
    let rest: Vec<u32> = shared.pending().keys().copied().collect();
    rest.into_iter()
        .for_each(|sequence| shared.tell(sequence, Answer::Lost));
    let _ = timeout(Duration::from_secs(1), to.shutdown()).await;
}

/// Reads until the connection ends or stops making sense.
async fn read(
    mut from: Box<dyn AsyncRead + Send + Unpin>,
    mut buffer: Buffer,
    shared: Arc<Shared>,
    queue: mpsc::UnboundedSender<Outgoing>,
) {
    let mut closing = shared.closing.subscribe();
    loop {
        loop {
            match buffer.frame() {
                Ok(Some(pdu)) => {
                    if !handle(&pdu, &shared, &queue) {
                        return shared.close();
                    }
                }
                Ok(None) => break,
                Err(pdu::Garbage) => return shared.close(),
            }
        }
        let more = tokio::select! {
            more = buffer.fill(&mut from) => more,
            _ = closing.wait_for(|closed| *closed) => return,
        };
        match more {
            Ok(true) => *shared.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now(),
            Ok(false) | Err(_) => return shared.close(),
        }
    }
}

/// Acts on one frame; `false` ends the connection.
fn handle(pdu: &Pdu<'_>, shared: &Arc<Shared>, queue: &mpsc::UnboundedSender<Outgoing>) -> bool {
    let say = |bytes| {
        let sequences = Vec::new();
        queue.send(Outgoing { sequences, bytes }).is_ok()
    };
    match pdu.command {
        command::GENERIC_NACK => {
            shared.tell(pdu.sequence, Answer::Nack(pdu.status));
            true
        }
        command::ENQUIRE_LINK => say(pdu::bare(
            command::ENQUIRE_LINK | command::ANSWER,
            0,
            pdu.sequence,
        )),
        command::UNBIND => {
            // Nothing more is asked; what is under way may still be answered until the centre hangs up.
            shared.closed.store(true, Ordering::SeqCst);
            say(pdu::bare(command::UNBIND | command::ANSWER, 0, pdu.sequence))
        }
        command::DELIVER_SM | command::DATA_SM => {
            deliver(pdu, shared, queue);
            true
        }
        answer if answer & command::ANSWER != 0 => {
            shared.tell(pdu.sequence, Answer::Status(pdu.status, pdu.body.to_vec()));
            true
        }
        // An operation that we do not offer: invalid command id.
        _ => say(pdu::bare(command::GENERIC_NACK, 3, pdu.sequence)),
    }
}

/// Hands a delivery up and answers once it is safely kept; what cannot be kept now is to come again.
fn deliver(pdu: &Pdu<'_>, shared: &Arc<Shared>, queue: &mpsc::UnboundedSender<Outgoing>) {
    const TAKEN: u32 = 0;
    /// Message queue full.
    const LATER: u32 = 0x14;
    /// Temporary error of the receiver.
    const TEMPORARY: u32 = 0x64;
    /// Permanent error of the receiver.
    const NEVER: u32 = 0x65;
    let (kind, sequence) = (pdu.command, pdu.sequence);
    let say = move |queue: &mpsc::UnboundedSender<Outgoing>, status| {
        let bytes = pdu::taken(kind, status, sequence);
        let sequences = Vec::new();
        let _ = queue.send(Outgoing { sequences, bytes });
    };
    let read = match kind {
        command::DELIVER_SM => Delivery::read(pdu.body),
        _ => Delivery::read_data(pdu.body),
    };
    let (Some(delivery), Some(ear)) = (read.clone(), shared.ear.clone()) else {
        return say(queue, if read.is_none() { NEVER } else { TEMPORARY });
    };
    let Ok(place) = Arc::clone(&shared.deliveries).try_acquire_owned() else {
        return say(queue, LATER);
    };
    let queue = queue.clone();
    tokio::spawn(async move {
        let (kept, is_kept) = oneshot::channel();
        let heard = ear.send(Heard::Delivery(Box::new(delivery), kept)).await;
        let safe = heard.is_ok() && is_kept.await.unwrap_or(false);
        say(&queue, if safe { TAKEN } else { TEMPORARY });
        drop(place);
    });
}

/// Asks a silent centre whether it is there, and ends a connection that says nothing.
async fn watch_silence(session: std::sync::Weak<Session>) {
    loop {
        let Some(now) = session.upgrade() else { return };
        if now.is_closed() {
            return;
        }
        let heard_at = *now.shared.heard_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = heard_at + now.rhythm.enquire;
        if due <= Instant::now() {
            let asked = now.ask(None, |sequence| Ok(pdu::bare(command::ENQUIRE_LINK, 0, sequence)));
            match timeout(now.rhythm.answer, asked).await {
                Ok(Ok(Answer::Status(..) | Answer::Nack(_))) => {}
                // Other frames came in meanwhile, so it lives, only slowly.
                _ if *now.shared.heard_at.lock().unwrap_or_else(PoisonError::into_inner) > heard_at => {}
                _ => return now.shared.close(),
            }
            continue;
        }
        let shared = Arc::clone(&now.shared);
        drop(now);
        let mut closing = shared.closing.subscribe();
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            _ = closing.wait_for(|closed| *closed) => return,
        }
    }
}

/// Bytes that came in and are not read yet.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    from: usize,
    to: usize,
}

impl Buffer {
    /// The next whole frame.
    fn frame(&mut self) -> Result<Option<Pdu<'_>>, pdu::Garbage> {
        match pdu::frame(&self.bytes[self.from..self.to])? {
            None => Ok(None),
            Some((pdu, length)) => {
                self.from += length;
                Ok(Some(pdu))
            }
        }
    }

    /// Reads more; `false` at the end.
    async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin + ?Sized)) -> std::io::Result<bool> {
        if self.from > 0 {
            self.bytes.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        // Room for the longest frame; more is never held.
        if self.bytes.len() < self.to + GATHER {
            self.bytes.resize(self.to + GATHER, 0);
        }
        let read = from.read(&mut self.bytes[self.to..]).await?;
        self.to += read;
        Ok(read > 0)
    }
}
