//! The trail: every request of SCIM clients, what it said and how it was read.
//!
//! A store of its own, so that neither waits for the other: on SQLite a file beside the database, on PostgreSQL tables by day
//! in it, so that the oldest day goes as a whole. It is written behind the requests, in batches, never in their transactions,
//! and kept for some days only.

use jiff::Timestamp;
use usher_store::{FromRow, Row, StoreError, Tables};
use uuid::Uuid;

use crate::{DirectoryId, ObjectId};

mod erase;
mod find;
mod keep;

pub use erase::{Marks, erase};
pub use find::{Found, Mark, Query, find};
pub use keep::{append, prune};

/// The trail's tables. On PostgreSQL they stand in the same database as [`crate::TABLES`].
pub const TABLES: Tables = Tables { owner: "trail", migrations: &[FIRST] };

/// `trail_day`: which days have tables (PostgreSQL). Objects stand in a row of their own for finding, and in the request's for
/// showing.
const FIRST: &str = "
create table trail (
  at bigint not null, request {bytes} not null, directory bigint not null, token {bytes} not null, method {text} not null,
  path {text} not null, status bigint not null, took bigint not null, address {text} not null, agent {text} not null,
  detail {text}, deviations {text}, objects {bytes}, body {text}, size bigint, cut boolean not null, erased boolean not null
) {by_at};
create index trail_walk on trail (directory, at, request);
create index trail_failed on trail (directory, at, request) where status >= 400;
create index trail_token on trail (token, at, request);
create unique index trail_request on trail (request, at);

create table trail_object (
  at bigint not null, request {bytes} not null, directory bigint not null, object {bytes} not null
) {by_at};
create unique index trail_object_of on trail_object (directory, object, at, request);

create table trail_day (day bigint not null primary key);
";

/// A request as it was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it came.
    pub at: Timestamp,
    /// Its id: the answer's `X-Request-Id`, and the cause in the change feed.
    pub request: Uuid,
    /// Whose it was.
    pub directory: DirectoryId,
    /// Who sent it.
    pub token: Uuid,
    /// `POST`.
    pub method: String,
    /// Path and query as they came, without a token.
    pub path: String,
    /// The answer's status.
    pub status: u16,
    /// Milliseconds until the answer began.
    pub took: u32,
    /// The client's address; empty where it is not known.
    pub address: String,
    /// Its `User-Agent`.
    pub agent: String,
    /// Why it was refused, as the client was told.
    pub detail: Option<String>,
    /// What was read otherwise than it came.
    pub deviations: Vec<Met>,
    /// The users and groups that a write was about: addressed, made or changed.
    pub objects: Vec<ObjectId>,
    /// The body of a write, without secrets; `None`: there was none, or it is no JSON object.
    pub body: Option<String>,
    /// How many bytes the body had as it came.
    pub size: Option<u64>,
    /// Whether only the body's beginning is kept.
    pub cut: bool,
    /// Whether what was personal was removed since.
    pub erased: bool,
}

/// A deviation that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// [`usher_scim::Deviation::name`].
    pub name: String,
    /// [`usher_scim::Deviation::id`].
    pub id: String,
    /// What came, and how it was read.
    pub text: String,
}

impl From<&usher_scim::Note> for Met {
    fn from(note: &usher_scim::Note) -> Self {
        Self { name: note.deviation.name().into(), id: note.id().into(), text: note.text.clone() }
    }
}

/// Columns of an [`Entry`], of a table `t`.
macro_rules! columns {
    () => {
        "t.at, t.request, t.directory, t.token, t.method, t.path, t.status, t.took, t.address, t.agent, t.detail, \
         t.deviations, t.objects, t.body, t.size, t.cut, t.erased"
    };
}
use columns;

impl FromRow for Entry {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let narrow = |number: i64| StoreError::Bug(format!("a column of the trail holds {number}"));
        let (status, took): (i64, i64) = (row.get(6)?, row.get(7)?);
        Ok(Self {
            at: row.get(0)?,
            request: row.get(1)?,
            directory: row.get(2)?,
            token: row.get(3)?,
            method: row.get(4)?,
            path: row.get(5)?,
            status: status.try_into().map_err(|_| narrow(status))?,
            took: took.try_into().map_err(|_| narrow(took))?,
            address: row.get(8)?,
            agent: row.get(9)?,
            detail: row.get(10)?,
            deviations: met(row.get::<Option<String>>(11)?.as_deref())?,
            objects: objects(&row.get::<Option<Vec<u8>>>(12)?.unwrap_or_default()),
            body: row.get(13)?,
            size: row.get::<Option<i64>>(14)?.map(i64::unsigned_abs),
            cut: row.get(15)?,
            erased: row.get(16)?,
        })
    }
}

/// What a column of deviations says: `[[name, id, text], …]`.
fn met(column: Option<&str>) -> Result<Vec<Met>, StoreError> {
    let Some(column) = column else { return Ok(Vec::new()) };
    let all: Vec<(String, String, String)> = serde_json::from_str(column)
        .map_err(|error| StoreError::Bug(format!("deviations in the trail: {error}")))?;
    Ok(all.into_iter().map(|(name, id, text)| Met { name, id, text }).collect())
}

fn spelled(met: &[Met]) -> Option<String> {
    let all: Vec<[&str; 3]> = met.iter().map(|met| [&*met.name, &*met.id, &*met.text]).collect();
    (!all.is_empty()).then(|| serde_json::json!(all).to_string())
}

/// Ids of 16 bytes, one after the other.
fn objects(column: &[u8]) -> Vec<ObjectId> {
    column.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok()).map(ObjectId).collect()
}
