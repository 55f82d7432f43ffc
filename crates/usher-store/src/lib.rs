//! SQLite and PostgreSQL behind one transaction type.
//!
//! Domain code is plain synchronous Rust over [`Tx`] and [`Snapshot`]; it runs unchanged on both
//! databases. See `docs/architecture.md`, *Storage*.

use std::{sync::Arc, time::Duration};

/// Where the data lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A folder of this machine; the database is `usher.db` in it.
    Sqlite(std::path::PathBuf),
    /// A PostgreSQL connection string (`postgres://…`), used by any number of instances.
    Postgres(String),
}

/// Which database a [`Store`] runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite: one writer, group commit.
    Sqlite,
    /// PostgreSQL: a request is a transaction on one of N connections.
    Postgres,
}

/// A statement, in one spelling or two. Arguments are `$1`, `$2`, … in both.
#[derive(Debug, Clone)]
pub struct Sql {
    lite: std::borrow::Cow<'static, str>,
    pg: std::borrow::Cow<'static, str>,
}

impl Sql {
    /// The same text on both databases.
    pub const fn same(text: &'static str) -> Self {
        Self { lite: std::borrow::Cow::Borrowed(text), pg: std::borrow::Cow::Borrowed(text) }
    }
    /// A spelling each.
    pub const fn each(lite: &'static str, pg: &'static str) -> Self {
        Self { lite: std::borrow::Cow::Borrowed(lite), pg: std::borrow::Cow::Borrowed(pg) }
    }
    /// Built at run time: only the search planner of `usher-directory` does this. Never holds user text.
    pub fn built(text: String) -> Self {
        Self { lite: text.clone().into(), pg: text.into() }
    }
}

/// An argument or a column's value. Times are integer milliseconds since 1970; ids are bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL null.
    Null,
    /// A boolean (an integer on SQLite).
    Bool(bool),
    /// `bigint`.
    Int(i64),
    /// `text`.
    Text(String),
    /// `blob` / `bytea`.
    Bytes(Vec<u8>),
}
// From<bool, i64, i32, i16, u32, &str, String, &[u8], Vec<u8>, Uuid, jiff::Timestamp, Option<T>, &T> for Value.

/// A column of [`Tx::exec_many`]: one entry a row; all columns of a call are equally long.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// `bigint[]`
    Int(Vec<Option<i64>>),
    /// `boolean[]`
    Bool(Vec<Option<bool>>),
    /// `text[]`
    Text(Vec<Option<String>>),
    /// `bytea[]`
    Bytes(Vec<Option<Vec<u8>>>),
}

/// A row being read.
pub struct Row<'r>(std::marker::PhantomData<&'r ()>);

impl Row<'_> {
    /// The value of column `index` (from 0). Errors with [`StoreError::Bug`] on a wrong type or an unexpected null.
    pub fn get<T: FromValue>(&self, _index: usize) -> Result<T, StoreError> {
        todo!()
    }
}

/// A type a column can be read as: bool, i64, String, `Vec<u8>`, Uuid, jiff::Timestamp, `Option<T>`.
pub trait FromValue: Sized {
    /// Reads it.
    fn from_value(value: Value) -> Result<Self, StoreError>;
}

/// A type a row can be read as; implemented for tuples of [`FromValue`] up to 12 and for single values through `(T,)`.
pub trait FromRow: Sized {
    /// Reads it.
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError>;
}

/// One crate's migrations, in order. Applied ones are rows (crate, number, hash of text).
#[derive(Debug, Clone, Copy)]
pub struct Tables {
    /// The crate, e.g. `directory`.
    pub owner: &'static str,
    /// Number 1 first. A text may use `{key}` (an increasing primary key), `{bytes}`, `{text}` (bytewise collation),
    /// which are spelled for each database; statements end with `;`.
    pub migrations: &'static [&'static str],
}

/// Which queue a write waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A request somebody waits for.
    Now,
    /// Bulk work, in closures of at most 500 rows or 20 ms.
    Bulk,
}

/// What can go wrong, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A unique index or foreign key refused it; the constraint's (index's) name where the database tells it.
    #[error("a constraint refused the change ({constraint})")]
    Conflict {
        /// E.g. `object_name`.
        constraint: String,
    },
    /// The queue is full; answer 503 with Retry-After.
    #[error("the database is busy, try again in {retry_after:?}")]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// A read ran over its limit.
    #[error("the query took too long")]
    TooSlow,
    /// The disk is full; nothing of the transaction stands.
    #[error("the disk is full")]
    Full,
    /// The database can't be reached or opened; the text says why and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// The connection was lost during COMMIT: it may or may not stand. Read before writing again.
    #[error("the outcome of the commit is unknown")]
    Unknown,
    /// A mistake of ours: wrong SQL, a wrong type, a panic in a closure.
    #[error("internal storage error: {0}")]
    Bug(String),
}

/// The key that seals secrets (32 bytes), and where it came from.
#[derive(Clone)]
pub struct SealingKey(#[allow(dead_code)] Arc<[u8; 32]>);

impl SealingKey {
    /// 64 hex digits, white space around them ignored.
    pub fn parse(_hex: &str) -> Result<Self, StoreError> {
        todo!()
    }
    /// A new random key and its hex spelling.
    pub fn generate() -> (Self, String) {
        todo!()
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(#[allow(dead_code)] Arc<()>);

/// A consistent reading view.
pub struct Snapshot<'c>(std::marker::PhantomData<&'c ()>);

/// A writing transaction (or, within a batch, a savepoint); derefs to [`Snapshot`].
pub struct Tx<'c>(Snapshot<'c>);

impl Store {
    /// Opens, migrating SQLite at once and PostgreSQL under the migration row's lock. `key` seals secrets.
    pub fn open(_at: &StoreUrl, _tables: &[Tables], _key: SealingKey) -> Result<Self, StoreError> {
        todo!()
    }
    /// In-memory SQLite, closures run at once on the calling thread: for tests and simulation.
    pub fn inline(_tables: &[Tables]) -> Self {
        todo!()
    }
    /// Which database this is.
    pub fn backend(&self) -> Backend {
        todo!()
    }
    /// Runs `work` in a transaction, one or more times; the last run alone counts. Ok only after the commit.
    pub async fn write<T, E>(
        &self,
        _lane: Lane,
        _work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        todo!()
    }
    /// One snapshot, ended after `limit` with [`StoreError::TooSlow`].
    pub async fn read<T, E>(
        &self,
        _limit: Duration,
        _work: impl FnMut(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        todo!()
    }
    /// [`Store::write`] for the command line and plain threads; never on an async worker.
    pub fn block_write<T, E>(
        &self,
        _lane: Lane,
        _work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        todo!()
    }
    /// [`Store::read`] for the command line and plain threads.
    pub fn block_read<T, E>(
        &self,
        _limit: Duration,
        _work: impl FnMut(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        todo!()
    }
    /// Moves on each commit of this process that called [`Tx::announce`]; wakes consumers of the feed.
    pub fn announced(&self) -> tokio::sync::watch::Receiver<u64> {
        todo!()
    }
    /// Seals `plain` (XChaCha20-Poly1305; table, row and column are associated data; key id in front).
    pub fn seal(&self, _table: &str, _row: i64, _column: &str, _plain: &[u8]) -> Vec<u8> {
        todo!()
    }
    /// Opens what [`Store::seal`] made; an error says that the key is another or the row was moved.
    pub fn unseal(
        &self,
        _table: &str,
        _row: i64,
        _column: &str,
        _sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        todo!()
    }
    /// Ends the writer after what is queued, checkpoints, closes.
    pub fn close(self) {
        todo!()
    }
}

impl Snapshot<'_> {
    /// Which database this is.
    pub fn backend(&self) -> Backend {
        todo!()
    }
    /// The first row, if any.
    pub fn one<R: FromRow>(&mut self, _sql: &Sql, _args: &[Value]) -> Result<Option<R>, StoreError> {
        todo!()
    }
    /// At most `most` rows; a row more is [`StoreError::Bug`]: no unbounded read can be written.
    pub fn all<R: FromRow>(
        &mut self,
        _sql: &Sql,
        _args: &[Value],
        _most: usize,
    ) -> Result<Vec<R>, StoreError> {
        todo!()
    }
}

impl<'c> std::ops::Deref for Tx<'c> {
    type Target = Snapshot<'c>;
    fn deref(&self) -> &Snapshot<'c> {
        &self.0
    }
}
impl std::ops::DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Tx<'_> {
    /// Runs a statement; the number of rows it touched. `insert … returning` goes through [`Snapshot::one`].
    pub fn exec(&mut self, _sql: &Sql, _args: &[Value]) -> Result<u64, StoreError> {
        todo!()
    }
    /// The same statement for many rows. PostgreSQL: one statement with arrays (spell it with `unnest($1::bigint[], …)`);
    /// SQLite: a prepared statement in a loop.
    pub fn exec_many(&mut self, _sql: &Sql, _columns: &[Column]) -> Result<u64, StoreError> {
        todo!()
    }
    /// Runs `work` in a savepoint: on `Err` only what it wrote is undone.
    pub fn savepoint<T, E>(&mut self, _work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        todo!()
    }
    /// Says that consumers of the feed or of work have something new once this commits.
    pub fn announce(&mut self) {
        todo!()
    }
}
mod doors;
