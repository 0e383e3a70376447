//! SQLite's one writer. Steps that wait at the same time share one transaction and so one fsync; each runs in a
//! savepoint of its own, so that one that fails takes nobody with it. A step returns once the commit is durable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use super::db::{Db, Tx, begun};
use super::seals::Seals;
use super::{Store, StoreError};

/// At most this many steps share one commit.
const GROUP: usize = 64;

/// A boxed future.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What to tell the waiting caller once it is known whether the commit succeeded.
type Finish = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// One step: does its work and says whether to keep it; or hears why it cannot begin.
type Job = Box<dyn for<'t> FnOnce(Result<&'t mut Tx, String>) -> Boxed<'t, (bool, Finish)> + Send>;

enum Message {
    Work(Job),
    Close(oneshot::Sender<()>),
}

/// The queue to the writing task.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(pool: SqlitePool, seals: Arc<Seals>) -> Writer {
        let (queue, receiver) = mpsc::channel(1024);
        let commits = Arc::new(AtomicU64::new(0));
        tokio::spawn(write_groups((pool, seals), receiver, commits.clone()));
        Writer { queue, commits }
    }

    /// How many transactions were committed; each is one sync of the write-ahead log.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(super) async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

async fn write_groups(
    base: (SqlitePool, Arc<Seals>),
    mut queue: mpsc::Receiver<Message>,
    commits: Arc<AtomicU64>,
) {
    let mut closing = None;
    while closing.is_none() {
        let Some(first) = queue.recv().await else { return };
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Work(job) => group.push(job),
                Message::Close(done) => closing = Some(done),
            }
            next = if group.len() < GROUP && closing.is_none() {
                queue.try_recv().ok()
            } else {
                None
            };
        }
        if !group.is_empty() {
            write_group(&base, group).await;
            commits.fetch_add(1, Ordering::Relaxed);
        }
    }
    if let Some(done) = closing {
        let _ = done.send(());
    }
}

async fn write_group((pool, seals): &(SqlitePool, Arc<Seals>), group: Vec<Job>) {
    let mut finishes = Vec::with_capacity(group.len());
    let alone = group.len() == 1;
    let mut keep_any = false;
    let mut jobs = group.into_iter().peekable();
    let outcome = async {
        let mut tx = Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?, seals.clone());
        while jobs.peek().is_some() {
            if !alone {
                point(&mut tx, "SAVEPOINT step").await?;
            }
            let Some(job) = jobs.next() else { break };
            let (keep, finish) = job(Ok(&mut tx)).await;
            finishes.push(finish);
            keep_any |= keep;
            if !alone {
                if !keep {
                    point(&mut tx, "ROLLBACK TO step").await?;
                }
                point(&mut tx, "RELEASE step").await?;
            }
        }
        // Point of no return: after this every step of the group is durable.
        if keep_any { tx.commit().await } else { Ok(()) }
    }
    .await
    .map_err(|e: StoreError| match e {
        StoreError::Database(why) => why,
        other => other.to_string(),
    });
    if let Err(why) = &outcome {
        for job in jobs {
            finishes.push(job(Err(why.clone())).await.1);
        }
    }
    for finish in finishes {
        finish(outcome.clone().map_err(StoreError::Database));
    }
}

async fn point(tx: &mut Tx, text: &'static str) -> Result<(), StoreError> {
    if let Tx::Sqlite(t, _) = tx {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut **t).await?;
    }
    Ok(())
}

impl Store {
    /// Runs `work` in a writing transaction; what it wrote is durable when this returns `Ok`.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Boxed<'t, Result<T, StoreError>> + Send + 'static,
    {
        match &*self.db {
            Db::Postgres(pool, seals) => {
                let (pool, seals) = (pool.clone(), seals.clone());
                let mut tx = begun(async move { Ok(Tx::Postgres(pool.begin().await?, seals)) }).await?;
                let value = work(&mut tx).await?;
                tx.commit().await?;
                Ok(value)
            }
            Db::Sqlite { writer, .. } => {
                let (tell, told) = oneshot::channel::<Result<T, StoreError>>();
                let job: Job = Box::new(move |tx| {
                    Box::pin(async move {
                        let result = match tx {
                            Ok(tx) => work(tx).await,
                            Err(why) => Err(StoreError::Database(why)),
                        };
                        let keep = result.is_ok();
                        let finish: Finish = Box::new(move |commit| {
                            let _ = tell.send(match (result, commit) {
                                (Ok(value), Ok(())) => Ok(value),
                                (Ok(_), Err(e)) => Err(e),
                                (Err(e), _) => Err(e),
                            });
                        });
                        (keep, finish)
                    })
                });
                writer
                    .queue
                    .send(Message::Work(job))
                    .await
                    .map_err(|_| StoreError::Closed)?;
                told.await.map_err(|_| StoreError::Closed)?
            }
        }
    }
}
