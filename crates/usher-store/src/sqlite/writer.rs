//! The one thread that writes. What waits together is committed together, each closure in its savepoint.

use std::{
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Connection, backup::Order, counters::Counters, folder::Owner, gate::Gate};
use crate::{
    StoreError, Tx,
    commits::Commits,
    job::{Job, Lane, Lanes, Next, Waiting, answer},
    tx::{Failure, Link, State},
};

/// Closures in one transaction.
const BATCH: usize = 256;
/// Work in one transaction, so that the first of a batch does not wait long for the last.
const WORK: Duration = Duration::from_millis(5);
/// After this long without a write the WAL is folded into the database.
const IDLE: Duration = Duration::from_secs(1);
/// Above this size the WAL is folded too, with reads shut out for that moment: while there is always one that reads an older
/// state, SQLite can't begin it anew, and it would grow for ever.
const WAL: u64 = 64 << 20;
/// And again after so much more, where a reader did not end in time.
const WAL_MORE: u64 = 16 << 20;
/// How long reads under way are waited for then; writes and new reads wait as long.
const ALONE: Duration = Duration::from_millis(250);

/// What the writer is asked for.
pub(super) enum Work {
    Write(Box<dyn Job>),
    Backup(Order),
}

impl Waiting for Work {
    fn refuse(self, error: StoreError) {
        match self {
            Self::Write(job) => job.refuse(error),
            Self::Backup(order) => order.refuse(error),
        }
    }
}

pub(super) struct Writer {
    /// Shared with a backup that is being made of it.
    connection: Rc<Connection>,
    file: PathBuf,
    wal: PathBuf,
    /// Above this size it is folded.
    fold_at: u64,
    lanes: Arc<Lanes<Work>>,
    commits: Arc<Commits>,
    /// What reads go through.
    gate: Arc<Gate>,
    /// What came between the writes of a batch.
    next: Option<Order>,
    copying: bool,
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
        wal: PathBuf,
        lanes: Arc<Lanes<Work>>,
        commits: Arc<Commits>,
        gate: Arc<Gate>,
        owner: Owner,
    ) -> Self {
        let connection = Rc::new(connection);
        Self {
            connection,
            file,
            wal,
            fold_at: WAL,
            lanes,
            commits,
            gate,
            next: None,
            copying: false,
            _owner: owner,
        }
    }

    pub(super) fn run(mut self) {
        let mut idle = true;
        loop {
            match self.lanes.next((!idle).then_some(IDLE)) {
                Next::Job(work, lane) => {
                    self.work(work, lane);
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

    fn work(&mut self, work: Work, lane: Lane) {
        match work {
            Work::Write(job) => {
                self.batch(job, lane);
                self.bound();
            }
            Work::Backup(order) => {
                self.lane_done(lane);
                self.back_up(order);
            }
        }
        if let Some(order) = self.next.take() {
            self.back_up(order);
        }
    }

    /// Copies the database, with the writes that wait between two steps.
    fn back_up(&mut self, order: Order) {
        if self.copying {
            return order.end(Err(StoreError::Unavailable("a backup is being made already".to_owned())));
        }
        self.copying = true;
        let source = Rc::clone(&self.connection);
        let result = order.copy(&source, || {
            if let Some((work, lane)) = self.lanes.waiting() {
                self.work(work, lane);
            }
            if Rc::ptr_eq(&source, &self.connection) {
                Ok(())
            } else {
                Err(StoreError::Unavailable(
                    "a write failed during the backup, and the database was opened anew; make the backup again"
                        .to_owned(),
                ))
            }
        });
        self.copying = false;
        order.end(result);
    }

    /// Keeps the WAL from growing under readers that never leave a gap.
    fn bound(&mut self) {
        let size = || std::fs::metadata(&self.wal).map_or(0, |file| file.len());
        if size() > self.fold_at {
            if !self.gate.alone(ALONE, || self.fold()) {
                tracing::debug!("a long read keeps the write-ahead log from being folded; tried again later");
            }
            self.fold_at = WAL.max(size() + WAL_MORE);
        }
    }

    /// Checkpoints, and gives the WAL's space back. A backup may be in the way for longer than SQLite waits; then the next time
    /// does it.
    fn fold(&self) {
        let folded = self.connection.raw().query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "the write-ahead log could not be folded into the database");
        }
    }

    /// Runs `first` and what waits with it in one transaction.
    fn batch(&mut self, first: Box<dyn Job>, lane: Lane) {
        let began = Instant::now();
        if let Err(failure) = begin(&self.connection) {
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
            if done.len() >= BATCH || began.elapsed() >= WORK {
                break;
            }
            next = match self.lanes.waiting() {
                Some((Work::Write(job), lane)) => Some((job, lane)),
                Some((Work::Backup(order), lane)) => {
                    self.lane_done(lane);
                    self.next = Some(order);
                    None
                }
                None => None,
            };
        }
        if settle(&self.connection).is_err() {
            return self.one_by_one(done);
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
            Ok(connection) => self.connection = Rc::new(connection),
            Err(error) => {
                tracing::error!(%error, "the database could not be opened again");
                if self.connection.in_transaction() {
                    let _ = self.connection.control("rollback");
                }
            }
        }
    }
}

fn begin(connection: &Connection) -> Result<(), Failure> {
    *connection.counters() = Counters::default();
    connection.control("begin immediate")
}

/// Writes the numbers that the closures have moved.
fn settle(connection: &Connection) -> Result<(), StoreError> {
    Tx::new(Link::Lite(connection), State::default()).settle()
}

fn in_savepoint(connection: &Connection, job: &mut dyn Job) -> Run {
    let counters = connection.counters().clone();
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
        *connection.counters() = counters;
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
    begin(connection).map_err(|failure| failure.error)?;
    let mut tx = Tx::new(Link::Lite(connection), State::default());
    let stands = job.attempt(&mut tx);
    let announced = tx.into_state().announced;
    let control = |text| connection.control(text).map_err(|failure| failure.error);
    let ended = match (connection.in_transaction(), stands) {
        // Gone already: its statement was told, and so is whoever waits.
        (false, _) => Ok(()),
        (true, true) => {
            settle(connection).and_then(|()| control("commit")).map(|()| commits.record(1, announced))
        }
        (true, false) => control("rollback"),
    };
    if ended.is_err() && connection.in_transaction() {
        let _ = control("rollback");
    }
    ended
}
