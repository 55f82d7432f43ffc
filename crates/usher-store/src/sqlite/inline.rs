//! In memory, closures run at once on the calling thread: for tests and simulation, where nothing may depend on
//! threads or on time.

use std::sync::Mutex;

use super::Connection;
use crate::{
    StoreError, Tables, Tx,
    commits::Commits,
    job::{Job, lock},
    migrate,
    tx::{Link, State},
};

pub(crate) struct Inline(Mutex<Connection>);

impl Inline {
    pub(crate) fn open(tables: &[Tables]) -> Result<Self, StoreError> {
        let connection = Connection::memory()?;
        migrate::run_sqlite(&connection, tables)?;
        Ok(Self(Mutex::new(connection)))
    }

    pub(crate) fn write(&self, mut job: Box<dyn Job>, commits: &Commits) {
        let outcome = super::writer::alone(&lock(&self.0), &mut *job, commits);
        job.finish(outcome);
    }

    /// Limits are not kept: time does not pass here.
    pub(crate) fn read(&self, mut job: Box<dyn Job>) {
        let connection = lock(&self.0);
        let outcome = connection.control("begin").map_err(|failure| failure.error);
        if outcome.is_ok() {
            let state = State { reading: true, ..State::default() };
            job.attempt(&mut Tx::new(Link::Lite(&connection), state));
            let _ = connection.control("rollback");
        }
        drop(connection);
        job.finish(outcome);
    }
}
