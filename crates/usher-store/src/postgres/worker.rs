//! A thread with its connection: takes closures, runs each as a transaction, and again where that may help.

use std::{
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use super::{Pool, Request, Session, Way};
use crate::{
    StoreError, Tx,
    job::{Job, Lane, Next, answer, lock},
    tx::{Link, State},
};

/// Runs of one closure. With the pauses between them a little more than a second.
const TRIES: u32 = 9;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

pub(super) struct Worker {
    pool: Arc<Pool>,
    /// Opened when first needed, and after it was lost.
    session: Option<Session>,
    /// A reading transaction stands that has done its work.
    snapshot: bool,
}

/// How a run ended.
enum Run {
    /// The closure's own answer is the answer.
    Ended,
    /// And its writes stand.
    Committed { announced: bool },
    /// So did the database.
    Failed(StoreError),
    /// Another run may help; this, if none is left.
    Again(Result<(), StoreError>),
}

impl Worker {
    pub(super) fn new(pool: Arc<Pool>, session: Option<Session>) -> Self {
        Self { pool, session, snapshot: false }
    }

    pub(super) fn run(mut self) {
        while let Next::Job(Request { mut job, way }, lane) = self.pool.lanes.next(None) {
            let outcome = self.tries(&mut *job, way);
            if lane == Lane::Bulk {
                self.pool.lanes.bulk_done();
            }
            answer(job, outcome);
            self.end_snapshot();
        }
    }

    /// What was read is not waiting for the end of its transaction.
    fn end_snapshot(&mut self) {
        if let Some(session) = self.session.as_mut().filter(|_| std::mem::take(&mut self.snapshot))
            && !session.is_lost()
            && session.control("commit").is_err()
        {
            self.session = None;
        }
    }

    fn tries(&mut self, job: &mut dyn Job, way: Way) -> Result<(), StoreError> {
        let mut pause = FIRST_PAUSE;
        let mut left = TRIES;
        loop {
            left -= 1;
            let run = match way {
                Way::Write => self.write(job),
                Way::Read(deadline) => self.read(job, deadline),
            };
            if self.session.as_ref().is_some_and(Session::is_lost) {
                self.session = None;
            }
            match run {
                Run::Ended => return Ok(()),
                Run::Committed { announced } => {
                    self.pool.commits.record(1, announced);
                    return Ok(());
                }
                Run::Failed(error) => return Err(error),
                Run::Again(outcome) if left == 0 => return outcome,
                Run::Again(_) => {
                    // Those who met each other must not meet again.
                    sleep(pause.mul_f64(0.5 + rand::random::<f64>()));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn session(&mut self) -> Result<&mut Session, StoreError> {
        match &mut self.session {
            Some(session) => Ok(session),
            none => Ok(none.insert(Session::new(self.pool.server.connect()?))),
        }
    }

    fn write(&mut self, job: &mut dyn Job) -> Run {
        let session = match self.session() {
            Ok(session) => session,
            Err(error) => return Run::Again(Err(error)),
        };
        let begin = "begin isolation level read committed read write; set local statement_timeout = 30000";
        if let Err(failure) = session.control(begin) {
            return Run::of(failure.again, failure.error);
        }
        let mut tx = Tx::new(Link::Pg(session), State::default());
        let stands = job.attempt(&mut tx);
        let state = tx.into_state();
        if state.again || !stands || session.is_lost() {
            if !session.is_lost() && session.control("rollback").is_err() {
                session.abandon();
            }
            let again = state.again || session.is_lost();
            // Nothing of it stands, whatever the closure made of a failure in a savepoint.
            let outcome = if stands { Err(StoreError::busy()) } else { Ok(()) };
            return if again { Run::Again(outcome) } else { Run::Ended };
        }
        match session.control("commit") {
            Ok(()) => Run::Committed { announced: state.announced },
            Err(_) if session.is_lost() => Run::Failed(StoreError::Unknown),
            Err(failure) => Run::of(failure.again, failure.error),
        }
    }

    /// One statement runs by itself. A closure that makes a second one is run again in a snapshot, and from then on
    /// always.
    fn read(&mut self, job: &mut dyn Job, deadline: Instant) -> Run {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        if left == 0 {
            return Run::Failed(StoreError::TooSlow);
        }
        let several = lock(&self.pool.several).contains(&job.kind());
        let session = match self.session() {
            Ok(session) => session,
            Err(error) => return Run::Again(Err(error)),
        };
        let begun = if several {
            session.control(&format!(
                "begin isolation level repeatable read read only; set local statement_timeout = {left}"
            ))
        } else {
            session.limit(rounded(left))
        };
        if let Err(failure) = begun {
            return Run::of(failure.again, failure.error);
        }
        let state = State { reading: true, single: !several, deadline: Some(deadline), ..State::default() };
        let mut tx = Tx::new(Link::Pg(session), state);
        job.attempt(&mut tx);
        let state = tx.into_state();
        self.snapshot = several;
        if state.needs_snapshot {
            lock(&self.pool.several).insert(job.kind());
            return self.read(job, deadline);
        }
        if state.again && Instant::now() < deadline {
            self.end_snapshot();
            return Run::Again(Ok(()));
        }
        Run::Ended
    }
}

impl Run {
    fn of(again: bool, error: StoreError) -> Self {
        if again { Self::Again(Err(error)) } else { Self::Failed(error) }
    }
}

/// The session's limit is set anew only when it differs, so it is coarse: the next power of two.
fn rounded(milliseconds: u128) -> u128 {
    milliseconds.checked_next_power_of_two().unwrap_or(milliseconds)
}
