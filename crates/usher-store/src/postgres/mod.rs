//! PostgreSQL: a closure is a transaction on one of N connections, each a plain thread of its own.
//!
//! The `postgres` crate brings its own runtime and panics on an async worker, so nothing of it is called elsewhere.

mod connect;
mod errors;
mod session;
mod types;
mod worker;

use std::{
    any::TypeId,
    collections::HashSet,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

pub(crate) use session::Session;
pub(crate) use types::value_of;

use crate::{
    Lane, StoreError, Tables,
    commits::Commits,
    job::{Job, Lanes, Waiting, lock},
    migrate,
    sqlite::spawn,
};

/// Closures that may wait, for each lane.
const WAITING: usize = 4096;

/// A database server with our connections to it.
pub(crate) struct Postgres {
    pool: Arc<Pool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads share.
struct Pool {
    lanes: Lanes<Request>,
    server: connect::Server,
    /// Closures that were seen to read with more than one statement: these begin with a snapshot. The others save two
    /// round trips.
    several: Mutex<HashSet<TypeId>>,
    commits: Arc<Commits>,
}

/// A closure that waits for a connection.
struct Request {
    job: Box<dyn Job>,
    way: Way,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Write,
    /// Must end at that moment.
    Read(Instant),
}

impl Waiting for Request {
    fn refuse(self, error: StoreError) {
        self.job.finish(Err(error));
    }
}

impl Postgres {
    /// Connects, brings the tables up to date, and starts the threads.
    pub(crate) fn open(
        url: &str,
        connections: usize,
        tables: &[Tables],
        commits: Arc<Commits>,
    ) -> Result<Self, StoreError> {
        let server = connect::Server::new(url)?;
        let connections = connections.max(1);
        let first = on_thread({
            let (server, tables) = (server.clone(), tables.to_vec());
            move || {
                let mut client = server.connect()?;
                connect::check(&mut client)?;
                migrate::run_postgres(&mut client, &tables)?;
                Ok(Session::new(client))
            }
        })?;
        let pool = Arc::new(Pool {
            // Half of the connections at most do bulk work, so that requests find one.
            lanes: Lanes::new(WAITING, connections.div_ceil(2)),
            server,
            several: Mutex::default(),
            commits,
        });
        let mut first = Some(first);
        let mut threads = Vec::with_capacity(connections);
        for _ in 0..connections {
            let worker = worker::Worker::new(Arc::clone(&pool), first.take());
            threads.push(spawn("usher-postgres", move || worker.run())?);
        }
        Ok(Self { pool, threads: Mutex::new(threads) })
    }

    pub(crate) fn write(&self, lane: Lane, job: Box<dyn Job>) {
        self.pool.lanes.push(lane, Request { job, way: Way::Write });
    }

    pub(crate) fn read(&self, limit: Duration, job: Box<dyn Job>) {
        self.pool.lanes.push(Lane::Now, Request { job, way: Way::Read(Instant::now() + limit) });
    }

    pub(crate) fn waiting(&self) -> usize {
        self.pool.lanes.len()
    }

    /// Does what is queued, closes.
    pub(crate) fn close(&self) {
        self.pool.lanes.close();
        for thread in lock(&self.threads).drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.pool.lanes.close();
    }
}

/// Runs something of the `postgres` crate on a thread that is certainly no async worker, and waits for it.
fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    std::thread::spawn(work)
        .join()
        .unwrap_or_else(|_| Err(StoreError::Bug("the thread that connects panicked".to_owned())))
}

/// Runs statements on a connection of their own.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn run_once(url: &str, statements: &str) -> Result<(), StoreError> {
    let server = connect::Server::new(url)?;
    let statements = format!("begin read write; {statements}; commit");
    on_thread(move || {
        let mut client = server.connect()?;
        client.batch_execute(&statements).map_err(|error| errors::failure(&error, &statements).error)
    })
}
