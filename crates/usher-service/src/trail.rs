//! Writing the trail behind the requests: a bounded queue, one task that writes what waits in batches.
//!
//! A request never waits for it. What does not fit into the queue, or can't be written, is dropped and counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use usher_directory::trail::{self, Entry};
use usher_store::{Lane, Store, StoreError};

/// Entries that may wait.
const WAITING: usize = 10_000;
/// Bytes of bodies that may wait.
const BYTES: usize = 32 * 1024 * 1024;
/// Entries in one transaction.
const BATCH: usize = 500;
/// How often a batch is tried, with these pauses between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// How the trail is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Entries written since the start.
    pub written: u64,
    /// Entries lost since the start: the queue was full, or the store could not take them.
    pub dropped: u64,
    /// Entries that wait.
    pub waiting: usize,
}

/// Where requests are noted. Cheap to clone; when the last clone is dropped, what waits is written and the task ends.
#[derive(Debug, Clone)]
pub struct Trail {
    queue: mpsc::Sender<Message>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
    waiting: AtomicUsize,
    bytes: AtomicUsize,
}

#[derive(Debug)]
enum Message {
    Entry(Box<Entry>),
    /// Answered when all before it is written.
    Flush(oneshot::Sender<()>),
}

impl Trail {
    /// Starts writing to a store that has [`trail::TABLES`]. To be called on a tokio runtime.
    pub fn start(store: Store) -> Self {
        let (queue, arriving) = mpsc::channel(WAITING);
        let counts = Arc::new(Counts::default());
        tokio::spawn(Writer { store, counts: counts.clone() }.run(arriving));
        Self { queue, counts }
    }

    /// Notes a request, unless too many wait.
    pub(crate) fn offer(&self, entry: Entry) {
        let bytes = weight(&entry);
        let counts = &self.counts;
        // Counted before it is there: the writer may be faster than these lines.
        let fits = counts.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= BYTES;
        counts.waiting.fetch_add(1, Ordering::Relaxed);
        if fits && self.queue.try_send(Message::Entry(Box::new(entry))).is_ok() {
            return;
        }
        counts.bytes.fetch_sub(bytes, Ordering::Relaxed);
        counts.waiting.fetch_sub(1, Ordering::Relaxed);
        // Said with the first, and then at each power of two: a log that is flooded helps nobody.
        let dropped = counts.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        if dropped.is_power_of_two() {
            tracing::warn!(dropped, "requests are not noted in the trail: its store is too slow");
        }
    }

    /// Waits until all that was noted before is written (or dropped).
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// How it is doing, for metrics.
    pub fn figures(&self) -> Figures {
        Figures {
            written: self.counts.written.load(Ordering::Relaxed),
            dropped: self.counts.dropped.load(Ordering::Relaxed),
            waiting: self.counts.waiting.load(Ordering::Relaxed),
        }
    }
}

/// Bytes of an entry that may be many.
fn weight(entry: &Entry) -> usize {
    let notes: usize = entry.deviations.iter().map(|met| met.text.len()).sum();
    entry.path.len() + entry.body.as_ref().map_or(0, String::len) + notes + 16 * entry.objects.len()
}

struct Writer {
    store: Store,
    counts: Arc<Counts>,
}

impl Writer {
    async fn run(self, mut arriving: mpsc::Receiver<Message>) {
        let mut messages = Vec::new();
        while arriving.recv_many(&mut messages, BATCH).await > 0 {
            let (mut entries, mut flushes) = (Vec::new(), Vec::new());
            for message in messages.drain(..) {
                match message {
                    Message::Entry(entry) => entries.push(*entry),
                    Message::Flush(done) => flushes.push(done),
                }
            }
            self.write(entries).await;
            for done in flushes {
                // Whoever waited may have gone away.
                let _ = done.send(());
            }
        }
    }

    async fn write(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let (number, bytes) = (entries.len(), entries.iter().map(weight).sum());
        let entries: Arc<[Entry]> = entries.into();
        let mut written = self.append(entries.clone()).await;
        for _ in 1..TRIES {
            // A fault of ours is the same the next time.
            if matches!(written, Ok(()) | Err(StoreError::Bug(_))) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            written = self.append(entries.clone()).await;
        }
        self.counts.waiting.fetch_sub(number, Ordering::Relaxed);
        self.counts.bytes.fetch_sub(bytes, Ordering::Relaxed);
        match written {
            Ok(()) => _ = self.counts.written.fetch_add(number as u64, Ordering::Relaxed),
            Err(error) => {
                self.counts.dropped.fetch_add(number as u64, Ordering::Relaxed);
                tracing::warn!(%error, number, "requests could not be noted in the trail");
            }
        }
    }

    async fn append(&self, entries: Arc<[Entry]>) -> Result<(), StoreError> {
        self.store.write(Lane::Bulk, move |tx| trail::append(tx, &entries)).await
    }
}

#[cfg(test)]
mod tests {
    use usher_directory::DirectoryId;

    use super::*;

    fn entry(body: usize) -> Entry {
        Entry {
            at: jiff::Timestamp::UNIX_EPOCH,
            request: uuid::Uuid::now_v7(),
            directory: DirectoryId(1),
            token: uuid::Uuid::nil(),
            method: "POST".into(),
            path: String::new(),
            status: 201,
            took: 1,
            address: String::new(),
            agent: String::new(),
            detail: None,
            deviations: Vec::new(),
            objects: Vec::new(),
            body: Some("x".repeat(body)),
            size: None,
            cut: false,
            erased: false,
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_counted() {
        let trail = Trail::start(Store::inline(&[trail::TABLES]));
        // The task has not run yet: nobody awaits here.
        for _ in 0..WAITING + 3 {
            trail.offer(entry(1));
        }
        assert_eq!(trail.figures(), Figures { written: 0, dropped: 3, waiting: WAITING });
        trail.flush().await;
        assert_eq!(trail.figures(), Figures { written: WAITING as u64, dropped: 3, waiting: 0 });
        for _ in 0..5 {
            trail.offer(entry(BYTES / 4));
        }
        assert_eq!(trail.figures(), Figures { written: WAITING as u64, dropped: 4, waiting: 4 });
        trail.flush().await;
        assert_eq!(trail.figures().written, WAITING as u64 + 4);
    }

    #[tokio::test]
    async fn what_can_not_be_written_is_dropped_and_counted() {
        let trail = Trail::start(Store::inline(&[]));
        trail.offer(entry(1));
        trail.flush().await;
        assert_eq!(trail.figures(), Figures { written: 0, dropped: 1, waiting: 0 });
    }
}
