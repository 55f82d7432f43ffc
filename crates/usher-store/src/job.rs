//! A closure on its way to a database's thread, and the queue it waits in.

use std::{
    any::{Any, TypeId},
    cell::Cell,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{StoreError, Tx};

/// Which queue a write waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A request somebody waits for.
    Now,
    /// Bulk work, in closures of at most 500 rows or 20 ms.
    Bulk,
}

/// A closure with somebody waiting for its result.
pub(crate) trait Job: Send {
    /// Which closure of the source this is.
    fn kind(&self) -> TypeId;
    /// Runs it once; `true`: it is to be committed. Only the last run counts.
    fn attempt(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Answers: the last run's result, or `outcome`'s error in its place.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// The only implementation of [`Job`].
pub(crate) struct Task<F, T, E, R> {
    work: F,
    result: Option<Result<T, E>>,
    reply: R,
}

impl<F, T, E, R> Task<F, T, E, R> {
    pub(crate) fn new(work: F, reply: R) -> Self {
        Self { work, result: None, reply }
    }
}

impl<F, T, E, R> Job for Task<F, T, E, R>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send,
    E: From<StoreError> + Send,
    R: FnOnce(Result<T, E>) + Send,
{
    fn kind(&self) -> TypeId {
        TypeId::of::<F>()
    }

    fn attempt(&mut self, tx: &mut Tx<'_>) -> bool {
        let _inside = Inside::enter();
        let mut result = catch_unwind(AssertUnwindSafe(|| (self.work)(tx))).unwrap_or_else(|panic| {
            let error = StoreError::Bug(format!("panic in a storage closure: {}", text_of(&*panic)));
            tx.state().failed = Some(error.clone());
            Err(error.into())
        });
        if let (Ok(_), Some(error)) = (&result, &tx.state().failed) {
            result = Err(error.clone().into());
        }
        let stands = result.is_ok();
        self.result = Some(result);
        stands
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let result = match (outcome, self.result) {
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Bug("a closure was answered before it ran".to_owned()).into()),
        };
        (self.reply)(result);
    }
}

/// Answers a job. What its result does when nobody wants it any more is not the thread's end, nor another job's.
pub(crate) fn answer(job: Box<dyn Job>, outcome: Result<(), StoreError>) {
    if catch_unwind(AssertUnwindSafe(|| job.finish(outcome))).is_err() {
        tracing::error!("the result of a storage closure panicked when it was dropped");
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Marks a thread as running a closure, so that a closure calling the store is told, instead of waiting for itself.
struct Inside(bool);

impl Inside {
    fn enter() -> Self {
        Self(INSIDE.replace(true))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.0);
    }
}

/// Refuses calls of the store from within a closure.
pub(crate) fn outside() -> Result<(), StoreError> {
    if INSIDE.get() {
        return Err(StoreError::Bug(
            "a storage closure called the store; it may touch only its Tx".to_owned(),
        ));
    }
    Ok(())
}

/// The lock, also after a panic elsewhere: everything under these locks is valid between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What waits in [`Lanes`].
pub(crate) trait Waiting {
    /// Answers that it can't be done.
    fn refuse(self, error: StoreError);
}

impl Waiting for Box<dyn Job> {
    fn refuse(self, error: StoreError) {
        self.finish(Err(error));
    }
}

/// Two bounded queues before the threads of a database: *now* goes before *bulk*.
pub(crate) struct Lanes<J> {
    queues: Mutex<Queues<J>>,
    changed: Condvar,
    /// Jobs that may wait, for each lane.
    capacity: usize,
    /// Bulk jobs that may run at a time.
    bulk: usize,
}

struct Queues<J> {
    now: VecDeque<J>,
    bulk: VecDeque<J>,
    bulk_running: usize,
    closed: bool,
}

/// What a thread finds.
pub(crate) enum Next<J> {
    /// Something to do, from that lane. After a bulk job [`Lanes::bulk_done`] is called.
    Job(J, Lane),
    /// Nothing came in the given time.
    Idle,
    /// Nothing is left, and nothing will come.
    Closed,
}

impl<J: Waiting> Lanes<J> {
    pub(crate) fn new(capacity: usize, bulk: usize) -> Self {
        let queues = Queues { now: VecDeque::new(), bulk: VecDeque::new(), bulk_running: 0, closed: false };
        Self { queues: Mutex::new(queues), changed: Condvar::new(), capacity, bulk }
    }

    /// Queues a job, or answers it at once: busy, or closed.
    pub(crate) fn push(&self, lane: Lane, job: J) {
        let mut queues = lock(&self.queues);
        let closed = queues.closed;
        let queue = match lane {
            Lane::Now => &mut queues.now,
            Lane::Bulk => &mut queues.bulk,
        };
        if closed {
            drop(queues);
            job.refuse(closed_error());
        } else if queue.len() >= self.capacity {
            drop(queues);
            job.refuse(StoreError::busy());
        } else {
            queue.push_back(job);
            drop(queues);
            self.changed.notify_one();
        }
    }

    /// The next job, waiting at most `patience` (for ever without one).
    pub(crate) fn next(&self, patience: Option<Duration>) -> Next<J> {
        let mut queues = lock(&self.queues);
        loop {
            if let Some((job, lane)) = queues.take(self.bulk) {
                return Next::Job(job, lane);
            }
            if queues.closed && queues.bulk.is_empty() {
                return Next::Closed;
            }
            queues = match patience {
                None => self.changed.wait(queues).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (mut queues, waited) =
                        self.changed.wait_timeout(queues, patience).unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() {
                        return match queues.take(self.bulk) {
                            Some((job, lane)) => Next::Job(job, lane),
                            None => Next::Idle,
                        };
                    }
                    queues
                }
            };
        }
    }

    /// The next job if there is one already.
    pub(crate) fn waiting(&self) -> Option<(J, Lane)> {
        lock(&self.queues).take(self.bulk)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        let queues = lock(&self.queues);
        queues.now.len() + queues.bulk.len()
    }

    /// A bulk job ended; another may run.
    pub(crate) fn bulk_done(&self) {
        let mut queues = lock(&self.queues);
        queues.bulk_running = queues.bulk_running.saturating_sub(1);
        drop(queues);
        self.changed.notify_all();
    }

    /// Nothing more is accepted; what waits is still done.
    pub(crate) fn close(&self) {
        lock(&self.queues).closed = true;
        self.changed.notify_all();
    }
}

impl<J> Queues<J> {
    fn take(&mut self, bulk: usize) -> Option<(J, Lane)> {
        if let Some(job) = self.now.pop_front() {
            return Some((job, Lane::Now));
        }
        if self.bulk_running >= bulk {
            return None;
        }
        let job = self.bulk.pop_front()?;
        self.bulk_running += 1;
        Some((job, Lane::Bulk))
    }
}

pub(crate) fn closed_error() -> StoreError {
    StoreError::Unavailable("the database is closed: Usher is stopping".to_owned())
}
