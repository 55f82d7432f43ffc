//! In memory, closures run at once on the calling thread: for tests and simulation, where nothing may depend on
//! threads or on time.

use std::sync::Mutex;

use super::Connection;
use crate::{
    StoreError, Tables, Tx,
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

    /// `true`: it is committed and announced something.
    pub(crate) fn write(&self, mut job: Box<dyn Job>) -> bool {
        let (outcome, announced) = super::writer::alone(&lock(&self.0), &mut *job);
        let committed = announced && outcome.is_ok();
        job.finish(outcome);
        committed
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
