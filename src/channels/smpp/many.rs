//! Many questions on one connection: as many at once as the window allows, in one write, and the next ones as soon as
//! answers free their places. One wait and one wake serve many questions; asked one by one each would cost its own.

use std::collections::VecDeque;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use super::pdu::FieldError;
use super::session::{Answer, Outgoing, Session, Tell, Waiting};
use crate::domain::AttemptId;

/// Places in the window that are given back, whatever happens to who holds them.
struct Places<'a> {
    window: &'a Semaphore,
    held: usize,
}

impl Places<'_> {
    /// Takes up to `wanted`; waits only while there is none at all.
    async fn take(&mut self, wanted: usize) -> usize {
        let Ok(first) = self.window.acquire().await else {
            return 0;
        };
        first.forget();
        self.held += 1;
        1 + self.take_free(wanted - 1)
    }

    /// Takes up to `wanted` of those that are free now.
    fn take_free(&mut self, wanted: usize) -> usize {
        let free = self.window.available_permits().min(wanted);
        match u32::try_from(free)
            .ok()
            .and_then(|n| self.window.try_acquire_many(n).ok())
        {
            Some(places) => {
                places.forget();
                self.held += free;
                free
            }
            None => 0,
        }
    }

    fn give_back(&mut self, places: usize) {
        self.held -= places;
        self.window.add_permits(places);
    }
}

impl Drop for Places<'_> {
    fn drop(&mut self) {
        self.window.add_permits(self.held);
    }
}

/// The questions that were asked and what is known of each.
struct Asking<'a> {
    session: &'a Session,
    places: Places<'a>,
    answers: Vec<Option<Answer>>,
    /// By when each is answered, in the order in which they were asked.
    under_way: VecDeque<(Instant, usize)>,
    tell: mpsc::UnboundedSender<(usize, Answer)>,
}

impl Session {
    /// Asks `count` questions within the window; the answers in the order of the questions. `question` writes the n-th
    /// with a sequence number and says for which attempt it is. Nothing more is asked once `go_on` says no to an answer,
    /// after `until`, or when the connection has ended; what was never asked has no answer.
    pub(super) async fn ask_many(
        &self,
        count: usize,
        until: Instant,
        question: impl Fn(usize, u32) -> (Option<AttemptId>, Result<Vec<u8>, FieldError>),
        go_on: impl Fn(&Answer) -> bool,
    ) -> Vec<Option<Answer>> {
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut asking = Asking {
            session: self,
            places: Places {
                window: &self.window,
                held: 0,
            },
            answers: vec![None; count],
            under_way: VecDeque::with_capacity(self.rhythm.window.min(count)),
            tell,
        };
        let mut turn = Some(self.turn.lock().await);
        let mut next = 0;
        loop {
            if next < count && !self.is_closed() && Instant::now() < until {
                let free = match asking.under_way.is_empty() {
                    true => asking.places.take(count - next).await,
                    false => asking.places.take_free(count - next),
                };
                if free > 0 {
                    asking.ask(next..next + free, &question);
                    next += free;
                }
            } else {
                next = count;
            }
            if next == count {
                // The next one with many questions may begin while the last answers are on their way.
                turn = None;
            }
            let Some((by, _)) = asking.under_way.front() else {
                if next == count {
                    break;
                }
                continue;
            };
            match timeout_at(*by, told.recv()).await {
                Ok(Some(first)) => {
                    let mut now = Some(first);
                    while let Some((n, answer)) = now {
                        if !go_on(&answer) {
                            next = count;
                        }
                        asking.note(n, answer);
                        now = told.try_recv().ok();
                    }
                }
                // INVARIANT: `asking` holds a sender, so the channel is open.
                Ok(None) | Err(_) => asking.give_up(Instant::now()),
            }
            asking.forget_answered();
        }
        drop(turn);
        asking.answers
    }
}

impl Asking<'_> {
    /// Asks the questions of `range` in one write.
    fn ask(
        &mut self,
        range: std::ops::Range<usize>,
        question: &impl Fn(usize, u32) -> (Option<AttemptId>, Result<Vec<u8>, FieldError>),
    ) {
        let shared = &self.session.shared;
        let (mut bytes, mut sequences) = (Vec::with_capacity(range.len() * 256), Vec::new());
        let mut asked = Vec::with_capacity(range.len());
        for n in range {
            let sequence = shared.next();
            match question(n, sequence) {
                (attempt, Ok(frame)) => {
                    bytes.extend_from_slice(&frame);
                    sequences.push(sequence);
                    asked.push((sequence, n, attempt));
                }
                // The caller has looked at every field; a frame that cannot be written never leaves.
                (_, Err(_)) => self.answer(n, Answer::NeverLeft),
            }
        }
        {
            let mut pending = shared.pending();
            for (sequence, n, attempt) in &asked {
                let tell = Tell::Many(self.tell.clone(), *n);
                pending.insert(
                    *sequence,
                    Waiting {
                        tell,
                        attempt: *attempt,
                    },
                );
            }
        }
        let left =
            !self.session.is_closed() && self.session.queue.send(Outgoing { sequences, bytes }).is_ok();
        let by = Instant::now() + self.session.rhythm.answer;
        for (sequence, n, _) in asked {
            if left {
                self.under_way.push_back((by, n));
            } else {
                shared.pending().remove(&sequence);
                self.answer(n, Answer::NeverLeft);
            }
        }
    }

    /// An answer that comes late is better than none.
    fn note(&mut self, n: usize, answer: Answer) {
        match &self.answers[n] {
            None => self.answer(n, answer),
            Some(Answer::Silent) => self.answers[n] = Some(answer),
            Some(_) => {}
        }
    }

    fn answer(&mut self, n: usize, answer: Answer) {
        self.answers[n] = Some(answer);
        self.places.give_back(1);
    }

    fn forget_answered(&mut self) {
        while let Some((_, n)) = self.under_way.front()
            && self.answers[*n].is_some()
        {
            self.under_way.pop_front();
        }
    }

    /// Those whose time is over have no answer.
    fn give_up(&mut self, now: Instant) {
        while let Some((by, n)) = self.under_way.front().copied()
            && (by <= now || self.answers[n].is_some())
        {
            self.under_way.pop_front();
            if self.answers[n].is_none() {
                self.answer(n, Answer::Silent);
            }
        }
    }
}
