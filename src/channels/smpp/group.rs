//! Many messages at once: the first parts of all of them, then the second parts of those whose first was taken, and so on.
//! A centre that wants to be left alone hears of no further message; what an answer leaves open is settled message by
//! message, as if it had been sent alone.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::answer::{Meaning, meaning};
use super::session::Answer;
use super::{NAME, Ready, Smpp, partly};
use crate::channels::carrier::{NotSentProof, Outcome};
use crate::channels::parcel::Parcel;

/// Where a message stands.
enum Standing<'p> {
    /// Its next part is to be offered; so many parts were taken.
    Open(Ready<'p>, usize, Vec<String>),
    /// Something is to be sorted out on its own.
    Alone(Ready<'p>, usize, Vec<String>),
    /// It is over.
    Over(Outcome),
}

impl Smpp {
    /// Hands over many messages; outcomes in their order. It ends before the time that a carrier may take.
    pub(super) async fn deliver_all(&self, parcels: &[Parcel]) -> Vec<Outcome> {
        if let [parcel] = parcels {
            return vec![self.deliver(parcel).await];
        }
        let answer = Duration::from_secs(self.settings.answer_seconds.into());
        let started = Instant::now();
        let (ask_until, end) = (
            started + 2 * answer,
            started + 3 * answer + Duration::from_secs(100),
        );
        let mut all: Vec<Standing<'_>> = parcels
            .iter()
            .map(|parcel| match self.ready(parcel) {
                Ok(ready) => Standing::Open(ready, 0, Vec::new()),
                Err(outcome) => Standing::Over(outcome),
            })
            .collect();
        while self.wave(&mut all, ask_until).await {}
        let mut outcomes = Vec::with_capacity(all.len());
        for one in all {
            outcomes.push(match one {
                Standing::Over(outcome) => outcome,
                Standing::Open(ready, part, references) | Standing::Alone(ready, part, references) => {
                    self.alone(&ready, part, references, (ask_until, end)).await
                }
            });
        }
        outcomes
    }

    /// Offers the next part of every open message; `false` when there is none, or no connection.
    async fn wave(&self, all: &mut [Standing<'_>], until: Instant) -> bool {
        let places: Vec<usize> = all
            .iter()
            .enumerate()
            .filter(|(_, one)| matches!(one, Standing::Open(..)))
            .map(|(place, _)| place)
            .collect();
        if places.is_empty() || Instant::now() >= until {
            return false;
        }
        let Ok(session) = self.link.session().await else {
            return false;
        };
        let answers = {
            let open: Vec<(&Ready<'_>, usize)> = all
                .iter()
                .filter_map(|one| match one {
                    Standing::Open(ready, part, _) => Some((ready, *part)),
                    _ => None,
                })
                .collect();
            let question = |n: usize, sequence: u32| {
                let (ready, part) = open[n];
                (ready.named(), self.frame(ready, part, sequence))
            };
            // While parts of a message are out, the others must follow; before that a wish is heeded at once.
            let may_stop = open.iter().all(|(_, part)| *part == 0);
            let go_on = |answer: &Answer| !may_stop || !self.wants_rest(answer);
            session.ask_many(open.len(), until, question, go_on).await
        };
        let rests = answers.iter().flatten().any(|answer| self.wants_rest(answer));
        let mut moved = false;
        for (place, answer) in places.into_iter().zip(answers) {
            let before = std::mem::replace(&mut all[place], Standing::Over(Outcome::unknown("")));
            let Standing::Open(ready, part, references) = before else {
                all[place] = before;
                continue;
            };
            moved |= answer.is_some();
            all[place] = match answer {
                Some(answer) => self.moved_on(ready, part, references, &answer),
                None if rests && part == 0 => Standing::Over(Outcome::not_sent(
                    NotSentProof::Withheld,
                    "the centre wants to be left alone",
                )),
                None => Standing::Alone(ready, part, references),
            };
        }
        moved
    }

    /// Whether an answer asks for a pause.
    fn wants_rest(&self, answer: &Answer) -> bool {
        matches!(meaning(answer, &self.settings.barred), Meaning::Busy(_))
    }

    fn moved_on<'p>(
        &self,
        ready: Ready<'p>,
        part: usize,
        mut references: Vec<String>,
        answer: &Answer,
    ) -> Standing<'p> {
        let of = ready.parts.len();
        match meaning(answer, &self.settings.barred) {
            Meaning::Took(id) => {
                references.extend(id);
                match part + 1 {
                    next if next < of => Standing::Open(ready, next, references),
                    _ => Standing::Over(Outcome::accepted(NAME, references)),
                }
            }
            Meaning::Busy(outcome) | Meaning::No(outcome) if part == 0 => Standing::Over(outcome),
            Meaning::No(_) => Standing::Over(partly(part, of, references)),
            // Nothing of this part was taken; it may be offered again.
            Meaning::NeverLeft | Meaning::Busy(_) => Standing::Alone(ready, part, references),
            Meaning::Unclear(reason) => Standing::Over(Outcome::unclear(reason, NAME, references)),
        }
    }

    /// What is left of one message, if there is time.
    async fn alone(
        &self,
        ready: &Ready<'_>,
        part: usize,
        references: Vec<String>,
        (until, end): (Instant, Instant),
    ) -> Outcome {
        if Instant::now() >= until {
            return match part {
                0 => Outcome::not_sent(NotSentProof::Withheld, "the centre was too slow for its turn"),
                taken => partly(taken, ready.parts.len(), references),
            };
        }
        timeout_at(end, self.hand_over(ready, part, references))
            .await
            .unwrap_or_else(|_| Outcome::unknown("the message centre did not answer in time"))
    }
}
