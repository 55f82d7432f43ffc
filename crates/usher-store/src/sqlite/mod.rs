//! SQLite: one writer thread with group commit; reads where they are called, long ones on two threads of their own.

mod backup;
mod connection;
mod counters;
mod errors;
mod folder;
mod gate;
mod inline;
mod reader;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

pub(crate) use backup::{News, Order};
pub(crate) use connection::{Connection, value_of};
pub(crate) use counters::Counters;
pub(crate) use inline::Inline;

use crate::{
    Lane, StoreError, Tables,
    commits::Commits,
    job::{Job, Lanes, lock},
    migrate,
};

/// Writes that may wait, for each lane.
const WRITES: usize = 4096;
/// Long reads that may wait.
const SCANS: usize = 256;
const SCAN_THREADS: usize = 2;

/// A database file with its threads.
pub(crate) struct Sqlite {
    writes: Arc<Lanes<writer::Work>>,
    readers: Arc<reader::Readers>,
    wal: PathBuf,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Sqlite {
    /// Opens (and makes) `NAME.db` in `folder` and brings its tables up to date.
    pub(crate) fn open(
        folder: &Path,
        name: &str,
        tables: &[Tables],
        commits: Arc<Commits>,
    ) -> Result<Self, StoreError> {
        let owner = folder::own(folder, name)?;
        let file: PathBuf = folder.join(format!("{name}.db"));
        let connection = Connection::writer(&file)?;
        migrate::run_sqlite(&connection, tables)?;
        let writes = Arc::new(Lanes::new(WRITES, usize::MAX));
        let gate = Arc::new(gate::Gate::default());
        let readers = Arc::new(reader::Readers::new(file.clone(), Lanes::new(SCANS, 1), Arc::clone(&gate)));
        // One opened now, so that a file that can't be read is told at the start.
        readers.give_back(Connection::reader(&file)?);
        let wal = folder.join(format!("{name}.db-wal"));
        let (lanes, log) = (Arc::clone(&writes), wal.clone());
        let write = move || writer::Writer::new(connection, file, log, lanes, commits, gate, owner).run();
        let mut threads = vec![spawn("usher-writer", write)?];
        for _ in 0..SCAN_THREADS {
            let readers = Arc::clone(&readers);
            threads.push(spawn("usher-scan", move || readers.run_scans())?);
        }
        Ok(Self { writes, readers, wal, threads: Mutex::new(threads) })
    }

    pub(crate) fn write(&self, lane: Lane, job: Box<dyn Job>) {
        self.writes.push(lane, writer::Work::Write(job));
    }

    pub(crate) fn back_up(&self, order: Order) {
        self.writes.push(Lane::Bulk, writer::Work::Backup(order));
    }

    pub(crate) fn read(&self, limit: Duration, job: Box<dyn Job>) {
        self.readers.read(limit, job);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.writes.len()
    }

    /// The size of the write-ahead log.
    pub(crate) fn wal(&self) -> Option<u64> {
        std::fs::metadata(&self.wal).ok().map(|file| file.len())
    }

    /// Does what is queued, checkpoints, closes.
    pub(crate) fn close(&self) {
        self.stop();
        for thread in lock(&self.threads).drain(..) {
            let _ = thread.join();
        }
    }

    fn stop(&self) {
        self.readers.close();
        self.writes.close();
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| StoreError::Unavailable(format!("no thread for the database: {error}")))
}
