//! The one thread that writes. What waits together is committed together, each closure in its savepoint.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Connection, folder::Owner};
use crate::{
    StoreError, Tx,
    commits::Commits,
    job::{Job, Lane, Lanes, Next, answer},
    tx::{Link, State},
};

/// Closures in one transaction.
const BATCH: usize = 256;
/// Work in one transaction, so that the first of a batch does not wait long for the last.
const WORK: Duration = Duration::from_millis(5);
/// After this long without a write the WAL is folded into the database.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    connection: Connection,
    file: PathBuf,
    lanes: Arc<Lanes<Box<dyn Job>>>,
    commits: Arc<Commits>,
    _owner: Owner,
}

/// How a closure's run ended.
enum Run {
    Stands {
        announced: bool,
    },
    /// It failed, and its writes are undone.
    Undone,
    /// Something in it made SQLite roll back everything.
    AllGone,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        file: PathBuf,
        lanes: Arc<Lanes<Box<dyn Job>>>,
        commits: Arc<Commits>,
        owner: Owner,
    ) -> Self {
        Self { connection, file, lanes, commits, _owner: owner }
    }

    pub(super) fn run(mut self) {
        let mut idle = true;
        loop {
            match self.lanes.next((!idle).then_some(IDLE)) {
                Next::Job(job, lane) => {
                    self.batch(job, lane);
                    idle = false;
                }
                Next::Idle => {
                    self.fold();
                    idle = true;
                }
                Next::Closed => break,
            }
        }
        self.fold();
    }

    /// Checkpoints, and gives the WAL's space back. Readers may be in the way; then the next time does it.
    fn fold(&self) {
        let folded = self.connection.raw().query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "the write-ahead log could not be folded into the database");
        }
    }

    /// Runs `first` and what waits with it in one transaction.
    fn batch(&mut self, first: Box<dyn Job>, lane: Lane) {
        let began = Instant::now();
        if let Err(failure) = self.connection.control("begin immediate") {
            answer(first, Err(failure.error));
            self.lane_done(lane);
            self.reopen();
            return;
        }
        let mut done: Vec<Box<dyn Job>> = Vec::new();
        let (mut stand, mut announced) = (0, false);
        let mut next = Some((first, lane));
        while let Some((mut job, lane)) = next {
            let run = in_savepoint(&self.connection, &mut *job);
            done.push(job);
            self.lane_done(lane);
            match run {
                Run::Stands { announced: also } => {
                    stand += 1;
                    announced |= also;
                }
                Run::Undone => {}
                Run::AllGone => return self.one_by_one(done),
            }
            next = if done.len() < BATCH && began.elapsed() < WORK { self.lanes.waiting() } else { None };
        }
        // Also a closure that answered an error waits: what it saw may be others' writes of this very transaction.
        let outcome = self.connection.control("commit").map_err(|failure| failure.error);
        if outcome.is_err() {
            self.reopen();
        } else {
            self.commits.record(stand, announced);
        }
        for job in done {
            answer(job, outcome.clone());
        }
    }

    /// SQLite rolled the transaction back, with savepoints released in it (a full disk does that): each again, alone.
    fn one_by_one(&mut self, jobs: Vec<Box<dyn Job>>) {
        if self.connection.in_transaction() {
            let _ = self.connection.control("rollback");
        }
        for mut job in jobs {
            let outcome = alone(&self.connection, &mut *job, &self.commits);
            if outcome.is_err() {
                self.reopen();
            }
            answer(job, outcome);
        }
    }

    fn lane_done(&self, lane: Lane) {
        if lane == Lane::Bulk {
            self.lanes.bulk_done();
        }
    }

    /// A connection whose commit failed is not trusted any more.
    fn reopen(&mut self) {
        match Connection::writer(&self.file) {
            Ok(connection) => self.connection = connection,
            Err(error) => {
                tracing::error!(%error, "the database could not be opened again");
                if self.connection.in_transaction() {
                    let _ = self.connection.control("rollback");
                }
            }
        }
    }
}

fn in_savepoint(connection: &Connection, job: &mut dyn Job) -> Run {
    if connection.control("savepoint batch").is_err() {
        return Run::AllGone;
    }
    let mut tx = Tx::new(Link::Lite(connection), State::default());
    let stands = job.attempt(&mut tx);
    let announced = tx.into_state().announced;
    if !connection.in_transaction() {
        return Run::AllGone;
    }
    let ended = if stands {
        connection.control("release savepoint batch")
    } else {
        connection.control("rollback to savepoint batch; release savepoint batch")
    };
    match (ended, stands) {
        (Err(_), _) => Run::AllGone,
        (Ok(()), true) => Run::Stands { announced },
        (Ok(()), false) => Run::Undone,
    }
}

/// Runs a closure in a transaction of its own.
pub(super) fn alone(connection: &Connection, job: &mut dyn Job, commits: &Commits) -> Result<(), StoreError> {
    connection.control("begin immediate").map_err(|failure| failure.error)?;
    let mut tx = Tx::new(Link::Lite(connection), State::default());
    let stands = job.attempt(&mut tx);
    let announced = tx.into_state().announced;
    let ended = match (connection.in_transaction(), stands) {
        // Gone already: its statement was told, and so is whoever waits.
        (false, _) => Ok(()),
        (true, true) => connection.control("commit").map(|()| commits.record(1, announced)),
        (true, false) => connection.control("rollback"),
    };
    if ended.is_err() && connection.in_transaction() {
        let _ = connection.control("rollback");
    }
    ended.map_err(|failure| failure.error)
}
