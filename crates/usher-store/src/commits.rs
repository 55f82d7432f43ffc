//! What was committed: counted, and announced to those who wait for something new.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// How the store is doing, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Transactions committed by this process since it opened the store.
    pub commits: u64,
    /// Writes in them; divided by `commits`, the size of a batch.
    pub writes: u64,
    /// Closures that wait for the writer or a connection.
    pub waiting: usize,
    /// Size of SQLite's write-ahead log in bytes.
    pub wal: Option<u64>,
}

/// Shared with the threads that commit.
pub(crate) struct Commits {
    announced: watch::Sender<u64>,
    commits: AtomicU64,
    writes: AtomicU64,
}

impl Commits {
    pub(crate) fn new() -> Self {
        Self { announced: watch::Sender::new(0), commits: AtomicU64::new(0), writes: AtomicU64::new(0) }
    }

    /// A transaction with that many closures stands.
    pub(crate) fn record(&self, writes: u64, announced: bool) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes, Ordering::Relaxed);
        if announced {
            self.announced.send_modify(|count| *count += 1);
        }
    }

    pub(crate) fn announced(&self) -> watch::Receiver<u64> {
        self.announced.subscribe()
    }

    pub(crate) fn figures(&self, waiting: usize, wal: Option<u64>) -> Figures {
        let (commits, writes) = (self.commits.load(Ordering::Relaxed), self.writes.load(Ordering::Relaxed));
        Figures { commits, writes, waiting, wal }
    }
}
