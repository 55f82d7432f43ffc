//! The door: a database, opened.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use crate::{
    Backend, Figures, Lane, SealingKey, Snapshot, StoreError, Tables, Tx,
    commits::Commits,
    job::{self, Job, Task},
    postgres::Postgres,
    seal::Place,
    sqlite::{Inline, News, Order, Sqlite},
};

/// Where the data lies.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A folder of this machine; the database is `usher.db` in it.
    Sqlite(PathBuf),
    /// A PostgreSQL connection string (`postgres://…`), used by any number of instances.
    Postgres(String),
}

/// Without what may hold a password.
impl std::fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(folder) => f.debug_tuple("Sqlite").field(folder).finish(),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// The database. Cheap to clone; the last clone dropped, or [`Store::close`], ends its threads.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.backend()).finish()
    }
}

/// How far a backup is, in pages of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Pages that are copied.
    pub pages: u64,
    /// Pages there are.
    pub of: u64,
}

struct Inner {
    database: Database,
    key: SealingKey,
    commits: Arc<Commits>,
    /// Inline alone: whoever waits for a read or write is polled once more after it.
    stepwise: bool,
}

enum Database {
    Inline(Inline),
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Connections (and so threads) to PostgreSQL, unless told otherwise.
const CONNECTIONS: usize = 16;

impl Store {
    /// Opens, migrating SQLite at once and PostgreSQL under the migration table's lock. `key` seals secrets.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], whose text says why and what to do: the folder is another process's, or lies on a
    /// network; the server is not there; the database is newer than this binary.
    pub fn open(at: &StoreUrl, tables: &[Tables], key: SealingKey) -> Result<Self, StoreError> {
        match at {
            StoreUrl::Sqlite(folder) => Self::open_sqlite(folder, "usher", tables, key),
            StoreUrl::Postgres(url) => Self::open_postgres(url, CONNECTIONS, tables, key),
        }
    }

    /// SQLite under another name: `NAME.db` in a folder, beside `usher.db`, with a writer and a lock of its own. For what
    /// must not wait for the rest, nor the rest for it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_sqlite(
        folder: &Path,
        name: &str,
        tables: &[Tables],
        key: SealingKey,
    ) -> Result<Self, StoreError> {
        let commits = Arc::new(Commits::new());
        let sqlite = Sqlite::open(folder, name, tables, Arc::clone(&commits))?;
        Ok(Self(Arc::new(Inner { database: Database::Sqlite(sqlite), key, commits, stepwise: false })))
    }

    /// PostgreSQL with a given number of connections, each a thread of its own.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_postgres(
        url: &str,
        connections: usize,
        tables: &[Tables],
        key: SealingKey,
    ) -> Result<Self, StoreError> {
        let commits = Arc::new(Commits::new());
        let postgres = Postgres::open(url, connections, tables, Arc::clone(&commits))?;
        Ok(Self(Arc::new(Inner { database: Database::Postgres(postgres), key, commits, stepwise: false })))
    }

    /// In-memory SQLite, closures run at once on the calling thread: for tests and simulation. The sealing key is
    /// random.
    ///
    /// # Panics
    /// If the tables can't be made: then the migrations are wrong, and no test can begin.
    pub fn inline(tables: &[Tables]) -> Self {
        Self::in_memory(tables, false)
    }

    /// As [`Store::inline`], but whoever waits for a read or a write waits once more when it is done: a future that is dropped
    /// there has ended right after its commit, as in a crash. So a simulation can crash between any two of them.
    ///
    /// # Panics
    /// As [`Store::inline`].
    pub fn stepwise(tables: &[Tables]) -> Self {
        Self::in_memory(tables, true)
    }

    #[expect(clippy::panic, reason = "for tests, which want a Store, not a Result")]
    fn in_memory(tables: &[Tables], stepwise: bool) -> Self {
        match Inline::open(tables) {
            Ok(inline) => Self(Arc::new(Inner {
                database: Database::Inline(inline),
                key: SealingKey::generate().0,
                commits: Arc::new(Commits::new()),
                stepwise,
            })),
            Err(error) => panic!("{error}"),
        }
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match self.0.database {
            Database::Inline(_) | Database::Sqlite(_) => Backend::Sqlite,
            Database::Postgres(_) => Backend::Postgres,
        }
    }

    /// Runs `work` in a transaction, one or more times; the last run alone counts. Ok only after the commit.
    ///
    /// It may change nothing but its [`Tx`]: times, ids and randomness are made before it. Dropping the future does not
    /// stop a write that was begun.
    ///
    /// # Errors
    /// The closure's own, and as a [`StoreError`]: [`StoreError::Busy`] when too many wait already, [`StoreError::Full`],
    /// [`StoreError::Unavailable`], [`StoreError::Unknown`], and [`StoreError::Bug`] for a closure that panicked.
    pub async fn write<T, E>(
        &self,
        lane: Lane,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.start_write(lane, Box::new(Task::new(work, reply_to(reply))))?;
        self.step().await;
        answered(answer).await
    }

    /// One snapshot, ended after `limit` with [`StoreError::TooSlow`]. The closure may run more than once.
    ///
    /// # Errors
    /// As [`Store::write`], but for those of a commit.
    pub async fn read<T, E>(
        &self,
        limit: Duration,
        work: impl FnMut(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.start_read(limit, Box::new(Task::new(viewing(work), reply_to(reply))))?;
        self.step().await;
        answered(answer).await
    }

    /// [`Store::write`] for the command line and plain threads; never on an async worker.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn block_write<T, E>(
        &self,
        lane: Lane,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let send = move |result| {
            let _ = reply.send(result);
        };
        self.start_write(lane, Box::new(Task::new(work, send)))?;
        answer.recv().unwrap_or_else(|_| Err(lost().into()))
    }

    /// [`Store::read`] for the command line and plain threads.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn block_read<T, E>(
        &self,
        limit: Duration,
        work: impl FnMut(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let send = move |result| {
            let _ = reply.send(result);
        };
        self.start_read(limit, Box::new(Task::new(viewing(work), send)))?;
        answer.recv().unwrap_or_else(|_| Err(lost().into()))
    }

    /// Copies the SQLite database to a new file (0600) beside which nothing else is needed, while others read and write: the copy
    /// is the state of the moment it ends. `progress` is called here, on the calling thread. Until it is whole the file is called
    /// `….part`. Never on an async worker.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] says why there is no copy: PostgreSQL (which has `pg_dump`) and databases in memory have none; the
    /// file exists already or can't be written. [`StoreError::Full`].
    pub fn block_backup(&self, to: &Path, mut progress: impl FnMut(Copied)) -> Result<(), StoreError> {
        let Database::Sqlite(sqlite) = &self.0.database else {
            return Err(StoreError::Unavailable("only a SQLite database is copied to a file".to_owned()));
        };
        job::outside()?;
        let (tell, hear) = std::sync::mpsc::channel();
        sqlite.back_up(Order { to: to.to_owned(), tell });
        for news in hear {
            match news {
                News::Copied(copied) => progress(copied),
                News::Ended(result) => return result,
            }
        }
        Err(lost())
    }

    async fn step(&self) {
        if self.0.stepwise {
            tokio::task::yield_now().await;
        }
    }

    fn start_write(&self, lane: Lane, job: Box<dyn Job>) -> Result<(), StoreError> {
        job::outside()?;
        match &self.0.database {
            Database::Inline(inline) => inline.write(job, &self.0.commits),
            Database::Sqlite(sqlite) => sqlite.write(lane, job),
            Database::Postgres(postgres) => postgres.write(lane, job),
        }
        Ok(())
    }

    fn start_read(&self, limit: Duration, job: Box<dyn Job>) -> Result<(), StoreError> {
        job::outside()?;
        match &self.0.database {
            Database::Inline(inline) => inline.read(job),
            Database::Sqlite(sqlite) => sqlite.read(limit, job),
            Database::Postgres(postgres) => postgres.read(limit, job),
        }
        Ok(())
    }

    /// Moves on each commit of this process that called [`Tx::announce`]; wakes consumers of the feed.
    pub fn announced(&self) -> watch::Receiver<u64> {
        self.0.commits.announced()
    }

    /// How it is doing, for metrics.
    pub fn figures(&self) -> Figures {
        let (waiting, wal) = match &self.0.database {
            Database::Inline(_) => (0, None),
            Database::Sqlite(sqlite) => (sqlite.waiting(), sqlite.wal()),
            Database::Postgres(postgres) => (postgres.waiting(), None),
        };
        self.0.commits.figures(waiting, wal)
    }

    /// Seals `plain` (XChaCha20-Poly1305; table, row and column are associated data; key id in front).
    pub fn seal(&self, table: &str, row: i64, column: &str, plain: &[u8]) -> Vec<u8> {
        self.0.key.seal(&Place { table, row, column }, plain)
    }

    /// Opens what [`Store::seal`] made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] says that the key is another, or that the value was changed or moved.
    pub fn unseal(&self, table: &str, row: i64, column: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.0.key.unseal(&Place { table, row, column }, sealed)
    }

    /// Whether a sealed value was sealed with the present key; if not, the re-sealing job seals it again.
    pub fn is_sealed_with_current_key(&self, sealed: &[u8]) -> bool {
        self.0.key.is_current(sealed)
    }

    /// Ends the threads after what is queued, checkpoints, closes. Other clones of this store then answer
    /// [`StoreError::Unavailable`].
    pub fn close(self) {
        match &self.0.database {
            Database::Inline(_) => {}
            Database::Sqlite(sqlite) => sqlite.close(),
            Database::Postgres(postgres) => postgres.close(),
        }
    }
}

/// A closure over a [`Snapshot`] as one over the [`Tx`] that carries it.
fn viewing<T, E>(
    mut work: impl FnMut(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
) -> impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static {
    move |tx| work(tx)
}

fn reply_to<A>(reply: oneshot::Sender<A>) -> impl FnOnce(A) {
    move |result| {
        // Nobody waits any more: the caller went away, what was written stands.
        let _ = reply.send(result);
    }
}

/// Ready at once when the answer is there already, as it is after an inline run.
async fn answered<T, E: From<StoreError>>(mut answer: oneshot::Receiver<Result<T, E>>) -> Result<T, E> {
    match answer.try_recv() {
        Ok(result) => result,
        Err(_) => answer.await.unwrap_or_else(|_| Err(lost().into())),
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable("the database's thread ended".to_owned())
}
