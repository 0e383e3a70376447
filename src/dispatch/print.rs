//! Letters for a print shop: closing the open batch at its cut-off time and handing it over, taking letters back before,
//! and taking in what the shop says afterwards.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::channels::{
    Asked, BatchError, BatchForm, BatchPlan, Carriers, RowFault, ShopRow, Written, forget, lying,
    read_answer, write_batch,
};
use crate::domain::{AttemptId, Channel, Moment, SuppressionReason};
use crate::store::{
    Closing, NewEvent, Occurrence, PRINT, PrintBatch, Recall, ShopWord, StoppedLetter, Store, StoreError,
};

/// When a step is tried anew whose letter could not be put into its batch.
const RETRY: TimeDelta = TimeDelta::minutes(15);

/// How batches are made.
#[derive(Debug, Clone)]
pub struct PrintDesk {
    /// Below it stand the open batch and those that were closed.
    pub folder: PathBuf,
    /// How a batch is handed over.
    pub form: BatchForm,
    /// The time of the day at which the open batch is closed.
    pub cut_off: NaiveTime,
    /// Where this time counts.
    pub zone: Tz,
}

/// Why batches could not be dealt with.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The batch could not be written.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The file of the shop cannot be read as a whole.
    #[error(transparent)]
    Answer(#[from] RowFault),
    /// A file in the open batch could not be removed.
    #[error("the open batch cannot be tidied: {0}")]
    Untidy(std::io::Error),
}

/// A batch that was handed over.
#[derive(Debug, Clone)]
pub struct HandedBatch {
    /// The batch, as it is now.
    pub batch: PrintBatch,
    /// Where it lies.
    pub place: PathBuf,
    /// Letters that are not in it, with the reason.
    pub dropped: Vec<(AttemptId, String)>,
}

/// What came of a file of the shop.
#[derive(Debug, Clone, Default)]
pub struct Acknowledged {
    /// Rows that were taken in.
    pub taken: usize,
    /// Rows that were known before.
    pub known: usize,
    /// Rows that were set aside.
    pub faults: Vec<RowFault>,
    /// Addresses at which the post found nobody.
    pub dead: usize,
}

impl PrintDesk {
    /// The latest cut-off at or before `now`.
    pub fn last_cut_off(&self, now: Moment) -> Moment {
        let today = now.utc().with_timezone(&self.zone).date_naive();
        let of_day = |back: u64| -> Option<DateTime<Utc>> {
            let day = today.checked_sub_days(Days::new(back))?;
            // A time that a clock change leaves out or doubles is the earlier of what there is.
            let at = self.zone.from_local_datetime(&day.and_time(self.cut_off));
            let gap = || {
                let later = day.and_time(self.cut_off) + TimeDelta::hours(1);
                self.zone.from_local_datetime(&later).earliest()
            };
            at.earliest().or_else(gap).map(|t| t.to_utc())
        };
        let passed = (0..3).filter_map(of_day).find(|at| *at <= now.utc());
        Moment::new(passed.unwrap_or(now.utc()))
    }

    /// Closes what was gathered up to the last cut-off, after finishing batches that were begun. For the service.
    pub async fn close_due(&self, store: &Store) -> Result<Vec<HandedBatch>, PrintError> {
        let until = self.last_cut_off(store.clock().now());
        self.close(store, until, "dunwell").await
    }

    /// Closes what was gathered up to `until` and hands it over, after finishing batches that were begun.
    pub async fn close(
        &self,
        store: &Store,
        until: Moment,
        by: &str,
    ) -> Result<Vec<HandedBatch>, PrintError> {
        let mut handed = Vec::new();
        for begun in store
            .print_batches(1000)
            .await?
            .into_iter()
            .rev()
            .filter(|b| !b.handed)
        {
            handed.push(self.hand_over(store, begun).await?);
        }
        let now = store.clock().now();
        let closing = Closing {
            until,
            duplex: self.form.duplex,
            by: by.to_owned(),
            day: now.utc().with_timezone(&self.zone).date_naive(),
        };
        // Point of no return: what belongs to a closed batch cannot be taken back.
        if let Some(batch) = store.close_batch(closing).await? {
            handed.push(self.hand_over(store, batch).await?);
        }
        self.tidy(store).await?;
        Ok(handed)
    }

    async fn hand_over(&self, store: &Store, batch: PrintBatch) -> Result<HandedBatch, PrintError> {
        let letters = store.letters_of_batch(&batch.name).await?;
        let plan = BatchPlan {
            name: batch.name.clone(),
            letters: letters.into_iter().filter(|l| l.state == "closing").collect(),
            form: self.form,
            date: batch.closed_at.utc().with_timezone(&self.zone).date_naive(),
        };
        let folder = self.folder.clone();
        let name = batch.name.clone();
        let writing = tokio::task::spawn_blocking(move || write_batch(&folder, &plan)).await;
        let Written {
            place,
            merged,
            dropped,
        } = writing.map_err(|_| BatchError::Unwritable {
            name,
            reason: "the writer broke down".to_owned(),
        })??;
        let retry_at = store.clock().now() + RETRY;
        store
            .batch_handed(&batch, (merged, dropped.clone()), retry_at)
            .await?;
        let now = store
            .print_batches(1000)
            .await?
            .into_iter()
            .find(|b| b.id == batch.id);
        Ok(HandedBatch {
            batch: now.unwrap_or(batch),
            place,
            dropped,
        })
    }

    /// Removes files of letters that do not lie in the open batch any more.
    pub async fn tidy(&self, store: &Store) -> Result<usize, PrintError> {
        let mut gone = Vec::new();
        for attempt in lying(&self.folder).map_err(PrintError::Untidy)? {
            let letter = store.print_letter(attempt).await?;
            if letter.is_some_and(|l| !matches!(l.state.as_str(), "waiting" | "closing" | "stopped")) {
                gone.push(attempt);
            }
        }
        forget(&self.folder, &gone).map_err(PrintError::Untidy)?;
        Ok(gone.len())
    }

    /// Takes one letter out of the open batch, and its file away.
    pub async fn recall(
        &self,
        store: &Store,
        attempt: AttemptId,
        (by, why): (&str, &str),
    ) -> Result<Recall, PrintError> {
        let found = store.recall_letter(attempt, by, why).await?;
        if found == Recall::TakenOut {
            forget(&self.folder, &[attempt]).map_err(PrintError::Untidy)?;
        }
        Ok(found)
    }
}

/// Takes in a file of the shop: every row counts once, or is set aside with its line.
pub async fn acknowledge(store: &Store, file: &Path, bytes: &[u8]) -> Result<Acknowledged, PrintError> {
    let name = file.display().to_string();
    let read = read_answer(&name, bytes)?;
    let mut done = Acknowledged {
        faults: read.faults,
        ..Acknowledged::default()
    };
    let mut words: Vec<ShopWord> = Vec::new();
    for row in read.rows {
        let letter = store.print_letter(row.attempt).await?;
        let fault = |field: &str, found: &str, expected: &str| RowFault {
            file: name.clone(),
            line: row.line,
            field: field.to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        let twice = |w: &ShopWord| w.attempt == row.attempt && w.word == row.word;
        let problem = match &letter {
            Some(l) if l.state == "handed" => mismatch(&row, l),
            Some(_) => Some((
                "attempt",
                "a letter that was never handed over",
                "a letter of a closed batch",
            )),
            None => Some(("attempt", "an unknown letter", "a letter of a closed batch")),
        };
        if let Some((field, found, expected)) = problem {
            done.faults.push(fault(field, found, expected));
        } else if words.iter().any(twice) {
            done.faults.push(fault(
                "status",
                "the same word about the same letter again",
                "each once",
            ));
        } else {
            words.push(ShopWord {
                attempt: row.attempt,
                word: row.word,
                on: row.on,
                status: row.status,
                raw: row.raw,
            });
        }
    }
    done.faults.sort_by_key(|f| f.line);
    let (fresh, dead) = store.shop_said(words).await?;
    done.taken = fresh.iter().filter(|f| **f).count();
    done.known = fresh.len() - done.taken;
    done.dead = dead.len();
    let events = dead.into_iter().map(|found| NewEvent {
        digest: None,
        portfolio: Some(found.portfolio),
        reference: Some(found.reference),
        debtor_ref: None,
        related: None,
        at: store.clock().now(),
        currency: None,
        what: Occurrence::Suppressed {
            reason: SuppressionReason::Unreachable,
            channel: None,
            address: Some(found.address),
            until: None,
        },
    });
    let events: Vec<NewEvent> = events.collect();
    if !events.is_empty() {
        store.record_events(events, None).await?;
    }
    Ok(done)
}

/// What a row says otherwise than the batch.
fn mismatch(
    row: &ShopRow,
    letter: &crate::store::PrintLetter,
) -> Option<(&'static str, &'static str, &'static str)> {
    if row.batch.is_some() && row.batch != letter.batch {
        return Some(("batch", "another batch", "the batch of the letter"));
    }
    let wrong = row.sha256.as_ref().is_some_and(|said| *said != letter.sha256);
    wrong.then_some((
        "sha256",
        "another digest",
        "the digest of the manifest: another file was printed",
    ))
}

/// Asks providers to stop letters that should not go any more. Returns how many they stopped.
pub async fn stop_letters(store: &Store, carriers: &Carriers) -> Result<usize, StoreError> {
    let mut stopped = 0;
    for letter in store.stopped_letters(100).await? {
        if letter.provider == PRINT {
            store.stop_answered(&letter, false, "dunwell").await?;
        } else if let Some(done) = ask_to_stop(store, carriers, &letter).await? {
            store.stop_answered(&letter, done, "dunwell").await?;
            stopped += usize::from(done);
        }
    }
    Ok(stopped)
}

/// Asks one provider to stop one letter; `None`: nobody knows what came of it.
pub async fn ask_to_stop(
    store: &Store,
    carriers: &Carriers,
    letter: &StoppedLetter,
) -> Result<Option<bool>, StoreError> {
    let now = store.clock().now();
    let Some(to) = store.address_of(letter.attempt).await? else {
        return Ok(None);
    };
    let asked = Asked {
        attempt: letter.attempt,
        references: letter.reference.clone().into_iter().collect(),
        whole: true,
        to,
        at: now,
        now,
    };
    Ok(carriers
        .take_back(Channel::Letter, &letter.provider, &asked)
        .await)
}

/// Closes batches at their time and asks providers to stop letters, until it is told to stop. Trouble is told and tried
/// again; it stops nothing else.
pub async fn run_print(
    store: Store,
    carriers: std::sync::Arc<Carriers>,
    desk: Option<PrintDesk>,
    (tick, mut stopped): (std::time::Duration, tokio::sync::watch::Receiver<bool>),
) {
    while !*stopped.borrow() {
        if let Some(desk) = &desk {
            match desk.close_due(&store).await {
                Ok(handed) => {
                    for h in handed {
                        let (letters, dropped) = (h.batch.letters, h.dropped.len());
                        tracing::info!(batch = %h.batch.name, letters, dropped, "a batch was handed over");
                    }
                }
                Err(e) => tracing::error!(error = %e, "the open batch could not be closed"),
            }
        }
        if let Err(e) = stop_letters(&store, &carriers).await {
            tracing::error!(error = %e, "providers could not be asked to stop letters");
        }
        tokio::select! {
            () = tokio::time::sleep(tick) => {}
            _ = stopped.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_off_is_local_and_never_ahead() {
        let desk = |zone: Tz, time: &str| PrintDesk {
            folder: PathBuf::new(),
            form: BatchForm {
                archive: false,
                merged: false,
                duplex: true,
            },
            cut_off: NaiveTime::parse_from_str(time, "%H:%M").unwrap(),
            zone,
        };
        let check = |zone, time: &str, now: &str, expected: &str| {
            let found = desk(zone, time).last_cut_off(Moment::parse(now).unwrap());
            assert_eq!(found, Moment::parse(expected).unwrap(), "{zone} {time} {now}");
        };
        let shanghai = chrono_tz::Asia::Shanghai;
        check(shanghai, "16:00", "2026-04-07T08:00:00Z", "2026-04-07T08:00:00Z");
        check(shanghai, "16:00", "2026-04-07T07:59:59Z", "2026-04-06T08:00:00Z");
        check(shanghai, "16:00", "2026-04-07T23:00:00Z", "2026-04-07T08:00:00Z");
        // 02:30 does not exist on the day when summer time begins.
        check(
            chrono_tz::Europe::Berlin,
            "02:30",
            "2026-03-29T12:00:00Z",
            "2026-03-29T01:30:00Z",
        );
        check(
            chrono_tz::Europe::Berlin,
            "02:30",
            "2026-10-25T12:00:00Z",
            "2026-10-25T00:30:00Z",
        );
    }
}
