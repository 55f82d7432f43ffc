//! Reads run where they are called, under a small budget; over it they run again on a thread for long reads.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{Connection, gate::Gate};
use crate::{
    Lane, StoreError, Tx,
    job::{Job, Lanes, Next, Waiting, answer, closed_error, lock},
    tx::{Link, State},
};

/// What a read may take of its caller's thread, which may be serving others.
const BUDGET: Duration = Duration::from_millis(1);
/// Connections kept open; more are opened when needed, and closed again.
const KEPT: usize = 8;

pub(super) struct Readers {
    file: PathBuf,
    /// `None`: closed.
    free: Mutex<Option<Vec<Connection>>>,
    scans: Lanes<Scan>,
    gate: Arc<Gate>,
}

/// A long read on its way to a thread.
pub(super) struct Scan {
    job: Box<dyn Job>,
    deadline: Instant,
}

impl Waiting for Scan {
    fn refuse(self, error: StoreError) {
        self.job.finish(Err(error));
    }
}

impl Readers {
    pub(super) fn new(file: PathBuf, scans: Lanes<Scan>, gate: Arc<Gate>) -> Self {
        Self { file, free: Mutex::new(Some(Vec::new())), scans, gate }
    }

    /// Runs a read here, or queues it when it is long, or the writer wants to be alone.
    pub(super) fn read(&self, limit: Duration, mut job: Box<dyn Job>) {
        let began = Instant::now();
        let Some(pass) = self.gate.pass() else {
            return self.scans.push(Lane::Now, Scan { job, deadline: began + limit });
        };
        let connection = match self.take() {
            Ok(connection) => connection,
            Err(error) => return job.finish(Err(error)),
        };
        let (outcome, over) = view(&connection, &mut *job, began + BUDGET);
        self.give_back(connection);
        drop(pass);
        if over {
            self.scans.push(Lane::Now, Scan { job, deadline: began + limit });
        } else {
            job.finish(outcome);
        }
    }

    /// The life of a thread for long reads.
    pub(super) fn run_scans(&self) {
        while let Next::Job(Scan { mut job, deadline }, _) = self.scans.next(None) {
            let pass = self.gate.wait();
            match self.take() {
                Ok(connection) => {
                    let (outcome, _) = view(&connection, &mut *job, deadline);
                    self.give_back(connection);
                    drop(pass);
                    answer(job, outcome);
                }
                Err(error) => answer(job, Err(error)),
            }
        }
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let kept = lock(&self.free).as_mut().ok_or_else(closed_error)?.pop();
        kept.map_or_else(|| Connection::reader(&self.file), Ok)
    }

    pub(super) fn give_back(&self, connection: Connection) {
        // Dropped, and so closed, after the lock is.
        let _surplus = match &mut *lock(&self.free) {
            Some(free) if free.len() < KEPT && !connection.in_transaction() => {
                free.push(connection);
                None
            }
            _ => Some(connection),
        };
    }

    pub(super) fn close(&self) {
        self.scans.close();
        let _closed = lock(&self.free).take();
    }
}

/// Runs a closure in a reading transaction; also whether it was interrupted.
fn view(connection: &Connection, job: &mut dyn Job, deadline: Instant) -> (Result<(), StoreError>, bool) {
    connection.interrupt_at(deadline);
    if let Err(failure) = connection.control("begin") {
        return (Err(failure.error), failure.again);
    }
    let mut tx = Tx::new(
        Link::Lite(connection),
        State { reading: true, deadline: Some(deadline), ..State::default() },
    );
    job.attempt(&mut tx);
    let state = tx.into_state();
    let _ = connection.control("rollback");
    (Ok(()), state.again)
}
